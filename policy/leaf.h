/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/leaf.h: the digest by which officers name what a finding was in.
 *
 * Shape   the walk notes what it looks at; the digest is computed when something is found.
 * Forms   octets as they are; of text (by its label, and by itself) with CRLF and CR as LF and none
 *         at the end, and behind its charset and NUL if that is not decoded here, as nobody knows
 *         what the octets say under another label; of a header field its name in lower case, ":",
 *         and the decoded value, white space as one space; if it cannot be decoded well, as it
 *         stands, too.
 * Source  doc/design/release.md
 */
#ifndef POLICY_LEAF_H
#define POLICY_LEAF_H

#include <stdbool.h>

#include "common/slice.h"

enum { LEAF_SHA256_OCTETS = 32 };

enum leaf_kind { LEAF_NONE, LEAF_OCTETS, LEAF_TEXT, LEAF_FIELD };

struct leaf {
	enum leaf_kind kind;
	struct slice   name;	/* FIELD */
	struct slice   charset;	/* a label that is not decoded here, else empty */
	struct slice   octets;	/* must stay while the leaf is looked at */
	bool	       known;	/* sha256 is */
	unsigned char  sha256[LEAF_SHA256_OCTETS];
};

/* The digest, which stays in l; NULL: nothing is looked at, or it cannot be computed. */
const unsigned char *leaf_digest(struct leaf *l);

#endif
