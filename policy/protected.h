/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/protected.h: header fields inside a signature, compared with those outside.
 *
 * Shape   pure: the header that people see without looking at signatures, and the entity that the
 *         signature covers, in; whether both say the same, out.
 * Forms   a message/rfc822 that is all that is signed (RFC 8551 3.1), unless "forwarded=yes" says
 *         that it is somebody else's; hp="clear" and hp="cipher" (RFC 9788), whose fields stand in
 *         the header of what is signed; protected-headers=... of older programs, likewise.
 * Rule    a field that is inside must be outside with the same meaning, as often. Of the first two
 *         forms, which protect all that people see, From, Sender, Reply-To, To, Cc and Subject may
 *         not be outside alone. With hp="cipher" the outer field may be what HP-Outer tells (it was
 *         hidden on purpose); From never.
 * Bounds  headers as mime/header.h takes them; time linear in them, memory likewise.
 */
#ifndef POLICY_PROTECTED_H
#define POLICY_PROTECTED_H

#include "common/slice.h"

enum protected { PROTECTED_NONE, PROTECTED_AGREES, PROTECTED_DIFFERS };

/* header: of the message (the whole of it may be given). content: header and body of what is
 * signed. *field_out names the first field that differs, static; "" when it is none. OK, ERR_NOMEM;
 * ERR_LIMIT: more fields than can be compared. */
int protected_check(struct slice header, struct slice content, enum protected *out,
    const char **field_out) MUST_USE;

#endif
