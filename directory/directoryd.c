/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* The program: configuration, processes, signals. */
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <sodium.h>

#include "common/identity.h"
#include "common/log.h"
#include "common/metric.h"
#include "common/program.h"
#include "common/place.h"
#include "common/reload.h"
#include "common/sandbox.h"
#include "common/systemd.h"
#include "directory/keyd.h"
#include "directory/server.h"

struct program {
	const char    *path;
	struct loop   *loop;
	struct conf   *conf;
	struct server *server;
	struct keyd_keeper keeper;
	bool	       failed;
};

static void
reap(struct program *p)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != p->keeper.pid) {
			(void)server_reaped(p->server, pid, status);
			continue;
		}
		p->keeper.pid = 0;
		loop_stop(p->loop);
		if (status == 0)	/* asked to end, as we are about to be */
			continue;
		/* Its place cannot be taken from inside the sandbox: start anew as a whole. */
		metric_add(METRIC_WORKER_DEATHS, 0, 1);
		log_event(EV_WORKER_DIED, F_CSTR("role", "key-keeper"), F_I64("worker", pid),
		    F_I64("status", status), F_END);
		p->failed = true;
	}
}

/* What the sandbox was closed with, what keyd has, and what starts or does not start at all. */
static void
reload(struct program *p)
{
	static const char *const fixed[] = { "general.state-dir", "general.run-dir",
		"general.sandbox", "user", "ldap.ca", "ldap.bind-password-file", "ldap.watch",
		"signer" };
	struct conf *fresh;

	if (reload_read(p->path, p->conf, fixed, ARRAY_LEN(fixed), &fresh) != OK)
		return;
	server_reload(p->server, fresh);
	conf_free(&p->conf);
	p->conf = fresh;
	reload_done(p->path, fresh);
}

static void
on_signal(void *arg, int number)
{
	struct program *p = arg;

	if (number == SIGCHLD)
		reap(p);
	else if (number == SIGHUP)
		reload(p);
	else if (number == SIGTERM || number == SIGINT)
		loop_stop(p->loop);
}

/* What its helpers will need must be open to their parent too: rights are only ever taken away. A
 * file that is replaced is a new one to the kernel, so its folder counts. */
static int
enter_sandbox(const struct program *p)
{
	const struct conf *conf = p->conf;
	const char *const files[] = { p->path, conf->ldap.ca, conf->ldap.bind_password_file };
	struct sandbox_path paths[16] = {
		{ "/etc", SANDBOX_RO }, { "/lib", SANDBOX_RO_IF_THERE },
		{ "/lib64", SANDBOX_RO_IF_THERE }, { "/usr/lib", SANDBOX_RO_IF_THERE },
		{ "/usr/share/ca-certificates", SANDBOX_RO_IF_THERE },
		{ "/run/systemd/resolve", SANDBOX_RO_IF_THERE },
	};
	struct sandbox_paths all = { .v = paths, .count = 6 };
	char folders[ARRAY_LEN(files)][PATH_MAX];

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		if (files[i][0] == '\0')
			continue;
		if (snprintf(folders[i], PATH_MAX, "%s", files[i]) >= PATH_MAX)
			return ERR_LIMIT;
		paths[all.count++] = (struct sandbox_path){ dirname(folders[i]), SANDBOX_RO };
	}
	return sandbox_enter(SANDBOX_DIRECTORYD, &all);
}

/* What only root can, then never root again: directoryd reads LDAP answers and its peers' asks. */
static int
prepare(struct program *p, uint8_t token_key[TOKEN_KEY_OCTETS])
{
	struct buf why;
	int r;

	buf_init(&why, 4096);
	r = place_shared(p->conf->general.run_dir, &why);
	if (r != OK)
		log_event(EV_CONFIG_ERROR, F_STR("reason", buf_slice(&why)), F_ERR(r), F_END);
	buf_fini(&why);
	if (r == OK)
		r = identity_load_or_say(p->conf, IDENTITY_BIT(IDENTITY_DIRECTORYD) |
		    IDENTITY_BIT(IDENTITY_KEYD));
	if (r == OK)
		r = program_begin(p->conf, p->path, "directoryd");
	if (r == OK)
		r = keyd_start(p->conf, token_key, &p->keeper);
	if (r == OK)
		r = loop_new(&p->loop);
	if (r == OK)
		r = server_new(p->loop, p->conf, token_key, &p->server);
	return r == OK ? identity_take(IDENTITY_DIRECTORYD) : r;
}

static int
start(struct program *p)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD, 0 };
	uint8_t token_key[TOKEN_KEY_OCTETS];
	int r;

	randombytes_buf(token_key, sizeof token_key);
	r = prepare(p, token_key);
	sodium_memzero(token_key, sizeof token_key);
	if (r == OK)
		r = loop_signals(p->loop, signals, on_signal, p);
	if (r == OK)
		r = server_start(p->server);
	return r == OK ? enter_sandbox(p) : r;
}

static void
stop(struct program *p)
{
	if (p->keeper.pid > 0)
		close(p->keeper.life_fd);
	server_free(&p->server);
	loop_free(&p->loop);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
	conf_free(&p->conf);
}

int
main(int argc, char **argv)
{
	struct program p = { 0 };
	int r;

	p.path = program_conf_path(argc, argv, "directoryd");
	if (p.path == NULL)
		return PROGRAM_USAGE;
	signal(SIGPIPE, SIG_IGN);
	log_init("directoryd");
	systemd_open();
	if (sodium_init() < 0 || (p.conf = program_conf(p.path)) == NULL)
		return 1;
	log_set_severity((enum log_severity)p.conf->general.log_level);
	sandbox_require(p.conf->general.sandbox == CONF_SANDBOX_REQUIRED);
	r = start(&p);
	if (r == OK) {
		log_event(EV_START, F_END);
		systemd_ready();
		r = loop_run(p.loop);
		systemd_stopping();
	}
	if (r == OK && !p.failed)
		log_event(EV_STOP, F_END);
	else	/* what led to it was logged where it happened */
		log_event(EV_SERVICE_AWAY, F_CSTR("service", "directoryd"), F_ERR(r), F_END);
	stop(&p);
	return r == OK && !p.failed ? 0 : 1;
}
