/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * control/import_target.h: which mailbox the messages of a folder go to.
 *
 * Shape   INBOX to INBOX; Sent, Drafts, Trash, Junk and Archive, by what the source says of them or
 *         by the names that programs give them, to the mailbox of that use; the reserved names to
 *         themselves; all others to a mailbox of the same name, which is made and subscribed.
 */
#ifndef CONTROL_IMPORT_TARGET_H
#define CONTROL_IMPORT_TARGET_H

#include "control/ctl_import.h"

/* Find or make it: im->box, or im->no_box when no message can be stored there; *name_out in
 * im->box_arena. */
int import_target(struct import *im, const struct import_folder *f, struct slice *name_out)
    MUST_USE;

#endif
