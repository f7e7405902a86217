/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <string.h>

#include "mailstore/box.h"

static const uint8_t no_group[QUOTA_GROUP_OCTETS];

static struct slice
group_slice(const uint8_t group[QUOTA_GROUP_OCTETS])
{
	return (struct slice){ (const char *)group, QUOTA_GROUP_OCTETS };
}

static bool
is_group(const uint8_t group[QUOTA_GROUP_OCTETS])
{
	return memcmp(group, no_group, sizeof no_group) != 0;
}

static int
get_group(struct index *ix, const uint8_t group[QUOTA_GROUP_OCTETS], struct record_group *out)
{
	int r;

	*out = (struct record_group){ 0 };
	if (!is_group(group))
		return OK;
	r = index_group_get(ix, group_slice(group), out);
	return r == ERR_NOENT ? OK : r;
}

/* The agency that the directory says, as a row has it. */
static void
group_of(const struct box_scope *sc, const struct record_account *row,
    uint8_t out[QUOTA_GROUP_OCTETS])
{
	struct slice said = sc->quota != NULL ? sc->quota->limit.group : group_slice(row->group);

	memset(out, 0, QUOTA_GROUP_OCTETS);
	if (said.n == QUOTA_GROUP_OCTETS)
		memcpy(out, said.p, said.n);
}

int
box_owner_get(struct index *ix, const struct box_scope *sc, struct box_owner *out)
{
	uint8_t now[QUOTA_GROUP_OCTETS];
	int r = index_account_get(ix, sc->account, &out->row);

	if (r != OK)
		return r;
	group_of(sc, &out->row, now);
	out->moves = memcmp(now, out->row.group, sizeof now) != 0;
	if (out->moves) {
		memcpy(out->old_group, out->row.group, sizeof out->old_group);
		r = get_group(ix, out->old_group, &out->old);
	}
	if (r == OK)
		r = get_group(ix, now, &out->group);
	if (r != OK || !out->moves)
		return r;
	/* Also without an agency: then nobody reads what is counted here. */
	out->old.octets -= out->row.octets;
	out->old.messages -= out->row.messages;
	out->old.accounts--;
	out->group.octets += out->row.octets;
	out->group.messages += out->row.messages;
	out->group.accounts++;
	memcpy(out->row.group, now, sizeof now);
	return OK;
}

/* ---- warnings ---- */

/* used is at least percent of limit. */
static bool
reached(uint64_t used, uint64_t limit, uint8_t percent)
{
	return limit != 0 && used >= limit / 100 * percent + (limit % 100 * percent + 99) / 100;
}

/* The highest percentage to warn at that is reached; *crossed_out: when it was not before. */
static void
warn(const struct box_quota *q, uint64_t octets, uint64_t octets_limit, uint64_t messages,
    uint64_t messages_limit, uint8_t *warned, uint8_t *crossed_out)
{
	uint8_t now = 0;

	for (size_t i = 0; i < q->percents_n; i++)
		if (q->percents[i] > now && (reached(octets, octets_limit, q->percents[i]) ||
		    reached(messages, messages_limit, q->percents[i])))
			now = q->percents[i];
	if (now > *warned)
		*crossed_out = now;
	*warned = now;
}

int
box_owner_put(struct index *ix, const struct box_scope *sc, struct box_owner *o)
{
	struct box_quota *q = sc->quota;
	int r = OK;

	if (q != NULL) {
		const struct st_quota *l = &q->limit;

		warn(q, o->row.octets, l->octets, o->row.messages, l->messages, &o->row.warned,
		    &q->crossed);
		warn(q, o->group.octets, l->group_octets, o->group.messages, l->group_messages,
		    &o->group.warned, &q->group_crossed);
	}
	if (o->moves && is_group(o->old_group))
		r = index_group_put(ix, group_slice(o->old_group), &o->old);
	if (r == OK && is_group(o->row.group))
		r = index_group_put(ix, group_slice(o->row.group), &o->group);
	return r == OK ? index_account_put(ix, sc->account, &o->row) : r;
}

/* ---- room ---- */

static bool
fits(uint64_t limit, uint64_t used, uint64_t pending, uint64_t more)
{
	return limit == 0 || (used <= limit && pending <= limit - used &&
	    more <= limit - used - pending);
}

int
box_owner_room(const struct box_owner *o, const struct box_quota *q, uint64_t octets,
    uint64_t messages)
{
	const struct st_quota *l;

	if (q == NULL || !q->check)
		return OK;
	l = &q->limit;
	if (!fits(l->octets, o->row.octets, q->pending.octets, octets) ||
	    !fits(l->messages, o->row.messages, q->pending.messages, messages))
		return ERR_QUOTA;
	if (!is_group(o->row.group))
		return OK;
	return fits(l->group_octets, o->group.octets, q->group_pending.octets, octets) &&
	    fits(l->group_messages, o->group.messages, q->group_pending.messages, messages) ?
	    OK : ERR_QUOTA;
}

void
box_owner_add(struct box_owner *o, uint64_t octets, uint64_t messages)
{
	o->row.octets += octets;
	o->row.messages += messages;
	o->group.octets += octets;
	o->group.messages += messages;
}

void
box_owner_sub(struct box_owner *o, uint64_t octets, uint64_t messages)
{
	o->row.octets -= octets;
	o->row.messages -= messages;
	o->group.octets -= octets;
	o->group.messages -= messages;
}

int
box_join(struct index *ix, const struct box_scope *sc)
{
	struct box_owner o;
	int r = box_owner_get(ix, sc, &o);

	return r == OK && o.moves ? box_owner_put(ix, sc, &o) : r;
}
