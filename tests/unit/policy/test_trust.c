/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "tests/unit/policy/pki.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "policy/trust.h"

static char roots[128], pool[128], crls[128];
static unsigned told_broken;

static void
on_log(void *arg, enum log_event_id event, struct slice line)
{
	(void)arg;
	(void)line;
	if (event == EV_CRL_FAILED || event == EV_CONFIG_ERROR)
		told_broken++;
	else
		fail_msg("unexpected event %s", log_event_name(event));
}

static struct trust *
load(void)
{
	struct trust_paths paths = { roots, pool, crls };
	struct trust *t = NULL;

	assert_int_equal(trust_load(&paths, &t), OK);
	return t;
}

static struct smime_trust_info
info(const struct trust *t)
{
	struct smime_trust *parsed = NULL;
	struct smime_trust_info i;

	assert_int_equal(smime_trust_new(trust_blob(t), &parsed), OK);
	smime_trust_info(parsed, &i);
	smime_trust_free(&parsed);
	return i;
}

static void
files_are_read_as_pem_and_der(void **state)
{
	struct trust *t;
	struct smime_trust_info i;

	(void)state;
	pki_run("mkdir -p c && cp crls/inter.crl c/ && "
	    "openssl crl -in crls/root.crl -outform DER -out c/root.der && "
	    "cat root.pem foreign.pem > both.pem && echo ghi chu >> both.pem");
	snprintf(roots, sizeof roots, "%s/both.pem", pki_dir());
	snprintf(pool, sizeof pool, "%s/pool.pem", pki_dir());
	snprintf(crls, sizeof crls, "%s/c", pki_dir());
	t = load();
	i = info(t);
	assert_int_equal(i.roots, 2);
	assert_int_equal(i.intermediates, 3);
	assert_int_equal(i.crls, 2);
	assert_true(i.crl_next_update_s > 0);
	assert_int_equal(trust_refresh(t), 0);
	trust_free(&t);
}

static void
changes_are_seen_and_damage_is_not_believed(void **state)
{
	static const char *const damage[] = { "head -c 400 crls/inter.crl > n", "echo xx > n",
	    "printf -- '-----BEGIN X509 CRL-----\\nAAAA\\n-----END X509 CRL-----\\n' > n",
	    "cp /dev/null n; printf '0\\203' > n" };
	struct trust *t = load();
	uint64_t generation = trust_generation(t);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(damage); i++) {
		told_broken = 0;
		pki_run("%s; mv n c/inter.crl", damage[i]);
		assert_int_equal(trust_refresh(t), 0);
		assert_int_equal(told_broken, 1);
		assert_int_equal(info(t).crls, 2);
		assert_int_equal(trust_generation(t), generation);
		assert_int_equal(trust_refresh(t), 0);
		assert_int_equal(told_broken, 1);	/* told once */
	}
	pki_run("cp crls/names.crl c/names.crl");
	assert_int_equal(trust_refresh(t), 1);
	assert_int_equal(info(t).crls, 3);
	assert_true(trust_generation(t) > generation);
	pki_run("rm c/names.crl c/root.der");
	assert_int_equal(trust_refresh(t), 1);
	assert_int_equal(info(t).crls, 1);
	pki_run("cp both.pem roots.pem && rm both.pem");	/* roots never vanish from a running server */
	assert_int_equal(trust_refresh(t), 0);
	assert_int_equal(info(t).roots, 2);
	trust_free(&t);
}

/* In a sound file every object can be used: one that cannot must not stop all the others. */
static void
a_list_without_a_moment_is_damage(void **state)
{
	struct slice list, broken;
	struct trust *t;
	char utc[16];
	const char *at;

	(void)state;
	pki_run("mv roots.pem both.pem; cp crls/inter.crl c/inter.crl; "
	    "openssl crl -in crls/inter.crl -outform DER -out inter.crl.der");
	list = pki_read("inter.crl.der");
	t = load();
	/* thisUpdate is the first time in it. */
	at = memmem(list.p, list.n, "\x17\x0d", 2);
	assert_non_null(at);
	memcpy(utc, at + 2, 13);
	utc[13] = '\0';
	broken = pki_replace(list, utc, "991399999999Z");
	told_broken = 0;
	pki_write("c/more.der", broken);
	assert_int_equal(trust_refresh(t), 0);
	assert_int_equal(told_broken, 1);
	pki_run("cp crls/names.crl c/names.crl");
	assert_int_equal(trust_refresh(t), 1);
	assert_int_equal(info(t).crls, 2);
	pki_run("rm c/names.crl c/more.der both.pem");
	assert_int_equal(trust_refresh(t), 1);
	trust_free(&t);
}

static void
start_needs_sound_files(void **state)
{
	struct trust_paths paths = { roots, "", crls };
	struct trust *t = NULL;

	(void)state;
	assert_int_equal(trust_load(&paths, &t), ERR_CONF);	/* no roots at all */
	assert_null(t);
	pki_run("cp root.pem both.pem; echo xx > c/inter.crl");
	assert_int_equal(trust_load(&paths, &t), ERR_CONF);	/* a broken list */
	pki_run("cp crls/inter.crl c/inter.crl; echo '-----BEGIN CERTIFICATE-----' > both.pem");
	assert_int_equal(trust_load(&paths, &t), ERR_CONF);
	pki_run("cp root.pem both.pem");
	assert_int_equal(trust_load(&paths, &t), OK);
	trust_free(&t);
}

/* Names for one list, from first on; so many as a province has. */
static void
name_again(unsigned first, unsigned end, bool there)
{
	char list[160], name[160];

	snprintf(list, sizeof list, "%s/crls/inter.crl", pki_dir());
	for (unsigned i = first; i < end; i++) {
		snprintf(name, sizeof name, "%s/c/many%u", pki_dir(), i);
		assert_int_equal(there ? link(list, name) : unlink(name), 0);
	}
}

static void
thousands_of_files_are_read(void **state)
{
	enum { OTHERS = 3 };	/* roots, pool, c/inter.crl */
	uint64_t generation;
	struct trust *t;

	(void)state;
	told_broken = 0;
	pki_run("cp crls/inter.crl c/inter.crl");
	name_again(0, TRUST_FILES_MAX - OTHERS, true);
	t = load();
	assert_int_equal(info(t).crls, TRUST_FILES_MAX - 2);
	assert_int_equal(trust_refresh(t), 0);
	/* As many as there is room for, others in place of some: no file of either is missed. */
	name_again(0, 100, false);
	name_again(TRUST_FILES_MAX, TRUST_FILES_MAX + 100, true);
	assert_int_equal(trust_refresh(t), 1);
	assert_int_equal(info(t).crls, TRUST_FILES_MAX - 2);
	assert_int_equal(told_broken, 100);
	/* One too many: told once, and nothing changes. */
	generation = trust_generation(t);
	pki_run("cp crls/names.crl c/names.crl; cp crls/root.crl c/inter.crl");
	assert_int_equal(trust_refresh(t), ERR_LIMIT);
	assert_int_equal(trust_refresh(t), ERR_LIMIT);
	assert_int_equal(told_broken, 101);
	assert_int_equal(trust_generation(t), generation);
	/* Room again: also what was read meanwhile counts. */
	pki_run("rm c/names.crl");
	assert_int_equal(trust_refresh(t), 1);
	assert_true(trust_generation(t) > generation);
	name_again(100, TRUST_FILES_MAX - OTHERS, false);
	name_again(TRUST_FILES_MAX, TRUST_FILES_MAX + 100, false);
	trust_free(&t);
}

static void
broken_blobs_are_refused(void **state)
{
	struct smime_trust *parsed = NULL;
	struct buf blob;
	struct slice whole;

	(void)state;
	buf_init(&blob, 1 << 20);
	assert_int_equal(trust_parse_file(pki_read("root.pem"), SMIME_ROOT, &blob), OK);
	assert_int_equal(trust_parse_file(pki_read("root.pem"), SMIME_CRL, &blob), OK);
	whole = buf_slice(&blob);
	for (size_t n = 1; n < whole.n; n += 13) {
		assert_int_equal(smime_trust_new(slice_sub(whole, 0, n), &parsed), ERR_SYNTAX);
		assert_null(parsed);
	}
	buf_fini(&blob);
}

static int
setup(void **state)
{
	int r = pki_setup(state);

	log_test_capture(on_log, NULL);
	return r;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_read_as_pem_and_der),
		cmocka_unit_test(changes_are_seen_and_damage_is_not_believed),
		cmocka_unit_test(a_list_without_a_moment_is_damage),
		cmocka_unit_test(start_needs_sound_files),
		cmocka_unit_test(thousands_of_files_are_read),
		cmocka_unit_test(broken_blobs_are_refused),
	};

	return cmocka_run_group_tests(tests, setup, pki_teardown);
}
