/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/share.h"

static struct share *table;

static int
set_up(void **state)
{
	(void)state;
	return share_new(&table);
}

static int
tear_down(void **state)
{
	(void)state;
	share_free(&table);
	return table != NULL;
}

static void
key_of(const char *literal, uint8_t key[SHARE_KEY_OCTETS])
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in in = { .sin_family = AF_INET };

	if (inet_pton(AF_INET, literal, &in.sin_addr) == 1) {
		share_key((struct sockaddr *)&in, key);
		return;
	}
	assert_int_equal(inet_pton(AF_INET6, literal, &in6.sin6_addr), 1);
	share_key((struct sockaddr *)&in6, key);
}

/* ---- keys ---- */

static void
addresses_have_keys(void **state)
{
	static const struct { const char *a, *b; int same; } cases[] = {
		{ "192.0.2.1", "192.0.2.2", 0 },
		{ "192.0.2.1", "::ffff:192.0.2.1", 1 },
		{ "2001:db8:1:2::1", "2001:db8:1:2:3:4:5:6", 1 },	/* one /64 is one customer */
		{ "2001:db8:1:2::1", "2001:db8:1:3::1", 0 },
		{ "::1", "0.0.0.0", 0 }, { "::1", "::2", 1 },
	};
	static const uint8_t none[SHARE_KEY_OCTETS];
	struct sockaddr un = { .sa_family = AF_UNIX };
	uint8_t a[SHARE_KEY_OCTETS], b[SHARE_KEY_OCTETS];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		key_of(cases[i].a, a);
		key_of(cases[i].b, b);
		if ((memcmp(a, b, sizeof a) == 0) != cases[i].same)
			fail_msg("%s %s", cases[i].a, cases[i].b);
		assert_memory_not_equal(a, none, sizeof a);
		assert_memory_not_equal(b, none, sizeof b);
	}
	share_key(&un, a);
	assert_memory_equal(a, none, sizeof a);
}

/* ---- limits ---- */

static void
limits_hold_over_all_seats(void **state)
{
	uint8_t a[SHARE_KEY_OCTETS], b[SHARE_KEY_OCTETS], none[SHARE_KEY_OCTETS] = { 0 };
	struct share_seat one, two;

	(void)state;
	key_of("192.0.2.1", a);
	key_of("192.0.2.2", b);
	assert_int_equal(share_take(table, &one), OK);
	assert_int_equal(share_take(table, &two), OK);
	assert_int_equal(share_add(one, a, 5, 2), OK);
	assert_int_equal(share_add(two, a, 5, 2), OK);
	assert_int_equal(share_add(one, a, 5, 2), ERR_LIMIT);	/* of this address */
	assert_int_equal(share_add(two, a, 5, 2), ERR_LIMIT);
	assert_int_equal(share_add(one, b, 5, 2), OK);
	assert_int_equal(share_add(one, none, 5, 2), OK);
	assert_int_equal(share_add(two, none, 5, 0), OK);	/* nobody's address */
	assert_int_equal(share_add(two, b, 5, 2), ERR_LIMIT);	/* in all */
	assert_int_equal(share_total(table), 5);
	share_remove(two, a);
	assert_int_equal(share_add(one, a, 5, 2), OK);
	assert_int_equal(share_add(one, a, 9, 2), ERR_LIMIT);
	share_remove(one, a);
	share_remove(one, a);
	share_remove(one, b);
	share_remove(one, none);
	share_remove(two, none);
	share_remove(two, none);	/* once too often takes nothing from others */
	assert_int_equal(share_total(table), 0);
}

static void
many_addresses_do_not_disturb_each_other(void **state)
{
	uint8_t key[SHARE_KEY_OCTETS] = { 0 };
	struct share_seat seat;
	unsigned refused = 0;

	(void)state;
	assert_int_equal(share_take(table, &seat), OK);
	for (uint32_t i = 0; i < 1000; i++) {	/* each is at its limit with its first */
		memcpy(key + 12, &i, sizeof i);
		key[10] = key[11] = 0xff;
		refused += share_add(seat, key, 100000, 1) != OK;
	}
	assert_in_range(refused, 0, 20);	/* about 4 by chance */
}

static void
seats_end(void **state)
{
	struct share_seat seat[SHARE_COLUMNS], more;
	uint8_t key[SHARE_KEY_OCTETS];

	(void)state;
	key_of("192.0.2.1", key);
	for (size_t i = 0; i < SHARE_COLUMNS; i++)
		assert_int_equal(share_take(table, &seat[i]), OK);
	assert_int_equal(share_take(table, &more), ERR_LIMIT);
	assert_int_equal(share_add(seat[SHARE_COLUMNS - 1], key, 10, 10), OK);
	assert_int_equal(share_add(seat[0], key, 10, 10), OK);
	assert_int_equal(share_total(table), 2);
	share_give_back(&seat[SHARE_COLUMNS - 1]);
	share_give_back(&seat[SHARE_COLUMNS - 1]);	/* twice is harmless */
	assert_int_equal(share_total(table), 1);
	assert_int_equal(share_take(table, &more), OK);
	assert_int_equal(more.column, SHARE_COLUMNS - 1);
	assert_int_equal(share_total(table), 1);
}

/* ---- over processes ---- */

static void
nothing_is_left_of_a_killed_process(void **state)
{
	struct share_seat mine, its;
	uint8_t key[SHARE_KEY_OCTETS];
	int ends[2], status;
	char octet;
	pid_t pid;

	(void)state;
	key_of("192.0.2.1", key);
	assert_int_equal(share_take(table, &mine), OK);
	assert_int_equal(share_take(table, &its), OK);
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (int i = 0; i < 7; i++)
			if (share_add(its, key, 100, 8) != OK)
				_exit(1);
		if (write(ends[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(1);
	}
	assert_int_equal(read(ends[0], &octet, 1), 1);
	assert_int_equal(share_total(table), 7);
	assert_int_equal(share_add(mine, key, 100, 8), OK);
	assert_int_equal(share_add(mine, key, 100, 8), ERR_LIMIT);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	share_give_back(&its);
	assert_int_equal(share_total(table), 1);
	for (int i = 1; i < 8; i++)
		assert_int_equal(share_add(mine, key, 100, 8), OK);
	assert_int_equal(share_add(mine, key, 100, 8), ERR_LIMIT);
	close(ends[0]);
	close(ends[1]);
}

/* A fallen child writes what it likes into all of the shared memory. */
static void
a_fallen_process_can_only_miscount(void **state)
{
	struct share_seat mine, its;
	uint8_t key[SHARE_KEY_OCTETS];
	int status;
	pid_t pid;

	(void)state;
	key_of("192.0.2.1", key);
	assert_int_equal(share_take(table, &mine), OK);
	assert_int_equal(share_take(table, &its), OK);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		void *mem;

		memcpy(&mem, table, sizeof mem);	/* its first member */
		memset(mem, 0xff, sizeof(uint16_t) * 2 * SHARE_PLACES * 64);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(share_add(mine, key, 100, 8), ERR_LIMIT);
	share_remove(mine, key);
	assert_true(share_total(table) > 100);
	share_give_back(&its);
	share_give_back(&mine);		/* the parent starts the others again in time */
	assert_int_equal(share_take(table, &mine), OK);
	assert_int_equal(share_total(table), 0);
	assert_int_equal(share_add(mine, key, 100, 8), OK);
}

enum { PROCESSES = 4, TURNS = 20000, MOST = 3 };

/* Come in, look around, go: at no moment are more inside than may be. */
static int
come_and_go(struct share_seat seat, const uint8_t *key, _Atomic int *inside, _Atomic int *over)
{
	for (int i = 0, held = 0; i < TURNS || held > 0; i++) {
		if (i < TURNS && held < 2 && share_add(seat, key, 100, MOST) == OK) {
			held++;
			if (atomic_fetch_add(inside, 1) >= MOST)
				atomic_store(over, 1);
		} else if (held > 0) {
			atomic_fetch_sub(inside, 1);
			share_remove(seat, key);
			held--;
		}
	}
	return 0;
}

static void
never_one_too_many(void **state)
{
	_Atomic int *seen = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
	    -1, 0);
	struct share_seat seat[PROCESSES];
	uint8_t key[SHARE_KEY_OCTETS];
	int status;

	(void)state;
	assert_true(seen != MAP_FAILED);
	key_of("192.0.2.1", key);
	for (size_t i = 0; i < PROCESSES; i++) {
		assert_int_equal(share_take(table, &seat[i]), OK);
		if (fork() == 0)
			_exit(come_and_go(seat[i], key, &seen[0], &seen[16]));
	}
	for (size_t i = 0; i < PROCESSES; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(seen[16], 0);
	assert_int_equal(share_total(table), 0);
	munmap((void *)seen, 4096);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(addresses_have_keys),
		cmocka_unit_test_setup_teardown(limits_hold_over_all_seats, set_up, tear_down),
		cmocka_unit_test_setup_teardown(many_addresses_do_not_disturb_each_other, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(seats_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_is_left_of_a_killed_process, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(a_fallen_process_can_only_miscount, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(never_one_too_many, set_up, tear_down),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
