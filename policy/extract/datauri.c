/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/datauri.h"

#include "common/base64.h"
#include "policy/extract/hand.h"
#include "policy/extract/sniff.h"

/* "data:" and what makes a URI of it: [ type "/" subtype ] *( ";" parameter ) "," */
bool
datauri_has(struct slice s)
{
	ptrdiff_t at;

	while ((at = slice_find_nocase(s, SLICE("data:"))) >= 0) {
		struct slice rest = slice_sub(s, (size_t)at + 5, 256), type;

		if (slice_cut(&rest, ',', &type) && (type.n == 0 || type.p[0] == ';' ||
		    (!ascii_is_white(type.p[0]) && slice_chr(type, '/') > 0)))
			return true;
		s = slice_from(s, (size_t)at + 5);
	}
	return false;
}

/* "data:" [ type ] *( ";" parameter ) ";base64," */
bool
datauri_is_base64(struct slice s)
{
	struct slice head = slice_sub(s, 0, 256), type;

	return slice_starts_nocase(s, SLICE("data:")) && slice_cut(&head, ',', &type) &&
	    slice_ends_nocase(type, SLICE(";base64"));
}

static void
one(struct hand *h, struct slice uri, struct buf *octets)
{
	uint32_t number = hand_number(h);
	unsigned flags = 0;
	struct slice type;

	slice_cut(&uri, ',', &type);
	buf_clear(octets);
	if (base64_decode(uri, octets, &flags) != OK && h->err == OK)
		h->err = octets->err;
	if (slice_find_nocase(type, SLICE("svg")) >= 0 &&
	    sniff(buf_slice(octets)) != SNIFF_XML)
		hand_opaque(h, number, EXTRACT_WHY_TYPE);
	if ((flags & (BASE64_JUNK | BASE64_PADDING)) != 0)
		hand_opaque(h, number, EXTRACT_WHY_BROKEN);
	if (slice_find_nocase(type, SLICE("html")) >= 0)
		hand_name(h, number, SLICE("data.html"));
	hand_file(h, number, buf_slice(octets));
}

int
datauri_run(struct slice list, const struct extract_limits *limits, extract_sink_fn *sink,
    void *arg)
{
	struct buf octets;
	struct slice line;
	struct hand h;
	int err;

	hand_init(&h, limits, sink, arg);
	buf_init(&octets, list.n + 16);
	while (list.n > 0 && h.err == OK) {
		slice_cut(&list, '\n', &line);
		if (line.n > 0)
			one(&h, line, &octets);
	}
	err = hand_end(&h, OK);
	buf_fini(&octets);
	return err;
}
