/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * The root entity: is it a signature, in one of the two forms of RFC 8551, and of nothing but
 * the whole content?
 *
 *   multipart/signed  = exactly two parts, the second application/pkcs7-signature; no text behind
 *   signed-data       = application/pkcs7-mime whose CMS type is signed-data
 */
#include <openssl/err.h>

#include "common/control.h"
#include "policy/smime/internal.h"

static int
bad(struct smime_result *out, unsigned reason)
{
	out->sig = SIG_BAD;
	out->reason = reason;
	return OK;
}

/* Decode part i into the arena: OK; ERR_SYNTAX when its encoding is damaged or it is too large. */
static int
decode(const struct tree *t, uint32_t i, size_t max, struct arena *a, struct slice *out)
{
	unsigned flags = 0;
	struct buf b;
	int r;

	buf_init(&b, max);
	r = tree_decode(t, i, &b, &flags);
	if (r == ERR_LIMIT || flags != 0)
		r = ERR_SYNTAX;
	if (r == OK) {
		*out = arena_copy(a, buf_slice(&b));
		r = a->err;
	}
	buf_fini(&b);
	return r;
}

static bool
is_signature_type(const struct tree *t, uint32_t i)
{
	return tree_is(t, i, "application", "pkcs7-signature") ||
	    tree_is(t, i, "application", "x-pkcs7-signature");
}

/* SIG_OK if part i is the frame of a detached signature, exactly. */
static unsigned
check_frame(const struct tree *t, uint32_t i)
{
	const struct tree_part *p = &t->parts[i];
	const struct param *protocol = param_get(&p->content_type, "protocol");
	uint32_t first = p->first_child, second;

	if (protocol == NULL)
		return SIG_MALFORMED;
	if (slice_is_nocase(protocol->text, "application/pgp-signature"))
		return SIG_UNSUPPORTED;
	if (!slice_is_nocase(protocol->text, "application/pkcs7-signature") &&
	    !slice_is_nocase(protocol->text, "application/x-pkcs7-signature"))
		return SIG_UNSUPPORTED;
	if (p->kind != TREE_MULTIPART || first == TREE_NONE)
		return SIG_MALFORMED;
	second = t->parts[first].next_sibling;
	if (second == TREE_NONE || !is_signature_type(t, second) ||
	    t->parts[second].kind != TREE_LEAF)
		return SIG_MALFORMED;
	if (control_off("smime-frame"))
		return SIG_OK;
	if (t->parts[second].next_sibling != TREE_NONE || TREE_HAS(p->flags, TREE_EPILOGUE_TEXT) ||
	    TREE_HAS(p->flags, TREE_NO_CLOSE) || TREE_HAS(p->flags, TREE_DUPLICATE_TYPE))
		return SIG_MALFORMED;
	return SIG_OK;
}

static int
verify_detached(const struct tree *t, uint32_t i, struct signed_input *in, struct arena *a,
    struct smime_result *out)
{
	uint32_t first = t->parts[i].first_child;
	const struct param *micalg = param_get(&t->parts[i].content_type, "micalg");
	struct slice content, announced = micalg == NULL ? (struct slice){ NULL, 0 } : micalg->text;
	unsigned reason = check_frame(t, i);
	int r;

	if (reason != SIG_OK)
		return bad(out, reason);
	content = tree_whole(t, first);
	r = decode(t, t->parts[first].next_sibling, SMIME_CMS_MAX, a, &in->der);
	if (r == ERR_SYNTAX)
		return bad(out, SIG_MALFORMED);
	if (r != OK)
		return r;
	in->detached = &content;
	in->micalg = &announced;
	return signed_verify(in, a, out);
}

/* Signed, as the CMS object itself says: the smime-type parameter may be absent or wrong. */
static bool
is_signed_data(struct slice der)
{
	CMS_ContentInfo *cms = signed_parse(der);
	bool yes = cms != NULL && OBJ_obj2nid(CMS_get0_type(cms)) == NID_pkcs7_signed;

	CMS_ContentInfo_free(cms);
	return yes;
}

/* The parameter says that it is signed; then an object that is not is broken, not unsigned. */
static bool
is_announced(const struct tree *t, uint32_t i)
{
	const struct param *type = param_get(&t->parts[i].content_type, "smime-type");

	return type != NULL && (slice_is_nocase(type->text, "signed-data") ||
	    slice_is_nocase(type->text, "certs-only"));
}

static int
verify_opaque(const struct tree *t, uint32_t i, struct signed_input *in, struct arena *a,
    struct smime_result *out)
{
	bool announced = is_announced(t, i);
	int r = decode(t, i, t->message.n, a, &in->der);

	if (r != OK && r != ERR_SYNTAX)
		return r;
	if (r == OK && is_signed_data(in->der)) {
		out->opaque_signed = true;
		return signed_verify(in, a, out);
	}
	return announced ? bad(out, SIG_MALFORMED) : OK;
}

static bool
is_opaque_type(const struct tree *t, uint32_t i)
{
	return tree_is(t, i, "application", "pkcs7-mime") ||
	    tree_is(t, i, "application", "x-pkcs7-mime");
}

/* The part that is looked at: the root, and nothing else. */
static uint32_t
root_of(const struct tree *t)
{
	if (control_off("smime-root-only"))
		for (uint32_t i = 0; i < t->count; i++)
			if (tree_is(t, i, "multipart", "signed") || is_opaque_type(t, i))
				return i;
	return 0;
}

int
smime_verify(const struct tree *t, struct smime_trust *trust, const struct smime_options *o,
    struct arena *a, struct smime_result *out)
{
	struct signed_input in = { .trust = trust, .options = o };
	uint32_t root = root_of(t);

	*out = (struct smime_result){ .sig = SIG_NONE, .reason = SIG_OK };
	ERR_clear_error();
	if (t->count == 0)
		return OK;
	if (tree_is(t, root, "multipart", "signed"))
		return verify_detached(t, root, &in, a, out);
	if (is_opaque_type(t, root))
		return verify_opaque(t, root, &in, a, out);
	return OK;
}
