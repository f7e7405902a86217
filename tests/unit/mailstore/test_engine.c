/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/clock.h"
#include "help.h"
#include "mailstore/engine_act.h"

static int
begin(void **state)
{
	struct help *h = malloc(sizeof *h);

	assert_non_null(h);
	help_begin(h);
	*state = h;
	return 0;
}

static int
end(void **state)
{
	help_end(*state);
	free(*state);
	return 0;
}

static void
octets_come_back_at_every_size(void **state)
{
	static const size_t sizes[] = { 0, 1, 100, 4095, 4096, 65535, 65536, 65537, 131072, 200001,
		1200000, 3000000 };
	struct help *h = *state;
	unsigned who[] = { 1, 2 };

	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
		struct slice m = help_text(sizes[i]);
		struct store *s;

		assert_int_equal(help_deliver(h, i, who, 2, ST_PLACE_INBOX, m), OK);
		s = help_reader(h, 0);
		help_expect(h, s, 1, BOX_INBOX, i + 1, KEYSET_OPEN, m);
		help_expect(h, s, 2, BOX_INBOX, i + 1, KEYSET_OPEN, m);
		store_close(&s);
		free((void *)(uintptr_t)m.p);
	}
}

static void
ranges_and_secrets(void **state)
{
	struct help *h = *state;
	unsigned who[] = { 1 };
	struct slice m = help_text(200000);
	struct store_message *msg = NULL;
	struct store_record rec;
	struct store *s;
	char got[1000];
	size_t n;

	assert_int_equal(help_deliver(h, 1, who, 1, ST_PLACE_INBOX, m), OK);
	s = help_reader(h, 0);
	assert_int_equal(store_record(s, help_account(h, 1), BOX_INBOX, 1, &rec), OK);
	assert_int_equal(store_message_open(s, &rec, help_secret(h, 1, KEYSET_OPEN), &msg), OK);
	for (uint64_t at = 0; at < m.n + 2000; at += 333) {
		size_t want = at >= m.n ? 0 : m.n - at < sizeof got ? m.n - at : sizeof got;

		assert_int_equal(store_message_read(msg, at, got, sizeof got, &n), OK);
		assert_int_equal(n, want);
		assert_memory_equal(got, m.p + at, n);
	}
	/* Another secret, also when the right one is cached. */
	assert_int_equal(store_message_open(s, &rec, help_secret(h, 1, KEYSET_MAT), &msg),
	    ERR_CRYPTO);
	assert_int_equal(store_message_read(msg, 0, got, sizeof got, &n), OK);
	assert_int_equal(n, 0);
	store_forget(s, rec.keyset);
	assert_int_equal(store_message_open(s, &rec, help_secret(h, 1, KEYSET_OPEN), &msg), OK);
	/* A key that belongs to another message. */
	rec.wrapped_key[5] ^= 1;
	assert_int_equal(store_message_open(s, &rec, help_secret(h, 1, KEYSET_OPEN), &msg),
	    ERR_CRYPTO);
	store_message_close(&msg);
	store_close(&s);
	free((void *)(uintptr_t)m.p);
}

/* Every octet of a stored frame matters. */
static void
damage_is_seen(void **state)
{
	struct help *h = *state;
	unsigned who[] = { 1 };
	struct slice m = help_text(5000);
	struct store_message *msg = NULL;
	struct store_record rec;
	struct store *s;
	char path[200], got[6000], was;
	struct stat st;
	size_t n, good = 0;
	struct slice sum;
	int fd;

	assert_int_equal(help_deliver(h, 1, who, 1, ST_PLACE_INBOX, m), OK);
	s = help_reader(h, 0);
	assert_int_equal(store_record(s, help_account(h, 1), BOX_INBOX, 1, &rec), OK);
	snprintf(path, sizeof path, "%s/store/seg/%08x.seg", h->state,
	    (unsigned)(rec.blob >> 32));
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	for (off_t at = SEGMENT_HEADER_OCTETS; at < st.st_size; at++) {
		int r;

		assert_int_equal(pread(fd, &was, 1, at), 1);
		was ^= 0x10;
		assert_int_equal(pwrite(fd, &was, 1, at), 1);
		r = store_message_open(s, &rec, help_secret(h, 1, KEYSET_OPEN), &msg);
		if (r == OK)
			r = store_message_summary(msg, &sum);
		if (r == OK)
			r = store_message_read(msg, 0, got, sizeof got, &n);
		good += r == OK;
		was ^= 0x10;
		assert_int_equal(pwrite(fd, &was, 1, at), 1);
	}
	/* Only the checksum of the sealed octets is of no use to a reader: the seals say more. */
	assert_int_equal(good, 0);
	close(fd);
	store_message_close(&msg);
	store_close(&s);
	free((void *)(uintptr_t)m.p);
}

static void
classified_mail_does_not_exist_for_the_internet(void **state)
{
	struct help *h = *state;
	unsigned who[] = { 1 };
	struct slice m = SLICE("mat"), *names;
	struct store_mailbox *list, one;
	struct store *in, *out;
	struct store_record rec;
	uint32_t account, uid, next;
	struct arena a;
	size_t n, got;
	bool all;
	struct st_range *ranges;

	arena_init(&a, 1 << 20);
	assert_int_equal(help_deliver(h, 1, who, 1, ST_PLACE_MAT, m), OK);
	account = help_account(h, 1);
	in = help_reader(h, 0);
	out = help_reader(h, STORE_INTERNET);
	help_expect(h, in, 1, BOX_MAT, 1, KEYSET_MAT, m);
	assert_int_equal(store_mailboxes(in, account, &a, &list, &n), OK);
	assert_int_equal(n, 10);
	assert_int_equal(store_mailboxes(out, account, &a, &list, &n), OK);
	assert_int_equal(n, 6);
	for (size_t i = 0; i < n; i++)
		assert_false(store_name_is_mat(list[i].name));
	assert_int_equal(store_subscriptions(out, account, &a, &names, &n), OK);
	assert_int_equal(n, 6);
	assert_int_equal(store_mailbox(out, account, BOX_MAT, &a, &one), ERR_NOENT);
	assert_int_equal(store_mailbox_find(out, account, SLICE("Mật"), &a, &one), ERR_NOENT);
	assert_int_equal(store_mailbox_find(in, account, SLICE("Mật"), &a, &one), OK);
	assert_int_equal(one.exists, 1);
	assert_int_equal(store_record(out, account, BOX_MAT, 1, &rec), ERR_NOENT);
	assert_int_equal(store_page(out, account, BOX_MAT, 1, &rec, 1, &got), ERR_NOENT);
	assert_int_equal(store_uids(out, account, BOX_MAT, 1, &uid, 1, &got), ERR_NOENT);
	assert_int_equal(store_changes(out, account, BOX_MAT, 0, 1, &rec, 1, &got, &next),
	    ERR_NOENT);
	assert_int_equal(store_first_unseen(out, account, BOX_MAT, &uid), ERR_NOENT);
	assert_int_equal(store_vanished(out, account, BOX_MAT, 0, &a, &ranges, &n, &all),
	    ERR_NOENT);
	store_close(&in);
	store_close(&out);
	arena_clear(&a);
}

static void
levels_are_checked_again(void **state)
{
	struct help *h = *state;
	char guid[16];
	struct st_local local = { .guid = help_guid(1, guid), .place = ST_PLACE_INBOX };
	struct st_remote remote = { .address = SLICE("b@y.vn"),
		.route = SLICE("internet"), .zone = ZONE_INTERNET };
	struct st_deliver_request req = { .id = SLICE("0123456789abcdef"), .level = LEVEL_MAT };

	help_account(h, 1);
	req.local = &local, req.local_n = 1;
	assert_int_equal(help_deliver_request(h, &req, SLICE("x"), SLICE("s")), ERR_ACCESS);
	req.local_n = 0, req.remote = &remote, req.remote_n = 1;
	assert_int_equal(help_deliver_request(h, &req, SLICE("x"), SLICE("s")), ERR_ACCESS);
	remote.zone = ZONE_INTERNAL;
	assert_int_equal(help_deliver_request(h, &req, SLICE("x"), SLICE("s")), OK);
}

static void
the_same_id_delivers_once(void **state)
{
	struct help *h = *state;
	unsigned who[] = { 1 };
	struct store_account acct;
	struct store *s;

	for (int i = 0; i < 3; i++)
		assert_int_equal(help_deliver(h, 7, who, 1, ST_PLACE_INBOX, SLICE("x")), OK);
	help_close(h);
	help_open(h);
	assert_int_equal(help_deliver(h, 7, who, 1, ST_PLACE_INBOX, SLICE("x")), OK);
	s = help_reader(h, 0);
	assert_int_equal(store_account(s, help_account(h, 1), &acct), OK);
	assert_int_equal(acct.messages, 1);
	assert_int_equal(h->e->audit.serial, 1);
	store_close(&s);
}

static void
quota_and_reserve(void **state)
{
	struct help *h = *state;
	char guid[16];
	struct st_local local = { .guid = help_guid(1, guid), .quota.octets = 100 };
	struct st_deliver_request req = { .id = SLICE("0123456789abcdef"), .local = &local,
		.local_n = 1 };
	struct slice m = help_text(60);

	help_account(h, 1);
	assert_int_equal(help_deliver_request(h, &req, m, SLICE("s")), OK);
	/* Not applied yet, and counted already. */
	req.id = SLICE("0123456789abcdeg");
	assert_int_equal(help_deliver_request(h, &req, m, SLICE("s")), ERR_QUOTA);
	assert_int_equal(engine_apply(h->e), OK);
	assert_int_equal(help_deliver_request(h, &req, m, SLICE("s")), ERR_QUOTA);
	/* Asked again for what is there already: that is no new mail. */
	req.id = SLICE("0123456789abcdef");
	assert_int_equal(help_deliver_request(h, &req, m, SLICE("s")), OK);
	req.id = SLICE("0123456789abcdeg");
	assert_int_equal(engine_quota(h->e, local.guid, &local.quota, 40), OK);
	assert_int_equal(engine_quota(h->e, local.guid, &local.quota, 41), ERR_QUOTA);
	h->e->conf.reserve_octets = UINT64_MAX / 2;
	local.quota.octets = 0;
	assert_int_equal(help_deliver_request(h, &req, m, SLICE("s")), ERR_NOSPC);
	free((void *)(uintptr_t)m.p);
}

struct removal { uint32_t account; struct st_range uids; };

static int
remove_some(struct engine *e, void *arg)
{
	struct removal *what = arg;
	struct box_scope sc = { .account = what->account };
	struct st_flags_request req = { .account = sc.account, .mailbox = BOX_INBOX, .uids = &what->uids,
		.uids_n = 1, .op = ST_FLAGS_ADD, .flags = ST_DELETED };
	struct st_flags_reply flagged;
	struct st_expunge_reply gone;
	struct arena a;
	int r;

	arena_init(&a, 1 << 20);
	r = box_flags(e->ix, &sc, &req, &a, &flagged);
	if (r == OK)
		r = box_expunge(e->ix, &sc, BOX_INBOX, &what->uids, 1, &a, &gone);
	arena_clear(&a);
	return r;
}

/* A full map refuses, shows nothing by halves, and what is there can still be read and removed. */
static void
a_full_map_refuses(void **state)
{
	struct help *h = *state;
	struct engine_conf conf = h->e->conf;
	unsigned who[] = { 1 }, n = 0;
	struct store_account acct;
	struct store *s;
	int r;

	help_account(h, 1);
	help_close(h);
	conf.map_octets = 1 << 20;
	assert_int_equal(engine_open(&conf, &h->e), OK);
	while ((r = help_deliver(h, n, who, 1, ST_PLACE_INBOX, SLICE("x"))) == OK && n < 20000)
		n++;
	assert_int_equal(r, ERR_NOSPC);
	assert_true(n > 100);
	assert_int_equal(h->e->broken, OK);
	assert_int_equal(help_deliver(h, n, who, 1, ST_PLACE_INBOX, SLICE("x")), ERR_NOSPC);
	assert_null(h->e->intents);	/* all that was taken on is filed */
	for (uint32_t at = 1; at <= n; at += 10) {
		struct removal what = { help_account(h, 1), { at, at + 9 } };

		assert_int_equal(help_index(h, remove_some, &what), OK);
	}
	help_close(h);
	help_open(h);		/* with a larger map again */
	s = help_reader(h, 0);
	assert_int_equal(store_account(s, help_account(h, 1), &acct), OK);
	assert_int_equal(acct.messages, 0);
	assert_int_equal(help_deliver(h, n, who, 1, ST_PLACE_INBOX, SLICE("x")), OK);
	help_expect(h, s, 1, BOX_INBOX, n + 1, KEYSET_OPEN, SLICE("x"));
	store_close(&s);
}

/* On a file system of 3 MiB, which only root can make. */
static void
a_full_disk_refuses(void **state)
{
	struct help *h = *state;
	struct engine_conf conf = h->e->conf;
	char guid[16], id[17], filler[100];
	struct st_local local = { .guid = help_guid(1, guid) };
	struct st_deliver_request req = { .id = { id, 16 }, .local = &local, .local_n = 1 };
	struct slice m = help_text(20000);
	struct store *s;
	struct store_account acct;
	unsigned n = 0;
	int r, fd;

	help_close(h);
	if (mount("none", h->state, "tmpfs", 0, "size=3m") != 0) {
		help_open(h);
		free((void *)(uintptr_t)m.p);
		skip();
	}
	snprintf(filler, sizeof filler, "%s/filler", h->state);
	fd = open(filler, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(write(fd, m.p, m.n), m.n);
	assert_int_equal(write(fd, m.p, m.n), m.n);
	close(fd);
	conf.compress = false;
	conf.map_octets = 64 << 20;
	assert_int_equal(engine_open(&conf, &h->e), OK);
	help_account(h, 1);
	do {
		snprintf(id, sizeof id, "full-%011u", n);
		r = help_deliver_request(h, &req, m, SLICE("summary"));
		n += r == OK;
		(void)!engine_apply(h->e);
	} while (r == OK && n < 1000);
	assert_int_equal(r, ERR_NOSPC);
	assert_true(n > 20);
	assert_int_equal(h->e->broken, OK);
	assert_int_equal(unlink(filler), 0);
	while (h->e->intents != NULL)
		assert_int_equal(engine_apply(h->e), OK);
	assert_int_equal(help_deliver_request(h, &req, SLICE("small"), SLICE("summary")), OK);
	assert_int_equal(engine_apply(h->e), OK);
	assert_int_equal(store_open(h->state, h->run, 64 << 20, 0, &s), OK);
	assert_int_equal(store_account(s, help_account(h, 1), &acct), OK);
	assert_int_equal(acct.messages, n + 1);
	for (unsigned i = 1; i <= n; i++)
		help_expect(h, s, 1, BOX_INBOX, i, KEYSET_OPEN, m);
	help_expect(h, s, 1, BOX_INBOX, n + 1, KEYSET_OPEN, SLICE("small"));
	store_close(&s);
	help_close(h);
	assert_int_equal(umount(h->state), 0);
	free((void *)(uintptr_t)m.p);
}

/* Between the commit of the intents and that of the mailboxes. */
static void
open_intents_are_replayed_once(void **state)
{
	struct help *h = *state;
	char guids[HELP_ACCOUNTS][16], id[17];
	struct st_local local[HELP_ACCOUNTS];
	struct st_deliver_request req = { .id = { id, 16 }, .local = local };
	struct store *s;
	struct store_account acct;

	for (unsigned i = 0; i < HELP_ACCOUNTS; i++) {
		help_account(h, i);
		local[i] = (struct st_local){ .guid = help_guid(i, guids[i]) };
	}
	req.local_n = HELP_ACCOUNTS;
	for (unsigned i = 0; i < 10; i++) {
		snprintf(id, sizeof id, "intent-%09u", i);
		assert_int_equal(help_deliver_request(h, &req, SLICE("x"), SLICE("s")), OK);
	}
	/* A slice ends within the 4th, or after its time, but each brings it on. */
	for (unsigned i = 0; i < 1000 && h->e->intents_n == 10; i++)
		assert_int_equal(engine_apply(h->e), OK);
	assert_in_range(h->e->intents_n, 6, 9);
	help_close(h);
	help_open(h);
	assert_int_equal(h->e->intents_n, 0);
	help_close(h);
	help_open(h);
	s = help_reader(h, 0);
	for (unsigned i = 0; i < HELP_ACCOUNTS; i++) {
		assert_int_equal(store_account(s, help_account(h, i), &acct), OK);
		assert_int_equal(acct.messages, 10);
		assert_int_equal(accounts_number(h->e->accounts, help_account(h, i))->
		    pending.octets, 0);
	}
	store_close(&s);
}

/* Without any mail, too, the secret of an epoch is gone an hour later. */
static void
an_epoch_ends_by_itself(void **state)
{
	static const uint8_t nothing[32];
	struct help *h = *state;
	unsigned who[] = { 1 }, seg;
	const struct account *a;
	const uint8_t *was;
	struct store *s;

	assert_int_equal(help_deliver(h, 1, who, 1, ST_PLACE_INBOX, SLICE("x")), OK);
	a = accounts_number(h->e->accounts, help_account(h, 1));
	seg = segment_number(h->e->seg);
	engine_tidy(h->e);
	assert_memory_not_equal(segment_epoch_secret(h->e->seg), nothing, 32);
	was = a->keysets[ACCOUNT_OPEN].shared;
	assert_memory_not_equal(was, nothing, 32);
	clock_test_set(3601 * 1000);
	engine_tidy(h->e);
	assert_memory_equal(segment_epoch_secret(h->e->seg), nothing, 32);
	assert_null(a->keysets[ACCOUNT_OPEN].shared);
	assert_memory_equal(was + sizeof was, nothing, 32 - sizeof was);	/* a free place */
	assert_int_equal(help_deliver(h, 2, who, 1, ST_PLACE_INBOX, SLICE("y")), OK);
	assert_int_equal(segment_number(h->e->seg), seg + 1);
	clock_test_set(0);
	s = help_reader(h, 0);
	help_expect(h, s, 1, BOX_INBOX, 1, KEYSET_OPEN, SLICE("x"));
	help_expect(h, s, 1, BOX_INBOX, 2, KEYSET_OPEN, SLICE("y"));
	store_close(&s);
}

static int
drop_account(struct engine *e, void *arg)
{
	struct record_key k = record_key(*(uint32_t *)arg, RECORD_ACCOUNT);

	return env_del(e->ix->t, INDEX_T, record_key_slice(&k));
}

/* A copy for an account whose row is gone is set aside, and holds up nobody. */
static void
what_cannot_be_filed_is_kept(void **state)
{
	struct help *h = *state;
	unsigned who[] = { 1, 2 };
	uint32_t account = help_account(h, 1);
	struct store_account acct;
	struct store *s;
	uint64_t stuck, open;

	help_account(h, 2);
	assert_int_equal(help_index(h, drop_account, &account), OK);
	assert_int_equal(help_deliver(h, 1, who, 2, ST_PLACE_INBOX, SLICE("x")), OK);
	assert_int_equal(help_deliver(h, 2, &who[1], 1, ST_PLACE_INBOX, SLICE("y")), OK);
	assert_int_equal(engine_close_intents(h->e), OK);
	assert_int_equal(control_begin_read(h->e->ctl), OK);
	assert_int_equal(control_count(h->e->ctl, CONTROL_STUCK, &stuck), OK);
	assert_int_equal(control_count(h->e->ctl, CONTROL_INTENT, &open), OK);
	control_abort(h->e->ctl);
	assert_int_equal(stuck, 1);
	assert_int_equal(open, 0);
	s = help_reader(h, 0);
	assert_int_equal(store_account(s, help_account(h, 2), &acct), OK);
	assert_int_equal(acct.messages, 2);
	store_close(&s);
}

static void
torn_tail_hurts_nobody(void **state)
{
	struct help *h = *state;
	unsigned who[] = { 1 };
	char path[200];
	struct store *s;
	struct stat st;
	unsigned seg;
	off_t good;
	int fd;

	assert_int_equal(help_deliver(h, 1, who, 1, ST_PLACE_INBOX, SLICE("x")), OK);
	seg = segment_number(h->e->seg);
	snprintf(path, sizeof path, "%s/store/seg/%08x.seg", h->state, seg);
	help_close(h);
	assert_int_equal(stat(path, &st), 0);
	good = st.st_size;
	fd = open(path, O_RDWR);
	assert_int_equal(pwrite(fd, "CVF1\1\0\0\0 torn", 14, good), 14);
	close(fd);
	help_open(h);
	assert_true(segment_number(h->e->seg) > seg);
	s = help_reader(h, 0);
	help_expect(h, s, 1, BOX_INBOX, 1, KEYSET_OPEN, SLICE("x"));
	store_close(&s);
}

static void
one_writer_and_no_newer_format(void **state)
{
	struct help *h = *state;
	struct engine_conf conf = h->e->conf;
	struct engine *second;

	assert_int_equal(engine_open(&conf, &second), ERR_EXIST);
	assert_null(second);
	assert_int_equal(index_begin_write(h->e->ix), OK);
	assert_int_equal(index_u64_put(h->e->ix, "format", INDEX_FORMAT + 1), OK);
	assert_int_equal(index_commit(h->e->ix), OK);
	help_close(h);
	assert_int_equal(engine_open(&conf, &second), ERR_VERSION);
	assert_null(second);
}

/* ---- group ---- */

static int
write_then_fail(struct engine *e, void *arg)
{
	int r = index_u64_put(e->ix, "half", 1);

	(void)arg;
	return r == OK ? ERR_LIMIT : r;
}

static int
write_well(struct engine *e, void *arg)
{
	return index_u64_put(e->ix, arg, 1);
}

struct member {
	struct engine_job ej;
	int (*fn)(struct engine *e, void *arg);
	const char *arg;
	int status;
};

static int
member_step(struct engine *e, struct engine_job *ej)
{
	struct member *m = (struct member *)(void *)ej;

	return m->fn(e, (void *)(uintptr_t)m->arg);
}

static void
member_done(struct engine *e, struct engine_job *ej)
{
	(void)e;
	((struct member *)(void *)ej)->status = ej->status;
}

static void
a_half_done_job_takes_nobody_down(void **state)
{
	struct help *h = *state;
	struct member m[] = {
		{ .fn = write_well, .arg = "one" }, { .fn = write_then_fail },
		{ .fn = write_well, .arg = "two" },
	};
	uint64_t v;

	for (size_t i = 0; i < ARRAY_LEN(m); i++) {
		m[i].ej.index = member_step;
		m[i].ej.done = member_done;
		m[i].ej.next = i + 1 < ARRAY_LEN(m) ? &m[i + 1].ej : NULL;
	}
	engine_commit(h->e, &m[0].ej);
	assert_int_equal(m[0].status, OK);
	assert_int_equal(m[1].status, ERR_LIMIT);
	assert_int_equal(m[2].status, OK);
	assert_int_equal(index_begin_read(h->e->ix), OK);
	assert_int_equal(index_u64_get(h->e->ix, "one", &v), OK);
	assert_int_equal(index_u64_get(h->e->ix, "two", &v), OK);
	assert_int_equal(index_u64_get(h->e->ix, "half", &v), ERR_NOENT);
	index_abort(h->e->ix);
}

/* Two of many: the others share their commits all the same. Many: each is still told the truth. */
static void
half_done_jobs_cost_the_others_little(void **state)
{
	enum { JOBS = 100 };
	static const size_t bad[] = { 2, JOBS / 5 };
	struct help *h = *state;
	struct member m[JOBS];
	char names[JOBS][8];
	uint64_t v, syncs;

	for (size_t t = 0; t < ARRAY_LEN(bad); t++) {
		size_t every = JOBS / bad[t];

		for (size_t i = 0; i < JOBS; i++) {
			snprintf(names[i], sizeof names[i], "%zu-%zu", t, i);
			m[i] = (struct member){ .ej = { .index = member_step, .done = member_done,
				.next = i + 1 < JOBS ? &m[i + 1].ej : NULL },
				.fn = i % every == 1 ? write_then_fail : write_well,
				.arg = names[i] };
		}
		syncs = h->e->stats.syncs;
		engine_commit(h->e, &m[0].ej);
		if (t == 0)
			assert_true(h->e->stats.syncs - syncs <= 4);
		assert_int_equal(index_begin_read(h->e->ix), OK);
		for (size_t i = 0; i < JOBS; i++) {
			assert_int_equal(m[i].status, i % every == 1 ? ERR_LIMIT : OK);
			assert_int_equal(index_u64_get(h->e->ix, names[i], &v),
			    i % every == 1 ? ERR_NOENT : OK);
		}
		assert_int_equal(index_u64_get(h->e->ix, "half", &v), ERR_NOENT);
		index_abort(h->e->ix);
	}
}

/* Fails halfway when it is run first, as where the group was too much for one transaction. */
static int
fail_at_first(struct engine *e, void *arg)
{
	static unsigned runs;
	uint64_t place = 0;
	int r = index_u64_get(e->ix, "place", &place);

	if (r == OK || r == ERR_NOENT)
		r = index_u64_put(e->ix, "place", place + 1);
	if (r == OK)
		r = index_u64_put(e->ix, arg, place + 1);
	return r == OK && runs++ == 0 ? ERR_LIMIT : r;
}

/* Notes the delivery id at its first run, and fails without a trace at the next. */
static int
done_once(struct engine *e, void *arg)
{
	static unsigned runs;

	return runs++ == 0 ? control_set_done(e->ctl, slice_of(arg), 1) : ERR_NOSPC;
}

static int
spoil(struct engine *e, void *arg)
{
	int r = control_set_done(e->ctl, slice_of(arg), 1);

	return r == OK ? ERR_LIMIT : r;
}

static void
act_over(struct engine *e, struct engine_act *act)
{
	(void)e, (void)act;
}

/* The same delivery by another job of the group, whose run was undone: it is not done. */
static void
a_twin_that_was_undone_counts_not(void **state)
{
	struct help *h = *state;
	char id[] = "0123456789abcdef", guid[16];
	struct st_local local = { .guid = help_guid(1, guid) };
	struct st_deliver_request req = { .id = slice_of(id), .local = &local, .local_n = 1 };
	struct member twin = { .fn = done_once, .arg = id }, bad = { .fn = spoil, .arg = "fedcba9876543210" };
	struct engine_act act = { .scope = { .account = 0 } };
	struct ms_call call = { .act = MS_DELIVER, .req = &req, .message = SLICE("text"),
		.summary = SLICE("s"), .status = 1 };
	struct store_account there;
	struct store *s;
	struct arena a;

	help_account(h, 1);
	arena_init(&a, 1 << 20);
	call.a = &a;
	engine_act_init(&act, &call, act_over);
	twin.ej = (struct engine_job){ .control = member_step, .done = member_done, .next = &act.ej };
	bad.ej = (struct engine_job){ .control = member_step, .done = member_done };
	act.ej.next = &bad.ej;
	engine_commit(h->e, &twin.ej);
	assert_int_equal(twin.status, ERR_NOSPC);
	assert_int_equal(bad.status, ERR_LIMIT);
	assert_int_equal(call.status, OK);
	while (h->e->intents != NULL)
		assert_int_equal(engine_apply(h->e), OK);
	s = help_reader(h, 0);
	assert_int_equal(store_account(s, help_account(h, 1), &there), OK);
	assert_int_equal(there.messages, 1);
	store_close(&s);
	arena_clear(&a);
}

static void
jobs_in_order_keep_it(void **state)
{
	struct help *h = *state;
	struct member m[] = {
		{ .fn = fail_at_first, .arg = "early" }, { .fn = fail_at_first, .arg = "late" },
	};
	uint64_t early, late;

	for (size_t i = 0; i < ARRAY_LEN(m); i++)
		m[i].ej = (struct engine_job){ .index = member_step, .done = member_done,
			.in_order = true, .next = i == 0 ? &m[1].ej : NULL };
	engine_commit(h->e, &m[0].ej);
	assert_int_equal(m[0].status, OK);
	assert_int_equal(m[1].status, OK);
	assert_int_equal(index_begin_read(h->e->ix), OK);
	assert_int_equal(index_u64_get(h->e->ix, "early", &early), OK);
	assert_int_equal(index_u64_get(h->e->ix, "late", &late), OK);
	assert_true(early < late);
	index_abort(h->e->ix);
}

/* What the body was written to is gone before it is synced. */
static int
seal_and_lose(struct engine *e, struct engine_job *ej)
{
	const struct member *m = (struct member *)(void *)ej;
	uint8_t key[CRYPT_KEY_OCTETS] = { 0 };
	struct segment_place at;
	int fds[2], r = OK;

	if (m->arg[0] != 'f')
		return OK;
	r = segment_append(e->seg, key, false, SLICE("s"), SLICE("m"), &at);
	if (r == OK)
		r = segment_flush(e->seg);
	assert_int_equal(pipe(fds), 0);
	assert_true(dup2(fds[1], segment_sync_fd(e->seg)) >= 0);
	close(fds[0]);
	close(fds[1]);
	return r;
}

static int
control_fails_at_first(struct engine *e, struct engine_job *ej)
{
	const struct member *m = (struct member *)(void *)ej;
	static unsigned runs;
	int r = control_put_u64(e->ctl, CONTROL_META, slice_of(m->arg), 1);

	return r == OK && m->arg[0] == 'p' && runs++ == 0 ? ERR_LIMIT : r;
}

/* A job that failed halfway in its group must not be run alone as if its body were on the disk. */
static void
a_failed_sync_is_that_of_a_half_done_job_too(void **state)
{
	enum { JOBS = 10 };
	struct help *h = *state;
	struct engine_conf conf = h->e->conf;
	struct member m[JOBS];

	conf.threads = 1;
	engine_close(&h->e);
	assert_int_equal(engine_open(&conf, &h->e), OK);
	for (size_t i = 0; i < JOBS; i++)
		m[i] = (struct member){ .ej = { .seal = seal_and_lose,
			.control = control_fails_at_first, .done = member_done,
			.next = i + 1 < JOBS ? &m[i + 1].ej : NULL },
			.arg = i == 0 ? "first" : i == 3 ? "poisoned" : "well" };
	engine_commit(h->e, &m[0].ej);
	for (size_t i = 0; i < JOBS; i++)
		assert_int_not_equal(m[i].status, OK);
}

int
main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest t[] = { T(octets_come_back_at_every_size), T(ranges_and_secrets),
		T(damage_is_seen), T(classified_mail_does_not_exist_for_the_internet),
		T(levels_are_checked_again), T(the_same_id_delivers_once), T(quota_and_reserve),
		T(a_full_map_refuses), T(a_full_disk_refuses),
		T(open_intents_are_replayed_once), T(what_cannot_be_filed_is_kept),
		T(torn_tail_hurts_nobody), T(an_epoch_ends_by_itself),
		T(one_writer_and_no_newer_format),
		T(a_half_done_job_takes_nobody_down), T(half_done_jobs_cost_the_others_little),
		T(a_twin_that_was_undone_counts_not), T(jobs_in_order_keep_it), T(a_failed_sync_is_that_of_a_half_done_job_too) };

	return cmocka_run_group_tests(t, NULL, NULL);
}
