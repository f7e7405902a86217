/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/place.h"

#include <fcntl.h>
#include <unistd.h>

enum {
	RIGHTS = 07777, OF_OWNER = 0700, BY_OTHERS = 0022, PASS = 0011,
	FIXED = OF_OWNER | S_ISGID | S_ISVTX,
};

struct place {
	const char *path;
	mode_t	    kind, mode;
	uid_t	    uid;
	gid_t	    gid;
};

static int
cannot(const char *path, int err, struct buf *why)
{
	buf_addf(why, "%s: %s", path, err_text(err));
	return ERR_CONF;
}

int
place_shared(const char *path, struct buf *why)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return cannot(path, -errno, why);
	if (!S_ISDIR(st.st_mode)) {
		buf_addf(why, "%s: is not a folder", path);
		return ERR_CONF;
	}
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & BY_OTHERS) != 0) {
		buf_addf(why, "%s: others than root may write in it; run: chown root: %s && "
		    "chmod go-w %s", path, path, path);
		return ERR_CONF;
	}
	if (identity_of(IDENTITY_SMTPD) != NULL && (st.st_mode & PASS) != PASS) {
		buf_addf(why, "%s: the users of section user cannot pass through; run: "
		    "chmod a+x %s", path, path);
		return ERR_CONF;
	}
	return OK;
}

/* The parent folder is the starter's, so nobody can put something else there meanwhile. */
static int
make(const struct place *p)
{
	bool given = p->uid != geteuid() || p->gid != getegid();
	int fd;

	if (S_ISDIR(p->kind)) {
		if (mkdir(p->path, OF_OWNER) != 0)
			return -errno;
	} else {
		fd = open(p->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			return -errno;
		close(fd);
	}
	/* In this order: once it is given away, its mode is no longer ours to change. */
	if (chmod(p->path, p->mode) != 0 || (given && lchown(p->path, p->uid, p->gid) != 0))
		return -errno;
	return OK;
}

static int
check(const struct place *p, const struct stat *st, struct buf *why)
{
	mode_t mode = st->st_mode & RIGHTS;
	bool mode_right = (mode & ~p->mode) == 0 &&
	    (mode & FIXED) == (p->mode & FIXED);

	if ((st->st_mode & S_IFMT) != p->kind) {
		buf_addf(why, "%s: is something else than it should be", p->path);
		return ERR_CONF;
	}
	if (st->st_uid == p->uid && st->st_gid == p->gid && !mode_right && st->st_uid == geteuid())
		mode_right = chmod(p->path, p->mode) == 0;
	if (st->st_uid == p->uid && st->st_gid == p->gid && mode_right)
		return OK;
	buf_addf(why, "%s: is of %u:%u with mode %04o; run: chown -R %u:%u %s && chmod %04o %s",
	    p->path, st->st_uid, st->st_gid, mode, p->uid, p->gid, p->path, p->mode, p->path);
	return ERR_CONF;
}

static int
own(const char *path, mode_t kind, mode_t mode, const struct identity *who, gid_t gid,
    struct buf *why)
{
	struct place p = { path, kind, mode, who != NULL ? who->uid : geteuid(),
		gid != 0 ? gid : who != NULL ? who->gid : getegid() };
	struct stat st;
	int err;

	if (lstat(path, &st) == 0) {
		/* Where everybody is one, the group is whatever the file system gives. */
		if (identity_of(IDENTITY_SMTPD) == NULL)
			p.gid = st.st_gid;
		return check(&p, &st, why);
	}
	err = errno == ENOENT ? make(&p) : -errno;
	return err == OK ? OK : cannot(path, err, why);
}

int
place_own(const char *path, mode_t mode, const struct identity *who, gid_t gid, struct buf *why)
{
	return own(path, S_IFDIR, mode, who, gid, why);
}

int
place_own_file(const char *path, mode_t mode, const struct identity *who, gid_t gid,
    struct buf *why)
{
	return own(path, S_IFREG, mode, who, gid, why);
}
