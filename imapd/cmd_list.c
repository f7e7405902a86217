/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * LIST and LSUB (RFC 3501, 5258, 5819, 6154). All names are put in order first, with the levels
 * that only exist because something is below them.
 *
 *   list = "LIST" [SP "(" selection ")"] SP reference SP (pattern / "(" patterns ")")
 *          [SP "RETURN" SP "(" options ")"]
 */
#include <stdlib.h>

#include "common/utf8.h"
#include "imapd/name.h"
#include "imapd/status.h"
#include "common/utf7.h"

enum { PATTERNS_MAX = 32, WILDCARDS_MAX = 20, NAMES_A_STEP = 64 };

enum option {
	SELECT_SUBSCRIBED = 1 << 0, SELECT_SPECIAL_USE = 1 << 1, SELECT_RECURSIVE = 1 << 2,
	SELECT_REMOTE = 1 << 3,
	RETURN_SUBSCRIBED = 1 << 4, RETURN_CHILDREN = 1 << 5, RETURN_SPECIAL_USE = 1 << 6,
	RETURN_STATUS = 1 << 7,
	EXTENDED = 1 << 8, LSUB = 1 << 9, ASKS_SEPARATOR = 1 << 10,
};

struct entry {
	struct backend_box box;		/* id 0: does not exist */
	bool has_children, has_subscribed;
	bool has_chosen;		/* below it something fits the selection options */
};

struct list {
	unsigned      options, status_items;
	struct slice  patterns[PATTERNS_MAX];
	size_t	      patterns_n;
	struct entry *v;
	size_t	      n, at;
};

/* ---- arguments ---- */

/* The inner form of reference and pattern together; one that cannot be is left out. */
static int
add_pattern(struct list *l, struct slice reference, struct slice wire, struct arena *arena)
{
	struct buf utf8, nfc;
	size_t wildcards = 0;
	int err = OK;

	if (l->patterns_n == PATTERNS_MAX)
		return ERR_LIMIT;
	buf_init(&utf8, 2 * BACKEND_NAME_OCTETS);
	buf_init(&nfc, 2 * BACKEND_NAME_OCTETS);
	if (utf7_decode(reference, &utf8) == OK && utf7_decode(wire, &utf8) == OK &&
	    utf8_nfc(buf_slice(&utf8), &nfc) == OK) {
		for (size_t i = 0; i < nfc.n; i++)
			wildcards += nfc.p[i] == '*' || nfc.p[i] == '%';
		if (wildcards > WILDCARDS_MAX)
			err = ERR_LIMIT;
		else
			l->patterns[l->patterns_n++] = arena_copy(arena, buf_slice(&nfc));
	}
	buf_fini(&utf8);
	buf_fini(&nfc);
	return err == OK ? arena->err : err;
}

static int
parse_patterns(struct args *a, struct list *l)
{
	struct slice reference, pattern;
	bool many;
	int err = args_astring(a, &reference);

	if (err == OK)
		err = args_space(a);
	many = err == OK && (l->options & LSUB) == 0 && args_peek(a, '(');
	if (many) {
		l->options |= EXTENDED;
		err = args_open(a);
	}
	do {
		if (err == OK)
			err = args_list_mailbox(a, &pattern);
		if (err == OK && pattern.n == 0 && !many)
			l->options |= ASKS_SEPARATOR;
		if (err == OK)
			err = add_pattern(l, reference, pattern, a->arena);
	} while (err == OK && many && args_skip(a, ' '));
	return err == OK && many ? args_close(a) : err;
}

static const struct {
	const char *word;
	unsigned    select, give;
} words[] = {
	{ "SUBSCRIBED", SELECT_SUBSCRIBED, RETURN_SUBSCRIBED },
	{ "SPECIAL-USE", SELECT_SPECIAL_USE, RETURN_SPECIAL_USE },
	{ "CHILDREN", 0, RETURN_CHILDREN },
	{ "RECURSIVEMATCH", SELECT_RECURSIVE, 0 },
	{ "REMOTE", SELECT_REMOTE, 0 },
	{ "STATUS", 0, RETURN_STATUS },
};

static int
parse_option(struct args *a, struct list *l, bool selection)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		unsigned bit = selection ? words[i].select : words[i].give;
		int err;

		if (bit == 0 || !args_word(a, words[i].word))
			continue;
		l->options |= bit;
		if (bit != RETURN_STATUS)
			return OK;
		err = args_space(a);
		return err == OK ? status_parse(a, &l->status_items) : err;
	}
	return ERR_SYNTAX;
}

static int
parse_options(struct args *a, struct list *l, bool selection)
{
	int err = args_open(a);

	l->options |= EXTENDED;
	if (err == OK && args_peek(a, ')'))
		return args_close(a);
	do {
		if (err == OK)
			err = parse_option(a, l, selection);
	} while (err == OK && args_skip(a, ' '));
	return err == OK ? args_close(a) : err;
}

static int
parse(struct args *a, struct list *l)
{
	int err = args_space(a);

	if (err == OK && (l->options & LSUB) == 0 && args_peek(a, '(')) {
		err = parse_options(a, l, true);
		if (err == OK)
			err = args_space(a);
	}
	if (err == OK)
		err = parse_patterns(a, l);
	if (err == OK && (l->options & LSUB) == 0 && args_skip(a, ' ')) {
		if (!args_word(a, "RETURN") || args_space(a) != OK)
			return ERR_SYNTAX;
		err = parse_options(a, l, false);
	}
	if (err == OK && (l->options & (SELECT_RECURSIVE | SELECT_SUBSCRIBED)) == SELECT_RECURSIVE)
		err = ERR_SYNTAX;	/* RFC 5258 3.1: not alone */
	return err == OK ? args_end(a) : err;
}

/* ---- the table of names ---- */

static int
by_name(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return slice_cmp(x->box.name, y->box.name);
}

static struct entry *
lookup(struct list *l, struct slice name)
{
	struct entry key = { .box.name = name };

	return bsearch(&key, l->v, l->n, sizeof *l->v, by_name);
}

/* The name one level up: false for a top level. */
static bool
parent(struct slice name, struct slice *out)
{
	for (size_t i = name.n; i > 0; i--)
		if (name.p[i - 1] == '/') {
			*out = slice_sub(name, 0, i - 1);
			return true;
		}
	return false;
}

static size_t
count_levels(struct slice name)
{
	size_t n = 1;

	for (size_t i = 0; i < name.n; i++)
		n += name.p[i] == '/';
	return n;
}

static void
join_equal(struct list *l)
{
	size_t kept = 0;

	qsort(l->v, l->n, sizeof *l->v, by_name);
	for (size_t i = 0; i < l->n; i++) {
		struct entry *last = kept > 0 ? &l->v[kept - 1] : NULL;

		if (last == NULL || !slice_eq(last->box.name, l->v[i].box.name)) {
			l->v[kept++] = l->v[i];
			continue;
		}
		if (l->v[i].box.id != 0) {
			l->v[i].box.subscribed |= last->box.subscribed;
			last->box = l->v[i].box;
		} else
			last->box.subscribed |= l->v[i].box.subscribed;
	}
	l->n = kept;
}

/* Does it fit the selection options, all of them? */
static bool
is_selected(unsigned options, const struct entry *e)
{
	if ((options & SELECT_SPECIAL_USE) != 0 && e->box.use == BACKEND_USE_NONE)
		return false;
	if ((options & SELECT_SUBSCRIBED) != 0)
		return e->box.subscribed;
	return e->box.id != 0 || e->has_children;
}

static void
mark_parents(struct list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct slice name = l->v[i].box.name;

		while (parent(name, &name)) {
			struct entry *up = lookup(l, name);

			if (up == NULL)
				continue;
			up->has_children |= l->v[i].box.id != 0;
			up->has_subscribed |= l->v[i].box.subscribed;
			up->has_chosen |= is_selected(l->options, &l->v[i]);
		}
	}
}

static int
gather(struct session *s, struct list *l)
{
	struct backend_box *boxes;
	size_t n, room = 0;
	int err = s->conf.backend->boxes(s->conf.ctx, &s->arena, &boxes, &n);

	if (err != OK)
		return err;
	for (size_t i = 0; i < n; i++)
		room += count_levels(boxes[i].name);
	l->v = arena_array(&s->arena, room, sizeof *l->v);
	if (l->v == NULL)
		return s->arena.err;
	for (size_t i = 0; i < n; i++) {
		struct slice name = boxes[i].name;

		/* Not even a subscription may show that the tree is there. */
		if (s->conf.zone != ZONE_INTERNAL && (boxes[i].mat || name_is_like_mat(name)))
			continue;
		l->v[l->n++] = (struct entry){ .box = boxes[i] };
		while (parent(name, &name))
			l->v[l->n++] = (struct entry){ .box.name = name };
	}
	join_equal(l);
	mark_parents(l);
	return OK;
}

/* ---- output ---- */

static bool
matches(const struct list *l, struct slice name)
{
	for (size_t i = 0; i < l->patterns_n; i++)
		if (name_match(l->patterns[i], name))
			return true;
	return false;
}

/* Only a % at the end of LSUB's pattern tells of levels that are not subscribed (RFC
 * 3501 6.3.9). */
static bool
ends_in_percent(const struct list *l)
{
	struct slice p = l->patterns_n > 0 ? l->patterns[0] : SLICE("");

	return p.n > 0 && p.p[p.n - 1] == '%';
}

/* The criteria hold all together (RFC 5258 3). */
static bool
is_chosen(const struct list *l, const struct entry *e)
{
	if ((l->options & LSUB) != 0)
		return e->box.subscribed || (e->has_subscribed && ends_in_percent(l));
	if ((l->options & SELECT_RECURSIVE) != 0 && e->has_chosen)
		return true;
	return is_selected(l->options, e);
}

static const char *const uses[] = {
	[BACKEND_USE_DRAFTS] = "\\Drafts", [BACKEND_USE_SENT] = "\\Sent",
	[BACKEND_USE_TRASH] = "\\Trash", [BACKEND_USE_JUNK] = "\\Junk",
	[BACKEND_USE_ARCHIVE] = "\\Archive",
};

static void
add_attributes(struct session *s, const struct list *l, const struct entry *e)
{
	bool extended = (l->options & EXTENDED) != 0;
	bool told = (l->options & (RETURN_SUBSCRIBED | SELECT_SUBSCRIBED)) != 0;

	if ((l->options & LSUB) != 0) {
		if (!e->box.subscribed)
			buf_adds(&s->out, "\\Noselect");
		return;
	}
	if (e->box.id == 0)
		buf_adds(&s->out, extended ? "\\NonExistent \\Noselect " : "\\Noselect ");
	buf_adds(&s->out, e->has_children ? "\\HasChildren" : "\\HasNoChildren");
	if (told && e->box.subscribed)
		buf_adds(&s->out, " \\Subscribed");
	if (e->box.id != 0 && e->box.use != BACKEND_USE_NONE && e->box.use < ARRAY_LEN(uses))
		buf_addf(&s->out, " %s", uses[e->box.use]);
}

static int
add_entry(struct session *s, const struct list *l, const struct entry *e)
{
	bool lsub = (l->options & LSUB) != 0;

	buf_adds(&s->out, lsub ? "* LSUB (" : "* LIST (");
	add_attributes(s, l, e);
	buf_adds(&s->out, ") \"/\" ");
	name_add(&s->out, e->box.name);
	if ((l->options & SELECT_RECURSIVE) != 0 && e->has_chosen)
		buf_adds(&s->out, " (CHILDINFO (\"SUBSCRIBED\"))");
	buf_adds(&s->out, "\r\n");
	if ((l->options & RETURN_STATUS) != 0 && e->box.id != 0) {
		int err = status_add(s, &e->box, l->status_items);

		return err == ERR_NOENT ? OK : err;	/* deleted just now */
	}
	return OK;
}

static enum session_next
list_step(struct session *s)
{
	struct list *l = s->work;
	int err = OK;

	for (unsigned i = 0; err == OK && i < NAMES_A_STEP && l->at < l->n &&
	    !session_is_full(s); i++) {
		const struct entry *e = &l->v[l->at++];

		if (is_chosen(l, e) && matches(l, e->box.name))
			err = add_entry(s, l, e);
	}
	if (err != OK)
		return session_err(s, err);
	return l->at < l->n ? MORE : session_ok(s, NULL, "Listed");
}

static enum session_next
list(struct session *s, struct args *a, unsigned options)
{
	struct list *l = session_work(s, sizeof *l);
	int err;

	if (l == NULL)
		return session_err(s, s->arena.err);
	l->options = options;
	err = parse(a, l);
	if (err != OK)
		return session_err(s, err);
	if ((l->options & (ASKS_SEPARATOR | EXTENDED | LSUB)) == ASKS_SEPARATOR) {
		buf_adds(&s->out, "* LIST (\\Noselect) \"/\" \"\"\r\n");
		return session_ok(s, NULL, "Listed");
	}
	err = gather(s, l);
	return err == OK ? session_step(s, list_step) : session_err(s, err);
}

enum session_next
cmd_list(struct session *s, struct args *a)
{
	return list(s, a, 0);
}

enum session_next
cmd_lsub(struct session *s, struct args *a)
{
	return list(s, a, LSUB);
}
