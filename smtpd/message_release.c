/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* A refusal that officers may have lifted: what they signed is gathered, the gate asked again. */
#include "common/clock.h"
#include "common/log.h"
#include "smtpd/conn.h"

static void
on_gathered(void *arg, int status)
{
	struct conn *c = arg;
	struct message *m = &c->message;
	struct engine_verdict v = m->refused;

	if (status != OK) {
		log_event(EV_SERVICE_AWAY, F_CSTR("service", "releases"), F_ERR(status));
		v = (struct engine_verdict){ .status = status };
	} else if (m->release.releases_n > 0) {
		engine_more_time(&c->engine, clock_ms());
		v = (struct engine_verdict){ .status = message_judge(c) };
		if (v.status == OK) {
			conn_run(c);
			return;
		}
	}
	message_verdict(c, &v);
}

/* What lies in the gate's answer must outlive it. */
static void
keep_verdict(struct conn *c, const struct engine_verdict *v)
{
	struct arena *mem = &c->engine.env->mem;
	struct engine_verdict *kept = &c->message.refused;

	*kept = *v;
	kept->enhanced = arena_copy(mem, v->enhanced);
	kept->rule = arena_copy(mem, v->rule);
	kept->unfit = arena_copy(mem, v->unfit);
	kept->reason_vi = arena_copy(mem, v->reason_vi);
	kept->reason_en = arena_copy(mem, v->reason_en);
}

/* They were there, and none would do: whoever looks for the reason finds it. */
static void
tell_unfit(const struct conn *c, const struct pol_judge_reply *r)
{
	if (r->release.n == 0 && r->unfit.n > 0)
		log_event(EV_RELEASE_UNFIT, F_STR("from", r->from), F_STR("why", r->unfit),
		    F_STR("ref", c->message.audit.reference));
}

bool
message_release_begin(struct conn *c, const struct pol_judge_reply *r,
    const struct engine_verdict *v)
{
	struct release_ask *a = &c->message.release;

	if (a->begun)
		tell_unfit(c, r);
	if (a->begun || v->verdict != VERDICT_REJECT || !r->liftable || r->from.n == 0 ||
	    c->engine.conf->role != ENGINE_SUBMISSION)
		return false;
	keep_verdict(c, v);
	if (c->engine.env->mem.err != OK)
		return false;
	a->store = c->worker->store;
	a->directory = c->worker->directory;
	a->done = on_gathered;
	a->arg = c;
	release_ask_start(a, &(struct st_release_find_request){ .sender = r->from });
	return true;
}

struct st_release_use *
message_release_use(struct conn *c, const struct pol_judge_reply *r)
{
	struct arena *mem = &c->engine.env->mem;
	struct st_release_use *use;

	if (r->release.n == 0)
		return NULL;
	use = arena_alloc(mem, sizeof *use);
	if (use == NULL)
		return NULL;
	*use = (struct st_release_use){ arena_copy(mem, r->release), arena_copy(mem, r->from) };
	return use;
}

void
message_release_used(const struct conn *c)
{
	const struct st_deliver_request *d = c->message.deliver;

	if (d->release_n > 0)
		log_event(EV_RELEASE_USED, F_STR("from", d->release->sender),
		    F_STR("ref", c->message.audit.reference),
		    F_STR("detail", c->message.audit.detail));
}
