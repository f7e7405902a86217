/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * imapd/status.h: STATUS items, for the command and for LIST ... RETURN (STATUS (...)).
 */
#ifndef IMAPD_STATUS_H
#define IMAPD_STATUS_H

#include "imapd/session.h"

/* "(" item *(SP item) ")" as a mask. */
int status_parse(struct args *a, unsigned *items_out) MUST_USE;

/* "* STATUS name (...)". */
int status_add(struct session *s, const struct backend_box *box, unsigned items) MUST_USE;

#endif
