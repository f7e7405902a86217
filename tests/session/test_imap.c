/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/session/test_imap.c DIR...: IMAP transcripts, whole and at every split of what the client
 * sends.
 *
 * A file holds cases. "== name [| flags]" begins one (flags: internet, plain, nosplit), lines
 *	follow: C: text		the client sends text CRLF	C+ text	... without CRLF, escapes \r
 *	\n \0 \\ S: text		the next line of the server	S~ regex	... matches
 *	(extended) E: event	see imap_memory.c		N: text	what was noted so far
 *	X:		the session has ended
 * Sign-in is done before the first line unless the flag is plain or new.
 */
#include <dirent.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/session/imap_memory.h"

enum { LINES = 400, WHOLE = -1, BYTES = -2 };

struct line { char kind, mark; struct slice text; };

struct test_case {
	char	    name[160];
	struct line v[LINES];
	size_t	    n;
};

struct run {
	struct memory  *memory;
	struct session *s;
	struct buf	out, block;
	size_t		out_at;
	char		why[2000];
};

/* ---- driving ---- */

static void
settle(struct run *r)
{
	do {
		engine_run(r->s);
		buf_add(&r->out, buf_slice(engine_output(r->s)));
		buf_clear(engine_output(r->s));
		engine_rest(r->s);
	} while (engine_busy(r->s) || memory_answer(r->memory, r->s));
}

static void
feed(struct run *r, struct slice in)
{
	while (in.n > 0) {
		size_t n = engine_input(r->s, in);

		settle(r);
		if (n == 0)
			return;	/* nothing more will happen: the lines will tell */
		in = slice_from(in, n);
	}
}

static void
feed_split(struct run *r, int at)
{
	struct slice all = buf_slice(&r->block);

	if (at == WHOLE)
		feed(r, all);
	else if (at == BYTES)
		for (size_t i = 0; i < all.n; i++)
			feed(r, slice_sub(all, i, 1));
	else {
		feed(r, slice_sub(all, 0, (size_t)at));
		feed(r, slice_from(all, (size_t)at));
	}
	buf_clear(&r->block);
}

static void
add_client(struct buf *block, const struct line *l)
{
	for (size_t i = 0; i < l->text.n; i++) {
		char c = l->text.p[i];

		if (l->mark == '+' && c == '\\' && i + 1 < l->text.n) {
			char e = l->text.p[++i];

			c = e == 'r' ? '\r' : e == 'n' ? '\n' : e == '0' ? '\0' : e;
		}
		buf_addc(block, c);
	}
	if (l->mark == ':')
		buf_adds(block, "\r\n");
}

/* ---- comparing ---- */

static bool
matches(const struct line *l, struct slice got)
{
	char pattern[1200], text[4000];
	regex_t re;
	bool ok;

	if (l->mark == ':')
		return slice_eq(l->text, got);
	snprintf(pattern, sizeof pattern, "^%.*s$", (int)l->text.n, l->text.p);
	snprintf(text, sizeof text, "%.*s", (int)got.n, got.p);
	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	ok = regexec(&re, text, 0, NULL, 0) == 0;
	regfree(&re);
	return ok;
}

static bool
expect_line(struct run *r, const struct line *l)
{
	struct slice rest = slice_from(buf_slice(&r->out), r->out_at), got;
	ptrdiff_t lf = rest.n > 0 ? slice_chr(rest, '\n') : -1;

	got = lf < 0 ? rest : slice_sub(rest, 0, (size_t)lf + 1);
	r->out_at += got.n;
	if (lf >= 1 && got.p[lf - 1] == '\r' && matches(l, slice_sub(got, 0, got.n - 2)))
		return true;
	snprintf(r->why, sizeof r->why, "want %.*s\n   got  %.*s", (int)l->text.n, l->text.p,
	    (int)got.n, got.p);
	return false;
}

static bool
expect(struct run *r, const struct line *l)
{
	struct slice notes = slice_trim(memory_notes(r->memory));

	switch (l->kind) {
	case 'S':
		return expect_line(r, l);
	case 'E':
		if (!memory_event(r->memory, r->s, l->text))
			snprintf(r->why, sizeof r->why, "no such event");
		settle(r);
		return r->why[0] == '\0';
	case 'N':
		snprintf(r->why, sizeof r->why, "noted: %.*s", (int)notes.n, notes.p);
		if (slice_eq(l->text, notes))
			r->why[0] = '\0';
		return r->why[0] == '\0';
	default:
		if (engine_waits(r->s) != ENGINE_CLOSED)
			snprintf(r->why, sizeof r->why, "still open");
		return r->why[0] == '\0';
	}
}

/* Words behind "|" in the case's name. */
static bool
has_flag(const struct test_case *c, const char *flag)
{
	const char *bar = strchr(c->name, '|');

	return bar != NULL && strstr(bar, flag) != NULL;
}

/* Run with block number `block` split at `at`: the length of that block, or -1 with r->why. */
static int
run_lines(struct run *r, const struct test_case *c, size_t block, int at)
{
	size_t blocks = 0;
	int octets = 0;

	for (size_t i = 0; i < c->n; i++) {
		bool more = i + 1 < c->n && c->v[i + 1].kind == 'C';

		if (c->v[i].kind != 'C') {
			if (!expect(r, &c->v[i]))
				return -1;
			continue;
		}
		add_client(&r->block, &c->v[i]);
		if (more)
			continue;
		if (blocks == block)
			octets = (int)r->block.n;
		feed_split(r, blocks++ == block || at == BYTES ? at : WHOLE);
	}
	if (r->out_at < r->out.n) {
		snprintf(r->why, sizeof r->why, "and then: %.*s", (int)(r->out.n - r->out_at),
		    r->out.p + r->out_at);
		return -1;
	}
	return octets;
}

static int
run(const struct test_case *c, size_t block, int at, bool complain)
{
	bool internet = has_flag(c, "internet"), plain = has_flag(c, "plain");
	bool new = plain || has_flag(c, "new");
	struct engine_conf conf = { .hostname = "mx.tinh.example",
		.zone = internet ? ZONE_INTERNET : ZONE_INTERNAL, .tls = !plain, .starttls = plain,
		.message_octets = 300000, .errors = 5, .backend = &memory_backend };
	struct run r = { 0 };
	int n;

	buf_init(&r.out, 8 << 20);
	buf_init(&r.block, 8 << 20);
	if (memory_new(conf.zone, &r.memory) != OK)
		abort();
	conf.ctx = r.memory;
	if (engine_new(&conf, &r.s) != OK)
		abort();
	engine_start(r.s);
	settle(&r);
	if (!new) {
		feed(&r, SLICE("0 LOGIN an \"mat khau\"\r\n"));
		r.out_at = r.out.n;
	}
	n = run_lines(&r, c, block, at);
	if (n < 0 && complain)
		printf("not ok %s (block %zu, split %d)\n   %s\n", c->name, block, at, r.why);
	engine_free(&r.s);
	memory_free(&r.memory);
	buf_fini(&r.out);
	buf_fini(&r.block);
	return n;
}

static bool
run_all(const struct test_case *c)
{
	bool nosplit = has_flag(c, "nosplit");

	if (run(c, SIZE_MAX, WHOLE, true) < 0)
		return false;
	if (nosplit)
		return true;
	if (run(c, SIZE_MAX, BYTES, true) < 0)
		return false;
	for (size_t block = 0; ; block++) {
		int octets = run(c, block, WHOLE, true);

		if (octets <= 0)
			return octets == 0;
		for (int at = 1; at < octets; at += octets > 3000 ? 97 : 1)
			if (run(c, block, at, true) < 0)
				return false;
	}
}

/* ---- files ---- */

static bool
next_case(struct slice *text, struct test_case *c)
{
	struct slice line;
	bool begun = false;

	c->n = 0;
	while (text->n > 0) {
		struct slice rest = *text;

		slice_cut(&rest, '\n', &line);
		if (slice_starts_nocase(line, SLICE("== "))) {
			if (begun)
				return true;
			begun = true;
			snprintf(c->name, sizeof c->name, "%.*s", (int)line.n - 3, line.p + 3);
		} else if (begun && line.n >= 2 && line.p[0] != '#' && c->n < LINES)
			c->v[c->n++] = (struct line){ line.p[0], line.p[1], slice_from(line,
			    line.n > 2 ? 3 : 2) };
		*text = rest;
	}
	return begun;
}

static void
run_file(const char *path, int counts[2])
{
	static struct test_case c;
	struct buf text;
	struct slice rest;
	char chunk[4096];
	FILE *f = fopen(path, "r");
	size_t n;

	buf_init(&text, 1 << 20);
	while (f != NULL && (n = fread(chunk, 1, sizeof chunk, f)) > 0)
		buf_add(&text, (struct slice){ chunk, n });
	if (f != NULL)
		fclose(f);
	rest = buf_slice(&text);
	while (next_case(&rest, &c))
		counts[run_all(&c)]++;
	buf_fini(&text);
}

int
main(int argc, char **argv)
{
	const char *source = getenv("srcdir");
	char dir[4000], path[4500];
	struct dirent **names;
	int counts[2] = { 0, 0 }, n;

	snprintf(dir, sizeof dir, "%s/tests/session/imapd", source != NULL ? source : ".");
	n = scandir(dir, &names, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]->d_name);
		if (strstr(names[i]->d_name, ".txt") != NULL &&
		    (argc < 2 || strstr(names[i]->d_name, argv[1]) != NULL))
			run_file(path, counts);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	printf("%d passed, %d failed\n", counts[1], counts[0]);
	return counts[0] > 0 || counts[1] == 0;
}
