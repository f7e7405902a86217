/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <string.h>

#include "common/clock.h"
#include "common/control.h"
#include "mailstore/engine_internal.h"
#include "mailstore/incident.h"
#include "mailstore/queue.h"
#include "mailstore/quota.h"
#include "mailstore/release.h"

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
check(struct engine *e, const struct st_deliver_request *req, size_t size)
{
	int r = req->id.n != ST_ID_OCTETS || req->relay_skip > size ? ERR_INVAL : OK;

	for (size_t i = 0; i < req->remote_n && r == OK; i++)
		r = req->remote[i].route.n == 0 ? ERR_INVAL : OK;	/* that is for filed */

	if (r == OK && req->remote_n + req->filed_n > 0 && e->spool_key == NULL)
		r = ERR_UNAVAIL;
	if (r == OK && e->intents_n >= ENGINE_INTENTS_MAX)
		r = ERR_UNAVAIL;
	if (r == OK)
		r = check_levels(req);
	return r == OK ? engine_room(e, size) : r;
}

/* ---- sealing ---- */

static uint32_t
mailbox_of(uint8_t place)
{
	return place == ST_PLACE_MAT ? BOX_MAT : place == ST_PLACE_MAT_SENT ? BOX_MAT_SENT :
	    BOX_INBOX;
}

enum { WARM_MIN = 64, WARM_PART = 256 };

static struct account_keyset *
keyset_of(struct engine *e, const struct st_local *to)
{
	struct account *acct = accounts_find(e->accounts, to->guid);

	return acct == NULL ? NULL : account_keyset_for(acct, mailbox_of(to->place),
	    to->place == ST_PLACE_INBOX ? KEYSET_OPEN : KEYSET_MAT);
}

static int
wrap_copy(struct engine *e, const struct st_local *to, struct arena *a, struct engine_delivery *d,
    struct control_copy *out)
{
	struct account_keyset *ks = keyset_of(e, to);
	struct engine_body *b = &d->sealing;
	uint8_t *wrapped = arena_alloc(a, CRYPT_WRAP_OCTETS);

	if (ks == NULL || wrapped == NULL)
		return ks == NULL ? ERR_UNAVAIL : a->err;
	b->wraps_n += (size_t)engine_body_wrap(e, b, ks, &b->wraps[b->wraps_n], wrapped);
	*out = (struct control_copy){ accounts_find(e->accounts, to->guid)->number,
		mailbox_of(to->place), ks->id, { (const char *)wrapped, CRYPT_WRAP_OCTETS } };
	return OK;
}

static int
wrap_copies(struct engine *e, const struct st_deliver_request *req, struct arena *a,
    struct engine_delivery *d)
{
	struct control_copy *copies = arena_array(a, req->local_n, sizeof *copies);
	int r = copies == NULL ? a->err : OK;

	if (r == OK && req->local_n > 1) {
		d->sealing.wraps = arena_array(a, req->local_n, sizeof *d->sealing.wraps);
		r = d->sealing.wraps == NULL ? a->err : OK;
	}
	for (size_t i = 0; i < req->local_n && r == OK; i++)
		r = wrap_copy(e, &req->local[i], a, d, &copies[i]);
	d->intent.copies = copies;
	d->intent.copies_n = req->local_n;
	/* What takes a page fault then takes it in a worker, not within the write transaction. */
	d->sealing.touch = clock_us() < e->cold_us ? e->ix : NULL;
	d->sealing.copies = copies;
	d->sealing.copies_n = req->local_n;
	if (r == OK && req->remote_n + req->filed_n > 0)
		crypt_wrap(e->spool_key, frame_blob(d->sealing.f.segment, d->sealing.f.lsn),
		    (uint32_t)CRYPT_SPOOL_KEYSET, d->sealing.key, d->spool_wrapped);
	return r;
}

/* ---- wrapping keys ahead ---- */

/* A message to thousands would hold up all that come after it while their wrapping keys are
 * computed (38 us each): so that is done first, in parts, by all workers. */
static int
warm_start(struct engine *e, const struct st_deliver_request *req, struct arena *a,
    struct engine_delivery *d)
{
	struct engine_wrap *wraps = arena_array(a, req->local_n, sizeof *wraps);
	size_t n = 0;

	if (wraps == NULL)
		return a->err;
	for (size_t i = 0; i < req->local_n; i++) {
		struct account_keyset *ks = keyset_of(e, &req->local[i]);

		if (ks == NULL)
			return ERR_UNAVAIL;
		if (account_shared_known(e->accounts, ks, d->warm_segment) != NULL)
			continue;
		wraps[n] = (struct engine_wrap){ .ks = ks };
		memcpy(wraps[n++].public, ks->public, sizeof ks->public);
	}
	if (n < WARM_MIN)
		return OK;
	d->warm = arena_array(a, n / WARM_PART + 1, sizeof *d->warm);
	if (d->warm == NULL)
		return a->err;
	for (size_t at = 0; at < n; at += WARM_PART) {
		struct engine_warm *w = &d->warm[d->warm_n++];

		*w = (struct engine_warm){ .task = { .fn = engine_warm_task, .slow = true },
			.epoch_secret = segment_epoch_secret(e->seg), .wraps = wraps + at,
			.wraps_n = n - at < WARM_PART ? n - at : WARM_PART };
		sealer_start(e->sealer, &w->task, false);
	}
	return OK;
}

static void
warm_take(struct engine *e, struct engine_delivery *d)
{
	for (size_t i = 0; i < d->warm_n; i++) {
		struct engine_warm *w = &d->warm[i];

		(void)!sealer_wait(e->sealer, &w->task);
		sealer_forget(e->sealer, &w->task);
		for (size_t k = 0; k < w->wraps_n; k++) {
			if (w->wraps[k].status == OK)
				account_shared_set(e->accounts, w->wraps[k].ks,
				    w->wraps[k].keyset, d->warm_segment, w->wraps[k].shared);
			crypt_wipe(w->wraps[k].shared, sizeof w->wraps[k].shared);
		}
	}
	if (d->warm_segment != 0)
		segment_drop(e->seg, NULL);
	d->warm_n = 0;
	d->warm_segment = 0;
}

/* OK: the wrapping keys are there, or so few lack that it does not matter. */
static int
warm(struct engine *e, const struct st_deliver_request *req, struct arena *a,
    struct engine_delivery *d, bool patient)
{
	int r;

	if (d->warmed == segment_number(e->seg) || req->local_n < WARM_MIN || !patient)
		return OK;
	if (d->warm_segment == 0) {
		r = segment_hold(e->seg);
		if (r != OK)
			return r;
		d->warm_segment = segment_number(e->seg);
		r = warm_start(e, req, a, d);
		if (r != OK) {
			warm_take(e, d);
			return r;
		}
	}
	for (size_t i = 0; i < d->warm_n; i++)
		if (!sealer_is_done(e->sealer, &d->warm[i].task))
			return ERR_AGAIN;
	d->warmed = d->warm_segment;
	warm_take(e, d);
	return OK;
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

static int
begin_delivery(struct engine *e, const struct st_deliver_request *req, size_t size,
    struct slice summary, struct engine_delivery *d)
{
	int r;

	d->intent = (struct control_intent){ .id = req->id, .level = req->level,
		.internal_date_s = (uint64_t)clock_real_s() };
	r = look_done(e, req->id, &d->repeated);
	if (r == OK && !d->repeated)
		r = check(e, req, size);
	if (r == OK && !d->repeated) {
		r = quota_reserve(e, req->local, req->local_n, size);
		d->reserved = r == OK;
		d->reserved_octets = size;
	}
	if (r == OK && !d->repeated && req->id.n == ST_ID_OCTETS) {
		thread_of(summary, (const uint8_t *)req->id.p, d->thread_id);
		d->intent.thread_id = (struct slice){ (const char *)d->thread_id, THREAD_OCTETS };
		d->intent.sig = record_sig(req->audit, req->audit_n, req->kept_inside);
	}
	d->checked = r == OK;
	d->keysets_serial = e->keysets_serial;
	d->spool_serial = e->spool_serial;
	return r;
}

static int
prepare(struct engine *e, const struct st_deliver_request *req, struct slice message,
    struct slice summary, struct arena *a, bool patient, struct engine_delivery *d)
{
	int r = d->checked ? OK : begin_delivery(e, req, message.n, summary, d);

	if (r != OK || d->repeated)
		return r;
	r = warm(e, req, a, d, patient);
	if (r == OK)
		r = engine_body_begin(e, message, summary, patient, &d->sealing);
	if (r != OK)
		return r;
	r = wrap_copies(e, req, a, d);
	if (r == OK)
		engine_body_start(e, &d->sealing);
	else
		engine_body_cancel(e, &d->sealing);
	return r;
}

int
engine_deliver_prepare(struct engine *e, const struct st_deliver_request *req,
    struct slice message, struct slice summary, struct arena *a, struct engine_delivery *out)
{
	return prepare(e, req, message, summary, a, true, out);
}

int
engine_deliver_put(struct engine *e, struct engine_delivery *d)
{
	struct segment_place at;
	int r = d->repeated ? OK : engine_body_put(e, &d->sealing, &at);

	if (r != OK || d->repeated)
		return r;
	d->body = (struct control_blob){ at.blob, at.offset, at.segment, at.head_octets,
		at.size_octets };
	d->intent.stored_octets = at.stored_octets;
	return OK;
}

static void
release(struct engine *e, const struct st_deliver_request *req, struct engine_delivery *d)
{
	for (size_t i = 0; i < req->local_n && d->reserved; i++) {
		const struct account *a = accounts_find(e->accounts, req->local[i].guid);

		if (a != NULL)
			quota_release(e, a->number, d->reserved_octets);
	}
	d->reserved = false;
}

void
engine_deliver_cancel(struct engine *e, struct engine_delivery *d)
{
	warm_take(e, d);
	engine_body_cancel(e, &d->sealing);
}

int
engine_deliver_seal(struct engine *e, const struct st_deliver_request *req,
    struct slice message, struct slice summary, struct arena *a, struct engine_delivery *out)
{
	int r;

	*out = (struct engine_delivery){ .number = 0 };
	r = prepare(e, req, message, summary, a, false, out);
	return r == OK ? engine_deliver_put(e, out) : r;
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

/* The release that lets it in is used up with it, or neither happens. */
static int
use_release(struct engine *e, const struct st_deliver_request *req)
{
	struct st_release used;
	struct st_audit rec;
	struct arena a;
	int r;

	if (req->release_n == 0)
		return OK;
	arena_init(&a, 4 << 20);
	r = release_use(e->ctl, req->release, req->id, clock_real_s(), &a, &used);
	if (r == OK)
		r = release_audit(&used, "release-used", SLICE(""), &a, &rec);
	if (r == OK && req->audit_n > 0)
		rec.reference = req->audit[0].reference;
	if (r == OK)
		r = audit_add(e->ctl, &e->audit, clock_real_ms(), &rec, 1);
	arena_clear(&a);
	return r;
}

/* A key may have gone since it was sealed: then it is to be sealed again. */
static int
check_keys(const struct engine *e, const struct st_deliver_request *req,
    const struct engine_delivery *d)
{
	for (size_t i = 0; d->keysets_serial != e->keysets_serial && i < d->intent.copies_n; i++)
		if (!engine_keyset_there(e, d->intent.copies[i].account,
		    d->intent.copies[i].keyset))
			return ERR_UNAVAIL;
	return d->spool_serial == e->spool_serial || req->remote_n + req->filed_n == 0 ?
	    OK : ERR_UNAVAIL;
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
	if (control_off("store-intent-first"))
		return OK;
	return control_put_intent(e->ctl, CONTROL_INTENT, record_key_slice(&k), &d->intent);
}

int
engine_deliver_control(struct engine *e, const struct st_deliver_request *req,
    struct engine_delivery *d)
{
	int r;

	d->twin = false;	/* what an undone run of the group saw counts no more */
	if (d->repeated)
		return OK;
	r = control_is_done(e->ctl, req->id);
	if (r != 0) {
		d->twin = r == 1;
		return r == 1 ? OK : r;
	}
	r = check_keys(e, req, d);
	if (r == OK)
		r = use_release(e, req);
	if (r == OK)
		r = settle(e, req);
	if (r == OK && req->incidents_n == 1)
		r = incident_told(e->ctl, req->incidents);
	if (r == OK)
		r = put_intent(e, d);
	if (r == OK)
		r = enqueue_all(e, req, d);
	if (r == OK)
		r = audit_add(e->ctl, &e->audit, clock_real_ms(), req->audit, req->audit_n);
	return r == OK ? control_set_done(e->ctl, req->id, clock_real_s()) : r;
}

int
engine_deliver_done(struct engine *e, const struct st_deliver_request *req,
    struct engine_delivery *d, int status)
{
	int r = OK;

	if (status == OK && !d->repeated && !d->twin && d->number != 0)
		r = engine_intent_open(e, d->number, &d->intent);	/* is pending by itself */
	release(e, req, d);
	return r;
}
