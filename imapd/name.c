/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "imapd/name.h"

#include <string.h>

#include "common/control.h"
#include "common/utf8.h"
#include "imapd/args.h"
#include "common/utf7.h"

/* A code point that shows as nothing or as space at the edge of a name, or turns the text round. */
static bool
is_hidden(uint32_t cp)
{
	return !utf8_is_safe_char(cp) || cp == 0xad || cp == 0x34f || cp == 0x61c ||
	    (cp >= 0x115f && cp <= 0x1160) || (cp >= 0x17b4 && cp <= 0x17b5) ||
	    (cp >= 0x180b && cp <= 0x180f) || (cp >= 0x2000 && cp <= 0x200f) ||
	    (cp >= 0x2028 && cp <= 0x202f) || (cp >= 0x205f && cp <= 0x206f) || cp == 0xa0 ||
	    cp == 0x3000 || cp == 0x3164 || (cp >= 0xfe00 && cp <= 0xfe0f) || cp == 0xfeff ||
	    cp == 0xffa0 || (cp >= 0xe0000 && cp <= 0xe0fff);
}

static bool
level_is_usable(struct slice level)
{
	uint32_t cp;

	if (level.n == 0 || level.p[0] == ' ' || level.p[level.n - 1] == ' ')
		return false;
	while (utf8_next(&level, &cp) == 1)
		if (is_hidden(cp))
			return false;
	return true;
}

static bool
is_usable(struct slice name)
{
	unsigned levels = 0;
	struct slice level;
	bool more;

	if (name.n == 0 || name.n > BACKEND_NAME_OCTETS)
		return false;
	do {
		more = slice_cut(&name, '/', &level);
		if (!level_is_usable(level) || ++levels > NAME_LEVELS_MAX)
			return false;
	} while (more);
	return true;
}

static struct slice
first_level(struct slice name)
{
	struct slice level;

	slice_cut(&name, '/', &level);
	return level;
}

bool
name_is_mat(struct slice name)
{
	return slice_eq(first_level(name), NAME_MAT);
}

bool
name_is_like_mat(struct slice name)
{
	struct buf want, have;
	bool same;

	buf_init(&want, 64);
	buf_init(&have, 4 * BACKEND_NAME_OCTETS);
	/* What cannot be folded counts as alike: it cannot be shown to differ. */
	same = utf8_nfkc_casefold(NAME_MAT, &want) != OK ||
	    utf8_nfkc_casefold(first_level(name), &have) != OK ||
	    slice_eq(slice_trim(buf_slice(&want)), slice_trim(buf_slice(&have)));
	buf_fini(&want);
	buf_fini(&have);
	return same;
}

/* "inbox" and "Inbox/x" are written with INBOX in capitals. */
static void
capital_inbox(struct buf *name)
{
	struct slice level = first_level(buf_slice(name));

	if (slice_is_nocase(level, "INBOX"))
		memcpy(name->p, "INBOX", 5);
}

int
name_parse(struct slice wire, unsigned zone, struct arena *a, struct slice *out)
{
	struct buf utf8, nfc;
	int err = ERR_INVAL;

	buf_init(&utf8, 2 * BACKEND_NAME_OCTETS);
	buf_init(&nfc, 2 * BACKEND_NAME_OCTETS);
	if (utf7_decode(wire, &utf8) != OK || utf8_nfc(buf_slice(&utf8), &nfc) != OK)
		goto out;
	/* RENAME and CREATE may name a level by "a/": the last separator is only a hint. */
	if (nfc.n > 1 && nfc.p[nfc.n - 1] == '/')
		nfc.n--;
	if (!is_usable(buf_slice(&nfc)))
		goto out;
	if (zone != ZONE_INTERNAL && name_is_like_mat(buf_slice(&nfc)) &&
	    !control_off("mat-internet"))
		goto out;
	capital_inbox(&nfc);
	*out = arena_copy(a, buf_slice(&nfc));
	err = a->err;
out:
	buf_fini(&utf8);
	buf_fini(&nfc);
	return err;
}

void
name_add(struct buf *out, struct slice name)
{
	struct buf wire;
	/* NIL would be right as an atom, but not everybody reads it so. */
	bool atom = name.n > 0 && !slice_is_nocase(name, "NIL");

	buf_init(&wire, 8 * BACKEND_NAME_OCTETS);
	if (utf7_encode(name, &wire) != OK)
		out->err = ERR_LIMIT;
	for (size_t i = 0; i < wire.n; i++)
		atom = atom && args_is_atom_char(wire.p[i]);
	if (!atom)
		buf_addc(out, '"');
	for (size_t i = 0; i < wire.n; i++) {
		if (wire.p[i] == '"' || wire.p[i] == '\\')
			buf_addc(out, '\\');
		buf_addc(out, wire.p[i]);
	}
	if (!atom)
		buf_addc(out, '"');
	buf_fini(&wire);
}

/* Where to go on when what follows a wildcard did not fit. */
struct retry {
	size_t pattern, name;
	bool   set;
};

/* Let the last wildcard take one octet more: % not a separator, then * anything. */
static bool
retry(struct retry *percent, struct retry *star, struct slice name, size_t *p, size_t *n)
{
	if (percent->set && percent->name < name.n && name.p[percent->name] != '/') {
		*n = ++percent->name;
		*p = percent->pattern;
		return true;
	}
	percent->set = false;
	if (star->set && star->name < name.n) {
		*n = ++star->name;
		*p = star->pattern;
		return true;
	}
	return false;
}

bool
name_match(struct slice pattern, struct slice name)
{
	struct retry percent = { 0 }, star = { 0 };
	size_t inbox = slice_is(first_level(name), "INBOX") ? 5 : 0;
	size_t p = 0, n = 0;

	for (;;) {
		char c = p < pattern.n ? pattern.p[p] : '\0';

		if (c == '*') {
			star = (struct retry){ ++p, n, true };
			percent.set = false;
		} else if (c == '%')
			percent = (struct retry){ ++p, n, true };
		else if (p == pattern.n && n == name.n)
			return true;
		else if (p < pattern.n && n < name.n && (c == name.p[n] ||
		    (n < inbox && ascii_upper(c) == name.p[n]))) {
			p++;
			n++;
		} else if (!retry(&percent, &star, name, &p, &n))
			return false;
	}
}
