/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/clock.h"
#include "common/identity.h"
#include "daemon.h"
#include "tests/unit/common/users.h"
#include "directory/proto.h"

enum { PATIENCE_MS = 120000 };	/* a slow disk has minutes */

/* ---- keyd ---- */

struct keyd {
	struct chan_server *server;
	uint8_t public[32], secret[64], spool[32];
};

static void
serve_KEY_NEW(void *service, struct chan_req *req, const void *msg)
{
	struct keyd *k = service;
	uint8_t public[32], secret[32];
	struct key_new_reply reply = { { (const char *)public, 32 }, { (const char *)secret, 32 } };

	(void)msg;
	crypto_box_keypair(public, secret);
	chan_reply(k->server, req, OK, &reply, NULL, 0);
}

static void
serve_KEY_UNWRAP(void *service, struct chan_req *req, const void *msg)
{
	struct keyd *k = service;

	(void)msg;
	chan_reply(k->server, req, ERR_ACCESS, NULL, NULL, 0);
}

static void
serve_KEY_OPEN(void *service, struct chan_req *req, const void *msg)
{
	serve_KEY_UNWRAP(service, req, msg);
}

static void
serve_KEY_SPOOL(void *service, struct chan_req *req, const void *msg)
{
	const struct key_spool_request *q = msg;
	struct keyd *k = service;
	struct key_spool_reply reply = { { (const char *)k->spool, 32 } };

	if (q->wrapped.n > 0)
		reply.key = q->wrapped;
	chan_reply(k->server, req, OK, &reply, NULL, 0);
}

static void
serve_KEY_REWRAP(void *service, struct chan_req *req, const void *msg)
{
	serve_KEY_UNWRAP(service, req, msg);
}

static void
serve_KEY_MASTER(void *service, struct chan_req *req, const void *msg)
{
	serve_KEY_UNWRAP(service, req, msg);
}

static void
serve_KEY_AUDIT_SIGN(void *service, struct chan_req *req, const void *msg)
{
	struct keyd *k = service;
	const struct key_audit_sign_request *r = msg;
	uint8_t sig[64];
	struct key_audit_sign_reply reply = { { (const char *)sig, 64 },
		{ (const char *)k->public, 32 } };

	crypto_sign_detached(sig, NULL, (const unsigned char *)r->digest.p, r->digest.n, k->secret);
	chan_reply(k->server, req, OK, &reply, NULL, 0);
}

static const struct chan_row key_serve_rows[] = { KEY_ROWS(CHAN_SERVER_ROW) };

static int
run_keyd(const char *run_dir)
{
	static const uint8_t seed[32] = "a seed of the test's audit key";
	struct keyd k = { .spool = "a spool key of the test" };
	struct loop *loop;
	char path[200];
	int r = sodium_init() < 0 ? ERR_CRYPTO : OK;

	crypto_sign_seed_keypair(k.public, k.secret, seed);
	if (r == OK)
		r = loop_new(&loop);
	if (r == OK)
		r = chan_server_new(loop, key_serve_rows, ARRAY_LEN(key_serve_rows), &k, &k.server);
	if (r == OK)
		r = chan_path(run_dir, "key", ROLE_MAILSTORED, path, sizeof path);
	if (r == OK)
		r = chan_server_listen(k.server, path, ROLE_MAILSTORED);
	return r == OK ? loop_run(loop) : r;
}

/* ---- processes ---- */

static pid_t
spawn(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

void
daemon_keyd(struct daemon *d)
{
	d->keyd = spawn();
	if (d->keyd == 0)
		_exit(users_load(d->conf) == OK && run_keyd(d->run) == OK ? 0 : 1);
}

void
daemon_start(struct daemon *d)
{
	const char *program = getenv("MAILSTORED") != NULL ? getenv("MAILSTORED") :
	    "mailstore/mailstored";

	d->mailstored = spawn();
	if (d->mailstored == 0) {
		/* In its sandbox a sanitizer cannot look for leaks at the end. */
		setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
		execl(program, "mailstored", "-c", d->conf, (char *)NULL);
		_exit(127);
	}
}

static int
stop(pid_t *pid, int signal)
{
	int status = 0;

	if (*pid <= 0)
		return 0;
	kill(*pid, signal);
	waitpid(*pid, &status, 0);
	*pid = 0;
	return status;
}

int
daemon_stop(struct daemon *d, int signal)
{
	return stop(&d->mailstored, signal);
}

static void
write_conf(const struct daemon *d)
{
	FILE *f = fopen(d->conf, "w");

	assert_non_null(f);
	fprintf(f, "profile = dedicated\nlegal-basis = \"01/QD\"\nhostname = \"mail.x.vn\"\n"
	    "domains = {\"x.vn\"}\nstate-dir = \"%s\"\nrun-dir = \"%s\"\n"
	    "log-level = error\n"
	    "tls {\n certificate = \"/nonexistent/c\"\n key = \"/nonexistent/k\"\n}\n"
	    "ldap {\n uri = {\"ldap://127.0.0.1\"}\n base = \"dc=x\"\n}\n"
	    "signature {\n roots = \"/nonexistent/r\"\n crls = \"/nonexistent/c\"\n}\n"
	    "store {\n map-size = %d\n reserve = 0\n segment-size = 1048576\n}\n",
	    d->state, d->run, DAEMON_MAP);
	users_print(f);
	assert_int_equal(fclose(f), 0);
}

void
daemon_begin(struct daemon *d)
{
	memset(d, 0, sizeof *d);
	snprintf(d->dir, sizeof d->dir, "%s/congvu-daemon-XXXXXX",
	    getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	assert_non_null(mkdtemp(d->dir));
	snprintf(d->state, sizeof d->state, "%s/state", d->dir);
	snprintf(d->run, sizeof d->run, "%s/run", d->dir);
	snprintf(d->conf, sizeof d->conf, "%s/congvu.conf", d->dir);
	assert_int_equal(chmod(d->dir, 0711), 0);
	assert_int_equal(mkdir(d->state, 0711), 0);
	assert_int_equal(mkdir(d->run, 0711), 0);
	write_conf(d);
}

void
daemon_end(struct daemon *d)
{
	char cmd[100];

	stop(&d->mailstored, SIGKILL);
	stop(&d->keyd, SIGKILL);
	snprintf(cmd, sizeof cmd, "rm -rf '%s'", d->dir);
	assert_int_equal(system(cmd), 0);
}

int
daemon_setup(void **state)
{
	struct daemon *d = malloc(sizeof *d);

	assert_non_null(d);
	daemon_begin(d);
	*state = d;
	return 0;
}

int
daemon_setup_up(void **state)
{
	daemon_setup(state);
	daemon_keyd(*state);
	daemon_start(*state);
	return 0;
}

int
daemon_teardown(void **state)
{
	daemon_end(*state);
	free(*state);
	return 0;
}

/* ---- calls ---- */

static void
pause_ms(int ms)
{
	(void)poll(NULL, 0, ms);
}

int
daemon_connect(const struct daemon *d, unsigned role)
{
	uint64_t until = clock_ms() + PATIENCE_MS;
	char path[200];
	int fd, r;

	assert_int_equal(chan_path(d->run, "store", role, path, sizeof path), OK);
	while ((r = chan_sync_connect(path, 1000, &fd)) != OK) {
		if (clock_ms() > until)
			fail_msg("no mailstored: %s", err_text(r));
		pause_ms(5);
	}
	return fd;
}

int
daemon_call(int fd, uint16_t code, const void *msg, const int *fds, unsigned fds_n,
    struct arena *a, const void **reply_out, int *fd_out)
{
	const struct chan_row *rows;
	int got[CHAN_FDS_MAX];
	unsigned got_n = 0;
	size_t n, i = 0;
	int r;

	rows = st_rows(&n);
	while (i < n && rows[i].code != code)
		i++;
	assert_true(i < n);
	r = chan_sync_call(fd, &rows[i], msg, fds, fds_n, PATIENCE_MS, a, reply_out, got, &got_n);
	if (fd_out != NULL)
		*fd_out = got_n > 0 ? got[0] : -1;
	else
		assert_int_equal(got_n, 0);
	return r;
}

int
daemon_call_up(int fd, uint16_t code, const void *msg, const int *fds, unsigned fds_n,
    struct arena *a, const void **reply_out, int *fd_out)
{
	uint64_t until = clock_ms() + PATIENCE_MS;
	int r;

	while ((r = daemon_call(fd, code, msg, fds, fds_n, a, reply_out, fd_out)) == ERR_UNAVAIL &&
	    clock_ms() < until)
		pause_ms(10);
	return r;
}
