/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Statements of officers: one form only; signed ones, of which none may count without trust; and
 * the digest of text, which line ends must not change. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/extract/sniff.h"
#include "policy/release.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_form(struct slice in, struct arena *a)
{
	struct release_statement s, again;
	struct buf text;

	if (release_parse(in, a, &s) != OK)
		return;
	buf_init(&text, 2 * RELEASE_OCTETS_MAX);
	if (release_format(&s, &text) != OK || release_parse(buf_slice(&text), a, &again) != OK ||
	    memcmp(s.id, again.id, sizeof s.id) != 0 || s.expires_s != again.expires_s ||
	    s.parts_n != again.parts_n || s.recipients_n != again.recipients_n)
		abort();
	buf_fini(&text);
}

static void
check_signed(struct slice in, struct arena *a)
{
	struct smime_options o = { .now_s = 1800000000, .revocation_grace_s = 259200 };
	struct release_statement s;
	const char *unfit = NULL;
	struct smime_result sig;

	if (release_open(in, NULL, &o, a, &sig, &s, &unfit) == OK && unfit == NULL)
		abort();
}

/* Octets that only are called text are what they are (policy/leaf.h). */
static bool
is_text(struct slice s)
{
	enum sniff kind = sniff(s);

	return (kind == SNIFF_TEXT || kind == SNIFF_HTML || kind == SNIFF_XML) && sniff_is_text(s);
}

static void
check_digest(struct slice in)
{
	struct leaf crlf = { .kind = LEAF_TEXT }, lf = { .kind = LEAF_TEXT };
	struct buf x, y;

	buf_init(&x, 2 * in.n + 2);
	buf_init(&y, in.n + 1);
	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] == '\r')
			continue;
		buf_adds(&x, in.p[i] == '\n' ? "\r" : "");
		buf_addc(&x, in.p[i]);
		buf_addc(&y, in.p[i]);
	}
	crlf.octets = buf_slice(&x);
	lf.octets = buf_slice(&y);
	if (leaf_digest(&crlf) == NULL || leaf_digest(&lf) == NULL)
		abort();
	if (is_text(crlf.octets) && is_text(lf.octets) &&
	    memcmp(crlf.sha256, lf.sha256, sizeof lf.sha256) != 0)
		abort();
	buf_fini(&x);
	buf_fini(&y);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	unsigned char content[LEAF_SHA256_OCTETS];
	struct arena a;

	arena_init(&a, (size_t)64 << 20);
	check_form(in, &a);
	check_signed(in, &a);
	check_digest(in);
	(void)!release_content(in, &a, content);
	arena_clear(&a);
	return 0;
}
