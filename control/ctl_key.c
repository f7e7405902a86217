/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "control/ctl_key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "common/words.h"
#include "directory/proto.h"
#include "mailstore/proto.h"

void
ctl_by(char out[100])
{
	const char *sudo = getenv("SUDO_USER");

	snprintf(out, 100, "by-uid=%u%s%.64s", (unsigned)getuid(), sudo == NULL ? "" : " sudo=",
	    sudo == NULL ? "" : sudo);
}

int
ctl_audit(struct ctl *ctl, const char *event, struct slice address, const char *detail)
{
	struct st_audit record = { .event = slice_of(event), .account = address };
	struct st_audit_request req = { &record, 1 };
	const void *reply;
	char text[500], by[100];
	size_t n;
	const struct chan_row *rows = st_rows(&n);

	ctl_by(by);
	snprintf(text, sizeof text, "%s %s", detail, by);
	record.detail = slice_of(text);
	return ctl_ask(ctl, "store", rows, n, ST_AUDIT, &req, &reply);
}

int
ctl_key_open(struct ctl *ctl, const char *act, const struct ctl_keyset *keyset,
    uint8_t secret_out[CTL_SECRET_OCTETS])
{
	struct key_open_request req = { .guid = keyset->guid, .class = (uint8_t)keyset->class,
		.wrapped = keyset->wrapped };
	const struct key_open_reply *answer;
	const void *reply;
	char detail[128];
	size_t n;
	const struct chan_row *rows = key_rows(&n);
	int r;

	sodium_memzero(secret_out, CTL_SECRET_OCTETS);
	snprintf(detail, sizeof detail, "act=%s keyset=%s", act, keyset_name(keyset->class));
	r = ctl_audit(ctl, "key-open", keyset->address, detail);
	if (r == OK)
		r = ctl_ask(ctl, "key", rows, n, KEY_OPEN, &req, &reply);
	if (r != OK)
		return r;
	answer = reply;
	if (answer->secret.n != CTL_SECRET_OCTETS)
		return ctl_fail("keyd: the answer is malformed"), ERR_CORRUPT;
	memcpy(secret_out, answer->secret.p, CTL_SECRET_OCTETS);
	sodium_memzero((void *)(uintptr_t)answer->secret.p, CTL_SECRET_OCTETS);
	return OK;
}
