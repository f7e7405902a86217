/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/release_ask.h"

#include "common/keep.h"

enum { ASK_MS = 10000, OFFICERS = 2 };

static void
ask(struct release_ask *a, struct chan_client *whom, uint16_t code, const void *msg,
    chan_answer_fn fn)
{
	a->asked = whom;
	chan_call(whom, code, msg, NULL, 0, ASK_MS, fn, a, &a->call);
}

static void
finish(struct release_ask *a, int status)
{
	if (status != OK)
		a->releases_n = 0;
	a->done(a->arg, status);
}

/* ---- the account ---- */

static void
on_account(void *arg, struct chan_answer *answer)
{
	struct release_ask *a = arg;
	const struct dir_account_reply *kept = NULL;
	int r = answer->status;

	a->asked = NULL;
	if (r == OK && (kept = keep_message(&dir_account_reply_wire, answer->msg, &a->mem)) == NULL)
		r = ERR_NOMEM;
	if (kept != NULL) {
		a->identities = kept->identities;
		a->identities_n = kept->identities_n;
	}
	finish(a, r);
}

static void
ask_account(struct release_ask *a)
{
	struct dir_account_request r = { .guid = a->account };

	if (a->account.n > 0 && a->releases_n > 0)
		ask(a, a->directory, DIR_ACCOUNT, &r, on_account);
	else
		finish(a, OK);
}

/* ---- officers ---- */

static void next_officer(struct release_ask *a);

/* Whoever the directory does not know is no officer, and the gate says so. */
static int
take_officer(struct release_ask *a, const struct dir_account_reply *r)
{
	struct pol_release *release = &a->releases[a->at / OFFICERS];
	struct pol_officer *o = &release->officers[release->officers_n++];
	const struct dir_account_reply *kept = keep_message(&dir_account_reply_wire, r, &a->mem);

	if (kept == NULL)
		return ERR_NOMEM;
	*o = (struct pol_officer){ .status = DIR_WITHDRAWN };
	if (kept->account_n == 1)
		*o = (struct pol_officer){ .guid = kept->account[0].guid,
			.status = kept->account[0].status, .roles = kept->account[0].roles,
			.identities = kept->identities, .identities_n = kept->identities_n };
	return OK;
}

static void
on_officer(void *arg, struct chan_answer *answer)
{
	struct release_ask *a = arg;
	int r = answer->status;

	a->asked = NULL;
	if (r == OK)
		r = take_officer(a, answer->msg);
	if (r != OK) {
		finish(a, r);
		return;
	}
	a->at++;
	next_officer(a);
}

static void
next_officer(struct release_ask *a)
{
	struct dir_account_request r = { .guid = { NULL, 0 } };

	if (a->at == OFFICERS * a->releases_n) {
		ask_account(a);
		return;
	}
	r.address = a->found->releases[a->at / OFFICERS].officers[a->at % OFFICERS].address;
	ask(a, a->directory, DIR_ACCOUNT, &r, on_officer);
}

/* ---- releases ---- */

static int
take_release(struct release_ask *a, const struct st_release *from, struct pol_release *to)
{
	if (from->officers_n != OFFICERS || from->statements_n != OFFICERS)
		return ERR_FRAME;
	*to = (struct pol_release){ .id = from->id,
		.used_s = from->state == ST_RELEASE_USED ? from->settled_s : 0,
		.statements = arena_array(&a->mem, OFFICERS, sizeof *to->statements),
		.statements_n = OFFICERS,
		.officers = arena_array(&a->mem, OFFICERS, sizeof *to->officers) };
	if (to->statements == NULL || to->officers == NULL)
		return a->mem.err;
	for (size_t i = 0; i < OFFICERS; i++)
		to->statements[i].octets = from->statements[i].octets;
	return OK;
}

static int
take_found(struct release_ask *a, const struct st_release_list_reply *r)
{
	int err = OK;

	a->found = keep_message(&st_release_list_reply_wire, r, &a->mem);
	if (a->found == NULL)
		return ERR_NOMEM;
	a->releases = arena_array(&a->mem, a->found->releases_n + 1, sizeof *a->releases);
	if (a->releases == NULL)
		return a->mem.err;
	for (size_t i = 0; i < a->found->releases_n && i < ST_RELEASES_OPEN_MAX && err == OK; i++)
		err = take_release(a, &a->found->releases[i], &a->releases[a->releases_n++]);
	return err;
}

static void
on_found(void *arg, struct chan_answer *answer)
{
	struct release_ask *a = arg;
	int r = answer->status;

	a->asked = NULL;
	if (r == OK)
		r = take_found(a, answer->msg);
	if (r != OK)
		finish(a, r);
	else
		next_officer(a);
}

void
release_ask_start(struct release_ask *a, const struct st_release_find_request *what)
{
	arena_init(&a->mem, RELEASE_ASK_MEM);
	a->begun = true;
	ask(a, a->store, ST_RELEASE_FIND, what, on_found);
}

void
release_ask_drop(struct release_ask *a)
{
	if (a->asked != NULL)
		chan_cancel(a->asked, a->call);
	if (a->begun)
		arena_clear(&a->mem);
	*a = (struct release_ask){ .begun = false };
}
