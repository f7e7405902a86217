/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "control/control.h"
#include "control/ctl_program.h"
#include "directory/proto.h"
#include "mailstore/proto.h"
#include "policy/proto.h"

enum { DAY_S = 86400, CERTIFICATE_DAYS = 14, ROOT_DAYS = 30, MAP_PERCENT = 90, READER_S = 5 };

/* What is being put together. */
struct report {
	struct ctl	   *ctl;
	struct ctl_program *p;		/* the program in hand */
	json_t		   *figures;	/* its object */
	json_t		   *problems;
	int64_t		    now_s;
};

static void PRINTF_LIKE(2, 3)
problem(struct report *r, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	json_array_append_new(r->problems, json_sprintf("%s: %s", r->p->name, text));
}

static void
put(struct report *r, const char *key, json_t *value)
{
	json_object_set_new(r->figures, key, value);
}

static void
put_count(struct report *r, const char *key, uint64_t v)
{
	put(r, key, json_integer((json_int_t)(v > INT64_MAX ? 0 : v)));
}

static void
put_time(struct report *r, const char *key, uint64_t time_s)
{
	put(r, key, time_s == 0 ? json_null() : json_string(ctl_time(r->ctl, time_s)));
}

static bool
is_true(const json_t *figures, const char *key)
{
	return json_is_true(json_object_get(figures, key));
}

static json_int_t
number(const json_t *figures, const char *key)
{
	return json_integer_value(json_object_get(figures, key));
}

/* ---- what a program answers, or NULL when it does not (already told) ---- */

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
	static const char *const watched[] = { [DIR_WATCHED_OFF] = "off",
		[DIR_WATCHED_AWAY] = "away", [DIR_WATCHED_POLL] = "poll", [DIR_WATCHED_SYNC] = "sync" };
	size_t n;
	const struct chan_row *rows = dir_rows(&n);
	const struct dir_status_reply *s;
	const void *reply;

	if (ctl_ask(ctl, "directory", rows, n, DIR_STATUS, &(struct dir_nothing){ 0 }, &reply) != OK)
		return NULL;
	s = reply;
	return json_pack("{s:b,s:o,s:i,s:I,s:I,s:I,s:b,s:s,s:I}", "ldap-up", s->ldap_up, "server",
	    ctl_json(s->server), "latency-ms", (int)s->latency_ms, "sign-ins-ok",
	    (json_int_t)s->sign_ins_ok, "sign-ins-bad", (json_int_t)s->sign_ins_bad, "unavailable",
	    (json_int_t)s->unavailable, "keyd-up", s->keyd_up, "watch", watched[s->watch],
	    "watch-changes", (json_int_t)s->watch_changes);
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

/* ---- what it counts ---- */

static void
look_at_configuration(struct report *r)
{
	const struct metric_copy *c = r->p->copy;
	uint64_t failed_s = metric_copy_get(c, METRIC_CONFIG_FAILED, 0);
	bool current = ctl_program_is_current(r->p, r->ctl->conf_path);

	put_time(r, "since", metric_copy_started_s(c));
	put_count(r, "generation", metric_copy_get(c, METRIC_CONFIG_GENERATION, 0));
	put_time(r, "configured", metric_copy_get(c, METRIC_CONFIG_LOADED, 0));
	put(r, "configuration-current", json_boolean(current));
	put_time(r, "reload-failed", failed_s);
	if (failed_s != 0 && failed_s >= metric_copy_get(c, METRIC_CONFIG_LOADED, 0))
		problem(r, "the last reload failed, the configuration before it is in force");
	else if (!current)
		problem(r, "the configuration file is newer than what runs (congvuctl reload)");
}

static void
look_at_sessions(struct report *r)
{
	const struct metric_copy *c = r->p->copy;
	int64_t end_s = (int64_t)metric_copy_get(c, METRIC_TLS_CERTIFICATE_END, 0);
	int64_t days = (end_s - r->now_s) / DAY_S;

	put_count(r, "sessions", metric_copy_sum(c, METRIC_SESSIONS_OPEN));
	put_count(r, "sign-ins-ok", metric_copy_get(c, METRIC_SIGN_INS, METRIC_OK));
	put_count(r, "sign-ins-bad", metric_copy_get(c, METRIC_SIGN_INS, METRIC_BAD));
	put_count(r, "accepted", metric_copy_get(c, METRIC_MESSAGES, METRIC_ACCEPTED));
	put_count(r, "refused", metric_copy_get(c, METRIC_MESSAGES, METRIC_REFUSED));
	put_count(r, "deferred", metric_copy_get(c, METRIC_MESSAGES, METRIC_DEFERRED));
	put_count(r, "worker-deaths", metric_copy_sum(c, METRIC_WORKER_DEATHS));
	if (end_s == 0)
		return;
	put_time(r, "certificate-until", (uint64_t)end_s);
	put(r, "certificate-days", json_integer(days));
	if (end_s < r->now_s)
		problem(r, "the TLS certificate has ended");
	else if (days < CERTIFICATE_DAYS)
		problem(r, "the TLS certificate ends in %d days", (int)days);
}

static uint64_t
oldest_s(const struct metric_copy *c)
{
	uint64_t oldest = 0, v;

	for (unsigned i = 0; metric_copy_name(c, METRIC_LABEL_ROUTE, i) != NULL; i++) {
		v = metric_copy_get(c, METRIC_QUEUE_OLDEST, i);
		if (v != 0 && (oldest == 0 || v < oldest))
			oldest = v;
	}
	return oldest;
}

static void
look_at_store(struct report *r)
{
	const struct metric_copy *c = r->p->copy;
	uint64_t since_s = oldest_s(c);
	uint64_t reader_s = metric_copy_get(c, METRIC_OLDEST_READER, 0);

	put_count(r, "queue-oldest-s", since_s == 0 || (int64_t)since_s > r->now_s ? 0 :
	    (uint64_t)r->now_s - since_s);
	for (unsigned i = METRIC_INDEX; i <= METRIC_CONTROL; i++) {
		uint64_t used = metric_copy_get(c, METRIC_MAP_USED, i);
		uint64_t size = metric_copy_get(c, METRIC_MAP_SIZE, i);

		put_count(r, i == METRIC_INDEX ? "index-map-used-octets" :
		    "control-map-used-octets", used);
		if (size > 0 && used > size / 100 * MAP_PERCENT)
			problem(r, "more than %d%% of map-size is used", MAP_PERCENT);
	}
	put_count(r, "readers", metric_copy_get(c, METRIC_READERS, 0));
	put_count(r, "oldest-reader-s", reader_s);
	if (reader_s > READER_S && metric_copy_get(c, METRIC_STORE_HELD, 0) == 0)
		problem(r, "a process keeps an old view of the index: it grows");
}

/* How congvu-trust gets on, by what policyd has read of it. */
static void
look_at_fetching(struct report *r)
{
	const struct metric_copy *c = r->p->copy;
	const struct conf_trust *conf = &r->ctl->conf->trust;
	uint64_t complete_s = metric_copy_get(c, METRIC_TRUST_COMPLETE, 0);

	put_time(r, "trust-run", metric_copy_get(c, METRIC_TRUST_RAN, 0));
	put_time(r, "trust-complete", complete_s);
	put_count(r, "trust-failures", metric_copy_get(c, METRIC_TRUST_FAILED, 0));
	if (!conf->fetch)
		return;
	if (complete_s == 0)
		problem(r, "congvu-trust has not fetched all revocation lists yet");
	else if (complete_s + conf->alarm_s < (uint64_t)r->now_s)
		problem(r, "congvu-trust has not fetched all revocation lists for %d minutes",
		    (int)(((uint64_t)r->now_s - complete_s) / 60));
}

static void
look_at_trust(struct report *r)
{
	const struct metric_copy *c = r->p->copy;
	int64_t root_s = (int64_t)metric_copy_get(c, METRIC_ROOT_END, 0);
	int64_t next_s = (int64_t)metric_copy_get(c, METRIC_CRL_NEXT_UPDATE, 0);

	put_time(r, "root-until", (uint64_t)root_s);
	if (metric_copy_get(c, METRIC_CRLS, 0) == 0)
		problem(r, "there is no CRL: signed mail is deferred");
	else if (next_s != 0 && next_s < r->now_s)
		problem(r, "a CRL is past its next update");
	look_at_fetching(r);
	if (root_s != 0 && root_s <= r->now_s)
		problem(r, "an S/MIME root has ended");
	else if (root_s != 0 && root_s < r->now_s + ROOT_DAYS * DAY_S)
		problem(r, "an S/MIME root ends within %d days", ROOT_DAYS);
}

/* ---- section signer ---- */

static const char *const signer_states[] = { [SIGN_READY] = "ready",
	[SIGN_NO_CERTIFICATE] = "no-certificate", [SIGN_NO_KEY] = "no-key",
	[SIGN_NO_TOKEN] = "no-token", [SIGN_BAD_PIN] = "bad-pin" };

static void
check_signer(struct report *r, const struct sign_signer *s, const char *title)
{
	switch (s->state) {
	case SIGN_READY:
		if ((int64_t)s->end_s <= r->now_s)
			problem(r, "the certificate of a signer has ended: %s", title);
		else if ((int64_t)s->end_s < r->now_s + ROOT_DAYS * DAY_S)
			problem(r, "the certificate of a signer ends within %d days: %s", ROOT_DAYS,
			    title);
		break;
	case SIGN_NO_CERTIFICATE:
		problem(r, "a signer has no certificate that can be read: %s", title);
		break;
	case SIGN_NO_TOKEN:
		problem(r, "a signer cannot reach its token: %s", title);
		break;
	case SIGN_BAD_PIN:
		problem(r, "a signer has a PIN that the token refuses: %s", title);
		break;
	default:
		problem(r, "a signer has no key that can be used: %s", title);
		break;
	}
}

static void
look_at_signer(struct report *r, const struct sign_signer *s, json_t *list)
{
	char title[65];

	snprintf(title, sizeof title, "%.*s", (int)s->title.n, s->title.p);
	json_array_append_new(list, json_pack("{s:s,s:s,s:o,s:I}", "signer", title, "state",
	    signer_states[s->state], "until", s->end_s == 0 ? json_null() :
	    json_string(ctl_time(r->ctl, s->end_s)), "signatures", (json_int_t)s->signatures));
	check_signer(r, s, title);
}

static void
look_at_signers(struct report *r)
{
	size_t n;
	const struct chan_row *rows = sign_rows(&n);
	const struct sign_status_reply *s;
	json_t *list = json_array();
	const void *reply;

	if (r->ctl->conf->signer_n == 0) {
		json_decref(list);
		return;
	}
	if (ctl_ask(r->ctl, "sign", rows, n, SIGN_STATUS, &(struct dir_nothing){ 0 }, &reply) != OK) {
		problem(r, "keyd-sign does not answer");
	} else {
		s = reply;
		for (size_t i = 0; i < s->signers_n; i++)
			look_at_signer(r, &s->signers[i], list);
	}
	put(r, "signers", list);
}

/* ---- one program ---- */

static void
check_answer(struct report *r)
{
	const json_t *f = r->figures;

	switch (r->p->id) {
	case METRIC_PROGRAM_DIRECTORYD:
		if (!is_true(f, "ldap-up"))
			problem(r, "the LDAP directory does not answer");
		else if (slice_is(slice_of(json_string_value(json_object_get(f, "watch"))), "away"))
			problem(r, "changes of accounts are not noticed: sessions do not end");
		if (!is_true(f, "keyd-up"))
			problem(r, "keyd does not answer");
		look_at_signers(r);
		break;
	case METRIC_PROGRAM_MAILSTORED:
		if (!is_true(f, "keyd-up"))
			problem(r, "keyd has not given the spool key");
		if (!is_true(f, "relay-up"))
			problem(r, "the relay does not ask for work");
		if ((uint64_t)number(f, "free-octets") < r->ctl->conf->store.reserve_octets)
			problem(r, "the disk is full down to the reserve: no mail is accepted");
		break;
	case METRIC_PROGRAM_POLICYD:
		if (!is_true(f, "sandboxed"))
			problem(r, "works without its sandbox");
		break;
	default:
		break;
	}
}

static void
look_at_copy(struct report *r)
{
	look_at_configuration(r);
	if (r->p->id == METRIC_PROGRAM_SMTPD || r->p->id == METRIC_PROGRAM_IMAPD)
		look_at_sessions(r);
	else if (r->p->id == METRIC_PROGRAM_MAILSTORED)
		look_at_store(r);
	else if (r->p->id == METRIC_PROGRAM_POLICYD)
		look_at_trust(r);
}

static json_t *
ask(struct report *r)
{
	switch (r->p->id) {
	case METRIC_PROGRAM_DIRECTORYD:
		return of_directory(r->ctl);
	case METRIC_PROGRAM_POLICYD:
		return of_policy(r->ctl);
	case METRIC_PROGRAM_MAILSTORED:
		return of_store(r->ctl);
	default:
		return json_object();
	}
}

/* Its object, or null. */
static json_t *
look_at(struct report *r)
{
	if (!r->p->runs) {
		if (r->p->id != METRIC_PROGRAM_METRICSD || r->ctl->conf->metrics.port != 0)
			problem(r, "does not run");
		return json_null();
	}
	r->figures = ask(r);
	if (r->figures == NULL) {
		problem(r, "runs but does not answer");
		return json_null();
	}
	put(r, "pid", json_integer(r->p->pid));
	if (r->p->copy != NULL)
		look_at_copy(r);
	else
		problem(r, "its metrics cannot be read");
	check_answer(r);
	return r->figures;
}

/* ---- for people ---- */

static const char *
text_of(const json_t *f, const char *key)
{
	const char *s = json_string_value(json_object_get(f, key));

	return s == NULL ? "" : s;
}

static void
print_sessions(const json_t *f)
{
	printf("%lld sessions; mail %lld accepted, %lld refused, %lld deferred; "
	    "certificate %lld days", (long long)number(f, "sessions"),
	    (long long)number(f, "accepted"), (long long)number(f, "refused"),
	    (long long)number(f, "deferred"), (long long)number(f, "certificate-days"));
}

static void
print_own(const struct ctl_program *p, const json_t *f)
{
	if (p->id == METRIC_PROGRAM_SMTPD || p->id == METRIC_PROGRAM_IMAPD)
		print_sessions(f);
	else if (p->id == METRIC_PROGRAM_DIRECTORYD)
		printf("LDAP %s, %lld ms %s; accounts watched: %s",
		    is_true(f, "ldap-up") ? "up" : "away", (long long)number(f, "latency-ms"),
		    text_of(f, "server"), text_of(f, "watch"));
	else if (p->id == METRIC_PROGRAM_POLICYD)
		printf("profile %s; %lld judged; %lld CRLs, next update %s", text_of(f, "profile"),
		    (long long)number(f, "judged"), (long long)number(f, "crls"),
		    text_of(f, "crl-next-update"));
	else if (p->id == METRIC_PROGRAM_MAILSTORED)
		printf("queue %lld, oldest %lld s; %lld messages; %lld MiB free; commit %lld us",
		    (long long)number(f, "queue-entries"), (long long)number(f, "queue-oldest-s"),
		    (long long)number(f, "messages"), (long long)number(f, "free-octets") >> 20,
		    (long long)number(f, "commit-p50-us"));
}

static void
print_program(const struct ctl_program *p, const json_t *f)
{
	if (json_is_null(f)) {
		printf("%-11s %s\n", p->name, p->runs ? "does not answer" : "does not run");
		return;
	}
	printf("%-11s since %s, configuration %lld%s\n", p->name, text_of(f, "since"),
	    (long long)number(f, "generation"),
	    is_true(f, "configuration-current") ? "" : " (file is newer)");
	if (p->id == METRIC_PROGRAM_METRICSD)
		return;
	printf("%-11s ", "");
	print_own(p, f);
	putchar('\n');
}

static void
print_problems(const json_t *problems)
{
	size_t i;
	json_t *one;

	if (json_array_size(problems) == 0)
		puts("everything is in order");
	else
		puts("not in order:");
	json_array_foreach(problems, i, one)
		printf("  %s\n", json_string_value(one));
}

int
ctl_status(struct ctl *ctl, int argc, char **argv)
{
	struct report r = { .ctl = ctl, .problems = json_array(), .now_s = clock_real_s() };
	json_t *all = json_object();
	bool ok;

	(void)argv;
	if (argc > 1)
		return ctl_usage(ctl);
	for (unsigned i = 0; i < METRIC_PROGRAM_COUNT; i++) {
		struct ctl_program p;
		json_t *figures;

		ctl_program_look(ctl->conf->general.run_dir, (enum metric_program)i, &p);
		r.p = &p;
		figures = look_at(&r);
		if (!ctl->json)
			print_program(&p, figures);
		json_object_set_new(all, p.name, figures);
		ctl_program_fini(&p);
	}
	ok = json_array_size(r.problems) == 0;
	if (!ctl->json)
		print_problems(r.problems);
	json_object_set_new(all, "problems", r.problems);
	if (ctl->json)
		ctl_print_json(all);
	else
		json_decref(all);
	return ok ? CTL_OK : CTL_NOT_IN_ORDER;
}
