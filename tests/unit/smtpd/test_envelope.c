/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "common/words.h"
#include "smtpd/envelope.h"

static struct envelope_local
account(unsigned n, char name[32])
{
	struct envelope_local l = { .clearance = n % 2 };

	snprintf(name, 32, "u%u", n);
	memcpy(l.guid, &n, sizeof n);
	l.uid = l.address = slice_of(name);
	return l;
}

static void
copies_are_merged(void **state)
{
	struct envelope *env;
	struct envelope_remote r = { SLICE("x@Out.example"), SLICE("out"), ZONE_INTERNET };
	struct envelope_local l;
	char name[32];

	(void)state;
	assert_int_equal(envelope_new(42, &env), OK);
	assert_int_equal(envelope_rcpt(env, SLICE("all@d.example")), OK);
	for (unsigned i = 0; i < 5000; i++) {
		l = account(i % 4000, name);
		assert_int_equal(envelope_add_local(env, &l), OK);
	}
	assert_int_equal(envelope_add_remote(env, &r), OK);
	r.address = SLICE("x@OUT.EXAMPLE");
	assert_int_equal(envelope_add_remote(env, &r), OK);
	r.address = SLICE("X@out.example");	/* local parts differ by case */
	assert_int_equal(envelope_add_remote(env, &r), OK);
	assert_int_equal(env->locals_n, 4000);
	assert_int_equal(env->remotes_n, 2);
	assert_int_equal(env->views_n, 3);	/* two clearances, one zone */
	assert_int_equal(envelope_rcpt(env, SLICE("all@D.EXAMPLE")), ERR_EXIST);
	assert_int_equal(envelope_rcpt(env, SLICE("ALL@d.example")), OK);
	envelope_free(&env);
}

static void
what_is_taken_back_can_be_added_again(void **state)
{
	struct envelope *env, before;
	struct envelope_local l;
	char name[32];

	(void)state;
	assert_int_equal(envelope_new(42, &env), OK);
	assert_int_equal(envelope_rcpt(env, SLICE("a@d")), OK);
	l = account(1, name);
	assert_int_equal(envelope_add_local(env, &l), OK);
	before = *env;
	assert_int_equal(envelope_rcpt(env, SLICE("b@d")), OK);
	for (unsigned i = 0; i < 100; i++) {
		l = account(i, name);
		assert_int_equal(envelope_add_local(env, &l), OK);
	}
	assert_int_equal(env->locals_n, 100);
	envelope_restore(env, &before);
	assert_int_equal(env->locals_n, 1);
	assert_int_equal(env->rcpts_n, 1);
	assert_int_equal(env->views_n, 1);
	assert_int_equal(envelope_rcpt(env, SLICE("a@d")), ERR_EXIST);
	assert_int_equal(envelope_rcpt(env, SLICE("b@d")), OK);
	l = account(1, name);
	assert_int_equal(envelope_add_local(env, &l), OK);
	assert_int_equal(env->locals_n, 1);
	l = account(2, name);
	assert_int_equal(envelope_add_local(env, &l), OK);
	assert_int_equal(env->locals_n, 2);
	envelope_free(&env);
}

static void
the_number_of_copies_is_bounded(void **state)
{
	struct envelope *env;
	struct envelope_local l;
	char name[32];
	int err = OK;

	(void)state;
	assert_int_equal(envelope_new(42, &env), OK);
	assert_int_equal(envelope_rcpt(env, SLICE("a@d")), OK);
	for (unsigned i = 0; i < ENVELOPE_COPIES * 2 && err == OK; i++) {
		l = account(i, name);
		err = envelope_add_local(env, &l);
	}
	assert_int_equal(err, ERR_LIMIT);
	assert_in_range(env->locals_n, ENVELOPE_COPIES, ENVELOPE_COPIES * 2 - 1);
	envelope_free(&env);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(copies_are_merged),
		cmocka_unit_test(what_is_taken_back_can_be_added_again),
		cmocka_unit_test(the_number_of_copies_is_bounded),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
