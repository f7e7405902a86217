/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Where mail goes, when it is tried again, and how next hops are doing: pure. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "smtpd/envelope.h"
#include "smtpd/relay.h"

/* ---- routes and times ---- */

const struct conf_route *
relay_route(const struct conf *conf, const struct st_queue_entry *entry)
{
	for (size_t i = 0; i < conf->route_n; i++)
		if (slice_is(entry->route, conf->route[i].title))
			return &conf->route[i];
	if (entry->recipients_n == 0)
		return NULL;
	return conf_route_for(conf, envelope_domain(entry->recipients[0].address));
}

uint64_t
relay_wait_s(const struct conf *conf, uint32_t tries)
{
	const struct conf_list *retry = &conf->relay.retry;
	size_t before = tries > 0 ? tries - 1 : 0;	/* this one is counted */
	size_t at = before < retry->n ? before : retry->n - 1;
	uint64_t wait_s;

	if (retry->n == 0 || slice_u64(slice_of(retry->v[at]), UINT32_MAX, &wait_s) != OK)
		return 60;
	return wait_s;
}

uint64_t
relay_due_s(const struct conf *conf, const struct st_queue_entry *entry, uint64_t now_s)
{
	return entry->age_s >= conf->relay.expire_s ? 0 :
	    now_s + relay_wait_s(conf, entry->attempts);
}

uint64_t
relay_notice_due_s(const struct conf *conf, const struct st_queue_entry *entry, uint64_t now_s)
{
	uint64_t waited_s = 0;

	for (uint32_t i = 1; i < entry->notice_tries && waited_s < conf->relay.expire_s; i++)
		waited_s += relay_wait_s(conf, i) + 1;
	return waited_s >= conf->relay.expire_s ? 0 :
	    now_s + relay_wait_s(conf, entry->notice_tries);
}

bool
relay_is_delayed(const struct conf *conf, const struct st_queue_entry *entry)
{
	return conf->relay.delay_notice_s > 0 && !entry->delay_told &&
	    entry->age_s >= conf->relay.delay_notice_s;
}

/* ---- hops ---- */

void
relay_hop_note(struct relay_hop *hop, bool answered, uint64_t now_ms)
{
	uint64_t rest_ms = 1000;

	if (answered) {
		hop->streak = 0;
		hop->rest_ms = 0;
		return;
	}
	if (now_ms < hop->rest_ms)
		return;
	for (unsigned i = 0; i < hop->streak && rest_ms < RELAY_REST_MAX_MS; i++)
		rest_ms *= 2;
	if (hop->streak++ == 0)
		return;		/* once is nothing: the first retry may be a second later */
	hop->rest_ms = now_ms + (rest_ms < RELAY_REST_MAX_MS ? rest_ms : RELAY_REST_MAX_MS);
}

uint64_t
relay_hop_cap(const struct conf *conf, const struct relay_hop *hop)
{
	uint64_t all = conf->relay.concurrency;

	if (hop->streak > 0)
		return 1;
	return conf->route_n < 2 || all < 2 ? all : all / 2;
}

/* ---- claims ---- */

void
relay_claim_note(struct relay *r, bool got, uint64_t now_ms)
{
	r->claiming--;
	if (!got)
		r->looked_ms = now_ms;
	r->claims = !got ? 1 : r->claims * 2 < RELAY_CLAIMS_MAX ? r->claims * 2 : RELAY_CLAIMS_MAX;
}

static bool
rests(const struct relay *r, size_t i, uint64_t now_ms)
{
	return now_ms < r->hops[i].rest_ms;
}

bool
relay_looks_past(struct relay *r, uint64_t now_ms)
{
	bool any = false;

	for (size_t i = 0; i < r->conf->route_n; i++)
		any = any || rests(r, i, now_ms);
	if (!any || now_ms - r->looked_ms < RELAY_LOOK_PAST_MS || r->looks == RELAY_LOOKS_MAX) {
		r->looks = 0;
		return false;
	}
	r->looks++;
	return true;
}

size_t
relay_other_routes(const struct relay *r, bool past, uint64_t now_ms,
    struct st_route out[ST_ROUTES_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < r->conf->route_n && n < ST_ROUTES_MAX; i++)
		if (rests(r, i, now_ms) ? past : r->hops[i].active + r->claiming >=
		    relay_hop_cap(r->conf, &r->hops[i]))
			out[n++].title = slice_of(r->conf->route[i].title);
	return n;
}

socklen_t
relay_hop_address(const struct conf_route *route, struct sockaddr_storage *ss)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
	    .sin6_port = htons((uint16_t)route->port) };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)route->port) };

	memset(ss, 0, sizeof *ss);
	if (inet_pton(AF_INET, route->host, &in.sin_addr) == 1) {
		memcpy(ss, &in, sizeof in);
		return sizeof in;
	}
	if (inet_pton(AF_INET6, route->host, &in6.sin6_addr) != 1)
		return 0;
	memcpy(ss, &in6, sizeof in6);
	return sizeof in6;
}
