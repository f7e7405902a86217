/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/audit.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "common/control.h"
#include "mailstore/crypt.h"
#include "mailstore/path.h"

/* Version 1: without the node. */
#define CHECKPOINT_FIELDS(F, L, T) \
	F(T, STR, signature, 64) \
	F(T, STR, public_key, 32)
WIRE_STRUCT(audit_checkpoint, CHECKPOINT_FIELDS)
WIRE_TYPE(audit_checkpoint, CHECKPOINT_FIELDS)

#define NODE_FIELDS(F, L, T) \
	F(T, STR, node, 16)
WIRE_STRUCT(audit_node_row, NODE_FIELDS)
WIRE_TYPE(audit_node_row, NODE_FIELDS)

enum { CHECKPOINT_VERSION = 2 };

#define HEAD_FIELDS(F, L, T) \
	F(T, U64, serial, 0) \
	F(T, STR, chain, 32)
WIRE_STRUCT(audit_head_row, HEAD_FIELDS)
WIRE_TYPE(audit_head_row, HEAD_FIELDS)

static const struct slice head_key = { "audit-head", 10 }, node_key = { "audit-node", 10 };

enum { RECORD_ARENA_MAX = 16 * 1024 * 1024, ENCODED_MAX = 16 * 1024 * 1024 };

static int
load_node(struct control *c, struct arena *a, uint8_t out[AUDIT_NODE_OCTETS])
{
	struct audit_node_row row;
	int r = control_get(c, CONTROL_META, node_key, &audit_node_row_wire, a, &row);

	memset(out, 0, AUDIT_NODE_OCTETS);
	if (r == OK && row.node.n != AUDIT_NODE_OCTETS)
		r = ERR_CORRUPT;
	if (r == OK)
		memcpy(out, row.node.p, AUDIT_NODE_OCTETS);
	return r == ERR_NOENT ? OK : r;
}

void
audit_start(const uint8_t node[AUDIT_NODE_OCTETS], uint8_t out[AUDIT_CHAIN_OCTETS])
{
	static const char label[] = "congvu audit node 1";
	crypto_generichash_state h;

	memset(out, 0, AUDIT_CHAIN_OCTETS);
	if (sodium_is_zero(node, AUDIT_NODE_OCTETS))
		return;
	crypto_generichash_init(&h, NULL, 0, AUDIT_CHAIN_OCTETS);
	crypto_generichash_update(&h, (const unsigned char *)label, sizeof label);
	crypto_generichash_update(&h, node, AUDIT_NODE_OCTETS);
	crypto_generichash_final(&h, out, AUDIT_CHAIN_OCTETS);
}

bool
audit_has_node(const struct audit_head *head)
{
	return !sodium_is_zero(head->node, sizeof head->node);
}

int
audit_make_node(struct control *c, struct audit_head *head)
{
	struct audit_node_row row = { { (const char *)head->node, sizeof head->node } };

	crypt_random(head->node, sizeof head->node);
	if (head->serial == 0)
		audit_start(head->node, head->chain);
	return control_put(c, CONTROL_META, node_key, &audit_node_row_wire, &row);
}

int
audit_load(struct control *c, struct arena *a, struct audit_head *out)
{
	struct audit_head_row row;
	int r;

	*out = (struct audit_head){ 0 };
	r = load_node(c, a, out->node);
	if (r != OK)
		return r;
	audit_start(out->node, out->chain);
	r = control_get(c, CONTROL_META, head_key, &audit_head_row_wire, a, &row);
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

int
audit_next(const uint8_t last[AUDIT_CHAIN_OCTETS], const struct st_audit_record *rec,
    uint8_t out[AUDIT_CHAIN_OCTETS])
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

		r = audit_next(head->chain, &rec, head->chain);
		if (r != OK)
			break;
		head->serial++;
		rec.chain = (struct slice){ (const char *)head->chain, sizeof head->chain };
		r = control_put(c, CONTROL_AUDIT, record_key_slice(&k), &st_audit_record_wire,
		    &rec);
	}
	return r == OK && n > 0 ? audit_set_head(c, head) : r;
}

static void
digest_of(const struct audit_head *head, unsigned version, uint8_t digest_out[32])
{
	static const char first[] = "congvu checkpoint 1", second[] = "congvu checkpoint 2";
	crypto_generichash_state h;

	_Static_assert(sizeof first == sizeof second, "labels");
	crypto_generichash_init(&h, NULL, 0, 32);
	crypto_generichash_update(&h, (const unsigned char *)(version == 1 ? first : second),
	    sizeof first);
	if (version != 1)
		crypto_generichash_update(&h, head->node, sizeof head->node);
	hash_u64(&h, head->serial);
	crypto_generichash_update(&h, head->chain, sizeof head->chain);
	crypto_generichash_final(&h, digest_out, 32);
}

void
audit_digest(const struct audit_head *head, uint8_t digest_out[32])
{
	digest_of(head, CHECKPOINT_VERSION, digest_out);
}

bool
audit_signed(const struct audit_head *at, const struct st_audit_checkpoint *cp,
    const uint8_t key[32])
{
	struct audit_head signed_at = *at;
	uint8_t digest[32];

	if (cp->serial != at->serial || cp->signature.n != 64 || cp->public_key.n != 32 ||
	    memcmp(cp->public_key.p, key, 32) != 0 || (cp->version == CHECKPOINT_VERSION &&
	    cp->node.n != AUDIT_NODE_OCTETS))
		return false;
	if (cp->version == CHECKPOINT_VERSION)
		memcpy(signed_at.node, cp->node.p, sizeof signed_at.node);
	digest_of(&signed_at, cp->version, digest);
	return crypto_sign_verify_detached((const unsigned char *)cp->signature.p, digest,
	    sizeof digest, key) == 0;
}

int
audit_add_checkpoint(struct control *c, const struct audit_head *at, struct slice signature,
    struct slice public_key)
{
	struct st_audit_checkpoint row = { .serial = at->serial, .version = CHECKPOINT_VERSION,
		.node = { (const char *)at->node, sizeof at->node }, .signature = signature,
		.public_key = public_key };
	struct record_key k = serial_key(at->serial);
	int r = record_wire_put_as(record_key_slice(&k), CHECKPOINT_VERSION,
	    &st_audit_checkpoint_wire, &row, &c->row);

	return r == OK ? env_put(c->t, CONTROL_CHECKPOINT, record_key_slice(&k),
	    buf_slice(&c->row)) : r;
}

/* A row of either version. */
static int
checkpoint_get(struct slice key, struct slice val, struct arena *a,
    struct st_audit_checkpoint *out)
{
	struct audit_checkpoint old;
	int r;

	if (record_version(val) != 1)
		return record_wire_get_as(key, val, CHECKPOINT_VERSION,
		    &st_audit_checkpoint_wire, a, out);
	r = record_wire_get_as(key, val, 1, &audit_checkpoint_wire, a, &old);
	*out = (struct st_audit_checkpoint){ .serial = record_key_read_u64(key, 0),
		.version = 1 };
	if (r == OK)
		out->signature = old.signature, out->public_key = old.public_key;
	return r;
}

/* The value before `from`, and the node. */
static int
list_begin(struct control *c, uint64_t from, struct arena *a, struct st_audit_list_reply *out)
{
	struct record_key k = serial_key(from - 1);
	struct audit_head head = { .serial = 0 };
	struct st_audit_record rec;
	int r = load_node(c, a, head.node);

	if (r != OK)
		return r;
	audit_start(head.node, head.chain);
	r = from <= 1 ? ERR_NOENT : control_get(c, CONTROL_AUDIT, record_key_slice(&k),
	    &st_audit_record_wire, a, &rec);
	if (r == OK)
		out->before = rec.chain;
	else
		out->before = arena_copy(a, (struct slice){ (const char *)head.chain, 32 });
	out->node = arena_copy(a, (struct slice){ (const char *)head.node, sizeof head.node });
	return r == ERR_NOENT ? a->err : r;
}

/* The checkpoints of the records of the list. */
static int
list_checkpoints(struct control *c, uint64_t from, struct arena *a,
    struct st_audit_list_reply *out)
{
	struct record_key k = serial_key(from);
	uint64_t last = out->records_n == 0 ? 0 : out->records[out->records_n - 1].serial;
	struct env_cursor cur;
	int r = env_cursor_open(c->t, CONTROL_CHECKPOINT, &cur);

	if (r != OK)
		return r;
	out->checkpoints = arena_array(a, out->records_n, sizeof *out->checkpoints);
	r = out->checkpoints == NULL ? a->err : env_cursor_seek(&cur, record_key_slice(&k));
	while (r == 1 && record_key_read_u64(cur.key, 0) <= last &&
	    out->checkpoints_n < out->records_n) {
		r = checkpoint_get(cur.key, cur.val, a, &out->checkpoints[out->checkpoints_n++]);
		if (r == OK)
			r = env_cursor_next(&cur);
	}
	env_cursor_close(&cur);
	return r < 0 ? r : OK;
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
	r = list_begin(c, from, a, out);
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
	return r < 0 ? r : list_checkpoints(c, from, a, out);
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
check_signature(struct audit_verify *v, const struct st_audit_checkpoint *row, uint64_t time_ms)
{
	if (row->signature.n != 64 || row->public_key.n != 32)
		return fault(v, v->at.serial, "a checkpoint is damaged");
	if (!v->has_key)
		memcpy(v->key, row->public_key.p, sizeof v->key);
	v->has_key = true;
	if (memcmp(v->key, row->public_key.p, sizeof v->key) != 0)
		return fault(v, v->at.serial, "a checkpoint was signed with another key");
	if (row->version == CHECKPOINT_VERSION && (row->node.n != sizeof v->at.node ||
	    memcmp(row->node.p, v->at.node, sizeof v->at.node) != 0))
		return fault(v, v->at.serial, "a checkpoint is another node's");
	if (!audit_signed(&v->at, row, v->key) && !control_off("audit-signature"))
		return fault(v, v->at.serial, "a checkpoint's signature does not fit");
	v->checkpoints++;
	v->covered = v->at.serial;
	v->covered_ms = time_ms;
	return OK;
}

static int
check_checkpoint(struct control *c, struct audit_verify *v, uint64_t time_ms, struct arena *a)
{
	struct record_key k = serial_key(v->at.serial);
	struct st_audit_checkpoint row;
	struct slice val;
	int r = env_get(c->t, CONTROL_CHECKPOINT, record_key_slice(&k), &val);

	if (r == ERR_NOENT)
		return OK;
	if (r == OK)
		r = checkpoint_get(record_key_slice(&k), val, a, &row);
	if (r == ERR_CORRUPT)
		return fault(v, v->at.serial, "a checkpoint is damaged");
	return r == OK ? check_signature(v, &row, time_ms) : r;
}

/* A chain that is older than its node's number begins with zeros. */
static int
chain_of(const struct audit_verify *v, const struct st_audit_record *rec, uint8_t chain[32])
{
	static const uint8_t zeros[AUDIT_CHAIN_OCTETS];
	int r = audit_next(v->at.chain, rec, chain);

	if (r == OK && rec->serial == 1 && rec->chain.n == AUDIT_CHAIN_OCTETS &&
	    memcmp(rec->chain.p, chain, AUDIT_CHAIN_OCTETS) != 0)
		r = audit_next(zeros, rec, chain);
	return r;
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
		r = chain_of(v, &rec, chain);
	if (r != OK)
		return r;
	if (rec.chain.n != sizeof chain || (memcmp(rec.chain.p, chain, sizeof chain) != 0 &&
	    !control_off("audit-chain")))
		return fault(v, serial, "a record was altered, removed or moved");
	v->at.serial = serial;
	memcpy(v->at.chain, chain, sizeof chain);
	return check_checkpoint(c, v, rec.time_ms, a);
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
	if (v->at.serial == 0) {
		r = load_node(c, &a, v->at.node);
		audit_start(v->at.node, v->at.chain);
	}
	if (r == OK)
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
