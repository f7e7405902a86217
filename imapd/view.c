/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "imapd/view.h"

#include <stdlib.h>
#include <string.h>

#include "imapd/session.h"

enum { CHUNK = 64, UIDS = 2048, CHUNKS_A_STEP = 8, UID_PAGES_A_STEP = 64 };

void
view_close(struct view *v)
{
	free(v->uids);
	recent_fini(&v->recent);
	*v = (struct view){ 0 };
}

uint32_t
view_find(const struct view *v, uint32_t uid)
{
	uint32_t lo = 0, hi = v->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (v->uids[mid] < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

uint32_t
view_recent(const struct view *v)
{
	uint32_t n = 0;

	for (size_t i = 0; i < v->recent.n; i++)
		n += view_find(v, v->recent.v[i].hi + 1) - view_find(v, v->recent.v[i].lo);
	return n;
}

void
view_add_counts(struct session *s)
{
	struct view *v = &s->view;

	v->recent_told = view_recent(v);
	buf_addf(&s->out, "* %u EXISTS\r\n* %u RECENT\r\n", v->n, v->recent_told);
}

void
view_tell_recent(struct session *s)
{
	struct view *v = &s->view;
	uint32_t recent = view_recent(v);

	if (recent != v->recent_told)
		buf_addf(&s->out, "* %u RECENT\r\n", recent);
	v->recent_told = recent;
}

bool
view_wants_claim(struct session *s)
{
	struct view *v = &s->view;
	struct backend_state st;

	if (s->conf.backend->state(s->conf.ctx, v->box, &st) != OK || st.uidnext <= v->recent.end)
		return false;
	if (!v->readonly && st.first_recent_uid < st.uidnext)
		return true;
	recent_add(&v->recent, st.first_recent_uid, st.uidnext);
	return false;
}

void
view_claimed(struct session *s, const struct backend_reply *r)
{
	struct backend_state st;

	if (r->status == OK)
		recent_add(&s->view.recent, r->uid, r->end_uid);
	else if (s->conf.backend->state(s->conf.ctx, s->view.box, &st) == OK)
		recent_add(&s->view.recent, st.first_recent_uid, st.uidnext);
}

int
view_add_flag_names(struct session *s)
{
	struct slice *names;
	size_t n;
	int err = session_keywords(s, &names, &n);

	if (err != OK)
		return err;
	for (int permanent = 0; permanent <= 1; permanent++) {
		buf_adds(&s->out, permanent ? "* OK [PERMANENTFLAGS (" : "* FLAGS (");
		if (!permanent || !s->view.readonly) {
			buf_adds(&s->out, "\\Answered \\Flagged \\Deleted \\Seen \\Draft");
			for (size_t i = 0; i < n; i++) {
				buf_addc(&s->out, ' ');
				buf_add(&s->out, names[i]);
			}
			if (permanent && n < BACKEND_KEYWORDS_MAX)
				buf_adds(&s->out, " \\*");
		}
		buf_adds(&s->out, permanent ? ")] Flags that are kept\r\n" : ")\r\n");
	}
	s->view.keywords = n;
	return OK;
}

int
view_tell_flag_names(struct session *s)
{
	struct slice *names;
	size_t n;
	int err;

	s->keywords = NULL;	/* the command may have made some */
	err = session_keywords(s, &names, &n);
	return err != OK || n == s->view.keywords ? err : view_add_flag_names(s);
}

/* The message at v->at is no longer in the store. */
static void
gone(struct session *s)
{
	struct view *v = &s->view;

	buf_addf(&s->out, "* %u EXPUNGE\r\n", v->kept + 1);
	v->cut = true;
	v->at++;
}

static void
stays(struct view *v)
{
	v->uids[v->kept++] = v->uids[v->at++];
}

static void
all_gone_told(struct view *v)
{
	v->n = v->kept;
	v->cut = false;
	v->modseq_gone = v->target;
	v->phase = VIEW_TELLING;
}

/* The UID from which on flags may have changed. A mailbox with 100,000 messages is not looked through
 * for every message that comes: if its modseq is one more than the client knows, one thing happened
 * to it, and that was either making messages, or the change that this session asked for. */
static uint32_t
changed_from(const struct view *v, const struct backend_state *st)
{
	if (st->modseq != v->modseq + 1)
		return 1;
	if (st->modseq == v->skip_modseq)
		return st->uidnext;
	return st->uidnext > v->uidnext ? v->uidnext : 1;
}

/* The same for an expunge, when `gone` messages were told and that is all that can have been. */
static void
only_expunged(struct session *s, uint64_t modseq_gone, uint32_t gone)
{
	struct view *v = &s->view;
	struct backend_state st;

	if (gone > 0 && modseq_gone == v->modseq && v->target == v->modseq + 1 &&
	    s->conf.backend->state(s->conf.ctx, v->box, &st) == OK && st.modseq == v->target)
		v->next_uid = st.uidnext;
}

/* What the store remembers as expunged; if it does not reach back, all UIDs are compared. */
static int
tell_vanished(struct session *s)
{
	struct view *v = &s->view;
	struct backend_range *r;
	bool complete;
	uint64_t modseq_gone = v->modseq_gone;
	uint32_t before = v->n;
	size_t n, i = 0;
	int err = s->conf.backend->vanished(s->conf.ctx, v->box, v->modseq_gone, &s->box_arena, &r,
	    &n, &complete);

	if (err != OK)
		return err;
	if (!complete) {
		v->phase = VIEW_COMPARING;
		v->next_uid = 1;
		return OK;
	}
	while (v->at < v->n) {
		while (i < n && r[i].hi < v->uids[v->at])
			i++;
		if (i < n && r[i].lo <= v->uids[v->at])
			gone(s);
		else
			stays(v);
	}
	all_gone_told(v);
	only_expunged(s, modseq_gone, before - v->n);
	return OK;
}

int
view_sync_begin(struct session *s, enum view_mode mode)
{
	struct view *v = &s->view;
	struct backend_state st;
	int err = s->conf.backend->state(s->conf.ctx, v->box, &st);

	if (err != OK)
		return err;
	if (st.uidvalidity != v->uidvalidity)
		return ERR_NOENT;
	if (mode != VIEW_LOAD && st.modseq == v->modseq &&
	    (mode == VIEW_KEEP || st.modseq == v->modseq_gone))
		return 0;
	if (mode != VIEW_LOAD && (err = view_tell_flag_names(s)) != OK)
		return err;
	v->mode = mode;
	v->cut = false;
	v->at = v->kept = v->added = 0;
	v->next_uid = mode == VIEW_LOAD ? 1 : changed_from(v, &st);
	v->target = st.modseq;
	v->target_uidnext = st.uidnext;
	if (mode == VIEW_LOAD)
		v->phase = VIEW_LOADING;
	else if (mode == VIEW_KEEP || st.modseq == v->modseq_gone)
		v->phase = VIEW_TELLING;
	else if ((err = tell_vanished(s)) != OK)
		return err;
	return 1;
}

static int
add(struct view *v, const uint32_t *uids, size_t n)
{
	if (n > v->cap - v->n) {
		size_t cap = v->cap < 64 ? 64 : v->cap + v->cap / 2;
		uint32_t *more;

		if (v->n + n > VIEW_MESSAGES_MAX)
			return ERR_LIMIT;
		if (cap < v->n + n)
			cap = v->n + n;
		more = realloc(v->uids, cap * sizeof *more);
		if (more == NULL)
			return ERR_NOMEM;
		v->uids = more;
		v->cap = (uint32_t)cap;
	}
	memcpy(v->uids + v->n, uids, n * sizeof *uids);
	v->n += (uint32_t)n;
	v->added += (uint32_t)n;
	return OK;
}

static void
tell_flags(struct session *s, uint32_t index, const struct backend_msg *m)
{
	struct view *v = &s->view;

	if (m->modseq <= v->modseq || m->modseq == v->skip_modseq)
		return;
	buf_addf(&s->out, "* %u FETCH (", index + 1);
	if ((s->command->flags & COMMAND_UID) != 0)
		buf_addf(&s->out, "UID %u ", m->uid);
	buf_adds(&s->out, "FLAGS (");
	session_add_flags(s, m);
	buf_adds(&s->out, "))\r\n");
}

/* A changed record. A UID that is below the end of the view but not in it was expunged for the
 * client already; it cannot come back. */
static int
tell(struct session *s, const struct backend_msg *m)
{
	struct view *v = &s->view;
	uint32_t index = view_find(v, m->uid);

	if (index == v->n)
		return add(v, &m->uid, 1);
	if (v->uids[index] == m->uid)
		tell_flags(s, index, m);
	return OK;
}

static void
finish(struct session *s)
{
	struct view *v = &s->view;

	v->modseq = v->target;
	v->uidnext = v->target_uidnext;
	v->skip_modseq = 0;
	v->phase = VIEW_QUIET;
	arena_clear(&s->box_arena);
	s->keywords = NULL;
	if (v->mode == VIEW_LOAD) {
		v->modseq_gone = v->target;
		return;
	}
	if (v->added > 0)
		view_add_counts(s);
}

/* ---- steps: 1 there is more, 0 this phase is through, or an error ---- */

static int
telling(struct session *s)
{
	struct view *v = &s->view;
	struct backend_msg chunk[CHUNK];
	uint32_t next;
	size_t n;
	int err = s->conf.backend->changes(s->conf.ctx, v->box, v->modseq, v->next_uid, chunk,
	    CHUNK, &n, &next);

	for (size_t i = 0; err == OK && i < n; i++)
		err = tell(s, &chunk[i]);
	if (err != OK)
		return err;
	v->next_uid = next;
	return next != 0;
}

/* A page of all UIDs, for loading and comparing. */
static int
paging(struct session *s)
{
	struct view *v = &s->view;
	uint32_t page[UIDS];
	size_t n;
	int err = s->conf.backend->uids(s->conf.ctx, v->box, v->next_uid, page, UIDS, &n);

	if (err == OK && n > 0 && v->phase == VIEW_LOADING)
		err = add(v, page, n);
	if (err != OK)
		return err;
	for (size_t i = 0; v->phase == VIEW_COMPARING && i < n; i++) {
		while (v->at < v->n && v->uids[v->at] < page[i])
			gone(s);
		if (v->at < v->n && v->uids[v->at] == page[i])
			stays(v);
	}
	if (n == UIDS && page[n - 1] != UINT32_MAX) {
		v->next_uid = page[n - 1] + 1;
		return 1;
	}
	while (v->phase == VIEW_COMPARING && v->at < v->n)
		gone(s);
	return 0;
}

int
view_sync_step(struct session *s)
{
	struct view *v = &s->view;

	int rounds = v->phase == VIEW_TELLING ? CHUNKS_A_STEP : UID_PAGES_A_STEP;

	for (int round = 0; round < rounds && !session_is_full(s); round++) {
		int r = v->phase == VIEW_TELLING ? telling(s) : paging(s);

		if (r < 0)
			return r;
		if (r == 0 && v->phase != VIEW_COMPARING) {
			finish(s);
			return 0;
		}
		if (r == 0) {
			all_gone_told(v);
			v->next_uid = 1;
		}
	}
	return 1;
}
