/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/inspect_internal.h"

#include "common/words.h"
#include "mime/charset.h"
#include "policy/extract/card.h"
#include "policy/extract/compound.h"
#include "policy/extract/datauri.h"
#include "policy/extract/edxml.h"
#include "policy/extract/emf.h"
#include "policy/extract/html.h"
#include "policy/extract/rtf.h"
#include "policy/extract/sniff.h"
#include "policy/extract/tnef.h"
#include "policy/extract/uu.h"
#include "policy/flowed.h"
#include "policy/foreign.h"
#include "policy/guess.h"
#include "policy/label/name.h"
#include "policy/signeddoc.h"

enum {
	SIGNATURE_OCTETS_MAX = 64 * 1024,
	WORK_FACTOR = 16	/* messages whose readings multiply end here */
};

static bool
stop(void *arg)
{
	return inspect_late(arg);
}

void
inspect_init(struct inspect *w, const struct classify_options *o, struct arena *a,
    struct facts *f, size_t message_octets, inspect_entity_fn *entity)
{
	w->o = o;
	w->a = a;
	w->f = f;
	w->entity = entity;
	w->path = SLICE("");
	w->label = NULL;
	w->depth = 0;
	w->out_left = o->limits.out_octets_max;
	w->work_left = WORK_FACTOR * (uint64_t)message_octets + 4 * o->limits.out_octets_max;
	w->ocr_ms_left = o->limits.ocr_ms;
	w->ocr_pages_left = o->limits.ocr_pages;
	w->late = false;
	w->err = OK;
	fold_init(&w->fold);
	scan_init(&w->scan, inspect_found, stop, w);
}

void
inspect_fini(struct inspect *w)
{
	scan_fini(&w->scan);
}

void
inspect_found(void *arg, const struct label_finding *found)
{
	struct inspect *w = arg;

	if (found->weight == LABEL_INTERNAL) {
		facts_add_internal(w->f, found->detector, w->path, found->position);
		return;
	}
	facts_add(w->f, found->detector, w->path, found->position, found->level,
	    found->weight == LABEL_ASSERTED);
}

void
inspect_opaque(struct inspect *w, const char *detector)
{
	facts_add_opaque(w->f, detector, w->path);
}

bool
inspect_late(struct inspect *w)
{
	if (w->err != OK || w->late)
		return true;
	if (w->o->now_ms == NULL || w->o->now_ms(w->o->now_arg) < w->o->deadline_ms)
		return false;
	w->late = true;
	facts_add_late(w->f, "opaque-deadline", w->path);
	return true;
}

struct slice
inspect_path(struct inspect *w, struct slice prefix, struct slice suffix)
{
	char *p = arena_alloc(w->a, prefix.n + suffix.n + 1);

	if (p == NULL) {
		w->err = w->a->err;
		return (struct slice){ NULL, 0 };
	}
	for (size_t i = 0; i < prefix.n; i++)
		p[i] = prefix.p[i];
	for (size_t i = 0; i < suffix.n; i++)
		p[prefix.n + i] = suffix.p[i];
	return (struct slice){ p, prefix.n + suffix.n };
}

/* --- text --- */

enum markup { MARKUP_NONE, MARKUP_HTML, MARKUP_XML };

static enum markup
markup_of(const struct inspect_label *l, enum sniff kind)
{
	if (kind == SNIFF_HTML || guess_says_html(l))
		return MARKUP_HTML;
	return kind == SNIFF_XML || guess_says_xml(l) ? MARKUP_XML : MARKUP_NONE;
}

/* Files that stand encoded in text. */
static void
inspect_encoded(struct inspect *w, struct slice text, hand_run_fn *run)
{
	if (uu_has(text))
		inspect_own(w, text, run);
}

static void
scan_markup(struct inspect *w, struct slice utf8, enum html_reading reading, unsigned *flags_out)
{
	struct buf text;
	int err;

	buf_init(&text, 2 * (size_t)w->o->text_octets_max + 4096);
	err = html_text(utf8, reading, &text, flags_out);
	if (err == ERR_NOMEM)
		w->err = err;
	else if (err != OK)
		inspect_opaque(w, "opaque-limit");
	scan_text(&w->scan, buf_slice(&text));
	if (reading == HTML_XML)
		inspect_encoded(w, buf_slice(&text), uu_run_markup);
	buf_fini(&text);
}

/* A document of Word, Excel or OpenDocument in one file of XML: letters of a word may stand in
 * several elements. */
static bool
is_office(struct slice utf8)
{
	struct slice head = slice_sub(utf8, 0, 8192);

	return slice_find_nocase(head, SLICE("schemas.microsoft.com/office")) >= 0 ||
	    slice_find_nocase(head, SLICE("schemas.openxmlformats.org")) >= 0 ||
	    slice_find_nocase(head, SLICE("urn:schemas-microsoft-com:office")) >= 0 ||
	    slice_find_nocase(head, SLICE("urn:oasis:names:tc:opendocument")) >= 0;
}

/* Pictures and other contents that are values of attributes. */
static void
inspect_values(struct inspect *w, struct slice utf8)
{
	struct buf list;
	int err;

	buf_init(&list, 4 * utf8.n + 16);
	err = html_data(utf8, &list);
	if (err == OK)
		inspect_own(w, buf_slice(&list), datauri_run);
	else if (err == ERR_NOMEM)
		w->err = err;
	else
		inspect_opaque(w, "opaque-limit");
	buf_fini(&list);
}

/* Paragraphs whose lines the reader joins (RFC 3676). */
static void
scan_flowed(struct inspect *w, struct slice utf8)
{
	struct buf text;

	buf_init(&text, utf8.n + 1);
	flowed_join(utf8, w->label->delsp, &text);
	if (text.err != OK)
		w->err = text.err;
	scan_text(&w->scan, buf_slice(&text));
	buf_fini(&text);
}

static void
scan_html(struct inspect *w, struct slice utf8, bool drawn)
{
	unsigned flags = 0, more = 0;

	scan_markup(w, utf8, HTML_SHOWN, &flags);
	if ((flags & HTML_HAS_DOUBT) != 0)
		scan_markup(w, utf8, HTML_SEEN, &more);
	if ((flags & HTML_HAS_MORE) != 0)
		scan_markup(w, utf8, HTML_ALL, &flags);
	if (drawn && (flags & HTML_HAS_EMBEDDED) != 0)
		inspect_opaque(w, "opaque-embedded");
	if (drawn && (flags & HTML_HAS_DATA) != 0)
		inspect_values(w, utf8);
}

static void
scan_xml(struct inspect *w, struct slice utf8)
{
	unsigned flags = 0, more = 0;

	scan_markup(w, utf8, HTML_XML, &flags);
	if (is_office(utf8))
		scan_markup(w, utf8, HTML_OFFICE, &more);
	if (w->depth < w->o->limits.depth_max)	/* its text is read anyway */
		inspect_own(w, utf8, edxml_run);
	if ((flags & HTML_HAS_EMBEDDED) != 0)
		inspect_opaque(w, "opaque-embedded");
	if ((flags & HTML_HAS_DATA) != 0)
		inspect_values(w, utf8);
}

/* Of text in UTF-16 only its letters say that it is a document in XML. */
static bool
is_xml(struct slice utf8)
{
	if (slice_eq(slice_sub(utf8, 0, 3), SLICE("\xEF\xBB\xBF")))
		utf8 = slice_from(utf8, 3);
	return slice_eq(slice_sub(slice_trim(utf8), 0, 5), SLICE("<?xml"));
}

/* Text that shows as it stands. */
static void
scan_plain(struct inspect *w, struct slice utf8, bool wide)
{
	scan_text(&w->scan, utf8);
	if (wide)
		inspect_encoded(w, utf8, uu_run);
	if (w->label != NULL && w->label->flowed)
		scan_flowed(w, utf8);
}

/* One reading of the characters; what it is marked up with is taken out. A label counts more for
 * some programs than how the text begins: then it is read both ways. */
static void
scan_reading(struct inspect *w, struct slice utf8, enum markup markup, bool wide)
{
	const struct inspect_label *l = w->label;
	bool drawn = false;

	if (markup == MARKUP_NONE || (l != NULL && guess_says_plain(l)))
		scan_plain(w, utf8, wide);
	if (markup == MARKUP_HTML) {
		scan_html(w, utf8, true);
		return;
	}
	if (markup == MARKUP_XML || (l != NULL && is_xml(utf8)))
		scan_xml(w, utf8);
	if (l != NULL && !guess_says_xml(l) && guess_is_html(utf8, l, &drawn))
		scan_html(w, utf8, drawn);
}

static void
scan_charset(struct inspect *w, struct slice octets, enum charset cs, enum markup markup)
{
	struct buf utf8;
	int err;

	buf_init(&utf8, 3 * octets.n + 16);
	err = charset_to_utf8(cs, octets, &utf8, NULL);
	if (err == OK)
		scan_reading(w, buf_slice(&utf8), markup,
		    cs == CHARSET_UTF_16LE || cs == CHARSET_UTF_16BE);
	else if (err == ERR_NOMEM)
		w->err = err;
	else
		inspect_opaque(w, "opaque-charset");
	buf_fini(&utf8);
}

/* As Latin-1, from which the legacy encodings are read line by line (label/view.h). */
static void
scan_octets(struct inspect *w, struct slice octets, enum markup markup)
{
	struct buf utf8;

	buf_init(&utf8, 3 * octets.n + 16);
	view_of_octets(octets, &utf8);
	if (utf8.err == OK)
		scan_reading(w, buf_slice(&utf8), markup, false);
	else
		w->err = utf8.err;
	buf_fini(&utf8);
}

static bool
has_high(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] & 0x80) != 0)
			return true;
	return false;
}

bool
inspect_is_utf8(struct slice s)
{
	while (s.n > 0)
		if ((s.p[0] & 0x80) == 0)
			s = slice_from(s, 1);
		else if (fold_next(&s) == 0xFFFD)
			return false;
	return true;
}

/* Read it as the label says, as UTF-8 if it is that, and octet by octet. */
static void
scan_every_charset(struct inspect *w, struct slice octets, struct slice label,
    enum markup markup)
{
	enum charset cs = charset_by_label(label);
	bool high = has_high(octets), utf8 = inspect_is_utf8(octets);

	if (cs == CHARSET_UNKNOWN && (foreign_charset(label) ||
	    (markup != MARKUP_NONE && foreign_is_mixed(label, octets))))
		inspect_opaque(w, "opaque-charset");
	if (utf8 || cs == CHARSET_UTF_8)
		scan_charset(w, octets, CHARSET_UTF_8, markup);
	if (high && !utf8)
		scan_octets(w, octets, markup);
	if (cs == CHARSET_UTF_7 || (cs != CHARSET_UTF_8 && !high &&
	    slice_find(octets, SLICE("+Hq")) >= 0))
		scan_charset(w, octets, CHARSET_UTF_7, markup);
	if (cs == CHARSET_UTF_16)	/* without an order mark, as Windows has it */
		scan_charset(w, octets, CHARSET_UTF_16LE, markup);
	switch (cs) {
	case CHARSET_UNKNOWN: case CHARSET_US_ASCII: case CHARSET_UTF_8: case CHARSET_UTF_7:
	case CHARSET_WINDOWS_1252: case CHARSET_ISO_8859_1:
		break;
	default:
		scan_charset(w, octets, cs, markup);
		break;
	}
}

/* Markup that names a charset may be read in that, whatever the part's label says. */
static void
scan_declared(struct inspect *w, struct slice octets, const struct inspect_label *label,
    enum markup markup)
{
	struct slice declared = foreign_declared(octets);
	enum charset cs = charset_by_label(declared);

	if (declared.n == 0 || cs == charset_by_label(label->charset) || cs == CHARSET_US_ASCII ||
	    cs == CHARSET_UTF_8 || cs == CHARSET_WINDOWS_1252 || cs == CHARSET_ISO_8859_1)
		return;
	if (cs != CHARSET_UNKNOWN)
		scan_charset(w, octets, cs, markup);
	else if (foreign_charset(declared) || foreign_is_mixed(declared, octets))
		inspect_opaque(w, "opaque-charset");
}

static bool
has_order_mark(struct slice s)
{
	return slice_eq(slice_sub(s, 0, 2), SLICE("\xFF\xFE")) ||
	    slice_eq(slice_sub(s, 0, 2), SLICE("\xFE\xFF"));
}

void
inspect_text(struct inspect *w, struct slice octets, const struct inspect_label *label)
{
	const struct inspect_label *around = w->label;
	enum sniff kind = sniff(octets);
	enum markup markup = markup_of(label, kind);

	w->label = label;
	if (octets.n > w->o->text_octets_max) {
		inspect_opaque(w, "opaque-limit");
		octets.n = (size_t)w->o->text_octets_max;
	}
	if (kind == SNIFF_UTF16LE)
		scan_charset(w, octets, CHARSET_UTF_16LE, markup);
	else if (kind == SNIFF_UTF16BE)
		scan_charset(w, octets, CHARSET_UTF_16BE, markup);
	/* A guess, since there was no order mark: NULs may also stand in other text. */
	if ((kind != SNIFF_UTF16LE && kind != SNIFF_UTF16BE) || !has_order_mark(octets))
		scan_every_charset(w, octets, label->charset, markup);
	if (markup != MARKUP_NONE)
		scan_declared(w, octets, label, markup);
	if ((markup == MARKUP_NONE || guess_says_plain(label)) && kind != SNIFF_UTF16LE &&
	    kind != SNIFF_UTF16BE && !card_is(octets))	/* of a card the values are looked at */
		inspect_encoded(w, octets, uu_run);
	w->label = around;
}

void
inspect_raw(struct inspect *w, struct slice octets)
{
	const struct inspect_label *around = w->label;

	if (octets.n > w->o->text_octets_max)
		octets.n = (size_t)w->o->text_octets_max;
	w->label = NULL;
	scan_every_charset(w, octets, SLICE(""), MARKUP_NONE);
	w->label = around;
}

void
inspect_titles(struct inspect *w, struct slice lines)
{
	struct slice line;

	scan_text(&w->scan, lines);
	while (lines.n > 0) {
		slice_cut(&lines, '\n', &line);
		name_subject(&w->fold, line, inspect_found, w);
	}
}

/* Names of files are wide in it, at any octet, between numbers. */
static void
scan_wide(struct inspect *w, struct slice octets)
{
	struct buf utf8;

	buf_init(&utf8, 2 * octets.n + 16);
	if (charset_to_utf8(CHARSET_UTF_16BE, octets, &utf8, NULL) == ERR_NOMEM)
		w->err = ERR_NOMEM;
	for (size_t i = 0; i < utf8.n; i++)
		if ((unsigned char)utf8.p[i] < ' ')
			utf8.p[i] = '\n';
	scan_text(&w->scan, buf_slice(&utf8));
	buf_fini(&utf8);
}

static void
inspect_debris(struct inspect *w, struct slice octets)
{
	inspect_raw(w, octets);
	scan_wide(w, octets);
	scan_wide(w, slice_from(octets, 1));
}

/* --- whatever it is --- */

void
inspect_enter(struct inspect *w, struct slice entity)
{
	struct slice path = w->path;

	if (w->depth >= w->o->limits.depth_max) {
		inspect_opaque(w, "opaque-limit");
		return;
	}
	w->depth++;
	w->entity(w, entity, inspect_path(w, path, SLICE("/")));
	w->depth--;
	w->path = path;
}

static void
inspect_signed(struct inspect *w, struct slice der, bool detached)
{
	struct slice content;
	int err = ERR_NOENT;

	if (w->o->open_signed != NULL)
		err = w->o->open_signed(w->o->open_signed_arg, der, w->a, &content);
	if (err != OK || content.n == 0) {	/* none, as it should be of a detached signature */
		if (err != OK || !detached || der.n > SIGNATURE_OCTETS_MAX)
			inspect_opaque(w, "opaque-type");
		return;
	}
	inspect_enter(w, content);
}

static void
inspect_textual(struct inspect *w, struct slice octets, const struct inspect_label *label)
{
	inspect_text(w, octets, label);
	/* Excel opens SYLK under any name: its cells stand between codes. */
	if (guess_is_opaque(label, octets) || !sniff_is_text(octets) ||
	    slice_eq(slice_sub(octets, 0, 4), SLICE("ID;P")) ||
	    slice_find(slice_sub(octets, 0, 1024), SLICE("%PDF-")) >= 0)
		inspect_opaque(w, "opaque-type");
	if (card_is(octets))
		inspect_card(w, octets, label);
	else if (guess_is_mail(octets, label))
		inspect_enter(w, octets);
}

/* A signature inside a file is not the message's; whoever asks for an explanation is told so. */
static void
look_for_signature(struct inspect *w, struct slice octets, enum sniff kind)
{
	unsigned note = signeddoc_note(octets, kind);

	if (note != NOTE_COUNT)
		facts_note(w->f, (enum note)note, w->path);
}

static hand_run_fn *
own_parser(enum sniff kind)
{
	return kind == SNIFF_RTF ? rtf_run : kind == SNIFF_COMPOUND ? compound_run :
	    kind == SNIFF_TNEF ? tnef_run : emf_run;
}

void
inspect_octets(struct inspect *w, struct slice octets, const struct inspect_label *label)
{
	enum sniff kind = sniff(octets);

	if (inspect_late(w))
		return;
	if (octets.n > w->work_left) {
		inspect_opaque(w, "opaque-limit");
		return;
	}
	w->work_left -= octets.n;
	look_for_signature(w, octets, kind);
	if (kind != SNIFF_ZIP && kind != SNIFF_PACK && kind != SNIFF_TNEF &&
	    kind != SNIFF_COMPOUND && kind != SNIFF_PDF && sniff_zip_at_end(octets))
		inspect_container(w, octets, EXTRACT_ZIP);
	switch (kind) {
	case SNIFF_EMPTY:
		break;
	case SNIFF_ZIP:
		inspect_container(w, octets, EXTRACT_ZIP);
		break;
	case SNIFF_PACK:
		inspect_pack(w, octets);
		break;
	case SNIFF_PDF:
		/* Forms of that kind are drawn by a program inside them. */
		if (slice_find(octets, SLICE("/XFA")) >= 0)
			inspect_opaque(w, "opaque-type");
		inspect_pdf(w, octets);
		break;
	case SNIFF_CMS_SIGNED:
		inspect_signed(w, octets, label->signature);
		break;
	case SNIFF_CMS_ENCRYPTED:
		inspect_opaque(w, "opaque-encrypted");
		break;
	case SNIFF_TEXT: case SNIFF_HTML: case SNIFF_XML:
	case SNIFF_UTF16LE: case SNIFF_UTF16BE:
		inspect_textual(w, octets, label);
		break;
	case SNIFF_RTF: case SNIFF_COMPOUND: case SNIFF_TNEF: case SNIFF_METAFILE:
		if (slice_is_nocase(label->type, "text"))
			inspect_text(w, octets, label);
		inspect_own(w, octets, own_parser(kind));
		break;
	case SNIFF_CERTIFICATE:	/* names and numbers */
		inspect_raw(w, octets);
		break;
	case SNIFF_IMAGE:
		if (slice_is_nocase(label->type, "text"))
			inspect_text(w, octets, label);
		inspect_picture(w, octets);
		break;
	case SNIFF_BINARY:
		if (sniff_is_debris(octets)) {
			inspect_debris(w, octets);
			break;
		}
		/* Some client may still show it as text. */
		if (slice_is_nocase(label->type, "text"))
			inspect_text(w, octets, label);
		inspect_opaque(w, "opaque-type");
		break;
	case SNIFF_CMS_OTHER:
		inspect_opaque(w, "opaque-type");
		break;
	}
}
