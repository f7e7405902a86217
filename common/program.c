/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/program.h"

#include <stdio.h>
#include <unistd.h>

#include "common/identity.h"
#include "common/log.h"
#include "common/metric.h"
#include "common/pidfile.h"

/* metricsd, as whom it runs, may read both files. */
static void
let_read(const char *run_dir, const char *name)
{
	const struct identity *who = identity_of(IDENTITY_METRICSD);
	char path[256];

	for (size_t i = 0; who != NULL && i < 2; i++) {
		int n = i == 0 ? snprintf(path, sizeof path, "%s/%s.pid", run_dir, name) :
		    snprintf(path, sizeof path, "%s/metrics/%s", run_dir, name);

		if (n < 0 || (size_t)n >= sizeof path || lchown(path, (uid_t)-1, who->gid) != 0)
			log_event(EV_METRICS_FAILED, F_CSTR("run-dir", run_dir), F_ERR(-errno));
	}
}

int
program_begin(const struct conf *conf, const char *conf_path, const char *name)
{
	const char *run_dir = conf->general.run_dir;
	int r = pidfile_take(run_dir, name);

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
	let_read(run_dir, name);
	metric_config_loaded(conf_path);
	return OK;
}
