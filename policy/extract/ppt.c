/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/ppt.h"

#include "policy/extract/entity.h"
#include "policy/extract/officeart.h"

enum {
	HEAD = 8,
	CONTAINER = 15,		/* the version of a record of records */
	TEXT_CHARS = 4000, TEXT_BYTES = 4008, CSTRING = 4026,
	BINARY_TAG = 5003,	/* holds records though its version does not say so */
	OBJECT = 4113, SOUND = 2023, USER_EDIT = 4085, CRYPT_SESSION = 12052,
	USER_EDIT_ENCRYPTED = 32,	/* octets of that record then */
};

static const uint32_t encrypted_token = 0xF3D1C4DF;

static void
character(struct buf *text, uint32_t c)
{
	if (c == '\r' || c == 0x0B || c == 0)
		buf_addc(text, '\n');
	else if (c >= 0x20 || c == '\t')
		entity_put(text, c);
}

static void
wide_text(struct slice s, struct buf *text)
{
	uint32_t lead = 0, c;

	for (size_t i = 0; i + 2 <= s.n; i += 2)
		if (entity_utf16(&lead, cfb_u16(s, i), &c))
			character(text, c);
	buf_addc(text, '\n');
}

static void
narrow_text(struct slice s, struct buf *text)
{
	for (size_t i = 0; i < s.n; i++)
		character(text, (unsigned char)s.p[i]);
	buf_addc(text, '\n');
}

static int
one_record(unsigned type, unsigned instance, struct slice body, struct hand *h, struct buf *text)
{
	switch (type) {
	case TEXT_CHARS: case CSTRING:
		wide_text(body, text);
		break;
	case TEXT_BYTES:
		narrow_text(body, text);
		break;
	case OBJECT:	/* a compound file, deflated behind its size */
		if (instance == 1)
			officeart_inflate(slice_from(body, 4), h, hand_number(h));
		else
			hand_file(h, hand_number(h), body);
		break;
	case SOUND:
		hand_file(h, hand_number(h), body);
		break;
	case USER_EDIT:
		return body.n == USER_EDIT_ENCRYPTED && cfb_u32(body, 28) != 0 ? ERR_ACCESS : OK;
	default:
		break;
	}
	return text->err;
}

static int
read_records(struct slice s, struct hand *h, struct buf *text)
{
	int r = OK;

	while (s.n >= HEAD && r == OK && h->err == OK) {
		unsigned version = cfb_u16(s, 0), type = cfb_u16(s, 2);
		uint32_t n = cfb_u32(s, 4);

		s = slice_from(s, HEAD);
		if (n > s.n)
			return ERR_CORRUPT;
		if (type == CRYPT_SESSION)
			return ERR_ACCESS;
		if ((version & 15) == CONTAINER || type == BINARY_TAG)
			continue;
		r = one_record(type, version >> 4, slice_sub(s, 0, n), h, text);
		s = slice_from(s, n);
	}
	return r;
}

/* The other stream says so first. */
static bool
is_encrypted(struct cfb *c, uint32_t folder, struct buf *b)
{
	uint32_t user = cfb_find(c, folder, "Current User");

	return user != CFB_NONE && cfb_stream(c, user, b) == OK &&
	    cfb_u32(buf_slice(b), 12) == encrypted_token;
}

int
ppt_text(struct cfb *c, uint32_t folder, struct hand *h, struct buf *text)
{
	struct buf stream;
	int r;

	buf_init(&stream, c->octets.n + 1);
	r = is_encrypted(c, folder, &stream) ? ERR_ACCESS :
	    cfb_stream(c, cfb_find(c, folder, "PowerPoint Document"), &stream);
	if (r == OK)
		r = read_records(buf_slice(&stream), h, text);
	buf_fini(&stream);
	return r;
}
