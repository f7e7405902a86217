/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * smtpd/envelope.h: sender and recipients of one transaction, and the copies they amount to.
 *
 * Shape   a recipient that the client names (rcpt) gives local copies (one per account, merged by
 *         guid), remote copies (merged by address) and, for the policy, one row per different
 *         kind of copy (view): a group of thousands has a handful of views.
 * Bounds  everything is in one arena of ENVELOPE_OCTETS; at most ENVELOPE_COPIES of each kind.
 */
#ifndef SMTPD_ENVELOPE_H
#define SMTPD_ENVELOPE_H

#include "common/arena.h"
#include "common/quota.h"

enum { ENVELOPE_OCTETS = 24 * 1024 * 1024, ENVELOPE_COPIES = 20000, ENVELOPE_GUID = 16 };

struct envelope_local {
	unsigned char guid[ENVELOPE_GUID];
	struct slice  uid, address;
	unsigned      clearance;	/* LEVEL_* */
	struct st_quota quota;
};

struct envelope_remote {
	struct slice address;
	struct slice route;		/* title */
	unsigned     zone;		/* ZONE_* that it enters */
	unsigned     notify;		/* XTEXT_*; 0: nothing was asked for */
	struct slice orcpt;		/* as it came; may be empty */
};

/* What the client asked for a recipient (RFC 3461), and what the recipient is. */
struct envelope_wish {
	unsigned     notify;
	struct slice orcpt;
	bool	     group, outside;	/* else one account here */
};

/* What the policy judges: a recipient by the name that the sender used, and where its copy goes. */
struct envelope_view {
	size_t	 rcpt;
	unsigned exit_zone, clearance;
};

/* LMTP: a RCPT that was accepted, and what it is told in the end (RFC 2033 4.2). */
struct envelope_told {
	size_t	     rcpt;		/* says nothing once text is there */
	struct slice text;		/* whole reply lines; empty: still to be decided */
};

/* LMTP: a copy that a recipient wants; others may want it, too. */
struct envelope_link {
	size_t rcpt, copy;
	bool   remote;
};

/* Which items are there already: indices by hash. */
struct envelope_set {
	uint32_t *slots;		/* index + 1, 0 = free */
	size_t	  cap;			/* a power of two */
};

struct envelope {
	struct arena		mem;
	uint64_t		seed;
	struct slice		mail_from;	/* empty for <> */
	bool			utf8, body8;
	unsigned		ret;		/* XTEXT_RET_* */
	struct slice		envid;		/* as it came; may be empty */
	uint64_t		declared_octets; /* SIZE=, 0 if not given */
	bool			apart;		/* LMTP: keep told and links */
	struct slice	       *rcpts;
	struct envelope_wish   *wishes;		/* one per recipient */
	size_t			rcpts_n, rcpts_cap, wishes_cap;
	struct envelope_local  *locals;
	size_t			locals_n, locals_cap;
	struct envelope_remote *remotes;
	size_t			remotes_n, remotes_cap;
	struct envelope_view   *views;
	size_t			views_n, views_cap;
	size_t			named;		/* the recipient that was named last */
	struct envelope_told   *told;
	size_t			told_n, told_cap;
	struct envelope_link   *links;
	size_t			links_n, links_cap;
	struct envelope_set	rcpt_set, local_set, remote_set;
};

/* Heap; seed (random) keeps peers from choosing colliding addresses. */
int envelope_new(uint64_t seed, struct envelope **out) MUST_USE;
void envelope_free(struct envelope **env);

/* Begin a recipient: OK; ERR_EXIST: named before (any case of the domain); ERR_LIMIT, ERR_NOMEM.
 * What follows belongs to it until the next one. */
int envelope_rcpt(struct envelope *env, struct slice address) MUST_USE;

/* The recipient named last, if it was not named before, has this wish. */
void envelope_wish(struct envelope *env, const struct envelope_wish *wish);

/* Copies of the last recipient. Slices are copied. OK, ERR_LIMIT, ERR_NOMEM. */
int envelope_add_local(struct envelope *env, const struct envelope_local *to) MUST_USE;
int envelope_add_remote(struct envelope *env, const struct envelope_remote *to) MUST_USE;

/* LMTP: the recipient named last (ERR_EXIST is no obstacle) was accepted; it will be told. */
int envelope_tell(struct envelope *env) MUST_USE;

/* LMTP: the recipients with gone[rcpt] are told the text (in mem); go on without them and the
 * copies that only they want. Nothing can be added any more. OK; ERR_LIMIT: nothing was changed. */
int envelope_narrow(struct envelope *env, const bool *gone, struct slice text) MUST_USE;

/* Take back all that was added since *before was a plain copy of *env. */
void envelope_restore(struct envelope *env, const struct envelope *before);

/* Is the same address meant: local part by octets, domain in any case? */
bool envelope_same_address(struct slice a, struct slice b);

/* What follows the last "@", empty if there is none. */
struct slice envelope_domain(struct slice address);

#endif
