/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Rights, metadata, and what readers of shared mailboxes have seen: rows L, X, P. */
#include <string.h>

#include "mailstore/box.h"

static struct record_key
kind_prefix(uint32_t account, enum record_kind kind, uint32_t mailbox)
{
	struct record_key k = record_key(account, kind);

	record_key_u32(&k, mailbox);
	return k;
}

int
box_drop_rows(struct index *ix, const struct record_box *box, enum record_kind kind)
{
	struct record_key prefix = kind_prefix(box->account, kind, box->id);
	struct env_cursor c;
	int r = env_cursor_open(ix->t, INDEX_T, &c);

	if (r != OK)
		return r;
	while ((r = env_cursor_seek(&c, record_key_slice(&prefix))) == 1 &&
	    record_key_under(c.key, &prefix)) {
		r = env_cursor_del(ix->t, &c);
		if (r != OK)
			break;
	}
	env_cursor_close(&c);
	return r < 0 ? r : OK;
}

/* How many rows of a kind a mailbox has: max + 1 when there are more than max. */
static int
count_rows(struct index *ix, const struct record_key *prefix, size_t max, size_t *n_out)
{
	struct env_cursor c;
	int r = env_cursor_open(ix->t, INDEX_T, &c);

	*n_out = 0;
	if (r != OK)
		return r;
	r = env_cursor_seek(&c, record_key_slice(prefix));
	for (; r == 1 && *n_out <= max && record_key_under(c.key, prefix); r = env_cursor_next(&c))
		++*n_out;
	env_cursor_close(&c);
	return r < 0 ? r : OK;
}

/* Before a row is put: is it there, or may it come? */
static int
may_put(struct index *ix, const struct record_key *prefix, const struct record_key *k, size_t max)
{
	struct slice val;
	size_t n;
	int r = env_get(ix->t, INDEX_T, record_key_slice(k), &val);

	if (r != ERR_NOENT)
		return r;
	r = count_rows(ix, prefix, max, &n);
	return r == OK && n >= max ? ERR_LIMIT : r;
}

/* After a change: does the mailbox say rightly whether it has rows of the kind? */
static int
mark(struct index *ix, struct record_box *box, const struct record_key *prefix, uint8_t bit)
{
	uint8_t had = box->has;
	size_t n;
	int r = count_rows(ix, prefix, 0, &n);

	if (r != OK)
		return r;
	box->has = (uint8_t)(n > 0 ? had | bit : had & ~bit);
	return box->has != had ? index_box_put(ix, box) : OK;
}

static int
put_row(struct index *ix, const struct record_key *k)
{
	return ix->row.err != OK ? ix->row.err :
	    env_put(ix->t, INDEX_T, record_key_slice(k), buf_slice(&ix->row));
}

/* ---- rights ---- */

static uint16_t
new_rights(uint16_t had, const struct st_rights_request *req)
{
	switch (req->op) {
	case ST_RIGHTS_SET:
		return req->rights;
	case ST_RIGHTS_ADD:
		return had | req->rights;
	default:
		return (uint16_t)(had & ~req->rights);
	}
}

int
box_rights(struct index *ix, const struct box_scope *sc, const struct st_rights_request *req)
{
	struct record_key prefix = kind_prefix(sc->account, RECORD_RIGHTS, req->mailbox),
	    k = record_key_named(sc->account, RECORD_RIGHTS, req->mailbox, req->identifier);
	struct record_rights row = { .identifier = req->identifier }, had = { 0 };
	struct record_box *box = &ix->box;
	struct slice val;
	int r = box_get(ix, sc, req->mailbox, box);

	if (r == OK && (req->identifier.n == 0 || req->identifier.n > ST_IDENTIFIER_MAX))
		r = ERR_INVAL;
	/* Whoever may read there has a keyset of his own; rights cannot give it. */
	if (r == OK && box->class == KEYSET_MAT)
		r = ERR_ACCESS;
	if (r == OK)
		r = may_put(ix, &prefix, &k, ST_IDENTIFIERS_MAX);
	if (r != OK)
		return r;
	r = env_get(ix->t, INDEX_T, record_key_slice(&k), &val);
	r = r == OK ? record_rights_get(record_key_slice(&k), val, &had) :
	    r == ERR_NOENT ? OK : r;
	if (r != OK)
		return r;
	row.rights = new_rights(had.rights, req);
	if (row.rights == 0)
		r = env_del(ix->t, INDEX_T, record_key_slice(&k));
	else {
		record_rights_put(record_key_slice(&k), &row, &ix->row);
		r = put_row(ix, &k);
	}
	return r == OK ? mark(ix, box, &prefix, RECORD_HAS_RIGHTS) : r;
}

/* ---- metadata ---- */

int
box_entry(struct index *ix, const struct box_scope *sc, const struct st_entry_request *req)
{
	struct record_key prefix = kind_prefix(sc->account, RECORD_ENTRY, req->mailbox),
	    k = record_key_named(sc->account, RECORD_ENTRY, req->mailbox, req->name);
	struct record_entry row = { req->name, req->value };
	struct record_account acct;
	struct record_box *box = &ix->box;
	int r = req->mailbox != 0 ? box_get(ix, sc, req->mailbox, box) :
	    index_account_get(ix, sc->account, &acct);

	if (r == OK && (req->name.n == 0 || req->name.n > ST_ENTRY_NAME_MAX ||
	    req->value.n > ST_ENTRY_VALUE_MAX))
		r = ERR_INVAL;
	if (r == OK && !req->remove)
		r = may_put(ix, &prefix, &k, ST_ENTRIES_MAX);
	if (r != OK)
		return r;
	if (req->remove)
		r = env_del(ix->t, INDEX_T, record_key_slice(&k));
	else {
		record_entry_put(record_key_slice(&k), &row, &ix->row);
		r = put_row(ix, &k);
	}
	return r == OK && req->mailbox != 0 ? mark(ix, box, &prefix, RECORD_HAS_ENTRIES) : r;
}

/* ---- what a reader has seen ---- */

/* Ranges with the same state that touch become one when the row is full. The later modseq of both is
 * kept: a client may be told of a change once more, but none is kept from it. */
static void
compact(struct record_seen *s)
{
	size_t out = 0;

	for (size_t i = 1; i < s->n; i++) {
		struct record_seen_range *last = &s->v[out];

		if (s->v[i].lo == last->hi + 1 && s->v[i].seen == last->seen) {
			last->hi = s->v[i].hi;
			if (s->v[i].modseq > last->modseq)
				last->modseq = s->v[i].modseq;
		} else
			s->v[++out] = s->v[i];
	}
	s->n = s->n == 0 ? 0 : out + 1;
}

static bool
extends(const struct record_seen_range *r, uint32_t uid, const struct record_seen_range *one)
{
	return r->hi + 1 == uid && r->seen == one->seen && r->modseq == one->modseq;
}

/* Set one uid: it splits the range that it is in. */
static int
set_one(struct record_seen *s, uint32_t uid, bool seen, uint64_t modseq)
{
	struct record_seen_range one = { uid, uid, modseq, seen };
	size_t at = record_seen_at(s, uid), from = at, n = 0;
	struct record_seen_range with[3];

	if (s->n + 2 > RECORD_SEEN_MAX) {
		compact(s);
		at = from = record_seen_at(s, uid);
	}
	if (s->n + 2 > RECORD_SEEN_MAX)
		return ERR_LIMIT;
	if (at < s->n && s->v[at].lo <= uid) {
		struct record_seen_range in = s->v[at++];

		if (in.lo < uid)
			with[n++] = (struct record_seen_range){ in.lo, uid - 1, in.modseq, in.seen };
		with[n++] = one;
		if (in.hi > uid)
			with[n++] = (struct record_seen_range){ uid + 1, in.hi, in.modseq, in.seen };
	} else
		with[n++] = one;
	if (with[0].lo == uid && from > 0 && extends(&s->v[from - 1], uid, &one)) {
		s->v[from - 1].hi = uid;
		n--;
		memmove(with, with + 1, n * sizeof *with);
	}
	memmove(&s->v[from + n], &s->v[at], (s->n - at) * sizeof *s->v);
	memcpy(&s->v[from], with, n * sizeof *with);
	s->n += n - (at - from);
	return OK;
}

int
box_reader_seen(struct index *ix, const struct box_scope *sc,
    const struct st_reader_seen_request *req, struct arena *a, struct st_flags_reply *out)
{
	struct record_box *box = &ix->box;
	struct record_seen *s = &ix->seen;
	struct box_ranges late = { .a = a };
	const struct record_seen_range *is;
	struct store_record *m;
	struct box_set set;
	uint64_t modseq;
	bool changed = false;
	int r = box_get(ix, sc, req->mailbox, box);

	if (r == OK)
		r = req->reader == sc->account || req->reader == 0 ? ERR_INVAL :
		    box_numbers_left(box, 0);
	if (r != OK)
		return r;
	r = index_seen_get(ix, sc->account, req->mailbox, req->reader, s);
	if (r == ERR_NOENT)
		s->n = 0, s->modseq = 0, r = OK;
	modseq = box->modseq + 1;
	if (r == OK)
		r = box_set_open(ix, box, req->uids, req->uids_n, a, &set);
	while (r == OK && (r = box_set_next(&set, &m)) == 1) {
		is = record_seen_find(s, m->uid);
		r = OK;
		if (req->unchanged_since != 0 && (m->modseq > req->unchanged_since ||
		    (is != NULL && is->modseq > req->unchanged_since)))
			r = box_ranges_add(&late, m->uid);
		else if ((is != NULL && is->seen) != (req->seen != 0)) {
			r = set_one(s, m->uid, req->seen != 0, modseq);
			changed = true;
		}
	}
	if (r != OK)
		return r;
	*out = (struct st_flags_reply){ changed ? modseq : 0, late.v, late.n };
	if (!changed)
		return OK;
	s->modseq = box->modseq = modseq;
	box->has |= RECORD_HAS_SEEN;
	r = index_seen_put(ix, sc->account, req->mailbox, req->reader, s);
	return r == OK ? index_box_put(ix, box) : r;
}
