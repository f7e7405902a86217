/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Signing in: directoryd says who it is, mailstored gives the account's number and wrapped keysets,
 * keyd opens those that the session may have. Only then the client hears OK; any of them away is a
 * temporary failure.
 */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/log.h"
#include "common/metric.h"
#include "imapd/conn.h"

struct sign_in {
	struct account *account;
	char		user[129];	/* as given, for the log */
	char		token[DIR_TOKEN_MAX];
	size_t		token_n;
	struct { uint32_t id; unsigned class; char wrapped[128]; size_t n; }
			keysets[CONN_KEYSETS_MAX];
	size_t		keysets_n, at;
};

void
conn_forget_account(struct conn *c)
{
	struct account *a = c->account;

	if (a == NULL)
		return;
	conn_release(c);
	for (size_t i = 0; i < a->places_n; i++)
		keys_drop(c->worker->keys, a->places[i]);
	free(a);
	c->account = NULL;
}

void
conn_sign_in_drop(struct conn *c)
{
	struct sign_in *si = c->sign_in;

	if (si == NULL)
		return;
	c->sign_in = NULL;
	sodium_memzero(si->token, sizeof si->token);
	if (si->account != NULL) {
		c->account = si->account;
		conn_forget_account(c);
	}
	free(si);
}

/* Whose sign-in is under way, as soon as that is known, or NULL. */
struct account *
conn_signing_in(const struct conn *c)
{
	return c->sign_in != NULL ? c->sign_in->account : NULL;
}

static void
over(struct conn *c, int status, enum backend_auth auth)
{
	struct backend_reply r = { .status = status, .auth = auth };

	metric_add(METRIC_SIGN_INS, status != OK ? METRIC_UNAVAILABLE :
	    auth == BACKEND_AUTH_OK ? METRIC_OK : METRIC_BAD, 1);
	if (status == OK && auth == BACKEND_AUTH_OK) {
		c->account = c->sign_in->account;
		c->sign_in->account = NULL;
		log_event(EV_AUTH_OK, F_CSTR("who", c->account->uid), F_CSTR("client", c->client),
		    F_CSTR("zone", zone_name(c->worker->wc->zone)));
	} else if (status != OK)
		log_event(EV_AUTH_UNAVAILABLE, F_CSTR("who", c->sign_in->user),
		    F_CSTR("client", c->client), F_ERR(status));
	else
		log_event(EV_AUTH_FAILED, F_CSTR("who", c->sign_in->user),
		    F_CSTR("client", c->client), F_U64("outcome", auth));
	conn_sign_in_drop(c);
	conn_answer(c, &r);
}

static void
fail(struct conn *c, int status)
{
	over(c, status == OK ? ERR_UNAVAIL : status, BACKEND_AUTH_BAD);
}

/* ---- keyd ---- */

static void unwrap_next(struct conn *c);

static void
on_unwrap(void *arg, struct chan_answer *answer)
{
	struct conn *c = arg;
	struct sign_in *si = c->sign_in;
	const struct key_unwrap_reply *r = answer->msg;
	int err = answer->status;

	c->asked = NULL;
	if (err == OK && (r->secret.n != KEYS_SECRET_OCTETS ||
	    r->class != si->keysets[si->at].class))
		err = ERR_CRYPTO;
	if (err == OK)
		err = keys_add(c->worker->keys, si->keysets[si->at].id,
		    (const uint8_t *)r->secret.p, &si->account->places[si->account->places_n]);
	if (err == OK)
		si->account->places_n++;
	/* A keyset that is not for this session leaves its mailboxes unreadable, no more. */
	if (err != OK && err != ERR_ACCESS) {
		fail(c, err);
		return;
	}
	si->at++;
	unwrap_next(c);
}

static bool
may_have(const struct conn *c, unsigned class)
{
	return class != KEYSET_MAT || c->worker->wc->zone == ZONE_INTERNAL;
}

static void
unwrap_next(struct conn *c)
{
	struct sign_in *si = c->sign_in;
	struct key_unwrap_request q = { .token = { si->token, si->token_n } };

	while (si->at < si->keysets_n && !may_have(c, si->keysets[si->at].class))
		si->at++;
	if (si->at == si->keysets_n) {
		over(c, OK, BACKEND_AUTH_OK);
		return;
	}
	q.wrapped = (struct slice){ si->keysets[si->at].wrapped, si->keysets[si->at].n };
	conn_call(c, c->worker->key, KEY_UNWRAP, &q, NULL, 0, on_unwrap);
}

/* ---- mailstored ---- */

static void
on_open(void *arg, struct chan_answer *answer)
{
	struct conn *c = arg;
	struct sign_in *si = c->sign_in;
	const struct st_open_reply *r = answer->msg;

	c->asked = NULL;
	if (answer->status != OK) {
		fail(c, answer->status);
		return;
	}
	si->account->number = r->account;
	for (size_t i = 0; i < r->keysets_n && i < CONN_KEYSETS_MAX; i++) {
		si->keysets[i].id = r->keysets[i].id;
		si->keysets[i].class = r->keysets[i].class;
		si->keysets[i].n = r->keysets[i].wrapped.n;
		memcpy(si->keysets[i].wrapped, r->keysets[i].wrapped.p, r->keysets[i].wrapped.n);
		si->keysets_n = i + 1;
		if (r->keysets[i].id > si->account->newest_keyset)
			si->account->newest_keyset = r->keysets[i].id;
	}
	unwrap_next(c);
}

/* ---- directoryd ---- */

static void
text(char *to, size_t cap, struct slice s)
{
	size_t n = s.n < cap - 1 ? s.n : cap - 1;

	if (n > 0)
		memcpy(to, s.p, n);
	to[n] = '\0';
}

/* Copied. */
static void
set_quota(struct account *a, const struct st_quota *quota)
{
	size_t n = quota->group.n < sizeof a->group ? quota->group.n : sizeof a->group;

	if (n > 0)
		memcpy(a->group, quota->group.p, n);
	a->quota = *quota;
	a->quota.group = (struct slice){ a->group, n };
}

static int
keep_account(struct sign_in *si, const struct dir_auth_reply *r)
{
	const struct dir_account *a = r->account;

	if (r->account_n != 1 || a->guid.n != DIR_GUID_OCTETS || r->token.n == 0)
		return ERR_FRAME;
	si->account = calloc(1, sizeof *si->account);
	if (si->account == NULL)
		return ERR_NOMEM;
	memcpy(si->account->guid, a->guid.p, DIR_GUID_OCTETS);
	text(si->account->address, sizeof si->account->address, a->address);
	text(si->account->uid, sizeof si->account->uid, a->uid);
	si->account->clearance = a->clearance;
	set_quota(si->account, &a->quota);
	si->account->right = dir_right_of(a);
	si->account->right.guid = (struct slice){ NULL, 0 };
	si->account->right.quota.group = (struct slice){ NULL, 0 };
	memcpy(si->token, r->token.p, r->token.n);
	si->token_n = r->token.n;
	return OK;
}

static void
open_account(struct conn *c)
{
	const struct account *a = c->sign_in->account;
	struct st_open_request q = { .guid = { a->guid, DIR_GUID_OCTETS }, .uid = slice_of(a->uid),
		.address = slice_of(a->address), .quota = a->quota };

	conn_call(c, c->worker->mailstore, ST_OPEN, &q, NULL, 0, on_open);
}

static void
on_auth(void *arg, struct chan_answer *answer)
{
	struct conn *c = arg;
	const struct dir_auth_reply *r = answer->msg;
	int err = answer->status;

	c->asked = NULL;
	if (err == OK && r->outcome == DIR_AUTH_OK)
		err = keep_account(c->sign_in, r);
	if (err != OK) {
		fail(c, err);
		return;
	}
	switch (r->outcome) {
	case DIR_AUTH_OK:
		open_account(c);
		break;
	case DIR_AUTH_DISABLED:
		over(c, OK, BACKEND_AUTH_DISABLED);
		break;
	case DIR_AUTH_ZONE:
		over(c, OK, BACKEND_AUTH_ZONE);
		break;
	case DIR_AUTH_THROTTLED:
		over(c, OK, BACKEND_AUTH_THROTTLED);
		break;
	default:
		over(c, OK, BACKEND_AUTH_BAD);
	}
}

/* The name in authzid NUL authcid NUL password. */
static struct slice
authcid(struct slice message)
{
	struct slice name;

	slice_cut(&message, '\0', &name);
	slice_cut(&message, '\0', &name);
	return name;
}

void
conn_sign_in(struct conn *c, struct slice message)
{
	struct dir_auth_request q = { .service = SLICE("imap"), .mechanism = SLICE("PLAIN"),
		.has_data = 1, .data = message, .zone = (uint8_t)c->worker->wc->zone,
		.client = slice_of(c->client) };

	conn_sign_in_drop(c);
	c->sign_in = calloc(1, sizeof *c->sign_in);
	if (c->sign_in == NULL) {
		conn_bye(c, "LIMIT", "Out of memory");
		return;
	}
	text(c->sign_in->user, sizeof c->sign_in->user, authcid(message));
	conn_call(c, c->worker->directory, DIR_AUTH, &q, NULL, 0, on_auth);
}
