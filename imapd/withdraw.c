/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * What happens to sessions when the directory changes: those of an account that is disabled, removed
 * or has lost rights end, with a word where the protocol has a place for it, and their keys go.
 */
#include <string.h>

#include "common/log.h"
#include "directory/dirwatch.h"
#include "imapd/conn.h"

static const struct { const char *code, *text; } byes[] = {
	[DIR_END_GONE] = { "CONTACTADMIN", "Tai khoan khong con / The account was removed" },
	[DIR_END_DISABLED] = { "CONTACTADMIN",
	    "Tai khoan da bi khoa / The account is disabled now" },
	[DIR_END_ZONE] = { "CONTACTADMIN", "Tai khoan khong con duoc dung tu mang nay / "
	    "The account may not be used from this network any more" },
	[DIR_END_CREDENTIALS] = { "EXPIRED", "Ten dang nhap hoac mat khau da doi / "
	    "Sign-in name or password changed, sign in again" },
	[DIR_END_RIGHTS] = { NULL, "Quyen cua tai khoan da doi / "
	    "Rights of the account changed, sign in again" },
};

/* Whose session it is or is about to become, or NULL. */
static struct account *
account_of(const struct conn *c)
{
	return c->account != NULL ? c->account : conn_signing_in(c);
}

static size_t
signed_in(void *arg, uint8_t (*out)[DIR_GUID_OCTETS], size_t max)
{
	const struct worker *w = arg;
	size_t n = 0;

	for (const struct conn *c = w->conns; c != NULL; c = c->next) {
		const struct account *a = account_of(c);

		if (a == NULL)
			continue;
		if (n < max)
			memcpy(out[n], a->guid, DIR_GUID_OCTETS);
		n++;
	}
	return n;
}

static void
compare(struct conn *c, const struct dir_right *now)
{
	struct account *a = account_of(c);
	enum dir_end end;

	if (a == NULL || memcmp(a->guid, now->guid.p, DIR_GUID_OCTETS) != 0)
		return;
	end = dir_right_end(&a->right, now, c->worker->wc->zone);
	if (end == DIR_STAYS) {
		/* The agency comes with the next sign-in: who watches the directory does not know it. */
		a->quota.octets = now->quota.octets;
		a->quota.messages = now->quota.messages;
		return;
	}
	log_event(EV_ACCOUNT_ENDED, F_CSTR("who", a->uid), F_CSTR("client", c->client),
	    F_CSTR("why", dir_end_name(end)));
	conn_withdraw(c, byes[end].code, byes[end].text);
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
conn_watch_accounts(struct worker *w)
{
	static const struct dirwatch_ops ops = { .signed_in = signed_in, .changed = changed };

	return dirwatch_new(w->loop, w->directory, &ops, w, &w->dirwatch);
}
