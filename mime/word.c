/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mime/word.h"

#include <string.h>

#include "common/base64.h"
#include "common/utf8.h"
#include "mime/charset.h"

/* Sloppy senders leave "?" unencoded in Q text; look this far for the true end. */
enum { SLOPPY_OCTETS = 200, LABEL_MAX = 64 };

struct decoder {
	struct buf *out;
	struct buf  octets;	/* of the words of one charset, not yet decoded */
	struct buf  chars;	/* the same in UTF-8, not yet cleaned */
	struct slice label;	/* their charset */
	bool	    joining;	/* octets belong to at least one word */
	bool	    raw_utf8;	/* raw octets >= 0x80 are UTF-8 */
	unsigned    flags;
};

struct word { struct slice label, text; char enc; size_t octets; };

/* Where the text ends: the "?" of "?=". -1: nowhere. */
static ptrdiff_t
text_end(struct slice s)
{
	ptrdiff_t at = slice_chr(s, '?');

	if (at < 0 || ((size_t)at + 1 < s.n && s.p[at + 1] == '='))
		return at < 0 ? -1 : at;
	s = slice_sub(s, 0, (size_t)at + SLOPPY_OCTETS);
	for (size_t i = (size_t)at; i + 1 < s.n; i++) {
		if (s.p[i] == '?' && s.p[i + 1] == '=')
			return (ptrdiff_t)i;
		if (ascii_is_space(s.p[i]) || s.p[i] == '\r' || s.p[i] == '\n')
			break;
	}
	return -1;
}

/* Is there an encoded word at the front of s ("=?" is)? */
static bool
take_word(struct slice s, struct word *w)
{
	ptrdiff_t at, star;
	size_t start;

	at = slice_chr(slice_sub(s, 2, LABEL_MAX + 1), '?');
	if (at <= 0)
		return false;
	w->label = slice_sub(s, 2, (size_t)at);
	for (size_t i = 0; i < w->label.n; i++)
		if (w->label.p[i] <= ' ' || w->label.p[i] == 0x7f)
			return false;
	star = slice_chr(w->label, '*');
	if (star >= 0)
		w->label.n = (size_t)star;
	start = 2 + (size_t)at + 1;
	if (start + 2 > s.n || s.p[start + 1] != '?')
		return false;
	w->enc = ascii_lower(s.p[start]);
	if (w->enc != 'b' && w->enc != 'q')
		return false;
	start += 2;
	at = text_end(slice_from(s, start));
	if (at < 0 || start + (size_t)at + 2 > s.n)
		return false;
	w->text = slice_sub(s, start, (size_t)at);
	w->octets = start + (size_t)at + 2;
	return true;
}

/* Append UTF-8 for people: no controls. */
static void
add_clean(struct decoder *d, struct slice s)
{
	uint32_t cp;

	while (s.n > 0 && d->out->err == OK) {
		size_t n = 0;

		while (n < s.n && (unsigned char)s.p[n] - 0x20u < 0x5fu)
			n++;
		buf_add(d->out, slice_sub(s, 0, n));
		s = slice_from(s, n);
		if (utf8_next(&s, &cp) == 0)
			break;
		if (cp < 0x20 || (cp >= 0x7f && cp <= 0x9f)) {
			d->flags |= WORD_FLAG_CONTROL;
			cp = ' ';
		}
		utf8_add(d->out, cp);
	}
}

/* The octets of joined words are complete: decode their charset. */
static void
flush(struct decoder *d)
{
	struct slice octets = buf_slice(&d->octets);
	enum charset cs = charset_by_label(d->label);
	unsigned bad = 0;

	if (!d->joining)
		return;
	if (cs == CHARSET_US_ASCII && !utf8_is_ascii(octets))
		cs = CHARSET_UNKNOWN;
	if (cs == CHARSET_UNKNOWN) {
		d->flags |= WORD_FLAG_CHARSET;
		cs = utf8_valid(octets) ? CHARSET_UTF_8 : CHARSET_WINDOWS_1252;
	}
	buf_clear(&d->chars);
	if (charset_to_utf8(cs, octets, &d->chars, &bad) != OK)
		d->out->err = d->chars.err;
	if (bad != 0)
		d->flags |= WORD_FLAG_BAD_CHARS;
	add_clean(d, buf_slice(&d->chars));
	buf_clear(&d->octets);
	d->joining = false;
}

static void
add_q(struct decoder *d, struct slice t)
{
	for (size_t i = 0; i < t.n; i++) {
		char c = t.p[i];

		if (c == '\r' || c == '\n') {
			d->flags |= WORD_FLAG_MALFORMED;
			continue;
		}
		if (c == '_') {
			c = ' ';
		} else if (c == '=' && i + 2 < t.n && ascii_hex(t.p[i + 1]) >= 0 &&
		    ascii_hex(t.p[i + 2]) >= 0) {
			c = (char)(ascii_hex(t.p[i + 1]) << 4 | ascii_hex(t.p[i + 2]));
			i += 2;
		} else if (c == '=' || ascii_is_space(c)) {
			d->flags |= WORD_FLAG_MALFORMED;
		}
		buf_addc(&d->octets, c);
	}
}

static void
add_word(struct decoder *d, const struct word *w)
{
	unsigned bad = 0;

	if (d->joining && !slice_eq_nocase(d->label, w->label))
		flush(d);
	d->joining = true;
	d->label = w->label;
	d->flags |= WORD_FLAG_ENCODED;
	if (w->enc == 'q')
		add_q(d, w->text);
	else if (base64_decode(w->text, &d->octets, &bad) != OK)
		d->out->err = d->octets.err;
	if (bad != 0)
		d->flags |= WORD_FLAG_MALFORMED;
	if (d->octets.err != OK)
		d->out->err = d->octets.err;
}

/* Text between encoded words. */
static void
add_raw(struct decoder *d, struct slice s)
{
	size_t run = 0;

	if (s.n == 0)
		return;
	flush(d);
	if (!utf8_is_ascii(s)) {
		d->flags |= d->raw_utf8 ? WORD_FLAG_RAW_8BIT : WORD_FLAG_RAW_OTHER;
		if (!d->raw_utf8) {
			buf_clear(&d->chars);
			if (charset_to_utf8(CHARSET_WINDOWS_1252, s, &d->chars, NULL) != OK)
				d->out->err = d->chars.err;
			s = buf_slice(&d->chars);
		}
	}
	for (size_t i = 0; i < s.n; i++) {	/* folds: their white space stays */
		if (s.p[i] != '\r' && s.p[i] != '\n')
			continue;
		add_clean(d, slice_sub(s, run, i - run));
		run = i + 1;
	}
	add_clean(d, slice_from(s, run));
}

static bool
is_blank(struct slice s)
{
	return slice_trim(s).n == 0;
}

static void
decode(struct decoder *d, struct slice s)
{
	static const struct slice open = { "=?", 2 };
	size_t from = 0;	/* what was not yet written begins here */
	size_t at = 0;
	ptrdiff_t found;
	struct word w;

	while (d->out->err == OK && (found = slice_find(slice_from(s, at), open)) >= 0) {
		struct slice gap;

		at += (size_t)found;
		if (!take_word(slice_from(s, at), &w)) {
			d->flags |= WORD_FLAG_MALFORMED;
			at += 2;
			continue;
		}
		gap = slice_sub(s, from, at - from);
		if (!d->joining || !is_blank(gap))
			add_raw(d, gap);
		add_word(d, &w);
		from = at += w.octets;
	}
	add_raw(d, slice_from(s, from));
	flush(d);
}

int
word_decode(struct slice raw, struct buf *out, unsigned *flags_out)
{
	struct decoder d = { .out = out };

	raw = slice_trim(raw);
	buf_init(&d.octets, raw.n + 8);
	buf_init(&d.chars, 4 * raw.n + 64);
	d.raw_utf8 = utf8_valid(raw);
	decode(&d, raw);
	if (flags_out != NULL)
		*flags_out = d.flags;
	buf_fini(&d.octets);
	buf_fini(&d.chars);
	return out->err;
}
