/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/author.h"

#include <string.h>

#include "common/control.h"
#include "mime/addr.h"
#include "mime/header.h"
#include "mime/word.h"
#include "policy/kind.h"
#include "policy/protected.h"
#include "policy/resent.h"
#include "policy/signedparts.h"

enum { NAME_OCTETS_MAX = 64 * 1024 };

struct run {
	const struct tree	    *t;
	const struct smime_result   *s;
	const struct author_context *c;
	struct arena		    *a;
	struct facts		    *f;
	struct author		    *out;
	struct resent		     resent;
};

static struct binding_context
who_asks(const struct run *run)
{
	return (struct binding_context){ .from = run->f->from, .identities = run->c->identities,
		.identities_n = run->c->identities_n };
}

static bool
is_own(const struct run *run, struct slice address)
{
	struct binding_context who = who_asks(run);

	return binding_identity(&who, address) != NULL;
}

/* ---- domains ---- */

/* Behind the last "@": a quoted local part may hold others. */
static struct slice
domain_of(struct slice address)
{
	struct slice local;
	bool found = false;

	while (slice_cut(&address, '@', &local))
		found = true;
	return found ? local : (struct slice){ NULL, 0 };
}

static bool
is_ours(const struct run *run, struct slice address)
{
	struct slice domain = domain_of(address);

	return domain.n > 0 && run->c->conf != NULL &&
	    conf_is_local_domain(run->c->conf, domain);
}

/* A domain that a route inside names: an agency whose officials sign, too. */
static bool
is_partner(const struct run *run, struct slice domain)
{
	const struct conf_route *route = run->c->conf != NULL && domain.n > 0 ?
	    conf_route_for(run->c->conf, domain) : NULL;

	if (route == NULL || route->zone != ZONE_INTERNAL || control_off("resent-partner"))
		return false;
	for (size_t i = 0; i < route->domains.n; i++)
		if (slice_is(slice_of(route->domains.v[i]), "*"))	/* of all the world */
			return false;
	return true;
}

/* A domain where the account itself has an address, whatever the configuration says; or one
 * inside. */
static bool
is_colleague(const struct run *run, struct slice address)
{
	struct slice domain = domain_of(address);

	for (size_t i = 0; i < run->c->identities_n; i++)
		if (slice_eq_nocase(domain_of(run->c->identities[i].address), domain))
			return true;
	return is_ours(run, address) || is_partner(run, domain);
}

/* ---- who sends ---- */

/* Fields that clients show as the sender besides From (RFC 5322 3.6.2, 3.6.6). */
static bool
names_sender(struct slice field)
{
	return slice_is_nocase(field, "Sender") || slice_is_nocase(field, "Resent-From") ||
	    slice_is_nocase(field, "Resent-Sender");
}

/* Are MAIL FROM and all these fields, of every block, addresses of the account? */
static int
find_senders(struct run *run)
{
	struct header_field field;
	struct header_iter it;
	bool own = run->c->mail_from.n == 0 || is_own(run, run->c->mail_from);

	header_init(&it, run->t->message);
	while (own && header_next(&it, &field) == 1) {
		struct slice address;
		int r;

		if (!names_sender(field.name) || control_off("sender-fields"))
			continue;
		r = addr_single(field.value, run->a, &address);
		if (r != OK && r != ERR_SYNTAX)
			return r;
		own = r == OK && is_own(run, address);
	}
	run->out->sender_own = own;
	return OK;
}

static int
find_resent(struct run *run)
{
	int r = resent_find(run->t->message, run->a, &run->resent);

	if (r != OK)
		return r;
	run->f->resent = run->resent.is;
	if (run->resent.is)
		facts_note(run->f, NOTE_RESENT, SLICE(""));
	run->out->from_ours = is_ours(run, run->f->from);
	return OK;
}

/* ---- the display name ---- */

static bool
is_address_char(char c)
{
	return (unsigned char)c >= 0x80 || ascii_is_alnum(c) || c == '.' || c == '-' || c == '_' ||
	    c == '+' || c == '@';
}

/* Does the text hold something like an address that is not this one? */
static bool
shows_other_address(struct slice text, struct slice spec)
{
	size_t at = 0;

	while (at < text.n) {
		struct slice word, domain, local;
		size_t end = at;

		while (end < text.n && is_address_char(text.p[end]))
			end++;
		word = domain = slice_sub(text, at, end - at);
		if (slice_cut(&domain, '@', &local) && local.n > 0 && domain.n > 0 &&
		    !slice_eq_nocase(word, spec))
			return true;
		at = end + 1;
	}
	return false;
}

static int
look_at_display_name(struct run *run)
{
	struct header_field field;
	struct addr_list l;
	struct buf name;
	int r;

	if (run->f->from.n == 0 || header_find(run->t->message, SLICE("From"), &field) != 1)
		return OK;
	if ((r = addr_parse(field.value, run->a, &l)) != OK)
		return r;
	buf_init(&name, NAME_OCTETS_MAX);
	for (unsigned i = 0; i < l.count; i++)
		if (word_decode(l.addrs[i].name, &name, NULL) != OK)
			break;
	if (shows_other_address(buf_slice(&name), run->f->from))
		facts_note(run->f, NOTE_DISPLAY_ADDRESS, SLICE(""));
	r = name.err == ERR_NOMEM ? ERR_NOMEM : OK;
	buf_fini(&name);
	return r;
}

/* ---- the signature ---- */

static void
copy_signature(struct run *run)
{
	const struct smime_result *s = run->s;
	struct facts *f = run->f;

	f->sig = s->sig;
	f->sig_reason = s->reason;
	f->sig_stale_revocation = s->stale;
	f->sig_clock = s->clock;
	if (s->signers_n > 0)
		f->signer_subject = s->signers[0].subject;
	if (s->label_level > LEVEL_THUONG)
		facts_add(f, "ess-label", SLICE(""), 0, s->label_level, true);
	if (s->label_review)
		facts_add(f, "ess-label", SLICE(""), 0, LEVEL_THUONG, false);
}

/* It verifies, or would with a newer revocation list; what follows is final in both cases. */
static bool
is_worth_judging(const struct facts *f)
{
	return f->sig == SIG_VALID ||
	    (f->sig == SIG_BAD && f->sig_reason == SIG_UNKNOWN_REVOCATION);
}

static void
spoil(struct facts *f, unsigned reason)
{
	f->sig = SIG_BAD;
	f->sig_reason = reason;
}

/* Fields protected in any layer; what cannot be compared differs. */
static int
compare_headers(struct run *run)
{
	bool agrees = false;

	if (!is_worth_judging(run->f))
		return OK;
	for (unsigned i = 0; i < run->s->layers_n; i++) {
		enum protected found = PROTECTED_DIFFERS;
		const char *field = "";
		int r = protected_check(run->t->message, run->s->layers[i].content, &found, &field);

		if (r == ERR_NOMEM)
			return r;
		if (r != OK || found == PROTECTED_DIFFERS) {
			spoil(run->f, SIG_HEADER_MISMATCH);
			facts_note(run->f, NOTE_HEADER_MISMATCH, slice_of(field));
			return OK;
		}
		agrees |= found == PROTECTED_AGREES;
	}
	if (agrees)
		facts_note(run->f, NOTE_PROTECTED_HEADER, SLICE(""));
	return OK;
}

/* The one Sender address of the header, or nothing. */
static int
single_sender(struct run *run, struct slice *out)
{
	struct header_field field;
	int r;

	*out = (struct slice){ NULL, 0 };
	if (header_count(run->t->message, SLICE("Sender")) != 1 ||
	    header_find(run->t->message, SLICE("Sender"), &field) != 1)
		return OK;
	r = addr_single(field.value, run->a, out);
	return r == ERR_SYNTAX ? OK : r;
}

static struct slice
address_of(const struct smime_signer *s)
{
	return s->emails_n > 0 ? s->emails[0] : (struct slice){ NULL, 0 };
}

static void
list_signers(struct run *run, const struct binding_result *b)
{
	const struct smime_result *s = run->s;
	struct facts *f = run->f;

	for (unsigned i = 0; i < s->signers_n && f->signers_n < FACTS_SIGNERS_MAX; i++) {
		const struct smime_signer *from = &s->signers[i];
		struct facts_signer *to = &f->signers[f->signers_n++];

		*to = (struct facts_signer){ .layer = from->layer, .reason = from->reason,
			.bound = (b->signers >> i & 1) != 0, .stale = from->stale,
			.clock = from->clock, .subject = from->subject, .issuer = from->issuer,
			.serial = from->serial, .signed_s = from->signed_s,
			.begin_s = from->begin_s, .end_s = from->end_s };
		to->address = to->bound ? b->signer : address_of(from);
		if (to->bound && (b->signers & ((1U << i) - 1)) == 0)
			f->signer_subject = from->subject;	/* the first that is bound */
		memcpy(to->cert_sha256, from->cert_sha256, sizeof to->cert_sha256);
		if (from->reason == SIG_OK && from->signed_s == 0)
			facts_note(f, NOTE_NO_SIGNING_TIME, SLICE(""));
	}
}

/* Whose signature is it? A signer that is not bound is final, whatever its CRL will say. */
static int
bind_signer(struct run *run)
{
	struct binding_context c = who_asks(run);
	struct binding_result b;
	struct facts *f = run->f;
	int r = single_sender(run, &c.sender);

	if (r != OK)
		return r;
	/* Nobody speaks for a colleague by sending again what is said to be his. */
	if (run->resent.is && is_own(run, run->resent.from) &&
	    (!is_colleague(run, f->from) || control_off("resent-colleague"))) {
		c.resent_from = run->resent.from;
		c.resent_sender = run->resent.sender;
	}
	binding_check(&c, run->s, &b);
	list_signers(run, &b);
	if (!is_worth_judging(f))
		return OK;
	f->signer = b.signer;
	f->sig_on_behalf = b.on_behalf;
	if (!b.bound)
		spoil(f, SIG_WRONG_SIGNER);
	return OK;
}

/* Has the author of a message that the account sends again agreed to it? A colleague has by his
 * signature alone: an account that may send unsigned could else write under any name of ours. */
static bool
may_send_again(const struct run *run)
{
	const struct facts *f = run->f;

	if (!run->resent.is || !is_own(run, run->resent.from))
		return false;
	return !is_colleague(run, f->from) || is_worth_judging(f) || f->sig == SIG_ERROR ||
	    control_off("resent-unsigned");
}

static int
decide_from(struct run *run)
{
	run->out->from_own = is_own(run, run->f->from) || may_send_again(run);
	return OK;
}

/* What is signed says what the message is, in whichever form it is signed. */
static int
find_kind(struct run *run)
{
	unsigned n = run->s->layers_n;
	struct slice content = n > 0 ? run->s->layers[n - 1].content : (struct slice){ NULL, 0 };
	struct arena scratch;
	struct tree t;
	int r;

	if (content.n == 0 || (n == 1 && !run->s->layers[0].opaque))
		return OK;	/* kind_of has looked there */
	arena_init(&scratch, TREE_ARENA_OCTETS(content.n));
	r = tree_parse(content, &scratch, &t);
	if (r == OK)
		run->f->kind = kind_of_signed(run->t, &t);
	arena_clear(&scratch);
	return r;
}

static int
find_signed_parts(struct run *run)
{
	return signedparts_note(run->t, run->s, run->a, run->f);
}

int
author_find(const struct tree *t, const struct smime_result *s, const struct author_context *c,
    struct arena *a, struct facts *f, struct author *out)
{
	static int (*const steps[])(struct run *) = { find_senders, find_resent,
		look_at_display_name, compare_headers, bind_signer, decide_from, find_kind,
		find_signed_parts };
	struct run run = { .t = t, .s = s, .c = c, .a = a, .f = f, .out = out };
	int r = OK;

	*out = (struct author){ 0 };
	copy_signature(&run);
	for (size_t i = 0; i < ARRAY_LEN(steps) && r == OK; i++)
		r = steps[i](&run);
	return r;
}
