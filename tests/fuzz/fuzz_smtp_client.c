/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * The relay's client engine against any server. Without TLS line by line and octet by octet
 * must give the same words and outcomes; with TLS (first octet) it must only hold together.
 */
#include <stdlib.h>
#include <string.h>

#include "smtpd/client_engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { RCPTS = 3 };

struct trial {
	struct client_engine ce;
	struct client_job    job;
	struct client_rcpt   rcpts[RCPTS];
	struct arena	     mem;
	struct buf	     in, out;
};

static void
give(struct trial *t, struct slice s)
{
	buf_add(&t->in, s);
	buf_consume(&t->in, client_engine_input(&t->ce, buf_slice(&t->in)));
	client_engine_produce(&t->ce);
	if (client_engine_wants_tls(&t->ce)) {
		buf_clear(&t->in);
		client_engine_on_tls(&t->ce);
	}
}

static void
run(struct trial *t, struct slice in, unsigned tls, bool octet_wise)
{
	*t = (struct trial){ .rcpts = { { .address = SLICE("a@x") }, { .address = SLICE("b@x") },
	    { .address = SLICE("c@x") } } };
	arena_init(&t->mem, 1 << 20);
	buf_init(&t->in, 1 << 20);
	buf_init(&t->out, 1 << 20);
	t->job = (struct client_job){ .hostname = "mx", .tls = (enum client_tls)(tls % 3),
	    .mail_from = SLICE("s@y"), .message = SLICE("a: b\r\n\r\n.\r\nend"), .rcpts = t->rcpts,
	    .rcpts_n = RCPTS, .mem = &t->mem };
	client_engine_open(&t->ce, &t->job, &t->out);
	for (size_t i = 0; octet_wise && i < in.n; i++)
		give(t, slice_sub(in, i, 1));
	while (!octet_wise && in.n > 0) {
		ptrdiff_t lf = slice_chr(in, '\n');
		size_t line = lf < 0 ? in.n : (size_t)lf + 1;

		give(t, slice_sub(in, 0, line));
		in = slice_from(in, line);
	}
	client_engine_fail(&t->ce, "lost");
	for (size_t i = 0; i < RCPTS; i++)
		if (t->rcpts[i].outcome == CLIENT_PENDING || t->rcpts[i].text.n > CLIENT_TEXT_MAX)
			abort();
}

static void
fini(struct trial *t)
{
	arena_clear(&t->mem);
	buf_fini(&t->in);
	buf_fini(&t->out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct trial a, b;
	unsigned tls;

	if (n < 1 || n > 65536)
		return 0;
	tls = data[0] % 3;
	run(&a, (struct slice){ (const char *)data + 1, n - 1 }, tls, false);
	run(&b, (struct slice){ (const char *)data + 1, n - 1 }, tls, true);
	if (tls == CLIENT_TLS_NONE && !slice_eq(buf_slice(&a.out), buf_slice(&b.out)))
		abort();
	for (size_t i = 0; i < RCPTS && tls == CLIENT_TLS_NONE; i++)
		if (a.rcpts[i].outcome != b.rcpts[i].outcome || !slice_eq(a.rcpts[i].text,
		    b.rcpts[i].text))
			abort();
	fini(&a);
	fini(&b);
	return 0;
}
