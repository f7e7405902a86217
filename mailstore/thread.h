/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/thread.h: which thread a message belongs to (RFC 8474 THREADID).
 *
 * Shape   pure, and nothing is looked up: a thread is named by a hash of the message id that began it.
 *         That is the first of References, else the first of In-Reply-To, else its own Message-ID;
 *         so an answer has the thread of what it answers, in whatever order they come and
 *         whosever mailbox they are in. A message without any is a thread of its own.
 */
#ifndef MAILSTORE_THREAD_H
#define MAILSTORE_THREAD_H

#include "common/slice.h"

enum { THREAD_OCTETS = 8 };

/* From the summary given at delivery; email_id has 16 octets. */
void thread_of(struct slice summary, const uint8_t *email_id, uint8_t out[THREAD_OCTETS]);

#endif
