/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "imapd/args.h"

/* What is read: a atom, s astring, q string, n nstring, # number, = set, f flag, m list-mailbox,
 * ( ) parentheses, _ space, . end. */
static const struct {
	const char *read, *text;
	int	    err;
	const char *want;	/* what was read, each in brackets */
} rows[] = {
	{ "a_a.", "ab c", OK, "[ab][c]" },
	{ "a.", "ab ", ERR_SYNTAX, "[ab]" },	{ "a", "", ERR_SYNTAX, "" },
	{ "a", "(", ERR_SYNTAX, "" },		{ "s.", "a]b", OK, "[a]b]" },
	{ "a.", "a]b", ERR_SYNTAX, "[a]" },	{ "s.", "\"a b\"", OK, "[a b]" },
	{ "s.", "\"\"", OK, "[]" },		{ "s.", "\"a\\\"b\\\\\"", OK, "[a\"b\\]" },
	{ "s", "\"a", ERR_SYNTAX, "" },		{ "s", "\"a\\", ERR_SYNTAX, "" },
	{ "s", "\"a\\b\"", ERR_SYNTAX, "" },	{ "s", "\"a\r\"", ERR_SYNTAX, "" },
	{ "s_s.", "{3}\r\na\"b {1+}\r\nc", OK, "[a\"b][c]" },
	{ "s.", "{0}\r\n", OK, "[]" },		{ "s", "{4}\r\nabc", ERR_SYNTAX, "" },
	{ "s", "{x}\r\nabc", ERR_SYNTAX, "" },
	{ "s", "{99999999999999999999}\r\n", ERR_SYNTAX, "" },
	{ "q", "abc", ERR_SYNTAX, "" },		{ "n_n.", "NIL \"NIL\"", OK, "[][NIL]" },
	{ "n", "NILS", ERR_SYNTAX, "" },	{ "#.", "42", OK, "[42]" },
	{ "#", "4294967296", ERR_SYNTAX, "" },	{ "#", "", ERR_SYNTAX, "" },
	{ "=.", "1:*,3", OK, "[1:*,3]" },	{ "f_f.", "\\Seen $x", OK, "[\\Seen][$x]" },
	{ "f", "\\", ERR_SYNTAX, "" },		{ "m.", "a%*", OK, "[a%*]" },
	{ "(a_(a)).", "(a (b))", OK, "[a][b]" }, { ")", ")", ERR_SYNTAX, "" },
	{ "((((((((((((((((((((((((((((((", "((((((((((((((((((((((((((((((", OK, "" },
	{ "(((((((((((((((((((((((((((((((", "(((((((((((((((((((((((((((((((", ERR_LIMIT, "" },
};

static int
read_one(struct args *a, char what, struct slice *got)
{
	uint64_t number;
	bool nil;

	switch (what) {
	case 'a': return args_atom(a, got);
	case 's': return args_astring(a, got);
	case 'q': return args_string(a, got);
	case 'n': return args_nstring(a, got, &nil);
	case '=': return args_set(a, got);
	case 'f': return args_flag(a, got);
	case 'm': return args_list_mailbox(a, got);
	case '(': return args_open(a);
	case ')': return args_close(a);
	case '_': return args_space(a);
	case '.': return args_end(a);
	default:
		*got = a->rest;
		int err = args_number(a, UINT32_MAX, &number);
		got->n -= a->rest.n;
		return err;
	}
}

static void
args_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct arena arena;
		struct args a;
		char got[300] = "";
		int err = OK;

		arena_init(&arena, 4096);
		args_init(&a, slice_of(rows[i].text), &arena);
		for (const char *r = rows[i].read; err == OK && *r != '\0'; r++) {
			struct slice s = { NULL, 0 };

			err = read_one(&a, *r, &s);
			if (err == OK && strchr("()._", *r) == NULL)
				snprintf(got + strlen(got), sizeof got - strlen(got), "[%.*s]",
				    (int)s.n, s.n > 0 ? s.p : "");
		}
		if (err != rows[i].err || strcmp(got, rows[i].want) != 0)
			fail_msg("row %zu %s: %d %s", i, rows[i].text, err, got);
		arena_clear(&arena);
	}
}

static const struct {
	const char *line;
	bool is;
	uint64_t octets;
	bool sync;
	size_t header;
} headers[] = {
	{ "a {5}", true, 5, true, 3 },		{ "a {5+}", true, 5, false, 4 },
	{ "{0}", true, 0, true, 3 },		{ "a {}", false, 0, false, 0 },
	{ "a 5}", false, 0, false, 0 },		{ "a {+}", false, 0, false, 0 },
	{ "a {5}b", false, 0, false, 0 },	{ "a {5} ", false, 0, false, 0 },
	{ "a {-5}", false, 0, false, 0 },	{ "a {x5}", false, 0, false, 0 },
	{ "{18446744073709551616}", true, UINT64_MAX, true, 22 }, { "}", false, 0, false, 0 },
};

static void
args_know_a_literal(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		uint64_t octets = 0;
		size_t header = 0;
		bool sync = false, is = args_literal_header(slice_of(headers[i].line), &octets,
		    &sync, &header);

		if (is != headers[i].is || (is && (octets != headers[i].octets ||
		    sync != headers[i].sync || header != headers[i].header)))
			fail_msg("%s", headers[i].line);
	}
}

int
main(void)
{
	const struct CMUnitTest t[] = { cmocka_unit_test(args_are_read),
		cmocka_unit_test(args_know_a_literal) };

	return cmocka_run_group_tests(t, NULL, NULL);
}
