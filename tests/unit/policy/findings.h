/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/unit/policy/findings.h: what was found, as one line that a table of cases can hold:
 * "line-mark@3=mat", with "?" behind it for a person to look, and "internal".
 */
#ifndef TESTS_UNIT_POLICY_FINDINGS_H
#define TESTS_UNIT_POLICY_FINDINGS_H

#include <stdio.h>
#include <string.h>

#include "common/words.h"
#include "policy/label/mark.h"

struct findings {
	char text[512];
};

static inline void
findings_add(void *arg, const struct label_finding *f)
{
	struct findings *all = arg;
	char one[64];
	size_t n = strlen(all->text);

	if (f->weight == LABEL_INTERNAL)
		(void)snprintf(one, sizeof one, "internal");
	else
		(void)snprintf(one, sizeof one, "%s@%u=%s%s", f->detector, f->position,
		    level_name(f->level), f->weight == LABEL_REVIEW ? "?" : "");
	if (strstr(all->text, one) != NULL)
		return;		/* several readings of one line find the same */
	(void)snprintf(all->text + n, sizeof all->text - n, "%s%s", n > 0 ? " " : "", one);
}

#endif
