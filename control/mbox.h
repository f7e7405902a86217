/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * control/mbox.h: many messages in one file, in the form mboxrd.
 *
 * Shape   pure; the reader streams: octets in, in pieces of any size, messages out by callbacks, the
 *         same at every split. A line "From ..." is a separator when it is the first line or
 *         comes after an empty one, and either names a date or is followed by what looks like a header
 *         field (writers exist that quote nothing, and others whose dates are broken). ">From "
 *         with any number of ">" loses one. The empty line before a separator or the end belongs
 *         to the format.
 * Lines   the file has LF (or CRLF); what comes out has CRLF when crlf is set.
 * Bounds  holds at most MBOX_LINE_MAX octets, linear time.
 * Source  RFC 4155; the forms mboxo, mboxrd.
 */
#ifndef CONTROL_MBOX_H
#define CONTROL_MBOX_H

#include "common/buf.h"

enum { MBOX_LINE_MAX = 1000, MBOX_FIELD_MAX = 200 };

struct mbox_events {
	/* from: the separator without "From " and line end; at: where it begins in the file. */
	void (*begin)(void *arg, struct slice from, uint64_t at);
	void (*octets)(void *arg, struct slice s);
	void (*end)(void *arg);
};

struct mbox_reader {
	const struct mbox_events *events;
	void	*arg;
	bool	 crlf;		/* may be changed in begin() */
	int	 failed;
	/* private */
	unsigned state;
	bool	 in_message, blank_before, blank_held, blank_cr, last_cr, cr_held;
	uint64_t at, line_at;
	uint64_t quotes;
	size_t	 matched, from_n, field_n;
	char	 from[MBOX_LINE_MAX], field[MBOX_FIELD_MAX];
};

void mbox_reader_init(struct mbox_reader *r, const struct mbox_events *events, void *arg);

/* OK; ERR_SYNTAX: the file does not begin with a separator, and nothing comes out of it. */
int mbox_read(struct mbox_reader *r, struct slice in) MUST_USE;
/* The file is over. */
void mbox_read_end(struct mbox_reader *r);

/* The date of a separator: "SENDER Www Mmm dd hh:mm[:ss] [zone] yyyy [zone]": OK, or ERR_SYNTAX when
 * there is none, or none that can be. */
int mbox_date(struct slice from, int64_t *date_s_out) MUST_USE;

/* Append a separator, ended by LF. The date is in UTC. */
void mbox_add_from(struct slice sender, int64_t date_s, struct buf *out);

/* Do all lines end in CRLF, without another CR or LF, and is the last one ended? */
bool mbox_is_crlf(struct slice message);

/* Append a message, quoted, and the empty line after it; with lf each CRLF becomes LF. */
void mbox_add(struct slice message, bool lf, struct buf *out);

/*
 * What mail readers keep in the header of a message: flags (ST_*) and keywords, from Status,
 * X-Status and X-Keywords. These fields and X-UID, X-IMAP, X-IMAPbase are left out of what is
 * appended to out; *found_out: there was a Status or X-Status. keywords get at most max names,
 * slices of message.
 */
void mbox_take_status(struct slice message, struct buf *out, unsigned *flags_out, bool *found_out,
    struct slice *keywords, size_t max, size_t *keywords_n_out);

/* The fields that tell of flags and keywords, to stand before the header, ended by eol; returns how
 * many lines. */
unsigned mbox_add_status(unsigned flags, uint32_t uid, const struct slice *keywords,
    size_t keywords_n, const char *eol, struct buf *out);

#endif
