/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/pages.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"

enum {
	HEAD = 16, NODE = 8, TREE = 48, META = 16 + 24 + 2 * TREE + 16,
	BRANCH = 0x01, LEAF = 0x02, OVERFLOW = 0x04, META_PAGE = 0x08,	/* of pages */
	BIG = 0x01, SUBTREE = 0x02,					/* of nodes */
	INTEGER_KEYS = 0x08,						/* of the free list */
	MADE_AS_FILE = 0x4000,		/* beside it: how the file was made, read by nobody */
	DATA_VERSION = 1, PAGE_MIN = 512, PAGE_MAX = 65536, KEY_MAX_OCTETS = 511,
	STEP_PAGES = 4096,
};
#define MAGIC	0xBEEFC0DEu
#define NO_PAGE	UINT64_MAX

struct tree {
	char	 name[PAGES_NAME_MAX];
	bool	 is_free, is_main;
	uint16_t flags, depth;
	uint64_t branch_pages, leaf_pages, overflow_pages, entries, root;
};

struct meta {
	uint32_t    page_octets;
	uint64_t    last, txn;
	struct tree free, main;
};

struct walk {
	const struct pages_conf *conf;
	struct pages_result *out;
	int		 fd;
	uint64_t	 size, last, stepped;
	size_t		 page_octets;
	unsigned char	*used;				/* bitmap */
	unsigned char	*level[PAGES_DEPTH_MAX];
	unsigned char	*big;
	size_t		 big_octets;
	struct tree	*tree;				/* that is walked, and what it has */
	uint64_t	 branch_pages, leaf_pages, overflow_pages, entries;
	unsigned	 levels;
	uint64_t	 free_txn;			/* highest key of the free list */
	int		 failed;
};

static uint64_t
le(const unsigned char *p, unsigned octets)
{
	uint64_t v = 0;

	for (unsigned i = octets; i > 0; i--)
		v = v << 8 | p[i - 1];
	return v;
}

static void
bad(struct walk *w, uint64_t page, const char *what)
{
	if (w->out->bad++ < PAGES_TOLD_MAX && w->conf->bad != NULL)
		w->conf->bad(w->conf->arg, page, w->tree == NULL ? "" : w->tree->name, what);
}

/* ---- which pages are used ---- */

/* Take n pages; false when they are not there or taken already. */
static bool
take(struct walk *w, uint64_t page, uint64_t n)
{
	if (n == 0 || page < 2 || page > w->last || n > w->last - page + 1) {
		bad(w, page, "a page number is outside of the file");
		return false;
	}
	for (uint64_t i = page; i < page + n; i++) {
		unsigned bit = 1U << i % 8;

		if ((w->used[i / 8] & bit) != 0) {
			bad(w, i, "a page is used twice");
			return false;
		}
		w->used[i / 8] = (unsigned char)(w->used[i / 8] | bit);
	}
	w->out->pages += n;
	if (w->conf->step != NULL && w->out->pages - w->stepped >= STEP_PAGES) {
		w->stepped = w->out->pages;
		w->conf->step(w->conf->arg, w->out->pages, w->last + 1);
	}
	return true;
}

/* ---- nodes ---- */

struct node {
	struct slice key;
	unsigned     flags;
	uint64_t     child;		/* of a branch, or of big data */
	uint64_t     data_octets;	/* of a leaf */
	const unsigned char *data;	/* in the page */
	size_t	     octets;		/* of the node in the page */
};

/* Node i of a page that was looked at; false: it does not lie in the page. */
static bool
node_at(const struct walk *w, const unsigned char *p, unsigned i, bool leaf, struct node *out)
{
	size_t at = (size_t)le(p + HEAD + 2 * (size_t)i, 2), upper = (size_t)le(p + 14, 2);
	size_t key_octets, here;

	if (at < upper || at + NODE > w->page_octets || at % 2 != 0)
		return false;
	out->flags = (unsigned)le(p + at + 4, 2);
	key_octets = (size_t)le(p + at + 6, 2);
	if (key_octets > KEY_MAX_OCTETS || at + NODE + key_octets > w->page_octets)
		return false;
	out->key = (struct slice){ (const char *)p + at + NODE, key_octets };
	out->data = p + at + NODE + key_octets;
	out->data_octets = leaf ? le(p + at, 4) : 0;
	out->child = leaf ? 0 : le(p + at, 4) | (uint64_t)out->flags << 32;
	here = leaf ? (out->flags & BIG) != 0 ? 8 : (size_t)out->data_octets : 0;
	if (here > w->page_octets || at + NODE + key_octets + here > w->page_octets)
		return false;
	out->octets = (NODE + key_octets + here + 1) & ~(size_t)1;
	if (leaf && (out->flags & BIG) != 0)
		out->child = le(out->data, 8);
	return true;
}

static int
compare(const struct walk *w, struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int r;

	if (w->tree->is_free) {
		uint64_t x = le((const unsigned char *)a.p, 8);
		uint64_t y = le((const unsigned char *)b.p, 8);

		return x < y ? -1 : x > y;
	}
	r = n == 0 ? 0 : memcmp(a.p, b.p, n);
	return r != 0 ? r : a.n < b.n ? -1 : a.n > b.n;
}

/* The page lies at its number, is of a kind that it may be, and its nodes fill it without gaps. */
static bool
page_is_whole(struct walk *w, const unsigned char *p, uint64_t number, bool leaf)
{
	size_t lower = (size_t)le(p + 12, 2), upper = (size_t)le(p + 14, 2), sum = 0;

	if (le(p, 8) != number || le(p + 10, 2) != (leaf ? LEAF : BRANCH)) {
		bad(w, number, "a page is another one than it should be");
		return false;
	}
	if (lower < HEAD || lower % 2 != 0 || lower > upper || upper > w->page_octets ||
	    lower == HEAD) {
		bad(w, number, "the bounds of a page are wrong");
		return false;
	}
	for (unsigned i = 0; i < (lower - HEAD) / 2; i++) {
		struct node n;

		if (!node_at(w, p, i, leaf, &n)) {
			bad(w, number, "an entry lies outside of its page");
			return false;
		}
		if (w->tree->is_free && (leaf || i > 0) && n.key.n != 8) {
			bad(w, number, "a key of the free list is damaged");
			return false;
		}
		sum += n.octets;
	}
	if (sum != w->page_octets - upper)
		bad(w, number, "the entries of a page do not fill it");
	return sum == w->page_octets - upper;
}

/* ---- leaves ---- */

static bool
big_room(struct walk *w, size_t n)
{
	unsigned char *p;

	if (n <= w->big_octets)
		return true;
	p = realloc(w->big, n);
	if (p == NULL) {
		w->failed = ERR_NOMEM;
		return false;
	}
	w->big = p;
	w->big_octets = n;
	return true;
}

/* The pages of a value that does not fit into its leaf. */
static bool
take_big(struct walk *w, const struct node *n, bool wanted, struct slice *out)
{
	uint64_t pages = (n->data_octets + HEAD + w->page_octets - 1) / w->page_octets;
	unsigned char head[HEAD];

	if (!take(w, n->child, pages))
		return false;
	w->overflow_pages += pages;
	if (file_read_at(w->fd, head, sizeof head, n->child * w->page_octets) != OK ||
	    le(head, 8) != n->child || le(head + 10, 2) != OVERFLOW || le(head + 12, 4) != pages) {
		bad(w, n->child, "the first page of a large value is damaged");
		return false;
	}
	if (!wanted)
		return true;
	if (!big_room(w, (size_t)n->data_octets))
		return false;
	if (file_read_at(w->fd, w->big, (size_t)n->data_octets,
	    n->child * w->page_octets + HEAD) != OK) {
		bad(w, n->child, "a large value cannot be read");
		return false;
	}
	*out = (struct slice){ (const char *)w->big, (size_t)n->data_octets };
	return true;
}

/* A row of the free list: how many, then the numbers, descending. */
static void
take_free(struct walk *w, uint64_t page, const struct node *n, struct slice val)
{
	const unsigned char *p = (const unsigned char *)val.p;
	uint64_t count = val.n >= 8 ? le(p, 8) : UINT64_MAX, was = w->out->pages;
	uint64_t txn = le((const unsigned char *)n->key.p, 8);

	if (val.n % 8 != 0 || count > val.n / 8 - 1) {
		bad(w, page, "a row of the free list is damaged");
		return;
	}
	if (txn > w->free_txn)
		w->free_txn = txn;
	for (uint64_t i = 1; i <= count; i++)
		(void)take(w, le(p + 8 * i, 8), 1);
	w->out->free_pages += w->out->pages - was;
}

static void
tree_of(const unsigned char *p, struct tree *out)
{
	out->flags = (uint16_t)le(p + 4, 2);
	out->depth = (uint16_t)le(p + 6, 2);
	out->branch_pages = le(p + 8, 8);
	out->leaf_pages = le(p + 16, 8);
	out->overflow_pages = le(p + 24, 8);
	out->entries = le(p + 32, 8);
	out->root = le(p + 40, 8);
}

enum { TREES_MAX = 64 };

/* The trees are walked after the list of them. */
struct trees {
	struct tree t[TREES_MAX];
	size_t	    n;
};

static void
take_tree(struct walk *w, uint64_t page, const struct node *n, struct trees *list)
{
	struct tree *t = &list->t[list->n];

	if (n->flags != SUBTREE || n->data_octets != TREE || list->n == TREES_MAX ||
	    n->key.n == 0 || n->key.n >= sizeof t->name) {
		bad(w, page, "a row of the list of trees is damaged");
		return;
	}
	*t = (struct tree){ .depth = 0 };
	memcpy(t->name, n->key.p, n->key.n);
	tree_of(n->data, t);
	list->n++;
}

static void
take_row(struct walk *w, uint64_t page, const struct node *n, struct trees *list)
{
	bool wanted = w->tree->is_free || (w->conf->row != NULL && !w->tree->is_main);
	struct slice val = { (const char *)n->data, (size_t)n->data_octets };

	w->entries++;
	if (w->tree->is_main) {
		take_tree(w, page, n, list);
		return;
	}
	if ((n->flags & ~(unsigned)BIG) != 0 || n->key.n == 0) {
		bad(w, page, "an entry is of no known kind");
		return;
	}
	if ((n->flags & BIG) != 0 && !take_big(w, n, wanted, &val))
		return;
	if (w->tree->is_free)
		take_free(w, page, n, val);
	else if (w->conf->row != NULL)
		w->failed = w->conf->row(w->conf->arg, w->tree->name, n->key, val);
	w->out->rows += !w->tree->is_free;
}

/* ---- a tree ---- */

/* Keys of a page are in [lo, hi); lo.p or hi.p NULL: no bound. */
struct bounds {
	struct slice lo, hi;
};

static bool
in_bounds(const struct walk *w, struct slice key, const struct bounds *b)
{
	return (b->lo.p == NULL || compare(w, key, b->lo) >= 0) &&
	    (b->hi.p == NULL || compare(w, key, b->hi) < 0);
}

static bool
in_order(struct walk *w, const unsigned char *p, uint64_t number, bool leaf,
    const struct bounds *b)
{
	unsigned n = (unsigned)(le(p + 12, 2) - HEAD) / 2, first = leaf ? 0 : 1;
	struct node last = { .octets = 0 }, here;

	for (unsigned i = first; i < n; i++) {
		(void)node_at(w, p, i, leaf, &here);
		if ((i > first && compare(w, last.key, here.key) >= 0) ||
		    !in_bounds(w, here.key, b)) {
			bad(w, number, "the keys of a page are not in order");
			return false;
		}
		last = here;
	}
	return true;
}

static void
walk_page(struct walk *w, uint64_t number, unsigned level, const struct bounds *b,
    struct trees *list)
{
	unsigned char *p = w->level[level];
	bool leaf = level + 1 == w->tree->depth;
	unsigned n;

	if (!take(w, number, 1))
		return;
	if (file_read_at(w->fd, p, w->page_octets, number * w->page_octets) != OK) {
		bad(w, number, "a page cannot be read");
		return;
	}
	if (!page_is_whole(w, p, number, leaf) || !in_order(w, p, number, leaf, b))
		return;
	n = (unsigned)(le(p + 12, 2) - HEAD) / 2;
	if (leaf)
		w->leaf_pages++;
	else
		w->branch_pages++;
	for (unsigned i = 0; i < n && w->failed == OK; i++) {
		struct node here, next;
		struct bounds in;

		(void)node_at(w, p, i, leaf, &here);
		if (leaf) {
			take_row(w, number, &here, list);
			continue;
		}
		in.lo = i == 0 ? b->lo : here.key;
		in.hi = b->hi;
		if (i + 1 < n && node_at(w, p, i + 1, false, &next))
			in.hi = next.key;
		walk_page(w, here.child, level + 1, &in, list);
	}
}

static void
walk_tree(struct walk *w, struct tree *t, struct trees *list)
{
	struct bounds all = { { NULL, 0 }, { NULL, 0 } };
	uint64_t was = w->out->bad;

	w->tree = t;
	w->branch_pages = w->leaf_pages = w->overflow_pages = w->entries = 0;
	if ((t->flags & (t->is_free ? ~MADE_AS_FILE : ~0)) != (t->is_free ? INTEGER_KEYS : 0))
		bad(w, 0, "the kind of a tree is wrong");
	if (t->root == NO_PAGE ? t->depth != 0 : t->depth == 0 || t->depth > PAGES_DEPTH_MAX)
		bad(w, 0, "the depth of a tree is wrong");
	else if (t->root != NO_PAGE)
		walk_page(w, t->root, 0, &all, list);
	if (w->out->bad == was && w->failed == OK && (w->branch_pages != t->branch_pages ||
	    w->leaf_pages != t->leaf_pages || w->overflow_pages != t->overflow_pages ||
	    w->entries != t->entries))
		bad(w, 0, "a tree has more or less than it says");
	w->tree = NULL;
}

/* ---- the file ---- */

static int
read_meta(struct walk *w, unsigned which, struct meta *out)
{
	unsigned char p[META];
	int r = file_read_at(w->fd, p, sizeof p, which * (uint64_t)w->page_octets);

	*out = (struct meta){ .page_octets = 0 };
	if (r != OK)
		return r;
	/* The first page also says how large pages are. */
	if (le(p, 8) != which || le(p + 10, 2) != META_PAGE || le(p + 16, 4) != MAGIC ||
	    le(p + 20, 4) != DATA_VERSION)
		return ERR_CORRUPT;
	out->page_octets = (uint32_t)le(p + 40, 4);
	tree_of(p + 40, &out->free);
	tree_of(p + 88, &out->main);
	out->free.is_free = out->main.is_main = true;
	snprintf(out->free.name, sizeof out->free.name, "free");
	out->last = le(p + 136, 8);
	out->txn = le(p + 144, 8);
	if (out->page_octets < PAGE_MIN || out->page_octets > PAGE_MAX ||
	    (out->page_octets & (out->page_octets - 1)) != 0 || out->last < 1)
		return ERR_CORRUPT;
	return OK;
}

/* Both first pages; txns follow each other, each has its place. */
static int
read_metas(struct walk *w, struct meta m[2])
{
	int r[2];

	w->page_octets = 4096;	/* a first page is never larger than what is read of it */
	r[0] = read_meta(w, 0, &m[0]);
	if (r[0] == OK)
		w->page_octets = m[0].page_octets;
	r[1] = read_meta(w, 1, &m[1]);
	for (unsigned i = 0; i < 2; i++)
		if (r[i] != OK) {
			bad(w, i, "a first page is damaged");
			m[i].page_octets = 0;
		}
	/* The other one, a transaction older or not, still leads to rows. */
	return r[0] == OK || r[1] == OK ? OK : r[0];
}

/* Offline: the two are of neighbouring transactions, each at its place. */
static void
compare_metas(struct walk *w, const struct meta m[2])
{
	bool fresh = m[0].txn == 0 && m[1].txn <= 1;
	uint64_t newer = m[0].txn > m[1].txn ? m[0].txn : m[1].txn;
	uint64_t older = m[0].txn > m[1].txn ? m[1].txn : m[0].txn;

	if (m[0].page_octets != m[1].page_octets)
		bad(w, 1, "the first pages are of different sizes");
	if (!fresh && (m[0].txn % 2 != 0 || m[1].txn % 2 != 1 || newer - older != 1))
		bad(w, newer % 2, "the first pages do not follow each other");
}

/* What no tree has and the free list has not either. */
static void
count_lost(struct walk *w)
{
	uint64_t lost = 0, first = 0;

	for (uint64_t i = 2; i <= w->last; i++)
		if ((w->used[i / 8] & 1U << i % 8) == 0 && lost++ == 0)
			first = i;
	if (lost > 0)
		bad(w, first, "pages are neither used nor free");
}

static int
begin(struct walk *w, const struct meta *m)
{
	w->last = m->last;
	w->out->txn = m->txn;
	w->out->pages = w->out->free_pages = 0;
	w->free_txn = w->stepped = 0;
	w->page_octets = m->page_octets;
	if (m->last >= w->size / m->page_octets) {
		bad(w, m->last, "the file is shorter than it says");
		w->last = w->size / m->page_octets;
		w->last = w->last < 2 ? 1 : w->last - 1;
	}
	free(w->used);
	w->used = calloc((size_t)(w->last / 8 + 1), 1);
	if (w->used == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < PAGES_DEPTH_MAX; i++) {
		if (w->level[i] == NULL)
			w->level[i] = malloc(PAGE_MAX);
		if (w->level[i] == NULL)
			return ERR_NOMEM;
	}
	return OK;
}

static void
walk_free(struct walk *w, struct meta *m)
{
	walk_tree(w, &m->free, NULL);
	if (w->free_txn > m->txn)
		bad(w, m->txn % 2, "a first page is older than its list of free pages");
}

static int
walk_all(struct walk *w, struct meta *m)
{
	struct trees *list = calloc(1, sizeof *list);
	int r = list == NULL ? ERR_NOMEM : begin(w, m);

	if (r == OK) {
		walk_tree(w, &m->main, list);
		for (size_t i = 0; i < list->n && w->failed == OK; i++)
			walk_tree(w, &list->t[i], NULL);
		walk_free(w, m);
		if (w->out->bad == 0)
			count_lost(w);
		r = w->failed;
	}
	free(list);
	return r;
}

static int
walk_file(struct walk *w)
{
	struct pages_result before = *w->out;
	struct meta m[2];
	unsigned newest;
	int r = read_metas(w, m);

	if (r != OK)
		return r;
	if (m[0].page_octets == 0 || m[1].page_octets == 0)
		return w->conf->txn != PAGES_NEWEST ? ERR_CORRUPT :
		    walk_all(w, &m[m[0].page_octets == 0]);
	newest = m[1].txn > m[0].txn;
	if (w->conf->txn != PAGES_NEWEST) {
		if (m[0].txn != w->conf->txn && m[1].txn != w->conf->txn)
			return ERR_AGAIN;
		return walk_all(w, &m[m[1].txn == w->conf->txn]);
	}
	compare_metas(w, m);
	/* The older one, too, must not know of what came after it. */
	r = begin(w, &m[!newest]);
	if (r == OK)
		walk_free(w, &m[!newest]);
	before.bad = w->out->bad;
	*w->out = before;
	return r == OK ? walk_all(w, &m[newest]) : r;
}

int
pages_walk(const char *path, const struct pages_conf *conf, struct pages_result *out)
{
	struct walk w = { .conf = conf, .out = out };
	struct stat st;
	int r;

	*out = (struct pages_result){ 0 };
	w.fd = open(path, O_RDONLY | O_CLOEXEC);
	if (w.fd < 0)
		return -errno;
	r = fstat(w.fd, &st) != 0 ? -errno : OK;
	w.size = (uint64_t)st.st_size;
	if (r == OK)
		r = walk_file(&w);
	close(w.fd);
	for (size_t i = 0; i < PAGES_DEPTH_MAX; i++)
		free(w.level[i]);
	free(w.used);
	free(w.big);
	return r;
}
