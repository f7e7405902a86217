/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "control/metricsd_http.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/metric_read.h"
#include "common/pidfile.h"

enum { TICK_MS = 500, IDLE_S = 10, FORMATS = 2 };

/* A connection that is open, to end it when its time is up. */
struct guest {
	struct MHD_Connection *connection;	/* NULL: free */
	uint64_t	       began_ms;
};

struct http {
	struct loop	  *loop;
	const char	  *run_dir;
	struct MHD_Daemon *daemon;
	struct loop_fd	   lf;
	struct loop_timer  tick;
	struct guest	   guests[HTTP_CONNECTIONS];
	struct buf	   text[FORMATS];	/* Prometheus, OpenMetrics */
	uint64_t	   made_ms[FORMATS];	/* 0: never */
};

/* ---- what is shown ---- */

static void
read_states(const struct http *h, struct metric_state *states, struct metric_copy **copies)
{
	for (unsigned p = 0; p < METRIC_PROGRAM_COUNT; p++) {
		pid_t pid;

		copies[p] = NULL;
		if (metric_copy_read(h->run_dir, (enum metric_program)p, &copies[p]) != OK)
			copies[p] = NULL;
		states[p].copy = copies[p];
		/* Asking for our own lock would give it up. */
		states[p].up = p == METRIC_PROGRAM_METRICSD ||
		    pidfile_holder(h->run_dir, metric_program_name((enum metric_program)p),
		    &pid) == OK;
	}
}

static void
free_copies(struct metric_copy **copies)
{
	for (unsigned p = 0; p < METRIC_PROGRAM_COUNT; p++)
		metric_copy_free(&copies[p]);
}

static const struct buf *
metrics(struct http *h, bool openmetrics)
{
	struct metric_state states[METRIC_PROGRAM_COUNT];
	struct metric_copy *copies[METRIC_PROGRAM_COUNT];
	struct buf *b = &h->text[openmetrics];

	if (h->made_ms[openmetrics] != 0 &&
	    clock_ms() - h->made_ms[openmetrics] < HTTP_FRESH_MS)
		return b;
	read_states(h, states, copies);
	buf_clear(b);
	metric_text(states, clock_real_s(), openmetrics, b);
	free_copies(copies);
	h->made_ms[openmetrics] = clock_ms();
	return b;
}

/* True: all run. */
static bool
health(const struct http *h, struct buf *out)
{
	struct metric_state states[METRIC_PROGRAM_COUNT];
	struct metric_copy *copies[METRIC_PROGRAM_COUNT];
	bool fine = true;

	read_states(h, states, copies);
	free_copies(copies);
	for (unsigned p = 0; p < METRIC_PROGRAM_COUNT; p++) {
		if (states[p].up)
			continue;
		buf_addf(out, "%s%s", fine ? "not running: " : " ",
		    metric_program_name((enum metric_program)p));
		fine = false;
	}
	buf_adds(out, fine ? "ok\n" : "\n");
	return fine;
}

/* ---- answering ---- */

static enum MHD_Result
answer(struct MHD_Connection *c, unsigned status, const char *type, struct slice body,
    const char *allow)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(body.n,
	    (void *)(uintptr_t)(body.n > 0 ? body.p : ""), MHD_RESPMEM_MUST_COPY);
	enum MHD_Result ok;

	metric_add(METRIC_SCRAPES, status < 400 || status == 503 ? METRIC_OK : METRIC_BAD, 1);
	if (r == NULL)
		return MHD_NO;
	ok = MHD_add_response_header(r, "Content-Type", type);
	if (ok == MHD_YES)
		ok = MHD_add_response_header(r, "Connection", "close");
	if (ok == MHD_YES && allow != NULL)
		ok = MHD_add_response_header(r, "Allow", allow);
	if (ok == MHD_YES)
		ok = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return ok;
}

static enum MHD_Result
answer_text(struct MHD_Connection *c, unsigned status, const char *text)
{
	return answer(c, status, "text/plain; charset=utf-8", slice_of(text),
	    status == MHD_HTTP_METHOD_NOT_ALLOWED ? "GET, HEAD" : NULL);
}

static enum MHD_Result
answer_metrics(struct http *h, struct MHD_Connection *c)
{
	struct slice accept = slice_of(MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Accept"));
	bool openmetrics = slice_find_nocase(accept, SLICE("application/openmetrics-text")) >= 0;
	const struct buf *b = metrics(h, openmetrics);

	if (b->err != OK)
		return answer_text(c, MHD_HTTP_INTERNAL_SERVER_ERROR, "too much to show\n");
	return answer(c, MHD_HTTP_OK, openmetrics ?
	    "application/openmetrics-text; version=1.0.0; charset=utf-8" :
	    "text/plain; version=0.0.4; charset=utf-8", buf_slice(b), NULL);
}

static enum MHD_Result
answer_health(const struct http *h, struct MHD_Connection *c)
{
	enum MHD_Result r;
	struct buf b;
	unsigned status;

	buf_init(&b, 1024);
	status = health(h, &b) ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
	r = answer(c, status, "text/plain; charset=utf-8", buf_slice(&b), NULL);
	buf_fini(&b);
	return r;
}

static enum MHD_Result
on_request(void *arg, struct MHD_Connection *c, const char *url, const char *method,
    const char *version, const char *body, size_t *body_n, void **state)
{
	struct http *h = arg;

	(void)version;
	(void)body;
	(void)body_n;
	(void)state;
	if (strcmp(url, "/metrics") != 0 && strcmp(url, "/health") != 0)
		return answer_text(c, MHD_HTTP_NOT_FOUND, "try /metrics or /health\n");
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return answer_text(c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
	return url[1] == 'm' ? answer_metrics(h, c) : answer_health(h, c);
}

/* ---- connections ---- */

static void
on_connection(void *arg, struct MHD_Connection *c, void **state,
    enum MHD_ConnectionNotificationCode what)
{
	struct http *h = arg;
	const struct MHD_Connection *wanted = what == MHD_CONNECTION_NOTIFY_STARTED ? NULL : c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(h->guests); i++) {
		if (h->guests[i].connection != wanted)
			continue;
		h->guests[i] = (struct guest){ wanted == NULL ? c : NULL, clock_ms() };
		return;
	}
}

/* The library's own time limit starts anew with every octet. */
static void
end_old(struct http *h)
{
	for (size_t i = 0; i < ARRAY_LEN(h->guests); i++) {
		struct guest *g = &h->guests[i];
		const union MHD_ConnectionInfo *info;

		if (g->connection == NULL || clock_ms() - g->began_ms < HTTP_LIFE_MS)
			continue;
		info = MHD_get_connection_info(g->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
		if (info != NULL && shutdown(info->connect_fd, SHUT_RDWR) == 0)
			metric_add(METRIC_SCRAPES, METRIC_BAD, 1);
		g->began_ms = clock_ms();	/* the library hears of it from the socket */
	}
}

static void on_tick(struct loop_timer *t);

/* Let the library work, and come back when it wants to. */
static void
work(struct http *h)
{
	MHD_UNSIGNED_LONG_LONG ms = TICK_MS;

	if (MHD_run(h->daemon) != MHD_YES)
		loop_stop(h->loop);
	if (MHD_get_timeout(h->daemon, &ms) != MHD_YES || ms > TICK_MS)
		ms = TICK_MS;
	if (loop_timer_set(h->loop, &h->tick, ms, on_tick, h) != OK)
		loop_stop(h->loop);
}

static void
on_tick(struct loop_timer *t)
{
	struct http *h = t->arg;

	end_old(h);
	work(h);
}

static void
on_ready(struct loop_fd *lf, unsigned events)
{
	(void)events;
	work(lf->arg);
}

/* ---- life ---- */

static void
say_nothing(void *arg, const char *fmt, va_list ap)
{
	(void)arg;
	(void)fmt;
	(void)ap;
}

int
http_new(struct loop *loop, int fd, const char *run_dir, struct http **out)
{
	struct http *h = calloc(1, sizeof *h);
	const union MHD_DaemonInfo *info;

	if (h == NULL)
		return ERR_NOMEM;
	*out = h;
	h->loop = loop;
	h->run_dir = run_dir;
	for (size_t i = 0; i < FORMATS; i++)
		buf_init(&h->text[i], HTTP_TEXT_MAX);
	h->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, h,
	    MHD_OPTION_EXTERNAL_LOGGER, say_nothing, NULL,
	    MHD_OPTION_LISTEN_SOCKET, fd,
	    MHD_OPTION_STRICT_FOR_CLIENT, 1,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTIONS,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_MEMORY,
	    MHD_OPTION_NOTIFY_CONNECTION, on_connection, h, MHD_OPTION_END);
	if (h->daemon == NULL)
		return ERR_IO;
	info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (info == NULL)
		return ERR_IO;
	work(h);
	return loop_fd_add(loop, &h->lf, info->epoll_fd, LOOP_READ, on_ready, h);
}

void
http_free(struct http **http)
{
	struct http *h = *http;

	if (h == NULL)
		return;
	loop_fd_remove(&h->lf);
	loop_timer_stop(&h->tick);
	if (h->daemon != NULL)
		MHD_stop_daemon(h->daemon);
	for (size_t i = 0; i < FORMATS; i++)
		buf_fini(&h->text[i]);
	free(h);
	*http = NULL;
}
