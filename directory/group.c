/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* A group's members: breadth first, every name met once, so loops end by themselves. */
#include <string.h>

#include "common/log.h"
#include "directory/address.h"
#include "directory/dn.h"
#include "directory/filter.h"
#include "directory/lookup.h"
#include "directory/nameset.h"

enum { BATCH = 64, SEEN_MAX = 4 * DIR_MEMBERS_MAX };

/* A growing list in arena memory, at most DIR_MEMBERS_MAX items. */
struct list {
	char  *v;
	size_t n, cap, size;
};

struct expansion {
	struct lookup *l;
	struct nameset seen;
	struct list    dns, uids, addresses;	/* members not looked at yet: struct slice */
	struct list    accounts, externals;
};

static void *
list_add(struct list *list, struct arena *a)
{
	if (list->n == DIR_MEMBERS_MAX) {
		a->err = ERR_LIMIT;
		return NULL;
	}
	if (list->n == list->cap) {
		size_t cap = list->cap == 0 ? 16 : 2 * list->cap;
		char *v = arena_array(a, cap, list->size);

		if (v == NULL)
			return NULL;
		if (list->n > 0)
			memcpy(v, list->v, list->n * list->size);
		list->v = v;
		list->cap = cap;
	}
	return list->v + list->n++ * list->size;
}

/* Note a name of some sort once; *fresh_out says whether it was new. */
static int
note(struct expansion *x, char sort, struct slice name, bool *fresh_out)
{
	struct buf b;
	int r;

	buf_init(&b, 64 * 1024);
	buf_addc(&b, sort);
	buf_add(&b, name);
	r = b.err == OK ? nameset_add(&x->seen, buf_slice(&b)) : b.err;
	buf_fini(&b);
	*fresh_out = r == 1;
	return r < 0 ? r : OK;
}

static int
push(struct expansion *x, struct list *list, char sort, struct slice key, struct slice value)
{
	struct slice *at;
	bool fresh;
	int r = note(x, sort, key, &fresh);

	if (r != OK || !fresh)
		return r;
	at = list_add(list, x->l->arena);
	if (at == NULL)
		return x->l->arena->err;
	*at = value;
	return OK;
}

/* "dn" or, for uniqueMember, "dn#'0101'B". A value that is no name is nobody. */
static int
push_dn(struct expansion *x, struct slice dn)
{
	struct buf canon;
	int r;

	if (dn.n > 2 && dn.p[dn.n - 1] == 'B' && dn.p[dn.n - 2] == '\'')
		for (size_t i = dn.n; i-- > 0;)
			if (dn.p[i] == '#') {
				dn.n = i;
				break;
			}
	buf_init(&canon, 16 * DN_OCTETS_MAX);
	r = dn_canon(dn, &canon);
	if (r == OK)
		r = push(x, &x->dns, 'd', buf_slice(&canon), dn);
	else if (r != ERR_NOMEM)
		r = OK;
	buf_fini(&canon);
	return r;
}

static int
add_external(struct expansion *x, struct slice address)
{
	struct dir_external *at;
	bool fresh;
	int r = note(x, 'x', address, &fresh);

	if (r != OK || !fresh)
		return r;
	at = list_add(&x->externals, x->l->arena);
	if (at == NULL)
		return x->l->arena->err;
	at->address = address;
	return OK;
}

static int
push_address(struct expansion *x, struct slice text)
{
	struct slice a;
	int r = address_canon(text, x->l->arena, &a);

	if (r == ERR_SYNTAX || r == ERR_LIMIT)
		return OK;
	if (r != OK)
		return r;
	if (conf_is_local_domain(x->l->conf, address_domain(a)))
		return push(x, &x->addresses, 'a', a, a);
	return add_external(x, a);
}

static int
add_members(struct expansion *x, const struct entry *group)
{
	static const struct {
		enum entry_attr attr;
		int (*push)(struct expansion *, struct slice);
	} kinds[] = {
		{ ENTRY_MEMBER, push_dn }, { ENTRY_UNIQUE_MEMBER, push_dn },
		{ ENTRY_MEMBER_ADDRESS, push_address },
	};
	const struct entry_values *uids = &group->a[ENTRY_MEMBER_UID];
	int r = OK;

	for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
		for (size_t i = 0; r == OK && i < group->a[kinds[k].attr].n; i++)
			r = kinds[k].push(x, group->a[kinds[k].attr].v[i]);
	for (size_t i = 0; r == OK && i < uids->n; i++)
		r = push(x, &x->uids, 'u', uids->v[i], uids->v[i]);
	return r;
}

/* Who is locked or withdrawn gets nothing; the others of the group still do. */
static int
add_account(struct expansion *x, const struct entry *e)
{
	struct dir_account account, *at;
	const char *why;
	bool fresh;
	int r = lookup_make_account(x->l, e, &account, &why);

	if (r == ERR_CORRUPT)
		return lookup_odd(e, why);
	if (r == OK && account.status != DIR_ACTIVE)
		return OK;
	if (r == OK)
		r = note(x, 'g', account.guid, &fresh);
	if (r != OK || !fresh)
		return r;
	at = list_add(&x->accounts, x->l->arena);
	if (at == NULL)
		return x->l->arena->err;
	*at = account;
	return OK;
}

/* A member without a mailbox here may have an address elsewhere. */
static int
add_contact(struct expansion *x, const struct entry *e)
{
	struct slice a;

	if (entry_addresses(e, x->l->arena, &a, 1) == 0 ||
	    conf_is_local_domain(x->l->conf, address_domain(a)))
		return x->l->arena->err;
	return add_external(x, a);
}

static int
add_entries(struct expansion *x, const struct entry_list *found)
{
	int r = OK;

	for (size_t i = 0; r == OK && i < found->n; i++) {
		const struct entry *e = &found->v[i];

		if (entry_is_account(x->l->conf, e))
			r = add_account(x, e);
		else if (entry_is_group(e))
			r = add_members(x, e);
		else
			r = add_contact(x, e);
	}
	return r;
}

static int
search_names(struct expansion *x, const struct slice *uids, size_t uids_n,
    const struct slice *addresses, size_t addresses_n, struct entry_list *out)
{
	const struct conf_ldap *c = &x->l->conf->ldap;
	struct buf f;
	int r;

	buf_init(&f, 16 * FILTER_OCTETS_MAX);
	filter_open(&f, '|');
	for (size_t i = 0; i < uids_n; i++) {
		filter_open(&f, '&');
		filter_equals(&f, "objectClass", slice_of(c->account_class));
		filter_equals(&f, c->attr_uid, uids[i]);
		filter_close(&f);
	}
	for (size_t i = 0; i < addresses_n; i++) {
		filter_equals(&f, c->attr_mail, addresses[i]);
		filter_equals(&f, c->attr_alias, addresses[i]);
	}
	filter_close(&f);
	r = buf_cstr(&f) == NULL ? f.err : x->l->source.search(x->l->source.arg, f.p,
	    ENTRY_WANT_ACCOUNT | ENTRY_WANT_MEMBERS, 4 * BATCH, x->l->arena, out);
	buf_fini(&f);
	return r;
}

static size_t
take(struct list *list, struct slice out[BATCH])
{
	size_t n = list->n < BATCH ? list->n : BATCH;

	list->n -= n;
	if (n > 0)
		memcpy(out, list->v + list->n * list->size, n * sizeof *out);
	return n;
}

static int
expand(struct expansion *x)
{
	int r = OK;

	while (r == OK && x->dns.n + x->uids.n + x->addresses.n > 0) {
		struct slice names[BATCH], addresses[BATCH];
		struct entry_list found = { 0 };
		size_t n = take(&x->dns, names), m;

		if (n > 0)
			r = x->l->source.fetch(x->l->source.arg, names, n,
			    ENTRY_WANT_ACCOUNT | ENTRY_WANT_MEMBERS, x->l->arena, &found);
		if (r == OK)
			r = add_entries(x, &found);
		n = take(&x->uids, names);
		m = take(&x->addresses, addresses);
		found = (struct entry_list){ 0 };
		if (r == OK && n + m > 0)
			r = search_names(x, names, n, addresses, m, &found);
		if (r == OK)
			r = add_entries(x, &found);
	}
	return r;
}

int
lookup_group(struct lookup *l, const struct entry *group, struct dir_rcpt_reply *out)
{
	struct expansion x = { .l = l, .dns.size = sizeof(struct slice),
		.uids.size = sizeof(struct slice), .addresses.size = sizeof(struct slice),
		.accounts.size = sizeof(struct dir_account),
		.externals.size = sizeof(struct dir_external) };
	int r;

	nameset_init(&x.seen, l->arena, SEEN_MAX);
	out->outcome = DIR_RCPT_GROUP;
	if (entry_addresses(group, l->arena, &out->group, 1) == 0)
		return l->arena->err != OK ? l->arena->err : lookup_odd(group, "no usable address");
	r = push_dn(&x, group->dn);
	x.dns.n = 0;		/* met already, so a loop back to it ends there */
	if (r == OK)
		r = add_members(&x, group);
	if (r == OK)
		r = expand(&x);
	if (r == ERR_LIMIT) {
		*out = (struct dir_rcpt_reply){ .outcome = DIR_RCPT_TOO_LARGE,
			.group = out->group };
		return OK;
	}
	out->accounts = (struct dir_account *)(void *)x.accounts.v;
	out->accounts_n = x.accounts.n;
	out->externals = (struct dir_external *)(void *)x.externals.v;
	out->externals_n = x.externals.n;
	return r;
}
