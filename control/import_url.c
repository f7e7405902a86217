/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <stdio.h>

#include "control/import_imap.h"

static int
take_user(struct slice in, struct import_imap *out)
{
	size_t n = 0;

	for (size_t i = 0; i < in.n; i++) {
		int c = (unsigned char)in.p[i];

		if (c == '%') {
			int hi = i + 2 < in.n ? ascii_hex(in.p[i + 1]) : -1;
			int lo = i + 2 < in.n ? ascii_hex(in.p[i + 2]) : -1;

			if (hi < 0 || lo < 0)
				return ERR_SYNTAX;
			c = hi << 4 | lo;
			i += 2;
		} else if (c == ':')	/* RFC 5092: behind it comes no password */
			return ERR_SYNTAX;
		if (c < 0x20 || c == 0x7f || n + 1 >= sizeof out->user)
			return ERR_SYNTAX;
		out->user[n++] = (char)c;
	}
	out->user[n] = '\0';
	return n > 0 ? OK : ERR_SYNTAX;
}

/* "host", "host:143", "[::1]:143" */
static int
take_host(struct slice in, struct import_imap *out)
{
	struct slice host, port = { NULL, 0 };
	uint64_t number;

	if (in.n > 0 && in.p[0] == '[') {
		in = slice_from(in, 1);
		if (!slice_cut(&in, ']', &host))
			return ERR_SYNTAX;
		if (in.n > 0 && in.p[0] != ':')
			return ERR_SYNTAX;
		port = slice_from(in, in.n > 0);
	} else if (slice_cut(&in, ':', &host))
		port = in;
	if (host.n == 0 || host.n >= sizeof out->host)
		return ERR_SYNTAX;
	for (size_t i = 0; i < host.n; i++)
		if (!ascii_is_alnum(host.p[i]) && slice_chr(SLICE(".-_:%"), host.p[i]) < 0)
			return ERR_SYNTAX;
	snprintf(out->host, sizeof out->host, "%.*s", (int)host.n, host.p);
	if (port.n == 0)
		number = out->implicit_tls ? 993 : 143;
	else if (slice_u64(port, 65535, &number) != OK || number == 0)
		return ERR_SYNTAX;
	snprintf(out->port, sizeof out->port, "%u", (unsigned)number);
	return OK;
}

int
import_imap_url(struct slice url, struct import_imap *out)
{
	struct slice rest = url, host, at;
	int r;

	if (slice_starts_nocase(rest, SLICE("imaps://"))) {
		out->implicit_tls = true;
		rest = slice_from(rest, 8);
	} else if (slice_starts_nocase(rest, SLICE("imap://"))) {
		out->implicit_tls = false;
		rest = slice_from(rest, 7);
	} else
		return ERR_SYNTAX;
	if (rest.n > IMAP_URL_MAX)
		return ERR_SYNTAX;
	(void)slice_cut(&rest, '/', &host);
	if (rest.n > 0)	/* a mailbox cannot be named so */
		return ERR_SYNTAX;
	if (!slice_cut(&host, '@', &at))
		return ERR_SYNTAX;
	r = take_user(at, out);
	if (r == OK)
		r = take_host(host, out);
	snprintf(out->text, sizeof out->text, "%s@%s:%s", out->user, out->host, out->port);
	out->place = slice_of(out->text);
	return r;
}
