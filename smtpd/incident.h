/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * smtpd/incident.h: compose a notice of incidents to the security officers.
 *
 * Shape   pure: what the audit says in, a whole message out (from the first header field on), in
 *         Vietnamese and English.
 * Safety  who, when, which rule; nothing of the content, not even a subject or a file name. Levels
 *         are numbers, so that the notice itself has no mark. What came from outside is shown as
 *         safe characters only, in base64.
 *         Words that others chose (MAIL FROM, an officer's reason) may be like a mark, and so keep
 *         the notice from its readers: bare, it is without them.
 * Bounds  INCIDENT_NAMED_MAX incidents are named, the rest is counted.
 */
#ifndef SMTPD_INCIDENT_H
#define SMTPD_INCIDENT_H

#include "common/arena.h"
#include "mailstore/proto.h"

enum { INCIDENT_NAMED_MAX = 64, INCIDENT_ID_OCTETS = 16 };

/* What was gathered since the last notice. */
struct incident {
	struct arena	   mem;			/* of the items' strings */
	struct st_incident items[INCIDENT_NAMED_MAX];
	size_t		   items_n;
	uint64_t	   mat, toi_mat, tuyet_mat, releases;	/* in all */
};

struct incident_head {
	struct slice hostname, domain, to;
	uint8_t	     id[INCIDENT_ID_OCTETS];
	int64_t	     now_s;
	bool	     bare;	/* without what others chose the words of */
};

void incident_init(struct incident *i);
void incident_fini(struct incident *i);
void incident_clear(struct incident *i);
bool incident_is_empty(const struct incident *i);

/* Add what the store says. ERR_NOMEM: some items are counted but not named. */
void incident_add(struct incident *i, const struct st_incidents_reply *reply);

/* OK; ERR_INVAL: to is none to write to; out->err. */
int incident_compose(const struct incident *i, const struct incident_head *h, struct buf *out)
    MUST_USE;

#endif
