/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * control/metricsd_http.h: the HTTP side of metricsd.
 *
 * Shape   GET and HEAD of /metrics and /health; anything else is 404 or 405. One request a
 *         connection. /metrics is OpenMetrics 1.0 for a client that accepts it, else the older
 *         text of Prometheus. /health is 200 when all five programs run, else 503 and which do
 *         not.
 * Bounds  HTTP_CONNECTIONS at a time, HTTP_LIFE_MS for each, however slowly it talks; HTTP_MEMORY
 *         octets for what one sends. A text is made anew at most every HTTP_FRESH_MS.
 */
#ifndef CONTROL_METRICSD_HTTP_H
#define CONTROL_METRICSD_HTTP_H

#include "common/conf.h"
#include "common/loop.h"

enum {
	HTTP_CONNECTIONS = 32,
	HTTP_LIFE_MS = 10000,
	HTTP_MEMORY = 16 * 1024,
	HTTP_TEXT_MAX = 8 * 1024 * 1024,
	HTTP_FRESH_MS = 250,
};

struct http;

/* Serve on a listening socket, which it closes at the end. run_dir must outlive it. */
int http_new(struct loop *loop, int fd, const char *run_dir, struct http **out) MUST_USE;
void http_free(struct http **http);

#endif
