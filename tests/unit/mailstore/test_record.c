/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mailstore/crc.h"
#include "mailstore/frame.h"
#include "mailstore/record.h"

static int
get_any(char kind, struct slice key, struct slice val)
{
	static struct record_box box;
	struct record_account acct;
	struct store_record m;
	struct record_blob b;
	uint64_t v;

	switch (kind) {
	case 'A':
		return record_account_get(key, val, &acct);
	case 'B':
		return record_box_get(key, val, &box);
	case 'M':
		return record_message_get(key, val, &m);
	case 'b':
		return record_blob_get(key, val, &b);
	default:
		return record_u64_get(key, val, &v);
	}
}

static struct record_box full_box;

static void
put_any(char kind, struct slice key, struct buf *out)
{
	struct record_account acct = { .octets = 5, .keyset_mat = 7 };
	struct store_record m = { .flags = ST_SEEN, .blob = 77, .level = 1, .modseq = 9 };
	struct record_blob b = { .offset = 64, .segment = 3, .refs = 2 };

	switch (kind) {
	case 'A':
		record_account_put(key, &acct, out);
		break;
	case 'B':
		record_box_put(key, &full_box, out);
		break;
	case 'M':
		record_message_put(key, &m, out);
		assert_int_equal(out->n, RECORD_MESSAGE_OCTETS);
		break;
	case 'b':
		record_blob_put(key, &b, out);
		break;
	default:
		record_u64_put(key, 12345, out);
		break;
	}
	assert_int_equal(out->err, OK);
}

/* Every changed bit, every cut, and every other key is seen. */
static void
damage_is_seen(void **state)
{
	struct record_key k = record_key_message(1, 2, 3), other = record_key_message(1, 2, 4);
	struct buf b;

	(void)state;
	full_box.name_octets = 5;
	memcpy(full_box.name, "INBOX", 5);
	full_box.keywords_n = 2;
	full_box.keyword_octets[0] = 3;
	memcpy(full_box.keywords[0], "abc", 3);
	full_box.keyword_octets[1] = ST_KEYWORD_OCTETS;
	buf_init(&b, RECORD_BOX_MAX);
	for (const char *kind = "ABMbu"; *kind != '\0'; kind++) {
		put_any(*kind, record_key_slice(&k), &b);
		assert_int_equal(get_any(*kind, record_key_slice(&k), buf_slice(&b)), OK);
		assert_int_equal(get_any(*kind, record_key_slice(&other), buf_slice(&b)),
		    ERR_CORRUPT);
		for (size_t i = 0; i < b.n * 8; i++) {
			int r;

			b.p[i / 8] = (char)(b.p[i / 8] ^ 1 << i % 8);
			r = get_any(*kind, record_key_slice(&k), buf_slice(&b));
			assert_true(r == ERR_CORRUPT || (i < 8 && r == ERR_VERSION));
			b.p[i / 8] = (char)(b.p[i / 8] ^ 1 << i % 8);
		}
		for (size_t n = 0; n < b.n; n++)
			assert_int_equal(get_any(*kind, record_key_slice(&k),
			    slice_sub(buf_slice(&b), 0, n)), ERR_CORRUPT);
	}
	buf_fini(&b);
}

static void
message_comes_back(void **state)
{
	struct record_key k = record_key_message(7, 8, 9);
	struct store_record in = { .uid = 9, .size_octets = 1234567, .modseq = UINT64_MAX - 1,
		.keywords = UINT64_C(1) << 63, .internal_date_s = -5, .save_date_s = 1,
		.blob = UINT64_C(0x100000002), .keyset = 77, .flags = ST_DRAFT, .level = 3 }, out;
	uint64_t modseq;
	uint16_t flags;
	struct buf b;

	(void)state;
	memset(in.email_id, 'e', sizeof in.email_id);
	memset(in.wrapped_key, 'w', sizeof in.wrapped_key);
	memset(&out, 0, sizeof out);
	buf_init(&b, 1000);
	record_message_put(record_key_slice(&k), &in, &b);
	assert_int_equal(record_message_get(record_key_slice(&k), buf_slice(&b), &out), OK);
	assert_int_equal(record_message_peek(buf_slice(&b), &flags, &modseq), OK);
	assert_true(flags == in.flags && modseq == in.modseq);
	assert_int_equal(record_message_peek(slice_sub(buf_slice(&b), 0, 23), &flags, &modseq),
	    ERR_CORRUPT);
	assert_int_equal(out.uid, in.uid);
	assert_int_equal(out.size_octets, in.size_octets);
	assert_true(out.modseq == in.modseq && out.keywords == in.keywords);
	assert_true(out.internal_date_s == -5 && out.save_date_s == 1 && out.blob == in.blob);
	assert_true(out.keyset == 77 && out.flags == ST_DRAFT && out.level == 3);
	assert_memory_equal(out.email_id, in.email_id, sizeof in.email_id);
	assert_memory_equal(out.wrapped_key, in.wrapped_key, sizeof in.wrapped_key);
	buf_fini(&b);
}

static void
keys_sort_as_numbers(void **state)
{
	struct record_key a = record_key_message(1, 1, 255), b = record_key_message(1, 1, 256),
	    c = record_key_message(1, 2, 0), d = record_key_message(2, 0, 0);

	(void)state;
	assert_true(slice_cmp(record_key_slice(&a), record_key_slice(&b)) < 0);
	assert_true(slice_cmp(record_key_slice(&b), record_key_slice(&c)) < 0);
	assert_true(slice_cmp(record_key_slice(&c), record_key_slice(&d)) < 0);
	assert_int_equal(record_key_read_u32(record_key_slice(&b), 9), 256);
}

static void
crc_is_castagnoli(void **state)
{
	(void)state;
	assert_int_equal(crc32c(0, SLICE("123456789")), 0xe3069283u);
	assert_int_equal(crc32c(crc32c(0, SLICE("1234")), SLICE("56789")), 0xe3069283u);
}

static void
frame_heads(void **state)
{
	struct frame f = { .segment = 3, .lsn = 4, .size_octets = 70000, .summary_octets = 10,
		.chunks = 3, .stored_octets = 26 + 65536 + 16 + 100 }, got;
	uint32_t table[] = { 26, 65536 + 16, 100 | FRAME_COMPRESSED }, back[3];
	char head[FRAME_HEADER_OCTETS + 12];
	struct slice s = { head, sizeof head };

	(void)state;
	assert_int_equal(frame_chunks(70000), 3);
	assert_int_equal(frame_head_octets(3), sizeof head);
	frame_put(&f, table, head);
	assert_int_equal(frame_get_header(s, &got), OK);
	assert_int_equal(frame_get_table(s, &got, back), OK);
	assert_memory_equal(back, table, sizeof table);
	for (size_t i = 0; i < 8 * sizeof head; i++) {
		head[i / 8] = (char)(head[i / 8] ^ 1 << i % 8);
		if (frame_get_header(s, &got) == OK)
			assert_int_equal(frame_get_table(s, &got, back), ERR_CORRUPT);
		head[i / 8] = (char)(head[i / 8] ^ 1 << i % 8);
	}
}

int
main(void)
{
	const struct CMUnitTest t[] = { cmocka_unit_test(damage_is_seen),
		cmocka_unit_test(message_comes_back), cmocka_unit_test(keys_sort_as_numbers),
		cmocka_unit_test(crc_is_castagnoli), cmocka_unit_test(frame_heads) };

	return cmocka_run_group_tests(t, NULL, NULL);
}
