/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "control/ctl_backup.h"
#include "directory/keyfile.h"
#include "mailstore/restore.h"

enum { PATH_MAX_OCTETS = 400 };

struct restore_line {
	const char *dir, *to, *keys_from;
	uint64_t    at;
	bool	    nothing_since;
};

static int
parse_restore(int argc, char **argv, struct restore_line *line)
{
	*line = (struct restore_line){ .at = UINT64_MAX };
	for (int i = 1; i < argc; i++) {
		const char **text = strcmp(argv[i], "--to") == 0 ? &line->to :
		    strcmp(argv[i], "--keys-from") == 0 ? &line->keys_from : NULL;

		if (strcmp(argv[i], "--nothing-since") == 0)
			line->nothing_since = true;
		else if (text != NULL && i + 1 < argc)
			*text = argv[++i];
		else if (strcmp(argv[i], "--at") == 0 && i + 1 < argc) {
			if (ctl_backup_time(argv[++i], &line->at) != OK)
				return ERR_SYNTAX;
		} else if (argv[i][0] == '-' || line->dir != NULL)
			return ERR_SYNTAX;
		else
			line->dir = argv[i];
	}
	return line->dir == NULL || line->to == NULL ? ERR_SYNTAX : OK;
}

/* ---- keys ---- */

/* Is the master key in dir the one that the mail was sealed for? */
static int
check_key(const char *dir, const struct backup_manifest *m)
{
	char id[KEYFILE_ID_OCTETS];
	struct buf why;
	int r;

	buf_init(&why, 1024);
	r = keyfile_fingerprint(dir, id, &why);
	if (r != OK)
		ctl_fail("%s: %s", dir, why.n > 0 ? buf_cstr(&why) : err_text(r));
	else if (m->key[0] != '\0' && strcmp(id, m->key) != 0) {
		ctl_fail("%s: is another master key than the one that this mail needs (%s)", dir,
		    m->key);
		r = ERR_CONF;
	}
	buf_fini(&why);
	return r;
}

/* Where to take the keys from, "" when they are in place. Without them the mail is not readable:
 * better said now. */
static int
choose_keys(const struct restore_line *line, const struct backup_manifest *m,
    char out[PATH_MAX_OCTETS])
{
	char path[PATH_MAX_OCTETS], name[BACKUP_TIME_OCTETS];

	out[0] = '\0';
	snprintf(path, sizeof path, "%.300s/keys/master.key", line->to);
	if (access(path, F_OK) == 0) {
		snprintf(path, sizeof path, "%.300s/keys", line->to);
		return check_key(path, m);
	}
	backup_time_put(m->time_s, name);
	if (line->keys_from != NULL)
		snprintf(out, PATH_MAX_OCTETS, "%.300s", line->keys_from);
	else if (backup_manifest_has_keys(m))
		snprintf(out, PATH_MAX_OCTETS, "%.300s/%s/keys", line->dir, name);
	else {
		ctl_fail("the snapshot holds no keys: put them into %s/keys, or give "
		    "--keys-from DIR", line->to);
		return ERR_CONF;
	}
	return check_key(out, m);
}

/* ---- restore ---- */

static void
owners(struct ctl *ctl, struct restore_job *job)
{
	struct buf why;

	buf_init(&why, 4096);
	if (geteuid() == 0 && identity_load(ctl->conf, 0, &why) == OK) {
		job->owner = identity_of(IDENTITY_MAILSTORED);
		job->keyd = identity_of(IDENTITY_KEYD);
		if (job->owner != NULL && !identity_store_group(&job->readers))
			job->readers = 0;
	} else if (why.n > 0)
		ctl_fail("%s", buf_cstr(&why));
	buf_fini(&why);
}

static void
tell_restore(struct ctl *ctl, const struct restore_job *job, const char *name)
{
	if (ctl->json)
		ctl_print_json(json_pack("{s:b,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I}", "ok", true,
		    "snapshot", name, "state", job->state_dir, "rows", (json_int_t)job->rows,
		    "accounts",
		    (json_int_t)job->accounts, "mailboxes", (json_int_t)job->mailboxes, "held",
		    (json_int_t)job->held, "segments", (json_int_t)job->segments, "octets",
		    (json_int_t)job->octets));
	else
		printf("snapshot %s is now %s/store: %llu rows, %llu segments of %llu octets\n"
		    "%llu mailboxes have a new UIDVALIDITY; %llu queued messages are held\n", name,
		    job->state_dir, (unsigned long long)job->rows,
		    (unsigned long long)job->segments, (unsigned long long)job->octets,
		    (unsigned long long)job->mailboxes, (unsigned long long)job->held);
}

static int
restore(struct ctl *ctl, const struct restore_line *line, struct backup *b)
{
	struct restore_job job = { .state_dir = line->to,
		.map_octets = ctl->conf->store.map_octets,
		.nothing_since = line->nothing_since, .now_s = clock_real_s() };
	struct backup_manifest m;
	char keys[PATH_MAX_OCTETS];
	int r = backup_find(b, line->at, &m);

	if (r != OK)
		return r;
	r = choose_keys(line, &m, keys);
	if (r == OK) {
		job.keys_dir = keys[0] == '\0' ? NULL : keys;
		owners(ctl, &job);
		r = restore_store(b, &m, &job);
	}
	if (r == OK)
		tell_restore(ctl, &job, ctl_backup_name(ctl, m.time_s));
	backup_manifest_free(&m);
	return r;
}

int
ctl_store_restore(struct ctl *ctl, int argc, char **argv)
{
	struct restore_line line;
	struct backup b;
	struct buf why;
	int r;

	if (parse_restore(argc, argv, &line) != OK)
		return ctl_usage(ctl);
	buf_init(&why, CTL_WHY_MAX);
	r = backup_open(line.dir, false, &why, &b);
	if (r == OK) {
		r = restore(ctl, &line, &b);
		backup_close(&b);
	}
	if (r != OK && why.n > 0)
		ctl_backup_why(&why);
	if (r != OK)
		ctl_fail("nothing was restored: %s", err_text(r));
	buf_fini(&why);
	return r == OK ? CTL_OK : r == ERR_CORRUPT ? CTL_NOT_IN_ORDER : CTL_USAGE;
}
