/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/judge.h"

#include <string.h>

#include "common/control.h"
#include "mime/addr.h"
#include "mime/header.h"
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
	bool				sender_own;	/* RULE_SENDER_OWN */
	const struct facts	       *judged;		/* those found, or what a release makes of them */
	struct slice			content;	/* what is signed of it, or all */
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

/* The one Sender address of the header, or nothing. */
static int
single_sender(struct run *run, struct slice *out)
{
	struct header_field field;
	int r;

	*out = (struct slice){ NULL, 0 };
	if (header_count(run->message, SLICE("Sender")) != 1 ||
	    header_find(run->message, SLICE("Sender"), &field) != 1)
		return OK;
	r = addr_single(field.value, run->a, out);
	return r == ERR_SYNTAX ? OK : r;
}

static void
copy_signature(struct facts *f, const struct smime_result *s)
{
	f->sig = s->sig;
	f->sig_reason = s->reason;
	f->sig_stale_revocation = s->stale;
	f->sig_clock = s->clock;
	if (s->signers_n > 0)
		f->signer_subject = s->signers[0].subject;
	if (s->label_level > LEVEL_THUONG)
		facts_add(f, "ess-label", SLICE(""), 0, s->label_level, true);
	if (s->label_review)
		facts_add(f, "ess-label", SLICE(""), 0, LEVEL_THUONG, false);
}

static bool
waits_for_revocation(const struct smime_result *s)
{
	return s->sig == SIG_BAD && s->reason == SIG_UNKNOWN_REVOCATION;
}

/* Whose signature is it? A signer that is not bound is final, whatever its CRL will say. */
static int
bind_signer(struct run *run, const struct smime_result *s)
{
	struct facts *f = &run->out->facts;
	struct binding_context c = { .from = f->from, .identities = run->req->identities,
		.identities_n = run->req->identities_n };
	struct binding_result b;
	int r;

	if (s->sig != SIG_VALID && !waits_for_revocation(s))
		return OK;
	if ((r = single_sender(run, &c.sender)) != OK)
		return r;
	binding_check(&c, s, &b);
	f->signer = b.signer;
	f->sig_on_behalf = b.on_behalf;
	if (!b.bound) {
		f->sig = SIG_BAD;
		f->sig_reason = SIG_WRONG_SIGNER;
	}
	return OK;
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

static struct binding_context
who_asks(const struct run *run)
{
	return (struct binding_context){ .identities = run->req->identities,
		.identities_n = run->req->identities_n };
}

/* Fields that clients show as the sender besides From (RFC 5322 3.6.2, 3.6.6). */
static bool
names_sender(struct slice field)
{
	return slice_is_nocase(field, "Sender") || slice_is_nocase(field, "Resent-From") ||
	    slice_is_nocase(field, "Resent-Sender");
}

/* Are MAIL FROM and all these fields addresses of the account? */
static int
find_senders(struct run *run)
{
	struct binding_context who = who_asks(run);
	struct header_field field;
	struct header_iter it;

	run->sender_own = run->req->mail_from.n == 0 ||
	    binding_identity(&who, run->req->mail_from) != NULL;
	header_init(&it, run->message);
	while (run->sender_own && header_next(&it, &field) == 1) {
		struct slice address;
		int r;

		if (!names_sender(field.name) || control_off("sender-fields"))
			continue;
		r = addr_single(field.value, run->a, &address);
		if (r != OK && r != ERR_SYNTAX)
			return r;
		run->sender_own = r == OK && binding_identity(&who, address) != NULL;
	}
	return OK;
}

static int
find_facts(struct run *run)
{
	struct classify_options options = run->env->classify;
	struct facts *f = &run->out->facts;
	struct smime_result s;
	struct tree t;
	int r = smime_sha256(run->message, f->sha256);

	if (r != OK || (r = tree_parse(run->message, run->a, &t)) != OK)
		return r;
	r = smime_verify(&t, run->env->trust, &run->env->smime, run->a, &s);
	if (r != OK)
		return r;
	copy_signature(f, &s);
	run->content = s.content.n > 0 ? s.content : run->message;
	if (options.open_signed == smime_open_signed) {
		options.open_signed = open_signed;
		options.open_signed_arg = &s;
	}
	r = classify_message(run->message, &options, run->a, f);
	if (r != OK)
		return r;
	if (run->req->level_min > f->level)	/* a notice is of the level of what it is about */
		facts_add(f, "known-before", SLICE(""), 0, run->req->level_min, true);
	return bind_signer(run, &s);
}

/* ---- decision ---- */

static bool
is_ours(const struct conf *conf, struct slice address)
{
	struct slice local;
	bool found = false;

	/* The last "@" parts the domain off: a quoted local part may hold others. */
	while (slice_cut(&address, '@', &local))
		found = true;
	return conf != NULL && found && conf_is_local_domain(conf, local);
}

static struct decide_context
context_of(const struct run *run)
{
	const struct pol_judge_request *req = run->req;
	const struct facts *f = &run->out->facts;
	struct binding_context who = who_asks(run);

	return (struct decide_context){
		.path = req->path,
		.arrival_zone = req->arrival_zone,
		.from_own = binding_identity(&who, f->from) != NULL,
		.sender_own = run->sender_own,
		.unit = req->unit,
		.from_ours = is_ours(run->env->conf, f->from),
		.forged_trace = run->forged_trace,
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
		if (*run->sign_as == '\0')	/* there is one text for all recipients */
			run->sign_as = d.sign_as;
	}
	return run->a->err;
}

/* ---- releases ---- */

/* Would all be allowed if these were the facts? If so the reply says it, else it is as before. */
static int
try_facts(struct run *run, const struct facts *f, bool *allowed_out)
{
	struct pol_judge_reply before = run->out->reply;
	struct slice legal_basis = run->out->legal_basis;
	int r;

	run->judged = f;
	r = decide_all(run);
	run->judged = &run->out->facts;
	*allowed_out = r == OK && run->out->reply.verdict == VERDICT_ALLOW;
	if (!*allowed_out) {
		run->out->reply = before;
		run->out->legal_basis = legal_basis;
	}
	return r;
}

static int
try_release(struct run *run, const struct pol_release *r, struct facts *lifted)
{
	const struct pol_judge_request *req = run->req;
	struct release_context c = { .path = req->path, .sender = run->out->facts.from,
		.recipients = req->recipients, .recipients_n = req->recipients_n,
		.trust = run->env->trust, .smime = &run->env->smime };
	unsigned char content[LEAF_SHA256_OCTETS] = { 0 };
	struct release_statement s;
	const char *unfit = NULL;
	bool allowed = false;
	int err = release_verify(r, &c, run->a, &s, &unfit);

	if (err == OK && unfit == NULL && run->out->facts.partly_inspected)
		err = release_content(run->content, run->a, content);
	if (err == OK && unfit == NULL)
		unfit = release_lift(&run->out->facts, &s, content, lifted);
	if (err == OK && unfit == NULL) {
		err = try_facts(run, lifted, &allowed);
		unfit = allowed ? NULL : lifted->level > LEVEL_THUONG ? "lift" : "rules";
	}
	if (unfit != NULL)
		run->out->reply.unfit = slice_of(unfit);
	if (!allowed)
		return err;
	run->out->reply.release = r->id;
	run->out->reply.lift = (uint8_t)s.lift;
	run->out->facts.level = lifted->level;
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
	struct facts *lifted;
	bool could = false;
	int r = OK;

	if (reply->verdict != VERDICT_REJECT ||
	    (req->path != PATH_SUBMIT && req->path != PATH_RELAY))
		return OK;
	lifted = arena_alloc(run->a, sizeof *lifted);
	if (lifted == NULL)
		return run->a->err;
	if (release_could_lift(&run->out->facts, lifted))
		r = try_facts(run, lifted, &could);
	*reply = refused;
	run->out->legal_basis = legal_basis;
	reply->liftable = could;
	for (size_t i = 0; i < req->releases_n && could && r == OK && reply->release.n == 0; i++)
		r = try_release(run, &req->releases[i], lifted);
	return r;
}

/* A message that bears a signature keeps it, whatever it is worth. */
static int
sign_for_sender(struct run *run)
{
	const struct judge_result *out = run->out;

	if (*run->sign_as == '\0' || !run->req->may_sign || run->env->sign == NULL ||
	    out->reply.verdict != VERDICT_ALLOW || out->facts.sig != SIG_NONE)
		return OK;
	return judge_sign(run->message, run->env, slice_of(run->sign_as), run->a, run->out,
	    &run->sign_field);
}

/* May the copy that is stored here be read from the internet? Told now, for it is read without us. */
static int
decide_reading(struct run *run)
{
	static const struct decide_rcpt outside = { ZONE_INTERNET, LEVEL_THUONG };
	struct decide_context c = context_of(run);
	struct decision d;

	c.path = PATH_READ;
	decide(&c, &outside, &run->out->facts, &run->env->rules, &d);
	run->out->reply.kept_inside = d.verdict != VERDICT_ALLOW;
	return OK;
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
	static int (*const steps[])(struct run *) = { find_removals, find_senders, find_facts,
		decide_all, try_releases, decide_reading, sign_for_sender, fill_facts, fill_trace,
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
