/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Releases: whole messages through judge() with statements that two officers signed, each changed
 * in one way.
 */
#include "tests/unit/policy/releasing.h"

#define MARK_GBK "Content-Type: text/plain; charset=gb2312\r\n\r\nĐộ mật: Mật\r\n\r\nKinh gui."
#define X_BAD(end) "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: " \
		"base64\r\n\r\nAQID=BAUGBwgBAgMEBQYHCAEC" end
static const char opaque_swapped[] = FIELDS("3@b") MIXED("bb") PART("bb", Y) PART("bb", X)
    PART("bb", TEXT) END("bb");
static const char opaque_less[] = FIELDS("4@b") MIXED("bb") PART("bb", TEXT)
    PART("bb", Y) END("bb");
static const char opaque_more[] = FIELDS("5@b") MIXED("bb") PART("bb", TEXT) PART("bb", X)
    PART("bb", Y) PART("bb", Z) END("bb");
static const char opaque_marked[] = FIELDS("7@b") MIXED("bb") PART("bb", MARK) PART("bb", X)
    PART("bb", Y) END("bb");
static const char opaque_inner[] = FIELDS("8@b") MIXED("bb") PART("bb", TEXT) PART("bb",
    "Content-Type: message/rfc822\r\n\r\nSubject: y\r\n" MIXED("cc") PART("cc", X) PART("cc", Y)
    END("cc")) END("bb");
static const char plain[] = FIELDS("14@a") TEXT "\r\n";
static const char damaged[] = FIELDS("15@a") X_BAD("AwQFBgcI") "\r\n";
static const char damaged_again[] = FIELDS("16@b") X_BAD("AwQFBgcI") "\r\n";
static const char damaged_other[] = FIELDS("17@b") X_BAD("AwQF=BgcI") "\r\n";
static const char marked_gbk[] = FIELDS("18@b") MARK_GBK "\r\n";
#define NO_TEXT(b) "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" b "\r\n"
static const char no_text[] = FIELDS("26@a") NO_TEXT("AAENAgMEBQYHAAENAgMEBQYHAAENAgMEBQYH");
static const char no_text_other[] = FIELDS("27@a") NO_TEXT("AAEKAgMEBQYHAAEKAgMEBQYHAAEKAgMEBQYH");
#define FIELD(name, text) name ": [MẬT] " text "\r\n"
static const char marked_field[] = FIELDS("19@a") FIELD("Comments", "thu") TEXT "\r\n";
static const char marked_fields[] = FIELDS("20@a") FIELD("Comments", "thu")
    FIELD("Keywords", "ke hoach") TEXT "\r\n";
static const char unclear[] = FIELDS("21@a") MIXED("aa") PART("aa", X) PART("aa",
    "Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\nxin chao") END("aa");
static const char resent[] = "Resent-From: <" SENDER ">\r\nResent-Date: Sun, 22 Nov 2026 10:00:00 "
    "+0700\r\n" FIELDS("22@a") MIXED("aa") PART("aa", X) END("aa");
static const char opaque_named[] = FIELDS("23@b") MIXED("bb") PART("bb", TEXT) PART("bb",
    "Content-Description: [MẬT] ke hoach\r\n" X) PART("bb", Y) END("bb");
#define Y_AS(type) "Content-Type: " type "\r\nContent-Transfer-Encoding: base64\r\n\r\n" \
		"Dg8QERITFBUODxAREhMUFQ4PEBESExQV"
static const char opaque_type[] = FIELDS("24@b") MIXED("bb") PART("bb", TEXT) PART("bb", X)
    PART("bb", Y_AS("text/html; charset=utf-7")) END("bb");
static const char opaque_beside[] = FIELDS("25@b") MIXED("bb") "xem cho nay\r\n" PART("bb", TEXT)
    PART("bb", X) PART("bb", Y) END("bb");
#define GB(cs) "Content-Type: text/plain; charset=" cs "\r\nContent-Transfer-Encoding: " \
		"quoted-printable\r\n\r\nxem b=81=36=F4=37n d=1Bv"
static const char foreign[] = FIELDS("28@a") GB("gb18030") "\r\n";
static const char foreign_again[] = FIELDS("29@a") GB("\"GB18030\"") "\r\n";
static const char foreign_other[] = FIELDS("30@a") GB("iso-2022-cn") "\r\n";
static const char from_other[] = "From: <a@tinh.example>\r\nMessage-ID: <12@a>\r\n" MIXED("aa")
    PART("aa", X) PART("aa", Y) END("aa");

enum { RELEASES_MAX = 8 };

/* ---- ways to spoil it ---- */

static void
other_sender(struct trial *t)
{
	t->s[0].sender = SLICE("b@tinh.example");
}

static void
fewer_recipients(struct trial *t)
{
	t->s[0].recipients_n = 1;
}

static void
recipient_not_named(struct trial *t)
{
	t->to[1].address = SLICE("z@ngoai.example");
}

static void
recipient_left_out(struct trial *t)
{
	t->req.recipients_n = 1;
}

static void
is_over(struct trial *t)
{
	t->s[0].issued_s -= 10000;
	t->s[0].expires_s = env.smime.now_s;
}

static void
is_too_long(struct trial *t)
{
	t->s[0].expires_s = t->s[0].issued_s + RELEASE_VALID_S + 1;
}

static void
is_to_come(struct trial *t)
{
	t->s[0].issued_s = env.smime.now_s + RELEASE_SLACK_S + 1;
}

static void
other_part(struct trial *t)
{
	t->s[0].parts[0].sha256[5] ^= 1;
}

static void
fewer_parts(struct trial *t)
{
	t->s[0].parts_n--;
}

static void
other_id(struct trial *t)
{
	t->release.id = SLICE("fedcba9876543210");
}

static void
two_statements(struct trial *t)
{
	t->s[1] = t->s[0];
	t->s[1].reason = SLICE("khac");
}

static void
one_officer_twice(struct trial *t)
{
	t->signer[1] = t->signer[0];
	t->officer[1] = t->officer[0];
}

static void
one_account_twice(struct trial *t)
{
	t->officer[1].guid = t->officer[0].guid;
}

/* The second statement is signed by this person for the second officer, whose entry holds the certificate. */
static void
second_signs_as(struct trial *t, struct mint_person *who)
{
	static struct dir_cert cert;
	static struct dir_identity id;

	cert.sha256 = (struct slice){ (const char *)mint_sha256(who), 32 };
	id = (struct dir_identity){ .address = SLICE("binh@tinh.example"), .certs = &cert,
		.certs_n = 1 };
	t->signer[1] = who;
	t->officer[1].identities = &id;
}

static void
one_certificate_twice(struct trial *t)
{
	second_signs_as(t, an);
}

static void
one_person_twice(struct trial *t)
{
	second_signs_as(t, an_renewed);
}

static void
less_was_named(struct trial *t)
{
	t->s[0].parts[0].what = SLICE("review x 1");
}

static void
as_lower(struct trial *t)
{
	t->s[0].parts[0].what = SLICE("mark-thuong x 1");
}

static void
locked_officer(struct trial *t)
{
	t->officer[0].status = DIR_LOCKED;
}

static void
not_hers(struct trial *t)
{
	t->signer[1] = stranger;
}

static void
only_send_as(struct trial *t)
{
	t->officer[0].identities = &ids[3];
}

static void
unknown_authority(struct trial *t)
{
	t->signer[1] = faker;
}

static void
relayed_too_early(struct trial *t)
{
	t->req.path = PATH_RELAY;
}

static void
used_before(struct trial *t)
{
	t->release.used_s = (uint64_t)env.smime.now_s;
}

static void
at_the_relay(struct trial *t)
{
	t->req.path = PATH_RELAY;
	t->req.recipients_n = 1;
	t->release.used_s = (uint64_t)env.smime.now_s - 50;
}

static void
late_at_the_relay(struct trial *t)
{
	at_the_relay(t);
	t->s[0].issued_s -= 7200;
	t->s[0].expires_s = env.smime.now_s - 40;
}

static void
over_when_it_was_used(struct trial *t)
{
	late_at_the_relay(t);
	t->release.used_s = (uint64_t)t->s[0].expires_s;
}

static const struct {
	const char *name;
	void (*spoil)(struct trial *t);
	const char *prepared;
	unsigned lift;
	const char *sent, *unfit;
} trials[] = {
	{ "the same content again", as_is, opaque, LIFT_REVIEW, opaque_again, NULL },
	{ "the same octets", as_is, opaque, LIFT_REVIEW, opaque, NULL },
	{ "false positive lifts opaque, too", as_is, opaque, LIFT_FALSE_POSITIVE, opaque_again,
	    NULL },
	{ "parts in another order", as_is, opaque, LIFT_REVIEW, opaque_swapped, NULL },
	{ "a part less", as_is, opaque, LIFT_REVIEW, opaque_less, NULL },
	{ "parts in a message inside", as_is, opaque, LIFT_REVIEW, opaque_inner, NULL },
	{ "a part more", as_is, opaque, LIFT_REVIEW, opaque_more, "not-covered" },
	{ "a part changed", as_is, opaque, LIFT_REVIEW, opaque_other, "not-covered" },
	{ "a mark added", as_is, opaque, LIFT_REVIEW, opaque_marked, "lift" },
	{ "a mark added to what is no mark", as_is, opaque, LIFT_FALSE_POSITIVE, opaque_marked,
	    "not-covered" },
	{ "part digest", other_part, opaque, LIFT_REVIEW, opaque_again, "not-covered" },
	{ "fewer parts", fewer_parts, opaque, LIFT_REVIEW, opaque_again, "not-covered" },
	{ "sender", other_sender, opaque, LIFT_REVIEW, opaque_again, "sender" },
	{ "recipient missing", fewer_recipients, opaque, LIFT_REVIEW, opaque_again, "recipients" },
	{ "recipient replaced", recipient_not_named, opaque, LIFT_REVIEW, opaque_again,
	    "recipients" },
	{ "recipient left out", recipient_left_out, opaque, LIFT_REVIEW, opaque_again,
	    "recipients" },
	{ "over", is_over, opaque, LIFT_REVIEW, opaque_again, "expired" },
	{ "longer than 72 h", is_too_long, opaque, LIFT_REVIEW, opaque_again, "expired" },
	{ "not yet", is_to_come, opaque, LIFT_REVIEW, opaque_again, "expired" },
	{ "id", other_id, opaque, LIFT_REVIEW, opaque_again, "not-same" },
	{ "two statements", two_statements, opaque, LIFT_REVIEW, opaque_again, "not-same" },
	{ "one officer twice", one_officer_twice, opaque, LIFT_REVIEW, opaque_again,
	    "same-officer" },
	{ "one account twice", one_account_twice, opaque, LIFT_REVIEW, opaque_again,
	    "same-officer" },
	{ "one certificate twice", one_certificate_twice, opaque, LIFT_REVIEW, opaque_again,
	    "same-officer" },
	{ "no officer", no_officer, opaque, LIFT_REVIEW, opaque_again, "officer" },
	{ "locked officer", locked_officer, opaque, LIFT_REVIEW, opaque_again, "officer" },
	{ "somebody else's certificate", not_hers, opaque, LIFT_REVIEW, opaque_again, "not-bound" },
	{ "an address that is not one's own", only_send_as, opaque, LIFT_REVIEW, opaque_again,
	    "not-bound" },
	{ "unknown authority", unknown_authority, opaque, LIFT_REVIEW, opaque_again, "signature" },
	{ "relay without a use", relayed_too_early, opaque, LIFT_REVIEW, opaque_again, "path" },
	{ "submission of what was used", used_before, opaque, LIFT_REVIEW, opaque_again, "path" },
	{ "at the relay", at_the_relay, opaque, LIFT_REVIEW, opaque_again, NULL },
	{ "at the relay, now over", late_at_the_relay, opaque, LIFT_REVIEW, opaque_again, NULL },
	{ "at the relay, over then", over_when_it_was_used, opaque, LIFT_REVIEW, opaque_again,
	    "expired" },
	{ "at the relay, other content", at_the_relay, opaque, LIFT_REVIEW, opaque_other,
	    "not-covered" },
	{ "a damaged encoding", as_is, damaged, LIFT_REVIEW, damaged_again, NULL },
	{ "damaged otherwise", as_is, damaged, LIFT_REVIEW, damaged_other, "not-covered" },
	{ "no text", as_is, no_text, LIFT_REVIEW, no_text, NULL },
	{ "no text, with LF for CR", as_is, no_text, LIFT_REVIEW, no_text_other, "not-covered" },
	{ "a mark that is none", as_is, marked, LIFT_FALSE_POSITIVE, marked_again, NULL },
	{ "a mark is not lifted by review", as_is, marked, LIFT_REVIEW, marked_again, "lift" },
	{ "another mark beside it", as_is, marked, LIFT_FALSE_POSITIVE, marked_more,
	    "not-covered" },
	{ "read in another charset", as_is, marked, LIFT_FALSE_POSITIVE, marked_gbk,
	    "not-covered" },
	{ "a charset that is not decoded", as_is, foreign, LIFT_REVIEW, foreign_again, NULL },
	{ "another such charset", as_is, foreign, LIFT_REVIEW, foreign_other, "not-covered" },
	{ "more than was named", less_was_named, marked, LIFT_FALSE_POSITIVE, marked,
	    "not-covered" },
	{ "opaque for want of time", less_was_named, opaque, LIFT_REVIEW, opaque_again, NULL },
	{ "opaque, and not as a whole", less_was_named, opaque, LIFT_REVIEW, opaque_swapped,
	    "not-covered" },
	{ "a higher mark", as_lower, marked, LIFT_FALSE_POSITIVE, marked, "not-covered" },
	{ "a field", as_is, marked_field, LIFT_FALSE_POSITIVE, marked_field, NULL },
	{ "another field with the same mark", as_is, marked_field, LIFT_FALSE_POSITIVE,
	    marked_fields,
	    "not-covered" },
	{ "two certificates of one person", one_person_twice, opaque, LIFT_REVIEW, opaque_again,
	    "same-officer" },
	{ "a mark and a part", as_is, opaque_marked, LIFT_FALSE_POSITIVE, opaque_marked, NULL },
};

static void
one_change_spoils_a_release(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(trials); i++) {
		struct trial t;

		prepare(&t, trials[i].prepared, trials[i].lift);
		trials[i].spoil(&t);
		sign_all(&t);
		expect(trials[i].name, &t, trials[i].sent, trials[i].unfit);
		arena_clear(&arena);
	}
}

/* Who signs for an address that the directory alone knows of. */
static void
certificates_of_the_directory_bind_officers(void **state)
{
	struct dir_cert cert = { { (const char *)mint_sha256(stranger), 32 } };
	struct dir_identity id = { .address = SLICE("binh@tinh.example"), .certs = &cert,
		.certs_n = 1 };
	struct trial t;

	(void)state;
	prepare(&t, opaque, LIFT_REVIEW);
	t.signer[1] = stranger;
	t.officer[1].identities = &id;
	sign_all(&t);
	expect("by its hash", &t, opaque_again, NULL);
	t.signed_[1].octets = mint_sign(binh, SLICE("khong phai phieu"));
	expect("no statement", &t, opaque_again, "statement");
	t.signed_[1].octets = SLICE("From: a@b\r\n\r\nCONGVU-RELEASE 1\r\n");
	expect("not signed", &t, opaque_again, "signature");
	t.release.statements_n = 1;
	expect("one alone", &t, opaque_again, "incomplete");
	arena_clear(&arena);
}

/* A mail is a statement if there is nothing else in it: whoever asks about one has not made it. */
static void
only_a_statement_alone_is_one(void **state)
{
	static const struct { const char *before, *after, *unfit; } rows[] = {
		{ "Content-Type: text/plain; charset=utf-8\r\n\r\n", "", NULL },
		{ MIXED("q") "--q\r\n\r\n \r\n\r\n--q\r\nContent-Type: text/plain\r\n\r\n",
		    "\r\n--q--\r\n", NULL },
		{ MIXED("q") "--q\r\n\r\nAnh xem, toi khong dong y.\r\n--q\r\n\r\n",
		    "\r\n--q--\r\n", "statement" },
		{ MIXED("q") "--q\r\n\r\n", "\r\n--q\r\n\r\nKhong.\r\n--q--\r\n", "statement" },
		{ MIXED("q") "--q\r\nContent-Type: message/rfc822\r\n\r\nSubject: a\r\n\r\n",
		    "\r\n--q--\r\n", "statement" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct trial t;
		struct buf mail;

		prepare(&t, opaque, LIFT_REVIEW);
		sign_all(&t);
		buf_init(&mail, RELEASE_OCTETS_MAX);
		buf_adds(&mail, rows[i].before);
		buf_add(&mail, written(&t.s[0], &arena));
		buf_adds(&mail, rows[i].after);
		t.signed_[1].octets = mint_sign(binh, buf_slice(&mail));
		buf_fini(&mail);
		expect(rows[i].before, &t, opaque_again, rows[i].unfit);
		arena_clear(&arena);
	}
}

/* Rows about a level are for the statement that there is none. */
static void
review_does_not_pass_over_a_level(void **state)
{
	static const struct rule own_row = { .name = "levels", .level_min = LEVEL_MAT,
		.verdict = VERDICT_REJECT, .releasable = true };
	struct trial t;

	(void)state;
	env.rules.own = (struct rule_table){ &own_row, 1 };
	for (unsigned i = 0; i < 2; i++) {
		prepare(&t, marked, i == 0 ? LIFT_REVIEW : LIFT_FALSE_POSITIVE);
		t.to[0].exit_zone = t.to[1].exit_zone = ZONE_LOCAL;
		t.to[0].clearance = t.to[1].clearance = LEVEL_TUYET_MAT;
		sign_all(&t);
		expect("a row about a level", &t, marked_again, i == 0 ? "lift" : NULL);
	}
	env.rules.own = (struct rule_table){ NULL, 0 };
	arena_clear(&arena);
}

static uint64_t
late_now(void *arg)
{
	(void)arg;
	return late_ms;
}

/* What was not reached in time has no part to name: the content as a whole must be the same. */
static void
what_was_not_inspected_needs_all_of_the_content(void **state)
{
	struct judge_result r;
	struct trial t;

	(void)state;
	late_ms = 1;
	env.classify.now_ms = late_now;
	prepare(&t, opaque, LIFT_REVIEW);
	sign_all(&t);
	expect("same content", &t, opaque_again, NULL);
	expect("other content", &t, opaque_other, "not-covered");
	expect("other order", &t, opaque_swapped, "not-covered");
	expect("a mark in a header", &t, opaque_named, "lift");
	expect("another type", &t, opaque_type, "not-covered");
	expect("text beside the parts", &t, opaque_beside, "not-covered");
	assert_int_equal(judge_it(unclear, &t.req, &r), OK);
	assert_true(slice_is(r.reply.rule, "ambiguous"));
	judge_fini(&r);
	prepare(&t, damaged, LIFT_REVIEW);
	sign_all(&t);
	expect("a damaged encoding", &t, damaged_again, NULL);
	expect("damaged otherwise", &t, damaged_other, "not-covered");
	late_ms = 0;
	env.classify.now_ms = NULL;
	arena_clear(&arena);
}

/* Of two, the one that fits counts; a message that is allowed anyway uses none. */
static void
only_what_is_needed_is_used(void **state)
{
	struct pol_release both[2];
	struct judge_result r;
	struct trial t, u;

	(void)state;
	prepare(&t, marked, LIFT_FALSE_POSITIVE);
	sign_all(&t);
	prepare(&u, opaque, LIFT_REVIEW);
	u.s[0].id[0] = 'u';
	sign_all(&u);
	both[0] = t.release;
	both[1] = u.release;
	u.req.releases = both;
	u.req.releases_n = 2;
	assert_int_equal(judge_it(opaque_again, &u.req, &r), OK);
	assert_int_equal(r.reply.verdict, VERDICT_ALLOW);
	assert_true(r.reply.release.p[0] == 'u');
	assert_true(r.reply.opaque);	/* facts stay as they were found */
	judge_fini(&r);
	assert_int_equal(judge_it(marked_again, &t.req, &r), OK);
	assert_int_equal(r.reply.lift, LIFT_FALSE_POSITIVE);
	assert_int_equal(r.reply.level, LEVEL_THUONG);
	assert_true(r.reply.evidence_n > 0);
	judge_fini(&r);
	u.to[0].exit_zone = u.to[1].exit_zone = ZONE_LOCAL;
	assert_int_equal(judge_it(opaque_again, &u.req, &r), OK);
	assert_int_equal(r.reply.verdict, VERDICT_ALLOW);
	assert_int_equal(r.reply.release.n, 0);
	judge_fini(&r);
	arena_clear(&arena);
}

/* As many as a sender may have, the one that fits last. */
static void
the_last_of_many_is_found(void **state)
{
	struct pol_release all[RELEASES_MAX];
	struct trial t[RELEASES_MAX];

	(void)state;
	for (size_t i = 0; i < RELEASES_MAX; i++) {
		prepare(&t[i], i + 1 < RELEASES_MAX ? opaque_less : opaque, LIFT_REVIEW);
		t[i].s[0].id[0] = (unsigned char)('a' + i);
		sign_all(&t[i]);
		all[i] = t[i].release;
	}
	t[RELEASES_MAX - 1].req.releases = all;
	t[RELEASES_MAX - 1].req.releases_n = RELEASES_MAX;
	expect("the last", &t[RELEASES_MAX - 1], opaque_again, NULL);
	expect("none of them", &t[RELEASES_MAX - 1], opaque_more, "not-covered");
	arena_clear(&arena);
}

/* Nothing but content can be lifted. */
static void
what_officers_cannot_lift_says_so(void **state)
{
	struct judge_result r;
	struct trial t;

	(void)state;
	prepare(&t, opaque, LIFT_REVIEW);
	sign_all(&t);
	assert_int_equal(judge_it(from_other, &t.req, &r), OK);
	assert_true(slice_is(r.reply.rule, "from-not-yours"));
	assert_false(r.reply.liftable);
	judge_fini(&r);
	assert_int_equal(judge_it(resent, &t.req, &r), OK);
	assert_int_equal(r.reply.verdict, VERDICT_REJECT);
	assert_false(r.reply.liftable);
	judge_fini(&r);
	env.rules.mark_only = false;
	assert_int_equal(judge_it(opaque_again, &t.req, &r), OK);
	assert_true(slice_is(r.reply.rule, "unsigned"));
	assert_false(r.reply.liftable);
	judge_fini(&r);
	env.rules.mark_only = true;
	t.req.level_min = LEVEL_MAT;	/* a level that no part is to blame for */
	assert_int_equal(judge_it(opaque_again, &t.req, &r), OK);
	assert_int_equal(r.reply.verdict, VERDICT_REJECT);
	assert_false(r.reply.liftable);
	judge_fini(&r);
	arena_clear(&arena);
}

/* Rows of the configuration: what they refuse for good stays refused; what officers may release
 * without any part to blame, they release as a whole. */
static void
rows_of_ones_own_decide_what_can_be_lifted(void **state)
{
	static const struct rule final = { .name = "never", .opaque = RULE_YES,
		.verdict = VERDICT_REJECT };
	static const struct rule other = { .name = "to-be-seen",
		.exit = RULE_BIT(ZONE_INTERNET), .verdict = VERDICT_REJECT, .releasable = true };
	struct judge_result r;
	struct trial t;

	(void)state;
	prepare(&t, opaque, LIFT_FALSE_POSITIVE);
	sign_all(&t);
	env.rules.own = (struct rule_table){ &final, 1 };
	assert_int_equal(judge_it(opaque_again, &t.req, &r), OK);
	assert_int_equal(r.reply.verdict, VERDICT_REJECT);
	assert_true(slice_is(r.reply.rule, "never"));
	assert_false(r.reply.liftable);
	judge_fini(&r);
	env.rules.own = (struct rule_table){ &other, 1 };
	expect("same content", &t, opaque_again, NULL);
	expect("a part less", &t, opaque_less, "not-covered");
	expect("same parts in another order", &t, opaque_swapped, "not-covered");
	prepare(&t, plain, LIFT_REVIEW);
	assert_int_equal(t.s[0].parts_n, 0);
	sign_all(&t);
	expect("nothing was found in it", &t, plain, NULL);
	expect("but in this", &t, opaque, "not-covered");
	env.rules.own = (struct rule_table){ NULL, 0 };
	arena_clear(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_change_spoils_a_release),
		cmocka_unit_test(certificates_of_the_directory_bind_officers),
		cmocka_unit_test(only_a_statement_alone_is_one),
		cmocka_unit_test(review_does_not_pass_over_a_level),
		cmocka_unit_test(what_was_not_inspected_needs_all_of_the_content),
		cmocka_unit_test(only_what_is_needed_is_used),
		cmocka_unit_test(the_last_of_many_is_found),
		cmocka_unit_test(what_officers_cannot_lift_says_so),
		cmocka_unit_test(rows_of_ones_own_decide_what_can_be_lifted),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
