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

/* Cyrillic or Greek letters, by the number of a code page or of fonts: what is to be added to an
 * octet from 0xC0 on; 0: it is none of them. */
uint32_t codepage_letters(uint32_t page);
uint32_t codepage_letters_of_font(long fcharset);

#endif
