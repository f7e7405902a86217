/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "tests/session/client_script.h"

#include <stdio.h>
#include <string.h>

#include "smtpd/client_engine.h"

enum { RCPTS = 130 };

struct client_run {
	struct client_engine engine;
	struct client_job    job;
	struct client_rcpt   rcpts[RCPTS];
	struct arena	     mem;
	struct buf	     out, in, message;
	size_t		     out_at, reported;
	bool		     open, octet_wise;
	char		     why[1000];
};

static const char *
differ(struct client_run *r, const char *what, struct slice want, struct slice got)
{
	snprintf(r->why, sizeof r->why, "%s: wanted \"%.*s\", got \"%.*s\"", what, (int)want.n,
	    want.n > 0 ? want.p : "", (int)got.n, got.n > 0 ? got.p : "");
	return r->why;
}

static void
start(struct client_run *r)
{
	if (r->open)
		return;
	r->open = true;
	r->job.message = buf_slice(&r->message);
	client_engine_open(&r->engine, &r->job, &r->out);
}

static void
give(struct client_run *r, struct slice s)
{
	buf_add(&r->in, s);
	buf_consume(&r->in, client_engine_input(&r->engine, buf_slice(&r->in)));
	client_engine_produce(&r->engine);
}

static void
server(struct client_run *r, const struct script_line *l)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	if (l->mark == '+') {
		script_unescape(l->text, &b);
	} else {
		buf_add(&b, l->text);
		buf_adds(&b, "\r\n");
	}
	for (size_t i = 0; r->octet_wise && i < b.n; i++)
		give(r, slice_sub(buf_slice(&b), i, 1));
	if (!r->octet_wise)
		give(r, buf_slice(&b));
	buf_fini(&b);
}

static const char *
client_line(struct client_run *r, struct slice want)
{
	struct slice rest = slice_from(buf_slice(&r->out), r->out_at), got = rest;
	ptrdiff_t end = slice_find(rest, SLICE("\r\n"));

	if (end >= 0) {
		got = slice_sub(rest, 0, (size_t)end);
		r->out_at += (size_t)end + 2;
	}
	return end >= 0 && slice_eq(got, want) ? NULL : differ(r, "client", want, got);
}

static const char *
outcome_line(struct client_run *r, struct slice want)
{
	static const char *const names[] = { "pending", "delivered", "deferred", "failed" };
	const struct client_rcpt *c = &r->rcpts[r->reported++];
	struct slice word;

	slice_cut(&want, ' ', &word);
	if (!client_engine_done(&r->engine))
		return "not at the end";
	if (!slice_is(word, names[c->outcome]))
		return differ(r, "outcome", word, slice_of(names[c->outcome]));
	return slice_eq(want, c->text) ? NULL : differ(r, "text", want, c->text);
}

static const char *
line(struct client_run *r, const struct script_line *l)
{
	if (strchr("FTM", l->kind) == NULL)
		start(r);
	switch (l->kind) {
	case 'F':
		r->job.mail_from = l->text;
		return NULL;
	case 'T':
		r->rcpts[r->job.rcpts_n++].address = l->text;
		return NULL;
	case 'M':
		script_unescape(l->text, &r->message);
		return NULL;
	case 'S':
		server(r, l);
		return NULL;
	case 'C':
		return client_line(r, l->text);
	case 'H':
		if (!client_engine_wants_tls(&r->engine))
			return "no handshake is wanted";
		client_engine_on_tls(&r->engine);
		return NULL;
	case 'L':
		client_engine_fail(&r->engine, "lost");
		return NULL;
	case 'O':
		return outcome_line(r, l->text);
	default:
		return "no such line";
	}
}

static const char *
run(const struct script_case *c, bool octet_wise)
{
	static struct client_run r;
	struct slice flags = script_flags(c);
	const char *why = NULL;

	r = (struct client_run){ .octet_wise = octet_wise };
	arena_init(&r.mem, 1 << 20);
	buf_init(&r.out, 1 << 20);
	buf_init(&r.in, 1 << 20);
	buf_init(&r.message, 1 << 20);
	r.job = (struct client_job){ .hostname = "mx.tinh.example", .rcpts = r.rcpts, .mem = &r.mem,
	    .utf8 = slice_find(flags, SLICE("utf8")) >= 0,
	    .tls = slice_find(flags, SLICE("required")) >= 0 ? CLIENT_TLS_REQUIRED :
	    slice_find(flags, SLICE("opportunistic")) >= 0 ? CLIENT_TLS_OPPORTUNISTIC :
	    CLIENT_TLS_NONE };
	for (size_t i = 0; i < c->lines_n && why == NULL; i++)
		why = line(&r, &c->lines[i]);
	if (why == NULL && r.out.n > r.out_at)
		why = differ(&r, "client said more", SLICE(""), slice_from(buf_slice(&r.out),
		    r.out_at));
	if (why == NULL && r.reported != r.job.rcpts_n)
		why = "an outcome is not checked";
	arena_clear(&r.mem);
	buf_fini(&r.out);
	buf_fini(&r.in);
	buf_fini(&r.message);
	return why;
}

const char *
client_script_run_all(const struct script_case *c)
{
	const char *why = run(c, false);

	if (why == NULL && slice_find(script_flags(c), SLICE("nosplit")) < 0)
		why = run(c, true);
	return why;
}
