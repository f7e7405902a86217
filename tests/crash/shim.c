/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#undef _FORTIFY_SOURCE	/* its inline functions bear the names that are defined here */
#include "shim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define HOOK	__attribute__((visibility("default")))

enum { FDS = 1024, INODES = DISK_FILES };

struct watched {
	bool	 used, dir, durable;	/* durable: O_DSYNC */
	uint32_t file;
	char	 path[DISK_PATH];
};

static struct {
	pthread_mutex_t lock;
	char		root[200];
	size_t		root_n;		/* 0: nothing is watched */
	struct tape    *tape;
	struct watched	fds[FDS];
	ino_t		inodes[INODES];
	uint32_t	inodes_n;
	struct shim_fault *fault;
	bool		paused;
	uint64_t	free_octets;
	uint32_t	fs_type;
	int64_t		clock_s;
} sh = { .lock = PTHREAD_MUTEX_INITIALIZER, .free_octets = UINT64_MAX };

static _Noreturn void
give_up(const char *what)
{
	fprintf(stderr, "shim: %s\n", what);
	_exit(4);
}

/* ---- faults ---- */

/* 0: go on; an errno; SHIM_SHORT. */
static int
fails(unsigned call)
{
	struct shim_fault *f = sh.fault;

	if (f == NULL || sh.paused || (f->calls & call) == 0)
		return 0;
	f->seen++;
	if (f->seen < f->n || f->n == 0 || (f->times > 0 && f->seen >= f->n + f->times))
		return 0;
	if (f->err == SHIM_SHORT && call != SHIM_WRITE)
		return 0;
	f->hits++;
	return f->err;
}

static bool
fails_errno(unsigned call)
{
	int e = fails(call);

	if (e <= 0)
		return false;
	errno = e;
	return true;
}

void
shim_fault(struct shim_fault *f)
{
	pthread_mutex_lock(&sh.lock);
	sh.fault = f;
	if (f != NULL)
		f->seen = f->hits = 0;
	pthread_mutex_unlock(&sh.lock);
}

void
shim_pause(bool on)
{
	sh.paused = on;
}

/* ---- memory ---- */

#if defined __has_feature
#if __has_feature(address_sanitizer)
#define NO_MEMORY_FAULTS
#endif
#endif
#ifndef NO_MEMORY_FAULTS
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t each);
void *__libc_realloc(void *p, size_t n);

HOOK void *
malloc(size_t n)
{
	return sh.fault != NULL && fails_errno(SHIM_MEMORY) ? NULL : __libc_malloc(n);
}

HOOK void *
calloc(size_t n, size_t each)
{
	return sh.fault != NULL && fails_errno(SHIM_MEMORY) ? NULL : __libc_calloc(n, each);
}

HOOK void *
realloc(void *p, size_t n)
{
	return sh.fault != NULL && fails_errno(SHIM_MEMORY) ? NULL : __libc_realloc(p, n);
}
#endif

/* ---- what is watched ---- */

static bool
is_beside(const char *path)
{
	size_t n = strlen(path);

	return n >= 4 && (strcmp(path + n - 4, "lock") == 0 ||
	    (n >= 8 && strcmp(path + n - 8, "lock.mdb") == 0));
}

/* The path below the root, or NULL. */
static const char *
below(const char *path)
{
	if (sh.root_n == 0 || strncmp(path, sh.root, sh.root_n) != 0)
		return NULL;
	path += sh.root_n;
	if (*path == '\0')
		return path;
	if (*path != '/' || is_beside(path))
		return NULL;
	while (*path == '/')
		path++;
	return strlen(path) < DISK_PATH ? path : NULL;
}

static const char *
below_at(int dir, const char *path, char room[DISK_PATH + 300])
{
	if (path[0] == '/' || dir == AT_FDCWD)
		return below(path);
	if (dir < 0 || dir >= FDS || !sh.fds[dir].used || !sh.fds[dir].dir || is_beside(path))
		return NULL;
	snprintf(room, DISK_PATH + 300, "%s%s%s", sh.fds[dir].path,
	    sh.fds[dir].path[0] == '\0' ? "" : "/", path);
	return room;
}

static struct watched *
watched(int fd)
{
	return fd >= 0 && fd < FDS && sh.fds[fd].used ? &sh.fds[fd] : NULL;
}

static void
add(uint32_t kind, uint32_t file, uint64_t at, uint64_t n, const void *data, size_t octets)
{
	struct tape_record r = { .kind = kind, .file = file, .at = at, .n = n,
		.octets = octets };

	if (sh.tape == NULL)
		return;
	tape_add(sh.tape, &r, data);
	if (sh.tape->full)
		give_up("the tape is full");
}

/* made: a new file, though it may have got the inode number of one that was removed. */
static uint32_t
inode_number(int fd, bool made, bool *is_new)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		give_up("fstat");
	*is_new = false;
	for (uint32_t i = made ? 0 : sh.inodes_n; i > 0; i--)
		if (sh.inodes[i - 1] == st.st_ino)
			return i - 1;
	if (sh.inodes_n == INODES)
		give_up("too many files");
	*is_new = true;
	sh.inodes[sh.inodes_n] = st.st_ino;
	return sh.inodes_n++;
}

static void
watch(int fd, const char *path, int flags, bool made)
{
	struct watched *w;
	struct stat st;
	bool is_new;

	if (fd >= FDS || fstat(fd, &st) != 0)
		give_up("too many descriptors");
	w = &sh.fds[fd];
	*w = (struct watched){ .used = true, .dir = S_ISDIR(st.st_mode),
		.durable = (flags & O_DSYNC) != 0 };
	snprintf(w->path, sizeof w->path, "%s", path);
	if (w->dir)
		return;
	w->file = inode_number(fd, made, &is_new);
	if (is_new)
		add(TAPE_CREATE, w->file, 0, 0, path, strlen(path) + 1);
}

/* ---- the start ---- */

static void
add_base_file(const char *path, const char *rel)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	struct stat st;
	uint32_t file;
	bool is_new;
	void *p;

	if (fd < 0 || fstat(fd, &st) != 0)
		give_up(path);
	file = inode_number(fd, false, &is_new);
	add(TAPE_CREATE, file, 0, 0, rel, strlen(rel) + 1);
	if (st.st_size > 0) {
		p = (void *)syscall(SYS_mmap, NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd,
		    0);
		add(TAPE_WRITE, file, 0, (uint64_t)st.st_size, p, (size_t)st.st_size);
		munmap(p, (size_t)st.st_size);
	}
	add(TAPE_SYNC, file, 0, 0, NULL, 0);
	syscall(SYS_close, fd);
}

static void
add_base(const char *dir)
{
	char path[500];
	struct dirent *e;
	struct stat st;
	DIR *d = opendir(dir);
	const char *rel = below(dir);

	if (d == NULL || rel == NULL)
		give_up(dir);
	while ((e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		if (below(path) == NULL || lstat(path, &st) != 0)
			continue;
		if (S_ISDIR(st.st_mode)) {
			add(TAPE_MKDIR, 0, 0, 0, below(path), strlen(below(path)) + 1);
			add_base(path);
		} else
			add_base_file(path, below(path));
	}
	closedir(d);
	add(TAPE_SYNC_DIR, 0, 0, 0, rel, strlen(rel) + 1);
}

void
shim_begin(const char *root, struct tape *t)
{
	pthread_mutex_lock(&sh.lock);
	snprintf(sh.root, sizeof sh.root, "%s", root);
	sh.root_n = strlen(sh.root);
	sh.tape = t;
	sh.inodes_n = 0;
	memset(sh.fds, 0, sizeof sh.fds);
	if (t != NULL)
		add_base(root);
	pthread_mutex_unlock(&sh.lock);
}

void
shim_end(void)
{
	pthread_mutex_lock(&sh.lock);
	sh.root_n = 0;
	sh.tape = NULL;
	memset(sh.fds, 0, sizeof sh.fds);
	pthread_mutex_unlock(&sh.lock);
}

void
shim_note(uint32_t kind, const void *data, size_t n)
{
	pthread_mutex_lock(&sh.lock);
	add(TAPE_NOTE, kind, 0, 0, data, n);
	pthread_mutex_unlock(&sh.lock);
}

/* ---- open, close, map ---- */

static int
hook_open(int dir, const char *path, int flags, mode_t mode)
{
	char room[DISK_PATH + 300];
	const char *rel = below_at(dir, path, room);
	struct stat st;
	bool made;
	int fd = -1;

	if (rel == NULL)
		return (int)syscall(SYS_openat, dir, path, flags, mode);
	pthread_mutex_lock(&sh.lock);
	if (fails_errno(SHIM_OPEN))
		goto out;
	made = (flags & O_CREAT) != 0 && fstatat(dir, path, &st, 0) != 0;
	fd = (int)syscall(SYS_openat, dir, path, flags, mode);
	if (fd >= 0)
		watch(fd, rel, flags, made);
	if (fd >= 0 && (flags & O_TRUNC) != 0)
		add(TAPE_SIZE, sh.fds[fd].file, 0, 0, NULL, 0);
out:
	pthread_mutex_unlock(&sh.lock);
	return fd;
}

#define HOOK_OPEN(name, dir_parameter, dir_value) \
	HOOK int name(dir_parameter const char *path, int flags, ...); \
	HOOK int \
	name(dir_parameter const char *path, int flags, ...) \
	{ \
		mode_t mode = 0; \
		va_list ap; \
 \
		va_start(ap, flags); \
		if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) \
			mode = va_arg(ap, mode_t); \
		va_end(ap); \
		return hook_open(dir_value, path, flags, mode); \
	}
#define NO_PARAMETER
#define DIR_PARAMETER	int dir,
HOOK_OPEN(open, NO_PARAMETER, AT_FDCWD)
HOOK_OPEN(open64, NO_PARAMETER, AT_FDCWD)
HOOK_OPEN(openat, DIR_PARAMETER, dir)
HOOK_OPEN(openat64, DIR_PARAMETER, dir)

HOOK int
close(int fd)
{
	pthread_mutex_lock(&sh.lock);
	if (fd >= 0 && fd < FDS)
		sh.fds[fd].used = false;
	pthread_mutex_unlock(&sh.lock);
	return (int)syscall(SYS_close, fd);
}

static void *
hook_map(void *addr, size_t n, int prot, int flags, int fd, off_t at)
{
	bool is = watched(fd) != NULL;

	if (is && (prot & PROT_WRITE) != 0 && (flags & MAP_SHARED) != 0)
		give_up("a shared writable map cannot be recorded");
	if (is && fails_errno(SHIM_MAP))
		return MAP_FAILED;
	return (void *)syscall(SYS_mmap, addr, n, prot, flags, fd, at);
}

HOOK void *
mmap(void *addr, size_t n, int prot, int flags, int fd, off_t at)
{
	return hook_map(addr, n, prot, flags, fd, at);
}

HOOK void *
mmap64(void *addr, size_t n, int prot, int flags, int fd, off64_t at)
{
	return hook_map(addr, n, prot, flags, fd, at);
}

/* ---- writing ---- */

static ssize_t
write_vec(int fd, const struct iovec *v, int n, off_t at)
{
	return at < 0 ? syscall(SYS_writev, fd, v, n) :
	    syscall(SYS_pwritev, fd, v, n, (long)at, 0L);
}

/* Only the first half of the first piece that has something. */
static ssize_t
write_short(int fd, const struct iovec *v, int n, off_t at)
{
	struct iovec half = { NULL, 0 };

	for (int i = 0; i < n && half.iov_len == 0; i++)
		half = v[i];
	half.iov_len = (half.iov_len + 1) / 2;
	return write_vec(fd, &half, 1, at);
}

static void
add_written(const struct watched *w, const struct iovec *v, uint64_t at, size_t left)
{
	for (; left > 0; v++) {
		size_t n = v->iov_len < left ? v->iov_len : left;

		add(w->durable ? TAPE_WRITE_DURABLE : TAPE_WRITE, w->file, at, n, v->iov_base, n);
		at += n;
		left -= n;
	}
}

/* at < 0: where the descriptor stands. */
static ssize_t
hook_write(int fd, const struct iovec *v, int n, off_t at)
{
	struct watched *w;
	ssize_t r = -1;
	int fault;

	if (watched(fd) == NULL)
		return write_vec(fd, v, n, at);
	pthread_mutex_lock(&sh.lock);
	w = watched(fd);
	fault = fails(SHIM_WRITE);
	if (fault > 0)
		errno = fault;
	else {
		off_t from = at < 0 ? (off_t)syscall(SYS_lseek, fd, 0L, SEEK_CUR) : at;

		r = fault < 0 ? write_short(fd, v, n, at) : write_vec(fd, v, n, at);
		if (r > 0)
			add_written(w, v, (uint64_t)from, (size_t)r);
	}
	pthread_mutex_unlock(&sh.lock);
	return r;
}

static ssize_t
hook_write_one(int fd, const void *p, size_t n, off_t at)
{
	struct iovec v = { (void *)(uintptr_t)p, n };

	return hook_write(fd, &v, 1, at);
}

HOOK ssize_t
write(int fd, const void *p, size_t n)
{
	return watched(fd) == NULL ? syscall(SYS_write, fd, p, n) : hook_write_one(fd, p, n, -1);
}

HOOK ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
	return hook_write_one(fd, p, n, at);
}

HOOK ssize_t
pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	return hook_write_one(fd, p, n, at);
}

HOOK ssize_t
writev(int fd, const struct iovec *v, int n)
{
	return hook_write(fd, v, n, -1);
}

HOOK ssize_t
pwritev(int fd, const struct iovec *v, int n, off_t at)
{
	return hook_write(fd, v, n, at);
}

HOOK ssize_t
pwritev64(int fd, const struct iovec *v, int n, off64_t at)
{
	return hook_write(fd, v, n, at);
}

HOOK ssize_t
copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t n, unsigned flags)
{
	(void)in;
	(void)in_at;
	(void)out_at;
	(void)n;
	(void)flags;
	if (watched(out) != NULL)
		give_up("copy_file_range cannot be recorded");
	errno = ENOSYS;
	return -1;
}

/* ---- reading ---- */

static ssize_t
hook_read(int fd, void *p, size_t n, off_t at)
{
	if (watched(fd) != NULL && !watched(fd)->dir) {
		bool no;

		pthread_mutex_lock(&sh.lock);
		no = fails_errno(SHIM_READ);
		pthread_mutex_unlock(&sh.lock);
		if (no)
			return -1;
	}
	return at < 0 ? syscall(SYS_read, fd, p, n) : syscall(SYS_pread64, fd, p, n, at);
}

HOOK ssize_t
read(int fd, void *p, size_t n)
{
	return hook_read(fd, p, n, -1);
}

HOOK ssize_t
pread(int fd, void *p, size_t n, off_t at)
{
	return hook_read(fd, p, n, at);
}

HOOK ssize_t
pread64(int fd, void *p, size_t n, off64_t at)
{
	return hook_read(fd, p, n, at);
}

/* ---- size, sync ---- */

static int
hook_size(int fd, off_t n)
{
	struct watched *w;
	int r = -1;

	if (watched(fd) == NULL)
		return (int)syscall(SYS_ftruncate, fd, n);
	pthread_mutex_lock(&sh.lock);
	w = watched(fd);
	if (!fails_errno(SHIM_SIZE))
		r = (int)syscall(SYS_ftruncate, fd, n);
	if (r == 0)
		add(TAPE_SIZE, w->file, (uint64_t)n, 0, NULL, 0);
	pthread_mutex_unlock(&sh.lock);
	return r;
}

HOOK int
ftruncate(int fd, off_t n)
{
	return hook_size(fd, n);
}

HOOK int
ftruncate64(int fd, off64_t n)
{
	return hook_size(fd, n);
}

static int
hook_allocate(int fd, int mode, off_t at, off_t n)
{
	struct watched *w;
	int r = -1;

	if (watched(fd) == NULL)
		return (int)syscall(SYS_fallocate, fd, mode, at, n);
	if ((mode & FALLOC_FL_PUNCH_HOLE) == 0)
		give_up("fallocate without a hole cannot be recorded");
	pthread_mutex_lock(&sh.lock);
	w = watched(fd);
	if (!fails_errno(SHIM_HOLE))
		r = (int)syscall(SYS_fallocate, fd, mode, at, n);
	if (r == 0)
		add(TAPE_HOLE, w->file, (uint64_t)at, (uint64_t)n, NULL, 0);
	pthread_mutex_unlock(&sh.lock);
	return r;
}

HOOK int
fallocate(int fd, int mode, off_t at, off_t n)
{
	return hook_allocate(fd, mode, at, n);
}

HOOK int
fallocate64(int fd, int mode, off64_t at, off64_t n)
{
	return hook_allocate(fd, mode, at, n);
}

/* The disk is a model: the real one need not be waited for. */
static int
hook_sync(int fd, long call)
{
	struct watched *w;
	int r = 0;

	if (watched(fd) == NULL)
		return (int)syscall(call, fd);
	pthread_mutex_lock(&sh.lock);
	w = watched(fd);
	if (fails_errno(SHIM_SYNC)) {
		r = -1;
		if (!w->dir)
			add(TAPE_SYNC_FAILED, w->file, 0, 0, NULL, 0);
	} else if (w->dir)
		add(TAPE_SYNC_DIR, 0, 0, 0, w->path, strlen(w->path) + 1);
	else
		add(TAPE_SYNC, w->file, 0, 0, NULL, 0);
	pthread_mutex_unlock(&sh.lock);
	return r;
}

HOOK int
fsync(int fd)
{
	return hook_sync(fd, SYS_fsync);
}

HOOK int
fdatasync(int fd)
{
	return hook_sync(fd, SYS_fdatasync);
}

/* ---- names ---- */

static int
hook_name(int dir, const char *path, int dir2, const char *path2, uint32_t kind, long arg)
{
	char room[DISK_PATH + 300], room2[DISK_PATH + 300], both[2 * DISK_PATH];
	const char *rel = below_at(dir, path, room);
	const char *rel2 = path2 == NULL ? NULL : below_at(dir2, path2, room2);
	struct stat st;
	uint32_t file = 0;
	bool is_new;
	int fd, r = -1;

	if (rel == NULL || (path2 != NULL && rel2 == NULL))
		return kind == TAPE_MKDIR ? (int)syscall(SYS_mkdirat, dir, path, arg) :
		    kind == TAPE_UNLINK ? (int)syscall(SYS_unlinkat, dir, path, arg) :
		    (int)syscall(SYS_renameat2, dir, path, dir2, path2, arg);
	pthread_mutex_lock(&sh.lock);
	if (fails_errno(SHIM_NAME))
		goto out;
	if (kind == TAPE_RENAME) {
		if (fstatat(dir, path, &st, 0) == 0 && S_ISDIR(st.st_mode))
			give_up("a folder that is renamed cannot be recorded");
		fd = (int)syscall(SYS_openat, dir, path, O_RDONLY | O_CLOEXEC, 0);
		if (fd >= 0) {
			file = inode_number(fd, false, &is_new);
			syscall(SYS_close, fd);
		}
		r = (int)syscall(SYS_renameat2, dir, path, dir2, path2, arg);
	} else
		r = (int)(kind == TAPE_MKDIR ? syscall(SYS_mkdirat, dir, path, arg) :
		    syscall(SYS_unlinkat, dir, path, arg));
	if (r == 0) {
		int n = snprintf(both, sizeof both, "%s", rel) + 1;

		if (rel2 != NULL)
			n += snprintf(both + n, sizeof both - (size_t)n, "%s", rel2) + 1;
		add(kind, file, 0, 0, both, (size_t)n);
	}
out:
	pthread_mutex_unlock(&sh.lock);
	return r;
}

HOOK int
mkdir(const char *path, mode_t mode)
{
	return hook_name(AT_FDCWD, path, 0, NULL, TAPE_MKDIR, (long)mode);
}

HOOK int
mkdirat(int dir, const char *path, mode_t mode)
{
	return hook_name(dir, path, 0, NULL, TAPE_MKDIR, (long)mode);
}

HOOK int
unlink(const char *path)
{
	return hook_name(AT_FDCWD, path, 0, NULL, TAPE_UNLINK, 0);
}

HOOK int
unlinkat(int dir, const char *path, int flags)
{
	return hook_name(dir, path, 0, NULL, TAPE_UNLINK, flags);
}

HOOK int
rmdir(const char *path)
{
	return hook_name(AT_FDCWD, path, 0, NULL, TAPE_UNLINK, AT_REMOVEDIR);
}

HOOK int
rename(const char *from, const char *to)
{
	return hook_name(AT_FDCWD, from, AT_FDCWD, to, TAPE_RENAME, 0);
}

HOOK int
renameat(int dir, const char *from, int dir2, const char *to)
{
	return hook_name(dir, from, dir2, to, TAPE_RENAME, 0);
}

/* ---- space, kind of file system, clock ---- */

void
shim_statfs(uint64_t free_octets, uint32_t type)
{
	sh.free_octets = free_octets;
	sh.fs_type = type;
}

static int
falsify(int r, struct statfs *fs)
{
	if (r == 0 && sh.free_octets != UINT64_MAX)
		fs->f_bavail = sh.free_octets / (uint64_t)fs->f_frsize;
	if (r == 0 && sh.fs_type != 0)
		fs->f_type = sh.fs_type;
	return r;
}

HOOK int
statfs(const char *path, struct statfs *fs)
{
	return falsify((int)syscall(SYS_statfs, path, fs), fs);
}

HOOK int
fstatfs(int fd, struct statfs *fs)
{
	return falsify((int)syscall(SYS_fstatfs, fd, fs), fs);
}

void
shim_clock(int64_t shift_s)
{
	sh.clock_s = shift_s;
}

HOOK int
clock_gettime(clockid_t id, struct timespec *ts)
{
	int r = (int)syscall(SYS_clock_gettime, id, ts);

	if (r == 0 && id == CLOCK_REALTIME)
		ts->tv_sec += sh.clock_s;
	return r;
}
