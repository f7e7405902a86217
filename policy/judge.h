/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/judge.h: one message and one request in, the whole answer out.
 *
 * Shape   digest, parts, signature, binding, classification, decision for every recipient, the
 *         server's own signature where a rule asks for it, trace fields and summary, in that
 *         order. Used by the workers of policyd and, without a server, by congvuctl.
 * Pure    no files, no network; the time is in the environment. Containers are opened through
 *         the function that the caller chose (a box of its own in policyd).
 */
#ifndef POLICY_JUDGE_H
#define POLICY_JUDGE_H

#include "mime/summary.h"
#include "policy/binding.h"
#include "policy/classify.h"
#include "policy/decide.h"
#include "policy/proto.h"

/* A CMS object of the signer of that title over that digest, and the subject of its certificate: OK,
 * or an error when there can be none now. */
typedef int (*judge_sign_fn)(void *arg, struct slice title, const unsigned char sha256[32],
    struct arena *a, struct slice *cms_out, struct slice *subject_out);

struct judge_env {
	struct rules		rules;
	struct slice		authserv_id;
	const struct conf      *conf;		/* NULL: no domain is ours */
	struct smime_trust     *trust;		/* NULL: nothing is trusted */
	struct smime_options	smime;
	struct classify_options classify;
	judge_sign_fn		sign;		/* NULL: nothing is signed, whatever a rule says */
	void		       *sign_arg;
};

struct judge_result {
	struct pol_judge_reply reply;	/* strings and lists in the arena, or static */
	struct facts	       facts;
	struct slice	       content;	/* what of the message is signed, or all of it */
	struct slice	       legal_basis;	/* of the row that decided */
	const char	      *sign_as;	/* as whom a rule wants the server to sign it, or "" */
	const char	      *sign_error, *sign_detail; /* why it could not be signed, or NULL */
	struct buf	       summary;	/* filled when asked for and the verdict is allow */
};

/* Octets of arena that a message of so many octets can need. */
size_t judge_arena_octets(size_t message_octets);

/*
 * Judge. OK and *out (undo with judge_fini), or an error: then nothing was decided, and the
 * asker must defer. ERR_INVAL: the request is nonsense (no recipient, broken trace fields).
 * The reply's slices point into a, req and message.
 */
int judge(struct slice message, const struct pol_judge_request *req, const struct judge_env *env,
    struct arena *a, struct judge_result *out) MUST_USE;

void judge_fini(struct judge_result *r);

#endif
