/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "imapd/engine.h"

#include <stdlib.h>
#include <string.h>

#include "common/control.h"
#include "imapd/search.h"

enum {
	PREAUTH_LINE_OCTETS = 16 * 1024,
	PREAUTH_ARENA_OCTETS = 128 * 1024,
	ARENA_OCTETS = 16 * 1024 * 1024,
	BOX_ARENA_OCTETS = 16 * 1024 * 1024,
	OUT_OCTETS = 64 * 1024 * 1024,
};

static const struct command commands[] = {
#define COMMAND(name, fn, flags) { name, fn, flags },
#include "imapd/command.def"
#undef COMMAND
};

static void go(struct session *s, enum session_next next);

int
engine_new(const struct engine_conf *conf, struct session **out)
{
	struct session *s = calloc(1, sizeof *s);

	if (s == NULL)
		return ERR_NOMEM;
	s->conf = *conf;
	s->tls = conf->tls;
	buf_init(&s->cmd, ENGINE_LINE_OCTETS + ENGINE_LITERALS + 2);
	buf_init(&s->out, OUT_OCTETS);
	buf_init(&s->line, ENGINE_STEP_OCTETS);
	arena_init(&s->arena, PREAUTH_ARENA_OCTETS);
	arena_init(&s->box_arena, BOX_ARENA_OCTETS);
	*out = s;
	return OK;
}

void
engine_free(struct session **sp)
{
	struct session *s = *sp;

	if (s == NULL)
		return;
	search_text_free(&s->search_text);
	view_close(&s->view);
	buf_fini(&s->cmd);
	buf_fini(&s->out);
	buf_fini(&s->line);
	arena_clear(&s->arena);
	arena_clear(&s->box_arena);
	free(s);
	*sp = NULL;
}

void
engine_start(struct session *s)
{
	buf_adds(&s->out, "* OK [");
	session_add_capability(s);
	buf_addf(&s->out, "] %s congvu\r\n", s->conf.hostname);
}

struct buf *
engine_output(struct session *s)
{
	return &s->out;
}

bool
engine_looks_on(const struct session *s)
{
	return s->idling && s->view.box != 0;
}

bool
engine_busy(const struct session *s)
{
	return s->phase == PHASE_RUN || s->phase == PHASE_SYNC ||
	    (s->phase == PHASE_INPUT && s->idling && s->changed);
}

enum engine_waits
engine_waits(const struct session *s)
{
	switch (s->phase) {
	case PHASE_CLOSED:
		return ENGINE_CLOSED;
	case PHASE_WAIT:
		return s->tls_next ? ENGINE_WAITS_TLS : ENGINE_WAITS_OTHERS;
	case PHASE_RUN:
	case PHASE_SYNC:
		return ENGINE_WAITS_OTHERS;
	case PHASE_INPUT:
		if (s->idling)
			return ENGINE_WAITS_IDLE;
		break;
	case PHASE_LINE:
		if (s->state != SESSION_NEW && s->cmd.n == 0)
			return ENGINE_WAITS_COMMAND;
		break;
	default:
		break;
	}
	return s->state == SESSION_NEW ? ENGINE_WAITS_SIGN_IN : ENGINE_WAITS_REST;
}

void
engine_bye(struct session *s, const char *code, const char *text)
{
	/* Not into the middle of a response: then only the end of the connection speaks. */
	if ((s->phase != PHASE_RUN || s->whole) && s->phase != PHASE_CLOSED)
		session_bye(s, code, text);
	s->phase = PHASE_CLOSED;
}

uint64_t
engine_commands(struct session *s)
{
	uint64_t n = s->commands;

	s->commands = 0;
	return n;
}

void
engine_rest(struct session *s)
{
	bool quiet = s->phase == PHASE_LINE && s->cmd.n == 0;

	if (s->out.n == 0 && (quiet || s->idling))
		buf_fini(&s->out);
	if (quiet) {
		buf_fini(&s->cmd);
		buf_fini(&s->line);
	}
}

/* ---- the end of a command ---- */

static void
tls_done(struct session *s)
{
	s->tls_next = false;
	s->tls = true;
	s->errors = s->sign_ins = 0;
}

static enum session_next
tls_answered(struct session *s, const struct backend_reply *r)
{
	if (r->status != OK)
		return session_bye(s, NULL, "TLS failed");
	tls_done(s);
	s->phase = PHASE_LINE;
	return STAY;
}

static void
command_over(struct session *s)
{
	buf_add(&s->out, buf_slice(&s->line));
	buf_clear(&s->line);
	if (s->cmd.n > 0)
		explicit_bzero(s->cmd.p, s->cmd.n);	/* it may have been a password */
	buf_clear(&s->cmd);
	arena_clear(&s->arena);
	if (s->state != SESSION_NEW)
		s->arena.max = ARENA_OCTETS;
	s->conf.backend->release(s->conf.ctx);
	s->command = NULL;
	s->work = NULL;
	s->whole = false;
	s->keywords = NULL;
	arena_clear(&s->box_arena);
	s->idling = false;
	s->line_at = s->literals = 0;
	s->literal_count = 0;
	s->phase = PHASE_LINE;
	if (s->out.err != OK)
		s->phase = PHASE_CLOSED;
	if (s->tls_next) {
		s->answered = tls_answered;
		s->phase = PHASE_WAIT;
	}
	if (s->errors >= (s->state == SESSION_NEW ? ENGINE_PREAUTH_ERRORS : s->conf.errors))
		engine_bye(s, "CLIENTBUG", "Too many errors");
	if (s->sign_ins >= ENGINE_SIGN_INS)
		engine_bye(s, NULL, "Too many failed sign-ins");
}

static void synced(struct session *s, int r);

static int
tell_changes(struct session *s)
{
	bool keeps = (s->command->flags & COMMAND_KEEPS) != 0;

	return view_sync_begin(s, keeps ? VIEW_KEEP : VIEW_ALL);
}

static enum session_next
recent_claimed(struct session *s, const struct backend_reply *r)
{
	int changes;

	view_claimed(s, r);
	s->changed = false;
	changes = tell_changes(s);
	if (changes == 0)
		view_tell_recent(s);	/* of messages that it was told of before the claim */
	synced(s, changes);
	return STAY;
}

enum { CLAIM = 2 };

/* Is there anything to tell of the selected mailbox? As view_sync_begin, or CLAIM: a new message is
 * to be claimed first. */
static int
sync_begin(struct session *s)
{
	s->changed = false;
	if (s->command == NULL || s->view.box == 0 || s->state != SESSION_SELECTED)
		return 0;
	return view_wants_claim(s) ? CLAIM : tell_changes(s);
}

/* The selected mailbox is no longer there, and this session did not remove it. What the command did
 * is done, and is told; numbers mean nothing any more, so the session ends. */
static void
box_gone(struct session *s)
{
	view_close(&s->view);
	s->state = SESSION_AUTH;
	command_over(s);
	engine_bye(s, NULL, "The selected mailbox was removed");
}

/* r as of view_sync_*: what it means for the session. */
static void
synced(struct session *s, int r)
{
	struct backend_ask claim = { .kind = BACKEND_ASK_RECENT, .box = s->view.box };

	if (r == CLAIM) {
		s->phase = PHASE_WAIT;
		session_ask(s, &claim, recent_claimed);
		return;
	}
	if (r == 1) {
		s->phase = PHASE_SYNC;
		return;
	}
	if (r == ERR_NOENT) {
		box_gone(s);
		return;
	}
	/* Another error: the store cannot be read now; what is to be told is told later. */
	s->view.phase = VIEW_QUIET;
	if (r < 0 && s->view.cut)
		s->phase = PHASE_CLOSED;	/* numbers were told in part */
	else if (s->idling && s->line.n == 0)
		s->phase = PHASE_INPUT;
	else
		command_over(s);
}

static void
go(struct session *s, enum session_next next)
{
	if (s->state == SESSION_LOGOUT) {
		s->phase = PHASE_CLOSED;
		return;
	}
	switch (next) {
	case DONE:
		s->idling = false;
		synced(s, sync_begin(s));
		break;
	case MORE:
		s->phase = PHASE_RUN;
		break;
	case WAIT:
		s->phase = PHASE_WAIT;
		break;
	case INPUT:
		s->phase = PHASE_INPUT;
		break;
	case STAY:
		break;
	}
}

void
engine_run(struct session *s)
{
	if (session_is_full(s))
		return;
	if (s->phase == PHASE_RUN)
		go(s, s->step(s));
	else if (s->phase == PHASE_SYNC)
		synced(s, view_sync_step(s));
	else if (engine_busy(s))
		synced(s, sync_begin(s));
}

void
engine_answer(struct session *s, const struct backend_reply *reply)
{
	if (s->phase == PHASE_WAIT)
		go(s, s->answered(s, reply));
}

void
engine_changed(struct session *s)
{
	if (s->idling)
		s->changed = true;
}

/* ---- a whole command ---- */

static const struct command *
find(struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (slice_is_nocase(name, commands[i].name))
			return &commands[i];
	return NULL;
}

/* A browser that was led here must not get an answer that it may read (ALPACA). */
static bool
is_http(struct slice line)
{
	static const char *const verbs[] = { "GET ", "POST ", "PUT ", "HEAD ", "CONNECT ",
	    "OPTIONS ", "DELETE ", "PATCH ", "TRACE " };

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (slice_starts_nocase(line, slice_of(verbs[i])) &&
		    slice_find(line, SLICE(" HTTP/")) > 0)
			return true;
	return false;
}

static enum session_next
dispatch(struct session *s, struct slice text)
{
	struct args a;
	struct slice name;

	if (s->state == SESSION_NEW && is_http(text)) {
		s->state = SESSION_LOGOUT;
		return DONE;
	}
	s->commands++;
	args_init(&a, text, &s->arena);
	if (session_set_tag(s, &a) != OK)
		return session_bad(s, "A command begins with a tag");
	if (session_parse_name(&a, &name) != OK || (s->command = find(name)) == NULL)
		return session_bad(s, "Unknown command");
	if ((s->command->flags & 1u << s->state) == 0) {
		s->command = NULL;
		return session_bad(s, "Not valid in this state");
	}
	if ((s->command->flags & COMMAND_WRITES) != 0 && s->view.readonly &&
	    !control_off("examine-read-only"))
		return session_no(s, "READ-ONLY", "The mailbox is open for reading only");
	return s->command->fn(s, &a);
}

/* ---- input ---- */

static struct slice
so_far(const struct session *s)
{
	return buf_slice(&s->cmd);
}

/* A literal follows that is too large. The client sends it only if it does not wait for leave. */
static void
refuse_literal(struct session *s, bool sync)
{
	struct args a;

	if (!sync) {
		session_bye(s, "TOOBIG", "A literal is too large");
		s->phase = PHASE_CLOSED;
		return;
	}
	args_init(&a, so_far(s), &s->arena);
	if (session_set_tag(s, &a) != OK)
		s->tag = SLICE("*");
	go(s, session_too_big(s));
}

static bool
literal_fits(const struct session *s, uint64_t octets)
{
	size_t max = s->state == SESSION_NEW && !control_off("literal-limit") ?
	    ENGINE_PREAUTH_LITERALS : ENGINE_LITERALS;

	return octets <= max && s->literals + octets <= max &&
	    s->literal_count < ENGINE_LITERAL_COUNT;
}

static void
literal_begins(struct session *s, uint64_t octets, bool sync)
{
	enum session_next next;

	if (s->state != SESSION_NEW &&
	    cmd_append_literal(s, so_far(s), octets, sync, &next)) {
		s->commands++;
		go(s, next);
		return;
	}
	if (!literal_fits(s, octets)) {
		refuse_literal(s, sync);
		return;
	}
	s->literals += (size_t)octets;
	s->literal_count++;
	s->literal_left = octets;
	s->phase = octets > 0 ? PHASE_LITERAL : PHASE_LINE;
	s->line_at = s->cmd.n;
	if (sync)
		buf_adds(&s->out, "+ OK\r\n");
}

static void
broken_line(struct session *s, const char *code, const char *text)
{
	session_bye(s, code, text);
	s->phase = PHASE_CLOSED;
}

/* The line from line_at is complete, its line end included. */
static void
line_ends(struct session *s)
{
	struct slice line = slice_from(so_far(s), s->line_at);
	uint64_t octets;
	size_t header;
	bool sync;

	if (line.n < 2 || line.p[line.n - 2] != '\r' ||
	    memchr(line.p, '\r', line.n - 2) != NULL || memchr(line.p, '\0', line.n) != NULL) {
		broken_line(s, "CLIENTBUG", "Lines end in CRLF and hold no NUL");
		return;
	}
	line.n -= 2;
	if (args_literal_header(line, &octets, &sync, &header))
		literal_begins(s, octets, sync);
	else
		go(s, dispatch(s, slice_sub(so_far(s), 0, s->cmd.n - 2)));
}

static size_t
take_line(struct session *s, struct slice in)
{
	size_t max = s->state == SESSION_NEW && !control_off("line-limit") ?
	    PREAUTH_LINE_OCTETS : ENGINE_LINE_OCTETS;
	size_t room = max - (s->cmd.n - s->literals);
	const char *lf = memchr(in.p, '\n', in.n);
	size_t n = lf == NULL ? in.n : (size_t)(lf - in.p) + 1;

	if (n > room) {
		broken_line(s, "TOOBIG", "A line is too long");
		return in.n;
	}
	buf_add(&s->cmd, slice_sub(in, 0, n));
	if (s->cmd.err != OK)
		broken_line(s, "LIMIT", "Out of memory");
	else if (lf != NULL)
		line_ends(s);
	return n;
}

static size_t
take_literal(struct session *s, struct slice in)
{
	size_t n = in.n < s->literal_left ? in.n : (size_t)s->literal_left;

	buf_add(&s->cmd, slice_sub(in, 0, n));
	s->literal_left -= n;
	if (s->cmd.err != OK)
		broken_line(s, "LIMIT", "Out of memory");
	else if (s->literal_left == 0) {
		s->line_at = s->cmd.n;
		s->phase = PHASE_LINE;
	}
	return n;
}

static size_t
take_input(struct session *s, struct slice in)
{
	enum session_next next = INPUT;
	size_t n = s->input(s, in, &next);

	if (s->phase != PHASE_CLOSED)
		go(s, next);
	return n;
}

/* Octets behind STARTTLS came without protection: whoever put them there must not be heard. */
static bool
is_injection(const struct session *s, size_t left)
{
	return s->tls_next && left > 0 && !control_off("starttls-injection");
}

size_t
engine_input(struct session *s, struct slice in)
{
	size_t taken = 0;
	bool more = true;

	while (more && taken < in.n) {
		struct slice rest = slice_from(in, taken);

		switch (s->phase) {
		case PHASE_LINE:
			taken += take_line(s, rest);
			break;
		case PHASE_LITERAL:
			taken += take_literal(s, rest);
			break;
		case PHASE_INPUT:
			if (engine_busy(s))
				more = false;
			else
				taken += take_input(s, rest);
			break;
		case PHASE_CLOSED:
			taken = in.n;
			break;
		default:
			more = false;
		}
	}
	if (is_injection(s, in.n - taken)) {
		buf_clear(&s->line);
		buf_clear(&s->out);
		s->tls_next = false;
		broken_line(s, "CLIENTBUG", "Octets behind STARTTLS");
		taken = in.n;
	}
	return taken;
}
