/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Releases: whole messages through judge() with statements that two officers signed, each changed
 * in one way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/clock.h"
#include "policy/judge.h"
#include "policy/release.h"
#include "tests/unit/policy/mint.h"
#include "tests/unit/policy/written.h"

#define SENDER	"duc@tinh.example"
#define FIELDS(id) "From: <" SENDER ">\r\nTo: <x@ngoai.example>\r\nSubject: ho so\r\n" \
		"Message-ID: <" id ">\r\n"
#define MIXED(b) "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=" b "\r\n\r\n"
#define TEXT	"Content-Type: text/plain; charset=utf-8\r\n\r\nKinh gui quy co quan.\r\nTran trong."
#define X	"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n" \
		"AQIDBAUGBwgBAgMEBQYHCAECAwQFBgcI"
#define X_AGAIN	"Content-Type: application/octet-stream; name=x\r\nContent-Transfer-Encoding: " \
		"base64\r\n\r\nAQIDBAUG\r\nBwgBAgMEBQYHCAEC\r\nAwQFBgcI"
#define Y	"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n" \
		"Dg8QERITFBUODxAREhMUFQ4PEBESExQV"
#define Z	"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n" \
		"EBESExQVFhcQERITFBUWFxAREhMUFRYX"
#define MARK	"Content-Type: text/plain; charset=utf-8\r\n\r\nĐộ mật: Mật\r\n\r\nKinh gui."
#define MARK_QP	"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: " \
		"quoted-printable\r\n\r\n=C4=90=E1=BB=99 m=E1=BA=ADt: M=E1=BA=ADt\r\n\r\nKinh=\r\n gui."
#define MARK_GBK "Content-Type: text/plain; charset=gb2312\r\n\r\nĐộ mật: Mật\r\n\r\nKinh gui."
#define X_BAD(end) "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: " \
		"base64\r\n\r\nAQID=BAUGBwgBAgMEBQYHCAEC" end
#define PART(b, p) "--" b "\r\n" p "\r\n"
#define END(b)	"--" b "--\r\n"

static const char opaque[] = FIELDS("1@a") MIXED("aa") PART("aa", TEXT) PART("aa", X)
    PART("aa", Y) END("aa");
static const char opaque_again[] = FIELDS("2@b") "Date: Sun, 22 Nov 2026 10:00:00 +0700\r\n"
    MIXED("bb") PART("bb", TEXT) PART("bb", X_AGAIN) PART("bb", Y) END("bb");
static const char opaque_swapped[] = FIELDS("3@b") MIXED("bb") PART("bb", Y) PART("bb", X)
    PART("bb", TEXT) END("bb");
static const char opaque_less[] = FIELDS("4@b") MIXED("bb") PART("bb", TEXT)
    PART("bb", Y) END("bb");
static const char opaque_more[] = FIELDS("5@b") MIXED("bb") PART("bb", TEXT) PART("bb", X)
    PART("bb", Y) PART("bb", Z) END("bb");
static const char opaque_other[] = FIELDS("6@b") MIXED("bb") PART("bb", TEXT) PART("bb", X)
    PART("bb", Z) END("bb");
static const char opaque_marked[] = FIELDS("7@b") MIXED("bb") PART("bb", MARK) PART("bb", X)
    PART("bb", Y) END("bb");
static const char opaque_inner[] = FIELDS("8@b") MIXED("bb") PART("bb", TEXT) PART("bb",
    "Content-Type: message/rfc822\r\n\r\nSubject: y\r\n" MIXED("cc") PART("cc", X) PART("cc", Y)
    END("cc")) END("bb");
static const char plain[] = FIELDS("14@a") TEXT "\r\n";
static const char damaged[] = FIELDS("15@a") X_BAD("AwQFBgcI") "\r\n";
static const char damaged_again[] = FIELDS("16@b") X_BAD("AwQFBgcI") "\r\n";
static const char damaged_other[] = FIELDS("17@b") X_BAD("AwQF=BgcI") "\r\n";
static const char marked[] = FIELDS("9@a") MARK "\r\n";
static const char marked_again[] = FIELDS("10@a") MARK_QP "\r\n";
static const char marked_more[] = FIELDS("11@b") MIXED("bb") PART("bb", MARK)
    PART("bb", "Content-Type: text/plain; charset=utf-8\r\n\r\nĐộ mật: Tối mật\r\n") END("bb");
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

static struct judge_env env;
static struct arena arena;
static struct mint_person *an_renewed, *an, *binh, *stranger, *faker;
static struct dir_identity own = { .address = SLICE(SENDER) };
static uint64_t late_ms;

/* One try: what is released, how it is spoiled, what is sent then. */
struct trial {
	struct release_statement s[2];
	struct mint_person	*signer[2];
	struct pol_officer	 officer[2];
	struct pol_release	 release;
	struct pol_statement	 signed_[2];
	struct pol_rcpt		 to[2];
	struct pol_judge_request req;
};

static struct dir_identity ids[] = {
	{ .address = SLICE("an@tinh.example") }, { .address = SLICE("binh@tinh.example") },
	{ .address = SLICE("khoa@tinh.example") },
	{ .address = SLICE("an@tinh.example"), .kind = DIR_IDENTITY_SEND_AS },
};

static int
judge_it(const char *message, const struct pol_judge_request *req, struct judge_result *out)
{
	struct slice m = slice_of(message);

	if (late_ms != 0)
		env.classify.deadline_ms = 0;
	return judge(m, req, &env, &arena, out);
}

static struct pol_officer
officer(struct slice guid, struct dir_identity *id)
{
	return (struct pol_officer){ .guid = guid, .status = DIR_ACTIVE,
		.roles = DIR_ROLE_SECURITY_OFFICER, .identities = id, .identities_n = 1 };
}

/* What is right: a statement of what the gate found, by two officers. */
static void
prepare(struct trial *t, const char *message, unsigned lift)
{
	static struct slice to[] = { SLICE("x@ngoai.example"), SLICE("y@ngoai.example") };
	struct judge_result r;

	memset(t, 0, sizeof *t);
	t->to[0] = (struct pol_rcpt){ to[0], ZONE_INTERNET, LEVEL_THUONG };
	t->to[1] = (struct pol_rcpt){ to[1], ZONE_INTERNET, LEVEL_THUONG };
	t->req = (struct pol_judge_request){ .path = PATH_SUBMIT, .recipients = t->to,
		.recipients_n = 2, .identities = &own, .identities_n = 1,
		.mail_from = own.address };
	assert_int_equal(judge_it(message, &t->req, &r), OK);
	assert_int_equal(r.reply.verdict, VERDICT_REJECT);
	assert_true(r.reply.liftable);
	t->s[0] = (struct release_statement){ .id = "0123456789abcde", .sender = own.address,
		.recipients = to, .recipients_n = 2, .lift = lift,
		.issued_s = env.smime.now_s - 100, .expires_s = env.smime.now_s + 3600,
		.reference = SLICE("a1b2"), .reason = SLICE("Đã xem: bản vẽ kỹ thuật") };
	assert_int_equal(release_parts(&r.facts, &arena, &t->s[0].parts, &t->s[0].parts_n), OK);
	assert_int_equal(release_content(slice_of(message), &arena, t->s[0].content), OK);
	judge_fini(&r);
	t->signer[0] = an;
	t->signer[1] = binh;
	t->officer[0] = officer(SLICE("guid-of-officer1"), &ids[0]);
	t->officer[1] = officer(SLICE("guid-of-officer2"), &ids[1]);
}

static void
sign_all(struct trial *t)
{
	if (t->s[1].recipients_n == 0)	/* unless it differs */
		t->s[1] = t->s[0];
	for (size_t i = 0; i < 2; i++)
		t->signed_[i].octets = mint_sign(t->signer[i], written(&t->s[i], &arena));
	if (t->release.id.n == 0)
		t->release.id = (struct slice){ (const char *)t->s[0].id, RELEASE_ID_OCTETS };
	t->release.statements = t->signed_;
	t->release.statements_n = 2;
	t->release.officers = t->officer;
	t->release.officers_n = 2;
	t->req.releases = &t->release;
	t->req.releases_n = 1;
}

/* unfit: why not; NULL: it passes. */
static void
expect(const char *name, struct trial *t, const char *message, const char *unfit)
{
	struct judge_result r;

	assert_int_equal(judge_it(message, &t->req, &r), OK);
	if (unfit == NULL && (r.reply.verdict != VERDICT_ALLOW || r.reply.release.n != 16))
		fail_msg("%s: refused by %.*s (%.*s)", name, (int)r.reply.rule.n, r.reply.rule.p,
		    (int)r.reply.unfit.n, r.reply.unfit.p);
	if (unfit != NULL && (r.reply.verdict != VERDICT_REJECT || r.reply.release.n != 0 ||
	    !slice_is(r.reply.unfit, unfit)))
		fail_msg("%s: verdict %u, unfit \"%.*s\", not \"%s\"", name, r.reply.verdict,
		    (int)r.reply.unfit.n, r.reply.unfit.p, unfit);
	judge_fini(&r);
}

/* ---- ways to spoil it ---- */

static void
as_is(struct trial *t)
{
	(void)t;
}

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
no_officer(struct trial *t)
{
	t->officer[1].roles = 0;
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

/* ---- who sends ---- */

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

/* An officer who signed the message under another account's address. */
static void
who_signed_the_message_does_not_release(void **state)
{
	static const char body[] = MIXED("aa") PART("aa", TEXT) PART("aa", X) PART("aa", Y)
	    END("aa");
	struct dir_cert cert = { { (const char *)mint_sha256(an), 32 } };
	struct dir_identity id = { .address = SLICE(SENDER), .certs = &cert, .certs_n = 1 };
	struct judge_result r;
	struct trial t;
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	buf_adds(&b, FIELDS("31@a") "Content-Type: application/pkcs7-mime; "
	    "smime-type=signed-data; name=p.p7m\r\nContent-Transfer-Encoding: binary\r\n\r\n");
	buf_add(&b, mint_sign(an, slice_of(body)));
	prepare(&t, opaque, LIFT_REVIEW);
	sign_all(&t);
	t.req.identities = &id;
	assert_int_equal(judge(buf_slice(&b), &t.req, &env, &arena, &r), OK);
	assert_true(slice_is(r.reply.unfit, "own-message"));
	judge_fini(&r);
	buf_fini(&b);
	arena_clear(&arena);
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

static int
setup(void **state)
{
	(void)state;
	if (smime_init() != OK || rules_init_profile(&env.rules, PROFILE_DEDICATED) != OK)
		return -1;
	mint_start();
	an = mint_person("an@tinh.example", false);
	an_renewed = mint_person("an@tinh.example", false);
	binh = mint_person("binh@tinh.example", false);
	stranger = mint_person("khoa@tinh.example", false);
	faker = mint_person("binh@tinh.example", true);
	env.rules.mark_only = true;	/* that messages are signed is not of interest here */
	env.authserv_id = SLICE("mx.tinh.example");
	env.trust = mint_trust();
	env.smime = (struct smime_options){ .now_s = clock_real_s(), .revocation_grace_s = 259200 };
	classify_options_init(&env.classify);
	env.classify.open_signed = smime_open_signed;
	arena_init(&arena, (size_t)1 << 30);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_clear(&arena);
	smime_trust_free(&env.trust);
	rules_fini(&env.rules);
	mint_stop();
	return 0;
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
		cmocka_unit_test(a_copy_is_kept_as_it_was_sent),
		cmocka_unit_test(what_may_leave_may_be_read_outside),
		cmocka_unit_test(who_sends_does_not_release),
		cmocka_unit_test(who_signed_the_message_does_not_release),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
