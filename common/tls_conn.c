/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/tls_internal.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

/* The certificate must bear host, a name or an address; only a name can go into SNI. */
static int
expect_host(struct tls_conn *conn, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(conn->ssl);

	if (host == NULL)
		return conn->ctx->verifies ? ERR_INVAL : OK;
	if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1)
		return OK;
	ERR_clear_error();
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (host[0] == '\0' || X509_VERIFY_PARAM_set1_host(param, host, 0) != 1)
		return ERR_INVAL;
	return SSL_set_tlsext_host_name(conn->ssl, host) == 1 ? OK : ERR_INVAL;
}

static int
start_client(struct tls_conn *conn, const char *host)
{
	const struct tls_ctx *ctx = conn->ctx;
	int err = expect_host(conn, host);

	if (err != OK)
		return err;
	/* This function, unlike its kin, gives 0 for success. */
	if (ctx->alpn_n > 0 &&
	    SSL_set_alpn_protos(conn->ssl, ctx->alpn, (unsigned)ctx->alpn_n) != 0)
		return ERR_NOMEM;
	SSL_set_connect_state(conn->ssl);
	return OK;
}

int
tls_conn_new(struct tls_ctx *ctx, int fd, const char *host, struct tls_conn **out)
{
	struct tls_conn *conn = calloc(1, sizeof *conn);
	int err = ERR_NOMEM;

	*out = NULL;
	if (conn == NULL)
		return ERR_NOMEM;
	ctx->refs++;
	conn->ctx = ctx;
	conn->why = "";
	conn->ssl = SSL_new(ctx->ssl);
	if (conn->ssl == NULL || SSL_set_fd(conn->ssl, fd) != 1)
		goto fail;
	if (ctx->server)
		SSL_set_accept_state(conn->ssl);
	else if ((err = start_client(conn, host)) != OK)
		goto fail;
	*out = conn;
	return OK;
fail:
	ERR_clear_error();
	tls_conn_free(&conn);
	return err;
}

void
tls_conn_free(struct tls_conn **conn)
{
	struct tls_conn *c = *conn;

	*conn = NULL;
	if (c == NULL)
		return;
	SSL_free(c->ssl);
	tls_ctx_free(&c->ctx);
	free(c);
}

static int
die(struct tls_conn *conn, int err, const char *why)
{
	conn->dead = true;
	conn->why = why;
	ERR_clear_error();
	return err;
}

/* What OpenSSL's return value r of the last call means to our caller. */
static int
outcome(struct tls_conn *conn, int r)
{
	long verify;

	switch (SSL_get_error(conn->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		return TLS_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		return die(conn, ERR_CLOSED, err_text(ERR_CLOSED));
	default:
		break;
	}
	if (ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		return die(conn, ERR_CLOSED, err_text(ERR_CLOSED));
	verify = SSL_get_verify_result(conn->ssl);
	if (!conn->up && verify != X509_V_OK && SSL_get_verify_mode(conn->ssl) != SSL_VERIFY_NONE)
		return die(conn, ERR_TLS, X509_verify_cert_error_string(verify));
	return die(conn, ERR_TLS, tls_openssl_why());
}

int
tls_conn_handshake(struct tls_conn *conn)
{
	int r;

	if (conn->dead)
		return ERR_TLS;
	ERR_clear_error();
	r = SSL_do_handshake(conn->ssl);
	if (r == 1) {
		conn->up = true;
		conn->more = true;	/* the peer's first octets may have come along */
		return OK;
	}
	r = outcome(conn, r);
	return r == 0 ? die(conn, ERR_CLOSED, err_text(ERR_CLOSED)) : r;
}

static int
clip(size_t n)
{
	assert(n > 0);
	return n > INT_MAX ? INT_MAX : (int)n;
}

int
tls_conn_read(struct tls_conn *conn, char *to, size_t n)
{
	int r;

	if (conn->dead || !conn->up)
		return ERR_TLS;
	ERR_clear_error();
	r = SSL_read(conn->ssl, to, clip(n));
	conn->more = r > 0;
	return r > 0 ? r : outcome(conn, r);
}

int
tls_conn_write(struct tls_conn *conn, const char *from, size_t n)
{
	int r;

	if (conn->dead || !conn->up)
		return ERR_TLS;
	ERR_clear_error();
	r = SSL_write(conn->ssl, from, clip(n));
	if (r > 0)
		return r;
	r = outcome(conn, r);
	return r == 0 ? ERR_CLOSED : r;
}

bool
tls_conn_may_hold_more(const struct tls_conn *conn)
{
	return conn->more && !conn->dead;
}

int
tls_conn_close(struct tls_conn *conn)
{
	int r;

	if (conn->dead)
		return ERR_TLS;
	if (!conn->up)
		return OK;
	ERR_clear_error();
	r = SSL_shutdown(conn->ssl);
	if (r >= 0)
		return OK;
	return outcome(conn, r);
}

const char *
tls_conn_why(const struct tls_conn *conn)
{
	return conn->why;
}

const char *
tls_conn_protocol(const struct tls_conn *conn)
{
	return SSL_get_version(conn->ssl);
}

const char *
tls_conn_cipher(const struct tls_conn *conn)
{
	return SSL_get_cipher_name(conn->ssl);
}

struct slice
tls_conn_alpn(const struct tls_conn *conn)
{
	const unsigned char *p = NULL;
	unsigned n = 0;

	SSL_get0_alpn_selected(conn->ssl, &p, &n);
	return (struct slice){ (const char *)p, n };
}

bool
tls_conn_resumed(const struct tls_conn *conn)
{
	return SSL_session_reused(conn->ssl) == 1;
}

int
tls_conn_peer_sha256(const struct tls_conn *conn, uint8_t out[TLS_SHA256_OCTETS])
{
	X509 *cert = SSL_get0_peer_certificate(conn->ssl);
	unsigned n = TLS_SHA256_OCTETS;

	if (cert == NULL)
		return ERR_NOENT;
	return X509_digest(cert, EVP_sha256(), out, &n) == 1 ? OK : ERR_CRYPTO;
}

int
tls_conn_peer_der(const struct tls_conn *conn, struct buf *out)
{
	X509 *cert = SSL_get0_peer_certificate(conn->ssl);
	int n = cert == NULL ? -1 : i2d_X509(cert, NULL);
	unsigned char *to;

	if (n < 0)
		return ERR_NOENT;
	to = (unsigned char *)buf_reserve(out, (size_t)n);
	if (to == NULL)
		return out->err;
	buf_added(out, (size_t)i2d_X509(cert, &to));
	return OK;
}

int
tls_conn_session(const struct tls_conn *conn, struct buf *out)
{
	SSL_SESSION *session = SSL_get0_session(conn->ssl);
	unsigned char *to;
	int n;

	if (session == NULL || SSL_SESSION_is_resumable(session) != 1)
		return ERR_NOENT;
	n = i2d_SSL_SESSION(session, NULL);
	if (n <= 0)
		return ERR_NOENT;
	to = (unsigned char *)buf_reserve(out, (size_t)n);
	if (to == NULL)
		return out->err;
	buf_added(out, (size_t)i2d_SSL_SESSION(session, &to));
	return OK;
}

int
tls_conn_resume(struct tls_conn *conn, struct slice session)
{
	const unsigned char *p = (const unsigned char *)session.p;
	SSL_SESSION *s = d2i_SSL_SESSION(NULL, &p, (long)session.n);
	int ok = s != NULL && SSL_set_session(conn->ssl, s) == 1;

	SSL_SESSION_free(s);
	ERR_clear_error();
	return ok ? OK : ERR_INVAL;
}

/* The first Finished of the handshake (RFC 5929 3.1): the client's in a full handshake, the
 * server's in a resumed one. */
static size_t
first_finished(const struct tls_conn *conn, uint8_t *to, size_t n)
{
	if (conn->ctx->server == tls_conn_resumed(conn))
		return SSL_get_finished(conn->ssl, to, n);
	return SSL_get_peer_finished(conn->ssl, to, n);
}

int
tls_conn_binding(const struct tls_conn *conn, struct tls_binding *out)
{
	static const char label[] = "EXPORTER-Channel-Binding";

	*out = (struct tls_binding){ .type = "" };
	if (!conn->up || conn->dead)
		return ERR_BAD_STATE;
	if (SSL_version(conn->ssl) == TLS1_3_VERSION) {
		out->type = "tls-exporter";
		out->n = 32;
		return SSL_export_keying_material(conn->ssl, out->octets, out->n, label,
		    sizeof label - 1, (const unsigned char *)"", 0, 1) == 1 ? OK : ERR_CRYPTO;
	}
	if (SSL_get_extms_support(conn->ssl) != 1)
		return ERR_UNSUPPORTED;
	out->type = "tls-unique";
	out->n = first_finished(conn, out->octets, sizeof out->octets);
	return out->n > 0 && out->n <= sizeof out->octets ? OK : ERR_CRYPTO;
}
