/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/flowed.h"

/* Take the marks of a quote and the space that stuffs the line; how many marks there were. */
static size_t
unquote(struct slice *line)
{
	size_t depth = 0;

	while (depth < line->n && line->p[depth] == '>')
		depth++;
	*line = slice_from(*line, depth);
	if (line->n > 0 && line->p[0] == ' ')
		*line = slice_from(*line, 1);
	return depth;
}

void
flowed_join(struct slice in, bool delsp, struct buf *out)
{
	bool open = false;	/* the last line goes on */
	size_t depth = 0;

	while (in.n > 0) {
		struct slice line;
		size_t d;

		slice_cut(&in, '\n', &line);
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		d = unquote(&line);
		if (out->n > 0 && (!open || d != depth || slice_is(line, "-- ")))
			buf_addc(out, '\n');
		depth = d;
		open = line.n > 0 && line.p[line.n - 1] == ' ' && !slice_is(line, "-- ");
		if (open && delsp)
			line.n--;
		buf_add(out, line);
	}
}
