/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Files are written, loaded and judged by what conf_load says of them. The base file is good; each
 * case changes one thing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "common/conf.h"

static char dir[] = "/tmp/congvu-conf.XXXXXX";
static char path[128];
static struct buf errors;

#define GENERAL_BASE "hostname = \"mail.tinh.example.vn\"\ndomains = {\"tinh.example.vn\", \"so.vn\"}\n"
#define TLS_BASE "tls {\n\tcertificate = \"/etc/c.pem\"\n\tkey = \"/etc/k.pem\"\n}\n"
#define LDAP_BASE "ldap {\n\turi = {\"ldap://127.0.0.1:389\"}\n\tbase = \"dc=vn\"\n}\n"
#define SIGN_BASE "signature {\n\troots = \"/etc/r.pem\"\n\tcrls = \"/etc/crl\"\n}\n"
#define BASE "profile = open\n" GENERAL_BASE TLS_BASE LDAP_BASE SIGN_BASE
#define SIGNER(title) "signer \"" title "\" {\n certificate = \"/c\"\n"

static void
write_file(const char *text, size_t n)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* Load a text; what was said is in errors. */
static struct conf *
load(const char *text)
{
	struct conf *conf = NULL;
	int r;

	buf_fini(&errors);
	write_file(text, strlen(text));
	r = conf_load(path, &conf, &errors);
	if (r == OK) {
		assert_int_equal(errors.n, 0);
		assert_non_null(conf);
	} else {
		assert_int_equal(r, ERR_CONF);
		assert_true(errors.n > 0);
		assert_null(conf);
	}
	return conf;
}

static struct conf *
load_good(const char *text)
{
	struct conf *conf = load(text);

	if (conf == NULL)
		fail_msg("refused: %s", buf_cstr(&errors));
	return conf;
}

static int
lines_said(void)
{
	int n = 0;

	for (size_t i = 0; i < errors.n; i++)
		n += errors.p[i] == '\n';
	return n;
}

/* One mistake, told in one line with this file, line and text. */
static bool
is_told(const char *text, unsigned line, const char *what)
{
	struct conf *conf = load(text);
	const char *said = conf != NULL ? "nothing" : buf_cstr(&errors);
	char where[160];

	conf_free(&conf);
	snprintf(where, sizeof where, "%s:%u: ", path, line);
	if (lines_said() == 1 && strncmp(said, where, strlen(where)) == 0 &&
	    strstr(said, what) != NULL)
		return true;
	print_error("want line %u, %s; said: %s\n", line, what, said);
	return false;
}

/* ---- good files ---- */

static void
defaults_fill_what_is_not_given(void **state)
{
	struct conf *c = load_good(BASE);

	(void)state;
	assert_int_equal(c->general.profile, PROFILE_OPEN);
	assert_string_equal(c->general.hostname, "mail.tinh.example.vn");
	assert_string_equal(c->general.authserv_id, "mail.tinh.example.vn");
	assert_int_equal(c->general.domains.n, 2);
	assert_string_equal(c->general.domains.v[1], "so.vn");
	assert_string_equal(c->general.run_dir, "/run/congvu");
	assert_int_equal(c->general.sandbox, CONF_SANDBOX_REQUIRED);
	assert_int_equal(c->tls.minimum, CONF_TLS_MIN_12);
	assert_string_equal(c->tls.key, "/etc/k.pem");
	assert_int_equal(c->limits.message_octets, 41943040);
	assert_int_equal(c->relay.retry.n, 5);
	assert_string_equal(c->relay.retry.v[4], "3600");
	assert_true(c->store.compress);
	assert_int_equal(c->listener_n, 0);
	assert_int_equal(c->route_n, 0);
	conf_free(&c);
	assert_null(c);
	conf_free(&c);
}

static void
every_kind_of_value_is_read(void **state)
{
	struct conf *c = load_good("# a comment\n" BASE
	    "internal-networks = {\"10.0.0.0/8\", \"2001:db8::/32\"}\n"
	    "log-level = debug\n"
	    "trust {\n fetch = true\n urls = {\"http://ca.vn\", \"https://[2001:db8::1]:8443/x?y=%20\"}\n"
	    " rewrite = {\"http://ocsp.ca.ptc http://ocsp.ca.vn:8080/\"}\n}\n"
	    "store {\n compress = false\n map-size = 1073741824\n}\n"
	    "listener \"mx\" {\n address = \"0.0.0.0\" port = 25 role = mx zone = internet\n}\n"
	    "listener \"imaps\" {\n address = \"::\"\n port = 993\n role = imap\n tls = implicit\n"
	    " zone = internal\n}\n"
	    "route \"r\" {\n domains = {\".gov.vn\", \"*\"}\n host = \"192.0.2.1\"\n zone = internet\n}\n"
	    "rule \"x\" {\n action = reject\n reason-vi = \"khong duoc\"\n reason-en = \"no\"\n"
	    " level-at-least = mat\n path = {submit, relay}\n}\n");

	(void)state;
	assert_int_equal(c->general.internal_networks.n, 2);
	assert_int_equal(c->general.log_level, 0);
	assert_false(c->store.compress);
	assert_int_equal(c->store.map_octets, 1073741824);
	assert_int_equal(c->listener_n, 2);
	assert_string_equal(c->listener[0].title, "mx");
	assert_int_equal(c->listener[0].port, 25);
	assert_int_equal(c->listener[0].tls, CONF_TLS_STARTTLS);
	assert_int_equal(c->listener[1].role, CONF_LISTEN_IMAP);
	assert_int_equal(c->listener[1].tls, CONF_TLS_IMPLICIT);
	assert_int_equal(c->listener[1].zone, ZONE_INTERNAL);
	assert_int_equal(c->route[0].domains.n, 2);
	assert_int_equal(c->rule[0].level_min, LEVEL_MAT);
	assert_int_equal(c->rule[0].level_max, LEVEL_TUYET_MAT);
	assert_int_equal(c->rule[0].action, CONF_ACTION_REJECT);
	assert_int_equal(c->rule[0].paths.n, 2);
	conf_free(&c);
}

/* ---- one mistake each; a mistake of a whole section is told with its last line ---- */

static void
each_mistake_is_told_with_its_line(void **state)
{
	static const struct { const char *text; unsigned line; const char *what; } cases[] = {
		{ BASE "colour = \"red\"\n", 16, "colour: there is no such key" },
		{ BASE "store {\n colour = 1\n}\n", 17, "colour: there is no such key" },
		{ BASE "route \"r\" {\n domains = {\"*\"}\n host = \"192.0.2.1\"\n"
		    " zone = outside\n}\n", 19,
		    "allowed words: internal|internet" },
		{ BASE "log-level = loud\n", 16, "log-level: \"loud\" is not one of the allowed words" },
		{ BASE "log-level = info\nlog-level = info\n", 17, "log-level: is given twice" },
		{ BASE "run-dir = \"run\"\n", 16, "run-dir: \"run\" is not an absolute path" },
		{ BASE "authserv-id = \"a b\"\n", 16, "authserv-id: \"a b\" is not a host name" },
		{ BASE "internal-networks = {\"10.0.0.1/8\"}\n", 16, "internal-networks" },
		{ BASE "internal-networks = {\"10.0.0.0/33\"}\n", 16, "internal-networks" },
		{ BASE "internal-networks = {\"somewhere\"}\n", 16, "internal-networks" },
		{ BASE "contact = {\"a\", \"b\", \"c\"}\n", 17, "contact: has 3 items (0 to 2)" },
		{ BASE "limits {\n recipients = 0\n}\n", 17, "recipients: \"0\" is out of range (1 to" },
		{ BASE "limits {\n recipients = 100001\n}\n", 17, "is out of range" },
		{ BASE "limits {\n recipients = many\n}\n", 17, "is not a whole number" },
		{ BASE "limits {\n recipients = \"-1\"\n}\n", 17, "is not a whole number" },
		{ BASE "limits {\n recipients = 18446744073709551617\n}\n", 17, "is out of range" },
		{ BASE "store {\n compress = maybe\n}\n", 17, "compress: \"maybe\" is neither" },
		{ BASE "listener \"l\" {\n address = \"127.0.0.1\"\n port = 25\n role = mx\n"
		    " zone = internet\n}\nroute \"r\" {\n domains = {\"*\"}\n host = \"127.0.0.1\"\n"
		    " zone = internet\n}\n", 26, "leads back to this server" },
		{ BASE "postmaster = \"nobody\"\n", 16, "is not a mail address" },
		{ BASE "postmaster = \"a b@tinh.example\"\n", 16, "is not a plain mail address" },
		{ BASE "trust {\n urls = {\"ldap://ca.vn/c.crl\"}\n}\n", 17, "is not an address http" },
		{ BASE "trust {\n urls = {\"http://u:p@ca.vn/\"}\n}\n", 17, "is not an address http" },
		{ BASE "trust {\n urls = {\"http://ca.vn:0/\"}\n}\n", 17, "is not an address http" },
		{ BASE "trust {\n urls = {\"http://[::1]x/\"}\n}\n", 17, "is not an address http" },
		{ BASE "trust {\n urls = {\"http://ca.vn/a b\"}\n}\n", 17, "is not an address http" },
		{ BASE "trust {\n proxy = \"proxy:3128\"\n}\n", 17, "is not an address http" },
		{ BASE "trust {\n rewrite = {\"http://ca.vn\"}\n}\n", 17, "http://FROM http://TO" },
		{ BASE "relay {\n retry = {\"60\", \"soon\"}\n}\n", 17, "retry: \"soon\"" },
		{ BASE "rule \"x\" {\n action = allow\n path = {write}\n}\n", 18, "path: \"write\" is not" },
		{ BASE "rule \"x\" {\n action = reject\n}\n", 18, "reason-vi and reason-en" },
		{ BASE "rule \"x\" {\n action = allow\n sign-as = \"y\"\n}\n", 19, "no signer \"y\"" },
		{ BASE "rule \"Công an\" {\n action = allow\n}\n", 18, "its title must be" },
		{ BASE "rule \"a]\" {\n action = allow\n}\n", 18, "its title must be" },
		{ BASE "rule \"x\" {\n action = allow\n sender = {\"annv\"}\n}\n", 18,
		    "sender: \"annv\" is neither" },
		{ BASE "rule \"x\" {\n action = allow\n sender = {\"tinh.example\"}\n}\n", 18,
		    "is neither an address nor a domain" },
		{ BASE "rule \"x\" {\n action = allow\n sender = {\"An <a@tinh.example>\"}\n}\n", 18,
		    "is neither an address nor a domain" },
		{ BASE "rule \"x\" {\n action = allow\n sender-unit = {\"Cong an\"}\n}\n", 18,
		    "sender-unit: \"Cong an\" is not a distinguished name" },
		{ BASE "incident {\n mailbox = \"a@khac.example\"\n}\n", 18,
		    "is in none of the domains" },
		{ BASE SIGNER("Y") " key = \"/k\"\n}\n", 19, "its title must be" },
		{ BASE SIGNER("y") "}\n", 18, "either key or pkcs11-module" },
		{ BASE SIGNER("y") " key = \"/k\" pkcs11-module = \"/m\" pkcs11-uri = \"u\"\n}\n", 19,
		    "either key or pkcs11-module" },
		{ BASE SIGNER("y") " pkcs11-module = \"/m\"\n}\n", 19, "go together" },
		{ BASE SIGNER("y") " key = \"/k\" pin-file = \"/p\"\n}\n", 19, "are for pkcs11-module" },
		{ BASE SIGNER("y") " key = \"k\"\n}\n", 19, "k is no absolute path" },
		{ BASE SIGNER("y") " key = \"/k\"\n}\n" SIGNER("y") " key = \"/k\"\n}\n", 20,
		    "duplicate" },
		{ BASE "rule \"x\" {\n action = allow\n level-at-least = mat\n level-at-most = thuong\n}\n",
		    20, "level-at-least is above" },
		{ BASE "rule \"x\" {\n action = allow\n reason-en = \"không\"\n}\n", 18, "printable ASCII" },
		{ BASE "listener \"a\" {\n address = \"localhost\" port = 25 role = mx zone = internet\n}\n",
		    17, "is neither an IPv4 or IPv6 address literal nor an absolute path" },
		{ BASE "listener \"a\" {\n address = \"/run/\" role = lmtp zone = internal\n}\n",
		    17, "is not the path of a socket" },
		{ BASE "listener \"a\" {\n address = \"/run/s\" role = mx zone = internal\n}\n",
		    18, "only role lmtp may listen at a path" },
		{ BASE "listener \"a\" {\n address = \"/run/s\" port = 24 role = lmtp zone = internal\n}\n",
		    18, "a UNIX socket has none" },
		{ BASE "listener \"a\" {\n address = \"/run/s\" role = lmtp tls = implicit\n zone = internal\n}\n",
		    19, "a UNIX socket never begins with it" },
		{ BASE "listener \"a\" {\n address = \"::1\" role = mx zone = internet\n}\n",
		    18, "port: is missing" },
		{ BASE "listener \"a\" {\n address = \"::1\" port = 65536 role = mx zone = internet\n}\n",
		    17, "port: \"65536\" is out of range" },
		{ BASE "listener \"a\" {\n address = \"::1\" port = 25 role = mx zone = internal\n}\n",
		    18, "internal-networks is empty" },
		{ BASE "route \"a\" {\n domains = {\"*\"} host = \"::1\" zone = internet tls = required\n}\n",
		    18, "ca: is needed" },
		{ "profile = open\n" GENERAL_BASE TLS_BASE SIGN_BASE
		  "ldap {\n uri = {\"ldap://192.0.2.1\"}\n base = \"dc=vn\"\n}\n", 15,
		    "would carry passwords in clear" },
		{ "profile = open\n" GENERAL_BASE TLS_BASE SIGN_BASE
		  "ldap {\n uri = {\"ldap://127.0.0.1.example.com\"}\n base = \"dc=vn\"\n}\n", 15,
		    "would carry passwords in clear" },
		{ "profile = open\n" GENERAL_BASE TLS_BASE SIGN_BASE
		  "ldap {\n uri = {\"ldap://localhost.example.com:389\"}\n base = \"dc=vn\"\n}\n", 15,
		    "would carry passwords in clear" },
		{ "profile = open\n" GENERAL_BASE TLS_BASE SIGN_BASE
		  "ldap {\n uri = {\"ldap://[::1].example.com\"}\n base = \"dc=vn\"\n}\n", 15,
		    "would carry passwords in clear" },
		{ "profile = open\nhostname = \"mail.vn.\"\ndomains = {\"so.vn\"}\n" TLS_BASE LDAP_BASE
		  SIGN_BASE, 2, "is not a host name" },
		{ "profile = open\n" GENERAL_BASE TLS_BASE SIGN_BASE
		  "ldap {\n uri = {\"http://192.0.2.1\"}\n base = \"dc=vn\"\n}\n", 13, "must begin with" },
		{ "profile = dedicated\n" GENERAL_BASE TLS_BASE LDAP_BASE SIGN_BASE, 1,
		    "legal-basis: is missing" },
		{ "profile = lan\nlegal-basis = \"1/QD\"\n" GENERAL_BASE TLS_BASE LDAP_BASE SIGN_BASE
		  "listener \"a\" {\n address = \"::1\" port = 25 role = mx zone = internet\n}\n", 19,
		    "the profile \"lan\" forbids any internet listener" },
		{ GENERAL_BASE TLS_BASE LDAP_BASE SIGN_BASE, 1, "profile: is missing. Choose one" },
		{ "profile = open\ndomains = {\"so.vn\"}\n" TLS_BASE LDAP_BASE SIGN_BASE, 15,
		    "hostname: is missing" },
		{ "profile = open\n" GENERAL_BASE TLS_BASE LDAP_BASE "signature {\n roots = \"/r\"\n}\n", 14,
		    "crls: is missing" },
	};
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		wrong += !is_told(cases[i].text, cases[i].line, cases[i].what);
	assert_int_equal(wrong, 0);
}

static void
all_mistakes_are_told_at_once(void **state)
{
	struct conf *conf = load("profile = open\ncolour = 1\n" GENERAL_BASE
	    "log-level = loud\nshape = { a, b }\n" TLS_BASE LDAP_BASE SIGN_BASE
	    "limits {\n recipients = none\n size = 3\n}\n");
	static const char *const want[] = { "colour", "log-level", "shape", "recipients", "size" };

	(void)state;
	assert_null(conf);
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		if (strstr(buf_cstr(&errors), want[i]) == NULL)
			fail_msg("%s is not told: %s", want[i], errors.p);
	assert_int_equal(lines_said(), 5);
}

static void
broken_syntax_is_an_error(void **state)
{
	static const char *const texts[] = { "", "{", "}", "profile", "profile =", "profile = \"open",
	    BASE "store {\n", BASE "store {\n # }\n", BASE "}\n", BASE "listener {\n port = 1\n}\n", "= = =\n",
	    BASE "store = 3\n", "\xff\xfe\n", };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct conf *conf = load(texts[i]);

		if (conf != NULL)
			fail_msg("case %zu is accepted", i);
	}
}

static void
files_that_cannot_be_read_are_named(void **state)
{
	struct conf *conf = NULL;
	char *big = malloc(2 << 20);

	(void)state;
	buf_fini(&errors);
	assert_int_equal(conf_load("/nonexistent/congvu.conf", &conf, &errors), ERR_CONF);
	assert_string_equal(buf_cstr(&errors),
	    "/nonexistent/congvu.conf:0: cannot be read: not found\n");
	buf_fini(&errors);
	assert_int_equal(conf_load(dir, &conf, &errors), ERR_CONF);
	buf_fini(&errors);
	write_file("profile = open\n\0", 16);
	assert_int_equal(conf_load(path, &conf, &errors), ERR_CONF);
	buf_fini(&errors);
	memset(big, '#', 2 << 20);
	write_file(big, 2 << 20);
	assert_int_equal(conf_load(path, &conf, &errors), ERR_CONF);
	assert_non_null(strstr(buf_cstr(&errors), "limit"));
	assert_null(conf);
	free(big);
}

static void
loopback_may_go_without_tls(void **state)
{
	static const char *const uris[] = { "ldap://127.0.0.1", "ldap://127.0.0.1:20389/",
	    "ldap://127.9.9.9:1", "ldap://[::1]", "ldap://[::1]:389", "ldap://localhost",
	    "ldap://LOCALHOST:389/", "ldaps://ldap.example.vn" };
	char text[1000];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(uris); i++) {
		struct conf *conf;

		snprintf(text, sizeof text, "profile = open\n" GENERAL_BASE TLS_BASE SIGN_BASE
		    "// a comment with } and \" in it\nldap { base = \"dc={vn\"\n"
		    "/* { */ uri = {\"%s\"} }\n", uris[i]);
		conf = load_good(text);
		conf_free(&conf);
	}
}

/* ---- what is asked of a configuration ---- */

static void
zones_are_internal_only_when_listener_and_address_are(void **state)
{
	static const struct { const char *address; bool internal; } cases[] = {
		{ "10.1.2.3", true }, { "11.1.2.3", false }, { "192.168.4.255", true },
		{ "192.168.5.0", false }, { "::ffff:10.1.2.3", true }, { "::ffff:11.1.2.3", false },
		{ "2001:db8:1::7", true }, { "2001:db9::7", false }, { "::1", false }, { "", false },
		{ "10.0.0.0/8", false }, { "fe80::1%eth0", false }, { "localhost", false },
		{ "10.1.2.3 ", false }, { "010.1.2.3", false },
	};
	struct conf *c = load_good(BASE
	    "internal-networks = {\"10.0.0.0/8\", \"192.168.4.0/24\", \"2001:db8::/32\"}\n"
	    "listener \"in\" {\n address = \"::\" port = 25 role = mx zone = internal\n}\n"
	    "listener \"out\" {\n address = \"::\" port = 26 role = mx zone = internet\n}\n"
	    "listener \"path\" {\n address = \"/run/s\" role = lmtp zone = internal\n}\n");

	(void)state;
	assert_int_equal(conf_session_zone(c, &c->listener[2], "unix"), ZONE_INTERNAL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (conf_is_internal(c, cases[i].address) != cases[i].internal)
			fail_msg("%s", cases[i].address);
		assert_int_equal(conf_session_zone(c, &c->listener[0], cases[i].address),
		    cases[i].internal ? ZONE_INTERNAL : ZONE_INTERNET);
		assert_int_equal(conf_session_zone(c, &c->listener[1], cases[i].address),
		    ZONE_INTERNET);
	}
	conf_free(&c);
}

static void
routes_are_found_by_the_first_match(void **state)
{
	static const struct { const char *domain; const char *title; } cases[] = {
		{ "bo.gov.vn", "gov" }, { "BO.GOV.VN", "gov" }, { "gov.vn", "all" },
		{ "xgov.vn", "all" }, { "a.b.gov.vn", "gov" }, { "exact.vn", "exact" },
		{ "sub.exact.vn", "all" }, { "", "all" },
	};
	struct conf *c = load_good(BASE
	    "route \"gov\" {\n domains = {\".gov.vn\"} host = \"192.0.2.1\" zone = internal\n}\n"
	    "route \"exact\" {\n domains = {\"exact.vn\"} host = \"192.0.2.2\" zone = internet\n}\n"
	    "route \"all\" {\n domains = {\"*\"} host = \"192.0.2.3\" zone = internet\n}\n"
	    "internal-networks = {\"10.0.0.0/8\"}\n");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct conf_route *r = conf_route_for(c, slice_of(cases[i].domain));

		assert_non_null(r);
		assert_string_equal(r->title, cases[i].title);
	}
	assert_true(conf_is_local_domain(c, SLICE("Tinh.Example.VN")));
	assert_false(conf_is_local_domain(c, SLICE("x.tinh.example.vn")));
	assert_false(conf_is_local_domain(c, SLICE("")));
	conf_free(&c);
	c = load_good(BASE);
	assert_null(conf_route_for(c, SLICE("a.vn")));
	conf_free(&c);
}

static void
the_manual_has_every_key(void **state)
{
	static const char *const keys[] = { "profile", "internal-networks", "certificate", "map-size",
	    "revocation-grace", "message-size", "retry", "tls-name", "reason-vi" };
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	conf_manual(&b);
	assert_int_equal(b.err, OK);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		char item[64];

		snprintf(item, sizeof item, "\n.It Cm %s\n", keys[i]);
		if (strstr(buf_cstr(&b), item) == NULL)
			fail_msg("%s", keys[i]);
	}
	buf_fini(&b);
}

static int
set_up(void **state)
{
	(void)state;
	buf_init(&errors, 1 << 20);
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/congvu.conf", dir);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	buf_fini(&errors);
	unlink(path);
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(defaults_fill_what_is_not_given),
		cmocka_unit_test(every_kind_of_value_is_read),
		cmocka_unit_test(each_mistake_is_told_with_its_line),
		cmocka_unit_test(loopback_may_go_without_tls),
		cmocka_unit_test(all_mistakes_are_told_at_once),
		cmocka_unit_test(broken_syntax_is_an_error),
		cmocka_unit_test(files_that_cannot_be_read_are_named),
		cmocka_unit_test(zones_are_internal_only_when_listener_and_address_are),
		cmocka_unit_test(routes_are_found_by_the_first_match),
		cmocka_unit_test(the_manual_has_every_key),
	};

	return cmocka_run_group_tests(t, set_up, tear_down);
}
