/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Rows of the configuration as rows of decide().
 */
#include <stdlib.h>

#include "policy/decide.h"
#include "policy/profile.h"

static int
mask_of(enum word_set set, const struct conf_list *list, unsigned *out)
{
	unsigned value;

	*out = 0;
	for (size_t i = 0; i < list->n; i++) {
		if (word_value(set, slice_of(list->v[i]), &value) != OK)
			return ERR_CONF;
		*out |= RULE_BIT(value);
	}
	return OK;
}

static int
masks_of(const struct conf_rule *c, struct rule *r)
{
	const struct { enum word_set set; const struct conf_list *list; unsigned *out; } all[] = {
		{ WORD_path, &c->paths, &r->paths }, { WORD_sig, &c->signatures, &r->sigs },
		{ WORD_kind, &c->kinds, &r->kinds },
		{ WORD_sig_reason, &c->reasons, &r->reasons }, { WORD_zone, &c->arrival, &r->arrival },
		{ WORD_zone, &c->exit, &r->exit },
	};
	int err = OK;

	for (size_t i = 0; i < ARRAY_LEN(all) && err == OK; i++)
		err = mask_of(all[i].set, all[i].list, all[i].out);
	return err;
}

static const char *
text_or(const char *text, const char *otherwise)
{
	return text != NULL && *text != '\0' ? text : otherwise;
}

/* Conditions that are bits of decide(). */
static void
flags_of(const struct conf_rule *c, struct rule *r)
{
	const struct { unsigned flag; uint64_t value; } all[] = {
		{ RULE_STALE, c->stale }, { RULE_PARTLY, c->partly },
		{ RULE_AMBIGUOUS, c->ambiguous }, { RULE_INTERNAL_ONLY, c->internal_only },
		{ RULE_RESENT, c->resent }, { RULE_UNSIGNED_OK, c->may_omit },
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		r->flags_set |= all[i].value == CONF_YES ? all[i].flag : 0;
		r->flags_clear |= all[i].value == CONF_NO ? all[i].flag : 0;
	}
}

static int
row_of(const struct conf_rule *c, struct rule *r)
{
	static const struct { unsigned verdict; const char *enhanced, *vi, *en; } actions[] = {
		[CONF_ACTION_ALLOW] = { VERDICT_ALLOW, "2.0.0", "", "" },
		[CONF_ACTION_DEFER] = { VERDICT_DEFER, "4.7.1",
		    "Quy tac cua don vi: hay gui lai sau",
		    "A local rule says: try again later" },
		[CONF_ACTION_REJECT] = { VERDICT_REJECT, "5.7.1",
		    "Quy tac cua don vi khong cho phep",
		    "A local rule refuses this message" },
	};

	if (c->action >= ARRAY_LEN(actions) || c->opaque > CONF_NO || c->review > CONF_NO ||
	    c->cleared > CONF_NO)
		return ERR_CONF;
	*r = (struct rule){
		.name = text_or(c->title, "rule"),
		.level_min = c->level_min,
		.level_under = c->level_max + 1,
		.opaque = (enum rule_if)c->opaque,
		.review = (enum rule_if)c->review,
		.cleared = (enum rule_if)c->cleared,
		.size_max_octets = c->size_max_octets,
		.senders = &c->senders,
		.units = &c->units,
		.sign_as = c->sign_as,
		.verdict = actions[c->action].verdict,
		.releasable = c->releasable,
		.enhanced = actions[c->action].enhanced,
		.reason_vi = text_or(c->reason_vi, actions[c->action].vi),
		.reason_en = text_or(c->reason_en, actions[c->action].en),
		.legal_basis = c->legal_basis,
	};
	flags_of(c, r);
	return masks_of(c, r);
}

int
rules_init_profile(struct rules *r, unsigned profile)
{
	*r = (struct rules){ .profile = profile };
	return profile_tables(profile, &r->fixed, &r->shipped);
}

int
rules_init(struct rules *r, const struct conf *conf)
{
	int err = rules_init_profile(r, conf->general.profile);

	if (err != OK)
		return err;
	r->mark_only = conf->signature.submission == CONF_SUBMISSION_MARK;
	r->release_by_sender = conf->general.release_by_sender;
	if (conf->rule_n == 0)
		return OK;
	r->memory = calloc(conf->rule_n, sizeof *r->memory);
	if (r->memory == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < conf->rule_n && err == OK; i++)
		err = row_of(&conf->rule[i], &r->memory[i]);
	r->own = (struct rule_table){ r->memory, conf->rule_n };
	if (err != OK)
		rules_fini(r);
	return err;
}

void
rules_fini(struct rules *r)
{
	free(r->memory);
	r->memory = NULL;
	r->own = (struct rule_table){ NULL, 0 };
}
