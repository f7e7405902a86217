/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * What congvu-trust lets replace what in the folder of CRLs. With one of the controls
 * "trust-genuine", "trust-newer" and "trust-answers" off it must fail.
 */
#include "tests/unit/policy/pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "policy/fetch/keep.h"
#include "policy/seen.h"
#include "policy/smime/revoked.h"
#include "policy/trust.h"
#include "tests/unit/common/scratch.h"

enum { DAY_S = 86400 };

static char dir[64];
static struct buf base;

/* A list of CA, issued last_s ago and good for a day. */
static struct slice
make_crl(const char *ca, int last_s, const char *name)
{
	pki_run("fmt() { date -u -d @$(($(date +%%s) $1)) +%%Y%%m%%d%%H%%M%%SZ; }; CA=%s KU=x EKU=x SAN=x "
	    "openssl ca -config cnf -gencrl -crl_lastupdate $(fmt %+d) -crl_nextupdate $(fmt +%d) -out %s", ca,
	    -last_s, DAY_S, name);
	return pki_read(name);
}

static void
begin(struct keep *k)
{
	struct smime_options o = { .now_s = clock_real_s(), .purpose = SMIME_ANY_PURPOSE };
	struct folder f;

	assert_int_equal(folder_open(dir, &f), OK);
	assert_int_equal(keep_init(k, &f, buf_slice(&base), &o), OK);
}

static int
take(struct keep *k, struct slice content)
{
	struct job j = { .point.ocsp = false };

	return keep_take(k, &j, content);
}

static size_t
count_lists(void)
{
	struct keep k;
	size_t n;

	begin(&k);
	n = k.crls_n;
	keep_fini(&k);
	return n;
}

static void
only_a_newer_genuine_list_replaces(void **state)
{
	struct slice older = make_crl("inter", 7200, "k1.crl"),
	    newer = make_crl("inter", 60, "k2.crl");
	struct keep k;

	(void)state;
	begin(&k);
	assert_int_equal(take(&k, older), 1);
	assert_int_equal(take(&k, older), 0);
	assert_int_equal(take(&k, newer), 1);
	assert_int_equal(take(&k, older), ERR_EXIST);
	assert_int_equal(take(&k, newer), 0);
	assert_int_equal(take(&k, pki_read("crls/foreign.crl")), ERR_CRYPTO);
	assert_int_equal(take(&k, make_crl("inter", -7200, "k3.crl")), ERR_INVAL);
	assert_int_equal(take(&k, SLICE("")), ERR_SYNTAX);
	assert_int_equal(take(&k, SLICE("<html>")), ERR_SYNTAX);
	assert_int_equal(take(&k, pki_read("inter.pem")), ERR_SYNTAX);
	assert_int_equal(take(&k, SLICE("congvu-revoked 1\n")), ERR_SYNTAX);
	/* Another authority's list has a place of its own. */
	assert_int_equal(take(&k, make_crl("root", 60, "k4.crl")), 1);
	keep_fini(&k);
	assert_int_equal(count_lists(), 2);
}

static void
what_was_not_asked_for_is_not_taken(void **state)
{
	struct job j = { .point.asked = SLICE("\x30\x00") };
	struct keep k;

	(void)state;
	begin(&k);
	assert_int_equal(keep_take(&k, &j, make_crl("inter", 30, "k5.crl")), ERR_INVAL);
	keep_fini(&k);
}

static void
write_file(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static int
damage(void *arg, const char *name)
{
	(void)arg;
	if (strncmp(name, "crl-", 4) == 0)
		write_file(name, "\x30\x82");
	return OK;
}

static void
a_damaged_list_makes_room(void **state)
{
	struct slice list = make_crl("inter", 20, "k6.crl");
	struct keep k;

	(void)state;
	begin(&k);
	assert_int_equal(take(&k, list), 1);
	assert_int_equal(folder_each(&k.folder, damage, NULL), OK);
	assert_int_equal(take(&k, list), 1);
	assert_int_equal(take(&k, list), 0);
	assert_int_equal(take(&k, make_crl("root", 40, "k8.crl")), 1);
	keep_fini(&k);
}

static void
what_is_revoked_is_noted(void **state)
{
	size_t revoked, grown;
	struct buf text;
	struct keep k;

	(void)state;
	begin(&k);
	assert_int_equal(take(&k, make_crl("inter", 10, "k7.crl")), 1);
	assert_int_equal(keep_finish(&k, &revoked, &grown), OK);
	assert_true(revoked == 1 && grown == 1);
	assert_int_equal(keep_finish(&k, &revoked, &grown), OK);
	assert_true(revoked == 1 && grown == 0);
	buf_init(&text, 4096);
	assert_int_equal(folder_read(&k.folder, "revoked", &text), OK);
	assert_true(revoked_is(buf_slice(&text)));
	buf_fini(&text);
	/* A memory that cannot be read is not written over. */
	write_file("revoked", "congvu-revoked 1\nx\n");
	assert_int_not_equal(keep_finish(&k, &revoked, &grown), OK);
	assert_int_equal(folder_read(&k.folder, "revoked", &text), OK);
	assert_string_equal(buf_cstr(&text), "congvu-revoked 1\nx\n");
	buf_fini(&text);
	assert_int_equal(folder_remove(&k.folder, "revoked"), OK);
	keep_fini(&k);
}

static void
lists_that_ended_long_ago_go(void **state)
{
	size_t revoked, grown, before = count_lists();
	struct keep k;

	(void)state;
	assert_true(before >= 2);
	begin(&k);
	k.options.now_s += 29 * DAY_S;
	assert_int_equal(keep_finish(&k, &revoked, &grown), OK);
	keep_fini(&k);
	assert_int_equal(count_lists(), before);
	begin(&k);
	k.options.now_s += 32 * DAY_S;
	assert_int_equal(keep_finish(&k, &revoked, &grown), OK);
	keep_fini(&k);
	assert_int_equal(count_lists(), 0);
}

/* policyd has met as many people as it keeps, and there are as many responses as the keeper does:
 * the run that begins with all of them is the one that matters most. */
static void
many_were_met(void **state)
{
	struct smime_options o = { .now_s = clock_real_s(), .purpose = SMIME_ANY_PURPOSE };
	struct slice der, list = make_crl("inter", 5, "k9.crl");
	size_t revoked, grown;
	struct folder f;
	struct buf many;
	struct keep k;

	(void)state;
	pki_run("openssl x509 -in an.pem -outform DER -out an.der");
	der = pki_read("an.der");
	buf_init(&many, TRUST_BLOB_MAX);
	buf_add(&many, buf_slice(&base));
	for (size_t i = 0; i < SEEN_MAX; i++)
		assert_int_equal(smime_trust_add(&many, SMIME_INTERMEDIATE, der), OK);
	assert_int_equal(folder_open(dir, &f), OK);
	assert_int_equal(keep_init(&k, &f, buf_slice(&many), &o), OK);
	assert_int_equal(take(&k, list), 1);
	assert_int_equal(keep_finish(&k, &revoked, &grown), OK);
	assert_int_equal(revoked, 1);
	keep_fini(&k);
	buf_fini(&many);
}

static int
setup(void **state)
{
	if (pki_setup(state) != 0)
		return -1;
	snprintf(dir, sizeof dir, "/tmp/congvu-keep.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	buf_init(&base, 1 << 20);
	return trust_parse_file(pki_read("root.pem"), SMIME_ROOT, &base) == OK &&
	    trust_parse_file(pki_read("inter.pem"), SMIME_INTERMEDIATE, &base) == OK ? 0 : -1;
}

static int
teardown(void **state)
{
	buf_fini(&base);
	scratch_remove(dir);
	return pki_teardown(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_a_newer_genuine_list_replaces),
		cmocka_unit_test(what_was_not_asked_for_is_not_taken),
		cmocka_unit_test(a_damaged_list_makes_room),
		cmocka_unit_test(what_is_revoked_is_noted),
		cmocka_unit_test(lists_that_ended_long_ago_go),
		cmocka_unit_test(many_were_met),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
