/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "smtpd/command.h"

#include "common/control.h"

static const struct command commands[] = {
	{ "MAIL",	cmd_mail,	CMD_HELO | CMD_TLS | CMD_AUTH },
	{ "RCPT",	cmd_rcpt,	CMD_HELO | CMD_TLS | CMD_AUTH },
	{ "DATA",	cmd_data,	CMD_HELO | CMD_TLS | CMD_AUTH | CMD_LAST | CMD_NO_ARGS },
	{ "EHLO",	cmd_ehlo,	CMD_LAST | CMD_JUNK | CMD_SMTP },
	{ "HELO",	cmd_helo,	CMD_LAST | CMD_JUNK | CMD_SMTP },
	{ "LHLO",	cmd_lhlo,	CMD_LAST | CMD_JUNK | CMD_LMTP },
	{ "STARTTLS",	cmd_starttls,	CMD_HELO | CMD_NO_ARGS },
	{ "AUTH",	cmd_auth,	CMD_HELO | CMD_LAST | CMD_IDLE },
	{ "RSET",	cmd_rset,	CMD_JUNK | CMD_NO_ARGS },
	{ "NOOP",	cmd_noop,	CMD_JUNK },
	{ "VRFY",	cmd_vrfy,	CMD_TLS | CMD_AUTH | CMD_JUNK },
	{ "HELP",	cmd_help,	CMD_JUNK },
	{ "QUIT",	cmd_quit,	CMD_NO_ARGS },
	{ "EXPN",	cmd_unimplemented, CMD_JUNK },
	{ "TURN",	cmd_unimplemented, CMD_JUNK },
	{ "BDAT",	cmd_unimplemented, CMD_JUNK },
};

const struct command *
command_table(size_t *n_out)
{
	*n_out = ARRAY_LEN(commands);
	return commands;
}

static const struct command *
find(struct slice verb)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (slice_is_nocase(verb, commands[i].name))
			return &commands[i];
	return NULL;
}

/* A browser made to speak here (ALPACA): its request line is never one of SMTP. */
static bool
is_http(struct slice verb)
{
	static const char *const verbs[] = { "GET", "POST", "PUT", "HEAD", "CONNECT", "OPTIONS",
	    "DELETE", "TRACE", "PATCH", "PRI" };

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (slice_is_nocase(verb, verbs[i]))
			return true;
	return false;
}

/* Why the command is not legal now; REPLY_COUNT if it is. */
static enum reply
objection(const struct engine *e, const struct command *c, struct slice args)
{
	bool submission = e->conf->role == ENGINE_SUBMISSION;
	bool lmtp = e->conf->role == ENGINE_LMTP;

	if ((c->flags & (lmtp ? CMD_SMTP : CMD_LMTP)) != 0)
		return lmtp ? SAY_NOT_LMTP : SAY_UNKNOWN;
	if (submission && (c->flags & CMD_TLS) != 0 && !e->tls && !control_off("auth-before-tls"))
		return SAY_NEED_TLS;
	if ((c->flags & CMD_HELO) != 0 && e->helo[0] == '\0')
		return lmtp ? SAY_NEED_LHLO : SAY_NEED_HELO;
	if (submission && (c->flags & CMD_AUTH) != 0 && e->account.address.n == 0)
		return SAY_NEED_AUTH;
	if ((c->flags & CMD_IDLE) != 0 && e->env != NULL)
		return SAY_SEQUENCE;
	if ((c->flags & CMD_NO_ARGS) != 0 && slice_trim(args).n > 0)
		return SAY_SYNTAX;
	return REPLY_COUNT;
}

void
command_run(struct engine *e, struct slice line)
{
	struct slice args = line, verb;
	const struct command *c;
	enum reply no;

	e->commands++;
	slice_cut(&args, ' ', &verb);
	if (verb.n == line.n)
		args = (struct slice){ NULL, 0 };
	if (is_http(verb)) {
		engine_bye(e, SAY_HTTP);
		return;
	}
	if (line.n + 2 > ENGINE_LINE_MAX && !slice_is_nocase(verb, "AUTH")) {
		engine_bye(e, SAY_LINE_TOO_LONG);
		return;
	}
	c = find(verb);
	no = c == NULL ? SAY_UNKNOWN : objection(e, c, args);
	if (c != NULL && (c->flags & CMD_LAST) != 0 && e->more && !control_off("input-too-early"))
		engine_bye(e, SAY_PIPELINED);
	else if (no != REPLY_COUNT)
		engine_error(e, no);
	else if ((c->flags & CMD_JUNK) != 0 && ++e->junk > COMMAND_JUNK_MAX)
		engine_bye(e, SAY_TOO_MANY_ERRORS);
	else
		c->fn(e, args);
	if (e->state == ENGINE_COMMAND)
		engine_ready(e);
}
