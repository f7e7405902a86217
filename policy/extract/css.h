/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/css.h: what styles do to the text of a page.
 *
 * Shape   declarations in, effects out; and the rules of a page's <style> elements, by what their
 *         selectors end with (a class, an identifier, an attribute, a name). Conditions and
 *         precedence are not looked at: no rule is certain, and of declarations only those are
 *         that nothing inside the element undoes. What may hide the text hides it in one reading
 *         of the page and is passed over in another.
 * Bounds  CSS_RULES_MAX rules that have an effect; linear in the page.
 * Source  CSS 2.2 (4.1 syntax, 9.2 display, 11.2 visibility, 16.6 white space).
 */
#ifndef POLICY_EXTRACT_CSS_H
#define POLICY_EXTRACT_CSS_H

#include "common/slice.h"

enum { CSS_RULES_MAX = 2048, CSS_HEADS = 2048 };

enum css_effect {
	CSS_HIDES     = 1 << 0,	/* nobody sees the text */
	CSS_BREAKS    = 1 << 1,	/* the text stands apart from what is around it */
	CSS_KEEPS     = 1 << 2,	/* lines of the source are lines of the page */
	CSS_MAY_HIDE  = 1 << 3,	/* the same, on conditions or by a guess */
	CSS_MAY_BREAK = 1 << 4,
	CSS_MAY_KEEP  = 1 << 5,
	CSS_SHOWS     = 1 << 6,	/* a "display" that undoes CSS_HIDES, if it prevails */
	CSS_JOINS     = 1 << 7,	/* the text may stand in the line around it */
	CSS_OVERRIDES = 1 << 8,	/* letters run as the direction says */
};

enum {
	CSS_SURE = CSS_HIDES | CSS_BREAKS | CSS_KEEPS,
	CSS_MAY	 = CSS_MAY_HIDE | CSS_MAY_BREAK | CSS_MAY_KEEP,
	CSS_MAY_SHIFT = 3
};

struct css_rule {
	struct slice name;
	char	     kind;	/* '.', '#', '[', or '\0' for the name of an element */
	unsigned     effects;
	unsigned     next;	/* of the same head: its number + 1, or 0 */
};

struct css {
	struct css_rule *rule;	/* of malloc */
	unsigned	 count, room;
	unsigned	 head[CSS_HEADS];	/* of the rules with such names: number + 1 */
	bool		 full;	/* there were more, or such whose names are in disguise */
	bool		 attr;	/* some text of the page may be the value of an attribute */
	int		 err;
};

/* Take the rules of all <style> elements; css_free() afterwards. Names point into the page. */
void css_collect(struct css *css, struct slice page);
void css_free(struct css *css);

/* The effects of declarations. attribute: entities are decoded first. */
unsigned css_declarations(struct slice declarations, bool attribute);

/* Effects of all kinds on one element: those that contradict each other are no longer sure. */
unsigned css_settled(unsigned effects);

/* The effects of the rules for a name of that kind; classes are separated by white space. */
unsigned css_effects(const struct css *css, char kind, struct slice name);

#endif
