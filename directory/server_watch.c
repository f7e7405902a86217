/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Changes of accounts: a helper of its own follows the LDAP server (watcher.h); what it tells drops
 * the cache at once and wakes the workers that wait in DIR_WATCH. A change has a serial; the last
 * CHANGES are kept, whoever knows less must ask about everybody.
 */
#include "directory/server_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sodium.h>

#include "common/clock.h"
#include "common/log.h"

enum {
	CHANGES = 4096, WAITERS_MAX = 256, SIGNED_IN_MAX = 65536,
	SIGNED_IN_MS = 3 * DIR_WATCH_MS,	/* a worker names its sessions in every DIR_WATCH */
	POLL_MS = 2000, AWAY_MIN_MS = 100, AWAY_MAX_MS = 1600,
};

struct change {
	struct dir_right right;		/* guid points into it */
	uint8_t		 guid[DIR_GUID_OCTETS];
};

struct waiter {
	bool		used;
	struct chan_req req;
	uint64_t	serial;
	struct loop_timer timer;
	struct server  *s;
};

struct server_watch {
	struct pool	 *pool;
	uint64_t	  generation, serial, floor;	/* below floor all may have changed */
	struct change	  changes[CHANGES];		/* serial n is at n % CHANGES */
	struct waiter	  waiters[WAITERS_MAX];
	struct guidmap	  signed_in;			/* until when */
	unsigned	  how;
	bool		  stopping;
	uint64_t	  away_ms, told;
	struct loop_timer again;
};

static void ask(struct server *s);

/* ---- answers to the workers ---- */

static void
reply_to(struct server *s, struct waiter *w)
{
	const struct server_watch *sw = s->watch;
	struct dir_right changes[DIR_CHANGES_MAX];
	struct dir_watch_reply r = { .generation = sw->generation, .serial = sw->serial,
		.all = w->serial < sw->floor, .changes = changes };
	uint64_t at = w->serial;

	if (!r.all) {
		for (; at < sw->serial && r.changes_n < DIR_CHANGES_MAX; at++)
			changes[r.changes_n++] = sw->changes[(at + 1) % CHANGES].right;
		r.serial = at;
	}
	loop_timer_stop(&w->timer);
	w->used = false;
	chan_reply(s->chan, &w->req, OK, &r, NULL, 0);
}

static void
wake_all(struct server *s)
{
	for (size_t i = 0; i < WAITERS_MAX; i++)
		if (s->watch->waiters[i].used)
			reply_to(s, &s->watch->waiters[i]);
}

static void
on_waited(struct loop_timer *t)
{
	struct waiter *w = t->arg;

	reply_to(w->s, w);
}

static void
note_signed_in(struct server_watch *sw, const uint8_t guid[DIR_GUID_OCTETS], uint64_t now)
{
	struct guidmap_slot *slot = guidmap_add(&sw->signed_in, guid);

	if (slot != NULL)
		slot->value = now + SIGNED_IN_MS;
}

void
serve_DIR_WATCH(void *service, struct chan_req *req, const void *msg)
{
	const struct dir_watch_request *q = msg;
	struct server *s = service;
	struct server_watch *sw = s->watch;
	struct waiter none = { .req = *req }, *w = &none;
	uint64_t now = clock_ms();

	for (size_t i = 0; i < q->signed_in_n; i++)
		if (q->signed_in[i].guid.n == DIR_GUID_OCTETS)
			note_signed_in(sw, (const uint8_t *)q->signed_in[i].guid.p, now);
	for (size_t i = 0; i < WAITERS_MAX && w == &none; i++)
		if (!sw->waiters[i].used)
			w = &sw->waiters[i];
	*w = (struct waiter){ .used = true, .req = *req, .s = s,
		.serial = q->generation == sw->generation && q->serial <= sw->serial ?
		q->serial : 0 };
	if (w == &none || w->serial < sw->serial ||
	    loop_timer_set(s->loop, &w->timer, DIR_WATCH_MS, on_waited, w) != OK)
		reply_to(s, w);
}

void
server_watch_gone(struct server *s, uint64_t peer_serial)
{
	for (size_t i = 0; i < WAITERS_MAX; i++) {
		struct waiter *w = &s->watch->waiters[i];

		if (w->used && w->req.peer_serial == peer_serial) {
			loop_timer_stop(&w->timer);
			w->used = false;
		}
	}
}

/* ---- changes ---- */

static void
add_change(struct server_watch *sw, const struct dir_right *r)
{
	struct change *c = &sw->changes[++sw->serial % CHANGES];

	memmove(c->guid, r->guid.p, sizeof c->guid);
	c->right = *r;
	c->right.guid = (struct slice){ (const char *)c->guid, sizeof c->guid };
	if (sw->serial > CHANGES && sw->floor < sw->serial - CHANGES)
		sw->floor = sw->serial - CHANGES;
	sw->told++;
}

static void
take(struct server *s, const struct job_watch_reply *r)
{
	struct server_watch *sw = s->watch;

	if (!r->all && !r->other && r->changes_n == 0)
		return;
	cache_clear(s->cache);
	s->cache_epoch++;
	for (size_t i = 0; i < r->changes_n; i++)
		if (r->changes[i].guid.n == DIR_GUID_OCTETS)
			add_change(sw, &r->changes[i]);
	if (r->all)
		sw->floor = ++sw->serial;
	if (r->all || r->changes_n > 0)
		wake_all(s);
}

uint64_t
server_watch_serial(const struct server *s)
{
	return s->watch->serial;
}

static void
on_recheck(void *arg, int status, const void *reply, uint64_t helper)
{
	const struct dir_account_reply *account = reply;
	struct server *s = arg;

	(void)helper;
	if (status == OK && account->account_n == 1) {
		struct dir_right right = dir_right_of(account->account);

		add_change(s->watch, &right);
	} else
		s->watch->floor = ++s->watch->serial;
	wake_all(s);
}

/* The entry was read while, or before, it changed, and the workers heard of the change before they
 * hear of the session: say it again. */
void
server_watch_signed_in(struct server *s, const uint8_t guid[DIR_GUID_OCTETS], uint64_t since)
{
	struct server_watch *sw = s->watch;
	struct dir_account_request q = { .guid = { (const char *)guid, DIR_GUID_OCTETS } };

	note_signed_in(sw, guid, clock_ms());
	if (since < sw->floor) {
		pool_call(s->look_up, 0, DIR_ACCOUNT, &q, 0, on_recheck, s);
		return;
	}
	for (uint64_t at = sw->serial; at > since; at--)
		if (memcmp(sw->changes[at % CHANGES].guid, guid, DIR_GUID_OCTETS) == 0) {
			struct dir_right right = sw->changes[at % CHANGES].right;

			add_change(sw, &right);
			wake_all(s);
			return;
		}
}

/* ---- the helper ---- */

static void
note_how(struct server *s, unsigned how)
{
	static const char *const names[] = { "off", "away", "poll", "sync" };
	struct server_watch *sw = s->watch;

	if (how != sw->how)
		log_event(EV_DIRECTORY_WATCH, F_CSTR("how", names[how]), F_END);
	sw->how = how;
}

static void
on_again(struct loop_timer *t)
{
	ask(t->arg);
}

static void
ask_later(struct server *s, uint64_t ms)
{
	if (loop_timer_set(s->loop, &s->watch->again, ms, on_again, s) != OK)
		log_event(EV_INTERNAL_ERROR, F_CSTR("at", "account watch"), F_END);
}

static void
on_job(void *arg, int status, const void *reply, uint64_t helper)
{
	const struct job_watch_reply *r = reply;
	struct server *s = arg;
	struct server_watch *sw = s->watch;

	(void)helper;
	if (sw->stopping)
		return;
	note_how(s, status == OK ? r->how : DIR_WATCHED_AWAY);
	if (status == OK)
		take(s, r);
	if (sw->how == DIR_WATCHED_AWAY) {
		ask_later(s, sw->away_ms);
		sw->away_ms = 2 * sw->away_ms < AWAY_MAX_MS ? 2 * sw->away_ms : AWAY_MAX_MS;
		return;
	}
	sw->away_ms = AWAY_MIN_MS;
	ask_later(s, sw->how == DIR_WATCHED_POLL && !r->more ? POLL_MS : 0);
}

/* Forget who has not been named for long; list the others. */
static size_t
signed_in(struct server_watch *sw, struct dir_guid *out, size_t max)
{
	uint64_t now = clock_ms();
	struct guidmap_slot *slot;
	size_t at = 0, n = 0;

	while ((slot = guidmap_next(&sw->signed_in, &at)) != NULL) {
		if (slot->value < now) {
			guidmap_remove(&sw->signed_in, slot);
			continue;
		}
		if (n < max)
			out[n++].guid = (struct slice){ (const char *)slot->guid,
				DIR_GUID_OCTETS };
		at++;
	}
	return n;
}

static void
ask(struct server *s)
{
	struct server_watch *sw = s->watch;
	struct job_watch_request q = { .signed_in = calloc(DIR_SIGNED_IN_MAX,
	    sizeof *q.signed_in) };

	if (q.signed_in != NULL)
		q.signed_in_n = signed_in(sw, q.signed_in, DIR_SIGNED_IN_MAX);
	pool_call(sw->pool, 0, JOB_WATCH, &q, 0, on_job, s);
	free(q.signed_in);
}

void
server_watch_status(const struct server *s, struct dir_status_reply *out)
{
	out->watch = (uint8_t)s->watch->how;
	out->watch_changes = s->watch->told;
}

static struct pool_spec
spec_of(struct server *s, pool_main_fn main)
{
	return (struct pool_spec){ .name = "watch-helper", .helpers = 1,
		.job_ms = SERVER_WATCH_JOB_MS, .main = main, .arg = s };
}

/* The new helper knows nothing, as after a death: its first word is that all may have changed. */
void
server_watch_reload(struct server *s, pool_main_fn main)
{
	struct pool_spec spec = spec_of(s, main);

	if (s->watch->pool != NULL)
		pool_reload(s->watch->pool, &spec);
}

int
server_watch_start(struct server *s, pool_main_fn main)
{
	struct pool_spec spec = spec_of(s, main);
	struct server_watch *sw = calloc(1, sizeof *sw);
	int r;

	if (sw == NULL)
		return ERR_NOMEM;
	s->watch = sw;
	sw->away_ms = AWAY_MIN_MS;
	guidmap_init(&sw->signed_in, SIGNED_IN_MAX);
	randombytes_buf(&sw->generation, sizeof sw->generation);
	sw->floor = sw->serial = 1;	/* 0: knows nothing */
	if (s->conf->ldap.watch == CONF_WATCH_OFF)
		return OK;
	sw->how = DIR_WATCHED_AWAY;
	r = pool_new(s->loop, &spec, &sw->pool);
	if (r == OK)
		ask(s);
	return r;
}

bool
server_watch_reaped(struct server *s, pid_t pid, int status)
{
	return s->watch->pool != NULL && pool_reaped(s->watch->pool, pid, status);
}

void
server_watch_stop(struct server *s)
{
	struct server_watch *sw = s->watch;

	if (sw == NULL)
		return;
	sw->stopping = true;
	pool_free(&sw->pool);
	loop_timer_stop(&sw->again);
	for (size_t i = 0; i < WAITERS_MAX; i++)
		loop_timer_stop(&sw->waiters[i].timer);
	guidmap_fini(&sw->signed_in);
	free(sw);
	s->watch = NULL;
}
