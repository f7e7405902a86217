/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * tests/unit/policy/releasing.h: messages that the gate refuses, and statements of officers for
 * them, through judge(). One test program includes it.
 */
#ifndef TESTS_RELEASING_H
#define TESTS_RELEASING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/clock.h"
#include "policy/judge.h"
#include "policy/release.h"
#include "tests/unit/policy/mint.h"
#include "tests/unit/policy/written.h"

#define SENDER	"duc@tinh.example"
#define FIELDS(id) "From: <" SENDER ">\r\nTo: <x@ngoai.example>\r\nSubject: ho so\r\n" \
		"Message-ID: <" id ">\r\n"
#define MIXED(b) "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=" b "\r\n\r\n"
#define TEXT	"Content-Type: text/plain; charset=utf-8\r\n\r\nKinh gui quy co quan.\r\nTran trong."
#define X	"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n" \
		"AQIDBAUGBwgBAgMEBQYHCAECAwQFBgcI"
#define X_AGAIN	"Content-Type: application/octet-stream; name=x\r\nContent-Transfer-Encoding: " \
		"base64\r\n\r\nAQIDBAUG\r\nBwgBAgMEBQYHCAEC\r\nAwQFBgcI"
#define Y	"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n" \
		"Dg8QERITFBUODxAREhMUFQ4PEBESExQV"
#define Z	"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n" \
		"EBESExQVFhcQERITFBUWFxAREhMUFRYX"
#define MARK	"Content-Type: text/plain; charset=utf-8\r\n\r\nĐộ mật: Mật\r\n\r\nKinh gui."
#define MARK_QP	"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: " \
		"quoted-printable\r\n\r\n=C4=90=E1=BB=99 m=E1=BA=ADt: M=E1=BA=ADt\r\n\r\nKinh=\r\n gui."
#define PART(b, p) "--" b "\r\n" p "\r\n"
#define END(b)	"--" b "--\r\n"

static const char opaque[] = FIELDS("1@a") MIXED("aa") PART("aa", TEXT) PART("aa", X)
    PART("aa", Y) END("aa");
static const char opaque_again[] = FIELDS("2@b") "Date: Sun, 22 Nov 2026 10:00:00 +0700\r\n"
    MIXED("bb") PART("bb", TEXT) PART("bb", X_AGAIN) PART("bb", Y) END("bb");
static const char opaque_other[] = FIELDS("6@b") MIXED("bb") PART("bb", TEXT) PART("bb", X)
    PART("bb", Z) END("bb");
static const char marked[] = FIELDS("9@a") MARK "\r\n";
static const char marked_again[] = FIELDS("10@a") MARK_QP "\r\n";
static const char marked_more[] = FIELDS("11@b") MIXED("bb") PART("bb", MARK)
    PART("bb", "Content-Type: text/plain; charset=utf-8\r\n\r\nĐộ mật: Tối mật\r\n") END("bb");

static struct judge_env env;
static struct arena arena;
static struct mint_person *an_renewed, *an, *binh, *stranger, *faker;
static struct dir_identity own = { .address = SLICE(SENDER) };
static uint64_t late_ms;

/* One try: what is released, how it is spoiled, what is sent then. */
struct trial {
	struct release_statement s[2];
	struct mint_person	*signer[2];
	struct pol_officer	 officer[2];
	struct pol_release	 release;
	struct pol_statement	 signed_[2];
	struct pol_rcpt		 to[2];
	struct pol_judge_request req;
};

static struct dir_identity ids[] = {
	{ .address = SLICE("an@tinh.example") }, { .address = SLICE("binh@tinh.example") },
	{ .address = SLICE("khoa@tinh.example") },
	{ .address = SLICE("an@tinh.example"), .kind = DIR_IDENTITY_SEND_AS },
};

static inline int
judge_it(const char *message, const struct pol_judge_request *req, struct judge_result *out)
{
	struct slice m = slice_of(message);

	if (late_ms != 0)
		env.classify.deadline_ms = 0;
	return judge(m, req, &env, &arena, out);
}

static inline struct pol_officer
officer(struct slice guid, struct dir_identity *id)
{
	return (struct pol_officer){ .guid = guid, .status = DIR_ACTIVE,
		.roles = DIR_ROLE_SECURITY_OFFICER, .identities = id, .identities_n = 1 };
}

/* What is right: a statement of what the gate found, by two officers. */
static inline void
prepare(struct trial *t, const char *message, unsigned lift)
{
	static struct slice to[] = { SLICE("x@ngoai.example"), SLICE("y@ngoai.example") };
	struct judge_result r;

	memset(t, 0, sizeof *t);
	t->to[0] = (struct pol_rcpt){ to[0], ZONE_INTERNET, LEVEL_THUONG };
	t->to[1] = (struct pol_rcpt){ to[1], ZONE_INTERNET, LEVEL_THUONG };
	t->req = (struct pol_judge_request){ .path = PATH_SUBMIT, .recipients = t->to,
		.recipients_n = 2, .identities = &own, .identities_n = 1,
		.mail_from = own.address };
	assert_int_equal(judge_it(message, &t->req, &r), OK);
	assert_int_equal(r.reply.verdict, VERDICT_REJECT);
	assert_true(r.reply.liftable);
	t->s[0] = (struct release_statement){ .id = "0123456789abcde", .sender = own.address,
		.recipients = to, .recipients_n = 2, .lift = lift,
		.issued_s = env.smime.now_s - 100, .expires_s = env.smime.now_s + 3600,
		.reference = SLICE("a1b2"), .reason = SLICE("Đã xem: bản vẽ kỹ thuật") };
	assert_int_equal(release_parts(&r.facts, &arena, &t->s[0].parts, &t->s[0].parts_n), OK);
	assert_int_equal(release_content(slice_of(message), &arena, t->s[0].content), OK);
	judge_fini(&r);
	t->signer[0] = an;
	t->signer[1] = binh;
	t->officer[0] = officer(SLICE("guid-of-officer1"), &ids[0]);
	t->officer[1] = officer(SLICE("guid-of-officer2"), &ids[1]);
}

static inline void
sign_all(struct trial *t)
{
	if (t->s[1].recipients_n == 0)	/* unless it differs */
		t->s[1] = t->s[0];
	for (size_t i = 0; i < 2; i++)
		t->signed_[i].octets = mint_sign(t->signer[i], written(&t->s[i], &arena));
	if (t->release.id.n == 0)
		t->release.id = (struct slice){ (const char *)t->s[0].id, RELEASE_ID_OCTETS };
	t->release.statements = t->signed_;
	t->release.statements_n = 2;
	t->release.officers = t->officer;
	t->release.officers_n = 2;
	t->req.releases = &t->release;
	t->req.releases_n = 1;
}

/* unfit: why not; NULL: it passes. */
static inline void
expect(const char *name, struct trial *t, const char *message, const char *unfit)
{
	struct judge_result r;

	assert_int_equal(judge_it(message, &t->req, &r), OK);
	if (unfit == NULL && (r.reply.verdict != VERDICT_ALLOW || r.reply.release.n != 16))
		fail_msg("%s: refused by %.*s (%.*s)", name, (int)r.reply.rule.n, r.reply.rule.p,
		    (int)r.reply.unfit.n, r.reply.unfit.p);
	if (unfit != NULL && (r.reply.verdict != VERDICT_REJECT || r.reply.release.n != 0 ||
	    !slice_is(r.reply.unfit, unfit)))
		fail_msg("%s: verdict %u, unfit \"%.*s\", not \"%s\"", name, r.reply.verdict,
		    (int)r.reply.unfit.n, r.reply.unfit.p, unfit);
	judge_fini(&r);
}

/* ---- ways to spoil it ---- */

static inline void
as_is(struct trial *t)
{
	(void)t;
}

static inline void
no_officer(struct trial *t)
{
	t->officer[1].roles = 0;
}

static inline int
setup(void **state)
{
	(void)state;
	if (smime_init() != OK || rules_init_profile(&env.rules, PROFILE_DEDICATED) != OK)
		return -1;
	mint_start();
	an = mint_person("an@tinh.example", false);
	an_renewed = mint_person("an@tinh.example", false);
	binh = mint_person("binh@tinh.example", false);
	stranger = mint_person("khoa@tinh.example", false);
	faker = mint_person("binh@tinh.example", true);
	env.rules.mark_only = true;	/* that messages are signed is not of interest here */
	env.authserv_id = SLICE("mx.tinh.example");
	env.trust = mint_trust();
	env.smime = (struct smime_options){ .now_s = clock_real_s(), .revocation_grace_s = 259200 };
	classify_options_init(&env.classify);
	env.classify.open_signed = smime_open_signed;
	arena_init(&arena, (size_t)1 << 30);
	return 0;
}

static inline int
teardown(void **state)
{
	(void)state;
	arena_clear(&arena);
	smime_trust_free(&env.trust);
	rules_fini(&env.rules);
	mint_stop();
	return 0;
}

#endif
