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
	struct envelope_remote r = { .address = SLICE("x@Out.example"),
	    .route = SLICE("out"), .zone = ZONE_INTERNET };
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

/* ---- LMTP ---- */

enum { PEOPLE = 8, ACCOUNTS = 6, OUTSIDERS = 3, ROUNDS = 4 };

/* Who wants which copies, and who is still there. */
struct model {
	unsigned wants[PEOPLE], wants_out[PEOPLE];
	bool	 here[PEOPLE];
	char	 text[PEOPLE][4];
};

static struct slice
person(unsigned i, char mem[16])
{
	snprintf(mem, 16, "p%u@d", i);
	return slice_of(mem);
}

static void
fill(struct envelope *env, struct model *m, unsigned *seed)
{
	char name[32], mem[16];

	for (unsigned i = 0; i < PEOPLE; i++) {
		*seed = *seed * 1103515245U + 12345U;
		m->wants[i] = *seed >> 16 & ((1U << ACCOUNTS) - 1);
		m->wants_out[i] = *seed >> 24 & ((1U << OUTSIDERS) - 1);
		m->here[i] = true;
		m->text[i][0] = '\0';
		assert_int_equal(envelope_rcpt(env, person(i, mem)), OK);
		for (unsigned k = 0; k < ACCOUNTS; k++) {
			struct envelope_local l = account(k, name);

			if ((m->wants[i] & 1U << k) != 0)
				assert_int_equal(envelope_add_local(env, &l), OK);
		}
		for (unsigned k = 0; k < OUTSIDERS; k++) {
			struct envelope_remote r = { .address = person(100 + k, mem),
			    .route = SLICE("out"), .zone = ZONE_INTERNET };

			if ((m->wants_out[i] & 1U << k) != 0)
				assert_int_equal(envelope_add_remote(env, &r), OK);
		}
		assert_int_equal(envelope_tell(env), OK);
	}
	assert_int_equal(envelope_rcpt(env, SLICE("p0@D")), ERR_EXIST);
	assert_int_equal(envelope_tell(env), OK);
}

/* Bits of the copies in the envelope, by the number in their names. */
static unsigned
bits_of(const struct envelope *env, bool remote)
{
	unsigned bits = 0;

	for (size_t i = 0; i < (remote ? env->remotes_n : env->locals_n); i++) {
		struct slice s = remote ? env->remotes[i].address : env->locals[i].address;
		unsigned bit = 1U << (s.p[remote ? 3 : 1] - '0');

		assert_false(bits & bit);
		bits |= bit;
	}
	return bits;
}

static void
compare(const struct envelope *env, const struct model *m)
{
	unsigned wanted = 0, wanted_out = 0;
	size_t left = 0;
	char mem[16];

	for (unsigned i = 0; i < PEOPLE; i++) {
		const struct envelope_told *t = &env->told[i];

		assert_true(slice_is(t->text, m->text[i]));
		if (!m->here[i])
			continue;
		assert_true(slice_eq(env->rcpts[left], person(i, mem)));
		assert_int_equal(t->rcpt, left++);
		wanted |= m->wants[i];
		wanted_out |= m->wants_out[i];
	}
	assert_true(slice_is(env->told[PEOPLE].text, m->text[0]));
	assert_int_equal(env->rcpts_n, left);
	assert_int_equal(bits_of(env, false), wanted);
	assert_int_equal(bits_of(env, true), wanted_out);
	for (size_t i = 0; i < env->views_n; i++)
		assert_true(env->views[i].rcpt < left);
}

/* Whoever leaves takes along what nobody else wants, however often some leave. */
static void
the_rest_is_what_the_rest_wants(void **state)
{
	unsigned seed = 7;

	(void)state;
	for (unsigned run = 0; run < 300; run++) {
		struct envelope *env;
		struct model m;

		assert_int_equal(envelope_new(run, &env), OK);
		env->apart = true;
		fill(env, &m, &seed);
		compare(env, &m);
		for (unsigned round = 0; round < ROUNDS; round++) {
			bool gone[PEOPLE] = { false };
			char text[4] = { (char)('a' + (int)round), '\0' };
			size_t at = 0;

			for (unsigned i = 0; i < PEOPLE; i++) {
				seed = seed * 1103515245U + 12345U;
				if (!m.here[i])
					continue;
				gone[at] = (seed >> 20) % 3 == 0;
				if (gone[at++]) {
					m.here[i] = false;
					memcpy(m.text[i], text, sizeof text);
				}
			}
			assert_int_equal(envelope_narrow(env, gone, arena_copy(&env->mem,
			    slice_of(text))), OK);
			compare(env, &m);
		}
		envelope_free(&env);
	}
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(copies_are_merged),
		cmocka_unit_test(what_is_taken_back_can_be_added_again),
		cmocka_unit_test(the_number_of_copies_is_bounded),
		cmocka_unit_test(the_rest_is_what_the_rest_wants),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
