/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Acts as the jobs that mailstored makes of requests. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acts.h"
#include "common/clock.h"
#include "shim.h"

struct doing {
	struct engine_job  ej;
	struct site	  *t;
	struct act	  *act;
	struct box_scope   scope;
	struct arena	   a;
	char		   text[17], guids[ACCOUNTS][16];
	struct st_local	   local[ACCOUNTS];
	struct st_remote   remote[ROUTES];
	struct st_audit	   audit;
	struct st_deliver_request deliver;
	struct engine_delivery delivery;
	struct st_append_request append;
	struct engine_append appended;
	struct st_keyword  keywords[KEYWORDS];
	size_t		   keywords_n;
	struct st_keyset   keysets[ACCOUNT_CLASSES];
	struct control_account account;
	uint32_t	   index;
	int		   status;
};

static struct doing *
doing_of(struct engine_job *ej)
{
	return (struct doing *)(void *)ej;
}

static void
fill_keywords(struct doing *d)
{
	static const char *const names[KEYWORDS] = { "k0", "k1", "k2", "k3" };

	for (unsigned i = 0; i < KEYWORDS; i++)
		if ((d->act->keywords >> i & 1) != 0)
			d->keywords[d->keywords_n++].name = slice_of(names[i]);
}

static void
fill_audit(struct doing *d)
{
	d->audit = (struct st_audit){ .event = SLICE("receive"), .reference = { d->text, 16 } };
}

/* ---- accounts ---- */

static int
account_control(struct engine *e, struct engine_job *ej)
{
	return engine_account_control(e, &doing_of(ej)->account);
}

static int
account_index(struct engine *e, struct engine_job *ej)
{
	return engine_account_index(e, &doing_of(ej)->account);
}

static void
fill_account(struct doing *d)
{
	uint32_t who = d->act->who;

	d->account = (struct control_account){ .guid = act_guid(who, d->guids[0]),
		.uid = SLICE("u"), .address = SLICE("u@x.vn"), .keysets = d->keysets,
		.keysets_n = ACCOUNT_CLASSES };
	for (unsigned c = 0; c < ACCOUNT_CLASSES; c++)
		d->keysets[c] = (struct st_keyset){
			.class = c == ACCOUNT_OPEN ? KEYSET_OPEN : KEYSET_MAT,
			.public_key = { (const char *)d->t->keys->public[who][c], 32 },
			.wrapped = SLICE("wrapped") };
	d->ej.control = account_control;
	d->ej.index = account_index;
}

/* ---- deliveries ---- */

static int
deliver_seal(struct engine *e, struct engine_job *ej)
{
	struct doing *d = doing_of(ej);

	return engine_deliver_seal(e, &d->deliver, act_body(d->act->id), SLICE("summary"), &d->a,
	    &d->delivery);
}

static int
deliver_control(struct engine *e, struct engine_job *ej)
{
	struct doing *d = doing_of(ej);

	return engine_deliver_control(e, &d->deliver, &d->delivery);
}

static void
fill_deliver(struct doing *d)
{
	struct st_deliver_request *r = &d->deliver;

	fill_audit(d);
	*r = (struct st_deliver_request){ .id = { d->text, 16 }, .audit = &d->audit, .audit_n = 1,
		.level = d->act->mat ? LEVEL_MAT : LEVEL_THUONG, .local = d->local,
		.remote = d->remote };
	for (uint32_t i = 0; i < ACCOUNTS; i++)
		if ((d->act->accounts >> i & 1) != 0)
			d->local[r->local_n++] = (struct st_local){
				.guid = act_guid(i, d->guids[i]),
				.place = d->act->mat ? ST_PLACE_MAT : ST_PLACE_INBOX };
	for (uint32_t i = 0; i < ROUTES; i++)
		if ((d->act->routes >> i & 1) != 0)
			d->remote[r->remote_n++] = (struct st_remote){ .address = SLICE("b@y.vn"),
				.route = act_route(i), .zone = ZONE_INTERNAL };
	d->ej.seal = deliver_seal;
	d->ej.control = deliver_control;
}

/* ---- mailboxes ---- */

static int
append_seal(struct engine *e, struct engine_job *ej)
{
	struct doing *d = doing_of(ej);

	return engine_append_seal(e, &d->scope, &d->append, act_body(d->act->id),
	    SLICE("summary"), &d->appended);
}

static int
append_index(struct engine *e, struct engine_job *ej)
{
	struct doing *d = doing_of(ej);

	return engine_append_index(e, &d->scope, &d->append, &d->appended);
}

static void
fill_append(struct doing *d)
{
	d->append = (struct st_append_request){ .account = d->act->account,
		.mailbox = d->act->mailbox, .token = { d->text, 16 }, .internal_date_s = 1000,
		.flags = d->act->flags, .keywords = d->keywords, .keywords_n = d->keywords_n };
	d->ej.seal = append_seal;
	d->ej.index = append_index;
}

static int
messages_index(struct engine *e, struct engine_job *ej)
{
	struct doing *d = doing_of(ej);
	const struct act *a = d->act;
	struct st_range uids = a->uids;
	struct st_flags_request f = { .account = a->account, .mailbox = a->mailbox,
		.uids = &uids, .uids_n = 1, .op = a->op, .flags = a->flags,
		.keywords = d->keywords, .keywords_n = d->keywords_n };
	struct st_copy_request c = { .account = a->account, .mailbox = a->mailbox,
		.target = a->target, .token = { d->text, 16 }, .move = a->kind == ACT_MOVE,
		.uids = &uids, .uids_n = 1 };
	struct st_flags_reply flags;
	struct st_expunge_reply expunged;
	struct st_copy_reply copied;

	return a->kind == ACT_FLAGS ? box_flags(e->ix, &d->scope, &f, &d->a, &flags) :
	    a->kind == ACT_EXPUNGE ? box_expunge(e->ix, &d->scope, a->mailbox, &uids, 1, &d->a,
	    &expunged) : box_copy(e->ix, &d->scope, &c, &d->a, &copied);
}

static int
names_index(struct engine *e, struct engine_job *ej)
{
	struct doing *d = doing_of(ej);
	struct slice name = slice_of(d->act->name);
	uint32_t mailbox;

	return d->act->kind == ACT_CREATE ? box_create(e->ix, &d->scope, name, 0, &mailbox) :
	    d->act->kind == ACT_DELETE ? box_delete(e->ix, &d->scope, name) :
	    d->act->kind == ACT_RENAME ? box_rename(e->ix, &d->scope, name,
	    slice_of(d->act->new_name), &d->a) :
	    box_subscribe(e->ix, &d->scope, name, d->act->on);
}

/* ---- queue, audit ---- */

static int
queue_control(struct engine *e, struct engine_job *ej)
{
	struct doing *d = doing_of(ej);
	char entry[17];
	struct slice id = act_id_text(d->act->entry, entry);
	struct st_claim_request claim = { .lease_ms = 1000 };
	/* Of the two there may be only one: the other is passed over. */
	struct st_queue_rcpt rcpt[] = { { .index = 0, .outcome = d->act->outcome },
		{ .index = 1, .outcome = d->act->outcome } };
	struct st_result_request result = { .id = id, .route = act_route(d->act->route),
		.due_s = (uint64_t)clock_real_s(), .results = rcpt, .results_n = 2 };
	struct st_queue_act_request act = { .id = id, .act = ST_ACT_DELETE };
	struct control_queue q;
	int64_t next_ms;
	int r;

	if (d->act->kind == ACT_CLAIM) {
		r = queue_claim(e->ctl, &claim, clock_real_ms() + 5000, &d->a, &q, &next_ms);
		return r < 0 ? r : OK;
	}
	if (d->act->kind == ACT_QUEUE_DELETE)
		return queue_act(e->ctl, &act, clock_real_ms(), &d->a);
	fill_audit(d);
	r = queue_result(e->ctl, &result, clock_real_ms(), &d->a);
	return r == OK ? audit_add(e->ctl, &e->audit, clock_real_ms(), &d->audit, 1) : r;
}

static int
checkpoint_control(struct engine *e, struct engine_job *ej)
{
	const struct keys *k = doing_of(ej)->t->keys;
	uint8_t digest[32], sig[64];

	if (e->audit.serial == 0)
		return OK;
	audit_digest(&e->audit, digest);
	crypto_sign_detached(sig, NULL, digest, sizeof digest, k->audit_secret);
	return audit_add_checkpoint(e->ctl, &e->audit, (struct slice){ (const char *)sig, 64 },
	    (struct slice){ (const char *)k->audit_public, 32 });
}

/* ---- groups ---- */

static void
doing_done(struct engine *e, struct engine_job *ej)
{
	struct doing *d = doing_of(ej);
	struct note_end end = { d->index, ej->status };

	d->status = ej->status;
	if (d->act->kind == ACT_DELIVER || d->act->kind == ACT_AGAIN)
		if (engine_deliver_done(e, &d->deliver, &d->delivery, ej->status) != OK)
			e->broken = ERR_NOMEM;	/* as mailstored does */
	if (d->act->kind == ACT_APPEND)
		engine_append_done(e, &d->scope, &d->appended);
	if (d->act->kind == ACT_ACCOUNT && ej->status == OK)
		end.status = d->status = accounts_add(e->accounts, &d->account);
	if (getenv("CRASH_TRACE") != NULL)
		fprintf(stderr, "act %u kind %u: %s\n", d->act->id, d->act->kind,
		    err_text(ej->status));
	shim_note(NOTE_END, &end, sizeof end);
	arena_clear(&d->a);
}

static void
fill(struct doing *d)
{
	act_id_text(d->act->id, d->text);
	fill_keywords(d);
	switch (d->act->kind) {
	case ACT_ACCOUNT:
		fill_account(d);
		break;
	case ACT_DELIVER:
	case ACT_AGAIN:
		fill_deliver(d);
		break;
	case ACT_APPEND:
		fill_append(d);
		break;
	case ACT_FLAGS:
	case ACT_EXPUNGE:
	case ACT_COPY:
	case ACT_MOVE:
		d->ej.index = messages_index;
		break;
	case ACT_CREATE:
	case ACT_RENAME:
	case ACT_DELETE:
	case ACT_SUBSCRIBE:
		d->ej.index = names_index;
		break;
	case ACT_CHECKPOINT:
		d->ej.control = checkpoint_control;
		break;
	default:
		d->ej.control = queue_control;
	}
}

void
site_group(struct site *t, struct act *acts, size_t n, int *status_out)
{
	static struct doing d[GROUP_MAX];

	memset(d, 0, sizeof d);
	for (size_t i = 0; i < n; i++) {
		d[i].t = t;
		d[i].act = &acts[i];
		d[i].index = (uint32_t)i;
		d[i].scope = (struct box_scope){ .account = acts[i].account,
			.now_s = clock_real_s() };
		d[i].ej.done = doing_done;
		d[i].ej.next = i + 1 < n ? &d[i + 1].ej : NULL;
		arena_init(&d[i].a, 8 << 20);
		fill(&d[i]);
	}
	shim_note(NOTE_BEGIN, acts, n * sizeof *acts);
	engine_commit(t->e, &d[0].ej);
	for (size_t i = 0; i < n; i++)
		status_out[i] = d[i].status;
}
