/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/inspect_internal.h: what the files of the walk share; nobody else includes it.
 */
#ifndef POLICY_INSPECT_INTERNAL_H
#define POLICY_INSPECT_INTERNAL_H

#include "policy/extract/hand.h"
#include "policy/inspect.h"

/* Lines that people read first: they may hold marks as a subject does. */
void inspect_titles(struct inspect *w, struct slice lines);

bool inspect_is_utf8(struct slice s);

/* What foreign parsers open, in their box. */
void inspect_container(struct inspect *w, struct slice octets, enum extract_type type);
/* What a parser of our own opens. */
void inspect_own(struct inspect *w, struct slice octets, hand_run_fn *run);

/* A picture of points. */
void inspect_picture(struct inspect *w, struct slice octets);
/* What a thing that looks like a stamp was read as, a reading a line. */
void inspect_readings(struct inspect *w, struct slice lines);
/* What is left for the pictures of a container, and what was used up. */
void inspect_picture_limits(const struct inspect *w, struct extract_limits *l);
void inspect_picture_spent(struct inspect *w, uint64_t ms);
/* Milliseconds of the walk's clock; always 0 without one. */
uint64_t inspect_clock(const struct inspect *w);

/* An archive other than zip. */
void inspect_pack(struct inspect *w, struct slice octets);
/* Files in it may stand as they are. */
void inspect_pdf(struct inspect *w, struct slice octets);

void inspect_card(struct inspect *w, struct slice octets, const struct inspect_label *label);

#endif
