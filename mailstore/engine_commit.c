/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/engine_internal.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/metric.h"

typedef int (*step_fn)(struct engine *e, struct engine_job *job);

enum {
	SYNC_ASIDE = 8,		/* so many jobs at least: else a thread takes longer to wake */
	GROUP_TRIES = 4,
};

/* ---- seal ---- */

/* The sync of the segment, in a worker while the rows of control are put. */
struct engine_syncing {
	struct sealer_task task;	/* first */
	struct engine_job *jobs;	/* those that it is for; NULL: nothing is under way */
	int		   fd;
};

static void
seal_failed(struct engine_job *jobs, int r)
{
	metric_add(METRIC_COMMITS_FAILED, 0, 1);
	log_event(EV_STORE_COMMIT_FAILED, F_CSTR("at", "segment"), F_ERR(r));
	for (struct engine_job *j = jobs; j != NULL; j = j->next)
		if (j->seal != NULL && (j->status == OK || j->poisoned)) {
			j->status = r;
			j->poisoned = false;	/* nor is it run again, alone */
		}
}

/* In a worker: the one file that one may touch, and the committer does not write it meanwhile. */
static int
sync_task(struct sealer_task *t, struct crypt_zip *zip)
{
	const struct engine_syncing *s = (const struct engine_syncing *)(void *)t;

	(void)zip;
	return fdatasync(s->fd) == 0 ? OK : -errno;
}

static bool
sync_start(struct engine *e, struct engine_job *jobs, size_t n)
{
	struct engine_syncing *s = e->syncing;

	if (n < SYNC_ASIDE || sealer_fd(e->sealer) < 0 || segment_flush(e->seg) != OK)
		return false;
	if (s == NULL)
		s = e->syncing = calloc(1, sizeof *s);
	if (s == NULL)
		return false;
	s->fd = segment_sync_fd(e->seg);
	if (s->fd < 0)
		return false;
	s->jobs = jobs;
	s->task = (struct sealer_task){ .fn = sync_task };
	sealer_start(e->sealer, &s->task, true);
	return true;
}

/* Bodies are durable before a row that names them is. False: they are not, and jobs were failed. */
static bool
sync_wait(struct engine *e)
{
	struct engine_syncing *s = e->syncing;
	struct engine_job *jobs;
	int r;

	if (s == NULL || s->jobs == NULL)
		return true;
	jobs = s->jobs;
	s->jobs = NULL;
	r = sealer_wait(e->sealer, &s->task);
	sealer_forget(e->sealer, &s->task);
	e->stats.syncs++;
	r = segment_synced(e->seg, r);
	if (r != OK)
		seal_failed(jobs, r);
	return r == OK;
}

void
engine_sync_free(struct engine *e)
{
	free(e->syncing);
	e->syncing = NULL;
}

static void
seal(struct engine *e, struct engine_job *jobs)
{
	uint64_t before = segment_syncs(e->seg);
	size_t n = 0, sealed = 0;
	int r;

	for (struct engine_job *j = jobs; j != NULL; j = j->next, n++) {
		j->poisoned = false;
		if (j->status == OK)	/* not failed when it was prepared */
			j->status = e->broken;
		if (j->status == OK && j->seal != NULL)
			j->status = j->seal(e, j);
		sealed += j->seal != NULL && j->status == OK;
	}
	if (sealed > 0 && sync_start(e, jobs, n))
		return;
	r = segment_sync(e->seg);
	e->stats.syncs += segment_syncs(e->seg) - before;
	if (r != OK)
		seal_failed(jobs, r);
}

/* ---- control and index ---- */

/* The two environments, as a step sees them. */
struct step {
	const char *name;
	int	  (*begin)(struct engine *e);
	int	  (*commit)(struct engine *e);
	void	  (*abort)(struct engine *e);
	uint64_t  (*writes)(struct engine *e);
	step_fn	  (*fn)(const struct engine_job *j);
};

static int
control_step_begin(struct engine *e)
{
	int r = control_begin_write(e->ctl);

	if (r == OK) {
		r = engine_intents_close_rows(e);
		if (r != OK)
			control_abort(e->ctl);
	}
	return r;
}

static int
control_step_commit(struct engine *e)
{
	int r = engine_committed(e, control_commit(e->ctl));

	if (r == OK)
		engine_intents_closed(e);
	return r;
}

static void
control_step_abort(struct engine *e)
{
	control_abort(e->ctl);
}

static uint64_t
control_step_writes(struct engine *e)
{
	return env_writes(e->ctl->t);
}

static step_fn
control_step_fn(const struct engine_job *j)
{
	return j->control;
}

static int
index_step_begin(struct engine *e)
{
	return index_begin_write(e->ix);
}

static int
index_step_commit(struct engine *e)
{
	return engine_committed(e, index_commit(e->ix));
}

static void
index_step_abort(struct engine *e)
{
	index_abort(e->ix);
}

static uint64_t
index_step_writes(struct engine *e)
{
	return env_writes(e->ix->t);
}

static step_fn
index_step_fn(const struct engine_job *j)
{
	return j->index;
}

static const struct step control_step = { "control", control_step_begin, control_step_commit,
	control_step_abort, control_step_writes, control_step_fn };
static const struct step index_step = { "index", index_step_begin, index_step_commit,
	index_step_abort, index_step_writes, index_step_fn };

static bool
takes_part(const struct step *s, const struct engine_job *j)
{
	return j->status == OK && s->fn(j) != NULL;
}

/* Run the step for all jobs from `from` to before `end`. False: one of them failed halfway. */
static bool
run_jobs(struct engine *e, const struct step *s, struct engine_job *from, struct engine_job *end)
{
	for (struct engine_job *j = from; j != end; j = j->next) {
		uint64_t writes = s->writes(e);

		if (!takes_part(s, j))
			continue;
		j->status = s->fn(j)(e, j);
		j->poisoned = j->status != OK && s->writes(e) != writes;
		if (j->poisoned)
			return false;
	}
	return true;
}

static void
fail_jobs(const struct step *s, struct engine_job *from, struct engine_job *end, int status)
{
	for (struct engine_job *j = from; j != end; j = j->next)
		if (takes_part(s, j))
			j->status = status;
}

int
engine_committed(struct engine *e, int r)
{
	if (r != OK && r != ERR_NOSPC && r != ERR_NOMEM && r != ERR_LIMIT)
		e->broken = ERR_IO;
	return r;
}

static void
commit_failed(const struct step *s, int r)
{
	metric_add(METRIC_COMMITS_FAILED, 0, 1);
	log_event(EV_STORE_COMMIT_FAILED, F_CSTR("at", s->name), F_ERR(r));
}

/* One transaction for the jobs from..end. False: it was undone since a job failed halfway. */
static bool
try_group(struct engine *e, const struct step *s, struct engine_job *from, struct engine_job *end)
{
	struct audit_head audit = e->audit;
	uint64_t writes = 0;
	int r = s->begin(e);

	if (r == OK && (!run_jobs(e, s, from, end) || !sync_wait(e))) {
		s->abort(e);
		e->audit = audit;
		return false;
	}
	if (r == OK) {
		writes = s->writes(e);
		r = s->commit(e);
		e->stats.syncs += writes > 0 ? 2 : 0;
	}
	if (r != OK) {
		e->audit = audit;
		commit_failed(s, r);
		fail_jobs(s, from, end, r == ERR_NOSPC ? ERR_NOSPC : ERR_UNKNOWN);
	}
	return true;
}

/* Of those that keep an order one has failed: those behind it must not overtake it. */
static bool
order_broken(const struct engine_job *jobs)
{
	for (; jobs != NULL; jobs = jobs->next)
		if (jobs->poisoned && jobs->in_order)
			return true;
	return false;
}

/* The group in one transaction; if that has to be undone, again without the job that failed halfway:
 * nobody makes the others wait for a commit each. False: that did not help. */
static bool
run_group(struct engine *e, const struct step *s, struct engine_job *jobs)
{
	for (int i = 0; i < GROUP_TRIES && !order_broken(jobs); i++)
		if (try_group(e, s, jobs, NULL))
			return true;
	return false;
}

/* What failed in a group, or with all of it, is run in a transaction of its own. */
static void
run_step(struct engine *e, const struct step *s, struct engine_job *jobs)
{
	struct engine_job *first = jobs;
	bool together;

	while (first != NULL && !takes_part(s, first))
		first = first->next;
	if (first == NULL)
		return;
	together = run_group(e, s, jobs);
	for (struct engine_job *j = jobs; j != NULL; j = j->next) {
		bool alone = j->poisoned || !together;

		if (j->poisoned)	/* undone with all others: it may fail again, alone */
			j->status = OK;
		j->poisoned = false;	/* or the next step would take it for done */
		if (alone && takes_part(s, j) && !try_group(e, s, j, j->next))
			j->poisoned = false;
	}
}

void
engine_commit(struct engine *e, struct engine_job *jobs)
{
	uint64_t begun = clock_us(), syncs = e->stats.syncs, at;

	seal(e, jobs);
	at = engine_note_part(e, ENGINE_SEAL, begun);
	run_step(e, &control_step, jobs);
	(void)sync_wait(e);	/* if no job had to do with control */
	at = engine_note_part(e, ENGINE_CONTROL, at);
	run_step(e, &index_step, jobs);
	(void)engine_note_part(e, ENGINE_INDEX, at);
	if (e->stats.syncs != syncs)	/* jobs that only looked commit nothing */
		engine_note_latency(e, clock_us() - begun);
	while (jobs != NULL) {
		struct engine_job *next = jobs->next;

		jobs->done(e, jobs);
		jobs = next;
	}
	notify_ring(e->notify);
}
