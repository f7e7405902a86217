/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/control.h"
#include "mailstore/gc.h"
#include "mailstore/index.h"
#include "mailstore/path.h"
#include "mailstore/queue.h"
#include "mailstore/release.h"
#include "mailstore/restore_internal.h"

enum { TXN_ROWS = 2000, TXN_OCTETS = 8 << 20, ROW_ARENA_MAX = 48 << 20 };

/* One environment being filled. */
struct filling {
	struct restoring  *s;
	bool		   control;
	struct control	   c;		/* env, transaction; the rest for the queue's functions */
	const char *const *trees;
	size_t		   trees_n, rows, octets;
	struct arena	   a;
	struct record_account acct;	/* whose mailboxes come now */
	struct record_box  box;
	uint32_t	   account;	/* 0: none */
	uint32_t	   segment;	/* the highest that has a row */
};

/* LMDB says "input/output error" of a disk that took a part of a write only: mostly it is full. */
static int
explain(const struct restoring *s, int err)
{
	enum { FULL_OCTETS = 1 << 20 };
	struct statfs st;

	return err == ERR_IO && fstatfs(s->dir, &st) == 0 &&
	    (uint64_t)st.f_bavail * (uint64_t)st.f_bsize < FULL_OCTETS ? ERR_NOSPC : err;
}

static int
put(struct filling *f, unsigned tree, struct slice key, struct slice val)
{
	f->rows++;
	f->octets += key.n + val.n;
	return env_put(f->c.t, tree, key, val);
}

static int
put_made(struct filling *f, struct slice key)
{
	return f->c.row.err != OK ? f->c.row.err : put(f, INDEX_T, key, buf_slice(&f->c.row));
}

/* ---- UIDVALIDITY ---- */

/* What its mailboxes were given belongs to the account's row, which came before them. */
static int
end_account(struct filling *f)
{
	struct record_key k = record_key(f->account, RECORD_ACCOUNT);
	struct slice key = record_key_slice(&k);

	if (f->account == 0)
		return OK;
	f->account = 0;
	record_account_put(key, &f->acct, &f->c.row);
	return put_made(f, key);
}

static int
begin_account(struct filling *f, const struct dump_row *row)
{
	int r = end_account(f);

	if (r == OK)
		r = record_account_get(row->key, row->val, &f->acct);
	if (r != OK)
		return r;
	f->account = record_key_read_u32(row->key, 0);
	if ((int64_t)f->acct.last_uidvalidity < f->s->job->now_s)
		f->acct.last_uidvalidity = (uint32_t)f->s->job->now_s;
	f->s->job->accounts++;
	return OK;
}

static int
raise_box(struct filling *f, const struct dump_row *row)
{
	int r = record_box_get(row->key, row->val, &f->box);

	if (r == OK && f->acct.last_uidvalidity == UINT32_MAX)
		r = ERR_LIMIT;
	if (r != OK)
		return r;
	f->box.uidvalidity = ++f->acct.last_uidvalidity;
	f->s->job->mailboxes++;
	record_box_put(row->key, &f->box, &f->c.row);
	return put_made(f, row->key);
}

static int
index_row(struct filling *f, unsigned tree, const struct dump_row *row)
{
	char letter = row->key.n > 4 ? row->key.p[4] : 0;
	int r;

	if (tree == INDEX_SEG && row->key.n == 4 && record_key_read_u32(row->key, 0) > f->segment)
		f->segment = record_key_read_u32(row->key, 0);
	if (tree != INDEX_T || f->s->job->nothing_since)
		return put(f, tree, row->key, row->val);
	if (letter == RECORD_ACCOUNT && row->key.n == 5) {
		r = begin_account(f, row);
		return r == OK ? put(f, tree, row->key, row->val) : r;
	}
	if (letter == RECORD_BOX && record_key_read_u32(row->key, 0) == f->account)
		return raise_box(f, row);
	return put(f, tree, row->key, row->val);
}

/* ---- rows ---- */

/* What belongs to a release: one that was open then may have been used since. */
static int
release_row(struct filling *f, const struct dump_row *row)
{
	struct slice val;
	int r = release_restore(&f->c, row->key, row->val, f->s->job->now_s, &f->a, &val);

	arena_clear(&f->a);
	if (r == 0)
		return put(f, CONTROL_META, row->key, row->val);
	return r < 0 || val.n == 0 ? (r < 0 ? r : OK) : put(f, CONTROL_META, row->key, val);
}

static int
control_row(struct filling *f, unsigned tree, const struct dump_row *row)
{
	int r;

	if (tree == CONTROL_META && !f->s->job->nothing_since &&
	    !control_off("release-restore"))
		return release_row(f, row);
	if (f->s->job->nothing_since || (tree != CONTROL_QUEUE && tree != CONTROL_DUE))
		return put(f, tree, row->key, row->val);
	if (tree == CONTROL_DUE)
		return OK;
	r = queue_restore(&f->c, row->key, row->val, &f->a);
	arena_clear(&f->a);
	f->s->job->held++;
	f->rows++;
	f->octets += row->val.n;
	return r;
}

static int
commit_maybe(struct filling *f)
{
	int r;

	if (f->rows < TXN_ROWS && f->octets < TXN_OCTETS)
		return OK;
	f->rows = f->octets = 0;
	r = explain(f->s, env_commit(&f->c.t));
	return r == OK ? env_begin_write(f->c.env, &f->c.t) : r;
}

static int
on_row(void *arg, const struct dump_row *row)
{
	struct filling *f = arg;
	unsigned tree = 0;
	int r;

	while (tree < f->trees_n && !slice_is(row->tree, f->trees[tree]))
		tree++;
	if (tree == f->trees_n)
		return ERR_VERSION;	/* a kind of row that this congvu does not know */
	r = f->control ? control_row(f, tree, row) : index_row(f, tree, row);
	f->s->job->rows++;
	return r == OK ? commit_maybe(f) : r;
}

/* ---- numbers of segments ---- */

/* Above all that the lost store may have begun. */
static int
put_floor(struct filling *f)
{
	const struct backup_manifest *m = f->s->m;
	struct slice key = slice_of(gc_meta_last), val;
	uint64_t last = f->segment, had;

	if (f->control || f->s->job->nothing_since)
		return OK;
	if (m->parts_n > 0 && m->parts[m->parts_n - 1].segment > last)
		last = m->parts[m->parts_n - 1].segment;
	if (env_get(f->c.t, INDEX_META, key, &val) == OK &&
	    record_u64_get(key, val, &had) == OK && had > last)
		last = had;
	last += RESTORE_SEGMENT_GAP;
	if (last > UINT32_MAX - RESTORE_SEGMENT_GAP)
		return ERR_LIMIT;
	record_u64_put(key, last, &f->c.row);
	return f->c.row.err != OK ? f->c.row.err :
	    put(f, INDEX_META, key, buf_slice(&f->c.row));
}

/* ---- an environment ---- */

static int
fill(struct filling *f, const char *file)
{
	int r = env_begin_write(f->c.env, &f->c.t);

	if (r == OK)
		r = backup_rows(f->s->b, f->s->m, file, on_row, f);
	if (r == OK && !f->control)
		r = end_account(f);
	if (r == OK)
		r = put_floor(f);
	if (r == OK)
		r = explain(f->s, env_commit(&f->c.t));
	env_abort(&f->c.t);
	return r;
}

static int
make_env(struct restoring *s, const char *name, const char *file, bool control)
{
	struct filling *f = calloc(1, sizeof *f);
	char path[PATH_OCTETS];
	int dir, r = f == NULL ? ERR_NOMEM : backup_folder(s->dir, name, &dir);

	if (r != OK) {
		free(f);
		return r;
	}
	*f = (struct filling){ .s = s, .control = control };
	f->trees = control ? control_trees(&f->trees_n) : index_trees(&f->trees_n);
	arena_init(&f->a, ROW_ARENA_MAX);
	buf_init(&f->c.row, DUMP_VALUE_MAX);
	if (snprintf(path, sizeof path, "%s/store.restoring/%s", s->job->state_dir, name) >=
	    (int)sizeof path)
		r = ERR_LIMIT;
	if (r == OK)
		r = explain(s, env_open(path, s->job->map_octets, false, f->trees, f->trees_n,
		    &f->c.env));
	if (r == OK)
		r = fill(f, file);
	env_close(&f->c.env);
	(void)unlinkat(dir, "lock.mdb", 0);	/* ours; the first to open it makes one */
	if (r == OK && fsync(dir) != 0)
		r = -errno;
	close(dir);
	arena_clear(&f->a);
	buf_fini(&f->c.row);
	free(f);
	return r;
}

int
restore_rows(struct restoring *s)
{
	int r = make_env(s, "control", "control.dump", true);

	if (r == OK)
		r = make_env(s, "index", "index.dump", false);
	if (r != OK)
		buf_addf(s->b->why, "%s/store.restoring: %s\n", s->job->state_dir, err_text(r));
	return r;
}
