/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* A path and its parameters. What was taken can be written between < and > again, and is the
 * same. */
#include <stdlib.h>
#include <string.h>

#include "smtpd/mailpath.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
again(struct slice spec)
{
	char mem[MAILPATH_MAX + 2];
	struct slice in = { mem, spec.n + 2 };
	struct mailpath p;

	if (in.n > sizeof mem)
		abort();
	mem[0] = '<';
	if (spec.n > 0)
		memcpy(mem + 1, spec.p, spec.n);
	mem[spec.n + 1] = '>';
	if (mailpath_parse(&in, &p) != OK || in.n != 0 || !slice_eq(p.spec, spec))
		abort();
}

/* What was written plainly is an address again, and stays as it is. */
static void
plain_is_stable(const struct mailpath *path)
{
	struct mailpath p;
	struct buf one, two;
	struct slice in;

	buf_init(&one, 1000);
	buf_init(&two, 1000);
	buf_addc(&one, '<');
	mailpath_plain(path, &one);
	buf_addc(&one, '>');
	in = buf_slice(&one);
	if (one.err != OK || mailpath_parse(&in, &p) != OK || in.n != 0)
		abort();
	mailpath_plain(&p, &two);
	if (!slice_eq(buf_slice(&two), slice_sub(buf_slice(&one), 1, one.n - 2)))
		abort();
	buf_fini(&one);
	buf_fini(&two);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice in = { (const char *)data, n };
	struct mailpath_param param;
	struct mailpath p;

	if (mailpath_parse(&in, &p) != OK)
		return 0;
	for (size_t i = 0; i < p.spec.n; i++)
		if ((unsigned char)p.spec.p[i] < 32 || p.spec.p[i] == 127)
			abort();
	again(p.spec);
	plain_is_stable(&p);
	while (mailpath_param(&in, &param) == 1)
		if (slice_chr(param.value, '\r') >= 0 || param.name.n == 0)
			abort();
	return 0;
}
