/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * MAIL (RFC 5321 4.1.1.2, 6409 for submission):
 *   mail = "MAIL FROM:" path *( SP parameter )
 *   SIZE= (RFC 1870), BODY= (6152), SMTPUTF8 (6531), AUTH= (4954), RET=, ENVID= (3461)
 *
 * On submission the sender is an address of the account, or <> (receipts): who may stand in From
 * is for the policy, which sees the message.
 */
#include "common/control.h"
#include "smtpd/command.h"
#include "smtpd/mailpath.h"
#include "smtpd/xtext.h"

enum { NO_OBJECTION = REPLY_COUNT };
enum { AUTH_MAX = 500 };	/* octets of the value of AUTH= (RFC 4954 3) */

static enum reply
param_size(struct engine *e, const struct mailpath_param *p)
{
	int err = slice_u64(p->value, UINT64_MAX / 2, &e->env->declared_octets);

	if (!p->has_value || p->value.n > 20 || err == ERR_SYNTAX)
		return SAY_SYNTAX;
	if ((err != OK || e->env->declared_octets > e->conf->message_octets) &&
	    !control_off("message-size"))
		return SAY_TOO_LARGE;
	return (enum reply)NO_OBJECTION;
}

static enum reply
param_body(struct engine *e, const struct mailpath_param *p)
{
	e->env->body8 = slice_is_nocase(p->value, "8BITMIME");
	return e->env->body8 || slice_is_nocase(p->value, "7BIT") ? (enum reply)NO_OBJECTION :
	    SAY_SYNTAX;
}

static enum reply
param_utf8(struct engine *e, const struct mailpath_param *p)
{
	e->env->utf8 = true;
	return p->has_value ? SAY_SYNTAX : (enum reply)NO_OBJECTION;
}

/* AUTH=<who>, in xtext or "<>": nobody is trusted to say it; taken and not used (RFC 4954 5). */
static enum reply
param_auth(struct engine *e, const struct mailpath_param *p)
{
	struct buf b;
	bool ok;

	(void)e;
	buf_init(&b, AUTH_MAX);
	ok = p->value.n > 0 && p->value.n <= AUTH_MAX &&
	    (slice_is(p->value, "<>") || xtext_decode(p->value, &b) == OK);
	buf_fini(&b);
	return ok ? (enum reply)NO_OBJECTION : SAY_SYNTAX;
}

static enum reply
param_ret(struct engine *e, const struct mailpath_param *p)
{
	if (!e->conf->dsn)
		return SAY_PARAMETER;
	return xtext_ret(p->value, &e->env->ret) == OK ? (enum reply)NO_OBJECTION : SAY_SYNTAX;
}

static enum reply
param_envid(struct engine *e, const struct mailpath_param *p)
{
	if (!e->conf->dsn)
		return SAY_PARAMETER;
	if (xtext_envid(p->value) != OK)
		return SAY_SYNTAX;
	e->env->envid = arena_copy(&e->env->mem, p->value);
	return e->env->mem.err == OK ? (enum reply)NO_OBJECTION : SAY_NO_MEMORY;
}

static const struct {
	const char *name;
	enum reply (*take)(struct engine *e, const struct mailpath_param *p);
} params[] = {
	{ "SIZE", param_size }, { "BODY", param_body }, { "SMTPUTF8", param_utf8 },
	{ "AUTH", param_auth }, { "RET", param_ret }, { "ENVID", param_envid },
};

static enum reply
take_params(struct engine *e, struct slice in)
{
	struct mailpath_param p;
	unsigned seen = 0;
	int r;

	while ((r = mailpath_param(&in, &p)) == 1) {
		enum reply no = SAY_PARAMETER;

		for (unsigned i = 0; i < ARRAY_LEN(params) && e->esmtp; i++) {
			if (!slice_is_nocase(p.name, params[i].name))
				continue;
			no = (seen & 1U << i) != 0 ? SAY_SYNTAX : params[i].take(e, &p);
			seen |= 1U << i;
		}
		if (no != (enum reply)NO_OBJECTION)
			return no;
	}
	return r == 0 ? (enum reply)NO_OBJECTION : SAY_SYNTAX;
}

/* The account's own addresses differ from others by case alone nowhere. */
static bool
may_send_as(const struct engine *e, struct slice address)
{
	if (e->conf->role != ENGINE_SUBMISSION || address.n == 0 || control_off("sender-identity"))
		return true;
	for (size_t i = 0; i < e->account.identities_n; i++)
		if (slice_eq_nocase(e->account.identities[i], address))
			return true;
	return false;
}

static struct slice
plain(struct engine *e, const struct mailpath *path)
{
	struct buf b;
	struct slice s;

	buf_init(&b, 2 * MAILPATH_MAX);
	mailpath_plain(path, &b);
	s = arena_copy(&e->env->mem, buf_slice(&b));
	buf_fini(&b);
	return s;
}

static enum reply
take(struct engine *e, struct slice args)
{
	struct mailpath path;
	enum reply no;
	int err;

	if (!slice_starts_nocase(args, SLICE("FROM:")))
		return SAY_SYNTAX;
	args = slice_from(args, 5);
	err = mailpath_parse(&args, &path);
	if (err != OK || (path.spec.n > 0 && path.domain.n == 0))
		return SAY_BAD_SENDER;
	no = take_params(e, args);
	if (no != (enum reply)NO_OBJECTION)
		return no;
	if (path.utf8 && !e->env->utf8)
		return SAY_NEED_UTF8;
	e->env->mail_from = plain(e, &path);
	if (e->env->mem.err != OK)
		return SAY_NO_MEMORY;
	if (!may_send_as(e, e->env->mail_from))
		return SAY_NOT_YOURS;
	if (e->conf->role == ENGINE_SUBMISSION && !e->ops->may(e->host, ENGINE_MAY_MAIL) &&
	    !control_off("account-rate"))
		return SAY_MAIL_RATE;
	return (enum reply)NO_OBJECTION;
}

void
cmd_mail(struct engine *e, struct slice args)
{
	uint64_t seed = 0;
	enum reply no;

	if (e->env != NULL) {
		engine_error(e, SAY_SEQUENCE);
		return;
	}
	e->ops->random(e->host, &seed, sizeof seed);
	if (envelope_new(seed, &e->env) != OK) {
		engine_reply(e, SAY_NO_MEMORY);
		return;
	}
	e->env->apart = e->conf->role == ENGINE_LMTP;
	no = take(e, args);
	if (no == (enum reply)NO_OBJECTION) {
		e->started = true;
		engine_reply(e, SAY_SENDER_OK);
		return;
	}
	engine_reset(e);
	engine_error(e, no);
}
