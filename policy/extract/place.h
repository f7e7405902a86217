/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/place.h: where on a page something stands that may be a stamp.
 *
 * Shape   the ink of a page in, places out: frames that are drawn around letters (in any colour, at
 *         any small angle), and spots of red ink that are wider than high.
 * Foreign leptonica; only for the inside of box.h.
 */
#ifndef POLICY_EXTRACT_PLACE_H
#define POLICY_EXTRACT_PLACE_H

#include "policy/extract/ink.h"

enum { PLACES_MAX = 32 };

struct place {
	double x, y;		/* its middle, points of the page */
	double w, h;		/* upright */
	double angle;		/* radians that it is turned clockwise */
	bool   framed;
	bool   red;		/* read it from the red ink alone */
};

struct places {
	struct place place[PLACES_MAX];
	unsigned     count;
	bool	     more;	/* than there was room for */
};

/* ERR_NOMEM. Frames come first. */
int places_find(const struct ink *ink, struct places *out) MUST_USE;

/* The place cut out and turned upright, 8 bits, dark on white, with `margin` points around. NULL: no
 * memory, or nothing of it is on the page. */
PIX *place_cut(const struct ink *ink, const struct place *p, int margin);

#endif
