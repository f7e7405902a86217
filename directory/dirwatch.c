/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/dirwatch.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"

enum {
	ASKS = 8,			/* DIR_ACCOUNT under way at the same time */
	PAUSE_MS = 50,			/* between two watches: changes gather, and nothing spins */
	RETRY_MIN_MS = 100, RETRY_MAX_MS = 1000,
	ASK_MS = 15 * 1000,
	SLACK_MS = 10 * 1000,
};

struct guid {
	uint8_t octets[DIR_GUID_OCTETS];
};

struct ask {
	struct dirwatch *w;		/* NULL: free */
	uint64_t	 round;
	uint32_t	 call;
	struct guid	 guid;
	uint8_t		 odd;		/* answers so far that made no sense */
};

struct dirwatch {
	struct loop	   *loop;
	struct chan_client *directory;
	struct dirwatch_ops ops;
	void		   *arg;
	uint64_t	    generation, serial, retry_ms;
	bool		    watching;
	uint32_t	    call;
	struct loop_timer   again, ask_again;

	/* the round of questions about everybody */
	struct guid	   *guids;
	uint8_t		   *odd;		/* of each: answers that made no sense */
	size_t		    guids_n, at, failed;	/* the first `failed` are to be asked again */
	uint64_t	    round;
	struct ask	    asks[ASKS];
};

static void watch(struct dirwatch *w);
static void ask_more(struct dirwatch *w);

/* ---- who is signed in ---- */

static int
by_octets(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct guid));
}

/* Each once; the caller frees it. NULL: nobody, or no memory (then *n_out is not 0). */
static struct guid *
everybody(struct dirwatch *w, size_t *n_out)
{
	size_t n = w->ops.signed_in(w->arg, NULL, 0), kept = 0;
	struct guid *v = n == 0 ? NULL : calloc(n, sizeof *v);

	*n_out = n;
	if (v == NULL)
		return NULL;
	(void)w->ops.signed_in(w->arg, &v->octets, n);
	qsort(v, n, sizeof *v, by_octets);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || by_octets(&v[i], &v[kept - 1]) != 0)
			v[kept++] = v[i];
	*n_out = kept;
	return v;
}

/* ---- asking about everybody ---- */

static void
on_ask_again(struct loop_timer *t)
{
	struct dirwatch *w = t->arg;

	w->at = 0;
	w->guids_n = w->failed;
	w->failed = 0;
	ask_more(w);
}

static bool
asking(const struct dirwatch *w)
{
	for (size_t i = 0; i < ASKS; i++)
		if (w->asks[i].w != NULL && w->asks[i].round == w->round)
			return true;
	return false;
}

static void
round_over(struct dirwatch *w)
{
	if (w->failed > 0) {
		if (loop_timer_set(w->loop, &w->ask_again, RETRY_MAX_MS, on_ask_again, w) != OK)
			log_event(EV_INTERNAL_ERROR, F_CSTR("at", "account watch"));
		return;
	}
	free(w->guids);
	free(w->odd);
	w->guids = NULL;
	w->odd = NULL;
	w->guids_n = w->at = 0;
}

/* Nobody can tell any more what the account may do: then it may do nothing. */
static bool
makes_no_sense(struct ask *ask, int status)
{
	return status == ERR_CORRUPT && ++ask->odd >= DIRWATCH_ODD;
}

static void
ask_later(struct dirwatch *w, const struct ask *ask)
{
	w->odd[w->failed] = ask->odd;
	w->guids[w->failed++] = ask->guid;
}

static void
on_account(void *arg, struct chan_answer *answer)
{
	const struct dir_account_reply *r = answer->msg;
	struct ask *ask = arg;
	struct dirwatch *w = ask->w;
	struct dir_right now = { .guid = { (const char *)&ask->guid, sizeof ask->guid } };

	ask->w = NULL;
	if (answer->status == OK && r != NULL && r->account_n == 1)
		now = dir_right_of(r->account);
	if ((answer->status == OK && r != NULL) || makes_no_sense(ask, answer->status))
		w->ops.changed(w->arg, &now);
	else if (ask->round == w->round)
		ask_later(w, ask);
	ask_more(w);
}

static void
ask_about(struct ask *ask, struct dirwatch *w, size_t at)
{
	struct dir_account_request q = { 0 };

	ask->w = w;
	ask->round = w->round;
	ask->guid = w->guids[at];
	ask->odd = w->odd[at];
	q.guid = (struct slice){ (const char *)&ask->guid, sizeof ask->guid };
	chan_call(w->directory, DIR_ACCOUNT, &q, NULL, 0, ASK_MS, on_account, ask, &ask->call);
}

static void
ask_more(struct dirwatch *w)
{
	if (w->guids == NULL || w->ask_again.loop != NULL)
		return;
	for (size_t i = 0; i < ASKS && w->at < w->guids_n; i++)
		if (w->asks[i].w == NULL)
			ask_about(&w->asks[i], w, w->at++);
	if (w->at == w->guids_n && !asking(w))
		round_over(w);
}

/* False: without memory, to be tried again. */
static bool
ask_all(struct dirwatch *w)
{
	size_t n;
	struct guid *v = everybody(w, &n);
	uint8_t *odd = calloc(n + 1, sizeof *odd);

	if ((v == NULL && n > 0) || odd == NULL) {
		free(v);
		free(odd);
		return false;
	}
	loop_timer_stop(&w->ask_again);
	free(w->guids);
	free(w->odd);
	w->guids = v;
	w->odd = odd;
	w->guids_n = n;
	w->at = w->failed = 0;
	w->round++;
	ask_more(w);
	return true;
}

/* ---- watching ---- */

static void
on_again(struct loop_timer *t)
{
	watch(t->arg);
}

static void
watch_later(struct dirwatch *w, uint64_t ms)
{
	if (loop_timer_set(w->loop, &w->again, ms, on_again, w) != OK)
		log_event(EV_INTERNAL_ERROR, F_CSTR("at", "account watch"));
}

static void
on_watch(void *arg, struct chan_answer *answer)
{
	const struct dir_watch_reply *r = answer->msg;
	struct dirwatch *w = arg;

	w->watching = false;
	if (answer->status != OK || r == NULL || (r->all && !ask_all(w))) {
		watch_later(w, w->retry_ms);
		w->retry_ms = w->retry_ms * 2 < RETRY_MAX_MS ? w->retry_ms * 2 : RETRY_MAX_MS;
		return;
	}
	w->retry_ms = RETRY_MIN_MS;
	w->generation = r->generation;
	w->serial = r->serial;
	for (size_t i = 0; i < r->changes_n; i++)
		if (r->changes[i].guid.n == DIR_GUID_OCTETS)
			w->ops.changed(w->arg, &r->changes[i]);
	watch_later(w, PAUSE_MS);
}

static void
watch(struct dirwatch *w)
{
	struct dir_watch_request q = { .generation = w->generation, .serial = w->serial };
	size_t n;
	struct guid *v = everybody(w, &n);

	if (v == NULL)
		n = 0;
	n = n < DIR_SIGNED_IN_MAX ? n : DIR_SIGNED_IN_MAX;
	q.signed_in = calloc(n + 1, sizeof *q.signed_in);
	q.signed_in_n = q.signed_in == NULL ? 0 : n;
	for (size_t i = 0; i < q.signed_in_n; i++)
		q.signed_in[i].guid = (struct slice){ (const char *)&v[i], sizeof v[i] };
	w->watching = true;
	chan_call(w->directory, DIR_WATCH, &q, NULL, 0, DIR_WATCH_MS + SLACK_MS, on_watch, w,
	    &w->call);
	free(q.signed_in);
	free(v);
}

/* ---- life ---- */

int
dirwatch_new(struct loop *loop, struct chan_client *directory, const struct dirwatch_ops *ops,
    void *arg, struct dirwatch **out)
{
	struct dirwatch *w = calloc(1, sizeof *w);

	if (w == NULL)
		return ERR_NOMEM;
	*w = (struct dirwatch){ .loop = loop, .directory = directory, .ops = *ops, .arg = arg,
		.retry_ms = RETRY_MIN_MS };
	*out = w;
	watch(w);
	return OK;
}

void
dirwatch_free(struct dirwatch **watch)
{
	struct dirwatch *w = *watch;

	if (w == NULL)
		return;
	loop_timer_stop(&w->again);
	loop_timer_stop(&w->ask_again);
	if (w->watching)
		chan_cancel(w->directory, w->call);
	for (size_t i = 0; i < ASKS; i++)
		if (w->asks[i].w != NULL)
			chan_cancel(w->directory, w->asks[i].call);
	free(w->guids);
	free(w->odd);
	free(w);
	*watch = NULL;
}
