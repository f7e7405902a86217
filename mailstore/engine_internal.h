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

void engine_note_latency(struct engine *e, uint64_t us);

struct record_key engine_intent_key(uint64_t number);

#endif
