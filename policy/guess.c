/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/guess.h"

static bool
named(const struct inspect_label *l, const char *extension)
{
	return slice_ends_nocase(l->filename, slice_of(extension));
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

bool
guess_is_opaque(const struct inspect_label *l)
{
	return slice_is_nocase(l->type, "image") || slice_is_nocase(l->type, "audio") ||
	    slice_is_nocase(l->type, "video") || slice_is_nocase(l->type, "model") ||
	    slice_is_nocase(l->subtype, "rtf") || slice_is_nocase(l->subtype, "pdf") ||
	    slice_is_nocase(l->subtype, "postscript") || slice_is_nocase(l->subtype, "ms-tnef") ||
	    slice_is_nocase(l->subtype, "vnd.ms-tnef") ||
	    slice_is_nocase(l->subtype, "mac-binhex40") ||
	    named(l, ".rtf") || named(l, ".svg") ||
	    named(l, ".hqx") || named(l, ".uue");
}
