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

enum place_ink { PLACE_GREY, PLACE_RED, PLACE_FAINT };

struct place {
	double x, y;		/* its middle, points of the page */
	double w, h;		/* upright */
	double angle;		/* radians that it is turned clockwise */
	bool   framed;
	enum place_ink ink;	/* which ink to read it from */
};

struct places {
	struct place place[PLACES_MAX];
	unsigned     count;
	bool	     more;	/* than there was room for */
	int	     letter;	/* height of small letters of the page's text; 0: none known */
};

/* letter: height of the small letters of its text in points, 0: there is none. ERR_NOMEM. Frames
 * come first. */
int places_find(const struct ink *ink, int letter, struct places *out) MUST_USE;

/* The place cut out and turned upright, 8 bits, dark on white, with `margin` points around. NULL:
 * no memory, or nothing of it is on the page. */
PIX *place_cut(const struct ink *ink, const struct place *p, int margin);

#endif
