/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "common/line.h"

#define B(s)	s, sizeof(s) - 1
#define GOT	128
static const struct {
	const char *name, *in; size_t n, cap; const char *lines; int end;
} cases[] = {
	{ "two lines",        B("a\r\nbc\r\n"),       64, "[a][bc]", 0 },
	{ "empty line",       B("\r\n"),              64, "[]",      0 },
	{ "unfinished",       B("a\r\nb\r"),          64, "[a]",     0 },
	{ "exactly cap",      B("abcd\r\n"),           6, "[abcd]",  0 },
	{ "one over cap",     B("abcde\r\n"),          6, "",        ERR_PROTO_LINE_TOO_LONG },
	{ "stream over cap",  B("ab\r\ncd\r\nef\r\n"), 4, "[ab][cd][ef]", 0 },
	{ "smuggled LF.CRLF", B("a\r\n\n.\r\n"),      64, "[a]",     ERR_PROTO_BARE_LF },
	{ "smuggled CR.CRLF", B("a\r\n\r.\r\n"),      64, "[a]",     ERR_PROTO_BARE_CR },
	{ "NUL",              B("a\0b\r\n"),          64, "",        ERR_PROTO_NUL },
};

/* Push all of in, note every line as [..] at the end of got, return the last result. */
static int
drain(struct line_reader *lr, struct slice in, char *got)
{
	struct slice l;
	int r;

	do {
		size_t took = line_reader_push(lr, in);
		in.p += took, in.n -= took;
		while ((r = line_reader_next(lr, &l)) == 1)
			snprintf(got + strlen(got), GOT - strlen(got), "[%.*s]", (int)l.n, l.p);
	} while (r == 0 && in.n > 0);
	if (r < 0)
		assert_int_equal(line_reader_next(lr, &l), r);	/* sticky */
	return r;
}

static void
line_gives_the_same_at_every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (size_t at = 0; at <= cases[i].n; at++) {
			char mem[64], got[GOT] = "";
			struct line_reader lr;

			line_reader_init(&lr, mem, cases[i].cap);
			int r = drain(&lr, (struct slice){ cases[i].in, at }, got);
			if (r == 0)
				r = drain(&lr, (struct slice){ cases[i].in + at,
				    cases[i].n - at }, got);
			if (strcmp(got, cases[i].lines) != 0 || r != cases[i].end)
				fail_msg("%s, split at %zu: %s %d", cases[i].name, at, got, r);
		}
}

int
main(void)
{
	const struct CMUnitTest t[] = { cmocka_unit_test(line_gives_the_same_at_every_split) };
	return cmocka_run_group_tests(t, NULL, NULL);
}
