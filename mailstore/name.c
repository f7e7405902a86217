/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/name.h"

#include "common/control.h"
#include "common/utf8.h"

static bool
is_forbidden(char c)
{
	return c == '*' || c == '%' || (unsigned char)c < 0x20 || c == 0x7f;
}

static int
check_level(struct slice level)
{
	if (slice_trim(level).n == 0)
		return ERR_INVAL;
	for (size_t i = 0; i < level.n; i++)
		if (is_forbidden(level.p[i]))
			return ERR_INVAL;
	return OK;
}

int
name_normal(struct slice name, struct buf *out)
{
	struct slice rest = name, level;
	bool more;
	int r;

	buf_clear(out);
	if (name.n > ST_NAME_MAX)
		return ERR_LIMIT;
	if (!utf8_valid(name) || !utf8_is_safe(name))
		return ERR_INVAL;
	do {
		more = slice_cut(&rest, '/', &level);
		r = check_level(level);
		if (r != OK)
			return r;
	} while (more);
	rest = name;
	(void)slice_cut(&rest, '/', &level);
	if (slice_is_nocase(level, "INBOX")) {
		buf_adds(out, "INBOX");
		name = slice_from(name, level.n);
	}
	r = utf8_nfc(name, out);
	if (r == OK && out->n > ST_NAME_MAX)
		r = ERR_LIMIT;
	return r;
}

bool
name_is_inbox(struct slice normal)
{
	return slice_is(normal, "INBOX");
}

bool
name_is_below(struct slice name, struct slice above)
{
	return name.n > above.n && name.p[above.n] == '/' &&
	    slice_eq(slice_sub(name, 0, above.n), above);
}

/* Compared in the widest folding, so that full-width letters and invisible marks do not help. */
bool
store_name_is_mat(struct slice name)
{
	struct slice level;
	struct buf folded;
	bool is;

	if (control_off("mat-name"))
		return false;
	(void)slice_cut(&name, '/', &level);
	buf_init(&folded, 4 * ST_NAME_MAX);
	is = utf8_nfkc_casefold(slice_trim(slice_sub(level, 0, ST_NAME_MAX)), &folded) != OK ||
	    slice_is(slice_trim(buf_slice(&folded)), "m\xe1\xba\xadt");
	buf_fini(&folded);
	return is;
}
