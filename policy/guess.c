/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/guess.h"

bool
guess_is_named(struct slice name, const char *extension)
{
	name = slice_trim(name);
	while (name.n > 0 && (name.p[name.n - 1] == '.' || ascii_is_space(name.p[name.n - 1])))
		name.n--;
	return slice_ends_nocase(name, slice_of(extension));
}

static bool
named(const struct inspect_label *l, const char *extension)
{
	return guess_is_named(l->filename, extension);
}

static bool
label_is(const struct inspect_label *l, const char *type, const char *subtype)
{
	return slice_is_nocase(l->type, type) && slice_is_nocase(l->subtype, subtype);
}

bool
guess_says_html(const struct inspect_label *l)
{
	return label_is(l, "text", "html") || label_is(l, "text", "enriched") ||
	    slice_ends_nocase(l->subtype, SLICE("xhtml+xml")) ||
	    named(l, ".html") || named(l, ".htm") || named(l, ".xhtml");
}

bool
guess_says_xml(const struct inspect_label *l)
{
	return slice_ends_nocase(l->subtype, SLICE("xml")) || named(l, ".xml");
}

bool
guess_says_plain(const struct inspect_label *l)
{
	return label_is(l, "text", "plain") || named(l, ".txt") || named(l, ".csv") ||
	    named(l, ".log") || (!guess_says_html(l) && !guess_says_xml(l) &&
	    (l->type.n == 0 || slice_is_nocase(l->type, "text")));
}

static bool
has_tags(struct slice s)
{
	ptrdiff_t at;

	while ((at = slice_chr(s, '<')) >= 0) {
		s = slice_from(s, (size_t)at + 1);
		if (s.n > 0 && (ascii_is_alpha(s.p[0]) || s.p[0] == '/' || s.p[0] == '!'))
			return true;
	}
	return false;
}

bool
guess_is_html(struct slice utf8, const struct inspect_label *l, bool *renders_out)
{
	static const char *const drawn[] = {
		".shtml", ".shtm", ".hta", ".htt", ".php", ".asp", ".aspx", ".jsp",
		".doc", ".dot", ".xls", ".xlt", ".wps", ".et",
	};

	*renders_out = false;
	for (size_t i = 0; i < ARRAY_LEN(drawn); i++)
		*renders_out |= named(l, drawn[i]);
	/* What stands in a mail as plain text is shown as that. */
	if (label_is(l, "text", "plain") && l->filename.n == 0)
		return false;
	return has_tags(utf8);
}

bool
guess_is_mail(struct slice s, const struct inspect_label *l)
{
	static const char *const fields[] = {
		"return-path:", "received:", "delivered-to:", "from:", "to:", "date:", "subject:",
		"message-id:", "mime-version:", "content-type:", "x-", "from ", "reply-to:",
	};
	struct slice line;

	if (slice_is_nocase(l->type, "message") ||
	    slice_is_nocase(l->subtype, "rfc822-headers") || named(l, ".eml") ||
	    named(l, ".mht") || named(l, ".mhtml"))
		return true;
	slice_cut(&s, '\n', &line);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (slice_starts_nocase(line, slice_of(fields[i])) && slice_chr(line, ':') >= 0)
			return slice_chr(slice_sub(s, 0, 1000), ':') >= 0;
	/* Any other field first: then one that says how to decode. */
	s = slice_sub(s, 0, 4096);
	return slice_chr(line, ':') > 0 && (slice_find_nocase(s, SLICE("\ncontent-t")) >= 0 ||
	    slice_starts_nocase(s, SLICE("content-t")));
}

/* Of a page its letters may be drawn as shapes, which nothing here reads. */
static bool
is_drawing(const struct inspect_label *l, struct slice octets)
{
	if (slice_is_nocase(l->subtype, "svg+xml") || named(l, ".svg"))
		return !l->icon || sniff(octets) != SNIFF_XML;
	return !l->icon && !guess_says_html(l) && sniff_is_drawing(octets) &&
	    (!label_is(l, "text", "plain") || l->filename.n > 0);
}

bool
guess_is_opaque(const struct inspect_label *l, struct slice octets)
{
	return is_drawing(l, octets) ||
	    slice_is_nocase(l->type, "image") || slice_is_nocase(l->type, "audio") ||
	    slice_is_nocase(l->type, "video") || slice_is_nocase(l->type, "model") ||
	    slice_is_nocase(l->subtype, "rtf") || slice_is_nocase(l->subtype, "pdf") ||
	    slice_is_nocase(l->subtype, "postscript") || slice_is_nocase(l->subtype, "ms-tnef") ||
	    slice_is_nocase(l->subtype, "vnd.ms-tnef") ||
	    slice_is_nocase(l->subtype, "mac-binhex40") ||
	    slice_is_nocase(l->subtype, "enriched") || slice_is_nocase(l->subtype, "richtext") ||
	    named(l, ".rtf") || named(l, ".hqx") || named(l, ".uue");
}
