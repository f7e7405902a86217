/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/helper.h: a helper process: one job at a time, blocking, in its own sandbox.
 */
#ifndef DIRECTORY_HELPER_H
#define DIRECTORY_HELPER_H

#include "common/conf.h"

/* Serve jobs on fd until its other end closes. Returns the exit status of the process. signs_in:
 * also load SASL. Called in a fresh child that has no other descriptors of its parent's. */
int helper_main(const struct conf *conf, int fd, bool signs_in);

/* How long a helper may work on one job; its parent gives up a little later. */
uint64_t helper_budget_ms(const struct conf *conf);

#endif
