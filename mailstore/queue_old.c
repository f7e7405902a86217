/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/queue_old.h"

enum { VERSION = 1 };

WIRE_TYPE(queue_old_rcpt, QUEUE_OLD_RCPT_FIELDS)
WIRE_TYPE(queue_old_entry, QUEUE_OLD_ENTRY_FIELDS)
WIRE_TYPE(queue_old, QUEUE_OLD_FIELDS)

static int
convert_recipients(const struct queue_old_entry *old, struct arena *a, struct st_queue_entry *e)
{
	bool owed = old->state != ST_QUEUE_GIVEN_UP && old->mail_from.n > 0;

	e->recipients = arena_array(a, old->recipients_n, sizeof *e->recipients);
	if (e->recipients == NULL)
		return a->err;
	e->recipients_n = old->recipients_n;
	for (size_t i = 0; i < old->recipients_n; i++) {
		const struct queue_old_rcpt *r = &old->recipients[i];

		e->recipients[i] = (struct st_queue_rcpt){ .index = r->index,
			.address = r->address, .outcome = r->outcome, .text = r->text,
			.tell = r->outcome == ST_FAILED && owed ? ST_TELL_FAILED :
			ST_TELL_NOTHING };
	}
	return OK;
}

int
queue_old_read(struct slice key, struct slice val, struct arena *a, struct control_queue *out)
{
	struct queue_old old;
	const struct queue_old_entry *o;
	struct st_queue_entry *e = arena_alloc(a, sizeof *e);
	int r = e == NULL ? a->err :
	    record_wire_get_as(key, val, VERSION, &queue_old_wire, a, &old);

	if (r == OK && old.entry_n != 1)
		r = ERR_CORRUPT;
	if (r != OK)
		return r;
	o = old.entry;
	*e = (struct st_queue_entry){ .id = o->id, .mail_from = o->mail_from, .route = o->route,
		.zone = o->zone, .arrival_zone = o->arrival_zone, .level = o->level,
		.utf8 = o->utf8, .body8 = o->body8, .state = o->state, .attempts = o->attempts,
		.arrived_s = o->arrived_s, .due_s = o->due_s, .size_octets = o->size_octets };
	*out = (struct control_queue){ .entry = e, .entry_n = 1, .body = old.body,
		.body_n = old.body_n, .due_ms = old.due_ms, .relay_skip = old.relay_skip,
		.wrapped_key = old.wrapped_key, .set_ms = o->arrived_s * 1000,
		.retry_ms = old.due_ms };
	return convert_recipients(o, a, e);
}
