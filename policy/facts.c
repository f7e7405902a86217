/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/facts.h"

static void
keep(struct facts *f, struct evidence e)
{
	if (f->evidence_count == FACTS_EVIDENCE_MAX) {
		f->evidence_dropped++;
		return;
	}
	f->evidence[f->evidence_count++] = e;
}

void
facts_add(struct facts *f, const char *detector, struct slice part, uint32_t position,
    unsigned level, bool asserted)
{
	if (asserted && level > f->level)
		f->level = level;
	if (!asserted)
		f->review = true;
	keep(f, (struct evidence){ detector, part, position, level, asserted });
}

void
facts_add_opaque(struct facts *f, const char *detector, struct slice part)
{
	f->opaque = true;
	keep(f, (struct evidence){ detector, part, 0, LEVEL_THUONG, false });
}

void
facts_note(struct facts *f, enum note what, struct slice part)
{
	for (unsigned i = 0; i < f->notes_n; i++)
		if (f->notes[i].what == what && slice_eq(f->notes[i].part, part))
			return;
	if (f->notes_n < FACTS_NOTES_MAX)
		f->notes[f->notes_n++] = (struct facts_note){ what, part };
}
