/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/file.h: whole files.
 */
#ifndef COMMON_FILE_H
#define COMMON_FILE_H

#include "common/buf.h"

/* Append the octets of a file to out. ERR_LIMIT past the ceiling of out; -errno. */
int file_read(const char *path, struct buf *out) MUST_USE;

#endif
