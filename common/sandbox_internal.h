/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/sandbox_internal.h: what the files of the sandbox share; nobody else includes it.
 */
#ifndef COMMON_SANDBOX_INTERNAL_H
#define COMMON_SANDBOX_INTERNAL_H

#include "common/sandbox.h"

/* Groups of rights, the words of sandbox.def. */
enum sandbox_group {
	BASE	 = 0,		/* memory, time, own signals, open descriptors */
	EVENT	 = 1 << 0,	/* epoll, eventfd, timerfd, signalfd, pipes */
	FILES_RO = 1 << 1,	/* open for reading */
	FILES_RW = 1 << 2,	/* open for writing, create, rename, remove, sync */
	SOCK	 = 1 << 3,	/* send, receive and wait on sockets that are open */
	ACCEPT	 = 1 << 4,	/* accept on listening sockets that are open */
	UNIX	 = 1 << 5,	/* new AF_UNIX sockets, connect */
	INET	 = 1 << 6,	/* new TCP and UDP sockets, connect, bind */
	MEMFD	 = 1 << 7,	/* memfd_create and its seals */
	LMDB	 = 1 << 8,	/* shared maps and locks of the store */
	THREADS	 = 1 << 9,	/* new threads */
	CHILDREN = 1 << 10,	/* fork, wait, kill, and a narrower sandbox in the child */
	EXECMAP	 = 1 << 11,	/* executable maps: plugins may still be loaded */
	SANITIZER = 1 << 12,	/* what sanitizers need, in builds with one */
};

/* Load the filter of system calls: OK or ERR_SANDBOX. */
int sandbox_seccomp_enter(unsigned groups) MUST_USE;

/* Open a ruleset for the paths: *fd_out, to be closed by the caller, -1 when the kernel has no
 * Landlock (abi 0). ERR_INVAL: a path cannot be opened, *path_out names it. */
int sandbox_landlock_open(unsigned groups, const struct sandbox_paths *paths, int abi, int *fd_out,
    const char **path_out) MUST_USE;

/* Put the calling thread under the ruleset: OK or ERR_SANDBOX. */
int sandbox_landlock_enter(int fd) MUST_USE;

#endif
