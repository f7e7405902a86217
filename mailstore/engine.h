/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/engine.h: the store of mailstored: environments, segment, accounts, audit, and the
 * group commit over them. No sockets: serve.c and tests drive it.
 *
 * Shape   work comes as jobs. A job may be prepared: checked, and its body handed to the threads
 *         that seal (sealer.h), while others are being committed; the seal step then takes over
 *         what they made. engine_commit takes a list of jobs through three steps, each done for the
 *         whole group with one sync or commit: seal (bodies into the segment), control (intents,
 *         queue, audit), index (mailboxes). The segment is synced while the rows of control are
 *         put, and before they are committed. A job is over when the last step it has is durable.
 *         Deliveries are over after control; their mailbox rows follow by engine_apply.
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
#include "mailstore/sealer.h"
#include "mailstore/segment.h"
#include "mailstore/thread.h"

enum { ENGINE_PERCENTS_MAX = 4 };

struct engine_conf {
	const char *state_dir, *run_dir;
	uint64_t    map_octets, reserve_octets, segment_octets;
	bool	    compress;
	uint32_t    expunged_days;	/* that expunged mail stays restorable; 0: not at all */
	unsigned    threads;	/* that seal bodies; 0: the committer does */
	uint8_t	    warn_percents[ENGINE_PERCENTS_MAX];	/* of a quota, to warn at */
	size_t	    warn_percents_n;
	int	    lock_fd;	/* of engine_lock(), taken over; 0: the engine locks the store */
};

enum { ENGINE_LATENCIES = 1024, ENGINE_COPIES_MAX = 256, ENGINE_INTENTS_MAX = 20000,
	ENGINE_APPLY_MS = 10,		/* a slice ends after so long, too */
	ENGINE_LAG_MS = 250, ENGINE_COPIES_BEHIND = 16 * ENGINE_COPIES_MAX };

/* Where the committer's time goes. */
enum engine_part { ENGINE_SEAL, ENGINE_CONTROL, ENGINE_INDEX, ENGINE_APPLY, ENGINE_PARTS };

struct engine_stats {
	uint64_t commits, syncs;	/* groups; fdatasync and the like */
	uint64_t part_us[ENGINE_PARTS];
	uint32_t commit_us;		/* what a group takes at present, smoothed */
	uint32_t lag_us, lag_max_us;	/* accepted to visible: of the last slice; ever */
	uint32_t latency_us[ENGINE_LATENCIES];	/* of the last groups, a ring */
	size_t	 latency_n, latency_at;
};

/* An intent that is durable in control, and how far it is in the index. */
struct engine_intent {
	struct engine_intent *next;
	uint64_t	      number, opened_us;
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
	struct sealer	     *sealer;
	uint64_t	      cold_us;	/* until then mailbox rows may have to be read from disk */
	struct engine_syncing *syncing;	/* the segment, under way; NULL: nothing */
	struct accounts	     *accounts;
	struct notify	     *notify;
	uint8_t		     *spool_key;	/* guarded; NULL until keyd gave it */
	uint8_t		     *spool_old;	/* guarded; while entries are wrapped anew, else NULL */
	uint64_t	      spool_serial;	/* grows with each new key */
	struct audit_head     audit;
	struct engine_intent *intents, **intents_end;	/* to be applied, in order */
	struct engine_intent *applied, **applied_end;	/* to be closed in control */
	size_t		      intents_n, copies_pending;
	uint64_t	      next_intent;
	struct gc	     *gc;
	int		      broken;	/* an error after which nothing may be written any more */
	bool		      queue_changed;	/* something may be due */
	uint64_t	      keysets_serial;	/* grows when a keyset is destroyed */
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

/*
 * The key of the queue as control keeps it: wrapped by keyd; empty: the one that follows from the
 * master key. While a rotation is under way the one before is there, too: entries are wrapped for
 * either.
 */
struct spool_key {
	uint8_t	 octets[128];
	uint8_t	 n;
};

struct spool_row {
	struct spool_key now, old;
	bool	 has_old;
};

/* In a transaction of control. */
int engine_spool_row_get(struct engine *e, struct spool_row *out) MUST_USE;
int engine_spool_row_put(struct engine *e, const struct spool_row *row) MUST_USE;
/* A new key is in force; the one before becomes spool_old. */
int engine_spool_turn(struct engine *e, const uint8_t key[32]) MUST_USE;
int engine_set_spool_old(struct engine *e, const uint8_t key[32]) MUST_USE;
void engine_spool_forget_old(struct engine *e);
/* The key of a body that one of both opens. ERR_CRYPTO: neither. */
int engine_spool_unwrap(const struct engine *e, uint64_t blob, struct slice wrapped,
    uint8_t key_out[32]) MUST_USE;
/* Wrap up to n entries behind *at anew; *at moves on; *done_out: how many were wrapped anew. 1:
 * there may be more; 0: none. */
int engine_spool_rewrap(struct engine *e, struct record_key *at, size_t n, uint64_t *done_out)
    MUST_USE;

/* Is there room for octets more, with enough left to remove what is there? ERR_NOSPC. */
int engine_room(const struct engine *e, uint64_t octets) MUST_USE;
uint64_t engine_free_octets(const struct engine *e);

struct engine_job {
	struct engine_job *next;
	/* May be NULL. OK: *task, if not NULL, is under way, seal is for later; ERR_AGAIN: not
	 * now, ask again. Private to whoever schedules (sched.h); engine_commit does not call
	 * it. */
	int  (*prepare)(struct engine *e, struct engine_job *job);
	struct sealer_task *task;
	int  (*seal)(struct engine *e, struct engine_job *job);
	int  (*control)(struct engine *e, struct engine_job *job);
	int  (*index)(struct engine *e, struct engine_job *job);
	void (*done)(struct engine *e, struct engine_job *job);	/* see status; may free the job */
	int  status;		/* OK before engine_commit, else only done is called */
	bool in_order;		/* before none that came earlier and is so, too */
	bool poisoned;		/* private: failed after it had changed something */
};

/* What every commit of either environment ends with: unless r says that nothing happened, nobody knows
 * what is on the disk, and nothing may be written until a restart has read it again. Returns r. */
int engine_committed(struct engine *e, int r);

/* Take the jobs through their steps and call done for each. */
void engine_commit(struct engine *e, struct engine_job *jobs);

/* Bring up to ENGINE_COPIES_MAX copies of open intents into their mailboxes: OK when nothing or
 * something was done, an error when nothing could be done now. */
int engine_apply(struct engine *e) MUST_USE;

/* Are so many copies waiting for engine_apply, or the first for so long, that no more should be
 * accepted? */
bool engine_behind(const struct engine *e);

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

/* A keyset that takes over from the one in use for its class (or its mailbox: shared), in control;
 * *row is the account's then, for the index step. The audit record is with it. */
int engine_key_rotate(struct engine *e, uint32_t account, const struct st_keyset *fresh,
    struct slice by, struct arena *a, struct control_account *row) MUST_USE;
/* Bring the mailboxes to the keysets that their account's row names. */
int engine_keys_index(struct engine *e, const struct control_account *row) MUST_USE;
/* Afterwards, whatever became of it: take what control says. */
int engine_key_renew(struct engine *e, uint32_t account) MUST_USE;
/* ST_REWRAP, in the index step. */
int engine_rewrap(struct engine *e, const struct st_rewrap_request *req, uint32_t *done_out)
    MUST_USE;
/* ST_KEY_DROP, in the control step. Looks at all messages of the account: no more can come to
 * need a keyset that has a successor, but what is there may move. */
int engine_key_drop(struct engine *e, const struct st_key_drop_request *req, struct arena *a)
    MUST_USE;

/* Has the account that keyset (still)? */
bool engine_keyset_there(const struct engine *e, uint32_t account, uint32_t keyset);

/* A wrapping key that has to be computed, and what is to be wrapped with it. */
struct engine_wrap {
	struct account_keyset *ks;	/* the committer's */
	uint8_t	 public[32], shared[32];
	uint32_t keyset;
	int	 status;		/* OK: shared was computed */
	uint8_t	*wrapped;		/* 48; NULL: only the key is wanted */
};

/* A body that is being sealed, and its key wrapped. */
struct engine_body {
	struct sealer_task  task;	/* first */
	struct frame	    f;
	struct slice	    summary, message;	/* must stay until the task is done */
	const uint8_t	   *epoch_secret;
	uint8_t		   *key;
	bool		    compress, begun;
	struct buf	    octets;
	struct engine_wrap *wraps, one;
	size_t		    wraps_n;
	struct index	   *touch;	/* pages of the copies are to be read in; NULL: not */
	const struct control_copy *copies;
	size_t		    copies_n;
};

/* A part of the recipients, whose wrapping keys are computed before the message is given a
 * number. */
struct engine_warm {
	struct sealer_task  task;	/* first */
	const uint8_t	   *epoch_secret;
	struct engine_wrap *wraps;
	size_t		    wraps_n;
};

/* A delivery. */
struct engine_delivery {
	uint8_t		      thread_id[THREAD_OCTETS];	/* intent points to it */
	struct control_intent intent;
	struct control_blob   body;
	uint8_t		      spool_wrapped[48];
	uint64_t	      number;	/* of the intent; 0: nothing local */
	uint64_t	      keysets_serial;	/* of the engine, when it was sealed */
	uint64_t	      spool_serial;	/* likewise */
	bool		      repeated;	/* its id was committed before */
	bool		      twin;	/* its id is another job's of this run of the group */
	bool		      checked;
	struct engine_body    sealing;
	struct engine_warm   *warm;
	size_t		      warm_n;
	uint32_t	      warm_segment, warmed;	/* segments; 0: not */
	bool		      reserved;	/* in the quotas of its copies */
	uint64_t	      reserved_octets;
};

/* In two parts: out is zeroed before the first call of prepare, which may say ERR_AGAIN (call it
 * again later with the same); a is the committer's again when out->sealing.task is done.
 * engine_deliver_put once that is so, or engine_deliver_cancel, which is harmless at any time. */
int engine_deliver_prepare(struct engine *e, const struct st_deliver_request *req,
    struct slice message, struct slice summary, struct arena *a, struct engine_delivery *out)
    MUST_USE;
int engine_deliver_put(struct engine *e, struct engine_delivery *d) MUST_USE;
void engine_deliver_cancel(struct engine *e, struct engine_delivery *d);
/* Both at once. */
int engine_deliver_seal(struct engine *e, const struct st_deliver_request *req,
    struct slice message, struct slice summary, struct arena *a, struct engine_delivery *out)
    MUST_USE;
int engine_deliver_control(struct engine *e, const struct st_deliver_request *req,
    struct engine_delivery *d) MUST_USE;
/* Always, in the end, with the job's status: after a commit its intent awaits engine_apply; else
 * what was reserved for it is free again. */
int engine_deliver_done(struct engine *e, const struct st_deliver_request *req,
    struct engine_delivery *d, int status) MUST_USE;

/* The octets of a queue entry for the relay, in a sealed memfd. */
int engine_spool_read(struct engine *e, const struct control_queue *q, int *fd_out) MUST_USE;

/* An append, sealed for the mailbox that it names; in parts like a delivery. */
struct engine_append {
	struct box_message message;
	uint8_t		   email_id[16], wrapped[48], thread_id[THREAD_OCTETS];
	uint32_t	   keyset;
	uint8_t		   keyset_class;
	bool		   repeated, twin;	/* as of a delivery */
	bool		   reserved;
	uint64_t	   reserved_octets;
	bool		   unlimited;	/* of the asker: the request's quota says nothing */
	struct st_append_reply reply;
	struct engine_body sealing;
};

int engine_append_prepare(struct engine *e, const struct box_scope *sc,
    const struct st_append_request *req, struct slice message, struct slice summary,
    struct engine_append *out) MUST_USE;
int engine_append_put(struct engine *e, const struct st_append_request *req,
    struct engine_append *out) MUST_USE;
void engine_append_cancel(struct engine *e, struct engine_append *out);
int engine_append_seal(struct engine *e, const struct box_scope *sc,
    const struct st_append_request *req, struct slice message, struct slice summary,
    struct engine_append *out) MUST_USE;
int engine_append_index(struct engine *e, const struct box_scope *sc,
    const struct st_append_request *req, struct engine_append *ap) MUST_USE;

/* Always, in the end. */
void engine_append_done(struct engine *e, const struct box_scope *sc, struct engine_append *ap);

/* Would size octets more fit into the account's quota? Unknown accounts have everything free. */
int engine_quota(struct engine *e, struct slice guid, const struct st_quota *quota,
    uint64_t size_octets) MUST_USE;

#endif
