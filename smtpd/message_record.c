/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* What the audit keeps of a message that was judged. */
#include "common/utf8.h"
#include "smtpd/conn.h"

/* DETAIL_MAX: of the record. SIGNER_FRAME_OCTETS: all that is told of a signer but its name. */
enum { DETAIL_MAX = 1024, SIGNER_HASH_OCTETS = 8, SIGNER_FRAME_OCTETS = 56 };

static void
add_release(const struct pol_judge_reply *r, struct buf *b)
{
	buf_adds(b, b->n > 0 && r->release.n + r->unfit.n > 0 ? " " : "");
	if (r->release.n == 0 && r->unfit.n > 0)
		buf_addf(b, "release-unfit=%.*s", (int)r->unfit.n, r->unfit.p);
	if (r->release.n > 0)
		buf_adds(b, "release=");
	for (size_t i = 0; i < r->release.n; i++)
		buf_addf(b, "%02x", (unsigned char)r->release.p[i]);
}

/* "signer=valid:an@tinh.example:9f86d081884c7d65 ", one for each signature, with the beginning of
 * its certificate's SHA-256; who has no address is told by its name. A name that is longer than
 * its share is cut, so that nobody's hides another. */
static void
add_signers(const struct pol_judge_reply *r, struct buf *b)
{
	size_t share = r->signers_n == 0 ? 0 : (DETAIL_MAX - b->n) / r->signers_n;

	share -= share > SIGNER_FRAME_OCTETS ? SIGNER_FRAME_OCTETS : share;
	for (size_t i = 0; i < r->signers_n; i++) {
		const struct pol_signer *s = &r->signers[i];
		struct slice name = utf8_prefix(s->address.n > 0 ? s->address : s->subject, share);
		size_t n = b->n;

		buf_addf(b, "%ssigner=%s:", n > 0 ? " " : "",
		    s->reason == SIG_OK ? "valid" : sig_reason_name(s->reason));
		if (s->address.n > 0)
			buf_add(b, name);
		else
			buf_addf(b, "\"%.*s\"", (int)name.n, name.p);
		buf_addc(b, ':');
		for (size_t k = 0; k < s->sha256.n && k < SIGNER_HASH_OCTETS; k++)
			buf_addf(b, "%02x", (unsigned char)s->sha256.p[k]);
		if (b->err != OK) {
			b->n = n;
			return;
		}
	}
}

/* What was done to the message, and who has signed it. */
static struct slice
detail_text(struct arena *mem, const struct pol_judge_reply *r)
{
	struct slice s;
	struct buf b;

	buf_init(&b, DETAIL_MAX);
	if (r->signed_by.n > 0)
		buf_addf(&b, "signed-by-server=%.*s", (int)r->signed_by.n, r->signed_by.p);
	if (r->removals_n > 0)
		buf_adds(&b, b.n > 0 ? " forged-results-removed" : "forged-results-removed");
	add_release(r, &b);
	add_signers(r, &b);
	s = arena_copy(mem, buf_slice(&b));
	buf_fini(&b);
	return s;
}

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
	a->detail = detail_text(&env->mem, r);
}
