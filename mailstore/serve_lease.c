/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Who has which entry of the queue: a relay that goes away gives back at once what it had claimed. */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "mailstore/queue.h"
#include "mailstore/serve_internal.h"

struct lease {
	struct lease	   *next;
	uint64_t	    peer_serial;
	uint64_t	    until_ms;	/* monotonic */
	struct queue_claimed claimed;
	size_t		    route_n;
	char		    id[ST_ID_OCTETS];
	char		    route[64];
};

static void
cut(struct lease **at)
{
	struct lease *gone = *at;

	*at = gone->next;
	free(gone);
}

/* Without memory it ends by itself. */
void
leases_add(struct server *sv, uint64_t peer_serial, const struct st_queue_entry *e,
    uint32_t lease_ms)
{
	uint64_t now = clock_ms();
	struct lease **at = &sv->leases, *l;

	while (*at != NULL)
		if ((*at)->until_ms <= now)
			cut(at);
		else
			at = &(*at)->next;
	l = calloc(1, sizeof *l);
	if (l == NULL || e->id.n != sizeof l->id || e->route.n > sizeof l->route) {
		free(l);
		return;
	}
	l->peer_serial = peer_serial;
	l->until_ms = now + lease_ms;
	l->claimed = queue_claimed_of(e);
	memcpy(l->id, e->id.p, sizeof l->id);
	l->route_n = e->route.n;
	if (l->route_n > 0)
		memcpy(l->route, e->route.p, l->route_n);
	l->next = sv->leases;
	sv->leases = l;
}

static struct slice
id_of(const struct lease *l)
{
	return (struct slice){ l->id, sizeof l->id };
}

static struct slice
route_of(const struct lease *l)
{
	return (struct slice){ l->route, l->route_n };
}

void
leases_done(struct server *sv, struct slice id, struct slice route)
{
	struct lease **at = &sv->leases;

	while (*at != NULL)
		if (slice_eq(id_of(*at), id) && slice_eq(route_of(*at), route))
			cut(at);
		else
			at = &(*at)->next;
}

static int
release_control(struct engine *e, struct engine_job *ej)
{
	struct job *j = (struct job *)(void *)ej;
	const struct lease *l = j->u.lease;
	int r = queue_release(e->ctl, id_of(l), route_of(l), &l->claimed, clock_real_ms(), &j->a);

	return r == ERR_NOENT ? OK : r;
}

static void
release_done(struct engine *e, struct engine_job *ej)
{
	struct job *j = (struct job *)(void *)ej;

	e->queue_changed = true;
	if (ej->status != OK)
		log_event(EV_STORE_COMMIT_FAILED, F_CSTR("at", "queue lease"), F_ERR(ej->status));
	free(j->u.lease);
	job_free(j);
}

void
leases_release(struct server *sv, uint64_t peer_serial)
{
	struct lease **at = &sv->leases;

	while (*at != NULL) {
		struct lease *l = *at;
		struct job *j;

		if (l->peer_serial != peer_serial) {
			at = &l->next;
			continue;
		}
		j = l->until_ms > clock_ms() ? job_own(sv) : NULL;
		if (j == NULL) {
			cut(at);
			continue;
		}
		*at = l->next;
		j->u.lease = l;
		j->ej = (struct engine_job){ .control = release_control, .done = release_done };
		job_ready(j);
	}
}

void
leases_free(struct server *sv)
{
	while (sv->leases != NULL)
		cut(&sv->leases);
}
