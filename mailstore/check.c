/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/check_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mailstore/crypt.h"
#include "mailstore/engine.h"
#include "mailstore/path.h"

enum { SORT_OCTETS = 32 << 20, QUEUED_OCTETS = 8 << 20 };

#define KIND_ROW(name, word, severity, repair, text) { word, CHECK_##severity, repair, text },
static const struct check_kind_row kinds[] = { CHECK_KINDS(KIND_ROW) };

const struct check_kind_row *
check_kind_row(enum check_kind kind)
{
	return &kinds[kind];
}

const char *
check_severity_name(enum check_severity severity)
{
	return severity == CHECK_NOTE ? "note" : severity == CHECK_WARNING ? "warning" : "error";
}

const char *
check_tree_name(const struct check_finding *f)
{
	size_t n;
	const char *const *trees = f->in_control ? control_trees(&n) : index_trees(&n);

	return f->tree < n ? trees[f->tree] : "";
}

int
check_take(const char *state_dir, bool *offline_out)
{
	char path[PATH_OCTETS];
	int fd, r;

	*offline_out = false;
	if (snprintf(path, sizeof path, "%s/store.lock", state_dir) >= (int)sizeof path)
		return ERR_LIMIT;
	if (access(path, F_OK) != 0)
		return errno == ENOENT ? ERR_NOENT : -errno;
	r = engine_lock(state_dir, &fd);	/* it is closed with the process */
	*offline_out = r == OK;
	return r == ERR_EXIST ? OK : r;
}

/* ---- findings ---- */

void
check_tell(struct check *c, const struct check_finding *f)
{
	const struct check_account *a = f->account == 0 ? NULL : check_account(c, f->account);
	struct check_finding one = *f;

	if (a != NULL)
		memcpy(one.user, a->uid, sizeof one.user);
	c->res->notes += kinds[f->kind].severity == CHECK_NOTE;
	c->res->warnings += kinds[f->kind].severity == CHECK_WARNING;
	c->res->errors += kinds[f->kind].severity == CHECK_ERROR;
	c->res->repaired += f->state == CHECK_REPAIRED;
	c->conf->found(c->conf->arg, &one);
}

void
check_found(struct check *c, const struct check_finding *f)
{
	if (!c->conf->repair) {
		check_tell(c, f);
		return;
	}
	/* What cannot be put right itself may go when something else is. */
	if (c->fixes_n == CHECK_FIXES_MAX || check_room((void **)&c->fixes, c->fixes_n,
	    &c->fixes_cap, sizeof *c->fixes) != OK)
		c->more = true;
	else
		c->fixes[c->fixes_n++] = *f;
}

void
check_found_row(struct check *c, enum check_kind kind, bool in_control, unsigned tree,
    struct slice key, const char *what)
{
	struct check_finding f = { .kind = kind, .in_control = in_control, .tree = (uint8_t)tree };

	f.key_octets = (uint16_t)(key.n < sizeof f.key ? key.n : sizeof f.key);
	memcpy(f.key, key.p, f.key_octets);
	snprintf(f.what, sizeof f.what, "%s", what);
	if (!in_control && tree == INDEX_T && key.n >= 5) {
		f.account = record_key_read_u32(key, 0);
		if (key.p[4] == RECORD_BOX || key.p[4] == RECORD_MESSAGE ||
		    key.p[4] == RECORD_VANISHED)
			f.mailbox = record_key_read_u32(key, 5);
		if (key.p[4] == RECORD_MESSAGE)
			f.uid = record_key_read_u32(key, 9);
	}
	check_found(c, &f);
}

uint8_t
check_newest(bool in_control, unsigned tree, struct slice key)
{
	char letter = key.n > 4 ? key.p[4] : 0;

	if (in_control)
		return tree == CONTROL_ACCOUNT || tree == CONTROL_INTENT ||
		    tree == CONTROL_STUCK || tree == CONTROL_QUEUE ||
		    tree == CONTROL_CHECKPOINT ?
		    2 : RECORD_VERSION;
	if (tree == INDEX_BLOB)
		return RECORD_VERSION_2;
	if (tree != INDEX_T)
		return RECORD_VERSION;
	return letter == RECORD_ACCOUNT || letter == RECORD_BOX || letter == RECORD_MESSAGE ||
	    letter == RECORD_VANISHED || letter == RECORD_EXPUNGED || letter == RECORD_DELETED ?
	    RECORD_VERSION_2 : RECORD_VERSION;
}

void
check_bad_row(struct check *c, bool in_control, unsigned tree, const struct env_cursor *cur,
    int err)
{
	uint8_t newest = check_newest(in_control, tree, cur->key);

	if (err == ERR_VERSION && record_one_bit(cur->key, cur->val, newest) < 0)
		check_found_row(c, CHECK_ROW_VERSION, in_control, tree, cur->key, "");
	else
		check_found_row(c, CHECK_ROW, in_control, tree, cur->key,
		    record_sound(cur->key, cur->val, newest) == OK ? "its fields are wrong" :
		    "its checksum is wrong");
}

void
check_step(struct check *c, const char *what, uint64_t done, uint64_t total)
{
	if (c->conf->step != NULL)
		c->conf->step(c->conf->arg, what, done, total);
}

/* ---- tables ---- */

int
check_room(void **array, size_t n, size_t *cap, size_t size)
{
	size_t more = *cap == 0 ? 64 : 2 * *cap;
	void *p;

	if (n < *cap)
		return OK;
	p = realloc(*array, more * size);
	if (p == NULL)
		return ERR_NOMEM;
	*array = p;
	*cap = more;
	return OK;
}

struct check_account *
check_account(struct check *c, uint32_t number)
{
	size_t lo = 0, hi = c->accounts_n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (c->accounts[mid].number < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < c->accounts_n && c->accounts[lo].number == number ? &c->accounts[lo] : NULL;
}

int
check_keyset(const struct check_account *a, uint32_t keyset)
{
	for (int i = 0; i < a->keysets_n; i++)
		if (a->keysets[i] == keyset)
			return i;
	return -1;
}

struct check_segment *
check_segment(struct check *c, uint32_t number)
{
	size_t lo = 0, hi = c->segments_n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (c->segments[mid].number < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < c->segments_n && c->segments[lo].number == number ? &c->segments[lo] : NULL;
}

/* ---- the order of things ---- */

static int
open_envs(struct check *c)
{
	char path[PATH_OCTETS];
	bool read_only = !c->conf->repair;
	int r = path_store(c->conf->state_dir, "index", path);

	if (r == OK)
		r = index_open(path, c->conf->map_octets, read_only, &c->ix);
	if (r == OK)
		r = path_store(c->conf->state_dir, "control", path);
	if (r == OK)
		r = control_open(path, c->conf->map_octets, read_only, &c->ctl);
	return r;
}

static void
forget_round(struct check *c)
{
	sorter_free(&c->refs);
	sorter_free(&c->places);
	sorter_free(&c->queued);
	c->accounts_n = c->segments_n = c->groups_n = c->bad_n = c->fixes_n = 0;
	c->more = false;
}

static int
begin_round(struct check *c)
{
	int r;

	forget_round(c);
	r = sorter_new(recount_tmp(), SORT_OCTETS, &c->refs);
	if (r == OK)
		r = sorter_new(recount_tmp(), SORT_OCTETS, &c->places);
	return r == OK ? sorter_new(recount_tmp(), QUEUED_OCTETS, &c->queued) : r;
}

/* The index first: what it knows was in control before, so the later snapshot of control has it. */
static int
check_rows(struct check *c)
{
	int r = index_begin_read(c->ix);

	if (r == OK)
		r = control_begin_read(c->ctl);
	if (r == OK)
		r = check_control(c);
	if (r == OK)
		r = check_tree(c);
	if (r == OK)
		r = check_others(c);
	if (r == OK)
		r = check_blobs(c);
	index_abort(c->ix);
	if (r == OK && c->only == 0)
		r = check_audit(c);
	control_abort(c->ctl);
	return r;
}

static int
check_round(struct check *c)
{
	struct check_result found = *c->res;
	int r = begin_round(c);

	*c->res = (struct check_result){ .notes = found.notes, .warnings = found.warnings,
		.errors = found.errors, .repaired = found.repaired, .rounds = found.rounds };
	if (r == OK)
		r = check_rows(c);
	if (r == OK)
		r = check_missing_accounts(c);
	if (r == OK)
		r = check_segments(c);
	if (r == OK)
		r = check_damaged(c);
	if (r == OK && c->conf->secret != NULL)
		r = check_contents(c);
	return r;
}

/* Check and put right until nothing is left that could be. */
static int
rounds(struct check *c)
{
	size_t done = 1;
	int r = OK;

	for (; r == OK && done > 0 && c->res->rounds < CHECK_ROUNDS_MAX; c->res->rounds++) {
		r = check_round(c);
		done = 0;
		if (r == OK && c->conf->repair)
			r = repair_round(c, &done);
	}
	return r;
}

static int
check_store(struct check *c)
{
	uint64_t before;
	bool anew;
	int r = check_pages(c);

	if (r == OK && c->conf->repair)
		r = repair_pages(c, &anew);
	before = c->res->errors - c->res->repaired;
	if (r != OK || before > 0)	/* LMDB would believe what is damaged */
		return r;
	r = open_envs(c);
	if (r != OK && r != ERR_NOENT && r != ERR_UNAVAIL && r != ERR_VERSION) {
		struct check_finding f = { .kind = CHECK_OPEN, .state = CHECK_LEFT };

		snprintf(f.what, sizeof f.what, "%s", err_text(r));
		check_tell(c, &f);
		return OK;
	}
	if (r == OK && c->conf->repair)
		r = repair_begin(c);
	if (r == OK)
		r = rounds(c);
	if (r == OK && c->conf->repair)
		r = repair_end(c);
	return r;
}

int
check_run(const struct check_conf *conf, struct check_result *out)
{
	struct check c = { .conf = conf, .res = out };
	bool may = !conf->repair || (conf->offline && conf->report != NULL);
	int r = may ? crypt_start() : ERR_INVAL;

	*out = (struct check_result){ 0 };
	arena_init(&c.a, CHECK_ARENA_MAX);
	if (r == OK)
		r = check_store(&c);
	arena_clear(&c.a);
	forget_round(&c);
	repair_free(&c);
	index_close(&c.ix);
	control_close(&c.ctl);
	free(c.accounts);
	free(c.segments);
	free(c.groups);
	free(c.bad);
	free(c.fixes);
	return r;
}
