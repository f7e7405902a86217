/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "check_world.h"
#include "mailstore/frame.h"

static void
a_whole_store_is_whole(void **state)
{
	struct world *w = *state;

	world_copy(w);
	for (unsigned flags = 0; flags < 16; flags++) {
		if ((flags & WORLD_REPAIR) != 0)
			continue;
		assert_int_equal(world_check(w, flags), OK);
		if (w->found_n != 0)
			world_show(w);
		assert_int_equal(w->found_n, 0);
		assert_int_equal(w->result.accounts, 3);
		assert_true(w->result.messages > 24 && w->result.bodies >= 9);
		assert_true(w->result.frame_octets > 20000 && w->result.queued == 4);
		assert_int_equal(w->result.opened,
		    (flags & WORLD_KEYS) != 0 ? w->result.messages : 0);
		assert_int_equal(w->result.left_out, 0);
	}
}

/* ---- planting ---- */

/* Copy of the first row of a tree whose key begins so. */
static void
first_row(struct env_txn *t, unsigned tree, const struct record_key *prefix, struct record_key *key,
    struct buf *val)
{
	struct env_cursor cur;

	assert_int_equal(env_cursor_open(t, tree, &cur), OK);
	assert_int_equal(env_cursor_seek(&cur, prefix->n > 0 ? record_key_slice(prefix) :
	    (struct slice){ "", 1 }), 1);
	assert_true(record_key_under(cur.key, prefix));
	key->n = 0;
	record_key_octets(key, cur.key);
	buf_clear(val);
	buf_add(val, cur.val);
	env_cursor_close(&cur);
}

/* Turn so many bits in the value of a row. */
static void
spoil(struct env_txn *t, unsigned tree, struct record_key prefix, unsigned bits)
{
	struct record_key key;
	struct buf val;

	buf_init(&val, 1 << 20);
	first_row(t, tree, &prefix, &key, &val);
	for (unsigned i = 0; i < bits; i++)
		val.p[val.n / 2 + i] = (char)(val.p[val.n / 2 + i] ^ 1 << i % 8);
	assert_int_equal(env_put(t, tree, record_key_slice(&key), buf_slice(&val)), OK);
	buf_fini(&val);
}

static void
remove_first(struct env_txn *t, unsigned tree, struct record_key prefix)
{
	struct record_key key;
	struct buf val;

	buf_init(&val, 1 << 20);
	first_row(t, tree, &prefix, &key, &val);
	assert_int_equal(env_del(t, tree, record_key_slice(&key)), OK);
	buf_fini(&val);
}

static void
put_u64(struct garden *g, unsigned tree, const struct record_key *k, uint64_t v)
{
	record_u64_put(record_key_slice(k), v, &g->ix->row);
	assert_int_equal(env_put(g->ix->t, tree, record_key_slice(k), buf_slice(&g->ix->row)), OK);
}

static struct record_key
all(void)
{
	return (struct record_key){ .n = 0 };
}

static void one_bit_of_a_message(struct garden *g)
{ spoil(g->ix->t, INDEX_T, record_key(1, RECORD_MESSAGE), 1); }
static void message(struct garden *g) { spoil(g->ix->t, INDEX_T, record_key(1, RECORD_MESSAGE), 9); }
static void box(struct garden *g) { spoil(g->ix->t, INDEX_T, record_key(1, RECORD_BOX), 9); }
static void account(struct garden *g) { spoil(g->ix->t, INDEX_T, record_key(1, RECORD_ACCOUNT), 9); }
static void expunged(struct garden *g) { spoil(g->ix->t, INDEX_T, record_key(1, RECORD_EXPUNGED), 9); }
static void vanished(struct garden *g) { spoil(g->ix->t, INDEX_T, record_key(1, RECORD_VANISHED), 9); }
static void token(struct garden *g) { spoil(g->ix->t, INDEX_T, record_key(1, RECORD_TOKEN), 9); }
static void token_age(struct garden *g) { spoil(g->ix->t, INDEX_T, record_key(1, RECORD_TOKEN_AGE), 3); }
static void name(struct garden *g) { spoil(g->ix->t, INDEX_T, record_key(1, RECORD_NAME), 5); }
static void subscribed(struct garden *g)
{ spoil(g->ix->t, INDEX_T, record_key(1, RECORD_SUBSCRIBED), 5); }
static void blob(struct garden *g) { spoil(g->ix->t, INDEX_BLOB, all(), 9); }
static void guid_row(struct garden *g) { spoil(g->ix->t, INDEX_GUID, all(), 5); }
static void queued_row(struct garden *g) { spoil(g->ctl->t, CONTROL_QUEUE, all(), 9); }
static void due_row(struct garden *g) { spoil(g->ctl->t, CONTROL_DUE, all(), 5); }
static void done_row(struct garden *g) { spoil(g->ctl->t, CONTROL_DONE, all(), 5); }
static void age_row(struct garden *g) { spoil(g->ctl->t, CONTROL_AGE, all(), 5); }
static void intent_row(struct garden *g) { spoil(g->ctl->t, CONTROL_INTENT, all(), 9); }
static void keys_row(struct garden *g) { spoil(g->ctl->t, CONTROL_ACCOUNT, all(), 9); }
static void one_bit_of_keys(struct garden *g) { spoil(g->ctl->t, CONTROL_ACCOUNT, all(), 1); }
static void audit_row(struct garden *g) { spoil(g->ctl->t, CONTROL_AUDIT, all(), 9); }
static void no_audit_row(struct garden *g) { remove_first(g->ctl->t, CONTROL_AUDIT, all()); }
static void audit_head(struct garden *g) { spoil(g->ctl->t, CONTROL_META, all(), 9); }
static void no_box(struct garden *g) { remove_first(g->ix->t, INDEX_T, record_key(1, RECORD_BOX)); }
static void no_account(struct garden *g)
{ remove_first(g->ix->t, INDEX_T, record_key(1, RECORD_ACCOUNT)); }
static void no_message(struct garden *g)
{ remove_first(g->ix->t, INDEX_T, record_key(1, RECORD_MESSAGE)); }
static void no_name(struct garden *g) { remove_first(g->ix->t, INDEX_T, record_key(1, RECORD_NAME)); }
static void no_token(struct garden *g) { remove_first(g->ix->t, INDEX_T, record_key(1, RECORD_TOKEN)); }
static void no_token_age(struct garden *g)
{ remove_first(g->ix->t, INDEX_T, record_key(1, RECORD_TOKEN_AGE)); }
static void no_vanished(struct garden *g)
{ remove_first(g->ix->t, INDEX_T, record_key(1, RECORD_VANISHED)); }
static void no_blob(struct garden *g) { remove_first(g->ix->t, INDEX_BLOB, all()); }
static void no_guid(struct garden *g) { remove_first(g->ix->t, INDEX_GUID, all()); }
static void no_due(struct garden *g) { remove_first(g->ctl->t, CONTROL_DUE, all()); }
static void no_queue(struct garden *g) { remove_first(g->ctl->t, CONTROL_QUEUE, all()); }
static void no_age(struct garden *g) { remove_first(g->ctl->t, CONTROL_AGE, all()); }
static void no_done(struct garden *g) { remove_first(g->ctl->t, CONTROL_DONE, all()); }

/* Everything of an account but the keysets. */
static void
no_rows_of_account(struct garden *g)
{
	struct record_key prefix = { .n = 0 };
	struct env_cursor cur;

	record_key_u32(&prefix, 3);
	assert_int_equal(env_cursor_open(g->ix->t, INDEX_T, &cur), OK);
	while (env_cursor_seek(&cur, record_key_slice(&prefix)) == 1 &&
	    record_key_under(cur.key, &prefix))
		assert_int_equal(env_cursor_del(g->ix->t, &cur), OK);
	env_cursor_close(&cur);
}

static void
strange_letter(struct garden *g)
{
	struct record_key k = record_key(1, (enum record_kind)'Q');

	put_u64(g, INDEX_T, &k, 7);
}

static void
strange_length(struct garden *g)
{
	struct record_key k = record_key_box(1, BOX_INBOX);

	record_key_u16(&k, 7);
	put_u64(g, INDEX_T, &k, 7);
}

static void
newer(struct garden *g)
{
	struct record_key k = record_key_box(1, BOX_INBOX);
	struct st_range r = { 1, 2 };

	assert_int_equal(record_wire_put_as(record_key_slice(&k), 200, &st_range_wire, &r,
	    &g->ix->row), OK);
	assert_int_equal(env_put(g->ix->t, INDEX_T, record_key_slice(&k),
	    buf_slice(&g->ix->row)), OK);
}

static void
orphan_vanished(struct garden *g)
{
	struct record_key k = record_key_vanished(1, 999, 5, 0);
	struct st_range r = { 1, 2 };

	record_vanished_put(record_key_slice(&k), 5, &r, 1, &g->ix->row);
	assert_int_equal(env_put(g->ix->t, INDEX_T, record_key_slice(&k),
	    buf_slice(&g->ix->row)), OK);
}

static void
put_rights(struct garden *g, uint32_t mailbox)
{
	struct record_rights row = { 3, SLICE("anyone") };
	struct record_key k = record_key_named(1, RECORD_RIGHTS, mailbox, row.identifier);

	record_rights_put(record_key_slice(&k), &row, &g->ix->row);
	assert_int_equal(env_put(g->ix->t, INDEX_T, record_key_slice(&k),
	    buf_slice(&g->ix->row)), OK);
}

static void orphan_rights(struct garden *g) { put_rights(g, 999); }
/* Rights that nobody would look at. */
static void hidden_rights(struct garden *g) { put_rights(g, BOX_INBOX); }

static void
rights_under_another_name(struct garden *g)
{
	struct record_rights row = { 3, SLICE("anyone") };
	struct record_key k = record_key_named(1, RECORD_RIGHTS, BOX_INBOX, SLICE("nobody"));

	record_rights_put(record_key_slice(&k), &row, &g->ix->row);
	assert_int_equal(env_put(g->ix->t, INDEX_T, record_key_slice(&k),
	    buf_slice(&g->ix->row)), OK);
}

static void
living_vanished(struct garden *g)
{
	struct record_key k = record_key_vanished(1, BOX_INBOX, 2, 0);
	struct st_range r = { 5, 6 };

	record_vanished_put(record_key_slice(&k), 5, &r, 1, &g->ix->row);
	assert_int_equal(env_put(g->ix->t, INDEX_T, record_key_slice(&k),
	    buf_slice(&g->ix->row)), OK);
	assert_int_equal(index_box_get(g->ix, 1, BOX_INBOX, &g->ix->box), OK);
	g->ix->box.vanished_rows++;
	assert_int_equal(index_box_put(g->ix, &g->ix->box), OK);
}

static void
name_of_nothing(struct garden *g)
{
	assert_int_equal(index_name_put(g->ix, 1, SLICE("nothing"), 4711), OK);
}

static void
same_name(struct garden *g)
{
	assert_int_equal(index_box_get(g->ix, 1, BOX_SENT, &g->ix->box), OK);
	assert_int_equal(index_name_del(g->ix, 1, record_box_name(&g->ix->box)), OK);
	memcpy(g->ix->box.name, "INBOX", 5);
	g->ix->box.name_octets = 5;
	assert_int_equal(index_box_put(g->ix, &g->ix->box), OK);
}

static void
odd_message(struct garden *g)
{
	struct store_record m;

	assert_int_equal(index_message_get(g->ix, 1, BOX_INBOX, 5, &m), OK);
	m.keywords |= UINT64_C(1) << 40;
	m.flags |= 1 << 9;
	assert_int_equal(index_message_put(g->ix, 1, BOX_INBOX, &m), OK);
}

static void
foreign_keyset(struct garden *g)
{
	struct store_record m;

	assert_int_equal(index_message_get(g->ix, 1, BOX_INBOX, 5, &m), OK);
	m.keyset = 777;
	assert_int_equal(index_message_put(g->ix, 1, BOX_INBOX, &m), OK);
}

static void
secret_in_the_open(struct garden *g)
{
	struct store_record m;

	assert_int_equal(index_message_get(g->ix, 1, BOX_INBOX, 5, &m), OK);
	m.level = LEVEL_MAT;
	assert_int_equal(index_message_put(g->ix, 1, BOX_INBOX, &m), OK);
}

static void
other_key(struct garden *g)
{
	struct store_record m;

	assert_int_equal(index_message_get(g->ix, 1, BOX_INBOX, 5, &m), OK);
	m.wrapped_key[7] ^= 1;
	assert_int_equal(index_message_put(g->ix, 1, BOX_INBOX, &m), OK);
}

static void
wrong_counters(struct garden *g)
{
	assert_int_equal(index_box_get(g->ix, 1, BOX_INBOX, &g->ix->box), OK);
	g->ix->box.exists++;
	g->ix->box.octets--;
	g->ix->box.uidnext = 2;
	assert_int_equal(index_box_put(g->ix, &g->ix->box), OK);
}

static void
wrong_account(struct garden *g)
{
	struct record_account a;

	assert_int_equal(index_account_get(g->ix, 1, &a), OK);
	a.octets++;
	a.messages += 3;
	a.next_mailbox = 2;
	assert_int_equal(index_account_put(g->ix, 1, &a), OK);
}

static void
wrong_expunged(struct garden *g)
{
	struct record_account a;

	assert_int_equal(index_account_get(g->ix, 1, &a), OK);
	a.expunged_messages++;
	assert_int_equal(index_account_put(g->ix, 1, &a), OK);
}

/* A change that nobody who asks for changes is told of. */
static void
hidden_change(struct garden *g)
{
	struct record_box *b = &g->ix->box;

	assert_int_equal(index_box_get(g->ix, 1, BOX_INBOX, b), OK);
	b->recent_n = 0;
	b->recent_floor = 1;
	b->recent_top = b->modseq;
	assert_int_equal(index_box_put(g->ix, b), OK);
}

static void
wrong_group(struct garden *g)
{
	struct record_group row = { .octets = 12, .messages = 1, .accounts = 1 };

	assert_int_equal(index_group_put(g->ix, SLICE("an-agency-number"), &row), OK);
}

static void
wrong_refs(struct garden *g, uint32_t by)
{
	struct store_record m;
	struct record_blob b;

	assert_int_equal(index_message_get(g->ix, 1, BOX_INBOX, 5, &m), OK);
	assert_int_equal(index_blob_get(g->ix, m.blob, &b), OK);
	b.refs += by;
	assert_int_equal(index_blob_put(g->ix, m.blob, &b), OK);
}

static void more_refs(struct garden *g) { wrong_refs(g, 1); }
static void fewer_refs(struct garden *g) { wrong_refs(g, (uint32_t)-1); }

static void
forgotten_body(struct garden *g)
{
	struct record_blob b = { .segment = 77, .offset = 64, .size_octets = 5, .stored_octets = 9 };
	struct record_segment s = { .state = SEGMENT_SEALED, .live_octets = 8, .live_frames = 2 };

	assert_int_equal(index_segment_put(g->ix, 77, &s), OK);
	assert_int_equal(index_blob_put(g->ix, frame_blob(77, 1), &b), OK);
}

static void
wrong_place(struct garden *g)
{
	struct store_record m;
	struct record_blob b;

	assert_int_equal(index_message_get(g->ix, 1, BOX_INBOX, 5, &m), OK);
	assert_int_equal(index_blob_get(g->ix, m.blob, &b), OK);
	b.offset += 8;
	assert_int_equal(index_blob_put(g->ix, m.blob, &b), OK);
}

static void
intent_of_nobody(struct garden *g)
{
	struct control_blob body = { .blob = frame_blob(1, 1), .offset = 64, .segment = 1 };
	struct control_copy copy = { .account = 60, .mailbox = 1 };
	struct control_intent in = { .id = SLICE("0123456789abcdef"), .body = &body, .body_n = 1,
		.copies = &copy, .copies_n = 1 };
	struct record_key k = record_key_blob(1000);

	assert_int_equal(control_put_intent(g->ctl, CONTROL_INTENT, record_key_slice(&k), &in), OK);
}

enum { FIXED, LEFT, WITH_KEYS };

static const struct {
	const char     *name;
	void	      (*plant)(struct garden *g);
	enum check_kind kind;
	int		how;
} plants[] = {
#define P(fn, kind, how) { #fn, fn, CHECK_##kind, how }
	P(one_bit_of_a_message, ROW, FIXED), P(message, ROW, FIXED), P(box, ROW, FIXED),
	P(account, ROW, FIXED), P(expunged, ROW, FIXED), P(vanished, ROW, FIXED),
	P(token, ROW, FIXED), P(token_age, ROW, FIXED), P(name, ROW, FIXED),
	P(subscribed, ROW, FIXED), P(blob, ROW, FIXED), P(guid_row, ROW, FIXED),
	P(queued_row, ROW, FIXED), P(due_row, ROW, FIXED), P(done_row, ROW, FIXED),
	P(age_row, ROW, FIXED), P(intent_row, ROW, FIXED), P(keys_row, ROW, LEFT),
	P(one_bit_of_keys, ROW, FIXED), P(audit_row, AUDIT, LEFT), P(no_audit_row, AUDIT, LEFT),
	P(audit_head, ROW, FIXED),
	P(no_box, BOX_LOST, FIXED), P(no_account, ACCOUNT_LOST, FIXED),
	P(no_message, BOX_COUNTER, FIXED), P(no_name, BOX_NAME, FIXED), P(no_token, TOKEN, FIXED),
	P(no_token_age, TOKEN, FIXED), P(no_vanished, BOX_COUNTER, FIXED),
	P(no_blob, BLOB_LOST, FIXED), P(no_guid, GUID, FIXED), P(no_due, QUEUE, FIXED),
	P(no_queue, QUEUE, FIXED), P(no_age, DONE, FIXED), P(no_done, DONE, FIXED),
	P(no_rows_of_account, ACCOUNT_LOST, FIXED), P(strange_letter, ROW_UNKNOWN, FIXED),
	P(strange_length, ROW_UNKNOWN, FIXED), P(newer, ROW_VERSION, LEFT),
	P(orphan_vanished, ORPHAN, FIXED), P(orphan_rights, ORPHAN, FIXED),
	P(hidden_rights, BOX_COUNTER, FIXED), P(rights_under_another_name, ROW, FIXED),
	P(living_vanished, VANISHED, FIXED), P(name_of_nothing, NAME, FIXED),
	P(same_name, BOX_NAME, FIXED), P(odd_message, MESSAGE, FIXED),
	P(foreign_keyset, KEYSET, LEFT), P(secret_in_the_open, KEYSET, LEFT),
	P(other_key, CONTENT, WITH_KEYS), P(wrong_counters, BOX_COUNTER, FIXED),
	P(wrong_account, ACCOUNT_COUNTER, FIXED),
	P(wrong_expunged, ACCOUNT_COUNTER, FIXED), P(hidden_change, BOX_COUNTER, FIXED), P(wrong_group, GROUP_COUNTER, FIXED),
	P(more_refs, BLOB_REFS, FIXED), P(fewer_refs, BLOB_REFS, FIXED),
	P(forgotten_body, GC, FIXED), P(forgotten_body, SEGMENT_COUNTER, FIXED), P(wrong_place, FRAME, FIXED),
	P(intent_of_nobody, INTENT, LEFT),
};

/* Repaired: the next look finds nothing, the engine opens it, and looking changes nothing. */
static void
repair_and_look_again(struct world *w, const char *name)
{
	struct help h = w->h;

	assert_int_equal(world_check(w, WORLD_REPAIR), OK);
	world_expect(w, w->result.errors + w->result.warnings == w->result.repaired, name, "not repaired");
	assert_int_equal(world_check(w, WORLD_KEYS), OK);
	world_expect(w, world_is_clean(w), name, "not clean after the repair");
	assert_int_equal(world_check(w, WORLD_REPAIR), OK);
	world_expect(w, world_is_clean(w) && w->result.rounds == 1, name, "not idempotent");
	snprintf(h.state, sizeof h.state, "%s", w->copy);
	h.e = NULL;
	help_open(&h);
	help_close(&h);
	assert_int_equal(world_check(w, WORLD_KEYS), OK);
	world_expect(w, world_is_clean(w), name, "not clean after the engine had it");
}

static void
what_is_planted_is_found(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(plants); i++) {
		const char *name = plants[i].name;
		struct garden g;

		world_copy(w);
		g = garden_open(w);
		plants[i].plant(&g);
		garden_close(&g);
		assert_int_equal(world_check(w, plants[i].how == WITH_KEYS ? WORLD_KEYS : 0), OK);
		world_expect(w, world_count(w, plants[i].kind) > 0, name, "not found");
		if (plants[i].how == FIXED)
			repair_and_look_again(w, name);
		else {
			assert_int_equal(world_check(w, WORLD_REPAIR |
			    (plants[i].how == WITH_KEYS ? WORLD_KEYS : 0)), OK);
			world_expect(w, world_count(w, plants[i].kind) > 0, name, "cannot be repaired");
			world_expect(w, w->result.errors > w->result.repaired, name, "says it is");
		}
	}
}

/* ---- a large mailbox ---- */

/* So many copies of the message with uid 5, as one mailbox. */
static void
fill_archive(struct world *w, uint32_t many)
{
	struct record_box *b;
	struct store_record m;
	struct record_account a;
	struct record_blob blob;
	struct garden g;

	for (uint32_t uid = 1; uid <= many; uid += 50000) {
		g = garden_open(w);
		b = &g.ix->box;
		assert_int_equal(index_message_get(g.ix, 1, BOX_INBOX, 5, &m), OK);
		assert_int_equal(index_box_get(g.ix, 1, BOX_JUNK, b), OK);
		assert_int_equal(index_account_get(g.ix, 1, &a), OK);
		assert_int_equal(index_blob_get(g.ix, m.blob, &blob), OK);
		for (m.uid = uid; m.uid < uid + 50000 && m.uid <= many; m.uid++) {
			m.modseq = ++b->modseq;
			b->exists++;
			b->unseen += (m.flags & ST_SEEN) == 0;
			b->octets += m.size_octets;
			a.octets += m.size_octets;
			a.messages++;
			blob.refs++;
			assert_int_equal(index_message_put(g.ix, 1, BOX_JUNK, &m), OK);
		}
		b->uidnext = m.uid;
		assert_int_equal(index_box_put(g.ix, b), OK);
		assert_int_equal(index_account_put(g.ix, 1, &a), OK);
		assert_int_equal(index_blob_put(g.ix, m.blob, &blob), OK);
		garden_close(&g);
	}
}

static void
memory_does_not_grow(void **state)
{
	bool is_long = help_long();
	uint32_t many = is_long ? 1000000 : 20000;
	struct world *w = *state;
	struct rusage use;

	world_copy(w);
	fill_archive(w, many);
	assert_int_equal(world_check(w, WORLD_APART), OK);
	world_expect(w, world_is_clean(w), "large mailbox", "not clean");
	assert_true(w->result.messages > many);
	assert_int_equal(getrusage(RUSAGE_CHILDREN, &use), 0);
	printf("%u messages: %ld KB at most\n", many, use.ru_maxrss);
	/* The map counts as long as its pages are in memory anyway. */
	assert_true(use.ru_maxrss < (is_long ? 400 : 200) * 1024);
}

static int
begin(void **state)
{
	static struct world w;

	world_begin(&w);
	*state = &w;
	return 0;
}

static int
end(void **state)
{
	world_end(*state);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest t[] = { cmocka_unit_test(a_whole_store_is_whole),
		cmocka_unit_test(what_is_planted_is_found),
		cmocka_unit_test(memory_does_not_grow) };

	/* Hundreds of small commits: not on a disk, where there is a choice. */
	(void)setenv("TMPDIR", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", 0);
	return cmocka_run_group_tests(t, begin, end);
}
