/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/control.h"

#include <assert.h>
#include <stdlib.h>

#include "mailstore/index.h"

WIRE_TYPE(control_account, CONTROL_ACCOUNT_FIELDS)
WIRE_TYPE(control_blob, CONTROL_BLOB_FIELDS)
WIRE_TYPE(control_copy, CONTROL_COPY_FIELDS)
WIRE_TYPE(control_intent, CONTROL_INTENT_FIELDS)
WIRE_TYPE(control_queue, CONTROL_QUEUE_FIELDS)

/* An account of version 1. */
#define KEYSET_OLD_FIELDS(F, L, T) \
	F(T, U32, id, 0) \
	F(T, U8, class, 3) \
	F(T, STR, public_key, 32) \
	F(T, STR, wrapped, 128)
struct keyset_old { KEYSET_OLD_FIELDS(WIRE_DECL, WIRE_DECL_LIST, keyset_old) };
static const struct wire_field keyset_old_fields[] = {
	KEYSET_OLD_FIELDS(WIRE_ROW, WIRE_ROW_LIST, keyset_old) };
static const struct wire_type keyset_old_wire = { "keyset_old", sizeof(struct keyset_old),
	keyset_old_fields, ARRAY_LEN(keyset_old_fields) };

#define ACCOUNT_OLD_FIELDS(F, L, T) \
	F(T, U32, number, 0) \
	F(T, STR, guid, 16) \
	F(T, STR, uid, 128) \
	F(T, STR, address, 320) \
	L(T, keyset_old, keysets, 8)
struct account_old { ACCOUNT_OLD_FIELDS(WIRE_DECL, WIRE_DECL_LIST, account_old) };
static const struct wire_field account_old_fields[] = {
	ACCOUNT_OLD_FIELDS(WIRE_ROW, WIRE_ROW_LIST, account_old) };
static const struct wire_type account_old_wire = { "account_old", sizeof(struct account_old),
	account_old_fields, ARRAY_LEN(account_old_fields) };

enum { ACCOUNT_VERSION = 2 };

static int
account_old_get(struct slice key, struct slice val, struct arena *a, struct control_account *out)
{
	struct account_old old;
	int r = record_wire_get_as(key, val, 1, &account_old_wire, a, &old);

	if (r != OK)
		return r;
	*out = (struct control_account){ .number = old.number, .guid = old.guid, .uid = old.uid,
		.address = old.address, .keysets_n = old.keysets_n,
		.keysets = arena_array(a, old.keysets_n, sizeof *out->keysets) };
	if (out->keysets == NULL)
		return a->err;
	for (size_t i = 0; i < old.keysets_n; i++)
		out->keysets[i] = (struct st_keyset){ .id = old.keysets[i].id,
			.class = old.keysets[i].class, .public_key = old.keysets[i].public_key,
			.wrapped = old.keysets[i].wrapped };
	return OK;
}

int
control_account_get(struct slice key, struct slice val, struct arena *a,
    struct control_account *out)
{
	return record_version(val) == 1 ? account_old_get(key, val, a, out) :
	    record_wire_get_as(key, val, ACCOUNT_VERSION, &control_account_wire, a, out);
}

int
control_get_account(struct control *c, struct slice guid, struct arena *a,
    struct control_account *out)
{
	struct slice val;
	int r = env_get(c->t, CONTROL_ACCOUNT, guid, &val);

	return r == OK ? control_account_get(guid, val, a, out) : r;
}

int
control_put_account(struct control *c, const struct control_account *row)
{
	int r = record_wire_put_as(row->guid, ACCOUNT_VERSION, &control_account_wire, row, &c->row);

	return r == OK ? env_put(c->t, CONTROL_ACCOUNT, row->guid, buf_slice(&c->row)) : r;
}

/* An intent of version 1. */
#define INTENT_OLD_FIELDS(F, L, T) \
	F(T, STR, id, 16) \
	L(T, control_blob, body, 1) \
	F(T, U8, level, 3) \
	F(T, U64, internal_date_s, 0) \
	L(T, control_copy, copies, 21000)
struct intent_old { INTENT_OLD_FIELDS(WIRE_DECL, WIRE_DECL_LIST, intent_old) };
static const struct wire_field intent_old_fields[] = {
	INTENT_OLD_FIELDS(WIRE_ROW, WIRE_ROW_LIST, intent_old) };
static const struct wire_type intent_old_wire = { "intent_old", sizeof(struct intent_old),
	intent_old_fields, ARRAY_LEN(intent_old_fields) };

enum { INTENT_VERSION = 2 };

int
control_intent_put(struct slice key, const struct control_intent *row, struct buf *out)
{
	return record_wire_put_as(key, INTENT_VERSION, &control_intent_wire, row, out);
}

int
control_intent_get(struct slice key, struct slice val, struct arena *a,
    struct control_intent *out)
{
	struct intent_old old;
	int r;

	if (record_version(val) != 1)
		return record_wire_get_as(key, val, INTENT_VERSION, &control_intent_wire, a, out);
	r = record_wire_get_as(key, val, 1, &intent_old_wire, a, &old);
	if (r == OK)
		*out = (struct control_intent){ .id = old.id, .body = old.body,
			.body_n = old.body_n, .level = old.level,
			.internal_date_s = old.internal_date_s, .copies = old.copies,
			.copies_n = old.copies_n };
	return r;
}

static const char *const trees[] = { "account", "intent", "stuck", "done", "age", "queue", "due",
	"audit", "checkpoint", "meta" };

enum { ROW_MAX = 32 * 1024 * 1024, DONE_AGE_S = 24 * 3600, TRIM_AT_ONCE = 4 };

const char *const *
control_trees(size_t *n_out)
{
	*n_out = ARRAY_LEN(trees);
	return trees;
}

int
control_open(const char *dir, uint64_t map_octets, bool read_only, struct control **out)
{
	struct control *c = calloc(1, sizeof *c);
	int r;

	*out = c;
	if (c == NULL)
		return ERR_NOMEM;
	buf_init(&c->row, ROW_MAX);
	r = env_open(dir, map_octets, read_only, trees, ARRAY_LEN(trees), &c->env);
	if (r == OK)
		r = index_check_format(c->env, CONTROL_META, read_only);
	if (r != OK)
		control_close(out);
	return r;
}

void
control_close(struct control **c)
{
	if (*c == NULL)
		return;
	control_abort(*c);
	env_close(&(*c)->env);
	buf_fini(&(*c)->row);
	free(*c);
	*c = NULL;
}

int
control_begin_read(struct control *c)
{
	assert(c->t == NULL);
	return env_begin_read(c->env, &c->t);
}

int
control_begin_write(struct control *c)
{
	assert(c->t == NULL);
	return env_begin_write(c->env, &c->t);
}

int
control_commit(struct control *c)
{
	return env_commit(&c->t);
}

void
control_abort(struct control *c)
{
	env_abort(&c->t);
}

int
control_put(struct control *c, enum control_tree tree, struct slice key,
    const struct wire_type *type, const void *msg)
{
	int r = record_wire_put(key, type, msg, &c->row);

	return r == OK ? env_put(c->t, tree, key, buf_slice(&c->row)) : r;
}

int
control_put_intent(struct control *c, enum control_tree tree, struct slice key,
    const struct control_intent *row)
{
	int r = control_intent_put(key, row, &c->row);

	return r == OK ? env_put(c->t, tree, key, buf_slice(&c->row)) : r;
}

int
control_get(struct control *c, enum control_tree tree, struct slice key,
    const struct wire_type *type, struct arena *a, void *msg_out)
{
	struct slice val;
	int r = env_get(c->t, tree, key, &val);

	return r == OK ? record_wire_get(key, val, type, a, msg_out) : r;
}

int
control_del(struct control *c, enum control_tree tree, struct slice key)
{
	return env_del(c->t, tree, key);
}

int
control_put_u64(struct control *c, enum control_tree tree, struct slice key, uint64_t v)
{
	record_u64_put(key, v, &c->row);
	return c->row.err != OK ? c->row.err : env_put(c->t, tree, key, buf_slice(&c->row));
}

int
control_get_u64(struct control *c, enum control_tree tree, struct slice key, uint64_t *out)
{
	struct slice val;
	int r = env_get(c->t, tree, key, &val);

	return r == OK ? record_u64_get(key, val, out) : r;
}

int
control_count(struct control *c, enum control_tree tree, uint64_t *out)
{
	return env_count(c->t, tree, out);
}

int
control_is_done(struct control *c, struct slice id)
{
	uint64_t when;
	int r = control_get_u64(c, CONTROL_DONE, id, &when);

	return r == OK ? 1 : r == ERR_NOENT ? 0 : r;
}

static int
trim_done(struct control *c, int64_t now_s)
{
	struct env_cursor cur;
	int r = env_cursor_open(c->t, CONTROL_AGE, &cur);

	if (r != OK)
		return r;
	for (int i = 0; i < TRIM_AT_ONCE; i++) {
		r = env_cursor_seek(&cur, SLICE("\0"));
		if (r != 1 || record_key_read_u32(cur.key, 0) + (int64_t)DONE_AGE_S > now_s)
			break;
		r = control_del(c, CONTROL_DONE, slice_from(cur.key, 4));
		if (r == OK)
			r = env_cursor_del(c->t, &cur);
		if (r != OK)
			break;
	}
	env_cursor_close(&cur);
	return r < 0 ? r : OK;
}

int
control_set_done(struct control *c, struct slice id, int64_t now_s)
{
	struct record_key age = { .n = 0 };
	int r = control_put_u64(c, CONTROL_DONE, id, (uint64_t)now_s);

	record_key_u32(&age, (uint32_t)now_s);
	record_key_octets(&age, id);
	if (r == OK)
		r = control_put_u64(c, CONTROL_AGE, record_key_slice(&age), 0);
	return r == OK ? trim_done(c, now_s) : r;
}
