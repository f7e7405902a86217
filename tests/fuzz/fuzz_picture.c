/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* gif_next: every picture is smaller than the whole and begins as a GIF; exif_orientation, and the
 * readings of a stamp: one finding at most. */
#include <stdint.h>
#include <stdlib.h>

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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	unsigned turn = exif_orientation(in), findings = 0;

	if (turn < 1 || turn > 8)
		abort();
	pictures(in);
	stamp_mark(&scratch, in, count, &findings);
	return 0;
}
