/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/judge_sign.h"

#include "common/control.h"
#include "policy/sign.h"
#include "policy/trace.h"

/* Why a message could not be signed, and what its sender hears. */
static const struct {
	const char *error;
	unsigned    verdict;
	const char *enhanced, *vi, *en;
} failures[] = {
	{ "the header can be read in several ways", VERDICT_REJECT, "5.7.5",
	    "May chu khong ky duoc: tieu de thu co the doc theo nhieu cach",
	    "The server cannot sign this message: its header can be read in several ways" },
	{ "the signer is not available", VERDICT_DEFER, "4.7.5",
	    "May chu chua ky duoc thu nay, hay gui lai sau",
	    "The server cannot sign this message now, try again later" },
	{ "our own signature is not valid", VERDICT_DEFER, "4.7.5",
	    "Chung thu so cua may chu dang co loi, can bo ky thuat phai sua",
	    "The server's own certificate is not in order, its administrator has to mend it" },
};
enum failure { SIGN_UNCLEAR, SIGN_AWAY, SIGN_INVALID };

static void
fail(enum failure why, const char *detail, struct judge_result *out)
{
	struct pol_judge_reply *r = &out->reply;

	r->verdict = (uint8_t)failures[why].verdict;
	r->releasable = 0;
	r->rule = SLICE(JUDGE_SIGN_RULE);
	r->enhanced = slice_of(failures[why].enhanced);
	r->reason_vi = slice_of(failures[why].vi);
	r->reason_en = slice_of(failures[why].en);
	for (size_t i = 0; i < r->recipients_n; i++)
		r->recipients[i] = (struct pol_rcpt_verdict){ r->verdict, 0, r->rule };
	r->signed_by = r->head = r->tail = (struct slice){ NULL, 0 };
	r->head_at = 0;
	out->sign_error = failures[why].error;
	out->sign_detail = detail;
}

/* Would we take our own signature? */
static int
look_at_it(struct slice message, const struct judge_env *env, struct arena *a,
    struct judge_result *out)
{
	struct pol_judge_reply bare = out->reply;
	struct smime_result s = { .sig = SIG_ERROR };
	struct buf composed;
	struct tree t;
	int err;

	bare.trace = SLICE("");
	buf_init(&composed, message.n + bare.head.n + bare.tail.n);
	trace_compose(&bare, message, &composed);
	err = composed.err;
	if (err == OK)
		err = tree_parse(buf_slice(&composed), a, &t);
	if (err == OK)
		err = smime_verify(&t, env->trust, &env->smime, a, &s);
	buf_fini(&composed);
	if (err == OK && s.sig != SIG_VALID && !control_off("sign-verify"))
		fail(SIGN_INVALID, sig_reason_name(s.reason), out);
	return err;
}

static int
plan_it(struct slice message, const struct judge_env *env, struct slice title, struct arena *a,
    const struct judge_result *out, struct sign_plan *plan)
{
	struct tree t;
	struct sign_source source = { &t, out->facts.sha256, env->authserv_id, title };
	int err = tree_parse(message, a, &t);

	return err == OK ? sign_plan(&source, a, plan) : err;
}

int
judge_sign(struct slice message, const struct judge_env *env, struct slice title,
    struct arena *a, struct judge_result *out, struct buf *field)
{
	struct pol_judge_reply *r = &out->reply;
	struct slice cms, subject;
	struct sign_plan plan;
	int err = plan_it(message, env, title, a, out, &plan);

	if (err == ERR_UNSUPPORTED) {
		fail(SIGN_UNCLEAR, "", out);
		return OK;
	}
	if (err != OK)
		return err;
	err = env->sign(env->sign_arg, title, plan.sha256, a, &cms, &subject);
	if (err != OK) {
		fail(SIGN_AWAY, err_text(err), out);
		return a->err;
	}
	r->signed_by = title;
	r->head_at = plan.head_at;
	r->head = plan.head;
	err = sign_tail(&plan, cms, a, &r->tail);
	if (err == OK)
		err = look_at_it(message, env, a, out);
	if (err != OK || r->verdict != VERDICT_ALLOW)
		return err;
	out->facts.signed_by = title;
	if (sign_field(env->authserv_id, title, subject, field) == ERR_INVAL)
		return sign_field(env->authserv_id, title, SLICE(""), field);
	return field->err;
}
