/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Signatures by keys in files and in a token of SoftHSM, looked at by "openssl cms -verify". */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <sodium.h>

#include "directory/keyd_signer.h"
#include "directory/keyd_uri.h"
#include "directory/proto.h"

static char dir[] = "/tmp/congvu-signer-XXXXXX";
static const char *module;

static void PRINTF_LIKE(1, 2)
run(const char *fmt, ...)
{
	char command[4096];
	int n = snprintf(command, sizeof command, "cd %s && { ", dir);
	va_list ap;

	va_start(ap, fmt);
	n += vsnprintf(command + n, sizeof command - (size_t)n, fmt, ap);
	va_end(ap);
	snprintf(command + n, sizeof command - (size_t)n, "; } >log 2>&1 || { cat log; false; }");
	if (system(command) != 0)
		fail_msg("%s", command);
}

static const char *
in_dir(const char *name)
{
	static char kept[32][128];
	static unsigned next;
	char *p = kept[next++ % ARRAY_LEN(kept)];

	snprintf(p, sizeof kept[0], "%s/%s", dir, name);
	return p;
}

static const char *
find_module(void)
{
	static const char *const places[] = { "/usr/lib/softhsm/libsofthsm2.so",
		"/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
		"/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
		"/usr/lib64/pkcs11/libsofthsm2.so" };

	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (access(places[i], R_OK) == 0)
			return places[i];
	return NULL;
}

static void
make_key(const char *name, const char *options)
{
	run("openssl genpkey %s -out %s.key && chmod 600 %s.key && openssl req -new -x509 -key %s.key "
	    "-config cnf -subj '/C=VN/O=UBND/CN=May quet so 1' -utf8 -out %s.pem -days 30", options,
	    name, name,
	    name, name);
	run("cat %s.pem >%s.all; cat rsa.pem >>%s.all", name, name, name);
}

static int
setup(void **state)
{
	(void)state;
	module = find_module();
	if (module == NULL)
		print_error("SoftHSM (package softhsm2) is not where it should be\n");
	if (module == NULL || sodium_init() < 0 || mkdtemp(dir) == NULL)
		return -1;
	run("printf '[req]\\ndistinguished_name=dn\\n[dn]\\n' >cnf");
	make_key("rsa", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048");
	make_key("ec", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256");
	run("echo 123456 >pin && echo 654321 >wrong && chmod 600 pin wrong");
	run("openssl pkcs8 -in rsa.key -topk8 -v2 aes-128-cbc -passout pass:x -out locked.key");
	run("chmod 600 locked.key");
	run("printf 'Content-Type: text/plain\\r\\n\\r\\nxin chao\\r\\n' >entity");
	run("mkdir tokens && printf 'directories.tokendir = %s/tokens\\n' >softhsm.conf", dir);
	setenv("SOFTHSM2_CONF", in_dir("softhsm.conf"), 1);
	run("softhsm2-util --init-token --free --label 'may chu' --so-pin 123456 --pin 123456");
	run("softhsm2-util --token 'may chu' --pin 123456 --import rsa.key --label ky-rsa --id 01");
	run("openssl pkcs8 -topk8 -nocrypt -in ec.key -out ec.p8 && softhsm2-util --token 'may chu' "
	    "--pin 123456 --import ec.p8 --label ky-ec --id a1b2");
	return 0;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", dir);
	return system(command);
}

static void
digest_of(const char *name, unsigned char out[SIGNER_DIGEST_OCTETS])
{
	char octets[4096];
	FILE *f = fopen(in_dir(name), "rb");
	size_t n;

	assert_non_null(f);
	n = fread(octets, 1, sizeof octets, f);
	fclose(f);
	crypto_hash_sha256(out, (const unsigned char *)octets, n);
}

static void
write_file(const char *name, struct slice s)
{
	FILE *f = fopen(in_dir(name), "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(s.p, 1, s.n, f), s.n);
	assert_int_equal(fclose(f), 0);
}

static struct conf_signer
conf_of(const char *certificate, const char *key, const char *uri, const char *pin)
{
	return (struct conf_signer){ .title = "may-quet", .certificate = in_dir(certificate),
		.key = key != NULL ? in_dir(key) : "", .pkcs11_module = uri != NULL ? module : "",
		.pkcs11_uri = uri != NULL ? uri : "", .pin_file = pin != NULL ? in_dir(pin) : "" };
}

/* The state of such a signer, open; *out is the caller's to free. */
static unsigned
open_signer(const struct conf_signer *c, bool *pin_refused, struct signer **out)
{
	struct buf why;
	unsigned state;

	buf_init(&why, 2048);
	assert_int_equal(signer_read(c, &why, out), OK);
	signer_open(*out, pin_refused, &why);
	state = signer_state(*out);
	if ((state == SIGN_READY) != (why.n == 0))
		fail_msg("state %u, said: %.*s", state, (int)why.n, why.p);
	buf_fini(&why);
	return state;
}

static void
check_signature(const char *certificate, struct signer *s)
{
	unsigned char digest[SIGNER_DIGEST_OCTETS];
	struct buf cms;

	buf_init(&cms, SIGNER_CMS_MAX);
	digest_of("entity", digest);
	assert_int_equal(signer_sign(s, digest, &cms), OK);
	write_file("cms", buf_slice(&cms));
	run("openssl cms -verify -binary -inform DER -in cms -content entity -CAfile %s -purpose any "
	    "-signer by.pem -out out && cmp out entity", certificate);
	run("openssl x509 -in %s -out one.pem && cmp one.pem by.pem", certificate);
	run("openssl cms -cmsout -print -inform DER -in cms >print && grep -q 'eContent: <ABSENT>' print && "
	    "grep -q signingTime print && grep -q 'object: messageDigest' print");
	run("! { printf x >>entity2; cat entity >>entity2; openssl cms -verify -binary -inform DER -in cms "
	    "-content entity2 -CAfile %s -purpose any -out out; }", certificate);
	buf_fini(&cms);
}

static const struct {
	const char *certificate, *key, *uri, *pin;
	unsigned state;
} rows[] = {
	{ "rsa.pem", "rsa.key", NULL, NULL, SIGN_READY },
	{ "ec.pem", "ec.key", NULL, NULL, SIGN_READY },
	{ "ec.all", "ec.key", NULL, NULL, SIGN_READY },
	{ "rsa.pem", "ec.key", NULL, NULL, SIGN_NO_KEY },
	{ "rsa.pem", "missing.key", NULL, NULL, SIGN_NO_KEY },
	{ "rsa.pem", "locked.key", NULL, NULL, SIGN_NO_KEY },
	{ "rsa.pem", "rsa.pem", NULL, NULL, SIGN_NO_KEY },
	{ "missing.pem", "rsa.key", NULL, NULL, SIGN_NO_CERTIFICATE },
	{ "rsa.key", "rsa.key", NULL, NULL, SIGN_NO_CERTIFICATE },
	{ "rsa.pem", NULL, "pkcs11:token=may%20chu;object=ky-rsa", "pin", SIGN_READY },
	{ "ec.pem", NULL, "pkcs11:token=may%20chu;id=%a1%b2", "pin", SIGN_READY },
	{ "ec.pem", NULL, "pkcs11:token=may%20chu;object=ky-rsa", "pin", SIGN_NO_KEY },
	{ "rsa.pem", NULL, "pkcs11:token=may%20chu;object=ky", "pin", SIGN_NO_KEY },
	{ "rsa.pem", NULL, "pkcs11:token=khac;object=ky-rsa", "pin", SIGN_NO_TOKEN },
	{ "rsa.pem", NULL, "pkcs11:token=may%20chu;object=ky-rsa", "missing", SIGN_NO_KEY },
	{ "rsa.pem", NULL, "pkcs11:object=ky-rsa", "pin", SIGN_NO_KEY },
};

static void
each_signer_is_ready_or_says_why(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct conf_signer c = conf_of(rows[i].certificate, rows[i].key, rows[i].uri,
		    rows[i].pin);
		bool refused = false;
		struct signer *s;
		unsigned found;

		found = open_signer(&c, &refused, &s);
		if (found != rows[i].state || refused)
			fail_msg("row %zu: state %u", i, found);
		if (found == SIGN_READY) {
			assert_string_equal(signer_subject(s), "CN=May quet so 1,O=UBND,C=VN");
			assert_true(signer_end_s(s) > 0);
			check_signature(rows[i].certificate, s);
		}
		signer_free(&s);
	}
}

/* Those who can read the key can sign as the server. */
static void
a_key_that_others_may_read_is_refused(void **state)
{
	struct conf_signer c = conf_of("rsa.pem", "rsa.key", NULL, NULL);
	bool refused = false;
	struct signer *s;

	(void)state;
	run("chmod 640 rsa.key");
	assert_int_equal(open_signer(&c, &refused, &s), SIGN_NO_KEY);
	signer_free(&s);
	run("chmod 600 rsa.key");
}

/* Three wrong attempts lock many tokens: one is all that is made, however often we start. */
static void
a_wrong_pin_is_tried_once(void **state)
{
	const char *uri = "pkcs11:token=may%20chu;object=ky-rsa";
	struct conf_signer wrong = conf_of("rsa.pem", NULL, uri, "wrong");
	struct conf_signer right = conf_of("rsa.pem", NULL, uri, "pin");
	bool refused = false;
	struct signer *s;

	(void)state;
	assert_int_equal(open_signer(&wrong, &refused, &s), SIGN_BAD_PIN);
	assert_true(refused);
	signer_free(&s);
	assert_int_equal(open_signer(&right, &refused, &s), SIGN_BAD_PIN);	/* not tried */
	assert_true(refused);
	signer_free(&s);
	refused = false;
	assert_int_equal(open_signer(&right, &refused, &s), SIGN_READY);
	signer_free(&s);
}

static const struct {
	const char *uri;
	int result;
} uris[] = {
	{ "pkcs11:token=a;object=b", OK },
	{ "PKCS11:serial=1;id=%00%ff;type=private", OK },
	{ "pkcs11:token=a", ERR_SYNTAX },
	{ "pkcs11:object=a", ERR_SYNTAX },
	{ "pkcs11:token=a;object=b;", ERR_SYNTAX },
	{ "pkcs11:token=a;object=b;slot-id=1", ERR_SYNTAX },
	{ "pkcs11:token=a;token=b;object=c", ERR_SYNTAX },
	{ "pkcs11:token=a;object=b;type=public", ERR_SYNTAX },
	{ "pkcs11:token=a;object=b%", ERR_SYNTAX },
	{ "pkcs11:token=a;object=b%1", ERR_SYNTAX },
	{ "pkcs11:token=a;object=b%1g", ERR_SYNTAX },
	{ "pkcs11:token=;object=b", ERR_SYNTAX },
	{ "pkcs11:token=a;object=b?pin-value=1", ERR_SYNTAX },
	{ "token=a;object=b", ERR_SYNTAX },
	{ "", ERR_SYNTAX },
};

static void
uris_name_one_key(void **state)
{
	struct keyd_uri uri;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(uris); i++)
		if (keyd_uri_parse(slice_of(uris[i].uri), &uri) != uris[i].result)
			fail_msg("%s", uris[i].uri);
	assert_int_equal(keyd_uri_parse(SLICE("pkcs11:token=m%61y%20chu;id=%00%A1"), &uri), OK);
	assert_true(keyd_uri_fits(&uri.token, SLICE("may chu")));
	assert_false(keyd_uri_fits(&uri.token, SLICE("may")));
	assert_true(keyd_uri_fits(&uri.id, (struct slice){ "\0\xa1", 2 }));
	assert_true(keyd_uri_fits(&uri.object, SLICE("whatever")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_signer_is_ready_or_says_why),
		cmocka_unit_test(a_key_that_others_may_read_is_refused),
		cmocka_unit_test(a_wrong_pin_is_tried_once),
		cmocka_unit_test(uris_name_one_key),
	};

	return cmocka_run_group_tests_name("signer", tests, setup, teardown);
}
