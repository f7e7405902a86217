/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/line.h: cut a hostile byte stream into protocol lines.
 *
 * Shape   bytes in, in pieces of any size; lines out, one slice each, CRLF removed.
 * Units   octets everywhere; cap includes the CRLF.
 * Bounds  holds at most cap octets, looks at each octet once, allocates nothing.
 * Source  RFC 5321 2.3.8 (CR and LF only as CRLF), 4.5.3.1 (sizes); RFC 9051 2.2.
 */
#ifndef COMMON_LINE_H
#define COMMON_LINE_H

#include "common/err.h"
#include "common/slice.h"

struct line_reader {
	char	*mem;		/* cap octets; the caller owns them */
	size_t	 cap;
	size_t	 start;		/* first octet of the unfinished line */
	size_t	 scan;		/* first octet not yet looked at */
	size_t	 end;		/* one past the last octet held */
	enum err failed;	/* first error met; every later call repeats it */
};

/* Ready an empty reader over mem, which must outlive it. cap >= 2. */
void line_reader_init(struct line_reader *lr, char *mem, size_t cap);

/* Copy what fits of in; return the octets taken, the rest is offered again after
 * line_reader_next said 0. Ends the life of every slice handed out before. */
size_t line_reader_push(struct line_reader *lr, struct slice in) MUST_USE;

/* 1: *out is the next line, valid until the next push. 0: more input is needed.
 * ERR_PROTO_BARE_CR, _BARE_LF, _NUL: the peer is broken or smuggling, reply once and close.
 * ERR_PROTO_LINE_TOO_LONG: cap octets held and no line end among them. */
int line_reader_next(struct line_reader *lr, struct slice *out) MUST_USE;

#endif
