/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/note.h: notes on a message: said to administrators, without weight in any decision.
 *
 * Shape   note.def has the rows; a note never holds text, names or addresses of the message.
 */
#ifndef POLICY_NOTE_H
#define POLICY_NOTE_H

enum note {
#define NOTE_ROW(constant, name, vi, en) constant,
#include "policy/note.def"
#undef NOTE_ROW
	NOTE_COUNT
};

/* The name and the two texts of a note, static; "?" for no such note. */
const char *note_name(unsigned note);
const char *note_vi(unsigned note);
const char *note_en(unsigned note);

#endif
