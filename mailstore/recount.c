/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/recount.h"

#include <stdlib.h>

#include "mailstore/sorter.h"

enum { SORT_OCTETS = 32 << 20 };

static const char *const names[RECOUNT_WHATS] = { "exists", "unseen", "deleted", "octets",
	"uidnext", "modseq", "vanished-rows", "account-octets", "account-messages",
	"expunged-octets", "expunged-messages", "references",
	"mailbox-lost", "blob-lost" };

const char *
recount_name(enum recount_what what)
{
	return names[what];
}

const char *
recount_tmp(void)
{
	const char *dir = getenv("TMPDIR");

	return dir != NULL && dir[0] == '/' ? dir : "/var/tmp";
}

/* ---- a mailbox ---- */

void
recount_box_add(struct recount_box *n, const struct store_record *m)
{
	n->exists++;
	n->unseen += (m->flags & ST_SEEN) == 0;
	n->deleted += (m->flags & ST_DELETED) != 0;
	n->octets += m->size_octets;
	if (m->uid > n->last_uid)
		n->last_uid = m->uid;
	if (m->modseq > n->modseq)
		n->modseq = m->modseq;
}

static int
count_vanished(struct index *ix, uint32_t account, uint32_t mailbox, struct recount_box *n)
{
	struct record_key prefix = record_key(account, RECORD_VANISHED);
	struct env_cursor c;
	int r = env_cursor_open(ix->t, INDEX_T, &c);

	if (r != OK)
		return r;
	record_key_u32(&prefix, mailbox);
	r = env_cursor_seek(&c, record_key_slice(&prefix));
	for (; r == 1 && record_key_under(c.key, &prefix); r = env_cursor_next(&c)) {
		uint64_t modseq = record_key_read_u64(c.key, prefix.n);

		n->vanished_rows++;
		if (modseq > n->modseq)
			n->modseq = modseq;
	}
	env_cursor_close(&c);
	return r < 0 ? r : OK;
}

int
recount_box(struct index *ix, uint32_t account, uint32_t mailbox, struct recount_box *out)
{
	struct store_record m;
	struct index_walk w;
	int r = index_walk_open(ix, account, mailbox, 0, &w);

	*out = (struct recount_box){ 0 };
	if (r != OK)
		return r;
	while ((r = index_walk_next(&w, &m)) == 1)
		recount_box_add(out, &m);
	index_walk_close(&w);
	return r == 0 ? count_vanished(ix, account, mailbox, out) : r;
}

unsigned
recount_box_compare(const struct record_box *box, const struct recount_box *n, recount_fn fn,
    void *arg)
{
	const struct recount_diff d[] = {
		{ RECOUNT_EXISTS, 0, 0, 0, box->exists, n->exists },
		{ RECOUNT_UNSEEN, 0, 0, 0, box->unseen, n->unseen },
		{ RECOUNT_DELETED, 0, 0, 0, box->deleted, n->deleted },
		{ RECOUNT_OCTETS, 0, 0, 0, box->octets, n->octets },
		{ RECOUNT_UIDNEXT, 0, 0, 0, box->uidnext,
		    box->uidnext > n->last_uid ? box->uidnext : (uint64_t)n->last_uid + 1 },
		{ RECOUNT_MODSEQ, 0, 0, 0, box->modseq,
		    box->modseq >= n->modseq ? box->modseq : n->modseq },
		{ RECOUNT_VANISHED_ROWS, 0, 0, 0, box->vanished_rows, n->vanished_rows },
	};
	unsigned found = 0;

	for (size_t i = 0; i < ARRAY_LEN(d); i++) {
		struct recount_diff one = d[i];

		if (one.is == one.counted)
			continue;
		one.account = box->account;
		one.mailbox = box->id;
		fn(arg, &one);
		found++;
	}
	return found;
}

/* ---- everything ---- */

struct counting {
	struct index	*ix;
	recount_fn	 fn;
	recount_extra_fn extra;
	void		*arg;
	struct sorter	*refs;		/* blob, account, mailbox */
	struct record_account acct;
	uint32_t	 account;	/* of acct, or 0 */
	uint64_t	 octets, messages;	/* of its mailboxes */
	uint64_t	 expunged_octets, expunged_messages;
};

static void
differ(struct counting *n, enum recount_what what, uint32_t mailbox, uint64_t is, uint64_t counted)
{
	if (is != counted)
		n->fn(n->arg, &(struct recount_diff){ what, n->account, mailbox, 0, is, counted });
}

static void
end_account(struct counting *n)
{
	if (n->account == 0)
		return;
	differ(n, RECOUNT_ACCOUNT_OCTETS, 0, n->acct.octets, n->octets);
	differ(n, RECOUNT_ACCOUNT_MESSAGES, 0, n->acct.messages, n->messages);
	differ(n, RECOUNT_EXPUNGED_OCTETS, 0, n->acct.expunged_octets, n->expunged_octets);
	differ(n, RECOUNT_EXPUNGED_MESSAGES, 0, n->acct.expunged_messages, n->expunged_messages);
	n->account = 0;
}

static int
take_account(struct counting *n, const struct env_cursor *c)
{
	int r = record_account_get(c->key, c->val, &n->acct);

	n->account = record_key_read_u32(c->key, 0);
	n->octets = n->messages = n->expunged_octets = n->expunged_messages = 0;
	return r;
}

static int
take_box(struct counting *n, const struct env_cursor *c)
{
	struct record_box *box = &n->ix->box;
	struct recount_box found;
	int r = record_box_get(c->key, c->val, box);

	if (r == OK)
		r = recount_box(n->ix, box->account, box->id, &found);
	if (r != OK)
		return r;
	(void)recount_box_compare(box, &found, n->fn, n->arg);
	n->octets += found.octets;
	n->messages += found.exists;
	return OK;
}

static int
take_message(struct counting *n, const struct env_cursor *c)
{
	uint32_t account = record_key_read_u32(c->key, 0), mailbox = record_key_read_u32(c->key, 5);
	struct store_record m;
	int r = record_message_get(c->key, c->val, &m);

	return r == OK ? sorter_add(n->refs, m.blob, account, mailbox) : r;
}

static int
take_expunged(struct counting *n, const struct env_cursor *c)
{
	struct store_record m;
	int r = record_message_get(c->key, c->val, &m);

	if (r != OK)
		return r;
	n->expunged_octets += m.size_octets;
	n->expunged_messages++;
	return sorter_add(n->refs, m.blob, record_key_read_u32(c->key, 0),
	    record_key_read_u32(c->key, 9));
}

/* A mailbox begins in the walk over messages: it must have a row. */
static int
begin_messages(struct counting *n, uint32_t account, uint32_t mailbox)
{
	int r = index_box_get(n->ix, account, mailbox, &n->ix->box);

	if (r != ERR_NOENT)
		return r;
	n->fn(n->arg, &(struct recount_diff){ RECOUNT_BOX_LOST, account, mailbox, 0, 0, 1 });
	return OK;
}

static int
walk_t(struct counting *n)
{
	uint64_t last = 0, here;
	struct env_cursor c;
	int r = env_cursor_open(n->ix->t, INDEX_T, &c);

	if (r != OK)
		return r;
	r = env_cursor_seek(&c, (struct slice){ "", 1 });
	for (; r == 1; r = r == OK ? env_cursor_next(&c) : r) {
		uint32_t account = record_key_read_u32(c.key, 0);

		r = OK;
		if (account != n->account)
			end_account(n);
		switch (c.key.n > 4 ? c.key.p[4] : 0) {
		case RECORD_ACCOUNT:
			r = take_account(n, &c);
			break;
		case RECORD_BOX:
			r = take_box(n, &c);
			break;
		case RECORD_EXPUNGED:
			r = take_expunged(n, &c);
			break;
		case RECORD_MESSAGE:
			here = (uint64_t)account << 32 | record_key_read_u32(c.key, 5);
			if (here != last)
				r = begin_messages(n, account, (uint32_t)here);
			last = here;
			if (r == OK)
				r = take_message(n, &c);
			break;
		default:
			break;
		}
	}
	env_cursor_close(&c);
	end_account(n);
	return r < 0 ? r : OK;
}

/* References counted, in the order of blobs, against the rows in that order. */
static int
compare_refs(struct counting *n, uint64_t blob, uint32_t is, uint32_t counted)
{
	uint32_t extra = n->extra == NULL ? 0 : n->extra(n->arg, blob);

	if (is < counted || is > counted + (uint64_t)extra)
		n->fn(n->arg, &(struct recount_diff){ RECOUNT_REFS, 0, 0, blob, is, counted });
	return OK;
}

static int
lost_blob(struct counting *n, const struct sorter_item *it)
{
	n->fn(n->arg, &(struct recount_diff){ RECOUNT_BLOB_LOST, (uint32_t)it->b, (uint32_t)it->c,
	    it->a, 0, 1 });
	return OK;
}

static int
walk_blobs(struct counting *n)
{
	struct sorter_item it = { 0 };
	struct record_blob row;
	struct env_cursor c;
	int r = env_cursor_open(n->ix->t, INDEX_BLOB, &c), more;

	if (r != OK)
		return r;
	r = sorter_sort(n->refs);
	more = r == OK ? sorter_next(n->refs, &it) : r;
	r = more < 0 ? more : env_cursor_seek(&c, (struct slice){ "", 1 });
	for (; r == 1 && more >= 0; r = r == OK ? env_cursor_next(&c) : r) {
		uint64_t blob = record_key_read_u64(c.key, 0);
		uint32_t counted = 0;

		for (; more == 1 && it.a < blob; more = sorter_next(n->refs, &it))
			r = lost_blob(n, &it);
		for (; more == 1 && it.a == blob; more = sorter_next(n->refs, &it))
			counted++;
		r = record_blob_get(c.key, c.val, &row);
		if (r == OK)
			r = compare_refs(n, blob, row.refs, counted);
	}
	for (; more == 1 && r >= 0; more = sorter_next(n->refs, &it))
		r = lost_blob(n, &it);
	env_cursor_close(&c);
	return r < 0 ? r : more < 0 ? more : OK;
}

int
recount_index(struct index *ix, recount_fn fn, recount_extra_fn extra, void *arg)
{
	struct counting n = { .ix = ix, .fn = fn, .extra = extra, .arg = arg };
	int r = sorter_new(recount_tmp(), SORT_OCTETS, &n.refs);

	if (r == OK)
		r = walk_t(&n);
	if (r == OK)
		r = walk_blobs(&n);
	sorter_free(&n.refs);
	return r;
}
