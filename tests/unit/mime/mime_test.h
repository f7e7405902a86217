/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/unit/mime/mime_test.h: what the tests of mime/ share.
 */
#ifndef TESTS_UNIT_MIME_MIME_TEST_H
#define TESTS_UNIT_MIME_MIME_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "common/arena.h"
#include "common/buf.h"

#define B(s)	{ "" s, sizeof(s) - 1 }		/* a row's octets, NULs allowed */

/* Compare octets; the row's name is in the message. */
static inline void
check_slice(const char *row, struct slice got, struct slice want)
{
	if (!slice_eq(got, want))
		fail_msg("%s: got [%.*s], want [%.*s]", row, (int)got.n, got.p == NULL ? "" : got.p,
		    (int)want.n, want.p == NULL ? "" : want.p);
}

static inline void
check_number(const char *row, uint64_t got, uint64_t want)
{
	if (got != want)
		fail_msg("%s: got %llu (0x%llx), want %llu (0x%llx)", row, (unsigned long long)got,
		    (unsigned long long)got, (unsigned long long)want, (unsigned long long)want);
}

static inline double
cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/*
 * Is run(n) linear? Compare the CPU time of n and 8n; a quadratic one takes 64 times. The best of
 * three is taken and a small amount ignored, so that a busy machine does not fail the test.
 */
static inline void
check_linear(const char *what, void (*run)(size_t n), size_t n)
{
	double small = 1e9, large = 1e9;

	for (int i = 0; i < 3; i++) {
		double t0 = cpu_s(), t1, t2;

		run(n);
		t1 = cpu_s();
		run(8 * n);
		t2 = cpu_s();
		small = t1 - t0 < small ? t1 - t0 : small;
		large = t2 - t1 < large ? t2 - t1 : large;
	}
	if (large > 0.02 && large > 24 * small)
		fail_msg("%s: %zu took %.4f s, %zu took %.4f s", what, n, small, 8 * n, large);
}

#endif
