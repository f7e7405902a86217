/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Some recipients have their answer: what is left of the envelope (LMTP). */
#include "smtpd/envelope.h"

/* Where things go in the narrower envelope; SIZE_MAX: nowhere. */
struct moves {
	size_t *rcpt, *local, *remote;
};

static int
plan(struct envelope *env, const bool *gone, struct moves *m)
{
	m->rcpt = arena_array(&env->mem, env->rcpts_n, sizeof *m->rcpt);
	m->local = arena_array(&env->mem, env->locals_n, sizeof *m->local);
	m->remote = arena_array(&env->mem, env->remotes_n, sizeof *m->remote);
	if (m->rcpt == NULL || m->local == NULL || m->remote == NULL)
		return ERR_LIMIT;
	for (size_t i = 0; i < env->locals_n; i++)
		m->local[i] = SIZE_MAX;
	for (size_t i = 0; i < env->remotes_n; i++)
		m->remote[i] = SIZE_MAX;
	for (size_t i = 0; i < env->links_n; i++)
		if (!gone[env->links[i].rcpt])
			(env->links[i].remote ? m->remote : m->local)[env->links[i].copy] = 0;
	for (size_t i = 0, to = 0; i < env->rcpts_n; i++)
		m->rcpt[i] = gone[i] ? SIZE_MAX : to++;
	return OK;
}

static void
move_copies(struct envelope *env, struct moves *m)
{
	size_t to = 0;

	for (size_t i = 0; i < env->locals_n; i++)
		if (m->local[i] != SIZE_MAX) {
			m->local[i] = to;
			env->locals[to++] = env->locals[i];
		}
	env->locals_n = to;
	to = 0;
	for (size_t i = 0; i < env->remotes_n; i++)
		if (m->remote[i] != SIZE_MAX) {
			m->remote[i] = to;
			env->remotes[to++] = env->remotes[i];
		}
	env->remotes_n = to;
}

static void
move_rcpts(struct envelope *env, const struct moves *m)
{
	size_t rcpts = 0, views = 0, links = 0;

	for (size_t i = 0; i < env->views_n; i++)
		if (m->rcpt[env->views[i].rcpt] != SIZE_MAX) {
			env->views[views] = env->views[i];
			env->views[views].rcpt = m->rcpt[env->views[i].rcpt];
			views++;
		}
	for (size_t i = 0; i < env->links_n; i++)
		if (m->rcpt[env->links[i].rcpt] != SIZE_MAX) {
			struct envelope_link l = env->links[i];

			env->links[links++] = (struct envelope_link){ m->rcpt[l.rcpt],
			    (l.remote ? m->remote : m->local)[l.copy], l.remote };
		}
	for (size_t i = 0; i < env->rcpts_n; i++)
		if (m->rcpt[i] != SIZE_MAX) {
			env->wishes[rcpts] = env->wishes[i];
			env->rcpts[rcpts++] = env->rcpts[i];
		}
	env->rcpts_n = rcpts;
	env->views_n = views;
	env->links_n = links;
}

int
envelope_narrow(struct envelope *env, const bool *gone, struct slice text)
{
	struct moves m;
	int err = plan(env, gone, &m);

	if (err != OK)
		return err;
	for (size_t i = 0; i < env->told_n; i++)
		if (env->told[i].text.n > 0)
			continue;
		else if (gone[env->told[i].rcpt])
			env->told[i].text = text;
		else
			env->told[i].rcpt = m.rcpt[env->told[i].rcpt];
	move_copies(env, &m);
	move_rcpts(env, &m);
	return OK;
}
