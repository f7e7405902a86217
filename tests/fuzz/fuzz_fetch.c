/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* What congvu-trust takes from outside: its own state when somebody altered it, addresses that
 * certificates name, and whether an answer fits a question. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/fetch/state.h"
#include "policy/fetch/url.h"
#include "policy/smime/points.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_state(struct slice in)
{
	static struct state s, again;
	struct buf text;

	if (state_parse(in, &s) != OK)
		return;
	buf_init(&text, 2 * STATE_OCTETS_MAX);
	if (state_write(&s, &text) != OK || state_parse(buf_slice(&text), &again) != OK ||
	    again.ran_s != s.ran_s || again.failed != s.failed || again.urls_n != s.urls_n)
		abort();
	for (size_t i = 0; i < s.urls_n; i++)
		if (!slice_eq(s.urls[i].url, again.urls[i].url))
			abort();
	buf_fini(&text);
}

static void
check_url(struct slice in)
{
	static const char *v[] = { "http://ocsp.ca.ptc http://10.0.0.1/o", "http://a/b http://c" };
	const struct conf_list pairs = { v, 2 };
	struct slice server = url_server(in);
	struct buf out;

	if (server.n > in.n || (server.n > 0 && server.p != in.p))
		abort();
	if (!url_is_fetchable(in))
		return;
	for (size_t i = 0; i < in.n; i++)
		if (in.p[i] <= ' ' || in.p[i] > '~' || (i < server.n && in.p[i] == '@'))
			abort();
	buf_init(&out, 4 * URL_OCTETS_MAX);
	if (!url_rewrite(&pairs, in, &out) && !slice_eq(buf_slice(&out), in))
		abort();
	if (!url_is_fetchable(slice_sub(buf_slice(&out), 0, url_server(buf_slice(&out)).n)))
		abort();
	buf_fini(&out);
}

static void
check_answers(struct slice in)
{
	size_t half = in.n > 0 ? (unsigned char)in.p[0] : 0;
	struct smime_point p = { .asked = slice_sub(in, 1, half) };

	for (int ocsp = 0; ocsp <= 1 && in.n > 0; ocsp++) {
		p.ocsp = ocsp == 1;
		(void)!smime_point_answers(&p, slice_from(in, 1 + half));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };

	check_state(in);
	check_url(in);
	check_answers(in);
	return 0;
}
