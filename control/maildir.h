/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * control/maildir.h: names in a Maildir: of messages, of folders (Maildir++), of keywords.
 *
 * Shape   pure. A message is "UNIQUE:2,LETTERS" (also with ";" or "!" where a file system has no ":");
 *         P passed, R replied, S seen, T trashed, D draft, F flagged; a..z are keywords, named by
 *         the file dovecot-keywords. A folder is ".A.B" with each level in modified UTF-7.
 * Source  cr.yp.to/proto/maildir.html; Maildir++; the files of Dovecot.
 */
#ifndef CONTROL_MAILDIR_H
#define CONTROL_MAILDIR_H

#include "common/buf.h"

enum { MAILDIR_KEYWORDS = 26, MAILDIR_NAME_MAX = 255 };

struct maildir_name {
	struct slice unique;	/* what does not change when flags do */
	unsigned     flags;	/* ST_* */
	bool	     passed;	/* the keyword $Forwarded */
	uint32_t     keywords;	/* bit 0: a */
	int64_t	     time_s;	/* that the name begins with; 0: none */
};

/* Never fails: what has no letters has no flags. */
void maildir_name_read(struct slice name, struct maildir_name *out);

/* Append ":2," and the letters in ASCII order. */
void maildir_add_letters(unsigned flags, bool passed, uint32_t keywords, struct buf *out);

/* Names of keywords from the file dovecot-keywords ("0 $Forwarded"): names[i] is empty where there is
 * none; slices of text. */
void maildir_read_keywords(struct slice text, struct slice names[MAILDIR_KEYWORDS]);

/* A line of dovecot-uidlist of version 3, "UID ... :NAME": OK, or ERR_SYNTAX (the first line, and
 * what is none). *unique_out is without flags. */
int maildir_read_uid(struct slice line, uint32_t *uid_out, struct slice *unique_out) MUST_USE;

/* Append the folder's name: ".A.B" for "A/B". ERR_SYNTAX: not UTF-8, or a control octet. */
int maildir_add_folder(struct slice name, struct buf *out) MUST_USE;

/*
 * The other way: one level of a folder's name (for Maildir++ cut at ".") as other programs write it:
 * modified UTF-7, or UTF-8. Appended to out. ERR_SYNTAX: neither.
 */
int maildir_read_level(struct slice level, struct buf *out) MUST_USE;

#endif
