/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/slice.h: a view of octets that somebody else owns.
 *
 * Shape   pointer and length; never NUL-terminated by contract; { NULL, 0 } is the empty slice.
 * Bounds  every function is linear in the octets it is given.
 */
#ifndef COMMON_SLICE_H
#define COMMON_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct slice {
	const char *p;
	size_t	    n;
};

/* A slice of a string literal, and of a C string (NULL gives the empty slice). */
#define SLICE(lit)	((struct slice){ "" lit, sizeof(lit) - 1 })
struct slice slice_of(const char *cstr);

/* Octet equality; the _nocase form folds ASCII letters only. */
bool slice_eq(struct slice a, struct slice b);
bool slice_eq_nocase(struct slice a, struct slice b);
bool slice_is(struct slice a, const char *cstr);
bool slice_is_nocase(struct slice a, const char *cstr);

/* Does a begin (end) with b? ASCII case folded. */
bool slice_starts_nocase(struct slice a, struct slice b);
bool slice_ends_nocase(struct slice a, struct slice b);

/* Order by octets, shorter first when one is a prefix: <0, 0, >0. */
int slice_cmp(struct slice a, struct slice b);

/* From octet `from` on; at most n octets. Past the end gives the empty slice at the end. */
struct slice slice_from(struct slice a, size_t from);
struct slice slice_sub(struct slice a, size_t from, size_t n);

/* Without space, tab, CR and LF at both ends. */
struct slice slice_trim(struct slice a);

/* Index of the first octet c (of the octets b), or -1. */
ptrdiff_t slice_chr(struct slice a, char c);
ptrdiff_t slice_find(struct slice a, struct slice b);
ptrdiff_t slice_find_nocase(struct slice a, struct slice b);

/* Cut at the first c: *head_out before it, *a after it. False and all in head when there is none. */
bool slice_cut(struct slice *a, char c, struct slice *head_out);

/* Decimal digits only, the whole slice, <= max: OK, ERR_SYNTAX, ERR_LIMIT. */
int slice_u64(struct slice a, uint64_t max, uint64_t *out) MUST_USE;

/* 2 n hex digits of either case, the whole slice: n octets; or ERR_SYNTAX, and out may be half full. */
int slice_hex(struct slice a, void *out, size_t n) MUST_USE;

/* ASCII-only tests and folding; independent of the locale. */
char ascii_lower(char c);
char ascii_upper(char c);
bool ascii_is_alpha(char c);
bool ascii_is_digit(char c);
bool ascii_is_alnum(char c);
bool ascii_is_space(char c);	/* space or tab */
bool ascii_is_white(char c);	/* these and line ends: LF, VT, FF, CR */
int ascii_hex(char c);		/* 0..15, or -1 */

#endif
