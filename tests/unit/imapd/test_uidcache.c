/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "imapd/uidcache.h"

enum { MOST = 8000, STEPS = 3000 };

/* A mailbox, and how often it was read. */
struct box {
	uint32_t v[MOST], n, uidnext, uidvalidity;
	unsigned reads, octets;
	bool	 races;		/* a message comes while it is read */
};

static void
arrive(struct box *b, uint32_t n)
{
	while (n-- > 0 && b->n < MOST) {
		b->v[b->n++] = b->uidnext;
		b->uidnext += 1 + (uint32_t)rand() % 2;
	}
}

static void
vanish(struct box *b, uint32_t n)
{
	while (n-- > 0 && b->n > 0) {
		uint32_t i = (uint32_t)rand() % b->n;

		memmove(&b->v[i], &b->v[i + 1], (b->n - i - 1) * sizeof *b->v);
		b->n--;
	}
}

static int
read_box(void *ctx, uint32_t id, uint32_t first, uint32_t *out, size_t cap, size_t *n_out)
{
	struct box *b = ctx;

	(void)id;
	if (b->races)
		arrive(b, 1);
	b->reads++;
	*n_out = 0;
	for (uint32_t i = 0; i < b->n && *n_out < cap; i++)
		if (b->v[i] >= first)
			out[(*n_out)++] = b->v[i];
	return OK;
}

static struct backend_state
state_of(const struct box *b)
{
	return (struct backend_state){ .uidvalidity = b->uidvalidity, .uidnext = b->uidnext,
		.messages = b->n };
}

static const struct uidlist *
get(struct uidcache *c, uint32_t id, struct box *b)
{
	struct backend_state st = state_of(b);

	return uidcache_get(c, 1, id, &st, read_box, b);
}

/* Whatever happens to the mailbox, a list that is given is the mailbox. */
static void
lists_are_right(void **state)
{
	static struct box b;
	struct uidcache c = { 0 };
	unsigned given = 0;

	(void)state;
	b = (struct box){ .uidnext = 1, .uidvalidity = 7 };
	srand(11);
	arrive(&b, 3000);
	for (unsigned i = 0; i < STEPS; i++) {
		const struct uidlist *l;
		unsigned what = (unsigned)rand() % 8;

		if (what < 2)
			arrive(&b, 1 + (uint32_t)rand() % 5);
		else if (what == 2)
			vanish(&b, 1);
		else if (what == 3) {
			arrive(&b, 1);
			vanish(&b, 1);
		} else if (what == 4 && rand() % 20 == 0) {
			b.uidvalidity++;
			b.uidnext = 1;
			b.n = 0;
			arrive(&b, 2500);
		}
		b.races = rand() % 10 == 0;
		uint32_t before = b.n;
		l = get(&c, 5, &b);
		if (l == NULL)
			continue;
		given++;
		assert_true(l->n == before || l->n == b.n);
		assert_memory_equal(l->v, b.v, l->n * sizeof *l->v);
	}
	assert_true(given > STEPS / 2);
	uidcache_fini(&c);
}

static void
what_is_the_same_is_not_read_again(void **state)
{
	static struct box b;
	struct uidcache c = { 0 };
	uint32_t page[10];

	(void)state;
	b = (struct box){ .uidnext = 1, .uidvalidity = 7 };
	arrive(&b, UIDCACHE_FEWEST - 1);
	assert_null(get(&c, 5, &b));
	assert_int_equal(b.reads, 0);
	arrive(&b, 1);
	assert_non_null(get(&c, 5, &b));
	assert_non_null(get(&c, 5, &b));
	assert_int_equal(b.reads, 1);
	assert_ptr_equal(uidcache_find(&c, 1, 5), get(&c, 5, &b));
	assert_null(uidcache_find(&c, 2, 5));
	assert_null(uidcache_find(&c, 1, 6));
	assert_int_equal(uidlist_copy(get(&c, 5, &b), b.v[b.n - 3], page, 10), 3);
	assert_int_equal(page[2], b.v[b.n - 1]);
	assert_int_equal(uidlist_copy(get(&c, 5, &b), b.v[b.n - 1] + 1, page, 10), 0);
	assert_int_equal(uidlist_copy(get(&c, 5, &b), 1, page, 10), 10);
	uidcache_fini(&c);
}

static void
the_oldest_goes(void **state)
{
	static struct box b;
	struct uidcache c = { 0 };

	(void)state;
	b = (struct box){ .uidnext = 1, .uidvalidity = 7 };
	arrive(&b, UIDCACHE_FEWEST);
	for (uint32_t id = 1; id <= UIDCACHE_LISTS; id++)
		assert_non_null(get(&c, id, &b));
	assert_non_null(get(&c, 1, &b));
	assert_non_null(get(&c, UIDCACHE_LISTS + 1, &b));
	assert_non_null(uidcache_find(&c, 1, 1));
	assert_null(uidcache_find(&c, 1, 2));
	uidcache_fini(&c);
}

int
main(void)
{
	const struct CMUnitTest t[] = { cmocka_unit_test(lists_are_right),
		cmocka_unit_test(what_is_the_same_is_not_read_again),
		cmocka_unit_test(the_oldest_goes) };

	return cmocka_run_group_tests(t, NULL, NULL);
}
