/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* A notice of incidents about anything: 7-bit, one header, no line that is too long. */
#include <stdint.h>
#include <stdlib.h>

#include "smtpd/incident.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(struct slice message)
{
	size_t line = 0;

	for (size_t i = 0; i < message.n; i++) {
		line = message.p[i] == '\n' ? 0 : line + 1;
		if ((unsigned char)message.p[i] >= 0x80 || message.p[i] == '\0' || line > 998)
			abort();
		if (message.p[i] == '\n' && (i == 0 || message.p[i - 1] != '\r'))
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	struct incident_head head = { .hostname = SLICE("mail.example"),
		.domain = SLICE("example"), .to = in, .now_s = 1800000000 };
	struct st_incident item = { .event = in, .account = in, .client = in, .mail_from = in,
		.rule = in, .evidence = in, .detail = in, .reference = in, .level = 3 };
	struct st_incidents_reply reply = { .items = &item, .items_n = 1, .mat = 1 };
	struct incident i;
	struct buf out;

	incident_init(&i);
	incident_add(&i, &reply);
	buf_init(&out, 4 << 20);
	if (incident_compose(&i, &head, &out) == OK)
		check(buf_slice(&out));
	buf_clear(&out);
	head.to = SLICE("a@example");
	if (incident_compose(&i, &head, &out) != OK)
		abort();
	check(buf_slice(&out));
	buf_fini(&out);
	incident_fini(&i);
	return 0;
}
