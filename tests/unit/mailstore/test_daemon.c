/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/memfd.h"
#include "daemon.h"
#include "mailstore/audit.h"
#include "mailstore/box.h"
#include "mailstore/store.h"

static const char guid1[17] = "guid-of-user-001", guid2[17] = "guid-of-user-002";

/* Deliver a text to one account, and to a remote address if there is one. */
static int
deliver(int fd, const char *id, const char *guid, uint8_t place, const char *remote,
    const char *text)
{
	struct st_local local = { .guid = { guid, 16 }, .uid = SLICE("u1"),
		.address = SLICE("u1@x.vn"), .place = place };
	struct st_remote to = { .address = slice_of(remote), .route = SLICE("r1"),
		.zone = ZONE_INTERNAL };
	struct st_audit audit = { .event = SLICE("submit"), .account = SLICE("u1@x.vn") };
	struct st_deliver_request req = { .id = slice_of(id), .mail_from = SLICE("a@x.vn"),
		.level = place == ST_PLACE_INBOX ? LEVEL_THUONG : LEVEL_MAT,
		.local = &local, .local_n = 1, .remote = &to, .remote_n = remote != NULL,
		.audit = &audit, .audit_n = 1 };
	const void *reply;
	struct arena a;
	int fds[2], r;

	arena_init(&a, ARENA_MAX);
	assert_int_equal(memfd_of("m", slice_of(text), &fds[0]), OK);
	assert_int_equal(memfd_of("s", SLICE("summary"), &fds[1]), OK);
	r = daemon_call_up(fd, ST_DELIVER, &req, fds, 2, &a, &reply, NULL);
	close(fds[0]);
	close(fds[1]);
	arena_clear(&a);
	return r;
}

static struct st_open_reply
open_account(int fd, const char *guid, struct arena *a)
{
	struct st_open_request req = { .guid = { guid, 16 }, .uid = SLICE("u"),
		.address = SLICE("u@x.vn") };
	const void *reply;

	assert_int_equal(daemon_call_up(fd, ST_OPEN, &req, NULL, 0, a, &reply, NULL), OK);
	return *(const struct st_open_reply *)reply;
}

static struct store *
reader(const struct daemon *d, unsigned flags)
{
	struct store *s = NULL;
	int r = ERR_UNAVAIL;

	for (int i = 0; i < 1000 && (r = store_open(d->state, d->run, DAEMON_MAP, flags, &s)) ==
	    ERR_UNAVAIL; i++)
		(void)poll(NULL, 0, 5);
	assert_int_equal(r, OK);
	return s;
}

/* Wait until the account's generation moves on from *seen. */
static void
wait_change(struct store_watch *w, uint32_t account, uint64_t *seen)
{
	struct pollfd p = { .fd = store_watch_fd(w), .events = POLLIN };
	uint64_t now;

	while ((now = store_watch_generation(w, account)) == *seen) {
		assert_int_equal(poll(&p, 1, 120000), 1);
		store_watch_clear(w);
	}
	*seen = now;
}

static void
check_text(struct store *s, uint32_t account, uint32_t mailbox, uint32_t uid,
    const struct st_open_reply *o, uint8_t class, const char *text)
{
	struct store_message *m = NULL;
	struct store_record rec;
	char got[500];
	size_t n;

	assert_int_equal(store_record(s, account, mailbox, uid, &rec), OK);
	for (size_t i = 0; i < o->keysets_n; i++)
		if (o->keysets[i].class == class) {
			assert_int_equal(rec.keyset, o->keysets[i].id);
			assert_int_equal(store_message_open(s, &rec,
			    (const uint8_t *)o->keysets[i].wrapped.p, &m), OK);
		}
	assert_non_null(m);
	assert_int_equal(store_message_read(m, 0, got, sizeof got, &n), OK);
	assert_int_equal(n, strlen(text));
	assert_memory_equal(got, text, n);
	store_message_close(&m);
}

static void
from_delivery_to_reader(void **state)
{
	struct daemon *d = *state;
	struct st_open_reply o, oi;
	struct store_watch *w;
	struct store *s;
	struct arena a;
	uint64_t seen;
	int smtpd, imapd, outside;

	arena_init(&a, ARENA_MAX);
	daemon_start(d);	/* before keyd */
	smtpd = daemon_connect(d, ROLE_SMTPD);
	imapd = daemon_connect(d, ROLE_IMAPD_INTERNAL);
	outside = daemon_connect(d, ROLE_IMAPD_INTERNET);
	daemon_keyd(d);
	o = open_account(imapd, guid1, &a);
	assert_int_equal(o.keysets_n, 2);
	oi = open_account(outside, guid1, &a);
	assert_int_equal(oi.keysets_n, 1);
	assert_int_equal(oi.keysets[0].class, KEYSET_OPEN);
	s = reader(d, 0);
	assert_int_equal(store_watch_new(s, &w), OK);
	seen = store_watch_generation(w, o.account);
	assert_int_equal(deliver(smtpd, "id00000000000001", guid1, 0, NULL, "hello"), OK);
	wait_change(w, o.account, &seen);
	check_text(s, o.account, BOX_INBOX, 1, &o, KEYSET_OPEN, "hello");
	assert_int_equal(deliver(smtpd, "id00000000000002", guid1, ST_PLACE_MAT, NULL, "MAT"), OK);
	wait_change(w, o.account, &seen);
	check_text(s, o.account, BOX_MAT, 1, &o, KEYSET_MAT, "MAT");
	store_watch_free(&w);
	store_close(&s);
	assert_int_equal(daemon_stop(d, SIGTERM), 0);
	close(smtpd);
	close(imapd);
	close(outside);
	arena_clear(&a);
}

static void
without_keyd_nothing_is_taken_in(void **state)
{
	struct daemon *d = *state;
	struct st_local local = { .guid = { guid1, 16 } };
	struct st_deliver_request req = { .id = SLICE("0123456789abcdef"), .local = &local,
		.local_n = 1 };
	const void *reply;
	struct arena a;
	int fd, fds[2];

	arena_init(&a, ARENA_MAX);
	daemon_start(d);
	fd = daemon_connect(d, ROLE_SMTPD);
	assert_int_equal(memfd_of("m", SLICE("x"), &fds[0]), OK);
	assert_int_equal(memfd_of("s", SLICE("y"), &fds[1]), OK);
	assert_int_equal(daemon_call(fd, ST_DELIVER, &req, fds, 2, &a, &reply, NULL), ERR_UNAVAIL);
	close(fd);
	close(fds[0]);
	close(fds[1]);
	arena_clear(&a);
}

/* ---- zones ---- */

static int
name_call(int fd, uint16_t code, uint32_t account, const char *name, const char *new_name)
{
	struct st_name_request req = { .account = account, .name = slice_of(name),
		.new_name = slice_of(new_name), .on = 1 };
	const void *reply;
	struct arena a;
	int r;

	arena_init(&a, ARENA_MAX);
	r = daemon_call(fd, code, &req, NULL, 0, &a, &reply, NULL);
	arena_clear(&a);
	return r;
}

static int
flags_call(int fd, uint32_t account, uint32_t mailbox)
{
	struct st_range all = { 1, 10 };
	struct st_flags_request req = { .account = account, .mailbox = mailbox, .uids = &all,
		.uids_n = 1, .op = ST_FLAGS_ADD, .flags = ST_DELETED };
	const void *reply;
	struct arena a;
	int r;

	arena_init(&a, ARENA_MAX);
	r = daemon_call(fd, ST_FLAGS, &req, NULL, 0, &a, &reply, NULL);
	arena_clear(&a);
	return r;
}

static int
copy_call(int fd, uint32_t account, uint32_t from, uint32_t to)
{
	struct st_range all = { 1, 10 };
	struct st_copy_request req = { .account = account, .mailbox = from, .target = to,
		.uids = &all, .uids_n = 1, .move = 1 };
	const void *reply;
	struct arena a;
	int r;

	arena_init(&a, ARENA_MAX);
	r = daemon_call(fd, ST_COPY, &req, NULL, 0, &a, &reply, NULL);
	arena_clear(&a);
	return r;
}

static int
append_call(int fd, uint32_t account, uint32_t mailbox, uint8_t level, const char *token,
    uint32_t *uid_out)
{
	struct st_append_request req = { .account = account, .mailbox = mailbox, .level = level,
		.token = slice_of(token) };
	const void *reply;
	struct arena a;
	int r, fds[2];

	arena_init(&a, ARENA_MAX);
	assert_int_equal(memfd_of("m", SLICE("appended"), &fds[0]), OK);
	assert_int_equal(memfd_of("s", SLICE("summary"), &fds[1]), OK);
	r = daemon_call(fd, ST_APPEND, &req, fds, 2, &a, &reply, NULL);
	if (r == OK)
		*uid_out = ((const struct st_append_reply *)reply)->uid;
	close(fds[0]);
	close(fds[1]);
	arena_clear(&a);
	return r;
}

static void
zones(void **state)
{
	struct daemon *d = *state;
	struct arena a;
	uint32_t acct, uid = 0;
	int in, out, smtpd;

	arena_init(&a, ARENA_MAX);
	daemon_keyd(d);
	daemon_start(d);
	in = daemon_connect(d, ROLE_IMAPD_INTERNAL);
	out = daemon_connect(d, ROLE_IMAPD_INTERNET);
	smtpd = daemon_connect(d, ROLE_SMTPD);
	acct = open_account(in, guid1, &a).account;
	assert_int_equal(deliver(smtpd, "id00000000000001", guid1, ST_PLACE_MAT, NULL, "MAT"), OK);
	/* The internet cannot touch what it may not know of. */
	assert_int_equal(flags_call(out, acct, BOX_MAT), ERR_NOENT);
	assert_int_equal(copy_call(out, acct, BOX_MAT, BOX_INBOX), ERR_NOENT);
	assert_int_equal(copy_call(out, acct, BOX_INBOX, BOX_MAT), ERR_NOENT);
	assert_int_equal(append_call(out, acct, BOX_MAT, LEVEL_THUONG, "", &uid), ERR_NOENT);
	assert_int_equal(name_call(out, ST_CREATE, acct, "MẬT", ""), ERR_ACCESS);
	assert_int_equal(name_call(out, ST_CREATE, acct, "Ma\xcc\x82\xcc\xa3t/a", ""), ERR_ACCESS);
	assert_int_equal(name_call(out, ST_RENAME, acct, "Lưu trữ", "mật"), ERR_ACCESS);
	assert_int_equal(name_call(out, ST_RENAME, acct, "Mật", "a"), ERR_NOENT);
	assert_int_equal(name_call(out, ST_DELETE, acct, "Mật", ""), ERR_NOENT);
	assert_int_equal(name_call(out, ST_SUBSCRIBE, acct, "Mật", ""), ERR_ACCESS);
	/* Inside, it is there, and nothing leaves it. */
	assert_int_equal(flags_call(in, acct, BOX_MAT), OK);
	assert_int_equal(copy_call(in, acct, BOX_MAT, BOX_INBOX), ERR_ACCESS);
	assert_int_equal(copy_call(in, acct, BOX_MAT, BOX_MAT_TRASH), OK);
	assert_int_equal(name_call(in, ST_CREATE, acct, "Mật/Riêng", ""), ERR_ACCESS);
	assert_int_equal(name_call(in, ST_DELETE, acct, "Mật", ""), ERR_ACCESS);
	assert_int_equal(name_call(in, ST_RENAME, acct, "Mật", "a"), ERR_ACCESS);
	assert_int_equal(append_call(in, acct, BOX_INBOX, LEVEL_MAT, "", &uid), ERR_ACCESS);
	assert_int_equal(append_call(in, acct, BOX_MAT, LEVEL_MAT, "", &uid), OK);
	close(in);
	close(out);
	close(smtpd);
	arena_clear(&a);
}

static int
seen_call(int fd, uint32_t account, uint32_t mailbox, uint32_t reader)
{
	struct st_range uids = { 1, 9 };
	struct st_reader_seen_request q = { account, mailbox, reader, &uids, 1, 1, 0 };
	const void *reply;
	struct arena a;
	int r;

	arena_init(&a, ARENA_MAX);
	r = daemon_call_up(fd, ST_READER_SEEN, &q, NULL, 0, &a, &reply, NULL);
	arena_clear(&a);
	return r;
}

/* A fallen worker may name any mailbox and any reader. */
static void
sharing(void **state)
{
	struct daemon *d = *state;
	struct st_rights_request rights = { .mailbox = BOX_MAT, .identifier = SLICE("anyone"),
		.rights = ST_RIGHT_READ };
	struct st_entry_request entry = { .mailbox = BOX_MAT, .name = SLICE("/private/comment"),
		.value = SLICE("x") };
	uint32_t acct, other;
	const void *reply;
	struct arena a;
	int in, out;

	arena_init(&a, ARENA_MAX);
	daemon_keyd(d);
	daemon_start(d);
	in = daemon_connect(d, ROLE_IMAPD_INTERNAL);
	out = daemon_connect(d, ROLE_IMAPD_INTERNET);
	acct = rights.account = entry.account = open_account(in, guid1, &a).account;
	other = open_account(in, guid2, &a).account;
	assert_int_equal(daemon_call(out, ST_RIGHTS, &rights, NULL, 0, &a, &reply, NULL), ERR_NOENT);
	assert_int_equal(daemon_call(in, ST_RIGHTS, &rights, NULL, 0, &a, &reply, NULL), ERR_ACCESS);
	assert_int_equal(daemon_call(out, ST_ENTRY, &entry, NULL, 0, &a, &reply, NULL), ERR_NOENT);
	assert_int_equal(daemon_call(in, ST_ENTRY, &entry, NULL, 0, &a, &reply, NULL), OK);
	assert_int_equal(seen_call(out, acct, BOX_MAT, other), ERR_NOENT);
	assert_int_equal(seen_call(out, acct, BOX_INBOX, acct), ERR_INVAL);
	assert_int_equal(seen_call(out, acct, BOX_INBOX, other), OK);
	assert_int_equal(seen_call(out, acct, BOX_INBOX, other + 1), ERR_NOENT);
	assert_int_equal(seen_call(out, acct, BOX_INBOX, UINT32_MAX), ERR_NOENT);
	close(in);
	close(out);
	arena_clear(&a);
}

static void
names_tokens_and_inbox(void **state)
{
	struct daemon *d = *state;
	struct store_mailbox mb;
	struct store *s;
	struct arena a;
	uint32_t acct, uid = 0, again = 0;
	int in;

	arena_init(&a, ARENA_MAX);
	daemon_keyd(d);
	daemon_start(d);
	in = daemon_connect(d, ROLE_IMAPD_INTERNAL);
	acct = open_account(in, guid1, &a).account;
	assert_int_equal(name_call(in, ST_CREATE, acct, "a/b/c", ""), OK);
	assert_int_equal(name_call(in, ST_CREATE, acct, "a/b", ""), ERR_EXIST);
	assert_int_equal(name_call(in, ST_CREATE, acct, "inbox", ""), ERR_EXIST);
	assert_int_equal(name_call(in, ST_RENAME, acct, "a", "a/x"), ERR_INVAL);
	assert_int_equal(name_call(in, ST_RENAME, acct, "a", "z/y"), OK);
	assert_int_equal(name_call(in, ST_DELETE, acct, "z/y/b/c", ""), OK);
	assert_int_equal(name_call(in, ST_DELETE, acct, "z/y/b/c", ""), ERR_NOENT);
	assert_int_equal(name_call(in, ST_DELETE, acct, "INBOX", ""), ERR_ACCESS);
	/* Tokens. */
	assert_int_equal(append_call(in, acct, BOX_SENT, 0, "token-0123456789", &uid), OK);
	assert_int_equal(append_call(in, acct, BOX_SENT, 0, "token-0123456789", &again), OK);
	assert_int_equal(uid, again);
	assert_int_equal(append_call(in, acct, BOX_SENT, 0, "token-012345678a", &again), OK);
	assert_int_equal(uid + 1, again);
	/* The messages of INBOX move, INBOX stays. */
	assert_int_equal(append_call(in, acct, BOX_INBOX, 0, "", &uid), OK);
	assert_int_equal(name_call(in, ST_RENAME, acct, "INBOX", "old/2026"), OK);
	assert_int_equal(append_call(in, acct, BOX_INBOX, 0, "", &again), OK);
	assert_true(again > uid);
	s = reader(d, 0);
	assert_int_equal(store_mailbox_find(s, acct, SLICE("old/2026"), &a, &mb), OK);
	assert_int_equal(mb.exists, 1);
	assert_int_equal(store_mailbox_find(s, acct, SLICE("Inbox"), &a, &mb), OK);
	assert_int_equal(mb.exists, 1);
	store_close(&s);
	close(in);
	arena_clear(&a);
}

/* ---- queue and audit ---- */

/* The chain as the control role sees it: three records, one checkpoint. */
static void
check_audit(int control, struct arena *a)
{
	struct st_nothing nothing = { 0 };
	struct st_list_request list = { 1, 100 };
	const struct st_audit_verify_reply *vr;
	const struct st_audit_list_reply *lr;
	const struct st_status_reply *sr;
	const void *reply;

	assert_int_equal(daemon_call(control, ST_AUDIT_LIST, &list, NULL, 0, a, &reply, NULL), OK);
	lr = reply;
	assert_int_equal(lr->records_n, 3);
	assert_true(slice_is(lr->records[0].audit[0].event, "start"));
	assert_true(slice_find(lr->records[0].audit[0].detail, SLICE("01/QD")) >= 0);
	assert_int_equal(daemon_call(control, ST_AUDIT_VERIFY, &nothing, NULL, 0, a, &reply, NULL),
	    OK);
	vr = reply;
	assert_int_equal(vr->ok, 1);
	assert_int_equal(vr->records, 3);
	assert_int_equal(vr->checkpoints, 1);
	assert_int_equal(daemon_call(control, ST_STATUS, &nothing, NULL, 0, a, &reply, NULL), OK);
	sr = reply;
	assert_int_equal(sr->accounts, 1);
	assert_true(sr->commits > 0 && sr->syncs > 0 && sr->commit_p99_us >= sr->commit_p50_us);
}

/* A claim that waits before there is anything to claim, its result, and then nothing more. */
static void
relay_one(int smtpd, int relay, struct arena *a)
{
	struct st_claim_request claim = { .wait_ms = 60000, .lease_ms = 60000 };
	struct st_queue_rcpt done = { .index = 0, .outcome = ST_DELIVERED };
	struct st_result_request result = { .id = SLICE("id00000000000009"),
		.route = SLICE("r1"), .results = &done, .results_n = 1 };
	const struct st_claim_reply *cr;
	const void *reply;
	struct slice got;
	pid_t late = fork();
	int fd;

	if (late == 0) {
		(void)poll(NULL, 0, 50);
		_exit(deliver(smtpd, "id00000000000009", guid2, 0, "b@y.vn", "to relay"));
	}
	assert_int_equal(daemon_call_up(relay, ST_CLAIM, &claim, NULL, 0, a, &reply, &fd), OK);
	assert_int_equal(waitpid(late, NULL, 0), late);
	cr = reply;
	assert_int_equal(cr->entry_n, 1);
	assert_int_equal(cr->entry[0].recipients_n, 1);
	assert_true(fd >= 0);
	assert_int_equal(memfd_map(fd, 1000, &got), OK);
	assert_true(slice_is(got, "to relay"));
	memfd_unmap(&got);
	close(fd);
	assert_int_equal(daemon_call(relay, ST_RESULT, &result, NULL, 0, a, &reply, NULL), OK);
	claim.wait_ms = 20;
	assert_int_equal(daemon_call(relay, ST_CLAIM, &claim, NULL, 0, a, &reply, &fd), OK);
	cr = reply;
	assert_int_equal(cr->entry_n, 0);
	assert_int_equal(fd, -1);
}

static void
relay_and_audit(void **state)
{
	struct daemon *d = *state;
	struct st_nothing nothing = { 0 };
	const void *reply;
	struct audit_verify v;
	struct arena a;
	int smtpd, relay, control;

	arena_init(&a, ARENA_MAX);
	daemon_keyd(d);
	daemon_start(d);
	smtpd = daemon_connect(d, ROLE_SMTPD);
	relay = daemon_connect(d, ROLE_RELAY);
	control = daemon_connect(d, ROLE_CONTROL);
	assert_int_equal(deliver(smtpd, "id00000000000008", guid2, 0, NULL, "local"), OK);
	relay_one(smtpd, relay, &a);
	check_audit(control, &a);
	/* The relay talks to strangers: it may deliver nothing but what an entry owes. */
	assert_int_equal(deliver(relay, "id00000000000010", guid2, 0, NULL, "forged"), ERR_ACCESS);
	/* Only the role that may ask gets an answer. */
	assert_int_equal(daemon_call(relay, ST_STATUS, &nothing, NULL, 0, &a, &reply, NULL),
	    ERR_FORBIDDEN);
	assert_int_equal(daemon_stop(d, SIGTERM), 0);
	assert_int_equal(audit_verify_dir(d->state, DAEMON_MAP, (struct slice){ NULL, 0 }, &v), OK);
	assert_string_equal(v.what, "");
	close(smtpd);
	close(relay);
	close(control);
	arena_clear(&a);
}

/* A relay that asked and died must not be given what comes then: it would lie under its lease. */
static void
the_dead_are_given_nothing(void **state)
{
	struct daemon *d = *state;
	struct st_claim_request claim = { .wait_ms = 60000, .lease_ms = 60000 };
	const struct st_claim_reply *cr;
	const void *reply;
	struct arena a;
	int smtpd, relay, control, fd = -1;
	pid_t dead;

	arena_init(&a, ARENA_MAX);
	daemon_keyd(d);
	daemon_start(d);
	smtpd = daemon_connect(d, ROLE_SMTPD);
	control = daemon_connect(d, ROLE_CONTROL);
	assert_int_equal(deliver(smtpd, "id00000000000008", guid2, 0, NULL, "local"), OK);
	dead = fork();
	if (dead == 0)
		_exit(daemon_call_up(daemon_connect(d, ROLE_RELAY), ST_CLAIM, &claim, NULL, 0, &a,
		    &reply, &fd));
	(void)poll(NULL, 0, 200);
	assert_int_equal(kill(dead, SIGKILL), 0);
	assert_int_equal(waitpid(dead, NULL, 0), dead);
	assert_int_equal(daemon_call(control, ST_STATUS, &(struct st_nothing){ 0 }, NULL, 0, &a,
	    &reply, NULL), OK);
	assert_int_equal(deliver(smtpd, "id00000000000009", guid2, 0, "b@y.vn", "to relay"), OK);
	relay = daemon_connect(d, ROLE_RELAY);
	claim.wait_ms = 10000;	/* much less than the lease of the dead one */
	assert_int_equal(daemon_call(relay, ST_CLAIM, &claim, NULL, 0, &a, &reply, &fd), OK);
	cr = reply;
	assert_int_equal(cr->entry_n, 1);
	close(fd);
	close(smtpd);
	close(relay);
	close(control);
	arena_clear(&a);
}

static void
a_second_mailstored_is_refused(void **state)
{
	struct daemon *d = *state, second = *d;
	int status;

	daemon_start(d);
	close(daemon_connect(d, ROLE_CONTROL));
	daemon_start(&second);
	assert_int_equal(waitpid(second.mailstored, &status, 0), second.mailstored);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	close(daemon_connect(d, ROLE_CONTROL));
}

int
main(void)
{
#define T(f)	cmocka_unit_test_setup_teardown(f, daemon_setup, daemon_teardown)
	const struct CMUnitTest t[] = { T(from_delivery_to_reader),
		T(without_keyd_nothing_is_taken_in), T(zones), T(sharing), T(names_tokens_and_inbox),
		T(relay_and_audit), T(the_dead_are_given_nothing),
		T(a_second_mailstored_is_refused) };

	return cmocka_run_group_tests(t, NULL, NULL);
}
