/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* What a worker of policyd can get from the signing process, be it ours or taken over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "common/log.h"
#include "policy/sign_line.h"

static struct loop *loop;
static struct chan_server *keyd_server;
static struct chan_client *keyd, *worker;
static struct sign_line *line;
static int keyd_answer;
static bool keyd_silent;
static unsigned keyd_asked;
static int outcome;

static void
serve(void *service, struct chan_req *req, const void *msg)
{
	const struct sign_cms_request *q = msg;
	struct sign_cms_reply reply = { .cms = SLICE("cms"), .subject = q->signer };

	(void)service;
	keyd_asked++;
	if (keyd_silent)
		loop_stop(loop);
	else
		chan_reply(keyd_server, req, keyd_answer, keyd_answer == OK ? &reply : NULL, NULL,
		    0);
}

static void
on_answer(void *arg, struct chan_answer *a)
{
	(void)arg;
	outcome = a->status;
	if (a->status == OK)
		assert_true(slice_is(((const struct sign_cms_reply *)a->msg)->cms, "cms"));
	loop_stop(loop);
}

/* What the worker hears. */
static int
ask(const char *title)
{
	static const char digest[32];
	struct sign_cms_request q = { slice_of(title), { digest, sizeof digest } };

	outcome = 1;
	chan_call(worker, SIGN_CMS, &q, NULL, 0, 5000, on_answer, NULL, NULL);
	assert_int_equal(loop_run(loop), OK);
	return outcome;
}

static void
connect_line(struct chan_client *to)
{
	size_t n;
	const struct chan_row *rows = sign_rows(&n);
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(sign_line_new(loop, to, fds[0], &line), OK);
	assert_int_equal(chan_client_adopt(loop, fds[1], rows, n, &worker), OK);
}

static void
disconnect_line(void)
{
	chan_client_free(&worker);
	sign_line_free(&line);
}

static void
one_signature_for_a_message_that_may_have_one(void **state)
{
	(void)state;
	connect_line(keyd);
	keyd_answer = OK;
	assert_int_equal(ask("may-quet"), ERR_FORBIDDEN);	/* no message */
	sign_line_begin(line, false);
	assert_int_equal(ask("may-quet"), ERR_FORBIDDEN);	/* its asker cannot use it */
	assert_true(sign_line_end(line, SLICE("")));
	assert_int_equal(keyd_asked, 0);
	sign_line_begin(line, true);
	assert_int_equal(ask("may-quet"), OK);
	assert_int_equal(ask("may-quet"), ERR_FORBIDDEN);	/* a second one */
	assert_int_equal(keyd_asked, 1);
	assert_true(sign_line_end(line, SLICE("may-quet")));
	assert_int_equal(ask("may-quet"), ERR_FORBIDDEN);	/* when it is over */
	sign_line_begin(line, true);
	assert_true(sign_line_end(line, SLICE("")));
	assert_int_equal(keyd_asked, 1);
	disconnect_line();
}

static void
nobody_claims_a_signature_that_was_not_given(void **state)
{
	(void)state;
	connect_line(keyd);
	sign_line_begin(line, true);
	assert_false(sign_line_end(line, SLICE("may-quet")));	/* never asked */
	sign_line_begin(line, true);
	keyd_answer = OK;
	assert_int_equal(ask("may-quet"), OK);
	assert_false(sign_line_end(line, SLICE("bo-truong")));	/* another's */
	sign_line_begin(line, true);
	keyd_answer = ERR_CRYPTO;
	assert_int_equal(ask("may-quet"), ERR_UNAVAIL);
	assert_false(sign_line_end(line, SLICE("may-quet")));
	sign_line_begin(line, true);
	keyd_answer = ERR_NOENT;
	assert_int_equal(ask("khac"), ERR_NOENT);
	assert_false(sign_line_end(line, SLICE("khac")));
	disconnect_line();
}

static void
no_signer_is_none(void **state)
{
	(void)state;
	connect_line(NULL);
	sign_line_begin(line, true);
	assert_int_equal(ask("may-quet"), ERR_NOENT);
	disconnect_line();
}

/* The worker is killed while a token thinks: its line goes, the answer finds nobody. */
static void
a_line_may_go_while_it_waits(void **state)
{
	static const char digest[32];
	struct sign_cms_request q = { SLICE("may-quet"), { digest, sizeof digest } };

	(void)state;
	connect_line(keyd);
	sign_line_begin(line, true);
	keyd_silent = true;
	chan_call(worker, SIGN_CMS, &q, NULL, 0, 5000, on_answer, NULL, NULL);
	assert_int_equal(loop_run(loop), OK);
	keyd_silent = false;
	disconnect_line();
	connect_line(keyd);
	sign_line_begin(line, true);
	keyd_answer = OK;
	assert_int_equal(ask("may-quet"), OK);
	disconnect_line();
}

static int
setup(void **state)
{
	static const struct chan_row rows[] = { { SIGN_CMS, "sign-cms", ROLE_POLICYD, 0,
		&sign_cms_request_wire, &sign_cms_reply_wire, serve } };
	size_t n;
	const struct chan_row *client_rows = sign_rows(&n);
	int fds[2];

	(void)state;
	log_set_severity(LOG_SEV_ALERT);
	if (loop_new(&loop) != OK || chan_server_new(loop, rows, 1, NULL, &keyd_server) != OK ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0 ||
	    chan_server_adopt(keyd_server, fds[0], ROLE_POLICYD) != OK)
		return -1;
	return chan_client_adopt(loop, fds[1], client_rows, n, &keyd) == OK ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	chan_client_free(&keyd);
	chan_server_free(&keyd_server);
	loop_free(&loop);
	return 0;
}

static int
count_from_zero(void **state)
{
	(void)state;
	keyd_asked = 0;
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(one_signature_for_a_message_that_may_have_one,
		    count_from_zero),
		cmocka_unit_test(nobody_claims_a_signature_that_was_not_given),
		cmocka_unit_test(no_signer_is_none),
		cmocka_unit_test(a_line_may_go_while_it_waits),
	};

	return cmocka_run_group_tests_name("sign_line", tests, setup, teardown);
}
