/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/control.h"

#ifdef WITH_CONTROLS
#include <stdlib.h>

#include "common/slice.h"

bool
control_off(const char *check)
{
	struct slice all = slice_of(getenv("CONGVU_CONTROL_OFF"));
	struct slice one;

	while (all.n > 0) {
		slice_cut(&all, ',', &one);
		if (slice_is(one, check))
			return true;
	}
	return false;
}
#endif
