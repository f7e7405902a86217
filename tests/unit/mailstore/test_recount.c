/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "help.h"
#include "mailstore/recount.h"
#include "mailstore/sorter.h"

/* ---- sorter ---- */

static uint64_t
scatter(uint64_t i)
{
	return i * UINT64_C(0x9e3779b97f4a7c15);
}

static void
sort_many(size_t items, size_t memory)
{
	uint64_t sum = 0, back = 0, seen = 0;
	struct sorter_item last = { 0, 0, 0 }, it;
	struct sorter *s;
	int r;

	assert_int_equal(sorter_new(recount_tmp(), memory, &s), OK);
	for (size_t i = 0; i < items; i++) {
		assert_int_equal(sorter_add(s, scatter(i) >> 50, scatter(i), i), OK);
		sum += scatter(i) ^ i;
	}
	assert_int_equal(sorter_count(s), items);
	for (int round = 0; round < 2; round++) {
		last = (struct sorter_item){ 0, 0, 0 };
		seen = back = 0;
		assert_int_equal(sorter_sort(s), OK);
		while ((r = sorter_next(s, &it)) == 1) {
			assert_true(it.a > last.a || (it.a == last.a && it.b >= last.b));
			assert_int_equal(it.a, it.b >> 50);
			back += it.b ^ it.c;
			last = it;
			seen++;
		}
		assert_int_equal(r, 0);
		assert_int_equal(seen, items);
		assert_int_equal(back, sum);
	}
	sorter_free(&s);
}

static void
sorter_sorts(void **state)
{
	static const size_t sizes[] = { 0, 1, 2, 17, 4096, 100000 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		sort_many(sizes[i], 32 << 20);		/* all in memory */
		sort_many(sizes[i], 16 * 1024);		/* up to 147 runs */
	}
}

static void
sorter_says_when_it_is_too_much(void **state)
{
	struct sorter *s;
	int r = OK;

	(void)state;
	assert_int_equal(sorter_new(recount_tmp(), 0, &s), OK);
	for (uint64_t i = 0; i < 20000 && r == OK; i++)
		r = sorter_add(s, i, 0, 0);
	assert_int_equal(r, ERR_LIMIT);
	sorter_free(&s);
	assert_int_equal(sorter_new("/nowhere", 0, &s), OK);
	for (uint64_t i = 0, failed = 0; i < 17; i++, failed = 1)
		r = sorter_add(s, i, failed, 0);
	assert_int_equal(r, -ENOENT);
	sorter_free(&s);
}

/* ---- counters ---- */

struct found {
	struct recount_diff d[16];
	size_t		    n;
};

static void
note(void *arg, const struct recount_diff *d)
{
	struct found *f = arg;

	assert_true(f->n < ARRAY_LEN(f->d));
	f->d[f->n++] = *d;
}

static struct found
count(struct help *h)
{
	struct found f = { .n = 0 };

	assert_int_equal(index_begin_read(h->e->ix), OK);
	assert_int_equal(recount_index(h->e->ix, note, NULL, &f), OK);
	index_abort(h->e->ix);
	return f;
}

static const struct {
	enum recount_what what;
	int		  by;
} wrongs[] = {
	{ RECOUNT_EXISTS, 1 }, { RECOUNT_UNSEEN, -1 }, { RECOUNT_DELETED, 1 },
	{ RECOUNT_OCTETS, 1 }, { RECOUNT_UIDNEXT, -2 }, { RECOUNT_MODSEQ, -3 },
	{ RECOUNT_VANISHED_ROWS, 1 }, { RECOUNT_ACCOUNT_OCTETS, -1 },
	{ RECOUNT_ACCOUNT_MESSAGES, 1 }, { RECOUNT_REFS, 1 }, { RECOUNT_REFS, -1 },
};

static void
plant(struct index *ix, uint32_t account, enum recount_what what, int by)
{
	uint32_t u = (uint32_t)by;
	struct record_box *box = &ix->box;
	struct record_account acct;
	struct store_record m;
	struct record_blob b;

	assert_int_equal(index_box_get(ix, account, BOX_INBOX, box), OK);
	assert_int_equal(index_account_get(ix, account, &acct), OK);
	assert_int_equal(index_message_get(ix, account, BOX_INBOX, 1, &m), OK);
	assert_int_equal(index_blob_get(ix, m.blob, &b), OK);
	switch (what) {
	case RECOUNT_EXISTS: box->exists += u; break;
	case RECOUNT_UNSEEN: box->unseen += u; break;
	case RECOUNT_DELETED: box->deleted += u; break;
	case RECOUNT_OCTETS: box->octets += (uint64_t)by; break;
	case RECOUNT_UIDNEXT: box->uidnext += u; break;
	case RECOUNT_MODSEQ: box->modseq += (uint64_t)by; break;
	case RECOUNT_VANISHED_ROWS: box->vanished_rows += u; break;
	case RECOUNT_ACCOUNT_OCTETS: acct.octets += (uint64_t)by; break;
	case RECOUNT_ACCOUNT_MESSAGES: acct.messages += (uint64_t)by; break;
	default: b.refs += u; break;
	}
	assert_int_equal(index_box_put(ix, box), OK);
	assert_int_equal(index_account_put(ix, account, &acct), OK);
	assert_int_equal(index_blob_put(ix, m.blob, &b), OK);
}

static void
every_wrong_counter_is_found(void **state)
{
	static const unsigned who[] = { 1, 2 };
	struct slice text = help_text(3000);
	struct help h;

	(void)state;
	help_begin(&h);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(help_deliver(&h, i, who, 2, ST_PLACE_INBOX, text), OK);
	assert_int_equal(count(&h).n, 0);
	for (size_t i = 0; i < ARRAY_LEN(wrongs); i++) {
		uint32_t account = help_account(&h, 1);
		struct found f;

		assert_int_equal(index_begin_write(h.e->ix), OK);
		plant(h.e->ix, account, wrongs[i].what, wrongs[i].by);
		assert_int_equal(index_commit(h.e->ix), OK);
		f = count(&h);
		assert_int_equal(f.n, 1);
		assert_int_equal(f.d[0].what, wrongs[i].what);
		assert_true(f.d[0].is != f.d[0].counted);
		assert_int_equal(index_begin_write(h.e->ix), OK);
		plant(h.e->ix, account, wrongs[i].what, -wrongs[i].by);
		assert_int_equal(index_commit(h.e->ix), OK);
	}
	assert_int_equal(count(&h).n, 0);
	free((void *)(uintptr_t)text.p);
	help_end(&h);
}

static void
lost_rows_are_found(void **state)
{
	static const unsigned who[] = { 1 };
	struct slice text = help_text(100);
	struct store_record m;
	struct record_key k;
	struct help h;
	struct found f;

	(void)state;
	help_begin(&h);
	assert_int_equal(help_deliver(&h, 1, who, 1, ST_PLACE_INBOX, text), OK);
	assert_int_equal(index_begin_write(h.e->ix), OK);
	assert_int_equal(index_message_get(h.e->ix, 1, BOX_INBOX, 1, &m), OK);
	k = record_key_blob(m.blob);
	assert_int_equal(env_del(h.e->ix->t, INDEX_BLOB, record_key_slice(&k)), OK);
	k = record_key_box(1, BOX_INBOX);
	assert_int_equal(env_del(h.e->ix->t, INDEX_T, record_key_slice(&k)), OK);
	assert_int_equal(index_commit(h.e->ix), OK);
	f = count(&h);
	assert_int_equal(f.n, 4);
	assert_int_equal(f.d[0].what, RECOUNT_BOX_LOST);
	assert_int_equal(f.d[0].mailbox, BOX_INBOX);
	assert_int_equal(f.d[1].what, RECOUNT_ACCOUNT_OCTETS);
	assert_int_equal(f.d[2].what, RECOUNT_ACCOUNT_MESSAGES);
	assert_int_equal(f.d[3].what, RECOUNT_BLOB_LOST);
	assert_int_equal(f.d[3].blob, m.blob);
	free((void *)(uintptr_t)text.p);
	help_end(&h);
}

int
main(void)
{
	const struct CMUnitTest t[] = { cmocka_unit_test(sorter_sorts),
		cmocka_unit_test(sorter_says_when_it_is_too_much),
		cmocka_unit_test(every_wrong_counter_is_found),
		cmocka_unit_test(lost_rows_are_found) };

	return cmocka_run_group_tests(t, NULL, NULL);
}
