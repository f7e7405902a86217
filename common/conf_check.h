/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/conf_check.h: checks that rows of conf.def name, and the check across keys.
 *
 * Shape   a check takes one value (of a LIST: one item) and gives NULL, or what is wrong with it
 *         as static text.
 */
#ifndef COMMON_CONF_CHECK_H
#define COMMON_CONF_CHECK_H

#include "common/conf.h"

typedef const char *(*conf_check_fn)(const char *value);

const char *conf_check_hostname(const char *value);
const char *conf_check_hostname_or_empty(const char *value);
const char *conf_check_domain(const char *value);
const char *conf_check_route_domain(const char *value);
const char *conf_check_address(const char *value);	/* IPv4 or IPv6 literal */
const char *conf_check_place(const char *value);	/* such a literal, or an absolute path */
const char *conf_check_network(const char *value);	/* literal/bits */
const char *conf_check_ldap_uri(const char *value);
const char *conf_check_http_url(const char *value);	/* http or https, nobody's name in it */
const char *conf_check_http_url_or_empty(const char *value);
const char *conf_check_rewrite(const char *value);	/* two of them, a blank between */
const char *conf_check_attribute(const char *value);	/* LDAP attribute, options allowed */
const char *conf_check_seconds(const char *value);
const char *conf_check_percent(const char *value);
const char *conf_check_ascii(const char *value);
const char *conf_check_mailbox_or_empty(const char *value);	/* local@domain */
const char *conf_check_path(const char *value);
const char *conf_check_sig(const char *value);
const char *conf_check_sig_reason(const char *value);
const char *conf_check_kind(const char *value);
const char *conf_check_user(const char *value);		/* a name, uid or uid:gid */
const char *conf_check_group(const char *value);	/* a name or gid */
const char *conf_check_zone(const char *value);
const char *conf_check_sender(const char *value);
const char *conf_check_dn(const char *value);
const char *conf_check_absolute(const char *value);	/* a path */

/* The same for a slice, which may hold anything. */
bool conf_check_is_hostname(struct slice s);
bool conf_check_is_http_url(struct slice s);

/* What no single key can show. Appends "file:line: key: text" lines. */
void conf_check_whole(const struct conf *conf, const char *file, struct buf *errors);

#endif
