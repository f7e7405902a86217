/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/path.h: where the parts of the store are.
 */
#ifndef MAILSTORE_PATH_H
#define MAILSTORE_PATH_H

#include "common/err.h"

enum { PATH_OCTETS = 300 };

/* "<state_dir>/store/<below>" ("" for the folder itself). ERR_LIMIT. */
int path_store(const char *state_dir, const char *below, char out[PATH_OCTETS]) MUST_USE;

/* ERR_UNSUPPORTED: the file system of path is on another machine. LMDB's locks and memory maps do
 * not hold there, and what is written there has left this one. */
int path_refuse_network(const char *path) MUST_USE;

#endif
