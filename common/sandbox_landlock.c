/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/sandbox_internal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>


/*
 * The kernel's interface, spelled out because the headers of a build machine may be older than
 * the kernel it runs on. Source: Documentation/userspace-api/landlock.rst.
 */
enum {
	FS_EXECUTE = 1 << 0, FS_WRITE_FILE = 1 << 1, FS_READ_FILE = 1 << 2, FS_READ_DIR = 1 << 3,
	FS_REMOVE_DIR = 1 << 4, FS_REMOVE_FILE = 1 << 5, FS_MAKE_CHAR = 1 << 6,
	FS_MAKE_DIR = 1 << 7, FS_MAKE_REG = 1 << 8, FS_MAKE_SOCK = 1 << 9, FS_MAKE_FIFO = 1 << 10,
	FS_MAKE_BLOCK = 1 << 11, FS_MAKE_SYM = 1 << 12,
	FS_REFER = 1 << 13,		/* ABI 2 */
	FS_TRUNCATE = 1 << 14,		/* ABI 3 */
	NET_BIND_TCP = 1 << 0, NET_CONNECT_TCP = 1 << 1,	/* ABI 4 */
	FS_IOCTL_DEV = 1 << 15,		/* ABI 5 */
	SCOPE_ABSTRACT_UNIX = 1 << 0, SCOPE_SIGNAL = 1 << 1,	/* ABI 6 */

	FS_OF_FILES = FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE,
	FS_RO = FS_READ_FILE | FS_READ_DIR,
	FS_RW = FS_RO | FS_WRITE_FILE | FS_TRUNCATE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR |
	    FS_MAKE_REG | FS_REFER,
	CREATE_VERSION = 1 << 0,
	RULE_PATH_BENEATH = 1,
};

struct ruleset_attr {
	uint64_t fs, net, scoped;
};

struct path_attr {
	uint64_t allowed;
	int32_t	 parent_fd;
} __attribute__((packed));

int
sandbox_landlock_abi(void)
{
	long v = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);

	return v > 0 ? (int)v : 0;
}

static uint64_t
fs_rights(int abi)
{
	return abi >= 5 ? 0xffff : abi >= 3 ? 0x7fff : abi >= 2 ? 0x3fff : 0x1fff;
}

static int
create_ruleset(unsigned groups, int abi)
{
	struct ruleset_attr attr = { .fs = fs_rights(abi) };
	size_t size = sizeof attr.fs;

	if (abi >= 4) {
		size += sizeof attr.net;
		attr.net = groups & INET ? 0 : NET_BIND_TCP | NET_CONNECT_TCP;
	}
	if (abi >= 6) {
		size += sizeof attr.scoped;
		/* A parent may have to stop children that it had before it entered. */
		attr.scoped = groups & CHILDREN ? SCOPE_ABSTRACT_UNIX :
		    SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
	}
	return (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
}

static int
add_path(int ruleset, const struct sandbox_path *path, int abi)
{
	struct path_attr attr = { .allowed = path->access == SANDBOX_RW ? FS_RW : FS_RO };
	struct stat st;
	int err = ERR_INVAL;

	attr.parent_fd = open(path->path, O_PATH | O_CLOEXEC);
	if (attr.parent_fd < 0)
		return errno == ENOENT && path->access == SANDBOX_RO_IF_THERE ? OK : ERR_INVAL;
	if (fstat(attr.parent_fd, &st) != 0)
		goto out;
	if (!S_ISDIR(st.st_mode))
		attr.allowed &= FS_OF_FILES;
	attr.allowed &= fs_rights(abi);
	if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &attr, 0) != 0)
		goto out;
	err = OK;
out:
	close(attr.parent_fd);
	return err;
}

int
sandbox_landlock_open(unsigned groups, const struct sandbox_paths *paths, int abi, int *fd_out,
    const char **path_out)
{
	static const struct sandbox_path sanitizer = { "/proc", SANDBOX_RO_IF_THERE };
	int fd, err = OK;

	*fd_out = -1;
	if (abi == 0)
		return OK;
	fd = create_ruleset(groups, abi);
	if (fd < 0)
		return ERR_SANDBOX;
	for (size_t i = 0; i < paths->count && err == OK; i++) {
		*path_out = paths->v[i].path;
		err = add_path(fd, &paths->v[i], abi);
	}
	if (err == OK && (groups & SANITIZER))
		err = add_path(fd, &sanitizer, abi);
	if (err != OK) {
		close(fd);
		return err;
	}
	*path_out = NULL;
	*fd_out = fd;
	return OK;
}

int
sandbox_landlock_enter(int fd)
{
	return syscall(SYS_landlock_restrict_self, fd, 0) == 0 ? OK : ERR_SANDBOX;
}
