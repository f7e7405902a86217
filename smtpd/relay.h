/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * smtpd/relay.h: the process that hands queued mail to other servers.
 *
 * Shape   it claims entries from the store by long poll (several at once while much is due: each
 *         claim waits for the store's disk, and all that come together wait once), asks the policy again with the zone of
 *         the route now configured, talks to the next hop, and reports per recipient. An entry
 *         whose sender is owed a notice is claimed for that alone (relay_notice.c).
 * Bounds  conf.relay.concurrency deliveries; each has RELAY_TOTAL_MS. One route
 *         of several has at most half of them, and one that does not answer gets one try at a time,
 *         RELAY_REST_MAX_MS apart: what is due for it meanwhile is put off without a try, behind
 *         what is due for others.
 * Safety  nothing is sent without an "allow" given for this attempt; no verdict, no route or a
 *         next hop without the TLS that its route requires means: not now.
 */
#ifndef SMTPD_RELAY_H
#define SMTPD_RELAY_H

#include <sys/socket.h>

#include "common/chan.h"
#include "common/conf.h"
#include "common/parent.h"
#include "common/tls.h"
#include "mailstore/proto.h"

enum {
	RELAY_LEASE_MS = 30 * 1000,	/* renewed as long as there is somebody to renew it */
	RELAY_RENEW_MS = 10 * 1000,
	RELAY_REPORT_MS = 15 * 60 * 1000,	/* from the begin: reports are repeated so long */
	RELAY_TOTAL_MS = 13 * 60 * 1000,
	RELAY_CLAIM_WAIT_MS = 20000,
	RELAY_STOP_MS = 10000,
	RELAY_REST_MAX_MS = 30000,
	RELAY_CLAIMS_MAX = 8,
	RELAY_LOOK_PAST_MS = 100,
	RELAY_LOOKS_MAX = 16,
};

struct relay_delivery;
struct relay_notice;
struct relay_incident;

/* A route as it is doing. */
struct relay_hop {
	uint64_t active;	/* deliveries under way or being judged */
	unsigned streak;	/* times in a row that it did not answer */
	uint64_t rest_ms;	/* not tried before that (monotonic) */
};

struct relay {
	struct loop	      *loop;
	const struct conf     *conf;
	struct chan_client    *store, *policy, *directory;
	struct tls_ctx	     **tls;		/* one per route; NULL: none */
	struct relay_hop      *hops;		/* one per route */
	struct relay_delivery *deliveries;
	struct relay_notice   *notices;
	struct relay_incident *incident;	/* NULL: nobody is told of incidents */
	uint64_t	       active;
	unsigned	       claiming;	/* claims that are not answered yet */
	unsigned	       claims;		/* how many there may be now: 1 to RELAY_CLAIMS_MAX */
	bool		       stopping;
	uint64_t	       looked_ms;	/* when nothing was due, but for routes that rest */
	unsigned	       looks;		/* claims past those, one after the other */
	struct loop_timer      again, stop, postmaster, renew;
	size_t		       postmaster_at;	/* of the addresses looked up */
	char		       scratch[65536];
};

/* Serve; the exit status of the process. Told to end or to retire it claims no more; deliveries
 * under way have RELAY_STOP_MS, or all their time. */
int relay_run(const struct parent_child *child);

/* ---- one delivery (relay_delivery.c) ---- */

/* Take an entry over, with the descriptor of its octets (closed in every case). */
int relay_delivery_start(struct relay *r, const struct st_queue_entry *entry, int fd) MUST_USE;

/* Give all up at once: their leases end by themselves. */
void relay_delivery_drop_all(struct relay *r);

/* A delivery has ended (called by it). */
void relay_ended(struct relay *r);

/* Ask for more time for all that is under way, and for one entry (called by those). */
void relay_delivery_renew_all(struct relay *r);
void relay_notice_renew_all(struct relay *r);
void relay_renew(struct relay *r, const struct st_queue_entry *entry);

/* Is it under way here? (Its lease may have ended while the store was away.) */
bool relay_delivery_has(const struct relay *r, const struct st_queue_entry *entry);
bool relay_notice_has(const struct relay *r, const struct st_queue_entry *entry);

/* ---- one notice (relay_notice.c): as deliveries ---- */

int relay_notice_start(struct relay *r, const struct st_queue_entry *entry, int fd) MUST_USE;
void relay_notice_drop_all(struct relay *r);

/* Tell security officers of incidents (relay_incident.c). The clients are freed before it. */
int relay_incident_start(struct relay *r) MUST_USE;
void relay_incident_free(struct relay *r);

/* What became of one recipient, for log and figures (relay_log.c). outcome: ST_DELIVERED ... */
struct client_rcpt;
void relay_log_outcome(const struct st_queue_entry *e, const struct client_rcpt *r,
    uint8_t outcome);

/* Look up once whether mail for postmaster reaches anybody (relay_postmaster.c). */
void relay_postmaster_check(struct relay *r);

/* ---- pure parts, for tests ---- */

/* The address number `at` that mail for postmaster goes to, in mem or static; empty: no more. */
struct slice relay_postmaster_address(const struct conf *conf, size_t at, char *mem, size_t cap);

/* The route of an entry now: by its title, else by its first recipient's domain; NULL: none. */
const struct conf_route *relay_route(const struct conf *conf, const struct st_queue_entry *entry);

/* The wait behind so many tries. */
uint64_t relay_wait_s(const struct conf *conf, uint32_t tries);

/* When to try again (seconds since 1970), 0: time is up. */
uint64_t relay_due_s(const struct conf *conf, const struct st_queue_entry *entry, uint64_t now_s);

/* The same for a notice that cannot be sent now. */
uint64_t relay_notice_due_s(const struct conf *conf, const struct st_queue_entry *entry,
    uint64_t now_s);

/* Has it waited for so long that its sender should know? */
bool relay_is_delayed(const struct conf *conf, const struct st_queue_entry *entry);

/* A try of the route has ended: did it answer? What was begun before a rest and does not answer
 * either makes that rest no longer. */
void relay_hop_note(struct relay_hop *hop, bool answered, uint64_t now_ms);

/* A claim was answered: was there anything? The more there is, the more are asked for at once. */
void relay_claim_note(struct relay *r, bool got, uint64_t now_ms);

/* Is the next claim one for what is due for others than next hops that rest? What is due for those
 * is put off one by one, and may be very much. But it is not always so, or that would never grow
 * old. */
bool relay_looks_past(struct relay *r, uint64_t now_ms);

/* How many routes can take no more now (each claim under way may bring something for them), or are
 * looked past, and their titles. They are looked at again soon. */
size_t relay_other_routes(const struct relay *r, bool past, uint64_t now_ms,
    struct st_route out[ST_ROUTES_MAX]);

/* The socket address of a route's next hop: its length, 0 if it has none. */
socklen_t relay_hop_address(const struct conf_route *route, struct sockaddr_storage *ss);

/* How many deliveries it may have at a time. */
uint64_t relay_hop_cap(const struct conf *conf, const struct relay_hop *hop);

#endif
