/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/sandbox.h: give up for good what a process does not need.
 *
 * Shape   one row of sandbox.def per role says which groups of system calls, which kinds of socket
 *         and which limits; the paths are given at run time. Call once, single-threaded, after
 *         libraries, keys and listening sockets are open and before any octet of a peer is read.
 *         It sets: no core and not traceable, limits, no capabilities, no new privileges,
 *         Landlock (files; TCP, abstract sockets and signals where the kernel can), seccomp (system
 *         calls). The user was changed before, see common/identity.h.
 * Effect  calls outside the row fail with EPERM; those that only an attacker makes (exec, ptrace,
 *         mount, ...) kill the process. Children inherit all of it and may enter a narrower row.
 *         After it glibc's iconv_open() and plugins cannot be loaded in most rows.
 * Control "sandbox" (see control.h) makes sandbox_enter do nothing.
 */
#ifndef COMMON_SANDBOX_H
#define COMMON_SANDBOX_H

#include "common/slice.h"

enum sandbox_role {
#define SANDBOX_ROW(id, name, groups, as_mib, nofile) id,
#include "common/sandbox.def"
#undef SANDBOX_ROW
	SANDBOX_ROLE_COUNT
};

enum sandbox_access {
	SANDBOX_RO,		/* read files and list folders, there and below */
	SANDBOX_RW,		/* and write, create, rename and remove */
	SANDBOX_RO_IF_THERE,	/* as SANDBOX_RO; a path that does not exist is no error */
};

struct sandbox_path {
	const char	   *path;
	enum sandbox_access access;
};

/* All that the process may open by path. */
struct sandbox_paths {
	const struct sandbox_path *v;
	size_t			   count;
};

/*
 * Close the sandbox of a role. Logs EV_SANDBOX_CLOSED, _PARTIAL or _FAILED with the reason.
 * OK: closed completely (or as far as this kernel can, when sandbox_require(false) was called).
 * ERR_SANDBOX, ERR_INVAL (a path cannot be opened): not closed; the caller must exit. Some rights
 * may be lost already.
 */
int sandbox_enter(enum sandbox_role role, const struct sandbox_paths *paths) MUST_USE;

/* false: what this kernel lacks (Landlock, seccomp) is reported, not refused. The start value is
 * true. Errors of our own (a path) are refused in any case. */
void sandbox_require(bool required);

/* The version of Landlock's interface that the kernel offers, 0 for none. */
int sandbox_landlock_abi(void);

/* Name of a role as in logs and configuration, static. */
const char *sandbox_role_name(enum sandbox_role role);

#endif
