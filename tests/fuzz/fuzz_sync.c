/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * What an LDAP server says in content synchronisation, and what is made of it. The first octet is a
 * length, then so many octets of a word, and so on: each is read as a control of an entry and as an
 * intermediate message.
 */
#include <stdlib.h>
#include <string.h>

#include "directory/watch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
entry(struct watch *w, struct slice in, struct arena *arena)
{
	struct slice values[2] = { SLICE("acct"), in };
	struct entry e = { .a[ENTRY_CLASS] = { values, 1 }, .a[ENTRY_UID] = { values + 1, 1 } };
	struct sync_state s;

	if (sync_parse_state(in, &s) != OK)
		return;
	if (s.cookie.n > SYNC_COOKIE_MAX || s.state > SYNC_DELETE)
		abort();
	watch_entry(w, &s, &e, arena);
}

static void
info(struct watch *w, struct slice in)
{
	uint8_t id[GUIDMAP_GUID_OCTETS];
	struct sync_info s;
	struct slice ids;
	size_t n = 0;

	if (sync_parse_info(in, &s) != OK)
		return;
	for (ids = s.ids; sync_next_id(&ids, id) == 1; n++)
		;
	if (s.cookie.n > SYNC_COOKIE_MAX || n * (2 + sizeof id) > in.n)
		abort();
	if (watch_info(w, &s) != OK && !w->live)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char class[] = "acct";
	static struct watch w;
	struct slice rest = { (const char *)data, size };
	struct job_watch_reply told;
	struct conf conf = { .ldap.account_class = class };
	struct arena arena;

	arena_init(&arena, 1 << 20);
	watch_init(&w, &conf, 4);
	watch_begin(&w);
	while (rest.n > 1) {
		size_t n = (uint8_t)rest.p[0];
		struct slice word = slice_sub(rest, 1, n);

		rest = slice_from(rest, 1 + word.n);
		if (n == 255 && !w.sweeping)
			watch_begin(&w);
		entry(&w, word, &arena);
		info(&w, word);
		if (n % 3 == 0 || watch_is_full(&w))
			watch_take(&w, &told);
		if (w.seen.n > 4 || w.changes_n > WATCH_CHANGES_MAX)
			abort();
	}
	do
		watch_take(&w, &told);
	while (told.more);
	watch_fini(&w);
	arena_clear(&arena);
	return 0;
}
