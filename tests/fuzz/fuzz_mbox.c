/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * An mbox: the same at two splits; nothing is made up, so what comes out is no longer than what went
 * in with a CR for each LF. What is written as one message is read as that one.
 */
#include <stdlib.h>
#include <string.h>

#include "control/mbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct taken {
	struct buf b;
	struct mbox_reader r;
	unsigned begun, ended;
	bool	 verbatim;
};

static void
on_begin(void *arg, struct slice from, uint64_t at)
{
	struct taken *t = arg;
	int64_t date_s;

	(void)at;
	(void)!mbox_date(from, &date_s);
	if (t->begun != t->ended)
		abort();
	t->begun++;
	t->r.crlf = !t->verbatim;
	if (!t->verbatim)
		buf_addc(&t->b, '\0');
}

static void
on_octets(void *arg, struct slice s)
{
	struct taken *t = arg;

	if (s.n == 0 || t->begun != t->ended + 1)
		abort();
	buf_add(&t->b, s);
}

static void
on_end(void *arg)
{
	((struct taken *)arg)->ended++;
}

static const struct mbox_events events = { on_begin, on_octets, on_end };

static int
read_at(struct taken *t, struct slice in, size_t at)
{
	int r;

	buf_clear(&t->b);
	t->begun = t->ended = 0;
	mbox_reader_init(&t->r, &events, t);
	r = mbox_read(&t->r, slice_sub(in, 0, at));
	if (r == OK)
		r = mbox_read(&t->r, slice_from(in, at));
	mbox_read_end(&t->r);
	if (t->begun != t->ended)
		abort();
	return r;
}

static void
there_and_back(struct taken *t, struct slice message)
{
	bool crlf = mbox_is_crlf(message);
	struct buf file;

	buf_init(&file, 1 << 22);
	mbox_add_from(SLICE("a@b"), 1700000000, &file);
	mbox_add(message, crlf, &file);
	t->verbatim = true;
	if (read_at(t, buf_slice(&file), file.n / 2) != OK || t->begun != 1)
		abort();
	if (!crlf && !slice_eq(slice_sub(buf_slice(&t->b), 0, message.n), message))
		abort();
	t->verbatim = false;
	if (read_at(t, buf_slice(&file), file.n / 3) != OK || t->begun != 1)
		abort();
	if (crlf && !slice_eq(slice_from(buf_slice(&t->b), 1), message))
		abort();
	buf_fini(&file);
}

static void
status(struct slice message)
{
	struct slice words[8];
	struct buf out;
	unsigned flags;
	size_t n;
	bool found;

	buf_init(&out, 1 << 22);
	mbox_take_status(message, &out, &flags, &found, words, 8, &n);
	if (n > 8 || out.n > message.n)
		abort();
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice in = { (const char *)data, n > 100000 ? 100000 : n };
	static struct taken one, two;
	int r;

	buf_init(&one.b, 1 << 22);
	buf_init(&two.b, 1 << 22);
	one.verbatim = two.verbatim = false;
	r = read_at(&one, in, 0);
	for (size_t at = 1; at < in.n; at += 1 + in.n / 7)
		if (read_at(&two, in, at) != r || !slice_eq(buf_slice(&one.b), buf_slice(&two.b)))
			abort();
	if (one.b.n > 2 * in.n + 8)
		abort();
	there_and_back(&one, in);
	status(in);
	buf_fini(&one.b);
	buf_fini(&two.b);
	return 0;
}
