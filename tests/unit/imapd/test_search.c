/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "imapd/search.h"

static const struct {
	const char *text;
	int	    err;
	const char *want;	/* kinds, members in parentheses */
} rows[] = {
	{ " ALL", OK, "1(0)" },
	{ " SEEN UNSEEN", OK, "1(5 6)" },
	{ " NOT OR ALL NEW", OK, "1(3(2(0 10)))" },
	{ " (SEEN (NEW)) 1:2", OK, "1(1(5 1(10)) 4)" },
	{ " UNKEYWORD x", OK, "1(3(7))" },
	{ " CHARSET utf-8 TEXT a", OK, "1(21)" },
	{ " HEADER a b SUBJECT \"c d\"", OK, "1(19 19)" },
	{ " SINCE 1-Feb-2026 LARGER 5", OK, "1(13 17)" },
	{ " CHARSET KOI8-R TEXT a", ERR_UNSUPPORTED, "" },
	{ "", ERR_SYNTAX, "" },			{ " ", ERR_SYNTAX, "" },
	{ " ALL ", ERR_SYNTAX, "" },		{ " ALL  ALL", ERR_SYNTAX, "" },
	{ " OR ALL", ERR_SYNTAX, "" },		{ " NOT", ERR_SYNTAX, "" },
	{ " ()", ERR_SYNTAX, "" },		{ " (ALL", ERR_SYNTAX, "" },
	{ " ALL)", ERR_SYNTAX, "" },		{ " FROM", ERR_SYNTAX, "" },
	{ " FROM \"\xff\"", ERR_SYNTAX, "" },	{ " SINCE x", ERR_SYNTAX, "" },
	{ " LARGER -1", ERR_SYNTAX, "" },	{ " UID", ERR_SYNTAX, "" },
	{ " XYZZY", ERR_SYNTAX, "" },		{ " KEYWORD", ERR_SYNTAX, "" },
};

static void
show(const struct search_key *k, char *got, size_t cap)
{
	snprintf(got + strlen(got), cap - strlen(got), "%d", (int)k->kind);
	if (k->first == NULL)
		return;
	snprintf(got + strlen(got), cap - strlen(got), "(");
	for (k = k->first; k != NULL; k = k->next) {
		show(k, got, cap);
		snprintf(got + strlen(got), cap - strlen(got), k->next != NULL ? " " : ")");
	}
}

static int
parse(const char *text, struct search *q, struct arena *arena, struct session *s)
{
	static const struct command row = { "SEARCH", NULL, 0 };
	struct args a;

	*q = (struct search){ 0 };
	s->command = &row;
	arena_init(&s->arena, 1 << 20);
	args_init(&a, slice_of(text), arena);
	return search_parse(s, &a, q);
}

static void
search_keys_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		static struct search q;
		struct session s = { .view.n = 3, .view.uids = (uint32_t[]){ 1, 2, 3 } };
		struct arena arena;
		char got[300] = "";

		arena_init(&arena, 1 << 20);
		int err = parse(rows[i].text, &q, &arena, &s);
		if (err == OK)
			show(q.root, got, sizeof got);
		if (err != rows[i].err || strcmp(got, rows[i].want) != 0)
			fail_msg("%s: %d %s", rows[i].text, err, got);
		arena_clear(&s.arena);
		arena_clear(&arena);
	}
}

static void
search_is_bounded(void **state)
{
	static char text[8 * SEARCH_KEYS_MAX];
	static struct search q;
	struct session s = { .view.n = 0 };
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < SEARCH_KEYS_MAX + 1; i++)
		memcpy(text + 4 * i, " ALL", 5);
	assert_int_equal(parse(text, &q, &arena, &s), ERR_LIMIT);
	for (size_t i = 0; i < SEARCH_TEXTS_MAX + 1; i++)
		memcpy(text + 7 * i, " TEXT a", 8);
	assert_int_equal(parse(text, &q, &arena, &s), ERR_LIMIT);
	arena_clear(&arena);
}

static const struct { const char *fields, *name, *want; bool holds; } headers[] = {
	{ "Subject: =?UTF-8?B?QsOhbyBjw6Fv?=\r\n\r\n", "subject", "b\u00e1o c\u00e1o", true },
	{ "Subject: Ba\u0301o\r\n\r\n", "Subject", "b\u00e1o", true },	/* NFD in the message */
	{ "Subject: a\r\n b\r\n\r\n", "Subject", "a b", true },
	{ "Subject: a\r\n\r\n", "From", "a", false },
	{ "From: a\r\n\r\n", "", "from: a", true },
	{ "From: a\r\n\r\n", "From", "", true },	{ "From: a\r\n\r\n", "To", "", false },
};

static void
search_reads_headers_as_people_do(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		bool yes = false;

		assert_int_equal(search_header_holds(slice_of(headers[i].fields),
		    slice_of(headers[i].name), slice_of(headers[i].want), &yes), OK);
		if (yes != headers[i].holds)
			fail_msg("row %zu", i);
	}
}

int
main(void)
{
	const struct CMUnitTest t[] = { cmocka_unit_test(search_keys_are_read),
		cmocka_unit_test(search_is_bounded),
		cmocka_unit_test(search_reads_headers_as_people_do) };

	return cmocka_run_group_tests(t, NULL, NULL);
}
