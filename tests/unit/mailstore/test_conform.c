/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * The engines of mailstore/ms.h against the one in memory; and engines with a fault, each of which
 * must be found. SEED=n repeats a play.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "common/clock.h"
#include "conform.h"
#include "help.h"
#include "ms_memory.h"

static uint32_t
seed_of(void)
{
	uint32_t seed = getenv("SEED") != NULL ? (uint32_t)strtoul(getenv("SEED"), NULL, 10) :
	    (uint32_t)clock_us();

	print_message("SEED=%u\n", seed);
	return seed;
}

static void
lmdb_conforms(void **state)
{
	struct help h;
	struct ms_conf conf = { .map_octets = HELP_MAP, .segment_octets = 1 << 20,
		.compress = true };
	struct conform what = { .engine = ms_lmdb(), .conf = &conf, .seed = seed_of(),
		.lasting = true,
		.rounds = help_long() ? 3000 : 600 };
	const char *why;

	(void)state;
	help_begin(&h);
	help_close(&h);
	conf.state_dir = h.state;
	conf.run_dir = h.run;
	why = conform(&what);
	help_end(&h);
	assert_string_equal(why == NULL ? "" : why, "");
}

/* ---- engines with a fault ---- */

static struct ms_engine faulty;		/* as the one in memory, but for one function */
static unsigned calls_n;

static int
page_without_the_last(struct ms *ms, uint32_t account, uint32_t mailbox, uint32_t from_uid,
    struct store_record *page, size_t cap, size_t *n_out)
{
	int r = ms_memory()->page(ms, account, mailbox, from_uid, page, cap, n_out);

	if (*n_out > 3)
		--*n_out;
	return r;
}

static int
changes_without_flags(struct ms *ms, uint32_t account, uint32_t mailbox, uint64_t since,
    uint32_t from_uid, struct store_record *page, size_t cap, size_t *n_out, uint32_t *next_out)
{
	int r = ms_memory()->changes(ms, account, mailbox, since, from_uid, page, cap, n_out,
	    next_out);

	for (size_t i = 0; i < *n_out; i++)
		page[i].flags &= (uint16_t)~ST_ANSWERED;
	return r;
}

static int
nothing_vanished(struct ms *ms, uint32_t account, uint32_t mailbox, uint64_t since,
    struct arena *a, struct st_range **ranges_out, size_t *n_out, bool *complete_out)
{
	int r = ms_memory()->vanished(ms, account, mailbox, since, a, ranges_out, n_out,
	    complete_out);

	*n_out = 0;
	return r;
}

static int
one_octet_more(struct ms *ms, uint32_t account, struct store_account *out)
{
	int r = ms_memory()->counters(ms, account, out);

	out->octets += out->octets > 1000;
	return r;
}

static int
another_octet(struct ms *ms, const struct store_record *record, const uint8_t secret[32],
    struct arena *a, struct slice *message_out, struct slice *summary_out)
{
	int r = ms_memory()->read(ms, record, secret, a, message_out, summary_out);

	if (message_out->n > 100)
		((char *)(uintptr_t)message_out->p)[99] ^= 1;
	return r;
}

/* A retry does it again. */
static void
no_tokens(struct ms *ms, struct ms_call *calls)
{
	for (struct ms_call *c = calls; c != NULL; c = c->next)
		if (c->act == MS_APPEND)
			((struct st_append_request *)(uintptr_t)c->req)->token.n = 0;
	ms_memory()->submit(ms, calls);
}

static void
quota_is_late(struct ms *ms, struct ms_call *calls)
{
	for (struct ms_call *c = calls; c != NULL; c = c->next) {
		struct st_append_request *req = (struct st_append_request *)(uintptr_t)c->req;

		if (c->act == MS_APPEND && req->quota.octets != 0)
			req->quota.octets++;
	}
	ms_memory()->submit(ms, calls);
}

/* Accepted, and not done. */
static void
an_expunge_is_lost(struct ms *ms, struct ms_call *calls)
{
	for (struct ms_call *c = calls; c != NULL; c = c->next)
		if (c->act == MS_EXPUNGE && ++calls_n % 5 == 0)
			((struct st_expunge_request *)(uintptr_t)c->req)->uids_n = 0;
	ms_memory()->submit(ms, calls);
}

static int
mat_is_shown(struct ms *ms, uint32_t account, bool internet, struct arena *a,
    struct store_mailbox **list_out, size_t *n_out)
{
	(void)internet;
	return ms_memory()->mailboxes(ms, account, false, a, list_out, n_out);
}

static uint64_t
still(struct ms *ms, uint32_t account)
{
	(void)ms;
	return account;
}

static void
expect_found(const char *name)
{
	struct ms_conf conf = { .state_dir = "" };
	struct conform what = { .engine = &faulty, .conf = &conf, .seed = 7, .rounds = 600 };
	const char *why = conform(&what);

	print_message("%s: %s\n", name, why == NULL ? "NOT FOUND" : why);
	assert_non_null(why);
	faulty = *ms_memory();
}

static void
faults_are_found(void **state)
{
	struct ms_conf conf = { .state_dir = "" };
	struct conform sound = { .engine = ms_memory(), .conf = &conf, .seed = 7, .rounds = 600 };

	(void)state;
	assert_null(conform(&sound));
	faulty = *ms_memory();
	faulty.page = page_without_the_last;
	expect_found("a page lacks a message");
	faulty.changes = changes_without_flags;
	expect_found("changes lack a flag");
	faulty.vanished = nothing_vanished;
	expect_found("nothing vanishes");
	faulty.counters = one_octet_more;
	expect_found("an octet too many");
	faulty.read = another_octet;
	expect_found("an octet is another");
	faulty.submit = no_tokens;
	expect_found("a retry does it again");
	faulty.submit = quota_is_late;
	expect_found("quota is late by an octet");
	faulty.submit = an_expunge_is_lost;
	expect_found("an expunge is lost");
	faulty.mailboxes = mat_is_shown;
	expect_found("the internet sees Mật");
	faulty.generation = still;
	expect_found("changes are not told");
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(lmdb_conforms),
		cmocka_unit_test(faults_are_found),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
