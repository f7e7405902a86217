/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* What the audit keeps of a message that was judged. */
#include "smtpd/conn.h"

void
message_record(struct conn *c, const struct pol_judge_reply *r)
{
	struct envelope *env = c->engine.env;
	struct st_audit *a = &c->message.audit;

	a->event = c->engine.conf->role == ENGINE_SUBMISSION ? SLICE("submit") : SLICE("receive");
	if (c->account != NULL)
		a->account = c->account->account[0].address;
	a->client = slice_of(c->client);
	a->mail_from = env->mail_from;
	a->recipients = arena_array(&env->mem, env->rcpts_n, sizeof *a->recipients);
	a->recipients_n = a->recipients != NULL ? env->rcpts_n : 0;
	for (size_t i = 0; i < a->recipients_n; i++)
		a->recipients[i].address = env->rcpts[i];
	a->size_octets = c->message.octets;
	a->sha256 = arena_copy(&env->mem, r->sha256);
	a->verdict = r->verdict;
	a->rule = arena_copy(&env->mem, r->rule);
	a->level = r->level;
	a->sig = r->sig;
	a->sig_reason = r->sig_reason;
	a->arrival_zone = (uint8_t)c->zone;
	a->evidence = pol_evidence_text(r, &env->mem);
	a->detail = pol_detail_text(r, &env->mem);
}
