/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "common/clock.h"
#include "common/pidfile.h"
#include "control/control.h"
#include "control/ctl_program.h"

enum { WAIT_MS = 30000, LOOK_MS = 20 };

/* A program on its way to the new configuration. */
struct reloading {
	struct ctl_program before;
	const char	  *outcome;	/* NULL: still under way */
	bool		   fine;
	uint64_t	   generation;
};

static void
end(struct reloading *r, const char *outcome, bool fine)
{
	r->outcome = outcome;
	r->fine = fine;
}

static void
begin(struct ctl *ctl, struct reloading *r)
{
	bool wanted = r->before.id != METRIC_PROGRAM_METRICSD || ctl->conf->metrics.port != 0;
	int err;

	if (!r->before.runs) {
		end(r, "does not run", !wanted);
		return;
	}
	if (r->before.copy == NULL) {
		end(r, "was not asked: its metrics, which tell the outcome, cannot be read", false);
		return;
	}
	err = pidfile_signal(ctl->conf->general.run_dir, r->before.name, SIGHUP);
	if (err == ERR_NOENT)
		end(r, "does not run", false);
	else if (err != OK)
		end(r, "could not be asked (may you signal it?)", false);
}

/* A failure after the signal, a new generation, or a new process tells how it ended. */
static void
look(struct ctl *ctl, struct reloading *r)
{
	const struct metric_copy *was = r->before.copy;
	struct ctl_program now;

	if (r->outcome != NULL)
		return;
	ctl_program_look(ctl->conf->general.run_dir, r->before.id, &now);
	if (!now.runs) {
		end(r, "has ended", false);
	} else if (now.copy != NULL) {
		r->generation = metric_copy_get(now.copy, METRIC_CONFIG_GENERATION, 0);
		if (now.pid != r->before.pid)
			end(r, "was started anew", true);
		else if (r->generation != metric_copy_get(was, METRIC_CONFIG_GENERATION, 0))
			end(r, "reloaded", true);
		else if (metric_copy_get(now.copy, METRIC_RELOADS, METRIC_BAD) !=
		    metric_copy_get(was, METRIC_RELOADS, METRIC_BAD))
			end(r, "failed; the configuration before stays in force, see its log",
			    false);
	}
	ctl_program_fini(&now);
}

static bool
all_ended(const struct reloading *r)
{
	for (unsigned i = 0; i < METRIC_PROGRAM_COUNT; i++)
		if (r[i].outcome == NULL)
			return false;
	return true;
}

static void
wait_for(struct ctl *ctl, struct reloading *r)
{
	const struct timespec pause = { 0, LOOK_MS * 1000000L };
	uint64_t until_ms = clock_ms() + WAIT_MS;

	for (;;) {
		for (unsigned i = 0; i < METRIC_PROGRAM_COUNT; i++)
			look(ctl, &r[i]);
		if (all_ended(r) || clock_ms() >= until_ms)
			break;
		nanosleep(&pause, NULL);
	}
	for (unsigned i = 0; i < METRIC_PROGRAM_COUNT; i++)
		if (r[i].outcome == NULL)
			end(&r[i], "has not said how it went", false);
}

static int
report(struct ctl *ctl, struct reloading *r)
{
	json_t *all = json_object();
	bool fine = true;

	for (unsigned i = 0; i < METRIC_PROGRAM_COUNT; i++) {
		fine = fine && r[i].fine;
		if (!ctl->json)
			printf("%-11s %s\n", r[i].before.name, r[i].outcome);
		json_object_set_new(all, r[i].before.name, json_pack("{s:b,s:s,s:I}", "ok",
		    r[i].fine, "outcome", r[i].outcome, "generation",
		    (json_int_t)r[i].generation));
		ctl_program_fini(&r[i].before);
	}
	if (ctl->json)
		ctl_print_json(json_pack("{s:b,s:[],s:o}", "ok", fine, "errors", "programs", all));
	else
		json_decref(all);
	return fine ? CTL_OK : CTL_NOT_IN_ORDER;
}

int
ctl_reload(struct ctl *ctl, int argc, char **argv)
{
	struct reloading r[METRIC_PROGRAM_COUNT] = { 0 };

	(void)argv;
	if (argc > 1)
		return ctl_usage(ctl);
	/* Nobody is disturbed for a file that is wrong; what is wrong is told here, all of it. */
	if (ctl_config_errors(ctl))
		return CTL_NOT_IN_ORDER;
	for (unsigned i = 0; i < METRIC_PROGRAM_COUNT; i++) {
		ctl_program_look(ctl->conf->general.run_dir, (enum metric_program)i, &r[i].before);
		begin(ctl, &r[i]);
	}
	wait_for(ctl, r);
	return report(ctl, r);
}
