/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"

#define B(s)	{ s, sizeof(s) - 1 }

static struct {
	char		  line[8192];
	enum log_event_id event;
	int		  count;
} got;

static void
capture(void *arg, enum log_event_id event, struct slice line)
{
	(void)arg;
	assert_true(line.n < sizeof got.line);
	memcpy(got.line, line.p, line.n);
	got.line[line.n] = '\0';
	got.event = event;
	got.count++;
}

static int
set_up(void **state)
{
	(void)state;
	memset(&got, 0, sizeof got);
	log_init("unit");
	log_test_capture(capture, NULL);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	log_test_capture(NULL, NULL);
	log_set_severity(LOG_SEV_INFO);
	clock_test_set(0);
	return 0;
}

/* What follows ev=... in the last line. */
static const char *
fields(void)
{
	const char *ev = strstr(got.line, " ev=");

	assert_non_null(ev);
	ev = strchr(ev + 1, ' ');
	return ev == NULL ? "" : ev + 1;
}

static void
a_line_has_its_head_and_its_fields(void **state)
{
	int y, mo, d, h, mi, s, ms, pid;

	(void)state;
	log_event(EV_AUTH_FAILED, F_STR("who", SLICE("lan@so.vn")), F_U64("n", UINT64_MAX),
	    F_I64("delta", -5), F_ERR(ERR_ACCESS), F_CSTR("role", "mx"), F_END);
	assert_int_equal(got.event, EV_AUTH_FAILED);
	assert_int_equal(sscanf(got.line,
	    "ts=%4d-%2d-%2dT%2d:%2d:%2d.%3dZ prog=unit pid=%d sev=notice ev=auth-failed ", &y, &mo,
	    &d, &h, &mi, &s, &ms, &pid), 8);
	assert_int_equal(pid, getpid());
	assert_string_equal(fields(), "who=\"lan@so.vn\" n=18446744073709551615 delta=-5"
	    " err=\"not allowed\" role=\"mx\"");
}

static void
the_list_ends_at_the_first_end(void **state)
{
	(void)state;
	log_event(EV_START, F_END);
	assert_string_equal(fields(), "");
	log_event(EV_START, F_U64("a", 1));
	assert_string_equal(fields(), "a=1");
	log_event(EV_START, F_U64("a", 1), F_END, F_U64("b", 2));
	assert_string_equal(fields(), "a=1");
	log_event(EV_START, F_ERR(OK), F_U64("b", 2), F_END);
	assert_string_equal(fields(), "b=2");
}

static void
values_are_shown_safely(void **state)
{
	static const struct { struct slice in; const char *out; } cases[] = {
		{ B(""), "" },
		{ B("Nguyễn Văn A <a@x.vn>"), "Nguyễn Văn A <a@x.vn>" },
		{ B("a\"b\\c"), "a\\\"b\\\\c" },
		{ B("a\r\nts=2026 ev=auth-ok"), "a\\x0d\\x0ats=2026 ev=auth-ok" },
		{ B("a\0b"), "a\\x00b" },
		{ B("\x1b[31m\x7f"), "\\x1b[31m\\x7f" },
		{ B("\xc2\x85"), "\\xc2\\x85" },			/* NEL */
		{ B("\xe2\x80\xae""cod.exe"), "\\xe2\\x80\\xae""cod.exe" },	/* RLO */
		{ B("\xe2\x81\xa6\xe2\x80\x8f"), "\\xe2\\x81\\xa6\\xe2\\x80\\x8f" },
		{ B("\xe2\x80\xa8\xe2\x80\x8b\xef\xbb\xbf"),
		    "\\xe2\\x80\\xa8\\xe2\\x80\\x8b\\xef\\xbb\\xbf" },	/* LS, ZWSP, BOM */
		{ B("\xc3"), "\\xc3" },					/* cut short */
		{ B("\xc0\xaf"), "\\xc0\\xaf" },			/* overlong */
		{ B("\xe0\x80\x8a"), "\\xe0\\x80\\x8a" },
		{ B("\xed\xa0\x80"), "\\xed\\xa0\\x80" },		/* surrogate */
		{ B("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80" },	/* past U+10FFFF */
		{ B("\xff\xfe"), "\\xff\\xfe" },
		{ B("\xf3\xa0\x81\x81"), "\\xf3\\xa0\\x81\\x81" },	/* tag */
		{ B("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char want[256];

		snprintf(want, sizeof want, "v=\"%s\"", cases[i].out);
		log_event(EV_START, F_STR("v", cases[i].in), F_END);
		if (strcmp(fields(), want) != 0)
			fail_msg("case %zu: %s", i, fields());
	}
}

/* Any octets at all: the line stays one line of printable UTF-8 and the value keeps its bound. */
static void
no_octet_breaks_a_line(void **state)
{
	char in[700];

	(void)state;
	srandom(20260131);
	for (int round = 0; round < 2000; round++) {
		size_t n = (size_t)random() % sizeof in;
		const char *v;

		for (size_t i = 0; i < n; i++)
			in[i] = (char)(random() % (round % 2 ? 256 : 128));
		log_event(EV_START, F_STR("v", ((struct slice){ in, n })), F_U64("end", 1), F_END);
		v = fields();
		for (size_t i = 0; v[i] != '\0'; i++)
			assert_true((unsigned char)v[i] >= ' ' && v[i] != 0x7f);
		assert_true(strlen(v) <= LOG_VALUE_OCTETS + strlen("v= end=1"));
		assert_string_equal(v + strlen(v) - 7, "\" end=1");
	}
}

static void
a_long_value_is_cut_at_a_character(void **state)
{
	char in[600];

	(void)state;
	for (size_t i = 0; i + 3 <= sizeof in; i += 3)
		memcpy(in + i, "\xe1\xba\xad", 3);		/* ậ */
	log_event(EV_START, F_STR("v", ((struct slice){ in, sizeof in })), F_END);
	assert_true(strlen(fields()) <= LOG_VALUE_OCTETS + 2);
	assert_true(strlen(fields()) > LOG_VALUE_OCTETS - 4);
	assert_string_equal(fields() + strlen(fields()) - 7, "\xe1\xba\xad...\"");
}

static void
a_line_is_bounded(void **state)
{
	struct log_field many[101];
	char in[600];

	(void)state;
	memset(in, 'x', sizeof in);
	for (size_t i = 0; i < 100; i++)
		many[i] = F_STR("v", ((struct slice){ in, sizeof in }));
	many[100] = F_END;
	log_event_fields(EV_START, many);
	assert_true(strlen(got.line) <= LOG_LINE_OCTETS);
	assert_true(strlen(got.line) > LOG_LINE_OCTETS / 2);
	assert_int_equal(got.line[strlen(got.line) - 1], '"');	/* no half field */
}

static void
keys_that_name_content_are_withheld(void **state)
{
	static const char *const keys[] = { "subject", "body", "password", "pass", "secret",
	    "filename",
	    "a b", "a=1", "A", "", "x\n", NULL };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		log_event(EV_START, F_CSTR(keys[i], "MẬT"), F_U64("n", 1), F_END);
		assert_string_equal(fields(), "withheld=1 n=1");
	}
}

static void
the_program_name_cannot_forge(void **state)
{
	(void)state;
	log_init("imapd ev=x\n0123456789012345678901234567890123456789");
	log_event(EV_START, F_END);
	assert_non_null(strstr(got.line, " prog=imapd_ev_x_01234567890123456789 pid="));
}

static void
errno_is_kept(void **state)
{
	(void)state;
	log_test_capture(NULL, NULL);
	log_set_severity(LOG_SEV_ALERT);
	errno = 1234;
	log_event(EV_START, F_END);
	assert_int_equal(errno, 1234);
}

/* Through a real pipe in place of standard error. */
static void
lines_reach_stderr_by_severity_and_losses_are_counted(void **state)
{
	char all[70000];
	int p[2], saved = dup(STDERR_FILENO), lines = 0;
	ssize_t n;

	(void)state;
	log_test_capture(NULL, NULL);
	assert_int_equal(pipe2(p, O_NONBLOCK | O_CLOEXEC), 0);
	assert_int_equal(dup2(p[1], STDERR_FILENO), STDERR_FILENO);
	log_set_severity(LOG_SEV_NOTICE);
	log_event(EV_SESSION_OPEN, F_END);		/* INFO: below */
	log_event(EV_START, F_END);
	n = read(p[0], all, sizeof all - 1);
	assert_true(n > 0);
	all[n] = '\0';
	assert_non_null(strstr(all, " ev=start\n"));
	assert_null(strstr(all, "session-open"));

	for (int i = 0; i < 2000; i++)			/* more than a pipe holds */
		log_event(EV_START, F_U64("i", i), F_END);
	while ((n = read(p[0], all, sizeof all)) > 0)
		for (ssize_t i = 0; i < n; i++)
			lines += all[i] == '\n';
	log_event(EV_STOP, F_END);
	n = read(p[0], all, sizeof all - 1);
	dup2(saved, STDERR_FILENO);
	close(saved), close(p[0]), close(p[1]);
	assert_true(n > 0);
	all[n] = '\0';
	assert_true(lines > 100 && lines < 2000);
	assert_non_null(strstr(all, " lost="));
	assert_int_equal(atoi(strstr(all, " lost=") + 6), 2000 - lines);
}

static void
every_row_is_complete_and_unique(void **state)
{
	(void)state;
	for (int i = 0; i < LOG_EVENT_COUNT; i++) {
		enum log_event_id e = (enum log_event_id)i;
		const char *name = log_event_name(e);

		assert_true(strlen(name) > 0 && strlen(log_event_text(e)) > 10);
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-"),
		    strlen(name));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(name, log_event_name((enum log_event_id)j));
	}
	assert_string_equal(log_event_name(LOG_EVENT_COUNT), "?");
	assert_int_equal(log_event_severity(EV_CONTROL_OFF), LOG_SEV_ALERT);
}

static void
severities_have_names(void **state)
{
	enum log_severity s = LOG_SEV_DEBUG;

	(void)state;
	assert_int_equal(log_severity_value(SLICE("warning"), &s), OK);
	assert_int_equal(s, LOG_SEV_WARNING);
	assert_int_equal(log_severity_value(SLICE("loud"), &s), ERR_NOENT);
	assert_int_equal(s, LOG_SEV_WARNING);
}

#define T(fn)	cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest t[] = {
		T(a_line_has_its_head_and_its_fields),
		T(the_list_ends_at_the_first_end),
		T(values_are_shown_safely),
		T(no_octet_breaks_a_line),
		T(a_long_value_is_cut_at_a_character),
		T(a_line_is_bounded),
		T(keys_that_name_content_are_withheld),
		T(the_program_name_cannot_forge),
		T(errno_is_kept),
		T(lines_reach_stderr_by_severity_and_losses_are_counted),
		T(every_row_is_complete_and_unique),
		T(severities_have_names),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
