/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * control/control.h: what the verbs of congvuctl share.
 *
 * Shape   a verb is one function and one table row; it gets what is left of the command line and
 *         returns the exit status: 0 done, 1 the thing asked about is not in order, 2 wrong usage or
 *         it could not be asked.
 */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include <jansson.h>

#include "common/arena.h"
#include "common/chan.h"
#include "common/conf.h"

enum { CTL_OK = 0, CTL_NOT_IN_ORDER = 1, CTL_USAGE = 2 };

struct ctl {
	const char  *conf_path;
	struct conf *conf;	/* NULL for verbs that need none */
	bool	     json;
	const char  *usage;	/* of the verb */
	struct arena arena;
};

typedef int (*ctl_fn)(struct ctl *ctl, int argc, char **argv);

struct ctl_verb {
	const char *name;	/* "queue list" */
	const char *usage;
	bool	    needs_conf;
	ctl_fn	    fn;
};

/* Print to standard error "congvuctl: ..." and return CTL_USAGE. */
int ctl_fail(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* The same with the usage of the verb. */
int ctl_usage(const struct ctl *ctl);

/* Print a line to standard output. In all, what of names and texts of others is no plain text
 * (control characters, other encodings) is shown as \xNN. */
void ctl_say(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Ask a running program: OK and the reply (in ctl->arena), or an error already told to the user. */
int ctl_ask(struct ctl *ctl, const char *service, const struct chan_row *rows, size_t n,
    uint16_t code, const void *msg, const void **reply_out) MUST_USE;

/* Print value as one line of JSON and let go of it. */
void ctl_print_json(json_t *value);

/* A JSON string of a slice; octets that are not UTF-8 are shown as \xNN. */
json_t *ctl_json(struct slice s);

/* Lower-case hex of a slice, in the arena ("" when out of room). */
const char *ctl_hex(struct ctl *ctl, struct slice s);

/* "2026-11-22T01:02:03Z", in the arena. */
const char *ctl_time(struct ctl *ctl, uint64_t time_s);

/* Read and check the configuration: false and ctl->conf, or true when it is wrong and all that is
 * wrong has been printed. */
bool ctl_config_errors(struct ctl *ctl);

int ctl_status(struct ctl *ctl, int argc, char **argv);
int ctl_reload(struct ctl *ctl, int argc, char **argv);
int ctl_config_check(struct ctl *ctl, int argc, char **argv);
int ctl_config_manual(struct ctl *ctl, int argc, char **argv);
int ctl_policy_explain(struct ctl *ctl, int argc, char **argv);
int ctl_policy_rules(struct ctl *ctl, int argc, char **argv);
int ctl_policy_scan(struct ctl *ctl, int argc, char **argv);
int ctl_release_list(struct ctl *ctl, int argc, char **argv);
int ctl_release_prepare(struct ctl *ctl, int argc, char **argv);
int ctl_release_revoke(struct ctl *ctl, int argc, char **argv);
int ctl_release_submit(struct ctl *ctl, int argc, char **argv);
int ctl_queue_list(struct ctl *ctl, int argc, char **argv);
int ctl_queue_show(struct ctl *ctl, int argc, char **argv);
int ctl_queue_act(struct ctl *ctl, int argc, char **argv);
int ctl_audit_export(struct ctl *ctl, int argc, char **argv);
int ctl_audit_list(struct ctl *ctl, int argc, char **argv);
int ctl_audit_verify(struct ctl *ctl, int argc, char **argv);
int ctl_mailbox_list(struct ctl *ctl, int argc, char **argv);
int ctl_mailbox_import(struct ctl *ctl, int argc, char **argv);
int ctl_mailbox_export(struct ctl *ctl, int argc, char **argv);
int ctl_mailbox_restore(struct ctl *ctl, int argc, char **argv);
int ctl_store_backup(struct ctl *ctl, int argc, char **argv);
int ctl_store_verify_backup(struct ctl *ctl, int argc, char **argv);
int ctl_store_check(struct ctl *ctl, int argc, char **argv);
int ctl_store_restore(struct ctl *ctl, int argc, char **argv);
int ctl_key_list(struct ctl *ctl, int argc, char **argv);
int ctl_key_rotate(struct ctl *ctl, int argc, char **argv);
int ctl_key_share(struct ctl *ctl, int argc, char **argv);
int ctl_store_stat(struct ctl *ctl, int argc, char **argv);
int ctl_directory_test(struct ctl *ctl, int argc, char **argv);

#endif
