/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* What a policyd that was taken over can make of a message: nothing but refuse it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "policy/sign.h"
#include "policy/smime/smime.h"
#include "policy/trace.h"
#include "smtpd/composed.h"

#define HEADER	"From: an@tinh.example\r\nAuthentication-Results: mail.tinh.example; smime=pass\r\n" \
		"Authentication-Results: khac.example; none\r\nTo: b@tinh.example\r\nSubject: thu\r\n dai\r\n" \
		"Mime-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Language: vi\r\n"
#define BODY	"noi dung\r\nAuthentication-Results: mail.tinh.example; x\r\n"

#define MIXED	"From: a@b.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"

static const struct slice message = SLICE(HEADER "\r\n" BODY);
static struct arena arena;

static struct pol_judge_reply
signed_reply(struct slice of)
{
	struct pol_judge_reply r = { .trace = SLICE("Received: x\r\n"),
	    .signed_by = SLICE("may-quet") };
	unsigned char sha256[32];
	struct sign_plan plan;
	struct tree t;
	struct sign_source s = { &t, sha256, SLICE("mail.tinh.example"), r.signed_by };

	assert_int_equal(smime_sha256(of, sha256), OK);
	assert_int_equal(tree_parse(of, &arena, &t), OK);
	assert_int_equal(sign_plan(&s, &arena, &plan), OK);
	assert_int_equal(sign_tail(&plan,
	    SLICE("der of a signature, longer than one line of base64 is"),
	    &arena, &r.tail), OK);
	r.head = plan.head;
	r.head_at = plan.head_at;
	return r;
}

/* s with the first a replaced by b. */
static struct slice
changed(struct slice s, const char *a, const char *b)
{
	ptrdiff_t at = slice_find(s, slice_of(a));
	struct slice out;
	struct buf all;

	if (at < 0)
		fail_msg("\"%s\" is not in \"%.*s\"", a, (int)s.n, s.p);
	buf_init(&all, 65536);
	buf_add(&all, slice_sub(s, 0, (size_t)at));
	buf_adds(&all, b);
	buf_add(&all, slice_from(s, (size_t)at + strlen(a)));
	out = arena_copy(&arena, buf_slice(&all));
	buf_fini(&all);
	return out;
}

static void
our_own_signatures_pass(void **state)
{
	static const char *const all[] = {
		HEADER "\r\n" BODY, HEADER "\r\n", "Subject: x\r\n\r\nx",
		"From: a@b.example\r\nContent-Type: text/plain; charset=utf-8 ; \r\n\r\n\303\240\r\n",
		MIXED "Content-Transfer-Encoding: 8bit\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
		"X-Congvu-Signed-By: mail.tinh.example; x\r\nX-Congvu-Signed-By: khac.example; y\r\n\r\nx\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		struct pol_judge_reply r = signed_reply(slice_of(all[i]));

		if (composed_check(slice_of(all[i]), &r) != OK)
			fail_msg("row %zu: %.*s", i, (int)r.head.n, r.head.p);
	}
}

static const struct {
	bool in_tail;
	const char *a, *b;
} changes[] = {
	{ false, "From: an@", "From: kh@" },
	{ false, "Subject: thu\r\n dai\r\n", "Subject: thu\r\n" },
	{ false, "To: b@tinh.example\r\n", "To: b@tinh.example\r\nBcc: x@y.example\r\n" },
	{ false, "To: b@tinh.example\r\n", "" },
	{ false, "Mime-Version: 1.0\r\n", "Mime-Version: 1.0\r\nContent-Type: text/html\r\n" },
	{ false, "Mime-Version: 1.0\r\n", "" },
	{ false, "multipart/signed", "multipart/mixed" },
	{ false, "micalg=\"sha-256\"", "micalg=\"md5\"" },
	{ false, "The server signed", "\r\n--" },
	{ false, "The server signed", "Content-Type: text/plain\r\n\r\n" },
	{ false, "From: an@tinh.example\r\nTo: b@tinh.example\r\nSubject: thu\r\n dai\r\nX-",
	    "From: kh@tinh.example\r\nTo: b@tinh.example\r\nSubject: thu\r\n dai\r\nX-" },
	{ false, "charset=utf-8;\r\n hp", "charset=viscii;\r\n hp" },
	{ false, " hp=\"clear\"\r\n", " hp=\"clear\"\r\nContent-Transfer-Encoding: base64\r\n" },
	{ false, " hp=\"clear\"\r\n", " hp=\"clear\"\r\n\r\nthem vao\r\n" },
	{ true, "application/pkcs7-signature", "text/plain" },
	{ true, "\r\n--", "\r\nthem vao\r\n--" },
	{ true, "\r\n\r\n", "\r\n\r\nthem vao, co dau cach\r\n" },
	{ true, "Content-Disposition: attachment; filename=\"smime.p7s\"\r\n", "" },
	{ true, "--\r\n", "--\r\nthem vao\r\n" },
};

static void
no_other_words_get_in(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		struct pol_judge_reply r = signed_reply(message);
		struct slice *piece = changes[i].in_tail ? &r.tail : &r.head;

		assert_int_equal(composed_check(message, &r), OK);
		*piece = changed(*piece, changes[i].a, changes[i].b);
		if (composed_check(message, &r) != ERR_FRAME)
			fail_msg("row %zu passes", i);
	}
}

static void
the_body_stays_whole(void **state)
{
	struct pol_judge_reply r = signed_reply(message), bare = r;

	(void)state;
	for (uint64_t at = 0; at <= message.n + 1; at++) {
		bare = r;
		bare.head_at = at;
		assert_int_equal(composed_check(message, &bare), at == r.head_at ? OK : ERR_FRAME);
	}
	bare = r;
	bare.head = SLICE("");
	assert_int_equal(composed_check(message, &bare), ERR_FRAME);
	bare = r;
	bare.tail = SLICE("");
	assert_int_equal(composed_check(message, &bare), ERR_FRAME);
}

/* Only whole trace fields of the header are left out. */
static void
only_trace_is_left_out(void **state)
{
	const char *ours = "Authentication-Results: mail.tinh.example; smime=pass\r\n";
	size_t at = (size_t)slice_find(message, slice_of(ours)), n = strlen(ours);
	size_t below = (size_t)slice_find(message, SLICE("noi dung\r\n")) + 10;
	const struct { uint64_t at, n; int result; } rows[] = {
		{ at, n, OK }, { at, 0, ERR_FRAME }, { at, n - 1, ERR_FRAME },
		{ at - 1, n + 1, ERR_FRAME },
		{ at, n + 1, ERR_FRAME }, { at + 2, n - 2, ERR_FRAME }, { 0, at, ERR_FRAME },
		{ 0, message.n, ERR_FRAME }, { below, message.n - below, ERR_FRAME },
		{ message.n, 1, ERR_FRAME }, { UINT64_MAX, 2, ERR_FRAME },
		{ at, UINT64_MAX, ERR_FRAME },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pol_range range = { rows[i].at, rows[i].n };
		struct pol_judge_reply r = { .removals = &range, .removals_n = 1 };

		if (composed_check(message, &r) != rows[i].result)
			fail_msg("row %zu", i);
	}
}

/* Nor is anything put on top that people are shown. */
static void
only_trace_is_put_on_top(void **state)
{
	static const struct { const char *trace; int result; } rows[] = {
		{ "", OK },
		{ "Return-Path: <a@b.example>\r\nReceived: from a\r\n\tby b\r\n"
		    "Authentication-Results: mail.tinh.example; smime=pass\r\n"
		    "X-Congvu-Signed-By: mail.tinh.example; signer=x\r\n", OK },
		{ "Received: x\r\nSubject: khac\r\n", ERR_FRAME },
		{ "Received: x\r\nFrom: kh@tinh.example\r\n", ERR_FRAME },
		{ "Received: x\r\n\r\nloi khac\r\n", ERR_FRAME },
		{ "Received: x\r\n\r\n", ERR_FRAME }, { "Received: x\r\n ", ERR_FRAME },
		{ "Received: x\r\nloi khac\r\n", ERR_FRAME }, { "Received: x", ERR_FRAME },
		{ " Received: x\r\n", ERR_FRAME }, { "Received: x\nReceived: y\r\n", ERR_FRAME },
		{ "Content-Type: text/html\r\n", ERR_FRAME },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pol_judge_reply bare = { .trace = slice_of(rows[i].trace) };
		struct pol_judge_reply with = signed_reply(message);

		with.trace = bare.trace;
		if (composed_check(message, &bare) != rows[i].result ||
		    composed_check(message, &with) != rows[i].result)
			fail_msg("row %zu", i);
	}
}

static int
setup(void **state)
{
	(void)state;
	arena_init(&arena, 512 << 20);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_clear(&arena);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_own_signatures_pass),
		cmocka_unit_test(no_other_words_get_in),
		cmocka_unit_test(the_body_stays_whole),
		cmocka_unit_test(only_trace_is_left_out),
		cmocka_unit_test(only_trace_is_put_on_top),
	};

	return cmocka_run_group_tests_name("composed", tests, setup, teardown);
}
