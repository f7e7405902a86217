/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "control/idset.h"
#include "control/maildir.h"
#include "mailstore/proto.h"

static const struct {
	const char *name, *unique;
	unsigned    flags;
	bool	    passed;
	uint32_t    keywords;
	int64_t	    time_s;
} names[] = {
	{ "1700000000.M1P2.host,S=10:2,FRS", "1700000000.M1P2.host,S=10",
	    ST_FLAGGED | ST_ANSWERED | ST_SEEN, false, 0, 1700000000 },
	{ "1700000000.x:2,DPTac", "1700000000.x", ST_DRAFT | ST_DELETED, true, 5, 1700000000 },
	{ "x", "x", 0, false, 0, 0 }, { "x:2,", "x", 0, false, 0, 0 },
	{ "12", "12", 0, false, 0, 0 }, { "x:1,S", "x:1,S", 0, false, 0, 0 },
	{ "x;2,S", "x", ST_SEEN, false, 0, 0 }, { "x!2,S", "x", ST_SEEN, false, 0, 0 },
	{ "x:2,S,T", "x", ST_SEEN, false, 0, 0 }, { "a:b:2,S", "a:b", ST_SEEN, false, 0, 0 },
	{ "99999999999999999999.x", "99999999999999999999.x", 0, false, 0, 0 },
	{ "", "", 0, false, 0, 0 }, { ":2,", "", 0, false, 0, 0 },
};

static void
names_of_messages_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct maildir_name n;

		maildir_name_read(slice_of(names[i].name), &n);
		if (!slice_is(n.unique, names[i].unique) || n.flags != names[i].flags ||
		    n.passed != names[i].passed || n.keywords != names[i].keywords ||
		    n.time_s != names[i].time_s)
			fail_msg("%s: %.*s %u %d %u %lld", names[i].name, (int)n.unique.n,
			    n.unique.p, n.flags, n.passed, n.keywords, (long long)n.time_s);
	}
}

static void
letters_are_written_in_order(void **state)
{
	struct maildir_name n;
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	buf_adds(&b, "1.x");
	maildir_add_letters(31, true, 1u << 25 | 1, &b);
	assert_true(slice_is(buf_slice(&b), "1.x:2,DFPRSTaz"));
	maildir_name_read(buf_slice(&b), &n);
	assert_int_equal(n.flags, 31);
	assert_int_equal(n.keywords, 1u << 25 | 1);
	buf_fini(&b);
}

static const struct { const char *name, *folder; } folders[] = {
	{ "A", ".A" }, { "A/B", ".A.B" }, { "a.b/c", ".a&AC4-b.c" }, { "A & B", ".A &- B" },
	{ "Mật", ".M&Hq0-t" }, { "Mật/Đã gửi", ".M&Hq0-t.&ARAA4w- g&Hu0-i" }, { "..", ".&AC4-&AC4-" },
};

static void
folders_go_there_and_back(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		struct slice rest, level;
		struct buf back;
		bool more;

		buf_init(&back, 1000);
		buf_clear(&b);
		assert_int_equal(maildir_add_folder(slice_of(folders[i].name), &b), OK);
		if (!slice_is(buf_slice(&b), folders[i].folder))
			fail_msg("%s: %.*s", folders[i].name, (int)b.n, b.p);
		rest = slice_from(buf_slice(&b), 1);
		do {
			more = slice_cut(&rest, '.', &level);
			assert_int_equal(maildir_read_level(level, &back), OK);
			if (more)
				buf_addc(&back, '/');
		} while (more);
		assert_true(slice_is(buf_slice(&back), folders[i].name));
		buf_fini(&back);
	}
	buf_clear(&b);
	assert_int_equal(maildir_read_level(SLICE("Thư"), &b), OK);
	assert_true(slice_is(buf_slice(&b), "Thư"));
	buf_clear(&b);
	assert_int_equal(maildir_read_level(SLICE("A&B"), &b), OK);	/* no UTF-7: as it is */
	assert_true(slice_is(buf_slice(&b), "A&B"));
	assert_int_equal(maildir_read_level(SLICE("\xff"), &b), ERR_SYNTAX);
	assert_int_equal(maildir_add_folder(SLICE("\xff"), &b), ERR_SYNTAX);
	buf_fini(&b);
}

static void
files_of_dovecot_are_read(void **state)
{
	struct slice kw[MAILDIR_KEYWORDS], unique;
	uint32_t uid;

	(void)state;
	maildir_read_keywords(SLICE("0 $Forwarded\n25 last\n26 none\nx\n3 mid\r\n"), kw);
	assert_true(slice_is(kw[0], "$Forwarded") && slice_is(kw[25], "last") &&
	    slice_is(kw[3], "mid") && kw[1].n == 0);
	assert_int_equal(maildir_read_uid(SLICE("3 V1 N2 Gabc"), &uid, &unique), ERR_SYNTAX);
	assert_int_equal(maildir_read_uid(SLICE("7 :1.x,S=3:2,S"), &uid, &unique), OK);
	assert_int_equal(uid, 7);
	assert_true(slice_is(unique, "1.x,S=3"));
	assert_int_equal(maildir_read_uid(SLICE("8 W30 :1.y"), &uid, &unique), OK);
	assert_true(slice_is(unique, "1.y"));
	assert_int_equal(maildir_read_uid(SLICE("0 :1.y"), &uid, &unique), ERR_SYNTAX);
	assert_int_equal(maildir_read_uid(SLICE("9 :"), &uid, &unique), ERR_SYNTAX);
	assert_int_equal(maildir_read_uid(SLICE("x :1.y"), &uid, &unique), ERR_SYNTAX);
}

static void
sets_count(void **state)
{
	struct idset *s;
	uint8_t id[ID_OCTETS] = { 0 };

	(void)state;
	assert_int_equal(idset_new(&s), OK);
	for (uint32_t i = 0; i < 20000; i++) {
		uint32_t v = i % 10000 * 2654435761u;

		memcpy(id, &v, sizeof v);
		assert_int_equal(idset_count(s, id), i / 10000);
		assert_int_equal(idset_add(s, id), OK);
		assert_int_equal(idset_count(s, id), i / 10000 + 1);
	}
	idset_free(&s);
	assert_null(s);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(names_of_messages_are_read),
		cmocka_unit_test(letters_are_written_in_order),
		cmocka_unit_test(folders_go_there_and_back),
		cmocka_unit_test(files_of_dovecot_are_read),
		cmocka_unit_test(sets_count),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
