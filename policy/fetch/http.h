/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/fetch/http.h: one object over HTTP or HTTPS, from a server that may be anybody.
 *
 * Shape   blocking; one request at a time; only this knows libcurl.
 * Bounds  octets of the answer and of its head (HTTP_HEAD_MAX), time for all of it. No redirect is
 *         followed, nothing is decompressed, no cookie, .netrc or proxy of the environment counts.
 * Where   an address that a certificate named may not lead to loopback, link-local, multicast or
 *         unspecified addresses: a certificate has no business with what listens there. Control
 *         "trust-address" (see control.h) lets it. Through a proxy it is the proxy's business; what
 *         is asked without it ("no-proxy") is not.
 */
#ifndef POLICY_FETCH_HTTP_H
#define POLICY_FETCH_HTTP_H

#include <sys/socket.h>

#include "common/buf.h"
#include "common/conf.h"

enum { HTTP_HEAD_MAX = 64 << 10 };

struct http;

struct http_request {
	const char  *url;
	struct slice body;	/* an OCSP request to POST; empty: GET */
	uint64_t     timeout_ms;
	bool	     anywhere;	/* the address is the administrator's word */
};

int http_new(const struct conf_trust *conf, struct http **out) MUST_USE;
void http_free(struct http **http);

/*
 * Append the content of an answer 200 to out. ERR_TIMEOUT; ERR_UNAVAIL: no such host, or it is
 * away; ERR_TLS; ERR_LIMIT: too large; ERR_FORBIDDEN: it lies where it may not; ERR_NOENT: another
 * answer, see *status_out; ERR_IO: any other fault.
 */
int http_get(struct http *http, const struct http_request *request, struct buf *out,
    unsigned *status_out) MUST_USE;

/* May a certificate send us to this address? For http.c and its test. */
bool http_may_ask(const struct sockaddr *address);

#endif
