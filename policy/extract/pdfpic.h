/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/pdfpic.h: a page of a PDF as a picture, and whether it needs to be one.
 *
 * Foreign poppler, cairo, leptonica; only for the inside of box.h.
 */
#ifndef POLICY_EXTRACT_PDFPIC_H
#define POLICY_EXTRACT_PDFPIC_H

#include "common/slice.h"

#include <allheaders.h>
#include <poppler.h>

enum {
	PDFPIC_WHOLE_DPI = 200,	/* to read the text */
	PDFPIC_STAMP_DPI = 150	/* to look for stamps */
};

/* What a page shows besides the letters that it names. */
struct pdfpic_look {
	bool	 pictures;
	unsigned picture_percent;	/* of the page */
	bool	 drawings;	/* there is ink where neither its letters nor pictures are */
};

/* drawn: look for drawings too, which costs a small rendering. What cannot be told counts as
 * yes. */
void pdfpic_look(PopplerPage *page, bool drawn, struct pdfpic_look *out);

/* Does the page show anything at all? */
bool pdfpic_shows_something(PopplerPage *page);

/* The page in 32 bits a point, at fewer points an inch if it is very large; pictures_only: what
 * lies outside its pictures is left white. NULL: no memory, or no page. */
PIX *pdfpic_render(PopplerPage *page, unsigned dpi, bool pictures_only);

#endif
