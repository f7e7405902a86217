/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Header fields inside and outside a signature, in the three forms in which they are protected; and
 * the blocks of Resent- fields.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "common/buf.h"
#include "policy/protected.h"
#include "policy/resent.h"

#define FIELDS	"From: Nguyen An <an@tinh.example>\r\nTo: b@tinh.example, c@tinh.example\r\n" \
		"Subject: Cong van so 5\r\nDate: Sun, 22 Nov 2026 08:00:00 +0700\r\n" \
		"Message-ID: <1@tinh.example>\r\n"
#define CLEAR	"Content-Type: text/plain; hp=\"clear\"\r\n"
#define CIPHER	"Content-Type: text/plain; hp=\"cipher\"\r\n"
#define OLD	"Content-Type: text/plain; protected-headers=\"v1\"\r\n"
#define BODY	"\r\nKinh gui\r\n"
#define WRAP(fields) "Content-Type: message/rfc822\r\n\r\n" fields "Content-Type: text/plain\r\n" BODY

#define AGREES	PROTECTED_AGREES
#define DIFFERS	PROTECTED_DIFFERS
#define NONE	PROTECTED_NONE

static const struct { const char *name, *header, *content; enum protected want; } rows[] = {
	/* nothing is protected */
	{ "plain", FIELDS, "Content-Type: text/plain\r\n" BODY, NONE },
	{ "no type at all", FIELDS, BODY, NONE },
	{ "fields inside, but no word of it", FIELDS, "Content-Type: text/plain\r\n"
	  "Subject: khac\r\n" BODY, NONE },
	{ "a message beside a text", FIELDS,
	    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
	  WRAP("Subject: khac\r\n") "--b--\r\n", NONE },
	{ "a message that is forwarded", FIELDS,
	    "Content-Type: message/rfc822; forwarded=yes\r\n\r\n"
	  "From: x@y.example\r\nSubject: khac\r\n" BODY, NONE },
	{ "empty", "", "", NONE },

	/* all the same */
	{ "clear", FIELDS, CLEAR FIELDS BODY, AGREES },
	{ "cipher, nothing hidden", FIELDS, CIPHER FIELDS BODY, AGREES },
	{ "old", FIELDS, OLD FIELDS BODY, AGREES },
	{ "old, the subject alone", FIELDS, OLD "Subject: Cong van so 5\r\n" BODY, AGREES },
	{ "wrapped", FIELDS, WRAP(FIELDS), AGREES },
	{ "wrapped, forwarded=no", FIELDS, "Content-Type: message/rfc822; forwarded=no\r\n\r\n"
	    FIELDS
	  BODY, AGREES },
	{ "wrapped, global", FIELDS, "Content-Type: message/global\r\n\r\n" FIELDS BODY, AGREES },
	{ "trace outside", "Received: from a by b; Sun, 22 Nov 2026 08:00:01 +0700\r\n"
	  "X-Mailer: x\r\n" FIELDS, CLEAR FIELDS BODY, AGREES },
	{ "more outside than people see", FIELDS "References: <0@a>\r\nX-Spam: no\r\n",
	  CLEAR FIELDS BODY, AGREES },

	/* the same, written otherwise */
	{ "folded", "From: Nguyen An\r\n <an@tinh.example>\r\nSubject: Cong  van\r\n so 5\r\n",
	  CLEAR "From: Nguyen An <an@tinh.example>\r\nSubject: Cong van so 5\r\n" BODY, AGREES },
	{ "encoded words", "From: =?UTF-8?Q?Nguy=E1=BB=85n_An?= <an@tinh.example>\r\n",
	  CLEAR "From: Nguyễn An <an@tinh.example>\r\n" BODY, AGREES },
	{ "encoded words, other pieces", "Subject: =?UTF-8?B?Q8O0bmc=?= =?UTF-8?B?IHbEg24=?=\r\n",
	  CLEAR "Subject: =?utf-8?Q?C=C3=B4ng_v=C4=83n?=\r\n" BODY, AGREES },
	{ "quoted name", "From: \"Nguyen An\" <an@tinh.example>\r\n",
	  CLEAR "From: Nguyen An <an@tinh.example>\r\n" BODY, AGREES },
	{ "letter case of the domain", "From: an@Tinh.Example\r\n",
	    CLEAR "From: an@tinh.example\r\n"
	  BODY, AGREES },
	{ "the moment in another zone", "Date: Sun, 22 Nov 2026 01:00:00 +0000\r\n",
	  CLEAR "Date: Sun, 22 Nov 2026 08:00:00 +0700\r\n" BODY, AGREES },
	{ "letter case of the name", "FROM: an@tinh.example\r\n",
	    CLEAR "from: an@tinh.example\r\n" BODY,
	  AGREES },

	/* other values */
	{ "From", "From: x@tinh.example\r\n", CLEAR "From: an@tinh.example\r\n" BODY, DIFFERS },
	{ "the name in From", "From: Chu tich <an@tinh.example>\r\n",
	  CLEAR "From: Nguyen An <an@tinh.example>\r\n" BODY, DIFFERS },
	{ "From, wrapped", "From: x@tinh.example\r\n", WRAP("From: an@tinh.example\r\n"), DIFFERS },
	{ "From, old", "From: x@tinh.example\r\n", OLD "From: an@tinh.example\r\n" BODY, DIFFERS },
	{ "From, cipher", "From: x@tinh.example\r\n", CIPHER "From: an@tinh.example\r\n"
	  "HP-Outer: From: x@tinh.example\r\n" BODY, DIFFERS },
	{ "Subject", "Subject: a\r\n", CLEAR "Subject: b\r\n" BODY, DIFFERS },
	{ "Subject, wrapped", "Subject: a\r\n", WRAP("Subject: b\r\n"), DIFFERS },
	{ "To", "To: a@x.example\r\n", CLEAR "To: b@x.example\r\n" BODY, DIFFERS },
	{ "one more in To", "To: a@x.example, b@x.example\r\n", CLEAR "To: a@x.example\r\n" BODY,
	  DIFFERS },
	{ "Date", "Date: Sun, 22 Nov 2026 08:00:00 +0700\r\n",
	  CLEAR "Date: Sun, 22 Nov 2025 08:00:00 +0700\r\n" BODY, DIFFERS },
	{ "Message-ID", "Message-ID: <a@b>\r\n", CLEAR "Message-ID: <a@c>\r\n" BODY, DIFFERS },
	{ "References", "References: <a@b> <c@d>\r\n", CLEAR "References: <a@b>\r\n" BODY,
	    DIFFERS },

	/* here and not there */
	{ "Subject taken off", "From: an@tinh.example\r\n",
	  CLEAR "From: an@tinh.example\r\nSubject: b\r\n" BODY, DIFFERS },
	{ "Reply-To put on", "From: an@tinh.example\r\nReply-To: x@y.example\r\n",
	  CLEAR "From: an@tinh.example\r\n" BODY, DIFFERS },
	{ "Sender put on", "From: an@tinh.example\r\nSender: x@y.example\r\n",
	  CLEAR "From: an@tinh.example\r\n" BODY, DIFFERS },
	{ "Cc put on, wrapped", "From: an@tinh.example\r\nCc: x@y.example\r\n",
	  WRAP("From: an@tinh.example\r\n"), DIFFERS },
	{ "Cc put on, old form says nothing", "From: an@tinh.example\r\nCc: x@y.example\r\n",
	  OLD "From: an@tinh.example\r\n" BODY, AGREES },
	{ "Subject twice", "Subject: a\r\nSubject: a\r\n", CLEAR "Subject: a\r\n" BODY, DIFFERS },
	{ "Subject in two pieces", "Subject: a\r\nSubject: b\r\n", CLEAR "Subject: ab\r\n" BODY,
	  DIFFERS },
	{ "Subject twice inside", "Subject: a\r\n", CLEAR "Subject: a\r\nSubject: a\r\n" BODY,
	    DIFFERS },
	{ "another From on top", "From: x@y.example\r\nFrom: an@tinh.example\r\n",
	  CLEAR "From: an@tinh.example\r\n" BODY, DIFFERS },

	/* RFC 9788 2.2: hidden on purpose, as HP-Outer tells */
	{ "hidden subject", "From: an@tinh.example\r\nSubject: [...]\r\n",
	  CIPHER "From: an@tinh.example\r\nSubject: Cong van\r\nHP-Outer: From: an@tinh.example\r\n"
	  "HP-Outer: Subject: [...]\r\n" BODY, AGREES },
	{ "hidden subject, another outside", "From: an@tinh.example\r\nSubject: x\r\n",
	  CIPHER "From: an@tinh.example\r\nSubject: Cong van\r\nHP-Outer: Subject: [...]\r\n" BODY,
	  DIFFERS },
	{ "hidden subject, left out", "From: an@tinh.example\r\n",
	  CIPHER "From: an@tinh.example\r\nSubject: Cong van\r\n" BODY, AGREES },
	{ "HP-Outer does not count in clear", "Subject: [...]\r\n",
	  CLEAR "Subject: Cong van\r\nHP-Outer: Subject: [...]\r\n" BODY, DIFFERS },
	{ "HP-Outer without a name", "Subject: x\r\n", CIPHER "Subject: y\r\nHP-Outer: x\r\n" BODY,
	  DIFFERS },

	/* told twice */
	{ "hp twice", FIELDS, "Content-Type: text/plain; hp=clear; hp=cipher\r\n" FIELDS BODY,
	    DIFFERS },
	{ "Content-Type twice", FIELDS, "Content-Type: text/plain\r\n" CLEAR FIELDS BODY, DIFFERS },
	{ "hp of what others take for wrapped", FIELDS,
	    "Content-Type: message/rfc822; hp=\"clear\"\r\n"
	  FIELDS "\r\nFrom: x@y.example\r\nSubject: khac\r\n" BODY, DIFFERS },
	{ "old, of what others take for wrapped", FIELDS, "Content-Type: message/rfc822; "
	  "protected-headers=v1\r\n\r\nFrom: x@y.example\r\nSubject: khac\r\n" BODY, DIFFERS },
	{ "hp of another value", "Subject: a\r\n",
	    "Content-Type: text/plain; hp=x\r\nSubject: b\r\n"
	  BODY, DIFFERS },
	{ "hp in capitals", "Subject: a\r\n",
	    "Content-Type: text/plain; HP=\"CLEAR\"\r\nSubject: b\r\n"
	  BODY, DIFFERS },
};

static void
each_form_is_compared(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char message[2048];
		enum protected got = PROTECTED_NONE;
		const char *field = NULL;

		(void)snprintf(message, sizeof message, "%s\r\n%s", rows[i].header,
		    rows[i].content);
		assert_int_equal(protected_check(slice_of(message), slice_of(rows[i].content), &got,
		    &field), OK);
		assert_int_equal(*field != '\0', got == PROTECTED_DIFFERS);
		if (got != rows[i].want)
			fail_msg("%s: %d, not %d", rows[i].name, (int)got, (int)rows[i].want);
	}
}

/* At its limits a header is refused to be compared, or differs; it never agrees by being long. */
static void
long_headers_do_not_agree(void **state)
{
	enum protected got = PROTECTED_NONE;
	const char *field = NULL;
	struct buf header, content;
	int err;

	(void)state;
	buf_init(&header, 4 << 20);
	buf_init(&content, 4 << 20);
	buf_adds(&content, CLEAR);
	for (int i = 0; i < 5000; i++) {
		buf_adds(&header, "X-A: b\r\n");
		buf_adds(&content, "X-A: b\r\n");
	}
	buf_adds(&header, "Subject: a\r\n\r\n");
	buf_adds(&content, "Subject: b\r\n\r\n");
	err = protected_check(buf_slice(&header), buf_slice(&content), &got, &field);
	assert_true(err == ERR_LIMIT || (err == OK && got == PROTECTED_DIFFERS));
	buf_fini(&header);
	buf_fini(&content);
}

#define WHEN	"Resent-Date: Sun, 22 Nov 2026 08:00:00 +0700\r\n"

static const struct { const char *name, *header, *from, *sender; } blocks[] = {
	{ "none", "From: a@x.example\r\n", NULL, "" },
	{ "whole",
	    "Resent-From: a@x.example\r\n" WHEN "Resent-To: b@x.example\r\nFrom: c@x.example\r\n",
	  "a@x.example", "" },
	{ "in any order", WHEN "Resent-To: b@x.example\r\nResent-Sender: s@x.example\r\n"
	  "Resent-From: A <a@x.example>\r\n", "a@x.example", "s@x.example" },
	{ "the newest is on top", "Resent-From: new@x.example\r\n" WHEN "Received: x\r\n"
	  "Resent-From: old@x.example\r\n" WHEN, "new@x.example", "" },
	{ "one behind the other", "Resent-From: new@x.example\r\n"
	    WHEN "Resent-From: old@x.example\r\n"
	  "Resent-Sender: os@x.example\r\n" WHEN, "new@x.example", "" },
	{ "trace before it", "Received: x\r\nReturn-Path: <>\r\nResent-From: a@x.example\r\n" WHEN,
	  "a@x.example", "" },
	{ "no date", "Resent-From: a@x.example\r\nResent-To: b@x.example\r\n", NULL, "" },
	{ "no sender of any kind", WHEN "Resent-To: b@x.example\r\n", NULL, "" },
	{ "sender alone", WHEN "Resent-Sender: a@x.example\r\n", NULL, "" },
	{ "the date is in the older block", "Resent-From: a@x.example\r\nReceived: x\r\n" WHEN,
	    NULL, "" },
	{ "two addresses", "Resent-From: a@x.example, b@x.example\r\n" WHEN, NULL, "" },
	{ "two senders", "Resent-From: a@x.example\r\nResent-Sender: a@x.example, b@x.example\r\n"
	    WHEN,
	  NULL, "" },
	{ "empty", "Resent-From:\r\n" WHEN, NULL, "" },
	{ "a malformed header", "Resent-From: a@x.example\r\n" WHEN "khong co dau hai cham\r\n",
	    NULL,
	  "" },
};

static void
newest_block_says_who_sends(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
		char message[1024];
		struct resent got;
		struct arena a;

		(void)snprintf(message, sizeof message, "%s\r\nx\r\n", blocks[i].header);
		arena_init(&a, 1 << 20);
		assert_int_equal(resent_find(slice_of(message), &a, &got), OK);
		if (got.is != (blocks[i].from != NULL) ||
		    !slice_is(got.from, blocks[i].from == NULL ? "" : blocks[i].from) ||
		    !slice_is(got.sender, blocks[i].sender))
			fail_msg("%s: %d %.*s %.*s", blocks[i].name, got.is, (int)got.from.n,
			    got.from.p,
			    (int)got.sender.n, got.sender.p);
		arena_clear(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_form_is_compared),
		cmocka_unit_test(long_headers_do_not_agree),
		cmocka_unit_test(newest_block_says_who_sends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
