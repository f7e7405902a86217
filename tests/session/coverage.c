/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "tests/session/coverage.h"

#include <stdio.h>

#include "smtpd/command.h"

enum seen {
	SEEN_GOOD, SEEN_REFUSED, SEEN_SYNTAX, SEEN_EARLY, SEEN_NO_TLS, SEEN_NO_AUTH, SEEN_FOREIGN,
	SEEN_INSIDE, SEEN_LONG, SEEN_PIPELINED, SEEN_COUNT
};

static const char *const seen_names[SEEN_COUNT] = { "good", "refused", "syntax", "early", "no-tls",
    "no-auth", "foreign", "inside", "long", "pipelined" };

enum { COMMANDS_MAX = 32 };

static unsigned seen[COMMANDS_MAX];	/* bits 1 << SEEN_* */

/* Where a case has come to. */
struct place {
	bool submission, tls, lmtp;
	bool inside, text;	/* a transaction; the lines behind DATA */
};

static size_t
command_of(struct slice line, const struct command **out)
{
	struct slice verb;
	size_t n;

	*out = command_table(&n);
	slice_cut(&line, ' ', &verb);
	for (size_t i = 0; i < n; i++, (*out)++)
		if (slice_is_nocase(verb, (*out)->name))
			return i;
	return SIZE_MAX;
}

/* The code of the first reply behind line i, 0 if there is none before the client speaks again. */
static unsigned
code_after(const struct script_case *c, size_t i)
{
	for (i++; i < c->lines_n && c->lines[i].kind != 'C'; i++) {
		struct slice t = c->lines[i].text;

		if (c->lines[i].kind == 'S' && t.n >= 3 && ascii_is_digit(t.p[0]))
			return (unsigned)(t.p[0] - '0') * 100 + (unsigned)(t.p[1] - '0') * 10 +
			    (unsigned)(t.p[2] - '0');
	}
	return 0;
}

static void
set(size_t command, enum seen what, bool when)
{
	if (when)
		seen[command] |= 1U << what;
}

/* A command that stood alone, with its reply. */
static void
note_alone(struct place *at, struct slice line, const struct command *cmd, size_t k, unsigned code)
{
	bool good = code >= 200 && code < 400, reset = at->inside;

	set(k, SEEN_GOOD, good);
	set(k, SEEN_REFUSED, code >= 400);
	set(k, SEEN_SYNTAX, code == 501 || code == 504 || code == 555);
	set(k, SEEN_EARLY, code == 503);
	set(k, SEEN_NO_TLS, at->submission && !at->tls && (code == 530 || code == 538));
	set(k, SEEN_NO_AUTH, at->submission && at->tls && code == 530);
	set(k, SEEN_FOREIGN, code == 500 && (cmd->flags & (at->lmtp ? CMD_SMTP : CMD_LMTP)) != 0);
	set(k, SEEN_INSIDE, reset);
	set(k, SEEN_LONG, code == 500 && line.n > 2000);
	if (!good)
		return;
	at->text = cmd->fn == cmd_data;
	at->inside = cmd->fn == cmd_mail || (at->inside && cmd->fn != cmd_rset &&
	    cmd->fn != cmd_ehlo && cmd->fn != cmd_helo && cmd->fn != cmd_lhlo &&
	    cmd->fn != cmd_starttls && cmd->fn != cmd_data);
	at->tls = at->tls || cmd->fn == cmd_starttls;
}

static void
note_line(struct place *at, const struct script_case *c, size_t i)
{
	const struct script_line *l = &c->lines[i];
	bool alone = (i == 0 || c->lines[i - 1].kind != 'C') &&
	    (i + 1 == c->lines_n || c->lines[i + 1].kind != 'C');
	const struct command *cmd;
	size_t k;

	if (at->text) {
		at->text = !slice_is(l->text, ".");
		return;
	}
	k = l->mark == ':' ? command_of(l->text, &cmd) : SIZE_MAX;
	if (k == SIZE_MAX)
		return;
	set(k, SEEN_PIPELINED, !alone);
	if (alone)
		note_alone(at, l->text, cmd, k, code_after(c, i));
}

void
coverage_note(const struct script_case *c)
{
	struct slice flags = script_flags(c);
	struct place at = { .submission = slice_find(flags, SLICE("submission")) >= 0,
	    .tls = slice_find(flags, SLICE("tls")) >= 0,
	    .lmtp = slice_find(flags, SLICE("lmtp")) >= 0 };

	for (size_t i = 0; i < c->lines_n; i++)
		if (c->lines[i].kind == 'C')
			note_line(&at, c, i);
}

/* What has to be there, by the command's row. */
static unsigned
needed(const struct command *c)
{
	unsigned n = 1U << SEEN_INSIDE | 1U << SEEN_LONG | 1U << SEEN_PIPELINED |
	    1U << SEEN_REFUSED;

	if (c->fn != cmd_unimplemented)
		n |= 1U << SEEN_GOOD;
	if (c->fn != cmd_unimplemented && c->fn != cmd_noop && c->fn != cmd_help)
		n |= 1U << SEEN_SYNTAX;
	if ((c->flags & CMD_HELO) != 0)
		n |= 1U << SEEN_EARLY;
	if ((c->flags & CMD_TLS) != 0)
		n |= 1U << SEEN_NO_TLS;
	if ((c->flags & CMD_AUTH) != 0)
		n |= 1U << SEEN_NO_AUTH;
	if ((c->flags & (CMD_SMTP | CMD_LMTP)) != 0)
		n |= 1U << SEEN_FOREIGN;
	return n;
}

/* x: there; .: not there and not asked for. */
static void
print_table(const struct command *c, size_t n)
{
	printf("%-10s", "");
	for (unsigned w = 0; w < SEEN_COUNT; w++)
		printf(" %9s", seen_names[w]);
	for (size_t i = 0; i < n; i++) {
		printf("\n%-10s", c[i].name);
		for (unsigned w = 0; w < SEEN_COUNT; w++)
			printf(" %9s", (seen[i] & 1U << w) != 0 ? "x" : ".");
	}
	printf("\n");
}

unsigned
coverage_missing(bool verbose)
{
	unsigned missing = 0;
	size_t n;
	const struct command *c = command_table(&n);

	if (n > COMMANDS_MAX)
		return 1;
	for (size_t i = 0; i < n; i++)
		for (unsigned w = 0; w < SEEN_COUNT; w++) {
			bool has = (seen[i] & 1U << w) != 0, must = (needed(&c[i]) & 1U << w) != 0;

			if (must && !has)
				printf("FAIL no transcript: %s, %s\n", c[i].name, seen_names[w]);
			missing += must && !has;
		}
	if (verbose)
		print_table(c, n);
	return missing;
}
