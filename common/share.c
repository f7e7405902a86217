/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/share.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "common/control.h"

enum { HASHES = 2, WORD_BITS = 64, WORDS = SHARE_COLUMNS / WORD_BITS };

struct column {
	_Atomic uint32_t total;
	_Atomic uint16_t at[HASHES][SHARE_PLACES];
};

/* What the children can write; nothing in it is believed but as a number. */
struct shared {
	_Atomic uint64_t taken[WORDS];		/* written by the parent */
	struct column	 column[SHARE_COLUMNS];
};

/* Each process has its own copy of this. */
struct share {
	struct shared *mem;
	uint64_t       seed[HASHES];
	uint64_t       taken[WORDS];		/* the parent's own account of it */
};

_Static_assert(SHARE_COLUMNS % WORD_BITS == 0, "whole words");
_Static_assert((SHARE_PLACES & (SHARE_PLACES - 1)) == 0, "a mask");

int
share_new(struct share **out)
{
	struct share *t = calloc(1, sizeof *t);

	if (t == NULL)
		return ERR_NOMEM;
	t->mem = mmap(NULL, sizeof *t->mem, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (t->mem == MAP_FAILED ||
	    getrandom(t->seed, sizeof t->seed, 0) != (ssize_t)sizeof t->seed) {
		int err = -errno;

		if (t->mem != MAP_FAILED)
			munmap(t->mem, sizeof *t->mem);
		free(t);
		return err;
	}
	*out = t;
	return OK;
}

void
share_free(struct share **table)
{
	struct share *t = *table;

	if (t == NULL)
		return;
	munmap(t->mem, sizeof *t->mem);
	free(t);
	*table = NULL;
}

/* ---- columns ---- */

static void
tell_taken(struct share *t, unsigned word)
{
	atomic_store(&t->mem->taken[word], t->taken[word]);
}

static void
clear(struct column *c)
{
	atomic_store(&c->total, 0);
	for (size_t h = 0; h < HASHES; h++)
		for (size_t i = 0; i < SHARE_PLACES; i++)
			atomic_store_explicit(&c->at[h][i], 0, memory_order_relaxed);
}

int
share_take(struct share *table, struct share_seat *out)
{
	for (unsigned i = 0; i < SHARE_COLUMNS; i++) {
		unsigned word = i / WORD_BITS;
		uint64_t bit = UINT64_C(1) << i % WORD_BITS;

		if ((table->taken[word] & bit) != 0)
			continue;
		table->taken[word] |= bit;
		tell_taken(table, word);
		*out = (struct share_seat){ table, i };
		return OK;
	}
	return ERR_LIMIT;
}

void
share_give_back(struct share_seat *seat)
{
	struct share *t = seat->table;
	unsigned word = seat->column / WORD_BITS;

	if (t == NULL)
		return;
	clear(&t->mem->column[seat->column]);
	t->taken[word] &= ~(UINT64_C(1) << seat->column % WORD_BITS);
	for (unsigned i = 0; i < WORDS; i++)	/* whatever a child has written there */
		tell_taken(t, i);
	seat->table = NULL;
}

/* ---- keys ---- */

void
share_key(const struct sockaddr *sa, uint8_t key_out[SHARE_KEY_OCTETS])
{
	struct sockaddr_in6 in6;
	struct sockaddr_in in;

	memset(key_out, 0, SHARE_KEY_OCTETS);
	if (sa->sa_family == AF_INET) {
		memcpy(&in, sa, sizeof in);
		key_out[10] = key_out[11] = 0xff;
		memcpy(key_out + 12, &in.sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		memcpy(&in6, sa, sizeof in6);
		if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
			memcpy(key_out, &in6.sin6_addr, SHARE_KEY_OCTETS);
		} else {
			memcpy(key_out, &in6.sin6_addr, 8);
			key_out[8] = 1;		/* ::/64 is an address, too */
		}
	}
}

static bool
has_address(const uint8_t key[SHARE_KEY_OCTETS])
{
	static const uint8_t none[SHARE_KEY_OCTETS];

	return memcmp(key, none, sizeof none) != 0;
}

static uint64_t
mix(uint64_t x)
{
	x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
	x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
	return x ^ x >> 32;
}

/* The seed is not known outside, and what can be seen of the places is a refusal now and then. */
static size_t
place(const struct share *t, size_t hash, const uint8_t key[SHARE_KEY_OCTETS])
{
	uint64_t half[2];

	memcpy(half, key, sizeof half);
	return (size_t)(mix(mix(half[0] ^ t->seed[hash]) + half[1] + t->seed[hash]) &
	    (SHARE_PLACES - 1));
}

/* ---- sums ---- */

/* Over all columns that are taken, of their totals (hash < 0) or of one place. */
static uint64_t
sum(const struct share *t, int hash, size_t at)
{
	uint64_t n = 0;

	for (unsigned word = 0; word < WORDS; word++) {
		uint64_t left = atomic_load(&t->mem->taken[word]);

		while (left != 0) {
			unsigned bit = (unsigned)__builtin_ctzll(left);
			struct column *c = &t->mem->column[word * WORD_BITS + bit];

			n += hash < 0 ? atomic_load(&c->total) : atomic_load(&c->at[hash][at]);
			left &= left - 1;
		}
	}
	return n;
}

uint64_t
share_total(const struct share *table)
{
	return sum(table, -1, 0);
}

static uint64_t
count_of(const struct share *t, const uint8_t key[SHARE_KEY_OCTETS])
{
	uint64_t least = UINT64_MAX;

	for (size_t h = 0; h < HASHES; h++) {
		uint64_t n = sum(t, (int)h, place(t, h, key));

		least = n < least ? n : least;
	}
	return least;
}

static uint32_t
moved(uint32_t n, int by)
{
	return by < 0 ? n - (n > 0) : n + 1;
}

/* Only the owner writes its column, so there is nothing to lose between load and store. */
static void
move(struct share_seat seat, const uint8_t key[SHARE_KEY_OCTETS], int by)
{
	struct column *c = &seat.table->mem->column[seat.column];

	atomic_store(&c->total, moved(atomic_load(&c->total), by));
	if (!has_address(key))
		return;
	for (size_t h = 0; h < HASHES; h++) {
		_Atomic uint16_t *n = &c->at[h][place(seat.table, h, key)];

		atomic_store(n, (uint16_t)moved(atomic_load(n), by));
	}
}

/* First counted, then looked at: of two at the same moment both may be refused, never both let in
 * beyond the limit. */
int
share_add(struct share_seat seat, const uint8_t key[SHARE_KEY_OCTETS], uint64_t max,
    uint64_t max_address)
{
	assert(seat.table != NULL && seat.column < SHARE_COLUMNS);
	if (atomic_load(&seat.table->mem->column[seat.column].total) >= UINT16_MAX)
		return ERR_LIMIT;	/* no counter can wrap */
	move(seat, key, 1);
	if (sum(seat.table, -1, 0) <= max &&
	    (!has_address(key) || count_of(seat.table, key) <= max_address))
		return OK;
	if (control_off("connection-limits"))
		return OK;
	move(seat, key, -1);
	return ERR_LIMIT;
}

void
share_remove(struct share_seat seat, const uint8_t key[SHARE_KEY_OCTETS])
{
	move(seat, key, -1);
}
