/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* The key of the queue, and the one that takes over from it. */
#include <string.h>

#include "mailstore/engine.h"
#include "mailstore/queue.h"

#define SPOOL_FIELDS(F, L, T) \
	F(T, STR, now, 128) \
	F(T, U8, has_old, 1) \
	F(T, STR, old, 128)
struct spool_wire { SPOOL_FIELDS(WIRE_DECL, WIRE_DECL_LIST, spool_wire) };
static const struct wire_field spool_wire_fields[] = {
	SPOOL_FIELDS(WIRE_ROW, WIRE_ROW_LIST, spool_wire) };
static const struct wire_type spool_wire_wire = { "spool_wire", sizeof(struct spool_wire),
	spool_wire_fields, ARRAY_LEN(spool_wire_fields) };

static const struct slice row_key = { "spool-keys", 10 };

enum { QUEUE_ARENA_MAX = 48 * 1024 * 1024 };

static void
take(struct spool_key *to, struct slice from)
{
	to->n = (uint8_t)from.n;
	if (from.n > 0)
		memcpy(to->octets, from.p, from.n);
}

int
engine_spool_row_get(struct engine *e, struct spool_row *out)
{
	struct spool_wire row;
	struct arena a;
	int r;

	*out = (struct spool_row){ .has_old = false };
	arena_init(&a, 4096);
	r = control_get(e->ctl, CONTROL_META, row_key, &spool_wire_wire, &a, &row);
	if (r == OK) {
		take(&out->now, row.now);
		take(&out->old, row.old);
		out->has_old = row.has_old != 0;
	}
	arena_clear(&a);
	return r == ERR_NOENT ? OK : r;
}

int
engine_spool_row_put(struct engine *e, const struct spool_row *in)
{
	struct spool_wire row = { .now = { (const char *)in->now.octets, in->now.n },
		.old = { (const char *)in->old.octets, in->has_old ? in->old.n : 0 },
		.has_old = in->has_old };

	return control_put(e->ctl, CONTROL_META, row_key, &spool_wire_wire, &row);
}

/* ---- the keys themselves ---- */

int
engine_set_spool_old(struct engine *e, const uint8_t key[32])
{
	if (e->spool_old == NULL)
		e->spool_old = crypt_secret_new(CRYPT_KEY_OCTETS);
	if (e->spool_old == NULL)
		return ERR_NOMEM;
	memcpy(e->spool_old, key, CRYPT_KEY_OCTETS);
	return OK;
}

int
engine_spool_turn(struct engine *e, const uint8_t key[32])
{
	int r = e->spool_key == NULL ? ERR_BAD_STATE : engine_set_spool_old(e, e->spool_key);

	if (r != OK)
		return r;
	e->spool_serial++;
	return engine_set_spool_key(e, key);
}

void
engine_spool_forget_old(struct engine *e)
{
	if (e->spool_old != NULL)
		crypt_secret_free(e->spool_old);
	e->spool_old = NULL;
}

/* ---- entries ---- */

static int
unwrap_by(const uint8_t *spool, uint64_t blob, struct slice wrapped, uint8_t key_out[32])
{
	return spool == NULL ? ERR_CRYPTO : crypt_unwrap(spool, blob,
	    (uint32_t)CRYPT_SPOOL_KEYSET, (const uint8_t *)wrapped.p, key_out);
}

int
engine_spool_unwrap(const struct engine *e, uint64_t blob, struct slice wrapped,
    uint8_t key_out[32])
{
	int r = wrapped.n != CRYPT_WRAP_OCTETS ? ERR_CORRUPT :
	    unwrap_by(e->spool_key, blob, wrapped, key_out);

	return r == ERR_CRYPTO ? unwrap_by(e->spool_old, blob, wrapped, key_out) : r;
}

/* An entry that neither key opens stays as it is: it is held when it is claimed. */
static int
rewrap(struct engine *e, struct slice at, struct arena *a, uint64_t *done)
{
	uint8_t key[CRYPT_KEY_OCTETS], wrapped[CRYPT_WRAP_OCTETS];
	struct control_queue q;
	int r = queue_load(e->ctl, at, a, &q);

	if (r != OK)
		return r == ERR_CORRUPT || r == ERR_VERSION ? OK : r;
	if (q.wrapped_key.n != CRYPT_WRAP_OCTETS ||
	    unwrap_by(e->spool_old, q.body[0].blob, q.wrapped_key, key) != OK)
		return OK;
	crypt_wrap(e->spool_key, q.body[0].blob, (uint32_t)CRYPT_SPOOL_KEYSET, key, wrapped);
	crypt_wipe(key, sizeof key);
	q.wrapped_key = (struct slice){ (const char *)wrapped, sizeof wrapped };
	++*done;
	return queue_store(e->ctl, at, &q);
}

/* The entry behind *at; 1, or 0: there is none. */
static int
next_entry(struct engine *e, struct record_key *at)
{
	struct env_cursor cur;
	int r = env_cursor_open(e->ctl->t, CONTROL_QUEUE, &cur);

	if (r != OK)
		return r;
	r = env_cursor_seek(&cur, at->n == 0 ? (struct slice){ "", 1 } : record_key_slice(at));
	if (r == 1 && at->n > 0 && slice_eq(cur.key, record_key_slice(at)))
		r = env_cursor_next(&cur);
	if (r == 1) {
		at->n = 0;
		record_key_octets(at, cur.key);
	}
	env_cursor_close(&cur);
	return r;
}

int
engine_spool_rewrap(struct engine *e, struct record_key *at, size_t n, uint64_t *done_out)
{
	struct arena a;
	int r = 1;

	arena_init(&a, QUEUE_ARENA_MAX);
	for (size_t i = 0; i < n && r == 1; i++) {
		r = next_entry(e, at);
		if (r == 1) {
			int err = rewrap(e, record_key_slice(at), &a, done_out);

			r = err == OK ? 1 : err;
		}
		arena_clear(&a);
	}
	arena_clear(&a);
	return r;
}
