/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/session/test_imap.c DIR...: IMAP transcripts, whole and at every split of what the client
 * sends.
 *
 * A file holds cases. "== name [| flags]" begins one (flags: internet, plain, nosplit), lines
 * follow:
 *	C: text		the client sends text CRLF
 *	C+ text		... without CRLF; escapes \r \n \0 \\ \xHH \R70000;a (so many of a)
 *	S: text		the next line of the server
 *	S~ regex	... matches (extended)
 *	E: event	see imap_memory.c; E+ with escapes
 *	N: text		what was noted so far
 *	X:		the session has ended
 * Sign-in is done before the first line unless the flag is plain or new; with the flag inbox, INBOX
 * is selected then, with examine it is examined.
 *
 * Of every command of command.def there must be a case where it is good and one where its syntax is
 * not. Where a command is legal, and that it disturbs no other, is tried for all of them below.
 */
#include <dirent.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/session.h"
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

static const struct { const char *name; unsigned flags; } commands[] = {
#define COMMAND(name, fn, flags) { name, flags },
#include "imapd/command.def"
#undef COMMAND
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

/* What stands behind a backslash, s is at it: how many octets of s it was. */
static size_t
add_escape(struct buf *block, struct slice s)
{
	char e = s.p[0];
	unsigned long n;
	char *end;

	switch (e) {
	case 'x':
		n = strtoul((char[]){ s.p[1], s.p[2], '\0' }, NULL, 16);
		buf_addc(block, (char)n);
		return 3;
	case 'R':
		for (n = strtoul(s.p + 1, &end, 10); n > 0; n--)
			buf_addc(block, end[1]);
		return (size_t)(end - s.p) + 2;
	default:
		buf_addc(block, e == 'r' ? '\r' : e == 'n' ? '\n' : e == '0' ? '\0' : e);
		return 1;
	}
}

static void
add_text(struct buf *block, const struct line *l)
{
	for (size_t i = 0; i < l->text.n; i++) {
		if (l->mark == '+' && l->text.p[i] == '\\' && i + 1 < l->text.n)
			i += add_escape(block, slice_from(l->text, i + 1));
		else
			buf_addc(block, l->text.p[i]);
	}
}

static void
add_client(struct buf *block, const struct line *l)
{
	add_text(block, l);
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
happens(struct run *r, const struct line *l)
{
	struct buf text;

	buf_init(&text, 1 << 20);
	add_text(&text, l);
	if (!memory_event(r->memory, r->s, buf_slice(&text)))
		snprintf(r->why, sizeof r->why, "no such event");
	buf_fini(&text);
	settle(r);
	return r->why[0] == '\0';
}

static bool
expect(struct run *r, const struct line *l)
{
	struct slice notes = slice_trim(memory_notes(r->memory));

	switch (l->kind) {
	case 'S':
		return expect_line(r, l);
	case 'E':
		return happens(r, l);
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

static void
begin(struct run *r, unsigned zone, bool plain)
{
	struct engine_conf conf = { .hostname = "mx.tinh.example", .zone = zone, .tls = !plain,
		.starttls = plain, .message_octets = 300000, .errors = 5,
		.backend = &memory_backend };

	*r = (struct run){ 0 };
	buf_init(&r->out, 8 << 20);
	buf_init(&r->block, 8 << 20);
	if (memory_new(conf.zone, &r->memory) != OK)
		abort();
	conf.ctx = r->memory;
	if (engine_new(&conf, &r->s) != OK)
		abort();
	engine_start(r->s);
	settle(r);
}

static void
end(struct run *r)
{
	engine_free(&r->s);
	memory_free(&r->memory);
	buf_fini(&r->out);
	buf_fini(&r->block);
}

static void
sign_in(struct run *r, const char *more)
{
	feed(r, SLICE("0 LOGIN an \"mat khau\"\r\n"));
	feed(r, slice_of(more));
	r->out_at = r->out.n;
}

static int
run(const struct test_case *c, size_t block, int at, bool complain)
{
	bool plain = has_flag(c, "plain");
	struct run r;
	int n;

	begin(&r, has_flag(c, "internet") ? ZONE_INTERNET : ZONE_INTERNAL, plain);
	if (!plain && !has_flag(c, "new"))
		sign_in(&r, has_flag(c, "inbox") ? "00 SELECT INBOX\r\n" :
		    has_flag(c, "examine") ? "00 EXAMINE INBOX\r\n" : "");
	n = run_lines(&r, c, block, at);
	if (n < 0 && complain)
		printf("not ok %s (block %zu, split %d)\n   %s\n", c->name, block, at, r.why);
	end(&r);
	return n;
}

static bool
run_all(const struct test_case *c)
{
	/* With a check off the whole octets are enough to tell. */
	bool nosplit = has_flag(c, "nosplit") || getenv("CONGVU_CONTROL_OFF") != NULL;

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

/* ---- is there a case for everything? ---- */

static bool good[ARRAY_LEN(commands)], bad[ARRAY_LEN(commands)];

/* Row of the command in a client's line, -1: none; *tag_out with a space. */
static int
command_of(struct slice line, struct slice *tag_out)
{
	ptrdiff_t space = slice_chr(line, ' ');
	int found = -1;

	*tag_out = slice_sub(line, 0, space < 0 ? 0 : (size_t)space + 1);
	line = slice_from(line, tag_out->n);
	for (size_t i = 0; i < ARRAY_LEN(commands) && tag_out->n > 0; i++) {
		size_t n = strlen(commands[i].name);

		if (slice_starts_nocase(line, slice_of(commands[i].name)) &&
		    (line.n == n || strchr(" \\", line.p[n]) != NULL))
			found = (int)i;
	}
	return found;
}

/* What the case shows of each command: how the server's line with the same tag goes on. */
static void
note_commands(const struct test_case *c)
{
	for (size_t i = 0; i < c->n; i++) {
		struct slice tag, reply;
		int row = c->v[i].kind == 'C' ? command_of(c->v[i].text, &tag) : -1;
		size_t k = i + 1;

		while (row >= 0 && k < c->n && (c->v[k].kind != 'S' ||
		    !slice_starts_nocase(c->v[k].text, tag)))
			k++;
		if (row < 0 || k == c->n)
			continue;
		reply = slice_from(c->v[k].text, tag.n);
		good[row] |= slice_starts_nocase(reply, SLICE("OK"));
		bad[row] |= slice_starts_nocase(reply, SLICE("BAD")) &&
		    slice_find(reply, SLICE("this state")) < 0;
	}
}

static bool
all_commands_have_cases(void)
{
	bool all = true;

	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (!good[i])
			printf("not ok %s: no case where it is good\n", commands[i].name);
		if (!bad[i])
			printf("not ok %s: no case where it is bad\n", commands[i].name);
		all = all && good[i] && bad[i];
	}
	return all;
}

/* ---- every command in every state ---- */

static const struct { const char *name, *begin; enum session_state state; } states[] = {
	{ "not signed in", NULL, SESSION_NEW },
	{ "signed in", "", SESSION_AUTH },
	{ "selected", "00 SELECT INBOX\r\n", SESSION_SELECTED },
	{ "examined", "00 EXAMINE INBOX\r\n", SESSION_SELECTED },
};

/* What must come first as the answer to the command alone, NULL: anything tagged. */
static const char *
wanted(size_t state, size_t row)
{
	unsigned flags = commands[row].flags;

	if ((flags & 1u << states[state].state) == 0)
		return "x BAD [CLIENTBUG] Not valid in this state\r\n";
	if ((flags & COMMAND_WRITES) != 0 && state == 3)
		return "x NO [READ-ONLY] The mailbox is open for reading only\r\n";
	return NULL;
}

/* The command without arguments, and one that never fits; a NOOP behind them is answered after. */
static bool
try_command(size_t state, size_t row, const char *rest, int split)
{
	const char *want = wanted(state, row);
	bool stays = strcmp(commands[row].name, "LOGOUT") != 0 &&
	    strcmp(commands[row].name, "IDLE") != 0;
	char text[200];
	struct slice got;
	struct run r;
	bool ok;

	snprintf(text, sizeof text, "x %s%s\r\ny NOOP\r\n", commands[row].name, rest);
	begin(&r, ZONE_INTERNAL, false);
	if (states[state].begin != NULL)
		sign_in(&r, states[state].begin);
	r.out_at = r.out.n;
	buf_adds(&r.block, text);
	feed_split(&r, split);
	got = slice_from(buf_slice(&r.out), r.out_at);
	ok = want == NULL || slice_starts_nocase(got, slice_of(want));
	if (stays || want != NULL)
		ok = ok && (slice_find(got, SLICE("x OK")) >= 0 ||
		    slice_find(got, SLICE("x NO")) >= 0 || slice_find(got, SLICE("x BAD")) >= 0) &&
		    slice_ends_nocase(got, SLICE("\r\ny OK Done\r\n"));
	if (!ok)
		printf("not ok %s%s, %s, split %d:\n   %.*s\n", commands[row].name, rest,
		    states[state].name, split, (int)got.n, got.p);
	end(&r);
	return ok;
}

static bool
every_command_in_every_state(void)
{
	static const char *const rests[] = { "", " ", " (((", " {3+}\r\na b", " \"" };
	bool all = true;

	for (size_t state = 0; state < ARRAY_LEN(states); state++)
		for (size_t row = 0; row < ARRAY_LEN(commands); row++)
			for (size_t i = 0; i < ARRAY_LEN(rests); i++)
				for (int split = BYTES; split <= 12; split++)
					all = all && (split == 0 ||
					    try_command(state, row, rests[i], split));
	return all;
}

/* With a check off, one failure is all that is wanted to know. */
static bool
is_decided(const int counts[2])
{
	return counts[0] > 0 && getenv("CONGVU_CONTROL_OFF") != NULL;
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
	while (!is_decided(counts) && next_case(&rest, &c)) {
		counts[run_all(&c)]++;
		note_commands(&c);
	}
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
	if (!is_decided(counts))
		counts[every_command_in_every_state()]++;
	if (argc < 2)
		counts[all_commands_have_cases()]++;
	printf("%d passed, %d failed\n", counts[1], counts[0]);
	return counts[0] > 0 || counts[1] == 0;
}
