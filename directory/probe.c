/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/probe.h"

#include "common/clock.h"
#include "common/words.h"
#include "directory/address.h"
#include "directory/lookup.h"

enum { STEPS_MAX = 32, DETAIL_OCTETS_MAX = 1000 };

struct probe {
	struct lookup	      l;
	struct ldapc	     *ldap;
	uint64_t	      began_ms;
	struct dir_test_reply *out;
	struct entry	      entry;
	struct dir_account    account;
};

static void PRINTF_LIKE(4, 5)
note(struct probe *p, const char *name, bool ok, const char *fmt, ...)
{
	struct buf text;
	va_list ap;

	buf_init(&text, DETAIL_OCTETS_MAX);
	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	if (p->out->steps_n < STEPS_MAX)
		p->out->steps[p->out->steps_n++] = (struct dir_test_step){
			.name = slice_of(name), .ok = ok,
			.ms = (uint32_t)(clock_ms() - p->began_ms),
			.detail = arena_copy(p->l.arena, buf_slice(&text)) };
	if (!ok)
		p->out->ok = 0;
	buf_fini(&text);
	p->began_ms = clock_ms();
}

static bool
try_servers(struct probe *p, uint64_t budget_ms)
{
	bool any = false;

	for (size_t i = 0; i < ldapc_servers(p->ldap); i++) {
		const char *step, *text;
		int r;

		ldapc_begin(p->ldap, budget_ms);
		r = ldapc_probe(p->ldap, i, &step, &text);
		note(p, "server", r == OK, "%s: %s: %s", ldapc_uri(p->ldap, i), step, text);
		any = any || r == OK;
	}
	ldapc_begin(p->ldap, budget_ms);
	return any;
}

static bool
try_schema(struct probe *p)
{
	struct entry_values sub, classes = { 0 };
	struct slice name = slice_of(p->l.conf->ldap.account_class);
	char *dn = NULL;
	bool there = false;
	int r = ldapc_read(p->ldap, "", "subschemaSubentry", p->l.arena, &sub);

	if (r == OK && sub.n > 0)
		dn = arena_cstr(p->l.arena, sub.v[0]);
	if (dn != NULL)
		r = ldapc_read(p->ldap, dn, "objectClasses", p->l.arena, &classes);
	for (size_t i = 0; i < classes.n && !there; i++)
		there = slice_find_nocase(classes.v[i], name) >= 0;
	/* A server may keep its schema to itself; whether accounts are there is seen below. */
	note(p, "schema", r == OK && (there || classes.n == 0), "object class %s: %s",
	    p->l.conf->ldap.account_class, r != OK ? err_text(r) : there ? "known" :
	    classes.n == 0 ? "the server does not show its schema" :
	    "not in the schema of this server");
	return r == OK;
}

static bool
try_account(struct probe *p, struct slice user)
{
	const char *why = NULL;
	int r = lookup_sign_in(&p->l, user, &p->entry);

	note(p, "find", r == OK, "%.*s", (int)(r == OK ? p->entry.dn.n : 0), p->entry.dn.p);
	if (r == ERR_NOENT)
		note(p, "find", false, "no entry, or more than one, has this name or address");
	if (r != OK)
		return false;
	r = lookup_make_account(&p->l, &p->entry, &p->account, &why);
	note(p, "entry", r == OK, "%s", r == OK ? "is a usable account" : why != NULL ? why :
	    err_text(r));
	return r == OK;
}

static bool
is_limit(const struct probe *p, enum entry_attr attr)
{
	struct slice text = entry_first(&p->entry, attr);
	uint64_t v;

	return text.n == 0 || slice_u64(text, UINT64_MAX / 2, &v) == OK;
}

static void
try_quota(struct probe *p)
{
	const struct st_quota *q = &p->account.quota;

	note(p, "quota", is_limit(p, ENTRY_QUOTA) && is_limit(p, ENTRY_QUOTA_MESSAGES),
	    "%llu octets, %llu messages", (unsigned long long)q->octets,
	    (unsigned long long)q->messages);
	if (q->group.n > 0)
		note(p, "agency", true, "%llu octets, %llu messages, with all accounts below it",
		    (unsigned long long)q->group_octets, (unsigned long long)q->group_messages);
}

static void
try_attributes(struct probe *p)
{
	static const char *const states[] = { "active", "locked", "withdrawn" };
	const struct dir_account *a = &p->account;
	struct slice given;
	unsigned level;

	note(p, "address", conf_is_local_domain(p->l.conf, address_domain(a->address)),
	    "%.*s", (int)a->address.n, a->address.p);
	note(p, "status", a->status == DIR_ACTIVE, "%s", states[a->status]);
	given = slice_trim(entry_first(&p->entry, ENTRY_CLEARANCE));
	note(p, "clearance", p->entry.a[ENTRY_CLEARANCE].n <= 1 &&
	    (given.n == 0 || word_value(WORD_level, given, &level) == OK), "%s",
	    level_name(a->clearance));
	note(p, "zones", a->zones != 0, "%s%s",
	    a->zones & DIR_ZONE_INTERNAL ? "internal " : "",
	    a->zones & DIR_ZONE_INTERNET ? "internet" : "");
}

static void
try_identities(struct probe *p)
{
	struct dir_rcpt_reply rcpt;
	struct dir_identity *ids;
	struct dir_cert *certs;
	size_t n, certs_n = 0;
	int r = entry_certs(&p->entry, p->l.arena, &certs, &certs_n);

	note(p, "certificates", r == OK, "%zu usable of %zu", certs_n, p->entry.a[ENTRY_CERT].n);
	r = lookup_identities(&p->l, &p->entry, &ids, &n);
	note(p, "identities", r == OK, "%zu addresses for From", r == OK ? n : 0);
	r = lookup_rcpt(&p->l, p->account.address, &rcpt);
	note(p, "receives", r == OK && rcpt.outcome == DIR_RCPT_LOCAL, "%s",
	    r != OK ? err_text(r) : rcpt.outcome == DIR_RCPT_LOCAL ? "yes" : "no");
}

int
probe_run(const struct conf *conf, struct ldapc *ldap, struct agencies *agencies,
    struct slice user, uint64_t budget_ms, struct arena *arena, struct dir_test_reply *out)
{
	struct probe p = { .l = { conf, ldapc_source(ldap), arena, agencies }, .ldap = ldap,
		.began_ms = clock_ms(), .out = out };

	*out = (struct dir_test_reply){ .ok = 1,
		.steps = arena_array(arena, STEPS_MAX, sizeof *out->steps) };
	if (out->steps == NULL)
		return arena->err;
	if (try_servers(&p, budget_ms) && try_schema(&p) && try_account(&p, user)) {
		try_attributes(&p);
		try_quota(&p);
		try_identities(&p);
	}
	return arena->err;
}
