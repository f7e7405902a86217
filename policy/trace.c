/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/trace.h"

#include "common/control.h"
#include "mime/addr.h"
#include "mime/compose.h"
#include "mime/header.h"

/* NAME_OCTETS_MAX: of an issuer, of which an octet may become four. A word cannot be folded. */
enum {
	NAME_OCTETS_MAX = 400,
	WORD_OCTETS_MAX = 860,
	VALUE_OCTETS_MAX = 1024 + FACTS_SIGNERS_MAX * (4 * NAME_OCTETS_MAX + 200),
};

/* Skip white space, folds and comments (nested, with quoted pairs). */
static struct slice
skip_cfws(struct slice s)
{
	unsigned depth = 0;

	while (s.n > 0) {
		char c = s.p[0];
		size_t step = 1;

		if (c == '(')
			depth++;
		else if (c == ')' && depth > 0)
			depth--;
		else if (c == '\\' && depth > 0)
			step = 2;
		else if (depth == 0 && !ascii_is_space(c) && c != '\r' && c != '\n')
			break;
		s = slice_from(s, step);
	}
	return s;
}

/* The authserv-id of a raw value: a token or a quoted string, put into out. */
static void
take_id(struct slice value, struct buf *out)
{
	struct slice s = skip_cfws(value);
	bool quoted = s.n > 0 && s.p[0] == '"';

	if (quoted)
		s = slice_from(s, 1);
	while (s.n > 0) {
		char c = s.p[0];

		if (quoted ? c == '"' : c == ';' || c == '(' || ascii_is_space(c) || c == '\r' ||
		    c == '\n')
			break;
		if (quoted && c == '\\' && s.n > 1)
			s = slice_from(s, 1);
		buf_addc(out, s.p[0]);
		s = slice_from(s, 1);
	}
}

static bool
bears_our_name(struct slice value, struct slice authserv_id)
{
	struct slice id;
	struct buf b;
	bool ours;

	buf_init(&b, value.n + 1);
	take_id(value, &b);
	id = buf_slice(&b);
	while (id.n > 0 && id.p[id.n - 1] == '.')
		id.n--;
	ours = slice_eq_nocase(id, authserv_id) || b.err != OK;
	buf_fini(&b);
	return ours;
}

bool
trace_is_ours(struct slice name, struct slice value, struct slice authserv_id)
{
	return (slice_is_nocase(name, "Authentication-Results") ||
	    slice_is_nocase(name, "X-Congvu-Signed-By")) && bears_our_name(value, authserv_id) &&
	    !control_off("trace-removal");
}

int
trace_removals(struct slice message, struct slice authserv_id,
    struct pol_range ranges[TRACE_REMOVALS_MAX], size_t *n_out)
{
	struct header_field field;
	struct header_iter it;
	size_t n = 0;

	*n_out = 0;
	header_init(&it, message);
	while (header_next(&it, &field) == 1) {
		uint64_t at = (uint64_t)(field.whole.p - message.p);

		if (!trace_is_ours(field.name, field.value, authserv_id))
			continue;
		if (n > 0 && ranges[n - 1].offset + ranges[n - 1].octets == at) {
			ranges[n - 1].octets += field.whole.n;
			continue;
		}
		if (n == TRACE_REMOVALS_MAX)
			return ERR_LIMIT;
		ranges[n++] = (struct pol_range){ at, field.whole.n };
	}
	*n_out = n;
	/* Past the limits of the parser fields would stay that some reader may see. */
	return (it.flags & HEADER_OVERFLOW) != 0 ? ERR_LIMIT : OK;
}

static const char *
result_of(const struct facts *f)
{
	switch (f->sig) {
	case SIG_NONE:
		return "none";
	case SIG_VALID:
		return "pass";
	case SIG_BAD:
		return f->sig_reason == SIG_UNKNOWN_REVOCATION ? "temperror" : "fail";
	default:
		return "temperror";
	}
}

/* The identity stands bare if it is an addr-spec in ASCII, else it is left out: no value that a
 * certificate's maker chose can end the field or begin another property. */
static bool
add_identity(struct slice signer, struct buf *value)
{
	struct slice domain = signer, local;

	if (!slice_cut(&domain, '@', &local) || !addr_is_dot_atom(local) ||
	    !addr_is_dot_atom(domain))
		return false;
	for (size_t i = 0; i < signer.n; i++)
		if ((unsigned char)signer.p[i] >= 0x80)
			return false;
	buf_adds(value, " body.smime-identifier=");
	buf_add(value, signer);
	return true;
}

/* A distinguished name as a quoted string in ASCII: other octets as RFC 4514 2.4 writes them. */
static void
add_quoted(struct slice name, struct buf *value)
{
	buf_addc(value, '"');
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];

		if (c < ' ' || c >= 0x7f || (c == ' ' && i > 0 && name.p[i - 1] == ' '))
			buf_addf(value, "\\\\%02X", c);
		else if (c == '"' || c == '\\')
			buf_addf(value, "\\%c", c);
		else
			buf_addc(value, (char)c);
	}
	buf_addc(value, '"');
}

static bool
has_long_word(struct slice text)
{
	struct slice word;

	while (text.n > 0) {
		slice_cut(&text, ' ', &word);
		if (word.n > WORD_OCTETS_MAX)
			return true;
	}
	return false;
}

/* RFC 7281 3.2.3: what names a certificate without an address. */
static void
add_certificate(const struct facts_signer *s, struct buf *value)
{
	struct buf issuer;

	if (s->serial.n == 0 || s->issuer.n == 0 || s->issuer.n > NAME_OCTETS_MAX)
		return;
	buf_init(&issuer, 4 * NAME_OCTETS_MAX + 2);
	add_quoted(s->issuer, &issuer);
	if (issuer.err == OK && !has_long_word(buf_slice(&issuer))) {
		buf_adds(value, " body.smime-serial=");
		buf_add(value, s->serial);
		buf_adds(value, " body.smime-issuer=");
		buf_add(value, buf_slice(&issuer));
	}
	buf_fini(&issuer);
}

/* Who has signed: each signer of a valid message gets a result of its own. */
static void
add_signers(const struct facts *f, struct buf *value)
{
	for (unsigned i = 0; i < f->signers_n; i++) {
		const struct facts_signer *s = &f->signers[i];

		if (i > 0)
			buf_adds(value, "; smime=pass");
		if (!add_identity(s->address, value))
			add_certificate(s, value);
	}
}

int
trace_results(const struct facts *f, struct slice authserv_id, struct buf *out)
{
	struct buf value;
	int r;

	if (!addr_is_dot_atom(authserv_id))
		return ERR_INVAL;
	buf_init(&value, VALUE_OCTETS_MAX);
	buf_add(&value, authserv_id);
	buf_addf(&value, "; smime=%s", result_of(f));
	if (f->sig == SIG_BAD || f->sig == SIG_ERROR)
		buf_addf(&value, " reason=%s", sig_reason_name(f->sig_reason));
	else if (f->signed_by.n > 0)	/* what came was not signed; what goes is, by us */
		buf_adds(&value, " reason=signed-by-server");
	else if (f->sig_on_behalf)
		buf_adds(&value, " reason=on-behalf");
	else if (f->sig == SIG_VALID && f->resent)
		buf_adds(&value, " reason=resent");
	else if (f->sig_stale_revocation)
		buf_adds(&value, " reason=stale-revocation");
	else if (f->sig_clock)
		buf_adds(&value, " reason=clock");
	if (f->sig == SIG_VALID)
		add_signers(f, &value);
	r = value.err;
	if (r == OK)
		r = compose_raw(out, "Authentication-Results", buf_slice(&value));
	buf_fini(&value);
	return r;
}

bool
trace_is_fields(struct slice fields)
{
	struct header_field field;
	struct header_iter it;

	if (fields.n == 0)
		return true;
	if (!slice_ends_nocase(fields, SLICE("\r\n")))
		return false;
	header_init(&it, fields);
	while (header_next(&it, &field) == 1)
		if ((field.flags & (HEADER_MALFORMED | HEADER_BARE_LF)) != 0)
			return false;
	/* No empty line: the walk went to the end, and no body begins before it. */
	return it.fields_end == fields.n && (it.flags & HEADER_MALFORMED) == 0;
}

void
trace_compose(const struct pol_judge_reply *reply, struct slice message, struct buf *out)
{
	size_t at = 0;

	buf_add(out, reply->trace);
	if (reply->signed_by.n > 0) {
		buf_add(out, reply->head);
		buf_add(out, slice_from(message, (size_t)reply->head_at));
		buf_add(out, reply->tail);
		return;
	}
	for (size_t i = 0; i < reply->removals_n; i++) {
		const struct pol_range *r = &reply->removals[i];

		buf_add(out, slice_sub(message, at, (size_t)r->offset - at));
		at = (size_t)(r->offset + r->octets);
	}
	buf_add(out, slice_from(message, at));
}
