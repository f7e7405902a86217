/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* IDLE (RFC 2177): changes are told as they come, until the client says DONE. */
#include "imapd/session.h"

enum { IDLE_LINE_OCTETS = 1024 };

static size_t
idle_input(struct session *s, struct slice in, enum session_next *next_out)
{
	int r;
	size_t n = session_take_line(s, in, IDLE_LINE_OCTETS, &r);

	if (r < 0)
		*next_out = session_bye(s, "CLIENTBUG", "IDLE is ended by the line DONE");
	else if (r == 1 && slice_is_nocase(session_line(s), "DONE"))
		*next_out = session_ok(s, NULL, "IDLE done");
	else if (r == 1)
		*next_out = session_bad(s, "IDLE is ended by the line DONE");
	return n;
}

enum session_next
cmd_idle(struct session *s, struct args *a)
{
	if (args_end(a) != OK)
		return session_err(s, ERR_SYNTAX);
	buf_adds(&s->out, "+ idling\r\n");
	s->line_at = s->cmd.n;
	s->input = idle_input;
	s->idling = true;
	s->changed = true;	/* what came before is told first */
	return INPUT;
}
