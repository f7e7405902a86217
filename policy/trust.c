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

enum { SLOTS = 2 * TRUST_FILES_MAX };	/* a power of two */

struct trust {
	char		  *roots, *intermediates, *crls;	/* paths; NULL: none */
	struct file	   files[TRUST_FILES_MAX];
	unsigned	   files_n;
	unsigned short	   slots[SLOTS];	/* by hash of path and kind: index in files + 1 */
	bool		   left_out, told_many;	/* there is no room for some file */
	bool		   changed;	/* since the blob was made */
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

/* The slot of that file, or the free one where it belongs. FNV-1a. */
static unsigned short *
slot_of(struct trust *t, const char *path, enum smime_object kind)
{
	uint32_t h = 2166136261U ^ (unsigned)kind;
	unsigned at;

	for (const char *p = path; *p != '\0'; p++)
		h = (h ^ (unsigned char)*p) * 16777619U;
	for (at = h % SLOTS; t->slots[at] != 0; at = (at + 1) % SLOTS) {
		const struct file *f = &t->files[t->slots[at] - 1];

		if (f->kind == kind && strcmp(f->path, path) == 0)
			break;
	}
	return &t->slots[at];
}

static struct file *
file_for(struct trust *t, const char *path, enum smime_object kind)
{
	unsigned short *slot = slot_of(t, path, kind);
	struct file *f;

	if (*slot != 0)
		return &t->files[*slot - 1];
	if (t->files_n == TRUST_FILES_MAX)
		return NULL;
	f = &t->files[t->files_n];
	*f = (struct file){ .kind = kind, .path = strdup(path) };
	if (f->path == NULL)
		return NULL;
	buf_init(&f->blob, 2 * TRUST_FILE_MAX);
	*slot = (unsigned short)++t->files_n;
	return f;
}

/* Look at one file. OK, also if there is no room for it: then left_out says so. */
static int
look_at(struct trust *t, const char *path, enum smime_object kind, const struct stat *st)
{
	struct stamp now = stamp_of(st);
	struct file *f = file_for(t, path, kind);

	if (f == NULL && t->files_n < TRUST_FILES_MAX)
		return ERR_NOMEM;
	if (f == NULL) {
		t->left_out = true;
		return OK;
	}
	f->seen = true;
	if (same_stamp(&f->stamp, &now))
		return OK;
	/* The stamp from before reading: a change while reading is seen at the next look. */
	f->stamp = now;
	t->changed |= read_again(f) == 1;
	return OK;
}

static int
look_into(struct trust *t, const char *dir, enum smime_object kind)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	struct stat st;
	int r = OK;

	if (d == NULL)
		return OK;	/* its files are not seen, and so they are gone */
	while (r == OK && (e = readdir(d)) != NULL) {
		char path[1024];
		int n = snprintf(path, sizeof path, "%s/%s", dir, e->d_name);

		if (e->d_name[0] == '.' || n < 0 || (size_t)n >= sizeof path ||
		    fstatat(dirfd(d), e->d_name, &st, 0) != 0 || !S_ISREG(st.st_mode))
			continue;
		r = look_at(t, path, kind, &st);
	}
	closedir(d);
	return r;
}

static int
look(struct trust *t, const char *path, enum smime_object kind)
{
	struct stat st;

	if (path == NULL || *path == '\0' || stat(path, &st) != 0)
		return OK;
	return S_ISDIR(st.st_mode) ? look_into(t, path, kind) : look_at(t, path, kind, &st);
}

static int
look_everywhere(struct trust *t)
{
	int r;

	for (unsigned i = 0; i < t->files_n; i++)
		t->files[i].seen = false;
	t->left_out = false;
	r = look(t, t->roots, SMIME_ROOT);
	if (r == OK)
		r = look(t, t->intermediates, SMIME_INTERMEDIATE);
	return r == OK ? look(t, t->crls, SMIME_CRL) : r;
}

/* Drop what is no longer there. Roots stay: without them nothing would be judged at all. */
static void
drop_unseen(struct trust *t)
{
	unsigned kept = 0, before = t->files_n;

	for (unsigned i = 0; i < t->files_n; i++) {
		struct file *f = &t->files[i];

		if (f->seen || f->kind == SMIME_ROOT) {
			t->files[kept++] = *f;
			continue;
		}
		tell_broken(f, ERR_NOENT);
		t->changed |= f->blob.n > 0;
		buf_fini(&f->blob);
		free(f->path);
	}
	t->files_n = kept;
	if (kept == before)
		return;
	memset(t->slots, 0, sizeof t->slots);
	for (unsigned i = 0; i < kept; i++)
		*slot_of(t, t->files[i].path, t->files[i].kind) = (unsigned short)(i + 1);
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

static void
tell_many(struct trust *t)
{
	if (t->left_out && !t->told_many)
		log_event(EV_CRL_FAILED, F_CSTR("what", "too many files: nothing new counts until there "
		    "are fewer"), F_CSTR("file", t->crls != NULL ? t->crls : t->roots),
		    F_U64("most", TRUST_FILES_MAX), F_ERR(ERR_LIMIT), F_END);
	t->told_many = t->left_out;
}

int
trust_refresh(struct trust *t)
{
	int r = look_everywhere(t);

	if (r == OK) {
		drop_unseen(t);
		if (t->left_out)	/* what went may have made room */
			r = look_everywhere(t);
	}
	if (r != OK)
		return r;
	tell_many(t);
	if (t->left_out)
		return ERR_LIMIT;
	if (!t->changed)
		return 0;
	r = build_blob(t);
	t->changed = r == ERR_NOMEM;	/* another error lasts until the files are others */
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
