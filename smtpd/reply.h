/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * smtpd/reply.h: what the server says.
 *
 * Shape   reply.def has a row per reply; here they become octets at the end of a buffer.
 * Bounds  a line never exceeds REPLY_LINE_MAX octets with its CRLF; what would is put on several
 *         lines or cut. Octets that are no printable ASCII are shown as "?", so that no
 *         value can break out of its line.
 * Source  RFC 5321 4.2, 4.5.3.1.5.
 */
#ifndef SMTPD_REPLY_H
#define SMTPD_REPLY_H

#include "common/buf.h"

enum { REPLY_LINE_MAX = 512, REPLY_LINES_MAX = 16 };

enum reply {
#define REPLY_ROW(id, code, enhanced, vi, en) id,
#include "smtpd/reply.def"
#undef REPLY_ROW
	REPLY_COUNT
};

/* Append the reply of a row, with detail (may be empty) in brackets behind it. */
void reply_add(struct buf *out, enum reply id, struct slice detail);

/* Append one line: "code-enhanced text" with last false. enhanced may be empty. */
void reply_line(struct buf *out, unsigned code, struct slice enhanced, bool last,
    struct slice text);

unsigned reply_code(enum reply id);

/*
 * A refusal by policy, on as many lines as it needs. Every slice may be empty:
 *	550-5.7.1 Khong gui duoc toi / refused for: a@x.vn, b@y.vn
 *	550-5.7.1 Lien he / contact: ...
 *	550-5.7.1 Can bo bao mat co the cho phep ... / Security officers may release it ...
 *	550-5.7.1 Da co phieu cho phep nhung ... / A release is open, but ...
 *	550 5.7.1 <vi> / <en> [rule=... ref=...]
 */
struct reply_refusal {
	bool		    temporary;	/* 451 instead of 550 */
	bool		    releasable;	/* security officers may release it */
	struct slice	    unfit;	/* a release is open; the gate's word for why it does not do */
	struct slice	    enhanced, vi, en, rule, ref, contact_vi, contact_en;
	const struct slice *refused;	/* recipients as the sender wrote them */
	size_t		    refused_n;
};

void reply_refusal(struct buf *out, const struct reply_refusal *r);

#endif
