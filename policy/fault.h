/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/fault.h: make a worker fail on purpose, in test builds only.
 *
 * A build with --enable-controls reads CONGVU_POLICY_FAULT (crash, hang, garbage, lie) and does so
 * for a message with a header field X-Congvu-Fault; in other builds nothing of it exists.
 */
#ifndef POLICY_FAULT_H
#define POLICY_FAULT_H

#include "config.h"

#include "common/chan.h"

#ifdef WITH_CONTROLS
void fault_act(struct slice message, int fd, struct chan_server *server,
    const struct chan_req *req);
#else
static inline void
fault_act(struct slice message, int fd, struct chan_server *server, const struct chan_req *req)
{
	(void)message;
	(void)fd;
	(void)server;
	(void)req;
}
#endif

#endif
