/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * What was once revoked, in sets, in policyd's files, as text; and what the fetcher is told of an
 * object before it takes it.
 */
#include "tests/unit/policy/situation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/smime/revoked.h"
#include "policy/trust.h"

#define DAY	86400

static unsigned
reason_now(struct situation *s)
{
	struct smime_options o = { .now_s = situation_now_s(), .revocation_grace_s = 72 * 3600 };

	return situation_verify(s, &o).reason;
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
		for (size_t n = 0; n < text.n; n++)	/* whole only at the end of a line */
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
	struct smime_options o = { .now_s = situation_now_s() };
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
	{ "response of a responder that is revoked itself",
	    "ca A R\nee O A | extendedKeyUsage=OCSPSigning | crlDistributionPoints=dpB\n"
	    "ee e A | serial=71\ncrl A | issuingDistributionPoint=critical,@idpB | revoke=O\n"
	    "ocsp O A e revoked | with", "ca A R\nee e A | serial=71", 1, SIG_OK },
	{ "response of a responder of whom nothing is known",
	    "ca A R\nee O A | extendedKeyUsage=OCSPSigning | serial=70\nee e A | serial=71\n"
	    "nocrl A\nocsp O A e revoked | with", "ca A R\nee e A | serial=71", 1, SIG_REVOKED },
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
		struct buf blob;
		unsigned reason;
		size_t count;

		buf_init(&blob, 1 << 20);
		situation_init(&before, memories[i].before);
		situation_init(&after, memories[i].after);
		count = proven(&before, &blob);
		smime_trust_free(&after.trust);
		after.trust = situation_trust(&after, &blob);
		reason = reason_now(&after);
		if (count != memories[i].count || reason != memories[i].reason) {
			print_error("%s: %zu, %s\n", memories[i].name, count,
			    sig_reason_name(reason));
			wrong++;
		}
		situation_fini(&before);
		situation_fini(&after);
		buf_fini(&blob);
	}
	assert_int_equal(wrong, 0);
}

/* An authority with many certificates proves the same over and over. */
static void
double_ones_do_not_fill_the_memory(void **state)
{
	struct smime_options o = { .now_s = situation_now_s() };
	struct revoked_entry one = { .serial_octets = 1 };
	struct revoked_list list;
	struct situation s;

	(void)state;
	revoked_init(&list);
	for (size_t i = 0; i < REVOKED_MAX; i++)
		assert_int_equal(revoked_add(&list, &one), OK);
	assert_int_equal(revoked_add(&list, &one), ERR_LIMIT);
	situation_init(&s, "ca A R\nee e A\ncrl A | revoke=e");
	assert_int_equal(smime_trust_revoked(s.trust, &o, &list), OK);
	(void)revoked_settle(&list);
	assert_int_equal(list.count, 2);
	situation_fini(&s);
	revoked_fini(&list);
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
	return reason_now(s);
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
make_folder(struct situation *s)
{
	char crls[128];

	snprintf(dir, sizeof dir, "/tmp/congvu-revoked.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(crls, sizeof crls, "%s/crls", dir);
	assert_int_equal(mkdir(crls, 0700), 0);
	put_file("root", situation_object(s, SMIME_ROOT, 0));
	put_file("pool", situation_object(s, SMIME_INTERMEDIATE, 0));
}

static void
remove_folder(void)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf %s", dir);
	assert_int_equal(system(command), 0);
}

/* The file that a fetcher would write. */
static void
put_revoked(struct situation *s)
{
	struct buf blob;

	buf_init(&blob, 1 << 20);
	smime_trust_free(&s->trust);
	s->trust = situation_trust(s, NULL);
	assert_int_equal(proven(s, &blob), 1);
	put_file("crls/revoked", slice_from(buf_slice(&blob), 5));
	buf_fini(&blob);
}

static void
a_list_that_forgets_is_remembered(void **state)
{
	struct situation with, without, response;
	struct smime_trust_info info;
	struct trust *t;

	(void)state;
	situation_init(&with, "ca A R\nee e A\ncrl A | revoke=e");
	situation_init(&without, "ca A R\nee e A\ncrl A | this=-1");
	situation_init(&response, "ca A R\nee e A\nocsp A A e good");
	make_folder(&with);
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
	put_revoked(&with);
	assert_int_equal(trust_refresh(t), 1);
	assert_int_equal(judge_by(&with, t), SIG_REVOKED);
	trust_free(&t);
	t = load();
	assert_int_equal(judge_by(&with, t), SIG_REVOKED);
	put_file("crls/answer", situation_object(&response, SMIME_OCSP, 0));
	assert_int_equal(trust_refresh(t), 1);
	assert_int_equal(judge_by(&with, t), SIG_REVOKED);
	smime_trust_info(with.trust, &info);
	assert_int_equal(info.crls, 2);
	assert_int_equal(info.ocsp, 1);
	assert_int_equal(info.revoked, 1);
	trust_free(&t);
	situation_fini(&with);
	situation_fini(&without);
	situation_fini(&response);
	remove_folder();
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
	{ "list, signature", "ca A R\nee e A\ncrl A | badsig", SMIME_CRL, 0, false, true, false,
	    -10,
	    10, 0 },
	{ "list of an authority without a root",
	    "ca X R | issuer=/C=VN/CN=nowhere | -authorityKeyIdentifier\nca A X\nee e A\ncrl A",
	    SMIME_CRL, 0, false, true, false, -10, 10, 0 },
	{ "list of an end entity", "ca A R\nee e A\ncrl e", SMIME_CRL, 0, false, true, false, -10,
	    10,
	    0 },
	{ "indirect list", "ca A R\nca X R\nee e A\n"
	    "crl X | issuingDistributionPoint=critical,@idpX | revoke=e", SMIME_CRL, 0, true, true,
	    false, -10, 10, 1 },
	{ "response", "ca A R\nee e A\nocsp A A e good", SMIME_OCSP, 0, true, true, false, -2, 5,
	    1 },
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
	struct smime_options o = { .now_s = situation_now_s() };
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
		    labs(status.this_s - situation_now_s() - objects[i].this_day * DAY) > 60 ||
		    labs(status.next_s - situation_now_s() - objects[i].next_day * DAY) > 60) {
			print_error("%s: genuine %d, complete %d, delta %d, %u\n", objects[i].name,
			    status.genuine, status.complete, status.delta, status.entries);
			wrong++;
		}
		assert_int_equal(smime_status(s.trust, objects[i].kind,
		    slice_sub(der, 0, der.n - 1), &o, &status), ERR_SYNTAX);
		situation_fini(&s);
	}
	assert_int_equal(wrong, 0);
}

static void
scope_of(const char *script, enum smime_object kind, unsigned char out[32])
{
	struct smime_options o = { .now_s = situation_now_s() };
	struct smime_status status;
	struct situation s;

	situation_init(&s, script);
	assert_int_equal(smime_status(s.trust, kind, situation_object(&s, kind, 0), &o, &status),
	    OK);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_are_read_and_written),
		cmocka_unit_test(the_earliest_moment_stays),
		cmocka_unit_test(once_revoked_stays_revoked),
		cmocka_unit_test(double_ones_do_not_fill_the_memory),
		cmocka_unit_test(a_list_that_forgets_is_remembered),
		cmocka_unit_test(objects_are_told_apart),
		cmocka_unit_test(scopes_tell_issues_of_one_list),
	};

	return cmocka_run_group_tests(tests, situation_setup, situation_teardown);
}
