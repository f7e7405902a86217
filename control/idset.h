/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * control/idset.h: a set of identifiers that are as good as random (16 octets), with a count each.
 *
 * Bounds  about 40 octets each; linear in memory, constant in time. IDSET_MAX identifiers.
 */
#ifndef CONTROL_IDSET_H
#define CONTROL_IDSET_H

#include <stdint.h>

#include "common/err.h"

enum { ID_OCTETS = 16, IDSET_MAX = 1 << 27 };

struct idset;

int idset_new(struct idset **out) MUST_USE;
void idset_free(struct idset **s);

/* How often id was added. */
uint32_t idset_count(const struct idset *s, const uint8_t id[ID_OCTETS]);

/* ERR_NOMEM, ERR_LIMIT. */
int idset_add(struct idset *s, const uint8_t id[ID_OCTETS]) MUST_USE;

#endif
