/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/sandbox_internal.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <seccomp.h>

/*
 * Calls that are allowed whatever their arguments, with the group that brings them. A name that
 * this machine's architecture does not have is skipped.
 */
static const struct {
	unsigned group;
	const char *name;
} allowed[] = {
	{ BASE, "read" }, { BASE, "write" }, { BASE, "readv" }, { BASE, "writev" },
	{ BASE, "pread64" }, { BASE, "pwrite64" }, { BASE, "preadv" }, { BASE, "pwritev" },
	{ BASE, "close" }, { BASE, "close_range" }, { BASE, "lseek" }, { BASE, "fstat" },
	{ BASE, "newfstatat" },		/* glibc's fstat(); a path given to it tells sizes, no content */
	{ BASE, "dup" }, { BASE, "dup2" }, { BASE, "dup3" }, { BASE, "fcntl" },
	{ BASE, "munmap" }, { BASE, "mremap" }, { BASE, "madvise" }, { BASE, "brk" },
	{ BASE, "mlock" }, { BASE, "mlock2" }, { BASE, "munlock" },
	{ BASE, "futex" }, { BASE, "set_robust_list" }, { BASE, "rseq" },
	{ BASE, "exit" }, { BASE, "exit_group" }, { BASE, "restart_syscall" },
	{ BASE, "rt_sigreturn" }, { BASE, "rt_sigaction" }, { BASE, "rt_sigprocmask" },
	{ BASE, "sigaltstack" },
	{ BASE, "getpid" }, { BASE, "gettid" }, { BASE, "getppid" },
	{ BASE, "getuid" }, { BASE, "geteuid" }, { BASE, "getgid" }, { BASE, "getegid" },
	{ BASE, "getresuid" }, { BASE, "getresgid" }, { BASE, "getgroups" },
	{ BASE, "clock_gettime" }, { BASE, "clock_getres" }, { BASE, "gettimeofday" },
	{ BASE, "time" }, { BASE, "clock_nanosleep" }, { BASE, "nanosleep" },
	{ BASE, "getrandom" }, { BASE, "sched_yield" }, { BASE, "sched_getaffinity" },
	{ BASE, "getrusage" }, { BASE, "getrlimit" }, { BASE, "uname" }, { BASE, "sysinfo" },
	{ BASE, "poll" }, { BASE, "ppoll" }, { BASE, "select" }, { BASE, "pselect6" },

	{ EVENT, "epoll_create1" }, { EVENT, "epoll_ctl" }, { EVENT, "epoll_wait" },
	{ EVENT, "epoll_pwait" }, { EVENT, "epoll_pwait2" }, { EVENT, "eventfd2" },
	{ EVENT, "timerfd_create" }, { EVENT, "timerfd_settime" }, { EVENT, "timerfd_gettime" },
	{ EVENT, "signalfd4" }, { EVENT, "pipe2" },

	{ FILES_RO | FILES_RW, "access" }, { FILES_RO | FILES_RW, "faccessat" },
	{ FILES_RO | FILES_RW, "faccessat2" }, { FILES_RO | FILES_RW, "stat" },
	{ FILES_RO | FILES_RW, "lstat" }, { FILES_RO | FILES_RW, "statx" },
	{ FILES_RO | FILES_RW, "readlink" }, { FILES_RO | FILES_RW, "readlinkat" },
	{ FILES_RO | FILES_RW, "getdents64" }, { FILES_RO | FILES_RW, "getcwd" },
	{ FILES_RO | FILES_RW, "statfs" }, { FILES_RO | FILES_RW, "fstatfs" },
	{ FILES_RO | FILES_RW, "flock" }, { FILES_RO | FILES_RW, "fadvise64" },
	{ FILES_RO | FILES_RW, "inotify_init1" }, { FILES_RO | FILES_RW, "inotify_add_watch" },
	{ FILES_RO | FILES_RW, "inotify_rm_watch" },

	{ FILES_RW, "open" }, { FILES_RW, "openat" }, { FILES_RW, "creat" },
	{ FILES_RW | MEMFD, "ftruncate" }, { FILES_RW | MEMFD, "fallocate" },
	{ FILES_RW, "truncate" }, { FILES_RW, "fsync" }, { FILES_RW, "fdatasync" },
	{ FILES_RW, "sync_file_range" }, { FILES_RW, "copy_file_range" },
	{ FILES_RW | MEMFD, "sendfile" },
	{ FILES_RW, "rename" }, { FILES_RW, "renameat" }, { FILES_RW, "renameat2" },
	{ FILES_RW, "unlink" }, { FILES_RW, "unlinkat" }, { FILES_RW, "link" },
	{ FILES_RW, "linkat" }, { FILES_RW, "mkdir" }, { FILES_RW, "mkdirat" },
	{ FILES_RW, "rmdir" }, { FILES_RW, "umask" }, { FILES_RW, "fchmod" },

	{ SOCK, "sendmsg" }, { SOCK, "sendto" }, { SOCK, "sendmmsg" },
	{ SOCK, "recvmsg" }, { SOCK, "recvfrom" }, { SOCK, "recvmmsg" },
	{ SOCK, "shutdown" }, { SOCK, "getsockopt" }, { SOCK, "setsockopt" },
	{ SOCK, "getsockname" }, { SOCK, "getpeername" },
	{ ACCEPT, "accept" }, { ACCEPT, "accept4" },
	{ UNIX | INET, "connect" }, { INET, "bind" },

	{ MEMFD, "memfd_create" },
	{ LMDB, "msync" }, { LMDB, "mincore" },
	{ THREADS, "sched_getparam" }, { THREADS, "sched_getscheduler" },
	{ CHILDREN, "wait4" }, { CHILDREN, "waitid" }, { CHILDREN, "kill" },
	{ CHILDREN, "tgkill" }, { CHILDREN, "pidfd_open" }, { CHILDREN, "pidfd_send_signal" },
	{ CHILDREN, "setpgid" }, { CHILDREN, "setsid" }, { CHILDREN, "pipe2" },
	/* For a child that enters a narrower row: they only ever take rights away. */
	{ CHILDREN, "seccomp" }, { CHILDREN, "landlock_create_ruleset" },
	{ CHILDREN, "landlock_add_rule" }, { CHILDREN, "landlock_restrict_self" },
	{ CHILDREN, "prlimit64" }, { CHILDREN, "setrlimit" }, { CHILDREN, "capset" },

	{ SANITIZER, "open" }, { SANITIZER, "openat" }, { SANITIZER, "readlink" },
	{ SANITIZER, "readlinkat" }, { SANITIZER, "stat" }, { SANITIZER, "access" },
	{ SANITIZER, "getdents64" }, { SANITIZER, "clone" }, { SANITIZER, "wait4" },
	{ SANITIZER, "ptrace" }, { SANITIZER, "prctl" }, { SANITIZER, "tgkill" },
	{ SANITIZER, "tkill" }, { SANITIZER, "mmap" }, { SANITIZER, "mprotect" },
	{ SANITIZER, "personality" }, { SANITIZER, "prlimit64" }, { SANITIZER, "mincore" },
	{ SANITIZER, "pipe2" }, { SANITIZER, "pipe" }, { SANITIZER, "msync" },
};

/* Only an attacker makes these: the process ends at once. */
static const char *const deadly[] = {
	"execve", "execveat", "process_vm_readv", "process_vm_writev", "process_madvise", "ptrace",
	"mount", "umount2", "move_mount", "fsopen", "fsmount", "fspick", "open_tree",
	"pivot_root", "chroot", "unshare", "setns", "bpf", "perf_event_open", "userfaultfd",
	"io_uring_setup", "io_uring_enter", "io_uring_register", "kexec_load", "kexec_file_load",
	"init_module", "finit_module", "delete_module", "reboot", "swapon", "swapoff", "acct",
	"iopl", "ioperm", "modify_ldt", "add_key", "request_key", "keyctl", "open_by_handle_at",
	"settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname",
	"setdomainname", "quotactl", "syslog", "lookup_dcookie", "vmsplice", "kcmp",
	"pidfd_getfd", "memfd_secret", "personality", "uselib", "vhangup", "mknod", "mknodat",
};

/* A filter under construction, with the first error met. */
struct filter {
	scmp_filter_ctx	ctx;
	unsigned	groups;
	int		err;
};

static void
rule(struct filter *f, uint32_t action, const char *name, unsigned argc,
    const struct scmp_arg_cmp *argv)
{
	int nr = seccomp_syscall_resolve_name(name);

	/* Unknown to the library, or not on this architecture (a negative number). */
	if (nr < 0 || f->err != OK)
		return;
	if (seccomp_rule_add_array(f->ctx, action, nr, argc, argv) != 0)
		f->err = ERR_SANDBOX;
}

/* Allow name when the bits of `mask` in its argument number arg are exactly `value`. */
static void
allow_masked(struct filter *f, const char *name, unsigned arg, uint64_t mask, uint64_t value)
{
	struct scmp_arg_cmp cmp = { arg, SCMP_CMP_MASKED_EQ, mask, value };

	rule(f, SCMP_ACT_ALLOW, name, 1, &cmp);
}

static void
allow_eq(struct filter *f, const char *name, unsigned arg, uint64_t value)
{
	allow_masked(f, name, arg, UINT64_MAX, value);
}

static void
add_tables(struct filter *f)
{
	/* A group with several bits is allowed by any of them; BASE has none and is always on. */
	for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
		if (allowed[i].group == BASE || (allowed[i].group & f->groups))
			rule(f, SCMP_ACT_ALLOW, allowed[i].name, 0, NULL);
	/* In a sanitizer build a killed process could not report what was found. */
	if (!(f->groups & SANITIZER))
		for (size_t i = 0; i < ARRAY_LEN(deadly); i++)
			rule(f, SCMP_ACT_KILL_PROCESS, deadly[i], 0, NULL);
	/* The arguments of clone3 cannot be looked at; glibc then uses clone. */
	rule(f, SCMP_ACT_ERRNO(ENOSYS), "clone3", 0, NULL);
}

static void
add_memory_and_open(struct filter *f)
{
	uint64_t writing = O_ACCMODE | O_CREAT | O_TRUNC;

	if (f->groups & SANITIZER)
		return;
	if (f->groups & EXECMAP) {
		rule(f, SCMP_ACT_ALLOW, "mmap", 0, NULL);
		rule(f, SCMP_ACT_ALLOW, "mprotect", 0, NULL);
	} else {
		allow_masked(f, "mmap", 2, PROT_EXEC, 0);
		allow_masked(f, "mprotect", 2, PROT_EXEC, 0);
	}
	if ((f->groups & FILES_RO) && !(f->groups & FILES_RW)) {
		allow_masked(f, "open", 1, writing, O_RDONLY);
		allow_masked(f, "openat", 2, writing, O_RDONLY);
	}
}

static void
add_processes(struct filter *f)
{
	static const uint64_t own_prctl[] = { PR_SET_NAME, PR_GET_NAME, PR_SET_PDEATHSIG,
	    PR_GET_DUMPABLE, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS,
	    PR_GET_SECCOMP, PR_SET_SECCOMP };
	uint64_t spaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
	    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
	uint64_t thread = CLONE_THREAD | CLONE_VM;

	allow_eq(f, "ioctl", 1, FIONREAD);
	allow_eq(f, "ioctl", 1, FIONBIO);
	if (f->groups & SANITIZER)
		return;
	if (f->groups & THREADS)
		allow_masked(f, "clone", 0, spaces | thread, thread);
	if (f->groups & CHILDREN)
		allow_masked(f, "clone", 0, spaces | thread, 0);
	else {
		allow_eq(f, "tgkill", 0, (uint64_t)getpid());	/* abort() */
		allow_eq(f, "prlimit64", 2, 0);			/* reading a limit */
	}
	for (size_t i = 0; i < ARRAY_LEN(own_prctl); i++)
		allow_eq(f, "prctl", 0, own_prctl[i]);
}

static void
allow_socket(struct filter *f, const char *name, int family, int type)
{
	const struct scmp_arg_cmp cmp[] = {
		{ 0, SCMP_CMP_EQ, (uint64_t)family, 0 },
		{ 1, SCMP_CMP_MASKED_EQ, 0xf, (uint64_t)type },
	};

	rule(f, SCMP_ACT_ALLOW, name, ARRAY_LEN(cmp), cmp);
}

static void
add_sockets(struct filter *f)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (f->groups & UNIX)
			allow_socket(f, "socket", AF_UNIX, types[i]);
		if (f->groups & CHILDREN)
			allow_socket(f, "socketpair", AF_UNIX, types[i]);
		if ((f->groups & INET) && types[i] != SOCK_SEQPACKET) {
			allow_socket(f, "socket", AF_INET, types[i]);
			allow_socket(f, "socket", AF_INET6, types[i]);
		}
	}
}

int
sandbox_seccomp_enter(unsigned groups)
{
	struct filter f = { .ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM)), .groups = groups };

	if (f.ctx == NULL)
		return ERR_NOMEM;
	if (seccomp_attr_set(f.ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) != 0 ||
	    seccomp_attr_set(f.ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2) != 0)
		f.err = ERR_SANDBOX;
	add_tables(&f);
	add_memory_and_open(&f);
	add_processes(&f);
	add_sockets(&f);
	if (f.err == OK && seccomp_load(f.ctx) != 0)
		f.err = ERR_SANDBOX;
	seccomp_release(f.ctx);
	return f.err;
}
