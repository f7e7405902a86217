/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/sign.h: wrap an unsigned message into multipart/signed, as the server and not as its
 * sender.
 *
 * Shape   pure: sign_plan() says what stands before the body and which digest is to be signed,
 *         sign_tail() what stands behind it, sign_field() who signed, as a field on top.
 *             head    the fields of the message but Content-*, our own MIME fields, the begin of
 *                     the signed part: the protected fields once more, and Content-* as they came
 *             body    as received, octet for octet
 *             tail    the signature
 * Safety  fields are copied whole and never put together from values of the sender's, so nothing of
 *         a message can end a field or begin a part; the boundary follows from the digest of the
 *         whole message, which no sender can know while writing it.
 * Source  RFC 1847 2.1, RFC 8551 3.5.3 (multipart/signed), RFC 9788 4 (header protection, "clear").
 */
#ifndef POLICY_SIGN_H
#define POLICY_SIGN_H

#include "common/arena.h"
#include "mime/tree.h"

enum { SIGN_DIGEST_OCTETS = 32, SIGN_BOUNDARY_OCTETS = 48, SIGN_FIELD_OCTETS_MAX = 3000 };

struct sign_plan {
	struct slice  head;		/* in the arena */
	size_t	      head_at;		/* the message goes on from here: its body begins */
	size_t	      entity_at;	/* in head: the signed entity begins */
	char	      boundary[SIGN_BOUNDARY_OCTETS + 1];
	unsigned char sha256[SIGN_DIGEST_OCTETS];	/* of the signed entity */
};

/* What the server signs, and by which names. */
struct sign_source {
	const struct tree *tree;	/* of the message as received */
	const unsigned char *sha256;	/* of the message as received */
	struct slice	    authserv_id;
	struct slice	    title;	/* of the section signer */
};

/* OK; ERR_UNSUPPORTED: the header can be read in several ways; or a->err. */
int sign_plan(const struct sign_source *source, struct arena *a, struct sign_plan *out) MUST_USE;

/* The end of the message, with this CMS object (DER). OK, or a->err. */
int sign_tail(const struct sign_plan *plan, struct slice cms, struct arena *a,
    struct slice *out) MUST_USE;

/* Append the field that says whose signature it is: X-Congvu-Signed-By: our name; signer=title; and
 * the subject (UTF-8, may be empty) of its certificate. OK, ERR_INVAL (a subject with controls in
 * it), out->err. */
int sign_field(struct slice authserv_id, struct slice title, struct slice subject,
    struct buf *out) MUST_USE;

#endif
