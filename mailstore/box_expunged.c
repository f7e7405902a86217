/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Messages that were expunged and may still be brought back: rows E and D. */
#include <string.h>

#include "mailstore/account.h"
#include "mailstore/box.h"
#include "mailstore/gc.h"

enum { UNEXPUNGE_MAX = 1000, TIME_AT = 5, MAILBOX_AT = 9, UID_AT = 13 };

/* ---- references ---- */

int
box_unref(struct index *ix, uint64_t blob, int64_t now_s)
{
	struct record_blob b;
	int r = index_blob_get(ix, blob, &b);

	if (r != OK)
		return r;
	if (b.refs > 0)
		b.refs--;
	r = index_blob_put(ix, blob, &b);
	return r == OK && b.refs == 0 ? index_gc_put(ix, now_s + GC_DELAY_S, blob) : r;
}

/* ---- keeping ---- */

int
box_keep(struct index *ix, const struct record_box *box, struct record_account *acct,
    const struct store_record *m, int64_t now_s)
{
	struct record_key k = record_key_expunged(box->account, (uint32_t)now_s, box->id, m->uid);
	struct slice key = record_key_slice(&k);

	if (!ix->keep_expunged)
		return box_unref(ix, m->blob, now_s);
	acct->expunged_octets += m->size_octets;
	acct->expunged_messages++;
	record_message_put(key, m, &ix->row);
	return ix->row.err != OK ? ix->row.err :
	    env_put(ix->t, INDEX_T, key, buf_slice(&ix->row));
}

int
box_keep_deleted(struct index *ix, const struct record_box *box, int64_t now_s)
{
	struct record_key k = record_key_deleted(box->account, (uint32_t)now_s, box->id);
	struct slice key = record_key_slice(&k);

	if (!ix->keep_expunged)
		return OK;
	record_box_put(key, box, &ix->row);
	return ix->row.err != OK ? ix->row.err :
	    env_put(ix->t, INDEX_T, key, buf_slice(&ix->row));
}

/* ---- expiring ---- */

static void
uncount(struct record_account *acct, const struct store_record *m)
{
	acct->expunged_octets -= m->size_octets;
	acct->expunged_messages--;
}

/* The first row of a kind if it is not younger than until_s: 1, and a cursor on it. */
static int
first_old(uint32_t account, enum record_kind kind, int64_t until_s, struct env_cursor *c)
{
	struct record_key prefix = record_key(account, kind);
	int r = env_cursor_seek(c, record_key_slice(&prefix));

	if (r != 1 || !record_key_under(c->key, &prefix))
		return r < 0 ? r : 0;
	return record_key_read_u32(c->key, TIME_AT) <= until_s;
}

static int
expire_one(struct index *ix, struct env_cursor *c, struct record_account *acct, int64_t now_s)
{
	struct store_record m;
	int r = record_message_get(c->key, c->val, &m);

	if (r == OK)
		r = env_cursor_del(ix->t, c);
	if (r != OK)
		return r;
	uncount(acct, &m);
	return box_unref(ix, m.blob, now_s);
}

int
box_expire(struct index *ix, uint32_t account, int64_t until_s, int64_t now_s, unsigned max,
    unsigned *n_out)
{
	struct record_account acct;
	struct env_cursor c;
	int r = index_account_get(ix, account, &acct);

	*n_out = 0;
	if (r == OK)
		r = env_cursor_open(ix->t, INDEX_T, &c);
	if (r != OK)
		return r;
	while (*n_out < max && r == OK) {
		r = first_old(account, RECORD_EXPUNGED, until_s, &c);
		if (r != 1)
			break;
		r = expire_one(ix, &c, &acct, now_s);
		++*n_out;
	}
	while (*n_out < max && r >= OK && (r = first_old(account, RECORD_DELETED, until_s,
	    &c)) == 1) {
		r = env_cursor_del(ix->t, &c);
		++*n_out;
	}
	env_cursor_close(&c);
	return r < 0 ? r : *n_out > 0 ? index_account_put(ix, account, &acct) : OK;
}

int
box_expires(struct index *ix, uint32_t account, int64_t until_s)
{
	struct env_cursor c;
	int r = env_cursor_open(ix->t, INDEX_T, &c);

	if (r != OK)
		return r;
	r = first_old(account, RECORD_EXPUNGED, until_s, &c);
	if (r == 0)
		r = first_old(account, RECORD_DELETED, until_s, &c);
	env_cursor_close(&c);
	return r;
}

/* ---- bringing back ---- */

/* What is being brought back, and where to. */
struct restoring {
	struct index	  *ix;
	const struct box_scope *sc;
	const struct st_unexpunge_request *req;
	struct record_box *from, *to;	/* from: as it is, or as it was deleted */
	struct box_owner   owner;
	uint64_t	   map[ST_KEYWORDS_MAX];
	uint32_t	   times[INDEX_PAGE];
	uint64_t	   modseq;
	struct st_unexpunge_reply *out;
};

/* The row of the mailbox when it was deleted last. */
static int
find_deleted(struct index *ix, uint32_t account, uint32_t mailbox, struct record_box *out)
{
	struct record_key prefix = record_key(account, RECORD_DELETED);
	struct env_cursor c;
	bool found = false;
	int r = env_cursor_open(ix->t, INDEX_T, &c);

	if (r != OK)
		return r;
	r = env_cursor_seek(&c, record_key_slice(&prefix));
	for (; r == 1 && record_key_under(c.key, &prefix); r = r == OK ? env_cursor_next(&c) : r) {
		r = OK;
		if (record_key_read_u32(c.key, MAILBOX_AT) != mailbox)
			continue;
		r = record_box_get(c.key, c.val, out);
		found = r == OK;
	}
	env_cursor_close(&c);
	out->id = mailbox;
	out->account = account;
	return r < 0 ? r : found ? OK : ERR_NOENT;
}

/* The mailbox that they come from, and whether it is still there. */
static int
find_source(struct restoring *rs, bool *there)
{
	int r = box_get(rs->ix, rs->sc, rs->req->mailbox, rs->from);

	*there = r == OK;
	return r == ERR_NOENT ? find_deleted(rs->ix, rs->sc->account, rs->req->mailbox, rs->from) :
	    r;
}

static int
find_target(struct restoring *rs, bool there)
{
	struct slice name = rs->req->name.n > 0 ? rs->req->name : record_box_name(rs->from);
	uint32_t id = rs->req->mailbox;
	int r = OK;

	if (!there || rs->req->name.n > 0)
		r = box_find_or_create(rs->ix, rs->sc, name, &id);
	if (r == OK)
		r = box_get(rs->ix, rs->sc, id, rs->to);
	return r == OK && !account_class_fits(rs->from->class, rs->to->class) ? ERR_ACCESS : r;
}

static bool
is_asked_for(const struct st_unexpunge_request *req, uint32_t uid)
{
	for (size_t i = 0; i < req->uids_n; i++)
		if (uid >= req->uids[i].lo && uid <= req->uids[i].hi)
			return true;
	return req->uids_n == 0;
}

/* The next rows into ix->page and rs->times: how many, or an error. */
static int
next_page(struct restoring *rs, size_t max, uint32_t *from_s)
{
	struct record_key prefix = record_key(rs->sc->account, RECORD_EXPUNGED), first = prefix;
	uint64_t to_s = rs->req->to_s == 0 ? UINT32_MAX : rs->req->to_s;
	struct env_cursor c;
	size_t n = 0;
	int r = env_cursor_open(rs->ix->t, INDEX_T, &c);

	if (r != OK)
		return r;
	record_key_u32(&first, *from_s);
	r = env_cursor_seek(&c, record_key_slice(&first));
	for (; r == 1 && n < max && record_key_under(c.key, &prefix);
	    r = r == OK ? env_cursor_next(&c) : r) {
		*from_s = record_key_read_u32(c.key, TIME_AT);
		r = OK;
		if (*from_s > to_s)
			break;
		if (record_key_read_u32(c.key, MAILBOX_AT) != rs->req->mailbox ||
		    !is_asked_for(rs->req, record_key_read_u32(c.key, UID_AT)))
			continue;
		r = record_message_get(c.key, c.val, &rs->ix->page[n]);
		rs->ix->page[n].uid = record_key_read_u32(c.key, UID_AT);
		rs->times[n++] = *from_s;
	}
	env_cursor_close(&c);
	return r < 0 ? r : (int)n;
}

static int
map_keywords(struct restoring *rs, uint64_t bits, uint64_t *out)
{
	*out = 0;
	for (size_t i = 0; i < rs->from->keywords_n; i++) {
		struct st_keyword kw = { record_box_keyword(rs->from, i) };

		if ((bits >> i & 1) == 0)
			continue;
		if (rs->map[i] == 0) {
			int r = box_keyword_bits(rs->to, &kw, 1, &rs->map[i]);

			if (r != OK)
				return r;
		}
		*out |= rs->map[i];
	}
	return OK;
}

static int
restore_one(struct restoring *rs, struct store_record *m, uint32_t time_s)
{
	struct record_key k = record_key_expunged(rs->sc->account, time_s, rs->req->mailbox,
	    m->uid);
	int r = box_numbers_left(rs->to, 1);

	if (r == OK)
		r = box_owner_room(&rs->owner, rs->sc->quota, m->size_octets, 1);
	if (r == OK)
		r = map_keywords(rs, m->keywords, &m->keywords);
	if (r == OK)
		r = env_del(rs->ix->t, INDEX_T, record_key_slice(&k));
	if (r != OK)
		return r;
	m->uid = rs->to->uidnext++;
	m->modseq = rs->modseq;
	m->flags &= (uint16_t)~ST_DELETED;
	uncount(&rs->owner.row, m);
	box_count_in(rs->to, m);
	box_owner_add(&rs->owner, m->size_octets, 1);
	if (rs->out->restored++ == 0)
		rs->out->first_uid = m->uid;
	return index_message_put(rs->ix, rs->to->account, rs->to->id, m);
}

static int
restore_all(struct restoring *rs)
{
	uint32_t max = rs->req->max == 0 || rs->req->max > UNEXPUNGE_MAX ? UNEXPUNGE_MAX :
	    rs->req->max, at = (uint32_t)rs->req->from_s;
	int n = 1;

	while (n > 0 && rs->out->restored < max) {
		size_t room = max - rs->out->restored;
		int r = OK;

		n = next_page(rs, room < INDEX_PAGE ? room : INDEX_PAGE, &at);
		for (int i = 0; i < n && r == OK; i++)
			r = restore_one(rs, &rs->ix->page[i], rs->times[i]);
		if (r != OK)
			return r;
	}
	rs->out->more = n > 0;
	rs->out->next_s = at;
	return n < 0 ? n : OK;
}

int
box_unexpunge(struct index *ix, const struct box_scope *sc,
    const struct st_unexpunge_request *req, struct st_unexpunge_reply *out)
{
	struct restoring rs = { .ix = ix, .sc = sc, .req = req, .from = &ix->was, .to = &ix->box,
		.out = out };
	uint32_t at = req->from_s > UINT32_MAX ? UINT32_MAX : (uint32_t)req->from_s;
	bool there;
	int r;

	*out = (struct st_unexpunge_reply){ .target = 0 };
	r = next_page(&rs, 1, &at);
	if (r <= 0)
		return r;
	r = find_source(&rs, &there);
	if (r == OK)
		r = find_target(&rs, there);
	if (r == OK)
		r = box_owner_get(ix, sc, &rs.owner);
	if (r != OK)
		return r;
	rs.modseq = ++rs.to->modseq;
	r = restore_all(&rs);
	if (r == OK)
		r = index_box_put(ix, rs.to);
	if (r == OK)
		r = box_owner_put(ix, sc, &rs.owner);
	out->target = rs.to->id;
	out->uidvalidity = rs.to->uidvalidity;
	return r;
}
