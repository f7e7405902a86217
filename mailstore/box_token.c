/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/box.h"

enum { TOKEN_AGE_S = 24 * 3600, TRIM_AT_ONCE = 4 };

static struct record_key
token_key(const struct box_scope *sc, struct slice token)
{
	struct record_key k = record_key(sc->account, RECORD_TOKEN);

	record_key_octets(&k, token);
	return k;
}

int
box_token_get(struct index *ix, const struct box_scope *sc, struct slice token,
    const struct wire_type *type, struct arena *a, void *reply_out)
{
	struct record_key k = token_key(sc, token);
	struct slice key = record_key_slice(&k), val;
	int r;

	if (token.n != ST_ID_OCTETS)
		return ERR_NOENT;
	r = env_get(ix->t, INDEX_T, key, &val);
	return r == OK ? record_wire_get(key, val, type, a, reply_out) : r;
}

static struct record_key
age_key(const struct box_scope *sc, int64_t time_s)
{
	struct record_key k = record_key(sc->account, RECORD_TOKEN_AGE);

	record_key_u32(&k, (uint32_t)time_s);
	return k;
}

static int
trim(struct index *ix, const struct box_scope *sc)
{
	struct record_key prefix = record_key(sc->account, RECORD_TOKEN_AGE);
	struct record_key first = age_key(sc, 0);
	struct env_cursor c;
	int r = env_cursor_open(ix->t, INDEX_T, &c);

	if (r != OK)
		return r;
	for (int i = 0; i < TRIM_AT_ONCE; i++) {
		struct record_key token = record_key(sc->account, RECORD_TOKEN);

		r = env_cursor_seek(&c, record_key_slice(&first));
		if (r != 1 || !record_key_under(c.key, &prefix) ||
		    record_key_read_u32(c.key, 5) + (uint64_t)TOKEN_AGE_S > (uint64_t)sc->now_s)
			break;
		record_key_octets(&token, slice_sub(c.key, 9, ST_ID_OCTETS));
		r = env_cursor_del(ix->t, &c);
		if (r == OK)
			r = env_del(ix->t, INDEX_T, record_key_slice(&token));
		if (r != OK)
			break;
	}
	env_cursor_close(&c);
	return r < 0 ? r : OK;
}

int
box_token_put(struct index *ix, const struct box_scope *sc, struct slice token,
    const struct wire_type *type, const void *reply)
{
	struct record_key k = token_key(sc, token), age = age_key(sc, sc->now_s);
	int r;

	if (token.n != ST_ID_OCTETS)
		return OK;
	r = record_wire_put(record_key_slice(&k), type, reply, &ix->row);
	if (r == OK)
		r = env_put(ix->t, INDEX_T, record_key_slice(&k), buf_slice(&ix->row));
	record_key_octets(&age, token);
	if (r == OK) {
		record_u64_put(record_key_slice(&age), 0, &ix->row);
		r = env_put(ix->t, INDEX_T, record_key_slice(&age), buf_slice(&ix->row));
	}
	return r == OK ? trim(ix, sc) : r;
}
