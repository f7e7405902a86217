/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/label/scan.h: marks in a whole text.
 *
 * Shape   one text in UTF-8 per call, findings out. Looks at each line, at each other reading of
 *         it (view.h), and at what only several lines together say: a mark written downwards, a
 *         list of all three levels (a text about marks, so a person should look), a bare "MAT"
 *         at the place of the stamp.
 * Bounds  linear in the text; struct scan is all the memory, and buffers of VIEW_OUT_MAX octets.
 */
#ifndef POLICY_LABEL_SCAN_H
#define POLICY_LABEL_SCAN_H

#include "policy/label/mark.h"
#include "policy/label/view.h"

enum { SCAN_SHORT_LINES = 10, SCAN_PENDING = 16 };

/* Asked now and then: true ends the scan. */
typedef bool scan_stop_fn(void *arg);

/* A line: its number, 0 while there is none; lines that were not blank until then. */
struct scan_place {
	uint32_t line, filled;
};

struct scan {
	label_found_fn *found;
	scan_stop_fn   *stop;			/* NULL: never */
	void	       *arg;			/* of both */
	struct fold	fold;
	struct buf	view;
	uint32_t	line;			/* number of the line at hand, from 1 */
	/* short lines that follow each other: a mark may be written downwards */
	const char     *tail[SCAN_SHORT_LINES];
	unsigned	tail_count;
	bool		tail_a;			/* the last of them ends with an a */
	/* whole-line marks not yet told, since a list of levels may be going on */
	struct label_finding pending[SCAN_PENDING];
	unsigned	pending_count;
	bool		pending_ordinary;	/* "Thường" stands among them: choices of a form */
	bool		pending_upper;		/* one of them is in capitals */
	uint32_t	ordinary_line;		/* the last such line; 0: none yet */
	bool		ordinary_upper;		/* it is in capitals */
	/* lines that change what a mark near them means */
	struct scan_place heading, bare, example, farewell, organ;
	uint32_t	filled_lines;		/* lines that are not blank */
};

void scan_init(struct scan *s, label_found_fn *found, scan_stop_fn *stop, void *arg);
void scan_fini(struct scan *s);

/* Scan one text; line numbers start at 1 with each. */
void scan_text(struct scan *s, struct slice utf8);

#endif
