/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/memfd.h: large octets between processes: sealed memory files.
 *
 * Shape   the sender writes, seals and passes the descriptor; the receiver checks seals and size
 *         before it maps. After sealing nobody can change, shrink or grow it, so a receiver may
 *         parse the mapping in place.
 */
#ifndef COMMON_MEMFD_H
#define COMMON_MEMFD_H

#include "common/slice.h"

/* A new empty memory file: its descriptor in *fd_out. name is for /proc only. */
int memfd_new(const char *name, int *fd_out) MUST_USE;

/* Append all of s. ERR_NOSPC, ERR_IO... */
int memfd_write(int fd, struct slice s) MUST_USE;

/* Seal against shrink, grow, write and further seals. */
int memfd_seal(int fd) MUST_USE;

/* new + write + seal. */
int memfd_of(const char *name, struct slice s, int *fd_out) MUST_USE;

/* Map a received file read-only: ERR_FRAME if it is not a fully sealed memfd, ERR_LIMIT if larger
 * than max_octets. An empty file gives an empty slice. Undo with memfd_unmap. */
int memfd_map(int fd, size_t max_octets, struct slice *out) MUST_USE;
void memfd_unmap(struct slice *s);

#endif
