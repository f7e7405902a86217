/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Telling the security officers of incidents: what the audit has behind the last notice is
 * gathered, at most one notice is made in conf.incident.gather_s, judged as any message, and filed
 * here.
 *
 * Safety  what was told of moves in the same commit that files the notice, so each incident is told
 *         of exactly once, however often this process dies. A notice never leaves: only accounts
 *         here get it, the store refuses all else. Doubt means later.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/random.h>

#include "common/clock.h"
#include "common/control.h"
#include "common/log.h"
#include "common/memfd.h"
#include "common/metric.h"
#include "mime/compose.h"
#include "mime/date.h"
#include "policy/proto.h"
#include "smtpd/composed.h"
#include "smtpd/incident.h"
#include "common/keep.h"
#include "smtpd/relay.h"

enum { LOOK_MS = 1000, LATER_MS = 20000, ASK_MS = 10000, OFFICERS_MAX = 50,
    NOTICE_OCTETS = 4 << 20, MEM_OCTETS = 8 << 20, REF_OCTETS = 8 };

struct relay_incident {
	struct relay	   *relay;
	struct loop_timer   timer;
	struct incident	    gathered;
	uint64_t	    from;	/* record to look at next; 0: ask the store */
	struct st_incidents_told told;
	uint64_t	    next_ms;	/* no notice before that */
	/* the notice in hand */
	struct arena	    mem;
	const struct dir_rcpt_reply *to;
	int		    message_fd, final_fd, summary_fd;
	struct incident_head head;
	bool		    bare;	/* the gate has refused what says more */
	struct buf	    trace, text;
	size_t		    return_path_octets;
	struct st_address   address;
	struct st_audit	    audit;
	struct st_deliver_request deliver;
};

static void look(struct relay_incident *i);

/* ---- life ---- */

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Nothing of the notice in hand is left; what was gathered is. */
static void
put_down(struct relay_incident *i)
{
	close_fd(&i->message_fd);
	close_fd(&i->final_fd);
	close_fd(&i->summary_fd);
	buf_fini(&i->trace);
	buf_fini(&i->text);
	arena_clear(&i->mem);
	i->to = NULL;
	i->bare = false;
}

static void
on_look(struct loop_timer *t)
{
	look(t->arg);
}

static void
look_in(struct relay_incident *i, uint64_t ms)
{
	if (!i->relay->stopping &&
	    loop_timer_set(i->relay->loop, &i->timer, ms, on_look, i) != OK)
		loop_stop(i->relay->loop);	/* the parent starts us again */
}

static void
later(struct relay_incident *i, const char *why, int err)
{
	log_event(EV_INCIDENT_DEFERRED, F_CSTR("to", i->relay->conf->incident.mailbox),
	    F_CSTR("why", why), F_ERR(err));
	metric_add(METRIC_INCIDENT_NOTICES, metric_at(METRIC_INCIDENT_NOTICES, METRIC_BAD, 0, 0),
	    1);
	put_down(i);
	/* Begin again with what is durable: somebody else may have told of them. */
	incident_clear(&i->gathered);
	i->from = 0;
	look_in(i, LATER_MS);
}

/* ---- filing ---- */

static void
on_filed(void *arg, struct chan_answer *answer)
{
	struct relay_incident *i = arg;

	if (answer->status != OK) {
		later(i, "the store has not taken the notice", answer->status);
		return;
	}
	log_event(EV_INCIDENT_TOLD, F_CSTR("to", i->relay->conf->incident.mailbox),
	    F_U64("incidents", i->gathered.mat + i->gathered.toi_mat + i->gathered.tuyet_mat),
	    F_U64("releases", i->gathered.releases));
	metric_add(METRIC_INCIDENT_NOTICES, metric_at(METRIC_INCIDENT_NOTICES, METRIC_OK, 0, 0), 1);
	i->next_ms = clock_ms() + i->relay->conf->incident.gather_s * 1000;
	i->told.after = i->told.upto;
	incident_clear(&i->gathered);
	put_down(i);
	look_in(i, LOOK_MS);
}

static int
fill_local(struct relay_incident *i)
{
	struct st_deliver_request *d = &i->deliver;

	d->local = arena_array(&i->mem, i->to->accounts_n, sizeof *d->local);
	if (d->local == NULL)
		return ERR_NOMEM;
	for (size_t k = 0; k < i->to->accounts_n; k++) {
		const struct dir_account *a = &i->to->accounts[k];

		d->local[d->local_n++] = (struct st_local){ .guid = a->guid, .uid = a->uid,
			.address = a->address, .quota = a->quota, .place = ST_PLACE_INBOX };
	}
	return OK;
}

static int
write_final(struct relay_incident *i, const struct pol_judge_reply *p)
{
	int err = slice_starts_nocase(p->trace, buf_slice(&i->trace)) ? OK : ERR_FRAME;

	if (err == OK)
		err = memfd_new("incident", &i->final_fd);
	if (err == OK)
		err = composed_write(i->final_fd, buf_slice(&i->text), p);
	return err == OK ? memfd_seal(i->final_fd) : err;
}

static int
file(struct relay_incident *i, const struct pol_judge_reply *p)
{
	int fds[2], err;

	i->audit.sha256 = arena_copy(&i->mem, p->sha256);
	i->audit.rule = arena_copy(&i->mem, p->rule);
	i->deliver = (struct st_deliver_request){
		.id = { (const char *)i->head.id, sizeof i->head.id }, .kind = p->kind,
		.relay_skip = (uint32_t)i->return_path_octets, .arrival_zone = ZONE_LOCAL,
		.audit = &i->audit, .audit_n = 1, .incidents = &i->told, .incidents_n = 1 };
	err = fill_local(i);
	if (err == OK)
		err = write_final(i, p);
	if (err != OK)
		return err;
	fds[0] = i->final_fd;
	fds[1] = i->summary_fd;
	chan_call(i->relay->store, ST_DELIVER, &i->deliver, fds, 2, ASK_MS, on_filed, i, NULL);
	return OK;
}

/* ---- the gate ---- */

static void compose_and_judge(struct relay_incident *i);

/* Whoever writes a mark into MAIL FROM would else be told of to nobody. */
static bool
try_without_words(struct relay_incident *i, const struct pol_judge_reply *p)
{
	if (p == NULL || i->bare)
		return false;
	close_fd(&i->message_fd);
	buf_clear(&i->trace);
	buf_clear(&i->text);
	i->bare = true;
	compose_and_judge(i);
	return true;
}

static void
on_verdict(void *arg, struct chan_answer *answer)
{
	struct relay_incident *i = arg;
	const struct pol_judge_reply *p = answer->msg;
	int err = answer->status;

	if (p != NULL && (p->verdict == VERDICT_REJECT || p->level != LEVEL_THUONG) &&
	    try_without_words(i, p))
		return;
	if (p == NULL || p->verdict != VERDICT_ALLOW || p->level != LEVEL_THUONG ||
	    answer->fds_n != 1) {
		later(i, "the policy does not let the notice pass", err);
		return;
	}
	i->summary_fd = answer->fds[0];
	answer->fds[0] = -1;
	err = file(i, p);
	if (err != OK)
		later(i, "the notice cannot be prepared", err);
}

static void
judge(struct relay_incident *i)
{
	struct pol_rcpt to = { .address = i->head.to, .exit_zone = ZONE_LOCAL };
	struct pol_judge_request r = { .path = PATH_RELAY, .arrival_zone = ZONE_LOCAL,
		.recipients = &to, .recipients_n = 1, .trace = buf_slice(&i->trace),
		.want_summary = 1, .may_sign = 1 };

	chan_call(i->relay->policy, POL_JUDGE, &r, &i->message_fd, 1,
	    i->relay->conf->limits.policy_ms, on_verdict, i, NULL);
}

/* ---- composing ---- */

static int
add_trace(struct relay_incident *i)
{
	char date[DATE_RFC5322_OCTETS + 1];
	struct buf v;
	int err;

	buf_adds(&i->trace, "Return-Path: <>\r\n");
	i->return_path_octets = i->trace.n;
	date_format_rfc5322(i->head.now_s, 0, date);
	buf_init(&v, 1024);
	buf_addf(&v, "by %s (incident) id %.*s; %s", i->relay->conf->general.hostname,
	    (int)i->audit.reference.n, i->audit.reference.p, date);
	err = v.err != OK ? v.err : compose_raw(&i->trace, "Received", buf_slice(&v));
	buf_fini(&v);
	return err;
}

static int
fill_audit(struct relay_incident *i)
{
	struct buf ref;

	buf_init(&ref, 2 * REF_OCTETS);
	for (size_t k = 0; k < REF_OCTETS; k++)
		buf_addf(&ref, "%02x", i->head.id[k]);
	i->address.address = i->head.to;
	i->audit = (struct st_audit){ .event = SLICE("incident-notice"), .recipients = &i->address,
		.recipients_n = 1, .verdict = VERDICT_ALLOW, .arrival_zone = ZONE_LOCAL,
		.reference = arena_copy(&i->mem, buf_slice(&ref)) };
	buf_fini(&ref);
	return i->mem.err;
}

static int
compose(struct relay_incident *i)
{
	const struct conf *conf = i->relay->conf;
	int err;

	i->head = (struct incident_head){ .hostname = slice_of(conf->general.hostname),
		.domain = slice_of(conf->general.domains.v[0]),
		.to = slice_of(conf->incident.mailbox), .now_s = clock_real_s(), .bare = i->bare };
	if (getrandom(i->head.id, sizeof i->head.id, 0) != (ssize_t)sizeof i->head.id)
		return ERR_IO;
	err = fill_audit(i);
	if (err == OK)
		err = add_trace(i);
	if (err == OK)
		err = incident_compose(&i->gathered, &i->head, &i->text);
	i->audit.size_octets = i->text.n;
	return err == OK ? memfd_of("incident", buf_slice(&i->text), &i->message_fd) : err;
}

static void
compose_and_judge(struct relay_incident *i)
{
	int err = compose(i);

	if (err == OK)
		judge(i);
	else
		later(i, "the notice cannot be written", err);
}

static void
on_officers(void *arg, struct chan_answer *answer)
{
	struct relay_incident *i = arg;
	const struct dir_rcpt_reply *r = answer->msg;

	if (r == NULL || (r->outcome != DIR_RCPT_LOCAL && r->outcome != DIR_RCPT_GROUP) ||
	    r->accounts_n == 0 || r->accounts_n > OFFICERS_MAX) {
		later(i, "incident.mailbox is no account here, nor a group of some",
		    answer->status);
		return;
	}
	i->to = keep_message(&dir_rcpt_reply_wire, r, &i->mem);
	if (i->to != NULL)
		compose_and_judge(i);
	else
		later(i, "the notice cannot be written", ERR_NOMEM);
}

static void
begin(struct relay_incident *i)
{
	struct dir_rcpt_request r = { .address = slice_of(i->relay->conf->incident.mailbox) };

	arena_init(&i->mem, MEM_OCTETS);
	buf_init(&i->trace, 4096);
	buf_init(&i->text, NOTICE_OCTETS);
	chan_call(i->relay->directory, DIR_RCPT, &r, NULL, 0, ASK_MS, on_officers, i, NULL);
}

/* ---- looking ---- */

static void
on_incidents(void *arg, struct chan_answer *answer)
{
	struct relay_incident *i = arg;
	const struct st_incidents_reply *r = answer->msg;

	if (r == NULL) {
		look_in(i, LOOK_MS);	/* the store is away: the relay says so itself */
		return;
	}
	if (incident_is_empty(&i->gathered))
		i->told.after = r->told;
	incident_add(&i->gathered, r);
	i->told.upto = r->upto;
	i->from = r->upto + 1;
	if (r->more)
		look(i);
	else if (incident_is_empty(&i->gathered) || clock_ms() < i->next_ms)
		look_in(i, LOOK_MS);
	else
		begin(i);
}

static void
look(struct relay_incident *i)
{
	struct st_incidents_request req = { .from = i->from,
		.idle = incident_is_empty(&i->gathered) };

	if (!i->relay->stopping)
		chan_call(i->relay->store, ST_INCIDENTS, &req, NULL, 0, ASK_MS, on_incidents, i,
		    NULL);
}

int
relay_incident_start(struct relay *r)
{
	struct relay_incident *i;

	if (*r->conf->incident.mailbox == '\0')
		return OK;
	i = calloc(1, sizeof *i);
	if (i == NULL)
		return ERR_NOMEM;
	i->relay = r;
	i->message_fd = i->final_fd = i->summary_fd = -1;
	incident_init(&i->gathered);
	r->incident = i;
	look(i);
	return OK;
}

void
relay_incident_free(struct relay *r)
{
	struct relay_incident *i = r->incident;

	if (i == NULL)
		return;
	loop_timer_stop(&i->timer);
	put_down(i);
	incident_fini(&i->gathered);
	free(i);
	r->incident = NULL;
}
