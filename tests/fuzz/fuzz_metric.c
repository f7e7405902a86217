/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * A metrics file as a fallen worker may leave it: the input is laid over a sound file, so that it
 * gets past the head. What is shown must be whole lines of clean text, each series there once.
 */
#include <stdlib.h>
#include <string.h>

#include "common/metric_internal.h"
#include "common/metric_read.h"
#include "common/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct metric_file file;

static void
sound_head(void)
{
	memset(&file, 0, sizeof file);
	memcpy(file.magic, METRIC_MAGIC, sizeof METRIC_MAGIC);
	file.version = METRIC_VERSION;
	file.program = METRIC_PROGRAM_POLICYD;
	file.table = metric_table_hash();
}

/* The input again and again over the slots and shares: u16 place, u8 octets, the octets. */
static void
lay_over(const uint8_t *data, size_t size)
{
	size_t from = offsetof(struct metric_file, cells);
	unsigned char *to = (unsigned char *)&file;

	while (size >= 3) {
		size_t at = from + ((size_t)(data[0] << 8 | data[1]) % (sizeof file - from));
		size_t n = data[2] < size - 3 ? data[2] : size - 3;

		if (n > sizeof file - at)
			n = sizeof file - at;
		memcpy(to + at, data + 3, n);
		data += 3 + n;
		size -= 3 + n;
	}
}

static void
check_text(struct slice text)
{
	struct slice line;

	if (!utf8_valid(text) || text.n == 0 || text.p[text.n - 1] != '\n')
		abort();
	while (text.n > 0) {
		slice_cut(&text, '\n', &line);
		if (line.n == 0 || (line.p[0] != '#' && slice_find(line, SLICE("congvu_")) != 0))
			abort();
		for (size_t i = 0; i < line.n; i++)
			if ((unsigned char)line.p[i] < ' ' || line.p[i] == 0x7f)
				abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct metric_state states[METRIC_PROGRAM_COUNT] = { { NULL, false } };
	struct metric_copy *c = NULL;
	struct buf b;

	if (metric_copy_of((struct slice){ (const char *)data, size }, METRIC_PROGRAM_POLICYD,
	    &c) == OK)
		metric_copy_free(&c);
	sound_head();
	lay_over(data, size);
	if (metric_copy_of((struct slice){ (const char *)&file, sizeof file },
	    METRIC_PROGRAM_POLICYD, &c) != OK)
		abort();
	states[METRIC_PROGRAM_POLICYD] = (struct metric_state){ c, true };
	buf_init(&b, 16 << 20);
	metric_text(states, 1000000, size % 2 == 0, &b);
	if (b.err != OK)
		abort();
	check_text(buf_slice(&b));
	buf_fini(&b);
	metric_copy_free(&c);
	return 0;
}
