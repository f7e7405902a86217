/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/file.h: whole files, and octets at a place of one.
 */
#ifndef COMMON_FILE_H
#define COMMON_FILE_H

#include "common/buf.h"

/* Append the octets of a file to out. ERR_LIMIT past the ceiling of out; -errno. */
int file_read(const char *path, struct buf *out) MUST_USE;

/* Write all of s at an offset. ERR_IO: nothing is taken any more; -errno. */
int file_write_at(int fd, struct slice s, uint64_t at) MUST_USE;

/* Read exactly n octets from an offset. ERR_CORRUPT: the file is too short; -errno. */
int file_read_at(int fd, void *dst, size_t n, uint64_t at) MUST_USE;

#endif
