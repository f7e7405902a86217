/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * The whole way of a message through policyd. The first octet chooses the request. Whatever is
 * said, a level of mat or higher never gets to or from the internet, the trace is whole fields, and
 * the composed message has the summary that was made of it.
 */
#include <stdint.h>
#include <stdlib.h>

#include "policy/judge.h"
#include "policy/trace.h"
#include "tests/fuzz/own_extract.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct judge_result *r, const struct pol_judge_request *req, struct slice message)
{
	const struct pol_judge_reply *reply = &r->reply;
	struct summary sum;
	struct buf out;

	if (reply->level >= LEVEL_MAT && reply->verdict != VERDICT_REJECT &&
	    (req->arrival_zone == ZONE_INTERNET || req->recipients[0].exit_zone == ZONE_INTERNET))
		abort();
	if (!trace_is_fields(reply->trace) || reply->sha256.n != 32 || reply->rule.n == 0)
		abort();
	if (reply->verdict != VERDICT_ALLOW && (reply->reason_vi.n == 0 || r->summary.n > 0))
		abort();
	if (reply->verdict != VERDICT_ALLOW)
		return;
	buf_init(&out, message.n + 65536);
	trace_compose(reply, message, &out);
	if (summary_open(buf_slice(&r->summary), &sum) != OK || sum.size_octets != out.n)
		abort();
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice message = { (const char *)data + 1, size - 1 };
	struct pol_rcpt to = { SLICE("b@x.example"), 0, LEVEL_TUYET_MAT };
	struct dir_identity id = { .address = SLICE("an@tinh.example") };
	struct pol_judge_request req = { .recipients = &to, .recipients_n = 1, .identities = &id,
		.identities_n = 1, .trace = SLICE("Received: x\r\n"), .want_summary = 1 };
	struct judge_env env = { .authserv_id = SLICE("mail.tinh.example"),
		.smime = { .now_s = 1800000000, .revocation_grace_s = 259200 } };
	struct judge_result r;
	struct arena a;

	if (size == 0)
		return 0;
	if (smime_init() != OK || rules_init_profile(&env.rules, PROFILE_DEDICATED) != OK)
		abort();
	req.path = data[0] % 5;
	req.arrival_zone = data[0] / 5 % 3;
	to.exit_zone = data[0] / 15 % 3;
	env.rules.mark_only = data[0] >= 128;
	classify_options_init(&env.classify);
	env.classify.extract = own_extract;
	env.classify.limits.out_octets_max = 1 << 20;
	env.classify.limits.entries_max = 100;
	env.classify.text_octets_max = 1 << 20;
	env.classify.open_signed = smime_open_signed;
	arena_init(&a, judge_arena_octets(size));
	if (judge(message, &req, &env, &a, &r) == OK) {
		check(&r, &req, message);
		judge_fini(&r);
	}
	arena_clear(&a);
	return 0;
}
