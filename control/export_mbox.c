/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * One mbox file a mailbox, "A/B.mbox" for "A/B", in the form mboxrd with LF, as other programs expect
 * it. A message whose line ends are not all CRLF is written as it is ("verbatim" in the list), so
 * that import can give back the same octets.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "control/export.h"
#include "control/mbox.h"

/* A level as a file name: "%", what a shell or "ls" would not show, and what would be taken for the
 * file of another mailbox are escaped. */
static void
add_level(struct slice level, struct buf *out)
{
	for (size_t i = 0; i < level.n; i++) {
		unsigned char c = (unsigned char)level.p[i];

		if (c == '%' || c < 0x20 || c == 0x7f || (c == '.' && (i == 0 ||
		    slice_eq_nocase(slice_from(level, i), SLICE(".mbox")))))
			buf_addf(out, "%%%02X", c);
		else
			buf_addc(out, (char)c);
	}
}

/* Folders for all levels but the last; the file's name is left in b->out. */
static int
open_levels(struct export_box *b, int top_fd)
{
	struct slice name = b->box->name, level;
	int r = OK, fd;

	b->dir_fd = dup(top_fd);
	if (b->dir_fd < 0)
		return -errno;
	for (;;) {
		bool more = slice_cut(&name, '/', &level);

		buf_clear(&b->out);
		add_level(level, &b->out);
		if (b->out.n > 200) {	/* with its endings it must fit */
			buf_clear(&b->out);
			buf_addf(&b->out, "congvu-%u", b->box->id);
			more = false;
		}
		if (!more)
			return b->out.err;
		r = export_folder(b->dir_fd, buf_cstr(&b->out), &fd);
		if (r != OK)
			return r;
		close(b->dir_fd);
		b->dir_fd = fd;
	}
}

static int
mbox_open(struct export_box *b, int top_fd)
{
	int r = open_levels(b, top_fd);

	if (r != OK)
		return r;
	buf_adds(&b->out, ".mbox");
	r = export_file(b->dir_fd, buf_cstr(&b->out), &b->file);
	buf_adds(&b->out, ".jsonl");
	if (r == OK)
		r = export_file(b->dir_fd, buf_cstr(&b->out), &b->list);
	return r == OK ? export_list_box(b) : r;
}

static int
mbox_message(struct export_box *b, const struct store_record *m, struct slice octets)
{
	bool lf = mbox_is_crlf(octets);
	uint64_t at = b->at;
	unsigned lines;

	buf_clear(&b->out);
	mbox_add_from(SLICE("MAILER-DAEMON"), m->internal_date_s, &b->out);
	lines = mbox_add_status(m->flags, m->uid, b->keywords, b->keywords_n, "\n", &b->out);
	mbox_add(octets, lf, &b->out);
	if (b->out.err != OK)
		return b->out.err;
	if (fwrite(b->out.p, 1, b->out.n, b->file) != b->out.n)
		return -errno;
	b->at += b->out.n;
	return export_list_message(b, m, json_pack("{s:I,s:i,s:b}", "offset", (json_int_t)at,
	    "added-lines", (int)lines, "verbatim", !lf));
}

static int
mbox_close(struct export_box *b)
{
	int r = export_close_file(&b->file), e = export_close_file(&b->list);

	if (b->dir_fd >= 0)
		close(b->dir_fd);
	b->dir_fd = -1;
	return r == OK ? e : r;
}

const struct export_form export_mbox = { "mbox", mbox_open, mbox_message, mbox_close };
