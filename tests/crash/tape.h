/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/crash/tape.h: what a program did to the files below a folder, in order, and the disks that a
 * power cut at any place of it may leave.
 *
 * Tape    written by shim.c into shared memory, so that it outlives the program. Between the records
 *         of writes and syncs stand notes of the program: what it began, what it acknowledged.
 * Disk    what is durable, and what was done since. Strict: a write is durable when its file was
 *         synced after it (or it was written through O_DSYNC), a name when its folder was synced. Until
 *         then each may be there or not, in any order, and a write in part, by sectors of 512 octets.
 *         What was unsynced when a sync failed is never taken for durable, whatever is synced later.
 */
#ifndef TESTS_CRASH_TAPE_H
#define TESTS_CRASH_TAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tape_kind {
	TAPE_CREATE = 1, TAPE_MKDIR, TAPE_WRITE, TAPE_WRITE_DURABLE, TAPE_SIZE, TAPE_HOLE,
	TAPE_SYNC, TAPE_SYNC_FAILED, TAPE_SYNC_DIR, TAPE_UNLINK, TAPE_RENAME, TAPE_NOTE
};

struct tape_record {
	uint32_t kind, file;	/* file: its number; TAPE_NOTE: which note */
	uint64_t at, n;		/* in the file */
	uint64_t octets;	/* that follow: data; a path; two paths, each with its NUL */
};

struct tape {
	uint64_t cap, used, count;
	bool	 full;
	_Alignas(8) unsigned char mem[];
};

struct tape *tape_new(uint64_t octets);		/* never NULL; of the process and its children */
void tape_free(struct tape *t);
void tape_add(struct tape *t, const struct tape_record *r, const void *data);
/* The record at *at, which moves on; NULL at the end. */
const struct tape_record *tape_next(const struct tape *t, uint64_t *at, const void **data_out);

enum { DISK_FILES = 600, DISK_PATH = 120 };

struct disk;

enum disk_variant { DISK_NONE, DISK_ALL, DISK_RANDOM };

struct disk *disk_new(void);
void disk_free(struct disk *d);
void disk_play(struct disk *d, const struct tape_record *r, const void *data);
/* Is there anything that may be there or not? */
bool disk_unsure(const struct disk *d);
/* Write what a cut may leave to the folder dir (existing, empty). */
void disk_write(const struct disk *d, enum disk_variant v, uint64_t seed, const char *dir);

uint64_t crash_random(uint64_t *seed);

#endif
