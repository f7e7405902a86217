/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/dib.h"

#include "policy/extract/cfb.h"

enum { BMP_HEAD = 14, DIB_HEAD_MIN = 16 };

void
dib_file(struct slice s, struct hand *h, uint32_t number)
{
	uint32_t info = cfb_u32(s, 0), bits = cfb_u16(s, 14), used = cfb_u32(s, 32);
	uint32_t colors = info < 40 || bits > 8 ? 0 : used > 0 && used <= 256 ? used : 1u << bits;
	struct buf bmp;

	if (s.n < DIB_HEAD_MIN || info > s.n) {
		hand_opaque(h, number, EXTRACT_WHY_BROKEN);
		return;
	}
	if (info >= 40 && bits > 8 && cfb_u32(s, 16) == 3 && info == 40)
		colors = 3;	/* masks */
	buf_init(&bmp, s.n + BMP_HEAD);
	buf_adds(&bmp, "BM");
	buf_add_u32(&bmp, (uint32_t)(s.n + BMP_HEAD));
	buf_add_u32(&bmp, 0);
	buf_add_u32(&bmp, BMP_HEAD + info + 4 * colors);
	buf_add(&bmp, s);
	if (bmp.err != OK && h->err == OK)
		h->err = bmp.err;
	hand_file(h, number, buf_slice(&bmp));
	buf_fini(&bmp);
}
