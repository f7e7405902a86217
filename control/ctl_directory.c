/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <stdio.h>

#include "control/control.h"
#include "directory/proto.h"

static json_t *
json_of(const struct dir_test_reply *t)
{
	json_t *steps = json_array();

	for (size_t i = 0; i < t->steps_n; i++)
		json_array_append_new(steps, json_pack("{s:o,s:b,s:i,s:o}", "step",
		    ctl_json(t->steps[i].name), "ok", t->steps[i].ok, "ms", (int)t->steps[i].ms,
		    "detail", ctl_json(t->steps[i].detail)));
	return json_pack("{s:b,s:o}", "ok", t->ok, "steps", steps);
}

int
ctl_directory_test(struct ctl *ctl, int argc, char **argv)
{
	struct dir_test_request req;
	const struct dir_test_reply *t;
	const void *reply;
	size_t n;
	const struct chan_row *rows = dir_rows(&n);

	if (argc != 2)
		return ctl_fail("directory test needs one sign-in name or address");
	req.user = slice_of(argv[1]);
	if (ctl_ask(ctl, "directory", rows, n, DIR_TEST, &req, &reply) != OK)
		return CTL_USAGE;
	t = reply;
	if (ctl->json)
		ctl_print_json(json_of(t));
	else
		for (size_t i = 0; i < t->steps_n; i++)
			printf("%-4s %.*s (%u ms): %.*s\n", t->steps[i].ok ? "ok" : "BAD",
			    (int)t->steps[i].name.n, t->steps[i].name.p, t->steps[i].ms,
			    (int)t->steps[i].detail.n, t->steps[i].detail.p);
	return t->ok ? CTL_OK : CTL_NOT_IN_ORDER;
}
