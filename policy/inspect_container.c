/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "mime/charset.h"
#include "policy/extract/datauri.h"
#include "policy/extract/sniff.h"
#include "policy/guess.h"
#include "policy/inspect_internal.h"
#include "policy/label/name.h"

enum { THUMBNAIL_OCTETS_MAX = 32 * 1024 };
enum extension {
	EXTENSION_NONE, EXTENSION_HTML, EXTENSION_MAIL, EXTENSION_THUMBNAIL, EXTENSION_DRAWING,
	EXTENSION_PACKAGE
};

struct container {
	struct inspect *w;
	struct slice	path;		/* of the container */
	uint8_t	       *extension;	/* enum extension of file i + 1 */
	uint32_t	files_max;
	bool		text;		/* it is a document: text came out of it */
	bool		thumbnail;	/* its picture was seen */
	bool		icons;		/* pictures of it stand in a document */
	struct slice	zip_end;	/* of a zip that ends in the container; empty: none */
	bool		zip_inside;	/* a file of the container has it */
};

static uint8_t
extension_of(struct slice name)
{
	if (guess_is_named(name, ".html") || guess_is_named(name, ".htm") ||
	    guess_is_named(name, ".xhtml"))
		return EXTENSION_HTML;
	if (guess_is_named(name, ".eml") || guess_is_named(name, ".mht") ||
	    guess_is_named(name, ".mhtml"))
		return EXTENSION_MAIL;
	if (slice_starts_nocase(name, SLICE("docProps/thumbnail.")) ||
	    slice_starts_nocase(name, SLICE("Thumbnails/thumbnail.")))
		return EXTENSION_THUMBNAIL;
	if (guess_is_named(name, ".svg"))
		return EXTENSION_DRAWING;
	if (slice_is_nocase(name, "[Content_Types].xml") ||
	    slice_is_nocase(name, "META-INF/manifest.xml"))
		return EXTENSION_PACKAGE;
	return EXTENSION_NONE;
}

static void
file_name(struct container *c, const struct extract_piece *p)
{
	struct inspect *w = c->w;
	uint8_t ext = extension_of(p->octets);
	struct buf utf8;

	if (p->index - 1 < c->files_max)
		c->extension[p->index - 1] = ext;
	c->icons |= ext == EXTENSION_PACKAGE;
	name_file(&w->fold, p->octets, inspect_found, w);
	if (inspect_is_utf8(p->octets))
		return;
	buf_init(&utf8, 3 * p->octets.n + 16);
	if (charset_to_utf8(CHARSET_WINDOWS_1252, p->octets, &utf8, NULL) == OK)
		name_file(&w->fold, buf_slice(&utf8), inspect_found, w);
	buf_fini(&utf8);
}

/* Office programs put a small picture of the first page into documents, as their file browser's
 * icon; its text is that of the document, which is read anyway. */
static bool
is_thumbnail(const struct container *c, const struct extract_piece *p)
{
	uint8_t ext = p->index - 1 < c->files_max ? c->extension[p->index - 1] : 0;

	return ext == EXTENSION_THUMBNAIL && c->text && !c->thumbnail &&
	    p->octets.n <= THUMBNAIL_OCTETS_MAX && sniff_is_picture(p->octets);
}

static void
one_file(struct container *c, const struct extract_piece *p)
{
	struct inspect_label label = { .charset = SLICE(""), .icon = c->icons };
	uint8_t ext = p->index - 1 < c->files_max ? c->extension[p->index - 1] : 0;

	if (is_thumbnail(c, p)) {
		c->thumbnail = true;
		return;
	}
	if (ext == EXTENSION_HTML)
		label.filename = SLICE("file.html");
	else if (ext == EXTENSION_MAIL)
		label.filename = SLICE("file.eml");
	else if (ext == EXTENSION_DRAWING)
		label.filename = SLICE("file.svg");
	inspect_octets(c->w, p->octets, &label);
}

static int
take_piece(void *arg, const struct extract_piece *p)
{
	struct container *c = arg;
	struct inspect *w = c->w;
	char number[16];

	if (p->index > 0) {
		(void)snprintf(number, sizeof number, "/%" PRIu32, p->index);
		w->path = inspect_path(w, c->path, slice_of(number));
	} else {
		w->path = c->path;
	}
	if (inspect_late(w))
		return ERR_TIMEOUT;
	c->text |= p->type == EXTRACT_TEXT;
	switch (p->type) {
	case EXTRACT_TEXT:
		scan_text(&w->scan, p->octets);
		break;
	case EXTRACT_PROPERTY:
		inspect_titles(w, p->octets);
		break;
	case EXTRACT_NAME:
		file_name(c, p);
		break;
	case EXTRACT_FILE:
		w->out_left -= p->octets.n < w->out_left ? p->octets.n : w->out_left;
		if (c->zip_end.n > 0 && slice_find(p->octets, c->zip_end) >= 0)
			c->zip_inside = true;
		one_file(c, p);
		break;
	case EXTRACT_STAMP:
		inspect_readings(w, p->octets);
		break;
	case EXTRACT_OPAQUE:
		if (p->why == EXTRACT_WHY_TIME)
			w->f->partly_inspected = true;
		inspect_opaque(w, extract_why_detector(p->why));
		break;
	}
	return w->err;
}

/* What is left of the limits for this container. */
static struct extract_limits
limits_left(const struct inspect *w, enum extract_type type)
{
	struct extract_limits l = w->o->limits;

	if (type == EXTRACT_IMAGE || type == EXTRACT_PDF)
		inspect_picture_limits(w, &l);
	if (w->out_left < l.out_octets_max)
		l.out_octets_max = w->out_left;
	if (w->o->now_ms != NULL) {
		uint64_t now = w->o->now_ms(w->o->now_arg);
		uint64_t left = now < w->o->deadline_ms ? w->o->deadline_ms - now : 0;

		if (left < l.deadline_ms)
			l.deadline_ms = (unsigned)left;
		/* What is not read by then is told by the box itself, not by its death. */
		if (l.ocr_ms > left / 8 * 7)
			l.ocr_ms = (unsigned)(left / 8 * 7);
	}
	return l;
}

/* own: a parser of ours, which needs no box; NULL: a foreign one. */
static void
run_extractor(struct inspect *w, struct slice octets, enum extract_type type, hand_run_fn *own,
    struct container *c)
{
	struct extract_limits l = limits_left(w, type);
	uint64_t begun_ms = inspect_clock(w);
	int err;

	if (w->depth >= l.depth_max) {
		inspect_opaque(w, "opaque-limit");
		return;
	}
	c->files_max = l.entries_max;
	c->extension = calloc((size_t)c->files_max + 1, 1);
	if (c->extension == NULL) {
		w->err = ERR_NOMEM;
		return;
	}
	w->depth++;
	err = own != NULL ? own(octets, &l, take_piece, c) :
	    w->o->extract(octets, type, &l, take_piece, c);
	w->depth--;
	if (type == EXTRACT_IMAGE || type == EXTRACT_PDF)
		inspect_picture_spent(w, inspect_clock(w) - begun_ms);
	free(c->extension);
	w->path = c->path;
	if (err != OK && w->err == OK && !w->late)
		inspect_opaque(w, "opaque-extractor");
}

void
inspect_container(struct inspect *w, struct slice octets, enum extract_type type)
{
	struct container c = { .w = w, .path = w->path };

	run_extractor(w, octets, type, NULL, &c);
}

/* What is not compressed in a container may end with a zip, and a program that looks for one from
 * the end takes it for the whole: no harm if it is one of the files. */
static void
run_outer(struct inspect *w, struct slice octets, enum extract_type type, hand_run_fn *own)
{
	struct container c = { .w = w, .path = w->path, .zip_end = sniff_zip_end(octets),
		.icons = own == datauri_run };

	run_extractor(w, octets, type, own, &c);
	if (c.zip_end.n > 0 && !c.zip_inside)
		inspect_container(w, octets, EXTRACT_ZIP);
}

void
inspect_pack(struct inspect *w, struct slice octets)
{
	run_outer(w, octets, EXTRACT_PACK, NULL);
}

void
inspect_pdf(struct inspect *w, struct slice octets)
{
	run_outer(w, octets, EXTRACT_PDF, NULL);
}

void
inspect_own(struct inspect *w, struct slice octets, hand_run_fn *run)
{
	run_outer(w, octets, EXTRACT_PACK, run);
}
