/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/apng.h"

enum {
	SIGNATURE_OCTETS = 8, CHUNK_OCTETS = 12,	/* of a chunk, without its data */
	HEADER_OCTETS = 13, CONTROL_OCTETS = 26, NUMBER_OCTETS = 4
};

#define SIGNATURE SLICE("\x89PNG\r\n\x1A\n")

struct chunk {
	struct slice type, data, whole;
};

static uint32_t
number(struct slice s, size_t at)
{
	uint32_t v = 0;

	for (size_t i = 0; i < 4; i++)
		v = v << 8 | (at + i < s.n ? (unsigned char)s.p[at + i] : 0);
	return v;
}

/* Take the next chunk off the front. 1, 0 at the end, ERR_CORRUPT. */
static int
next_chunk(struct slice *rest, struct chunk *c)
{
	size_t n = number(*rest, 0);

	if (rest->n == 0)
		return 0;
	if (rest->n < CHUNK_OCTETS || n > rest->n - CHUNK_OCTETS)
		return ERR_CORRUPT;
	c->whole = slice_sub(*rest, 0, CHUNK_OCTETS + n);
	c->type = slice_sub(*rest, 4, 4);
	c->data = slice_sub(*rest, 8, n);
	*rest = slice_from(*rest, CHUNK_OCTETS + n);
	return 1;
}

int
apng_open(struct apng *a, struct slice octets)
{
	struct slice rest = slice_from(octets, SIGNATURE_OCTETS);
	bool animated = false;
	struct chunk c;
	int r;

	*a = (struct apng){ .rest = rest };
	if (!slice_eq(slice_sub(octets, 0, SIGNATURE_OCTETS), SIGNATURE))
		return ERR_NOENT;
	while ((r = next_chunk(&rest, &c)) > 0 && !slice_eq(c.type, SLICE("IDAT"))) {
		if (slice_eq(c.type, SLICE("IHDR")))
			a->header = c.data;
		else if (slice_eq(c.type, SLICE("PLTE")))
			a->palette = c.whole;
		else if (slice_eq(c.type, SLICE("tRNS")))
			a->clear = c.whole;
		else
			animated |= slice_eq(c.type, SLICE("acTL"));
	}
	if (!animated)
		return ERR_NOENT;
	return r > 0 && a->header.n == HEADER_OCTETS ? OK : ERR_CORRUPT;
}

/* The check of a chunk: PNG annex D. */
static uint32_t
crc(struct slice s)
{
	uint32_t v = ~0u;

	for (size_t i = 0; i < s.n; i++) {
		v ^= (unsigned char)s.p[i];
		for (unsigned k = 0; k < 8; k++)
			v = v >> 1 ^ (0xEDB88320u & (0u - (v & 1)));
	}
	return ~v;
}

static void
add_number(struct buf *out, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		buf_addc(out, (char)(v >> (24 - 8 * i) & 0xFF));
}

/* A chunk of two pieces. */
static void
add_chunk(struct buf *out, const char *type, struct slice first, struct slice second)
{
	size_t from;

	add_number(out, (uint32_t)(first.n + second.n));
	from = out->n;
	buf_adds(out, type);
	buf_add(out, first);
	buf_add(out, second);
	if (out->err == OK)
		add_number(out, crc(slice_from(buf_slice(out), from)));
}

/* Is it the number that comes next? */
static bool
in_sequence(struct apng *a, struct slice data)
{
	return data.n >= NUMBER_OCTETS && number(data, 0) == a->sequence++;
}

/* A picture within the whole, or nothing shows it. */
static bool
fits(const struct apng *a, struct slice control)
{
	uint64_t w = number(control, 4), h = number(control, 8);

	return control.n == CONTROL_OCTETS && w > 0 && h > 0 &&
	    w + number(control, 12) <= number(a->header, 0) &&
	    h + number(control, 16) <= number(a->header, 4);
}

static int
picture(struct apng *a, struct slice control, struct buf *out)
{
	struct slice rest = a->rest;
	unsigned pieces = 0;
	struct chunk c;
	int r;

	buf_clear(out);
	buf_add(out, SIGNATURE);
	add_chunk(out, "IHDR", slice_sub(control, 4, 8), slice_from(a->header, 8));
	buf_add(out, a->palette);
	buf_add(out, a->clear);
	while ((r = next_chunk(&rest, &c)) > 0 && slice_eq(c.type, SLICE("fdAT"))) {
		if (!in_sequence(a, c.data))
			return ERR_CORRUPT;
		add_chunk(out, "IDAT", slice_from(c.data, NUMBER_OCTETS), SLICE(""));
		a->rest = rest;
		pieces++;
	}
	add_chunk(out, "IEND", SLICE(""), SLICE(""));
	return pieces == 0 ? ERR_CORRUPT : out->err == OK ? 1 : out->err;
}

/* Does the picture that everybody shows follow, with no frame of its own before it? */
static bool
is_first(struct slice rest)
{
	struct chunk c;

	while (next_chunk(&rest, &c) > 0 && !slice_eq(c.type, SLICE("fcTL")) &&
	    !slice_eq(c.type, SLICE("fdAT")))
		if (slice_eq(c.type, SLICE("IDAT")))
			return true;
	return false;
}

int
apng_next(struct apng *a, struct buf *out)
{
	struct chunk c;
	int r;

	while ((r = next_chunk(&a->rest, &c)) > 0) {
		if (slice_eq(c.type, SLICE("IEND")))
			return 0;
		if (slice_eq(c.type, SLICE("fdAT")))
			return ERR_CORRUPT;
		if (!slice_eq(c.type, SLICE("fcTL")))
			continue;
		if (!in_sequence(a, c.data) || !fits(a, c.data))
			return ERR_CORRUPT;
		if (!is_first(a->rest))
			return picture(a, c.data, out);
	}
	return r == 0 ? ERR_CORRUPT : r;	/* it breaks off */
}
