/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * The other trees of the index: identities, agencies, segments; and the bodies, in the order of
 * their numbers, against all that refers to them in the same order.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "mailstore/check_parts.h"
#include "mailstore/path.h"
#include "mailstore/segment.h"

typedef int (*take_fn)(struct check *c, const struct env_cursor *cur);

#define REF_GC	UINT64_MAX	/* in refs, instead of account and mailbox: a row of "gc" */

static int
walk(struct check *c, enum index_tree tree, take_fn take)
{
	struct env_cursor cur;
	int r = env_cursor_open(c->ix->t, tree, &cur);

	if (r == OK)
		r = env_cursor_seek(&cur, (struct slice){ "", 1 });
	while (r == 1) {
		r = take(c, &cur);
		if (r == OK)
			r = env_cursor_next(&cur);
	}
	env_cursor_close(&cur);
	return r;
}

static bool
is_key(struct check *c, enum index_tree tree, const struct env_cursor *cur, size_t octets)
{
	if (cur->key.n == octets)
		return true;
	check_found_row(c, CHECK_ROW_UNKNOWN, false, tree, cur->key, "");
	return false;
}

/* ---- small trees ---- */

static int
take_guid(struct check *c, const struct env_cursor *cur)
{
	struct record_account a;
	uint64_t number;
	int r = record_u64_get(cur->key, cur->val, &number);

	if (!is_key(c, INDEX_GUID, cur, 16))
		return OK;
	if (r != OK) {
		check_bad_row(c, false, INDEX_GUID, cur, r);
		return OK;
	}
	r = index_account_get(c->ix, (uint32_t)number, &a);
	if (r == ERR_NOENT || (r == OK && memcmp(a.guid, cur->key.p, 16) != 0))
		check_found_row(c, CHECK_GUID, false, INDEX_GUID, cur->key,
		    "the account is not there, or another's");
	return r == ERR_NOENT || r == ERR_CORRUPT || r == ERR_VERSION ? OK : r;
}

static int
take_meta(struct check *c, const struct env_cursor *cur)
{
	int r = record_sound(cur->key, cur->val, RECORD_VERSION);

	if (r != OK)
		check_bad_row(c, false, INDEX_META, cur, r);
	return OK;
}

static void
group_counter(struct check *c, struct slice key, const char *what, uint64_t is, uint64_t should)
{
	struct check_finding f = { .kind = CHECK_GROUP_COUNTER, .tree = INDEX_GROUP,
		.key_octets = 16, .is = is, .should = should, .has_numbers = true };

	memcpy(f.key, key.p, 16);
	snprintf(f.what, sizeof f.what, "%s", what);
	if (is != should)
		check_found(c, &f);
}

static int
take_group(struct check *c, const struct env_cursor *cur)
{
	struct check_group none = { .octets = 0 }, *g = &none;
	struct record_group row;
	int r = record_group_get(cur->key, cur->val, &row);

	if (!is_key(c, INDEX_GROUP, cur, 16))
		return OK;
	if (r != OK) {
		check_bad_row(c, false, INDEX_GROUP, cur, r);
		return OK;
	}
	for (size_t i = 0; i < c->groups_n; i++)
		if (memcmp(c->groups[i].id, cur->key.p, 16) == 0)
			g = &c->groups[i];
	g->seen = true;
	group_counter(c, cur->key, "octets", row.octets, g->octets);
	group_counter(c, cur->key, "messages", row.messages, g->messages);
	group_counter(c, cur->key, "accounts", row.accounts, g->accounts);
	return OK;
}

static void
missing_groups(struct check *c)
{
	for (size_t i = 0; i < c->groups_n; i++)
		if (!c->groups[i].seen)
			group_counter(c, (struct slice){ (const char *)c->groups[i].id, 16 },
			    "accounts", 0, c->groups[i].accounts);
}

static int
take_segment(struct check *c, const struct env_cursor *cur)
{
	struct check_segment s = { .number = record_key_read_u32(cur->key, 0) };
	int r = record_segment_get(cur->key, cur->val, &s.row);

	if (!is_key(c, INDEX_SEG, cur, 4))
		return OK;
	if (r != OK) {
		check_bad_row(c, false, INDEX_SEG, cur, r);
		return OK;
	}
	r = check_room((void **)&c->segments, c->segments_n, &c->segments_cap,
	    sizeof *c->segments);
	if (r == OK)
		c->segments[c->segments_n++] = s;
	return r;
}

static int
take_gc(struct check *c, const struct env_cursor *cur)
{
	if (!is_key(c, INDEX_GC, cur, 12))
		return OK;
	return sorter_add(c->refs, record_key_read_u64(cur->key, 4), REF_GC, 0);
}

int
check_others(struct check *c)
{
	int r = walk(c, INDEX_SEG, take_segment);

	if (r == OK && c->only == 0)
		r = walk(c, INDEX_GUID, take_guid);
	if (r == OK && c->only == 0)
		r = walk(c, INDEX_GROUP, take_group);
	if (r == OK && c->only == 0)
		missing_groups(c);
	if (r == OK && c->only == 0)
		r = walk(c, INDEX_GC, take_gc);
	return r == OK ? walk(c, INDEX_META, take_meta) : r;
}

/* ---- bodies ---- */

/* Two streams in the order of bodies. */
struct merge {
	struct check	  *c;
	struct sorter_item ref, queued;
	int		   refs_more, queued_more;
	uint32_t	   origin;	/* segment of the last one whose epoch was looked for */
};

static void
lost_body(struct check *c, const struct sorter_item *it)
{
	struct check_finding f = { .kind = CHECK_BLOB_LOST, .blob = it->a,
		.account = (uint32_t)(it->b >> 32), .mailbox = (uint32_t)it->b,
		.uid = (uint32_t)(it->c >> 1) };

	if (it->b == REF_GC)
		return;		/* it is a moment too late for nothing */
	if ((it->c & 1) != 0)
		snprintf(f.what, sizeof f.what, "expunged");
	check_found(c, &f);
}

/* What refers to bodies before this one: they have no row. */
static void
refs_before(struct merge *m, uint64_t blob)
{
	for (; m->refs_more == 1 && m->ref.a < blob;
	    m->refs_more = sorter_next(m->c->refs, &m->ref))
		lost_body(m->c, &m->ref);
	for (; m->queued_more == 1 && m->queued.a < blob;)
		m->queued_more = sorter_next(m->c->queued, &m->queued);
}

/* The segment it was first written to gives the epoch of its keys. */
static void
look_for_epoch(struct merge *m, uint64_t blob)
{
	struct check_finding f = { .kind = CHECK_SEGMENT, .segment = (uint32_t)(blob >> 32),
		.what = "it is gone, and its epoch is not known" };
	char dir[PATH_OCTETS], path[SEGMENT_PATH_OCTETS];
	struct stat st;

	if (f.segment == m->origin)
		return;
	m->origin = f.segment;
	if (check_segment(m->c, f.segment) != NULL)
		return;
	if (path_store(m->c->conf->state_dir, "seg", dir) == OK &&
	    segment_name(dir, f.segment, path) == OK && stat(path, &st) != 0)
		check_found(m->c, &f);
}

/* What nobody refers to any more is reclaimed some time: its frame need not be good. */
static int
count_place(struct check *c, uint64_t blob, const struct record_blob *row, bool referred)
{
	struct check_segment *s = check_segment(c, row->segment);

	if (s != NULL) {
		s->live_octets += row->stored_octets;
		s->live_frames++;
		s->unsure = s->unsure || row->stored_octets == 0;
	}
	return referred ? sorter_add(c->places, row->segment, row->offset, blob) : OK;
}

static int
take_blob(struct merge *m, const struct env_cursor *cur)
{
	struct check *c = m->c;
	uint64_t blob = record_key_read_u64(cur->key, 0), counted = 0, extra = 0;
	struct check_finding f = { .kind = CHECK_BLOB_REFS, .blob = blob, .has_numbers = true };
	struct record_blob row;
	bool in_gc = false, is_queued = false;
	int r = record_blob_get(cur->key, cur->val, &row);

	if (!is_key(c, INDEX_BLOB, cur, 8))
		return OK;
	refs_before(m, blob);
	for (; m->refs_more == 1 && m->ref.a == blob;
	    m->refs_more = sorter_next(c->refs, &m->ref)) {
		counted += m->ref.b != REF_GC;
		in_gc = in_gc || m->ref.b == REF_GC;
	}
	for (; m->queued_more == 1 && m->queued.a == blob;
	    m->queued_more = sorter_next(c->queued, &m->queued)) {
		extra += m->queued.b & UINT32_MAX;
		is_queued = is_queued || m->queued.b >> 32 != 0;
	}
	if (r != OK) {
		if (c->only == 0 || counted > 0)
			check_bad_row(c, false, INDEX_BLOB, cur, r);
		return OK;
	}
	if (c->only != 0 && counted == 0)
		return OK;
	c->res->bodies++;
	f.is = row.refs;
	f.should = counted;
	if (c->only == 0 && (row.refs < counted || row.refs > counted + extra))
		check_found(c, &f);
	/* A segment that was not counted yet (gc_count.c) may have such bodies. */
	if (c->only == 0 && row.refs == 0 && !in_gc && extra == 0 && !is_queued &&
	    check_segment(c, row.segment) != NULL) {
		f = (struct check_finding){ .kind = CHECK_GC, .blob = blob,
			.what = "nothing refers to a body, and it would never be reclaimed" };
		check_found(c, &f);
	}
	if (counted > 0)
		look_for_epoch(m, blob);
	return count_place(c, blob, &row, counted > 0 || is_queued);
}

static int
walk_blobs(struct merge *m)
{
	struct check *c = m->c;
	struct env_cursor cur;
	uint64_t all = 0, n = 0;
	int r = env_count(c->ix->t, INDEX_BLOB, &all);

	if (r == OK)
		r = env_cursor_open(c->ix->t, INDEX_BLOB, &cur);
	if (r != OK)
		return r;
	r = env_cursor_seek(&cur, (struct slice){ "", 1 });
	while (r == 1 && m->refs_more >= 0 && m->queued_more >= 0) {
		if (n++ % CHECK_STEP == 0)
			check_step(c, "bodies", n, all);
		r = take_blob(m, &cur);
		if (r == OK)
			r = env_cursor_next(&cur);
	}
	env_cursor_close(&cur);
	refs_before(m, UINT64_MAX);
	return r < 0 ? r : m->refs_more < 0 ? m->refs_more : m->queued_more < 0 ?
	    m->queued_more : OK;
}

static void
compare_segments(struct check *c)
{
	for (size_t i = 0; i < c->segments_n; i++) {
		const struct check_segment *s = &c->segments[i];
		struct check_finding f = { .kind = CHECK_SEGMENT_COUNTER, .segment = s->number,
			.has_numbers = true, .is = s->row.live_octets, .should = s->live_octets,
			.what = "live-octets" };

		if (f.is != f.should && !s->unsure)
			check_found(c, &f);
		f.is = s->row.live_frames;
		f.should = s->live_frames;
		snprintf(f.what, sizeof f.what, "live-frames");
		if (f.is != f.should)
			check_found(c, &f);
	}
}

int
check_blobs(struct check *c)
{
	struct merge m = { .c = c };
	int r = sorter_sort(c->refs);

	if (r == OK)
		r = sorter_sort(c->queued);
	if (r != OK)
		return r;
	m.refs_more = sorter_next(c->refs, &m.ref);
	m.queued_more = sorter_next(c->queued, &m.queued);
	r = walk_blobs(&m);
	if (r == OK && c->only == 0)
		compare_segments(c);
	return r;
}
