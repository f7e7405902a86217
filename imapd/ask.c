/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* What the engine asks, as requests to the other programs. */
#include <string.h>

#include "imapd/conn.h"
#include "policy/proto.h"

enum {
	CALL_MS = 30000,
	RECENT_MS = 2000,	/* reading does without it when mailstored hangs */
	POLICY_SLACK_MS = 5000,
};

_Static_assert((int)BACKEND_SEEN == (int)ST_SEEN && (int)BACKEND_ANSWERED == (int)ST_ANSWERED &&
    (int)BACKEND_FLAGGED == (int)ST_FLAGGED && (int)BACKEND_DELETED == (int)ST_DELETED &&
    (int)BACKEND_DRAFT == (int)ST_DRAFT, "flags are handed on as they are");
_Static_assert((int)BACKEND_OP_SET == (int)ST_FLAGS_SET && (int)BACKEND_OP_ADD ==
    (int)ST_FLAGS_ADD && (int)BACKEND_OP_REMOVE == (int)ST_FLAGS_REMOVE, "so are operations");
_Static_assert((int)BACKEND_USE_DRAFTS == (int)ST_USE_DRAFTS && (int)BACKEND_USE_ARCHIVE ==
    (int)ST_USE_ARCHIVE, "and special uses");
_Static_assert((int)BACKEND_RANGES_MAX == 20000, "as many as the requests take");

void
conn_call(struct conn *c, struct chan_client *to, uint16_t code, const void *msg,
    const int *fds, unsigned fds_n, chan_answer_fn fn)
{
	uint64_t ms = code == ST_SEEN_RECENT ? RECENT_MS : code != POL_JUDGE ? CALL_MS :
	    c->worker->wc->conf->limits.policy_ms + POLICY_SLACK_MS;

	c->asked = to;
	chan_call(to, code, msg, fds, fds_n, ms, fn, c, &c->call);
}

static void
answer(struct conn *c, const struct backend_reply *r)
{
	c->asked = NULL;
	conn_answer(c, r);
}

/* Replies that say nothing but how it went. */
static void
on_done(void *arg, struct chan_answer *a)
{
	answer(arg, &(struct backend_reply){ .status = a->status });
}

/* ---- names ---- */

static void
ask_name(struct conn *c, const struct backend_ask *ask, uint16_t code)
{
	struct st_name_request q = { .account = c->account->number, .name = ask->name,
		.new_name = ask->new_name, .special_use = (uint8_t)ask->use, .on = ask->on };

	conn_call(c, c->worker->mailstore, code, &q, NULL, 0, on_done);
}

static void
ask_room(struct conn *c, const struct backend_ask *ask)
{
	struct st_room_request q = { .guid = { c->account->guid, DIR_GUID_OCTETS },
		.quota = c->account->quota, .size_octets = ask->size_octets };

	conn_call(c, c->worker->mailstore, ST_ROOM, &q, NULL, 0, on_done);
}

/* ---- sets of messages ---- */

/* Both are two numbers; the program that reads them is another. */
static struct st_range *
ranges_out(struct worker *w, const struct backend_range *v, size_t n)
{
	struct st_range *out;

	arena_clear(&w->arena);
	out = arena_array(&w->arena, n, sizeof *out);
	for (size_t i = 0; out != NULL && i < n; i++)
		out[i] = (struct st_range){ .lo = v[i].lo, .hi = v[i].hi };
	return out;
}

static struct st_keyword *
keywords_out(struct worker *w, const struct slice *v, size_t n)
{
	struct st_keyword *out = arena_array(&w->arena, n, sizeof *out);

	for (size_t i = 0; out != NULL && i < n; i++)
		out[i].name = v[i];
	return out;
}

static void
on_flags(void *arg, struct chan_answer *a)
{
	const struct st_flags_reply *r = a->msg;

	answer(arg, &(struct backend_reply){ .status = a->status,
		.modseq = a->status == OK ? r->modseq : 0 });
}

static void
ask_flags(struct conn *c, const struct backend_ask *ask)
{
	struct st_flags_request q = { .account = c->account->number, .mailbox = ask->box,
		.uids = ranges_out(c->worker, ask->ranges, ask->ranges_n), .uids_n = ask->ranges_n,
		.known_modseq = ask->known_modseq,
		.op = (uint8_t)ask->op, .flags = (uint16_t)ask->flags };

	q.keywords = keywords_out(c->worker, ask->keywords, ask->keywords_n);
	q.keywords_n = ask->keywords_n;
	if (q.uids == NULL || q.keywords == NULL)
		q.uids_n = q.keywords_n = 0;	/* out of memory: nothing is changed */
	conn_call(c, c->worker->mailstore, ST_FLAGS, &q, NULL, 0, on_flags);
}

static void
ask_expunge(struct conn *c, const struct backend_ask *ask)
{
	struct st_expunge_request q = { .account = c->account->number, .mailbox = ask->box,
		.uids = ranges_out(c->worker, ask->ranges, ask->ranges_n),
		.uids_n = ask->ranges_n };

	if (q.uids == NULL)
		q.uids_n = 0;
	conn_call(c, c->worker->mailstore, ST_EXPUNGE, &q, NULL, 0, on_done);
}

static void
on_recent(void *arg, struct chan_answer *a)
{
	const struct st_seen_recent_reply *r = a->msg;

	answer(arg, &(struct backend_reply){ .status = a->status,
		.uid = a->status == OK ? r->first_recent_uid : 0,
		.end_uid = a->status == OK ? r->end_uid : 0 });
}

static void
ask_recent(struct conn *c, const struct backend_ask *ask)
{
	struct st_seen_recent_request q = { .account = c->account->number, .mailbox = ask->box };

	conn_call(c, c->worker->mailstore, ST_SEEN_RECENT, &q, NULL, 0, on_recent);
}

/* ---- the rest ---- */

static void
on_delay(struct loop_timer *t)
{
	answer(t->arg, &(struct backend_reply){ .status = OK });
}

static void
ask_delay(struct conn *c, const struct backend_ask *ask)
{
	if (loop_timer_set(c->worker->loop, &c->delay, ask->delay_ms, on_delay, c) != OK)
		conn_bye(c, "UNAVAILABLE", "Out of memory");
}

void
conn_ask(void *ctx, const struct backend_ask *ask)
{
	static const uint16_t name_codes[] = {
		[BACKEND_ASK_CREATE] = ST_CREATE, [BACKEND_ASK_DELETE] = ST_DELETE,
		[BACKEND_ASK_RENAME] = ST_RENAME, [BACKEND_ASK_SUBSCRIBE] = ST_SUBSCRIBE,
	};
	struct conn *c = ctx;

	switch (ask->kind) {
	case BACKEND_ASK_AUTH:
		conn_sign_in(c, ask->data);
		break;
	case BACKEND_ASK_DELAY:
		ask_delay(c, ask);
		break;
	case BACKEND_ASK_CREATE:
	case BACKEND_ASK_DELETE:
	case BACKEND_ASK_RENAME:
	case BACKEND_ASK_SUBSCRIBE:
		ask_name(c, ask, name_codes[ask->kind]);
		break;
	case BACKEND_ASK_ROOM:
		ask_room(c, ask);
		break;
	case BACKEND_ASK_JUDGE:
		conn_judge(c);
		break;
	case BACKEND_ASK_APPEND:
		conn_append(c, ask);
		break;
	case BACKEND_ASK_REFUSED:
		conn_refused(c);
		break;
	case BACKEND_ASK_FLAGS:
		ask_flags(c, ask);
		break;
	case BACKEND_ASK_EXPUNGE:
		ask_expunge(c, ask);
		break;
	case BACKEND_ASK_COPY:
		conn_copy(c, ask);
		break;
	case BACKEND_ASK_RECENT:
		ask_recent(c, ask);
		break;
	}
}
