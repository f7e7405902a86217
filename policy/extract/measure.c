/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/measure.h"

enum {
	FAR = 200,		/* so far outside of the page nothing is seen */
	NOTHING_SMALLER = 9999
};

/* A length or number: its whole part, its tenths, and what stands behind it. */
struct length {
	unsigned     whole, tenths;
	bool	     minus, valid;
	struct slice unit;
};

static struct length
length_of(struct slice v)
{
	struct length l = { 0 };

	l.minus = v.n > 0 && v.p[0] == '-';
	if (l.minus)
		v = slice_from(v, 1);
	for (; v.n > 0 && ascii_is_digit(v.p[0]); v = slice_from(v, 1)) {
		l.valid = true;
		if (l.whole < NOTHING_SMALLER)
			l.whole = 10 * l.whole + (unsigned)(v.p[0] - '0');
	}
	if (v.n > 1 && v.p[0] == '.' && ascii_is_digit(v.p[1])) {
		l.valid = true;
		l.tenths = (unsigned)(v.p[1] - '0');
		for (v = slice_from(v, 1); v.n > 0 && ascii_is_digit(v.p[0]);)
			v = slice_from(v, 1);
	}
	l.unit = v;
	return l;
}

bool
measure_is_nothing(struct slice v)
{
	struct length l = length_of(v);

	return l.valid && l.whole == 0 && l.tenths == 0;
}

bool
measure_is_tiny(struct slice v)
{
	struct length l = length_of(v);

	if (!l.valid || l.minus)
		return false;
	if (slice_starts_nocase(l.unit, SLICE("%")))
		return l.whole < 10;
	if (slice_starts_nocase(l.unit, SLICE("px")) || slice_starts_nocase(l.unit, SLICE("pt")))
		return l.whole < 2;
	return l.whole == 0 && l.tenths < 2;
}

bool
measure_has_tiny(struct slice v)
{
	struct slice word;

	while (v.n > 0) {
		slice_cut(&v, ' ', &word);
		if (measure_is_tiny(word))
			return true;
	}
	return false;
}

bool
measure_is_far(struct slice v)
{
	struct length l = length_of(v);

	return l.valid && l.minus && l.whole >= FAR;
}

/* "#fefefe", "#fff", "#12345600": nearly white, or seen through. */
static bool
is_pale_code(struct slice v)
{
	size_t n = 0, per;

	v = slice_from(v, 1);
	while (n < v.n && ascii_hex(v.p[n]) >= 0)
		n++;
	per = n == 3 || n == 4 ? 1 : 2;
	if ((n == 4 || n == 8) && v.p[3 * per] == '0' && v.p[n - 1] == '0')
		return true;
	return n >= 3 && ascii_hex(v.p[0]) == 15 && ascii_hex(v.p[per]) == 15 &&
	    ascii_hex(v.p[2 * per]) == 15;
}

/* The numbers of "rgb(255, 255, 255)", "hsl(0 0% 100% / 50%)"; how many there are. */
static unsigned
colour_numbers(struct slice v, struct length of[4])
{
	unsigned count = 0;

	v = slice_from(v, (size_t)(slice_chr(v, '(') + 1));
	while (v.n > 0 && v.p[0] != ')' && count < 4) {
		size_t n = 0;

		while (n < v.n && slice_chr(SLICE(" ,/)"), v.p[n]) < 0)
			n++;
		if (n > 0)
			of[count++] = length_of(slice_sub(v, 0, n));
		v = slice_from(v, n > 0 ? n : 1);
	}
	return count;
}

static bool
is_pale_part(const struct length *l)
{
	return l->valid && !l->minus &&
	    l->whole >= (slice_starts_nocase(l->unit, SLICE("%")) ? 94 : 240);
}

/* Nearly white, or seen through. Of other ways than these what is full is taken as white. */
static bool
is_pale_function(struct slice v)
{
	struct length of[4];
	unsigned n = colour_numbers(v, of);

	if (n == 4 && of[3].valid && of[3].whole == 0 && of[3].tenths == 0)
		return true;
	if (slice_starts_nocase(v, SLICE("rgb")))
		return n >= 3 && is_pale_part(&of[0]) && is_pale_part(&of[1]) &&
		    is_pale_part(&of[2]);
	if (slice_starts_nocase(v, SLICE("hsl")))
		return n >= 3 && is_pale_part(&of[2]);
	return slice_find(v, SLICE("100%")) >= 0;
}

bool
measure_is_pale(struct slice v)
{
	if (v.n > 0 && v.p[0] == '#')
		return is_pale_code(v);
	if (slice_chr(v, '(') > 0)
		return is_pale_function(v);
	return slice_starts_nocase(v, SLICE("transparent")) ||
	    slice_starts_nocase(v, SLICE("white"));
}
