/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/smime/internal.h: what the files of this folder share; nobody else includes it.
 */
#ifndef POLICY_SMIME_INTERNAL_H
#define POLICY_SMIME_INTERNAL_H

#include <openssl/cms.h>
#include <openssl/x509.h>

#include "policy/smime/smime.h"

enum { CACHE_SLOTS = 2048, CHAIN_DEPTH_MAX = 8 };

/* One CRL, with what is asked of it for every certificate worked out beforehand. */
struct smime_crl {
	X509_CRL	   *crl;
	ISSUING_DIST_POINT *idp;	/* NULL: none */
	int64_t		    this_s, next_s;
	bool		    complete;	/* may prove that a certificate is not revoked */
	bool		    delta;
	bool		    checked, genuine; /* signature by issuer_sha256 was looked at */
	unsigned char	    issuer_sha256[32];
};

/* What is known of a signer's certificate, for as long as this trust set lives. */
struct chain_verdict {
	unsigned char	   sha256[32];
	enum smime_purpose purpose;
	uint64_t	   grace_s;
	int64_t		   from_s, until_s;	/* the verdict holds at from_s <= now < until_s */
	unsigned	   reason;
	bool		   stale;
};

struct smime_trust {
	X509_STORE	     *roots;
	STACK_OF(X509)	     *pool;
	struct smime_crl     *crls;
	unsigned	      crls_n;
	struct smime_trust_info info;
	STACK_OF(X509)	     *seen;	/* see points.h */
	struct chain_verdict *cache;	/* CACHE_SLOTS */
};

enum revocation { REVOCATION_GOOD, REVOCATION_STALE, REVOCATION_UNKNOWN, REVOCATION_REVOKED };

/* Seconds since 1970 of an ASN.1 time; false if it is malformed. */
bool asn1_seconds(const ASN1_TIME *t, int64_t *out);

/* SHA-256 of a certificate's DER. */
bool cert_sha256(const X509 *x, unsigned char out[32]);

/* crl.c: fill c from crl (taken over, also on failure). ERR_SYNTAX, ERR_NOMEM. */
int crl_init(struct smime_crl *c, X509_CRL *crl) MUST_USE;
void crl_fini(struct smime_crl *c);

/* The state of cert, issued by issuer; *until_s is lowered to the moment when that may change. */
enum revocation crl_look_up(struct smime_trust *t, X509 *cert, X509 *issuer,
    const struct smime_options *o, int64_t *until_s);

/* chain.c: SIG_OK or the reason why leaf cannot be trusted now; embedded certificates may help. */
unsigned chain_verify(struct smime_trust *t, X509 *leaf, STACK_OF(X509) *embedded,
    const struct smime_options *o, bool *stale_out);

/* points.c: note a chain that led to a root. */
void seen_note(struct smime_trust *t, STACK_OF(X509) *chain);

/* algorithm.c: SIG_OK, SIG_WEAK, SIG_UNSUPPORTED, SIG_MALFORMED. */
unsigned algorithm_check(CMS_SignerInfo *si, X509 *cert);
unsigned algorithm_digest(int nid);

/* attribute.c: signed attributes. SIG_OK or SIG_MALFORMED; *digest_out is the messageDigest. */
unsigned attribute_check(CMS_SignerInfo *si, const ASN1_OCTET_STRING **digest_out);
/* Fills signed_s and clock (it is ahead) of s, whose begin_s is known. SIG_OK; SIG_EXPIRED: too far
 * ahead, or before the certificate; SIG_MALFORMED. */
unsigned attribute_signing_time(CMS_SignerInfo *si, int64_t now_s, struct smime_signer *s);
/* Is cert the one that the signer named (RFC 5035 3, 4), if any? SIG_OK, SIG_MALFORMED, or
 * SIG_UNSUPPORTED for a digest that is not known. */
unsigned attribute_certificate(CMS_SignerInfo *si, X509 *cert);
/* The ESS label; raises label_level of out. */
void attribute_label(CMS_SignerInfo *si, struct smime_result *out);

/* names.c: who a certificate is for and by, and its validity, copied into a. */
void names_fill(X509 *cert, struct arena *a, struct smime_signer *out);

/* signed.c: verify every signer of der. detached: the octets that it must cover; NULL: those
 * inside. micalg: what the entity announces, or NULL. Fills sig, reason, signers, content. OK or
 * a->err. */
struct signed_input {
	struct slice		    der;
	const struct slice	   *detached;
	const struct slice	   *micalg;
	struct smime_trust	   *trust;
	const struct smime_options *options;
};
int signed_verify(const struct signed_input *in, struct arena *a, struct smime_result *out)
    MUST_USE;

/* NULL: not one CMS object, nothing behind it. */
CMS_ContentInfo *signed_parse(struct slice der);

#endif
