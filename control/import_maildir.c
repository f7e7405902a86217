/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * A Maildir: by itself, with folders ".A.B" (Maildir++) or folders in folders (fs, mbsync). What an
 * export of ours lists comes first and in its order; all else after it, by the uids of
 * dovecot-uidlist or by time.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "common/utf8.h"
#include "control/export.h"
#include "control/idset.h"
#include "control/import_list.h"
#include "control/maildir.h"

enum { TEXT_MAX = 1 << 20, NAMES_MAX = 1 << 30 };

static const char *const parts[] = { "cur", "new" };

/* A message found by looking into the folder. */
struct found {
	const char *name;	/* in names */
	uint32_t    uid;	/* 0: not in dovecot-uidlist */
	int64_t	    time_s;
	uint8_t	    part;
};

struct uid_row {
	uint8_t	 id[ID_OCTETS];
	uint32_t uid;
};

struct maildir {
	struct import_source s;		/* first */
	int	       top_fd, dir_fd, part_fd[2];
	struct import_list list;
	bool	       in_list;
	struct arena   names, texts;
	struct found  *found;
	size_t	       found_n, found_cap, at;
	struct uid_row *uids;
	size_t	       uids_n, uids_cap;
	struct idset  *taken;		/* by the list: the rest is found */
	struct slice   keywords[MAILDIR_KEYWORDS];
	struct import_keywords kw;
	struct buf     raw, out, id;
};

static struct maildir *
of(struct import_source *s)
{
	return (struct maildir *)(void *)s;
}

static void
hash(struct slice name, uint8_t out[ID_OCTETS])
{
	crypto_generichash(out, ID_OCTETS, (const uint8_t *)name.p, name.n, NULL, 0);
}

static int
open_dir(int at, const char *name)
{
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* ---- folders ---- */

struct walk {
	struct maildir *m;
	struct import_folders l;
};

static bool
is_part(const char *name)
{
	return strcmp(name, "cur") == 0 || strcmp(name, "new") == 0 || strcmp(name, "tmp") == 0;
}

static uint64_t
count(int dir, const char *part)
{
	int fd = open_dir(dir, part);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	uint64_t n = 0;

	if (d == NULL) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while ((e = readdir(d)) != NULL)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

/* The name of a folder from that of its directory, below `above`. False: no name can be made of it. */
static bool
folder_name(struct slice above, const char *dir, struct buf *out)
{
	struct slice rest = slice_of(dir), level;
	bool more = false, dots = rest.n > 1 && rest.p[0] == '.';

	buf_clear(out);
	buf_add(out, above);
	if (dots)
		rest = slice_from(rest, 1);
	do {
		if (dots)
			more = slice_cut(&rest, '.', &level);
		else
			level = rest;
		if (out->n > 0)
			buf_addc(out, '/');
		if (level.n == 0 || maildir_read_level(level, out) != OK)
			return false;
	} while (more);
	return out->err == OK;
}

static int
add_folder(struct walk *w, int fd, struct slice path, struct slice name)
{
	struct import_list list;
	struct import_folder *f;
	int r = import_folders_add(&w->m->s, &w->l, &f);

	if (r != OK)
		return r;
	r = import_list_open(&list, import_open_file(fd, EXPORT_LIST), w->l.a);
	import_list_close(&list);
	*f = (struct import_folder){ .source = arena_copy(w->l.a, path),
		.name = list.mailbox.n > 0 ? list.mailbox : arena_copy(w->l.a, name),
		.special_use = list.special_use,
		.messages = count(fd, "cur") + count(fd, "new") };
	return r == OK ? w->l.a->err : r;
}

static bool
has_cur(int fd)
{
	struct stat st;

	return fstatat(fd, "cur", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static int walk_dir(struct walk *w, int fd, struct slice path, struct slice name, unsigned depth);

static int
walk_entry(struct walk *w, int dir, struct slice path, struct slice name, const char *entry,
    unsigned depth)
{
	struct buf below, full;
	int fd = open_dir(dir, entry), r = OK;

	if (fd < 0)
		return OK;	/* no directory, or a link */
	buf_init(&below, 4 * ST_NAME_MAX);
	buf_init(&full, 8192);
	buf_addf(&full, "%.*s%s%s", (int)path.n, path.p == NULL ? "" : path.p,
	    path.n > 0 ? "/" : "", entry);
	if (!folder_name(name, entry, &below))
		r = has_cur(fd) ? add_folder(w, fd, buf_slice(&full), (struct slice){ NULL, 0 }) :
		    OK;
	else
		r = walk_dir(w, fd, buf_slice(&full), buf_slice(&below), depth);
	buf_fini(&below);
	buf_fini(&full);
	close(fd);
	return r;
}

static int
walk_dir(struct walk *w, int fd, struct slice path, struct slice name, unsigned depth)
{
	int copy = depth < IMPORT_DEPTH_MAX ? dup(fd) : -1, r = OK;
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *e;

	if (depth == IMPORT_DEPTH_MAX)
		r = import_fail(&w->m->s, ERR_LIMIT, IMPORT_TOO_DEEP, (int)path.n, path.p);
	else if (has_cur(fd))
		r = add_folder(w, fd, path, name.n == 0 ? SLICE("INBOX") : name);
	while (r == OK && d != NULL && (e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		    !is_part(e->d_name))
			r = walk_entry(w, fd, path, name, e->d_name, depth + 1);
	if (d != NULL)
		closedir(d);
	else if (copy >= 0)
		close(copy);
	return r;
}

static int
maildir_folders(struct import_source *s, struct arena *a, struct import_folder **list_out,
    size_t *n_out)
{
	struct walk w = { .m = of(s), .l = { .a = a } };
	int r = walk_dir(&w, of(s)->top_fd, (struct slice){ NULL, 0 }, (struct slice){ NULL, 0 }, 0);

	import_folders_sort(&w.l);
	*list_out = w.l.v;
	*n_out = w.l.n;
	if (r == OK && w.l.n == 0)
		r = import_fail(s, ERR_NOENT, "there is no Maildir (a folder with cur and new)");
	return r;
}

/* ---- what is beside the messages ---- */

static int
by_id(const void *a, const void *b)
{
	return memcmp(((const struct uid_row *)a)->id, ((const struct uid_row *)b)->id, ID_OCTETS);
}

static void
read_uids(struct maildir *m)
{
	int fd = import_open_file(m->dir_fd, "dovecot-uidlist");
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	struct slice unique;
	char line[2048];
	uint32_t uid;

	if (f == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while (fgets(line, sizeof line, f) != NULL) {
		if (maildir_read_uid(slice_trim(slice_of(line)), &uid, &unique) != OK)
			continue;
		if (m->uids_n == m->uids_cap) {
			size_t cap = m->uids_cap == 0 ? 1024 : 2 * m->uids_cap;
			struct uid_row *v = cap > IDSET_MAX ? NULL :
			    realloc(m->uids, cap * sizeof *v);

			if (v == NULL)
				break;
			m->uids = v;
			m->uids_cap = cap;
		}
		hash(unique, m->uids[m->uids_n].id);
		m->uids[m->uids_n++].uid = uid;
	}
	fclose(f);
	if (m->uids_n > 1)
		qsort(m->uids, m->uids_n, sizeof *m->uids, by_id);
}

static void
read_keywords(struct maildir *m)
{
	int fd = import_open_file(m->dir_fd, "dovecot-keywords");
	char text[8192];
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text);

	if (fd >= 0)
		close(fd);
	maildir_read_keywords(n <= 0 ? (struct slice){ NULL, 0 } :
	    arena_copy(&m->texts, (struct slice){ text, (size_t)n }), m->keywords);
}

/* ---- opening ---- */

static int
open_path(struct maildir *m, struct slice path)
{
	struct slice level;
	char name[NAME_MAX + 1];
	bool more = path.n > 0;
	int fd = dup(m->top_fd), next;

	while (more && fd >= 0) {
		more = slice_cut(&path, '/', &level);
		if (level.n > NAME_MAX) {
			close(fd);
			return -1;
		}
		memcpy(name, level.p, level.n);
		name[level.n] = '\0';
		next = open_dir(fd, name);
		close(fd);
		fd = next;
	}
	return fd;
}

static void
maildir_close(struct import_source *s)
{
	struct maildir *m = of(s);

	import_list_close(&m->list);
	idset_free(&m->taken);
	free(m->found);
	free(m->uids);
	m->found = NULL;
	m->uids = NULL;
	m->found_n = m->found_cap = m->uids_n = m->uids_cap = m->at = 0;
	arena_clear(&m->names);
	arena_clear(&m->texts);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (m->part_fd[i] >= 0)
			close(m->part_fd[i]);
	if (m->dir_fd >= 0)
		close(m->dir_fd);
	m->dir_fd = m->part_fd[0] = m->part_fd[1] = -1;
}

static int
maildir_open(struct import_source *s, const struct import_folder *f, uint64_t *messages_out)
{
	struct maildir *m = of(s);
	int r;

	m->dir_fd = open_path(m, f->source);
	if (m->dir_fd < 0)
		return import_fail(s, -errno, "%.*s: %s", (int)f->source.n, f->source.p,
		    err_text(-errno));
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		m->part_fd[i] = open_dir(m->dir_fd, parts[i]);
	r = idset_new(&m->taken);
	if (r == OK)
		r = import_list_open(&m->list, import_open_file(m->dir_fd, EXPORT_LIST),
		    &m->texts);
	m->in_list = true;
	read_keywords(m);
	*messages_out = f->messages;
	return r;
}

/* ---- looking around ---- */

static uint32_t
uid_of(const struct maildir *m, struct slice unique)
{
	struct uid_row key, *row;

	if (m->uids_n == 0)
		return 0;
	hash(unique, key.id);
	row = bsearch(&key, m->uids, m->uids_n, sizeof key, by_id);
	return row == NULL ? 0 : row->uid;
}

static int
add_found(struct maildir *m, const char *name, uint8_t part)
{
	struct maildir_name n;
	uint8_t id[ID_OCTETS];

	maildir_name_read(slice_of(name), &n);
	hash(n.unique, id);
	if (idset_count(m->taken, id) > 0)
		return OK;
	if (m->found_n == m->found_cap) {
		size_t cap = m->found_cap == 0 ? 1024 : 2 * m->found_cap;
		struct found *v = realloc(m->found, cap * sizeof *v);

		if (v == NULL)
			return ERR_NOMEM;
		m->found = v;
		m->found_cap = cap;
	}
	m->found[m->found_n] = (struct found){ .uid = uid_of(m, n.unique), .time_s = n.time_s,
		.part = part, .name = arena_cstr(&m->names, slice_of(name)) };
	return m->found[m->found_n++].name == NULL ? m->names.err : OK;
}

static int
by_age(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if ((x->uid == 0) != (y->uid == 0))
		return x->uid == 0 ? 1 : -1;
	if (x->uid != y->uid)
		return x->uid < y->uid ? -1 : 1;
	if (x->time_s != y->time_s)
		return x->time_s < y->time_s ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int
look(struct maildir *m)
{
	int r = OK;

	read_uids(m);
	for (uint8_t i = 0; r == OK && i < ARRAY_LEN(parts); i++) {
		int fd = m->part_fd[i] < 0 ? -1 : dup(m->part_fd[i]);
		DIR *d = fd < 0 ? NULL : fdopendir(fd);
		const struct dirent *e;

		if (d == NULL && fd >= 0)
			close(fd);
		if (d == NULL)
			continue;
		while (r == OK && (e = readdir(d)) != NULL)
			if (e->d_name[0] != '.')
				r = add_found(m, e->d_name, i);
		closedir(d);
	}
	if (m->found_n > 1)
		qsort(m->found, m->found_n, sizeof *m->found, by_age);
	return r;
}

/* ---- messages ---- */

/* 1: read into m->raw. 0: it is not there. What cannot be read has a reason. */
static int
read_file(struct maildir *m, int dir, const char *name, int64_t *mtime_out, const char **refused)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	ssize_t n = 0;
	char *dst;

	buf_clear(&m->raw);
	*refused = NULL;
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) != 0)
		*refused = err_text(-errno);
	else if (!S_ISREG(st.st_mode))
		*refused = "it is not a file";
	else if ((uint64_t)st.st_size > m->s.message_octets)
		*refused = "the message is too large";
	*mtime_out = *refused == NULL ? (int64_t)st.st_mtim.tv_sec : 0;
	while (*refused == NULL) {
		dst = buf_reserve(&m->raw, 65536);
		n = dst == NULL ? -1 : read(fd, dst, 65536);
		if (n < 0)
			*refused = dst == NULL ? "the message is too large" : err_text(-errno);
		if (n <= 0)
			break;
		buf_added(&m->raw, (size_t)n);
		if (m->raw.n > m->s.message_octets)	/* it grows while it is read */
			*refused = "the message is too large";
	}
	if (fd >= 0)
		close(fd);
	return 1;
}

static void
flags_of_name(struct maildir *m, const struct maildir_name *n, struct import_message *out)
{
	out->flags = n->flags;
	if (n->passed)
		import_keyword(&m->kw, SLICE("$Forwarded"));
	for (int i = 0; i < MAILDIR_KEYWORDS; i++)
		if ((n->keywords & (uint32_t)1 << i) != 0)
			import_keyword(&m->kw, m->keywords[i]);
}

static void
finish(struct maildir *m, struct import_message *out)
{
	out->octets = buf_slice(&m->out);
	out->keywords = m->kw.v;
	out->keywords_n = m->kw.n;
	if (out->refused == NULL && m->out.err != OK)
		out->refused = "the message is too large";
	if (out->refused == NULL)
		out->refused = import_refuses(out->octets);
	if (out->refused != NULL)
		out->octets = (struct slice){ NULL, 0 };
}

/* 1: a message, 0: pass over it. */
static int
from_list(struct maildir *m, const struct import_entry *e, struct import_message *out)
{
	struct slice name = slice_from(e->file, 4);
	struct maildir_name n;
	uint8_t id[ID_OCTETS];
	int64_t mtime_s;
	int r;

	if (slice_find(e->file, SLICE("cur/")) != 0 || slice_chr(name, '/') >= 0 ||
	    name.n == 0 || name.p[0] == '.' || m->part_fd[0] < 0)
		return 0;
	maildir_name_read(name, &n);
	hash(n.unique, id);
	*out = (struct import_message){ .id = n.unique, .date_s = e->date_s, .flags = e->flags,
		.level = e->level };
	buf_clear(&m->id);
	buf_add(&m->id, name);
	if (faccessat(m->part_fd[0], buf_cstr(&m->id), F_OK, AT_SYMLINK_NOFOLLOW) != 0)
		return 0;	/* another program has renamed it: it will be found */
	r = idset_add(m->taken, id);
	if (r != OK)
		return r;
	if (m->s.known(m->s.arg, out->id)) {
		m->s.known_n++;
		return 0;
	}
	r = read_file(m, m->part_fd[0], buf_cstr(&m->id), &mtime_s, &out->refused);
	if (r != 1)
		return r;
	m->kw = e->keywords;
	buf_clear(&m->out);
	if (m->raw.n == e->octets)
		buf_add(&m->out, buf_slice(&m->raw));
	else	/* it is not what was written there */
		import_add_crlf(buf_slice(&m->raw), &m->out);
	finish(m, out);
	return 1;
}

static int
from_found(struct maildir *m, const struct found *f, struct import_message *out)
{
	struct maildir_name n;
	int r;

	maildir_name_read(slice_of(f->name), &n);
	*out = (struct import_message){ .id = n.unique };
	if (m->s.known(m->s.arg, out->id)) {
		m->s.known_n++;
		return 0;
	}
	r = read_file(m, m->part_fd[f->part], f->name, &out->date_s, &out->refused);
	if (r != 1)
		return r;
	m->kw.n = 0;
	flags_of_name(m, &n, out);
	buf_clear(&m->out);
	import_add_crlf(buf_slice(&m->raw), &m->out);
	finish(m, out);
	return 1;
}

static int
maildir_next(struct import_source *s, struct import_message *out)
{
	struct maildir *m = of(s);
	struct import_entry e;
	int r = 0;

	while (m->in_list && r == 0) {
		m->in_list = import_list_next(&m->list, &e) == 1;
		if (m->in_list)
			r = from_list(m, &e, out);
		else
			r = look(m);	/* OK is 0: go on below */
	}
	while (r == 0 && !m->in_list && m->at < m->found_n)
		r = from_found(m, &m->found[m->at++], out);
	return r;
}

static void
maildir_free(struct import_source *s)
{
	struct maildir *m = of(s);

	maildir_close(s);
	if (m->top_fd >= 0)
		close(m->top_fd);
	buf_fini(&m->raw);
	buf_fini(&m->out);
	buf_fini(&m->id);
	free(m);
}

static const struct import_ops ops = { "maildir", maildir_folders, maildir_open, maildir_next,
	maildir_close, maildir_free };

int
import_maildir_new(const char *path, struct import_source **out)
{
	struct maildir *m = calloc(1, sizeof *m);

	if (m == NULL)
		return ERR_NOMEM;
	*out = &m->s;
	m->s.ops = &ops;
	m->s.place = slice_of(path);
	m->s.zone = ZONE_INTERNAL;
	m->dir_fd = m->part_fd[0] = m->part_fd[1] = -1;
	arena_init(&m->names, NAMES_MAX);
	arena_init(&m->texts, TEXT_MAX);
	buf_init(&m->raw, (size_t)1 << 31);
	buf_init(&m->out, (size_t)1 << 32);
	buf_init(&m->id, 4096);
	m->top_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return m->top_fd < 0 ? import_fail(&m->s, -errno, "%s: %s", path, err_text(-errno)) : OK;
}
