/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* RSET, NOOP, VRFY, HELP, QUIT (RFC 5321 4.1.1.5 to 4.1.1.10), and what is known but not done. */
#include "smtpd/command.h"

void
cmd_rset(struct engine *e, struct slice args)
{
	(void)args;
	engine_reset(e);
	engine_reply(e, SAY_OK);
}

void
cmd_noop(struct engine *e, struct slice args)
{
	(void)args;
	engine_reply(e, SAY_OK);
}

/* Who has a mailbox here is told to nobody (RFC 5321 7.3). */
void
cmd_vrfy(struct engine *e, struct slice args)
{
	if (slice_trim(args).n == 0)
		engine_error(e, SAY_SYNTAX);
	else
		engine_reply(e, SAY_VRFY);
}

void
cmd_help(struct engine *e, struct slice args)
{
	(void)args;
	engine_reply(e, SAY_HELP);
}

void
cmd_quit(struct engine *e, struct slice args)
{
	(void)args;
	engine_bye(e, SAY_BYE);
}

void
cmd_unimplemented(struct engine *e, struct slice args)
{
	(void)args;
	engine_error(e, SAY_NOT_IMPLEMENTED);
}
