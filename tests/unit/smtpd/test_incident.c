/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * A notice of incidents: what it says, that it is 7-bit and cannot be broken out of, and that it is
 * bounded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "common/base64.h"
#include "smtpd/incident.h"

static struct incident_head head = {
	.id = { 1, 2, 3 }, .now_s = 1800000000,
};

static struct st_incident
one(const char *account, const char *evidence)
{
	return (struct st_incident){ .time_ms = 1800000000000, .event = SLICE("submit"),
		.account = slice_of(account), .client = SLICE("192.0.2.1"),
		.mail_from = slice_of(account), .recipients = 3, .rule = SLICE("secret-internet"),
		.level = 2, .reference = SLICE("0123456789abcdef"),
		.evidence = slice_of(evidence) };
}

static void
compose(const struct incident *i, struct buf *message, struct buf *text)
{
	ptrdiff_t body;
	unsigned flags = 0;

	head.hostname = SLICE("mail.tinh.example");
	head.domain = SLICE("tinh.example");
	head.to = SLICE("anninh@tinh.example");
	buf_init(message, 4 << 20);
	buf_init(text, 4 << 20);
	assert_int_equal(incident_compose(i, &head, message), OK);
	body = slice_find(buf_slice(message), SLICE("\r\n\r\n"));
	assert_true(body > 0);
	assert_int_equal(base64_decode(slice_from(buf_slice(message), (size_t)body + 4), text,
	    &flags),
	    OK);
}

static bool
has(const struct buf *b, const char *what)
{
	return slice_find(buf_slice(b), slice_of(what)) >= 0;
}

static void
it_says_who_when_and_which_rule(void **state)
{
	struct st_incident items[] = { one("an@tinh.example", "stamp:1.2:17") };
	struct st_incidents_reply r = { .items = items, .items_n = 1, .toi_mat = 1 };
	struct buf message, text;
	struct incident i;

	(void)state;
	incident_init(&i);
	assert_true(incident_is_empty(&i));
	incident_add(&i, &r);
	assert_false(incident_is_empty(&i));
	compose(&i, &message, &text);
	assert_true(has(&message, "To: <anninh@tinh.example>\r\n"));
	assert_true(has(&message, "Auto-Submitted: auto-generated\r\n"));
	assert_true(has(&message, ".incident@mail.tinh.example>\r\n"));
	assert_true(has(&text, "1. 2027-01-15 15:00:00 +07:00, mức / level 2, người nhận / "
	    "recipients 3\r\n"));
	assert_true(has(&text, "secret-internet\r\n"));
	assert_true(has(&text, "stamp:1.2:17\r\n"));
	assert_true(has(&text, "mức 1: 0, mức 2: 1, mức 3: 0"));
	buf_fini(&message);
	buf_fini(&text);
	incident_clear(&i);
	assert_true(incident_is_empty(&i));
	incident_fini(&i);
}

static void
nothing_breaks_out(void **state)
{
	static const char *const hostile[] = { "a\r\n\r\nSubject: x", "\xff\xfe", "\x1b[31m",
		("\xe2\x80\xae" "moc"), "\r\n--b--", "" };
	struct buf message, text;

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(hostile); k++) {
		struct st_incident item = one(hostile[k], hostile[k]);
		struct st_incidents_reply r = { .items = &item, .items_n = 1, .mat = 1 };
		struct incident i;

		item.event = item.rule = item.client = item.detail = slice_of(hostile[k]);
		incident_init(&i);
		incident_add(&i, &r);
		compose(&i, &message, &text);
		for (size_t n = 0; n < message.n; n++)
			assert_true((unsigned char)message.p[n] < 0x80);
		assert_false(has(&message, "Subject: x"));
		assert_false(has(&text, "\r\nSubject: x"));
		assert_false(has(&text, "\x1b"));
		assert_false(has(&text, "\xe2\x80\xae"));
		assert_false(has(&text, "\xff"));
		buf_fini(&message);
		buf_fini(&text);
		incident_fini(&i);
	}
}

/* What others chose the words of may be like a mark: bare, it says all the rest. */
static void
bare_it_has_no_words_of_others(void **state)
{
	struct st_incident item = one("an@tinh.example", "stamp:1.2:17");
	struct st_incidents_reply r = { .items = &item, .items_n = 1, .mat = 1 };
	struct buf message, text;
	struct incident i;

	(void)state;
	item.mail_from = SLICE("\"do mat: mat\"@x.example");
	item.detail = SLICE("reason=do mat: mat");
	incident_init(&i);
	incident_add(&i, &r);
	for (int bare = 0; bare < 2; bare++) {
		head.bare = bare != 0;
		compose(&i, &message, &text);
		assert_int_equal(has(&text, "do mat: mat"), !head.bare);
		assert_int_equal(has(&text, "nhật ký.\r\nMAIL FROM and details"), head.bare);
		assert_true(has(&text, "an@tinh.example"));
		assert_true(has(&text, "0123456789abcdef"));
		buf_fini(&message);
		buf_fini(&text);
	}
	head.bare = false;
	incident_fini(&i);
}

static void
many_are_counted(void **state)
{
	static char long_one[5000];
	struct st_incident items[64];
	struct st_incidents_reply r = { .items = items, .items_n = 64, .mat = 1000,
		.releases = 2 };
	struct buf message, text;
	struct incident i;

	(void)state;
	memset(long_one, 'a', sizeof long_one - 1);
	for (size_t k = 0; k < 64; k++)
		items[k] = one(long_one, long_one);
	incident_init(&i);
	for (int k = 0; k < 1000; k++)
		incident_add(&i, &r);
	assert_true(i.items_n <= INCIDENT_NAMED_MAX);
	compose(&i, &message, &text);
	assert_true(has(&text, "mức 1: 1000000"));
	assert_true(has(&text, "and 1001936 more"));
	assert_true(message.n < 512 << 10);
	buf_fini(&message);
	buf_fini(&text);
	incident_fini(&i);
}

static void
who_cannot_be_written_to_is_refused(void **state)
{
	struct incident_head bad = head;
	struct incident i;
	struct buf out;

	(void)state;
	incident_init(&i);
	buf_init(&out, 1 << 20);
	bad.to = SLICE("a\r\nBcc: b@c.example");
	assert_int_equal(incident_compose(&i, &bad, &out), ERR_INVAL);
	buf_clear(&out);
	bad.to = SLICE("\xc3\xa9@c.example");
	assert_int_equal(incident_compose(&i, &bad, &out), ERR_INVAL);
	buf_fini(&out);
	incident_fini(&i);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_says_who_when_and_which_rule),
		cmocka_unit_test(nothing_breaks_out),
		cmocka_unit_test(bare_it_has_no_words_of_others),
		cmocka_unit_test(many_are_counted),
		cmocka_unit_test(who_cannot_be_written_to_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
