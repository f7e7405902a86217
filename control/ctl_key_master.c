/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * "key rotate --master": another master key.
 *
 * First the next key is durable beside the one in use and keyd has both; then all secrets are wrapped by
 * the next one, account by account; then its file takes the place of the old one, which is gone. keyd
 * opens what either wrapped for as long as both are there, so it may be killed, or this, at any point;
 * the same command goes on.
 */
#include <stdio.h>

#include <sodium.h>

#include "control/ctl_key.h"
#include "directory/keyfile.h"
#include "directory/proto.h"
#include "mailstore/proto.h"

static int
ask_keyd(struct ctl *ctl, const struct keyfile *f, uint8_t step)
{
	struct key_master_request q = { .step = step };
	const void *reply;
	size_t n;
	const struct chan_row *rows = key_rows(&n);

	if (step == KEY_MASTER_BEGIN) {
		q.key = (struct slice){ (const char *)f->next, sizeof f->next };
		q.seed = (struct slice){ (const char *)f->seed, sizeof f->seed };
	}
	arena_clear(&ctl->arena);
	return ctl_ask(ctl, "key", rows, n, KEY_MASTER, &q, &reply);
}

/* 0 is the key of the queue; then accounts. */
static int
rewrap_all(struct ctl *ctl, uint64_t *keysets)
{
	char by[100] = "";
	struct st_master_request q = { 0, slice_of(by) };
	size_t n;
	const struct chan_row *rows = st_rows(&n);
	int r;

	ctl_by(by);
	do {
		const struct st_master_reply *done;
		const void *reply;

		arena_clear(&ctl->arena);
		r = ctl_ask(ctl, "store", rows, n, ST_MASTER, &q, &reply);
		if (r != OK)
			return r;
		done = reply;
		*keysets += done->keysets;
		q.from = done->next;
	} while (q.from != 0);
	return OK;
}

int
ctl_key_master(struct ctl *ctl)
{
	struct keyfile *f = sodium_init() < 0 ? NULL : sodium_malloc(sizeof *f);
	uint64_t keysets = 0;
	struct buf why;
	int r;

	if (f == NULL)
		return ctl_fail("out of memory");
	buf_init(&why, 1024);
	r = keyfile_make_next(ctl->conf->general.state_dir, f, &why);
	if (r == OK)
		r = ask_keyd(ctl, f, KEY_MASTER_BEGIN);
	if (r == OK)
		r = rewrap_all(ctl, &keysets);
	if (r == OK)
		r = keyfile_turn(ctl->conf->general.state_dir, &why);
	if (r == OK)
		r = ask_keyd(ctl, f, KEY_MASTER_END);
	if (r != OK && why.n > 0)
		ctl_fail("%.*s", (int)why.n, why.p);
	sodium_free(f);
	buf_fini(&why);
	if (r == OK && ctl->json)
		ctl_print_json(json_pack("{s:I}", "keysets", (json_int_t)keysets));
	else if (r == OK)
		printf("%llu keysets wrapped by a new master key; keep the old one with backups "
		    "that were made before\n", (unsigned long long)keysets);
	return r == OK ? CTL_OK : CTL_USAGE;
}
