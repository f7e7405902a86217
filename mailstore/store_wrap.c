/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* From the secret of a keyset to the key of a message, and to a wrap for another keyset. */
#include <sodium.h>
#include <string.h>

#include "mailstore/store_internal.h"

/* The epoch of a segment that mail was first written to: its row tells it once it was counted, and
 * also when the file is gone. */
static int
epoch_of(struct store *s, uint32_t segment, uint8_t out[32])
{
	struct record_segment row;
	const uint8_t *epoch;
	int fd, r = index_begin_read(s->ix);

	if (r != OK)
		return r;
	r = index_segment_get(s->ix, segment, &row);
	index_abort(s->ix);
	if (r == OK)
		memcpy(out, row.epoch_public, 32);
	if (r != ERR_NOENT)
		return r;
	r = segment_cache_get(s->segments, segment, &fd, &epoch);
	if (r == OK)
		memcpy(out, epoch, 32);
	return r;
}

/* What is cached helps only those who bring the secret again. */
static int
shared_key(struct store *s, uint32_t keyset, uint32_t segment, const uint8_t secret[32],
    const uint8_t **out)
{
	uint8_t epoch[32];
	struct store_shared *slot =
	    &s->shared[(keyset * 2654435761u ^ segment * 40503u) % STORE_SHARED_SLOTS];
	int r;

	*out = slot->key;
	if (slot->segment == segment && slot->keyset == keyset &&
	    sodium_memcmp(secret, slot->secret, sizeof slot->secret) == 0)
		return OK;
	slot->segment = 0;
	r = epoch_of(s, segment, epoch);
	if (r == OK)
		r = crypt_shared(epoch, secret, slot->key);
	if (r != OK)
		return r;
	slot->segment = segment;
	slot->keyset = keyset;
	memcpy(slot->secret, secret, sizeof slot->secret);
	return OK;
}

int
store_unwrap(struct store *s, const struct store_record *m, const uint8_t secret[32],
    uint8_t key_out[CRYPT_KEY_OCTETS])
{
	const uint8_t *shared;
	int r = shared_key(s, m->keyset, (uint32_t)(m->blob >> 32), secret, &shared);

	return r == OK ? crypt_unwrap(shared, m->blob, m->keyset, m->wrapped_key, key_out) : r;
}

int
store_rewrap(struct store *s, const struct store_record *m, const uint8_t secret[32],
    uint32_t keyset, const uint8_t to_secret[32], uint8_t wrapped_out[CRYPT_WRAP_OCTETS])
{
	uint8_t *key = crypt_vault_take(s->keys);
	const uint8_t *shared;
	int r = key == NULL ? ERR_NOMEM : store_unwrap(s, m, secret, key);

	if (r == OK)
		r = shared_key(s, keyset, (uint32_t)(m->blob >> 32), to_secret, &shared);
	if (r == OK)
		crypt_wrap(shared, m->blob, keyset, key, wrapped_out);
	crypt_vault_give(s->keys, key);
	return r;
}

void
store_forget(struct store *s, uint32_t keyset)
{
	for (size_t i = 0; i < STORE_SHARED_SLOTS; i++)
		if (s->shared[i].keyset == keyset)
			crypt_wipe(&s->shared[i], sizeof s->shared[i]);
}
