/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/sync.h"

#include <string.h>

enum {
	BER_BOOLEAN = 0x01, BER_OCTETS = 0x04, BER_ENUMERATED = 0x0a, BER_SEQUENCE = 0x30,
	BER_SET = 0x31, CHOICE_PRIMITIVE = 0x80, CHOICE_CONSTRUCTED = 0xa0,
	REFRESH_AND_PERSIST = 3,
};

/* ---- writing ---- */

static void
add_length(struct buf *out, size_t n)
{
	if (n >= 0x80) {
		buf_addc(out, (char)0x82);
		buf_addc(out, (char)(n >> 8));
	}
	buf_addc(out, (char)n);
}

/* syncRequestValue ::= SEQUENCE { mode ENUMERATED, cookie OCTET STRING OPTIONAL, ... } */
void
sync_request(struct slice cookie, struct buf *out)
{
	size_t head = cookie.n == 0 ? 0 : cookie.n < 0x80 ? 2 : 4;

	if (cookie.n > SYNC_COOKIE_MAX)
		cookie.n = head = 0;
	buf_addc(out, BER_SEQUENCE);
	add_length(out, 3 + head + cookie.n);
	buf_addc(out, BER_ENUMERATED);
	add_length(out, 1);
	buf_addc(out, REFRESH_AND_PERSIST);
	if (cookie.n == 0)
		return;
	buf_addc(out, BER_OCTETS);
	add_length(out, cookie.n);
	buf_add(out, cookie);
}

/* ---- reading ---- */

/* One element: its tag and content, cut off the front of *in. */
static int
element(struct slice *in, unsigned *tag_out, struct slice *out)
{
	const uint8_t *p = (const uint8_t *)in->p;
	size_t n, at = 2;

	if (in->n < 2)
		return ERR_SYNTAX;
	n = p[1];
	if (n >= 0x80) {
		size_t octets = n & 0x7f;

		if (octets == 0 || octets > 4 || in->n < 2 + octets)
			return ERR_SYNTAX;
		for (n = 0; octets > 0; octets--)
			n = n << 8 | p[at++];
	}
	if (n > in->n - at)
		return ERR_SYNTAX;
	*tag_out = p[0];
	*out = slice_sub(*in, at, n);
	*in = slice_from(*in, at + n);
	return OK;
}

/* An element of this tag, if it comes next: 1; 0: another, or none; ERR_SYNTAX. */
static int
optional(struct slice *in, unsigned tag, struct slice *out)
{
	unsigned found;
	int r;

	*out = (struct slice){ NULL, 0 };
	if (in->n == 0 || (uint8_t)in->p[0] != tag)
		return 0;
	r = element(in, &found, out);
	return r == OK ? 1 : r;
}

static int
optional_cookie(struct slice *in, struct slice *out)
{
	int r = optional(in, BER_OCTETS, out);

	return r >= 0 && out->n > SYNC_COOKIE_MAX ? ERR_SYNTAX : r;
}

static int
optional_boolean(struct slice *in, bool *value)
{
	struct slice v;
	int r = optional(in, BER_BOOLEAN, &v);

	if (r == 1 && v.n != 1)
		return ERR_SYNTAX;
	if (r == 1)
		*value = v.p[0] != 0;
	return r;
}

/* syncStateValue ::= SEQUENCE { state ENUMERATED, entryUUID, cookie OPTIONAL } */
int
sync_parse_state(struct slice in, struct sync_state *out)
{
	struct slice body, state, guid;

	if (optional(&in, BER_SEQUENCE, &body) != 1 || in.n > 0 ||
	    optional(&body, BER_ENUMERATED, &state) != 1 || state.n != 1 ||
	    (uint8_t)state.p[0] > SYNC_DELETE || optional(&body, BER_OCTETS, &guid) != 1 ||
	    guid.n != sizeof out->guid || optional_cookie(&body, &out->cookie) < 0 || body.n > 0)
		return ERR_SYNTAX;
	out->state = (enum sync_entry_state)state.p[0];
	memcpy(out->guid, guid.p, guid.n);
	return OK;
}

/* { cookie OPTIONAL, refreshDone BOOLEAN DEFAULT TRUE } */
static int
parse_refresh(struct slice body, struct sync_info *out)
{
	out->done = true;
	if (optional_cookie(&body, &out->cookie) < 0 || optional_boolean(&body, &out->done) < 0)
		return ERR_SYNTAX;
	return body.n == 0 ? OK : ERR_SYNTAX;
}

/* { cookie OPTIONAL, refreshDeletes BOOLEAN DEFAULT FALSE, syncUUIDs SET OF syncUUID } */
static int
parse_id_set(struct slice body, struct sync_info *out)
{
	struct slice rest;
	uint8_t id[GUIDMAP_GUID_OCTETS];
	int r;

	if (optional_cookie(&body, &out->cookie) < 0 ||
	    optional_boolean(&body, &out->deletes) < 0 ||
	    optional(&body, BER_SET, &out->ids) != 1 || body.n > 0)
		return ERR_SYNTAX;
	rest = out->ids;
	while ((r = sync_next_id(&rest, id)) == 1)
		;
	return r;
}

int
sync_parse_info(struct slice in, struct sync_info *out)
{
	struct slice body;
	unsigned tag;

	*out = (struct sync_info){ .kind = SYNC_NEW_COOKIE };
	if (element(&in, &tag, &body) != OK || in.n > 0)
		return ERR_SYNTAX;
	switch (tag) {
	case CHOICE_PRIMITIVE | SYNC_NEW_COOKIE:
		out->cookie = body;
		return body.n <= SYNC_COOKIE_MAX ? OK : ERR_SYNTAX;
	case CHOICE_CONSTRUCTED | SYNC_REFRESH_DELETE:
	case CHOICE_CONSTRUCTED | SYNC_REFRESH_PRESENT:
		out->kind = (enum sync_info_kind)(tag & 3);
		return parse_refresh(body, out);
	case CHOICE_CONSTRUCTED | SYNC_ID_SET:
		out->kind = SYNC_ID_SET;
		return parse_id_set(body, out);
	default:
		return ERR_SYNTAX;
	}
}

int
sync_next_id(struct slice *ids, uint8_t out[GUIDMAP_GUID_OCTETS])
{
	struct slice id;

	if (ids->n == 0)
		return 0;
	if (optional(ids, BER_OCTETS, &id) != 1 || id.n != GUIDMAP_GUID_OCTETS)
		return ERR_SYNTAX;
	memcpy(out, id.p, GUIDMAP_GUID_OCTETS);
	return 1;
}
