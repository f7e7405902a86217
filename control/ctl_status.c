/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <stdio.h>

#include "common/clock.h"
#include "control/control.h"
#include "directory/proto.h"
#include "mailstore/proto.h"
#include "policy/proto.h"

/* One program's figures, or NULL when it does not answer (already told). */
static json_t *
of_store(struct ctl *ctl)
{
	size_t n;
	const struct chan_row *rows = st_rows(&n);
	const struct st_status_reply *s;
	const void *reply;

	if (ctl_ask(ctl, "store", rows, n, ST_STATUS, &(struct st_nothing){ 0 }, &reply) != OK)
		return NULL;
	s = reply;
	return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:b,s:b}",
	    "accounts", (json_int_t)s->accounts, "messages", (json_int_t)s->messages,
	    "queue-entries", (json_int_t)s->queue_entries, "open-intents",
	    (json_int_t)s->intents_open, "commits", (json_int_t)s->commits, "syncs",
	    (json_int_t)s->syncs, "commit-p50-us", (json_int_t)s->commit_p50_us, "commit-p99-us",
	    (json_int_t)s->commit_p99_us, "free-octets", (json_int_t)s->free_octets,
	    "audit-records", (json_int_t)s->audit_records, "relay-up", s->relay_up, "keyd-up",
	    s->keyd_up);
}

static json_t *
of_directory(struct ctl *ctl)
{
	size_t n;
	const struct chan_row *rows = dir_rows(&n);
	const struct dir_status_reply *s;
	const void *reply;

	if (ctl_ask(ctl, "directory", rows, n, DIR_STATUS, &(struct dir_nothing){ 0 }, &reply) != OK)
		return NULL;
	s = reply;
	return json_pack("{s:b,s:o,s:i,s:I,s:I,s:I,s:b}", "ldap-up", s->ldap_up, "server",
	    ctl_json(s->server), "latency-ms", (int)s->latency_ms, "sign-ins-ok",
	    (json_int_t)s->sign_ins_ok, "sign-ins-bad", (json_int_t)s->sign_ins_bad, "unavailable",
	    (json_int_t)s->unavailable, "keyd-up", s->keyd_up);
}

static json_t *
of_policy(struct ctl *ctl)
{
	size_t n;
	const struct chan_row *rows = pol_rows(&n);
	const struct pol_status_reply *s;
	const void *reply;

	if (ctl_ask(ctl, "policy", rows, n, POL_STATUS, &(struct dir_nothing){ 0 }, &reply) != OK)
		return NULL;
	s = reply;
	return json_pack("{s:o,s:I,s:I,s:I,s:I,s:i,s:i,s:s,s:b}", "profile", ctl_json(s->profile),
	    "judged", (json_int_t)s->judged, "rejected", (json_int_t)s->rejected, "deferred",
	    (json_int_t)s->deferred, "worker-deaths", (json_int_t)s->worker_deaths, "roots",
	    (int)s->roots, "crls", (int)s->crls, "crl-next-update",
	    s->crl_next_update_s == 0 ? "" : ctl_time(ctl, s->crl_next_update_s), "sandboxed",
	    s->sandboxed);
}

static void
print_text(const char *program, json_t *figures)
{
	const char *key;
	json_t *value;

	if (json_is_null(figures)) {
		printf("%s: does not answer\n", program);
		return;
	}
	printf("%s:", program);
	json_object_foreach(figures, key, value) {
		char *text = json_dumps(value, JSON_ENCODE_ANY);

		printf(" %s=%s", key, text == NULL ? "?" : text);
		free(text);
	}
	putchar('\n');
}

int
ctl_status(struct ctl *ctl, int argc, char **argv)
{
	static const struct {
		const char *program;
		json_t *(*ask)(struct ctl *);
	} programs[] = {
		{ "mailstored", of_store }, { "directoryd", of_directory }, { "policyd", of_policy },
	};
	json_t *all = json_object();
	int r = CTL_OK;

	(void)argc;
	(void)argv;
	for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
		json_t *figures = programs[i].ask(ctl);

		if (figures == NULL) {
			r = CTL_NOT_IN_ORDER;
			figures = json_null();
		}
		if (!ctl->json)
			print_text(programs[i].program, figures);
		json_object_set_new(all, programs[i].program, figures);
	}
	if (ctl->json)
		ctl_print_json(all);
	else
		json_decref(all);
	return r;
}
