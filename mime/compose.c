/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mime/compose.h"

#include <string.h>

#include "common/base64.h"
#include "common/utf8.h"
#include "mime/date.h"

enum {
	WORD_MAX = 900,		/* one unfoldable word; lines stay below 998 */
	CHUNK_OCTETS = 42,	/* in an encoded word: 56 characters of base64, 68 in all */
	PARAM_CHUNK = 60,	/* characters of one RFC 2231 segment */
};

bool
compose_is_safe(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return true;
}

static bool
is_name(const char *name)
{
	for (const char *p = name; *p != '\0'; p++)
		if (*p <= ' ' || *p >= 0x7f || *p == ':')
			return false;
	return *name != '\0';
}

/* A field in the making. */
struct line {
	struct buf *out;
	size_t	    start;	/* of the field in out, to undo it */
	size_t	    col;
};

static void
begin(struct line *l, struct buf *out, const char *name)
{
	*l = (struct line){ .out = out, .start = out->n };
	buf_adds(out, name);
	buf_addc(out, ':');
	l->col = strlen(name) + 1;
}

/* A word and the space before it, on a new line if it does not fit. */
static void
put(struct line *l, struct slice w)
{
	if (l->col + 1 + w.n > COMPOSE_FOLD && l->col > 1) {
		buf_adds(l->out, "\r\n");
		l->col = 0;
	}
	buf_addc(l->out, ' ');
	buf_add(l->out, w);
	l->col += 1 + w.n;
}

static int
end(struct line *l)
{
	buf_adds(l->out, "\r\n");
	if (l->out->err != OK)
		l->out->n = l->start;
	return l->out->err;
}

static void
put_encoded(struct line *l, struct slice text)
{
	while (text.n > 0 && l->out->err == OK) {
		struct slice piece = utf8_prefix(text, CHUNK_OCTETS);
		char mem[80] = "=?UTF-8?B?";
		struct buf b;

		buf_init(&b, sizeof mem);
		buf_adds(&b, mem);
		base64_encode(piece, &b);
		buf_adds(&b, "?=");
		if (b.err != OK)
			l->out->err = b.err;
		put(l, buf_slice(&b));
		buf_fini(&b);
		text = slice_from(text, piece.n);
	}
}

static bool
must_encode(struct slice w)
{
	return !utf8_is_ascii(w) || w.n > COMPOSE_FOLD || slice_find(w, SLICE("=?")) >= 0;
}

/* Words from the front of text as long as they must (or need not) be encoded. */
static struct slice
take_run(struct slice *text, bool *encode_out)
{
	struct slice all = *text, rest = *text, w;
	size_t n = 0;

	(void)slice_cut(&rest, ' ', &w);
	*encode_out = must_encode(w);
	do {
		n = (size_t)(w.p + w.n - all.p);
		if (!*encode_out || n == all.n)
			break;
		(void)slice_cut(&rest, ' ', &w);
	} while (must_encode(w));
	*text = slice_from(all, n < all.n ? n + 1 : n);
	return slice_sub(all, 0, n);
}

/* Spaces that folding could lose, or turn into a line of spaces only. */
static bool
has_odd_spaces(struct slice text)
{
	return text.p[0] == ' ' || text.p[text.n - 1] == ' ' || slice_find(text, SLICE("  ")) >= 0;
}

int
compose_text(struct buf *out, const char *name, struct slice text)
{
	struct line l;

	if (!is_name(name) || !compose_is_safe(text) || !utf8_valid(text))
		return ERR_INVAL;
	begin(&l, out, name);
	if (text.n == 0)
		buf_addc(out, ' ');
	if (text.n > 0 && has_odd_spaces(text)) {
		put_encoded(&l, text);
		return end(&l);
	}
	while (text.n > 0 && out->err == OK) {
		bool encode;
		struct slice run = take_run(&text, &encode);

		if (encode)
			put_encoded(&l, run);
		else
			put(&l, run);
	}
	return end(&l);
}

int
compose_raw(struct buf *out, const char *name, struct slice value)
{
	struct slice rest = value, w;
	struct line l;

	if (!is_name(name) || !compose_is_safe(value) || !utf8_is_ascii(value))
		return ERR_INVAL;
	while (rest.n > 0) {
		(void)slice_cut(&rest, ' ', &w);
		if (w.n > WORD_MAX)
			return ERR_INVAL;
	}
	begin(&l, out, name);
	while (value.n > 0) {
		(void)slice_cut(&value, ' ', &w);
		if (w.n > 0)
			put(&l, w);
	}
	return end(&l);
}

static bool
is_phrase_char(char c)
{
	return ascii_is_alnum(c) || (c != '\0' && strchr(" !#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* A display name in ASCII: as it is, or as a quoted string. */
static void
put_display(struct line *l, struct slice display)
{
	struct buf b;
	bool plain = true;

	for (size_t i = 0; i < display.n; i++)
		plain = plain && is_phrase_char(display.p[i]);
	if (plain) {
		put(l, display);
		return;
	}
	buf_init(&b, 2 * display.n + 2);
	buf_addc(&b, '"');
	for (size_t i = 0; i < display.n; i++) {
		if (display.p[i] == '"' || display.p[i] == '\\')
			buf_addc(&b, '\\');
		buf_addc(&b, display.p[i]);
	}
	buf_addc(&b, '"');
	if (b.err != OK)
		l->out->err = b.err;
	put(l, buf_slice(&b));
	buf_fini(&b);
}

int
compose_addr(struct buf *out, const char *name, struct slice display, struct slice spec)
{
	struct line l;
	struct buf b;

	if (!is_name(name) || !compose_is_safe(display) || !utf8_valid(display) ||
	    !compose_is_safe(spec) || !utf8_valid(spec) || spec.n > WORD_MAX ||
	    slice_chr(spec, '<') >= 0 || slice_chr(spec, '>') >= 0)
		return ERR_INVAL;
	begin(&l, out, name);
	if (display.n > 0 && must_encode(display))
		put_encoded(&l, display);
	else if (display.n > 0)
		put_display(&l, display);
	buf_init(&b, spec.n + 2);
	buf_addc(&b, '<');
	buf_add(&b, spec);
	buf_addc(&b, '>');
	if (b.err != OK)
		out->err = b.err;
	put(&l, buf_slice(&b));
	buf_fini(&b);
	return end(&l);
}

/* RFC 2231: segments of at most PARAM_CHUNK characters, the first with the charset. */
static void
add_extended(struct buf *value, const char *name, struct slice text)
{
	bool split = 3 * text.n > PARAM_CHUNK;
	size_t i = 0;

	for (unsigned k = 0; i < text.n && value->err == OK; k++) {
		size_t used = 0;

		if (split)
			buf_addf(value, "; %s*%u*=%s", name, k, k == 0 ? "UTF-8''" : "");
		else
			buf_addf(value, "; %s*=UTF-8''", name);
		for (; i < text.n && used + 3 <= PARAM_CHUNK; i++) {
			char c = text.p[i];

			if (ascii_is_alnum(c) || c == '-' || c == '.' || c == '_') {
				buf_addc(value, c);
				used++;
			} else {
				buf_addf(value, "%%%02X", (unsigned)(unsigned char)c);
				used += 3;
			}
		}
	}
}

int
compose_param(struct buf *value, const char *name, struct slice text)
{
	if (!is_name(name) || strpbrk(name, "*'%()<>@,;:\\\"/[]?=") != NULL ||
	    !compose_is_safe(text) || !utf8_valid(text))
		return ERR_INVAL;
	if (!utf8_is_ascii(text) || text.n > PARAM_CHUNK || slice_find(text, SLICE("=?")) >= 0) {
		add_extended(value, name, text);
		return value->err;
	}
	buf_addf(value, "; %s=\"", name);
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '"' || text.p[i] == '\\')
			buf_addc(value, '\\');
		buf_addc(value, text.p[i]);
	}
	buf_addc(value, '"');
	return value->err;
}

int
compose_date(struct buf *out, const char *name, int64_t seconds, int zone_min)
{
	char text[DATE_RFC5322_OCTETS + 1];

	date_format_rfc5322(seconds, zone_min, text);
	return compose_raw(out, name, slice_of(text));
}
