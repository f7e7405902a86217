/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "control/maildir.h"

#include <string.h>

#include "common/utf7.h"
#include "common/utf8.h"
#include "mailstore/proto.h"

static const struct {
	char	 letter;
	unsigned flag;
} letters[] = {		/* in ASCII order */
	{ 'D', ST_DRAFT }, { 'F', ST_FLAGGED }, { 'P', 0 }, { 'R', ST_ANSWERED },
	{ 'S', ST_SEEN }, { 'T', ST_DELETED },
};

/* ---- messages ---- */

/* Where ":2," begins, or the end. */
static size_t
info_at(struct slice name)
{
	for (size_t i = name.n; i-- > 0; )
		if (name.p[i] == ':' || name.p[i] == ';' || name.p[i] == '!')
			return name.n - i >= 3 && memcmp(name.p + i + 1, "2,", 2) == 0 ? i : name.n;
	return name.n;
}

static void
take_letter(char c, struct maildir_name *out)
{
	if (c >= 'a' && c <= 'z')
		out->keywords |= (uint32_t)1 << (c - 'a');
	for (size_t k = 0; k < ARRAY_LEN(letters); k++)
		if (letters[k].letter == c) {
			out->flags |= letters[k].flag;
			out->passed = out->passed || c == 'P';
		}
}

void
maildir_name_read(struct slice name, struct maildir_name *out)
{
	size_t at = info_at(name);
	struct slice digits = name;
	uint64_t t = 0;

	*out = (struct maildir_name){ .unique = slice_sub(name, 0, at) };
	for (size_t i = at + 3; i < name.n && name.p[i] != ','; i++)
		take_letter(name.p[i], out);
	for (digits.n = 0; digits.n < at && ascii_is_digit(name.p[digits.n]); )
		digits.n++;
	if (digits.n < at && name.p[digits.n] == '.' &&
	    slice_u64(digits, (uint64_t)1 << 37, &t) == OK)	/* year 6325 */
		out->time_s = (int64_t)t;
}

void
maildir_add_letters(unsigned flags, bool passed, uint32_t keywords, struct buf *out)
{
	buf_adds(out, ":2,");
	for (size_t k = 0; k < ARRAY_LEN(letters); k++)
		if ((flags & letters[k].flag) != 0 || (letters[k].letter == 'P' && passed))
			buf_addc(out, letters[k].letter);
	for (int i = 0; i < MAILDIR_KEYWORDS; i++)
		if ((keywords & (uint32_t)1 << i) != 0)
			buf_addc(out, (char)('a' + i));
}

/* ---- files of Dovecot ---- */

void
maildir_read_keywords(struct slice text, struct slice names[MAILDIR_KEYWORDS])
{
	struct slice line, number;
	bool more;
	uint64_t i;

	memset(names, 0, MAILDIR_KEYWORDS * sizeof *names);
	do {
		more = slice_cut(&text, '\n', &line);
		if (slice_cut(&line, ' ', &number) &&
		    slice_u64(number, MAILDIR_KEYWORDS - 1, &i) == OK)
			names[i] = slice_trim(line);
	} while (more);
}

int
maildir_read_uid(struct slice line, uint32_t *uid_out, struct slice *unique_out)
{
	struct slice number;
	ptrdiff_t colon;
	uint64_t uid;

	if (!slice_cut(&line, ' ', &number) || slice_u64(number, UINT32_MAX, &uid) != OK ||
	    uid == 0)
		return ERR_SYNTAX;
	/* ":NAME" stands first, or after a space behind other fields. */
	if (line.n > 0 && line.p[0] == ':')
		colon = 0;
	else
		colon = slice_find(line, SLICE(" :")) < 0 ? -1 : slice_find(line, SLICE(" :")) + 1;
	if (colon < 0)
		return ERR_SYNTAX;
	line = slice_trim(slice_from(line, (size_t)colon + 1));
	*uid_out = (uint32_t)uid;
	*unique_out = slice_sub(line, 0, info_at(line));
	return unique_out->n > 0 ? OK : ERR_SYNTAX;
}

/* ---- folders ---- */

/* "." would begin another level, so it is written as what it is not in canonical UTF-7. */
static int
add_level(struct slice level, struct buf *out)
{
	do {
		struct slice part;
		bool dot = slice_cut(&level, '.', &part);
		int r = utf7_encode(part, out);

		if (r != OK)
			return r;
		if (!dot)
			return out->err;
		buf_adds(out, "&AC4-");
	} while (level.n > 0);
	return out->err;
}

int
maildir_add_folder(struct slice name, struct buf *out)
{
	bool more;

	if (!utf8_valid(name))
		return ERR_SYNTAX;
	for (size_t i = 0; i < name.n; i++)
		if ((unsigned char)name.p[i] < 0x20)
			return ERR_SYNTAX;
	do {
		struct slice level;
		int r;

		more = slice_cut(&name, '/', &level);
		buf_addc(out, '.');
		r = add_level(level, out);
		if (r != OK)
			return r;
	} while (more);
	return out->err;
}

/* UTF-7 where our own "&AC4-" stands. */
static int
read_utf7(struct slice level, struct buf *out)
{
	for (;;) {
		ptrdiff_t at = slice_find(level, SLICE("&AC4-"));
		int r = utf7_decode(slice_sub(level, 0, at < 0 ? level.n : (size_t)at), out);

		if (r != OK || at < 0)
			return r;
		buf_addc(out, '.');
		level = slice_from(level, (size_t)at + 5);
	}
}

int
maildir_read_level(struct slice level, struct buf *out)
{
	size_t before = out->n;
	int r = ERR_SYNTAX;

	if (utf8_is_ascii(level))
		r = read_utf7(level, out);
	if (r == ERR_SYNTAX && utf8_valid(level)) {
		out->n = before;
		buf_add(out, level);
		r = out->err;
	}
	return r;
}
