/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "directory/sync.h"

#define B(s)	{ s, sizeof(s) - 1 }
#define ID	"0123456789abcdef"

static const struct {
	const char *name;
	struct slice in;
	int	    r;
	enum sync_entry_state state;
	const char *cookie;
} states[] = {
	{ "add", B("\x30\x15\x0a\x01\x01\x04\x10" ID), OK, SYNC_ADD, "" },
	{ "delete, cookie", B("\x30\x19\x0a\x01\x03\x04\x10" ID "\x04\x02" "ab"), OK, SYNC_DELETE, "ab" },
	{ "long length", B("\x30\x81\x15\x0a\x01\x02\x04\x10" ID), OK, SYNC_MODIFY, "" },
	{ "unknown state", B("\x30\x15\x0a\x01\x04\x04\x10" ID), ERR_SYNTAX, 0, NULL },
	{ "wide state", B("\x30\x16\x0a\x02\x00\x01\x04\x10" ID), ERR_SYNTAX, 0, NULL },
	{ "short id", B("\x30\x14\x0a\x01\x01\x04\x0f" "0123456789abcde"), ERR_SYNTAX, 0, NULL },
	{ "more behind", B("\x30\x15\x0a\x01\x01\x04\x10" ID "\x00"), ERR_SYNTAX, 0, NULL },
	{ "more inside", B("\x30\x17\x0a\x01\x01\x04\x10" ID "\x05\x00"), ERR_SYNTAX, 0, NULL },
	{ "indefinite length", B("\x30\x80\x0a\x01\x01\x04\x10" ID "\x00\x00"), ERR_SYNTAX, 0, NULL },
	{ "length past the end", B("\x30\x7f\x0a\x01\x01\x04\x10" ID), ERR_SYNTAX, 0, NULL },
	{ "huge length", B("\x30\x84\xff\xff\xff\xff\x0a\x01\x01\x04\x10" ID), ERR_SYNTAX, 0, NULL },
	{ "length too wide", B("\x30\x85\x00\x00\x00\x00\x15\x0a\x01\x01\x04\x10" ID), ERR_SYNTAX, 0, NULL },
	{ "empty", B(""), ERR_SYNTAX, 0, NULL },
	{ "a set", B("\x31\x15\x0a\x01\x01\x04\x10" ID), ERR_SYNTAX, 0, NULL },
};

static void
state_of_an_entry(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		struct sync_state s;

		if (sync_parse_state(states[i].in, &s) != states[i].r)
			fail_msg("%s", states[i].name);
		if (states[i].r == OK && (s.state != states[i].state ||
		    !slice_is(s.cookie, states[i].cookie) || memcmp(s.guid, ID, 16) != 0))
			fail_msg("%s: content", states[i].name);
		/* No beginning of it is a whole one. */
		for (size_t n = 0; states[i].r == OK && n < states[i].in.n; n++)
			assert_int_equal(sync_parse_state(slice_sub(states[i].in, 0, n), &s),
			    ERR_SYNTAX);
	}
}

static const struct {
	const char *name;
	struct slice in;
	int	    r;
	enum sync_info_kind kind;
	const char *cookie;
	bool	    done, deletes;
	unsigned    ids;
} infos[] = {
	{ "cookie", B("\x80\x02" "ab"), OK, SYNC_NEW_COOKIE, "ab", false, false, 0 },
	{ "refresh delete", B("\xa1\x00"), OK, SYNC_REFRESH_DELETE, "", true, false, 0 },
	{ "refresh present", B("\xa2\x07\x04\x02" "ab\x01\x01\x00"), OK, SYNC_REFRESH_PRESENT, "ab",
	    false, false, 0 },
	{ "present, done", B("\xa2\x03\x01\x01\xff"), OK, SYNC_REFRESH_PRESENT, "", true, false, 0 },
	{ "ids", B("\xa3\x26\x31\x24\x04\x10" ID "\x04\x10" ID), OK, SYNC_ID_SET, "", false, false, 2 },
	{ "ids to delete", B("\xa3\x17\x01\x01\xff\x31\x12\x04\x10" ID), OK, SYNC_ID_SET, "", false,
	    true, 1 },
	{ "no ids", B("\xa3\x02\x31\x00"), OK, SYNC_ID_SET, "", false, false, 0 },
	{ "without the set", B("\xa3\x00"), ERR_SYNTAX, 0, NULL, false, false, 0 },
	{ "short id", B("\xa3\x05\x31\x03\x04\x01" "a"), ERR_SYNTAX, 0, NULL, false, false, 0 },
	{ "wide boolean", B("\xa2\x04\x01\x02\x00\x00"), ERR_SYNTAX, 0, NULL, false, false, 0 },
	{ "more behind", B("\xa1\x02\x05\x00"), ERR_SYNTAX, 0, NULL, false, false, 0 },
	{ "another choice", B("\xa4\x00"), ERR_SYNTAX, 0, NULL, false, false, 0 },
	{ "constructed cookie", B("\xa0\x02" "ab"), ERR_SYNTAX, 0, NULL, false, false, 0 },
};

static void
words_between_entries(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(infos); i++) {
		uint8_t guid[GUIDMAP_GUID_OCTETS];
		struct sync_info s;
		unsigned ids = 0;

		if (sync_parse_info(infos[i].in, &s) != infos[i].r)
			fail_msg("%s", infos[i].name);
		if (infos[i].r != OK)
			continue;
		while (sync_next_id(&s.ids, guid) == 1)
			ids += memcmp(guid, ID, 16) == 0;
		if (s.kind != infos[i].kind || !slice_is(s.cookie, infos[i].cookie) ||
		    s.done != infos[i].done || s.deletes != infos[i].deletes ||
		    ids != infos[i].ids)
			fail_msg("%s: content", infos[i].name);
	}
}

static void
a_long_cookie_is_refused(void **state)
{
	struct sync_info s;
	struct buf b;

	(void)state;
	buf_init(&b, 100000);
	buf_adds(&b, "\x80\x82\x10\x01");
	while (b.n < 4 + SYNC_COOKIE_MAX + 1)
		buf_addc(&b, 'x');
	assert_int_equal(sync_parse_info(buf_slice(&b), &s), ERR_SYNTAX);
	buf_fini(&b);
}

static void
requests(void **state)
{
	char cookie[300];
	struct buf b;

	(void)state;
	memset(cookie, 'c', sizeof cookie);
	buf_init(&b, 10000);
	sync_request((struct slice){ NULL, 0 }, &b);
	assert_true(slice_eq(buf_slice(&b), (struct slice)B("\x30\x03\x0a\x01\x03")));
	buf_clear(&b);
	sync_request(SLICE("ab"), &b);
	assert_true(slice_eq(buf_slice(&b), (struct slice)B("\x30\x07\x0a\x01\x03\x04\x02" "ab")));
	buf_clear(&b);
	sync_request((struct slice){ cookie, 300 }, &b);
	assert_int_equal(b.n, 4 + 3 + 4 + 300);
	assert_memory_equal(b.p, "\x30\x82\x01\x33\x0a\x01\x03\x04\x82\x01\x2c" "ccc", 14);
	buf_clear(&b);
	sync_request((struct slice){ cookie, 126 }, &b);
	assert_memory_equal(b.p, "\x30\x82\x00\x83\x0a\x01\x03\x04\x7e" "ccc", 12);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(state_of_an_entry),
		cmocka_unit_test(words_between_entries),
		cmocka_unit_test(a_long_cookie_is_refused),
		cmocka_unit_test(requests),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
