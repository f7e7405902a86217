/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/ldapc_sync.h"

#include "directory/ldapc_internal.h"

enum { VALUES_MAX = 512 };

int
ldapc_sync_offered(struct ldapc *c, struct arena *arena, bool *out)
{
	struct entry_values v;
	int r = ldapc_read(c, "", "supportedControl", arena, &v);

	*out = false;
	for (size_t i = 0; r == OK && i < v.n && i < VALUES_MAX; i++)
		*out = *out || slice_is(v.v[i], SYNC_OID_REQUEST);
	return r;
}

static int
failed(struct ldapc *c, int rc)
{
	c->sync_id = c->probe_id = 0;
	return ldapc_fail(c, &c->search, rc);
}

int
ldapc_sync_start(struct ldapc *c, const char *filter, unsigned want, const struct slice *cookie)
{
	char *attrs[ENTRY_ATTR_COUNT + 1];
	char oid[] = SYNC_OID_REQUEST;
	LDAPControl control = { .ldctl_oid = oid, .ldctl_iscritical = 1 };
	LDAPControl *controls[] = { &control, NULL };
	struct buf value;
	int rc, r = ldapc_ready(c, &c->search, true);

	if (r != OK)
		return r;
	buf_init(&value, 2 * SYNC_COOKIE_MAX);
	c->plain = cookie == NULL;
	if (!c->plain)
		sync_request(*cookie, &value);
	control.ldctl_value = (struct berval){ value.n, value.p };
	ldapc_attributes(c, want, attrs);
	c->probe_id = 0;
	rc = value.err != OK ? LDAP_NO_MEMORY : ldap_search_ext(c->search.ld, c->conf->ldap.base,
	    LDAP_SCOPE_SUBTREE, filter, attrs, 0, c->plain ? NULL : controls, NULL, NULL,
	    LDAP_NO_LIMIT, &c->sync_id);
	buf_fini(&value);
	return rc == LDAP_SUCCESS ? OK : failed(c, rc);
}

bool
ldapc_sync_open(const struct ldapc *c)
{
	return c->search.ld != NULL && c->sync_id != 0;
}

size_t
ldapc_sync_server(const struct ldapc *c)
{
	return c->search.server;
}

/* ---- words ---- */

static int
take_state(LDAP *ld, LDAPMessage *m, struct arena *arena, struct sync_state *out)
{
	LDAPControl **controls = NULL, *found;
	int r = ERR_SYNTAX;

	if (ldap_get_entry_controls(ld, m, &controls) != LDAP_SUCCESS || controls == NULL)
		return ERR_SYNTAX;
	found = ldap_control_find(SYNC_OID_STATE, controls, NULL);
	if (found != NULL)
		r = sync_parse_state(arena_copy(arena, (struct slice){ found->ldctl_value.bv_val,
		    found->ldctl_value.bv_len }), out);
	ldap_controls_free(controls);
	return arena->err != OK ? arena->err : r;
}

static int
take_entry(struct ldapc *c, LDAPMessage *m, unsigned want, struct arena *arena,
    struct ldapc_sync_word *out)
{
	int r = c->plain ? OK : take_state(c->search.ld, m, arena, &out->state);

	out->kind = LDAPC_SYNC_ENTRY;
	if (r == OK)
		r = ldapc_copy_entry(c, c->search.ld, m, want, arena, &out->entry);
	return r == OK ? 1 : r;
}

static int
take_info(struct ldapc *c, LDAPMessage *m, struct arena *arena, struct ldapc_sync_word *out)
{
	struct berval *data = NULL;
	char *oid = NULL;
	int r = 0, rc = ldap_parse_intermediate(c->search.ld, m, &oid, &data, NULL, 0);

	out->kind = LDAPC_SYNC_INFO;
	if (rc != LDAP_SUCCESS)
		r = ERR_SYNTAX;
	else if (oid != NULL && data != NULL && slice_is(slice_of(oid), SYNC_OID_INFO)) {
		r = sync_parse_info(arena_copy(arena, (struct slice){ data->bv_val,
		    data->bv_len }), &out->info);
		r = arena->err != OK ? arena->err : r == OK ? 1 : r;
	}
	ldap_memfree(oid);
	ber_bvfree(data);
	return r;
}

static enum ldapc_sync_end
end_of(int code)
{
	switch (code) {
	case LDAP_SUCCESS:
		return LDAPC_SYNC_OVER;
	case LDAP_SYNC_REFRESH_REQUIRED:
		return LDAPC_SYNC_STALE;
	case LDAP_UNAVAILABLE_CRITICAL_EXTENSION: case LDAP_UNWILLING_TO_PERFORM:
	case LDAP_SIZELIMIT_EXCEEDED: case LDAP_TIMELIMIT_EXCEEDED: case LDAP_ADMINLIMIT_EXCEEDED:
	case LDAP_INSUFFICIENT_ACCESS: case LDAP_PROTOCOL_ERROR:
		return LDAPC_SYNC_REFUSED;
	default:
		return LDAPC_SYNC_BROKEN;
	}
}

static int
take_result(struct ldapc *c, LDAPMessage *m, struct ldapc_sync_word *out)
{
	int code = LDAP_OTHER;

	if (ldap_msgid(m) == c->probe_id) {
		c->probe_id = 0;
		return 0;
	}
	if (ldap_parse_result(c->search.ld, m, &code, NULL, NULL, NULL, NULL, 0) != LDAP_SUCCESS)
		code = LDAP_OTHER;
	c->sync_id = 0;
	*out = (struct ldapc_sync_word){ .kind = LDAPC_SYNC_DONE, .end = end_of(code),
		.why = ldap_err2string(code) };
	return 1;
}

static int
take(struct ldapc *c, LDAPMessage *m, unsigned want, struct arena *arena,
    struct ldapc_sync_word *out)
{
	bool ours = ldap_msgid(m) == c->sync_id;

	switch (ldap_msgtype(m)) {
	case LDAP_RES_SEARCH_ENTRY:
		return ours ? take_entry(c, m, want, arena, out) : 0;
	case LDAP_RES_INTERMEDIATE:
		return ours ? take_info(c, m, arena, out) : 0;
	case LDAP_RES_SEARCH_RESULT:
		return take_result(c, m, out);
	default:
		return 0;	/* continuation references are not followed */
	}
}

int
ldapc_sync_next(struct ldapc *c, unsigned want, uint64_t wait_ms, struct arena *arena,
    struct ldapc_sync_word *out)
{
	struct timeval tv = ldapc_timeval(wait_ms);
	LDAPMessage *m = NULL;
	int r, type = ldap_result(c->search.ld, LDAP_RES_ANY, LDAP_MSG_ONE, &tv, &m);

	if (type == 0)
		return 0;
	if (type < 0)
		return failed(c, ldapc_api_error(c->search.ld));
	c->search.reused = true;
	r = take(c, m, want, arena, out);
	ldap_msgfree(m);
	return r < 0 ? failed(c, LDAP_DECODING_ERROR) : r;
}

/* ---- life ---- */

int
ldapc_sync_probe(struct ldapc *c)
{
	char none[] = LDAP_NO_ATTRS, *attrs[] = { none, NULL };
	int rc = ldap_search_ext(c->search.ld, "", LDAP_SCOPE_BASE, "(objectClass=*)", attrs, 0,
	    NULL, NULL, NULL, 1, &c->probe_id);

	return rc == LDAP_SUCCESS ? OK : failed(c, rc);
}

bool
ldapc_sync_alive(const struct ldapc *c)
{
	return c->probe_id == 0;
}

void
ldapc_sync_dead(struct ldapc *c)
{
	(void)failed(c, LDAP_TIMEOUT);
}
