/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/heifbox.h"

#include <stdlib.h>

enum {
	BOX_HEAD = 8, BOX_HEAD_LONG = 16,
	FULL = 4,		/* version and flags of some boxes */
	BRANDS_OCTETS_MAX = 256,
	PIECES_DEPTH = 4	/* pieces of pictures that are pieces */
};

#define LETTERS(a, b, c, d) \
	((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

static uint64_t
number(struct slice s, size_t at, unsigned octets)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < octets; i++)
		v = v << 8 | (at + i < s.n ? (unsigned char)s.p[at + i] : 0);
	return v;
}

/* Take the next box off the front. 1, 0 at the end, ERR_CORRUPT. */
static int
next_box(struct slice *rest, uint32_t *type, struct slice *body)
{
	size_t head = BOX_HEAD;
	uint64_t n = number(*rest, 0, 4);

	if (rest->n == 0)
		return 0;
	if (n == 1) {
		head = BOX_HEAD_LONG;
		n = number(*rest, BOX_HEAD, 8);
	} else if (n == 0) {
		n = rest->n;
	}
	if (n < head || n > rest->n)
		return ERR_CORRUPT;
	*type = (uint32_t)number(*rest, 4, 4);
	*body = slice_sub(*rest, head, (size_t)n - head);
	*rest = slice_from(*rest, (size_t)n);
	return 1;
}

static bool
is_brand(uint32_t brand)
{
	switch (brand) {
	case LETTERS('h', 'e', 'i', 'c'): case LETTERS('h', 'e', 'i', 'x'):
	case LETTERS('h', 'e', 'i', 'm'): case LETTERS('h', 'e', 'i', 's'):
	case LETTERS('h', 'e', 'v', 'c'): case LETTERS('h', 'e', 'v', 'x'):
	case LETTERS('m', 'i', 'f', '1'): case LETTERS('m', 'i', 'f', '2'):
	case LETTERS('m', 's', 'f', '1'): case LETTERS('m', 'i', 'a', 'f'):
	case LETTERS('a', 'v', 'i', 'f'): case LETTERS('a', 'v', 'i', 's'):
		return true;
	default:
		return false;
	}
}

bool
heifbox_is(struct slice s)
{
	size_t n = (size_t)number(s, 0, 4);

	if (s.n < BOX_HEAD + 8 || number(s, 4, 4) != LETTERS('f', 't', 'y', 'p'))
		return false;
	s = slice_sub(s, BOX_HEAD, (n > BRANDS_OCTETS_MAX ? BRANDS_OCTETS_MAX : n) - BOX_HEAD);
	for (size_t at = 0; at + 4 <= s.n; at += at == 0 ? 8 : 4)
		if (is_brand((uint32_t)number(s, at, 4)))
			return true;
	return false;
}

/* ---- items ---- */

/* infe: what one item is. */
static int
add_item(struct heifbox *h, struct slice body)
{
	unsigned version = (unsigned)number(body, 0, 1), wide = version >= 3 ? 4 : 2;
	struct heifbox_item *i;

	if (h->count >= HEIFBOX_ITEMS_MAX)
		return ERR_LIMIT;
	/* Older ones have no type: nothing here reads what they are. */
	if (body.n < FULL + wide + 2u + (version >= 2 ? 4u : 0u))
		return ERR_CORRUPT;
	i = &h->item[h->count++];
	i->id = (uint32_t)number(body, FULL, wide);
	i->type = version < 2 ? 0 : (uint32_t)number(body, FULL + wide + 2u, 4);
	i->seen = false;
	return number(body, FULL + wide, 2) == 0 ? OK : ERR_ACCESS;
}

static int
by_id(const void *a, const void *b)
{
	uint32_t x = ((const struct heifbox_item *)a)->id, y = ((const struct heifbox_item *)b)->id;

	return x < y ? -1 : x > y;
}

/* iinf: the list of items. */
static int
add_items(struct heifbox *h, struct slice body)
{
	struct slice rest = slice_from(body, FULL + (number(body, 0, 1) == 0 ? 2 : 4)), inner;
	uint32_t type;
	int r, err = OK;

	if (h->item != NULL)
		return ERR_CORRUPT;
	h->item = calloc(HEIFBOX_ITEMS_MAX, sizeof *h->item);
	if (h->item == NULL)
		return ERR_NOMEM;
	while (err == OK && (r = next_box(&rest, &type, &inner)) != 0) {
		err = r < 0 ? r : OK;
		if (r > 0 && type == LETTERS('i', 'n', 'f', 'e'))
			err = add_item(h, inner);
	}
	qsort(h->item, h->count, sizeof *h->item, by_id);
	for (size_t i = 1; i < h->count && err == OK; i++)
		if (h->item[i].id == h->item[i - 1].id)
			err = ERR_CORRUPT;
	return err;
}

static struct heifbox_item *
find(struct heifbox *h, uint32_t id)
{
	struct heifbox_item key = { .id = id };

	return h->count == 0 ? NULL : bsearch(&key, h->item, h->count, sizeof key, by_id);
}

static int
open_meta(struct heifbox *h, struct slice body)
{
	struct slice rest = slice_from(body, FULL), inner;
	uint32_t type;
	int r, err = OK;

	while (err == OK && (r = next_box(&rest, &type, &inner)) != 0) {
		if (r < 0)
			return r;
		if (type == LETTERS('i', 'i', 'n', 'f')) {
			err = add_items(h, inner);
		} else if (type == LETTERS('i', 'r', 'e', 'f')) {
			err = h->id_octets == 0 ? OK : ERR_CORRUPT;
			h->id_octets = number(inner, 0, 1) == 0 ? 2 : 4;
			h->references = slice_from(inner, FULL);
		}
	}
	return err;
}

static bool
is_usual(uint32_t type)
{
	return type == LETTERS('f', 't', 'y', 'p') || type == LETTERS('m', 'd', 'a', 't') ||
	    type == LETTERS('f', 'r', 'e', 'e') || type == LETTERS('s', 'k', 'i', 'p');
}

static bool
is_film(uint32_t type)
{
	return type == LETTERS('m', 'o', 'o', 'v') || type == LETTERS('m', 'o', 'o', 'f');
}

static int
open_boxes(struct heifbox *h, struct slice rest)
{
	struct slice body;
	bool meta = false;
	uint32_t type;
	int r, err = OK;

	while (err == OK && (r = next_box(&rest, &type, &body)) != 0) {
		if (r < 0)
			return r;
		if (type == LETTERS('m', 'e', 't', 'a')) {
			err = meta ? ERR_CORRUPT : open_meta(h, body);
			meta = true;
		} else if (!is_usual(type)) {
			h->more |= is_film(type) || body.n > HEIFBOX_UNREAD_MAX;
		}
	}
	return err;
}

int
heifbox_open(struct heifbox *h, struct slice octets)
{
	int err;

	*h = (struct heifbox){ .item = NULL };
	err = open_boxes(h, octets);
	/* A sequence has its pictures elsewhere. */
	if (err == OK && h->count == 0 && !h->more)
		err = ERR_CORRUPT;
	if (err != OK)
		heifbox_fini(h);
	return err;
}

void
heifbox_fini(struct heifbox *h)
{
	free(h->item);
	*h = (struct heifbox){ .item = NULL };
}

void
heifbox_see(struct heifbox *h, uint32_t id)
{
	struct heifbox_item *i = find(h, id);

	if (i != NULL)
		i->seen = true;
}

/* dimg: item `from` is made up of others. */
static void
follow(struct heifbox *h, struct slice body)
{
	struct heifbox_item *from = find(h, (uint32_t)number(body, 0, h->id_octets)), *to;
	size_t at = h->id_octets + 2u, n = (size_t)number(body, h->id_octets, 2);

	if (from == NULL)
		return;
	/* How bright a screen may show the first of them: it looks the same. */
	if (from->type == LETTERS('t', 'm', 'a', 'p')) {
		to = find(h, (uint32_t)number(body, at, h->id_octets));
		from->seen |= to != NULL && to->seen;
		return;
	}
	for (; from->seen && n > 0 && at + h->id_octets <= body.n; n--, at += h->id_octets)
		heifbox_see(h, (uint32_t)number(body, at, h->id_octets));
}

bool
heifbox_all_seen(struct heifbox *h)
{
	for (unsigned i = 0; i < PIECES_DEPTH; i++) {
		struct slice rest = h->references, body;
		uint32_t type;

		while (next_box(&rest, &type, &body) > 0)
			if (type == LETTERS('d', 'i', 'm', 'g'))
				follow(h, body);
	}
	for (size_t i = 0; i < h->count; i++)
		if (!h->item[i].seen)
			return false;
	return true;
}
