/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/fetched.h"

#include <limits.h>
#include <stdio.h>

#include "common/file.h"
#include "common/metric.h"
#include "policy/fetch/state.h"

static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size &&
	    a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void
read_state(const char *path)
{
	struct state s;
	struct buf text;

	buf_init(&text, STATE_OCTETS_MAX);
	if (file_read(path, &text) == OK && state_parse(buf_slice(&text), &s) == OK) {
		metric_set(METRIC_TRUST_RAN, 0, s.ran_s);
		metric_set(METRIC_TRUST_COMPLETE, 0, s.complete_s);
		metric_set(METRIC_TRUST_FAILED, 0, s.failed);
	}
	buf_fini(&text);
}

void
fetched_look(struct fetched *f, const char *crls)
{
	char path[PATH_MAX];
	struct stat st;
	int n = snprintf(path, sizeof path, "%s/%s", crls, STATE_FILE);

	if (n < 0 || (size_t)n >= sizeof path || lstat(path, &st) != 0 ||
	    !S_ISREG(st.st_mode) || is_same(&st, &f->seen))
		return;
	f->seen = st;
	read_state(path);
}
