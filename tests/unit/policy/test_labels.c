/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "policy/label/labels.h"
#include "tests/unit/policy/findings.h"

static const struct { const char *name, *value, *found; } rows[] = {
	{ "X-Do-Mat", " Mật", "header-label@0=mat" },
	{ "x-do-mat", " toi-mat", "header-label@0=toi-mat" },
	{ "X-Do-Mat", " TUYET MAT", "header-label@0=tuyet-mat" },
	{ "X-Do-Mat", " A", "header-label@0=tuyet-mat" },
	{ "X-Do-Mat", " Thường", "" },
	{ "X-Do-Mat", " khong", "" },
	{ "X-Do-Mat", " Không mật", "" },
	{ "X-Do-Mat", " 7", "header-label@0=thuong?" },
	{ "X-Security-Classification", " SECRET", "header-label@0=toi-mat" },
	{ "X-Security-Classification", " Top Secret", "header-label@0=tuyet-mat" },
	{ "X-Security-Classification", " UNCLASSIFIED", "" },
	{ "X-Security-Classification", " RESTRICTED", "header-label@0=mat" },
	{ "Sensitivity", " Company-Confidential", "" },
	{ "Sensitivity", " Personal", "" },
	{ "Sensitivity", " Tối mật", "header-label@0=toi-mat" },
	{ "msip_labels", " MSIP_Label_1_Name=Mật; MSIP_Label_1_Enabled=true",
	  "header-label@0=mat" },
	{ "msip_labels", " MSIP_Label_1_Name=Anyone", "" },
	{ "SIO-Label", " marking=\"TỐI MẬT\"; fgcolor=red", "header-label@0=toi-mat" },
	{ "SIO-Label", " marking*=UTF-8''M%E1%BA%ACT", "header-label@0=mat" },
	{ "SIO-Label", " marking=\"THUONG\"", "" },
	/* SET { INTEGER 4, OID 1.2.3 } */
	{ "SIO-Label", " type=\":ess\"; label=\"MQcCAQQGAioD\"", "header-label@0=toi-mat" },
	{ "SIO-Label", " type=\":ess\"; label=\"MQcCAQEGAioD\"", "" },
	/* <c>TUYET MAT</c>, and in two pieces */
	{ "SIO-Label", " type=\":xml\"; label=\"PGM+VFVZRVQgTUFUPC9jPg==\"",
	  "header-label@0=tuyet-mat" },
	{ "SIO-Label", " type=\":xml\"; label*0=\"PGM+VFVZRVQg\"; label*1=\"TUFUPC9jPg==\"",
	  "header-label@0=tuyet-mat" },
	{ "SIO-Label", " type=\":ess\"; label=\"AAAA\"", "header-label@0=thuong?" },
	{ "X-Priority", " Mật", "" },
};

static void
header_labels(void **state)
{
	struct fold *f = malloc(sizeof *f);
	struct arena a;

	(void)state;
	assert_non_null(f);
	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct findings got = { "" };
		struct slice value = slice_of(rows[i].value);

		assert_int_equal(labels_field(slice_of(rows[i].name), value, value, f, &a,
		    findings_add, &got), OK);
		if (strcmp(got.text, rows[i].found) != 0)
			fail_msg("%zu %s:%s: found \"%s\", want \"%s\"", i, rows[i].name,
			    rows[i].value, got.text, rows[i].found);
		assert_int_equal(labels_is_field(slice_of(rows[i].name)),
		    strcmp(rows[i].name, "X-Priority") != 0);
	}
	arena_clear(&a);
	free(f);
}

int
main(void)
{
	const struct CMUnitTest t[] = { cmocka_unit_test(header_labels) };

	return cmocka_run_group_tests(t, NULL, NULL);
}
