/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * The real policyd, asked over its sockets: what it answers, and that a worker which dies, stops,
 * lies or talks rubbish costs its message a temporary failure and nothing else.
 */
#include "tests/unit/policy/pki.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/memfd.h"
#include "config.h"
#include "policy/judge.h"
#include "tests/unit/common/users.h"

enum { POLICY_MS = 3000, PATIENCE_MS = 120000, WORKERS = 2 };

static pid_t daemon_pid;
static struct arena replies;

static void
add_users(void)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof path, "%s/conf", pki_dir());
	f = fopen(path, "a");
	assert_non_null(f);
	users_print(f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(pki_dir(), 0711), 0);
}

static void
write_conf_with(const char *roots, const char *submission)
{
	pki_write("conf", pki_text(
	    "profile = dedicated\nlegal-basis = \"QD thu 1\"\nhostname = \"mail.tinh.example\"\n"
	    "domains = { \"tinh.example\" }\nstate-dir = \"%s\"\nrun-dir = \"%s\"\n"
	    "sandbox = required\n"
	    "internal-networks = { \"127.0.0.0/8\" }\n"
	    "tls { certificate = \"%s/an.pem\"\n key = \"%s/an.key\" }\n"
	    "ldap { uri = { \"ldap://127.0.0.1\" }\n base = \"dc=x\" }\n"
	    "signature { submission = %s\n roots = \"%s/%s\"\n intermediates = \"%s/pool.pem\"\n"
	    " crls = \"%s/crls\" }\n"
	    "limits { policy-time = %d\n policy-workers = %d }\n",
	    pki_dir(), pki_dir(), pki_dir(), pki_dir(), submission, pki_dir(), roots, pki_dir(),
	    pki_dir(), POLICY_MS, WORKERS));
	add_users();
}

static void
write_conf(void)
{
	write_conf_with("root.pem", "require");
}

static int
stop_daemon(void)
{
	int status = -1;

	kill(daemon_pid, SIGTERM);
	assert_int_equal(waitpid(daemon_pid, &status, 0), daemon_pid);
	daemon_pid = 0;
	return status;
}

static void
start_daemon(const char *fault)
{
	char conf[256], log[256];

	if (daemon_pid > 0)		/* of a test that failed */
		(void)stop_daemon();
	snprintf(log, sizeof log, "%s/policyd.log", pki_dir());
	snprintf(conf, sizeof conf, "%s/conf", pki_dir());
	daemon_pid = fork();
	assert_true(daemon_pid >= 0);
	if (daemon_pid == 0) {
		/* What a failed test leaves behind must not hold the test's output open. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (fault != NULL)
			setenv("CONGVU_POLICY_FAULT", fault, 1);
		if (freopen(log, "a", stderr) == NULL || freopen("/dev/null", "w", stdout) == NULL)
			_exit(126);
		/* The leak checker reads /proc, which the sandbox has closed by then. */
		setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
		execl("./policy/policyd", "policyd", "-c", conf, (char *)NULL);
		_exit(127);
	}
}

/* A connection for a role, tried until the daemon listens. */
static int
connect_as(unsigned role)
{
	uint64_t end_ms = clock_ms() + PATIENCE_MS;
	char path[256];
	int fd = -1;

	assert_int_equal(chan_path(pki_dir(), "policy", role, path, sizeof path), OK);
	while (chan_sync_connect(path, 1000, &fd) != OK) {
		assert_true(clock_ms() < end_ms);
		poll(NULL, 0, 20);
	}
	return fd;
}

static const struct chan_row *
row_of(uint16_t code)
{
	size_t n;
	const struct chan_row *rows = pol_rows(&n);

	while (rows->code != code)
		rows++;
	return rows;
}

static int
ask(int fd, uint16_t code, const void *msg, const int *fds, unsigned fds_n, const void **reply)
{
	int got[CHAN_FDS_MAX];
	unsigned got_n = 0;
	int r;

	arena_clear(&replies);
	arena_init(&replies, 32 << 20);
	r = chan_sync_call(fd, row_of(code), msg, fds, fds_n, PATIENCE_MS, &replies, reply, got,
	    &got_n);
	for (unsigned i = 0; i < got_n; i++)
		close(got[i]);
	return r;
}

static int
judge_by(int fd, struct slice message, const struct pol_judge_reply **reply)
{
	struct pol_rcpt to = { SLICE("b@tinh.example"), ZONE_LOCAL, LEVEL_THUONG };
	struct dir_identity id = { .address = SLICE("an@tinh.example") };
	struct pol_judge_request req = { .path = PATH_SUBMIT, .arrival_zone = ZONE_INTERNAL,
		.account = id.address, .mail_from = id.address, .recipients = &to,
		.recipients_n = 1, .identities = &id, .identities_n = 1, .want_summary = 1 };
	const void *msg = NULL;
	int memfd = -1;
	int r;

	assert_int_equal(memfd_of("message", message, &memfd), OK);
	r = ask(fd, POL_JUDGE, &req, &memfd, 1, &msg);
	close(memfd);
	*reply = msg;
	return r;
}

static const struct pol_judge_reply *
judged(int fd, struct slice message)
{
	const struct pol_judge_reply *reply;
	uint64_t end_ms = clock_ms() + PATIENCE_MS;
	int r;

	do	/* as a sender would after 451: a worker may have died unnoticed */
		r = judge_by(fd, message, &reply);
	while (r == ERR_UNAVAIL && clock_ms() < end_ms && poll(NULL, 0, 20) == 0);
	if (r != OK)
		fail_msg("no answer: %s", err_text(r));
	return reply;
}

static void
expect(int fd, struct slice message, unsigned verdict, const char *rule)
{
	const struct pol_judge_reply *reply = judged(fd, message);

	if (reply->verdict != verdict || !slice_is(reply->rule, rule))
		fail_msg("%s %.*s", verdict_name(reply->verdict), (int)reply->rule.n,
		    reply->rule.p);
}

static struct pol_status_reply
status(int fd)
{
	struct dir_nothing nothing = { 0 };
	const void *msg = NULL;

	assert_int_equal(ask(fd, POL_STATUS, &nothing, NULL, 0, &msg), OK);
	return *(const struct pol_status_reply *)msg;
}

/* Send a signal to the workers (the children of the daemon). */
static unsigned
signal_workers(int signal)
{
	char path[64], word[64];
	unsigned n = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)daemon_pid, (int)daemon_pid);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fscanf(f, "%63s", word) == 1 && kill((pid_t)atoi(word), signal) == 0)
		n++;
	fclose(f);
	return n;
}

static struct slice
good(void)
{
	return pki_sign("-signer an.pem -inkey an.key");
}

static void
messages_are_judged(void **state)
{
	int smtpd, control;
	struct pol_status_reply s;

	(void)state;
	start_daemon(NULL);
	smtpd = connect_as(ROLE_SMTPD);
	control = connect_as(ROLE_CONTROL);
	expect(smtpd, good(), VERDICT_ALLOW, "allow");
	expect(smtpd, pki_replace(good(), "cong van.", "cong van!"), VERDICT_REJECT,
	    "signature-altered");
	expect(smtpd, pki_sign("-signer binh.pem -inkey binh.key"), VERDICT_REJECT, "wrong-signer");
	s = status(control);
	assert_int_equal(s.judged, 3);
	assert_int_equal(s.rejected, 2);
	assert_int_equal(s.roots, 1);
	assert_int_equal(s.crls, 5);
	assert_true(slice_is(s.profile, "dedicated"));
	close(smtpd);
	close(control);
	assert_int_equal(stop_daemon(), 0);
}

static void
roles_are_kept_apart(void **state)
{
	struct dir_nothing nothing = { 0 };
	const struct pol_judge_reply *reply;
	const void *msg = NULL;
	int control, smtpd;

	(void)state;
	start_daemon(NULL);
	control = connect_as(ROLE_CONTROL);
	smtpd = connect_as(ROLE_SMTPD);
	/* Root may, for an import (ROLE_CONTROL_ROOT); others of the administrators may not. */
	assert_int_equal(judge_by(control, good(), &reply),
	    geteuid() == 0 ? OK : ERR_FORBIDDEN);
	assert_int_equal(ask(smtpd, POL_STATUS, &nothing, NULL, 0, &msg), ERR_FORBIDDEN);
	close(control);
	close(smtpd);
	assert_int_equal(stop_daemon(), 0);
}

/* Allowed now, or unavailable for a while and then allowed; nothing else. */
static void
expect_soon(int fd, struct slice message)
{
	uint64_t end_ms = clock_ms() + PATIENCE_MS;
	const struct pol_judge_reply *reply;
	int r;

	while ((r = judge_by(fd, message, &reply)) != OK) {
		assert_int_equal(r, ERR_UNAVAIL);
		assert_true(clock_ms() < end_ms);
	}
	assert_int_equal(reply->verdict, VERDICT_ALLOW);
}

/* Whatever state the workers are in when they are killed, an answer is "allow" or a failure. */
static void
killed_workers_are_replaced(void **state)
{
	struct pol_status_reply s;
	int smtpd, control;

	(void)state;
	start_daemon(NULL);
	smtpd = connect_as(ROLE_SMTPD);
	control = connect_as(ROLE_CONTROL);
	for (int i = 0; i < 3; i++) {
		expect_soon(smtpd, good());
		assert_in_range(signal_workers(SIGKILL), 1, WORKERS);
	}
	expect_soon(smtpd, good());
	s = status(control);
	assert_true(s.worker_deaths >= 3);
	close(smtpd);
	close(control);
	assert_int_equal(stop_daemon(), 0);
}

/* A stopped worker holds its message until the deadline, not longer. */
static void
stopped_workers_are_given_up(void **state)
{
	const struct pol_judge_reply *reply;
	uint64_t began_ms;
	int smtpd;

	(void)state;
	start_daemon(NULL);
	smtpd = connect_as(ROLE_SMTPD);
	expect(smtpd, good(), VERDICT_ALLOW, "allow");
	assert_int_equal(signal_workers(SIGSTOP), WORKERS);
	began_ms = clock_ms();
	assert_int_equal(judge_by(smtpd, good(), &reply), ERR_UNAVAIL);
	assert_in_range(clock_ms() - began_ms, POLICY_MS - 100, PATIENCE_MS - 1);
	/* The other one may be asked before the new one is there. */
	expect_soon(smtpd, good());
	close(smtpd);
	assert_int_equal(stop_daemon(), 0);
}

/* Ask for the judgement of mail that takes as long as is allowed, and do not wait for it. */
static int
begin_slow(struct slice message)
{
	struct pol_rcpt to = { SLICE("b@tinh.example"), ZONE_LOCAL, LEVEL_THUONG };
	struct pol_judge_request req = { .path = PATH_RECEIVE, .arrival_zone = ZONE_INTERNET,
		.mail_from = SLICE("x@y.example"), .recipients = &to, .recipients_n = 1 };
	int smtpd = connect_as(ROLE_SMTPD), memfd = -1;
	const void *reply = NULL;

	assert_int_equal(memfd_new("slow", &memfd), OK);
	assert_int_equal(memfd_write(memfd, message), OK);
	assert_int_equal(memfd_seal(memfd), OK);
	arena_clear(&replies);
	arena_init(&replies, 32 << 20);
	assert_int_equal(chan_sync_call(smtpd, row_of(POL_JUDGE), &req, &memfd, 1, 1, &replies,
	    &reply, NULL, NULL), ERR_TIMEOUT);
	close(memfd);
	return smtpd;
}

/* Strangers who keep the workers busy do not keep officials from sending. */
static void
a_worker_is_left_to_submissions(void **state)
{
	int slow[2 * WORKERS], smtpd;
	struct slice message = good();
	struct pollfd answered[2 * WORKERS];
	uint64_t began_ms;
	struct buf b;

	(void)state;
	start_daemon(NULL);
	smtpd = connect_as(ROLE_SMTPD);
	expect(smtpd, message, VERDICT_ALLOW, "allow");
	buf_init(&b, 16 << 20);
	buf_adds(&b, "From: x@y.example\r\n\r\n");
	while (b.n < 12 << 20)
		buf_adds(&b, "> MAT\r\n> MAT\r\n> MAT\r\n> MAT\r\n");
	for (size_t i = 0; i < ARRAY_LEN(slow); i++)
		answered[i] = (struct pollfd){ .fd = slow[i] = begin_slow(buf_slice(&b)),
		    .events = POLLIN };
	began_ms = clock_ms();
	expect(smtpd, message, VERDICT_ALLOW, "allow");
	/* It did not wait for the end of any of them, however slow the machine. */
	assert_true(clock_ms() - began_ms < POLICY_MS / 3 ||
	    poll(answered, ARRAY_LEN(answered), 0) == 0);
	for (size_t i = 0; i < ARRAY_LEN(slow); i++)
		close(slow[i]);
	buf_fini(&b);
	close(smtpd);
	assert_int_equal(stop_daemon(), 0);
}

static void
revocation_is_known_within_five_seconds(void **state)
{
	const struct pol_judge_reply *reply = NULL;
	struct slice message;
	unsigned round = 0;
	uint64_t end_ms;
	int smtpd;

	(void)state;
	start_daemon(NULL);
	smtpd = connect_as(ROLE_SMTPD);
	expect(smtpd, pki_sign("-signer noeku.pem -inkey noeku.key"), VERDICT_ALLOW, "allow");
	message = pki_sign("-signer noeku.pem -inkey noeku.key");
	pki_revoke("noeku");
	do {	/* five seconds, and where a judgement takes long, more */
		poll(NULL, 0, 50);
		reply = judged(smtpd, message);
	} while (reply->verdict == VERDICT_ALLOW && ++round < 95);
	assert_true(slice_is(reply->rule, "signature-revoked"));
	expect(smtpd, good(), VERDICT_ALLOW, "allow");
	/* A list cut short while it is written changes nothing. */
	pki_run("head -c 300 crls/inter.crl > crls/half && mv crls/half crls/inter.crl");
	for (end_ms = clock_ms() + 2500; clock_ms() < end_ms; poll(NULL, 0, 100)) {
		expect(smtpd, good(), VERDICT_ALLOW, "allow");
		expect(smtpd, pki_sign("-signer noeku.pem -inkey noeku.key"), VERDICT_REJECT,
		    "signature-revoked");
	}
	/* A list that is gone means that nobody knows. */
	pki_run("mv crls/inter.crl gone.crl");
	message = good();
	for (round = 0; round < 95; round++, poll(NULL, 0, 50)) {
		reply = judged(smtpd, message);
		if (reply->verdict == VERDICT_DEFER)
			break;
	}
	assert_true(slice_is(reply->rule, "revocation-unknown"));
	close(smtpd);
	assert_int_equal(stop_daemon(), 0);
}

/* Unsigned mail is refused, and after the new configuration is in force it is not. */
static void
reload_takes_new_rules(void **state)
{
	struct slice plain = SLICE("From: an@tinh.example\r\n\r\nnoi dung\r\n");
	const struct pol_judge_reply *reply = NULL;
	uint64_t end_ms = clock_ms() + PATIENCE_MS;
	int smtpd, r;

	(void)state;
	start_daemon(NULL);
	smtpd = connect_as(ROLE_SMTPD);
	expect(smtpd, plain, VERDICT_REJECT, "unsigned");
	pki_write("conf", SLICE("profile = nothing\n"));
	kill(daemon_pid, SIGHUP);
	for (int i = 0; i < 20; i++)	/* a broken file changes nothing */
		expect(smtpd, plain, VERDICT_REJECT, "unsigned");
	write_conf_with("root.pem", "mark");
	kill(daemon_pid, SIGHUP);
	do {
		r = judge_by(smtpd, plain, &reply);
		assert_true(r == OK || r == ERR_UNAVAIL);
		assert_true(clock_ms() < end_ms);
	} while (r != OK || reply->verdict != VERDICT_ALLOW);
	assert_true(slice_find(reply->trace, SLICE("smime=none")) > 0);
	write_conf();
	close(smtpd);
	assert_int_equal(stop_daemon(), 0);
}

static void
start_is_refused_without_roots(void **state)
{
	static const char *const roots[] = { "no-such-file", "body", "an.key" };
	int status;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
		write_conf_with(roots[i], "require");
		start_daemon(NULL);
		assert_int_equal(waitpid(daemon_pid, &status, 0), daemon_pid);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
		daemon_pid = 0;
	}
	write_conf();
}

static void
rubbish_is_refused_by_the_frame(void **state)
{
	struct slice half = SLICE("not sealed");
	struct pol_rcpt to = { SLICE("b@tinh.example"), ZONE_LOCAL, LEVEL_THUONG };
	struct pol_judge_request req = { .recipients = &to, .recipients_n = 1 };
	const void *msg = NULL;
	int smtpd, fd = -1;

	(void)state;
	start_daemon(NULL);
	smtpd = connect_as(ROLE_SMTPD);
	assert_int_equal(memfd_new("loose", &fd), OK);
	assert_int_equal(memfd_write(fd, half), OK);
	assert_int_equal(ask(smtpd, POL_JUDGE, &req, &fd, 1, &msg), ERR_INVAL);
	assert_int_equal(memfd_seal(fd), OK);
	req.recipients_n = 0;
	assert_int_equal(ask(smtpd, POL_JUDGE, &req, &fd, 1, &msg), ERR_INVAL);
	close(fd);
	expect(smtpd, good(), VERDICT_ALLOW, "allow");
	close(smtpd);
	assert_int_equal(stop_daemon(), 0);
}

#ifdef WITH_CONTROLS
static void
faulty_workers_never_allow(void **state)
{
	static const char *const faults[] = { "crash", "hang", "garbage", "lie" };
	struct slice bad = pki_text("X-Congvu-Fault: yes\r\n%.*s", (int)good().n, good().p);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		const struct pol_judge_reply *reply;
		int smtpd;

		start_daemon(faults[i]);
		smtpd = connect_as(ROLE_SMTPD);
		expect(smtpd, good(), VERDICT_ALLOW, "allow");
		print_message("%s\n", faults[i]);
		assert_int_equal(judge_by(smtpd, bad, &reply), ERR_UNAVAIL);
		expect_soon(smtpd, good());
		close(smtpd);
		assert_int_equal(stop_daemon(), 0);
	}
}
#endif

static int
teardown(void **state)
{
	if (daemon_pid > 0) {
		kill(daemon_pid, SIGKILL);
		(void)waitpid(daemon_pid, NULL, 0);
	}
	arena_clear(&replies);
	return pki_teardown(state);
}

static int
setup(void **state)
{
	int r = pki_setup(state);

	signal(SIGPIPE, SIG_IGN);
	write_conf();
	return r;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_are_judged),
		cmocka_unit_test(roles_are_kept_apart),
		cmocka_unit_test(rubbish_is_refused_by_the_frame),
		cmocka_unit_test(reload_takes_new_rules),
		cmocka_unit_test(start_is_refused_without_roots),
		cmocka_unit_test(killed_workers_are_replaced),
		cmocka_unit_test(stopped_workers_are_given_up),
		cmocka_unit_test(a_worker_is_left_to_submissions),
#ifdef WITH_CONTROLS
		cmocka_unit_test(faulty_workers_never_allow),
#endif
		cmocka_unit_test(revocation_is_known_within_five_seconds),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
