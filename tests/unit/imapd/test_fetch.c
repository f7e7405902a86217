/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "imapd/fetch.h"

static const struct {
	const char *text;
	int	    err;
	const char *want;	/* kinds; for sections the label and partial */
	bool	    seen;
} rows[] = {
	{ "FLAGS", OK, "0 ", false },		{ "(UID flags Uid)", OK, "1 0 ", false },
	{ "ALL", OK, "0 2 3 4 ", false },	{ "FULL", OK, "0 2 3 4 5 ", false },
	{ "FAST", OK, "0 2 3 ", false },	{ "BODY", OK, "5 ", false },
	{ "(BODY BODYSTRUCTURE)", OK, "5 6 ", false },
	{ "RFC822", OK, "RFC822 ", true },	{ "RFC822.HEADER", OK, "RFC822.HEADER ", false },
	{ "RFC822.TEXT", OK, "RFC822.TEXT ", true }, { "RFC822.SIZE", OK, "3 ", false },
	{ "BODY[]", OK, "BODY[] ", true },	{ "body.peek[]", OK, "BODY[] ", false },
	{ "BODY[1.2.mime]<0.100>", OK, "BODY[1.2.MIME]<0.100> ", true },
	{ "BODY.PEEK[header.fields (From \"To\" {2}\r\nCc)]", OK,
	    "BODY[HEADER.FIELDS (From To Cc)] ", false },
	{ "BODY.PEEK[3.HEADER.FIELDS.NOT (X)]", OK, "BODY[3.HEADER.FIELDS.NOT (X)] ", false },
	{ "(BODY[1] BODY[2])", OK, "BODY[1] BODY[2] ", true },
	{ "", ERR_SYNTAX, "", false },		{ "()", ERR_SYNTAX, "", false },
	{ "(FLAGS", ERR_SYNTAX, "", false },	{ "(FLAGS  UID)", ERR_SYNTAX, "", false },
	{ "(ALL)", ERR_SYNTAX, "", false },	{ "BODY[", ERR_SYNTAX, "", false },
	{ "BODY[X]", ERR_SYNTAX, "", false },	{ "BODY[0]", ERR_SYNTAX, "", false },
	{ "BODY[1.]", ERR_SYNTAX, "", false },	{ "BODY[MIME]", ERR_SYNTAX, "", false },
	{ "BODY[]<1>", ERR_SYNTAX, "", false },	{ "BODY[]<1.0>", ERR_SYNTAX, "", false },
	{ "BODY[HEADER.FIELDS]", ERR_SYNTAX, "", false },
	{ "BODY[HEADER.FIELDS (\"a\\\"b\")]", ERR_SYNTAX, "", false },
	{ "BODY[HEADER.FIELDS (\"\")]", ERR_SYNTAX, "", false },
	{ "BODYX", ERR_SYNTAX, "", false },	{ "FLAGSX", ERR_SYNTAX, "", false },
};

static void
show(const struct fetch_items *items, char *got, size_t cap)
{
	for (size_t k = 0; k < items->n; k++) {
		const struct fetch_item *it = &items->v[k];
		size_t at = strlen(got);

		if (it->kind != FETCH_SECTION)
			snprintf(got + at, cap - at, "%d", (int)it->kind);
		else
			snprintf(got + at, cap - at, "%.*s", (int)it->label.n, it->label.p);
		at = strlen(got);
		if (it->partial)
			snprintf(got + at, cap - at, "<%u.%u>", (unsigned)it->from,
			    (unsigned)it->count);
		at = strlen(got);
		snprintf(got + at, cap - at, " ");
	}
}

static void
fetch_items_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct fetch_items items;
		struct arena arena;
		struct args a;
		char got[300] = "";

		arena_init(&arena, 1 << 20);
		args_init(&a, slice_of(rows[i].text), &arena);
		int err = fetch_parse(&a, &items);
		if (err == OK)
			err = args_end(&a);
		if (err == OK)
			show(&items, got, sizeof got);
		if (err != rows[i].err || strcmp(got, rows[i].want) != 0 ||
		    (err == OK && items.sets_seen != rows[i].seen))
			fail_msg("%s: %d %s", rows[i].text, err, got);
		arena_clear(&arena);
	}
}

int
main(void)
{
	const struct CMUnitTest t[] = { cmocka_unit_test(fetch_items_are_read) };

	return cmocka_run_group_tests(t, NULL, NULL);
}
