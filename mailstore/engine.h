/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/engine.h: the store of mailstored: environments, segment, accounts, audit, and the
 * group commit over them. No sockets: serve.c and tests drive it.
 *
 * Shape   work comes as jobs. engine_commit takes a list of them through four steps, each done
 *         for the whole group with one sync or commit: seal (bodies into the segment), control
 *         (intents, queue, audit), index (mailboxes). A job is over when the last step it has is
 *         durable. Deliveries are over after control; their mailbox rows follow by engine_apply.
 * Crash   bodies before the row that names them; an intent before its mailbox rows; mailbox rows
 *         with the mark of how far the intents are applied. engine_open replays what is left.
 */
#ifndef MAILSTORE_ENGINE_H
#define MAILSTORE_ENGINE_H

#include "mailstore/account.h"
#include "mailstore/audit.h"
#include "mailstore/box.h"
#include "mailstore/gc.h"
#include "mailstore/notify.h"
#include "mailstore/segment.h"

struct engine_conf {
	const char *state_dir, *run_dir;
	uint64_t    map_octets, reserve_octets, segment_octets;
	bool	    compress;
	uint32_t    expunged_days;	/* that expunged mail stays restorable; 0: not at all */
	int	    lock_fd;	/* of engine_lock(), taken over; 0: the engine locks the store */
};

enum { ENGINE_LATENCIES = 1024, ENGINE_COPIES_MAX = 256, ENGINE_INTENTS_MAX = 20000 };

struct engine_stats {
	uint64_t commits, syncs;	/* groups; fdatasync and the like */
	uint32_t latency_us[ENGINE_LATENCIES];	/* of the last groups, a ring */
	size_t	 latency_n, latency_at;
};

/* An intent that is durable in control, and how far it is in the index. */
struct engine_intent {
	struct engine_intent *next;
	uint64_t	      number;
	size_t		      applied;	/* copies */
	bool		     *stuck;	/* copies that could not be filed; NULL: none */
	struct control_intent row;
	struct arena	      a;
};

struct engine {
	struct engine_conf    conf;
	int		      lock_fd;
	struct index	     *ix;
	struct control	     *ctl;
	struct segment_writer *seg;
	struct segment_cache *segments;
	struct crypt_zip     *zip;
	struct accounts	     *accounts;
	struct notify	     *notify;
	uint8_t		     *spool_key;	/* guarded; NULL until keyd gave it */
	struct audit_head     audit;
	struct engine_intent *intents, **intents_end;	/* to be applied, in order */
	struct engine_intent *applied, **applied_end;	/* to be closed in control */
	size_t		      intents_n, copies_pending;
	uint64_t	      next_intent;
	struct gc	     *gc;
	int		      broken;	/* an error after which nothing may be written any more */
	bool		      queue_changed;	/* something may be due */
	struct engine_stats   stats;
};

/* Take the store for this process until the descriptor is closed, whatever ends it. The file is
 * beside the store, so that one who may not enter the store can do it too. ERR_EXIST: another
 * mailstored has it. */
int engine_lock(const char *state_dir, int *fd_out) MUST_USE;

/* ERR_EXIST: another mailstored has it. ERR_UNSUPPORTED: a network file system. ERR_VERSION. */
int engine_open(const struct engine_conf *conf, struct engine **out) MUST_USE;
void engine_close(struct engine **e);

int engine_set_spool_key(struct engine *e, const uint8_t key[32]) MUST_USE;

/* Is there room for octets more, with enough left to remove what is there? ERR_NOSPC. */
int engine_room(const struct engine *e, uint64_t octets) MUST_USE;
uint64_t engine_free_octets(const struct engine *e);

struct engine_job {
	struct engine_job *next;
	int  (*seal)(struct engine *e, struct engine_job *job);
	int  (*control)(struct engine *e, struct engine_job *job);
	int  (*index)(struct engine *e, struct engine_job *job);
	void (*done)(struct engine *e, struct engine_job *job);	/* see status; may free the job */
	int  status;
	bool poisoned;		/* private: failed after it had changed something */
};

/* Take the jobs through their steps and call done for each. */
void engine_commit(struct engine *e, struct engine_job *jobs);

/* Bring up to ENGINE_COPIES_MAX copies of open intents into their mailboxes: OK when nothing or
 * something was done, an error when nothing could be done now. */
int engine_apply(struct engine *e) MUST_USE;

/* Take the rows of applied intents out of control: in an own commit. */
int engine_close_intents(struct engine *e) MUST_USE;

/* Mail is appended to no segment below this one, and whatever was is committed, or failed: no frame
 * down there will be named by control or index that is not now. */
uint32_t engine_sealed_below(const struct engine *e);

/* Now and then: end an epoch that is old, free what dead readers hold. */
void engine_tidy(struct engine *e);

uint64_t engine_latency_us(const struct engine *e, unsigned percent);

/* ---- the acts that jobs are made of ---- */

/* A new account: its rows in control (number and keyset ids are given here), then in index. */
int engine_account_control(struct engine *e, struct control_account *row) MUST_USE;
int engine_account_index(struct engine *e, const struct control_account *row) MUST_USE;

/* A delivery, prepared in the seal step. */
struct engine_delivery {
	struct control_intent intent;
	struct control_blob   body;
	uint8_t		      spool_wrapped[48];
	uint64_t	      number;	/* of the intent; 0: nothing local */
	bool		      repeated;	/* its id was committed before */
};

int engine_deliver_seal(struct engine *e, const struct st_deliver_request *req,
    struct slice message, struct slice summary, struct arena *a, struct engine_delivery *out)
    MUST_USE;
int engine_deliver_control(struct engine *e, const struct st_deliver_request *req,
    struct engine_delivery *d) MUST_USE;
/* After the commit: its intent awaits engine_apply. */
int engine_deliver_done(struct engine *e, const struct engine_delivery *d) MUST_USE;

/* The octets of a queue entry for the relay, in a sealed memfd. */
int engine_spool_read(struct engine *e, const struct control_queue *q, int *fd_out) MUST_USE;

/* An append, sealed for the mailbox that it names. */
struct engine_append {
	struct box_message message;
	uint8_t		   email_id[16], wrapped[48];
	uint32_t	   keyset;
	bool		   repeated;
	struct st_append_reply reply;
};

int engine_append_seal(struct engine *e, const struct box_scope *sc,
    const struct st_append_request *req, struct slice message, struct slice summary,
    struct engine_append *out) MUST_USE;
int engine_append_index(struct engine *e, const struct box_scope *sc,
    const struct st_append_request *req, struct engine_append *ap) MUST_USE;

/* Would size octets more fit into the account's quota? Unknown accounts have everything free. */
int engine_quota(struct engine *e, struct slice guid, const struct st_quota *quota,
    uint64_t size_octets) MUST_USE;

#endif
