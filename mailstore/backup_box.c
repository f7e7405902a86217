/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/backup_box.h"

#include <stdlib.h>
#include <string.h>

#include "mailstore/backup_internal.h"
#include "mailstore/control.h"
#include "mailstore/frame.h"
#include "mailstore/index.h"
#include "mailstore/name.h"

enum { KEYSETS_MAX = 64 };

struct reading {
	struct backup_box *out;
	struct slice	   guid, name;
	uint32_t	   account, mailbox;	/* 0: not met yet */
	size_t		   cap, keysets_n;
	struct keyset {
		uint32_t id;
		uint8_t	 public[32];
	} keysets[KEYSETS_MAX];
	struct backup_mail **by_blob;		/* made when the messages are all there */
	struct record_box  box;
	struct arena	   a;
};

/* ---- the account ---- */

static int
on_control(void *arg, const struct dump_row *row)
{
	struct reading *rd = arg;
	struct control_account acct;
	int r;

	if (!slice_is(row->tree, "account") || !slice_eq(row->key, rd->guid))
		return OK;
	r = control_account_get(row->key, row->val, &rd->a, &acct);
	if (r != OK)
		return r;
	rd->account = acct.number;
	for (size_t i = 0; i < acct.keysets_n && rd->keysets_n < KEYSETS_MAX; i++) {
		struct keyset *ks = &rd->keysets[rd->keysets_n];

		if (acct.keysets[i].public_key.n != 32)
			continue;
		ks->id = acct.keysets[i].id;
		memcpy(ks->public, acct.keysets[i].public_key.p, 32);
		rd->keysets_n++;
	}
	arena_clear(&rd->a);
	return OK;
}

/* ---- the messages ---- */

static int
take_box(struct reading *rd, const struct dump_row *row)
{
	int r = record_box_get(row->key, row->val, &rd->box);

	if (r == OK && slice_eq(record_box_name(&rd->box), rd->name)) {
		rd->mailbox = record_key_read_u32(row->key, 5);
		rd->out->box = rd->box;
	}
	return r;
}

static void
find_keyset(const struct reading *rd, struct backup_mail *m)
{
	for (size_t i = 0; i < rd->keysets_n; i++)
		if (rd->keysets[i].id == m->rec.keyset) {
			memcpy(m->keyset_public, rd->keysets[i].public, 32);
			m->has_keyset = true;
		}
}

static int
take_message(struct reading *rd, const struct dump_row *row)
{
	struct backup_box *out = rd->out;
	struct backup_mail *m;
	int r;

	if (rd->mailbox == 0 || record_key_read_u32(row->key, 5) != rd->mailbox)
		return OK;
	if (out->n == rd->cap) {
		size_t cap = rd->cap == 0 ? 256 : 2 * rd->cap;
		void *v = realloc(out->mail, cap * sizeof *out->mail);

		if (v == NULL)
			return ERR_NOMEM;
		out->mail = v;
		rd->cap = cap;
	}
	m = &out->mail[out->n];
	*m = (struct backup_mail){ .has_place = false };
	r = record_message_get(row->key, row->val, &m->rec);
	if (r == ERR_CORRUPT)
		return OK;	/* the others are whole */
	find_keyset(rd, m);
	out->n += r == OK;
	return r;
}

static int
take_row(struct reading *rd, const struct dump_row *row)
{
	char letter = row->key.n > 4 ? row->key.p[4] : 0;

	if (row->key.n < 9 || record_key_read_u32(row->key, 0) != rd->account)
		return OK;
	if (letter == RECORD_BOX && row->key.n == 9)
		return take_box(rd, row);
	return letter == RECORD_MESSAGE && row->key.n == 13 ? take_message(rd, row) : OK;
}

/* ---- where they are ---- */

static int
by_blob(const void *a, const void *b)
{
	const struct backup_mail *const *x = a, *const *y = b;

	return (*x)->rec.blob < (*y)->rec.blob ? -1 : (*x)->rec.blob > (*y)->rec.blob;
}

static int
sort_mail(struct reading *rd)
{
	struct backup_box *out = rd->out;

	if (rd->by_blob != NULL)
		return OK;
	rd->by_blob = calloc(out->n + 1, sizeof(struct backup_mail *));
	if (rd->by_blob == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < out->n; i++)
		rd->by_blob[i] = &out->mail[i];
	qsort(rd->by_blob, out->n, sizeof(struct backup_mail *), by_blob);
	return OK;
}

/* The first message whose blob is not below that one. */
static size_t
first_of(const struct reading *rd, uint64_t blob)
{
	size_t lo = 0, hi = rd->out->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (rd->by_blob[mid]->rec.blob < blob)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int
take_blob(struct reading *rd, const struct dump_row *row)
{
	uint64_t blob = row->key.n == 8 ? record_key_read_u64(row->key, 0) : 0;
	struct record_blob place;
	size_t i = first_of(rd, blob);
	int r;

	if (i == rd->out->n || rd->by_blob[i]->rec.blob != blob)
		return OK;
	r = record_blob_get(row->key, row->val, &place);
	if (r != OK)
		return r == ERR_CORRUPT ? OK : r;
	for (; i < rd->out->n && rd->by_blob[i]->rec.blob == blob; i++) {
		rd->by_blob[i]->place = place;
		rd->by_blob[i]->has_place = true;
	}
	return OK;
}

static void
set_epoch(struct reading *rd, uint32_t segment, const uint8_t epoch[32])
{
	for (size_t i = first_of(rd, (uint64_t)segment << 32); i < rd->out->n &&
	    rd->by_blob[i]->rec.blob >> 32 == segment; i++) {
		memcpy(rd->by_blob[i]->epoch_public, epoch, 32);
		rd->by_blob[i]->has_epoch = true;
	}
}

static int
take_segment(struct reading *rd, const struct dump_row *row)
{
	struct record_segment seg;
	int r = row->key.n == 4 ? record_segment_get(row->key, row->val, &seg) : ERR_CORRUPT;

	if (r == OK)
		set_epoch(rd, record_key_read_u32(row->key, 0), seg.epoch_public);
	return r == ERR_CORRUPT ? OK : r;
}

static int
on_index(void *arg, const struct dump_row *row)
{
	struct reading *rd = arg;
	int r;

	if (slice_is(row->tree, "t"))
		return take_row(rd, row);
	if (!slice_is(row->tree, "blob") && !slice_is(row->tree, "seg"))
		return OK;
	r = sort_mail(rd);
	if (r != OK)
		return r;
	return slice_is(row->tree, "blob") ? take_blob(rd, row) : take_segment(rd, row);
}

/* A segment that never was counted has no row: its header, which the parts repeat, tells. */
static void
epochs_of_parts(struct reading *rd, const struct backup_manifest *m)
{
	for (size_t i = 0; i < m->parts_n; i++)
		if (m->parts[i].offset == 0)
			set_epoch(rd, m->parts[i].segment, m->parts[i].epoch_public);
}

int
backup_box(struct backup *b, const struct backup_manifest *m, struct slice guid, struct slice name,
    struct backup_box *out)
{
	struct reading *rd = calloc(1, sizeof *rd);
	struct buf normal;
	int r;

	*out = (struct backup_box){ .mail = NULL };
	if (rd == NULL)
		return ERR_NOMEM;
	buf_init(&normal, ST_NAME_MAX + 1);
	r = name_normal(name, &normal);
	*rd = (struct reading){ .out = out, .guid = guid, .name = buf_slice(&normal) };
	arena_init(&rd->a, 1 << 20);
	if (r == OK)
		r = backup_rows(b, m, "control.dump", on_control, rd);
	if (r == OK && rd->account == 0)
		r = ERR_NOENT;
	if (r == OK)
		r = backup_rows(b, m, "index.dump", on_index, rd);
	if (r == OK && rd->mailbox == 0)
		r = ERR_NOENT;
	if (r == OK)
		r = sort_mail(rd);
	if (r == OK)
		epochs_of_parts(rd, m);
	free(rd->by_blob);
	buf_fini(&normal);
	arena_clear(&rd->a);
	free(rd);
	if (r != OK)
		backup_box_free(out);
	return r;
}

void
backup_box_free(struct backup_box *box)
{
	free(box->mail);
	box->mail = NULL;
	box->n = 0;
}

/* What the row says of the frame's length is believed only as far as its own header says so. */
int
backup_box_frame(struct backup *b, const struct backup_manifest *m, const struct backup_mail *mail,
    struct buf *out)
{
	char head[FRAME_HEADER_OCTETS], *dst;
	struct frame f;
	size_t n;
	int r = !mail->has_place || !mail->has_epoch || !mail->has_keyset ? ERR_CORRUPT :
	    backup_frame(b, m, mail->place.segment, mail->place.offset, head, sizeof head);

	if (r == OK)
		r = frame_get_header((struct slice){ head, sizeof head }, &f);
	if (r == OK && (frame_blob(f.segment, f.lsn) != mail->rec.blob ||
	    f.stored_octets > 2 * (uint64_t)FRAME_SIZE_MAX))
		r = ERR_CORRUPT;
	if (r != OK)
		return r;
	n = frame_head_octets(f.chunks) + f.stored_octets;
	dst = buf_reserve(out, n);
	r = dst == NULL ? out->err :
	    backup_frame(b, m, mail->place.segment, mail->place.offset, dst, n);
	buf_added(out, r == OK ? n : 0);
	return r;
}
