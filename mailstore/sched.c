/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/sched.h"

#include "common/clock.h"

enum { GATHER_MIN_US = 100, GATHER_MAX_US = 4000 };

static void
list_init(struct sched_list *l)
{
	*l = (struct sched_list){ .first = NULL };
	l->end = &l->first;
}

static void
push(struct sched_list *l, struct engine_job *j)
{
	j->next = NULL;
	*l->end = j;
	l->end = &j->next;
	l->n++;
}

static struct engine_job *
pop(struct sched_list *l)
{
	struct engine_job *j = l->first;

	if (j == NULL)
		return NULL;
	l->first = j->next;
	if (l->first == NULL)
		l->end = &l->first;
	l->n--;
	j->next = NULL;
	return j;
}

void
sched_init(struct sched *s, struct engine *e)
{
	*s = (struct sched){ .e = e };
	list_init(&s->fresh);
	list_init(&s->sealing);
	list_init(&s->mail);
	list_init(&s->other);
}

void
sched_add(struct sched *s, struct engine_job *j)
{
	j->status = OK;
	j->task = NULL;
	push(j->prepare != NULL ? &s->fresh : &s->other, j);
}

static void
prepare(struct sched *s)
{
	bool held = false;	/* those that keep an order: one of them must wait */

	/* All are looked at, or those that must wait would come behind those that were not. */
	for (size_t n = s->fresh.n; n > 0; n--) {
		struct engine_job *j = pop(&s->fresh);
		bool waits = (held && j->in_order) || s->sealing.n + s->mail.n >= SCHED_AHEAD;
		int r = waits ? ERR_AGAIN : j->prepare(s->e, j);

		if (r == ERR_AGAIN) {
			held = held || j->in_order;
			push(&s->fresh, j);
			continue;
		}
		j->status = r;
		push(r == OK && j->task != NULL ? &s->sealing : &s->mail, j);
	}
}

static void
collect(struct sched *s)
{
	bool held = false;

	for (size_t n = s->sealing.n; n > 0; n--) {
		struct engine_job *j = pop(&s->sealing);
		bool waits = (held && j->in_order) || !sealer_is_done(s->e->sealer, j->task);

		held = held || (waits && j->in_order);
		push(waits ? &s->sealing : &s->mail, j);
	}
}

void
sched_pump(struct sched *s, bool hold)
{
	if (!hold)
		prepare(s);
	collect(s);
}

void
sched_gather(struct sched *s, bool hold)
{
	uint64_t begun = clock_us(), half = s->e->stats.commit_us / 2, spent = 0;

	half = half < GATHER_MIN_US ? GATHER_MIN_US : half > GATHER_MAX_US ? GATHER_MAX_US : half;
	sched_pump(s, hold);
	while (spent < half && sched_coming(s) > 0 && sched_ready(s) < SCHED_GROUP_MAX &&
	    sealer_help(s->e->sealer, half - spent)) {
		sched_pump(s, hold);
		spent = clock_us() - begun;
	}
}

struct engine_job *
sched_group(struct sched *s, size_t *n_out)
{
	struct sched_list group;

	list_init(&group);
	while (group.n < SCHED_GROUP_MAX && s->mail.n + s->other.n > 0) {
		if (s->other.n > 0)
			push(&group, pop(&s->other));
		if (s->mail.n > 0 && group.n < SCHED_GROUP_MAX)
			push(&group, pop(&s->mail));
	}
	*n_out = group.n;
	return group.first;
}

size_t
sched_ready(const struct sched *s)
{
	return s->mail.n + s->other.n;
}

size_t
sched_coming(const struct sched *s)
{
	return s->fresh.n + s->sealing.n;
}
