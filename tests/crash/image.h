/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/crash/image.h: what a cut left, as folders; and whether the engine finds all in it.
 */
#ifndef TESTS_CRASH_IMAGE_H
#define TESTS_CRASH_IMAGE_H

#include "acts.h"

/* A folder for folders, in memory if there is such a place. 0, or it cannot be made. */
int image_base(char out[64]);
void image_dir(const char *base, const char *name, char out[200]);
void image_remove(const char *dir);

/* variant 0: nothing that is unsure, 1: all of it, others: some, by the seed. */
void image_make(const char *base, unsigned depth, const struct disk *d, unsigned variant,
    uint64_t seed, char out[200]);

/* In a process of its own, since it opens the store. 0: all is as the ledger allows, and work goes
 * on; 1: why says what is wrong. */
int check_image(const struct keys *keys, const struct ledger *l, const char *dir, char why[400]);

#endif
