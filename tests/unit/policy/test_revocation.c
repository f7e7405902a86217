/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Is a certificate revoked: responses, lists of any age, both together, what was once seen, and the
 * same at a moment in the past.
 */
#include "tests/unit/policy/situation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "policy/smime/revoked.h"
#include "policy/trust.h"

#define UNKNOWN	SIG_UNKNOWN_REVOCATION
#define DAY	86400

static int64_t now_s;

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
	    "ca A R\nca B R\nee f B | serial=9\nee e A | serial=9\nnocrl A\nocsp B B f good", UNKNOWN,
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
	{ "response: revoked, weak digest", "ca A R\nee e A\nnocrl A\nocsp A A e revoked | sha=sha1",
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
	    "crl A | issuingDistributionPoint=critical,@idpB\nocsp O A e good | with", SIG_OK, false },
	{ "responder revoked",
	    "ca A R\nee O A | extendedKeyUsage=OCSPSigning | crlDistributionPoints=dpB\nee e A\n"
	    "crl A | issuingDistributionPoint=critical,@idpB | revoke=O\n"
	    "ocsp O A e good | with", UNKNOWN, false },
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
	{ "old response: revoked", "ca A R\nee e A\nnocrl A\nocsp A A e revoked | this=-90 | next=-80",
	    SIG_REVOKED, false },

	{ "list: good, response: revoked", "ca A R\nee e A\nocsp A A e revoked", SIG_REVOKED, false },
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
	{ "signed before it was revoked", "ca A R\nee e A | signed=-40\ncrl A | revoke=e:superseded",
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
			struct smime_result r = judge(&s, now_s + again, 0);

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
	    "ca A R | keyUsage=critical,keyCertSign\nca L R | name=/C=VN/O=Thu/CN=A | to=4\nee e A\n"
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
			struct smime_result r = judge(&s, now_s + courses[i].at[n].day * DAY, 0);

			if (r.reason == courses[i].at[n].reason && r.stale == courses[i].at[n].stale)
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
	{ "list of now, not known then", "ca A R\nee e A | signed=-60\ncrl A", -60, false, UNKNOWN },
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
	{ "revoked since", "ca A R\nee e A | signed=-60\ncrl A | revoke=e:superseded:-50", -60, true,
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
	    "ca A R\nee e A | signed=-60\ncrl A | revoke=e:superseded:-50", -49, true, SIG_REVOKED },
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

		situation_init(&s, views[i].script);
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

/* ---- what was once seen ---- */

static void
entries_are_read_and_written(void **state)
{
#define KEY	"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define FIRST	"congvu-revoked 1\n"
	static const struct { const char *text; int r; size_t count; } texts[] = {
		{ FIRST, OK, 0 },
		{ FIRST KEY " 01 1700000000 1\n", OK, 1 },
		{ FIRST "# ghi chu\n" KEY " 00 0 0\n#\n" KEY " 7f00 5 10\n", OK, 2 },
		{ FIRST KEY " 01 9 1\n" KEY " 01 7 4\n", OK, 1 },
		{ "", ERR_SYNTAX, 0 },
		{ "congvu-revoked 2\n", ERR_SYNTAX, 0 },
		{ FIRST KEY " 01 1700000000 1", ERR_SYNTAX, 0 },
		{ FIRST "\n", ERR_SYNTAX, 0 },
		{ FIRST KEY " 01 1700000000\n", ERR_SYNTAX, 0 },
		{ FIRST KEY " 01 1700000000 1 1\n", ERR_SYNTAX, 0 },
		{ FIRST KEY " 0 1700000000 1\n", ERR_SYNTAX, 0 },
		{ FIRST KEY " 0001 1700000000 1\n", ERR_SYNTAX, 0 },
		{ FIRST KEY " 0A 1700000000 1\n", ERR_SYNTAX, 0 },
		{ FIRST KEY "  1700000000 1\n", ERR_SYNTAX, 0 },
		{ FIRST KEY " 01 -5 1\n", ERR_SYNTAX, 0 },
		{ FIRST KEY " 01 1700000000 6\n", ERR_SYNTAX, 0 },
		{ FIRST KEY " 01 1700000000 8\n", ERR_SYNTAX, 0 },
		{ FIRST KEY " 01 1700000000 11\n", ERR_SYNTAX, 0 },
		{ FIRST KEY "00 01 1700000000 1\n", ERR_SYNTAX, 0 },
		{ FIRST "00 01 1700000000 1\n", ERR_SYNTAX, 0 },
		{ FIRST KEY " " KEY "00 1700000000 1\n", ERR_SYNTAX, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct slice text = slice_of(texts[i].text);
		struct revoked_list list, again;
		struct buf out;

		revoked_init(&list);
		revoked_init(&again);
		buf_init(&out, 4096);
		if (revoked_parse(&list, text) != texts[i].r)
			fail_msg("%s", texts[i].text);
		assert_int_equal(revoked_settle(&list), texts[i].count);
		assert_int_equal(revoked_write(&list, &out), OK);
		assert_int_equal(revoked_parse(&again, buf_slice(&out)), OK);
		assert_int_equal(revoked_settle(&again), texts[i].count);
		if (texts[i].count > 0)
			assert_memory_equal(again.entries, list.entries,
			    list.count * sizeof *list.entries);
		for (size_t n = 0; n < text.n; n++)	/* cut short at a line it is whole, or not */
			if (n > 17 && text.p[n - 1] != '\n')
				assert_int_equal(revoked_parse(&again, slice_sub(text, 0, n)),
				    ERR_SYNTAX);
		buf_fini(&out);
		revoked_fini(&list);
		revoked_fini(&again);
	}
}

static void
the_earliest_moment_stays(void **state)
{
	struct revoked_list list, more;
	const struct revoked_entry *e;

	(void)state;
	revoked_init(&list);
	revoked_init(&more);
	assert_int_equal(revoked_parse(&list, SLICE(FIRST KEY " 01 9 1\n" KEY " 0200 9 1\n")), OK);
	assert_int_equal(revoked_settle(&list), 2);
	assert_int_equal(revoked_parse(&more, SLICE(FIRST KEY " 01 5 1\n" KEY " 0200 11 1\n" KEY
	    " 03 1 1\n")), OK);
	assert_int_equal(revoked_settle(&more), 3);
	assert_int_equal(revoked_merge(&list, &more), OK);
	assert_int_equal(list.count, 3);
	e = revoked_find(&list, list.entries[0].issuer, SLICE("\1"));
	assert_int_equal(e->moment_s, 5);
	e = revoked_find(&list, list.entries[0].issuer, SLICE("\2\0"));
	assert_int_equal(e->moment_s, 9);
	assert_null(revoked_find(&list, list.entries[0].issuer, SLICE("\2")));
	assert_null(revoked_find(&list, (const unsigned char[32]){ 0 }, SLICE("\1")));
	revoked_fini(&list);
	revoked_fini(&more);
}

/* What a set proves, as an object for another set. */
static size_t
proven(struct situation *s, struct buf *blob)
{
	struct smime_options o = { .now_s = now_s };
	struct revoked_list list;
	struct buf text;
	size_t count;

	revoked_init(&list);
	buf_init(&text, 1 << 20);
	assert_int_equal(smime_trust_revoked(s->trust, &o, &list), OK);
	(void)revoked_settle(&list);
	count = list.count;
	assert_int_equal(revoked_write(&list, &text), OK);
	buf_clear(blob);
	assert_int_equal(smime_trust_add(blob, SMIME_REVOKED, buf_slice(&text)), OK);
	buf_fini(&text);
	revoked_fini(&list);
	return count;
}

/* The first script proves; the second has forgotten. */
static const struct {
	const char *name, *before, *after;
	size_t	    count;
	unsigned    reason;
} memories[] = {
	{ "list", "ca A R\nee e A\ncrl A | revoke=e", "ca A R\nee e A", 1, SIG_REVOKED },
	{ "response", "ca A R\nee e A\nocsp A A e revoked", "ca A R\nee e A", 1, SIG_REVOKED },
	{ "delta", "ca A R\nee e A\ncrl A\n"
	    "crl A | number=9 | deltaCRL=critical,ASN1:INTEGER:4 | revoke=e", "ca A R\nee e A", 1,
	    SIG_REVOKED },
	{ "authority", "ca A R\nee e A\ncrl R | revoke=A", "ca A R\nee e A", 1, SIG_REVOKED },
	{ "hold", "ca A R\nee e A\ncrl A | revoke=e:certificateHold", "ca A R\nee e A", 0, SIG_OK },
	{ "response: hold", "ca A R\nee e A\nocsp A A e hold", "ca A R\nee e A", 0, SIG_OK },
	{ "old list", "ca A R\nee e A\ncrl A | revoke=e | this=-90 | next=-80",
	    "ca A R\nee e A", 1, SIG_REVOKED },
	{ "forged list", "ca A R\nca B R\nee e A\ncrl A | revoke=e | sign=B", "ca A R\nee e A", 0,
	    SIG_OK },
	{ "list of an authority without a root",
	    "ca X R | issuer=/C=VN/CN=nowhere | -authorityKeyIdentifier\nca A X\nee e A\n"
	    "crl A | revoke=e", "ca X R\nca A X\nee e A", 0, SIG_OK },
	{ "that number of an authority of the same name",
	    "ca B R | name=/C=VN/O=Thu/CN=A\nee e B\ncrl B | revoke=e", "ca A R\nee e A", 1,
	    SIG_OK },
	{ "another key for lists", "ca A R | keyUsage=critical,keyCertSign\n"
	    "ca L R | name=/C=VN/O=Thu/CN=A\nee e A | serial=70\nnocrl A\ncrl L | revoke=e",
	    "ca A R\nee e A | serial=70", 2, SIG_REVOKED },
	{ "list of another for it",
	    "ca A R\nca X R\nee e A | crlDistributionPoints=dpX\n"
	    "crl X | issuingDistributionPoint=critical,@idpX | revoke=e",
	    "ca A R\nca X R\nee e A | crlDistributionPoints=dpX", 1, SIG_REVOKED },
	{ "list of another whom the certificate does not name",
	    "ca A R\nca X R\nee e A\n"
	    "crl X | issuingDistributionPoint=critical,@idpX | revoke=e",
	    "ca A R\nca X R\nee e A", 1, SIG_OK },
	{ "renewed certificate of the authority", "ca A R\nee e A | serial=70\ncrl A | revoke=e",
	    "ca B R | name=/C=VN/O=Thu/CN=A | key=A\nee e B | serial=70", 1, SIG_REVOKED },
};

static void
once_revoked_stays_revoked(void **state)
{
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(memories); i++) {
		struct situation before, after;
		struct smime_result r;
		struct buf blob;
		size_t count;

		buf_init(&blob, 1 << 20);
		situation_init(&before, memories[i].before);
		situation_init(&after, memories[i].after);
		count = proven(&before, &blob);
		smime_trust_free(&after.trust);
		after.trust = situation_trust(&after, &blob);
		r = judge(&after, now_s, 0);
		if (count != memories[i].count || r.reason != memories[i].reason) {
			print_error("%s: %zu, %s\n", memories[i].name, count,
			    sig_reason_name(r.reason));
			wrong++;
		}
		situation_fini(&before);
		situation_fini(&after);
		buf_fini(&blob);
	}
	assert_int_equal(wrong, 0);
}

/* ---- the files of policyd ---- */

static char dir[64];

static void
put_file(const char *name, struct slice octets)
{
	char path[128], fresh[128];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	snprintf(fresh, sizeof fresh, "%s/.new", dir);
	f = fopen(fresh, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(octets.p, 1, octets.n, f), octets.n);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(rename(fresh, path), 0);
}

static unsigned
judge_by(struct situation *s, const struct trust *t)
{
	smime_trust_free(&s->trust);
	assert_int_equal(smime_trust_new(trust_blob(t), &s->trust), OK);
	return judge(s, now_s, 0).reason;
}

static struct trust *
load(void)
{
	char roots[128], pool[128], crls[128];
	struct trust_paths paths = { roots, pool, crls };
	struct trust *t = NULL;

	snprintf(roots, sizeof roots, "%s/root", dir);
	snprintf(pool, sizeof pool, "%s/pool", dir);
	snprintf(crls, sizeof crls, "%s/crls", dir);
	assert_int_equal(trust_load(&paths, &t), OK);
	return t;
}

static void
a_list_that_forgets_is_remembered(void **state)
{
	struct situation with, without, response;
	struct trust *t;

	(void)state;
	situation_init(&with, "ca A R\nee e A\ncrl A | revoke=e");
	situation_init(&without, "ca A R\nee e A\ncrl A | this=-1");
	situation_init(&response, "ca A R\nee e A\nocsp A A e good");
	snprintf(dir, sizeof dir, "/tmp/congvu-revoked.XXXXXX");
	assert_non_null(mkdtemp(dir));
	put_file("root", situation_object(&with, SMIME_ROOT, 0));
	put_file("pool", situation_object(&with, SMIME_INTERMEDIATE, 0));
	{
		char crls[128];

		snprintf(crls, sizeof crls, "%s/crls", dir);
		assert_int_equal(mkdir(crls, 0700), 0);
	}
	put_file("crls/root", situation_object(&without, SMIME_CRL, 1));
	put_file("crls/a", situation_object(&without, SMIME_CRL, 0));
	t = load();
	assert_int_equal(judge_by(&with, t), SIG_OK);
	put_file("crls/a", situation_object(&with, SMIME_CRL, 0));
	assert_int_equal(trust_refresh(t), 1);
	assert_int_equal(judge_by(&with, t), SIG_REVOKED);
	put_file("crls/a", situation_object(&without, SMIME_CRL, 0));
	assert_int_equal(trust_refresh(t), 1);
	assert_int_equal(judge_by(&with, t), SIG_REVOKED);
	/* The memory ends with the process; a file among the lists does not. */
	trust_free(&t);
	t = load();
	assert_int_equal(judge_by(&with, t), SIG_OK);
	{
		struct buf blob;

		buf_init(&blob, 1 << 20);
		smime_trust_free(&with.trust);
		with.trust = situation_trust(&with, NULL);
		assert_int_equal(proven(&with, &blob), 1);
		put_file("crls/revoked", slice_from(buf_slice(&blob), 5));
		buf_fini(&blob);
	}
	assert_int_equal(trust_refresh(t), 1);
	assert_int_equal(judge_by(&with, t), SIG_REVOKED);
	trust_free(&t);
	t = load();
	assert_int_equal(judge_by(&with, t), SIG_REVOKED);
	put_file("crls/answer.der", situation_object(&response, SMIME_OCSP, 0));
	assert_int_equal(trust_refresh(t), 1);
	assert_int_equal(judge_by(&with, t), SIG_REVOKED);
	{
		struct smime_trust_info info;

		smime_trust_info(with.trust, &info);
		assert_int_equal(info.crls, 2);
		assert_int_equal(info.ocsp, 1);
		assert_int_equal(info.revoked, 1);
	}
	trust_free(&t);
	situation_fini(&with);
	situation_fini(&without);
	situation_fini(&response);
	{
		char command[128];

		snprintf(command, sizeof command, "rm -rf %s", dir);
		assert_int_equal(system(command), 0);
	}
}

/* ---- objects that the fetcher looks at ---- */

static const struct {
	const char *name, *script;
	enum smime_object kind;
	unsigned    n;
	bool	    genuine, complete, delta;
	int	    this_day, next_day;
	unsigned    entries;
} objects[] = {
	{ "list", "ca A R\nee e A\ncrl A | revoke=e", SMIME_CRL, 0, true, true, false, -10, 10, 1 },
	{ "root's list", "ca A R\nee e A\ncrl R", SMIME_CRL, 0, true, true, false, -10, 10, 0 },
	{ "delta", "ca A R\nee e A\ncrl A | deltaCRL=critical,ASN1:INTEGER:4", SMIME_CRL, 0, true,
	    true, true, -10, 10, 0 },
	{ "list with something unknown",
	    "ca A R\nee e A\ncrl A | 1.3.6.1.4.1.55555.7=critical,ASN1:NULL", SMIME_CRL, 0, true,
	    false, false, -10, 10, 0 },
	{ "list, signature", "ca A R\nee e A\ncrl A | badsig", SMIME_CRL, 0, false, true, false, -10,
	    10, 0 },
	{ "list of an authority without a root",
	    "ca X R | issuer=/C=VN/CN=nowhere | -authorityKeyIdentifier\nca A X\nee e A\ncrl A",
	    SMIME_CRL, 0, false, true, false, -10, 10, 0 },
	{ "list of an end entity", "ca A R\nee e A\ncrl e", SMIME_CRL, 0, false, true, false, -10, 10,
	    0 },
	{ "indirect list", "ca A R\nca X R\nee e A\n"
	    "crl X | issuingDistributionPoint=critical,@idpX | revoke=e", SMIME_CRL, 0, true, true,
	    false, -10, 10, 1 },
	{ "response", "ca A R\nee e A\nocsp A A e good", SMIME_OCSP, 0, true, true, false, -2, 5, 1 },
	{ "response of a responder",
	    "ca A R\nee O A | extendedKeyUsage=OCSPSigning\nee e A\nocsp O A e good | with",
	    SMIME_OCSP, 0, true, true, false, -2, 5, 1 },
	{ "response, signature", "ca A R\nee e A\nocsp A A e good | badsig", SMIME_OCSP, 0, false,
	    true, false, -2, 5, 1 },
	{ "response of somebody else", "ca A R\nca B R\nee e A\nocsp B A e good", SMIME_OCSP, 0,
	    false, true, false, -2, 5, 1 },
};

static void
objects_are_told_apart(void **state)
{
	struct smime_options o = { .now_s = now_s };
	size_t wrong = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
		struct smime_status status;
		struct situation s;
		struct slice der;

		situation_init(&s, objects[i].script);
		der = situation_object(&s, objects[i].kind, objects[i].n);
		assert_int_equal(smime_status(s.trust, objects[i].kind, der, &o, &status), OK);
		if (status.genuine != objects[i].genuine || status.delta != objects[i].delta ||
		    status.complete != objects[i].complete ||
		    status.entries != objects[i].entries ||
		    labs(status.this_s - now_s - objects[i].this_day * DAY) > 60 ||
		    labs(status.next_s - now_s - objects[i].next_day * DAY) > 60) {
			print_error("%s: genuine %d, complete %d, delta %d, %u\n", objects[i].name,
			    status.genuine, status.complete, status.delta, status.entries);
			wrong++;
		}
		assert_int_equal(smime_status(s.trust, objects[i].kind, slice_sub(der, 0, der.n - 1),
		    &o, &status), ERR_SYNTAX);
		situation_fini(&s);
	}
	assert_int_equal(wrong, 0);
}

static void
scope_of(const char *script, enum smime_object kind, unsigned char out[32])
{
	struct smime_options o = { .now_s = now_s };
	struct smime_status status;
	struct situation s;

	situation_init(&s, script);
	assert_int_equal(smime_status(s.trust, kind, situation_object(&s, kind, 0), &o, &status), OK);
	memcpy(out, status.scope, 32);
	situation_fini(&s);
}

/* Two issues of one list have one scope; a delta, another point, another authority have others. */
static void
scopes_tell_issues_of_one_list(void **state)
{
	static const struct { enum smime_object kind; const char *a, *b; bool same; } pairs[] = {
		{ SMIME_CRL, "ca A R\nee e A\ncrl A", "ca A R\nee e A\ncrl A | this=-1 | revoke=e",
		    true },
		{ SMIME_CRL, "ca A R\nee e A\ncrl A", "ca B R\nee e B\ncrl B", false },
		{ SMIME_CRL, "ca A R\nee e A\ncrl A",
		    "ca A R\nee e A\ncrl A | deltaCRL=critical,ASN1:INTEGER:4", false },
		{ SMIME_CRL, "ca A R\nee e A\ncrl A",
		    "ca A R\nee e A\ncrl A | issuingDistributionPoint=critical,@idpA", false },
		{ SMIME_OCSP, "ca A R\nee e A\nocsp A A e good",
		    "ca A R\nee e A\nocsp A A e revoked | this=-1", true },
		{ SMIME_OCSP, "ca A R\nee e A\nocsp A A e good",
		    "ca A R\nee f A\nee e A\nocsp A A e good", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		unsigned char a[32], b[32];

		scope_of(pairs[i].a, pairs[i].kind, a);
		scope_of(pairs[i].b, pairs[i].kind, b);
		if ((memcmp(a, b, 32) == 0) != pairs[i].same)
			fail_msg("%s | %s", pairs[i].a, pairs[i].b);
	}
}

static int
setup(void **state)
{
	now_s = (int64_t)time(NULL);
	return situation_setup(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(evidence_is_added_up),
		cmocka_unit_test(time_passes_over_one_trust_set),
		cmocka_unit_test(a_moment_in_the_past_can_be_judged),
		cmocka_unit_test(entries_are_read_and_written),
		cmocka_unit_test(the_earliest_moment_stays),
		cmocka_unit_test(once_revoked_stays_revoked),
		cmocka_unit_test(a_list_that_forgets_is_remembered),
		cmocka_unit_test(objects_are_told_apart),
		cmocka_unit_test(scopes_tell_issues_of_one_list),
	};

	return cmocka_run_group_tests(tests, setup, situation_teardown);
}
