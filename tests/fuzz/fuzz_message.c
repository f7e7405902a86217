/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* A message: a sound tree, a summary that opens, sections inside it, balanced IMAP text. */
#include <stdlib.h>

#include "mime/section.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_tree(const struct tree *t)
{
	for (uint32_t i = 0; i < t->count; i++) {
		const struct tree_part *p = &t->parts[i];

		if (p->header_begin > p->header_end || p->header_end > p->body_begin ||
		    p->body_begin > p->body_end || p->body_end > t->message.n ||
		    p->depth > TREE_DEPTH_MAX)
			abort();
		if (p->parent == TREE_NONE)
			continue;
		if (p->parent >= i || p->header_begin < t->parts[p->parent].body_begin ||
		    p->body_end > t->parts[p->parent].body_end)
			abort();
	}
}

/* Octets of the quoted string or literal at the front of s; 0 if there is none. */
static size_t
string_octets(struct slice s)
{
	size_t n = 0, i;

	if (s.p[0] == '"') {
		for (i = 1; i < s.n && s.p[i] != '"'; i++) {
			if (s.p[i] == '\r' || s.p[i] == '\n' || (s.p[i] & 0x80) != 0)
				abort();
			i += s.p[i] == '\\';
		}
		return i + 1;
	}
	if (s.p[0] != '{')
		return 0;
	for (i = 1; i < s.n && ascii_is_digit(s.p[i]); i++)
		n = 10 * n + (size_t)(s.p[i] - '0');
	if (slice_sub(s, i, 3).n != 3 || s.p[i] != '}' || n > s.n - i - 3)
		abort();
	return i + 3 + n;
}

static void
check_imap_text(struct slice s)
{
	size_t depth = 0;

	if (s.n == 0 || s.p[0] != '(')
		abort();
	while (s.n > 0) {
		size_t n = string_octets(s);

		if (n > s.n)
			abort();
		if (n == 0) {
			depth += s.p[0] == '(';
			depth -= s.p[0] == ')';
			n = 1;
		}
		s = slice_from(s, n);
		if (depth == 0 && s.n > 0)
			abort();
	}
	if (depth != 0)
		abort();
}

static void
check_sections(const struct summary *sum, struct arena *a)
{
	static const char *const texts[] = { "", "HEADER", "TEXT", "1", "1.MIME", "2", "1.1",
	    "1.1.HEADER",
		"2.1.TEXT", "1.1.1.1" };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct section_range r;
		struct section s;
		int err;

		if (section_parse(slice_of(texts[i]), a, &s) != OK)
			abort();
		err = section_resolve(&s, sum, &r);
		if (err != ERR_NOENT && (err != OK || r.begin > r.end || r.end > sum->size_octets))
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	struct summary s;
	struct arena a;
	struct tree t;
	struct buf b;

	arena_init(&a, TREE_ARENA_OCTETS(size));
	buf_init(&b, (size_t)64 << 20);
	if (tree_parse(in, &a, &t) != OK)
		abort();
	check_tree(&t);
	if (summary_build(&t, &a, &b) != OK || summary_open(buf_slice(&b), &s) != OK)
		abort();
	for (uint32_t i = 0; i < s.part_count; i++) {
		struct summary_part p;

		if (summary_part(&s, i, &p) != OK)
			abort();
	}
	check_imap_text(summary_text(&s, SUMMARY_ENVELOPE));
	check_imap_text(summary_text(&s, SUMMARY_BODY));
	check_imap_text(summary_text(&s, SUMMARY_BODYSTRUCTURE));
	check_sections(&s, &a);
	buf_fini(&b);
	arena_clear(&a);
	return 0;
}
