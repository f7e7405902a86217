/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "smtpd/peers.h"

#include <stdlib.h>
#include <string.h>

struct peers_entry {
	struct peers_entry *next;
	uint64_t	    octets;
	uint8_t		    key[SHARE_KEY_OCTETS];
};

/* Clients choose few of these bits, and the number of sessions is bounded: a sum will do. */
static struct peers_entry **
place(struct peers *p, const uint8_t key[SHARE_KEY_OCTETS])
{
	struct peers_entry **at;
	uint32_t h = 0;

	for (size_t i = 0; i < SHARE_KEY_OCTETS; i++)
		h = h * 31 + key[i];
	at = &p->buckets[h % PEERS_BUCKETS];
	while (*at != NULL && memcmp((*at)->key, key, SHARE_KEY_OCTETS) != 0)
		at = &(*at)->next;
	return at;
}

int
peers_hold(struct peers *p, const uint8_t key[SHARE_KEY_OCTETS], uint64_t octets, uint64_t max)
{
	struct peers_entry **at = place(p, key);
	uint64_t held = *at == NULL ? 0 : (*at)->octets;

	if (held > max || octets > max - held)
		return ERR_LIMIT;
	if (octets == 0)
		return OK;
	if (*at == NULL) {
		*at = calloc(1, sizeof **at);
		if (*at == NULL)
			return ERR_NOMEM;
		memcpy((*at)->key, key, SHARE_KEY_OCTETS);
	}
	(*at)->octets += octets;
	return OK;
}

void
peers_release(struct peers *p, const uint8_t key[SHARE_KEY_OCTETS], uint64_t octets)
{
	struct peers_entry **at = place(p, key);
	struct peers_entry *e = *at;

	if (e == NULL)
		return;
	e->octets -= octets < e->octets ? octets : e->octets;
	if (e->octets > 0)
		return;
	*at = e->next;
	free(e);
}
