/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "mailstore/check.h"
#include "mailstore/recount.h"
#include "reclaim_help.h"

void
reclaim_open(struct reclaim *rc)
{
	struct engine_conf conf = { .state_dir = rc->h.state, .run_dir = rc->h.run,
		.map_octets = HELP_MAP, .segment_octets = rc->segment_octets,
		.compress = rc->compress, .expunged_days = rc->days,
		.threads = rc->threads };

	assert_int_equal(engine_open(&conf, &rc->h.e), OK);
	assert_int_equal(engine_set_spool_key(rc->h.e, rc->h.spool), OK);
	rc->s = help_reader(&rc->h, 0);
}

void
reclaim_close(struct reclaim *rc)
{
	help_close(&rc->h);
	store_close(&rc->s);
}

void
reclaim_end(struct reclaim *rc)
{
	reclaim_close(rc);
	help_end(&rc->h);
}

void
reclaim_begin(struct reclaim *rc)
{
	help_begin(&rc->h);
	help_close(&rc->h);
	reclaim_open(rc);
}

struct slice
reclaim_body(uint32_t seed, size_t n)
{
	char *p = malloc(n + 1);
	uint32_t s = seed * 2654435761u + 1;

	assert_non_null(p);
	for (size_t i = 0; i < n; i++) {
		s = s * 1664525u + 1013904223u;
		p[i] = (char)(s >> 24);
	}
	return (struct slice){ p, n };
}

void
reclaim_deliver(struct reclaim *rc, unsigned who, struct slice message)
{
	assert_int_equal(help_deliver(&rc->h, rc->next_id++, &who, 1, ST_PLACE_INBOX, message),
	    OK);
	assert_int_equal(engine_close_intents(rc->h.e), OK);
}

int
reclaim_setup(void **state)
{
	struct reclaim *rc = calloc(1, sizeof *rc);

	assert_non_null(rc);
	rc->days = RECLAIM_DAYS;
	rc->segment_octets = 1 << 20;
	rc->now_s = 1800000000;
	reclaim_begin(rc);
	*state = rc;
	return 0;
}

int
reclaim_teardown(void **state)
{
	struct reclaim *rc = *state;

	reclaim_end(rc);
	free(rc);
	return 0;
}

void
reclaim_free(struct slice s)
{
	free((void *)(uintptr_t)s.p);
}

struct store_record
reclaim_record(struct reclaim *rc, unsigned who, uint32_t mailbox, uint32_t uid)
{
	struct store_record rec;

	assert_int_equal(store_record(rc->s, help_account(&rc->h, who), mailbox, uid, &rec), OK);
	return rec;
}

struct store_account
reclaim_account(struct reclaim *rc, unsigned who)
{
	struct store_account a;

	assert_int_equal(store_account(rc->s, help_account(&rc->h, who), &a), OK);
	return a;
}

void
reclaim_expect(struct reclaim *rc, unsigned who, uint32_t mailbox, uint32_t uid, struct slice m)
{
	help_expect(&rc->h, rc->s, who, mailbox, uid, KEYSET_OPEN, m);
}

void
reclaim_gc(struct reclaim *rc)
{
	assert_int_equal(engine_gc_all(rc->h.e, rc->now_s), OK);
	reclaim_check(rc);
}

void
reclaim_until_gone(struct reclaim *rc)
{
	rc->now_s += RECLAIM_DAYS_S + 1;
	reclaim_gc(rc);
	rc->now_s += GC_DELAY_S + 1;
	reclaim_gc(rc);
	rc->now_s += GC_DELAY_S + 1;
	reclaim_gc(rc);
}

struct record_blob
reclaim_place(struct reclaim *rc, uint64_t blob)
{
	struct record_blob b;

	assert_int_equal(index_begin_read(rc->h.e->ix), OK);
	assert_int_equal(index_blob_get(rc->h.e->ix, blob, &b), OK);
	index_abort(rc->h.e->ix);
	return b;
}

bool
reclaim_has_row(struct reclaim *rc, uint64_t blob)
{
	struct record_blob b;
	int r;

	assert_int_equal(index_begin_read(rc->h.e->ix), OK);
	r = index_blob_get(rc->h.e->ix, blob, &b);
	index_abort(rc->h.e->ix);
	return r == OK;
}

struct expunging {
	struct box_scope sc;
	uint32_t mailbox;
	struct st_range r;
};

static int
expunge(struct engine *e, void *arg)
{
	struct expunging *x = arg;
	struct st_flags_request req = { .account = x->sc.account, .mailbox = x->mailbox,
		.uids = &x->r, .uids_n = 1, .op = ST_FLAGS_ADD, .flags = ST_DELETED };
	struct st_flags_reply reply;
	struct st_expunge_reply gone;
	struct arena a;
	int r;

	arena_init(&a, 16 << 20);
	r = box_flags(e->ix, &x->sc, &req, &a, &reply);
	if (r == OK)
		r = box_expunge(e->ix, &x->sc, x->mailbox, &x->r, 1, &a, &gone);
	arena_clear(&a);
	return r;
}

void
reclaim_expunge(struct reclaim *rc, unsigned who, uint32_t mailbox, uint32_t lo, uint32_t hi)
{
	struct expunging x = { { .account = help_account(&rc->h, who), .now_s = rc->now_s },
		mailbox, { lo, hi } };

	assert_int_equal(help_index(&rc->h, expunge, &x), OK);
}

void
reclaim_roll(struct reclaim *rc)
{
	reclaim_close(rc);
	reclaim_open(rc);
}

/* ---- what must be true ---- */

static void
differs(void *arg, const struct recount_diff *d)
{
	(void)arg;
	fail_msg("%s of account %u mailbox %u blob %llx is %llu, counted %llu",
	    recount_name(d->what), d->account, d->mailbox, (unsigned long long)d->blob,
	    (unsigned long long)d->is, (unsigned long long)d->counted);
}

enum { SEGMENTS = 4096 };

struct sums {
	uint64_t octets[SEGMENTS];
	uint32_t frames[SEGMENTS];
};

static void
sum_blobs(struct reclaim *rc, struct sums *s)
{
	struct index *ix = rc->h.e->ix;
	struct record_blob b;
	struct env_cursor c;
	int r;

	memset(s, 0, sizeof *s);
	assert_int_equal(env_cursor_open(ix->t, INDEX_BLOB, &c), OK);
	r = env_cursor_seek(&c, (struct slice){ "", 1 });
	for (; r == 1; r = env_cursor_next(&c)) {
		assert_int_equal(record_blob_get(c.key, c.val, &b), OK);
		assert_true(b.segment < SEGMENTS);
		s->octets[b.segment] += b.stored_octets;
		s->frames[b.segment]++;
	}
	assert_int_equal(r, 0);
	env_cursor_close(&c);
}

static void
check_segments(struct reclaim *rc, const struct sums *s)
{
	struct index *ix = rc->h.e->ix;
	struct record_segment row;
	char path[200];

	for (uint32_t i = 1; i < SEGMENTS; i++) {
		int r = index_segment_get(ix, i, &row);

		snprintf(path, sizeof path, "%s/store/seg/%08x.seg", rc->h.state, i);
		if (s->frames[i] > 0)
			assert_int_equal(access(path, R_OK), 0);
		if (r == ERR_NOENT)
			continue;
		assert_int_equal(r, OK);
		assert_int_equal(row.live_octets, s->octets[i]);
		assert_int_equal(row.live_frames, s->frames[i]);
		assert_true(row.total_octets >= row.live_octets);
		if (row.state == SEGMENT_GONE)
			assert_int_not_equal(access(path, F_OK), 0);
		else if (row.state != SEGMENT_CONDEMNED)	/* it may be gone a moment before */
			assert_int_equal(access(path, F_OK), 0);
	}
}

void
reclaim_check(struct reclaim *rc)
{
	struct sums *s = malloc(sizeof *s);

	assert_non_null(s);
	assert_int_equal(index_begin_read(rc->h.e->ix), OK);
	assert_int_equal(recount_index(rc->h.e->ix, differs, NULL, NULL), OK);
	sum_blobs(rc, s);
	check_segments(rc, s);
	index_abort(rc->h.e->ix);
	free(s);
}

static void
found(void *arg, const struct check_finding *f)
{
	(void)arg;
	print_message("%s: account %u mailbox %u uid %u segment %u blob %llx %s is %llu, "
	    "should %llu\n",
	    check_kind_row(f->kind)->text, f->account, f->mailbox, f->uid, f->segment,
	    (unsigned long long)f->blob, f->what, (unsigned long long)f->is,
	    (unsigned long long)f->should);
}

void
reclaim_whole(struct reclaim *rc)
{
	struct check_conf conf = { .state_dir = rc->h.state, .map_octets = HELP_MAP,
		.found = found };
	struct check_result res;

	assert_int_equal(check_run_apart(&conf, &res), OK);
	assert_int_equal(res.notes + res.warnings + res.errors, 0);
}

void
reclaim_measure(struct reclaim *rc, struct reclaim_space *out)
{
	struct sums *s = malloc(sizeof *s);
	char path[400];
	struct dirent *d;
	struct stat st;
	DIR *dir;

	assert_non_null(s);
	*out = (struct reclaim_space){ 0 };
	assert_int_equal(index_begin_read(rc->h.e->ix), OK);
	sum_blobs(rc, s);
	index_abort(rc->h.e->ix);
	for (uint32_t i = 1; i < SEGMENTS; i++)
		out->live_octets += s->octets[i];
	free(s);
	snprintf(path, sizeof path, "%s/store/seg", rc->h.state);
	dir = opendir(path);
	assert_non_null(dir);
	while ((d = readdir(dir)) != NULL) {
		snprintf(path, sizeof path, "%s/store/seg/%s", rc->h.state, d->d_name);
		if (d->d_name[0] == '.' || stat(path, &st) != 0)
			continue;
		out->files++;
		out->disk_octets += (uint64_t)st.st_blocks * 512;
	}
	closedir(dir);
}
