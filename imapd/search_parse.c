/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/utf8.h"
#include "imapd/search.h"
#include "mime/date.h"

enum { KEY_TEXT_OCTETS = 4096 };

enum argument { NONE, TEXT, DAY, NUMBER, FIELD_TEXT, KEYWORD };

/* Keys that are a word and at most one kind of argument. */
static const struct {
	const char	*word;
	enum search_kind kind;
	enum argument	 argument;
	unsigned	 flags;
	const char	*field;		/* HEADER: given by the word */
} words[] = {
	{ "ALL", SEARCH_ALL, NONE, 0, NULL },
	{ "ANSWERED", SEARCH_FLAG, NONE, BACKEND_ANSWERED, NULL },
	{ "DELETED", SEARCH_FLAG, NONE, BACKEND_DELETED, NULL },
	{ "DRAFT", SEARCH_FLAG, NONE, BACKEND_DRAFT, NULL },
	{ "FLAGGED", SEARCH_FLAG, NONE, BACKEND_FLAGGED, NULL },
	{ "SEEN", SEARCH_FLAG, NONE, BACKEND_SEEN, NULL },
	{ "UNANSWERED", SEARCH_NOFLAG, NONE, BACKEND_ANSWERED, NULL },
	{ "UNDELETED", SEARCH_NOFLAG, NONE, BACKEND_DELETED, NULL },
	{ "UNDRAFT", SEARCH_NOFLAG, NONE, BACKEND_DRAFT, NULL },
	{ "UNFLAGGED", SEARCH_NOFLAG, NONE, BACKEND_FLAGGED, NULL },
	{ "UNSEEN", SEARCH_NOFLAG, NONE, BACKEND_SEEN, NULL },
	{ "NEW", SEARCH_NEW, NONE, 0, NULL },
	{ "OLD", SEARCH_OLD, NONE, 0, NULL },
	{ "RECENT", SEARCH_RECENT, NONE, 0, NULL },
	{ "KEYWORD", SEARCH_KEYWORD, KEYWORD, 0, NULL },
	{ "BEFORE", SEARCH_BEFORE, DAY, 0, NULL },
	{ "ON", SEARCH_ON, DAY, 0, NULL },
	{ "SINCE", SEARCH_SINCE, DAY, 0, NULL },
	{ "SENTBEFORE", SEARCH_SENTBEFORE, DAY, 0, NULL },
	{ "SENTON", SEARCH_SENTON, DAY, 0, NULL },
	{ "SENTSINCE", SEARCH_SENTSINCE, DAY, 0, NULL },
	{ "LARGER", SEARCH_LARGER, NUMBER, 0, NULL },
	{ "SMALLER", SEARCH_SMALLER, NUMBER, 0, NULL },
	{ "FROM", SEARCH_HEADER, TEXT, 0, "From" },
	{ "TO", SEARCH_HEADER, TEXT, 0, "To" },
	{ "CC", SEARCH_HEADER, TEXT, 0, "Cc" },
	{ "BCC", SEARCH_HEADER, TEXT, 0, "Bcc" },
	{ "SUBJECT", SEARCH_HEADER, TEXT, 0, "Subject" },
	{ "HEADER", SEARCH_HEADER, FIELD_TEXT, 0, NULL },
	{ "BODY", SEARCH_BODY, TEXT, 0, NULL },
	{ "TEXT", SEARCH_TEXT, TEXT, 0, NULL },
};

struct parser {
	struct session *s;
	struct args    *a;
	struct search  *q;
	unsigned	depth;
};

static int parse_key(struct parser *p, struct search_key **out);

static int
new_key(struct parser *p, enum search_kind kind, struct search_key **out)
{
	if (++p->q->keys > SEARCH_KEYS_MAX)
		return ERR_LIMIT;
	*out = arena_alloc(p->a->arena, sizeof **out);
	if (*out == NULL)
		return p->a->arena->err;
	(*out)->kind = kind;
	return OK;
}

static int
parse_text(struct parser *p, struct slice *out)
{
	struct slice raw;
	struct buf folded;
	int err = args_astring(p->a, &raw);

	if (err != OK)
		return err;
	if (!utf8_valid(raw))
		return ERR_SYNTAX;
	buf_init(&folded, KEY_TEXT_OCTETS);
	err = utf8_casefold(raw, &folded);
	if (err == OK) {
		*out = arena_copy(p->a->arena, buf_slice(&folded));
		err = p->a->arena->err;
	}
	buf_fini(&folded);
	return err;
}

static int
parse_argument(struct parser *p, enum argument argument, struct search_key *k)
{
	struct slice text;
	int err = args_space(p->a);

	if (err != OK)
		return err;
	switch (argument) {
	case DAY:
		err = args_astring(p->a, &text);
		return err == OK ? date_parse_day(text, &k->day) : err;
	case NUMBER:
		return args_number(p->a, UINT32_MAX, &k->number);
	case KEYWORD:
		return args_atom(p->a, &k->text);
	case FIELD_TEXT:
		err = args_astring(p->a, &k->field);
		if (err == OK)
			err = args_space(p->a);
		return err == OK ? parse_text(p, &k->text) : err;
	default:
		return parse_text(p, &k->text);
	}
}

/* BODY and TEXT are noted one by one: they are decided last, all in one reading. The empty string
 * is in all. */
static int
note_text(struct parser *p, struct search_key *k)
{
	if (k->kind != SEARCH_BODY && k->kind != SEARCH_TEXT)
		return OK;
	if (k->text.n == 0) {
		k->kind = SEARCH_ALL;
		return OK;
	}
	if (p->q->texts_n == SEARCH_TEXTS_MAX)
		return ERR_LIMIT;
	k->at = p->q->texts_n;
	p->q->texts[p->q->texts_n++] = k;
	return OK;
}

/* 1: it was one of words, 0: not, or an error. */
static int
parse_word(struct parser *p, struct search_key **out)
{
	int err;

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (!args_word(p->a, words[i].word))
			continue;
		err = new_key(p, words[i].kind, out);
		if (err != OK)
			return err;
		(*out)->flags = words[i].flags;
		(*out)->field = slice_of(words[i].field);
		if (words[i].argument != NONE)
			err = parse_argument(p, words[i].argument, *out);
		if (err == OK)
			err = note_text(p, *out);
		return err == OK ? 1 : err;
	}
	return 0;
}

/* SP key, n times, as members of a key. */
static int
parse_members(struct parser *p, enum search_kind kind, unsigned n, struct search_key **out)
{
	struct search_key **tail;
	int err = new_key(p, kind, out);

	if (err != OK)
		return err;
	tail = &(*out)->first;
	for (unsigned i = 0; i < n; i++) {
		err = args_space(p->a);
		if (err == OK)
			err = parse_key(p, tail);
		if (err != OK)
			return err;
		tail = &(*tail)->next;
	}
	return OK;
}

/* key *(SP key) until ")" or the end. */
static int
parse_list(struct parser *p, struct search_key **out)
{
	struct search_key **tail;
	int err = new_key(p, SEARCH_AND, out);

	if (err != OK)
		return err;
	tail = &(*out)->first;
	do {
		err = parse_key(p, tail);
		if (err == OK)
			tail = &(*tail)->next;
	} while (err == OK && args_skip(p->a, ' '));
	return err;
}

static int
parse_uid_set(struct parser *p, bool uid, struct search_key **out)
{
	const struct command *command = p->s->command;
	static const struct command as_uid = { "UID", NULL, COMMAND_UID },
	    as_number = { "", NULL, 0 };
	struct slice text;
	int err = new_key(p, SEARCH_SET, out);

	if (err == OK)
		err = args_set(p->a, &text);
	if (err != OK)
		return err;
	/* A set of numbers here may go past the end: it just matches less. */
	p->s->command = uid ? &as_uid : &as_number;
	err = session_set(p->s, text, &(*out)->set);
	p->s->command = command;
	if (err == ERR_INVAL) {
		size_t n = (*out)->set.n;

		while (n > 0 && (*out)->set.v[n - 1].lo > p->s->view.n)
			n--;
		(*out)->set.n = n;
		for (size_t i = 0; i < n; i++) {
			(*out)->set.v[i].lo--;
			(*out)->set.v[i].hi--;
		}
		err = OK;
	}
	return err;
}

static int
parse_unkeyword(struct parser *p, struct search_key **out)
{
	struct search_key *k;
	int err = new_key(p, SEARCH_NOT, out);

	if (err == OK)
		err = new_key(p, SEARCH_KEYWORD, &k);
	if (err == OK) {
		(*out)->first = k;
		err = parse_argument(p, KEYWORD, k);
	}
	return err;
}

static int
parse_inner(struct parser *p, struct search_key **out)
{
	int err = parse_word(p, out);

	if (err != 0)
		return err < 0 ? err : OK;
	if (args_word(p->a, "NOT"))
		return parse_members(p, SEARCH_NOT, 1, out);
	if (args_word(p->a, "OR"))
		return parse_members(p, SEARCH_OR, 2, out);
	if (args_word(p->a, "UNKEYWORD"))
		return parse_unkeyword(p, out);
	if (args_word(p->a, "UID"))
		return args_space(p->a) == OK ? parse_uid_set(p, true, out) : ERR_SYNTAX;
	if (!args_peek(p->a, '('))
		return parse_uid_set(p, false, out);
	err = args_open(p->a);
	if (err == OK)
		err = parse_list(p, out);
	return err == OK ? args_close(p->a) : err;
}

static int
parse_key(struct parser *p, struct search_key **out)
{
	int err;

	if (++p->depth > ARGS_DEPTH_MAX)
		return ERR_LIMIT;
	err = parse_inner(p, out);
	p->depth--;
	return err;
}

int
search_parse(struct session *s, struct args *a, struct search *out)
{
	struct parser p = { .s = s, .a = a, .q = out };
	struct slice charset;
	int err = args_space(a);

	if (err == OK && args_word(a, "CHARSET")) {
		err = args_space(a);
		if (err == OK)
			err = args_astring(a, &charset);
		if (err == OK)
			err = args_space(a);
		if (err == OK && !slice_is_nocase(charset, "UTF-8") &&
		    !slice_is_nocase(charset, "US-ASCII")) {
			out->no_charset = true;
			return ERR_UNSUPPORTED;
		}
	}
	if (err == OK)
		err = parse_list(&p, &out->root);
	return err == OK ? args_end(a) : err;
}
