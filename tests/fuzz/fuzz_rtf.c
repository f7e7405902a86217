/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Rich Text Format: bounded output, whatever comes. */
#include <stdint.h>
#include <stdlib.h>

#include "policy/extract/rtf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	struct buf text, titles;
	unsigned flags;
	int err;

	buf_init(&text, 1 << 20);
	buf_init(&titles, 1 << 20);
	err = rtf_text(in, &text, &titles, &flags);
	if (err != OK && err != ERR_SYNTAX && err != ERR_LIMIT)
		abort();
	/* Each octet is text at most twice in its line and once more in a row; letters grow to four. */
	if (text.n > 16 * size + 64 || (flags & ~3u) != 0)
		abort();
	buf_fini(&text);
	buf_fini(&titles);
	return 0;
}
