/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "smtpd/engine.h"

#include <assert.h>
#include <string.h>

#include "common/control.h"
#include "smtpd/command.h"

enum {
	DATA_CHECK_MS = 60000,	/* how often the rate of DATA is looked at */
	STORE_PAUSE_MS = 200,
	SLOW_MS = 1000,
	GRACE_MS = 2000,	/* the services' own deadlines come first */
};

typedef size_t (*input_fn)(struct engine *e, struct slice in);
typedef void (*step_fn)(struct engine *e, const void *what);

static size_t input_line(struct engine *e, struct slice in);
static size_t input_forget(struct engine *e, struct slice in);
static void on_silence(struct engine *e, const void *none);
static void on_timeout(struct engine *e, const void *none);
static void on_stop(struct engine *e, const void *none);
static void on_stop_later(struct engine *e, const void *none);
static void on_withdrawn(struct engine *e, const void *why);
static void on_withdrawn_asked(struct engine *e, const void *why);
static void on_withdrawn_later(struct engine *e, const void *why);
static uint64_t wait_command(const struct engine *e);
static uint64_t wait_data(const struct engine *e);
static uint64_t wait_service(const struct engine *e);
static uint64_t wait_policy(const struct engine *e);
static uint64_t wait_pause(const struct engine *e);
static uint64_t wait_penalty(const struct engine *e);
static uint64_t wait_slow(const struct engine *e);
static uint64_t wait_forever(const struct engine *e);

/* The machine: per state its name, how long it may last, what input does, and what events do. */
static const struct {
	const char *name;
	uint64_t  (*wait_ms)(const struct engine *e);
	input_fn    input;	/* NULL: input has to wait */
	step_fn	    on[ENGINE_EVENTS];
} states[ENGINE_STATES] = {
	[ENGINE_COMMAND] = { "command", wait_command, input_line, {
	    [ENGINE_EV_TIMER] = on_timeout, [ENGINE_EV_SHUTDOWN] = on_stop,
	    [ENGINE_EV_WITHDRAWN] = on_withdrawn } },
	[ENGINE_SASL_LINE] = { "sasl-line", wait_command, input_line, {
	    [ENGINE_EV_TIMER] = on_timeout, [ENGINE_EV_SHUTDOWN] = on_stop,
	    [ENGINE_EV_WITHDRAWN] = on_withdrawn } },
	[ENGINE_DATA] = { "data", wait_data, cmd_data_input, {
	    [ENGINE_EV_TIMER] = cmd_data_timer, [ENGINE_EV_SHUTDOWN] = on_stop_later,
	    [ENGINE_EV_WITHDRAWN] = on_withdrawn } },
	[ENGINE_WAIT_TLS] = { "wait-tls", wait_command, NULL, {
	    [ENGINE_EV_TLS] = cmd_starttls_done, [ENGINE_EV_TIMER] = on_silence,
	    [ENGINE_EV_SHUTDOWN] = on_stop_later,
	    [ENGINE_EV_WITHDRAWN] = on_silence } },
	[ENGINE_WAIT_AUTH] = { "wait-auth", wait_service, NULL, {
	    [ENGINE_EV_AUTH] = cmd_auth_answer, [ENGINE_EV_TIMER] = cmd_auth_timeout,
	    [ENGINE_EV_SHUTDOWN] = on_stop_later,
	    [ENGINE_EV_WITHDRAWN] = on_withdrawn_asked } },
	[ENGINE_WAIT_RCPT] = { "wait-rcpt", wait_service, NULL, {
	    [ENGINE_EV_RCPT] = cmd_rcpt_answer, [ENGINE_EV_TIMER] = cmd_rcpt_timeout,
	    [ENGINE_EV_SHUTDOWN] = on_stop_later,
	    [ENGINE_EV_WITHDRAWN] = on_withdrawn_asked } },
	[ENGINE_WAIT_ROOM] = { "wait-room", wait_service, NULL, {
	    [ENGINE_EV_ROOM] = cmd_rcpt_room, [ENGINE_EV_TIMER] = cmd_rcpt_timeout,
	    [ENGINE_EV_SHUTDOWN] = on_stop_later,
	    [ENGINE_EV_WITHDRAWN] = on_withdrawn_asked } },
	[ENGINE_WAIT_POLICY] = { "wait-policy", wait_policy, NULL, {
	    [ENGINE_EV_VERDICT] = deliver_verdict, [ENGINE_EV_TIMER] = deliver_timeout,
	    [ENGINE_EV_SHUTDOWN] = on_stop_later,
	    [ENGINE_EV_WITHDRAWN] = on_withdrawn_asked } },
	[ENGINE_WAIT_STORE] = { "wait-store", wait_service, NULL, {
	    [ENGINE_EV_STORED] = deliver_stored, [ENGINE_EV_TIMER] = deliver_timeout,
	    [ENGINE_EV_SHUTDOWN] = on_stop_later,
	    [ENGINE_EV_WITHDRAWN] = on_withdrawn_later } },
	[ENGINE_STORE_PAUSE] = { "store-pause", wait_pause, NULL, {
	    [ENGINE_EV_TIMER] = deliver_again, [ENGINE_EV_SHUTDOWN] = on_stop_later,
	    [ENGINE_EV_WITHDRAWN] = on_withdrawn } },
	[ENGINE_WAIT_SPACE] = { "wait-space", wait_service, NULL, {
	    [ENGINE_EV_ROOM] = deliver_space, [ENGINE_EV_TIMER] = deliver_timeout,
	    [ENGINE_EV_SHUTDOWN] = on_stop_later,
	    [ENGINE_EV_WITHDRAWN] = on_withdrawn_asked } },
	[ENGINE_WAIT_AUDIT] = { "wait-audit", wait_service, NULL, {
	    [ENGINE_EV_AUDITED] = deliver_audited, [ENGINE_EV_TIMER] = deliver_timeout,
	    [ENGINE_EV_SHUTDOWN] = on_stop_later,
	    [ENGINE_EV_WITHDRAWN] = on_withdrawn_later } },
	[ENGINE_PENALTY] = { "penalty", wait_penalty, NULL, {
	    [ENGINE_EV_TIMER] = cmd_auth_penalty, [ENGINE_EV_SHUTDOWN] = on_stop_later,
	    [ENGINE_EV_WITHDRAWN] = on_withdrawn } },
	[ENGINE_SLOW] = { "slow", wait_slow, NULL, {
	    [ENGINE_EV_TIMER] = cmd_rcpt_slow, [ENGINE_EV_SHUTDOWN] = on_stop_later,
	    [ENGINE_EV_WITHDRAWN] = on_withdrawn } },
	[ENGINE_CLOSED] = { "closed", wait_forever, input_forget, { NULL } },
};

/* ---- deadlines ---- */

/* Before the first transaction (on submission: sign-in) all commands together have preauth_ms. */
static uint64_t
wait_command(const struct engine *e)
{
	const struct engine_conf *c = e->conf;
	uint64_t past = e->now_ms - e->opened_ms;
	uint64_t left = past < c->preauth_ms ? c->preauth_ms - past : 0;

	if (!e->started)
		return left < c->command_ms ? left : c->command_ms;
	return e->account.address.n > 0 && e->env == NULL ? c->idle_ms : c->command_ms;
}

static uint64_t
wait_data(const struct engine *e)
{
	return e->conf->command_ms < DATA_CHECK_MS ? e->conf->command_ms : DATA_CHECK_MS;
}

static uint64_t
wait_service(const struct engine *e)
{
	return e->conf->service_ms + GRACE_MS;
}

static uint64_t
wait_policy(const struct engine *e)
{
	return e->conf->policy_ms + GRACE_MS;
}

static uint64_t
wait_pause(const struct engine *e)
{
	(void)e;
	return STORE_PAUSE_MS;
}

/* One second more for every failure, up to five. */
static uint64_t
wait_penalty(const struct engine *e)
{
	return 1000 * (uint64_t)(e->auth_failures < 5 ? e->auth_failures : 5);
}

static uint64_t
wait_slow(const struct engine *e)
{
	(void)e;
	return SLOW_MS;
}

static uint64_t
wait_forever(const struct engine *e)
{
	(void)e;
	return UINT64_MAX / 2;
}

uint64_t
engine_due_ms(const struct engine *e)
{
	return e->due_ms;
}

/* ---- for the commands ---- */

void
engine_reply_detail(struct engine *e, enum reply id, struct slice detail)
{
	reply_add(e->out, id, detail);
}

void
engine_reply(struct engine *e, enum reply id)
{
	engine_reply_detail(e, id, (struct slice){ NULL, 0 });
}

void
engine_bye(struct engine *e, enum reply id)
{
	engine_reply(e, id);
	engine_reset(e);
	engine_enter(e, ENGINE_CLOSED);
}

void
engine_error(struct engine *e, enum reply id)
{
	engine_reply(e, id);
	if (++e->errors >= e->conf->errors)
		engine_bye(e, SAY_TOO_MANY_ERRORS);
}

void
engine_enter(struct engine *e, enum engine_state state)
{
	e->state = state;
	e->due_ms = e->now_ms + states[state].wait_ms(e);
}

void
engine_ready(struct engine *e)
{
	if (e->state == ENGINE_CLOSED)
		return;
	engine_enter(e, ENGINE_COMMAND);
	if (e->withdrawn)
		engine_bye(e, e->withdrawn_why);
	else if (e->draining)
		engine_bye(e, SAY_STOPPING);
}

void
engine_reset(struct engine *e)
{
	if (e->env == NULL)
		return;
	e->ops->body_drop(e->host);
	envelope_free(&e->env);
}

void
engine_ref(const struct engine *e, char out[ENGINE_REF_OCTETS + 1])
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < ENGINE_REF_OCTETS / 2; i++) {
		out[2 * i] = hex[e->id[i] >> 4];
		out[2 * i + 1] = hex[e->id[i] & 15];
	}
	out[ENGINE_REF_OCTETS] = '\0';
}

/* ---- lines ---- */

/* Octets of the first line of in with its CRLF; 0: not all there, or the session has ended. */
static size_t
find_line(struct engine *e, struct slice in, size_t cap)
{
	for (; e->scanned < in.n; e->scanned++) {
		char c = in.p[e->scanned];
		bool after_cr = e->scanned > 0 && in.p[e->scanned - 1] == '\r';

		if (e->scanned >= cap)
			break;
		if (after_cr && c == '\n')
			return e->scanned + 1;
		if ((after_cr || c == '\n' || c == '\0') && !control_off("command-line-ends")) {
			engine_bye(e, after_cr ? SAY_BARE_CR : c == '\n' ? SAY_BARE_LF : SAY_NUL);
			return 0;
		}
	}
	if (e->scanned >= cap)
		engine_bye(e, e->state == ENGINE_SASL_LINE ? SAY_SASL_TOO_LONG :
		    SAY_LINE_TOO_LONG);
	return 0;
}

static size_t
input_line(struct engine *e, struct slice in)
{
	bool sasl = e->state == ENGINE_SASL_LINE;
	size_t n = find_line(e, in, sasl || e->conf->role == ENGINE_SUBMISSION ?
	    ENGINE_SASL_LINE_MAX : ENGINE_LINE_MAX);
	struct slice line;

	if (n == 0)
		return e->state == ENGINE_CLOSED ? in.n : 0;
	line = slice_sub(in, 0, n - 2);
	e->scanned = 0;
	e->more = n < in.n;
	if (sasl)
		cmd_auth_line(e, line);
	else
		command_run(e, line);
	return n;
}

static size_t
input_forget(struct engine *e, struct slice in)
{
	(void)e;
	return in.n;
}

bool
engine_takes_input(const struct engine *e)
{
	return states[e->state].input != NULL;
}

size_t
engine_input(struct engine *e, uint64_t now_ms, struct slice in)
{
	size_t taken = 0, n;

	e->now_ms = now_ms;
	while (taken < in.n && states[e->state].input != NULL) {
		n = states[e->state].input(e, slice_from(in, taken));
		if (n == 0)
			break;
		taken += n;
	}
	return taken;
}

/* ---- events ---- */

static void
on_timeout(struct engine *e, const void *none)
{
	(void)none;
	engine_bye(e, SAY_TIMEOUT);
}

/* In the middle of a handshake no reply can be given. */
static void
on_silence(struct engine *e, const void *none)
{
	(void)none;
	engine_reset(e);
	engine_enter(e, ENGINE_CLOSED);
}

static void
on_stop(struct engine *e, const void *none)
{
	(void)none;
	engine_bye(e, SAY_STOPPING);
}

static void
on_stop_later(struct engine *e, const void *none)
{
	(void)none;
	e->draining = true;
}

/* The account may not go on. What is not acknowledged yet is not taken. */
static void
on_withdrawn(struct engine *e, const void *why)
{
	engine_bye(e, *(const enum reply *)why);
}

static void
on_withdrawn_asked(struct engine *e, const void *why)
{
	e->ops->cancel(e->host);
	on_withdrawn(e, why);
}

/* Its message came whole before, and may be stored already: it still hears what became of it. */
static void
on_withdrawn_later(struct engine *e, const void *why)
{
	e->withdrawn = true;
	e->withdrawn_why = *(const enum reply *)why;
}

static void
event(struct engine *e, uint64_t now_ms, enum engine_event ev, const void *what)
{
	step_fn step = states[e->state].on[ev];

	e->now_ms = now_ms;
	if (step != NULL)
		step(e, what);
}

bool
engine_expects(enum engine_state state, enum engine_event ev)
{
	if (ev == ENGINE_EV_INPUT)
		return states[state].input != NULL;
	return states[state].on[ev] != NULL;
}

const char *
engine_state_name(enum engine_state state)
{
	return states[state].name;
}

void
engine_on_timer(struct engine *e, uint64_t now_ms)
{
	if (now_ms >= e->due_ms)
		event(e, now_ms, ENGINE_EV_TIMER, NULL);
}

void
engine_on_tls(struct engine *e, uint64_t now_ms)
{
	event(e, now_ms, ENGINE_EV_TLS, NULL);
}

void
engine_on_auth(struct engine *e, uint64_t now_ms, const struct engine_auth_answer *a)
{
	event(e, now_ms, ENGINE_EV_AUTH, a);
}

void
engine_on_rcpt(struct engine *e, uint64_t now_ms, const struct engine_rcpt_answer *a)
{
	event(e, now_ms, ENGINE_EV_RCPT, a);
}

void
engine_on_room(struct engine *e, uint64_t now_ms, int status)
{
	event(e, now_ms, ENGINE_EV_ROOM, &status);
}

void
engine_on_verdict(struct engine *e, uint64_t now_ms, const struct engine_verdict *v)
{
	event(e, now_ms, ENGINE_EV_VERDICT, v);
}

void
engine_more_time(struct engine *e, uint64_t now_ms)
{
	e->now_ms = now_ms;
	if (e->state == ENGINE_WAIT_POLICY)
		engine_enter(e, ENGINE_WAIT_POLICY);
}

void
engine_on_stored(struct engine *e, uint64_t now_ms, int status)
{
	event(e, now_ms, ENGINE_EV_STORED, &status);
}

void
engine_on_audited(struct engine *e, uint64_t now_ms, int status)
{
	event(e, now_ms, ENGINE_EV_AUDITED, &status);
}

bool
engine_renew(struct engine *e, const struct engine_account *account)
{
	if (e->state != ENGINE_COMMAND || e->env != NULL || e->account.address.n == 0)
		return false;
	e->account = *account;
	return true;
}

void
engine_on_withdrawn(struct engine *e, uint64_t now_ms, enum reply why)
{
	event(e, now_ms, ENGINE_EV_WITHDRAWN, &why);
}

void
engine_on_shutdown(struct engine *e, uint64_t now_ms)
{
	event(e, now_ms, ENGINE_EV_SHUTDOWN, NULL);
}

/* ---- life ---- */

void
engine_open(struct engine *e, const struct engine_conf *conf, const struct engine_ops *ops,
    void *host, struct buf *out, bool tls, uint64_t now_ms)
{
	*e = (struct engine){ .conf = conf, .ops = ops, .host = host, .out = out, .tls = tls,
	    .now_ms = now_ms, .opened_ms = now_ms };
	buf_addf(out, "220 %s %s congvu\r\n", conf->hostname,
	    conf->role == ENGINE_LMTP ? "LMTP" : "ESMTP");
	engine_enter(e, ENGINE_COMMAND);
}

void
engine_close(struct engine *e)
{
	engine_reset(e);
	e->state = ENGINE_CLOSED;
}
