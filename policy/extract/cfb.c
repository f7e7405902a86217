/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/cfb.h"

#include <stdlib.h>
#include <string.h>

#include "common/control.h"
#include "policy/extract/entity.h"

enum {
	HEADER_OCTETS = 512, HEADER_DIFAT = 109, ENTRY_OCTETS = 128,
	MINI_SHIFT = 6,
	SECTOR_LAST = 0xFFFFFFFA,	/* numbers above are marks */
	KIND_FOLDER = 1, KIND_STREAM = 2, KIND_ROOT = 5,
	AT_LEFT = 68, AT_RIGHT = 72, AT_CHILD = 76,
};

uint32_t
cfb_u16(struct slice s, size_t at)
{
	if (at + 2 > s.n)
		return 0;
	return (unsigned char)s.p[at] | (uint32_t)(unsigned char)s.p[at + 1] << 8;
}

uint32_t
cfb_u32(struct slice s, size_t at)
{
	return cfb_u16(s, at) | cfb_u16(s, at + 2) << 16;
}

static bool
is_compound(struct slice s)
{
	return slice_eq(slice_sub(s, 0, 8), SLICE("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"));
}

/* Sector i, NULL: beyond the file. The last may be cut short by a writer. */
static struct slice
sector(const struct cfb *c, uint32_t i)
{
	uint64_t at = ((uint64_t)i + 1) << c->sector_shift;

	if (i >= SECTOR_LAST || at >= c->octets.n)
		return (struct slice){ NULL, 0 };
	return slice_sub(c->octets, (size_t)at, (size_t)1 << c->sector_shift);
}

static uint32_t
sectors_of(const struct cfb *c)
{
	return (uint32_t)(c->octets.n >> c->sector_shift);
}

/* ---- tables ---- */

/* The numbers of one sector to the end of a table. */
static int
add_numbers(struct slice s, uint32_t *table, uint32_t *n, uint32_t max)
{
	for (size_t i = 0; i + 4 <= s.n; i += 4) {
		if (*n == max)
			return ERR_CORRUPT;
		table[(*n)++] = cfb_u32(s, i);
	}
	return OK;
}

/* The sectors of the table of sectors: the first ones in the header, others in a chain. */
static int
read_fat(struct cfb *c)
{
	uint32_t per = (uint32_t)1 << (c->sector_shift - 2), max = sectors_of(c) + per;
	uint32_t next = cfb_u32(c->octets, 68), chain = 0;
	int r = OK;

	c->fat = calloc((size_t)max + 1, sizeof *c->fat);
	if (c->fat == NULL)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < HEADER_DIFAT && r == OK; i++) {
		uint32_t at = cfb_u32(c->octets, 76 + 4 * i);

		if (at < SECTOR_LAST)
			r = add_numbers(sector(c, at), c->fat, &c->fat_n, max);
	}
	while (next < SECTOR_LAST && r == OK) {
		struct slice s = sector(c, next);

		if (s.n != (size_t)1 << c->sector_shift || ++chain > max)
			return ERR_CORRUPT;
		for (uint32_t i = 0; i + 1 < per && r == OK; i++)
			if (cfb_u32(s, 4 * i) < SECTOR_LAST)
				r = add_numbers(sector(c, cfb_u32(s, 4 * i)), c->fat, &c->fat_n, max);
		next = cfb_u32(s, 4 * (per - 1));
	}
	return r;
}

/* A chain of sectors into out, at most `octets` of it. */
static int
read_chain(const struct cfb *c, uint32_t first, uint64_t octets, struct buf *out)
{
	uint32_t steps = 0;

	buf_clear(out);
	while (first < SECTOR_LAST && out->n < octets) {
		struct slice s = sector(c, first);
		uint64_t left = octets - out->n;

		if (s.p == NULL || first >= c->fat_n || ++steps > c->fat_n)
			return ERR_CORRUPT;
		buf_add(out, slice_sub(s, 0, left < s.n ? (size_t)left : s.n));
		if (out->err != OK)
			return out->err;
		first = c->fat[first];
	}
	return OK;
}

static int
read_minifat(struct cfb *c)
{
	struct buf b;
	int r;

	buf_init(&b, c->octets.n + 1);
	r = read_chain(c, cfb_u32(c->octets, 60), UINT64_MAX, &b);
	if (r == OK) {
		c->minifat = calloc(b.n / 4 + 1, sizeof *c->minifat);
		r = c->minifat == NULL ? ERR_NOMEM :
		    add_numbers(buf_slice(&b), c->minifat, &c->minifat_n, (uint32_t)(b.n / 4));
	}
	buf_fini(&b);
	return r;
}

/* ---- entries ---- */

/* Names are short, of the basic plane, and end with a NUL. */
static void
read_name(struct slice entry, uint32_t octets, char out[CFB_NAME_OCTETS])
{
	struct buf name;

	buf_init(&name, CFB_NAME_OCTETS - 1);
	for (uint32_t i = 0; i + 2 < octets && i < 64 && name.err == OK; i += 2)
		entity_put(&name, cfb_u16(entry, i));
	memcpy(out, name.p == NULL ? "" : name.p, name.n);
	out[name.n] = '\0';
	buf_fini(&name);
}

/* Put an entry that a tree names on the list, once. */
static int
hang(struct cfb *c, uint32_t entry, uint32_t folder, uint32_t *list, uint32_t *n)
{
	if (entry == CFB_NONE)
		return OK;
	if (entry == 0 || entry >= c->entries_n || c->entries[entry].parent != CFB_NONE)
		return ERR_CORRUPT;
	c->entries[entry].parent = folder;
	list[(*n)++] = entry;
	return OK;
}

/* Which folder each entry is in: the entries of a folder are a tree of their own. */
static int
read_tree(struct cfb *c, struct slice dir)
{
	uint32_t *list = calloc((size_t)c->entries_n + 1, sizeof *list), n = 0;
	int r = list == NULL ? ERR_NOMEM :
	    hang(c, cfb_u32(dir, AT_CHILD), 0, list, &n);

	for (uint32_t i = 0; r == OK && i < n; i++) {
		size_t at = (size_t)list[i] * ENTRY_OCTETS;
		uint32_t folder = c->entries[list[i]].parent;

		r = hang(c, cfb_u32(dir, at + AT_LEFT), folder, list, &n);
		if (r == OK)
			r = hang(c, cfb_u32(dir, at + AT_RIGHT), folder, list, &n);
		if (r == OK && c->entries[list[i]].is_folder)
			r = hang(c, cfb_u32(dir, at + AT_CHILD), list[i], list, &n);
	}
	for (uint32_t i = 1; i < c->entries_n; i++)
		c->loose = c->loose || (c->entries[i].is_stream && c->entries[i].octets > 0 &&
		    c->entries[i].parent == CFB_NONE);
	free(list);
	return r;
}

static int
read_entries(struct cfb *c)
{
	struct buf b;
	int r;

	buf_init(&b, c->octets.n + 1);
	r = read_chain(c, cfb_u32(c->octets, 48), UINT64_MAX, &b);
	if (r == OK && b.n / ENTRY_OCTETS > CFB_ENTRIES_MAX)
		r = ERR_LIMIT;
	if (r == OK) {
		c->entries = calloc(b.n / ENTRY_OCTETS + 1, sizeof *c->entries);
		r = c->entries == NULL ? ERR_NOMEM : OK;
	}
	for (size_t at = 0; r == OK && at + ENTRY_OCTETS <= b.n; at += ENTRY_OCTETS) {
		struct slice p = slice_sub(buf_slice(&b), at, ENTRY_OCTETS);
		struct cfb_entry *e = &c->entries[c->entries_n++];

		read_name(p, cfb_u16(p, 64), e->name);
		e->is_folder = p.p[66] == KIND_FOLDER || p.p[66] == KIND_ROOT;
		e->is_stream = p.p[66] == KIND_STREAM;
		e->parent = CFB_NONE;
		e->first = cfb_u32(p, 116);
		e->octets = cfb_u32(p, 120);
	}
	if (r == OK)
		r = c->entries_n == 0 ? ERR_CORRUPT : read_tree(c, buf_slice(&b));
	buf_fini(&b);
	return r;
}

int
cfb_open(struct cfb *c, struct slice octets)
{
	int r;

	*c = (struct cfb){ .octets = octets,
		.read_left = CFB_READ_FACTOR * (uint64_t)octets.n };
	buf_init(&c->ministream, octets.n + 1);
	if (octets.n < HEADER_OCTETS || !is_compound(octets))
		return ERR_CORRUPT;
	c->sector_shift = cfb_u16(octets, 30);
	c->cutoff = cfb_u32(octets, 56);
	if ((c->sector_shift != 9 && c->sector_shift != 12) || cfb_u16(octets, 32) != MINI_SHIFT)
		return ERR_CORRUPT;
	r = read_fat(c);
	if (r == OK)
		r = read_entries(c);
	if (r == OK)
		r = read_minifat(c);
	if (r == OK)
		r = read_chain(c, c->entries[0].first, c->entries[0].octets, &c->ministream);
	return r;
}

void
cfb_close(struct cfb *c)
{
	buf_fini(&c->ministream);
	free(c->entries);
	free(c->fat);
	free(c->minifat);
}

uint32_t
cfb_find(const struct cfb *c, uint32_t folder, const char *name)
{
	for (uint32_t i = 1; i < c->entries_n; i++)
		if (c->entries[i].parent == folder &&
		    (c->entries[i].is_stream || c->entries[i].is_folder) &&
		    slice_is_nocase(slice_of(c->entries[i].name), name))
			return i;
	return CFB_NONE;
}

static int
read_mini(const struct cfb *c, const struct cfb_entry *e, struct buf *out)
{
	uint32_t at = e->first, steps = 0;

	buf_clear(out);
	while (at < SECTOR_LAST && out->n < e->octets) {
		struct slice s = slice_sub(buf_slice(&c->ministream), (size_t)at << MINI_SHIFT,
		    (size_t)1 << MINI_SHIFT);
		uint64_t left = e->octets - out->n;

		if (s.n == 0 || at >= c->minifat_n || ++steps > c->minifat_n)
			return ERR_CORRUPT;
		buf_add(out, slice_sub(s, 0, left < s.n ? (size_t)left : s.n));
		if (out->err != OK)
			return out->err;
		at = c->minifat[at];
	}
	return OK;
}

int
cfb_stream(struct cfb *c, uint32_t entry, struct buf *out)
{
	const struct cfb_entry *e = &c->entries[entry];
	int r;

	if (entry >= c->entries_n || !e->is_stream || e->octets > c->octets.n)
		return ERR_CORRUPT;
	if (e->octets > c->read_left && !control_off("compound-limit"))
		return ERR_LIMIT;
	c->read_left -= e->octets < c->read_left ? e->octets : c->read_left;
	r = e->octets < c->cutoff ? read_mini(c, e, out) : read_chain(c, e->first, e->octets, out);
	return r == OK && out->n != e->octets ? ERR_CORRUPT : r;
}
