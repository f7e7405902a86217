/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mime/body.h"

#include <string.h>

enum { OUT_OCTETS = 4096 };

static const char *const names[] = {
	[BODY_7BIT] = "7bit", [BODY_8BIT] = "8bit", [BODY_BINARY] = "binary",
	[BODY_QP] = "quoted-printable", [BODY_BASE64] = "base64", [BODY_UNKNOWN] = "unknown",
};

enum body_encoding
body_encoding_by_name(struct slice raw)
{
	raw = slice_trim(raw);
	if (raw.n == 0)
		return BODY_7BIT;
	for (unsigned i = 0; i < BODY_UNKNOWN; i++)
		if (slice_is_nocase(raw, names[i]))
			return (enum body_encoding)i;
	return BODY_UNKNOWN;
}

const char *
body_encoding_name(enum body_encoding enc)
{
	return names[enc <= BODY_UNKNOWN ? enc : BODY_UNKNOWN];
}

void
body_init(struct body *d, enum body_encoding enc, body_fn fn, void *ctx)
{
	*d = (struct body){ .enc = enc, .fn = fn, .ctx = ctx };
	base64_init(&d->b64);
}

static int
emit(struct body *d, struct slice s)
{
	if (d->err == OK && s.n > 0)
		d->err = d->fn(d->ctx, s);
	return d->err;
}

static int
feed_base64(struct body *d, struct slice in)
{
	char out[OUT_OCTETS];

	while (in.n > 0 && d->err == OK) {
		struct slice piece = slice_sub(in, 0, OUT_OCTETS - 8);
		size_t n = base64_feed(&d->b64, piece, out);

		emit(d, (struct slice){ out, n });
		in = slice_from(in, piece.n);
	}
	return d->err;
}

/* What is held is no escape and no dropped white space after all: it is text. */
static void
release(struct body *d)
{
	emit(d, (struct slice){ d->hold, d->held });
	d->held = 0;
}

/* c follows a hold that begins with "=". False: the hold was released, look at c again. */
static bool
after_equals(struct body *d, char c)
{
	char last = d->hold[d->held - 1];
	char octet;

	if (c == '\n' && (d->held == 1 || ascii_hex(d->hold[1]) < 0)) {	/* soft line break */
		d->held = 0;
		return true;
	}
	if (d->held == 2 && ascii_hex(last) >= 0 && ascii_hex(c) >= 0) {
		octet = (char)(ascii_hex(last) << 4 | ascii_hex(c));
		d->held = 0;
		emit(d, (struct slice){ &octet, 1 });
		return true;
	}
	if ((d->held == 1 && ascii_hex(c) >= 0) ||
	    (d->held < sizeof d->hold && (last == '=' || ascii_is_space(last)) &&
	    (c == '\r' || ascii_is_space(c)))) {
		d->hold[d->held++] = c;
		return true;
	}
	d->flags |= BODY_BAD_QP;
	release(d);
	return false;
}

/* c follows white space: it is dropped before a line end. False: released, look at c again. */
static bool
after_space(struct body *d, char c)
{
	if (c == '\r' || c == '\n') {
		d->held = 0;
		return false;
	}
	if (ascii_is_space(c) && d->held < sizeof d->hold) {
		d->hold[d->held++] = c;
		return true;
	}
	release(d);
	return false;
}

/* Octets at the front of in that stand for themselves. */
static size_t
plain_run(struct body *d, struct slice in)
{
	size_t n = 0;

	for (; n < in.n; n++) {
		char c = in.p[n];

		if (c == '=' || ascii_is_space(c))
			break;
		if (c < ' ' && c != '\r' && c != '\n')	/* char is signed: also 8-bit */
			d->flags |= BODY_QP_8BIT;
	}
	return n;
}

/* One octet while something is held, or that begins a hold. */
static bool
special(struct body *d, char c)
{
	if (d->held > 0)
		return d->hold[0] == '=' ? after_equals(d, c) : after_space(d, c);
	d->hold[d->held++] = c;
	return true;
}

static int
feed_qp(struct body *d, struct slice in)
{
	while (in.n > 0 && d->err == OK) {
		size_t n = d->held > 0 ? 0 : plain_run(d, in);

		emit(d, slice_sub(in, 0, n));
		in = slice_from(in, n);
		if (in.n > 0 && special(d, in.p[0]))
			in = slice_from(in, 1);
	}
	return d->err;
}

int
body_feed(struct body *d, struct slice in)
{
	if (d->err != OK)
		return d->err;
	if (d->enc == BODY_BASE64)
		return feed_base64(d, in);
	if (d->enc == BODY_QP)
		return feed_qp(d, in);
	return emit(d, in);
}

int
body_end(struct body *d)
{
	char out[4];
	size_t n;

	if (d->enc == BODY_BASE64) {
		n = base64_end(&d->b64, out);
		emit(d, (struct slice){ out, n });
		if (d->b64.flags != 0)
			d->flags |= BODY_BAD_BASE64;
	}
	if (d->held == 2 && d->hold[0] == '=' && ascii_hex(d->hold[1]) >= 0) {
		d->flags |= BODY_BAD_QP;
		release(d);
	}
	d->held = 0;
	return d->err;
}

static int
add_to_buf(void *ctx, struct slice s)
{
	struct buf *out = ctx;

	buf_add(out, s);
	return out->err;
}

int
body_decode(enum body_encoding enc, struct slice in, struct buf *out, unsigned *flags_out)
{
	struct body d;
	int err;

	body_init(&d, enc, add_to_buf, out);
	err = body_feed(&d, in);
	if (err == OK)
		err = body_end(&d);
	if (flags_out != NULL)
		*flags_out = d.flags;
	return err;
}
