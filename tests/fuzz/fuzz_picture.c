/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* gif_next, apng_next: every picture is smaller than the whole and begins as a GIF or PNG; exif_orientation, and the
 * readings of a stamp: one finding at most. */
#include <stdint.h>
#include <stdlib.h>

#include "policy/extract/apng.h"
#include "policy/extract/exif.h"
#include "policy/extract/gif.h"
#include "policy/label/stamp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fold scratch;

static void
count(void *arg, const struct label_finding *f)
{
	unsigned *n = arg;

	if (++*n > 1 || f->level == 0)
		abort();
}

static void
pictures(struct slice in)
{
	struct gif g;
	struct buf one;
	size_t n = 0;

	if (gif_open(&g, in) != OK)
		return;
	buf_init(&one, in.n + 2);
	while (gif_next(&g, &one) == 1) {
		n++;
		if (n > in.n || one.n > in.n + 2 ||
		    !slice_eq(slice_sub(buf_slice(&one), 0, 4), SLICE("GIF8")))
			abort();
	}
	buf_fini(&one);
}

/* A header and an end of 37 octets more, at most. */
static void
later_pictures(struct slice in)
{
	enum { MORE = 64 };
	struct apng a;
	struct buf one;
	size_t n = 0;

	if (apng_open(&a, in) != OK)
		return;
	buf_init(&one, in.n + MORE);
	while (apng_next(&a, &one) == 1)
		if (++n > in.n || !slice_eq(slice_sub(buf_slice(&one), 0, 4), SLICE("\x89PNG")))
			abort();
	if (one.err != OK)
		abort();
	buf_fini(&one);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	unsigned turn = exif_orientation(in), findings = 0;

	if (turn < 1 || turn > 8)
		abort();
	pictures(in);
	later_pictures(in);
	stamp_mark(&scratch, in, count, &findings);
	return 0;
}
