/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/msg.h"

#include <string.h>

#include "policy/extract/mapi.h"

enum {
	VALUE_PREFIX = 12, VALUE_NAME = 20,	/* "__substg1.0_" and eight digits */
	NAMED = 0x8000, NAME_ROW = 8, NAME_OCTETS_MAX = 1024,
	ROW_OCTETS = 16,
	TAG_CODEPAGE = 0x3FFD0003, TAG_INTERNET_CODEPAGE = 0x3FDE0003,
};

struct msg {
	struct cfb *cfb;
	struct mapi	  mapi;
	struct buf	  rows, texts;	/* of named properties */
	struct buf	  value, name;
};

static bool
is_named(const struct cfb *c, uint32_t entry, struct slice prefix)
{
	return slice_starts_nocase(slice_of(c->entries[entry].name), prefix);
}

bool
msg_is(const struct cfb *c, uint32_t folder)
{
	return cfb_find(c, folder, "__properties_version1.0") != CFB_NONE;
}

bool
msg_is_stream(const struct cfb *c, uint32_t entry)
{
	uint32_t folder = c->entries[entry].parent;

	return folder != CFB_NONE && (msg_is(c, folder) ||
	    is_named(c, folder, SLICE("__nameid_version1.0"))) &&
	    (is_named(c, entry, SLICE("__substg1.0_")) ||
	    is_named(c, entry, SLICE("__properties_version1.0")));
}

/* ---- names of properties ---- */

static int
read_stream(struct cfb *c, uint32_t folder, const char *name, struct buf *out)
{
	uint32_t entry = cfb_find(c, folder, name);

	buf_clear(out);
	return entry == CFB_NONE ? OK : cfb_stream(c, entry, out);
}

static int
read_names(struct msg *m)
{
	uint32_t folder = cfb_find(m->cfb, 0, "__nameid_version1.0");
	int r = OK;

	if (folder == CFB_NONE)
		return OK;
	r = read_stream(m->cfb, folder, "__substg1.0_00030102", &m->rows);
	return r == OK ? read_stream(m->cfb, folder, "__substg1.0_00040102", &m->texts) : r;
}

/* Row i: where its name is in the stream of texts, then flags: the lowest says it has one. */
static void
find_name(struct msg *m, unsigned id)
{
	struct slice row, text;

	buf_clear(&m->name);
	if (id < NAMED)
		return;
	row = slice_sub(buf_slice(&m->rows), (size_t)(id - NAMED) * NAME_ROW, NAME_ROW);
	if (row.n < NAME_ROW || (row.p[4] & 1) == 0)
		return;
	text = slice_from(buf_slice(&m->texts), cfb_u32(row, 0));
	if (charset_to_utf8(CHARSET_UTF_16LE, slice_sub(text, 4, cfb_u32(text, 0)), &m->name,
	    NULL) != OK)
		buf_clear(&m->name);
}

/* ---- values ---- */

/* Eight hexadecimal digits. */
static bool
tag_of(struct slice digits, uint32_t *tag_out)
{
	*tag_out = 0;
	for (size_t i = 0; i < 8; i++) {
		int h = i < digits.n ? ascii_hex(digits.p[i]) : -1;

		if (h < 0)
			return false;
		*tag_out = *tag_out << 4 | (uint32_t)h;
	}
	return true;
}

/* "__substg1.0_IIIITTTT": a value; of several only their sizes, each has "-00000000" behind. */
static int
one_value(struct msg *m, uint32_t entry)
{
	struct slice name = slice_of(m->cfb->entries[entry].name);
	uint32_t tag;
	unsigned type;
	int r;

	if (!tag_of(slice_from(name, VALUE_PREFIX), &tag))
		return ERR_CORRUPT;
	type = tag & 0xFFFF;
	if ((type & MAPI_MANY) != 0 && name.n == VALUE_NAME)
		return OK;
	r = cfb_stream(m->cfb, entry, &m->value);
	if (r != OK)
		return r;
	find_name(m, tag >> 16);
	mapi_value(&m->mapi, type & ~(unsigned)MAPI_MANY, tag >> 16, buf_slice(&m->name),
	    buf_slice(&m->value));
	return OK;
}

/* The stream of short properties is looked at for the code page only: the others are numbers. */
static int
read_codepage(struct msg *m, uint32_t folder)
{
	struct slice s;
	int r = read_stream(m->cfb, folder, "__properties_version1.0", &m->value);

	if (r != OK)
		return r;
	s = buf_slice(&m->value);
	/* Rows are at the end: how long the head is depends on what the folder is. */
	for (s = slice_from(s, s.n % ROW_OCTETS); s.n >= ROW_OCTETS;
	    s = slice_from(s, ROW_OCTETS)) {
		uint32_t tag = cfb_u32(s, 0);

		if (tag == TAG_CODEPAGE || tag == TAG_INTERNET_CODEPAGE)
			m->mapi.charset = mapi_charset(cfb_u32(s, 8));
	}
	return OK;
}

/* Names of a file come before its contents. */
static int
read_values(struct msg *m, uint32_t folder)
{
	static const struct slice data = SLICE("__substg1.0_3701");
	int r = OK;

	for (int last = 0; last < 2 && r == OK; last++)
		for (uint32_t i = 1; i < m->cfb->entries_n && r == OK; i++)
			if (m->cfb->entries[i].parent == folder && m->cfb->entries[i].is_stream &&
			    is_named(m->cfb, i, SLICE("__substg1.0_")) &&
			    is_named(m->cfb, i, data) == (last == 1))
				r = one_value(m, i);
	return r;
}

int
msg_folder(struct cfb *c, uint32_t folder, struct hand *h)
{
	struct msg m = { .cfb = c };
	int r;

	mapi_init(&m.mapi, h);
	buf_init(&m.rows, c->octets.n + 1);
	buf_init(&m.texts, c->octets.n + 1);
	buf_init(&m.value, c->octets.n + 1);
	buf_init(&m.name, NAME_OCTETS_MAX);
	if (is_named(c, folder, SLICE("__attach_version1.0")))
		m.mapi.number = hand_number(h);
	r = read_names(&m);
	if (r == OK)
		r = read_codepage(&m, folder);
	if (r == OK)
		r = read_values(&m, folder);
	mapi_fini(&m.mapi);
	buf_fini(&m.rows);
	buf_fini(&m.texts);
	buf_fini(&m.value);
	buf_fini(&m.name);
	return r;
}
