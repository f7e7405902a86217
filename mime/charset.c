/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mime/charset.h"

#include <string.h>

#include "common/utf8.h"

static const uint16_t tables[CHARSET_COUNT][256] = {
#define CHARSET_TABLE(cs, ...) [cs] = { __VA_ARGS__ },
#include "mime/charset_table.def"
#undef CHARSET_TABLE
};

static const struct {
	enum charset cs;
	const char  *label;
} labels[] = {
#define CHARSET_LABEL(cs, label) { cs, label },
#include "mime/charset_label.def"
#undef CHARSET_LABEL
};

/* VNI: octet (of the small letters; capitals are 0x20 less) -> marks on the vowel before it. */
static const struct {
	unsigned char octet;
	uint16_t      shape, tone;
} vni_marks[] = {
	{ 0xf9, 0, 0x301 }, { 0xf8, 0, 0x300 }, { 0xfb, 0, 0x309 }, { 0xf5, 0, 0x303 },
	{ 0xef, 0, 0x323 }, { 0xe2, 0x302, 0 }, { 0xe1, 0x302, 0x301 }, { 0xe0, 0x302, 0x300 },
	{ 0xe5, 0x302, 0x309 }, { 0xe3, 0x302, 0x303 }, { 0xe4, 0x302, 0x323 }, { 0xea, 0x306, 0 },
	{ 0xe9, 0x306, 0x301 }, { 0xe8, 0x306, 0x300 }, { 0xfa, 0x306, 0x309 },
	{ 0xfc, 0x306, 0x303 }, { 0xeb, 0x306, 0x323 },
};

enum charset
charset_by_label(struct slice label)
{
	label = slice_trim(label);
	if (label.n == 0)
		return CHARSET_US_ASCII;
	for (size_t i = 0; i < ARRAY_LEN(labels); i++)
		if (slice_is_nocase(label, labels[i].label))
			return labels[i].cs;
	return CHARSET_UNKNOWN;
}

const char *
charset_name(enum charset cs)
{
	for (size_t i = 0; i < ARRAY_LEN(labels); i++)
		if (labels[i].cs == cs)
			return labels[i].label;
	return "unknown";
}

void
charset_init(struct charset_decoder *d, enum charset cs)
{
	*d = (struct charset_decoder){ .cs = cs };
}

static void
bad(struct charset_decoder *d, struct buf *out)
{
	d->flags |= CHARSET_BAD;
	utf8_add(out, UTF8_REPLACEMENT);
}

static void
flush_base(struct charset_decoder *d, struct buf *out)
{
	if (d->base != 0)
		utf8_add(out, d->base);
	d->base = 0;
}

static bool
is_plain(char c)
{
	return (c >= 0x20 && c < 0x7f) || c == '\n' || c == '\r' || c == '\t';
}

/* Marks of octet c on the vowel base: the letter, or 0 when they do not go together. */
static uint32_t
vni_join(uint32_t base, unsigned char c)
{
	char v = base < 0x80 ? ascii_lower((char)base) : 0;
	bool horn = base == 0x1a0 || base == 0x1a1 || base == 0x1af || base == 0x1b0;
	uint32_t letter;

	if (!horn && (v == 0 || strchr("aeouy", v) == NULL))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(vni_marks); i++) {
		if (vni_marks[i].octet != c && vni_marks[i].octet - 0x20 != c)
			continue;
		if (vni_marks[i].shape == 0x306 && v != 'a')
			return 0;
		if (vni_marks[i].shape == 0x302 && (v == 0 || strchr("aeo", v) == NULL))
			return 0;
		letter = vni_marks[i].shape == 0 ? base : utf8_compose(base, vni_marks[i].shape);
		return vni_marks[i].tone == 0 ? letter : utf8_compose(letter, vni_marks[i].tone);
	}
	return 0;
}

/* One octet of a single-octet charset: it joins the base, or becomes the new base. */
static void
single_octet(struct charset_decoder *d, unsigned char c, struct buf *out)
{
	enum charset cs = d->cs == CHARSET_ISO_8859_1 ? CHARSET_WINDOWS_1252 : d->cs;
	uint32_t cp = tables[cs][c], joined = 0;

	if (d->base != 0 && cs == CHARSET_VNI)
		joined = vni_join(d->base, c);
	else if (d->base != 0 && cp >= 0x300 && cp < 0x370)
		joined = utf8_compose(d->base, cp);
	if (joined != 0) {
		d->base = joined;
		return;
	}
	flush_base(d, out);
	if (cp == UTF8_REPLACEMENT)
		bad(d, out);
	else if (cp == 0)
		utf8_add(out, 0);
	else
		d->base = cp;
}

static void
feed_single(struct charset_decoder *d, struct slice in, struct buf *out)
{
	while (in.n > 0 && out->err == OK) {
		size_t n = 0;

		while (n < in.n && is_plain(in.p[n]))
			n++;
		if (n == 0) {
			single_octet(d, (unsigned char)in.p[0], out);
			in = slice_from(in, 1);
			continue;
		}
		flush_base(d, out);
		buf_add(out, slice_sub(in, 0, n - 1));
		d->base = (unsigned char)in.p[n - 1];
		in = slice_from(in, n);
	}
}

static void
feed_ascii(struct charset_decoder *d, struct slice in, struct buf *out)
{
	while (in.n > 0 && out->err == OK) {
		size_t n = 0;

		while (n < in.n && (in.p[n] & 0x80) == 0)
			n++;
		buf_add(out, slice_sub(in, 0, n));
		if (n < in.n)
			bad(d, out);
		in = slice_from(in, n + 1);
	}
}

/* Octets at the end of s that begin a sequence which more input could complete. */
static size_t
unfinished_utf8(struct slice s)
{
	static const char more[3] = { (char)0x80, (char)0xbf, (char)0x90 };

	for (size_t n = 1; n <= 3 && n <= s.n; n++) {
		struct slice tail = slice_from(s, s.n - n);
		unsigned char c = (unsigned char)tail.p[0];
		size_t need = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc2 ? 2 : 0;
		uint32_t cp;

		if ((c & 0xc0) == 0x80)
			continue;
		if (need <= n)
			return 0;
		/* Some octet must be able to follow: try the corners of what may. */
		for (size_t i = 0; i < sizeof more; i++) {
			char whole[4] = { 0, (char)0x80, (char)0x80, (char)0x80 };
			struct slice w = { whole, need };

			memcpy(whole, tail.p, n);
			whole[n] = more[i];
			if (utf8_next(&w, &cp) == 1)
				return n;
		}
		return 0;
	}
	return 0;
}

static void
add_utf8(struct charset_decoder *d, struct slice s, struct buf *out)
{
	if (!utf8_add_clean(out, s))
		d->flags |= CHARSET_BAD;
}

static void
feed_utf8(struct charset_decoder *d, struct slice in, struct buf *out)
{
	size_t tail;

	while (d->held > 0 && in.n > 0) {
		struct slice hold;

		d->hold[d->held++] = (unsigned char)in.p[0];
		in = slice_from(in, 1);
		hold = (struct slice){ (const char *)d->hold, d->held };
		tail = unfinished_utf8(hold);
		add_utf8(d, slice_sub(hold, 0, hold.n - tail), out);
		memmove(d->hold, d->hold + hold.n - tail, tail);
		d->held = (unsigned)tail;
	}
	tail = unfinished_utf8(in);
	add_utf8(d, slice_sub(in, 0, in.n - tail), out);
	if (tail > 0)
		memcpy(d->hold, in.p + in.n - tail, tail);
	if (in.n > 0)
		d->held = (unsigned)tail;
}

/* One UTF-16 code unit, for the UTF-16 charsets and UTF-7. */
static void
add_unit(struct charset_decoder *d, uint16_t u, struct buf *out)
{
	if (d->high != 0 && (u & 0xfc00) == 0xdc00) {
		utf8_add(out, 0x10000u + ((uint32_t)(d->high & 0x3ff) << 10 | (u & 0x3ffu)));
		d->high = 0;
		return;
	}
	if (d->high != 0)
		bad(d, out);
	d->high = 0;
	if ((u & 0xfc00) == 0xd800)
		d->high = u;
	else if ((u & 0xfc00) == 0xdc00)
		bad(d, out);
	else
		utf8_add(out, u);
}

static void
feed_utf16(struct charset_decoder *d, struct slice in, struct buf *out)
{
	bool little = d->cs == CHARSET_UTF_16LE || (d->cs == CHARSET_UTF_16 && d->swapped);

	for (size_t i = 0; i < in.n && out->err == OK; i++) {
		unsigned char c = (unsigned char)in.p[i];
		uint16_t u;

		if (d->held == 0) {
			d->hold[0] = c;
			d->held = 1;
			continue;
		}
		d->held = 0;
		u = (uint16_t)(little ? c << 8 | d->hold[0] : d->hold[0] << 8 | c);
		if (!d->started && u == 0xfffe && d->cs == CHARSET_UTF_16)
			little = d->swapped = true;
		else if (d->started || u != 0xfeff)
			add_unit(d, u, out);
		d->started = true;
	}
}

static int
base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (ascii_is_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* The end of a base64 run: bits left over must be fewer than six and zero, no half pair. */
static void
unshift(struct charset_decoder *d, struct buf *out)
{
	if (d->high != 0 || d->bit_count >= 6 || (d->bits & ((1u << d->bit_count) - 1)) != 0)
		bad(d, out);
	d->high = 0;
	d->bits = 0;
	d->bit_count = 0;
	d->shifted = false;
}

/* RFC 2152 */
static void
utf7_octet(struct charset_decoder *d, char c, struct buf *out)
{
	int v = base64_value(c);

	if (d->shifted && v >= 0) {
		d->fresh = false;
		d->bits = d->bits << 6 | (uint32_t)v;
		d->bit_count += 6;
		if (d->bit_count >= 16) {
			d->bit_count -= 16;
			add_unit(d, (uint16_t)(d->bits >> d->bit_count), out);
		}
		return;
	}
	if (d->shifted) {
		bool lone = d->fresh;

		unshift(d, out);
		if (c == '-') {
			if (lone)
				buf_addc(out, '+');
			return;
		}
		if (lone)
			bad(d, out);
	}
	if (c == '+') {
		d->shifted = d->fresh = true;
	} else if ((c & 0x80) != 0) {
		bad(d, out);
	} else {
		buf_addc(out, c);
	}
}

void
charset_feed(struct charset_decoder *d, struct slice in, struct buf *out)
{
	switch (d->cs) {
	case CHARSET_US_ASCII:
		feed_ascii(d, in, out);
		break;
	case CHARSET_UTF_8:
		feed_utf8(d, in, out);
		break;
	case CHARSET_UTF_16:
	case CHARSET_UTF_16LE:
	case CHARSET_UTF_16BE:
		feed_utf16(d, in, out);
		break;
	case CHARSET_UTF_7:
		for (size_t i = 0; i < in.n && out->err == OK; i++)
			utf7_octet(d, in.p[i], out);
		break;
	case CHARSET_UNKNOWN:
	case CHARSET_COUNT:
		d->flags |= CHARSET_BAD;
		break;
	default:
		feed_single(d, in, out);
		break;
	}
}

void
charset_end(struct charset_decoder *d, struct buf *out)
{
	flush_base(d, out);
	if (d->shifted)
		unshift(d, out);
	if (d->held > 0 || d->high != 0)
		bad(d, out);
	d->held = 0;
	d->high = 0;
}

int
charset_to_utf8(enum charset cs, struct slice in, struct buf *out, unsigned *flags_out)
{
	struct charset_decoder d;

	if (cs == CHARSET_UNKNOWN || cs >= CHARSET_COUNT)
		return ERR_UNSUPPORTED;
	charset_init(&d, cs);
	charset_feed(&d, in, out);
	charset_end(&d, out);
	if (flags_out != NULL)
		*flags_out = d.flags;
	return out->err;
}
