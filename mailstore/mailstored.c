/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstored: the writer of the mailstore.  mailstored -c FILE
 */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/conf.h"
#include "common/identity.h"
#include "common/log.h"
#include "common/program.h"
#include "common/reload.h"
#include "common/sandbox.h"
#include "common/swap.h"
#include "common/systemd.h"
#include "mailstore/serve.h"

enum { EXIT_OK, EXIT_FAILED };

struct mailstored {
	const char    *conf_path;
	struct conf   *conf;
	struct loop   *loop;
	struct server *server;
};

/* What the store was opened with, and what the sandbox was closed with. */
static void
reload(struct mailstored *m)
{
	static const char *const fixed[] = { "general.state-dir", "general.run-dir",
		"general.sandbox", "user", "store.map-size" };
	struct conf *fresh;

	if (reload_read(m->conf_path, m->conf, fixed, ARRAY_LEN(fixed), &fresh) != OK)
		return;
	server_reload(m->server, fresh);
	conf_free(&m->conf);
	m->conf = fresh;
	reload_done(m->conf_path, fresh);
}

static void
on_signal(void *arg, int signal)
{
	struct mailstored *m = arg;

	if (signal == SIGHUP)
		reload(m);
	else
		loop_stop(m->loop);
}

static int
enter_sandbox(const struct mailstored *m)
{
	const struct conf *conf = m->conf;
	char store[300], watch[300], folder[PATH_MAX];
	struct sandbox_path v[] = { { store, SANDBOX_RW }, { watch, SANDBOX_RW },
		{ folder, SANDBOX_RO } };	/* a file that is replaced is a new one */
	struct sandbox_paths paths = { .v = v, .count = ARRAY_LEN(v) };
	char *slash;

	snprintf(store, sizeof store, "%s/store", conf->general.state_dir);
	snprintf(watch, sizeof watch, "%s/watch", conf->general.run_dir);
	snprintf(folder, sizeof folder, "%s", m->conf_path);
	slash = strrchr(folder, '/');
	if (slash != NULL)
		slash[slash == folder] = '\0';
	else
		folder[0] = '.', folder[1] = '\0';
	sandbox_require(conf->general.sandbox == CONF_SANDBOX_REQUIRED);
	return sandbox_enter(SANDBOX_MAILSTORED, &paths);
}

/* The sockets are made as who we were started as; all that is in the store is read as
 * mailstored. */
static int
open_server(struct mailstored *m)
{
	const char *error = NULL;
	struct buf why;
	int r;

	buf_init(&why, 4096);
	r = server_new(m->loop, m->conf, &m->server, &error, &why);
	if (r == OK)
		r = identity_take(IDENTITY_MAILSTORED);
	if (r == OK)
		r = server_open(m->server, &error);
	if (r != OK)
		fprintf(stderr, "mailstored: %s/store: %.*s%s: %s\n", m->conf->general.state_dir,
		    (int)why.n, why.n > 0 ? why.p : "", why.n > 0 ? "" :
		    error == NULL ? "cannot start" : error, err_text(r));
	buf_fini(&why);
	return r;
}

static int
serve(struct mailstored *m)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, 0 };
	int r = loop_signals(m->loop, signals, on_signal, m);

	if (r == OK)
		r = open_server(m);
	if (r == OK)
		r = enter_sandbox(m);
	if (r == OK) {
		log_event(EV_START, F_CSTR("store", m->conf->general.state_dir));
		systemd_ready();
		r = loop_run(m->loop);
		systemd_stopping();
		if (r == OK)
			r = server_broken(m->server);
		log_event(EV_STOP, F_ERR(r));
	}
	server_free(&m->server);
	return r;
}

static void
warn_of_swap(void)
{
	struct buf name;

	buf_init(&name, PATH_MAX);
	if (swap_plain("/proc", "/sys", &name) == 1)
		log_event(EV_SWAP_PLAIN, F_STR("swap", buf_slice(&name)));
	buf_fini(&name);
}

static int
run(const char *file)
{
	struct mailstored m = { .conf_path = file };
	int r;

	m.conf = program_conf(file);
	if (m.conf == NULL)
		return EXIT_FAILED;
	log_set_severity((enum log_severity)m.conf->general.log_level);
	r = identity_load_or_say(m.conf, IDENTITY_BIT(IDENTITY_MAILSTORED));
	if (r == OK)
		r = program_begin(m.conf, file, "mailstored");
	if (r == OK)
		warn_of_swap();
	if (r == OK)
		r = loop_new(&m.loop);
	if (r == OK)
		r = serve(&m);
	loop_free(&m.loop);
	conf_free(&m.conf);
	return r == OK ? EXIT_OK : EXIT_FAILED;
}

int
main(int argc, char **argv)
{
	const char *file = program_conf_path(argc, argv, "mailstored");

	if (file == NULL)
		return PROGRAM_USAGE;
	log_init("mailstored");
	systemd_open();
	umask(0007);	/* readers, of the group, write into the lock file of the index */
	return run(file);
}
