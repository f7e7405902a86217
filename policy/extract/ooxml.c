/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/ooxml.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "policy/extract/entity.h"
#include "policy/extract/xml.h"

enum { READ_CHOICE, READ_FALLBACK, READ_ALL, READINGS };
enum { PARAGRAPH_MAX = 1 << 20, NAME_MAX_OCTETS = 256, TINY_HALF_POINTS = 4 };

struct paragraph {
	struct buf text[READINGS];
	bool	   differs;	/* some text is not in every reading */
	bool	   hidden;	/* the run at hand is hidden */
	bool	   unseen;	/* it is tiny, or white */
};

struct ooxml {
	struct xml	*reader;
	struct buf	*out;
	struct paragraph para[OOXML_PARAGRAPHS_MAX];
	unsigned	 paras;		/* open paragraphs */
	unsigned	 choice, fallback;	/* depth of mc:Choice, mc:Fallback elements open */
	bool		 in_text, in_deleted;
	struct buf	 loose;		/* text outside paragraphs, of the element at hand */
	char		 property[NAME_MAX_OCTETS];	/* name of a custom property */
	unsigned long	 chosen, entry;	/* of the list at hand: its choice, the next entry */
	bool		 in_box, ticked;	/* a box of a form */
	int		 err;
};

static void
stop(struct ooxml *x, int err)
{
	if (x->err == OK)
		x->err = err;
	if (x->reader != NULL)
		xml_stop(x->reader, err);
}

static bool
is(const char *name, const char *what)
{
	return name[0] == what[0] && strcmp(name, what) == 0;	/* mostly no call */
}

/* --- lines --- */

static void
line(struct ooxml *x, struct slice text)
{
	if (slice_trim(text).n == 0)
		return;
	buf_add(x->out, text);
	buf_addc(x->out, '\n');
	if (x->out->err != OK)
		stop(x, x->out->err);
}

static void
add_text(struct ooxml *x, struct slice text)
{
	struct paragraph *p = &x->para[x->paras - 1];
	bool gone = p->hidden || x->in_deleted, hidden = gone || p->unseen;
	bool skip[READINGS] = {
		[READ_CHOICE] = hidden || x->fallback > 0,
		[READ_FALLBACK] = hidden || x->choice > 0,
		[READ_ALL] = false,
	};

	for (unsigned i = 0; i < READINGS; i++) {
		p->differs |= skip[i];
		if (!skip[i])
			buf_add(&p->text[i], text);
		if (p->text[i].err != OK)
			stop(x, p->text[i].err);
	}
	if (gone)	/* white letters may stand on a dark ground: READ_ALL has them in their line */
		line(x, text);
}

static void
begin_paragraph(struct ooxml *x)
{
	if (x->paras == OOXML_PARAGRAPHS_MAX) {
		stop(x, ERR_LIMIT);
		return;
	}
	x->para[x->paras].differs = x->para[x->paras].hidden = x->para[x->paras].unseen = false;
	for (unsigned i = 0; i < READINGS; i++)
		buf_clear(&x->para[x->paras].text[i]);
	x->paras++;
}

static void
end_paragraph(struct ooxml *x)
{
	struct paragraph *p;

	if (x->paras == 0)
		return;
	p = &x->para[--x->paras];
	line(x, buf_slice(&p->text[READ_ALL]));
	if (!p->differs)
		return;
	line(x, buf_slice(&p->text[READ_CHOICE]));
	line(x, buf_slice(&p->text[READ_FALLBACK]));
}

/* A field that shows the words behind its first two: a button. */
static void
button(struct ooxml *x, struct slice text)
{
	struct slice word;

	if (!slice_starts_nocase(text, SLICE("MACROBUTTON ")) &&
	    !slice_starts_nocase(text, SLICE("GOTOBUTTON ")))
		return;
	slice_cut(&text, ' ', &word);
	text = slice_trim(text);
	slice_cut(&text, ' ', &word);
	line(x, text);
}

static void
end_loose(struct ooxml *x)
{
	struct slice text = slice_trim(buf_slice(&x->loose));

	button(x, text);
	if (text.n > 0 && x->property[0] != '\0') {
		struct buf named;

		buf_init(&named, NAME_MAX_OCTETS + PARAGRAPH_MAX + 2);
		buf_addf(&named, "%s: ", x->property);
		buf_add(&named, text);
		line(x, buf_slice(&named));
		buf_fini(&named);
	}
	line(x, text);
	buf_clear(&x->loose);
}

/* --- elements --- */

/* Attributes that people see. Most parts of most documents are styles, whose attributes nobody does:
 * this is asked for all of them. */
static bool
is_telling(const char *name)
{
	switch (name[0]) {
	case 'd':
		return is(name, "descr");
	case 't':
		return is(name, "title") || is(name, "tooltip");
	case 's':
		return is(name, "string");
	case 'a':
		return is(name, "alt");
	default:
		return false;
	}
}

static void
telling_attributes(struct ooxml *x, const char *name, const char **atts)
{
	for (size_t i = 0; atts[i] != NULL; i += 2)
		if (is_telling(xml_local(atts[i])))
			line(x, slice_of(atts[i + 1]));
	if (is(name, "fldSimple") && xml_attribute(atts, "instr") != NULL)
		button(x, slice_trim(slice_of(xml_attribute(atts, "instr"))));
	if (is(name, "section") && xml_attribute(atts, "name") != NULL)	/* of slides */
		line(x, slice_of(xml_attribute(atts, "name")));
	if (is(name, "lvlText") || is(name, "docVar") || is(name, "tag") || is(name, "alias") ||
	    is(name, "tblCaption") || is(name, "tblDescription")) {
		const char *v = xml_attribute(atts, "val");

		if (v != NULL)
			line(x, slice_of(v));
	}
	if (is(name, "property")) {
		const char *v = xml_attribute(atts, "name");
		size_t n = v == NULL ? 0 : strlen(v);

		n = n < sizeof x->property ? n : sizeof x->property - 1;
		memcpy(x->property, v == NULL ? "" : v, n);
		x->property[n] = '\0';
	}
}

static void
symbol(struct ooxml *x, const char **atts)
{
	const char *v = xml_attribute(atts, "char");
	struct buf one;

	if (v == NULL)
		return;
	buf_init(&one, 8);
	entity_put(&one, (uint32_t)(strtoul(v, NULL, 16) & 0xFFFFF));
	add_text(x, buf_slice(&one));
	buf_fini(&one);
}

/* Elements that stand for characters. */
static void
character(struct ooxml *x, const char *name, const char **atts)
{
	if (is(name, "tab") || is(name, "ptab"))
		add_text(x, SLICE("\t"));
	else if (is(name, "br") || is(name, "cr"))
		add_text(x, SLICE("\n"));
	else if (is(name, "noBreakHyphen"))
		add_text(x, SLICE("-"));
	else if (is(name, "sym"))
		symbol(x, atts);
}

static bool
is_off(const char *v)
{
	return v != NULL && (is(v, "0") || is(v, "false") || is(v, "off"));
}

/* Lists and boxes of older forms: what is chosen stands nowhere else. */
static void
form(struct ooxml *x, const char *name, const char **atts)
{
	const char *v = xml_attribute(atts, "val");

	if (is(name, "ddList"))
		x->chosen = x->entry = 0;
	else if (is(name, "result") && v != NULL)
		x->chosen = strtoul(v, NULL, 10);
	else if (is(name, "listEntry") && x->entry++ == x->chosen)
		add_text(x, slice_of(v == NULL ? "" : v));
	else if (is(name, "checkBox"))
		x->in_box = !(x->ticked = false);
	else if (x->in_box && (is(name, "default") || is(name, "checked")))
		x->ticked = !is_off(v);
}

static void
end_box(struct ooxml *x)
{
	if (x->in_box && x->paras > 0)
		add_text(x, x->ticked ? SLICE("\xE2\x98\x92") : SLICE("\xE2\x98\x90"));
	x->in_box = false;
}

/* Letters of two points or less, or as white as paper. */
static bool
is_unseen(const char *name, const char *v)
{
	if (v == NULL)
		return false;
	if (is(name, "color"))
		return slice_is_nocase(slice_of(v), "FFFFFF");
	return ascii_is_digit(v[0]) && strtoul(v, NULL, 10) <= TINY_HALF_POINTS;
}

static void
run_property(struct ooxml *x, const char *name, const char **atts)
{
	struct paragraph *p = &x->para[x->paras - 1];

	if (is(name, "r"))
		p->hidden = p->unseen = false;
	else if (is(name, "vanish") || is(name, "specVanish") || is(name, "webHidden"))
		p->hidden |= !is_off(xml_attribute(atts, "val"));
	else if (is(name, "sz") || is(name, "color"))
		p->unseen |= is_unseen(name, xml_attribute(atts, "val"));
}

static void
on_start(void *arg, const char *name, const char **atts)
{
	struct ooxml *x = arg;

	end_loose(x);
	telling_attributes(x, name, atts);
	if (is(name, "p"))
		begin_paragraph(x);
	else if (is(name, "Choice"))
		x->choice++;
	else if (is(name, "Fallback"))
		x->fallback++;
	x->in_deleted = is(name, "delText");
	x->in_text = x->paras > 0 && (is(name, "t") || x->in_deleted);
	if (x->paras > 0 && x->err == OK) {
		character(x, name, atts);
		form(x, name, atts);
		run_property(x, name, atts);
	}
}

static void
on_end(void *arg, const char *name)
{
	struct ooxml *x = arg;

	x->in_text = x->in_deleted = false;
	end_loose(x);
	if (is(name, "p"))
		end_paragraph(x);
	else if (is(name, "Choice") && x->choice > 0)
		x->choice--;
	else if (is(name, "Fallback") && x->fallback > 0)
		x->fallback--;
	else if (is(name, "property"))
		x->property[0] = '\0';
	else if (is(name, "checkBox"))
		end_box(x);
}

static void
on_text(void *arg, struct slice text)
{
	struct ooxml *x = arg;

	if (x->in_text) {
		add_text(x, text);
		return;
	}
	buf_add(&x->loose, text);
	if (x->loose.err != OK)
		stop(x, x->loose.err);
}

int
ooxml_text(struct slice xml, struct buf *out)
{
	static const struct xml_handlers handlers = { on_start, on_end, on_text };
	struct ooxml *x = calloc(1, sizeof *x);
	int err;

	if (x == NULL)
		return ERR_NOMEM;
	x->out = out;
	buf_init(&x->loose, PARAGRAPH_MAX);
	for (unsigned i = 0; i < OOXML_PARAGRAPHS_MAX; i++)
		for (unsigned k = 0; k < READINGS; k++)
			buf_init(&x->para[i].text[k], PARAGRAPH_MAX);
	err = xml_read(xml, &handlers, x, &x->reader);
	if (x->err == OK)
		x->err = err;
	while (x->paras > 0)	/* of a part that broke off */
		end_paragraph(x);
	for (unsigned i = 0; i < OOXML_PARAGRAPHS_MAX; i++)
		for (unsigned k = 0; k < READINGS; k++)
			buf_fini(&x->para[i].text[k]);
	buf_fini(&x->loose);
	err = x->err;
	free(x);
	return err;
}
