/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/guess.h: what readers may take text for, by its label and by how it begins.
 */
#ifndef POLICY_GUESS_H
#define POLICY_GUESS_H

#include "policy/extract/sniff.h"
#include "policy/inspect.h"

/* A message that was saved as a file? */
bool guess_is_mail(struct slice octets, const struct inspect_label *label);

/* A type whose readers see more in text than its characters? */
bool guess_is_opaque(const struct inspect_label *label, struct slice octets);

/* Has the file this extension (".eml")? White space and dots behind it are dropped by Windows. */
bool guess_is_named(struct slice filename, const char *extension);

/* Does the label say that it is HTML, another XML, or text that somebody may see as it stands,
 * however that begins? */
bool guess_says_html(const struct inspect_label *label);
bool guess_says_xml(const struct inspect_label *label);
bool guess_says_plain(const struct inspect_label *label);

/* Could a program take the text for HTML, whatever its label and beginning say? *renders_out: by
 * its name it is one that browsers or office programs would open and draw. */
bool guess_is_html(struct slice utf8, const struct inspect_label *label, bool *renders_out);

#endif
