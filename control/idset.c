/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "control/idset.h"

#include <stdlib.h>
#include <string.h>

struct slot {
	uint8_t	 id[ID_OCTETS];
	uint32_t count;		/* 0: free */
};

struct idset {
	struct slot *v;
	size_t	     cap, n;	/* cap is a power of two */
};

int
idset_new(struct idset **out)
{
	struct idset *s = calloc(1, sizeof *s);

	*out = s;
	if (s == NULL)
		return ERR_NOMEM;
	s->cap = 1024;
	s->v = calloc(s->cap, sizeof *s->v);
	if (s->v == NULL)
		idset_free(out);
	return *out == NULL ? ERR_NOMEM : OK;
}

void
idset_free(struct idset **s)
{
	if (*s != NULL)
		free((*s)->v);
	free(*s);
	*s = NULL;
}

static struct slot *
find(struct slot *v, size_t cap, const uint8_t id[ID_OCTETS])
{
	uint64_t h;
	size_t i;

	memcpy(&h, id, sizeof h);
	for (i = (size_t)h & (cap - 1); v[i].count > 0; i = (i + 1) & (cap - 1))
		if (memcmp(v[i].id, id, ID_OCTETS) == 0)
			break;
	return &v[i];
}

uint32_t
idset_count(const struct idset *s, const uint8_t id[ID_OCTETS])
{
	return find(s->v, s->cap, id)->count;
}

static int
grow(struct idset *s)
{
	struct slot *v;

	if (s->n >= IDSET_MAX)
		return ERR_LIMIT;
	v = calloc(2 * s->cap, sizeof *v);
	if (v == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < s->cap; i++)
		if (s->v[i].count > 0)
			*find(v, 2 * s->cap, s->v[i].id) = s->v[i];
	free(s->v);
	s->v = v;
	s->cap *= 2;
	return OK;
}

int
idset_add(struct idset *s, const uint8_t id[ID_OCTETS])
{
	struct slot *slot;

	if (2 * s->n >= s->cap) {
		int r = grow(s);

		if (r != OK)
			return r;
	}
	slot = find(s->v, s->cap, id);
	if (slot->count == 0) {
		memcpy(slot->id, id, ID_OCTETS);
		s->n++;
	}
	slot->count += slot->count < UINT32_MAX;
	return OK;
}
