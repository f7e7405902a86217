/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/ldapc.h: the LDAP client of a helper process: the only file that speaks LDAP.
 *
 * Shape   two connections are kept: one bound as the service for searches, one that is bound as
 *         whoever signs in and never used for anything else. Calls block, but never past the
 *         deadline of the job. A server that failed is avoided for a while; the next in the
 *         list takes over within the same job.
 * Safety  LDAPv3, no referrals, no aliases followed, no ldap.conf; certificates verified against
 *         ldap.ca; sizes of messages, values and their number bounded.
 * Errors  ERR_UNAVAIL: no server gave a usable answer in time. Nothing else is ever made of
 *         a failure: above all not "no such entry" and not "wrong password".
 */
#ifndef DIRECTORY_LDAPC_H
#define DIRECTORY_LDAPC_H

#include "directory/source.h"

struct ldapc;

/* Reads the password file. ERR_CONF with the reason in why. Connects to nobody. */
int ldapc_new(const struct conf *conf, struct buf *why, struct ldapc **out) MUST_USE;
void ldapc_free(struct ldapc **c);

/* A job begins: everything until the next call of this must be over within budget_ms. */
void ldapc_begin(struct ldapc *c, uint64_t budget_ms);

/* Searches of this client, for lookup.h. */
struct source ldapc_source(struct ldapc *c);

/* Did the last search end at a limit, so that there may be more? */
bool ldapc_truncated(const struct ldapc *c);

/* Are name and password right? OK; ERR_AUTH; ERR_UNAVAIL. An empty one is ERR_AUTH and is not
 * sent: a server takes it as anonymous (RFC 4513 5.1.2). */
int ldapc_bind(struct ldapc *c, struct slice dn, struct slice password) MUST_USE;

/* All values of one attribute of one entry (base scope; dn "" is the root DSE). */
int ldapc_read(struct ldapc *c, const char *dn, const char *attribute, struct arena *arena,
    struct entry_values *out) MUST_USE;

/* How many servers are configured, the URI of one, and of the one in use ("" when none is). */
size_t ldapc_servers(const struct ldapc *c);
const char *ldapc_uri(const struct ldapc *c, size_t i);
const char *ldapc_current(const struct ldapc *c);

/* Connect to one server anew, start TLS and bind as the service: for "directory test". OK or
 * ERR_UNAVAIL; *step_out names the last step done or failed, *text_out LDAP's words (static). */
int ldapc_probe(struct ldapc *c, size_t i, const char **step_out, const char **text_out) MUST_USE;

#endif
