/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/conf_check.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "common/conf_net.h"

/* Letters, digits, hyphens; labels of 1..63 octets (RFC 1123 2.1). */
bool
conf_check_is_hostname(struct slice s)
{
	struct slice label;

	if (s.n == 0 || s.n > 253)
		return false;
	if (s.p[s.n - 1] == '.')	/* no address ends so, it would never match */
		return false;
	do {
		slice_cut(&s, '.', &label);
		if (label.n == 0 || label.n > 63 || label.p[0] == '-' ||
		    label.p[label.n - 1] == '-')
			return false;
		for (size_t i = 0; i < label.n; i++)
			if (!ascii_is_alnum(label.p[i]) && label.p[i] != '-')
				return false;
	} while (s.n > 0);
	return true;
}

const char *
conf_check_hostname(const char *value)
{
	return conf_check_is_hostname(slice_of(value)) ? NULL : "is not a host name";
}

const char *
conf_check_hostname_or_empty(const char *value)
{
	return *value == '\0' ? NULL : conf_check_hostname(value);
}

const char *
conf_check_domain(const char *value)
{
	return conf_check_is_hostname(slice_of(value)) ? NULL : "is not a domain name";
}

const char *
conf_check_route_domain(const char *value)
{
	struct slice s = slice_of(value);

	if (slice_is(s, "*"))
		return NULL;
	if (s.n > 0 && s.p[0] == '.')
		s = slice_from(s, 1);
	return conf_check_is_hostname(s) ? NULL : "is neither a domain, nor \".domain\", nor \"*\"";
}

const char *
conf_check_address(const char *value)
{
	struct conf_net n;

	return conf_net_parse(value, &n) && !n.has_bits ? NULL :
	    "is not an IPv4 or IPv6 address literal";
}

const char *
conf_check_place(const char *value)
{
	if (value[0] == '/')
		return value[1] != '\0' && value[strlen(value) - 1] != '/' ? NULL :
		    "is not the path of a socket";
	return conf_check_address(value) == NULL ? NULL :
	    "is neither an IPv4 or IPv6 address literal nor an absolute path";
}

const char *
conf_check_network(const char *value)
{
	struct conf_net n;

	return conf_net_parse(value, &n) ? NULL : "is not an address block such as 10.0.0.0/8";
}

const char *
conf_check_ldap_uri(const char *value)
{
	struct slice s = slice_of(value);

	if (slice_starts_nocase(s, SLICE("ldap://")) || slice_starts_nocase(s, SLICE("ldaps://")) ||
	    slice_starts_nocase(s, SLICE("ldapi://")))
		return NULL;
	return "must begin with ldap://, ldaps:// or ldapi://";
}

const char *
conf_check_attribute(const char *value)
{
	for (const char *p = value; *p != '\0'; p++)
		if (!ascii_is_alnum(*p) && *p != '-' && *p != ';' && *p != '.')
			return "is not an LDAP attribute name";
	return ascii_is_alnum(value[0]) ? NULL : "is not an LDAP attribute name";
}

const char *
conf_check_seconds(const char *value)
{
	uint64_t v;

	return slice_u64(slice_of(value), 2592000, &v) == OK ? NULL :
	    "is not a number of seconds up to 2592000";
}

const char *
conf_check_percent(const char *value)
{
	uint64_t v;

	return slice_u64(slice_of(value), 100, &v) == OK && v > 0 ? NULL :
	    "is not a percentage from 1 to 100";
}

const char *
conf_check_ascii(const char *value)
{
	for (const char *p = value; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			return "must be printable ASCII: it is sent in SMTP replies";
	return NULL;
}

const char *
conf_check_absolute(const char *value)
{
	return *value == '/' ? NULL : "must be an absolute path";
}

const char *
conf_check_mailbox_or_empty(const char *value)
{
	struct slice domain = slice_of(value), local;

	if (domain.n == 0)
		return NULL;
	if (!slice_cut(&domain, '@', &local) || local.n == 0 || local.n > 64 ||
	    !conf_check_is_hostname(domain))
		return "is not a mail address";
	for (size_t i = 0; i < local.n; i++)
		if (!ascii_is_alnum(local.p[i]) && slice_chr(SLICE(".-_+"), local.p[i]) < 0)
			return "is not a plain mail address";
	return NULL;
}

static const char *
check_word(enum word_set set, const char *value, const char *wrong)
{
	unsigned v;

	return word_value(set, slice_of(value), &v) == OK ? NULL : wrong;
}

const char *
conf_check_path(const char *value)
{
	return check_word(WORD_path, value, "is not one of submit, receive, relay, store, read");
}

const char *
conf_check_sig(const char *value)
{
	return check_word(WORD_sig, value, "is not one of none, valid, bad, error");
}

const char *
conf_check_sig_reason(const char *value)
{
	return check_word(WORD_sig_reason, value, "is not a reason of a bad signature; they are "
	    "untrusted, expired, revoked, unknown-revocation, wrong-signer, altered, weak, "
	    "unsupported, malformed, header-mismatch, internal-error");
}

const char *
conf_check_kind(const char *value)
{
	return check_word(WORD_kind, value,
	    "is not one of mail, mdn, calendar-reply, dsn, auto-reply, encrypted");
}

const char *
conf_check_zone(const char *value)
{
	return check_word(WORD_zone, value, "is not one of local, internal, internet");
}

/* What could never be somebody's address would make a row that never fits. */
const char *
conf_check_sender(const char *value)
{
	struct slice domain = slice_of(value), local;

	return slice_cut(&domain, '@', &local) && conf_check_is_hostname(domain) &&
	    slice_chr(local, '<') < 0 && slice_chr(local, ' ') < 0 ? NULL :
	    "is neither an address nor a domain with \"@\" before it";
}

const char *
conf_check_dn(const char *value)
{
	struct slice rest = slice_of(value), first;

	slice_cut(&rest, ',', &first);
	return slice_chr(first, '=') > 0 ? NULL :
	    "is not a distinguished name such as ou=Van phong,dc=tinh,dc=vn";
}

/* A uid or gid: not that of root, and not -1, which means "as it is" to the kernel. */
static bool
is_id(struct slice s)
{
	uint64_t v;

	return slice_u64(s, UINT32_MAX - 1, &v) == OK && v != 0;
}

static bool
is_account_name(struct slice s)
{
	if (s.n == 0 || s.n > 32 || (!ascii_is_alpha(s.p[0]) && s.p[0] != '_'))
		return false;
	for (size_t i = 1; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
			return false;
	return !slice_is(s, "root");
}

const char *
conf_check_user(const char *value)
{
	struct slice gid = slice_of(value), uid;
	bool has_gid = slice_cut(&gid, ':', &uid);

	if (*value == '\0' || is_account_name(slice_of(value)) ||
	    (is_id(uid) && (!has_gid || is_id(gid))))
		return NULL;
	return "is not the name of a user (other than root), nor uid or uid:gid in numbers";
}

const char *
conf_check_group(const char *value)
{
	return *value == '\0' || is_account_name(slice_of(value)) || is_id(slice_of(value)) ?
	    NULL : "is not the name of a group (other than root), nor a number";
}

/* ---- across keys ---- */

struct whole {
	const struct conf *conf;
	const char *file;
	struct buf *errors;
};

static void PRINTF_LIKE(3, 4)
wrong(const struct whole *w, unsigned line, const char *fmt, ...)
{
	va_list ap;

	buf_addf(w->errors, "%s:%u: ", w->file, line);
	va_start(ap, fmt);
	buf_vaddf(w->errors, fmt, ap);
	va_end(ap);
	buf_addc(w->errors, '\n');
}

static void
check_profile(const struct whole *w)
{
	const struct conf_general *g = &w->conf->general;

	if (g->profile == PROFILE_NONE)
		wrong(w, 1, "profile: is missing. Choose one: \"dedicated\" (documents of level Mat "
		    "may move on the dedicated state network; needs legal-basis), \"open\" (any such "
		    "document is refused on every path; no condition), \"lan\" (one isolated site "
		    "without any internet path; needs legal-basis)");
	if ((g->profile == PROFILE_DEDICATED || g->profile == PROFILE_LAN) && *g->legal_basis == '\0')
		wrong(w, 1, "legal-basis: is missing; the profile \"%s\" needs number and date of "
		    "the decision that permits it", word_name(WORD_profile, g->profile));
}

/* A role that shares the user of another could use the sockets and files of both. */
static void
check_users(const struct whole *w)
{
#define NAME(section, type, field, key, def, min, max, unit, check, text) \
		{ key, w->conf->user.field },
	const struct {
		const char *key, *value;
	} v[] = { CONF_user(NAME) };
#undef NAME
	size_t given = 0;

	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		given += *v[i].value != '\0';
		for (size_t j = 0; j < i && *v[i].value != '\0'; j++)
			if (slice_is(slice_of(v[i].value), v[j].value))
				wrong(w, w->conf->user.line, "user: %s: is the same as %s; each role "
				    "needs a user of its own", v[i].key, v[j].key);
	}
	for (size_t i = 0; i < ARRAY_LEN(v) && given > 0; i++)
		if (*v[i].value == '\0')
			wrong(w, w->conf->user.line, "user: %s: is missing; give all keys of this "
			    "section or none", v[i].key);
}

/* A path has no port, and other things that hold only for it. */
static void
check_place(const struct whole *w, const struct conf_listener *l)
{
	bool path = l->address[0] == '/';

	if (!path && l->port == 0)
		wrong(w, l->line, "listener \"%s\": port: is missing", l->title);
	if (path && l->port != 0)
		wrong(w, l->line, "listener \"%s\": port: a UNIX socket has none", l->title);
	if (!path && *l->group != '\0')
		wrong(w, l->line, "listener \"%s\": group: only a UNIX socket has one", l->title);
	if (path && l->role != CONF_LISTEN_LMTP)
		wrong(w, l->line, "listener \"%s\": address: only role lmtp may listen at a path",
		    l->title);
	if (l->role == CONF_LISTEN_LMTP && l->port == 25)	/* RFC 2033 5 */
		wrong(w, l->line, "listener \"%s\": port: LMTP must not be served at port 25",
		    l->title);
	if (path && l->tls == CONF_TLS_IMPLICIT)
		wrong(w, l->line, "listener \"%s\": tls: a UNIX socket never begins with it",
		    l->title);
}

static void
check_zone(const struct whole *w, const struct conf_listener *l)
{
	const struct conf_general *g = &w->conf->general;

	if (l->zone == 0)
		wrong(w, l->line, "listener \"%s\": zone: is empty", l->title);
	if (l->zone == ZONE_INTERNAL && l->address[0] != '/' && g->internal_networks.n == 0)
		wrong(w, l->line, "listener \"%s\": zone: is internal, but internal-networks is "
		    "empty, so no session could be", l->title);
	if (l->zone == ZONE_INTERNET && g->profile == PROFILE_LAN)
		wrong(w, l->line, "listener \"%s\": zone: the profile \"lan\" forbids any internet "
		    "listener", l->title);
}

static void
check_listeners(const struct whole *w)
{
	const struct conf *c = w->conf;

	for (size_t i = 0; i < c->listener_n; i++) {
		const struct conf_listener *l = &c->listener[i];

		check_zone(w, l);
		check_place(w, l);
		for (size_t j = 0; j < i; j++)
			if (c->listener[j].port == l->port &&
			    slice_is(slice_of(c->listener[j].address), l->address))
				wrong(w, l->line, "listener \"%s\": address and port are those of "
				    "listener \"%s\"", l->title, c->listener[j].title);
	}
}

static bool
is_loopback(const char *address)
{
	return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

static bool
is_any(const char *address)
{
	return strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0;
}

/* Mail sent there would come back at once. (Through other names and translations of addresses it
 * still may: the next hop's name, and Received, tell then.) */
static void
check_route_loop(const struct whole *w, const struct conf_route *r)
{
	for (size_t i = 0; i < w->conf->listener_n; i++) {
		const struct conf_listener *l = &w->conf->listener[i];

		if (l->role == CONF_LISTEN_IMAP || l->port != r->port)
			continue;
		if (strcmp(l->address, r->host) == 0 ||
		    (is_any(l->address) && is_loopback(r->host)) || is_any(r->host))
			wrong(w, r->line, "route \"%s\": host: leads back to this server, to "
			    "listener \"%s\"", r->title, l->title);
	}
}

static void
check_routes(const struct whole *w)
{
	for (size_t i = 0; i < w->conf->route_n; i++) {
		const struct conf_route *r = &w->conf->route[i];

		if (r->zone == 0)
			wrong(w, r->line, "route \"%s\": zone: is empty", r->title);
		if (r->zone == ZONE_INTERNET && w->conf->general.profile == PROFILE_LAN)
			wrong(w, r->line, "route \"%s\": zone: the profile \"lan\" forbids any internet "
			    "route", r->title);
		if (r->tls == CONF_ROUTE_TLS_REQUIRED && *r->ca == '\0')
			wrong(w, r->line, "route \"%s\": ca: is needed with tls = required", r->title);
		if (*r->title == '\0')
			wrong(w, r->line, "route: its title is empty");
		check_route_loop(w, r);
	}
}

/* The whole host part counts: 127.0.0.1.example.com is somebody else. */
static bool
is_loopback_uri(struct slice uri)
{
	struct slice host, rest = slice_from(uri, sizeof("ldap://") - 1);
	struct conf_net block, address;
	char mem[64];

	slice_cut(&rest, '/', &host);
	if (slice_starts_nocase(host, SLICE("[::1]")))
		return host.n == 5 || host.p[5] == ':';
	rest = host;
	slice_cut(&rest, ':', &host);
	if (slice_is_nocase(host, "localhost"))
		return true;
	if (host.n >= sizeof mem || host.n == 0)
		return false;
	memcpy(mem, host.p, host.n);
	mem[host.n] = '\0';
	return conf_net_parse("127.0.0.0/8", &block) && conf_net_parse(mem, &address) &&
	    !address.has_bits && conf_net_has(&block, &address);
}

static void
check_ldap(const struct whole *w)
{
	const struct conf_ldap *l = &w->conf->ldap;

	for (size_t i = 0; i < l->uri.n; i++) {
		struct slice uri = slice_of(l->uri.v[i]);

		if (slice_starts_nocase(uri, SLICE("ldap://")) && !l->starttls &&
		    !is_loopback_uri(uri))
			wrong(w, l->line, "uri: %s would carry passwords in clear: set starttls = true "
			    "or use ldaps://", l->uri.v[i]);
	}
	if (*l->bind_dn != '\0' && *l->bind_password_file == '\0')
		wrong(w, l->line, "bind-password-file: is needed with bind-dn");
}

static bool
has_signer(const struct conf *conf, const char *title)
{
	for (size_t i = 0; i < conf->signer_n; i++)
		if (strcmp(conf->signer[i].title, title) == 0)
			return true;
	return false;
}

static bool
is_rule_title(const char *title)
{
	size_t n = strspn(title, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789._-");

	return n > 0 && n <= 64 && title[n] == '\0';
}

static void
check_rules(const struct whole *w)
{
	for (size_t i = 0; i < w->conf->rule_n; i++) {
		const struct conf_rule *r = &w->conf->rule[i];

		if (!is_rule_title(r->title))
			wrong(w, r->line, "rule \"%s\": its title must be made of A-Z, a-z, 0-9, "
			    "\".\", \"_\" and \"-\", at most 64: it is sent in SMTP replies",
			    r->title);
		if (r->level_min > r->level_max)
			wrong(w, r->line, "rule \"%s\": level-at-least is above level-at-most", r->title);
		if (r->action != CONF_ACTION_ALLOW &&
		    (*r->reason_vi == '\0' || *r->reason_en == '\0'))
			wrong(w, r->line, "rule \"%s\": reason-vi and reason-en: are needed with this "
			    "action", r->title);
		if (*r->sign_as != '\0' && r->action != CONF_ACTION_ALLOW)
			wrong(w, r->line, "rule \"%s\": sign-as goes with action = allow", r->title);
		if (*r->sign_as != '\0' && !has_signer(w->conf, r->sign_as))
			wrong(w, r->line, "rule \"%s\": sign-as: there is no signer \"%s\"",
			    r->title, r->sign_as);
	}
}

/* The title goes into header fields. */
static bool
is_signer_title(const char *title)
{
	size_t n = strspn(title, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n > 0 && n <= 64 && title[n] == '\0';
}

static void
check_signer_key(const struct whole *w, const struct conf_signer *s)
{
	const char *paths[] = { s->key, s->pkcs11_module, s->pin_file };
	bool token = *s->pkcs11_module != '\0';

	if ((*s->key != '\0') == token)
		wrong(w, s->line, "signer \"%s\": either key or pkcs11-module is needed", s->title);
	if (token != (*s->pkcs11_uri != '\0'))
		wrong(w, s->line, "signer \"%s\": pkcs11-module and pkcs11-uri go together", s->title);
	if (!token && (*s->pin_file != '\0' || s->pkcs11_paths.n > 0))
		wrong(w, s->line, "signer \"%s\": pin-file and pkcs11-path are for pkcs11-module",
		    s->title);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		if (*paths[i] != '\0' && *paths[i] != '/')
			wrong(w, s->line, "signer \"%s\": %s is no absolute path", s->title, paths[i]);
}

static void
check_signers(const struct whole *w)
{
	for (size_t i = 0; i < w->conf->signer_n; i++) {
		const struct conf_signer *s = &w->conf->signer[i];

		if (!is_signer_title(s->title))
			wrong(w, s->line, "signer \"%s\": its title must be made of a-z, 0-9 and "
			    "\"-\"", s->title);
		check_signer_key(w, s);
	}
}

/* A notice for another server's mailbox would be put off for ever: none leaves this one. */
static void
check_incident(const struct whole *w)
{
	const struct conf_general *g = &w->conf->general;
	struct slice domain = slice_of(w->conf->incident.mailbox), local;

	if (!slice_cut(&domain, '@', &local))
		return;
	for (size_t i = 0; i < g->domains.n; i++)
		if (slice_eq_nocase(domain, slice_of(g->domains.v[i])))
			return;
	wrong(w, w->conf->incident.line, "incident: mailbox: %s is in none of the domains of this "
	    "server", w->conf->incident.mailbox);
}

void
conf_check_whole(const struct conf *conf, const char *file, struct buf *errors)
{
	const struct whole w = { conf, file, errors };

	check_profile(&w);
	check_users(&w);
	check_listeners(&w);
	check_routes(&w);
	check_ldap(&w);
	check_incident(&w);
	check_rules(&w);
	check_signers(&w);
}
