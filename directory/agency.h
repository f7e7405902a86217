/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/agency.h: which agency an account belongs to, and what that may keep altogether.
 *
 * Shape   entries with the class congvuAgency, usually those of organizational units, are agencies; an
 *         account belongs to the nearest one above it. They are few and seldom change: the
 *         list is read at once and kept for AGENCY_KEPT_MS.
 * Bounds  AGENCY_MAX of them; with more, or when one has no entryUUID, those are left out and logged.
 */
#ifndef DIRECTORY_AGENCY_H
#define DIRECTORY_AGENCY_H

#include "directory/source.h"

enum { AGENCY_MAX = 4096, AGENCY_KEPT_MS = 60 * 1000 };

struct agencies;

int agencies_new(struct agencies **out) MUST_USE;
void agencies_free(struct agencies **as);

/* Add to *quota what the agency of the entry dn may keep. It is copied to
 * arena. as NULL: nothing is done. ERR_UNAVAIL: the list
 * was never read and cannot be read now. */
int agencies_of(struct agencies *as, const struct source *source, struct slice dn,
    struct arena *arena, struct st_quota *quota) MUST_USE;

#endif
