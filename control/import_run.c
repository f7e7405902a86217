/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "control/ctl_import.h"

#include <string.h>
#include <unistd.h>

#include "common/memfd.h"
#include "mime/date.h"

enum { SLACK_MS = 60000, STORE_MS = 600000, AGAIN_MS = 250, SLOT_ARENA = 65536 };

static void pump(struct import *im);

static struct import_slot *
slot_at(struct import *im, size_t i)
{
	return &im->slots[(im->first + i) % IMPORT_SLOTS];
}

/* ---- the end of a message ---- */

static void
over(struct import_slot *s)
{
	struct import *im = s->im;

	loop_timer_stop(&s->again);
	if (s->fd >= 0)
		close(s->fd);
	if (s->summary_fd >= 0)
		close(s->summary_fd);
	s->fd = s->summary_fd = -1;
	s->state = SLOT_OVER;
	im->in_flight -= s->octets;
	progress_step(&im->progress, s->octets);
	while (im->used > 0 && slot_at(im, 0)->state == SLOT_OVER) {
		slot_at(im, 0)->state = SLOT_FREE;
		arena_clear(&slot_at(im, 0)->a);
		im->first = (im->first + 1) % IMPORT_SLOTS;
		im->used--;
		im->sent -= im->sent > 0;
	}
	loop_stop(im->loop);
}

static void
fail(struct import *im, int err, const char *who, const char *what)
{
	if (im->failed == OK) {
		im->failed = err;
		snprintf(im->why, sizeof im->why, "%s: %s", who, what);
	}
}

/* Nothing more is to come of it; an error that has ended the import is known. */
static void
refuse(struct import_slot *s, const char *reason, struct slice rule)
{
	import_refused(s->im, s->id, reason, rule);
	over(s);
}

/* ---- mailstored ---- */

static void
fill_audit(const struct import_slot *s, struct st_address *self, struct st_audit *out)
{
	self->address = s->im->user.address;
	*out = (struct st_audit){ .event = SLICE("import"), .account = self->address,
		.client = SLICE("congvuctl"), .recipients = self, .recipients_n = 1,
		.size_octets = s->octets, .sha256 = s->sha256, .verdict = s->verdict,
		.rule = s->rule, .level = s->level, .sig = s->sig, .sig_reason = s->sig_reason,
		.arrival_zone = (uint8_t)s->im->source->zone, .evidence = s->evidence,
		.detail = s->detail };
}

static bool
is_passing(int status)
{
	return status == ERR_UNAVAIL || status == ERR_UNKNOWN || status == ERR_TIMEOUT ||
	    status == ERR_AGAIN;
}

static void store(struct import_slot *s);

static void
on_again_store(struct loop_timer *t)
{
	store(t->arg);
}

/* False: it was tried often enough. */
static bool
try_again(struct import_slot *s, loop_timer_fn fn)
{
	return s->tries++ < IMPORT_TRIES && s->im->failed == OK &&
	    loop_timer_set(s->im->loop, &s->again, (uint64_t)AGAIN_MS << s->tries, fn, s) == OK;
}

static void
on_stored(void *arg, struct chan_answer *a)
{
	struct import_slot *s = arg;
	struct import *im = s->im;
	int r = a->status;

	if (r == OK) {
		im->stored_n++;
		im->stored_octets += s->octets;
		r = import_note_done(im, s->token);
		if (r != OK)
			fail(im, r, "the list of what is done", err_text(r));
		over(s);
	} else if (is_passing(r)) {
		if (!try_again(s, on_again_store)) {
			fail(im, r, "mailstored", err_text(r));
			over(s);
		}
	} else if (r == ERR_ACCESS || r == ERR_LIMIT || r == ERR_INVAL) {
		refuse(s, r == ERR_ACCESS ? "classified content is kept in the mailbox Mật only" :
		    err_text(r), s->rule);
	} else {
		fail(im, r, "mailstored", r == ERR_QUOTA ? "the quota is used up" : err_text(r));
		over(s);
	}
}

static void
store(struct import_slot *s)
{
	struct import *im = s->im;
	struct st_audit audit;
	struct st_address self;
	struct st_append_request q = { .account = im->account, .mailbox = im->box.id,
		.token = { (const char *)s->token, ID_OCTETS },
		.email_id = { (const char *)s->token, ID_OCTETS }, .flags = (uint16_t)s->flags,
		.internal_date_s = s->date_s > 0 ? (uint64_t)s->date_s : 0,
		.keywords = s->keywords, .keywords_n = s->keywords_n, .level = s->level,
		.quota = im->user.quota, .audit = &audit, .audit_n = 1,
		.kept_inside = s->kept_inside };
	int fds[2] = { s->fd, s->summary_fd };

	fill_audit(s, &self, &audit);
	chan_call(im->mailstore, ST_IMPORT, &q, fds, 2, STORE_MS, on_stored, s, NULL);
}

static void
on_audited(void *arg, struct chan_answer *a)
{
	struct import_slot *s = arg;

	if (a->status != OK)
		fail(s->im, a->status, "mailstored: audit", err_text(a->status));
	over(s);
}

/* The refusal is a decision like any other: it stands in the audit. */
static void
audit_refusal(struct import_slot *s, const char *reason)
{
	struct st_audit audit;
	struct st_address self;
	struct st_audit_request q = { &audit, 1 };

	import_refused(s->im, s->id, reason, s->rule);
	s->verdict = VERDICT_REJECT;
	fill_audit(s, &self, &audit);
	s->state = SLOT_STORING;
	if (s->im->dry_run)
		over(s);
	else
		chan_call(s->im->mailstore, ST_AUDIT, &q, NULL, 0, STORE_MS, on_audited, s, NULL);
}

/* ---- policyd ---- */

static void judge(struct import_slot *s);

static void
on_again_judge(struct loop_timer *t)
{
	judge(t->arg);
}

static void
on_judged(void *arg, struct chan_answer *a)
{
	struct import_slot *s = arg;
	const struct pol_judge_reply *r = a->msg;
	int status = a->status;

	if (status == OK && r->verdict == VERDICT_DEFER)
		status = ERR_UNAVAIL;
	if (status == OK && r->verdict == VERDICT_ALLOW && a->fds_n != 1)
		status = ERR_FRAME;
	if (status != OK) {
		if (!try_again(s, on_again_judge)) {
			fail(s->im, status, "policyd", "cannot decide now");
			over(s);
			pump(s->im);
		}
		return;
	}
	if (a->fds_n > 0) {
		s->summary_fd = a->fds[0];
		a->fds[0] = -1;
	}
	s->verdict = r->verdict;
	s->level = r->level;
	s->sig = r->sig;
	s->kept_inside = r->kept_inside;
	s->sig_reason = r->sig_reason;
	s->rule = arena_copy(&s->a, r->rule);
	s->sha256 = arena_copy(&s->a, r->sha256);
	s->reason = arena_copy(&s->a, r->reason_en);
	s->evidence = pol_evidence_text(r, &s->a);
	s->detail = pol_detail_text(r, &s->a);
	s->state = SLOT_JUDGED;
	pump(s->im);
}

static void
judge(struct import_slot *s)
{
	struct import *im = s->im;
	struct pol_rcpt self = { .address = im->user.address, .exit_zone = ZONE_LOCAL,
		.clearance = im->user.clearance };
	struct pol_judge_request q = { .path = PATH_STORE,
		.arrival_zone = (uint8_t)im->source->zone, .account = im->user.address,
		.client = SLICE("congvuctl"), .recipients = &self, .recipients_n = 1,
		.level_min = (uint8_t)s->level_min, .want_summary = 1 };

	chan_call(im->policy, POL_JUDGE, &q, &s->fd, 1,
	    im->ctl->conf->limits.policy_ms + SLACK_MS, on_judged, s, NULL);
}

/* ---- the window ---- */

/* What is judged goes to mailstored in the order of the source. */
static void
send_one(struct import_slot *s)
{
	struct import *im = s->im;
	char reason[600];

	if (s->verdict == VERDICT_REJECT) {
		snprintf(reason, sizeof reason, "%.*s", (int)s->reason.n, s->reason.p);
		audit_refusal(s, reason);
	} else if (im->no_box != NULL) {
		refuse(s, im->no_box, s->rule);
	} else if (s->level >= LEVEL_MAT && im->box.keyset_class != KEYSET_MAT) {
		audit_refusal(s, "classified content is kept in the mailbox Mật only");
	} else if (im->dry_run) {
		im->stored_n++;
		im->stored_octets += s->octets;
		over(s);
	} else {
		s->state = SLOT_STORING;
		store(s);
	}
}

static void
pump(struct import *im)
{
	while (im->sent < im->used) {
		struct import_slot *s = slot_at(im, im->sent);

		if (s->state == SLOT_JUDGING)
			return;
		im->sent++;
		if (s->state == SLOT_JUDGED && im->failed == OK)
			send_one(s);
		else if (s->state == SLOT_JUDGED)
			over(s);
	}
}

static int
fill(struct import_slot *s, const struct import_message *m)
{
	s->octets = m->octets.n;
	s->tries = 0;
	/* What no client can be told of is the last day that one can. */
	s->date_s = m->date_s > DATE_SECONDS_MAX ? DATE_SECONDS_MAX : m->date_s;
	s->flags = m->flags;
	s->level_min = m->level;
	s->level = s->verdict = 0;
	s->id = arena_copy(&s->a, m->id);
	s->keywords_n = m->keywords_n;
	for (size_t i = 0; i < m->keywords_n; i++)
		s->keywords[i].name = arena_copy(&s->a, m->keywords[i]);
	import_token(s->im, m->id, s->token);
	return s->a.err != OK ? s->a.err : memfd_of("import", m->octets, &s->fd);
}

int
import_run_add(struct import *im, const struct import_message *m)
{
	struct import_slot *s;
	int r = OK;

	while (r == OK && im->failed == OK && (im->used == IMPORT_SLOTS ||
	    (im->used > 0 && im->in_flight + m->octets.n > IMPORT_OCTETS)))
		r = loop_run(im->loop);
	if (r != OK || im->failed != OK)
		return im->failed != OK ? im->failed : r;
	s = slot_at(im, im->used);
	r = fill(s, m);
	if (r != OK) {
		arena_clear(&s->a);
		fail(im, r, "congvuctl", err_text(r));
		return r;
	}
	im->used++;
	im->in_flight += s->octets;
	s->state = SLOT_JUDGING;
	judge(s);
	/* What has been answered meanwhile. */
	return loop_once(im->loop, 0);
}

int
import_run_drain(struct import *im)
{
	int r = OK;

	while (r == OK && im->used > 0)
		r = loop_run(im->loop);
	return im->failed != OK ? im->failed : r;
}

int
import_run_start(struct import *im)
{
	const char *run_dir = im->ctl->conf->general.run_dir;
	size_t pol_n, st_n;
	const struct chan_row *pol = pol_rows(&pol_n), *st = st_rows(&st_n);
	char path[128];
	int r = loop_new(&im->loop);

	for (size_t i = 0; i < IMPORT_SLOTS; i++) {
		im->slots[i] = (struct import_slot){ .im = im, .fd = -1, .summary_fd = -1 };
		arena_init(&im->slots[i].a, SLOT_ARENA);
	}
	if (r == OK)
		r = chan_path(run_dir, "policy", ROLE_CONTROL, path, sizeof path);
	if (r == OK)
		r = chan_client_new(im->loop, path, pol, pol_n, &im->policy);
	if (r == OK)
		r = chan_path(run_dir, "store", ROLE_CONTROL, path, sizeof path);
	if (r == OK)
		r = chan_client_new(im->loop, path, st, st_n, &im->mailstore);
	return r;
}

void
import_run_stop(struct import *im)
{
	for (size_t i = 0; i < IMPORT_SLOTS; i++)
		arena_clear(&im->slots[i].a);
	chan_client_free(&im->policy);
	chan_client_free(&im->mailstore);
	loop_free(&im->loop);
}
