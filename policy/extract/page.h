/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/page.h: one page that is a picture: its stamps, and its text.
 *
 * Shape   EXTRACT_STAMP for each thing that looks like a stamp; with `whole` also EXTRACT_TEXT,
 *         lines as they are seen, pieces of a line far from each other as lines of their own too, a
 *         sentence that was broken at the margin in one piece. A page that lies on its side or
 *         upside down, or is a little askew, is turned upright first.
 * Bounds  PAGE_POINTS_MAX points are looked at, a larger page is reduced to that; until_ms.
 * Foreign leptonica, tesseract; only for the inside of box.h.
 */
#ifndef POLICY_EXTRACT_PAGE_H
#define POLICY_EXTRACT_PAGE_H

#include "policy/extract/extract.h"
#include "policy/extract/ink.h"

enum { PAGE_POINTS_MAX = 12000000 };

struct page_work {
	extract_sink_fn *sink;
	void		*arg;
	uint32_t	 index;		/* of the pieces */
	uint64_t	 until_ms;	/* of clock_ms() */
	bool		 whole;		/* read its text too */
};

/*
 * Look at a page; the picture is destroyed, NULL is ERR_NOMEM. OK; ERR_TIMEOUT when the time was
 * over before all of it was seen; ERR_NOMEM; what the sink said.
 */
int page_read(PIX *picture, const struct page_work *work) MUST_USE;

#endif
