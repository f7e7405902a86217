/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * imapd/conn.h: one connection: its socket, TLS, deadlines, the engine, and what it asks of others.
 *
 * Bounds  an idle connection holds this struct, the engine, and TLS; buffers exist while there is
 *         something in them. Input is read only when the engine takes it, output is written before
 *         more is made.
 */
#ifndef IMAPD_CONN_H
#define IMAPD_CONN_H

#include "directory/right.h"
#include "imapd/engine.h"
#include "imapd/worker.h"
#include "policy/release_ask.h"

enum { CONN_KEYSETS_MAX = 64 };

enum conn_phase {
	CONN_HANDSHAKE,		/* TLS is being set up */
	CONN_OPEN,
	CONN_CLOSING,		/* TLS is being ended */
};

/* Who is signed in. */
struct account {
	uint32_t number;	/* within this store */
	unsigned clearance;
	struct st_quota quota;		/* group: in group */
	char	 group[QUOTA_GROUP_OCTETS];
	struct dir_right right;		/* as at sign-in, without guid */
	char	 guid[DIR_GUID_OCTETS];
	char	 address[321];
	char	 uid[129];
	uint32_t places[CONN_KEYSETS_MAX];	/* of its secrets in worker.keys */
	size_t	 places_n;
	uint32_t newest_keyset;	/* of those that there were at sign-in */
};

struct conn {
	struct worker	  *worker;
	struct conn	  *next, **link;
	const struct conf_listener *listener;
	struct loop_fd	   lf;
	struct loop_timer  deadline, again, delay;
	struct tls_conn	  *tls;
	enum conn_phase	   phase;
	struct session	  *engine;
	struct buf	   pending;	/* read, not taken yet */
	enum engine_waits  deadline_for;
	bool		   worked;	/* the last step was one of the engine */
	uint64_t	   moved_octets;	/* since the deadline was set */
	bool		   eof;
	bool		   leaving;	/* whatever the peer does: the deadline ends it */
	bool		   sent_end;
	bool		   keys_changed;	/* since sign-in: mail is there that it cannot open */
	char		   client[ACCEPT_CLIENT_MAX];
	uint8_t		   peer_key[SHARE_KEY_OCTETS];

	struct account	  *account;	/* NULL: nobody */
	struct sign_in	  *sign_in;	/* under way */
	struct judged	  *judged;	/* of the message in the spool */
	struct release_ask release;	/* that officers signed for it */
	struct chan_client *asked;	/* where the call under way is */
	uint32_t	   call;
	struct rewrap	  *rewrap;	/* of the COPY under way */
	int		   spool_fd;
	uint64_t	   spool_octets;

	struct store_message *message;	/* the one that is read */
	uint32_t	   message_box, message_uid;
	uint64_t	   message_octets;
	bool		   message_open;
	uint64_t	   generation;	/* of the account's changes, as seen last */
};

/* Serve an accepted connection; on error it stays the caller's. */
int conn_new(struct worker *w, const struct accept_peer *peer) MUST_USE;

/* Do what can be done now. It may end the connection: c is not valid afterwards. */
void conn_go(struct conn *c);

/* End it with BYE, as far as the peer reads. */
void conn_bye(struct conn *c, const char *code, const char *text);

/* The account may not go on: end it, within a moment also if the peer does not read. */
void conn_withdraw(struct conn *c, const char *code, const char *text);

/* The account's mail changed (or may have). */
void conn_changed(struct conn *c);

/* The answer to the engine's ask; then conn_go. */
void conn_answer(struct conn *c, const struct backend_reply *reply);

/* Forget who is signed in, wipe what was only for them. */
void conn_forget_account(struct conn *c);

/* ---- the backend, over the store and the channels; ctx is the conn ---- */
extern const struct backend conn_backend;

void conn_release(void *ctx);				/* read.c */
int conn_boxes(void *ctx, struct arena *a, struct backend_box **out, size_t *n_out);
int conn_box(void *ctx, struct slice name, struct backend_box *out);
int conn_state(void *ctx, uint32_t box, struct backend_state *out);
int conn_keywords(void *ctx, uint32_t box, struct arena *a, struct slice **out, size_t *n_out);
int conn_scan(void *ctx, uint32_t box, uint32_t first_uid, struct backend_msg *out, size_t max,
    size_t *n_out);
int conn_uids(void *ctx, uint32_t box, uint32_t first_uid, uint32_t *out, size_t max,
    size_t *n_out);
int conn_first_unseen(void *ctx, uint32_t box, uint32_t *uid_out);
int conn_changes(void *ctx, uint32_t box, uint64_t since, uint32_t first_uid,
    struct backend_msg *out, size_t max, size_t *n_out,
    uint32_t *next_uid_out);
int conn_vanished(void *ctx, uint32_t box, uint64_t since, struct arena *a,
    struct backend_range **out, size_t *n_out, bool *complete_out);
int conn_summary(void *ctx, uint32_t box, uint32_t uid, struct slice *out);
int conn_octets(void *ctx, uint32_t box, uint32_t uid, uint64_t begin, uint64_t end,
    struct slice *out);

void conn_ask(void *ctx, const struct backend_ask *ask);	/* ask.c */
void conn_call(struct conn *c, struct chan_client *to, uint16_t code, const void *msg,
    const int *fds, unsigned fds_n, chan_answer_fn fn);

void conn_sign_in(struct conn *c, struct slice message);	/* sign_in.c */
void conn_sign_in_drop(struct conn *c);
struct account *conn_signing_in(const struct conn *c);

/* COPY and MOVE, which may bring wraps for another keyset (rewrap.c). */
void conn_copy(struct conn *c, const struct backend_ask *ask);
void conn_copy_drop(struct conn *c);
/* The secret of a keyset, if this session was given it (read.c). */
const uint8_t *conn_secret(const struct conn *c, uint32_t keyset);

int conn_watch_accounts(struct worker *w) MUST_USE;		/* withdraw.c */

int conn_spool_open(void *ctx, uint64_t size_octets);		/* spool.c */
int conn_spool_add(void *ctx, struct slice in);
void conn_spool_drop(void *ctx);
void conn_judge(struct conn *c);
void conn_append(struct conn *c, const struct backend_ask *ask);
void conn_refused(struct conn *c);

#endif
