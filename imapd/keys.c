/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "imapd/keys.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/control.h"

enum { SLAB_KEYS = 1024, SLABS = KEYS_MAX / SLAB_KEYS };

struct row { uint32_t id, users; };

struct keys {
	struct store *store;
	struct row   *rows[SLABS];
	uint8_t	     *secrets[SLABS];	/* sodium_malloc */
	uint32_t      slabs;
};

int
keys_new(struct store *store, struct keys **out)
{
	*out = calloc(1, sizeof **out);
	if (*out == NULL)
		return ERR_NOMEM;
	(*out)->store = store;
	return OK;
}

void
keys_free(struct keys **kp)
{
	struct keys *k = *kp;

	if (k == NULL)
		return;
	for (uint32_t i = 0; i < k->slabs; i++) {
		free(k->rows[i]);
		sodium_free(k->secrets[i]);
	}
	free(k);
	*kp = NULL;
}

static struct row *
row(const struct keys *k, uint32_t place)
{
	return &k->rows[place / SLAB_KEYS][place % SLAB_KEYS];
}

static uint8_t *
secret(const struct keys *k, uint32_t place)
{
	return k->secrets[place / SLAB_KEYS] + place % SLAB_KEYS * KEYS_SECRET_OCTETS;
}

static int
grow(struct keys *k)
{
	struct row *rows;
	uint8_t *secrets;

	if (k->slabs == SLABS)
		return ERR_LIMIT;
	rows = calloc(SLAB_KEYS, sizeof *rows);
	secrets = sodium_malloc(SLAB_KEYS * KEYS_SECRET_OCTETS);
	if (rows == NULL || secrets == NULL) {
		free(rows);
		sodium_free(secrets);
		return ERR_NOMEM;
	}
	k->rows[k->slabs] = rows;
	k->secrets[k->slabs++] = secrets;
	return OK;
}

/* The place of id if it is in use, else a free one, else the end. */
static uint32_t
place_for(const struct keys *k, uint32_t id)
{
	uint32_t end = k->slabs * SLAB_KEYS, place = end;

	for (uint32_t i = 0; i < end; i++) {
		if (row(k, i)->users > 0 && row(k, i)->id == id)
			return i;
		if (row(k, i)->users == 0 && place == end)
			place = i;
	}
	return place;
}

int
keys_add(struct keys *k, uint32_t id, const uint8_t given[KEYS_SECRET_OCTETS], uint32_t *place_out)
{
	uint32_t place = place_for(k, id);

	if (place == k->slabs * SLAB_KEYS) {
		int err = grow(k);

		if (err != OK)
			return err;
	}
	if (row(k, place)->users > 0) {
		if (sodium_memcmp(secret(k, place), given, KEYS_SECRET_OCTETS) != 0)
			return ERR_CRYPTO;
	} else {
		row(k, place)->id = id;
		memcpy(secret(k, place), given, KEYS_SECRET_OCTETS);
	}
	row(k, place)->users++;
	*place_out = place;
	return OK;
}

void
keys_drop(struct keys *k, uint32_t place)
{
	if (--row(k, place)->users > 0)
		return;
	if (!control_off("keyset-wipe"))
		sodium_memzero(secret(k, place), KEYS_SECRET_OCTETS);
	store_forget(k->store, row(k, place)->id);
}

uint32_t
keys_id(const struct keys *k, uint32_t place)
{
	return row(k, place)->id;
}

const uint8_t *
keys_secret(const struct keys *k, uint32_t place)
{
	return secret(k, place);
}
