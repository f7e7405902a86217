/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Two signed statements, and what they lift. */
#include <string.h>

#include "common/control.h"
#include "mime/body.h"
#include "policy/binding.h"
#include "policy/release.h"

#define OPAQUE_HEAD \
	"Content-Type: application/pkcs7-mime; smime-type=signed-data; name=p.p7m\r\n" \
	"Content-Transfer-Encoding: binary\r\n\r\n"
#define FIRST_WORD	"CONGVU-RELEASE "

/* ---- leaves ---- */

/* The octets of leaf i as its transfer encoding has them. */
static int
decoded(const struct tree *t, uint32_t i, struct buf *out)
{
	struct slice body = tree_body(t, i);

	buf_init(out, body.n + 16);
	return body_decode((enum body_encoding)t->parts[i].encoding, body, out, NULL);
}

/* ---- one signed statement ---- */

static bool
begins(struct slice s, const char *word)
{
	struct slice w = slice_of(word);

	return slice_eq(slice_sub(s, 0, w.n), w);
}

static bool
is_blank(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_space(s.p[i]) && s.p[i] != '\r' && s.p[i] != '\n')
			return false;
	return true;
}

/* *other_out: it says something else, so that who signed may not have meant the statement. */
static int
text_of_leaf(const struct tree *t, uint32_t i, struct arena *a, struct slice *out,
    bool *other_out)
{
	struct buf octets;
	int r = decoded(t, i, &octets);

	if (r == OK && out->n == 0 && begins(buf_slice(&octets), FIRST_WORD))
		*out = arena_copy(a, buf_slice(&octets));
	else if (r == OK && !is_blank(buf_slice(&octets)))
		*other_out = true;
	buf_fini(&octets);
	return r != OK ? r : a->err;
}

/* What was signed: the statement itself, or a mail with the statement in it and nothing else: by a
 * mail that asks about a statement, warns of it or passes one on, nobody has made it. */
static int
find_text(struct slice content, struct arena *a, struct slice *out)
{
	bool other = false;
	struct tree t;
	int r;

	*out = content;
	if (begins(content, FIRST_WORD))
		return OK;
	*out = (struct slice){ NULL, 0 };
	r = tree_parse(content, a, &t);
	for (uint32_t i = 0; r == OK && i < t.count; i++)
		if (t.parts[i].kind == TREE_LEAF)
			r = text_of_leaf(&t, i, a, out, &other);
		else
			other |= t.parts[i].kind != TREE_MULTIPART;
	if (r == OK && other && !control_off("release-alone"))
		*out = (struct slice){ NULL, 0 };
	return r;
}

/* DER alone becomes a message that smime_verify can look at. */
static int
as_message(struct slice object, struct arena *a, struct slice *out)
{
	static const size_t head = sizeof OPAQUE_HEAD - 1;
	char *p;

	*out = object;
	if (object.n == 0 || (unsigned char)object.p[0] != 0x30)
		return OK;
	p = arena_alloc(a, head + object.n);
	if (p == NULL)
		return a->err;
	memcpy(p, OPAQUE_HEAD, head);
	memcpy(p + head, object.p, object.n);
	*out = (struct slice){ p, head + object.n };
	return OK;
}

int
release_open(struct slice object, struct smime_trust *trust, const struct smime_options *o,
    struct arena *a, struct smime_result *sig_out, struct release_statement *out,
    const char **unfit_out)
{
	struct slice message, text;
	struct tree t;
	int r = as_message(object, a, &message);

	*unfit_out = "statement";
	if (r == OK)
		r = tree_parse(message, a, &t);
	if (r == OK)
		r = smime_verify(&t, trust, o, a, sig_out);
	if (r != OK)
		return r;
	if (sig_out->sig != SIG_VALID && !control_off("release-signature"))
		*unfit_out = "signature";
	if ((r = find_text(sig_out->content, a, &text)) != OK)
		return r;
	r = release_parse(text, a, out);
	if (r == OK && (sig_out->sig == SIG_VALID || control_off("release-signature")))
		*unfit_out = NULL;
	return r == ERR_SYNTAX || r == ERR_LIMIT ? a->err : r;
}

/* ---- both ---- */

static bool
is_officer(const struct pol_officer *o)
{
	return o->guid.n == DIR_GUID_OCTETS && o->status == DIR_ACTIVE &&
	    (o->roles & DIR_ROLE_SECURITY_OFFICER) != 0;
}

/* The signer that is bound to an address of the officer's own; NULL: none. */
static const struct smime_signer *
bound(const struct pol_officer *o, const struct smime_result *sig)
{
	for (size_t k = 0; k < o->identities_n; k++)
		for (unsigned i = 0; i < sig->signers_n; i++) {
			struct binding_context c = { .from = o->identities[k].address,
				.identities = &o->identities[k], .identities_n = 1 };
			struct smime_result one = { .sig = SIG_VALID, .signers_n = 1 };
			struct binding_result b;

			if (o->identities[k].kind != DIR_IDENTITY_OWN)
				continue;
			one.signers[0] = sig->signers[i];
			binding_check(&c, &one, &b);
			if (b.bound || control_off("release-bound"))
				return &sig->signers[i];
		}
	return NULL;
}

/* An authority gives one name to one person (RFC 5280 4.1.2.6), whose certificates may be
 * several. */
static bool
is_one_person(const struct smime_signer *a, const struct smime_signer *b)
{
	return memcmp(a->cert_sha256, b->cert_sha256, sizeof a->cert_sha256) == 0 ||
	    (slice_eq(a->issuer, b->issuer) && slice_eq(a->subject, b->subject));
}

static bool
is_address_of(const struct pol_officer *o, struct slice address)
{
	for (size_t i = 0; i < o->identities_n; i++)
		if (o->identities[i].kind == DIR_IDENTITY_OWN &&
		    binding_same_address(o->identities[i].address, address))
			return true;
	return false;
}

/* Is the officer who sends, by an address, or by a signature on the message, also one that stands
 * beside that of From? */
static bool
sends(const struct pol_officer *o, const struct smime_signer *signer,
    const struct release_context *c)
{
	bool same = is_address_of(o, c->sender) || is_address_of(o, c->account) ||
	    is_address_of(o, c->mail_from);

	for (size_t i = 0; i < c->signers_n && !same; i++) {
		const struct facts_signer *s = &c->signers[i];

		same = s->reason == SIG_OK &&
		    (memcmp(s->cert_sha256, signer->cert_sha256, sizeof s->cert_sha256) == 0 ||
		    (slice_eq(s->issuer, signer->issuer) && slice_eq(s->subject, signer->subject)));
	}
	return same && !control_off("release-own");
}

static const char *
check_officers(const struct pol_release *r, const struct smime_result sig[2],
    const struct release_context *c)
{
	const struct smime_signer *signer[2];

	for (size_t i = 0; i < 2; i++) {
		if (!is_officer(&r->officers[i]) && !control_off("release-role"))
			return "officer";
		signer[i] = bound(&r->officers[i], &sig[i]);
		if (signer[i] == NULL)
			return "not-bound";
		if (!c->by_sender && sends(&r->officers[i], signer[i], c))
			return "own-message";
	}
	if (control_off("release-two"))
		return NULL;
	return slice_eq(r->officers[0].guid, r->officers[1].guid) ||
	    is_one_person(signer[0], signer[1]) ? "same-officer" : NULL;
}

/* One account on either side, in any case of letters. */
static bool
is_named(const struct release_statement *s, struct slice address)
{
	for (size_t i = 0; i < s->recipients_n; i++)
		if (binding_same_address(s->recipients[i], address))
			return true;
	return false;
}

static bool
is_sent_to(const struct release_context *c, struct slice address)
{
	for (size_t i = 0; i < c->recipients_n; i++)
		if (binding_same_address(c->recipients[i].address, address))
			return true;
	return false;
}

static bool
same_recipients(const struct release_statement *s, const struct release_context *c)
{
	for (size_t i = 0; i < c->recipients_n; i++)
		if (!is_named(s, c->recipients[i].address))
			return false;
	for (size_t i = 0; i < s->recipients_n; i++)
		if (!is_sent_to(c, s->recipients[i]))
			return false;
	return true;
}

static bool
fits_path(const struct pol_release *r, const struct release_context *c)
{
	switch (c->path) {
	case PATH_SUBMIT:
		return r->used_s == 0;
	case PATH_RELAY:
		return r->used_s != 0;
	default:
		return c->path == PATH_STORE;
	}
}

/* At the relay: the recipients of one route, and what groups became. Who uses it was checked when
 * it was used, and mailstored knows by which delivery. The sender's own copy has no recipients: it
 * may be stored before and after the message was sent, while the statement is good. */
static const char *
check_use(const struct pol_release *r, const struct release_statement *s,
    const struct release_context *c)
{
	int64_t now_s = c->path == PATH_RELAY ? (int64_t)r->used_s : c->smime->now_s;

	if (!fits_path(r, c))
		return "path";
	if ((s->issued_s > now_s + RELEASE_SLACK_S || s->expires_s <= now_s ||
	    s->expires_s <= s->issued_s || s->expires_s - s->issued_s > RELEASE_VALID_S) &&
	    !control_off("release-expiry"))
		return "expired";
	if (!binding_same_address(s->sender, c->sender) && !control_off("release-sender"))
		return "sender";
	if (c->path == PATH_STORE && !c->sender_own && !control_off("release-copy"))
		return "sender";
	if (c->path == PATH_SUBMIT && !same_recipients(s, c) && !control_off("release-recipients"))
		return "recipients";
	return NULL;
}

static bool
same_statement(const struct release_statement *a, const struct release_statement *b)
{
	struct buf x, y;
	bool same;

	buf_init(&x, 2 * RELEASE_OCTETS_MAX);
	buf_init(&y, 2 * RELEASE_OCTETS_MAX);
	same = release_format(a, &x) == OK && release_format(b, &y) == OK &&
	    slice_eq(buf_slice(&x), buf_slice(&y));
	buf_fini(&x);
	buf_fini(&y);
	return same;
}

int
release_verify(const struct pol_release *r, const struct release_context *c, struct arena *a,
    struct release_statement *out, const char **unfit_out)
{
	struct release_statement s[2];
	struct smime_result sig[2];

	*unfit_out = "incomplete";
	if (r->statements_n != 2 || r->officers_n != 2 || r->id.n != RELEASE_ID_OCTETS)
		return OK;
	for (size_t i = 0; i < 2; i++) {
		int err = release_open(r->statements[i].octets, c->trust, c->smime, a, &sig[i],
		    &s[i], unfit_out);

		if (err != OK || *unfit_out != NULL)
			return err;
	}
	*out = s[0];
	if ((memcmp(s[0].id, r->id.p, sizeof s[0].id) != 0 || !same_statement(&s[0], &s[1])) &&
	    !control_off("release-same"))
		*unfit_out = "not-same";
	if (*unfit_out == NULL)
		*unfit_out = check_officers(r, sig, c);
	if (*unfit_out == NULL)
		*unfit_out = check_use(r, &s[0], c);
	return OK;
}

/* ---- what it lifts ---- */

static const char *const weight_names[] = { "opaque", "review", "mark", "internal" };

/* One word of "what": a weight, and how high a mark is. False: no such word. */
static bool
add_weight(struct slice word, struct cause *c)
{
	struct slice name;
	unsigned level = LEVEL_THUONG;

	if (slice_starts_nocase(word, SLICE("mark-")) &&
	    word_value(WORD_level, slice_from(word, 5), &level) == OK)
		word.n = 4;
	slice_cut(&word, ' ', &name);
	for (unsigned i = 0; i < ARRAY_LEN(weight_names); i++)
		if (slice_is(name, weight_names[i])) {
			c->weights |= 1U << i;
			c->level = level > c->level ? level : c->level;
			return true;
		}
	return false;
}

/* The same octets, read in another charset or type, may be refused for more than the officers saw:
 * that nobody has released. Under the same labels only time can make them opaque. */
static bool
names_reason(struct slice what, const struct cause *c, bool same_content)
{
	struct cause named = { .weights = same_content ? CAUSE_OPAQUE : 0 };
	struct slice words, word;

	slice_cut(&what, ' ', &words);
	while (words.n > 0) {
		slice_cut(&words, ',', &word);
		if (!add_weight(word, &named))
			return false;
	}
	return ((c->weights & ~named.weights) == 0 && c->level <= named.level) ||
	    control_off("release-reason");
}

static bool
covers(const struct release_statement *s, const struct cause *c, bool same_content)
{
	for (size_t i = 0; i < s->parts_n; i++)
		if (memcmp(s->parts[i].sha256, c->sha256, sizeof c->sha256) == 0 &&
		    names_reason(s->parts[i].what, c, same_content))
			return true;
	return control_off("release-covered");
}

const char *
release_lift(const struct facts *f, const struct release_statement *s,
    const unsigned char content[LEAF_SHA256_OCTETS], bool whole, struct facts *out)
{
	bool marks = s->lift == LIFT_FALSE_POSITIVE || control_off("release-lift");
	bool same = memcmp(s->content, content, sizeof s->content) == 0;

	if (f->causes_incomplete && !control_off("release-covered"))
		return "not-covered";
	for (unsigned i = 0; i < f->causes_count; i++)
		if ((marks || f->causes[i].weights != CAUSE_ASSERTED) &&
		    !covers(s, &f->causes[i], same))
			return "not-covered";
	if ((f->partly_inspected || whole) && !same && !control_off("release-content"))
		return "not-covered";
	*out = *f;
	if (marks)
		out->level = LEVEL_THUONG;
	return NULL;
}

bool
release_could_lift(const struct facts *f, struct facts *out)
{
	*out = *f;
	out->level = LEVEL_THUONG;
	return !f->causes_incomplete;
}

/* "opaque,mark-mat DETECTOR PART" */
static int
describe(const struct cause *c, struct arena *a, struct slice *out)
{
	struct buf b;
	int r;

	buf_init(&b, 256);
	for (unsigned i = 0; i < ARRAY_LEN(weight_names); i++) {
		if ((c->weights & 1U << i) == 0)
			continue;
		buf_addf(&b, "%s%s", b.n > 0 ? "," : "", weight_names[i]);
		if (1U << i == CAUSE_ASSERTED)
			buf_addf(&b, "-%s", level_name(c->level));
	}
	buf_addf(&b, " %s %.*s", c->detector, (int)slice_sub(c->part, 0, 128).n,
	    c->part.n > 0 ? c->part.p : "");
	*out = arena_copy(a, slice_trim(buf_slice(&b)));
	r = b.err;
	buf_fini(&b);
	return r != OK ? r : a->err;
}

int
release_parts(const struct facts *f, struct arena *a, struct release_part **out, size_t *n_out)
{
	struct release_part *p = arena_array(a, f->causes_count + 1, sizeof *p);

	if (f->causes_incomplete)
		return ERR_INVAL;
	if (p == NULL)
		return a->err;
	for (unsigned i = 0; i < f->causes_count; i++) {
		int r = describe(&f->causes[i], a, &p[i].what);

		if (r != OK)
			return r;
		memcpy(p[i].sha256, f->causes[i].sha256, sizeof p[i].sha256);
	}
	*out = p;
	*n_out = f->causes_count;
	return OK;
}
