/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/unit/mailstore/check_world.h: a small store that has some of everything, made by the engine,
 * of which cases take copies to damage them.
 */
#ifndef TESTS_MAILSTORE_CHECK_WORLD_H
#define TESTS_MAILSTORE_CHECK_WORLD_H

#include "help.h"
#include "mailstore/check.h"
#include "mailstore/control.h"
#include "mailstore/index.h"

enum { WORLD_FOUND_MAX = 4096, WORLD_MAP = 1 << 30 };

struct world {
	struct help h;			/* closed: the store as it was made */
	char	    copy[80];		/* state folder of the case */
	char	    report[80];
	struct check_finding *found;
	size_t	    found_n;
	struct check_result result;
	uint64_t    steps, die_at;	/* with so many steps the process ends; 0: never */
};

void world_begin(struct world *w);
void world_end(struct world *w);
/* A fresh copy of the store. */
void world_copy(struct world *w);

/* Flags of world_check. */
enum { WORLD_REPAIR = 1 << 0, WORLD_KEYS = 1 << 1, WORLD_APART = 1 << 2, WORLD_ONLINE = 1 << 3 };

/* Check the copy; findings are in w afterwards. */
int world_check(struct world *w, unsigned flags);
/* How many findings of a kind there were. */
size_t world_count(const struct world *w, enum check_kind kind);
/* All of them, to standard error. */
void world_show(const struct world *w);
/* No finding but notes. */
bool world_is_clean(const struct world *w);

/* Fail with all findings, unless ok. */
void world_expect(struct world *w, bool ok, const char *name, const char *what);

/* The environments of the copy, to be written into; each has a transaction open. */
struct garden {
	struct world   *w;
	struct index   *ix;
	struct control *ctl;
};

struct garden garden_open(struct world *w);
void garden_close(struct garden *g);

/* Path of a file of the copy below "store". */
const char *world_path(const struct world *w, const char *below);

#endif
