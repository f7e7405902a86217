/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/fault.h"

#ifdef WITH_CONTROLS
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "mime/header.h"
#include "policy/proto.h"

void
fault_act(struct slice message, int fd, struct chan_server *server, const struct chan_req *req)
{
	struct slice what = slice_of(getenv("CONGVU_POLICY_FAULT"));
	struct pol_judge_reply lie = { .verdict = VERDICT_ALLOW };

	if (what.n == 0 || header_count(message, SLICE("X-Congvu-Fault")) == 0)
		return;
	if (slice_is(what, "crash"))
		abort();
	if (slice_is(what, "garbage"))
		(void)send(fd, "garbage", 7, MSG_NOSIGNAL);
	if (slice_is(what, "lie"))	/* "allow", and a word about nobody */
		chan_reply(server, req, OK, &lie, NULL, 0);
	for (;;)
		poll(NULL, 0, 1000);
}
#endif
