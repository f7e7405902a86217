/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * What an IMAP server says, as an import reads it: every slice lies within what was said; a name
 * that is taken is UTF-8; the address of a server is taken apart within its bounds.
 */
#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"
#include "control/imap_reply.h"
#include "control/import_imap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
within(struct slice inner, struct slice outer)
{
	if (inner.n > 0 && (inner.p < outer.p || inner.p + inner.n > outer.p + outer.n))
		abort();
}

static void
fetch(struct slice in)
{
	static struct imap_fetch f;

	if (imap_fetch_read(in, &f) != OK)
		return;
	within(f.body, in);
	if (f.keywords.n > ST_KEYWORDS_MAX)
		abort();
	for (size_t i = 0; i < f.keywords.n; i++)
		within(f.keywords.v[i], in);
}

static void
folder(struct slice in)
{
	static struct imap_folder f;
	struct buf name;

	if (imap_folder_read(in, &f) != OK)
		return;
	if (f.name.n == 0 || f.name.n > sizeof f.room)
		abort();
	buf_init(&name, 1 << 16);
	if (imap_folder_name(&f, &name) == OK && !utf8_valid(buf_slice(&name)))
		abort();
	buf_clear(&name);
	(void)!imap_add_quoted(f.name, &name);
	buf_fini(&name);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice in = { (const char *)data, n > 100000 ? 100000 : n };
	static struct import_imap conf;
	struct imap_reply r;
	uint64_t octets;
	uint32_t number;

	fetch(in);
	folder(in);
	(void)imap_literal_announced(in, &octets);
	(void)imap_code_number(in, "UIDVALIDITY", &number);
	(void)imap_has_word(in, "STARTTLS");
	if (imap_reply_read(in, &r) == OK) {
		within(r.tag, in);
		within(r.word, in);
		within(r.rest, in);
		fetch(r.rest);
		folder(r.rest);
	}
	if (import_imap_url(in, &conf) == OK && (strlen(conf.host) == 0 ||
	    strlen(conf.host) >= sizeof conf.host || strlen(conf.user) == 0))
		abort();
	return 0;
}
