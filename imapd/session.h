/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * imapd/session.h: the inside of an engine, for the engine and its commands only.
 *
 * A command is a row of command.def. Its function reads the arguments and returns how it goes on:
 *   DONE   it has called one of session_ok, _no, _bad, _err: the session writes pending changes of
 *          the mailbox and then that line
 *   MORE   s->step is called again and again until it returns something else
 *   WAIT   an ask is out: s->answered is called with the reply
 *   INPUT  octets of the peer go to s->input
 *   STAY   the phase is set already
 */
#ifndef IMAPD_SESSION_H
#define IMAPD_SESSION_H

#include "common/buf.h"
#include "imapd/args.h"
#include "imapd/engine.h"
#include "imapd/seqset.h"
#include "imapd/view.h"

enum session_state { SESSION_NEW, SESSION_AUTH, SESSION_SELECTED, SESSION_LOGOUT };
enum session_next { DONE, MORE, WAIT, INPUT, STAY };

enum session_phase {
	PHASE_LINE,		/* gathering a command line */
	PHASE_LITERAL,		/* gathering a literal of it */
	PHASE_RUN,		/* s->step */
	PHASE_WAIT,		/* for an answer */
	PHASE_INPUT,		/* the command takes input itself */
	PHASE_SYNC,		/* writing changes, then the tagged line */
	PHASE_CLOSED,
};

enum command_flag {
	COMMAND_BEFORE	= 1 << SESSION_NEW,
	COMMAND_AUTH	= 1 << SESSION_AUTH,
	COMMAND_SELECTED = 1 << SESSION_SELECTED,
	COMMAND_USER	= COMMAND_AUTH | COMMAND_SELECTED,
	COMMAND_ANY	= COMMAND_BEFORE | COMMAND_USER,
	COMMAND_KEEPS	= 1 << 8,	/* no EXPUNGE while it runs (RFC 3501 7.4.1) */
	COMMAND_UID	= 1 << 9,	/* the UID form */
	COMMAND_WRITES	= 1 << 10,	/* not in a mailbox opened by EXAMINE */
};

struct session;
typedef enum session_next (*command_fn)(struct session *s, struct args *a);
typedef enum session_next (*step_fn)(struct session *s);
typedef enum session_next (*answered_fn)(struct session *s, const struct backend_reply *r);

/* Takes octets; *next_out INPUT: more of them, please. */
typedef size_t (*input_fn)(struct session *s, struct slice in, enum session_next *next_out);

struct command {
	const char *name;
	command_fn  fn;
	unsigned    flags;
};

/* An engine is a session. */
struct session {
	struct engine_conf conf;
	enum session_state state;
	enum session_phase phase;
	bool		   tls;
	unsigned	   errors;	/* protocol errors in a row before sign-in, in all after */
	unsigned	   sign_ins;	/* that failed */
	uint64_t	   commands;	/* not told to the owner yet */

	/* the command being gathered */
	struct buf	   cmd;
	size_t		   line_at;	/* where its present line begins */
	uint64_t	   literal_left;
	size_t		   literals;	/* octets of its literals */
	unsigned	   literal_count;

	/* the command being done */
	const struct command *command;
	struct slice	   tag;
	struct arena	   arena;
	void		  *work;	/* its own state, in the arena */
	step_fn		   step;
	bool		   whole;	/* at the end of a response, though it goes on */
	answered_fn	   answered;
	input_fn	   input;
	bool		   idling;
	bool		   changed;	/* while idling: something to look at */
	bool		   tls_next;	/* STARTTLS was answered */

	struct arena	   box_arena;	/* of one look at the mailbox */
	struct slice	  *keywords;	/* of the mailbox, there; NULL: not read */
	size_t		   keywords_n;

	struct search_text *search_text; /* of a SEARCH that reads texts */

	unsigned	   used_told, group_used_told;	/* percent of quotas */
	struct view	   view;
	struct buf	   out;
	struct buf	   line;	/* the tagged line to come */
};

/* ---- ends of a command; code is without brackets, NULL for none ---- */

enum session_next session_ok(struct session *s, const char *code, const char *text);
enum session_next session_no(struct session *s, const char *code, const char *text);
enum session_next session_bad(struct session *s, const char *text);

/* BAD for a literal over the limits. */
enum session_next session_too_big(struct session *s);

/* NO (or BAD for syntax) as the row of that error says. */
enum session_next session_err(struct session *s, int err);

/* NO for a name that cannot be used: one constant in both zones. */
enum session_next session_bad_name(struct session *s);

/* "* BYE": the session ends. */
enum session_next session_bye(struct session *s, const char *code, const char *text);

/* ---- going on ---- */
enum session_next session_ask(struct session *s, const struct backend_ask *ask, answered_fn fn);
enum session_next session_step(struct session *s, step_fn fn);

/* Memory of the command, zeroed; NULL: answer with session_err(s, s->arena.err). */
void *session_work(struct session *s, size_t octets) MUST_USE;

/* Is the output so long that the command should pause? */
bool session_is_full(const struct session *s);

/* ---- input ---- */

/* Take the tag and the space behind it, remember it; "*" stands in for a bad one. */
int session_set_tag(struct session *s, struct args *a) MUST_USE;

/* "NAME" or "UID NAME". */
int session_parse_name(struct args *a, struct slice *out) MUST_USE;

/* For input functions: gather a line behind s->line_at. *r_out is 1 when session_line() is whole, 0
 * when more is needed, or an error. session_forget_line wipes it. */
size_t session_take_line(struct session *s, struct slice in, size_t max_octets,
    int *r_out) MUST_USE;
struct slice session_line(const struct session *s);
void session_forget_line(struct session *s);

/* ---- output ---- */
void session_add_string(struct buf *out, struct slice text);	/* quoted, or a literal */
void session_add_capability(struct session *s);
void session_add_number(struct buf *out, uint64_t number);
void session_add_number_list(struct buf *out, const struct backend_range *v, size_t n);

/* ---- UIDs of the selected mailbox ---- */

/* The set as the command means it (numbers or UIDs): indices of s->view as ranges lo..hi from 0.
 * ERR_SYNTAX, ERR_INVAL for a number without message, ERR_LIMIT. */
int session_set(struct session *s, struct slice text, struct seqset *indices_out) MUST_USE;

/* The same messages as ranges of UIDs, in the arena. */
int session_uids(struct session *s, const struct seqset *indices, struct seqset *uids_out) MUST_USE;

/* ---- flags ---- */
struct flag_list {
	unsigned      flags;
	struct slice *keywords;
	size_t	      keywords_n;
};

/* "(" [flag *(SP flag)] ")" or, if bare, flags without parentheses. \Recent is ignored. */
int session_parse_flags(struct args *a, bool bare, struct flag_list *out) MUST_USE;

/* Keyword names of the selected mailbox, read once; s->keywords = NULL reads them again. */
int session_keywords(struct session *s, struct slice **names_out, size_t *n_out) MUST_USE;

/* The flags as in FETCH, without parentheses. */
void session_add_flags(struct session *s, const struct backend_msg *m);

/* ---- commands ---- */
#define COMMAND(name, fn, flags) enum session_next fn(struct session *s, struct args *a);
#include "imapd/command.def"
#undef COMMAND

/* Does the command that is being gathered want its literal of so many octets itself (APPEND)? True:
 * the function decided what happens, *next_out. */
bool cmd_append_literal(struct session *s, struct slice so_far, uint64_t octets, bool sync,
    enum session_next *next_out);

#endif
