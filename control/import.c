/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "control/import.h"

#include <stdio.h>
#include <string.h>

#include "control/mbox.h"

int
import_fail(struct import_source *s, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->why, sizeof s->why, fmt, ap);
	va_end(ap);
	return err;
}

uint8_t
import_special_use(struct slice attribute)
{
	static const struct { const char *name; uint8_t use; } rows[] = {
		{ "\\Drafts", ST_USE_DRAFTS }, { "\\Sent", ST_USE_SENT },
		{ "\\Trash", ST_USE_TRASH }, { "\\Junk", ST_USE_JUNK },
		{ "\\Archive", ST_USE_ARCHIVE },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (slice_is_nocase(attribute, rows[i].name))
			return rows[i].use;
	return ST_USE_NONE;
}

unsigned
import_flag(struct slice name)
{
	static const struct { const char *name; unsigned flag; } rows[] = {
		{ "\\Seen", ST_SEEN }, { "\\Answered", ST_ANSWERED }, { "\\Flagged", ST_FLAGGED },
		{ "\\Deleted", ST_DELETED }, { "\\Draft", ST_DRAFT },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (slice_is_nocase(name, rows[i].name))
			return rows[i].flag;
	return 0;
}

void
import_add_crlf(struct slice message, struct buf *out)
{
	if (mbox_is_crlf(message)) {
		buf_add(out, message);
		return;
	}
	while (message.n > 0) {
		ptrdiff_t lf = slice_chr(message, '\n');
		size_t n = lf < 0 ? message.n : (size_t)lf;

		buf_add(out, slice_sub(message, 0, n));
		if (lf >= 0)
			buf_adds(out, n > 0 && message.p[n - 1] == '\r' ? "\n" : "\r\n");
		message = slice_from(message, n + (lf >= 0));
	}
}

const char *
import_refuses(struct slice octets)
{
	if (octets.n == 0)
		return "the message is empty";
	if (memchr(octets.p, '\0', octets.n) != NULL)
		return "the message holds NUL octets";
	return NULL;
}

/* RFC 3501 flag-keyword: an atom. */
static bool
is_keyword(struct slice name)
{
	if (name.n == 0 || name.n > ST_KEYWORD_OCTETS)
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] >= 0x7f || strchr("(){%*\"\\]", name.p[i]) != NULL)
			return false;
	return true;
}

void
import_keyword(struct import_keywords *k, struct slice name)
{
	if (!is_keyword(name) || k->n == ST_KEYWORDS_MAX)
		return;
	for (size_t i = 0; i < k->n; i++)
		if (slice_eq_nocase(k->v[i], name))
			return;
	k->v[k->n++] = name;
}
