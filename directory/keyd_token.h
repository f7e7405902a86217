/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/keyd_token.h: a private key in a PKCS#11 token; the one file that knows libp11.
 *
 * Shape   token_open() loads the library, finds the token and the key that the URI names (exactly
 *         one of each) and signs in; the key is used through OpenSSL and goes with token_close().
 */
#ifndef DIRECTORY_KEYD_TOKEN_H
#define DIRECTORY_KEYD_TOKEN_H

#include <openssl/evp.h>

#include "common/buf.h"

struct token;

enum token_outcome { TOKEN_OK, TOKEN_AWAY, TOKEN_NO_KEY, TOKEN_PIN };

/* pin may be NULL (a key that asks for none). TOKEN_PIN: it was refused, or so few attempts are
 * left that none is made. Else than TOKEN_OK: why gets one line. */
enum token_outcome token_open(const char *module, const char *uri, const char *pin,
    struct buf *why, struct token **out) MUST_USE;
void token_close(struct token **token);

EVP_PKEY *token_key(const struct token *token);	/* stays the token's */

#endif
