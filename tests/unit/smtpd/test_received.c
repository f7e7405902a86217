/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "smtpd/received.h"

static const struct {
	struct received_facts f;
	const char *return_path, *has, *has_not;
} rows[] = {
	{ { .mail_from = { "a@b.vn", 6 }, .helo = { "c.vn", 4 }, .client = { "192.0.2.1", 9 },
	    .hostname = { "mx.vn", 5 }, .ref = { "ff", 2 } },
	    "Return-Path: <a@b.vn>\r\n",
	    "Received: from c.vn ([192.0.2.1]) by mx.vn with SMTP id ff; "
	    "Thu, 01 Jan 1970 00:00:00 +0000", " for " },
	{ { .helo = { "c.vn", 4 }, .client = { "2001:db8::1", 11 }, .hostname = { "mx.vn", 5 },
	    .ref = { "ff", 2 }, .esmtp = true, .authenticated = true,
	    .tls_protocol = { "TLSv1.3", 7 }, .tls_cipher = { "X", 1 }, .only_rcpt = { "r@b.vn",
	    6 } },
	    "Return-Path: <>\r\n",
	    "([IPv6:2001:db8::1]) (using TLSv1.3 with cipher X) by mx.vn with "
	    "ESMTPSA id ff for <r@b.vn>; ", "SMTP id" },
	{ { .client = { "192.0.2.1", 9 }, .hostname = { "mx.vn", 5 }, .ref = { "ff", 2 },
	    .esmtp = true,
	    .utf8 = true, .only_rcpt = { "\xc3\xa0@b.vn", 7 } },
	    "Return-Path: <>\r\n", "from unknown ([192.0.2.1]) by mx.vn with UTF8SMTP id",
	    " for " },
	{ { .helo = { "c.vn", 4 }, .client = { "unix", 4 }, .hostname = { "mx.vn", 5 },
	    .ref = { "ff", 2 }, .esmtp = true, .lmtp = true },
	    "Return-Path: <>\r\n", "from c.vn (unix) by mx.vn with LMTP id ff; ", "[" },
	{ { .helo = { "c.vn", 4 }, .client = { "192.0.2.1", 9 }, .hostname = { "mx.vn", 5 },
	    .ref = { "ff", 2 }, .esmtp = true, .lmtp = true, .utf8 = true,
	    .tls_protocol = { "TLSv1.3", 7 }, .tls_cipher = { "X", 1 } },
	    "Return-Path: <>\r\n", "by mx.vn with UTF8LMTPS id ff; ", "ESMTP" },
};

/* Unfold: every CRLF is followed by white space, or ends the field. */
static void
unfold(struct slice s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\t')
			buf_addc(out, ' ');
		else if (s.p[i] != '\r' && s.p[i] != '\n')
			buf_addc(out, s.p[i]);
}

static void
fields_are_whole_and_true(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf out, flat;
		size_t n = 0;

		buf_init(&out, 4096);
		buf_init(&flat, 4096);
		assert_int_equal(received_write(&rows[i].f, &out, &n), OK);
		assert_int_equal(n, strlen(rows[i].return_path));
		assert_memory_equal(out.p, rows[i].return_path, n);
		unfold(slice_from(buf_slice(&out), n), &flat);
		if (slice_find(buf_slice(&flat), slice_of(rows[i].has)) < 0 ||
		    slice_find(buf_slice(&flat), slice_of(rows[i].has_not)) >= 0)
			fail_msg("row %zu: %s", i, buf_cstr(&flat));
		buf_fini(&out);
		buf_fini(&flat);
	}
}

int
main(void)
{
	const struct CMUnitTest t[] = { cmocka_unit_test(fields_are_whole_and_true) };

	return cmocka_run_group_tests(t, NULL, NULL);
}
