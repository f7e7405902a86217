/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * What officers sign: the one form of a statement, and the digests by which it names parts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "policy/release.h"
#include "tests/unit/policy/written.h"

static struct arena arena;

/* A finding in a header field is named by that field, however it is folded. */
static void
fields_are_causes_of_their_own(void **state)
{
	struct leaf l[] = {
		{ .kind = LEAF_FIELD, .name = SLICE("Subject"), .octets = 
		    SLICE(" =?utf-8?Q?M=E1=BA=ADt?= so\r\n 5") },
		{ .kind = LEAF_FIELD, .name = SLICE("SUBJECT"), .octets = SLICE("Mật so  5 ") },
		{ .kind = LEAF_FIELD, .name = SLICE("Subject"), .octets = SLICE("Mật so 6") },
		{ .kind = LEAF_TEXT, .octets = SLICE("a\r\nb\rc\n\r\n") },
		{ .kind = LEAF_TEXT, .octets = SLICE("a\nb\nc") },
		{ .kind = LEAF_OCTETS, .octets = SLICE("a\r\nb\rc\n\r\n") },
		{ .kind = LEAF_FIELD, .name = SLICE("Subject"), .octets = SLICE("M \x81\x8d") },
		{ .kind = LEAF_FIELD, .name = SLICE("Subject"), .octets = SLICE("M \x8f\x90") },
		{ .kind = LEAF_FIELD, .name = SLICE("Subject"),
		    .octets = SLICE("M =?utf-8?Q?=B1=B2?=") },
		{ .kind = LEAF_FIELD, .name = SLICE("Subject"),
		    .octets = SLICE("M =?utf-8?Q?=B3=B4?=") },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(l); i++)
		assert_non_null(leaf_digest(&l[i]));
	assert_memory_equal(l[0].sha256, l[1].sha256, 32);
	assert_memory_not_equal(l[0].sha256, l[2].sha256, 32);
	assert_memory_equal(l[3].sha256, l[4].sha256, 32);
	assert_memory_not_equal(l[3].sha256, l[5].sha256, 32);
	/* shown alike where it is damaged */
	assert_memory_not_equal(l[6].sha256, l[7].sha256, 32);
	assert_memory_not_equal(l[8].sha256, l[9].sha256, 32);
}

static struct slice
changed(struct slice s, const char *a, const char *b)
{
	ptrdiff_t at = slice_find(s, slice_of(a));
	struct slice out;
	struct buf text;

	assert_true(at >= 0);
	buf_init(&text, RELEASE_OCTETS_MAX);
	buf_add(&text, slice_sub(s, 0, (size_t)at));
	buf_adds(&text, b);
	buf_add(&text, slice_from(s, (size_t)at + strlen(a)));
	out = arena_copy(&arena, buf_slice(&text));
	buf_fini(&text);
	return out;
}

static void
a_statement_has_one_form(void **state)
{
	static const struct { const char *a, *b; int r; } rows[] = {
		{ "", "", OK }, { "\nend: CONGVU-RELEASE\n", "\r\nend: CONGVU-RELEASE\r\n\r\n",
		    OK },
		{ "RELEASE 1", "RELEASE 2", ERR_SYNTAX }, { "I am a", "I am no", ERR_SYNTAX },
		{ "\nto: ", "\nTo: ", ERR_SYNTAX }, { "sender: ", "sender:  ", ERR_SYNTAX },
		{ "\nlift: review", "\nlift: all", ERR_SYNTAX },
		{ "\nlift: review", "\nlift: false-positive", ERR_SYNTAX },
		{ "\nreason: ", "\nnote: x\nreason: ", ERR_SYNTAX },
		{ "\nreason: ", "\nreason: a\nreason: ", ERR_SYNTAX },
		{ "\nexpires: 2", "\nexpires: +", ERR_SYNTAX },
		{ "Z\n", "z\n", ERR_SYNTAX },
		{ "\nend: ", "\n\nend: ", ERR_SYNTAX },
		{ "\nend: CONGVU-RELEASE\n", "\n", ERR_SYNTAX },
		{ "\nend: CONGVU-RELEASE\n", "\nend: CONGVU-RELEASE\nto: z@z\n", ERR_SYNTAX },
		{ "\nreference: a1b2", "\nreference: ", ERR_SYNTAX },
		{ "x@ngoai.example", "x @ngoai.example", ERR_SYNTAX },
		{ "x@ngoai.example", "xngoai.example", ERR_SYNTAX },
		{ "id: 3", "id: 0x3", ERR_SYNTAX }, { "content: ", "content: A", ERR_SYNTAX },
	};
	struct slice to[] = { SLICE("x@ngoai.example"), SLICE("y@ngoai.example") };
	struct release_part part = { .sha256 = "mot", .what = SLICE("opaque opaque-type 2") };
	struct release_statement s = { .id = "0123456789abcde", .sender = SLICE("duc@tinh.example"),
		.recipients = to, .recipients_n = 2, .lift = LIFT_REVIEW, .issued_s = 1800000000,
		.expires_s = 1800003600, .reference = SLICE("a1b2"),
		.reason = SLICE("Đã xem: bản vẽ kỹ thuật"), .parts = &part, .parts_n = 1 }, got;
	struct buf b;

	(void)state;
	arena_init(&arena, 64 << 20);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice text = changed(written(&s, &arena), rows[i].a, rows[i].b);
		int r = release_parse(text, &arena, &got);

		if (r != rows[i].r)
			fail_msg("%s -> %s: %d", rows[i].a, rows[i].b, r);
		if (r == OK)
			assert_true(slice_eq(written(&got, &arena), written(&s, &arena)));
	}
	s.reason = SLICE("hai\ndong");
	buf_init(&b, RELEASE_OCTETS_MAX);
	assert_int_equal(release_format(&s, &b), ERR_INVAL);
	buf_fini(&b);
	arena_clear(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_statement_has_one_form),
		cmocka_unit_test(fields_are_causes_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
