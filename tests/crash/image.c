/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "mailstore/gc.h"

/* ---- folders ---- */

int
image_base(char out[64])
{
	snprintf(out, 64, "%s/congvu-crash-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	return mkdtemp(out) == NULL;
}

void
image_dir(const char *base, const char *name, char out[200])
{
	snprintf(out, 200, "%s/%s", base, name);
	if (mkdir(out, 0700) != 0) {
		perror(out);
		exit(3);
	}
}

void
image_remove(const char *dir)
{
	char cmd[300];

	snprintf(cmd, sizeof cmd, "rm -rf '%s'", dir);
	if (system(cmd) != 0)
		exit(3);
}

void
image_make(const char *base, unsigned depth, const struct disk *d, unsigned variant,
    uint64_t seed, char out[200])
{
	char name[40], path[200];

	snprintf(name, sizeof name, "image%u-%d", depth, (int)getpid());
	image_dir(base, name, out);
	image_dir(out, "run", path);
	image_dir(out, "state", path);
	disk_write(d, variant == 0 ? DISK_NONE : variant == 1 ? DISK_ALL : DISK_RANDOM, seed, path);
}

/* ---- is all of it there? ---- */

/* Whoever got no answer asks again, with the same id. */
static int
ask_again(struct site *t, const struct ledger *l)
{
	int status, r = OK;

	for (uint32_t i = 0; i < l->group_n; i++) {
		struct act a = l->group[i];

		if (!l->open[i] || (a.kind != ACT_DELIVER && a.kind != ACT_APPEND))
			continue;
		site_group(t, &a, 1, &status);
		if (status != OK) {
			snprintf(t->why, sizeof t->why, "act %u, asked again: %s", a.id,
			    err_text(status));
			return status;
		}
	}
	while (r == OK && t->e->intents != NULL)
		r = engine_apply(t->e);
	return r;
}

/* A message that was asked for again is there once, in each place that it was for. */
static int
count_again(struct site *t, const struct ledger *l, const struct state *is)
{
	for (uint32_t i = 0; i < l->group_n; i++) {
		const struct act *a = &l->group[i];
		uint32_t n = 0, want = 0;

		if (!l->open[i] || (a->kind != ACT_DELIVER && a->kind != ACT_APPEND))
			continue;
		for (uint32_t k = 0; k < is->rows_n; k++)
			n += is->rows[k].id == a->id;
		for (uint32_t k = 0; k < ACCOUNTS; k++)
			want += a->accounts >> k & 1;
		want = a->kind == ACT_APPEND ? 1 : want;
		if (n == want)
			continue;
		snprintf(t->why, sizeof t->why, "act %u, asked again: %u messages", a->id, n);
		return ERR_CORRUPT;
	}
	return OK;
}

static int
check_audit(struct site *t, const struct ledger *l)
{
	static bool present[ACTS_MAX];
	int r = site_audit(t, present);

	for (uint32_t i = 0; i < ACTS_MAX && r == OK; i++)
		if (l->audited[i] && !present[i]) {
			snprintf(t->why, sizeof t->why, "LOST: act %u is not in the audit", i);
			r = ERR_CORRUPT;
		}
	return r;
}

/* What was left half done is found and done; nothing that can be seen changes by it. */
static int
reclaim(struct site *t, const struct state *was)
{
	enum { MUCH_LATER_S = 3 * 86400 };
	static struct state is;
	int r = site_recount(t);

	if (r == OK)
		r = engine_gc_all(t->e, clock_real_s() + MUCH_LATER_S);
	if (r == OK)
		r = engine_gc_all(t->e, clock_real_s() + MUCH_LATER_S + 2 * GC_DELAY_S);
	if (r == OK)
		r = site_look(t, &is);
	if (r == OK && (memcmp(was->rows, is.rows, sizeof is.rows) != 0 ||
	    memcmp(was->boxes, is.boxes, sizeof is.boxes) != 0)) {
		snprintf(t->why, sizeof t->why, "LOST by reclaiming");
		r = ERR_CORRUPT;
	}
	if (r == OK)
		r = site_spool(t);
	return r == OK ? site_recount(t) : r;
}

int
check_image(const struct keys *keys, const struct ledger *l, const char *dir, char why[400])
{
	static struct state is;
	struct site t = { .map_octets = 0 };
	int r = site_open(&t, keys, dir, 0);

	t.whole = true;
	if (r == OK)
		r = site_look(&t, &is);
	if (r == OK && !ledger_check(l, &is, why))
		return 1;
	if (r == OK)
		r = check_audit(&t, l);
	if (r == OK)
		r = site_spool(&t);
	if (r == OK)
		r = ask_again(&t, l);
	if (r == OK)
		r = site_look(&t, &is);
	if (r == OK)
		r = count_again(&t, l, &is);
	if (r == OK)
		r = reclaim(&t, &is);
	if (r != OK)
		snprintf(why, 400, "%s", t.why[0] != '\0' ? t.why : err_text(r));
	else
		site_close(&t);
	return r != OK;
}
