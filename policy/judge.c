/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/judge.h"

#include <string.h>

#include "common/control.h"
#include "policy/author.h"
#include "policy/judge_sign.h"
#include "policy/release.h"
#include "policy/sign.h"
#include "policy/trace.h"
#include "policy/wording.h"

enum { SUMMARY_OCTETS_MAX = 32 << 20, TRACE_OCTETS_MAX = 16384, REASON_OCTETS_MAX = 500 };

/* One judgement under way. */
struct run {
	struct slice			message;
	const struct pol_judge_request *req;
	const struct judge_env	       *env;
	struct arena		       *a;
	struct judge_result	       *out;
	bool				forged_trace;
	struct author			author;
	const struct facts	       *judged;		/* those found, or what a release makes of them */
	bool				released, passed_other;	/* see struct decide_context, decision */
	struct facts		       *lifted;		/* what the release at hand makes of them */
	unsigned			lift;		/* LIFT_* of it */
	bool				same, outside;	/* its content is all the same; it names
							 * somebody in the internet */
	bool				refused;	/* without a release */
	const char		       *sign_as;	/* the first that a decision named, or "" */
	struct buf			sign_field;
};

size_t
judge_arena_octets(size_t message_octets)
{
	/* Two trees (as received, as composed), both twice if the server signs; decoded signatures,
	 * classification. */
	return 5 * TREE_ARENA_OCTETS(message_octets) + 4 * message_octets + ((size_t)32 << 20);
}

/* As smime_open_signed, but the message's own signature has been parsed already. */
static int
open_signed(void *arg, struct slice der, struct arena *a, struct slice *content_out)
{
	const struct smime_result *known = arg;

	if (known->detached.n == 0 || !slice_eq(der, known->detached))
		return smime_open_signed(NULL, der, a, content_out);
	*content_out = (struct slice){ NULL, 0 };
	return OK;
}

static int
find_facts(struct run *run)
{
	struct classify_options options = run->env->classify;
	struct author_context who = { .mail_from = run->req->mail_from,
		.identities = run->req->identities, .identities_n = run->req->identities_n,
		.conf = run->env->conf };
	struct facts *f = &run->out->facts;
	struct smime_result s;
	struct tree t;
	int r = smime_sha256(run->message, f->sha256);

	if (r != OK || (r = tree_parse(run->message, run->a, &t)) != OK)
		return r;
	r = smime_verify(&t, run->env->trust, &run->env->smime, run->a, &s);
	if (r != OK)
		return r;
	run->out->content = s.content.n > 0 ? s.content : run->message;
	if (options.open_signed == smime_open_signed) {
		options.open_signed = open_signed;
		options.open_signed_arg = &s;
	}
	r = classify_message(run->message, &options, run->a, f);
	if (r != OK)
		return r;
	if (run->req->level_min > f->level)	/* a notice is of the level of what it is about */
		facts_add(f, "known-before", SLICE(""), 0, run->req->level_min, true);
	return author_find(&t, &s, &who, run->a, f, &run->author);
}

/* ---- decision ---- */

static struct decide_context
context_of(const struct run *run)
{
	const struct pol_judge_request *req = run->req;

	return (struct decide_context){
		.path = req->path,
		.arrival_zone = req->arrival_zone,
		.from_own = run->author.from_own,
		.sender_own = run->author.sender_own,
		.unit = req->unit,
		.from_ours = run->author.from_ours,
		.forged_trace = run->forged_trace,
		.released = run->released,
		.unsigned_until_s = req->unsigned_until_s,
		.now_s = (uint64_t)run->env->smime.now_s,
	};
}

/* A refusal of content says what was found, and where. */
static struct slice
reason(struct run *run, const struct decision *d, const char *text,
    enum wording_language language)
{
	struct slice whole = slice_of(text);
	struct buf b;

	if (d->verdict == VERDICT_ALLOW || !d->about_content)
		return whole;
	buf_init(&b, REASON_OCTETS_MAX);
	buf_adds(&b, text);
	wording_found(&run->out->facts, language, &b);
	if (b.err == OK)
		whole = arena_copy(run->a, buf_slice(&b));
	buf_fini(&b);
	return whole;
}

static void
take_decision(struct run *run, const struct decision *d)
{
	struct judge_result *out = run->out;

	out->reply.verdict = (uint8_t)d->verdict;
	out->reply.releasable = d->releasable;
	out->reply.rule = slice_sub(slice_of(d->rule), 0, 64);
	out->reply.enhanced = slice_of(d->enhanced);
	out->reply.reason_vi = reason(run, d, d->reason_vi, WORDING_VI);
	out->reply.reason_en = reason(run, d, d->reason_en, WORDING_EN);
	out->legal_basis = slice_of(d->legal_basis);
}

/* A refusal that nobody may lift stands before one that an officer may. */
static bool
is_worse(const struct decision *d, const struct pol_judge_reply *reply)
{
	if (d->verdict != reply->verdict)
		return decide_worst(d->verdict, reply->verdict) == d->verdict;
	return reply->releasable && !d->releasable;
}

static int
decide_all(struct run *run)
{
	const struct pol_judge_request *req = run->req;
	struct pol_judge_reply *reply = &run->out->reply;
	struct decide_context c = context_of(run);

	reply->recipients = arena_array(run->a, req->recipients_n, sizeof *reply->recipients);
	if (reply->recipients == NULL)
		return run->a->err;
	reply->recipients_n = req->recipients_n;
	run->sign_as = "";
	for (size_t i = 0; i < req->recipients_n; i++) {
		struct decide_rcpt to = { req->recipients[i].exit_zone,
			req->recipients[i].clearance };
		struct decision d;

		decide(&c, &to, run->judged, &run->env->rules, &d);
		reply->recipients[i] = (struct pol_rcpt_verdict){ (uint8_t)d.verdict, d.releasable,
			slice_sub(slice_of(d.rule), 0, 64) };
		if (i == 0 || is_worse(&d, reply))
			take_decision(run, &d);
		run->passed_other |= d.passed_other;
		if (*run->sign_as == '\0')	/* there is one text for all recipients */
			run->sign_as = d.sign_as;
	}
	return run->a->err;
}

/* ---- reading ---- */

/* May the copy that is stored here not be read from the internet? released: what run->lifted says of
 * it counts, which is what may leave for the internet. */
static bool
is_kept_inside(struct run *run, bool released)
{
	static const struct decide_rcpt outside = { ZONE_INTERNET, LEVEL_THUONG };
	struct decide_context c = context_of(run);
	struct decision d;

	c.path = PATH_READ;
	c.released = released;
	decide(&c, &outside, released ? run->lifted : &run->out->facts, &run->env->rules, &d);
	return d.verdict != VERDICT_ALLOW || (d.passed_other && !run->same);
}

/* Told now, for it is read without us. */
static int
decide_reading(struct run *run)
{
	bool released = run->out->reply.release.n > 0 &&
	    (run->outside || control_off("release-read"));

	run->out->reply.kept_inside = is_kept_inside(run, released);
	return OK;
}

/* ---- releases ---- */

/* A refusal; and of what is stored a level, or that it is not to be read from everywhere. */
static bool
is_hindered(struct run *run)
{
	switch (run->req->path) {
	case PATH_SUBMIT:
	case PATH_RELAY:
		return run->refused;
	case PATH_STORE:
		return run->refused || (run->out->reply.verdict == VERDICT_ALLOW &&
		    (run->out->facts.level > LEVEL_THUONG || is_kept_inside(run, false)));
	default:
		return false;
	}
}

/* A copy that is stored either way: is more done with it if these are the facts? */
static bool
gains(struct run *run, const struct facts *f)
{
	return run->refused || f->level < run->out->facts.level ||
	    (run->outside && !is_kept_inside(run, true));
}

/* Would all be allowed if these were the facts and what officers may release were released? If so
 * the reply says it, else it is as before. */
static int
try_facts(struct run *run, const struct facts *f, bool *allowed_out)
{
	struct pol_judge_reply before = run->out->reply;
	struct slice legal_basis = run->out->legal_basis;
	int r;

	run->judged = f;
	run->released = true;
	run->passed_other = false;
	r = decide_all(run);
	run->judged = &run->out->facts;
	run->released = false;
	*allowed_out = r == OK && run->out->reply.verdict == VERDICT_ALLOW && gains(run, f);
	if (!*allowed_out) {
		run->out->reply = before;
		run->out->legal_basis = legal_basis;
	}
	return r;
}

/* Whoever has no account here, and is reached by no route inside. */
static bool
is_outside(const struct conf *conf, struct slice address)
{
	const struct conf_route *route;
	struct slice local;

	if (conf == NULL)
		return false;
	while (slice_cut(&address, '@', &local))
		;
	if (conf_is_local_domain(conf, local))
		return false;
	route = conf_route_for(conf, local);
	return route != NULL && route->zone == ZONE_INTERNET;
}

static bool
names_outside(const struct run *run, const struct release_statement *s)
{
	for (size_t i = 0; i < s->recipients_n; i++)
		if (is_outside(run->env->conf, s->recipients[i]))
			return true;
	return false;
}

/* What the release makes of the facts; *unfit_out is NULL, or why it does not fit. */
static int
lift(struct run *run, const struct pol_release *r, bool whole, const char **unfit_out)
{
	const struct pol_judge_request *req = run->req;
	const struct facts *f = &run->out->facts;
	struct release_context c = { .path = req->path, .sender = f->from, .account = req->account,
		.mail_from = req->mail_from, .signers = f->signers, .signers_n = f->signers_n,
		.by_sender = run->env->rules.release_by_sender,
		.sender_own = run->author.from_own, .recipients = req->recipients,
		.recipients_n = req->recipients_n, .trust = run->env->trust,
		.smime = &run->env->smime };
	unsigned char content[LEAF_SHA256_OCTETS] = { 0 };
	struct release_statement s;
	struct arena scratch;
	int err;

	arena_init(&scratch, RELEASE_ARENA_OCTETS + TREE_ARENA_OCTETS(run->out->content.n));
	err = release_verify(r, &c, &scratch, &s, unfit_out);
	if (err == OK && *unfit_out == NULL)
		err = release_content(run->out->content, &scratch, content);
	if (err == OK && *unfit_out == NULL) {
		*unfit_out = release_lift(f, &s, content, whole, run->lifted);
		run->lift = s.lift;
		run->same = memcmp(s.content, content, sizeof content) == 0;
		run->outside = names_outside(run, &s);
	}
	arena_clear(&scratch);
	return err;
}

static int
try_release(struct run *run, const struct pol_release *r, bool whole)
{
	const char *unfit = NULL;
	bool allowed = false;
	int err = lift(run, r, whole, &unfit);

	if (err == OK && unfit == NULL) {
		err = try_facts(run, run->lifted, &allowed);
		unfit = allowed ? NULL : run->lifted->level > LEVEL_THUONG ? "lift" :
		    run->refused ? "rules" : "recipients";
	}
	if (unfit != NULL)
		run->out->reply.unfit = slice_of(unfit);
	if (!allowed || err != OK)
		return err;
	run->out->reply.release = r->id;
	run->out->reply.lift = (uint8_t)run->lift;
	run->out->facts.level = run->lifted->level;
	return OK;
}

/* A refusal that officers could lift says so; if they have, it is none. */
static int
try_releases(struct run *run)
{
	const struct pol_judge_request *req = run->req;
	struct pol_judge_reply *reply = &run->out->reply;
	struct pol_judge_reply refused = *reply;
	struct slice legal_basis = run->out->legal_basis;
	bool could = false, whole;
	int r = OK;

	run->refused = reply->verdict == VERDICT_REJECT;
	/* From of what is sent again does not say who sends: a release names its sender. */
	if (run->out->facts.resent || !is_hindered(run))
		return OK;
	run->lifted = arena_alloc(run->a, sizeof *run->lifted);
	if (run->lifted == NULL)
		return run->a->err;
	run->same = run->outside = true;
	if (release_could_lift(&run->out->facts, run->lifted))
		r = try_facts(run, run->lifted, &could);
	*reply = refused;
	run->out->legal_basis = legal_basis;
	reply->liftable = could;
	whole = run->passed_other;
	for (size_t i = 0; i < req->releases_n && could && r == OK && reply->release.n == 0; i++)
		r = try_release(run, &req->releases[i], whole);
	return r;
}

/* A message that bears a signature keeps it, whatever it is worth. */
static int
sign_for_sender(struct run *run)
{
	struct judge_result *out = run->out;
	bool wanted = out->reply.verdict == VERDICT_ALLOW && out->facts.sig == SIG_NONE;

	out->sign_as = wanted ? run->sign_as : "";
	if (*out->sign_as == '\0' || !run->req->may_sign || run->env->sign == NULL)
		return OK;
	return judge_sign(run->message, run->env, slice_of(run->sign_as), run->a, run->out,
	    &run->sign_field);
}

/* ---- the reply ---- */

static int
fill_evidence(struct run *run)
{
	const struct facts *f = &run->out->facts;
	struct pol_judge_reply *reply = &run->out->reply;

	reply->evidence = arena_array(run->a, f->evidence_count, sizeof *reply->evidence);
	if (reply->evidence == NULL)
		return run->a->err;
	reply->evidence_n = f->evidence_count;
	for (unsigned i = 0; i < f->evidence_count; i++) {
		const struct evidence *e = &f->evidence[i];

		reply->evidence[i] = (struct pol_evidence){
			.detector = slice_sub(slice_of(e->detector), 0, 64),
			.part = slice_sub(e->part, 0, 128), .position = e->position,
			.level = (uint8_t)e->level, .asserted = e->asserted };
	}
	return OK;
}

static int
fill_signers(struct run *run)
{
	const struct facts *f = &run->out->facts;
	struct pol_judge_reply *reply = &run->out->reply;

	reply->signers = arena_array(run->a, f->signers_n, sizeof *reply->signers);
	if (reply->signers == NULL)
		return run->a->err;
	reply->signers_n = f->signers_n;
	for (unsigned i = 0; i < f->signers_n; i++) {
		const struct facts_signer *s = &f->signers[i];

		reply->signers[i] = (struct pol_signer){ .layer = (uint8_t)s->layer,
			.reason = (uint8_t)s->reason, .bound = s->bound,
			.address = slice_sub(s->address, 0, 320),
			.subject = slice_sub(s->subject, 0, 1024),
			.sha256 = { (const char *)s->cert_sha256, sizeof s->cert_sha256 } };
	}
	return OK;
}

static int
fill_facts(struct run *run)
{
	const struct facts *f = &run->out->facts;
	struct pol_judge_reply *reply = &run->out->reply;

	reply->level = (uint8_t)f->level;
	reply->opaque = f->opaque;
	reply->review = f->review;
	reply->partly_inspected = f->partly_inspected;
	reply->kind = (uint8_t)f->kind;
	reply->sig = (uint8_t)f->sig;
	reply->sig_reason = (uint8_t)f->sig_reason;
	reply->signer = slice_sub(f->signer, 0, 320);
	reply->from = slice_sub(f->from, 0, 320);
	reply->sha256 = (struct slice){ (const char *)f->sha256, sizeof f->sha256 };
	return fill_evidence(run);
}

/* Only where a message enters does it get our trace, once. */
static bool
is_entry(const struct run *run)
{
	return run->req->path == PATH_SUBMIT || run->req->path == PATH_RECEIVE;
}

static int
find_removals(struct run *run)
{
	struct pol_judge_reply *reply = &run->out->reply;
	int r;

	if (!is_entry(run))
		return OK;
	reply->removals = arena_array(run->a, TRACE_REMOVALS_MAX, sizeof *reply->removals);
	if (reply->removals == NULL)
		return run->a->err;
	r = trace_removals(run->message, run->env->authserv_id, reply->removals,
	    &reply->removals_n);
	run->forged_trace = r == ERR_LIMIT;
	return r == ERR_LIMIT ? OK : r;
}

static int
fill_trace(struct run *run)
{
	struct pol_judge_reply *reply = &run->out->reply;
	struct buf trace;
	int r = OK;

	reply->trace = run->req->trace;
	if (!is_entry(run) && run->sign_field.n == 0)
		return OK;
	buf_init(&trace, TRACE_OCTETS_MAX);
	buf_add(&trace, run->req->trace);
	if (is_entry(run))
		r = trace_results(&run->out->facts, run->env->authserv_id, &trace);
	buf_add(&trace, buf_slice(&run->sign_field));
	if (r == OK)
		r = trace.err;
	if (r == OK)
		reply->trace = arena_copy(run->a, buf_slice(&trace));
	buf_fini(&trace);
	return r != OK ? r : run->a->err;
}

static int
fill_summary(struct run *run)
{
	const struct pol_judge_reply *reply = &run->out->reply;
	struct buf composed;
	struct tree t;
	int r;

	if (!run->req->want_summary || reply->verdict != VERDICT_ALLOW)
		return OK;
	buf_init(&composed, run->message.n + TRACE_OCTETS_MAX + reply->head.n + reply->tail.n);
	trace_compose(reply, run->message, &composed);
	r = composed.err;
	if (r == OK)
		r = tree_parse(buf_slice(&composed), run->a, &t);
	if (r == OK)
		r = summary_build(&t, run->a, &run->out->summary);
	buf_fini(&composed);
	return r;
}

static bool
is_sensible(const struct pol_judge_request *req)
{
	return req->recipients_n > 0 && trace_is_fields(req->trace);
}

int
judge(struct slice message, const struct pol_judge_request *req, const struct judge_env *env,
    struct arena *a, struct judge_result *out)
{
	static int (*const steps[])(struct run *) = { find_removals, find_facts, decide_all,
		try_releases, decide_reading, sign_for_sender, fill_facts, fill_signers, fill_trace,
		fill_summary };
	struct run run = { .message = message, .req = req, .env = env, .a = a, .out = out,
		.judged = &out->facts, .sign_as = "" };
	int r = OK;

	memset(out, 0, sizeof *out);
	buf_init(&out->summary, SUMMARY_OCTETS_MAX);
	if (!is_sensible(req))
		return ERR_INVAL;
	buf_init(&run.sign_field, SIGN_FIELD_OCTETS_MAX);
	for (size_t i = 0; i < ARRAY_LEN(steps) && r == OK; i++)
		r = steps[i](&run);
	buf_fini(&run.sign_field);
	if (r != OK)
		judge_fini(out);
	return r;
}

void
judge_fini(struct judge_result *r)
{
	buf_fini(&r->summary);
}
