/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/pdf.h"

#include <stdio.h>
#include <string.h>

#include <poppler.h>

#include "common/buf.h"
#include "common/clock.h"
#include "policy/extract/ocr.h"
#include "policy/extract/page.h"
#include "policy/extract/pdfform.h"
#include "policy/extract/pdfpic.h"

enum {
	WHOLE_PAGES = 2,		/* pages without text that are read whole */
	SCAN_PERCENT = 30,		/* pictures on so much of a page are the page */
	FEW_LETTERS = 200,
	STRANGE_SHARE = 8,		/* one letter in so many unknown: it is not read */
	PROSE_LETTERS = 40,		/* a line of a text that runs on has at least so many */
	TITLES_DEPTH_MAX = 16, TITLES_MAX = 20000,
	MARGIN_SLACK = 5,		/* and ends so many letter heights from the margin at most */
};

struct pdf {
	PopplerDocument		    *doc;
	struct slice		     octets;
	const struct extract_limits *limits;
	extract_sink_fn		    *sink;
	void			    *arg;
	uint64_t		     out_left;
	uint32_t		     files;
	uint32_t		     titles;
	bool			     drawn_letters;
	bool			     laid_upon;	/* something that is drawn lies on a page */
	bool			     stamped;	/* it is a stamp or a typed note */
	uint64_t		     until_ms;	/* for pictures */
	unsigned		     whole_left;	/* pages that may still be read whole */
	struct buf		     text;
};

static int
give(struct pdf *p, enum extract_piece_type type, uint32_t index, struct slice octets)
{
	struct extract_piece piece = { .type = type, .index = index, .octets = octets };

	if (octets.n > p->out_left)
		return ERR_LIMIT;
	p->out_left -= octets.n;
	return octets.n == 0 ? OK : p->sink(p->arg, &piece);
}

static int
opaque(struct pdf *p, uint32_t index, enum extract_why why)
{
	struct extract_piece piece = { .type = EXTRACT_OPAQUE, .why = why, .index = index };

	return p->sink(p->arg, &piece);
}

/* A text of poppler's, a line of its own; it is freed. */
static void
add_line(struct pdf *p, char *text)
{
	if (text == NULL)
		return;
	buf_adds(&p->text, text);
	buf_addc(&p->text, '\n');
	g_free(text);
}

/* ---- the document ---- */

static int
properties(struct pdf *p)
{
	buf_clear(&p->text);
	add_line(p, poppler_document_get_title(p->doc));
	add_line(p, poppler_document_get_subject(p->doc));
	add_line(p, poppler_document_get_keywords(p->doc));
	add_line(p, poppler_document_get_author(p->doc));
	add_line(p, poppler_document_get_metadata(p->doc));
	return p->text.err != OK ? p->text.err : give(p, EXTRACT_PROPERTY, 0, buf_slice(&p->text));
}

static gboolean
keep(const gchar *octets, gsize n, gpointer arg, GError **error)
{
	struct buf *out = arg;

	(void)error;
	buf_add(out, (struct slice){ octets, n });
	return out->err == OK;
}

static int
attachment(struct pdf *p, PopplerAttachment *a)
{
	uint32_t index = ++p->files;
	int err;

	if (a == NULL || index > p->limits->entries_max)
		return ERR_LIMIT;
	err = a->name == NULL ? OK : give(p, EXTRACT_NAME, index, slice_of(a->name));
	if (err == OK && a->description != NULL)
		err = give(p, EXTRACT_PROPERTY, index, slice_of(a->description));
	buf_clear(&p->text);
	if (err == OK && !poppler_attachment_save_to_callback(a, keep, &p->text, NULL))
		return p->text.err == ERR_LIMIT ? ERR_LIMIT :
		    opaque(p, index, EXTRACT_WHY_BROKEN);
	return err == OK ? give(p, EXTRACT_FILE, index, buf_slice(&p->text)) : err;
}

static int
attachments(struct pdf *p)
{
	GList *list = poppler_document_get_attachments(p->doc);
	int err = OK;

	for (GList *i = list; i != NULL && err == OK; i = i->next)
		err = attachment(p, i->data);
	g_list_free_full(list, g_object_unref);
	return err;
}

/* A file that hangs somewhere else than where files are listed: some programs find it. */
static bool
has_other_files(const struct pdf *p)
{
	struct slice s = p->octets;
	ptrdiff_t at;

	while (p->files == 0 && (at = slice_find(s, SLICE("/EmbeddedFile"))) >= 0) {
		s = slice_from(s, (size_t)at + sizeof "/EmbeddedFile" - 1);
		if (s.n == 0 || !ascii_is_alpha(s.p[0]))	/* not the list of them */
			return true;
	}
	return false;
}

/* Titles beside the pages. */
static void
titles(struct pdf *p, PopplerIndexIter *i, unsigned depth)
{
	for (bool more = i != NULL; more && p->text.err == OK && p->titles < TITLES_MAX;
	    more = poppler_index_iter_next(i), p->titles++) {
		PopplerAction *action = poppler_index_iter_get_action(i);
		PopplerIndexIter *child = depth < TITLES_DEPTH_MAX ?
		    poppler_index_iter_get_child(i) : NULL;

		if (action != NULL && action->any.title != NULL) {
			buf_adds(&p->text, action->any.title);
			buf_addc(&p->text, '\n');
		}
		if (action != NULL)
			poppler_action_free(action);
		titles(p, child, depth + 1);
		poppler_index_iter_free(child);
	}
}

static int
all_titles(struct pdf *p)
{
	PopplerIndexIter *i = poppler_index_iter_new(p->doc);

	buf_clear(&p->text);
	titles(p, i, 0);
	poppler_index_iter_free(i);
	if (p->titles == TITLES_MAX)
		return ERR_LIMIT;
	return p->text.err != OK ? p->text.err : give(p, EXTRACT_TEXT, 0, buf_slice(&p->text));
}

/* Show the layers that are hidden until somebody asks for them; false: there were none. */
static bool
show_layers(PopplerLayersIter *i, unsigned depth)
{
	bool any = false;

	for (bool more = i != NULL; more; more = poppler_layers_iter_next(i)) {
		PopplerLayer *layer = poppler_layers_iter_get_layer(i);
		PopplerLayersIter *child = depth < TITLES_DEPTH_MAX ?
		    poppler_layers_iter_get_child(i) : NULL;

		if (layer != NULL && !poppler_layer_is_visible(layer)) {
			poppler_layer_show(layer);
			any = true;
		}
		g_clear_object(&layer);
		any |= show_layers(child, depth + 1);
		poppler_layers_iter_free(child);
	}
	return any;
}

/* A font whose letters are drawings may show anything. */
static bool
draws_letters(struct pdf *p)
{
	PopplerFontInfo *info = poppler_font_info_new(p->doc);
	PopplerFontsIter *i = NULL;
	bool drawn = false;

	if (poppler_font_info_scan(info, 1, &i))
		for (bool more = i != NULL; more; more = poppler_fonts_iter_next(i))
			drawn |= poppler_fonts_iter_get_font_type(i) == POPPLER_FONT_TYPE_TYPE3;
	poppler_fonts_iter_free(i);
	g_object_unref(info);
	return drawn;
}

/* ---- a page's lines ---- */

struct text_line {
	struct slice text;
	double	     left, right, top, height;
};

static size_t
letters_of(struct slice s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
	return n;
}

/* Where a line stands, by the places of its letters. */
static void
place_line(struct text_line *l, const PopplerRectangle *r, size_t n)
{
	l->left = n > 0 ? r[0].x1 : 0;
	l->right = n > 0 ? r[n - 1].x2 : 0;
	l->top = n > 0 ? r[0].y1 : 0;
	l->height = n > 0 ? r[0].y2 - r[0].y1 : 0;
}

/* Does b go on where a had to break off, at the margin of the text? */
static bool
goes_on(const struct text_line *a, const struct text_line *b, double margin)
{
	double gap = b->top - a->top;

	return a->text.n > 0 && b->text.n > 0 && letters_of(a->text) >= PROSE_LETTERS &&
	    slice_chr(SLICE(".:;!?"), a->text.p[a->text.n - 1]) < 0 &&
	    a->right >= margin - MARGIN_SLACK * a->height && b->left <= a->left + a->height / 2 &&
	    gap > 0 && gap <= 2.5 * a->height && b->height < 1.3 * a->height &&
	    b->height > 0.7 * a->height;
}

/* Lines as they are seen, but a sentence that was broken at the margin in one piece: its last word
 * alone in a line is not a mark. */
static void
join_lines(struct pdf *p, struct slice text, const PopplerRectangle *r, size_t n)
{
	struct text_line was = { .text = { NULL, 0 } }, now;
	double margin = 0;
	size_t at;

	for (size_t i = 0; i < n; i++)
		margin = r[i].x2 > margin ? r[i].x2 : margin;
	for (at = 0; text.n > 0; was = now) {
		slice_cut(&text, '\n', &now.text);
		place_line(&now, r + at, letters_of(now.text));
		at += letters_of(now.text) + 1;
		buf_addc(&p->text, goes_on(&was, &now, margin) ? ' ' : '\n');
		buf_add(&p->text, now.text);
	}
	buf_addc(&p->text, '\n');
}

static void
page_text(struct pdf *p, PopplerPage *page)
{
	char *text = poppler_page_get_text(page);
	PopplerRectangle *r = NULL;
	guint n = 0;

	if (text == NULL)
		return;
	if (poppler_page_get_text_layout(page, &r, &n) && n == letters_of(slice_of(text)))
		join_lines(p, slice_of(text), r, n);
	else
		buf_adds(&p->text, text);
	buf_addc(&p->text, '\n');
	g_free(r);
	g_free(text);
}

/* ---- a page ---- */

static void
notes(struct pdf *p, PopplerPage *page, bool *more_out, bool *stamp_out)
{
	GList *list = poppler_page_get_annot_mapping(page);

	for (GList *i = list; i != NULL; i = i->next) {
		PopplerAnnot *a = ((PopplerAnnotMapping *)i->data)->annot;

		add_line(p, poppler_annot_get_contents(a));
		if (POPPLER_IS_ANNOT_MARKUP(a)) {
			add_line(p, poppler_annot_markup_get_label(POPPLER_ANNOT_MARKUP(a)));
			add_line(p, poppler_annot_markup_get_subject(POPPLER_ANNOT_MARKUP(a)));
		}
		switch (poppler_annot_get_annot_type(a)) {
		case POPPLER_ANNOT_LINK: case POPPLER_ANNOT_POPUP:
			continue;
		case POPPLER_ANNOT_FILE_ATTACHMENT: case POPPLER_ANNOT_SOUND:
		case POPPLER_ANNOT_MOVIE: case POPPLER_ANNOT_SCREEN: case POPPLER_ANNOT_3D:
			*more_out = true;
			break;
		case POPPLER_ANNOT_STAMP:	/* mostly a picture */
			*stamp_out = true;
			p->stamped = true;
			break;
		case POPPLER_ANNOT_FREE_TEXT:
			p->stamped = true;
			break;
		default:
			break;
		}
		p->laid_upon = true;
	}
	poppler_page_free_annot_mapping(list);
}

static void
fields(struct pdf *p, PopplerPage *page)
{
	GList *list = poppler_page_get_form_field_mapping(page);

	for (GList *i = list; i != NULL; i = i->next) {
		PopplerFormField *f = ((PopplerFormFieldMapping *)i->data)->field;

		switch (poppler_form_field_get_field_type(f)) {
		case POPPLER_FORM_FIELD_TEXT:
			add_line(p, poppler_form_field_text_get_text(f));
			break;
		case POPPLER_FORM_FIELD_CHOICE:
			add_line(p, poppler_form_field_choice_get_text(f));
			for (int k = 0; k < poppler_form_field_choice_get_n_items(f); k++)
				if (poppler_form_field_choice_is_item_selected(f, k))
					add_line(p, poppler_form_field_choice_get_item(f, k));
			break;
		default:
			break;
		}
	}
	poppler_page_free_form_field_mapping(list);
}

/* Letters of a font that does not say which they are come as U+FFFD, private ones or controls. */
static bool
is_strange(struct slice s)
{
	size_t letters = 0, strange = 0;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		letters += (c & 0xC0) != 0x80 && c > ' ';
		strange += (c < ' ' && c != '\n' && c != '\t' && c != '\r' && c != '\f') ||
		    c == 0xEE || (c == 0xEF && i + 1 < s.n && (unsigned char)s.p[i + 1] <= 0xA3) ||
		    (c == 0xEF && slice_eq(slice_sub(s, i, 3), SLICE("\xEF\xBF\xBD")));
	}
	return strange > 0 && strange >= letters / STRANGE_SHARE;
}

/* The page as a picture: its stamps, and its text if `whole`. */
static int
read_picture(struct pdf *p, PopplerPage *page, uint32_t index, bool whole, bool pictures_only)
{
	struct page_work work = { .sink = p->sink, .arg = p->arg, .index = index,
		.until_ms = p->until_ms, .whole = whole };
	PIX *picture;
	int err;

	if (!p->limits->ocr || !ocr_ready())
		return opaque(p, index, EXTRACT_WHY_TYPE);
	if (clock_ms() >= p->until_ms)
		return opaque(p, index, EXTRACT_WHY_TIME);
	picture = pdfpic_render(page, whole ? PDFPIC_WHOLE_DPI : PDFPIC_STAMP_DPI, pictures_only);
	if (picture == NULL)
		return opaque(p, index, EXTRACT_WHY_BROKEN);
	err = page_read(picture, &work);
	return err == ERR_TIMEOUT && clock_ms() >= p->until_ms ?
	    opaque(p, index, EXTRACT_WHY_TIME) : err;
}

struct page_facts {
	size_t letters;
	bool   strange;		/* they are not what they seem */
	bool   stamp;		/* a note that is drawn */
};

/* What a page shows that is not among its letters. */
static int
look_at_page(struct pdf *p, PopplerPage *page, uint32_t index, const struct page_facts *f)
{
	struct pdfpic_look look;
	bool bare, whole;

	pdfpic_look(page, index == 1 && f->letters > 0, &look);
	bare = f->letters == 0 && pdfpic_shows_something(page);
	look.drawings |= index == 1 && f->letters > 0 && p->drawn_letters;
	if (!bare && !f->strange && !f->stamp && !look.pictures && !look.drawings)
		return OK;
	whole = p->whole_left > 0 && (bare || f->strange || look.picture_percent >= SCAN_PERCENT ||
	    (index == 1 && p->drawn_letters) || (look.drawings && f->letters < FEW_LETTERS));
	if (f->strange && !whole)
		return opaque(p, index, EXTRACT_WHY_TYPE);
	p->whole_left -= whole;
	return read_picture(p, page, index, whole,
	    !whole && !bare && !f->stamp && !look.drawings);
}

static int
read_page(struct pdf *p, PopplerPage *page, uint32_t index)
{
	struct page_facts f = { .letters = 0 };
	bool more = false;
	int err;

	buf_clear(&p->text);
	page_text(p, page);
	f.letters = letters_of(slice_trim(buf_slice(&p->text)));
	f.strange = is_strange(buf_slice(&p->text));
	notes(p, page, &more, &f.stamp);
	fields(p, page);
	if (p->text.err != OK)
		return p->text.err;
	err = give(p, EXTRACT_TEXT, index, buf_slice(&p->text));
	if (err == OK && more)
		err = opaque(p, index, EXTRACT_WHY_TYPE);
	return err == OK ? look_at_page(p, page, index, &f) : err;
}

static int
pages(struct pdf *p)
{
	int n = poppler_document_get_n_pages(p->doc), err = OK;

	if (n <= 0)
		return opaque(p, 0, EXTRACT_WHY_BROKEN);
	if (n > PDF_PAGES_MAX)
		return ERR_LIMIT;
	for (int i = 0; i < n && err == OK; i++) {
		PopplerPage *page = poppler_document_get_page(p->doc, i);

		if (page == NULL) {
			err = opaque(p, (uint32_t)i + 1, EXTRACT_WHY_BROKEN);
			continue;
		}
		err = read_page(p, page, (uint32_t)i + 1);
		g_object_unref(page);
	}
	return err;
}

/* Letters of stamps, typed notes and fields, of which poppler gives the contents alone. Drawings of
 * a locked document are locked, too. */
static int
laid_upon(struct pdf *p)
{
	bool locked = slice_find(p->octets, SLICE("/Encrypt")) >= 0, unread = false;
	int err = OK;

	buf_clear(&p->text);
	if (!locked)
		err = pdfform_text(p->octets, &p->text, &unread);
	if (err == OK)
		err = give(p, EXTRACT_TEXT, 0, buf_slice(&p->text));
	return err == OK && p->stamped && (locked || unread) ?
	    opaque(p, 0, EXTRACT_WHY_TYPE) : err;
}

/* ---- all of it ---- */

static int
open_document(struct pdf *p, struct slice octets, enum extract_why *why_out)
{
	GBytes *bytes = g_bytes_new_static(octets.p, octets.n);
	GError *error = NULL;

	p->doc = poppler_document_new_from_bytes(bytes, NULL, &error);
	g_bytes_unref(bytes);
	*why_out = error != NULL && g_error_matches(error, POPPLER_ERROR, POPPLER_ERROR_ENCRYPTED) ?
	    EXTRACT_WHY_ENCRYPTED : EXTRACT_WHY_BROKEN;
	g_clear_error(&error);
	return p->doc == NULL ? ERR_CORRUPT : OK;
}

static int
read_all(struct pdf *p)
{
	PopplerLayersIter *layers = poppler_layers_iter_new(p->doc);
	int err = properties(p);

	if (err == OK)
		err = attachments(p);
	if (err == OK && has_other_files(p))
		err = opaque(p, 0, EXTRACT_WHY_TYPE);
	if (err == OK)
		err = all_titles(p);
	p->drawn_letters = draws_letters(p);
	if (err == OK)
		err = pages(p);
	/* Once more: a layer may also cover something. */
	if (err == OK && show_layers(layers, 0))
		err = pages(p);
	if (err == OK && p->laid_upon)
		err = laid_upon(p);
	poppler_layers_iter_free(layers);
	return err == ERR_LIMIT ? opaque(p, 0, EXTRACT_WHY_LIMIT) : err;
}

/* The C library loads its converters from files, so it must have done so before. */
void
pdf_start(void)
{
	static const char *const from[] = { "UTF-16BE", "UTF-16LE", "UTF-16", "UCS-2BE" };
	static GIConv kept[ARRAY_LEN(from)];	/* for good: what is open stays loaded */

	for (size_t i = 0; i < ARRAY_LEN(from); i++)
		if (kept[i] == NULL)
			kept[i] = g_iconv_open("UTF-8", from[i]);
}

int
pdf_run(struct slice octets, const struct extract_limits *limits, extract_sink_fn *sink, void *arg)
{
	struct pdf p = { .octets = octets, .limits = limits, .sink = sink, .arg = arg,
		.out_left = limits->out_octets_max, .until_ms = clock_ms() + limits->ocr_ms,
		.whole_left = limits->ocr_pages < WHOLE_PAGES ? limits->ocr_pages : WHOLE_PAGES };
	enum extract_why why;
	int err;

	if (open_document(&p, octets, &why) != OK)
		return opaque(&p, 0, why);
	buf_init(&p.text, limits->out_octets_max);
	err = read_all(&p);
	buf_fini(&p.text);
	g_object_unref(p.doc);
	return err;
}
