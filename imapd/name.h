/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * imapd/name.h: which mailbox names may be used, and by whom.
 *
 * Shape   a name from the wire becomes the one inner form (UTF-8, NFC, "INBOX" in capitals), or
 *         it cannot be used, for one reason only: ERR_INVAL. On the internet the tree of classified
 *         mail cannot be used in exactly the same way.
 * Bounds  NAME_LEVELS_MAX levels, BACKEND_NAME_OCTETS octets.
 * Source  RFC 3501 5.1; DESIGN "Reading by IMAP".
 */
#ifndef IMAPD_NAME_H
#define IMAPD_NAME_H

#include "common/buf.h"
#include "imapd/backend.h"

enum { NAME_LEVELS_MAX = 20 };

/* The name of the tree of classified mail, in NFC. */
#define NAME_MAT	SLICE("M\xe1\xba\xadt")

/* The inner form of a wire name, in the arena. ERR_INVAL: cannot be used in that zone; a->err. */
int name_parse(struct slice wire, unsigned zone, struct arena *a, struct slice *out) MUST_USE;

/* Is the inner name in the tree of classified mail: exactly, or in a form that looks like it. */
bool name_is_mat(struct slice name);
bool name_is_like_mat(struct slice name);

/* Append the wire form as an IMAP string: atom if possible, else quoted. */
void name_add(struct buf *out, struct slice name);

/* Does pattern (with * and %) match name? INBOX as first level matches in any case. At most
 * |pattern| * |name|^2 steps. */
bool name_match(struct slice pattern, struct slice name);

#endif
