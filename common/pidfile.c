/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/pidfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/control.h"
#include "common/log.h"

/* One for the process, as its lock is: the descriptor, or -1. */
static int *
held(void)
{
	static int fd = -1;

	return &fd;
}

static int
path_of(const char *run_dir, const char *program, char *out, size_t cap)
{
	int n = snprintf(out, cap, "%s/%s.pid", run_dir, program);

	return n < 0 || (size_t)n >= cap ? ERR_LIMIT : OK;
}

static int
lock(int fd)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_SETLK, &fl) == 0)
		return OK;
	if (errno != EACCES && errno != EAGAIN)
		return -errno;
	/* Whoever may read the file could lock it for reading: only a writer is one of us. */
	if (fcntl(fd, F_GETLK, &fl) != 0)
		return -errno;
	return fl.l_type == F_WRLCK ? ERR_EXIST : ERR_AGAIN;
}

static int
open_locked(const char *path, int *fd_out)
{
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	int r;

	if (fd < 0)
		return -errno;
	r = lock(fd);
	if (r != OK)
		close(fd);
	else
		*fd_out = fd;
	return r;
}

/* For people only: a full disk must not stop us. */
static void
describe(int fd)
{
	char text[32];
	int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());

	if (fchmod(fd, 0644) != 0 || ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n)
		log_event(EV_METRICS_FAILED, F_CSTR("file", "pid"), F_ERR(-errno));
}

int
pidfile_take(const char *run_dir, const char *program)
{
	char path[256];
	int r = path_of(run_dir, program, path, sizeof path);
	int fd = -1;

	if (r == OK)
		r = open_locked(path, &fd);
	/* A reader keeps it locked to vex us: it may keep that file. */
	if (r == ERR_AGAIN && unlink(path) == 0)
		r = open_locked(path, &fd);
	if (r == OK) {
		describe(fd);
		*held() = fd;	/* stays open: closing it would give up the lock */
	}
	return r;
}

void
pidfile_leave(void)
{
	if (*held() >= 0)
		close(*held());
	*held() = -1;
}

/* What everybody believed before there were locks. */
static int
read_number(int fd, pid_t *pid_out)
{
	char text[32] = "";
	uint64_t n = 0;
	ssize_t got = pread(fd, text, sizeof text - 1, 0);

	if (got <= 1 || slice_u64((struct slice){ text, (size_t)got - 1 }, INT32_MAX, &n) != OK)
		return ERR_NOENT;
	*pid_out = (pid_t)n;
	return OK;
}

int
pidfile_holder(const char *run_dir, const char *program, pid_t *pid_out)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[256];
	int r = path_of(run_dir, program, path, sizeof path);
	int fd;

	if (r != OK)
		return r;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (control_off("pid-lock")) {
		r = read_number(fd, pid_out);
		close(fd);
		return r;
	}
	r = fcntl(fd, F_GETLK, &fl) == 0 ? OK : -errno;
	close(fd);
	if (r == OK && (fl.l_type != F_WRLCK || fl.l_pid <= 0))
		r = ERR_NOENT;
	if (r == OK)
		*pid_out = fl.l_pid;
	return r;
}

int
pidfile_signal(const char *run_dir, const char *program, int signal)
{
	pid_t pid, again;
	int r = pidfile_holder(run_dir, program, &pid);
	long fd;

	if (r != OK)
		return r;
	fd = syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		return errno == ESRCH ? ERR_NOENT : -errno;
	/* fd names one process for good: if it is still the holder, it was all along. */
	r = pidfile_holder(run_dir, program, &again);
	if (r == OK && again != pid)
		r = ERR_NOENT;
	if (r == OK && syscall(SYS_pidfd_send_signal, (int)fd, signal, NULL, 0) != 0)
		r = errno == ESRCH ? ERR_NOENT : -errno;
	close((int)fd);
	return r;
}
