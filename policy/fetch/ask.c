/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/fetch/ask.h"

#include <unistd.h>

#include "common/clock.h"
#include "common/memfd.h"
#include "policy/fetch/fetcher.h"

enum { SILENT_MAX = 2, SLACK_MS = 5000, ANSWER_OCTETS_MAX = 1 << 18 };

void
ask_init(struct ask *ask, int fd, const struct conf_trust *conf)
{
	*ask = (struct ask){ .fd = fd, .conf = conf, .end_ms = clock_ms() + ASK_RUN_MS };
}

/* NULL: too many, this one is asked each time. */
static struct ask_server *
server_of(struct ask *a, const struct job *j)
{
	struct slice name = url_server(slice_of(j->at));

	for (size_t i = 0; i < a->servers_n; i++)
		if (slice_eq_nocase(a->servers[i].name, name))
			return &a->servers[i];
	if (a->servers_n == ASK_SERVERS_MAX)
		return NULL;
	a->servers[a->servers_n] = (struct ask_server){ .name = name };
	return &a->servers[a->servers_n++];
}

static int
take_content(int fd, uint64_t max, struct slice *out)
{
	int r = memfd_map(fd, max, out);

	close(fd);
	return r;
}

/* What the fetcher says is not believed beyond its form. */
static int
call(struct ask *a, const struct fetch_get_request *rq, struct slice *out, unsigned *status_out)
{
	size_t n;
	const struct chan_row *rows = fetch_rows(&n);
	const struct fetch_get_reply *reply;
	const void *msg;
	struct arena arena;
	int fds[CHAN_FDS_MAX];
	unsigned fds_n = 0;
	int r;

	arena_init(&arena, ANSWER_OCTETS_MAX);
	r = chan_sync_call(a->fd, &rows[0], rq, NULL, 0, rq->timeout_ms + SLACK_MS, &arena, &msg,
	    fds, &fds_n);
	if (r != OK) {
		a->fd = -1;
		r = ERR_UNKNOWN;
	} else {
		reply = msg;
		*status_out = reply->status;
		r = reply->error == 0 && fds_n == 1 ? take_content(fds[0], rq->octets_max, out) :
		    reply->error == 0 || reply->error > INT16_MAX ? ERR_FRAME : -(int)reply->error;
		for (unsigned i = reply->error == 0 && fds_n == 1; i < fds_n; i++)
			close(fds[i]);
	}
	arena_clear(&arena);
	return r;
}

int
ask_for(struct ask *a, const struct job *j, struct slice *out, unsigned *status_out)
{
	uint64_t now_ms = clock_ms();
	struct ask_server *server = server_of(a, j);
	struct fetch_get_request rq = { .url = slice_of(j->at), .anywhere = j->anywhere,
		.timeout_ms = a->conf->timeout_s * 1000, .octets_max = a->conf->crl_octets };
	int r;

	*out = (struct slice){ NULL, 0 };
	*status_out = 0;
	if (a->fd < 0)
		return ERR_UNKNOWN;
	if (now_ms >= a->end_ms)
		return ERR_TIMEOUT;
	if (server != NULL && server->silent >= SILENT_MAX)
		return ERR_UNAVAIL;
	if (now_ms + rq.timeout_ms > a->end_ms)
		rq.timeout_ms = a->end_ms - now_ms;
	if (j->point.ocsp) {
		rq.body = j->point.asked;
		rq.octets_max = ASK_OCSP_OCTETS_MAX;
	}
	r = call(a, &rq, out, status_out);
	if (server != NULL)
		server->silent = r == ERR_UNAVAIL || r == ERR_TIMEOUT ? server->silent + 1 : 0;
	return r;
}
