/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mime/body.h: content transfer encodings, decoded as a stream.
 *
 * Shape   octets in, in pieces of any size; decoded pieces to a callback, same at every split.
 * Bounds  a constant carry; output never exceeds the input by more than 2 octets.
 * Source  RFC 2045 6.
 */
#ifndef MIME_BODY_H
#define MIME_BODY_H

#include "common/base64.h"

enum body_encoding {
	BODY_7BIT, BODY_8BIT, BODY_BINARY, BODY_QP, BODY_BASE64,
	BODY_UNKNOWN		/* decoded as identity */
};

enum body_flag {
	BODY_BAD_BASE64	 = 1 << 0,	/* junk, padding inside, bad length: see body.b64.flags */
	BODY_BAD_QP	 = 1 << 1,	/* "=" not followed by two hex digits or a line end */
	BODY_QP_8BIT	 = 1 << 2,	/* raw octets >= 0x80 or controls in quoted-printable */
};

/* Take decoded octets; 0 goes on, negative stops the decoder with that error. */
typedef int (*body_fn)(void *ctx, struct slice out);

struct body {
	enum body_encoding enc;
	body_fn		   fn;
	void		  *ctx;
	int		   err;		/* sticky */
	unsigned	   flags;	/* BODY_* */
	struct base64	   b64;
	char		   hold[80];	/* quoted-printable: "=", "=X", or trailing white space */
	unsigned	   held;
};

/* The encoding named by a raw Content-Transfer-Encoding value; absent (empty) is 7bit. */
enum body_encoding body_encoding_by_name(struct slice raw);
const char *body_encoding_name(enum body_encoding enc);

void body_init(struct body *d, enum body_encoding enc, body_fn fn, void *ctx);

/* OK, or what the callback said. */
int body_feed(struct body *d, struct slice in) MUST_USE;
int body_end(struct body *d) MUST_USE;

/* All of in, appended to out; *flags_out (may be NULL) gets BODY_*. OK or out->err. */
int body_decode(enum body_encoding enc, struct slice in, struct buf *out,
    unsigned *flags_out) MUST_USE;

#endif
