/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Names in a Maildir: flags that are written are read again; a folder's name that is written has no
 * level too many and is read as it was.
 */
#include <stdlib.h>
#include <string.h>

#include "control/maildir.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
message(struct slice in)
{
	struct maildir_name n, again;
	struct buf b;

	maildir_name_read(in, &n);
	buf_init(&b, 1 << 16);
	buf_add(&b, n.unique);
	maildir_add_letters(n.flags, n.passed, n.keywords, &b);
	maildir_name_read(buf_slice(&b), &again);
	if (!slice_eq(again.unique, n.unique) || again.flags != n.flags ||
	    again.passed != n.passed || again.keywords != n.keywords || again.time_s != n.time_s)
		abort();
	buf_fini(&b);
}

static void
folder(struct slice in)
{
	struct slice rest, level;
	struct buf b, back;
	bool more;

	buf_init(&b, 1 << 16);
	buf_init(&back, 1 << 16);
	if (maildir_add_folder(in, &b) == OK) {
		rest = slice_from(buf_slice(&b), 1);
		do {
			more = slice_cut(&rest, '.', &level);
			if (maildir_read_level(level, &back) != OK)
				abort();
			if (more)
				buf_addc(&back, '/');
		} while (more);
		if (!slice_eq(buf_slice(&back), in))
			abort();
	}
	(void)!maildir_read_level(in, &back);
	buf_fini(&b);
	buf_fini(&back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice in = { (const char *)data, n > 4000 ? 4000 : n }, unique;
	struct slice names[MAILDIR_KEYWORDS];
	uint32_t uid;

	message(in);
	folder(in);
	maildir_read_keywords(in, names);
	if (maildir_read_uid(in, &uid, &unique) == OK && (uid == 0 || unique.n == 0))
		abort();
	return 0;
}
