/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/gc_internal.h"

#include <stdlib.h>

#include "common/clock.h"

int
gc_new(struct engine *e, struct gc **out)
{
	(void)e;
	*out = calloc(1, sizeof **out);
	return *out == NULL ? ERR_NOMEM : OK;
}

void
gc_free(struct gc **gc)
{
	free(*gc);
	*gc = NULL;
}

const struct gc_stats *
engine_gc_stats(const struct engine *e)
{
	return &e->gc->stats;
}

/* ---- numbers ---- */

int
gc_last_segment(struct index *ix, uint32_t *out)
{
	struct env_cursor c;
	uint64_t last = 0;
	int r = index_begin_read(ix);

	*out = 0;
	if (r != OK)
		return r;
	r = index_u64_get(ix, gc_meta_last, &last);
	if (r == OK || r == ERR_NOENT)
		r = env_cursor_open(ix->t, INDEX_SEG, &c);
	if (r == OK) {
		r = env_cursor_last(&c);
		if (r == 1 && record_key_read_u32(c.key, 0) > last)
			last = record_key_read_u32(c.key, 0);
		env_cursor_close(&c);
	}
	index_abort(ix);
	*out = (uint32_t)last;
	return r < 0 ? r : OK;
}

/* ---- holds ---- */

static struct gc_hold *
find_hold(struct gc *gc, uint64_t id, uint64_t now_ms)
{
	for (size_t i = 0; i < GC_HOLDS_MAX; i++) {
		struct gc_hold *h = &gc->holds[i];

		if (h->id != 0 && h->until_ms <= now_ms)
			h->id = 0;
		if (h->id == id)
			return h;
	}
	return NULL;
}

int
engine_hold(struct engine *e, uint64_t hold, uint32_t lease_ms, uint64_t *hold_out)
{
	uint64_t now_ms = clock_ms();
	struct gc_hold *h = find_hold(e->gc, hold, now_ms);

	*hold_out = 0;
	if (hold == 0 && lease_ms == 0)
		return ERR_INVAL;
	if (h == NULL)
		return hold == 0 ? ERR_LIMIT : ERR_NOENT;
	while (h->id == 0)
		crypt_random(&h->id, sizeof h->id);
	h->until_ms = now_ms + lease_ms;
	*hold_out = h->id;
	return OK;
}

bool
engine_held(struct engine *e)
{
	uint64_t now_ms = clock_ms();

	for (size_t i = 0; i < GC_HOLDS_MAX; i++)
		if (e->gc->holds[i].id != 0 && e->gc->holds[i].until_ms > now_ms)
			return true;
	return false;
}
