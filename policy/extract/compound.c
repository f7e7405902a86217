/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/compound.h"

#include "common/control.h"
#include "mime/charset.h"
#include "policy/extract/excel.h"
#include "policy/extract/msg.h"
#include "policy/extract/officeart.h"
#include "policy/extract/ole.h"
#include "policy/extract/oleps.h"
#include "policy/extract/ppt.h"
#include "policy/extract/sniff.h"
#include "policy/extract/vba.h"
#include "policy/extract/word.h"

enum {
	TEXT_OCTETS_MAX = 64 << 20, TITLES_OCTETS_MAX = 1 << 20,
	THUMBNAIL_HEAD_MAX = 64,
	QUIET_OCTETS_MAX = 64 * 1024,	/* of a stream that is passed over by its name */
};

struct compound {
	struct cfb  cfb;
	struct hand hand;
	struct buf  text, titles, art, stream;
};

/* ---- streams ---- */

enum action {
	ACTION_FILE,		/* the default */
	ACTION_DOCUMENT,	/* read with the folder; pictures are looked for */
	ACTION_QUIET,		/* shown to nobody */
	ACTION_NATIVE, ACTION_PICTURE,
	ACTION_NAMES,		/* wide letters between numbers */
};

static const struct { const char *name; enum action action; } streams[] = {
	{ "WordDocument", ACTION_DOCUMENT }, { "0Table", ACTION_DOCUMENT },
	{ "1Table", ACTION_DOCUMENT }, { "Data", ACTION_DOCUMENT },
	{ "Workbook", ACTION_DOCUMENT }, { "PowerPoint Document", ACTION_DOCUMENT },
	{ "Pictures", ACTION_DOCUMENT }, { "Current User", ACTION_QUIET },
	{ "\005SummaryInformation", ACTION_DOCUMENT },
	{ "\005DocumentSummaryInformation", ACTION_DOCUMENT },
	{ "\001CompObj", ACTION_QUIET }, { "\001Ole", ACTION_QUIET },
	{ "\003ObjInfo", ACTION_QUIET }, { "\003LinkInfo", ACTION_QUIET },
	{ "\003OCXNAME", ACTION_QUIET }, { "\003PRINT", ACTION_QUIET },
	{ "Equation Native", ACTION_QUIET },
	{ "PROJECT", ACTION_QUIET }, { "PROJECTwm", ACTION_QUIET },
	{ "PROJECTlk", ACTION_QUIET }, { "_VBA_PROJECT", ACTION_QUIET }, { "dir", ACTION_QUIET },
	{ "Catalog", ACTION_NAMES },
	{ "\001Ole10Native", ACTION_NATIVE }, { "\001Ole10ItemName", ACTION_QUIET },
};

static enum action
action_of(struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(streams); i++)
		if (slice_is_nocase(name, streams[i].name))
			return streams[i].action;
	if (slice_starts_nocase(name, SLICE("\002OlePres")))
		return ACTION_PICTURE;
	return slice_starts_nocase(name, SLICE("__SRP_")) ? ACTION_QUIET : ACTION_FILE;
}

static void
keep(struct compound *c, int err)
{
	if (err == ERR_NOMEM || err == ERR_LIMIT) {
		if (c->hand.err == OK)
			c->hand.err = err;
	} else if (err != OK) {
		hand_opaque(&c->hand, 0, err == ERR_ACCESS ? EXTRACT_WHY_ENCRYPTED :
		    err == ERR_UNSUPPORTED ? EXTRACT_WHY_TYPE : EXTRACT_WHY_BROKEN);
	}
}

static void
give_text(struct compound *c, uint32_t number)
{
	hand_text(&c->hand, number, buf_slice(&c->text));
	hand_title(&c->hand, number, buf_slice(&c->titles));
	buf_clear(&c->text);
	buf_clear(&c->titles);
}

static bool
is_in_vba(const struct cfb *c, const struct cfb_entry *e)
{
	return e->parent != CFB_NONE &&
	    slice_is_nocase(slice_of(c->entries[e->parent].name), "VBA");
}

static bool
has(const struct compound *c, uint32_t folder, const char *name)
{
	return cfb_find(&c->cfb, folder, name) != CFB_NONE;
}

/* In Thumbs.db: small pictures behind heads of some octets, and their list (Catalog). */
static struct slice
picture_in(struct slice s)
{
	for (size_t i = 0; i < THUMBNAIL_HEAD_MAX && i < s.n; i++)
		if (sniff(slice_from(s, i)) == SNIFF_IMAGE)
			return slice_from(s, i);
	return (struct slice){ NULL, 0 };
}

static void
file_stream(struct compound *c, const struct cfb_entry *e)
{
	struct slice s = buf_slice(&c->stream);

	if (is_in_vba(&c->cfb, e) && vba_source(s, &c->text) == OK)
		give_text(c, hand_number(&c->hand));
	else if (has(c, 0, "Catalog") && picture_in(s).n > 0)
		hand_file(&c->hand, hand_number(&c->hand), picture_in(s));
	else
		hand_file(&c->hand, hand_number(&c->hand), s);
}

static void
one_stream(struct compound *c, uint32_t entry)
{
	const struct cfb_entry *e = &c->cfb.entries[entry];
	enum action action = action_of(slice_of(e->name));
	int r = cfb_stream(&c->cfb, entry, &c->stream);

	buf_clear(&c->text);
	if (r != OK) {
		keep(c, r);
		return;
	}
	if (action == ACTION_QUIET && c->stream.n > QUIET_OCTETS_MAX &&
	    !is_in_vba(&c->cfb, e))
		action = ACTION_FILE;
	switch (action) {
	case ACTION_FILE:
		file_stream(c, e);
		break;
	case ACTION_DOCUMENT:
		keep(c, officeart_search(buf_slice(&c->stream), &c->hand, &c->text));
		give_text(c, 0);
		break;
	case ACTION_NATIVE:
		ole_native(buf_slice(&c->stream), &c->hand);
		break;
	case ACTION_PICTURE:
		ole_picture(buf_slice(&c->stream), &c->hand);
		break;
	case ACTION_NAMES:
		keep(c, charset_to_utf8(CHARSET_UTF_16LE, buf_slice(&c->stream), &c->text, NULL));
		for (size_t i = 0; i < c->text.n; i++)
			if ((unsigned char)c->text.p[i] < ' ')
				c->text.p[i] = '\n';
		give_text(c, 0);
		break;
	case ACTION_QUIET:
		break;
	}
}

/* ---- folders ---- */

static void
workbook(struct compound *c, uint32_t folder)
{
	bool more = false;

	buf_clear(&c->art);
	keep(c, excel_text(&c->cfb, folder, &c->text, &c->art, &more));
	if (more)
		hand_opaque(&c->hand, 0, EXTRACT_WHY_TYPE);
	keep(c, officeart_search(buf_slice(&c->art), &c->hand, &c->text));
}

static void
one_folder(struct compound *c, uint32_t folder)
{
	uint32_t number = folder == 0 ? 0 : hand_number(&c->hand);

	buf_clear(&c->text);
	buf_clear(&c->titles);
	if (has(c, folder, "EncryptedPackage") || has(c, folder, "EncryptedSummary") ||
	    has(c, folder, "\011DRMContent"))
		keep(c, ERR_ACCESS);
	if (has(c, folder, "WordDocument"))
		keep(c, word_text(&c->cfb, folder, &c->text));
	if (has(c, folder, "Workbook"))
		workbook(c, folder);
	else if (has(c, folder, "Book"))
		keep(c, ERR_UNSUPPORTED);
	if (has(c, folder, "PowerPoint Document"))
		keep(c, ppt_text(&c->cfb, folder, &c->hand, &c->text));
	if (msg_is(&c->cfb, folder))
		keep(c, msg_folder(&c->cfb, folder, &c->hand));
	keep(c, oleps_text(&c->cfb, folder, &c->titles));
	give_text(c, number);
}

static bool
is_encrypted(const struct compound *c)
{
	return has(c, 0, "EncryptedPackage") || has(c, 0, "\011DRMContent");
}

static int
read_all(struct compound *c)
{
	if (is_encrypted(c))
		return ERR_ACCESS;
	if (c->cfb.loose && !control_off("compound-loose"))
		hand_opaque(&c->hand, 0, EXTRACT_WHY_BROKEN);
	for (uint32_t i = 0; i < c->cfb.entries_n && c->hand.err == OK; i++)
		if (i == 0 || (c->cfb.entries[i].is_folder && c->cfb.entries[i].parent != CFB_NONE))
			one_folder(c, i);
	for (uint32_t i = 1; i < c->cfb.entries_n && c->hand.err == OK; i++)
		if (c->cfb.entries[i].is_stream && c->cfb.entries[i].octets > 0 &&
		    !msg_is_stream(&c->cfb, i))
			one_stream(c, i);
	return OK;
}

int
compound_run(struct slice octets, const struct extract_limits *limits, extract_sink_fn *sink,
    void *arg)
{
	struct compound c;
	int err = cfb_open(&c.cfb, octets);

	hand_init(&c.hand, limits, sink, arg);
	buf_init(&c.text, TEXT_OCTETS_MAX);
	buf_init(&c.titles, TITLES_OCTETS_MAX);
	buf_init(&c.art, octets.n + 1);
	buf_init(&c.stream, octets.n + 1);
	if (err == OK)
		err = read_all(&c);
	err = hand_end(&c.hand, err);
	cfb_close(&c.cfb);
	buf_fini(&c.text);
	buf_fini(&c.titles);
	buf_fini(&c.art);
	buf_fini(&c.stream);
	return err;
}
