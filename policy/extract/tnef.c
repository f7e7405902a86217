/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/tnef.h"

#include "policy/extract/cfb.h"
#include "policy/extract/mapi.h"

/*
 *   stream    = signature u32, key u16, *attribute
 *   attribute = level u8, id u32, octets u32, data, checksum u16
 */
enum {
	HEAD_OCTETS = 6, ATTRIBUTE_HEAD = 9, CHECKSUM_OCTETS = 2,
	TYPE_TRIPLES = 0, TYPE_STRING = 1, TYPE_TEXT = 2,	/* upper half of an id */
	ATT_SUBJECT = 0x18004, ATT_CODEPAGE = 0x69007, ATT_PROPERTIES = 0x69003,
	ATT_RECIPIENTS = 0x69004, ATT_RENDERING = 0x69002, ATT_DATA = 0x6800F,
	ATT_TITLE = 0x18010, ATT_METAFILE = 0x68011, ATT_FILE_NAME = 0x69001,
	ATT_ATTACHMENT = 0x69005,
	NAMED = 0x8000, NAME_OCTETS_MAX = 1024,
};

struct tnef {
	struct hand hand;
	struct mapi mapi;
	struct buf  name;
	int	    err;
};

static bool
is_tnef(struct slice s)
{
	return slice_eq(slice_sub(s, 0, 4), SLICE("\x78\x9F\x3E\x22"));
}

/* ---- properties ---- */

static struct slice
take(struct tnef *t, struct slice *s, size_t n)
{
	struct slice head = slice_sub(*s, 0, n);

	if (head.n < n)
		t->err = ERR_CORRUPT;
	*s = slice_from(*s, n);
	return head;
}

static uint32_t
take_u32(struct tnef *t, struct slice *s)
{
	return cfb_u32(take(t, s, 4), 0);
}

/* Octets and what fills them up to a multiple of four; the last may lack that. */
static struct slice
take_padded(struct tnef *t, struct slice *s, uint32_t n)
{
	struct slice v = take(t, s, n);

	*s = slice_from(*s, (4 - n % 4) % 4);
	return v;
}

/* Of a named property: a set's number, then a number or a text. */
static void
read_name(struct tnef *t, struct slice *s)
{
	(void)take(t, s, 16);
	if (take_u32(t, s) == 0) {
		(void)take_u32(t, s);
	} else {
		struct slice name = take_padded(t, s, take_u32(t, s));

		while (name.n > 1 && name.p[name.n - 1] == '\0' && name.p[name.n - 2] == '\0')
			name.n -= 2;
		if (charset_to_utf8(CHARSET_UTF_16LE, name, &t->name, NULL) != OK)
			t->err = ERR_LIMIT;
	}
}

/* Octets of one value of a type that has always as many; 0: it says itself how many. */
static uint32_t
fixed_octets(unsigned type)
{
	switch (type) {
	case MAPI_I2: case MAPI_I4: case MAPI_R4: case MAPI_ERROR: case MAPI_BOOLEAN:
		return 4;
	case MAPI_R8: case MAPI_CURRENCY: case MAPI_APPTIME: case MAPI_I8: case MAPI_TIME:
		return 8;
	case MAPI_GUID:
		return 16;
	default:
		return 0;
	}
}

static bool
is_known(unsigned type)
{
	return fixed_octets(type) > 0 || type == MAPI_STRING8 || type == MAPI_UNICODE ||
	    type == MAPI_BINARY || type == MAPI_OBJECT || type == 1;
}

static void
read_values(struct tnef *t, struct slice *s, unsigned type, unsigned id)
{
	unsigned one = type & ~(unsigned)MAPI_MANY;
	uint32_t fixed = fixed_octets(one), count = 1;

	if (!is_known(one)) {
		t->err = ERR_CORRUPT;
		return;
	}
	if (one == 1)
		return;
	if (fixed == 0 || one != type)
		count = take_u32(t, s);
	for (uint32_t i = 0; i < count && t->err == OK && t->hand.err == OK; i++) {
		uint32_t n = fixed > 0 ? fixed : take_u32(t, s);
		struct slice v = take_padded(t, s, n);

		if (t->err == OK)
			mapi_value(&t->mapi, one, id, buf_slice(&t->name), v);
	}
}

/* A count, then as many properties; what is behind them is the caller's. */
static void
read_properties(struct tnef *t, struct slice *s)
{
	uint32_t count = take_u32(t, s);

	for (uint32_t i = 0; i < count && t->err == OK && t->hand.err == OK; i++) {
		uint32_t tag = take_u32(t, s);

		buf_clear(&t->name);
		if (tag >> 16 >= NAMED)
			read_name(t, s);
		if (t->err == OK)
			read_values(t, s, tag & 0xFFFF, tag >> 16);
	}
}

static void
read_recipients(struct tnef *t, struct slice s)
{
	uint32_t rows = take_u32(t, &s);

	for (uint32_t i = 0; i < rows && t->err == OK && t->hand.err == OK; i++)
		read_properties(t, &s);
}

/* ---- attributes ---- */

static void
attribute(struct tnef *t, uint32_t id, struct slice data)
{
	switch (id) {
	case ATT_CODEPAGE:
		t->mapi.charset = mapi_charset(cfb_u32(data, 0));
		break;
	case ATT_PROPERTIES: case ATT_ATTACHMENT:
		read_properties(t, &data);
		break;
	case ATT_RECIPIENTS:
		read_recipients(t, data);
		break;
	case ATT_RENDERING:	/* the next attachment begins */
		t->mapi.number = hand_number(&t->hand);
		break;
	case ATT_DATA:
		if (t->mapi.number == 0)
			t->mapi.number = hand_number(&t->hand);
		hand_file(&t->hand, t->mapi.number, data);
		break;
	case ATT_METAFILE:
		hand_file(&t->hand, hand_number(&t->hand), data);
		break;
	case ATT_SUBJECT:
		mapi_value(&t->mapi, MAPI_STRING8, 0x0037, SLICE(""), data);
		break;
	case ATT_TITLE: case ATT_FILE_NAME:
		mapi_value(&t->mapi, MAPI_STRING8, 0x3707, SLICE(""), data);
		break;
	default:
		if (id >> 16 == TYPE_TEXT || id >> 16 == TYPE_STRING || id >> 16 == TYPE_TRIPLES)
			mapi_value(&t->mapi, MAPI_STRING8, 0, SLICE(""), data);
		break;
	}
}

static void
read_attributes(struct tnef *t, struct slice s)
{
	while (s.n > 0 && t->err == OK && t->hand.err == OK) {
		struct slice head = take(t, &s, ATTRIBUTE_HEAD), data;
		unsigned level = head.n > 0 ? (unsigned char)head.p[0] : 0;

		data = take(t, &s, cfb_u32(head, 5));
		(void)take(t, &s, CHECKSUM_OCTETS);
		if (level != 1 && level != 2)
			t->err = ERR_CORRUPT;
		if (t->err == OK)
			attribute(t, cfb_u32(head, 1), data);
	}
}

int
tnef_run(struct slice octets, const struct extract_limits *limits, extract_sink_fn *sink, void *arg)
{
	struct tnef t = { .err = is_tnef(octets) ? OK : ERR_CORRUPT };
	int err;

	hand_init(&t.hand, limits, sink, arg);
	mapi_init(&t.mapi, &t.hand);
	buf_init(&t.name, NAME_OCTETS_MAX);
	if (t.err == OK)
		read_attributes(&t, slice_from(octets, HEAD_OCTETS));
	err = hand_end(&t.hand, t.err);
	mapi_fini(&t.mapi);
	buf_fini(&t.name);
	return err;
}
