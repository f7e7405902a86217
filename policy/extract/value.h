/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/value.h: what the value of an attribute brings along besides its text.
 *
 * Source  RFC 2397 (data:), WHATWG URL 4.4 (line ends and tabs are dropped).
 */
#ifndef POLICY_EXTRACT_VALUE_H
#define POLICY_EXTRACT_VALUE_H

#include "common/buf.h"

/* Does it hold content of its own, or make some: HTML_HAS_DATA, HTML_HAS_EMBEDDED or 0. The content
 * is appended to data (NULL: it is not wanted), a line without its "data:". */
unsigned value_flags(struct slice value, struct buf *data);

/* Is the value of an attribute of that name a script: "onload"? */
bool value_runs(struct slice name);

#endif
