/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/memfd.h"

static void
octets_come_back(void **state)
{
	struct slice got = { NULL, 0 };
	int fd = -1;

	(void)state;
	assert_int_equal(memfd_of("t", SLICE("Kính gửi\0x"), &fd), OK);
	assert_int_equal(memfd_map(fd, 1000, &got), OK);
	assert_true(slice_eq(got, SLICE("Kính gửi\0x")));
	memfd_unmap(&got);
	assert_null(got.p);
	memfd_unmap(&got);
	close(fd);
}

static void
appends_add_up_and_an_empty_one_is_empty(void **state)
{
	struct slice got = { "x", 1 };
	int fd = -1;

	(void)state;
	assert_int_equal(memfd_new("t", &fd), OK);
	assert_int_equal(memfd_seal(fd), OK);
	assert_int_equal(memfd_map(fd, 0, &got), OK);
	assert_int_equal(got.n, 0);
	close(fd);
	assert_int_equal(memfd_new("t", &fd), OK);
	assert_int_equal(memfd_write(fd, SLICE("ab")), OK);
	assert_int_equal(memfd_write(fd, SLICE("")), OK);
	assert_int_equal(memfd_write(fd, SLICE("cd")), OK);
	assert_int_equal(memfd_seal(fd), OK);
	assert_int_equal(memfd_map(fd, 4, &got), OK);
	assert_true(slice_is(got, "abcd"));
	memfd_unmap(&got);
	assert_int_equal(memfd_map(fd, 3, &got), ERR_LIMIT);
	close(fd);
}

static void
nothing_changes_after_the_seal(void **state)
{
	int fd = -1;

	(void)state;
	assert_int_equal(memfd_of("t", SLICE("abc"), &fd), OK);
	assert_true(memfd_write(fd, SLICE("x")) < 0);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(ftruncate(fd, 1), -1);
	assert_int_equal(ftruncate(fd, 100), -1);
	assert_ptr_equal(mmap(NULL, 3, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	assert_true(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) < 0);
	close(fd);
}

/* A sender that could still change the octets while we parse them. */
static void
each_missing_seal_is_refused(void **state)
{
	static const int all[] = { F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE };
	struct slice got;

	(void)state;
	for (unsigned mask = 0; mask < 16; mask++) {
		int fd = -1, seals = 0;

		assert_int_equal(memfd_new("t", &fd), OK);
		assert_int_equal(memfd_write(fd, SLICE("abc")), OK);
		for (unsigned i = 0; i < 4; i++)
			seals |= mask & 1u << i ? all[i] : 0;
		assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
		assert_int_equal(memfd_map(fd, 1000, &got), mask == 15 ? OK : ERR_FRAME);
		if (mask == 15)
			memfd_unmap(&got);
		close(fd);
	}
}

static void
what_is_no_memfd_is_refused(void **state)
{
	struct slice got;
	FILE *file = tmpfile();
	int p[2];

	(void)state;
	assert_non_null(file);
	assert_int_equal(pipe(p), 0);
	assert_int_equal(memfd_map(p[0], 1000, &got), ERR_FRAME);
	assert_int_equal(memfd_map(fileno(file), 1000, &got), ERR_FRAME);
	assert_int_equal(memfd_map(-1, 1000, &got), ERR_FRAME);
	close(p[0]), close(p[1]);
	fclose(file);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(octets_come_back),
		cmocka_unit_test(appends_add_up_and_an_empty_one_is_empty),
		cmocka_unit_test(nothing_changes_after_the_seal),
		cmocka_unit_test(each_missing_seal_is_refused),
		cmocka_unit_test(what_is_no_memfd_is_refused),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
