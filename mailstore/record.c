/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/record.h"

#include <assert.h>
#include <string.h>

#include "mailstore/crc.h"

/* ---- head: version and checksum ---- */

static void
row_begin_as(struct buf *out, uint8_t version)
{
	buf_clear(out);
	buf_add_u8(out, version);
	buf_add_u32(out, 0);
}

static void
row_begin(struct buf *out)
{
	row_begin_as(out, RECORD_VERSION);
}

static uint32_t
row_crc(struct slice key, uint8_t version, struct slice body)
{
	struct slice v = { (const char *)&version, 1 };

	return crc32c(crc32c(crc32c(0, key), v), body);
}

static void
row_end(struct slice key, struct buf *out)
{
	uint32_t crc;

	if (out->err != OK)
		return;
	crc = row_crc(key, (uint8_t)out->p[0], slice_from(buf_slice(out), RECORD_HEAD_OCTETS));
	for (int i = 0; i < 4; i++)
		out->p[1 + i] = (char)(crc >> 8 * i & 0xff);
}

/* Version and checksum are right: *r reads the body. */
static int
row_open_as(struct slice key, struct slice val, uint8_t newest, struct rd *r)
{
	uint8_t version;
	uint32_t crc;

	rd_init(r, val);
	version = rd_u8(r);
	crc = rd_u32(r);
	if (r->err != OK)
		return ERR_CORRUPT;
	if (version > newest)
		return ERR_VERSION;
	return crc == row_crc(key, version, r->s) ? OK : ERR_CORRUPT;
}

static int
row_open(struct slice key, struct slice val, struct rd *r)
{
	return row_open_as(key, val, RECORD_VERSION, r);
}

/* Of a kind that has a version 2: *v2 says whether this is one. */
static int
row_open_2(struct slice key, struct slice val, struct rd *r, bool *v2)
{
	*v2 = record_version(val) >= RECORD_VERSION_2;
	return row_open_as(key, val, RECORD_VERSION_2, r);
}

static int
row_done(const struct rd *r)
{
	return r->err == OK && r->s.n == 0 ? OK : ERR_CORRUPT;
}

static void
rd_copy(struct rd *r, void *dst, size_t n)
{
	struct slice s = rd_bytes(r, n);

	if (n > 0 && s.n == n)
		memcpy(dst, s.p, n);
}

static void
add_octets(struct buf *out, const void *p, size_t n)
{
	buf_add(out, (struct slice){ p, n });
}

/* ---- rows ---- */

uint8_t
record_version(struct slice val)
{
	return val.n == 0 ? 0 : (uint8_t)val.p[0];
}

int
record_sound(struct slice key, struct slice val, uint8_t newest)
{
	struct rd r;

	return row_open_as(key, val, newest, &r);
}

long
record_one_bit(struct slice key, struct slice val, uint8_t newest)
{
	enum { SURE_OCTETS = 650 };
	char row[SURE_OCTETS];
	long found = -1;

	if (val.n <= RECORD_HEAD_OCTETS || key.n + val.n > sizeof row)
		return -1;
	memcpy(row, val.p, val.n);
	for (size_t bit = 0; bit < 8 * val.n; bit++) {
		char was = row[bit / 8];
		int r;

		row[bit / 8] = (char)(was ^ 1 << bit % 8);
		r = record_sound(key, (struct slice){ row, val.n }, newest);
		row[bit / 8] = was;
		if (r != OK)
			continue;
		if (found >= 0)
			return -1;
		found = (long)bit;
	}
	return found;
}

int
record_wire_put_as(struct slice key, uint8_t version, const struct wire_type *type,
    const void *msg, struct buf *out)
{
	int r;

	row_begin_as(out, version);
	r = wire_encode(type, msg, out);
	row_end(key, out);
	return r != OK ? r : out->err;
}

int
record_wire_put(struct slice key, const struct wire_type *type, const void *msg, struct buf *out)
{
	return record_wire_put_as(key, RECORD_VERSION, type, msg, out);
}

int
record_wire_get_as(struct slice key, struct slice val, uint8_t version,
    const struct wire_type *type, struct arena *arena, void *msg_out)
{
	struct rd r;
	int err = row_open_as(key, val, version, &r);
	struct slice copy;

	if (err != OK)
		return err;
	copy = arena_copy(arena, r.s);
	if (arena->err != OK)
		return arena->err;
	err = wire_decode(type, copy, arena, msg_out);
	return err == ERR_FRAME || err == ERR_LIMIT ? ERR_CORRUPT : err;
}

int
record_wire_get(struct slice key, struct slice val, const struct wire_type *type,
    struct arena *arena, void *msg_out)
{
	return record_wire_get_as(key, val, RECORD_VERSION, type, arena, msg_out);
}

void
record_account_put(struct slice key, const struct record_account *a, struct buf *out)
{
	row_begin_as(out, RECORD_VERSION_2);
	add_octets(out, a->guid, sizeof a->guid);
	buf_add_u64(out, a->octets);
	buf_add_u64(out, a->messages);
	buf_add_u32(out, a->next_mailbox);
	buf_add_u32(out, a->last_uidvalidity);
	buf_add_u32(out, a->keyset_open);
	buf_add_u32(out, a->keyset_mat);
	add_octets(out, a->group, sizeof a->group);
	buf_add_u8(out, a->warned);
	buf_add_u64(out, a->expunged_octets);
	buf_add_u64(out, a->expunged_messages);
	row_end(key, out);
}

int
record_account_get(struct slice key, struct slice val, struct record_account *out)
{
	struct rd r;
	bool v2;
	int err = row_open_2(key, val, &r, &v2);

	if (err != OK)
		return err;
	rd_copy(&r, out->guid, sizeof out->guid);
	out->octets = rd_u64(&r);
	out->messages = rd_u64(&r);
	out->next_mailbox = rd_u32(&r);
	out->last_uidvalidity = rd_u32(&r);
	out->keyset_open = rd_u32(&r);
	out->keyset_mat = rd_u32(&r);
	out->warned = 0;
	out->expunged_octets = out->expunged_messages = 0;
	memset(out->group, 0, sizeof out->group);
	if (v2) {
		rd_copy(&r, out->group, sizeof out->group);
		out->warned = rd_u8(&r);
		out->expunged_octets = rd_u64(&r);
		out->expunged_messages = rd_u64(&r);
	}
	return row_done(&r);
}

void
record_group_put(struct slice key, const struct record_group *g, struct buf *out)
{
	row_begin(out);
	buf_add_u64(out, g->octets);
	buf_add_u64(out, g->messages);
	buf_add_u32(out, g->accounts);
	buf_add_u8(out, g->warned);
	row_end(key, out);
}

int
record_group_get(struct slice key, struct slice val, struct record_group *out)
{
	struct rd r;
	int err = row_open(key, val, &r);

	if (err != OK)
		return err;
	out->octets = rd_u64(&r);
	out->messages = rd_u64(&r);
	out->accounts = rd_u32(&r);
	out->warned = rd_u8(&r);
	return row_done(&r);
}

struct slice
record_box_name(const struct record_box *box)
{
	return (struct slice){ box->name, box->name_octets };
}

struct slice
record_box_keyword(const struct record_box *box, size_t i)
{
	return (struct slice){ box->keywords[i], box->keyword_octets[i] };
}

void
record_box_put(struct slice key, const struct record_box *box, struct buf *out)
{
	const uint32_t numbers[] = { box->uidvalidity, box->uidnext, box->exists, box->unseen,
		box->deleted, box->recent_uid, box->keyset, box->vanished_rows };

	row_begin_as(out, RECORD_VERSION_2);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		buf_add_u32(out, numbers[i]);
	buf_add_u64(out, box->octets);
	buf_add_u64(out, box->modseq);
	buf_add_u64(out, box->vanished_floor);
	buf_add_u8(out, box->class);
	buf_add_u8(out, box->special_use);
	buf_add_u8(out, box->has);
	buf_add_u16(out, box->name_octets);
	buf_add(out, record_box_name(box));
	buf_add_u8(out, box->keywords_n);
	for (size_t i = 0; i < box->keywords_n; i++) {
		buf_add_u8(out, box->keyword_octets[i]);
		buf_add(out, record_box_keyword(box, i));
	}
	buf_add_u64(out, box->recent_floor);
	buf_add_u64(out, box->recent_top);
	buf_add_u8(out, box->recent_n);
	for (size_t i = 0; i < box->recent_n; i++) {
		buf_add_u64(out, box->recent[i].modseq);
		buf_add_u32(out, box->recent[i].lo);
		buf_add_u32(out, box->recent[i].hi);
	}
	row_end(key, out);
}

static void
get_recent(struct rd *r, struct record_box *out)
{
	out->recent_floor = rd_u64(r);
	out->recent_top = rd_u64(r);
	out->recent_n = rd_u8(r);
	if (out->recent_n > RECORD_RECENT_MAX)
		r->err = ERR_FRAME;
	for (size_t i = 0; i < out->recent_n && r->err == OK; i++) {
		out->recent[i].modseq = rd_u64(r);
		out->recent[i].lo = rd_u32(r);
		out->recent[i].hi = rd_u32(r);
	}
}

static void
get_keywords(struct rd *r, struct record_box *out)
{
	out->keywords_n = rd_u8(r);
	if (out->keywords_n > ST_KEYWORDS_MAX)
		r->err = ERR_FRAME;
	for (size_t i = 0; i < out->keywords_n && r->err == OK; i++) {
		out->keyword_octets[i] = rd_u8(r);
		if (out->keyword_octets[i] > ST_KEYWORD_OCTETS)
			r->err = ERR_FRAME;
		else
			rd_copy(r, out->keywords[i], out->keyword_octets[i]);
	}
}

int
record_box_get(struct slice key, struct slice val, struct record_box *out)
{
	uint32_t *const numbers[] = { &out->uidvalidity, &out->uidnext, &out->exists, &out->unseen,
		&out->deleted, &out->recent_uid, &out->keyset, &out->vanished_rows };
	struct rd r;
	bool v2;
	int err = row_open_2(key, val, &r, &v2);

	if (err != OK)
		return err;
	out->account = record_key_read_u32(key, 0);
	out->id = record_key_read_u32(key, 5);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		*numbers[i] = rd_u32(&r);
	out->octets = rd_u64(&r);
	out->modseq = rd_u64(&r);
	out->vanished_floor = rd_u64(&r);
	out->class = rd_u8(&r);
	out->special_use = rd_u8(&r);
	out->has = v2 ? rd_u8(&r) : 0;
	out->name_octets = rd_u16(&r);
	if (out->name_octets > ST_NAME_MAX)
		return ERR_CORRUPT;
	rd_copy(&r, out->name, out->name_octets);
	get_keywords(&r, out);
	out->recent_floor = out->recent_top = 0;
	out->recent_n = 0;
	if (v2)
		get_recent(&r, out);
	return row_done(&r);
}

void
record_thread_own(const uint8_t *email_id, uint8_t thread_id_out[8])
{
	memcpy(thread_id_out, email_id, 8);
}

uint8_t
record_sig(const struct st_audit *audit, size_t audit_n, bool kept_inside)
{
	return (uint8_t)((audit_n > 0 ? audit[0].sig : 0) | (kept_inside ? ST_KEPT_INSIDE : 0));
}

void
record_message_put(struct slice key, const struct store_record *m, struct buf *out)
{
	row_begin_as(out, RECORD_VERSION_2);
	buf_add_u8(out, m->level);
	buf_add_u16(out, m->flags);
	buf_add_u32(out, m->keyset);
	buf_add_u32(out, m->size_octets);
	buf_add_u64(out, m->modseq);
	buf_add_u64(out, m->keywords);
	buf_add_u64(out, (uint64_t)m->internal_date_s);
	buf_add_u64(out, (uint64_t)m->save_date_s);
	buf_add_u64(out, m->blob);
	add_octets(out, m->email_id, sizeof m->email_id);
	add_octets(out, m->wrapped_key, sizeof m->wrapped_key);
	add_octets(out, m->thread_id, sizeof m->thread_id);
	buf_add_u8(out, m->sig);
	row_end(key, out);
}

int
record_message_get(struct slice key, struct slice val, struct store_record *out)
{
	struct rd r;
	bool v2;
	int err = row_open_2(key, val, &r, &v2);

	if (err != OK)
		return err;
	out->uid = record_key_read_u32(key, key.n - 4);
	out->level = rd_u8(&r);
	out->flags = rd_u16(&r);
	out->keyset = rd_u32(&r);
	out->size_octets = rd_u32(&r);
	out->modseq = rd_u64(&r);
	out->keywords = rd_u64(&r);
	out->internal_date_s = (int64_t)rd_u64(&r);
	out->save_date_s = (int64_t)rd_u64(&r);
	out->blob = rd_u64(&r);
	rd_copy(&r, out->email_id, sizeof out->email_id);
	rd_copy(&r, out->wrapped_key, sizeof out->wrapped_key);
	memset(out->thread_id, 0, sizeof out->thread_id);
	out->sig = 0;
	if (v2) {
		rd_copy(&r, out->thread_id, sizeof out->thread_id);
		out->sig = rd_u8(&r);
	} else
		(void)rd_u32(&r);	/* was kept for a thread */
	return row_done(&r);
}

int
record_message_peek(struct slice val, uint16_t *flags_out, uint64_t *modseq_out)
{
	/* Behind version, checksum and level; keyset and size stand between. */
	enum { FLAGS_AT = 6, MODSEQ_AT = FLAGS_AT + 2 + 4 + 4 };
	uint64_t modseq = 0;

	if (val.n < MODSEQ_AT + 8)
		return ERR_CORRUPT;
	*flags_out = (uint16_t)((unsigned char)val.p[FLAGS_AT] |
	    (unsigned char)val.p[FLAGS_AT + 1] << 8);
	for (unsigned i = 8; i > 0; i--)
		modseq = modseq << 8 | (unsigned char)val.p[MODSEQ_AT + i - 1];
	*modseq_out = modseq;
	return OK;
}

void
record_blob_put(struct slice key, const struct record_blob *b, struct buf *out)
{
	row_begin_as(out, RECORD_VERSION_2);
	buf_add_u64(out, b->offset);
	buf_add_u32(out, b->segment);
	buf_add_u32(out, b->head_octets);
	buf_add_u32(out, b->size_octets);
	buf_add_u32(out, b->refs);
	buf_add_u64(out, b->stored_octets);
	row_end(key, out);
}

int
record_blob_get(struct slice key, struct slice val, struct record_blob *out)
{
	struct rd r;
	bool v2;
	int err = row_open_2(key, val, &r, &v2);

	if (err != OK)
		return err;
	out->offset = rd_u64(&r);
	out->segment = rd_u32(&r);
	out->head_octets = rd_u32(&r);
	out->size_octets = rd_u32(&r);
	out->refs = rd_u32(&r);
	out->stored_octets = v2 ? rd_u64(&r) : 0;
	return row_done(&r);
}

void
record_segment_put(struct slice key, const struct record_segment *s, struct buf *out)
{
	row_begin(out);
	buf_add_u64(out, s->total_octets);
	buf_add_u64(out, s->live_octets);
	buf_add_u32(out, s->frames);
	buf_add_u32(out, s->live_frames);
	buf_add_u8(out, s->state);
	buf_add_u64(out, (uint64_t)s->born_s);
	add_octets(out, s->epoch_public, sizeof s->epoch_public);
	row_end(key, out);
}

int
record_segment_get(struct slice key, struct slice val, struct record_segment *out)
{
	struct rd r;
	int err = row_open(key, val, &r);

	if (err != OK)
		return err;
	out->total_octets = rd_u64(&r);
	out->live_octets = rd_u64(&r);
	out->frames = rd_u32(&r);
	out->live_frames = rd_u32(&r);
	out->state = rd_u8(&r);
	out->born_s = (int64_t)rd_u64(&r);
	rd_copy(&r, out->epoch_public, sizeof out->epoch_public);
	return row_done(&r);
}

void
record_vanished_put(struct slice key, uint32_t time_s, const struct st_range *r, size_t n,
    struct buf *out)
{
	assert(n <= RECORD_VANISHED_MAX);
	row_begin_as(out, RECORD_VERSION_2);
	buf_add_u32(out, time_s);
	for (size_t i = 0; i < n; i++) {
		buf_add_u32(out, r[i].lo);
		buf_add_u32(out, r[i].hi);
	}
	row_end(key, out);
}

int
record_vanished_get(struct slice key, struct slice val, struct st_range *out, size_t *n_out)
{
	struct rd r;
	bool v2;
	int err = row_open_2(key, val, &r, &v2);

	*n_out = 0;
	if (err != OK)
		return err;
	if (v2)
		(void)rd_u32(&r);
	if (r.s.n > 8U * RECORD_VANISHED_MAX)
		return ERR_CORRUPT;
	while (r.s.n > 0 && r.err == OK) {
		struct st_range one = { rd_u32(&r), 0 };

		one.hi = rd_u32(&r);
		if (one.lo == 0 || one.lo > one.hi)
			return ERR_CORRUPT;
		out[(*n_out)++] = one;
	}
	return row_done(&r);
}

int
record_vanished_time(struct slice key, struct slice val, uint32_t *time_s_out)
{
	struct rd r;
	bool v2;
	int err = row_open_2(key, val, &r, &v2);

	if (err != OK)
		return err;
	*time_s_out = v2 ? rd_u32(&r) : 0;
	return r.err;
}

void
record_rights_put(struct slice key, const struct record_rights *r, struct buf *out)
{
	row_begin(out);
	buf_add_u16(out, r->rights);
	buf_add(out, r->identifier);
	row_end(key, out);
}

int
record_rights_get(struct slice key, struct slice val, struct record_rights *out)
{
	struct rd r;
	int err = row_open(key, val, &r);

	if (err != OK)
		return err;
	out->rights = rd_u16(&r);
	out->identifier = r.s;
	return r.err != OK || r.s.n == 0 || r.s.n > ST_IDENTIFIER_MAX ? ERR_CORRUPT : OK;
}

void
record_entry_put(struct slice key, const struct record_entry *e, struct buf *out)
{
	row_begin(out);
	buf_add_u16(out, (uint16_t)e->name.n);
	buf_add(out, e->name);
	buf_add(out, e->value);
	row_end(key, out);
}

int
record_entry_get(struct slice key, struct slice val, struct record_entry *out)
{
	struct rd r;
	int err = row_open(key, val, &r);
	uint16_t n;

	if (err != OK)
		return err;
	n = rd_u16(&r);
	out->name = rd_bytes(&r, n);
	out->value = r.s;
	return r.err != OK || n > ST_ENTRY_NAME_MAX || r.s.n > ST_ENTRY_VALUE_MAX ?
	    ERR_CORRUPT : OK;
}

void
record_seen_put(struct slice key, const struct record_seen *s, struct buf *out)
{
	assert(s->n <= RECORD_SEEN_MAX);
	row_begin(out);
	buf_add_u64(out, s->modseq);
	for (size_t i = 0; i < s->n; i++) {
		buf_add_u32(out, s->v[i].lo);
		buf_add_u32(out, s->v[i].hi);
		buf_add_u64(out, s->v[i].modseq);
		buf_add_u8(out, s->v[i].seen);
	}
	row_end(key, out);
}

int
record_seen_get(struct slice key, struct slice val, struct record_seen *out)
{
	struct rd r;
	int err = row_open(key, val, &r);
	uint32_t last = 0;

	out->n = 0;
	if (err != OK)
		return err;
	out->modseq = rd_u64(&r);
	while (r.s.n > 0 && r.err == OK) {
		struct record_seen_range *one = &out->v[out->n];
		uint8_t seen;

		if (out->n == RECORD_SEEN_MAX)
			return ERR_CORRUPT;
		one->lo = rd_u32(&r);
		one->hi = rd_u32(&r);
		one->modseq = rd_u64(&r);
		seen = rd_u8(&r);
		one->seen = seen != 0;
		if (r.err != OK || one->lo <= last || one->lo > one->hi || seen > 1)
			return ERR_CORRUPT;
		last = one->hi;
		out->n++;
	}
	return row_done(&r);
}

size_t
record_seen_at(const struct record_seen *s, uint32_t uid)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->v[mid].hi < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct record_seen_range *
record_seen_find(const struct record_seen *s, uint32_t uid)
{
	size_t at = record_seen_at(s, uid);

	return at < s->n && s->v[at].lo <= uid ? &s->v[at] : NULL;
}

void
record_text_put(struct slice key, struct slice text, struct buf *out)
{
	row_begin(out);
	buf_add(out, text);
	row_end(key, out);
}

int
record_text_get(struct slice key, struct slice val, struct slice *out)
{
	struct rd r;
	int err = row_open(key, val, &r);

	*out = r.s;
	return err;
}

void
record_u64_put(struct slice key, uint64_t v, struct buf *out)
{
	row_begin(out);
	buf_add_u64(out, v);
	row_end(key, out);
}

int
record_u64_get(struct slice key, struct slice val, uint64_t *out)
{
	struct rd r;
	int err = row_open(key, val, &r);

	if (err != OK)
		return err;
	*out = rd_u64(&r);
	return row_done(&r);
}
