/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "control/export.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mime/date.h"

int
export_folder(int dir_fd, const char *name, int *fd_out)
{
	if (mkdirat(dir_fd, name, 0700) != 0 && errno != EEXIST)
		return -errno;
	*fd_out = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *fd_out < 0 ? -errno : OK;
}

int
export_file(int dir_fd, const char *name, FILE **out)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	*out = fdopen(fd, "w");
	if (*out == NULL)
		close(fd);
	return *out == NULL ? ERR_NOMEM : OK;
}

int
export_close_file(FILE **f)
{
	bool bad;
	int r;

	if (*f == NULL)
		return OK;
	errno = EIO;
	bad = ferror(*f) != 0;
	r = fclose(*f) != 0 || bad ? -errno : OK;
	*f = NULL;
	return r;
}

static int
add_line(struct export_box *b, json_t *o)
{
	bool ok = o != NULL && json_dumpf(o, b->list, JSON_COMPACT | JSON_PRESERVE_ORDER) == 0 &&
	    putc('\n', b->list) != EOF;

	json_decref(o);
	return ok ? OK : o == NULL ? ERR_NOMEM : ERR_IO;
}

int
export_list_box(struct export_box *b)
{
	static const char *const uses[] = { "", "\\Drafts", "\\Sent", "\\Trash", "\\Junk",
		"\\Archive" };
	const struct store_mailbox *m = b->box;

	return add_line(b, json_pack("{s:i,s:o,s:s,s:s,s:b,s:I,s:I,s:I}", "congvu-export", 1,
	    "mailbox", ctl_json(m->name), "special-use",
	    m->special_use < ARRAY_LEN(uses) ? uses[m->special_use] : "", "keyset",
	    keyset_name(m->keyset_class), "subscribed", m->subscribed, "uidvalidity",
	    (json_int_t)m->uidvalidity, "uidnext", (json_int_t)m->uidnext, "messages",
	    (json_int_t)m->exists));
}

static json_t *
flags_json(unsigned flags)
{
	static const struct { unsigned flag; const char *name; } names[] = {
		{ ST_SEEN, "\\Seen" }, { ST_ANSWERED, "\\Answered" }, { ST_FLAGGED, "\\Flagged" },
		{ ST_DELETED, "\\Deleted" }, { ST_DRAFT, "\\Draft" },
	};
	json_t *a = json_array();

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if ((flags & names[i].flag) != 0)
			json_array_append_new(a, json_string(names[i].name));
	return a;
}

static void
hex(const uint8_t *in, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", in[i]);
}

int
export_list_message(struct export_box *b, const struct store_record *m, json_t *more)
{
	char date[DATE_INTERNAL_OCTETS + 1], email_id[2 * sizeof m->email_id + 1];
	json_t *keywords = json_array(), *o;

	for (size_t i = 0; i < b->keywords_n; i++)
		json_array_append_new(keywords, ctl_json(b->keywords[i]));
	date_format_internal(m->internal_date_s, 0, date);
	hex(m->email_id, sizeof m->email_id, email_id);
	o = json_pack("{s:I,s:o,s:o,s:s,s:I,s:I,s:s,s:I,s:s}", "uid", (json_int_t)m->uid, "flags",
	    flags_json(m->flags), "keywords", keywords, "internal-date", date, "internal-date-s",
	    (json_int_t)m->internal_date_s, "save-date-s", (json_int_t)m->save_date_s,
	    "email-id", email_id, "octets", (json_int_t)m->size_octets, "level",
	    level_name(m->level));
	if (o != NULL && more != NULL)
		json_object_update(o, more);
	json_decref(more);
	return add_line(b, o);
}
