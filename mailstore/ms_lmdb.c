/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/ms.h"

#include <stdlib.h>
#include <string.h>

#include "mailstore/engine_act.h"

struct ms {
	struct ms_conf	    conf;
	struct engine	   *e;
	struct store	   *inside, *internet;	/* readers of either zone */
	struct store_watch *watch;
};

/* ---- life ---- */

static void
ms_close(struct ms **ms)
{
	struct ms *m = *ms;

	if (m == NULL)
		return;
	store_watch_free(&m->watch);
	store_close(&m->internet);
	store_close(&m->inside);
	engine_close(&m->e);
	free(m);
	*ms = NULL;
}

static int
ms_open(const struct ms_conf *conf, struct ms **out)
{
	struct engine_conf ec = { .state_dir = conf->state_dir, .run_dir = conf->run_dir,
		.map_octets = conf->map_octets, .reserve_octets = conf->reserve_octets,
		.segment_octets = conf->segment_octets, .compress = conf->compress };
	struct ms *m = calloc(1, sizeof *m);
	int r;

	*out = m;
	if (m == NULL)
		return ERR_NOMEM;
	m->conf = *conf;
	r = engine_open(&ec, &m->e);
	if (r == OK)
		r = store_open(conf->state_dir, conf->run_dir, conf->map_octets, 0, &m->inside);
	if (r == OK)
		r = store_open(conf->state_dir, conf->run_dir, conf->map_octets, STORE_INTERNET,
		    &m->internet);
	if (r == OK)
		r = store_watch_new(m->inside, &m->watch);
	if (r != OK)
		ms_close(out);
	return r;
}

/* ---- acts ---- */

static void
act_done(struct engine *e, struct engine_act *act)
{
	(void)e;
	free(act);
}

static void
ms_submit(struct ms *ms, struct ms_call *calls)
{
	struct engine_job *jobs = NULL, **end = &jobs;

	for (struct ms_call *c = calls; c != NULL; c = c->next) {
		struct engine_act *act = calloc(1, sizeof *act);

		c->status = ERR_NOMEM;
		if (act == NULL)
			continue;
		engine_act_init(act, c, act_done);
		*end = &act->ej;
		end = &act->ej.next;
	}
	engine_commit(ms->e, jobs);
}

static int
ms_settle(struct ms *ms)
{
	int r = OK;

	while (ms->e->intents != NULL && r == OK)
		r = engine_apply(ms->e);
	return r == OK ? engine_close_intents(ms->e) : r;
}

/* ---- accounts ---- */

struct making {
	struct engine_job	ej;
	struct control_account *row;
	int			status;
};

static int
make_control(struct engine *e, struct engine_job *ej)
{
	return engine_account_control(e, ((struct making *)(void *)ej)->row);
}

static int
make_index(struct engine *e, struct engine_job *ej)
{
	return engine_account_index(e, ((struct making *)(void *)ej)->row);
}

static void
make_done(struct engine *e, struct engine_job *ej)
{
	(void)e;
	((struct making *)(void *)ej)->status = ej->status;
}

static int
ms_account(struct ms *ms, const struct ms_account *who, uint32_t *number_out)
{
	const struct account *there = accounts_find(ms->e->accounts, who->guid);
	struct st_keyset ks[] = {
		{ .class = KEYSET_OPEN, .public_key = who->public_open,
		    .wrapped = who->wrapped_open },
		{ .class = KEYSET_MAT, .public_key = who->public_mat, .wrapped = who->wrapped_mat },
	};
	struct control_account row = { .guid = who->guid, .uid = who->uid,
		.address = who->address, .keysets = ks, .keysets_n = ARRAY_LEN(ks) };
	struct making m = { .ej = { .control = make_control, .index = make_index,
		.done = make_done }, .row = &row };

	if (there != NULL) {
		*number_out = there->number;
		return OK;
	}
	engine_commit(ms->e, &m.ej);
	if (m.status == OK)
		m.status = accounts_add(ms->e->accounts, &row);
	*number_out = row.number;
	return m.status;
}

/* ---- reading ---- */

static int
ms_counters(struct ms *ms, uint32_t account, struct store_account *out)
{
	return store_account(ms->inside, account, out);
}

static struct store *
seen_from(struct ms *ms, bool internet)
{
	return internet ? ms->internet : ms->inside;
}

static int
ms_mailboxes(struct ms *ms, uint32_t account, bool internet, struct arena *a,
    struct store_mailbox **list_out, size_t *n_out)
{
	return store_mailboxes(seen_from(ms, internet), account, a, list_out, n_out);
}

static int
ms_subscriptions(struct ms *ms, uint32_t account, bool internet, struct arena *a,
    struct slice **names_out, size_t *n_out)
{
	return store_subscriptions(seen_from(ms, internet), account, a, names_out, n_out);
}

static int
ms_page(struct ms *ms, uint32_t account, uint32_t mailbox, uint32_t from_uid,
    struct store_record *page, size_t cap, size_t *n_out)
{
	return store_page(ms->inside, account, mailbox, from_uid, page, cap, n_out);
}

static int
ms_changes(struct ms *ms, uint32_t account, uint32_t mailbox, uint64_t since, uint32_t from_uid,
    struct store_record *page, size_t cap, size_t *n_out, uint32_t *next_uid_out)
{
	return store_changes(ms->inside, account, mailbox, since, from_uid, page, cap, n_out,
	    next_uid_out);
}

static int
ms_vanished(struct ms *ms, uint32_t account, uint32_t mailbox, uint64_t since, struct arena *a,
    struct st_range **ranges_out, size_t *n_out, bool *complete_out)
{
	return store_vanished(ms->inside, account, mailbox, since, a, ranges_out, n_out,
	    complete_out);
}

static int
copy_out(struct store_message *m, struct arena *a, struct slice *message_out,
    struct slice *summary_out)
{
	size_t n = (size_t)store_message_octets(m), got;
	char *p = arena_alloc(a, n + 1);
	int r = p == NULL ? a->err : store_message_read(m, 0, p, n, &got);

	if (r == OK)
		r = store_message_summary(m, summary_out);
	if (r != OK)
		return r;
	*summary_out = arena_copy(a, *summary_out);
	*message_out = (struct slice){ p, got };
	return a->err;
}

static int
ms_read(struct ms *ms, const struct store_record *record, const uint8_t secret[32],
    struct arena *a, struct slice *message_out, struct slice *summary_out)
{
	struct store_message *m = NULL;
	int r = store_message_open(ms->inside, record, secret, &m);

	if (r == OK)
		r = copy_out(m, a, message_out, summary_out);
	store_message_close(&m);
	return r;
}

static uint64_t
ms_generation(struct ms *ms, uint32_t account)
{
	return store_watch_generation(ms->watch, account);
}

const struct ms_engine *
ms_lmdb(void)
{
	static const struct ms_engine engine = { .name = "lmdb", .open = ms_open,
		.close = ms_close, .account = ms_account, .submit = ms_submit,
		.settle = ms_settle, .counters = ms_counters, .mailboxes = ms_mailboxes,
		.subscriptions = ms_subscriptions, .page = ms_page, .changes = ms_changes,
		.vanished = ms_vanished, .read = ms_read, .generation = ms_generation };

	return &engine;
}
