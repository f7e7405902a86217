/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/backup_file.h: files of a backup: written once, whole or not at all, summed up on the
 * way; and read from end to end.
 *
 * Shape   what is written has the name NAME.tmp until it and its name are on disk. Files have mode
 *         0600. The sum is BLAKE2b-256. Long runs of zeros are written as holes.
 */
#ifndef MAILSTORE_BACKUP_FILE_H
#define MAILSTORE_BACKUP_FILE_H

#include <sodium.h>

#include "common/buf.h"

enum { BACKUP_SUM_OCTETS = 32, BACKUP_NAME_OCTETS = 64, BACKUP_READ_OCTETS = 256 * 1024 };

struct backup_out {
	int	 dir, fd;
	char	 name[BACKUP_NAME_OCTETS], tmp[BACKUP_NAME_OCTETS + 8];
	crypto_generichash_state sum;
	uint64_t octets;	/* summed up so far */
	size_t	 head;		/* octets before them, which are not */
};

/* Begin a file with room for a head of so many octets. */
int backup_out_open(int dir, const char *name, size_t head, struct backup_out *o) MUST_USE;
/* A dump_sink_fn. */
int backup_out_write(void *o, struct slice octets) MUST_USE;
void backup_out_sum(struct backup_out *o, uint8_t sum_out[BACKUP_SUM_OCTETS]);
int backup_out_head(struct backup_out *o, struct slice head) MUST_USE;
/* Durable, with its name. Ends o in any case. */
int backup_out_done(struct backup_out *o) MUST_USE;
/* As if it had never been begun; does nothing after backup_out_done. */
void backup_out_drop(struct backup_out *o);

typedef int (*backup_read_fn)(void *arg, struct slice octets);

/* Give all octets of a file from `from` on to fn (NULL: to nobody). */
int backup_read(int dir, const char *name, uint64_t from, backup_read_fn fn, void *arg,
    uint64_t *octets_out, uint8_t sum_out[BACKUP_SUM_OCTETS]) MUST_USE;

/* A folder that only we may read; made when it is not there. */
int backup_folder(int dir, const char *name, int *fd_out) MUST_USE;

/* Remove a folder below dir with what is in it, two levels deep. */
int backup_remove(int dir, const char *name) MUST_USE;

/* 1: *name_out is the next name in an open folder that is not "." or ".."; 0: no more. */
struct backup_names {
	void *d;
};

int backup_names_open(int dir, struct backup_names *n) MUST_USE;
int backup_names_next(struct backup_names *n, const char **name_out) MUST_USE;
void backup_names_close(struct backup_names *n);

#endif
