/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Real handshakes over socket pairs, with certificates that the openssl command makes at start.
 * TLS 1.2 clients are made by reaching into the context: the product offers no such setting.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/sandbox.h"
#include "common/tls_internal.h"
#include "tests/unit/common/scratch.h"

static char dir[] = "/tmp/congvu-tls.XXXXXX";
static const char *const imap[] = { "imap", NULL };
static const char *const smtp[] = { "smtp", NULL };
static const char *const both[] = { "smtp", "imap", NULL };

/* The path of a file in dir; eight results live at a time. */
static const char *
at(const char *name)
{
	static char path[8][128];
	static unsigned next;
	char *p = path[next++ % 8];

	snprintf(p, sizeof path[0], "%s/%s", dir, name);
	return p;
}

/* ---- both ends of a connection ---- */

struct ends {
	struct tls_ctx	*sctx, *cctx;
	struct tls_conn *s, *c;
	int		 sfd, cfd;	/* what the two sides talk over */
	int		 mid[2];	/* with a pump in between: its ends, else -1 */
	size_t		 step;		/* octets the pump moves at once */
	int		 sr, cr;	/* results of the handshake */
};

static struct tls_server_conf
server_conf(void)
{
	return (struct tls_server_conf){ .cert_file = at("mail.crt"), .key_file = at("mail.key") };
}

static struct tls_client_conf
client_conf(void)
{
	return (struct tls_client_conf){ .ca_file = at("ca.crt") };
}

static struct tls_ctx *
server(struct tls_server_conf conf)
{
	struct buf why;
	struct tls_ctx *ctx;
	int r;

	buf_init(&why, 1000);
	r = tls_ctx_new_server(&conf, &why, &ctx);
	if (r != OK)
		fail_msg("%s", buf_cstr(&why));
	buf_fini(&why);
	return ctx;
}

static struct tls_ctx *
client(struct tls_client_conf conf)
{
	struct buf why;
	struct tls_ctx *ctx;
	int r;

	buf_init(&why, 1000);
	r = tls_ctx_new_client(&conf, &why, &ctx);
	if (r != OK)
		fail_msg("%s", buf_cstr(&why));
	buf_fini(&why);
	return ctx;
}

static void
connect_ends(struct ends *e, const char *host)
{
	int a[2], b[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, a), 0);
	e->cfd = a[0], e->sfd = a[1];
	e->mid[0] = e->mid[1] = -1;
	if (e->step > 0) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, b), 0);
		e->mid[0] = a[1], e->mid[1] = b[0], e->sfd = b[1];
	}
	assert_int_equal(tls_conn_new(e->sctx, e->sfd, NULL, &e->s), OK);
	assert_int_equal(tls_conn_new(e->cctx, e->cfd, host, &e->c), OK);
}

static void
pump(const struct ends *e)
{
	char some[4096];

	for (int i = 0; i < 2 && e->mid[0] >= 0; i++) {
		ssize_t n = read(e->mid[i], some, e->step < sizeof some ? e->step : sizeof some);

		if (n > 0)
			assert_int_equal(write(e->mid[1 - i], some, (size_t)n), n);
	}
}

static bool
waits(int r)
{
	return r == TLS_WANT_READ || r == TLS_WANT_WRITE;
}

/* Drive both sides until neither waits any more, or one has failed and the other cannot go on. */
static void
shake(struct ends *e)
{
	int rounds = 0;

	e->sr = e->cr = TLS_WANT_READ;
	while ((waits(e->sr) || waits(e->cr)) && rounds++ < 20000) {
		if (waits(e->cr))
			e->cr = tls_conn_handshake(e->c);
		pump(e);
		if (waits(e->sr))
			e->sr = tls_conn_handshake(e->s);
		pump(e);
		if ((e->sr < 0 && !waits(e->sr)) && waits(e->cr) && e->step == 0)
			e->cr = tls_conn_handshake(e->c), shutdown(e->sfd, SHUT_WR);
	}
}

static void
drop_conns(struct ends *e)
{
	tls_conn_free(&e->s);
	tls_conn_free(&e->c);
	close(e->cfd);
	close(e->sfd);
	if (e->mid[0] >= 0)
		close(e->mid[0]), close(e->mid[1]);
}

static void
drop(struct ends *e)
{
	drop_conns(e);
	tls_ctx_free(&e->sctx);
	tls_ctx_free(&e->cctx);
}

/* One message from a to b in one piece (small enough for a socket buffer). */
static void
say(struct ends *e, struct tls_conn *a, struct tls_conn *b, const char *text)
{
	char got[256];
	size_t n = 0, want = strlen(text);

	assert_int_equal(tls_conn_write(a, text, want), want);
	for (int rounds = 0; n < want && rounds < 20000; rounds++) {
		int r;

		pump(e);
		r = tls_conn_read(b, got + n, sizeof got - n);
		if (r == TLS_WANT_READ) {
			assert_false(tls_conn_may_hold_more(b));
			continue;
		}
		assert_true(r > 0);
		n += (size_t)r;
	}
	assert_int_equal(n, want);
	assert_memory_equal(got, text, want);
}

/* ---- what works ---- */

static void
octets_cross_at_every_pump_step(void **state)
{
	static const size_t steps[] = { 0, 1, 2, 3, 5, 7, 64, 1000, 4096 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct ends e = { .sctx = server(server_conf()), .cctx = client(client_conf()),
		    .step = steps[i] };

		connect_ends(&e, "mail.example.vn");
		shake(&e);
		assert_int_equal(e.sr, OK);
		assert_int_equal(e.cr, OK);
		assert_string_equal(tls_conn_protocol(e.s), "TLSv1.3");
		assert_true(strlen(tls_conn_cipher(e.s)) > 8);
		say(&e, e.c, e.s, "a001 CAPABILITY\r\n");
		say(&e, e.s, e.c, "* CAPABILITY IMAP4rev2\r\n");
		drop(&e);
	}
}

static void
a_megabyte_crosses_with_back_pressure(void **state)
{
	struct ends e = { .sctx = server(server_conf()), .cctx = client(client_conf()) };
	enum { ALL = 1 << 20 };
	static char out[ALL], in[ALL];
	size_t sent = 0, got = 0;
	bool waited = false;

	(void)state;
	for (size_t i = 0; i < ALL; i++)
		out[i] = (char)(i * 2654435761u >> 24);
	connect_ends(&e, "mail.example.vn");
	shake(&e);
	while (got < ALL) {
		int w = sent < ALL ? tls_conn_write(e.s, out + sent, ALL - sent) : TLS_WANT_READ;
		int r;

		if (w > 0)
			sent += (size_t)w;
		else
			waited = waited || w == TLS_WANT_WRITE;
		assert_true(w > 0 || waits(w));
		if (w > 0)
			continue;
		while ((r = tls_conn_read(e.c, in + got, ALL - got > 5000 ? 5000 : ALL - got)) > 0)
			if ((got += (size_t)r) == ALL)
				break;
		assert_true(got == ALL || r == TLS_WANT_READ);
	}
	assert_true(waited);
	assert_memory_equal(out, in, ALL);
	drop(&e);
}

static void
a_close_is_told_from_a_cut(void **state)
{
	struct ends e = { .sctx = server(server_conf()), .cctx = client(client_conf()) };
	char some[16];

	(void)state;
	connect_ends(&e, "mail.example.vn");
	shake(&e);
	assert_int_equal(tls_conn_close(e.c), OK);
	assert_int_equal(tls_conn_read(e.s, some, sizeof some), 0);
	assert_int_equal(tls_conn_close(e.s), OK);
	drop_conns(&e);

	connect_ends(&e, "mail.example.vn");
	shake(&e);
	close(e.cfd);
	e.cfd = open("/dev/null", O_RDONLY);
	assert_int_equal(tls_conn_read(e.s, some, sizeof some), ERR_CLOSED);
	assert_int_equal(tls_conn_read(e.s, some, sizeof some), ERR_TLS);
	assert_int_equal(tls_conn_write(e.s, "x", 1), ERR_TLS);
	assert_int_equal(tls_conn_close(e.s), ERR_TLS);
	drop(&e);
}

/* ---- ALPN ---- */

static void
alpn_is_chosen_or_fatal(void **state)
{
	static const struct {
		const char *const *server, *const *client;
		bool ok;
		const char *chosen;
	} cases[] = {
		{ imap, imap, true, "imap" }, { imap, both, true, "imap" },
		{ both, both, true, "smtp" }, { imap, NULL, true, "" },
		{ NULL, imap, true, "" }, { imap, smtp, false, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct tls_server_conf sc = server_conf();
		struct tls_client_conf cc = client_conf();
		struct ends e = { .step = 0 };

		sc.alpn = cases[i].server, cc.alpn = cases[i].client;
		e.sctx = server(sc), e.cctx = client(cc);
		connect_ends(&e, "mail.example.vn");
		shake(&e);
		assert_int_equal(e.sr, cases[i].ok ? OK : ERR_TLS);
		assert_int_equal(e.cr, cases[i].ok ? OK : ERR_TLS);
		if (cases[i].ok) {
			assert_true(slice_is(tls_conn_alpn(e.s), cases[i].chosen));
			assert_true(slice_is(tls_conn_alpn(e.c), cases[i].chosen));
		} else
			assert_non_null(strstr(tls_conn_why(e.c), "no application protocol"));
		drop(&e);
	}
}

/* ---- who is it? ---- */

static void
the_server_is_verified(void **state)
{
	static const struct {
		const char *cert, *ca, *host;
		bool ok;
		const char *why;
	} cases[] = {
		{ "mail", "ca.crt", "mail.example.vn", true, "" },
		{ "mail", "ca.crt", "MAIL.example.vn", true, "" },
		{ "mail", "ca.crt", "192.0.2.7", true, "" },
		{ "mail", "ca.crt", "192.0.2.8", false, "IP address mismatch" },
		{ "mail", "ca.crt", "mail.example.com", false, "hostname mismatch" },
		{ "mail", "ca.crt", "example.vn", false, "hostname mismatch" },
		{ "mail", "other.crt", "mail.example.vn", false, "unable to get local issuer" },
		{ "old", "ca.crt", "mail.example.vn", false, "has expired" },
		{ "other", "ca.crt", "mail.example.vn", false, "self-signed" },
		{ "other", NULL, "mail.example.vn", true, "" },
		{ "old", NULL, NULL, true, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char cert[32], key[32];
		struct tls_server_conf sc = server_conf();
		struct tls_client_conf cc = { .ca_file = cases[i].ca ? at(cases[i].ca) : NULL };
		struct ends e = { .step = 0 };

		snprintf(cert, sizeof cert, "%s.crt", cases[i].cert);
		snprintf(key, sizeof key, "%s.key", cases[i].cert);
		sc.cert_file = at(cert), sc.key_file = at(key);
		e.sctx = server(sc), e.cctx = client(cc);
		connect_ends(&e, cases[i].host);
		shake(&e);
		if (e.cr != (cases[i].ok ? OK : ERR_TLS) ||
		    (!cases[i].ok && !strstr(tls_conn_why(e.c), cases[i].why)))
			fail_msg("case %zu: %d %s", i, e.cr, tls_conn_why(e.c));
		drop(&e);
	}
}

static void
a_verifying_client_must_name_the_host(void **state)
{
	struct tls_ctx *ctx = client(client_conf());
	struct tls_conn *conn;

	(void)state;
	assert_int_equal(tls_conn_new(ctx, 0, NULL, &conn), ERR_INVAL);
	assert_null(conn);
	assert_int_equal(tls_conn_new(ctx, 0, "", &conn), ERR_INVAL);
	tls_ctx_free(&ctx);
	assert_null(ctx);
}

static void
the_client_certificate_is_asked_and_shown(void **state)
{
	static const struct {
		const char *client;
		bool required, ok;
	} cases[] = {
		{ NULL, false, true }, { NULL, true, false }, { "user", false, true },
		{ "user", true, true }, { "other", false, false },
	};
	uint8_t sha[TLS_SHA256_OCTETS];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct tls_server_conf sc = server_conf();
		struct tls_client_conf cc = client_conf();
		struct ends e = { .step = 0 };
		struct buf der;
		char cert[32], key[32], some[8];

		sc.client_ca_file = at("ca.crt"), sc.client_required = cases[i].required;
		if (cases[i].client != NULL) {
			snprintf(cert, sizeof cert, "%s.crt", cases[i].client);
			snprintf(key, sizeof key, "%s.key", cases[i].client);
			cc.cert_file = at(cert), cc.key_file = at(key);
		}
		e.sctx = server(sc), e.cctx = client(cc);
		connect_ends(&e, "mail.example.vn");
		shake(&e);
		assert_int_equal(e.sr, cases[i].ok ? OK : ERR_TLS);
		buf_init(&der, 4096);
		if (cases[i].ok) {
			int want = cases[i].client != NULL ? OK : ERR_NOENT;

			assert_int_equal(tls_conn_peer_sha256(e.s, sha), want);
			assert_int_equal(tls_conn_peer_der(e.s, &der), want);
			assert_int_equal(der.n > 100, want == OK);
			assert_int_equal(tls_conn_read(e.s, some, sizeof some), TLS_WANT_READ);
		}
		buf_fini(&der);
		drop(&e);
	}
}

/* The digest is the one that the openssl command gives. */
static void
the_peer_digest_is_that_of_the_certificate(void **state)
{
	struct ends e = { .sctx = server(server_conf()), .cctx = client(client_conf()) };
	char cmd[256], want[65] = "", got[65];
	uint8_t sha[TLS_SHA256_OCTETS];
	FILE *f;

	(void)state;
	snprintf(cmd, sizeof cmd, "openssl x509 -in %s -outform DER | sha256sum", at("mail.crt"));
	f = popen(cmd, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%64s", want), 1);
	pclose(f);
	connect_ends(&e, "mail.example.vn");
	shake(&e);
	assert_int_equal(tls_conn_peer_sha256(e.c, sha), OK);
	for (size_t i = 0; i < sizeof sha; i++)
		snprintf(got + 2 * i, 3, "%02x", sha[i]);
	assert_string_equal(got, want);
	drop(&e);
}

/* ---- tickets ---- */

/* A connection of a client that has `session` (or none) to a server with these keys, oldest first.
 * */
static bool
resumes(const uint8_t (*keys)[TLS_TICKET_KEY_OCTETS], int count, int version, struct buf *session)
{
	struct ends e = { .sctx = server(server_conf()), .cctx = client(client_conf()) };
	bool resumed;

	for (int i = 0; i < count; i++)
		tls_ctx_set_ticket_key(e.sctx, keys[i]);
	SSL_CTX_set_max_proto_version(e.cctx->ssl, version);
	connect_ends(&e, "mail.example.vn");
	if (session->n > 0)
		assert_int_equal(tls_conn_resume(e.c, buf_slice(session)), OK);
	shake(&e);
	assert_int_equal(e.cr, OK);
	assert_int_equal(e.sr, OK);
	say(&e, e.s, e.c, "* OK\r\n");		/* the tickets of TLS 1.3 come with it */
	resumed = tls_conn_resumed(e.s);
	assert_int_equal(resumed, tls_conn_resumed(e.c));
	if (count > 0 && session->n == 0)
		assert_int_equal(tls_conn_session(e.c, session), OK);
	else if (count == 0)
		assert_int_equal(tls_conn_session(e.c, session), ERR_NOENT);
	drop(&e);
	return resumed;
}

static void
tickets_work_in_every_worker_until_the_second_rotation(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	uint8_t key[3][TLS_TICKET_KEY_OCTETS];

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(tls_ticket_key_make(key[i]), OK);
	assert_memory_not_equal(key[0], key[1], sizeof key[0]);
	for (size_t v = 0; v < ARRAY_LEN(versions); v++) {
		struct buf session;

		buf_init(&session, 8192);
		assert_false(resumes(NULL, 0, versions[v], &session));
		assert_false(resumes(key, 1, versions[v], &session));
		assert_true(resumes(key, 1, versions[v], &session));
		assert_true(resumes(key, 2, versions[v], &session));
		assert_false(resumes(key, 3, versions[v], &session));
		assert_false(resumes(key + 1, 1, versions[v], &session));
		buf_fini(&session);
	}
}

/* ---- channel binding ---- */

static void
both_sides_know_one_binding(void **state)
{
	static const struct { int version; const char *type; size_t n; } cases[] = {
		{ TLS1_3_VERSION, "tls-exporter", 32 }, { TLS1_2_VERSION, "tls-unique", 12 },
	};
	uint8_t key[TLS_TICKET_KEY_OCTETS];

	(void)state;
	assert_int_equal(tls_ticket_key_make(key), OK);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ends e = { .sctx = server(server_conf()), .cctx = client(client_conf()) };
		struct tls_binding s, c, earlier = { .n = 0 };
		struct buf session;

		buf_init(&session, 8192);
		tls_ctx_set_ticket_key(e.sctx, key);
		SSL_CTX_set_max_proto_version(e.cctx->ssl, cases[i].version);
		for (int resumed = 0; resumed < 2; resumed++) {
			connect_ends(&e, "mail.example.vn");
			assert_int_equal(tls_conn_binding(e.s, &s), ERR_BAD_STATE);
			if (resumed)
				assert_int_equal(tls_conn_resume(e.c, buf_slice(&session)), OK);
			shake(&e);
			say(&e, e.s, e.c, "* OK\r\n");
			if (!resumed)
				assert_int_equal(tls_conn_session(e.c, &session), OK);
			assert_int_equal(tls_conn_resumed(e.s), resumed);
			assert_int_equal(tls_conn_binding(e.s, &s), OK);
			assert_int_equal(tls_conn_binding(e.c, &c), OK);
			assert_string_equal(s.type, cases[i].type);
			assert_string_equal(c.type, cases[i].type);
			assert_int_equal(s.n, cases[i].n);
			assert_int_equal(c.n, s.n);
			assert_memory_equal(s.octets, c.octets, s.n);
			assert_memory_not_equal(s.octets, earlier.octets, s.n);
			earlier = s;
			drop_conns(&e);
		}
		buf_fini(&session);
		tls_ctx_free(&e.sctx);
		tls_ctx_free(&e.cctx);
	}
}

static void
no_binding_without_extended_master_secret(void **state)
{
	struct ends e = { .sctx = server(server_conf()), .cctx = client(client_conf()) };
	struct tls_binding b;

	(void)state;
	SSL_CTX_set_max_proto_version(e.cctx->ssl, TLS1_2_VERSION);
	SSL_CTX_set_options(e.cctx->ssl, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	connect_ends(&e, "mail.example.vn");
	shake(&e);
	assert_int_equal(e.sr, OK);
	assert_int_equal(tls_conn_binding(e.s, &b), ERR_UNSUPPORTED);
	drop(&e);
}

/* ---- bad peers ---- */

static void
old_versions_are_refused(void **state)
{
	struct ends e = { .sctx = server(server_conf()), .cctx = client(client_conf()) };

	(void)state;
	SSL_CTX_set_security_level(e.cctx->ssl, 0);
	SSL_CTX_set_min_proto_version(e.cctx->ssl, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(e.cctx->ssl, TLS1_1_VERSION);
	SSL_CTX_set_cipher_list(e.cctx->ssl, "ALL:@SECLEVEL=0");
	connect_ends(&e, "mail.example.vn");
	shake(&e);
	assert_int_equal(e.sr, ERR_TLS);
	assert_non_null(strstr(tls_conn_why(e.s), "unsupported protocol"));
	drop(&e);
}

static void
tls12_can_be_refused(void **state)
{
	struct tls_server_conf sc = server_conf();
	struct ends e = { .step = 0 };

	(void)state;
	sc.only_13 = true;
	e.sctx = server(sc), e.cctx = client(client_conf());
	SSL_CTX_set_max_proto_version(e.cctx->ssl, TLS1_2_VERSION);
	connect_ends(&e, "mail.example.vn");
	shake(&e);
	assert_int_equal(e.sr, ERR_TLS);
	drop_conns(&e);
	SSL_CTX_set_max_proto_version(e.cctx->ssl, 0);
	connect_ends(&e, "mail.example.vn");
	shake(&e);
	assert_int_equal(e.sr, OK);
	drop(&e);
}

static void
renegotiation_is_refused(void **state)
{
	struct ends e = { .sctx = server(server_conf()), .cctx = client(client_conf()) };
	char some[16];
	int r;

	(void)state;
	SSL_CTX_set_max_proto_version(e.cctx->ssl, TLS1_2_VERSION);
	SSL_CTX_clear_options(e.cctx->ssl, SSL_OP_NO_RENEGOTIATION);
	connect_ends(&e, "mail.example.vn");
	shake(&e);
	assert_int_equal(e.cr, OK);
	assert_int_equal(SSL_get_options(e.c->ssl) &
	    SSL_OP_NO_RENEGOTIATION, 0);
	assert_int_equal(SSL_renegotiate(e.c->ssl), 1);
	(void)SSL_do_handshake(e.c->ssl);
	r = tls_conn_read(e.s, some, sizeof some);
	assert_int_equal(r, TLS_WANT_READ);
	assert_int_equal(tls_conn_read(e.c, some, sizeof some), ERR_TLS);
	assert_non_null(strstr(tls_conn_why(e.c), "no renegotiation"));
	drop(&e);
}

static void
noise_is_an_error_not_a_crash(void **state)
{
	static const struct { const char *p; size_t n; } noise[] = {
		{ "EHLO x\r\n", 8 }, { "GET / HTTP/1.0\r\n\r\n", 18 },
		{ "\x16\x03\x01\xff\xff\x01", 6 }, { "\0\0\0\0\0\0\0\0", 8 },
		{ "\x16\x03\x03\x00\x04\x01\x00\x00\x00", 9 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(noise); i++) {
		struct ends e = { .sctx = server(server_conf()), .cctx = client(client_conf()) };

		connect_ends(&e, "mail.example.vn");
		assert_int_equal(write(e.cfd, noise[i].p, noise[i].n), noise[i].n);
		shutdown(e.cfd, SHUT_WR);
		e.sr = tls_conn_handshake(e.s);
		assert_true(e.sr == ERR_TLS || e.sr == ERR_CLOSED);
		assert_true(strlen(tls_conn_why(e.s)) > 0);
		assert_int_equal(tls_conn_handshake(e.s), ERR_TLS);
		drop(&e);
	}
}

/* ---- configuration ---- */

static void
a_bad_file_is_named_with_the_reason(void **state)
{
	static const struct {
		const char *cert, *key, *ca, *file, *why;
	} cases[] = {
		{ "none", "mail.key", NULL, "certificate file", "No such file" },
		{ "noise", "mail.key", NULL, "certificate file", "no start line" },
		{ "mail.crt", "none", NULL, "key file", "No such file" },
		{ "mail.crt", "noise", NULL, "key file", "unsupported" },
		{ "mail.crt", "other.key", NULL, "key file", "not the key of the certificate" },
		{ "mail.crt", "locked.key", NULL, "key file", "" },
		{ "mail.crt", "mail.key", "none", "CA file", "No such file" },
		{ "mail.crt", "mail.key", "noise", "CA file", "" },
		{ "weak.crt", "weak.key", NULL, "certificate file", "key too small" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct tls_server_conf conf = { .cert_file = at(cases[i].cert),
		    .key_file = at(cases[i].key),
		    .client_ca_file = cases[i].ca ? at(cases[i].ca) : NULL };
		struct tls_ctx *ctx;
		struct buf why;
		const char *said;

		buf_init(&why, 1000);
		assert_int_equal(tls_ctx_new_server(&conf, &why, &ctx), ERR_CONF);
		assert_null(ctx);
		said = buf_cstr(&why);
		if (strstr(said, cases[i].file) != said || strstr(said, dir) == NULL ||
		    strstr(said, cases[i].why) == NULL || strchr(said, '\n') != NULL)
			fail_msg("case %zu says: %s", i, said);
		buf_fini(&why);
	}
}

static void
the_end_of_the_certificate_is_known(void **state)
{
	struct tls_ctx *s = server(server_conf()), *c = client(client_conf());
	int64_t left = tls_ctx_not_after_s(s) - clock_real_s();

	(void)state;
	assert_true(left > 29 * 86400 && left <= 30 * 86400);
	assert_int_equal(tls_ctx_not_after_s(c), 0);
	tls_ctx_free(&s);
	tls_ctx_free(&c);
}

static void
a_connection_outlives_the_callers_context(void **state)
{
	struct tls_server_conf sc = server_conf();
	struct tls_client_conf cc = client_conf();
	struct ends e = { .step = 0 };

	(void)state;
	sc.alpn = cc.alpn = imap;
	e.sctx = server(sc), e.cctx = client(cc);
	connect_ends(&e, "mail.example.vn");
	tls_ctx_free(&e.sctx);		/* a reload, with a handshake under way */
	tls_ctx_free(&e.cctx);
	shake(&e);
	assert_int_equal(e.sr, OK);
	say(&e, e.c, e.s, "a NOOP\r\n");
	drop_conns(&e);
}

/* Handshakes of both versions, resumption and verification need nothing that the rows forbid. */
static void
it_works_inside_the_sandbox(void **state)
{
	static const enum sandbox_role roles[] = { SANDBOX_SMTPD, SANDBOX_IMAPD, SANDBOX_RELAY };
	const struct sandbox_paths none = { .v = NULL };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
		struct ends e = { .sctx = server(server_conf()), .cctx = client(client_conf()) };
		uint8_t key[TLS_TICKET_KEY_OCTETS];
		pid_t pid;
		int st;

		assert_int_equal(tls_ticket_key_make(key), OK);
		tls_ctx_set_ticket_key(e.sctx, key);
		connect_ends(&e, "mail.example.vn");
		pid = fork();
		if (pid == 0) {
			log_set_severity(LOG_SEV_ERROR);
			if (sandbox_enter(roles[i], &none) != OK)
				_exit(1);
			shake(&e);
			if (e.sr != OK || e.cr != OK || tls_conn_write(e.s, "x", 1) != 1)
				_exit(2);
			_exit(tls_conn_read(e.c, (char[]){ 0 }, 1) == 1 ? 0 : 3);
		}
		assert_int_equal(waitpid(pid, &st, 0), pid);
		assert_int_equal(st, 0);
		drop(&e);
	}
}

/* ---- certificates ---- */

static int
make_certificates(void)
{
	static const char script[] =
	    "set -e; cd %s\n"
	    "ec='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'\n"
	    "openssl req -x509 $ec -keyout ca.key -out ca.crt -days 30 -subj /CN=ca\n"
	    "openssl req -x509 $ec -keyout other.key -out other.crt -days 30 -subj /CN=other"
	    " -addext subjectAltName=DNS:mail.example.vn\n"
	    "echo 'subjectAltName=DNS:mail.example.vn,IP:192.0.2.7' > mail.ext\n"
	    "openssl req $ec -keyout mail.key -out mail.csr -subj /CN=mail\n"
	    "openssl x509 -req -in mail.csr -CA ca.crt -CAkey ca.key -set_serial 1 -days 30"
	    " -extfile mail.ext -out mail.crt\n"
	    "cp mail.key old.key\n"
	    "openssl x509 -req -in mail.csr -CA ca.crt -CAkey ca.key -set_serial 2 -days -1"
	    " -extfile mail.ext -out old.crt\n"
	    "openssl req $ec -keyout user.key -out user.csr -subj /CN=user\n"
	    "openssl x509 -req -in user.csr -CA ca.crt -CAkey ca.key -set_serial 3 -days 30"
	    " -out user.crt\n"
	    "openssl ec -in mail.key -aes256 -passout pass:x -out locked.key\n"
	    "openssl req -x509 -newkey rsa:1024 -nodes -keyout weak.key -out weak.crt -days 30"
	    " -subj /CN=weak\n"
	    "echo noise > noise\n";
	char cmd[sizeof script + sizeof dir + 16], all[sizeof cmd + 64];

	snprintf(cmd, sizeof cmd, script, dir);
	snprintf(all, sizeof all, "(%s) >%s/log 2>&1", cmd, dir);
	return system(all) == 0 ? 0 : -1;
}

static int
set_up(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	return mkdtemp(dir) == NULL ? -1 : make_certificates();
}

static int
tear_down(void **state)
{
	(void)state;
	return scratch_remove(dir);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(octets_cross_at_every_pump_step),
		cmocka_unit_test(a_megabyte_crosses_with_back_pressure),
		cmocka_unit_test(a_close_is_told_from_a_cut),
		cmocka_unit_test(alpn_is_chosen_or_fatal),
		cmocka_unit_test(the_server_is_verified),
		cmocka_unit_test(a_verifying_client_must_name_the_host),
		cmocka_unit_test(the_client_certificate_is_asked_and_shown),
		cmocka_unit_test(the_peer_digest_is_that_of_the_certificate),
		cmocka_unit_test(tickets_work_in_every_worker_until_the_second_rotation),
		cmocka_unit_test(both_sides_know_one_binding),
		cmocka_unit_test(no_binding_without_extended_master_secret),
		cmocka_unit_test(old_versions_are_refused),
		cmocka_unit_test(tls12_can_be_refused),
		cmocka_unit_test(renegotiation_is_refused),
		cmocka_unit_test(noise_is_an_error_not_a_crash),
		cmocka_unit_test(a_bad_file_is_named_with_the_reason),
		cmocka_unit_test(the_end_of_the_certificate_is_known),
		cmocka_unit_test(a_connection_outlives_the_callers_context),
		cmocka_unit_test(it_works_inside_the_sandbox),
	};

	return cmocka_run_group_tests(t, set_up, tear_down);
}
