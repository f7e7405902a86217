/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/wording.h"

#include <inttypes.h>
#include <string.h>

const char *
wording_detector(const char *detector, enum wording_language language)
{
	static const char *const rows[][3] = {
#define DETECTOR_ROW(name, vi, en) { name, vi, en },
#include "policy/detector.def"
#undef DETECTOR_ROW
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (strcmp(rows[i][0], detector) == 0)
			return rows[i][language == WORDING_VI ? 1 : 2];
	return NULL;
}

/* A stated level before what cannot be inspected before what a person should look at before what
 * stays inside. */
static unsigned
weight(const struct evidence *e)
{
	bool opaque = strncmp(e->detector, "opaque-", 7) == 0;

	if (e->asserted)
		return e->level > LEVEL_THUONG ? 2 + e->level : 0;
	return opaque ? 2 : 1;
}

void
wording_found(const struct facts *f, enum wording_language language, struct buf *out)
{
	bool vi = language == WORDING_VI;
	const struct evidence *e = NULL;
	const char *words;

	for (unsigned i = 0; i < f->evidence_count; i++)
		if (e == NULL || weight(&f->evidence[i]) > weight(e))
			e = &f->evidence[i];
	if (e == NULL)
		return;
	words = wording_detector(e->detector, language);
	buf_addf(out, vi ? ". Phat hien: %s" : ". Found: %s", words != NULL ? words : e->detector);
	if (e->part.n > 0)
		buf_addf(out, vi ? ", phan %.*s" : ", part %.*s", (int)slice_sub(e->part, 0, 64).n,
		    e->part.p);
	if (slice_chr(e->part, '/') >= 0)
		buf_adds(out, vi ? " (ben trong phan do)" : " (inside that part)");
	if (e->position > 0)
		buf_addf(out, vi ? ", dong %" PRIu32 : ", line %" PRIu32, e->position);
}
