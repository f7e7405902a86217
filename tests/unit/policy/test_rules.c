/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Rules of the configuration: each condition alone decides whether the row fits, and a row that
 * fits says what its action is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "policy/dn.h"
#include "policy/profile.h"

enum { NOW_S = 1000000, KB = 1024 };

/* One question to decide(). */
struct question {
	struct decide_context c;
	struct decide_rcpt    to;
	struct facts	      f;
};

static struct question
usual(void)
{
	struct question q = { .c = { .path = PATH_SUBMIT, .arrival_zone = ZONE_INTERNAL,
		.from_own = true, .sender_own = true, .now_s = NOW_S,
		.unit = SLICE("uid=an,ou=Phong Hanh chinh,ou=So Noi vu,dc=lamhoa,dc=example") },
		.to = { ZONE_INTERNAL, LEVEL_THUONG } };

	q.f.sig = SIG_VALID;
	q.f.from = SLICE("an@tinh.example");
	q.f.size_octets = 10 * KB;
	return q;
}

/* ---- one condition each, and the change of the usual question that makes it fit, or not ---- */

static const char *one_word;
#define LIST1(word)	((struct conf_list){ &one_word, 1 }), one_word = (word)

typedef void (*rule_fn)(struct conf_rule *r);
typedef void (*question_fn)(struct question *q);

static void if_relay(struct conf_rule *r) { r->paths = LIST1("relay"); }
static void if_level(struct conf_rule *r) { r->level_min = LEVEL_TOI_MAT; }
static void if_level_max(struct conf_rule *r) { r->level_max = LEVEL_THUONG; }
static void if_opaque(struct conf_rule *r) { r->opaque = CONF_YES; }
static void if_clear(struct conf_rule *r) { r->opaque = CONF_NO; }
static void if_review(struct conf_rule *r) { r->review = CONF_YES; }
static void if_signature(struct conf_rule *r) { r->signatures = LIST1("none"); }
static void if_reason(struct conf_rule *r) { r->reasons = LIST1("expired"); }
static void if_stale(struct conf_rule *r) { r->stale = CONF_YES; }
static void if_fresh(struct conf_rule *r) { r->stale = CONF_NO; }
static void if_partly(struct conf_rule *r) { r->partly = CONF_YES; }
static void if_ambiguous(struct conf_rule *r) { r->ambiguous = CONF_YES; }
static void if_internal_only(struct conf_rule *r) { r->internal_only = CONF_YES; }
static void if_resent(struct conf_rule *r) { r->resent = CONF_YES; }
static void if_first(struct conf_rule *r) { r->resent = CONF_NO; }
static void if_mismatch(struct conf_rule *r) { r->reasons = LIST1("header-mismatch"); }
static void if_may_omit(struct conf_rule *r) { r->may_omit = CONF_YES; }
static void if_kind(struct conf_rule *r) { r->kinds = LIST1("dsn"); }
static void if_arrival(struct conf_rule *r) { r->arrival = LIST1("internet"); }
static void if_exit(struct conf_rule *r) { r->exit = LIST1("internet"); }
static void if_cleared(struct conf_rule *r) { r->cleared = CONF_NO; }
static void if_small(struct conf_rule *r) { r->size_max_octets = 20 * KB; }
static void if_sender(struct conf_rule *r) { r->senders = LIST1("@khac.example"); }
static void if_unit(struct conf_rule *r)
{
	r->units = LIST1("OU=so noi vu, DC=lamhoa, DC=example");
}

static void nothing(struct question *q) { (void)q; }
static void relay(struct question *q) { q->c.path = PATH_RELAY; }
static void toi_mat(struct question *q) { q->f.level = LEVEL_TOI_MAT; }
static void mat(struct question *q) { q->f.level = LEVEL_MAT; }
static void opaque(struct question *q) { q->f.opaque = true; }
static void review(struct question *q) { q->f.review = true; }
static void unsigned_(struct question *q) { q->f.sig = SIG_NONE; }
static void expired(struct question *q) { q->f.sig = SIG_BAD; q->f.sig_reason = SIG_EXPIRED; }
static void revoked(struct question *q) { q->f.sig = SIG_BAD; q->f.sig_reason = SIG_REVOKED; }
static void stale(struct question *q) { q->f.sig_stale_revocation = true; }
static void partly(struct question *q) { q->f.partly_inspected = true; }
static void internal_only(struct question *q) { q->f.internal_only = true; }
static void resent(struct question *q) { q->f.resent = true; }
static void
mismatch(struct question *q)
{
	q->f.sig = SIG_BAD;
	q->f.sig_reason = SIG_HEADER_MISMATCH;
}
static void phone(struct question *q) { q->c.unsigned_until_s = q->c.now_s + 1; }
static void dsn(struct question *q) { q->f.kind = KIND_DSN; }
static void from_internet(struct question *q) { q->c.arrival_zone = ZONE_INTERNET; }
static void to_internet(struct question *q) { q->to.exit_zone = ZONE_INTERNET; }
static void large(struct question *q) { q->f.size_octets = 21 * KB; }
static void other_domain(struct question *q) { q->f.from = SLICE("b@khac.example"); }
static void
other_unit(struct question *q)
{
	q->c.unit = SLICE("uid=b,ou=xSo Noi vu,dc=lamhoa,dc=example");
}
static void no_unit(struct question *q) { q->c.unit = SLICE(""); }

/* A message on the way to be relayed is not refused as ambiguous before rules are asked. */
static void
ambiguous_relay(struct question *q)
{
	q->c.path = PATH_RELAY;
	q->f.ambiguous = true;
}

static const struct {
	rule_fn	    condition;
	question_fn fits, fits_not;
} conditions[] = {
	{ if_relay, relay, nothing },
	{ if_level, toi_mat, mat },
	{ if_level_max, nothing, mat },
	{ if_opaque, opaque, nothing },
	{ if_clear, nothing, opaque },
	{ if_review, review, nothing },
	{ if_signature, unsigned_, nothing },
	{ if_reason, expired, revoked },
	{ if_stale, stale, nothing },
	{ if_fresh, nothing, stale },
	{ if_partly, partly, nothing },
	{ if_ambiguous, ambiguous_relay, relay },
	{ if_internal_only, internal_only, nothing },
	{ if_resent, resent, nothing },
	{ if_first, nothing, resent },
	{ if_mismatch, mismatch, expired },
	{ if_may_omit, phone, nothing },
	{ if_kind, dsn, nothing },
	{ if_arrival, from_internet, nothing },
	{ if_exit, to_internet, nothing },
	{ if_cleared, mat, nothing },
	{ if_small, nothing, large },
	{ if_sender, other_domain, nothing },
	{ if_unit, nothing, other_unit },
	{ if_unit, nothing, no_unit },
};

static struct decision
ask(struct conf_rule *rule, question_fn change)
{
	struct conf conf = { .rule = rule, .rule_n = 1 };
	struct question q = usual();
	struct rules rules;
	struct decision d;

	conf.general.profile = PROFILE_DEDICATED;
	assert_int_equal(rules_init(&rules, &conf), OK);
	change(&q);
	decide(&q.c, &q.to, &q.f, &rules, &d);
	rules_fini(&rules);
	return d;
}

static struct conf_rule
rule_that_refuses(void)
{
	return (struct conf_rule){ .title = "own", .level_max = LEVEL_TUYET_MAT, .sign_as = "",
		.action = CONF_ACTION_REJECT, .reason_vi = "khong", .reason_en = "no" };
}

static void
each_condition_decides_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(conditions); i++) {
		struct conf_rule rule = rule_that_refuses();

		conditions[i].condition(&rule);
		if (strcmp(ask(&rule, conditions[i].fits).rule, "own") != 0)
			fail_msg("condition %zu does not fit", i);
		if (strcmp(ask(&rule, conditions[i].fits_not).rule, "own") == 0)
			fail_msg("condition %zu fits what it must not", i);
	}
}

static void
an_allow_may_name_who_signs(void **state)
{
	struct conf_rule rule = rule_that_refuses();

	(void)state;
	rule.sign_as = "may-chu";
	assert_string_equal(ask(&rule, nothing).sign_as, "");	/* a refusal signs nothing */
	rule.action = CONF_ACTION_ALLOW;
	assert_string_equal(ask(&rule, nothing).sign_as, "may-chu");
	rule.sign_as = NULL;
	assert_string_equal(ask(&rule, nothing).sign_as, "");
}

static void
a_name_is_under_itself_and_its_parents(void **state)
{
	static const struct { const char *dn, *above; bool under; } names[] = {
		{ "ou=a,dc=b", "ou=a,dc=b", true }, { "uid=x,ou=a,dc=b", "OU=A, DC=B", true },
		{ "uid=x,ou=a,dc=b", "dc=b", true }, { "ou=a,dc=b", "uid=x,ou=a,dc=b", false },
		{ "uid=x,ou=aa,dc=b", "ou=a,dc=b", false },
		{ "cn=x\\,ou=a,dc=b", "ou=a,dc=b", false },
		{ "uid=x+ou=a,dc=b", "ou=a,dc=b", false }, { "uid=x,dc=b", "", false },
		{ "", "dc=b", false }, { "uid=x,dc=b", "b", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (dn_is_under(slice_of(names[i].dn), slice_of(names[i].above)) != names[i].under)
			fail_msg("%s under %s", names[i].dn, names[i].above);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_condition_decides_alone),
		cmocka_unit_test(an_allow_may_name_who_signs),
		cmocka_unit_test(a_name_is_under_itself_and_its_parents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
