/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* STORE: one change for the whole set, then the new flags unless .SILENT. */
#include "imapd/deliver.h"

struct store {
	struct deliver	 deliver;
	enum backend_op	 op;
	bool		 silent;
	struct flag_list flags;
};

static enum session_next
stored(struct session *s, const struct backend_reply *r)
{
	struct store *st = s->work;
	int err;

	if (r->status != OK)
		return session_err(s, r->status);
	err = view_tell_flag_names(s);	/* new ones before they are used */
	if (err != OK)
		return session_err(s, err);
	s->view.skip_modseq = st->deliver.own_modseq = r->modseq;
	return st->silent ? session_ok(s, NULL, "Done") : deliver_start(s, &st->deliver);
}

/* ["+" / "-"] "FLAGS" [".SILENT"] */
static int
parse_op(struct args *a, struct store *st)
{
	st->op = args_skip(a, '+') ? BACKEND_OP_ADD : args_skip(a, '-') ? BACKEND_OP_REMOVE :
	    BACKEND_OP_SET;
	st->silent = args_word(a, "FLAGS.SILENT");
	return st->silent || args_word(a, "FLAGS") ? OK : ERR_SYNTAX;
}

static int
parse(struct session *s, struct args *a, struct store *st)
{
	struct slice text;
	int err = args_space(a);

	if (err == OK)
		err = args_set(a, &text);
	if (err == OK)
		err = args_space(a);
	if (err == OK)
		err = parse_op(a, st);
	if (err == OK)
		err = args_space(a);
	if (err == OK)
		err = session_parse_flags(a, true, &st->flags);
	if (err == OK)
		err = args_end(a);
	return err == OK ? session_set(s, text, &st->deliver.set) : err;
}

static int
reply_items(struct session *s, struct args *a, struct fetch_items *items)
{
	int err;

	items->v = arena_array(a->arena, 2, sizeof *items->v);
	if (items->v == NULL)
		return a->arena->err;
	err = fetch_add(items, FETCH_FLAGS);
	if (err == OK && (s->command->flags & COMMAND_UID) != 0)
		err = fetch_add(items, FETCH_UID);
	return err;
}

enum session_next
cmd_store(struct session *s, struct args *a)
{
	struct backend_ask ask = { .kind = BACKEND_ASK_FLAGS, .box = s->view.box };
	struct store *st = session_work(s, sizeof *st);
	struct seqset uids;
	int err;

	if (st == NULL)
		return session_err(s, s->arena.err);
	err = parse(s, a, st);
	if (err == ERR_INVAL)
		return session_bad(s, "No such message");
	if (err == OK)
		err = reply_items(s, a, &st->deliver.items);
	if (err == OK)
		err = session_uids(s, &st->deliver.set, &uids);
	if (err != OK)
		return session_err(s, err);
	if (uids.n == 0)
		return session_ok(s, NULL, "Nothing to do");
	ask.ranges = uids.v;
	ask.ranges_n = uids.n;
	ask.op = st->op;
	ask.known_modseq = s->view.modseq;
	ask.flags = st->flags.flags;
	ask.keywords = st->flags.keywords;
	ask.keywords_n = st->flags.keywords_n;
	return session_ask(s, &ask, stored);
}
