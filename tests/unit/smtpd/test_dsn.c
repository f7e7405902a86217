/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Notices as they are composed: the form, the words, and what hostile values do not do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/base64.h"
#include "mime/header.h"
#include "mime/tree.h"
#include "smtpd/dsn.h"
#include "smtpd/xtext.h"

#define ORIGINAL SLICE("From: <a@x.vn>\r\nMessage-ID: <1@x.vn>\r\nSubject: chao\r\n\r\nthe body\r\n")

static struct dsn
notice(const struct dsn_rcpt *r, size_t n)
{
	struct dsn d = { .hostname = SLICE("mx.x.vn"), .domain = SLICE("x.vn"),
		.to = SLICE("a@x.vn"), .envid = SLICE("QQ+2B"), .next_hop = SLICE("192.0.2.1"),
		.contact_vi = SLICE("Goi 113"), .contact_en = SLICE("call 113"),
		.now_s = 1800000000, .arrived_s = 1799990000, .until_s = 1800400000,
		.original = ORIGINAL, .rcpts = r, .rcpts_n = n };

	memset(d.id, 0xa5, sizeof d.id);
	return d;
}

/* The decoded text of part i (1..3) of what was composed, which must have just those. */
static void
part(struct slice composed, uint32_t i, struct buf *out)
{
	struct arena a;
	struct tree t;

	arena_init(&a, 64 * 1024 * 1024);
	assert_int_equal(tree_parse(composed, &a, &t), OK);
	assert_true(tree_is(&t, 0, "multipart", "report"));
	assert_true(tree_is(&t, 1, "text", "plain"));
	assert_true(tree_is(&t, 2, "message", "delivery-status"));
	assert_true(tree_is(&t, t.count - 1, "text", "rfc822-headers"));
	assert_int_equal(tree_decode(&t, i == 3 ? t.count - 1 : i, out, NULL), OK);
	arena_clear(&a);
}

static void
compose(const struct dsn *d, struct buf *out)
{
	buf_clear(out);
	assert_int_equal(dsn_compose(d, out), OK);
	for (size_t i = 0; i < out->n; i++) {	/* lines of 7-bit text, CRLF and nothing else */
		unsigned char c = (unsigned char)out->p[i];

		assert_true(c < 0x80 && (c >= ' ' || c == '\t' || c == '\r' || c == '\n'));
		assert_true((c == '\n') == (i > 0 && out->p[i - 1] == '\r'));
	}
}

static void
has(struct slice s, const char *text)
{
	if (slice_find(s, slice_of(text)) < 0)
		fail_msg("no \"%s\" in:\n%.*s", text, (int)s.n, s.p);
}

static void
every_kind_has_its_words(void **state)
{
	static const struct {
		enum dsn_action action;
		const char *text, *status, *action_line, *vi, *en;
		bool remote;
	} rows[] = {
		{ DSN_FAILED, "550 5.1.1 no such user", "5.1.1", "failed", "KHÔNG GỬI ĐƯỢC",
		    "does not exist", true },
		{ DSN_FAILED, "550 no enhanced code", "5.0.0", "failed", "Máy chủ nhận không nhận",
		    "did not take", true },
		{ DSN_FAILED, "550-5.2.2 full", "5.2.2", "failed", "đã đầy", "is full", true },
		{ DSN_FAILED, "550 4.2.2 a code of another class", "5.0.0", "failed", "", "", true },
		{ DSN_FAILED, "550 5.1.1000 no code", "5.0.0", "failed", "", "", true },
		{ DSN_FAILED, "451 4.3.0 later", "4.4.7", "failed", "hết thời hạn gửi",
		    "in time", true },
		{ DSN_FAILED, "next hop cannot be reached", "4.4.7", "failed", "hết thời hạn gửi",
		    "in time", false },
		{ DSN_FAILED, "554 5.4.6 the route leads back", "5.4.6", "failed", "chạy vòng",
		    "loop", false },
		{ DSN_FAILED, "", "4.4.7", "failed", "", "", false },
		{ DSN_DELAYED, "451 4.7.1 greylisted", "4.7.1", "delayed", "CHƯA GỬI ĐƯỢC",
		    "do NOT need", true },
		{ DSN_DELAYED, "next hop cannot be reached", "4.4.1", "delayed",
		    "Không kết nối được", "could not be reached", false },
		{ DSN_DELIVERED, "", "2.0.0", "delivered", "đã tới hộp thư", "in the mailbox", false },
		{ DSN_RELAYED, "250 2.0.0 taken", "2.0.0", "relayed", "không báo lại",
		    "does not report", true },
		{ DSN_EXPANDED, "", "2.0.0", "expanded", "thành viên của nhóm", "members", false },
	};
	struct buf out, p;

	(void)state;
	buf_init(&out, 1 << 20);
	buf_init(&p, 1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct dsn_rcpt r = { rows[i].action, SLICE("b@y.vn"),
			SLICE("rfc822;B+2Bb@y.vn"), slice_of(rows[i].text), rows[i].remote };
		struct dsn d = notice(&r, 1);
		char line[80];

		compose(&d, &out);
		has(buf_slice(&out), "Auto-Submitted: auto-replied\r\n");
		has(buf_slice(&out), "In-Reply-To: <1@x.vn>\r\n");
		buf_clear(&p);
		part(buf_slice(&out), 1, &p);
		has(buf_slice(&p), rows[i].vi);
		has(buf_slice(&p), rows[i].en);
		has(buf_slice(&p), "xin liên hệ: Goi 113");
		has(buf_slice(&p), "For help: call 113");
		has(buf_slice(&p), "lúc: 12:13 15/01/2027\r\n");
		assert_int_equal(slice_find(buf_slice(&p), SLICE("be tried until")) >= 0,
		    rows[i].action == DSN_DELAYED);
		has(buf_slice(&p), "came in: Fri, 15 Jan 2027 12:13:20 +0700\r\n");
		buf_clear(&p);
		part(buf_slice(&out), 2, &p);
		has(buf_slice(&p), "Original-Envelope-Id: QQ+\r\n");
		has(buf_slice(&p), "Original-Recipient: rfc822; B+b@y.vn\r\n");
		has(buf_slice(&p), "Final-Recipient: rfc822; b@y.vn\r\n");
		snprintf(line, sizeof line, "Action: %s\r\nStatus: %s\r\n", rows[i].action_line,
		    rows[i].status);
		has(buf_slice(&p), line);
		buf_clear(&p);
		part(buf_slice(&out), 3, &p);
		has(buf_slice(&p), "Subject: chao\r\n");
		assert_true(slice_find(buf_slice(&out), SLICE("the body")) < 0);
	}
	buf_fini(&out);
	buf_fini(&p);
}

/* Whatever a next hop, an envelope or a header says stays where it is put. */
static void
hostile_values_stay_in_their_place(void **state)
{
	static const char evil[] = "550 5.1.1 x\r\nAction: delivered\r\n\r\n--=_a5\r\n\x80\x00\x1b[2J";
	static const char header[] = "Subject: x\rBcc: y\nReceived: z\r\n--=_a5a5\r\n\xe1\xba\xacT\r\n\r\nbody";
	struct dsn_rcpt r = { DSN_FAILED, { "b\r\nTo: c@y.vn", 13 }, SLICE("rfc822;a+0D+0Ab"),
		{ evil, sizeof evil - 1 }, true };
	struct dsn d = notice(&r, 1);
	struct header_field f;
	struct buf out, p;

	(void)state;
	buf_init(&out, 1 << 20);
	buf_init(&p, 1 << 20);
	d.original = (struct slice){ header, sizeof header - 1 };
	d.envid = SLICE("a\r\nX: y");
	d.contact_vi = SLICE("so\r\n113\x07");
	compose(&d, &out);
	assert_int_equal(header_count(buf_slice(&out), SLICE("To")), 1);
	assert_int_equal(header_find(buf_slice(&out), SLICE("In-Reply-To"), &f), 0);
	part(buf_slice(&out), 2, &p);
	assert_true(slice_find(buf_slice(&p), SLICE("\nAction: delivered")) < 0);
	assert_true(slice_find(buf_slice(&p), SLICE("Original-")) < 0);
	buf_clear(&p);
	part(buf_slice(&out), 3, &p);
	assert_true(slice_eq(buf_slice(&p), (struct slice){ header, sizeof header - 1 - 6 }));
	d.to = SLICE("a@x.vn>\r\nBcc: <c@y.vn");
	buf_clear(&out);
	assert_int_equal(dsn_compose(&d, &out), ERR_INVAL);
	d.to = (struct slice){ NULL, 0 };
	assert_int_equal(dsn_compose(&d, &out), ERR_INVAL);
	d.to = SLICE("a@x.vn");
	r.action = DSN_ACTIONS;
	assert_int_equal(dsn_compose(&d, &out), ERR_INVAL);
	buf_fini(&out);
	buf_fini(&p);
}

static void
addresses_in_utf8_are_told(void **state)
{
	struct dsn_rcpt r = { .action = DSN_FAILED, .address = SLICE("nguyễn@y.vn") };
	struct dsn d = notice(&r, 1);
	struct buf out, p;

	(void)state;
	buf_init(&out, 1 << 20);
	buf_init(&p, 1 << 20);
	compose(&d, &out);
	part(buf_slice(&out), 1, &p);
	has(buf_slice(&p), "nguyễn@y.vn");
	buf_clear(&p);
	part(buf_slice(&out), 2, &p);
	has(buf_slice(&p), "Final-Recipient: utf-8; nguy\\x{1EC5}n@y.vn\r\n");
	buf_fini(&out);
	buf_fini(&p);
}

static void
sizes_are_bounded(void **state)
{
	static struct dsn_rcpt many[5000];
	static char big[300000];
	struct dsn d = notice(many, ARRAY_LEN(many));
	struct buf out, p;
	size_t at;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = (struct dsn_rcpt){ DSN_FAILED, SLICE("b@y.vn"), SLICE(""),
			SLICE("550 5.1.1 no"), true };
	memset(big, 'x', sizeof big);
	memcpy(big, "Subject: ", 9);
	for (at = 900; at + 2 < sizeof big; at += 900)
		memcpy(big + at, "\r\n ", 3);
	d.original = (struct slice){ big, sizeof big };
	buf_init(&out, 1 << 22);
	buf_init(&p, 1 << 20);
	compose(&d, &out);
	part(buf_slice(&out), 3, &p);
	assert_in_range(p.n, DSN_HEADER_MAX - 1000, DSN_HEADER_MAX + 2);
	buf_clear(&p);
	part(buf_slice(&out), 1, &p);
	has(buf_slice(&p), "và 4950 người nhận khác");
	buf_fini(&out);
	buf_init(&out, 10000);
	assert_int_equal(dsn_compose(&d, &out), ERR_LIMIT);
	buf_fini(&out);
	buf_fini(&p);
}

static void
xtext_is_read(void **state)
{
	static const struct { const char *in; int plain, orcpt, envid; } rows[] = {
		{ "abc", 1, 0, 1 }, { "rfc822;a@b", 1, 1, 1 }, { "a+2Bb", 1, 0, 1 },
		{ "a+2", 0, 0, 0 }, { "a+", 0, 0, 0 }, { "a+zz", 0, 0, 0 }, { "a=b", 0, 0, 0 },
		{ "a b", 0, 0, 0 }, { "a+0A", 0, 0, 0 }, { "a+00", 0, 0, 0 }, { "+E1", 0, 0, 0 },
		{ "a\x7f", 0, 0, 0 }, { "\xe1", 0, 0, 0 }, { "", 1, 0, 0 },
		{ "utf-8;x", 1, 1, 1 }, { "x;", 1, 0, 1 }, { ";x", 1, 0, 1 }, { "+20+7E", 1, 0, 1 },
	};
	struct buf b;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice s = slice_of(rows[i].in);

		if (xtext_is_plain(s) != rows[i].plain || (xtext_orcpt(s) == OK) != rows[i].orcpt ||
		    (xtext_envid(s) == OK) != rows[i].envid)
			fail_msg("row %zu", i);
	}
	buf_init(&b, 100);
	assert_int_equal(xtext_decode(SLICE("a+2Bb+0A+E1+20c"), &b), OK);
	assert_true(slice_is(buf_slice(&b), "a+b?? c"));
	assert_int_equal(xtext_decode(SLICE("a+2"), &b), ERR_SYNTAX);
	buf_clear(&b);
	xtext_add_notify(XTEXT_DELAY | XTEXT_SUCCESS, &b);
	assert_true(slice_is(buf_slice(&b), "SUCCESS,DELAY"));
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(every_kind_has_its_words),
		cmocka_unit_test(hostile_values_stay_in_their_place),
		cmocka_unit_test(addresses_in_utf8_are_told),
		cmocka_unit_test(sizes_are_bounded),
		cmocka_unit_test(xtext_is_read),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
