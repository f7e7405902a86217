/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/edxml.h"

#include "policy/extract/hand.h"
#include "policy/extract/entity.h"

enum { VALUE_OCTETS_MAX = 8192, NAME_OCTETS_MAX = 256, CODE_OCTETS = 3 };

enum meaning { MEANS_NOTHING, MEANS_TITLE, MEANS_NAME, MEANS_SECRECY };

static const struct { const char *name; enum meaning meaning; } rows[] = {
	{ "Subject", MEANS_TITLE }, { "Title", MEANS_TITLE }, { "Content", MEANS_TITLE },
	{ "TrichYeu", MEANS_TITLE }, { "SphereOfPromulgation", MEANS_TITLE },
	{ "Appendix", MEANS_TITLE }, { "Description", MEANS_TITLE },
	{ "AttachmentName", MEANS_NAME }, { "FileName", MEANS_NAME }, { "Name", MEANS_NAME },
	{ "TenFile", MEANS_NAME }, { "TenTep", MEANS_NAME },
	{ "Secret", MEANS_SECRECY }, { "SecretLevel", MEANS_SECRECY },
	{ "Secrecy", MEANS_SECRECY }, { "SecrecyLevel", MEANS_SECRECY },
	{ "Security", MEANS_SECRECY }, { "SecurityLevel", MEANS_SECRECY },
	{ "Confidential", MEANS_SECRECY }, { "Confidentiality", MEANS_SECRECY },
	{ "Classification", MEANS_SECRECY }, { "DoMat", MEANS_SECRECY },
	{ "Do_Mat", MEANS_SECRECY }, { "MucDoMat", MEANS_SECRECY },
};

/* By the name of a tag without its prefix. */
static enum meaning
meaning_of(struct slice tag)
{
	ptrdiff_t colon;
	size_t n = 0;

	while (n < tag.n && n < NAME_OCTETS_MAX && (ascii_is_alnum(tag.p[n]) || tag.p[n] == ':' ||
	    tag.p[n] == '_' || tag.p[n] == '-' || tag.p[n] == '.'))
		n++;
	tag = slice_sub(tag, 0, n);
	colon = slice_chr(tag, ':');
	tag = slice_from(tag, (size_t)(colon + 1));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (slice_is_nocase(tag, rows[i].name))
			return rows[i].meaning;
	return MEANS_NOTHING;
}

/* The text of an element, without the marks of a CDATA section around it. */
static struct slice
without_cdata(struct slice s)
{
	s = slice_trim(s);
	if (slice_starts_nocase(s, SLICE("<![CDATA[")))
		s = slice_from(s, 9);
	if (slice_ends_nocase(s, SLICE("]]>")))
		s.n -= 3;
	return slice_trim(s);
}

static void
tell(struct hand *h, enum meaning m, struct slice text)
{
	struct buf value;

	if (text.n == 0 || text.n > VALUE_OCTETS_MAX ||
	    (m == MEANS_SECRECY && text.n < CODE_OCTETS))	/* a code of somebody's own */
		return;
	buf_init(&value, 4 * VALUE_OCTETS_MAX);
	if (m == MEANS_SECRECY)
		buf_adds(&value, "\xC4\x90\xE1\xBB\x99 m\xE1\xBA\xADt: ");
	entity_text(text, &value);
	if (m == MEANS_NAME)
		hand_name(h, hand_number(h), buf_slice(&value));
	else if (m == MEANS_TITLE)
		hand_title(h, 0, buf_slice(&value));
	else
		hand_text(h, 0, buf_slice(&value));
	buf_fini(&value);
}

/* Behind the ">" of a tag: the text up to the next tag. */
static struct slice
text_of(struct slice s)
{
	struct slice head = slice_sub(s, 0, VALUE_OCTETS_MAX + 16), line;
	ptrdiff_t end;

	if (slice_starts_nocase(slice_trim(slice_sub(s, 0, 64)), SLICE("<![CDATA["))) {
		end = slice_find(head, SLICE("]]>"));
		return end < 0 ? (struct slice){ NULL, 0 } :
		    without_cdata(slice_sub(s, 0, (size_t)end + 3));
	}
	return slice_cut(&head, '<', &line) ? slice_trim(line) : (struct slice){ NULL, 0 };
}

int
edxml_run(struct slice s, const struct extract_limits *limits, extract_sink_fn *sink, void *arg)
{
	struct hand h;
	ptrdiff_t at;

	hand_init(&h, limits, sink, arg);
	while (h.err == OK && (at = slice_chr(s, '<')) >= 0) {
		enum meaning m;

		s = slice_from(s, (size_t)at + 1);
		m = meaning_of(slice_sub(s, 0, NAME_OCTETS_MAX));
		if (m == MEANS_NOTHING)
			continue;
		at = slice_chr(slice_sub(s, 0, VALUE_OCTETS_MAX), '>');
		if (at > 0 && s.p[at - 1] != '/')
			tell(&h, m, text_of(slice_from(s, (size_t)at + 1)));
	}
	return hand_end(&h, OK);
}
