/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/crc.h"

#include <string.h>

/* Four bits at a time: small, and only for machines without the instruction. */
static uint32_t
by_table(uint32_t c, const unsigned char *p, size_t n)
{
	static const uint32_t t[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
		0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
		0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75
	};

	for (; n > 0; p++, n--) {
		c ^= *p;
		c = c >> 4 ^ t[c & 15];
		c = c >> 4 ^ t[c & 15];
	}
	return c;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t
by_instruction(uint32_t c, const unsigned char *p, size_t n)
{
	uint64_t wide = c;

	for (; n >= 8; p += 8, n -= 8) {
		uint64_t v;

		memcpy(&v, p, 8);
		wide = __builtin_ia32_crc32di(wide, v);
	}
	c = (uint32_t)wide;
	for (; n > 0; p++, n--)
		c = __builtin_ia32_crc32qi(c, *p);
	return c;
}
#endif

uint32_t
crc32c(uint32_t crc, struct slice s)
{
	const unsigned char *p = (const unsigned char *)s.p;

#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2"))
		return ~by_instruction(~crc, p, s.n);
#endif
	return ~by_table(~crc, p, s.n);
}
