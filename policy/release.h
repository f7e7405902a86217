/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/release.h: what two security officers sign so that a refused message may pass once.
 *
 * Shape   release_format and release_parse: the statement as text, one way to write it.
 *         release_verify: do two signed statements make a release for this message? release_lift:
 *         the facts without what it lifts. All pure.
 * Bounds  RELEASE_* below; a statement is at most RELEASE_OCTETS_MAX octets.
 * Source  DESIGN §4.10; doc/design/release.md
 */
#ifndef POLICY_RELEASE_H
#define POLICY_RELEASE_H

#include "policy/facts.h"
#include "policy/proto.h"
#include "policy/smime/smime.h"

enum {
	RELEASE_ID_OCTETS = 16,
	RELEASE_RECIPIENTS_MAX = 100,
	RELEASE_ADDRESS_MAX = 320,
	RELEASE_REASON_MAX = 500,
	RELEASE_REFERENCE_MAX = 64,
	RELEASE_VALID_S = 72 * 3600,
	RELEASE_SLACK_S = 300,		/* clocks of who issued and who verifies */
	RELEASE_OCTETS_MAX = 65536,
	RELEASE_ARENA_OCTETS = 64 << 20		/* to verify one */
};

struct release_part {
	unsigned char sha256[LEAF_SHA256_OCTETS];
	struct slice  what;		/* for people: "opaque opaque-encrypted 2" */
};

struct release_statement {
	unsigned char	     id[RELEASE_ID_OCTETS];
	struct slice	     sender;	/* From */
	struct slice	    *recipients;
	size_t		     recipients_n;
	unsigned	     lift;	/* LIFT_* */
	int64_t		     issued_s, expires_s;
	struct slice	     reference, reason;	/* reference may be empty */
	unsigned char	     content[LEAF_SHA256_OCTETS];
	struct release_part *parts;
	size_t		     parts_n;
};

/* Append the statement. OK; ERR_INVAL: some value cannot stand in one; out->err. */
int release_format(const struct release_statement *s, struct buf *out) MUST_USE;

/* The other way. Slices point into text or a. ERR_SYNTAX: not what release_format makes of what it
 * says (line ends may be CRLF, and there may be empty lines behind it); ERR_LIMIT; a->err. */
int release_parse(struct slice text, struct arena *a, struct release_statement *out) MUST_USE;

/* The parts of a message's causes, for release_format, in the arena. ERR_INVAL: something was found
 * that no release can name. */
int release_parts(const struct facts *f, struct arena *a, struct release_part **out,
    size_t *n_out) MUST_USE;

/* Digest of all leaves of an entity. OK; a->err; ERR_CRYPTO. */
int release_content(struct slice entity, struct arena *a,
    unsigned char out[LEAF_SHA256_OCTETS]) MUST_USE;

/* The text that a signed object covers, and its signature's worth. unfit "statement": no
 * statement is in it. */
int release_open(struct slice object, struct smime_trust *trust, const struct smime_options *o,
    struct arena *a, struct smime_result *sig_out, struct release_statement *out,
    const char **unfit_out) MUST_USE;

struct release_context {
	unsigned		    path;
	struct slice		    sender;	/* From of the message */
	struct slice		    account, mail_from; /* who sends, besides; may be empty */
	const struct facts_signer  *signers;	/* of the message */
	size_t			    signers_n;
	bool			    by_sender;	/* an officer may be who sends */
	bool			    sender_own;	/* STORE: From is an address of the account */
	const struct pol_rcpt	   *recipients;
	size_t			    recipients_n;
	struct smime_trust	   *trust;
	const struct smime_options *smime;
};

/*
 * Is r a release for such a message? *unfit_out is NULL and *out what was signed, or a static word
 * says why not (doc/design/release.md). Whether it covers the findings is release_lift's to say.
 * OK, or a->err.
 */
int release_verify(const struct pol_release *r, const struct release_context *c, struct arena *a,
    struct release_statement *out, const char **unfit_out) MUST_USE;

/*
 * The facts as the release s has them decided: a decision passes rows over that officers may
 * release, and marks that are none make no level. content: release_content of the message; whole:
 * it must be the same altogether. NULL: done; else why it does not fit.
 */
const char *release_lift(const struct facts *f, const struct release_statement *s,
    const unsigned char content[LEAF_SHA256_OCTETS], bool whole, struct facts *out);

/* The same for the best of releases. False: there is a finding that none can name. */
bool release_could_lift(const struct facts *f, struct facts *out);

#endif
