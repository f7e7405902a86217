/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/fetch/fetcher.h: the process of congvu-trust that talks to servers, and what it is asked.
 *
 * Shape   it has the network and no file that it could write; its parent has the files and no
 *         network, and believes nothing that this one hands it.
 */
#ifndef POLICY_FETCH_FETCHER_H
#define POLICY_FETCH_FETCHER_H

#include "common/chan.h"
#include "common/conf.h"

enum fetch_code { FETCH_GET = 0x0291 };

#define FETCH_GET_REQUEST_FIELDS(F, L, T) \
	F(T, STR, url, 2048)		/* http or https, no NUL */ \
	F(T, STR, body, 4096)		/* to POST; empty: GET */ \
	F(T, U64, octets_max, 0) \
	F(T, U64, timeout_ms, 600000) \
	F(T, U8, anywhere, 1)		/* see policy/fetch/http.h */
WIRE_STRUCT(fetch_get_request, FETCH_GET_REQUEST_FIELDS)

/* status: OK with one descriptor, the content, sealed; else as http_get gives it. */
#define FETCH_GET_REPLY_FIELDS(F, L, T) \
	F(T, U32, error, 0)		/* an err.def value, negated */ \
	F(T, U32, status, 0)		/* of HTTP; 0: no answer */
WIRE_STRUCT(fetch_get_reply, FETCH_GET_REPLY_FIELDS)

#define FETCH_ROWS(X) \
	X(FETCH_GET, "get", ROLE_TRUST, 0, fetch_get_request, fetch_get_reply)

const struct chan_row *fetch_rows(size_t *n_out);

/* Serve fd, with nothing else of the parent's left open; does not return. */
_Noreturn void fetcher_main(int fd, const struct conf *conf);

#endif
