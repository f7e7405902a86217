/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "smtpd/rate.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/random.h>

static const uint64_t HOUR_US = 3600000000U;

struct place {
	_Atomic uint64_t key;		/* hash of who; 0: free */
	_Atomic uint64_t spent_us;	/* the allowance is whole again at this moment */
};

struct rate {
	uint64_t     seed;
	struct place places[RATE_KINDS][RATE_PLACES];
};

int
rate_open(struct rate **out)
{
	struct rate *r = mmap(NULL, sizeof *r, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
	    -1, 0);

	if (r == MAP_FAILED)
		return ERR_NOMEM;
	if (getrandom(&r->seed, sizeof r->seed, 0) != (ssize_t)sizeof r->seed) {
		munmap(r, sizeof *r);
		return ERR_NOMEM;
	}
	*out = r;
	return OK;
}

void
rate_close(struct rate **r)
{
	if (*r != NULL)
		munmap(*r, sizeof **r);
	*r = NULL;
}

/* FNV-1a begun at a secret, then mixed; never 0. */
static uint64_t
hash(uint64_t seed, struct slice s)
{
	uint64_t h = seed ^ 0xcbf29ce484222325U;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3U;
	h = (h ^ seed ^ h >> 29) * 0xbf58476d1ce4e5b9U;
	h ^= h >> 32;
	return h == 0 ? 1 : h;
}

/* The place of key, or NULL; *least_out: the one among its places that owes least. */
static struct place *
find(struct rate *r, enum rate_kind kind, uint64_t key, struct place **least_out)
{
	struct place *p = &r->places[kind][key % (RATE_PLACES / RATE_NEAR) * RATE_NEAR];

	*least_out = p;
	for (unsigned i = 0; i < RATE_NEAR; i++) {
		if (atomic_load(&p[i].key) == key)
			return &p[i];
		if (atomic_load(&p[i].spent_us) < atomic_load(&(*least_out)->spent_us))
			*least_out = &p[i];
	}
	return NULL;
}

/* Add one to what is spent, or say that it would be too much. */
static bool
spend(struct place *p, uint64_t per_hour, uint64_t now_us)
{
	uint64_t one_us = HOUR_US / per_hour > 0 ? HOUR_US / per_hour : 1;
	uint64_t had = atomic_load(&p->spent_us), now;

	do {
		now = (had > now_us ? had : now_us) + one_us;
		if (now - now_us > HOUR_US)
			return false;
	} while (!atomic_compare_exchange_weak(&p->spent_us, &had, now));
	return true;
}

bool
rate_take(struct rate *r, enum rate_kind kind, struct slice who, uint64_t per_hour,
    uint64_t now_us)
{
	uint64_t key = hash(r->seed, who);
	struct place *least, *p = find(r, kind, key, &least);

	if (per_hour == 0)
		return true;
	if (p == NULL) {
		p = least;
		atomic_store(&p->spent_us, now_us);
		atomic_store(&p->key, key);
	}
	return spend(p, per_hour, now_us);
}

bool
rate_has_left(struct rate *r, enum rate_kind kind, struct slice who, uint64_t per_hour,
    uint64_t now_us)
{
	struct place *least, *p = find(r, kind, hash(r->seed, who), &least);
	uint64_t spent_us = p != NULL ? atomic_load(&p->spent_us) : 0;

	return per_hour == 0 || spent_us <= now_us ||
	    spent_us - now_us + HOUR_US / per_hour <= HOUR_US;
}
