/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/extract/odfstyle.h: the styles of one part of an OpenDocument file.
 *
 * Shape   elements and their ends in, as they come; styles of text and paragraphs are added to a
 *         table, automatic ones and those with names.
 * Source  OASIS OpenDocument 1.3 part 3, 16.2 and 16.29.7 (style:text-properties).
 */
#ifndef POLICY_EXTRACT_ODFSTYLE_H
#define POLICY_EXTRACT_ODFSTYLE_H

#include "policy/extract/look.h"

struct odfstyle {
	struct looks	*out;
	struct buf	 name, base;	/* of the style at hand */
	enum look_family family;	/* LOOK_FAMILIES: none that counts is open */
	bool		 usual;
	struct look	 says;
};

void odfstyle_init(struct odfstyle *s, struct looks *out);
void odfstyle_fini(struct odfstyle *s);
void odfstyle_start(struct odfstyle *s, const char *name, const char **atts);
void odfstyle_end(struct odfstyle *s, const char *name);

/* Only the styles of a part, into the empty table. looks_end() of it, or errors of xml_read(). */
int odfstyle_read(struct slice xml, struct looks *out) MUST_USE;

#endif
