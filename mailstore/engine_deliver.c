/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <string.h>

#include "common/clock.h"
#include "common/control.h"
#include "mailstore/engine_internal.h"
#include "mailstore/queue.h"

/* ---- what may be delivered ---- */

static bool
place_fits(uint8_t level, uint8_t place)
{
	return level < LEVEL_MAT || place != ST_PLACE_INBOX;
}

/* policyd decided already; here a mistake of whoever asks must not become a leak. */
static int
check_levels(const struct st_deliver_request *req)
{
	for (size_t i = 0; i < req->local_n; i++)
		if (!place_fits(req->level, req->local[i].place))
			return ERR_ACCESS;
	for (size_t i = 0; i < req->remote_n; i++)
		if (req->level >= LEVEL_MAT && req->remote[i].zone != ZONE_INTERNAL &&
		    !control_off("store-level"))
			return ERR_ACCESS;
	return OK;
}

static int
check_quotas(struct engine *e, const struct st_deliver_request *req, uint64_t size)
{
	int r = OK;

	for (size_t i = 0; i < req->local_n && r == OK; i++)
		r = engine_quota(e, req->local[i].guid, &req->local[i].quota, size);
	return r;
}

static int
check(struct engine *e, const struct st_deliver_request *req, struct slice message)
{
	int r = req->id.n != ST_ID_OCTETS || req->relay_skip > message.n ? ERR_INVAL : OK;

	for (size_t i = 0; i < req->remote_n && r == OK; i++)
		r = req->remote[i].route.n == 0 ? ERR_INVAL : OK;	/* that is for filed */

	if (r == OK && req->remote_n + req->filed_n > 0 && e->spool_key == NULL)
		r = ERR_UNAVAIL;
	if (r == OK && e->intents_n >= ENGINE_INTENTS_MAX)
		r = ERR_UNAVAIL;
	if (r == OK)
		r = check_levels(req);
	if (r == OK)
		r = engine_room(e, message.n);
	return r == OK ? check_quotas(e, req, message.n) : r;
}

/* ---- sealing ---- */

static uint32_t
mailbox_of(uint8_t place)
{
	return place == ST_PLACE_MAT ? BOX_MAT : place == ST_PLACE_MAT_SENT ? BOX_MAT_SENT :
	    BOX_INBOX;
}

static int
wrap_copy(struct engine *e, const struct st_local *to, uint64_t blob, const uint8_t key[32],
    struct arena *a, struct control_copy *out)
{
	struct account *acct = accounts_find(e->accounts, to->guid);
	uint8_t *wrapped = arena_alloc(a, CRYPT_WRAP_OCTETS);
	struct account_keyset *ks;
	const uint8_t *shared;
	int r;

	if (acct == NULL || wrapped == NULL)
		return acct == NULL ? ERR_UNAVAIL : a->err;
	ks = &acct->keysets[to->place == ST_PLACE_INBOX ? ACCOUNT_OPEN : ACCOUNT_MAT];
	r = account_shared(e->accounts, ks, segment_number(e->seg), segment_epoch_secret(e->seg),
	    &shared);
	if (r != OK)
		return r;
	crypt_wrap(shared, blob, ks->id, key, wrapped);
	*out = (struct control_copy){ acct->number, mailbox_of(to->place), ks->id,
		{ (const char *)wrapped, CRYPT_WRAP_OCTETS } };
	return OK;
}

static int
wrap_copies(struct engine *e, const struct st_deliver_request *req, const uint8_t key[32],
    struct arena *a, struct engine_delivery *d)
{
	struct control_copy *copies = arena_array(a, req->local_n, sizeof *copies);
	int r = copies == NULL ? a->err : OK;

	for (size_t i = 0; i < req->local_n && r == OK; i++)
		r = wrap_copy(e, &req->local[i], d->body.blob, key, a, &copies[i]);
	d->intent.copies = copies;
	d->intent.copies_n = req->local_n;
	if (r == OK && req->remote_n + req->filed_n > 0)
		crypt_wrap(e->spool_key, d->body.blob, (uint32_t)CRYPT_SPOOL_KEYSET, key,
		    d->spool_wrapped);
	return r;
}

/* Asked again, since the answer got lost: it must not fail now, for want of quota or room. */
static int
look_done(struct engine *e, struct slice id, bool *done)
{
	int r = control_begin_read(e->ctl);

	if (r != OK)
		return r;
	r = control_is_done(e->ctl, id);
	control_abort(e->ctl);
	*done = r == 1;
	return r < 0 ? r : OK;
}

int
engine_deliver_seal(struct engine *e, const struct st_deliver_request *req,
    struct slice message, struct slice summary, struct arena *a, struct engine_delivery *out)
{
	struct segment_place at;
	uint8_t key[CRYPT_KEY_OCTETS];
	int r;

	*out = (struct engine_delivery){ .intent = { .id = req->id, .level = req->level,
	    .internal_date_s = (uint64_t)clock_real_s() } };
	r = look_done(e, req->id, &out->repeated);
	if (r != OK || out->repeated)
		return r;
	r = check(e, req, message);
	if (r != OK)
		return r;
	crypt_random(key, sizeof key);
	r = segment_append(e->seg, key, e->conf.compress, summary, message, &at);
	if (r == OK) {
		out->body = (struct control_blob){ at.blob, at.offset, at.segment,
			at.head_octets, at.size_octets };
		out->intent.stored_octets = at.stored_octets;
		r = wrap_copies(e, req, key, a, out);
	}
	crypt_wipe(key, sizeof key);
	return r;
}

/* ---- control ---- */

static size_t
count_route(const struct st_deliver_request *req, struct slice route)
{
	size_t n = 0;

	for (size_t i = 0; i < req->remote_n; i++)
		n += slice_eq(req->remote[i].route, route);
	return n;
}

static bool
is_first_of_route(const struct st_deliver_request *req, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (slice_eq(req->remote[k].route, req->remote[i].route))
			return false;
	return true;
}

static int
fill_recipients(const struct st_deliver_request *req, struct slice route, struct arena *a,
    struct st_queue_entry *e)
{
	e->recipients = arena_array(a, count_route(req, route), sizeof *e->recipients);
	if (e->recipients == NULL)
		return a->err;
	for (size_t i = 0; i < req->remote_n; i++)
		if (slice_eq(req->remote[i].route, route))
			e->recipients[e->recipients_n++] = (struct st_queue_rcpt){
				.index = (uint32_t)i, .address = req->remote[i].address,
				.outcome = ST_DEFERRED, .notify = req->remote[i].notify,
				.orcpt = req->remote[i].orcpt };
	return OK;
}

/* Those that are filed here and whose sender wants to hear so. */
static int
fill_filed(const struct st_deliver_request *req, struct arena *a, struct st_queue_entry *e)
{
	e->recipients = arena_array(a, req->filed_n, sizeof *e->recipients);
	if (e->recipients == NULL)
		return a->err;
	e->recipients_n = req->filed_n;
	for (size_t i = 0; i < req->filed_n; i++)
		e->recipients[i] = (struct st_queue_rcpt){ .index = (uint32_t)i,
			.address = req->filed[i].address, .outcome = ST_DELIVERED,
			.notify = ST_NOTIFY_SUCCESS, .orcpt = req->filed[i].orcpt,
			.tell = req->filed[i].tell };
	return OK;
}

/* One entry for all recipients of a route ("": those filed here). */
static int
enqueue(struct engine *e, const struct st_deliver_request *req, struct engine_delivery *d,
    struct slice route, uint8_t zone, struct arena *a)
{
	int64_t now_ms = clock_real_ms();
	struct st_queue_entry entry = { .id = req->id, .mail_from = req->mail_from,
		.route = route, .zone = zone, .arrival_zone = req->arrival_zone,
		.level = req->level, .utf8 = req->utf8, .body8 = req->body8,
		.arrived_s = (uint64_t)now_ms / 1000, .kind = req->kind, .ret = req->ret,
		.envid = req->envid, .size_octets = d->body.size_octets - req->relay_skip };
	struct control_queue q = { .entry = &entry, .entry_n = 1, .body = &d->body, .body_n = 1,
		.relay_skip = req->relay_skip,
		.wrapped_key = { (const char *)d->spool_wrapped, sizeof d->spool_wrapped } };
	int r = route.n > 0 ? fill_recipients(req, route, a, &entry) :
	    fill_filed(req, a, &entry);

	return r == OK ? queue_add(e->ctl, &q, now_ms) : r;
}

static int
enqueue_all(struct engine *e, const struct st_deliver_request *req, struct engine_delivery *d)
{
	struct arena a;
	int r = OK;

	arena_init(&a, 16 * 1024 * 1024);
	for (size_t i = 0; i < req->remote_n && r == OK; i++)
		if (is_first_of_route(req, i))
			r = enqueue(e, req, d, req->remote[i].route, req->remote[i].zone, &a);
	if (r == OK && req->filed_n > 0 && req->mail_from.n > 0 && req->kind != KIND_DSN)
		r = enqueue(e, req, d, (struct slice){ NULL, 0 }, ZONE_LOCAL, &a);
	arena_clear(&a);
	return r;
}

/* It is a notice: what it settles is settled with it, or neither happens. */
static int
settle(struct engine *e, const struct st_deliver_request *req)
{
	struct st_told_request told;
	struct arena a;
	int r;

	if (req->settles_n == 0)
		return OK;
	arena_init(&a, 48 * 1024 * 1024);
	told = (struct st_told_request){ .id = req->settles[0].id,
		.route = req->settles[0].route, .notice_id = req->id };
	r = queue_may_settle(e->ctl, &req->settles[0], req->id, req->level, &a);
	if (r == OK)
		r = queue_told(e->ctl, &told, clock_real_ms(), &a);
	arena_clear(&a);
	return r;
}

static int
put_intent(struct engine *e, struct engine_delivery *d)
{
	struct record_key k;

	d->number = 0;
	if (d->intent.copies_n == 0)
		return OK;
	d->number = e->next_intent++;
	d->intent.body = &d->body;
	d->intent.body_n = 1;
	k = engine_intent_key(d->number);
	return control_put_intent(e->ctl, CONTROL_INTENT, record_key_slice(&k), &d->intent);
}

int
engine_deliver_control(struct engine *e, const struct st_deliver_request *req,
    struct engine_delivery *d)
{
	int r;

	if (d->repeated)
		return OK;
	r = control_is_done(e->ctl, req->id);	/* by another job of this group */
	if (r != 0) {
		d->repeated = r == 1;
		return r == 1 ? OK : r;
	}
	r = settle(e, req);
	if (r == OK)
		r = put_intent(e, d);
	if (r == OK)
		r = enqueue_all(e, req, d);
	if (r == OK)
		r = audit_add(e->ctl, &e->audit, clock_real_ms(), req->audit, req->audit_n);
	return r == OK ? control_set_done(e->ctl, req->id, clock_real_s()) : r;
}

int
engine_deliver_done(struct engine *e, const struct engine_delivery *d)
{
	if (d->repeated || d->number == 0)
		return OK;
	return engine_intent_open(e, d->number, &d->intent);
}
