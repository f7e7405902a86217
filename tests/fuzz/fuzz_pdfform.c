/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Drawings of a PDF: what is read of them stays within its ceiling, and is whole lines. */
#include <stdint.h>
#include <stdlib.h>

#include "policy/extract/pdfform.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	struct buf text;
	bool unread;
	int err;

	buf_init(&text, 1 << 20);
	err = pdfform_text(in, &text, &unread);
	if (err == OK && text.n > 0 && text.p[text.n - 1] != '\n')
		abort();
	buf_clear(&text);
	pdfform_lines(in, &text);
	if (text.err == OK && text.n > 6 * size + 16)
		abort();
	buf_fini(&text);
	return 0;
}
