/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/engine_internal.h"

#include <string.h>

#include "mailstore/frame_seal.h"

/* ---- in a worker ---- */

static int
wrap_one(const uint8_t *epoch_secret, struct engine_wrap *w, uint64_t blob, const uint8_t *key)
{
	w->status = crypt_shared(w->public, epoch_secret, w->shared);
	if (w->status == OK && w->wrapped != NULL)
		crypt_wrap(w->shared, blob, w->keyset, key, w->wrapped);
	return w->status;
}

static int
body_task(struct sealer_task *t, struct crypt_zip *zip)
{
	struct engine_body *b = (struct engine_body *)(void *)t;
	int r = OK;

	for (size_t i = 0; i < b->copies_n && b->touch != NULL; i++)
		index_touch(b->touch, b->copies[i].account, b->copies[i].mailbox);
	for (size_t i = 0; i < b->wraps_n && r == OK; i++)
		r = wrap_one(b->epoch_secret, &b->wraps[i], frame_blob(b->f.segment, b->f.lsn),
		    b->key);
	return r == OK ? frame_seal(&b->f, b->key, b->compress, b->summary, b->message, zip,
	    &b->octets) : r;
}

int
engine_warm_task(struct sealer_task *t, struct crypt_zip *zip)
{
	struct engine_warm *w = (struct engine_warm *)(void *)t;

	(void)zip;
	for (size_t i = 0; i < w->wraps_n; i++)
		(void)wrap_one(w->epoch_secret, &w->wraps[i], 0, NULL);
	return OK;	/* what did not work shows in the wraps, and is tried again with the body */
}

/* ---- in the committer ---- */

int
engine_body_begin(struct engine *e, struct slice message, struct slice summary, bool patient,
    struct engine_body *b)
{
	uint8_t *key = sealer_key_take(e->sealer);
	int r;

	*b = (struct engine_body){ .summary = summary, .message = message, .key = key,
		.compress = e->conf.compress, .task = { .fn = body_task } };
	if (key == NULL)
		return patient ? ERR_AGAIN : ERR_LIMIT;
	r = segment_reserve(e->seg, message.n, summary.n, patient, &b->f);
	if (r != OK) {
		sealer_key_give(e->sealer, &b->key);
		return r;
	}
	b->begun = true;
	b->wraps = &b->one;
	b->epoch_secret = segment_epoch_secret(e->seg);
	b->task.octets = frame_seal_octets_max(&b->f);
	buf_init(&b->octets, (size_t)b->task.octets);
	crypt_random(b->key, CRYPT_KEY_OCTETS);
	return OK;
}

int
engine_body_wrap(struct engine *e, struct engine_body *b, struct account_keyset *ks,
    struct engine_wrap *rest, uint8_t *wrapped_out)
{
	const uint8_t *shared = account_shared_known(e->accounts, ks, b->f.segment);

	if (shared != NULL) {
		crypt_wrap(shared, frame_blob(b->f.segment, b->f.lsn), ks->id, b->key,
		    wrapped_out);
		return 0;
	}
	*rest = (struct engine_wrap){ .ks = ks, .keyset = ks->id, .status = ERR_AGAIN,
		.wrapped = wrapped_out };
	memcpy(rest->public, ks->public, sizeof rest->public);
	return 1;
}

void
engine_body_start(struct engine *e, struct engine_body *b)
{
	sealer_start(e->sealer, &b->task, false);
}

/* What was computed serves the next message to that account as well. */
static void
keep_shared(struct engine *e, struct engine_body *b)
{
	for (size_t i = 0; i < b->wraps_n; i++) {
		struct engine_wrap *w = &b->wraps[i];

		if (w->status == OK && w->ks != NULL)
			account_shared_set(e->accounts, w->ks, w->keyset, b->f.segment,
			    w->shared);
		crypt_wipe(w->shared, sizeof w->shared);
	}
}

static void
let_go(struct engine *e, struct engine_body *b)
{
	b->begun = false;
	sealer_key_give(e->sealer, &b->key);
	buf_fini(&b->octets);
	if (b->task.state != SEALER_IDLE)
		sealer_forget(e->sealer, &b->task);
}

int
engine_body_put(struct engine *e, struct engine_body *b, struct segment_place *out)
{
	int r = sealer_wait(e->sealer, &b->task);

	keep_shared(e, b);
	if (r == OK)
		r = segment_put(e->seg, &b->f, buf_slice(&b->octets), out);
	else
		segment_drop(e->seg, &b->f);
	let_go(e, b);
	return r;
}

void
engine_body_cancel(struct engine *e, struct engine_body *b)
{
	if (!b->begun)
		return;
	if (b->task.state != SEALER_IDLE)
		(void)!sealer_wait(e->sealer, &b->task);
	keep_shared(e, b);
	segment_drop(e->seg, &b->f);
	let_go(e, b);
}
