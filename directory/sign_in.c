/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/sign_in.h"

#include <stdlib.h>
#include <string.h>
#include <sasl/sasl.h>
#include <sasl/saslplug.h>
#include <sodium.h>

#include "common/clock.h"
#include "common/control.h"
#include "common/utf8.h"
#include "directory/address.h"
#include "directory/lookup.h"

enum { WHO_OCTETS_MAX = 320, SECRET_OCTETS_MAX = 1024, STRENGTH_OF_TLS = 256 };

typedef int (*callback_fn)(void);	/* as <sasl/sasl.h> wants them */

/* The mechanisms and the plugins that bring them; SCRAM, EXTERNAL and GSSAPI will be rows here. */
static const struct {
	const char *name, *plugin;
} mechanisms[] = {
	{ "PLAIN", "libplain." }, { "LOGIN", "liblogin." },
};

/* One exchange. What the callbacks found is the truth, whatever SASL makes of it. */
struct conversation {
	uint64_t	    id;		/* 0: free */
	uint64_t	    touched_ms;
	sasl_conn_t	   *sasl;
	sasl_callback_t	    callbacks[4];
	struct sign_in	   *owner;
	unsigned	    zone;
	char		    who[WHO_OCTETS_MAX + 1];
	struct arena	   *arena;	/* of the step being made */
	bool		    decided;
	int		    err;	/* decided: why there is no outcome */
	unsigned	    outcome;	/* decided and err OK */
	struct entry	    entry;
	struct dir_account  account;
};

struct sign_in {
	const struct conf *conf;
	struct ldapc	  *ldap;
	struct agencies	  *agencies;
	sasl_conn_t	  *list;	/* only asked for mechanisms */
	struct conversation v[SIGN_IN_CONVERSATIONS];
};

/* ---- what the library asks ---- */

static int
on_option(void *context, const char *plugin, const char *option, const char **result,
    unsigned *len)
{
	/* After the password callback refused, the library would go on with "pwcheck_method": there
	 * is none by this name, and no store of properties but our empty one. */
	static const char *const options[][2] = {
		{ "mech_list", "PLAIN LOGIN" }, { "pwcheck_method", "none" },
		{ "auxprop_plugin", "congvu" }, { "auto_transition", "no" },
		{ "sasldb_path", "/nonexistent" }, { "log_level", "0" },
	};

	(void)context;
	(void)plugin;
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (strcmp(option, options[i][0]) == 0) {
			*result = options[i][1];
			if (len != NULL)
				*len = (unsigned)strlen(*result);
			return SASL_OK;
		}
	return SASL_FAIL;
}

static int
on_log(void *context, int level, const char *message)
{
	(void)context;
	(void)level;
	(void)message;	/* may hold what a client typed */
	return SASL_OK;
}

static int
on_conf_path(void *context, char **path)
{
	(void)context;
	*path = strdup("/nonexistent");
	return *path == NULL ? SASL_NOMEM : SASL_OK;
}

static int
on_file(void *context, const char *file, sasl_verify_type_t type)
{
	const char *base = strrchr(file, '/');

	(void)context;
	base = base == NULL ? file : base + 1;
	for (size_t i = 0; type == SASL_VRFY_PLUGIN && i < ARRAY_LEN(mechanisms); i++)
		if (strncmp(base, mechanisms[i].plugin, strlen(mechanisms[i].plugin)) == 0)
			return SASL_OK;
	return SASL_CONTINUE;
}

/* Properties of users, such as stored secrets: we have none (yet, and never plaintext ones). */
static int
no_properties(void *context, sasl_server_params_t *params, unsigned flags, const char *user,
    unsigned user_n)
{
	(void)context;
	(void)params;
	(void)flags;
	(void)user;
	(void)user_n;
	return SASL_OK;
}

static int
on_auxprop(const sasl_utils_t *utils, int max, int *version, sasl_auxprop_plug_t **plug,
    const char *name)
{
	static char own_name[] = "congvu";
	static sasl_auxprop_plug_t own = { .name = own_name, .auxprop_lookup = no_properties };

	(void)utils;
	(void)name;
	if (max < SASL_AUXPROP_PLUG_VERSION)
		return SASL_BADVERS;
	*version = SASL_AUXPROP_PLUG_VERSION;
	*plug = &own;
	return SASL_OK;
}

/* Names go on as they are; what is no plain text stops here, before the library trims it. */
static int
on_name(sasl_conn_t *conn, void *context, const char *in, unsigned in_n, unsigned flags,
    const char *realm, char *out, unsigned max, unsigned *out_n)
{
	(void)conn;
	(void)context;
	(void)flags;
	(void)realm;
	if (in_n > WHO_OCTETS_MAX || in_n >= max || !utf8_is_safe((struct slice){ in, in_n }))
		return SASL_BADPROT;
	memcpy(out, in, in_n);
	*out_n = in_n;
	return SASL_OK;
}

/* ---- passwords ---- */

static int
decide(struct conversation *v, int err, unsigned outcome)
{
	v->decided = true;
	v->err = err;
	v->outcome = outcome;
	return err == OK && outcome == DIR_AUTH_OK ? SASL_OK : SASL_BADAUTH;
}

/* As long as the bind of an entry that exists: to a name below the same base that nobody has. */
static int
bind_nobody(struct conversation *v, struct slice password)
{
	struct buf dn;
	int r;

	buf_init(&dn, 1024);
	buf_adds(&dn, "cn=congvu-nobody,");
	buf_adds(&dn, v->owner->conf->ldap.base);
	r = ldapc_bind(v->owner->ldap, buf_slice(&dn), password);
	buf_fini(&dn);
	return r == OK ? ERR_AUTH : r;
}

static bool
zone_allowed(const struct conversation *v)
{
	unsigned bit = v->zone == ZONE_INTERNAL ? DIR_ZONE_INTERNAL : DIR_ZONE_INTERNET;

	return (v->account.zones & bit) != 0 || control_off("account-zone");
}

static int
check(struct conversation *v, struct slice name, struct slice password)
{
	struct lookup l = { v->owner->conf, ldapc_source(v->owner->ldap), v->arena,
		v->owner->agencies };
	const char *why;
	int r;

	if (name.n == 0 || name.n > WHO_OCTETS_MAX || !utf8_is_safe(name) ||
	    password.n > SECRET_OCTETS_MAX)
		return decide(v, OK, DIR_AUTH_BAD);
	memcpy(v->who, name.p, name.n);
	r = lookup_sign_in(&l, name, &v->entry);
	if (r == ERR_NOENT)
		r = bind_nobody(v, password);
	else if (r == OK)
		r = ldapc_bind(v->owner->ldap, v->entry.dn, password);
	if (r == ERR_AUTH)
		return decide(v, OK, DIR_AUTH_BAD);
	if (r == OK) {
		r = lookup_make_account(&l, &v->entry, &v->account, &why);
		if (r == ERR_CORRUPT)
			r = lookup_odd(&v->entry, why);
	}
	if (r != OK)
		return decide(v, r, 0);
	if (v->account.status != DIR_ACTIVE && !control_off("account-status"))
		return decide(v, OK, DIR_AUTH_DISABLED);
	return decide(v, OK, zone_allowed(v) ? DIR_AUTH_OK : DIR_AUTH_ZONE);
}

static int
on_password(sasl_conn_t *conn, void *context, const char *user, const char *pass, unsigned passlen,
    struct propctx *properties)
{
	(void)conn;
	(void)properties;
	return check(context, slice_of(user), (struct slice){ pass, passlen });
}

/* Acting as somebody else is refused; the own names are the own identity. */
static int
on_authorize(sasl_conn_t *conn, void *context, const char *requested, unsigned rlen,
    const char *identity, unsigned alen, const char *realm, unsigned urlen,
    struct propctx *properties)
{
	struct conversation *v = context;
	struct slice want = { requested, rlen }, address;

	(void)conn;
	(void)realm;
	(void)urlen;
	(void)properties;
	if (!v->decided || v->err != OK || v->outcome != DIR_AUTH_OK)
		return SASL_BADAUTH;
	if (slice_eq(want, (struct slice){ identity, alen }) ||
	    slice_eq_nocase(want, v->account.uid) || control_off("authzid"))
		return SASL_OK;
	if (address_canon(want, v->arena, &address) == OK &&
	    entry_has_address(&v->entry, address, v->arena))
		return SASL_OK;
	(void)decide(v, OK, DIR_AUTH_BAD);
	return SASL_BADAUTH;
}

/* ---- life ---- */

static void
end(struct conversation *v)
{
	if (v->sasl != NULL)
		sasl_dispose(&v->sasl);
	*v = (struct conversation){ 0 };
}

int
sign_in_new(const struct conf *conf, struct ldapc *ldap, struct agencies *agencies,
    struct sign_in **out)
{
	static const sasl_callback_t callbacks[] = {
		{ SASL_CB_GETOPT, (callback_fn)(void *)on_option, NULL },
		{ SASL_CB_LOG, (callback_fn)(void *)on_log, NULL },
		{ SASL_CB_GETCONFPATH, (callback_fn)(void *)on_conf_path, NULL },
		{ SASL_CB_VERIFYFILE, (callback_fn)(void *)on_file, NULL },
		{ SASL_CB_LIST_END, NULL, NULL },
	};
	struct sign_in *s = calloc(1, sizeof *s);

	if (s == NULL)
		return ERR_NOMEM;
	s->conf = conf;
	s->agencies = agencies;
	s->ldap = ldap;
	*out = s;
	if (sasl_auxprop_add_plugin("congvu", on_auxprop) == SASL_OK &&
	    sasl_server_init(callbacks, "congvu") == SASL_OK &&
	    sasl_server_new("congvu", conf->general.hostname, NULL, NULL, NULL, NULL, 0,
	    &s->list) == SASL_OK && sign_in_mechanisms(s).n > 0)
		return OK;
	sign_in_free(out);
	return ERR_CONF;
}

void
sign_in_free(struct sign_in **s)
{
	if (*s == NULL)
		return;
	for (size_t i = 0; i < SIGN_IN_CONVERSATIONS; i++)
		end(&(*s)->v[i]);
	if ((*s)->list != NULL)
		sasl_dispose(&(*s)->list);
	free(*s);
	*s = NULL;
	sasl_server_done();
}

static bool
set_security(sasl_conn_t *conn)
{
	static const sasl_security_properties_t none = { .max_ssf = 0 };
	static const sasl_ssf_t tls = STRENGTH_OF_TLS;

	return sasl_setprop(conn, SASL_SEC_PROPS, &none) == SASL_OK &&
	    sasl_setprop(conn, SASL_SSF_EXTERNAL, &tls) == SASL_OK;
}

struct slice
sign_in_mechanisms(struct sign_in *s)
{
	const char *list = NULL;
	unsigned n = 0;

	if (!set_security(s->list) ||
	    sasl_listmech(s->list, NULL, "", " ", "", &list, &n, NULL) != SASL_OK)
		return (struct slice){ NULL, 0 };
	return (struct slice){ list, n };
}

static struct conversation *
find(struct sign_in *s, uint64_t id)
{
	for (size_t i = 0; i < SIGN_IN_CONVERSATIONS; i++)
		if (s->v[i].id == id)
			return &s->v[i];
	return NULL;
}

static struct conversation *
begin(struct sign_in *s, const struct dir_auth_request *q)
{
	struct conversation *v = &s->v[0];

	for (size_t i = 1; i < SIGN_IN_CONVERSATIONS; i++)
		if (s->v[i].touched_ms < v->touched_ms)
			v = &s->v[i];
	end(v);
	randombytes_buf(&v->id, sizeof v->id);
	v->id |= 1;
	v->owner = s;
	v->zone = q->zone;
	v->callbacks[0] = (sasl_callback_t){ SASL_CB_SERVER_USERDB_CHECKPASS,
		(callback_fn)(void *)on_password, v };
	v->callbacks[1] = (sasl_callback_t){ SASL_CB_PROXY_POLICY,
		(callback_fn)(void *)on_authorize, v };
	v->callbacks[2] = (sasl_callback_t){ SASL_CB_CANON_USER, (callback_fn)(void *)on_name, v };
	v->callbacks[3] = (sasl_callback_t){ SASL_CB_LIST_END, NULL, NULL };
	if (sasl_server_new("congvu", s->conf->general.hostname, NULL, NULL, NULL, v->callbacks, 0,
	    &v->sasl) == SASL_OK && set_security(v->sasl))
		return v;
	end(v);
	return NULL;
}

static bool
is_offered(struct sign_in *s, struct slice mechanism)
{
	struct slice list = sign_in_mechanisms(s), one;

	do {
		(void)slice_cut(&list, ' ', &one);
		if (one.n > 0 && slice_eq_nocase(one, mechanism))
			return true;
	} while (list.n > 0 && one.n > 0);
	return false;
}

/* ---- steps ---- */

static int
succeed(struct conversation *v, struct dir_auth_reply *reply)
{
	struct lookup l = { v->owner->conf, ldapc_source(v->owner->ldap), v->arena,
		v->owner->agencies };

	reply->account = arena_alloc(v->arena, sizeof *reply->account);
	if (reply->account == NULL)
		return v->arena->err;
	*reply->account = v->account;
	reply->account_n = 1;
	return lookup_identities(&l, &v->entry, &reply->identities, &reply->identities_n);
}

/* The exchange is over. SASL's code counts only where no callback decided: then the client's data
 * was malformed, or it gave up. */
static int
finish(struct conversation *v, int code, struct dir_auth_reply *reply)
{
	if (!v->decided)
		return code == SASL_NOMEM ? ERR_NOMEM : OK;
	if (v->err != OK && !control_off("sasl-outcome"))
		return v->err;
	reply->outcome = (uint8_t)v->outcome;
	if (reply->outcome == DIR_AUTH_OK && code != SASL_OK)
		reply->outcome = DIR_AUTH_BAD;
	return reply->outcome == DIR_AUTH_OK ? succeed(v, reply) : OK;
}

static int
step(struct conversation *v, const struct dir_auth_request *q, struct dir_auth_reply *reply)
{
	const char *data = q->has_data || q->conversation != 0 ?
	    (q->data.n > 0 ? q->data.p : "") : NULL;
	char mechanism[SASL_MECHNAMEMAX + 1] = "";
	const char *out = NULL;
	unsigned out_n = 0;
	int code;

	memcpy(mechanism, q->mechanism.p == NULL ? "" : q->mechanism.p,
	    q->mechanism.n < sizeof mechanism ? q->mechanism.n : 0);
	if (q->conversation == 0)
		code = sasl_server_start(v->sasl, mechanism, data,
		    data == NULL ? 0 : (unsigned)q->data.n, &out, &out_n);
	else
		code = sasl_server_step(v->sasl, data, (unsigned)q->data.n, &out, &out_n);
	if (out_n > 0)
		reply->challenge = arena_copy(v->arena, (struct slice){ out, out_n });
	if (code != SASL_CONTINUE)
		return finish(v, code, reply);
	reply->outcome = DIR_AUTH_CONTINUE;
	reply->conversation = v->id;
	return v->arena->err;
}

int
sign_in_step(struct sign_in *s, const struct dir_auth_request *q, struct arena *arena,
    struct job_auth_reply *out)
{
	struct conversation *v;
	int r;

	*out = (struct job_auth_reply){ .reply = arena_alloc(arena, sizeof *out->reply) };
	if (out->reply == NULL)
		return arena->err;
	out->reply_n = 1;
	out->reply->outcome = DIR_AUTH_BAD;
	if (q->conversation == 0 && !is_offered(s, q->mechanism)) {
		out->reply->outcome = DIR_AUTH_MECHANISM;
		return OK;
	}
	v = q->conversation == 0 ? begin(s, q) : find(s, q->conversation);
	if (v == NULL)
		return q->conversation == 0 ? ERR_NOMEM : OK;
	if (q->conversation != 0 && clock_ms() - v->touched_ms > SIGN_IN_LIFE_MS) {
		end(v);
		return OK;
	}
	v->touched_ms = clock_ms();
	v->arena = arena;
	r = step(v, q, out->reply);
	out->who = arena_copy(arena, slice_of(v->who));
	v->arena = NULL;
	if (r != OK || out->reply->outcome != DIR_AUTH_CONTINUE)
		end(v);
	return r == OK ? arena->err : r;
}
