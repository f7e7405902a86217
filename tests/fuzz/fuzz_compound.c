/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Compound files: documents of Word, workbooks of Excel; also a workbook's stream by itself. */
#include <stdint.h>
#include <stdlib.h>

#include "policy/extract/excel.h"
#include "policy/extract/word.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	struct buf text, titles;
	unsigned flags;
	struct cfb c;
	bool more;

	buf_init(&text, 4 << 20);
	buf_init(&titles, 4 << 20);
	if (cfb_open(&c, in) == OK) {
		(void)!word_text(&c, &text, &titles, &flags);
		(void)!excel_text(&c, &text, &more);
	}
	cfb_close(&c);
	buf_fini(&text);
	buf_fini(&titles);
	return 0;
}
