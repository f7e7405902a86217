/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * RCPT (RFC 5321 4.1.1.3): rcpt = "RCPT TO:" path *( SP parameter )
 *   NOTIFY=, ORCPT= (RFC 3461)
 *
 * The directory says now who is meant, the store whether there is room: what is refused is refused
 * here, and no bounce is ever needed for it.
 */
#include "common/control.h"
#include "smtpd/command.h"
#include "smtpd/mailpath.h"
#include "smtpd/xtext.h"

enum { GUESSES_FREE = 10 };	/* of one session, answered at once */

/* The address as it is resolved: <postmaster> gets the main domain. */
static struct slice
full_address(struct engine *e, const struct mailpath *path)
{
	struct buf b;
	struct slice s;

	buf_init(&b, 2 * MAILPATH_MAX + 64);
	mailpath_plain(path, &b);
	if (path->domain.n == 0)
		buf_addf(&b, "@%s", e->conf->postmaster_domain);
	s = arena_copy(&e->env->mem, buf_slice(&b));
	buf_fini(&b);
	return s;
}

/* REPLY_COUNT: nothing against them; e->wish has them (in the line still). */
static enum reply
take_params(struct engine *e, struct slice in)
{
	struct mailpath_param p;
	int r;

	e->wish = (struct envelope_wish){ .notify = 0 };
	while ((r = mailpath_param(&in, &p)) == 1) {
		bool notify = slice_is_nocase(p.name, "NOTIFY");

		if (!e->conf->dsn || !e->esmtp || (!notify && !slice_is_nocase(p.name, "ORCPT")))
			return SAY_PARAMETER;
		if (notify ? e->wish.notify != 0 || xtext_notify(p.value, &e->wish.notify) != OK :
		    e->wish.orcpt.n > 0 || xtext_orcpt(p.value) != OK)
			return SAY_SYNTAX;
		if (!notify)
			e->wish.orcpt = p.value;
	}
	return r == 0 ? REPLY_COUNT : SAY_SYNTAX;
}

static enum reply
objection(struct engine *e, struct slice args, struct mailpath *path)
{
	enum reply no;
	int err;

	if (!slice_starts_nocase(args, SLICE("TO:")))
		return SAY_SYNTAX;
	args = slice_from(args, 3);
	err = mailpath_parse(&args, path);
	if (err != OK || path->spec.n == 0)
		return SAY_BAD_RCPT;
	no = take_params(e, args);
	if (no != REPLY_COUNT)
		return no;
	if (path->utf8 && !e->env->utf8)
		return SAY_NEED_UTF8;
	if (e->conf->role == ENGINE_SUBMISSION && !e->ops->may(e->host, ENGINE_MAY_RCPT) &&
	    !control_off("account-rate"))
		return SAY_RCPT_RATE;
	return REPLY_COUNT;
}

void
cmd_rcpt(struct engine *e, struct slice args)
{
	struct mailpath path;
	enum reply no;

	if (e->env == NULL) {
		engine_error(e, SAY_SEQUENCE);
		return;
	}
	no = objection(e, args, &path);
	if (no != REPLY_COUNT) {
		engine_error(e, no);
		return;
	}
	e->rcpt = full_address(e, &path);
	e->wish.orcpt = arena_copy(&e->env->mem, e->wish.orcpt);
	if (e->conf->role == ENGINE_MX && !e->ops->may(e->host, ENGINE_MAY_TRY) &&
	    !control_off("guess-rate")) {
		engine_bye(e, SAY_TOO_MANY_GUESSES);
		return;
	}
	if (e->env->rcpts_n >= e->conf->recipients || e->env->told_n >= e->conf->recipients ||
	    e->env->mem.err != OK) {
		engine_reply(e, SAY_TOO_MANY_RCPTS);
		return;
	}
	engine_enter(e, ENGINE_WAIT_RCPT);
	e->ops->rcpt(e->host, e->rcpt);
}

/* ---- the directory's answer ---- */

/* Find the route of an address that is not ours; only a signed-in sender gets mail out, except to
 * the outside members of a group of ours. */
static enum reply
add_outside(struct engine *e, struct slice address)
{
	struct envelope_remote r = { .address = address, .notify = e->wish.notify,
	    .orcpt = e->wish.orcpt };

	if (!e->ops->route(e->host, envelope_domain(address), &r.route, &r.zone))
		return SAY_NO_RELAY;
	return envelope_add_remote(e->env, &r) == OK ? SAY_RCPT_OK : SAY_TOO_MANY_RCPTS;
}

static enum reply
add_members(struct engine *e, const struct engine_rcpt_answer *a)
{
	enum reply r = a->locals_n + a->externals_n > 0 ? SAY_RCPT_OK : SAY_UNKNOWN_USER;

	for (size_t i = 0; i < a->locals_n && r == SAY_RCPT_OK; i++)
		if (envelope_add_local(e->env, &a->locals[i]) != OK)
			r = SAY_TOO_MANY_RCPTS;
	/* That the group was reached is told by us; of its members only what goes wrong, and who
	 * they are is not named by a next hop (RFC 3461 5.2.7.3). */
	e->wish.orcpt = (struct slice){ NULL, 0 };
	if ((e->wish.notify & XTEXT_SUCCESS) != 0)
		e->wish.notify = e->wish.notify == XTEXT_SUCCESS ? (unsigned)XTEXT_NEVER :
		    e->wish.notify & ~(unsigned)XTEXT_SUCCESS;
	/* Whom a stranger names as the sender may be anybody: no notice goes there. */
	if (e->conf->role == ENGINE_MX && !e->conf->dsn && !control_off("backscatter"))
		e->wish.notify = XTEXT_NEVER;
	for (size_t i = 0; i < a->externals_n && r == SAY_RCPT_OK; i++)
		r = add_outside(e, a->externals[i]);
	return r;
}

/* All or nothing: a recipient whose copies do not fit must not leave some of them behind. */
static enum reply
add_recipient(struct engine *e, const struct engine_rcpt_answer *a)
{
	struct envelope before = *e->env;
	int err = envelope_rcpt(e->env, e->rcpt);
	enum reply r = SAY_RCPT_OK;

	e->wish.group = a->outcome == ENGINE_RCPT_GROUP;
	e->wish.outside = a->outcome == ENGINE_RCPT_NOT_OURS;
	if (err == OK)
		envelope_wish(e->env, &e->wish);

	if (err == OK)
		r = a->outcome == ENGINE_RCPT_NOT_OURS ? add_outside(e, e->rcpt) :
		    add_members(e, a);
	else if (err != ERR_EXIST)
		r = SAY_TOO_MANY_RCPTS;
	if (r == SAY_RCPT_OK && e->env->apart && envelope_tell(e->env) != OK)
		r = SAY_TOO_MANY_RCPTS;
	if (r != SAY_RCPT_OK)
		envelope_restore(e->env, &before);
	return r;
}

static void
answer_with(struct engine *e, enum reply r)
{
	engine_reply(e, r);
	if (r != SAY_RCPT_OK && reply_code(r) >= 500 && ++e->junk > COMMAND_JUNK_MAX)
		engine_bye(e, SAY_TOO_MANY_ERRORS);
	engine_ready(e);
}

/* Who does not know whom to write to is told later and later, and in the end to go: so
 * nobody learns our addresses by asking. */
static void
answer_stranger(struct engine *e, enum reply r)
{
	if (e->conf->role != ENGINE_MX || control_off("guess-rate")) {
		answer_with(e, r);
	} else if (!e->ops->may(e->host, ENGINE_MAY_ERR)) {
		engine_bye(e, SAY_TOO_MANY_GUESSES);
	} else if (++e->guesses > GUESSES_FREE) {
		e->penalty = r;
		engine_enter(e, ENGINE_SLOW);
	} else {
		answer_with(e, r);
	}
}

void
cmd_rcpt_slow(struct engine *e, const void *none)
{
	(void)none;
	answer_with(e, e->penalty);
}

/* One account: is there room? Its row is kept until the store has said so. */
static void
ask_room(struct engine *e, const struct envelope_local *to)
{
	e->room = *to;
	e->room.uid = arena_copy(&e->env->mem, to->uid);
	e->room.address = arena_copy(&e->env->mem, to->address);
	e->room.quota.group = arena_copy(&e->env->mem, to->quota.group);
	if (e->env->mem.err != OK) {
		answer_with(e, SAY_TOO_MANY_RCPTS);
		return;
	}
	engine_enter(e, ENGINE_WAIT_ROOM);
	e->ops->room(e->host, &e->room, e->env->declared_octets);
}

void
cmd_rcpt_answer(struct engine *e, const void *answer)
{
	const struct engine_rcpt_answer *a = answer;

	if (a->status != OK)
		answer_with(e, SAY_NOT_NOW);
	else if (a->outcome == ENGINE_RCPT_LOCAL && a->locals_n == 1)
		ask_room(e, &a->locals[0]);
	else if (a->outcome == ENGINE_RCPT_GROUP)
		answer_with(e, add_recipient(e, a));
	else if (a->outcome == ENGINE_RCPT_TOO_LARGE)
		answer_with(e, SAY_TOO_MANY_RCPTS);
	else if (a->outcome == ENGINE_RCPT_NOT_OURS &&
	    (e->conf->role == ENGINE_SUBMISSION || control_off("relay-refusal")))
		answer_with(e, add_recipient(e, a));
	else
		answer_stranger(e, a->outcome == ENGINE_RCPT_NOT_OURS ? SAY_NO_RELAY :
		    a->outcome == ENGINE_RCPT_DISABLED ? SAY_DISABLED : SAY_UNKNOWN_USER);
}

void
cmd_rcpt_room(struct engine *e, const void *status)
{
	struct engine_rcpt_answer a = { .outcome = ENGINE_RCPT_LOCAL, .locals = &e->room,
	    .locals_n = 1 };
	int err = *(const int *)status;

	if (err == OK || err == ERR_NOENT)	/* ERR_NOENT: the first mail makes the mailbox */
		answer_with(e, add_recipient(e, &a));
	else
		answer_with(e, err == ERR_QUOTA ? SAY_MAILBOX_FULL :
		    err == ERR_NOSPC ? SAY_DISK_FULL : SAY_NOT_NOW);
}

void
cmd_rcpt_timeout(struct engine *e, const void *none)
{
	(void)none;
	e->ops->cancel(e->host);
	answer_with(e, SAY_NOT_NOW);
}
