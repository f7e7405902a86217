/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/exif.h"

enum {
	MARKER_APP1 = 0xE1, MARKER_SCAN = 0xDA,
	TAG_ORIENTATION = 0x0112,
	ENTRY_OCTETS = 12, ENTRIES_MAX = 200, SEGMENTS_MAX = 1000
};

static unsigned
number(struct slice s, size_t at, unsigned octets, bool little)
{
	unsigned v = 0;

	for (unsigned i = 0; i < octets; i++) {
		size_t k = at + (little ? octets - 1 - i : i);

		v = v << 8 | (k < s.n ? (unsigned char)s.p[k] : 0);
	}
	return v;
}

/* The tag in the first directory of a TIFF. */
static unsigned
orientation_in(struct slice tiff)
{
	bool little = slice_eq(slice_sub(tiff, 0, 2), SLICE("II"));
	size_t at = number(tiff, 4, 4, little);
	unsigned n;

	if (at >= tiff.n)
		return 1;
	n = number(tiff, at, 2, little);
	for (unsigned i = 0; i < n && i < ENTRIES_MAX; i++) {
		size_t entry = at + 2 + (size_t)i * ENTRY_OCTETS;

		if (entry + ENTRY_OCTETS > tiff.n)
			break;
		if (number(tiff, entry, 2, little) == TAG_ORIENTATION) {
			unsigned v = number(tiff, entry + 8, 2, little);

			return v >= 1 && v <= 8 ? v : 1;
		}
	}
	return 1;
}

unsigned
exif_orientation(struct slice s)
{
	size_t at = 2;

	for (unsigned i = 0; i < SEGMENTS_MAX && at + 4 <= s.n; i++) {
		unsigned marker = (unsigned char)s.p[at + 1];
		size_t n = number(s, at + 2, 2, false);
		struct slice body = slice_sub(s, at + 4, n < 2 ? 0 : n - 2);

		if ((unsigned char)s.p[at] != 0xFF || marker == MARKER_SCAN || n < 2)
			break;
		if (marker == MARKER_APP1 && slice_eq(slice_sub(body, 0, 6), SLICE("Exif\0\0")))
			return orientation_in(slice_from(body, 6));
		at += 2 + n;
	}
	return 1;
}
