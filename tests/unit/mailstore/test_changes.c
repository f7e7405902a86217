/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* What changed in a mailbox: found without a walk through all of it, and nothing missed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "help.h"

enum { MESSAGES = 5000, ACTS = 400, CAP = 600 };

struct doing {
	struct box_scope sc;
	struct st_range	 range;
	struct arena	*a;
	unsigned	 what, n;
	uint32_t	 to;
};

static int
add(struct engine *e, void *arg)
{
	struct doing *d = arg;
	static const uint8_t wrapped[48], id[16];
	uint32_t uidvalidity, uid;
	int r = OK;

	for (unsigned i = 0; i < d->n && r == OK; i++) {
		struct box_message m = { .blob = 1, .level = LEVEL_THUONG, .email_id = id,
			.place = { .size_octets = 10 } };

		r = box_blob(e->ix, &m, 1);
		if (r == OK)
			r = box_add(e->ix, &d->sc, BOX_INBOX, &m,
			    accounts_number(e->accounts, d->sc.account)->keysets[0].id, wrapped,
			    &uidvalidity, &uid);
	}
	return r;
}

static int
flag(struct engine *e, void *arg)
{
	struct doing *d = arg;
	struct st_flags_request req = { .mailbox = BOX_INBOX, .uids = &d->range, .uids_n = 1,
		.op = (uint8_t)(d->what % 2 == 0 ? ST_FLAGS_ADD : ST_FLAGS_REMOVE),
		.flags = ST_FLAGGED | ST_DELETED };
	struct st_flags_reply reply;

	return box_flags(e->ix, &d->sc, &req, d->a, &reply);
}

static int
expunge(struct engine *e, void *arg)
{
	struct doing *d = arg;
	struct st_expunge_reply reply;

	return box_expunge(e->ix, &d->sc, BOX_INBOX, &d->range, 1, d->a, &reply);
}

static int
copy(struct engine *e, void *arg)
{
	struct doing *d = arg;
	struct st_copy_request req = { .mailbox = BOX_INBOX, .target = d->to,
		.uids = &d->range, .uids_n = 1, .move = d->what % 3 == 0 };
	struct st_copy_reply reply;

	return box_copy(e->ix, &d->sc, &req, d->a, &reply);
}

static uint64_t
modseq_of(struct store *s, uint32_t account, uint32_t mailbox)
{
	struct store_mailbox box;
	struct arena a;

	arena_init(&a, 65536);
	assert_int_equal(store_mailbox(s, account, mailbox, &a, &box), OK);
	arena_clear(&a);
	return box.highestmodseq;
}

/* Against a walk through all messages. */
static void
expect_changes(struct store *s, uint32_t account, uint32_t mailbox, uint64_t since)
{
	static struct store_record all[MESSAGES + ACTS * 4], page[CAP];
	uint32_t from = 1;
	size_t all_n, n, at = 0;

	assert_int_equal(store_page(s, account, mailbox, 1, all, ARRAY_LEN(all), &all_n), OK);
	do {
		assert_int_equal(store_changes(s, account, mailbox, since, from, page, CAP, &n,
		    &from), OK);
		for (size_t i = 0; i < n; i++, at++) {
			while (at < all_n && all[at].modseq <= since)
				at++;
			assert_true(at < all_n);
			assert_memory_equal(&page[i], &all[at], sizeof page[i]);
		}
	} while (from != 0);
	while (at < all_n && all[at].modseq <= since)
		at++;
	assert_int_equal(at, all_n);
}

static void
some_act(struct help *h, struct doing *d, uint32_t last)
{
	int (*const acts[])(struct engine *, void *) = { flag, flag, flag, add, expunge, copy };
	uint32_t lo = 1 + (uint32_t)rand() % last;

	d->range = (struct st_range){ lo, lo + (uint32_t)rand() % 4 };
	d->what = (unsigned)rand();
	d->n = 1;
	d->to = rand() % 2 == 0 ? BOX_ARCHIVE : BOX_INBOX;
	assert_int_equal(help_index(h, acts[(unsigned)rand() % ARRAY_LEN(acts)], d), OK);
}

static void
nothing_is_missed(void **state)
{
	struct help h;
	struct arena a;
	struct doing d;
	struct store *s;

	(void)state;
	help_begin(&h);
	arena_init(&a, 8 << 20);
	d = (struct doing){ .sc = { .account = help_account(&h, 1) }, .a = &a, .n = 300 };
	assert_int_equal(help_index(&h, add, &d), OK);
	s = help_reader(&h, 0);
	srand(7);
	for (int i = 0; i < ACTS; i++) {
		const uint32_t boxes[] = { BOX_INBOX, BOX_ARCHIVE };

		some_act(&h, &d, 400);
		for (size_t k = 0; k < ARRAY_LEN(boxes); k++) {
			uint64_t top = modseq_of(s, d.sc.account, boxes[k]);

			for (uint64_t back = 0; back < top && back < 14; back++)
				expect_changes(s, d.sc.account, boxes[k], top - back);
			expect_changes(s, d.sc.account, boxes[k], 0);
		}
		arena_clear(&a);
	}
	store_close(&s);
	help_end(&h);
}

/* A walk through a mailbox that large would not end within one call. */
static void
few_are_looked_at(void **state)
{
	struct store_record page[8];
	struct help h;
	struct arena a;
	struct doing d;
	struct store *s;
	uint64_t was;
	uint32_t next;
	size_t n;

	(void)state;
	help_begin(&h);
	arena_init(&a, 8 << 20);
	d = (struct doing){ .sc = { .account = help_account(&h, 1) }, .a = &a, .n = MESSAGES };
	assert_int_equal(help_index(&h, add, &d), OK);
	s = help_reader(&h, 0);
	was = modseq_of(s, d.sc.account, BOX_INBOX);
	for (unsigned i = 0; i < 3; i++) {	/* the ends, and one in the middle */
		uint32_t uid = 1 + i * (MESSAGES - 1) / 2;

		d.range = (struct st_range){ uid, uid };
		assert_int_equal(help_index(&h, flag, &d), OK);
	}
	assert_int_equal(store_changes(s, d.sc.account, BOX_INBOX, was, 1, page, 8, &n, &next), OK);
	assert_int_equal(n, 3);
	assert_int_equal(next, 0);
	assert_int_equal(store_changes(s, d.sc.account, BOX_INBOX, 1, 1, page, 8, &n, &next), OK);
	assert_int_not_equal(next, 0);
	for (unsigned i = 0; i < RECORD_RECENT_MAX; i++) {	/* more than is noted */
		d.what = 1;
		d.range = (struct st_range){ 100 * i + 10, 100 * i + 10 };
		assert_int_equal(help_index(&h, flag, &d), OK);
		d.what = 0;
		assert_int_equal(help_index(&h, flag, &d), OK);
	}
	expect_changes(s, d.sc.account, BOX_INBOX, was);
	store_close(&s);
	arena_clear(&a);
	help_end(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_missed),
		cmocka_unit_test(few_are_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
