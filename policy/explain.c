/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/explain.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "common/utf8.h"
#include "mime/addr.h"
#include "policy/resent.h"

enum { TEXT_OCTETS_MAX = 4096 };

void
explain_options_init(struct explain_options *o)
{
	*o = (struct explain_options){ .path = PATH_SUBMIT, .from_zone = ZONE_INTERNAL,
		.to_zone = ZONE_INTERNET, .clearance = LEVEL_THUONG };
}

int
explain_as_on_wire(struct slice file, struct buf *mem, struct slice *out)
{
	struct slice line;

	*out = file;
	buf_init(mem, 2 * file.n);
	if (slice_find(file, SLICE("\r\n")) >= 0 || slice_chr(file, '\n') < 0)
		return OK;
	while (slice_cut(&file, '\n', &line)) {
		buf_add(mem, line);
		buf_adds(mem, "\r\n");
	}
	buf_add(mem, line);
	*out = buf_slice(mem);
	return mem->err;
}

/* ---- JSON ---- */

/* A string of any octets: what is not UTF-8 is replaced. */
static json_t *
text(struct slice s)
{
	json_t *j = NULL;
	struct buf b;

	buf_init(&b, 3 * TEXT_OCTETS_MAX + 1);
	(void)utf8_add_clean(&b, slice_sub(s, 0, TEXT_OCTETS_MAX));
	if (b.err == OK)
		j = json_stringn(b.n > 0 ? b.p : "", b.n);
	buf_fini(&b);
	return j;
}

static json_t *
hex(struct slice s)
{
	char out[2 * 32 + 1] = "";

	for (size_t i = 0; i < s.n && i < 32; i++) {
		out[2 * i] = "0123456789abcdef"[(unsigned char)s.p[i] >> 4];
		out[2 * i + 1] = "0123456789abcdef"[(unsigned char)s.p[i] & 15];
	}
	return json_string(out);
}

/* "toi-mat" for the server, "toi_mat" and "none" for the scorer of the corpus. */
static json_t *
level(unsigned value, bool for_scan)
{
	static const char *const scan[] = { "none", "mat", "toi_mat", "tuyet_mat" };

	return json_string(for_scan && value < ARRAY_LEN(scan) ? scan[value] : level_name(value));
}

static json_t *
evidence(const struct pol_judge_reply *reply, bool for_scan)
{
	json_t *all = json_array();

	for (size_t i = 0; i < reply->evidence_n; i++) {
		const struct pol_evidence *e = &reply->evidence[i];

		json_array_append_new(all, json_pack("{so so so sb si}",
		    "detector", text(e->detector), "part", text(e->part),
		    "level", level(e->level, for_scan), "asserted", e->asserted,
		    "position", (int)(e->position & INT32_MAX)));
	}
	return all;
}

static json_t *
recipients(const struct pol_judge_reply *reply, const struct pol_judge_request *req)
{
	json_t *all = json_array();

	for (size_t i = 0; i < reply->recipients_n; i++) {
		const struct pol_rcpt_verdict *v = &reply->recipients[i];

		json_array_append_new(all, json_pack("{so ss ss so}",
		    "address", text(req->recipients[i].address),
		    "zone", zone_name(req->recipients[i].exit_zone),
		    "verdict", verdict_name(v->verdict), "rule", text(v->rule)));
	}
	return all;
}

/* "2026-11-22T01:02:03Z"; "" when it is not known. */
static json_t *
moment(int64_t seconds)
{
	char out[32] = "";
	time_t t = (time_t)seconds;
	struct tm tm;

	if (seconds == 0 || gmtime_r(&t, &tm) == NULL ||
	    strftime(out, sizeof out, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return json_string("");
	return json_string(out);
}

/* Every signature over the content, also those that count for nothing, and why. */
static json_t *
signers(const struct facts *f)
{
	json_t *all = json_array();

	for (unsigned i = 0; i < f->signers_n; i++) {
		const struct facts_signer *s = &f->signers[i];
		struct slice sha256 = { (const char *)s->cert_sha256, sizeof s->cert_sha256 };

		json_array_append_new(all, json_pack("{si ss ss sb sb sb so so so so so so so so}",
		    "layer", (int)s->layer,
		    "signature", sig_name(s->reason == SIG_OK ? SIG_VALID :
		    s->reason == SIG_INTERNAL ? SIG_ERROR : SIG_BAD),
		    "reason", sig_reason_name(s->reason),
		    "bound", s->bound, "stale_revocation", s->stale, "clock", s->clock,
		    "address", text(s->address), "subject", text(s->subject),
		    "issuer", text(s->issuer), "serial", text(s->serial), "sha256", hex(sha256),
		    "signing_time", moment(s->signed_s), "not_before", moment(s->begin_s),
		    "not_after", moment(s->end_s)));
	}
	return all;
}

static json_t *
notes(const struct facts *f)
{
	json_t *all = json_array();

	for (unsigned i = 0; i < f->notes_n; i++)
		json_array_append_new(all, json_pack("{ss so ss ss}",
		    "note", note_name(f->notes[i].what), "part", text(f->notes[i].part),
		    "vi", note_vi(f->notes[i].what), "en", note_en(f->notes[i].what)));
	return all;
}

/* Is it refused only since it is for internal circulation, which is no matter of secrecy? */
static bool
is_internal(const struct judge_result *r)
{
	const struct facts *f = &r->facts;

	return r->reply.verdict == VERDICT_REJECT && r->reply.releasable && f->internal_only &&
	    !f->review && !f->opaque && !f->partly_inspected && f->level < LEVEL_MAT;
}

static const char *
class_of(const struct judge_result *r)
{
	return is_internal(r) ? "internal" : r->reply.releasable ? "review" : "";
}

static json_t *
whole(const struct judge_result *r, const struct pol_judge_request *req)
{
	const struct pol_judge_reply *reply = &r->reply;
	const struct facts *f = &r->facts;

	return json_pack("{ss ss so ss sb sb sb ss ss so so so so so so so so so so sb sb sb so sb sb so so ss sb}",
	    "verdict", verdict_name(reply->verdict),
	    "class", class_of(r),
	    "level", level(reply->level, false),
	    "kind", kind_name(reply->kind),
	    "opaque", reply->opaque, "review", reply->review,
	    "partly_inspected", reply->partly_inspected,
	    "signature", sig_name(reply->sig),
	    "signature_reason", sig_reason_name(reply->sig_reason),
	    "signer", text(reply->signer), "signer_subject", text(f->signer_subject),
	    "from", text(reply->from),
	    "rule", text(reply->rule), "enhanced", text(reply->enhanced),
	    "reason_vi", text(reply->reason_vi), "reason_en", text(reply->reason_en),
	    "legal_basis", text(r->legal_basis), "sha256", hex(reply->sha256),
	    "evidence", evidence(reply, false),
	    "on_behalf", f->sig_on_behalf, "stale_revocation", f->sig_stale_revocation,
	    "clock", f->sig_clock, "recipients", recipients(reply, req),
	    "resent", f->resent, "ambiguous", f->ambiguous,
	    "signers", signers(f), "notes", notes(f), "sign_as", r->sign_as,
	    "liftable", reply->liftable);
}

/* Append j, which is freed. */
static int
dump(json_t *j, struct buf *out)
{
	char *line = j == NULL ? NULL : json_dumps(j, JSON_COMPACT);

	json_decref(j);
	if (line == NULL)
		return ERR_NOMEM;
	buf_adds(out, line);
	free(line);
	return out->err;
}

/* ---- the two verbs ---- */

/* From as that of an agency whose clerk the account is; or which is the account. */
static int
fill_agency(struct slice message, const struct explain_options *o, struct arena *a,
    struct dir_identity *ids, struct pol_judge_request *req)
{
	struct slice from;
	int r;

	if (o->agency_subject.n == 0)
		return OK;
	r = addr_single_from(message, a, &from);
	if (r != OK)
		return a->err;
	req->identities_n = binding_same_address(from, ids[0].address) ? 1 : 2;
	ids[req->identities_n - 1] = (struct dir_identity){ .address = from,
		.kind = DIR_IDENTITY_AGENCY, .subject = o->agency_subject };
	return OK;
}

/* Who sends: the account named, or whoever Resent-From or From says it is. */
static int
fill_identity(struct slice message, const struct explain_options *o, struct arena *a,
    struct dir_identity *ids, struct pol_judge_request *req)
{
	struct slice from = o->from;
	struct resent resent = { 0 };
	int r = OK;

	if (from.n == 0)
		r = resent_find(message, a, &resent);
	if (resent.is)
		from = resent.from;
	else if (from.n == 0)
		r = addr_single_from(message, a, &from);
	if (a->err != OK)
		return a->err;
	if (r != OK)
		from = (struct slice){ NULL, 0 };
	ids[0] = (struct dir_identity){ .address = from, .kind = DIR_IDENTITY_OWN };
	req->account = req->mail_from = from;
	req->identities = ids;
	req->identities_n = from.n > 0;
	return from.n > 0 ? fill_agency(message, o, a, ids, req) : OK;
}

static int
fill_request(struct slice message, const struct explain_options *o, struct arena *a,
    struct dir_identity *ids, struct pol_judge_request *req)
{
	size_t n = o->to_n > 0 ? o->to_n : 1;

	*req = (struct pol_judge_request){ .path = (uint8_t)o->path,
		.arrival_zone = (uint8_t)o->from_zone, .level_min = (uint8_t)o->level_min };
	req->recipients = arena_array(a, n, sizeof *req->recipients);
	if (req->recipients == NULL)
		return a->err;
	req->recipients_n = n;
	for (size_t i = 0; i < n; i++)
		req->recipients[i] = (struct pol_rcpt){
			.address = o->to_n > 0 ? o->to[i] : SLICE(""),
			.exit_zone = (uint8_t)o->to_zone,
			.clearance = o->to_zone == ZONE_LOCAL ? (uint8_t)o->clearance :
			    LEVEL_THUONG };
	return fill_identity(message, o, a, ids, req);
}

static const char *
scan_verdict(const struct judge_result *r)
{
	const struct pol_judge_reply *reply = &r->reply;

	switch (reply->verdict) {
	case VERDICT_ALLOW:
		return "allow";
	case VERDICT_REJECT:
		if (is_internal(r))
			return "allow";
		return reply->releasable && !reply->opaque && reply->level < LEVEL_MAT ? "review" :
		    "block";
	default:
		return "error";
	}
}

static json_t *
scan_line(const char *file_name, const struct judge_result *r)
{
	return json_pack("{so ss ss so so so}", "file", text(slice_of(file_name)),
	    "verdict", scan_verdict(r), "class", class_of(r),
	    "level", level(r->reply.level, true), "rule", text(r->reply.rule),
	    "evidence", evidence(&r->reply, true));
}

int
explain_judge(struct slice file, const struct explain_options *o, const struct judge_env *env,
    struct explain_judged *out)
{
	int r;

	arena_init(&out->a, judge_arena_octets(2 * file.n));
	r = explain_as_on_wire(file, &out->wire, &out->message);
	if (r == OK)
		r = fill_request(out->message, o, &out->a, out->ids, &out->req);
	if (r == OK)
		r = judge(out->message, &out->req, env, &out->a, &out->res);
	if (r != OK) {
		buf_fini(&out->wire);
		arena_clear(&out->a);
	}
	return r;
}

void
explain_judged_fini(struct explain_judged *j)
{
	judge_fini(&j->res);
	buf_fini(&j->wire);
	arena_clear(&j->a);
}

/* file_name: NULL for the whole object, else the line of a scan. */
static int
render(const char *file_name, struct slice file, const struct explain_options *o,
    const struct judge_env *env, struct buf *json_out)
{
	struct explain_judged j;
	int r = explain_judge(file, o, env, &j);

	if (r != OK)
		return r;
	r = dump(file_name == NULL ? whole(&j.res, &j.req) : scan_line(file_name, &j.res),
	    json_out);
	explain_judged_fini(&j);
	return r;
}

int
explain_message(struct slice file, const struct explain_options *o, const struct judge_env *env,
    struct buf *json_out)
{
	return render(NULL, file, o, env, json_out);
}

int
explain_scan(const char *file_name, struct slice file, const struct judge_env *env,
    struct buf *json_out)
{
	struct explain_options o;
	int r;

	explain_options_init(&o);
	o.path = PATH_RELAY;	/* about to leave; signatures are not asked for again */
	r = render(file_name, file, &o, env, json_out);
	if (r != OK)
		(void)dump(json_pack("{so ss ss ss}", "file", text(slice_of(file_name)),
		    "verdict", "error", "level", "none", "error", err_text(r)), json_out);
	return r;
}
