/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/zipdir.h"

#include <stdlib.h>

#include "common/buf.h"

enum {
	END_OCTETS = 22, CENTRAL_OCTETS = 46, LOCAL_OCTETS = 30,
	END_SIG = 0x06054b50, CENTRAL_SIG = 0x02014b50, LOCAL_SIG = 0x04034b50,
	DESCRIPTOR_SIG = 0x08074b50,
	FLAG_ENCRYPTED = 1 << 0, FLAG_DESCRIPTOR = 1 << 3, FLAG_STRONG = 1 << 6,
	FLAG_MASKED = 1 << 13,
	METHOD_STORED = 0, METHOD_DEFLATED = 8, METHOD_AES = 99,
	EXTRA_UNICODE_PATH = 0x7075
};

struct end {
	uint64_t at;
	uint32_t count;
	uint64_t directory_at, directory_octets;
};

static struct rd
reader(struct slice octets, uint64_t at)
{
	struct rd r;

	rd_init(&r, slice_from(octets, at < octets.n ? (size_t)at : octets.n));
	return r;
}

/* The end record is the last thing in the file, with nothing behind its comment. */
static int
read_end(struct slice z, struct end *out)
{
	uint16_t disk, first_disk, count_here, count, comment;
	struct rd r;

	if (z.n < END_OCTETS)
		return ERR_CORRUPT;
	for (size_t back = END_OCTETS; back <= z.n && back <= END_OCTETS + 65535; back++) {
		r = reader(z, z.n - back);
		if (rd_u32(&r) != END_SIG)
			continue;
		disk = rd_u16(&r);
		first_disk = rd_u16(&r);
		count_here = rd_u16(&r);
		count = rd_u16(&r);
		out->directory_octets = rd_u32(&r);
		out->directory_at = rd_u32(&r);
		comment = rd_u16(&r);
		out->count = count;
		out->at = z.n - back;
		if (disk != 0 || first_disk != 0 || count_here != count ||
		    comment != back - END_OCTETS || count == 0xFFFF ||
		    out->directory_at + out->directory_octets != out->at)
			return ERR_CORRUPT;
		return OK;
	}
	return ERR_CORRUPT;
}

static void
read_extra(struct slice extra, struct zipdir_entry *e)
{
	struct rd r;

	rd_init(&r, extra);
	while (r.s.n >= 4 && r.err == OK) {
		uint16_t id = rd_u16(&r);
		uint16_t n = rd_u16(&r);
		struct slice body = rd_bytes(&r, n);

		if (id == EXTRA_UNICODE_PATH && body.n > 5)
			e->unicode_name = slice_from(body, 5);
	}
}

static int
read_central(struct rd *r, struct zipdir_entry *e)
{
	uint16_t name_n, extra_n, comment_n;

	if (rd_u32(r) != CENTRAL_SIG)
		return ERR_CORRUPT;
	(void)rd_u32(r);	/* versions */
	e->flags = rd_u16(r);
	e->method = rd_u16(r);
	(void)rd_u32(r);	/* time */
	e->crc = rd_u32(r);
	e->packed_octets = rd_u32(r);
	e->octets = rd_u32(r);
	name_n = rd_u16(r);
	extra_n = rd_u16(r);
	comment_n = rd_u16(r);
	(void)rd_u64(r);	/* disk, attributes */
	e->local_at = rd_u32(r);
	e->name = rd_bytes(r, name_n);
	read_extra(rd_bytes(r, extra_n), e);
	(void)rd_bytes(r, comment_n);
	e->folder = e->name.n > 0 && e->name.p[e->name.n - 1] == '/';
	return r->err == OK ? OK : ERR_CORRUPT;
}

/* Sizes behind the data must be those of the directory: *n_out is the descriptor's length. */
static int
read_descriptor(struct slice z, const struct zipdir_entry *e, uint64_t at, uint64_t *n_out)
{
	struct rd r = reader(z, at);
	uint32_t first = rd_u32(&r);

	*n_out = 12;
	if (first == DESCRIPTOR_SIG) {
		first = rd_u32(&r);
		*n_out = 16;
	}
	if (first != e->crc || rd_u32(&r) != e->packed_octets || rd_u32(&r) != e->octets ||
	    r.err != OK)
		return ERR_CORRUPT;
	return OK;
}

/* A number of the local header; 0 when it comes later, in the descriptor. */
static bool
agrees(uint32_t local, uint64_t central, bool later)
{
	return local == central || (later && local == 0);
}

static int
read_local(struct slice z, const struct end *end, struct zipdir_entry *e)
{
	struct rd r = reader(z, e->local_at);
	uint32_t crc, packed, octets;
	uint16_t flags, method, name_n, extra_n;
	uint64_t descriptor = 0;
	struct slice name;
	bool later;

	if (rd_u32(&r) != LOCAL_SIG)
		return ERR_CORRUPT;
	(void)rd_u16(&r);
	flags = rd_u16(&r);
	method = rd_u16(&r);
	(void)rd_u32(&r);
	crc = rd_u32(&r);
	packed = rd_u32(&r);
	octets = rd_u32(&r);
	name_n = rd_u16(&r);
	extra_n = rd_u16(&r);
	name = rd_bytes(&r, name_n);
	(void)rd_bytes(&r, extra_n);
	if (r.err != OK || flags != e->flags || method != e->method || !slice_eq(name, e->name))
		return ERR_CORRUPT;
	later = (flags & FLAG_DESCRIPTOR) != 0;
	if (!agrees(crc, e->crc, later) || !agrees(packed, e->packed_octets, later) ||
	    !agrees(octets, e->octets, later))
		return ERR_CORRUPT;
	e->data_at = e->local_at + LOCAL_OCTETS + name_n + extra_n;
	if (later && !e->folder &&
	    read_descriptor(z, e, e->data_at + e->packed_octets, &descriptor) != OK)
		return ERR_CORRUPT;
	e->local_end = e->data_at + e->packed_octets + descriptor;
	return e->local_end <= end->directory_at ? OK : ERR_CORRUPT;
}

static int
by_place(const void *a, const void *b)
{
	const struct zipdir_entry *x = a, *y = b;

	return x->local_at < y->local_at ? -1 : x->local_at > y->local_at;
}

static int
by_name(const void *a, const void *b)
{
	return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

static int
check_names(const struct zipdir *d)
{
	struct slice *names = calloc(d->count + 1, sizeof *names);
	int err = OK;

	if (names == NULL)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < d->count; i++)
		names[i] = d->entries[i].name;
	qsort(names, d->count, sizeof *names, by_name);
	for (uint32_t i = 0; i + 1 < d->count; i++)
		if (slice_eq(names[i], names[i + 1]))
			err = ERR_CORRUPT;
	free(names);
	return err;
}

/* The entries lie one behind the other from the first octet to the directory: no gap, no
 * overlap, nothing in front. */
static int
check_places(const struct zipdir *d, const struct end *end)
{
	uint64_t at = 0;

	for (uint32_t i = 0; i < d->count; i++) {
		if (d->entries[i].local_at != at)
			return ERR_CORRUPT;
		at = d->entries[i].local_end;
	}
	return at == end->directory_at ? OK : ERR_CORRUPT;
}

static int
check_entry(const struct zipdir_entry *e)
{
	if (e->name.n == 0 || slice_chr(e->name, '\0') >= 0)
		return ERR_CORRUPT;
	if (e->folder && (e->packed_octets > 2 || e->octets != 0))
		return ERR_CORRUPT;
	if (e->method != METHOD_STORED && e->method != METHOD_DEFLATED && e->method != METHOD_AES)
		return ERR_CORRUPT;
	if (e->method == METHOD_STORED && (e->flags & FLAG_ENCRYPTED) == 0 &&
	    e->packed_octets != e->octets)
		return ERR_CORRUPT;
	return OK;
}

static int
read_entries(struct slice z, const struct end *end, struct zipdir *d)
{
	struct rd r;

	rd_init(&r, slice_sub(z, (size_t)end->directory_at, (size_t)end->directory_octets));
	for (uint32_t i = 0; i < end->count; i++) {
		struct zipdir_entry *e = &d->entries[i];

		if (read_central(&r, e) != OK || check_entry(e) != OK ||
		    read_local(z, end, e) != OK)
			return ERR_CORRUPT;
		d->count++;
		d->encrypted |= e->method == METHOD_AES ||
		    (e->flags & (FLAG_ENCRYPTED | FLAG_STRONG | FLAG_MASKED)) != 0;
	}
	return r.s.n == 0 ? OK : ERR_CORRUPT;
}

int
zipdir_read(struct slice octets, const struct extract_limits *limits, struct zipdir *out)
{
	struct end end = { 0 };
	int err;

	*out = (struct zipdir){ .entries = NULL };
	err = read_end(octets, &end);
	if (err != OK)
		return err;
	if (end.count > limits->entries_max)
		return ERR_LIMIT;
	if (end.count > end.directory_octets / CENTRAL_OCTETS)
		return ERR_CORRUPT;
	out->entries = calloc((size_t)end.count + 1, sizeof *out->entries);
	if (out->entries == NULL)
		return ERR_NOMEM;
	err = read_entries(octets, &end, out);
	if (err == OK) {
		qsort(out->entries, out->count, sizeof *out->entries, by_place);
		err = check_names(out);
	}
	return err == OK ? check_places(out, &end) : err;
}

void
zipdir_fini(struct zipdir *d)
{
	free(d->entries);
	*d = (struct zipdir){ .entries = NULL };
}
