/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * metricsd -c FILE: shows the figures of all programs to Prometheus, over HTTP. It reads the files
 * that they count in and asks nobody anything, so it cannot hold up mail.
 */
#include <arpa/inet.h>
#include <libgen.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/identity.h"
#include "common/log.h"
#include "common/place.h"
#include "common/program.h"
#include "common/reload.h"
#include "common/sandbox.h"
#include "common/systemd.h"
#include "control/metricsd_http.h"

enum { BACKLOG = 64, ERRORS_OCTETS = 64 * 1024 };

struct metricsd {
	const char  *conf_path;
	struct conf *conf;
	struct loop *loop;
	struct http *http;
};

/* ---- the socket ---- */

union place {
	struct sockaddr	    any;
	struct sockaddr_in  v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un  un;
};

static int
place_of(const struct conf_metrics *m, union place *out, socklen_t *n)
{
	memset(out, 0, sizeof *out);
	if (m->address[0] == '/') {
		out->un.sun_family = AF_UNIX;
		*n = sizeof out->un;
		return snprintf(out->un.sun_path, sizeof out->un.sun_path, "%s", m->address) >=
		    (int)sizeof out->un.sun_path ? ERR_LIMIT : OK;
	}
	if (inet_pton(AF_INET, m->address, &out->v4.sin_addr) == 1) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons((uint16_t)m->port);
		*n = sizeof out->v4;
		return OK;
	}
	out->v6.sin6_family = AF_INET6;
	out->v6.sin6_port = htons((uint16_t)m->port);
	*n = sizeof out->v6;
	return inet_pton(AF_INET6, m->address, &out->v6.sin6_addr) == 1 ? OK : ERR_CONF;
}

/* The path belongs to root, who may be about to become somebody else: those of the group of
 * metricsd may connect. */
static int
open_path(const char *path)
{
	const struct identity *who = identity_of(IDENTITY_METRICSD);

	if (who != NULL && lchown(path, (uid_t)-1, who->gid) != 0)
		return -errno;
	return chmod(path, 0660) == 0 ? OK : -errno;
}

static int
open_socket(const struct conf_metrics *m, int *fd_out)
{
	union place p;
	socklen_t n;
	int one = 1, r = place_of(m, &p, &n), fd;

	if (r != OK)
		return r;
	fd = socket(p.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* The lock of program_begin says that nobody else of ours is behind that path. */
	if (p.any.sa_family == AF_UNIX && unlink(m->address) != 0 && errno != ENOENT)
		r = -errno;
	if (r == OK && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
	    bind(fd, &p.any, n) != 0 || listen(fd, BACKLOG) != 0))
		r = -errno;
	if (r == OK && p.any.sa_family == AF_UNIX)
		r = open_path(m->address);
	if (r != OK)
		close(fd);
	else
		*fd_out = fd;
	return r;
}

/* ---- configuration ---- */

/* Only the log level can change: the socket was opened with rights that are gone. */
static void
reload(struct metricsd *d)
{
	static const char *const fixed[] = { "metrics", "general.run-dir", "general.sandbox",
		"user" };
	struct conf *fresh;

	if (reload_read(d->conf_path, d->conf, fixed, ARRAY_LEN(fixed), &fresh) != OK)
		return;
	reload_done(d->conf_path, fresh);
	conf_free(&fresh);
}

/* ---- life ---- */

static void
on_signal(void *arg, int signal)
{
	struct metricsd *d = arg;

	if (signal == SIGHUP) {
		reload(d);
		return;
	}
	systemd_stopping();
	loop_stop(d->loop);
}

static int
close_sandbox(const struct metricsd *d)
{
	char folder[PATH_MAX];
	struct sandbox_path v[] = { { d->conf->general.run_dir, SANDBOX_RO },
		{ folder, SANDBOX_RO } };
	struct sandbox_paths all = { .v = v, .count = ARRAY_LEN(v) };

	if (snprintf(folder, sizeof folder, "%s", d->conf_path) >= (int)sizeof folder)
		return ERR_LIMIT;
	v[1].path = dirname(folder);
	sandbox_require(d->conf->general.sandbox == CONF_SANDBOX_REQUIRED);
	return sandbox_enter(SANDBOX_METRICSD, &all);
}

static int
begin(const struct metricsd *d)
{
	struct buf why;
	int r;

	buf_init(&why, ERRORS_OCTETS);
	r = place_shared(d->conf->general.run_dir, &why);
	if (r != OK)
		log_event(EV_CONFIG_ERROR, F_STR("reason", buf_slice(&why)), F_ERR(r));
	buf_fini(&why);
	return r == OK ? program_begin(d->conf, d->conf_path, "metricsd") : r;
}

static int
set_up(struct metricsd *d)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, 0 };
	int fd = -1;
	int r = begin(d);

	if (r == OK)
		r = loop_new(&d->loop);
	if (r == OK)
		r = loop_signals(d->loop, signals, on_signal, d);
	if (r != OK)
		return r;
	r = open_socket(&d->conf->metrics, &fd);
	if (r != OK) {
		log_event(EV_CONFIG_ERROR, F_CSTR("listener", "metrics"),
		    F_CSTR("address", d->conf->metrics.address), F_ERR(r));
		return r;
	}
	log_event(EV_LISTENER_UP, F_CSTR("listener", "metrics"),
	    F_CSTR("address", d->conf->metrics.address), F_U64("port", d->conf->metrics.port));
	r = identity_take(IDENTITY_METRICSD);
	if (r == OK)
		r = http_new(d->loop, fd, d->conf->general.run_dir, &d->http);
	return r == OK ? close_sandbox(d) : r;
}

static int
run(struct metricsd *d)
{
	int r = set_up(d);

	if (r == OK) {
		log_event(EV_START, F_END);
		systemd_ready();
		r = loop_run(d->loop);
	}
	http_free(&d->http);
	loop_free(&d->loop);
	log_event(EV_STOP, F_ERR(r));
	return r == OK ? 0 : 1;
}

int
main(int argc, char **argv)
{
	struct metricsd d = { 0 };
	int status = 0;

	d.conf_path = program_conf_path(argc, argv, "metricsd");
	if (d.conf_path == NULL)
		return PROGRAM_USAGE;
	log_init("metricsd");
	systemd_open();
	signal(SIGPIPE, SIG_IGN);
	d.conf = program_conf(d.conf_path);
	if (d.conf == NULL)
		return 1;
	log_set_severity((enum log_severity)d.conf->general.log_level);
	if (identity_load_or_say(d.conf, IDENTITY_BIT(IDENTITY_METRICSD)) != OK)
		status = 1;
	else if (d.conf->metrics.port == 0) {
		systemd_ready();	/* or it would be taken for a failure, and started again */
		log_event(EV_STOP, F_CSTR("why", "the configuration gives no metrics port"));
	} else
		status = run(&d);
	conf_free(&d.conf);
	return status;
}
