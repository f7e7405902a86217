/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/ink.h: what is written on a picture of paper, apart from the paper.
 *
 * Shape   a picture of any depth in, some of 8 bits out: how dark and how red each point is against
 *         the paper around it. Shadows, yellow paper and tinted light are taken out.
 * Foreign leptonica; only for the inside of box.h.
 */
#ifndef POLICY_EXTRACT_INK_H
#define POLICY_EXTRACT_INK_H

#include "common/slice.h"

#include <allheaders.h>

struct ink {
	PIX *grey;	/* 255 paper, 0 black; coloured ink is dark */
	PIX *red;	/* 0 paper or black, up to 255 pure red; NULL: there is no red */
	PIX *sheet;	/* the part of grey where the paper is; turned and levelled as grey is */
	PIX *rest;	/* what lies around the sheet, as grey; NULL: nothing does */
	PIX *faint;	/* as grey, without what is as dark as print: a stamp across it stays */
};

/* A picture of 1 to 32 bits a point as one of 8 (grey) or 32 without colour map and transparency;
 * NULL: no memory. The argument is destroyed. */
PIX *ink_plain(PIX *picture);

/* picture: from ink_plain(); faint is not there yet, and sheet is all of it. ERR_NOMEM. ink_free() in any case. */
int ink_take(PIX *picture, struct ink *out) MUST_USE;

/* Make faint, once the picture stands as it is to be read. ERR_NOMEM. */
int ink_part(struct ink *ink) MUST_USE;
void ink_free(struct ink *ink);

#endif
