/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * What congvu-trust decides without a network: which addresses it asks, where instead of where,
 * what is one question, what the file of the last run says, and that a file of the folder is whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/fetch/folder.h"
#include "policy/fetch/http.h"
#include "policy/fetch/jobs.h"
#include "policy/fetch/state.h"
#include "policy/fetch/url.h"
#include "tests/unit/common/scratch.h"

/* ---- addresses ---- */

static void
only_http_is_fetched(void **state)
{
	static const char *const good[] = { "http://ca.gov.vn/a.crl", "HTTPS://ca.gov.vn:8443",
		"http://10.1.2.3/x?y=1&z=%20", "http://[2001:db8::1]/",
		"http://[2001:db8::1]:80/" };
	static const char *const bad[] = { "", "ldap://ca.vn/cn=x?certificateRevocationList",
		"file:///etc/passwd", "gopher://ca.vn/", "http://", "http:///x", "http://a@ca.vn/",
		"http://ca.vn:0/", "http://ca.vn:65536/", "http://ca.vn:80:80/", "http://ca.vn/a b",
		"http://ca.vn/\r\nHost: x", "http://ca.vn/\xc3\xa9", "http://-x.vn/", "http://[::1",
		"http://[]/", "http://[::1]x/", " http://ca.vn/", "http://ca_vn/x" };
	char long_one[URL_OCTETS_MAX + 2];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		if (!url_is_fetchable(slice_of(good[i])))
			fail_msg("%s", good[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (url_is_fetchable(slice_of(bad[i])))
			fail_msg("%s", bad[i]);
	assert_false(url_is_fetchable(SLICE("http://ca.vn/\0.evil")));
	memset(long_one, 'a', sizeof long_one);
	memcpy(long_one, "http://ca.vn/", 13);
	assert_true(url_is_fetchable((struct slice){ long_one, URL_OCTETS_MAX }));
	assert_false(url_is_fetchable((struct slice){ long_one, URL_OCTETS_MAX + 1 }));
}

static void
the_first_pair_that_fits_rewrites(void **state)
{
	static const char *v[] = { "http://ocsp.ca.ptc http://10.9.8.7:8080/ocsp",
		"http://ca.vn/old/ http://ca.vn/new/", "http://ca.vn http://mirror.vn",
		"http://x.vn/a?b http://y.vn/", "http://z.vn/crl http://w.vn" };
	const struct conf_list pairs = { v, ARRAY_LEN(v) };
	static const struct {
		const char *from, *to;
		bool	    changed;
	} cases[] = {
		{ "http://ocsp.ca.ptc", "http://10.9.8.7:8080/ocsp", true },
		{ "http://ocsp.ca.ptc/", "http://10.9.8.7:8080/ocsp/", true },
		{ "HTTP://OCSP.CA.PTC/a?b", "http://10.9.8.7:8080/ocsp/a?b", true },
		{ "http://ocsp.ca.ptc.evil.vn/", "http://ocsp.ca.ptc.evil.vn/", false },
		{ "http://ocsp.ca.ptcx", "http://ocsp.ca.ptcx", false },
		{ "https://ocsp.ca.ptc/", "https://ocsp.ca.ptc/", false },
		{ "http://ca.vn/old/c.crl", "http://ca.vn/new/c.crl", true },
		{ "http://ca.vn/OLD/c.crl", "http://mirror.vn/OLD/c.crl", true },
		{ "http://ca.vn/c.crl", "http://mirror.vn/c.crl", true },
		{ "http://x.vn/a?b", "http://y.vn/", true },
		{ "http://x.vn/a?bc", "http://x.vn/a?bc", false },
		{ "http://x.vn/a", "http://x.vn/a", false },
		{ "http://z.vn/crl/1", "http://w.vn/1", true },
		{ "http://z.vn/crl?1", "http://w.vn/?1", true },
		{ "http://z.vn/crl:8/1", "http://z.vn/crl:8/1", false },	/* that is no port */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out;

		buf_init(&out, 4096);
		assert_int_equal(url_rewrite(&pairs, slice_of(cases[i].from), &out),
		    cases[i].changed);
		assert_string_equal(buf_cstr(&out), cases[i].to);
		buf_fini(&out);
	}
}

static void
servers_are_told_apart(void **state)
{
	(void)state;
	assert_true(slice_is(url_server(SLICE("http://a.vn:80/x/y")), "http://a.vn:80"));
	assert_true(slice_is(url_server(SLICE("http://a.vn")), "http://a.vn"));
}

/* With the control "trust-address" off this must fail. */
static void
certificates_do_not_send_us_home(void **state)
{
	static const struct {
		const char *address;
		bool	    may;
	} cases[] = {
		{ "10.1.2.3", true }, { "192.168.1.1", true }, { "203.162.0.1", true },
		{ "127.0.0.1", false }, { "127.255.1.2", false }, { "0.0.0.0", false },
		{ "0.1.2.3", false }, { "169.254.169.254", false }, { "224.0.0.1", false },
		{ "255.255.255.255", false }, { "2001:db8::1", true }, { "fd00::1", true },
		{ "::1", false }, { "::", false }, { "fe80::1", false }, { "ff02::1", false },
		{ "::ffff:127.0.0.1", false }, { "::ffff:10.0.0.1", true },
		{ "::127.0.0.1", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sockaddr_storage ss = { .ss_family = AF_INET };
		struct sockaddr_in *v4 = (void *)&ss;
		struct sockaddr_in6 *v6 = (void *)&ss;

		if (inet_pton(AF_INET, cases[i].address, &v4->sin_addr) != 1) {
			ss.ss_family = AF_INET6;
			assert_int_equal(inet_pton(AF_INET6, cases[i].address, &v6->sin6_addr), 1);
		}
		if (http_may_ask((const struct sockaddr *)&ss) != cases[i].may)
			fail_msg("%s", cases[i].address);
	}
	assert_false(http_may_ask(&(struct sockaddr){ .sa_family = AF_UNIX }));
}

static int
get(struct http *h, const char *url)
{
	struct http_request rq = { .url = url, .timeout_ms = 60000 };
	unsigned status;
	struct buf out;
	int r;

	buf_init(&out, 4096);
	r = http_get(h, &rq, &out, &status);
	buf_fini(&out);
	return r;
}

/* A proxy may be on this machine, and that lets nobody else who is. Nobody listens on port 1. */
static void
a_proxy_opens_no_other_way_home(void **state)
{
	const char *hosts[] = { "localhost", "127.0.0.2" };
	struct conf_trust conf = { .proxy = "http://127.0.0.1:1", .no_proxy = { hosts, 2 },
		.ca = "" };
	struct http *h;

	(void)state;
	assert_int_equal(http_new(&conf, &h), OK);
	assert_int_equal(get(h, "http://ca.example/a.crl"), ERR_UNAVAIL);
	assert_int_equal(get(h, "http://localhost:2/a.crl"), ERR_FORBIDDEN);
	assert_int_equal(get(h, "http://127.0.0.2:2/a.crl"), ERR_FORBIDDEN);
	http_free(&h);
}

/* ---- jobs ---- */

static struct smime_point
point(bool ocsp, const char *url, const char *asked)
{
	return (struct smime_point){ ocsp, slice_of(url), slice_of(asked) };
}

static void
one_question_is_asked_once(void **state)
{
	struct conf_trust conf = { .ocsp = true };
	struct smime_point p;
	struct jobs jobs;

	(void)state;
	assert_int_equal(jobs_init(&jobs, &conf), OK);
	assert_int_equal(jobs_add_url(&jobs, SLICE("http://ca.vn/1.crl"), NULL), OK);
	p = point(false, "http://ca.vn/1.crl", "issuer");
	assert_int_equal(jobs_add_point(&jobs, &p), OK);
	p = point(false, "http://b.vn/1.crl", "issuer");
	assert_int_equal(jobs_add_point(&jobs, &p), OK);
	p = point(false, "ldap://ca.vn/x", "issuer");
	assert_int_equal(jobs_add_point(&jobs, &p), OK);
	p = point(true, "http://o.vn", "an");
	assert_int_equal(jobs_add_point(&jobs, &p), OK);
	assert_int_equal(jobs_add_point(&jobs, &p), OK);
	p = point(true, "http://o.vn", "binh");
	assert_int_equal(jobs_add_point(&jobs, &p), OK);
	assert_int_equal(jobs.n, 4);
	assert_true(jobs.v[0].anywhere);
	assert_true(jobs.v[0].named);
	assert_true(slice_is(jobs.v[0].point.asked, "issuer"));
	assert_false(jobs.v[1].anywhere);
	/* All failed until they are done; the same list from elsewhere makes up for one. */
	assert_int_equal(jobs_failed(&jobs), 4);
	jobs.v[1].outcome = OK;
	assert_int_equal(jobs_failed(&jobs), 2);
	jobs.v[2].outcome = OK;
	assert_int_equal(jobs_failed(&jobs), 1);
	jobs_fini(&jobs);
	conf.ocsp = false;
	assert_int_equal(jobs_init(&jobs, &conf), OK);
	assert_int_equal(jobs_add_point(&jobs, &p), OK);
	assert_int_equal(jobs.n, 0);
	jobs_fini(&jobs);
}

static void
jobs_are_bounded(void **state)
{
	struct conf_trust conf = { .ocsp = true };
	const unsigned char group[32] = { 1 };
	struct jobs jobs;
	char url[64];

	(void)state;
	assert_int_equal(jobs_init(&jobs, &conf), OK);
	for (unsigned i = 0; i < JOBS_MAX + 10; i++) {
		snprintf(url, sizeof url, "http://ca.vn/%u", i);
		assert_int_equal(jobs_add_url(&jobs, slice_of(url), group), OK);
	}
	assert_int_equal(jobs.n, JOBS_MAX);
	jobs_fini(&jobs);
}

/* ---- the state ---- */

#define ISSUER "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void
the_state_is_read_as_it_was_written(void **state)
{
	static struct state s, back;
	struct buf out;

	(void)state;
	s = (struct state){ .ran_s = 1800000000, .complete_s = 1799999999, .fetched = 3,
	    .failed = 1 };
	s.urls[0] = (struct state_url){ SLICE("http://ca.vn/1.crl"), 1790000000,
		{ 0xab, 0xcd } };
	s.urls[1] = (struct state_url){ SLICE("http://b.vn/"), 0, { 0 } };
	s.urls_n = 2;
	buf_init(&out, STATE_OCTETS_MAX);
	assert_int_equal(state_write(&s, &out), OK);
	assert_int_equal(state_parse(buf_slice(&out), &back), OK);
	assert_int_equal(back.ran_s, s.ran_s);
	assert_int_equal(back.complete_s, s.complete_s);
	assert_int_equal(back.fetched, 3);
	assert_int_equal(back.failed, 1);
	assert_int_equal(back.urls_n, 2);
	assert_true(slice_is(back.urls[0].url, "http://ca.vn/1.crl"));
	assert_int_equal(back.urls[0].named_s, 1790000000);
	assert_memory_equal(back.urls[0].issuer, s.urls[0].issuer, 32);
	/* Cut anywhere it is refused, or what is left is whole lines. */
	for (size_t n = 0; n < out.n; n++)
		if (state_parse(slice_sub(buf_slice(&out), 0, n), &back) == OK)
			assert_true(n > 0 && out.p[n - 1] == '\n');
		else
			assert_int_equal(back.ran_s + back.urls_n, 0);
	buf_fini(&out);
}

static void
a_damaged_state_is_none(void **state)
{
	static const char *const bad[] = { "", "congvu-trust 2\n", "congvu-trust 1\nran x\n",
		"congvu-trust 1\nran 1\ncomplete 1\nfetched 1\nfailed -1\n",
		"congvu-trust 1\nran 1\ncomplete 1\nfetched 1\nfailed 99999999999999999999\n",
		"congvu-trust 1\nran 1\ncomplete 1\nfetched 1\nfailed 1\nurl x "
		    ISSUER " http://a/\n",
		"congvu-trust 1\nran 1\ncomplete 1\nfetched 1\nfailed 1\nurl 1 " ISSUER " \n",
		"congvu-trust 1\nran 1\ncomplete 1\nfetched 1\nfailed 1\nurl 1 00 http://a/\n",
		"congvu-trust 1\nran 1\ncomplete 1\nfetched 1\nfailed 1\nurl 1 http://a/\n",
		"congvu-trust 1\nran 1\ncomplete 1\nfetched 1\nfailed 1\nother\n" };
	static struct state s;
	struct buf many;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(state_parse(slice_of(bad[i]), &s), ERR_SYNTAX);
	buf_init(&many, STATE_OCTETS_MAX);
	buf_adds(&many, "congvu-trust 1\nran 1\ncomplete 1\nfetched 1\nfailed 1\n");
	for (unsigned i = 0; i < STATE_URLS_MAX + 1; i++)
		buf_adds(&many, "url 1 " ISSUER " http://a/\n");
	assert_int_equal(state_parse(buf_slice(&many), &s), ERR_SYNTAX);
	buf_fini(&many);
}

/* ---- the folder ---- */

static int
count_names(void *arg, const char *name)
{
	(void)name;
	++*(int *)arg;
	return OK;
}

static void
files_of_the_folder_are_whole(void **state)
{
	char dir[] = "/tmp/congvu-fetch.XXXXXX", path[128];
	struct folder f, second;
	struct stat st;
	struct buf b;
	int n = 0;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(folder_open(dir, &f), OK);
	assert_int_equal(folder_open(dir, &second), ERR_EXIST);
	buf_init(&b, 100);
	assert_int_equal(folder_read(&f, "a", &b), ERR_NOENT);
	assert_int_equal(folder_write(&f, "a", SLICE("one")), OK);
	assert_int_equal(folder_write(&f, "a", SLICE("another")), OK);
	assert_int_equal(folder_write(&f, ".state", SLICE("x")), OK);
	/* What a run that was cut short left there is no matter. */
	snprintf(path, sizeof path, "%s/.new-b", dir);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(folder_write(&f, "b", SLICE("b")), OK);
	assert_int_equal(folder_read(&f, "a", &b), OK);
	assert_string_equal(buf_cstr(&b), "another");
	snprintf(path, sizeof path, "%s/a", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	snprintf(path, sizeof path, "%s/link", dir);
	assert_int_equal(symlink("a", path), 0);
	assert_int_not_equal(folder_read(&f, "link", &b), OK);
	assert_int_equal(folder_remove(&f, "link"), OK);
	assert_int_equal(folder_each(&f, count_names, &n), OK);
	assert_int_equal(n, 2);
	buf_fini(&b);
	buf_init(&b, 3);
	assert_int_equal(folder_read(&f, "a", &b), ERR_LIMIT);
	buf_fini(&b);
	folder_close(&f);
	assert_int_equal(folder_open(dir, &f), OK);
	folder_close(&f);
	scratch_remove(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_http_is_fetched),
		cmocka_unit_test(the_first_pair_that_fits_rewrites),
		cmocka_unit_test(servers_are_told_apart),
		cmocka_unit_test(certificates_do_not_send_us_home),
		cmocka_unit_test(a_proxy_opens_no_other_way_home),
		cmocka_unit_test(one_question_is_asked_once),
		cmocka_unit_test(jobs_are_bounded),
		cmocka_unit_test(the_state_is_read_as_it_was_written),
		cmocka_unit_test(a_damaged_state_is_none),
		cmocka_unit_test(files_of_the_folder_are_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
