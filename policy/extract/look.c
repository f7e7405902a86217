/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/look.h"

#include <stdlib.h>
#include <string.h>

enum row_state { ROW_NEW, ROW_OPEN, ROW_DONE };

struct look_row {
	struct look says;	/* with all it is based on, when ROW_DONE */
	uint32_t    name, base;	/* places in names */
	uint8_t	    name_n, base_n;
	uint8_t	    family;
	uint8_t	    state;
	bool	    usual;
};

/* What rows are sorted and found by. */
struct key {
	unsigned     family;
	struct slice name;
};

struct look
look_none(void)
{
	return (struct look){ -1, -1, -1, -1 };
}

void
look_put(struct look *l, struct look over)
{
	if (over.hidden >= 0)
		l->hidden = over.hidden;
	if (over.tiny >= 0)
		l->tiny = over.tiny;
	if (over.white >= 0)
		l->white = over.white;
	if (over.web >= 0)
		l->web = over.web;
}

void
looks_init(struct looks *l)
{
	*l = (struct looks){ .rows = NULL };
	buf_init(&l->names, (size_t)2 * LOOKS_MAX * (LOOK_NAME_OCTETS + 1));
	for (unsigned i = 0; i < LOOK_FAMILIES; i++)
		l->usual[i] = look_none();
}

void
looks_fini(struct looks *l)
{
	free(l->rows);
	buf_fini(&l->names);
	l->rows = NULL;
	l->n = l->room = 0;
}

static void
fail(struct looks *l, int err)
{
	if (l->err == OK)
		l->err = err;
}

static bool
grow(struct looks *l)
{
	size_t room = l->room == 0 ? 64 : 2 * l->room;
	struct look_row *rows;

	if (l->n < l->room)
		return true;
	rows = l->n >= LOOKS_MAX ? NULL : reallocarray(l->rows, room, sizeof *rows);
	if (rows == NULL) {
		fail(l, l->n >= LOOKS_MAX ? ERR_LIMIT : ERR_NOMEM);
		return false;
	}
	l->rows = rows;
	l->room = room;
	return true;
}

static uint32_t
keep(struct looks *l, struct slice name)
{
	size_t at = l->names.n;

	buf_add(&l->names, name);
	if (l->names.err != OK)
		fail(l, l->names.err);
	return (uint32_t)at;
}

void
looks_add(struct looks *l, enum look_family family, struct slice name, struct slice based_on,
    bool usual, struct look says)
{
	struct look_row *r;

	if (name.n > LOOK_NAME_OCTETS || based_on.n > LOOK_NAME_OCTETS)
		fail(l, ERR_LIMIT);
	if (l->err != OK || !grow(l))
		return;
	r = &l->rows[l->n++];
	*r = (struct look_row){ .says = says, .family = (uint8_t)family, .usual = usual,
	    .name_n = (uint8_t)name.n, .base_n = (uint8_t)based_on.n };
	r->name = keep(l, name);
	r->base = keep(l, based_on);
}

/* ---- finding ---- */

static struct slice
name_of(const struct looks *l, uint32_t at, size_t n)
{
	return slice_sub(buf_slice(&l->names), at, n);
}

static int
compare(const void *a, const void *b, void *arg)
{
	const struct look_row *x = a, *y = b;
	const struct looks *l = arg;

	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	return slice_cmp(name_of(l, x->name, x->name_n), name_of(l, y->name, y->name_n));
}

static ptrdiff_t
find(const struct looks *l, struct key k)
{
	size_t from = 0, to = l->n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;
		const struct look_row *r = &l->rows[mid];
		int c = k.family != r->family ? (k.family < r->family ? -1 : 1) :
		    slice_cmp(k.name, name_of(l, r->name, r->name_n));

		if (c == 0)
			return (ptrdiff_t)mid;
		if (c < 0)
			to = mid;
		else
			from = mid + 1;
	}
	return -1;
}

static bool
find_named(const struct looks *l, enum look_family family, struct slice name,
    struct look *out)
{
	ptrdiff_t at = l == NULL || name.n == 0 ? -1 : find(l, (struct key){ family, name });

	if (at >= 0)
		*out = l->rows[at].says;
	return at >= 0;
}

struct look
looks_find_in(const struct looks *l, const struct looks *common, enum look_family family,
    struct slice name)
{
	struct look found;

	if (find_named(l, family, name, &found) || find_named(common, family, name, &found))
		return found;
	found = common == NULL ? look_none() : common->usual[family];
	if (l != NULL)
		look_put(&found, l->usual[family]);
	return found;
}

struct look
looks_find(const struct looks *l, enum look_family family, struct slice name)
{
	return looks_find_in(l, NULL, family, name);
}

/* ---- what they are based on ---- */

/* Rows from `at` on, each based on the next, are done; path has room for all rows. False: they come
 * back to where they were, and programs differ in where they cut that. */
static bool
follow(struct looks *l, const struct looks *common, size_t at, uint16_t *path)
{
	struct look says = look_none();
	bool tree = true;
	size_t n = 0;

	for (;;) {
		struct look_row *r = &l->rows[at];
		struct slice base = name_of(l, r->base, r->base_n);
		ptrdiff_t next;

		if (r->state != ROW_NEW) {
			tree = r->state == ROW_DONE;
			says = r->says;
			break;
		}
		r->state = ROW_OPEN;
		path[n++] = (uint16_t)at;
		next = base.n == 0 ? -1 : find(l, (struct key){ r->family, base });
		if (next < 0 || (size_t)next == at) {
			(void)find_named(common, r->family, base, &says);
			break;
		}
		at = (size_t)next;
	}
	while (n > 0) {
		struct look_row *r = &l->rows[path[--n]];

		look_put(&says, r->says);
		r->says = says;
		r->state = ROW_DONE;
	}
	return tree;
}

/* The same name twice, or two that are usual: no program says which of them counts. */
static bool
differ(const struct look_row *a, const struct look_row *b)
{
	return a->says.hidden != b->says.hidden || a->says.tiny != b->says.tiny ||
	    a->says.white != b->says.white || a->says.web != b->says.web;
}

static void
settle(struct looks *l, const struct looks *common, uint16_t *path)
{
	const struct look_row *of[LOOK_FAMILIES] = { NULL };
	bool clear = true;

	for (size_t i = 0; i < l->n; i++)
		clear &= follow(l, common, i, path);
	for (size_t i = 0; i < l->n; i++) {
		const struct look_row *r = &l->rows[i], *usual = of[r->family];

		clear &= i == 0 || compare(r - 1, r, l) != 0 || !differ(r - 1, r);
		if (!r->usual)
			continue;
		clear &= usual == NULL || !differ(usual, r);
		of[r->family] = r;
		l->usual[r->family] = r->says;
	}
	/* Sizes and colours that all can be seen may be at odds. */
	if (!clear && (looks_matter(l) || (common != NULL && looks_matter(common))))
		fail(l, ERR_CORRUPT);
}

int
looks_end(struct looks *l, const struct looks *common)
{
	uint16_t *path;

	if (l->err != OK || l->n == 0)
		return l->err;
	path = calloc(l->n, sizeof *path);
	if (path == NULL)
		return l->err = ERR_NOMEM;
	qsort_r(l->rows, l->n, sizeof *l->rows, compare, l);
	settle(l, common, path);
	free(path);
	return l->err;
}

bool
looks_matter(const struct looks *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->rows[i].says.hidden > 0 || l->rows[i].says.tiny > 0 ||
		    l->rows[i].says.white > 0 || l->rows[i].says.web > 0)
			return true;
	return false;
}
