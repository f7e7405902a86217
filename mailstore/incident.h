/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/incident.h: which audit records security officers are told of, and up to which they
 * have been.
 *
 * Shape   the audit itself is the list, so nothing that was written down can be lost on the way; a
 *         row of "meta" has the serial number that the last notice ended with, and moves in the
 *         transaction that delivers the next one.
 * Bounds  INCIDENT_LOOK_MAX records are looked at in one call.
 */
#ifndef MAILSTORE_INCIDENT_H
#define MAILSTORE_INCIDENT_H

#include "mailstore/control.h"

enum { INCIDENT_LOOK_MAX = 1000, INCIDENT_BEHIND_MAX = 10000 };

/* Is it one? Pure. */
bool incident_is(const struct st_audit *record);

/* Where the last notice ended: ERR_NOENT before the first is prepared. A transaction is open. */
int incident_get(struct control *c, uint64_t *out) MUST_USE;
int incident_set(struct control *c, uint64_t serial) MUST_USE;

/* Look at records; strings in the arena. ERR_NOENT: no beginning was set. */
int incident_list(struct control *c, const struct st_incidents_request *req, struct arena *a,
    struct st_incidents_reply *out) MUST_USE;

/* In the transaction of the delivery. ERR_NOENT: another notice has told of them. */
int incident_told(struct control *c, const struct st_incidents_told *told) MUST_USE;

#endif
