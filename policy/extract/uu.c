/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/uu.h"

#include "common/base64.h"
#include "policy/extract/hand.h"
#include "policy/extract/sniff.h"

enum {
	SHORT_RUN_OCTETS = 16,		/* base64 that is looked at */
	WRAPPED_OCTETS = 40,		/* a line of base64 that may go on in the next */
	FULL_LINE_OCTETS = 56, FULL_LINES = 8,
	BREAK_OCTETS_MAX = 128,		/* white space between lines of it */
};

struct uu {
	struct hand  hand;
	struct slice in;	/* what is left */
	bool	     markup;
	struct buf   out;	/* the file at hand */
	struct buf   letters;	/* of base64, without what JSON puts between */
};

static bool
starts(struct slice s, struct slice with)
{
	return slice_eq(slice_sub(s, 0, with.n), with);
}

static struct slice
take_line(struct uu *u)
{
	struct slice line;

	slice_cut(&u->in, '\n', &line);
	while (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

static void
hand_out(struct uu *u, struct slice name, bool whole)
{
	uint32_t number = hand_number(&u->hand);

	if (u->out.err != OK && u->hand.err == OK)
		u->hand.err = u->out.err;
	hand_name(&u->hand, number, name);
	hand_file(&u->hand, number, buf_slice(&u->out));
	if (!whole)
		hand_opaque(&u->hand, number, EXTRACT_WHY_ENCODED);
	buf_clear(&u->out);
}

/* ---- uuencode ---- */

/* "begin 644 name"; *name_out is empty for none. */
static bool
is_begin(struct slice line, struct slice word, struct slice *name_out)
{
	if (!starts(line, word))
		return false;
	line = slice_from(line, word.n);
	for (size_t i = 0; i < 3; i++)
		if (line.n < 5 || line.p[i] < '0' || line.p[i] > '7')
			return false;
	if (ascii_is_digit(line.p[3]))
		line = slice_from(line, 1);
	*name_out = slice_trim(slice_from(line, 3));
	return line.p[3] == ' ';
}

static unsigned
six_bits(struct slice line, size_t at)
{
	return at < line.n ? ((unsigned char)line.p[at] - 0x20u) & 0x3F : 0;
}

/* One line: how many octets, then four characters for three of them. */
static bool
uu_line(struct uu *u, struct slice line)
{
	unsigned n = six_bits(line, 0), left = n;

	for (size_t i = 0; i < line.n; i++)
		if (line.p[i] < ' ' || line.p[i] > '`')
			return false;
	/* Blanks at the end may be gone; a check character may follow. */
	if (line.n > 1 + (n + 2) / 3 * 4 + 1 || (n > 0 && line.n < 2))
		return false;
	for (size_t i = 1; left > 0; i += 4) {
		unsigned v = six_bits(line, i) << 18 | six_bits(line, i + 1) << 12 |
		    six_bits(line, i + 2) << 6 | six_bits(line, i + 3);

		for (unsigned k = 0; k < 3 && left > 0; k++, left--)
			buf_addc(&u->out, (char)(v >> (16 - 8 * k) & 0xFF));
	}
	return true;
}

static void
uudecode(struct uu *u, struct slice name)
{
	bool good = true, ended = false;

	while (u->in.n > 0 && good && !ended) {
		struct slice line = take_line(u);

		ended = slice_is(line, "end");
		good = ended || (line.n > 0 && uu_line(u, line));
	}
	hand_out(u, name, good && ended);
}

static void
decode_base64(struct uu *u, struct slice s)
{
	unsigned flags = 0;

	if (base64_decode(s, &u->out, &flags) != OK && u->hand.err == OK)
		u->hand.err = u->out.err;
}

/* The form of uuencode that uses base64: up to a line "====". */
static void
uudecode_base64(struct uu *u, struct slice name)
{
	struct slice rest = u->in;
	size_t n = 0;
	bool ended = false;

	while (u->in.n > 0 && !ended) {
		ended = slice_is(take_line(u), "====");
		if (!ended)
			n = rest.n - u->in.n;
	}
	decode_base64(u, slice_sub(rest, 0, n));
	hand_out(u, name, ended);
}

/* ---- yEnc ---- */

/* The number behind " name=" in a line of yEnc; 0: none. */
static uint64_t
number_of(struct slice line, struct slice name)
{
	ptrdiff_t at = slice_find(line, name);
	uint64_t v = 0;

	if (at < 0)
		return 0;
	line = slice_from(line, (size_t)at + name.n);
	for (size_t i = 0; i < line.n && ascii_is_digit(line.p[i]) && v < UINT32_MAX; i++)
		v = v * 10 + (uint64_t)(line.p[i] - '0');
	return v;
}

static void
y_line(struct uu *u, struct slice line)
{
	for (size_t i = 0; i < line.n; i++) {
		unsigned c = (unsigned char)line.p[i];

		if (c == '=' && i + 1 < line.n)
			c = (unsigned char)line.p[++i] - 64u;
		buf_addc(&u->out, (char)((c - 42u) & 0xFF));
	}
}

static void
ydecode(struct uu *u, struct slice begin)
{
	uint64_t size = number_of(begin, SLICE(" size="));
	ptrdiff_t name_at = slice_find(begin, SLICE(" name="));
	struct slice name = name_at < 0 ? SLICE("") : slice_from(begin, (size_t)name_at + 6);
	bool ended = false;

	while (u->in.n > 0 && !ended) {
		struct slice line = take_line(u);

		if (starts(line, SLICE("=yend")))
			ended = true;
		else if (!starts(line, SLICE("=ypart ")))
			y_line(u, line);
	}
	/* A part of a file is less than the size of the whole. */
	hand_out(u, slice_trim(name), ended && u->out.n == size);
}

/* ---- base64 ---- */

static bool
is_base64(char c)
{
	return ascii_is_alnum(c) || c == '+' || c == '/';
}

/* Octets of white space at the beginning, or of what stands for it in JSON. In what was taken
 * out of markup a line end is that of an element. */
static size_t
blanks(struct slice s, bool markup)
{
	size_t n = 0;

	while (n < s.n && n < BREAK_OCTETS_MAX) {
		if (ascii_is_space(s.p[n]) || (!markup && (s.p[n] == '\r' || s.p[n] == '\n')))
			n++;
		else if (s.p[n] == '\\' && n + 1 < s.n && (s.p[n + 1] == 'n' || s.p[n + 1] == 'r'))
			n += 2;
		else
			break;
	}
	return n;
}

/* A run of base64 at the beginning of s: its octets, and of those the letters and full lines. */
struct run {
	size_t	 octets, letters;
	unsigned full_lines;
};

/* Octets of one line of it; *letters_out without the marks before "/" that JSON has. */
static size_t
line_of(struct slice s, size_t *letters_out)
{
	size_t at = 0;

	*letters_out = 0;
	for (;;) {
		if (at < s.n && is_base64(s.p[at]))
			at++;
		else if (at + 1 < s.n && s.p[at] == '\\' && s.p[at + 1] == '/')
			at += 2;
		else
			return at;
		(*letters_out)++;
	}
}

static size_t
pads(struct slice s)
{
	size_t n = 0;

	while (n < s.n && n < 2 && s.p[n] == '=')
		n++;
	return n;
}

/*
 * Lines of one width, and a last one that is shorter and completes a group: so words behind a line
 * of base64 are not taken for more of it. loose: full lines of any width.
 */
static struct run
run_of(struct slice s, bool markup, bool loose)
{
	struct run r = { 0, 0, 0 };
	size_t width = 0, at = 0;

	for (;;) {
		size_t letters, n = line_of(slice_from(s, at), &letters);
		size_t pad = pads(slice_from(s, at + n)), skip;

		if (!loose && width > 0 && (letters > width ||
		    (letters < width && (r.letters + letters + pad) % 4 != 0)))
			return r;
		width = width == 0 ? letters : width;
		r.letters += letters;
		r.full_lines += letters >= FULL_LINE_OCTETS;
		r.octets = at + n + pad;
		skip = letters >= (loose ? FULL_LINE_OCTETS : WRAPPED_OCTETS) && pad == 0 ?
		    blanks(slice_from(s, at + n), markup) : 0;
		at += n + skip;
		if (skip == 0 || (!loose && letters < width) || at >= s.n || !is_base64(s.p[at]))
			return r;
	}
}

static bool
is_long(const struct run *r)
{
	return r->letters >= UU_RUN_OCTETS || r->full_lines >= FULL_LINES;
}

/* Text that somebody wrote, not octets that happen to be letters. */
static bool
is_plain_text(struct slice s)
{
	size_t printable = 0, n = s.n;

	while (s.n > 0 && s.p[0] != '\0') {
		unsigned char c = (unsigned char)s.p[0];
		size_t more = c < 0x80 ? 0 : c >= 0xC2 && c < 0xE0 ? 1 : c >= 0xE0 && c < 0xF0 ? 2 :
		    c >= 0xF0 && c < 0xF5 ? 3 : 4;

		if (more == 4 || s.n <= more || (c < 0x20 && c != '\t' && c != '\r' && c != '\n') ||
		    c == 0x7F)
			return false;
		for (size_t i = 1; i <= more; i++)
			if (((unsigned char)s.p[i] & 0xC0) != 0x80)
				return false;
		printable += more + 1;
		s = slice_from(s, more + 1);
	}
	return printable == n;
}

static bool
is_file(struct slice s)
{
	enum sniff kind = sniff(s);

	return is_plain_text(s) || sniff_is_known(s) || kind == SNIFF_ZIP || kind == SNIFF_PDF ||
	    kind == SNIFF_COMPOUND || kind == SNIFF_TNEF || kind == SNIFF_IMAGE || kind == SNIFF_CMS_SIGNED ||
	    kind == SNIFF_CMS_ENCRYPTED || slice_starts_nocase(s, SLICE("\xFF\xFE"));
}

static void
base64_run(struct uu *u, const struct run *r)
{
	struct slice s = slice_sub(u->in, 0, r->octets);

	buf_clear(&u->letters);
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\' && i + 1 < s.n && s.p[i + 1] != '/')
			i++;
		else
			buf_addc(&u->letters, s.p[i]);
	}
	if (u->letters.err != OK && u->hand.err == OK)
		u->hand.err = u->letters.err;
	decode_base64(u, buf_slice(&u->letters));
	if (is_long(r) || (r->letters % 4 != 1 && is_file(buf_slice(&u->out))))
		hand_out(u, SLICE(""), true);
	buf_clear(&u->out);
}

/* The run that begins here, as it is meant. */
static struct run
best_run(const struct uu *u)
{
	struct run strict = run_of(u->in, u->markup, false), loose;

	if (strict.letters < WRAPPED_OCTETS || is_long(&strict))
		return strict;
	loose = run_of(u->in, u->markup, true);
	return loose.full_lines >= FULL_LINES ? loose : strict;
}

/* ---- the text ---- */

static bool
is_foreign(struct slice line)
{
	return starts(line, SLICE("-----BEGIN PGP MESSAGE")) ||
	    starts(line, SLICE("(This file must be converted with BinHex"));
}

/* At the beginning of a line: a file that begins with a line of its own. */
static bool
whole_lines(struct uu *u)
{
	struct slice was = u->in, line = slice_trim(take_line(u)), name;

	if (is_begin(line, SLICE("begin "), &name)) {
		uudecode(u, name);
	} else if (is_begin(line, SLICE("begin-base64 "), &name)) {
		uudecode_base64(u, name);
	} else if (starts(line, SLICE("=ybegin "))) {
		ydecode(u, line);
	} else if (is_foreign(line)) {
		hand_opaque(&u->hand, 0, EXTRACT_WHY_ENCODED);
	} else {
		u->in = was;
		return false;
	}
	return true;
}

static void
rest_of_line(struct uu *u)
{
	while (u->in.n > 0 && u->in.p[0] != '\n') {
		struct run r = is_base64(u->in.p[0]) ? best_run(u) : (struct run){ 1, 0, 0 };

		if (r.letters >= SHORT_RUN_OCTETS)
			base64_run(u, &r);
		u->in = slice_from(u->in, r.octets);
	}
	u->in = slice_from(u->in, 1);
}

bool
uu_has(struct slice text)
{
	size_t run = 0;
	bool fresh = true;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		run = is_base64(c) || c == '\\' ? run + 1 : 0;
		if (run >= SHORT_RUN_OCTETS || (fresh &&
		    (c == '=' || c == 'b' || c == '-' || c == '(') &&
		    (starts(slice_from(text, i), SLICE("=ybegin ")) ||
		    starts(slice_from(text, i), SLICE("begin")) ||
		    is_foreign(slice_from(text, i)))))
			return true;
		fresh = c == '\n' || (fresh && ascii_is_space(c));
	}
	return false;
}

static int
run(struct slice text, bool markup, const struct extract_limits *limits, extract_sink_fn *sink,
    void *arg)
{
	struct uu u = { .in = text, .markup = markup };
	int err;

	hand_init(&u.hand, limits, sink, arg);
	buf_init(&u.out, limits->out_octets_max);	/* blanks at ends of lines may be gone */
	buf_init(&u.letters, text.n + 16);
	while (u.in.n > 0 && u.hand.err == OK)
		if (!whole_lines(&u))
			rest_of_line(&u);
	err = hand_end(&u.hand, OK);
	buf_fini(&u.out);
	buf_fini(&u.letters);
	return err;
}

int
uu_run(struct slice text, const struct extract_limits *limits, extract_sink_fn *sink, void *arg)
{
	return run(text, false, limits, sink, arg);
}

int
uu_run_markup(struct slice text, const struct extract_limits *limits, extract_sink_fn *sink,
    void *arg)
{
	return run(text, true, limits, sink, arg);
}
