/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/backup_form.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/civil.h"
#include "mailstore/crc.h"

#define PART_MAGIC	"CVPART1\n"

/* ---- parts ---- */

void
backup_part_name(const struct backup_part *p, char out[BACKUP_NAME_OCTETS])
{
	char epoch[17];

	sodium_bin2hex(epoch, sizeof epoch, p->epoch_public, 8);
	snprintf(out, BACKUP_NAME_OCTETS, "%08x.%s.%010llx", p->segment, epoch,
	    (unsigned long long)p->offset);
}

void
backup_part_put(const struct backup_part *p, char out[BACKUP_PART_HEAD])
{
	struct buf b;

	buf_init(&b, BACKUP_PART_HEAD);
	buf_adds(&b, PART_MAGIC);
	buf_add_u32(&b, BACKUP_VERSION);
	buf_add_u32(&b, p->segment);
	buf_add(&b, (struct slice){ (const char *)p->epoch_public, 32 });
	buf_add_u64(&b, p->offset);
	buf_add_u64(&b, p->octets);
	buf_add(&b, (struct slice){ (const char *)p->sum, BACKUP_SUM_OCTETS });
	buf_add_u32(&b, 0);
	buf_add_u32(&b, crc32c(0, buf_slice(&b)));
	memset(out, 0, BACKUP_PART_HEAD);	/* no part, should memory have lacked */
	if (b.err == OK)
		memcpy(out, b.p, BACKUP_PART_HEAD);
	buf_fini(&b);
}

int
backup_part_get(struct slice head, struct backup_part *out)
{
	struct slice epoch, sum;
	uint32_t version;
	struct rd r;

	if (head.n != BACKUP_PART_HEAD || !slice_eq(slice_sub(head, 0, 8), SLICE(PART_MAGIC)))
		return ERR_CORRUPT;
	rd_init(&r, slice_from(head, BACKUP_PART_HEAD - 4));
	if (rd_u32(&r) != crc32c(0, slice_sub(head, 0, BACKUP_PART_HEAD - 4)))
		return ERR_CORRUPT;
	rd_init(&r, slice_from(head, 8));
	version = rd_u32(&r);
	if (version != BACKUP_VERSION)
		return version > BACKUP_VERSION ? ERR_VERSION : ERR_CORRUPT;
	out->segment = rd_u32(&r);
	epoch = rd_bytes(&r, 32);
	out->offset = rd_u64(&r);
	out->octets = rd_u64(&r);
	sum = rd_bytes(&r, BACKUP_SUM_OCTETS);
	memcpy(out->epoch_public, epoch.p, 32);
	memcpy(out->sum, sum.p, BACKUP_SUM_OCTETS);
	return out->octets > 0 && out->octets < INT64_MAX / 2 && out->offset < INT64_MAX / 2 ?
	    OK : ERR_CORRUPT;
}

/* ---- manifests ---- */

void
backup_manifest_free(struct backup_manifest *m)
{
	free(m->files);
	free(m->parts);
	*m = (struct backup_manifest){ 0 };
}

/* Room for one more in a list that doubles. */
static int
grow(void **list, size_t n, size_t size, size_t max)
{
	size_t cap = n == 0 ? 16 : 2 * n;
	void *v;

	if (n >= max)
		return ERR_LIMIT;
	if (n != 0 && (n < 16 || (n & (n - 1)) != 0))
		return OK;
	v = realloc(*list, cap * size);
	if (v == NULL)
		return ERR_NOMEM;
	*list = v;
	return OK;
}

int
backup_manifest_file(struct backup_manifest *m, const struct backup_entry *e)
{
	void *v = m->files;
	int r = grow(&v, m->files_n, sizeof *m->files, BACKUP_FILES_MAX);

	m->files = v;
	if (r == OK)
		m->files[m->files_n++] = *e;
	return r;
}

int
backup_manifest_part(struct backup_manifest *m, const struct backup_part *p)
{
	void *v = m->parts;
	int r = grow(&v, m->parts_n, sizeof *m->parts, BACKUP_PARTS_MAX);

	m->parts = v;
	if (r == OK)
		m->parts[m->parts_n++] = *p;
	return r;
}

static void
put_u64(struct dump_writer *w, const char *key, uint64_t v)
{
	struct buf b;

	buf_init(&b, 8);
	buf_add_u64(&b, v);
	dump_entry(w, slice_of(key), buf_slice(&b));
	buf_fini(&b);
}

static void
put_part(struct dump_writer *w, const struct backup_part *p)
{
	struct buf b;
	char key[12];

	for (int i = 0; i < 4; i++)
		key[i] = (char)(p->segment >> 8 * (3 - i) & 0xff);
	for (int i = 0; i < 8; i++)
		key[4 + i] = (char)(p->offset >> 8 * (7 - i) & 0xff);
	buf_init(&b, 128);
	buf_add(&b, (struct slice){ (const char *)p->epoch_public, 32 });
	buf_add_u64(&b, p->octets);
	buf_add(&b, (struct slice){ (const char *)p->sum, BACKUP_SUM_OCTETS });
	dump_entry(w, (struct slice){ key, sizeof key }, buf_slice(&b));
	buf_fini(&b);
}

void
backup_manifest_put(const struct backup_manifest *m, struct dump_writer *w)
{
	struct buf b;

	dump_tree(w, "snapshot");
	put_u64(w, "time", m->time_s);
	put_u64(w, "format", m->format);
	dump_entry(w, SLICE("key"), slice_of(m->key));
	dump_tree(w, "file");
	buf_init(&b, 128);
	for (size_t i = 0; i < m->files_n; i++) {
		buf_clear(&b);
		buf_add_u64(&b, m->files[i].octets);
		buf_add(&b, (struct slice){ (const char *)m->files[i].sum, BACKUP_SUM_OCTETS });
		dump_entry(w, slice_of(m->files[i].name), buf_slice(&b));
	}
	buf_fini(&b);
	dump_tree(w, "part");
	for (size_t i = 0; i < m->parts_n; i++)
		put_part(w, &m->parts[i]);
}

static int
row_snapshot(struct backup_manifest *m, const struct dump_row *row)
{
	uint64_t *to = slice_is(row->key, "time") ? &m->time_s :
	    slice_is(row->key, "format") ? &m->format : NULL;
	struct rd r;

	if (slice_is(row->key, "key") && row->val.n <= BACKUP_KEY_ID_MAX) {
		memcpy(m->key, row->val.p, row->val.n);
		m->key[row->val.n] = '\0';
		return OK;
	}
	if (to == NULL || row->val.n != 8)
		return ERR_CORRUPT;
	rd_init(&r, row->val);
	*to = rd_u64(&r);
	return OK;
}

/* Names that go to openat(): those that a backup can have, and nothing else. */
static bool
name_is_good(struct slice s)
{
	if (slice_is(s, "control.dump") || slice_is(s, "index.dump"))
		return true;
	if (s.n < 6 || s.n > 48 || !slice_eq(slice_sub(s, 0, 5), SLICE("keys/")) || s.p[5] == '.')
		return false;
	for (size_t i = 5; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]) && strchr("._-", s.p[i]) == NULL)
			return false;
	return true;
}

static int
row_file(struct backup_manifest *m, const struct dump_row *row)
{
	struct backup_entry e = { .octets = 0 };
	struct rd r;

	if (!name_is_good(row->key) || memchr(row->key.p, 0, row->key.n) != NULL ||
	    row->val.n != 8 + BACKUP_SUM_OCTETS)
		return ERR_CORRUPT;
	memcpy(e.name, row->key.p, row->key.n);
	rd_init(&r, row->val);
	e.octets = rd_u64(&r);
	memcpy(e.sum, r.s.p, BACKUP_SUM_OCTETS);
	return backup_manifest_file(m, &e);
}

static int
row_part(struct backup_manifest *m, const struct dump_row *row)
{
	struct backup_part p = { .segment = 0 };
	struct rd r;

	if (row->key.n != 12 || row->val.n != 32 + 8 + BACKUP_SUM_OCTETS)
		return ERR_CORRUPT;
	for (size_t i = 0; i < 4; i++)
		p.segment = p.segment << 8 | (unsigned char)row->key.p[i];
	for (size_t i = 4; i < 12; i++)
		p.offset = p.offset << 8 | (unsigned char)row->key.p[i];
	memcpy(p.epoch_public, row->val.p, 32);
	rd_init(&r, slice_from(row->val, 32));
	p.octets = rd_u64(&r);
	memcpy(p.sum, r.s.p, BACKUP_SUM_OCTETS);
	return backup_manifest_part(m, &p);
}

int
backup_manifest_row(struct backup_manifest *m, const struct dump_row *row)
{
	if (slice_is(row->tree, "snapshot"))
		return row_snapshot(m, row);
	if (slice_is(row->tree, "file"))
		return row_file(m, row);
	return slice_is(row->tree, "part") ? row_part(m, row) : ERR_CORRUPT;
}

int
backup_manifest_check(const struct backup_manifest *m)
{
	const struct backup_part *last = NULL;

	if (m->time_s == 0 || m->format == 0 || backup_manifest_find(m, "control.dump") == NULL ||
	    backup_manifest_find(m, "index.dump") == NULL)
		return ERR_CORRUPT;
	for (size_t i = 0; i < m->parts_n; i++) {
		const struct backup_part *p = &m->parts[i];
		bool goes_on = last != NULL && last->segment == p->segment;

		if (p->segment == 0 || p->octets == 0 || p->octets > INT64_MAX / 4 ||
		    (last != NULL && last->segment > p->segment) ||
		    p->offset != (goes_on ? last->offset + last->octets : 0) ||
		    (goes_on && memcmp(last->epoch_public, p->epoch_public, 32) != 0))
			return ERR_CORRUPT;
		last = p;
	}
	return OK;
}

const struct backup_entry *
backup_manifest_find(const struct backup_manifest *m, const char *name)
{
	for (size_t i = 0; i < m->files_n; i++)
		if (strcmp(m->files[i].name, name) == 0)
			return &m->files[i];
	return NULL;
}

bool
backup_manifest_has_keys(const struct backup_manifest *m)
{
	return backup_manifest_find(m, "keys/master.key") != NULL;
}

size_t
backup_manifest_segment(const struct backup_manifest *m, uint32_t segment,
    const struct backup_part **first_out)
{
	size_t lo = 0, hi = m->parts_n, n = 0;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (m->parts[mid].segment < segment)
			lo = mid + 1;
		else
			hi = mid;
	}
	while (lo + n < m->parts_n && m->parts[lo + n].segment == segment)
		n++;
	*first_out = m->parts + (n > 0 ? lo : 0);
	return n;
}

/* ---- names of snapshots ---- */

void
backup_time_put(uint64_t time_s, char out[BACKUP_TIME_OCTETS])
{
	struct civil day = civil_of((int64_t)(time_s / 86400));
	unsigned s = (unsigned)(time_s % 86400);

	snprintf(out, BACKUP_TIME_OCTETS, "%04u%02u%02uT%02u%02u%02uZ",
	    (unsigned)day.year % 10000, (unsigned)day.month % 100, (unsigned)day.day % 100,
	    s / 3600, s / 60 % 60, s % 60);
}

bool
backup_time_get(const char *name, uint64_t *time_s_out)
{
	static const char form[] = "nnnnnnnnTnnnnnnZ";
	char again[BACKUP_TIME_OCTETS];
	unsigned d[14], n = 0;
	int64_t days;

	for (size_t i = 0; i < sizeof form; i++) {	/* with the NUL */
		if (form[i] == 'n' && ascii_is_digit(name[i]))
			d[n++] = (unsigned)(name[i] - '0');
		else if (name[i] != form[i])
			return false;
	}
	days = civil_days((struct civil){ d[0] * 1000 + d[1] * 100 + d[2] * 10 + d[3],
	    (int)(d[4] * 10 + d[5]), (int)(d[6] * 10 + d[7]) });
	if (days < 0)
		return false;
	*time_s_out = (uint64_t)days * 86400 + (d[8] * 10 + d[9]) * 3600 +
	    (d[10] * 10 + d[11]) * 60 + d[12] * 10 + d[13];
	backup_time_put(*time_s_out, again);
	return memcmp(again, name, BACKUP_TIME_OCTETS) == 0;
}
