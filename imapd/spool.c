/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * The message of an APPEND on its way: a memory file, judged by policyd, then handed to mailstored
 * with the summary that policyd made. What is refused leaves an audit record and nothing else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/memfd.h"
#include "common/metric.h"
#include "imapd/conn.h"
#include "policy/proto.h"

enum { AUDIT_MS = 30000, JUDGED_OCTETS = 65536 };

/* What is kept of a judgement, for the audit and for the answer. */
struct judged {
	int	      summary_fd;
	unsigned      verdict, level, sig, sig_reason;
	struct slice  rule, sha256, evidence, detail, reason_vi, reason_en;
	bool	      kept_inside;
	struct arena  a;
};

static void
judged_drop(struct conn *c)
{
	if (c->judged == NULL)
		return;
	if (c->judged->summary_fd >= 0)
		close(c->judged->summary_fd);
	arena_clear(&c->judged->a);
	free(c->judged);
	c->judged = NULL;
}

int
conn_spool_open(void *ctx, uint64_t size_octets)
{
	struct conn *c = ctx;
	struct worker *w = c->worker;
	int err;

	conn_spool_drop(c);
	if (size_octets > w->wc->conf->limits.inflight_octets - w->inflight_octets)
		return ERR_LIMIT;
	err = memfd_new("append", &c->spool_fd);
	if (err != OK) {
		c->spool_fd = -1;
		return err;
	}
	c->spool_octets = size_octets;
	w->inflight_octets += size_octets;
	return OK;
}

int
conn_spool_add(void *ctx, struct slice in)
{
	struct conn *c = ctx;

	return c->spool_fd < 0 ? ERR_BAD_STATE : memfd_write(c->spool_fd, in);
}

void
conn_spool_drop(void *ctx)
{
	struct conn *c = ctx;

	judged_drop(c);
	release_ask_drop(&c->release);
	if (c->spool_fd < 0)
		return;
	close(c->spool_fd);
	c->spool_fd = -1;
	c->worker->inflight_octets -= c->spool_octets;
	c->spool_octets = 0;
}

/* ---- policyd ---- */

static int
keep_judgement(struct conn *c, const struct pol_judge_reply *r, struct chan_answer *a)
{
	struct judged *j = calloc(1, sizeof *j);

	judged_drop(c);
	if (j == NULL)
		return ERR_NOMEM;
	j->summary_fd = -1;
	if (a->fds_n > 0) {
		j->summary_fd = a->fds[0];
		a->fds[0] = -1;
	}
	j->verdict = r->verdict;
	j->level = r->level;
	j->sig = r->sig;
	j->kept_inside = r->kept_inside;
	j->sig_reason = r->sig_reason;
	arena_init(&j->a, JUDGED_OCTETS);
	j->rule = arena_copy(&j->a, r->rule);
	j->sha256 = arena_copy(&j->a, r->sha256);
	j->evidence = pol_evidence_text(r, &j->a);
	j->detail = pol_detail_text(r, &j->a);
	j->reason_vi = arena_copy(&j->a, r->reason_vi);
	j->reason_en = arena_copy(&j->a, r->reason_en);
	c->judged = j;
	if (j->a.err != OK)
		return j->a.err;
	return r->verdict == VERDICT_ALLOW && j->summary_fd < 0 ? ERR_FRAME : OK;
}

static void
tell_judgement(struct conn *c, int status)
{
	const struct judged *j = c->judged;
	struct backend_reply reply = { .status = status };

	if (status == OK) {
		reply.verdict = j->verdict;
		reply.level = j->level;
		reply.reason_vi = j->reason_vi;
		reply.reason_en = j->reason_en;
	}
	if (reply.status != OK || reply.verdict == VERDICT_DEFER) {
		metric_add(METRIC_MESSAGES, METRIC_DEFERRED, 1);
		log_event(EV_MESSAGE_DEFERRED, F_CSTR("who", c->account->uid),
		    F_CSTR("path", "store"), F_ERR(reply.status));
	}
	conn_answer(c, &reply);
}

/* The releases of the sender are there, if there are any: the gate is asked again. */
static void
on_releases(void *arg, int status)
{
	struct conn *c = arg;

	if (status != OK)
		log_event(EV_SERVICE_AWAY, F_CSTR("service", "releases"), F_ERR(status));
	if (status == OK && c->release.releases_n > 0)
		conn_judge(c);
	else
		tell_judgement(c, status);
}

/* What officers released to be sent is stored as it was sent (doc/design/release.md). */
static void
ask_releases(struct conn *c, struct slice from)
{
	struct st_release_find_request what = { .sender = from, .used = 1 };

	c->release.store = c->worker->mailstore;
	c->release.directory = c->worker->directory;
	c->release.account = (struct slice){ c->account->guid, DIR_GUID_OCTETS };
	c->release.done = on_releases;
	c->release.arg = c;
	release_ask_start(&c->release, &what);
}

static void
on_judge(void *arg, struct chan_answer *a)
{
	struct conn *c = arg;
	const struct pol_judge_reply *r = a->msg;
	int err = a->status;

	c->asked = NULL;
	if (err == OK)
		err = keep_judgement(c, r, a);
	if (err == OK && r->liftable && r->from.n > 0 && !c->release.begun)
		ask_releases(c, r->from);
	else
		tell_judgement(c, err);
}

void
conn_judge(struct conn *c)
{
	struct slice address = slice_of(c->account->address);
	struct pol_rcpt self = { .address = address, .exit_zone = ZONE_LOCAL,
		.clearance = (uint8_t)c->account->clearance };
	struct pol_judge_request q = { .path = PATH_STORE,
		.arrival_zone = (uint8_t)c->worker->wc->zone, .account = address,
		.client = slice_of(c->client), .recipients = &self, .recipients_n = 1,
		.identities = c->release.identities, .identities_n = c->release.identities_n,
		.releases = c->release.releases, .releases_n = c->release.releases_n,
		.want_summary = 1 };
	int err = c->release.begun ? OK : memfd_seal(c->spool_fd);	/* once */

	/* Without its seal nobody takes the file: the call fails, and the message with it. */
	if (err != OK)
		log_event(EV_INTERNAL_ERROR, F_CSTR("at", "seal"), F_ERR(err));
	conn_call(c, c->worker->policy, POL_JUDGE, &q, &c->spool_fd, 1, on_judge);
}

/* ---- mailstored ---- */

static void
fill_audit(const struct conn *c, struct st_address *self, struct st_audit *out)
{
	const struct judged *j = c->judged;

	self->address = slice_of(c->account->address);
	*out = (struct st_audit){ .event = SLICE("append"), .account = self->address,
		.client = slice_of(c->client), .recipients = self, .recipients_n = 1,
		.size_octets = c->spool_octets, .sha256 = j->sha256,
		.verdict = (uint8_t)j->verdict, .rule = j->rule,
		.level = (uint8_t)j->level, .sig = (uint8_t)j->sig,
		.sig_reason = (uint8_t)j->sig_reason,
		.arrival_zone = (uint8_t)c->worker->wc->zone,
		.evidence = j->evidence, .detail = j->detail };
}

static void
on_audit(void *arg, struct chan_answer *a)
{
	(void)arg;
	if (a->status != OK)
		log_event(EV_SERVICE_AWAY, F_CSTR("service", "store"), F_CSTR("lost", "audit"),
		    F_ERR(a->status));
}

void
conn_refused(struct conn *c)
{
	struct st_audit audit;
	struct st_address self;
	struct st_audit_request q = { .audit = &audit, .audit_n = 1 };

	if (c->judged == NULL)
		return;
	c->judged->verdict = VERDICT_REJECT;
	fill_audit(c, &self, &audit);
	metric_add(METRIC_MESSAGES, METRIC_REFUSED, 1);
	log_event(EV_MESSAGE_REFUSED, F_CSTR("who", c->account->uid), F_CSTR("path", "store"),
	    F_STR("rule", c->judged->rule));
	chan_call(c->worker->mailstore, ST_AUDIT, &q, NULL, 0, AUDIT_MS, on_audit, NULL, NULL);
}

static void
on_append(void *arg, struct chan_answer *a)
{
	struct conn *c = arg;
	const struct st_append_reply *r = a->msg;
	struct backend_reply reply = { .status = a->status };

	c->asked = NULL;
	metric_add(METRIC_MESSAGES, a->status == OK ? METRIC_ACCEPTED : METRIC_DEFERRED, 1);
	if (a->status == OK) {
		metric_add(METRIC_MESSAGE_OCTETS, 0, c->spool_octets);
		reply.uidvalidity = r->uidvalidity;
		reply.uid = r->uid;
	}
	conn_answer(c, &reply);
}

void
conn_append(struct conn *c, const struct backend_ask *ask)
{
	struct arena *a = &c->worker->arena;
	struct st_audit audit;
	struct st_address self;
	char token[ST_ID_OCTETS];
	struct st_append_request q = { .account = c->account->number, .mailbox = ask->box,
		.token = { token, sizeof token }, .flags = (uint16_t)ask->flags,
		.level = (uint8_t)c->judged->level, .quota = c->account->quota,
		.audit = &audit, .audit_n = 1, .kept_inside = c->judged->kept_inside };
	int fds[2] = { c->spool_fd, c->judged->summary_fd };

	q.internal_date_s = (uint64_t)(ask->date_s == INT64_MIN ? clock_real_s() :
	    ask->date_s > 0 ? ask->date_s : 0);
	randombytes_buf(token, sizeof token);
	arena_clear(a);
	q.keywords = arena_array(a, ask->keywords_n, sizeof *q.keywords);
	for (size_t i = 0; q.keywords != NULL && i < ask->keywords_n; i++)
		q.keywords[q.keywords_n++].name = ask->keywords[i];
	fill_audit(c, &self, &audit);
	conn_call(c, c->worker->mailstore, ST_APPEND, &q, fds, 2, on_append);
}
