/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/tls_internal.h: what tls.c and tls_conn.c share; nobody else includes it.
 */
#ifndef COMMON_TLS_INTERNAL_H
#define COMMON_TLS_INTERNAL_H

#include <openssl/ssl.h>

#include "common/tls.h"

enum { TLS_ALPN_MAX_OCTETS = 255 };

struct tls_ctx {
	SSL_CTX	     *ssl;
	int	      refs;		/* the caller's and one per connection */
	bool	      server;
	bool	      verifies;		/* a client with ca_file */
	int64_t	      not_after_s;
	unsigned char alpn[TLS_ALPN_MAX_OCTETS];	/* as on the wire: length, octets, ... */
	size_t	      alpn_n;
	uint8_t	      ticket_key[2][TLS_TICKET_KEY_OCTETS];	/* running, earlier */
	int	      ticket_key_count;
};

struct tls_conn {
	struct tls_ctx *ctx;
	SSL	       *ssl;
	const char     *why;		/* static text */
	bool		up;		/* the handshake is done */
	bool		dead;		/* after a failure OpenSSL must not be called again */
	bool		more;		/* the last read gave octets */
};

/* The message of the first error in OpenSSL's queue, static; empties it. */
const char *tls_openssl_why(void);

#endif
