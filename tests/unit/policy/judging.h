/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* tests/unit/policy/judging.h: judge() with the throw-away PKI, and what is stored behind it. */
#ifndef TESTS_POLICY_JUDGING_H
#define TESTS_POLICY_JUDGING_H

#include "tests/unit/policy/pki.h"

#include "common/clock.h"
#include "policy/judge.h"
#include "policy/trace.h"

static struct judge_env env;
static struct arena arena;

/* cmocka group fixtures: the rules of a network of its own, the trust set whole. */
static int
judging_setup(void **state)
{
	int r = pki_setup(state);

	assert_int_equal(rules_init_profile(&env.rules, PROFILE_DEDICATED), OK);
	env.authserv_id = SLICE("mail.tinh.example");
	env.smime = (struct smime_options){ .now_s = clock_real_s(), .revocation_grace_s = 259200,
		.purpose = SMIME_EMAIL_OR_ABSENT };
	classify_options_init(&env.classify);
	env.classify.open_signed = smime_open_signed;
	env.trust = pki_trust("rpcC");
	return r;
}

static int
judging_teardown(void **state)
{
	smime_trust_free(&env.trust);
	arena_clear(&arena);
	return pki_teardown(state);
}

/* The octets that go on, kept as pki_read's. */
static inline struct slice
judging_composed(const struct judge_result *r, struct slice message)
{
	struct slice s;
	struct buf out;

	buf_init(&out, message.n + 65536);
	trace_compose(&r->reply, message, &out);
	assert_int_equal(out.err, OK);
	s = pki_text("%.*s", (int)out.n, out.p);
	buf_fini(&out);
	return s;
}

#endif
