/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/unit/mailstore/ms_memory.h: an engine in memory, as plain as it can be: what other engines
 * are compared with, and the proof that mailstore/ms.h asks for nothing that is LMDB's.
 *
 * Shape   lists, searched from the beginning; octets as they came. It forgets all at close.
 */
#ifndef TESTS_MAILSTORE_MS_MEMORY_H
#define TESTS_MAILSTORE_MS_MEMORY_H

#include "mailstore/ms.h"

const struct ms_engine *ms_memory(void);

#endif
