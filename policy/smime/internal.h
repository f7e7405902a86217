/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/smime/internal.h: what the files of this folder share; nobody else includes it.
 */
#ifndef POLICY_SMIME_INTERNAL_H
#define POLICY_SMIME_INTERNAL_H

#include <openssl/cms.h>
#include <openssl/ocsp.h>
#include <openssl/x509.h>

#include "policy/smime/revoked.h"
#include "policy/smime/smime.h"

enum {
	CACHE_SLOTS = 2048,
	CHAIN_DEPTH_MAX = 10,	/* certificates of a path, leaf and root included */
	QUESTION_DEPTH_MAX = 3,	/* whose state hangs on whose: leaf, signer of its list, of that */
	EDGES_MAX = 64,		/* signatures of certificates looked at for one leaf */
	EDGES_ALL_MAX = 256,	/* for all of one message */
	KEY_BITS_MAX = 8192,	/* of RSA: more costs time, and nobody has it */
	PATHS_MAX = 32,		/* whole paths checked for one leaf */
	KEYS_MAX = 4,		/* keys that a list or a response was tried with, remembered */
	VOUCHED_MAX = 8,	/* signers of lists, found good while one question is answered */
};

/* Reasons of RFC 5280 4.2.1.13, as bits; bit 0 is unused there. */
enum { REASONS_COUNT = 9, REASONS_ALL = 0x1fe, REASON_BIT_HOLD = 1 << 6 };

/* Was an object signed with this key? Looked at once. */
struct key_memory {
	unsigned char sha256[32];	/* of the SubjectPublicKeyInfo */
	bool	      known, genuine;
};

/* One entry of a CRL, sorted by serial. */
struct crl_entry {
	const ASN1_INTEGER *serial;
	X509_NAME	   *issuer;	/* of the certificate; NULL: the issuer of the list */
	int64_t		    moment_s;	/* revocation, or the earlier invalidity */
	int		    reason;	/* CRL_REASON_*; unspecified when absent */
};

/* One CRL, with what is asked of it for every certificate worked out beforehand. */
struct smime_crl {
	X509_CRL	   *crl;
	ISSUING_DIST_POINT *idp;	/* NULL: none */
	AUTHORITY_KEYID	   *akid;	/* NULL: none */
	int64_t		    this_s, next_s;
	int64_t		    expired_from_s; /* it still lists what ended after that; or INT64_MAX */
	ASN1_INTEGER	   *number, *base;  /* CRL number; BaseCRLNumber of a delta; NULL: none */
	bool		    sound;	/* understood whole, strongly signed, with a next update */
	bool		    delta, indirect;
	unsigned char	    scope[32];	/* of issuer, key identifier, distribution point */
	struct crl_entry   *entries;
	GENERAL_NAMES	  **issuers;	/* certificateIssuer extensions that entries point into */
	unsigned	    entries_n, issuers_n;
	struct key_memory   keys[KEYS_MAX];
	unsigned	    keys_n;
};

/* One OCSP response. */
struct smime_ocsp {
	OCSP_BASICRESP	 *basic;
	int64_t		  expired_from_s;	/* archive cutoff; INT64_MAX: none */
	bool		  sound;
	unsigned char	  scope[32];
	struct key_memory keys[KEYS_MAX];
	unsigned	  keys_n;
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
	STACK_OF(X509)	     *roots, *pool;
	X509_STORE	     *store;	/* empty: see chain_store_new */
	struct smime_crl     *crls;
	struct smime_ocsp    *ocsp;
	unsigned	      crls_n, ocsp_n;
	struct revoked_list   revoked;
	struct smime_trust_info info;
	STACK_OF(X509)	     *seen;	/* see points.h */
	struct chain_verdict *cache;	/* CACHE_SLOTS */
	unsigned	      edges;	/* left for the message in hand */
};

/* One question about one certificate at one moment, and what its answer may still cost. */
struct question {
	struct smime_trust	   *t;
	STACK_OF(X509)		   *embedded;	/* NULL: none */
	const struct smime_options *o;
	unsigned		    edges, paths;	/* left */
	unsigned		    depth;
	X509			   *asked[QUESTION_DEPTH_MAX];
	struct { X509 *x, *root; int64_t until_s; } vouched[VOUCHED_MAX];
	unsigned		    vouched_n;
};

/* What a path was found to be worth. */
struct path_state {
	int64_t until_s;	/* nothing changes before, with this trust set */
	bool	stale;
	bool	leaf_revoked;	/* the leaf itself, whatever the path */
	X509   *root;		/* where it leads; of the trust set */
	X509   *issuer;		/* of the leaf; NULL: it is a root itself */
};

/* What a path is for: the mail of a person or agency; another's list of revoked certificates. */
enum path_use { FOR_MAIL, FOR_STATUS };

/* trust.c: seconds since 1970 of an ASN.1 time; false if it is malformed. */
bool asn1_seconds(const ASN1_TIME *t, int64_t *out);
/* SHA-256 of a certificate's DER; of its SubjectPublicKeyInfo. */
bool cert_sha256(const X509 *x, unsigned char out[32]);
bool cert_key_sha256(const X509 *x, unsigned char out[32]);
/* As which issuer the memory knows what list_issuer says of the certificates of an authority: by
 * the authority's key, if the list is its own (NULL), or else by that and the name of the other. */
bool cert_issuer_id(const X509 *authority, const X509_NAME *list_issuer, unsigned char out[32]);
/* The magnitude of a serial number. */
struct slice serial_octets(const ASN1_INTEGER *serial);
/* Parse what s is, exactly; NULL: it is none. */
X509_CRL *crl_parse(struct slice der);
OCSP_BASICRESP *ocsp_parse(struct slice der);

/* path.c: SIG_OK, or the best of the reasons why no path from leaf to a root is good. */
unsigned path_find(struct question *q, X509 *leaf, enum path_use use, struct path_state *out);
/* The i-th certificate that may stand in a path: roots, pool, embedded; NULL behind the last. */
X509 *path_candidate(const struct question *q, unsigned i);
/* Did whoever made the message bring it along? */
bool path_is_embedded(const struct question *q, unsigned i);

/* chain.c: one whole path, leaf first. SIG_OK or why it is not good. */
unsigned chain_check(struct question *q, STACK_OF(X509) *path, enum path_use use,
    struct path_state *out);
/* An empty store for struct smime_trust: it makes OpenSSL follow the path given. */
X509_STORE *chain_store_new(void);
/* SIG_OK or the reason why leaf cannot be trusted now; embedded certificates may help. */
unsigned chain_verify(struct smime_trust *t, X509 *leaf, STACK_OF(X509) *embedded,
    const struct smime_options *o, bool *stale_out);

/* What the sources say of one certificate, added up; see revocation.c. */
struct evidence {
	const struct question *q;
	X509		      *cert, *issuer, *root;
	int64_t		       fresh_s[REASONS_COUNT];	/* acquitted of this reason until then */
	int64_t		       acquitted_s, held_s;	/* the newest source that says so */
	int64_t		       until_s;
	bool		       revoked;
};

/* A source of this_s says that the certificate is revoked from moment_s on, or is on hold: is it so
 * at the moment judged? And one that says that it is not revoked for these reasons. */
bool evidence_revoked(struct evidence *e, int64_t this_s, int64_t moment_s, int reason);
void evidence_good(struct evidence *e, int64_t this_s, int64_t next_s, unsigned reasons);
/* May a source of this moment acquit, which also tells of what ended after expired_from_s? When it
 * is too new the evidence keeps from when on it may. */
bool evidence_counts(struct evidence *e, int64_t this_s, int64_t expired_from_s);

enum revocation { REVOCATION_GOOD, REVOCATION_STALE, REVOCATION_UNKNOWN, REVOCATION_REVOKED };

/* The state of cert, issued by issuer, in a path to root; *until_s is lowered to the moment when
 * that may change. */
enum revocation revocation_of(struct question *q, X509 *cert, X509 *issuer, X509 *root,
    int64_t *until_s);
/* A question that q hangs on, about x in a path of its own: SIG_OK or a reason. */
unsigned revocation_ask(struct question *q, X509 *x, struct path_state *out);

/* crl.c: fill c from crl (taken over, also on failure). ERR_SYNTAX, ERR_NOMEM. */
int crl_init(struct smime_crl *c, X509_CRL *crl) MUST_USE;
void crl_fini(struct smime_crl *c);
/* Add what the lists of the trust set say of e's certificate. */
void crl_testify(struct question *q, struct evidence *e);
/* Is c signed by the authority of this certificate (may be NULL), or by another certificate of the
 * list's name that leads to root (NULL: to any)? *until_s: lowered to when that may change. */
bool crl_is_genuine(struct question *q, struct smime_crl *c, X509 *issuer, X509 *root,
    int64_t *until_s);

/* Whose certificates an entry is about. */
const X509_NAME *crl_issuer_of(const struct smime_crl *c, const struct crl_entry *entry);

/* ocsp.c: likewise. */
int ocsp_init(struct smime_ocsp *o, OCSP_BASICRESP *basic) MUST_USE;
void ocsp_fini(struct smime_ocsp *o);
void ocsp_testify(struct question *q, struct evidence *e);
/* Is answer i about a certificate of issuer? */
bool ocsp_is_about(const struct smime_ocsp *o, int i, X509 *issuer);
/* Did issuer, or one to whom it gave that task, sign the response? What that depends on lowers
 * *until_s; *end_s_out is the end of the signer's certificate. */
bool ocsp_is_genuine(struct question *q, struct smime_ocsp *o, X509 *issuer, X509 *root,
    int64_t *until_s, int64_t *end_s_out);
/* Answer i. */
struct ocsp_answer {
	int		    status;	/* V_OCSP_CERTSTATUS_*; -1: it cannot be read */
	const ASN1_INTEGER *serial;
	int64_t		    this_s, next_s;	/* without nextUpdate both are equal */
	int64_t		    moment_s;	/* of a revocation */
	int		    reason;
	bool		    sound;	/* no critical extension that is unknown */
};
void ocsp_answer_of(const struct smime_ocsp *o, int i, struct ocsp_answer *out);

/* trust.c: what is known of an object and the key of x; NULL: x has no key. */
struct key_memory *key_memory_of(struct key_memory *keys, unsigned *keys_n, const X509 *x);

/* points.c: note a chain that led to a root. */
void seen_note(struct smime_trust *t, STACK_OF(X509) *chain);

/* algorithm.c: SIG_OK, SIG_WEAK, SIG_UNSUPPORTED, SIG_MALFORMED. */
unsigned algorithm_check(CMS_SignerInfo *si, X509 *cert);
/* Is a key strong enough to be believed; does a signature algorithm name no weak digest? */
bool algorithm_key_is_fit(EVP_PKEY *key);
/* Does it cost little to look at a signature by this key, whoever made the key? */
bool algorithm_key_is_cheap(EVP_PKEY *key);
bool algorithm_signature_is_fit(const X509_ALGOR *signature);

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
