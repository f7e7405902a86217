/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * An environment with damaged pages is made anew beside it, from the rows that can be read, and
 * takes its place in one step. The old one stays as "<name>.damaged-<time>".
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "mailstore/pages.h"
#include "mailstore/path.h"
#include "mailstore/repair_parts.h"

enum { ROWS_AT_ONCE = 1000 };

struct making {
	struct env	   *env;
	struct env_txn	   *t;
	const char *const  *trees;
	size_t		    trees_n, in_txn;
	uint64_t	    lost;
};

static bool
is_damaged(const struct check *c, bool in_control)
{
	for (size_t i = 0; i < c->fixes_n; i++)
		if (c->fixes[i].kind == CHECK_PAGE && c->fixes[i].in_control == in_control)
			return true;
	return false;
}

static int
take_row(void *arg, const char *tree, struct slice key, struct slice val)
{
	struct making *m = arg;
	size_t i = 0;
	int r = OK;

	while (i < m->trees_n && strcmp(m->trees[i], tree) != 0)
		i++;
	if (i == m->trees_n)
		return OK;
	if (m->t == NULL)
		r = env_begin_write(m->env, &m->t);
	if (r == OK)
		r = env_put(m->t, (unsigned)i, key, val);
	if (r == OK && ++m->in_txn % ROWS_AT_ONCE == 0)
		r = env_commit(&m->t);
	return r;
}

static int
remove_old(const char *dir)
{
	static const char *const files[] = { "data.mdb", "lock.mdb" };
	char path[PATH_OCTETS + 16];

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		snprintf(path, sizeof path, "%s/%s", dir, files[i]);
		if (unlink(path) != 0 && errno != ENOENT && errno != ENOTDIR)
			return -errno;
	}
	return rmdir(dir) != 0 && errno != ENOENT ? -errno : OK;
}

static int
copy_rows(struct making *m, const char *file)
{
	struct pages_conf conf = { .txn = PAGES_NEWEST, .row = take_row, .arg = m };
	struct pages_result res;
	int r = pages_walk(file, &conf, &res);

	if (r == OK && m->t != NULL)
		r = env_commit(&m->t);
	env_abort(&m->t);
	return r;
}

/* The same owner and rights as the one that it takes the place of. */
static int
like(const char *dir, const char *old)
{
	static const char *const files[] = { "", "/data.mdb", "/lock.mdb" };
	char a[PATH_OCTETS + 16], b[PATH_OCTETS + 16];
	struct stat st;

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		snprintf(a, sizeof a, "%s%s", old, files[i]);
		snprintf(b, sizeof b, "%s%s", dir, files[i]);
		if (stat(a, &st) != 0)
			continue;
		if (chown(b, st.st_uid, st.st_gid) != 0 || chmod(b, st.st_mode & 07777) != 0)
			return -errno;
	}
	return OK;
}

static int
sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = fsync(fd) != 0 ? -errno : OK;
	close(fd);
	return r;
}

/* Exchange in one step: at no moment is there none. */
static int
take_place(const char *fresh, const char *dir, const char *store)
{
	enum { TRIES = 1000 };
	long long now = (long long)clock_real_s();
	char kept[PATH_OCTETS + 40];
	int r = like(fresh, dir), failed = -1;

	if (r == OK)
		r = sync_dir(fresh);
	if (r != OK)
		return r;
	if (renameat2(AT_FDCWD, fresh, AT_FDCWD, dir, RENAME_EXCHANGE) != 0)
		return -errno;
	/* There may be one of this very second. */
	for (int i = 0; failed != 0 && i < TRIES; i++) {
		snprintf(kept, sizeof kept, "%s.damaged-%lld", dir, now + i);
		failed = renameat2(AT_FDCWD, fresh, AT_FDCWD, kept, RENAME_NOREPLACE);
		if (failed != 0 && errno != EEXIST)
			break;
	}
	return failed != 0 ? -errno : sync_dir(store);
}

static int
make_anew(struct check *c, bool in_control)
{
	char dir[PATH_OCTETS], fresh[PATH_OCTETS], store[PATH_OCTETS], file[PATH_OCTETS + 16];
	struct making m = { .env = NULL };
	int r = path_store(c->conf->state_dir, in_control ? "control" : "index", dir);

	if (r == OK)
		r = path_store(c->conf->state_dir, in_control ? "control.new" : "index.new", fresh);
	if (r == OK)
		r = path_store(c->conf->state_dir, "", store);
	if (r == OK)
		r = remove_old(fresh);
	if (r != OK)
		return r;
	if (mkdir(fresh, 0700) != 0)
		return -errno;
	m.trees = in_control ? control_trees(&m.trees_n) : index_trees(&m.trees_n);
	snprintf(file, sizeof file, "%s/data.mdb", dir);
	r = env_open(fresh, c->conf->map_octets, false, m.trees, m.trees_n, &m.env);
	if (r == OK)
		r = copy_rows(&m, file);
	env_close(&m.env);
	return r == OK ? take_place(fresh, dir, store) : r;
}

int
repair_pages(struct check *c, bool *done_out)
{
	bool index = is_damaged(c, false), control = is_damaged(c, true);
	int r = OK;

	*done_out = index || control;
	if (index)
		r = make_anew(c, false);
	if (r == OK && control)
		r = make_anew(c, true);
	for (size_t i = 0; i < c->fixes_n; i++) {
		c->fixes[i].state = r == OK ? CHECK_REPAIRED : CHECK_LEFT;
		check_tell(c, &c->fixes[i]);
	}
	c->fixes_n = 0;
	/* Nothing could be read: that was told; there is nothing more to look at. */
	if (r == ERR_CORRUPT)
		*done_out = false;
	return r == ERR_CORRUPT ? OK : r;
}
