/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* html_text in each reading: stays within its ceiling and says the same twice. */
#include <stdint.h>
#include <stdlib.h>

#include "policy/extract/html.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_as(struct slice in, enum html_reading reading)
{
	struct buf one, two;
	unsigned a = 0, b = 0;
	int err;

	buf_init(&one, 2 * in.n + 4096);
	buf_init(&two, 2 * in.n + 4096);
	err = html_text(in, reading, &one, &a);
	if (err != html_text(in, reading, &two, &b) || one.err != OK ||
	    (err != OK && err != ERR_LIMIT))	/* given up: tags without end */
		abort();
	if (a != b || !slice_eq(buf_slice(&one), buf_slice(&two)))
		abort();
	buf_fini(&one);
	buf_fini(&two);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };

	read_as(in, HTML_SHOWN);
	read_as(in, HTML_SEEN);
	read_as(in, HTML_ALL);
	read_as(in, HTML_XML);
	return 0;
}
