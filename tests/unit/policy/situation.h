/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/unit/policy/situation.h: certificates, lists and responses made in memory from a script,
 * and a message signed by one of them.
 *
 *   script  = *( [line] LF ); line = verb *( SP word ) *( " | " option )
 *   root ID                    a configured root; R is there without being told
 *   ca ID ISSUER               an authority, into the pool of intermediates
 *   ee ID ISSUER               an end entity; the last one signs
 *   crl ISSUER                 a list in the name and by the key of ISSUER
 *   nocrl ISSUER               every other authority that issued something gets a fresh empty list
 *   ocsp SIGNER ISSUER ID ANSWER   a response about ID of ISSUER: good, unknown, revoked, hold
 *
 * Options of certificates
 *   name=/C=VN/CN=x (else /C=VN/O=Thu/CN=ID), issuer=NAME, key=K (else ID; "rsa2048:K",
 *   "rsa1024:K", "ed:K", "slow:K" for RSA with an exponent as long as the modulus, else P-256),
 *   serial=N, from=T, to=T, sha=sha1, embed (into the message, not the pool), signs (with the last
 *   one), badsig, v1, anchor (into the roots), signed=T (the signing time),
 *   EXTENSION=VALUE or -EXTENSION (not that of the kind)
 * Options of lists
 *   this=T, next=T or next=none, number=N, revoke=ID[:REASON[:T[:T]]] (reason as in a CRL's text
 *   or "-"; revoked at, invalid since), name=NAME, sign=ID, badsig, sha=sha1, entry=unknown (a
 *   critical extension in each entry), silent (only the first entry names its issuer),
 *   EXTENSION=VALUE
 * Options of responses
 *   this=T, next=T or next=none, moment=T, with (the signer's certificate inside),
 *   hash=sha256, badsig, sha=sha1
 * T is days from now, or hours with "h", or a time as YYYYMMDDHHMMSSZ or YYMMDDHHMMSSZ. Values of
 * extensions may name a section of the configuration in situation.c.
 */
#ifndef TESTS_SITUATION_H
#define TESTS_SITUATION_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/buf.h"
#include "policy/smime/smime.h"

/* cmocka group fixtures: keys are kept over all scripts. */
int situation_setup(void **state);
int situation_teardown(void **state);

/* The day 0 of the script that was made last; before the first, when situation_setup() ran. */
int64_t situation_now_s(void);

struct situation {
	struct buf	    blob;	/* of everything in it */
	struct slice	    message;
	struct smime_trust *trust;
	struct arena	    arena;
};

/* Make what the script says; the test fails if it cannot be made. */
void situation_init(struct situation *s, const char *script);
void situation_fini(struct situation *s);

/* Verify the message with this trust set (s->trust may be replaced in between). */
struct smime_result situation_verify(struct situation *s, const struct smime_options *o);

/* The DER of the n-th object of a kind (from 0), inside s->blob. */
struct slice situation_object(struct situation *s, enum smime_object kind, unsigned n);

/* A trust set of the blob of one and, if not NULL, the further objects of another. */
struct smime_trust *situation_trust(const struct situation *s, const struct buf *more);

#endif
