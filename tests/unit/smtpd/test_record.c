/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* What the audit says of those who have signed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/utf8.h"
#include "smtpd/conn.h"

static struct conn conn;
static struct envelope env;
static struct engine_conf conf;

static struct slice
detail_of(struct pol_signer *signers, size_t n)
{
	struct pol_judge_reply r = { .signers = signers, .signers_n = n };

	conn.engine.env = &env;
	conn.engine.conf = &conf;
	message_record(&conn, &r);
	return conn.message.audit.detail;
}

/* A certificate's maker chooses its names: those of one signer must not hide the others. */
static void
all_signers_are_told(void **state)
{
	static const char piece[] = "OU=\u1ee6Y BAN NH\u00c2N D\u00c2N X\u00c3 ";
	char name[1024];
	struct pol_signer signers[8];
	struct slice detail, hit = SLICE(":3333333333333333");
	unsigned told = 0;

	(void)state;
	arena_init(&env.mem, 1 << 20);
	for (size_t i = 0; i < sizeof name; i++)
		name[i] = piece[i % (sizeof piece - 1)];
	for (size_t i = 0; i < ARRAY_LEN(signers); i++)
		signers[i] = (struct pol_signer){ .reason = SIG_OK,
			.subject = { name, sizeof name }, .sha256 = SLICE("33333333333333333333333333333333") };
	for (size_t n = 1; n <= 3; n++)
		signers[n].address = SLICE("an@tinh.example");
	detail = detail_of(signers, ARRAY_LEN(signers));
	assert_true(utf8_valid(detail));
	for (ptrdiff_t at; (at = slice_find(detail, hit)) >= 0; told++)
		detail = slice_from(detail, (size_t)at + hit.n);
	assert_int_equal(told, ARRAY_LEN(signers));
	arena_clear(&env.mem);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_signers_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
