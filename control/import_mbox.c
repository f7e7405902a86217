/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mbox: one file, or a folder with "A/B.mbox" for "A/B". A message is known by the hash of its octets,
 * and by how many of the same came before it, so that a file that has grown can be taken again.
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
#include "control/idset.h"
#include "control/import_list.h"
#include "control/mbox.h"
#include "mime/date.h"
#include "mime/header.h"

enum { FIELDS_MAX = 16384 };	/* of ours before a message */

/* One message on its way out of the file. */
struct piece {
	struct buf octets;
	bool	   too_large, listed;
	uint64_t   at;		/* in the file */
	int64_t	   date_s;	/* of the separator; has_date */
	bool	   has_date;
	struct import_entry entry;
	struct arena a;		/* what entry points to */
};

struct mbox {
	struct import_source s;	/* first */
	int	    top_fd;	/* of a folder; -1: one file */
	char	   *path;
	FILE	   *file;
	struct import_list list;
	struct import_entry next_entry;
	bool	    has_next;
	struct arena texts;
	struct mbox_reader reader;
	struct piece pieces[2];
	unsigned    current;	/* which of them is being read */
	bool	    ready, over;
	int64_t	    mtime_s;
	struct idset *seen;
	struct buf  out;
	struct import_keywords kw;
	char	    id[2 * ID_OCTETS + 16];
	size_t	    in_at, in_n;
	char	    in[65536];
};

static struct mbox *
of(struct import_source *s)
{
	return (struct mbox *)(void *)s;
}

/* ---- folders ---- */

struct walk {
	struct mbox  *m;
	struct import_folders l;
};

/* "A%2Eb" as "A.b". */
static void
unescape(struct slice in, struct buf *out)
{
	for (size_t i = 0; i < in.n; i++) {
		int hi = in.n - i > 2 ? ascii_hex(in.p[i + 1]) : -1;
		int lo = in.n - i > 2 ? ascii_hex(in.p[i + 2]) : -1;

		if (in.p[i] == '%' && hi >= 0 && lo >= 0 && (hi | lo) != 0) {
			buf_addc(out, (char)(hi << 4 | lo));
			i += 2;
		} else
			buf_addc(out, in.p[i]);
	}
}

static int
open_beside(const struct mbox *m, struct slice path)
{
	char name[8192];

	if (snprintf(name, sizeof name, "%.*s.jsonl", (int)path.n, path.p) >= (int)sizeof name)
		return -1;
	return import_open_file(m->top_fd >= 0 ? m->top_fd : AT_FDCWD, name);
}

static int
add_folder(struct walk *w, struct slice path, struct slice name)
{
	struct import_list list;
	struct import_folder *f;
	int r = import_folders_add(&w->m->s, &w->l, &f);

	if (r != OK)
		return r;
	r = import_list_open(&list, open_beside(w->m, path), w->l.a);
	import_list_close(&list);
	if (slice_is_nocase(name, "INBOX"))
		name = SLICE("INBOX");
	*f = (struct import_folder){ .source = arena_copy(w->l.a, path),
		.name = list.mailbox.n > 0 ? list.mailbox : arena_copy(w->l.a, name),
		.special_use = list.special_use };
	return r == OK ? w->l.a->err : r;
}

static int walk_dir(struct walk *w, int fd, struct slice path, struct slice name, unsigned depth);

static int
walk_entry(struct walk *w, int dir, struct slice path, struct slice name, const char *entry,
    unsigned depth)
{
	struct slice e = slice_of(entry);
	bool is_mbox = e.n > 5 && slice_ends_nocase(e, SLICE(".mbox"));
	struct buf full, below;
	struct stat st;
	int r = OK, fd;

	if (fstatat(dir, entry, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    (!S_ISDIR(st.st_mode) && !(S_ISREG(st.st_mode) && is_mbox)))
		return OK;
	buf_init(&full, 8000);
	buf_init(&below, 8000);
	buf_addf(&full, "%.*s%s%s", (int)path.n, path.p == NULL ? "" : path.p,
	    path.n > 0 ? "/" : "", entry);
	buf_addf(&below, "%.*s%s", (int)name.n, name.p == NULL ? "" : name.p,
	    name.n > 0 ? "/" : "");
	unescape(S_ISDIR(st.st_mode) ? e : slice_sub(e, 0, e.n - 5), &below);
	if (depth > IMPORT_DEPTH_MAX)
		r = import_fail(&w->m->s, ERR_LIMIT, IMPORT_TOO_DEEP, (int)path.n, path.p);
	else if (S_ISREG(st.st_mode)) {
		r = add_folder(w, buf_slice(&full), utf8_valid(buf_slice(&below)) ?
		    buf_slice(&below) : (struct slice){ NULL, 0 });
	} else {
		fd = openat(dir, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0) {
			r = walk_dir(w, fd, buf_slice(&full), buf_slice(&below), depth);
			close(fd);
		}
	}
	buf_fini(&full);
	buf_fini(&below);
	return r;
}

static int
walk_dir(struct walk *w, int fd, struct slice path, struct slice name, unsigned depth)
{
	int copy = dup(fd), r = OK;
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *e;

	while (r == OK && d != NULL && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			r = walk_entry(w, fd, path, name, e->d_name, depth + 1);
	if (d != NULL)
		closedir(d);
	else if (copy >= 0)
		close(copy);
	return r;
}

/* "dir/Sent.mbox" is "Sent". */
static struct slice
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct slice s = slice_of(slash == NULL ? path : slash + 1);

	return s.n > 5 && slice_ends_nocase(s, SLICE(".mbox")) ? slice_sub(s, 0, s.n - 5) : s;
}

static int
mbox_folders(struct import_source *s, struct arena *a, struct import_folder **list_out,
    size_t *n_out)
{
	struct mbox *m = of(s);
	struct walk w = { .m = m, .l = { .a = a } };
	struct slice none = { NULL, 0 };
	int r = m->top_fd >= 0 ? walk_dir(&w, m->top_fd, none, none, 0) :
	    add_folder(&w, slice_of(m->path), base_name(m->path));

	import_folders_sort(&w.l);
	*list_out = w.l.v;
	*n_out = w.l.n;
	if (r == OK && w.l.n == 0)
		r = import_fail(s, ERR_NOENT, "there is no file that ends in .mbox");
	return r;
}

/* ---- the reader's events ---- */

/* What the list says of the message that begins at that place. Entries before it are of messages that
 * are no longer there. */
static void
take_entry(struct mbox *m, struct piece *p, uint64_t at)
{
	while (m->has_next && m->next_entry.offset < at)
		m->has_next = import_list_next(&m->list, &m->next_entry) == 1;
	p->listed = m->has_next && m->next_entry.offset == at;
	if (!p->listed)
		return;
	arena_clear(&p->a);
	p->entry = m->next_entry;
	for (size_t i = 0; i < p->entry.keywords.n; i++)
		p->entry.keywords.v[i] = arena_copy(&p->a, p->entry.keywords.v[i]);
	m->reader.crlf = !p->entry.verbatim;
	m->has_next = import_list_next(&m->list, &m->next_entry) == 1;
}

static void
on_begin(void *arg, struct slice from, uint64_t at)
{
	struct mbox *m = arg;
	struct piece *p = &m->pieces[m->current];

	buf_clear(&p->octets);
	p->too_large = false;
	p->at = at;
	p->has_date = mbox_date(from, &p->date_s) == OK;
	take_entry(m, p, at);
}

static void
on_octets(void *arg, struct slice s)
{
	struct mbox *m = arg;
	struct piece *p = &m->pieces[m->current];

	if (!p->too_large)
		buf_add(&p->octets, s);
	if (p->octets.err != OK) {	/* its memory is of no more use */
		p->too_large = true;
		buf_clear(&p->octets);
	}
}

static void
on_end(void *arg)
{
	struct mbox *m = arg;

	m->ready = true;
	m->current ^= 1;
}

static const struct mbox_events events = { on_begin, on_octets, on_end };

/* ---- opening ---- */

static void
mbox_close(struct import_source *s)
{
	struct mbox *m = of(s);

	import_list_close(&m->list);
	idset_free(&m->seen);
	if (m->file != NULL)
		fclose(m->file);
	m->file = NULL;
	arena_clear(&m->texts);
}

static int
mbox_open(struct import_source *s, const struct import_folder *f, uint64_t *messages_out)
{
	struct mbox *m = of(s);
	struct stat st;
	char path[8192];
	int fd, r;

	*messages_out = 0;
	snprintf(path, sizeof path, "%.*s", (int)f->source.n, f->source.p);
	fd = import_open_file(m->top_fd >= 0 ? m->top_fd : AT_FDCWD, path);
	if (fd < 0 || fstat(fd, &st) != 0 || (m->file = fdopen(fd, "r")) == NULL) {
		r = import_fail(s, -errno, "%s: %s", path, err_text(-errno));
		if (fd >= 0)
			close(fd);
		return r;
	}
	m->mtime_s = (int64_t)st.st_mtim.tv_sec;
	r = idset_new(&m->seen);
	if (r == OK)
		r = import_list_open(&m->list, open_beside(m, f->source), &m->texts);
	m->has_next = r == OK && import_list_next(&m->list, &m->next_entry) == 1;
	mbox_reader_init(&m->reader, &events, m);
	m->ready = m->over = false;
	m->current = 0;
	m->in_at = m->in_n = 0;
	for (size_t i = 0; i < ARRAY_LEN(m->pieces); i++) {
		buf_fini(&m->pieces[i].octets);
		buf_init(&m->pieces[i].octets, (size_t)s->message_octets + FIELDS_MAX);
	}
	return r;
}

/* ---- messages ---- */

/* Go on until a message is whole, which is m->pieces[m->current ^ 1] then. 1, 0 at the end. */
static int
read_one(struct mbox *m)
{
	m->ready = false;
	while (!m->ready && !m->over) {
		/* Lines, since of one line at most one message ends. */
		struct slice piece = { m->in + m->in_at, m->in_n - m->in_at };
		ptrdiff_t lf = slice_chr(piece, '\n');

		if (piece.n == 0) {
			m->in_n = fread(m->in, 1, sizeof m->in, m->file);
			m->in_at = 0;
			if (m->in_n > 0)
				continue;
			if (ferror(m->file) != 0)
				return import_fail(&m->s, ERR_IO, "the file cannot be read");
			m->over = true;
			mbox_read_end(&m->reader);
			break;
		}
		if (lf >= 0)
			piece.n = (size_t)lf + 1;
		m->in_at += piece.n;
		if (mbox_read(&m->reader, piece) != OK)
			return import_fail(&m->s, ERR_SYNTAX, "the file is no mbox: it does not "
			    "begin with \"From \"");
	}
	return m->ready ? 1 : 0;
}

static void
drop_lines(struct slice *s, unsigned n)
{
	struct slice line;

	while (n-- > 0 && s->n > 0)
		(void)slice_cut(s, '\n', &line);
}

/* Of the separator, of the message's own Date, of the file. */
static int64_t
date_of(const struct mbox *m, const struct piece *p, struct slice message)
{
	struct header_field f;
	struct date d;

	if (p->has_date)
		return p->date_s;
	if (header_find(message, SLICE("Date"), &f) == 1 && date_parse(f.value, &d) == OK &&
	    d.seconds >= 0)
		return d.seconds;
	return m->mtime_s;
}

static void
from_list(struct mbox *m, const struct piece *p, struct slice octets, struct import_message *out)
{
	buf_add(&m->out, slice_sub(octets, 0, (size_t)p->entry.octets));
	m->kw = p->entry.keywords;
	out->flags = p->entry.flags;
	out->level = p->entry.level;
	out->date_s = p->entry.date_s;
}

static void
from_fields(struct mbox *m, const struct piece *p, struct import_message *out)
{
	struct slice words[ST_KEYWORDS_MAX];
	size_t n;
	bool found;

	mbox_take_status(buf_slice(&p->octets), &m->out, &out->flags, &found, words,
	    ARRAY_LEN(words), &n);
	m->kw.n = 0;
	for (size_t i = 0; i < n; i++)
		import_keyword(&m->kw, words[i]);
	out->date_s = date_of(m, p, buf_slice(&m->out));
}

static int
identify(struct mbox *m, struct import_message *out)
{
	uint8_t id[ID_OCTETS];
	int r;

	crypto_generichash(id, sizeof id, (const uint8_t *)m->out.p, m->out.n, NULL, 0);
	r = idset_add(m->seen, id);
	sodium_bin2hex(m->id, sizeof m->id, id, sizeof id);
	snprintf(m->id + 2 * ID_OCTETS, 16, ".%u", idset_count(m->seen, id));
	out->id = slice_of(m->id);
	return r;
}

static int
mbox_next(struct import_source *s, struct import_message *out)
{
	struct mbox *m = of(s);
	int r;

	while ((r = read_one(m)) == 1) {
		struct piece *p = &m->pieces[m->current ^ 1];
		struct slice octets = buf_slice(&p->octets);

		*out = (struct import_message){ .refused = p->too_large ?
			"the message is too large" : NULL };
		buf_clear(&m->out);
		drop_lines(&octets, p->listed ? p->entry.added_lines : 0);
		if (p->listed && !p->too_large && octets.n >= p->entry.octets)
			from_list(m, p, octets, out);
		else
			from_fields(m, p, out);
		r = identify(m, out);
		if (r != OK)
			return r;
		if (out->refused == NULL && m->out.n > s->message_octets)
			out->refused = "the message is too large";
		if (out->refused == NULL)
			out->refused = import_refuses(buf_slice(&m->out));
		if (out->refused != NULL) {
			snprintf(m->id, sizeof m->id, "at %llu", (unsigned long long)p->at);
			out->id = slice_of(m->id);
		}
		if (out->refused == NULL && s->known(s->arg, out->id)) {
			s->known_n++;
			continue;
		}
		out->octets = out->refused == NULL ? buf_slice(&m->out) :
		    (struct slice){ NULL, 0 };
		out->keywords = m->kw.v;
		out->keywords_n = m->kw.n;
		return 1;
	}
	return r;
}

static void
mbox_free(struct import_source *s)
{
	struct mbox *m = of(s);

	mbox_close(s);
	if (m->top_fd >= 0)
		close(m->top_fd);
	for (size_t i = 0; i < ARRAY_LEN(m->pieces); i++) {
		buf_fini(&m->pieces[i].octets);
		arena_clear(&m->pieces[i].a);
	}
	buf_fini(&m->out);
	free(m->path);
	free(m);
}

static const struct import_ops ops = { "mbox", mbox_folders, mbox_open, mbox_next, mbox_close,
	mbox_free };

int
import_mbox_new(const char *path, struct import_source **out)
{
	struct mbox *m = calloc(1, sizeof *m);
	struct stat st;

	if (m == NULL)
		return ERR_NOMEM;
	*out = &m->s;
	m->s.ops = &ops;
	m->s.place = slice_of(path);
	m->s.zone = ZONE_INTERNAL;
	m->top_fd = -1;
	m->path = strdup(path);
	for (size_t i = 0; i < ARRAY_LEN(m->pieces); i++) {
		buf_init(&m->pieces[i].octets, (size_t)1 << 30);
		arena_init(&m->pieces[i].a, 65536);
	}
	buf_init(&m->out, (size_t)1 << 31);
	arena_init(&m->texts, 65536);
	if (m->path == NULL)
		return ERR_NOMEM;
	if (stat(path, &st) != 0)
		return import_fail(&m->s, -errno, "%s: %s", path, err_text(-errno));
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return import_fail(&m->s, ERR_INVAL, "%s: is neither a file nor a folder", path);
	if (S_ISDIR(st.st_mode))
		m->top_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return S_ISDIR(st.st_mode) && m->top_fd < 0 ?
	    import_fail(&m->s, -errno, "%s: %s", path, err_text(-errno)) : OK;
}
