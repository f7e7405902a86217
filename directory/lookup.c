/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/lookup.h"

#include "common/log.h"
#include "common/utf8.h"
#include "directory/address.h"
#include "directory/filter.h"

enum { IDENTITIES_MAX = 64, OWN_ADDRESSES_MAX = 32, SEND_AS_MAX = 32, SUBJECT_OCTETS_MAX = 1024 };

int
lookup_odd(const struct entry *e, const char *why)
{
	log_event(EV_DIRECTORY_ODD, F_STR("entry", e->dn), F_CSTR("reason", why), F_END);
	return ERR_CORRUPT;
}

int
lookup_make_account(struct lookup *l, const struct entry *e, struct dir_account *out,
    const char **why_out)
{
	int r = entry_account(e, l->arena, out, why_out);

	return r == OK ? agencies_of(l->agencies, &l->source, e->dn, l->arena, &out->quota) : r;
}

static void
filter_account_class(struct lookup *l, struct buf *b)
{
	filter_equals(b, "objectClass", slice_of(l->conf->ldap.account_class));
}

/* mail=a or alias=a, without brackets around. */
static void
filter_address(struct lookup *l, struct buf *b, struct slice a)
{
	filter_equals(b, l->conf->ldap.attr_mail, a);
	filter_equals(b, l->conf->ldap.attr_alias, a);
}

static int
search(struct lookup *l, struct buf *filter, unsigned want, size_t limit, struct entry_list *out)
{
	const char *text = buf_cstr(filter);
	int r = text == NULL ? filter->err :
	    l->source.search(l->source.arg, text, want, limit, l->arena, out);

	buf_fini(filter);
	return r;
}

/* ---- recipients ---- */

static int
search_address(struct lookup *l, struct slice address, struct slice base, struct entry_list *out)
{
	static const char *const groups[] = { "groupOfNames", "groupOfUniqueNames", "posixGroup",
		"congvuGroup" };
	struct buf f;

	buf_init(&f, FILTER_OCTETS_MAX);
	filter_open(&f, '&');
	filter_open(&f, '|');
	filter_account_class(l, &f);
	for (size_t i = 0; i < ARRAY_LEN(groups); i++)
		filter_equals(&f, "objectClass", slice_of(groups[i]));
	filter_close(&f);
	filter_open(&f, '|');
	filter_address(l, &f, address);
	if (base.n > 0)
		filter_address(l, &f, base);
	filter_close(&f);
	filter_close(&f);
	return search(l, &f, ENTRY_WANT_ACCOUNT | ENTRY_WANT_MEMBERS, 4, out);
}

/* 1 and *out: the only owner of the address; 0: nobody; ERR_CORRUPT: several. */
static int
owner_of(struct lookup *l, const struct entry_list *found, struct slice address,
    const struct entry **out)
{
	*out = NULL;
	for (size_t i = 0; address.n > 0 && i < found->n; i++) {
		if (!entry_has_address(&found->v[i], address, l->arena))
			continue;
		if (*out != NULL)
			return lookup_odd(*out, "its address has another owner too");
		*out = &found->v[i];
	}
	return *out != NULL;
}

static int
answer_account(struct lookup *l, const struct entry *e, struct dir_rcpt_reply *out)
{
	const char *why;
	int r;

	out->accounts = arena_alloc(l->arena, sizeof *out->accounts);
	if (out->accounts == NULL)
		return l->arena->err;
	r = lookup_make_account(l, e, out->accounts, &why);
	if (r == ERR_CORRUPT)
		return lookup_odd(e, why);
	if (r != OK)
		return r;
	if (out->accounts->status != DIR_ACTIVE) {
		out->outcome = DIR_RCPT_DISABLED;
		return OK;
	}
	out->outcome = DIR_RCPT_LOCAL;
	out->accounts_n = 1;
	return OK;
}

int
lookup_rcpt(struct lookup *l, struct slice address, struct dir_rcpt_reply *out)
{
	struct slice a, base = { NULL, 0 };
	struct entry_list found = { 0 };
	const struct entry *e;
	int r;

	*out = (struct dir_rcpt_reply){ .outcome = DIR_RCPT_UNKNOWN };
	r = address_canon(address, l->arena, &a);
	if (r == ERR_SYNTAX || r == ERR_LIMIT)
		return OK;
	if (r != OK)
		return r;
	if (!conf_is_local_domain(l->conf, address_domain(a))) {
		out->outcome = DIR_RCPT_NOT_OURS;
		return OK;
	}
	(void)address_base(a, l->arena, &base);
	r = search_address(l, a, base, &found);
	if (r == OK)
		r = owner_of(l, &found, a, &e);
	if (r == 0)
		r = owner_of(l, &found, base, &e);
	if (r <= 0)
		return r;
	if (entry_is_account(l->conf, e))
		return answer_account(l, e, out);
	return lookup_group(l, e, out);
}

/* ---- identities ---- */

struct identities {
	struct lookup	    *l;
	struct dir_identity *v;
	size_t		     n;
};

/* Every address of e (or the one given), with the certificates of e. */
static int
add_identities(struct identities *ids, const struct entry *e, enum dir_identity_kind kind,
    struct slice only)
{
	struct slice addresses[OWN_ADDRESSES_MAX] = { only };
	struct slice subject = entry_first(e, ENTRY_SUBJECT);
	struct dir_cert *certs;
	size_t certs_n, n = 1;
	int r = entry_certs(e, ids->l->arena, &certs, &certs_n);

	if (r != OK)
		return r;
	if (only.n == 0)
		n = entry_addresses(e, ids->l->arena, addresses, OWN_ADDRESSES_MAX);
	if (kind != DIR_IDENTITY_AGENCY || subject.n > SUBJECT_OCTETS_MAX || !utf8_is_safe(subject))
		subject = (struct slice){ NULL, 0 };
	for (size_t i = 0; i < n && ids->n < IDENTITIES_MAX; i++)
		ids->v[ids->n++] = (struct dir_identity){ .address = addresses[i],
			.kind = (uint8_t)kind, .subject = subject, .certs = certs,
			.certs_n = certs_n };
	return ids->l->arena->err;
}

static int
add_send_as(struct identities *ids, const struct entry *account)
{
	const struct entry_values *v = &account->a[ENTRY_SEND_AS];
	struct slice wanted[SEND_AS_MAX];
	struct entry_list found = { 0 };
	static const struct entry nobody;
	size_t n = 0;
	struct buf f;
	int r;

	buf_init(&f, FILTER_OCTETS_MAX);
	filter_open(&f, '|');
	for (size_t i = 0; i < v->n && n < SEND_AS_MAX; i++)
		if (address_canon(v->v[i], ids->l->arena, &wanted[n]) == OK)
			filter_address(ids->l, &f, wanted[n++]);
	filter_close(&f);
	if (n == 0) {
		buf_fini(&f);
		return OK;
	}
	r = search(ids->l, &f, ENTRY_WANT_ACCOUNT | ENTRY_WANT_CERTS, 2 * SEND_AS_MAX, &found);
	for (size_t i = 0; r == OK && i < n; i++) {
		const struct entry *e;

		r = owner_of(ids->l, &found, wanted[i], &e);
		if (r >= 0)
			r = add_identities(ids, r == 1 ? e : &nobody, DIR_IDENTITY_SEND_AS,
			    wanted[i]);
	}
	return r;
}

/* What the clerk may read of an agency: nothing when either entry makes no sense or is not active. */
static void
vouch(struct identities *ids, const struct entry *account, const struct entry *agency, size_t from)
{
	struct dir_account clerk, of;
	const char *why;

	if (entry_account(account, ids->l->arena, &clerk, &why) != OK ||
	    entry_account(agency, ids->l->arena, &of, &why) != OK || of.status != DIR_ACTIVE ||
	    clerk.status != DIR_ACTIVE)
		return;
	for (size_t i = from; i < ids->n; i++) {
		ids->v[i].guid = of.guid;
		ids->v[i].zones = of.zones;
		ids->v[i].clearance =
		    of.clearance < clerk.clearance ? of.clearance : clerk.clearance;
	}
}

static int
add_agencies(struct identities *ids, const struct entry *account)
{
	struct entry_list found = { 0 };
	struct buf f;
	int r;

	buf_init(&f, FILTER_OCTETS_MAX);
	filter_open(&f, '&');
	filter_account_class(ids->l, &f);
	filter_equals(&f, entry_attr_name(ids->l->conf, ENTRY_CLERK), account->dn);
	filter_close(&f);
	r = search(ids->l, &f, ENTRY_WANT_ACCOUNT | ENTRY_WANT_CERTS, IDENTITIES_MAX, &found);
	for (size_t i = 0; r == OK && i < found.n; i++) {
		size_t from = ids->n;

		r = add_identities(ids, &found.v[i], DIR_IDENTITY_AGENCY,
		    (struct slice){ NULL, 0 });
		if (r == OK)
			vouch(ids, account, &found.v[i], from);
	}
	return r;
}

int
lookup_identities(struct lookup *l, const struct entry *account, struct dir_identity **out,
    size_t *n_out)
{
	struct identities ids = { .l = l,
		.v = arena_array(l->arena, IDENTITIES_MAX, sizeof *ids.v) };
	int r;

	if (ids.v == NULL)
		return l->arena->err;
	r = add_identities(&ids, account, DIR_IDENTITY_OWN, (struct slice){ NULL, 0 });
	if (r == OK)
		r = add_send_as(&ids, account);
	if (r == OK)
		r = add_agencies(&ids, account);
	*out = ids.v;
	*n_out = ids.n;
	return r;
}

/* ---- accounts ---- */

int
lookup_sign_in(struct lookup *l, struct slice name, struct entry *out)
{
	struct entry_list found = { 0 };
	struct buf f;
	int r;

	buf_init(&f, FILTER_OCTETS_MAX);
	filter_open(&f, '&');
	filter_account_class(l, &f);
	filter_open(&f, '|');
	filter_equals(&f, l->conf->ldap.attr_uid, name);
	if (slice_chr(name, '@') >= 0)
		filter_address(l, &f, name);
	filter_close(&f);
	filter_close(&f);
	r = search(l, &f, ENTRY_WANT_ACCOUNT | ENTRY_WANT_CERTS, 2, &found);
	if (r != OK)
		return r;
	if (found.n > 1)
		(void)lookup_odd(&found.v[0], "its sign-in name or address has another owner too");
	if (found.n != 1)
		return ERR_NOENT;
	*out = found.v[0];
	return OK;
}

static int
search_account(struct lookup *l, const struct dir_account_request *q, struct entry_list *out)
{
	struct slice address;
	char guid[37];
	struct buf f;
	int r;

	if (q->guid.n == DIR_GUID_OCTETS)
		entry_guid_text((const uint8_t *)q->guid.p, guid);
	else if (q->guid.n != 0)
		return ERR_INVAL;
	else if ((r = address_canon(q->address, l->arena, &address)) != OK)
		return r == ERR_SYNTAX || r == ERR_LIMIT ? OK : r;
	buf_init(&f, FILTER_OCTETS_MAX);
	filter_open(&f, '&');
	filter_account_class(l, &f);
	filter_open(&f, '|');
	if (q->guid.n > 0)
		filter_equals(&f, entry_attr_name(l->conf, ENTRY_UUID), slice_of(guid));
	else
		filter_address(l, &f, address);
	filter_close(&f);
	filter_close(&f);
	return search(l, &f, ENTRY_WANT_ACCOUNT | ENTRY_WANT_CERTS, 2, out);
}

int
lookup_account(struct lookup *l, const struct dir_account_request *q,
    struct dir_account_reply *out)
{
	struct entry_list found = { 0 };
	const char *why;
	int r;

	*out = (struct dir_account_reply){ 0 };
	r = search_account(l, q, &found);
	if (r != OK || found.n == 0)
		return r;
	if (found.n > 1)
		return lookup_odd(&found.v[0], "its address has another owner too");
	out->account = arena_alloc(l->arena, sizeof *out->account);
	if (out->account == NULL)
		return l->arena->err;
	r = lookup_make_account(l, &found.v[0], out->account, &why);
	if (r == ERR_CORRUPT)
		return lookup_odd(&found.v[0], why);
	if (r != OK)
		return r;
	out->account_n = 1;
	if (out->account->status != DIR_ACTIVE)
		return OK;
	r = lookup_identities(l, &found.v[0], &out->identities, &out->identities_n);
	/* Something odd about others' addresses does not hide what the account may do. */
	if (r == ERR_CORRUPT)
		out->identities_n = 0;
	return r == ERR_CORRUPT ? OK : r;
}
