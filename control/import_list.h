/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * control/import_list.h: reading the list that "mailbox export" puts beside a mailbox.
 *
 * Shape   one entry at a time, in the order of the file; a line that makes no sense is passed over.
 * Bounds  lines of at most IMPORT_LIST_LINE octets (a longer one is the end); texts are in the arena until the next entry.
 */
#ifndef CONTROL_IMPORT_LIST_H
#define CONTROL_IMPORT_LIST_H

#include <stdio.h>

#include "control/import.h"

enum { IMPORT_LIST_LINE = 65536 };

struct import_entry {
	struct slice file;	/* of a Maildir */
	uint64_t offset;	/* of an mbox */
	unsigned added_lines;
	bool	 verbatim;
	uint64_t octets;
	int64_t	 date_s;
	unsigned flags, level;
	struct import_keywords keywords;
};

struct import_list {
	FILE	    *file;		/* NULL: there is none */
	char	    *line;
	struct arena a;
	struct slice mailbox;		/* of the first line, in the arena of import_list_open */
	uint8_t	     special_use;
};

/* Take a descriptor over (-1: no list) and read the first line. What is no list of ours is none. */
int import_list_open(struct import_list *l, int fd, struct arena *a) MUST_USE;
void import_list_close(struct import_list *l);

/* 1, or 0 at the end. */
int import_list_next(struct import_list *l, struct import_entry *out) MUST_USE;

#endif
