/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * What LDAP sends: names, addresses, filters and entries. The input is cut at NULs into values,
 * the first octet of each says which attribute it is of.
 */
#include <stdlib.h>
#include <string.h>

#include "directory/address.h"
#include "directory/dn.h"
#include "directory/entry.h"
#include "directory/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A canonical name is its own canonical name. */
static void
check_dn(struct slice in)
{
	struct buf once, twice;

	buf_init(&once, 16 * DN_OCTETS_MAX);
	buf_init(&twice, 16 * DN_OCTETS_MAX);
	if (dn_canon(in, &once) == OK && once.n <= DN_OCTETS_MAX) {
		if (dn_canon(buf_slice(&once), &twice) != OK ||
		    !slice_eq(buf_slice(&once), buf_slice(&twice)))
			abort();
	}
	buf_fini(&once);
	buf_fini(&twice);
}

static void
check_address(struct slice in, struct arena *a)
{
	struct slice once, twice;

	if (address_canon(in, a, &once) != OK)
		return;
	if (once.n > ADDRESS_OCTETS_MAX || address_domain(once).n == 0)
		abort();
	if (address_canon(once, a, &twice) == OK && !slice_eq(once, twice))
		abort();
	(void)address_base(once, a, &twice);
}

/* No value can end its own bracket. */
static void
check_filter(struct slice in)
{
	struct buf b;
	size_t open = 0, close = 0;

	buf_init(&b, FILTER_OCTETS_MAX);
	filter_equals(&b, "uid", in);
	for (size_t i = 0; b.err == OK && i < b.n; i++) {
		open += b.p[i] == '(';
		close += b.p[i] == ')';
		if (b.p[i] == '*' || b.p[i] == '\0' || (unsigned char)b.p[i] >= 0x80)
			abort();
	}
	if (b.err == OK && (open != 1 || close != 1))
		abort();
	buf_fini(&b);
}

static void
check_entry(const struct entry *e, struct arena *a)
{
	struct dir_account account;
	struct dir_cert *certs;
	struct slice addresses[8];
	const char *why;
	size_t n;
	int r = entry_account(e, a, &account, &why);

	if (r == OK && (account.guid.n != DIR_GUID_OCTETS || account.uid.n == 0 ||
	    account.address.n == 0 || account.clearance > LEVEL_TUYET_MAT ||
	    account.status > DIR_WITHDRAWN || account.zones > 3))
		abort();
	if (r == ERR_CORRUPT && why == NULL)
		abort();
	if (entry_certs(e, a, &certs, &n) == OK && n > ENTRY_CERTS_MAX)
		abort();
	if (entry_addresses(e, a, addresses, ARRAY_LEN(addresses)) > ARRAY_LEN(addresses))
		abort();
	(void)entry_is_group(e);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = { (const char *)data, size }, value;
	struct slice values[ENTRY_ATTR_COUNT][4];
	struct entry e = { 0 };
	struct arena a;

	arena_init(&a, 16 << 20);
	while (rest.n > 0) {
		struct entry_values *v;

		(void)slice_cut(&rest, '\0', &value);
		if (value.n == 0)
			break;
		v = &e.a[(unsigned char)value.p[0] % ENTRY_ATTR_COUNT];
		value = slice_from(value, 1);
		check_dn(value);
		check_address(value, &a);
		check_filter(value);
		v->v = values[v - e.a];
		if (v->n < 4)
			v->v[v->n++] = value;
		if (value.p + value.n >= (const char *)data + size)
			break;
	}
	check_entry(&e, &a);
	arena_clear(&a);
	return 0;
}
