/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/file.h"

static char path[] = "/tmp/test_file.XXXXXX";

static void
a_file_is_read_whole(void **state)
{
	static char octets[200000];
	int fd = mkstemp(path);
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof octets; i++)
		octets[i] = (char)(i * 7);
	assert_int_equal(write(fd, octets, sizeof octets), sizeof octets);
	close(fd);
	buf_init(&b, 1 << 20);
	buf_add(&b, SLICE("before"));
	assert_int_equal(file_read(path, &b), OK);
	assert_int_equal(b.n, 6 + sizeof octets);
	assert_memory_equal(b.p + 6, octets, sizeof octets);
	buf_fini(&b);
	buf_init(&b, 70000);		/* the ceiling holds */
	assert_int_equal(file_read(path, &b), ERR_LIMIT);
	buf_fini(&b);
	unlink(path);
}

static void
what_cannot_be_read_is_an_error(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	assert_int_equal(file_read("/nowhere/at/all", &b), ERR_NOENT);
	assert_int_equal(file_read("/", &b), -EISDIR);
	assert_int_equal(b.n, 0);
	buf_fini(&b);
}

static void
octets_at_a_place(void **state)
{
	char name[] = "/tmp/test_file.XXXXXX", got[8];
	int fd = mkstemp(name);

	(void)state;
	unlink(name);
	assert_int_equal(file_write_at(fd, SLICE("world"), 5), OK);
	assert_int_equal(file_write_at(fd, SLICE("hello"), 0), OK);
	assert_int_equal(file_read_at(fd, got, 4, 3), OK);
	assert_memory_equal(got, "lowo", 4);
	assert_int_equal(file_read_at(fd, got, 4, 7), ERR_CORRUPT);	/* one too many */
	assert_int_equal(file_read_at(fd, got, 0, 99), OK);
	close(fd);
	assert_int_equal(file_write_at(fd, SLICE("x"), 0), -EBADF);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(a_file_is_read_whole),
		cmocka_unit_test(what_cannot_be_read_is_an_error),
		cmocka_unit_test(octets_at_a_place),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
