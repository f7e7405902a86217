/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * What happens to sessions when the directory changes: those of an account that is disabled, removed
 * or has lost rights end with 421.
 */
#include <string.h>

#include "common/log.h"
#include "directory/dirwatch.h"
#include "smtpd/conn.h"

static const enum reply whys[] = {
	[DIR_END_GONE] = SAY_ACCOUNT_GONE, [DIR_END_DISABLED] = SAY_ACCOUNT_DISABLED,
	[DIR_END_ZONE] = SAY_ACCOUNT_ZONE, [DIR_END_CREDENTIALS] = SAY_ACCOUNT_CREDENTIALS,
	[DIR_END_RIGHTS] = SAY_ACCOUNT_RIGHTS,
};

static const struct dir_account *
account_of(const struct conn *c)
{
	return c->account != NULL && c->account->account_n == 1 ? c->account->account : NULL;
}

static size_t
signed_in(void *arg, uint8_t (*out)[DIR_GUID_OCTETS], size_t max)
{
	const struct worker *w = arg;
	size_t n = 0;

	for (const struct conn *c = w->conns; c != NULL; c = c->next) {
		const struct dir_account *a = account_of(c);

		if (a == NULL || a->guid.n != DIR_GUID_OCTETS)
			continue;
		if (n < max)
			memcpy(out[n], a->guid.p, DIR_GUID_OCTETS);
		n++;
	}
	return n;
}

/* The old account stays if the new one cannot be kept, or a transaction uses it. */
static bool
take_account(struct conn *c, const struct dir_account_reply *now)
{
	struct dir_auth_reply r = { .account = now->account, .account_n = now->account_n,
		.identities = now->identities, .identities_n = now->identities_n };
	struct arena old_mem = c->account_mem;
	struct dir_auth_reply *old = c->account;
	struct slice *old_identities = c->identities;
	struct engine_account account;

	arena_init(&c->account_mem, old_mem.max);
	if (host_keep_account(c, &r, &account) == OK && engine_renew(&c->engine, &account)) {
		arena_clear(&old_mem);
		return true;
	}
	arena_clear(&c->account_mem);
	c->account_mem = old_mem;
	c->account = old;
	c->identities = old_identities;
	return false;
}

static void
end(struct conn *c, enum dir_end why)
{
	log_event(EV_ACCOUNT_ENDED, F_STR("who", account_of(c)->uid), F_CSTR("client", c->client),
	    F_CSTR("why", dir_end_name(why)));
	conn_withdraw(c, whys[why]);
}

/* What the account may do now is what it could at sign-in, or the session ends: what the directory
 * says of it later is compared with the new account. */
static enum dir_end
renewed(struct conn *c, const struct chan_answer *answer)
{
	const struct dir_account_reply *r = answer->msg;
	struct dir_right was = dir_right_of(account_of(c)), now = { .there = 0 };
	enum dir_end why = DIR_STAYS;

	if (answer->status == OK && r->account_n == 1)
		now = dir_right_of(r->account);
	if (answer->status == OK)
		why = dir_right_end(&was, &now, c->zone);
	if (why != DIR_STAYS)
		return why;
	if (answer->status == ERR_CORRUPT || (answer->status == OK && r->identities_n == 0))
		c->odd++;
	else if (answer->status == OK && take_account(c, r)) {
		c->odd = 0;
		return DIR_STAYS;
	}
	c->stale = true;	/* later: after the transaction, or when the directory is back */
	return c->odd < DIRWATCH_ODD ? DIR_STAYS : DIR_END_RIGHTS;
}

static void
on_renewal(void *arg, struct chan_answer *answer)
{
	struct conn *c = arg;
	enum dir_end why;

	c->renewing = false;
	why = renewed(c, answer);
	if (why != DIR_STAYS)
		end(c, why);
}

void
conn_renew(struct conn *c)
{
	const struct dir_account *a = account_of(c);
	struct dir_account_request q = { 0 };

	if (a == NULL || c->renewing || c->leaving || c->engine.state != ENGINE_COMMAND ||
	    c->engine.env != NULL)
		return;
	c->stale = false;
	c->renewing = true;
	q.guid = a->guid;
	chan_call(c->worker->directory, DIR_ACCOUNT, &q, NULL, 0, WORKER_SERVICE_MS, on_renewal, c,
	    &c->renewal);
}

static void
compare(struct conn *c, const struct dir_right *now)
{
	const struct dir_account *a = account_of(c);
	struct dir_right was;
	enum dir_end why;

	if (a == NULL || !slice_eq(a->guid, now->guid))
		return;
	was = dir_right_of(a);
	why = dir_right_end(&was, now, c->zone);
	if (why != DIR_STAYS) {
		end(c, why);
		return;
	}
	c->stale = true;
	conn_renew(c);
}

static void
changed(void *arg, const struct dir_right *now)
{
	struct worker *w = arg;

	for (struct conn *c = w->conns, *next; c != NULL; c = next) {
		next = c->next;		/* it may end c, and only that one */
		compare(c, now);
	}
}

int
worker_watch_accounts(struct worker *w)
{
	static const struct dirwatch_ops ops = { .signed_in = signed_in, .changed = changed };

	return dirwatch_new(w->loop, w->directory, &ops, w, &w->dirwatch);
}
