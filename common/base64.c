/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/base64.h"

#include <string.h>

static const char alphabet[64] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum { SKIP = 64, PAD = 65, JUNK = 66 };

/* Value of each octet: 0..63, SKIP for white space, PAD for "=", else JUNK. */
#define J	JUNK
#define J16	J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J
static const unsigned char value_of[256] = {
	J, J, J, J, J, J, J, J, J, SKIP, SKIP, J, J, SKIP, J, J,
	J16,
	SKIP, J, J, J, J, J, J, J, J, J, J, 62, J, J, J, 63,
	52, 53, 54, 55, 56, 57, 58, 59, 60, 61, J, J, J, PAD, J, J,
	J, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, J, J, J, J, J,
	J, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
	41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, J, J, J, J, J,
	J16, J16, J16, J16, J16, J16, J16, J16
};

static unsigned
value(char c)
{
	return value_of[(unsigned char)c];
}

static void
encode_group(const unsigned char *p, size_t n, char out[4])
{
	uint32_t v = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0) | (n > 2 ? p[2] : 0);

	out[0] = alphabet[v >> 18];
	out[1] = alphabet[v >> 12 & 63];
	out[2] = n > 1 ? alphabet[v >> 6 & 63] : '=';
	out[3] = n > 2 ? alphabet[v & 63] : '=';
}

void
base64_encode(struct slice in, struct buf *out)
{
	size_t groups = in.n / 3 + (in.n % 3 != 0);
	char *to;

	if (in.n == 0)
		return;
	to = buf_reserve(out, groups > SIZE_MAX / 4 ? SIZE_MAX : groups * 4);
	if (to == NULL)
		return;
	for (size_t i = 0; i < in.n; i += 3, to += 4)
		encode_group((const unsigned char *)in.p + i, in.n - i, to);
	buf_added(out, groups * 4);
}

void
base64_encode_lines(struct slice in, size_t line_chars, struct buf *out)
{
	size_t per_line = line_chars / 4 * 3;

	while (in.n > 0 && out->err == OK) {
		base64_encode(per_line == 0 ? in : slice_sub(in, 0, per_line), out);
		if (per_line == 0)
			return;
		buf_adds(out, "\r\n");
		in = slice_from(in, per_line);
	}
}

void
base64_init(struct base64 *d)
{
	*d = (struct base64){ 0 };
}

/* The group is over: write its octets. A group cut short by "=" or by the end has count 2 or 3. */
static size_t
close_group(struct base64 *d, char *out)
{
	size_t n = d->count < 2 ? 0 : d->count - 1;
	uint32_t v = d->bits << 6 * (4 - d->count);

	if (d->count > 0 && n < 3 && (v & 0xffffffu >> 8 * n) != 0 && n > 0)
		d->flags |= BASE64_BITS;
	for (size_t i = 0; i < n; i++)
		out[i] = (char)(v >> (16 - 8 * i));
	d->bits = 0;
	d->count = 0;
	return n;
}

static size_t
take_pad(struct base64 *d, char *out)
{
	unsigned want = d->count == 2 ? 2 : 1;
	size_t n = 0;

	if (d->pads == 0 && d->count < 2) {	/* where none may be */
		d->flags |= BASE64_PADDING;
		d->ended = true;
		return close_group(d, out);
	}
	d->pads++;
	if (d->pads == want) {
		n = close_group(d, out);
		d->pads = 0;
		d->ended = true;
	}
	return n;
}

static size_t
take_value(struct base64 *d, unsigned v, char *out)
{
	size_t n = 0;

	if (d->pads > 0) {		/* "xx=y": the group ends, a new one begins */
		d->flags |= BASE64_PADDING | BASE64_LENGTH;
		n = close_group(d, out);
		d->pads = 0;
	}
	if (d->ended) {
		d->flags |= BASE64_PADDING;
		d->ended = false;
	}
	d->bits = d->bits << 6 | v;
	if (++d->count == 4)
		n += close_group(d, out + n);
	return n;
}

/* Whole groups of clean characters, the usual case: return the characters taken. */
static size_t
feed_groups(struct slice in, char *out)
{
	const char *p = in.p;
	size_t i = 0;

	for (; i + 4 <= in.n; i += 4, out += 3) {
		unsigned a = value(p[i]), b = value(p[i + 1]);
		unsigned c = value(p[i + 2]), d = value(p[i + 3]);
		uint32_t v = a << 18 | b << 12 | c << 6 | d;

		if ((a | b | c | d) >= SKIP)
			break;
		out[0] = (char)(v >> 16);
		out[1] = (char)(v >> 8);
		out[2] = (char)v;
	}
	return i;
}

size_t
base64_feed(struct base64 *d, struct slice in, char *out)
{
	size_t n = 0, i = 0;

	while (i < in.n) {
		unsigned v = value(in.p[i]);

		if (v < SKIP && d->count == 0 && d->pads == 0 && !d->ended) {
			size_t took = feed_groups(slice_from(in, i), out + n);

			i += took;
			n += took / 4 * 3;
			if (took > 0)
				continue;
		}
		i++;
		if (v < SKIP)
			n += take_value(d, v, out + n);
		else if (v == PAD)
			n += take_pad(d, out + n);
		else if (v == JUNK)
			d->flags |= BASE64_JUNK;
	}
	return n;
}

size_t
base64_end(struct base64 *d, char *out)
{
	if (d->count > 0)
		d->flags |= BASE64_LENGTH;
	d->pads = 0;
	return close_group(d, out);
}

int
base64_decode(struct slice in, struct buf *out, unsigned *flags_out)
{
	struct base64 d;
	char *to = buf_reserve(out, BASE64_ROOM(in.n));
	size_t n;

	if (to == NULL)
		return out->err;
	base64_init(&d);
	n = base64_feed(&d, in, to);
	n += base64_end(&d, to + n);
	buf_added(out, n);
	if (flags_out != NULL)
		*flags_out = d.flags;
	return OK;
}

int
base64_decode_strict(struct slice in, struct buf *out)
{
	struct base64 d;
	char *to;
	size_t n;

	if (in.n % 4 != 0)
		return ERR_SYNTAX;
	for (size_t i = 0; i < in.n; i++)
		if (value(in.p[i]) == SKIP)
			return ERR_SYNTAX;
	to = buf_reserve(out, BASE64_ROOM(in.n));
	if (to == NULL)
		return out->err;
	base64_init(&d);
	n = base64_feed(&d, in, to);
	n += base64_end(&d, to + n);
	if (d.flags != 0)
		return ERR_SYNTAX;
	buf_added(out, n);
	return OK;
}
