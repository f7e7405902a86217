/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/keyd_uri.h: which key of which token, as a PKCS#11 URI says it.
 *
 * Shape   the path attributes token, serial, object and id, each once, percent-encoded; "type" may
 *         be private. Anything else is refused: an attribute that is not looked at could name
 *         another key.
 * Source  RFC 7512 2.3.
 */
#ifndef DIRECTORY_KEYD_URI_H
#define DIRECTORY_KEYD_URI_H

#include "common/slice.h"

enum { KEYD_URI_VALUE_MAX = 64 };

struct keyd_uri_value {
	char   text[KEYD_URI_VALUE_MAX + 1];	/* ends in NUL; may hold others (id) */
	size_t n;
	bool   given;
};

struct keyd_uri {
	struct keyd_uri_value token, serial, object, id;
};

/* OK, or ERR_SYNTAX. A key must be named by object or id, a token by label or serial. */
int keyd_uri_parse(struct slice text, struct keyd_uri *out) MUST_USE;

/* Is this value what the URI asks for? What it does not name fits. */
bool keyd_uri_fits(const struct keyd_uri_value *want, struct slice have);

#endif
