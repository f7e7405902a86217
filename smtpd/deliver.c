/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * From the end of data to the reply: judge, then store, or audit the refusal.
 *
 * LMTP: a recipient that is refused gets its reply put aside and leaves the envelope; the rest is
 * judged again, until all that are left are allowed and stored at once; after ROUNDS_MAX times they
 * are told to come again, and will be fewer then. The replies follow in the order of the accepted
 * RCPTs (RFC 2033 4.2).
 *
 * Only the store's OK gives 250. When its outcome is unknown the same delivery, by the same id,
 * is asked for again until store_until_ms; by then the answer is 451, and the client's own retry
 * may make a second copy, never a lost one.
 */
#include "smtpd/command.h"

enum { STORE_RETRY_MS = 30000, ROUNDS_MAX = 3 };

void
deliver_end(struct engine *e, enum reply id, struct slice detail)
{
	if (!e->env->apart)
		engine_reply_detail(e, id, detail);
	for (size_t i = 0; e->env->apart && i < e->env->told_n; i++)
		if (e->env->told[i].text.n > 0)
			buf_add(e->out, e->env->told[i].text);
		else
			engine_reply_detail(e, id, detail);
	engine_reset(e);
	engine_ready(e);
}

static void
end(struct engine *e, enum reply id)
{
	char ref[ENGINE_REF_OCTETS + 1];

	engine_ref(e, ref);
	deliver_end(e, id, slice_of(ref));
}

static void
judge(struct engine *e)
{
	e->store_unknown = false;
	engine_enter(e, ENGINE_WAIT_POLICY);
	if (e->ops->judge(e->host) != OK)
		end(e, SAY_NOT_NOW);
}

void
deliver_begin(struct engine *e)
{
	e->ops->random(e->host, e->id, sizeof e->id);
	e->rounds = 0;
	judge(e);
}

/* LMTP: those in e->gone are told the text, the others go on. */
static void
part(struct engine *e, struct slice text)
{
	text = arena_copy(&e->env->mem, text);
	if (e->gone == NULL || text.n == 0 || envelope_narrow(e->env, e->gone, text) != OK ||
	    e->env->rcpts_n == 0 || ++e->rounds > ROUNDS_MAX)
		end(e, SAY_NOT_NOW);
	else
		judge(e);
}

static void
part_with(struct engine *e, enum reply id)
{
	char ref[ENGINE_REF_OCTETS + 1];
	struct buf b;

	engine_ref(e, ref);
	buf_init(&b, 2 * REPLY_LINE_MAX);
	reply_add(&b, id, slice_of(ref));
	part(e, buf_slice(&b));
	buf_fini(&b);
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
refusal(struct engine *e, bool temporary, struct buf *out)
{
	const struct engine_verdict *v = &e->verdict;
	char ref[ENGINE_REF_OCTETS + 1];
	struct reply_refusal r = { .temporary = temporary, .enhanced = v->enhanced,
	    .vi = v->reason_vi, .en = v->reason_en, .rule = v->rule,
		.releasable = v->releasable, .unfit = v->unfit };

	engine_ref(e, ref);
	r.ref = slice_of(ref);
	if (r.enhanced.n == 0 || r.enhanced.p[0] != (temporary ? '4' : '5'))
		r.enhanced = temporary ? SLICE("4.7.1") : SLICE("5.7.1");
	r.contact_vi = slice_of(e->conf->contact_vi);
	r.contact_en = slice_of(e->conf->contact_en);
	if (!e->env->apart)
		r.refused = refused(e, v, &r.refused_n);
	reply_refusal(out, &r);
}

static void
refuse(struct engine *e, bool temporary)
{
	struct buf b;

	if (!e->env->apart) {
		refusal(e, temporary, e->out);
		engine_reset(e);
		engine_ready(e);
		return;
	}
	buf_init(&b, (REPLY_LINES_MAX + 4) * REPLY_LINE_MAX);
	refusal(e, temporary, &b);
	part(e, buf_slice(&b));
	buf_fini(&b);
}

/* LMTP: whom the verdict's reason concerns; all, if it seems to concern nobody. */
static bool *
concerned(struct engine *e, const struct engine_verdict *v)
{
	bool *gone = arena_array(&e->env->mem, e->env->rcpts_n, sizeof *gone), some = false;

	for (size_t i = 0; gone != NULL && i < v->views_n && i < e->env->views_n; i++)
		if (v->views[i] == v->verdict && (v->first == NULL || v->first[i]))
			some = gone[e->env->views[i].rcpt] = true;
	for (size_t i = 0; gone != NULL && !some && i < e->env->rcpts_n; i++)
		gone[i] = true;
	return gone;
}

static void
keep(struct engine *e, const struct engine_verdict *v)
{
	struct arena *mem = &e->env->mem;
	struct slice views = { (const char *)v->views, v->views_n };

	e->verdict = *v;
	e->verdict.enhanced = arena_copy(mem, v->enhanced);
	e->verdict.rule = arena_copy(mem, v->rule);
	e->verdict.unfit = arena_copy(mem, v->unfit);
	e->verdict.reason_vi = arena_copy(mem, v->reason_vi);
	e->verdict.reason_en = arena_copy(mem, v->reason_en);
	e->verdict.views = (const uint8_t *)arena_copy(mem, views).p;
	e->verdict.first = NULL;
	e->gone = e->env->apart ? concerned(e, v) : NULL;
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
	else if (e->env->apart)
		part_with(e, SAY_NOT_NOW);
	else
		end(e, SAY_NOT_NOW);
}

/* ---- the store ---- */

static bool
may_have_happened(const struct engine *e, int err)
{
	return err == ERR_UNKNOWN || err == ERR_TIMEOUT || (e->store_unknown && err == ERR_UNAVAIL);
}

/* ---- LMTP: some mailbox has no room, and the store did not say whose ---- */

static void
ask_space(struct engine *e)
{
	bool some = false;

	if (e->space_at < e->env->locals_n) {
		engine_enter(e, ENGINE_WAIT_SPACE);
		e->ops->room(e->host, &e->env->locals[e->space_at], e->body_octets);
		return;
	}
	for (size_t i = 0; i < e->env->rcpts_n; i++)
		some = some || e->gone[i];
	if (some)
		part_with(e, SAY_QUOTA);
	else
		end(e, SAY_QUOTA);
}

static void
find_full(struct engine *e)
{
	e->space_at = 0;
	e->gone = arena_array(&e->env->mem, e->env->rcpts_n, sizeof *e->gone);
	if (e->gone == NULL)
		end(e, SAY_QUOTA);
	else
		ask_space(e);
}

void
deliver_space(struct engine *e, const void *status)
{
	const struct envelope *env = e->env;
	int err = *(const int *)status;

	for (size_t i = 0; err == ERR_QUOTA && i < env->links_n; i++)
		if (!env->links[i].remote && env->links[i].copy == e->space_at)
			e->gone[env->links[i].rcpt] = true;
	e->space_at++;
	if (err == OK || err == ERR_NOENT || err == ERR_QUOTA)
		ask_space(e);
	else
		end(e, err == ERR_NOSPC ? SAY_DISK_FULL : SAY_NOT_NOW);
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
	} else if (err == ERR_QUOTA && e->env->apart && !e->store_unknown) {
		find_full(e);
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
