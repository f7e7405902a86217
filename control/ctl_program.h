/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * control/ctl_program.h: one program as congvuctl sees it from outside: its lock and its figures.
 */
#ifndef CONTROL_CTL_PROGRAM_H
#define CONTROL_CTL_PROGRAM_H

#include <sys/types.h>

#include "common/metric_read.h"

struct ctl_program {
	enum metric_program id;
	const char	   *name;
	bool		    runs;
	pid_t		    pid;	/* of its first process, when it runs */
	struct metric_copy *copy;	/* NULL: cannot be read, or it does not run */
};

void ctl_program_look(const char *run_dir, enum metric_program id, struct ctl_program *out);
void ctl_program_fini(struct ctl_program *p);

/* Is the file what the program read last, as far as its time of change tells? */
bool ctl_program_is_current(const struct ctl_program *p, const char *conf_path);

#endif
