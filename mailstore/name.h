/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/name.h: mailbox names: what may be one, and which are reserved.
 *
 * Shape   pure. A name is UTF-8 in NFC, levels separated by "/"; "INBOX" in any case, as first
 *         level, is written in capitals.
 * Source  RFC 3501 5.1, RFC 9051 5.1; DESIGN §5 (the name Mật).
 */
#ifndef MAILSTORE_NAME_H
#define MAILSTORE_NAME_H

#include "common/buf.h"
#include "mailstore/store.h"

/* The stored form of a name given by a client, into out (cleared first). ERR_INVAL: ill-formed
 * UTF-8, a control character, wildcard, empty level, level of spaces; ERR_LIMIT: over
 * ST_NAME_MAX. */
int name_normal(struct slice name, struct buf *out) MUST_USE;

bool name_is_inbox(struct slice normal);

/* Is name below the mailbox `above` ("a/b" is below "a")? */
bool name_is_below(struct slice name, struct slice above);

#endif
