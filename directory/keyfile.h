/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/keyfile.h: the master key on disk.
 *
 * Shape   STATE_DIR/keys (0700) holds master.key (0600), "congvu-master-1 <64 hex digits>\n", and
 *         master.id, a fingerprint of it. The fingerprint stays behind when the key is lost or
 *         replaced: then a new key is not made, for the mail at rest needs the old one.
 * Turn    a key that took over from another has a seed behind it, "congvu-master-2 <64 hex digits>
 *         <64 hex digits>\n": of the key that signs the audit, which stays the same. While secrets are
 *         wrapped anew, the next key is in master.next and its fingerprint in next.id; then
 *         master.next becomes master.key, and next.id becomes master.id. Whatever was last
 *         when all stopped, keyfile_load can go on from it.
 */
#ifndef DIRECTORY_KEYFILE_H
#define DIRECTORY_KEYFILE_H

#include "common/buf.h"
#include "directory/keyring.h"

/* For sodium_malloc. */
struct keyfile {
	uint8_t master[KEYRING_MASTER_OCTETS];
	uint8_t seed[32];		/* of the key that signs the audit */
	uint8_t next[KEYRING_MASTER_OCTETS];
	bool	has_next;
};

/*
 * Read the master key, or make it when neither it nor its fingerprint is there (*made_out).
 * ERR_CONF: why gets one line that says what is wrong and what to do; ERR_IO, ERR_NOSPC as met.
 */
int keyfile_load(const char *state_dir, struct keyfile *out, bool *made_out, struct buf *why)
    MUST_USE;

/* Make master.next (unless it is there), durable and its keyd's, and load both: before KEY_MASTER. By
 * root, or who keyd is. */
int keyfile_make_next(const char *state_dir, struct keyfile *out, struct buf *why) MUST_USE;

/* master.next is the master key from now on, the old one is gone. Only when nothing is wrapped by the
 * old one any more. */
int keyfile_turn(const char *state_dir, struct buf *why) MUST_USE;

/* "32 hex digits": which key it is, without telling the key. */
enum { KEYFILE_ID_OCTETS = 33 };

/* Of the master.key in a folder of keys, which need not be that of this machine's store. Errors as
 * above. */
int keyfile_fingerprint(const char *keys_dir, char id_out[KEYFILE_ID_OCTETS], struct buf *why)
    MUST_USE;

#endif
