/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <stdlib.h>
#include <string.h>

#include "mailstore/gc.h"
#include "mailstore/queue.h"
#include "mailstore/repair_parts.h"

static struct slice
key_of(const struct check_finding *f)
{
	return (struct slice){ (const char *)f->key, f->key_octets };
}

/* ---- damaged rows ---- */

/* A row that nothing else could tell again, and without which a mailstored would not start, or
 * without which mail could not be opened any more. */
static bool
is_dear(const struct check_finding *f)
{
	return f->in_control && (f->tree == CONTROL_ACCOUNT || f->tree == CONTROL_AUDIT ||
	    f->tree == CONTROL_CHECKPOINT);
}

static int
turn_bit(struct check *c, const struct check_finding *f, struct slice val, long bit)
{
	struct env_txn *t = f->in_control ? c->ctl->t : c->ix->t;
	char *copy = arena_alloc(&c->a, val.n);

	if (copy == NULL)
		return ERR_NOMEM;
	memcpy(copy, val.p, val.n);
	copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
	return env_put(t, f->tree, key_of(f), (struct slice){ copy, val.n });
}

/* The head of the audit chain as its last record has it. */
static int
audit_head_anew(struct check *c)
{
	struct audit_head head = { .serial = 0 };
	struct st_audit_record rec;
	struct env_cursor cur;
	int r = env_cursor_open(c->ctl->t, CONTROL_AUDIT, &cur);

	if (r != OK)
		return r;
	r = env_cursor_last(&cur);
	if (r == 1)
		r = record_wire_get(cur.key, cur.val, &st_audit_record_wire, &c->a, &rec);
	env_cursor_close(&cur);
	if (r != OK || rec.chain.n != sizeof head.chain)
		return r < 0 ? r : ERR_CORRUPT;
	head.serial = rec.serial;
	memcpy(head.chain, rec.chain.p, sizeof head.chain);
	return audit_set_head(c->ctl, &head);
}

int
repair_row(struct check *c, const struct check_finding *f)
{
	struct env_txn *t = f->in_control ? c->ctl->t : c->ix->t;
	uint8_t newest = check_newest(f->in_control, f->tree, key_of(f));
	struct slice val;
	long bit;
	int r = env_get(t, f->tree, key_of(f), &val);

	if (r != OK)
		return r;
	bit = record_one_bit(key_of(f), val, newest);
	if (bit >= 0)
		return turn_bit(c, f, val, bit);
	if (f->in_control && f->tree == CONTROL_META && slice_is(key_of(f), "audit-head"))
		return audit_head_anew(c);
	if (is_dear(f))
		return ERR_ACCESS;
	return repair_drop_row(c, f, "damaged");
}

int
repair_drop(struct check *c, const struct check_finding *f)
{
	if (is_dear(f))
		return ERR_ACCESS;
	return repair_drop_row(c, f, f->kind == CHECK_NAME ? "a name of nothing" :
	    f->kind == CHECK_ORPHAN ? "of nothing that is there" : "unknown");
}

/* ---- things with an age ---- */

struct tokens {
	unsigned char (*v)[ST_ID_OCTETS];
	size_t n, cap;
};

static int
by_octets(const void *a, const void *b)
{
	return memcmp(a, b, ST_ID_OCTETS);
}

/* Tokens that have an age, sorted. */
static int
list_ages(struct check *c, uint32_t account, struct tokens *out)
{
	struct record_key prefix = record_key(account, RECORD_TOKEN_AGE);
	struct env_cursor cur;
	int r = env_cursor_open(c->ix->t, INDEX_T, &cur);

	if (r != OK)
		return r;
	r = env_cursor_seek(&cur, record_key_slice(&prefix));
	for (; r == 1 && record_key_under(cur.key, &prefix); r = env_cursor_next(&cur)) {
		if (cur.key.n != 9 + ST_ID_OCTETS)
			continue;
		r = check_room((void **)&out->v, out->n, &out->cap, sizeof *out->v);
		if (r != OK)
			break;
		memcpy(out->v[out->n++], cur.key.p + 9, ST_ID_OCTETS);
	}
	env_cursor_close(&cur);
	if (out->n > 0)
		qsort(out->v, out->n, sizeof *out->v, by_octets);
	return r < 0 ? r : OK;
}

/* The first token, in the order of tokens and after *token, without an age: 1. */
static int
next_without(struct check *c, uint32_t account, const struct tokens *ages,
    struct record_key *token)
{
	struct record_key prefix = record_key(account, RECORD_TOKEN);
	struct env_cursor cur;
	int r = env_cursor_open(c->ix->t, INDEX_T, &cur);

	if (r != OK)
		return r;
	r = env_cursor_seek(&cur, record_key_slice(token));
	for (; r == 1; r = env_cursor_next(&cur)) {
		if (!record_key_under(cur.key, &prefix)) {
			r = 0;
			break;
		}
		if (cur.key.n != 5 + ST_ID_OCTETS || (ages->n > 0 && bsearch(cur.key.p + 5,
		    ages->v, ages->n, sizeof *ages->v, by_octets) != NULL))
			continue;
		token->n = 0;
		record_key_octets(token, cur.key);
		break;
	}
	env_cursor_close(&cur);
	return r;
}

static int
give_ages(struct check *c, uint32_t account)
{
	struct record_key token = record_key(account, RECORD_TOKEN);
	struct tokens ages = { NULL, 0, 0 };
	int r = list_ages(c, account, &ages);

	while (r == OK && (r = next_without(c, account, &ages, &token)) == 1) {
		struct record_key age = record_key(account, RECORD_TOKEN_AGE);

		record_key_u32(&age, (uint32_t)c->repair->now_s);
		record_key_octets(&age, (struct slice){ (const char *)token.octets + 5,
		    ST_ID_OCTETS });
		record_u64_put(record_key_slice(&age), 0, &c->ix->row);
		r = c->ix->row.err != OK ? c->ix->row.err : env_put(c->ix->t, INDEX_T,
		    record_key_slice(&age), buf_slice(&c->ix->row));
		token.octets[token.n++] = 0;	/* on from behind it */
	}
	free(ages.v);
	return r;
}

int
repair_token(struct check *c, const struct check_finding *f)
{
	return f->key_octets > 0 ? env_del(c->ix->t, INDEX_T, key_of(f)) :
	    give_ages(c, f->account);
}

int
repair_done(struct check *c, const struct check_finding *f)
{
	struct record_key age = { .n = 0 };
	uint64_t when;
	int r;

	if (f->tree == CONTROL_AGE)
		return control_del(c->ctl, CONTROL_AGE, key_of(f));
	r = control_get_u64(c->ctl, CONTROL_DONE, key_of(f), &when);
	if (r != OK)
		return r;
	record_key_u32(&age, (uint32_t)when);
	record_key_octets(&age, key_of(f));
	return control_put_u64(c->ctl, CONTROL_AGE, record_key_slice(&age), 0);
}

int
repair_queue(struct check *c, const struct check_finding *f)
{
	struct control_queue q;
	int r;

	if (f->tree == CONTROL_DUE)
		return control_del(c->ctl, CONTROL_DUE, key_of(f));
	r = queue_load(c->ctl, key_of(f), &c->a, &q);
	return r == OK ? queue_enter_time(c->ctl, &q) : r;
}

int
repair_gc(struct check *c, const struct check_finding *f)
{
	return index_gc_put(c->ix, c->repair->now_s + GC_DELAY_S, f->blob);
}
