/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * AUTH (RFC 4954): only on submission, only under TLS, once, outside of transactions.
 *
 *   auth     = "AUTH" SP mechanism [ SP ( "=" / base64 ) ]
 *   continue = "*" / base64
 *
 * A failure is answered late, the more so the more there were; AUTH_FAILURES end the session.
 */
#include <string.h>

#include "common/base64.h"
#include "common/control.h"
#include "smtpd/command.h"

enum { AUTH_FAILURES = 3 };

static void
ask(struct engine *e, bool has_data, struct slice data)
{
	struct engine_auth a = { e->conversation, slice_of(e->mechanism), has_data, data };

	engine_enter(e, ENGINE_WAIT_AUTH);
	e->ops->auth(e->host, &a);
}

/* Decode and ask. What was decoded is a password: it is wiped. */
static void
ask_base64(struct engine *e, struct slice text)
{
	struct buf data;

	buf_init(&data, ENGINE_SASL_LINE_MAX);
	if (buf_reserve(&data, ENGINE_SASL_LINE_MAX) == NULL ||
	    base64_decode_strict(text, &data) != OK) {
		engine_enter(e, ENGINE_COMMAND);
		engine_error(e, SAY_BASE64);
	} else {
		ask(e, true, buf_slice(&data));
	}
	if (data.p != NULL)
		explicit_bzero(data.p, data.cap);
	buf_fini(&data);
}

static bool
is_offered(struct slice mechanism)
{
	return slice_is_nocase(mechanism, "PLAIN") || slice_is_nocase(mechanism, "LOGIN");
}

/* A legal AUTH: say so with the first challenge, or ask the directory. */
static void
begin(struct engine *e, struct slice mechanism, struct slice initial)
{
	for (size_t i = 0; i < mechanism.n; i++)
		e->mechanism[i] = ascii_upper(mechanism.p[i]);
	e->mechanism[mechanism.n] = '\0';
	e->conversation = 0;
	if (slice_is(initial, "="))
		ask(e, true, (struct slice){ "", 0 });
	else if (initial.n > 0)
		ask_base64(e, initial);
	else if (slice_is(slice_of(e->mechanism), "LOGIN"))
		ask(e, false, (struct slice){ NULL, 0 });
	else {
		buf_adds(e->out, "334 \r\n");
		engine_enter(e, ENGINE_SASL_LINE);
	}
}

void
cmd_auth(struct engine *e, struct slice args)
{
	struct slice initial = slice_trim(args), mechanism;

	if (!slice_cut(&initial, ' ', &mechanism))
		initial = (struct slice){ NULL, 0 };
	if (e->conf->role != ENGINE_SUBMISSION)
		engine_error(e, SAY_NOT_IMPLEMENTED);
	else if (!e->tls && !control_off("auth-before-tls"))
		engine_error(e, SAY_AUTH_TLS);
	else if (e->account.address.n > 0)
		engine_error(e, SAY_SEQUENCE);
	else if (!is_offered(mechanism))
		engine_error(e, mechanism.n == 0 ? SAY_SYNTAX : SAY_MECHANISM);
	else
		begin(e, mechanism, initial);
}

void
cmd_auth_line(struct engine *e, struct slice line)
{
	if (e->more)
		engine_bye(e, SAY_PIPELINED);
	else if (slice_is(line, "*")) {
		engine_enter(e, ENGINE_COMMAND);
		engine_error(e, SAY_AUTH_CANCELLED);
	} else
		ask_base64(e, line);
}

static void
fail(struct engine *e, enum reply why)
{
	e->auth_failures++;
	e->penalty = why;
	engine_enter(e, ENGINE_PENALTY);
}

static void
challenge(struct engine *e, const struct engine_auth_answer *a)
{
	e->conversation = a->conversation;
	buf_adds(e->out, "334 ");
	base64_encode(a->challenge, e->out);
	buf_adds(e->out, "\r\n");
	engine_enter(e, ENGINE_SASL_LINE);
}

void
cmd_auth_answer(struct engine *e, const void *answer)
{
	static const enum reply failures[] = {
		[ENGINE_AUTH_BAD] = SAY_AUTH_BAD, [ENGINE_AUTH_DISABLED] = SAY_AUTH_DISABLED,
		[ENGINE_AUTH_ZONE] = SAY_AUTH_ZONE, [ENGINE_AUTH_MECHANISM] = SAY_MECHANISM,
		[ENGINE_AUTH_THROTTLED] = SAY_AUTH_LATER,
	};
	const struct engine_auth_answer *a = answer;

	if (a->status != OK) {
		engine_reply(e, SAY_AUTH_LATER);
		engine_ready(e);
	} else if (a->outcome == ENGINE_AUTH_CONTINUE) {
		challenge(e, a);
	} else if (a->outcome == ENGINE_AUTH_OK && a->account.address.n > 0) {
		e->account = a->account;
		e->started = true;
		engine_reply(e, SAY_AUTH_OK);
		engine_ready(e);
	} else {
		fail(e, a->outcome > ENGINE_AUTH_CONTINUE && a->outcome < ARRAY_LEN(failures) ?
		    failures[a->outcome] : SAY_AUTH_LATER);
	}
}

void
cmd_auth_timeout(struct engine *e, const void *none)
{
	(void)none;
	e->ops->cancel(e->host);
	engine_reply(e, SAY_AUTH_LATER);
	engine_ready(e);
}

void
cmd_auth_penalty(struct engine *e, const void *none)
{
	(void)none;
	engine_reply(e, e->penalty);
	if (e->auth_failures >= AUTH_FAILURES)
		engine_bye(e, SAY_TOO_MANY_ERRORS);
	else
		engine_ready(e);
}
