/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* What became of a delivery, for administrators. */
#include "common/log.h"
#include "common/metric.h"
#include "smtpd/client_engine.h"
#include "smtpd/relay.h"

void
relay_log_outcome(const struct st_queue_entry *e, const struct client_rcpt *r, uint8_t outcome)
{
	static const enum log_event_id events[] = {
		[ST_DELIVERED] = EV_RELAY_DELIVERED, [ST_DEFERRED] = EV_RELAY_DEFERRED,
		[ST_FAILED] = EV_RELAY_FAILED,
	};
	static const unsigned relayed[] = {
		[ST_DELIVERED] = METRIC_DELIVERED, [ST_DEFERRED] = METRIC_RELAY_DEFERRED,
		[ST_FAILED] = METRIC_RELAY_FAILED,
	};

	metric_add(METRIC_RELAY_ATTEMPTS, metric_at(METRIC_RELAY_ATTEMPTS,
	    metric_slot_find(METRIC_LABEL_ROUTE, e->route.p, e->route.n),
	    relayed[outcome], 0), 1);
	log_event(events[outcome], F_STR("to", r->address), F_STR("from", e->mail_from),
	    F_STR("route", e->route), F_STR("answer", r->text));
	if (outcome == ST_FAILED &&
	    (e->mail_from.n == 0 || (r->notify & ST_NOTIFY_NEVER) != 0))
		log_event(EV_RELAY_DROPPED, F_STR("to", r->address),
		    F_STR("route", e->route));
}
