/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/index.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char *const trees[] = { "t", "blob", "guid", "meta", "seg", "gc", "group" };

enum { ROW_MAX = 8 * 1024 * 1024 };

int
index_check_format(struct env *env, unsigned meta_tree, bool read_only)
{
	struct slice key = SLICE("format"), val;
	struct env_txn *t;
	uint64_t have = 0;
	struct buf row;
	int r;

	buf_init(&row, 64);
	r = read_only ? env_begin_read(env, &t) : env_begin_write(env, &t);
	if (r != OK)
		return r;
	r = env_get(t, meta_tree, key, &val);
	if (r == OK)
		r = record_u64_get(key, val, &have);
	if (r == OK && have > INDEX_FORMAT)
		r = ERR_VERSION;
	if (r == OK && have < INDEX_FORMAT && read_only)
		r = ERR_UNAVAIL;
	if (r == ERR_NOENT && !read_only) {
		record_u64_put(key, INDEX_FORMAT, &row);
		r = row.err != OK ? row.err : env_put(t, meta_tree, key, buf_slice(&row));
		if (r == OK)
			r = env_commit(&t);
	}
	env_abort(&t);
	buf_fini(&row);
	return r;
}

const char *const *
index_trees(size_t *n_out)
{
	*n_out = ARRAY_LEN(trees);
	return trees;
}

int
index_open(const char *dir, uint64_t map_octets, bool read_only, struct index **out)
{
	struct index *ix = calloc(1, sizeof *ix);
	int r;

	*out = ix;
	if (ix == NULL)
		return ERR_NOMEM;
	buf_init(&ix->row, ROW_MAX);
	r = env_open(dir, map_octets, read_only, trees, ARRAY_LEN(trees), &ix->env);
	if (r == OK)
		r = index_check_format(ix->env, INDEX_META, read_only);
	if (r != OK)
		index_close(out);
	return r;
}

void
index_close(struct index **ix)
{
	if (*ix == NULL)
		return;
	index_abort(*ix);
	env_close(&(*ix)->env);
	buf_fini(&(*ix)->row);
	free(*ix);
	*ix = NULL;
}

int
index_begin_read(struct index *ix)
{
	assert(ix->t == NULL);
	return env_begin_read(ix->env, &ix->t);
}

int
index_begin_write(struct index *ix)
{
	assert(ix->t == NULL);
	ix->touched = (struct index_touched){ .some = false };
	return env_begin_write(ix->env, &ix->t);
}

int
index_commit(struct index *ix)
{
	return env_commit(&ix->t);
}

void
index_abort(struct index *ix)
{
	env_abort(&ix->t);
}

/* Write what was put into ix->row. */
static int
put_row(struct index *ix, enum index_tree tree, struct slice key)
{
	if (ix->row.err != OK)
		return ix->row.err;
	return env_put(ix->t, tree, key, buf_slice(&ix->row));
}

/* ---- accounts ---- */

int
index_account_get(struct index *ix, uint32_t account, struct record_account *out)
{
	struct record_key k = record_key(account, RECORD_ACCOUNT);
	struct slice key = record_key_slice(&k), val;
	int r = env_get(ix->t, INDEX_T, key, &val);

	return r == OK ? record_account_get(key, val, out) : r;
}

int
index_account_put(struct index *ix, uint32_t account, const struct record_account *a)
{
	struct record_key k = record_key(account, RECORD_ACCOUNT);
	struct slice key = record_key_slice(&k);

	record_account_put(key, a, &ix->row);
	return put_row(ix, INDEX_T, key);
}

int
index_account_find(struct index *ix, struct slice guid, uint32_t *account_out)
{
	struct slice val;
	uint64_t v;
	int r;

	if (guid.n != 16)
		return ERR_NOENT;
	r = env_get(ix->t, INDEX_GUID, guid, &val);
	if (r == OK)
		r = record_u64_get(guid, val, &v);
	if (r == OK)
		*account_out = (uint32_t)v;
	return r;
}

int
index_guid_put(struct index *ix, struct slice guid, uint32_t account)
{
	record_u64_put(guid, account, &ix->row);
	return put_row(ix, INDEX_GUID, guid);
}

/* ---- mailboxes ---- */

int
index_box_get(struct index *ix, uint32_t account, uint32_t mailbox, struct record_box *out)
{
	struct record_key k = record_key_box(account, mailbox);
	struct slice key = record_key_slice(&k), val;
	int r = env_get(ix->t, INDEX_T, key, &val);

	return r == OK ? record_box_get(key, val, out) : r;
}

static void
touch(struct index *ix, uint32_t account, uint32_t mailbox, uint32_t uid)
{
	struct index_touched *t = &ix->touched;

	if (t->some && (t->account != account || t->mailbox != mailbox))
		t->lost = true;
	if (!t->some || t->lost) {
		*t = (struct index_touched){ account, mailbox, uid, uid, true, t->lost };
		return;
	}
	if (uid < t->lo)
		t->lo = uid;
	if (uid > t->hi)
		t->hi = uid;
}

/* A change that goes on where the last one ended (mail that arrives) needs no place of its own. */
static void
add_recent(struct record_box *box, uint32_t lo, uint32_t hi)
{
	struct record_recent *last = &box->recent[box->recent_n - (box->recent_n > 0)];

	if (box->recent_n > 0 && lo <= last->hi + UINT64_C(1) && hi >= last->lo && hi >= last->hi) {
		last->modseq = box->modseq;
		last->lo = lo < last->lo ? lo : last->lo;
		last->hi = hi;
		return;
	}
	if (box->recent_n == RECORD_RECENT_MAX) {
		box->recent_floor = box->recent[0].modseq;
		memmove(box->recent, box->recent + 1, sizeof box->recent - sizeof *box->recent);
		box->recent_n--;
	}
	box->recent[box->recent_n++] = (struct record_recent){ box->modseq, lo, hi };
}

static void
note_recent(struct index *ix, struct record_box *box)
{
	struct index_touched *t = &ix->touched;
	bool mine = t->some && t->account == box->account && t->mailbox == box->id;

	if (box->modseq != box->recent_top) {
		if (t->lost || box->recent_top == 0) {
			box->recent_n = 0;
			box->recent_floor = box->modseq;
		} else if (mine)
			add_recent(box, t->lo, t->hi);
		box->recent_top = box->modseq;
	}
	if (mine)
		t->some = false;
}

int
index_box_put(struct index *ix, struct record_box *box)
{
	struct record_key k = record_key_box(box->account, box->id);
	struct slice key = record_key_slice(&k);

	note_recent(ix, box);
	record_box_put(key, box, &ix->row);
	return put_row(ix, INDEX_T, key);
}

int
index_box_del(struct index *ix, const struct record_box *box)
{
	struct record_key k = record_key_box(box->account, box->id);

	return env_del(ix->t, INDEX_T, record_key_slice(&k));
}

int
index_name_find(struct index *ix, uint32_t account, struct slice name, uint32_t *mailbox_out)
{
	struct record_key k = record_key_name(account, RECORD_NAME, name);
	struct slice key = record_key_slice(&k), val;
	uint64_t v;
	int r = env_get(ix->t, INDEX_T, key, &val);

	if (r == OK)
		r = record_u64_get(key, val, &v);
	if (r == OK)
		*mailbox_out = (uint32_t)v;
	return r;
}

int
index_name_put(struct index *ix, uint32_t account, struct slice name, uint32_t mailbox)
{
	struct record_key k = record_key_name(account, RECORD_NAME, name);
	struct slice key = record_key_slice(&k);

	record_u64_put(key, mailbox, &ix->row);
	return put_row(ix, INDEX_T, key);
}

int
index_name_del(struct index *ix, uint32_t account, struct slice name)
{
	struct record_key k = record_key_name(account, RECORD_NAME, name);

	return env_del(ix->t, INDEX_T, record_key_slice(&k));
}

int
index_subscribe(struct index *ix, uint32_t account, struct slice name, bool on)
{
	struct record_key k = record_key_name(account, RECORD_SUBSCRIBED, name);
	struct slice key = record_key_slice(&k);

	if (!on)
		return env_del(ix->t, INDEX_T, key);
	record_text_put(key, name, &ix->row);
	return put_row(ix, INDEX_T, key);
}

int
index_is_subscribed(struct index *ix, uint32_t account, struct slice name)
{
	struct record_key k = record_key_name(account, RECORD_SUBSCRIBED, name);
	struct slice val;
	int r = env_get(ix->t, INDEX_T, record_key_slice(&k), &val);

	return r == OK ? 1 : r == ERR_NOENT ? 0 : r;
}

/* ---- messages ---- */

int
index_message_get(struct index *ix, uint32_t account, uint32_t mailbox, uint32_t uid,
    struct store_record *out)
{
	struct record_key k = record_key_message(account, mailbox, uid);
	struct slice key = record_key_slice(&k), val;
	int r = env_get(ix->t, INDEX_T, key, &val);

	return r == OK ? record_message_get(key, val, out) : r;
}

int
index_message_put(struct index *ix, uint32_t account, uint32_t mailbox,
    const struct store_record *m)
{
	struct record_key k = record_key_message(account, mailbox, m->uid);
	struct slice key = record_key_slice(&k);

	touch(ix, account, mailbox, m->uid);
	record_message_put(key, m, &ix->row);
	return put_row(ix, INDEX_T, key);
}

int
index_message_del(struct index *ix, uint32_t account, uint32_t mailbox, uint32_t uid)
{
	struct record_key k = record_key_message(account, mailbox, uid);

	return env_del(ix->t, INDEX_T, record_key_slice(&k));
}

int
index_blob_get(struct index *ix, uint64_t blob, struct record_blob *out)
{
	struct record_key k = record_key_blob(blob);
	struct slice key = record_key_slice(&k), val;
	int r = env_get(ix->t, INDEX_BLOB, key, &val);

	return r == OK ? record_blob_get(key, val, out) : r;
}

int
index_blob_put(struct index *ix, uint64_t blob, const struct record_blob *b)
{
	struct record_key k = record_key_blob(blob);
	struct slice key = record_key_slice(&k);

	record_blob_put(key, b, &ix->row);
	return put_row(ix, INDEX_BLOB, key);
}

int
index_segment_get(struct index *ix, uint32_t segment, struct record_segment *out)
{
	struct record_key k = record_key_segment(segment);
	struct slice key = record_key_slice(&k), val;
	int r = env_get(ix->t, INDEX_SEG, key, &val);

	return r == OK ? record_segment_get(key, val, out) : r;
}

int
index_segment_put(struct index *ix, uint32_t segment, const struct record_segment *s)
{
	struct record_key k = record_key_segment(segment);
	struct slice key = record_key_slice(&k);

	record_segment_put(key, s, &ix->row);
	return put_row(ix, INDEX_SEG, key);
}

int
index_segment_del(struct index *ix, uint32_t segment)
{
	struct record_key k = record_key_segment(segment);

	return env_del(ix->t, INDEX_SEG, record_key_slice(&k));
}

int
index_gc_put(struct index *ix, int64_t time_s, uint64_t blob)
{
	struct record_key k = record_key_gc((uint32_t)time_s, blob);

	return env_put(ix->t, INDEX_GC, record_key_slice(&k), (struct slice){ "", 0 });
}

int
index_blob_del(struct index *ix, uint64_t blob)
{
	struct record_key k = record_key_blob(blob);

	return env_del(ix->t, INDEX_BLOB, record_key_slice(&k));
}

int
index_group_get(struct index *ix, struct slice group, struct record_group *out)
{
	struct slice val;
	int r = env_get(ix->t, INDEX_GROUP, group, &val);

	return r == OK ? record_group_get(group, val, out) : r;
}

int
index_group_put(struct index *ix, struct slice group, const struct record_group *g)
{
	record_group_put(group, g, &ix->row);
	return put_row(ix, INDEX_GROUP, group);
}

int
index_seen_get(struct index *ix, uint32_t account, uint32_t mailbox, uint32_t reader,
    struct record_seen *out)
{
	struct record_key k = record_key_seen(account, mailbox, reader);
	struct slice key = record_key_slice(&k), val;
	int r = env_get(ix->t, INDEX_T, key, &val);

	return r == OK ? record_seen_get(key, val, out) : r;
}

int
index_seen_put(struct index *ix, uint32_t account, uint32_t mailbox, uint32_t reader,
    const struct record_seen *s)
{
	struct record_key k = record_key_seen(account, mailbox, reader);
	struct slice key = record_key_slice(&k);

	record_seen_put(key, s, &ix->row);
	return put_row(ix, INDEX_T, key);
}

int
index_u64_get(struct index *ix, const char *name, uint64_t *out)
{
	struct slice key = slice_of(name), val;
	int r = env_get(ix->t, INDEX_META, key, &val);

	return r == OK ? record_u64_get(key, val, out) : r;
}

int
index_u64_put(struct index *ix, const char *name, uint64_t v)
{
	record_u64_put(slice_of(name), v, &ix->row);
	return put_row(ix, INDEX_META, slice_of(name));
}

/* ---- walking ---- */

void
index_touch(struct index *ix, uint32_t account, uint32_t mailbox)
{
	const struct record_key k[] = { record_key(account, RECORD_ACCOUNT),
		record_key_box(account, mailbox),
		record_key_message(account, mailbox, UINT32_MAX) };
	struct slice keys[ARRAY_LEN(k)];

	for (size_t i = 0; i < ARRAY_LEN(k); i++)
		keys[i] = record_key_slice(&k[i]);
	env_touch(ix->env, INDEX_T, keys, ARRAY_LEN(k));
}

int
index_walk_open(struct index *ix, uint32_t account, uint32_t mailbox, uint32_t from_uid,
    struct index_walk *out)
{
	out->prefix = record_key(account, RECORD_MESSAGE);
	record_key_u32(&out->prefix, mailbox);
	out->begun = false;
	out->from = from_uid;
	return env_cursor_open(ix->t, INDEX_T, &out->c);
}

static int
walk_begin(struct index_walk *w)
{
	struct record_key first = w->prefix;

	w->begun = true;
	record_key_u32(&first, w->from);
	return env_cursor_seek(&w->c, record_key_slice(&first));
}

static int
walk(struct index_walk *w)
{
	int r = w->begun ? env_cursor_next(&w->c) : walk_begin(w);

	return r == 1 && !record_key_under(w->c.key, &w->prefix) ? 0 : r;
}

int
index_walk_next(struct index_walk *w, struct store_record *out)
{
	int r = walk(w);

	if (r == 1) {
		int err = record_message_get(w->c.key, w->c.val, out);

		if (err != OK)
			return err;
	}
	return r;
}

int
index_walk_changed(struct index_walk *w, uint64_t since, struct store_record *out)
{
	uint16_t flags;
	int err, r = walk(w);

	if (r != 1)
		return r;
	out->uid = record_key_read_u32(w->c.key, 9);
	err = record_message_peek(w->c.val, &flags, &out->modseq);
	if (err == OK && out->modseq > since)
		err = record_message_get(w->c.key, w->c.val, out);
	return err != OK ? err : 1;
}

int
index_walk_unseen(struct index_walk *w, struct store_record *out)
{
	uint64_t modseq;
	uint16_t flags;
	int err, r;

	while ((r = walk(w)) == 1) {
		err = record_message_peek(w->c.val, &flags, &modseq);
		if (err == OK && (flags & ST_SEEN) == 0)
			err = record_message_get(w->c.key, w->c.val, out);
		if (err != OK)
			return err;
		if ((flags & ST_SEEN) == 0)
			return 1;
	}
	return r;
}

int
index_walk_uid(struct index_walk *w, uint32_t *uid_out)
{
	int r = walk(w);

	if (r == 1)
		*uid_out = record_key_read_u32(w->c.key, 9);
	return r;
}

void
index_walk_close(struct index_walk *w)
{
	env_cursor_close(&w->c);
}
