/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/unit/common/scratch.h: folders of tests.
 */
#ifndef TESTS_COMMON_SCRATCH_H
#define TESTS_COMMON_SCRATCH_H

/* Remove a folder with all that is in it: 0, or -1. */
int scratch_remove(const char *dir);

#endif
