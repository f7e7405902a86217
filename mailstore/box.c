/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/account.h"
#include "mailstore/box.h"

#include <string.h>

#include "common/control.h"
#include "mailstore/name.h"

enum {
	VANISHED_ROWS_MAX = 10000, VANISHED_PRUNE = 1000, VANISHED_AGE_S = 30 * 86400,
	REPLY_RANGES_MAX = 20000
};

int
box_get(struct index *ix, const struct box_scope *sc, uint32_t mailbox, struct record_box *out)
{
	int r = index_box_get(ix, sc->account, mailbox, out);

	if (r == OK && sc->internet && out->class == KEYSET_MAT && !control_off("mat-box"))
		r = ERR_NOENT;
	return r;
}

/* ---- keywords ---- */

static size_t
find_keyword(const struct record_box *box, struct slice name)
{
	size_t i = 0;

	while (i < box->keywords_n && !slice_eq_nocase(record_box_keyword(box, i), name))
		i++;
	return i;
}

int
box_keyword_bits(struct record_box *box, const struct st_keyword *kw, size_t n, uint64_t *bits_out)
{
	*bits_out = 0;
	for (size_t k = 0; k < n; k++) {
		size_t i = find_keyword(box, kw[k].name);

		if (kw[k].name.n == 0 || kw[k].name.n > ST_KEYWORD_OCTETS)
			return ERR_INVAL;
		if (i == ST_KEYWORDS_MAX)
			return ERR_LIMIT;
		if (i == box->keywords_n) {
			memcpy(box->keywords[i], kw[k].name.p, kw[k].name.n);
			box->keyword_octets[i] = (uint8_t)kw[k].name.n;
			box->keywords_n++;
		}
		*bits_out |= UINT64_C(1) << i;
	}
	return OK;
}

/* As box_keyword_bits, but to take a keyword away does not make it known. */
static int
asked_bits(struct record_box *box, const struct st_flags_request *req, uint64_t *bits_out)
{
	if (req->op != ST_FLAGS_REMOVE)
		return box_keyword_bits(box, req->keywords, req->keywords_n, bits_out);
	*bits_out = 0;
	for (size_t k = 0; k < req->keywords_n; k++) {
		size_t i = find_keyword(box, req->keywords[k].name);

		if (i < box->keywords_n)
			*bits_out |= UINT64_C(1) << i;
	}
	return OK;
}

/* ---- adding ---- */

/* A frame of a segment that was counted already lives from now on, too: of an intent that was open
 * when the segment got its row. */
static int
count_frame(struct index *ix, const struct record_blob *b)
{
	struct record_segment s;
	int r = index_segment_get(ix, b->segment, &s);

	if (r != OK)
		return r == ERR_NOENT ? OK : r;
	s.frames++;
	s.live_frames++;
	s.live_octets += b->stored_octets;
	if (s.total_octets < s.live_octets)
		s.total_octets = s.live_octets;
	return index_segment_put(ix, b->segment, &s);
}

int
box_blob(struct index *ix, const struct box_message *m, uint32_t refs)
{
	struct record_blob b;
	int r = index_blob_get(ix, m->blob, &b);

	if (r == ERR_NOENT) {
		b = m->place;
		b.refs = 0;
		r = count_frame(ix, &b);
	}
	if (r == OK && UINT32_MAX - b.refs < refs)
		r = ERR_LIMIT;
	if (r != OK)
		return r;
	b.refs += refs;
	return index_blob_put(ix, m->blob, &b);
}

int
box_numbers_left(const struct record_box *box, uint32_t n)
{
	return UINT32_MAX - box->uidnext < n || box->modseq >= INT64_MAX - 2 ? ERR_LIMIT : OK;
}

static int
may_add(const struct box_owner *owner, const struct box_quota *quota,
    const struct record_box *box, const struct box_message *m)
{
	int r;

	if (!account_class_fits(m->keyset_class, box->class))
		return ERR_ACCESS;
	if (m->level >= LEVEL_MAT && box->class != KEYSET_MAT)
		return ERR_ACCESS;
	r = box_owner_room(owner, quota, m->place.size_octets, 1);
	return r == OK ? box_numbers_left(box, 1) : r;
}

void
box_count_in(struct record_box *box, const struct store_record *m)
{
	box->exists++;
	box->unseen += (m->flags & ST_SEEN) == 0;
	box->deleted += (m->flags & ST_DELETED) != 0;
	box->octets += m->size_octets;
}

void
box_count_out(struct record_box *box, const struct store_record *m)
{
	box->exists--;
	box->unseen -= (m->flags & ST_SEEN) == 0;
	box->deleted -= (m->flags & ST_DELETED) != 0;
	box->octets -= m->size_octets;
}

int
box_add(struct index *ix, const struct box_scope *sc, uint32_t mailbox,
    const struct box_message *m, uint32_t keyset, const uint8_t *wrapped,
    uint32_t *uidvalidity_out, uint32_t *uid_out)
{
	struct record_box *box = &ix->box;
	struct box_owner owner;
	struct store_record rec = { .size_octets = m->place.size_octets, .blob = m->blob,
		.internal_date_s = m->internal_date_s, .keyset = keyset,
		.save_date_s = m->save_date_s != 0 ? m->save_date_s : sc->now_s,
		.flags = m->flags & ~ST_RECENT & 0xff, .level = m->level, .sig = m->sig };
	int r = box_get(ix, sc, mailbox, box);

	if (r == OK)
		r = box_owner_get(ix, sc, &owner);
	if (r == OK)
		r = may_add(&owner, sc->quota, box, m);
	if (r == OK)
		r = box_keyword_bits(box, m->keywords, m->keywords_n, &rec.keywords);
	if (r != OK)
		return r;
	rec.uid = box->uidnext++;
	rec.modseq = ++box->modseq;
	memcpy(rec.email_id, m->email_id, sizeof rec.email_id);
	memcpy(rec.wrapped_key, wrapped, sizeof rec.wrapped_key);
	if (m->thread_id != NULL)
		memcpy(rec.thread_id, m->thread_id, sizeof rec.thread_id);
	box_count_in(box, &rec);
	box_owner_add(&owner, rec.size_octets, 1);
	r = index_message_put(ix, sc->account, mailbox, &rec);
	if (r == OK)
		r = index_box_put(ix, box);
	if (r == OK)
		r = box_owner_put(ix, sc, &owner);
	*uidvalidity_out = box->uidvalidity;
	*uid_out = rec.uid;
	return r;
}

/* ---- flags ---- */

/* The flags and keywords that a record gets. */
static void
new_flags(const struct st_flags_request *req, uint64_t bits, struct store_record *m)
{
	uint16_t asked = req->flags & (ST_SEEN | ST_ANSWERED | ST_FLAGGED | ST_DELETED | ST_DRAFT);

	switch (req->op) {
	case ST_FLAGS_SET:
		m->flags = asked;
		m->keywords = bits;
		break;
	case ST_FLAGS_ADD:
		m->flags |= asked;
		m->keywords |= bits;
		break;
	default:
		m->flags &= (uint16_t)~asked;
		m->keywords &= ~bits;
		break;
	}
}

/*
 * The records that the asker knew get the modseq that it is told, and so it need not hear of them. One that
 * others changed meanwhile gets the next one: what they did is news to the asker. *last_out is the highest
 * that was given.
 */
static int
flag_one(struct index *ix, const struct st_flags_request *req, uint64_t bits,
    struct store_record *m, uint64_t *last_out)
{
	struct store_record was = *m;
	struct record_box *box = &ix->box;
	bool news = req->known_modseq != 0 && m->modseq > req->known_modseq;

	new_flags(req, bits, m);
	if (m->flags == was.flags && m->keywords == was.keywords)
		return OK;
	m->modseq = box->modseq + 1 + news;
	if (m->modseq > *last_out)
		*last_out = m->modseq;
	box->unseen += (uint32_t)((was.flags & ST_SEEN) != 0) -
	    (uint32_t)((m->flags & ST_SEEN) != 0);
	box->deleted += (uint32_t)((m->flags & ST_DELETED) != 0) -
	    (uint32_t)((was.flags & ST_DELETED) != 0);
	return index_message_put(ix, box->account, box->id, m);
}

int
box_flags(struct index *ix, const struct box_scope *sc, const struct st_flags_request *req,
    struct arena *a, struct st_flags_reply *out)
{
	struct record_box *box = &ix->box;
	struct box_ranges late = { .a = a };
	struct store_record *m;
	struct box_set set;
	uint64_t bits, last;
	uint8_t had;
	bool changed;
	int r = box_get(ix, sc, req->mailbox, box);

	if (r != OK)
		return r;
	had = box->keywords_n;
	last = box->modseq;
	r = asked_bits(box, req, &bits);
	if (r == OK)
		r = box_set_open(ix, box, req->uids, req->uids_n, a, &set);
	while (r == OK && (r = box_set_next(&set, &m)) == 1) {
		if (req->unchanged_since != 0 && m->modseq > req->unchanged_since)
			r = box_ranges_add(&late, m->uid);
		else
			r = flag_one(ix, req, bits, m, &last);
	}
	if (r != OK)
		return r;
	changed = last > box->modseq;
	*out = (struct st_flags_reply){ changed ? box->modseq + 1 : 0, late.v, late.n };
	box->modseq = last;
	return changed || box->keywords_n != had ? index_box_put(ix, box) : OK;
}

/* ---- removing ---- */

/* Too many, or too old: what the floor hides is gone whole, all parts of a modseq. */
static int
prune_one(const struct record_box *box, struct env_cursor *c, int64_t now_s, uint32_t pruned)
{
	uint32_t time_s;
	int r = record_vanished_time(c->key, c->val, &time_s);

	if (record_key_read_u64(c->key, 9) <= box->vanished_floor ||
	    (box->vanished_rows > VANISHED_ROWS_MAX - VANISHED_PRUNE && pruned > 0) ||
	    box->vanished_rows > VANISHED_ROWS_MAX)
		return 1;
	return r == OK ? time_s + (int64_t)VANISHED_AGE_S < now_s : r;
}

static int
prune_vanished(struct index *ix, struct record_box *box, int64_t now_s)
{
	struct record_key first = record_key_vanished(box->account, box->id, 0, 0), prefix = first;
	bool many = box->vanished_rows > VANISHED_ROWS_MAX;
	struct env_cursor c;
	int r = env_cursor_open(ix->t, INDEX_T, &c);

	if (r != OK)
		return r;
	prefix.n = 9;
	r = env_cursor_seek(&c, record_key_slice(&first));
	for (uint32_t i = 0; i < VANISHED_PRUNE && r == 1 && record_key_under(c.key, &prefix);
	    i++) {
		r = prune_one(box, &c, now_s, many ? i : 0);
		if (r != 1)
			break;
		box->vanished_floor = record_key_read_u64(c.key, 9);
		box->vanished_rows--;
		r = env_cursor_del(ix->t, &c);
		if (r == OK)
			r = env_cursor_seek(&c, record_key_slice(&first));
	}
	env_cursor_close(&c);
	return r < 0 ? r : OK;
}

int
box_vanished(struct index *ix, struct record_box *box, int64_t now_s,
    const struct box_ranges *ranges)
{
	int r = OK;

	for (size_t at = 0, part = 0; at < ranges->n && r == OK;
	    at += RECORD_VANISHED_MAX, part++) {
		size_t n = ranges->n - at;
		struct record_key k = record_key_vanished(box->account, box->id, box->modseq,
		    (uint16_t)part);
		struct slice key = record_key_slice(&k);

		if (n > RECORD_VANISHED_MAX)
			n = RECORD_VANISHED_MAX;
		record_vanished_put(key, (uint32_t)now_s, ranges->v + at, n, &ix->row);
		r = ix->row.err != OK ? ix->row.err :
		    env_put(ix->t, INDEX_T, key, buf_slice(&ix->row));
		box->vanished_rows++;
	}
	return r == OK ? prune_vanished(ix, box, now_s) : r;
}

int
box_remove(struct index *ix, struct record_box *box, struct box_owner *owner,
    const struct store_record *m, int64_t now_s, bool moved)
{
	int r = moved ? box_unref(ix, m->blob, now_s) : box_keep(ix, box, &owner->row, m, now_s);

	if (r == OK)
		r = index_message_del(ix, box->account, box->id, m->uid);
	box_count_out(box, m);
	box_owner_sub(owner, m->size_octets, 1);
	return r;
}

int
box_expunge(struct index *ix, const struct box_scope *sc, uint32_t mailbox,
    const struct st_range *uids, size_t n, struct arena *a, struct st_expunge_reply *out)
{
	struct record_box *box = &ix->box;
	struct box_ranges gone = { .a = a };
	struct box_owner owner;
	struct store_record *m;
	struct box_set set;
	int r = box_get(ix, sc, mailbox, box);

	if (r == OK)
		r = box_owner_get(ix, sc, &owner);
	if (r == OK)
		r = box_set_open(ix, box, uids, n, a, &set);
	while (r == OK && (r = box_set_next(&set, &m)) == 1) {
		r = OK;
		if ((m->flags & ST_DELETED) == 0)
			continue;
		r = box_ranges_add(&gone, m->uid);
		if (r == OK)
			r = box_remove(ix, box, &owner, m, sc->now_s, false);
	}
	if (r == OK && gone.n > 0) {
		box->modseq++;
		r = box_vanished(ix, box, sc->now_s, &gone);
		if (r == OK)
			r = index_box_put(ix, box);
		if (r == OK)
			r = box_owner_put(ix, sc, &owner);
	}
	/* What does not fit into the reply is gone all the same. */
	*out = (struct st_expunge_reply){ box->modseq, gone.v,
		gone.n < REPLY_RANGES_MAX ? gone.n : REPLY_RANGES_MAX };
	return r;
}

int
box_seen_recent(struct index *ix, const struct box_scope *sc, uint32_t mailbox,
    uint32_t *first_out, uint32_t *end_out)
{
	struct record_box *box = &ix->box;
	int r = box_get(ix, sc, mailbox, box);

	if (r != OK)
		return r;
	*first_out = box->recent_uid;
	*end_out = box->uidnext;
	if (box->recent_uid == box->uidnext)
		return OK;
	box->recent_uid = box->uidnext;
	return index_box_put(ix, box);
}
