/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/utf8.h"

#include <string.h>
#include <utf8proc.h>

/* Normalisation works in pieces, since utf8proc orders combining marks in quadratic time. */
enum { PIECE_MIN = 64, PIECE_MAX = 96, WORK_MAX = PIECE_MAX * 18 };

bool
utf8_is_ascii(struct slice s)
{
	uint64_t w;
	size_t i = 0;

	for (; i + sizeof w <= s.n; i += sizeof w) {
		memcpy(&w, s.p + i, sizeof w);
		if ((w & 0x8080808080808080u) != 0)
			return false;
	}
	for (; i < s.n; i++)
		if ((s.p[i] & 0x80) != 0)
			return false;
	return true;
}

/* Length that a first octet announces, and the bounds of the second octet (RFC 3629 4). */
static size_t
lead(unsigned char c, unsigned char *low_out, unsigned char *high_out)
{
	*low_out = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
	*high_out = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c <= 0xdf)
		return 2;
	if (c >= 0xe0 && c <= 0xef)
		return 3;
	return c >= 0xf0 && c <= 0xf4 ? 4 : 0;
}

int
utf8_next(struct slice *s, uint32_t *cp_out)
{
	unsigned char low, high, c;
	size_t n, i;
	uint32_t cp;

	if (s->n == 0)
		return 0;
	c = (unsigned char)s->p[0];
	n = lead(c, &low, &high);
	cp = n <= 1 ? c : c & (0x7fu >> n);
	for (i = 1; i < n && i < s->n; i++) {
		c = (unsigned char)s->p[i];
		if (c < low || c > high)
			break;
		cp = cp << 6 | (c & 0x3f);
		low = 0x80;
		high = 0xbf;
	}
	*s = slice_from(*s, i);
	*cp_out = i == n ? cp : UTF8_REPLACEMENT;
	return i == n ? 1 : ERR_SYNTAX;
}

/* Take leading ASCII off in one go. */
static struct slice
skip_ascii(struct slice s)
{
	uint64_t w;

	while (s.n >= sizeof w) {
		memcpy(&w, s.p, sizeof w);
		if ((w & 0x8080808080808080u) != 0)
			break;
		s = slice_from(s, sizeof w);
	}
	return s;
}

bool
utf8_valid(struct slice s)
{
	uint32_t cp;
	int r;

	do {
		s = skip_ascii(s);
		r = utf8_next(&s, &cp);
	} while (r == 1);
	return r == 0;
}

size_t
utf8_encode(uint32_t cp, char out[4])
{
	if (cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		cp = UTF8_REPLACEMENT;
	if (cp < 0x80) {
		out[0] = (char)cp;
		return 1;
	}
	if (cp < 0x800) {
		out[0] = (char)(0xc0 | cp >> 6);
		out[1] = (char)(0x80 | (cp & 0x3f));
		return 2;
	}
	if (cp < 0x10000) {
		out[0] = (char)(0xe0 | cp >> 12);
		out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
		out[2] = (char)(0x80 | (cp & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | cp >> 18);
	out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
	out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
	out[3] = (char)(0x80 | (cp & 0x3f));
	return 4;
}

void
utf8_add(struct buf *b, uint32_t cp)
{
	char c[4];
	size_t n = utf8_encode(cp, c);

	buf_add(b, (struct slice){ c, n });
}

bool
utf8_add_clean(struct buf *b, struct slice s)
{
	bool clean = true;

	while (s.n > 0 && b->err == OK) {
		struct slice good = s;
		struct slice at = s;
		uint32_t cp;
		int r;

		do {
			at = skip_ascii(at);
			good.n = s.n - at.n;
			r = utf8_next(&at, &cp);
		} while (r == 1);
		buf_add(b, good);
		if (r < 0) {
			utf8_add(b, UTF8_REPLACEMENT);
			clean = false;
		}
		s = at;
	}
	return clean;
}

struct slice
utf8_prefix(struct slice s, size_t max_octets)
{
	size_t n = max_octets;

	if (s.n <= max_octets)
		return s;
	while (n > 0 && (s.p[n] & 0xc0) == 0x80)
		n--;
	return slice_sub(s, 0, n);
}

struct slice
utf8_prefix_chars(struct slice s, size_t max_chars)
{
	struct slice at = s;
	uint32_t cp;

	while (max_chars > 0 && utf8_next(&at, &cp) != 0)
		max_chars--;
	return slice_sub(s, 0, s.n - at.n);
}

/* May a piece begin with cp: does it neither join nor reorder with what stands before it? The
 * ranges are those of frequent text; others are cut only when a piece gets long. */
static bool
is_cut(uint32_t cp, size_t have)
{
	if (cp < 0x300 || (cp >= 0x1e00 && cp < 0x2000) || (cp >= 0x3000 && cp < 0x3099) ||
	    (cp >= 0x4e00 && cp < 0xa000) || (cp >= 0xac00 && cp < 0xd7a4))
		return true;
	if (have >= PIECE_MAX)
		return true;
	return have >= PIECE_MIN &&
	    utf8proc_get_property((utf8proc_int32_t)cp)->combining_class == 0;
}

/* Decompose (and fold) cps into work, order canonically, compose; return the code points. */
static size_t
normalise(const uint32_t *cps, size_t count, utf8proc_option_t opt, utf8proc_int32_t *work)
{
	utf8proc_ssize_t n = 0;
	int bound = UTF8PROC_BOUNDCLASS_START;

	for (size_t i = 0; i < count; i++) {
		utf8proc_ssize_t r = utf8proc_decompose_char((utf8proc_int32_t)cps[i], work + n,
		    WORK_MAX - n, opt, &bound);

		if (r > 0 && r <= WORK_MAX - n)
			n += r;
	}
	for (utf8proc_ssize_t i = 0; i + 1 < n;) {	/* stable insertion, short runs only */
		int a = utf8proc_get_property(work[i])->combining_class;
		int b = utf8proc_get_property(work[i + 1])->combining_class;
		utf8proc_int32_t swap = work[i];

		if (a <= b || b == 0) {
			i++;
			continue;
		}
		work[i] = work[i + 1];
		work[i + 1] = swap;
		i = i > 0 ? i - 1 : 1;
	}
	n = utf8proc_normalize_utf32(work, n, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
	return n < 0 ? 0 : (size_t)n;
}

static void
flush_piece(const uint32_t *cps, size_t count, utf8proc_option_t opt, struct buf *out)
{
	utf8proc_int32_t work[WORK_MAX + 1];
	size_t n = normalise(cps, count, opt, work);

	for (size_t i = 0; i < n; i++)
		utf8_add(out, (uint32_t)work[i]);
}

uint32_t
utf8_compose(uint32_t base, uint32_t mark)
{
	utf8proc_int32_t work[WORK_MAX + 1];
	uint32_t pair[2] = { base, mark };

	if (normalise(pair, 2, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE, work) != 1)
		return 0;
	return (uint32_t)work[0];
}

static int
map(struct slice s, utf8proc_option_t opt, struct buf *out)
{
	uint32_t piece[PIECE_MAX];
	size_t have = 0;
	uint32_t cp;

	while (out->err == OK && utf8_next(&s, &cp) != 0) {
		if (have > 0 && is_cut(cp, have)) {
			flush_piece(piece, have, opt, out);
			have = 0;
		}
		piece[have++] = cp;
	}
	if (have > 0)
		flush_piece(piece, have, opt, out);
	return out->err;
}

int
utf8_nfc(struct slice s, struct buf *out)
{
	if (utf8_is_ascii(s)) {
		buf_add(out, s);
		return out->err;
	}
	return map(s, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE, out);
}

int
utf8_casefold(struct slice s, struct buf *out)
{
	char *to;

	if (!utf8_is_ascii(s))
		return map(s, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD, out);
	to = buf_reserve(out, s.n);
	if (to == NULL)
		return out->err;
	for (size_t i = 0; i < s.n; i++)
		to[i] = ascii_lower(s.p[i]);
	buf_added(out, s.n);
	return OK;
}

int
utf8_nfkc_casefold(struct slice s, struct buf *out)
{
	return map(s, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD |
	    UTF8PROC_IGNORE, out);
}

bool
utf8_is_safe_char(uint32_t cp)
{
	return cp >= 0x20 && (cp < 0x7f || cp > 0x9f) && cp != 0x2028 && cp != 0x2029 &&
	    cp != 0x200e && cp != 0x200f && cp != 0x061c && !(cp >= 0x202a && cp <= 0x202e) &&
	    !(cp >= 0x2066 && cp <= 0x2069) && cp != 0xfeff;
}

bool
utf8_is_safe(struct slice s)
{
	uint32_t cp;
	int r;

	while ((r = utf8_next(&s, &cp)) == 1)
		if (!utf8_is_safe_char(cp))
			return false;
	return r == 0;
}
