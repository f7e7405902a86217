/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/agency.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "directory/dn.h"

enum { LIST_OCTETS_MAX = 8 * 1024 * 1024 };

struct agency {
	struct slice dn;		/* canonical */
	uint8_t	     guid[DIR_GUID_OCTETS];
	uint64_t     octets, messages;
};

struct agencies {
	struct agency *v;
	size_t	       n;
	struct arena   mem;
	uint64_t       read_ms;
	bool	       known;
};

int
agencies_new(struct agencies **out)
{
	*out = calloc(1, sizeof **out);
	if (*out == NULL)
		return ERR_NOMEM;
	arena_init(&(*out)->mem, LIST_OCTETS_MAX);
	return OK;
}

void
agencies_free(struct agencies **as)
{
	if (*as == NULL)
		return;
	arena_clear(&(*as)->mem);
	free(*as);
	*as = NULL;
}

/* ---- the list ---- */

static bool
take(const struct entry *e, struct arena *mem, struct agency *out)
{
	struct buf dn;
	bool ok;

	buf_init(&dn, 4 * DN_OCTETS_MAX);
	ok = dn_canon(e->dn, &dn) == OK && e->a[ENTRY_UUID].n == 1 &&
	    entry_guid_parse(entry_first(e, ENTRY_UUID), out->guid) == OK;
	if (ok) {
		out->dn = arena_copy(mem, buf_slice(&dn));
		out->octets = entry_limit(e, ENTRY_QUOTA);
		out->messages = entry_limit(e, ENTRY_QUOTA_MESSAGES);
	} else
		log_event(EV_DIRECTORY_ODD, F_STR("entry", e->dn),
		    F_CSTR("reason", "an agency without entryUUID, or with a strange name"), F_END);
	buf_fini(&dn);
	return ok;
}

static int
take_all(struct agencies *as, const struct entry_list *found, struct arena *mem)
{
	struct agency *v = arena_array(mem, found->n, sizeof *v);
	size_t n = 0;

	if (v == NULL)
		return mem->err;
	for (size_t i = 0; i < found->n; i++)
		n += take(&found->v[i], mem, &v[n]);
	if (mem->err != OK)
		return mem->err;
	as->v = v;
	as->n = n;
	return OK;
}

/* On an error what was known stays. */
static int
refresh(struct agencies *as, const struct source *source)
{
	struct entry_list found = { 0 };
	struct arena scratch, mem;
	int r;

	arena_init(&scratch, LIST_OCTETS_MAX);
	arena_init(&mem, LIST_OCTETS_MAX);
	r = source->search(source->arg, "(objectClass=congvuAgency)", ENTRY_WANT_AGENCY,
	    AGENCY_MAX, &scratch, &found);
	if (r == OK)
		r = take_all(as, &found, &mem);
	arena_clear(&scratch);
	if (r != OK) {
		arena_clear(&mem);
		return r;
	}
	arena_clear(&as->mem);
	as->mem = mem;
	as->known = true;
	as->read_ms = clock_ms();
	return OK;
}

/* ---- finding ---- */

/* Is the canonical name inner below outer? */
static bool
is_below(struct slice inner, struct slice outer)
{
	return outer.n > 0 && inner.n > outer.n + 1 &&
	    inner.p[inner.n - outer.n - 1] == ',' &&
	    slice_eq(slice_from(inner, inner.n - outer.n), outer);
}

static const struct agency *
nearest(const struct agencies *as, struct slice dn)
{
	const struct agency *best = NULL;

	for (size_t i = 0; i < as->n; i++)
		if (is_below(dn, as->v[i].dn) && (best == NULL || as->v[i].dn.n > best->dn.n))
			best = &as->v[i];
	return best;
}

int
agencies_of(struct agencies *as, const struct source *source, struct slice dn,
    struct arena *arena, struct st_quota *quota)
{
	const struct agency *a = NULL;
	struct buf canon;
	int r;

	if (as == NULL)
		return OK;
	if (!as->known || clock_ms() - as->read_ms >= AGENCY_KEPT_MS) {
		r = refresh(as, source);
		if (r != OK && !as->known)
			return r;
	}
	if (as->n == 0)
		return OK;
	buf_init(&canon, 4 * DN_OCTETS_MAX);
	if (dn_canon(dn, &canon) == OK)
		a = nearest(as, buf_slice(&canon));
	buf_fini(&canon);
	if (a == NULL)
		return OK;
	quota->group = arena_copy(arena, (struct slice){ (const char *)a->guid, sizeof a->guid });
	quota->group_octets = a->octets;
	quota->group_messages = a->messages;
	return arena->err;
}
