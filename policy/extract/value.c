/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/value.h"

#include "policy/extract/datauri.h"
#include "policy/extract/entity.h"
#include "policy/extract/html.h"

unsigned
value_flags(struct slice value, struct buf *data)
{
	struct buf plain;
	unsigned flags = 0;
	struct slice s;
	size_t n = 0;

	if (slice_chr(value, ':') < 0 && slice_chr(value, '&') < 0)
		return 0;
	buf_init(&plain, 4 * value.n + 16);
	entity_text(value, &plain);
	for (size_t i = 0; i < plain.n; i++)
		if (plain.p[i] != '\t' && plain.p[i] != '\n' && plain.p[i] != '\r')
			plain.p[n++] = plain.p[i];
	s = slice_trim((struct slice){ plain.p, n });
	if (plain.err == OK && datauri_is_base64(s)) {
		flags = HTML_HAS_DATA;
		if (data != NULL) {
			buf_add(data, slice_from(s, 5));
			buf_addc(data, '\n');
		}
	} else if (plain.err != OK || datauri_has(s) ||
	    slice_find_nocase(s, SLICE("javascript:")) >= 0 ||
	    slice_find_nocase(s, SLICE("vbscript:")) >= 0) {
		flags = HTML_HAS_EMBEDDED;
	}
	buf_fini(&plain);
	return flags;
}

bool
value_runs(struct slice name)
{
	return name.n > 4 && slice_starts_nocase(name, SLICE("on")) && ascii_is_alpha(name.p[2]);
}
