/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/smime/revoked.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_LINE "congvu-revoked 1\n"

enum { REASON_MAX = 10, REASON_HOLD = 6, REASON_REMOVE = 8 };

void
revoked_init(struct revoked_list *list)
{
	*list = (struct revoked_list){ NULL, 0, 0, 0 };
}

void
revoked_fini(struct revoked_list *list)
{
	free(list->entries);
	revoked_init(list);
}

int
revoked_add(struct revoked_list *list, const struct revoked_entry *entry)
{
	if (list->count >= REVOKED_MAX)
		return ERR_LIMIT;
	if (list->count == list->room) {
		size_t room = list->room == 0 ? 64 : 2 * list->room;
		struct revoked_entry *more = reallocarray(list->entries, room, sizeof *more);

		if (more == NULL)
			return ERR_NOMEM;
		list->entries = more;
		list->room = room;
	}
	list->entries[list->count++] = *entry;
	return OK;
}

/* ---- order ---- */

static int
compare_serials(const unsigned char *a, size_t a_n, const unsigned char *b, size_t b_n)
{
	if (a_n != b_n)
		return a_n < b_n ? -1 : 1;
	return memcmp(a, b, a_n);
}

static int
compare_names(const struct revoked_entry *a, const struct revoked_entry *b)
{
	int r = memcmp(a->issuer, b->issuer, sizeof a->issuer);

	return r != 0 ? r : compare_serials(a->serial, a->serial_octets, b->serial,
	    b->serial_octets);
}

static int
compare(const void *va, const void *vb)
{
	const struct revoked_entry *a = va, *b = vb;
	int r = compare_names(a, b);

	if (r == 0 && a->moment_s != b->moment_s)
		r = a->moment_s < b->moment_s ? -1 : 1;
	return r;
}

size_t
revoked_settle(struct revoked_list *list)
{
	size_t before = list->settled, kept = 0;

	if (list->count == before)
		return 0;
	qsort(list->entries, list->count, sizeof *list->entries, compare);
	for (size_t i = 0; i < list->count; i++)
		if (kept == 0 ||
		    compare_names(&list->entries[kept - 1], &list->entries[i]) != 0)
			list->entries[kept++] = list->entries[i];
	list->count = list->settled = kept;
	return kept - before;
}

const struct revoked_entry *
revoked_find(const struct revoked_list *list, const unsigned char issuer[32], struct slice serial)
{
	struct revoked_entry key = { .serial_octets = (unsigned char)serial.n };
	size_t low = 0, high = list->settled;

	if (serial.n > sizeof key.serial)
		return NULL;
	memcpy(key.issuer, issuer, sizeof key.issuer);
	if (serial.n > 0)
		memcpy(key.serial, serial.p, serial.n);
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int r = compare_names(&list->entries[middle], &key);

		if (r == 0)
			return &list->entries[middle];
		if (r < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

int
revoked_merge(struct revoked_list *list, const struct revoked_list *more)
{
	int r = OK;

	for (size_t i = 0; r == OK && i < more->settled; i++) {
		const struct revoked_entry *e = &more->entries[i], *known;

		known = revoked_find(list, e->issuer,
		    (struct slice){ (const char *)e->serial, e->serial_octets });
		if (known == NULL || known->moment_s > e->moment_s)
			r = revoked_add(list, e);
	}
	(void)revoked_settle(list);
	return r;
}

/* ---- text ---- */

bool
revoked_is(struct slice text)
{
	struct slice first = SLICE("congvu-revoked ");

	return text.n >= first.n && memcmp(text.p, first.p, first.n) == 0;
}

static bool
take_hex(struct slice hex, unsigned char *out, size_t max, size_t *n_out)
{
	if (hex.n == 0 || hex.n % 2 != 0 || hex.n / 2 > max)
		return false;
	for (size_t i = 0; i < hex.n; i++) {
		int digit = hex.p[i] >= 'A' && hex.p[i] <= 'F' ? -1 : ascii_hex(hex.p[i]);

		if (digit < 0)
			return false;
		out[i / 2] = (unsigned char)(i % 2 == 0 ? digit << 4 : out[i / 2] | digit);
	}
	*n_out = hex.n / 2;
	return true;
}

static bool
take_entry(struct slice line, struct revoked_entry *out)
{
	struct slice issuer, serial, moment;
	uint64_t moment_s, reason;
	size_t n;

	*out = (struct revoked_entry){ 0 };
	if (!slice_cut(&line, ' ', &issuer) || !slice_cut(&line, ' ', &serial) ||
	    !slice_cut(&line, ' ', &moment))
		return false;
	if (!take_hex(issuer, out->issuer, sizeof out->issuer, &n) || n != sizeof out->issuer ||
	    !take_hex(serial, out->serial, sizeof out->serial, &n) ||
	    (n > 1 && out->serial[0] == 0))
		return false;
	out->serial_octets = (unsigned char)n;
	if (slice_u64(moment, INT64_MAX, &moment_s) != OK ||
	    slice_u64(line, REASON_MAX, &reason) != OK || reason == REASON_HOLD ||
	    reason == REASON_REMOVE)
		return false;
	out->moment_s = (int64_t)moment_s;
	out->reason = (unsigned char)reason;
	return true;
}

int
revoked_parse(struct revoked_list *list, struct slice text)
{
	struct slice first = SLICE(FIRST_LINE), line;
	size_t before = list->count;
	int r = OK;

	if (text.n < first.n || memcmp(text.p, first.p, first.n) != 0 || text.p[text.n - 1] != '\n')
		return ERR_SYNTAX;	/* without its last line end it is cut short */
	text = slice_from(text, first.n);
	while (r == OK && text.n > 0) {
		struct revoked_entry entry;

		slice_cut(&text, '\n', &line);
		if (line.n > 0 && line.p[0] == '#')
			continue;
		r = take_entry(line, &entry) ? revoked_add(list, &entry) : ERR_SYNTAX;
	}
	if (r != OK)
		list->count = before;
	return r;
}

/* Returns the end of what was written. */
static char *
put_hex(char *to, const unsigned char *octets, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*to++ = digits[octets[i] >> 4];
		*to++ = digits[octets[i] & 15];
	}
	return to;
}

int
revoked_write(const struct revoked_list *list, struct buf *out)
{
	buf_adds(out, FIRST_LINE);
	for (size_t i = 0; i < list->settled; i++) {
		const struct revoked_entry *e = &list->entries[i];
		char names[2 * sizeof e->issuer + 1 + 2 * sizeof e->serial];
		char *end = put_hex(names, e->issuer, sizeof e->issuer);

		*end++ = ' ';
		end = put_hex(end, e->serial, e->serial_octets);
		buf_add(out, (struct slice){ names, (size_t)(end - names) });
		buf_addf(out, " %" PRId64 " %u\n", e->moment_s > 0 ? e->moment_s : 0, e->reason);
	}
	return out->err;
}
