/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * control/export.h: messages written to files in the forms that other programs read.
 *
 * Shape   a form is a table of functions, called for one mailbox after the other; beside what the
 *         form can hold, a file of lines of JSON (EXPORT_LIST) keeps everything about each message:
 *         its first line is the mailbox. Import takes such a list for the truth.
 * Files   0600 in folders 0700, made new (never through a link); durable after export_sync().
 */
#ifndef CONTROL_EXPORT_H
#define CONTROL_EXPORT_H

#include <stdio.h>

#include "control/control.h"
#include "mailstore/store.h"

#define EXPORT_LIST	"congvu-export.jsonl"

struct export_box {
	const struct store_mailbox *box;
	struct slice keywords[ST_KEYWORDS_MAX];	/* of the message at hand */
	size_t	     keywords_n;
	int	     dir_fd;	/* of the folder that holds its files */
	FILE	    *list;
	FILE	    *file;	/* mbox: all messages */
	uint64_t     at;	/* mbox: octets so far */
	char	     host[65];
	struct buf   out;
};

struct export_form {
	const char *name;	/* "maildir" */
	int (*open)(struct export_box *b, int top_fd);
	int (*message)(struct export_box *b, const struct store_record *m, struct slice octets);
	int (*close)(struct export_box *b);	/* also after a failure */
};

extern const struct export_form export_maildir, export_mbox;

/* ---- shared by the forms ---- */

/* Make a folder below dir_fd, or find it there, and open it: descriptor in *fd_out. */
int export_folder(int dir_fd, const char *name, int *fd_out) MUST_USE;
/* A new file for writing. ERR_EXIST. */
int export_file(int dir_fd, const char *name, FILE **out) MUST_USE;
/* The list's first line; one for a message, with what the form adds (taken over, may be NULL). */
int export_list_box(struct export_box *b) MUST_USE;
int export_list_message(struct export_box *b, const struct store_record *m, json_t *more) MUST_USE;
/* Close a file of stdio with whatever failed since it was opened. */
int export_close_file(FILE **f) MUST_USE;

#endif
