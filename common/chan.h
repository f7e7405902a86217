/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/chan.h: request and reply between the programs, over UNIX SOCK_SEQPACKET.
 *
 * Shape   a service (chan_server) listens on one socket path per role, or is given pre-connected
 *         socketpairs; authority comes from the socket that a request came in on, SO_PEERCRED is
 *         only a second check. One table row per request says its number, who may send it, what
 *         it carries, what answers it and which function serves it.
 *         A client (chan_client) keeps one connection to one path, reconnects by itself, and
 *         calls back once for every call: with the reply, or with the reason there is none.
 * Frame   header { u8 version, u8 flags (1 = the encoding is in the last descriptor), u16 code,
 *         u32 id, i32 status } then the wire encoding.
 *         A reply repeats id and code; status is OK or an err.def value, and then no message.
 * Bounds  a frame is at most CHAN_FRAME_MAX octets and CHAN_FDS_MAX descriptors. A message that
 *         encodes to more (a group of thousands) goes, unseen by both callers, in a sealed memfd of at
 *         most CHAN_BODY_MAX. A peer that breaks the format loses its connection.
 */
#ifndef COMMON_CHAN_H
#define COMMON_CHAN_H

#include "common/loop.h"
#include "common/wire.h"

enum {
	CHAN_FRAME_MAX = 65536,
	CHAN_BODY_MAX = 16 * 1024 * 1024,
	CHAN_FDS_MAX = 4,
	CHAN_VERSION = 1,
};

/* Who is on the other end: one bit each, given by the socket it uses. */
enum chan_role {
	ROLE_SMTPD		= 1 << 0,
	ROLE_IMAPD_INTERNAL	= 1 << 1,
	ROLE_IMAPD_INTERNET	= 1 << 2,
	ROLE_IMAPD		= ROLE_IMAPD_INTERNAL | ROLE_IMAPD_INTERNET,
	ROLE_DIRECTORYD		= 1 << 3,
	ROLE_POLICYD		= 1 << 4,
	ROLE_MAILSTORED		= 1 << 5,
	ROLE_RELAY		= 1 << 6,
	ROLE_CONTROL		= 1 << 7,
	/* ROLE_CONTROL of a peer that is root, or the user that the service itself runs as
	 * (SO_PEERCRED of the moment when it connected); the socket's group does not do. Only in
	 * rows: req->role of such a peer is ROLE_CONTROL. Control "root-only" (see control.h)
	 * forgets the difference. */
	ROLE_CONTROL_ROOT	= 1 << 8,
	ROLE_TRUST		= 1 << 9,	/* congvu-trust */
};

/* "smtpd", "imapd-internal", ...: the word used in socket paths and logs. */
const char *chan_role_name(unsigned role);

/* Write "DIR/SERVICE.ROLE.sock" to out (cap octets): the one place that knows the pattern. */
int chan_path(const char *run_dir, const char *service, unsigned role, char *out, size_t cap)
    MUST_USE;

/* ---- service side ---- */

struct chan_server;
struct chan_peer;

/* A request being served. It may be answered later; then keep a copy of the struct (the message
 * itself and the descriptors live only during the call unless taken). */
struct chan_req {
	struct chan_peer *peer;		/* NULLed in the server's copies when the peer goes away */
	uint64_t	  peer_serial;
	uint32_t	  id;
	uint16_t	  code;
	unsigned	  role;
	int		  fds[CHAN_FDS_MAX]; /* owned by chan; set one to -1 to take it over */
	unsigned	  fds_n;
	struct arena	 *arena;	/* cleared when the handler returns */
};

typedef void (*chan_serve_fn)(void *service, struct chan_req *req, const void *msg);

struct chan_row {
	uint16_t		code;
	const char	       *name;
	unsigned		roles;	/* who may send it */
	unsigned		fds;	/* exactly so many descriptors come with it */
	const struct wire_type *request;
	const struct wire_type *reply;
	chan_serve_fn		serve;
};

/* Rows from a service's X-macro table: for its clients without functions, for the service itself with
 * serve_<code> put in (X(DIR_RCPT, ...) is served by serve_DIR_RCPT). */
#define CHAN_CLIENT_ROW(code, name, roles, fds, request, reply) \
	{ code, name, roles, fds, &request##_wire, &reply##_wire, NULL },
#define CHAN_SERVER_ROW(code, name, roles, fds, request, reply) \
	{ code, name, roles, fds, &request##_wire, &reply##_wire, serve_##code },

/* A service with its table of n rows. service is handed to the functions. */
int chan_server_new(struct loop *loop, const struct chan_row *rows, size_t n, void *service,
    struct chan_server **out) MUST_USE;
void chan_server_free(struct chan_server **server);

/* Listen for one role at path (an old socket file is replaced; mode 0660, group that of the role's
 * user, see common/identity.h, which also says whose connections are taken), or serve a connected
 * socketpair end (taken over). */
int chan_server_listen(struct chan_server *server, const char *path, unsigned role) MUST_USE;

/* The same in two steps, for a service that is started anew without the right to make the socket:
 * chan_listen() gives a listening descriptor, chan_server_serve() takes it over. */
int chan_listen(const char *path, unsigned role, int *fd_out) MUST_USE;
int chan_server_serve(struct chan_server *server, int fd, unsigned role) MUST_USE;

int chan_server_adopt(struct chan_server *server, int fd, unsigned role) MUST_USE;

/* Called when a peer has gone (its serial is in chan_req.peer_serial of its requests). */
typedef void (*chan_gone_fn)(void *service, uint64_t peer_serial);
void chan_server_on_gone(struct chan_server *server, chan_gone_fn fn);

/* One for a process that is nothing without its only peer: ends it at once, with status 0. */
void chan_exit_on_gone(void *service, uint64_t peer_serial);

/* Answer req: status OK with a message of the row's reply type (and descriptors, which stay the
 * caller's to close), or an error without one. Answering a peer that has gone does nothing.
 * A reply too large to encode is answered as ERR_LIMIT. */
void chan_reply(struct chan_server *server, const struct chan_req *req, int status,
    const void *msg, const int *fds, unsigned fds_n);

/* ---- client side ---- */

struct chan_client;

struct chan_answer {
	int	      status;	/* OK; a status of the service; ERR_UNAVAIL: never sent, or the service
				 * refused before acting; ERR_UNKNOWN: sent, and the connection broke;
				 * ERR_TIMEOUT: sent, no answer in time (a late answer is dropped) */
	const void   *msg;	/* the reply, valid during the callback; NULL unless OK */
	int	      fds[CHAN_FDS_MAX]; /* closed after the callback; set to -1 to take over */
	unsigned      fds_n;
};

typedef void (*chan_answer_fn)(void *arg, struct chan_answer *answer);

/* rows need no serve functions here; the same table serves both sides. */
int chan_client_new(struct loop *loop, const char *path, const struct chan_row *rows, size_t n,
    struct chan_client **out) MUST_USE;
int chan_client_adopt(struct loop *loop, int fd, const struct chan_row *rows, size_t n,
    struct chan_client **out) MUST_USE;
/* Answers what is open: ERR_UNAVAIL. It may be called from within one of the client's own callbacks;
 * no call may be made with it afterwards. */
void chan_client_free(struct chan_client **client);

/* Send a request; fn is called exactly once, never before chan_call returned. The descriptors
 * stay the caller's. *call_out (may be NULL) can cancel it. Errors are delivered through fn too,
 * so the caller has one path; so is the lack of memory, as long as few calls are open then. */
void chan_call(struct chan_client *client, uint16_t code, const void *msg, const int *fds,
    unsigned fds_n, uint64_t timeout_ms, chan_answer_fn fn, void *arg, uint32_t *call_out);

/* Forget an open call: fn will not be called. */
void chan_cancel(struct chan_client *client, uint32_t call);

bool chan_client_up(const struct chan_client *client);

/* ---- blocking calls, for programs without a loop (congvuctl, helper processes) ---- */

/* Connect to path within timeout_ms: descriptor or error. */
int chan_sync_connect(const char *path, uint64_t timeout_ms, int *fd_out) MUST_USE;

/* One request, one reply decoded into arena memory (*reply_out of the row's reply type, strings
 * copied into the arena). fds_out gets at most CHAN_FDS_MAX descriptors, the caller's to close
 * (NULL: none expected). Returns the status. */
int chan_sync_call(int fd, const struct chan_row *row, const void *msg, const int *fds,
    unsigned fds_n, uint64_t timeout_ms, struct arena *arena, const void **reply_out,
    int *fds_out, unsigned *fds_out_n) MUST_USE;

#endif
