/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/incident.h"

#include "common/control.h"
#include "mailstore/audit.h"

enum { LOOK_OCTETS = 4 << 20, ITEMS_MAX = 64 };

static const struct slice row_key = { "incidents-told", sizeof "incidents-told" - 1 };

bool
incident_is(const struct st_audit *record)
{
	return (record->verdict == VERDICT_REJECT && record->level >= LEVEL_MAT) ||
	    slice_starts_nocase(record->event, SLICE("release-"));
}

int
incident_get(struct control *c, uint64_t *out)
{
	return control_get_u64(c, CONTROL_META, row_key, out);
}

int
incident_set(struct control *c, uint64_t serial)
{
	return control_put_u64(c, CONTROL_META, row_key, serial);
}

static void
count(const struct st_audit *record, struct st_incidents_reply *out)
{
	if (slice_starts_nocase(record->event, SLICE("release-")))
		out->releases++;
	else if (record->level == LEVEL_MAT)
		out->mat++;
	else if (record->level == LEVEL_TOI_MAT)
		out->toi_mat++;
	else
		out->tuyet_mat++;
}

static void
take(const struct st_audit_record *row, struct st_incidents_reply *out)
{
	const struct st_audit *r = &row->audit[0];

	if (!incident_is(r))
		return;
	count(r, out);
	if (out->items_n == ITEMS_MAX)
		return;
	out->items[out->items_n++] = (struct st_incident){ .time_ms = row->time_ms,
		.event = r->event, .account = r->account, .client = r->client,
		.mail_from = r->mail_from, .recipients = (uint32_t)r->recipients_n,
		.rule = r->rule, .level = r->level, .reference = r->reference,
		.evidence = r->evidence,
		.detail = slice_starts_nocase(r->event, SLICE("release-")) ? r->detail :
		    SLICE("") };
}

int
incident_list(struct control *c, const struct st_incidents_request *req, struct arena *a,
    struct st_incidents_reply *out)
{
	struct st_audit_list_reply list;
	uint64_t from;
	int r;

	*out = (struct st_incidents_reply){ .items = arena_array(a, ITEMS_MAX,
	    sizeof *out->items) };
	if (out->items == NULL)
		return a->err;
	r = incident_get(c, &out->told);
	if (r != OK)
		return r;
	from = req->from > out->told ? req->from : out->told + 1;
	out->upto = from - 1;
	r = audit_list(c, from, INCIDENT_LOOK_MAX, LOOK_OCTETS, a, &list);
	for (size_t i = 0; r == OK && i < list.records_n; i++) {
		if (list.records[i].audit_n == 1)
			take(&list.records[i], out);
		out->upto = list.records[i].serial;
	}
	out->more = r == OK && list.more;
	return r;
}

int
incident_told(struct control *c, const struct st_incidents_told *told)
{
	uint64_t before;
	int r = incident_get(c, &before);

	if (r == OK && (before != told->after || told->upto <= before) &&
	    !control_off("incidents-once"))
		return ERR_NOENT;
	return r == OK ? incident_set(c, told->upto) : r;
}
