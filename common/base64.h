/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/base64.h: base64, lenient for mail and strict for protocols.
 *
 * Shape   encode in one shot; decode as a stream with carry state, same result at every split.
 * Units   octets.
 * Bounds  looks at each octet once; writes at most BASE64_ROOM(n) octets for n taken.
 * Source  RFC 4648 4; RFC 2045 6.8 (octets outside the alphabet are skipped); RFC 4954 4 (strict).
 */
#ifndef COMMON_BASE64_H
#define COMMON_BASE64_H

#include "common/buf.h"

/* What a lenient decoder met. Padding inside: "=" that is not the end, after which decoding goes
 * on with a new group, so nothing that some client would show is lost. */
enum base64_flag {
	BASE64_JUNK	= 1 << 0,	/* octets outside the alphabet, other than white space */
	BASE64_PADDING	= 1 << 1,	/* data after "=", or "=" where none may be */
	BASE64_LENGTH	= 1 << 2,	/* the last group is cut short */
	BASE64_BITS	= 1 << 3,	/* unused bits of a last group are not zero */
};

struct base64 {
	uint32_t bits;		/* characters of the group so far, 6 bits each */
	unsigned count;		/* how many: 0..3 */
	unsigned pads;		/* "=" met in the present group */
	bool	 ended;		/* a padded group is complete */
	unsigned flags;		/* BASE64_* */
};

/* Room that base64_feed needs for n octets of input. */
#define BASE64_ROOM(n)	((n) / 4 * 3 + 6)

/* Append the encoding of in, without line ends; line_chars > 0 puts CRLF after every so many
 * characters (a multiple of 4) and at the end. */
void base64_encode(struct slice in, struct buf *out);
void base64_encode_lines(struct slice in, size_t line_chars, struct buf *out);

void base64_init(struct base64 *d);

/* Decode into out, which has BASE64_ROOM(in.n) octets; return the octets written. */
size_t base64_feed(struct base64 *d, struct slice in, char *out) MUST_USE;

/* The end: write what an unfinished group holds (<= 2 octets), return the octets written;
 * d->flags is final then. */
size_t base64_end(struct base64 *d, char *out) MUST_USE;

/* All of in, leniently, appended to out; *flags_out (may be NULL) gets BASE64_*. OK or out->err. */
int base64_decode(struct slice in, struct buf *out, unsigned *flags_out) MUST_USE;

/* Exactly the canonical form, no white space, appended to out: OK, ERR_SYNTAX (nothing is
 * appended), or out->err. For SASL and other protocols. */
int base64_decode_strict(struct slice in, struct buf *out) MUST_USE;

#endif
