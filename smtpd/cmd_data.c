/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * DATA (RFC 5321 4.1.1.4). A message that is too large, or that we have no room for, is read to its
 * end and then refused; one with line ends that others may read differently ends the session.
 */
#include "common/control.h"
#include "smtpd/command.h"

void
cmd_data(struct engine *e, struct slice args)
{
	(void)args;
	if (e->env == NULL) {
		engine_error(e, SAY_SEQUENCE);
		return;
	}
	if (e->env->rcpts_n == 0) {
		engine_error(e, SAY_NO_RCPT);
		return;
	}
	if (e->ops->body_open(e->host) != OK) {
		engine_reset(e);
		engine_reply(e, SAY_NO_MEMORY);
		return;
	}
	data_init(&e->data, slice_of(e->conf->hostname));
	e->body_octets = e->body_mark = 0;
	e->body_err = OK;
	engine_reply(e, SAY_DATA_GO);
	engine_enter(e, ENGINE_DATA);
}

static bool
is_too_large(const struct engine *e)
{
	return e->body_octets > e->conf->message_octets && !control_off("message-size");
}

static void
sink(void *arg, struct slice piece)
{
	struct engine *e = arg;

	e->body_octets += piece.n;
	if (e->body_err == OK && is_too_large(e))
		e->body_err = ERR_LIMIT;
	else if (e->body_err == OK)
		e->body_err = e->ops->body_write(e->host, piece);
}

static void
refuse(struct engine *e, enum reply why)
{
	deliver_end(e, why, (struct slice){ NULL, 0 });
}

static void
finish(struct engine *e)
{
	if (is_too_large(e))
		refuse(e, SAY_TOO_LARGE);
	else if (e->body_err != OK)
		refuse(e, SAY_NO_MEMORY);
	else if (e->data.long_line)
		refuse(e, SAY_TEXT_LINE);
	else if (e->data.received > e->conf->hops ||
	    (e->data.own > e->conf->own_hops && !control_off("own-hops")))
		refuse(e, SAY_LOOP);
	else
		deliver_begin(e);
}

size_t
cmd_data_input(struct engine *e, struct slice in)
{
	size_t taken;
	int r = data_read(&e->data, in, sink, e, &taken);

	if (r == 1)
		finish(e);
	else if (r < 0)
		engine_bye(e, r == ERR_PROTO_BARE_CR ? SAY_BARE_CR : r == ERR_PROTO_NUL ? SAY_NUL :
		    SAY_BARE_LF);
	return taken;
}

/* Every interval must bring its share of octets; a stopping server waits for one interval. */
void
cmd_data_timer(struct engine *e, const void *none)
{
	uint64_t interval = e->conf->command_ms < 60000 ? e->conf->command_ms : 60000;
	uint64_t got = e->body_octets - e->body_mark;

	(void)none;
	if (e->draining) {
		engine_bye(e, SAY_STOPPING);
	} else if (got * 1000 < e->conf->min_octets_s * interval) {
		engine_bye(e, SAY_TOO_SLOW);
	} else {
		e->body_mark = e->body_octets;
		engine_enter(e, ENGINE_DATA);
	}
}
