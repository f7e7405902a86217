/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policyd: listens for the other programs, keeps the trust files fresh and the workers alive. It
 * parses no mail itself.
 */
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/conf.h"
#include "common/identity.h"
#include "common/log.h"
#include "common/metric.h"
#include "common/program.h"
#include "common/place.h"
#include "common/reload.h"
#include "common/sandbox.h"
#include "common/systemd.h"
#include "policy/extract/extract.h"
#include "policy/fetched.h"
#include "policy/pool.h"

enum { WATCH_MS = 1000 };

struct policyd {
	const char	   *conf_path;
	struct conf	   *conf;
	struct loop	   *loop;
	struct chan_server *server;
	struct trust	   *trust;
	struct pool	   *pool;
	struct loop_timer   watch;
	bool		    told_stale;
	int		    trust_failed;	/* why, of the last look, or OK */
	struct fetched	    fetched;
	int		    exit_status;
};

/* ---- requests ---- */

static void
serve_POL_JUDGE(void *service, struct chan_req *req, const void *msg)
{
	struct policyd *d = service;

	pool_judge(d->pool, req, msg);
}

static void
serve_POL_STATUS(void *service, struct chan_req *req, const void *msg)
{
	struct policyd *d = service;
	struct pol_status_reply reply;

	(void)msg;
	pool_status(d->pool, &reply);
	reply.profile = slice_of(word_name(WORD_profile, d->conf->general.profile));
	chan_reply(d->server, req, OK, &reply, NULL, 0);
}

static void
serve_POL_SEEN(void *service, struct chan_req *req, const void *msg)
{
	struct policyd *d = service;

	(void)msg;
	pool_seen(d->pool, req);
}

static void
on_peer_gone(void *service, uint64_t serial)
{
	struct policyd *d = service;

	pool_peer_gone(d->pool, serial);
}

static int
listen_all(struct policyd *d)
{
	static const unsigned roles[] = { ROLE_SMTPD, ROLE_RELAY, ROLE_IMAPD_INTERNAL,
		ROLE_IMAPD_INTERNET, ROLE_CONTROL, ROLE_TRUST };
	static const struct chan_row rows[] = { POL_ROWS(CHAN_SERVER_ROW) };
	char path[PATH_MAX];
	int r = chan_server_new(d->loop, rows, ARRAY_LEN(rows), d, &d->server);

	for (size_t i = 0; i < ARRAY_LEN(roles) && r == OK; i++) {
		r = chan_path(d->conf->general.run_dir, "policy", roles[i], path, sizeof path);
		if (r == OK)
			r = chan_server_listen(d->server, path, roles[i]);
		if (r != OK)
			log_event(EV_CONFIG_ERROR, F_CSTR("socket", path), F_ERR(r), F_END);
	}
	if (r == OK)
		chan_server_on_gone(d->server, on_peer_gone);
	return r;
}

/* ---- trust ---- */

static int
load_trust(struct policyd *d)
{
	struct trust_paths paths = { d->conf->signature.roots, d->conf->signature.intermediates,
		d->conf->signature.crls };

	return trust_load(&paths, &d->trust);
}

/* Say once that a CRL is past its time: from then on its certificates live on the grace time. */
static void
tell_stale(struct policyd *d)
{
	struct pol_status_reply s;
	bool stale;

	pool_status(d->pool, &s);
	stale = s.crl_next_update_s != 0 && clock_real_s() > (int64_t)s.crl_next_update_s;
	if (stale && !d->told_stale)
		log_event(EV_CRL_FAILED, F_CSTR("what", "past next update"),
		    F_U64("next_update", s.crl_next_update_s), F_END);
	d->told_stale = stale;
}

static void
on_watch(struct loop_timer *t)
{
	struct policyd *d = t->arg;
	int r = trust_refresh(d->trust);

	if (r == 1) {
		log_event(EV_CRL_RELOADED, F_U64("generation", trust_generation(d->trust)), F_END);
		pool_trust_changed(d->pool);
	} else if (r < 0) {
		metric_add(METRIC_CRL_FAILURES, 0, 1);
		if (r != d->trust_failed)	/* it is tried again each second */
			log_event(EV_CRL_FAILED, F_ERR(r), F_END);
	}
	d->trust_failed = r < 0 ? r : OK;
	tell_stale(d);
	fetched_look(&d->fetched, d->conf->signature.crls);
	if (loop_timer_set(d->loop, &d->watch, WATCH_MS, on_watch, d) != OK) {
		d->exit_status = 1;
		loop_stop(d->loop);
	}
}

/* ---- life ---- */

static void
on_ready(void *arg)
{
	struct policyd *d = arg;
	struct pol_status_reply s;

	pool_status(d->pool, &s);
	log_event(EV_START, F_CSTR("profile", word_name(WORD_profile, d->conf->general.profile)),
	    F_CSTR("legal-basis", d->conf->general.legal_basis), F_U64("roots", s.roots),
	    F_U64("crls", s.crls), F_END);
	systemd_ready();
}

static void
on_fatal(void *arg)
{
	struct policyd *d = arg;

	d->exit_status = 1;
	loop_stop(d->loop);
}

/* The files of the old configuration are all that the sandbox lets this process read. */
static void
reload(struct policyd *d)
{
	static const char *const fixed[] = { "signature.roots", "signature.intermediates",
		"signature.crls", "general.run-dir", "general.sandbox", "user",
		"limits.policy-workers", "signer" };
	struct conf *conf;

	if (reload_read(d->conf_path, d->conf, fixed, ARRAY_LEN(fixed), &conf) != OK)
		return;
	pool_reload(d->pool, conf);
	conf_free(&d->conf);
	d->conf = conf;
	reload_done(d->conf_path, conf);
}

static void
on_signal(void *arg, int signal)
{
	struct policyd *d = arg;

	if (signal == SIGCHLD)
		pool_reap(d->pool);
	else if (signal == SIGHUP) {
		reload(d);
	} else {
		systemd_stopping();
		loop_stop(d->loop);
	}
}

/*
 * What may still be read: the folders of the watched files, since a file that is replaced is a
 * new one to the kernel, and a right to the old one says nothing about it.
 */
static int
close_sandbox(const struct policyd *d)
{
	const char *files[] = { d->conf_path, d->conf->signature.roots, d->conf->signature.crls,
		d->conf->signature.intermediates };
	char folders[ARRAY_LEN(files)][PATH_MAX];
	struct sandbox_path paths[2 * ARRAY_LEN(files)];
	struct sandbox_paths all = { .v = paths };

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		if (files[i] == NULL || *files[i] == '\0')
			continue;
		if (snprintf(folders[i], PATH_MAX, "%s", files[i]) >= PATH_MAX)
			return ERR_LIMIT;
		paths[all.count++] = (struct sandbox_path){ dirname(folders[i]), SANDBOX_RO };
		paths[all.count++] = (struct sandbox_path){ files[i], SANDBOX_RO_IF_THERE };
	}
	sandbox_require(d->conf->general.sandbox == CONF_SANDBOX_REQUIRED);
	return sandbox_enter(SANDBOX_POLICYD, &all);
}

/* What only root can, then never root again: even the trust files may come from others. */
static int
prepare(struct policyd *d)
{
	struct buf why;
	int r;

	buf_init(&why, 4096);
	r = place_shared(d->conf->general.run_dir, &why);
	if (r != OK)
		log_event(EV_CONFIG_ERROR, F_STR("reason", buf_slice(&why)), F_ERR(r), F_END);
	buf_fini(&why);
	if (r == OK)
		r = identity_load_or_say(d->conf, IDENTITY_BIT(IDENTITY_POLICYD));
	if (r == OK)
		r = program_begin(d->conf, d->conf_path, "policyd");
	if (r == OK)
		r = loop_new(&d->loop);
	if (r == OK)
		r = listen_all(d);
	return r == OK ? identity_take(IDENTITY_POLICYD) : r;
}

static int
set_up(struct policyd *d)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD, 0 };
	struct pool_events events = { on_ready, on_fatal, d };
	int r;

	signal(SIGPIPE, SIG_IGN);
	extract_start();
	if ((r = prepare(d)) != OK || (r = smime_init()) != OK || (r = load_trust(d)) != OK ||
	    (r = loop_signals(d->loop, signals, on_signal, d)) != OK ||
	    (r = close_sandbox(d)) != OK)
		return r;
	r = pool_new(d->loop, d->conf, d->trust, &events, &d->pool);
	if (r != OK)
		return r;
	if (d->conf->limits.ocr && !extract_reads_pictures())
		log_event(EV_OCR_MISSING, F_END);
	pool_serve(d->pool, d->server);
	return loop_timer_set(d->loop, &d->watch, WATCH_MS, on_watch, d);
}

static int
run(struct policyd *d)
{
	int r = set_up(d);

	if (r == OK)
		r = loop_run(d->loop);
	if (r != OK || d->exit_status != 0)
		log_event(EV_INTERNAL_ERROR, F_CSTR("what", "policyd cannot run"), F_ERR(r), F_END);
	else
		log_event(EV_STOP, F_END);
	pool_free(&d->pool);
	chan_server_free(&d->server);
	if (d->loop != NULL)
		loop_timer_stop(&d->watch);
	trust_free(&d->trust);
	loop_free(&d->loop);
	return r == OK ? d->exit_status : 1;
}

int
main(int argc, char **argv)
{
	struct policyd d = { 0 };
	int status;

	log_init("policyd");
	systemd_open();
	d.conf_path = program_conf_path(argc, argv, "policyd");
	if (d.conf_path == NULL)
		return PROGRAM_USAGE;
	d.conf = program_conf(d.conf_path);
	if (d.conf == NULL)
		return 1;
	log_set_severity((enum log_severity)d.conf->general.log_level);
	status = run(&d);
	conf_free(&d.conf);
	return status;
}
