/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * A worker of policyd lives long: message after message through judge(), and its memory stays what
 * it was after the first ones. 100,000 messages at full length (the environment variable `long`).
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "policy/judge.h"
#include "policy/profile.h"

#ifdef WITH_SANITIZER
enum { FEW = 300 };
#else
enum { FEW = 1000 };
#endif
enum { LONG = 100000, WARM = 200, GROWTH_MAX_OCTETS = 1 << 20 };

#define HEAD	"From: An <an@tinh.example>\r\nMIME-Version: 1.0\r\n"
#define MIX	"Subject: =?utf-8?B?QsOhbyBjw6Fv?=\r\n" \
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n"

static struct rules rules;

static size_t
resident_octets(void)
{
	unsigned long size, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu %lu", &size, &resident), 2);
	(void)fclose(f);
	return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static size_t
address_octets(void)
{
	unsigned long size = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu", &size), 1);
	(void)fclose(f);
	return size * (size_t)sysconf(_SC_PAGESIZE);
}

/* The i-th message: text, markup, several readings, nested and doubtful mail, marks, of sizes that
 * differ; the same after some thousands. */
static void
make(unsigned i, struct buf *m)
{
	static const char *const bodies[] = {
		"Content-Type: text/plain; charset=utf-8\r\n\r\nKính gửi\r\nMẬT\r\n",
		"Content-Type: text/html\r\n\r\n<p>M<b>&#7852;</b>T <i hidden>x</i>",
		"Content-Type: text/plain\r\n\r\nM\xCBT, b\xB8o c\xB8o\r\n",
		"Content-Type: multipart/mixed; boundary=b; boundary=c\r\n\r\n--b\r\n\r\nx\r\n"
		    "--c\r\n\r\ny\r\n",
		MIX "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: [M=C3=BAT]\r\n\r\nx\r\n"
		    "--b--\r\n",
		MIX "--b\r\nContent-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\nSUMMARY:x\r\n"
		    "--b--\r\n",
		MIX "--b\r\nContent-Type: application/rtf\r\n\r\n{\\rtf1 M\\u7852?T}\r\n--b--\r\n",
		"X-Do-Mat: mat\r\nContent-Transfer-Encoding: base64\r\n\r\nTeG6rFQ=\r\n",
	};

	buf_clear(m);
	buf_adds(m, HEAD);
	buf_adds(m, bodies[i % ARRAY_LEN(bodies)]);
	for (unsigned k = i % 97; k > 0; k--)
		buf_adds(m, "\r\nĐề nghị các đơn vị đổi mật khẩu trước ngày 30/5/2026; "
		    "giải phóng mặt bằng.");
}

static void
judge_one(struct slice message)
{
	struct pol_rcpt to = { .address = SLICE("x@y.example"), .exit_zone = ZONE_INTERNET };
	struct pol_judge_request req = { .path = PATH_RELAY, .arrival_zone = ZONE_INTERNAL,
		.recipients = &to, .recipients_n = 1, .want_summary = 1 };
	struct judge_env env = { .rules = rules, .authserv_id = SLICE("a.example") };
	struct judge_result r;
	struct arena a;

	classify_options_init(&env.classify);
	arena_init(&a, judge_arena_octets(message.n));
	assert_int_equal(judge(message, &req, &env, &a, &r), OK);
	judge_fini(&r);
	arena_clear(&a);
}

static void
memory_stays_what_it_was(void **state)
{
	const char *full = getenv("long");
	unsigned n = full != NULL && *full != '\0' ? LONG : FEW;
	size_t resident = 0, address = 0;
	struct buf m;

	(void)state;
	assert_int_equal(smime_init(), OK);
	assert_int_equal(rules_init_profile(&rules, PROFILE_DEDICATED), OK);
	buf_init(&m, 1 << 20);
	for (unsigned i = 0; i < n; i++) {
		make(i, &m);
		judge_one(buf_slice(&m));
		if (i == WARM) {
			resident = resident_octets();
			address = address_octets();
		}
	}
	buf_fini(&m);
	rules_fini(&rules);
#ifndef WITH_SANITIZER		/* which keeps what was freed */
	print_message("%u messages: resident %zu to %zu octets\n", n, resident, resident_octets());
	assert_true(resident_octets() <= resident + GROWTH_MAX_OCTETS);
	assert_true(address_octets() <= address + GROWTH_MAX_OCTETS);
#else
	(void)resident, (void)address;
#endif
}

int
main(void)
{
	const struct CMUnitTest t[] = { cmocka_unit_test(memory_stays_what_it_was) };

	return cmocka_run_group_tests(t, NULL, NULL);
}
