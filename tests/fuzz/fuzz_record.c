/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Rows of the index: the first octet chooses the kind and (bit 7) version 2, the rest is the row
 * behind version and checksum, which are made right so that what lies behind them is reached. What is
 * accepted is within its bounds, and if of today's version is written back to the same octets.
 */
#include <stdlib.h>
#include <string.h>

#include "mailstore/crc.h"
#include "mailstore/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
same(const struct buf *out, struct slice row)
{
	if (out->err != OK || (out->p[0] == row.p[0] && !slice_eq(buf_slice(out), row)))
		abort();
}

static void
check_box(const struct record_box *b)
{
	if (b->name_octets > ST_NAME_MAX || b->keywords_n > ST_KEYWORDS_MAX)
		abort();
	for (size_t i = 0; i < b->keywords_n; i++)
		if (b->keyword_octets[i] > ST_KEYWORD_OCTETS)
			abort();
}

static void
one(uint8_t kind, struct slice key, struct slice row, struct buf *out)
{
	static struct record_box box;
	struct record_account acct;
	struct record_blob blob;
	struct record_segment seg;
	struct record_group group;
	uint32_t time_s;
	struct st_range ranges[RECORD_VANISHED_MAX];
	struct store_record m;
	size_t n;

	switch (kind % 7) {
	case 0:
		if (record_box_get(key, row, &box) == OK) {
			check_box(&box);
			record_box_put(key, &box, out);
			same(out, row);
		}
		break;
	case 1:
		if (record_account_get(key, row, &acct) == OK) {
			record_account_put(key, &acct, out);
			same(out, row);
		}
		break;
	case 2:
		if (record_blob_get(key, row, &blob) == OK) {
			record_blob_put(key, &blob, out);
			same(out, row);
		}
		break;
	case 3:
		if (record_vanished_get(key, row, ranges, &n) == OK) {
			if (n > RECORD_VANISHED_MAX ||
			    record_vanished_time(key, row, &time_s) != OK)
				abort();
			record_vanished_put(key, time_s, ranges, n, out);
			same(out, row);
		}
		break;
	case 5:
		if (record_segment_get(key, row, &seg) == OK) {
			record_segment_put(key, &seg, out);
			same(out, row);
		}
		break;
	case 6:
		if (record_group_get(key, row, &group) == OK) {
			record_group_put(key, &group, out);
			same(out, row);
		}
		break;
	default:
		if (record_message_get(key, row, &m) == OK) {
			record_message_put(key, &m, out);
			same(out, row);
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record_key k = record_key_message(1, 2, 3);
	char version = size > 0 && data[0] >= 0x80 ? RECORD_VERSION_2 : RECORD_VERSION;
	struct buf row, out;
	uint32_t crc;

	if (size < 1)
		return 0;
	crc = crc32c(crc32c(crc32c(0, record_key_slice(&k)), (struct slice){ &version, 1 }),
	    (struct slice){ (const char *)data + 1, size - 1 });
	buf_init(&row, size + 10);
	buf_init(&out, size + RECORD_BOX_MAX);
	buf_add_u8(&row, (uint8_t)version);
	buf_add_u32(&row, crc);
	buf_add(&row, (struct slice){ (const char *)data + 1, size - 1 });
	one(data[0] & 0x7f, record_key_slice(&k), buf_slice(&row), &out);
	buf_fini(&row);
	buf_fini(&out);
	return 0;
}
