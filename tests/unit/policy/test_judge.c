/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Whole messages through judge(): what is answered, which trace is put on top, what is taken out,
 * and that the summary describes the composed octets.
 */
#include "tests/unit/policy/judging.h"

#include <string.h>
#include <time.h>

#include <jansson.h>

#include "policy/explain.h"

#define AN	"-signer an.pem -inkey an.key"
#define MATCHES(slice, text) (slice_find((slice), SLICE(text)) >= 0)

static struct dir_identity an = { .address = SLICE("an@tinh.example") };

static struct pol_judge_request
request(unsigned path)
{
	static struct pol_rcpt to;

	to = (struct pol_rcpt){ SLICE("b@tinh.example"), ZONE_LOCAL, LEVEL_THUONG };
	return (struct pol_judge_request){ .path = (uint8_t)path, .arrival_zone = ZONE_INTERNAL,
		.recipients = &to, .recipients_n = 1, .identities = &an,
		.identities_n = path == PATH_SUBMIT, .want_summary = 1,
		.mail_from = path == PATH_SUBMIT ? an.address : SLICE("x@y.example"),
		.trace = SLICE("Return-Path: <an@tinh.example>\r\nReceived: from a by b;\r\n"
		    " Sun, 22 Nov 2026 00:00:00 +0700\r\n") };
}

static int
judge_it(struct slice message, const struct pol_judge_request *req, struct judge_result *out)
{
	arena_clear(&arena);
	arena_init(&arena, judge_arena_octets(message.n));
	return judge(message, req, &env, &arena, out);
}

static void
expect(struct slice message, unsigned path, const char *rule)
{
	struct pol_judge_request req = request(path);
	struct judge_result r;

	assert_int_equal(judge_it(message, &req, &r), OK);
	if (!slice_is(r.reply.rule, rule))
		fail_msg("%.*s, not %s", (int)r.reply.rule.n, r.reply.rule.p, rule);
	judge_fini(&r);
}

static void
submissions_get_their_reason(void **state)
{
	struct slice plain = SLICE("From: an@tinh.example\r\nSubject: x\r\n\r\nnoi dung\r\n");

	(void)state;
	expect(pki_sign(AN), PATH_SUBMIT, "allow");
	expect(pki_sign(AN " -nodetach"), PATH_SUBMIT, "allow");
	expect(plain, PATH_SUBMIT, "unsigned");
	expect(plain, PATH_RECEIVE, "allow");
	expect(pki_sign("-signer binh.pem -inkey binh.key"), PATH_SUBMIT, "wrong-signer");
	expect(pki_sign("-signer expired.pem -inkey expired.key"), PATH_SUBMIT,
	    "signature-expired");
	expect(pki_sign("-signer revoked.pem -inkey revoked.key"), PATH_SUBMIT,
	    "signature-revoked");
	expect(pki_sign("-signer rsa1024.pem -inkey rsa1024.key"), PATH_SUBMIT, "signature-weak");
	expect(pki_replace(pki_sign(AN), "cong van.", "cong van!"), PATH_SUBMIT,
	    "signature-altered");
	/* I1: the name that people see is the signer's, the address is not. */
	expect(pki_replace(pki_sign(AN), "From: an@tinh.example",
	    "From: \"an@tinh.example\" <x@tinh.example>"), PATH_SUBMIT, "from-not-yours");
	expect(pki_replace(pki_sign(AN), "From: an@tinh.example",
	    "From: an@tinh.example\r\nFrom: x@tinh.example"), PATH_SUBMIT, "from-not-one");
	expect(pki_replace(pki_sign(AN), "From: an@tinh.example",
	    "From: an@tinh.example, x@tinh.example"), PATH_SUBMIT, "from-not-one");
	expect(pki_replace(pki_sign(AN), "From: an@tinh.example", "X-From: an@tinh.example"),
	    PATH_SUBMIT, "from-not-one");
}

/* What clients show besides From must be the account's own, too; on the way in it may be anybody. */
static void
senders_besides_from_are_their_own(void **state)
{
	static const struct { const char *fields, *rule; } rows[] = {
		{ "Sender: <an@tinh.example>", "allow" },
		{ "Sender: <binh@tinh.example>", "sender-not-yours" },
		{ "Sender: An <an@tinh.example>\r\nSENDER:\r\n <binh@tinh.example>", "sender-not-yours" },
		{ "Sender: an@tinh.example, binh@tinh.example", "sender-not-yours" },
		{ "Sender:", "sender-not-yours" },
		{ "Resent-From: binh@tinh.example", "sender-not-yours" },
		{ "Resent-Sender: binh@tinh.example", "sender-not-yours" },
		{ "Reply-To: binh@tinh.example", "allow" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char with[200];

		(void)snprintf(with, sizeof with, "From: an@tinh.example\r\n%s", rows[i].fields);
		expect(pki_replace(pki_sign(AN), "From: an@tinh.example", with), PATH_SUBMIT,
		    rows[i].rule);
	}
	expect(SLICE("From: a@b.example\r\nSender: c@d.example\r\n\r\nx\r\n"), PATH_RECEIVE, "allow");
}

/* A mark of secrecy counts wherever it stands: in the signed text, in an opaque signature. */
static void
marks_inside_signatures_are_found(void **state)
{
	static const char *const forms[] = { AN, AN " -nodetach" };

	(void)state;
	pki_write("body", SLICE("Content-Type: text/plain; charset=utf-8\r\n\r\n"
	    "Độ mật: Mật\r\n\r\nKinh gui\r\n"));
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct pol_judge_request req = request(PATH_SUBMIT);
		struct slice m;
		struct judge_result r;

		pki_run("openssl cms -sign -in body -crlfeol -from an@tinh.example %s > t && "
		    "sed 's/\\r*$/\\r/' t > mark.eml", forms[i]);
		m = pki_read("mark.eml");
		req.recipients[0].clearance = LEVEL_MAT;
		assert_int_equal(judge_it(m, &req, &r), OK);
		assert_int_equal(r.reply.level, LEVEL_MAT);
		assert_true(slice_is(r.reply.rule, "secret-inside"));
		assert_true(r.reply.evidence_n > 0);
		judge_fini(&r);
		req.recipients[0].exit_zone = ZONE_INTERNET;
		assert_int_equal(judge_it(m, &req, &r), OK);
		assert_true(slice_is(r.reply.rule, "secret-internet"));
		assert_int_equal(r.summary.n, 0);
		judge_fini(&r);
	}
}

static void
trace_tells_the_signature(void **state)
{
	static const struct { const char *options, *want; } rows[] = {
		{ AN, "Authentication-Results: mail.tinh.example; smime=pass\r\n"
		    " body.smime-identifier=an@tinh.example\r\n" },
		{ "-signer binh.pem -inkey binh.key",
		    "Authentication-Results: mail.tinh.example; smime=fail reason=wrong-signer\r\n" },
		{ "-signer revoked.pem -inkey revoked.key",
		    "Authentication-Results: mail.tinh.example; smime=fail reason=revoked\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pol_judge_request req = request(PATH_RECEIVE);
		struct slice m = pki_sign(rows[i].options), whole;
		struct judge_result r;

		assert_int_equal(judge_it(m, &req, &r), OK);
		whole = judging_composed(&r, m);
		if (slice_find(whole, slice_of(rows[i].want)) != (ptrdiff_t)req.trace.n)
			fail_msg("%.*s", (int)r.reply.trace.n, r.reply.trace.p);
		/* Below the trace: octet for octet what came. */
		assert_true(slice_eq(slice_from(whole, r.reply.trace.n), m));
		judge_fini(&r);
	}
}

static void
forged_results_are_taken_out(void **state)
{
	static const char *const ours[] = {
		"Authentication-Results: mail.tinh.example; smime=pass\r\n",
		"authentication-results:MAIL.TINH.EXAMPLE 1; smime=pass\r\n",
		"Authentication-Results: (x) \"mail.tinh.example\"; smime=pass\r\n",
		"Authentication-Results:\r\n mail.tinh.example\r\n ; smime=pass\r\n",
		"Authentication-Results: mail.tinh.example.; smime=pass\r\n",
		"Authentication-Results: mail.tinh.example(x); smime=pass\r\n",
	};
	static const char *const others[] = {
		"Authentication-Results: other.example; smime=pass\r\n",
		"Authentication-Results: xmail.tinh.example; none\r\n",
		"X-Authentication-Results: mail.tinh.example; smime=pass\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
		struct pol_judge_request req = request(PATH_RECEIVE);
		struct slice m = pki_text("%s%s%.*s", others[i % 3], ours[i], (int)pki_sign(AN).n,
		    pki_sign(AN).p);
		struct judge_result r;
		struct slice whole;

		assert_int_equal(judge_it(m, &req, &r), OK);
		assert_int_equal(r.reply.removals_n, 1);
		whole = slice_from(judging_composed(&r, m), r.reply.trace.n);
		assert_true(slice_starts_nocase(whole, slice_of(others[i % 3])));
		assert_true(slice_eq(slice_from(whole, strlen(others[i % 3])), pki_sign(AN)));
		judge_fini(&r);
	}
}

static void
too_many_forged_results_are_refused(void **state)
{
	struct pol_judge_request req = request(PATH_RECEIVE);
	struct judge_result r;
	struct buf m;

	(void)state;
	buf_init(&m, 1 << 20);
	buf_adds(&m, "From: x@y.example\r\n");
	for (int i = 0; i < TRACE_REMOVALS_MAX + 1; i++)
		buf_adds(&m, "Authentication-Results: mail.tinh.example; none\r\nX-A: b\r\n");
	buf_adds(&m, "\r\nx\r\n");
	assert_int_equal(judge_it(buf_slice(&m), &req, &r), OK);
	assert_true(slice_is(r.reply.rule, "forged-trace"));
	judge_fini(&r);
	buf_fini(&m);
}

static void
summary_is_of_the_composed_octets(void **state)
{
	struct pol_judge_request req = request(PATH_SUBMIT);
	struct slice m = pki_text("Authentication-Results: mail.tinh.example; none\r\n%.*s",
	    (int)pki_sign(AN).n, pki_sign(AN).p);
	struct summary sum;
	struct judge_result r;

	(void)state;
	assert_int_equal(judge_it(m, &req, &r), OK);
	assert_int_equal(summary_open(buf_slice(&r.summary), &sum), OK);
	assert_int_equal(sum.size_octets, judging_composed(&r, m).n);
	assert_true(MATCHES(summary_text(&sum, SUMMARY_FROM), "an@tinh.example"));
	judge_fini(&r);
	req.want_summary = 0;
	assert_int_equal(judge_it(m, &req, &r), OK);
	assert_int_equal(r.summary.n, 0);
	judge_fini(&r);
}

static void
appended_mail_is_left_as_it_is(void **state)
{
	struct pol_judge_request req = request(PATH_STORE);
	struct slice m = SLICE("Authentication-Results: mail.tinh.example; none\r\n\r\nnhap\r\n");
	struct judge_result r;

	(void)state;
	req.trace = SLICE("");
	assert_int_equal(judge_it(m, &req, &r), OK);
	assert_int_equal(r.reply.verdict, VERDICT_ALLOW);
	assert_int_equal(r.reply.trace.n, 0);
	assert_int_equal(r.reply.removals_n, 0);
	judge_fini(&r);
}

static void
worst_recipient_decides(void **state)
{
	struct pol_rcpt to[] = {
		{ SLICE("a@tinh.example"), ZONE_LOCAL, LEVEL_MAT },
		{ SLICE("b@khac.example"), ZONE_INTERNET, LEVEL_THUONG },
		{ SLICE("c@tinh.example"), ZONE_LOCAL, LEVEL_THUONG },
	};
	struct pol_judge_request req = request(PATH_RECEIVE);
	struct slice m = SLICE("From: x@y.example\r\nX-Do-Mat: Mat\r\n\r\nx\r\n");
	struct judge_result r;

	(void)state;
	req.recipients = to;
	req.recipients_n = ARRAY_LEN(to);
	assert_int_equal(judge_it(m, &req, &r), OK);
	assert_int_equal(r.reply.verdict, VERDICT_REJECT);
	assert_true(slice_is(r.reply.recipients[0].rule, "secret-inside"));
	assert_true(slice_is(r.reply.recipients[1].rule, "secret-internet"));
	assert_true(slice_is(r.reply.recipients[2].rule, "not-cleared"));
	judge_fini(&r);
}

/* A notice as smtpd/dsn.c makes it: header, and the part that gives back a header. */
#define NOTICE(fields, header) SLICE("From: postmaster@tinh.example\r\nTo: x@y.example\r\n" \
	"MIME-Version: 1.0\r\nAuto-Submitted: auto-replied\r\n" \
	"Content-Type: multipart/report; report-type=delivery-status; boundary=\"=_0\"\r\n\r\n" \
	"--=_0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nKhong gui duoc.\r\n" \
	"--=_0\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n" \
	"Final-Recipient: rfc822; b@y.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n" \
	"--=_0\r\nContent-Type: text/rfc822-headers\r\n" fields "\r\n" header "\r\n--=_0--\r\n")

static void
notices_are_as_secret_as_what_they_tell_of(void **state)
{
	static const struct {
		struct slice m;
		uint8_t level_min;
		const char *rule;
	} rows[] = {
		{ NOTICE("", "From: an@tinh.example\r\nSubject: x\r\n"), LEVEL_THUONG, "allow" },
		{ NOTICE("", "From: an@tinh.example\r\nSubject: x\r\n"), LEVEL_MAT,
		    "secret-internet" },
		{ NOTICE("", "From: an@tinh.example\r\nSubject: =?utf-8?B?W03huqxUXSBCw6FvIGPDoW8=?=\r\n"), LEVEL_THUONG,
		    "secret-internet" },
		{ NOTICE("Content-Transfer-Encoding: base64\r\n", "RnJvbTogYW5AdGluaC5leGFtcGxlDQpTdWJqZWN0OiBbTeG6rFRdIELDoW8gY8Ohbw0K"),
		    LEVEL_THUONG,
		    "secret-internet" },
		{ NOTICE("", "X-Do-Mat: Mat\r\n"), LEVEL_THUONG, "secret-internet" },
	};
	struct pol_rcpt to = { SLICE("x@y.example"), ZONE_INTERNET, LEVEL_THUONG };
	struct judge_result r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pol_judge_request req = request(PATH_RELAY);

		req.recipients = &to;
		req.level_min = rows[i].level_min;
		assert_int_equal(judge_it(rows[i].m, &req, &r), OK);
		assert_int_equal(r.reply.kind, KIND_DSN);
		if (!slice_is(r.reply.rule, rows[i].rule))
			fail_msg("row %zu: %.*s", i, (int)r.reply.rule.n, r.reply.rule.p);
		judge_fini(&r);
	}
}

static void
nonsense_is_not_judged(void **state)
{
	static const char *const traces[] = { "no field\r\n", "A: b", "A: b\r\n\r\n", "A: b\nB: c\r\n",
		"A: b\r\n\r\nC: d\r\n", " A: b\r\n" };
	struct pol_judge_request req = request(PATH_RECEIVE);
	struct judge_result r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(traces); i++) {
		req.trace = slice_of(traces[i]);
		if (judge_it(pki_sign(AN), &req, &r) != ERR_INVAL)
			fail_msg("trace %zu", i);
	}
	req = request(PATH_RECEIVE);
	req.recipients_n = 0;
	assert_int_equal(judge_it(pki_sign(AN), &req, &r), ERR_INVAL);
}

static void
explanation_is_json(void **state)
{
	struct explain_options o;
	struct buf json;
	json_t *j;

	(void)state;
	explain_options_init(&o);
	buf_init(&json, 1 << 20);
	assert_int_equal(explain_message(pki_sign(AN), &o, &env, &json), OK);
	j = json_loadb(json.p, json.n, 0, NULL);
	assert_non_null(j);
	assert_string_equal(json_string_value(json_object_get(j, "verdict")), "allow");
	assert_string_equal(json_string_value(json_object_get(j, "signature")), "valid");
	assert_string_equal(json_string_value(json_object_get(j, "level")), "thuong");
	assert_string_equal(json_string_value(json_object_get(j, "kind")), "mail");
	assert_string_equal(json_string_value(json_object_get(j, "rule")), "allow");
	assert_true(json_is_false(json_object_get(j, "opaque")));
	assert_true(json_is_array(json_object_get(j, "evidence")));
	json_decref(j);
	buf_clear(&json);
	assert_int_equal(explain_scan("t\xff.eml", SLICE("Subject: x\nX-Do-Mat: Toi mat\n\nx\n"),
	    &env, &json), OK);
	j = json_loadb(json.p, json.n, 0, NULL);
	assert_non_null(j);
	assert_string_equal(json_string_value(json_object_get(j, "verdict")), "block");
	assert_string_equal(json_string_value(json_object_get(j, "level")), "toi_mat");
	json_decref(j);
	buf_fini(&json);
}

/* What one signed message of an official costs, all of it, when his certificate is known. */
static void
time_per_judgement(void **state)
{
	struct pol_judge_request req = request(PATH_SUBMIT);
	struct slice m = pki_sign(AN);
	struct timespec a, b;
	struct judge_result r;

	(void)state;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	for (int i = 0; i < 300; i++) {
		assert_int_equal(judge_it(m, &req, &r), OK);
		assert_int_equal(r.reply.verdict, VERDICT_ALLOW);
		judge_fini(&r);
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	print_message("%.0f us of CPU per judgement\n", ((double)(b.tv_sec - a.tv_sec) * 1e9 +
	    (double)(b.tv_nsec - a.tv_nsec)) / 300e3);
}

/* What was found and where, the piece that weighs most; never the words of the mail. */
static void
a_refusal_says_what_was_found_where(void **state)
{
	static const struct { const char *message, *vi, *en; } rows[] = {
		{ "From: a@x.example\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
		    "\u1ee6Y BAN\r\n\u0110\u1ed9 m\u1eadt: M\u1eadt\r\n",
		  ". Phat hien: muc ghi do mat, phan 1, dong 2",
		  ". Found: a field that states the level, part 1, line 2" },
		{ "From: a@x.example\r\nSubject: =?utf-8?Q?[M=E1=BA=ACT]?= x\r\n\r\nx\r\n",
		  ". Phat hien: do mat trong tieu de, phan 1",
		  ". Found: a level in the subject or a title, part 1" },
		{ "From: a@x.example\r\nContent-Type: application/octet-stream\r\n\r\n"
		    "\001\002\003\004\377\376\r\n",
		  ". Phat hien: loai tep khong doc duoc, phan 1",
		  ". Found: a type of file that cannot be read, part 1" },
		{ "From: a@x.example\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
		    "\u1ee6Y BAN\r\nL\u01afU H\u00c0NH N\u1ed8I B\u1ed8\r\n",
		  ". Phat hien: dau LUU HANH NOI BO, THU HOI hoac tuong tu, phan 1, dong 2",
		  ". Found: a mark of internal circulation, part 1, line 2" },
		{ "From: a@x.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
		    "--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
		    "L\u01afU H\u00c0NH N\u1ed8I B\u1ed8\r\n--b\r\n"
		    "Content-Type: application/octet-stream\r\n\r\n"
		    "\001\002\003\004\377\376\r\n--b--\r\n",
		  ". Phat hien: loai tep khong doc duoc, phan 2",
		  ". Found: a type of file that cannot be read, part 2" },
		{ "From: a@x.example\r\nContent-Type: text/html\r\n\r\n"
		    "<img src='data:text/plain;base64,TeG6rFQ='>\r\n",
		  ". Phat hien: dau chi do mat tren mot dong rieng, phan 1/1 (ben trong phan do), "
		  "dong 1",
		  ". Found: a secrecy mark on a line of its own, part 1/1 (inside that part), "
		  "line 1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pol_judge_request req = request(PATH_RELAY);
		struct judge_result r;

		req.recipients[0].exit_zone = ZONE_INTERNET;
		assert_int_equal(judge_it(slice_of(rows[i].message), &req, &r), OK);
		assert_int_equal(r.reply.verdict, VERDICT_REJECT);
		if (!slice_ends_nocase(r.reply.reason_vi, slice_of(rows[i].vi)) ||
		    !slice_ends_nocase(r.reply.reason_en, slice_of(rows[i].en)))
			fail_msg("row %zu: %.*s / %.*s", i, (int)r.reply.reason_vi.n,
			    r.reply.reason_vi.p, (int)r.reply.reason_en.n, r.reply.reason_en.p);
		judge_fini(&r);
	}
}

/* Whatever an authority is called, its people's mail has results: all signers, the longest names. */
static void
results_can_always_be_written(void **state)
{
	static const struct { const char *piece; bool named; } issuers[] = {
		{ "\u1ea9", false }, { "\u1ea9\u1ea9\u1ea9\u1ea9\u1ea9 ", true },
		{ "x", true }, { "\"\\", true }, { "  ", false }, { "\x01", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(issuers); i++) {
		struct facts f = { .sig = SIG_VALID, .signers_n = FACTS_SIGNERS_MAX };
		char name[401] = "", serial[65];
		size_t n = strlen(issuers[i].piece);
		struct buf out;

		memset(serial, 'A', 64);
		for (size_t at = 0; at + n < sizeof name; at += n)
			memcpy(name + at, issuers[i].piece, n + 1);
		for (unsigned k = 0; k < f.signers_n; k++)
			f.signers[k] = (struct facts_signer){ .issuer = slice_of(name),
				.serial = { serial, 64 } };
		buf_init(&out, 1 << 16);
		assert_int_equal(trace_results(&f, SLICE("mail.tinh.example"), &out), OK);
		assert_true(trace_is_fields(buf_slice(&out)));
		if ((slice_find(buf_slice(&out), SLICE("smime-issuer")) >= 0) != issuers[i].named)
			fail_msg("%zu: %s", i, buf_cstr(&out));
		buf_fini(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(submissions_get_their_reason),
		cmocka_unit_test(a_refusal_says_what_was_found_where),
		cmocka_unit_test(senders_besides_from_are_their_own),
		cmocka_unit_test(trace_tells_the_signature),
		cmocka_unit_test(forged_results_are_taken_out),
		cmocka_unit_test(too_many_forged_results_are_refused),
		cmocka_unit_test(summary_is_of_the_composed_octets),
		cmocka_unit_test(appended_mail_is_left_as_it_is),
		cmocka_unit_test(worst_recipient_decides),
		cmocka_unit_test(notices_are_as_secret_as_what_they_tell_of),
		cmocka_unit_test(nonsense_is_not_judged),
		cmocka_unit_test(explanation_is_json),
		cmocka_unit_test(time_per_judgement),
		cmocka_unit_test(marks_inside_signatures_are_found),
		cmocka_unit_test(results_can_always_be_written),
	};

	return cmocka_run_group_tests(tests, judging_setup, judging_teardown);
}
