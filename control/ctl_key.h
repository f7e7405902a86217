/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * control/ctl_key.h: keysets for administrators.
 *
 * Shape   an audit record of who opens which keyset for what is durable before keyd is asked; without
 *         it nothing is opened. keyd answers root alone (ROLE_CONTROL_ROOT).
 * Safety  secret_out must be in sodium_malloc; it is zeroed unless OK.
 */
#ifndef CONTROL_CTL_KEY_H
#define CONTROL_CTL_KEY_H

#include "control/control.h"

enum { CTL_SECRET_OCTETS = 32 };

struct ctl_keyset {
	struct slice guid;	/* of the account that it belongs to, 16 octets */
	struct slice address;	/* of that account, for the audit */
	unsigned     class;	/* KEYSET_* */
	struct slice wrapped;
};

/* act: one word, "mailbox-export". OK, or an error that the user has been told. */
int ctl_key_open(struct ctl *ctl, const char *act, const struct ctl_keyset *keyset,
    uint8_t secret_out[CTL_SECRET_OCTETS]) MUST_USE;

/* Make an audit record of an administrator's act durable: event is at most 32 octets, detail
 * administrative text. OK, or an error that the user has been told. */
int ctl_audit(struct ctl *ctl, const char *event, struct slice address, const char *detail)
    MUST_USE;

/* "by-uid=0 sudo=name": who runs this, for the audit. */
void ctl_by(char out[100]);

/* A master key that takes over from the one in use (ctl_key_master.c); the key of the queue must be one of
 * its own by then. An exit status. */
int ctl_key_master(struct ctl *ctl);

#endif
