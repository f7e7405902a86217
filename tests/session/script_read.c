/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Transcripts as text: cases, lines, flags, escapes. */
#include <stdio.h>
#include <stdlib.h>

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

static bool
add_script_line(struct script_case *c, struct slice line)
{
	struct script_line *l = &c->lines[c->lines_n];

	if (line.n == 0 || line.p[0] == '#')
		return true;
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
