/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/sign.h"

#include "common/base64.h"
#include "common/control.h"
#include "mime/compose.h"
#include "mime/header.h"
#include "policy/smime/smime.h"
#include "policy/trace.h"

enum { HEAD_OCTETS_MAX = 3 * HEADER_OCTETS_MAX, BASE64_LINE = 76 };

static const char field_name[] = "X-Congvu-Signed-By";

/* ---- fields ---- */

/* RFC 9788 2.2: what people are shown, or what threads and answers follow. */
static bool
is_protected(struct slice name)
{
	static const char *const names[] = { "From", "Sender", "Reply-To", "To", "Cc", "Date",
		"Subject", "Message-ID", "In-Reply-To", "References", "X-Do-Mat", "SIO-Label" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (slice_is_nocase(name, names[i]))
			return true;
	return false;
}

static bool
is_content(struct slice name)
{
	return slice_starts_nocase(name, SLICE("Content-"));
}

typedef bool (*field_fn)(const struct sign_source *s, struct slice name, struct slice value);

static bool
stays_outside(const struct sign_source *s, struct slice name, struct slice value)
{
	return !is_content(name) && !trace_is_ours(name, value, s->authserv_id);
}

static bool
goes_along(const struct sign_source *s, struct slice name, struct slice value)
{
	(void)s;
	(void)value;
	return is_protected(name);
}

static bool
describes_body(const struct sign_source *s, struct slice name, struct slice value)
{
	(void)s;
	(void)value;
	return is_content(name) && !slice_is_nocase(name, "Content-Type");
}

static void
copy_fields(const struct sign_source *s, field_fn fits, struct buf *out)
{
	struct header_field field;
	struct header_iter it;

	header_init(&it, s->tree->message);
	while (header_next(&it, &field) == 1)
		if (fits(s, field.name, field.value))
			buf_add(out, field.whole);
}

/* ---- the type of the signed part ---- */

static struct slice
trim(struct slice s)
{
	while (s.n > 0 && (s.p[s.n - 1] == '\r' || s.p[s.n - 1] == '\n' || s.p[s.n - 1] == ' ' ||
	    s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* Content-Type as it came, with hp=clear: the fields in this header are the message's (RFC 9788
 * 2.1.1). */
static void
add_type(const struct sign_source *s, struct buf *out)
{
	struct header_field field;
	struct slice value;

	if (header_find(s->tree->message, SLICE("Content-Type"), &field) != 1) {
		buf_adds(out, "Content-Type: text/plain; hp=\"clear\"\r\n");
		return;
	}
	value = trim(field.whole);
	buf_add(out, value);
	buf_adds(out, value.p[value.n - 1] == ';' ? "\r\n hp=\"clear\"\r\n" :
	    ";\r\n hp=\"clear\"\r\n");
}

/* ---- head ---- */

static void
make_boundary(const unsigned char sha256[SIGN_DIGEST_OCTETS], char out[SIGN_BOUNDARY_OCTETS + 1])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < SIGN_BOUNDARY_OCTETS / 2; i++) {
		out[2 * i] = digits[sha256[i] >> 4];
		out[2 * i + 1] = digits[sha256[i] & 15];
	}
	out[SIGN_BOUNDARY_OCTETS] = '\0';
}

static bool
has_8bit(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return true;
	return false;
}

static int
make_entity(const struct sign_source *s, struct buf *out)
{
	int err;

	copy_fields(s, goes_along, out);
	err = sign_field(s->authserv_id, s->title, SLICE(""), out);
	add_type(s, out);
	copy_fields(s, describes_body, out);
	buf_adds(out, "\r\n");
	return err != OK ? err : out->err;
}

static void
make_outside(const struct sign_source *s, const struct sign_plan *plan, bool eight_bit,
    struct buf *out)
{
	struct header_field field;

	copy_fields(s, stays_outside, out);
	if (header_find(s->tree->message, SLICE("MIME-Version"), &field) != 1)
		buf_adds(out, "MIME-Version: 1.0\r\n");
	buf_addf(out, POL_SIGNED_TYPE "%s\"\r\n", plan->boundary);
	if (eight_bit)
		buf_adds(out, POL_SIGNED_8BIT);
	buf_adds(out, "\r\n");
	buf_addf(out, POL_SIGNED_TEXT_1 "%.*s" POL_SIGNED_TEXT_2 "%.*s" POL_SIGNED_TEXT_3
	    "\r\n--%s\r\n", (int)s->title.n, s->title.p, (int)s->title.n, s->title.p,
	    plan->boundary);
}

static int
digest_entity(struct slice head, struct slice body, struct sign_plan *plan)
{
	struct slice begin = slice_from(head, plan->entity_at);
	struct buf entity;
	int err;

	buf_init(&entity, begin.n + body.n);
	buf_add(&entity, begin);
	buf_add(&entity, body);
	err = entity.err != OK ? entity.err : smime_sha256(buf_slice(&entity), plan->sha256);
	buf_fini(&entity);
	return err;
}

/* Only a header that is the same to everybody is signed: the signature would vouch for it. */
static bool
is_clear(const struct sign_source *s, size_t *body_at_out)
{
	const struct param_value *type = &s->tree->parts[0].content_type;
	struct header_field field;
	struct header_iter it;

	header_init(&it, s->tree->message);
	while (header_next(&it, &field) == 1)
		if (!slice_ends_nocase(field.whole, SLICE("\r\n")))
			return false;
	*body_at_out = it.body;
	/* A signed message that is all there is would be shown in place of ours (RFC 8551 3.1). */
	return control_off("sign-clear") ||
	    (!slice_is_nocase(type->type, "message") &&
	    (it.flags & (HEADER_MALFORMED | HEADER_BARE_LF | HEADER_NO_END)) == 0 &&
	    !tree_is_ambiguous(s->tree->parts[0].flags) && param_get(type, "hp") == NULL &&
	    /* What is open would run on into what is put behind it. */
	    !TREE_HAS(s->tree->flags, TREE_NO_CLOSE));
}

int
sign_plan(const struct sign_source *s, struct arena *a, struct sign_plan *out)
{
	struct buf head, entity;
	struct slice body;
	int err;

	*out = (struct sign_plan){ .head_at = 0 };
	if (!is_clear(s, &out->head_at))
		return ERR_UNSUPPORTED;
	make_boundary(s->sha256, out->boundary);
	body = slice_from(s->tree->message, out->head_at);
	buf_init(&head, HEAD_OCTETS_MAX);
	buf_init(&entity, HEAD_OCTETS_MAX);
	err = make_entity(s, &entity);
	make_outside(s, out, has_8bit(buf_slice(&entity)) || has_8bit(body), &head);
	out->entity_at = head.n;
	buf_add(&head, buf_slice(&entity));
	if (err == OK)
		err = head.err;
	if (err == OK)
		err = digest_entity(buf_slice(&head), body, out);
	if (err == OK)
		out->head = arena_copy(a, buf_slice(&head));
	buf_fini(&head);
	buf_fini(&entity);
	return err != OK ? err : a->err;
}

/* ---- tail ---- */

int
sign_tail(const struct sign_plan *plan, struct slice cms, struct arena *a, struct slice *out)
{
	struct buf b;
	int err;

	buf_init(&b, 2 * cms.n + 1024);
	buf_addf(&b, "\r\n--%s\r\n", plan->boundary);
	buf_adds(&b, POL_SIGNED_PART);
	base64_encode_lines(cms, BASE64_LINE, &b);
	buf_addf(&b, "--%s--\r\n", plan->boundary);
	err = b.err;
	if (err == OK)
		*out = arena_copy(a, buf_slice(&b));
	buf_fini(&b);
	return err != OK ? err : a->err;
}

int
sign_field(struct slice authserv_id, struct slice title, struct slice subject, struct buf *out)
{
	struct buf value;
	int err;

	buf_init(&value, SIGN_FIELD_OCTETS_MAX);
	buf_addf(&value, "%.*s; signer=%.*s", (int)authserv_id.n, authserv_id.p, (int)title.n,
	    title.p);
	if (subject.n > 0) {
		buf_adds(&value, "; certificate ");
		buf_add(&value, subject);
	}
	err = value.err != OK ? value.err : compose_text(out, field_name, buf_slice(&value));
	buf_fini(&value);
	return err != OK ? err : out->err;
}
