/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/job.h"

WIRE_TYPE(job_auth_reply, JOB_AUTH_REPLY_FIELDS)
WIRE_TYPE(job_watch_request, JOB_WATCH_REQUEST_FIELDS)
WIRE_TYPE(job_watch_reply, JOB_WATCH_REPLY_FIELDS)

const struct chan_row *
job_rows(size_t *n_out)
{
	static const struct chan_row rows[] = { JOB_ROWS(CHAN_CLIENT_ROW) };

	*n_out = ARRAY_LEN(rows);
	return rows;
}
