/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * A message wrapped into the server's signature. Whatever the message is: the result has two parts,
 * of which the first is the body as it came with the header that was signed, and no field that says
 * who wrote what to whom is lost, added or moved into another place.
 */
#include <stdint.h>
#include <stdlib.h>

#include "mime/header.h"
#include "policy/sign.h"
#include "policy/smime/smime.h"
#include "policy/trace.h"
#include "smtpd/composed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
same_counts(struct slice a, struct slice b)
{
	static const struct slice names[] = { SLICE("From"), SLICE("Sender"), SLICE("To"),
		SLICE("Cc"), SLICE("Subject"), SLICE("Date"), SLICE("Message-ID"),
		SLICE("Reply-To"), SLICE("Bcc") };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (header_count(a, names[i]) != header_count(b, names[i]))
			abort();
}

static void
check(struct slice message, const struct sign_plan *plan, struct slice composed, struct arena *a)
{
	struct slice entity = slice_from(plan->head, plan->entity_at);
	struct slice body = slice_from(message, plan->head_at);
	uint32_t one, two;
	struct tree t;

	if (tree_parse(composed, a, &t) != OK)
		return;			/* no memory */
	if (!tree_is(&t, 0, "multipart", "signed") || tree_is_ambiguous(t.parts[0].flags))
		abort();
	one = t.parts[0].first_child;
	two = one == TREE_NONE ? TREE_NONE : t.parts[one].next_sibling;
	if (two == TREE_NONE || t.parts[two].next_sibling != TREE_NONE ||
	    !tree_is(&t, two, "application", "pkcs7-signature"))
		abort();
	if (!slice_eq(tree_header(&t, one), entity) || !slice_eq(tree_body(&t, one), body))
		abort();
	if (t.parts[0].epilogue_begin != t.parts[0].body_end)
		abort();
	same_counts(message, composed);
	if (header_count(composed, SLICE("Content-Type")) != 1 ||
	    header_count(composed, SLICE("MIME-Version")) != 1)
		abort();
}

static void
sign_it(struct slice message, struct arena *a)
{
	struct pol_judge_reply reply = { .signed_by = SLICE("may-quet") };
	struct sign_source source = { .authserv_id = SLICE("mail.tinh.example"),
		.title = reply.signed_by };
	unsigned char sha256[SIGN_DIGEST_OCTETS];
	struct sign_plan plan;
	struct buf out;
	struct tree t;

	if (smime_sha256(message, sha256) != OK || tree_parse(message, a, &t) != OK)
		return;
	source.tree = &t;
	source.sha256 = sha256;
	if (sign_plan(&source, a, &plan) != OK ||
	    sign_tail(&plan, SLICE("not a signature"), a, &reply.tail) != OK)
		return;
	reply.head = plan.head;
	reply.head_at = plan.head_at;
	if (composed_check(message, &reply) != OK)
		abort();
	buf_init(&out, message.n + plan.head.n + reply.tail.n);
	trace_compose(&reply, message, &out);
	if (out.err != OK)
		abort();
	check(message, &plan, buf_slice(&out), a);
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice message = { (const char *)data, size };
	struct arena a;

	arena_init(&a, 4 * TREE_ARENA_OCTETS(size) + (8 << 20));
	sign_it(message, &a);
	arena_clear(&a);
	return 0;
}
