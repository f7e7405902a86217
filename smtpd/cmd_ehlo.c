/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * EHLO and HELO (RFC 5321 4.1.1.1), LHLO (RFC 2033 4.1):
 *   ehlo = "EHLO" SP ( Domain / address-literal )
 *
 * The name goes into Received, so nothing but a name is taken: also single labels and
 * underscores, which real clients send.
 */
#include <string.h>

#include "smtpd/command.h"
#include "smtpd/mailpath.h"

static bool
is_name(struct slice s)
{
	if (s.n == 0 || s.n > ENGINE_HELO_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '.' && s.p[i] != '_')
			return false;
	return true;
}

static bool
hello(struct engine *e, struct slice args, bool esmtp)
{
	struct slice name = slice_trim(args);

	if (!is_name(name) && (!mailpath_is_literal(name) || name.n > ENGINE_HELO_MAX)) {
		engine_error(e, SAY_BAD_HELO);
		return false;
	}
	engine_reset(e);
	memcpy(e->helo, name.p, name.n);
	e->helo[name.n] = '\0';
	e->esmtp = esmtp;
	return true;
}

void
cmd_helo(struct engine *e, struct slice args)
{
	if (hello(e, args, false))
		buf_addf(e->out, "250 %s\r\n", e->conf->hostname);
}

void
cmd_ehlo(struct engine *e, struct slice args)
{
	bool submission = e->conf->role == ENGINE_SUBMISSION;

	if (!hello(e, args, true))
		return;
	buf_addf(e->out, "250-%s\r\n250-PIPELINING\r\n250-SIZE %llu\r\n", e->conf->hostname,
	    (unsigned long long)e->conf->message_octets);
	if (e->conf->starttls && !e->tls)
		buf_adds(e->out, "250-STARTTLS\r\n");
	if (submission && e->tls && e->account.address.n == 0)
		buf_adds(e->out, "250-AUTH PLAIN LOGIN\r\n");
	if (e->conf->dsn)
		buf_adds(e->out, "250-DSN\r\n");
	buf_adds(e->out, "250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES\r\n");
}

/* The same words as EHLO; the table of commands keeps the two apart. */
void
cmd_lhlo(struct engine *e, struct slice args)
{
	cmd_ehlo(e, args);
}
