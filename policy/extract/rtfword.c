/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/rtfword.h"

#include <stdint.h>
#include <string.h>

#include "common/slice.h"

static const struct { const char *word; uint8_t dest; } dests[] = {
	{ "fonttbl", DEST_FONTS }, { "pict", DEST_PICTURE }, { "objdata", DEST_OBJECT },
	{ "objocx", DEST_OBJECT }, { "objemb", DEST_BODY }, { "title", DEST_TITLE },
	{ "subject", DEST_TITLE }, { "keywords", DEST_TITLE }, { "doccomm", DEST_TITLE },
	{ "author", DEST_TITLE }, { "operator", DEST_TITLE }, { "category", DEST_TITLE },
	{ "company", DEST_TITLE }, { "manager", DEST_TITLE }, { "comment", DEST_TITLE },
	{ "staticval", DEST_TITLE }, { "propname", DEST_NAME }, { "docvar", DEST_TITLE },
	{ "header", DEST_ASIDE }, { "headerl", DEST_ASIDE }, { "headerr", DEST_ASIDE },
	{ "headerf", DEST_ASIDE }, { "footer", DEST_ASIDE }, { "footerl", DEST_ASIDE },
	{ "footerr", DEST_ASIDE }, { "footerf", DEST_ASIDE }, { "footnote", DEST_ASIDE },
	{ "annotation", DEST_ASIDE }, { "atnauthor", DEST_ASIDE }, { "shptxt", DEST_ASIDE },
	{ "sv", DEST_ASIDE }, { "fldinst", DEST_ASIDE }, { "pntxtb", DEST_ASIDE },
	{ "pntxta", DEST_ASIDE }, { "leveltext", DEST_ASIDE }, { "formfield", DEST_ASIDE },
	{ "ffdeftext", DEST_ASIDE }, { "ffl", DEST_ASIDE }, { "bkmkstart", DEST_SKIP },
	/* What is known behind \* and has to be looked into. */
	{ "shpinst", DEST_BODY }, { "shppict", DEST_BODY }, { "userprops", DEST_BODY },
	{ "ud", DEST_BODY }, { "fldrslt", DEST_BODY }, { "nonshppict", DEST_BODY },
	{ "do", DEST_BODY }, { "dptxbxtext", DEST_ASIDE }, { "listtext", DEST_BODY },
	{ "object", DEST_BODY }, { "picprop", DEST_BODY }, { "result", DEST_BODY },
	{ "info", DEST_BODY },
	/* What is never shown. */
	{ "colortbl", DEST_SKIP }, { "stylesheet", DEST_SKIP }, { "sn", DEST_SKIP },
	{ "filetbl", DEST_SKIP }, { "revtbl", DEST_SKIP }, { "objclass", DEST_SKIP },
	{ "objname", DEST_SKIP }, { "creatim", DEST_SKIP }, { "revtim", DEST_SKIP },
	{ "printim", DEST_SKIP }, { "buptim", DEST_SKIP }, { "xe", DEST_ASIDE },
	{ "tc", DEST_ASIDE },
};

static const struct { const char *word, *text; } characters[] = {
	{ "tab", "\t" }, { "emdash", "\xE2\x80\x94" }, { "endash", "\xE2\x80\x93" },
	{ "lquote", "'" }, { "rquote", "'" }, { "ldblquote", "\"" }, { "rdblquote", "\"" },
	{ "bullet", "\xE2\x80\xA2" }, { "emspace", " " }, { "enspace", " " }, { "qmspace", " " },
};

int
rtfword_dest(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(dests); i++)
		if (strcmp(word, dests[i].word) == 0)
			return dests[i].dest;
	return -1;
}

const char *
rtfword_character(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(characters); i++)
		if (strcmp(word, characters[i].word) == 0)
			return characters[i].text;
	return NULL;
}
