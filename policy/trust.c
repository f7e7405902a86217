/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/trust.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/control.h"
#include "common/file.h"
#include "common/log.h"
#include "policy/smime/revoked.h"

/* What tells one content of a file from another without reading it. */
struct stamp {
	dev_t	device;
	ino_t	inode;
	off_t	octets;
	int64_t changed_ns, modified_ns;
};

struct file {
	char		 *path;
	enum smime_object kind;
	struct stamp	  stamp;
	struct buf	  blob;		/* its last good objects */
	bool		  seen;		/* in the round that is running */
	bool		  broken;
};

struct trust {
	char		  *roots, *intermediates, *crls;	/* paths; NULL: none */
	struct file	   files[TRUST_FILES_MAX];
	unsigned	   files_n;
	struct revoked_list memory;	/* what was proven revoked since this lives */
	struct buf	   blob;
	uint64_t	   generation;
};

static struct stamp
stamp_of(const struct stat *st)
{
	return (struct stamp){ st->st_dev, st->st_ino, st->st_size,
		st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec,
		st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec };
}

static bool
same_stamp(const struct stamp *a, const struct stamp *b)
{
	return a->device == b->device && a->inode == b->inode && a->octets == b->octets &&
	    a->changed_ns == b->changed_ns && a->modified_ns == b->modified_ns;
}

static void
tell_broken(const struct file *f, int err)
{
	log_event(EV_CRL_FAILED, F_CSTR("file", f->path), F_ERR(err), F_END);
}

/* Read f again: 1 its objects changed, 0 they did not, or it is broken and the old ones stay. */
static int
read_again(struct file *f)
{
	struct buf octets, blob;
	int changed = 0;
	int r;

	buf_init(&octets, TRUST_FILE_MAX);
	buf_init(&blob, 2 * TRUST_FILE_MAX);
	r = file_read(f->path, &octets);
	if (r == OK)
		r = trust_parse_file(buf_slice(&octets), f->kind, &blob);
	f->broken = r != OK;
	if (r != OK) {
		tell_broken(f, r);
	} else if (!slice_eq(buf_slice(&blob), buf_slice(&f->blob))) {
		buf_fini(&f->blob);
		f->blob = blob;
		buf_init(&blob, 0);
		changed = 1;
	}
	buf_fini(&octets);
	buf_fini(&blob);
	return changed;
}

static struct file *
file_for(struct trust *t, const char *path, enum smime_object kind)
{
	struct file *f;

	for (unsigned i = 0; i < t->files_n; i++)
		if (t->files[i].kind == kind && strcmp(t->files[i].path, path) == 0)
			return &t->files[i];
	if (t->files_n == TRUST_FILES_MAX)
		return NULL;
	f = &t->files[t->files_n];
	*f = (struct file){ .kind = kind, .path = strdup(path) };
	if (f->path == NULL)
		return NULL;
	buf_init(&f->blob, 2 * TRUST_FILE_MAX);
	t->files_n++;
	return f;
}

/* Look at one file: 1 changed, 0 not, negative when there is no room for it. */
static int
look_at(struct trust *t, const char *path, enum smime_object kind, const struct stat *st)
{
	struct stamp now = stamp_of(st);
	struct file *f = file_for(t, path, kind);

	if (f == NULL)
		return t->files_n == TRUST_FILES_MAX ? ERR_LIMIT : ERR_NOMEM;
	f->seen = true;
	if (same_stamp(&f->stamp, &now))
		return 0;
	/* The stamp from before reading: a change while reading is seen at the next look. */
	f->stamp = now;
	return read_again(f);
}

static int
look_into(struct trust *t, const char *dir, enum smime_object kind)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	struct stat st;
	int changed = 0;

	if (d == NULL)
		return 0;	/* its files are not seen, and so they are gone */
	while (changed >= 0 && (e = readdir(d)) != NULL) {
		char path[1024];
		int n = snprintf(path, sizeof path, "%s/%s", dir, e->d_name);

		if (e->d_name[0] == '.' || n < 0 || (size_t)n >= sizeof path ||
		    stat(path, &st) != 0 || !S_ISREG(st.st_mode))
			continue;
		int r = look_at(t, path, kind, &st);
		changed = r < 0 ? r : changed | r;
	}
	closedir(d);
	return changed;
}

static int
look(struct trust *t, const char *path, enum smime_object kind)
{
	struct stat st;

	if (path == NULL || *path == '\0' || stat(path, &st) != 0)
		return 0;
	return S_ISDIR(st.st_mode) ? look_into(t, path, kind) : look_at(t, path, kind, &st);
}

/* Drop what is no longer there. Roots stay: without them nothing would be judged at all. */
static int
drop_unseen(struct trust *t)
{
	int changed = 0;
	unsigned kept = 0;

	for (unsigned i = 0; i < t->files_n; i++) {
		struct file *f = &t->files[i];

		if (f->seen || f->kind == SMIME_ROOT) {
			t->files[kept++] = *f;
			continue;
		}
		tell_broken(f, ERR_NOENT);
		changed |= f->blob.n > 0;
		buf_fini(&f->blob);
		free(f->path);
	}
	t->files_n = kept;
	return changed;
}

/* Add what the present files prove to what is known. Nothing is forgotten, so what a new list
 * leaves out was put in here when the old one came. */
static int
remember(struct trust *t, struct slice blob)
{
	struct smime_options now = { .now_s = clock_real_s() };
	struct revoked_list proven;
	struct smime_trust *set;
	int r;

	if (control_off("smime-memory"))
		return OK;
	r = smime_trust_new(blob, &set);
	if (r != OK)
		return r;
	revoked_init(&proven);
	r = smime_trust_revoked(set, &now, &proven);
	(void)revoked_settle(&proven);
	if (r == OK)
		r = revoked_merge(&t->memory, &proven);
	revoked_fini(&proven);
	smime_trust_free(&set);
	if (r == ERR_LIMIT) {	/* the lists themselves still count */
		log_event(EV_CRL_FAILED, F_CSTR("what", "too many revoked"), F_ERR(r), F_END);
		r = OK;
	}
	return r;
}

static int
add_memory(const struct trust *t, struct buf *blob)
{
	struct buf text;
	int r;

	if (t->memory.count == 0)
		return OK;
	buf_init(&text, TRUST_BLOB_MAX);
	r = revoked_write(&t->memory, &text);
	if (r == OK)
		r = smime_trust_add(blob, SMIME_REVOKED, buf_slice(&text));
	buf_fini(&text);
	return r;
}

static int
build_blob(struct trust *t)
{
	struct buf blob;
	int r;

	buf_init(&blob, TRUST_BLOB_MAX);
	for (unsigned i = 0; i < t->files_n; i++)
		buf_add(&blob, buf_slice(&t->files[i].blob));
	r = blob.err;
	if (r == OK)
		r = remember(t, buf_slice(&blob));
	if (r == OK)
		r = add_memory(t, &blob);
	if (r != OK) {
		buf_fini(&blob);
		return r;
	}
	buf_fini(&t->blob);
	t->blob = blob;
	t->generation++;
	return OK;
}

int
trust_refresh(struct trust *t)
{
	const struct { const char *path; enum smime_object kind; } where[] = {
		{ t->roots, SMIME_ROOT }, { t->intermediates, SMIME_INTERMEDIATE },
		{ t->crls, SMIME_CRL },
	};
	int changed = 0;
	int r;

	for (unsigned i = 0; i < t->files_n; i++)
		t->files[i].seen = false;
	for (size_t i = 0; i < ARRAY_LEN(where); i++) {
		r = look(t, where[i].path, where[i].kind);
		if (r < 0)
			return r;
		changed |= r;
	}
	changed |= drop_unseen(t);
	if (changed == 0)
		return 0;
	r = build_blob(t);
	return r != OK ? r : 1;
}

/* After the first reading: is there a root, and is no file broken? */
static int
check_first(const struct trust *t)
{
	bool has_root = false;

	for (unsigned i = 0; i < t->files_n; i++) {
		if (t->files[i].broken)
			return ERR_CONF;
		has_root |= t->files[i].kind == SMIME_ROOT && t->files[i].blob.n > 0;
	}
	if (!has_root)
		log_event(EV_CONFIG_ERROR, F_CSTR("file", t->roots), F_CSTR("what", "no root"),
		    F_ERR(ERR_NOENT), F_END);
	return has_root ? OK : ERR_CONF;
}

static int
copy_path(const char *path, char **out)
{
	if (path == NULL || *path == '\0')
		return OK;
	*out = strdup(path);
	return *out != NULL ? OK : ERR_NOMEM;
}

int
trust_load(const struct trust_paths *paths, struct trust **out)
{
	struct trust *t = calloc(1, sizeof *t);
	int r;

	*out = NULL;
	if (t == NULL)
		return ERR_NOMEM;
	buf_init(&t->blob, TRUST_BLOB_MAX);
	revoked_init(&t->memory);
	r = copy_path(paths->roots, &t->roots);
	if (r == OK)
		r = copy_path(paths->intermediates, &t->intermediates);
	if (r == OK)
		r = copy_path(paths->crls, &t->crls);
	if (r == OK)
		r = trust_refresh(t);
	if (r >= 0)
		r = check_first(t);
	if (r != OK)
		trust_free(&t);
	*out = t;
	return r;
}

void
trust_free(struct trust **trust)
{
	struct trust *t = *trust;

	if (t == NULL)
		return;
	for (unsigned i = 0; i < t->files_n; i++) {
		buf_fini(&t->files[i].blob);
		free(t->files[i].path);
	}
	buf_fini(&t->blob);
	revoked_fini(&t->memory);
	free(t->roots);
	free(t->intermediates);
	free(t->crls);
	free(t);
	*trust = NULL;
}

struct slice
trust_blob(const struct trust *trust)
{
	return buf_slice(&trust->blob);
}

uint64_t
trust_generation(const struct trust *trust)
{
	return trust->generation;
}
