/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * The ways from a certificate to a configured root. OpenSSL tries one way and stops where it ends;
 * with cross-certificates, renewed authorities and loops the first way is often not the good one.
 * Here every way is walked, depth first, certificate by certificate whose signature holds, and the
 * first that chain_check() finds good is the answer. EDGES_MAX and PATHS_MAX bound the walk: only
 * what authorities signed can use them up.
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "policy/smime/internal.h"

struct walk {
	struct question	  *q;
	STACK_OF(X509)	  *path;	/* leaf first; nothing is owned */
	enum path_use	   use;
	unsigned	   reason;	/* the best so far */
	struct path_state *out;
};

X509 *
path_candidate(const struct question *q, unsigned i)
{
	const STACK_OF(X509) *stacks[] = { q->t->roots, q->t->pool, q->embedded };

	for (size_t s = 0; s < ARRAY_LEN(stacks); s++) {
		unsigned n = stacks[s] == NULL ? 0 : (unsigned)sk_X509_num(stacks[s]);

		if (i < n)
			return sk_X509_value(stacks[s], (int)i);
		i -= n;
	}
	return NULL;
}

bool
path_is_embedded(const struct question *q, unsigned i)
{
	return i >= (unsigned)(sk_X509_num(q->t->roots) + sk_X509_num(q->t->pool));
}

static bool
is_root(const struct question *q, const X509 *x)
{
	for (int i = 0; i < sk_X509_num(q->t->roots); i++)
		if (X509_cmp(sk_X509_value(q->t->roots, i), x) == 0)
			return true;
	return false;
}

/* Which of two reasons tells more: what time or a new list may mend, then what is final. */
static int
rank(unsigned reason, bool leaf_revoked)
{
	switch (reason) {
	case SIG_OK:
		return 8;
	case SIG_INTERNAL:
		return 7;
	case SIG_REVOKED:
		return leaf_revoked ? 6 : 4;
	case SIG_UNKNOWN_REVOCATION:
		return 5;
	case SIG_EXPIRED:
		return 3;
	case SIG_WEAK:
		return 2;
	default:
		return 1;
	}
}

static void
check_path(struct walk *w)
{
	struct path_state state = { .until_s = INT64_MAX };
	unsigned reason;

	if (w->q->paths == 0)
		return;
	w->q->paths--;
	reason = chain_check(w->q, w->path, w->use, &state);
	if (w->reason == UINT32_MAX || rank(reason, state.leaf_revoked) >
	    rank(w->reason, w->out->leaf_revoked)) {
		w->reason = reason;
		*w->out = state;
	}
}

/* The same authority twice in a path leads nowhere new. */
static bool
is_in_path(const struct walk *w, const X509 *x)
{
	for (int i = 0; i < sk_X509_num(w->path); i++) {
		const X509 *y = sk_X509_value(w->path, i);

		if (x == y || (X509_NAME_cmp(X509_get_subject_name(x),
		    X509_get_subject_name(y)) == 0 && EVP_PKEY_eq(X509_get0_pubkey(x),
		    X509_get0_pubkey(y)) == 1))
			return true;
	}
	return false;
}

/* Did issuer sign x, by names, key identifiers, key usage and the signature itself? */
static bool
is_issued_by(struct question *q, X509 *x, X509 *issuer)
{
	EVP_PKEY *key = X509_get0_pubkey(issuer);

	if (key == NULL || X509_check_issued(issuer, x) != X509_V_OK ||
	    !algorithm_key_is_cheap(key) || q->edges == 0)
		return false;
	q->edges--;
	return X509_verify(x, key) == 1;
}

static bool
is_self_signed(X509 *x)
{
	return (X509_get_extension_flags(x) & EXFLAG_SS) != 0;
}

static void walk_up(struct walk *w);

static void
walk_on(struct walk *w, X509 *top)
{
	X509 *next;

	for (unsigned i = 0; w->reason != SIG_OK && (next = path_candidate(w->q, i)) != NULL; i++) {
		if (is_in_path(w, next) || !is_issued_by(w->q, top, next))
			continue;
		if (sk_X509_push(w->path, next) <= 0) {
			w->reason = SIG_INTERNAL;
			return;
		}
		walk_up(w);
		(void)sk_X509_pop(w->path);
	}
}

/*
 * Depth: CHAIN_DEPTH_MAX. A configured root that somebody else signed ends a path only if no path
 * leads on from it: where roots and authorities stand in one file, authorities are still checked.
 */
static void
walk_up(struct walk *w)
{
	X509 *top = sk_X509_value(w->path, sk_X509_num(w->path) - 1);
	bool is_end = is_root(w->q, top);
	unsigned paths = w->q->paths;

	if (!(is_end && is_self_signed(top)) && sk_X509_num(w->path) < CHAIN_DEPTH_MAX)
		walk_on(w, top);
	if (is_end && paths == w->q->paths)
		check_path(w);
}

unsigned
path_find(struct question *q, X509 *leaf, enum path_use use, struct path_state *out)
{
	struct walk w = { .q = q, .use = use, .reason = UINT32_MAX, .out = out };

	*out = (struct path_state){ .until_s = INT64_MAX };
	w.path = sk_X509_new_null();
	if (w.path == NULL || sk_X509_push(w.path, leaf) <= 0) {
		sk_X509_free(w.path);
		return SIG_INTERNAL;
	}
	walk_up(&w);
	sk_X509_free(w.path);
	ERR_clear_error();
	return w.reason == UINT32_MAX ? SIG_UNTRUSTED : w.reason;
}
