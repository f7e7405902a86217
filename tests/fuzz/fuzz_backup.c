/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * What a backup says of itself: a manifest, as plain octets of a stream whose blocks are right; the
 * head of a part, as given and with its checksum made right; the name of a snapshot. What is taken
 * is within its bounds and is written back to the same octets.
 */
#include <stdlib.h>
#include <string.h>

#include "mailstore/backup_form.h"
#include "mailstore/crc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

static void
check_manifest(const struct backup_manifest *m)
{
	const struct backup_part *first;
	uint64_t end = 0;

	for (size_t i = 0; i < m->files_n; i++)
		if (strstr(m->files[i].name, "..") != NULL && strchr(m->files[i].name, '/') == NULL)
			abort();
	for (size_t i = 0; i < m->parts_n; i++) {
		size_t n = backup_manifest_segment(m, m->parts[i].segment, &first);

		if (n == 0 || first->offset != 0 || first->segment != m->parts[i].segment)
			abort();
		end = m->parts[i].offset == 0 ? 0 : end;
		if (m->parts[i].offset != end)
			abort();
		end += m->parts[i].octets;
	}
}

static void
manifest(struct slice octets)
{
	struct backup_manifest m = { .time_s = 0 };
	struct dump_reader *d;
	struct dump_row row;
	int r;

	if (dump_reader_new(&d) != OK)
		abort();
	r = dump_reader_push(d, octets);
	while (r == OK && (r = dump_reader_next(d, &row)) == 1)
		r = backup_manifest_row(&m, &row);
	if (r == OK && backup_manifest_check(&m) == OK)
		check_manifest(&m);
	dump_reader_free(&d);
	backup_manifest_free(&m);
}

static void
part(struct slice head)
{
	char again[BACKUP_PART_HEAD], name[BACKUP_NAME_OCTETS];
	struct backup_part p;

	if (backup_part_get(head, &p) != OK)
		return;
	backup_part_name(&p, name);
	backup_part_put(&p, again);
	if (p.octets == 0 || memchr(name, '/', strlen(name)) != NULL ||
	    memcmp(again, head.p, BACKUP_PART_HEAD - 8) != 0)
		abort();
}

static void
name_of_time(const uint8_t *data, size_t size)
{
	char name[BACKUP_TIME_OCTETS] = "", again[BACKUP_TIME_OCTETS];
	uint64_t t;

	memcpy(name, data, size < sizeof name - 1 ? size : sizeof name - 1);
	if (!backup_time_get(name, &t))
		return;
	backup_time_put(t, again);
	if (strcmp(name, again) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char sum[DUMP_SUM_OCTETS];
	struct slice in = { (const char *)data, size };
	struct buf b;
	uint32_t crc;

	name_of_time(data, size);
	part(slice_sub(in, 0, BACKUP_PART_HEAD));
	if (size == 0 || size > DUMP_BLOCK_OCTETS)
		return 0;
	buf_init(&b, size + 1024);
	buf_add(&b, slice_sub(in, 0, BACKUP_PART_HEAD - 4));
	crc = crc32c(0, buf_slice(&b));
	buf_add_u32(&b, crc);
	part(buf_slice(&b));
	buf_clear(&b);
	buf_adds(&b, "CVDUMP1\n");
	buf_add_u32(&b, DUMP_VERSION);
	crc = crc32c(0, buf_slice(&b));
	buf_add_u32(&b, crc);
	block(&b, in, false);
	crypto_generichash(sum, sizeof sum, data, size, NULL, 0);
	block(&b, (struct slice){ (const char *)sum, sizeof sum }, true);
	if (b.err != OK)
		abort();
	manifest(buf_slice(&b));
	buf_fini(&b);
	return 0;
}
