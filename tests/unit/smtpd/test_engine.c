/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* The tables: every state with every event, every command, every reply. Sessions as such are in
 * tests/session/smtpd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "smtpd/command.h"

static unsigned asked;

static void note(void *host) { (void)host; asked++; }
static int judge(void *host) { note(host); return OK; }
static void note_auth(void *host, const struct engine_auth *a) { (void)a; note(host); }
static void note_rcpt(void *host, struct slice a) { (void)a; note(host); }

static void
note_room(void *host, const struct envelope_local *l, uint64_t n)
{
	(void)l, (void)n;
	note(host);
}

static int body_open(void *host) { (void)host; return OK; }
static int body_write(void *host, struct slice s) { (void)host, (void)s; return OK; }
static void nothing(void *host) { (void)host; }

static bool
route(void *host, struct slice d, struct slice *title_out, unsigned *zone_out)
{
	(void)host, (void)d, (void)title_out, (void)zone_out;
	return false;
}

static void
octets(void *host, void *to, size_t n)
{
	(void)host;
	memset(to, 1, n);
}

static bool may(void *host, enum engine_may what) { (void)host, (void)what; return true; }

static const struct engine_ops ops = { note, note_auth, note_rcpt, note_room, body_open, body_write,
    nothing, judge, note, note, nothing, route, octets, may };
static const struct engine_conf conf = { ENGINE_SUBMISSION, "mx", "d", "", "", true, 1000, 10, 10,
    1000,
    1000, 1000, 1000, 1000, 1, true, 30, 4 };

/* A session in any state, with a transaction of one recipient. */
static void
in_state(struct engine *e, struct buf *out, enum engine_state state)
{
	static bool gone[1];

	engine_open(e, &conf, &ops, NULL, out, true, 0);
	assert_int_equal(envelope_new(1, &e->env), OK);
	assert_int_equal(envelope_rcpt(e->env, SLICE("a@d")), OK);
	e->rcpt = SLICE("b@d");
	e->auth_failures = 1;
	e->gone = gone;
	data_init(&e->data, SLICE("mx"));
	engine_enter(e, state);
	buf_clear(out);
	asked = 0;
}

static void
send_event(struct engine *e, enum engine_event ev)
{
	struct engine_auth_answer auth = { .outcome = ENGINE_AUTH_BAD };
	struct engine_rcpt_answer rcpt = { .outcome = ENGINE_RCPT_UNKNOWN };
	struct engine_verdict verdict = { .verdict = VERDICT_DEFER };
	uint64_t now = e->due_ms < 1000000 ? e->due_ms : 1000000;
	size_t takes = engine_takes_input(e) ? 6 : 0;

	switch (ev) {
	case ENGINE_EV_INPUT:
		assert_int_equal(engine_input(e, 0, SLICE("NOOP\r\n")), takes);
		break;
	case ENGINE_EV_TIMER:	engine_on_timer(e, now); break;
	case ENGINE_EV_TLS:	engine_on_tls(e, 0); break;
	case ENGINE_EV_AUTH:	engine_on_auth(e, 0, &auth); break;
	case ENGINE_EV_RCPT:	engine_on_rcpt(e, 0, &rcpt); break;
	case ENGINE_EV_ROOM:	engine_on_room(e, 0, ERR_QUOTA); break;
	case ENGINE_EV_VERDICT:	engine_on_verdict(e, 0, &verdict); break;
	case ENGINE_EV_STORED:	engine_on_stored(e, 0, ERR_QUOTA); break;
	case ENGINE_EV_AUDITED:	engine_on_audited(e, 0, OK); break;
	case ENGINE_EV_SHUTDOWN: engine_on_shutdown(e, 0); break;
	case ENGINE_EV_WITHDRAWN: engine_on_withdrawn(e, 0, SAY_ACCOUNT_DISABLED); break;
	case ENGINE_EVENTS:	break;
	}
}

/* An event without a row changes nothing and says nothing. An event with one does not end in a
 * state that waits for nothing. */
static void
every_state_with_every_event(void **state)
{
	unsigned rows = 0;

	(void)state;
	for (unsigned s = 0; s < ENGINE_STATES; s++)
		for (unsigned ev = 0; ev < ENGINE_EVENTS; ev++) {
			struct engine e;
			struct buf out;

			buf_init(&out, 100000);
			in_state(&e, &out, s);
			send_event(&e, ev);
			if (!engine_expects(s, ev) && (e.state != s || out.n > 0 || asked > 0))
				fail_msg("%s took event %u", engine_state_name(s), ev);
			rows += engine_expects(s, ev);
			if (e.state != ENGINE_CLOSED && engine_due_ms(&e) > 100000)
				fail_msg("%s after event %u has no deadline",
				    engine_state_name(e.state), ev);
			assert_int_equal(out.err, OK);
			engine_close(&e);
			buf_fini(&out);
		}
	/* input, timers, answers, shutdowns, withdrawals */
	assert_int_equal(rows, 4 + 14 + 8 + 14 + 14);
}

/* Every command in every flag's absence: the table alone decides, and something is always said. */
static void
every_command_before_it_is_legal(void **state)
{
	const struct command *table;
	size_t n;

	(void)state;
	table = command_table(&n);
	for (size_t i = 0; i < n; i++) {
		struct engine e;
		struct buf out;
		char line[40];

		buf_init(&out, 100000);
		engine_open(&e, &conf, &ops, NULL, &out, false, 0);
		buf_clear(&out);
		asked = 0;
		snprintf(line, sizeof line, "%s x\r\n", table[i].name);
		assert_int_equal(engine_input(&e, 0, slice_of(line)), strlen(line));
		if (asked > 0 || out.n < 6)
			fail_msg("%s asked %u, said %zu octets", table[i].name, asked, out.n);
		if ((table[i].flags & CMD_TLS) != 0)
			assert_memory_equal(out.p, "530 ", 4);
		else if ((table[i].flags & CMD_HELO) != 0)
			assert_memory_equal(out.p, "503 ", 4);
		else if ((table[i].flags & CMD_LMTP) != 0)
			assert_memory_equal(out.p, "500 ", 4);
		engine_close(&e);
		buf_fini(&out);
	}
}

/* Codes, lengths, and that the enhanced code fits the code (RFC 2034 3). */
static void
every_reply(void **state)
{
	(void)state;
	for (unsigned id = 0; id < REPLY_COUNT; id++) {
		struct buf out;
		char detail[600];

		memset(detail, 'd', sizeof detail);
		detail[3] = '\n';
		buf_init(&out, 2000);
		reply_add(&out, id, (struct slice){ detail, sizeof detail });
		assert_true(out.n <= REPLY_LINE_MAX);
		assert_int_equal(slice_chr(buf_slice(&out), '\n'), (ptrdiff_t)out.n - 1);
		assert_int_equal(out.p[3], ' ');
		if (reply_code(id) != 354)
			assert_int_equal(out.p[4], out.p[0]);
		buf_fini(&out);
	}
}

/* However long the reasons and many the recipients: lines of at most 512, the last with a space. */
static void
refusals_are_bounded(void **state)
{
	static char big[500];
	static struct slice rcpts[2000];
	struct reply_refusal r = { .enhanced = SLICE("5.7.1"), .vi = { big, 500 },
	    .en = { big, 500 },
	    .rule = { big, 64 }, .ref = SLICE("0123456789abcdef"), .contact_vi = { big, 500 },
	    .releasable = true, .unfit = { big, 500 },
	    .contact_en = { big, 500 }, .refused = rcpts, .refused_n = 2000 };
	struct slice rest, line;
	struct buf out;
	unsigned lines = 0;

	(void)state;
	memset(big, '\r', sizeof big);
	for (size_t i = 0; i < 2000; i++)
		rcpts[i] = (struct slice){ big, i % 320 };
	buf_init(&out, 100000);
	reply_refusal(&out, &r);
	rest = buf_slice(&out);
	while (rest.n > 0) {
		slice_cut(&rest, '\n', &line);
		lines++;
		assert_true(line.n + 1 <= REPLY_LINE_MAX);
		assert_int_equal(line.p[line.n - 1], '\r');
		assert_int_equal(slice_chr(line, '\r'), (ptrdiff_t)line.n - 1);
		assert_int_equal(line.p[3], rest.n > 0 ? '-' : ' ');
	}
	assert_in_range(lines, 4, REPLY_LINES_MAX + 6);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(every_state_with_every_event),
		cmocka_unit_test(every_command_before_it_is_legal),
		cmocka_unit_test(every_reply),
		cmocka_unit_test(refusals_are_bounded),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
