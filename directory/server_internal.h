/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/server_internal.h: what server.c and server_auth.c share; nobody else includes it.
 */
#ifndef DIRECTORY_SERVER_INTERNAL_H
#define DIRECTORY_SERVER_INTERNAL_H

#include "directory/cache.h"
#include "directory/job.h"
#include "directory/pool.h"
#include "directory/server.h"
#include "directory/throttle.h"

enum { CONVERSATIONS_MAX = 1024, CLIENT_OCTETS_MAX = 64, MECHANISM_OCTETS_MAX = 64 };

/* An exchange that is not over: who may go on with it, and where. */
struct conversation {
	uint64_t id;			/* 0: free */
	uint64_t peer_serial;
	uint64_t helper, helper_id;
	uint64_t touched_ms;
	uint8_t	 zone;
	size_t	 client_n;
	char	 client[CLIENT_OCTETS_MAX];
};

struct server {
	struct loop	   *loop;
	const struct conf  *conf;
	struct chan_server *chan;
	struct chan_client *keyd;
	struct pool	   *sign_in, *look_up;
	struct cache	   *cache;
	struct throttle	   *throttle;
	uint8_t		   *token_key;	/* sodium_malloc */
	struct buf	    mechanisms;
	struct arena	    arena;
	bool		    ldap_up;
	uint64_t	    sign_ins_ok, sign_ins_bad, unavailable;
	struct conversation conversations[CONVERSATIONS_MAX];
};

/* Count what could not be answered, and log when the directory goes and comes. */
void server_note(struct server *s, int status);

void serve_DIR_AUTH(void *service, struct chan_req *req, const void *msg);

/* A peer has gone: forget its exchanges. */
void server_auth_gone(struct server *s, uint64_t peer_serial);

#endif
