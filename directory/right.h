/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/right.h: what a session was allowed at sign-in, and whether it still is.
 *
 * Shape   pure; smtpd and imapd keep a struct dir_right of each signed-in session and compare it
 *         with what DIR_WATCH and DIR_ACCOUNT say now.
 */
#ifndef DIRECTORY_RIGHT_H
#define DIRECTORY_RIGHT_H

#include "directory/proto.h"

enum dir_end {
	DIR_STAYS,		/* the session goes on */
	DIR_END_GONE,		/* the account was removed */
	DIR_END_DISABLED,	/* locked or withdrawn */
	DIR_END_ZONE,		/* may not be used from the session's zone any more */
	DIR_END_CREDENTIALS,	/* sign-in name or password are others */
	DIR_END_RIGHTS,		/* clearance lowered, or zones changed: sign in again */
};

/* The rights of an account; guid points into it. */
struct dir_right dir_right_of(const struct dir_account *a);

/* May a session of zone (ZONE_*), signed in with the rights `was`, go on with `now`? Another quota
 * or a higher clearance ends nothing. */
enum dir_end dir_right_end(const struct dir_right *was, const struct dir_right *now, unsigned zone);

/* The reason, in one word for the log. */
const char *dir_end_name(enum dir_end end);

#endif
