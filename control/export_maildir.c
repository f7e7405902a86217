/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Maildir++: the folder itself is INBOX, ".A.B" is "A/B". Octets are written as they are stored, with
 * CRLF: nothing of a signed message is touched. All messages are in cur; the time of a file is the
 * internal date.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/export.h"
#include "control/maildir.h"
#include "control/mbox.h"

static int
folder_name(const struct store_mailbox *box, struct buf *out)
{
	uint64_t hash = 14695981039346656037u;
	int r = maildir_add_folder(box->name, out);

	if (r == OK && out->n <= MAILDIR_NAME_MAX)
		return OK;
	for (size_t i = 0; i < box->name.n; i++)
		hash = (hash ^ (unsigned char)box->name.p[i]) * 1099511628211u;
	buf_clear(out);
	buf_addf(out, ".congvu-%u-%016llx", box->id, (unsigned long long)hash);
	return out->err;
}

static int
open_folder(struct export_box *b, int top_fd)
{
	struct buf name;
	FILE *mark;
	int r = OK;

	if (slice_is(b->box->name, "INBOX")) {
		b->dir_fd = dup(top_fd);
		return b->dir_fd < 0 ? -errno : OK;
	}
	buf_init(&name, 8192);
	r = folder_name(b->box, &name);
	if (r == OK)
		r = export_folder(top_fd, buf_cstr(&name), &b->dir_fd);
	if (r == OK)
		r = export_file(b->dir_fd, "maildirfolder", &mark);
	if (r == OK)
		r = export_close_file(&mark);
	buf_fini(&name);
	return r;
}

/* Which letter a keyword has: it is its place in the mailbox's list. */
static int
write_keywords(struct export_box *b)
{
	FILE *f;
	int r;

	if (b->box->keywords_n == 0)
		return OK;
	r = export_file(b->dir_fd, "dovecot-keywords", &f);
	if (r != OK)
		return r;
	for (size_t i = 0; i < b->box->keywords_n && i < MAILDIR_KEYWORDS; i++)
		fprintf(f, "%zu %.*s\n", i, (int)b->box->keywords[i].n, b->box->keywords[i].p);
	return export_close_file(&f);
}

static int
maildir_open(struct export_box *b, int top_fd)
{
	static const char *const parts[] = { "cur", "new", "tmp" };
	int r = open_folder(b, top_fd);

	for (size_t i = 0; r == OK && i < ARRAY_LEN(parts); i++)
		if (mkdirat(b->dir_fd, parts[i], 0700) != 0 && errno != EEXIST)
			r = -errno;
	if (r == OK)
		r = write_keywords(b);
	if (r == OK)
		r = export_file(b->dir_fd, EXPORT_LIST, &b->list);
	return r == OK ? export_list_box(b) : r;
}

/* "cur/TIME.UuidVuidvalidity.HOST,S=octets:2,FLAGS" */
static void
message_name(struct export_box *b, const struct store_record *m, struct slice octets)
{
	uint32_t letters = (uint32_t)(m->keywords & ((1u << MAILDIR_KEYWORDS) - 1));
	bool passed = false;

	for (size_t i = 0; i < b->keywords_n; i++)
		passed = passed || slice_is_nocase(b->keywords[i], "$Forwarded");
	buf_clear(&b->out);
	buf_addf(&b->out, "cur/%lld.U%uV%u.%s,S=%zu", (long long)m->internal_date_s, m->uid,
	    b->box->uidvalidity, b->host, octets.n);
	if (mbox_is_crlf(octets))
		buf_addf(&b->out, ",W=%zu", octets.n);
	maildir_add_letters(m->flags, passed, letters, &b->out);
}

static int
maildir_message(struct export_box *b, const struct store_record *m, struct slice octets)
{
	struct timespec times[2] = { { .tv_sec = m->internal_date_s },
		{ .tv_sec = m->internal_date_s } };
	const char *name;
	FILE *f;
	int r, e;

	message_name(b, m, octets);
	name = buf_cstr(&b->out);
	if (name == NULL)
		return b->out.err;
	r = export_file(b->dir_fd, name, &f);
	if (r != OK)
		return r;
	if (octets.n > 0 && fwrite(octets.p, 1, octets.n, f) != octets.n)
		r = -errno;
	e = export_close_file(&f);
	if (r == OK)
		r = e;
	/* A date that the file system cannot keep is in the list. */
	if (r == OK)
		(void)!utimensat(b->dir_fd, name, times, 0);
	return r == OK ? export_list_message(b, m, json_pack("{s:s}", "file", name)) : r;
}

static int
maildir_close(struct export_box *b)
{
	if (b->dir_fd >= 0)
		close(b->dir_fd);
	b->dir_fd = -1;
	return export_close_file(&b->list);
}

const struct export_form export_maildir = { "maildir", maildir_open, maildir_message,
	maildir_close };
