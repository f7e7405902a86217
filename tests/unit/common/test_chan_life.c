/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* A client that is freed by whoever it calls back; run under the sanitizers it shows every misuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/chan.h"
#include "common/clock.h"
#include "common/log.h"

/* The sanitizers and valgrind have heaps of their own, without an end that can be set. */
#if defined(__SANITIZE_ADDRESS__)
#define HEAP_HAS_END	false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HEAP_HAS_END	false
#endif
#endif
#ifndef HEAP_HAS_END
#define HEAP_HAS_END	true
#endif

enum { ECHO = 1, NEVER = 2 };

#define WORD_FIELDS(F, L, T) \
	F(T, STR, text, 100)
WIRE_STRUCT(word, WORD_FIELDS)
WIRE_TYPE(word, WORD_FIELDS)

static struct loop *loop;
static struct chan_server *server;
static struct chan_client *client;
static int answers, last, gone;

static void
serve_ECHO(void *service, struct chan_req *req, const void *msg)
{
	(void)service;
	chan_reply(server, req, OK, msg, NULL, 0);
}

static void
serve_NEVER(void *service, struct chan_req *req, const void *msg)
{
	(void)service, (void)req, (void)msg;
}

#define ROWS(X) \
	X(ECHO, "echo", ROLE_SMTPD, 0, word, word) \
	X(NEVER, "never", ROLE_SMTPD, 0, word, word)
static const struct chan_row server_rows[] = { ROWS(CHAN_SERVER_ROW) };
static const struct chan_row client_rows[] = { ROWS(CHAN_CLIENT_ROW) };

static void
on_gone(void *service, uint64_t serial)
{
	(void)service, (void)serial;
	gone++;
}

static int
set_up(void **state)
{
	int ends[2];

	(void)state;
	answers = last = gone = 0;
	if (loop_new(&loop) != OK || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0 ||
	    chan_server_new(loop, server_rows, ARRAY_LEN(server_rows), NULL, &server) != OK ||
	    chan_server_adopt(server, ends[0], ROLE_SMTPD) != OK)
		return 1;
	chan_server_on_gone(server, on_gone);
	return chan_client_adopt(loop, ends[1], client_rows, ARRAY_LEN(client_rows), &client);
}

static int
tear_down(void **state)
{
	(void)state;
	clock_test_set(0);
	chan_client_free(&client);
	chan_server_free(&server);
	loop_free(&loop);
	return 0;
}

static void
note(void *arg, struct chan_answer *a)
{
	(void)arg;
	answers++;
	last = a->status;
}

/* What it was given must still be there after the client has gone. */
static void
end_it(void *arg, struct chan_answer *a)
{
	const struct word *w = a->msg;

	note(arg, a);
	chan_client_free(&client);
	assert_null(client);
	if (w != NULL)
		assert_memory_equal(w->text.p, "chao", 4);
}

static void
call(uint16_t code, chan_answer_fn fn)
{
	struct word w = { SLICE("chao") };

	chan_call(client, code, &w, NULL, 0, 1000, fn, NULL, NULL);
}

static void
turn(int times)
{
	for (int i = 0; i < times; i++)
		assert_int_equal(loop_once(loop, 0), OK);
}

/* ---- freed in a callback ---- */

static void
by_an_answer(void **state)
{
	(void)state;
	call(NEVER, note);
	call(ECHO, end_it);
	call(ECHO, note);	/* both answers arrive together */
	turn(4);
	assert_int_equal(answers, 3);
	assert_int_equal(last, ERR_UNAVAIL);
	assert_int_equal(gone, 1);
}

static void
by_a_timeout(void **state)
{
	(void)state;
	call(NEVER, end_it);
	call(NEVER, note);
	turn(1);
	clock_test_set(1500);
	turn(2);
	assert_int_equal(answers, 2);
	assert_int_equal(gone, 1);
}

static void
by_the_end_of_the_connection(void **state)
{
	(void)state;
	call(NEVER, note);
	call(NEVER, end_it);
	call(NEVER, note);
	turn(2);
	chan_server_free(&server);
	turn(2);
	assert_int_equal(answers, 3);
	assert_null(client);
}

static void
while_it_is_being_freed(void **state)
{
	struct chan_client *c = client;

	(void)state;
	call(NEVER, end_it);
	call(NEVER, end_it);
	turn(1);
	chan_client_free(&c);	/* the callbacks free it by another name */
	client = NULL;
	assert_int_equal(answers, 2);
	assert_int_equal(last, ERR_UNAVAIL);
}

/* ---- without memory ---- */

/* All that malloc has or could get: then give back what was taken. */
struct hog {
	struct hog *next;
};

static struct hog *
eat(size_t octets, struct hog *list)
{
	struct hog *h;

	while ((h = malloc(octets)) != NULL) {
		h->next = list;
		list = h;
	}
	return list;
}

static void
give_back(struct hog *list)
{
	while (list != NULL) {
		struct hog *h = list;

		list = h->next;
		free(h);
	}
}

static rlim_t
address_space(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu", &pages), 1);
	fclose(f);
	return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static void
calls_fail_without_memory(void **state)
{
	struct rlimit was, now;
	struct hog *list = NULL;

	(void)state;
	if (!HEAP_HAS_END || getenv("VALGRIND_LIB") != NULL)
		skip();
	call(ECHO, note);
	turn(3);
	assert_int_equal(answers, 1);
	assert_int_equal(getrlimit(RLIMIT_AS, &was), 0);
	now = was;
	now.rlim_cur = address_space();
	assert_int_equal(setrlimit(RLIMIT_AS, &now), 0);
	for (size_t octets = 1 << 16; octets >= sizeof *list; octets /= 2)
		list = eat(octets, list);
	for (int i = 0; i < 8; i++)
		call(ECHO, note);
	turn(3);
	give_back(list);
	assert_int_equal(setrlimit(RLIMIT_AS, &was), 0);
	assert_int_equal(answers, 9);
	assert_int_equal(last, ERR_NOMEM);
	call(ECHO, note);
	turn(3);
	assert_int_equal(answers, 10);
	assert_int_equal(last, OK);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test_setup_teardown(by_an_answer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(by_a_timeout, set_up, tear_down),
		cmocka_unit_test_setup_teardown(by_the_end_of_the_connection, set_up, tear_down),
		cmocka_unit_test_setup_teardown(while_it_is_being_freed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(calls_fail_without_memory, set_up, tear_down),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
