/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * congvu-trust: fetches CRLs and OCSP responses into the folder that policyd watches, and ends.
 * Two processes: the fetcher has the network and no files, the keeper has the folder and no
 * network; what the one brings, the other verifies before anything is replaced.
 */
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/identity.h"
#include "common/log.h"
#include "common/place.h"
#include "common/program.h"
#include "common/sandbox.h"
#include "policy/fetch/fetcher.h"
#include "policy/fetch/run.h"
#include "policy/smime/smime.h"

enum { CANNOT_RUN = 1, NOT_ALL = 3 };
enum { POLICYD_MS = 5000, SEEN_OCTETS_MAX = 48 << 20 };

static int
wrong(const char *what, const char *path, int r)
{
	log_event(EV_CONFIG_ERROR, F_CSTR("what", what), F_CSTR("file", path), F_ERR(r), F_END);
	return r;
}

/* The folder is ours, and policyd, another user, reads it. */
static int
make_folder(const struct conf *conf)
{
	const char *path = conf->signature.crls;
	struct stat st;
	struct buf why;
	int r;

	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
		return wrong("trust.fetch needs a folder as signature.crls", path, ERR_CONF);
	buf_init(&why, 4096);
	r = place_own(path, 0755, identity_of(IDENTITY_TRUST), 0, &why);
	if (r != OK)
		log_event(EV_CONFIG_ERROR, F_STR("reason", buf_slice(&why)), F_ERR(r), F_END);
	buf_fini(&why);
	return r;
}

static int
start_fetcher(const struct conf *conf, int *fd_out)
{
	int fds[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		fetcher_main(fds[1], conf);
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return ERR_NOMEM;
	}
	*fd_out = fds[0];
	return OK;
}

/* Without policyd the addresses of the configuration, of intermediates and of the last runs are
 * asked. */
static void
ask_policyd(const struct conf *conf, struct arena *a, struct run_input *in)
{
	size_t n;
	const struct chan_row *rows = pol_rows(&n);
	const struct pol_seen_reply *reply;
	struct dir_nothing nothing = { 0 };
	char path[PATH_MAX];
	const void *msg;
	int fd = -1, r;

	r = chan_path(conf->general.run_dir, "policy", ROLE_TRUST, path, sizeof path);
	if (r == OK)
		r = chan_sync_connect(path, POLICYD_MS, &fd);
	for (size_t i = 0; r == OK && i < n; i++)
		if (rows[i].code == POL_SEEN)
			r = chan_sync_call(fd, &rows[i], &nothing, NULL, 0, POLICYD_MS, a, &msg,
			    NULL, NULL);
	if (r == OK) {
		reply = msg;
		in->seen = reply->certs;
		in->seen_n = reply->certs_n;
	} else {
		log_event(EV_SERVICE_AWAY, F_CSTR("service", "policyd"), F_ERR(r), F_END);
	}
	if (fd >= 0)
		close(fd);
}

static int
close_sandbox(const struct conf *conf)
{
	const char *files[] = { conf->signature.roots, conf->signature.intermediates };
	char folders[ARRAY_LEN(files)][PATH_MAX];
	struct sandbox_path paths[ARRAY_LEN(files) + 1];
	struct sandbox_paths all = { .v = paths };

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		if (*files[i] == '\0')
			continue;
		if (snprintf(folders[i], PATH_MAX, "%s", files[i]) >= PATH_MAX)
			return ERR_LIMIT;
		paths[all.count++] = (struct sandbox_path){ dirname(folders[i]), SANDBOX_RO };
	}
	paths[all.count++] = (struct sandbox_path){ conf->signature.crls, SANDBOX_RW };
	sandbox_require(conf->general.sandbox == CONF_SANDBOX_REQUIRED);
	return sandbox_enter(SANDBOX_TRUST, &all);
}

static int
run(const struct conf *conf, size_t *failed_out)
{
	struct run_input in = { .conf = conf, .folder = { -1, -1 }, .fetcher = -1 };
	struct arena a;
	int r;

	if ((r = identity_load_or_say(conf, IDENTITY_BIT(IDENTITY_TRUST))) != OK ||
	    (r = make_folder(conf)) != OK || (r = identity_take(IDENTITY_TRUST)) != OK)
		return r;
	r = folder_open(conf->signature.crls, &in.folder);
	if (r != OK)
		return wrong("cannot be used", conf->signature.crls, r);
	arena_init(&a, SEEN_OCTETS_MAX);
	r = start_fetcher(conf, &in.fetcher);
	if (r == OK)
		r = smime_init();
	if (r == OK) {
		ask_policyd(conf, &a, &in);
		r = close_sandbox(conf);
	}
	if (r == OK)
		r = run_once(&in, failed_out);
	else
		folder_close(&in.folder);
	if (in.fetcher >= 0)
		close(in.fetcher);
	arena_clear(&a);
	return r;
}

int
main(int argc, char **argv)
{
	const char *path;
	struct conf *conf;
	size_t failed = 0;
	int r = OK;

	log_init("congvu-trust");
	signal(SIGPIPE, SIG_IGN);
	program_no_cores();
	path = program_conf_path(argc, argv, "congvu-trust");
	if (path == NULL)
		return PROGRAM_USAGE;
	conf = program_conf(path);
	if (conf == NULL)
		return CANNOT_RUN;
	log_set_severity((enum log_severity)conf->general.log_level);
	if (conf->trust.fetch)
		r = run(conf, &failed);
	if (r != OK)
		log_event(EV_INTERNAL_ERROR, F_CSTR("what", "congvu-trust cannot run"), F_ERR(r),
		    F_END);
	conf_free(&conf);
	return r != OK ? CANNOT_RUN : failed > 0 ? NOT_ALL : 0;
}
