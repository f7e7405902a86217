/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * What the relay is told of incidents by a mailstored that runs, and what it may file of them. With
 * the control "incidents-once" off it must fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <signal.h>
#include <unistd.h>

#include "common/memfd.h"
#include "mailstore/incident.h"
#include "tests/unit/mailstore/daemon.h"

static void
refuse(int smtpd, unsigned level, unsigned verdict, const char *ref, struct arena *a)
{
	struct st_address to = { SLICE("b@y.vn") };
	struct st_audit audit = { .event = SLICE("submit"), .account = SLICE("u1@x.vn"),
		.recipients = &to, .recipients_n = 1, .verdict = (uint8_t)verdict,
		.level = (uint8_t)level, .rule = SLICE("secret-internet"),
		.reference = slice_of(ref), .detail = SLICE("not for notices") };
	struct st_audit_request req = { &audit, 1 };
	const void *reply;

	assert_int_equal(daemon_call_up(smtpd, ST_AUDIT, &req, NULL, 0, a, &reply, NULL), OK);
}

static struct st_incidents_reply
incidents(int relay, uint64_t from, struct arena *a)
{
	struct st_incidents_request req = { .from = from };
	const void *reply;

	assert_int_equal(daemon_call_up(relay, ST_INCIDENTS, &req, NULL, 0, a, &reply, NULL), OK);
	return *(const struct st_incidents_reply *)reply;
}

/* A notice that tells of the records behind after up to upto; other is what it may not be. */
static int
file(int relay, const char *id, uint64_t after, uint64_t upto, unsigned level, bool remote)
{
	struct st_local local = { .guid = SLICE("guid-of-user-001"), .uid = SLICE("u1"),
		.address = SLICE("u1@x.vn") };
	struct st_remote to = { .address = SLICE("b@y.vn"), .route = SLICE("r1"),
		.zone = ZONE_INTERNAL };
	struct st_incidents_told told = { after, upto };
	struct st_deliver_request req = { .id = slice_of(id), .kind = KIND_MAIL,
		.level = (uint8_t)level, .local = &local, .local_n = 1, .remote = &to,
		.remote_n = remote, .incidents = &told, .incidents_n = 1 };
	const void *reply;
	struct arena a;
	int fds[2], r;

	arena_init(&a, ARENA_MAX);
	assert_int_equal(memfd_of("m", SLICE("notice"), &fds[0]), OK);
	assert_int_equal(memfd_of("s", SLICE("summary"), &fds[1]), OK);
	r = daemon_call_up(relay, ST_DELIVER, &req, fds, 2, &a, &reply, NULL);
	close(fds[0]);
	close(fds[1]);
	arena_clear(&a);
	return r;
}

static void
each_is_told_of_once(void **state)
{
	struct st_incidents_reply r;
	struct arena a;
	int smtpd = daemon_connect(*state, ROLE_SMTPD), relay = daemon_connect(*state, ROLE_RELAY);
	uint64_t start;

	arena_init(&a, ARENA_MAX);
	refuse(smtpd, LEVEL_MAT, VERDICT_REJECT, "before", &a);
	/* What was before anybody asked is history. */
	r = incidents(relay, 0, &a);
	assert_int_equal(r.items_n, 0);
	start = r.told;
	assert_int_equal(r.upto, start);
	refuse(smtpd, LEVEL_MAT, VERDICT_REJECT, "one", &a);
	refuse(smtpd, LEVEL_THUONG, VERDICT_REJECT, "unsigned", &a);
	refuse(smtpd, LEVEL_MAT, VERDICT_ALLOW, "inside", &a);
	refuse(smtpd, LEVEL_TUYET_MAT, VERDICT_REJECT, "two", &a);
	r = incidents(relay, 0, &a);
	assert_int_equal(r.items_n, 2);
	assert_true(r.mat == 1 && r.toi_mat == 0 && r.tuyet_mat == 1 && r.releases == 0);
	assert_true(slice_is(r.items[0].reference, "one") && slice_is(r.items[1].reference, "two"));
	assert_true(slice_is(r.items[0].account, "u1@x.vn") && r.items[0].recipients == 1);
	assert_int_equal(r.items[0].detail.n, 0);
	assert_int_equal(r.told, start);
	assert_int_equal(r.upto, start + 4);
	/* Looking further does not count as telling. */
	assert_int_equal(incidents(relay, r.upto + 1, &a).items_n, 0);
	assert_int_equal(file(relay, "id00000000000001", start, start + 4, LEVEL_THUONG, false),
	    OK);
	/* The same again is done; another one about the same is not. */
	assert_int_equal(file(relay, "id00000000000001", start, start + 4, LEVEL_THUONG, false),
	    OK);
	assert_int_equal(file(relay, "id00000000000002", start, start + 4, LEVEL_THUONG, false),
	    ERR_NOENT);
	r = incidents(relay, 0, &a);
	assert_true(r.items_n == 0 && r.told == start + 4);
	assert_int_equal(file(relay, "id00000000000003", r.told, r.told, LEVEL_THUONG, false),
	    ERR_NOENT);
	close(smtpd);
	close(relay);
	arena_clear(&a);
}

static void
it_lives_through_a_restart(void **state)
{
	struct daemon *d = *state;
	struct st_incidents_reply r;
	struct arena a;
	int smtpd = daemon_connect(d, ROLE_SMTPD), relay = daemon_connect(d, ROLE_RELAY);
	uint64_t start;

	arena_init(&a, ARENA_MAX);
	start = incidents(relay, 0, &a).told;
	refuse(smtpd, LEVEL_TOI_MAT, VERDICT_REJECT, "one", &a);
	close(smtpd);
	close(relay);
	(void)daemon_stop(d, SIGKILL);
	daemon_start(d);
	relay = daemon_connect(d, ROLE_RELAY);
	r = incidents(relay, 0, &a);
	assert_true(r.items_n == 1 && r.toi_mat == 1 && r.told == start);
	close(relay);
	arena_clear(&a);
}

static void
nothing_else_may_be_filed(void **state)
{
	struct arena a;
	int smtpd = daemon_connect(*state, ROLE_SMTPD), relay = daemon_connect(*state, ROLE_RELAY);
	struct st_incidents_request req = { .from = 0 };
	struct st_incidents_reply r;
	const void *reply;

	arena_init(&a, ARENA_MAX);
	r = incidents(relay, 0, &a);
	refuse(smtpd, LEVEL_MAT, VERDICT_REJECT, "one", &a);
	assert_int_equal(file(relay, "id00000000000001", r.told, r.told + 1, LEVEL_MAT, false),
	    ERR_ACCESS);
	assert_int_equal(file(relay, "id00000000000001", r.told, r.told + 1, LEVEL_THUONG, true),
	    ERR_ACCESS);
	assert_int_equal(file(smtpd, "id00000000000001", r.told, r.told + 1, LEVEL_THUONG, false),
	    ERR_ACCESS);
	assert_int_equal(daemon_call(smtpd, ST_INCIDENTS, &req, NULL, 0, &a, &reply, NULL),
	    ERR_FORBIDDEN);
	close(smtpd);
	close(relay);
	arena_clear(&a);
}

static void
what_is_an_incident(void **state)
{
	static const struct {
		const char *event;
		unsigned    verdict, level;
		bool	    is;
	} cases[] = {
		{ "submit", VERDICT_REJECT, LEVEL_MAT, true },
		{ "receive", VERDICT_REJECT, LEVEL_TUYET_MAT, true },
		{ "append", VERDICT_REJECT, LEVEL_TOI_MAT, true },
		{ "relay", VERDICT_REJECT, LEVEL_MAT, true },
		{ "submit", VERDICT_REJECT, LEVEL_THUONG, false },
		{ "submit", VERDICT_ALLOW, LEVEL_MAT, false },
		{ "submit", VERDICT_DEFER, LEVEL_MAT, false },
		{ "release-add", VERDICT_ALLOW, LEVEL_THUONG, true },
		{ "release-used", VERDICT_ALLOW, LEVEL_THUONG, true },
		{ "release-revoke", VERDICT_ALLOW, LEVEL_THUONG, true },
		{ "released", VERDICT_ALLOW, LEVEL_THUONG, false },
		{ "incident-notice", VERDICT_ALLOW, LEVEL_THUONG, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct st_audit r = { .event = slice_of(cases[i].event),
			.verdict = (uint8_t)cases[i].verdict, .level = (uint8_t)cases[i].level };

		if (incident_is(&r) != cases[i].is)
			fail_msg("%s %u %u", cases[i].event, cases[i].verdict, cases[i].level);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_is_told_of_once, daemon_setup_up,
		    daemon_teardown),
		cmocka_unit_test_setup_teardown(it_lives_through_a_restart, daemon_setup_up,
		    daemon_teardown),
		cmocka_unit_test_setup_teardown(nothing_else_may_be_filed, daemon_setup_up,
		    daemon_teardown),
		cmocka_unit_test(what_is_an_incident),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
