/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/decide.h"

#include "common/control.h"
#include "policy/dn.h"
#include "policy/profile.h"

/* One case, all its values known to be in range. */
struct query {
	unsigned	    path, arrival, exit;
	const struct facts *f;
	struct slice	    unit;
	unsigned	    flags;	/* RULE_* */
	bool		    cleared;
	bool		    released, passed_other;	/* see struct decide_context, decision */
};

static bool
in_mask(unsigned mask, unsigned value)
{
	return mask == 0 || (mask & RULE_BIT(value)) != 0;
}

static bool
is_if(enum rule_if want, bool is)
{
	return want == RULE_ANY || (want == RULE_YES) == is;
}

/* "a@b" names one address, "@b" a domain. */
static bool
is_sender(const struct conf_list *list, struct slice from)
{
	if (list == NULL || list->n == 0)
		return true;
	for (size_t i = 0; i < list->n; i++) {
		struct slice s = slice_of(list->v[i]);

		if (s.n > 0 && (s.p[0] == '@' ? from.n > s.n && slice_ends_nocase(from, s) :
		    slice_eq_nocase(from, s)))
			return true;
	}
	return false;
}

/* The account's entry is one of these, or below one. */
static bool
is_in_unit(const struct conf_list *list, struct slice unit)
{
	if (list == NULL || list->n == 0)
		return true;
	for (size_t i = 0; i < list->n; i++)
		if (dn_is_under(unit, slice_of(list->v[i])))
			return true;
	return false;
}

static bool
fits(const struct rule *r, const struct query *q)
{
	const struct facts *f = q->f;

	return in_mask(r->paths, q->path) && in_mask(r->arrival, q->arrival) &&
	    in_mask(r->exit, q->exit) && in_mask(r->sigs, f->sig) &&
	    in_mask(r->reasons, f->sig_reason) && in_mask(r->kinds, f->kind) &&
	    (q->flags & r->flags_set) == r->flags_set && (q->flags & r->flags_clear) == 0 &&
	    f->level >= r->level_min && (r->level_under == 0 || f->level < r->level_under) &&
	    is_if(r->opaque, f->opaque) && is_if(r->review, f->review) &&
	    is_if(r->cleared, q->cleared) &&
	    (r->size_max_octets == 0 || f->size_octets <= r->size_max_octets) &&
	    is_sender(r->senders, f->from) && is_in_unit(r->units, q->unit);
}

static bool
is_about_content(const struct rule *r)
{
	return r->level_min > LEVEL_THUONG || r->opaque == RULE_YES || r->review == RULE_YES ||
	    (r->flags_set & (RULE_PARTLY | RULE_INTERNAL_ONLY)) != 0;
}

static bool
is_releasable(const struct rule *r)
{
	return r->verdict == VERDICT_REJECT && r->releasable;
}

/* A level is lifted by stating that its marks are none (then no such row fits), and not passed over. */
static bool
is_about_level(const struct rule *r)
{
	return (r->level_min > LEVEL_THUONG || r->cleared == RULE_NO) &&
	    !control_off("release-level");
}

static const struct rule *
first_fit(const struct rule_table *t, struct query *q)
{
	for (size_t i = 0; i < t->count; i++) {
		if (!fits(&t->rows[i], q))
			continue;
		if (!q->released || !is_releasable(&t->rows[i]) || is_about_level(&t->rows[i]))
			return &t->rows[i];
		q->passed_other |= !is_about_content(&t->rows[i]);
	}
	return NULL;
}

/* Is every value one that its vocabulary has, and do signature and reason go together? */
static bool
in_range(const struct decide_context *c, const struct decide_rcpt *r, const struct facts *f)
{
	if (c->path > PATH_READ || c->arrival_zone > ZONE_INTERNET ||
	    r->exit_zone > ZONE_INTERNET || r->clearance > LEVEL_TUYET_MAT ||
	    f->level > LEVEL_TUYET_MAT ||
	    f->kind > KIND_ENCRYPTED || f->sig > SIG_ERROR || f->sig_reason > SIG_HEADER_MISMATCH)
		return false;
	switch (f->sig) {
	case SIG_BAD:
		return f->sig_reason != SIG_OK && f->sig_reason != SIG_INTERNAL;
	case SIG_ERROR:
		return f->sig_reason == SIG_INTERNAL;
	default:
		return f->sig_reason == SIG_OK;
	}
}

static bool
is_plain(const struct facts *f)
{
	return f->level == LEVEL_THUONG && !f->opaque && !f->review && !f->partly_inspected &&
	    !f->ambiguous && f->size_octets <= PROFILE_RECEIPT_OCTETS_MAX;
}

static unsigned
flags_of(const struct decide_context *c, const struct facts *f, const struct rules *rules)
{
	unsigned flags = 0;

	flags |= f->from.n > 0 ? RULE_FROM_ONE : 0;
	flags |= c->from_own ? RULE_FROM_OWN : 0;
	flags |= c->sender_own ? RULE_SENDER_OWN : 0;
	flags |= c->from_ours ? RULE_FROM_OURS : 0;
	flags |= c->forged_trace ? RULE_FORGED_TRACE : 0;
	flags |= c->now_s < c->unsigned_until_s ? RULE_UNSIGNED_OK : 0;
	flags |= rules->mark_only ? RULE_MARK_ONLY : 0;
	flags |= f->ambiguous ? RULE_AMBIGUOUS : 0;
	flags |= f->sig_stale_revocation ? RULE_STALE : 0;
	flags |= f->resent ? RULE_RESENT : 0;
	flags |= f->declassified ? RULE_DECLASSIFIED : 0;
	flags |= f->partly_inspected ? RULE_PARTLY : 0;
	flags |= f->internal_only ? RULE_INTERNAL_ONLY : 0;
	flags |= is_plain(f) ? RULE_PLAIN : 0;
	return flags;
}

static bool
touches_internet(const struct query *q)
{
	return q->arrival == ZONE_INTERNET || q->exit == ZONE_INTERNET;
}

static const struct rule *
find(struct query *q, const struct rules *rules)
{
	const struct rule *row;

	if (q->f->level >= LEVEL_MAT && touches_internet(q) && !control_off("secret-internet"))
		return profile_secret_internet();
	row = first_fit(&rules->fixed, q);
	if (row == NULL)
		row = first_fit(&rules->own, q);
	if (row == NULL)
		row = first_fit(&rules->shipped, q);
	return row != NULL ? row : profile_last();
}

static const char *
or_empty(const char *s)
{
	return s == NULL ? "" : s;
}

void
decide(const struct decide_context *c, const struct decide_rcpt *r, const struct facts *f,
    const struct rules *rules, struct decision *out)
{
	const struct rule *row = profile_malformed();
	struct query q = { .passed_other = false };

	if (in_range(c, r, f)) {
		q = (struct query){ .path = c->path, .arrival = c->arrival_zone, .f = f, .unit = c->unit,
			.exit = r->exit_zone, .flags = flags_of(c, f, rules),
			.cleared = f->level <= r->clearance, .released = c->released };
		row = find(&q, rules);
	}
	*out = (struct decision){ .verdict = row->verdict, .rule = row->name,
		.releasable = is_releasable(row), .about_content = is_about_content(row),
		.passed_other = q.passed_other,
		.enhanced = or_empty(row->enhanced), .reason_vi = or_empty(row->reason_vi),
		.reason_en = or_empty(row->reason_en), .legal_basis = or_empty(row->legal_basis),
		.sign_as = row->verdict == VERDICT_ALLOW ? or_empty(row->sign_as) : "" };
}

unsigned
decide_worst(unsigned a, unsigned b)
{
	return a > b ? a : b;	/* the values are in this order */
}
