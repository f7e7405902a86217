/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "control/import.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/mbox.h"

int
import_fail(struct import_source *s, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->why, sizeof s->why, fmt, ap);
	va_end(ap);
	return err;
}

int
import_folders_add(struct import_source *s, struct import_folders *l, struct import_folder **out)
{
	size_t cap = l->cap == 0 ? 32 : 2 * l->cap;
	struct import_folder *v;

	if (l->n >= IMPORT_FOLDERS_MAX)
		return import_fail(s, ERR_LIMIT, "too many folders");
	if (l->n == l->cap) {
		v = arena_array(l->a, cap, sizeof *v);
		if (v == NULL)
			return import_fail(s, l->a->err, "too many folders");
		if (l->n > 0)
			memcpy(v, l->v, l->n * sizeof *v);
		l->v = v;
		l->cap = cap;
	}
	*out = &l->v[l->n++];
	return OK;
}

static int
by_source(const void *a, const void *b)
{
	const struct import_folder *x = a, *y = b;

	return slice_cmp(x->source, y->source);
}

void
import_folders_sort(struct import_folders *l)
{
	if (l->n > 1)
		qsort(l->v, l->n, sizeof *l->v, by_source);
}

/* The folder that the last level of *path is in: at itself, or another that is to be closed. */
static int
open_above(int at, const char **path)
{
	int fd = at;

	for (const char *slash; (slash = strchr(*path, '/')) != NULL; *path = slash + 1) {
		struct slice level = { *path, (size_t)(slash - *path) };
		char name[NAME_MAX + 1];
		int next = -1;

		if (level.n < sizeof name) {
			snprintf(name, sizeof name, "%.*s", (int)level.n, level.p);
			next = openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		}
		if (fd != at)
			close(fd);
		if (next < 0)
			return -1;
		fd = next;
	}
	return fd;
}

int
import_open_file(int at, const char *path)
{
	int dir = at == AT_FDCWD ? at : open_above(at, &path), fd = -1;
	struct stat st;

	if (dir == -1)
		return -1;
	fd = openat(dir, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (dir != at)
		close(dir);
	if (fd < 0 || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)))
		return fd;
	close(fd);
	errno = EINVAL;
	return -1;
}

uint8_t
import_special_use(struct slice attribute)
{
	static const struct { const char *name; uint8_t use; } rows[] = {
		{ "\\Drafts", ST_USE_DRAFTS }, { "\\Sent", ST_USE_SENT },
		{ "\\Trash", ST_USE_TRASH }, { "\\Junk", ST_USE_JUNK },
		{ "\\Archive", ST_USE_ARCHIVE },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (slice_is_nocase(attribute, rows[i].name))
			return rows[i].use;
	return ST_USE_NONE;
}

unsigned
import_flag(struct slice name)
{
	static const struct { const char *name; unsigned flag; } rows[] = {
		{ "\\Seen", ST_SEEN }, { "\\Answered", ST_ANSWERED }, { "\\Flagged", ST_FLAGGED },
		{ "\\Deleted", ST_DELETED }, { "\\Draft", ST_DRAFT },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (slice_is_nocase(name, rows[i].name))
			return rows[i].flag;
	return 0;
}

void
import_add_crlf(struct slice message, struct buf *out)
{
	if (mbox_is_crlf(message)) {
		buf_add(out, message);
		return;
	}
	while (message.n > 0) {
		ptrdiff_t lf = slice_chr(message, '\n');
		size_t n = lf < 0 ? message.n : (size_t)lf;

		buf_add(out, slice_sub(message, 0, n));
		if (lf >= 0)
			buf_adds(out, n > 0 && message.p[n - 1] == '\r' ? "\n" : "\r\n");
		message = slice_from(message, n + (lf >= 0));
	}
}

const char *
import_refuses(struct slice octets)
{
	if (octets.n == 0)
		return "the message is empty";
	if (memchr(octets.p, '\0', octets.n) != NULL)
		return "the message holds NUL octets";
	return NULL;
}

/* RFC 3501 flag-keyword: an atom. */
static bool
is_keyword(struct slice name)
{
	if (name.n == 0 || name.n > ST_KEYWORD_OCTETS)
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] >= 0x7f || strchr("(){%*\"\\]", name.p[i]) != NULL)
			return false;
	return true;
}

void
import_keyword(struct import_keywords *k, struct slice name)
{
	if (!is_keyword(name) || k->n == ST_KEYWORDS_MAX)
		return;
	for (size_t i = 0; i < k->n; i++)
		if (slice_eq_nocase(k->v[i], name))
			return;
	k->v[k->n++] = name;
}
