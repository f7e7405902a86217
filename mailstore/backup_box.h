/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/backup_box.h: one mailbox as a snapshot has it.
 *
 * Shape   backup_box reads the rows of the snapshot once from end to end, and keeps what belongs
 *         to that mailbox; backup_box_frame reads the sealed octets of one of its messages.
 * Errors  ERR_NOENT: the snapshot has no such account, or mailbox; as in mailstore/backup.h.
 */
#ifndef MAILSTORE_BACKUP_BOX_H
#define MAILSTORE_BACKUP_BOX_H

#include "mailstore/backup.h"
#include "mailstore/record.h"

struct backup_mail {
	struct store_record rec;
	struct record_blob  place;
	bool		    has_place, has_epoch, has_keyset;
	uint8_t		    epoch_public[32];	/* of the segment that the blob's number names */
	uint8_t		    keyset_public[32];
};

struct backup_box {
	struct record_box   box;
	struct backup_mail *mail;	/* by uid */
	size_t		    n;
};

/* guid: of the account, 16 octets. name: as people write it. ERR_INVAL: it cannot be a name. */
int backup_box(struct backup *b, const struct backup_manifest *m, struct slice guid,
    struct slice name, struct backup_box *out) MUST_USE;
void backup_box_free(struct backup_box *box);

/* ERR_CORRUPT: the snapshot lacks what the message needs. */
int backup_box_frame(struct backup *b, const struct backup_manifest *m,
    const struct backup_mail *mail, struct buf *out) MUST_USE;

#endif
