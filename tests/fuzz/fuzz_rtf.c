/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Rich Text Format: bounded output, whatever comes. */
#include <stdint.h>
#include <stdlib.h>

#include "policy/extract/rtf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
look(void *arg, const struct extract_piece *p)
{
	size_t *octets = arg;

	*octets += p->octets.n;
	return OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	struct extract_limits limits;
	struct buf text, titles;
	size_t octets = 0;
	struct hand h;
	int err;

	extract_limits_init(&limits);
	hand_init(&h, &limits, look, &octets);
	buf_init(&text, 1 << 20);
	buf_init(&titles, 1 << 20);
	err = rtf_text(in, &h, &text, &titles);
	if (err != OK && err != ERR_SYNTAX && err != ERR_LIMIT)
		abort();
	/* Each octet is text at most twice in its line and once more in a row; letters grow to four. */
	if (text.n > 16 * size + 64 || octets > 4 * size)
		abort();
	buf_fini(&text);
	buf_fini(&titles);
	return 0;
}
