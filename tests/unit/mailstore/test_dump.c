/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mailstore/crc.h"
#include "mailstore/crypt.h"
#include "mailstore/dump.h"

enum { STREAM_MAX = 64 << 20 };

static int
to_buf(void *arg, struct slice octets)
{
	buf_add(arg, octets);
	return ((struct buf *)arg)->err;
}

static const struct {
	const char *tree, *key, *val;
} rows[] = {
	{ "t", "a", "one" }, { "t", "b", "" }, { "t", "", "no key" }, { "t", "cc", "three" },
	{ "empty", NULL, NULL }, { "meta", "format", "\1\2\3" },
};

/* The stream of those rows, and what a reader shall say of them. */
static void
small(struct buf *out, struct buf *said)
{
	struct dump_writer *w;
	const char *tree = "";

	buf_init(out, STREAM_MAX);
	buf_init(said, STREAM_MAX);
	assert_int_equal(dump_writer_new(to_buf, out, &w), OK);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (strcmp(tree, rows[i].tree) != 0)
			dump_tree(w, tree = rows[i].tree);
		if (rows[i].key == NULL)
			continue;
		dump_entry(w, slice_of(rows[i].key), slice_of(rows[i].val));
		buf_addf(said, "%s/%s=%s;", rows[i].tree, rows[i].key, rows[i].val);
	}
	assert_int_equal(dump_end(w), OK);
	dump_writer_free(&w);
}

static int
drain(struct dump_reader *d, struct slice in, struct buf *said)
{
	struct dump_row row;
	int r = dump_reader_push(d, in);

	while (r == OK && (r = dump_reader_next(d, &row)) == 1) {
		buf_add(said, row.tree);
		buf_addc(said, '/');
		buf_add(said, row.key);
		buf_addc(said, '=');
		buf_add(said, row.val);
		buf_addc(said, ';');
		r = OK;
	}
	return r;
}

/* In two pushes. 1: it was whole; 0: it is not; or the error. */
static int
read_all(struct slice in, size_t split, struct buf *said)
{
	struct dump_reader *d;
	int r;

	buf_clear(said);
	assert_int_equal(dump_reader_new(&d), OK);
	r = drain(d, slice_sub(in, 0, split), said);
	if (r == OK)
		r = drain(d, slice_from(in, split), said);
	if (r == OK)
		r = dump_reader_done(d);
	else
		assert_int_equal(dump_reader_push(d, SLICE("x")), r);	/* it stays */
	dump_reader_free(&d);
	return r;
}

static void
the_same_at_every_split(void **state)
{
	struct buf out, want, said;

	(void)state;
	small(&out, &want);
	buf_init(&said, STREAM_MAX);
	for (size_t i = 0; i <= out.n; i++) {
		assert_int_equal(read_all(buf_slice(&out), i, &said), 1);
		assert_true(slice_eq(buf_slice(&said), buf_slice(&want)));
	}
	buf_fini(&out);
	buf_fini(&want);
	buf_fini(&said);
}

static void
every_flipped_bit_and_every_cut_is_found(void **state)
{
	struct buf out, want, said;

	(void)state;
	small(&out, &want);
	buf_init(&said, STREAM_MAX);
	for (size_t i = 0; i < 8 * out.n; i++) {
		out.p[i / 8] ^= (char)(1 << i % 8);
		if (read_all(buf_slice(&out), out.n, &said) == 1)
			fail_msg("bit %zu", i);
		out.p[i / 8] ^= (char)(1 << i % 8);
	}
	for (size_t n = 0; n < out.n; n++)
		assert_int_not_equal(read_all(slice_sub(buf_slice(&out), 0, n), n / 2, &said), 1);
	buf_addc(&out, 'x');
	assert_int_equal(read_all(buf_slice(&out), out.n, &said), ERR_CORRUPT);
	buf_fini(&out);
	buf_fini(&want);
	buf_fini(&said);
}

static void
a_newer_version_is_refused(void **state)
{
	struct buf out, want, said;
	uint32_t crc;

	(void)state;
	small(&out, &want);
	buf_init(&said, STREAM_MAX);
	out.p[8]++;
	crc = crc32c(0, slice_sub(buf_slice(&out), 0, 12));
	for (int i = 0; i < 4; i++)
		out.p[12 + i] = (char)(crc >> 8 * i & 0xff);
	assert_int_equal(read_all(buf_slice(&out), out.n, &said), ERR_VERSION);
	buf_fini(&out);
	buf_fini(&want);
	buf_fini(&said);
}

/* Values over many blocks, that compress and that do not. */
static void
large_values_come_back(void **state)
{
	static const size_t sizes[] = { 0, 1, DUMP_BLOCK_OCTETS - 9, DUMP_BLOCK_OCTETS,
		DUMP_BLOCK_OCTETS + 1, 3 * DUMP_BLOCK_OCTETS, 5000000, DUMP_VALUE_MAX };
	char *val = malloc(DUMP_VALUE_MAX + 1);
	struct dump_writer *w;
	struct dump_reader *d;
	struct dump_row row;
	struct buf out;
	size_t n = 0;

	(void)state;
	assert_non_null(val);
	crypt_random(val, DUMP_VALUE_MAX + 1);
	memset(val + 700000, 'x', 3000000);
	buf_init(&out, 2 * STREAM_MAX);
	assert_int_equal(dump_writer_new(to_buf, &out, &w), OK);
	dump_tree(w, "t");
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		dump_entry(w, SLICE("k"), (struct slice){ val, sizes[i] });
	assert_int_equal(dump_entries(w), ARRAY_LEN(sizes));
	assert_int_equal(dump_end(w), OK);
	dump_writer_free(&w);
	assert_int_equal(dump_reader_new(&d), OK);
	for (size_t at = 0; at < out.n; at += 100000) {
		int r;

		assert_int_equal(dump_reader_push(d, slice_sub(buf_slice(&out), at, 100000)), OK);
		while ((r = dump_reader_next(d, &row)) == 1) {
			assert_int_equal(row.val.n, sizes[n]);
			assert_memory_equal(row.val.p, val, row.val.n);
			n++;
		}
		assert_int_equal(r, 0);
	}
	assert_true(dump_reader_done(d));
	assert_int_equal(n, ARRAY_LEN(sizes));
	dump_reader_free(&d);
	assert_int_equal(dump_writer_new(to_buf, &out, &w), OK);
	dump_tree(w, "t");
	dump_entry(w, SLICE("k"), (struct slice){ val, DUMP_VALUE_MAX + 1 });
	assert_int_equal(dump_end(w), ERR_LIMIT);
	dump_writer_free(&w);
	buf_fini(&out);
	free(val);
}

static int
full(void *arg, struct slice octets)
{
	(void)arg;
	(void)octets;
	return ERR_NOSPC;
}

static void
what_the_sink_says_is_what_the_end_says(void **state)
{
	struct dump_writer *w;

	(void)state;
	assert_int_equal(dump_writer_new(full, NULL, &w), OK);
	dump_tree(w, "t");
	dump_entry(w, SLICE("k"), SLICE("v"));
	assert_int_equal(dump_end(w), ERR_NOSPC);
	dump_writer_free(&w);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(the_same_at_every_split),
		cmocka_unit_test(every_flipped_bit_and_every_cut_is_found),
		cmocka_unit_test(a_newer_version_is_refused),
		cmocka_unit_test(large_values_come_back),
		cmocka_unit_test(what_the_sink_says_is_what_the_end_says),
	};

	return crypt_start() == OK ? cmocka_run_group_tests(t, NULL, NULL) : 1;
}
