/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/keyfile.h: the master key on disk.
 *
 * Shape   STATE_DIR/keys (0700) holds master.key (0600), "congvu-master-1 <64 hex digits>\n", and
 *         master.id, a fingerprint of it. The fingerprint stays behind when the key is lost or
 *         replaced: then a new key is not made, for the mail at rest needs the old one.
 */
#ifndef DIRECTORY_KEYFILE_H
#define DIRECTORY_KEYFILE_H

#include "common/buf.h"
#include "directory/keyring.h"

/*
 * Read the master key, or make it when neither it nor its fingerprint is there (*made_out).
 * ERR_CONF: why gets one line that says what is wrong and what to do; ERR_IO, ERR_NOSPC as met.
 */
int keyfile_load(const char *state_dir, uint8_t master_out[KEYRING_MASTER_OCTETS], bool *made_out,
    struct buf *why) MUST_USE;

#endif
