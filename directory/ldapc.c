/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/ldapc_internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>
#include <sodium.h>

#include "common/clock.h"
#include "common/control.h"

enum {
	DN_CSTR_MAX = 2048,
	MESSAGE_OCTETS_MAX = 32 * 1024 * 1024, FETCH_LIMIT = 256,
	AVOID_MS = 10000,
};

/* ---- configuration ---- */

static int
read_password(struct ldapc *c, const char *path, struct buf *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) != 0) {
		buf_addf(why, "%s: %s", path, err_text(-errno));
		if (fd >= 0)
			close(fd);
		return ERR_CONF;
	}
	n = read(fd, c->password, sizeof c->password);
	close(fd);
	if (n <= 0 || (st.st_mode & 007) != 0) {
		buf_addf(why, "%s: %s", path, n <= 0 ? "empty" : "others may read it; chmod 600");
		return ERR_CONF;
	}
	while (c->password_n < (size_t)n && c->password[c->password_n] != '\n')
		c->password_n++;
	return OK;
}

int
ldapc_new(const struct conf *conf, struct buf *why, struct ldapc **out)
{
	struct ldapc *c = calloc(1, sizeof *c);
	int r = OK;

	if (c == NULL)
		return ERR_NOMEM;
	c->conf = conf;
	if (conf->ldap.bind_dn[0] != '\0' && conf->ldap.bind_password_file[0] != '\0')
		r = read_password(c, conf->ldap.bind_password_file, why);
	else if (conf->ldap.bind_dn[0] != '\0') {
		buf_adds(why, "ldap: bind-dn is given, but no bind-password-file");
		r = ERR_CONF;
	}
	if (r != OK)
		ldapc_free(&c);
	*out = c;
	return r;
}

static void
drop(struct ldapc_conn *conn)
{
	if (conn->ld != NULL)
		(void)ldap_unbind_ext(conn->ld, NULL, NULL);
	*conn = (struct ldapc_conn){ 0 };
}

void
ldapc_free(struct ldapc **c)
{
	if (*c == NULL)
		return;
	drop(&(*c)->search);
	drop(&(*c)->bind);
	sodium_memzero((*c)->password, sizeof (*c)->password);
	free(*c);
	*c = NULL;
}

size_t
ldapc_servers(const struct ldapc *c)
{
	return c->conf->ldap.uri.n < LDAPC_SERVERS_MAX ? c->conf->ldap.uri.n : LDAPC_SERVERS_MAX;
}

const char *
ldapc_uri(const struct ldapc *c, size_t i)
{
	return c->conf->ldap.uri.v[i];
}

const char *
ldapc_current(const struct ldapc *c)
{
	return c->search.ld != NULL ? ldapc_uri(c, c->search.server) : "";
}

/* ---- time ---- */

void
ldapc_begin(struct ldapc *c, uint64_t budget_ms)
{
	c->deadline_ms = clock_ms() + budget_ms;
}

static uint64_t
left_ms(const struct ldapc *c)
{
	uint64_t now = clock_ms();

	return now < c->deadline_ms ? c->deadline_ms - now : 0;
}

struct timeval
ldapc_timeval(uint64_t ms)
{
	ms = ms == 0 ? 1 : ms;	/* libldap takes zero as "poll", and negative as "for ever" */
	return (struct timeval){ (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000) };
}

/* With another server to ask, half of what is left must do. */
static uint64_t
share_ms(const struct ldapc *c)
{
	return ldapc_servers(c) > 1 ? left_ms(c) / 2 : left_ms(c);
}

/* ---- connections ---- */

/* The connection is of no use any more. */
int
ldapc_fail(struct ldapc *c, struct ldapc_conn *conn, int rc)
{
	c->rc = rc;
	if (!conn->reused || rc == LDAP_TIMEOUT)
		c->servers[conn->server].avoid_until_ms = clock_ms() + AVOID_MS;
	drop(conn);
	return ERR_UNAVAIL;
}

int
ldapc_api_error(LDAP *ld)
{
	int rc = LDAP_OTHER;

	(void)ldap_get_option(ld, LDAP_OPT_RESULT_CODE, &rc);
	return rc == LDAP_SUCCESS ? LDAP_SERVER_DOWN : rc;
}

/* Wait for one message of msgid. OK: *res_out is the caller's to free. */
static int
receive(struct ldapc *c, struct ldapc_conn *conn, int msgid, LDAPMessage **res_out)
{
	struct timeval tv = ldapc_timeval(share_ms(c));
	int type = ldap_result(conn->ld, msgid, LDAP_MSG_ONE, &tv, res_out);

	if (type > 0)
		return OK;
	return ldapc_fail(c, conn, type == 0 ? LDAP_TIMEOUT : ldapc_api_error(conn->ld));
}

static int
set_tls(const struct ldapc *c, LDAP *ld)
{
	int demand = control_off("ldap-tls-verify") ? LDAP_OPT_X_TLS_NEVER : LDAP_OPT_X_TLS_DEMAND;
	int minimum = LDAP_OPT_X_TLS_PROTOCOL_TLS1_2, server = 0;
	const char *ca = c->conf->ldap.ca;
	int rc = ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand);

	if (rc == LDAP_SUCCESS && ca[0] != '\0')
		rc = ldap_set_option(ld, LDAP_OPT_X_TLS_CACERTFILE, ca);
	if (rc == LDAP_SUCCESS)
		rc = ldap_set_option(ld, LDAP_OPT_X_TLS_PROTOCOL_MIN, &minimum);
	return rc == LDAP_SUCCESS ? ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &server) : rc;
}

static int
set_options(struct ldapc *c, LDAP *ld, uint64_t budget_ms)
{
	struct timeval tv = ldapc_timeval(budget_ms);
	ber_len_t max = MESSAGE_OCTETS_MAX;
	int version = LDAP_VERSION3, deref = LDAP_DEREF_NEVER;
	Sockbuf *sb = NULL;

	if (ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version) != LDAP_SUCCESS ||
	    ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) != LDAP_SUCCESS ||
	    ldap_set_option(ld, LDAP_OPT_DEREF, &deref) != LDAP_SUCCESS ||
	    ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &tv) != LDAP_SUCCESS ||
	    ldap_set_option(ld, LDAP_OPT_TIMEOUT, &tv) != LDAP_SUCCESS ||
	    ldap_get_option(ld, LDAP_OPT_SOCKBUF, &sb) != LDAP_SUCCESS)
		return LDAP_OTHER;
	if (sb != NULL)
		(void)ber_sockbuf_ctrl(sb, LBER_SB_OPT_SET_MAX_INCOMING, &max);
	return set_tls(c, ld);
}

/* A bind as anybody; the result code of LDAP, or ERR_UNAVAIL through *r_out. */
static int
bind_as(struct ldapc *c, struct ldapc_conn *conn, const char *dn, struct slice password, int *r_out)
{
	struct berval cred = { password.n, (char *)(uintptr_t)password.p };
	LDAPMessage *res = NULL;
	int msgid = -1, code = LDAP_OTHER;
	int rc = ldap_sasl_bind(conn->ld, dn, LDAP_SASL_SIMPLE, &cred, NULL, NULL, &msgid);

	*r_out = rc != LDAP_SUCCESS ? ldapc_fail(c, conn, rc) : receive(c, conn, msgid, &res);
	if (*r_out == OK &&
	    ldap_parse_result(conn->ld, res, &code, NULL, NULL, NULL, NULL, 0) != LDAP_SUCCESS)
		code = LDAP_OTHER;
	if (res != NULL)
		ldap_msgfree(res);
	return code;
}

static int
open_conn(struct ldapc *c, struct ldapc_conn *conn, size_t server, uint64_t budget_ms, bool service)
{
	const char *uri = ldapc_uri(c, server);
	int rc, r = OK;

	*conn = (struct ldapc_conn){ .server = server };
	c->step = "connect";
	rc = ldap_initialize(&conn->ld, uri);
	if (rc == LDAP_SUCCESS)
		rc = set_options(c, conn->ld, budget_ms);
	if (rc == LDAP_SUCCESS)
		rc = ldap_connect(conn->ld);
	if (rc == LDAP_SUCCESS && c->conf->ldap.starttls &&
	    slice_starts_nocase(slice_of(uri), SLICE("ldap://"))) {
		c->step = "starttls";
		rc = ldap_start_tls_s(conn->ld, NULL, NULL);
	}
	if (rc == LDAP_SUCCESS && service && c->conf->ldap.bind_dn[0] != '\0') {
		c->step = "bind";
		rc = bind_as(c, conn, c->conf->ldap.bind_dn,
		    (struct slice){ c->password, c->password_n }, &r);
	}
	if (r != OK)
		return r;
	return rc == LDAP_SUCCESS ? OK : ldapc_fail(c, conn, rc);
}

/* Servers in good standing first, each with its share of the time. */
int
ldapc_ready(struct ldapc *c, struct ldapc_conn *conn, bool service)
{
	size_t n = ldapc_servers(c), left = n;

	if (conn->ld != NULL)
		return OK;
	for (int avoided = 0; avoided <= 1; avoided++) {
		uint64_t now = clock_ms();
		bool skip[LDAPC_SERVERS_MAX];

		for (size_t i = 0; i < n; i++)
			skip[i] = (c->servers[i].avoid_until_ms > now) != (avoided == 1);
		for (size_t i = 0; i < n && left > 0; i++) {
			if (skip[i])
				continue;
			if (left_ms(c) == 0)
				return ERR_UNAVAIL;
			if (open_conn(c, conn, i, left_ms(c) / left, service) == OK) {
				c->servers[i].avoid_until_ms = 0;
				return OK;
			}
			left--;
		}
	}
	return ERR_UNAVAIL;
}

/* Is another attempt of an operation that failed on a connection worth it? */
static bool
again(const struct ldapc *c, int r, size_t *tries)
{
	return r == ERR_UNAVAIL && ++*tries <= ldapc_servers(c) && left_ms(c) > 0;
}

/* ---- results ---- */

static int
copy_values(LDAP *ld, LDAPMessage *m, const char *name, size_t max, struct arena *arena,
    struct entry_values *out)
{
	struct berval **v = ldap_get_values_len(ld, m, name);
	size_t n = v == NULL ? 0 : (size_t)ldap_count_values_len(v);

	n = n < max ? n : max;
	out->v = arena_array(arena, n, sizeof *out->v);
	out->n = 0;
	for (size_t i = 0; out->v != NULL && i < n; i++)
		if (v[i]->bv_len <= ENTRY_VALUE_OCTETS_MAX)
			out->v[out->n++] = arena_copy(arena,
			    (struct slice){ v[i]->bv_val, v[i]->bv_len });
	if (v != NULL)
		ldap_value_free_len(v);
	return arena->err;
}

int
ldapc_copy_entry(struct ldapc *c, LDAP *ld, LDAPMessage *m, unsigned want, struct arena *arena,
    struct entry *out)
{
	char *dn = ldap_get_dn(ld, m);
	int r;

	*out = (struct entry){ .dn = arena_copy(arena, slice_of(dn)) };
	ldap_memfree(dn);
	r = arena->err;
	for (unsigned a = 0; r == OK && a < ENTRY_ATTR_COUNT; a++) {
		bool members = (ENTRY_WANT_MEMBERS >> a & 1) != 0;

		if ((want >> a & 1) == 0)
			continue;
		r = copy_values(ld, m, entry_attr_name(c->conf, a),
		    members ? DIR_MEMBERS_MAX + 1 : ENTRY_VALUES_MAX, arena, &out->a[a]);
	}
	return r;
}

/* What the end of a search means: OK, or the connection is given up. */
static int
search_end(struct ldapc *c, struct ldapc_conn *conn, LDAPMessage *m, bool base_scope)
{
	int code = LDAP_OTHER;

	(void)ldap_parse_result(conn->ld, m, &code, NULL, NULL, NULL, NULL, 0);
	conn->reused = true;
	c->truncated = code == LDAP_SIZELIMIT_EXCEEDED;
	if (code == LDAP_SUCCESS || code == LDAP_SIZELIMIT_EXCEEDED)
		return OK;
	/* A member that has gone is no error; a search base that has gone is one. */
	if (base_scope && (code == LDAP_NO_SUCH_OBJECT || code == LDAP_INVALID_DN_SYNTAX))
		return OK;
	conn->reused = false;
	return ldapc_fail(c, conn, code);
}

struct collect {
	unsigned	   want;
	size_t		   limit;
	struct arena	  *arena;
	struct entry_list *out;
};

/* 1: the search is over. 0: more is to come. */
static int
take_message(struct ldapc *c, struct ldapc_conn *conn, LDAPMessage *m, const struct collect *to,
    bool base_scope)
{
	int r;

	switch (ldap_msgtype(m)) {
	case LDAP_RES_SEARCH_ENTRY:
		if (to->out->n == to->limit)
			return 0;
		return ldapc_copy_entry(c, conn->ld, m, to->want, to->arena,
		    &to->out->v[to->out->n++]);
	case LDAP_RES_SEARCH_RESULT:
		r = search_end(c, conn, m, base_scope);
		return r == OK ? 1 : r;
	default:
		return 0;	/* continuation references are not followed */
	}
}

static int
collect(struct ldapc *c, struct ldapc_conn *conn, int msgid, size_t searches,
    const struct collect *to, bool base_scope)
{
	int r = OK;

	while (searches > 0) {
		LDAPMessage *m = NULL;

		r = receive(c, conn, msgid, &m);
		if (r == OK) {
			r = take_message(c, conn, m, to, base_scope);
			ldap_msgfree(m);
		}
		if (r < 0)
			break;
		searches -= r == 1;
		r = OK;
	}
	/* Results not read would be met by the next search. */
	if (r != OK && conn->ld != NULL)
		drop(conn);
	return r;
}

void
ldapc_attributes(const struct ldapc *c, unsigned want, char *out[ENTRY_ATTR_COUNT + 1])
{
	size_t n = 0;

	for (unsigned a = 0; a < ENTRY_ATTR_COUNT; a++)
		if ((want >> a & 1) != 0)
			out[n++] = (char *)(uintptr_t)entry_attr_name(c->conf, a);
	out[n] = NULL;
}

static int
start_search(struct ldapc *c, struct ldapc_conn *conn, const char *base, int scope,
    const char *filter, unsigned want, int limit, int *msgid_out)
{
	char *attrs[ENTRY_ATTR_COUNT + 1];
	int rc;

	ldapc_attributes(c, want, attrs);
	rc = ldap_search_ext(conn->ld, base, scope, filter, attrs, 0, NULL, NULL, NULL, limit,
	    msgid_out);
	return rc == LDAP_SUCCESS ? OK : ldapc_fail(c, conn, rc);
}

static int
search(void *arg, const char *filter, unsigned want, size_t limit, struct arena *arena,
    struct entry_list *out)
{
	struct ldapc *c = arg;
	const struct collect to = { want, limit, arena, out };
	size_t tries = 0;
	int r, msgid;

	out->v = arena_array(arena, limit, sizeof *out->v);
	if (out->v == NULL)
		return arena->err;
	do {
		out->n = 0;
		r = ldapc_ready(c, &c->search, true);
		if (r == OK)
			r = start_search(c, &c->search, c->conf->ldap.base, LDAP_SCOPE_SUBTREE,
			    filter, want, (int)limit, &msgid);
		if (r == OK)
			r = collect(c, &c->search, msgid, 1, &to, false);
	} while (again(c, r, &tries));
	return r;
}

/* All at once on the wire, so a large group costs a few round trips, not one for each member. */
static int
fetch_once(struct ldapc *c, const struct slice *dns, size_t n, const struct collect *to)
{
	size_t started = 0;
	int r = ldapc_ready(c, &c->search, true);

	for (size_t i = 0; r == OK && i < n; i++) {
		char *dn = arena_cstr(to->arena, dns[i]);
		int msgid;

		if (dn == NULL)
			return to->arena->err;
		if (dns[i].n >= DN_CSTR_MAX || strlen(dn) != dns[i].n)
			continue;
		r = start_search(c, &c->search, dn, LDAP_SCOPE_BASE, "(objectClass=*)", to->want, 1,
		    &msgid);
		started += r == OK;
	}
	return r == OK ? collect(c, &c->search, LDAP_RES_ANY, started, to, true) : r;
}

static int
fetch(void *arg, const struct slice *dns, size_t n, unsigned want, struct arena *arena,
    struct entry_list *out)
{
	struct ldapc *c = arg;
	const struct collect to = { want, n, arena, out };
	size_t tries = 0;
	int r;

	out->v = arena_array(arena, n, sizeof *out->v);
	if (out->v == NULL || n > FETCH_LIMIT)
		return out->v == NULL ? arena->err : ERR_LIMIT;
	do {
		out->n = 0;
		r = fetch_once(c, dns, n, &to);
	} while (again(c, r, &tries));
	return r;
}

struct source
ldapc_source(struct ldapc *c)
{
	return (struct source){ .arg = c, .search = search, .fetch = fetch };
}

int
ldapc_read(struct ldapc *c, const char *dn, const char *attribute, struct arena *arena,
    struct entry_values *out)
{
	char *attrs[] = { (char *)(uintptr_t)attribute, NULL };
	int msgid, r = ldapc_ready(c, &c->search, true);
	bool over = false;
	int rc;

	*out = (struct entry_values){ 0 };
	if (r != OK)
		return r;
	rc = ldap_search_ext(c->search.ld, dn, LDAP_SCOPE_BASE, "(objectClass=*)", attrs, 0, NULL,
	    NULL, NULL, 1, &msgid);
	if (rc != LDAP_SUCCESS)
		return ldapc_fail(c, &c->search, rc);
	while (r == OK && !over) {
		LDAPMessage *m = NULL;

		r = receive(c, &c->search, msgid, &m);
		if (r != OK)
			break;
		if (ldap_msgtype(m) == LDAP_RES_SEARCH_ENTRY)
			r = copy_values(c->search.ld, m, attribute, DIR_MEMBERS_MAX, arena, out);
		else if (ldap_msgtype(m) == LDAP_RES_SEARCH_RESULT) {
			r = search_end(c, &c->search, m, false);
			over = true;
		}
		ldap_msgfree(m);
	}
	return r;
}

bool
ldapc_truncated(const struct ldapc *c)
{
	return c->truncated;
}

/* ---- passwords ---- */

/* Which answers say that the password is not right, and nothing about the server's state. */
static bool
is_refusal(int code)
{
	switch (code) {
	case LDAP_INVALID_CREDENTIALS: case LDAP_NO_SUCH_OBJECT: case LDAP_INAPPROPRIATE_AUTH:
	case LDAP_INSUFFICIENT_ACCESS: case LDAP_CONSTRAINT_VIOLATION: case LDAP_INVALID_DN_SYNTAX:
	case LDAP_UNWILLING_TO_PERFORM:
		return true;
	default:
		return false;
	}
}

int
ldapc_bind(struct ldapc *c, struct slice dn, struct slice password)
{
	char name[DN_CSTR_MAX];
	size_t tries = 0;
	int code = LDAP_OTHER, r;

	if (dn.n == 0 || dn.n >= sizeof name ||
	    (password.n == 0 && !control_off("empty-password")))
		return ERR_AUTH;
	memcpy(name, dn.p, dn.n);
	name[dn.n] = '\0';
	do {
		r = ldapc_ready(c, &c->bind, false);
		if (r == OK)
			code = bind_as(c, &c->bind, name, password, &r);
		if (r == OK && code != LDAP_SUCCESS && !is_refusal(code))
			r = ldapc_fail(c, &c->bind, code);
	} while (again(c, r, &tries));
	if (r != OK)
		return r;
	c->bind.reused = true;
	return code == LDAP_SUCCESS ? OK : ERR_AUTH;
}

/* ---- test ---- */

int
ldapc_probe(struct ldapc *c, size_t i, const char **step_out, const char **text_out)
{
	struct ldapc_conn conn;
	int r = open_conn(c, &conn, i, left_ms(c), true);

	*step_out = c->step;
	*text_out = r == OK ? "ok" : ldap_err2string(c->rc);
	drop(&conn);
	return r;
}
