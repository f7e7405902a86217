/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/fetch/jobs.h"

#include <string.h>

int
jobs_init(struct jobs *jobs, const struct conf_trust *conf)
{
	*jobs = (struct jobs){ .conf = conf };
	arena_init(&jobs->arena, JOBS_ARENA_OCTETS);
	jobs->v = arena_array(&jobs->arena, JOBS_MAX, sizeof *jobs->v);
	return jobs->v != NULL ? OK : jobs->arena.err;
}

void
jobs_fini(struct jobs *jobs)
{
	arena_clear(&jobs->arena);
	*jobs = (struct jobs){ 0 };
}

/* A list is the same for whoever asks for it, an OCSP responder answers each by itself. */
static struct job *
find(struct jobs *jobs, const struct smime_point *p)
{
	for (size_t i = 0; i < jobs->n; i++) {
		struct job *j = &jobs->v[i];

		if (j->point.ocsp == p->ocsp && slice_eq(j->point.url, p->url) &&
		    (!p->ocsp || slice_eq(j->point.asked, p->asked)))
			return j;
	}
	return NULL;
}

static int
add(struct jobs *jobs, const struct smime_point *p, bool configured, struct job **out)
{
	struct buf at;
	struct job *j;
	bool rewritten;

	*out = find(jobs, p);
	if (*out != NULL || jobs->n == JOBS_MAX || !url_is_fetchable(p->url))
		return OK;
	buf_init(&at, 2 * URL_OCTETS_MAX);
	rewritten = url_rewrite(&jobs->conf->rewrite, p->url, &at);
	j = &jobs->v[jobs->n];
	*j = (struct job){ .anywhere = configured || rewritten, .outcome = ERR_UNAVAIL };
	j->point.ocsp = p->ocsp;
	j->point.url = arena_copy(&jobs->arena, p->url);
	j->point.asked = arena_copy(&jobs->arena, p->asked);
	j->at = at.err == OK ? arena_cstr(&jobs->arena, buf_slice(&at)) : NULL;
	buf_fini(&at);
	if (jobs->arena.err != OK || j->at == NULL)
		return jobs->arena.err != OK ? jobs->arena.err : ERR_NOMEM;
	jobs->n++;
	*out = j;
	return OK;
}

int
jobs_add_point(void *arg, const struct smime_point *point)
{
	struct jobs *jobs = arg;
	struct job *j;
	int r;

	if (point->ocsp && !jobs->conf->ocsp)
		return OK;
	r = add(jobs, point, false, &j);
	if (j == NULL)
		return r;
	j->named = true;
	if (smime_sha256(point->asked, j->group) != OK)
		return ERR_CRYPTO;
	/* Known before by its address alone: now it can be told whether it is the right one. */
	if (j->point.asked.n == 0)
		j->point.asked = arena_copy(&jobs->arena, point->asked);
	return jobs->arena.err;
}

int
jobs_add_url(struct jobs *jobs, struct slice url, const unsigned char group[32])
{
	struct smime_point p = { .ocsp = false, .url = url };
	struct job *j;
	int r = add(jobs, &p, group == NULL, &j);

	if (j != NULL && group != NULL)
		memcpy(j->group, group, sizeof j->group);
	return r;
}

static bool
is_answered_elsewhere(const struct jobs *jobs, const struct job *j)
{
	static const unsigned char none[32];

	for (size_t i = 0; i < jobs->n && memcmp(j->group, none, sizeof none) != 0; i++) {
		const struct job *other = &jobs->v[i];

		if (other->outcome == OK && other->point.ocsp == j->point.ocsp &&
		    memcmp(other->group, j->group, sizeof none) == 0)
			return true;
	}
	return false;
}

size_t
jobs_failed(const struct jobs *jobs)
{
	size_t n = 0;

	for (size_t i = 0; i < jobs->n; i++)
		n += jobs->v[i].outcome != OK && !is_answered_elsewhere(jobs, &jobs->v[i]);
	return n;
}
