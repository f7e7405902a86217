/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sodium.h>

#include "directory/right.h"
#include "directory/watch.h"

static struct conf conf;
static struct watch w;
static struct arena arena;
static char told[4096];

static void
guid_of(char name, uint8_t out[DIR_GUID_OCTETS])
{
	memset(out, name, DIR_GUID_OCTETS);
}

static struct entry
make(char name, const char *class, const char *status)
{
	static struct slice v[ENTRY_ATTR_COUNT];
	static char uid[2], mail[16], uuid[37];
	struct entry e = { .dn = SLICE("dc=x") };
	uint8_t guid[DIR_GUID_OCTETS];

	guid_of(name, guid);
	entry_guid_text(guid, uuid);
	snprintf(uid, sizeof uid, "%c", name);
	snprintf(mail, sizeof mail, "%c@x.vn", name);
	v[ENTRY_CLASS] = slice_of(class);
	v[ENTRY_UUID] = slice_of(uuid);
	v[ENTRY_UID] = slice_of(uid);
	v[ENTRY_MAIL] = slice_of(mail);
	v[ENTRY_STATUS] = slice_of(status);
	for (size_t a = 0; a < ENTRY_ATTR_COUNT; a++)
		if (v[a].n > 0)
			e.a[a] = (struct entry_values){ &v[a], 1 };
	return e;
}

/* The server's words, one letter each and then the name of an entry:
 *	+ an entry as an active account, - as a locked one, g as a group, x without an address
 *	d deleted, p present, D in a set of deleted ids, P in a set of present ones
 *	and R refreshPresent, E refreshDelete, both with refreshDone; r refreshPresent, not done;
 *	B the search begins; F the cookie is refused; C a cookie; T take */
static void
entry(char how, char name)
{
	struct sync_state s = { .state = how == 'd' ? SYNC_DELETE : how == 'p' ? SYNC_PRESENT :
	    SYNC_MODIFY };
	struct entry e = make(name, how == 'g' ? "groupOfNames" : "acct",
	    how == '-' ? "locked" : "active");

	guid_of(name, s.guid);
	if (how == 'x')
		e.a[ENTRY_MAIL].n = 0;
	watch_entry(&w, &s, how == 'd' || how == 'p' ? NULL : &e, &arena);
}

static void
ids(char how, char name)
{
	char octets[18] = "\x04\x10";
	struct sync_info i = { .kind = SYNC_ID_SET, .deletes = how == 'D',
		.ids = { octets, sizeof octets } };

	guid_of(name, (uint8_t *)octets + 2);
	assert_int_equal(watch_info(&w, &i), OK);
}

static int
info(enum sync_info_kind kind, bool done)
{
	return watch_info(&w, &(struct sync_info){ .kind = kind, .done = done,
	    .cookie = kind == SYNC_NEW_COOKIE ? SLICE("c") : SLICE("") });
}

static void
take(void)
{
	struct job_watch_reply r;

	do {
		watch_take(&w, &r);
		if (r.all)
			snprintf(told + strlen(told), sizeof told - strlen(told), "*");
		if (r.other)
			snprintf(told + strlen(told), sizeof told - strlen(told), "o");
		for (size_t i = 0; i < r.changes_n; i++)
			snprintf(told + strlen(told), sizeof told - strlen(told), "%c%c",
			    !r.changes[i].there ? '!' :
			    r.changes[i].status == DIR_ACTIVE ? '+' : '-',
			    r.changes[i].guid.p[0]);
	} while (r.more);
	snprintf(told + strlen(told), sizeof told - strlen(told), ".");
}

static const char *
run(const char *words)
{
	told[0] = '\0';
	watch_fini(&w);
	watch_init(&w, &conf, 100);
	for (const char *p = words; *p != '\0'; p++)
		switch (*p) {
		case 'B': watch_begin(&w); break;
		case 'F': watch_refused(&w); break;
		case 'C': assert_int_equal(info(SYNC_NEW_COOKIE, false), OK); break;
		case 'R': assert_int_equal(info(SYNC_REFRESH_PRESENT, true), OK); break;
		case 'r': assert_int_equal(info(SYNC_REFRESH_PRESENT, false), OK); break;
		case 'E': assert_int_equal(info(SYNC_REFRESH_DELETE, true), OK); break;
		case 'T': take(); break;
		case 'D': case 'P': ids(*p, p[1]); p++; break;
		case ' ': break;
		default: entry(*p, p[1]); p++;
		}
	arena_clear(&arena);
	return told;
}

static void
what_is_said_and_what_is_told(void **state)
{
	static const struct { const char *name, *words, *told; } cases[] = {
		{ "the beginning", "B +a -b gc R C T", "*o." },
		{ "also if it ends with a delete phase", "B +a E T", "*." },
		{ "nothing before it is over", "B +a T +b T R T", "..*." },
		{ "then what changes", "B +a +b R T -a T +b T da T", "*.-a..!a." },
		{ "what matters to nobody", "B +a R T +a +a T", "*.." },
		{ "a group", "B +a gg R T gg T", "*o.." },
		{ "a group that is new", "B +a R T gg T", "*.o." },
		{ "what cannot be an account any more", "B +a R T xa T", "*.!a." },
		{ "an account that becomes a group", "B +a R T ga T ga T +a T", "*.o!a..+a." },
		{ "a cookie: only what changed", "B +a +b R C T B -a E T", "*.-a." },
		{ "a cookie: and what was deleted", "B +a +b R C T B Db E T", "*.!b." },
		{ "a cookie: those present stay, others go", "B +a +b +c R C T B Pa pb R T", "*.!c." },
		{ "present phase, then delete phase", "B +a +b +c R C T B Pa Pb Pc r Db E T", "*.!b." },
		{ "no cookie: compared", "B +a +b R T B +a E T", "*.!b." },
		{ "cookie refused: compared", "B +a +b R C T B F B -a R T", "*.-a!b." },
		{ "broken off: nobody is gone", "B +a +b R C T B Pa B E T", "*.." },
		{ "broken off at first", "B +a B +b R T", "*." },
		{ "unknown ones that go", "B +a R T dz T", "*.!z." },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (strcmp(run(cases[i].words), cases[i].told) != 0)
			fail_msg("%s: told %s", cases[i].name, told);
}

static void
nonsense_is_refused(void **state)
{
	(void)state;
	(void)run("B +a R");
	assert_int_equal(info(SYNC_REFRESH_DELETE, true), ERR_SYNTAX);
}

/* More entries than are kept: `all` at the end of every refresh, and every word is told. */
static void
more_entries_than_fit(void **state)
{
	(void)state;
	(void)run("B +a +b +c R T");
	watch_fini(&w);
	watch_init(&w, &conf, 2);
	told[0] = '\0';
	watch_begin(&w);
	entry('+', 'a'), entry('+', 'b'), entry('+', 'c');
	assert_int_equal(info(SYNC_REFRESH_PRESENT, true), OK);
	take();
	entry('+', 'c'), entry('+', 'a');
	take();
	watch_begin(&w);
	entry('+', 'a'), entry('+', 'b'), entry('+', 'c');
	assert_int_equal(info(SYNC_REFRESH_PRESENT, true), OK);
	take();
	assert_string_equal(told, "*.+c.*+c.");
}

static void
polling(void **state)
{
	uint8_t guid[DIR_GUID_OCTETS];
	struct entry a = make('a', "acct", "active"), locked;

	(void)state;
	watch_fini(&w);
	watch_init(&w, &conf, 100);
	told[0] = '\0';
	watch_polled(&w, &a, &arena);
	watch_poll_over(&w);
	take();
	watch_polled(&w, &a, &arena);
	watch_poll_over(&w);
	take();
	locked = make('a', "acct", "locked");
	watch_polled(&w, &locked, &arena);
	take();
	guid_of('a', guid);
	watch_gone(&w, guid);
	take();
	watch_gone(&w, guid);	/* still gone */
	take();
	a = make('a', "acct", "active");
	watch_polled(&w, &a, &arena);
	take();
	assert_string_equal(told, "*..-a.!a..+a.");
	arena_clear(&arena);
}

static struct dir_account
account_with(enum entry_attr attr, const char *value)
{
	static struct slice v;
	struct entry e = make('a', "acct", "active");
	struct dir_account out;
	const char *why;

	v = slice_of(value);
	if (v.n > 0)
		e.a[attr] = (struct entry_values){ &v, 1 };
	assert_int_equal(entry_account(&e, &arena, &out, &why), OK);
	return out;
}

static void
passwords_and_names(void **state)
{
	uint64_t base = account_with(ENTRY_STATUS, "active").credentials;

	(void)state;
	assert_int_equal(account_with(ENTRY_PASSWORD_LOCKED, "000001010000Z").status, DIR_LOCKED);
	/* Whoever guesses wrong passwords must not be able to end sessions. */
	assert_int_equal(account_with(ENTRY_PASSWORD_LOCKED, "20260101000000Z").status, DIR_ACTIVE);
	assert_true(account_with(ENTRY_PASSWORD_CHANGED, "20260101000000Z").credentials != base);
	assert_true(account_with(ENTRY_PASSWORD_CHANGED, "20260101000001Z").credentials !=
	    account_with(ENTRY_PASSWORD_CHANGED, "20260101000000Z").credentials);
	assert_true(account_with(ENTRY_UID, "b").credentials != base);
	assert_true(account_with(ENTRY_QUOTA, "5").credentials == base);
	assert_true(account_with(ENTRY_PASSWORD_LOCKED, "000001010000Z").credentials == base);
	arena_clear(&arena);
}

static void
who_may_go_on(void **state)
{
	static const struct dir_right base = { .there = 1, .status = DIR_ACTIVE, .zones = 3,
		.clearance = LEVEL_MAT, .credentials = 7 };
	static const struct { struct dir_right now; unsigned zone; enum dir_end end; } rows[] = {
		{ { .there = 1, .zones = 3, .clearance = LEVEL_MAT, .credentials = 7 },
		    ZONE_INTERNET, DIR_STAYS },
		{ { .there = 1, .zones = 3, .clearance = LEVEL_TOI_MAT, .credentials = 7,
		    .quota.octets = 5 }, ZONE_INTERNET, DIR_STAYS },
		{ { .there = 0 }, ZONE_INTERNAL, DIR_END_GONE },
		{ { .there = 1, .status = DIR_LOCKED, .zones = 3, .clearance = LEVEL_MAT,
		    .credentials = 7 }, ZONE_INTERNAL, DIR_END_DISABLED },
		{ { .there = 1, .status = DIR_WITHDRAWN, .zones = 3, .clearance = LEVEL_MAT,
		    .credentials = 7 }, ZONE_INTERNAL, DIR_END_DISABLED },
		{ { .there = 1, .zones = DIR_ZONE_INTERNAL, .clearance = LEVEL_MAT,
		    .credentials = 7 }, ZONE_INTERNET, DIR_END_ZONE },
		{ { .there = 1, .zones = DIR_ZONE_INTERNAL, .clearance = LEVEL_MAT,
		    .credentials = 7 }, ZONE_INTERNAL, DIR_END_RIGHTS },
		{ { .there = 1, .zones = DIR_ZONE_INTERNET, .clearance = LEVEL_MAT,
		    .credentials = 7 }, ZONE_INTERNAL, DIR_END_ZONE },
		{ { .there = 1, .zones = 3, .clearance = LEVEL_THUONG, .credentials = 7 },
		    ZONE_INTERNAL, DIR_END_RIGHTS },
		{ { .there = 1, .zones = 3, .clearance = LEVEL_MAT, .credentials = 8 },
		    ZONE_INTERNAL, DIR_END_CREDENTIALS },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (dir_right_end(&base, &rows[i].now, rows[i].zone) != rows[i].end)
			fail_msg("row %zu", i);
}

int
main(void)
{
	static char class[] = "acct";
	const struct CMUnitTest t[] = {
		cmocka_unit_test(what_is_said_and_what_is_told),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(more_entries_than_fit),
		cmocka_unit_test(polling),
		cmocka_unit_test(passwords_and_names),
		cmocka_unit_test(who_may_go_on),
	};
	int r;

	if (sodium_init() < 0)
		return 1;
	conf.ldap.account_class = class;
	arena_init(&arena, 1 << 20);
	watch_init(&w, &conf, 100);
	r = cmocka_run_group_tests(t, NULL, NULL);
	watch_fini(&w);
	return r;
}
