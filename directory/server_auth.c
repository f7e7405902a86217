/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Sign-ins as directoryd sees them: whose exchange it is, throttle, time of a refusal, tokens. */
#include "directory/server_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sodium.h>

#include "common/clock.h"
#include "common/control.h"
#include "common/log.h"
#include "directory/sign_in.h"

/* A refusal leaves at a multiple of this after the request came, whatever was slow about it. */
enum { REFUSAL_STEP_MS = 300 };

struct attempt {
	struct server	 *s;
	struct chan_req	  req;
	uint64_t	  began_ms;
	uint64_t	  conversation;	/* 0: a new one */
	uint64_t	  watch_serial;	/* when the first step came */
	struct loop_timer timer;
	uint8_t		  zone, outcome;
	size_t		  client_n, mechanism_n;
	char		  client[CLIENT_OCTETS_MAX], mechanism[MECHANISM_OCTETS_MAX];
};

static struct slice
client_of(const struct attempt *a)
{
	return (struct slice){ a->client, a->client_n };
}

/* ---- exchanges ---- */

static struct conversation *
find(struct server *s, uint64_t id)
{
	for (size_t i = 0; i < CONVERSATIONS_MAX; i++)
		if (id != 0 && s->conversations[i].id == id)
			return &s->conversations[i];
	return NULL;
}

static void
forget(struct server *s, uint64_t id)
{
	struct conversation *c = find(s, id);

	if (c != NULL)
		*c = (struct conversation){ 0 };
}

void
server_auth_gone(struct server *s, uint64_t peer_serial)
{
	for (size_t i = 0; i < CONVERSATIONS_MAX; i++)
		if (s->conversations[i].peer_serial == peer_serial)
			s->conversations[i] = (struct conversation){ 0 };
}

/* The number that a client is told says nothing about helpers; the oldest exchange makes room. */
static uint64_t
remember(struct attempt *a, uint64_t helper, uint64_t helper_id)
{
	struct server *s = a->s;
	struct conversation *c = find(s, a->conversation);
	uint64_t id;

	for (size_t i = 0; c == NULL && i < CONVERSATIONS_MAX; i++)
		if (s->conversations[i].id == 0)
			c = &s->conversations[i];
	if (c == NULL) {
		c = &s->conversations[0];
		for (size_t i = 1; i < CONVERSATIONS_MAX; i++)
			if (s->conversations[i].touched_ms < c->touched_ms)
				c = &s->conversations[i];
	}
	randombytes_buf(&id, sizeof id);
	*c = (struct conversation){ .id = c->id != 0 && c->id == a->conversation ? c->id : id | 1,
		.peer_serial = a->req.peer_serial, .helper = helper, .helper_id = helper_id,
		.touched_ms = clock_ms(), .watch_serial = a->watch_serial, .zone = a->zone,
		.client_n = a->client_n };
	memcpy(c->client, a->client, a->client_n);
	return c->id;
}

/* ---- answers ---- */

static void
note_outcome(struct attempt *a, struct slice who, unsigned outcome)
{
	static const char *const reasons[] = {
		[DIR_AUTH_BAD] = "wrong name or password", [DIR_AUTH_DISABLED] = "account disabled",
		[DIR_AUTH_ZONE] = "not from this zone", [DIR_AUTH_MECHANISM] = "mechanism",
		[DIR_AUTH_THROTTLED] = "too many failures",
	};
	struct slice mechanism = { a->mechanism, a->mechanism_n };

	if (outcome == DIR_AUTH_OK) {
		a->s->sign_ins_ok++;
		log_event(EV_AUTH_OK, F_STR("who", who), F_STR("client", client_of(a)),
		    F_CSTR("zone", zone_name(a->zone)), F_STR("mechanism", mechanism), F_END);
		return;
	}
	a->s->sign_ins_bad++;
	log_event(EV_AUTH_FAILED, F_STR("who", who), F_STR("client", client_of(a)),
	    F_CSTR("zone", zone_name(a->zone)), F_CSTR("reason", reasons[outcome]), F_END);
}

static void
on_refusal_time(struct loop_timer *t)
{
	struct attempt *a = t->arg;
	struct dir_auth_reply reply = { .outcome = a->outcome };

	chan_reply(a->s->chan, &a->req, OK, &reply, NULL, 0);
	free(a);
}

/* BAD and THROTTLED tell by nothing, not even by their time, how far the attempt came. */
static void
refuse_later(struct attempt *a, uint8_t outcome)
{
	uint64_t took = clock_ms() - a->began_ms;

	a->outcome = outcome;
	if (control_off("refusal-time") ||
	    loop_timer_set(a->s->loop, &a->timer, REFUSAL_STEP_MS - took % REFUSAL_STEP_MS,
	    on_refusal_time, a) != OK) {
		a->timer.arg = a;
		on_refusal_time(&a->timer);
	}
}

/* The agencies that the account may read for, as LDAP says now. */
static void
vouch(const struct dir_auth_reply *reply, struct token *t)
{
	unsigned bit = t->zone == ZONE_INTERNAL ? DIR_ZONE_INTERNAL : DIR_ZONE_INTERNET;

	for (size_t i = 0; i < reply->identities_n; i++) {
		const struct dir_identity *id = &reply->identities[i];
		struct token_agency *to = &t->agencies[t->agencies_n];

		if (id->kind != DIR_IDENTITY_AGENCY || id->guid.n != sizeof to->guid ||
		    (id->zones & bit) == 0 || t->agencies_n == TOKEN_AGENCIES_MAX ||
		    token_agency(t, (const uint8_t *)id->guid.p) != NULL)
			continue;
		memcpy(to->guid, id->guid.p, sizeof to->guid);
		to->clearance = id->clearance;
		t->agencies_n++;
	}
}

static void
answer_ok(struct attempt *a, struct dir_auth_reply *reply)
{
	struct token t = { .zone = a->zone, .expires_ms = clock_ms() + TOKEN_LIFE_MS };
	uint8_t text[TOKEN_OCTETS_MAX];

	if (reply->account_n != 1 || reply->account->guid.n != sizeof t.guid) {
		chan_reply(a->s->chan, &a->req, ERR_UNAVAIL, NULL, NULL, 0);
		return;
	}
	memcpy(t.guid, reply->account->guid.p, sizeof t.guid);
	vouch(reply, &t);
	reply->token = (struct slice){ (const char *)text,
		token_make(&t, a->s->token_key, text) };
	chan_reply(a->s->chan, &a->req, OK, reply, NULL, 0);
	server_watch_signed_in(a->s, t.guid, a->watch_serial);
	sodium_memzero(text, sizeof text);
}

/* A helper has decided. A throttled account gets the same refusal for right and wrong passwords. */
static void
judge(struct attempt *a, const struct job_auth_reply *job, uint64_t helper)
{
	struct dir_auth_reply reply = job->reply[0];
	struct slice who = job->who;
	uint64_t now = clock_ms();

	if (reply.outcome == DIR_AUTH_CONTINUE) {
		reply.conversation = remember(a, helper, reply.conversation);
		chan_reply(a->s->chan, &a->req, OK, &reply, NULL, 0);
		free(a);
		return;
	}
	forget(a->s, a->conversation);
	if (who.n > 0 && !throttle_account_ok(a->s->throttle, client_of(a), who, now))
		reply.outcome = DIR_AUTH_THROTTLED;
	else if (reply.outcome == DIR_AUTH_BAD || reply.outcome == DIR_AUTH_OK)
		throttle_note(a->s->throttle, client_of(a), who, reply.outcome == DIR_AUTH_OK, now);
	note_outcome(a, who, reply.outcome);
	if (reply.outcome == DIR_AUTH_BAD || reply.outcome == DIR_AUTH_THROTTLED) {
		refuse_later(a, reply.outcome);
		return;
	}
	if (reply.outcome == DIR_AUTH_OK) {
		answer_ok(a, &reply);
	} else {
		reply = (struct dir_auth_reply){ .outcome = reply.outcome };
		chan_reply(a->s->chan, &a->req, OK, &reply, NULL, 0);
	}
	free(a);
}

static void
on_answer(void *arg, int status, const void *reply, uint64_t helper)
{
	const struct job_auth_reply *job = reply;
	struct attempt *a = arg;

	if (status == OK && job->reply_n == 1) {
		judge(a, job, helper);
		return;
	}
	server_note(a->s, status == ERR_CORRUPT ? OK : ERR_UNAVAIL);
	forget(a->s, a->conversation);
	log_event(EV_AUTH_UNAVAILABLE, F_STR("client", client_of(a)), F_ERR(status), F_END);
	chan_reply(a->s->chan, &a->req, status == OK || status == ERR_CORRUPT ? ERR_UNAVAIL : status,
	    NULL, NULL, 0);
	free(a);
}

/* ---- requests ---- */

/* The internet socket of imapd cannot speak for the internal zone. */
static bool
may_claim(unsigned role, unsigned zone)
{
	if (zone != ZONE_INTERNAL && zone != ZONE_INTERNET)
		return false;
	return role != ROLE_IMAPD_INTERNET || zone == ZONE_INTERNET;
}

/* Its zone and client are those it began with. */
static int
go_on(struct attempt *a, const struct conversation *c, struct dir_auth_request *q)
{
	if (c == NULL || c->peer_serial != a->req.peer_serial ||
	    clock_ms() - c->touched_ms > SIGN_IN_LIFE_MS)
		return ERR_NOENT;
	a->conversation = c->id;
	a->watch_serial = c->watch_serial;
	a->zone = c->zone;
	a->client_n = c->client_n;
	memcpy(a->client, c->client, c->client_n);
	q->conversation = c->helper_id;
	return OK;
}

static struct attempt *
attempt_new(struct server *s, const struct chan_req *req, const struct dir_auth_request *q)
{
	struct attempt *a = calloc(1, sizeof *a);

	if (a == NULL)
		return NULL;
	*a = (struct attempt){ .s = s, .req = *req, .began_ms = clock_ms(),
		.watch_serial = server_watch_serial(s), .zone = q->zone,
		.client_n = q->client.n, .mechanism_n = q->mechanism.n };
	if (q->client.n > 0)
		memcpy(a->client, q->client.p, q->client.n);
	if (q->mechanism.n > 0)
		memcpy(a->mechanism, q->mechanism.p, q->mechanism.n);
	return a;
}

void
serve_DIR_AUTH(void *service, struct chan_req *req, const void *msg)
{
	struct dir_auth_request q = *(const struct dir_auth_request *)msg;
	struct server *s = service;
	const struct conversation *c = find(s, q.conversation);
	uint64_t helper = c != NULL ? c->helper : 0;
	struct attempt *a;

	if (!may_claim(req->role, q.zone)) {
		chan_reply(s->chan, req, ERR_ACCESS, NULL, NULL, 0);
		return;
	}
	a = attempt_new(s, req, &q);
	if (a == NULL)
		chan_reply(s->chan, req, ERR_UNAVAIL, NULL, NULL, 0);
	else if (q.conversation != 0 && go_on(a, c, &q) != OK) {
		note_outcome(a, (struct slice){ NULL, 0 }, DIR_AUTH_BAD);
		refuse_later(a, DIR_AUTH_BAD);
	} else if (!throttle_client_ok(s->throttle, client_of(a), a->began_ms)) {
		note_outcome(a, (struct slice){ NULL, 0 }, DIR_AUTH_THROTTLED);
		refuse_later(a, DIR_AUTH_THROTTLED);
	} else
		pool_call(s->sign_in, helper, DIR_AUTH, &q, 0, on_answer, a);
}
