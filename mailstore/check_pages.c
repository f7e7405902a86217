/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * The pages of both environments, before LMDB is asked to believe them.
 */
#include <stdio.h>
#include <string.h>

#include "mailstore/check_parts.h"
#include "mailstore/pages.h"
#include "mailstore/path.h"

enum { TRIES = 100 };

struct looking {
	struct check *c;
	const char   *name;
	bool	      in_control;
};

static void
bad_page(void *arg, uint64_t page, const char *tree, const char *what)
{
	struct looking *l = arg;
	struct check_finding f = { .kind = CHECK_PAGE, .in_control = l->in_control, .page = page };

	snprintf(f.what, sizeof f.what, "%s%s%s", what, tree[0] != '\0' ? ", tree " : "", tree);
	check_found(l->c, &f);
}

static void
step(void *arg, uint64_t done, uint64_t total)
{
	struct looking *l = arg;

	check_step(l->c, "pages", done, total);
}

static int
read_only(const struct check *c, bool in_control, const char *dir, struct env **out)
{
	static const char *const none[] = { "meta" };

	(void)in_control;
	return env_open(dir, c->conf->map_octets, true, none, 1, out);
}

/* A snapshot that stays while it is looked at: its number, from LMDB, which reads no more than the
 * first pages for it. */
static int
look_online(struct check *c, struct looking *l, const char *dir, const char *file)
{
	struct pages_conf conf = { .bad = bad_page, .step = step, .arg = l };
	struct pages_result res;
	struct env_txn *t = NULL;
	struct env *env;
	int r = read_only(c, l->in_control, dir, &env);

	for (int i = 0; r == OK && i < TRIES; i++) {
		r = env_begin_read(env, &t);
		if (r != OK)
			break;
		conf.txn = env_txn_number(t);
		r = pages_walk(file, &conf, &res);
		env_abort(&t);
		if (r != ERR_AGAIN)
			break;
		r = i + 1 < TRIES ? OK : ERR_AGAIN;
	}
	env_close(&env);
	return r;
}

static int
look_at(struct check *c, bool in_control)
{
	struct looking l = { c, in_control ? "control" : "index", in_control };
	struct pages_conf conf = { .txn = PAGES_NEWEST, .bad = bad_page, .step = step, .arg = &l };
	char dir[PATH_OCTETS], file[PATH_OCTETS + 16];
	struct pages_result res;
	int r = path_store(c->conf->state_dir, l.name, dir);

	if (r != OK)
		return r;
	snprintf(file, sizeof file, "%s/data.mdb", dir);
	r = c->conf->offline ? pages_walk(file, &conf, &res) : look_online(c, &l, dir, file);
	return r == ERR_CORRUPT ? OK : r;	/* that was told */
}

int
check_pages(struct check *c)
{
	int r = look_at(c, false);

	return r == OK ? look_at(c, true) : r;
}
