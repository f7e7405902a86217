/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/classify.h: which level a message bears, and what of it nobody can inspect.
 *
 * Shape   walks the parts of a message and everything inside them, and fills the classification
 *         facts: level, review, opaque, partly_inspected, internal_only, kind, evidence,
 *         ambiguous, from, size_octets. The signature facts and sha256 are not touched.
 * Reading Where mail programs read the same octets differently, each reading is inspected; where
 *         that is not possible the part is opaque. The highest level found anywhere counts.
 * Bounds  the limits below; past any of them the part is opaque, never "clean".
 * Memory  evidence and paths live in the arena; scratch memory is freed before returning.
 */
#ifndef POLICY_CLASSIFY_H
#define POLICY_CLASSIFY_H

#include "common/arena.h"
#include "policy/extract/extract.h"
#include "policy/facts.h"

/*
 * Open one CMS signed-data and give its content (a MIME entity), in the arena or inside der.
 * Any error: the part is opaque, unless it is the signature of a multipart/signed, where no
 * content is to be expected.
 */
typedef int classify_open_signed_fn(void *arg, struct slice der, struct arena *a,
    struct slice *content_out);

/* As box_extract(): how containers are opened. */
typedef int classify_extract_fn(struct slice octets, enum extract_type type,
    const struct extract_limits *limits, extract_sink_fn *sink, void *arg);

/* Milliseconds of a clock that does not jump. */
typedef uint64_t classify_now_fn(void *arg);

struct classify_options {
	struct extract_limits	 limits;
	uint64_t		 text_octets_max;	/* decoded text of one part */
	classify_extract_fn	*extract;		/* box_extract */
	classify_open_signed_fn *open_signed;		/* NULL: signed-data is opaque */
	void			*open_signed_arg;
	classify_now_fn		*now_ms;		/* NULL: no deadline */
	void			*now_arg;
	uint64_t		 deadline_ms;		/* in terms of now_ms */
};

/* The limits of extract_limits_init, 32 MiB of text per part, containers in the box. */
void classify_options_init(struct classify_options *o);

/*
 * Fill *f, which the caller has zeroed (or filled with signature facts). OK, also for mail that
 * is opaque or malformed; ERR_NOMEM or ERR_LIMIT when the arena has no room: then nothing in
 * *f may be trusted and the message must wait.
 */
int classify_message(struct slice message, const struct classify_options *o, struct arena *a,
    struct facts *f) MUST_USE;

#endif
