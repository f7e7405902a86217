/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Writers deliver while mailstored is killed and started again. A writer asks again with the same
 * id until it gets an OK; in the end every acknowledged message must be there exactly once, whole.
 *
 * For each account somebody goes through the inbox meanwhile, uid by uid, and copies, flags, copies and
 * expunges, or moves, each until it gets an OK. In the end what is where, with which flags, must be
 * just what was acknowledged, and one uid more may be in any state that its acts lead through.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/clock.h"
#include "common/memfd.h"
#include "daemon.h"
#include "mailstore/audit.h"
#include "mailstore/box.h"
#include "mailstore/check.h"
#include "mailstore/store.h"

enum { WRITERS = 6, ACCOUNTS = 3, ROUNDS = 5, MESSAGES_MAX = 20000, LOST = 5,
	SLOW_MS = 15000, HANGS_MS = 120000 };

/* Shared with the writers. */
struct shared {
	_Atomic int stop;
	_Atomic uint32_t acked[WRITERS];	/* messages 0..acked-1 of that writer */
	_Atomic uint32_t done[ACCOUNTS];	/* uids 1..done of that account's inbox */
};

/* What is done with a uid: its remainder by TASKS. */
enum task { COPY, FLAG, EXPUNGE, MOVE, TASKS };
static const uint32_t targets[TASKS] = { BOX_ARCHIVE, 0, BOX_TRASH, BOX_JUNK };
enum { FLAGGED = ST_SEEN | ST_FLAGGED };

/* 1 KiB to 9 KiB of a text that tells which message it is. */
static struct slice
body(unsigned writer, unsigned n, char out[10000])
{
	int len = snprintf(out, 10000, "%u %u\r\n", writer, n);
	size_t size = 1000 + n * 37 % 8000;

	for (size_t i = (size_t)len; i < size; i++)
		out[i] = (char)('a' + (i * (n + 1) + writer) % 26);
	return (struct slice){ out, size };
}

static int
deliver(int fd, unsigned writer, unsigned n)
{
	static char text[10000];
	char id[17], guids[ACCOUNTS][17];
	struct st_local local[ACCOUNTS];
	struct st_audit audit = { .event = SLICE("receive") };
	struct st_deliver_request req = { .id = { id, 16 }, .local = local, .local_n = ACCOUNTS,
		.audit = &audit, .audit_n = 1 };
	const void *reply;
	struct arena a;
	int fds[2], r;

	snprintf(id, sizeof id, "w%04u-%010u", writer, n);
	for (unsigned i = 0; i < ACCOUNTS; i++) {
		snprintf(guids[i], sizeof guids[i], "account-guid-%03u", i);
		local[i] = (struct st_local){ .guid = { guids[i], 16 } };
	}
	arena_init(&a, ARENA_MAX);
	if (memfd_of("m", body(writer, n, text), &fds[0]) != OK ||
	    memfd_of("s", SLICE("summary"), &fds[1]) != OK)
		_exit(2);
	r = daemon_call(fd, ST_DELIVER, &req, fds, 2, &a, &reply, NULL);
	close(fds[0]);
	close(fds[1]);
	arena_clear(&a);
	return r;
}

static void
write_until_stopped(const struct daemon *d, struct shared *sh, unsigned writer)
{
	unsigned n = 0;
	int fd = -1;

	while (!atomic_load(&sh->stop) && n < MESSAGES_MAX / WRITERS) {
		int r;

		if (fd < 0)
			fd = daemon_connect(d, ROLE_SMTPD);
		r = deliver(fd, writer, n);
		if (r == OK) {
			atomic_store(&sh->acked[writer], ++n);
			continue;
		}
		close(fd);
		fd = -1;
		(void)poll(NULL, 0, 2);
	}
	_exit(0);
}

static struct st_open_reply
open_account(int fd, unsigned i, struct arena *a)
{
	char guid[17];
	struct st_open_request req = { .guid = { guid, 16 } };
	const void *reply;

	snprintf(guid, sizeof guid, "account-guid-%03u", i);
	assert_int_equal(daemon_call_up(fd, ST_OPEN, &req, NULL, 0, a, &reply, NULL), OK);
	return *(const struct st_open_reply *)reply;
}

/* ---- acts in the inbox ---- */

struct actor {
	const struct daemon *d;
	struct shared	    *sh;
	unsigned	     i;		/* of accounts */
	uint32_t	     account;
	struct store	    *s;
	int		     fd;	/* -1: to be made */
};

/* Again until it is acknowledged; then it is false that it must stop. */
static bool
act(struct actor *x, uint16_t code, const void *req)
{
	int r = ERR_UNAVAIL;

	while (r != OK && !atomic_load(&x->sh->stop)) {
		struct arena a;
		const void *reply;

		if (x->fd < 0)
			x->fd = daemon_connect(x->d, ROLE_IMAPD_INTERNAL);
		arena_init(&a, ARENA_MAX);
		r = daemon_call(x->fd, code, req, NULL, 0, &a, &reply, NULL);
		arena_clear(&a);
		if (r == OK)
			break;
		close(x->fd);
		x->fd = -1;
		(void)poll(NULL, 0, 2);
	}
	return r == OK;
}

static bool
copy(struct actor *x, uint32_t uid, uint32_t target, uint8_t move)
{
	struct st_range one = { uid, uid };
	char token[17];
	struct st_copy_request req = { .account = x->account, .mailbox = BOX_INBOX,
		.target = target, .token = { token, 16 }, .move = move, .uids = &one, .uids_n = 1 };

	snprintf(token, sizeof token, "act-%012u", uid);
	if (!act(x, ST_COPY, &req) || uid % LOST != 0)
		return !atomic_load(&x->sh->stop);
	/* As if the answer had been lost, which a kill seldom brings about. */
	close(x->fd);
	x->fd = -1;
	return act(x, ST_COPY, &req);
}

static bool
flag(struct actor *x, uint32_t uid, uint16_t flags)
{
	struct st_range one = { uid, uid };
	struct st_flags_request req = { .account = x->account, .mailbox = BOX_INBOX, .uids = &one,
		.uids_n = 1, .op = ST_FLAGS_ADD, .flags = flags };

	return act(x, ST_FLAGS, &req);
}

static bool
expunge(struct actor *x, uint32_t uid)
{
	struct st_range one = { uid, uid };
	struct st_expunge_request req = { .account = x->account, .mailbox = BOX_INBOX,
		.uids = &one, .uids_n = 1 };

	return act(x, ST_EXPUNGE, &req);
}

static bool
do_task(struct actor *x, uint32_t uid)
{
	enum task task = uid % TASKS;

	switch (task) {
	case COPY:
	case MOVE:
		return copy(x, uid, targets[task], task == MOVE);
	case FLAG:
		return flag(x, uid, FLAGGED);
	default:
		return copy(x, uid, targets[task], 0) && flag(x, uid, ST_DELETED) &&
		    expunge(x, uid);
	}
}

static void
act_until_stopped(const struct daemon *d, struct shared *sh, unsigned i)
{
	struct actor x = { .d = d, .sh = sh, .i = i, .fd = daemon_connect(d, ROLE_IMAPD_INTERNAL) };
	struct store_record rec;
	struct arena a;
	int r = ERR_UNAVAIL;

	arena_init(&a, ARENA_MAX);
	x.account = open_account(x.fd, i, &a).account;
	arena_clear(&a);
	if (store_open(d->state, d->run, DAEMON_MAP, 0, &x.s) != OK)
		_exit(2);
	while (!atomic_load(&sh->stop)) {
		uint32_t uid = atomic_load(&sh->done[i]) + 1;

		r = store_record(x.s, x.account, BOX_INBOX, uid, &rec);
		if (r == OK && do_task(&x, uid))
			atomic_store(&sh->done[i], uid);
		else if (r == ERR_NOENT)
			(void)poll(NULL, 0, 2);
		else if (r != OK)
			_exit(3);
	}
	_exit(0);
}

/* ---- checking ---- */

/* A message in a mailbox: which one it is. */
struct found {
	uint32_t uid;
	uint16_t flags;
	unsigned writer, n;
};

struct box_found {
	struct found *v;	/* by uid */
	size_t	      n;
};

struct world {
	struct store	     *s;
	struct st_open_reply  o;
	struct store_message *m;
	struct box_found      inbox, of[TASKS];
	uint32_t	      done;
	unsigned char	      seen[WRITERS][MESSAGES_MAX / WRITERS];
};

static void
read_message(struct world *w, const struct store_record *rec, struct found *out)
{
	static char got[10001], want[10000];
	struct slice expect;
	size_t len;

	assert_int_equal(store_message_open(w->s, rec,
	    (const uint8_t *)w->o.keysets[0].wrapped.p, &w->m), OK);
	assert_int_equal(store_message_read(w->m, 0, got, 10000, &len), OK);
	got[len] = '\0';
	assert_int_equal(sscanf(got, "%u %u", &out->writer, &out->n), 2);
	assert_true(out->writer < WRITERS && out->n < MESSAGES_MAX / WRITERS);
	expect = body(out->writer, out->n, want);
	assert_int_equal(len, expect.n);
	assert_memory_equal(got, want, len);
	out->uid = rec->uid;
	out->flags = rec->flags;
}

static void
read_box(struct world *w, uint32_t mailbox, struct box_found *out)
{
	struct store_record page[100];
	uint32_t from = 1;
	size_t n;

	out->v = calloc(MESSAGES_MAX, sizeof *out->v);
	assert_non_null(out->v);
	do {
		assert_int_equal(store_page(w->s, w->o.account, mailbox, from, page, 100, &n), OK);
		assert_true(out->n + n <= MESSAGES_MAX);
		for (size_t k = 0; k < n; k++)
			read_message(w, &page[k], &out->v[out->n++]);
		if (n > 0)
			from = page[n - 1].uid + 1;
	} while (n == 100);
}

static const struct found *
in_inbox(const struct world *w, uint32_t uid)
{
	for (size_t i = 0; i < w->inbox.n; i++)
		if (w->inbox.v[i].uid == uid)
			return &w->inbox.v[i];
	return NULL;
}

/* The i-th copy is of the i-th uid of the task: all that were acknowledged, and the one under way. */
static void
check_copies(struct world *w, enum task task)
{
	const struct box_found *b = &w->of[task];
	uint32_t uid = task == COPY ? TASKS : task;

	for (size_t i = 0; i < b->n; i++, uid += TASKS) {
		const struct found *f = &b->v[i], *from = in_inbox(w, uid);

		assert_true(uid <= w->done + 1);
		assert_int_equal(f->flags, 0);
		if (task == COPY || (task == EXPUNGE && from != NULL)) {
			assert_true(task == COPY || uid == w->done + 1);
			assert_non_null(from);
			assert_int_equal(f->writer, from->writer);
			assert_int_equal(f->n, from->n);
			continue;
		}
		assert_null(from);
		w->seen[f->writer][f->n]++;
	}
	assert_true(uid > w->done);
}

/* No uid is missing but those that went elsewhere, and no flag is there that nobody set. */
static void
check_inbox(struct world *w)
{
	uint32_t last = w->inbox.n == 0 ? 0 : w->inbox.v[w->inbox.n - 1].uid;
	size_t i = 0;

	for (uint32_t uid = 1; uid <= last; uid++) {
		const struct found *f = &w->inbox.v[i];
		enum task task = uid % TASKS;
		bool goes = task == EXPUNGE || task == MOVE, done = uid <= w->done;
		uint16_t all = task == FLAG ? FLAGGED : task == EXPUNGE ? ST_DELETED : 0;

		if (f->uid != uid) {
			assert_true(goes && uid <= w->done + 1);
			continue;
		}
		i++;
		assert_false(goes && done);
		assert_true(f->flags == 0 || (f->flags == all && uid <= w->done + 1));
		assert_true(f->flags == all || !done);
		/* Deleted was said after the copy. */
		if (f->flags == ST_DELETED)
			assert_int_equal(w->of[EXPUNGE].n, uid / TASKS + 1);
		w->seen[f->writer][f->n]++;
	}
	assert_int_equal(i, w->inbox.n);
}

static void
check_deliveries(const struct world *w, unsigned i, const struct shared *sh)
{
	for (unsigned k = 0; k < WRITERS; k++)
		for (unsigned n = 0; n < MESSAGES_MAX / WRITERS; n++) {
			/* The one after the last acknowledged may be there, too. */
			bool must = n < sh->acked[k];
			unsigned char seen = w->seen[k][n];

			if (seen > 1 || (must && seen != 1) || (n > sh->acked[k] && seen != 0))
				fail_msg("account %u: message %u of writer %u is there %u times",
				    i, n, k, seen);
		}
}

static void
check_account(const struct daemon *d, int imapd, unsigned i, const struct shared *sh)
{
	struct world *w = calloc(1, sizeof *w);
	struct arena a;

	assert_non_null(w);
	arena_init(&a, ARENA_MAX);
	w->o = open_account(imapd, i, &a);
	w->done = sh->done[i];
	assert_int_equal(w->o.keysets[0].class, KEYSET_OPEN);
	assert_int_equal(store_open(d->state, d->run, DAEMON_MAP, 0, &w->s), OK);
	read_box(w, BOX_INBOX, &w->inbox);
	for (unsigned task = 0; task < TASKS; task++)
		if (targets[task] != 0)
			read_box(w, targets[task], &w->of[task]);
	check_inbox(w);
	for (unsigned task = 0; task < TASKS; task++)
		if (targets[task] != 0)
			check_copies(w, task);
	check_deliveries(w, i, sh);
	for (unsigned task = 0; task < TASKS; task++)
		free(w->of[task].v);
	free(w->inbox.v);
	store_message_close(&w->m);
	store_close(&w->s);
	arena_clear(&a);
	free(w);
}

static void
finding(void *arg, const struct check_finding *f)
{
	++*(unsigned *)arg;
	print_error("check: %s, account %u mailbox %u uid %u: %llu, %llu %s\n",
	    check_kind_row(f->kind)->text, f->account, f->mailbox, f->uid,
	    (unsigned long long)f->is, (unsigned long long)f->should, f->what);
}

/* Counters, references, what no message shows: as "congvuctl store check". */
static void
check_store(const struct daemon *d)
{
	unsigned n = 0;
	struct check_conf conf = { .state_dir = d->state, .map_octets = DAEMON_MAP,
		.offline = true, .who = "test", .found = finding, .arg = &n };
	struct check_result result;

	assert_int_equal(check_run(&conf, &result), OK);
	assert_int_equal(n, 0);
}

static uint32_t
total(const struct shared *sh)
{
	uint32_t sum = 0;

	for (unsigned w = 0; w < WRITERS; w++)
		sum += atomic_load(&sh->acked[w]);
	return sum;
}

/* Have all got on so far that it is worth a kill: by `more` messages, and where the disk is slow,
 * after some time, by a part of them, if the accounts do their acts. */
static bool
is_enough(const struct shared *sh, uint32_t before, uint32_t more, unsigned round, uint64_t ms)
{
	if (total(sh) >= before + more)
		return true;
	for (unsigned i = 0; i < ACCOUNTS; i++)
		if (atomic_load(&sh->done[i]) < TASKS * (round + 1))
			return false;
	return ms > SLOW_MS && total(sh) >= before + more / 6;
}

/* Let the writers get on, and some random time more. */
static void
let_run(const struct shared *sh, uint32_t more, unsigned round)
{
	uint64_t began = clock_ms();
	uint32_t before = total(sh);

	while (!is_enough(sh, before, more, round, clock_ms() - began)) {
		if (clock_ms() - began > HANGS_MS)
			fail_msg("the writers do not get on");
		(void)poll(NULL, 0, 1);
	}
	(void)poll(NULL, 0, (int)(clock_us() % 20));
}

static void
killed_again_and_again(void **state)
{
	struct shared *sh = mmap(NULL, sizeof *sh, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t writers[WRITERS], actors[ACCOUNTS];
	uint32_t acts = 0;
	struct audit_verify v;
	struct daemon d;
	int imapd;

	(void)state;
	assert_true(sh != MAP_FAILED);
	daemon_begin(&d);
	daemon_keyd(&d);
	daemon_start(&d);
	for (unsigned w = 0; w < WRITERS; w++) {
		writers[w] = fork();
		if (writers[w] == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
			write_until_stopped(&d, sh, w);
	}
	for (unsigned i = 0; i < ACCOUNTS; i++) {
		actors[i] = fork();
		if (actors[i] == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
			act_until_stopped(&d, sh, i);
	}
	for (unsigned i = 0; i < ROUNDS; i++) {
		let_run(sh, 300, i);
		daemon_stop(&d, SIGKILL);
		daemon_start(&d);
	}
	let_run(sh, 20, ROUNDS);
	atomic_store(&sh->stop, 1);
	for (unsigned w = 0; w < WRITERS; w++)
		assert_int_equal(waitpid(writers[w], NULL, 0), writers[w]);
	for (unsigned i = 0; i < ACCOUNTS; i++) {
		int status = -1;

		assert_int_equal(waitpid(actors[i], &status, 0), actors[i]);
		assert_int_equal(status, 0);
		assert_true(sh->done[i] >= TASKS * ROUNDS);
		acts += sh->done[i];
	}
	daemon_stop(&d, SIGKILL);
	daemon_start(&d);
	imapd = daemon_connect(&d, ROLE_IMAPD_INTERNAL);
	for (unsigned i = 0; i < ACCOUNTS; i++)
		check_account(&d, imapd, i, sh);
	print_message("%u deliveries and %u acts acknowledged, %d kills\n", total(sh), acts,
	    ROUNDS + 1);
	close(imapd);
	assert_int_equal(daemon_stop(&d, SIGTERM), 0);
	assert_int_equal(audit_verify_dir(d.state, DAEMON_MAP, (struct slice){ NULL, 0 }, &v), OK);
	assert_string_equal(v.what, "");
	check_store(&d);
	daemon_end(&d);
	munmap(sh, sizeof *sh);
}

int
main(void)
{
	const struct CMUnitTest t[] = { cmocka_unit_test(killed_again_and_again) };

	return cmocka_run_group_tests(t, NULL, NULL);
}
