/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Commands that are legal nearly everywhere, and STARTTLS. */
#include "imapd/session.h"

enum { ID_PAIRS_MAX = 30 };

void
session_add_capability(struct session *s)
{
	buf_adds(&s->out, "CAPABILITY IMAP4rev1 LITERAL+ SASL-IR ID ENABLE IDLE NAMESPACE UIDPLUS "
	    "MOVE UNSELECT CHILDREN SPECIAL-USE LIST-EXTENDED LIST-STATUS ESEARCH");
	if (s->state != SESSION_NEW)
		return;
	if (s->tls)
		buf_adds(&s->out, " AUTH=PLAIN AUTH=LOGIN");
	else
		buf_adds(&s->out, s->conf.starttls ? " STARTTLS LOGINDISABLED" : " LOGINDISABLED");
}

enum session_next
cmd_capability(struct session *s, struct args *a)
{
	if (args_end(a) != OK)
		return session_err(s, ERR_SYNTAX);
	buf_adds(&s->out, "* ");
	session_add_capability(s);
	buf_adds(&s->out, "\r\n");
	return session_ok(s, NULL, "CAPABILITY done");
}

enum session_next
cmd_noop(struct session *s, struct args *a)
{
	return args_end(a) != OK ? session_err(s, ERR_SYNTAX) : session_ok(s, NULL, "Done");
}

enum session_next
cmd_logout(struct session *s, struct args *a)
{
	if (args_end(a) != OK)
		return session_err(s, ERR_SYNTAX);
	buf_adds(&s->out, "* BYE Goodbye\r\n");
	session_ok(s, NULL, "LOGOUT done");
	buf_add(&s->out, buf_slice(&s->line));
	s->state = SESSION_LOGOUT;
	return DONE;
}

/* "NIL" or "(" [string SP nstring *(SP string SP nstring)] ")" (RFC 2971). */
static int
parse_id(struct args *a)
{
	struct slice text;
	bool nil;
	int err;

	if (args_word(a, "NIL"))
		return args_end(a);
	err = args_open(a);
	for (unsigned i = 0; err == OK && !args_peek(a, ')'); i++) {
		if (i == ID_PAIRS_MAX)
			return ERR_LIMIT;
		if (i > 0)
			err = args_space(a);
		if (err == OK)
			err = args_string(a, &text);
		if (err == OK)
			err = args_space(a);
		if (err == OK)
			err = args_nstring(a, &text, &nil);
	}
	if (err == OK)
		err = args_close(a);
	return err == OK ? args_end(a) : err;
}

enum session_next
cmd_id(struct session *s, struct args *a)
{
	int err = args_space(a);

	if (err == OK)
		err = parse_id(a);
	if (err != OK)
		return session_err(s, err);
	buf_adds(&s->out, "* ID (\"name\" \"congvu\")\r\n");
	return session_ok(s, NULL, "ID done");
}

/* No extension that we have needs to be enabled, and unknown ones are ignored (RFC 5161). */
enum session_next
cmd_enable(struct session *s, struct args *a)
{
	struct slice name;
	int err;

	do {
		err = args_space(a);
		if (err == OK)
			err = args_atom(a, &name);
	} while (err == OK && a->rest.n > 0);
	if (err != OK)
		return session_err(s, err);
	buf_adds(&s->out, "* ENABLED\r\n");
	return session_ok(s, NULL, "ENABLE done");
}

enum session_next
cmd_namespace(struct session *s, struct args *a)
{
	if (args_end(a) != OK)
		return session_err(s, ERR_SYNTAX);
	buf_adds(&s->out, "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n");
	return session_ok(s, NULL, "NAMESPACE done");
}

enum session_next
cmd_starttls(struct session *s, struct args *a)
{
	if (args_end(a) != OK)
		return session_err(s, ERR_SYNTAX);
	if (s->tls || !s->conf.starttls)
		return session_bad(s, "TLS cannot be begun");
	s->tls_next = true;
	return session_ok(s, NULL, "Begin TLS now");
}
