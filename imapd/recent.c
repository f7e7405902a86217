/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "imapd/recent.h"

#include <stdlib.h>
#include <string.h>

void
recent_fini(struct recent *r)
{
	free(r->v);
	*r = (struct recent){ 0 };
}

/* Room for one run more. */
static bool
make_room(struct recent *r)
{
	size_t cap = r->cap == 0 ? 4 : 2 * r->cap;
	struct backend_range *v;

	if (r->n < r->cap)
		return true;
	if (r->n == RECENT_RUNS_MAX) {
		memmove(r->v, r->v + 1, --r->n * sizeof *r->v);
		return true;
	}
	v = realloc(r->v, cap * sizeof *v);
	if (v == NULL)
		return false;
	r->v = v;
	r->cap = cap;
	return true;
}

void
recent_add(struct recent *r, uint32_t first, uint32_t end)
{
	if (first < r->end)
		first = r->end;
	if (end <= r->end)
		return;
	r->end = end;
	if (first >= end)
		return;
	if (r->n > 0 && r->v[r->n - 1].hi + 1 == first)
		r->v[r->n - 1].hi = end - 1;
	else if (make_room(r))
		r->v[r->n++] = (struct backend_range){ first, end - 1 };
}

bool
recent_has(const struct recent *r, uint32_t uid)
{
	size_t lo = 0, hi = r->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (r->v[mid].hi < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < r->n && r->v[lo].lo <= uid;
}
