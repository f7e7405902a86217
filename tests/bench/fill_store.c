/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Fill the store of a province as fast as the engine can, with mail that its owners can read:
 *         mailstored is asked to
 * end, and the store taken before it comes back.
 *
 *	fill_store STATE-DIR RUN-DIR MAP-OCTETS {accounts N | mail ADDRESS COUNT OCTETS}...
 *
 * Prints one line for each: what, how many, seconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench_help.h"
#include "common/clock.h"
#include "mime/summary.h"

enum { AT_ONCE = 64 };

/* The guid of the account with that name or address. */
static void
find_guid(struct bench *b, const char *uid, char out[16])
{
	struct control_account row;
	struct env_cursor cur;
	struct arena a;
	bool found = false;
	int r = control_begin_read(b->e->ctl);

	if (r == OK)
		r = env_cursor_open(b->e->ctl->t, CONTROL_ACCOUNT, &cur);
	if (r != OK)
		bench_die("accounts", r);
	arena_init(&a, 1 << 20);
	r = env_cursor_seek(&cur, (struct slice){ "", 1 });
	while (r == 1 && !found) {
		r = control_account_get(cur.key, cur.val, &a, &row);
		found = r == OK && row.guid.n == 16 &&
		    (slice_eq(row.uid, slice_of(uid)) || slice_eq(row.address, slice_of(uid)));
		if (found)
			memcpy(out, row.guid.p, 16);
		arena_clear(&a);
		if (r == OK)
			r = env_cursor_next(&cur);
	}
	env_cursor_close(&cur);
	control_abort(b->e->ctl);
	if (!found)
		bench_die(uid, ERR_NOENT);
}

static struct slice
message_of(size_t octets)
{
	static const char head[] = "From: An <an@x.example>\r\nTo: b@x.example\r\n"
	    "Subject: cong van\r\nDate: Mon, 02 Feb 2026 08:00:00 +0700\r\n"
	    "Message-ID: <1@x.example>\r\n\r\n";
	struct slice text = bench_text(octets > sizeof head ? octets : sizeof head);
	char *p = (char *)(uintptr_t)text.p;

	memcpy(p, head, sizeof head - 1);
	for (size_t i = sizeof head + 75; i + 2 < text.n; i += 78)
		memcpy(p + i, "\r\n", 2);
	return text;
}

static void
add_mail(struct bench *b, const char *uid, size_t count, size_t octets)
{
	static struct bench_mail m[AT_ONCE];
	struct slice text = message_of(octets);
	struct buf summary;
	struct sched s;
	struct arena a;
	struct tree t;
	char guid[16] = "";
	size_t begun = 0, done = 0;

	find_guid(b, uid, guid);
	arena_init(&a, TREE_ARENA_OCTETS(text.n));
	buf_init(&summary, FRAME_SUMMARY_MAX);
	if (tree_parse(text, &a, &t) != OK || summary_build(&t, &a, &summary) != OK)
		bench_die("summary", ERR_INVAL);
	sched_init(&s, b->e);
	for (size_t i = 0; i < AT_ONCE; i++) {
		bench_mail_init(&m[i], 1);
		m[i].summary = buf_slice(&summary);
		m[i].over = true;
	}
	while (done < count) {
		for (size_t i = 0; i < AT_ONCE && begun < count; i++) {
			if (!m[i].over)
				continue;
			bench_mail_add(b, &s, &m[i], 0, 1, text);
			memcpy(m[i].guids[0], guid, sizeof guid);
			begun++;
		}
		done += bench_round(b, &s);
	}
	bench_settle(b, &s);
	for (size_t i = 0; i < AT_ONCE; i++)
		bench_mail_fini(&m[i]);
	buf_fini(&summary);
	arena_clear(&a);
	free((void *)(uintptr_t)text.p);
}

int
main(int argc, char **argv)
{
	struct bench b;

	if (argc < 5)
		return 2;
	umask(0007);
	bench_take(&b, argv[1], argv[2], strtoull(argv[3], NULL, 10));
	for (int i = 4; i < argc; i++) {
		uint64_t begun = clock_us();
		int from = i;

		if (strcmp(argv[i], "accounts") == 0 && i + 1 < argc)
			bench_accounts(&b, 1u << 30, (1u << 30) + (unsigned)atoi(argv[++i]));
		else if (strcmp(argv[i], "mail") == 0 && i + 3 < argc) {
			add_mail(&b, argv[i + 1], strtoul(argv[i + 2], NULL, 10),
			    strtoul(argv[i + 3], NULL, 10));
			i += 3;
		} else
			return 2;
		printf("%s %s %.2f\n", argv[from], argv[from + (i - from > 1 ? 2 : 1)],
		    (double)(clock_us() - begun) / 1e6);
	}
	engine_close(&b.e);
	return 0;
}
