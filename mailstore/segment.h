/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/segment.h: the append-only files that hold the bodies.
 *
 * Shape   <dir>/<8 hex digits>.seg. One writer (mailstored) appends to the newest; each start of
 *         mailstored, and each segment that is full or an hour old, begins a new one with a new
 *         epoch pair, whose secret is wiped when the segment ends.
 * Durable segment_sync returned OK: all frames appended before are on disk, with the file's name.
 *         An append that failed leaves nothing behind. Small frames are collected, and written with
 *         the next large one or with the sync: an error then is the sync's, and all of that sync
 *         are lost.
 */
#ifndef MAILSTORE_SEGMENT_H
#define MAILSTORE_SEGMENT_H

#include "mailstore/frame.h"

enum { SEGMENT_PATH_OCTETS = 300 };

struct segment_writer;

/* Where a frame is. */
struct segment_place {
	uint64_t blob, offset;
	uint32_t segment, head_octets, size_octets;
	uint64_t stored_octets;		/* of the whole frame */
};

/* Begin a new segment with a number above all others and above last_segment. An older one is never
 * appended to: what a crash left at its end is dead, and stays until the segment is emptied. */
int segment_writer_open(const char *dir, uint64_t max_octets, uint32_t last_segment,
    struct segment_writer **out) MUST_USE;
/* Close segments at another size from now on. */
void segment_writer_limit(struct segment_writer *w, uint64_t max_octets);
void segment_writer_close(struct segment_writer **w);

/* Seal summary and message under key and append them. May begin a new segment first. */
int segment_append(struct segment_writer *w, const uint8_t key[32], bool compress,
    struct slice summary, struct slice message, struct segment_place *out) MUST_USE;

/*
 * The same in parts, so that others may seal (frame_seal) meanwhile: reserve a number, then put the
 * frame made for it, or drop it. Until then the segment does not end, nor does its epoch. Frames
 * are put in any order: numbers within a segment are unique, and need not ascend. ERR_AGAIN: the
 * next segment is due, as soon as all that is reserved was put; without patience the old one grows
 * longer instead.
 */
int segment_reserve(struct segment_writer *w, size_t size_octets, size_t summary_octets,
    bool patient, struct frame *out) MUST_USE;
int segment_put(struct segment_writer *w, const struct frame *f, struct slice octets,
    struct segment_place *out) MUST_USE;
void segment_drop(struct segment_writer *w, const struct frame *f);
/* Reserve nothing but the segment as it is, with its epoch; segment_drop without a frame ends
 * that. */
int segment_hold(struct segment_writer *w) MUST_USE;

int segment_sync(struct segment_writer *w) MUST_USE;

/* segment_sync in parts: everything is handed to the system; this is to be synced (any thread
 * may do that), -1: nothing; it was, with that result. */
int segment_flush(struct segment_writer *w) MUST_USE;
int segment_sync_fd(const struct segment_writer *w);
int segment_synced(struct segment_writer *w, int r) MUST_USE;

/* True: the segment is older than an hour, and was ended with its epoch; the next append begins a
 * new one. To be asked now and then, since without mail nothing else would end it. */
bool segment_expire(struct segment_writer *w);

/* Is mail appended to that one? */
bool segment_is_open(const struct segment_writer *w, uint32_t number);
/* A number for a segment that somebody else writes. */
int segment_writer_number(struct segment_writer *w, uint32_t *number_out) MUST_USE;

/* Of the segment that holds the frame appended last. */
uint32_t segment_number(const struct segment_writer *w);
const uint8_t *segment_epoch_secret(const struct segment_writer *w);
uint64_t segment_syncs(const struct segment_writer *w);

/* Check the frames of a segment: *good_out is the end of the last whole one. */
int segment_scan(int fd, uint32_t segment, uint64_t *good_out, uint32_t *frames_out) MUST_USE;

/* ---- moving ---- */

/* A segment that frames are moved to: it has an epoch, but nothing is sealed in it. */
int segment_target_new(const char *dir, uint32_t number, uint8_t public_out[32], int *fd_out)
    MUST_USE;

/* A frame to be moved: blob, from and size_octets are given. */
struct segment_moving {
	uint64_t blob, from, to, octets;	/* octets: of the whole frame */
	uint32_t size_octets, head_octets;
	int	 status;
};

/* Copy n frames to the end of a target (*end, which grows), and sync it. Frames that are damaged or
 * cannot be read are left out, with status ERR_CORRUPT or ERR_VERSION. Touches nothing but its
 * arguments: any thread may do it. An error: nothing may be made of what was written. */
int segment_move(int from_fd, int to_fd, uint64_t *end, struct segment_moving *m, size_t n)
    MUST_USE;

/* ---- reading ---- */

/* Descriptors of segments that were read lately. */
struct segment_cache;

int segment_cache_new(const char *dir, struct segment_cache **out) MUST_USE;
void segment_cache_free(struct segment_cache **c);

/* The descriptor and epoch public key of a segment; they belong to the cache and live until the
 * next call. ERR_CORRUPT: there is no such segment, or its header is damaged. */
int segment_cache_get(struct segment_cache *c, uint32_t segment, int *fd_out,
    const uint8_t **epoch_public_out) MUST_USE;

/* Close segments that were unlinked meanwhile. */
void segment_cache_tidy(struct segment_cache *c);

/* Path of a segment's file. */
int segment_name(const char *dir, uint32_t number, char out[SEGMENT_PATH_OCTETS]) MUST_USE;

/* Header and table of the frame at a place, which have a checksum of their own: OK and what they say.
 * ERR_CORRUPT, ERR_VERSION, ERR_IO, ERR_NOMEM. */
int segment_frame_head(int fd, uint64_t at, struct frame *out) MUST_USE;

/* Read exactly n octets: OK, ERR_CORRUPT (the file is too short), ERR_IO. */
int segment_read(int fd, uint64_t offset, char *dst, size_t n) MUST_USE;

#endif
