/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/proto.h"

#include "common/utf8.h"

/* DETAIL_MAX: of the record. SIGNER_FRAME_OCTETS: all that is told of a signer but its name. */
enum {
	EVIDENCE_OCTETS_MAX = 4096, DETAIL_MAX = 1024, SIGNER_HASH_OCTETS = 8,
	SIGNER_FRAME_OCTETS = 56
};

WIRE_TYPE(pol_rcpt, POL_RCPT_FIELDS)
WIRE_TYPE(pol_officer, POL_OFFICER_FIELDS)
WIRE_TYPE(pol_statement, POL_STATEMENT_FIELDS)
WIRE_TYPE(pol_release, POL_RELEASE_FIELDS)
WIRE_TYPE(pol_judge_request, POL_JUDGE_REQUEST_FIELDS)
WIRE_TYPE(pol_rcpt_verdict, POL_RCPT_VERDICT_FIELDS)
WIRE_TYPE(pol_evidence, POL_EVIDENCE_FIELDS)
WIRE_TYPE(pol_range, POL_RANGE_FIELDS)
WIRE_TYPE(pol_signer, POL_SIGNER_FIELDS)
WIRE_TYPE(pol_cert, POL_CERT_FIELDS)
WIRE_TYPE(pol_judge_reply, POL_JUDGE_REPLY_FIELDS)
WIRE_TYPE(pol_status_reply, POL_STATUS_REPLY_FIELDS)
WIRE_TYPE(pol_seen_reply, POL_SEEN_REPLY_FIELDS)

struct slice
pol_evidence_text(const struct pol_judge_reply *r, struct arena *a)
{
	struct buf b;
	struct slice s;

	buf_init(&b, EVIDENCE_OCTETS_MAX);
	for (size_t i = 0; i < r->evidence_n && b.err == OK; i++) {
		const struct pol_evidence *e = &r->evidence[i];
		size_t n = b.n;

		buf_addf(&b, "%s%.*s:%.*s:%u", i > 0 ? " " : "", (int)e->detector.n, e->detector.p,
		    (int)e->part.n, e->part.p, e->position);
		if (b.err != OK)
			b.n = n;
	}
	s = arena_copy(a, buf_slice(&b));
	buf_fini(&b);
	return s;
}

/* ---- detail ---- */

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

struct slice
pol_detail_text(const struct pol_judge_reply *r, struct arena *a)
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
	s = arena_copy(a, buf_slice(&b));
	buf_fini(&b);
	return s;
}

const struct chan_row *
pol_rows(size_t *n_out)
{
	static const struct chan_row rows[] = { POL_ROWS(CHAN_CLIENT_ROW) };

	*n_out = ARRAY_LEN(rows);
	return rows;
}
