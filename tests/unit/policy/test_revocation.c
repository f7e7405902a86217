/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Is a certificate revoked: responses, lists of any age, both together, and the same at a moment in
 * the past.
 */
#include "tests/unit/policy/situation.h"

#define UNKNOWN	SIG_UNKNOWN_REVOCATION
#define DAY	86400

/* ---- one moment ---- */

static const struct row {
	const char *name, *script;
	unsigned    reason;
	bool	    stale;
} rows[] = {
	{ "response of the authority", "ca A R\nee e A\nnocrl A\nocsp A A e good", SIG_OK, false },
	{ "response, SHA-256 in its question",
	    "ca A R\nee e A\nnocrl A\nocsp A A e good | hash=sha256", SIG_OK, false },
	{ "response: revoked", "ca A R\nee e A\nnocrl A\nocsp A A e revoked", SIG_REVOKED, false },
	{ "response: on hold", "ca A R\nee e A\nnocrl A\nocsp A A e hold", SIG_REVOKED, false },
	{ "response: unknown", "ca A R\nee e A\nnocrl A\nocsp A A e unknown", UNKNOWN, false },
	{ "response: unknown, list: good", "ca A R\nee e A\nocsp A A e unknown", SIG_OK, false },
	{ "response for the authority", "ca A R\nee e A\nnocrl R\nocsp R R A good", SIG_OK, false },
	{ "response: authority revoked", "ca A R\nee e A\nnocrl R\nocsp R R A revoked",
	    SIG_REVOKED, false },
	{ "response about another", "ca A R\nee f A\nee e A\nnocrl A\nocsp A A f good", UNKNOWN,
	    false },
	{ "response about that number of another authority",
	    "ca A R\nca B R\nee f B | serial=9\nee e A | serial=9\nnocrl A\nocsp B B f good",
	    UNKNOWN,
	    false },
	{ "response for the same name, another key",
	    "ca A R\nca B R | name=/C=VN/O=Thu/CN=A\nee e A\nnocrl A\nnocrl B\nocsp B B e good",
	    UNKNOWN, false },
	{ "response by another authority", "ca A R\nca B R\nee e A\nnocrl A\nocsp B A e good",
	    UNKNOWN, false },
	{ "response by the root", "ca A R\nee e A\nnocrl A\nocsp R A e good", UNKNOWN, false },
	{ "response, signature", "ca A R\nee e A\nnocrl A\nocsp A A e good | badsig", UNKNOWN,
	    false },
	{ "response: revoked, signature", "ca A R\nee e A\nocsp A A e revoked | badsig", SIG_OK,
	    false },
	{ "response, weak digest", "ca A R\nee e A\nnocrl A\nocsp A A e good | sha=sha1", UNKNOWN,
	    false },
	{ "response: revoked, weak digest", "ca A R\nee e A\nnocrl A\nocsp A A e revoked | "
	    "sha=sha1",
	    SIG_REVOKED, false },
	{ "response by itself", "ca A R\nee e A\nnocrl A\nocsp e A e good | with", UNKNOWN, false },

	{ "appointed responder", "ca A R\nee O A | extendedKeyUsage=OCSPSigning | noCheck=ignored\n"
	    "ee e A\nnocrl A\nocsp O A e good | with", SIG_OK, false },
	{ "appointed responder: revoked",
	    "ca A R\nee O A | extendedKeyUsage=OCSPSigning | noCheck=ignored\n"
	    "ee e A\nnocrl A\nocsp O A e revoked | with", SIG_REVOKED, false },
	{ "appointed responder, without its certificate",
	    "ca A R\nee O A | extendedKeyUsage=OCSPSigning | noCheck=ignored\n"
	    "ee e A\nnocrl A\nocsp O A e good", UNKNOWN, false },
	{ "responder without that purpose", "ca A R\nee O A | noCheck=ignored\n"
	    "ee e A\nnocrl A\nocsp O A e good | with", UNKNOWN, false },
	{ "responder for any purpose",
	    "ca A R\nee O A | extendedKeyUsage=anyExtendedKeyUsage | noCheck=ignored\n"
	    "ee e A\nnocrl A\nocsp O A e good | with", UNKNOWN, false },
	{ "responder whose key is for encryption", "ca A R\n"
	    "ee O A | extendedKeyUsage=OCSPSigning | noCheck=ignored | keyUsage=keyEncipherment\n"
	    "ee e A\nnocrl A\nocsp O A e good | with", UNKNOWN, false },
	{ "responder with a critical extension", "ca A R\nee O A | extendedKeyUsage=OCSPSigning | "
	    "noCheck=ignored | 1.3.6.1.4.1.55555.1=critical,ASN1:NULL\n"
	    "ee e A\nnocrl A\nocsp O A e good | with", UNKNOWN, false },
	{ "responder of another authority",
	    "ca A R\nca B R\nee O B | extendedKeyUsage=OCSPSigning | noCheck=ignored\n"
	    "ee e A\nnocrl A\nocsp O A e good | with", UNKNOWN, false },
	{ "responder under the root", "ca A R\nee O R | extendedKeyUsage=OCSPSigning | "
	    "noCheck=ignored\nee e A\nnocrl A\nocsp O A e good | with", UNKNOWN, false },
	{ "responder whose certificate is over", "ca A R\n"
	    "ee O A | extendedKeyUsage=OCSPSigning | noCheck=ignored | to=-1\n"
	    "ee e A\nnocrl A\nocsp O A e good | with", UNKNOWN, false },
	{ "responder without an end of its own state",
	    "ca A R\nee O A | extendedKeyUsage=OCSPSigning\nee e A\nnocrl A\n"
	    "ocsp O A e good | with", UNKNOWN, false },
	{ "responder in good standing",
	    "ca A R\nee O A | extendedKeyUsage=OCSPSigning | crlDistributionPoints=dpB\nee e A\n"
	    "crl A | issuingDistributionPoint=critical,@idpB\nocsp O A e good | with", SIG_OK,
	    false },
	{ "responder revoked",
	    "ca A R\nee O A | extendedKeyUsage=OCSPSigning | crlDistributionPoints=dpB\nee e A\n"
	    "crl A | issuingDistributionPoint=critical,@idpB | revoke=O\n"
	    "ocsp O A e good | with", UNKNOWN, false },
	{ "responder that needs no check, revoked in an old list",
	    "ca A R\nee O A | extendedKeyUsage=OCSPSigning | noCheck=ignored\nee e A\n"
	    "crl A | this=-30 | next=-20 | revoke=O\nocsp O A e good | with", UNKNOWN, false },
	{ "responders that vouch for each other",
	    "ca A R\nee O A | extendedKeyUsage=OCSPSigning\nee P A | extendedKeyUsage=OCSPSigning\n"
	    "ee e A\nnocrl A\nocsp O A P good | with\nocsp P A O good | with\n"
	    "ocsp O A e good | with", UNKNOWN, false },

	{ "response past its time", "ca A R\nee e A\nnocrl A\nocsp A A e good | next=-2", SIG_OK,
	    true },
	{ "response past the grace", "ca A R\nee e A\nnocrl A\nocsp A A e good | this=-9 | next=-4",
	    UNKNOWN, false },
	{ "response without an end", "ca A R\nee e A\nnocrl A\nocsp A A e good | next=none", SIG_OK,
	    true },
	{ "response without an end, old",
	    "ca A R\nee e A\nnocrl A\nocsp A A e good | this=-4 | next=none", UNKNOWN, false },
	{ "response from the future", "ca A R\nee e A\nnocrl A\nocsp A A e good | this=1 | next=9",
	    UNKNOWN, false },
	{ "old response: revoked", "ca A R\nee e A\nnocrl A\nocsp A A e revoked | this=-90 | "
	    "next=-80",
	    SIG_REVOKED, false },

	{ "list: good, response: revoked", "ca A R\nee e A\nocsp A A e revoked", SIG_REVOKED,
	    false },
	{ "list: revoked, newer response: good",
	    "ca A R\nee e A\ncrl A | revoke=e\nocsp A A e good", SIG_REVOKED, false },
	{ "list: on hold, newer response: good",
	    "ca A R\nee e A\ncrl A | revoke=e:certificateHold\nocsp A A e good", SIG_OK, false },
	{ "list: on hold, older response: good",
	    "ca A R\nee e A\ncrl A | revoke=e:certificateHold | this=-1\nocsp A A e good",
	    SIG_REVOKED, false },
	{ "response: on hold, newer list: good",
	    "ca A R\nee e A\ncrl A | this=-1\nocsp A A e hold", SIG_OK, false },
	{ "list too old, response fresh",
	    "ca A R\nee e A\ncrl A | this=-30 | next=-9\nocsp A A e good", SIG_OK, false },
	{ "response too old, list fresh",
	    "ca A R\nee e A\nocsp A A e good | this=-30 | next=-9", SIG_OK, false },
	{ "list in its grace, response fresh",
	    "ca A R\nee e A\ncrl A | this=-30 | next=-1\nocsp A A e good", SIG_OK, false },

	{ "list past its time", "ca A R\nee e A\ncrl A | next=-2", SIG_OK, true },
	{ "authority's list past its time", "ca A R\nee e A\ncrl R | next=-2", SIG_OK, true },
	{ "list past the grace", "ca A R\nee e A\ncrl A | next=-4", UNKNOWN, false },
	{ "list without an end", "ca A R\nee e A\ncrl A | next=none", UNKNOWN, false },
	{ "list from the future", "ca A R\nee e A\ncrl A | this=1 | next=9", UNKNOWN, false },
	{ "list from the future and one of now", "ca A R\nee e A\ncrl A\ncrl A | this=1 | next=9",
	    SIG_OK, false },
	{ "list from the future: revoked since long",
	    "ca A R\nee e A\ncrl A\ncrl A | this=1 | next=9 | revoke=e", SIG_REVOKED, false },
	{ "an old list and a fresh one", "ca A R\nee e A\ncrl A | next=-2\ncrl A", SIG_OK, false },
	{ "forgotten by a newer list",
	    "ca A R\nee e A\ncrl A | revoke=e | this=-9\ncrl A | this=-1", SIG_REVOKED, false },
	{ "hold forgotten by a newer list",
	    "ca A R\nee e A\ncrl A | revoke=e:certificateHold | this=-9\ncrl A | this=-1", SIG_OK,
	    false },
	{ "hold in the newer list",
	    "ca A R\nee e A\ncrl A | revoke=e:certificateHold | this=-1\ncrl A | this=-9",
	    SIG_REVOKED, false },
	{ "hold, and a newer list for some reasons",
	    "ca A R\nee e A\ncrl A | revoke=e:certificateHold | this=-9\n"
	    "crl A | this=-1 | issuingDistributionPoint=critical,@idpSome", SIG_REVOKED, false },
	{ "to be removed from a list that is no delta",
	    "ca A R\nee e A\ncrl A | revoke=e:removeFromCRL", SIG_REVOKED, false },
	{ "a list in a weak digest", "ca A R\nee e A\ncrl A | sha=sha1", UNKNOWN, false },
	{ "a list in a weak digest, revoked", "ca A R\nee e A\ncrl A | sha=sha1 | revoke=e",
	    SIG_REVOKED, false },
	/* A message signed before the revocation, or so it says: nobody else says so. */
	{ "signed before it was revoked", "ca A R\nee e A | signed=-40\ncrl A | "
	    "revoke=e:superseded",
	    SIG_REVOKED, false },
};

static struct smime_result
judge(struct situation *s, int64_t at_s, int64_t known_s)
{
	struct smime_options o = { .now_s = at_s, .revocation_grace_s = 72 * 3600,
		.known_s = known_s };

	return situation_verify(s, &o);
}

static void
evidence_is_added_up(void **state)
{
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct situation s;

		situation_init(&s, rows[i].script);
		for (int again = 0; again < 2; again++) {
			struct smime_result r = judge(&s, situation_now_s() + again, 0);

			if (r.reason == rows[i].reason && r.stale == rows[i].stale)
				continue;
			print_error("%s: %s%s\n", rows[i].name, sig_reason_name(r.reason),
			    r.stale ? ", stale" : "");
			wrong++;
		}
		situation_fini(&s);
	}
	assert_int_equal(wrong, 0);
}

/* ---- several moments, one trust set: the cache must not matter ---- */

static const struct {
	const char *name, *script;
	struct { int day; unsigned reason; bool stale; } at[4];	/* in this order */
} courses[] = {
	{ "a list ages", "ca A R\nee e A\ncrl A | next=4\ncrl R | next=90",
	    { { 0, SIG_OK, false }, { 5, SIG_OK, true }, { 8, UNKNOWN, false },
	    { 3, SIG_OK, false } } },
	{ "a revocation that is announced",
	    "ca A R\nee e A\ncrl R | next=90\ncrl A | next=90\n"
	    "crl A | this=4 | next=90 | revoke=e:superseded:5",
	    { { 0, SIG_OK, false }, { 3, SIG_OK, false }, { 6, SIG_REVOKED, false },
	    { 2, SIG_OK, false } } },
	{ "a list of tomorrow",
	    "ca A R\nee e A\ncrl R | next=90\ncrl A | this=1 | next=20",
	    { { 0, UNKNOWN, false }, { 2, SIG_OK, false }, { 22, SIG_OK, true },
	    { 24, UNKNOWN, false } } },
	{ "a response ages with its signer",
	    "ca A R\nee O A | extendedKeyUsage=OCSPSigning | noCheck=ignored | to=4\nee e A\n"
	    "nocrl A\ncrl R | next=90\nocsp O A e good | with | next=60",
	    { { 0, SIG_OK, false }, { 5, SIG_OK, true }, { 8, UNKNOWN, false },
	    { 1, SIG_OK, false } } },
	{ "the key for lists ends",
	    "ca A R | keyUsage=critical,keyCertSign\nca L R | name=/C=VN/O=Thu/CN=A | to=4\n"
	    "ee e A\n"
	    "nocrl A\ncrl R | next=90\ncrl L | next=60",
	    { { 0, SIG_OK, false }, { 3, SIG_OK, false }, { 5, UNKNOWN, false },
	    { 1, SIG_OK, false } } },
	{ "a hold of a moment", "ca A R\nee e A\ncrl R | next=90\n"
	    "crl A | next=90 | revoke=e:certificateHold\ncrl A | this=4 | next=90",
	    { { 0, SIG_REVOKED, false }, { 5, SIG_OK, false }, { 1, SIG_REVOKED, false },
	    { 6, SIG_OK, false } } },
	{ "a certificate ends", "ca A R\nee e A | to=3\ncrl R | next=90\ncrl A | next=90",
	    { { 0, SIG_OK, false }, { 2, SIG_OK, false }, { 4, SIG_EXPIRED, false },
	    { 0, SIG_OK, false } } },
};

static void
time_passes_over_one_trust_set(void **state)
{
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(courses); i++) {
		struct situation s;

		situation_init(&s, courses[i].script);
		for (size_t n = 0; n < ARRAY_LEN(courses[i].at); n++) {
			struct smime_result r = judge(&s,
			    situation_now_s() + courses[i].at[n].day * DAY, 0);

			if (r.reason == courses[i].at[n].reason &&
			    r.stale == courses[i].at[n].stale)
				continue;
			print_error("%s, day %d: %s%s\n", courses[i].name, courses[i].at[n].day,
			    sig_reason_name(r.reason), r.stale ? ", stale" : "");
			wrong++;
		}
		situation_fini(&s);
	}
	assert_int_equal(wrong, 0);
}

/* ---- the view of an archive: judged at a moment in the past, with what is known now ---- */

static const struct {
	const char *name, *script;
	int	    day;
	bool	    is_known;	/* what was published since counts */
	unsigned    reason;
} views[] = {
	{ "list of now", "ca A R\nee e A | signed=-60\ncrl A", -60, true, SIG_OK },
	{ "list of now, not known then", "ca A R\nee e A | signed=-60\ncrl A", -60, false,
	    UNKNOWN },
	{ "expired now", "ca A R\nee e A | signed=-60 | to=-30\ncrl A | this=-40 | next=-31", -60,
	    true, SIG_OK },
	{ "expired now, judged now",
	    "ca A R\nee e A | signed=-60 | to=-30\ncrl A | this=-40 | next=-31", 0, true,
	    SIG_EXPIRED },
	{ "expired now, list of then",
	    "ca A R\nee e A | signed=-60 | to=-30\ncrl A | this=-62 | next=-58\n"
	    "crl R | this=-62 | next=-58", -60, false, SIG_OK },
	{ "the list came after its end and may have dropped it",
	    "ca A R\nee e A | signed=-60 | to=-30\ncrl A", -60, true, UNKNOWN },
	{ "the list keeps what has ended",
	    "ca A R\nee e A | signed=-60 | to=-30\n"
	    "crl A | 2.5.29.60=ASN1:GENERALIZEDTIME:20200101000000Z", -60, true, SIG_OK },
	{ "response of now", "ca A R\nee e A | signed=-60\nnocrl A\nocsp A A e good", -60, true,
	    SIG_OK },
	{ "revoked since", "ca A R\nee e A | signed=-60\ncrl A | revoke=e:superseded:-50", -60,
	    true,
	    SIG_OK },
	{ "revoked since, and a list of then",
	    "ca A R\nee e A | signed=-60\ncrl A | revoke=e:superseded:-50\n"
	    "crl A | this=-62 | next=-58", -60, true, SIG_OK },
	{ "revoked before", "ca A R\nee e A | signed=-60\ncrl A | revoke=e:superseded:-70\n"
	    "crl A | this=-62 | next=-58", -60, true, SIG_REVOKED },
	{ "revoked since, invalid before",
	    "ca A R\nee e A | signed=-60\ncrl A | revoke=e:keyCompromise:-50:-70\n"
	    "crl A | this=-62 | next=-58", -60, true, SIG_REVOKED },
	{ "revoked since, as seen on the day after",
	    "ca A R\nee e A | signed=-60\ncrl A | revoke=e:superseded:-50", -49, true,
	    SIG_REVOKED },
	{ "response: revoked since", "ca A R\nee e A | signed=-60\nnocrl A\n"
	    "ocsp A A e revoked | moment=-50", -60, true, SIG_OK },
	{ "not yet", "ca A R\nee e A | signed=-60 | from=-50\ncrl A", -60, true, SIG_EXPIRED },
};

static void
a_moment_in_the_past_can_be_judged(void **state)
{
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(views); i++) {
		struct situation s;
		struct smime_result r;
		int64_t now_s;

		situation_init(&s, views[i].script);
		now_s = situation_now_s();
		(void)judge(&s, now_s, 0);	/* the verdict of now, in the cache */
		r = judge(&s, now_s + views[i].day * DAY, views[i].is_known ? now_s : 0);
		if (r.reason != views[i].reason) {
			print_error("%s: %s\n", views[i].name, sig_reason_name(r.reason));
			wrong++;
		}
		situation_fini(&s);
	}
	assert_int_equal(wrong, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(evidence_is_added_up),
		cmocka_unit_test(time_passes_over_one_trust_set),
		cmocka_unit_test(a_moment_in_the_past_can_be_judged),
	};

	return cmocka_run_group_tests(tests, situation_setup, situation_teardown);
}
