/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/fetch/fetcher.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/log.h"
#include "common/memfd.h"
#include "common/sandbox.h"
#include "policy/fetch/http.h"

enum { SOCKET_FD = 3, URL_OCTETS = 2049 };

WIRE_TYPE(fetch_get_request, FETCH_GET_REQUEST_FIELDS)
WIRE_TYPE(fetch_get_reply, FETCH_GET_REPLY_FIELDS)

struct fetcher {
	struct chan_server *server;
	struct http	   *http;
};

static int
get(struct fetcher *f, const struct fetch_get_request *m, struct fetch_get_reply *reply,
    int *fd_out)
{
	char url[URL_OCTETS];
	struct http_request rq = { url, m->body, m->timeout_ms, m->anywhere != 0 };
	struct buf content;
	int r;

	if (m->url.n >= sizeof url || slice_chr(m->url, '\0') >= 0)
		return ERR_INVAL;
	memcpy(url, m->url.p, m->url.n);
	url[m->url.n] = '\0';
	buf_init(&content, m->octets_max);
	r = http_get(f->http, &rq, &content, &reply->status);
	if (r == OK)
		r = memfd_of("congvu-fetched", buf_slice(&content), fd_out);
	buf_fini(&content);
	return r;
}

static void
serve_FETCH_GET(void *service, struct chan_req *req, const void *msg)
{
	struct fetcher *f = service;
	struct fetch_get_reply reply = { 0 };
	int fd = -1;
	int r = get(f, msg, &reply, &fd);

	reply.error = (uint32_t)-r;
	chan_reply(f->server, req, OK, &reply, &fd, fd >= 0 ? 1 : 0);
	if (fd >= 0)
		close(fd);
}

const struct chan_row *
fetch_rows(size_t *n_out)
{
	static const struct chan_row rows[] = { FETCH_ROWS(CHAN_SERVER_ROW) };

	*n_out = ARRAY_LEN(rows);
	return rows;
}

static void
become_fetcher(int fd)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	if (fd != SOCKET_FD && dup2(fd, SOCKET_FD) < 0)
		_exit(1);
	close_range(SOCKET_FD + 1, ~0U, 0);
	log_init("congvu-trust-fetcher");
}

/* What finding a host's address and checking its certificate need. */
static int
close_sandbox(const struct conf *conf)
{
	struct sandbox_path paths[] = {
		{ "/etc/resolv.conf", SANDBOX_RO_IF_THERE }, { "/etc/hosts", SANDBOX_RO_IF_THERE },
		{ "/etc/nsswitch.conf", SANDBOX_RO_IF_THERE },
		{ "/etc/host.conf", SANDBOX_RO_IF_THERE }, { "/etc/gai.conf", SANDBOX_RO_IF_THERE },
		{ "/run/systemd/resolve", SANDBOX_RO_IF_THERE },
		{ "/etc/ssl", SANDBOX_RO_IF_THERE },
		{ "/usr/share/ca-certificates", SANDBOX_RO_IF_THERE },
		{ "/usr/lib/ssl", SANDBOX_RO_IF_THERE }, { conf->trust.ca, SANDBOX_RO },
	};
	struct sandbox_paths all = { paths, ARRAY_LEN(paths) - (*conf->trust.ca == '\0') };

	sandbox_require(conf->general.sandbox == CONF_SANDBOX_REQUIRED);
	return sandbox_enter(SANDBOX_TRUST_FETCHER, &all);
}

_Noreturn void
fetcher_main(int fd, const struct conf *conf)
{
	struct fetcher f = { 0 };
	struct loop *loop = NULL;
	size_t n;
	const struct chan_row *rows = fetch_rows(&n);
	int r;

	become_fetcher(fd);
	r = http_new(&conf->trust, &f.http);
	if (r == OK)
		r = loop_new(&loop);
	if (r == OK)
		r = chan_server_new(loop, rows, n, &f, &f.server);
	if (r == OK) {
		chan_server_on_gone(f.server, chan_exit_on_gone);
		r = chan_server_adopt(f.server, SOCKET_FD, ROLE_TRUST);
	}
	if (r == OK)
		r = close_sandbox(conf);
	_exit(r == OK && loop_run(loop) == OK ? 0 : 1);
}
