/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/ooxml.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "policy/extract/entity.h"
#include "policy/extract/wordstyle.h"
#include "policy/extract/xml.h"

enum { READ_CHOICE, READ_FALLBACK, READ_DARK, READ_ALL, READ_RUBY, READINGS };
enum { PARAGRAPH_MAX = 1 << 20, NAME_MAX_OCTETS = 256 };

struct paragraph {
	struct buf  text[READINGS];
	bool	    differs;	/* some text is not in every reading */
	bool	    dark, cut;	/* READ_DARK has text that may be unseen; it has not all */
	struct look table, style;	/* of the table around it, and its own */
	struct look chars, run;	/* of the run at hand: its style, and what it says itself */
	bool	    goes_on;	/* its end is hidden or deleted: the next is seen in its line */
};

/* Is the run at hand seen? */
struct sight {
	bool hidden, hidden_else;	/* for Word; for programs whose styles only override */
	bool unseen;			/* it is tiny or white, or not for the web */
};

struct ooxml {
	struct xml	*reader;
	const struct looks *styles;	/* NULL: none */
	bool		 styled;	/* there is text in paragraphs */
	struct look	 table[XML_DEPTH_MAX];
	unsigned	 tables, ruby;	/* open tables, open texts above others */
	unsigned	 past;		/* said of what was before a change: open elements */
	bool		 in_properties;	/* of a paragraph */
	unsigned	 moved;		/* open texts that were moved to somewhere else */
	struct buf	 carried;	/* of paragraphs that go on */
	unsigned	 carried_depth, carried_count;	/* in how many others they stand */
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

/* To be hidden is turned over by each style that says so (17.7.3); what a run says itself counts. */
static struct sight
sight_of(const struct ooxml *x, const struct paragraph *p)
{
	struct look defaults = looks_find(x->styles, LOOK_DEFAULTS, SLICE("")), all = defaults;
	struct sight s;

	look_put(&all, p->table);
	look_put(&all, p->style);
	look_put(&all, p->chars);
	look_put(&all, p->run);
	s.hidden_else = all.hidden > 0;
	s.hidden = p->run.hidden >= 0 ? p->run.hidden > 0 : defaults.hidden > 0 ||
	    ((p->table.hidden > 0) ^ (p->style.hidden > 0) ^ (p->chars.hidden > 0));
	s.unseen = all.tiny > 0 || all.white > 0 || all.web > 0;
	return s;
}

static void
add_text(struct ooxml *x, struct slice text)
{
	struct paragraph *p = &x->para[x->paras - 1];
	struct sight s = sight_of(x, p);
	bool deleted = x->in_deleted || x->moved > 0;
	bool gone = s.hidden || s.hidden_else || deleted;
	bool not_there = deleted || x->ruby > 0;
	bool skip[READINGS] = {
		[READ_CHOICE] = not_there || s.unseen || s.hidden || x->fallback > 0,
		[READ_FALLBACK] = not_there || s.unseen || s.hidden_else || x->choice > 0,
		[READ_DARK] = not_there || s.hidden || x->fallback > 0,
		[READ_ALL] = false,
		[READ_RUBY] = x->ruby == 0 || gone,
	};

	x->styled = true;
	p->dark |= s.unseen && !skip[READ_DARK];
	p->cut |= skip[READ_DARK];
	for (unsigned i = 0; i < READINGS; i++) {
		p->differs |= skip[i] && i != READ_RUBY;
		if (!skip[i])
			buf_add(&p->text[i], text);
		if (p->text[i].err != OK)
			stop(x, p->text[i].err);
	}
	if (gone)	/* white letters may stand on a dark ground: READ_ALL has them in their line */
		line(x, text);
}

static void
begin_run(struct ooxml *x, struct paragraph *p)
{
	p->chars = looks_find(x->styles, LOOK_TEXT, SLICE(""));
	p->run = look_none();
}

static void
begin_paragraph(struct ooxml *x)
{
	struct paragraph *p = &x->para[x->paras];

	if (x->paras == OOXML_PARAGRAPHS_MAX) {
		stop(x, ERR_LIMIT);
		return;
	}
	p->differs = p->goes_on = p->dark = p->cut = false;
	p->table = x->tables > 0 ? x->table[x->tables - 1] : look_none();
	p->style = looks_find(x->styles, LOOK_PARAGRAPH, SLICE(""));
	begin_run(x, p);
	for (unsigned i = 0; i < READINGS; i++)
		buf_clear(&p->text[i]);
	x->paras++;
}

/* Paragraphs of which the ends between them are not seen stand in one line. */
static void
carry(struct ooxml *x, struct paragraph *p)
{
	bool begun = x->carried.n > 0 && x->carried_depth == x->paras;
	bool goes_on = p->goes_on || p->style.hidden > 0;

	if (!begun) {
		buf_clear(&x->carried);
		x->carried_count = 0;
	}
	if (!begun && !goes_on)
		return;
	buf_add(&x->carried, buf_slice(&p->text[READ_CHOICE]));
	x->carried_depth = x->paras;
	x->carried_count++;
	if (goes_on && x->carried.err == OK)
		return;
	line(x, buf_slice(&x->carried));
	buf_clear(&x->carried);
}

static void
end_paragraph(struct ooxml *x)
{
	struct paragraph *p;

	if (x->paras == 0)
		return;
	p = &x->para[--x->paras];
	carry(x, p);
	line(x, buf_slice(&p->text[READ_ALL]));
	line(x, buf_slice(&p->text[READ_RUBY]));
	if (!p->differs)
		return;
	line(x, buf_slice(&p->text[READ_CHOICE]));
	line(x, buf_slice(&p->text[READ_FALLBACK]));
	if (p->dark && p->cut)	/* white on a dark ground, beside what is hidden */
		line(x, buf_slice(&p->text[READ_DARK]));
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

static void
run_property(struct ooxml *x, const char *name, const char **atts)
{
	struct paragraph *p = &x->para[x->paras - 1];
	struct slice v = slice_of(xml_attribute(atts, "val"));

	if (is(name, "r"))
		begin_run(x, p);
	else if (is(name, "pStyle") && x->past == 0)
		p->style = looks_find(x->styles, LOOK_PARAGRAPH, v);
	else if (is(name, "rStyle") && x->past == 0)
		p->chars = looks_find(x->styles, LOOK_TEXT, v);
	else if (x->past == 0)
		wordstyle_property(&p->run, name, atts);
}

static bool
is_change(const char *name)
{
	return is(name, "rPrChange") || is(name, "pPrChange") || is(name, "tblPrChange");
}

/* The end of a paragraph is hidden by its properties, or deleted. */
static void
end_mark(struct ooxml *x, const char *name)
{
	struct paragraph *p = &x->para[x->paras - 1];

	if (is(name, "pPr")) {
		x->in_properties = true;
	} else if (x->in_properties && x->past == 0) {
		p->goes_on |= is(name, "del") || is(name, "moveFrom");
		p->goes_on |= p->run.hidden > 0;
	}
}

/* What is around paragraphs, or above words. */
static void
surrounding(struct ooxml *x, const char *name, const char **atts)
{
	if (is(name, "tbl") && x->tables < XML_DEPTH_MAX)
		x->table[x->tables++] = looks_find(x->styles, LOOK_TABLE, SLICE(""));
	else if (is(name, "tblStyle") && x->tables > 0 && x->past == 0)
		x->table[x->tables - 1] = looks_find(x->styles, LOOK_TABLE,
		    slice_of(xml_attribute(atts, "val")));
	else if (is(name, "rt"))
		x->ruby++;
	else if (is(name, "moveFrom"))
		x->moved++;
	else if (is_change(name))
		x->past++;
}

static void
end_surrounding(struct ooxml *x, const char *name)
{
	if (is(name, "tbl") && x->tables > 0)
		x->tables--;
	else if (is(name, "rt") && x->ruby > 0)
		x->ruby--;
	else if (is(name, "moveFrom") && x->moved > 0)
		x->moved--;
	else if (is_change(name))
		x->past -= x->past > 0;
	if (is(name, "pPr") && x->paras > 0) {	/* what it said was of the paragraph's end */
		x->in_properties = false;
		begin_run(x, &x->para[x->paras - 1]);
	}
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
	surrounding(x, name, atts);
	x->in_deleted = is(name, "delText");
	x->in_text = x->paras > 0 && (is(name, "t") || x->in_deleted);
	if (x->paras > 0 && x->err == OK) {
		character(x, name, atts);
		form(x, name, atts);
		run_property(x, name, atts);
		end_mark(x, name);
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
	end_surrounding(x, name);
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
ooxml_text(struct slice xml, const struct looks *styles, struct buf *out, bool *styled_out)
{
	static const struct xml_handlers handlers = { on_start, on_end, on_text };
	struct ooxml *x = calloc(1, sizeof *x);
	int err;

	*styled_out = true;
	if (x == NULL)
		return ERR_NOMEM;
	x->out = out;
	x->styles = styles;
	buf_init(&x->loose, PARAGRAPH_MAX);
	buf_init(&x->carried, PARAGRAPH_MAX);
	for (unsigned i = 0; i < OOXML_PARAGRAPHS_MAX; i++)
		for (unsigned k = 0; k < READINGS; k++)
			buf_init(&x->para[i].text[k], PARAGRAPH_MAX);
	err = xml_read(xml, &handlers, x, &x->reader);
	if (x->err == OK)
		x->err = err;
	while (x->paras > 0)	/* of a part that broke off */
		end_paragraph(x);
	if (x->carried_count > 1)
		line(x, buf_slice(&x->carried));
	for (unsigned i = 0; i < OOXML_PARAGRAPHS_MAX; i++)
		for (unsigned k = 0; k < READINGS; k++)
			buf_fini(&x->para[i].text[k]);
	buf_fini(&x->loose);
	buf_fini(&x->carried);
	err = x->err;
	*styled_out = x->styled;
	free(x);
	return err;
}
