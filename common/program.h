/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/program.h: what each program does first: be the only one of its name, and begin to count.
 *
 * Shape   called by the program's first process, with its first configuration, before it opens a
 *         socket, forks, or gives up rights.
 */
#ifndef COMMON_PROGRAM_H
#define COMMON_PROGRAM_H

#include "common/conf.h"

/* The configuration that the command line "NAME [-c FILE]" names, else /etc/congvu/congvu.conf.
 * NULL: it is another line, and the usage was said; the program ends with PROGRAM_USAGE. */
const char *program_conf_path(int argc, char **argv, const char *name);

enum { PROGRAM_USAGE = 2 };

/* The first configuration; NULL: what is wrong with the file was logged and said on stderr. */
struct conf *program_conf(const char *path);

/* name: as in common/metric.def. conf_path: the file that conf came from. ERR_EXIST, logged and
 * said: another one runs with this run-dir. Metrics that cannot be kept are logged, no more. */
int program_begin(const struct conf *conf, const char *conf_path, const char *name) MUST_USE;

/* As many descriptors as the system lets us have: a session needs one or two. */
void program_raise_descriptors(void);

/* No process of this program leaves its memory behind. program_begin does it, too. */
void program_no_cores(void);

#endif
