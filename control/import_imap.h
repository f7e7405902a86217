/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * control/import_imap.h: an IMAP server as a source; and how one is named.
 */
#ifndef CONTROL_IMPORT_IMAP_H
#define CONTROL_IMPORT_IMAP_H

#include "control/import.h"

enum { IMAP_URL_MAX = 1000 };

struct import_imap {
	bool	    implicit_tls;	/* imaps: TLS from the first octet; else STARTTLS, or */
	bool	    insecure_plain;	/* none, to this machine alone */
	char	    user[IMAP_URL_MAX], host[256], port[6];
	char	    text[IMAP_URL_MAX + 300];	/* "user@host:port" */
	struct slice place;
	struct slice password;		/* no line end, no NUL */
	const char *ca_file;
	uint64_t    message_octets;
	bool	  (*is_internal)(void *arg, const char *peer);	/* of an address in text form */
	void	   *arg;
};

/* "imaps://USER@HOST[:PORT]/", USER percent-encoded, HOST perhaps in brackets: user, host, port,
 * implicit_tls, place. ERR_SYNTAX. Pure. */
int import_imap_url(struct slice url, struct import_imap *out) MUST_USE;

/* Connect and sign in. ERR_TLS, ERR_ACCESS, ERR_TIMEOUT, ...: (*out)->why says it. */
int import_imap_new(const struct import_imap *conf, struct import_source **out) MUST_USE;

#endif
