/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Decoded words are UTF-8 without controls, not much longer than their source. */
#include <stdlib.h>

#include "common/utf8.h"
#include "mime/word.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size }, s;
	uint32_t cp;
	struct buf b;
	int r;

	buf_init(&b, 4 * size + 64);
	if (word_decode(in, &b, NULL) != OK)
		abort();
	for (s = buf_slice(&b); (r = utf8_next(&s, &cp)) != 0;)
		if (r < 0 || cp < 0x20 || (cp >= 0x7f && cp <= 0x9f))
			abort();
	buf_fini(&b);
	return 0;
}
