/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/utf7.h"

#include "common/utf8.h"

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static int
digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (ascii_is_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : c == ',' ? 63 : -1;
}

static bool
is_direct(uint32_t cp)
{
	return cp >= 0x20 && cp <= 0x7e;
}

/* One UTF-16 unit of a shifted run; *high holds an unpaired first half. */
static int
add_unit(uint32_t unit, uint32_t *high, struct buf *out)
{
	bool low = unit >= 0xdc00 && unit <= 0xdfff;

	if (low != (*high != 0))
		return ERR_SYNTAX;
	if (low) {
		utf8_add(out, 0x10000 + ((*high - 0xd800) << 10) + (unit - 0xdc00));
		*high = 0;
		return OK;
	}
	if (unit >= 0xd800 && unit <= 0xdbff) {
		*high = unit;
		return OK;
	}
	if (is_direct(unit) || unit == 0)
		return ERR_SYNTAX;
	utf8_add(out, unit);
	return OK;
}

/* The base64 between "&" and "-", not empty. */
static int
shifted(struct slice run, struct buf *out)
{
	uint32_t bits = 0, high = 0;
	unsigned count = 0;

	for (size_t i = 0; i < run.n; i++) {
		int d = digit(run.p[i]);

		if (d < 0)
			return ERR_SYNTAX;
		bits = bits << 6 | (uint32_t)d;
		count += 6;
		if (count >= 16) {
			int err = add_unit(bits >> (count - 16) & 0xffff, &high, out);

			if (err != OK)
				return err;
			count -= 16;
		}
	}
	return high != 0 || count >= 6 || (bits & ((1u << count) - 1)) != 0 ? ERR_SYNTAX : OK;
}

int
utf7_decode(struct slice in, struct buf *out)
{
	bool after_run = false;

	for (size_t i = 0; i < in.n; i++) {
		struct slice run;
		ptrdiff_t end;
		int err;

		if (!is_direct((unsigned char)in.p[i]))
			return ERR_SYNTAX;
		if (in.p[i] != '&') {
			buf_addc(out, in.p[i]);
			after_run = false;
			continue;
		}
		end = slice_chr(slice_from(in, i), '-');
		if (end < 0)
			return ERR_SYNTAX;
		run = slice_sub(in, i + 1, (size_t)end - 1);
		i += (size_t)end;
		if (run.n == 0) {
			buf_addc(out, '&');
			after_run = false;
			continue;
		}
		err = after_run ? ERR_SYNTAX : shifted(run, out);
		if (err != OK)
			return err;
		after_run = true;
	}
	return out->err;
}

struct encoder {
	struct buf *out;
	bool	    open;
	uint32_t    bits;
	unsigned    count;
};

static void
put_unit(struct encoder *e, uint32_t unit)
{
	if (!e->open) {
		buf_addc(e->out, '&');
		e->open = true;
	}
	e->bits = e->bits << 16 | unit;
	for (e->count += 16; e->count >= 6; e->count -= 6)
		buf_addc(e->out, alphabet[e->bits >> (e->count - 6) & 63]);
	e->bits &= (1u << e->count) - 1;
}

static void
close_run(struct encoder *e)
{
	if (!e->open)
		return;
	if (e->count > 0)
		buf_addc(e->out, alphabet[e->bits << (6 - e->count) & 63]);
	buf_addc(e->out, '-');
	*e = (struct encoder){ .out = e->out };
}

int
utf7_encode(struct slice in, struct buf *out)
{
	struct encoder e = { .out = out };
	uint32_t cp;
	int r;

	while ((r = utf8_next(&in, &cp)) == 1) {
		if (is_direct(cp)) {
			close_run(&e);
			buf_addc(out, (char)cp);
			if (cp == '&')
				buf_addc(out, '-');
		} else if (cp >= 0x10000) {
			put_unit(&e, 0xd800 + ((cp - 0x10000) >> 10));
			put_unit(&e, 0xdc00 + ((cp - 0x10000) & 0x3ff));
		} else
			put_unit(&e, cp);
	}
	close_run(&e);
	return r < 0 ? r : out->err;
}
