/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/oleps.h"

#include "policy/extract/codepage.h"

/*
 *   stream = 28 octets, ( set's number 16 octets, offset u32 )*
 *   set    = octets u32, count u32, ( id u32, offset u32 )*, values
 *   value  = type u32, then a text: octets u32 (letters, of a wide one), text; or a list of such
 */
enum {
	STREAM_HEAD = 28, AT_SETS = 24, SET_ROW = 20, SETS_MAX = 4,
	SET_HEAD = 8, ROW = 8,
	ID_DICTIONARY = 0, ID_CODEPAGE = 1,
	TYPE_VARIANT = 12, TYPE_STRING = 30, TYPE_WIDE = 31, TYPE_LIST = 0x1000,
	NAMES_MAX = 10000,
};

struct set {
	struct slice octets;
	uint32_t     count;
	enum charset charset;
	struct slice dictionary;	/* what is left of it, and how many names that is */
	uint32_t     names;
	struct buf   name, text, *titles;
};

static uint32_t
id_of(const struct set *s, uint32_t i)
{
	return cfb_u32(s->octets, SET_HEAD + (size_t)ROW * i);
}

static struct slice
value_of(const struct set *s, uint32_t i)
{
	return slice_from(s->octets, cfb_u32(s->octets, SET_HEAD + (size_t)ROW * i + 4));
}

static int
to_utf8(struct slice value, enum charset cs, struct buf *out)
{
	struct buf utf8;
	int r;

	buf_clear(out);
	buf_init(&utf8, 4 * value.n + 16);
	r = charset_to_utf8(cs, value, &utf8, NULL);
	for (size_t i = 0; i < utf8.n && r == OK; i++)
		if (utf8.p[i] != '\0')
			buf_addc(out, utf8.p[i]);
	buf_fini(&utf8);
	return r == OK ? out->err : r;
}

/* The name of property id; names come in the order of the dictionary, which is that of the
 * properties in what programs write: each is looked for behind the one before. */
static void
find_name(struct set *s, uint32_t id)
{
	struct slice d = s->dictionary;
	bool wide = s->charset == CHARSET_UTF_16LE;

	buf_clear(&s->name);
	for (uint32_t i = 0; i < s->names && i < NAMES_MAX && d.n >= 8; i++) {
		uint32_t at = cfb_u32(d, 0), n = cfb_u32(d, 4);
		size_t octets = wide ? (size_t)n * 2 : n;
		struct slice name = slice_sub(d, 8, octets);

		d = slice_from(d, 8 + (wide ? (octets + 3) / 4 * 4 : octets));
		if (at != id)
			continue;
		if (to_utf8(name, s->charset, &s->name) != OK)
			buf_clear(&s->name);
		s->dictionary = d;
		s->names -= i + 1;
		return;
	}
}

static int
put(struct set *s, struct slice value, enum charset cs)
{
	int r = to_utf8(value, cs, &s->text);

	if (r != OK)
		return r;
	buf_add(s->titles, buf_slice(&s->text));
	buf_addc(s->titles, '\n');
	if (s->name.n > 0) {
		buf_add(s->titles, buf_slice(&s->name));
		buf_adds(s->titles, ": ");
		buf_add(s->titles, buf_slice(&s->text));
		buf_addc(s->titles, '\n');
	}
	return s->titles->err;
}

/* The text at the beginning of v, which goes off it. */
static int
take_text(struct set *s, unsigned type, struct slice *v)
{
	size_t n = type == TYPE_WIDE ? 2 * (size_t)cfb_u32(*v, 0) : cfb_u32(*v, 0);
	struct slice text = slice_sub(*v, 4, n);

	*v = slice_from(*v, 4 + (type == TYPE_WIDE ? (n + 3) / 4 * 4 : n));
	return put(s, text, type == TYPE_WIDE ? CHARSET_UTF_16LE : s->charset);
}

static int
read_value(struct set *s, struct slice v)
{
	unsigned type = cfb_u32(v, 0), one = type & 0xFFF;
	uint32_t count = 1;
	int r = OK;

	v = slice_from(v, 4);
	if ((type & TYPE_LIST) != 0) {
		count = cfb_u32(v, 0);
		v = slice_from(v, 4);
	}
	for (uint32_t i = 0; i < count && r == OK && v.n > 0; i++) {
		unsigned type_here = one;

		if (one == TYPE_VARIANT) {
			type_here = cfb_u32(v, 0);
			v = slice_from(v, 4);
		}
		if (type_here == TYPE_STRING || type_here == TYPE_WIDE)
			r = take_text(s, type_here, &v);
		else if (one == TYPE_VARIANT)	/* a number between texts */
			v = slice_from(v, 4);
		else
			break;
	}
	return r;
}

static int
read_set(struct set *s)
{
	enum charset cs;
	int r = OK;

	for (uint32_t i = 0; i < s->count; i++)
		if (id_of(s, i) == ID_CODEPAGE) {
			cs = codepage_charset(cfb_u16(value_of(s, i), 4));
			s->charset = cs == CHARSET_UNKNOWN ? CHARSET_WINDOWS_1252 : cs;
		} else if (id_of(s, i) == ID_DICTIONARY) {
			s->dictionary = slice_from(value_of(s, i), 4);
			s->names = cfb_u32(value_of(s, i), 0);
		}
	for (uint32_t i = 0; i < s->count && r == OK; i++) {
		if (id_of(s, i) <= ID_CODEPAGE)
			continue;
		find_name(s, id_of(s, i));
		r = read_value(s, value_of(s, i));
	}
	return r;
}

static int
read_stream(struct slice stream, struct set *s)
{
	uint32_t sets = cfb_u32(stream, AT_SETS);
	int r = OK;

	for (uint32_t i = 0; i < sets && i < SETS_MAX && r == OK; i++) {
		size_t at = cfb_u32(stream, STREAM_HEAD + (size_t)SET_ROW * i + 16);

		s->octets = slice_from(stream, at);
		s->count = cfb_u32(s->octets, 4);
		s->charset = CHARSET_WINDOWS_1252;
		s->dictionary = (struct slice){ NULL, 0 };
		s->names = 0;
		if (s->octets.n > SET_HEAD && s->count <= (s->octets.n - SET_HEAD) / ROW)
			r = read_set(s);
	}
	return r;
}

int
oleps_text(struct cfb *c, uint32_t folder, struct buf *titles)
{
	static const char *const names[] = {
		"\005SummaryInformation", "\005DocumentSummaryInformation",
	};
	struct set s = { .titles = titles };
	struct buf stream;
	int r = OK;

	buf_init(&stream, c->octets.n + 1);
	buf_init(&s.name, titles->max);
	buf_init(&s.text, titles->max);
	for (size_t i = 0; i < ARRAY_LEN(names) && r == OK; i++) {
		uint32_t entry = cfb_find(c, folder, names[i]);

		if (entry != CFB_NONE && cfb_stream(c, entry, &stream) == OK)
			r = read_stream(buf_slice(&stream), &s);
	}
	buf_fini(&stream);
	buf_fini(&s.name);
	buf_fini(&s.text);
	return r;
}
