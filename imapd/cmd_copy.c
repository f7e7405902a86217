/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* COPY, MOVE (RFC 6851), EXPUNGE and UID EXPUNGE (RFC 4315). */
#include "common/control.h"
#include "imapd/name.h"
#include "imapd/session.h"

enum { COPYUID_OCTETS = 48 * 1024 };

/* The response code, or nothing when it would be longer than lines should be. */
static void
copyuid(const struct backend_reply *r, struct buf *out)
{
	buf_addf(out, "COPYUID %u ", r->uidvalidity);
	session_add_number_list(out, r->from, r->from_n);
	buf_addc(out, ' ');
	session_add_number_list(out, r->to, r->to_n);
}

static enum session_next
copied(struct session *s, const struct backend_reply *r)
{
	enum session_next next;
	struct buf code;

	if (r->status == ERR_NOENT)
		return session_no(s, "TRYCREATE", "No such mailbox");
	if (r->status != OK)
		return session_err(s, r->status);
	if (r->from_n == 0 && (s->command->flags & COMMAND_UID) == 0)
		return session_no(s, "EXPUNGEISSUED", "Those messages are gone");
	if (r->from_n == 0)
		return session_ok(s, NULL, "Nothing to do");
	buf_init(&code, COPYUID_OCTETS);
	copyuid(r, &code);
	next = session_ok(s, buf_cstr(&code), "Done");
	buf_fini(&code);
	return next;
}

/* MOVE tells it before the EXPUNGE responses (RFC 6851 4.3). */
static enum session_next
moved(struct session *s, const struct backend_reply *r)
{
	struct buf code;

	if (r->status != OK || r->from_n == 0)
		return copied(s, r);
	buf_init(&code, ENGINE_STEP_OCTETS);
	copyuid(r, &code);
	if (code.err == OK) {
		buf_adds(&s->out, "* OK [");
		buf_add(&s->out, buf_slice(&code));
		buf_adds(&s->out, "] Moved\r\n");
	}
	buf_fini(&code);
	return session_ok(s, NULL, "MOVE done");
}

static enum session_next
transfer(struct session *s, struct args *a, bool move)
{
	struct backend_ask ask = { .kind = BACKEND_ASK_COPY, .box = s->view.box, .move = move };
	struct slice text, wire, name;
	struct seqset indices, uids;
	struct backend_box target;
	int err = args_space(a);

	if (err == OK)
		err = args_set(a, &text);
	if (err == OK)
		err = args_space(a);
	if (err == OK)
		err = args_astring(a, &wire);
	if (err == OK)
		err = args_end(a);
	if (err == OK)
		err = session_set(s, text, &indices);
	if (err == ERR_INVAL)
		return session_bad(s, "No such message");
	if (err == OK)
		err = session_uids(s, &indices, &uids);
	if (err == OK)
		err = name_parse(wire, s->conf.zone, &s->arena, &name);
	if (err == OK && (err = s->conf.backend->box(s->conf.ctx, name, &target)) == ERR_NOENT)
		return session_no(s, "TRYCREATE", "No such mailbox");
	if (err != OK)
		return session_err(s, err);
	if (s->view.mat && !target.mat && !control_off("mat-border"))
		return session_no(s, "CANNOT", "Thu mat khong roi hop thu Mat / "
		    "Mail is not copied out of the classified mailboxes");
	if (uids.n == 0)
		return session_ok(s, NULL, "Nothing to do");
	ask.target = target.id;
	ask.ranges = uids.v;
	ask.ranges_n = uids.n;
	return session_ask(s, &ask, move ? moved : copied);
}

enum session_next
cmd_copy(struct session *s, struct args *a)
{
	return transfer(s, a, false);
}

enum session_next
cmd_move(struct session *s, struct args *a)
{
	return transfer(s, a, true);
}

static enum session_next
expunged(struct session *s, const struct backend_reply *r)
{
	return r->status == OK ? session_ok(s, NULL, "EXPUNGE done") : session_err(s, r->status);
}

/* The set of UID EXPUNGE, or all that the client knows of. */
static int
parse_expunge(struct session *s, struct args *a, struct seqset *uids)
{
	struct seqset indices;
	struct slice text;
	int err = OK;

	if ((s->command->flags & COMMAND_UID) == 0) {
		indices.v = &(struct backend_range){ 0, s->view.n - 1 };
		indices.n = s->view.n > 0;
		return args_end(a) != OK ? ERR_SYNTAX : session_uids(s, &indices, uids);
	}
	err = args_space(a);
	if (err == OK)
		err = args_set(a, &text);
	if (err == OK)
		err = args_end(a);
	if (err == OK)
		err = session_set(s, text, &indices);
	return err == OK ? session_uids(s, &indices, uids) : err;
}

enum session_next
cmd_expunge(struct session *s, struct args *a)
{
	struct backend_ask ask = { .kind = BACKEND_ASK_EXPUNGE, .box = s->view.box };
	struct seqset uids;
	int err = parse_expunge(s, a, &uids);

	if (err != OK)
		return session_err(s, err);
	if (uids.n == 0)
		return session_ok(s, NULL, "Nothing to do");
	ask.ranges = uids.v;
	ask.ranges_n = uids.n;
	return session_ask(s, &ask, expunged);
}
