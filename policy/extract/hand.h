/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/hand.h: how parsers of our own hand out what they find in a container.
 *
 * Shape   pieces go to the sink of extract.h; the first error stays, and nothing is handed out
 *         behind it. Text is trimmed, and empty pieces are not handed out.
 * Bounds  limits->entries_max files, limits->out_octets_max octets; past them ERR_LIMIT.
 */
#ifndef POLICY_EXTRACT_HAND_H
#define POLICY_EXTRACT_HAND_H

#include "policy/extract/extract.h"

struct hand {
	const struct extract_limits *limits;
	extract_sink_fn		    *sink;
	void			    *arg;
	uint32_t		     files;	/* numbers given */
	uint64_t		     out;	/* octets handed out */
	int			     err;	/* sticky */
};

/* A container that one of our own parsers opens: as extract_run(), for parsers that may run outside
 * of the box. */
typedef int hand_run_fn(struct slice octets, const struct extract_limits *limits,
    extract_sink_fn *sink, void *arg);

void hand_init(struct hand *h, const struct extract_limits *limits, extract_sink_fn *sink,
    void *arg);

/* The number of the next file; 0 when there are too many. */
uint32_t hand_number(struct hand *h);

/* A piece of that file; number 0 is the container. */
void hand_text(struct hand *h, uint32_t number, struct slice utf8);
void hand_title(struct hand *h, uint32_t number, struct slice utf8);
void hand_name(struct hand *h, uint32_t number, struct slice name);
void hand_file(struct hand *h, uint32_t number, struct slice octets);
void hand_opaque(struct hand *h, uint32_t number, enum extract_why why);

/* Says as a piece what went wrong with all of it (ERR_CORRUPT, ERR_LIMIT, ERR_ACCESS,
 * ERR_UNSUPPORTED; OK: nothing), and gives what the run function is to return. */
int hand_end(struct hand *h, int err) MUST_USE;

#endif
