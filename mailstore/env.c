/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/env.h"

#include <assert.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/control.h"
#include "mailstore/path.h"

struct env_txn {
	struct env *env;
	MDB_txn	   *txn;
	bool	    write, open;
	uint64_t    writes;
};

struct env {
	MDB_env	      *env;
	MDB_dbi	       trees[ENV_TREES_MAX];
	struct env_txn rd, wr;
};

/* LMDB's codes become ours here and nowhere else. */
static int
to_err(int rc)
{
	switch (rc) {
	case 0:
		return OK;
	case MDB_NOTFOUND:
		return ERR_NOENT;
	case MDB_MAP_FULL:
	case MDB_DBS_FULL:
		return ERR_NOSPC;
	case MDB_TXN_FULL:
		return ERR_LIMIT;
	case MDB_READERS_FULL:
		return ERR_UNAVAIL;
	case MDB_VERSION_MISMATCH:
		return ERR_VERSION;
	case MDB_INVALID:
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INCOMPATIBLE:
		return ERR_CORRUPT;
	case MDB_PANIC:
		return ERR_IO;
	default:
		return rc > 0 ? -rc : ERR_IO;
	}
}

static MDB_val
to_val(struct slice s)
{
	return (MDB_val){ s.n, (void *)(uintptr_t)s.p };
}

static struct slice
of_val(MDB_val v)
{
	return (struct slice){ v.mv_data, v.mv_size };
}

/* A slot that a process left when it was killed is as good as a free one. */
static int
begin_reader(MDB_env *env, MDB_txn **out)
{
	int rc = mdb_txn_begin(env, NULL, MDB_RDONLY, out), dead = 0;

	if (rc != MDB_READERS_FULL || mdb_reader_check(env, &dead) != 0 || dead == 0)
		return rc;
	return mdb_txn_begin(env, NULL, MDB_RDONLY, out);
}

static int
open_trees(struct env *e, bool read_only, const char *const *trees, size_t n)
{
	MDB_txn *txn;
	int rc = read_only ? begin_reader(e->env, &txn) : mdb_txn_begin(e->env, NULL, 0, &txn);

	if (rc != 0)
		return to_err(rc);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = mdb_dbi_open(txn, trees[i], read_only ? 0 : MDB_CREATE, &e->trees[i]);
	if (rc == 0)
		return to_err(mdb_txn_commit(txn));
	mdb_txn_abort(txn);
	return to_err(rc);
}

/* Readers note in the lock file what they are looking at. In the data they write nothing. */
static int
open_lock(const char *dir)
{
	char path[PATH_OCTETS];

	if (snprintf(path, sizeof path, "%s/lock.mdb", dir) >= (int)sizeof path)
		return ENAMETOOLONG;
	if (chmod(path, 0660) != 0)
		return errno;
	snprintf(path, sizeof path, "%s/data.mdb", dir);	/* of an older version: was 0660 */
	return chmod(path, 0640) == 0 ? 0 : errno;
}

static int
create(uint64_t map_octets, unsigned readers, MDB_env **out)
{
	int rc = mdb_env_create(out);

	if (rc == 0)
		rc = mdb_env_set_mapsize(*out, map_octets);
	if (rc == 0)
		rc = mdb_env_set_maxreaders(*out, readers);
	return rc == 0 ? mdb_env_set_maxdbs(*out, ENV_TREES_MAX) : rc;
}

static int
sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

	if (fd < 0 || fsync(fd) != 0)
		rc = errno;
	if (fd >= 0)
		close(fd);
	return rc;
}

/* An empty one at path, with a first commit, which makes it durable. */
static int
make_at(const char *path, uint64_t map_octets)
{
	MDB_env *env = NULL;
	MDB_txn *txn;
	MDB_dbi dbi;
	int rc = create(map_octets, ENV_READERS, &env);

	if (rc == 0)
		rc = mdb_env_open(env, path, MDB_NOTLS | MDB_NOSUBDIR, 0640);
	if (rc == 0)
		rc = mdb_txn_begin(env, NULL, 0, &txn);
	if (rc == 0) {
		rc = mdb_dbi_open(txn, "meta", MDB_CREATE, &dbi);
		if (rc == 0)
			rc = mdb_txn_commit(txn);
		else
			mdb_txn_abort(txn);
	}
	if (rc == 0)
		rc = mdb_env_sync(env, 1);
	if (env != NULL)
		mdb_env_close(env);
	return rc;
}

/* What LMDB writes first is not safe against a power cut: a half-written file would never open again.
 * So it is made under another name. */
static int
make_new(const char *dir, uint64_t map_octets)
{
	char path[PATH_OCTETS], made[PATH_OCTETS], lock[PATH_OCTETS];
	struct stat st;
	int rc;

	if (snprintf(lock, sizeof lock, "%s/data.new-lock", dir) >= (int)sizeof lock)
		return ENAMETOOLONG;
	snprintf(path, sizeof path, "%s/data.mdb", dir);
	snprintf(made, sizeof made, "%s/data.new", dir);
	if (stat(path, &st) == 0)
		return 0;
	(void)unlink(made);
	(void)unlink(lock);
	rc = make_at(made, map_octets);
	if (rc == 0 && rename(made, path) != 0)
		rc = errno;
	if (rc != 0)
		(void)unlink(made);
	(void)unlink(lock);
	return rc;
}

int
env_open(const char *dir, uint64_t map_octets, bool read_only, const char *const *trees, size_t n,
    struct env **out)
{
	return env_open_for(ENV_READERS, dir, map_octets, read_only, trees, n, out);
}

int
env_open_for(unsigned readers, const char *dir, uint64_t map_octets, bool read_only,
    const char *const *trees, size_t n, struct env **out)
{
	unsigned flags = MDB_NOTLS | MDB_NORDAHEAD | (read_only ? MDB_RDONLY : 0U);
	struct env *e = calloc(1, sizeof *e);
	int rc;

	assert(n <= ENV_TREES_MAX);
	*out = e;
	if (e == NULL)
		return ERR_NOMEM;
	e->rd.env = e->wr.env = e;
	e->wr.write = true;
	rc = create(map_octets, readers, &e->env);
	if (control_off("store-meta-sync"))
		flags |= MDB_NOMETASYNC;
	if (rc == 0 && !read_only)
		rc = make_new(dir, map_octets);
	if (rc == 0)
		rc = mdb_env_open(e->env, dir, flags, 0640);
	if (rc == 0 && !read_only)
		rc = open_lock(dir);
	if (rc == 0 && !read_only)	/* before anything in it is acknowledged */
		rc = sync_dir(dir);
	rc = rc != 0 ? to_err(rc) : open_trees(e, read_only, trees, n);
	if (rc != OK)
		env_close(out);
	return rc;
}

void
env_close(struct env **env)
{
	struct env *e = *env;

	if (e == NULL)
		return;
	assert(!e->wr.open);
	if (e->rd.txn != NULL)
		mdb_txn_abort(e->rd.txn);
	if (e->env != NULL)
		mdb_env_close(e->env);
	free(e);
	*env = NULL;
}

int
env_begin_read(struct env *env, struct env_txn **out)
{
	int rc;

	assert(!env->rd.open);
	/* A reset transaction keeps its slot: taking it up again costs no search. */
	rc = env->rd.txn != NULL ? mdb_txn_renew(env->rd.txn) :
	    begin_reader(env->env, &env->rd.txn);
	/* Whoever of this process closed another handle of the same environment took the slot with it
	 * (tests do). */
	if (rc == MDB_BAD_RSLOT) {
		mdb_txn_abort(env->rd.txn);
		env->rd.txn = NULL;
		rc = begin_reader(env->env, &env->rd.txn);
	}
	if (rc != 0)
		return to_err(rc);
	env->rd.open = true;
	*out = &env->rd;
	return OK;
}

int
env_begin_write(struct env *env, struct env_txn **out)
{
	int rc;

	assert(!env->wr.open);
	rc = mdb_txn_begin(env->env, NULL, 0, &env->wr.txn);
	if (rc != 0)
		return to_err(rc);
	env->wr.open = true;
	env->wr.writes = 0;
	*out = &env->wr;
	return OK;
}

/* When not even the page that makes a commit valid could be written, for whatever reason, LMDB does not
 * know either what is on the disk, and refuses everything from then on. */
static bool
is_dead(MDB_env *env)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);

	if (rc == 0)
		mdb_txn_abort(txn);
	return rc == MDB_PANIC;
}

int
env_commit(struct env_txn **txn)
{
	struct env_txn *t = *txn;
	int rc;

	assert(t->open && t->write);
	*txn = NULL;
	t->open = false;
	rc = mdb_txn_commit(t->txn);
	t->txn = NULL;
	return rc != 0 && is_dead(t->env->env) ? ERR_IO : to_err(rc);
}

void
env_abort(struct env_txn **txn)
{
	struct env_txn *t = *txn;

	if (t == NULL)
		return;
	assert(t->open);
	*txn = NULL;
	t->open = false;
	if (t->write) {
		mdb_txn_abort(t->txn);
		t->txn = NULL;
	} else
		mdb_txn_reset(t->txn);
}

bool
env_is_latest(const struct env_txn *txn)
{
	MDB_envinfo info;

	return mdb_env_info(txn->env->env, &info) == 0 && info.me_last_txnid == mdb_txn_id(txn->txn);
}

uint64_t
env_writes(const struct env_txn *txn)
{
	return txn->writes;
}

int
env_get(struct env_txn *txn, unsigned tree, struct slice key, struct slice *val_out)
{
	MDB_val k = to_val(key), v;
	int rc = mdb_get(txn->txn, txn->env->trees[tree], &k, &v);

	if (rc == 0)
		*val_out = of_val(v);
	return to_err(rc);
}

int
env_put(struct env_txn *txn, unsigned tree, struct slice key, struct slice val)
{
	MDB_val k = to_val(key), v = to_val(val);

	txn->writes++;
	return to_err(mdb_put(txn->txn, txn->env->trees[tree], &k, &v, 0));
}

int
env_del(struct env_txn *txn, unsigned tree, struct slice key)
{
	MDB_val k = to_val(key);
	int rc;

	txn->writes++;
	rc = mdb_del(txn->txn, txn->env->trees[tree], &k, NULL);
	return rc == MDB_NOTFOUND ? OK : to_err(rc);
}

int
env_cursor_open(struct env_txn *txn, unsigned tree, struct env_cursor *out)
{
	MDB_cursor *c;
	int rc = mdb_cursor_open(txn->txn, txn->env->trees[tree], &c);

	*out = (struct env_cursor){ .c = rc == 0 ? c : NULL };
	return to_err(rc);
}

void
env_cursor_close(struct env_cursor *c)
{
	if (c->c != NULL)
		mdb_cursor_close(c->c);
	c->c = NULL;
}

static int
cursor_get(struct env_cursor *c, MDB_val *k, MDB_cursor_op op)
{
	MDB_val v;
	int rc = mdb_cursor_get(c->c, k, &v, op);

	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return to_err(rc);
	c->key = of_val(*k);
	c->val = of_val(v);
	return 1;
}

int
env_cursor_seek(struct env_cursor *c, struct slice key)
{
	MDB_val k = to_val(key);

	return cursor_get(c, &k, MDB_SET_RANGE);
}

int
env_cursor_last(struct env_cursor *c)
{
	MDB_val k = { 0, NULL };

	return cursor_get(c, &k, MDB_LAST);
}

int
env_cursor_next(struct env_cursor *c)
{
	MDB_val k = { 0, NULL };

	return cursor_get(c, &k, MDB_NEXT);
}

int
env_cursor_del(struct env_txn *txn, struct env_cursor *c)
{
	txn->writes++;
	return to_err(mdb_cursor_del(c->c, 0));
}

uint64_t
env_txn_number(const struct env_txn *txn)
{
	return mdb_txn_id(txn->txn);
}

void
env_touch(struct env *env, unsigned tree, const struct slice *keys, size_t n)
{
	volatile char octet;
	MDB_txn *txn;
	MDB_cursor *c;

	if (begin_reader(env->env, &txn) != 0)
		return;
	if (mdb_cursor_open(txn, env->trees[tree], &c) == 0) {
		for (size_t i = 0; i < n; i++) {
			MDB_val k = to_val(keys[i]), v;

			if (mdb_cursor_get(c, &k, &v, MDB_SET_RANGE) == 0 && v.mv_size > 0)
				octet = *(const char *)v.mv_data;
		}
		mdb_cursor_close(c);
	}
	mdb_txn_abort(txn);
	(void)octet;
}

int
env_count(struct env_txn *txn, unsigned tree, uint64_t *out)
{
	MDB_stat st;
	int rc = mdb_stat(txn->txn, txn->env->trees[tree], &st);

	*out = rc == 0 ? st.ms_entries : 0;
	return to_err(rc);
}

/* Pages that were used once and are free: the first tree of LMDB lists them, as a count and numbers. */
static int
free_pages(MDB_env *env, size_t *out)
{
	enum { FREE_TREE = 0 };
	MDB_txn *txn;
	MDB_cursor *c;
	MDB_val k, v;
	int rc = begin_reader(env, &txn);

	if (rc != 0)
		return rc;
	rc = mdb_cursor_open(txn, FREE_TREE, &c);
	if (rc == 0) {
		while ((rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) == 0) {
			size_t count = 0;

			if (v.mv_size >= sizeof count)
				memcpy(&count, v.mv_data, sizeof count);
			*out += count;
		}
		mdb_cursor_close(c);
	}
	mdb_txn_abort(txn);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

int
env_room(struct env *env, unsigned parts)
{
	MDB_envinfo info;
	MDB_stat st;
	size_t pages, room;
	int rc = mdb_env_info(env->env, &info);

	if (rc == 0)
		rc = mdb_env_stat(env->env, &st);
	if (rc != 0)
		return to_err(rc);
	pages = info.me_mapsize / st.ms_psize;
	room = pages - info.me_last_pgno;
	if (room < pages / parts)
		rc = free_pages(env->env, &room);
	return rc != 0 ? to_err(rc) : room < pages / parts ? ERR_NOSPC : OK;
}

int
env_size(const struct env *env, uint64_t *used_out, uint64_t *size_out)
{
	MDB_envinfo info;
	MDB_stat st;
	int rc = mdb_env_info(env->env, &info);

	if (rc == 0)
		rc = mdb_env_stat(env->env, &st);
	if (rc != 0)
		return to_err(rc);
	*used_out = (uint64_t)(info.me_last_pgno + 1) * st.ms_psize;
	*size_out = info.me_mapsize;
	return OK;
}

void
env_reap_readers(struct env *env)
{
	int dead;

	(void)mdb_reader_check(env->env, &dead);
}

/* One line of LMDB's list: process, thread, and the snapshot's number, "-" when it looks at none. The
 * first line is a heading, or says that there are none. */
static int
on_reader(const char *line, void *arg)
{
	struct env_readers *out = arg;
	unsigned long long txn;
	char *end;
	long pid = strtol(line, &end, 10);

	if (end == line || pid <= 0)
		return 0;
	out->used++;
	(void)strtoull(end, &end, 16);
	txn = strtoull(end, &end, 10);
	if (txn == 0 || (out->pid != 0 && txn >= out->txn))
		return 0;
	out->pid = pid;
	out->txn = txn;
	return 0;
}

int
env_readers(struct env *env, struct env_readers *out)
{
	MDB_envinfo info;
	int rc;

	*out = (struct env_readers){ 0 };
	if (mdb_reader_list(env->env, on_reader, out) < 0)
		return ERR_IO;
	rc = mdb_env_info(env->env, &info);
	out->behind = rc == 0 && out->pid != 0 && out->txn < info.me_last_txnid;
	return to_err(rc);
}
