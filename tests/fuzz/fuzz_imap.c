/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * A whole session against a mailbox in memory: everything that a client may send, whole and cut in
 * two at a place that the first octet names. Both must say the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/session/imap_memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct run {
	struct memory  *m;
	struct session *s;
	struct buf	out;
};

static void
settle(struct run *r)
{
	do {
		engine_run(r->s);
		buf_add(&r->out, buf_slice(engine_output(r->s)));
		buf_clear(engine_output(r->s));
		engine_rest(r->s);
	} while (engine_busy(r->s) || memory_answer(r->m, r->s));
}

static void
feed(struct run *r, struct slice in)
{
	while (in.n > 0) {
		size_t n = engine_input(r->s, in);

		settle(r);
		if (n == 0)
			return;
		in = slice_from(in, n);
	}
}

static void
run(struct run *r, unsigned zone, struct slice a, struct slice b)
{
	struct engine_conf conf = { .hostname = "h", .zone = zone, .tls = true,
		.message_octets = 5000, .errors = 50, .backend = &memory_backend };

	buf_init(&r->out, 64 << 20);
	if (memory_new(zone, &r->m) != OK)
		abort();
	conf.ctx = r->m;
	if (engine_new(&conf, &r->s) != OK)
		abort();
	engine_start(r->s);
	feed(r, SLICE("0 LOGIN an \"mat khau\"\r\n1 SELECT INBOX\r\n"));
	feed(r, a);
	feed(r, b);
	engine_free(&r->s);
	memory_free(&r->m);
}

/* The reserved name or one below it; another may well begin with the same letters. */
static bool
lists_mat(struct slice out)
{
	return slice_find(out, SLICE("\" M&Hq0-t\r\n")) >= 0 ||
	    slice_find(out, SLICE("\" M&Hq0-t/")) >= 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice all = { (const char *)data, n };
	struct run whole = { 0 }, cut = { 0 };
	unsigned zone;
	size_t at;

	if (n < 2)
		return 0;
	at = data[0];
	zone = data[1] % 2 == 0 ? ZONE_INTERNAL : ZONE_INTERNET;
	all = slice_from(all, 2);
	if (at > all.n)
		at = all.n;
	run(&whole, zone, all, (struct slice){ NULL, 0 });
	run(&cut, zone, slice_sub(all, 0, at), slice_from(all, at));
	if (!slice_eq(buf_slice(&whole.out), buf_slice(&cut.out)))
		abort();
	if (zone == ZONE_INTERNET && lists_mat(buf_slice(&whole.out)))
		abort();
	buf_fini(&whole.out);
	buf_fini(&cut.out);
	return 0;
}
