/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/extract/xml.h"

#include <expat.h>
#include <string.h>

enum { CHUNK_OCTETS = 1 << 20 };

struct xml {
	XML_Parser		   parser;
	const struct xml_handlers *handlers;
	void			  *arg;
	unsigned		   depth;
	int			   err;
};

void
xml_stop(struct xml *x, int err)
{
	if (x->err == OK)
		x->err = err;
	(void)XML_StopParser(x->parser, XML_FALSE);
}

const char *
xml_local(const char *name)
{
	const char *local = name;

	for (; *name != '\0'; name++)	/* short: a call would cost more */
		if (*name == ':')
			local = name + 1;
	return local;
}

const char *
xml_attribute(const char **atts, const char *name)
{
	for (; atts[0] != NULL; atts += 2)
		if (strcmp(xml_local(atts[0]), name) == 0)
			return atts[1];
	return NULL;
}

static void XMLCALL
on_start(void *user, const char *name, const char **atts)
{
	struct xml *x = user;

	if (++x->depth > XML_DEPTH_MAX)
		xml_stop(x, ERR_LIMIT);
	else if (x->err == OK)
		x->handlers->start(x->arg, xml_local(name), atts);
}

static void XMLCALL
on_end(void *user, const char *name)
{
	struct xml *x = user;

	x->depth--;
	if (x->err == OK)
		x->handlers->end(x->arg, xml_local(name));
}

static void XMLCALL
on_text(void *user, const char *s, int n)
{
	struct xml *x = user;

	if (x->err == OK)
		x->handlers->text(x->arg, (struct slice){ s, (size_t)n });
}

static void XMLCALL
on_doctype(void *user, const char *name, const char *sysid, const char *pubid, int internal)
{
	(void)name, (void)sysid, (void)pubid, (void)internal;
	xml_stop(user, ERR_SYNTAX);
}

static void
feed(struct xml *x, struct slice octets)
{
	do {
		struct slice part = slice_sub(octets, 0, CHUNK_OCTETS);
		bool last = part.n == octets.n;

		octets = slice_from(octets, part.n);
		if (XML_Parse(x->parser, part.p, (int)part.n, last) != XML_STATUS_OK) {
			if (x->err == OK)
				x->err = XML_GetErrorCode(x->parser) == XML_ERROR_NO_MEMORY ?
				    ERR_NOMEM : ERR_SYNTAX;
			return;
		}
	} while (octets.n > 0);
}

int
xml_read(struct slice octets, const struct xml_handlers *handlers, void *arg,
    struct xml **reader_out)
{
	struct xml x = { .handlers = handlers, .arg = arg };

	x.parser = XML_ParserCreate(NULL);
	if (x.parser == NULL)
		return ERR_NOMEM;
	*reader_out = &x;
	(void)XML_SetHashSalt(x.parser, 0x636f6e67);	/* or expat asks the kernel for one */
	XML_SetUserData(x.parser, &x);
	XML_SetElementHandler(x.parser, on_start, on_end);
	XML_SetCharacterDataHandler(x.parser, on_text);
	XML_SetStartDoctypeDeclHandler(x.parser, on_doctype);
	feed(&x, octets);
	XML_ParserFree(x.parser);
	*reader_out = NULL;
	return x.err;
}
