/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Messages signed by the openssl command with every kind of certificate, and every way of
 * tampering with them that peers.md §4 row 5 lists; each has its own reason.
 */
#include "tests/unit/policy/pki.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "policy/trust.h"

#define AN	"-signer an.pem -inkey an.key"
#define HOUR	3600
#define DAY	(24 * HOUR)

typedef struct slice (*change_fn)(struct slice message);

static struct arena scratch;

static struct smime_result
verify_at(struct slice message, struct smime_trust *trust, int64_t now_s,
    enum smime_purpose purpose)
{
	struct smime_options o = { now_s, 72 * HOUR, purpose, 0 };
	struct smime_result r;
	struct tree t;

	arena_clear(&scratch);
	arena_init(&scratch, 256 << 20);
	assert_int_equal(tree_parse(message, &scratch, &t), OK);
	assert_int_equal(smime_verify(&t, trust, &o, &scratch, &r), OK);
	return r;
}

static void
expect(const char *name, struct smime_result r, unsigned sig, unsigned reason)
{
	if (r.sig != sig || r.reason != reason)
		fail_msg("%s: %s %s, not %s %s", name, sig_name(r.sig), sig_reason_name(r.reason),
		    sig_name(sig), sig_reason_name(reason));
}

/* ---- what signers do ---- */

static const struct {
	const char *name, *options;
	unsigned sig, reason;
} signers[] = {
	{ "RSA", AN, SIG_VALID, SIG_OK },
	{ "RSA PSS", AN " -keyopt rsa_padding_mode:pss", SIG_VALID, SIG_OK },
	{ "SHA-512", AN " -md sha512", SIG_VALID, SIG_OK },
	{ "P-256", "-signer binh.pem -inkey binh.key", SIG_VALID, SIG_OK },
	{ "opaque", AN " -nodetach", SIG_VALID, SIG_OK },
	{ "no EKU", "-signer noeku.pem -inkey noeku.key", SIG_VALID, SIG_OK },
	{ "any EKU", "-signer anyeku.pem -inkey anyeku.key", SIG_VALID, SIG_OK },
	{ "two good signers", AN " -signer binh.pem -inkey binh.key", SIG_VALID, SIG_OK },
	{ "expired", "-signer expired.pem -inkey expired.key", SIG_BAD, SIG_EXPIRED },
	{ "revoked", "-signer revoked.pem -inkey revoked.key", SIG_BAD, SIG_REVOKED },
	{ "wrong EKU", "-signer wrongeku.pem -inkey wrongeku.key", SIG_BAD, SIG_UNTRUSTED },
	{ "key may not sign", "-signer nosign.pem -inkey nosign.key", SIG_BAD, SIG_UNTRUSTED },
	{ "critical extension", "-signer critical.pem -inkey critical.key", SIG_BAD,
	    SIG_UNTRUSTED },
	{ "path length", "-signer deep.pem -inkey deep.key", SIG_BAD, SIG_UNTRUSTED },
	{ "name constraint", "-signer kedo.pem -inkey kedo.key", SIG_BAD, SIG_UNTRUSTED },
	{ "foreign root", "-signer la.pem -inkey la.key", SIG_BAD, SIG_UNTRUSTED },
	{ "foreign root sent along", "-signer la.pem -inkey la.key -certfile foreign.pem", SIG_BAD,
	    SIG_UNTRUSTED },
	{ "RSA 1024", "-signer rsa1024.pem -inkey rsa1024.key", SIG_BAD, SIG_WEAK },
	{ "SHA-1 signature", AN " -md sha1", SIG_BAD, SIG_WEAK },
	{ "MD5 signature", AN " -md md5", SIG_BAD, SIG_WEAK },
	{ "SHA-1 certificate", "-signer sha1cert.pem -inkey sha1cert.key", SIG_BAD, SIG_WEAK },
	{ "other curve", "-signer k1.pem -inkey k1.key", SIG_BAD, SIG_UNSUPPORTED },
	{ "Ed25519", "-signer twin.pem -inkey twin.key -nocerts -certfile ed.pem", SIG_BAD,
	    SIG_UNSUPPORTED },
	{ "no certificate", AN " -nocerts", SIG_BAD, SIG_UNTRUSTED },
	{ "no signed attributes", AN " -noattr", SIG_BAD, SIG_MALFORMED },
	{ "C2: one of two is expired", AN " -signer expired.pem -inkey expired.key", SIG_BAD,
	    SIG_EXPIRED },
	{ "C2: one of two is foreign", "-signer la.pem -inkey la.key " AN, SIG_BAD,
	    SIG_UNTRUSTED },
};

static void
each_kind_of_signer_has_its_state(void **state)
{
	struct smime_trust *trust = pki_trust("rpcC");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(signers); i++)
		expect(signers[i].name, verify_at(pki_sign(signers[i].options), trust,
		    clock_real_s(), SMIME_EMAIL_OR_ABSENT), signers[i].sig, signers[i].reason);
	smime_trust_free(&trust);
}

/* A cached verdict must not differ from a fresh one, for every order of two messages. */
static void
cache_changes_nothing(void **state)
{
	struct smime_trust *trust = pki_trust("rpcC");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(signers); i++)
		for (int again = 0; again < 3; again++)
			expect(signers[i].name, verify_at(pki_sign(signers[i].options), trust,
			    clock_real_s() + again, SMIME_EMAIL_OR_ABSENT), signers[i].sig,
			    signers[i].reason);
	/* Valid now and cached; the same certificate long after its end. */
	expect("later", verify_at(pki_sign(AN), trust, clock_real_s() + 30 * 365LL * DAY,
	    SMIME_EMAIL_OR_ABSENT), SIG_BAD, SIG_EXPIRED);
	expect("before", verify_at(pki_sign("-signer binh.pem -inkey binh.key"), trust,
	    1600000000, SMIME_EMAIL_OR_ABSENT), SIG_BAD, SIG_EXPIRED);
	smime_trust_free(&trust);
}

/* ---- what happens on the way ---- */

static struct slice
as_it_is(struct slice m)
{
	return m;
}

static struct slice
text_changed(struct slice m)
{
	return pki_replace(m, "noi dung cong van", "noi dung gia mao ");
}

static struct slice
space_added(struct slice m)
{
	return pki_replace(m, "cong van.\r\n", "cong van. \r\n");
}

static struct slice
header_of_part_changed(struct slice m)
{
	return pki_replace(m, "charset=utf-8", "charset=UTF-8");
}

/* A signature's last octets are the signature itself: change base64 text near its end. */
static struct slice
signature_changed(struct slice m)
{
	ptrdiff_t begin = slice_find(m, SLICE("filename=\"smime.p7s\""));
	ptrdiff_t end = slice_find(slice_from(m, (size_t)begin), SLICE("\r\n\r\n------"));
	struct slice copy = pki_text("%.*s", (int)m.n, m.p);
	char *c;

	assert_true(begin > 0 && end > 0);
	c = (char *)(uintptr_t)copy.p + begin + end - 30;
	*c = *c == 'A' ? 'B' : 'A';
	return copy;
}

static struct slice
micalg_other(struct slice m)
{
	return pki_replace(m, "micalg=\"sha-256\"", "micalg=\"sha-1\"");
}

static struct slice
micalg_missing(struct slice m)
{
	return pki_replace(m, "micalg=\"sha-256\"; ", "");
}

static struct slice
micalg_as_oid(struct slice m)
{
	return pki_replace(m, "micalg=\"sha-256\"", "micalg=2.16.840.1.101.3.4.2.1");
}

static struct slice
micalg_list(struct slice m)
{
	return pki_replace(m, "micalg=\"sha-256\"", "micalg=\"sha512, SHA256\"");
}

static struct slice
protocol_pgp(struct slice m)
{
	return pki_replace(m, "protocol=\"application/pkcs7-signature\"",
	    "protocol=\"application/pgp-signature\"");
}

static struct slice
protocol_old(struct slice m)
{
	return pki_replace(m, "protocol=\"application/pkcs7-signature\"",
	    "protocol=\"application/x-pkcs7-signature\"");
}

/* The octets from the boundary parameter's opening quote. */
static struct slice
boundary_of(struct slice m)
{
	ptrdiff_t at = slice_find(m, SLICE("boundary=\""));
	struct slice rest = slice_from(m, (size_t)at + 10), b = { NULL, 0 };

	assert_true(at > 0);
	assert_true(slice_cut(&rest, '"', &b));
	return b;
}

/* M1: a mailing list's footer behind the last boundary. */
static struct slice
footer_behind(struct slice m)
{
	return pki_text("%.*s\r\nDanh sach thu cua tinh\r\n", (int)m.n, m.p);
}

/* Cut off before the last boundary is closed. */
static struct slice
not_closed(struct slice m)
{
	struct slice b = boundary_of(m);
	struct slice close = pki_text("--%.*s--", (int)b.n, b.p);

	return pki_replace(m, close.p, "");
}

static struct slice
third_part(struct slice m)
{
	struct slice b = boundary_of(m);
	struct slice close = pki_text("--%.*s--", (int)b.n, b.p);
	struct slice more = pki_text("--%.*s\r\nContent-Type: text/plain\r\n\r\nthem\r\n%.*s",
	    (int)b.n, b.p, (int)close.n, close.p);

	return pki_replace(m, close.p, more.p);
}

static struct slice
fields_of(struct slice m)
{
	return slice_sub(m, 0, (size_t)slice_find(m, SLICE("MIME-Version")));
}

static struct slice
entity_of(struct slice m)
{
	return slice_from(m, (size_t)slice_find(m, SLICE("Content-Type")));
}

/* M2, M3: the signed entity inside a multipart with unsigned text before or behind it. */
static struct slice
wrapped(struct slice m, const char *before, const char *behind)
{
	struct slice head = fields_of(m), entity = entity_of(m);

	return pki_text("%.*sMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=ngoai\r\n"
	    "\r\n%s--ngoai\r\n%.*s\r\n%s--ngoai--\r\n", (int)head.n, head.p, before, (int)entity.n,
	    entity.p, behind);
}

static struct slice
wrapped_before(struct slice m)
{
	return wrapped(m, "--ngoai\r\n\r\nloi gia mao\r\n", "");
}

static struct slice
wrapped_behind(struct slice m)
{
	return wrapped(m, "", "--ngoai\r\n\r\nchan thu\r\n");
}

static struct slice
wrapped_alone(struct slice m)
{
	return wrapped(m, "", "");
}

/* M4: the signed message attached to another one. */
static struct slice
attached(struct slice m)
{
	return pki_text("From: an@tinh.example\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: message/rfc822\r\n\r\n%.*s", (int)m.n, m.p);
}

static struct slice
trace_on_top(struct slice m)
{
	return pki_text("Received: from x by y; Sun, 22 Nov 2026 00:00:00 +0700\r\n%.*s", (int)m.n,
	    m.p);
}

static struct slice
cut_short(struct slice m)
{
	return slice_sub(m, 0, m.n / 2);
}

static struct slice
signature_garbage(struct slice m)
{
	return pki_replace(m, "\r\nMII", "\r\n!!I");
}

static const struct {
	const char *name;
	change_fn   change;
	unsigned    sig, reason;
} changes[] = {
	{ "as it is", as_it_is, SIG_VALID, SIG_OK },
	{ "trace fields on top", trace_on_top, SIG_VALID, SIG_OK },
	{ "micalg as OID", micalg_as_oid, SIG_VALID, SIG_OK },
	{ "micalg list", micalg_list, SIG_VALID, SIG_OK },
	{ "protocol with x-", protocol_old, SIG_VALID, SIG_OK },
	{ "text changed", text_changed, SIG_BAD, SIG_ALTERED },
	{ "space added", space_added, SIG_BAD, SIG_ALTERED },
	{ "part's header changed", header_of_part_changed, SIG_BAD, SIG_ALTERED },
	{ "signature changed", signature_changed, SIG_BAD, SIG_ALTERED },
	{ "micalg of another digest", micalg_other, SIG_BAD, SIG_MALFORMED },
	{ "micalg missing", micalg_missing, SIG_BAD, SIG_MALFORMED },
	{ "PGP", protocol_pgp, SIG_BAD, SIG_UNSUPPORTED },
	{ "M1: footer behind", footer_behind, SIG_BAD, SIG_MALFORMED },
	{ "M1: not closed", not_closed, SIG_BAD, SIG_MALFORMED },
	{ "third part", third_part, SIG_BAD, SIG_MALFORMED },
	{ "M2: text before, wrapped", wrapped_before, SIG_NONE, SIG_OK },
	{ "M3: text behind, wrapped", wrapped_behind, SIG_NONE, SIG_OK },
	{ "wrapped alone", wrapped_alone, SIG_NONE, SIG_OK },
	{ "M4: attached", attached, SIG_NONE, SIG_OK },
	{ "cut short", cut_short, SIG_BAD, SIG_MALFORMED },
	{ "signature is garbage", signature_garbage, SIG_BAD, SIG_MALFORMED },
};

static void
each_change_on_the_way_is_seen(void **state)
{
	struct smime_trust *trust = pki_trust("rpcC");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(changes); i++)
		expect(changes[i].name, verify_at(changes[i].change(pki_sign(AN)), trust,
		    clock_real_s(), SMIME_EMAIL_OR_ABSENT), changes[i].sig, changes[i].reason);
	smime_trust_free(&trust);
}

/* ---- CMS objects made for the purpose ---- */

/* A detached frame with this file as its signature. */
static struct slice
frame(const char *text, const char *p7s)
{
	struct slice b64;

	pki_run("openssl base64 -in %s | sed 's/$/\\r/' > p7s.b64", p7s);
	b64 = pki_read("p7s.b64");
	return pki_text("From: an@tinh.example\r\nMIME-Version: 1.0\r\nContent-Type: "
	    "multipart/signed; protocol=\"application/pkcs7-signature\"; micalg=sha-256;\r\n"
	    " boundary=b\r\n\r\n--b\r\n%s\r\n--b\r\nContent-Type: application/pkcs7-signature\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\n%.*s--b--\r\n", text, (int)b64.n, b64.p);
}

static struct slice
mime(const char *type, const char *der)
{
	struct slice b64;

	pki_run("openssl base64 -in %s | sed 's/$/\\r/' > p7m.b64", der);
	b64 = pki_read("p7m.b64");
	return pki_text("From: an@tinh.example\r\nMIME-Version: 1.0\r\nContent-Type: "
	    "application/pkcs7-mime; smime-type=%s\r\nContent-Transfer-Encoding: base64\r\n\r\n"
	    "%.*s", type, (int)b64.n, b64.p);
}

static void
objects_with_a_trick_inside(void **state)
{
	struct smime_trust *trust = pki_trust("rpcC");
	int64_t now_s = clock_real_s();

	(void)state;
	pki_run("openssl cms -sign -in body -binary " AN " -nodetach -outform DER -out inside.der");
	pki_run("openssl crl2pkcs7 -nocrl -certfile an.pem -outform DER -out certs.der");
	pki_run("openssl cms -encrypt -in body -outform DER -out encrypted.der an.pem");
	pki_run("cat inside.der inside.der > twice.der");
	pki_run("openssl cms -sign -in body -binary " AN
	    " -econtent_type 1.2.3.4 -nodetach -outform DER -out othertype.der");
	expect("C1: detached with content inside", verify_at(frame("\r\nkhac", "inside.der"), trust,
	    now_s, SMIME_EMAIL_OR_ABSENT), SIG_BAD, SIG_MALFORMED);
	expect("C3: no signer, detached", verify_at(frame("\r\nkhac", "certs.der"), trust, now_s,
	    SMIME_EMAIL_OR_ABSENT), SIG_BAD, SIG_MALFORMED);
	expect("C3: certificates only", verify_at(mime("certs-only", "certs.der"), trust, now_s,
	    SMIME_EMAIL_OR_ABSENT), SIG_BAD, SIG_MALFORMED);
	expect("C3: certificates as signed-data", verify_at(mime("signed-data", "certs.der"), trust,
	    now_s, SMIME_EMAIL_OR_ABSENT), SIG_BAD, SIG_MALFORMED);
	expect("signed-data under a wrong name", verify_at(mime("enveloped-data", "inside.der"),
	    trust, now_s, SMIME_EMAIL_OR_ABSENT), SIG_VALID, SIG_OK);
	expect("encrypted", verify_at(mime("enveloped-data", "encrypted.der"), trust, now_s,
	    SMIME_EMAIL_OR_ABSENT), SIG_NONE, SIG_OK);
	expect("encrypted as signed-data", verify_at(mime("signed-data", "encrypted.der"), trust,
	    now_s, SMIME_EMAIL_OR_ABSENT), SIG_BAD, SIG_MALFORMED);
	expect("something behind it", verify_at(mime("signed-data", "twice.der"), trust, now_s,
	    SMIME_EMAIL_OR_ABSENT), SIG_BAD, SIG_MALFORMED);
	expect("content of another type", verify_at(mime("signed-data", "othertype.der"), trust,
	    now_s, SMIME_EMAIL_OR_ABSENT), SIG_BAD, SIG_MALFORMED);
	smime_trust_free(&trust);
}

static void
opaque_content_is_handed_out(void **state)
{
	struct smime_trust *trust = pki_trust("rpcC");
	struct smime_result r = verify_at(pki_sign(AN " -nodetach"), trust, clock_real_s(),
	    SMIME_EMAIL_OR_ABSENT);
	struct slice content, der;

	(void)state;
	assert_true(r.opaque_signed);
	assert_true(slice_find(r.content, SLICE("noi dung cong van")) > 0);
	pki_run("openssl cms -sign -in body -binary " AN " -nodetach -outform DER -out inside.der");
	der = pki_read("inside.der");
	assert_int_equal(smime_open_signed(NULL, der, &scratch, &content), OK);
	assert_true(slice_eq(content, pki_read("body")));
	for (size_t n = 0; n < der.n; n += 7)
		assert_int_equal(smime_open_signed(NULL, slice_sub(der, 0, n), &scratch, &content),
		    ERR_SYNTAX);
	smime_trust_free(&trust);
}

/* ---- chains, time, revocation ---- */

static void
add_file(struct buf *blob, const char *file, enum smime_object kind)
{
	assert_int_equal(trust_parse_file(pki_read(file), kind, blob), OK);
}

static void
chain_needs_root_pool_and_lists(void **state)
{
	static const struct { const char *parts, *options; unsigned sig, reason; } rows[] = {
		{ "rpcC", AN, SIG_VALID, SIG_OK },
		{ "rcC", AN, SIG_BAD, SIG_UNTRUSTED },
		{ "rcC", AN " -certfile inter.pem", SIG_VALID, SIG_OK },
		{ "pcC", AN, SIG_BAD, SIG_UNTRUSTED },
		{ "pcC", AN " -certfile root.pem", SIG_BAD, SIG_UNTRUSTED },
		{ "rpC", AN, SIG_BAD, SIG_UNKNOWN_REVOCATION },
		{ "rpc", AN, SIG_BAD, SIG_UNKNOWN_REVOCATION },
		{ "", AN, SIG_BAD, SIG_UNTRUSTED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct smime_trust *trust = pki_trust(rows[i].parts);

		expect(rows[i].parts, verify_at(pki_sign(rows[i].options), trust, clock_real_s(),
		    SMIME_EMAIL_OR_ABSENT), rows[i].sig, rows[i].reason);
		smime_trust_free(&trust);
	}
	expect("no trust", verify_at(pki_sign(AN), NULL, clock_real_s(), SMIME_EMAIL_OR_ABSENT),
	    SIG_BAD, SIG_UNTRUSTED);
}

/* The CRLs run out 30 days from now. */
static void
old_lists_count_for_the_grace_time(void **state)
{
	struct smime_trust *trust = pki_trust("rpcC");
	int64_t end_s = clock_real_s() + 30 * DAY;
	struct smime_result r;

	(void)state;
	r = verify_at(pki_sign(AN), trust, end_s - HOUR, SMIME_EMAIL_OR_ABSENT);
	expect("fresh", r, SIG_VALID, SIG_OK);
	assert_false(r.stale);
	r = verify_at(pki_sign(AN), trust, end_s + 71 * HOUR, SMIME_EMAIL_OR_ABSENT);
	expect("in grace", r, SIG_VALID, SIG_OK);
	assert_true(r.stale);
	expect("beyond", verify_at(pki_sign(AN), trust, end_s + 73 * HOUR, SMIME_EMAIL_OR_ABSENT),
	    SIG_BAD, SIG_UNKNOWN_REVOCATION);
	expect("revoked stays revoked",
	    verify_at(pki_sign("-signer revoked.pem -inkey revoked.key"), trust,
	    end_s + 73 * HOUR, SMIME_EMAIL_OR_ABSENT), SIG_BAD, SIG_REVOKED);
	smime_trust_free(&trust);
}

/* The signing time is now; let the verifier's clock be behind it. */
static void
signing_time_may_be_ahead_by_seven_hours(void **state)
{
	struct smime_trust *trust = pki_trust("rpcC");
	struct slice m = pki_sign(AN);
	int64_t now_s = clock_real_s();
	struct smime_result r;

	(void)state;
	r = verify_at(m, trust, now_s, SMIME_EMAIL_OR_ABSENT);
	assert_false(r.clock);
	r = verify_at(m, trust, now_s - 7 * HOUR + 60, SMIME_EMAIL_OR_ABSENT);
	expect("seven hours", r, SIG_VALID, SIG_OK);
	assert_true(r.clock);
	expect("eight hours", verify_at(m, trust, now_s - 8 * HOUR, SMIME_EMAIL_OR_ABSENT), SIG_BAD,
	    SIG_EXPIRED);
	smime_trust_free(&trust);
}

static void
purpose_is_configurable(void **state)
{
	static const struct { const char *options; enum smime_purpose purpose; unsigned reason; }
	rows[] = {
		{ AN, SMIME_EMAIL, SIG_OK },
		{ "-signer noeku.pem -inkey noeku.key", SMIME_EMAIL, SIG_UNTRUSTED },
		{ "-signer wrongeku.pem -inkey wrongeku.key", SMIME_EMAIL, SIG_UNTRUSTED },
		{ "-signer wrongeku.pem -inkey wrongeku.key", SMIME_ANY_PURPOSE, SIG_OK },
		{ "-signer nosign.pem -inkey nosign.key", SMIME_ANY_PURPOSE, SIG_UNTRUSTED },
	};
	struct smime_trust *trust = pki_trust("rpcC");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		expect(rows[i].options, verify_at(pki_sign(rows[i].options), trust, clock_real_s(),
		    rows[i].purpose), rows[i].reason == SIG_OK ? SIG_VALID : SIG_BAD, rows[i].reason);
	smime_trust_free(&trust);
}

/* A list that does not speak of every certificate of its issuer can revoke, but not acquit. */
static void
partial_lists_can_only_revoke(void **state)
{
	static const struct { const char *name, *extension; unsigned reason; } rows[] = {
		{ "plain", "authorityKeyIdentifier=keyid", SIG_OK },
		{ "users", "issuingDistributionPoint=critical,onlyuser:TRUE", SIG_OK },
		{ "authorities", "issuingDistributionPoint=critical,onlyCA:TRUE",
		    SIG_UNKNOWN_REVOCATION },
		{ "attributes", "issuingDistributionPoint=critical,onlyAA:TRUE",
		    SIG_UNKNOWN_REVOCATION },
		{ "reasons", "issuingDistributionPoint=critical,onlysomereasons:keyCompromise",
		    SIG_UNKNOWN_REVOCATION },
		{ "its own and others'", "issuingDistributionPoint=critical,indirectCRL:TRUE", SIG_OK },
		{ "other point", "issuingDistributionPoint=critical,fullname:URI:http://x.example/",
		    SIG_UNKNOWN_REVOCATION },
		{ "unknown extension", "1.3.6.1.4.1.55555.2=critical,ASN1:NULL",
		    SIG_UNKNOWN_REVOCATION },
		{ "delta", "deltaCRL=critical,ASN1:INTEGER:1", SIG_UNKNOWN_REVOCATION },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct smime_trust *trust = NULL;
		struct buf blob;

		pki_run("{ cat cnf; printf '[x]\\n%%s\\n' '%s'; } > cnf.x && CA=inter KU=x EKU=x SAN=x "
		    "openssl ca -config cnf.x -crlexts x -gencrl -crl_lastupdate 20250101000000Z "
		    "-crl_nextupdate \"$(date -u -d '+9 days' +%%Y%%m%%d%%H%%M%%SZ)\" -out x.crl",
		    rows[i].extension);
		buf_init(&blob, 1 << 20);
		add_file(&blob, "root.pem", SMIME_ROOT);
		add_file(&blob, "pool.pem", SMIME_INTERMEDIATE);
		add_file(&blob, "crls/root.crl", SMIME_CRL);
		add_file(&blob, "x.crl", SMIME_CRL);
		assert_int_equal(smime_trust_new(buf_slice(&blob), &trust), OK);
		expect(rows[i].name, verify_at(pki_sign(AN), trust, clock_real_s(),
		    SMIME_EMAIL_OR_ABSENT), rows[i].reason == SIG_OK ? SIG_VALID : SIG_BAD,
		    rows[i].reason);
		expect(rows[i].name, verify_at(pki_sign("-signer revoked.pem -inkey revoked.key"),
		    trust, clock_real_s(), SMIME_EMAIL_OR_ABSENT), SIG_BAD, SIG_REVOKED);
		smime_trust_free(&trust);
		buf_fini(&blob);
	}
}

/* A list that the issuer did not sign says nothing, whatever name it bears. */
static void
forged_lists_are_ignored(void **state)
{
	struct smime_trust *trust = NULL;
	struct buf blob;

	(void)state;
	pki_run("openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out gia.key && "
	    "export CA=gia KU=digitalSignature EKU=emailProtection SAN=email:x@x.example && "
	    "openssl req -x509 -new -key gia.key -config cnf -extensions root -out gia.pem "
	    "-subj '/C=VN/O=Co yeu thu/CN=CA co quan nha nuoc' -days 30 && "
	    "cp inter.index gia.index && echo 01 > gia.crlnumber && cp inter.serial gia.serial && "
	    "openssl ca -config cnf -gencrl -crldays 30 -out gia.crl");
	buf_init(&blob, 1 << 20);
	add_file(&blob, "root.pem", SMIME_ROOT);
	add_file(&blob, "pool.pem", SMIME_INTERMEDIATE);
	add_file(&blob, "crls/root.crl", SMIME_CRL);
	add_file(&blob, "gia.crl", SMIME_CRL);
	assert_int_equal(smime_trust_new(buf_slice(&blob), &trust), OK);
	expect("good", verify_at(pki_sign(AN), trust, clock_real_s(), SMIME_EMAIL_OR_ABSENT),
	    SIG_BAD, SIG_UNKNOWN_REVOCATION);
	expect("revoked", verify_at(pki_sign("-signer revoked.pem -inkey revoked.key"), trust,
	    clock_real_s(), SMIME_EMAIL_OR_ABSENT), SIG_BAD, SIG_UNKNOWN_REVOCATION);
	smime_trust_free(&trust);
	buf_fini(&blob);
}

static void
names_of_signers_are_told(void **state)
{
	static const struct { const char *options, *email, *subject; } rows[] = {
		{ AN, "an@tinh.example", "CN=Nguyễn Văn An,O=UBND,C=VN" },
		{ "-signer chi.pem -inkey chi.key", "chi@tinh.example", NULL },
		{ "-signer coquan.pem -inkey coquan.key", NULL,
		    "CN=Văn phòng\\, số 1,O=UBND TỈNH,L=Tỉnh,C=VN" },
	};
	struct smime_trust *trust = pki_trust("rpcC");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct smime_result r = verify_at(pki_sign(rows[i].options), trust, clock_real_s(),
		    SMIME_EMAIL_OR_ABSENT);

		expect(rows[i].options, r, SIG_VALID, SIG_OK);
		assert_int_equal(r.signers_n, 1);
		assert_int_equal(r.signers[0].emails_n, rows[i].email != NULL);
		if (rows[i].email != NULL)
			assert_true(slice_is(r.signers[0].emails[0], rows[i].email));
		if (rows[i].subject != NULL && !slice_is(r.signers[0].subject, rows[i].subject))
			fail_msg("%.*s", (int)r.signers[0].subject.n, r.signers[0].subject.p);
	}
	smime_trust_free(&trust);
}

/* The second loop of a valid message is what every further mail of a person costs. */
static void
time_per_message(void **state)
{
	static const char *const options[] = { AN, "-signer binh.pem -inkey binh.key" };
	struct smime_trust *trust = pki_trust("rpcC");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		struct slice m = pki_sign(options[i]);
		struct timespec a, b;

		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
		for (int n = 0; n < 500; n++)
			verify_at(m, trust, clock_real_s(), SMIME_EMAIL_OR_ABSENT);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
		print_message("%s: %.0f us of CPU\n", options[i], ((double)(b.tv_sec - a.tv_sec) * 1e9 +
		    (double)(b.tv_nsec - a.tv_nsec)) / 500e3);
	}
	smime_trust_free(&trust);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_of_signer_has_its_state),
		cmocka_unit_test(cache_changes_nothing),
		cmocka_unit_test(each_change_on_the_way_is_seen),
		cmocka_unit_test(objects_with_a_trick_inside),
		cmocka_unit_test(opaque_content_is_handed_out),
		cmocka_unit_test(chain_needs_root_pool_and_lists),
		cmocka_unit_test(old_lists_count_for_the_grace_time),
		cmocka_unit_test(signing_time_may_be_ahead_by_seven_hours),
		cmocka_unit_test(purpose_is_configurable),
		cmocka_unit_test(partial_lists_can_only_revoke),
		cmocka_unit_test(forged_lists_are_ignored),
		cmocka_unit_test(names_of_signers_are_told),
		cmocka_unit_test(time_per_message),
	};
	int failed = cmocka_run_group_tests(tests, pki_setup, pki_teardown);

	arena_clear(&scratch);
	return failed;
}
