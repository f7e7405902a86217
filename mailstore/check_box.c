/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * A mailbox: its messages and vanished rows, one after the other.
 */
#include <stdio.h>
#include <string.h>

#include "mailstore/account.h"
#include "mailstore/check_parts.h"

/* ---- messages ---- */

/* Each row of a kind that the mailbox has. */
static int
each_row(struct check_box *w, enum record_kind kind,
    int (*take)(struct check_box *w, const struct env_cursor *cur))
{
	struct record_key prefix = record_key(w->account, kind);
	struct env_cursor cur;
	int r = env_cursor_open(w->c->ix->t, INDEX_T, &cur);

	if (r != OK)
		return r;
	record_key_u32(&prefix, w->mailbox);
	r = env_cursor_seek(&cur, record_key_slice(&prefix));
	while (r == 1 && record_key_under(cur.key, &prefix)) {
		r = take(w, &cur);
		if (r == OK)
			r = env_cursor_next(&cur);
	}
	env_cursor_close(&cur);
	return r < 0 ? r : OK;
}

static void
message_wrong(struct check_box *w, uint32_t uid, const char *what)
{
	struct check_finding f = { .kind = CHECK_MESSAGE, .account = w->account,
		.mailbox = w->mailbox, .uid = uid };

	snprintf(f.what, sizeof f.what, "%s", what);
	check_found(w->c, &f);
}

/* One of its account, also one that the mailbox had before; mat mail never has another's class. */
static bool
is_own_keyset(struct check *c, uint32_t account, uint32_t keyset, uint8_t class)
{
	const struct check_account *a = check_account(c, account);

	for (size_t i = 0; a != NULL && i < a->keysets_n; i++)
		if (a->keysets[i] == keyset)
			return account_class_fits(a->classes[i], class);
	return a == NULL;
}

/* Would who asks for changes be given this one? See struct record_box. */
static bool
is_told_of(const struct record_box *box, const struct store_record *m)
{
	if (box->recent_top != box->modseq || m->modseq <= box->recent_floor)
		return true;
	for (size_t i = 0; i < box->recent_n; i++)
		if (m->uid >= box->recent[i].lo && m->uid <= box->recent[i].hi &&
		    m->modseq <= box->recent[i].modseq)
			return true;
	return false;
}

static void
fits_box(struct check_box *w, const struct store_record *m)
{
	const struct record_box *box = w->box;
	uint64_t known = box->keywords_n >= 64 ? UINT64_MAX :
	    (UINT64_C(1) << box->keywords_n) - 1;

	if (m->uid == 0)
		message_wrong(w, m->uid, "its uid is 0");
	if ((m->keywords & ~known) != 0)
		message_wrong(w, m->uid, "it has keywords that its mailbox does not know");
	if (m->flags > (ST_SEEN | ST_ANSWERED | ST_FLAGGED | ST_DELETED | ST_DRAFT))
		message_wrong(w, m->uid, "it has flags that there are not");
	if (!is_own_keyset(w->c, w->account, m->keyset, box->class)) {
		struct check_finding f = { .kind = CHECK_KEYSET, .account = w->account,
			.mailbox = w->mailbox, .uid = m->uid, .is = m->keyset,
			.should = box->keyset, .has_numbers = true, .what = "of the message" };

		check_found(w->c, &f);
	}
	if (m->level >= LEVEL_MAT && box->class != KEYSET_MAT) {
		struct check_finding f = { .kind = CHECK_KEYSET, .account = w->account,
			.mailbox = w->mailbox, .uid = m->uid,
			.what = "a mailbox that is open has mail of a level that is not" };

		check_found(w->c, &f);
	}
}

static int
take_message(struct check_box *w, const struct env_cursor *cur)
{
	struct check *c = w->c;
	struct store_record m;
	int r = cur->key.n != 13 ? ERR_CORRUPT : record_message_get(cur->key, cur->val, &m);

	c->res->messages++;
	if (c->res->messages % CHECK_STEP == 0)
		check_step(c, "messages", c->res->messages, 0);
	if (r != OK) {
		w->sure = false;
		check_bad_row(c, false, INDEX_T, cur, r);
		return OK;
	}
	recount_box_add(&w->n, &m);
	if (w->box != NULL)
		fits_box(w, &m);
	w->missed = w->missed || (w->box != NULL && !is_told_of(w->box, &m));
	return sorter_add(c->refs, m.blob, (uint64_t)w->account << 32 | w->mailbox,
	    (uint64_t)m.uid << 1);
}

int
check_box_messages(struct check_box *w)
{
	return each_row(w, RECORD_MESSAGE, take_message);
}

/* ---- vanished ---- */

/* No uid that is said to be gone may be there. */
static int
is_gone(struct check_box *w, const struct st_range *range, bool *gone)
{
	struct record_key k = record_key_message(w->account, w->mailbox, range->lo);
	struct record_key prefix = record_key(w->account, RECORD_MESSAGE);
	struct env_cursor cur;
	int r = env_cursor_open(w->c->ix->t, INDEX_T, &cur);

	*gone = true;
	if (r != OK)
		return r;
	record_key_u32(&prefix, w->mailbox);
	r = env_cursor_seek(&cur, record_key_slice(&k));
	if (r == 1 && record_key_under(cur.key, &prefix) && cur.key.n == 13)
		*gone = record_key_read_u32(cur.key, 9) > range->hi;
	env_cursor_close(&cur);
	return r < 0 ? r : OK;
}

static int
take_vanished(struct check_box *w, const struct env_cursor *cur)
{
	struct st_range ranges[RECORD_VANISHED_MAX];
	const char *wrong = NULL;
	uint64_t modseq = record_key_read_u64(cur->key, 9);
	size_t n;
	int r = cur->key.n != 19 ? ERR_CORRUPT :
	    record_vanished_get(cur->key, cur->val, ranges, &n);

	w->n.vanished_rows++;
	if (r != OK) {
		check_bad_row(w->c, false, INDEX_T, cur, r);
		return OK;
	}
	if (modseq > w->n.modseq)
		w->n.modseq = modseq;
	if (w->box == NULL)
		return OK;
	if (modseq <= w->box->vanished_floor)
		wrong = "it is below the floor";
	for (size_t i = 0; i < n && wrong == NULL; i++) {
		bool gone;

		r = is_gone(w, &ranges[i], &gone);
		if (r != OK)
			return r;
		if (!gone)
			wrong = "a message is there that it says is gone";
		else if (ranges[i].hi >= w->box->uidnext)
			wrong = "it tells of a message that never was";
	}
	if (wrong != NULL)
		check_found_row(w->c, CHECK_VANISHED, false, INDEX_T, cur->key, wrong);
	return OK;
}

int
check_box_vanished(struct check_box *w)
{
	return each_row(w, RECORD_VANISHED, take_vanished);
}
