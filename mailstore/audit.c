/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/audit.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "common/control.h"
#include "mailstore/crypt.h"
#include "mailstore/path.h"

#define CHECKPOINT_FIELDS(F, L, T) \
	F(T, STR, signature, 64) \
	F(T, STR, public_key, 32)
WIRE_STRUCT(audit_checkpoint, CHECKPOINT_FIELDS)
WIRE_TYPE(audit_checkpoint, CHECKPOINT_FIELDS)

#define HEAD_FIELDS(F, L, T) \
	F(T, U64, serial, 0) \
	F(T, STR, chain, 32)
WIRE_STRUCT(audit_head_row, HEAD_FIELDS)
WIRE_TYPE(audit_head_row, HEAD_FIELDS)

static const struct slice head_key = { "audit-head", 10 };

enum { RECORD_ARENA_MAX = 16 * 1024 * 1024, ENCODED_MAX = 16 * 1024 * 1024 };

int
audit_load(struct control *c, struct arena *a, struct audit_head *out)
{
	struct audit_head_row row;
	int r = control_get(c, CONTROL_META, head_key, &audit_head_row_wire, a, &row);

	*out = (struct audit_head){ 0 };
	if (r == ERR_NOENT)
		return OK;
	if (r == OK && row.chain.n != sizeof out->chain)
		r = ERR_CORRUPT;
	if (r != OK)
		return r;
	out->serial = row.serial;
	memcpy(out->chain, row.chain.p, sizeof out->chain);
	return OK;
}

static void
hash_u64(crypto_generichash_state *h, uint64_t v)
{
	unsigned char le[8];

	for (int i = 0; i < 8; i++)
		le[i] = (unsigned char)(v >> 8 * i);
	crypto_generichash_update(h, le, sizeof le);
}

/* The next chain value, from the last one and a record without its own. */
static int
next_chain(const uint8_t last[32], const struct st_audit_record *rec, uint8_t out[32])
{
	static const char label[] = "congvu audit 1";
	crypto_generichash_state h;
	struct buf encoded;
	int r = OK;

	buf_init(&encoded, ENCODED_MAX);
	crypto_generichash_init(&h, NULL, 0, AUDIT_CHAIN_OCTETS);
	crypto_generichash_update(&h, (const unsigned char *)label, sizeof label);
	crypto_generichash_update(&h, last, AUDIT_CHAIN_OCTETS);
	hash_u64(&h, rec->serial);
	hash_u64(&h, rec->time_ms);
	for (size_t i = 0; i < rec->audit_n && r == OK; i++)
		r = wire_encode(&st_audit_wire, &rec->audit[i], &encoded);
	crypto_generichash_update(&h, (const unsigned char *)encoded.p, encoded.n);
	crypto_generichash_final(&h, out, AUDIT_CHAIN_OCTETS);
	buf_fini(&encoded);
	return r;
}

static struct record_key
serial_key(uint64_t serial)
{
	return record_key_blob(serial);
}

int
audit_set_head(struct control *c, const struct audit_head *head)
{
	struct audit_head_row row = { head->serial, { (const char *)head->chain, 32 } };

	return control_put(c, CONTROL_META, head_key, &audit_head_row_wire, &row);
}

int
audit_add(struct control *c, struct audit_head *head, int64_t now_ms,
    const struct st_audit *records, size_t n)
{
	int r = OK;

	for (size_t i = 0; i < n && r == OK; i++) {
		struct st_audit one = records[i];
		struct st_audit_record rec = { .serial = head->serial + 1,
			.time_ms = (uint64_t)now_ms, .audit = &one, .audit_n = 1 };
		struct record_key k = serial_key(rec.serial);

		r = next_chain(head->chain, &rec, head->chain);
		if (r != OK)
			break;
		head->serial++;
		rec.chain = (struct slice){ (const char *)head->chain, sizeof head->chain };
		r = control_put(c, CONTROL_AUDIT, record_key_slice(&k), &st_audit_record_wire,
		    &rec);
	}
	return r == OK && n > 0 ? audit_set_head(c, head) : r;
}

void
audit_digest(const struct audit_head *head, uint8_t digest_out[32])
{
	static const char label[] = "congvu checkpoint 1";
	crypto_generichash_state h;

	crypto_generichash_init(&h, NULL, 0, 32);
	crypto_generichash_update(&h, (const unsigned char *)label, sizeof label);
	hash_u64(&h, head->serial);
	crypto_generichash_update(&h, head->chain, sizeof head->chain);
	crypto_generichash_final(&h, digest_out, 32);
}

int
audit_add_checkpoint(struct control *c, const struct audit_head *at, struct slice signature,
    struct slice public_key)
{
	struct audit_checkpoint row = { signature, public_key };
	struct record_key k = serial_key(at->serial);

	return control_put(c, CONTROL_CHECKPOINT, record_key_slice(&k), &audit_checkpoint_wire,
	    &row);
}

int
audit_list(struct control *c, uint64_t from, uint32_t max, size_t max_octets, struct arena *a,
    struct st_audit_list_reply *out)
{
	struct record_key k = serial_key(from);
	struct env_cursor cur;
	int r = env_cursor_open(c->t, CONTROL_AUDIT, &cur);

	*out = (struct st_audit_list_reply){ 0 };
	if (r != OK)
		return r;
	out->records = arena_array(a, max, sizeof *out->records);
	if (out->records == NULL)
		r = a->err;
	if (r == OK)
		r = env_cursor_seek(&cur, record_key_slice(&k));
	for (size_t octets = 0; r == 1; r = r == OK ? env_cursor_next(&cur) : r) {
		octets += cur.val.n;
		out->more = out->records_n == max || (octets > max_octets && out->records_n > 0);
		if (out->more)
			break;
		r = record_wire_get(cur.key, cur.val, &st_audit_record_wire, a,
		    &out->records[out->records_n++]);
	}
	env_cursor_close(&cur);
	return r < 0 ? r : OK;
}

/* ---- verifying ---- */

void
audit_verify_begin(struct audit_verify *v, struct slice public_key)
{
	*v = (struct audit_verify){ .has_key = public_key.n == sizeof v->key };
	if (v->has_key)
		memcpy(v->key, public_key.p, sizeof v->key);
}

static int
fault(struct audit_verify *v, uint64_t serial, const char *what)
{
	v->done = true;
	v->first_bad = serial;
	snprintf(v->what, sizeof v->what, "%s", what);
	return OK;
}

static int
check_signature(struct audit_verify *v, const struct audit_checkpoint *row)
{
	uint8_t digest[32];

	if (row->signature.n != 64 || row->public_key.n != 32)
		return fault(v, v->at.serial, "a checkpoint is damaged");
	if (!v->has_key)
		memcpy(v->key, row->public_key.p, sizeof v->key);
	v->has_key = true;
	audit_digest(&v->at, digest);
	if (memcmp(v->key, row->public_key.p, sizeof v->key) != 0)
		return fault(v, v->at.serial, "a checkpoint was signed with another key");
	if (crypto_sign_verify_detached((const unsigned char *)row->signature.p, digest,
	    sizeof digest, v->key) != 0 && !control_off("audit-signature"))
		return fault(v, v->at.serial, "a checkpoint's signature does not fit");
	v->checkpoints++;
	return OK;
}

static int
check_checkpoint(struct control *c, struct audit_verify *v, struct arena *a)
{
	struct record_key k = serial_key(v->at.serial);
	struct audit_checkpoint row;
	int r = control_get(c, CONTROL_CHECKPOINT, record_key_slice(&k), &audit_checkpoint_wire, a,
	    &row);

	if (r == ERR_NOENT)
		return OK;
	if (r == ERR_CORRUPT)
		return fault(v, v->at.serial, "a checkpoint is damaged");
	return r == OK ? check_signature(v, &row) : r;
}

static int
check_record(struct control *c, struct audit_verify *v, const struct env_cursor *cur,
    struct arena *a)
{
	uint64_t serial = v->at.serial + 1;
	struct st_audit_record rec;
	uint8_t chain[32];
	int r;

	if (record_key_read_u64(cur->key, 0) != serial)
		return fault(v, serial, "a record is missing");
	r = record_wire_get(cur->key, cur->val, &st_audit_record_wire, a, &rec);
	if (r == ERR_CORRUPT || (r == OK && (rec.serial != serial || rec.audit_n != 1)))
		return fault(v, serial, "a record is damaged or was altered");
	if (r == OK)
		r = next_chain(v->at.chain, &rec, chain);
	if (r != OK)
		return r;
	if (rec.chain.n != sizeof chain || (memcmp(rec.chain.p, chain, sizeof chain) != 0 &&
	    !control_off("audit-chain")))
		return fault(v, serial, "a record was altered, removed or moved");
	v->at.serial = serial;
	memcpy(v->at.chain, chain, sizeof chain);
	return check_checkpoint(c, v, a);
}

/* All records are read: nothing may point behind them. */
static int
check_end(struct control *c, struct audit_verify *v, struct arena *a)
{
	struct record_key after = serial_key(v->at.serial + 1);
	struct audit_head head;
	struct env_cursor cur;
	int r;

	if (v->done)
		return OK;
	v->done = true;
	r = env_cursor_open(c->t, CONTROL_CHECKPOINT, &cur);
	if (r != OK)
		return r;
	r = env_cursor_seek(&cur, record_key_slice(&after));
	env_cursor_close(&cur);
	if (r == 1)
		return fault(v, v->at.serial + 1, "records at the end are missing");
	if (r == 0)
		r = audit_load(c, a, &head);
	if (r == ERR_CORRUPT)
		return fault(v, v->at.serial + 1, "the head of the chain is damaged");
	if (r == OK && (head.serial != v->at.serial ||
	    memcmp(head.chain, v->at.chain, sizeof head.chain) != 0))
		return fault(v, v->at.serial + 1, "records at the end are missing");
	return r;
}

int
audit_verify_step(struct control *c, struct audit_verify *v, uint64_t n)
{
	struct record_key k = serial_key(v->at.serial + 1);
	struct env_cursor cur;
	struct arena a;
	int r = env_cursor_open(c->t, CONTROL_AUDIT, &cur);

	if (r != OK)
		return r;
	arena_init(&a, RECORD_ARENA_MAX);
	r = env_cursor_seek(&cur, record_key_slice(&k));
	for (uint64_t i = 0; r == 1 && i < n && !v->done; i++) {
		r = check_record(c, v, &cur, &a);
		arena_clear(&a);
		if (r == OK)
			r = env_cursor_next(&cur);
	}
	env_cursor_close(&cur);
	if (r == 0)
		r = check_end(c, v, &a);
	arena_clear(&a);
	return r < 0 ? r : OK;
}

int
audit_verify_dir(const char *state_dir, uint64_t map_octets, struct slice public_key,
    struct audit_verify *out)
{
	char path[PATH_OCTETS];
	struct control *c = NULL;
	int r = crypt_start();

	audit_verify_begin(out, public_key);
	if (r == OK)
		r = path_store(state_dir, "control", path);
	if (r == OK)
		r = control_open(path, map_octets, true, &c);
	if (r == OK)
		r = control_begin_read(c);
	while (r == OK && !out->done)
		r = audit_verify_step(c, out, 10000);
	control_close(&c);
	return r;
}
