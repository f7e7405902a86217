/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * policy/decide.h: the decision: (context, facts, rules) -> verdict, rule, reasons.
 *
 * Shape   a pure function over one table of rows, for one recipient at a time; the first row that
 *         fits wins. Order: the fixed rows of the profile (nobody can change them), the rules of
 *         the configuration, the rows of the profile, and a last row that refuses.
 * Closed  a value outside its range anywhere in the input is refused before any row is tried.
 * Source  DESIGN §1, §4, §5.
 */
#ifndef POLICY_DECIDE_H
#define POLICY_DECIDE_H

#include "common/conf.h"
#include "policy/facts.h"

/* A condition with three values. */
enum rule_if { RULE_ANY, RULE_YES, RULE_NO };

/* A bit for value v of a vocabulary, for the masks below; a mask of 0 fits every value. */
#define RULE_BIT(v)	(1U << (v))

/* Further facts that rows ask for, as bits. */
enum rule_flag {
	RULE_FROM_ONE	  = 1 << 0,	/* exactly one From with one address */
	RULE_FROM_OWN	  = 1 << 1,	/* the account may use From, or Resent-From of a
					 * message that is sent again */
	RULE_SENDER_OWN	  = 1 << 2,	/* the account may use MAIL FROM (or it is empty), and
					 * Sender, Resent-From, Resent-Sender if present */
	RULE_AMBIGUOUS	  = 1 << 3,	/* MIME that clients read differently */
	RULE_PARTLY	  = 1 << 4,	/* partly inspected */
	RULE_INTERNAL_ONLY = 1 << 5,
	RULE_UNSIGNED_OK  = 1 << 6,	/* unsigned-until of the account is not over */
	RULE_MARK_ONLY	  = 1 << 7,	/* signature.submission = mark */
	RULE_PLAIN	  = 1 << 8,	/* thuong, small, every part inspected, nothing to review */
	RULE_STALE	  = 1 << 11,	/* revocation data in its grace time */
	RULE_DECLASSIFIED = 1 << 13,	/* bears GIẢI MẬT */
	RULE_RESENT	  = 1 << 12,	/* sent again under Resent-From (RFC 5322 3.6.6) */
	RULE_FROM_OURS	  = 1 << 10,	/* From is in a domain whose accounts are here */
	RULE_FORGED_TRACE = 1 << 9,	/* more fields bear our name than can be removed */
};

struct rule {
	const char *name;
	unsigned    paths, sigs, reasons, kinds, arrival, exit;	/* masks of RULE_BIT */
	unsigned    flags_set, flags_clear;			/* RULE_* bits asked for */
	unsigned    level_min;
	unsigned    level_under;	/* level is lower than this; 0: no such condition */
	enum rule_if opaque, review, cleared;
	uint64_t    size_max_octets;				/* 0: any */
	const struct conf_list *senders;			/* NULL or empty: any */
	const struct conf_list *units;	/* DN of the account, or above it; NULL or empty: any */
	const char *sign_as;		/* signer section of an allow; NULL or empty: none */
	unsigned    verdict;
	bool	    releasable;
	const char *enhanced, *reason_vi, *reason_en, *legal_basis;
};

struct rule_table {
	const struct rule *rows;
	size_t		   count;
};

struct rules {
	unsigned	  profile;
	bool		  mark_only;
	bool		  release_by_sender;	/* general.release-by-sender */
	struct rule_table fixed, own, shipped;	/* own: of the configuration */
	struct rule	 *memory;		/* owns the rows of own */
};

/* The rules of a configuration, which must outlive them. OK; ERR_CONF: no or unknown profile;
 * ERR_NOMEM. */
int rules_init(struct rules *r, const struct conf *conf) MUST_USE;

/* The rules of a shipped profile alone. ERR_CONF for an unknown one. */
int rules_init_profile(struct rules *r, unsigned profile) MUST_USE;
void rules_fini(struct rules *r);

/* Everything about the request that is not a fact of the message. */
struct decide_context {
	unsigned path, arrival_zone;
	bool	 from_own, sender_own;	/* see RULE_FROM_OWN; false without an account */
	struct slice unit;		/* DN of the account's entry; empty without one */
	bool	 from_ours;		/* the domain of From is one of ours */
	bool	 forged_trace;
	bool	 released;		/* rows that officers may release are passed over */
	uint64_t unsigned_until_s, now_s;
};

struct decide_rcpt {
	unsigned exit_zone, clearance;
};

struct decision {
	unsigned    verdict;
	bool	    releasable;
	bool	    about_content;	/* the row asks for something that was found inside */
	bool	    passed_other;	/* released: a row that is not about content was passed over */
	const char *rule, *enhanced, *reason_vi, *reason_en, *legal_basis;	/* never NULL */
	const char *sign_as;		/* never NULL; "": the message goes as it came */
};

/* The decision for one recipient. */
void decide(const struct decide_context *c, const struct decide_rcpt *r, const struct facts *f,
    const struct rules *rules, struct decision *out);

/* Of two verdicts the one that binds the message: reject, then defer, then allow. */
unsigned decide_worst(unsigned a, unsigned b);

#endif
