/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/unit/policy/mint.h: a certificate authority in memory, and what its people sign. Keys are
 * P-256; nothing is written to disk.
 */
#ifndef TESTS_MINT_H
#define TESTS_MINT_H

#include "policy/smime/smime.h"

struct mint_person;

/* An authority that issues for mail, with an empty CRL. */
void mint_start(void);
void mint_stop(void);

/* Trust in that authority; the caller's. */
struct smime_trust *mint_trust(void);

/* Somebody with a certificate for the address. foreign: of an authority that is not trusted. */
struct mint_person *mint_person(const char *address, bool foreign);

/* SHA-256 of the certificate. */
const unsigned char *mint_sha256(const struct mint_person *p);

/* DER of signed-data over the text, with the text inside; kept until mint_stop. */
struct slice mint_sign(const struct mint_person *p, struct slice text);

#endif
