/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* What stands around a message in an mbox: its separator, and the fields that readers keep there. */
#include <string.h>
#include <time.h>

#include "common/civil.h"
#include "control/mbox.h"
#include "mailstore/proto.h"
#include "mime/header.h"

enum { WORDS_MAX = 64 };

static const char days[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* ---- separators ---- */

/* Which of the three-letter names is it, or -1. */
static int
name_of(struct slice word, const char *names)
{
	for (int i = 0; names[3 * i] != '\0'; i++)
		if (slice_eq_nocase(word, (struct slice){ names + 3 * i, 3 }))
			return i;
	return -1;
}

static bool
number(struct slice word, int lo, int hi, int *out)
{
	uint64_t v;

	if (slice_u64(word, (uint64_t)hi, &v) != OK || v < (uint64_t)lo)
		return false;
	*out = (int)v;
	return true;
}

/* hh:mm or hh:mm:ss */
static bool
clock_time(struct slice word, struct tm *tm)
{
	struct slice h, m;

	if (!slice_cut(&word, ':', &h) || !number(h, 0, 23, &tm->tm_hour))
		return false;
	if (!slice_cut(&word, ':', &m))
		return number(m, 0, 59, &tm->tm_min);
	return number(m, 0, 59, &tm->tm_min) && number(word, 0, 60, &tm->tm_sec);
}

/* +hhmm, or a name, which is taken for UTC. */
static bool
zone(struct slice word, int64_t *east_s)
{
	int hhmm;

	if (word.n == 5 && (word.p[0] == '+' || word.p[0] == '-')) {
		if (!number(slice_from(word, 1), 0, 2359, &hhmm) || hhmm % 100 > 59)
			return false;
		*east_s = (word.p[0] == '-' ? -60 : 60) * (int64_t)(hhmm / 100 * 60 + hhmm % 100);
		return true;
	}
	return word.n >= 1 && word.n <= 5 && ascii_is_alpha(word.p[0]);
}

static bool
date_at(const struct slice *w, size_t n, int64_t *date_s_out)
{
	struct tm tm = { 0 };
	int64_t east_s = 0;
	size_t at = 4;
	int year;

	if (n < 5 || name_of(w[0], days) < 0 || (tm.tm_mon = name_of(w[1], months)) < 0 ||
	    !number(w[2], 1, 31, &tm.tm_mday) || !clock_time(w[3], &tm))
		return false;
	if (!number(w[at], 1970, 9999, &year)) {
		if (n < 6 || !zone(w[at], &east_s) || !number(w[++at], 1970, 9999, &year))
			return false;
	} else if (n > 5 && !zone(w[5], &east_s))
		return false;
	tm.tm_year = year - 1900;
	if (civil_of(civil_days((struct civil){ year, tm.tm_mon + 1, tm.tm_mday })).month !=
	    tm.tm_mon + 1)
		return false;	/* the 30th of February */
	*date_s_out = civil_seconds(&tm) - east_s;
	return true;
}

int
mbox_date(struct slice from, int64_t *date_s_out)
{
	struct slice words[WORDS_MAX];
	size_t n = 0;

	while (from.n > 0 && n < WORDS_MAX) {
		struct slice word;

		(void)slice_cut(&from, ' ', &word);
		word = slice_trim(word);
		if (word.n > 0)
			words[n++] = word;
	}
	for (size_t i = 0; i + 4 < n; i++)
		if (date_at(words + i, n - i, date_s_out))
			return OK;
	return ERR_SYNTAX;
}

void
mbox_add_from(struct slice sender, int64_t date_s, struct buf *out)
{
	int64_t day = (date_s - (date_s < 0 ? 86399 : 0)) / 86400, s = date_s - day * 86400;
	struct civil c = civil_of(day);
	bool plain = sender.n > 0 && sender.n <= 320;

	for (size_t i = 0; i < sender.n && plain; i++)
		plain = sender.p[i] > ' ' && sender.p[i] < 0x7f;
	if (!plain)
		sender = SLICE("MAILER-DAEMON");
	buf_addf(out, "From %.*s %.3s %.3s %2d %02d:%02d:%02d %04d\n", (int)sender.n, sender.p,
	    days + 3 * (((day + 4) % 7 + 7) % 7), months + 3 * (c.month - 1), c.day,
	    (int)(s / 3600), (int)(s / 60 % 60), (int)(s % 60), (int)c.year);
}

/* ---- fields ---- */

static const struct {
	char	 letter;
	bool	 x;	/* in X-Status */
	unsigned flag;
} letters[] = {
	{ 'R', false, ST_SEEN }, { 'A', true, ST_ANSWERED }, { 'F', true, ST_FLAGGED },
	{ 'T', true, ST_DRAFT }, { 'D', true, ST_DELETED },
};

static unsigned
flags_of(struct slice value, bool x)
{
	unsigned flags = 0;

	for (size_t i = 0; i < value.n; i++)
		for (size_t k = 0; k < ARRAY_LEN(letters); k++)
			if (letters[k].x == x && letters[k].letter == value.p[i])
				flags |= letters[k].flag;
	return flags;
}

/* Words between spaces, commas and folds. */
static void
take_words(struct slice value, struct slice *words, size_t max, size_t *n)
{
	size_t begin = 0;

	for (size_t i = 0; i <= value.n; i++) {
		bool end = i == value.n || value.p[i] == ' ' || value.p[i] == ',' ||
		    value.p[i] == '\t' || value.p[i] == '\r' || value.p[i] == '\n';

		if (!end)
			continue;
		if (i > begin && *n < max)
			words[(*n)++] = slice_sub(value, begin, i - begin);
		begin = i + 1;
	}
}

void
mbox_take_status(struct slice message, struct buf *out, unsigned *flags_out, bool *found_out,
    struct slice *keywords, size_t max, size_t *keywords_n_out)
{
	struct header_iter it;
	struct header_field f;
	size_t through = 0;

	*flags_out = 0;
	*found_out = false;
	*keywords_n_out = 0;
	header_init(&it, message);
	while (header_next(&it, &f) == 1) {
		bool x = slice_is_nocase(f.name, "X-Status");

		if (x || slice_is_nocase(f.name, "Status")) {
			*flags_out |= flags_of(f.value, x);
			*found_out = true;
		} else if (slice_is_nocase(f.name, "X-Keywords"))
			take_words(f.value, keywords, max, keywords_n_out);
		else if (!slice_is_nocase(f.name, "X-UID") && !slice_is_nocase(f.name, "X-IMAP") &&
		    !slice_is_nocase(f.name, "X-IMAPbase"))
			buf_add(out, f.whole);
		through = (size_t)(f.whole.p - message.p) + f.whole.n;
	}
	/* Fields beyond the limits of the walk, the empty line, the body. */
	buf_add(out, slice_from(message, through));
}

unsigned
mbox_add_status(unsigned flags, uint32_t uid, const struct slice *keywords, size_t keywords_n,
    const char *eol, struct buf *out)
{
	unsigned lines = 2;

	buf_addf(out, "Status: %sO%sX-UID: %u%s", (flags & ST_SEEN) != 0 ? "R" : "", eol, uid, eol);
	if ((flags & ~(unsigned)(ST_SEEN | ST_RECENT)) != 0) {
		buf_adds(out, "X-Status: ");
		for (size_t k = 0; k < ARRAY_LEN(letters); k++)
			if (letters[k].x && (flags & letters[k].flag) != 0)
				buf_addc(out, letters[k].letter);
		buf_adds(out, eol);
		lines++;
	}
	if (keywords_n > 0) {
		buf_adds(out, "X-Keywords:");
		for (size_t i = 0; i < keywords_n; i++)
			buf_addf(out, " %.*s", (int)keywords[i].n, keywords[i].p);
		buf_adds(out, eol);
		lines++;
	}
	return lines;
}
