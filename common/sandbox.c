/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/sandbox_internal.h"

#include <assert.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/control.h"
#include "common/log.h"
#include "config.h"

#ifdef WITH_SANITIZER
enum { IN_SANITIZER = SANITIZER };
#else
enum { IN_SANITIZER = 0 };
#endif

static const struct {
	const char *name;
	unsigned    groups;
	rlim_t	    as_mib, nofile;
} rows[] = {
#define SANDBOX_ROW(id, name, groups, as_mib, nofile) \
	{ name, (groups) | IN_SANITIZER, as_mib, nofile },
#include "common/sandbox.def"
#undef SANDBOX_ROW
};

static bool required = true;

void
sandbox_require(bool required_)
{
	required = required_;
}

const char *
sandbox_role_name(enum sandbox_role role)
{
	return (unsigned)role < SANDBOX_ROLE_COUNT ? rows[role].name : "?";
}

/* Landlock and seccomp bind the calling thread and those it starts later: others would stay free.
 * */
static bool
is_single_threaded(void)
{
	struct stat st;

	if (IN_SANITIZER)
		return true;
	return stat("/proc/self/task", &st) == 0 && st.st_nlink == 3;
}

static int
lower(int resource, rlim_t to)
{
	struct rlimit was, now;

	if (getrlimit((__rlimit_resource_t)resource, &was) != 0)
		return ERR_SANDBOX;
	now.rlim_max = to < was.rlim_max ? to : was.rlim_max;
	now.rlim_cur = now.rlim_max;
	return setrlimit((__rlimit_resource_t)resource, &now) == 0 ? OK : ERR_SANDBOX;
}

static int
set_limits(enum sandbox_role role)
{
	int err = lower(RLIMIT_CORE, 0);

	if (err == OK && rows[role].nofile > 0)
		err = lower(RLIMIT_NOFILE, rows[role].nofile);
	if (err == OK && rows[role].as_mib > 0 && !IN_SANITIZER)
		err = lower(RLIMIT_AS, rows[role].as_mib << 20);
	return err;
}

static int
drop_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

	return syscall(SYS_capset, &head, none) == 0 ? OK : ERR_SANDBOX;
}

/* LeakSanitizer traces its own process when it ends. */
static int
hide(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return ERR_SANDBOX;
	return IN_SANITIZER != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? OK : ERR_SANDBOX;
}

/* What the kernel lacks is an error only when the sandbox is required. */
static int
missing(const char *part, const char **step)
{
	*step = part;
	if (required)
		return ERR_SANDBOX;
	log_event(EV_SANDBOX_PARTIAL, F_CSTR("missing", part), F_END);
	return OK;
}

static int
enter(enum sandbox_role role, const struct sandbox_paths *paths, int abi, const char **step)
{
	unsigned groups = rows[role].groups;
	const char *path = NULL;
	int fd, err;

	*step = "paths";
	err = sandbox_landlock_open(groups, paths, abi, &fd, &path);
	if (err != OK) {
		*step = path != NULL ? path : "landlock";
		return err;
	}
	*step = "limits";
	if ((err = set_limits(role)) != OK)
		goto out;
	*step = "capabilities";
	if ((err = drop_capabilities()) != OK)
		goto out;
	*step = "privileges";
	if ((err = hide()) != OK)
		goto out;
	if (fd < 0 || sandbox_landlock_enter(fd) != OK)
		err = missing("landlock", step);
out:
	if (fd >= 0)
		close(fd);
	if (err == OK && sandbox_seccomp_enter(groups) != OK)
		err = missing("seccomp", step);
	return err;
}

int
sandbox_enter(enum sandbox_role role, const struct sandbox_paths *paths)
{
	const char *step = "threads";
	int abi = sandbox_landlock_abi();
	int err = ERR_SANDBOX;

	assert((unsigned)role < SANDBOX_ROLE_COUNT);
	if (control_off("sandbox"))
		return OK;
	if (is_single_threaded())
		err = enter(role, paths, abi, &step);
	if (err == OK)
		log_event(EV_SANDBOX_CLOSED, F_CSTR("role", rows[role].name),
		    F_I64("landlock", abi), F_END);
	else
		log_event(EV_SANDBOX_FAILED, F_CSTR("role", rows[role].name), F_CSTR("at", step),
		    F_ERR(err), F_END);
	return err;
}
