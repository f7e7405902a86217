/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/session/imap_memory.h: a mailbox in memory behind imapd/backend.h.
 *
 * It holds INBOX with three messages, a few other mailboxes, and the classified tree, which only a
 * memory of the internal zone shows. Asks are kept until memory_answer.
 */
#ifndef TESTS_IMAP_MEMORY_H
#define TESTS_IMAP_MEMORY_H

#include "imapd/engine.h"

struct memory;

extern const struct backend memory_backend;

int memory_new(unsigned zone, struct memory **out) MUST_USE;
void memory_free(struct memory **m);

/* Give the answer that is due, if any: true. */
bool memory_answer(struct memory *m, struct session *s);

/* Another session, or the world, does something: see imap_memory.c. False: not understood. */
bool memory_event(struct memory *m, struct session *s, struct slice text);

/* What the audit and the judge were told, one word each. */
struct slice memory_notes(const struct memory *m);

#endif
