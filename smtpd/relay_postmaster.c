/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Is there somebody whom mail for postmaster reaches (RFC 5321 4.5.1)? Asked once after the start,
 * as soon as the directory answers; who is missing is named by an event, since the notices that we
 * send bear that name.
 */
#include <stdio.h>

#include "common/log.h"
#include "directory/proto.h"
#include "smtpd/relay.h"

enum { POSTMASTER_ASK_MS = 10000, POSTMASTER_AGAIN_MS = 5000 };

static void ask(struct relay *r);

static void
on_again(struct loop_timer *t)
{
	ask(t->arg);
}

static bool
is_reached(const struct dir_rcpt_reply *reply)
{
	return reply->outcome == DIR_RCPT_LOCAL ||
	    (reply->outcome == DIR_RCPT_GROUP && reply->accounts_n + reply->externals_n > 0) ||
	    reply->outcome == DIR_RCPT_NOT_OURS;	/* an address elsewhere, of the key */
}

static void
on_postmaster(void *arg, struct chan_answer *answer)
{
	struct relay *r = arg;

	if (answer->msg == NULL) {
		if (!r->stopping && loop_timer_set(r->loop, &r->postmaster, POSTMASTER_AGAIN_MS,
		    on_again, r) != OK)
			log_event(EV_INTERNAL_ERROR, F_ERR(ERR_NOMEM));
		return;
	}
	if (!is_reached(answer->msg))
		log_event(EV_POSTMASTER_MISSING, F_STR("address",
		    relay_postmaster_address(r->conf, r->postmaster_at, r->scratch,
		    sizeof r->scratch)));
	r->postmaster_at++;
	ask(r);
}

struct slice
relay_postmaster_address(const struct conf *conf, size_t at, char *mem, size_t cap)
{
	size_t n = conf->general.postmaster[0] != '\0' ? 1 : conf->general.domains.n;
	int len;

	if (at >= n)
		return (struct slice){ NULL, 0 };
	if (conf->general.postmaster[0] != '\0')
		return slice_of(conf->general.postmaster);
	len = snprintf(mem, cap, "postmaster@%s", conf->general.domains.v[at]);
	return (struct slice){ mem, len > 0 && (size_t)len < cap ? (size_t)len : 0 };
}

static void
ask(struct relay *r)
{
	struct dir_rcpt_request req = { .address = relay_postmaster_address(r->conf,
	    r->postmaster_at, r->scratch, sizeof r->scratch) };

	if (req.address.n > 0)
		chan_call(r->directory, DIR_RCPT, &req, NULL, 0, POSTMASTER_ASK_MS, on_postmaster,
		    r, NULL);
}

void
relay_postmaster_check(struct relay *r)
{
	ask(r);
}
