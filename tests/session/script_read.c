/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Transcripts as text: cases, lines, flags, escapes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/session/smtp_script.h"

void
script_unescape(struct slice s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = i + 1 < s.n ? s.p[i + 1] : '\0';

		if (s.p[i] != '\\') {
			buf_addc(out, s.p[i]);
			continue;
		}
		i++;
		if (c == 'x' && i + 2 < s.n) {
			buf_addc(out, (char)(ascii_hex(s.p[i + 1]) << 4 | ascii_hex(s.p[i + 2])));
			i += 2;
		} else {
			buf_addc(out, c == 'r' ? '\r' : c == 'n' ? '\n' : c == '0' ? '\0' : c);
		}
	}
}

/* What stands behind the bar in the line that begins the case. */
struct slice
script_flags(const struct script_case *c)
{
	struct slice flags = slice_of(c->name), name;

	return slice_cut(&flags, '|', &name) ? flags : (struct slice){ NULL, 0 };
}

enum { LONG_OCTETS = 2100 };

/* What many transcripts say; "$" is the argument, "%" more than a line may have. */
static const struct { const char *name, *text; } phrases[] = {
	{ "helo", "S~ 220 .*\nC: HELO a\nS~ 250 .*\n" },
	{ "lhlo", "S~ 220 .*\nC: LHLO a\nS* 250\n" },
	{ "auth", "C: AUTH PLAIN AGEAYg==\nR: auth PLAIN #0 \\0a\\0b.\nA: auth ok $\nS~ 235 .*\n" },
	{ "mail", "C: MAIL FROM:<$>\nS~ 250 2.1.0 .*\n" },
	{ "rcpt", "C: RCPT TO:<$@tinh.example>\nR: rcpt $@tinh.example\nA: rcpt local $\n"
	    "R: room $ 0\nA: room ok\nS~ 250 2.1.5 .*\n" },
	{ "guess", "C: RCPT TO:<$@tinh.example>\nR: rcpt $@tinh.example\nA: rcpt unknown\n"
	    "S~ 550 5.1.1 .*\n" },
	{ "long", "C: $ %\nS: 500 5.5.2 dong lenh qua dai / line too long\nX:\n" },
	{ "data", "C: DATA\nS~ 354 .*\n" },
};

static bool add_script_line(struct script_case *c, struct slice line);

static bool
add_phrase(struct script_case *c, const char *text, struct slice arg)
{
	struct slice at = { c->mem + c->mem_n, 0 }, line;
	bool ok = true;

	for (const char *p = text; *p != '\0'; p++) {
		struct slice s = *p == '$' ? arg : (struct slice){ p, 1 };

		if (*p == '%' && c->mem_n + LONG_OCTETS < sizeof c->mem) {
			memset(c->mem + c->mem_n, 'x', LONG_OCTETS);
			c->mem_n += LONG_OCTETS;
			at.n += LONG_OCTETS;
			continue;
		}
		for (size_t i = 0; i < s.n && c->mem_n < sizeof c->mem; i++, at.n++)
			c->mem[c->mem_n++] = s.p[i];
	}
	while (at.n > 0 && ok) {
		slice_cut(&at, '\n', &line);
		ok = add_script_line(c, line);
	}
	return ok && c->mem_n < sizeof c->mem;
}

static bool
add_phrase_line(struct script_case *c, struct slice line)
{
	struct slice name;

	slice_cut(&line, ' ', &name);
	for (size_t i = 0; i < ARRAY_LEN(phrases); i++)
		if (slice_is(name, phrases[i].name))
			return add_phrase(c, phrases[i].text, slice_eq(name, line) ?
			    (struct slice){ NULL, 0 } : line);
	return false;
}

static bool
add_script_line(struct script_case *c, struct slice line)
{
	struct script_line *l = &c->lines[c->lines_n];

	if (line.n == 0 || line.p[0] == '#')
		return true;
	if (line.p[0] == '@')
		return add_phrase_line(c, slice_from(line, 1));
	if (line.n < 2 || c->lines_n == SCRIPT_LINES)
		return false;
	*l = (struct script_line){ line.p[0], line.p[1], slice_from(line, 2) };
	if (l->text.n > 0 && l->text.p[0] == ' ')
		l->text = slice_from(l->text, 1);
	c->lines_n++;
	return true;
}

bool
script_next(struct slice *text, struct script_case *out)
{
	struct slice line, before = *text;
	bool begun = false;

	out->lines_n = 0;
	out->mem_n = 0;
	while (text->n > 0) {
		before = *text;
		slice_cut(text, '\n', &line);
		if (slice_starts_nocase(line, SLICE("== ")) && begun) {
			*text = before;
			return true;
		}
		if (slice_starts_nocase(line, SLICE("== "))) {
			snprintf(out->name, sizeof out->name, "%.*s", (int)line.n, line.p);
			begun = true;
		} else if (!add_script_line(out, line)) {
			fprintf(stderr, "bad line: %.*s\n", (int)line.n, line.p);
			exit(1);
		}
	}
	return begun;
}
