/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/watcher.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "directory/filter.h"
#include "directory/ldapc_sync.h"
#include "directory/watch.h"

enum {
	STEP_MS = 20 * 1000,		/* of a refresh, or of one round of polling */
	GATHER_MS = 20,			/* changes come together */
	SYNC_AGAIN_MS = 5 * 60 * 1000,	/* after it was refused */
	MEM_MAX = 64 * 1024 * 1024,
	POLL_BATCH = 128,
	POLL_FIRST_S = 3600, POLL_OVERLAP_S = 60, POLL_AHEAD_S = 24 * 3600,
	WANT_SYNC = ENTRY_WANT_ACCOUNT | ENTRY_WANT_CERTS | ENTRY_WANT_MEMBERS,
	WANT_POLL = ENTRY_WANT_ACCOUNT | 1u << ENTRY_MODIFIED,
};

struct watcher {
	const struct conf *conf;
	struct ldapc	  *ldap;
	unsigned	   how;		/* DIR_WATCHED_POLL or _SYNC, _AWAY: not decided */
	uint64_t	   sync_refused_until_ms, step_until_ms;
	size_t		   server;	/* that the cookie is of */
	int64_t		   since_s;	/* polling: of the server's clock, known up to then */
	uint64_t	   polled_ms;	/* ... by that clock of ours */
	struct arena	   mem;
	struct watch	   watch;
};

int
watcher_new(const struct conf *conf, struct ldapc *ldap, struct watcher **out)
{
	struct watcher *w = calloc(1, sizeof *w);

	if (w == NULL)
		return ERR_NOMEM;
	w->conf = conf;
	w->ldap = ldap;
	w->how = DIR_WATCHED_AWAY;
	arena_init(&w->mem, MEM_MAX);
	watch_init(&w->watch, conf, WATCH_ENTRIES_MAX);
	*out = w;
	return OK;
}

void
watcher_free(struct watcher **watcher)
{
	struct watcher *w = *watcher;

	if (w == NULL)
		return;
	watch_fini(&w->watch);
	arena_clear(&w->mem);
	free(w);
	*watcher = NULL;
}

/* Accounts and groups. */
static void
filter_entries(const struct watcher *w, struct buf *f)
{
	static const char *const groups[] = { "groupOfNames", "groupOfUniqueNames", "posixGroup",
		"congvuGroup" };

	filter_open(f, '|');
	filter_equals(f, "objectClass", slice_of(w->conf->ldap.account_class));
	for (size_t i = 0; i < ARRAY_LEN(groups); i++)
		filter_equals(f, "objectClass", slice_of(groups[i]));
	filter_close(f);
}

static void
change_how(struct watcher *w, unsigned how)
{
	if (w->how == how)
		return;
	watch_forget(&w->watch);
	w->since_s = clock_real_s() - POLL_FIRST_S;
	w->polled_ms = 0;
	w->how = how;
}

/* ---- synchronisation ---- */

static int
sync_start(struct watcher *w)
{
	struct buf f;
	struct slice cookie = buf_slice(&w->watch.cookie);
	const char *filter;
	int r;

	buf_init(&f, FILTER_OCTETS_MAX);
	filter_entries(w, &f);
	filter = buf_cstr(&f);
	r = filter == NULL ? f.err : ldapc_sync_start(w->ldap, filter, WANT_SYNC,
	    &cookie);
	buf_fini(&f);
	if (r == OK && ldapc_sync_server(w->ldap) != w->server) {
		bool stale = w->watch.cookie.n > 0;

		w->server = ldapc_sync_server(w->ldap);
		watch_refused(&w->watch);	/* a cookie is for one server */
		if (stale) {
			ldapc_sync_dead(w->ldap);
			return ERR_UNAVAIL;
		}
	}
	if (r == OK)
		watch_begin(&w->watch);
	return r;
}

static int
sync_end(struct watcher *w, const struct ldapc_sync_word *word)
{
	if (word->end == LDAPC_SYNC_STALE && w->watch.cookie.n > 0) {
		watch_refused(&w->watch);
		return sync_start(w);
	}
	if (word->end == LDAPC_SYNC_REFUSED) {
		log_event(EV_DIRECTORY_ODD, F_CSTR("entry", "synchronisation"),
		    F_CSTR("reason", word->why), F_END);
		w->sync_refused_until_ms = clock_ms() + SYNC_AGAIN_MS;
		change_how(w, DIR_WATCHED_AWAY);
	}
	return ERR_UNAVAIL;
}

static int
sync_word(struct watcher *w, const struct ldapc_sync_word *word)
{
	int r = OK;

	switch (word->kind) {
	case LDAPC_SYNC_ENTRY:
		watch_entry(&w->watch, &word->state, &word->entry, &w->mem);
		break;
	case LDAPC_SYNC_INFO:
		r = watch_info(&w->watch, &word->info);
		break;
	case LDAPC_SYNC_DONE:
		r = sync_end(w, word);
	}
	if (r != OK && ldapc_sync_open(w->ldap))
		ldapc_sync_dead(w->ldap);
	return r;
}

/* One word, or silence: 1, 0, or an error. */
static int
sync_next(struct watcher *w, uint64_t wait_ms)
{
	struct ldapc_sync_word word;
	int r;

	arena_clear(&w->mem);
	r = ldapc_sync_next(w->ldap, WANT_SYNC, wait_ms, &w->mem, &word);
	if (r == 1 && sync_word(w, &word) != OK)
		return ERR_UNAVAIL;
	return r;
}

/* Nothing was said for long: is anybody there? */
static int
sync_probe(struct watcher *w)
{
	uint64_t until = clock_ms() + w->conf->ldap.timeout_ms, now;
	int r = ldapc_sync_probe(w->ldap);

	while (r >= 0 && !ldapc_sync_alive(w->ldap) && (now = clock_ms()) < until &&
	    !watch_is_full(&w->watch))
		r = sync_next(w, until - now);
	if (r >= 0 && !ldapc_sync_alive(w->ldap) && !watch_is_full(&w->watch)) {
		ldapc_sync_dead(w->ldap);
		r = ERR_UNAVAIL;
	}
	return r < 0 ? r : OK;
}

/* Wait for the first word, then take what comes with it; a refresh is taken whole. */
static int
sync_step(struct watcher *w)
{
	struct watch *known = &w->watch;
	uint64_t until = w->step_until_ms;
	bool quiet = known->live;
	int r = ldapc_sync_open(w->ldap) ? OK : sync_start(w);

	while (r >= 0 && !watch_is_full(known) && !known->sweeping && clock_ms() < until) {
		uint64_t wait = !known->live ? w->conf->ldap.timeout_ms :
		    quiet ? WATCHER_IDLE_MS : GATHER_MS;

		r = sync_next(w, wait);
		if (r == 0 && !known->live) {
			ldapc_sync_dead(w->ldap);
			return ERR_UNAVAIL;
		}
		if (r == 0)
			return quiet ? sync_probe(w) : OK;
		quiet = false;
		if (known->live && watch_has_news(known) && until > clock_ms() + GATHER_MS)
			until = clock_ms() + GATHER_MS;
	}
	return r < 0 ? r : OK;
}

/* ---- polling ---- */

static void
add_time(struct buf *out, int64_t real_s)
{
	struct clock_utc t;

	clock_utc(real_s, &t);
	buf_addf(out, "%04d%02d%02d%02d%02d%02dZ", t.year, t.month, t.day, t.hour, t.minute,
	    t.second);
}

static int
poll_start(struct watcher *w)
{
	const char *filter;
	struct buf f, time;
	int r;

	buf_init(&f, FILTER_OCTETS_MAX);
	buf_init(&time, 32);
	add_time(&time, w->since_s - POLL_OVERLAP_S);
	filter_open(&f, '&');
	filter_entries(w, &f);
	filter_at_least(&f, "modifyTimestamp", buf_slice(&time));
	filter_close(&f);
	filter = buf_cstr(&f);
	r = filter == NULL ? f.err : ldapc_sync_start(w->ldap, filter, WANT_POLL, NULL);
	buf_fini(&f);
	buf_fini(&time);
	return r;
}

static void
poll_entry(struct watcher *w, const struct entry *e, int64_t *newest)
{
	int64_t at = (int64_t)entry_time(entry_first(e, ENTRY_MODIFIED));

	watch_polled(&w->watch, e, &w->mem);
	if (at > *newest && at < clock_real_s() + POLL_AHEAD_S)
		*newest = at;
}

/* The server's clock is as far from since_s as it was, or nearer: time goes by for both. */
static void
poll_advance(struct watcher *w, uint64_t began_ms, int64_t newest)
{
	if (w->polled_ms > 0)
		w->since_s += (int64_t)((began_ms - w->polled_ms) / 1000);
	w->polled_ms = began_ms - (w->polled_ms > 0 ? (began_ms - w->polled_ms) % 1000 : 0);
	if (newest > w->since_s)
		w->since_s = newest;
}

static int
poll_changed(struct watcher *w)
{
	uint64_t began_ms = clock_ms();
	int64_t newest = w->since_s;
	struct ldapc_sync_word word;
	int r = poll_start(w);

	while (r == OK) {
		arena_clear(&w->mem);
		r = ldapc_sync_next(w->ldap, WANT_POLL, w->conf->ldap.timeout_ms, &w->mem, &word);
		if (r == 1 && word.kind == LDAPC_SYNC_DONE)
			break;
		if (r == 1 && word.kind == LDAPC_SYNC_ENTRY)
			poll_entry(w, &word.entry, &newest);
		if (r == 0 || (r == 1 && clock_ms() > w->step_until_ms)) {
			ldapc_sync_dead(w->ldap);
			r = ERR_UNAVAIL;
		}
		r = r < 0 ? r : OK;
	}
	if (r < 0 || word.end == LDAPC_SYNC_BROKEN)
		return ERR_UNAVAIL;
	if (word.end != LDAPC_SYNC_OVER)
		w->watch.all = true;	/* and more that was not shown */
	poll_advance(w, began_ms, newest);
	return OK;
}

static bool
is_among(const struct entry_list *found, const uint8_t guid[DIR_GUID_OCTETS])
{
	uint8_t one[DIR_GUID_OCTETS];

	for (size_t i = 0; i < found->n; i++)
		if (entry_guid_parse(entry_first(&found->v[i], ENTRY_UUID), one) == OK &&
		    memcmp(one, guid, sizeof one) == 0)
			return true;
	return false;
}

/* Are the accounts of these still there? */
static int
poll_batch(struct watcher *w, const struct dir_guid *v, size_t n)
{
	struct source source = ldapc_source(w->ldap);
	struct entry_list found = { 0 };
	const char *filter;
	struct buf f;
	char text[37];
	int r;

	arena_clear(&w->mem);
	buf_init(&f, FILTER_OCTETS_MAX);
	filter_open(&f, '&');
	filter_equals(&f, "objectClass", slice_of(w->conf->ldap.account_class));
	filter_open(&f, '|');
	for (size_t i = 0; i < n; i++) {
		entry_guid_text((const uint8_t *)v[i].guid.p, text);
		filter_equals(&f, entry_attr_name(w->conf, ENTRY_UUID), slice_of(text));
	}
	filter_close(&f);
	filter_close(&f);
	filter = buf_cstr(&f);
	r = filter == NULL ? f.err : source.search(source.arg, filter, 1u << ENTRY_UUID,
	    POLL_BATCH, &w->mem, &found);
	for (size_t i = 0; r == OK && !ldapc_truncated(w->ldap) && i < n; i++)
		if (!is_among(&found, (const uint8_t *)v[i].guid.p))
			watch_gone(&w->watch, (const uint8_t *)v[i].guid.p);
	buf_fini(&f);
	return r;
}

static int
poll_step(struct watcher *w, const struct job_watch_request *q)
{
	int r = poll_changed(w);

	for (size_t at = 0; r == OK && at < q->signed_in_n; at += POLL_BATCH)
		r = poll_batch(w, q->signed_in + at, q->signed_in_n - at < POLL_BATCH ?
		    q->signed_in_n - at : POLL_BATCH);
	if (r == OK)
		watch_poll_over(&w->watch);
	return r;
}

/* ---- ---- */

static int
decide_how(struct watcher *w)
{
	unsigned wanted = w->conf->ldap.watch;
	bool offered = wanted == CONF_WATCH_SYNC;
	int r = OK;

	arena_clear(&w->mem);
	if (wanted == CONF_WATCH_AUTO && clock_ms() >= w->sync_refused_until_ms)
		r = ldapc_sync_offered(w->ldap, &w->mem, &offered);
	if (r == OK)
		change_how(w, offered ? DIR_WATCHED_SYNC : DIR_WATCHED_POLL);
	return r;
}

void
watcher_step(struct watcher *w, const struct job_watch_request *q, struct job_watch_reply *out)
{
	bool again = w->how == DIR_WATCHED_POLL && w->sync_refused_until_ms > 0 &&
	    clock_ms() >= w->sync_refused_until_ms && w->conf->ldap.watch == CONF_WATCH_AUTO;
	int r = OK;

	ldapc_begin(w->ldap, STEP_MS);
	w->step_until_ms = clock_ms() + STEP_MS;
	if (!w->watch.sweeping) {
		if (w->how == DIR_WATCHED_AWAY || again)
			r = decide_how(w);
		if (r == OK)
			r = w->how == DIR_WATCHED_SYNC ? sync_step(w) : poll_step(w, q);
	}
	arena_clear(&w->mem);
	watch_take(&w->watch, out);
	out->how = (uint8_t)(r == OK ? w->how : DIR_WATCHED_AWAY);
}
