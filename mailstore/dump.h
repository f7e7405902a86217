/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/dump.h: rows of named trees as one stream of octets, which knows of no engine: what a
 * backup keeps of the environments, and its manifests.
 *
 * Shape   pure. stream = "CVDUMP1\n" version4 crc4 | block ... | last block.
 *         block = magic4 stored4 plain4 crc4 octets; the top bit of `stored` says zstd; the CRC-32C
 *         is of the three numbers and the octets. The plain octets of all blocks in a row are
 *         records:
 *             'T' n1 name | 'E' key4 value4 key value | 'Z' entries8
 *         a tree begins; a row of it; the end.
 *         The last block has no plain octets; it holds the BLAKE2b-256 of those of all others.
 *         All integers are little-endian.
 * Bounds  a block DUMP_BLOCK_OCTETS, a key DUMP_KEY_MAX, a value DUMP_VALUE_MAX: the reader takes
 *         memory for no more. Reading is linear in the octets, and the same at every split of them.
 * Errors  ERR_CORRUPT; ERR_VERSION: written by a newer congvu. The first one stays.
 */
#ifndef MAILSTORE_DUMP_H
#define MAILSTORE_DUMP_H

#include "common/buf.h"

enum {
	DUMP_VERSION = 1,
	DUMP_BLOCK_OCTETS = 256 * 1024,
	DUMP_KEY_MAX = 511,
	DUMP_VALUE_MAX = 33 * 1024 * 1024,
	DUMP_TREE_MAX = 32,
	DUMP_SUM_OCTETS = 32,
	DUMP_PUSH_MAX = 1 << 20,
};

struct dump_writer;

typedef int (*dump_sink_fn)(void *arg, struct slice octets);

/* What is written goes to sink, in pieces; an error of it stays, and is what dump_end says. */
int dump_writer_new(dump_sink_fn sink, void *arg, struct dump_writer **out) MUST_USE;
void dump_writer_free(struct dump_writer **w);

void dump_tree(struct dump_writer *w, const char *name);
void dump_entry(struct dump_writer *w, struct slice key, struct slice val);
/* Entries so far. */
uint64_t dump_entries(const struct dump_writer *w);
int dump_end(struct dump_writer *w) MUST_USE;

struct dump_reader;

struct dump_row {
	struct slice tree, key, val;	/* until the next call with that reader */
};

int dump_reader_new(struct dump_reader **out) MUST_USE;
void dump_reader_free(struct dump_reader **d);

/* The next octets of the stream, at most DUMP_PUSH_MAX; then dump_reader_next until it says 0. */
int dump_reader_push(struct dump_reader *d, struct slice in) MUST_USE;
/* 1: a row; 0: more octets are needed, or it is over. */
int dump_reader_next(struct dump_reader *d, struct dump_row *out) MUST_USE;
/* The whole stream was there, unhurt, and nothing behind it. */
bool dump_reader_done(const struct dump_reader *d);

#endif
