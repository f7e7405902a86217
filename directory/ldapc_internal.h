/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/ldapc_internal.h: what ldapc.c and ldapc_sync.c share; nobody else includes it.
 */
#ifndef DIRECTORY_LDAPC_INTERNAL_H
#define DIRECTORY_LDAPC_INTERNAL_H

#include <ldap.h>
#include <sys/time.h>

#include "directory/ldapc.h"

enum { LDAPC_SERVERS_MAX = 8, LDAPC_PASSWORD_OCTETS_MAX = 1024 };

struct ldapc_conn {
	LDAP  *ld;		/* NULL: none */
	size_t server;
	bool   reused;		/* has answered before: a failure may be its age */
};

struct ldapc {
	const struct conf *conf;
	struct {
		uint64_t avoid_until_ms;
	} servers[LDAPC_SERVERS_MAX];
	struct ldapc_conn search, bind;
	uint64_t	  deadline_ms;
	const char	 *step;		/* of connecting, for ldapc_probe */
	int		  rc;
	bool		  truncated;	/* the last search met a limit of the server */
	bool		  plain;	/* the open search of ldapc_sync.c is an ordinary one */
	int		  sync_id, probe_id;	/* messages of ldapc_sync.c; 0: none is open */
	size_t		  password_n;
	char		  password[LDAPC_PASSWORD_OCTETS_MAX];
};

/* Connect if need be. */
int ldapc_ready(struct ldapc *c, struct ldapc_conn *conn, bool service) MUST_USE;

/* The connection is of no use any more: ERR_UNAVAIL. */
int ldapc_fail(struct ldapc *c, struct ldapc_conn *conn, int rc);

int ldapc_api_error(LDAP *ld);
struct timeval ldapc_timeval(uint64_t ms);
void ldapc_attributes(const struct ldapc *c, unsigned want, char *out[ENTRY_ATTR_COUNT + 1]);
int ldapc_copy_entry(struct ldapc *c, LDAP *ld, LDAPMessage *m, unsigned want, struct arena *arena,
    struct entry *out) MUST_USE;

#endif
