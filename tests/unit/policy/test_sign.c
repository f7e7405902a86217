/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * The server's own signature through judge(): what is signed and how it reads to "openssl cms
 * -verify" and to our own verifier, what is not signed, and what happens when the signer is away or
 * not in order.
 */
#include "tests/unit/policy/judging.h"

#include <string.h>
#include <sodium.h>

#include "directory/keyd_signer.h"
#include "mime/header.h"

#define FROM	"From: an@tinh.example\r\nTo: b@tinh.example\r\nSubject: thu\r\nDate: Sun, 22 Nov 2026 10:00:00 +0700\r\n" \
		"Message-ID: <1@tinh.example>\r\n"

static struct dir_identity an = { .address = SLICE("an@tinh.example") };
static struct signer *signer;
static int answer;		/* of the signing process */
static unsigned asked;

/* Everything is allowed and signed that the fixed rows let through. */
static const struct rule row = { .name = "may-quet", .level_under = LEVEL_TUYET_MAT + 1,
	.verdict = VERDICT_ALLOW, .sign_as = "may-quet" };

static int
sign(void *arg, struct slice title, const unsigned char sha256[32], struct arena *a,
    struct slice *cms_out, struct slice *subject_out)
{
	struct buf cms;
	int err;

	(void)arg;
	asked++;
	assert_true(slice_is(title, "may-quet"));
	if (answer != OK)
		return answer;
	buf_init(&cms, SIGNER_CMS_MAX);
	err = signer_sign(signer, sha256, &cms);
	*cms_out = arena_copy(a, buf_slice(&cms));
	*subject_out = slice_of(signer_subject(signer));
	buf_fini(&cms);
	return err;
}

static void
take_signer(const char *name)
{
	static char certificate[256], key[256];
	static struct conf_signer c = { .title = "may-quet", .certificate = certificate, .key = key,
		.pkcs11_module = "", .pkcs11_uri = "", .pin_file = "" };
	bool refused = false;
	struct buf why;

	signer_free(&signer);
	pki_run("cat %s.pem inter.pem >signer.pem && chmod 600 %s.key", name, name);
	snprintf(certificate, sizeof certificate, "%s/signer.pem", pki_dir());
	snprintf(key, sizeof key, "%s/%s.key", pki_dir(), name);
	buf_init(&why, 1024);
	assert_int_equal(signer_read(&c, &why, &signer), OK);
	signer_open(signer, &refused, &why);
	if (why.n > 0)
		fail_msg("%s: %s", name, buf_cstr(&why));
	buf_fini(&why);
}

static struct pol_judge_request
request(unsigned path)
{
	static struct pol_rcpt to;
	bool submitted = path == PATH_SUBMIT;

	to = (struct pol_rcpt){ SLICE("b@tinh.example"), ZONE_LOCAL, LEVEL_THUONG };
	return (struct pol_judge_request){ .path = (uint8_t)path, .arrival_zone = ZONE_INTERNAL,
		.recipients = &to, .recipients_n = 1, .identities = &an, .identities_n = submitted,
		.mail_from = submitted ? an.address : SLICE(""), .want_summary = 1,
		.may_sign = path != PATH_RECEIVE, .trace = SLICE("Received: from a by b\r\n") };
}

static void
judge_it(struct slice message, const struct pol_judge_request *req, struct judge_result *out)
{
	arena_clear(&arena);
	arena_init(&arena, judge_arena_octets(message.n));
	assert_int_equal(judge(message, req, &env, &arena, out), OK);
}

static struct slice
body_of(struct slice entity)
{
	struct header_field field;
	struct header_iter it;

	header_init(&it, entity);
	while (header_next(&it, &field) == 1)
		;
	return slice_from(entity, it.body);
}

/* What such fields hold, all of them, in order. */
static void
add_fields(struct slice entity, const char *name, struct buf *out)
{
	struct header_field field;
	struct header_iter it;

	header_init(&it, entity);
	while (header_next(&it, &field) == 1)
		if (slice_is_nocase(field.name, name))
			buf_add(out, field.whole);
}

static void
same_fields(struct slice a, struct slice b, const char *name)
{
	struct buf in_a, in_b;

	buf_init(&in_a, 65536);
	buf_init(&in_b, 65536);
	add_fields(a, name, &in_a);
	add_fields(b, name, &in_b);
	if (!slice_eq(buf_slice(&in_a), buf_slice(&in_b)))
		fail_msg("%s: \"%.*s\" and \"%.*s\"", name, (int)in_a.n, in_a.p, (int)in_b.n,
		    in_b.p);
	buf_fini(&in_a);
	buf_fini(&in_b);
}

/* As openssl sees it: the signed entity. */
static struct slice
verify(struct slice whole)
{
	pki_write("whole.eml", whole);
	pki_run("openssl cms -verify -in whole.eml -CAfile root.pem -purpose any -signer by.pem "
	    "-out entity && openssl x509 -in signer.pem -out one.pem && cmp by.pem one.pem");
	return pki_read("entity");
}

static void
check_signed(struct slice message, unsigned reason)
{
	static const char *const core[] = { "From", "To", "Subject", "Date", "Message-ID",
	    "Reply-To",
		"In-Reply-To", "References", "Cc" };
	static const char *const content[] = { "Content-Transfer-Encoding", "Content-Disposition",
		"Content-Language", "Content-ID" };
	struct pol_judge_request req = request(PATH_SUBMIT), again = request(PATH_RECEIVE);
	struct judge_result r;
	struct slice whole, entity;

	judge_it(message, &req, &r);
	if (r.reply.verdict != VERDICT_ALLOW || !slice_is(r.reply.signed_by, "may-quet"))
		fail_msg("%.*s: %s %s: %.*s", (int)r.reply.rule.n, r.reply.rule.p,
		    r.sign_error != NULL ? r.sign_error : "",
		    r.sign_detail != NULL ? r.sign_detail : "",
		    (int)message.n, message.p);
	assert_true(slice_find(r.reply.trace,
	    SLICE("smime=none\r\n reason=signed-by-server")) > 0 ||
	    slice_find(r.reply.trace, SLICE("smime=none reason=signed-by-server")) > 0);
	assert_true(slice_find(r.reply.trace, SLICE("signer=may-quet")) > 0);
	assert_int_equal(r.facts.sig, SIG_NONE);
	assert_true(r.summary.n > 0);
	whole = judging_composed(&r, message);
	judge_fini(&r);
	entity = verify(whole);
	assert_true(slice_eq(body_of(entity), body_of(message)));
	for (size_t i = 0; i < ARRAY_LEN(core); i++) {
		same_fields(message, entity, core[i]);
		same_fields(message, whole, core[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(content); i++)
		same_fields(message, entity, content[i]);
	/* Whoever gets it finds a good signature, and fields that agree. */
	judge_it(whole, &again, &r);
	assert_int_equal(r.facts.sig_reason, reason);
	assert_int_equal(r.facts.signers[0].reason, SIG_OK);
	assert_false(r.facts.ambiguous);
	judge_fini(&r);
}

static const char *const messages[] = {
	FROM "\r\nnoi dung\r\n",
	FROM "\r\n",
	FROM "\r\nkhong xuong dong",
	FROM "\r\n\r\n\r\n--\r\n.\r\n",
	FROM "Content-Type: text/plain; charset=utf-8\r\n\r\nC\303\263 d\341\272\245u\r\n",
	FROM "MIME-Version: 1.0\r\nContent-Type: text/plain;charset=utf-8;\r\nContent-Transfer-Encoding: base64\r\n"
	    "Content-Language: vi\r\n\r\neGluIGNoYW8K\r\n",
	FROM "Mime-Version: 1.0 (cu)\r\nContent-Type: multipart/mixed;\r\n\tboundary=b\r\n\r\n--b\r\n\r\nmot\r\n"
	    "--b\r\nContent-Type: text/plain\r\n\r\nhai\r\n--b--\r\n",
	"X-Mailer: dien thoai\r\n"
	    FROM "Cc: c@tinh.example,\r\n  d@tinh.example\r\nReply-To: an@tinh.example\r\n"
	    "References: <a@b.example>\r\n\t<c@d.example>\r\n\r\nx\r\n",
	FROM "Content-Type: text/plain; charset=us-ascii (het)\r\nContent-ID: <x@y.example>\r\n\r\nx\r\n",
	"From: \"L\303\252 An\" <an@tinh.example>\r\nSubject: ti\303\252u \304\221\341\273\201\r\n\r\nx\r\n",
};

static void
each_entity_is_signed_as_it_came(void **state)
{
	(void)state;
	answer = OK;
	take_signer("binh");		/* P-256, of somebody else than From */
	for (size_t i = 0; i < ARRAY_LEN(messages); i++)
		check_signed(slice_of(messages[i]), SIG_WRONG_SIGNER);
	take_signer("an");		/* RSA; From's own, as far as the certificate tells */
	check_signed(slice_of(messages[0]), SIG_OK);
}

static void
the_verifier_names_the_certificate(void **state)
{
	struct pol_judge_request req = request(PATH_SUBMIT), again = request(PATH_RECEIVE);
	struct slice m = slice_of(messages[0]), whole;
	struct judge_result r;

	(void)state;
	take_signer("chi");
	judge_it(m, &req, &r);
	whole = judging_composed(&r, m);
	judge_fini(&r);
	judge_it(whole, &again, &r);
	assert_int_equal(r.facts.signers_n, 1);
	assert_true(slice_find(r.facts.signers[0].subject, SLICE("CN=Le Chi")) >= 0);
	assert_int_equal(r.facts.signers[0].reason, SIG_OK);
	judge_fini(&r);
}

static const struct {
	const char *by;		/* NULL: the signer of before */
	const char *message;
	int	    answer;
	unsigned    verdict;
	const char *error, *detail;
} failures[] = {
	{ "binh", FROM "\r\nx\r\n", ERR_UNAVAIL, VERDICT_DEFER, "the signer is not available", "" },
	{ NULL, FROM "\r\nx\r\n", ERR_NOENT, VERDICT_DEFER, "the signer is not available", "" },
	{ NULL, FROM "Content-Type: text/plain; hp=\"clear\"\r\n\r\nx\r\n", OK, VERDICT_REJECT,
	    "the header can be read in several ways", "" },
	{ NULL, FROM "Content-Type: message/rfc822\r\n\r\nFrom: bo-truong@tinh.example\r\n\r\nx\r\n", OK,
	    VERDICT_REJECT, "the header can be read in several ways", "" },
	{ "expired", FROM "\r\nx\r\n", OK, VERDICT_DEFER, "our own signature is not valid",
	    "expired" },
	{ "revoked", FROM "\r\nx\r\n", OK, VERDICT_DEFER, "our own signature is not valid",
	    "revoked" },
	{ "la", FROM "\r\nx\r\n", OK, VERDICT_DEFER, "our own signature is not valid",
	    "untrusted" },
	{ "rsa1024", FROM "\r\nx\r\n", OK, VERDICT_DEFER, "our own signature is not valid",
	    "weak" },
};

static void
without_a_sound_signature_nobody_gets_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
		struct pol_judge_request req = request(PATH_SUBMIT);
		struct judge_result r;

		if (failures[i].by != NULL)
			take_signer(failures[i].by);
		answer = failures[i].answer;
		judge_it(slice_of(failures[i].message), &req, &r);
		if (r.reply.verdict != failures[i].verdict || r.sign_error == NULL ||
		    strcmp(r.sign_error, failures[i].error) != 0 ||
		    (*failures[i].detail != '\0' && strcmp(r.sign_detail, failures[i].detail) != 0))
			fail_msg("row %zu: %u %s %s", i, r.reply.verdict,
			    r.sign_error != NULL ? r.sign_error : "",
			    r.sign_error != NULL ? r.sign_detail : "");
		assert_true(slice_is(r.reply.rule, "server-signature"));
		assert_int_equal(r.reply.recipients[0].verdict, failures[i].verdict);
		assert_int_equal(r.reply.signed_by.n + r.reply.head.n + r.reply.tail.n, 0);
		assert_int_equal(r.summary.n, 0);
		assert_true(r.reply.reason_vi.n > 0 && r.reply.reason_en.n > 0);
		assert_true(slice_find(r.reply.trace, SLICE("signed-by-server")) < 0);
		judge_fini(&r);
	}
	answer = OK;
}

/* Fields by which people or programs tell who signed: nobody but we may write them in our name. */
static void
our_note_cannot_be_forged(void **state)
{
	struct slice m = SLICE(FROM "X-Congvu-Signed-By: mail.tinh.example; signer=bo-truong\r\n"
	    "x-congvu-signed-by: \"mail.tinh.example\" (x); signer=bo-truong\r\n"
	    "X-Congvu-Signed-By: mail.khac.example; signer=khac\r\n\r\nx\r\n"), whole;
	struct pol_judge_request req = request(PATH_SUBMIT);
	struct judge_result r;

	(void)state;
	take_signer("binh");
	judge_it(m, &req, &r);
	assert_int_equal(r.reply.removals_n, 1);
	whole = judging_composed(&r, m);
	assert_true(slice_find(whole, SLICE("bo-truong")) < 0);
	assert_true(slice_find(whole, SLICE("signer=khac")) > 0);
	judge_fini(&r);
	req.path = PATH_RECEIVE;
	req.may_sign = 0;
	judge_it(m, &req, &r);
	assert_true(slice_find(judging_composed(&r, m), SLICE("bo-truong")) < 0);
	judge_fini(&r);
}

static void
expect_unsigned(struct slice message, const struct pol_judge_request *req, const char *why)
{
	struct judge_result r;

	asked = 0;
	judge_it(message, req, &r);
	if (asked != 0 || r.reply.signed_by.n > 0 || r.reply.head.n > 0 || r.sign_error != NULL)
		fail_msg("%s: signed", why);
	if (r.reply.verdict == VERDICT_ALLOW)
		assert_true(slice_eq(slice_from(judging_composed(&r, message), r.reply.trace.n),
		    message));
	judge_fini(&r);
}

static void
only_unsigned_mail_of_those_who_may(void **state)
{
	struct slice m = slice_of(messages[0]);
	struct pol_judge_request req = request(PATH_SUBMIT);
	const struct rule *own = env.rules.own.rows;

	(void)state;
	take_signer("binh");
	req.may_sign = 0;
	expect_unsigned(m, &req, "an asker that cannot compose it");
	req.may_sign = 1;
	expect_unsigned(pki_sign("-signer an.pem -inkey an.key"), &req, "signed by its sender");
	expect_unsigned(pki_sign("-signer expired.pem -inkey expired.key"), &req, "badly signed");
	expect_unsigned(SLICE("From: kh@tinh.example\r\n\r\nx\r\n"), &req,
	    "From is not the account's");
	req.recipients[0].exit_zone = ZONE_INTERNET;
	expect_unsigned(SLICE(FROM "X-Do-Mat: Mat\r\n\r\nx\r\n"), &req, "refused");
	req.recipients[0].exit_zone = ZONE_LOCAL;
	env.rules.own.rows = &(struct rule){ .name = "khong-ky", .level_under = LEVEL_TUYET_MAT + 1,
		.verdict = VERDICT_ALLOW, .sign_as = "" };
	expect_unsigned(m, &req, "no rule asks for it");
	env.rules.own.rows = own;
	env.sign = NULL;
	expect_unsigned(m, &req, "no signer at all");
	env.sign = sign;
}

/* A notice of ours has no Authentication-Results, but says who signed it. */
static void
notices_say_who_signed(void **state)
{
	struct slice m = SLICE("From: postmaster@tinh.example\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nx\r\n"
	    "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; a\r\n\r\n"
	    "Final-Recipient: rfc822; a@b.example\r\nAction: failed\r\nStatus: 5.1.1\r\n--b--\r\n"),
	    whole;
	struct pol_judge_request req = request(PATH_RELAY);
	struct judge_result r;

	(void)state;
	take_signer("binh");
	judge_it(m, &req, &r);
	assert_int_equal(r.reply.kind, KIND_DSN);
	assert_true(slice_is(r.reply.signed_by, "may-quet"));
	assert_true(slice_starts_nocase(r.reply.trace, req.trace));
	assert_true(slice_find(r.reply.trace, SLICE("X-Congvu-Signed-By: mail.tinh.example;")) > 0);
	assert_true(slice_find(r.reply.trace, SLICE("Authentication-Results")) < 0);
	whole = judging_composed(&r, m);
	judge_fini(&r);
	assert_true(slice_eq(body_of(verify(whole)), body_of(m)));
}

static int
setup(void **state)
{
	int r = judging_setup(state);

	assert_true(sodium_init() >= 0);
	env.rules.own = (struct rule_table){ &row, 1 };
	env.sign = sign;
	return r;
}

static int
teardown(void **state)
{
	signer_free(&signer);
	return judging_teardown(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_entity_is_signed_as_it_came),
		cmocka_unit_test(the_verifier_names_the_certificate),
		cmocka_unit_test(without_a_sound_signature_nobody_gets_it),
		cmocka_unit_test(our_note_cannot_be_forged),
		cmocka_unit_test(only_unsigned_mail_of_those_who_may),
		cmocka_unit_test(notices_say_who_signed),
	};

	return cmocka_run_group_tests_name("sign", tests, setup, teardown);
}
