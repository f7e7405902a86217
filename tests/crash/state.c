/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <stdio.h>
#include <string.h>

#include "acts.h"

/* ---- effects ---- */

static struct mbox *
box_named(struct state *s, uint32_t who, const char *name)
{
	for (uint32_t i = 0; i < s->boxes_n; i++)
		if (s->boxes[i].who == who && strcmp(s->boxes[i].name, name) == 0)
			return &s->boxes[i];
	return NULL;
}

static void
add_row(struct state *s, struct row r)
{
	if (s->rows_n < ROWS_MAX)
		s->rows[s->rows_n++] = r;
}

static void
add_entry(struct state *s, uint32_t id, uint32_t route)
{
	if (s->queue_n < QUEUE_MAX)
		s->queue[s->queue_n++] = (struct entry_state){ id, route };
}

static void
remove_entry(struct state *s, uint32_t id, uint32_t route, bool every)
{
	for (uint32_t i = s->queue_n; i > 0; i--)
		if (s->queue[i - 1].id == id && (every || s->queue[i - 1].route == route))
			s->queue[i - 1] = s->queue[--s->queue_n];
}

static void
remove_row(struct state *s, uint32_t i)
{
	s->rows_n--;
	memmove(&s->rows[i], &s->rows[i + 1], (s->rows_n - i) * sizeof s->rows[0]);
}

static bool
is_meant(const struct row *r, const struct act *a)
{
	return r->who == a->who && r->mailbox == a->mailbox && r->uid != 0 &&
	    r->uid >= a->uids.lo && r->uid <= a->uids.hi;
}

static void
apply_flags(struct state *s, const struct act *a)
{
	for (uint32_t i = 0; i < s->rows_n; i++) {
		struct row *r = &s->rows[i], was = *r;

		if (!is_meant(r, a))
			continue;
		if (a->op == ST_FLAGS_SET)
			r->flags = a->flags, r->keywords = a->keywords;
		else if (a->op == ST_FLAGS_ADD)
			r->flags |= a->flags, r->keywords |= a->keywords;
		else {
			r->flags &= (uint16_t)~a->flags;
			r->keywords &= (uint16_t)~a->keywords;
		}
		if (r->flags != was.flags || r->keywords != was.keywords)
			r->modseq = 0;
	}
}

static void
apply_expunge(struct state *s, const struct act *a)
{
	for (uint32_t i = 0; i < s->rows_n;)
		if (is_meant(&s->rows[i], a) && (s->rows[i].flags & ST_DELETED) != 0)
			remove_row(s, i);
		else
			i++;
}

static void
apply_copy(struct state *s, const struct act *a)
{
	uint32_t n = s->rows_n;

	for (uint32_t i = 0; i < n;) {
		struct row r = s->rows[i];

		if (!is_meant(&r, a)) {
			i++;
			continue;
		}
		r.mailbox = a->target;
		r.uid = 0;
		r.modseq = 0;
		add_row(s, r);
		if (a->kind == ACT_MOVE) {
			remove_row(s, i);
			n--;
		} else
			i++;
	}
}

static void
apply_account(struct state *s, const struct act *a)
{
	for (uint32_t id = 1; id < BOX_FIRST_FREE && s->boxes_n < BOXES_MAX; id++)
		s->boxes[s->boxes_n++] = (struct mbox){ .who = a->who, .id = id };
	if (s->number[a->who] == 0)
		s->number[a->who] = UINT32_MAX;		/* some number */
}

static void
apply_names(struct state *s, const struct act *a)
{
	struct mbox *b = box_named(s, a->who, a->name);

	switch (a->kind) {
	case ACT_CREATE:
		if (b == NULL && s->boxes_n < BOXES_MAX) {
			b = &s->boxes[s->boxes_n++];
			*b = (struct mbox){ .who = a->who };
			memcpy(b->name, a->name, sizeof b->name);
			s->subscribed[a->who] |= act_name_bit(slice_of(a->name));
		}
		break;
	case ACT_RENAME:
		if (b != NULL && box_named(s, a->who, a->new_name) == NULL)
			memcpy(b->name, a->new_name, sizeof b->name);
		break;
	case ACT_SUBSCRIBE:
		if (a->on)
			s->subscribed[a->who] |= act_name_bit(slice_of(a->name));
		else
			s->subscribed[a->who] &= ~act_name_bit(slice_of(a->name));
		break;
	default:
		if (b == NULL)
			break;
		for (uint32_t i = s->rows_n; i > 0; i--)
			if (s->rows[i - 1].who == a->who && s->rows[i - 1].mailbox == b->id)
				remove_row(s, i - 1);
		*b = s->boxes[--s->boxes_n];
	}
}

static void
apply_deliver(struct state *s, const struct act *a)
{
	for (uint32_t who = 0; who < ACCOUNTS; who++)
		if ((a->accounts >> who & 1) != 0)
			add_row(s, (struct row){ .who = who, .id = a->id,
			    .mailbox = a->mat ? BOX_MAT : BOX_INBOX });
	for (uint32_t r = 0; r < ROUTES; r++)
		if ((a->routes >> r & 1) != 0)
			add_entry(s, a->id, r);
}

void
state_apply(struct state *s, const struct act *a)
{
	switch (a->kind) {
	case ACT_ACCOUNT:
		apply_account(s, a);
		break;
	case ACT_DELIVER:
		apply_deliver(s, a);
		break;
	case ACT_APPEND:
		add_row(s, (struct row){ .who = a->who, .mailbox = a->mailbox, .id = a->id,
		    .flags = a->flags, .keywords = a->keywords });
		break;
	case ACT_FLAGS:
		apply_flags(s, a);
		break;
	case ACT_EXPUNGE:
		apply_expunge(s, a);
		break;
	case ACT_COPY:
	case ACT_MOVE:
		apply_copy(s, a);
		break;
	case ACT_CREATE:
	case ACT_RENAME:
	case ACT_DELETE:
	case ACT_SUBSCRIBE:
		apply_names(s, a);
		break;
	case ACT_RESULT:
		if (a->outcome != ST_DEFERRED)
			remove_entry(s, a->entry, a->route, false);
		break;
	case ACT_QUEUE_DELETE:
		remove_entry(s, a->entry, 0, true);
		break;
	default:
		break;
	}
}

/* ---- the ledger ---- */

static bool
is_there(const struct state *s, const struct pending *p)
{
	for (uint32_t i = 0; i < s->rows_n; i++)
		if (s->rows[i].who == p->who && s->rows[i].id == p->id)
			return true;
	return false;
}

static void
note_seen(struct ledger *l, const void *data, size_t n)
{
	uint32_t kept = 0;

	memset(&l->seen, 0, sizeof l->seen);
	memcpy(&l->seen, data, n);
	for (uint32_t i = 0; i < l->pending_n; i++)
		if (!is_there(&l->seen, &l->pending[i]))
			l->pending[kept++] = l->pending[i];
	l->pending_n = kept;
	l->group_n = 0;
}

static void
note_end(struct ledger *l, const struct note_end *end)
{
	const struct act *a = &l->group[end->index];
	int r = end->status;

	/* These say that nobody knows. */
	l->open[end->index] = r == ERR_UNKNOWN || r == ERR_IO || r == -EIO;
	l->done[end->index] = r == OK;
	if (a->kind == ACT_ACCOUNT && r != OK)	/* the rest is made at the next start */
		l->maybe |= 1u << a->who;
	if (r != OK)
		return;
	if (a->kind == ACT_DELIVER || a->kind == ACT_RESULT)
		l->audited[a->id] = true;
	for (uint32_t who = 0; who < ACCOUNTS && a->kind == ACT_DELIVER; who++)
		if ((a->accounts >> who & 1) != 0)
			l->pending[l->pending_n++] = (struct pending){ a->id, who, a->mat };
}

void
ledger_note(struct ledger *l, uint32_t note, const void *data, size_t n)
{
	switch (note) {
	case NOTE_BEGIN:
		l->group_n = (uint32_t)(n / sizeof l->group[0]);
		memcpy(l->group, data, n);
		for (uint32_t i = 0; i < GROUP_MAX; i++) {
			l->open[i] = i < l->group_n;
			l->done[i] = false;
		}
		break;
	case NOTE_END:
		note_end(l, data);
		break;
	case NOTE_SEEN:
		note_seen(l, data, n);
		break;
	case NOTE_CLOCK:
		memcpy(&l->clock_s, data, n);
		break;
	default:
		break;
	}
}

/* ---- comparing ---- */

static bool
say(char why[400], const char *what, const struct row *r)
{
	snprintf(why, 400, "%s: account %u mailbox %u uid %u message %u flags %x keywords %x "
	    "modseq %llu", what, r->who, r->mailbox, r->uid, r->id, r->flags, r->keywords,
	    (unsigned long long)r->modseq);
	return false;
}

static bool
row_fits(const struct row *must, const struct row *is)
{
	return must->who == is->who && must->mailbox == is->mailbox && must->id == is->id &&
	    must->flags == is->flags && must->keywords == is->keywords &&
	    (must->modseq == 0 || must->modseq == is->modseq);
}

/* A message whose uid was seen. */
static bool
check_seen_row(const struct state *is, const struct row *must, bool used[ROWS_MAX], char why[400])
{
	for (uint32_t i = 0; i < is->rows_n; i++) {
		const struct row *r = &is->rows[i];

		if (r->who != must->who || r->mailbox != must->mailbox || r->uid != must->uid)
			continue;
		used[i] = true;
		return row_fits(must, r) || say(why, "LOST, its uid is another message or its "
		    "flags are others", must);
	}
	return say(why, "LOST", must);
}

static uint32_t
uidnext_of(const struct state *s, uint32_t who, uint32_t mailbox)
{
	for (uint32_t i = 0; i < s->boxes_n; i++)
		if (s->boxes[i].who == who && s->boxes[i].id == mailbox)
			return s->boxes[i].uidnext;
	return 0;
}

static bool
check_new_row(const struct state *want, const struct state *is, const struct row *must,
    bool used[ROWS_MAX], char why[400])
{
	for (uint32_t i = 0; i < is->rows_n; i++) {
		if (used[i] || !row_fits(must, &is->rows[i]))
			continue;
		used[i] = true;
		return is->rows[i].uid >= uidnext_of(want, must->who, must->mailbox) ||
		    say(why, "a uid that was another's", &is->rows[i]);
	}
	return say(why, "LOST", must);
}

static bool
check_rows(const struct state *want, const struct state *is, char why[400])
{
	bool used[ROWS_MAX] = { false };

	for (uint32_t i = 0; i < want->rows_n; i++)
		if (want->rows[i].uid != 0 && !check_seen_row(is, &want->rows[i], used, why))
			return false;
	for (uint32_t i = 0; i < want->rows_n; i++)
		if (want->rows[i].uid == 0 && !check_new_row(want, is, &want->rows[i], used, why))
			return false;
	for (uint32_t i = 0; i < is->rows_n; i++)
		if (!used[i])
			return say(why, "nobody was told that it is there", &is->rows[i]);
	return true;
}

static const struct mbox *
box_like(const struct state *s, const struct mbox *m)
{
	for (uint32_t i = 0; i < s->boxes_n; i++)
		if (s->boxes[i].who == m->who && (m->id != 0 ? s->boxes[i].id == m->id :
		    strcmp(s->boxes[i].name, m->name) == 0))
			return &s->boxes[i];
	return NULL;
}

static bool
check_boxes(const struct state *want, const struct state *is, char why[400])
{
	for (uint32_t i = 0; i < want->boxes_n; i++) {
		const struct mbox *m = &want->boxes[i], *b = box_like(is, m);

		if (b == NULL || (m->name[0] != '\0' && strcmp(m->name, b->name) != 0) ||
		    (m->uidvalidity != 0 && m->uidvalidity != b->uidvalidity) ||
		    b->uidnext < m->uidnext || b->modseq < m->modseq) {
			snprintf(why, 400, "LOST: mailbox %u (%s) of account %u: uidvalidity %u, "
			    "uidnext %u, modseq %llu became %u, %u, %llu", m->id, m->name, m->who,
			    m->uidvalidity, m->uidnext, (unsigned long long)m->modseq,
			    b == NULL ? 0 : b->uidvalidity, b == NULL ? 0 : b->uidnext,
			    b == NULL ? 0 : (unsigned long long)b->modseq);
			return false;
		}
	}
	for (uint32_t i = 0; i < ACCOUNTS; i++)
		if (is->subscribed[i] != want->subscribed[i]) {
			snprintf(why, 400, "LOST: subscriptions of account %u: %x, not %x", i,
			    is->subscribed[i], want->subscribed[i]);
			return false;
		}
	if (is->boxes_n == want->boxes_n)
		return true;
	snprintf(why, 400, "%u mailboxes instead of %u", is->boxes_n, want->boxes_n);
	return false;
}

static uint32_t
count_entry(const struct state *s, const struct entry_state *e)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->queue_n; i++)
		n += s->queue[i].id == e->id && s->queue[i].route == e->route;
	return n;
}

static bool
check_queue(const struct state *want, const struct state *is, char why[400])
{
	for (uint32_t i = 0; i < want->queue_n; i++)
		if (count_entry(is, &want->queue[i]) != 1) {
			snprintf(why, 400, "LOST: queue entry of %u for route %u",
			    want->queue[i].id, want->queue[i].route);
			return false;
		}
	for (uint32_t i = 0; i < is->queue_n; i++)
		if (count_entry(want, &is->queue[i]) != 1) {
			snprintf(why, 400, "queue entry of %u for route %u came back",
			    is->queue[i].id, is->queue[i].route);
			return false;
		}
	return true;
}

static bool
check_with(const struct ledger *l, unsigned happened, const struct state *is, char why[400])
{
	static struct state want;

	want = l->seen;
	for (uint32_t who = 0; who < ACCOUNTS; who++)
		if ((l->maybe >> who & 1) != 0 && is->number[who] != 0 && want.number[who] == 0)
			apply_account(&want, &(struct act){ .who = who });
	for (uint32_t i = 0; i < l->pending_n; i++)
		add_row(&want, (struct row){ .who = l->pending[i].who, .id = l->pending[i].id,
		    .mailbox = l->pending[i].mat ? BOX_MAT : BOX_INBOX });
	for (uint32_t i = 0; i < l->group_n; i++) {
		struct act a = l->group[i];

		if (l->done[i] && a.kind == ACT_DELIVER)
			a.accounts = 0;		/* among the pending ones */
		if (l->done[i] || (happened >> i & 1) != 0)
			state_apply(&want, &a);
	}
	return check_boxes(&want, is, why) && check_rows(&want, is, why) &&
	    check_queue(&want, is, why);
}

/* What happens in one commit happens all or not at all, so these are tried before anything else. */
static bool
check_likely(const struct ledger *l, unsigned may, const struct state *is, char why[400])
{
	unsigned control = 0;

	for (uint32_t i = 0; i < l->group_n; i++)
		if (l->group[i].kind <= ACT_AGAIN || l->group[i].kind >= ACT_CLAIM)
			control |= may & 1u << i;
	return check_with(l, may, is, why) || check_with(l, control, is, why);
}

bool
ledger_check(const struct ledger *l, const struct state *is, char why[400])
{
	unsigned may = 0;
	char other[400];

	for (uint32_t i = 0; i < l->group_n; i++)
		may |= l->open[i] ? 1u << i : 0;
	if (check_likely(l, may, is, other) || check_with(l, 0, is, why))
		return true;
	for (unsigned happened = 1; happened < 1u << GROUP_MAX; happened++)
		if ((happened & ~may) == 0 && check_with(l, happened, is, other))
			return true;
	return false;
}
