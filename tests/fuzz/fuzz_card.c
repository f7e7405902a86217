/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* card_text: stays within its ceiling and says the same twice. */
#include <stdint.h>
#include <stdlib.h>

#include "policy/extract/card.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_card(struct slice in, struct buf *text, struct buf *titles, unsigned *flags_out)
{
	struct buf list;

	buf_init(text, 2 * in.n + 16);
	buf_init(titles, 2 * in.n + 16);
	buf_init(&list, 2 * in.n + 16);
	if (card_text(in, text, titles, &list, flags_out) != OK)
		abort();
	if (titles->n > text->n)
		abort();
	buf_fini(&list);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	struct buf text[2], titles[2];
	unsigned flags[2];

	for (size_t i = 0; i < 2; i++)
		read_card(in, &text[i], &titles[i], &flags[i]);
	if (flags[0] != flags[1] || !slice_eq(buf_slice(&text[0]), buf_slice(&text[1])))
		abort();
	for (size_t i = 0; i < 2; i++) {
		buf_fini(&text[i]);
		buf_fini(&titles[i]);
	}
	return 0;
}
