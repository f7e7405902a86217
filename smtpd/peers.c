/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "smtpd/peers.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct peers_entry {
	struct peers_entry *next;
	uint64_t	    count, octets;
	uint8_t		    key[PEERS_KEY_OCTETS];
};

void
peers_key(const struct sockaddr *sa, uint8_t key_out[PEERS_KEY_OCTETS])
{
	struct sockaddr_in6 in6;
	struct sockaddr_in in;

	memset(key_out, 0, PEERS_KEY_OCTETS);
	if (sa->sa_family == AF_INET) {
		memcpy(&in, sa, sizeof in);
		key_out[10] = key_out[11] = 0xff;
		memcpy(key_out + 12, &in.sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		memcpy(&in6, sa, sizeof in6);
		memcpy(key_out, &in6.sin6_addr,
		    IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr) ? PEERS_KEY_OCTETS : 8);
	}
}

/* Clients choose few of these bits, and the number of sessions is bounded: a sum will do. */
static struct peers_entry **
place(struct peers *p, const uint8_t key[PEERS_KEY_OCTETS])
{
	struct peers_entry **at;
	uint32_t h = 0;

	for (size_t i = 0; i < PEERS_KEY_OCTETS; i++)
		h = h * 31 + key[i];
	at = &p->buckets[h % PEERS_BUCKETS];
	while (*at != NULL && memcmp((*at)->key, key, PEERS_KEY_OCTETS) != 0)
		at = &(*at)->next;
	return at;
}

int
peers_add(struct peers *p, const uint8_t key[PEERS_KEY_OCTETS], uint64_t max)
{
	struct peers_entry **at = place(p, key);

	if (*at == NULL) {
		*at = calloc(1, sizeof **at);
		if (*at == NULL)
			return ERR_NOMEM;
		memcpy((*at)->key, key, PEERS_KEY_OCTETS);
	}
	if ((*at)->count >= max)
		return ERR_LIMIT;
	(*at)->count++;
	return OK;
}

void
peers_remove(struct peers *p, const uint8_t key[PEERS_KEY_OCTETS])
{
	struct peers_entry **at = place(p, key);
	struct peers_entry *gone = *at;

	if (gone == NULL || --gone->count > 0)
		return;
	*at = gone->next;
	free(gone);
}

int
peers_hold(struct peers *p, const uint8_t key[PEERS_KEY_OCTETS], uint64_t octets, uint64_t max)
{
	struct peers_entry *e = *place(p, key);

	if (e == NULL || e->octets > max || octets > max - e->octets)
		return ERR_LIMIT;
	e->octets += octets;
	return OK;
}

void
peers_release(struct peers *p, const uint8_t key[PEERS_KEY_OCTETS], uint64_t octets)
{
	struct peers_entry *e = *place(p, key);

	if (e != NULL)
		e->octets -= octets < e->octets ? octets : e->octets;
}
