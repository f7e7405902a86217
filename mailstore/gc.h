/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/gc.h: space of removed mail is given back.
 *
 * Road    an expunged message stays as a row E of its account, and keeps its reference, for
 *         expunged_days; then the reference is dropped. A blob without references waits in "gc"
 *         for GC_DELAY_S, for readers that looked its place up before; then, unless the queue or
 *         an intent refers to it, its row goes: the frame is dead. Of a long frame the octets are
 *         punched out of the file at once. Sealed segments that are half dead, and small ones when
 *         they are many, are emptied: what lives is copied, still sealed, to another segment and
 *         that synced before the blob rows name the new place. An empty segment is unlinked
 *         GC_DELAY_S later; its row stays while its epoch_public is needed.
 * Shape   engine_gc does one small step in the committer's thread, between groups. Copying is done
 *         by a thread of its own, which touches nothing but its two files.
 * Crash   at any point nothing is lost; what is left over (frames copied and not named yet, holes
 *         not punched, files not unlinked) is found at the next start.
 * Damage  a frame whose checksums are wrong is not moved: its segment stays, with an event.
 * Who     references of the queue and of intents need no rows: before anything is dropped "control"
 *         is gone through.
 */
#ifndef MAILSTORE_GC_H
#define MAILSTORE_GC_H

#include "mailstore/queue.h"
#include "mailstore/segment.h"

enum { GC_DELAY_S = 600, GC_PUNCH_OCTETS = 256 * 1024 };

/* In "meta" of the index: a segment's number that was given, though its row is gone. */
#define gc_meta_last	"last-segment"

struct engine;
struct gc;
struct index;

/* Since the start. */
struct gc_stats {
	uint64_t expired;		/* messages that can be restored no more */
	uint64_t dropped_frames, moved_frames, moved_octets, punched_octets;
	uint64_t unlinked_segments, unlinked_octets;
	uint64_t damaged_frames;
};

int gc_new(struct engine *e, struct gc **out) MUST_USE;
void gc_free(struct gc **gc);

/* One step. *wait_ms_out: when there is more to do, 0: at once. What cannot be done now is tried
 * again later; an error is only for the log. */
int engine_gc(struct engine *e, int64_t now_s, uint64_t *wait_ms_out) MUST_USE;

/* Steps until there is nothing to do now: for tests, tools and the end of a program. */
int engine_gc_all(struct engine *e, int64_t now_s) MUST_USE;

/* The highest number that a segment ever had, as far as the index knows. */
int gc_last_segment(struct index *ix, uint32_t *out) MUST_USE;

/*
 * The time that engine_gc goes by. A clock that is set ahead by an hour or more while we run may be
 * a mistake, and what expires cannot be brought back: the old time is kept until the clock is set
 * back, or has stood for GC_TRUST_MS. At a start the clock is believed.
 */
enum { GC_TRUST_MS = 24 * 3600 * 1000 };

struct gc_clock {
	struct queue_clock clock;
	int64_t		   ahead_ms;	/* that are not believed */
	int64_t		   since_ms;	/* monotonic */
};

int64_t gc_clock_s(struct gc_clock *gc, int64_t real_ms, int64_t mono_ms);

/* See ST_HOLD. hold 0: a new one. lease_ms 0: give it up. ERR_NOENT, ERR_LIMIT (too many). */
int engine_hold(struct engine *e, uint64_t hold, uint32_t lease_ms, uint64_t *hold_out) MUST_USE;
bool engine_held(struct engine *e);

const struct gc_stats *engine_gc_stats(const struct engine *e);

#endif
