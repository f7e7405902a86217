/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* tests/unit/policy/pieces.h: what an extractor handed out, as text. */
#ifndef TESTS_POLICY_PIECES_H
#define TESTS_POLICY_PIECES_H

#include "policy/extract/extract.h"

#include "common/buf.h"

static struct buf got;

/* "N2:name F2:octets T3:text P4:text O2:opaque-type", one after the other. */
static int
note(void *arg, const struct extract_piece *p)
{
	static const char kinds[] = "TPFNSO";

	(void)arg;
	buf_addf(&got, "%c%u:", kinds[p->type], p->index);
	if (p->type == EXTRACT_OPAQUE)
		buf_adds(&got, extract_why_detector(p->why));
	else
		buf_add(&got, p->octets);
	buf_addc(&got, ' ');
	return got.err;
}

#endif
