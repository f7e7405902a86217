/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * The stream of a backup: as given, and as the plain octets of a stream whose blocks are right, so
 * that what lies behind the checksums is reached. Rows are within their bounds, and a split in two
 * changes nothing.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "mailstore/crc.h"
#include "mailstore/dump.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
drain(struct dump_reader *d, struct slice in, uint32_t *sum)
{
	struct dump_row row;
	int r = dump_reader_push(d, in);

	while (r == OK && (r = dump_reader_next(d, &row)) == 1) {
		if (row.tree.n == 0 || row.tree.n > DUMP_TREE_MAX || row.key.n > DUMP_KEY_MAX ||
		    row.val.n > DUMP_VALUE_MAX)
			abort();
		*sum = crc32c(crc32c(crc32c(*sum, row.tree), row.key), row.val);
		r = OK;
	}
	return r;
}

static int
read_all(struct slice in, size_t split, uint32_t *sum)
{
	struct dump_reader *d;
	int r;

	if (dump_reader_new(&d) != OK)
		abort();
	*sum = 0;
	r = drain(d, slice_sub(in, 0, split), sum);
	if (r == OK)
		r = drain(d, slice_from(in, split), sum);
	if (r == OK)
		r = dump_reader_done(d);
	dump_reader_free(&d);
	return r;
}

static void
one(struct slice in)
{
	uint32_t whole, parts;
	int r;

	if (in.n > DUMP_PUSH_MAX)
		return;
	r = read_all(in, in.n, &whole);
	if (read_all(in, in.n / 3, &parts) != r || (r >= 0 && whole != parts))
		abort();
}

static void
block(struct buf *b, struct slice plain, bool last)
{
	size_t at = b->n;

	buf_add_u32(b, 0x31425643u);
	buf_add_u32(b, (uint32_t)plain.n);
	buf_add_u32(b, last ? 0 : (uint32_t)plain.n);
	buf_add_u32(b, crc32c(crc32c(0, slice_from(buf_slice(b), at)), plain));
	buf_add(b, plain);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	unsigned char sum[DUMP_SUM_OCTETS];
	struct buf b;

	one(in);
	if (size == 0 || size > DUMP_BLOCK_OCTETS)
		return 0;
	buf_init(&b, size + 1024);
	buf_adds(&b, "CVDUMP1\n");
	buf_add_u32(&b, DUMP_VERSION);
	buf_add_u32(&b, crc32c(0, buf_slice(&b)));
	block(&b, in, false);
	crypto_generichash(sum, sizeof sum, data, size, NULL, 0);
	block(&b, (struct slice){ (const char *)sum, sizeof sum }, true);
	if (b.err != OK)
		abort();
	one(buf_slice(&b));
	buf_fini(&b);
	return 0;
}
