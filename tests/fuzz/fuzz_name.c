/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Mailbox names: the stored form is a fixed point, within its bound, and as reserved as what it was
 * made from.
 */
#include <stdlib.h>

#include "mailstore/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	struct buf once, twice;

	buf_init(&once, 4 * ST_NAME_MAX);
	buf_init(&twice, 4 * ST_NAME_MAX);
	if (name_normal(in, &once) == OK) {
		if (once.n == 0 || once.n > ST_NAME_MAX ||
		    name_normal(buf_slice(&once), &twice) != OK ||
		    !slice_eq(buf_slice(&once), buf_slice(&twice)) ||
		    store_name_is_mat(in) != store_name_is_mat(buf_slice(&once)))
			abort();
	} else
		(void)store_name_is_mat(in);
	buf_fini(&once);
	buf_fini(&twice);
	return 0;
}
