/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/engine_internal.h: what the files of the engine share; nobody else includes it.
 */
#ifndef MAILSTORE_ENGINE_INTERNAL_H
#define MAILSTORE_ENGINE_INTERNAL_H

#include "mailstore/engine.h"

/* Bring a store that was opened up to date: accounts made but not in the index, open intents. */
int engine_replay(struct engine *e) MUST_USE;

/* Intents: a durable row joins the ones to be applied (it is copied). */
int engine_intent_open(struct engine *e, uint64_t number, const struct control_intent *row)
    MUST_USE;
/* In a control transaction: delete the rows of the applied ones. And once that is durable. */
int engine_intents_close_rows(struct engine *e) MUST_USE;
void engine_intents_closed(struct engine *e);

/* ---- bodies ---- */

/* Give a body a key and a number. patient: ERR_AGAIN if a new segment must wait for others. */
int engine_body_begin(struct engine *e, struct slice message, struct slice summary, bool patient,
    struct engine_body *b) MUST_USE;
/* Wrap its key for a keyset: at once, or with the body if that is dear. rest: room for a wrap,
 * should it be needed. */
int engine_body_wrap(struct engine *e, struct engine_body *b, struct account_keyset *ks,
    struct engine_wrap *rest, uint8_t *wrapped_out) MUST_USE;
void engine_body_start(struct engine *e, struct engine_body *b);
/* Wait for it and append it to the segment. */
int engine_body_put(struct engine *e, struct engine_body *b, struct segment_place *out) MUST_USE;
/* Let go of what is begun and was not put. */
void engine_body_cancel(struct engine *e, struct engine_body *b);
/* What engine_commit keeps for syncing in a worker. */
void engine_sync_free(struct engine *e);
/* Compute wrapping keys alone; a task. */
int engine_warm_task(struct sealer_task *t, struct crypt_zip *zip);

void engine_note_latency(struct engine *e, uint64_t us);
/* The part of the work that began at since_us is over: returns the time. */
uint64_t engine_note_part(struct engine *e, enum engine_part part, uint64_t since_us);

struct record_key engine_intent_key(uint64_t number);

#endif
