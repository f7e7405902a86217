/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/keyd_signer.h: one certificate with its key, and the signatures made with it.
 *
 * Shape   signer_read() reads files, signer_open() opens the token if there is one and tries the
 *         key, signer_sign() makes a CMS SignedData. Between the first two the sandbox closes.
 * Source  RFC 5652 5 (SignedData), 11 (contentType, messageDigest, signingTime), RFC 8551.
 */
#ifndef DIRECTORY_KEYD_SIGNER_H
#define DIRECTORY_KEYD_SIGNER_H

#include "common/conf.h"

enum { SIGNER_CMS_MAX = 49152, SIGNER_CHAIN_MAX = 8, SIGNER_DIGEST_OCTETS = 32 };

struct signer;

/* Certificate, chain, key or PIN from the files of conf, which must outlive it. It is made in any
 * case, if there is memory; its state says what is missing (why: one line about it). */
int signer_read(const struct conf_signer *conf, struct buf *why, struct signer **out) MUST_USE;

/* pin_refused: the token refused this PIN before: it is not tried again. When the token refuses it
 * now, that is set. The PIN is forgotten. why gets one line unless the signer is ready. */
void signer_open(struct signer *s, bool *pin_refused, struct buf *why);
void signer_free(struct signer **s);

const char *signer_title(const struct signer *s);
/* RFC 4514, UTF-8; "" without certificate */
const char *signer_subject(const struct signer *s);
unsigned signer_state(const struct signer *s);		/* SIGN_* of directory/proto.h */
uint64_t signer_end_s(const struct signer *s);		/* of the certificate; 0: none */

/* Append a detached SignedData (DER) over an entity with this digest. ERR_UNAVAIL: the signer is
 * not ready; ERR_CRYPTO: the key failed; out->err. */
int signer_sign(struct signer *s, const unsigned char sha256[SIGNER_DIGEST_OCTETS],
    struct buf *out) MUST_USE;

#endif
