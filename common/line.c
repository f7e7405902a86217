/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/line.h"

#include <assert.h>
#include <string.h>

static int
fail(struct line_reader *lr, enum err e)
{
	lr->failed = e;
	return e;
}

void
line_reader_init(struct line_reader *lr, char *mem, size_t cap)
{
	assert(mem != NULL && cap >= 2);
	*lr = (struct line_reader){ .mem = mem, .cap = cap };
}

size_t
line_reader_push(struct line_reader *lr, struct slice in)
{
	size_t room, take;

	if (lr->start > 0) {	/* slide the unfinished line to the front */
		memmove(lr->mem, lr->mem + lr->start, lr->end - lr->start);
		lr->scan -= lr->start;
		lr->end -= lr->start;
		lr->start = 0;
	}
	room = lr->cap - lr->end;
	take = in.n < room ? in.n : room;
	if (take > 0)
		memcpy(lr->mem + lr->end, in.p, take);
	lr->end += take;
	return take;
}

int
line_reader_next(struct line_reader *lr, struct slice *out)
{
	if (lr->failed != OK)
		return lr->failed;

	while (lr->scan < lr->end) {
		char c = lr->mem[lr->scan];
		int after_cr = lr->scan > lr->start && lr->mem[lr->scan - 1] == '\r';

		lr->scan++;
		if (after_cr && c == '\n') {
			*out = (struct slice){ lr->mem + lr->start,
			    lr->scan - lr->start - 2 };
			lr->start = lr->scan;
			return 1;
		}
		if (after_cr)
			return fail(lr, ERR_PROTO_BARE_CR);
		if (c == '\n')
			return fail(lr, ERR_PROTO_BARE_LF);
		if (c == '\0')
			return fail(lr, ERR_PROTO_NUL);
	}
	if (lr->end - lr->start == lr->cap)
		return fail(lr, ERR_PROTO_LINE_TOO_LONG);
	return 0;
}
