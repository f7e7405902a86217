/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * The line reader: the first octet is where to split what follows. Two readers, one fed at once and
 * one in two pieces, must give the same lines and the same end.
 */
#include <stdlib.h>
#include <string.h>

#include "common/line.h"

enum { CAP = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
	char	     lines[4096];	/* each line with its length in front */
	size_t	     n;
	int	     end;
};

static void
feed(struct line_reader *lr, struct slice in, struct run *run)
{
	struct slice line;

	do {
		size_t took = line_reader_push(lr, in);

		in = slice_from(in, took);
		while ((run->end = line_reader_next(lr, &line)) == 1) {
			if (line.n + 2 > CAP || memchr(line.p, '\n', line.n) != NULL)
				abort();
			if (run->n + 1 + line.n > sizeof run->lines)
				continue;
			run->lines[run->n++] = (char)line.n;
			memcpy(run->lines + run->n, line.p, line.n);
			run->n += line.n;
		}
	} while (run->end == 0 && in.n > 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data + 1, size == 0 ? 0 : size - 1 };
	struct run whole = { .n = 0 }, pieces = { .n = 0 };
	struct line_reader a, b;
	char mem_a[CAP], mem_b[CAP];
	size_t at;

	if (size == 0)
		return 0;
	at = data[0] < in.n ? data[0] : in.n;
	line_reader_init(&a, mem_a, CAP);
	line_reader_init(&b, mem_b, CAP);
	feed(&a, in, &whole);
	feed(&b, slice_sub(in, 0, at), &pieces);
	if (pieces.end == 0)
		feed(&b, slice_from(in, at), &pieces);
	if (whole.end != pieces.end || whole.n != pieces.n ||
	    memcmp(whole.lines, pieces.lines, whole.n) != 0)
		abort();
	return 0;
}
