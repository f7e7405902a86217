/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/unit/policy/cmsmake.h: CMS signed-data with any fault that a signer can make, and the MIME
 * around it.
 */
#ifndef TESTS_CMSMAKE_H
#define TESTS_CMSMAKE_H

#include "tests/unit/policy/pki.h"

enum cms_fault {
	/* no fault: the certificate is named by its key identifier */
	CMS_BY_KEYID	  = 1 << 0,
	CMS_NO_CERT	  = 1 << 1,	/* of this signer */
	CMS_NO_TIME	  = 1 << 2,
	CMS_TWO_TIMES	  = 1 << 3,
	CMS_OTHER_DIGEST  = 1 << 4,	/* messageDigest of something else, signed properly */
	CMS_TWO_DIGESTS	  = 1 << 5,
	CMS_OTHER_TYPE	  = 1 << 6,	/* contentType is not id-data */
	CMS_NO_TYPE	  = 1 << 7,
	CMS_BROKEN	  = 1 << 8,	/* one bit of the signature */
	CMS_ESS_V2	  = 1 << 9,	/* signingCertificateV2 names the certificate */
	CMS_ESS_V1	  = 1 << 10,
	CMS_ESS_V2_OTHER  = 1 << 11,	/* it names another one */
	CMS_ESS_V1_OTHER  = 1 << 12,
	CMS_ESS_BROKEN	  = 1 << 13,
	CMS_ESS_512	  = 1 << 14,	/* V2 with SHA-512 */
	CMS_PSS		  = 1 << 15,
	CMS_PSS_SHA1_MASK = 1 << 16,
	CMS_ED25519	  = 1 << 17,	/* signed anew with ed.key, as RFC 8419 says */
};

struct cms_signer {
	const char *name;	/* NAME.pem, NAME.key of the PKI */
	unsigned    faults;
	const char *digest;	/* NULL: sha256 */
	int64_t	    signed_s;	/* 0: now */
};

/* Signed-data over content by n signers, with extra certificates (names separated by spaces, put
 * before the signers' own), kept as pki_read's. */
struct slice cms_make(struct slice content, bool detached, const struct cms_signer *signers,
    size_t n, const char *extra);

/* Entities (header and body) without any field of a message. entity is what is signed. */
struct slice cms_multipart(struct slice entity, struct slice der);
struct slice cms_opaque(struct slice der);

/* Both at once: entity signed, as an entity. */
struct slice cms_sign(struct slice entity, bool detached, const struct cms_signer *signers,
    size_t n);

#endif
