/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "control/mbox.h"
#include "mailstore/proto.h"

#define D	"a@b Tue Feb  3 10:00:00 2026"

/* ---- reading ---- */

static struct buf got;

static void
on_begin(void *arg, struct slice from, uint64_t at)
{
	(void)arg;
	buf_addf(&got, "<%.*s@%llu>", (int)from.n, from.p, (unsigned long long)at);
}

static void
on_octets(void *arg, struct slice s)
{
	(void)arg;
	buf_add(&got, s);
}

static void
on_end(void *arg)
{
	(void)arg;
	buf_adds(&got, "<end>");
}

static const struct mbox_events events = { on_begin, on_octets, on_end };

static const struct {
	const char *name, *in, *out;
	int	    result;
} cases[] = {
	{ "one", "From " D "\nA: b\n\nx\n\n", "<" D "@0>A: b\r\n\r\nx\r\n<end>", OK },
	{ "two", "From " D "\nA: b\n\nx\n\nFrom " D "\nC: d\n\ny\n",
	    "<" D "@0>A: b\r\n\r\nx\r\n<end><" D "@43>C: d\r\n\r\ny\r\n<end>", OK },
	{ "CRLF", "From " D "\r\nA: b\r\n\r\nx\r\n\r\nFrom " D "\r\nC: d\r\n\r\n\r\n",
	    "<" D "@0>A: b\r\n\r\nx\r\n<end><" D "@48>C: d\r\n\r\n<end>", OK },
	{ "quoted", "From " D "\nA: b\n\n>From x\n>>From y\n> From z\n>Fro\n",
	    "<" D "@0>A: b\r\n\r\nFrom x\r\n>From y\r\n> From z\r\n>Fro\r\n<end>", OK },
	{ "unquoted, no empty line before", "From " D "\nA: b\n\nx\nFrom " D "\nA: c\n",
	    "<" D "@0>A: b\r\n\r\nx\r\nFrom " D "\r\nA: c\r\n<end>", OK },
	{ "unquoted text", "From " D "\nA: b\n\nFrom here on\nnothing: x\n",
	    "<" D "@0>A: b\r\n<end><here on@40>nothing: x\r\n<end>", OK },
	{ "unquoted text, no field after it", "From " D "\nA: b\n\nFrom here on\nwe go\n\nFrom " D
	    "\nC: d\n", "<" D "@0>A: b\r\n\r\nFrom here on\r\nwe go\r\n<end><" D "@60>C: d\r\n<end>",
	    OK },
	{ "unquoted text, then empty, then a separator", "From " D "\nA: b\n\nFrom here\n\nFrom " D
	    "\nC: d\n", "<" D "@0>A: b\r\n\r\nFrom here\r\n<end><" D "@51>C: d\r\n<end>", OK },
	{ "broken date", "From x Tue Fbb 99\nA: b\n\nx\n\nFrom nobody\nC: d\n\ny\n",
	    "<x Tue Fbb 99@0>A: b\r\n\r\nx\r\n<end><nobody@27>C: d\r\n\r\ny\r\n<end>", OK },
	{ "empty lines first", "\n\nFrom " D "\nA: b\n", "<" D "@2>A: b\r\n<end>", OK },
	{ "no end of line", "From " D "\nA: b\n\nx", "<" D "@0>A: b\r\n\r\nx<end>", OK },
	{ "ends in a separator", "From " D "\nA: b\n\nx\n\nFrom " D,
	    "<" D "@0>A: b\r\n\r\nx\r\n<end><" D "@43><end>", OK },
	{ "ends in some of one", "From " D "\nA: b\n\nFro", "<" D "@0>A: b\r\n\r\nFro<end>", OK },
	{ "many empty lines", "From " D "\nA: b\n\n\n\n\n", "<" D "@0>A: b\r\n\r\n\r\n\r\n<end>", OK },
	{ "bare CR", "From " D "\nA: b\rc\n\n\rx\n", "<" D "@0>A: b\rc\r\n\r\n\rx\r\n<end>", OK },
	{ "no mbox", "A: b\n\nx\n", "", ERR_SYNTAX },
	{ "no mbox, nearly", "Fro m\n", "", ERR_SYNTAX },
	{ "empty", "", "", OK },
};

static int
feed(struct mbox_reader *r, const char *in, size_t at)
{
	size_t n = strlen(in);
	int e;

	buf_clear(&got);
	mbox_reader_init(r, &events, NULL);
	e = mbox_read(r, (struct slice){ in, at });
	if (e == OK)
		e = mbox_read(r, (struct slice){ in + at, n - at });
	mbox_read_end(r);
	return e;
}

static void
mbox_reads_the_same_at_every_split(void **state)
{
	static struct mbox_reader r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t at = 0; at <= strlen(cases[i].in); at++) {
			int e = feed(&r, cases[i].in, at);

			if (e != cases[i].result || !slice_is(buf_slice(&got), cases[i].out))
				fail_msg("%s, split at %zu: %d %.*s", cases[i].name, at, e,
				    (int)got.n, got.p == NULL ? "" : got.p);
		}
}

static void
mbox_holds_no_long_line(void **state)
{
	static struct mbox_reader r;
	static char in[5000];
	size_t n;

	(void)state;
	n = (size_t)snprintf(in, sizeof in, "From " D "\nA: b\n\nFrom ");
	memset(in + n, 'x', 3000);
	assert_int_equal(feed(&r, in, 100), OK);
	assert_true(slice_ends_nocase(buf_slice(&got), SLICE("xxx<end>")));
	assert_true(slice_find(buf_slice(&got), SLICE("\r\n\r\nFrom xxx")) > 0);
	assert_true(got.n > 3000);
	memcpy(in, "From yyy", 8);
	memset(in + 8, 'y', 2000);
	assert_int_equal(feed(&r, in, 7), ERR_SYNTAX);
}

/* ---- there and back ---- */

static const char *const messages[] = {
	"A: b\r\n\r\nx\r\n", "", "A: b\r\n\r\nFrom x\r\n>From y\r\nFrom\r\n", "A: b\r\n\r\n",
	"A: b\r\n\r\nx\r\n\r\n\r\n", "A: b\r\n\r\n>>>>From " D "\r\n", "A: b\r\n\r\n\r\nFrom " D "\r\nC: d\r\n",
	"A: b\r\n\r\nbare\nlf\r\n", "A: b\r\n\r\nno end", "A: b\r\n\r\nFrom " D, "A: b\r\n\r\nx\n\n\n",
	"\r\n\r\n", "\n", "From " D "\r\n\r\n",
};

static void
take(void *arg, struct slice s)
{
	buf_add(arg, s);
}

static void
nothing(void *arg)
{
	(void)arg;
}

static void
take_verbatim(void *arg, struct slice from, uint64_t at)
{
	struct mbox_reader *r = *(struct mbox_reader **)((char *)arg + sizeof(struct buf));

	(void)from, (void)at;
	r->crlf = false;
}

static void
written_messages_are_read_as_they_were(void **state)
{
	static struct mbox_reader r;
	struct { struct buf b; struct mbox_reader *r; } to = { .r = &r };
	struct mbox_events ev = { NULL, take, nothing };
	struct buf file;

	(void)state;
	buf_init(&file, 10000);
	buf_init(&to.b, 10000);
	for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
		struct slice m = slice_of(messages[i]);
		bool crlf = mbox_is_crlf(m);

		buf_clear(&file);
		buf_clear(&to.b);
		mbox_add_from(SLICE("x@y"), 1700000000, &file);
		mbox_add(m, crlf, &file);
		ev.begin = crlf ? on_begin : take_verbatim;
		mbox_reader_init(&r, &ev, &to);
		assert_int_equal(mbox_read(&r, buf_slice(&file)), OK);
		mbox_read_end(&r);
		if (!slice_eq(slice_sub(buf_slice(&to.b), 0, m.n), m) || (crlf && to.b.n != m.n) ||
		    to.b.n > m.n + 1)
			fail_msg("%zu: %.*s", i, (int)to.b.n, to.b.p);
	}
	buf_fini(&file);
	buf_fini(&to.b);
}

/* ---- dates ---- */

static const struct {
	const char *from;
	int64_t	    date_s;		/* -1: none */
} dates[] = {
	{ "a@b Tue Feb  3 10:00:00 2026", 1770112800 },
	{ "a@b Tue Feb  3 10:00 2026", 1770112800 },
	{ "a@b Tue Feb  3 17:00:00 2026 +0700", 1770112800 },
	{ "a@b Tue Feb  3 17:00:00 +0700 2026", 1770112800 },
	{ "a@b Tue Feb  3 10:00:00 GMT 2026", 1770112800 },
	{ "\"a b\"@c Tue Feb  3 10:00:00 2026", 1770112800 },
	{ "a@b Mon Feb 30 10:00:00 2026", -1 }, { "a@b Tue Feb  3 25:00:00 2026", -1 },
	{ "a@b Tue Feb  3 10:00:00 1926", -1 }, { "a@b", -1 }, { "", -1 },
	{ "a@b Tue Fev  3 10:00:00 2026", -1 }, { "a@b Tue Feb  3 10:00:00", -1 },
};

static void
dates_are_read_and_written(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	for (size_t i = 0; i < ARRAY_LEN(dates); i++) {
		int64_t s = -1;
		int r = mbox_date(slice_of(dates[i].from), &s);

		if ((r == OK) != (dates[i].date_s >= 0) || (r == OK && s != dates[i].date_s))
			fail_msg("%s: %d %lld", dates[i].from, r, (long long)s);
	}
	for (int64_t t = 0; t < 4000000000; t += 86400 * 13 + 4567) {
		int64_t s = -1;

		buf_clear(&b);
		mbox_add_from(SLICE("a b"), t, &b);
		assert_true(slice_starts_nocase(buf_slice(&b), SLICE("From MAILER-DAEMON ")));
		assert_int_equal(mbox_date(slice_sub(buf_slice(&b), 5, b.n - 6), &s), OK);
		assert_int_equal(s, t);
	}
	buf_fini(&b);
}

/* ---- flags ---- */

static void
status_fields_are_taken_out(void **state)
{
	static const char in[] = "Status: RO\r\nA: b\r\nX-Status: AFT\r\nX-Keywords: one, two\r\n three\r\n"
	    "X-UID: 7\r\nStatus-X: y\r\n\r\nStatus: D\r\n";
	struct slice words[3];
	struct buf b;
	unsigned flags;
	size_t n;
	bool found;

	(void)state;
	buf_init(&b, 1000);
	mbox_take_status(slice_of(in), &b, &flags, &found, words, 3, &n);
	assert_true(found);
	assert_int_equal(flags, ST_SEEN | ST_ANSWERED | ST_FLAGGED | ST_DRAFT);
	assert_int_equal(n, 3);
	assert_true(slice_is(words[0], "one") && slice_is(words[2], "three"));
	assert_true(slice_is(buf_slice(&b), "A: b\r\nStatus-X: y\r\n\r\nStatus: D\r\n"));
	buf_clear(&b);
	assert_int_equal(mbox_add_status(ST_SEEN | ST_DELETED, 9, words, 2, "\r\n", &b), 4);
	assert_true(slice_is(buf_slice(&b), "Status: RO\r\nX-UID: 9\r\nX-Status: D\r\nX-Keywords: one two\r\n"));
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(mbox_reads_the_same_at_every_split),
		cmocka_unit_test(mbox_holds_no_long_line),
		cmocka_unit_test(written_messages_are_read_as_they_were),
		cmocka_unit_test(dates_are_read_and_written),
		cmocka_unit_test(status_fields_are_taken_out),
	};
	int failed;

	buf_init(&got, 100000);
	failed = cmocka_run_group_tests(t, NULL, NULL);
	buf_fini(&got);
	return failed;
}
