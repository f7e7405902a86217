/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/rtf.h"

#include <stdlib.h>
#include <string.h>

#include "policy/extract/codepage.h"
#include "policy/extract/entity.h"
#include "policy/extract/ole.h"
#include "policy/extract/rtfword.h"

enum {
	WORD_MAX = 32,			/* letters of a control word */
	NUMBER_MAX = 100000000,
	FONTS_MAX = 1024,
	COLORS_MAX = 256,
	TINY_HALF_POINTS = 4,
	WHITE_SUM = 3 * 255,
	LINE_OCTETS_MAX = 1 << 20,
	BYTES_MAX = 64 * 1024,		/* of one charset in a row */
};

struct group {
	uint8_t	 dest;
	bool	 hidden, tiny, pale;	/* nobody sees its text */
	bool	 starred;	/* it began with \*: skip it if it is not known */
	unsigned uc;		/* characters that stand in for a \u */
	unsigned font;
	unsigned line;		/* which of lines[] its text goes to */
};

/* A paragraph under way, with all of its text and with what is shown. */
struct line {
	struct buf all, shown;
	bool	   differs;
};

enum { LINE_BODY, LINE_ASIDE, LINE_TITLE, LINES };

struct rtf {
	struct slice  in;
	struct buf   *text, *titles;
	struct group  stack[RTF_DEPTH_MAX];
	unsigned      depth;
	struct line   lines[LINES];
	struct buf    row, name, bytes;
	struct buf    data;	/* of the picture or object at hand */
	int	      nibble;	/* half an octet of it; -1: none */
	struct hand  *hand;
	enum charset  font_cs[FONTS_MAX], cs;
	uint32_t      font_letters[FONTS_MAX], letters;	/* codepage_lettered */
	bool	      font_known[FONTS_MAX];	/* it has a charset of its own */
	unsigned      colors_depth, color, dim;	/* the table: group, entry, lack of light */
	bool	      white[COLORS_MAX];
	unsigned      skip;	/* characters left that stand in for a \u */
	uint32_t      lead;	/* first half of a surrogate pair */
	bool	      over;	/* the last group has ended */
	int	      err;
};

static struct group *
top(struct rtf *r)
{
	return &r->stack[r->depth - 1];
}

/* ---- text ---- */

static void
note_err(struct rtf *r, int err)
{
	if (err != OK && r->err == OK)
		r->err = err;
}

static void
put_line(struct rtf *r, struct buf *out, struct slice s)
{
	s = slice_trim(s);
	if (s.n == 0)
		return;
	buf_add(out, s);
	buf_addc(out, '\n');
	note_err(r, out->err);
}

static void
add_utf8(struct rtf *r, struct slice s)
{
	struct group *g = top(r);
	struct line *l = &r->lines[g->line];

	if (g->dest == DEST_NAME) {
		buf_add(&r->name, s);
		note_err(r, r->name.err);
		return;
	}
	if (g->dest > DEST_TITLE)
		return;
	buf_add(&l->all, s);
	if (g->hidden || g->tiny || g->pale)
		l->differs = true;
	else
		buf_add(&l->shown, s);
	note_err(r, l->all.err);
	note_err(r, l->shown.err);
}

/* Octets of a Cyrillic or Greek font. */
static void
put_letters(struct rtf *r, struct slice bytes, uint32_t page)
{
	struct buf utf8;

	buf_init(&utf8, 3 * BYTES_MAX + 16);
	for (size_t i = 0; i < bytes.n; i++)
		entity_put(&utf8, codepage_letter(page, (unsigned char)bytes.p[i]));
	note_err(r, utf8.err);
	add_utf8(r, buf_slice(&utf8));
	buf_fini(&utf8);
}

/* Octets of a charset that have come together become text. */
static void
flush(struct rtf *r)
{
	struct slice bytes = buf_slice(&r->bytes);
	unsigned font = top(r)->font;
	enum charset cs = font < FONTS_MAX && r->font_cs[font] != CHARSET_UNKNOWN ?
	    r->font_cs[font] : r->cs;
	bool known = font < FONTS_MAX && r->font_known[font];
	uint32_t letters = known ? r->font_letters[font] : r->letters;
	struct buf utf8;

	if (bytes.n == 0)
		return;
	buf_init(&utf8, 4 * BYTES_MAX + 16);
	if (letters != 0)
		put_letters(r, bytes, letters);
	else
		note_err(r, charset_to_utf8(cs, bytes, &utf8, NULL));
	add_utf8(r, buf_slice(&utf8));
	buf_fini(&utf8);
	buf_clear(&r->bytes);
}

static bool
is_data(uint8_t dest)
{
	return dest == DEST_PICTURE || dest == DEST_OBJECT;
}

/* Pictures and objects are written in hexadecimal digits. */
static void
add_digit(struct rtf *r, char c)
{
	int h = ascii_hex(c);

	if (h < 0)
		return;
	if (r->nibble >= 0)
		buf_addc(&r->data, (char)(r->nibble << 4 | h));
	r->nibble = r->nibble >= 0 ? -1 : h;
	note_err(r, r->data.err);
}

static void
end_data(struct rtf *r, uint8_t dest)
{
	if (dest == DEST_PICTURE)
		hand_file(r->hand, hand_number(r->hand), buf_slice(&r->data));
	else
		ole_object(buf_slice(&r->data), r->hand);
	buf_clear(&r->data);
	r->nibble = -1;
	note_err(r, r->hand->err);
}

static void
add_octet(struct rtf *r, char c)
{
	if (is_data(top(r)->dest)) {
		add_digit(r, c);
		return;
	}
	if (c == ';' && r->colors_depth == r->depth) {
		if (r->color < COLORS_MAX)
			r->white[r->color] = r->color > 0 && r->dim == 0;
		r->color++;
		r->dim = WHITE_SUM;
	}
	if (r->skip > 0) {
		r->skip--;
		return;
	}
	buf_addc(&r->bytes, c);
	if (r->bytes.n >= BYTES_MAX)
		flush(r);
}

static void
add_text(struct rtf *r, const char *s)
{
	flush(r);
	add_utf8(r, slice_of(s));
}

static void
add_code(struct rtf *r, uint32_t code)
{
	struct buf one;

	flush(r);
	buf_init(&one, 8);
	entity_put(&one, code);
	add_utf8(r, buf_slice(&one));
	buf_fini(&one);
}

static void
end_line(struct rtf *r)
{
	struct line *l;
	struct buf *out;

	flush(r);
	l = &r->lines[top(r)->line];
	out = top(r)->line == LINE_TITLE ? r->titles : r->text;
	if (top(r)->line == LINE_TITLE && r->name.n > 0 && l->all.n > 0) {
		buf_addf(r->titles, "%.*s: %.*s\n", (int)r->name.n, r->name.p, (int)l->all.n, l->all.p);
		buf_clear(&r->name);
	}
	put_line(r, out, buf_slice(&l->all));
	if (l->differs)
		put_line(r, out, buf_slice(&l->shown));
	buf_clear(&l->all);
	buf_clear(&l->shown);
	l->differs = false;
}

/* Cells of a table are lines, and side by side in the line of their row. */
static void
end_cell(struct rtf *r)
{
	flush(r);
	buf_add(&r->row, buf_slice(&r->lines[top(r)->line].all));
	buf_addc(&r->row, '\t');
	note_err(r, r->row.err);
	end_line(r);
}

static void
end_row(struct rtf *r)
{
	end_line(r);
	put_line(r, r->text, buf_slice(&r->row));
	buf_clear(&r->row);
}

/* ---- control words ---- */

static void
set_dest(struct rtf *r, uint8_t dest)
{
	struct group *g = top(r);

	flush(r);
	if (g->dest == DEST_SKIP || is_data(g->dest))
		return;		/* once inside, all of it */
	g->dest = dest;
	if (dest == DEST_ASIDE || dest == DEST_TITLE)
		g->line = dest == DEST_ASIDE ? LINE_ASIDE : LINE_TITLE;
}

/* A unit of UTF-16, signed; pairs come as two words. */
static void
unicode(struct rtf *r, long v)
{
	uint32_t unit = (uint32_t)(v < 0 ? v + 65536 : v) & 0xFFFF;

	if (entity_utf16(&r->lead, unit, &unit))
		add_code(r, unit);
	r->skip = top(r)->uc;
}

/* Sizes and colours: of the text, and in the table of colours. */
static void
paint(struct rtf *r, const char *word, long v)
{
	struct group *g = top(r);

	if (strcmp(word, "fs") == 0) {
		flush(r);
		g->tiny = v <= TINY_HALF_POINTS;
	} else if (strcmp(word, "cf") == 0) {
		flush(r);
		g->pale = v > 0 && v < COLORS_MAX && r->white[v];
	} else if (strcmp(word, "red") == 0 || strcmp(word, "green") == 0 ||
	    strcmp(word, "blue") == 0) {
		r->dim -= v >= 0 && (unsigned long)v <= r->dim ? (unsigned)v : 0;
	}
}

/* Words with a number. */
static void
numbered(struct rtf *r, const char *word, long v, bool has)
{
	struct group *g = top(r);

	if (strcmp(word, "u") == 0 && has)
		unicode(r, v);
	else if (strcmp(word, "uc") == 0 && has)
		g->uc = v < 0 ? 0 : v > 16 ? 16 : (unsigned)v;
	else if (strcmp(word, "ansicpg") == 0 && has) {
		r->letters = codepage_lettered((uint32_t)v);
		if (codepage_charset((uint32_t)v) != CHARSET_UNKNOWN)
			r->cs = codepage_charset((uint32_t)v);
	} else if (strcmp(word, "f") == 0 && has) {
		flush(r);
		g->font = v < 0 ? FONTS_MAX : (unsigned)v;
	} else if (strcmp(word, "fcharset") == 0 && has && g->font < FONTS_MAX &&
	    g->dest == DEST_FONTS) {
		r->font_cs[g->font] = codepage_of_font(v);
		r->font_letters[g->font] = codepage_lettered_font(v);
		r->font_known[g->font] = v > 1;
	} else if (strcmp(word, "v") == 0 || strcmp(word, "deleted") == 0) {
		flush(r);
		g->hidden = !has || v != 0;
	} else if (strcmp(word, "plain") == 0) {
		flush(r);
		g->hidden = g->tiny = g->pale = false;
	} else if (has) {
		paint(r, word, v);
	}
}

/* Words that end something. */
static const struct { const char *word; void (*end)(struct rtf *); } ends[] = {
	{ "par", end_line }, { "line", end_line }, { "sect", end_line }, { "page", end_line },
	{ "column", end_line }, { "softline", end_line }, { "softpage", end_line },
	{ "cell", end_cell }, { "nestcell", end_cell }, { "row", end_row }, { "nestrow", end_row },
};

static void
control_word(struct rtf *r, const char *word, long v, bool has)
{
	bool starred = top(r)->starred;
	const char *text;
	int dest;

	top(r)->starred = false;
	dest = rtfword_dest(word);
	if (dest >= 0) {
		if (strcmp(word, "colortbl") == 0) {
			r->colors_depth = r->depth;
			r->color = 0;
			r->dim = WHITE_SUM;
		}
		set_dest(r, (uint8_t)dest);
		return;
	}
	if (starred) {
		set_dest(r, DEST_SKIP);
		return;
	}
	text = rtfword_character(word);
	if (text != NULL) {
		add_text(r, text);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (strcmp(word, ends[i].word) == 0) {
			ends[i].end(r);
			return;
		}
	numbered(r, word, v, has);
}

/* ---- the octets ---- */

static char
take(struct rtf *r)
{
	char c = r->in.p[0];

	r->in = slice_from(r->in, 1);
	return c;
}

static void
symbol(struct rtf *r, char c)
{
	int h, l;

	switch (c) {
	case '\'':
		h = r->in.n > 0 ? ascii_hex(r->in.p[0]) : -1;
		l = r->in.n > 1 ? ascii_hex(r->in.p[1]) : -1;
		if (h < 0 || l < 0)
			break;
		r->in = slice_from(r->in, 2);
		add_octet(r, (char)(h << 4 | l));
		break;
	case '*':
		top(r)->starred = true;
		break;
	case '~':
		add_text(r, " ");
		break;
	case '_':
		add_text(r, "-");
		break;
	case '\n': case '\r':
		end_line(r);
		break;
	case '{': case '}': case '\\':
		add_octet(r, c);
		break;
	default:	/* "\-" and the like: nothing to see */
		break;
	}
}

static void
control(struct rtf *r)
{
	char word[WORD_MAX + 1];
	bool minus = false, has = false;
	size_t n = 0;
	long v = 0;

	if (r->in.n == 0)
		return;
	if (!ascii_is_alpha(r->in.p[0])) {
		symbol(r, take(r));
		return;
	}
	while (r->in.n > 0 && ascii_is_alpha(r->in.p[0])) {
		char c = take(r);

		if (n < WORD_MAX)
			word[n++] = c;
	}
	word[n] = '\0';
	if (r->in.n > 1 && r->in.p[0] == '-' && ascii_is_digit(r->in.p[1])) {
		minus = true;
		(void)take(r);
	}
	while (r->in.n > 0 && ascii_is_digit(r->in.p[0])) {
		char c = take(r);

		v = v < NUMBER_MAX ? v * 10 + (c - '0') : v;
		has = true;
	}
	if (r->in.n > 0 && r->in.p[0] == ' ')
		(void)take(r);
	if (strcmp(word, "bin") == 0 && has && !minus) {
		if (is_data(top(r)->dest))
			buf_add(&r->data, slice_sub(r->in, 0, (size_t)v));
		r->in = slice_from(r->in, (size_t)v);
	}
	else
		control_word(r, word, minus ? -v : v, has);
}

static void
open_group(struct rtf *r)
{
	if (r->depth == RTF_DEPTH_MAX) {
		note_err(r, ERR_LIMIT);
		return;
	}
	flush(r);
	r->stack[r->depth] = *top(r);
	r->stack[r->depth].starred = false;
	if (is_data(top(r)->dest)) {	/* about the picture: its description, among others */
		r->stack[r->depth].dest = DEST_ASIDE;
		r->stack[r->depth].line = LINE_ASIDE;
	}
	r->depth++;
	r->skip = 0;
}

static void
close_group(struct rtf *r)
{
	struct group *g = top(r), *outer;

	if (r->depth == 1) {	/* more groups are closed than were opened */
		note_err(r, ERR_SYNTAX);
		return;
	}
	flush(r);
	outer = &r->stack[r->depth - 2];
	if (is_data(g->dest))
		end_data(r, g->dest);
	if (g->line != outer->line)
		end_line(r);
	if (r->colors_depth == r->depth)
		r->colors_depth = 0;
	r->depth--;
	r->skip = 0;
	r->over = r->depth == 1;
}

static void
read_all(struct rtf *r)
{
	bool ended;

	while (r->in.n > 0 && r->err == OK && !r->over) {
		char c = take(r);

		if (c == '\\')
			control(r);
		else if (c == '{')
			open_group(r);
		else if (c == '}')
			close_group(r);
		else if (c != '\r' && c != '\n' && c != '\0')
			add_octet(r, c);
	}
	ended = r->over;
	while (r->depth > 1 && r->err == OK)	/* it broke off */
		close_group(r);
	end_row(r);
	if (!ended)
		note_err(r, ERR_SYNTAX);
}

static void
init(struct rtf *r, struct slice octets, struct buf *text, struct buf *titles, struct hand *h)
{
	*r = (struct rtf){ .in = octets, .text = text, .titles = titles, .hand = h, .depth = 1,
		.nibble = -1, .cs = CHARSET_WINDOWS_1252 };
	r->stack[0] = (struct group){ .uc = 1, .font = FONTS_MAX };
	for (size_t i = 0; i < FONTS_MAX; i++)
		r->font_cs[i] = CHARSET_UNKNOWN;
	for (size_t i = 0; i < LINES; i++) {
		buf_init(&r->lines[i].all, LINE_OCTETS_MAX);
		buf_init(&r->lines[i].shown, LINE_OCTETS_MAX);
	}
	buf_init(&r->row, LINE_OCTETS_MAX);
	buf_init(&r->name, LINE_OCTETS_MAX);
	buf_init(&r->bytes, BYTES_MAX + 16);
	buf_init(&r->data, octets.n + 1);
}

static void
fini(struct rtf *r)
{
	for (size_t i = 0; i < LINES; i++) {
		buf_fini(&r->lines[i].all);
		buf_fini(&r->lines[i].shown);
	}
	buf_fini(&r->row);
	buf_fini(&r->name);
	buf_fini(&r->bytes);
	buf_fini(&r->data);
}

int
rtf_text(struct slice octets, struct hand *h, struct buf *text, struct buf *titles)
{
	struct rtf *r = calloc(1, sizeof *r);
	int err;

	if (r == NULL)
		return ERR_NOMEM;
	init(r, octets, text, titles, h);
	read_all(r);
	fini(r);
	err = r->err;
	free(r);
	return err;
}

int
rtf_run(struct slice octets, const struct extract_limits *limits, extract_sink_fn *sink, void *arg)
{
	struct buf text, titles;
	struct hand h;
	int err;

	hand_init(&h, limits, sink, arg);
	buf_init(&text, limits->out_octets_max);
	buf_init(&titles, 1 << 20);
	err = rtf_text(octets, &h, &text, &titles);
	hand_text(&h, 0, buf_slice(&text));
	hand_title(&h, 0, buf_slice(&titles));
	buf_fini(&text);
	buf_fini(&titles);
	return hand_end(&h, err == ERR_SYNTAX ? ERR_CORRUPT : err);
}
