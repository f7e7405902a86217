/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstore/backup_form.h: what the files of a backup look like.
 *
 * Shape   pure. A backup is a folder:
 *             congvu-backup          "congvu backup 1\n": whose folder this is, and its version
 *             seg/NUMBER.EPOCH.FROM  a part: octets of a segment from FROM on, behind a head with
 *                                    their sum. A part never changes; a segment that has grown gets
 *                                    another one. EPOCH tells segments of one number apart that
 *                                    were begun on both sides of a restore.
 *             TIME/                  a snapshot: control.dump, index.dump, keys/ and, last of all,
 *                                    manifest: all files and parts that belong to it, with sums
 *             incomplete/            one that was broken off; the next backup removes it
 *         A manifest is a stream (mailstore/dump.h) with the trees
 *             "snapshot"  name -> text or number8 ("time", "format", "key")
 *             "file"      name -> octets8 sum32
 *             "part"      segment4 offset8 (big-endian) -> epoch32 octets8 sum32
 * Errors  ERR_CORRUPT, ERR_VERSION (of a newer congvu), ERR_LIMIT.
 */
#ifndef MAILSTORE_BACKUP_FORM_H
#define MAILSTORE_BACKUP_FORM_H

#include "mailstore/backup_file.h"
#include "mailstore/dump.h"

enum {
	BACKUP_VERSION = 1,
	BACKUP_PART_HEAD = 104,
	BACKUP_TIME_OCTETS = 17,	/* "20261122T065900Z", NUL */
	BACKUP_KEY_ID_MAX = 64,
	BACKUP_FILES_MAX = 64,
	BACKUP_PARTS_MAX = 1 << 24,
};

struct backup_part {
	uint32_t segment;
	uint8_t	 epoch_public[32];
	uint64_t offset, octets;
	uint8_t	 sum[BACKUP_SUM_OCTETS];
};

void backup_part_name(const struct backup_part *p, char out[BACKUP_NAME_OCTETS]);
void backup_part_put(const struct backup_part *p, char out[BACKUP_PART_HEAD]);
int backup_part_get(struct slice head, struct backup_part *out) MUST_USE;

struct backup_entry {
	char	 name[BACKUP_NAME_OCTETS];	/* "index.dump", "keys/master.key" */
	uint64_t octets;
	uint8_t	 sum[BACKUP_SUM_OCTETS];
};

struct backup_manifest {
	uint64_t time_s, format;
	char	 key[BACKUP_KEY_ID_MAX + 1];	/* which master key opens the mail; "": not known */
	struct backup_entry *files;
	size_t	 files_n;
	struct backup_part *parts;		/* by segment, then offset */
	size_t	 parts_n;
};

void backup_manifest_free(struct backup_manifest *m);
int backup_manifest_file(struct backup_manifest *m, const struct backup_entry *e) MUST_USE;
int backup_manifest_part(struct backup_manifest *m, const struct backup_part *p) MUST_USE;
/* As a stream; dump_end is left to the caller. */
void backup_manifest_put(const struct backup_manifest *m, struct dump_writer *w);
/* The next row of one that is read into m, which was zeroed. */
int backup_manifest_row(struct backup_manifest *m, const struct dump_row *row) MUST_USE;
/* After the last row: is all of it there, and does each segment begin at 0 without a gap? */
int backup_manifest_check(const struct backup_manifest *m) MUST_USE;
const struct backup_entry *backup_manifest_find(const struct backup_manifest *m, const char *name);
bool backup_manifest_has_keys(const struct backup_manifest *m);
/* The parts of one segment: how many, the first in *first_out. */
size_t backup_manifest_segment(const struct backup_manifest *m, uint32_t segment,
    const struct backup_part **first_out);

/* The last time that has a name. */
#define BACKUP_TIME_MAX_S	UINT64_C(253402300799)

/* "20261122T065900Z" and back; false: it is something else. */
void backup_time_put(uint64_t time_s, char out[BACKUP_TIME_OCTETS]);
bool backup_time_get(const char *name, uint64_t *time_s_out);

#endif
