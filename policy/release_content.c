/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * The digest of a content as a whole. It stands for what nobody has looked into, so it covers all
 * that could be read in it but the header, which is always looked at: also under which type and
 * charset, what is beside the parts, and an encoding that others may undo in another way.
 */
#include <string.h>

#include "mime/body.h"
#include "policy/release.h"

static void
add_digest(struct leaf *l, struct buf *digests)
{
	if (leaf_digest(l) == NULL)
		digests->err = digests->err != OK ? digests->err : ERR_CRYPTO;
	buf_add(digests, (struct slice){ (const char *)l->sha256, sizeof l->sha256 });
}

/* Words in small letters, as a field of their own. */
static void
add_label(const struct tree_part *p, struct buf *digests)
{
	struct leaf l = { .kind = LEAF_OCTETS };
	struct buf b;

	buf_init(&b, p->type.n + p->subtype.n + p->charset_label.n + 16);
	buf_add(&b, p->type);
	buf_addc(&b, '/');
	buf_add(&b, p->subtype);
	buf_addc(&b, ';');
	buf_add(&b, p->charset_label);
	for (size_t i = 0; i < b.n; i++)
		b.p[i] = ascii_lower(b.p[i]);
	l.octets = buf_slice(&b);
	if (b.err != OK)
		digests->err = b.err;
	add_digest(&l, digests);
	buf_fini(&b);
}

static int
add_leaf(const struct tree *t, uint32_t i, struct buf *digests)
{
	struct leaf l = { .kind = tree_is(t, i, "text", NULL) ? LEAF_TEXT : LEAF_OCTETS };
	struct slice body = tree_body(t, i);
	unsigned flags = 0;
	struct buf octets;
	int r;

	buf_init(&octets, body.n + 16);
	r = body_decode((enum body_encoding)t->parts[i].encoding, body, &octets, &flags);
	l.octets = buf_slice(&octets);
	if ((flags & BODY_BAD_BASE64) != 0)
		l = (struct leaf){ .kind = LEAF_OCTETS, .octets = body };
	if (r == OK)
		add_digest(&l, digests);
	buf_fini(&octets);
	return r;
}

static void
add_text(struct slice text, struct buf *digests)
{
	struct leaf l = { .kind = LEAF_TEXT, .octets = slice_trim(text) };

	if (l.octets.n > 0)
		add_digest(&l, digests);
}

static int
add_part(const struct tree *t, uint32_t i, struct buf *digests)
{
	const struct tree_part *p = &t->parts[i];

	add_label(p, digests);
	if (p->kind == TREE_LEAF || p->first_child == TREE_NONE)
		return add_leaf(t, i, digests);
	if (p->kind == TREE_MULTIPART) {
		add_text(tree_preamble(t, i), digests);
		add_text(tree_epilogue(t, i), digests);
	}
	return OK;
}

int
release_content(struct slice entity, struct arena *a, unsigned char out[LEAF_SHA256_OCTETS])
{
	struct leaf all = { .kind = LEAF_OCTETS };
	struct buf digests;
	struct tree t;
	int r = tree_parse(entity, a, &t);

	if (r != OK)
		return r;
	buf_init(&digests, (size_t)3 * LEAF_SHA256_OCTETS * (t.count + 1));
	for (uint32_t i = 0; r == OK && i < t.count; i++)
		r = add_part(&t, i, &digests);
	all.octets = buf_slice(&digests);
	if (r == OK)
		r = digests.err;
	if (r == OK && leaf_digest(&all) == NULL)
		r = ERR_CRYPTO;
	if (r == OK)
		memcpy(out, all.sha256, LEAF_SHA256_OCTETS);
	buf_fini(&digests);
	return r;
}
