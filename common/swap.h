/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/swap.h: may what is in memory come to lie on a disk in plain?
 *
 * Shape   /proc/swaps names what is swapped to; a device is safe when it is zram, or dm-crypt itself or
 *         all that it is made of is (LVM on dm-crypt); a file, when the device of its file system is.
 *         Secrets are locked into memory in any case; this is about mail and passwords at work.
 */
#ifndef COMMON_SWAP_H
#define COMMON_SWAP_H

#include "common/buf.h"

/* The first place that is swapped to in plain: 1 and its name in out; 0: none; an error. proc and sys
 * stand for /proc and /sys. */
int swap_plain(const char *proc, const char *sys, struct buf *out) MUST_USE;

#endif
