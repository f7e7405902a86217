/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "imapd/seqset.h"

#include <stdlib.h>

static int
number(struct slice text, uint32_t max, uint32_t *out)
{
	uint64_t v;
	int err;

	if (slice_is(text, "*")) {
		*out = max;
		return OK;
	}
	err = slice_u64(text, UINT32_MAX, &v);
	if (err != OK || v == 0)
		return ERR_SYNTAX;
	*out = (uint32_t)v;
	return OK;
}

static int
range(struct slice text, uint32_t max, struct backend_range *out)
{
	struct slice lo;
	bool pair = slice_cut(&text, ':', &lo);
	int err = number(lo, max, &out->lo);

	if (err != OK)
		return err;
	out->hi = out->lo;
	if (pair)
		err = number(text, max, &out->hi);
	if (out->lo > out->hi) {
		uint32_t swap = out->lo;

		out->lo = out->hi;
		out->hi = swap;
	}
	return err;
}

static int
by_low(const void *a, const void *b)
{
	const struct backend_range *x = a, *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

static void
merge(struct seqset *s)
{
	size_t kept = 0;

	qsort(s->v, s->n, sizeof *s->v, by_low);
	for (size_t i = 0; i < s->n; i++) {
		struct backend_range *last = kept > 0 ? &s->v[kept - 1] : NULL;

		if (s->v[i].hi == 0)
			continue;	/* "*" of nothing */
		if (s->v[i].lo == 0)
			s->v[i].lo = 1;
		if (last != NULL && (last->hi == UINT32_MAX || s->v[i].lo <= last->hi + 1)) {
			if (s->v[i].hi > last->hi)
				last->hi = s->v[i].hi;
		} else
			s->v[kept++] = s->v[i];
	}
	s->n = kept;
}

int
seqset_parse(struct slice text, uint32_t max, struct arena *a, struct seqset *out)
{
	size_t count = 1;
	struct slice item;
	bool more;
	int err;

	for (size_t i = 0; i < text.n; i++)
		count += text.p[i] == ',';
	if (count > SEQSET_RANGES_MAX)
		return ERR_LIMIT;
	out->n = 0;
	out->v = arena_array(a, count, sizeof *out->v);
	if (out->v == NULL)
		return a->err;
	do {
		more = slice_cut(&text, ',', &item);
		err = range(item, max, &out->v[out->n++]);
	} while (err == OK && more);
	if (err == OK)
		merge(out);
	return err;
}

bool
seqset_has(const struct seqset *s, uint32_t number)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->v[mid].hi < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->n && s->v[lo].lo <= number;
}
