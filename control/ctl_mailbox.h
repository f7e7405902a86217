/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * control/ctl_mailbox.h: what the verbs "mailbox ..." share.
 */
#ifndef CONTROL_CTL_MAILBOX_H
#define CONTROL_CTL_MAILBOX_H

#include "control/control.h"
#include "directory/proto.h"
#include "mailstore/reader.h"

/* Open the store for reading. OK, or an error that the user has been told. */
int ctl_store_open(struct ctl *ctl, struct store **out) MUST_USE;

/* The account that a user's word means: its address, uid (of the time when it was made), or guid in
 * hex. OK; ERR_NOENT: not in the store (nothing is said); another error has been told. */
int ctl_user_find(struct ctl *ctl, const char *user, struct reader_account *out) MUST_USE;

/* What the directory says of an address, or of a guid (the other empty); valid in ctl->arena.
 * ERR_NOENT: it knows no such account (nothing is said). */
int ctl_user_ask(struct ctl *ctl, struct slice guid, struct slice address,
    const struct dir_account **out) MUST_USE;

/* "2026-11-22": seconds of its beginning (UTC). */
int ctl_parse_day(const char *text, int64_t *s_out) MUST_USE;

#endif
