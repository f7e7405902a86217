/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "help.h"

enum { RECORDS = 30, CHECKPOINT_AT = 20 };

struct audit_test {
	struct help h;
	uint8_t public[32], secret[64];
};

static int
add_fn(struct engine *e, void *arg)
{
	char detail[32];
	struct st_address to = { SLICE("b@x.vn") };
	struct st_audit rec = { .event = SLICE("submit"), .account = SLICE("a@x.vn"),
		.recipients = &to, .recipients_n = 1, .level = LEVEL_MAT };

	snprintf(detail, sizeof detail, "record %u", *(unsigned *)arg);
	rec.detail = slice_of(detail);
	return audit_add(e->ctl, &e->audit, 1000 + *(unsigned *)arg, &rec, 1);
}

static int
checkpoint_fn(struct engine *e, void *arg)
{
	struct audit_test *t = arg;
	uint8_t digest[32], sig[64];

	audit_digest(&e->audit, digest);
	crypto_sign_detached(sig, NULL, digest, sizeof digest, t->secret);
	return audit_add_checkpoint(e->ctl, &e->audit, (struct slice){ (const char *)sig, 64 },
	    (struct slice){ (const char *)t->public, 32 });
}

static int
begin(void **state)
{
	struct audit_test *t = malloc(sizeof *t);

	assert_non_null(t);
	help_begin(&t->h);
	crypto_sign_keypair(t->public, t->secret);
	for (unsigned i = 1; i <= RECORDS; i++) {
		assert_int_equal(help_control(&t->h, add_fn, &i), OK);
		if (i == CHECKPOINT_AT)
			assert_int_equal(help_control(&t->h, checkpoint_fn, t), OK);
	}
	*state = t;
	return 0;
}

static int
end(void **state)
{
	struct audit_test *t = *state;

	help_end(&t->h);
	free(t);
	return 0;
}

static struct audit_verify
verify(struct audit_test *t, bool with_key)
{
	struct audit_verify v;
	struct slice key = { (const char *)t->public, with_key ? 32 : 0 };

	help_close(&t->h);
	assert_int_equal(audit_verify_dir(t->h.state, HELP_MAP, key, &v), OK);
	help_open(&t->h);
	return v;
}

static void
a_whole_chain_verifies(void **state)
{
	struct audit_verify v = verify(*state, true);

	assert_string_equal(v.what, "");
	assert_int_equal(v.at.serial, RECORDS);
	assert_int_equal(v.checkpoints, 1);
}

/* ---- tampering, by one who can write the files and knows the formats ---- */

struct tamper {
	const char *name;
	int (*fn)(struct engine *e, void *arg);
	uint64_t first_bad;
};

static struct record_key
key_of(uint64_t serial)
{
	return record_key_blob(serial);
}

static int
get(struct engine *e, uint64_t serial, struct arena *a, struct st_audit_record *out)
{
	struct record_key k = key_of(serial);

	return control_get(e->ctl, CONTROL_AUDIT, record_key_slice(&k), &st_audit_record_wire, a,
	    out);
}

static int
put(struct engine *e, uint64_t serial, const struct st_audit_record *rec)
{
	struct record_key k = key_of(serial);

	return control_put(e->ctl, CONTROL_AUDIT, record_key_slice(&k), &st_audit_record_wire, rec);
}

static int
alter(struct engine *e, void *arg)
{
	struct st_audit_record rec;
	int r = get(e, 10, arg, &rec);

	rec.audit[0].account = SLICE("c@x.vn");
	return r == OK ? put(e, 10, &rec) : r;
}

static int
alter_time(struct engine *e, void *arg)
{
	struct st_audit_record rec;
	int r = get(e, 10, arg, &rec);

	rec.time_ms++;
	return r == OK ? put(e, 10, &rec) : r;
}

static int
drop(struct engine *e, void *arg)
{
	struct record_key k = key_of(10);

	(void)arg;
	return control_del(e->ctl, CONTROL_AUDIT, record_key_slice(&k));
}

/* Remove one and move all later ones up. */
static int
close_up(struct engine *e, void *arg)
{
	int r = OK;

	for (uint64_t i = 10; i < RECORDS && r == OK; i++) {
		struct st_audit_record rec;

		r = get(e, i + 1, arg, &rec);
		rec.serial = i;
		if (r == OK)
			r = put(e, i, &rec);
	}
	return r;
}

static int
swap(struct engine *e, void *arg)
{
	struct st_audit_record x, y;
	int r = get(e, 10, arg, &x);

	if (r == OK)
		r = get(e, 11, arg, &y);
	x.serial = 11, y.serial = 10;
	if (r == OK)
		r = put(e, 10, &y);
	return r == OK ? put(e, 11, &x) : r;
}

static int
cut_before_checkpoint(struct engine *e, void *arg)
{
	int r = OK;

	(void)arg;
	for (uint64_t i = 15; i <= RECORDS && r == OK; i++) {
		struct record_key k = key_of(i);

		r = control_del(e->ctl, CONTROL_AUDIT, record_key_slice(&k));
	}
	return r;
}

static int
cut_end(struct engine *e, void *arg)
{
	struct record_key k = key_of(RECORDS);

	(void)arg;
	return control_del(e->ctl, CONTROL_AUDIT, record_key_slice(&k));
}

/* Make the whole chain anew, with another record 10 and a consistent head. */
static int
forge(struct engine *e, void *arg)
{
	struct st_audit_record rec[RECORDS + 1];
	int r = OK;

	for (uint64_t i = 1; i <= RECORDS && r == OK; i++)
		r = get(e, i, arg, &rec[i]);
	rec[10].audit[0].account = SLICE("c@x.vn");
	e->audit.serial = 0;
	audit_start(e->audit.node, e->audit.chain);
	for (uint64_t i = 1; i <= RECORDS && r == OK; i++)
		r = audit_add(e->ctl, &e->audit, (int64_t)rec[i].time_ms, rec[i].audit, 1);
	return r;
}

static void
tampering_is_found_at_its_place(void **state)
{
	static const struct tamper rows[] = {
		{ "alter", alter, 10 }, { "time", alter_time, 10 }, { "drop", drop, 10 },
		{ "close up", close_up, 10 }, { "swap", swap, 10 },
		{ "cut", cut_before_checkpoint, 15 }, { "cut end", cut_end, RECORDS },
		{ "forge", forge, CHECKPOINT_AT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct audit_test *t;
		struct audit_verify v;
		struct arena a;
		void *s;

		begin(&s);
		t = s;
		arena_init(&a, 4 << 20);
		assert_int_equal(help_control(&t->h, rows[i].fn, &a), OK);
		arena_clear(&a);
		v = verify(t, true);
		if (v.what[0] == '\0' || v.first_bad != rows[i].first_bad)
			fail_msg("%s: \"%s\" at %llu", rows[i].name, v.what,
			    (unsigned long long)v.first_bad);
		end(&s);
	}
}

static void
another_key_is_refused(void **state)
{
	struct audit_test *t = *state;
	struct audit_verify v;

	t->public[0] ^= 1;
	v = verify(t, true);
	assert_int_equal(v.first_bad, CHECKPOINT_AT);
	v = verify(t, false);
	assert_string_equal(v.what, "");
}

/* ---- every single change of a chain of n records ---- */

enum { FEW = 8 };

static void
add_all_kinds(struct audit_test *t)
{
	static char hash[32];
	struct st_address to[] = { { SLICE("b@x.vn") }, { SLICE("c@x.vn") } };
	struct st_audit rec = { .event = SLICE("submit"), .account = SLICE("a@x.vn"),
		.client = SLICE("10.0.0.1"), .mail_from = SLICE("a@x.vn"), .recipients = to,
		.recipients_n = 2, .size_octets = 7, .sha256 = { hash, sizeof hash },
		.verdict = VERDICT_REJECT, .rule = SLICE("rule"), .level = LEVEL_MAT,
		.evidence = SLICE("mark:1:2"), .reference = SLICE("ref"), .detail = SLICE("d") };

	help_begin(&t->h);
	crypto_sign_keypair(t->public, t->secret);
	for (int i = 0; i < FEW; i++) {
		rec.size_octets++;
		assert_int_equal(control_begin_write(t->h.e->ctl), OK);
		assert_int_equal(audit_add(t->h.e->ctl, &t->h.e->audit, 1000 + i, &rec, 1), OK);
		assert_int_equal(control_commit(t->h.e->ctl), OK);
	}
	assert_int_equal(help_control(&t->h, checkpoint_fn, t), OK);
}

/* In the open transaction; what it says is wrong, or "". */
static void
verify_now(struct audit_test *t, char what[128])
{
	struct audit_verify v;

	audit_verify_begin(&v, (struct slice){ (const char *)t->public, 32 });
	while (!v.done)
		assert_int_equal(audit_verify_step(t->h.e->ctl, &v, 100), OK);
	memcpy(what, v.what, sizeof v.what);
}

/* Make one change, which must be found, and take it back. */
static void
must_be_found(struct audit_test *t, int (*fn)(struct engine *e, void *arg), void *arg,
    const char *name, uint64_t at)
{
	char what[128];

	assert_int_equal(control_begin_write(t->h.e->ctl), OK);
	verify_now(t, what);
	assert_string_equal(what, "");
	assert_int_equal(fn(t->h.e, arg), OK);
	verify_now(t, what);
	if (what[0] == '\0')
		fail_msg("%s of record %llu was not found", name, (unsigned long long)at);
	control_abort(t->h.e->ctl);
}

struct change {
	struct arena a;
	uint64_t at, other;
	const struct wire_field *field;
};

static int
remove_fn(struct engine *e, void *arg)
{
	const struct change *c = arg;
	struct record_key k = key_of(c->at);

	return control_del(e->ctl, CONTROL_AUDIT, record_key_slice(&k));
}

static int
swap_fn(struct engine *e, void *arg)
{
	struct change *c = arg;
	struct st_audit_record x, y;
	int r = get(e, c->at, &c->a, &x);

	if (r == OK)
		r = get(e, c->other, &c->a, &y);
	x.serial = c->other, y.serial = c->at;
	if (r == OK)
		r = put(e, c->at, &y);
	return r == OK ? put(e, c->other, &x) : r;
}

/* Another value of a field, whatever kind it is. */
static void
turn(const struct wire_field *f, void *msg)
{
	char *at = (char *)msg + f->offset;
	static const char other[] = "12345678901234567890123456789012345678901234567890123456789012";
	struct slice *s = (struct slice *)(void *)at;

	switch (f->kind) {
	case WIRE_U8:
		*at = (char)(*at == 0);
		break;
	case WIRE_U64:
		++*(uint64_t *)(void *)at;
		break;
	case WIRE_STR:
		*s = (struct slice){ other, f->max < sizeof other - 1 ? f->max - (s->n == f->max ? 1 : 0) :
		    sizeof other - 1 };
		break;
	case WIRE_LIST:
		--*(size_t *)(void *)((char *)msg + f->offset_count);
		break;
	default:
		fail_msg("a kind of field without a change: %s", f->name);
	}
}

static int
field_fn(struct engine *e, void *arg)
{
	struct change *c = arg;
	struct st_audit_record rec;
	int r = get(e, c->at, &c->a, &rec);

	if (r == OK)
		turn(c->field, rec.audit);
	return r == OK ? put(e, c->at, &rec) : r;
}

/* serial, time and chain; without it the list of one. */
static int
head_field_fn(struct engine *e, void *arg)
{
	struct change *c = arg;
	struct st_audit_record rec;
	int r = get(e, c->at, &c->a, &rec);

	if (r == OK)
		turn(c->field, &rec);
	return r == OK ? put(e, c->at, &rec) : r;
}

static void
every_single_change_is_found(void **state)
{
	struct audit_test t;
	struct change c;

	(void)state;
	add_all_kinds(&t);
	arena_init(&c.a, 64 << 20);
	for (c.at = 1; c.at <= FEW; c.at++) {
		must_be_found(&t, remove_fn, &c, "removal", c.at);
		for (c.other = c.at + 1; c.other <= FEW; c.other++)
			must_be_found(&t, swap_fn, &c, "swap", c.at);
		for (size_t i = 0; i < st_audit_wire.fields_n; i++) {
			c.field = &st_audit_wire.fields[i];
			must_be_found(&t, field_fn, &c, c.field->name, c.at);
		}
		for (size_t i = 0; i < st_audit_record_wire.fields_n; i++) {
			c.field = &st_audit_record_wire.fields[i];
			must_be_found(&t, head_field_fn, &c, c.field->name, c.at);
		}
		arena_clear(&c.a);
	}
	help_end(&t.h);
}

/* The same records, as another node's: its checkpoint is no good here. */
static int
other_node_fn(struct engine *e, void *arg)
{
	struct audit_head was = e->audit;
	int r;

	(void)arg;
	r = audit_make_node(e->ctl, &e->audit);
	e->audit = was;
	return r;
}

static void
a_chain_is_one_nodes(void **state)
{
	struct audit_test t;

	(void)state;
	add_all_kinds(&t);
	must_be_found(&t, other_node_fn, NULL, "node", 0);
	help_end(&t.h);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(every_single_change_is_found),
		cmocka_unit_test(a_chain_is_one_nodes),
		cmocka_unit_test_setup_teardown(a_whole_chain_verifies, begin, end),
		cmocka_unit_test(tampering_is_found_at_its_place),
		cmocka_unit_test_setup_teardown(another_key_is_refused, begin, end),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
