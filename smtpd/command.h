/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * smtpd/command.h: the commands, and what they share with the engine. Used by engine.c and cmd_*.c.
 *
 * Shape   one table row per command says its function and when it is legal; each command has a file
 *         of its own. A function gets the line behind the verb, and answers or begins a wait.
 */
#ifndef SMTPD_COMMAND_H
#define SMTPD_COMMAND_H

#include "smtpd/engine.h"

enum command_flag {
	CMD_HELO	= 1 << 0,	/* only after HELO or EHLO */
	CMD_TLS		= 1 << 1,	/* on submission: only under TLS */
	CMD_AUTH	= 1 << 2,	/* on submission: only signed in */
	CMD_LAST	= 1 << 3,	/* nothing may follow before its reply (RFC 2920 3.1) */
	CMD_JUNK	= 1 << 4,	/* does not bring the session on; only so many are borne */
	CMD_NO_ARGS	= 1 << 5,
	CMD_IDLE	= 1 << 6,	/* not within a transaction */
	CMD_SMTP	= 1 << 7,	/* not in LMTP (RFC 2033 4.1) */
	CMD_LMTP	= 1 << 8,	/* only there */
};

/* Commands that bring nothing on, and refused recipients, that one session may have. */
enum { COMMAND_JUNK_MAX = 100 };

typedef void (*command_fn)(struct engine *e, struct slice args);

struct command {
	const char *name;
	command_fn  fn;
	unsigned    flags;
};

const struct command *command_table(size_t *n_out);

/* Run one line. */
void command_run(struct engine *e, struct slice line);

void cmd_ehlo(struct engine *e, struct slice args);
void cmd_helo(struct engine *e, struct slice args);
void cmd_lhlo(struct engine *e, struct slice args);
void cmd_mail(struct engine *e, struct slice args);
void cmd_rcpt(struct engine *e, struct slice args);
void cmd_data(struct engine *e, struct slice args);
void cmd_starttls(struct engine *e, struct slice args);
void cmd_auth(struct engine *e, struct slice args);
void cmd_rset(struct engine *e, struct slice args);
void cmd_noop(struct engine *e, struct slice args);
void cmd_vrfy(struct engine *e, struct slice args);
void cmd_help(struct engine *e, struct slice args);
void cmd_quit(struct engine *e, struct slice args);
void cmd_unimplemented(struct engine *e, struct slice args);

/* ---- what the engine offers to the commands ---- */

/* Reply; a 5xx of a command counts as an error of the peer. */
void engine_reply(struct engine *e, enum reply id);
void engine_reply_detail(struct engine *e, enum reply id, struct slice detail);
void engine_error(struct engine *e, enum reply id);
/* Reply and end the session. */
void engine_bye(struct engine *e, enum reply id);

/* Enter a state; its deadline runs from now. */
void engine_enter(struct engine *e, enum engine_state state);
/* Ready for the next command: or, when the server stops, the end. */
void engine_ready(struct engine *e);
/* Forget the transaction. */
void engine_reset(struct engine *e);

/* ---- the steps of the table in engine.c, by the command they continue ---- */

void cmd_starttls_done(struct engine *e, const void *none);
void cmd_auth_line(struct engine *e, struct slice line);
void cmd_auth_answer(struct engine *e, const void *answer);
void cmd_auth_timeout(struct engine *e, const void *none);
void cmd_auth_penalty(struct engine *e, const void *none);
void cmd_rcpt_answer(struct engine *e, const void *answer);
void cmd_rcpt_room(struct engine *e, const void *status);
void cmd_rcpt_slow(struct engine *e, const void *none);
void cmd_rcpt_timeout(struct engine *e, const void *none);
size_t cmd_data_input(struct engine *e, struct slice in);
void cmd_data_timer(struct engine *e, const void *none);

/* After the end of data (deliver.c). */
/* The reply to the text, for all recipients that have none yet, and the end of the transaction. */
void deliver_end(struct engine *e, enum reply id, struct slice detail);
void deliver_begin(struct engine *e);
void deliver_verdict(struct engine *e, const void *verdict);
void deliver_space(struct engine *e, const void *status);
void deliver_stored(struct engine *e, const void *status);
void deliver_again(struct engine *e, const void *none);
void deliver_audited(struct engine *e, const void *status);
void deliver_timeout(struct engine *e, const void *none);

#endif
