/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/codepage.h"

#include <stdio.h>

enum charset
codepage_charset(uint32_t page)
{
	char label[32];

	if (page == 65001)
		return CHARSET_UTF_8;
	if (page == 1200)
		return CHARSET_UTF_16LE;
	(void)snprintf(label, sizeof label, "windows-%u", (unsigned)page);
	return charset_by_label(slice_of(label));
}

enum charset
codepage_of_font(long fcharset)
{
	static const struct { long fcharset; uint32_t page; } rows[] = {
		{ 163, 1258 }, { 238, 1250 }, { 204, 1251 }, { 161, 1253 }, { 162, 1254 },
		{ 177, 1255 }, { 178, 1256 }, { 186, 1257 }, { 2, 1252 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].fcharset == fcharset)
			return codepage_charset(rows[i].page);
	return CHARSET_UNKNOWN;	/* 0 and 1 are the document's */
}

uint32_t
codepage_letters(uint32_t page)
{
	/* 0xC0 is U+0410 there, 0xC1 U+0391. */
	return page == 1251 ? 0x0410 - 0xC0 : page == 1253 ? 0x0391 - 0xC1 : 0;
}

uint32_t
codepage_letters_of_font(long fcharset)
{
	return codepage_letters(fcharset == 204 ? 1251 : fcharset == 161 ? 1253 : 0);
}
