/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <stdlib.h>
#include <string.h>

#include "mailstore/box.h"

int
box_ranges_add(struct box_ranges *r, uint32_t uid)
{
	struct st_range *v;
	size_t cap;

	if (r->n > 0 && r->v[r->n - 1].hi + 1 == uid) {
		r->v[r->n - 1].hi = uid;
		return OK;
	}
	if (r->n == r->cap) {
		cap = r->cap == 0 ? 16 : 2 * r->cap;
		v = arena_array(r->a, cap, sizeof *v);
		if (v == NULL)
			return r->a->err;
		if (r->n > 0)
			memcpy(v, r->v, r->n * sizeof *v);
		r->v = v;
		r->cap = cap;
	}
	r->v[r->n++] = (struct st_range){ uid, uid };
	return OK;
}

static int
by_lo(const void *a, const void *b)
{
	const struct st_range *x = a, *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

/* Sorted and joined: n becomes smaller or stays. */
static size_t
normalise(struct st_range *v, size_t n)
{
	size_t out = 0;

	for (size_t i = 0; i < n; i++)
		if (v[i].lo > v[i].hi)
			v[i] = (struct st_range){ v[i].hi, v[i].lo };
	if (n > 1)
		qsort(v, n, sizeof *v, by_lo);
	for (size_t i = 1; i < n; i++) {
		if (v[i].lo <= v[out].hi) {
			if (v[i].hi > v[out].hi)
				v[out].hi = v[i].hi;
		} else
			v[++out] = v[i];
	}
	return n == 0 ? 0 : out + 1;
}

int
box_set_open(struct index *ix, const struct record_box *box, const struct st_range *ranges,
    size_t n, struct arena *a, struct box_set *out)
{
	*out = (struct box_set){ .ix = ix, .account = box->account, .mailbox = box->id,
		.bound = box->uidnext };
	out->ranges = arena_array(a, n, sizeof *ranges);
	if (out->ranges == NULL)
		return a->err;
	if (n > 0)
		memcpy(out->ranges, ranges, n * sizeof *ranges);
	out->ranges_n = normalise(out->ranges, n);
	return OK;
}

/* Fill the page from the current range; 0: nothing more in it. */
static int
fill(struct box_set *s)
{
	const struct st_range *range = &s->ranges[s->range];
	struct store_record *page = s->ix->page;
	struct index_walk w;
	int r;

	s->page_at = s->page_n = 0;
	if (s->from < range->lo)
		s->from = range->lo;
	r = index_walk_open(s->ix, s->account, s->mailbox, s->from, &w);
	if (r != OK)
		return r;
	while (s->page_n < INDEX_PAGE && (r = index_walk_next(&w, &page[s->page_n])) == 1) {
		if (page[s->page_n].uid > range->hi || page[s->page_n].uid >= s->bound)
			break;
		s->from = page[s->page_n++].uid + 1;
	}
	index_walk_close(&w);
	if (r < 0)
		return r;
	return s->page_n > 0;
}

int
box_set_next(struct box_set *s, struct store_record **out)
{
	while (s->page_at == s->page_n) {
		int r;

		if (s->range == s->ranges_n)
			return 0;
		r = fill(s);
		if (r < 0)
			return r;
		if (r == 0)
			s->range++;
	}
	*out = &s->ix->page[s->page_at++];
	return 1;
}
