/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/fetch/url.h: which addresses are asked, and where instead of where.
 *
 * Shape   pure; an address is a slice as a certificate has it, what is asked is a C string.
 */
#ifndef POLICY_FETCH_URL_H
#define POLICY_FETCH_URL_H

#include "common/buf.h"
#include "common/conf.h"

enum { URL_OCTETS_MAX = 1024 };

/* Can it be fetched at all: http or https, a host, printable ASCII, no name or password in it? */
bool url_is_fetchable(struct slice url);

/*
 * Append where url is asked: by the first of the pairs "FROM TO" whose FROM it begins with (scheme
 * and host in any case; FROM ends where a part of the address ends), else itself.
 * True: a pair said so.
 */
bool url_rewrite(const struct conf_list *pairs, struct slice url, struct buf *out);

/* Scheme, host and port. */
struct slice url_server(struct slice url);

#endif
