/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * The decision over the whole product of its inputs, for each profile, against what may never
 * happen; and row by row against what the tables say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "policy/profile.h"

enum { NOW_S = 1000000, KB = 1024 };

/* One case of the product, beside what facts and context hold. */
struct sample {
	struct decide_context c;
	struct decide_rcpt    to;
	struct facts	      f;
};

static struct sample
usual(void)
{
	struct sample s = { .c = { .path = PATH_SUBMIT, .arrival_zone = ZONE_INTERNAL,
		.from_own = true, .sender_own = true, .now_s = NOW_S },
		.to = { ZONE_INTERNET, LEVEL_THUONG } };

	s.f.sig = SIG_VALID;
	s.f.from = SLICE("an@tinh.example");
	s.f.size_octets = 10 * KB;
	return s;
}

static struct decision
ask(const struct sample *s, const struct rules *rules)
{
	struct decision d;

	decide(&s->c, &s->to, &s->f, rules, &d);
	assert_non_null(d.rule);
	assert_non_null(d.enhanced);
	assert_non_null(d.reason_vi);
	assert_non_null(d.reason_en);
	assert_true(d.verdict <= VERDICT_REJECT);
	return d;
}

static struct rules
profile(unsigned which)
{
	struct rules r;

	assert_int_equal(rules_init_profile(&r, which), OK);
	return r;
}

/* ---- the product ---- */

static const struct { unsigned sig, reason; } signatures[] = {
	{ SIG_NONE, SIG_OK }, { SIG_VALID, SIG_OK }, { SIG_BAD, SIG_UNTRUSTED },
	{ SIG_BAD, SIG_EXPIRED }, { SIG_BAD, SIG_REVOKED }, { SIG_BAD, SIG_UNKNOWN_REVOCATION },
	{ SIG_BAD, SIG_WRONG_SIGNER }, { SIG_BAD, SIG_ALTERED }, { SIG_BAD, SIG_WEAK },
	{ SIG_BAD, SIG_UNSUPPORTED }, { SIG_BAD, SIG_MALFORMED }, { SIG_ERROR, SIG_INTERNAL },
	{ SIG_BAD, SIG_HEADER_MISMATCH },
};

/* What may never be, whatever the profile. */
static void
check_invariants(const struct sample *s, const struct rules *rules, const struct decision *d)
{
	const struct facts *f = &s->f;
	bool secret = f->level >= LEVEL_MAT, allowed = d->verdict == VERDICT_ALLOW;
	bool internet = s->c.arrival_zone == ZONE_INTERNET || s->to.exit_zone == ZONE_INTERNET;
	bool receipt = f->kind == KIND_MDN || f->kind == KIND_CALENDAR_REPLY;

	if (secret && internet)
		assert_int_equal(d->verdict, VERDICT_REJECT);
	if (secret && internet)
		assert_false(d->releasable);
	if (secret && rules->profile == PROFILE_OPEN)
		assert_int_equal(d->verdict, VERDICT_REJECT);
	if (internet && rules->profile == PROFILE_LAN)
		assert_int_equal(d->verdict, VERDICT_REJECT);
	if (secret && s->to.exit_zone == ZONE_LOCAL && s->to.clearance < f->level)
		assert_false(allowed);
	if (s->to.exit_zone == ZONE_INTERNET && s->c.path != PATH_READ && (f->opaque ||
	    f->review || f->partly_inspected || f->ambiguous || f->internal_only))
		assert_false(allowed);
	/* What came in over the internet was there already. */
	if (s->c.path == PATH_READ && s->to.exit_zone == ZONE_INTERNET &&
	    s->c.arrival_zone != ZONE_INTERNET && (f->opaque || f->review || f->partly_inspected))
		assert_false(allowed);
	if (s->c.path == PATH_SUBMIT && !rules->mark_only) {
		if (f->sig == SIG_BAD || f->sig == SIG_ERROR)
			assert_false(allowed);
		if (f->sig == SIG_NONE && !receipt && s->c.unsigned_until_s <= NOW_S)
			assert_false(allowed);
	}
	if (s->c.path == PATH_SUBMIT && (f->from.n == 0 || !s->c.from_own || !s->c.sender_own))
		assert_int_equal(d->verdict, VERDICT_REJECT);
	if (s->c.path == PATH_SUBMIT && f->kind == KIND_ENCRYPTED)
		assert_false(allowed);
	if (d->releasable)
		assert_int_equal(d->verdict, VERDICT_REJECT);
	if (!allowed)
		assert_true(strlen(d->reason_vi) > 0 && strlen(d->reason_en) > 0);
	assert_string_not_equal(d->rule, "out-of-range");
}

static void
set_flags(struct sample *s, unsigned bits)
{
	s->f.opaque = bits & 1;
	s->f.review = bits & 2;
	s->f.partly_inspected = bits & 4;
	s->f.ambiguous = bits & 8;
	s->f.internal_only = bits & 16;
	s->c.from_own = !(bits & 32);
	s->c.unsigned_until_s = bits & 64 ? NOW_S + 1 : 0;
}

static void
walk_zones(struct sample *s, const struct rules *rules, unsigned long *n)
{
	for (unsigned bits = 0; bits < 128; bits++) {
		set_flags(s, bits);
		for (unsigned zones = 0; zones < 9; zones++)
			for (unsigned clearance = 0; clearance <= LEVEL_TUYET_MAT; clearance++) {
				struct decision d;

				s->c.arrival_zone = zones / 3;
				s->to.exit_zone = zones % 3;
				s->to.clearance = clearance;
				d = ask(s, rules);
				check_invariants(s, rules, &d);
				*n += 1;
			}
	}
}

static void
walk(const struct rules *rules)
{
	unsigned long n = 0;

	for (unsigned path = 0; path <= PATH_READ; path++)
		for (size_t sig = 0; sig < ARRAY_LEN(signatures); sig++)
			for (unsigned kind = 0; kind <= KIND_ENCRYPTED; kind++)
				for (unsigned level = 0; level <= LEVEL_TUYET_MAT; level++) {
					struct sample s = usual();

					s.c.path = path;
					s.f.sig = signatures[sig].sig;
					s.f.sig_reason = signatures[sig].reason;
					s.f.kind = kind;
					s.f.level = level;
					walk_zones(&s, rules, &n);
				}
	assert_true(n == 5UL * ARRAY_LEN(signatures) * 6 * 4 * 128 * 9 * 4);
}

static void
nothing_forbidden_in_the_whole_product(void **state)
{
	(void)state;
	for (unsigned p = PROFILE_DEDICATED; p <= PROFILE_LAN; p++) {
		struct rules rules = profile(p);

		walk(&rules);
		rules.mark_only = true;
		walk(&rules);
	}
}

/* A row of the configuration that allows everything opens nothing that is fixed. */
static void
no_rule_opens_what_is_fixed(void **state)
{
	static const struct rule all = { .name = "all", .verdict = VERDICT_ALLOW };

	(void)state;
	for (unsigned p = PROFILE_DEDICATED; p <= PROFILE_LAN; p++)
		for (unsigned level = LEVEL_MAT; level <= LEVEL_TUYET_MAT; level++)
			for (unsigned i = 0; i < 5 * 9; i++) {
				struct rules rules = profile(p);
				struct sample s = usual();
				struct decision d;

				rules.own = (struct rule_table){ &all, 1 };
				s.c.path = i / 9;
				s.c.arrival_zone = i % 9 / 3;
				s.to.exit_zone = i % 3;
				s.f.level = level;
				d = ask(&s, &rules);
				if (s.c.arrival_zone == ZONE_INTERNET ||
				    s.to.exit_zone == ZONE_INTERNET || p == PROFILE_OPEN)
					assert_int_equal(d.verdict, VERDICT_REJECT);
				else
					assert_string_equal(d.rule, "all");
				s.f.level = LEVEL_THUONG;
				s.f.from = SLICE("");
				if (s.c.path == PATH_SUBMIT)
					assert_int_equal(ask(&s, &rules).verdict, VERDICT_REJECT);
			}
}

/* ---- out of range ---- */

#define OUT_OF_RANGE(set) do { \
	struct sample s = usual(); \
	set; \
	assert_string_equal(ask(&s, &rules).rule, "out-of-range"); \
	assert_int_equal(ask(&s, &rules).verdict, VERDICT_REJECT); \
} while (0)

static void
values_out_of_range_are_refused(void **state)
{
	struct rules rules = profile(PROFILE_DEDICATED);

	(void)state;
	OUT_OF_RANGE(s.c.path = PATH_READ + 1);
	OUT_OF_RANGE(s.c.arrival_zone = ZONE_INTERNET + 1);
	OUT_OF_RANGE(s.to.exit_zone = 255);
	OUT_OF_RANGE(s.to.clearance = LEVEL_TUYET_MAT + 1);
	OUT_OF_RANGE(s.f.level = LEVEL_TUYET_MAT + 1);
	OUT_OF_RANGE(s.f.kind = KIND_ENCRYPTED + 1);
	OUT_OF_RANGE(s.f.sig = SIG_ERROR + 1);
	OUT_OF_RANGE(s.f.sig_reason = SIG_HEADER_MISMATCH + 1);
	OUT_OF_RANGE(s.f.sig = SIG_BAD);			/* without a reason */
	OUT_OF_RANGE((s.f.sig = SIG_BAD, s.f.sig_reason = SIG_INTERNAL));
	OUT_OF_RANGE(s.f.sig_reason = SIG_REVOKED);		/* valid and revoked */
	OUT_OF_RANGE((s.f.sig = SIG_NONE, s.f.sig_reason = SIG_ALTERED));
	OUT_OF_RANGE(s.f.sig = SIG_ERROR);
}

static void
no_profile_no_rules(void **state)
{
	struct rules rules;

	(void)state;
	assert_int_equal(rules_init_profile(&rules, PROFILE_NONE), ERR_CONF);
	assert_int_equal(rules_init_profile(&rules, PROFILE_LAN + 1), ERR_CONF);
	/* Tables without a fitting row refuse. */
	rules = profile(PROFILE_DEDICATED);
	rules.fixed.count = rules.shipped.count = 0;
	struct sample s = usual();
	assert_string_equal(ask(&s, &rules).rule, "no-rule");
	assert_int_equal(ask(&s, &rules).verdict, VERDICT_REJECT);
}

/* ---- row by row ---- */

typedef void (*set_fn)(struct sample *s);

/* Each turns the usual case into another one. */
static void nothing(struct sample *s) { (void)s; }
static void unsigned_(struct sample *s) { s->f.sig = SIG_NONE; }
static void mdn(struct sample *s) { s->f.sig = SIG_NONE; s->f.kind = KIND_MDN; }
static void
mdn_large(struct sample *s)
{
	mdn(s);
	s->f.size_octets = PROFILE_RECEIPT_OCTETS_MAX + 1;
}
static void
mdn_opaque(struct sample *s)
{
	mdn(s);
	s->f.opaque = true;
	s->to.exit_zone = ZONE_LOCAL;
}
static void calendar(struct sample *s) { s->f.sig = SIG_NONE; s->f.kind = KIND_CALENDAR_REPLY; }
static void dsn(struct sample *s) { s->f.sig = SIG_NONE; s->f.kind = KIND_DSN; }
static void until(struct sample *s) { s->f.sig = SIG_NONE; s->c.unsigned_until_s = NOW_S + 1; }
static void until_over(struct sample *s) { s->f.sig = SIG_NONE; s->c.unsigned_until_s = NOW_S; }
static void
until_bad(struct sample *s)
{
	until(s);
	s->f.sig = SIG_BAD;
	s->f.sig_reason = SIG_ALTERED;
}
static void untrusted(struct sample *s) { s->f.sig = SIG_BAD; s->f.sig_reason = SIG_UNTRUSTED; }
static void expired(struct sample *s) { s->f.sig = SIG_BAD; s->f.sig_reason = SIG_EXPIRED; }
static void revoked(struct sample *s) { s->f.sig = SIG_BAD; s->f.sig_reason = SIG_REVOKED; }
static void
unknown(struct sample *s)
{
	s->f.sig = SIG_BAD;
	s->f.sig_reason = SIG_UNKNOWN_REVOCATION;
}
static void wrong(struct sample *s) { s->f.sig = SIG_BAD; s->f.sig_reason = SIG_WRONG_SIGNER; }
static void altered(struct sample *s) { s->f.sig = SIG_BAD; s->f.sig_reason = SIG_ALTERED; }
static void weak(struct sample *s) { s->f.sig = SIG_BAD; s->f.sig_reason = SIG_WEAK; }
static void unsupported(struct sample *s) { s->f.sig = SIG_BAD; s->f.sig_reason = SIG_UNSUPPORTED; }
static void malformed(struct sample *s) { s->f.sig = SIG_BAD; s->f.sig_reason = SIG_MALFORMED; }
static void mismatch(struct sample *s) { s->f.sig = SIG_BAD; s->f.sig_reason = SIG_HEADER_MISMATCH; }
static void error(struct sample *s) { s->f.sig = SIG_ERROR; s->f.sig_reason = SIG_INTERNAL; }
static void
encrypted(struct sample *s)
{
	s->f.kind = KIND_ENCRYPTED;
	s->f.opaque = true;
	s->f.sig = SIG_NONE;
}
static void opaque(struct sample *s) { s->f.opaque = true; }
static void opaque_inside(struct sample *s) { s->f.opaque = true; s->to.exit_zone = ZONE_INTERNAL; }
static void partly(struct sample *s) { s->f.partly_inspected = true; }
static void review(struct sample *s) { s->f.review = true; }
static void review_inside(struct sample *s) { s->f.review = true; s->to.exit_zone = ZONE_LOCAL; }
static void giai_mat(struct sample *s) { s->f.review = s->f.declassified = true; }
static void review_phone(struct sample *s) { review_inside(s); s->c.arrival_zone = ZONE_INTERNET; }
static void noi_bo(struct sample *s) { s->f.internal_only = true; }
static void ambiguous(struct sample *s) { s->f.ambiguous = true; }
static void two_from(struct sample *s) { s->f.from = SLICE(""); }
static void not_yours(struct sample *s) { s->c.from_own = false; }
static void bad_sender(struct sample *s) { s->c.sender_own = false; }
static void forged(struct sample *s) { s->c.forged_trace = true; }
static void secret(struct sample *s) { s->f.level = LEVEL_MAT; }
static void
secret_local(struct sample *s)
{
	s->f.level = LEVEL_MAT;
	s->to = (struct decide_rcpt){ ZONE_LOCAL, LEVEL_MAT };
}
static void
secret_low(struct sample *s)
{
	s->f.level = LEVEL_TOI_MAT;
	s->to = (struct decide_rcpt){ ZONE_LOCAL, LEVEL_MAT };
}
static void
secret_inside(struct sample *s)
{
	s->f.level = LEVEL_TUYET_MAT;
	s->to.exit_zone = ZONE_INTERNAL;
}
static void secret_phone(struct sample *s) { secret_local(s); s->c.arrival_zone = ZONE_INTERNET; }
static void
receive(struct sample *s)
{
	s->c = (struct decide_context){ .path = PATH_RECEIVE, .arrival_zone = ZONE_INTERNET };
	s->f.sig = SIG_NONE;
	s->to.exit_zone = ZONE_LOCAL;
}
static void
receive_ours(struct sample *s)
{
	receive(s);
	s->c.from_ours = true;
	s->f.sig = SIG_NONE;
	s->f.sig_reason = SIG_OK;
}
static void ours_altered(struct sample *s) { receive_ours(s); altered(s); }
static void ours_unknown(struct sample *s) { receive_ours(s); unknown(s); }
static void ours_error(struct sample *s) { receive_ours(s); error(s); }
static void ours_signed(struct sample *s) { receive_ours(s); s->f.sig = SIG_VALID; }
static void receive_opaque(struct sample *s) { receive(s); s->f.opaque = s->f.ambiguous = true; }
static void
receive_forward(struct sample *s)
{
	receive_opaque(s);
	s->to.exit_zone = ZONE_INTERNET;
	s->f.ambiguous = false;
}
static void
receive_secret(struct sample *s)
{
	receive(s);
	s->f.level = LEVEL_MAT;
	s->to.clearance = LEVEL_TUYET_MAT;
}
static void receive_two_from(struct sample *s) { receive(s); s->f.from = SLICE(""); }
static void
relay(struct sample *s)
{
	s->c = (struct decide_context){ .path = PATH_RELAY, .arrival_zone = ZONE_INTERNAL };
	s->f.sig = SIG_NONE;
}
static void relay_secret(struct sample *s) { relay(s); s->f.level = LEVEL_MAT; }
static void relay_opaque(struct sample *s) { relay(s); s->f.opaque = true; }
static void
store(struct sample *s)
{
	s->c = (struct decide_context){ .path = PATH_STORE, .arrival_zone = ZONE_INTERNAL };
	s->f.sig = SIG_NONE;
	s->f.from = SLICE("");
	s->to = (struct decide_rcpt){ ZONE_LOCAL, 0 };
}
static void store_phone(struct sample *s) { store(s); s->c.arrival_zone = ZONE_INTERNET; }
static void
store_secret(struct sample *s)
{
	store(s);
	s->f.level = LEVEL_MAT;
	s->to.clearance = LEVEL_MAT;
}
static void
store_secret_phone(struct sample *s)
{
	store_secret(s);
	s->c.arrival_zone = ZONE_INTERNET;
}

static void
read_inside(struct sample *s)
{
	s->c = (struct decide_context){ .path = PATH_READ, .arrival_zone = ZONE_INTERNAL };
	s->f.internal_only = true;	/* that is for whom it is sent to */
}
static void read_opaque(struct sample *s) { read_inside(s); s->f.opaque = true; }
static void read_partly(struct sample *s) { read_inside(s); s->f.partly_inspected = true; }
static void read_review(struct sample *s) { read_inside(s); s->f.review = true; }
static void read_secret(struct sample *s) { read_inside(s); s->f.level = LEVEL_MAT; }
static void
read_came_in(struct sample *s)
{
	read_opaque(s);
	s->c.arrival_zone = ZONE_INTERNET;
	s->f.review = s->f.ambiguous = true;
}

static const struct {
	unsigned    profile;
	set_fn	    set;
	const char *rule;
	bool	    releasable;
	const char *enhanced;
} rows[] = {
	{ PROFILE_DEDICATED, nothing, "allow", false, "2.0.0" },
	{ PROFILE_OPEN, nothing, "allow", false, "2.0.0" },
	{ PROFILE_LAN, nothing, "lan-no-internet", false, "5.7.1" },
	{ PROFILE_LAN, receive, "lan-from-internet", false, "5.7.1" },
	{ PROFILE_DEDICATED, receive_ours, "own-domain-from-outside", false, "5.7.1" },
	{ PROFILE_DEDICATED, ours_altered, "own-domain-from-outside", false, "5.7.1" },
	{ PROFILE_DEDICATED, ours_unknown, "own-domain-revocation", false, "4.7.5" },
	{ PROFILE_DEDICATED, ours_error, "own-domain-error", false, "4.7.0" },
	{ PROFILE_DEDICATED, ours_signed, "allow", false, "2.0.0" },
	{ PROFILE_DEDICATED, unsigned_, "unsigned", false, "5.7.1" },
	{ PROFILE_DEDICATED, mdn, "allow", false, "2.0.0" },
	{ PROFILE_DEDICATED, mdn_large, "unsigned-receipt", false, "5.7.1" },
	{ PROFILE_DEDICATED, mdn_opaque, "unsigned-receipt", false, "5.7.1" },
	{ PROFILE_DEDICATED, calendar, "allow", false, "2.0.0" },
	{ PROFILE_DEDICATED, dsn, "unsigned", false, "5.7.1" },
	{ PROFILE_DEDICATED, until, "allow", false, "2.0.0" },
	{ PROFILE_DEDICATED, until_over, "unsigned", false, "5.7.1" },
	{ PROFILE_DEDICATED, until_bad, "signature-altered", false, "5.7.7" },
	{ PROFILE_DEDICATED, untrusted, "signature-untrusted", false, "5.7.5" },
	{ PROFILE_DEDICATED, expired, "signature-expired", false, "5.7.5" },
	{ PROFILE_DEDICATED, revoked, "signature-revoked", false, "5.7.5" },
	{ PROFILE_DEDICATED, unknown, "revocation-unknown", false, "4.7.5" },
	{ PROFILE_DEDICATED, wrong, "wrong-signer", false, "5.7.1" },
	{ PROFILE_DEDICATED, altered, "signature-altered", false, "5.7.7" },
	{ PROFILE_DEDICATED, weak, "signature-weak", false, "5.7.6" },
	{ PROFILE_DEDICATED, unsupported, "signature-unsupported", false, "5.7.6" },
	{ PROFILE_DEDICATED, malformed, "signature-malformed", false, "5.6.0" },
	{ PROFILE_DEDICATED, mismatch, "header-mismatch", false, "5.7.7" },
	{ PROFILE_DEDICATED, error, "signature-error", false, "4.7.0" },
	{ PROFILE_DEDICATED, encrypted, "encrypted-mail", false, "5.7.1" },
	{ PROFILE_DEDICATED, opaque, "opaque-out", true, "5.7.1" },
	{ PROFILE_DEDICATED, opaque_inside, "allow", false, "2.0.0" },
	{ PROFILE_DEDICATED, partly, "partly-inspected-out", true, "5.7.1" },
	{ PROFILE_DEDICATED, review, "review-out", true, "5.7.1" },
	{ PROFILE_DEDICATED, giai_mat, "declassified-out", true, "5.7.1" },
	{ PROFILE_DEDICATED, review_inside, "allow", false, "2.0.0" },
	{ PROFILE_DEDICATED, review_phone, "review-from-internet", true, "5.7.1" },
	{ PROFILE_DEDICATED, noi_bo, "internal-only-out", true, "5.7.1" },
	{ PROFILE_DEDICATED, ambiguous, "ambiguous", false, "5.6.0" },
	{ PROFILE_DEDICATED, two_from, "from-not-one", false, "5.6.0" },
	{ PROFILE_DEDICATED, not_yours, "from-not-yours", false, "5.7.1" },
	{ PROFILE_DEDICATED, bad_sender, "sender-not-yours", false, "5.7.1" },
	{ PROFILE_DEDICATED, forged, "forged-trace", false, "5.6.0" },
	{ PROFILE_DEDICATED, secret, "secret-internet", false, "5.7.1" },
	{ PROFILE_DEDICATED, secret_local, "secret-inside", false, "2.0.0" },
	{ PROFILE_DEDICATED, secret_low, "not-cleared", false, "5.7.1" },
	{ PROFILE_DEDICATED, secret_inside, "secret-inside", false, "2.0.0" },
	{ PROFILE_DEDICATED, secret_phone, "secret-internet", false, "5.7.1" },
	{ PROFILE_OPEN, secret_local, "open-network-secret", false, "5.7.1" },
	{ PROFILE_OPEN, store_secret, "open-network-secret", false, "5.7.1" },
	{ PROFILE_LAN, secret_local, "secret-inside", false, "2.0.0" },
	{ PROFILE_LAN, secret_low, "not-cleared", false, "5.7.1" },
	{ PROFILE_DEDICATED, receive, "allow", false, "2.0.0" },
	{ PROFILE_DEDICATED, receive_opaque, "allow", false, "2.0.0" },
	{ PROFILE_DEDICATED, receive_forward, "opaque-out", true, "5.7.1" },
	{ PROFILE_DEDICATED, receive_secret, "secret-internet", false, "5.7.1" },
	{ PROFILE_DEDICATED, receive_two_from, "from-not-one", false, "5.6.0" },
	{ PROFILE_DEDICATED, relay, "allow", false, "2.0.0" },
	{ PROFILE_DEDICATED, relay_secret, "secret-internet", false, "5.7.1" },
	{ PROFILE_DEDICATED, relay_opaque, "opaque-out", true, "5.7.1" },
	{ PROFILE_DEDICATED, read_inside, "allow", false, "2.0.0" },
	{ PROFILE_DEDICATED, read_opaque, "opaque-out", true, "5.7.1" },
	{ PROFILE_DEDICATED, read_partly, "partly-inspected-out", true, "5.7.1" },
	{ PROFILE_DEDICATED, read_review, "review-out", true, "5.7.1" },
	{ PROFILE_DEDICATED, read_secret, "secret-internet", false, "5.7.1" },
	{ PROFILE_DEDICATED, read_came_in, "read-what-came-in", false, "2.0.0" },
	{ PROFILE_OPEN, read_came_in, "read-what-came-in", false, "2.0.0" },
	{ PROFILE_OPEN, read_opaque, "opaque-out", true, "5.7.1" },
	{ PROFILE_LAN, read_inside, "lan-no-internet", false, "5.7.1" },
	{ PROFILE_DEDICATED, store, "allow", false, "2.0.0" },
	{ PROFILE_DEDICATED, store_phone, "allow", false, "2.0.0" },
	{ PROFILE_DEDICATED, store_secret, "secret-inside", false, "2.0.0" },
	{ PROFILE_DEDICATED, store_secret_phone, "secret-internet", false, "5.7.1" },
};

static void
each_row_answers_its_case(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rules rules = profile(rows[i].profile);
		struct sample s = usual();
		struct decision d;
		unsigned verdict = rows[i].enhanced[0] == '2' ? VERDICT_ALLOW :
		    rows[i].enhanced[0] == '4' ? VERDICT_DEFER : VERDICT_REJECT;

		rows[i].set(&s);
		d = ask(&s, &rules);
		if (strcmp(d.rule, rows[i].rule) != 0 || d.releasable != rows[i].releasable ||
		    strcmp(d.enhanced, rows[i].enhanced) != 0 || d.verdict != verdict)
			fail_msg("case %zu (%s): %s %s", i, rows[i].rule, d.rule, d.enhanced);
	}
}

/* Each text is fit for an SMTP reply: ASCII, one line, not too long; and no two rows share one. */
static void
check_table(const struct rule_table *t)
{
	for (size_t i = 0; i < t->count; i++) {
		const struct rule *r = &t->rows[i];
		const char *texts[] = { r->reason_vi, r->reason_en, r->name, r->legal_basis };

		for (size_t k = 0; k < ARRAY_LEN(texts); k++) {
			assert_non_null(texts[k]);
			assert_in_range(strlen(texts[k]), 0, 400);
			for (const char *c = texts[k]; *c != '\0'; c++)
				assert_in_range(*c, ' ', '~');
		}
		for (size_t j = 0; j < i; j++) {
			assert_string_not_equal(r->name, t->rows[j].name);
			if (r->verdict != VERDICT_ALLOW && t->rows[j].verdict != VERDICT_ALLOW)
				assert_string_not_equal(r->reason_vi, t->rows[j].reason_vi);
		}
	}
}

static void
texts_can_be_sent(void **state)
{
	(void)state;
	for (unsigned p = PROFILE_DEDICATED; p <= PROFILE_LAN; p++) {
		struct rules rules = profile(p);

		check_table(&rules.fixed);
		check_table(&rules.shipped);
	}
}

/* ---- rules of the configuration ---- */

static void
own_rules_come_first(void **state)
{
	const char *kinds[] = { "encrypted" }, *zones[] = { "internal" };
	const char *who[] = { "@tinh.example" };
	struct conf_rule own[] = {
		{ .title = "ma-hoa-noi-bo", .level_max = LEVEL_THUONG, .kinds = { kinds, 1 },
		    .exit = { zones, 1 }, .senders = { who, 1 }, .action = CONF_ACTION_ALLOW },
		{ .title = "to-qua", .level_max = LEVEL_TUYET_MAT, .opaque = CONF_YES,
		    .action = CONF_ACTION_REJECT, .releasable = true, .reason_vi = "khong",
		    .reason_en = "no" },
	};
	struct conf conf = { .rule = own, .rule_n = ARRAY_LEN(own) };
	struct sample s = usual();
	struct rules rules;

	(void)state;
	conf.general.profile = PROFILE_DEDICATED;
	assert_int_equal(rules_init(&rules, &conf), OK);
	encrypted(&s);
	assert_string_equal(ask(&s, &rules).rule, "to-qua");
	assert_string_equal(ask(&s, &rules).reason_vi, "khong");
	assert_true(ask(&s, &rules).releasable);
	s.to.exit_zone = ZONE_INTERNAL;
	assert_string_equal(ask(&s, &rules).rule, "ma-hoa-noi-bo");
	s.f.from = SLICE("a@xtinh.example");
	assert_string_equal(ask(&s, &rules).rule, "to-qua");
	s.f.from = SLICE("a@TINH.example");
	assert_string_equal(ask(&s, &rules).rule, "ma-hoa-noi-bo");
	s.f.level = LEVEL_MAT;
	s.f.opaque = false;
	assert_string_equal(ask(&s, &rules).rule, "encrypted-mail");
	rules_fini(&rules);
	kinds[0] = "nothing";
	assert_int_equal(rules_init(&rules, &conf), ERR_CONF);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_answers_its_case),
		cmocka_unit_test(values_out_of_range_are_refused),
		cmocka_unit_test(no_profile_no_rules),
		cmocka_unit_test(texts_can_be_sent),
		cmocka_unit_test(own_rules_come_first),
		cmocka_unit_test(no_rule_opens_what_is_fixed),
		cmocka_unit_test(nothing_forbidden_in_the_whole_product),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
