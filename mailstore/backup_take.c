/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "mailstore/backup_internal.h"
#include "mailstore/control.h"
#include "mailstore/index.h"
#include "mailstore/path.h"

#define UNFINISHED	"incomplete"

enum { PAIR_TRIES = 1000, KEY_FILES_MAX = 16, ROW_ARENA_MAX = 48 << 20 };

struct taking {
	struct backup	  *b;
	struct backup_job *job;
	struct control	  *ctl;
	struct index	  *ix;
	int		   folder;	/* where the snapshot is made */
	struct backup_need need;
	struct backup_manifest m;
	struct arena	   a;
};

/* ---- one moment ---- */

static int
open_envs(struct taking *t)
{
	char path[PATH_OCTETS];
	int r = path_store(t->job->state_dir, "control", path);

	if (r == OK)
		r = control_open(path, t->job->map_octets, true, &t->ctl);
	if (r == OK)
		r = path_store(t->job->state_dir, "index", path);
	if (r == OK)
		r = index_open(path, t->job->map_octets, true, &t->ix);
	if (r != OK)
		buf_addf(t->b->why, "%s: %s\n", path, err_text(r));
	return r;
}

static int
begin_pair(struct taking *t)
{
	for (int i = 0; i < PAIR_TRIES; i++) {
		int r = control_begin_read(t->ctl);

		if (r != OK)
			return r;
		r = index_begin_read(t->ix);
		if (r == OK && env_is_latest(t->ctl->t))
			return OK;
		if (r == OK)
			index_abort(t->ix);
		control_abort(t->ctl);
		if (r != OK)
			return r;
	}
	buf_addf(t->b->why, "%s: control changed each time that a moment was looked for\n",
	    t->job->state_dir);
	return ERR_AGAIN;
}

/* ---- the environments ---- */

static void
say_row(struct taking *t, const struct dump_row *row, int err)
{
	enum { SHOWN = 20 };
	char key[2 * 32 + 1];

	if (++t->job->damaged > SHOWN)
		return;
	sodium_bin2hex(key, sizeof key, (const unsigned char *)row->key.p,
	    row->key.n < 32 ? row->key.n : 32);
	buf_addf(t->b->why, "row %s of \"%.*s\": %s\n", key, (int)row->tree.n, row->tree.p,
	    err_text(err));
}

static int
take_row(struct taking *t, struct dump_writer *w, const struct dump_row *row, bool control)
{
	int r = backup_row_is_whole(row->key, row->val) ?
	    backup_need_row(&t->need, row, control, &t->a) : ERR_CORRUPT;

	t->job->rows++;
	if (r == ERR_CORRUPT || r == ERR_FRAME || r == ERR_LIMIT) {
		say_row(t, row, r);
		r = OK;
	}
	dump_entry(w, row->key, row->val);
	return r == OK && (t->job->rows & 1023) == 0 ? t->job->hold(t->job->arg) : r;
}

static int
take_tree(struct taking *t, struct dump_writer *w, struct env_txn *txn, unsigned tree,
    const char *name, bool control)
{
	struct dump_row row = { .tree = slice_of(name) };
	struct env_cursor c;
	int r = env_cursor_open(txn, tree, &c);

	dump_tree(w, name);
	while (r == OK && (r = env_cursor_next(&c)) == 1) {
		row.key = c.key;
		row.val = c.val;
		r = take_row(t, w, &row, control);
	}
	env_cursor_close(&c);
	return r;
}

static int
note_file(struct taking *t, struct backup_out *o, const char *name)
{
	struct backup_entry e = { .octets = o->octets };
	int r;

	snprintf(e.name, sizeof e.name, "%s", name);
	backup_out_sum(o, e.sum);
	r = backup_out_done(o);
	return r == OK ? backup_manifest_file(&t->m, &e) : r;
}

static int
take_env(struct taking *t, const char *file, struct env_txn *txn, const char *const *trees,
    size_t n, bool control)
{
	struct dump_writer *w = NULL;
	struct backup_out o;
	int r = backup_out_open(t->folder, file, 0, &o);

	if (r == OK)
		r = dump_writer_new(backup_out_write, &o, &w);
	for (unsigned i = 0; i < n && r == OK; i++)
		r = take_tree(t, w, txn, i, trees[i], control);
	if (r == OK)
		r = dump_end(w);
	if (r == OK) {
		t->job->row_octets += o.octets;
		r = note_file(t, &o, file);
	}
	backup_out_drop(&o);
	dump_writer_free(&w);
	return r == OK ? OK : backup_say(t->b, file, r);
}

static int
take_rows(struct taking *t)
{
	const char *const *trees;
	size_t n;
	int r = open_envs(t);

	if (r == OK)
		r = begin_pair(t);
	if (r != OK)
		return r;
	t->job->time_s = (uint64_t)clock_real_s();
	r = index_u64_get(t->ix, "format", &t->m.format);
	trees = control_trees(&n);
	if (r == OK)
		r = take_env(t, "control.dump", t->ctl->t, trees, n, true);
	trees = index_trees(&n);
	if (r == OK)
		r = take_env(t, "index.dump", t->ix->t, trees, n, false);
	index_abort(t->ix);
	control_abort(t->ctl);
	index_close(&t->ix);	/* a reader that stays makes the writer's file grow */
	control_close(&t->ctl);
	return r;
}

/* ---- the rest ---- */

static int
take_segments(struct taking *t)
{
	char path[PATH_OCTETS];
	struct backup_copy c = { t->b, t->job, &t->m, path };
	int r = path_store(t->job->state_dir, "seg", path);

	for (size_t i = 0; i < t->need.n && r == OK; i++)
		r = backup_copy_segment(&c, &t->need.v[i]);
	return r;
}

static int
take_key(struct taking *t, int from, int to, const char *name)
{
	uint8_t sum[BACKUP_SUM_OCTETS];
	char full[BACKUP_NAME_OCTETS];
	struct backup_out o;
	uint64_t octets;
	int r = backup_out_open(to, name, 0, &o);

	if (snprintf(full, sizeof full, "keys/%s", name) >= 48)
		r = r == OK ? ERR_LIMIT : r;
	if (r == OK)
		r = backup_read(from, name, 0, backup_out_write, &o, &octets, sum);
	if (r == OK)
		r = note_file(t, &o, full);
	backup_out_drop(&o);
	return r;
}

static int
take_keys(struct taking *t, int keys)
{
	struct backup_names names = { NULL };
	const char *name;
	int to = -1, r = backup_folder(t->folder, "keys", &to);

	if (r == OK)
		r = backup_names_open(keys, &names);
	for (int n = 0; r == OK && (r = backup_names_next(&names, &name)) == 1; n++)
		r = n < KEY_FILES_MAX ? take_key(t, keys, to, name) : ERR_LIMIT;
	backup_names_close(&names);
	if (to >= 0)
		close(to);
	return r;
}

/* Which master key the mail needs is always noted, by a fingerprint that tells nothing of the
 * key. */
static int
look_at_keys(struct taking *t)
{
	char path[PATH_OCTETS], id[PATH_OCTETS + 16];
	struct buf text;
	int keys, r = OK;

	if (snprintf(path, sizeof path, "%s/keys", t->job->state_dir) >= (int)sizeof path)
		return ERR_LIMIT;
	snprintf(id, sizeof id, "%s/master.id", path);
	buf_init(&text, 1 << 18);
	if (file_read(id, &text) == OK)
		snprintf(t->m.key, sizeof t->m.key, "%.*s",
		    (int)slice_trim(buf_slice(&text)).n, text.n > 0 ? text.p : "");
	buf_fini(&text);
	if (!t->job->keys)
		return OK;
	keys = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = keys < 0 ? -errno : take_keys(t, keys);
	if (keys >= 0)
		close(keys);
	if (r == OK && !backup_manifest_has_keys(&t->m))
		r = ERR_NOENT;
	if (r != OK)
		buf_addf(t->b->why, "%s: %s\n", path, err_text(r));
	return r;
}

/* The manifest is the last file; the name of the folder says that it is there. */
static int
finish(struct taking *t)
{
	struct dump_writer *w = NULL;
	char name[BACKUP_TIME_OCTETS];
	struct backup_out o;
	int r = backup_out_open(t->folder, "manifest", 0, &o);

	t->m.time_s = t->job->time_s;
	backup_time_put(t->job->time_s, name);
	if (r == OK)
		r = dump_writer_new(backup_out_write, &o, &w);
	if (r == OK) {
		backup_manifest_put(&t->m, w);
		r = dump_end(w);
	}
	if (r == OK) {
		t->job->row_octets += o.octets;
		backup_out_sum(&o, t->job->sum);
		r = backup_out_done(&o);
	}
	backup_out_drop(&o);
	dump_writer_free(&w);
	if (r == OK && (renameat(t->b->dir, UNFINISHED, t->b->dir, name) != 0 ||
	    fsync(t->b->dir) != 0))
		r = -errno;
	return r == OK ? OK : backup_say(t->b, "manifest", r);
}

/* One snapshot a second has a name; a clock that was set back must not bring them out of order. */
static int
choose_time(struct taking *t)
{
	uint64_t *times;
	size_t n;
	int r = backup_list(t->b, &times, &n);

	if (r != OK)
		return backup_say(t->b, ".", r);
	if (n > 0 && times[n - 1] >= t->job->time_s)
		t->job->time_s = times[n - 1] + 1;
	free(times);
	if (t->job->time_s <= BACKUP_TIME_MAX_S)
		return OK;
	buf_addf(t->b->why, "%s: holds a snapshot of the end of the year 9999; remove it\n",
	    t->b->path);
	return ERR_LIMIT;
}

/* What a backup that was broken off left. Whole parts are not among it: they are used. */
static int
clean(struct backup *b)
{
	struct backup_names names;
	const char *name;
	int r = backup_remove(b->dir, UNFINISHED);

	if (r == OK)
		r = backup_names_open(b->seg, &names);
	if (r != OK)
		return backup_say(b, UNFINISHED, r);
	while (r == OK && (r = backup_names_next(&names, &name)) == 1)
		r = !slice_ends_nocase(slice_of(name), SLICE(".tmp")) ||
		    unlinkat(b->seg, name, 0) == 0 ? OK : -errno;
	backup_names_close(&names);
	return r;
}

int
backup_take(struct backup *b, struct backup_job *job)
{
	struct taking t = { .b = b, .job = job, .folder = -1 };
	int r = clean(b);

	arena_init(&t.a, ROW_ARENA_MAX);
	if (r == OK && (r = job->hold(job->arg)) != OK)
		buf_addf(b->why, "mailstored does not hold the store for us: %s\n", err_text(r));
	if (r == OK)
		r = backup_folder(b->dir, UNFINISHED, &t.folder);
	if (r == OK)
		r = take_rows(&t);
	if (r == OK)
		r = choose_time(&t);
	if (r == OK)
		r = take_segments(&t);
	if (r == OK)
		r = look_at_keys(&t);
	if (r == OK)
		r = finish(&t);
	index_close(&t.ix);
	control_close(&t.ctl);
	if (t.folder >= 0)
		close(t.folder);
	free(t.need.v);
	backup_manifest_free(&t.m);
	arena_clear(&t.a);
	return r;
}
