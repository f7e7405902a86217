/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/frame_seal.h: compress, encrypt and sum up a message: a whole frame in memory.
 *
 * Shape   no state but the zstd contexts given, so several threads may do it at once, each with
 *         contexts of its own.
 * Bounds  the frame is at most as large as summary and message with a tag for each chunk and the
 *         head.
 */
#ifndef MAILSTORE_FRAME_SEAL_H
#define MAILSTORE_FRAME_SEAL_H

#include "mailstore/frame.h"

/* Messages from this size on are compressed, if compression is on. */
enum { FRAME_COMPRESS_OCTETS = 4096 };

/* How large a frame may get: for the room that is kept for it. */
uint64_t frame_seal_octets_max(const struct frame *f);

/* f has segment, lsn, sizes and chunks; the rest is filled in. out gets the whole frame, head
 * and sealed chunks. ERR_NOMEM. */
int frame_seal(struct frame *f, const uint8_t key[32], bool compress, struct slice summary,
    struct slice message, struct crypt_zip *zip, struct buf *out) MUST_USE;

#endif
