/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Forks a child under each row and lets it try: what the row forbids must fail, what it promises
 * must work. With the control "sandbox" off the forbidden things succeed and this test fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lmdb.h>

#include "common/identity.h"
#include "common/log.h"
#include "common/sandbox_internal.h"
#include "config.h"
#include "tests/unit/common/scratch.h"

static const unsigned groups_of[] = {
#define SANDBOX_ROW(id, name, groups, as_mib, nofile) groups,
#include "common/sandbox.def"
#undef SANDBOX_ROW
};

static char dir[] = "/tmp/congvu-sandbox.XXXXXX";
static char ro_file[128], rw_dir[128], outside[128], unix_path[128];
static int tcp_port;

/* ---- what a child tries; each returns true when it could ---- */

static bool
can_open(const char *path, int flags)
{
	int fd = open(path, flags, 0600);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool
can_read_outside(void)
{
	return can_open(outside, O_RDONLY);
}

static bool
can_write_outside(void)
{
	return can_open(outside, O_WRONLY);
}

static bool
can_list_root(void)
{
	char some[1024];
	int fd = open("/", O_RDONLY | O_DIRECTORY);
	bool ok = fd >= 0 && read(fd, some, 0) != -2;

	if (fd >= 0)
		close(fd);
	return ok;
}

static bool
can_write_ro(void)
{
	return can_open(ro_file, O_WRONLY);
}

static bool
can_truncate_ro(void)
{
	return can_open(ro_file, O_RDONLY | O_TRUNC);
}

static bool
can_connect(int family, const struct sockaddr *sa, socklen_t n)
{
	int fd = socket(family, SOCK_STREAM, 0);
	bool ok = fd >= 0 && connect(fd, sa, n) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

static bool
can_connect_tcp(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons((uint16_t)tcp_port) };

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return can_connect(AF_INET, (struct sockaddr *)&sa, sizeof sa);
}

static bool
can_send_udp(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool
can_connect_unix(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	memcpy(sa.sun_path, unix_path, strlen(unix_path));
	return can_connect(AF_UNIX, (struct sockaddr *)&sa, sizeof sa);
}

static bool
can_netlink(void)
{
	return socket(AF_NETLINK, SOCK_RAW, 0) >= 0;
}

static bool
can_fork(void)
{
	pid_t pid = fork();
	int st;

	if (pid == 0)
		_exit(0);
	return pid > 0 && waitpid(pid, &st, 0) == pid;
}

static void *
thread_main(void *arg)
{
	return arg;
}

static bool
can_thread(void)
{
	pthread_t t;

	return pthread_create(&t, NULL, thread_main, NULL) == 0 && pthread_join(t, NULL) == 0;
}

static bool
can_map_exec(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p != MAP_FAILED;
}

static bool
can_make_exec(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p != MAP_FAILED && mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0;
}

static bool
can_exec(void)
{
	char *argv[] = { "true", NULL };

	execv("/bin/true", argv);
	return false;
}

static bool
can_ptrace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

static bool
can_kill(void)
{
	return kill(getpid(), 0) == 0;
}

static bool
can_dump_core(void)
{
	struct rlimit r;

	return getrlimit(RLIMIT_CORE, &r) != 0 || r.rlim_max != 0;
}

static bool
can_use_epoll(void)
{
	struct itimerspec at = { .it_value.tv_nsec = 1000000 };
	struct epoll_event ev = { .events = EPOLLIN };
	sigset_t none;
	int ep = epoll_create1(EPOLL_CLOEXEC);
	int tfd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	sigemptyset(&none);
	return ep >= 0 && tfd >= 0 && timerfd_settime(tfd, 0, &at, NULL) == 0 &&
	    epoll_ctl(ep, EPOLL_CTL_ADD, tfd, &ev) == 0 && epoll_wait(ep, &ev, 1, 60000) == 1 &&
	    signalfd(-1, &none, SFD_NONBLOCK | SFD_CLOEXEC) >= 0;
}

static int pair[2];	/* SEQPACKET, made before the sandbox closes */

static bool
can_pass_memfd(void)
{
	char one = 'x', room[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { &one, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room,
	    .msg_controllen = sizeof room };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int fd = memfd_create("t", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, 4096) != 0 || pwrite(fd, "abc", 3, 0) != 3 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0)
		return false;
	c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	return sendmsg(pair[0], &m, 0) == 1 && recvmsg(pair[1], &m, MSG_CMSG_CLOEXEC) == 1 &&
	    CMSG_FIRSTHDR(&m) != NULL &&
	    mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED;
}

static bool
can_read_ro(void)
{
	return can_open(ro_file, O_RDONLY);
}

static bool
can_work_in_rw(void)
{
	char a[160], b[160];
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char *map;
	int fd;
	bool ok;

	snprintf(a, sizeof a, "%s/a", rw_dir);
	snprintf(b, sizeof b, "%s/b", rw_dir);
	fd = open(a, O_RDWR | O_CREAT, 0600);
	if (fd < 0)
		return false;
	ok = ftruncate(fd, 8192) == 0 && pwrite(fd, "x", 1, 4096) == 1 && fdatasync(fd) == 0 &&
	    fcntl(fd, F_SETLK, &lock) == 0;
	map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ok = ok && map != MAP_FAILED && rename(a, b) == 0 && unlink(b) == 0;
	close(fd);
	return ok;
}

static bool
can_use_shared_map(void)
{
	char *map, path[160];
	bool ok;
	int fd;

	snprintf(path, sizeof path, "%s/map", rw_dir);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, 4096) != 0)
		return false;
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ok = map != MAP_FAILED && msync(map, 4096, MS_SYNC) == 0;
	close(fd);
	return ok;
}

static int
put_and_get(MDB_env *env)
{
	MDB_val key = { 1, (char[]){ 'k' } }, val = { 1, (char[]){ 'v' } };
	MDB_txn *txn;
	MDB_dbi dbi;
	int r = mdb_txn_begin(env, NULL, 0, &txn);

	if (r == 0 && (r = mdb_dbi_open(txn, NULL, 0, &dbi)) == 0)
		r = mdb_put(txn, dbi, &key, &val, 0);
	if (r == 0)
		r = mdb_txn_commit(txn);	/* syncs */
	if (r == 0)
		r = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
	if (r == 0) {
		r = mdb_get(txn, dbi, &key, &val);
		mdb_txn_abort(txn);
	}
	return r;
}

/* The store itself: open, lock table, durable commit, read. */
static bool
can_use_lmdb(void)
{
	char path[160];
	MDB_env *env;
	int r;

	snprintf(path, sizeof path, "%s/db.%d", rw_dir, (int)getpid());
	if (mkdir(path, 0700) != 0 || mdb_env_create(&env) != 0)
		return false;
	r = mdb_env_set_mapsize(env, 1 << 24);
	if (r == 0)
		r = mdb_env_open(env, path, 0, 0600);
	if (r == 0)
		r = put_and_get(env);
	mdb_env_close(env);
	return r == 0;
}

static bool
can_log(void)
{
	char *p = malloc(1 << 20);
	bool ok = p != NULL && write(STDERR_FILENO, "", 0) == 0 && getpid() > 0;

	free(p);
	return ok;
}

static bool
can_enter_extractor(void)
{
	const struct sandbox_paths none = { .v = NULL };
	pid_t pid = fork();
	int st;

	if (pid == 0)
		_exit(sandbox_enter(SANDBOX_EXTRACTOR, &none) == OK && !can_read_ro() &&
		    can_pass_memfd() ? 0 : 1);
	return pid > 0 && waitpid(pid, &st, 0) == pid && st == 0;
}

static bool
always(unsigned groups)
{
	(void)groups;
	return true;
}

static bool
never(unsigned groups)
{
	(void)groups;
	return false;
}

#ifdef WITH_SANITIZER
enum { IN_SANITIZER = true };
#else
enum { IN_SANITIZER = false };
#endif

#define IF_GROUP(name, bits) \
	static bool name(unsigned groups) { return (groups & (bits)) != 0; }
IF_GROUP(has_event, EVENT)
IF_GROUP(has_files, FILES_RO | FILES_RW)
IF_GROUP(has_rw, FILES_RW)
IF_GROUP(has_lmdb, LMDB)
IF_GROUP(has_unix, UNIX)
IF_GROUP(has_inet, INET)
IF_GROUP(has_memfd, MEMFD)
IF_GROUP(has_children, CHILDREN)
IF_GROUP(has_threads, THREADS)
IF_GROUP(has_execmap, EXECMAP)

/* wide: a sanitizer needs that call itself, so in its builds any row may succeed. */
static const struct {
	const char *name;
	bool (*try)(void);
	bool (*expected)(unsigned groups);
	bool wide;
} probes[] = {
	{ "read a file outside", can_read_outside, never, false },
	{ "write a file outside", can_write_outside, never, false },
	{ "list the root folder", can_list_root, never, false },
	{ "write a read-only file", can_write_ro, never, false },
	{ "truncate a read-only file", can_truncate_ro, never, false },
	{ "connect by TCP", can_connect_tcp, has_inet, false },
	{ "make a UDP socket", can_send_udp, has_inet, false },
	{ "connect to a UNIX socket", can_connect_unix, has_unix, false },
	{ "make a netlink socket", can_netlink, never, false },
	{ "fork", can_fork, has_children, true },
	{ "start a thread", can_thread, has_threads, true },
	{ "map executable memory", can_map_exec, has_execmap, true },
	{ "make memory executable", can_make_exec, has_execmap, true },
	{ "exec", can_exec, never, false },
	{ "ptrace", can_ptrace, never, true },
	{ "kill", can_kill, has_children, false },
	{ "dump core", can_dump_core, never, false },
	{ "epoll, timerfd, signalfd", can_use_epoll, has_event, false },
	{ "pass a sealed memfd", can_pass_memfd, has_memfd, false },
	{ "read a file that it may", can_read_ro, has_files, true },
	{ "work in a folder that it may", can_work_in_rw, has_rw, false },
	{ "use a shared map", can_use_shared_map, has_lmdb, true },
	{ "use LMDB", can_use_lmdb, has_rw, true },
	{ "allocate and log", can_log, always, false },
	{ "put a child into a narrower row", can_enter_extractor, has_children, false },
};

/* ---- the parent ---- */

enum { COULD = 0, COULD_NOT = 7, NOT_ENTERED = 9 };

static void
ignore_log(void *arg, enum log_event_id event, struct slice line)
{
	(void)arg, (void)event, (void)line;
}

/* COULD, COULD_NOT (refused or killed for it), or NOT_ENTERED. */
static int
probe(enum sandbox_role role, bool (*try)(void))
{
	struct sandbox_path v[] = { { ro_file, SANDBOX_RO }, { rw_dir, SANDBOX_RW },
	    { "/nonexistent/file", SANDBOX_RO_IF_THERE } };
	struct sandbox_paths paths = { .v = v, .count = ARRAY_LEN(v) };
	static const struct identity nobody = { 65534, 65534, 0 };
	pid_t pid;
	int st;

	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		log_test_capture(ignore_log, NULL);
		if ((geteuid() == 0 && identity_become(&nobody) != OK) ||
		    sandbox_enter(role, &paths) != OK)
			_exit(NOT_ENTERED);
		_exit(try() ? COULD : COULD_NOT);
	}
	assert_int_equal(waitpid(pid, &st, 0), pid);
	if (WIFSIGNALED(st))
		return WTERMSIG(st) == SIGSYS ? COULD_NOT : -WTERMSIG(st);
	return WEXITSTATUS(st);
}

static void
every_row_does_its_work_and_nothing_else(void **state)
{
	int wrong = 0;

	(void)state;
	for (int role = 0; role < SANDBOX_ROLE_COUNT; role++)
		for (size_t i = 0; i < ARRAY_LEN(probes); i++) {
			int want = probes[i].expected(groups_of[role]) ? COULD : COULD_NOT;
			int got = probe((enum sandbox_role)role, probes[i].try);

			if (got == want || (IN_SANITIZER && probes[i].wide && got == COULD))
				continue;
			print_error("%s: %s: got %d, want %d\n",
			    sandbox_role_name((enum sandbox_role)role), probes[i].name, got, want);
			wrong++;
		}
	assert_int_equal(wrong, 0);
}

static bool
is_still_root(void)
{
	return geteuid() == 0 || getegid() == 0 || setuid(0) == 0;
}

static bool
has_capabilities(void)
{
	char line[256];
	bool any = false;
	int fd = open("/proc/self/status", O_RDONLY);
	ssize_t n;
	char all[8192];

	if (fd < 0)
		return true;
	n = read(fd, all, sizeof all - 1);
	close(fd);
	if (n <= 0)
		return true;
	all[n] = '\0';
	for (const char *at = all; (at = strstr(at, "Cap")) != NULL; at++)
		if (sscanf(at, "CapEff:%255s", line) == 1 || sscanf(at, "CapPrm:%255s", line) == 1)
			any = any || strspn(line, "0") != strlen(line);
	return any;
}

static void
no_right_of_root_is_left(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(probe(SANDBOX_KEYD, is_still_root), COULD_NOT);
}

/* Even one who stays root loses the capabilities. */
static void
capabilities_are_dropped_without_a_uid(void **state)
{
	struct sandbox_path v[] = { { "/proc", SANDBOX_RO } };
	struct sandbox_paths paths = { .v = v, .count = 1 };
	pid_t pid = fork();
	int st;

	(void)state;
	if (pid == 0) {
		log_test_capture(ignore_log, NULL);
		_exit(sandbox_enter(SANDBOX_SMTPD, &paths) != OK || has_capabilities());
	}
	assert_int_equal(waitpid(pid, &st, 0), pid);
	assert_int_equal(st, 0);
}

static void
note_event(void *arg, enum log_event_id event, struct slice line)
{
	(void)line;
	*(enum log_event_id *)arg = event;
}

static void
a_path_that_is_missing_is_refused(void **state)
{
	struct sandbox_path v[] = { { "/nonexistent/file", SANDBOX_RO } };
	struct sandbox_paths paths = { .v = v, .count = 1 };
	enum log_event_id got = EV_START;

	(void)state;
	if (sandbox_landlock_abi() == 0)
		skip();
	log_test_capture(note_event, &got);
	sandbox_require(false);		/* does not excuse our own mistakes */
	assert_int_equal(sandbox_enter(SANDBOX_SMTPD, &paths), ERR_INVAL);
	sandbox_require(true);
	log_test_capture(NULL, NULL);
	assert_int_equal(got, EV_SANDBOX_FAILED);
}

#ifndef WITH_SANITIZER
static void *
wait_for(void *held)
{
	pthread_mutex_lock(held);
	return NULL;
}

static void
a_process_with_threads_is_refused(void **state)
{
	struct sandbox_paths none = { .v = NULL };
	pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
	pid_t pid = fork();
	int st;

	(void)state;
	if (pid == 0) {
		pthread_t t;

		log_test_capture(ignore_log, NULL);
		pthread_mutex_lock(&held);
		if (pthread_create(&t, NULL, wait_for, &held) != 0)
			_exit(1);
		_exit(sandbox_enter(SANDBOX_SMTPD, &none) == ERR_SANDBOX ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &st, 0), pid);
	assert_int_equal(st, 0);
}
#endif

static int
make_sockets(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	socklen_t n = sizeof in;
	int t = socket(AF_INET, SOCK_STREAM, 0), u = socket(AF_UNIX, SOCK_STREAM, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	memcpy(un.sun_path, unix_path, strlen(unix_path));
	if (bind(t, (struct sockaddr *)&in, sizeof in) != 0 || listen(t, 128) != 0 ||
	    getsockname(t, (struct sockaddr *)&in, &n) != 0)
		return -1;
	tcp_port = ntohs(in.sin_port);
	return bind(u, (struct sockaddr *)&un, sizeof un) == 0 && listen(u, 128) == 0 &&
	    chmod(unix_path, 0777) == 0 ? socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) : -1;
}

static int
make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0666);

	if (fd < 0 || write(fd, "octets", 6) != 6 || fchmod(fd, 0666) != 0)
		return -1;
	return close(fd);
}

static int
set_up(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL || chmod(dir, 0755) != 0)
		return -1;
	snprintf(ro_file, sizeof ro_file, "%s/ro", dir);
	snprintf(rw_dir, sizeof rw_dir, "%s/rw", dir);
	snprintf(outside, sizeof outside, "%s/outside", dir);
	snprintf(unix_path, sizeof unix_path, "%s/sock", dir);
	if (mkdir(rw_dir, 0777) != 0 || chmod(rw_dir, 0777) != 0)
		return -1;
	return make_file(ro_file) == 0 && make_file(outside) == 0 ? make_sockets() : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	return scratch_remove(dir);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(every_row_does_its_work_and_nothing_else),
		cmocka_unit_test(no_right_of_root_is_left),
		cmocka_unit_test(capabilities_are_dropped_without_a_uid),
		cmocka_unit_test(a_path_that_is_missing_is_refused),
#ifndef WITH_SANITIZER
		cmocka_unit_test(a_process_with_threads_is_refused),
#endif
	};

	if (sandbox_landlock_abi() == 0)
		print_message("this kernel has no Landlock: files and connects are not confined\n");
	return cmocka_run_group_tests(t, set_up, tear_down);
}
