/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE. What stands in the classified tree stays there.
 * */
#include "imapd/name.h"
#include "imapd/session.h"

static enum session_next
answered(struct session *s, const struct backend_reply *r)
{
	return r->status == OK ? session_ok(s, NULL, "Done") : session_err(s, r->status);
}

/* SP mailbox. */
static int
parse_box(struct session *s, struct args *a, struct slice *out)
{
	struct slice wire;
	int err = args_space(a);

	if (err == OK)
		err = args_astring(a, &wire);
	return err == OK ? name_parse(wire, s->conf.zone, &s->arena, out) : err;
}

/* A name that only looks like the reserved one is reserved, too. */
static bool
is_reserved(struct slice name)
{
	return name_is_like_mat(name) && !name_is_mat(name);
}

static enum session_next
one_name(struct session *s, struct args *a, struct backend_ask *ask)
{
	int err = parse_box(s, a, &ask->name);

	if (err == OK)
		err = args_end(a);
	if (err != OK)
		return session_err(s, err);
	if (is_reserved(ask->name))
		return session_bad_name(s);
	return session_ask(s, ask, answered);
}

enum session_next
cmd_create(struct session *s, struct args *a)
{
	return one_name(s, a, &(struct backend_ask){ .kind = BACKEND_ASK_CREATE });
}

enum session_next
cmd_subscribe(struct session *s, struct args *a)
{
	return one_name(s, a, &(struct backend_ask){ .kind = BACKEND_ASK_SUBSCRIBE, .on = true });
}

enum session_next
cmd_unsubscribe(struct session *s, struct args *a)
{
	return one_name(s, a, &(struct backend_ask){ .kind = BACKEND_ASK_SUBSCRIBE });
}

static bool
is_fixed(struct slice name)
{
	return slice_is(name, "INBOX") || slice_eq(name, NAME_MAT);
}

/* Who deletes the mailbox that is selected has none then. */
static enum session_next
deleted(struct session *s, const struct backend_reply *r)
{
	const struct backend_box *box = s->work;

	if (r->status == OK && s->state == SESSION_SELECTED && box->id == s->view.box) {
		view_close(&s->view);
		s->state = SESSION_AUTH;
	}
	return answered(s, r);
}

enum session_next
cmd_delete(struct session *s, struct args *a)
{
	struct backend_ask ask = { .kind = BACKEND_ASK_DELETE };
	struct backend_box *box;
	int err = parse_box(s, a, &ask.name);

	if (err == OK)
		err = args_end(a);
	if (err == OK && is_fixed(ask.name))
		err = ERR_ACCESS;
	box = session_work(s, sizeof *box);
	if (err == OK && box == NULL)
		err = s->arena.err;
	if (err == OK)
		err = s->conf.backend->box(s->conf.ctx, ask.name, box);
	return err != OK ? session_err(s, err) : session_ask(s, &ask, deleted);
}

enum session_next
cmd_rename(struct session *s, struct args *a)
{
	struct backend_ask ask = { .kind = BACKEND_ASK_RENAME };
	int err = parse_box(s, a, &ask.name);

	if (err == OK)
		err = parse_box(s, a, &ask.new_name);
	if (err == OK)
		err = args_end(a);
	if (err != OK)
		return session_err(s, err);
	if (is_reserved(ask.new_name) || name_is_mat(ask.name) || name_is_mat(ask.new_name))
		return session_err(s, ERR_ACCESS);
	return session_ask(s, &ask, answered);
}
