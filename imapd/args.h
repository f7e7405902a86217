/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * imapd/args.h: the arguments of one command, read from left to right.
 *
 * Shape   the engine gathers a whole command (lines, and literals in their places) under its
 *         limits; a cursor then takes argument by argument. Slices point into the command, or
 *         into the arena where a quoted string had to be changed.
 * Bounds  ARGS_DEPTH_MAX parentheses; linear; no allocation but for quoted strings with "\".
 * Source  RFC 3501 9, RFC 7888:
 *
 *   astring = 1*ASTRING-CHAR / string      string = quoted / literal
 *   quoted  = DQUOTE *(TEXT-CHAR / "\" (DQUOTE / "\")) DQUOTE	; UTF-8, as RFC 9051 has it
 *   literal = "{" number ["+"] "}" CRLF *OCTET
 */
#ifndef IMAPD_ARGS_H
#define IMAPD_ARGS_H

#include "common/arena.h"

enum { ARGS_DEPTH_MAX = 30 };

struct args {
	struct slice  rest;
	struct arena *arena;
	unsigned      depth;
};

void args_init(struct args *a, struct slice text, struct arena *arena);

/* Each takes what it names off the front: OK, ERR_SYNTAX, or an error of the arena. After an error
 * the cursor's place is not defined. */
int args_space(struct args *a) MUST_USE;
int args_end(struct args *a) MUST_USE;
int args_atom(struct args *a, struct slice *out) MUST_USE;
int args_string(struct args *a, struct slice *out) MUST_USE;
int args_astring(struct args *a, struct slice *out) MUST_USE;
int args_nstring(struct args *a, struct slice *out, bool *nil_out) MUST_USE;
int args_list_mailbox(struct args *a, struct slice *out) MUST_USE;
int args_number(struct args *a, uint64_t max, uint64_t *out) MUST_USE;
int args_set(struct args *a, struct slice *out) MUST_USE;

/* A flag: atom, or "\" atom. */
int args_flag(struct args *a, struct slice *out) MUST_USE;

/* "(" and ")": ERR_LIMIT when nested too deeply. */
int args_open(struct args *a) MUST_USE;
int args_close(struct args *a) MUST_USE;

/* Is the next octet c? _skip takes it, too. */
bool args_peek(const struct args *a, char c);
bool args_skip(struct args *a, char c);

/* Take the word if the text begins with it (any case) and the word ends there. */
bool args_word(struct args *a, const char *word);

/* The header of a literal at the end of line (CRLF taken off), "{n}" or "{n+}": true. A number too
 * large for 64 bits counts as UINT64_MAX. */
bool args_literal_header(struct slice line, uint64_t *octets_out, bool *sync_out,
    size_t *header_octets_out);

bool args_is_atom_char(char c);

#endif
