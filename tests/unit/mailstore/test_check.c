/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "check_world.h"
#include "mailstore/index.h"

static void
a_whole_store_is_whole(void **state)
{
	struct world *w = *state;

	world_copy(w);
	for (unsigned flags = 0; flags < 16; flags++) {
		if ((flags & WORLD_REPAIR) != 0)
			continue;
		assert_int_equal(world_check(w, flags), OK);
		if (w->found_n != 0)
			world_show(w);
		assert_int_equal(w->found_n, 0);
		assert_int_equal(w->result.accounts, 3);
		assert_true(w->result.messages > 24 && w->result.bodies >= 9);
		assert_true(w->result.frame_octets > 20000 && w->result.queued == 4);
		assert_int_equal(w->result.opened,
		    (flags & WORLD_KEYS) != 0 ? w->result.messages : 0);
		assert_int_equal(w->result.left_out, 0);
	}
}

static int
begin(void **state)
{
	static struct world w;

	world_begin(&w);
	*state = &w;
	return 0;
}

static int
end(void **state)
{
	world_end(*state);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest t[] = { cmocka_unit_test(a_whole_store_is_whole) };

	return cmocka_run_group_tests(t, begin, end);
}
