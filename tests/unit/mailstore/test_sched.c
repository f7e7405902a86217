/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Who gets into which group: counted in groups, not in milliseconds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mailstore/sched.h"

enum { MANY = 5000, SUBMITTERS = 64 };

struct fake {
	struct engine_job  ej;		/* first */
	struct sealer_task task;
	unsigned	   serial;
	unsigned	   refuse;	/* how often prepare says "not now" */
	int		   fails;
	bool		   slow;	/* its body is not sealed by itself */
};

static int
nothing(struct sealer_task *t, struct crypt_zip *zip)
{
	(void)t;
	(void)zip;
	return OK;
}

static int
fake_prepare(struct engine *e, struct engine_job *ej)
{
	struct fake *f = (struct fake *)(void *)ej;

	if (f->refuse > 0) {
		f->refuse--;
		return ERR_AGAIN;
	}
	if (f->fails != OK)
		return f->fails;
	f->task = (struct sealer_task){ .fn = nothing };
	sealer_start(e->sealer, &f->task, false);
	if (!f->slow)
		assert_int_equal(sealer_wait(e->sealer, &f->task), OK);
	ej->task = &f->task;
	return OK;
}

static int
begin(void **state)
{
	struct engine *e = calloc(1, sizeof *e);

	assert_non_null(e);
	assert_int_equal(crypt_start(), OK);
	assert_int_equal(sealer_new(0, &e->sealer), OK);
	*state = e;
	return 0;
}

static int
end(void **state)
{
	struct engine *e = *state;

	sealer_free(&e->sealer);
	free(e);
	return 0;
}

static void
add(struct sched *s, struct fake *f, bool body)
{
	f->ej = (struct engine_job){ .prepare = body ? fake_prepare : NULL };
	sched_add(s, &f->ej);
}

/* Was f in the group? Those with a body of `again` come back at once, as closed loops do. */
static bool
commit(struct sched *s, const struct fake *f, bool again)
{
	struct engine_job *j, *next;
	bool was = false;
	size_t n, seen = 0;

	sched_pump(s, false);
	for (j = sched_group(s, &n); j != NULL; j = next, seen++) {
		struct fake *one = (struct fake *)(void *)j;

		next = j->next;
		was = was || one == f;
		if (again && one != f)
			add(s, one, j->prepare != NULL);
	}
	assert_int_equal(seen, n);
	assert_true(n <= SCHED_GROUP_MAX);
	return was;
}

/* One writer of the one kind beside any number of the other: it came while a group was being
 * committed, so it waits for that one, and is in the next. */
static void
one_beside_many(struct engine *e, size_t many, bool body)
{
	struct fake *crowd = calloc(many, sizeof *crowd), one = { .serial = 0 };
	struct sched s;

	assert_non_null(crowd);
	sched_init(&s, e);
	for (size_t i = 0; i < many; i++)
		add(&s, &crowd[i], body);
	for (int i = 0; i < 50; i++) {
		add(&s, &one, !body);
		assert_true(commit(&s, &one, true));
		assert_false(commit(&s, &one, true));	/* once */
	}
	assert_int_equal(sched_ready(&s) + sched_coming(&s), many);
	free(crowd);
}

static void
one_imap_writer_beside_submitters(void **state)
{
	one_beside_many(*state, SUBMITTERS, true);
	one_beside_many(*state, MANY, true);
}

static void
one_submitter_beside_imap_writers(void **state)
{
	one_beside_many(*state, SUBMITTERS, false);
	one_beside_many(*state, MANY, false);
}

/* Two crowds share the groups half and half. */
static void
neither_kind_starves(void **state)
{
	struct fake *mail = calloc(MANY, sizeof *mail), *other = calloc(MANY, sizeof *other);
	struct engine_job *j;
	struct sched s;
	size_t n, bodies = 0;

	assert_non_null(mail);
	assert_non_null(other);
	sched_init(&s, *state);
	for (size_t i = 0; i < MANY; i++) {
		add(&s, &mail[i], true);
		add(&s, &other[i], false);
	}
	sched_pump(&s, false);
	for (j = sched_group(&s, &n); j != NULL; j = j->next)
		bodies += j->prepare != NULL;
	assert_int_equal(n, SCHED_GROUP_MAX);
	assert_int_equal(bodies, SCHED_GROUP_MAX / 2);
	free(mail);
	free(other);
}

static void
first_come_first_served(void **state)
{
	struct fake *f = calloc(MANY, sizeof *f);
	unsigned next = 0, groups = 0;
	struct sched s;
	size_t n;

	assert_non_null(f);
	sched_init(&s, *state);
	for (unsigned i = 0; i < MANY; i++) {
		f[i].serial = i;
		add(&s, &f[i], true);
	}
	while (sched_ready(&s) + sched_coming(&s) > 0) {
		sched_pump(&s, false);
		for (struct engine_job *j = sched_group(&s, &n); j != NULL; j = j->next)
			assert_int_equal(((struct fake *)(void *)j)->serial, next++);
		groups++;
	}
	assert_int_equal(next, MANY);
	assert_int_equal(groups, (MANY + SCHED_GROUP_MAX - 1) / SCHED_GROUP_MAX);
	free(f);
}

static void
a_slow_body_holds_up_nobody(void **state)
{
	struct engine *e = *state;
	struct fake slow = { .slow = true }, quick = { .serial = 1 };
	struct sched s;

	sched_init(&s, e);
	add(&s, &slow, true);
	add(&s, &quick, true);
	assert_true(commit(&s, &quick, false));
	assert_false(commit(&s, &slow, false));
	assert_int_equal(sched_coming(&s), 1);
	assert_int_equal(sealer_wait(e->sealer, &slow.task), OK);
	assert_true(commit(&s, &slow, false));
	assert_int_equal(sched_coming(&s), 0);
}

/* A slow body, and one that cannot be begun, hold up what is to keep its order behind
 * them, and nothing else. */
static void
an_order_is_kept(void **state)
{
	struct engine *e = *state;
	struct fake f[5] = { { .slow = true }, { .serial = 1 }, { .refuse = 1 }, { .serial = 3 },
		{ .serial = 4 } };
	struct sched s;

	sched_init(&s, e);
	for (size_t i = 0; i < ARRAY_LEN(f); i++) {
		f[i].ej = (struct engine_job){ .prepare = fake_prepare, .in_order = i < 4 };
		sched_add(&s, &f[i].ej);
	}
	assert_true(commit(&s, &f[4], false));	/* the only one that keeps none */
	assert_false(commit(&s, &f[1], false));
	assert_int_equal(sched_coming(&s), 4);
	assert_int_equal(sealer_wait(e->sealer, &f[0].task), OK);
	sched_pump(&s, false);
	sched_pump(&s, false);
	for (size_t i = 0, n; i < 4;)
		for (struct engine_job *j = sched_group(&s, &n); j != NULL; j = j->next)
			assert_ptr_equal(j, &f[i++].ej);
	assert_int_equal(sched_coming(&s), 0);
}

/* "Not now" keeps the place among those that wait, and lets others pass; a refusal goes straight
 * through. */
static void
not_now_and_never(void **state)
{
	struct fake later = { .refuse = 2 }, never = { .fails = ERR_QUOTA }, fine = { .serial = 2 };
	struct sched s;

	sched_init(&s, *state);
	add(&s, &later, true);
	add(&s, &never, true);
	add(&s, &fine, true);
	sched_pump(&s, true);	/* back-pressure: no body is begun */
	assert_int_equal(sched_ready(&s), 0);
	assert_int_equal(later.refuse, 2);
	assert_true(commit(&s, &never, false));
	assert_int_equal(never.ej.status, ERR_QUOTA);
	assert_int_equal(fine.ej.status, OK);
	assert_false(commit(&s, &later, false));
	assert_true(commit(&s, &later, false));
}

static void
no_more_than_so_many_ahead(void **state)
{
	struct fake *f = calloc(MANY, sizeof *f);
	struct sched s;

	assert_non_null(f);
	sched_init(&s, *state);
	for (unsigned i = 0; i < MANY; i++)
		add(&s, &f[i], true);
	for (int i = 0; i < 3; i++)
		sched_pump(&s, false);
	assert_int_equal(s.sealing.n + s.mail.n, SCHED_AHEAD);
	assert_int_equal(s.fresh.n, MANY - SCHED_AHEAD);
	free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_imap_writer_beside_submitters),
		cmocka_unit_test(one_submitter_beside_imap_writers),
		cmocka_unit_test(neither_kind_starves),
		cmocka_unit_test(first_come_first_served),
		cmocka_unit_test(a_slow_body_holds_up_nobody),
		cmocka_unit_test(an_order_is_kept),
		cmocka_unit_test(not_now_and_never),
		cmocka_unit_test(no_more_than_so_many_ahead),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
