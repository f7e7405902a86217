/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/zip.h"

#include <archive.h>
#include <archive_entry.h>

#include "policy/extract/odf.h"
#include "policy/extract/odfstyle.h"
#include "policy/extract/ooxml.h"
#include "policy/extract/sheet.h"
#include "policy/extract/sniff.h"
#include "policy/extract/wordstyle.h"
#include "policy/extract/xml.h"
#include "policy/extract/zipdir.h"

enum zip_kind {
	ZIP_PLAIN,
	ZIP_WORD,	/* a word-processor document or slides, ECMA-376 */
	ZIP_SHEET,	/* a spreadsheet, ECMA-376 */
	ZIP_ODF,	/* OpenDocument of any sort */
	ZIP_OTHER	/* another document format: not readable */
};

/* What programs leave in documents for themselves, shown to nobody: settings of a printer, where
 * lines were broken. Small, or it is something else. */
enum { SETTINGS_OCTETS_MAX = 64 * 1024, BLANK_MAX = 1024 };

/* Which styles a part goes by its relations say; here it is read with those of each part that has
 * some: there may be one for older programs, and one for building blocks. */
enum { STYLE_PARTS_MAX = 4 };

struct zip {
	struct slice		     octets;
	const struct extract_limits *limits;
	extract_sink_fn		    *sink;
	void			    *arg;
	struct zipdir		     dir;
	enum zip_kind		     kind;
	struct archive		    *archive;
	struct buf		     data;	/* the file at hand */
	struct buf		     text;
	struct sheet_strings	     strings;
	struct looks		     styles[STYLE_PARTS_MAX];	/* that make something unseen */
	unsigned		     style_parts;
	bool			     plain_styles;	/* there are others */
	bool			     doubtful_styles;	/* too many, or at odds with one another */
	bool			     encrypted;	/* its parts are, by its own word */
	bool			     thumbnail;	/* it has one */
};

static int
give(struct zip *z, enum extract_piece_type type, uint32_t index, struct slice octets)
{
	struct extract_piece p = { .type = type, .index = index, .octets = octets };

	return z->sink(z->arg, &p);
}

static int
opaque(struct zip *z, uint32_t index, enum extract_why why)
{
	struct extract_piece p = { .type = EXTRACT_OPAQUE, .why = why, .index = index };

	return z->sink(z->arg, &p);
}

/* --- reading --- */

static int
open_archive(struct zip *z)
{
	if (z->archive != NULL)
		archive_read_free(z->archive);
	z->archive = archive_read_new();
	if (z->archive == NULL)
		return ERR_NOMEM;
	if (archive_read_support_format_zip_seekable(z->archive) != ARCHIVE_OK ||
	    archive_read_open_memory(z->archive, z->octets.p, z->octets.n) != ARCHIVE_OK)
		return ERR_CORRUPT;
	return OK;
}

/* Go to the next entry, which must be the one that our own reading of the directory says. */
static int
next_entry(struct zip *z, const struct zipdir_entry *e)
{
	struct archive_entry *ae;
	int r = archive_read_next_header(z->archive, &ae);

	if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
		return ERR_CORRUPT;
	if (!e->folder && archive_entry_size_is_set(ae) &&
	    (uint64_t)archive_entry_size(ae) != e->octets)
		return ERR_CORRUPT;
	if (archive_entry_filetype(ae) == AE_IFLNK)
		return ERR_UNSUPPORTED;
	return OK;
}

/* What is left of the entry, behind what is in z->data: OK, ERR_CORRUPT, ERR_NOMEM. */
static int
read_rest(struct zip *z, const struct zipdir_entry *e)
{
	for (;;) {
		size_t room = (size_t)e->octets + 1 - z->data.n;
		char *p = buf_reserve(&z->data, room);
		la_ssize_t n;

		if (p == NULL)
			return ERR_NOMEM;
		n = archive_read_data(z->archive, p, room);
		if (n < 0)
			return ERR_CORRUPT;
		if (n == 0)
			return z->data.n == e->octets ? OK : ERR_CORRUPT;
		buf_added(&z->data, (size_t)n);
		if (z->data.n > e->octets)
			return ERR_CORRUPT;
	}
}

/* All of it into z->data. */
static int
read_entry(struct zip *z, const struct zipdir_entry *e)
{
	buf_clear(&z->data);
	z->data.max = (size_t)e->octets + 1;
	return read_rest(z, e);
}

/* Its first octets. */
static int
read_head(struct zip *z, const struct zipdir_entry *e)
{
	size_t room = e->octets < BLANK_MAX ? (size_t)e->octets : BLANK_MAX;
	char *p;
	la_ssize_t n;

	buf_clear(&z->data);
	z->data.max = (size_t)e->octets + 1;
	if (room == 0)
		return OK;
	p = buf_reserve(&z->data, room);
	if (p == NULL)
		return ERR_NOMEM;
	n = archive_read_data(z->archive, p, room);
	if (n < 0)
		return ERR_CORRUPT;
	buf_added(&z->data, (size_t)n);
	return OK;
}

/* --- what kind of zip --- */

static bool
named(const struct zipdir_entry *e, const char *name)
{
	return slice_is_nocase(e->name, name);
}

/* By the main part's type. */
static enum zip_kind
package_kind(struct slice types)
{
	static const struct { const char *type; enum zip_kind kind; } rows[] = {
		{ "wordprocessingml.document.main+xml", ZIP_WORD },
		{ "wordprocessingml.template.main+xml", ZIP_WORD },
		{ "ms-word.document.macroenabled.main+xml", ZIP_WORD },
		{ "ms-word.template.macroenabledtemplate.main+xml", ZIP_WORD },
		{ "presentationml.presentation.main+xml", ZIP_WORD },
		{ "presentationml.slideshow.main+xml", ZIP_WORD },
		{ "presentationml.template.main+xml", ZIP_WORD },
		{ "ms-powerpoint.presentation.macroenabled.main+xml", ZIP_WORD },
		{ "ms-powerpoint.slideshow.macroenabled.main+xml", ZIP_WORD },
		{ "ms-powerpoint.template.macroenabled.main+xml", ZIP_WORD },
		{ "vnd.ms-office.drsshape+xml", ZIP_WORD },	/* a shape, inside older documents */
		{ "spreadsheetml.sheet.main+xml", ZIP_SHEET },
		{ "spreadsheetml.template.main+xml", ZIP_SHEET },
		{ "ms-excel.sheet.macroenabled.main+xml", ZIP_SHEET },
		{ "ms-excel.template.macroenabled.main+xml", ZIP_SHEET },
		{ "ms-excel.addin.macroenabled.main+xml", ZIP_SHEET },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (slice_find_nocase(types, slice_of(rows[i].type)) >= 0)
			return rows[i].kind;
	return ZIP_OTHER;
}

/* Read what tells the kind of document, and what its parts need. */
static int
look_into(struct zip *z, const struct zipdir_entry *e)
{
	struct slice data;
	int err = read_entry(z, e);

	data = buf_slice(&z->data);
	if (err != OK)
		return err;
	if (named(e, "[Content_Types].xml"))
		z->kind = package_kind(data);
	else if (named(e, "mimetype"))
		z->kind = slice_starts_nocase(data,
		    SLICE("application/vnd.oasis.opendocument.")) ? ZIP_ODF : ZIP_OTHER;
	else if (named(e, "META-INF/manifest.xml"))
		z->encrypted = slice_find_nocase(data, SLICE("encryption-data")) >= 0 ||
		    slice_find_nocase(data, SLICE("encrypted-package")) >= 0;
	else
		err = sheet_strings_read(&z->strings, data);
	return err;
}

static bool
tells_kind(const struct zipdir_entry *e)
{
	return named(e, "[Content_Types].xml") || named(e, "mimetype") ||
	    named(e, "META-INF/manifest.xml") || named(e, "xl/sharedStrings.xml");
}

static bool
is_xml(const struct zipdir_entry *e)
{
	return slice_ends_nocase(e->name, SLICE(".xml")) ||
	    slice_ends_nocase(e->name, SLICE(".rels")) ||
	    slice_ends_nocase(e->name, SLICE(".vml"));
}

/* Names of parts are the author's choice: what begins as markup does may be a part. */
static bool
begins_markup(struct slice s)
{
	static const struct slice passed = SLICE("\xEF\xBB\xBF\xFE\xFF\0 \t\r\n");
	size_t n = 0;

	while (n < s.n && n < BLANK_MAX && slice_chr(passed, s.p[n]) >= 0)
		n++;
	return n < s.n && s.p[n] == '<';
}

static bool
is_encrypted(const struct zipdir_entry *e)
{
	return (e->flags & 0x2041) != 0 || e->method == 99;
}

/* ---- styles ---- */

/* Those at hand in z->data are kept if they hide something. What is broken in them otherwise is
 * told when their text is read. */
static int
keep_styles(struct zip *z, int (*read)(struct slice xml, struct looks *out))
{
	struct looks l;
	int err;

	looks_init(&l);
	err = read(buf_slice(&z->data), &l);
	if (err == OK && looks_matter(&l) && z->style_parts < STYLE_PARTS_MAX) {
		z->styles[z->style_parts++] = l;
		return OK;
	}
	if (err == ERR_CORRUPT || err == ERR_LIMIT || (err == OK && looks_matter(&l)))
		z->doubtful_styles = true;
	z->plain_styles |= err == OK;
	looks_fini(&l);
	return err == ERR_NOMEM ? err : OK;
}

static int
look_for_styles(struct zip *z, const struct zipdir_entry *e)
{
	bool word = z->kind == ZIP_WORD;
	int err;

	if (is_encrypted(e) || (!word && !named(e, "styles.xml")))
		return OK;
	err = read_head(z, e);
	if (err != OK || (!is_xml(e) && !begins_markup(buf_slice(&z->data))))
		return err;
	err = read_rest(z, e);
	if (err != OK || (word && !wordstyle_has(buf_slice(&z->data))))
		return err;
	return keep_styles(z, word ? wordstyle_read : odfstyle_read);
}

/* Behind what is broken nothing is found; what stands before it is read nevertheless. */
static int
find_styles(struct zip *z)
{
	int err;

	if (z->kind != ZIP_WORD && z->kind != ZIP_ODF)
		return OK;
	err = open_archive(z);
	for (uint32_t i = 0; i < z->dir.count && err == OK; i++) {
		err = next_entry(z, &z->dir.entries[i]);
		if (err == OK && !z->dir.entries[i].folder)
			err = look_for_styles(z, &z->dir.entries[i]);
	}
	z->doubtful_styles |= err != OK;
	return err == ERR_NOMEM ? err : OK;
}

static bool
is_thumbnail(const struct zipdir_entry *e)
{
	return slice_starts_nocase(e->name, SLICE("docProps/thumbnail.")) ||
	    slice_starts_nocase(e->name, SLICE("Thumbnails/thumbnail."));
}

static int
find_kind(struct zip *z)
{
	bool manifest = false;
	int err = open_archive(z);

	for (uint32_t i = 0; i < z->dir.count && err == OK; i++) {
		const struct zipdir_entry *e = &z->dir.entries[i];

		err = next_entry(z, e);
		if (err == OK && !e->folder && tells_kind(e))
			err = look_into(z, e);
		manifest = manifest || named(e, "META-INF/manifest.xml");
		z->thumbnail = z->thumbnail || is_thumbnail(e);
	}
	if (err == OK && manifest && z->kind == ZIP_PLAIN)
		z->kind = ZIP_OTHER;
	return err;
}

/* --- handing out --- */

static int
part_text(struct zip *z, const struct zipdir_entry *e)
{
	struct slice xml = buf_slice(&z->data);
	bool styled = true;	/* parts with styles alone are large, and are read once */
	int err = OK;

	if (z->kind == ZIP_ODF)
		return odf_text(xml, z->style_parts > 0 ? &z->styles[0] : NULL, &z->text);
	/* Drawings and charts have paragraphs as all documents of that family. */
	if (z->kind == ZIP_SHEET && slice_starts_nocase(e->name, SLICE("xl/")) &&
	    slice_find_nocase(e->name, SLICE("/drawings/")) < 0 &&
	    slice_find_nocase(e->name, SLICE("/charts/")) < 0)
		return sheet_text(xml, &z->strings, &z->text);
	if (z->style_parts == 0 || z->plain_styles || z->kind != ZIP_WORD)
		err = ooxml_text(xml, NULL, &z->text, &styled);
	for (unsigned i = 0; i < z->style_parts && z->kind == ZIP_WORD && styled && err == OK; i++)
		err = ooxml_text(xml, &z->styles[i], &z->text, &styled);
	return err;
}

/* A part without the name of one, which is looked at as a file besides. */
static int
nameless_part(struct zip *z, const struct zipdir_entry *e, uint32_t index)
{
	int err;

	buf_clear(&z->text);
	err = part_text(z, e);
	if (err == ERR_LIMIT)
		return opaque(z, index, EXTRACT_WHY_LIMIT);
	if (err != OK)		/* other markup */
		return err == ERR_NOMEM ? err : OK;
	return give(z, EXTRACT_TEXT, index, buf_slice(&z->text));
}

/* ---- the small picture of the first page ---- */

/* Targets of relations and links; escapes in them may be any letter. */
static void
on_link(void *arg, const char *name, const char **atts)
{
	const char *to = xml_attribute(atts, "Target"), *mode = xml_attribute(atts, "TargetMode");
	bool *used = arg;

	(void)name;
	if (to == NULL)
		to = xml_attribute(atts, "href");
	if (to == NULL || slice_is_nocase(slice_of(mode == NULL ? "" : mode), "external"))
		return;
	*used |= slice_find_nocase(slice_of(to), SLICE("thumbnail")) >= 0 ||
	    (slice_chr(slice_of(to), '%') >= 0 && slice_chr(slice_of(to), ':') < 0);
}

static void
on_link_end(void *arg, const char *name)
{
	(void)arg, (void)name;
}

static void
on_link_text(void *arg, struct slice text)
{
	(void)arg, (void)text;
}

/* It is passed over as a picture of what is read anyway: no page of the document may show it. */
static bool
shows_thumbnail(const struct zip *z, const struct zipdir_entry *e)
{
	static const struct xml_handlers handlers = { on_link, on_link_end, on_link_text };
	bool relations = slice_ends_nocase(e->name, SLICE(".rels")), used = false;
	struct xml *reader;

	if (!z->thumbnail || named(e, "_rels/.rels") || relations == (z->kind == ZIP_ODF))
		return false;
	return xml_read(buf_slice(&z->data), &handlers, &used, &reader) != OK || used;
}

static int
document_part(struct zip *z, const struct zipdir_entry *e, uint32_t index)
{
	bool property = slice_starts_nocase(e->name, SLICE("docProps/")) ||
	    (z->kind == ZIP_ODF && named(e, "meta.xml"));
	int err;

	buf_clear(&z->text);
	err = part_text(z, e);
	if (err == ERR_NOMEM)
		return err;
	if (err == OK && shows_thumbnail(z, e) && (err = opaque(z, index, EXTRACT_WHY_TYPE)) != OK)
		return err;
	if (err != OK) {
		int r = opaque(z, index, err == ERR_LIMIT ? EXTRACT_WHY_LIMIT : EXTRACT_WHY_BROKEN);

		if (r != OK)
			return r;
	}
	return give(z, property ? EXTRACT_PROPERTY : EXTRACT_TEXT, index, buf_slice(&z->text));
}

/* A part that no program shows, and that is nothing else. */
static bool
is_settings(const struct zip *z, const struct zipdir_entry *e)
{
	struct slice data = buf_slice(&z->data);
	enum sniff kind = sniff(data);
	bool here = z->kind == ZIP_ODF ? named(e, "layout-cache") :
	    slice_find_nocase(e->name, SLICE("/printerSettings/printerSettings")) >= 0 &&
	    slice_ends_nocase(e->name, SLICE(".bin"));

	return here && data.n <= SETTINGS_OCTETS_MAX && !sniff_is_known(data) &&
	    !sniff_zip_at_end(data) && !begins_markup(data) && (kind == SNIFF_BINARY ||
	    (kind == SNIFF_TEXT && z->kind == ZIP_ODF) || kind == SNIFF_UTF16LE ||
	    kind == SNIFF_UTF16BE);
}

static int
one_file(struct zip *z, const struct zipdir_entry *e, uint32_t index)
{
	int err = read_entry(z, e);

	if (err == ERR_NOMEM)
		return err;
	if (err != OK)
		return opaque(z, index, EXTRACT_WHY_BROKEN);
	if (z->kind != ZIP_PLAIN && is_xml(e))
		return document_part(z, e, index);
	if (z->kind != ZIP_PLAIN && is_settings(z, e))
		return OK;
	if (z->kind != ZIP_PLAIN && begins_markup(buf_slice(&z->data)))
		err = nameless_part(z, e, index);
	if (err != OK)
		return err;
	return give(z, EXTRACT_FILE, index, buf_slice(&z->data));
}

static int
give_names(struct zip *z)
{
	int err = OK;

	for (uint32_t i = 0; i < z->dir.count && err == OK; i++) {
		const struct zipdir_entry *e = &z->dir.entries[i];

		err = give(z, EXTRACT_NAME, i + 1, e->name);
		if (err == OK && e->unicode_name.n > 0)
			err = give(z, EXTRACT_NAME, i + 1, e->unicode_name);
	}
	return err;
}

static int
give_files(struct zip *z)
{
	int err = open_archive(z);

	if (err == ERR_CORRUPT)
		return opaque(z, 0, EXTRACT_WHY_BROKEN);
	for (uint32_t i = 0; i < z->dir.count && err == OK; i++) {
		const struct zipdir_entry *e = &z->dir.entries[i];
		int r = next_entry(z, e);

		if (r == ERR_CORRUPT)
			return opaque(z, i + 1, EXTRACT_WHY_BROKEN);
		if (r != OK)
			err = opaque(z, i + 1, EXTRACT_WHY_TYPE);
		else if (is_encrypted(e))
			err = opaque(z, i + 1, EXTRACT_WHY_ENCRYPTED);
		else if (!e->folder)
			err = one_file(z, e, i + 1);
	}
	return err;
}

/* Would it all be more than the limits allow? */
static bool
is_bomb(const struct zip *z)
{
	const struct extract_limits *l = z->limits;
	uint64_t out = 0;

	for (uint32_t i = 0; i < z->dir.count; i++)
		out += z->dir.entries[i].octets;	/* at most 65,534 of 32 bits */
	return out > l->out_octets_max ||
	    (out > l->ratio_floor_octets && out / z->octets.n > l->ratio_max);
}

static int
run(struct zip *z)
{
	int err = zipdir_read(z->octets, z->limits, &z->dir);

	if (err == ERR_LIMIT || (err == OK && is_bomb(z)))
		return opaque(z, 0, EXTRACT_WHY_LIMIT);
	if (err == ERR_CORRUPT)
		return opaque(z, 0, EXTRACT_WHY_BROKEN);
	if (err != OK)
		return err;
	err = give_names(z);
	if (err != OK)
		return err;
	err = find_kind(z);
	if (err == ERR_NOMEM)
		return err;
	if (err != OK)
		return opaque(z, 0, z->dir.encrypted ? EXTRACT_WHY_ENCRYPTED :
		    EXTRACT_WHY_BROKEN);
	if (z->kind == ZIP_OTHER || z->encrypted)
		return opaque(z, 0, z->dir.encrypted || z->encrypted ? EXTRACT_WHY_ENCRYPTED :
		    EXTRACT_WHY_TYPE);
	err = find_styles(z);
	if (err == OK && z->doubtful_styles)
		err = opaque(z, 0, EXTRACT_WHY_BROKEN);
	return err != OK ? err : give_files(z);
}

int
zip_run(struct slice octets, const struct extract_limits *limits, extract_sink_fn *sink,
    void *arg)
{
	struct zip z = { .octets = octets, .limits = limits, .sink = sink, .arg = arg };
	int err;

	buf_init(&z.data, 0);
	buf_init(&z.text, limits->out_octets_max);
	sheet_strings_init(&z.strings, limits->out_octets_max);
	err = run(&z);
	if (z.archive != NULL)
		archive_read_free(z.archive);
	zipdir_fini(&z.dir);
	buf_fini(&z.data);
	buf_fini(&z.text);
	sheet_strings_fini(&z.strings);
	for (unsigned i = 0; i < z.style_parts; i++)
		looks_fini(&z.styles[i]);
	return err;
}
