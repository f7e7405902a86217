/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * imapd -c FILE: opens the sockets and certificates, starts workers for each zone, and starts them
 * again when they die. SIGHUP: a new generation of workers with a new configuration, while the
 * old one serves its sessions to their end. SIGTERM: all end.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/sandbox.h"
#include "imapd/worker.h"

enum {
	ZONES = 2,
	WORKERS_MAX = 64 * ZONES,
	LISTENERS_MAX = 64,
	BACKLOG = 4096,
	ERRORS_OCTETS = 64 * 1024,
	BACKOFF_MIN_MS = 100,
	BACKOFF_MAX_MS = 5000,
	STABLE_MS = 10000,
	STOP_MS = 5000,
	TICK_MS = 200,
	FILES_MS = 2000,
};

struct child {
	pid_t	 pid;		/* 0: not running */
	unsigned zone;		/* 0: no such worker */
	uint64_t started_ms, due_ms, backoff_ms;
};

/* One configuration and what was opened for it. */
struct generation {
	struct conf	      *conf;
	struct tls_ctx	      *tls;
	struct worker_listener listeners[ZONES][LISTENERS_MAX];
	size_t		       listeners_n[ZONES];
	struct child	       children[WORKERS_MAX];
	size_t		       children_n;
	struct timespec	       files_as_of[2];	/* certificate, key: when they changed last */
};

/* ---- sockets ---- */

static int
parse_address(const struct conf_listener *l, struct sockaddr_storage *ss, socklen_t *n)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ss;
	struct sockaddr_in *v4 = (struct sockaddr_in *)ss;

	memset(ss, 0, sizeof *ss);
	if (inet_pton(AF_INET, l->address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)l->port);
		*n = sizeof *v4;
		return OK;
	}
	if (inet_pton(AF_INET6, l->address, &v6->sin6_addr) != 1)
		return ERR_CONF;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t)l->port);
	*n = sizeof *v6;
	return OK;
}

static int
open_socket(const struct conf_listener *l, int *fd_out)
{
	struct sockaddr_storage ss;
	socklen_t n;
	int one = 1, fd, err = parse_address(l, &ss, &n);

	if (err != OK)
		return err;
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
	    (ss.ss_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) != 0) ||
	    bind(fd, (struct sockaddr *)&ss, n) != 0 || listen(fd, BACKLOG) != 0) {
		err = -errno;
		close(fd);
		return err;
	}
	*fd_out = fd;
	return OK;
}

/* The socket that the generation before listens on at the same place, or -1. */
static int
inherited(const struct generation *old, const struct conf_listener *l)
{
	for (size_t z = 0; old != NULL && z < ZONES; z++)
		for (size_t i = 0; i < old->listeners_n[z]; i++) {
			const struct worker_listener *was = &old->listeners[z][i];

			if (was->conf->port == l->port &&
			    strcmp(was->conf->address, l->address) == 0)
				return fcntl(was->fd, F_DUPFD_CLOEXEC, 0);
		}
	return -1;
}

static int
open_listeners(struct generation *g, const struct generation *old)
{
	for (size_t i = 0; i < g->conf->listener_n; i++) {
		const struct conf_listener *l = &g->conf->listener[i];
		size_t z = l->zone == ZONE_INTERNAL ? 0 : 1;
		int fd = inherited(old, l), err = OK;

		if (l->role != CONF_LISTEN_IMAP)
			continue;
		if (g->listeners_n[z] == LISTENERS_MAX)
			return ERR_LIMIT;
		if (fd < 0)
			err = open_socket(l, &fd);
		if (err != OK) {
			log_event(EV_CONFIG_ERROR, F_CSTR("listener", l->title), F_ERR(err));
			return err;
		}
		g->listeners[z][g->listeners_n[z]++] =
		    (struct worker_listener){ .fd = fd, .conf = l };
		log_event(EV_LISTENER_UP, F_CSTR("listener", l->title),
		    F_CSTR("address", l->address), F_U64("port", l->port));
	}
	return g->listeners_n[0] + g->listeners_n[1] > 0 ? OK : ERR_CONF;
}

/* ---- generations ---- */

static void
generation_free(struct generation **gp)
{
	struct generation *g = *gp;

	if (g == NULL)
		return;
	for (size_t z = 0; z < ZONES; z++)
		for (size_t i = 0; i < g->listeners_n[z]; i++)
			close(g->listeners[z][i].fd);
	tls_ctx_free(&g->tls);
	conf_free(&g->conf);
	free(g);
	*gp = NULL;
}

static int
open_tls(struct generation *g)
{
	static const char *const alpn[] = { "imap", NULL };
	struct tls_server_conf tc = { .cert_file = g->conf->tls.certificate,
		.key_file = g->conf->tls.key, .alpn = alpn,
		.only_13 = g->conf->tls.minimum == CONF_TLS_MIN_13 };
	uint8_t key[TLS_TICKET_KEY_OCTETS];
	struct buf why;
	int err;

	buf_init(&why, ERRORS_OCTETS);
	err = tls_ctx_new_server(&tc, &why, &g->tls);
	if (err != OK)
		log_event(EV_CONFIG_ERROR, F_STR("why", buf_slice(&why)));
	buf_fini(&why);
	if (err == OK && (err = tls_ticket_key_make(key)) == OK)
		tls_ctx_set_ticket_key(g->tls, key);
	sodium_memzero(key, sizeof key);
	return err;
}

static int
read_conf(const char *path, struct conf **out)
{
	struct buf errors;
	int err;

	buf_init(&errors, ERRORS_OCTETS);
	err = conf_load(path, out, &errors);
	if (err != OK) {
		fprintf(stderr, "%.*s", (int)errors.n, errors.n > 0 ? errors.p : "");
		log_event(EV_CONFIG_ERROR, F_CSTR("file", path), F_ERR(err));
	}
	buf_fini(&errors);
	return err;
}

static int
generation_new(const char *path, const struct generation *old, struct generation **out)
{
	struct generation *g = calloc(1, sizeof *g);
	int err = g == NULL ? ERR_NOMEM : read_conf(path, &g->conf);

	if (err == OK)
		err = open_tls(g);
	if (err == OK)
		err = open_listeners(g, old);
	if (err != OK) {
		generation_free(&g);
		return err;
	}
	log_set_severity((enum log_severity)g->conf->general.log_level);
	for (size_t z = 0; z < ZONES; z++)
		for (size_t i = 0; g->listeners_n[z] > 0 && i < g->conf->limits.imap_workers; i++)
			g->children[g->children_n++] = (struct child){
				.zone = z == 0 ? ZONE_INTERNAL : ZONE_INTERNET,
				.backoff_ms = BACKOFF_MIN_MS };
	*out = g;
	return OK;
}

/* ---- children ---- */

static int
run_child(struct generation *g, unsigned zone, pid_t parent)
{
	size_t z = zone == ZONE_INTERNAL ? 0 : 1;
	struct worker_conf wc = { .conf = g->conf, .zone = zone, .tls = g->tls,
		.listeners = g->listeners[z], .listeners_n = g->listeners_n[z],
		.workers = (unsigned)g->conf->limits.imap_workers };
	int err;

	/* Nobody may be left behind when the parent is killed. */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent)
		return 1;
	for (size_t i = 0; i < g->listeners_n[1 - z]; i++)
		close(g->listeners[1 - z][i].fd);
	log_init(zone == ZONE_INTERNAL ? "imapd-internal" : "imapd-internet");
	err = worker_run(&wc);
	if (err != OK)
		log_event(EV_INTERNAL_ERROR, F_CSTR("at", "worker"), F_ERR(err));
	return err != OK;
}

static void
start_child(struct generation *g, struct child *ch)
{
	pid_t parent = getpid(), pid = fork();

	if (pid == 0)
		_exit(run_child(g, ch->zone, parent));
	ch->started_ms = clock_ms();
	if (pid < 0) {
		ch->due_ms = ch->started_ms + ch->backoff_ms;
		return;
	}
	ch->pid = pid;
	log_event(EV_WORKER_STARTED, F_U64("child", pid), F_CSTR("zone", zone_name(ch->zone)));
}

static void
start_due(struct generation *g)
{
	for (size_t i = 0; i < g->children_n; i++)
		if (g->children[i].pid == 0 && clock_ms() >= g->children[i].due_ms)
			start_child(g, &g->children[i]);
}

static void
child_died(struct child *ch, int status)
{
	uint64_t now = clock_ms();

	log_event(EV_WORKER_DIED, F_U64("child", ch->pid), F_I64("status", status));
	ch->pid = 0;
	if (now - ch->started_ms > STABLE_MS)
		ch->backoff_ms = BACKOFF_MIN_MS;
	ch->due_ms = now + ch->backoff_ms;
	ch->backoff_ms = ch->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : ch->backoff_ms * 2;
}

/* Those that are not in the present generation end as they were asked to. */
static void
reap(struct generation *g)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < g->children_n; i++)
			if (g->children[i].pid == pid)
				child_died(&g->children[i], status);
}

static void
signal_all(const struct generation *g, int signal)
{
	for (size_t i = 0; i < g->children_n; i++)
		if (g->children[i].pid > 0)
			kill(g->children[i].pid, signal);
}

/* ---- the parent ---- */

/* When the certificate and key were changed; a file that is not there (being replaced) says
 * nothing. */
static bool
files_changed(struct generation *g)
{
	const char *const files[] = { g->conf->tls.certificate, g->conf->tls.key };
	bool first = g->files_as_of[0].tv_sec == 0, changed = false;

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct stat st;

		if (stat(files[i], &st) != 0)
			continue;
		changed = changed || st.st_mtim.tv_sec != g->files_as_of[i].tv_sec ||
		    st.st_mtim.tv_nsec != g->files_as_of[i].tv_nsec;
		g->files_as_of[i] = st.st_mtim;
	}
	return changed && !first;
}

static void
reload(const char *path, struct generation **g)
{
	struct generation *fresh;

	if (generation_new(path, *g, &fresh) != OK)
		return;	/* what is wrong was said; the old one stays in force */
	signal_all(*g, SIGUSR1);
	generation_free(g);
	*g = fresh;
	log_event(EV_RELOAD, F_END);
}

static int
supervise(const char *path, struct generation **g, const sigset_t *set)
{
	const struct timespec tick = { 0, TICK_MS * 1000000L };
	uint64_t looked_ms = 0;

	for (;;) {
		int sig;

		start_due(*g);
		sig = sigtimedwait(set, NULL, &tick);
		reap(*g);
		if (sig == SIGTERM || sig == SIGINT)
			return OK;
		if (sig == SIGHUP) {
			reload(path, g);
		} else if (clock_ms() - looked_ms > FILES_MS) {
			looked_ms = clock_ms();
			if (files_changed(*g))
				reload(path, g);
		}
	}
}

static void
stop(struct generation *g, const sigset_t *set)
{
	const struct timespec tick = { 0, TICK_MS * 1000000L };
	uint64_t end = clock_ms() + STOP_MS;
	bool left = true;

	signal_all(g, SIGTERM);
	while (left && clock_ms() < end) {
		int status;
		pid_t pid;

		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			for (size_t i = 0; i < g->children_n; i++)
				if (g->children[i].pid == pid)
					g->children[i].pid = 0;
		left = pid == 0;
		if (left)
			sigtimedwait(set, NULL, &tick);
	}
	signal_all(g, SIGKILL);
}

/* As many descriptors as the system lets us have: a session needs one or two. */
static void
raise_descriptors(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) != 0)
		return;
	rl.rlim_cur = rl.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &rl) != 0)
		log_event(EV_INTERNAL_ERROR, F_CSTR("at", "setrlimit"), F_ERR(-errno));
}

int
main(int argc, char **argv)
{
	static const int watched[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD };
	struct generation *g = NULL;
	sigset_t set, old;
	int err;

	if (argc != 3 || strcmp(argv[1], "-c") != 0) {
		fprintf(stderr, "usage: imapd -c FILE\n");
		return 2;
	}
	log_init("imapd");
	signal(SIGPIPE, SIG_IGN);
	raise_descriptors();
	if (sodium_init() < 0)
		return 1;
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(watched); i++)
		sigaddset(&set, watched[i]);
	sigprocmask(SIG_BLOCK, &set, &old);
	err = generation_new(argv[2], NULL, &g);
	if (err != OK)
		return 1;
	sandbox_require(g->conf->general.sandbox == CONF_SANDBOX_REQUIRED);
	log_event(EV_START, F_END);
	if (supervise(argv[2], &g, &set) == OK)
		stop(g, &set);
	log_event(EV_STOP, F_END);
	generation_free(&g);
	return 0;
}
