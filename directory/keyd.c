/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/keyd.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <sodium.h>

#include "common/chan.h"
#include "common/clock.h"
#include "common/identity.h"
#include "common/log.h"
#include "common/metric.h"
#include "common/pidfile.h"
#include "common/place.h"
#include "common/program.h"
#include "common/sandbox.h"
#include "common/systemd.h"
#include "directory/keyd_sign.h"
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
	struct keyring	   *ring, *next;	/* next: its master takes over */
	uint8_t		   *token_key;	/* sodium_malloc */
};

static const unsigned roles[] = { ROLE_MAILSTORED, ROLE_IMAPD_INTERNAL, ROLE_IMAPD_INTERNET,
	ROLE_DIRECTORYD, ROLE_CONTROL };

struct keeper;

/* A process that the keeper keeps alive. */
struct kept {
	const char *role;
	void	  (*main)(const struct keeper *k);
	bool	    wanted;
	pid_t	    pid;		/* 0: none */
	uint64_t    began_ms, backoff_ms, again_ms;
};

enum { KEPT_KEYD, KEPT_SIGN, KEPT_COUNT };

/* The process that outlives keyd. */
struct keeper {
	const struct conf	*conf;
	uint8_t			*token_key;
	int			 sockets[ARRAY_LEN(roles)];
	struct keyd_sign_sockets sign_sockets;
	struct keyd_sign_memory *sign_memory;	/* shared with the signing process */
	struct kept		 kept[KEPT_COUNT];
	int			 life_fd, ready_fd, signal_fd;
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
	int r = keyring_make(k->next != NULL ? k->next : k->ring, q->guid, q->class, public,
	    wrapped);

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
	if (r == ERR_CRYPTO && k->next != NULL)
		r = keyring_unwrap(k->next, &t, zone, q->wrapped, secret, &reply.class);
	if (r != OK)
		log_event(EV_KEY_REFUSED, F_CSTR("peer", chan_role_name(req->role)), F_ERR(r),
		    F_END);
	chan_reply(k->chan, req, r, &reply, NULL, 0);
	sodium_memzero(secret, sizeof secret);
}

static int
open_secret(const struct keyd *k, struct slice guid, unsigned class, struct slice wrapped,
    uint8_t secret_out[32])
{
	int r = keyring_open(k->ring, guid, class, wrapped, secret_out);

	return r == ERR_CRYPTO && k->next != NULL ?
	    keyring_open(k->next, guid, class, wrapped, secret_out) : r;
}

static void
serve_KEY_OPEN(void *service, struct chan_req *req, const void *msg)
{
	const struct key_open_request *q = msg;
	struct keyd *k = service;
	uint8_t secret[32] = { 0 };
	struct key_open_reply reply = { { (const char *)secret, sizeof secret } };
	int r = q->class == KEYSET_SPOOL ? ERR_ACCESS :
	    open_secret(k, q->guid, q->class, q->wrapped, secret);
	char guid[2 * DIR_GUID_OCTETS + 1] = "";

	if (q->guid.n == DIR_GUID_OCTETS)
		sodium_bin2hex(guid, sizeof guid, (const uint8_t *)q->guid.p, q->guid.n);
	log_event(EV_KEY_OPENED, F_CSTR("account", guid), F_U64("class", q->class), F_ERR(r),
	    F_END);
	chan_reply(k->chan, req, r, &reply, NULL, 0);
	sodium_memzero(secret, sizeof secret);
}

static void
serve_KEY_SPOOL(void *service, struct chan_req *req, const void *msg)
{
	const struct key_spool_request *q = msg;
	struct keyd *k = service;
	static const char nobody[DIR_GUID_OCTETS];
	uint8_t key[32] = { 0 };
	struct key_spool_reply reply = { { (const char *)key, sizeof key } };
	int r = OK;

	if (q->wrapped.n == 0)
		memcpy(key, keyring_spool(k->ring), sizeof key);
	else
		r = open_secret(k, (struct slice){ nobody, sizeof nobody }, KEYSET_SPOOL,
		    q->wrapped, key);
	chan_reply(k->chan, req, r, &reply, NULL, 0);
	sodium_memzero(key, sizeof key);
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

static void
serve_KEY_REWRAP(void *service, struct chan_req *req, const void *msg)
{
	const struct key_rewrap *q = msg;
	struct keyd *k = service;
	uint8_t wrapped[64][KEYRING_WRAPPED_OCTETS];
	struct key_wrapped out[64];
	struct key_rewrap reply = { out, q->secrets_n };
	int r = k->next == NULL ? ERR_BAD_STATE : OK;

	for (size_t i = 0; i < q->secrets_n && r == OK; i++) {
		r = keyring_rewrap(k->ring, k->next, q->secrets[i].wrapped, wrapped[i]);
		out[i].wrapped = (struct slice){ (const char *)wrapped[i], sizeof wrapped[i] };
	}
	chan_reply(k->chan, req, r, r == OK ? &reply : NULL, NULL, 0);
}

static int
begin_master(struct keyd *k, const struct key_master_request *q)
{
	if (q->key.n != KEYRING_MASTER_OCTETS || q->seed.n != 32)
		return ERR_INVAL;
	if (k->next != NULL)
		keyring_free(&k->next);
	return keyring_new((const uint8_t *)q->key.p, (const uint8_t *)q->seed.p, &k->next);
}

static void
serve_KEY_MASTER(void *service, struct chan_req *req, const void *msg)
{
	const struct key_master_request *q = msg;
	struct keyd *k = service;
	struct dir_nothing nothing = { 0 };
	int r = OK;

	if (q->step == KEY_MASTER_BEGIN)
		r = begin_master(k, q);
	else if (k->next == NULL)
		r = ERR_BAD_STATE;
	else {
		keyring_free(&k->ring);
		k->ring = k->next;
		k->next = NULL;
	}
	log_event(EV_MASTER_KEY, F_CSTR("step", q->step == KEY_MASTER_BEGIN ? "begin" : "end"),
	    F_ERR(r), F_END);
	chan_reply(k->chan, req, r, &nothing, NULL, 0);
}

/* ---- keyd ---- */

static int
load_keys(struct keyd *k, const struct conf *conf)
{
	struct keyfile *file;
	bool made = false;
	struct buf why;
	int r;

	if (prctl(PR_SET_DUMPABLE, 0) != 0)	/* the sandbox does so, too, but later */
		return -errno;
	file = sodium_malloc(sizeof *file);
	if (file == NULL)
		return ERR_NOMEM;
	buf_init(&why, 1024);
	r = keyfile_load(conf->general.state_dir, file, &made, &why);
	if (r == OK)
		r = keyring_new(file->master, file->seed, &k->ring);
	if (r == OK && file->has_next)
		r = keyring_new(file->next, file->seed, &k->next);
	if (r != OK)
		log_event(EV_KEYS_FAILED, F_STR("reason", buf_slice(&why)), F_ERR(r), F_END);
	else if (made)
		log_event(EV_KEYS_CREATED, F_CSTR("dir", conf->general.state_dir), F_END);
	buf_fini(&why);
	sodium_free(file);
	return r;
}

static int
serve_all(struct keyd *k, const struct keeper *keeper)
{
	int r = OK;

	for (size_t i = 0; r == OK && i < ARRAY_LEN(roles); i++)
		r = chan_server_serve(k->chan, keeper->sockets[i], roles[i]);
	return r;
}

static int
start(struct keyd *k, const struct keeper *keeper)
{
	static const struct chan_row rows[] = { KEY_ROWS(CHAN_SERVER_ROW) };
	const struct sandbox_paths none = { 0 };
	int r = load_keys(k, keeper->conf);

	if (r == OK)
		r = loop_new(&k->loop);
	if (r == OK)
		r = chan_server_new(k->loop, rows, ARRAY_LEN(rows), k, &k->chan);
	if (r == OK)
		r = serve_all(k, keeper);
	return r == OK ? sandbox_enter(SANDBOX_KEYD, &none) : r;
}

static void
keyd_main(const struct keeper *keeper)
{
	struct keyd k = { .token_key = keeper->token_key };
	int r;

	if (keyd_sign_wanted(keeper->conf)) {
		close(keeper->sign_sockets.policyd);
		close(keeper->sign_sockets.control);
	}
	r = start(&k, keeper);

	if (r != OK)
		_exit(EXIT_KEYS);
	log_event(EV_START, F_END);
	if (keeper->ready_fd >= 0 && write(keeper->ready_fd, "", 1) != 1)
		_exit(1);
	if (keeper->ready_fd >= 0)
		close(keeper->ready_fd);
	r = loop_run(k.loop);
	_exit(r == OK ? 0 : 1);
}

/* ---- keeper ---- */

/* The token key is keyd's: the process that signs must not have it. */
static void
sign_main(const struct keeper *k)
{
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		close(k->sockets[i]);
	if (k->ready_fd >= 0)
		close(k->ready_fd);
	sodium_free(k->token_key);	/* zeroes it */
	keyd_sign_main(k->conf, &k->sign_sockets, k->sign_memory);
}

static pid_t
fork_kept(const struct keeper *k, const struct kept *kept)
{
	pid_t parent = getpid(), pid = fork();
	sigset_t none;

	if (pid != 0)
		return pid;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	metric_leave();
	close(k->life_fd);
	close(k->signal_fd);
	kept->main(k);
	_exit(1);
}

/* Wait for a signal or the time; end when we are told to or when directoryd has ended. */
static void
wait_ms(const struct keeper *k, int ms)
{
	struct pollfd v[] = { { .fd = k->life_fd, .events = POLLIN },
		{ .fd = k->signal_fd, .events = POLLIN } };
	struct signalfd_siginfo info;

	if (poll(v, ARRAY_LEN(v), ms) <= 0)
		return;
	if (v[0].revents != 0)
		_exit(0);
	while (read(k->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
		if (info.ssi_signo == SIGTERM)
			_exit(0);
}

static int
make_socket(const struct keeper *k, const char *service, unsigned role, int *fd_out)
{
	char path[108] = "";
	int r = chan_path(k->conf->general.run_dir, service, role, path, sizeof path);

	if (r == OK)
		r = chan_listen(path, role, fd_out);
	if (r != OK)
		log_event(EV_CONFIG_ERROR, F_CSTR("socket", path), F_ERR(r), F_END);
	return r;
}

static int
make_sockets(struct keeper *k)
{
	int r = OK;

	for (size_t i = 0; r == OK && i < ARRAY_LEN(roles); i++)
		r = make_socket(k, "key", roles[i], &k->sockets[i]);
	if (r != OK || !keyd_sign_wanted(k->conf))
		return r;
	k->sign_memory = mmap(NULL, sizeof *k->sign_memory, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (k->sign_memory == MAP_FAILED)
		return ERR_NOMEM;
	r = make_socket(k, "sign", ROLE_POLICYD, &k->sign_sockets.policyd);
	return r == OK ? make_socket(k, "sign", ROLE_CONTROL, &k->sign_sockets.control) : r;
}

static int
make_folder(const struct conf *conf)
{
	char path[PATH_MAX];
	struct buf why;
	int r;

	buf_init(&why, 4096);
	snprintf(path, sizeof path, "%s/keys", conf->general.state_dir);
	r = place_shared(conf->general.state_dir, &why);
	if (r == OK)
		r = place_own(path, 0700, identity_of(IDENTITY_KEYD), 0, &why);
	if (r != OK)
		log_event(EV_KEYS_FAILED, F_STR("reason", buf_slice(&why)), F_ERR(r), F_END);
	buf_fini(&why);
	return r;
}

static int
keeper_start(struct keeper *k)
{
	sigset_t signals;
	int r = make_folder(k->conf);

	if (r == OK)
		r = make_sockets(k);
	if (r == OK)
		r = identity_take(IDENTITY_KEYD);
	if (r != OK)
		return r;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_SETMASK, &signals, NULL);
	k->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return k->signal_fd < 0 ? -errno : OK;
}

static void
start_kept(struct keeper *k, struct kept *kept)
{
	kept->began_ms = clock_ms();
	kept->pid = fork_kept(k, kept);
	if (kept->pid > 0)
		return;
	kept->pid = 0;
	kept->again_ms = clock_ms() + BACKOFF_MAX_MS;
}

static void
bury(struct keeper *k, struct kept *kept, int status)
{
	bool asked = WIFEXITED(status) && WEXITSTATUS(status) == KEYD_SIGN_EXIT_AGAIN;
	uint64_t now_ms = clock_ms();

	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_KEYS)
		_exit(EXIT_KEYS);
	if (!asked) {
		metric_add(METRIC_WORKER_DEATHS, 0, 1);
		log_event(EV_WORKER_DIED, F_CSTR("role", kept->role), F_I64("worker", kept->pid),
		    F_I64("status", status), F_END);
	}
	if (kept == &k->kept[KEPT_KEYD] && k->ready_fd >= 0) {
		close(k->ready_fd);
		k->ready_fd = -1;
	}
	if (now_ms - kept->began_ms > STEADY_MS)
		kept->backoff_ms = 0;
	kept->backoff_ms = kept->backoff_ms == 0 ? BACKOFF_MIN_MS : 2 * kept->backoff_ms;
	if (kept->backoff_ms > BACKOFF_MAX_MS)
		kept->backoff_ms = BACKOFF_MAX_MS;
	kept->again_ms = now_ms + kept->backoff_ms;
	kept->pid = 0;
}

static void
reap(struct keeper *k)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < KEPT_COUNT; i++)
			if (k->kept[i].pid == pid)
				bury(k, &k->kept[i], status);
}

/* Start what is due; how long until the next one is, or -1. */
static int
start_due(struct keeper *k)
{
	uint64_t now_ms = clock_ms();
	int next_ms = -1;

	for (size_t i = 0; i < KEPT_COUNT; i++) {
		struct kept *kept = &k->kept[i];
		int wait;

		if (!kept->wanted || kept->pid > 0)
			continue;
		if (kept->again_ms <= now_ms)
			start_kept(k, kept);
		if (kept->pid > 0)
			continue;
		wait = kept->again_ms > now_ms ? (int)(kept->again_ms - now_ms) : 1;
		if (next_ms < 0 || wait < next_ms)
			next_ms = wait;
	}
	return next_ms;
}

static void
keeper_main(struct keeper *k)
{
	k->kept[KEPT_KEYD] = (struct kept){ .role = "keyd", .main = keyd_main, .wanted = true };
	k->kept[KEPT_SIGN] = (struct kept){ .role = "keyd-sign", .main = sign_main,
		.wanted = keyd_sign_wanted(k->conf) };
	if (keeper_start(k) != OK)
		_exit(EXIT_KEYS);
	for (;;) {
		int ms = start_due(k);

		wait_ms(k, ms);
		reap(k);
	}
}

static void
keeper_run(const struct conf *conf, uint8_t *token_key, int life_fd, int ready_fd)
{
	struct keeper k = { .conf = conf, .life_fd = life_fd, .ready_fd = ready_fd };

	log_init("keyd");
	program_no_cores();
	k.token_key = sodium_malloc(TOKEN_KEY_OCTETS);
	if (k.token_key == NULL)
		_exit(1);
	memcpy(k.token_key, token_key, TOKEN_KEY_OCTETS);
	sodium_memzero(token_key, TOKEN_KEY_OCTETS);
	keeper_main(&k);
	_exit(1);
}

/* True when keyd has said that it serves. */
static bool
wait_ready(int fd)
{
	char word;
	ssize_t n;

	do
		n = read(fd, &word, 1);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

int
keyd_start(const struct conf *conf, uint8_t token_key[TOKEN_KEY_OCTETS],
    struct keyd_keeper *out)
{
	int ready[2], life[2];
	bool serves;

	if (pipe2(ready, O_CLOEXEC) != 0)
		return -errno;
	if (pipe2(life, O_CLOEXEC) != 0) {
		close(ready[0]);
		close(ready[1]);
		return ERR_NOMEM;
	}
	out->pid = fork();
	if (out->pid == 0) {
		systemd_close();
		pidfile_leave();
		close(ready[0]);
		close(life[1]);
		keeper_run(conf, token_key, life[0], ready[1]);
	}
	close(ready[1]);
	close(life[0]);
	out->life_fd = life[1];
	serves = out->pid > 0 && wait_ready(ready[0]);
	close(ready[0]);
	return serves ? OK : ERR_CONF;
}
