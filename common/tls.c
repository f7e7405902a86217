/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/tls_internal.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "common/civil.h"

/* Only suites with forward secrecy and authenticated encryption; those of TLS 1.3 are all so. */
static const char suites12[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
static const char groups[] = "X25519:P-256:P-384";

/* Of the 80 octets of a ticket key: what names it, encrypts (AES-256-CBC), authenticates. */
enum { KEY_NAME = 16, KEY_AES = 32, KEY_MAC = 32 };

const char *
tls_openssl_why(void)
{
	unsigned long e = ERR_peek_error();	/* the first one is the cause */
	const char *text = ERR_reason_error_string(e);

	ERR_clear_error();
	return text != NULL ? text : "unknown error of OpenSSL";
}

/* "certificate file x.pem: no start line" */
static int
refuse(struct buf *why, const char *what, const char *file, const char *text)
{
	if (why != NULL)
		buf_addf(why, "%s %s: %s", what, file, text);
	ERR_clear_error();
	return ERR_CONF;
}

/* OpenSSL hides why a file cannot be opened; the system tells. */
static int
check_readable(const char *what, const char *file, struct buf *why)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return refuse(why, what, file, strerror(errno));
	close(fd);
	return OK;
}

static int
no_passphrase(char *to, int n, int writing, void *arg)
{
	(void)to, (void)n, (void)writing, (void)arg;
	return -1;	/* never ask on a terminal */
}

static int64_t
seconds_of(const ASN1_TIME *t)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(t, &tm) != 1)
		return 0;
	return civil_seconds(&tm);
}

static int
load_own(struct tls_ctx *ctx, const char *cert, const char *key, struct buf *why)
{
	int err;

	if ((err = check_readable("certificate file", cert, why)) != OK ||
	    (err = check_readable("key file", key, why)) != OK)
		return err;
	if (SSL_CTX_use_certificate_chain_file(ctx->ssl, cert) != 1)
		return refuse(why, "certificate file", cert, tls_openssl_why());
	ctx->not_after_s = seconds_of(X509_get0_notAfter(SSL_CTX_get0_certificate(ctx->ssl)));
	SSL_CTX_set_default_passwd_cb(ctx->ssl, no_passphrase);
	if (SSL_CTX_use_PrivateKey_file(ctx->ssl, key, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(ctx->ssl) != 1)
		return refuse(why, "key file", key,
		    ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH ?
		    "is not the key of the certificate" : tls_openssl_why());
	return OK;
}

static int
load_ca(struct tls_ctx *ctx, const char *file, struct buf *why)
{
	STACK_OF(X509_NAME) *names;
	int err = check_readable("CA file", file, why);

	if (err != OK)
		return err;
	if (SSL_CTX_load_verify_file(ctx->ssl, file) != 1)
		return refuse(why, "CA file", file, tls_openssl_why());
	if (!ctx->server)
		return OK;
	names = SSL_load_client_CA_file(file);
	if (names == NULL)
		return refuse(why, "CA file", file, tls_openssl_why());
	SSL_CTX_set_client_CA_list(ctx->ssl, names);
	return OK;
}

static int
pack_alpn(struct tls_ctx *ctx, const char *const *names)
{
	for (; names != NULL && *names != NULL; names++) {
		size_t n = strlen(*names);

		if (n == 0 || ctx->alpn_n + 1 + n > sizeof ctx->alpn)
			return ERR_INVAL;
		ctx->alpn[ctx->alpn_n++] = (unsigned char)n;
		memcpy(ctx->alpn + ctx->alpn_n, *names, n);
		ctx->alpn_n += n;
	}
	return OK;
}

/* RFC 7301 3.2: no protocol in common is fatal. Going on with another one is how one service's
 * answers are taken for another's (ALPACA). */
static int
select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *in,
    unsigned in_n, void *arg)
{
	const struct tls_ctx *ctx = arg;
	unsigned char *chosen = NULL;

	(void)ssl;
	if (SSL_select_next_proto(&chosen, out_n, ctx->alpn, (unsigned)ctx->alpn_n, in, in_n) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static int
ticket_init(const uint8_t *key, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
    int enc)
{
	char sha256[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY,
		    (void *)(uintptr_t)(key + KEY_NAME + KEY_AES), KEY_MAC),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key + KEY_NAME, iv, enc) == 1 &&
	    EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* -1: failure, 0: no such key (full handshake), 1: fine, 2: fine, and renew the ticket. */
static int
ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
    EVP_MAC_CTX *mac, int enc)
{
	struct tls_ctx *ctx = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	if (enc) {
		if (ctx->ticket_key_count == 0)
			return 0;
		if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1)
			return -1;
		memcpy(name, ctx->ticket_key[0], KEY_NAME);
		return ticket_init(ctx->ticket_key[0], iv, cipher, mac, 1) ? 1 : -1;
	}
	for (int i = 0; i < ctx->ticket_key_count; i++)
		if (memcmp(name, ctx->ticket_key[i], KEY_NAME) == 0)
			return ticket_init(ctx->ticket_key[i], iv, cipher, mac, 0) ? 1 + i : -1;
	return 0;
}

int
tls_ticket_key_make(uint8_t key_out[TLS_TICKET_KEY_OCTETS])
{
	return RAND_priv_bytes(key_out, TLS_TICKET_KEY_OCTETS) == 1 ? OK : ERR_CRYPTO;
}

void
tls_ctx_set_ticket_key(struct tls_ctx *ctx, const uint8_t key[TLS_TICKET_KEY_OCTETS])
{
	assert(ctx->server);
	memcpy(ctx->ticket_key[1], ctx->ticket_key[0], TLS_TICKET_KEY_OCTETS);
	memcpy(ctx->ticket_key[0], key, TLS_TICKET_KEY_OCTETS);
	if (ctx->ticket_key_count < 2)
		ctx->ticket_key_count++;
	SSL_CTX_clear_options(ctx->ssl, SSL_OP_NO_TICKET);
	SSL_CTX_set_num_tickets(ctx->ssl, 2);
}

static int
set_common(struct tls_ctx *ctx)
{
	SSL_CTX *ssl = ctx->ssl;

	SSL_CTX_set_app_data(ssl, ctx);
	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
	    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(ssl, 1);		/* one system call a record, not two */
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_security_level(ssl, 2);
	return SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1 &&
	    SSL_CTX_set_max_proto_version(ssl, TLS1_3_VERSION) == 1 &&
	    SSL_CTX_set_cipher_list(ssl, suites12) == 1 &&
	    SSL_CTX_set1_groups_list(ssl, groups) == 1 ? OK : ERR_TLS;
}

static int
new_ctx(bool server, struct tls_ctx **out)
{
	struct tls_ctx *ctx = calloc(1, sizeof *ctx);

	*out = ctx;
	if (ctx == NULL)
		return ERR_NOMEM;
	ctx->refs = 1;
	ctx->server = server;
	ctx->ssl = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	return ctx->ssl == NULL ? ERR_NOMEM : set_common(ctx);
}

static int
set_server(struct tls_ctx *ctx, const struct tls_server_conf *conf, struct buf *why)
{
	static const unsigned char id[] = "congvu";
	int verify = conf->client_required ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT :
	    SSL_VERIFY_PEER;
	int err;

	if ((err = load_own(ctx, conf->cert_file, conf->key_file, why)) != OK ||
	    (err = pack_alpn(ctx, conf->alpn)) != OK)
		return err;
	if (conf->client_ca_file != NULL) {
		if ((err = load_ca(ctx, conf->client_ca_file, why)) != OK)
			return err;
		SSL_CTX_set_verify(ctx->ssl, verify, NULL);
	} else if (conf->client_required)
		return ERR_INVAL;
	if (conf->only_13 && SSL_CTX_set_min_proto_version(ctx->ssl, TLS1_3_VERSION) != 1)
		return ERR_TLS;
	if (ctx->alpn_n > 0)
		SSL_CTX_set_alpn_select_cb(ctx->ssl, select_alpn, ctx);
	SSL_CTX_set_options(ctx->ssl, SSL_OP_NO_TICKET);
	SSL_CTX_set_num_tickets(ctx->ssl, 0);
	return SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx->ssl, ticket_key) == 1 &&
	    SSL_CTX_set_session_id_context(ctx->ssl, id, sizeof id - 1) == 1 ? OK : ERR_TLS;
}

static int
set_client(struct tls_ctx *ctx, const struct tls_client_conf *conf, struct buf *why)
{
	int err;

	if (conf->cert_file != NULL &&
	    (err = load_own(ctx, conf->cert_file, conf->key_file, why)) != OK)
		return err;
	if ((err = pack_alpn(ctx, conf->alpn)) != OK)
		return err;
	if (conf->ca_file == NULL)
		return OK;
	if ((err = load_ca(ctx, conf->ca_file, why)) != OK)
		return err;
	ctx->verifies = true;
	SSL_CTX_set_verify(ctx->ssl, SSL_VERIFY_PEER, NULL);
	return OK;
}

/* Hand the context out, or say what is wrong and free it. */
static int
finish(struct tls_ctx *ctx, int err, struct buf *why, struct tls_ctx **out)
{
	if (err != OK) {
		if (why != NULL && why->n == 0)
			buf_addf(why, "TLS context: %s", tls_openssl_why());
		ERR_clear_error();
		tls_ctx_free(&ctx);
	}
	*out = ctx;
	return err;
}

int
tls_ctx_new_server(const struct tls_server_conf *conf, struct buf *why, struct tls_ctx **out)
{
	struct tls_ctx *ctx;
	int err = new_ctx(true, &ctx);

	return finish(ctx, err == OK ? set_server(ctx, conf, why) : err, why, out);
}

int
tls_ctx_new_client(const struct tls_client_conf *conf, struct buf *why, struct tls_ctx **out)
{
	struct tls_ctx *ctx;
	int err = new_ctx(false, &ctx);

	return finish(ctx, err == OK ? set_client(ctx, conf, why) : err, why, out);
}

void
tls_ctx_free(struct tls_ctx **ctx)
{
	struct tls_ctx *c = *ctx;

	*ctx = NULL;
	if (c == NULL || --c->refs > 0)
		return;
	SSL_CTX_free(c->ssl);
	OPENSSL_cleanse(c->ticket_key, sizeof c->ticket_key);
	free(c);
}

int64_t
tls_ctx_not_after_s(const struct tls_ctx *ctx)
{
	return ctx->not_after_s;
}
