/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "smtpd/received.h"

#include "mime/compose.h"
#include "mime/date.h"

static void
add_protocol(const struct received_facts *f, struct buf *v)
{
	if (f->lmtp)
		buf_adds(v, f->utf8 ? "UTF8LMTP" : "LMTP");
	else
		buf_adds(v, f->utf8 ? "UTF8SMTP" : f->esmtp ? "ESMTP" : "SMTP");
	if (f->esmtp && f->tls_protocol.n > 0)
		buf_addc(v, 'S');
	if (f->esmtp && f->authenticated)
		buf_addc(v, 'A');
}

static void
add_client(const struct received_facts *f, struct buf *v)
{
	bool v6 = slice_chr(f->client, ':') >= 0, v4 = slice_chr(f->client, '.') >= 0;

	buf_adds(v, "from ");
	buf_add(v, f->helo.n > 0 ? f->helo : SLICE("unknown"));
	buf_adds(v, v6 ? " ([IPv6:" : v4 ? " ([" : " (");
	buf_add(v, f->client);
	buf_adds(v, v6 || v4 ? "])" : ")");
}

/* RFC 5321 4.4: the recipient may stand there only if it tells nobody about another. */
static bool
may_show(struct slice rcpt)
{
	for (size_t i = 0; i < rcpt.n; i++)
		if (rcpt.p[i] <= 32 || rcpt.p[i] > 126)
			return false;
	return rcpt.n > 0;
}

static void
add_received(const struct received_facts *f, struct buf *v)
{
	char date[DATE_RFC5322_OCTETS + 1];

	add_client(f, v);
	if (f->tls_protocol.n > 0)
		buf_addf(v, " (using %.*s with cipher %.*s)", (int)f->tls_protocol.n,
		    f->tls_protocol.p, (int)f->tls_cipher.n, f->tls_cipher.p);
	buf_addf(v, " by %.*s with ", (int)f->hostname.n, f->hostname.p);
	add_protocol(f, v);
	buf_addf(v, " id %.*s", (int)f->ref.n, f->ref.p);
	if (may_show(f->only_rcpt))
		buf_addf(v, " for <%.*s>", (int)f->only_rcpt.n, f->only_rcpt.p);
	date_format_rfc5322(f->now_s, f->zone_min, date);
	buf_addf(v, "; %s", date);
}

int
received_write(const struct received_facts *f, struct buf *out, size_t *return_path_octets_out)
{
	struct buf v;
	size_t before = out->n;
	int err;

	buf_init(&v, 4096);
	/* Raw UTF-8 is right here: such a path came with SMTPUTF8 (RFC 6532). */
	buf_addf(out, "Return-Path: <%.*s>\r\n", (int)f->mail_from.n, f->mail_from.p);
	*return_path_octets_out = out->n - before;
	add_received(f, &v);
	err = v.err != OK ? v.err : compose_raw(out, "Received", buf_slice(&v));
	buf_fini(&v);
	return err != OK ? err : out->err;
}
