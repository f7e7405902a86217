/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "control/imap_reply.h"
#include "control/import_imap.h"

static const struct {
	const char    *in;
	int	       result;
	enum imap_kind kind;
	uint32_t       number;
	const char    *word, *rest;
} replies[] = {
	{ "* OK hello", OK, IMAP_UNTAGGED, 0, "OK", "hello" },
	{ "* 12 EXISTS", OK, IMAP_UNTAGGED, 12, "EXISTS", "" },
	{ "* 12 FETCH (UID 1)", OK, IMAP_UNTAGGED, 12, "FETCH", "(UID 1)" },
	{ "c1 NO [X] no", OK, IMAP_TAGGED, 0, "NO", "[X] no" },
	{ "+ go on", OK, IMAP_CONTINUE, 0, "", " go on" },
	{ "*", ERR_SYNTAX, 0, 0, "", "" }, { "", ERR_SYNTAX, 0, 0, "", "" },
	{ "* 12", ERR_SYNTAX, 0, 0, "", "" }, { "c1 ", ERR_SYNTAX, 0, 0, "", "" },
};

static void
responses_are_taken_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
		struct imap_reply r;
		int e = imap_reply_read(slice_of(replies[i].in), &r);

		if (e != replies[i].result || (e == OK && (r.kind != replies[i].kind ||
		    r.number != replies[i].number || !slice_is(r.word, replies[i].word) ||
		    !slice_is(r.rest, replies[i].rest))))
			fail_msg("%s: %d", replies[i].in, e);
	}
}

static const struct {
	const char *in;
	int	    result;
	uint32_t    uid;
	unsigned    flags;
	size_t	    keywords;
	const char *body;	/* NULL: none */
} fetches[] = {
	{ "(UID 7 FLAGS (\\Seen $a b) RFC822.SIZE 30)", OK, 7, ST_SEEN, 2, NULL },
	{ "(FLAGS () UID 7 BODY[] {3}\r\nabc)", OK, 7, 0, 0, "abc" },
	{ "(UID 7 BODY[] \"a\\\"c\")", OK, 7, 0, 0, "a\\\"c" },
	{ "(UID 7 BODY[] NIL)", OK, 7, 0, 0, "" },
	{ "(UID 7 X (a (b {2}\r\n)) ) \"x)\") FLAGS (\\Draft))", OK, 7, ST_DRAFT, 0, NULL },
	{ "(UID 7 BODY[HEADER.FIELDS (A B)] {1}\r\nx BODY[] {1}\r\ny)", OK, 7, 0, 0, "y" },
	{ "(UID 7 BODY[] {4}\r\nabc)", ERR_SYNTAX, 0, 0, 0, NULL },	/* octets are missing */
	{ "(UID 99999999999)", ERR_SYNTAX, 0, 0, 0, NULL }, { "(UID 7", ERR_SYNTAX, 0, 0, 0, NULL },
	{ "UID 7", ERR_SYNTAX, 0, 0, 0, NULL }, { "(FLAGS (\"x\")", ERR_SYNTAX, 0, 0, 0, NULL },
	{ "(X ((((((((((((((((((((((((((((((((((a)", ERR_SYNTAX, 0, 0, 0, NULL },
};

static void
messages_are_taken_apart(void **state)
{
	static struct imap_fetch f;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fetches); i++) {
		int e = imap_fetch_read(slice_of(fetches[i].in), &f);

		if (e != fetches[i].result || (e == OK && (f.uid != fetches[i].uid ||
		    f.flags != fetches[i].flags || f.keywords.n != fetches[i].keywords ||
		    f.has_body != (fetches[i].body != NULL) ||
		    (f.has_body && !slice_is(f.body, fetches[i].body)))))
			fail_msg("%s: %d", fetches[i].in, e);
	}
	assert_int_equal(imap_fetch_read(
	    SLICE("(UID 1 INTERNALDATE \" 3-Feb-2026 17:00:00 +0700\")"), &f), OK);
	assert_true(f.has_date);
	assert_int_equal(f.date_s, 1770112800);
	assert_int_equal(imap_fetch_read(SLICE("(UID 1 INTERNALDATE \"x\")"), &f), OK);
	assert_false(f.has_date);
}

static const struct {
	const char *in, *name;	/* NULL: cannot be read */
	bool	    selectable;
	uint8_t	    use;
} lists[] = {
	{ "(\\HasNoChildren \\Sent) \"/\" Sent", "Sent", true, ST_USE_SENT },
	{ "() \".\" \"INBOX.A&AOE-.b\"", "INBOX/Aá/b", true, ST_USE_NONE },
	{ "() \".\" \"a/b.c\"", "a_b/c", true, ST_USE_NONE },
	{ "() NIL inbox", "INBOX", true, ST_USE_NONE },
	{ "(\\Noselect) \"/\" {3}\r\na b", "a b", false, ST_USE_NONE },
	{ "() \"\\\\\" \"a\\\\b\"", "a/b", true, ST_USE_NONE },
	{ "() \"/\" \"M\xe1\xba\xadt\"", "M\xe1\xba\xadt", true, ST_USE_NONE },
	{ "() \"/\" \"a&b\"", "a&b", true, ST_USE_NONE },
	{ "() \"/\"", NULL, false, 0 }, { "\"/\" x", NULL, false, 0 }, { "() \"/\" \"x", NULL, false, 0 },
};

static void
folders_are_taken_apart(void **state)
{
	static struct imap_folder f;
	struct buf b;

	(void)state;
	buf_init(&b, 10000);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		int e = imap_folder_read(slice_of(lists[i].in), &f);

		buf_clear(&b);
		if ((e == OK) != (lists[i].name != NULL) || (e == OK &&
		    (imap_folder_name(&f, &b) != OK || !slice_is(buf_slice(&b), lists[i].name) ||
		    f.selectable != lists[i].selectable || f.special_use != lists[i].use)))
			fail_msg("%s: %d %.*s", lists[i].in, e, (int)b.n, b.n > 0 ? b.p : "");
	}
	buf_fini(&b);
}

static void
literals_and_codes_are_seen(void **state)
{
	uint64_t n;
	uint32_t v;

	(void)state;
	assert_true(imap_literal_announced(SLICE("* x {12}"), &n) && n == 12);
	assert_true(imap_literal_announced(SLICE("{0+}"), &n) && n == 0);
	assert_true(imap_literal_announced(SLICE("{99999999999999999999999}"), &n) &&
	    n == UINT64_MAX);
	assert_false(imap_literal_announced(SLICE("{}"), &n));
	assert_false(imap_literal_announced(SLICE("12}"), &n));
	assert_true(imap_code_number(SLICE("[UIDVALIDITY 12] x"), "UIDVALIDITY", &v) && v == 12);
	assert_false(imap_code_number(SLICE("[UIDNEXT 12] x"), "UIDVALIDITY", &v));
	assert_true(imap_has_word(SLICE("IMAP4rev1 STARTTLS"), "starttls"));
	assert_false(imap_has_word(SLICE("IMAP4rev1 STARTTLSX"), "starttls"));
}

static const struct { const char *url, *user, *host, *port; } urls[] = {
	{ "imaps://a@h/", "a", "h", "993" }, { "imap://a@h", "a", "h", "143" },
	{ "imaps://a%40b@h.x:1993/", "a@b", "h.x", "1993" }, { "imaps://a@[::1]:7/", "a", "::1", "7" },
	{ "imaps://a@[::1]/", "a", "::1", "993" }, { "imaps://h/", NULL, NULL, NULL },
	{ "imaps://a@h/INBOX", NULL, NULL, NULL }, { "http://a@h/", NULL, NULL, NULL },
	{ "imaps://a@h:0/", NULL, NULL, NULL }, { "imaps://a@h:70000/", NULL, NULL, NULL },
	{ "imaps://a%4@h/", NULL, NULL, NULL }, { "imaps://a%0a@h/", NULL, NULL, NULL },
	{ "imaps://a@h;x/", NULL, NULL, NULL }, { "imaps://@h/", NULL, NULL, NULL },
};

static void
addresses_are_taken_apart(void **state)
{
	static struct import_imap c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		int e = import_imap_url(slice_of(urls[i].url), &c);

		if ((e == OK) != (urls[i].user != NULL) || (e == OK && (strcmp(c.user, urls[i].user) != 0 ||
		    strcmp(c.host, urls[i].host) != 0 || strcmp(c.port, urls[i].port) != 0)))
			fail_msg("%s: %d %s %s %s", urls[i].url, e, c.user, c.host, c.port);
	}
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(responses_are_taken_apart),
		cmocka_unit_test(messages_are_taken_apart),
		cmocka_unit_test(folders_are_taken_apart),
		cmocka_unit_test(literals_and_codes_are_seen),
		cmocka_unit_test(addresses_are_taken_apart),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
