/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mime/addr.h"

#include <string.h>

#include "common/utf8.h"
#include "mime/header.h"

/* Words gather in `phrase` (with single spaces) and in `spec` (without) until it is clear which
 * of the two they are: "Nguyen Van A <a@b>" or "a . b @ c". */
struct scan {
	struct slice	  s;		/* what is left */
	struct arena	 *a;
	struct addr_list *out;
	unsigned	  room;		/* entries that out->addrs can hold */
	struct buf	  phrase, spec, comment;
	size_t		  words;	/* in phrase */
	ptrdiff_t	  at;		/* of the first "@" in spec, -1 none */
	size_t		  route_end;	/* octets of spec that are the route */
	bool		  angle;	/* between < and > */
	bool		  had_angle;
	bool		  in_group;
	bool		  after_group;	/* a group just ended: its "," follows */
	bool		  joint;	/* the next word belongs to what stands in spec */
	bool		  loose;	/* words stand in spec that no dot joins */
	bool		  spaced;	/* white space stood before this token */
	unsigned	  flags;	/* of the item */
};

static bool
is_atom_char(char c)
{
	return (unsigned char)c > ' ' && c != 0x7f && strchr("()<>[]:;@\\,.\"", c) == NULL;
}

static void
reset_item(struct scan *sc)
{
	buf_clear(&sc->phrase);
	buf_clear(&sc->spec);
	buf_clear(&sc->comment);
	sc->words = 0;
	sc->at = -1;
	sc->route_end = 0;
	sc->angle = sc->had_angle = sc->loose = sc->spaced = false;
	sc->joint = true;
	sc->after_group = false;
	sc->flags = sc->in_group ? ADDR_IN_GROUP : 0;
}

/* A new entry at the end of the list, or NULL past ADDR_MAX or without memory. */
static struct addr *
push(struct scan *sc, enum addr_kind kind)
{
	struct addr_list *l = sc->out;
	struct addr *more;

	if (l->count == ADDR_MAX) {
		l->flags |= ADDR_OVERFLOW;
		return NULL;
	}
	if (l->count == sc->room) {
		unsigned room = sc->room == 0 ? 4 : 2 * sc->room;

		more = arena_array(sc->a, room, sizeof *more);
		if (more == NULL)
			return NULL;
		if (l->count > 0)
			memcpy(more, l->addrs, l->count * sizeof *more);
		l->addrs = more;
		sc->room = room;
	}
	l->addrs[l->count].kind = kind;
	return &l->addrs[l->count++];
}

static void
add_word(struct scan *sc, struct slice w)
{
	if (!sc->angle && !sc->had_angle) {
		if (sc->words++ > 0 && sc->spaced)
			buf_addc(&sc->phrase, ' ');
		buf_add(&sc->phrase, w);
	}
	if (sc->had_angle && !sc->angle) {
		sc->flags |= ADDR_SYNTAX;	/* words behind ">" */
	} else {
		if (sc->spaced && sc->spec.n > 0 && (sc->angle || sc->at >= 0))
			sc->flags |= ADDR_OBSOLETE;
		buf_add(&sc->spec, w);
	}
	if (!utf8_is_ascii(w))
		sc->flags |= ADDR_8BIT;
	sc->loose |= !sc->joint && !slice_is(w, ".");
	sc->joint = slice_is(w, ".");
	sc->spaced = false;
}

/* White space; true for later if there was some. */
static void
skip_space(struct scan *sc)
{
	size_t n = 0;

	while (n < sc->s.n && (ascii_is_space(sc->s.p[n]) || sc->s.p[n] == '\r' ||
	    sc->s.p[n] == '\n'))
		n++;
	if (n > 0)
		sc->spaced = true;
	sc->s = slice_from(sc->s, n);
}

/* "(...)", nested; its text without the outer parentheses stands for a missing name. */
static void
take_comment(struct scan *sc)
{
	unsigned depth = 0;
	size_t i;

	buf_clear(&sc->comment);
	for (i = 0; i < sc->s.n; i++) {
		char c = sc->s.p[i];

		if (c == '\\' && i + 1 < sc->s.n)
			c = sc->s.p[++i];
		else if (c == '(' && depth++ == 0)
			continue;
		else if (c == ')' && --depth == 0)
			break;
		if (c == '@' || c == '<' || c == '>')
			sc->flags |= ADDR_COMMENT_AT;
		if (c != '\r' && c != '\n')
			buf_addc(&sc->comment, c);
	}
	if (depth > 0)
		sc->flags |= ADDR_SYNTAX;
	sc->flags |= ADDR_COMMENT;
	sc->s = slice_from(sc->s, i + 1);
	sc->spaced = true;
}

static void
take_quoted(struct scan *sc)
{
	bool phrase = !sc->angle && !sc->had_angle;
	size_t i;

	if (phrase && sc->words++ > 0 && sc->spaced)
		buf_addc(&sc->phrase, ' ');
	for (i = 1; i < sc->s.n && sc->s.p[i] != '"'; i++) {
		char c = sc->s.p[i];

		if (c == '\\' && i + 1 < sc->s.n)
			c = sc->s.p[++i];
		if (c == '\r' || c == '\n')
			continue;
		if ((c & 0x80) != 0)
			sc->flags |= ADDR_8BIT;
		if (c == '\0')
			sc->flags |= ADDR_SYNTAX;
		if (phrase)
			buf_addc(&sc->phrase, c);
		buf_addc(&sc->spec, c);
	}
	if (i >= sc->s.n || (sc->had_angle && !sc->angle))
		sc->flags |= ADDR_SYNTAX;
	if (sc->at < 0 || sc->angle)
		sc->flags |= ADDR_QUOTED_LOCAL;	/* taken back if it was a display name */
	sc->s = slice_from(sc->s, i + 1);
	sc->loose |= !sc->joint;
	sc->spaced = sc->joint = false;
}

static void
take_atom(struct scan *sc)
{
	size_t n = 0;

	while (n < sc->s.n && is_atom_char(sc->s.p[n]))
		n++;
	if (n > 0) {
		add_word(sc, slice_sub(sc->s, 0, n));
		sc->s = slice_from(sc->s, n);
		return;
	}
	sc->flags |= ADDR_SYNTAX;	/* a control, "\", "]" or ")" out of place */
	sc->s = slice_from(sc->s, 1);
}

/* "[...]" of a domain */
static void
take_literal(struct scan *sc)
{
	ptrdiff_t end = slice_chr(sc->s, ']');
	struct slice w = slice_sub(sc->s, 0, end < 0 ? sc->s.n : (size_t)end + 1);

	if (end < 0)
		sc->flags |= ADDR_SYNTAX;
	for (size_t i = 0; i < w.n; i++)
		if (w.p[i] == '\r' || w.p[i] == '\n' || w.p[i] == '\0')
			sc->flags |= ADDR_SYNTAX;
	add_word(sc, w);
	sc->s = slice_from(sc->s, w.n);
}

/* Split spec into the entry's route, local part and domain. */
static void
set_spec(struct scan *sc, struct addr *ad)
{
	struct slice spec = arena_copy(sc->a, buf_slice(&sc->spec));
	size_t at = sc->at < 0 ? spec.n : (size_t)sc->at;

	ad->route = slice_sub(spec, 0, sc->route_end);
	if (ad->route.n > 0 && ad->route.p[ad->route.n - 1] == ':')
		ad->route.n--;
	ad->local = slice_sub(spec, sc->route_end, at - sc->route_end);
	ad->domain = slice_from(spec, at + 1);
	if (ad->domain.n == 0)
		sc->flags |= ADDR_NO_DOMAIN | ADDR_SYNTAX;
	if (ad->local.n == 0 || sc->loose)
		sc->flags |= ADDR_SYNTAX;
}

/* The end of an item: "," ";" or the end of the field. */
static void
finish_item(struct scan *sc)
{
	bool bare = !sc->had_angle && !sc->angle;
	struct addr *ad;

	if (sc->angle)
		sc->flags |= ADDR_SYNTAX;
	if (bare && sc->spec.n == 0) {
		sc->out->flags |= sc->flags | (sc->after_group ? 0 : ADDR_OBSOLETE);
		reset_item(sc);
		return;
	}
	ad = push(sc, ADDR_MAILBOX);
	if (ad == NULL)
		return;
	if (bare && sc->at < 0) {	/* "undisclosed recipients": words, no address */
		ad->local = arena_copy(sc->a, buf_slice(&sc->phrase));
		sc->flags |= ADDR_NO_DOMAIN | ADDR_SYNTAX;
	} else {
		set_spec(sc, ad);
		ad->name = arena_copy(sc->a, buf_slice(bare ? &sc->comment : &sc->phrase));
	}
	ad->flags = sc->flags;
	sc->out->flags |= sc->flags;
	sc->out->mailboxes++;
	reset_item(sc);
}

static void
open_angle(struct scan *sc)
{
	if (sc->angle || sc->had_angle)
		sc->flags |= ADDR_SYNTAX;
	sc->angle = true;
	sc->had_angle = false;
	sc->flags &= ~(unsigned)ADDR_QUOTED_LOCAL;
	if (sc->at >= 0)
		sc->flags |= ADDR_SYNTAX;	/* an address as an unquoted display name */
	buf_clear(&sc->spec);
	sc->at = -1;
	sc->route_end = 0;
	sc->loose = false;
	sc->joint = true;
}

static void
take_at(struct scan *sc)
{
	bool route = sc->angle && sc->spec.n == sc->route_end;

	if (!route && sc->at >= 0)
		sc->flags |= ADDR_SYNTAX;
	if (sc->spaced)
		sc->flags |= ADDR_OBSOLETE;
	if (route)
		sc->flags |= ADDR_ROUTE;
	else if (sc->at < 0)
		sc->at = (ptrdiff_t)sc->spec.n;
	buf_addc(&sc->spec, '@');
	if (!sc->angle && !sc->had_angle)
		buf_addc(&sc->phrase, '@');
	sc->joint = true;
	sc->spaced = false;
}

/* A route goes on to ":"; take it as a whole. */
static bool
take_route(struct scan *sc)
{
	size_t n = 0;

	if (!sc->angle || sc->spec.n > 0 || sc->s.p[0] != '@')
		return false;
	while (n < sc->s.n && sc->s.p[n] != ':' && sc->s.p[n] != '>' && sc->s.p[n] != '<' &&
	    sc->s.p[n] != '"' && sc->s.p[n] != '(')
		n++;
	if (n == sc->s.n || sc->s.p[n] != ':')
		return false;
	for (size_t i = 0; i <= n; i++)
		if ((unsigned char)sc->s.p[i] > ' ')
			buf_addc(&sc->spec, sc->s.p[i]);
	sc->route_end = sc->spec.n;
	sc->flags |= ADDR_ROUTE | ADDR_OBSOLETE;
	sc->s = slice_from(sc->s, n + 1);
	return true;
}

static void
open_group(struct scan *sc)
{
	struct addr *ad;

	if (sc->in_group || sc->had_angle || sc->angle || sc->at >= 0 || sc->words == 0) {
		sc->flags |= ADDR_SYNTAX;
		return;
	}
	ad = push(sc, ADDR_GROUP_START);
	if (ad == NULL)
		return;
	ad->name = arena_copy(sc->a, buf_slice(&sc->phrase));
	ad->flags = sc->flags & ~(unsigned)ADDR_QUOTED_LOCAL;
	sc->out->flags |= ad->flags | ADDR_IN_GROUP;
	sc->in_group = true;
	reset_item(sc);
}

static void
close_group(struct scan *sc)
{
	if (sc->spec.n > 0 || sc->had_angle || sc->angle)
		finish_item(sc);
	if (sc->in_group)
		(void)push(sc, ADDR_GROUP_END);
	else
		sc->out->flags |= ADDR_SYNTAX;
	sc->in_group = false;
	reset_item(sc);
	sc->after_group = true;
}

static void
take_dot(struct scan *sc)
{
	if (sc->spaced && (sc->at >= 0 || sc->angle))
		sc->flags |= ADDR_OBSOLETE;
	add_word(sc, SLICE("."));
}

/* One special character, which is taken off. */
static void
take_special(struct scan *sc, char c)
{
	sc->s = slice_from(sc->s, 1);
	switch (c) {
	case ',':
		if (sc->angle)
			sc->flags |= ADDR_SYNTAX;
		finish_item(sc);
		break;
	case ';':
		close_group(sc);
		break;
	case ':':
		open_group(sc);
		break;
	case '<':
		open_angle(sc);
		break;
	case '>':
		if (!sc->angle)
			sc->flags |= ADDR_SYNTAX;
		sc->had_angle = sc->had_angle || sc->angle;
		sc->angle = false;
		break;
	case '@':
		take_at(sc);
		break;
	default:
		take_dot(sc);
		break;
	}
}

/* One token. */
static void
step(struct scan *sc)
{
	char c = sc->s.p[0];

	if (c == '(')
		take_comment(sc);
	else if (c == '"')
		take_quoted(sc);
	else if (c == '[')
		take_literal(sc);
	else if (c == '@' && take_route(sc))
		return;
	else if (c != '\0' && strchr(",;:<>@.", c) != NULL)
		take_special(sc, c);
	else
		take_atom(sc);
}

int
addr_parse(struct slice raw, struct arena *a, struct addr_list *out)
{
	struct scan sc = { .s = slice_trim(raw), .a = a, .out = out, .at = -1,
	    .joint = true };

	*out = (struct addr_list){ 0 };
	buf_init(&sc.phrase, 2 * raw.n + 1);
	buf_init(&sc.spec, raw.n + 1);
	buf_init(&sc.comment, raw.n + 1);
	for (skip_space(&sc); sc.s.n > 0; skip_space(&sc)) {
		if (a->err != OK || (out->flags & ADDR_OVERFLOW) != 0)
			break;
		step(&sc);
	}
	if (sc.s.n == 0 && (sc.spec.n > 0 || sc.had_angle || sc.angle))
		finish_item(&sc);
	out->flags |= sc.flags;
	if (sc.in_group) {
		(void)push(&sc, ADDR_GROUP_END);
		out->flags |= ADDR_SYNTAX;
	}
	if (a->err == OK)
		a->err = sc.phrase.err != OK ? sc.phrase.err : sc.spec.err != OK ? sc.spec.err :
		    sc.comment.err;
	buf_fini(&sc.phrase);
	buf_fini(&sc.spec);
	buf_fini(&sc.comment);
	return a->err;
}

bool
addr_is_dot_atom(struct slice s)
{
	bool after_dot = true;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '.' ? after_dot : !is_atom_char(s.p[i]))
			return false;
		after_dot = s.p[i] == '.';
	}
	return !after_dot && utf8_is_safe(s);
}

int
addr_single(struct slice raw, struct arena *a, struct slice *spec_out)
{
	static const unsigned refused = ADDR_SYNTAX | ADDR_ROUTE | ADDR_OBSOLETE |
	    ADDR_QUOTED_LOCAL | ADDR_NO_DOMAIN | ADDR_IN_GROUP | ADDR_OVERFLOW | ADDR_COMMENT_AT;
	struct addr_list l;
	struct buf b;
	int err = addr_parse(raw, a, &l);

	if (err != OK)
		return err;
	if (l.count != 1 || (l.flags & refused) != 0 || l.addrs[0].kind != ADDR_MAILBOX ||
	    !addr_is_dot_atom(l.addrs[0].local) || !addr_is_dot_atom(l.addrs[0].domain) ||
	    slice_find(l.addrs[0].local, SLICE("=?")) >= 0 ||
	    slice_find(l.addrs[0].domain, SLICE("=?")) >= 0)
		return ERR_SYNTAX;
	buf_init(&b, raw.n + 2);
	addr_spec(&l.addrs[0], &b);
	*spec_out = arena_copy(a, buf_slice(&b));
	err = b.err != OK ? b.err : a->err;
	buf_fini(&b);
	return err;
}

int
addr_single_from(struct slice header, struct arena *a, struct slice *spec_out)
{
	struct header_field f, from = { 0 };
	struct header_iter it;
	unsigned count = 0;

	header_init(&it, header);
	while (header_next(&it, &f) == 1) {
		if (!slice_is_nocase(f.name, "From"))
			continue;
		from = f;
		count++;
	}
	if ((it.flags & HEADER_MALFORMED) != 0)
		return ERR_SYNTAX;
	if (count != 1)
		return count == 0 ? ERR_NOENT : ERR_EXIST;
	return addr_single(from.value, a, spec_out);
}

void
addr_spec(const struct addr *ad, struct buf *out)
{
	if (addr_is_dot_atom(ad->local)) {
		buf_add(out, ad->local);
	} else {
		buf_addc(out, '"');
		for (size_t i = 0; i < ad->local.n; i++) {
			if (ad->local.p[i] == '"' || ad->local.p[i] == '\\')
				buf_addc(out, '\\');
			buf_addc(out, ad->local.p[i]);
		}
		buf_addc(out, '"');
	}
	if (ad->domain.n > 0)
		buf_addc(out, '@');
	buf_add(out, ad->domain);
}
