/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/record.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

struct slice
record_key_slice(const struct record_key *k)
{
	return (struct slice){ (const char *)k->octets, k->n };
}

static void
key_be(struct record_key *k, uint64_t v, size_t octets)
{
	assert(k->n + octets <= sizeof k->octets);
	for (size_t i = octets; i > 0; i--)
		k->octets[k->n++] = (unsigned char)(v >> 8 * (i - 1));
}

void
record_key_u16(struct record_key *k, uint16_t v)
{
	key_be(k, v, 2);
}

void
record_key_u32(struct record_key *k, uint32_t v)
{
	key_be(k, v, 4);
}

void
record_key_u64(struct record_key *k, uint64_t v)
{
	key_be(k, v, 8);
}

void
record_key_octets(struct record_key *k, struct slice s)
{
	assert(s.n <= sizeof k->octets - k->n);
	if (s.n > 0)
		memcpy(k->octets + k->n, s.p, s.n);
	k->n += s.n;
}

struct record_key
record_key(uint32_t account, enum record_kind kind)
{
	struct record_key k = { .n = 0 };

	record_key_u32(&k, account);
	k.octets[k.n++] = (unsigned char)kind;
	return k;
}

struct record_key
record_key_box(uint32_t account, uint32_t mailbox)
{
	struct record_key k = record_key(account, RECORD_BOX);

	record_key_u32(&k, mailbox);
	return k;
}

struct record_key
record_key_message(uint32_t account, uint32_t mailbox, uint32_t uid)
{
	struct record_key k = record_key(account, RECORD_MESSAGE);

	record_key_u32(&k, mailbox);
	record_key_u32(&k, uid);
	return k;
}

struct record_key
record_key_vanished(uint32_t account, uint32_t mailbox, uint64_t modseq, uint16_t part)
{
	struct record_key k = record_key(account, RECORD_VANISHED);

	record_key_u32(&k, mailbox);
	record_key_u64(&k, modseq);
	record_key_u16(&k, part);
	return k;
}

struct record_key
record_key_name(uint32_t account, enum record_kind kind, struct slice name)
{
	struct record_key k = record_key(account, kind);
	unsigned char hash[RECORD_HASH_OCTETS];

	crypto_generichash(hash, sizeof hash, (const unsigned char *)name.p, name.n, NULL, 0);
	record_key_octets(&k, (struct slice){ (const char *)hash, sizeof hash });
	return k;
}

struct record_key
record_key_blob(uint64_t blob)
{
	struct record_key k = { .n = 0 };

	record_key_u64(&k, blob);
	return k;
}

struct record_key
record_key_named(uint32_t account, enum record_kind kind, uint32_t mailbox, struct slice name)
{
	struct record_key k = record_key(account, kind);
	unsigned char hash[RECORD_HASH_OCTETS];

	crypto_generichash(hash, sizeof hash, (const unsigned char *)name.p, name.n, NULL, 0);
	record_key_u32(&k, mailbox);
	record_key_octets(&k, (struct slice){ (const char *)hash, sizeof hash });
	return k;
}

struct record_key
record_key_seen(uint32_t account, uint32_t mailbox, uint32_t reader)
{
	struct record_key k = record_key(account, RECORD_SEEN);

	record_key_u32(&k, mailbox);
	record_key_u32(&k, reader);
	return k;
}

struct record_key
record_key_segment(uint32_t segment)
{
	struct record_key k = { .n = 0 };

	record_key_u32(&k, segment);
	return k;
}

struct record_key
record_key_gc(uint32_t time_s, uint64_t blob)
{
	struct record_key k = { .n = 0 };

	record_key_u32(&k, time_s);
	record_key_u64(&k, blob);
	return k;
}

struct record_key
record_key_expunged(uint32_t account, uint32_t time_s, uint32_t mailbox, uint32_t uid)
{
	struct record_key k = record_key(account, RECORD_EXPUNGED);

	record_key_u32(&k, time_s);
	record_key_u32(&k, mailbox);
	record_key_u32(&k, uid);
	return k;
}

struct record_key
record_key_deleted(uint32_t account, uint32_t time_s, uint32_t mailbox)
{
	struct record_key k = record_key(account, RECORD_DELETED);

	record_key_u32(&k, time_s);
	record_key_u32(&k, mailbox);
	return k;
}

bool
record_key_under(struct slice key, const struct record_key *prefix)
{
	return key.n >= prefix->n && memcmp(key.p, prefix->octets, prefix->n) == 0;
}

static uint64_t
read_be(struct slice key, size_t at, size_t octets)
{
	uint64_t v = 0;

	for (size_t i = at; i < at + octets; i++)
		v = v << 8 | (i < key.n ? (unsigned char)key.p[i] : 0U);
	return v;
}

uint32_t
record_key_read_u32(struct slice key, size_t at)
{
	return (uint32_t)read_be(key, at, 4);
}

uint64_t
record_key_read_u64(struct slice key, size_t at)
{
	return read_be(key, at, 8);
}
