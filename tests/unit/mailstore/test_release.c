/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Releases: an id is taken once, used once, and by the delivery that is accepted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/clock.h"
#include "mailstore/release.h"
#include "queue_help.h"

#define DUC	SLICE("duc@tinh.example")

static struct st_address to[] = { { SLICE("x@ngoai.example") } };
static struct st_address officers[] = { { SLICE("an@tinh.example") },
	{ SLICE("binh@tinh.example") } };
static struct st_statement statements[] = { { SLICE("mot") }, { SLICE("hai") } };

static struct st_release
good(const char *id)
{
	return (struct st_release){ .id = slice_of(id), .sender = DUC, .lift = LIFT_REVIEW,
		.expires_s = (uint64_t)clock_real_s() + 3600, .recipients = to, .recipients_n = 1,
		.officers = officers, .officers_n = 2, .reason = SLICE("bản vẽ"),
		.statements = statements, .statements_n = 2 };
}

/* One act within a transaction of control. */
struct act {
	struct st_release r, out;
	struct slice	  by_sender, delivery;
	uint8_t		  used;		/* find these, too */
	int64_t		  ahead_s;	/* of now */
	struct arena	  a;
	struct st_release_list_reply list;
	struct st_release_list_request page;
};

static int
add_fn(struct engine *e, void *arg)
{
	struct act *act = arg;

	return release_add(e->ctl, &act->r, clock_real_s() + act->ahead_s, &act->a);
}

static int
find_fn(struct engine *e, void *arg)
{
	struct act *act = arg;
	struct st_release_find_request req = { act->by_sender, act->delivery, act->used };

	return release_find(e->ctl, &req, clock_real_s() + act->ahead_s, &act->a, &act->list);
}

static int
list_fn(struct engine *e, void *arg)
{
	struct act *act = arg;

	return release_list(e->ctl, &act->page, &act->a, &act->list);
}

static int
revoke_fn(struct engine *e, void *arg)
{
	struct act *act = arg;

	return release_revoke(e->ctl, act->r.id, clock_real_s(), &act->a, &act->out);
}

static int
use_fn(struct engine *e, void *arg)
{
	struct act *act = arg;
	struct st_release_use use = { act->r.id, act->by_sender };

	return release_use(e->ctl, &use, act->delivery, clock_real_s() + act->ahead_s, &act->a,
	    &act->out);
}

static struct act
act_on(const char *id)
{
	struct act act = { .r = good(id), .by_sender = DUC };

	arena_init(&act.a, 64 << 20);
	return act;
}

static void
add(struct help *h, const char *id, int expect)
{
	struct act act = act_on(id);

	assert_int_equal(help_control(h, add_fn, &act), expect);
	arena_clear(&act.a);
}

/* The state of the one with the id; -1: there is none. */
static int
state_of(struct help *h, const char *id)
{
	struct act act = act_on(id);
	int state = -1;

	act.page.max = 1000;
	do {
		assert_int_equal(help_control(h, list_fn, &act), OK);
		for (size_t i = 0; i < act.list.releases_n; i++) {
			if (slice_is(act.list.releases[i].id, id))
				state = act.list.releases[i].state;
			act.page.after = act.list.releases[i].id;
		}
	} while (act.list.more);
	arena_clear(&act.a);
	return state;
}

static size_t
found(struct help *h, const char *sender, const char *delivery, int64_t ahead_s)
{
	struct act act = act_on("");
	size_t n;

	act.by_sender = slice_of(sender);
	act.delivery = slice_of(delivery);
	act.ahead_s = ahead_s;
	assert_int_equal(help_control(h, find_fn, &act), OK);
	n = act.list.releases_n;
	if (n > 0)	/* whole, with what was signed */
		assert_true(slice_is(act.list.releases[0].statements[1].octets, "hai"));
	arena_clear(&act.a);
	return n;
}

static void
what_is_not_whole_is_not_taken(void **state)
{
	struct help *h = *state;
	struct act act = act_on("0123456789abcdef");
	struct st_release r = act.r;

#define BAD(change) \
	do { \
		act.r = r; \
		change; \
		assert_int_equal(help_control(h, add_fn, &act), ERR_INVAL); \
	} while (0)
	BAD(act.r.id.n = 15);
	BAD(act.r.sender.n = 0);
	BAD(act.r.recipients_n = 0);
	BAD(act.r.officers_n = 1);
	BAD(act.r.statements_n = 1);
	BAD(act.r.lift = 2);
	BAD(act.r.expires_s = (uint64_t)clock_real_s());
	BAD(act.r.expires_s = (uint64_t)clock_real_s() + RELEASE_AHEAD_S + 60);
	act.r = r;
	act.r.state = ST_RELEASE_USED;		/* that is not the asker's to say */
	assert_int_equal(help_control(h, add_fn, &act), OK);
	assert_int_equal(state_of(h, "0123456789abcdef"), ST_RELEASE_OPEN);
	assert_int_equal(help_control(h, add_fn, &act), ERR_EXIST);
	arena_clear(&act.a);
	assert_int_equal(found(h, "DUC@tinh.EXAMPLE", "", 0), 1);
	assert_int_equal(found(h, "duc@tinh.example", "", 3601), 0);
	assert_int_equal(found(h, "d@tinh.example", "", 0), 0);
}

static void
a_sender_has_few_open_ones(void **state)
{
	struct help *h = *state;
	char id[17];

	for (unsigned i = 0; i < ST_RELEASES_OPEN_MAX; i++) {
		snprintf(id, sizeof id, "%016u", i);
		add(h, id, OK);
	}
	add(h, "0123456789abcdef", ERR_LIMIT);
	assert_int_equal(found(h, "duc@tinh.example", "", 0), ST_RELEASES_OPEN_MAX);
	struct act act = act_on("0000000000000003");
	assert_int_equal(help_control(h, revoke_fn, &act), OK);
	assert_int_equal(help_control(h, revoke_fn, &act), ERR_BAD_STATE);
	add(h, "0123456789abcdef", OK);
	act.r.id = SLICE("nobody-has-this!");
	assert_int_equal(help_control(h, revoke_fn, &act), ERR_NOENT);
	act.r = good("another-sender..");
	act.r.sender = SLICE("khac@tinh.example");
	assert_int_equal(help_control(h, add_fn, &act), OK);
	arena_clear(&act.a);
}

static int
deliver(struct help *h, const char *id, const char *release, const char *sender)
{
	struct st_release_use use = { slice_of(release), slice_of(sender) };
	struct st_remote remote = { .address = to[0].address, .route = SLICE("r1"),
		.zone = ZONE_INTERNET };
	struct st_deliver_request req = { .id = slice_of(id), .remote = &remote, .remote_n = 1,
		.mail_from = DUC, .release = &use, .release_n = 1 };
	struct slice m = help_text(500);
	int r = help_deliver_request(h, &req, m, SLICE("s"));

	free((void *)(uintptr_t)m.p);
	return r;
}

static uint64_t
queued(struct help *h)
{
	uint64_t n;

	assert_int_equal(control_begin_read(h->e->ctl), OK);
	assert_int_equal(control_count(h->e->ctl, CONTROL_QUEUE, &n), OK);
	control_abort(h->e->ctl);
	return n;
}

static void
one_delivery_uses_it_up(void **state)
{
	struct help *h = *state;
	struct act act = act_on("0123456789abcdef");
	uint64_t audits;

	add(h, "0123456789abcdef", OK);
	assert_int_equal(deliver(h, "delivery-one....", "fedcba9876543210", "duc@tinh.example"),
	    ERR_ACCESS);
	assert_int_equal(deliver(h, "delivery-one....", "0123456789abcdef", "d@tinh.example"),
	    ERR_ACCESS);
	assert_int_equal(queued(h), 0);
	audits = h->e->audit.serial;
	assert_int_equal(deliver(h, "delivery-one....", "0123456789abcdef", "Duc@tinh.example"),
	    OK);
	assert_int_equal(queued(h), 1);
	assert_int_equal(h->e->audit.serial, audits + 1);
	assert_int_equal(deliver(h, "delivery-one....", "0123456789abcdef", "duc@tinh.example"),
	    OK);
	assert_int_equal(deliver(h, "delivery-two....", "0123456789abcdef", "duc@tinh.example"),
	    ERR_ACCESS);
	help_close(h);
	help_open(h);
	assert_int_equal(deliver(h, "delivery-two....", "0123456789abcdef", "duc@tinh.example"),
	    ERR_ACCESS);
	assert_int_equal(queued(h), 1);
	assert_int_equal(state_of(h, "0123456789abcdef"), ST_RELEASE_USED);
	assert_int_equal(found(h, "duc@tinh.example", "", 0), 0);
	assert_int_equal(found(h, "", "delivery-one....", 0), 1);
	assert_int_equal(found(h, "", "delivery-two....", 0), 0);
	assert_int_equal(help_control(h, revoke_fn, &act), ERR_BAD_STATE);
	add(h, "0123456789abcdef", ERR_EXIST);
	arena_clear(&act.a);
	help_check(h);
}

/* For the sender's own copy: what was used last comes first, then what is open; nothing that is over. */
static void
used_ones_are_found_while_they_are_good(void **state)
{
	static const char *const want[] = { "use-5...........", "use-4...........",
		"use-3...........", "use-2...........", "still-open......" };
	struct help *h = *state;
	struct act act = act_on("");
	char id[17];

	for (int i = 0; i < 6; i++) {
		snprintf(id, sizeof id, "use-%d...........", i);
		add(h, id, OK);
		act.r.id = slice_of(id);
		act.delivery = slice_of(id);
		act.ahead_s = 100 + i;
		assert_int_equal(help_control(h, use_fn, &act), OK);
	}
	add(h, "still-open......", OK);
	act.delivery = SLICE("");
	act.used = 1;
	assert_int_equal(help_control(h, find_fn, &act), OK);
	assert_int_equal(act.list.releases_n, ARRAY_LEN(want));
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		assert_true(slice_is(act.list.releases[i].id, want[i]));
	assert_int_equal(act.list.releases[0].state, ST_RELEASE_USED);
	act.ahead_s = 3601;
	assert_int_equal(help_control(h, find_fn, &act), OK);
	assert_int_equal(act.list.releases_n, 0);
	act.ahead_s = 0;
	act.by_sender = SLICE("khac@tinh.example");
	assert_int_equal(help_control(h, find_fn, &act), OK);
	assert_int_equal(act.list.releases_n, 0);
	arena_clear(&act.a);
	assert_int_equal(found(h, "duc@tinh.example", "", 0), 1);	/* to send again */
	help_check(h);
}

static void
what_has_ended_is_not_used(void **state)
{
	struct help *h = *state;
	struct act act = act_on("0123456789abcdef");

	add(h, "0123456789abcdef", OK);
	act.delivery = SLICE("delivery-one....");
	act.ahead_s = 3601;
	assert_int_equal(help_control(h, use_fn, &act), ERR_ACCESS);
	act.ahead_s = 3000;
	assert_int_equal(help_control(h, use_fn, &act), OK);
	assert_int_equal(help_control(h, use_fn, &act), ERR_ACCESS);
	add(h, "revoked-later...", OK);
	act.r.id = SLICE("revoked-later...");
	assert_int_equal(help_control(h, revoke_fn, &act), OK);
	assert_int_equal(deliver(h, "delivery-two....", "revoked-later...", "duc@tinh.example"),
	    ERR_ACCESS);
	arena_clear(&act.a);
}

/* Ids are kept for a month, which no statement outlives. */
static void
old_ones_are_forgotten(void **state)
{
	struct help *h = *state;
	struct act act = act_on("0123456789abcdef");

	add(h, "0123456789abcdef", OK);
	act.delivery = SLICE("delivery-one....");
	assert_int_equal(help_control(h, use_fn, &act), OK);
	act.r = good("a-month-later...");
	act.ahead_s = RELEASE_KEEP_S - 10;
	act.r.expires_s += RELEASE_KEEP_S;
	assert_int_equal(help_control(h, add_fn, &act), OK);
	assert_int_equal(state_of(h, "0123456789abcdef"), ST_RELEASE_USED);
	act.r = good("later still.....");
	act.ahead_s = RELEASE_KEEP_S + 10;
	act.r.expires_s += RELEASE_KEEP_S;
	assert_int_equal(help_control(h, add_fn, &act), OK);
	assert_int_equal(state_of(h, "0123456789abcdef"), -1);
	assert_int_equal(found(h, "", "delivery-one....", 0), 0);
	assert_int_equal(state_of(h, "a-month-later..."), ST_RELEASE_OPEN);
	arena_clear(&act.a);
}

static void
all_are_listed_page_by_page(void **state)
{
	struct help *h = *state;
	struct act act = act_on("");
	char id[17];

	for (unsigned i = 0; i < 70; i++) {
		struct act one = act_on("");
		char sender[40];

		snprintf(id, sizeof id, "%016u", i * 7919 % 1000);
		snprintf(sender, sizeof sender, "s%u@tinh.example", i);
		one.r.id = slice_of(id);
		one.r.sender = slice_of(sender);
		assert_int_equal(help_control(h, add_fn, &one), OK);
		arena_clear(&one.a);
	}
	for (unsigned i = 0; i < 70; i++) {
		snprintf(id, sizeof id, "%016u", i * 7919 % 1000);
		assert_int_equal(state_of(h, id), ST_RELEASE_OPEN);
	}
	act.page.max = 5;
	assert_int_equal(help_control(h, list_fn, &act), OK);
	assert_int_equal(act.list.releases_n, 5);
	assert_int_equal(act.list.releases[0].statements_n, 0);
	arena_clear(&act.a);
}

/* ---- restoring a backup ---- */

struct row {
	char key[64], val[2048];
	size_t key_n, val_n;
};

static int
rows_fn(struct engine *e, void *arg)
{
	struct row *rows = arg;
	struct env_cursor cur;
	size_t n = 0;
	int r = env_cursor_open(e->ctl->t, CONTROL_META, &cur);

	if (r == OK)
		r = env_cursor_seek(&cur, SLICE("release-"));
	for (; r == 1 && slice_starts_nocase(cur.key, SLICE("release-")) && n < 8; n++) {
		rows[n].key_n = cur.key.n;
		rows[n].val_n = cur.val.n;
		memcpy(rows[n].key, cur.key.p, cur.key.n);
		memcpy(rows[n].val, cur.val.p, cur.val.n);
		r = env_cursor_next(&cur);
	}
	env_cursor_close(&cur);
	return r < 0 ? r : OK;
}

/* What was open when the backup was made may have been used since. */
static void
a_restored_store_has_no_open_ones(void **state)
{
	static struct row rows[8];
	struct help *h = *state;
	struct act act = act_on("used-before.....");
	size_t kept = 0, revoked = 0;

	add(h, "open-in-backup..", OK);
	add(h, "used-before.....", OK);
	act.delivery = SLICE("delivery-one....");
	assert_int_equal(help_control(h, use_fn, &act), OK);
	assert_int_equal(help_control(h, rows_fn, rows), OK);
	for (size_t i = 0; i < 8 && rows[i].key_n > 0; i++) {
		struct slice key = { rows[i].key, rows[i].key_n };
		struct slice val = { rows[i].val, rows[i].val_n }, out;
		struct st_release r;
		int is = release_restore(h->e->ctl, key, val, clock_real_s(), &act.a, &out);

		assert_true(is == (key.p[8] == 'r' || key.p[8] == 's'));
		if (key.p[8] != 'r')
			continue;
		assert_int_equal(record_wire_get(key, out, &st_release_wire, &act.a, &r), OK);
		kept += r.state == ST_RELEASE_USED;
		revoked += r.state == ST_RELEASE_REVOKED;
	}
	assert_int_equal(kept, 1);
	assert_int_equal(revoked, 1);
	arena_clear(&act.a);
}

static void
the_audit_names_both_officers(void **state)
{
	struct st_release r = good("0123456789abcdef");
	struct st_audit rec;
	char reason[600];
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	assert_int_equal(release_audit(&r, "release-add", SLICE("by-uid=0"), &a, &rec), OK);
	assert_true(slice_is(rec.detail, "release=30313233343536373839616263646566 lift=review "
	    "officers=an@tinh.example,binh@tinh.example by-uid=0 reason=bản vẽ"));
	assert_true(slice_eq(rec.account, DUC));
	assert_int_equal(rec.recipients_n, 1);
	assert_int_equal(release_audit(&r, "release-used", SLICE(""), &a, &rec), OK);
	assert_true(slice_find(rec.detail, SLICE("reason")) < 0);
	memset(reason, 'x', sizeof reason);
	r.reason = (struct slice){ reason, sizeof reason };
	r.officers[0].address = (struct slice){ reason, 320 };
	r.officers[1].address = (struct slice){ reason, 320 };
	assert_int_equal(release_audit(&r, "release-add", SLICE("by-uid=0"), &a, &rec), OK);
	assert_true(rec.detail.n <= 1024);
	officers[0].address = SLICE("an@tinh.example");
	officers[1].address = SLICE("binh@tinh.example");
	arena_clear(&a);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, queue_begin, queue_end)

int
main(void)
{
	const struct CMUnitTest t[] = {
		TEST(what_is_not_whole_is_not_taken), TEST(a_sender_has_few_open_ones),
		TEST(one_delivery_uses_it_up),
		TEST(used_ones_are_found_while_they_are_good), TEST(what_has_ended_is_not_used),
		TEST(old_ones_are_forgotten), TEST(all_are_listed_page_by_page),
		TEST(a_restored_store_has_no_open_ones),
		cmocka_unit_test(the_audit_names_both_officers),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
