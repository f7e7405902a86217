/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* SELECT, EXAMINE, CLOSE, UNSELECT. */
#include "imapd/name.h"
#include "imapd/session.h"

static void
deselect(struct session *s)
{
	view_close(&s->view);
	s->state = SESSION_AUTH;
}

/* Once when a mark is reached, and again only at a higher one. ALERT: clients show it (RFC 3501 7.1). */
static void
say_used(struct session *s, const struct backend_state *st)
{
	if (st->used_percent > s->used_told)
		buf_addf(&s->out, "* OK [ALERT] %u%% of your mail quota is used: delete or archive mail\r\n",
		    st->used_percent);
	if (st->group_used_percent > s->group_used_told)
		buf_addf(&s->out, "* OK [ALERT] %u%% of the mail quota of your agency is used\r\n",
		    st->group_used_percent);
	s->used_told = st->used_percent;
	s->group_used_told = st->group_used_percent;
}

/* The view is loaded: say what is in it (RFC 3501 6.3.1; UIDNEXT always, phones need it). */
static enum session_next
selected(struct session *s)
{
	struct backend_state st;
	struct view *v = &s->view;
	uint32_t unseen = 0, index;
	int err = s->conf.backend->state(s->conf.ctx, v->box, &st);

	if (err == OK)
		err = s->conf.backend->first_unseen(s->conf.ctx, v->box, &unseen);
	if (err == OK)
		err = view_add_flag_names(s);
	if (err != OK) {
		deselect(s);
		return session_err(s, err);
	}
	view_add_counts(s);
	index = view_find(v, unseen);
	if (unseen != 0 && index < v->n && v->uids[index] == unseen)
		buf_addf(&s->out, "* OK [UNSEEN %u] First unseen\r\n", index + 1);
	buf_addf(&s->out, "* OK [UIDVALIDITY %u] UIDs valid\r\n", v->uidvalidity);
	buf_addf(&s->out, "* OK [UIDNEXT %u] Next UID\r\n",
	    v->n > 0 && v->uids[v->n - 1] >= st.uidnext ? v->uids[v->n - 1] + 1 : st.uidnext);
	say_used(s, &st);
	s->state = SESSION_SELECTED;
	return session_ok(s, v->readonly ? "READ-ONLY" : "READ-WRITE", "Selected");
}

static enum session_next
load_step(struct session *s)
{
	int r = view_sync_step(s);

	if (r < 0) {
		deselect(s);
		return session_err(s, r);
	}
	return r == 1 ? MORE : selected(s);
}

static enum session_next
load(struct session *s)
{
	struct backend_state st;
	int r = s->conf.backend->state(s->conf.ctx, s->view.box, &st);

	if (r == OK) {
		s->view.uidvalidity = st.uidvalidity;
		r = view_sync_begin(s, VIEW_LOAD);
	}
	if (r < 0) {
		deselect(s);
		return session_err(s, r);
	}
	return session_step(s, load_step);
}

/* Without mailstored nothing can be claimed, but the mailbox can be read. */
static enum session_next
recent_answered(struct session *s, const struct backend_reply *r)
{
	view_claimed(s, r);
	return load(s);
}

static enum session_next
open_box(struct session *s, struct args *a, bool readonly)
{
	struct backend_ask ask = { .kind = BACKEND_ASK_RECENT };
	struct backend_box box;
	struct slice wire, name;
	int err = args_space(a);

	if (err == OK)
		err = args_astring(a, &wire);
	if (err == OK)
		err = args_end(a);
	if (err != OK)
		return session_err(s, err);
	deselect(s);	/* also when it fails (RFC 3501 6.3.1) */
	err = name_parse(wire, s->conf.zone, &s->arena, &name);
	if (err == OK)
		err = s->conf.backend->box(s->conf.ctx, name, &box);
	if (err != OK)
		return session_err(s, err);
	s->view.box = ask.box = box.id;
	s->view.mat = box.mat;
	s->view.readonly = readonly;
	return view_wants_claim(s) ? session_ask(s, &ask, recent_answered) : load(s);
}

enum session_next
cmd_select(struct session *s, struct args *a)
{
	return open_box(s, a, false);
}

enum session_next
cmd_examine(struct session *s, struct args *a)
{
	return open_box(s, a, true);
}

enum session_next
cmd_unselect(struct session *s, struct args *a)
{
	if (args_end(a) != OK)
		return session_err(s, ERR_SYNTAX);
	deselect(s);
	return session_ok(s, NULL, "UNSELECT done");
}

static enum session_next
closed(struct session *s, const struct backend_reply *r)
{
	if (r->status != OK)
		return session_err(s, r->status);
	deselect(s);
	return session_ok(s, NULL, "CLOSE done");
}

/* What the client saw and marked \Deleted goes, without a word about it. */
enum session_next
cmd_close(struct session *s, struct args *a)
{
	const struct view *v = &s->view;
	struct backend_range all;
	struct backend_ask ask = { .kind = BACKEND_ASK_EXPUNGE, .box = v->box, .ranges = &all,
		.ranges_n = 1 };

	if (args_end(a) != OK)
		return session_err(s, ERR_SYNTAX);
	if (v->readonly || v->n == 0) {
		deselect(s);
		return session_ok(s, NULL, "CLOSE done");
	}
	all = (struct backend_range){ v->uids[0], v->uids[v->n - 1] };
	return session_ask(s, &ask, closed);
}
