/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* tests/unit/policy/cfbmake.h: small compound files for tests: one sector of FAT, a folder, streams. */
#ifndef TESTS_POLICY_CFBMAKE_H
#define TESTS_POLICY_CFBMAKE_H

#include <string.h>

#include "common/buf.h"

enum { CFB_SECTOR = 512, CFB_FILE_MAX = 120 * CFB_SECTOR, CFB_CUTOFF = 4096 };

struct cfb_file {
	const char  *name;
	struct slice octets;
	bool	     folder;
	unsigned     in;	/* number of its folder in the list, from 1; 0: the root */
};

static void
cfb_put(char *p, uint32_t v, unsigned octets)
{
	for (unsigned i = 0; i < octets; i++)
		p[i] = (char)(v >> 8 * i & 0xFF);
}

static void
cfb_entry(char *p, const char *name, unsigned kind, uint32_t first, size_t octets)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++)
		p[2 * i] = name[i];
	cfb_put(p + 64, (uint32_t)(2 * n + 2), 2);
	p[66] = (char)kind;
	for (int i = 0; i < 3; i++)
		cfb_put(p + 68 + 4 * i, 0xFFFFFFFF, 4);
	cfb_put(p + 116, first, 4);
	cfb_put(p + 120, (uint32_t)octets, 4);
}

/* Each folder's entries are a list, the degenerate form of their tree. dir: the root's entry. */
static void
cfb_hang(char *dir, const struct cfb_file *files, size_t n)
{
	uint32_t last[64] = { 0 };

	for (size_t i = 0; i < n; i++) {
		unsigned in = files[i].in;

		if (last[in] == 0)
			cfb_put(dir + 128 * in + 76, (uint32_t)i + 1, 4);
		else
			cfb_put(dir + 128 * last[in] + 72, (uint32_t)i + 1, 4);
		last[in] = (uint32_t)i + 1;
	}
}

/* Streams shorter than CFB_CUTOFF lie in the stream of small ones, the others in sectors of their own. */
static void
cfb_make(struct buf *out, const struct cfb_file *files, size_t n)
{
	static char mem[CFB_FILE_MAX + CFB_SECTOR], mini[CFB_CUTOFF];
	char *fat = mem + CFB_SECTOR, *dir = mem + 2 * CFB_SECTOR, *minifat;
	uint32_t dirs = (uint32_t)n / 4 + 1 > 2 ? (uint32_t)n / 4 + 1 : 2, next = dirs + 2, small = 0;

	minifat = dir + dirs * CFB_SECTOR;
	memset(mem, 0, sizeof mem);
	memset(mini, 0, sizeof mini);
	memset(fat, 0xFF, CFB_SECTOR);
	memset(minifat, 0xFF, CFB_SECTOR);
	memcpy(mem, "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", 8);
	cfb_put(mem + 24, 0x3E, 2);
	cfb_put(mem + 26, 3, 2);
	cfb_put(mem + 28, 0xFFFE, 2);
	cfb_put(mem + 30, 9, 2);
	cfb_put(mem + 32, 6, 2);
	cfb_put(mem + 44, 1, 4);
	cfb_put(mem + 48, 1, 4);
	cfb_put(mem + 56, CFB_CUTOFF, 4);
	cfb_put(mem + 60, dirs + 1, 4);
	cfb_put(mem + 64, 1, 4);
	cfb_put(mem + 68, 0xFFFFFFFE, 4);
	memset(mem + 76, 0xFF, 109 * 4);
	cfb_put(mem + 76, 0, 4);
	cfb_put(fat, 0xFFFFFFFD, 4);
	for (uint32_t i = 1; i < dirs; i++)
		cfb_put(fat + 4 * i, i + 1, 4);
	cfb_put(fat + 4 * dirs, 0xFFFFFFFE, 4);
	cfb_put(fat + 4 * dirs + 4, 0xFFFFFFFE, 4);
	for (size_t i = 0; i < n; i++) {
		bool big = files[i].octets.n >= CFB_CUTOFF;
		uint32_t unit = big ? CFB_SECTOR : 64, *at = big ? &next : &small;
		uint32_t count = (uint32_t)((files[i].octets.n + unit - 1) / unit);
		char *to = big ? mem + (next + 1) * CFB_SECTOR : mini + 64 * small;

		cfb_entry(dir + 128 * (i + 1), files[i].name, files[i].folder ? 1 : 2,
		    count == 0 ? 0xFFFFFFFE : *at, files[i].octets.n);
		if (files[i].octets.n > 0)
			memcpy(to, files[i].octets.p, files[i].octets.n);
		for (uint32_t k = 0; k < count; k++)
			cfb_put((big ? fat : minifat) + 4 * (*at + k), k + 1 < count ? *at + k + 1 : 0xFFFFFFFE, 4);
		*at += count;
	}
	cfb_entry(dir, "Root Entry", 5, small > 0 ? next : 0xFFFFFFFE, 64 * (size_t)small);
	cfb_hang(dir, files, n);
	memcpy(mem + (next + 1) * CFB_SECTOR, mini, 64 * (size_t)small);
	for (uint32_t k = 0, count = (64 * small + CFB_SECTOR - 1) / CFB_SECTOR; k < count; k++, next++)
		cfb_put(fat + 4 * next, k + 1 < count ? next + 1 : 0xFFFFFFFE, 4);
	buf_add(out, (struct slice){ mem, (size_t)(next + 1) * CFB_SECTOR });
}

#endif
