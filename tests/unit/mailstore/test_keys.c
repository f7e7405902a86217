/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Keysets that take over from others; copies from one keyset to another; the key of the queue. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "queue_help.h"

enum { WHO = 1 };

/* ---- a new keyset ---- */

struct rotation {
	uint32_t account;
	struct st_keyset fresh;
	struct control_account row;
	struct arena a;
	uint8_t public[32], secret[32];
};

static int
rotate_control(struct engine *e, void *arg)
{
	struct rotation *t = arg;

	return engine_key_rotate(e, t->account, &t->fresh, SLICE("by-uid=0"), &t->a, &t->row);
}

static int
rotate_index(struct engine *e, void *arg)
{
	struct rotation *t = arg;

	return engine_keys_index(e, &t->row);
}

/* The keyset's number; its secret. */
static uint32_t
rotate(struct help *h, uint8_t class, uint32_t mailbox, uint8_t secret[32])
{
	struct rotation t = { .account = help_account(h, WHO),
		.fresh = { .class = class, .mailbox = mailbox, .wrapped = SLICE("w") } };
	uint32_t id;

	arena_init(&t.a, 1 << 20);
	crypt_pair(t.public, secret);
	t.fresh.public_key = (struct slice){ (const char *)t.public, 32 };
	assert_int_equal(help_control(h, rotate_control, &t), OK);
	assert_int_equal(help_index(h, rotate_index, &t), OK);
	assert_int_equal(engine_key_renew(h->e, t.account), OK);
	id = t.row.keysets[t.row.keysets_n - 1].id;
	arena_clear(&t.a);
	return id;
}

static struct store_record
record_of(struct help *h, struct store *s, uint32_t mailbox, uint32_t uid)
{
	struct store_record r;

	assert_int_equal(store_record(s, help_account(h, WHO), mailbox, uid, &r), OK);
	return r;
}

/* Does the secret open the message? */
static int
opens(struct help *h, struct store *s, uint32_t mailbox, uint32_t uid, const uint8_t secret[32])
{
	struct store_record r = record_of(h, s, mailbox, uid);
	struct store_message *m = NULL;
	struct slice summary;
	int err = store_message_open(s, &r, secret, &m);

	if (err == OK)
		err = store_message_summary(m, &summary);
	store_message_close(&m);
	return err;
}

/* ---- requests ---- */

static int
rewrap_fn(struct engine *e, void *arg)
{
	uint32_t done;

	return engine_rewrap(e, arg, &done);
}

static int
drop_fn(struct engine *e, void *arg)
{
	struct arena a;
	int r;

	arena_init(&a, 1 << 20);
	r = engine_key_drop(e, arg, &a);
	arena_clear(&a);
	return r;
}

static int
drop(struct help *h, uint32_t keyset)
{
	struct st_key_drop_request q = { help_account(h, WHO), keyset, SLICE("by-uid=0") };
	int r = help_control(h, drop_fn, &q);

	assert_int_equal(engine_key_renew(h->e, q.account), OK);
	return r;
}

static int
rewrap(struct help *h, struct store *s, uint32_t mailbox, uint32_t uid, const uint8_t from[32],
    uint32_t keyset, const uint8_t to[32])
{
	struct store_record r = record_of(h, s, mailbox, uid);
	uint8_t wrapped[48];
	struct st_wrap w = { uid, r.blob, r.keyset, { (const char *)wrapped, 48 } };
	struct st_rewrap_request q = { help_account(h, WHO), mailbox, keyset, &w, 1 };

	assert_int_equal(store_rewrap(s, &r, from, keyset, to, wrapped), OK);
	return help_index(h, rewrap_fn, &q);
}

struct copy {
	struct st_copy_request q;
	struct st_copy_reply reply;
	bool internet;
};

static int
copy_fn(struct engine *e, void *arg)
{
	struct copy *c = arg;
	struct box_scope sc = { .account = c->q.account, .internet = c->internet, .now_s = 5 };
	struct arena a;
	int r;

	arena_init(&a, 1 << 20);
	r = box_copy(e->ix, &sc, &c->q, &a, &c->reply);
	arena_clear(&a);
	return r;
}

static int
copy(struct help *h, uint32_t from, uint32_t to, struct st_wrap *w, uint32_t keyset, bool internet)
{
	struct st_range all = { 1, UINT32_MAX };
	struct copy c = { .q = { .account = help_account(h, WHO), .mailbox = from, .target = to,
		.uids = &all, .uids_n = 1, .keyset = keyset, .wraps = w, .wraps_n = w != NULL },
		.internet = internet };

	return help_index(h, copy_fn, &c);
}

/* ---- tests ---- */

static void
a_keyset_takes_over(void **state)
{
	struct help *h = *state;
	unsigned who[] = { WHO };
	uint8_t fresh[32];
	const uint8_t *old;
	struct store *s;
	uint32_t was, id;

	assert_int_equal(help_deliver(h, 1, who, 1, ST_PLACE_INBOX, SLICE("old")), OK);
	assert_int_equal(help_deliver(h, 2, who, 1, ST_PLACE_MAT, SLICE("mat")), OK);
	s = help_reader(h, 0);
	old = help_secret(h, WHO, KEYSET_OPEN);
	was = record_of(h, s, BOX_INBOX, 1).keyset;
	id = rotate(h, KEYSET_OPEN, 0, fresh);
	assert_int_equal(help_deliver(h, 3, who, 1, ST_PLACE_INBOX, SLICE("new")), OK);
	assert_int_equal(opens(h, s, BOX_INBOX, 1, old), OK);
	assert_int_equal(opens(h, s, BOX_INBOX, 1, fresh), ERR_CRYPTO);
	assert_int_equal(opens(h, s, BOX_INBOX, 2, fresh), OK);
	assert_int_equal(opens(h, s, BOX_INBOX, 2, old), ERR_CRYPTO);
	assert_int_equal(opens(h, s, BOX_MAT, 1, help_secret(h, WHO, KEYSET_MAT)), OK);
	assert_int_equal(drop(h, was), ERR_EXIST);
	assert_int_equal(drop(h, id), ERR_NOENT);	/* it is in use */
	help_close(h);					/* and so it is after a start */
	help_open(h);
	assert_int_equal(rewrap(h, s, BOX_INBOX, 1, old, was, old), ERR_AGAIN);
	assert_int_equal(rewrap(h, s, BOX_INBOX, 1, old, id, fresh), OK);
	assert_int_equal(opens(h, s, BOX_INBOX, 1, old), ERR_CRYPTO);
	assert_int_equal(opens(h, s, BOX_INBOX, 1, fresh), OK);
	assert_int_equal(drop(h, was), OK);
	assert_int_equal(drop(h, was), ERR_NOENT);
	assert_false(engine_keyset_there(h->e, help_account(h, WHO), was));
	assert_int_equal(help_deliver(h, 4, who, 1, ST_PLACE_INBOX, SLICE("newer")), OK);
	assert_int_equal(opens(h, s, BOX_INBOX, 3, fresh), OK);
	store_close(&s);
	help_invariant(h);
}

/* Control has the new keyset, the index does not know yet: mailstored was killed in between. */
static void
a_start_ends_a_rotation(void **state)
{
	struct help *h = *state;
	struct rotation t = { .account = help_account(h, WHO),
		.fresh = { .class = KEYSET_MAT, .wrapped = SLICE("w") } };
	unsigned who[] = { WHO };
	struct store *s;

	arena_init(&t.a, 1 << 20);
	crypt_pair(t.public, t.secret);
	t.fresh.public_key = (struct slice){ (const char *)t.public, 32 };
	assert_int_equal(help_control(h, rotate_control, &t), OK);
	help_close(h);
	help_open(h);
	assert_int_equal(help_deliver(h, 1, who, 1, ST_PLACE_MAT, SLICE("m")), OK);
	s = help_reader(h, 0);
	assert_int_equal(opens(h, s, BOX_MAT, 1, t.secret), OK);
	assert_int_equal(record_of(h, s, BOX_MAT, 1).keyset,
	    t.row.keysets[t.row.keysets_n - 1].id);
	store_close(&s);
	arena_clear(&t.a);
}

static void
a_shared_mailbox_has_its_own(void **state)
{
	struct help *h = *state;
	unsigned who[] = { WHO };
	uint8_t shared[32], again[32];
	const uint8_t *open = help_secret(h, WHO, KEYSET_OPEN);
	struct store_record r;
	struct store *s;
	uint8_t wrapped[48];
	struct st_wrap w = { .uid = 1, .wrapped_key = { (const char *)wrapped, 48 } };
	uint32_t id;

	help_account(h, WHO);
	id = rotate(h, KEYSET_SHARED, BOX_INBOX, shared);
	assert_int_equal(help_deliver(h, 1, who, 1, ST_PLACE_INBOX, SLICE("x")), OK);
	s = help_reader(h, 0);
	assert_int_equal(opens(h, s, BOX_INBOX, 1, shared), OK);
	assert_int_equal(opens(h, s, BOX_INBOX, 1, open), ERR_CRYPTO);
	r = record_of(h, s, BOX_INBOX, 1);
	assert_int_equal(r.keyset, id);
	/* out of it: only with a wrap of just that message, for just that keyset */
	w.blob = r.blob;
	w.keyset = r.keyset;
	assert_int_equal(copy(h, BOX_INBOX, BOX_ARCHIVE, NULL, 0, false), ERR_CRYPTO);
	assert_int_equal(store_rewrap(s, &r, shared, 1, open, wrapped), OK);
	assert_int_equal(copy(h, BOX_INBOX, BOX_ARCHIVE, &w, 77, false), ERR_AGAIN);
	w.blob++;
	assert_int_equal(copy(h, BOX_INBOX, BOX_ARCHIVE, &w, 1, false), ERR_AGAIN);
	w.blob--;
	w.keyset++;
	assert_int_equal(copy(h, BOX_INBOX, BOX_ARCHIVE, &w, 1, false), ERR_AGAIN);
	w.keyset--;
	w.uid++;
	assert_int_equal(copy(h, BOX_INBOX, BOX_ARCHIVE, &w, 1, false), ERR_AGAIN);
	w.uid--;
	assert_int_equal(copy(h, BOX_INBOX, BOX_ARCHIVE, &w, 1, true), OK);
	assert_int_equal(opens(h, s, BOX_ARCHIVE, 1, open), OK);
	assert_int_equal(opens(h, s, BOX_ARCHIVE, 1, shared), ERR_CRYPTO);
	/* its own successor */
	assert_true(rotate(h, KEYSET_SHARED, BOX_INBOX, again) != id);
	assert_int_equal(help_deliver(h, 2, who, 1, ST_PLACE_INBOX, SLICE("y")), OK);
	assert_int_equal(opens(h, s, BOX_INBOX, 2, again), OK);
	assert_int_equal(opens(h, s, BOX_INBOX, 1, shared), OK);
	store_close(&s);
	help_invariant(h);
}

/* Into the classified tree with a wrap, inside; out of it never, whatever comes with it. */
static void
nothing_leaves_mat(void **state)
{
	struct help *h = *state;
	unsigned who[] = { WHO };
	const uint8_t *open = help_secret(h, WHO, KEYSET_OPEN), *mat;
	struct store_record r;
	uint8_t wrapped[48];
	struct st_wrap w = { .uid = 1, .wrapped_key = { (const char *)wrapped, 48 } };
	struct store *s;

	mat = help_secret(h, WHO, KEYSET_MAT);
	assert_int_equal(help_deliver(h, 1, who, 1, ST_PLACE_INBOX, SLICE("x")), OK);
	assert_int_equal(help_deliver(h, 2, who, 1, ST_PLACE_MAT, SLICE("secret")), OK);
	s = help_reader(h, 0);
	r = record_of(h, s, BOX_MAT, 1);
	w.blob = r.blob;
	w.keyset = r.keyset;
	assert_int_equal(store_rewrap(s, &r, mat, 1, open, wrapped), OK);
	assert_int_equal(copy(h, BOX_MAT, BOX_INBOX, &w, 1, false), ERR_ACCESS);
	assert_int_equal(copy(h, BOX_MAT, BOX_INBOX, NULL, 0, false), ERR_ACCESS);
	assert_int_equal(copy(h, BOX_MAT, BOX_INBOX, &w, 1, true), ERR_NOENT);
	r = record_of(h, s, BOX_INBOX, 1);
	w.blob = r.blob;
	w.keyset = r.keyset;
	assert_int_equal(store_rewrap(s, &r, open, 2, mat, wrapped), OK);
	assert_int_equal(copy(h, BOX_INBOX, BOX_MAT, &w, 2, true), ERR_NOENT);
	assert_int_equal(copy(h, BOX_INBOX, BOX_MAT, NULL, 0, false), ERR_CRYPTO);
	assert_int_equal(copy(h, BOX_INBOX, BOX_MAT, &w, 2, false), OK);
	assert_int_equal(opens(h, s, BOX_MAT, 2, mat), OK);
	assert_int_equal(opens(h, s, BOX_MAT, 2, open), ERR_CRYPTO);
	store_close(&s);
	help_invariant(h);
}

/* A wrap of another class than the mailbox is refused, whoever made it. */
static int
add_fn(struct engine *e, void *arg)
{
	static const uint8_t id[16] = { 1 }, wrapped[48];
	struct box_scope sc = { .account = *(uint32_t *)arg, .now_s = 5 };
	struct box_message m = { .blob = 7, .email_id = id, .keyset_class = KEYSET_MAT };
	uint32_t validity, uid;

	return box_add(e->ix, &sc, BOX_INBOX, &m, 2, wrapped, &validity, &uid);
}

static void
classes_do_not_mix(void **state)
{
	struct help *h = *state;
	uint32_t account = help_account(h, WHO);

	assert_int_equal(help_index(h, add_fn, &account), ERR_ACCESS);
}

/* ---- the key of the queue ---- */

static int
rewrap_queue(struct engine *e, void *arg)
{
	struct record_key at = { .n = 0 };
	uint64_t *done = arg;
	int r;

	while ((r = engine_spool_rewrap(e, &at, 2, done)) == 1)
		continue;
	return r;
}

static void
the_queue_gets_another_key(void **state)
{
	static const uint8_t fresh[32] = { 77 };
	struct help *h = *state;
	char id[17];
	struct st_remote to = { .address = SLICE("b@y.vn"), .route = SLICE("r"),
		.zone = ZONE_INTERNET };
	struct st_deliver_request q = { .id = { id, 16 }, .mail_from = SLICE("a@x.vn"),
		.remote = &to, .remote_n = 1 };
	struct claim c = { .req = { .lease_ms = 3600000 } };
	uint64_t done = 0;
	int fd;

	for (unsigned i = 0; i < 5; i++) {
		snprintf(id, sizeof id, "id-%013u", i);
		if (i == 3)
			assert_int_equal(engine_spool_turn(h->e, fresh), OK);
		assert_int_equal(help_deliver_request(h, &q, SLICE("m"), SLICE("s")), OK);
	}
	arena_init(&c.a, 4 << 20);
	queue_claim_at(h, &c, 5000, 1);	/* while both are there */
	assert_int_equal(engine_spool_read(h->e, &c.q, &fd), OK);
	assert_int_equal(help_control(h, rewrap_queue, &done), OK);
	assert_int_equal(done, 3);
	engine_spool_forget_old(h->e);
	for (unsigned i = 0; i < 4; i++) {
		queue_claim_at(h, &c, 5000 + i, 1);
		assert_int_equal(engine_spool_read(h->e, &c.q, &fd), OK);
	}
	assert_int_equal(engine_set_spool_key(h->e, h->spool), OK);
	assert_int_equal(engine_spool_read(h->e, &c.q, &fd), ERR_CRYPTO);
	arena_clear(&c.a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_keyset_takes_over, queue_begin, queue_end),
		cmocka_unit_test_setup_teardown(a_start_ends_a_rotation, queue_begin, queue_end),
		cmocka_unit_test_setup_teardown(a_shared_mailbox_has_its_own, queue_begin,
		    queue_end),
		cmocka_unit_test_setup_teardown(nothing_leaves_mat, queue_begin, queue_end),
		cmocka_unit_test_setup_teardown(classes_do_not_mix, queue_begin, queue_end),
		cmocka_unit_test_setup_teardown(the_queue_gets_another_key, queue_begin, queue_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
