/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/codepage.h: charsets as office programs name them.
 */
#ifndef POLICY_EXTRACT_CODEPAGE_H
#define POLICY_EXTRACT_CODEPAGE_H

#include "mime/charset.h"

/* By the number of a code page; CHARSET_UNKNOWN: there is no table of it here. */
enum charset codepage_charset(uint32_t page);

/* By the number that fonts have (\fcharset). */
enum charset codepage_of_font(long fcharset);

/* Charsets of Cyrillic (1251) or Greek (1253), by the number of a code page or of fonts: the page;
 * 0: it is none of them. */
uint32_t codepage_lettered(uint32_t page);
uint32_t codepage_lettered_font(long fcharset);

/* The character that an octet is in one of these pages; a space: none. */
uint32_t codepage_letter(uint32_t page, unsigned char octet);

#endif
