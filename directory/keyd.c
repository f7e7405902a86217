/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/keyd.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <sodium.h>

#include "common/chan.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/metric.h"
#include "common/sandbox.h"
#include "directory/keyfile.h"
#include "directory/keyring.h"
#include "directory/proto.h"

enum {
	EXIT_KEYS = 78,		/* EX_CONFIG: starting again would not help */
	BACKOFF_MIN_MS = 50, BACKOFF_MAX_MS = 5000, STEADY_MS = 10000,
};

struct keyd {
	struct loop	   *loop;
	struct chan_server *chan;
	struct keyring	   *ring;
	uint8_t		   *token_key;	/* sodium_malloc */
};

/* ---- requests ---- */

static void
serve_KEY_NEW(void *service, struct chan_req *req, const void *msg)
{
	const struct key_new_request *q = msg;
	struct keyd *k = service;
	uint8_t public[32], wrapped[KEYRING_WRAPPED_OCTETS];
	struct key_new_reply reply = {
		.public_key = { (const char *)public, sizeof public },
		.wrapped = { (const char *)wrapped, sizeof wrapped },
	};
	int r = keyring_make(k->ring, q->guid, q->class, public, wrapped);

	chan_reply(k->chan, req, r, &reply, NULL, 0);
}

static void
serve_KEY_UNWRAP(void *service, struct chan_req *req, const void *msg)
{
	const struct key_unwrap_request *q = msg;
	struct keyd *k = service;
	unsigned zone = req->role == ROLE_IMAPD_INTERNAL ? ZONE_INTERNAL : ZONE_INTERNET;
	uint8_t secret[32] = { 0 };
	struct key_unwrap_reply reply = { .secret = { (const char *)secret, sizeof secret } };
	struct token t;
	int r = token_check(q->token, k->token_key, clock_ms(), &t);

	if (r == OK)
		r = keyring_unwrap(k->ring, &t, zone, q->wrapped, secret, &reply.class);
	if (r != OK)
		log_event(EV_KEY_REFUSED, F_CSTR("peer", chan_role_name(req->role)), F_ERR(r),
		    F_END);
	chan_reply(k->chan, req, r, &reply, NULL, 0);
	sodium_memzero(secret, sizeof secret);
}

static void
serve_KEY_SPOOL(void *service, struct chan_req *req, const void *msg)
{
	struct keyd *k = service;
	struct key_spool_reply reply = { { (const char *)keyring_spool(k->ring), 32 } };

	(void)msg;
	chan_reply(k->chan, req, OK, &reply, NULL, 0);
}

static void
serve_KEY_AUDIT_SIGN(void *service, struct chan_req *req, const void *msg)
{
	const struct key_audit_sign_request *q = msg;
	struct keyd *k = service;
	uint8_t signature[64], public[32];
	struct key_audit_sign_reply reply = {
		.signature = { (const char *)signature, sizeof signature },
		.public_key = { (const char *)public, sizeof public },
	};
	int r = q->digest.n == 32 ? OK : ERR_INVAL;

	if (r == OK)
		keyring_sign(k->ring, (const uint8_t *)q->digest.p, signature, public);
	chan_reply(k->chan, req, r, &reply, NULL, 0);
}

/* ---- keyd ---- */

static int
load_keys(struct keyd *k, const struct conf *conf)
{
	uint8_t *master = sodium_malloc(KEYRING_MASTER_OCTETS);
	bool made = false;
	struct buf why;
	int r;

	if (master == NULL)
		return ERR_NOMEM;
	buf_init(&why, 1024);
	r = keyfile_load(conf->general.state_dir, master, &made, &why);
	if (r == OK)
		r = keyring_new(master, &k->ring);
	if (r != OK)
		log_event(EV_KEYS_FAILED, F_STR("reason", buf_slice(&why)), F_ERR(r), F_END);
	else if (made)
		log_event(EV_KEYS_CREATED, F_CSTR("dir", conf->general.state_dir), F_END);
	buf_fini(&why);
	sodium_free(master);
	return r;
}

static int
listen_all(struct keyd *k, const struct conf *conf)
{
	static const unsigned roles[] = { ROLE_MAILSTORED, ROLE_IMAPD_INTERNAL,
		ROLE_IMAPD_INTERNET, ROLE_DIRECTORYD };
	char path[108];
	int r = OK;

	for (size_t i = 0; r == OK && i < ARRAY_LEN(roles); i++) {
		r = chan_path(conf->general.run_dir, "key", roles[i], path, sizeof path);
		if (r == OK)
			r = chan_server_listen(k->chan, path, roles[i]);
		if (r != OK)
			log_event(EV_CONFIG_ERROR, F_CSTR("socket", path), F_ERR(r), F_END);
	}
	return r;
}

static int
start(struct keyd *k, const struct conf *conf)
{
	static const struct chan_row rows[] = { KEY_ROWS(CHAN_SERVER_ROW) };
	const struct sandbox_paths none = { 0 };
	int r = load_keys(k, conf);

	if (r == OK)
		r = loop_new(&k->loop);
	if (r == OK)
		r = chan_server_new(k->loop, rows, ARRAY_LEN(rows), k, &k->chan);
	if (r == OK)
		r = listen_all(k, conf);
	return r == OK ? sandbox_enter(SANDBOX_KEYD, &none) : r;
}

static void
keyd_main(const struct conf *conf, uint8_t *token_key, int ready_fd)
{
	struct keyd k = { .token_key = token_key };
	int r = start(&k, conf);

	if (r != OK)
		_exit(EXIT_KEYS);
	log_event(EV_START, F_END);
	if (ready_fd >= 0 && write(ready_fd, "", 1) != 1)
		_exit(1);
	if (ready_fd >= 0)
		close(ready_fd);
	r = loop_run(k.loop);
	_exit(r == OK ? 0 : 1);
}

/* ---- keeper ---- */

static void
block(const sigset_t *set)
{
	sigprocmask(SIG_SETMASK, set, NULL);
}

static pid_t
fork_keyd(const struct conf *conf, uint8_t *token_key, int ready_fd)
{
	pid_t parent = getpid(), pid = fork();
	sigset_t none;

	if (pid != 0)
		return pid;
	sigemptyset(&none);
	block(&none);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	metric_leave();
	keyd_main(conf, token_key, ready_fd);
	_exit(1);
}

/* Wait for the child, or for the word to stop. */
static int
wait_keyd(pid_t pid, const sigset_t *signals)
{
	int status;

	for (;;) {
		siginfo_t info;

		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		if (sigwaitinfo(signals, &info) == SIGTERM) {
			kill(pid, SIGTERM);
			_exit(0);
		}
	}
}

static void
pause_ms(uint64_t ms, const sigset_t *signals)
{
	struct timespec ts = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };
	siginfo_t info;
	int n;

	while ((n = sigtimedwait(signals, &info, &ts)) > 0)
		if (n == SIGTERM)
			_exit(0);
}

static void
keeper_main(const struct conf *conf, uint8_t *token_key, int ready_fd)
{
	uint64_t backoff_ms = 0;
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGCHLD);
	block(&signals);
	for (;;) {
		uint64_t began_ms = clock_ms();
		pid_t pid = fork_keyd(conf, token_key, ready_fd);
		int status = pid < 0 ? 0 : wait_keyd(pid, &signals);

		if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_KEYS)
			_exit(EXIT_KEYS);
		metric_add(METRIC_WORKER_DEATHS, 0, 1);
		log_event(EV_WORKER_DIED, F_CSTR("role", "keyd"), F_I64("worker", pid),
		    F_I64("status", status), F_END);
		if (ready_fd >= 0)
			close(ready_fd);
		ready_fd = -1;
		if (clock_ms() - began_ms > STEADY_MS)
			backoff_ms = 0;
		backoff_ms = backoff_ms == 0 ? BACKOFF_MIN_MS : 2 * backoff_ms;
		pause_ms(backoff_ms > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : backoff_ms, &signals);
	}
}

int
keyd_start(const struct conf *conf, const uint8_t token_key[TOKEN_KEY_OCTETS], pid_t *pid_out)
{
	pid_t parent = getpid();
	int ready[2];
	uint8_t *key;
	char word;
	ssize_t n;

	if (pipe2(ready, O_CLOEXEC) != 0)
		return -errno;
	*pid_out = fork();
	if (*pid_out == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		close(ready[0]);
		log_init("keyd");
		key = sodium_malloc(TOKEN_KEY_OCTETS);
		if (getppid() != parent || key == NULL)
			_exit(1);
		memcpy(key, token_key, TOKEN_KEY_OCTETS);
		keeper_main(conf, key, ready[1]);
		_exit(1);
	}
	close(ready[1]);
	do
		n = *pid_out < 0 ? 0 : read(ready[0], &word, 1);
	while (n < 0 && errno == EINTR);
	close(ready[0]);
	return n == 1 ? OK : ERR_CONF;
}
