/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Containers of which only parsers of ours and zip are to be fuzzed; the others are others' code. */
#ifndef TESTS_FUZZ_OWN_EXTRACT_H
#define TESTS_FUZZ_OWN_EXTRACT_H

#include "policy/extract/extract.h"

static int
own_extract(struct slice octets, enum extract_type type, const struct extract_limits *limits,
    extract_sink_fn *sink, void *arg)
{
	return type == EXTRACT_ZIP ? extract_run(octets, type, limits, sink, arg) : ERR_FRAME;
}

#endif
