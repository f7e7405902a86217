/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "policy/binding.h"
#include "policy/dn.h"

#define AN	"an@tinh.example"
#define OFFICE	"vanphong@tinh.example"
#define CHAIR	"chutich@tinh.example"

static char hash_a[32] = "the certificate of an", hash_b[32] = "some other one";
static struct dir_cert held_a[] = { { { hash_a, 32 } } };

/* The account of an: his own address, the chair's (send-as), the office's (its clerk). */
static struct dir_identity identities[] = {
	{ .address = SLICE(AN), .kind = DIR_IDENTITY_OWN },
	{ .address = SLICE("An.Nguyen@tinh.example"), .kind = DIR_IDENTITY_OWN },
	{ .address = SLICE(CHAIR), .kind = DIR_IDENTITY_SEND_AS },
	{ .address = SLICE(OFFICE), .kind = DIR_IDENTITY_AGENCY,
	    .subject = SLICE("cn=Văn phòng\\, số 1, o=UBND TỈNH, l=Tỉnh, c=VN") },
	{ .address = SLICE("held@tinh.example"), .kind = DIR_IDENTITY_OWN, .certs = held_a,
	    .certs_n = 1 },
};

static const struct {
	const char *name, *from, *sender, *email, *subject, *hash;
	bool bound, on_behalf;
} cases[] = {
	{ "own address in the certificate", AN, "", AN, "", hash_b, true, false },
	{ "case does not matter", "AN@Tinh.Example", "", AN, "", hash_b, true, false },
	{ "other address", AN, "", "binh@tinh.example", "", hash_b, false, false },
	{ "address as a prefix", AN, "", AN ".evil.example", "", hash_b, false, false },
	{ "local part alone", AN, "", "an", "", hash_b, false, false },
	{ "alias is not in the certificate", "an.nguyen@tinh.example", "", AN, "", hash_b, false,
	    false },
	{ "I1: the display name never counts", "evil@x.example", "", AN, "CN=evil@x.example",
	    hash_b, false, false },
	{ "no From", "", "", AN, "", hash_b, false, false },
	{ "held in the directory", "held@tinh.example", "", "", "", hash_a, true, false },
	{ "another one is held", "held@tinh.example", "", "", "", hash_b, false, false },
	{ "held for another address", AN, "", "", "", hash_a, false, false },
	{ "on behalf of the chair", CHAIR, AN, AN, "", hash_b, true, true },
	{ "without Sender", CHAIR, "", AN, "", hash_b, false, false },
	{ "Sender of somebody else", CHAIR, "binh@tinh.example", "binh@tinh.example", "", hash_b,
	    false, false },
	{ "Sender is own, signer is not", CHAIR, AN, "binh@tinh.example", "", hash_b, false,
	    false },
	{ "the chair signs himself", CHAIR, "", CHAIR, "", hash_b, true, false },
	{ "From of nobody, Sender own", "x@tinh.example", AN, AN, "", hash_b, false, false },
	{ "own From, own Sender", "an.nguyen@tinh.example", AN, AN, "", hash_b, false, false },
	{ "the agency's certificate", OFFICE, "", "",
	    "CN=Văn phòng\\, số 1,O=UBND TỈNH,L=Tỉnh,C=VN", hash_b, true, false },
	{ "another agency's", OFFICE, "", "",
	    "CN=Văn phòng\\, số 2,O=UBND TỈNH,L=Tỉnh,C=VN", hash_b, false, false },
	{ "agency's subject for a person", AN, "", "",
	    "CN=Văn phòng\\, số 1,O=UBND TỈNH,L=Tỉnh,C=VN", hash_b, false, false },
	{ "agency, on behalf", OFFICE, AN, AN, "", hash_b, false, false },
	{ "agency, the clerk's own certificate", OFFICE, "", AN, "", hash_b, false, false },
	{ "agency that the account does not serve", "so@tinh.example", "", "",
	    "CN=Văn phòng\\, số 1,O=UBND TỈNH,L=Tỉnh,C=VN", hash_b, false, false },
	{ "the agency's name with another order", OFFICE, "", "",
	    "C=VN,L=Tỉnh,O=UBND TỈNH,CN=Văn phòng\\, số 1", hash_b, false, false },
	{ "the agency's name and more", OFFICE, "", "",
	    "CN=Văn phòng\\, số 1,OU=x,O=UBND TỈNH,L=Tỉnh,C=VN", hash_b, false, false },
	{ "the agency's certificate, Sender its clerk", OFFICE, AN, "",
	    "CN=Văn phòng\\, số 1,O=UBND TỈNH,L=Tỉnh,C=VN", hash_b, true, false },
	{ "on behalf, certificate held for Sender", CHAIR, "held@tinh.example", "", "", hash_a, true,
	    true },
	{ "on behalf, certificate held for another", CHAIR, AN, "", "", hash_a, false, false },
	{ "on behalf of oneself", AN, "An.Nguyen@tinh.example", "an.nguyen@tinh.example", "", hash_b,
	    false, false },
	{ "on behalf, Sender is whom one may send as", CHAIR, CHAIR, AN, "", hash_b, false, false },
	{ "on behalf, Sender is the agency", CHAIR, OFFICE, "",
	    "CN=Văn phòng\\, số 1,O=UBND TỈNH,L=Tỉnh,C=VN", hash_b, false, false },
	{ "From and certificate of a colleague", "binh@tinh.example", AN, "binh@tinh.example", "",
	    hash_b, true, false },	/* from-not-yours refuses it, not the signature */
	{ "empty address in the certificate", AN, "", "", "", hash_b, false, false },
};

/* Resent-From is given here only where From is nobody's of ours; see test_judge. */
static const struct {
	const char *name, *from, *resent_from, *resent_sender, *email, *subject;
	bool bound, on_behalf;
	const char *signer;
} resent[] = {
	{ "the author's signature", "x@ngoai.example", AN, "", "x@ngoai.example", "", true, false,
	    "x@ngoai.example" },
	{ "signed by who sends it again", "x@ngoai.example", AN, "", AN, "", true, false, AN },
	{ "signed by a third one", "x@ngoai.example", AN, "", "binh@tinh.example", "", false, false, "" },
	{ "sent again by the agency", "x@ngoai.example", OFFICE, "", "",
	    "CN=Văn phòng\\, số 1,O=UBND TỈNH,L=Tỉnh,C=VN", true, false, OFFICE },
	{ "sent again for the chair", "x@ngoai.example", CHAIR, AN, AN, "", true, true, AN },
	{ "for the chair, without Resent-Sender", "x@ngoai.example", CHAIR, "", AN, "", false, false,
	    "" },
	{ "no From", "", AN, "", AN, "", false, false, "" },
};

static void
who_sends_again_may_sign(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(resent); i++) {
		struct binding_context c = { .from = slice_of(resent[i].from),
			.resent_from = slice_of(resent[i].resent_from),
			.resent_sender = slice_of(resent[i].resent_sender),
			.identities = identities, .identities_n = ARRAY_LEN(identities) };
		struct smime_result r = { .sig = SIG_VALID, .signers_n = 1 };
		struct binding_result out;

		r.signers[0].emails[0] = slice_of(resent[i].email);
		r.signers[0].emails_n = *resent[i].email != '\0';
		r.signers[0].subject = slice_of(resent[i].subject);
		binding_check(&c, &r, &out);
		if (out.bound != resent[i].bound || out.on_behalf != resent[i].on_behalf ||
		    !slice_is(out.signer, resent[i].signer))
			fail_msg("%s: %d %d %.*s", resent[i].name, out.bound, out.on_behalf,
			    (int)out.signer.n, out.signer.p);
	}
}

/* The bits say which of several signers it was: here person and agency, in both orders. */
static void
bound_signers_are_marked(void **state)
{
	static const struct { const char *from, *sender; unsigned person, agency; } rows[] = {
		{ AN, "", 1, 0 }, { OFFICE, "", 0, 1 }, { CHAIR, AN, 1, 0 }, { CHAIR, "", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (unsigned first = 0; first < 2; first++) {
			struct binding_context c = { .from = slice_of(rows[i].from),
				.sender = slice_of(rows[i].sender), .identities = identities,
				.identities_n = ARRAY_LEN(identities) };
			struct smime_result r = { .sig = SIG_VALID, .signers_n = 2 };
			struct binding_result out;

			r.signers[first].emails[0] = SLICE(AN);
			r.signers[first].emails_n = 1;
			r.signers[1 - first].subject =
			    SLICE("CN=Văn phòng\\, số 1,O=UBND TỈNH,L=Tỉnh,C=VN");
			binding_check(&c, &r, &out);
			assert_int_equal(out.signers, rows[i].person << first |
			    rows[i].agency << (1 - first));
			assert_int_equal(out.bound, out.signers != 0);
		}
}

static void
each_case_is_bound_or_not(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct binding_context c = { .from = slice_of(cases[i].from),
			.sender = slice_of(cases[i].sender), .identities = identities,
			.identities_n = ARRAY_LEN(identities) };
		struct smime_result r = { .sig = SIG_VALID, .signers_n = 1 };
		struct binding_result out;

		r.signers[0].emails[0] = slice_of(cases[i].email);
		r.signers[0].emails_n = *cases[i].email != '\0';
		r.signers[0].subject = slice_of(cases[i].subject);
		memcpy(r.signers[0].cert_sha256, cases[i].hash, 32);
		binding_check(&c, &r, &out);
		if (out.bound != cases[i].bound || out.on_behalf != cases[i].on_behalf)
			fail_msg("%s", cases[i].name);
		if (out.bound)
			assert_true(slice_eq(out.signer, out.on_behalf ? c.sender : c.from));
		/* One more signer, who is somebody else, changes nothing. */
		r.signers[1] = r.signers[0];
		r.signers[0] = (struct smime_signer){ .emails = { SLICE("z@z.example") },
			.emails_n = 1 };
		r.signers_n = 2;
		binding_check(&c, &r, &out);
		assert_int_equal(out.bound, cases[i].bound);
		/* No signer, nobody bound. */
		r.signers_n = 0;
		binding_check(&c, &r, &out);
		assert_false(out.bound);
	}
}

static const struct { const char *a, *b; bool same; } names[] = {
	{ "CN=An,O=UBND,C=VN", "cn=an, o = UBND , c=vn", true },
	{ "CN=An", "CN=An,O=UBND", false },
	{ "CN=An,O=UBND", "O=UBND,CN=An", false },
	{ "CN=An\\,O\\=UBND", "CN=An,O=UBND", false },
	{ "CN=A\\2CB", "CN=A\\,B", true },
	{ "CN=Nguy\\E1\\BB\\85n", "CN=Nguyễn", true },
	{ "CN=Nguyễn", "CN=Nguye\xcc\x82\xcc\x83n", true },		/* NFD */
	{ "CN=VĂN PHÒNG", "CN=văn  phòng", true },
	{ "emailAddress=a@b", "E=A@B", true },
	{ "OU=a+OU=b", "OU=a,OU=b", false },
	{ "CN=a\\01b", "CN=ab", false },
	{ "", "", false },
	{ "CN", "CN", false },
	{ "CN=a\\", "CN=a\\", false },
	{ "CN=\xff", "CN=\xff", false },
};

static void
names_are_compared_by_meaning(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (dn_same(slice_of(names[i].a), slice_of(names[i].b)) != names[i].same ||
		    dn_same(slice_of(names[i].b), slice_of(names[i].a)) != names[i].same)
			fail_msg("%s | %s", names[i].a, names[i].b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_case_is_bound_or_not),
		cmocka_unit_test(who_sends_again_may_sign),
		cmocka_unit_test(bound_signers_are_marked),
		cmocka_unit_test(names_are_compared_by_meaning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
