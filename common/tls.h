/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/tls.h: TLS 1.2 and 1.3 over a non-blocking socket, for servers and clients.
 *
 * Shape   a tls_ctx is an immutable snapshot of certificate, key and trust (plus ticket keys that
 *         rotate); connections hold a reference, so a reload makes a new one and drops the old.
 *         A tls_conn is driven by its owner's event loop: each call gives octets, "done", or which
 *         readiness of the socket to wait for.
 * Opening the first context loads OpenSSL's configuration: do it before the sandbox closes.
 * Bounds  no buffers are held while a connection is idle; no session cache (tickets only); no
 *         renegotiation, no compression. Writes are not coalesced here: the caller does.
 * Source  RFC 8446, RFC 5246 with 7627, RFC 7301 (ALPN), RFC 9266 and 5929 (channel bindings),
 *         RFC 9325 (recommendations), RFC 6125 (names).
 * SIGPIPE must be ignored by the process.
 */
#ifndef COMMON_TLS_H
#define COMMON_TLS_H

#include "common/buf.h"

struct tls_ctx;
struct tls_conn;

/* Not errors: wait until the socket is readable (writable), then repeat the same call. */
enum { TLS_WANT_READ = -2000, TLS_WANT_WRITE = -2001 };

enum {
	TLS_TICKET_KEY_OCTETS = 80,
	TLS_SHA256_OCTETS = 32,
	TLS_BINDING_MAX_OCTETS = 64,
};

/* Settings of a server; files are PEM, read once by tls_ctx_new_server. */
struct tls_server_conf {
	const char	   *cert_file;		/* own certificate first, then the chain */
	const char	   *key_file;		/* not encrypted */
	const char	   *client_ca_file;	/* NULL: clients are not asked for a certificate */
	bool		    client_required;	/* a client without one fails the handshake */
	const char *const  *alpn;		/* NULL-ended, e.g. { "imap", NULL }; NULL: none.
						   A client that offers ALPN without any of
						   these gets no_application_protocol */
	bool		    only_13;		/* refuse TLS 1.2 */
};

/* Settings of a client. */
struct tls_client_conf {
	const char	   *ca_file;		/* NULL: the server is not verified */
	const char	   *cert_file;		/* NULL: none is presented */
	const char	   *key_file;
	const char *const  *alpn;		/* NULL-ended; NULL: none is offered */
};

/*
 * Read the files and make a context. ERR_CONF: why (may be NULL) gets one line that names the file
 * and says what is wrong with it; ERR_NOMEM.
 */
int tls_ctx_new_server(const struct tls_server_conf *conf, struct buf *why,
    struct tls_ctx **out) MUST_USE;
int tls_ctx_new_client(const struct tls_client_conf *conf, struct buf *why,
    struct tls_ctx **out) MUST_USE;

/* Drop the caller's reference and null it; the last connection ends the context. */
void tls_ctx_free(struct tls_ctx **ctx);

/* When the own certificate ends, in seconds since 1970; 0 for a client without one. */
int64_t tls_ctx_not_after_s(const struct tls_ctx *ctx);

/*
 * Ticket keys: the parent makes one, hands it to all workers of the program (and again at each
 * rotation), so that a session can be resumed in any of them. The key given before stays valid for
 * old tickets, those before it do not. Without any, the server issues no tickets.
 */
int tls_ticket_key_make(uint8_t key_out[TLS_TICKET_KEY_OCTETS]) MUST_USE;
void tls_ctx_set_ticket_key(struct tls_ctx *ctx, const uint8_t key[TLS_TICKET_KEY_OCTETS]);

/*
 * A connection over fd (non-blocking, stays the caller's). For a client, host is the name or
 * address that the certificate must bear (a name is sent as SNI, too); may be NULL only without
 * ca_file.
 */
int tls_conn_new(struct tls_ctx *ctx, int fd, const char *host, struct tls_conn **out) MUST_USE;
void tls_conn_free(struct tls_conn **conn);

/* OK: done, the getters below are valid. TLS_WANT_*; ERR_TLS (see tls_conn_why), ERR_CLOSED. */
int tls_conn_handshake(struct tls_conn *conn) MUST_USE;

/* > 0: that many octets. 0: the peer closed as TLS demands. TLS_WANT_*; ERR_CLOSED: cut off without
 * a TLS close, what came before may be incomplete; ERR_TLS. n >= 1. */
int tls_conn_read(struct tls_conn *conn, char *to, size_t n) MUST_USE;

/* > 0: that many octets taken (perhaps fewer than n). TLS_WANT_*: repeat with the same or more
 * octets at any address; ERR_CLOSED, ERR_TLS. n >= 1. */
int tls_conn_write(struct tls_conn *conn, const char *from, size_t n) MUST_USE;

/* True: call tls_conn_read again before waiting for the socket, which may never become readable:
 * the last call gave octets and more may be held. It is false once a call said TLS_WANT_READ. */
bool tls_conn_may_hold_more(const struct tls_conn *conn);

/* Send close_notify: OK when sent (the peer's is not awaited), TLS_WANT_*, or an error that may be
 * ignored. Afterwards close the socket. */
int tls_conn_close(struct tls_conn *conn) MUST_USE;

/* Why the last call failed, for the log; never NULL; valid until the connection's next call. */
const char *tls_conn_why(const struct tls_conn *conn);

/* Of an established connection; static text, "" for no ALPN. */
const char *tls_conn_protocol(const struct tls_conn *conn);	/* "TLSv1.3" */
const char *tls_conn_cipher(const struct tls_conn *conn);	/* "TLS_AES_256_GCM_SHA384" */
struct slice tls_conn_alpn(const struct tls_conn *conn);
bool tls_conn_resumed(const struct tls_conn *conn);

/* SHA-256 of the peer's certificate: OK, ERR_NOENT without one. */
int tls_conn_peer_sha256(const struct tls_conn *conn,
    uint8_t out[TLS_SHA256_OCTETS]) MUST_USE;

/* The peer's certificate in DER appended to out: OK, ERR_NOENT, ERR_LIMIT. */
int tls_conn_peer_der(const struct tls_conn *conn, struct buf *out) MUST_USE;

/*
 * For a client that comes back. The session (DER, holds secrets; known after the first octets read
 * from the server) is appended to out: OK, ERR_NOENT when it cannot be resumed, ERR_LIMIT. To
 * resume it give it to a new connection to the same host before the handshake: OK or ERR_INVAL.
 */
int tls_conn_session(const struct tls_conn *conn, struct buf *out) MUST_USE;
int tls_conn_resume(struct tls_conn *conn, struct slice session) MUST_USE;

/*
 * Channel binding: *type_out is "tls-exporter" (TLS 1.3) or "tls-unique" (TLS 1.2 with extended
 * master secret), static. ERR_UNSUPPORTED on TLS 1.2 without it: such a binding would not be safe.
 */
struct tls_binding {
	const char *type;
	uint8_t	    octets[TLS_BINDING_MAX_OCTETS];
	size_t	    n;
};

int tls_conn_binding(const struct tls_conn *conn, struct tls_binding *out) MUST_USE;

#endif
