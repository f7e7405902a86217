/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Writers deliver while mailstored is killed and started again. A writer asks again with the same
 * id until it gets an OK; in the end every acknowledged message must be there exactly once, whole.
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
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/clock.h"
#include "common/memfd.h"
#include "daemon.h"
#include "mailstore/audit.h"
#include "mailstore/box.h"
#include "mailstore/store.h"

enum { WRITERS = 6, ACCOUNTS = 3, ROUNDS = 5, MESSAGES_MAX = 20000 };

/* Shared with the writers. */
struct shared {
	_Atomic int stop;
	_Atomic uint32_t acked[WRITERS];	/* messages 0..acked-1 of that writer */
};

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

/* ---- checking ---- */

struct seen {
	unsigned char n[WRITERS][MESSAGES_MAX / WRITERS];
};

static void
read_message(struct store *s, const struct store_record *rec, const uint8_t *secret,
    struct store_message **m, struct seen *seen)
{
	static char got[10001], want[10000];
	struct slice expect;
	unsigned writer, n;
	size_t len;

	assert_int_equal(store_message_open(s, rec, secret, m), OK);
	assert_int_equal(store_message_read(*m, 0, got, 10000, &len), OK);
	got[len] = '\0';
	assert_int_equal(sscanf(got, "%u %u", &writer, &n), 2);
	assert_true(writer < WRITERS && n < MESSAGES_MAX / WRITERS);
	expect = body(writer, n, want);
	assert_int_equal(len, expect.n);
	assert_memory_equal(got, want, len);
	seen->n[writer][n]++;
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

static void
check_account(const struct daemon *d, int imapd, unsigned i, const struct shared *sh)
{
	struct store_record page[100];
	struct store_message *m = NULL;
	struct seen *seen = calloc(1, sizeof *seen);
	struct store *s;
	struct st_open_reply o;
	struct arena a;
	uint32_t from = 1;
	size_t n;

	assert_non_null(seen);
	arena_init(&a, ARENA_MAX);
	o = open_account(imapd, i, &a);
	assert_int_equal(o.keysets[0].class, KEYSET_OPEN);
	assert_int_equal(store_open(d->state, d->run, DAEMON_MAP, 0, &s), OK);
	do {
		assert_int_equal(store_page(s, o.account, BOX_INBOX, from, page, 100, &n), OK);
		for (size_t k = 0; k < n; k++)
			read_message(s, &page[k], (const uint8_t *)o.keysets[0].wrapped.p,
			    &m, seen);
		if (n > 0)
			from = page[n - 1].uid + 1;
	} while (n == 100);
	for (unsigned w = 0; w < WRITERS; w++)
		for (unsigned k = 0; k < MESSAGES_MAX / WRITERS; k++) {
			/* The one after the last acknowledged may be there, too. */
			bool must = k < sh->acked[w];

			if (seen->n[w][k] > 1 || (must && seen->n[w][k] != 1) ||
			    (k > sh->acked[w] && seen->n[w][k] != 0))
				fail_msg("account %u: message %u of writer %u is there %u times",
				    i, k, w, seen->n[w][k]);
		}
	store_message_close(&m);
	store_close(&s);
	arena_clear(&a);
	free(seen);
}

static uint32_t
total(const struct shared *sh)
{
	uint32_t sum = 0;

	for (unsigned w = 0; w < WRITERS; w++)
		sum += atomic_load(&sh->acked[w]);
	return sum;
}

/* Let the writers get on, and some random time more. */
static void
let_run(const struct shared *sh, uint32_t more)
{
	uint64_t until = clock_ms() + 20000;
	uint32_t before = total(sh);

	while (total(sh) < before + more) {
		if (clock_ms() > until)
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
	pid_t writers[WRITERS];
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
		if (writers[w] == 0)
			write_until_stopped(&d, sh, w);
	}
	for (int i = 0; i < ROUNDS; i++) {
		let_run(sh, 300);
		daemon_stop(&d, SIGKILL);
		daemon_start(&d);
	}
	let_run(sh, 20);
	atomic_store(&sh->stop, 1);
	for (unsigned w = 0; w < WRITERS; w++)
		assert_int_equal(waitpid(writers[w], NULL, 0), writers[w]);
	daemon_stop(&d, SIGKILL);
	daemon_start(&d);
	imapd = daemon_connect(&d, ROLE_IMAPD_INTERNAL);
	for (unsigned i = 0; i < ACCOUNTS; i++)
		check_account(&d, imapd, i, sh);
	print_message("%u acknowledged, %d kills\n", total(sh), ROUNDS + 1);
	close(imapd);
	assert_int_equal(daemon_stop(&d, SIGTERM), 0);
	assert_int_equal(audit_verify_dir(d.state, DAEMON_MAP, (struct slice){ NULL, 0 }, &v), OK);
	assert_string_equal(v.what, "");
	daemon_end(&d);
	munmap(sh, sizeof *sh);
}

int
main(void)
{
	const struct CMUnitTest t[] = { cmocka_unit_test(killed_again_and_again) };

	return cmocka_run_group_tests(t, NULL, NULL);
}
