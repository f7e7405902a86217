/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * From the end of data to the one reply: judge, then store, or audit the refusal.
 *
 * Only the store's OK gives 250. When its outcome is unknown the same delivery, by the same id,
 * is asked for again until store_until_ms; by then the answer is 451, and the client's own retry
 * may make a second copy, never a lost one.
 */
#include "smtpd/command.h"

enum { STORE_RETRY_MS = 30000 };

static void
end(struct engine *e, enum reply id)
{
	char ref[ENGINE_REF_OCTETS + 1];

	engine_ref(e, ref);
	engine_reply_detail(e, id, slice_of(ref));
	engine_reset(e);
	engine_ready(e);
}

void
deliver_begin(struct engine *e)
{
	e->ops->random(e->host, e->id, sizeof e->id);
	e->store_unknown = false;
	engine_enter(e, ENGINE_WAIT_POLICY);
	if (e->ops->judge(e->host) != OK)
		end(e, SAY_NOT_NOW);
}

/* ---- the verdict ---- */

/* The recipients of the worst verdict, each once, as the sender named them. */
static struct slice *
refused(struct engine *e, const struct engine_verdict *v, size_t *n_out)
{
	struct slice *list = arena_array(&e->env->mem, e->env->rcpts_n, sizeof *list);
	size_t last = SIZE_MAX;

	*n_out = 0;
	for (size_t i = 0; list != NULL && i < v->views_n && i < e->env->views_n; i++) {
		size_t rcpt = e->env->views[i].rcpt;

		if (v->views[i] != v->verdict || rcpt == last)
			continue;
		list[(*n_out)++] = e->env->rcpts[rcpt];
		last = rcpt;
	}
	return list;
}

static void
refuse(struct engine *e, bool temporary)
{
	const struct engine_verdict *v = &e->verdict;
	char ref[ENGINE_REF_OCTETS + 1];
	struct reply_refusal r = { .temporary = temporary, .enhanced = v->enhanced,
	    .vi = v->reason_vi, .en = v->reason_en, .rule = v->rule };

	engine_ref(e, ref);
	r.ref = slice_of(ref);
	if (r.enhanced.n == 0 || r.enhanced.p[0] != (temporary ? '4' : '5'))
		r.enhanced = temporary ? SLICE("4.7.1") : SLICE("5.7.1");
	r.contact_vi = slice_of(e->conf->contact_vi);
	r.contact_en = slice_of(e->conf->contact_en);
	r.refused = refused(e, v, &r.refused_n);
	reply_refusal(e->out, &r);
	engine_reset(e);
	engine_ready(e);
}

static void
keep(struct engine *e, const struct engine_verdict *v)
{
	struct arena *mem = &e->env->mem;
	struct slice views = { (const char *)v->views, v->views_n };

	e->verdict = *v;
	e->verdict.enhanced = arena_copy(mem, v->enhanced);
	e->verdict.rule = arena_copy(mem, v->rule);
	e->verdict.reason_vi = arena_copy(mem, v->reason_vi);
	e->verdict.reason_en = arena_copy(mem, v->reason_en);
	e->verdict.views = (const uint8_t *)arena_copy(mem, views).p;
}

static void
store(struct engine *e)
{
	engine_enter(e, ENGINE_WAIT_STORE);
	e->ops->deliver(e->host);
}

void
deliver_verdict(struct engine *e, const void *verdict)
{
	const struct engine_verdict *v = verdict;

	if (v->status != OK) {
		end(e, SAY_NOT_NOW);
		return;
	}
	keep(e, v);
	if (e->env->mem.err != OK) {
		end(e, SAY_NOT_NOW);
	} else if (v->verdict == VERDICT_ALLOW) {
		e->store_until_ms = e->now_ms + STORE_RETRY_MS;
		store(e);
	} else if (v->verdict == VERDICT_REJECT) {
		engine_enter(e, ENGINE_WAIT_AUDIT);
		e->ops->audit(e->host);
	} else {
		refuse(e, true);
	}
}

/* A refusal that cannot be written down is not final. */
void
deliver_audited(struct engine *e, const void *status)
{
	if (*(const int *)status == OK)
		refuse(e, false);
	else
		end(e, SAY_NOT_NOW);
}

/* ---- the store ---- */

static bool
may_have_happened(const struct engine *e, int err)
{
	return err == ERR_UNKNOWN || err == ERR_TIMEOUT || (e->store_unknown && err == ERR_UNAVAIL);
}

void
deliver_stored(struct engine *e, const void *status)
{
	int err = *(const int *)status;

	if (err == OK) {
		e->junk = 0;
		end(e, SAY_ACCEPTED);
	} else if (may_have_happened(e, err) && e->now_ms < e->store_until_ms) {
		e->store_unknown = true;
		engine_enter(e, ENGINE_STORE_PAUSE);
	} else {
		end(e, err == ERR_QUOTA ? SAY_QUOTA :
		    err == ERR_NOSPC ? SAY_DISK_FULL : SAY_NOT_NOW);
	}
}

void
deliver_again(struct engine *e, const void *none)
{
	(void)none;
	store(e);
}

void
deliver_timeout(struct engine *e, const void *none)
{
	(void)none;
	e->ops->cancel(e->host);
	end(e, SAY_NOT_NOW);
}
