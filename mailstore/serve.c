/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/memfd.h"
#include "common/place.h"
#include "mailstore/notify.h"
#include "mailstore/path.h"
#include "mailstore/serve_internal.h"

enum {
	JOB_ARENA_MAX = 48 * 1024 * 1024,
	SMALL_GROUP = 2,	/* so few at once: mailbox rows follow at once */
	APPLY_DELAY_MS = 2,	/* else they wait a little, to share their commit */
	APPLY_RETRY_MS = 1000,
	APPLY_AT_ONCE = 3,	/* more slices after a group when they are behind */
	CLOSE_DELAY_MS = 300,
	MINUTE_MS = 60 * 1000,
};

/* ---- jobs ---- */

static int
copy_message(struct job *j, const struct wire_type *type, const void *msg)
{
	void *copy = arena_alloc(&j->a, type->size);
	int r;

	if (copy == NULL)
		return j->a.err;
	r = wire_encode(type, msg, &j->encoded);
	if (r == OK)
		r = wire_decode(type, buf_slice(&j->encoded), &j->a, copy);
	j->msg = copy;
	return r;
}

static int
map_files(struct job *j, const struct chan_req *req)
{
	uint64_t max = j->sv->conf->limits.message_octets + 1024 * 1024;
	int r;

	if (req->fds_n != 2)
		return OK;
	r = memfd_map(req->fds[0], max < FRAME_SIZE_MAX ? max : FRAME_SIZE_MAX, &j->message);
	return r == OK ? memfd_map(req->fds[1], FRAME_SUMMARY_MAX, &j->summary) : r;
}

struct job *
job_own(struct server *sv)
{
	struct job *j = calloc(1, sizeof *j);

	if (j == NULL)
		return NULL;
	j->sv = sv;
	j->reply_fd = -1;
	arena_init(&j->a, JOB_ARENA_MAX);
	buf_init(&j->encoded, CHAN_BODY_MAX);
	return j;
}

struct job *
job_new(struct server *sv, struct chan_req *req, const struct wire_type *type, const void *msg)
{
	struct job *j = job_own(sv);
	int r = ERR_NOMEM;

	if (j == NULL)
		goto refuse;
	j->req = *req;
	j->scope = (struct box_scope){ .internet = req->role == ROLE_IMAPD_INTERNET,
		.now_s = clock_real_s() };
	j->reply = &sv->nothing;
	r = copy_message(j, type, msg);
	if (r == OK)
		r = map_files(j, req);
	if (r == OK)
		return j;
	job_free(j);
refuse:
	chan_reply(sv->chan, req, r, NULL, NULL, 0);
	return NULL;
}

void
job_free(struct job *j)
{
	if (j->message.n > 0)
		memfd_unmap(&j->message);
	if (j->summary.n > 0)
		memfd_unmap(&j->summary);
	if (j->reply_fd >= 0)
		close(j->reply_fd);
	arena_clear(&j->a);
	buf_fini(&j->encoded);
	free(j);
}

void
job_finish(struct job *j, int status)
{
	bool with_fd = status == OK && j->reply_fd >= 0;

	chan_reply(j->sv->chan, &j->req, status, status == OK ? j->reply : NULL, &j->reply_fd,
	    with_fd ? 1 : 0);
	job_free(j);
}

static void on_round(struct loop_timer *t);

void
job_ready(struct job *j)
{
	struct server *sv = j->sv;

	sched_add(&sv->sched, &j->ej);
	round_soon(sv);
}

/* A timer of no delay fires after the descriptors that are readable now. */
void
round_soon(struct server *sv)
{
	if (sv->round.loop == NULL && !sv->closing &&
	    loop_timer_set(sv->loop, &sv->round, 0, on_round, sv) != OK)
		log_event(EV_INTERNAL_ERROR, F_ERR(ERR_NOMEM));
}

/* ---- rounds ---- */

static void
on_close(struct loop_timer *t)
{
	struct server *sv = t->arg;
	int r = engine_close_intents(sv->e);

	if (r != OK)
		log_event(EV_STORE_COMMIT_FAILED, F_CSTR("at", "intents"), F_ERR(r));
}

static void on_apply(struct loop_timer *t);

static void
apply_later(struct server *sv, uint64_t delay_ms)
{
	if (sv->apply.loop == NULL &&
	    loop_timer_set(sv->loop, &sv->apply, delay_ms, on_apply, sv) != OK)
		log_event(EV_INTERNAL_ERROR, F_ERR(ERR_NOMEM));
}

static int
apply_once(struct server *sv)
{
	int r = engine_apply(sv->e);

	sv->apply_failed = r != OK;
	return r;
}

static void
apply_now(struct server *sv)
{
	int r = apply_once(sv);

	if (sv->e->intents != NULL)
		apply_later(sv, r == OK ? 0 : APPLY_RETRY_MS);
	if (sv->e->applied != NULL && sv->close.loop == NULL &&
	    loop_timer_set(sv->loop, &sv->close, CLOSE_DELAY_MS, on_close, sv) != OK)
		on_close(&sv->close);
}

static void
on_apply(struct loop_timer *t)
{
	apply_now(t->arg);
}

/* Mail is visible soon after it was accepted, or no more is accepted. What cannot become visible at all, since
 * the index takes nothing, is another matter: see ENGINE_INTENTS_MAX. */
static bool
hold(const struct server *sv)
{
	return engine_behind(sv->e) && !sv->apply_failed && !sv->closing;
}

static void
run_round(struct server *sv)
{
	struct engine_job *jobs;
	size_t n;

	sched_gather(&sv->sched, hold(sv));
	jobs = sched_group(&sv->sched, &n);
	if (jobs != NULL)
		engine_commit(sv->e, jobs);
	for (int i = 0; i < APPLY_AT_ONCE && hold(sv) && apply_once(sv) == OK; i++)
		continue;
	if (sched_ready(&sv->sched) > 0 ||
	    (sched_coming(&sv->sched) > 0 && !sealer_is_busy(sv->e->sealer)))
		round_soon(sv);
	if (sv->e->intents == NULL)
		return;
	if (n <= SMALL_GROUP || sv->e->copies_pending >= ENGINE_COPIES_MAX)
		apply_now(sv);
	else
		apply_later(sv, APPLY_DELAY_MS);
}

static void
on_sealed(struct loop_fd *lf, unsigned events)
{
	struct server *sv = lf->arg;

	(void)events;
	sealer_clear(sv->e->sealer);
	round_soon(sv);
}

static void
on_round(struct loop_timer *t)
{
	struct server *sv = t->arg;

	accounts_commit(sv);
	run_round(sv);
	if (sv->e->queue_changed)
		claims_wake(sv);
	keyd_checkpoint_maybe(sv);
	if (sv->e->broken != OK)
		loop_stop(sv->loop);
}

static void
on_minute(struct loop_timer *t)
{
	struct server *sv = t->arg;

	engine_tidy(sv->e);
	queue_clock_watch(sv);
	keyd_checkpoint_maybe(sv);
	if (loop_timer_set(sv->loop, &sv->minute, MINUTE_MS, on_minute, sv) != OK)
		log_event(EV_INTERNAL_ERROR, F_ERR(ERR_NOMEM));
}

/* ---- start and end ---- */

static const struct chan_row rows[] = { ST_ROWS(CHAN_SERVER_ROW) };

static void
on_gone(void *service, uint64_t peer_serial)
{
	claims_drop(service, peer_serial);
	leases_release(service, peer_serial);
}

static int
listen_all(struct server *sv)
{
	static const unsigned roles[] = { ROLE_SMTPD, ROLE_IMAPD_INTERNAL, ROLE_IMAPD_INTERNET,
		ROLE_RELAY, ROLE_POLICYD, ROLE_CONTROL };
	char path[200];
	int r = chan_server_new(sv->loop, rows, ARRAY_LEN(rows), sv, &sv->chan);

	if (r == OK)
		chan_server_on_gone(sv->chan, on_gone);
	for (size_t i = 0; i < ARRAY_LEN(roles) && r == OK; i++) {
		r = chan_path(sv->conf->general.run_dir, "store", roles[i], path, sizeof path);
		if (r == OK)
			r = chan_server_listen(sv->chan, path, roles[i]);
	}
	return r;
}

static const char *
reason_of(int err)
{
	switch (err) {
	case ERR_EXIST:
		return "another mailstored is running on this store";
	case ERR_VERSION:
		return "the store was written by a newer version of congvu";
	case ERR_UNSUPPORTED:
		return "the store is on a network file system, where its locks do not hold";
	case ERR_CORRUPT:
		return "the store is damaged";
	default:
		return "the store cannot be opened";
	}
}

/* Under which rules mail is taken from now on. */
static void
audit_rules(struct server *sv, const char *event)
{
	char detail[512];
	struct st_audit rec = { .event = slice_of(event), .verdict = VERDICT_ALLOW };

	snprintf(detail, sizeof detail, "profile=%s legal-basis=%.400s",
	    word_name(WORD_profile, sv->conf->general.profile),
	    sv->conf->general.legal_basis == NULL ? "" : sv->conf->general.legal_basis);
	rec.detail = slice_of(detail);
	audit_own(sv, &rec);
}

/* Readers come in by the group of the store: its folders and files get it from the one above. The
 * readers' sockets lie in a folder where each may remove only his own. */
static int
make_places(const struct conf *conf, struct buf *why)
{
	const struct identity *who = identity_of(IDENTITY_MAILSTORED);
	char store[PATH_OCTETS], watch[NOTIFY_PATH_OCTETS], counters[NOTIFY_PATH_OCTETS];
	gid_t readers;
	int r = path_store(conf->general.state_dir, "", store);

	if (!identity_store_group(&readers))
		readers = 0;
	if (r == OK)
		r = notify_paths(conf->general.run_dir, watch, counters);
	if (r == OK)
		r = place_shared(conf->general.state_dir, why);
	if (r == OK)
		r = place_shared(conf->general.run_dir, why);
	if (r == OK)
		r = place_own(store, 02750, who, readers, why);
	if (r == OK)
		r = place_own(watch, 03770, who, readers, why);
	return r == OK ? place_own_file(counters, 0640, who, readers, why) : r;
}

int
server_new(struct loop *loop, const struct conf *conf, struct server **out,
    const char **error_out, struct buf *why)
{
	struct server *sv = calloc(1, sizeof *sv);
	int r;

	*out = sv;
	*error_out = "out of memory";
	if (sv == NULL)
		return ERR_NOMEM;
	sv->loop = loop;
	sv->conf = conf;
	sv->signed_ms = sv->claim_ms = clock_ms();
	*error_out = "its folders cannot be made";
	r = make_places(conf, why);
	if (r == OK) {
		r = engine_lock(conf->general.state_dir, &sv->lock_fd);
		*error_out = reason_of(r);
	}
	if (r == OK) {
		*error_out = "the sockets of the store cannot be made";
		r = listen_all(sv);
	}
	if (r != OK)
		server_free(out);
	return r;
}

static void
warn_percents(struct engine_conf *ec, const struct conf *conf)
{
	uint64_t v;

	ec->warn_percents_n = 0;
	for (size_t i = 0; i < conf->store.quota_warn.n && i < ENGINE_PERCENTS_MAX; i++)
		if (slice_u64(slice_of(conf->store.quota_warn.v[i]), 100, &v) == OK)
			ec->warn_percents[ec->warn_percents_n++] = (uint8_t)v;
}

int
server_open(struct server *sv, const char **error_out)
{
	const struct conf *conf = sv->conf;
	struct engine_conf ec = { .state_dir = conf->general.state_dir,
		.run_dir = conf->general.run_dir, .map_octets = conf->store.map_octets,
		.reserve_octets = conf->store.reserve_octets,
		.segment_octets = conf->store.segment_octets, .compress = conf->store.compress,
		.expunged_days = (uint32_t)conf->store.expunged_days,
		.threads = sealer_threads(), .lock_fd = sv->lock_fd };
	int r;

	sv->lock_fd = 0;	/* the engine's, whether it opens or not */
	warn_percents(&ec, conf);
	r = engine_open(&ec, &sv->e);
	*error_out = reason_of(r);
	if (r == OK) {
		sched_init(&sv->sched, sv->e);
		r = loop_fd_add(sv->loop, &sv->sealed, sealer_fd(sv->e->sealer), LOOP_READ,
		    on_sealed, sv);
	}
	if (r == OK)
		r = keyd_start(sv);
	if (r == OK)
		r = figures_start(sv);
	if (r != OK)
		return r;
	audit_rules(sv, "start");
	queue_clock_watch(sv);
	sv->minute.arg = sv;
	on_minute(&sv->minute);
	gc_start(sv);
	return OK;
}

void
server_reload(struct server *sv, const struct conf *conf)
{
	struct engine_conf *ec = &sv->e->conf;

	sv->conf = conf;
	ec->state_dir = conf->general.state_dir;	/* the same, in the new one's memory */
	ec->run_dir = conf->general.run_dir;
	ec->reserve_octets = conf->store.reserve_octets;
	ec->compress = conf->store.compress;
	warn_percents(ec, conf);
	ec->expunged_days = (uint32_t)conf->store.expunged_days;
	sv->e->ix->keep_expunged = ec->expunged_days > 0;
	ec->segment_octets = conf->store.segment_octets;
	segment_writer_limit(sv->e->seg, conf->store.segment_octets);
	figures_routes(conf);
	audit_rules(sv, "reload");
}

static void
stop_timers(struct server *sv)
{
	loop_timer_stop(&sv->round);
	loop_timer_stop(&sv->apply);
	loop_timer_stop(&sv->close);
	loop_timer_stop(&sv->minute);
	loop_timer_stop(&sv->spool);
	loop_timer_stop(&sv->due);
	loop_timer_stop(&sv->settle);
	loop_timer_stop(&sv->gc);
}

/* What was taken on is finished; what waits for somebody else is answered "unavailable". */
static void
drain(struct server *sv)
{
	sv->closing = true;
	chan_client_free(&sv->keyd);
	accounts_stop(sv);
	claims_stop(sv);
	while (sched_ready(&sv->sched) + sched_coming(&sv->sched) > 0)
		run_round(sv);
	while (sv->e->intents != NULL && engine_apply(sv->e) == OK)
		continue;
	if (engine_close_intents(sv->e) != OK)
		log_event(EV_STORE_COMMIT_FAILED, F_CSTR("at", "intents"));
}

void
server_free(struct server **svp)
{
	struct server *sv = *svp;

	if (sv == NULL)
		return;
	stop_timers(sv);
	if (sv->chan != NULL && sv->e != NULL)
		drain(sv);
	stop_timers(sv);
	loop_fd_remove(&sv->sealed);
	figures_stop(sv);
	chan_server_free(&sv->chan);
	leases_free(sv);
	engine_close(&sv->e);
	if (sv->lock_fd > 0)
		close(sv->lock_fd);
	free(sv);
	*svp = NULL;
}

int
server_broken(const struct server *sv)
{
	return sv->e->broken;
}
