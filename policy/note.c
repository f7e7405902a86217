/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/note.h"

static const struct { const char *name, *vi, *en; } rows[] = {
#define NOTE_ROW(constant, name, vi, en) [constant] = { name, vi, en },
#include "policy/note.def"
#undef NOTE_ROW
};

const char *
note_name(unsigned note)
{
	return note < NOTE_COUNT ? rows[note].name : "?";
}

const char *
note_vi(unsigned note)
{
	return note < NOTE_COUNT ? rows[note].vi : "?";
}

const char *
note_en(unsigned note)
{
	return note < NOTE_COUNT ? rows[note].en : "?";
}
