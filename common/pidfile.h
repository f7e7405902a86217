/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/pidfile.h: which process is the program now: RUN_DIR/PROGRAM.pid, locked while it lives.
 *
 * Shape   the lock is the truth: the kernel says who holds it, and lets go of it when that process
 *         ends, however it ends. The number written in the file is for people to read. A lock is
 *         not inherited, so a child that lives on never looks like its parent.
 */
#ifndef COMMON_PIDFILE_H
#define COMMON_PIDFILE_H

#include <sys/types.h>

#include "common/err.h"

/* Become PROGRAM: take the lock and keep it to the end of the process. ERR_EXIST: another one has
 * it and runs. Before the sandbox closes; after a fork the child does not have it. */
int pidfile_take(const char *run_dir, const char *program) MUST_USE;

/* In a child: it does not have the lock, and shall not be able to write the file either. */
void pidfile_leave(void);

/* The process that is PROGRAM now: OK and its pid, ERR_NOENT: it does not run; ERR_ACCESS... Never
 * to be asked by the program of itself: closing the file would give up its lock. */
int pidfile_holder(const char *run_dir, const char *program, pid_t *pid_out) MUST_USE;

/* Send it a signal: OK, or as pidfile_holder. A number that went to another process since is never
 * signalled. */
int pidfile_signal(const char *run_dir, const char *program, int signal) MUST_USE;

#endif
