/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * smtpd/data.h: the text after DATA: find its one true end, take the stuffed dots out.
 *
 * Shape   octets in, in pieces of any size; pieces of the message out through a function.
 * Bounds  looks at each octet once, holds a few hundred of them.
 * Errors  a bare CR, a bare LF or a NUL is never passed over (SMTP smuggling): the caller answers
 *         once and drops the connection.
 * Source  RFC 5321 2.3.8, 4.1.1.4, 4.5.2.
 */
#ifndef SMTPD_DATA_H
#define SMTPD_DATA_H

#include "common/slice.h"

/* A line of text with its CRLF; RFC 5321 4.5.3.1.6 asks for 1000 and hopes for more. */
enum { DATA_LINE_MAX = 4096 };

enum data_state { DATA_LINE_START, DATA_TEXT, DATA_CR, DATA_DOT, DATA_DOT_CR };

struct data_reader {
	enum data_state state;
	size_t	 line_octets;
	bool	 long_line;	/* some line was over DATA_LINE_MAX */
	bool	 in_header;
	unsigned received;	/* Received fields in the header */
	unsigned own;		/* how often "by" and our name stand in them */
	char	 head[9];	/* the line's first octets, while in the header */
	struct slice hostname;	/* ours */
	bool	 in_received, after_by;	/* where the present word stands */
	char	 word[256];
	size_t	 word_octets;	/* of it, also those that found no room */
};

typedef void (*data_sink_fn)(void *arg, struct slice piece);

/* hostname must live as long. */
void data_init(struct data_reader *d, struct slice hostname);

/* 1: the end was found, *taken_out octets of in belong to this message. 0: all of in was taken,
 * more is needed. ERR_PROTO_BARE_CR, _BARE_LF, _NUL. */
int data_read(struct data_reader *d, struct slice in, data_sink_fn sink, void *arg,
    size_t *taken_out) MUST_USE;

#endif
