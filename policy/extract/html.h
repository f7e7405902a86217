/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/html.h: HTML (and other markup) to lines of text.
 *
 * Shape   UTF-8 in, UTF-8 out, a line per block. Three readings exist: what the screen shows
 *         (comments and hidden elements gone, so that text around them joins); what it shows if
 *         nothing hides or breaks that merely may; and everything (comments, hidden elements,
 *         styles and telling attributes as lines of their own).
 * Bounds  linear; output never exceeds the input by more than a few octets per tag; no recursion.
 * Source  WHATWG HTML 13.2.5 (tokens), 13.5 (names); only what decides where text joins.
 */
#ifndef POLICY_EXTRACT_HTML_H
#define POLICY_EXTRACT_HTML_H

#include "common/buf.h"

enum html_reading {
	HTML_SHOWN,
	HTML_SEEN,	/* the same, but what styles only may do is not done */
	HTML_ALL,
	HTML_XML,	/* everything, and every tag begins a new line */
	HTML_OFFICE	/* documents in one file of XML: a line per paragraph or cell */
};

enum html_flag {
	HTML_HAS_MORE	  = 1 << 0,	/* HTML_ALL would give more or other text */
	HTML_HAS_EMBEDDED = 1 << 1,	/* objects, scripts, drawings but icons */
	HTML_HAS_DATA	  = 1 << 2,	/* contents in base64 as values of attributes: html_data */
	HTML_HAS_DOUBT	  = 1 << 3,	/* HTML_SEEN may give other text than HTML_SHOWN */
};

/* Append the text to out; *flags_out gets HTML_HAS_*. OK, out->err, or ERR_LIMIT: more than is
 * kept of rules, elements or open ends, so that the text may be another. */
int html_text(struct slice utf8, enum html_reading reading, struct buf *out,
    unsigned *flags_out) MUST_USE;

/* Contents that are values of attributes, for datauri.h. OK or out->err. */
int html_data(struct slice utf8, struct buf *out) MUST_USE;

#endif
