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
#include "mime/header.h"
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
	if (t->parts[second].next_sibling != TREE_NONE || tree_is_ambiguous(p->flags) ||
	    TREE_HAS(p->flags, TREE_NO_CLOSE))
		return SIG_MALFORMED;	/* also text behind it, or no closing boundary */
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

/* Does smime-type say that this is CMS of another kind? Then broken content is not a broken
 * signature; without such a word it is, for an error is never "not signed". */
static bool
is_other_kind(const struct tree *t, uint32_t i)
{
	static const char *const names[] = { "enveloped-data", "authEnveloped-data",
		"compressed-data" };
	const struct param *type = param_get(&t->parts[i].content_type, "smime-type");

	for (size_t k = 0; type != NULL && k < ARRAY_LEN(names); k++)
		if (slice_is_nocase(type->text, names[k]))
			return true;
	return false;
}

/* CMS, and neither signed nor said to be. */
static bool
is_plainly_other(const struct tree *t, uint32_t i, struct slice der)
{
	const struct param *type = param_get(&t->parts[i].content_type, "smime-type");
	CMS_ContentInfo *cms = signed_parse(der);
	bool announced = type != NULL && (slice_is_nocase(type->text, "signed-data") ||
	    slice_is_nocase(type->text, "certs-only"));
	bool yes = cms != NULL && !announced;

	CMS_ContentInfo_free(cms);
	return yes;
}

static int
verify_opaque(const struct tree *t, uint32_t i, struct signed_input *in, struct arena *a,
    struct smime_result *out)
{
	int r = decode(t, i, t->message.n, a, &in->der);

	if (r != OK && r != ERR_SYNTAX)
		return r;
	if (r == OK && is_signed_data(in->der)) {
		out->opaque_signed = true;
		if (tree_is_ambiguous(t->parts[i].flags) && !control_off("smime-frame"))
			return bad(out, SIG_MALFORMED);
		return signed_verify(in, a, out);
	}
	if (is_other_kind(t, i) || (r == OK && is_plainly_other(t, i, in->der)))
		return OK;
	return bad(out, SIG_MALFORMED);
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

/* One layer: the root of t. SIG_NONE in out: it is no S/MIME signature. */
static int
verify_layer(const struct tree *t, const struct signed_input *with, struct arena *a,
    struct smime_result *out)
{
	struct signed_input in = *with;
	uint32_t root = root_of(t);

	*out = (struct smime_result){ .sig = SIG_NONE, .reason = SIG_OK };
	if (t->count == 0)
		return OK;
	if (tree_is(t, root, "multipart", "signed"))
		return verify_detached(t, root, &in, a, out);
	if (is_opaque_type(t, root))
		return verify_opaque(t, root, &in, a, out);
	return OK;
}

static void
add_layer(struct smime_result *out, const struct smime_result *r)
{
	out->layers[out->layers_n++] = (struct smime_layer){ r->content, r->opaque_signed };
}

/* A reason that stands: final ones before what time may mend, the outer layer before the inner. */
static bool
is_settled(const struct smime_result *out)
{
	return out->sig == SIG_ERROR ||
	    (out->sig == SIG_BAD && out->reason != SIG_UNKNOWN_REVOCATION);
}

/* Count the layer below the last one in. */
static void
merge(struct smime_result *out, const struct smime_result *inner)
{
	unsigned reason = inner->reason, sig = inner->sig;

	for (unsigned i = 0; i < inner->signers_n; i++) {
		if (out->signers_n == SMIME_SIGNERS_MAX) {
			reason = SIG_MALFORMED;
			sig = SIG_BAD;
			break;
		}
		out->signers[out->signers_n] = inner->signers[i];
		out->signers[out->signers_n++].layer = out->layers_n;
	}
	out->stale |= inner->stale;
	out->clock |= inner->clock;
	out->has_label |= inner->has_label;
	out->label_review |= inner->label_review;
	if (inner->label_level > out->label_level)
		out->label_level = inner->label_level;
	if (sig != SIG_VALID && !is_settled(out) && !control_off("smime-layers")) {
		out->sig = sig;
		out->reason = reason;
	}
	add_layer(out, inner);
}

/* Another kind of signature inside (OpenPGP) is content like any other. */
static bool
is_foreign(const struct smime_result *r)
{
	return r->sig == SIG_NONE || (r->reason == SIG_UNSUPPORTED && r->signers_n == 0);
}

/* Could the entity be one, by its header alone? A large content is not divided for nothing. */
static int
may_be_signed(struct slice entity, struct arena *scratch, bool *yes_out)
{
	struct header_field field;
	struct header_iter it;
	struct tree t;
	int r;

	header_init(&it, entity);
	while (header_next(&it, &field) == 1)
		continue;
	r = tree_parse(slice_sub(entity, 0, it.body), scratch, &t);
	*yes_out = r == OK && t.count > 0 && (tree_is(&t, 0, "multipart", "signed") ||
	    is_opaque_type(&t, 0));
	return r;
}

/* Verify what the last layer covers, if that is a signature again. 1: it was; 0; or an error. */
static int
verify_inside(const struct signed_input *with, struct arena *a, struct smime_result *out)
{
	struct slice entity = out->layers[out->layers_n - 1].content;
	struct smime_result inner;
	struct arena scratch;
	bool maybe = false;
	struct tree t;
	int r;

	if (entity.n == 0)
		return 0;
	inner = (struct smime_result){ .sig = SIG_NONE };
	arena_init(&scratch, 2 * TREE_ARENA_OCTETS(entity.n));
	r = may_be_signed(entity, &scratch, &maybe);
	if (r == OK && maybe)
		r = tree_parse(entity, &scratch, &t);
	if (r == OK && maybe)
		r = verify_layer(&t, with, a, &inner);
	arena_clear(&scratch);
	if (r != OK || is_foreign(&inner))
		return r;
	if (out->layers_n == SMIME_LAYERS_MAX) {
		if (!is_settled(out))
			(void)bad(out, SIG_MALFORMED);
		return 0;
	}
	merge(out, &inner);
	return 1;
}

int
smime_verify(const struct tree *t, struct smime_trust *trust, const struct smime_options *o,
    struct arena *a, struct smime_result *out)
{
	struct signed_input with = { .trust = trust, .options = o };
	int r;

	ERR_clear_error();
	if (trust != NULL)
		trust->edges = EDGES_ALL_MAX;
	r = verify_layer(t, &with, a, out);
	if (r != OK || out->sig == SIG_NONE)
		return r;
	add_layer(out, out);
	while ((r = verify_inside(&with, a, out)) == 1)
		continue;
	return r;
}
