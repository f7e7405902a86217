/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/proto.h"

WIRE_TYPE(dir_cert, DIR_CERT_FIELDS)
WIRE_TYPE(dir_account, DIR_ACCOUNT_FIELDS)
WIRE_TYPE(dir_identity, DIR_IDENTITY_FIELDS)
WIRE_TYPE(dir_auth_request, DIR_AUTH_REQUEST_FIELDS)
WIRE_TYPE(dir_auth_reply, DIR_AUTH_REPLY_FIELDS)
WIRE_TYPE(dir_rcpt_request, DIR_RCPT_REQUEST_FIELDS)
WIRE_TYPE(dir_external, DIR_EXTERNAL_FIELDS)
WIRE_TYPE(dir_rcpt_reply, DIR_RCPT_REPLY_FIELDS)
WIRE_TYPE(dir_account_request, DIR_ACCOUNT_REQUEST_FIELDS)
WIRE_TYPE(dir_account_reply, DIR_ACCOUNT_REPLY_FIELDS)
WIRE_TYPE(dir_right, DIR_RIGHT_FIELDS)
WIRE_TYPE(dir_guid, DIR_GUID_FIELDS)
WIRE_TYPE(dir_watch_request, DIR_WATCH_REQUEST_FIELDS)
WIRE_TYPE(dir_watch_reply, DIR_WATCH_REPLY_FIELDS)
WIRE_TYPE(dir_test_request, DIR_TEST_REQUEST_FIELDS)
WIRE_TYPE(dir_test_step, DIR_TEST_STEP_FIELDS)
WIRE_TYPE(dir_test_reply, DIR_TEST_REPLY_FIELDS)
WIRE_TYPE(dir_nothing, DIR_NOTHING_FIELDS)
WIRE_TYPE(dir_status_reply, DIR_STATUS_REPLY_FIELDS)
WIRE_TYPE(dir_mechanisms_reply, DIR_MECHANISMS_REPLY_FIELDS)
WIRE_TYPE(key_new_request, KEY_NEW_REQUEST_FIELDS)
WIRE_TYPE(key_new_reply, KEY_NEW_REPLY_FIELDS)
WIRE_TYPE(key_unwrap_request, KEY_UNWRAP_REQUEST_FIELDS)
WIRE_TYPE(key_unwrap_reply, KEY_UNWRAP_REPLY_FIELDS)
WIRE_TYPE(key_spool_request, KEY_SPOOL_REQUEST_FIELDS)
WIRE_TYPE(key_spool_reply, KEY_SPOOL_REPLY_FIELDS)
WIRE_TYPE(key_audit_sign_request, KEY_AUDIT_SIGN_REQUEST_FIELDS)
WIRE_TYPE(key_audit_sign_reply, KEY_AUDIT_SIGN_REPLY_FIELDS)
WIRE_TYPE(key_open_request, KEY_OPEN_REQUEST_FIELDS)
WIRE_TYPE(key_open_reply, KEY_OPEN_REPLY_FIELDS)
WIRE_TYPE(key_wrapped, KEY_WRAPPED_FIELDS)
WIRE_TYPE(key_rewrap, KEY_REWRAP_FIELDS)
WIRE_TYPE(key_master_request, KEY_MASTER_REQUEST_FIELDS)
WIRE_TYPE(sign_cms_request, SIGN_CMS_REQUEST_FIELDS)
WIRE_TYPE(sign_cms_reply, SIGN_CMS_REPLY_FIELDS)
WIRE_TYPE(sign_signer, SIGN_SIGNER_FIELDS)
WIRE_TYPE(sign_status_reply, SIGN_STATUS_REPLY_FIELDS)

const struct chan_row *
dir_rows(size_t *n_out)
{
	static const struct chan_row rows[] = { DIR_ROWS(CHAN_CLIENT_ROW) };

	*n_out = ARRAY_LEN(rows);
	return rows;
}

const struct chan_row *
key_rows(size_t *n_out)
{
	static const struct chan_row rows[] = { KEY_ROWS(CHAN_CLIENT_ROW) };

	*n_out = ARRAY_LEN(rows);
	return rows;
}

const struct chan_row *
sign_rows(size_t *n_out)
{
	static const struct chan_row rows[] = { SIGN_ROWS(CHAN_CLIENT_ROW) };

	*n_out = ARRAY_LEN(rows);
	return rows;
}
