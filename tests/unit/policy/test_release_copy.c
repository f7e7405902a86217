/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Releases: who sends is not who releases; and the copies of what was released. */
#include "tests/unit/policy/releasing.h"

static void
from_an(struct trial *t)
{
	t->req.mail_from = ids[0].address;
}

static void
account_of_an(struct trial *t)
{
	t->req.account = SLICE("AN@Tinh.example");
}

static void
is_an(struct trial *t)
{
	static struct dir_identity both[] = { { .address = SLICE("an@tinh.example") },
		{ .address = SLICE(SENDER) } };

	t->officer[0].identities = both;
	t->officer[0].identities_n = 2;
}

static void
sent_for_by_an(struct trial *t)		/* who may send as the sender, and does not */
{
	static struct dir_identity both[] = { { .address = SLICE("an@tinh.example") },
		{ .address = SLICE(SENDER), .kind = DIR_IDENTITY_SEND_AS } };

	t->officer[0].identities = both;
	t->officer[0].identities_n = 2;
}

static void
who_sends_does_not_release(void **state)
{
	static const struct { void (*spoil)(struct trial *t); bool sends; } rows[] = {
		{ from_an, true }, { account_of_an, true }, { is_an, true }, { sent_for_by_an, false },
	};
	static struct dir_identity as_an[] = { { .address = SLICE(SENDER) },
		{ .address = SLICE("an@tinh.example") } };

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
		struct trial t;

		env.rules.release_by_sender = i >= ARRAY_LEN(rows);
		prepare(&t, opaque, LIFT_REVIEW);
		t.req.identities = as_an;
		t.req.identities_n = 2;
		rows[i % ARRAY_LEN(rows)].spoil(&t);
		sign_all(&t);
		expect("who sends", &t, opaque_again, rows[i % ARRAY_LEN(rows)].sends &&
		    !env.rules.release_by_sender ? "own-message" : NULL);
		arena_clear(&arena);
	}
	env.rules.release_by_sender = false;
}

/* An officer who signed the message under another account's address, or beside whoever speaks for it
 * (an agency's seal and a personal signature, or where signatures are only marked). */
static void
who_signed_the_message_does_not_release(void **state)
{
	static const char body[] = MIXED("aa") PART("aa", TEXT) PART("aa", X) PART("aa", Y)
	    END("aa");
	struct dir_cert cert = { { (const char *)mint_sha256(an), 32 } };

	(void)state;
	for (size_t certs = 0; certs < 2; certs++) {
		struct dir_identity id = { .address = SLICE(SENDER), .certs = &cert,
			.certs_n = certs };
		struct judge_result r;
		struct trial t;
		struct buf b;

		buf_init(&b, 1 << 20);
		buf_adds(&b, FIELDS("31@a") "Content-Type: application/pkcs7-mime; "
		    "smime-type=signed-data; name=p.p7m\r\nContent-Transfer-Encoding: binary\r\n"
		    "\r\n");
		buf_add(&b, mint_sign(an, slice_of(body)));
		prepare(&t, opaque, LIFT_REVIEW);
		sign_all(&t);
		t.req.identities = &id;
		assert_int_equal(judge(buf_slice(&b), &t.req, &env, &arena, &r), OK);
		assert_int_equal(r.facts.signers_n, 1);
		assert_int_equal(r.facts.signers[0].bound, certs == 1);
		assert_true(slice_is(r.reply.unfit, "own-message"));
		judge_fini(&r);
		buf_fini(&b);
		arena_clear(&arena);
	}
}

/* ---- the sender's own copy ---- */

static void
to_colleagues(struct trial *t)
{
	static struct slice inside[] = { SLICE("x@tinh.example"), SLICE("y@so.example") };

	t->s[0].recipients = inside;
}

static void
of_somebody_else(struct trial *t)
{
	static struct dir_identity other = { .address = SLICE("b@tinh.example") };

	t->req.identities = &other;
}

static void
used_today(struct trial *t)
{
	t->release.used_s = (uint64_t)env.smime.now_s - 50;
}

static void
used_and_over(struct trial *t)
{
	used_today(t);
	t->s[0].issued_s -= 7200;
	t->s[0].expires_s = env.smime.now_s;
}

static const struct {
	const char *name;
	void (*spoil)(struct trial *t);
	const char *prepared;
	unsigned lift, zone;
	const char *stored, *unfit;
} copies[] = {
	{ "no mark", as_is, marked, LIFT_FALSE_POSITIVE, ZONE_INTERNAL, marked_again, NULL },
	{ "no mark, from the internet", used_today, marked, LIFT_FALSE_POSITIVE, ZONE_INTERNET,
	    marked_again, NULL },
	{ "no mark, among colleagues", to_colleagues, marked, LIFT_FALSE_POSITIVE, ZONE_INTERNAL,
	    marked_again, NULL },
	{ "may leave", used_today, opaque, LIFT_REVIEW, ZONE_INTERNAL, opaque_again, NULL },
	{ "may leave, not sent yet", as_is, opaque, LIFT_REVIEW, ZONE_INTERNAL, opaque_again, NULL },
	{ "for colleagues alone", to_colleagues, opaque, LIFT_REVIEW, ZONE_INTERNAL, opaque_again,
	    "recipients" },
	{ "over", used_and_over, opaque, LIFT_REVIEW, ZONE_INTERNAL, opaque_again, "expired" },
	{ "no mark, over", used_and_over, marked, LIFT_FALSE_POSITIVE, ZONE_INTERNET, marked_again,
	    "expired" },
	{ "somebody else's copy", of_somebody_else, opaque, LIFT_REVIEW, ZONE_INTERNAL, opaque_again,
	    "sender" },
	{ "another part", used_today, opaque, LIFT_REVIEW, ZONE_INTERNAL, opaque_other,
	    "not-covered" },
	{ "another mark", used_today, marked, LIFT_FALSE_POSITIVE, ZONE_INTERNAL, marked_more,
	    "not-covered" },
	{ "a mark is a level", as_is, marked, LIFT_REVIEW, ZONE_INTERNAL, marked_again, "lift" },
	{ "no officer", no_officer, opaque, LIFT_REVIEW, ZONE_INTERNAL, opaque_again, "officer" },
};

/* What was released is stored as it was sent; else as if nobody had signed anything. */
static void
a_copy_is_kept_as_it_was_sent(void **state)
{
	static struct pol_rcpt self = { SLICE(SENDER), ZONE_LOCAL, LEVEL_TUYET_MAT };
	static const char *domains[] = { "tinh.example" }, *so[] = { "so.example" },
	    *rest[] = { "*" };
	struct conf_route routes[] = { { .domains = { so, 1 }, .zone = ZONE_INTERNAL },
		{ .domains = { rest, 1 }, .zone = ZONE_INTERNET } };
	struct conf conf = { .general.domains = { domains, 1 }, .route = routes, .route_n = 2 };

	(void)state;
	env.conf = &conf;
	for (size_t i = 0; i < ARRAY_LEN(copies); i++) {
		struct judge_result r, plainly;
		bool fits = copies[i].unfit == NULL;
		struct trial t;

		prepare(&t, copies[i].prepared, copies[i].lift);
		t.req.path = PATH_STORE;
		t.req.arrival_zone = (uint8_t)copies[i].zone;
		t.req.recipients = &self;
		t.req.recipients_n = 1;
		assert_int_equal(judge_it(copies[i].stored, &t.req, &plainly), OK);
		assert_true(plainly.reply.liftable);
		copies[i].spoil(&t);
		sign_all(&t);
		assert_int_equal(judge_it(copies[i].stored, &t.req, &r), OK);
		if (r.reply.release.n != (fits ? 16 : 0) || (fits && (r.reply.kept_inside ||
		    r.reply.verdict != VERDICT_ALLOW || r.reply.level != LEVEL_THUONG)) ||
		    (!fits && (!slice_is(r.reply.unfit, copies[i].unfit) ||
		    r.reply.verdict != plainly.reply.verdict ||
		    r.reply.level != plainly.reply.level ||
		    r.reply.kept_inside != plainly.reply.kept_inside)))
			fail_msg("%s: verdict %u, level %u, kept %u, unfit \"%.*s\"",
			    copies[i].name, r.reply.verdict, r.reply.level, r.reply.kept_inside,
			    (int)r.reply.unfit.n, r.reply.unfit.p);
		judge_fini(&plainly);
		judge_fini(&r);
		arena_clear(&arena);
	}
	env.conf = NULL;
}

/* Copies of those who get it: read from the internet if it was released for the internet. */
static void
what_may_leave_may_be_read_outside(void **state)
{
	static const char *rest[] = { "*" };
	struct conf_route route = { .domains = { rest, 1 }, .zone = ZONE_INTERNET };
	struct conf conf = { .route = &route, .route_n = 1 };
	struct judge_result r;
	struct trial t;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		env.conf = i == 0 ? NULL : &conf;
		prepare(&t, opaque, LIFT_REVIEW);
		sign_all(&t);
		assert_int_equal(judge_it(opaque_again, &t.req, &r), OK);
		assert_int_equal(r.reply.verdict, VERDICT_ALLOW);
		assert_int_equal(r.reply.kept_inside, i == 0);
		judge_fini(&r);
		arena_clear(&arena);
	}
	env.conf = NULL;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_sends_does_not_release),
		cmocka_unit_test(who_signed_the_message_does_not_release),
		cmocka_unit_test(a_copy_is_kept_as_it_was_sent),
		cmocka_unit_test(what_may_leave_may_be_read_outside),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
