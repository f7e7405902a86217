/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/gc_internal.h: what gc*.c share; nobody else includes it.
 *
 * Steps return 1: something was done, there may be more; 2: a copy is under way; 0: nothing to do
 * now; or an error.
 */
#ifndef MAILSTORE_GC_INTERNAL_H
#define MAILSTORE_GC_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "mailstore/engine.h"
#include "mailstore/path.h"

enum {
	GC_HOLDS_MAX = 16,
	GC_TXN_ROWS = 256,		/* changed in one transaction */
	GC_LOOK_ROWS = 4096,		/* looked at in one step */
	GC_CANDIDATES = 1024,		/* that one walk over control decides about */
	GC_MOVE_OCTETS = 4 << 20,	/* copied at once, but at least one frame */
	GC_SKIP_MAX = 64,
	GC_EXPIRE_S = 600,		/* between two walks over the accounts */
	GC_FILE_HEAD = SEGMENT_HEADER_OCTETS,
};

struct gc_hold {
	uint64_t id;			/* 0: free */
	uint64_t until_ms;		/* monotonic */
};

/* A walk over all bodies that control refers to: intents first, since one that cannot be filed
 * moves on to "stuck", then the queue. */
struct gc_scan {
	unsigned	  tree;
	struct record_key at;
};

typedef int (*gc_body_fn)(void *arg, const struct control_blob *body);
void gc_scan_begin(struct gc_scan *s);
int gc_scan_step(struct engine *e, struct gc_scan *s, gc_body_fn fn, void *arg) MUST_USE;

/* ---- counting a segment (gc_count.c) ---- */

struct gc_extent {
	uint64_t offset, octets;
};

struct gc_count {
	uint32_t segment;		/* 0: none */
	unsigned phase;
	int	 fd;
	struct gc_scan scan;
	struct control_blob *bodies;
	size_t	 bodies_n, bodies_cap, bodies_at;
	struct gc_extent *live;
	size_t	 live_n, live_cap;
	uint64_t next;			/* blob to go on with */
	uint64_t live_octets;
};

int gc_count_step(struct engine *e, int64_t now_s) MUST_USE;
void gc_count_fini(struct gc_count *c);
/* All octets of a frame, as its header says, or about so many when that is damaged. */
uint64_t gc_frame_octets(int fd, uint64_t blob, const struct record_blob *place);

/* ---- dropping (gc_drop.c) ---- */

struct gc_candidate {
	uint64_t blob;
	uint32_t time_s;
	bool	 unused;		/* no message has it: what about control? */
	bool	 held;
};

struct gc_drop {
	unsigned phase;
	size_t	 n, at;
	struct gc_scan scan;
	struct gc_candidate list[GC_CANDIDATES];
};

int gc_drop_step(struct engine *e, int64_t now_s) MUST_USE;

/* ---- compaction (gc_compact.c) ---- */

/* What a thread of its own does: it touches this, the two files, and nothing else. */
struct gc_copy {
	pthread_t   thread;
	atomic_bool done;
	bool	    running;
	int	    from_fd, to_fd, status;
	uint64_t    end;
	struct segment_moving *batch;
	size_t	    batch_n;
	uint64_t    begun_us, took_us;
};

struct gc_compact {
	struct gc_copy copy;
	bool	 more;			/* behind the batch that is being copied */
	uint64_t was;			/* next, before it was collected */
	uint32_t source;		/* 0: none */
	unsigned phase;
	int	 from_fd;
	uint64_t next;			/* blob, or offset in the file, to go on with */
	uint32_t target_number;		/* 0: none */
	int	 target_fd;
	uint64_t target_end;
	uint8_t	 target_public[32];
	struct segment_moving *batch;	/* GC_TXN_ROWS */
	size_t	 batch_n;
	uint64_t batch_octets;
	struct gc_extent damaged[GC_SKIP_MAX];
	size_t	 damaged_n;
	uint32_t skip[GC_SKIP_MAX];	/* that could not be emptied */
	size_t	 skip_n;
	bool	 merging, look;		/* small ones until none is left; look at all again */
	int64_t	 looked_s;
};

int gc_compact_step(struct engine *e, int64_t now_s) MUST_USE;
/* Take the next source, if any is worth it. See that there is a target with room. Leave a segment
 * alone from now on. */
int gc_choose(struct engine *e, int64_t now_s) MUST_USE;
int gc_need_target(struct engine *e, int64_t now_s) MUST_USE;
void gc_skip(struct gc_compact *c, uint32_t number);
void gc_compact_fini(struct gc_compact *c);

struct gc {
	char		 dir[PATH_OCTETS];
	struct gc_hold	 holds[GC_HOLDS_MAX];
	struct gc_stats	 stats;
	uint32_t	*files;		/* segments that were there at the start */
	size_t		 files_n, files_at;
	uint32_t	 next_number;	/* the first segment since that was not looked at */
	struct gc_count	 count;
	uint32_t	 expire_account;	/* 0: none */
	int64_t		 expire_s;
	uint64_t	 restorable_octets;	/* of the accounts looked at */
	struct gc_drop	 drop;
	struct gc_compact compact;
	uint64_t	 rest_ms;	/* that the next step is to wait, for the disk's sake */
};

/* What every transaction of gc ends with. */
int gc_commit(struct engine *e) MUST_USE;
int gc_open(const struct gc *gc, uint32_t segment, int flags, int *fd_out) MUST_USE;
/* Octets there become a hole. */
void gc_punch(struct engine *e, int fd, uint64_t offset, uint64_t octets);
/* In a transaction: a sealed segment without live frames becomes one to be unlinked. */
int gc_condemn_empty(struct engine *e, uint32_t segment, struct record_segment *row, int64_t now_s)
    MUST_USE;

#endif
