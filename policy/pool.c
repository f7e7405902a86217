/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/pool.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/control.h"
#include "common/log.h"
#include "common/memfd.h"
#include "common/metric.h"
#include "common/systemd.h"
#include "policy/decide.h"
#include "policy/judge_sign.h"
#include "policy/profile.h"
#include "policy/seen.h"
#include "policy/sign_line.h"
#include "policy/waiting.h"
#include "policy/worker.h"

enum {
	RESTART_MIN_MS = 50,
	RESTART_MAX_MS = 5000,
};

struct worker_slot {
	struct pool	   *pool;
	pid_t		    pid;	/* 0: none */
	struct chan_client *client;
	struct sign_line   *line;	/* on which it asks for signatures */
	bool		    ready;	/* has a trust set */
	bool		    retiring;	/* to be replaced when idle */
	struct job	   *job;
	uint64_t	    restart_ms;
	struct loop_timer   timer;
};

struct pool {
	struct loop	   *loop;
	const struct conf  *conf;
	const struct trust *trust;
	struct pool_events  events;
	struct chan_server *server;
	struct chan_client *keyd;	/* which signs; NULL: no signer is configured */
	struct worker_slot *slots;
	size_t		    slots_n;
	struct waiting	    waiting;
	bool		    was_ready, closing;
	struct pol_status_reply status;
	struct seen	   *seen;
};

static void start(struct worker_slot *w);
static void dispatch(struct pool *p);

/* ---- jobs ---- */

static void
job_fail(struct job *job, int status)
{
	job->pool->status.deferred++;
	metric_add(METRIC_JUDGE_FAILED, 0, 1);
	chan_reply(job->pool->server, &job->req, status, NULL, NULL, 0);
	job_free(job);
}

static void
on_waited_too_long(struct loop_timer *t)
{
	struct job *job = t->arg;

	waiting_take(&job->pool->waiting, job);
	job_fail(job, ERR_UNAVAIL);
}

void
pool_peer_gone(struct pool *p, uint64_t peer_serial)
{
	struct job *job;

	while ((job = waiting_of_peer(&p->waiting, peer_serial)) != NULL) {
		waiting_take(&p->waiting, job);
		job_free(job);
	}
}

/* ---- answers of workers ---- */

/* Has the worker answered the question that was asked? */
static bool
is_believable(struct sign_line *line, const struct job *job, const struct chan_answer *a)
{
	const struct pol_judge_reply *reply = a->msg;
	unsigned worst = VERDICT_ALLOW;

	if (reply->recipients_n != job->recipients_n || reply->sha256.n != 32 || a->fds_n > 1 ||
	    !sign_line_end(line, reply->signed_by))
		return false;
	for (size_t i = 0; i < reply->recipients_n; i++)
		worst = decide_worst(worst, reply->recipients[i].verdict);
	return worst == reply->verdict;
}

static void
count(struct pool *p, const struct job *job, const struct pol_judge_reply *reply)
{
	/* A rule that the worker made up is "other". */
	unsigned rule = metric_slot_find(METRIC_LABEL_RULE, reply->rule.p, reply->rule.n);

	metric_add(METRIC_VERDICTS, metric_at(METRIC_VERDICTS, rule, job->path, reply->verdict), 1);
	metric_observe_us(METRIC_JUDGE_TIME, metric_at(METRIC_JUDGE_TIME, job->path, 0, 0),
	    clock_us() - job->began_us);
	if (reply->verdict == VERDICT_REJECT && reply->level >= LEVEL_MAT)
		metric_add(METRIC_INCIDENTS, metric_at(METRIC_INCIDENTS, rule, reply->level, 0), 1);
	p->status.judged++;
	if (reply->verdict == VERDICT_REJECT)
		p->status.rejected++;
	else if (reply->verdict == VERDICT_DEFER)
		p->status.deferred++;
}

/* The process is ended now; its slot is freed when it has been reaped. */
static void
kill_worker(struct worker_slot *w)
{
	w->ready = false;
	if (w->pid > 0)
		kill(w->pid, SIGKILL);
}

static void
tell_failed(const struct worker_slot *w, int status)
{
	if (!w->pool->closing && !w->retiring)
		log_event(EV_WORKER_DIED, F_I64("worker", w->pid), F_ERR(status), F_END);
}

/* An error that a sound worker gives, as against one that speaks of a broken one. */
static bool
is_own_word(int status)
{
	return status != ERR_FRAME && status != ERR_UNKNOWN && status != ERR_TIMEOUT &&
	    status != ERR_UNAVAIL;
}

/* Answer the asker, without what only congvu-trust is told. */
static void
pass_on(struct pool *p, const struct job *job, struct chan_answer *a)
{
	struct pol_judge_reply reply = *(const struct pol_judge_reply *)a->msg;

	seen_add(p->seen, reply.seen, reply.seen_n);
	reply.seen_n = 0;
	chan_reply(p->server, &job->req, OK, &reply, a->fds, a->fds_n);
}

static void
on_judged(void *arg, struct chan_answer *a)
{
	struct worker_slot *w = arg;
	struct job *job = w->job;
	struct pool *p = w->pool;

	w->job = NULL;
	if (a->status == OK && is_believable(w->line, job, a)) {
		count(p, job, a->msg);
		pass_on(p, job, a);
		job_free(job);
		w->restart_ms = RESTART_MIN_MS;
	} else if (a->status != OK && is_own_word(a->status)) {
		job_fail(job, a->status);
	} else {
		tell_failed(w, a->status);
		kill_worker(w);
		job_fail(job, ERR_UNAVAIL);
	}
	if (w->retiring)
		kill_worker(w);
	dispatch(p);
}

static struct worker_slot *
idle_worker(struct pool *p)
{
	for (size_t i = 0; i < p->slots_n; i++)
		if (p->slots[i].ready && p->slots[i].job == NULL)
			return &p->slots[i];
	return NULL;
}

static void
hand_over(struct worker_slot *w, struct job *job, const struct pol_judge_request *msg, int fd)
{
	w->job = job;
	sign_line_begin(w->line, msg->may_sign);
	chan_call(w->client, WORK_JUDGE, msg, &fd, 1, w->pool->conf->limits.policy_ms, on_judged, w,
	    NULL);
}

/* ---- whose turn it is ---- */

/* Anybody may send mail that takes long to look through: one worker is left to those who signed
 * in to send. */
static bool
may_start(const struct pool *p, unsigned sort)
{
	size_t busy = 0;

	if (sort == SORT_SUBMIT || p->slots_n < 2 || control_off("policy-reserve"))
		return true;
	for (size_t i = 0; i < p->slots_n; i++)
		busy += p->slots[i].job != NULL && p->slots[i].job->sort != SORT_SUBMIT;
	return busy < p->slots_n - 1;
}

static struct job *
next_job(struct pool *p)
{
	for (unsigned i = 0; i < SORT_COUNT; i++) {
		struct job *job = p->waiting.head[i];

		if (job != NULL && may_start(p, i)) {
			waiting_take(&p->waiting, job);
			return job;
		}
	}
	return NULL;
}

static void
dispatch_one(struct worker_slot *w, struct job *job)
{
	struct pol_judge_request msg;
	struct arena a;
	int r;

	arena_init(&a, WAITING_OCTETS_MAX);
	r = wire_decode(&pol_judge_request_wire, buf_slice(&job->encoded), &a, &msg);
	if (r == OK)
		hand_over(w, job, &msg, job->fd);
	arena_clear(&a);
	if (r != OK) {
		job_fail(job, r);
		return;
	}
	buf_fini(&job->encoded);
	close(job->fd);
	job->fd = -1;
}

static void
dispatch(struct pool *p)
{
	struct worker_slot *w;
	struct job *job;

	while (p->waiting.n > 0 && (w = idle_worker(p)) != NULL && (job = next_job(p)) != NULL)
		dispatch_one(w, job);
}

/* fd: of the message; taken over by a job that waits. */
static int
wait_in_turn(struct pool *p, struct job *job, const struct pol_judge_request *msg, int *fd)
{
	int r = waiting_put(&p->waiting, job, msg, fd);

	if (r != OK)
		return r;
	r = loop_timer_set(p->loop, &job->timer, p->conf->limits.policy_ms, on_waited_too_long,
	    job);
	if (r != OK)
		waiting_take(&p->waiting, job);
	return r;
}

void
pool_judge(struct pool *p, struct chan_req *req, const struct pol_judge_request *msg)
{
	struct worker_slot *w;
	struct job *job;
	int r = job_new(p, req, msg, &job);

	if (r != OK) {
		chan_reply(p->server, req, r, NULL, NULL, 0);
		return;
	}
	w = p->waiting.head[job->sort] == NULL && may_start(p, job->sort) ? idle_worker(p) : NULL;
	if (w != NULL) {
		hand_over(w, job, msg, req->fds[0]);
		return;
	}
	r = wait_in_turn(p, job, msg, &req->fds[0]);
	if (r != OK)
		job_fail(job, r);
}

/* ---- trust ---- */

static void
on_trusted(void *arg, struct chan_answer *a)
{
	struct worker_slot *w = arg;
	struct pool *p = w->pool;
	const struct work_trust_reply *reply = a->msg;

	if (a->status != OK) {
		tell_failed(w, a->status);
		kill_worker(w);
		return;
	}
	p->status.roots = reply->roots;
	p->status.crls = reply->crls;
	p->status.crl_next_update_s = reply->crl_next_update_s;
	p->status.sandboxed = reply->sandboxed;
	metric_set(METRIC_CRLS, 0, reply->crls);
	metric_set(METRIC_CRL_NEXT_UPDATE, 0, reply->crl_next_update_s);
	metric_set(METRIC_CRL_AGE, 0, reply->crl_this_update_s);
	metric_set(METRIC_ROOT_END, 0, reply->root_end_s);
	w->ready = true;
	if (!p->was_ready) {
		p->was_ready = true;
		p->events.ready(p->events.arg);
	}
	dispatch(p);
}

static void
send_trust(struct worker_slot *w)
{
	struct dir_nothing nothing = { 0 };
	int fd = -1;
	int r = memfd_of("congvu-trust", trust_blob(w->pool->trust), &fd);

	if (r != OK) {
		kill_worker(w);
		return;
	}
	/* It may be busy: the set waits in its socket until the present message is judged. */
	chan_call(w->client, WORK_TRUST, &nothing, &fd, 1, 2 * w->pool->conf->limits.policy_ms,
	    on_trusted, w, NULL);
	close(fd);
}

void
pool_trust_changed(struct pool *p)
{
	for (size_t i = 0; i < p->slots_n; i++)
		if (p->slots[i].client != NULL)
			send_trust(&p->slots[i]);
}

/* ---- processes ---- */

static void
on_restart(struct loop_timer *t)
{
	start(t->arg);
}

static void
restart_later(struct worker_slot *w)
{
	if (loop_timer_set(w->pool->loop, &w->timer, w->restart_ms, on_restart, w) != OK) {
		w->pool->events.fatal(w->pool->events.arg);
		return;
	}
	w->restart_ms = w->restart_ms * 2 > RESTART_MAX_MS ? RESTART_MAX_MS : w->restart_ms * 2;
}

/* Two socketpairs: for what the worker is asked, and for what it asks (waiting for the answer). */
static int
pairs(int asked[2], int asking[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, asked) != 0)
		return -errno;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, asking) == 0)
		return OK;
	close(asked[0]);
	close(asked[1]);
	return ERR_NOMEM;
}

static void
start(struct worker_slot *w)
{
	struct pool *p = w->pool;
	size_t n;
	const struct chan_row *rows = work_rows(&n);
	int fds[2], sign[2];

	if (pairs(fds, sign) != OK) {
		restart_later(w);
		return;
	}
	w->pid = fork();
	if (w->pid == 0) {
		systemd_close();
		worker_main(fds[1], sign[1], p->conf);
	}
	close(fds[1]);
	close(sign[1]);
	if (sign_line_new(p->loop, p->keyd, sign[0], &w->line) != OK || w->pid < 0 ||
	    chan_client_adopt(p->loop, fds[0], rows, n, &w->client) != OK) {
		sign_line_free(&w->line);
		close(fds[0]);
		kill_worker(w);
		if (w->pid < 0) {
			w->pid = 0;
			restart_later(w);
		}
		return;
	}
	metric_add(METRIC_WORKER_STARTS, 0, 1);
	log_event(EV_WORKER_STARTED, F_I64("worker", w->pid), F_END);
	send_trust(w);
}

/* A worker has ended: let go of its connection (its job is answered), start another one. */
static void
bury(struct worker_slot *w, int status)
{
	bool sandbox = WIFEXITED(status) && WEXITSTATUS(status) == WORKER_EXIT_SANDBOX;
	bool asked = w->retiring;

	w->pid = 0;
	w->ready = false;
	w->retiring = false;
	chan_client_free(&w->client);
	sign_line_free(&w->line);
	if (sandbox) {
		w->pool->events.fatal(w->pool->events.arg);
		return;
	}
	if (asked) {
		start(w);
		return;
	}
	w->pool->status.worker_deaths++;
	metric_add(METRIC_WORKER_DEATHS, 0, 1);
	log_event(EV_WORKER_DIED, F_I64("status", status), F_END);
	restart_later(w);
}

void
pool_reap(struct pool *p)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < p->slots_n; i++)
			if (p->slots[i].pid == pid) {
				bury(&p->slots[i], status);
				break;
			}
}

/* Only names that are known here are shown. */
static void
name_rules(const struct conf *conf)
{
	const struct rule *single[] = { profile_malformed(), profile_last(),
		profile_secret_internet() };
	const struct rule_table *tables[3];
	struct rules rules;

	for (size_t i = 0; i < ARRAY_LEN(single); i++)
		metric_slot(METRIC_LABEL_RULE, single[i]->name);
	metric_slot(METRIC_LABEL_RULE, JUDGE_SIGN_RULE);
	if (rules_init(&rules, conf) != OK)
		return;
	tables[0] = &rules.fixed;
	tables[1] = &rules.own;
	tables[2] = &rules.shipped;
	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		for (size_t j = 0; j < tables[i]->count; j++)
			metric_slot(METRIC_LABEL_RULE, tables[i]->rows[j].name);
	rules_fini(&rules);
}

static int
connect_keyd(struct pool *p, const struct conf *conf)
{
	char path[108];
	size_t n;
	const struct chan_row *rows = sign_rows(&n);
	int r;

	if (conf->signer_n == 0)
		return OK;
	r = chan_path(conf->general.run_dir, "sign", ROLE_POLICYD, path, sizeof path);
	return r == OK ? chan_client_new(p->loop, path, rows, n, &p->keyd) : r;
}

void
pool_reload(struct pool *p, const struct conf *conf)
{
	p->conf = conf;
	name_rules(conf);
	for (size_t i = 0; i < p->slots_n; i++) {
		p->slots[i].retiring = p->slots[i].pid > 0;
		if (p->slots[i].job == NULL)
			kill_worker(&p->slots[i]);
	}
}

int
pool_new(struct loop *loop, const struct conf *conf, const struct trust *trust,
    const struct pool_events *events, struct pool **out)
{
	struct pool *p = calloc(1, sizeof *p);

	if (p == NULL)
		return ERR_NOMEM;
	*p = (struct pool){ .loop = loop, .conf = conf, .trust = trust, .events = *events };
	name_rules(conf);
	waiting_init(&p->waiting);
	p->slots_n = conf->limits.policy_workers;
	p->slots = calloc(p->slots_n, sizeof *p->slots);
	p->seen = seen_new();
	if (p->slots == NULL || p->seen == NULL || connect_keyd(p, conf) != OK) {
		free(p->slots);
		seen_free(&p->seen);
		free(p);
		return ERR_NOMEM;
	}
	for (size_t i = 0; i < p->slots_n; i++) {
		p->slots[i] = (struct worker_slot){ .pool = p, .restart_ms = RESTART_MIN_MS };
		start(&p->slots[i]);
	}
	*out = p;
	return OK;
}

/* Also those that wait for a worker which is not left to others. */
static void
fail_all(struct pool *p)
{
	for (unsigned i = 0; i < SORT_COUNT; i++)
		while (p->waiting.head[i] != NULL) {
			struct job *job = p->waiting.head[i];

			waiting_take(&p->waiting, job);
			job_fail(job, ERR_UNAVAIL);
		}
}

void
pool_free(struct pool **pool)
{
	struct pool *p = *pool;

	if (p == NULL)
		return;
	p->closing = true;
	fail_all(p);
	for (size_t i = 0; i < p->slots_n; i++) {
		struct worker_slot *w = &p->slots[i];

		loop_timer_stop(&w->timer);
		kill_worker(w);
		if (w->pid > 0)
			(void)waitpid(w->pid, NULL, 0);
		w->pid = 0;
		chan_client_free(&w->client);
		sign_line_free(&w->line);
	}
	chan_client_free(&p->keyd);
	seen_free(&p->seen);
	free(p->slots);
	free(p);
	*pool = NULL;
}

void
pool_serve(struct pool *p, struct chan_server *server)
{
	p->server = server;
}

void
pool_status(const struct pool *p, struct pol_status_reply *out)
{
	*out = p->status;
}

void
pool_seen(struct pool *p, struct chan_req *req)
{
	struct pol_seen_reply reply;
	int r = seen_list(p->seen, req->arena, &reply);

	chan_reply(p->server, req, r, &reply, NULL, 0);
}
