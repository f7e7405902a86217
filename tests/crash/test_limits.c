/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Where something ends: the disk, the map, 32 bits; and a clock that jumps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/clock.h"
#include "image.h"
#include "mailstore/gc.h"

struct world {
	char	    base[64], dir[200];
	struct keys keys;
	struct site t;
	uint32_t    next_id;
};

static int
begin(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	char path[200];

	assert_non_null(w);
	assert_int_equal(image_base(w->base), 0);
	image_dir(w->base, "w", w->dir);
	image_dir(w->dir, "state", path);
	image_dir(w->dir, "run", path);
	assert_int_equal(crypt_start(), OK);
	keys_make(&w->keys, 1);
	w->next_id = 1;
	shim_clock(0);
	shim_statfs(UINT64_MAX, 0);
	*state = w;
	return 0;
}

static int
end(void **state)
{
	struct world *w = *state;

	site_close(&w->t);
	shim_clock(0);
	shim_statfs(UINT64_MAX, 0);
	image_remove(w->base);
	free(w);
	return 0;
}

static int
act(struct world *w, struct act a)
{
	int status;

	a.id = a.id == 0 ? w->next_id++ : a.id;
	site_group(&w->t, &a, 1, &status);
	while (w->t.e->intents != NULL && w->t.e->broken == OK)
		assert_int_equal(engine_apply(w->t.e), OK);
	return status;
}

static void
open_world(struct world *w, uint64_t map_octets)
{
	w->t.map_octets = map_octets;
	assert_int_equal(site_open(&w->t, &w->keys, w->dir, 0), OK);
	if (accounts_count(w->t.e->accounts) == 0)
		assert_int_equal(act(w, (struct act){ .kind = ACT_ACCOUNT }), OK);
}

static void
reopen(struct world *w, uint64_t map_octets)
{
	site_close(&w->t);
	open_world(w, map_octets);
}

static struct state *
look(struct world *w)
{
	static struct state s;

	w->t.whole = true;
	if (site_look(&w->t, &s) != OK)
		fail_msg("%s", w->t.why);
	return &s;
}

static const struct act deliver = { .kind = ACT_DELIVER, .accounts = 1 };

static struct act
on_all(uint32_t kind)
{
	return (struct act){ .kind = kind, .account = 1, .mailbox = BOX_INBOX,
		.uids = { 1, UINT32_MAX }, .op = ST_FLAGS_ADD, .flags = ST_DELETED };
}

/* ---- the disk ---- */

static void
a_network_file_system_is_refused(void **state)
{
	static const uint32_t types[] = { 0x6969, 0x517b, 0xff534d42u, 0xfe534d42u, 0x01021997,
		0x5346414f, 0x00c36400, 0x0bd00bd0, 0x47504653, 0x73757245, 0x564c, 0x19830326 };
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		shim_statfs(UINT64_MAX, types[i]);
		assert_int_equal(site_open(&w->t, &w->keys, w->dir, 0), ERR_UNSUPPORTED);
		site_close(&w->t);
	}
	shim_statfs(UINT64_MAX, 0);
	open_world(w, 0);
	assert_int_equal(act(w, deliver), OK);
}

static void
a_full_disk_takes_nothing_and_gives_space_back(void **state)
{
	struct world *w = *state;
	struct act append = { .kind = ACT_APPEND, .account = 1, .mailbox = BOX_INBOX };

	open_world(w, 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(act(w, deliver), OK);
	shim_statfs(50, 0);
	assert_int_equal(act(w, deliver), ERR_NOSPC);
	assert_int_equal(act(w, append), ERR_NOSPC);
	assert_int_equal(look(w)->rows_n, 4);
	assert_int_equal(act(w, on_all(ACT_FLAGS)), OK);
	assert_int_equal(act(w, on_all(ACT_EXPUNGE)), OK);
	assert_int_equal(look(w)->rows_n, 0);
	shim_statfs(UINT64_MAX, 0);
	assert_int_equal(act(w, deliver), OK);
	assert_int_equal(look(w)->rows_n, 1);
}

/* ---- the map ---- */

static void
a_full_map_takes_nothing_and_grows(void **state)
{
	enum { SMALL = 2 << 20, STEP = 20 };
	struct world *w = *state;
	uint32_t n = 0;
	int r;

	open_world(w, SMALL);
	while ((r = act(w, deliver)) == OK && n < 20000)
		n++;
	assert_int_equal(r, ERR_NOSPC);
	assert_true(n > 100);
	assert_int_equal(w->t.e->broken, OK);
	/* As much at once as there is room for. */
	for (uint32_t uid = 1; uid <= n; uid += STEP) {
		struct act flags = on_all(ACT_FLAGS), expunge = on_all(ACT_EXPUNGE);

		flags.uids = expunge.uids = (struct st_range){ uid, uid + STEP - 1 };
		assert_int_equal(act(w, flags), OK);
		assert_int_equal(act(w, expunge), OK);
	}
	assert_int_equal(look(w)->rows_n, 0);
	reopen(w, 8 * SMALL);
	assert_int_equal(act(w, deliver), OK);
	assert_int_equal(look(w)->rows_n, 1);
	assert_int_equal(site_recount(&w->t), OK);
}

/* ---- the clock ---- */

enum { DAY_S = 86400, YEARS_S = 10 * 365 * DAY_S };

static uint32_t
validity_of(const struct state *s, const char *name)
{
	for (uint32_t i = 0; i < s->boxes_n; i++)
		if (strcmp(s->boxes[i].name, name) == 0)
			return s->boxes[i].uidvalidity;
	return 0;
}

static void
a_clock_that_jumps_loses_nothing(void **state)
{
	static const int64_t jumps[] = { -DAY_S, YEARS_S, 0, -YEARS_S, 0 };
	struct world *w = *state;
	uint32_t validity = 0, made = 0;
	struct act append, name = { .kind = ACT_CREATE }, gone = { .kind = ACT_DELETE };

	open_world(w, 0);
	act_name(0, name.name);
	act_name(0, gone.name);
	for (size_t i = 0; i < ARRAY_LEN(jumps); i++) {
		struct state *s;

		append = (struct act){ .kind = ACT_APPEND, .account = 1, .mailbox = BOX_INBOX,
			.id = 1000 + (uint32_t)i };
		shim_clock(jumps[i]);
		assert_int_equal(act(w, append), OK);
		assert_int_equal(act(w, append), OK);	/* the same token, once */
		assert_int_equal(act(w, deliver), OK);
		name.account = gone.account = 1;
		assert_int_equal(act(w, name), OK);
		made += 2;
		s = look(w);
		assert_int_equal(s->rows_n, made);
		/* A name that comes again is another mailbox, whatever the clock says. */
		assert_true(validity_of(s, name.name) > validity);
		validity = validity_of(s, name.name);
		assert_int_equal(act(w, gone), OK);
		assert_int_equal(engine_gc_all(w->t.e, clock_real_s()), OK);
		reopen(w, 0);
		assert_int_equal(look(w)->rows_n, made);
	}
	assert_int_equal(site_recount(&w->t), OK);
}

/* ---- large offsets ---- */

struct far {
	uint64_t blob, offset;
};

struct far_job {
	struct engine_job ej;
	struct far	  far;
	int		  status;
};

static int
set_offset(struct engine *e, struct engine_job *ej)
{
	struct far_job *j = (struct far_job *)(void *)ej;
	struct record_blob row;
	int r = index_blob_get(e->ix, j->far.blob, &row);

	row.offset = j->far.offset;
	return r == OK ? index_blob_put(e->ix, j->far.blob, &row) : r;
}

static void
far_done(struct engine *e, struct engine_job *ej)
{
	(void)e;
	((struct far_job *)(void *)ej)->status = ej->status;
}

/* The frame of the message moves far back in its file, as if so much had been before it. */
static void
move_far(struct world *w, uint64_t offset)
{
	struct far_job j = { .ej = { .index = set_offset, .done = far_done } };
	struct store_record rec;
	struct record_blob row;
	char path[400], *p;
	int fd;

	assert_int_equal(store_record(w->t.s, 1, BOX_INBOX, 1, &rec), OK);
	assert_int_equal(index_begin_read(w->t.e->ix), OK);
	assert_int_equal(index_blob_get(w->t.e->ix, rec.blob, &row), OK);
	index_abort(w->t.e->ix);
	snprintf(path, sizeof path, "%s/store/seg/%08x.seg", w->t.state, row.segment);
	fd = open(path, O_RDWR | O_CLOEXEC);
	p = malloc(row.stored_octets);
	assert_true(fd >= 0 && p != NULL);
	assert_int_equal(pread(fd, p, row.stored_octets, (off_t)row.offset), row.stored_octets);
	assert_int_equal(pwrite(fd, p, row.stored_octets, (off_t)offset), row.stored_octets);
	free(p);
	close(fd);
	j.far = (struct far){ rec.blob, offset };
	engine_commit(w->t.e, &j.ej);
	assert_int_equal(j.status, OK);
}

static void
offsets_beyond_32_bits(void **state)
{
	static const uint64_t offsets[] = { (UINT64_C(1) << 31) - 7, UINT64_C(1) << 31,
		(UINT64_C(1) << 32) - 7, (UINT64_C(1) << 32) + 64, UINT64_C(5) << 30 };
	struct world *w = *state;

	open_world(w, 0);
	assert_int_equal(act(w, (struct act){ .kind = ACT_DELIVER, .accounts = 1, .routes = 1 }),
	    OK);
	for (size_t i = 0; i < ARRAY_LEN(offsets); i++) {
		move_far(w, offsets[i]);
		assert_int_equal(look(w)->rows_n, 1);
		reopen(w, 0);
		assert_int_equal(look(w)->rows_n, 1);
	}
	/* And what is moved from there. */
	for (int i = 0; i < 3; i++)
		assert_int_equal(engine_gc_all(w->t.e, clock_real_s() + (1 + i) * DAY_S), OK);
	assert_int_equal(look(w)->rows_n, 1);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test_setup_teardown(a_network_file_system_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(a_full_disk_takes_nothing_and_gives_space_back,
		    begin, end),
		cmocka_unit_test_setup_teardown(a_full_map_takes_nothing_and_grows, begin, end),
		cmocka_unit_test_setup_teardown(a_clock_that_jumps_loses_nothing, begin, end),
		cmocka_unit_test_setup_teardown(offsets_beyond_32_bits, begin, end),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
