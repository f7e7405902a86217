/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Who sends a message and whose signatures it bears, through judge(): sent again, sealed by an
 * agency, with header fields inside the signature, of every kind under every form of signature; and
 * what is told of signatures that are not the message's.
 */
#include "tests/unit/policy/cmsmake.h"
#include "tests/unit/policy/judging.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "policy/explain.h"

#define AN	"an@tinh.example"
#define BINH	"binh@tinh.example"
#define OFFICE	"vanphong@tinh.example"
#define SUBJECT	"CN=Văn phòng\\, số 1,O=UBND TỈNH,L=Tỉnh,C=VN"
#define TEXT	"Content-Type: text/plain; charset=utf-8\r\n\r\nKinh gui quy co quan\r\n"
#define WHEN	"Resent-Date: Sun, 22 Nov 2026 08:00:00 +0700\r\n"

static struct judge_result result;
static bool judged;

static struct dir_identity an[] = {
	{ .address = SLICE(AN), .kind = DIR_IDENTITY_OWN },
	{ .address = SLICE(OFFICE), .kind = DIR_IDENTITY_AGENCY, .subject = SLICE(SUBJECT) },
};
static struct dir_identity binh[] = { { .address = SLICE(BINH), .kind = DIR_IDENTITY_OWN } };

/* ---- judging ---- */

struct asker {
	struct dir_identity *identities;
	size_t		     n;
	unsigned	     path;
	uint64_t	     unsigned_until_s;
};

static const struct asker by_an = { an, ARRAY_LEN(an), PATH_SUBMIT, 0 };
static const struct asker by_binh = { binh, ARRAY_LEN(binh), PATH_SUBMIT, 0 };
static const struct asker from_outside = { NULL, 0, PATH_RECEIVE, 0 };

static const struct pol_judge_reply *
judge_as(const struct asker *who, struct slice message)
{
	struct pol_rcpt to = { .address = SLICE("c@tinh.example"), .exit_zone = ZONE_LOCAL,
		.clearance = LEVEL_MAT };
	struct pol_judge_request req = { .path = (uint8_t)who->path,
		.arrival_zone = ZONE_INTERNAL, .recipients = &to, .recipients_n = 1,
		.identities = who->identities, .identities_n = who->n,
		.unsigned_until_s = who->unsigned_until_s,
		.mail_from = who->n > 0 ? who->identities[0].address : SLICE("x@y.example") };

	if (judged)
		judge_fini(&result);
	arena_clear(&arena);
	arena_init(&arena, judge_arena_octets(message.n));
	assert_int_equal(judge(message, &req, &env, &arena, &result), OK);
	judged = true;
	return &result.reply;
}

static bool
has_note(enum note what, const char *part)
{
	for (unsigned i = 0; i < result.facts.notes_n; i++)
		if (result.facts.notes[i].what == what &&
		    slice_is(result.facts.notes[i].part, part))
			return true;
	return false;
}

static struct slice
message(const char *fields, struct slice entity)
{
	return pki_text("%sMIME-Version: 1.0\r\n%.*s", fields, (int)entity.n, entity.p);
}

static struct slice
signed_by(const char *name, bool detached, struct slice entity)
{
	struct cms_signer s = { name, 0, NULL, 0 };

	return cms_sign(entity, detached, &s, 1);
}

/* ---- sent again ---- */

/* Officials of an agency behind a route inside sign, too: nobody writes under their names. */
static void
a_route_inside_leads_to_colleagues(void **state)
{
	static const struct {
		const char *domain, *from, *rule;
		unsigned    zone;
	} rows[] = {
		{ "bo.example", "bo-truong@bo.example", "from-not-yours", ZONE_INTERNAL },
		{ ".bo.example", "bo-truong@vp.bo.example", "from-not-yours", ZONE_INTERNAL },
		{ "bo.example", "dan@ngoai.example", "allow", ZONE_INTERNAL },
		{ "bo.example", "dan@bo.example", "allow", ZONE_INTERNET },
		{ "*", "dan@ngoai.example", "allow", ZONE_INTERNAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *domains[] = { rows[i].domain };
		struct conf_route route = { .domains = { domains, 1 }, .zone = rows[i].zone };
		struct conf conf = { .route = &route, .route_n = 1 };
		char fields[256];

		(void)snprintf(fields, sizeof fields, "Resent-From: " BINH "\r\n"
		    WHEN "From: %s\r\n",
		    rows[i].from);
		env.conf = &conf;
		if (!slice_is(judge_as(&by_binh, message(fields, signed_by("binh", true,
		    SLICE(TEXT))))->rule, rows[i].rule))
			fail_msg("%s: not %s", rows[i].from, rows[i].rule);
		env.conf = NULL;
	}
}

static void
who_sends_again_is_the_sender(void **state)
{
	static const struct {
		const char *name, *fields, *signer;
		const struct asker *who;
		const char *rule, *as;
	} rows[] = {
		{ "the author's signature", "Resent-From: " BINH "\r\n" WHEN "From: " AN "\r\n",
		    "an",
		    &by_binh, "allow", AN },
		{ "without its date", "Resent-From: " BINH "\r\nFrom: " AN "\r\n", "an", &by_binh,
		    "from-not-yours", NULL },
		{ "without any block", "From: " AN "\r\n", "an", &by_binh, "from-not-yours", NULL },
		{ "as somebody else", "Resent-From: " AN "\r\n" WHEN "From: " AN "\r\n", "an",
		    &by_binh, "from-not-yours", NULL },
		{ "with a Resent-Sender of somebody else",
		    "Resent-From: " BINH "\r\nResent-Sender: "
		    AN "\r\n" WHEN "From: " AN "\r\n", "an", &by_binh, "sender-not-yours", NULL },
		{ "an older block of somebody else", "Resent-From: " BINH "\r\n" WHEN
		    "Received: x\r\nResent-From: " AN "\r\n" WHEN "From: " AN "\r\n", "an",
		    &by_binh,
		    "sender-not-yours", NULL },
		{ "a colleague's name over one's own signature", "Resent-From: " BINH "\r\n" WHEN
		    "From: chutich@tinh.example\r\n", "binh", &by_binh, "from-not-yours", NULL },
		{ "a colleague's mail, revoked", "Resent-From: " BINH "\r\n" WHEN "From: "
		    AN "\r\n",
		    "revoked", &by_binh, "from-not-yours", NULL },
		{ "a colleague's name in other letters", "Resent-From: " BINH "\r\n" WHEN
		    "From: chutich@TINH.example\r\n", "binh", &by_binh, "from-not-yours", NULL },
		{ "a citizen's mail, signed by who sends it again", "Resent-From: " BINH "\r\n" WHEN
		    "From: dan@ngoai.example\r\n", "binh", &by_binh, "allow", BINH },
		{ "a citizen's mail, signed by a third one", "Resent-From: " BINH "\r\n" WHEN
		    "From: dan@ngoai.example\r\n", "an", &by_binh, "wrong-signer", NULL },
		{ "a citizen's mail, revoked", "Resent-From: " BINH "\r\n" WHEN
		    "From: dan@ngoai.example\r\n", "revoked", &by_binh, "signature-revoked", NULL },
		{ "by the agency's clerk", "Resent-From: " OFFICE "\r\n" WHEN
		    "From: dan@ngoai.example\r\n", "coquan", &by_an, "allow", OFFICE },
		{ "one's own mail", "Resent-From: " AN "\r\n" WHEN "From: " AN "\r\n", "an", &by_an,
		    "allow", AN },
		{ "two From", "Resent-From: " BINH "\r\n" WHEN "From: " AN "\r\nFrom: " AN "\r\n",
		    "an",
		    &by_binh, "from-not-one", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct pol_judge_reply *r = judge_as(rows[i].who, message(rows[i].fields,
		    signed_by(rows[i].signer, true, SLICE(TEXT))));

		if (!slice_is(r->rule, rows[i].rule))
			fail_msg("%s: %.*s, not %s", rows[i].name, (int)r->rule.n, r->rule.p,
			    rows[i].rule);
		if (rows[i].as == NULL)
			continue;
		assert_true(slice_is(r->signer, rows[i].as));
		assert_true(result.facts.resent && has_note(NOTE_RESENT, ""));
		assert_true(slice_find(r->trace, SLICE("smime=pass reason=resent")) > 0);
	}
	/* Unsigned it stays unsigned. */
	assert_true(slice_is(judge_as(&by_binh, message("Resent-From: " BINH "\r\n" WHEN
	    "From: dan@ngoai.example\r\n", SLICE(TEXT)))->rule, "unsigned"));
}

/* Whoever may send unsigned for now, or where signatures are only marked: still not as a
 * colleague. */
static void
unsigned_senders_write_for_no_colleague(void **state)
{
	static const struct { const char *from, *rule; } rows[] = {
		{ AN, "from-not-yours" }, { "dan@ngoai.example", "allow" }, { BINH, "allow" },
	};
	struct asker phone = by_binh;

	(void)state;
	phone.unsigned_until_s = UINT64_MAX;
	for (int mark = 0; mark < 2; mark++) {
		env.rules.mark_only = mark != 0;
		for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
			char fields[200];
			const struct pol_judge_reply *r;

			(void)snprintf(fields, sizeof fields, "Resent-From: " BINH "\r\n" WHEN
			    "From: %s\r\n", rows[i].from);
			r = judge_as(mark ? &by_binh : &phone, message(fields, SLICE(TEXT)));
			if (!slice_is(r->rule, rows[i].rule))
				fail_msg("%s: %.*s", rows[i].from, (int)r->rule.n, r->rule.p);
		}
	}
	env.rules.mark_only = false;
}

/* Everything that is not one plain address in one From field is refused before any signature. */
static void
from_must_be_one_address(void **state)
{
	static const char *const froms[] = {
		"", "From:\r\n", "From: " AN "\r\nFrom: " AN "\r\n", "From: " AN ", " BINH "\r\n",
		"From: Nhom: " AN ";\r\n", "From: <@ngoai.example:" AN ">\r\n", "From: An\r\n",
		"From: \"an\"@tinh.example\r\n", "From: an@tinh.example (binh@tinh.example)\r\n",
		"From: =?UTF-8?Q?an=40tinh.example?=\r\n", "From : " AN "\r\n",
		"From: <" AN "> <" BINH ">\r\n", "From: " AN "\r\nfrom:" BINH "\r\n",
		"From: an@[127.0.0.1]\r\n", "From: " AN "\r\n \r\nFrom: " BINH "\r\n",
	};
	struct slice entity = signed_by("an", true, SLICE(TEXT));

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(froms); i++) {
		const struct pol_judge_reply *r = judge_as(&by_an, message(froms[i], entity));

		if (!slice_is(r->rule, "from-not-one"))
			fail_msg("%s: %.*s", froms[i], (int)r->rule.n, r->rule.p);
	}
}

/* ---- several signatures ---- */

static void
person_and_agency_are_both_named(void **state)
{
	static const char *const froms[] = { "From: " AN "\r\n", "From: " OFFICE "\r\n" };
	struct cms_signer both[] = { { "an", 0, NULL, 0 }, { "coquan", 0, NULL, 0 } };

	(void)state;
	for (size_t f = 0; f < ARRAY_LEN(froms); f++)
		for (unsigned form = 0; form < 4; form++) {
			/* side by side, or the seal around the signed message; detached, opaque */
			bool detached = (form & 1) != 0;
			struct slice entity = (form & 2) != 0 ?
			    cms_sign(SLICE(TEXT), detached, both, 2) :
			    signed_by("coquan", detached, signed_by("an", !detached, SLICE(TEXT)));
			const struct pol_judge_reply *r =
			    judge_as(&by_an, message(froms[f], entity));
			unsigned bound = 0;
			ptrdiff_t at;

			assert_true(slice_is(r->rule, "allow"));
			assert_true(slice_is(result.facts.signer_subject, f == 1 ? SUBJECT :
			    "CN=Nguyễn Văn An,O=UBND,C=VN"));
			assert_int_equal(r->signers_n, 2);
			for (size_t i = 0; i < 2; i++) {
				const struct pol_signer *s = &r->signers[i];
				bool agency = slice_is(s->subject, SUBJECT);

				assert_true(agency ||
				    slice_is(s->subject, "CN=Nguyễn Văn An,O=UBND,C=VN"));
				assert_int_equal(s->reason, SIG_OK);
				assert_int_equal(s->bound, agency == (f == 1));
				bound += s->bound;
				assert_int_equal(s->layer, (form & 2) != 0 || agency ? 0 : 1);
			}
			assert_int_equal(bound, 1);
			assert_true(slice_find(r->trace, SLICE("body.smime-identifier=" AN)) > 0);
			at = slice_find(r->trace, SLICE("smime=pass"));
			assert_true(at > 0 && slice_find(slice_from(r->trace, (size_t)at + 1),
			    SLICE("; smime=pass")) > 0);
			/* the seal has no address of its own */
			assert_true(slice_find(r->trace,
			    f == 1 ? SLICE("body.smime-identifier=" OFFICE) :
			    SLICE("body.smime-issuer=\"CN=CA co quan nha")) > 0);
		}
	/* Either of them bad: the whole is, and still both are told. */
	both[1].faults = CMS_BROKEN;
	assert_true(slice_is(judge_as(&by_an, message(froms[0], cms_sign(SLICE(TEXT), true, both,
	    2)))->rule, "signature-altered"));
	assert_int_equal(result.reply.signers_n, 2);
	assert_true(slice_is(judge_as(&by_an, message(froms[0], signed_by("revoked", true,
	    signed_by("an", true, SLICE(TEXT)))))->rule, "signature-revoked"));
	assert_int_equal(result.reply.signers_n, 2);
	assert_true(slice_is(judge_as(&by_an, message(froms[0], signed_by("an", true,
	    signed_by("revoked", true, SLICE(TEXT)))))->rule, "signature-revoked"));
	/* The seal alone is not the person, nor a colleague's signature around it. */
	assert_true(slice_is(judge_as(&by_an, message(froms[0], signed_by("coquan", true,
	    SLICE(TEXT))))->rule, "wrong-signer"));
	assert_true(slice_is(judge_as(&by_an, message(froms[0], signed_by("binh", true,
	    SLICE(TEXT))))->rule, "wrong-signer"));
}

/* ---- header fields inside ---- */

#define INSIDE	"From: " AN "\r\nTo: c@tinh.example\r\nSubject: Cong van\r\n"

static void
fields_inside_the_signature_count(void **state)
{
	static const struct {
		const char *name, *outer, *entity, *rule;
		bool agrees;
		const char *field;
	} rows[] = {
		{ "the same", INSIDE, "Content-Type: text/plain; hp=clear\r\n" INSIDE "\r\nx\r\n",
		    "allow",
		    true, "" },
		{ "wrapped, the same", INSIDE, "Content-Type: message/rfc822\r\n\r\n"
		    INSIDE "\r\nx\r\n",
		    "allow", true, "" },
		{ "unprotected", INSIDE, TEXT, "allow", false, "" },
		{ "From", INSIDE, "Content-Type: text/plain; hp=clear\r\nFrom: " BINH
		    "\r\nTo: c@tinh.example\r\nSubject: Cong van\r\n\r\nx\r\n", "header-mismatch",
		    false,
		    "From" },
		{ "From, wrapped", INSIDE, "Content-Type: message/rfc822\r\n\r\nFrom: " BINH
		    "\r\nTo: c@tinh.example\r\nSubject: Cong van\r\n\r\nx\r\n", "header-mismatch",
		    false,
		    "From" },
		{ "Subject", "From: " AN "\r\nTo: c@tinh.example\r\nSubject: Chuyen tien\r\n",
		    "Content-Type: text/plain; hp=clear\r\n" INSIDE "\r\nx\r\n", "header-mismatch",
		    false, "Subject" },
		{ "Subject, wrapped",
		    "From: " AN "\r\nTo: c@tinh.example\r\nSubject: Chuyen tien\r\n",
		    "Content-Type: message/rfc822\r\n\r\n" INSIDE "\r\nx\r\n", "header-mismatch",
		    false,
		    "Subject" },
		{ "To", "From: " AN "\r\nTo: d@tinh.example\r\nSubject: Cong van\r\n",
		    "Content-Type: text/plain; hp=clear\r\n" INSIDE "\r\nx\r\n", "header-mismatch",
		    false, "To" },
		{ "Reply-To put on", INSIDE "Reply-To: x@ngoai.example\r\n",
		    "Content-Type: text/plain; hp=clear\r\n" INSIDE "\r\nx\r\n", "header-mismatch",
		    false, "Reply-To" },
		{ "forwarded, not wrapped", INSIDE,
		    "Content-Type: message/rfc822; forwarded=yes\r\n\r\n"
		    "From: x@ngoai.example\r\nSubject: khac\r\n\r\nx\r\n", "allow", false, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (unsigned form = 0; form < 3; form++) {
			struct slice entity = signed_by("an", form == 1, slice_of(rows[i].entity));
			const struct pol_judge_reply *r;

			if (form == 2)
				entity = signed_by("coquan", true, entity);
			r = judge_as(&by_an, message(rows[i].outer, entity));
			if (!slice_is(r->rule, rows[i].rule))
				fail_msg("%s: %.*s, not %s", rows[i].name, (int)r->rule.n,
				    r->rule.p,
				    rows[i].rule);
			assert_int_equal(has_note(NOTE_PROTECTED_HEADER, ""), rows[i].agrees);
			if (strcmp(rows[i].rule, "header-mismatch") == 0)
				assert_true(has_note(NOTE_HEADER_MISMATCH, rows[i].field));
		}
	/* A signature that is bad for itself keeps its reason. */
	assert_true(slice_is(judge_as(&by_an, message(INSIDE, signed_by("revoked", true, SLICE(
	    "Content-Type: text/plain; hp=clear\r\nSubject: khac\r\n\r\nx\r\n"))))->rule,
	    "signature-revoked"));
	/* From outside it is told, not refused. */
	assert_true(slice_is(judge_as(&from_outside, message("From: " AN "\r\nSubject: a\r\n",
	    signed_by("an", true, SLICE("Content-Type: text/plain; hp=clear\r\nFrom: " AN
	    "\r\nSubject: b\r\n\r\nx\r\n"))))->rule, "allow"));
	assert_true(slice_find(result.reply.trace, SLICE("smime=fail reason=header-mismatch")) > 0);
}

static void
marks_among_protected_fields_are_found(void **state)
{
	static const char *const entities[] = {
		"Content-Type: text/plain; hp=cipher\r\nFrom: " AN "\r\nSubject: [MẬT] Ke hoach\r\n"
		"HP-Outer: Subject: [...]\r\n\r\nx\r\n",
		"Content-Type: text/plain; hp=cipher\r\nFrom: " AN "\r\nSubject: [...]\r\n"
		"HP-Outer: Subject: [MẬT] Ke hoach\r\n\r\nx\r\n",
		"Content-Type: message/rfc822\r\n\r\nFrom: "
		    AN "\r\nSubject: [...]\r\nX-Do-Mat: Mat\r\n"
		"\r\nx\r\n",
		"Content-Type: message/rfc822\r\n\r\nFrom: "
		    AN "\r\nSubject: =?UTF-8?Q?[M=E1=BA=ACT]?= x"
		"\r\n\r\nx\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(entities); i++)
		for (int detached = 0; detached < 2; detached++) {
			struct slice m = message("From: " AN "\r\nSubject: [...]\r\n",
			    signed_by("an",
			    detached != 0, slice_of(entities[i])));

			if (judge_as(&by_an, m)->level != LEVEL_MAT)
				fail_msg("%zu", i);
		}
}

/* ---- kinds under signatures ---- */

#define RECEIPT	"Content-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n" \
		"\r\n--b\r\n\r\nda xem\r\n--b\r\nContent-Type: message/disposition-notification\r\n\r\n" \
		"Final-Recipient: rfc822; " AN "\r\nDisposition: manual-action/MDN-sent-manually; " \
		"displayed\r\n\r\n--b--\r\n"
#define REPLY	"Content-Type: text/calendar; method=REPLY\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:REPLY\r\n" \
		"BEGIN:VEVENT\r\nATTENDEE;PARTSTAT=ACCEPTED:mailto:" AN "\r\nEND:VEVENT\r\n" \
		"END:VCALENDAR\r\n"

static struct slice
encrypted(struct slice entity)
{
	struct slice b64;

	pki_write("plain", entity);
	pki_run("openssl cms -encrypt -aes256 -binary -in plain -outform DER -out enc.der an.pem && "
	    "openssl base64 -in enc.der | sed 's/$/\\r/' > enc.b64");
	b64 = pki_read("enc.b64");
	return pki_text("Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\n%.*s", (int)b64.n, b64.p);
}

static void
kind_is_that_of_what_is_signed(void **state)
{
	const struct { const char *name; struct slice entity; unsigned kind; } rows[] = {
		{ "mail", SLICE(TEXT), KIND_MAIL },
		{ "receipt", SLICE(RECEIPT), KIND_MDN },
		{ "calendar reply", SLICE(REPLY), KIND_CALENDAR_REPLY },
		{ "encrypted, then signed", encrypted(SLICE(TEXT)), KIND_ENCRYPTED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (unsigned form = 0; form < 4; form++) {
			struct slice entity = rows[i].entity;

			if (form > 0)
				entity = signed_by("an", form != 2, entity);
			if (form > 2)
				entity = signed_by("coquan", false, entity);
			judge_as(&by_an, message("From: " AN "\r\n", entity));
			if (result.reply.kind != rows[i].kind)
				fail_msg("%s: %s", rows[i].name, kind_name(result.reply.kind));
			assert_int_equal(result.reply.sig, form == 0 ? SIG_NONE : SIG_VALID);
		}
	/* Signed, then encrypted: nobody here can see the signature. */
	judge_as(&by_an, message("From: " AN "\r\n", encrypted(signed_by("an", true,
	    SLICE(TEXT)))));
	assert_int_equal(result.reply.kind, KIND_ENCRYPTED);
	assert_int_equal(result.reply.sig, SIG_NONE);
	/* A receipt that is part of a signature's wrapper and not of its content is none. */
	judge_as(&by_an, message("From: " AN "\r\nAuto-Submitted: auto-replied\r\n", signed_by("an",
	    false, SLICE(TEXT))));
	assert_int_equal(result.reply.kind, KIND_AUTO_REPLY);
}

/* ---- what is not the message's signature ---- */

/* A zip with the entry of a signed office file. */
#define ZIP_ENTRY "UEsDBBQAAAAAAAAAAAAAAAAAAAAAAAAAAAAbAAAAX3htbHNpZ25hdHVyZXMvb3JpZ2luLnNpZ3N4"

static void
other_signatures_are_noted(void **state)
{
	struct slice inner = signed_by("revoked", true, SLICE(TEXT));
	struct cms_signer s = { "an", 0, NULL, 0 };
	struct slice p7m = cms_opaque(cms_make(SLICE("tep"), false, &s, 1, ""));
	const struct { enum note note; const char *part; struct slice m; } rows[] = {
		{ NOTE_SIGNED_PART, "2",
		    pki_text("Content-Type: multipart/mixed; boundary=x\r\n\r\n"
		    "--x\r\n\r\nloi\r\n--x\r\n%.*s\r\n--x--\r\n", (int)inner.n, inner.p) },
		{ NOTE_SIGNED_PART, "1.2",
		    pki_text("Content-Type: multipart/mixed; boundary=x\r\n\r\n"
		    "--x\r\nContent-Type: multipart/alternative; boundary=y\r\n\r\n--y\r\n\r\nloi\r\n--y\r\n"
		    "%.*s\r\n--y--\r\n--x--\r\n", (int)inner.n, inner.p) },
		{ NOTE_SIGNED_MESSAGE, "2",
		    pki_text("Content-Type: multipart/mixed; boundary=x\r\n\r\n"
		    "--x\r\n\r\nloi\r\n--x\r\nContent-Type: message/rfc822\r\n\r\nFrom: x@y\r\n%.*s\r\n"
		    "--x--\r\n", (int)inner.n, inner.p) },
		{ NOTE_FILE_SIGNATURE, "2",
		    pki_text("Content-Type: multipart/mixed; boundary=x\r\n\r\n"
		    "--x\r\n\r\nloi\r\n--x\r\n%.*s\r\n--x--\r\n", (int)p7m.n, p7m.p) },
		{ NOTE_PDF_SIGNATURE, "1", SLICE("Content-Type: application/pdf\r\n\r\n%PDF-1.4\n"
		    "5 0 obj<</Type/Sig/SubFilter/ETSI.CAdES.detached/ByteRange[0 1 2 3]>>\n%%EOF\n") },
		{ NOTE_XML_SIGNATURE, "1",
		    SLICE("Content-Type: text/xml\r\n\r\n<?xml version=\"1.0\"?>"
		    "<a><Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><SignatureValue>AA=="
		    "</SignatureValue></Signature></a>\r\n") },
		{ NOTE_OFFICE_SIGNATURE, "1", SLICE("Content-Type: application/vnd.openxmlformats-"
		    "officedocument.wordprocessingml.document\r\nContent-Transfer-Encoding: base64\r\n\r\n"
		    ZIP_ENTRY "\r\n") },
		{ NOTE_COUNT, "", SLICE(TEXT) },
		{ NOTE_COUNT, "", SLICE("Content-Type: application/pdf\r\n\r\n%PDF-1.4\n%%EOF\n") },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (unsigned form = 0; form < 2; form++) {
			struct slice entity = form == 0 ? rows[i].m :
			    signed_by("an", true, rows[i].m);
			char part[16];

			/* Signed as a whole, each part is one lower. */
			(void)snprintf(part, sizeof part, "%s%s", form == 0 ? "" :
			    strcmp(rows[i].part, "1") == 0 ? "" : "1.", rows[i].part);
			judge_as(&by_an, message("From: " AN "\r\n", entity));
			assert_int_equal(result.reply.sig, form == 0 ? SIG_NONE : SIG_VALID);
			if (rows[i].note != NOTE_COUNT && !has_note(rows[i].note, part))
				fail_msg("%zu: no %s at %s but %.*s", i, note_name(rows[i].note),
				    part,
				    (int)result.facts.notes[0].part.n,
				    result.facts.notes[0].part.p);
			assert_int_equal(result.facts.notes_n, rows[i].note != NOTE_COUNT);
		}
}

static void
names_like_addresses_are_noted(void **state)
{
	static const struct { const char *from; bool noted; } rows[] = {
		{ AN, false },
		{ "Nguyen An <" AN ">", false },
		{ "\"" AN "\" <" AN ">", false },
		{ "\"AN@TINH.example\" <" AN ">", false },
		{ "\"chutich@tinh.example\" <" AN ">", true },
		{ "=?UTF-8?Q?chutich=40tinh.example?= <" AN ">", true },
		{ "\"Chu tich (chutich@tinh.example)\" <" AN ">", true },
		{ "\"lien he: a@b\" <" AN ">", true },
		{ "\"gia 5@kg\" <" AN ">", true },
		{ "\"@tinh\" <" AN ">", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char fields[200];

		(void)snprintf(fields, sizeof fields, "From: %s\r\n", rows[i].from);
		judge_as(&by_an, message(fields, signed_by("an", true, SLICE(TEXT))));
		assert_true(slice_is(result.reply.rule, "allow"));	/* the name never counts */
		assert_true(slice_is(result.reply.signer, AN));
		if (has_note(NOTE_DISPLAY_ADDRESS, "") != rows[i].noted)
			fail_msg("%s", rows[i].from);
	}
}

/* ---- explain ---- */

static const char *
word(const json_t *o, const char *name)
{
	return json_string_value(json_object_get(o, name));
}

/* To be released by json_decref(). */
static json_t *
explained(struct slice m)
{
	struct explain_options o;
	struct buf out;
	json_t *j;

	explain_options_init(&o);
	buf_init(&out, 1 << 20);
	assert_int_equal(explain_message(m, &o, &env, &out), OK);
	j = json_loadb(out.p, out.n, 0, NULL);
	buf_fini(&out);
	return j;
}

static void
explanation_names_all_signers(void **state)
{
	struct cms_signer both[] = { { "an", CMS_NO_TIME, NULL, 0 },
	    { "revoked", 0, NULL, 1767225600 } };
	struct slice m = message("From: " AN "\r\n", cms_sign(SLICE(TEXT), true, both, 2));
	const json_t *signers, *notes;
	unsigned good = 0, revoked = 0;
	json_t *j;

	(void)state;
	j = explained(m);
	signers = json_object_get(j, "signers");
	notes = json_object_get(j, "notes");
	assert_string_equal(word(j, "signature_reason"), "revoked");
	assert_int_equal(json_array_size(signers), 2);
	for (size_t i = 0; i < 2; i++) {
		const json_t *s = json_array_get(signers, i);

		good += strcmp(word(s, "signature"), "valid") == 0 &&
		    strcmp(word(s, "subject"), "CN=Nguyễn Văn An,O=UBND,C=VN") == 0 &&
		    *word(s, "signing_time") == '\0' && json_is_true(json_object_get(s, "bound"));
		revoked += strcmp(word(s, "reason"), "revoked") == 0 &&
		    strcmp(word(s, "signing_time"), "2026-01-01T00:00:00Z") == 0 &&
		    strcmp(word(s, "issuer"), "CN=CA co quan nha nuoc,O=Co yeu thu,C=VN") == 0 &&
		    strcmp(word(s, "not_before"), "2025-01-01T00:00:00Z") == 0 &&
		    strlen(word(s, "sha256")) == 64;
	}
	assert_int_equal(good, 1);
	assert_int_equal(revoked, 1);
	assert_int_equal(json_array_size(notes), 1);
	assert_string_equal(word(json_array_get(notes, 0), "note"), "no-signing-time");
	assert_true(strlen(word(json_array_get(notes, 0), "vi")) > 0);
	json_decref(j);
}

/* Without an account named, who sends again is who would submit it. */
static void
explanation_of_resent_mail(void **state)
{
	struct slice m = message("Resent-From: " BINH "\r\n" WHEN "From: " AN "\r\n",
	    signed_by("an",
	    true, SLICE(TEXT)));
	json_t *j;

	(void)state;
	j = explained(m);
	assert_string_equal(word(j, "rule"), "allow");
	assert_true(json_is_true(json_object_get(j, "resent")));
	assert_string_equal(word(json_array_get(json_object_get(j, "notes"), 0), "note"), "resent");
	json_decref(j);
}

static int
teardown(void **state)
{
	if (judged)
		judge_fini(&result);
	return judging_teardown(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_sends_again_is_the_sender),
		cmocka_unit_test(a_route_inside_leads_to_colleagues),
		cmocka_unit_test(unsigned_senders_write_for_no_colleague),
		cmocka_unit_test(from_must_be_one_address),
		cmocka_unit_test(person_and_agency_are_both_named),
		cmocka_unit_test(fields_inside_the_signature_count),
		cmocka_unit_test(marks_among_protected_fields_are_found),
		cmocka_unit_test(kind_is_that_of_what_is_signed),
		cmocka_unit_test(other_signatures_are_noted),
		cmocka_unit_test(names_like_addresses_are_noted),
		cmocka_unit_test(explanation_names_all_signers),
		cmocka_unit_test(explanation_of_resent_mail),
	};

	return cmocka_run_group_tests(tests, judging_setup, teardown);
}
