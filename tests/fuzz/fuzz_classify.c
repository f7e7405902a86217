/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Whole messages, containers opened in this process: the facts are consistent. */
#include <stdint.h>
#include <stdlib.h>

#include "policy/classify.h"
#include "policy/wording.h"
#include "tests/fuzz/own_extract.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct facts *f)
{
	unsigned highest = 0;

	if (f->evidence_count > FACTS_EVIDENCE_MAX || f->level > LEVEL_TUYET_MAT)
		abort();
	for (unsigned i = 0; i < f->evidence_count; i++) {
		const struct evidence *e = &f->evidence[i];

		if (e->detector == NULL || e->level > LEVEL_TUYET_MAT ||
		    wording_detector(e->detector, WORDING_VI) == NULL)
			abort();
		if (e->asserted && e->level > highest)
			highest = e->level;
		for (size_t k = 0; k < e->part.n; k++)
			if (!ascii_is_digit(e->part.p[k]) && e->part.p[k] != '.' &&
			    e->part.p[k] != '/')
				abort();
	}
	if (f->evidence_dropped == 0 && highest != f->level)
		abort();
	if (f->partly_inspected && !f->opaque)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct classify_options o;
	struct facts f = { .level = 0 };
	struct arena a;

	classify_options_init(&o);
	o.extract = own_extract;
	o.limits.out_octets_max = 1 << 20;
	o.limits.entries_max = 100;
	o.text_octets_max = 1 << 20;
	arena_init(&a, 8 << 20);
	if (classify_message((struct slice){ (const char *)data, size }, &o, &a, &f) == OK)
		check(&f);
	arena_clear(&a);
	return 0;
}
