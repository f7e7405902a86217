/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/smime/smime.h: is this message signed as a whole, and by whom?
 *
 * Shape   smime_trust is the parsed set of roots, intermediates and CRLs; smime_verify looks at
 *         the root entity of one message and says what its signature is worth. Whether the signer
 *         may speak for From is not decided here (policy/binding.h).
 * Layers  what is signed may be nothing but a signature again (an agency's seal around a signed
 *         message): then that is verified as well, and all of them must be valid.
 * Pure    no files, no network, no clock: certificates, CRLs and the time are given. The trust
 *         set keeps a cache of chain verdicts, which changes nothing but the time taken.
 * Bounds  SMIME_LAYERS_MAX layers with SMIME_SIGNERS_MAX signers in all, SMIME_CERTS_MAX embedded
 *         certificates, SMIME_CMS_MAX octets of a detached signature; past them the signature is
 *         bad (malformed).
 * Source  RFC 8551, 8550 (S/MIME 4), 5652 (CMS), 5280 (chains, CRLs), 5035 (ESS label).
 */
#ifndef POLICY_SMIME_SMIME_H
#define POLICY_SMIME_SMIME_H

#include "common/arena.h"
#include "common/words.h"
#include "mime/tree.h"

enum {
	SMIME_SIGNERS_MAX = 8,
	SMIME_LAYERS_MAX = 4,
	SMIME_CERTS_MAX = 32,
	SMIME_EMAILS_MAX = 16,
	SMIME_CMS_MAX = 1 << 20,
	SMIME_CLOCK_AHEAD_S = 7 * 3600,	/* Vietnam local time written as if it were UTC */
	SMIME_CLOCK_SLACK_S = 300,
};

/*
 * What an object of a trust blob is; see smime_trust_add. SMIME_CRL: complete, delta or indirect.
 * SMIME_OCSP: an OCSPResponse (RFC 6960) that is "successful" and basic. SMIME_REVOKED: the text
 * of policy/smime/revoked.h.
 */
enum smime_object { SMIME_ROOT = 1, SMIME_INTERMEDIATE, SMIME_CRL, SMIME_OCSP, SMIME_REVOKED };

/* Extended key usage asked of signers. Values are those of conf.signature.purpose. */
enum smime_purpose { SMIME_EMAIL_OR_ABSENT, SMIME_EMAIL, SMIME_ANY_PURPOSE };

struct smime_trust;

struct smime_trust_info {
	unsigned roots, intermediates, crls;
	int64_t	 crl_next_update_s;	/* the earliest of all CRLs; 0 when there is none */
	int64_t	 crl_this_update_s;	/* likewise */
	int64_t	 root_end_s;		/* of the root that ends first; 0 when there is none */
	unsigned ocsp, revoked;		/* responses; certificates once seen revoked */
};

/* Append one object to a blob that smime_trust_new takes: u8 kind, u32 octets, the octets.
 * OK, ERR_SYNTAX if it is not exactly one well-formed object of that kind, or out->err. */
int smime_trust_add(struct buf *blob, enum smime_object kind, struct slice der) MUST_USE;

/* How many octets the first DER object of s has: 1 and *n_out; 0 at the end; ERR_SYNTAX. */
int smime_der_next(struct slice s, size_t *n_out) MUST_USE;

/* Parse a blob (copied). ERR_SYNTAX: an object in it is broken; ERR_NOMEM. */
int smime_trust_new(struct slice blob, struct smime_trust **out) MUST_USE;
void smime_trust_free(struct smime_trust **trust);
void smime_trust_info(const struct smime_trust *trust, struct smime_trust_info *out);

struct smime_options {
	int64_t		   now_s;	/* the moment that is judged */
	uint64_t	   revocation_grace_s;
	enum smime_purpose purpose;
	int64_t		   known_s;	/* what was published up to then counts; 0: up to now_s */
};

/* What a CRL or an OCSP response says of itself. */
struct smime_status {
	bool	      genuine;		/* its signer leads to a root of the trust set, at now_s */
	bool	      delta;
	bool	      complete;		/* it can acquit: all is understood, no weak digest */
	int64_t	      this_s, next_s;	/* next_s 0: none */
	unsigned      entries;		/* revoked certificates; answers of a response */
	unsigned char scope[32];	/* equal for issues of one list, answers to one question */
};

/*
 * Look at one SMIME_CRL or SMIME_OCSP object before it replaces an older one of equal scope: take
 * it if it is genuine and its this_s is not smaller. OK, ERR_SYNTAX, ERR_NOMEM.
 */
int smime_status(struct smime_trust *trust, enum smime_object kind, struct slice der,
    const struct smime_options *o, struct smime_status *out) MUST_USE;

struct revoked_list;

/*
 * Append every certificate that a CRL or response of this set proves to be revoked, issuer by
 * issuer that leads to one of its roots at now_s, and what its SMIME_REVOKED objects hold; the
 * caller settles the list. OK, ERR_LIMIT, ERR_NOMEM.
 */
int smime_trust_revoked(struct smime_trust *trust, const struct smime_options *o,
    struct revoked_list *list) MUST_USE;

struct smime_signer {
	unsigned      reason;		/* SIG_OK, or why this signature counts for nothing */
	bool	      stale, clock;	/* notes: CRL in its grace time; signing time ahead */
	struct slice  subject;		/* RFC 4514, UTF-8 */
	struct slice  emails[SMIME_EMAILS_MAX]; /* SAN rfc822Name and E= values, as written */
	unsigned      emails_n;
	unsigned char cert_sha256[32];	/* zeros: its certificate is not in the message */
	unsigned      layer;		/* of smime_result.layers */
	struct slice  issuer;		/* RFC 4514, UTF-8 */
	struct slice  serial;		/* hexadecimal */
	int64_t	      begin_s, end_s;	/* validity of the certificate */
	int64_t	      signed_s;		/* signing time as told; 0: not told */
};

/* What one layer of signatures covers: layers[0] the whole message, layers[1] what is in that. */
struct smime_layer {
	struct slice content;	/* a MIME entity; empty: it could not be told */
	bool	     opaque;	/* application/pkcs7-mime, not multipart/signed */
};

struct smime_result {
	unsigned	    sig;	/* SIG_NONE, SIG_VALID (every signer), SIG_BAD, SIG_ERROR */
	unsigned	    reason;	/* SIG_OK or why not */
	bool		    stale, clock;
	bool		    opaque_signed;	/* application/pkcs7-mime, not multipart/signed */
	struct slice	    content;	/* the entity that the signature covers */
	struct slice	    detached;	/* the CMS object, if it was whole and has no content */
	struct smime_signer signers[SMIME_SIGNERS_MAX];
	unsigned	    signers_n;
	bool		    has_label;	/* an ESS security label in some signer's attributes */
	unsigned	    label_level; /* LEVEL_* */
	bool		    label_review; /* it holds a value that says no level */
	struct smime_layer  layers[SMIME_LAYERS_MAX];
	unsigned	    layers_n;	/* 0: the root is no signature at all */
};

/*
 * Verify the root entity of t. OK whenever *out is filled: SIG_NONE means that the root is no
 * S/MIME signature at all; whatever fails inside congvu or OpenSSL is SIG_ERROR, never SIG_NONE.
 * Negative: a->err. trust may be NULL: then every chain is untrusted.
 */
int smime_verify(const struct tree *t, struct smime_trust *trust, const struct smime_options *o,
    struct arena *a, struct smime_result *out) MUST_USE;

/*
 * The content of one CMS signed-data, for classification; nothing is verified. Fits
 * classify_open_signed_fn (arg is not used). Nothing: a detached signature. ERR_SYNTAX: not
 * signed-data, or damaged, or something stands behind it.
 */
int smime_open_signed(void *arg, struct slice der, struct arena *a, struct slice *content_out)
    MUST_USE;

/* SHA-256 of s: OK or ERR_CRYPTO. */
int smime_sha256(struct slice s, unsigned char out[32]) MUST_USE;

/* Call once before a sandbox closes: loads what OpenSSL loads lazily. OK or ERR_CRYPTO. */
int smime_init(void) MUST_USE;

#endif
