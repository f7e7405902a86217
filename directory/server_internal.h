/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * directory/server_internal.h: what server.c and server_auth.c share; nobody else includes it.
 */
#ifndef DIRECTORY_SERVER_INTERNAL_H
#define DIRECTORY_SERVER_INTERNAL_H

#include "directory/cache.h"
#include "directory/guidmap.h"
#include "directory/job.h"
#include "directory/pool.h"
#include "directory/right.h"
#include "directory/server.h"
#include "directory/throttle.h"

enum {
	CONVERSATIONS_MAX = 1024, CLIENT_OCTETS_MAX = 64, MECHANISM_OCTETS_MAX = 64,
	SERVER_WATCH_JOB_MS = 90 * 1000,	/* a helper that hangs is killed then */
};

/* An exchange that is not over: who may go on with it, and where. */
struct conversation {
	uint64_t id;			/* 0: free */
	uint64_t peer_serial;
	uint64_t helper, helper_id;
	uint64_t touched_ms;
	uint64_t watch_serial;		/* of the changes known when it began */
	uint8_t	 zone;
	size_t	 client_n;
	char	 client[CLIENT_OCTETS_MAX];
};

struct server_watch;

struct server {
	struct loop	   *loop;
	const struct conf  *conf;
	struct chan_server *chan;
	struct chan_client *keyd;
	struct pool	   *sign_in, *look_up;
	struct cache	   *cache;
	uint64_t	    cache_epoch;	/* how often it was emptied */
	struct server_watch *watch;
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

/* ---- changes of accounts (server_watch.c) ---- */

void serve_DIR_WATCH(void *service, struct chan_req *req, const void *msg);
void server_watch_reload(struct server *s, pool_main_fn main);
int server_watch_start(struct server *s, pool_main_fn main) MUST_USE;
void server_watch_stop(struct server *s);
void server_watch_gone(struct server *s, uint64_t peer_serial);
bool server_watch_reaped(struct server *s, pid_t pid, int status);
void server_watch_status(const struct server *s, struct dir_status_reply *out);

/* A sign-in that began at serial `since` has just been answered. */
uint64_t server_watch_serial(const struct server *s);
void server_watch_signed_in(struct server *s, const uint8_t guid[DIR_GUID_OCTETS], uint64_t since);

#endif
