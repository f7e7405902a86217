/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "control/ctl_program.h"

#include <sys/stat.h>

#include "common/pidfile.h"

void
ctl_program_look(const char *run_dir, enum metric_program id, struct ctl_program *out)
{
	*out = (struct ctl_program){ .id = id, .name = metric_program_name(id) };
	out->runs = pidfile_holder(run_dir, out->name, &out->pid) == OK;
	if (out->runs && metric_copy_read(run_dir, id, &out->copy) != OK)
		out->copy = NULL;
}

void
ctl_program_fini(struct ctl_program *p)
{
	metric_copy_free(&p->copy);
}

bool
ctl_program_is_current(const struct ctl_program *p, const char *conf_path)
{
	struct stat st;

	return p->copy != NULL && stat(conf_path, &st) == 0 &&
	    metric_copy_conf_mtime_ns(p->copy) == (uint64_t)st.st_mtim.tv_sec * 1000000000U +
	    (uint64_t)st.st_mtim.tv_nsec;
}
