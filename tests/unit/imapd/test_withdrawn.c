/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* The owner ends a session in the middle of a FETCH, at every step of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/session/imap_memory.h"

struct setup {
	struct memory  *memory;
	struct session *s;
	struct buf	out;
};

static void
drain(struct setup *t)
{
	buf_add(&t->out, buf_slice(engine_output(t->s)));
	buf_clear(engine_output(t->s));
}

static void
settle(struct setup *t)
{
	do {
		engine_run(t->s);
		drain(t);
	} while (engine_busy(t->s) || memory_answer(t->memory, t->s));
}

static void
say(struct setup *t, const char *line)
{
	assert_int_equal(engine_input(t->s, slice_of(line)), strlen(line));
}

static void
begin(struct setup *t)
{
	struct engine_conf conf = { .hostname = "mx", .zone = ZONE_INTERNAL, .tls = true,
		.message_octets = 300000, .errors = 5, .backend = &memory_backend };

	buf_init(&t->out, 8 << 20);
	assert_int_equal(memory_new(conf.zone, &t->memory), OK);
	conf.ctx = t->memory;
	assert_int_equal(engine_new(&conf, &t->s), OK);
	engine_start(t->s);
	say(t, "0 LOGIN an \"mat khau\"\r\n");
	settle(t);
	say(t, "1 SELECT INBOX\r\n");
	settle(t);
	assert_true(memory_event(t->memory, t->s, SLICE("arrive 600")));
	assert_true(memory_event(t->memory, t->s, SLICE("big")));
	say(t, "2 NOOP\r\n");
	settle(t);
	buf_clear(&t->out);
}

static void
end(struct setup *t)
{
	engine_free(&t->s);
	memory_free(&t->memory);
	buf_fini(&t->out);
}

/* After so many steps: true if the FETCH was not over by then. */
static bool
bye_after(const char *fetch, unsigned steps, unsigned *byes)
{
	struct setup t;
	struct slice out;
	bool busy;

	begin(&t);
	say(&t, fetch);
	for (unsigned i = 0; i < steps && engine_busy(t.s); i++) {
		engine_run(t.s);
		drain(&t);
	}
	busy = engine_busy(t.s);
	engine_bye(t.s, NULL, "Disabled");
	drain(&t);
	assert_int_equal(engine_waits(t.s), ENGINE_CLOSED);
	assert_false(engine_busy(t.s));
	out = buf_slice(&t.out);
	/* The last word stands behind a whole response, or nowhere. */
	if (slice_ends_nocase(out, SLICE("* BYE Disabled\r\n"))) {
		out.n -= strlen("* BYE Disabled\r\n");
		assert_true(out.n == 0 || slice_ends_nocase(out, SLICE(")\r\n")) || !busy);
		*byes += busy;
	} else {
		assert_true(busy);
	}
	end(&t);
	return busy;
}

static void
in_the_middle_of_a_literal_nothing_is_said(void **state)
{
	unsigned byes = 0, steps = 1;

	(void)state;
	while (bye_after("3 FETCH 1:* BODY.PEEK[]\r\n", steps, &byes))
		steps++;
	assert_true(steps > 2);
}

static void
between_two_responses_there_is_a_last_word(void **state)
{
	unsigned byes = 0, steps = 1;

	(void)state;
	while (bye_after("3 FETCH 1:600 (UID ENVELOPE)\r\n", steps, &byes))
		steps++;
	assert_true(steps > 2 && byes == steps - 1);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(in_the_middle_of_a_literal_nothing_is_said),
		cmocka_unit_test(between_two_responses_there_is_a_last_word),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
