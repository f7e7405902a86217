/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/box.h"

#include <fcntl.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/control.h"

/*
 * The answer: frames of { u8 type, u8 why, u32 index, u32 octets } and the octets; the last frame
 * is { FRAME_END, 0, result, 0 } with nothing behind it.
 */
enum {
	FRAME_END = 0xFF, FRAME_HEAD = 10,
	READ_OCTETS = 256 * 1024,
	NAMES_OCTETS = 4 << 20		/* room for names and frame heads in the answer */
};

/* --- the child --- */

static void
write_all(int fd, struct slice s)
{
	while (s.n > 0) {
		ssize_t n = write(fd, s.p, s.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(1);
		s = slice_from(s, (size_t)n);
	}
}

static void
write_frame(int fd, unsigned type, unsigned why, uint32_t index, struct slice octets)
{
	char mem[FRAME_HEAD];
	struct slice head = { mem, sizeof mem };
	uint32_t n = (uint32_t)octets.n;

	mem[0] = (char)type;
	mem[1] = (char)why;
	for (unsigned i = 0; i < 4; i++) {
		mem[2 + i] = (char)(index >> 8 * i & 0xFF);
		mem[6 + i] = (char)(n >> 8 * i & 0xFF);
	}
	write_all(fd, head);
	write_all(fd, octets);
}

static int
send_piece(void *arg, const struct extract_piece *piece)
{
	const int *fd = arg;

	if (piece->octets.n > UINT32_MAX)
		return ERR_LIMIT;
	write_frame(*fd, piece->type, piece->why, piece->index, piece->octets);
	return OK;
}

static int
limit(int what, rlim_t value)
{
	struct rlimit r = { value, value };

	return setrlimit((__rlimit_resource_t)what, &r) == 0 ? OK : ERR_SANDBOX;
}

static int
set_limits(const struct extract_limits *l)
{
#ifndef WITH_SANITIZER
	if (limit(RLIMIT_AS, l->memory_octets) != OK)
		return ERR_SANDBOX;
#endif
	if (limit(RLIMIT_CPU, l->cpu_s) != OK || limit(RLIMIT_FSIZE, 0) != OK ||
	    limit(RLIMIT_CORE, 0) != OK || limit(RLIMIT_NOFILE, 0) != OK)
		return ERR_SANDBOX;
	return OK;
}

/* Calls that the parsers need, and calls that the C library tries and must not get. */
static const int allowed[] = {
	SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(futex),
	SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn), SCMP_SYS(getrandom),
	SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(sched_yield),
	SCMP_SYS(rt_sigprocmask),
#ifdef WITH_SANITIZER
	SCMP_SYS(sigaltstack), SCMP_SYS(getpid), SCMP_SYS(gettid),
#endif
};

static const int refused[] = {
	SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(access), SCMP_SYS(newfstatat), SCMP_SYS(stat),
	SCMP_SYS(readlink), SCMP_SYS(fstat), SCMP_SYS(lseek), SCMP_SYS(statx),
	SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlinkat), SCMP_SYS(getdents64),
	SCMP_SYS(ioctl), SCMP_SYS(uname), SCMP_SYS(sysinfo), SCMP_SYS(sched_getaffinity),
	SCMP_SYS(prlimit64), SCMP_SYS(writev),
#ifndef WITH_SANITIZER
	SCMP_SYS(getpid), SCMP_SYS(gettid),
#endif
};

static int
add_rules(scmp_filter_ctx ctx, int fd)
{
	int err = 0;

	for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
		err |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		err |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), refused[i], 0);
	err |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
	    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)fd, 0));
	/* Libraries complain to a standard error that is not there. */
	err |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EBADF), SCMP_SYS(write), 1,
	    SCMP_A0(SCMP_CMP_NE, (scmp_datum_t)fd, 0));
	err |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
	    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	err |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
	    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return err == 0 ? OK : ERR_SANDBOX;
}

static int
close_filter(int fd)
{
	scmp_filter_ctx ctx;
	int err;

	if (control_off("box-seccomp"))
		return OK;
	ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (ctx == NULL)
		return ERR_SANDBOX;
	err = add_rules(ctx, fd);
	if (err == OK && seccomp_load(ctx) != 0)
		err = ERR_SANDBOX;
	seccomp_release(ctx);
	return err;
}

static int
lock_in(int fd, const struct extract_limits *l)
{
	if (fd > 0 && close_range(0, (unsigned)fd - 1, 0) != 0)
		return ERR_SANDBOX;
	if (close_range((unsigned)fd + 1, ~0u, 0) != 0)
		return ERR_SANDBOX;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0)
		return ERR_SANDBOX;
	if (set_limits(l) != OK)
		return ERR_SANDBOX;
	return close_filter(fd);
}

/* Die behind a good answer, as a test asks. */
static void
late_fault(void)
{
#ifdef WITH_CONTROLS
	if (slice_is(slice_of(getenv("CONGVU_BOX_FAULT")), "late"))
		_exit(3);
#endif
}

/* Misbehave as a test asks. */
static void
fault(int fd)
{
#ifdef WITH_CONTROLS
	struct slice what = slice_of(getenv("CONGVU_BOX_FAULT"));
	volatile char *nowhere = NULL;

	if (slice_is(what, "crash"))
		*nowhere = 1;
	while (slice_is(what, "hang"))
		;
	if (slice_is(what, "lie")) {
		write_frame(fd, 77, 0, 1, SLICE("no such frame"));
		write_frame(fd, FRAME_END, 0, 0, SLICE(""));
		_exit(0);
	}
	if (slice_is(what, "short"))	/* says all is well, and all is not there */
		_exit(0);
	if (slice_is(what, "flood"))
		for (;;)
			write_frame(fd, EXTRACT_TEXT, 0, 1, SLICE("0123456789abcdef"));
	if (slice_is(what, "open")) {
		int s = socket(AF_UNIX, SOCK_STREAM, 0);

		write_frame(fd, EXTRACT_TEXT, 0, 1, s >= 0 || errno != EPERM ?
		    SLICE("out of the box") : SLICE("refused"));
	}
#else
	(void)fd;
#endif
}

_Noreturn static void
child(int fd, struct slice octets, enum extract_type type, const struct extract_limits *l)
{
	int err = lock_in(fd, l);

	if (err == OK) {
		fault(fd);
		err = extract_run(octets, type, l, send_piece, &fd);
	}
	write_frame(fd, FRAME_END, 0, (uint32_t)err, SLICE(""));
	late_fault();
	_exit(0);
}

/* --- the parent --- */

/* Read until the child closes the pipe: OK, ERR_TIMEOUT, ERR_FRAME when it says too much. */
static int
read_answer(int fd, uint64_t deadline_ms, struct buf *answer)
{
	for (;;) {
		uint64_t now = clock_ms();
		struct pollfd p = { .fd = fd, .events = POLLIN };
		char *room;
		ssize_t n;
		int r;

		if (now >= deadline_ms)
			return ERR_TIMEOUT;
		r = poll(&p, 1, (int)(deadline_ms - now));
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r <= 0)
			continue;
		room = buf_reserve(answer, READ_OCTETS);
		if (room == NULL)
			return answer->err == ERR_LIMIT ? ERR_FRAME : answer->err;
		n = read(fd, room, READ_OCTETS);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return OK;
		if (n > 0)
			buf_added(answer, (size_t)n);
	}
}

/* The next frame of the answer, checked. */
static int
next_frame(struct rd *r, struct extract_piece *out)
{
	unsigned type = rd_u8(r), why = rd_u8(r);
	uint32_t n;

	*out = (struct extract_piece){ .type = (enum extract_piece_type)type,
	    .why = (enum extract_why)why };
	out->index = rd_u32(r);
	n = rd_u32(r);
	out->octets = rd_bytes(r, n);
	if (r->err != OK)
		return ERR_FRAME;
	if (type == FRAME_END)
		return why == 0 && n == 0 && r->s.n == 0 ? OK : ERR_FRAME;
	if (type > EXTRACT_OPAQUE || why > EXTRACT_WHY_ENCODED ||
	    (type == EXTRACT_OPAQUE) != (why != EXTRACT_WHY_NONE))
		return ERR_FRAME;
	return 1;
}

/* Check all frames first, so that the sink never sees half an answer. */
static int
check_answer(struct slice answer, int *result_out)
{
	struct extract_piece p;
	struct rd r;
	int next;

	rd_init(&r, answer);
	do {
		next = next_frame(&r, &p);
	} while (next == 1);
	*result_out = next == OK ? (int)p.index : ERR_FRAME;
	return next;
}

static int
hand_out(struct slice answer, extract_sink_fn *sink, void *arg)
{
	struct extract_piece p;
	struct rd r;
	int err = OK;

	rd_init(&r, answer);
	while (err == OK && next_frame(&r, &p) == 1)
		err = sink(arg, &p);
	return err;
}

/* Wait for the child: it is killed at the deadline, or at once when nothing more is wanted of it.
 * Did it end well by itself? */
static bool
reap(pid_t pid, uint64_t deadline_ms)
{
	int status = 0;
	pid_t r;

	while ((r = waitpid(pid, &status, WNOHANG)) == 0 && clock_ms() < deadline_ms)
		(void)poll(NULL, 0, 1);
	if (r == 0) {
		(void)kill(pid, SIGKILL);
		do {
			r = waitpid(pid, &status, 0);
		} while (r < 0 && errno == EINTR);
	}
	return r == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int
converse(pid_t pid, int fd, const struct extract_limits *l, struct buf *answer)
{
	uint64_t deadline_ms = clock_ms() + l->deadline_ms;
	int err = read_answer(fd, deadline_ms, answer);
	bool well = reap(pid, err == OK ? deadline_ms : 0);
	int result = ERR_FRAME;

	if (err != OK)
		return err;
	if (!well && !control_off("box-death"))
		return ERR_FRAME;
	err = check_answer(buf_slice(answer), &result);
	if (err != OK && control_off("box-frames"))
		return OK;
	return err == OK ? result : err;
}

int
box_extract(struct slice octets, enum extract_type type, const struct extract_limits *limits,
    extract_sink_fn *sink, void *arg)
{
	struct buf answer;
	int fds[2], err;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		child(fds[1], octets, type, limits);
	(void)close(fds[1]);
	if (pid < 0) {
		err = -errno;
		(void)close(fds[0]);
		return err;
	}
	buf_init(&answer, 2 * (size_t)limits->out_octets_max + NAMES_OCTETS);
	err = converse(pid, fds[0], limits, &answer);
	(void)close(fds[0]);
	if (err == OK)
		err = hand_out(buf_slice(&answer), sink, arg);
	buf_fini(&answer);
	return err;
}
