/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Signers as no tool makes them: several on one message, each with a fault of its own; named by key
 * identifier; every attribute missing, doubled or false; signatures inside signatures.
 */
#include "tests/unit/policy/cmsmake.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"

#define HOUR	3600
#define DAY	(24 * HOUR)
#define TEXT	"Content-Type: text/plain; charset=utf-8\r\n\r\nKinh gui quy co quan\r\n"
#define BEGIN_2025 1735689600	/* when all certificates of the PKI begin */

static struct smime_trust *trust;
static struct arena scratch;

static struct slice
message(struct slice entity)
{
	return pki_text("From: an@tinh.example\r\nMIME-Version: 1.0\r\n%.*s", (int)entity.n,
	    entity.p);
}

static struct smime_result
verify(struct slice whole)
{
	struct smime_options o = { .now_s = clock_real_s(), .revocation_grace_s = 72 * HOUR,
		.purpose = SMIME_EMAIL_OR_ABSENT };
	struct smime_result r;
	struct tree t;

	arena_clear(&scratch);
	arena_init(&scratch, 256 << 20);
	assert_int_equal(tree_parse(whole, &scratch, &t), OK);
	assert_int_equal(smime_verify(&t, trust, &o, &scratch, &r), OK);
	return r;
}

static void
expect(const char *name, const struct smime_result *r, unsigned sig, unsigned reason)
{
	if (r->sig != sig || r->reason != reason)
		fail_msg("%s: %s %s, not %s %s", name, sig_name(r->sig), sig_reason_name(r->reason),
		    sig_name(sig), sig_reason_name(reason));
}

static void
expect_signer(const char *name, const struct smime_result *r, unsigned i, unsigned reason)
{
	assert_true(i < r->signers_n);
	if (r->signers[i].reason != reason)
		fail_msg("%s: signer %u is %s, not %s", name, i,
		    sig_reason_name(r->signers[i].reason), sig_reason_name(reason));
}

/* ---- one signer ---- */

static const struct {
	const char *name;
	struct cms_signer signer;
	const char *extra;
	unsigned reason;
} ones[] = {
	{ "plain", { "an", 0, NULL, 0 }, "", SIG_OK },
	{ "RSA SHA-384", { "an", 0, "sha384", 0 }, "", SIG_OK },
	{ "P-256 SHA-512", { "binh", 0, "sha512", 0 }, "", SIG_OK },
	{ "P-384", { "p384", 0, "sha384", 0 }, "", SIG_OK },
	{ "P-521", { "p521", 0, "sha512", 0 }, "", SIG_OK },
	{ "PSS", { "an", CMS_PSS, NULL, 0 }, "", SIG_OK },
	{ "PSS SHA-512", { "an", CMS_PSS, "sha512", 0 }, "", SIG_OK },
	{ "PSS key", { "psskey", CMS_PSS, NULL, 0 }, "", SIG_OK },
	{ "PSS with SHA-1", { "an", CMS_PSS, "sha1", 0 }, "", SIG_WEAK },
	{ "PSS with a SHA-1 mask", { "an", CMS_PSS_SHA1_MASK, NULL, 0 }, "", SIG_WEAK },
	{ "Ed25519", { "twin", CMS_NO_CERT | CMS_ED25519, "sha512", 0 }, "ed", SIG_UNSUPPORTED },
	{ "SHA-224", { "an", 0, "sha224", 0 }, "", SIG_WEAK },
	/* RFC 5652 5.3: how the certificate is named */
	{ "issuer and serial, others before it", { "an", 0, NULL, 0 }, "binh chi twin", SIG_OK },
	{ "key identifier", { "ski", CMS_BY_KEYID, NULL, 0 }, "", SIG_OK },
	{ "key identifier, others before it", { "ski", CMS_BY_KEYID, NULL, 0 }, "binh an", SIG_OK },
	{ "key identifier of an expired one, too", { "ski", CMS_BY_KEYID, NULL, 0 }, "skiold",
	    SIG_OK },
	{ "key identifier of three", { "ski", CMS_BY_KEYID, NULL, 0 }, "skiold skinew", SIG_OK },
	{ "key identifier, expired and renewed", { "ski", CMS_BY_KEYID | CMS_NO_CERT, NULL, 0 },
	    "skiold skinew", SIG_OK },
	{ "key identifier, the renewed one alone", { "ski", CMS_BY_KEYID | CMS_NO_CERT, NULL, 0 },
	    "skinew", SIG_OK },
	{ "key identifier, the expired one alone", { "ski", CMS_BY_KEYID | CMS_NO_CERT, NULL, 0 },
	    "skiold", SIG_EXPIRED },
	{ "key identifier, no certificate", { "ski", CMS_BY_KEYID | CMS_NO_CERT, NULL, 0 }, "an",
	    SIG_UNTRUSTED },
	{ "serial, the same key elsewhere", { "ski", CMS_NO_CERT, NULL, 0 }, "skinew",
	    SIG_UNTRUSTED },
	/* RFC 5035: the certificate named in the signed attributes */
	{ "signing certificate", { "an", CMS_ESS_V2, NULL, 0 }, "", SIG_OK },
	{ "signing certificate, version 1", { "an", CMS_ESS_V1, NULL, 0 }, "", SIG_OK },
	{ "both versions", { "an", CMS_ESS_V1 | CMS_ESS_V2, NULL, 0 }, "", SIG_OK },
	{ "signing certificate, SHA-512", { "an", CMS_ESS_512, NULL, 0 }, "", SIG_OK },
	{ "another signing certificate", { "an", CMS_ESS_V2_OTHER, NULL, 0 }, "", SIG_MALFORMED },
	{ "another one in version 1", { "an", CMS_ESS_V1_OTHER | CMS_ESS_V2, NULL, 0 }, "",
	    SIG_MALFORMED },
	{ "broken signing certificate", { "an", CMS_ESS_BROKEN, NULL, 0 }, "", SIG_MALFORMED },
	{ "signed as another with the same key",
	    { "ski", CMS_BY_KEYID | CMS_NO_CERT | CMS_ESS_V2, NULL, 0 }, "skinew", SIG_MALFORMED },
	/* RFC 5652 5.3, 11: signed attributes */
	{ "no signing time", { "an", CMS_NO_TIME, NULL, 0 }, "", SIG_OK },
	{ "two signing times", { "an", CMS_TWO_TIMES, NULL, 0 }, "", SIG_MALFORMED },
	{ "digest of something else", { "an", CMS_OTHER_DIGEST, NULL, 0 }, "", SIG_ALTERED },
	{ "two digests", { "an", CMS_TWO_DIGESTS, NULL, 0 }, "", SIG_MALFORMED },
	{ "another content type", { "an", CMS_OTHER_TYPE, NULL, 0 }, "", SIG_MALFORMED },
	{ "no content type", { "an", CMS_NO_TYPE, NULL, 0 }, "", SIG_MALFORMED },
	{ "broken", { "an", CMS_BROKEN, NULL, 0 }, "", SIG_ALTERED },
	{ "broken, P-256", { "binh", CMS_BROKEN, NULL, 0 }, "", SIG_ALTERED },
};

static void
each_fault_has_its_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ones); i++)
		for (int detached = 0; detached < 2; detached++) {
			struct slice der = cms_make(SLICE(TEXT), detached != 0, &ones[i].signer, 1,
			    ones[i].extra);
			struct smime_result r = verify(message(detached != 0 ?
			    cms_multipart(SLICE(TEXT), der) : cms_opaque(der)));

			expect(ones[i].name, &r, ones[i].reason == SIG_OK ? SIG_VALID : SIG_BAD,
			    ones[i].reason);
			assert_int_equal(r.signers_n, 1);
		}
}

/* ---- when it was signed ---- */

static void
signing_time_must_be_possible(void **state)
{
	const int64_t now_s = clock_real_s();
	const struct { const char *name; int64_t signed_s; unsigned reason; bool clock; } rows[] = {
		{ "now", now_s, SIG_OK, false },
		{ "a month ago", now_s - 30 * DAY, SIG_OK, false },
		{ "seven hours ahead", now_s + 7 * HOUR, SIG_OK, true },
		{ "eight hours ahead", now_s + 8 * HOUR, SIG_EXPIRED, true },
		{ "years ahead", now_s + 3000 * DAY, SIG_EXPIRED, true },
		{ "as the certificate begins", BEGIN_2025, SIG_OK, false },
		{ "a little before it, by another clock", BEGIN_2025 - 200, SIG_OK, false },
		{ "an hour before the certificate", BEGIN_2025 - HOUR, SIG_EXPIRED, false },
		{ "a dead clock's time", 946684800, SIG_EXPIRED, false },
		{ "after 2050", 2556143999, SIG_EXPIRED, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cms_signer an = { "an", 0, NULL, rows[i].signed_s };
		struct smime_result r = verify(message(cms_sign(SLICE(TEXT), true, &an, 1)));

		expect(rows[i].name, &r, rows[i].reason == SIG_OK ? SIG_VALID : SIG_BAD,
		    rows[i].reason);
		assert_int_equal(r.signers[0].signed_s, rows[i].signed_s);
		assert_int_equal(r.clock, rows[i].clock);
	}
}

/* ---- several signers ---- */

static const struct {
	const char *name;
	struct cms_signer signers[3];
	unsigned reasons[3];	/* of each */
	size_t n;
	unsigned reason;	/* of the whole */
} many[] = {
	{ "person and agency", { { "an", 0, NULL, 0 }, { "coquan", 0, NULL, 0 } },
	    { SIG_OK, SIG_OK }, 2, SIG_OK },
	{ "three, different digests", { { "an", 0, "sha512", 0 }, { "binh", 0, NULL, 0 },
	    { "ski", CMS_BY_KEYID, "sha384", 0 } }, { SIG_OK, SIG_OK, SIG_OK }, 3, SIG_OK },
	{ "the second is altered", { { "an", 0, NULL, 0 }, { "binh", CMS_BROKEN, NULL, 0 } },
	    { SIG_OK, SIG_ALTERED }, 2, SIG_ALTERED },
	{ "the first is altered", { { "an", CMS_OTHER_DIGEST, NULL, 0 }, { "binh", 0, NULL, 0 } },
	    { SIG_ALTERED, SIG_OK }, 2, SIG_ALTERED },
	{ "one is revoked", { { "an", 0, NULL, 0 }, { "revoked", 0, NULL, 0 } },
	    { SIG_OK, SIG_REVOKED }, 2, SIG_REVOKED },
	{ "one is expired", { { "expired", 0, NULL, 0 }, { "an", 0, NULL, 0 } },
	    { SIG_EXPIRED, SIG_OK }, 2, SIG_EXPIRED },
	{ "one is foreign", { { "an", 0, NULL, 0 }, { "la", 0, NULL, 0 } },
	    { SIG_OK, SIG_UNTRUSTED }, 2, SIG_UNTRUSTED },
	{ "one is weak", { { "rsa1024", 0, NULL, 0 }, { "an", 0, NULL, 0 } },
	    { SIG_WEAK, SIG_OK }, 2, SIG_WEAK },
	{ "one is of an unsupported curve", { { "an", 0, NULL, 0 }, { "k1", 0, NULL, 0 } },
	    { SIG_OK, SIG_UNSUPPORTED }, 2, SIG_UNSUPPORTED },
	{ "one has no certificate", { { "an", 0, NULL, 0 }, { "binh", CMS_NO_CERT, NULL, 0 } },
	    { SIG_OK, SIG_UNTRUSTED }, 2, SIG_UNTRUSTED },
	{ "one is malformed", { { "an", CMS_NO_TYPE, NULL, 0 }, { "binh", 0, NULL, 0 } },
	    { SIG_MALFORMED, SIG_OK }, 2, SIG_MALFORMED },
	{ "the first bad one is told", { { "revoked", 0, NULL, 0 }, { "an", CMS_BROKEN, NULL, 0 },
	    { "binh", 0, NULL, 0 } }, { SIG_REVOKED, SIG_ALTERED, SIG_OK }, 3, SIG_REVOKED },
};

static void
one_bad_signer_spoils_the_message(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(many); i++) {
		struct smime_result r = verify(message(cms_sign(SLICE(TEXT), i % 2 == 0,
		    many[i].signers, many[i].n)));
		unsigned found = 0;

		expect(many[i].name, &r, many[i].reason == SIG_OK ? SIG_VALID : SIG_BAD,
		    many[i].reason);
		assert_int_equal(r.signers_n, many[i].n);
		/* CMS is a SET: the order may be another; each reason is there. */
		for (size_t k = 0; k < many[i].n; k++)
			for (unsigned s = 0; s < r.signers_n; s++)
				if (r.signers[s].reason == many[i].reasons[k]) {
					found++;
					break;
				}
		if (found != many[i].n)
			fail_msg("%s: %u reasons of %zu", many[i].name, found, many[i].n);
	}
}

static void
too_many_signers_are_malformed(void **state)
{
	struct cms_signer nine[SMIME_SIGNERS_MAX + 1];
	struct smime_result r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(nine); i++)
		nine[i] = (struct cms_signer){ "ski", CMS_BY_KEYID | (i > 0 ? CMS_NO_CERT : 0U),
		    NULL, 0 };
	r = verify(message(cms_sign(SLICE(TEXT), true, nine, SMIME_SIGNERS_MAX)));
	expect("eight", &r, SIG_VALID, SIG_OK);
	r = verify(message(cms_sign(SLICE(TEXT), true, nine, ARRAY_LEN(nine))));
	expect("nine", &r, SIG_BAD, SIG_MALFORMED);
}

/* ---- signatures inside signatures ---- */

static struct slice
layer(struct slice entity, const char *signer, unsigned faults, bool detached)
{
	struct cms_signer s = { signer, faults, NULL, 0 };

	return cms_sign(entity, detached, &s, 1);
}

static void
each_layer_is_judged(void **state)
{
	static const struct {
		const char *name, *inner;
		unsigned inner_faults;
		const char *outer;
		unsigned outer_faults, reason, layers;
	} rows[] = {
		{ "seal around a signed message", "an", 0, "coquan", 0, SIG_OK, 2 },
		{ "the inner one is altered", "an", CMS_OTHER_DIGEST, "coquan", 0, SIG_ALTERED, 2 },
		{ "the inner one is revoked", "revoked", 0, "coquan", 0, SIG_REVOKED, 2 },
		{ "the inner one is foreign", "la", 0, "coquan", 0, SIG_UNTRUSTED, 2 },
		{ "the outer one is altered", "an", 0, "coquan", CMS_BROKEN, SIG_ALTERED, 2 },
		{ "both, the outer reason is told", "revoked", 0, "coquan", CMS_BROKEN, SIG_ALTERED,
		    2 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (unsigned form = 0; form < 4; form++) {
			struct slice inner = layer(SLICE(TEXT), rows[i].inner, rows[i].inner_faults,
			    (form & 1) != 0);
			struct smime_result r = verify(message(layer(inner, rows[i].outer,
			    rows[i].outer_faults, (form & 2) != 0)));

			expect(rows[i].name, &r, rows[i].reason == SIG_OK ? SIG_VALID : SIG_BAD,
			    rows[i].reason);
			assert_int_equal(r.layers_n, rows[i].layers);
			assert_int_equal(r.signers_n, 2);
			assert_int_equal(r.signers[0].layer, 0);
			assert_int_equal(r.signers[1].layer, 1);
			assert_true(slice_eq(r.layers[0].content, inner));
			assert_true(slice_eq(r.layers[1].content, SLICE(TEXT)));
			assert_int_equal(r.layers[0].opaque, (form & 2) == 0);
			assert_int_equal(r.layers[1].opaque, (form & 1) == 0);
		}
}

static void
layers_have_an_end(void **state)
{
	struct slice m = SLICE(TEXT);
	struct smime_result r;

	(void)state;
	for (unsigned i = 0; i < SMIME_LAYERS_MAX; i++)
		m = layer(m, "binh", 0, i % 2 == 0);
	r = verify(message(m));
	expect("four layers", &r, SIG_VALID, SIG_OK);
	assert_int_equal(r.layers_n, SMIME_LAYERS_MAX);
	r = verify(message(layer(m, "binh", 0, true)));
	expect("five layers", &r, SIG_BAD, SIG_MALFORMED);
	assert_int_equal(r.layers_n, SMIME_LAYERS_MAX);
}

/* What is inside but not all of the content is no layer: attached, beside other text, of PGP. */
static void
only_the_whole_content_is_a_layer(void **state)
{
	static const char *const around[] = {
		("Content-Type: multipart/mixed; boundary=ngoai\r\n\r\n--ngoai\r\n\r\nloi\r\n--ngoai\r\n"
		    "%.*s\r\n--ngoai--\r\n"),
		"Content-Type: multipart/mixed; boundary=ngoai\r\n\r\n--ngoai\r\n%.*s\r\n--ngoai--\r\n",
		"Content-Type: message/rfc822\r\n\r\n%.*s",
	};
	static const char pgp[] = "Content-Type: multipart/signed; boundary=p;\r\n"
	    " protocol=\"application/pgp-signature\"; micalg=pgp-sha256\r\n\r\n--p\r\n\r\nx\r\n--p\r\n"
	    "Content-Type: application/pgp-signature\r\n\r\nx\r\n--p--\r\n";
	struct slice inner = layer(SLICE(TEXT), "revoked", 0, true);
	struct smime_result r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(around); i++) {
		char entity[16384];

		(void)snprintf(entity, sizeof entity, around[i], (int)inner.n, inner.p);
		r = verify(message(layer(slice_of(entity), "an", 0, true)));
		expect(around[i], &r, SIG_VALID, SIG_OK);
		assert_int_equal(r.layers_n, 1);
		/* And by itself it signs nothing. */
		r = verify(message(slice_of(entity)));
		expect(around[i], &r, SIG_NONE, SIG_OK);
	}
	r = verify(message(layer(slice_of(pgp), "an", 0, true)));
	expect("PGP inside", &r, SIG_VALID, SIG_OK);
	assert_int_equal(r.layers_n, 1);
}

/* ---- what mailing lists do ---- */

#define FOOTER	"_______________\r\nDanh sach thu cua tinh\r\n"

/* A list's footer, wherever its program puts it: the signature does not cover it. */
static void
list_footers_are_seen(void **state)
{
	struct slice detached = layer(SLICE(TEXT), "an", 0, true);
	struct slice opaque = layer(SLICE(TEXT), "an", 0, false);
	const struct { const char *name; struct slice entity; unsigned sig, reason; } rows[] = {
		{ "behind the last boundary", pki_text("%.*s" FOOTER, (int)detached.n, detached.p),
		    SIG_BAD, SIG_MALFORMED },
		{ "in the signed text", pki_replace(detached, "co quan\r\n", "co quan\r\n" FOOTER),
		    SIG_BAD, SIG_ALTERED },
		{ "behind the base64 of an opaque one", pki_text("%.*s" FOOTER, (int)opaque.n,
		    opaque.p),
		    SIG_BAD, SIG_MALFORMED },
		{ "as one more part around it",
		    pki_text("Content-Type: multipart/mixed; boundary=l\r\n\r\n"
		    "--l\r\n%.*s\r\n--l\r\nContent-Disposition: inline\r\n\r\n" FOOTER "--l--\r\n",
		    (int)detached.n, detached.p), SIG_NONE, SIG_OK },
		{ "as one more part inside", pki_replace(detached,
		    "Content-Type: application/pkcs7-"
		    "signature", "Content-Type: text/plain\r\n\r\n" FOOTER "Content-Type: x"),
		    SIG_BAD,
		    SIG_MALFORMED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct smime_result r = verify(message(rows[i].entity));

		expect(rows[i].name, &r, rows[i].sig, rows[i].reason);
	}
}

/* ---- damaged, and yet not "unsigned" ---- */

static void
damage_is_never_unsigned(void **state)
{
	static const struct { const char *name, *type, *body; unsigned sig; } rows[] = {
		{ "no word of its kind, no CMS", "application/pkcs7-mime", "AAAA", SIG_BAD },
		{ "no word of its kind, no base64", "application/pkcs7-mime", "!!!!", SIG_BAD },
		{ "empty", "application/pkcs7-mime", "", SIG_BAD },
		{ "unknown word", "application/pkcs7-mime; smime-type=x", "AAAA", SIG_BAD },
		{ "said to be signed", "application/pkcs7-mime; smime-type=signed-data", "AAAA",
		    SIG_BAD },
		{ "said to be encrypted", "application/pkcs7-mime; smime-type=enveloped-data",
		    "AAAA",
		    SIG_NONE },
		{ "said to be encrypted, two types", "application/pkcs7-mime;\r\n smime-type=a; "
		    "smime-type=enveloped-data", "AAAA", SIG_BAD },
	};
	struct cms_signer an = { "an", 0, NULL, 0 };
	struct slice good = cms_sign(SLICE(TEXT), false, &an, 1);
	struct smime_result r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		r = verify(message(pki_text("Content-Type: %s\r\nContent-Transfer-Encoding: base64\r\n"
		    "\r\n%s\r\n", rows[i].type, rows[i].body)));
		expect(rows[i].name, &r, rows[i].sig, rows[i].sig == SIG_NONE ? SIG_OK :
		    SIG_MALFORMED);
	}
	/* A root that clients read in different ways is not signed for all of them. */
	r = verify(message(pki_text("Content-Type: text/plain\r\n%.*s", (int)good.n, good.p)));
	assert_int_not_equal(r.sig, SIG_VALID);
	r = verify(message(pki_replace(good, "smime-type=signed-data;",
	    "smime-type=signed-data;\r\n name=a;")));
	assert_int_not_equal(r.sig, SIG_VALID);
	r = verify(message(pki_replace(good, "Content-Transfer-Encoding: base64",
	    "Content-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: 7bit")));
	assert_int_not_equal(r.sig, SIG_VALID);
	/* As some programs write it: pieces of indefinite length. */
	pki_run("openssl cms -sign -in body -binary -stream -signer an.pem -inkey an.key -nodetach "
	    "-outform DER -out ber.der");
	r = verify(message(cms_opaque(pki_read("ber.der"))));
	expect("BER", &r, SIG_VALID, SIG_OK);
}

/* ---- what is told of a signer ---- */

static void
signers_are_told_whole(void **state)
{
	struct cms_signer an = { "an", 0, NULL, BEGIN_2025 + DAY };
	struct smime_result r = verify(message(cms_sign(SLICE(TEXT), true, &an, 1)));
	const struct smime_signer *s = &r.signers[0];

	(void)state;
	assert_true(slice_is(s->subject, "CN=Nguyễn Văn An,O=UBND,C=VN"));
	assert_true(slice_is(s->issuer, "CN=CA co quan nha nuoc,O=Co yeu thu,C=VN"));
	assert_true(s->serial.n > 0);
	assert_int_equal(s->begin_s, BEGIN_2025);
	assert_true(s->end_s > clock_real_s());
	assert_int_equal(s->signed_s, BEGIN_2025 + DAY);
	an.faults = CMS_NO_TIME;
	r = verify(message(cms_sign(SLICE(TEXT), true, &an, 1)));
	assert_int_equal(r.signers[0].signed_s, 0);
	an.faults = CMS_NO_CERT;
	r = verify(message(cms_sign(SLICE(TEXT), true, &an, 1)));
	assert_int_equal(r.signers[0].subject.n, 0);
	expect_signer("no certificate", &r, 0, SIG_UNTRUSTED);
}

static int
setup(void **state)
{
	int r = pki_setup(state);

	pki_run("sh '%s' . more", pki_script());
	trust = pki_trust("rpcC");
	return r;
}

static int
teardown(void **state)
{
	smime_trust_free(&trust);
	arena_clear(&scratch);
	return pki_teardown(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_fault_has_its_reason),
		cmocka_unit_test(signing_time_must_be_possible),
		cmocka_unit_test(one_bad_signer_spoils_the_message),
		cmocka_unit_test(too_many_signers_are_malformed),
		cmocka_unit_test(each_layer_is_judged),
		cmocka_unit_test(layers_have_an_end),
		cmocka_unit_test(only_the_whole_content_is_a_layer),
		cmocka_unit_test(list_footers_are_seen),
		cmocka_unit_test(damage_is_never_unsigned),
		cmocka_unit_test(signers_are_told_whole),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
