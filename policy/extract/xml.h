/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/xml.h: reading one XML part of a document with expat.
 *
 * Shape   handlers get local names (prefixes are the author's choice, so they are dropped). Reading
 *         ends at the first error.
 * Bounds  no document type, so no entities; XML_DEPTH_MAX elements deep.
 */
#ifndef POLICY_EXTRACT_XML_H
#define POLICY_EXTRACT_XML_H

#include "common/slice.h"

enum { XML_DEPTH_MAX = 200 };

struct xml;

struct xml_handlers {
	void (*start)(void *arg, const char *name, const char **atts);
	void (*end)(void *arg, const char *name);
	void (*text)(void *arg, struct slice text);
};

/* OK; what a handler stopped with; ERR_SYNTAX: not well formed, or a document type; ERR_LIMIT: too
 * deep; ERR_NOMEM. *reader_out is for xml_stop, while handlers run. */
int xml_read(struct slice octets, const struct xml_handlers *handlers, void *arg,
    struct xml **reader_out) MUST_USE;

/* End the reading with that error. */
void xml_stop(struct xml *x, int err);

/* The name without its prefix. */
const char *xml_local(const char *name);

/* Value of the attribute with that local name, or NULL. */
const char *xml_attribute(const char **atts, const char *name);

#endif
