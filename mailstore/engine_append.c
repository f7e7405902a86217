/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <string.h>

#include "mailstore/engine_internal.h"
#include "mailstore/quota.h"

static int
look_token(struct engine *e, const struct box_scope *sc, struct slice token,
    struct engine_append *out, bool *there_out)
{
	struct arena a;
	int r;

	arena_init(&a, 65536);
	r = box_token_get(e->ix, sc, token, &st_append_reply_wire, &a, &out->reply);
	arena_clear(&a);
	*there_out = r == OK;
	return r == ERR_NOENT ? OK : r;
}

/* The target as it is now; the index step looks again. */
static int
look_at_target(struct engine *e, const struct box_scope *sc, const struct st_append_request *req,
    uint8_t *class_out)
{
	struct record_box *box = &e->ix->box;
	int r = box_get(e->ix, sc, req->mailbox, box);

	if (r == OK && req->level >= LEVEL_MAT && box->class != KEYSET_MAT)
		r = ERR_ACCESS;
	*class_out = box->class;
	return r;
}

static int
look(struct engine *e, const struct box_scope *sc, const struct st_append_request *req,
    struct engine_append *out, uint8_t *class_out)
{
	int r = index_begin_read(e->ix);

	if (r != OK)
		return r;
	r = look_token(e, sc, req->token, out, &out->repeated);
	if (r == OK && !out->repeated)
		r = look_at_target(e, sc, req, class_out);
	index_abort(e->ix);
	return r;
}

/* Where nothing is said of limits (an administrator's import), nothing is checked. */
static int
reserve(struct engine *e, struct account *a, const struct st_append_request *req, uint64_t octets,
    struct engine_append *out)
{
	int r = OK;

	if (out->reserved)
		return OK;
	if (out->unlimited)
		quota_add(e, a->number, octets);
	else
		r = quota_reserve_one(e, a, &req->quota, octets);
	out->reserved = r == OK;
	out->reserved_octets = octets;
	return r;
}

static void
release(struct engine *e, const struct box_scope *sc, struct engine_append *ap)
{
	if (ap->reserved)
		quota_release(e, sc->account, ap->reserved_octets);
	ap->reserved = false;
}

static int
prepare(struct engine *e, const struct box_scope *sc, const struct st_append_request *req,
    struct slice message, struct slice summary, bool patient, struct engine_append *out)
{
	struct account *acct = accounts_number(e->accounts, sc->account);
	struct account_keyset *ks;
	uint8_t class = KEYSET_OPEN;
	int r = acct == NULL ? ERR_NOENT : look(e, sc, req, out, &class);

	if (r != OK || out->repeated)
		return r;
	r = engine_room(e, message.n);
	if (r == OK)
		r = reserve(e, acct, req, message.n, out);
	if (r == OK)
		r = engine_body_begin(e, message, summary, patient, &out->sealing);
	if (r != OK)
		return r;
	ks = account_keyset_for(acct, req->mailbox, class);
	out->keyset = ks->id;
	out->keyset_class = ks->class;
	out->sealing.wraps_n = (size_t)engine_body_wrap(e, &out->sealing, ks, &out->sealing.one,
	    out->wrapped);
	engine_body_start(e, &out->sealing);
	return OK;
}

int
engine_append_prepare(struct engine *e, const struct box_scope *sc,
    const struct st_append_request *req, struct slice message, struct slice summary,
    struct engine_append *out)
{
	return prepare(e, sc, req, message, summary, true, out);
}

int
engine_append_put(struct engine *e, const struct st_append_request *req,
    struct engine_append *out)
{
	struct segment_place at;
	int r = out->repeated ? OK : engine_body_put(e, &out->sealing, &at);

	if (r != OK || out->repeated)
		return r;
	if (req->email_id.n == sizeof out->email_id)
		memcpy(out->email_id, req->email_id.p, sizeof out->email_id);
	else
		crypt_random(out->email_id, sizeof out->email_id);
	thread_of(out->sealing.summary, out->email_id, out->thread_id);
	out->message = (struct box_message){ .blob = at.blob, .flags = req->flags,
		.keyset_class = out->keyset_class, .level = req->level,
		.internal_date_s = (int64_t)req->internal_date_s,
		.email_id = out->email_id, .thread_id = out->thread_id,
		.sig = record_sig(req->audit, req->audit_n, req->kept_inside), .keywords = req->keywords,
		.keywords_n = req->keywords_n, .place = { .offset = at.offset,
		.segment = at.segment, .head_octets = at.head_octets,
		.size_octets = at.size_octets, .stored_octets = at.stored_octets } };
	return OK;
}

void
engine_append_cancel(struct engine *e, struct engine_append *out)
{
	engine_body_cancel(e, &out->sealing);
}

int
engine_append_seal(struct engine *e, const struct box_scope *sc,
    const struct st_append_request *req, struct slice message, struct slice summary,
    struct engine_append *out)
{
	int r;

	*out = (struct engine_append){ .unlimited = out->unlimited };
	r = prepare(e, sc, req, message, summary, false, out);
	return r == OK ? engine_append_put(e, req, out) : r;
}

int
engine_append_index(struct engine *e, const struct box_scope *sc,
    const struct st_append_request *req, struct engine_append *ap)
{
	struct box_scope with = *sc;
	struct box_quota q;
	int r;

	if (ap->repeated)
		return OK;
	/* From here on the row counts it; and if the group is undone, it must fit once more. */
	release(e, sc, ap);
	with.quota = quota_scope(e, sc->account, !ap->unlimited, &q);
	r = look_token(e, sc, req->token, ap, &ap->twin);
	if (r == OK && !ap->twin && !engine_keyset_there(e, sc->account, ap->keyset))
		r = ERR_UNAVAIL;
	if (r != OK || ap->twin)
		return r;
	r = box_add(e->ix, &with, req->mailbox, &ap->message, ap->keyset, ap->wrapped,
	    &ap->reply.uidvalidity, &ap->reply.uid);
	quota_note(e, sc->account, with.quota);
	if (r == OK)
		r = box_blob(e->ix, &ap->message, 1);
	return r == OK ?
	    box_token_put(e->ix, sc, req->token, &st_append_reply_wire, &ap->reply) : r;
}

void
engine_append_done(struct engine *e, const struct box_scope *sc, struct engine_append *ap)
{
	release(e, sc, ap);
}
