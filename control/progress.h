/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * control/progress.h: how far a long verb has come.
 *
 * Shape   on a terminal one line that is written over: the whole and the current folder, as bars,
 *         with messages and octets a second and the time that is left; else a plain line every
 *         PROGRESS_PLAIN_MS. Both on standard error. With --json, events on standard output every
 *         second: {"event":"progress",...}.
 */
#ifndef CONTROL_PROGRESS_H
#define CONTROL_PROGRESS_H

#include "control/control.h"

enum { PROGRESS_TTY_MS = 100, PROGRESS_PLAIN_MS = 10000, PROGRESS_JSON_MS = 1000 };

struct progress_part { uint64_t done, total; };	/* total 0: not known */

struct progress {
	bool	 json, tty;
	const char *word;		/* "exported" */
	struct progress_part whole, folder;
	uint64_t octets, total_octets;
	uint64_t began_ms, shown_ms;
	char	 name[80];		/* of the folder, for showing */
	bool	 open;			/* a line stands there unfinished */
};

void progress_begin(struct progress *p, bool json, const char *word, uint64_t messages,
    uint64_t octets);
void progress_folder(struct progress *p, struct slice name, uint64_t messages);
/* One message more. */
void progress_step(struct progress *p, uint64_t octets);
/* Take the line away, to say something else. */
void progress_hide(struct progress *p);
/* The last word: what was done, how fast. */
void progress_end(struct progress *p);

#endif
