/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/wire.h"

#define PART_FIELDS(F, L, T) \
	F(T, STR, name, 5) \
	F(T, U8, flag, 1)
WIRE_STRUCT(part, PART_FIELDS)
WIRE_TYPE(part, PART_FIELDS)

#define WHOLE_FIELDS(F, L, T) \
	F(T, U8, u8, 0) \
	F(T, U16, u16, 1000) \
	F(T, U32, u32, 0) \
	F(T, U64, u64, 1000000) \
	F(T, STR, text, 10) \
	L(T, part, parts, 3)
WIRE_STRUCT(whole, WHOLE_FIELDS)
WIRE_TYPE(whole, WHOLE_FIELDS)

#define NEST_FIELDS(F, L, T) \
	L(T, whole, wholes, 1000)
WIRE_STRUCT(nest, NEST_FIELDS)
WIRE_TYPE(nest, NEST_FIELDS)

#define BARE_FIELDS(F, L, T)
WIRE_STRUCT(bare, BARE_FIELDS)
WIRE_TYPE(bare, BARE_FIELDS)

static struct part two[] = { { SLICE("a"), 1 }, { SLICE(""), 0 } };

static struct whole
sample(void)
{
	return (struct whole){ .u8 = 255, .u16 = 1000, .u32 = UINT32_MAX, .u64 = 1000000,
	    .text = SLICE("0123456789"), .parts = two, .parts_n = 2 };
}

/* u8 u16 u32 u64, text, count, (name, flag) twice */
enum { SAMPLE_OCTETS = 1 + 2 + 4 + 8 + 4 + 10 + 4 + (4 + 1 + 1) + (4 + 1) };

static struct buf
encoded(const struct wire_type *type, const void *msg)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	assert_int_equal(wire_encode(type, msg, &b), OK);
	return b;
}

static int
decode(const struct wire_type *type, struct slice in, size_t arena_max, void *out)
{
	struct arena a;
	int r;

	arena_init(&a, arena_max);
	r = wire_decode(type, in, &a, out);
	assert_true(a.used <= arena_max);
	arena_clear(&a);
	return r;
}

static void
every_kind_comes_back(void **state)
{
	struct whole in = sample(), out;
	struct buf b = encoded(&whole_wire, &in);
	struct arena a;

	(void)state;
	assert_int_equal(b.n, SAMPLE_OCTETS);
	assert_memory_equal(b.p, "\xff\xe8\x03\xff\xff\xff\xff\x40\x42\x0f\0\0\0\0\0\x0a\0\0\0" "01", 21);
	arena_init(&a, 10000);
	memset(&out, 0xaa, sizeof out);
	assert_int_equal(wire_decode(&whole_wire, buf_slice(&b), &a, &out), OK);
	assert_int_equal(out.u8, 255);
	assert_int_equal(out.u16, 1000);
	assert_int_equal(out.u32, UINT32_MAX);
	assert_int_equal(out.u64, 1000000);
	assert_true(slice_is(out.text, "0123456789"));
	assert_int_equal(out.parts_n, 2);
	assert_true(slice_is(out.parts[0].name, "a"));
	assert_int_equal(out.parts[0].flag, 1);
	assert_int_equal(out.parts[1].name.n, 0);
	assert_true(out.text.p >= b.p && out.text.p < b.p + b.n);	/* a view, no copy */
	arena_clear(&a);
	buf_fini(&b);
}

static void
every_truncation_and_any_tail_is_refused(void **state)
{
	struct whole in = sample(), out;
	struct buf b = encoded(&whole_wire, &in);

	(void)state;
	for (size_t n = 0; n < b.n; n++) {
		/* In a block of its own, so that a sanitizer sees any octet read too far. */
		char *cut = malloc(n + 1);

		memcpy(cut, b.p, n);
		cut = realloc(cut, n > 0 ? n : 1);
		if (decode(&whole_wire, (struct slice){ cut, n }, 10000, &out) != ERR_FRAME)
			fail_msg("cut at %zu", n);
		free(cut);
	}
	buf_addc(&b, '\0');
	assert_int_equal(decode(&whole_wire, buf_slice(&b), 10000, &out), ERR_FRAME);
	buf_fini(&b);
}

static struct part four[4];

/* Set one field to a value at, and then over, its bound. */
static void
set_field(struct whole *w, int field, bool over)
{
	switch (field) {
	case 0:
		w->u16 = over ? 1001 : 1000;
		break;
	case 1:
		w->u64 = over ? 1000001 : 1000000;
		break;
	case 2:
		w->text = over ? SLICE("0123456789x") : SLICE("0123456789");
		break;
	case 3:
		w->parts = four, w->parts_n = over ? 4 : 3;
		break;
	case 4:
		two[0].name = over ? SLICE("123456") : SLICE("12345");
		break;
	default:
		two[0].name = SLICE("a");
		two[1].flag = over ? 2 : 1;
		break;
	}
}

static void
bounds_hold_when_encoding(void **state)
{
	(void)state;
	for (int field = 0; field < 6; field++)
		for (int over = 0; over < 2; over++) {
			struct whole in = sample();
			struct buf b;

			set_field(&in, field, over);
			buf_init(&b, 10000);
			assert_int_equal(wire_encode(&whole_wire, &in, &b), over ? ERR_LIMIT : OK);
			buf_fini(&b);
			two[0].name = SLICE("a"), two[1].flag = 0;
		}
}

/* Frames made by a peer whose table has no bounds. */
static void
bounds_hold_when_decoding(void **state)
{
	struct wire_field loose_part[2], loose_fields[6];
	struct wire_type loose_part_type = part_wire, loose = whole_wire;

	(void)state;
	memcpy(loose_part, part_wire.fields, sizeof loose_part);
	memcpy(loose_fields, whole_wire.fields, sizeof loose_fields);
	for (size_t i = 0; i < 6; i++)
		loose_fields[i].max = loose_fields[i].kind >= WIRE_STR ? 1000 : 0;
	loose_part[0].max = 1000, loose_part[1].max = 0;
	loose_part_type.fields = loose_part;
	loose_fields[5].item = &loose_part_type;
	loose.fields = loose_fields;
	for (int field = 0; field < 6; field++)
		for (int over = 0; over < 2; over++) {
			struct whole in = sample(), out;
			struct buf b;

			set_field(&in, field, over);
			b = encoded(&loose, &in);
			assert_int_equal(decode(&whole_wire, buf_slice(&b), 10000, &out),
			    over ? ERR_LIMIT : OK);
			buf_fini(&b);
			two[0].name = SLICE("a"), two[1].flag = 0;
		}
}

static void
a_count_that_lies_takes_no_memory(void **state)
{
	static const uint32_t counts[] = { 1, 2, 999, 1000, 1001, UINT32_MAX };
	struct nest out;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		struct buf b;
		struct arena a;
		int r;

		buf_init(&b, 100);
		buf_add_u32(&b, counts[i]);
		arena_init(&a, 1 << 30);
		r = wire_decode(&nest_wire, buf_slice(&b), &a, &out);
		assert_int_equal(r, counts[i] > 1000 ? ERR_LIMIT : ERR_FRAME);
		assert_int_equal(a.used, 0);
		arena_clear(&a);
		buf_fini(&b);
	}
}

static void
the_arena_and_the_buffer_have_the_last_word(void **state)
{
	struct whole w[10];
	struct nest in = { w, 10 }, out;
	struct buf b;

	(void)state;
	for (size_t i = 0; i < 10; i++)
		w[i] = sample();
	b = encoded(&nest_wire, &in);
	assert_int_equal(decode(&nest_wire, buf_slice(&b), 1 << 16, &out), OK);
	assert_int_equal(decode(&nest_wire, buf_slice(&b), 10 * sizeof *w, &out), ERR_LIMIT);
	assert_int_equal(decode(&nest_wire, buf_slice(&b), 0, &out), ERR_LIMIT);
	for (size_t max = 0; max < b.n; max++) {
		struct buf small;

		buf_init(&small, max);
		assert_int_equal(wire_encode(&nest_wire, &in, &small), ERR_LIMIT);
		buf_fini(&small);
	}
	buf_fini(&b);
}

static void
a_message_may_be_empty(void **state)
{
	struct bare in, out;
	struct buf b = encoded(&bare_wire, &in);

	(void)state;
	assert_int_equal(b.n, 0);
	assert_int_equal(decode(&bare_wire, buf_slice(&b), 0, &out), OK);
	assert_int_equal(decode(&bare_wire, SLICE("x"), 0, &out), ERR_FRAME);
	buf_fini(&b);
}

/* What decodes encodes back to the same octets: there is one encoding of a message. */
static void
mutations_are_refused_or_mean_what_they_say(void **state)
{
	struct whole w[2] = { sample(), sample() };
	struct nest in = { w, 2 }, out;
	struct buf b = encoded(&nest_wire, &in);
	int good = 0;

	(void)state;
	for (size_t at = 0; at < b.n; at++)
		for (int v = 0; v < 256; v++) {
			char saved = b.p[at];
			struct arena a;
			struct buf again;

			b.p[at] = (char)v;
			arena_init(&a, 1 << 16);
			if (wire_decode(&nest_wire, buf_slice(&b), &a, &out) == OK) {
				again = encoded(&nest_wire, &out);
				assert_true(slice_eq(buf_slice(&again), buf_slice(&b)));
				buf_fini(&again);
				good++;
			}
			arena_clear(&a);
			b.p[at] = saved;
		}
	assert_true(good > 1000);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(every_kind_comes_back),
		cmocka_unit_test(every_truncation_and_any_tail_is_refused),
		cmocka_unit_test(bounds_hold_when_encoding),
		cmocka_unit_test(bounds_hold_when_decoding),
		cmocka_unit_test(a_count_that_lies_takes_no_memory),
		cmocka_unit_test(the_arena_and_the_buffer_have_the_last_word),
		cmocka_unit_test(a_message_may_be_empty),
		cmocka_unit_test(mutations_are_refused_or_mean_what_they_say),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
