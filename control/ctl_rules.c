/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <stdio.h>
#include <string.h>

#include "common/words.h"
#include "control/control.h"
#include "policy/profile.h"

enum { TEXT_MAX = 65536, MASK_BITS = 32 };

/* The conditions of one row, "; " between them; a row without one fits everything. */
static void
add_part(struct buf *out, const char *what)
{
	if (out->n > 0)
		buf_adds(out, "; ");
	buf_adds(out, what);
}

static void
add_mask(struct buf *out, const char *what, unsigned mask, enum word_set set)
{
	const char *before = " ";

	if (mask == 0)
		return;
	add_part(out, what);
	for (unsigned v = 0; v < MASK_BITS; v++)
		if (mask & RULE_BIT(v)) {
			buf_addf(out, "%s%s", before, word_name(set, v));
			before = " or ";
		}
}

static void
add_if(struct buf *out, const char *what, enum rule_if value)
{
	if (value != RULE_ANY)
		add_part(out, value == RULE_YES ? what : "not ");
	if (value == RULE_NO)
		buf_adds(out, what);
}

static void
add_flags(struct buf *out, const struct rule *r)
{
	static const struct {
		unsigned    flag;
		const char *is, *is_not;
	} flags[] = {
		{ RULE_FROM_ONE, "one From address", "not exactly one From address" },
		{ RULE_FROM_OWN, "From is the account's", "From is not the account's" },
		{ RULE_SENDER_OWN, "sender is the account's", "MAIL FROM, Sender or Resent-From "
		    "is not the account's" },
		{ RULE_AMBIGUOUS, "MIME that can be read in several ways", "MIME is unambiguous" },
		{ RULE_PARTLY, "not all could be inspected", "all was inspected" },
		{ RULE_STALE, "revocation data is stale", "revocation data is fresh" },
		{ RULE_DECLASSIFIED, "stamped GIẢI MẬT", "not stamped GIẢI MẬT" },
		{ RULE_RESENT, "sent again (Resent-From)", "not sent again" },
		{ RULE_INTERNAL_ONLY, "marked LƯU HÀNH NỘI BỘ", "not marked LƯU HÀNH NỘI BỘ" },
		{ RULE_UNSIGNED_OK, "the account may send unsigned",
		    "the account may not send unsigned" },
		{ RULE_MARK_ONLY, "signature.submission = mark", "signature.submission = require" },
		{ RULE_PLAIN, "small and plain", "not small and plain" },
		{ RULE_FROM_OURS, "From is in a domain of ours", "From is in no domain of ours" },
		{ RULE_FORGED_TRACE, "too many trace fields in our name", "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		if (r->flags_set & flags[i].flag)
			add_part(out, flags[i].is);
		if (r->flags_clear & flags[i].flag)
			add_part(out, flags[i].is_not);
	}
}

static void
add_list(struct buf *out, const char *what, const struct conf_list *list)
{
	for (size_t i = 0; list != NULL && i < list->n; i++) {
		add_part(out, i == 0 ? what : "or ");
		buf_adds(out, list->v[i]);
	}
}

static void
add_level(struct buf *out, const struct rule *r)
{
	if (r->level_min > LEVEL_THUONG)
		add_part(out, "level at least ");
	if (r->level_min > LEVEL_THUONG)
		buf_adds(out, level_name(r->level_min));
	if (r->level_under == 0 || r->level_under > LEVEL_TUYET_MAT)
		return;
	add_part(out, "level below ");
	buf_adds(out, level_name(r->level_under));
}

static void
add_conditions(struct buf *out, const struct rule *r)
{
	add_mask(out, "path", r->paths, WORD_path);
	add_mask(out, "from zone", r->arrival, WORD_zone);
	add_mask(out, "to zone", r->exit, WORD_zone);
	add_mask(out, "kind", r->kinds, WORD_kind);
	add_level(out, r);
	add_if(out, "opaque", r->opaque);
	add_if(out, "to be reviewed", r->review);
	add_if(out, "recipient cleared", r->cleared);
	add_mask(out, "signature", r->sigs, WORD_sig);
	add_mask(out, "because", r->reasons, WORD_sig_reason);
	add_flags(out, r);
	if (r->size_max_octets > 0)
		add_part(out, "size at most ");
	if (r->size_max_octets > 0)
		buf_addf(out, "%llu octets", (unsigned long long)r->size_max_octets);
	add_list(out, "sender ", r->senders);
	add_list(out, "sender's unit ", r->units);
}

/* ---- printing ---- */

static void
print_action(const struct rule *r)
{
	printf("%s", verdict_name(r->verdict));
	if (r->verdict == VERDICT_REJECT && r->releasable)
		printf(", officers may release");
	else if (r->sign_as != NULL && *r->sign_as != '\0')
		printf(", signed by the server as %s", r->sign_as);
}

static void
print_json_row(const struct rule *r, struct slice when)
{
	ctl_print_json(json_pack("{s:s,s:o,s:s,s:b,s:s,s:s,s:s,s:s,s:s}", "rule", r->name, "when",
	    ctl_json(when), "verdict", verdict_name(r->verdict), "releasable", (int)r->releasable,
	    "code", r->enhanced, "reason-vi", r->reason_vi, "reason-en", r->reason_en, "sign-as",
	    r->sign_as == NULL ? "" : r->sign_as, "legal-basis",
	    r->legal_basis == NULL ? "" : r->legal_basis));
}

static void
print_row(const struct rule *r, const char *instead, bool json)
{
	struct buf when;

	buf_init(&when, TEXT_MAX);
	if (instead != NULL)
		buf_adds(&when, instead);
	else
		add_conditions(&when, r);
	if (when.n == 0)
		buf_adds(&when, "always");
	if (json) {
		print_json_row(r, buf_slice(&when));
	} else {
		printf("| `%s` | %s | ", r->name, buf_cstr(&when));
		print_action(r);
		printf(" | %s%s%s | %s |\n", r->reason_vi, *r->reason_vi == '\0' ? "" : "<br>",
		    r->reason_en, r->legal_basis == NULL ? "" : r->legal_basis);
	}
	buf_fini(&when);
}

static void
print_rows(const struct rule_table *t, bool json)
{
	for (size_t i = 0; i < t->count; i++)
		print_row(&t->rows[i], NULL, json);
}

static void
print_rules(const struct ctl *ctl, const struct rules *rules)
{
	if (!ctl->json)
		printf("| rule | when | what | said to the sender | legal basis |\n"
		    "|---|---|---|---|---|\n");
	print_row(profile_secret_internet(), "level at least mat; from or to zone internet",
	    ctl->json);
	print_rows(&rules->fixed, ctl->json);
	print_rows(&rules->own, ctl->json);
	print_rows(&rules->shipped, ctl->json);
	print_row(profile_last(), NULL, ctl->json);
}

/* The table of a profile as it is shipped, or the one in force with the configuration's own rows. */
int
ctl_policy_rules(struct ctl *ctl, int argc, char **argv)
{
	struct rules rules;
	unsigned profile;

	if (argc == 3 && strcmp(argv[1], "--profile") == 0) {
		if (word_value(WORD_profile, slice_of(argv[2]), &profile) != OK ||
		    rules_init_profile(&rules, profile) != OK)
			return ctl_fail("there is no profile %s", argv[2]);
	} else if (argc != 1) {
		return ctl_usage(ctl);
	} else if (ctl_config_errors(ctl) || rules_init(&rules, ctl->conf) != OK) {
		return CTL_NOT_IN_ORDER;
	}
	print_rules(ctl, &rules);
	rules_fini(&rules);
	return CTL_OK;
}
