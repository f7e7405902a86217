/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * control/ctl_audit.h: what the verbs "audit ..." share. The lines of an export are in
 * doc/design/audit.md.
 */
#ifndef CONTROL_CTL_AUDIT_H
#define CONTROL_CTL_AUDIT_H

#include "control/control.h"
#include "mailstore/proto.h"

/* A record for people and programs, without its canonical octets. */
json_t *ctl_audit_json(struct ctl *ctl, const struct st_audit_record *r);

/* "audit verify --file FILE [--key HEX]": no server is needed. */
int ctl_audit_verify_file(struct ctl *ctl, int argc, char **argv);

#endif
