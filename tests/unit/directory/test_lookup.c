/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sodium.h>

#include "common/clock.h"
#include "common/log.h"
#include "directory/dn.h"
#include "directory/lookup.h"

/* A directory in a table. Members and addresses are separated by blanks. */
struct row {
	const char *dn, *class, *uid, *mail, *alias, *status, *member, *unique, *member_uid, *elsewhere;
};

static const struct row rows[] = {
	{ "uid=a,dc=x", "congvuAccount", "a", "a@x.vn", "old.a@x.vn", NULL, NULL, NULL, NULL, NULL },
	{ "uid=b,dc=x", "congvuAccount", "b", "b@x.vn", NULL, NULL, NULL, NULL, NULL, NULL },
	{ "uid=c,dc=x", "congvuAccount", "c", "c@x.vn", NULL, "locked", NULL, NULL, NULL, NULL },
	{ "uid=d,dc=x", "congvuAccount", "d", "d@x.vn", NULL, "nonsense", NULL, NULL, NULL, NULL },
	{ "cn=out,dc=x", "person", NULL, "out@example.org", NULL, NULL, NULL, NULL, NULL, NULL },
	{ "cn=in,dc=x", "person", NULL, "in@x.vn", NULL, NULL, NULL, NULL, NULL, NULL },
	{ "cn=g1,dc=x", "groupOfNames", NULL, "g1@x.vn", NULL, NULL, "uid=a,dc=x UID=A,DC=X cn=g2,dc=x",
	    NULL, NULL, NULL },
	{ "cn=g2,dc=x", "groupOfNames", NULL, "g2@x.vn", NULL, NULL,
	    "cn=g1,dc=x cn=g2,dc=x uid=b,dc=x uid=c,dc=x uid=gone,dc=x nonsense", NULL, NULL, NULL },
	{ "cn=g3,dc=x", "groupOfUniqueNames", NULL, "g3@x.vn", NULL, NULL, NULL,
	    "uid=b,dc=x#'01'B uid=a,dc=x cn=out,dc=x cn=in,dc=x", NULL, NULL },
	{ "cn=g4,dc=x", "posixGroup", NULL, "g4@x.vn", NULL, NULL, NULL, NULL, "a b gone",
	    "out@example.org OUT@example.ORG b@x.vn nonsense" },
	{ "uid=e1,dc=x", "congvuAccount", "e1", "e@x.vn", NULL, NULL, NULL, NULL, NULL, NULL },
	{ "uid=e2,dc=x", "congvuAccount", "e2", "e2@x.vn", "e@x.vn", NULL, NULL, NULL, NULL, NULL },
	{ "uid=nouid,dc=x", "congvuAccount", NULL, "n@x.vn", NULL, NULL, NULL, NULL, NULL, NULL },
};

static struct arena arena;
static bool away;
static size_t chain;		/* a group of as many numbered members, if asked for */

static void
add(struct entry *e, enum entry_attr attr, const char *text)
{
	struct slice rest = slice_of(text), one;
	struct slice *v = arena_array(&arena, 16, sizeof *v);

	while (rest.n > 0) {
		(void)slice_cut(&rest, ' ', &one);
		v[e->a[attr].n++] = one;
		if (one.p + one.n == rest.p + rest.n)
			break;
	}
	e->a[attr].v = v;
}

static struct entry
entry_of(const struct row *r)
{
	struct entry e = { .dn = slice_of(r->dn) };
	char uuid[37];

	snprintf(uuid, sizeof uuid, "00000000-0000-0000-0000-%012zx", (size_t)(r - rows));
	e.a[ENTRY_UUID].v = arena_alloc(&arena, sizeof(struct slice));
	e.a[ENTRY_UUID].v[0] = arena_copy(&arena, slice_of(uuid));
	e.a[ENTRY_UUID].n = 1;
	add(&e, ENTRY_CLASS, r->class);
	add(&e, ENTRY_UID, r->uid);
	add(&e, ENTRY_MAIL, r->mail);
	add(&e, ENTRY_ALIAS, r->alias);
	add(&e, ENTRY_STATUS, r->status);
	add(&e, ENTRY_MEMBER, r->member);
	add(&e, ENTRY_UNIQUE_MEMBER, r->unique);
	add(&e, ENTRY_MEMBER_UID, r->member_uid);
	add(&e, ENTRY_MEMBER_ADDRESS, r->elsewhere);
	return e;
}

/* Is (attribute=one of the values) in the filter? Enough of an LDAP server for these filters. */
static bool
has(const char *filter, const char *attribute, const char *values)
{
	struct slice rest = slice_of(values), one;
	char text[128];

	while (rest.n > 0) {
		(void)slice_cut(&rest, ' ', &one);
		snprintf(text, sizeof text, "(%s=%.*s)", attribute, (int)one.n, one.p);
		if (strcasestr(filter, text) != NULL)
			return true;
		if (one.p + one.n == rest.p + rest.n)
			break;
	}
	return false;
}

/* Agencies of the table below: in one of two states. */
static unsigned agencies_state, agencies_reads;

static int
agencies_in_it(struct entry_list *out)
{
	static const struct { const char *dn, *octets, *messages; } agencies[] = {
		{ "OU=So Noi Vu, O=Tinh", "1000", "5" },
		{ "ou=van phong,ou=so noi vu,o=tinh", "200", "" },
		{ "ou=noi vu,o=tinh", "300", "3" },
		{ "no name at all", "7", "7" },
	};

	agencies_reads++;
	for (size_t i = agencies_state; i < ARRAY_LEN(agencies); i++) {
		struct entry e = entry_of(&rows[i]);

		e.dn = slice_of(agencies[i].dn);
		add(&e, ENTRY_QUOTA, agencies[i].octets);
		add(&e, ENTRY_QUOTA_MESSAGES, agencies[i].messages);
		out->v[out->n++] = e;
	}
	return OK;
}

static int
search(void *arg, const char *filter, unsigned want, size_t limit, struct arena *a,
    struct entry_list *out)
{
	(void)arg;
	(void)want;
	if (away)
		return ERR_UNAVAIL;
	out->v = arena_array(a, limit, sizeof *out->v);
	if (strcmp(filter, "(objectClass=congvuAgency)") == 0)
		return agencies_in_it(out);
	for (size_t i = 0; i < ARRAY_LEN(rows) && out->n < limit; i++)
		if (has(filter, "mail", rows[i].mail) || has(filter, "congvuAlias", rows[i].alias) ||
		    has(filter, "uid", rows[i].uid))
			out->v[out->n++] = entry_of(&rows[i]);
	if (chain > 0 && has(filter, "mail", "long@x.vn")) {
		struct entry *e = &out->v[out->n++];

		*e = entry_of(&rows[6]);
		e->dn = SLICE("cn=long,dc=x");
		e->a[ENTRY_MAIL].n = 0;
		add(e, ENTRY_MAIL, "long@x.vn");
		e->a[ENTRY_MEMBER].v = arena_array(a, chain, sizeof(struct slice));
		e->a[ENTRY_MEMBER].n = chain;
		for (size_t i = 0; i < chain; i++) {
			char dn[64];

			snprintf(dn, sizeof dn, "uid=n%zu,dc=x", i);
			e->a[ENTRY_MEMBER].v[i] = arena_copy(a, slice_of(dn));
		}
	}
	return OK;
}

static int
fetch(void *arg, const struct slice *dns, size_t n, unsigned want, struct arena *a,
    struct entry_list *out)
{
	(void)arg;
	(void)want;
	out->v = arena_array(a, n, sizeof *out->v);
	for (size_t k = 0; k < n; k++)
		for (size_t i = 0; i < ARRAY_LEN(rows); i++)
			if (dn_equal(dns[k], slice_of(rows[i].dn)))
				out->v[out->n++] = entry_of(&rows[i]);
	return away ? ERR_UNAVAIL : OK;
}

static struct lookup
lookup(void)
{
	static const char *domains[] = { "x.vn" };
	static struct conf conf = { .general = { .domains = { domains, 1 } },
		.ldap = { .account_class = "congvuAccount", .attr_uid = "uid", .attr_mail = "mail",
		    .attr_alias = "congvuAlias" } };

	arena_clear(&arena);
	arena_init(&arena, 64 << 20);
	return (struct lookup){ &conf, { NULL, search, fetch }, &arena, NULL };
}

static const struct {
	const char *address;
	int result;
	unsigned outcome;
	const char *members;	/* in order of the table */
	const char *externals;
} cases[] = {
	{ "a@x.vn", OK, DIR_RCPT_LOCAL, "a", "" },
	{ "A@X.VN", OK, DIR_RCPT_LOCAL, "a", "" },
	{ "old.a@x.vn", OK, DIR_RCPT_LOCAL, "a", "" },
	{ "a+x@x.vn", OK, DIR_RCPT_LOCAL, "a", "" },
	{ "a+x+y@x.vn", OK, DIR_RCPT_LOCAL, "a", "" },
	{ "c@x.vn", OK, DIR_RCPT_DISABLED, "", "" },
	{ "d@x.vn", OK, DIR_RCPT_DISABLED, "", "" },
	{ "z@x.vn", OK, DIR_RCPT_UNKNOWN, "", "" },
	{ "+a@x.vn", OK, DIR_RCPT_UNKNOWN, "", "" },
	{ "a@y.vn", OK, DIR_RCPT_NOT_OURS, "", "" },
	{ "\"a\"@x.vn", OK, DIR_RCPT_UNKNOWN, "", "" },
	{ "a@x.vn@x.vn", OK, DIR_RCPT_UNKNOWN, "", "" },
	{ "a\n@x.vn", OK, DIR_RCPT_UNKNOWN, "", "" },
	{ "e@x.vn", ERR_CORRUPT, 0, "", "" },
	{ "n@x.vn", ERR_CORRUPT, 0, "", "" },
	{ "g1@x.vn", OK, DIR_RCPT_GROUP, "a b", "" },
	{ "g2@x.vn", OK, DIR_RCPT_GROUP, "a b", "" },
	{ "g3@x.vn", OK, DIR_RCPT_GROUP, "a b", "out@example.org" },
	{ "g4@x.vn", OK, DIR_RCPT_GROUP, "a b", "out@example.org" },
};

static int
by_text(const void *a, const void *b)
{
	return slice_cmp(((const struct dir_account *)a)->uid, ((const struct dir_account *)b)->uid);
}

static void
lookup_finds_recipients(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct lookup l = lookup();
		struct dir_rcpt_reply out;
		char members[64] = "", externals[64] = "";
		int r = lookup_rcpt(&l, slice_of(cases[i].address), &out);

		if (r != OK || cases[i].result != OK) {
			if (r != cases[i].result)
				fail_msg("%s: %d", cases[i].address, r);
			continue;
		}
		if (out.accounts_n > 1)
			qsort(out.accounts, out.accounts_n, sizeof *out.accounts, by_text);
		for (size_t k = 0; k < out.accounts_n; k++)
			snprintf(members + strlen(members), sizeof members - strlen(members), "%s%.*s",
			    k > 0 ? " " : "", (int)out.accounts[k].uid.n, out.accounts[k].uid.p);
		for (size_t k = 0; k < out.externals_n; k++)
			snprintf(externals + strlen(externals), sizeof externals - strlen(externals),
			    "%.*s", (int)out.externals[k].address.n, out.externals[k].address.p);
		if (out.outcome != cases[i].outcome || strcmp(members, cases[i].members) != 0 ||
		    strcmp(externals, cases[i].externals) != 0)
			fail_msg("%s: %u [%s] [%s]", cases[i].address, out.outcome, members, externals);
	}
}

/* Away is never "unknown". */
static void
lookup_says_away(void **state)
{
	(void)state;
	away = true;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct lookup l = lookup();
		struct dir_rcpt_reply out;
		int r = lookup_rcpt(&l, slice_of(cases[i].address), &out);

		if (r == OK && out.outcome != DIR_RCPT_NOT_OURS && out.outcome != DIR_RCPT_UNKNOWN)
			fail_msg("%s", cases[i].address);
		if (r == OK && slice_ends_nocase(slice_of(cases[i].address), SLICE("z@x.vn")))
			fail_msg("%s", cases[i].address);
	}
	away = false;
}

/* The nearest agency above an entry; read once, then only when it is old; away, the old list holds. */
static void
agencies_are_found(void **state)
{
	static const struct { const char *dn; uint64_t octets, messages; unsigned row; } cases2[] = {
		{ "uid=a,ou=So Noi vu,o=tinh", 1000, 5, 0 },
		{ "uid=b,ou=Van phong,OU=SO NOI VU,o=Tinh", 200, 0, 1 },
		{ "uid=c,cn=x,ou=van phong,ou=so noi vu,o=tinh", 200, 0, 1 },
		{ "uid=d,ou=noi vu,o=tinh", 300, 3, 2 },
		{ "uid=e,o=tinh", 0, 0, 9 },
		{ "uid=f,ou=xso noi vu,o=tinh", 0, 0, 9 },
		{ "ou=so noi vu,o=tinh", 0, 0, 9 },
		{ "nonsense", 0, 0, 9 },
	};
	struct lookup l = lookup();
	struct st_quota q;
	struct agencies *as;

	(void)state;
	agencies_reads = agencies_state = 0;
	assert_int_equal(agencies_new(&as), OK);
	away = true;
	assert_int_equal(agencies_of(as, &l.source, SLICE("uid=a,o=tinh"), &arena, &q),
	    ERR_UNAVAIL);
	away = false;
	for (size_t i = 0; i < ARRAY_LEN(cases2); i++) {
		q = (struct st_quota){ .octets = 9 };
		assert_int_equal(agencies_of(as, &l.source, slice_of(cases2[i].dn), &arena, &q),
		    OK);
		assert_int_equal(q.octets, 9);
		assert_int_equal(q.group_octets, cases2[i].octets);
		assert_int_equal(q.group_messages, cases2[i].messages);
		assert_int_equal(q.group.n, cases2[i].row == 9 ? 0 : 16);
		if (q.group.n == 16)
			assert_int_equal(q.group.p[15], cases2[i].row);
	}
	assert_int_equal(agencies_reads, 1);
	agencies_state = 1;
	clock_test_set(AGENCY_KEPT_MS + 1000);
	away = true;
	assert_int_equal(agencies_of(as, &l.source, slice_of(cases2[0].dn), &arena, &q), OK);
	assert_int_equal(q.group_octets, 1000);
	away = false;
	q = (struct st_quota){ .octets = 0 };
	assert_int_equal(agencies_of(as, &l.source, slice_of(cases2[0].dn), &arena, &q), OK);
	assert_int_equal(q.group.n, 0);
	clock_test_set(0);
	agencies_free(&as);
	assert_int_equal(agencies_of(NULL, &l.source, slice_of(cases2[0].dn), &arena, &q), OK);
}

static void
lookup_bounds_groups(void **state)
{
	static const size_t sizes[] = { 1, DIR_MEMBERS_MAX, DIR_MEMBERS_MAX + 1 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct lookup l = lookup();
		struct dir_rcpt_reply out;

		chain = sizes[i];
		assert_int_equal(lookup_rcpt(&l, SLICE("long@x.vn"), &out), OK);
		assert_int_equal(out.outcome,
		    chain > DIR_MEMBERS_MAX ? DIR_RCPT_TOO_LARGE : DIR_RCPT_GROUP);
	}
	chain = 0;
}

static void
ignore(void *arg, enum log_event_id event, struct slice line)
{
	(void)line;
	if (event != EV_DIRECTORY_ODD)
		*(bool *)arg = true;
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(lookup_finds_recipients), cmocka_unit_test(lookup_says_away),
		cmocka_unit_test(agencies_are_found),
		cmocka_unit_test(lookup_bounds_groups),
	};
	bool unexpected = false;
	int failed;

	if (sodium_init() < 0)
		return 1;
	log_test_capture(ignore, &unexpected);
	failed = cmocka_run_group_tests(t, NULL, NULL);
	arena_clear(&arena);
	return failed + unexpected;
}
