/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/explain.h: what the gate would say to a file, for administrators and for tests.
 *
 * Shape   file octets and options in, one JSON object out; renderings of judge(), without a
 *         server. A file whose lines all end in LF alone is read as if they ended in CRLF.
 * Source  DESIGN §9 ("policy explain", "policy scan").
 */
#ifndef POLICY_EXPLAIN_H
#define POLICY_EXPLAIN_H

#include "policy/judge.h"

struct explain_options {
	unsigned	    path;	/* PATH_* ("--role") */
	unsigned	    from_zone, to_zone;
	struct slice	    from;	/* address of the account; empty: whatever From says */
	struct slice	    agency_subject; /* From is an agency's mailbox, to which the directory
					 * binds this subject; empty: a person's */
	const struct slice *to;		/* none: one unnamed recipient */
	size_t		    to_n;
	unsigned	    clearance;	/* of local recipients */
	unsigned	    level_min;	/* known from before */
};

/* A file that was judged, and all that the result points into. */
struct explain_judged {
	struct buf		 wire;
	struct arena		 a;
	struct pol_judge_request req;
	struct dir_identity	 ids[2];	/* the account's, and the agency's whose clerk it is */
	struct slice		 message;	/* as on the wire */
	struct judge_result	 res;
};

/* PATH_SUBMIT from internal to internet, clearance thuong. */
void explain_options_init(struct explain_options *o);

/* Judge the file as the options say. OK and *out, to be undone; or what judge() said. */
int explain_judge(struct slice file, const struct explain_options *o,
    const struct judge_env *env, struct explain_judged *out) MUST_USE;
void explain_judged_fini(struct explain_judged *j);

/* A file from a disk: if no line ends in CRLF, all LF become CRLF, as on the wire. mem, which is
 * initialised here, holds *out or nothing. */
int explain_as_on_wire(struct slice file, struct buf *mem, struct slice *out) MUST_USE;

/* Append the JSON object of "policy explain" (one line, no line end). OK, or what judge() said;
 * then nothing is appended. */
int explain_message(struct slice file, const struct explain_options *o,
    const struct judge_env *env, struct buf *json_out) MUST_USE;

/* Append the JSON line of "policy scan" for a message about to leave for the internet; file_name
 * is shown as it is. Its verdict is about secrecy alone: what is refused only since it is for
 * internal circulation has "allow", "class": "internal" and its rule. A failure is told in the line
 * (verdict "error") and returned. */
int explain_scan(const char *file_name, struct slice file, const struct judge_env *env,
    struct buf *json_out) MUST_USE;

#endif
