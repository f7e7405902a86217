/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/heifbox.h: which items a HEIF file (HEIC, AVIF) holds, so that none of them stays
 * unlooked at.
 *
 * Pure    finds boxes and numbers; does not decode the points.
 * Bounds  HEIFBOX_ITEMS_MAX items; time grows with the octets and the logarithm of the items.
 * Source  ISO/IEC 14496-12:2022 8.11 (meta, iinf, iref), ISO/IEC 23008-12:2022 6.
 */
#ifndef POLICY_EXTRACT_HEIFBOX_H
#define POLICY_EXTRACT_HEIFBOX_H

#include "common/slice.h"

enum {
	HEIFBOX_ITEMS_MAX = 4096,
	HEIFBOX_UNREAD_MAX = 64 * 1024	/* of a box for programs, which nobody sees */
};

struct heifbox_item {
	uint32_t id;
	uint32_t type;		/* four letters, the first in the highest octet */
	bool	 seen;
};

struct heifbox {
	struct heifbox_item *item;	/* ascending by id */
	size_t		     count;
	struct slice	     references;	/* boxes that say what belongs to what */
	unsigned	     id_octets;		/* of a number in them */
	bool		     more;		/* also a film, or large boxes of other kinds */
};

/* By its first octets: a picture or a sequence of pictures, not a film. */
bool heifbox_is(struct slice octets);

/*
 * ERR_CORRUPT: boxes do not fit into each other, something stands there twice that may only once,
 * or nothing is there; ERR_ACCESS: an item is encrypted; ERR_LIMIT: too many items; ERR_NOMEM.
 * To be freed after OK alone; it points into the octets.
 */
int heifbox_open(struct heifbox *h, struct slice octets) MUST_USE;
void heifbox_fini(struct heifbox *h);

/* The item was looked at. */
void heifbox_see(struct heifbox *h, uint32_t id);

/* Was every item looked at, by itself or as a piece of which one is made up? */
bool heifbox_all_seen(struct heifbox *h);

#endif
