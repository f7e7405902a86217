/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/signedparts.h"

#include "policy/extract/sniff.h"

enum { CMS_HEAD_OCTETS = 512, PATH_OCTETS_MAX = 1024 };

static bool
is_cms_name(struct slice name)
{
	return slice_ends_nocase(name, SLICE(".p7m")) || slice_ends_nocase(name, SLICE(".p7s")) ||
	    slice_ends_nocase(name, SLICE(".p7b")) || slice_ends_nocase(name, SLICE(".sig"));
}

static bool
is_cms_type(const struct tree *t, uint32_t i)
{
	static const char *const names[] = { "pkcs7-mime", "x-pkcs7-mime", "pkcs7-signature",
		"x-pkcs7-signature" };

	for (size_t k = 0; k < ARRAY_LEN(names); k++)
		if (tree_is(t, i, "application", names[k]))
			return true;
	return false;
}

/* Is the beginning of the part's content that of signed-data? */
static bool
holds_signed_data(const struct tree *t, uint32_t i)
{
	struct slice head = slice_sub(tree_body(t, i), 0, CMS_HEAD_OCTETS);
	struct buf der;
	bool yes;

	buf_init(&der, CMS_HEAD_OCTETS + 8);
	yes = body_decode((enum body_encoding)t->parts[i].encoding, head, &der, NULL) == OK &&
	    sniff_cms(buf_slice(&der)) == SNIFF_CMS_SIGNED;
	buf_fini(&der);
	return yes;
}

/* Is there an attached message between part i and what is signed? */
static bool
is_in_message(const struct tree *t, uint32_t i, uint32_t root)
{
	while (i != root && i != TREE_NONE) {
		i = t->parts[i].parent;
		if (i != TREE_NONE && t->parts[i].kind == TREE_MESSAGE)
			return true;
	}
	return false;
}

/* The note that part i deserves; NOTE_COUNT: none. */
static unsigned
note_of(const struct tree *t, uint32_t i, uint32_t root)
{
	const struct tree_part *p = &t->parts[i];
	uint32_t up = p->parent;

	if (tree_is(t, i, "multipart", "signed"))
		return is_in_message(t, i, root) ? NOTE_SIGNED_MESSAGE : NOTE_SIGNED_PART;
	if (p->kind != TREE_LEAF || (!is_cms_type(t, i) && !is_cms_name(p->filename)))
		return NOTE_COUNT;
	if (up != TREE_NONE && tree_is(t, up, "multipart", "signed") && p->number == 2)
		return NOTE_COUNT;	/* told of the whole */
	if (!holds_signed_data(t, i))
		return NOTE_COUNT;
	if (is_in_message(t, i, root))
		return NOTE_SIGNED_MESSAGE;
	return slice_is_nocase(p->disposition.type, "attachment") ? NOTE_FILE_SIGNATURE :
	    NOTE_SIGNED_PART;
}

static void
walk(const struct tree *t, uint32_t root, const char *prefix, struct arena *a, struct facts *f)
{
	struct buf path;

	buf_init(&path, PATH_OCTETS_MAX);
	for (uint32_t i = root + 1; i < t->count; i++) {
		unsigned note;

		if (t->parts[i].depth <= t->parts[root].depth)
			break;		/* behind what is signed: the signature */
		if ((note = note_of(t, i, root)) == NOTE_COUNT)
			continue;
		buf_clear(&path);
		buf_adds(&path, prefix);
		tree_path(t, i, &path);
		facts_note(f, (enum note)note, arena_copy(a, buf_slice(&path)));
	}
	buf_fini(&path);
}

/* The part of the message that is this entity; TREE_NONE: it is not in it as it stands. */
static uint32_t
part_at(const struct tree *t, struct slice entity)
{
	for (uint32_t i = 0; i < t->count; i++)
		if (t->message.p + t->parts[i].header_begin == entity.p)
			return i;
	return TREE_NONE;
}

int
signedparts_note(const struct tree *t, const struct smime_result *s, struct arena *a,
    struct facts *f)
{
	struct slice content = s->layers_n > 0 ? s->layers[s->layers_n - 1].content : t->message;
	uint32_t root = content.n > 0 ? part_at(t, content) : 0;
	struct arena scratch;
	struct tree inner;
	int r;

	if (t->count == 0)
		return OK;
	if (root != TREE_NONE) {
		walk(t, root, "", a, f);
		return a->err;
	}
	arena_init(&scratch, TREE_ARENA_OCTETS(content.n));
	r = tree_parse(content, &scratch, &inner);
	if (r == OK)
		walk(&inner, 0, "1/", a, f);
	arena_clear(&scratch);
	return r != OK ? r : a->err;
}
