/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/proto.h"

enum { EVIDENCE_OCTETS_MAX = 4096 };

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

const struct chan_row *
pol_rows(size_t *n_out)
{
	static const struct chan_row rows[] = { POL_ROWS(CHAN_CLIENT_ROW) };

	*n_out = ARRAY_LEN(rows);
	return rows;
}
