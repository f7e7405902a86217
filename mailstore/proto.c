/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/proto.h"

WIRE_TYPE(st_address, ST_ADDRESS_FIELDS)
WIRE_TYPE(st_audit, ST_AUDIT_FIELDS)
WIRE_TYPE(st_local, ST_LOCAL_FIELDS)
WIRE_TYPE(st_remote, ST_REMOTE_FIELDS)
WIRE_TYPE(st_filed, ST_FILED_FIELDS)
WIRE_TYPE(st_settles, ST_SETTLES_FIELDS)
WIRE_TYPE(st_deliver_request, ST_DELIVER_REQUEST_FIELDS)
WIRE_TYPE(st_nothing, ST_NOTHING_FIELDS)
WIRE_TYPE(st_room_request, ST_ROOM_REQUEST_FIELDS)
WIRE_TYPE(st_audit_request, ST_AUDIT_REQUEST_FIELDS)
WIRE_TYPE(st_open_request, ST_OPEN_REQUEST_FIELDS)
WIRE_TYPE(st_keyset, ST_KEYSET_FIELDS)
WIRE_TYPE(st_open_reply, ST_OPEN_REPLY_FIELDS)
WIRE_TYPE(st_name_request, ST_NAME_REQUEST_FIELDS)
WIRE_TYPE(st_name_reply, ST_NAME_REPLY_FIELDS)
WIRE_TYPE(st_keyword, ST_KEYWORD_FIELDS)
WIRE_TYPE(st_range, ST_RANGE_FIELDS)
WIRE_TYPE(st_append_request, ST_APPEND_REQUEST_FIELDS)
WIRE_TYPE(st_append_reply, ST_APPEND_REPLY_FIELDS)
WIRE_TYPE(st_flags_request, ST_FLAGS_REQUEST_FIELDS)
WIRE_TYPE(st_flags_reply, ST_FLAGS_REPLY_FIELDS)
WIRE_TYPE(st_expunge_request, ST_EXPUNGE_REQUEST_FIELDS)
WIRE_TYPE(st_expunge_reply, ST_EXPUNGE_REPLY_FIELDS)
WIRE_TYPE(st_copy_request, ST_COPY_REQUEST_FIELDS)
WIRE_TYPE(st_copy_reply, ST_COPY_REPLY_FIELDS)
WIRE_TYPE(st_seen_recent_request, ST_SEEN_RECENT_REQUEST_FIELDS)
WIRE_TYPE(st_seen_recent_reply, ST_SEEN_RECENT_REPLY_FIELDS)
WIRE_TYPE(st_route, ST_ROUTE_FIELDS)
WIRE_TYPE(st_claim_request, ST_CLAIM_REQUEST_FIELDS)
WIRE_TYPE(st_queue_rcpt, ST_QUEUE_RCPT_FIELDS)
WIRE_TYPE(st_attempt, ST_ATTEMPT_FIELDS)
WIRE_TYPE(st_queue_entry, ST_QUEUE_ENTRY_FIELDS)
WIRE_TYPE(st_claim_reply, ST_CLAIM_REPLY_FIELDS)
WIRE_TYPE(st_result_request, ST_RESULT_REQUEST_FIELDS)
WIRE_TYPE(st_renew_request, ST_RENEW_REQUEST_FIELDS)
WIRE_TYPE(st_told_request, ST_TOLD_REQUEST_FIELDS)
WIRE_TYPE(st_show_request, ST_SHOW_REQUEST_FIELDS)
WIRE_TYPE(st_list_request, ST_LIST_REQUEST_FIELDS)
WIRE_TYPE(st_queue_list_reply, ST_QUEUE_LIST_REPLY_FIELDS)
WIRE_TYPE(st_queue_act_request, ST_QUEUE_ACT_REQUEST_FIELDS)
WIRE_TYPE(st_audit_record, ST_AUDIT_RECORD_FIELDS)
WIRE_TYPE(st_audit_list_reply, ST_AUDIT_LIST_REPLY_FIELDS)
WIRE_TYPE(st_audit_verify_reply, ST_AUDIT_VERIFY_REPLY_FIELDS)
WIRE_TYPE(st_status_reply, ST_STATUS_REPLY_FIELDS)

const struct chan_row *
st_rows(size_t *n_out)
{
	static const struct chan_row rows[] = { ST_ROWS(CHAN_CLIENT_ROW) };

	*n_out = ARRAY_LEN(rows);
	return rows;
}
