/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "imapd/session.h"

#include <string.h>

#include "common/utf8.h"

enum { QUOTED_OCTETS = 1000, TAG_OCTETS = 100 };

/* What a client is told of an error. */
static const struct {
	int	    err;
	const char *code, *text;
} errors[] = {
	{ ERR_LIMIT, "LIMIT", "A limit is exceeded" },
	{ ERR_NOMEM, "LIMIT", "Out of memory, try later" },
	{ ERR_QUOTA, "OVERQUOTA", "Over quota" },
	{ ERR_NOSPC, "UNAVAILABLE", "No space left on the server" },
	{ ERR_NOENT, "NONEXISTENT", "No such mailbox" },
	{ ERR_EXIST, "ALREADYEXISTS", "That mailbox exists already" },
	{ ERR_ACCESS, "CANNOT", "Not allowed" },
	{ ERR_INVAL, "CANNOT", "This name cannot be used" },
	{ ERR_UNSUPPORTED, "CANNOT", "Not supported" },
	{ ERR_UNAVAIL, "UNAVAILABLE", "Temporarily not available, nothing was done" },
	{ ERR_TIMEOUT, "UNAVAILABLE", "No answer in time; look before trying again" },
	{ ERR_UNKNOWN, "UNAVAILABLE", "The outcome is unknown; look before trying again" },
	{ ERR_CORRUPT, "UNAVAILABLE", "Some message cannot be read" },
	{ ERR_CRYPTO, "UNAVAILABLE", "Some message cannot be read" },
};

static enum session_next
tagged(struct session *s, const char *word, const char *code, const char *text)
{
	buf_clear(&s->line);
	buf_add(&s->line, s->tag);
	buf_addf(&s->line, " %s ", word);
	if (code != NULL)
		buf_addf(&s->line, "[%s] ", code);
	buf_addf(&s->line, "%s\r\n", text);
	return DONE;
}

enum session_next
session_ok(struct session *s, const char *code, const char *text)
{
	return tagged(s, "OK", code, text);
}

enum session_next
session_no(struct session *s, const char *code, const char *text)
{
	return tagged(s, "NO", code, text);
}

enum session_next
session_bad(struct session *s, const char *text)
{
	s->errors++;
	return tagged(s, "BAD", "CLIENTBUG", text);
}

enum session_next
session_too_big(struct session *s)
{
	s->errors++;
	return tagged(s, "BAD", "TOOBIG", "A literal is too large");
}

enum session_next
session_err(struct session *s, int err)
{
	if (err == ERR_SYNTAX)
		return session_bad(s, "The arguments cannot be understood");
	for (size_t i = 0; i < ARRAY_LEN(errors); i++)
		if (errors[i].err == err)
			return session_no(s, errors[i].code, errors[i].text);
	return session_no(s, "UNAVAILABLE", "Temporarily not possible");
}

enum session_next
session_bad_name(struct session *s)
{
	return session_err(s, ERR_INVAL);
}

enum session_next
session_bye(struct session *s, const char *code, const char *text)
{
	buf_adds(&s->out, "* BYE ");
	if (code != NULL)
		buf_addf(&s->out, "[%s] ", code);
	buf_addf(&s->out, "%s\r\n", text);
	s->state = SESSION_LOGOUT;
	return DONE;
}

enum session_next
session_ask(struct session *s, const struct backend_ask *ask, answered_fn fn)
{
	s->answered = fn;
	s->conf.backend->ask(s->conf.ctx, ask);
	return WAIT;
}

enum session_next
session_step(struct session *s, step_fn fn)
{
	s->step = fn;
	return MORE;
}

void *
session_work(struct session *s, size_t octets)
{
	s->work = arena_alloc(&s->arena, octets);
	return s->work;
}

bool
session_is_full(const struct session *s)
{
	return s->out.n >= ENGINE_STEP_OCTETS;
}

/* ---- input ---- */

int
session_set_tag(struct session *s, struct args *a)
{
	bool quoted = args_peek(a, '"') || args_peek(a, '{');
	struct slice tag;

	s->tag = SLICE("*");
	if (quoted || args_astring(a, &tag) != OK || tag.n > TAG_OCTETS ||
	    slice_chr(tag, '+') >= 0 || args_space(a) != OK)
		return ERR_SYNTAX;
	s->tag = arena_copy(&s->arena, tag);
	return s->arena.err;
}

int
session_parse_name(struct args *a, struct slice *out)
{
	struct slice second;
	int err = args_atom(a, out);

	if (err != OK || !slice_is_nocase(*out, "UID"))
		return err;
	err = args_space(a);
	if (err == OK)
		err = args_atom(a, &second);
	if (err == OK)
		out->n = (size_t)(second.p + second.n - out->p);
	return err;
}

size_t
session_take_line(struct session *s, struct slice in, size_t max_octets, int *r_out)
{
	const char *lf = memchr(in.p, '\n', in.n);
	size_t n = lf == NULL ? in.n : (size_t)(lf - in.p) + 1;
	struct slice line;

	*r_out = 0;
	if (s->cmd.n - s->line_at + n > max_octets) {
		*r_out = ERR_PROTO_LINE_TOO_LONG;
		return in.n;
	}
	buf_add(&s->cmd, slice_sub(in, 0, n));
	line = slice_from(buf_slice(&s->cmd), s->line_at);
	if (s->cmd.err != OK)
		*r_out = s->cmd.err;
	else if (lf != NULL && (line.n < 2 || line.p[line.n - 2] != '\r'))
		*r_out = ERR_PROTO_BARE_LF;
	else if (lf != NULL)
		*r_out = 1;
	return n;
}

struct slice
session_line(const struct session *s)
{
	struct slice line = slice_from(buf_slice(&s->cmd), s->line_at);

	return slice_sub(line, 0, line.n - 2);
}

void
session_forget_line(struct session *s)
{
	if (s->cmd.n > s->line_at)
		explicit_bzero(s->cmd.p + s->line_at, s->cmd.n - s->line_at);
	s->cmd.n = s->line_at;
}

/* ---- output ---- */

static bool
is_quotable(struct slice text)
{
	if (text.n > QUOTED_OCTETS)
		return false;
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < 0x20 || text.p[i] == 0x7f)	/* 8-bit octets are negative or > */
			return false;
	return utf8_is_ascii(text);
}

void
session_add_string(struct buf *out, struct slice text)
{
	if (!is_quotable(text)) {
		buf_addf(out, "{%zu}\r\n", text.n);
		buf_add(out, text);
		return;
	}
	buf_addc(out, '"');
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '"' || text.p[i] == '\\')
			buf_addc(out, '\\');
		buf_addc(out, text.p[i]);
	}
	buf_addc(out, '"');
}

/* As buf_addf("%llu"), which would be a fifth of the time that listing a mailbox takes. */
void
session_add_number(struct buf *out, uint64_t number)
{
	char digits[20];
	size_t at = sizeof digits;

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	buf_add(out, (struct slice){ digits + at, sizeof digits - at });
}

void
session_add_number_list(struct buf *out, const struct backend_range *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		buf_addf(out, i > 0 ? ",%u" : "%u", v[i].lo);
		if (v[i].hi != v[i].lo)
			buf_addf(out, ":%u", v[i].hi);
	}
}

/* ---- sets ---- */

static int
numbers(struct session *s, struct slice text, struct seqset *set)
{
	int err = seqset_parse(text, s->view.n, &s->arena, set);

	if (err != OK)
		return err;
	if (set->n == 0 || set->v[set->n - 1].hi > s->view.n)
		return ERR_INVAL;
	for (size_t i = 0; i < set->n; i++) {
		set->v[i].lo--;
		set->v[i].hi--;
	}
	return OK;
}

static int
uid_numbers(struct session *s, struct slice text, struct seqset *set)
{
	const struct view *v = &s->view;
	size_t kept = 0;
	int err = seqset_parse(text, v->n > 0 ? v->uids[v->n - 1] : 0, &s->arena, set);

	for (size_t i = 0; err == OK && i < set->n; i++) {
		uint32_t lo = view_find(v, set->v[i].lo);
		uint32_t end = set->v[i].hi == UINT32_MAX ? v->n :
		    view_find(v, set->v[i].hi + 1);

		if (lo < end)
			set->v[kept++] = (struct backend_range){ lo, end - 1 };
	}
	set->n = kept;
	return err;
}

int
session_set(struct session *s, struct slice text, struct seqset *out)
{
	return (s->command->flags & COMMAND_UID) != 0 ? uid_numbers(s, text, out) :
	    numbers(s, text, out);
}

int
session_uids(struct session *s, const struct seqset *indices, struct seqset *out)
{
	out->n = indices->n;
	out->v = arena_array(&s->arena, indices->n, sizeof *out->v);
	if (out->v == NULL)
		return s->arena.err;
	for (size_t i = 0; i < out->n; i++)
		out->v[i] = (struct backend_range){ s->view.uids[indices->v[i].lo],
		    s->view.uids[indices->v[i].hi] };
	return OK;
}

/* ---- flags ---- */

static const struct {
	const char *name;
	unsigned    flag;
} system_flags[] = {
	{ "\\Answered", BACKEND_ANSWERED }, { "\\Flagged", BACKEND_FLAGGED },
	{ "\\Deleted", BACKEND_DELETED }, { "\\Seen", BACKEND_SEEN }, { "\\Draft", BACKEND_DRAFT },
};

static int
add_flag(struct flag_list *list, struct slice name)
{
	if (name.p[0] != '\\') {
		if (name.n > BACKEND_KEYWORD_OCTETS || list->keywords_n == BACKEND_KEYWORDS_MAX)
			return ERR_LIMIT;
		list->keywords[list->keywords_n++] = name;
		return OK;
	}
	for (size_t i = 0; i < ARRAY_LEN(system_flags); i++)
		if (slice_is_nocase(name, system_flags[i].name)) {
			list->flags |= system_flags[i].flag;
			return OK;
		}
	return slice_is_nocase(name, "\\Recent") ? OK : ERR_SYNTAX;
}

int
session_parse_flags(struct args *a, bool bare, struct flag_list *out)
{
	bool list = !bare || args_peek(a, '(');
	struct slice name;
	int err = OK;

	*out = (struct flag_list){ .keywords = arena_array(a->arena, BACKEND_KEYWORDS_MAX,
	    sizeof *out->keywords) };
	if (out->keywords == NULL)
		return a->arena->err;
	if (list && (err = args_open(a)) != OK)
		return err;
	if (list && args_peek(a, ')'))
		return args_close(a);
	do {
		err = args_flag(a, &name);
		if (err == OK)
			err = add_flag(out, name);
	} while (err == OK && args_skip(a, ' '));
	return err == OK && list ? args_close(a) : err;
}

/* A word, and a space before it unless it is the first behind `begin`. */
static void
add_word(struct buf *out, size_t begin, const char *word)
{
	if (out->n > begin)
		buf_addc(out, ' ');
	buf_adds(out, word);
}

void
session_add_flags(struct session *s, const struct backend_msg *m)
{
	struct slice *names = NULL;
	size_t n = 0, before = s->out.n;

	for (size_t i = 0; i < ARRAY_LEN(system_flags); i++)
		if ((m->flags & system_flags[i].flag) != 0)
			add_word(&s->out, before, system_flags[i].name);
	if (recent_has(&s->view.recent, m->uid))
		add_word(&s->out, before, "\\Recent");
	if (m->keywords == 0 || session_keywords(s, &names, &n) != OK)
		return;
	for (size_t i = 0; i < n; i++)
		if ((m->keywords >> i & 1) != 0) {
			if (s->out.n > before)
				buf_addc(&s->out, ' ');
			buf_add(&s->out, names[i]);
		}
}

int
session_keywords(struct session *s, struct slice **names_out, size_t *n_out)
{
	int err = OK;

	if (s->keywords == NULL)
		err = s->conf.backend->keywords(s->conf.ctx, s->view.box, &s->box_arena,
		    &s->keywords, &s->keywords_n);
	*names_out = s->keywords;
	*n_out = err == OK ? s->keywords_n : 0;
	return err;
}
