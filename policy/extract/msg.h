/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/msg.h: messages that Outlook saves as files (.msg), a folder of a compound file.
 *
 * Shape   pure. The properties of one folder: a message, a recipient, an attachment or a message
 *         inside one, each of which is a folder of its own. Named properties are told by name.
 * Source  [MS-OXMSG] 2.1.3 (value streams), 2.2.3 (names), 2.4 (property stream)
 */
#ifndef POLICY_EXTRACT_MSG_H
#define POLICY_EXTRACT_MSG_H

#include "policy/extract/cfb.h"
#include "policy/extract/hand.h"

/* Is this folder one of a message? */
bool msg_is(const struct cfb *c, uint32_t folder);

/* Does that stream belong to messages, so that msg_folder reads it? */
bool msg_is_stream(const struct cfb *c, uint32_t entry);

/* Pieces of an attachment's folder have a number of their own, of others 0. OK; ERR_CORRUPT;
 * ERR_NOMEM; ERR_LIMIT. */
int msg_folder(struct cfb *c, uint32_t folder, struct hand *h) MUST_USE;

#endif
