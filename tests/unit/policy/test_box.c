/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/clock.h"
#include "common/sandbox.h"
#include "policy/extract/box.h"
#include "tests/unit/policy/zipmake.h"

struct seen {
	char	 text[256];
	unsigned pieces;
	int	 answer;	/* what the sink answers */
};

static int
note(void *arg, const struct extract_piece *p)
{
	struct seen *s = arg;
	size_t n = p->octets.n < sizeof s->text - 1 ? p->octets.n : sizeof s->text - 1;

	s->pieces++;
	memcpy(s->text, p->octets.p, n);
	s->text[n] = '\0';
	return s->answer;
}

static int
boxed(struct seen *s, unsigned deadline_ms)
{
	static const struct zip_file files[] = { ZIP_FILE("a.txt", "alpha") };
	struct extract_limits l;
	struct buf z;
	int err;

	extract_limits_init(&l);
	l.deadline_ms = deadline_ms;
	l.out_octets_max = 1 << 20;
	buf_init(&z, 4096);
	zip_make(&z, files, 1, ZIP_GOOD);
	err = box_extract(buf_slice(&z), EXTRACT_ZIP, &l, note, s);
	buf_fini(&z);
	return err;
}

static unsigned
open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	(void)closedir(d);
	return n;
}

static void
the_same_as_without_a_box(void **state)
{
	struct seen s = { "", 0, OK };
	unsigned before = open_files();

	(void)state;
	for (int i = 0; i < 20; i++) {
		s.pieces = 0;
		assert_int_equal(boxed(&s, 60000), OK);
		assert_int_equal(s.pieces, 2);
		assert_string_equal(s.text, "alpha");
	}
	assert_int_equal(open_files(), before);
}

static void
the_sink_can_stop_it(void **state)
{
	struct seen s = { "", 0, ERR_TIMEOUT };

	(void)state;
	assert_int_equal(boxed(&s, 60000), ERR_TIMEOUT);
	assert_int_equal(s.pieces, 1);
}

/* policyd opens boxes from inside its own sandbox. */
static void
inside_the_sandbox_of_policyd(void **state)
{
	pid_t pid = fork();
	int status = 0;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		const struct sandbox_paths none = { .count = 0 };
		struct seen s = { "", 0, OK };

		sandbox_require(false);
		if (sandbox_enter(SANDBOX_POLICYD, &none) != OK)
			_exit(2);
		_exit(boxed(&s, 60000) == OK && s.pieces == 2 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#ifdef WITH_CONTROLS
/* Whatever goes wrong in the child, nothing of its answer is believed. */
static void
faults(void **state)
{
	static const struct { const char *fault; int err; } rows[] = {
		{ "crash", ERR_FRAME }, { "hang", ERR_TIMEOUT }, { "lie", ERR_FRAME },
		{ "short", ERR_FRAME }, { "flood", ERR_FRAME }, { "open", ERR_FRAME },
		{ "late", ERR_FRAME },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct seen s = { "", 0, OK };
		uint64_t start = clock_ms();
		int err;

		assert_int_equal(setenv("CONGVU_BOX_FAULT", rows[i].fault, 1), 0);
		err = boxed(&s, strcmp(rows[i].fault, "hang") == 0 ? 200 : 60000);
		assert_int_equal(unsetenv("CONGVU_BOX_FAULT"), 0);
		if (err != rows[i].err || s.pieces != 0)
			fail_msg("%s: %d and %u pieces (%s), want %d and none", rows[i].fault, err,
			    s.pieces, s.text, rows[i].err);
		assert_true(clock_ms() - start < 50000);
	}
}
#endif

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(the_same_as_without_a_box),
		cmocka_unit_test(the_sink_can_stop_it),
		cmocka_unit_test(inside_the_sandbox_of_policyd),
#ifdef WITH_CONTROLS
		cmocka_unit_test(faults),
#endif
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
