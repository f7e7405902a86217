/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <stdlib.h>
#include <string.h>

#include "mailstore/backup_internal.h"
#include "mailstore/control.h"
#include "mailstore/crc.h"
#include "mailstore/queue.h"

bool
backup_row_is_whole(struct slice key, struct slice val)
{
	struct rd r;

	if (val.n == 0)
		return true;
	if (val.n < RECORD_HEAD_OCTETS)
		return false;
	rd_init(&r, slice_from(val, 1));
	return rd_u32(&r) == crc32c(crc32c(crc32c(0, key), slice_sub(val, 0, 1)),
	    slice_from(val, RECORD_HEAD_OCTETS));
}

/* Where the segment is, or is to be put. */
static size_t
reach_place(const struct backup_need *n, uint32_t segment)
{
	size_t lo = 0, hi = n->n;

	if (n->last < n->n && n->v[n->last].segment == segment)
		return n->last;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (n->v[mid].segment < segment)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int
backup_need_add(struct backup_need *n, uint32_t segment, uint64_t offset)
{
	size_t i = reach_place(n, segment);

	if (i == n->n || n->v[i].segment != segment) {
		if (n->n == n->cap) {
			size_t cap = n->cap == 0 ? 256 : 2 * n->cap;
			void *v = realloc(n->v, cap * sizeof *n->v);

			if (v == NULL)
				return ERR_NOMEM;
			n->v = v;
			n->cap = cap;
		}
		memmove(n->v + i + 1, n->v + i, (n->n - i) * sizeof *n->v);
		n->v[i] = (struct backup_reach){ segment, 0 };
		n->n++;
	}
	n->last = i;
	if (offset > n->v[i].offset)
		n->v[i].offset = offset;
	return OK;
}

static int
need_body(struct backup_need *n, const struct control_blob *body, size_t bodies)
{
	return bodies == 1 ? backup_need_add(n, body->segment, body->offset) : ERR_CORRUPT;
}

int
backup_need_row(struct backup_need *n, const struct dump_row *row, bool control, struct arena *a)
{
	struct control_intent intent;
	struct control_queue q;
	struct record_blob blob;
	int r = OK;

	if (!control && slice_is(row->tree, "blob")) {
		r = record_blob_get(row->key, row->val, &blob);
		return r == OK ? backup_need_add(n, blob.segment, blob.offset) : r;
	}
	if (control && (slice_is(row->tree, "intent") || slice_is(row->tree, "stuck"))) {
		r = control_intent_get(row->key, row->val, a, &intent);
		if (r == OK)
			r = need_body(n, intent.body, intent.body_n);
	} else if (control && slice_is(row->tree, "queue")) {
		r = queue_row(row->key, row->val, a, &q);
		if (r == OK)
			r = need_body(n, q.body, q.body_n);
	}
	arena_clear(a);
	return r;
}
