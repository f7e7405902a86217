/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/swap.h"

static char top[] = "/tmp/congvu-swap-XXXXXX";

/* A file of a planted /proc or /sys, with the folders above it. */
static void
plant(const char *name, const char *text)
{
	char path[400];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", top, name);
	for (char *p = path + strlen(top) + 1; (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		mkdir(path, 0700);
		*p = '/';
	}
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int
check(const char *swaps, char name[400])
{
	char text[1000], proc[100], sys[100];
	struct buf out;
	int r;

	snprintf(text, sizeof text, "Filename\t\t\t\tType\t\tSize\tUsed\tPriority\n%s", swaps);
	plant("proc/swaps", text);
	snprintf(proc, sizeof proc, "%s/proc", top);
	snprintf(sys, sizeof sys, "%s/sys", top);
	buf_init(&out, 4096);
	r = swap_plain(proc, sys, &out);
	snprintf(name, 400, "%.*s", (int)out.n, out.n > 0 ? out.p : "");
	buf_fini(&out);
	return r;
}

static void
plain_swap_is_named(void **state)
{
	static const struct {
		const char *swaps, *plain;
	} rows[] = {
		{ "", NULL },
		{ "/dev/zram0 partition 1 0 5\n", NULL },
		{ "/dev/dm-7 partition 1 0 5\n", NULL },	/* dm-crypt */
		{ "/dev/dm-8 partition 1 0 5\n", NULL },	/* LVM on dm-7 */
		{ "/dev/dm-9 partition 1 0 5\n", "/dev/dm-9" },	/* LVM on that and on sdz1 */
		{ "/dev/sdz1 partition 1 0 -2\n", "/dev/sdz1" },
		{ "/dev/dm-7 partition 1 0 5\n/dev/sdz1\tpartition 1 0 -2\n", "/dev/sdz1" },
		{ "/no/such\\040file file 1 0 -2\n", "/no/such file" },
	};
	char name[400];

	(void)state;
	plant("sys/block/dm-7/dm/uuid", "CRYPT-PLAIN-swap\n");
	plant("sys/block/dm-8/dm/uuid", "LVM-abc\n");
	plant("sys/block/dm-8/slaves/dm-7/dm/uuid", "CRYPT-LUKS2-abc\n");
	plant("sys/block/dm-9/dm/uuid", "LVM-abc\n");
	plant("sys/block/dm-9/slaves/dm-7/dm/uuid", "CRYPT-LUKS2-abc\n");
	plant("sys/block/dm-9/slaves/sdz1/size", "1\n");
	plant("sys/block/sdz1/size", "1\n");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int r = check(rows[i].swaps, name);

		if (r != (rows[i].plain != NULL) ||
		    (r == 1 && strcmp(name, rows[i].plain) != 0))
			fail_msg("row %zu: %d %s", i, r, name);
	}
}

static void
a_file_is_as_safe_as_its_disk(void **state)
{
	char name[400], line[500], uuid[100];
	struct stat st;

	(void)state;
	plant("swapfile", "x");
	assert_int_equal(stat(top, &st), 0);
	snprintf(line, sizeof line, "%s/swapfile file 1 0 -2\n", top);
	assert_int_equal(check(line, name), 1);
	snprintf(uuid, sizeof uuid, "sys/dev/block/%u:%u/dm/uuid", major(st.st_dev),
	    minor(st.st_dev));
	plant(uuid, "CRYPT-LUKS2-abc\n");
	assert_int_equal(check(line, name), 0);
}

static void
no_swap_at_all(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	assert_int_equal(swap_plain("/no/such/folder", "/sys", &out), 0);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(plain_swap_is_named),
		cmocka_unit_test(a_file_is_as_safe_as_its_disk),
		cmocka_unit_test(no_swap_at_all),
	};
	char command[100];
	int failed;

	if (mkdtemp(top) == NULL)
		return 1;
	failed = cmocka_run_group_tests(t, NULL, NULL);
	snprintf(command, sizeof command, "rm -rf %s", top);
	return system(command) != 0 ? 1 : failed;
}
