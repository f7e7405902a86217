/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * One notice to the sender of a queued message: composed, judged as any message, delivered.
 *
 * Steps   who is the sender here (directory) -> may it be sent (policy) -> the store takes it and
 *         settles, in the same commit, what the entry owed. Its delivery id belongs to the entry:
 *         however often this is begun again, it is delivered once.
 * Safety  it is never of a lower level than the message it is about; what the policy refuses is
 *         not sent, and says so in the audit and by an event; a sender who has no mailbox here, or
 *         no route, is not told. Doubt means later.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/control.h"
#include "common/log.h"
#include "common/memfd.h"
#include "common/metric.h"
#include "common/utf8.h"
#include "mime/compose.h"
#include "mime/date.h"
#include "policy/proto.h"
#include "smtpd/composed.h"
#include "smtpd/dsn.h"
#include "smtpd/envelope.h"
#include "common/keep.h"
#include "smtpd/relay.h"

enum { NOTICE_ENTRY_OCTETS = 32 * 1024 * 1024, NOTICE_OCTETS = 64 * 1024 * 1024, ASK_MS = 10000,
    AGAIN_MS = 500, REF_OCTETS = 8 };

struct relay_notice {
	struct relay	       *relay;
	struct relay_notice    *next, **link;
	struct arena		mem;
	struct st_queue_entry  *entry;
	int			original_fd, message_fd, final_fd, summary_fd;
	struct slice		original;
	uint64_t		begun_ms;
	struct chan_client     *asked;
	uint32_t		call;
	struct loop_timer	timer;
	const struct conf_route *route;		/* to the sender; NULL: he is one of ours */
	const struct dir_account *account;	/* one of ours */
	struct buf		trace, text;
	size_t			return_path_octets;
	bool			bare;	/* without the words of next hops */
	struct st_deliver_request deliver;
	struct st_audit		audit;
};

/* ---- life ---- */

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void
drop(struct relay_notice *n)
{
	struct relay *r = n->relay;

	if (n->asked != NULL)
		chan_cancel(n->asked, n->call);
	loop_timer_stop(&n->timer);
	memfd_unmap(&n->original);
	close_fd(&n->original_fd);
	close_fd(&n->message_fd);
	close_fd(&n->final_fd);
	close_fd(&n->summary_fd);
	buf_fini(&n->trace);
	buf_fini(&n->text);
	arena_clear(&n->mem);
	*n->link = n->next;
	if (n->next != NULL)
		n->next->link = n->link;
	free(n);
	r->active--;
}

void
relay_notice_drop_all(struct relay *r)
{
	while (r->notices != NULL)
		drop(r->notices);
}

bool
relay_notice_has(const struct relay *r, const struct st_queue_entry *entry)
{
	for (const struct relay_notice *n = r->notices; n != NULL; n = n->next)
		if (slice_eq(n->entry->id, entry->id) &&
		    slice_eq(n->entry->route, entry->route))
			return true;
	return false;
}

void
relay_notice_renew_all(struct relay *r)
{
	for (struct relay_notice *n = r->notices; n != NULL; n = n->next)
		relay_renew(r, n->entry);
}

static void
end(struct relay_notice *n)
{
	struct relay *r = n->relay;

	drop(n);
	relay_ended(r);
}

static void
ask(struct relay_notice *n, struct chan_client *whom, uint16_t code, const void *msg,
    const int *fds, unsigned fds_n, uint64_t timeout_ms, chan_answer_fn fn)
{
	n->asked = whom;
	chan_call(whom, code, msg, fds, fds_n, timeout_ms, fn, n, &n->call);
}

/* ---- not now, or never ---- */

/* Whatever is answered: if it was not taken the lease ends, and all begins again. */
static void
on_told(void *arg, struct chan_answer *answer)
{
	struct relay_notice *n = arg;

	n->asked = NULL;
	if (answer->status != OK && answer->status != ERR_NOENT)
		log_event(EV_SERVICE_AWAY, F_CSTR("service", "store"), F_ERR(answer->status));
	end(n);
}

static void
told(struct relay_notice *n, uint64_t due_s)
{
	const struct st_queue_entry *e = n->entry;
	struct st_told_request r = { .id = e->id, .route = e->route, .notice_id = e->notice_id,
	    .due_s = due_s, .audit = &n->audit, .audit_n = due_s == 0 ? 1 : 0 };

	ask(n, n->relay->store, ST_TOLD, &r, NULL, 0, ASK_MS, on_told);
}

static void
count(unsigned outcome)
{
	metric_add(METRIC_NOTICES, metric_at(METRIC_NOTICES, outcome, 0, 0), 1);
}

static void
never(struct relay_notice *n, enum log_event_id event, const char *why)
{
	count(event == EV_NOTICE_REFUSED ? METRIC_NOTICE_REFUSED : METRIC_DROPPED);
	n->audit.verdict = VERDICT_REJECT;
	n->audit.detail = slice_of(why);
	log_event(event, F_STR("to", n->entry->mail_from), F_STR("rule", n->audit.rule),
	    F_CSTR("why", why));
	told(n, 0);
}

static void
later(struct relay_notice *n, const char *why, int err)
{
	uint64_t due_s = relay_notice_due_s(n->relay->conf, n->entry, (uint64_t)clock_real_s());

	if (due_s == 0) {
		never(n, EV_NOTICE_DROPPED, "the sender could not be told in time");
		return;
	}
	count(METRIC_NOTICE_DEFERRED);
	log_event(EV_NOTICE_DEFERRED, F_STR("to", n->entry->mail_from), F_CSTR("why", why),
	    F_ERR(err));
	told(n, due_s);
}

/* ---- storing ---- */

static void store(struct relay_notice *n);

static void
on_store_again(struct loop_timer *t)
{
	store(t->arg);
}

static void
on_stored(void *arg, struct chan_answer *answer)
{
	struct relay_notice *n = arg;
	int err = answer->status;

	n->asked = NULL;
	if (err == OK || err == ERR_NOENT) {	/* ERR_NOENT: it is settled already */
		if (err == OK)
			count(METRIC_SENT);
		if (err == OK)
			log_event(EV_NOTICE_SENT, F_STR("to", n->entry->mail_from),
			    F_U64("recipients", n->entry->recipients_n));
		end(n);
	} else if ((err == ERR_UNKNOWN || err == ERR_TIMEOUT || err == ERR_UNAVAIL) &&
	    clock_ms() - n->begun_ms < RELAY_TOTAL_MS &&
	    loop_timer_set(n->relay->loop, &n->timer, AGAIN_MS, on_store_again, n) == OK) {
		return;
	} else if (err == ERR_ACCESS || err == ERR_INVAL || err == ERR_FORBIDDEN) {
		never(n, EV_NOTICE_REFUSED, "the store refused the notice");
	} else {
		later(n, "the store cannot take the notice now", err);
	}
}

static void
store(struct relay_notice *n)
{
	int fds[2] = { n->final_fd, n->summary_fd };

	ask(n, n->relay->store, ST_DELIVER, &n->deliver, fds, 2, ASK_MS, on_stored);
}

static int
fill_copies(struct relay_notice *n)
{
	struct st_deliver_request *d = &n->deliver;
	struct st_remote *remote = arena_alloc(&n->mem, sizeof *remote);
	struct st_local *local = arena_alloc(&n->mem, sizeof *local);

	if (remote == NULL || local == NULL)
		return ERR_NOMEM;
	if (n->route != NULL) {
		*remote = (struct st_remote){ .address = n->entry->mail_from,
		    .route = slice_of(n->route->title), .zone = (uint8_t)n->route->zone };
		d->remote = remote;
		d->remote_n = 1;
	} else {
		*local = (struct st_local){ .guid = n->account->guid, .uid = n->account->uid,
		    .address = n->account->address, .quota = n->account->quota,
		    .place = d->level >= LEVEL_MAT ? ST_PLACE_MAT : ST_PLACE_INBOX };
		d->local = local;
		d->local_n = 1;
	}
	return OK;
}

static int
prepare_store(struct relay_notice *n, const struct pol_judge_reply *p, unsigned level)
{
	const struct st_queue_entry *e = n->entry;
	struct st_settles *settles = arena_alloc(&n->mem, sizeof *settles);
	int err;

	if (settles == NULL)
		return ERR_NOMEM;
	*settles = (struct st_settles){ e->id, e->route };
	n->deliver = (struct st_deliver_request){ .id = e->notice_id,
	    .arrival_zone = e->arrival_zone, .level = (uint8_t)level, .opaque = p->opaque,
	    .kind = KIND_DSN, .utf8 = !utf8_is_ascii(e->mail_from),
	    .relay_skip = (uint32_t)n->return_path_octets, .settles = settles, .settles_n = 1,
	    .audit = &n->audit, .audit_n = 1 };
	err = fill_copies(n);
	if (err == OK)
		err = memfd_new("notice", &n->final_fd);
	if (err == OK && !slice_starts_nocase(p->trace, buf_slice(&n->trace)))
		err = ERR_FRAME;
	if (err == OK)
		err = composed_write(n->final_fd, buf_slice(&n->text), p);
	return err == OK ? memfd_seal(n->final_fd) : err;
}

/* ---- the gate ---- */

static struct slice
detail_of(struct arena *mem, struct slice signed_by)
{
	struct slice s;
	struct buf b;

	buf_init(&b, 128);
	buf_addf(&b, "signed-by-server=%.*s", (int)signed_by.n, signed_by.p);
	s = arena_copy(mem, buf_slice(&b));
	buf_fini(&b);
	return s;
}

static void
take_verdict(struct relay_notice *n, const struct pol_judge_reply *p)
{
	struct st_audit *a = &n->audit;

	a->sha256 = arena_copy(&n->mem, p->sha256);
	a->verdict = p->verdict;
	a->rule = arena_copy(&n->mem, p->rule);
	if (p->level > a->level)
		a->level = p->level;
	if (p->signed_by.n > 0)
		a->detail = detail_of(&n->mem, p->signed_by);
}

/* No rule can allow that (DESIGN 1); the asker makes sure. */
static bool
must_not_be(const struct relay_notice *n)
{
	return n->audit.level >= LEVEL_MAT && !control_off("notice-level") &&
	    (n->entry->arrival_zone == ZONE_INTERNET ||
	    (n->route != NULL ? n->route->zone == ZONE_INTERNET :
	    n->account->clearance < n->audit.level));
}

static void compose_and_judge(struct relay_notice *n);

/* A next hop may say what looks like a mark, and the sender would never hear that the message has
 * not arrived: then he hears it with the codes alone. */
static bool
try_without_words(struct relay_notice *n, const struct pol_judge_reply *p)
{
	if (n->bare || (p->verdict == VERDICT_ALLOW && p->level <= n->entry->level))
		return false;
	close_fd(&n->message_fd);
	buf_clear(&n->trace);
	buf_clear(&n->text);
	n->bare = true;
	compose_and_judge(n);
	return true;
}

static void
on_verdict(void *arg, struct chan_answer *answer)
{
	struct relay_notice *n = arg;
	const struct pol_judge_reply *p = answer->msg;
	int err;

	n->asked = NULL;
	if (p == NULL || p->verdict == VERDICT_DEFER || p->recipients_n != 1) {
		later(n, "the policy cannot decide now", answer->status);
		return;
	}
	if (try_without_words(n, p))
		return;
	take_verdict(n, p);
	if (p->verdict != VERDICT_ALLOW) {
		never(n, EV_NOTICE_REFUSED, "the policy refuses the notice");
	} else if (must_not_be(n)) {
		never(n, EV_NOTICE_REFUSED, "a notice of that level must not go there");
	} else if (answer->fds_n != 1) {
		later(n, "no summary came with the verdict", ERR_FRAME);
	} else {
		n->summary_fd = answer->fds[0];
		answer->fds[0] = -1;
		err = prepare_store(n, p, n->audit.level);
		if (err == OK)
			store(n);
		else
			later(n, "no memory", err);
	}
}

static void
judge(struct relay_notice *n)
{
	const struct st_queue_entry *e = n->entry;
	struct pol_rcpt to = { .address = e->mail_from, .exit_zone = ZONE_LOCAL,
	    .clearance = n->account != NULL ? n->account->clearance : LEVEL_THUONG };
	struct pol_judge_request r = { .path = PATH_RELAY, .arrival_zone = e->arrival_zone,
	    .recipients = &to, .recipients_n = 1, .level_min = e->level,
	    .trace = buf_slice(&n->trace), .want_summary = 1, .may_sign = 1 };

	if (n->route != NULL)
		to.exit_zone = (uint8_t)n->route->zone;
	if (control_off("notice-level"))
		r.level_min = LEVEL_THUONG;
	ask(n, n->relay->policy, POL_JUDGE, &r, &n->message_fd, 1,
	    n->relay->conf->limits.policy_ms, on_verdict);
}

/* ---- composing ---- */

/* "550 5.1.1" of "550 5.1.1 no such user". */
static struct slice
codes_of(struct slice text)
{
	size_t n = 0;

	while (n < text.n && (ascii_is_digit(text.p[n]) || text.p[n] == '.' || text.p[n] == ' ' ||
	    text.p[n] == '-'))
		n++;
	return slice_trim(slice_sub(text, 0, n));
}

static struct dsn_rcpt *
recipients(struct relay_notice *n)
{
	const struct st_queue_entry *e = n->entry;
	struct dsn_rcpt *r = arena_array(&n->mem, e->recipients_n, sizeof *r);

	for (size_t i = 0; r != NULL && i < e->recipients_n; i++)
		r[i] = (struct dsn_rcpt){ .action = (enum dsn_action)e->recipients[i].tell,
		    .address = e->recipients[i].address, .orcpt = e->recipients[i].orcpt,
		    .text = n->bare ? codes_of(e->recipients[i].text) : e->recipients[i].text,
		    .remote = e->recipients[i].remote };
	return r;
}

static int
add_trace(struct relay_notice *n, int64_t now_s)
{
	char date[DATE_RFC5322_OCTETS + 1];
	struct buf v;
	int err;

	buf_adds(&n->trace, "Return-Path: <>\r\n");
	n->return_path_octets = n->trace.n;
	date_format_rfc5322(now_s, 0, date);
	buf_init(&v, 1024);
	buf_addf(&v, "by %s (notice) id %.*s; %s", n->relay->conf->general.hostname,
	    (int)n->audit.reference.n, n->audit.reference.p, date);
	err = v.err != OK ? v.err : compose_raw(&n->trace, "Received", buf_slice(&v));
	buf_fini(&v);
	return err;
}

static int
compose(struct relay_notice *n)
{
	const struct conf *conf = n->relay->conf;
	const struct conf_list *contact = &conf->general.contact;
	const struct st_queue_entry *e = n->entry;
	const struct conf_route *hop = e->route.n > 0 ? relay_route(conf, e) : NULL;
	int64_t now_s = clock_real_s();
	struct dsn d = { .hostname = slice_of(conf->general.hostname),
	    .domain = slice_of(conf->general.domains.v[0]), .to = e->mail_from,
	    .envid = e->envid, .next_hop = slice_of(hop != NULL ? hop->host : NULL),
	    .contact_vi = slice_of(contact->n > 0 ? contact->v[0] : NULL),
	    .contact_en = slice_of(contact->n > 1 ? contact->v[1] : NULL),
	    .now_s = now_s, .arrived_s = (int64_t)e->arrived_s, .original = n->original,
	    .rcpts = recipients(n), .rcpts_n = e->recipients_n };
	int err;

	if (conf->relay.expire_s > e->age_s)
		d.until_s = now_s + (int64_t)(conf->relay.expire_s - e->age_s);
	memcpy(d.id, e->notice_id.p, DSN_ID_OCTETS);
	err = d.rcpts == NULL ? ERR_NOMEM : add_trace(n, now_s);
	if (err == OK)
		err = dsn_compose(&d, &n->text);
	return err == OK ? memfd_of("notice", buf_slice(&n->text), &n->message_fd) : err;
}

static void
compose_and_judge(struct relay_notice *n)
{
	int err = compose(n);

	n->audit.size_octets = n->text.n;
	if (err == OK)
		judge(n);
	else if (err == ERR_INVAL || err == ERR_LIMIT)
		never(n, EV_NOTICE_DROPPED, "no notice can be written to such a sender");
	else
		later(n, "no memory", err);
}

/* ---- the sender ---- */

static void
on_sender(void *arg, struct chan_answer *answer)
{
	struct relay_notice *n = arg;
	const struct dir_rcpt_reply *r = answer->msg;

	n->asked = NULL;
	if (r == NULL) {
		later(n, "the directory cannot be asked now", answer->status);
	} else if (r->outcome != DIR_RCPT_LOCAL || r->accounts_n != 1) {
		never(n, EV_NOTICE_DROPPED, "the sender has no mailbox here");
	} else {
		n->account = keep_message(&dir_account_wire, &r->accounts[0], &n->mem);
		if (n->account != NULL)
			compose_and_judge(n);
		else
			later(n, "no memory", ERR_NOMEM);
	}
}

static void
find_sender(struct relay_notice *n)
{
	struct slice domain = envelope_domain(n->entry->mail_from);
	struct dir_rcpt_request r = { .address = n->entry->mail_from };

	if (conf_is_local_domain(n->relay->conf, domain)) {
		ask(n, n->relay->directory, DIR_RCPT, &r, NULL, 0, ASK_MS, on_sender);
		return;
	}
	n->route = conf_route_for(n->relay->conf, domain);
	if (n->route == NULL)
		never(n, EV_NOTICE_DROPPED, "there is no route to the sender");
	else
		compose_and_judge(n);
}

/* ---- starting ---- */

static int
fill_audit(struct relay_notice *n)
{
	const struct st_queue_entry *e = n->entry;
	struct st_address *to = arena_alloc(&n->mem, sizeof *to);
	struct buf ref;

	if (to == NULL)
		return ERR_NOMEM;
	to->address = e->mail_from;
	buf_init(&ref, 2 * REF_OCTETS);
	for (size_t i = 0; i < REF_OCTETS; i++)
		buf_addf(&ref, "%02x", (unsigned char)e->id.p[i]);
	n->audit = (struct st_audit){ .event = SLICE("notice"), .recipients = to,
	    .recipients_n = 1, .arrival_zone = e->arrival_zone, .level = e->level,
	    .verdict = VERDICT_ALLOW, .reference = arena_copy(&n->mem, buf_slice(&ref)) };
	buf_fini(&ref);
	return n->mem.err;
}

int
relay_notice_start(struct relay *r, const struct st_queue_entry *entry, int fd)
{
	struct relay_notice *n = calloc(1, sizeof *n);
	int err;

	if (n == NULL) {
		close(fd);
		return ERR_NOMEM;
	}
	n->relay = r;
	n->original_fd = fd;
	n->message_fd = n->final_fd = n->summary_fd = -1;
	n->begun_ms = clock_ms();
	arena_init(&n->mem, NOTICE_ENTRY_OCTETS);
	buf_init(&n->trace, 4096);
	buf_init(&n->text, NOTICE_OCTETS);
	n->next = r->notices;
	n->link = &r->notices;
	if (n->next != NULL)
		n->next->link = &n->next;
	r->notices = n;
	r->active++;
	n->entry = keep_message(&st_queue_entry_wire, entry, &n->mem);
	err = n->entry == NULL ? ERR_NOMEM : fill_audit(n);
	if (err == OK)
		err = memfd_map(fd, SIZE_MAX, &n->original);
	if (err == OK && n->entry->notice_id.n != DSN_ID_OCTETS)
		err = ERR_FRAME;
	if (err != OK) {
		drop(n);
		return err;
	}
	find_sender(n);
	return OK;
}
