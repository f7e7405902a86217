/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/restore.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "mailstore/engine.h"
#include "mailstore/path.h"
#include "mailstore/restore_internal.h"

#define BUILDING	"store.restoring"

static int
say(struct restoring *s, const char *what, int err)
{
	buf_addf(s->b->why, "%s/%s: %s\n", s->job->state_dir, what, err_text(err));
	return err;
}

/* ---- place ---- */

/* A folder that is empty, or none: nothing of anybody's is in the way. */
static int
check_free(struct restoring *s)
{
	if (unlinkat(s->state, "store", AT_REMOVEDIR) == 0 || errno == ENOENT)
		return OK;
	buf_addf(s->b->why, "%s/store: is there already, and not empty\n", s->job->state_dir);
	return errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR ? ERR_EXIST : -errno;
}

static int
open_place(struct restoring *s)
{
	struct stat st;
	int r = OK;

	s->state = open(s->job->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->state < 0 || fstat(s->state, &st) != 0)
		return say(s, ".", -errno);
	/* Who may write there could put another store or other keys in the place of these. */
	if ((st.st_mode & 022) != 0 || (st.st_uid != 0 && st.st_uid != geteuid())) {
		buf_addf(s->b->why, "%s: others may write there; run: chown 0 %s && chmod 711 %s\n",
		    s->job->state_dir, s->job->state_dir, s->job->state_dir);
		return ERR_ACCESS;
	}
	r = engine_lock(s->job->state_dir, &s->lock);
	if (r == ERR_EXIST)
		buf_addf(s->b->why, "%s: mailstored is running there\n", s->job->state_dir);
	if (r == OK)
		r = check_free(s);
	if (r == OK)
		r = backup_remove(s->state, BUILDING);
	if (r == OK)
		r = backup_folder(s->state, BUILDING, &s->dir);
	return r == OK || r == ERR_EXIST ? r : say(s, BUILDING, r);
}

/* ---- segments ---- */

struct segment_out {
	int	 fd;
	uint64_t at;
};

static int
on_octets(void *arg, struct slice octets)
{
	struct segment_out *o = arg;
	int r = file_write_at(o->fd, octets, o->at);

	if (r == OK)
		o->at += octets.n;
	return r;
}

/* The parts were proven before; they are compared again while they are read. */
static int
copy_part(struct restoring *s, const struct backup_part *p, struct segment_out *o)
{
	char name[BACKUP_NAME_OCTETS];
	uint8_t sum[BACKUP_SUM_OCTETS];
	uint64_t octets;
	int r;

	backup_part_name(p, name);
	r = backup_read(s->b->seg, name, BACKUP_PART_HEAD, on_octets, o, &octets, sum);
	if (r == OK && (octets != p->octets || memcmp(sum, p->sum, sizeof sum) != 0))
		r = ERR_CORRUPT;
	s->job->octets += octets;
	return r == OK ? OK : backup_say(s->b, name, r);
}

static int
copy_segment(struct restoring *s, int dir, const struct backup_part *p, size_t parts)
{
	struct segment_out o = { .at = 0 };
	char name[32];
	int r = OK;

	snprintf(name, sizeof name, "%08x.seg", p->segment);
	o.fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (o.fd < 0)
		return say(s, name, -errno);
	for (size_t i = 0; i < parts && r == OK; i++)
		r = copy_part(s, &p[i], &o);
	if (r == OK && fsync(o.fd) != 0)
		r = say(s, name, -errno);
	close(o.fd);
	s->job->segments++;
	return r;
}

static int
copy_segments(struct restoring *s)
{
	int dir, r = backup_folder(s->dir, "seg", &dir);

	if (r != OK)
		return say(s, BUILDING "/seg", r);
	for (size_t i = 0, n; i < s->m->parts_n && r == OK; i += n) {
		const struct backup_part *p;

		n = backup_manifest_segment(s->m, s->m->parts[i].segment, &p);
		r = copy_segment(s, dir, p, n);
	}
	if (r == OK && fsync(dir) != 0)
		r = say(s, BUILDING "/seg", -errno);
	close(dir);
	return r;
}

/* ---- owners ---- */

static int
give(int dir, const char *name, mode_t mode, const struct identity *who, gid_t group)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), r = OK;

	if (fd < 0)
		return -errno;
	/* In this order: giving away takes the set-group bit with it. */
	if ((who != NULL && fchown(fd, who->uid, group != 0 ? group : who->gid) != 0) ||
	    fchmod(fd, mode) != 0)
		r = -errno;
	close(fd);
	return r;
}

static int
give_files(int at, const char *name, mode_t mode, const struct identity *who, gid_t group)
{
	struct backup_names names = { NULL };
	const char *file;
	int dir = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = dir < 0 ? -errno : backup_names_open(dir, &names);

	while (r == OK && (r = backup_names_next(&names, &file)) == 1)
		r = give(dir, file, mode, who, group);
	backup_names_close(&names);
	if (dir >= 0)
		close(dir);
	return r;
}

/* As mailstored makes them (serve.c, engine.c): readers are of the group, control is its own. */
static int
give_away(struct restoring *s)
{
	static const struct {
		const char *name;
		mode_t	    dir, file;
		bool	    read;
	} places[] = { { "index", 02750, 0640, true }, { "seg", 02750, 0640, true },
		{ "control", 02700, 0640, true } };
	const struct identity *who = s->job->owner;
	int r = OK;

	for (size_t i = 0; i < ARRAY_LEN(places) && r == OK; i++) {
		gid_t group = places[i].read ? s->job->readers : 0;

		r = give_files(s->dir, places[i].name, places[i].file, who, group);
		if (r == OK)
			r = give(s->dir, places[i].name, places[i].dir, who, group);
	}
	if (r == OK)
		r = give(s->state, BUILDING, 02750, who, s->job->readers);
	return r == OK ? OK : say(s, BUILDING, r);
}

/* ---- keys ---- */

static int
copy_keys(struct restoring *s)
{
	struct backup_names names = { NULL };
	uint8_t sum[BACKUP_SUM_OCTETS];
	const char *name;
	uint64_t octets;
	int from = open(s->job->keys_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), to = -1;
	int r = from < 0 ? -errno : backup_folder(s->state, "keys", &to);

	if (r == OK)
		r = backup_names_open(from, &names);
	while (r == OK && (r = backup_names_next(&names, &name)) == 1) {
		struct backup_out o;

		r = backup_out_open(to, name, 0, &o);
		if (r == OK)
			r = backup_read(from, name, 0, backup_out_write, &o, &octets, sum);
		if (r == OK)
			r = backup_out_done(&o);
		backup_out_drop(&o);
		if (r != OK)
			buf_addf(s->b->why, "%s/%s: %s\n", s->job->keys_dir, name, err_text(r));
	}
	backup_names_close(&names);
	if (r == OK)
		r = give_files(s->state, "keys", 0600, s->job->keyd, 0);
	if (r == OK)
		r = give(s->state, "keys", 0700, s->job->keyd, 0);
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	return r == OK ? OK : say(s, "keys", r);
}

/* ---- all of it ---- */

static int
appear(struct restoring *s)
{
	if (fsync(s->dir) != 0 || renameat(s->state, BUILDING, s->state, "store") != 0 ||
	    fsync(s->state) != 0)
		return say(s, "store", -errno);
	return OK;
}

int
restore_store(struct backup *b, const struct backup_manifest *m, struct restore_job *job)
{
	struct restoring s = { .b = b, .m = m, .job = job, .state = -1, .dir = -1, .lock = -1 };
	struct backup_proof proof;
	int r = backup_prove(b, m, NULL, &proof);

	if (r == OK)
		r = open_place(&s);
	if (r == OK)
		r = restore_rows(&s);
	if (r == OK)
		r = copy_segments(&s);
	if (r == OK)
		r = give_away(&s);
	if (r == OK && job->keys_dir != NULL)
		r = copy_keys(&s);
	if (r == OK)
		r = appear(&s);
	if (s.dir >= 0)
		close(s.dir);
	if (r != OK && s.dir >= 0)
		(void)!backup_remove(s.state, BUILDING);	/* or the next one does */
	if (s.state >= 0)
		close(s.state);
	if (s.lock >= 0)
		close(s.lock);
	return r;
}
