/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "control/ctl_backup.h"
#include "control/ctl_key.h"

enum { DAY_S = 86400, KEEP_MAX = 1000000 };

/* ---- backup ---- */

struct backup_line {
	const char *dir;
	uint64_t    keep, keep_days;	/* 0: all */
	bool	    keys;
};

static int
parse_backup(int argc, char **argv, struct backup_line *line)
{
	*line = (struct backup_line){ .dir = NULL };
	for (int i = 1; i < argc; i++) {
		uint64_t *number = strcmp(argv[i], "--keep") == 0 ? &line->keep :
		    strcmp(argv[i], "--keep-days") == 0 ? &line->keep_days : NULL;

		if (strcmp(argv[i], "--keys") == 0)
			line->keys = true;
		else if (number != NULL && i + 1 < argc) {
			if (slice_u64(slice_of(argv[++i]), KEEP_MAX, number) != OK || *number == 0)
				return ERR_SYNTAX;
		} else if (argv[i][0] == '-' || line->dir != NULL)
			return ERR_SYNTAX;
		else
			line->dir = argv[i];
	}
	return line->dir == NULL ? ERR_SYNTAX : OK;
}

/* The newest --keep ones stay, and those younger than --keep-days; the one just made always. */
static int
forget_old(struct backup *b, const struct backup_line *line, uint64_t *removed_out,
    uint64_t *freed_out)
{
	uint64_t now = (uint64_t)clock_real_s(), *times;
	size_t n;
	int r;

	*removed_out = *freed_out = 0;
	if (line->keep == 0 && line->keep_days == 0)
		return OK;
	r = backup_list(b, &times, &n);
	for (size_t i = 0; r == OK && i + 1 < n; i++) {
		bool young = line->keep_days != 0 && times[i] + line->keep_days * DAY_S > now;

		if (young || (line->keep != 0 && i + line->keep >= n))
			continue;
		r = backup_forget(b, times[i]);
		++*removed_out;
	}
	free(times);
	return r == OK ? backup_sweep(b, freed_out) : r;
}

static void
tell_backup(struct ctl *ctl, const struct backup_job *job, uint64_t removed, uint64_t freed)
{
	const char *name = ctl_backup_name(ctl, job->time_s);
	const char *sum = ctl_hex(ctl, (struct slice){ (const char *)job->sum, sizeof job->sum });

	if (ctl->json)
		ctl_print_json(json_pack("{s:b,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:b,s:s,s:I,s:I}",
		    "ok", job->damaged == 0, "snapshot", name, "rows", (json_int_t)job->rows,
		    "segments", (json_int_t)job->segments, "octets", (json_int_t)job->octets,
		    "row-octets", (json_int_t)job->row_octets, "new-parts",
		    (json_int_t)job->new_parts, "new-octets", (json_int_t)job->new_octets,
		    "damaged", (json_int_t)job->damaged, "keys", job->keys, "sum", sum, "removed",
		    (json_int_t)removed, "freed-octets", (json_int_t)freed));
	else
		printf("snapshot %s: %llu rows, %llu segments of %llu octets; new: %llu parts of "
		    "%llu octets\nsum of its manifest: %s\nremoved: %llu snapshots, %llu "
		    "octets\n", name,
		    (unsigned long long)job->rows, (unsigned long long)job->segments,
		    (unsigned long long)job->octets, (unsigned long long)job->new_parts,
		    (unsigned long long)job->new_octets, sum, (unsigned long long)removed,
		    (unsigned long long)freed);
}

/* What was taken out, and its sum, stands in the chain; that cannot be done while mailstored is
 * away. */
static void
note(struct ctl *ctl, const struct backup_job *job, bool held)
{
	char detail[300];

	if (!held)
		return;
	snprintf(detail, sizeof detail, "snapshot=%s keys=%s sum=%s",
	    ctl_backup_name(ctl, job->time_s), job->keys ? "yes" : "no",
	    ctl_hex(ctl, (struct slice){ (const char *)job->sum, sizeof job->sum }));
	if (ctl_audit(ctl, "backup", SLICE(""), detail) != OK)
		ctl_fail("the backup is made, but not noted in the audit");
}

int
ctl_store_backup(struct ctl *ctl, int argc, char **argv)
{
	struct ctl_hold h = { .ctl = ctl };
	struct backup_job job = { .state_dir = ctl->conf->general.state_dir,
		.map_octets = ctl->conf->store.map_octets, .hold = ctl_hold, .arg = &h };
	struct backup_line line;
	uint64_t removed, freed;
	struct backup b;
	struct buf why;
	int r;

	if (parse_backup(argc, argv, &line) != OK)
		return ctl_usage(ctl);
	job.keys = line.keys;
	buf_init(&why, CTL_WHY_MAX);
	r = backup_open(line.dir, true, &why, &b);
	if (r == OK) {
		r = backup_take(&b, &job);
		if (r == OK) {
			note(ctl, &job, h.hold != 0);
			r = forget_old(&b, &line, &removed, &freed);
		}
		ctl_hold_end(&h);
		backup_close(&b);
	}
	if (r != OK || job.damaged > 0)
		ctl_backup_why(&why);
	if (r != OK)
		ctl_fail("backup: %s", err_text(r));
	else
		tell_backup(ctl, &job, removed, freed);
	buf_fini(&why);
	return r != OK ? CTL_USAGE : job.damaged > 0 ? CTL_NOT_IN_ORDER : CTL_OK;
}

/* ---- verify-backup ---- */

static void
tell_proof(struct ctl *ctl, uint64_t time_s, const struct backup_proof *p, int r)
{
	const char *name = ctl_backup_name(ctl, time_s);

	if (ctl->json)
		ctl_print_json(json_pack("{s:s,s:b,s:I,s:I,s:I,s:I,s:I}", "snapshot", name, "ok",
		    r == OK, "files", (json_int_t)p->files, "parts", (json_int_t)p->parts,
		    "octets", (json_int_t)p->octets, "rows", (json_int_t)p->rows, "bad",
		    (json_int_t)p->bad));
	else
		printf("snapshot %s: %s: %llu files, %llu parts, %llu octets, %llu rows\n", name,
		    r == OK ? "ok" : "DAMAGED", (unsigned long long)p->files,
		    (unsigned long long)p->parts, (unsigned long long)p->octets,
		    (unsigned long long)p->rows);
}

static int
prove(struct ctl *ctl, struct backup *b, uint64_t time_s, struct backup_seen *seen)
{
	struct backup_proof proof = { 0 };
	struct backup_manifest m;
	int r = backup_load(b, time_s, &m);

	if (r == OK) {
		r = backup_prove(b, &m, seen, &proof);
		backup_manifest_free(&m);
	}
	tell_proof(ctl, time_s, &proof, r);
	return r;
}

/* All snapshots, or the one that was there at time at. */
static int
prove_all(struct ctl *ctl, struct backup *b, uint64_t at)
{
	struct backup_seen seen = { .n = 0 };
	uint64_t *times;
	size_t n, tried = 0;
	int r = backup_list(b, &times, &n), failed = OK;

	for (size_t i = n; r == OK && i > 0; i--) {
		int one;

		if (at != 0 && (times[i - 1] > at || tried > 0))
			continue;
		tried++;
		one = prove(ctl, b, times[i - 1], &seen);
		failed = one != OK ? one : failed;
	}
	if (r == OK)
		free(times);
	backup_seen_free(&seen);
	if (r == OK && tried == 0) {
		buf_addf(b->why, "%s: there is no snapshot%s\n", b->path,
		    at != 0 ? " of that time" : "");
		return ERR_NOENT;
	}
	return r == OK ? failed : r;
}

int
ctl_store_verify_backup(struct ctl *ctl, int argc, char **argv)
{
	uint64_t at = 0;
	struct backup b;
	struct buf why;
	int r;

	if ((argc != 2 && (argc != 4 || strcmp(argv[2], "--at") != 0)) || argv[1][0] == '-' ||
	    (argc == 4 && ctl_backup_time(argv[3], &at) != OK))
		return ctl_usage(ctl);
	buf_init(&why, CTL_WHY_MAX);
	r = backup_open(argv[1], false, &why, &b);
	if (r == OK) {
		r = prove_all(ctl, &b, at);
		backup_close(&b);
	}
	if (r != OK)
		ctl_backup_why(&why);
	buf_fini(&why);
	return r == OK ? CTL_OK : CTL_NOT_IN_ORDER;
}
