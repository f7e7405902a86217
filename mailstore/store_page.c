/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <stdlib.h>
#include <string.h>

#include "mailstore/store_internal.h"

/* ---- messages ---- */

/* Begin a read transaction and a walk in a mailbox that this reader may see. */
static int
walk_begin(struct store *s, uint32_t account, uint32_t mailbox, uint32_t from_uid,
    struct index_walk *w)
{
	int r = index_begin_read(s->ix);

	if (r != OK)
		return r;
	r = store_get_box(s, account, mailbox);
	if (r == OK)
		r = index_walk_open(s->ix, account, mailbox, from_uid, w);
	if (r != OK)
		index_abort(s->ix);
	return r;
}

static int
walk_end(struct store *s, struct index_walk *w, int r)
{
	index_walk_close(w);
	index_abort(s->ix);
	return r < 0 ? r : OK;
}

/* The view of a reader who is not the owner, in s->ix->seen. */
static int
view_begin(struct store *s, uint32_t account, uint32_t mailbox, uint32_t reader)
{
	int r = reader == 0 || reader == account ? ERR_NOENT :
	    index_seen_get(s->ix, account, mailbox, reader, &s->ix->seen);

	if (r == ERR_NOENT)
		s->ix->seen.n = 0;
	return r == ERR_NOENT ? OK : r;
}

static void
view(const struct store *s, uint32_t account, uint32_t reader, struct store_record *m)
{
	const struct record_seen_range *range;

	if (reader == 0 || reader == account)
		return;
	m->flags &= (uint16_t)~ST_SEEN;
	range = record_seen_find(&s->ix->seen, m->uid);
	if (range == NULL)
		return;
	if (range->seen)
		m->flags |= ST_SEEN;
	if (range->modseq > m->modseq)
		m->modseq = range->modseq;
}

/* As walk_begin, with the reader's view. */
static int
walk_begin_as(struct store *s, uint32_t account, uint32_t mailbox, uint32_t reader,
    uint32_t from_uid, struct index_walk *w)
{
	int r = walk_begin(s, account, mailbox, from_uid, w);

	if (r != OK)
		return r;
	r = view_begin(s, account, mailbox, reader);
	return r == OK ? OK : walk_end(s, w, r);
}

/* ---- what changed ---- */

/* Where records with a modseq above since can be: at most one range more than there are notes. */
struct places {
	struct record_recent v[RECORD_RECENT_MAX];
	size_t		     n;
};

static int
by_uid(const void *a, const void *b)
{
	const struct record_recent *x = a, *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

static void
find_places(const struct record_box *box, uint64_t since, struct places *out)
{
	size_t n = 0;

	out->n = 0;
	if (box->modseq <= since)
		return;
	if (box->recent_top != box->modseq || since < box->recent_floor) {
		out->v[out->n++] = (struct record_recent){ 0, 1, UINT32_MAX };
		return;
	}
	for (size_t i = 0; i < box->recent_n; i++)
		if (box->recent[i].modseq > since)
			out->v[n++] = box->recent[i];
	if (n > 1)
		qsort(out->v, n, sizeof *out->v, by_uid);
	for (size_t i = 0; i < n; i++) {	/* no uid twice */
		struct record_recent *last = &out->v[out->n - (out->n > 0)];

		if (out->n == 0 || out->v[i].lo > last->hi)
			out->v[out->n++] = out->v[i];
		else if (out->v[i].hi > last->hi)
			last->hi = out->v[i].hi;
	}
}

/* How far a page is. */
struct changing {
	struct store	    *s;
	uint32_t	     account, mailbox;
	uint64_t	     since;
	struct store_record *page;
	size_t		     cap, n, looked_at;
	uint32_t	     next;		/* uid to go on with; 0: nothing is full */
};

static int
walk_place(struct changing *c, uint32_t from, uint32_t to)
{
	struct index_walk w;
	int r = index_walk_open(c->s->ix, c->account, c->mailbox, from, &w);

	if (r != OK)
		return r;
	while ((r = index_walk_changed(&w, c->since, &c->page[c->n])) == 1) {
		uint32_t uid = c->page[c->n].uid;

		if (uid > to)
			break;
		c->n += c->page[c->n].modseq > c->since;
		if (++c->looked_at == STORE_WALK_MAX || c->n == c->cap) {
			c->next = uid < UINT32_MAX ? uid + 1 : 0;
			break;
		}
	}
	index_walk_close(&w);
	return r < 0 ? r : OK;
}

int
store_changes(struct store *s, uint32_t account, uint32_t mailbox, uint64_t since,
    uint32_t from_uid, struct store_record *page, size_t cap, size_t *n_out,
    uint32_t *next_uid_out)
{
	struct changing c = { .s = s, .account = account, .mailbox = mailbox, .since = since,
		.page = page, .cap = cap };
	struct places at;
	int r = cap == 0 ? ERR_INVAL : index_begin_read(s->ix);

	*n_out = 0;
	*next_uid_out = 0;
	if (r != OK)
		return r;
	r = store_get_box(s, account, mailbox);
	if (r == OK)
		find_places(&s->ix->box, since, &at);
	for (size_t i = 0; r == OK && i < at.n && c.next == 0; i++)
		if (at.v[i].hi >= from_uid)
			r = walk_place(&c, at.v[i].lo > from_uid ? at.v[i].lo : from_uid,
			    at.v[i].hi);
	index_abort(s->ix);
	*n_out = c.n;
	*next_uid_out = r == OK ? c.next : 0;
	return r;
}

int
store_changes_as(struct store *s, uint32_t account, uint32_t mailbox, uint32_t reader,
    uint64_t since, uint32_t from_uid, struct store_record *page, size_t cap, size_t *n_out,
    uint32_t *next_uid_out)
{
	struct index_walk w;
	uint32_t uid = 0;
	int r;

	*n_out = 0;
	*next_uid_out = 0;
	if (cap == 0)
		return ERR_INVAL;
	if (reader == 0 || reader == account)
		return store_changes(s, account, mailbox, since, from_uid, page, cap, n_out,
		    next_uid_out);
	r = walk_begin_as(s, account, mailbox, reader, from_uid, &w);
	if (r != OK)
		return r;
	if (s->ix->box.modseq > since)
		for (size_t i = 0; i < STORE_WALK_MAX && *n_out < cap &&
		    (r = index_walk_next(&w, &page[*n_out])) == 1; i++) {
			view(s, account, reader, &page[*n_out]);
			uid = page[*n_out].uid;
			*n_out += page[*n_out].modseq > since;
		}
	if (r == 1 && uid < UINT32_MAX)
		*next_uid_out = uid + 1;
	return walk_end(s, &w, r);
}

/* ---- pages ---- */

int
store_page_as(struct store *s, uint32_t account, uint32_t mailbox, uint32_t reader,
    uint32_t from_uid, struct store_record *page, size_t cap, size_t *n_out)
{
	struct index_walk w;
	int r;

	*n_out = 0;
	if (cap == 0)
		return ERR_INVAL;
	r = walk_begin_as(s, account, mailbox, reader, from_uid, &w);
	if (r != OK)
		return r;
	while (*n_out < cap && (r = index_walk_next(&w, &page[*n_out])) == 1)
		view(s, account, reader, &page[(*n_out)++]);
	return walk_end(s, &w, r);
}

int
store_page(struct store *s, uint32_t account, uint32_t mailbox, uint32_t from_uid,
    struct store_record *page, size_t cap, size_t *n_out)
{
	return store_page_as(s, account, mailbox, 0, from_uid, page, cap, n_out);
}

int
store_unseen_as(struct store *s, uint32_t account, uint32_t mailbox, uint32_t reader,
    uint32_t *unseen_out, uint32_t *first_uid_out)
{
	struct store_record m = { .uid = 0 };
	struct index_walk w;
	int r = walk_begin_as(s, account, mailbox, reader, 1, &w);

	*unseen_out = *first_uid_out = 0;
	if (r != OK)
		return r;
	while ((r = index_walk_next(&w, &m)) == 1) {
		view(s, account, reader, &m);
		if ((m.flags & ST_SEEN) != 0)
			continue;
		if (++*unseen_out == 1)
			*first_uid_out = m.uid;
	}
	return walk_end(s, &w, r);
}

int
store_uids(struct store *s, uint32_t account, uint32_t mailbox, uint32_t from_uid,
    uint32_t *uids, size_t cap, size_t *n_out)
{
	struct index_walk w;
	int r;

	*n_out = 0;
	r = walk_begin(s, account, mailbox, from_uid, &w);
	if (r != OK)
		return r;
	while (*n_out < cap && (r = index_walk_uid(&w, &uids[*n_out])) == 1)
		++*n_out;
	return walk_end(s, &w, r);
}

int
store_record_as(struct store *s, uint32_t account, uint32_t mailbox, uint32_t reader,
    uint32_t uid, struct store_record *out)
{
	int r = index_begin_read(s->ix);

	if (r != OK)
		return r;
	r = store_get_box(s, account, mailbox);
	if (r == OK)
		r = view_begin(s, account, mailbox, reader);
	if (r == OK)
		r = index_message_get(s->ix, account, mailbox, uid, out);
	if (r == OK)
		view(s, account, reader, out);
	index_abort(s->ix);
	return r;
}

int
store_record(struct store *s, uint32_t account, uint32_t mailbox, uint32_t uid,
    struct store_record *out)
{
	return store_record_as(s, account, mailbox, 0, uid, out);
}

int
store_first_unseen(struct store *s, uint32_t account, uint32_t mailbox, uint32_t *uid_out)
{
	struct store_record m;
	struct index_walk w;
	int r;

	*uid_out = 0;
	r = walk_begin(s, account, mailbox, 1, &w);
	if (r != OK)
		return r;
	if (s->ix->box.unseen > 0 && (r = index_walk_unseen(&w, &m)) == 1)
		*uid_out = m.uid;
	return walk_end(s, &w, r);
}

/* ---- vanished ---- */

struct ranges {
	struct st_range *v;
	size_t		 n, cap;
	struct arena	*a;
};

static int
add_ranges(struct ranges *list, const struct st_range *more, size_t n)
{
	while (list->n + n > list->cap) {
		size_t cap = list->cap == 0 ? RECORD_VANISHED_MAX : 2 * list->cap;
		struct st_range *v = arena_array(list->a, cap, sizeof *v);

		if (v == NULL)
			return list->a->err;
		if (list->n > 0)
			memcpy(v, list->v, list->n * sizeof *v);
		list->v = v;
		list->cap = cap;
	}
	if (n > 0)
		memcpy(list->v + list->n, more, n * sizeof *more);
	list->n += n;
	return OK;
}

static int
by_lo(const void *a, const void *b)
{
	const struct st_range *x = a, *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

/* A uid vanishes once, so ranges never overlap; neighbours are joined. */
static void
join(struct ranges *list)
{
	size_t out = 0;

	if (list->n < 2)
		return;
	qsort(list->v, list->n, sizeof *list->v, by_lo);
	for (size_t i = 1; i < list->n; i++) {
		if (list->v[i].lo == list->v[out].hi + 1)
			list->v[out].hi = list->v[i].hi;
		else
			list->v[++out] = list->v[i];
	}
	list->n = out + 1;
}

static int
collect(struct store *s, uint32_t account, uint32_t mailbox, uint64_t since, struct ranges *list)
{
	struct record_key first = record_key_vanished(account, mailbox, since + 1, 0);
	struct record_key prefix = first;
	struct st_range some[RECORD_VANISHED_MAX];
	struct env_cursor c;
	size_t n;
	int r = env_cursor_open(s->ix->t, INDEX_T, &c);

	if (r != OK)
		return r;
	prefix.n = 9;
	r = env_cursor_seek(&c, record_key_slice(&first));
	while (r == 1 && record_key_under(c.key, &prefix)) {
		int e = record_vanished_get(c.key, c.val, some, &n);

		if (e == OK)
			e = add_ranges(list, some, n);
		r = e == OK ? env_cursor_next(&c) : e;
	}
	env_cursor_close(&c);
	return r < 0 ? r : OK;
}

int
store_vanished(struct store *s, uint32_t account, uint32_t mailbox, uint64_t since,
    struct arena *a, struct st_range **ranges_out, size_t *n_out, bool *complete_out)
{
	struct ranges list = { .a = a };
	int r = index_begin_read(s->ix);

	if (r != OK)
		return r;
	r = store_get_box(s, account, mailbox);
	if (r == OK)
		*complete_out = since >= s->ix->box.vanished_floor;
	if (r == OK && since < s->ix->box.modseq)
		r = collect(s, account, mailbox, since, &list);
	index_abort(s->ix);
	join(&list);
	*ranges_out = list.v;
	*n_out = list.n;
	return r;
}
