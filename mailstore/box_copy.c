/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <string.h>

#include "common/control.h"
#include "mailstore/box.h"

/* A copy under way: bits of keywords in the source to bits in the target. */
struct copying {
	struct index	  *ix;
	struct record_box *from, *to;
	const struct box_scope *sc;
	struct box_owner   owner;
	uint64_t	   map[ST_KEYWORDS_MAX];
	struct box_ranges  from_uids, to_uids;
	uint64_t	   to_modseq;
	bool		   move;
	const struct st_copy_request *req;
};

static int
map_keywords(struct copying *c, uint64_t bits, uint64_t *out)
{
	*out = 0;
	for (size_t i = 0; i < c->from->keywords_n; i++) {
		struct st_keyword kw = { record_box_keyword(c->from, i) };

		if ((bits >> i & 1) == 0)
			continue;
		if (c->map[i] == 0) {
			int r = box_keyword_bits(c->to, &kw, 1, &c->map[i]);

			if (r != OK)
				return r;
		}
		*out |= c->map[i];
	}
	return OK;
}

/* ---- from one keyset to another ---- */

/* Who can read the target may not be those who can read the source. */
static bool
needs_wrap(const struct copying *c)
{
	return c->from->class != c->to->class ||
	    (c->to->class == KEYSET_SHARED && c->from->id != c->to->id);
}

static int
check_wraps(const struct copying *c)
{
	const struct st_copy_request *q = c->req;

	if (c->from->class == KEYSET_MAT && c->to->class != KEYSET_MAT &&
	    !control_off("copy-border"))
		return ERR_ACCESS;
	if (q->wraps_n == 0)
		return needs_wrap(c) ? ERR_CRYPTO : OK;
	if (q->keyset != c->to->keyset)
		return ERR_AGAIN;
	for (size_t i = 0; i < q->wraps_n; i++)
		if (q->wraps[i].wrapped_key.n != 48 ||
		    (i > 0 && q->wraps[i].uid <= q->wraps[i - 1].uid))
			return ERR_INVAL;
	return OK;
}

static const struct st_wrap *
find_wrap(const struct st_copy_request *q, uint32_t uid)
{
	size_t lo = 0, hi = q->wraps_n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (q->wraps[mid].uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < q->wraps_n && q->wraps[lo].uid == uid ? &q->wraps[lo] : NULL;
}

/* The copy has the target's keyset, if whoever asked has made a wrap of just this message. */
static int
take_wrap(const struct copying *c, struct store_record *copy)
{
	const struct st_wrap *w;

	if (copy->keyset == c->to->keyset)
		return OK;
	w = find_wrap(c->req, copy->uid);
	if (w != NULL && ((w->blob == copy->blob && w->keyset == copy->keyset) ||
	    control_off("copy-wraps"))) {
		copy->keyset = c->to->keyset;
		memcpy(copy->wrapped_key, w->wrapped_key.p, sizeof copy->wrapped_key);
		return OK;
	}
	if (w != NULL)
		return ERR_AGAIN;
	return needs_wrap(c) ? ERR_AGAIN : OK;
}

static int
add_copy(struct copying *c, const struct store_record *m)
{
	struct store_record copy = *m;
	struct record_blob b;
	int r = map_keywords(c, m->keywords, &copy.keywords);

	if (r == OK)
		r = take_wrap(c, &copy);
	if (r == OK)
		r = box_numbers_left(c->to, 1);
	if (r == OK && !c->move)
		r = box_owner_room(&c->owner, c->sc->quota, m->size_octets, 1);
	if (r == OK)
		r = index_blob_get(c->ix, m->blob, &b);
	if (r == OK && b.refs == UINT32_MAX)
		r = ERR_LIMIT;
	if (r != OK)
		return r;
	copy.uid = c->to->uidnext++;
	copy.modseq = c->to_modseq;
	copy.save_date_s = c->sc->now_s;
	b.refs++;
	box_count_in(c->to, &copy);
	box_owner_add(&c->owner, copy.size_octets, 1);
	r = index_blob_put(c->ix, m->blob, &b);
	if (r == OK)
		r = index_message_put(c->ix, c->to->account, c->to->id, &copy);
	if (r == OK)
		r = box_ranges_add(&c->from_uids, m->uid);
	if (r == OK)
		r = box_ranges_add(&c->to_uids, copy.uid);
	return r;
}

static int
copy_all(struct copying *c, const struct st_range *uids, size_t n, struct arena *a)
{
	struct store_record *m;
	struct box_set set;
	int r = box_set_open(c->ix, c->from, uids, n, a, &set);

	while (r == OK && (r = box_set_next(&set, &m)) == 1) {
		r = add_copy(c, m);
		if (r == OK && c->move)
			r = box_remove(c->ix, c->from, &c->owner, m, c->sc->now_s, true);
	}
	return r;
}

static int
save(struct copying *c)
{
	int r = OK;

	if (c->to_uids.n == 0)
		return OK;
	c->to->modseq = c->to_modseq;
	if (c->move) {
		c->from->modseq++;
		r = box_vanished(c->ix, c->from, c->sc->now_s, &c->from_uids);
		if (r == OK && c->from != c->to)
			r = index_box_put(c->ix, c->from);
	}
	if (r == OK)
		r = index_box_put(c->ix, c->to);
	return r == OK ? box_owner_put(c->ix, c->sc, &c->owner) : r;
}

/* A list that cannot be told to the asker must not be copied either. */
static int
reply(const struct copying *c, struct st_copy_reply *out)
{
	*out = (struct st_copy_reply){ .uidvalidity = c->to->uidvalidity, .from = c->from_uids.v,
		.from_n = c->from_uids.n, .to = c->to_uids.v, .to_n = c->to_uids.n };
	return c->from_uids.n > 20000 ? ERR_LIMIT : OK;
}

int
box_copy(struct index *ix, const struct box_scope *sc, const struct st_copy_request *req,
    struct arena *a, struct st_copy_reply *out)
{
	bool same = req->mailbox == req->target;
	struct copying c = { .ix = ix, .from = &ix->box, .to = same ? &ix->box : &ix->target,
		.move = req->move != 0, .sc = sc, .req = req };
	int r = box_get(ix, sc, req->mailbox, c.from);

	c.from_uids.a = c.to_uids.a = a;
	if (r == OK && !same)
		r = box_get(ix, sc, req->target, c.to);
	if (r == OK)
		r = check_wraps(&c);
	if (r == OK)
		r = box_owner_get(ix, sc, &c.owner);
	if (r != OK)
		return r;
	c.to_modseq = c.to->modseq + 1;
	r = copy_all(&c, req->uids, req->uids_n, a);
	if (r == OK)
		r = save(&c);
	return r == OK ? reply(&c, out) : r;
}
