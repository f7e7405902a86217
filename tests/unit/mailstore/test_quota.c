/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Quotas: nobody keeps one octet or one message too much, nothing is refused that fits, whoever
 * writes in the same group; and agencies are exact sums of their accounts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "help.h"
#include "mailstore/quota.h"

enum { ACCOUNTS = 6, AGENCIES = 3, GROUP_MAX = 40, ROUNDS = 60 };

/* One submitter's message in a group: a delivery to one or two accounts, an append, or a copy. */
struct submit {
	struct engine_job ej;
	enum { DELIVER, APPEND, COPY } how;
	unsigned	  who[2];
	size_t		  who_n;
	char		  id[17], guids[2][16];
	struct st_local	  local[2];
	struct st_deliver_request deliver;
	struct st_append_request append;
	struct st_copy_request copy;
	struct st_range	  range;
	struct box_scope  sc;
	struct engine_delivery d;
	struct engine_append ap;
	struct slice	  message;
	struct arena	  a;
	int		  status;
};

struct world {
	struct help    h;
	struct st_quota limit[ACCOUNTS];
	unsigned       agency[ACCOUNTS];	/* AGENCIES: none */
	char	       agency_id[AGENCIES][16];
	uint64_t       octets[ACCOUNTS], messages[ACCOUNTS];
	uint32_t       first_size[ACCOUNTS];	/* of uid 1 in INBOX, to be copied */
	uint32_t       number[ACCOUNTS];
	unsigned       next_id;
	uint32_t       seed;
};

static char text[5000];

static uint32_t
rnd(struct world *w, uint32_t n)
{
	w->seed = w->seed * 1664525u + 1013904223u;
	return (w->seed >> 8) % n;
}

/* ---- jobs ---- */

static struct submit *
of(struct engine_job *ej)
{
	return (struct submit *)(void *)ej;
}

static int
deliver_seal(struct engine *e, struct engine_job *ej)
{
	struct submit *s = of(ej);

	return engine_deliver_seal(e, &s->deliver, s->message, SLICE("summary"), &s->a, &s->d);
}

static int
deliver_control(struct engine *e, struct engine_job *ej)
{
	return engine_deliver_control(e, &of(ej)->deliver, &of(ej)->d);
}

static void
deliver_done(struct engine *e, struct engine_job *ej)
{
	struct submit *s = of(ej);

	s->status = ej->status;
	assert_int_equal(engine_deliver_done(e, &s->deliver, &s->d, ej->status), OK);
}

static int
append_seal(struct engine *e, struct engine_job *ej)
{
	struct submit *s = of(ej);

	return engine_append_seal(e, &s->sc, &s->append, s->message, SLICE("summary"), &s->ap);
}

static int
append_index(struct engine *e, struct engine_job *ej)
{
	return engine_append_index(e, &of(ej)->sc, &of(ej)->append, &of(ej)->ap);
}

static void
append_done(struct engine *e, struct engine_job *ej)
{
	engine_append_done(e, &of(ej)->sc, &of(ej)->ap);
	of(ej)->status = ej->status;
}

static int
copy_index(struct engine *e, struct engine_job *ej)
{
	struct submit *s = of(ej);
	struct st_copy_reply reply;
	struct box_quota q;

	assert_int_equal(quota_learn(e, accounts_number(e->accounts, s->sc.account),
	    &s->copy.quota), OK);
	s->sc.quota = quota_scope(e, s->sc.account, true, &q);
	return box_copy(e->ix, &s->sc, &s->copy, &s->a, &reply);
}

static void
copy_done(struct engine *e, struct engine_job *ej)
{
	(void)e;
	of(ej)->status = ej->status;
}

static void
make_submit(struct world *w, struct submit *s, unsigned how, const unsigned *who, size_t n,
    size_t octets)
{
	memset(s, 0, sizeof *s);
	arena_init(&s->a, 1 << 20);
	s->how = how;
	s->who_n = n;
	s->message = (struct slice){ text, octets };
	snprintf(s->id, sizeof s->id, "q-%014u", w->next_id++);
	for (size_t i = 0; i < n; i++) {
		s->who[i] = who[i];
		s->local[i] = (struct st_local){ .guid = help_guid(who[i], s->guids[i]),
			.quota = w->limit[who[i]] };
	}
	s->sc = (struct box_scope){ .account = w->number[who[0]], .now_s = 1 };
	s->deliver = (struct st_deliver_request){ .id = { s->id, 16 }, .local = s->local,
		.local_n = n };
	s->append = (struct st_append_request){ .account = s->sc.account, .mailbox = BOX_SENT,
		.quota = w->limit[who[0]] };
	s->range = (struct st_range){ 1, 1 };
	s->copy = (struct st_copy_request){ .account = s->sc.account, .mailbox = BOX_INBOX,
		.target = BOX_ARCHIVE, .uids = &s->range, .uids_n = 1,
		.quota = w->limit[who[0]] };
	s->ej = how == DELIVER ? (struct engine_job){ .seal = deliver_seal,
		.control = deliver_control, .done = deliver_done } : how == APPEND ?
	    (struct engine_job){ .seal = append_seal, .index = append_index,
		.done = append_done } :
	    (struct engine_job){ .index = copy_index, .done = copy_done };
}

/* ---- the model ---- */

static uint64_t
agency_sum(const struct world *w, unsigned agency, bool messages)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < ACCOUNTS; i++)
		if (w->agency[i] == agency)
			sum += messages ? w->messages[i] : w->octets[i];
	return sum;
}

static bool
one_fits(const struct world *w, unsigned who, uint64_t octets)
{
	const struct st_quota *l = &w->limit[who];

	if (l->octets != 0 && w->octets[who] + octets > l->octets)
		return false;
	if (l->messages != 0 && w->messages[who] + 1 > l->messages)
		return false;
	if (w->agency[who] == AGENCIES)
		return true;
	return (l->group_octets == 0 ||
	    agency_sum(w, w->agency[who], false) + octets <= l->group_octets) &&
	    (l->group_messages == 0 ||
	    agency_sum(w, w->agency[who], true) + 1 <= l->group_messages);
}

/* What the store must answer, and then has. */
static int
model_submit(struct world *w, const struct submit *s)
{
	size_t done = 0;

	for (; done < s->who_n; done++) {
		unsigned who = s->who[done];
		uint64_t octets = s->how == COPY ? w->first_size[who] : s->message.n;

		if (!one_fits(w, who, octets))
			break;
		w->octets[who] += octets;
		w->messages[who]++;
	}
	if (done == s->who_n)
		return OK;
	while (done-- > 0) {
		w->octets[s->who[done]] -= s->message.n;
		w->messages[s->who[done]]--;
	}
	return ERR_QUOTA;
}

static void
compare(struct world *w)
{
	struct store *st = help_reader(&w->h, 0);

	for (unsigned i = 0; i < ACCOUNTS; i++) {
		struct store_account a;

		assert_int_equal(store_account(st, w->number[i], &a), OK);
		assert_int_equal(a.octets, w->octets[i]);
		assert_int_equal(a.messages, w->messages[i]);
	}
	store_close(&st);
	assert_int_equal(index_begin_read(w->h.e->ix), OK);
	for (unsigned g = 0; g < AGENCIES; g++) {
		struct record_group row = { 0 };
		int r = index_group_get(w->h.e->ix, (struct slice){ w->agency_id[g], 16 }, &row);

		assert_true(r == OK || r == ERR_NOENT);
		assert_int_equal(row.octets, agency_sum(w, g, false));
		assert_int_equal(row.messages, agency_sum(w, g, true));
	}
	index_abort(w->h.e->ix);
	for (unsigned i = 0; i < ACCOUNTS; i++) {
		const struct account *a = accounts_number(w->h.e->accounts, w->number[i]);

		assert_int_equal(a->pending.octets, 0);
		assert_int_equal(a->pending.messages, 0);
		assert_true(a->group == NULL || a->group->pending.octets == 0);
	}
}

static void
set_agency(struct world *w, unsigned who, unsigned agency, uint64_t octets, uint64_t messages)
{
	w->agency[who] = agency;
	w->limit[who].group = agency == AGENCIES ? (struct slice){ NULL, 0 } :
	    (struct slice){ w->agency_id[agency], 16 };
	w->limit[who].group_octets = agency == AGENCIES ? 0 : octets;
	w->limit[who].group_messages = agency == AGENCIES ? 0 : messages;
}

static struct world *
world_new(uint32_t seed)
{
	struct world *w = calloc(1, sizeof *w);

	assert_non_null(w);
	help_begin(&w->h);
	w->seed = seed;
	memset(text, 'x', sizeof text);
	for (unsigned g = 0; g < AGENCIES; g++)
		memset(w->agency_id[g], 'A' + (int)g, 16);
	for (unsigned i = 0; i < ACCOUNTS; i++) {
		w->number[i] = help_account(&w->h, i);
		set_agency(w, i, AGENCIES, 0, 0);
	}
	return w;
}

static void
world_end(struct world *w)
{
	help_end(&w->h);
	free(w);
}

static void
run(struct world *w, struct submit *s, size_t n)
{
	for (size_t i = 0; i + 1 < n; i++)
		s[i].ej.next = &s[i + 1].ej;
	engine_commit(w->h.e, &s[0].ej);
	for (size_t i = 0; i < n; i++)
		arena_clear(&s[i].a);
}

/* ---- tests ---- */

/* Many at once want the last octets of an account: exactly as many get in as fit. */
static void
the_last_octets_of_an_account(void **state)
{
	struct world *w = world_new(1);
	struct submit *s = calloc(GROUP_MAX, sizeof *s);
	unsigned who = 2, ok = 0;

	(void)state;
	assert_non_null(s);
	w->limit[who].octets = 1000;
	for (unsigned i = 0; i < GROUP_MAX; i++)
		make_submit(w, &s[i], i % 2 ? APPEND : DELIVER, &who, 1, 99 + (i == 10));
	run(w, s, GROUP_MAX);
	for (unsigned i = 0; i < GROUP_MAX; i++) {
		assert_true(s[i].status == OK || s[i].status == ERR_QUOTA);
		ok += s[i].status == OK;
		assert_int_equal(s[i].status, model_submit(w, &s[i]));
	}
	assert_int_equal(ok, 10);
	while (w->h.e->intents != NULL)
		assert_int_equal(engine_apply(w->h.e), OK);
	compare(w);
	/* 990 or 991 are there: what fills it to the octet fits, and nothing after it. */
	for (unsigned i = 0; i < 3; i++) {
		make_submit(w, &s[i], DELIVER, &who, 1,
		    i == 0 ? (size_t)(1001 - w->octets[who]) : i == 1 ?
		    (size_t)(1000 - w->octets[who]) : 1);
	}
	run(w, s, 3);
	assert_int_equal(s[0].status, ERR_QUOTA);
	assert_int_equal(s[1].status, OK);
	assert_int_equal(s[2].status, ERR_QUOTA);
	free(s);
	world_end(w);
}

/* Four accounts of one agency, and its last octets and messages. */
static void
the_last_octets_of_an_agency(void **state)
{
	struct world *w = world_new(2);
	struct submit *s = calloc(GROUP_MAX, sizeof *s);

	(void)state;
	assert_non_null(s);
	for (unsigned i = 0; i < 4; i++)
		set_agency(w, i, 1, 3000, 25);
	for (unsigned i = 0; i < GROUP_MAX; i++) {
		unsigned who[2] = { i % 4, (i + 1) % 4 };

		make_submit(w, &s[i], i % 3 == 2 ? APPEND : DELIVER, who, 1 + (i % 3 == 1),
		    100 + i);
	}
	run(w, s, GROUP_MAX);
	for (unsigned i = 0; i < GROUP_MAX; i++)
		assert_int_equal(s[i].status, model_submit(w, &s[i]));
	while (w->h.e->intents != NULL)
		assert_int_equal(engine_apply(w->h.e), OK);
	compare(w);
	assert_true(agency_sum(w, 1, false) <= 3000);
	free(s);
	world_end(w);
}

/* Random groups, limits that change, accounts that change their agency, and restarts. */
static void
random_groups(void **state)
{
	struct world *w = world_new(20261122);
	struct submit *s = calloc(GROUP_MAX, sizeof *s);

	(void)state;
	assert_non_null(s);
	for (unsigned i = 0; i < ACCOUNTS; i++) {
		make_submit(w, s, DELIVER, &i, 1, w->first_size[i] = 50 + i);
		run(w, s, 1);
		assert_int_equal(model_submit(w, s), OK);
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		size_t n = 1 + rnd(w, GROUP_MAX);
		unsigned moved = rnd(w, ACCOUNTS);
		uint64_t more = rnd(w, 4000);

		while (w->h.e->intents != NULL)
			assert_int_equal(engine_apply(w->h.e), OK);
		w->limit[moved].octets = rnd(w, 3) == 0 ? 0 : w->octets[moved] + more;
		w->limit[moved].messages = rnd(w, 3) == 0 ? 0 : w->messages[moved] + rnd(w, 9);
		if (round % 3 == 0)
			set_agency(w, moved, rnd(w, AGENCIES + 1), 0, 0);
		for (unsigned i = 0; i < ACCOUNTS && w->agency[moved] != AGENCIES; i++)
			if (w->agency[i] == w->agency[moved])
				set_agency(w, i, w->agency[i],
				    agency_sum(w, w->agency[i], false) + more,
				    agency_sum(w, w->agency[i], true) + 12);
		/* Who moved is known at his next message; until then he counts where he was. */
		make_submit(w, s, APPEND, &moved, 1, 0);
		run(w, s, 1);
		assert_int_equal(s[0].status, model_submit(w, s));
		for (size_t i = 0; i < n; i++) {
			unsigned who[2] = { rnd(w, ACCOUNTS), rnd(w, ACCOUNTS) };

			make_submit(w, &s[i], rnd(w, 2), who, rnd(w, 4) == 0 ? 2 : 1,
			    rnd(w, 600));
			if (s[i].how == APPEND)
				s[i].who_n = 1;
		}
		run(w, s, n);
		for (size_t i = 0; i < n; i++)
			if (s[i].status != model_submit(w, &s[i]))
				fail_msg("round %u, message %zu: %s", round, i,
				    err_text(s[i].status));
		for (size_t i = 0; i < 3; i++) {
			unsigned who = rnd(w, ACCOUNTS);

			make_submit(w, &s[i], COPY, &who, 1, 0);
		}
		run(w, s, 3);
		for (size_t i = 0; i < 3; i++)
			assert_int_equal(s[i].status, model_submit(w, &s[i]));
		while (w->h.e->intents != NULL)
			assert_int_equal(engine_apply(w->h.e), OK);
		compare(w);
		help_invariant(&w->h);
		if (round % 10 == 9) {
			help_close(&w->h);
			help_open(&w->h);
		}
	}
	help_check(&w->h);
	free(s);
	world_end(w);
}

/* Each percentage is reached once, and again only after it was left. */
static void
warnings_come_once(void **state)
{
	static const struct { size_t octets; uint8_t warned, crossed; } rows[] = {
		{ 799, 0, 0 }, { 1, 80, 80 }, { 100, 80, 0 }, { 50, 95, 95 }, { 50, 95, 0 } };
	struct world *w = world_new(3);
	unsigned who = 1;
	struct submit s;
	struct record_account row;

	(void)state;
	w->h.e->conf.warn_percents[0] = 80;
	w->h.e->conf.warn_percents[1] = 95;
	w->h.e->conf.warn_percents_n = 2;
	w->limit[who].octets = 1000;
	set_agency(w, who, 0, 2000, 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct account *a = accounts_number(w->h.e->accounts, w->number[who]);
		struct box_quota q;
		struct box_scope sc = { .account = a->number };

		make_submit(w, &s, DELIVER, &who, 1, rows[i].octets);
		run(w, &s, 1);
		assert_int_equal(s.status, OK);
		/* As engine_apply does, looking at what it would tell. */
		assert_int_equal(index_begin_write(w->h.e->ix), OK);
		sc.quota = quota_scope(w->h.e, a->number, false, &q);
		struct box_owner o;
		assert_int_equal(box_owner_get(w->h.e->ix, &sc, &o), OK);
		box_owner_add(&o, rows[i].octets, 1);
		assert_int_equal(box_owner_put(w->h.e->ix, &sc, &o), OK);
		assert_int_equal(q.crossed, rows[i].crossed);
		index_abort(w->h.e->ix);
		while (w->h.e->intents != NULL)
			assert_int_equal(engine_apply(w->h.e), OK);
		assert_int_equal(a->crossed, 0);	/* it was logged */
		assert_int_equal(index_begin_read(w->h.e->ix), OK);
		assert_int_equal(index_account_get(w->h.e->ix, a->number, &row), OK);
		index_abort(w->h.e->ix);
		assert_int_equal(row.warned, rows[i].warned);
	}
	world_end(w);
}

int
main(void)
{
	const struct CMUnitTest t[] = { cmocka_unit_test(the_last_octets_of_an_account),
		cmocka_unit_test(the_last_octets_of_an_agency), cmocka_unit_test(random_groups),
		cmocka_unit_test(warnings_come_once) };

	return cmocka_run_group_tests(t, NULL, NULL);
}
