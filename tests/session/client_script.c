/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "tests/session/client_script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "smtpd/client_engine.h"
#include "smtpd/xtext.h"

enum { RCPTS = 130, CUTS = 120 };

/* How the server's octets come. */
enum how { BY_LINE, TOGETHER, CUT, BY_OCTET };

/* What happened in which state. */
enum seen { SEEN_421, SEEN_REFUSED, SEEN_LOST, SEEN_JUNK, SEEN_COUNT };

static bool seen[CLIENT_STATES][SEEN_COUNT];

struct client_run {
	struct client_engine engine;
	struct client_job    job;
	struct client_rcpt   rcpts[RCPTS];
	struct arena	     mem;
	struct buf	     out, in, message;
	size_t		     out_at, reported;
	bool		     open;
	enum how	     how;
	size_t		     cut;
	struct buf	     held;		/* TOGETHER: lines of the server, not yet given */
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
note(enum client_state state, enum seen what)
{
	seen[state][what] = true;
}

/* What the reply meant to the state it came in. */
static void
note_reply(const struct client_run *r, enum client_state state, struct slice reply)
{
	bool junk = false;

	if (slice_starts_nocase(reply, SLICE("421")))
		note(state, SEEN_421);
	else if (reply.n > 0 && (reply.p[0] == '4' || reply.p[0] == '5'))
		note(state, SEEN_REFUSED);
	for (size_t i = 0; i < r->job.rcpts_n; i++)
		junk = junk || slice_is(r->rcpts[i].text, "next hop does not speak SMTP");
	if (junk)
		note(state, SEEN_JUNK);
}

static void
server(struct client_run *r, const struct script_line *l)
{
	enum client_state before = r->engine.state;
	struct buf b;

	buf_init(&b, 1 << 20);
	if (l->mark == '+') {
		script_unescape(l->text, &b);
	} else {
		buf_add(&b, l->text);
		buf_adds(&b, "\r\n");
	}
	if (r->how == TOGETHER) {
		buf_add(&r->held, buf_slice(&b));
	} else if (r->how == BY_OCTET) {
		for (size_t i = 0; i < b.n; i++)
			give(r, slice_sub(buf_slice(&b), i, 1));
	} else if (r->how == CUT && r->cut < b.n) {
		give(r, slice_sub(buf_slice(&b), 0, r->cut));
		give(r, slice_from(buf_slice(&b), r->cut));
	} else {
		give(r, buf_slice(&b));
	}
	if (r->how == BY_LINE && before < CLIENT_DONE)
		note_reply(r, before, buf_slice(&b));
	buf_fini(&b);
}

static void
give_held(struct client_run *r)
{
	if (r->held.n > 0)
		give(r, buf_slice(&r->held));
	buf_clear(&r->held);
}

/* Lines of 72 octets with their CRLF, the last one shorter. */
static void
add_text(struct client_run *r, struct slice octets)
{
	uint64_t n = 0;

	if (slice_u64(octets, 1 << 19, &n) != OK)
		return;
	for (; n > 72; n -= 72)
		buf_addf(&r->message, "%070u\r\n", 7U);
	for (; n > 2; n--)
		buf_addc(&r->message, 'x');
	buf_adds(&r->message, "\r\n");
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
	if (slice_starts_nocase(want, SLICE("[passed] "))) {
		if (!c->passed)
			return "the duty to tell was not passed on";
		want = slice_from(want, 9);
	} else if (c->passed) {
		return "the duty to tell was passed on";
	}
	if (!slice_is(word, names[c->outcome]))
		return differ(r, "outcome", word, slice_of(names[c->outcome]));
	return slice_eq(want, c->text) ? NULL : differ(r, "text", want, c->text);
}

static const char *
line(struct client_run *r, const struct script_line *l)
{
	struct slice word, rest;

	if (strchr("FTMWEN", l->kind) == NULL)
		start(r);
	if (l->kind != 'S')
		give_held(r);
	switch (l->kind) {
	case 'F':
		r->job.mail_from = l->text;
		return NULL;
	case 'T':
		r->rcpts[r->job.rcpts_n++].address = l->text;
		return NULL;
	case 'E':
		r->job.ret = slice_starts_nocase(l->text, SLICE("FULL")) ? XTEXT_RET_FULL :
		    XTEXT_RET_HDRS;
		r->job.envid = slice_from(l->text, 5);
		return NULL;
	case 'N':
		rest = l->text;
		slice_cut(&rest, ' ', &word);
		r->rcpts[r->job.rcpts_n - 1].orcpt = rest;
		return xtext_notify(word, &r->rcpts[r->job.rcpts_n - 1].notify) == OK ? NULL :
		    "bad notify";
	case 'M':
		script_unescape(l->text, &r->message);
		return NULL;
	case 'W':
		add_text(r, l->text);
		return NULL;
	case 'D':
		r->out_at = r->out.n;
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
		note(r->engine.state, SEEN_LOST);
		client_engine_fail(&r->engine, "lost");
		return NULL;
	case 'O':
		return outcome_line(r, l->text);
	default:
		return "no such line";
	}
}

static const char *
run(const struct script_case *c, enum how how, size_t cut)
{
	static struct client_run r;
	struct slice flags = script_flags(c);
	const char *why = NULL;

	r = (struct client_run){ .how = how, .cut = cut };
	buf_init(&r.held, 1 << 20);
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
	buf_fini(&r.held);
	buf_fini(&r.in);
	buf_fini(&r.message);
	return why;
}

const char *
client_script_run_all(const struct script_case *c)
{
	const char *why = run(c, BY_LINE, 0);

	if (why != NULL || slice_find(script_flags(c), SLICE("nosplit")) >= 0 ||
	    getenv("CONGVU_CONTROL_OFF") != NULL)
		return why;
	why = run(c, TOGETHER, 0);
	for (size_t cut = 1; cut < CUTS && why == NULL; cut++)
		why = run(c, CUT, cut);
	return why != NULL ? why : run(c, BY_OCTET, 0);
}

unsigned
client_coverage_missing(void)
{
	static const char *const names[SEEN_COUNT] = { "421", "refused", "lost", "junk" };
	unsigned missing = 0;

	for (unsigned s = 0; s < CLIENT_DONE; s++)
		for (unsigned w = 0; w < SEEN_COUNT; w++)
			if (!seen[s][w] && (s != CLIENT_HANDSHAKE || w == SEEN_LOST)) {
				printf("FAIL no transcript: client state %u, %s\n", s, names[w]);
				missing++;
			}
	return missing;
}
