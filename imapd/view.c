/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "imapd/view.h"

#include <stdlib.h>

#include "imapd/session.h"

enum { CHUNK = 256, CHUNKS_A_STEP = 64 };

void
view_close(struct view *v)
{
	free(v->uids);
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
	return v->n - view_find(v, v->first_recent_uid);
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

/* Keywords that came into being since the client was told. */
static int
tell_keywords(struct session *s)
{
	struct slice *names;
	size_t n;
	int err;

	s->keywords = NULL;	/* the command may have made some */
	err = session_keywords(s, &names, &n);
	return err != OK || n == s->view.keywords ? err : view_add_flag_names(s);
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
	if (mode != VIEW_LOAD && (err = tell_keywords(s)) != OK)
		return err;
	v->syncing = true;
	v->mode = mode;
	v->at = v->kept = v->added = 0;
	v->next_uid = 1;
	v->target = st.modseq;
	return 1;
}

/* The message at v->at is no longer in the store. */
static void
gone(struct session *s)
{
	struct view *v = &s->view;

	if (v->mode == VIEW_ALL)
		buf_addf(&s->out, "* %u EXPUNGE\r\n", v->kept + 1);
	else
		v->uids[v->kept++] = v->uids[v->at];
	v->at++;
}

static void
present(struct session *s, const struct backend_msg *m)
{
	struct view *v = &s->view;

	v->uids[v->kept++] = m->uid;
	v->at++;
	if (m->modseq <= v->modseq || m->modseq == v->skip_modseq)
		return;
	buf_addf(&s->out, "* %u FETCH (", v->kept);
	if ((s->command->flags & COMMAND_UID) != 0)
		buf_addf(&s->out, "UID %u ", m->uid);
	buf_adds(&s->out, "FLAGS (");
	session_add_flags(s, m);
	buf_adds(&s->out, "))\r\n");
}

static int
arrived(struct session *s, const struct backend_msg *m)
{
	struct view *v = &s->view;

	if (v->kept == v->cap) {
		uint32_t cap = v->cap < 64 ? 64 : v->cap + v->cap / 2;
		uint32_t *uids;

		if (v->cap >= VIEW_MESSAGES_MAX)
			return ERR_LIMIT;
		uids = realloc(v->uids, cap * sizeof *uids);
		if (uids == NULL)
			return ERR_NOMEM;
		v->uids = uids;
		v->cap = cap;
	}
	v->uids[v->kept++] = m->uid;
	v->added++;
	if (v->mode == VIEW_LOAD && v->first_unseen == 0 && (m->flags & BACKEND_SEEN) == 0)
		v->first_unseen = v->kept;
	return OK;
}

/* One record of the store against what the client knows. A UID that is below the end of the view but
 * not in it was expunged for the client already; it cannot come back. */
static int
compare(struct session *s, const struct backend_msg *m)
{
	struct view *v = &s->view;

	while (v->at < v->n && v->uids[v->at] < m->uid)
		gone(s);
	if (v->at < v->n) {
		if (v->uids[v->at] == m->uid)
			present(s, m);
		return OK;
	}
	return arrived(s, m);
}

/* A claim that nobody waits for: what came while the session looked on is recent to it. */
static void
claim_recent(struct session *s)
{
	struct backend_ask ask = { .kind = BACKEND_ASK_RECENT_LATER, .box = s->view.box };

	if (!s->view.readonly)
		s->conf.backend->ask(s->conf.ctx, &ask);
}

static void
finish(struct session *s)
{
	struct view *v = &s->view;

	while (v->at < v->n)
		gone(s);
	v->n = v->kept;
	v->modseq = v->target;
	v->skip_modseq = 0;
	if (v->mode != VIEW_KEEP)
		v->modseq_gone = v->target;
	v->syncing = false;
	if (v->mode == VIEW_LOAD || v->added == 0)
		return;
	buf_addf(&s->out, "* %u EXISTS\r\n* %u RECENT\r\n", v->n, view_recent(v));
	claim_recent(s);
}

int
view_sync_step(struct session *s)
{
	struct view *v = &s->view;
	struct backend_msg chunk[CHUNK];

	for (int round = 0; round < CHUNKS_A_STEP && !session_is_full(s); round++) {
		size_t n;
		int err = s->conf.backend->scan(s->conf.ctx, v->box, v->next_uid, chunk, CHUNK, &n);

		for (size_t i = 0; i < n && err == OK; i++)
			err = compare(s, &chunk[i]);
		if (err != OK)
			return err;
		if (n < CHUNK || chunk[n - 1].uid == UINT32_MAX) {
			finish(s);
			return 0;
		}
		v->next_uid = chunk[n - 1].uid + 1;
	}
	return 1;
}
