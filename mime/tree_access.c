/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mime/tree.h"

static const struct {
	const char *name, *text;
	bool	    ambiguous;
} flags_table[TREE_FLAG_COUNT] = {
#define TREE_FLAG(name, ambiguous, text) { #name, text, ambiguous },
#include "mime/tree.def"
#undef TREE_FLAG
};

struct slice
tree_header(const struct tree *t, uint32_t i)
{
	const struct tree_part *p = &t->parts[i];

	return slice_sub(t->message, p->header_begin, p->header_end - p->header_begin);
}

struct slice
tree_body(const struct tree *t, uint32_t i)
{
	const struct tree_part *p = &t->parts[i];

	return slice_sub(t->message, p->body_begin, p->body_end - p->body_begin);
}

struct slice
tree_whole(const struct tree *t, uint32_t i)
{
	const struct tree_part *p = &t->parts[i];

	return slice_sub(t->message, p->header_begin, p->body_end - p->header_begin);
}

struct slice
tree_preamble(const struct tree *t, uint32_t i)
{
	const struct tree_part *p = &t->parts[i];

	if (p->preamble_end < p->body_begin)
		return slice_sub(t->message, p->body_begin, 0);
	return slice_sub(t->message, p->body_begin, p->preamble_end - p->body_begin);
}

struct slice
tree_epilogue(const struct tree *t, uint32_t i)
{
	const struct tree_part *p = &t->parts[i];

	if (p->kind != TREE_MULTIPART || p->epilogue_begin > p->body_end)
		return slice_sub(t->message, p->body_end, 0);
	return slice_sub(t->message, p->epilogue_begin, p->body_end - p->epilogue_begin);
}

bool
tree_is(const struct tree *t, uint32_t i, const char *type, const char *subtype)
{
	const struct tree_part *p = &t->parts[i];

	return slice_is_nocase(p->type, type) &&
	    (subtype == NULL || slice_is_nocase(p->subtype, subtype));
}

void
tree_path(const struct tree *t, uint32_t i, struct buf *out)
{
	uint32_t numbers[TREE_DEPTH_MAX + 2];
	unsigned n = 0;

	for (; i != TREE_NONE && n < ARRAY_LEN(numbers); i = t->parts[i].parent) {
		const struct tree_part *p = &t->parts[i];
		bool of_message = p->parent == TREE_NONE ||
		    t->parts[p->parent].kind == TREE_MESSAGE;

		if (!of_message || p->kind != TREE_MULTIPART)
			numbers[n++] = of_message ? 1 : p->number;
	}
	while (n-- > 0)
		buf_addf(out, n > 0 ? "%u." : "%u", numbers[n]);
}

int
tree_decode(const struct tree *t, uint32_t i, struct buf *out, unsigned *flags_out)
{
	return body_decode((enum body_encoding)t->parts[i].encoding, tree_body(t, i), out,
	    flags_out);
}

const char *
tree_flag_name(unsigned bit)
{
	return bit < TREE_FLAG_COUNT ? flags_table[bit].name : "?";
}

const char *
tree_flag_text(unsigned bit)
{
	return bit < TREE_FLAG_COUNT ? flags_table[bit].text : "?";
}

bool
tree_is_ambiguous(uint64_t flags)
{
	for (unsigned i = 0; i < TREE_FLAG_COUNT; i++)
		if ((flags & TREE_FLAG_MASK(i)) != 0 && flags_table[i].ambiguous)
			return true;
	return false;
}
