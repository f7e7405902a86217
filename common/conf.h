/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/conf.h: the configuration, read once, checked whole, never changed afterwards.
 *
 * Shape   conf_load() gives an immutable snapshot or every error at once; the structs below come
 *         from conf.def, so a key cannot exist without type, range, default and manual text.
 *         A program reads the whole file; secrets are in files of their own that it names.
 * Bounds  a file is at most 1 MiB; at most 100 errors are kept.
 */
#ifndef COMMON_CONF_H
#define COMMON_CONF_H

#include "common/buf.h"
#include "common/conf.def"
#include "common/words.h"

struct conf_list {
	const char **v;
	size_t	     n;
};

#define CONF_C_STR	const char *
#define CONF_C_PATH	const char *
#define CONF_C_U64	uint64_t
#define CONF_C_BOOL	bool
#define CONF_C_CHOICE	unsigned
#define CONF_C_LIST	struct conf_list

#define CONF_FIELD(section, type, field, key, def, min, max, unit, check, text) \
	CONF_C_##type field;
#define CONF_DECL_SECTION(section, many, text) \
	struct conf_##section { const char *title; unsigned line; CONF_##section(CONF_FIELD) };
CONF_SECTIONS(CONF_DECL_SECTION)

#define CONF_MEMBER_SINGLE(section) struct conf_##section section;
#define CONF_MEMBER_MULTI(section) struct conf_##section *section; size_t section##_n;
#define CONF_MEMBER(section, many, text) CONF_MEMBER_##many(section)
struct conf {
	CONF_SECTIONS(CONF_MEMBER)
	struct conf_memory *memory;	/* owns every string and array */
};

/* Values of CHOICE keys whose words are not in common/words.h. */
enum conf_watch { CONF_WATCH_AUTO, CONF_WATCH_SYNC, CONF_WATCH_POLL, CONF_WATCH_OFF };
enum { CONF_SANDBOX_REQUIRED, CONF_SANDBOX_BEST_EFFORT };
enum { CONF_LISTEN_MX, CONF_LISTEN_SUBMISSION, CONF_LISTEN_LMTP, CONF_LISTEN_IMAP };
enum { CONF_TLS_STARTTLS, CONF_TLS_IMPLICIT };
enum { CONF_TLS_MIN_12, CONF_TLS_MIN_13 };
enum { CONF_ROUTE_TLS_NONE, CONF_ROUTE_TLS_OPPORTUNISTIC, CONF_ROUTE_TLS_REQUIRED };
enum { CONF_SUBMISSION_REQUIRE, CONF_SUBMISSION_MARK };
enum { CONF_PURPOSE_EMAIL_OR_ABSENT, CONF_PURPOSE_EMAIL, CONF_PURPOSE_ANY };
enum { CONF_ANY, CONF_YES, CONF_NO };
enum { CONF_ACTION_ALLOW, CONF_ACTION_DEFER, CONF_ACTION_REJECT };

/* Read and check a file: OK and a snapshot, or ERR_CONF and in errors one line per mistake,
 * "file:line: key: what is wrong". Cross-checks (profile against listeners and routes, files
 * that cannot be read by anyone) are included; which program runs does not matter. */
int conf_load(const char *path, struct conf **conf_out, struct buf *errors) MUST_USE;
void conf_free(struct conf **conf);

/* Is the address (printable literal, IPv4-mapped IPv6 is taken as IPv4) in internal-networks? */
bool conf_is_internal(const struct conf *conf, const char *address);

/* The zone of a session: internal only if the listener is and the address is. A client of a UNIX
 * socket has no address: it has the listener's zone. */
unsigned conf_session_zone(const struct conf *conf, const struct conf_listener *listener,
    const char *address);

/* Is domain (any case) one of ours? */
bool conf_is_local_domain(const struct conf *conf, struct slice domain);

/* The route for a domain, or NULL. */
const struct conf_route *conf_route_for(const struct conf *conf, struct slice domain);

/* The manual's list of keys, as mdoc, made from conf.def. */
void conf_manual(struct buf *out);

#endif
