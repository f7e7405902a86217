/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * control/ctl_explain.h: "policy explain" over a whole mailbox, as an export or another program
 * wrote it.
 */
#ifndef CONTROL_CTL_EXPLAIN_H
#define CONTROL_CTL_EXPLAIN_H

#include "control/control.h"
#include "policy/explain.h"

enum { EXPLAIN_RECIPIENTS_MAX = 100 };

/* The command line of "policy explain". */
struct explain_line {
	const char *file, *roots, *certs, *crls;
	bool at_arrival;	/* each message of a mailbox at the moment when it arrived */
	bool at;		/* at the moment at_s, else now */
	int64_t at_s;
	struct explain_options options;
	struct slice to[EXPLAIN_RECIPIENTS_MAX];
};

/* The gate's own code with what the configuration (if there is one) and the line's files say; an
 * error is not told yet. */
int ctl_judge_env(struct ctl *ctl, const struct explain_line *line, struct judge_env *env) MUST_USE;
void ctl_judge_env_fini(struct judge_env *env);

/* A word of the command line with its value. ERR_UNSUPPORTED: there is no such option; any other
 * error: the value will not do. */
typedef int (*explain_option_fn)(void *arg, const char *name, const char *value);

/* Options that "explain" and "release prepare" share: --from, --agency-subject, --to,
 * --from-zone, --to-zone. */
int explain_option(struct explain_line *line, const char *name, const char *value) MUST_USE;

/* Take a command line apart: one file, and options with a value each, which are handed to take.
 * What is wrong is told. */
int explain_parse(const struct ctl *ctl, int argc, char **argv, struct explain_line *line,
    explain_option_fn take, void *arg) MUST_USE;

/* The octets of a file; an error is told. */
int ctl_map_file(const char *path, struct slice *out) MUST_USE;
void ctl_unmap_file(struct slice s);

/* Is it "maildir:DIR" or "mbox:FILE"? */
bool explain_is_mailbox(const char *file);

/* A line for each message, and how many there are of each rule; with --json an object for each,
 * with "mailbox" and "message" besides the members for a single file. CTL_*. */
int explain_mailbox(const struct ctl *ctl, const struct explain_line *line,
    const struct judge_env *env);

#endif
