/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Any octets as a summary blob: what a reader gets stays inside; any octets as a section. */
#include <stdlib.h>

#include "mime/section.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_blob(const struct summary *s, struct arena *a)
{
	struct slice name = SLICE("From"), text;
	struct section_range r;
	struct section sec;
	uint32_t begin, end;
	struct buf b;

	buf_init(&b, s->blob.n + 16);
	for (unsigned i = 0; i < SUMMARY_TEXT_COUNT; i++) {
		text = summary_text(s, (enum summary_text)i);
		if (text.n > 0 && (text.p < s->blob.p || text.p + text.n > s->blob.p + s->blob.n))
			abort();
	}
	if (summary_field(s, name, &begin, &end) == 1 && (begin > end || end > s->size_octets))
		abort();
	if (summary_header_fields(s, &name, 1, &b) < 0)
		abort();
	if (section_parse(SLICE("2.1.1"), a, &sec) != OK)
		abort();
	if (section_resolve(&sec, s, &r) == OK && (r.begin > r.end || r.end > s->size_octets))
		abort();
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	struct section sec;
	struct summary s;
	struct arena a;

	arena_init(&a, 1 << 20);
	if (summary_open(in, &s) == OK)
		read_blob(&s, &a);
	if (section_parse(in, &a, &sec) == OK && sec.depth > SECTION_DEPTH_MAX)
		abort();
	arena_clear(&a);
	return 0;
}
