/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/facts.h"

#include <string.h>

/* Several readings of one line find the same. */
static bool
is_last(const struct facts *f, const struct evidence *e)
{
	const struct evidence *last;

	if (f->evidence_count == 0)
		return false;
	last = &f->evidence[f->evidence_count - 1];
	return last->detector == e->detector &&
	    slice_eq(last->part, e->part) && last->position == e->position &&
	    last->level == e->level && last->asserted == e->asserted;
}

static void
keep(struct facts *f, struct evidence e)
{
	if (is_last(f, &e))
		return;
	if (f->evidence_count == FACTS_EVIDENCE_MAX) {
		f->evidence_dropped++;
		return;
	}
	f->evidence[f->evidence_count++] = e;
}

static struct cause *
cause_of(struct facts *f, const char *detector, struct slice part)
{
	const unsigned char *sha256 = leaf_digest(&f->leaf);

	for (unsigned i = 0; sha256 != NULL && i < f->causes_count; i++)
		if (memcmp(f->causes[i].sha256, sha256, sizeof f->causes[i].sha256) == 0)
			return &f->causes[i];
	if (sha256 == NULL || f->causes_count == FACTS_CAUSES_MAX) {
		f->causes_incomplete = true;
		return NULL;
	}
	f->causes[f->causes_count] = (struct cause){ .detector = detector, .part = part };
	memcpy(f->causes[f->causes_count].sha256, sha256, sizeof f->causes[0].sha256);
	return &f->causes[f->causes_count++];
}

static void
blame(struct facts *f, const char *detector, struct slice part, unsigned weight, unsigned level)
{
	struct cause *c = cause_of(f, detector, part);

	if (c == NULL)
		return;
	c->weights |= weight;
	if (level > c->level)
		c->level = level;
}

void
facts_add(struct facts *f, const char *detector, struct slice part, uint32_t position,
    unsigned level, bool asserted)
{
	if (asserted && level > f->level)
		f->level = level;
	if (!asserted)
		f->review = true;
	f->declassified |= strcmp(detector, "declassified") == 0;
	blame(f, detector, part, asserted ? CAUSE_ASSERTED : CAUSE_REVIEW,
	    asserted ? level : LEVEL_THUONG);
	keep(f, (struct evidence){ detector, part, position, level, asserted });
}

void
facts_add_opaque(struct facts *f, const char *detector, struct slice part)
{
	f->opaque = true;
	blame(f, detector, part, CAUSE_OPAQUE, LEVEL_THUONG);
	keep(f, (struct evidence){ detector, part, 0, LEVEL_THUONG, false });
}

void
facts_add_internal(struct facts *f, const char *detector, struct slice part, uint32_t position)
{
	f->internal_only = true;
	blame(f, detector, part, CAUSE_INTERNAL, LEVEL_THUONG);
	for (unsigned i = 0; i < f->evidence_count; i++)
		if (f->evidence[i].detector == detector && slice_eq(f->evidence[i].part, part))
			return;
	keep(f, (struct evidence){ detector, part, position, LEVEL_THUONG, true });
}

void
facts_add_late(struct facts *f, const char *detector, struct slice part)
{
	f->partly_inspected = f->opaque = true;
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
