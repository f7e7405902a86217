/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/program.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "common/log.h"
#include "common/metric.h"
#include "common/pidfile.h"

enum { ERRORS_OCTETS_MAX = 1 << 16 };

const char *
program_conf_path(int argc, char **argv, const char *name)
{
	if (argc == 1)
		return "/etc/congvu/congvu.conf";
	if (argc == 3 && strcmp(argv[1], "-c") == 0)
		return argv[2];
	fprintf(stderr, "usage: %s [-c FILE]\n", name);
	return NULL;
}

struct conf *
program_conf(const char *path)
{
	struct conf *conf = NULL;
	struct buf errors;
	int r;

	buf_init(&errors, ERRORS_OCTETS_MAX);
	r = conf_load(path, &conf, &errors);
	if (r != OK) {
		log_event(EV_CONFIG_ERROR, F_CSTR("file", path), F_ERR(r), F_END);
		if (errors.n > 0)
			fputs(buf_cstr(&errors), stderr);
	}
	buf_fini(&errors);
	return r == OK ? conf : NULL;
}

void
program_no_cores(void)
{
	struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) != 0)
		log_event(EV_INTERNAL_ERROR, F_CSTR("what", "setrlimit"), F_ERR(-errno));
}

int
program_begin(const struct conf *conf, const char *conf_path, const char *name)
{
	const char *run_dir = conf->general.run_dir;
	int r;

	program_no_cores();
	r = pidfile_take(run_dir, name);
	if (r != OK)
		log_event(EV_CONFIG_ERROR, F_CSTR("file", "pid"), F_CSTR("run-dir", run_dir),
		    F_ERR(r));
	if (r == ERR_EXIST) {
		fprintf(stderr, "%s: another one is running with run-dir %s\n", name, run_dir);
		return r;
	}
	r = metric_open(run_dir, name);
	if (r != OK)
		log_event(EV_METRICS_FAILED, F_CSTR("run-dir", run_dir), F_ERR(r));
	metric_config_loaded(conf_path);
	return OK;
}

void
program_raise_descriptors(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) != 0)
		return;
	rl.rlim_cur = rl.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &rl) != 0)
		log_event(EV_INTERNAL_ERROR, F_CSTR("what", "setrlimit"), F_ERR(-errno));
}
