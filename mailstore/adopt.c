/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/adopt.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/control.h"
#include "common/file.h"
#include "mailstore/crc.h"
#include "mailstore/path.h"

/* ---- checks ---- */

static int
check_item(const struct st_restore_item *it)
{
	return it->epoch_public.n == 32 && it->keyset_public.n == 32 &&
	    it->wrapped_key.n == CRYPT_WRAP_OCTETS && it->email_id.n == 16 &&
	    (it->thread_id.n == 0 || it->thread_id.n == 8) ? OK : ERR_INVAL;
}

/* Is it the whole frame of that blob, unhurt? */
static int
check_frame(const struct st_restore_item *it, struct slice octets, struct frame *f)
{
	uint32_t *table;
	size_t head;
	int r = frame_get_header(octets, f);

	if (r != OK)
		return r;
	head = frame_head_octets(f->chunks);
	if (octets.n < head || octets.n - head != f->stored_octets ||
	    frame_blob(f->segment, f->lsn) != it->blob || f->size_octets != it->size_octets)
		return ERR_CORRUPT;
	table = calloc(f->chunks, sizeof *table);
	if (table == NULL)
		return ERR_NOMEM;
	r = frame_get_table(slice_sub(octets, 0, head), f, table);
	free(table);
	if (r == OK && crc32c(0, slice_from(octets, head)) != f->body_crc)
		r = ERR_CORRUPT;
	return r;
}

/* The keyset must be the account's, and the same: after a restore its number may have been given
 * once more. */
static bool
check_keyset(struct engine *e, uint32_t account, const struct st_restore_item *it,
    uint8_t *class_out)
{
	struct account *a = accounts_number(e->accounts, account);
	const struct account_keyset *ks = a == NULL ? NULL : account_keyset_find(a, it->keyset);

	if (ks == NULL || (memcmp(ks->public, it->keyset_public.p, 32) != 0 &&
	    !control_off("restore-keyset")))
		return false;
	*class_out = ks->class;
	return true;
}

/* The epoch of the segment that a blob's number names, as this store knows it: 1; 0: it does
 * not. */
static int
known_epoch(struct engine *e, uint32_t segment, uint8_t out[32])
{
	const uint8_t *epoch;
	struct record_segment row;
	int fd, r = index_segment_get(e->ix, segment, &row);

	if (r == OK) {
		memcpy(out, row.epoch_public, 32);
		return 1;
	}
	if (r != ERR_NOENT)
		return r;
	r = segment_cache_get(e->segments, segment, &fd, &epoch);
	if (r != OK)
		return r == ERR_CORRUPT ? 0 : r;
	memcpy(out, epoch, 32);
	return 1;
}

/* ---- seal ---- */

/* In a read transaction: what is to be done with an item. 1: its frame is needed. */
static int
look_at_item(struct engine *e, const struct box_scope *sc, const struct st_restore_item *it,
    struct adopt_item *out)
{
	struct record_blob blob;
	uint8_t epoch[32];
	int r = check_item(it);

	if (r != OK)
		return r;
	out->pass = !check_keyset(e, sc->account, it, &out->class);
	if (out->pass)
		return 0;
	r = known_epoch(e, (uint32_t)(it->blob >> 32), epoch);
	if (r == 1)
		out->pass = memcmp(epoch, it->epoch_public.p, 32) != 0 &&
		    !control_off("restore-epoch");
	if (r < 0 || out->pass)
		return r < 0 ? r : 0;
	r = index_blob_get(e->ix, it->blob, &blob);
	return r == ERR_NOENT ? 1 : r;
}

static int
look(struct engine *e, const struct box_scope *sc, const struct st_restore_request *req,
    struct arena *a, struct adopt *out)
{
	int r = index_begin_read(e->ix);

	if (r != OK)
		return r;
	r = box_token_get(e->ix, sc, req->token, &st_restore_reply_wire, a, &out->reply);
	out->repeated = r == OK;
	if (r == ERR_NOENT)
		r = OK;
	for (size_t i = 0; i < req->items_n && r == OK && !out->repeated; i++) {
		r = look_at_item(e, sc, &req->items[i], &out->items[i]);
		out->items[i].has = r == 1;
		r = r < 0 ? r : OK;
	}
	index_abort(e->ix);
	return r;
}

/* ---- the segment ---- */

static int
seg_path(struct engine *e, uint32_t number, char out[SEGMENT_PATH_OCTETS])
{
	char dir[PATH_OCTETS];
	int r = path_store(e->conf.state_dir, "seg", dir);

	return r == OK ? segment_name(dir, number, out) : r;
}

static int
begin_segment(struct engine *e, struct adopt *ad)
{
	char dir[PATH_OCTETS];
	uint32_t number;
	int r = path_store(e->conf.state_dir, "seg", dir);

	if (r == OK)
		r = segment_writer_number(e->seg, &number);
	if (r == OK)
		r = segment_target_new(dir, number, ad->epoch_public, &ad->fd);
	if (r != OK)
		return r;
	ad->segment = number;
	ad->end = SEGMENT_HEADER_OCTETS;
	return OK;
}

static int
write_frame(struct adopt *ad, struct slice octets)
{
	int r = file_write_at(ad->fd, octets, ad->end);

	if (r == OK)
		ad->end += octets.n;
	return r;
}

/* Two messages of a mailbox may be one body. */
static bool
is_written(const struct st_restore_request *req, const struct adopt *ad, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (ad->items[k].has && req->items[k].blob == req->items[i].blob)
			return true;
	return false;
}

static int
append(struct engine *e, const struct st_restore_item *it, struct slice octets, struct adopt *ad,
    struct adopt_item *out)
{
	struct frame f;
	int r = check_frame(it, octets, &f);

	if (r == OK && ad->segment == 0)
		r = begin_segment(e, ad);
	if (r != OK)
		return r;
	out->place = (struct record_blob){ .offset = ad->end, .segment = ad->segment,
		.head_octets = (uint32_t)frame_head_octets(f.chunks),
		.size_octets = f.size_octets, .stored_octets = octets.n };
	return write_frame(ad, octets);
}

static int
append_all(struct engine *e, const struct st_restore_request *req, struct slice frames,
    struct adopt *ad)
{
	size_t at = 0;
	int r = OK;

	for (size_t i = 0; i < req->items_n && r == OK; i++) {
		const struct st_restore_item *it = &req->items[i];

		if (it->frame_octets > frames.n - at)
			return ERR_INVAL;
		if (ad->items[i].has && is_written(req, ad, i))
			ad->items[i].has = false;
		if (ad->items[i].has)
			r = append(e, it, slice_sub(frames, at, it->frame_octets), ad,
			    &ad->items[i]);
		at += it->frame_octets;
	}
	if (r == OK && ad->segment != 0 && fdatasync(ad->fd) != 0)
		r = -errno;
	return r;
}

static void
close_segment(struct adopt *ad)
{
	if (ad->segment != 0 && ad->fd >= 0)
		close(ad->fd);
	ad->fd = -1;
}

void
adopt_undo(struct engine *e, struct adopt *ad)
{
	char path[SEGMENT_PATH_OCTETS];

	if (ad->segment != 0 && seg_path(e, ad->segment, path) == OK)
		(void)unlink(path);	/* or the next start finds it */
	ad->segment = 0;
}

int
adopt_seal(struct engine *e, const struct box_scope *sc, const struct st_restore_request *req,
    struct slice frames, struct arena *a, struct adopt *out)
{
	int r = engine_room(e, frames.n);

	*out = (struct adopt){ .items = arena_array(a, req->items_n, sizeof *out->items),
		.fd = -1 };
	if (out->items == NULL)
		return a->err;
	if (r == OK)
		r = look(e, sc, req, a, out);
	if (r == OK && !out->repeated)
		r = append_all(e, req, frames, out);
	close_segment(out);
	if (r != OK)
		adopt_undo(e, out);
	return r;
}

/* ---- index ---- */

/* The key of an adopted message needs the epoch of a segment that may be long gone. */
static int
keep_epoch(struct engine *e, const struct box_scope *sc, const struct st_restore_item *it)
{
	struct record_segment row = { .state = SEGMENT_GONE, .born_s = sc->now_s };
	uint32_t segment = (uint32_t)(it->blob >> 32);
	uint8_t epoch[32];
	int r = known_epoch(e, segment, epoch);

	if (r != 0)
		return r == 1 ? OK : r;
	memcpy(row.epoch_public, it->epoch_public.p, 32);
	return index_segment_put(e->ix, segment, &row);
}

/* The row of the segment made for them; box_blob counts what lives in it. */
static int
put_segment(struct engine *e, const struct box_scope *sc, const struct adopt *ad)
{
	struct record_segment row = { .state = SEGMENT_SEALED, .born_s = sc->now_s };

	if (ad->segment == 0)
		return OK;
	row.total_octets = ad->end - SEGMENT_HEADER_OCTETS;
	memcpy(row.epoch_public, ad->epoch_public, 32);
	return index_segment_put(e->ix, ad->segment, &row);
}

static int
put_item(struct engine *e, const struct box_scope *sc, const struct st_restore_request *req,
    const struct st_restore_item *it, struct adopt_item *ad, struct st_restore_reply *out)
{
	struct box_message m = { .place = ad->place, .blob = it->blob, .flags = it->flags,
		.internal_date_s = (int64_t)it->internal_date_s,
		.save_date_s = (int64_t)it->save_date_s, .level = it->level, .sig = it->sig,
		.keyset_class = ad->class, .email_id = (const uint8_t *)it->email_id.p,
		.thread_id = it->thread_id.n == 8 ? (const uint8_t *)it->thread_id.p : NULL,
		.keywords = it->keywords, .keywords_n = it->keywords_n };
	struct record_blob blob;
	int r = index_blob_get(e->ix, it->blob, &blob);

	if (r == OK && ad->has)
		r = ERR_AGAIN;	/* it came back in another way, since this was sealed */
	else if (r == OK)
		m.place = blob;
	else if (r == ERR_NOENT && ad->has)
		r = keep_epoch(e, sc, it);
	else if (r == ERR_NOENT)
		r = ERR_AGAIN;
	if (r == OK && m.place.size_octets != it->size_octets)
		r = ERR_CORRUPT;
	if (r == OK)
		r = box_blob(e->ix, &m, 1);
	if (r == OK)
		r = box_add(e->ix, sc, req->mailbox, &m, it->keyset,
		    (const uint8_t *)it->wrapped_key.p, &out->uidvalidity, &out->last_uid);
	return r;
}

int
adopt_index(struct engine *e, const struct box_scope *sc, const struct st_restore_request *req,
    struct arena *a, struct adopt *ad)
{
	int r = ad->repeated ? OK :
	    box_token_get(e->ix, sc, req->token, &st_restore_reply_wire, a, &ad->reply);

	if (r != ERR_NOENT)
		return r;
	ad->reply = (struct st_restore_reply){ .restored = 0 };
	r = put_segment(e, sc, ad);
	for (size_t i = 0; i < req->items_n && r == OK; i++) {
		if (ad->items[i].pass) {
			ad->reply.passed_over++;
			continue;
		}
		r = put_item(e, sc, req, &req->items[i], &ad->items[i], &ad->reply);
		ad->reply.restored += r == OK;
	}
	return r == OK ?
	    box_token_put(e->ix, sc, req->token, &st_restore_reply_wire, &ad->reply) : r;
}
