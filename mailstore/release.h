/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/release.h: releases that two officers signed, each for one message.
 *
 * Shape   functions within a transaction of control. What the statements say is policyd's business;
 *         here an id is taken once, and a release used once.
 * Rows    in tree "meta": "release-r" id16 -> struct st_release; "release-s" hash16 id16: open, by
 *         the sender's address; "release-u" hash16 time4 id16: used, the last first; "release-d"
 *         delivery16 id16: used; "release-t" time4 id16: by age.
 * Bounds  ST_RELEASES_OPEN_MAX open ones of a sender, ST_RELEASES_MAX rows, kept RELEASE_KEEP_S
 *         after they were added.
 */
#ifndef MAILSTORE_RELEASE_H
#define MAILSTORE_RELEASE_H

#include "mailstore/control.h"

enum {
	RELEASE_KEEP_S = 30 * 24 * 3600,
	RELEASE_AHEAD_S = 73 * 3600,	/* no release is good for longer */
};

/* ERR_INVAL: it lacks something, or is over; ERR_EXIST, ERR_LIMIT: see ST_RELEASE_ADD. */
int release_add(struct control *c, const struct st_release *r, int64_t now_s, struct arena *a)
    MUST_USE;

/* ST_RELEASE_FIND, ST_RELEASE_LIST. */
int release_find(struct control *c, const struct st_release_find_request *req, int64_t now_s,
    struct arena *a, struct st_release_list_reply *out) MUST_USE;
int release_list(struct control *c, const struct st_release_list_request *req, struct arena *a,
    struct st_release_list_reply *out) MUST_USE;

/* *out is what was revoked. ERR_NOENT, ERR_BAD_STATE. */
int release_revoke(struct control *c, struct slice id, int64_t now_s, struct arena *a,
    struct st_release *out) MUST_USE;

/* Use it up for a delivery. ERR_ACCESS: it is not open any more, or another sender's. */
int release_use(struct control *c, const struct st_release_use *use, struct slice delivery,
    int64_t now_s, struct arena *a, struct st_release *out) MUST_USE;

/* The audit record of an act ("release-add", "release-used", "release-revoke") on r, with both
 * officers. by: who did it, or empty. */
int release_audit(const struct st_release *r, const char *event, struct slice by,
    struct arena *a, struct st_audit *out) MUST_USE;

/* A row of a backup. 1: it belongs to a release; put *val_out in its place, nothing when empty:
 * what was open then may have been used since. 0: it does not. */
int release_restore(struct control *c, struct slice key, struct slice val, int64_t now_s,
    struct arena *a, struct slice *val_out) MUST_USE;

#endif
