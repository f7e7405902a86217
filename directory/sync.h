/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/sync.h: the values of LDAP content synchronisation, read and written.
 *
 * Shape   pure; BER with definite lengths. Slices point into the input.
 * Bounds  SYNC_COOKIE_MAX octets of cookie; a set of ids is as long as its message.
 * Errors  ERR_SYNTAX: the server does not speak RFC 4533.
 * Source  RFC 4533 2; X.690 8.
 */
#ifndef DIRECTORY_SYNC_H
#define DIRECTORY_SYNC_H

#include "common/buf.h"
#include "directory/guidmap.h"

#define SYNC_OID_REQUEST "1.3.6.1.4.1.4203.1.9.1.1"
#define SYNC_OID_STATE	 "1.3.6.1.4.1.4203.1.9.1.2"
#define SYNC_OID_INFO	 "1.3.6.1.4.1.4203.1.9.1.4"

enum { SYNC_COOKIE_MAX = 4096 };

enum sync_entry_state { SYNC_PRESENT, SYNC_ADD, SYNC_MODIFY, SYNC_DELETE };
enum sync_info_kind { SYNC_NEW_COOKIE, SYNC_REFRESH_DELETE, SYNC_REFRESH_PRESENT, SYNC_ID_SET };

/* The control that comes with an entry. A cookie that is not given is empty. */
struct sync_state {
	enum sync_entry_state state;
	uint8_t		      guid[GUIDMAP_GUID_OCTETS];
	struct slice	      cookie;
};

struct sync_info {
	enum sync_info_kind kind;
	struct slice	    cookie;
	bool		    done;	/* REFRESH_*: the refresh is over with it */
	bool		    deletes;	/* ID_SET: these are gone, else these are there */
	struct slice	    ids;	/* ID_SET: for sync_next_id */
};

/* The value of the request control, refreshAndPersist. */
void sync_request(struct slice cookie, struct buf *out);

int sync_parse_state(struct slice in, struct sync_state *out) MUST_USE;
int sync_parse_info(struct slice in, struct sync_info *out) MUST_USE;

/* 1 and the next id; 0: no more; ERR_SYNTAX. */
int sync_next_id(struct slice *ids, uint8_t out[GUIDMAP_GUID_OCTETS]) MUST_USE;

#endif
