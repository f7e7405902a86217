/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Zips and documents: what is handed out stays within the limits. The input is taken as a zip and
 * as the XML of a part of each kind of document. */
#include <stdint.h>
#include <stdlib.h>

#include "policy/extract/extract.h"
#include "policy/extract/odf.h"
#include "policy/extract/odfstyle.h"
#include "policy/extract/ooxml.h"
#include "policy/extract/sheet.h"
#include "policy/extract/sniff.h"
#include "policy/extract/wordstyle.h"

enum { OUT_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
take(void *arg, const struct extract_piece *p)
{
	uint64_t *out = arg;

	if ((p->type == EXTRACT_OPAQUE) != (p->why != EXTRACT_WHY_NONE))
		abort();
	if (p->type == EXTRACT_FILE)
		*out += p->octets.n;
	if (*out > OUT_MAX)
		abort();
	for (size_t i = 0; i < p->octets.n; i++)
		if (p->octets.p[i] == '\xFF')
			(*(volatile uint64_t *)out) += 0;	/* touch every octet */
	return OK;
}

/* Styles of its own make another text of a part, or it says that they cannot. */
static void
read_word(struct slice in)
{
	struct looks styles;
	struct buf with, without;
	bool styled;
	int err;

	buf_init(&with, OUT_MAX);
	buf_init(&without, OUT_MAX);
	looks_init(&styles);
	err = ooxml_text(in, wordstyle_read(in, &styles) == OK ? &styles : NULL, &with, &styled);
	if (ooxml_text(in, NULL, &without, &styled) == OK && !styled &&
	    (err != OK || !slice_eq(buf_slice(&with), buf_slice(&without))))
		abort();
	looks_fini(&styles);
	buf_fini(&with);
	buf_fini(&without);
}

static void
read_parts(struct slice in)
{
	struct sheet_strings strings;
	struct looks styles;
	struct buf text;

	read_word(in);
	buf_init(&text, OUT_MAX);
	sheet_strings_init(&strings, OUT_MAX);
	looks_init(&styles);
	(void)!odf_text(in, odfstyle_read(in, &styles) == OK ? &styles : NULL, &text);
	looks_fini(&styles);
	buf_clear(&text);
	(void)!sheet_strings_read(&strings, in);
	(void)!sheet_text(in, &strings, &text);
	sheet_strings_fini(&strings);
	buf_fini(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	struct extract_limits l;
	uint64_t out = 0;

	extract_limits_init(&l);
	l.out_octets_max = OUT_MAX;
	l.entries_max = 100;
	if (extract_run(in, EXTRACT_ZIP, &l, take, &out) != OK)
		abort();
	(void)sniff(in);
	read_parts(in);
	return 0;
}
