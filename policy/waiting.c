/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/waiting.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"

static unsigned
sort_of(unsigned path)
{
	return path == PATH_SUBMIT ? SORT_SUBMIT : path == PATH_STORE ? SORT_STORE : SORT_SMTP;
}

int
job_new(struct pool *pool, const struct chan_req *req, const struct pol_judge_request *msg,
    struct job **out)
{
	struct job *job = calloc(1, sizeof *job);

	*out = job;
	if (job == NULL)
		return ERR_NOMEM;
	job->pool = pool;
	job->req = *req;
	job->fd = -1;
	job->sort = sort_of(msg->path);
	job->path = msg->path;
	job->began_us = clock_us();
	job->recipients_n = msg->recipients_n;
	buf_init(&job->encoded, CHAN_BODY_MAX);
	return OK;
}

void
job_free(struct job *job)
{
	loop_timer_stop(&job->timer);
	buf_fini(&job->encoded);
	if (job->fd >= 0)
		close(job->fd);
	free(job);
}

void
waiting_init(struct waiting *w)
{
	*w = (struct waiting){ .n = 0 };
	for (int i = 0; i < SORT_COUNT; i++)
		w->tail[i] = &w->head[i];
}

int
waiting_put(struct waiting *w, struct job *job, const struct pol_judge_request *msg, int *fd)
{
	int r = wire_encode(&pol_judge_request_wire, msg, &job->encoded);

	if (r != OK)
		return r;
	if (w->n == WAITING_MAX || w->octets + job->encoded.n > WAITING_OCTETS_MAX)
		return ERR_UNAVAIL;
	job->fd = *fd;
	*fd = -1;
	*w->tail[job->sort] = job;
	w->tail[job->sort] = &job->next;
	w->n++;
	w->octets += job->encoded.n;
	return OK;
}

void
waiting_take(struct waiting *w, struct job *job)
{
	struct job **at = &w->head[job->sort];

	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
	if (job->next == NULL)
		w->tail[job->sort] = at;
	job->next = NULL;
	w->n--;
	w->octets -= job->encoded.n;
	loop_timer_stop(&job->timer);
}

struct job *
waiting_of_peer(const struct waiting *w, uint64_t peer_serial)
{
	for (int i = 0; i < SORT_COUNT; i++)
		for (struct job *job = w->head[i]; job != NULL; job = job->next)
			if (job->req.peer_serial == peer_serial)
				return job;
	return NULL;
}
