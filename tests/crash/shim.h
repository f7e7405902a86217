/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/crash/shim.h: stands between a program and the C library, for every call that changes a file:
 * also for the calls of LMDB. It is linked into the test program, whose symbols come before those of
 * libraries.
 *
 * Records what is done to files below a folder (tape.h), lets chosen calls fail, sets the clock, and
 * tells of another kind of file system. What lies beside (lock files, which are made anew at each
 * start) is passed on untouched.
 */
#ifndef TESTS_CRASH_SHIM_H
#define TESTS_CRASH_SHIM_H

#include "tape.h"

/* Watch the files below root (absolute). What is there already comes onto the tape as durable. */
void shim_begin(const char *root, struct tape *t);
void shim_end(void);
void shim_note(uint32_t kind, const void *data, size_t n);

enum shim_call {
	SHIM_OPEN = 1 << 0, SHIM_WRITE = 1 << 1, SHIM_SYNC = 1 << 2, SHIM_SIZE = 1 << 3,
	SHIM_HOLE = 1 << 4, SHIM_NAME = 1 << 5,	/* unlink, rename, mkdir */
	SHIM_READ = 1 << 6, SHIM_MEMORY = 1 << 7, SHIM_MAP = 1 << 8,
};

enum { SHIM_SHORT = -1 };	/* instead of an errno: half of it is written */

/* The n-th of the calls from now on (1: the next) fails; `times` of them (0: all from there). */
struct shim_fault {
	unsigned calls;
	uint64_t n, times;
	int	 err;
	uint64_t seen;		/* out: such calls so far */
	uint64_t hits;		/* out: that failed */
};

/* NULL: no more. The struct is used until then. */
void shim_fault(struct shim_fault *f);
/* Calls that are not the tested program's neither count nor fail. */
void shim_pause(bool on);

/* Free space that statfs tells of (UINT64_MAX: the truth), and the kind of file system (0: the true). */
void shim_statfs(uint64_t free_octets, uint32_t type);

void shim_clock(int64_t shift_s);

#endif
