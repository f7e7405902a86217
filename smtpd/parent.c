/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "smtpd/parent.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "smtpd/listen.h"
#include "smtpd/relay.h"

enum { BACKOFF_MIN_MS = 100, BACKOFF_MAX_MS = 10000, LIVED_MS = 60000, KILL_MS = 25000 };

enum child_role { CHILD_WORKER, CHILD_RELAY };

struct child {
	struct child	 *next;
	enum child_role	  role;
	pid_t		  pid;		/* 0: waiting to be started again */
	bool		  retiring;	/* of an older generation */
	uint64_t	  started_ms, backoff_ms;
	struct loop_timer timer;
	struct parent	 *parent;
};

/* What one reading of the configuration gave. */
struct generation {
	struct conf	     *conf;
	struct tls_ctx	     *tls;
	struct worker_socket *sockets;
	size_t		      sockets_n;
};

struct parent {
	const char	 *path;
	struct loop	 *loop;
	struct generation now;
	struct child	 *children;
	bool		  stopping;
	struct loop_timer kill;
};

static const char *const role_names[] = { [CHILD_WORKER] = "worker", [CHILD_RELAY] = "relay" };

/* ---- a generation ---- */

static int
open_tls(struct generation *g, struct buf *why)
{
	static const char *const alpn[] = { "smtp", "esmtp", NULL };
	struct tls_server_conf tc = { .cert_file = g->conf->tls.certificate,
	    .key_file = g->conf->tls.key, .alpn = alpn,
	    .only_13 = g->conf->tls.minimum == CONF_TLS_MIN_13 };
	uint8_t key[TLS_TICKET_KEY_OCTETS];
	int err = tls_ctx_new_server(&tc, why, &g->tls);

	if (err == OK)
		err = tls_ticket_key_make(key);
	if (err == OK)
		tls_ctx_set_ticket_key(g->tls, key);
	explicit_bzero(key, sizeof key);
	return err;
}

static void
close_generation(struct generation *g, const struct generation *next)
{
	listen_close(g->sockets, g->sockets_n, next->sockets, next->sockets_n);
	if (g->tls != NULL)
		tls_ctx_free(&g->tls);
	conf_free(&g->conf);
	*g = (struct generation){ .sockets_n = 0 };
}

/* Read the file and open what it names; on failure nothing has changed. */
static int
open_generation(const struct parent *p, struct generation *g)
{
	struct buf why;
	int err;

	*g = (struct generation){ .sockets_n = 0 };
	buf_init(&why, 1 << 20);
	err = conf_load(p->path, &g->conf, &why);
	if (err == OK)
		err = open_tls(g, &why);
	if (err == OK)
		err = listen_open(g->conf, p->now.sockets, p->now.sockets_n, &g->sockets,
		    &g->sockets_n, &why);
	if (err != OK) {
		log_event(EV_CONFIG_ERROR, F_CSTR("file", p->path), F_ERR(err));
		fprintf(stderr, "%.*s\n", (int)why.n, why.n > 0 ? why.p : "");
		close_generation(g, &p->now);
	}
	buf_fini(&why);
	return err;
}

/* ---- children ---- */

static void
child_main(struct parent *p, enum child_role role)
{
	struct generation *g = &p->now;
	int status;

	loop_free(&p->loop);
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() == 1)
		_exit(1);
	if (role == CHILD_WORKER) {
		status = worker_run(g->conf, g->tls, g->sockets, g->sockets_n);
	} else {
		for (size_t i = 0; i < g->sockets_n; i++)
			close(g->sockets[i].fd);
		tls_ctx_free(&g->tls);	/* the key is not for it */
		status = relay_run(g->conf);
	}
	exit(status);
}

static void start(struct child *c);

static void
on_start(struct loop_timer *t)
{
	start(t->arg);
}

static void
start_later(struct child *c)
{
	uint64_t ms = c->backoff_ms;

	c->pid = 0;
	c->backoff_ms = ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : ms * 2;
	if (loop_timer_set(c->parent->loop, &c->timer, ms, on_start, c) != OK)
		loop_stop(c->parent->loop);
}

static void
start(struct child *c)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		child_main(c->parent, c->role);
	if (pid < 0) {
		start_later(c);
		return;
	}
	c->pid = pid;
	c->started_ms = clock_ms();
	log_event(EV_WORKER_STARTED, F_CSTR("role", role_names[c->role]), F_I64("child", pid));
}

static int
add_child(struct parent *p, enum child_role role)
{
	struct child *c = calloc(1, sizeof *c);

	if (c == NULL)
		return ERR_NOMEM;
	c->parent = p;
	c->role = role;
	c->backoff_ms = BACKOFF_MIN_MS;
	c->next = p->children;
	p->children = c;
	start(c);
	return OK;
}

static int
start_generation(struct parent *p)
{
	int err = OK;

	for (uint64_t i = 0; i < p->now.conf->limits.smtp_workers && err == OK; i++)
		err = add_child(p, CHILD_WORKER);
	return err == OK ? add_child(p, CHILD_RELAY) : err;
}

static void
remove_child(struct parent *p, struct child *gone)
{
	struct child **at = &p->children;

	while (*at != gone)
		at = &(*at)->next;
	*at = gone->next;
	loop_timer_stop(&gone->timer);
	free(gone);
}

static void
signal_children(struct parent *p, int signal)
{
	for (struct child *c = p->children; c != NULL; c = c->next)
		if (c->pid > 0 && kill(c->pid, signal) != 0)
			log_event(EV_INTERNAL_ERROR, F_CSTR("what", "kill"), F_ERR(-errno));
}

static void
child_ended(struct parent *p, struct child *c, int status)
{
	if (c->retiring || p->stopping) {
		remove_child(p, c);
		if (p->stopping && p->children == NULL)
			loop_stop(p->loop);
		return;
	}
	log_event(EV_WORKER_DIED, F_CSTR("role", role_names[c->role]), F_I64("child", c->pid),
	    F_I64(WIFSIGNALED(status) ? "signal" : "status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)));
	if (clock_ms() - c->started_ms > LIVED_MS)
		c->backoff_ms = BACKOFF_MIN_MS;
	start_later(c);
}

static void
reap(struct parent *p)
{
	struct child *c;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (c = p->children; c != NULL && c->pid != pid; c = c->next)
			continue;
		if (c != NULL)
			child_ended(p, c, status);
	}
}

/* ---- signals ---- */

static void
on_kill(struct loop_timer *t)
{
	struct parent *p = t->arg;

	signal_children(p, SIGKILL);
	loop_stop(p->loop);
}

static void
stop(struct parent *p)
{
	struct child *next;

	p->stopping = true;
	for (struct child *c = p->children; c != NULL; c = next) {
		next = c->next;
		if (c->pid == 0)
			remove_child(p, c);
	}
	signal_children(p, SIGTERM);
	if (p->children == NULL || loop_timer_set(p->loop, &p->kill, KILL_MS, on_kill, p) != OK)
		loop_stop(p->loop);
}

static void
reload(struct parent *p)
{
	struct generation next;
	struct child *c, *after;

	if (open_generation(p, &next) != OK)
		return;
	for (c = p->children; c != NULL; c = after) {
		after = c->next;
		c->retiring = true;
		if (c->pid == 0)
			remove_child(p, c);
	}
	signal_children(p, SIGTERM);
	close_generation(&p->now, &next);
	p->now = next;
	log_set_severity((enum log_severity)next.conf->general.log_level);
	log_event(EV_RELOAD, F_CSTR("file", p->path));
	if (start_generation(p) != OK)
		stop(p);
}

static void
on_signal(void *arg, int signal)
{
	struct parent *p = arg;

	if (signal == SIGCHLD)
		reap(p);
	else if (signal == SIGHUP && !p->stopping)
		reload(p);
	else if (signal != SIGHUP && !p->stopping)
		stop(p);
}

/* ---- */

/* As many descriptors as the system lets us have: a session needs one or two. */
static void
raise_descriptors(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) != 0)
		return;
	rl.rlim_cur = rl.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &rl) != 0)
		log_event(EV_INTERNAL_ERROR, F_CSTR("what", "setrlimit"), F_ERR(-errno));
}

int
parent_run(const char *path)
{
	static const int signals[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP, 0 };
	static struct parent p;
	struct generation none = { .sockets_n = 0 };
	int err;

	p.path = path;
	log_init("smtpd");
	signal(SIGPIPE, SIG_IGN);
	raise_descriptors();
	if (open_generation(&p, &p.now) != OK)
		return 1;
	log_set_severity((enum log_severity)p.now.conf->general.log_level);
	for (size_t i = 0; i < p.now.sockets_n; i++)
		log_event(EV_LISTENER_UP, F_CSTR("listener", p.now.sockets[i].conf->title),
		    F_U64("port", p.now.sockets[i].conf->port));
	err = loop_new(&p.loop);
	if (err == OK)
		err = loop_signals(p.loop, signals, on_signal, &p);
	if (err == OK)
		err = start_generation(&p);
	if (err == OK)
		err = loop_run(p.loop);
	signal_children(&p, SIGKILL);
	while (p.children != NULL)
		remove_child(&p, p.children);
	close_generation(&p.now, &none);
	loop_free(&p.loop);
	log_event(EV_STOP, F_ERR(err));
	return err == OK ? 0 : 1;
}
