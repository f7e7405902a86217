/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/parent.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/generation.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/metric.h"
#include "common/pidfile.h"
#include "common/program.h"
#include "common/systemd.h"

enum {
	BACKOFF_MIN_MS = 100,
	BACKOFF_MAX_MS = 10000,
	LIVED_MS = 60000,	/* then back-off begins anew */
	TICK_MS = 1000,
	PENDING_MS = 30000,	/* a generation that does not serve by then is given up */
	KILLED_MS = 2000,	/* for the kernel to end what got SIGKILL */
	ROLES_MAX = 8,
};

struct child {
	struct child		 *next;
	struct parent		 *parent;
	const struct parent_role *role;
	pid_t			  pid;		/* 0: waiting to be started again */
	uint64_t		  generation;
	struct share_seat	  seat;
	int			  figures;	/* its share of the metrics */
	bool			  ready;
	struct loop_fd		  ready_lf;	/* the pipe that it says so with */
	uint64_t		  started_ms, backoff_ms;
	uint64_t		  retired_ms, ended_ms;	/* 0: not yet told to */
	struct loop_timer	  again;
};

struct parent {
	const struct parent_program *program;
	struct generation_keeps	     keeps;
	struct generation	     now;	/* the newest */
	struct generation	     before;	/* the one in force while the newest starts; else none */
	struct loop		    *loop;
	struct share		    *share[ROLES_MAX];	/* one per role */
	struct child		    *children;
	uint64_t		     generation, in_force;	/* numbers of the two; 0: none yet */
	uint64_t		     last_number, tried_ms;
	bool			     stopping;
	struct loop_timer	     tick, kill;
};

/* Is there one that is to be in force, and is not yet? */
static bool
is_pending(const struct parent *p)
{
	return p->generation != p->in_force;
}

/* May a child that ended be started again? */
static bool
is_wanted(const struct parent *p, const struct child *c)
{
	return c->retired_ms == 0 && (c->generation == p->generation ||
	    (c->generation == p->in_force && p->before.conf != NULL));
}

static struct generation *
generation_of(struct parent *p, const struct child *c)
{
	return c->generation == p->generation || p->before.conf == NULL ? &p->now : &p->before;
}

/* ---- in the child ---- */

static void
close_others(struct parent *p, struct generation *own)
{
	generation_leave(own == &p->now ? &p->before : &p->now, own);
	for (struct child *c = p->children; c != NULL; c = c->next)
		if (c->ready_lf.loop != NULL)
			close(c->ready_lf.fd);
	listen_passed_close(&p->keeps.passed);
	loop_free(&p->loop);
	systemd_close();
	pidfile_leave();
	explicit_bzero(p->keeps.ticket_key, sizeof p->keeps.ticket_key);
}

static void
child_main(struct parent *p, struct child *c, pid_t parent, int ready_fd)
{
	struct generation *g = generation_of(p, c);
	struct parent_child pc = { .conf = g->conf, .tls = g->tls, .sockets = &g->sockets,
	    .seat = c->seat, .ready_fd = ready_fd };

	/* Nobody may be left behind when the parent is killed. */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent ||
	    identity_take(c->role->who) != OK)
		_exit(1);
	close_others(p, g);
	metric_share_enter(c->figures);
	listen_keep(&g->sockets, c->role->serves);
	if (c->role->serves == NULL) {
		tls_ctx_free(&g->tls);	/* the key is not for it */
		pc.tls = NULL;
	}
	if (c->role->log_name != NULL)
		log_init(c->role->log_name);
	exit(c->role->run(&pc));
}

void
parent_child_ready(const struct parent_child *child)
{
	if (write(child->ready_fd, "", 1) != 1)
		log_event(EV_INTERNAL_ERROR, F_CSTR("what", "ready"), F_ERR(-errno));
	close(child->ready_fd);
}

/* ---- starting ---- */

static void start(struct child *c);

static void
on_again(struct loop_timer *t)
{
	start(t->arg);
}

static void
start_later(struct child *c)
{
	uint64_t ms = c->backoff_ms;

	c->backoff_ms = ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : ms * 2;
	if (loop_timer_set(c->parent->loop, &c->again, ms, on_again, c) != OK)
		loop_stop(c->parent->loop);
}

static void on_ready(struct loop_fd *lf, unsigned events);

static int
try_start(struct child *c)
{
	struct parent *p = c->parent;
	pid_t self = getpid(), pid;
	int ends[2], err;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return -errno;
	err = share_take(p->share[c->role - p->program->roles], &c->seat);
	c->figures = metric_share_take();
	if (err == OK)
		err = loop_fd_add(p->loop, &c->ready_lf, ends[0], LOOP_READ, on_ready, c);
	fflush(NULL);
	pid = err == OK ? fork() : -1;
	if (pid == 0)
		child_main(p, c, self, ends[1]);
	if (pid < 0) {
		err = err != OK ? err : -errno;
		loop_fd_remove(&c->ready_lf);
		close(ends[0]);
		share_give_back(&c->seat);
		metric_share_give(c->figures);
	}
	close(ends[1]);
	c->pid = pid > 0 ? pid : 0;
	return err;
}

static void
start(struct child *c)
{
	int err = try_start(c);

	c->ready = false;
	if (err != OK) {
		log_event(EV_WORKER_FAILED, F_CSTR("role", c->role->name), F_ERR(err),
		    F_U64("again_ms", c->backoff_ms));
		start_later(c);
		return;
	}
	c->started_ms = clock_ms();
	metric_add(METRIC_WORKER_STARTS, 0, 1);
	log_event(EV_WORKER_STARTED, F_CSTR("role", c->role->name), F_I64("child", c->pid),
	    F_U64("generation", c->generation));
}

static int
start_generation(struct parent *p)
{
	p->generation = ++p->last_number;
	for (size_t i = 0; i < p->now.conf->route_n; i++)
		metric_slot(METRIC_LABEL_ROUTE, p->now.conf->route[i].title);
	for (size_t i = 0; i < p->program->roles_n; i++) {
		const struct parent_role *role = &p->program->roles[i];

		for (uint64_t n = role->count(p->now.conf); n > 0; n--) {
			struct child *c = calloc(1, sizeof *c);

			if (c == NULL)
				return ERR_NOMEM;
			*c = (struct child){ .next = p->children, .parent = p, .role = role,
			    .generation = p->generation, .backoff_ms = BACKOFF_MIN_MS };
			p->children = c;
			start(c);
		}
	}
	return OK;
}

/* ---- ending ---- */

static void
remove_child(struct parent *p, struct child *gone)
{
	struct child **at = &p->children;

	while (*at != gone)
		at = &(*at)->next;
	*at = gone->next;
	loop_timer_stop(&gone->again);
	free(gone);
}

static void
send_signal(const struct child *c, int signal)
{
	if (c->pid > 0 && kill(c->pid, signal) != 0)
		log_event(EV_INTERNAL_ERROR, F_CSTR("what", "kill"), F_ERR(-errno));
}

static void
end_child(struct child *c)
{
	c->ended_ms = clock_ms();
	send_signal(c, SIGTERM);
}

static void
kill_all(struct parent *p)
{
	for (struct child *c = p->children; c != NULL; c = c->next)
		send_signal(c, SIGKILL);
}

/* It accepts no more and ends with its last session. */
static void
retire_child(struct parent *p, struct child *c)
{
	c->retired_ms = clock_ms();
	if (c->pid == 0)
		remove_child(p, c);
	else
		send_signal(c, PARENT_RETIRE);
}

static void
retire(struct parent *p)
{
	for (struct child *c = p->children, *next; c != NULL; c = next) {
		next = c->next;
		if (c->generation != p->generation && c->retired_ms == 0)
			retire_child(p, c);
	}
}

/* How many retired generations that are newer than c's still have sessions? The list begins with
 * the newest. One that never served, or has ended, crowds out nobody. */
static unsigned
newer_retired(const struct parent *p, const struct child *c)
{
	uint64_t last = 0;
	unsigned n = 0;

	for (const struct child *o = p->children; o->generation > c->generation; o = o->next)
		if (o->retired_ms != 0 && o->pid > 0 && o->ready && o->generation != last) {
			last = o->generation;
			n++;
		}
	return n;
}

/* Retired ones may not live for ever, nor become many generations. */
static void
bound_retired(struct parent *p)
{
	uint64_t now = clock_ms(), grace_ms = p->now.conf->limits.reload_grace_s * 1000;

	for (struct child *c = p->children; c != NULL; c = c->next) {
		if (c->retired_ms == 0 || c->pid == 0)
			continue;
		if (c->ended_ms != 0 && now - c->ended_ms > PARENT_STOP_MS)
			send_signal(c, SIGKILL);
		else if (c->ended_ms == 0 && (now - c->retired_ms > grace_ms ||
		    newer_retired(p, c) >= PARENT_RETIRED_MAX))
			end_child(c);
	}
}

static void
log_end(const struct child *c, int status)
{
	const char *how = WIFSIGNALED(status) ? "signal" : "status";
	int n = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
	bool asked = c->retired_ms != 0 && (n == 0 || c->ended_ms != 0);

	if (!asked)
		metric_add(METRIC_WORKER_DEATHS, 0, 1);
	log_event(asked ? EV_WORKER_RETIRED : EV_WORKER_DIED, F_CSTR("role", c->role->name),
	    F_I64("child", c->pid), F_I64(how, n), F_U64("generation", c->generation),
	    F_CSTR("why", c->ended_ms != 0 ? "time" : c->retired_ms != 0 ? "retired" : "fallen"));
}

static void
child_ended(struct parent *p, struct child *c, int status)
{
	if (c->ready_lf.loop != NULL) {
		loop_fd_remove(&c->ready_lf);
		close(c->ready_lf.fd);
	}
	share_give_back(&c->seat);
	metric_share_give(c->figures);
	if (!p->stopping)
		log_end(c, status);
	c->pid = 0;
	if (p->stopping || !is_wanted(p, c)) {
		remove_child(p, c);
		if (p->stopping && p->children == NULL)
			loop_stop(p->loop);
		return;
	}
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

/* ---- generations ---- */

static void
tell_status(const struct parent *p)
{
	unsigned serving = 0, wanted = 0, retired = 0;

	for (const struct child *c = p->children; c != NULL; c = c->next) {
		retired += c->retired_ms != 0;
		wanted += c->generation == p->generation;
		serving += c->generation == p->generation && c->ready;
	}
	systemd_status("%u of %u processes serve, %u end with their sessions", serving, wanted,
	    retired);
}

static void
on_ready(struct loop_fd *lf, unsigned events)
{
	struct child *c = lf->arg;
	struct parent *p = c->parent;
	char octet;

	(void)events;
	c->ready = read(lf->fd, &octet, 1) == 1;
	loop_fd_remove(lf);
	close(lf->fd);
	tell_status(p);
	for (const struct child *o = p->children; o != NULL; o = o->next)
		if (o->generation == p->generation && !o->ready)
			return;
	if (!is_pending(p) || p->stopping)
		return;
	log_event(p->in_force == 0 ? EV_START : EV_RELOAD, F_CSTR("file", p->keeps.path),
	    F_U64("generation", p->generation),
	    F_I64("certificate_until", tls_ctx_not_after_s(p->now.tls)));
	if (p->in_force != 0)
		metric_config_loaded(p->keeps.path);
	metric_set(METRIC_TLS_CERTIFICATE_END, 0, (uint64_t)tls_ctx_not_after_s(p->now.tls));
	p->in_force = p->generation;
	generation_close(&p->before, &p->now);
	retire(p);
	tell_status(p);
	systemd_ready();
}

static void
drop_children(struct parent *p)
{
	for (struct child *c = p->children, *next; c != NULL; c = next) {
		next = c->next;
		if (c->generation == p->generation)
			retire_child(p, c);
	}
}

/* The newest does not come into force: back to the one that is. */
static void
drop_pending(struct parent *p)
{
	drop_children(p);
	if (p->before.conf != NULL) {
		generation_close(&p->now, &p->before);
		p->now = p->before;
		p->before = (struct generation){ .conf = NULL };
	} else {
		p->now.loaded.there = false;	/* only its certificates were new: again */
	}
	p->generation = p->in_force;
}

/* Without memory some children are missing, and the old ones stay. */
static void
try_generation(struct parent *p)
{
	int err = start_generation(p);

	p->tried_ms = clock_ms();
	if (err != OK)
		log_event(EV_WORKER_FAILED, F_U64("generation", p->generation), F_ERR(err));
}

static void
reload(struct parent *p)
{
	struct generation next;

	systemd_reloading();
	if (is_pending(p) && p->in_force != 0)
		drop_pending(p);
	if (generation_open(&p->keeps, &p->now, &next) != OK) {
		metric_config_failed();
		systemd_ready();		/* the old one stays in force */
		return;
	}
	if (p->in_force == 0) {	/* the first one could not start */
		drop_children(p);
		generation_close(&p->now, &next);
	} else {
		p->before = p->now;
	}
	p->now = next;
	log_set_severity((enum log_severity)next.conf->general.log_level);
	try_generation(p);
}

static void stop(struct parent *p);

/* One that cannot start must not stand in the way of new certificates for ever. */
static void
bound_pending(struct parent *p)
{
	uint64_t most = p->program->pending_ms == 0 ? PENDING_MS : p->program->pending_ms;

	if (p->in_force == 0 || !is_pending(p) || clock_ms() - p->tried_ms < most)
		return;
	log_event(EV_WORKER_FAILED, F_U64("generation", p->generation), F_ERR(ERR_TIMEOUT));
	drop_pending(p);
	metric_config_failed();
	systemd_ready();	/* the old one stays in force */
}

static void
on_tick(struct loop_timer *t)
{
	struct parent *p = t->arg;

	if (p->stopping)
		return;
	bound_retired(p);
	bound_pending(p);
	if ((p->in_force == 0 || !is_pending(p)) && generation_renew(&p->keeps, &p->now)) {
		if (p->in_force == 0)
			drop_children(p);
		try_generation(p);
	}
	if (loop_timer_set(p->loop, &p->tick, TICK_MS, on_tick, p) != OK)
		stop(p);
}

/* ---- stopping ---- */

static void
on_kill(struct loop_timer *t)
{
	struct parent *p = t->arg;
	bool again = p->children == NULL;

	for (struct child *c = p->children; c != NULL; c = c->next) {
		again = again || c->ended_ms == UINT64_MAX;
		c->ended_ms = UINT64_MAX;	/* killed */
	}
	kill_all(p);
	if (again || loop_timer_set(p->loop, &p->kill, KILLED_MS, on_kill, p) != OK)
		loop_stop(p->loop);
}

static void
stop(struct parent *p)
{
	if (p->stopping) {	/* asked twice: somebody is in a hurry */
		on_kill(&p->kill);
		return;
	}
	p->stopping = true;
	systemd_stopping();
	for (struct child *c = p->children, *next; c != NULL; c = next) {
		next = c->next;
		if (c->pid == 0)
			remove_child(p, c);
		else
			end_child(c);
	}
	if (p->children == NULL ||
	    loop_timer_set(p->loop, &p->kill, PARENT_STOP_MS, on_kill, p) != OK)
		loop_stop(p->loop);
}

static void
on_signal(void *arg, int signal)
{
	struct parent *p = arg;

	if (signal == SIGCHLD)
		reap(p);
	else if (signal == SIGHUP && !p->stopping)
		reload(p);
	else if (signal == SIGTERM || signal == SIGINT)
		stop(p);
}

/* ---- the beginning and the end ---- */

static int
set_up(struct parent *p)
{
	/* PARENT_RETIRE is for children: it waits until they have a handler. */
	static const int signals[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP, PARENT_RETIRE, 0 };
	int err = loop_new(&p->loop);

	for (size_t i = 0; i < p->program->roles_n && err == OK; i++)
		err = share_new(&p->share[i]);
	if (err == OK)
		err = loop_signals(p->loop, signals, on_signal, p);
	if (err == OK)
		err = start_generation(p);
	return err == OK ? loop_timer_set(p->loop, &p->tick, TICK_MS, on_tick, p) : err;
}

static void
fini(struct parent *p)
{
	kill_all(p);
	while (p->children != NULL)
		remove_child(p, p->children);
	generation_close(&p->before, &p->now);
	generation_close(&p->now, NULL);
	listen_passed_close(&p->keeps.passed);
	for (size_t i = 0; i < p->program->roles_n; i++)
		share_free(&p->share[i]);
	loop_free(&p->loop);
	explicit_bzero(p->keeps.ticket_key, sizeof p->keeps.ticket_key);
}

int
parent_run(const struct parent_program *program, const char *path)
{
	static struct parent p;
	struct generation none = { .conf = NULL };
	unsigned identities = 0;
	int err;

	for (size_t i = 0; i < program->roles_n; i++)
		identities |= IDENTITY_BIT(program->roles[i].who);

	p = (struct parent){ .program = program, .keeps = { .path = path,
	    .alpn = program->alpn, .listener_roles = program->listener_roles,
	    .identities = identities } };
	log_init(program->name);
	systemd_open();
	signal(SIGPIPE, SIG_IGN);
	program_raise_descriptors();
	listen_passed_take(&p.keeps.passed);
	if (program->roles_n > ROLES_MAX || generation_open(&p.keeps, &none, &p.now) != OK ||
	    identity_parent() != OK)
		return 1;
	listen_passed_log(&p.keeps.passed);
	log_set_severity((enum log_severity)p.now.conf->general.log_level);
	err = program_begin(p.now.conf, path, program->name);
	if (err == OK)
		err = set_up(&p);
	if (err == OK)
		err = loop_run(p.loop);
	fini(&p);
	log_event(EV_STOP, F_ERR(err));
	return err == OK ? 0 : 1;
}
