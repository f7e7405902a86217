/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/crypt.h"

#include <stdlib.h>
#include <string.h>

enum { SLAB_PLACES = 1024 };

struct slab {
	struct slab *next;
	uint8_t	    *places;	/* guarded; the guard would lie between us and a header in it */
};

/* A free place holds the address of the next one. */
struct crypt_vault {
	struct slab *slabs;
	uint8_t	    *free;
};

int
crypt_vault_new(struct crypt_vault **out)
{
	*out = calloc(1, sizeof **out);
	return *out == NULL ? ERR_NOMEM : OK;
}

void
crypt_vault_free(struct crypt_vault **vp)
{
	struct crypt_vault *v = *vp;

	*vp = NULL;
	while (v != NULL && v->slabs != NULL) {
		struct slab *s = v->slabs;

		v->slabs = s->next;
		crypt_secret_free(s->places);
		free(s);
	}
	free(v);
}

static void
push(struct crypt_vault *v, uint8_t *place)
{
	memcpy(place, &v->free, sizeof v->free);
	v->free = place;
}

static bool
grow(struct crypt_vault *v)
{
	struct slab *s = malloc(sizeof *s);
	uint8_t *places = crypt_secret_new((size_t)SLAB_PLACES * CRYPT_KEY_OCTETS);

	if (s == NULL || places == NULL) {
		free(s);
		if (places != NULL)
			crypt_secret_free(places);
		return false;
	}
	*s = (struct slab){ v->slabs, places };
	v->slabs = s;
	for (size_t i = SLAB_PLACES; i-- > 0;)
		push(v, places + i * CRYPT_KEY_OCTETS);
	return true;
}

uint8_t *
crypt_vault_take(struct crypt_vault *v)
{
	uint8_t *place = v->free;

	if (place == NULL && !grow(v))
		return NULL;
	place = v->free;
	memcpy(&v->free, place, sizeof v->free);
	memset(place, 0, CRYPT_KEY_OCTETS);
	return place;
}

void
crypt_vault_give(struct crypt_vault *v, uint8_t *place)
{
	if (place == NULL)
		return;
	crypt_wipe(place, CRYPT_KEY_OCTETS);
	push(v, place);
}
