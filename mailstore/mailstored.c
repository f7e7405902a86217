/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailstored: the writer of the mailstore.  mailstored -c FILE
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/conf.h"
#include "common/identity.h"
#include "common/log.h"
#include "common/program.h"
#include "common/sandbox.h"
#include "common/systemd.h"
#include "mailstore/serve.h"

enum { EXIT_OK, EXIT_FAILED, EXIT_USAGE };

static void
on_signal(void *arg, int signal)
{
	if (signal != SIGTERM && signal != SIGINT)
		return;
	systemd_stopping();
	loop_stop(arg);
}

static int
enter_sandbox(const struct conf *conf)
{
	char store[300], watch[300];
	struct sandbox_path v[] = { { store, SANDBOX_RW }, { watch, SANDBOX_RW } };
	struct sandbox_paths paths = { .v = v, .count = ARRAY_LEN(v) };

	snprintf(store, sizeof store, "%s/store", conf->general.state_dir);
	snprintf(watch, sizeof watch, "%s/watch", conf->general.run_dir);
	sandbox_require(conf->general.sandbox == CONF_SANDBOX_REQUIRED);
	return sandbox_enter(SANDBOX_MAILSTORED, &paths);
}

/* The sockets are made as who we were started as; all that is in the store is read as mailstored. */
static int
open_server(const struct conf *conf, struct loop *loop, struct server **out)
{
	const char *error = NULL;
	struct buf why;
	int r;

	buf_init(&why, 4096);
	r = server_new(loop, conf, out, &error, &why);
	if (r == OK)
		r = identity_take(IDENTITY_MAILSTORED);
	if (r == OK)
		r = server_open(*out, &error);
	if (r != OK)
		fprintf(stderr, "mailstored: %s/store: %.*s%s: %s\n", conf->general.state_dir,
		    (int)why.n, why.n > 0 ? why.p : "", why.n > 0 ? "" :
		    error == NULL ? "cannot start" : error, err_text(r));
	buf_fini(&why);
	return r;
}

static int
serve(const struct conf *conf, struct loop *loop)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, 0 };
	struct server *sv = NULL;
	int r = loop_signals(loop, signals, on_signal, loop);

	if (r == OK)
		r = open_server(conf, loop, &sv);
	if (r == OK)
		r = enter_sandbox(conf);
	if (r == OK) {
		log_event(EV_START, F_CSTR("store", conf->general.state_dir));
		systemd_ready();
		r = loop_run(loop);
		if (r == OK)
			r = server_broken(sv);
		log_event(EV_STOP, F_ERR(r));
	}
	server_free(&sv);
	return r;
}

static int
run(const char *file)
{
	struct conf *conf = NULL;
	struct loop *loop = NULL;
	struct buf errors;
	int r;

	buf_init(&errors, 65536);
	r = conf_load(file, &conf, &errors);
	if (r != OK)
		fprintf(stderr, "%.*s", (int)errors.n, errors.p == NULL ? "" : errors.p);
	buf_fini(&errors);
	if (r == OK) {
		log_set_severity((enum log_severity)conf->general.log_level);
		r = identity_load_or_say(conf, IDENTITY_BIT(IDENTITY_MAILSTORED));
	}
	if (r == OK)
		r = program_begin(conf, file, "mailstored");
	if (r == OK)
		r = loop_new(&loop);
	if (r == OK)
		r = serve(conf, loop);
	loop_free(&loop);
	conf_free(&conf);
	return r == OK ? EXIT_OK : EXIT_FAILED;
}

int
main(int argc, char **argv)
{
	const char *file = NULL;
	int c;

	log_init("mailstored");
	systemd_open();
	umask(0007);	/* readers, of the group, write into the lock file of the index */
	while ((c = getopt(argc, argv, "c:")) != -1)
		if (c == 'c')
			file = optarg;
	if (file == NULL || optind != argc) {
		fprintf(stderr, "usage: mailstored -c FILE\n");
		return EXIT_USAGE;
	}
	return run(file);
}
