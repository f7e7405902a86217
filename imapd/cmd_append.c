/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * APPEND (RFC 3501 6.3.11, RFC 4315): size, room and name are checked before the message is asked
 * for; it is spooled, judged as mail that is stored, and kept only if the judgement allows it.
 */
#include "imapd/session.h"

#include <stdio.h>
#include <string.h>

#include "common/control.h"
#include "imapd/name.h"
#include "mime/date.h"

struct append {
	struct backend_box box;
	struct flag_list   flags;
	int64_t		   date_s;	/* INT64_MIN: now */
	uint64_t	   octets, left;
	bool		   sync;
	bool		   has_nul;
	int		   refused;	/* why, while a literal on its way is skipped */
	const char	  *code, *text;	/* of it */
};

#define HINT_MAT "Van ban mat chi luu trong hop thu Mat / " \
	"Classified content is kept in the mailbox Mat only"
#define HINT_INTERNET "Van ban mat khong duoc gui qua Internet / " \
	"Classified content is not taken over the internet"

/* ---- refusing ---- */

static enum session_next
say_refusal(struct session *s)
{
	const struct append *ap = s->work;

	s->conf.backend->spool_drop(s->conf.ctx);
	if (ap->code != NULL)
		return session_no(s, ap->code, ap->text);
	return session_err(s, ap->refused);
}

static size_t append_input(struct session *s, struct slice in, enum session_next *next_out);

/* Before the message: a client that waits is told now, another one when its octets are through. */
static enum session_next
refuse(struct session *s, int err, const char *code, const char *text)
{
	struct append *ap = s->work;

	ap->refused = err;
	ap->code = code;
	ap->text = text;
	if (ap->sync)
		return say_refusal(s);
	if (ap->octets / 2 > s->conf.message_octets)
		return session_bye(s, "TOOBIG", "The message is too large");
	s->input = append_input;
	return INPUT;
}

/* ---- after the message ---- */

static enum session_next
appended(struct session *s, const struct backend_reply *r)
{
	char code[64];

	s->conf.backend->spool_drop(s->conf.ctx);
	if (r->status == ERR_NOENT)
		return session_no(s, "TRYCREATE", "No such mailbox");
	if (r->status != OK)
		return session_err(s, r->status);
	snprintf(code, sizeof code, "APPENDUID %u %u", r->uidvalidity, r->uid);
	return session_ok(s, code, "APPEND done");
}

/* The judgement stands against it: audit, and nothing is kept. */
static enum session_next
refuse_judged(struct session *s, struct slice vi, struct slice en)
{
	struct backend_ask audit = { .kind = BACKEND_ASK_REFUSED };
	char text[1100];

	s->conf.backend->ask(s->conf.ctx, &audit);
	snprintf(text, sizeof text, "%.*s / %.*s", (int)vi.n, vi.p, (int)en.n, en.p);
	for (char *c = text; *c != '\0'; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
	s->conf.backend->spool_drop(s->conf.ctx);	/* the reasons lie in it */
	return session_no(s, "CANNOT", text);
}

static enum session_next
refuse_level(struct session *s)
{
	struct slice hint = s->conf.zone == ZONE_INTERNAL ? SLICE(HINT_MAT) : SLICE(HINT_INTERNET);
	struct slice en = hint, vi;
	ptrdiff_t slash = slice_find(hint, SLICE(" / "));

	vi = slice_sub(hint, 0, (size_t)slash);
	en = slice_from(hint, (size_t)slash + 3);
	return refuse_judged(s, vi, en);
}

static enum session_next
judged(struct session *s, const struct backend_reply *r)
{
	const struct append *ap = s->work;
	struct backend_ask ask = { .kind = BACKEND_ASK_APPEND, .box = ap->box.id,
		.flags = ap->flags.flags, .keywords = ap->flags.keywords,
		.keywords_n = ap->flags.keywords_n, .date_s = ap->date_s };

	if (r->status == OK && r->verdict == VERDICT_REJECT)
		return refuse_judged(s, r->reason_vi, r->reason_en);
	if (r->status != OK || r->verdict != VERDICT_ALLOW) {
		s->conf.backend->spool_drop(s->conf.ctx);
		return session_err(s, ERR_UNAVAIL);
	}
	if (r->level >= LEVEL_MAT && (!ap->box.mat || s->conf.zone != ZONE_INTERNAL) &&
	    !control_off("append-level"))
		return refuse_level(s);
	return session_ask(s, &ask, appended);
}

static enum session_next
received(struct session *s)
{
	struct append *ap = s->work;
	struct backend_ask ask = { .kind = BACKEND_ASK_JUDGE, .size_octets = ap->octets };

	if (ap->has_nul && ap->refused == OK) {
		ap->refused = ERR_INVAL;
		ap->code = "CANNOT";
		ap->text = "The message holds NUL octets";
	}
	return ap->refused != OK ? say_refusal(s) : session_ask(s, &ask, judged);
}

/* ---- the message itself ---- */

static size_t
take_message(struct session *s, struct slice in)
{
	struct append *ap = s->work;
	struct slice piece = slice_sub(in, 0, in.n < ap->left ? in.n : (size_t)ap->left);

	ap->left -= piece.n;
	ap->has_nul = ap->has_nul || memchr(piece.p, '\0', piece.n) != NULL;
	if (ap->refused == OK)
		ap->refused = s->conf.backend->spool_add(s->conf.ctx, piece);
	return piece.n;
}

/* The literal, then the end of the command's line. */
static size_t
append_input(struct session *s, struct slice in, enum session_next *next_out)
{
	struct append *ap = s->work;
	uint64_t octets;
	size_t n, header;
	bool sync = true;
	int r;

	if (ap->left > 0)
		return take_message(s, in);
	n = session_take_line(s, in, ENGINE_LINE_OCTETS, &r);
	if (r < 0) {
		s->conf.backend->spool_drop(s->conf.ctx);
		*next_out = session_bye(s, "CLIENTBUG", "The line behind the message does not end");
	} else if (r == 1 && session_line(s).n > 0) {
		s->conf.backend->spool_drop(s->conf.ctx);
		/* What follows would be a message, and must not be taken for commands. */
		*next_out = args_literal_header(session_line(s), &octets, &sync, &header) && !sync ?
		    session_bye(s, "CLIENTBUG", "One message a command") :
		    session_bad(s, "One message a command");
	} else if (r == 1)
		*next_out = received(s);
	return n;
}

/* ---- before the message ---- */

static enum session_next
room_answered(struct session *s, const struct backend_reply *r)
{
	struct append *ap = s->work;
	int err = r->status;

	if (err == OK)
		err = s->conf.backend->spool_open(s->conf.ctx, ap->octets);
	if (err != OK)
		return refuse(s, err, NULL, NULL);
	if (ap->sync)
		buf_adds(&s->out, "+ OK\r\n");
	s->input = append_input;
	return INPUT;
}

static enum session_next
check(struct session *s, struct slice wire)
{
	struct append *ap = s->work;
	struct backend_ask room = { .kind = BACKEND_ASK_ROOM, .size_octets = ap->octets };
	struct slice name;
	int err = name_parse(wire, s->conf.zone, &s->arena, &name);

	if (err != OK)
		return refuse(s, err, NULL, NULL);
	err = s->conf.backend->box(s->conf.ctx, name, &ap->box);
	if (err == ERR_NOENT)
		return refuse(s, err, "TRYCREATE", "No such mailbox");
	if (err != OK)
		return refuse(s, err, NULL, NULL);
	if (ap->octets == 0)
		return refuse(s, ERR_INVAL, "CANNOT", "The message is empty");
	if (ap->octets > s->conf.message_octets)
		return refuse(s, ERR_LIMIT, "TOOBIG", "The message is too large");
	return session_ask(s, &room, room_answered);
}

/* [flag-list SP] [date-time SP], then the header of the literal, which ends the text. */
static int
parse_rest(struct args *a, struct append *ap)
{
	struct slice text;
	struct date date;
	int err = OK;

	ap->date_s = INT64_MIN;
	if (args_peek(a, '(')) {
		err = session_parse_flags(a, false, &ap->flags);
		if (err == OK)
			err = args_space(a);
	}
	if (err == OK && args_peek(a, '"')) {
		err = args_string(a, &text);
		if (err == OK)
			err = date_parse_internal(text, &date);
		if (err == OK)
			err = args_space(a);
		if (err == OK)
			ap->date_s = date.seconds;
	}
	if (err == OK && (!args_peek(a, '{') ||
	    slice_chr(a->rest, '}') != (ptrdiff_t)a->rest.n - 1))
		err = ERR_SYNTAX;
	return err;
}

bool
cmd_append_literal(struct session *s, struct slice so_far, uint64_t octets, bool sync,
    enum session_next *next_out)
{
	static const struct command row = { "APPEND", cmd_append, COMMAND_USER };
	struct slice name, wire;
	struct append *ap;
	struct args a;
	int err;

	args_init(&a, slice_sub(so_far, 0, so_far.n - 2), &s->arena);
	if (session_set_tag(s, &a) != OK || session_parse_name(&a, &name) != OK ||
	    !slice_is_nocase(name, "APPEND") || args_space(&a) != OK ||
	    args_astring(&a, &wire) != OK || args_space(&a) != OK)
		return false;	/* the literal is the mailbox name, or this is another command */
	s->command = &row;
	ap = session_work(s, sizeof *ap);
	if (ap == NULL) {
		*next_out = session_bye(s, "LIMIT", "Out of memory");
		return true;
	}
	ap->octets = ap->left = octets;
	ap->sync = sync;
	s->line_at = s->cmd.n;
	err = parse_rest(&a, ap);
	*next_out = err != OK ? refuse(s, err, NULL, NULL) : check(s, wire);
	return true;
}

/* A whole APPEND line without a message. */
enum session_next
cmd_append(struct session *s, struct args *a)
{
	(void)a;
	return session_err(s, ERR_SYNTAX);
}
