/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* tests/unit/policy/sandboxed.h: a test in a process of its own, inside a program's sandbox. */
#ifndef TESTS_POLICY_SANDBOXED_H
#define TESTS_POLICY_SANDBOXED_H

#include <sys/wait.h>
#include <unistd.h>

#include "common/sandbox.h"

/* It may read no file; what fails in it fails the test. */
static void
sandboxed(enum sandbox_role role, void (*run)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		const struct sandbox_paths none = { .count = 0 };

		sandbox_require(false);
		if (sandbox_enter(role, &none) != OK)
			_exit(2);
		run();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#endif
