/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * The tree "t": every row, what it counts and what it names. A mailbox's messages and vanished rows
 * are walked when its own row comes; the walk over the tree then only steps over them, and so finds
 * those that have no mailbox.
 */
#include <stdio.h>
#include <string.h>

#include "mailstore/check_parts.h"

/* Where the walk is. */
struct tree_walk {
	struct check	 *c;
	struct env_cursor cur;
	struct record_account acct;
	uint32_t	  account;	/* whose rows these are */
	bool		  has_row;	/* acct is its row, sound */
	bool		  sure;		/* all its mailboxes could be read */
	uint64_t	  octets, messages, expunged_octets, expunged_messages;
	uint64_t	  tokens, ages, last_box;
};

/* ---- mailboxes ---- */

static void
counter_wrong(void *arg, const struct recount_diff *d)
{
	struct check_finding f = { .kind = CHECK_BOX_COUNTER, .account = d->account,
		.mailbox = d->mailbox, .is = d->is, .should = d->counted, .has_numbers = true };

	snprintf(f.what, sizeof f.what, "%s", recount_name(d->what));
	check_found(arg, &f);
}

static void
box_wrong(struct check *c, uint32_t account, uint32_t mailbox, const char *what)
{
	struct check_finding f = { .kind = CHECK_BOX_COUNTER, .account = account,
		.mailbox = mailbox };

	snprintf(f.what, sizeof f.what, "%s", what);
	check_found(c, &f);
}

static int
check_name(struct check *c, const struct record_box *box)
{
	struct check_finding f = { .kind = CHECK_BOX_NAME, .account = box->account,
		.mailbox = box->id };
	uint32_t id = 0;
	int r = index_name_find(c->ix, box->account, record_box_name(box), &id);

	if (r != OK && r != ERR_NOENT && r != ERR_CORRUPT && r != ERR_VERSION)
		return r;
	if (r == OK && id != box->id)
		snprintf(f.what, sizeof f.what, "mailbox %u has the same name", id);
	else if (r == OK)
		return OK;
	if (r != ERR_CORRUPT)	/* the row itself is told of */
		check_found(c, &f);
	return OK;
}

static void
check_box_keyset(struct check *c, const struct record_box *box)
{
	const struct check_account *a = check_account(c, box->account);
	struct check_finding f = { .kind = CHECK_KEYSET, .account = box->account,
		.mailbox = box->id, .is = box->keyset, .has_numbers = true,
		.what = "of the mailbox" };

	int i = a == NULL ? -1 : check_keyset(a, box->keyset);

	if (a != NULL && (i < 0 || a->classes[i] != box->class))
		check_found(c, &f);
}

static int
take_box(struct tree_walk *t)
{
	struct check *c = t->c;
	struct check_box w = { .c = c, .account = t->account, .sure = true,
		.mailbox = record_key_read_u32(t->cur.key, 5) };
	struct record_box *box = &c->ix->box;
	int r = record_box_get(t->cur.key, t->cur.val, box);

	c->res->mailboxes++;
	w.box = r == OK ? box : NULL;
	if (r != OK)
		check_bad_row(c, false, INDEX_T, &t->cur, r);
	r = check_box_messages(&w);
	if (r == OK)
		r = check_box_vanished(&w);
	t->octets += w.n.octets;
	t->messages += w.n.exists;
	if (!w.sure || w.box == NULL)
		t->sure = false;
	if (r != OK || w.box == NULL)
		return r;
	if (w.sure)
		(void)recount_box_compare(box, &w.n, counter_wrong, c);
	if (w.missed)
		box_wrong(c, box->account, box->id, "of what changed lately");
	check_box_keyset(c, box);
	return check_name(c, box);
}

/* A message or vanished row in the walk: its mailbox was walked before, if it has a row. Afterwards
 * the cursor is before the first row of the next mailbox. */
static int
step_over(struct tree_walk *t)
{
	struct check *c = t->c;
	bool message = t->cur.key.p[4] == RECORD_MESSAGE;
	uint32_t mailbox = record_key_read_u32(t->cur.key, 5);
	struct record_key k = record_key_box(t->account, mailbox);
	struct check_box w = { .c = c, .account = t->account, .mailbox = mailbox, .sure = true };
	struct check_finding f = { .kind = CHECK_BOX_LOST, .account = t->account,
		.mailbox = mailbox };
	struct slice val;
	int r = env_get(c->ix->t, INDEX_T, record_key_slice(&k), &val);

	if (r == ERR_NOENT && message) {
		check_found(c, &f);
		t->sure = false;
		r = check_box_messages(&w);
	} else if (r == ERR_NOENT) {
		check_found_row(c, CHECK_ORPHAN, false, INDEX_T, t->cur.key,
		    "of a mailbox that is not there");
		return OK;
	}
	if (r != OK)
		return r;
	k = record_key(t->account, message ? RECORD_MESSAGE : RECORD_VANISHED);
	if (mailbox == UINT32_MAX)	/* cannot be: numbers are given by counting */
		return OK;
	record_key_u32(&k, mailbox + 1);
	r = env_cursor_seek(&t->cur, record_key_slice(&k));
	return r == 1 ? ERR_AGAIN : r;	/* it is on the next row already */
}

/* ---- names, tokens, and what came with format 2 ---- */

static int
take_name(struct tree_walk *t)
{
	struct check *c = t->c;
	struct record_box *box = &c->ix->target;
	struct record_key k;
	const char *wrong = NULL;
	uint64_t id;
	int r = record_u64_get(t->cur.key, t->cur.val, &id);

	if (r != OK) {
		check_bad_row(c, false, INDEX_T, &t->cur, r);
		return OK;
	}
	r = index_box_get(c->ix, t->account, (uint32_t)id, box);
	if (r == ERR_NOENT) {
		struct recount_box n;	/* it will be made anew, and needs this name */

		r = recount_box(c->ix, t->account, (uint32_t)id, &n);
		wrong = r == OK && n.exists == 0 ? "there is no such mailbox" : NULL;
	} else if (r == OK) {
		k = record_key_name(t->account, RECORD_NAME, record_box_name(box));
		if (!slice_eq(record_key_slice(&k), t->cur.key))
			wrong = "the mailbox has another name";
	}
	if (wrong != NULL)
		check_found_row(c, CHECK_NAME, false, INDEX_T, t->cur.key, wrong);
	return r == ERR_CORRUPT || r == ERR_VERSION ? OK : r;
}

static int
take_subscribed(struct tree_walk *t)
{
	struct record_key k;
	struct slice name;
	int r = record_text_get(t->cur.key, t->cur.val, &name);

	if (r == OK) {
		k = record_key_name(t->account, RECORD_SUBSCRIBED, name);
		if (!slice_eq(record_key_slice(&k), t->cur.key))
			r = ERR_CORRUPT;
	}
	if (r != OK)
		check_bad_row(t->c, false, INDEX_T, &t->cur, r);
	return OK;
}

static int
take_age(struct tree_walk *t)
{
	struct record_key token = record_key(t->account, RECORD_TOKEN);
	struct slice val;
	uint64_t nothing;
	int r = record_u64_get(t->cur.key, t->cur.val, &nothing);

	t->ages++;
	if (r != OK) {
		check_bad_row(t->c, false, INDEX_T, &t->cur, r);
		return OK;
	}
	record_key_octets(&token, slice_from(t->cur.key, 9));
	r = env_get(t->c->ix->t, INDEX_T, record_key_slice(&token), &val);
	if (r == ERR_NOENT)
		check_found_row(t->c, CHECK_TOKEN, false, INDEX_T, t->cur.key,
		    "an age without its token");
	return r == ERR_NOENT ? OK : r;
}

static int
take_expunged(struct tree_walk *t)
{
	struct store_record m;
	int r = record_message_get(t->cur.key, t->cur.val, &m);

	if (r != OK) {
		t->sure = false;
		check_bad_row(t->c, false, INDEX_T, &t->cur, r);
		return OK;
	}
	t->expunged_octets += m.size_octets;
	t->expunged_messages++;
	return sorter_add(t->c->refs, m.blob,
	    (uint64_t)t->account << 32 | record_key_read_u32(t->cur.key, 9),
	    (uint64_t)m.uid << 1 | 1);
}

/* Rights, metadata, what readers have seen: of a mailbox (0: of the account). */
static int
read_of_box(const struct env_cursor *cur, uint32_t account, uint32_t mailbox, uint8_t *has_out)
{
	struct record_rights rights;
	struct record_entry entry;
	struct record_seen seen;
	struct record_key k = { .n = 0 };
	int r;

	switch (cur->key.p[4]) {
	case RECORD_RIGHTS:
		*has_out = RECORD_HAS_RIGHTS;
		r = record_rights_get(cur->key, cur->val, &rights);
		if (r == OK)
			k = record_key_named(account, RECORD_RIGHTS, mailbox, rights.identifier);
		break;
	case RECORD_ENTRY:
		*has_out = RECORD_HAS_ENTRIES;
		r = record_entry_get(cur->key, cur->val, &entry);
		if (r == OK)
			k = record_key_named(account, RECORD_ENTRY, mailbox, entry.name);
		break;
	default:
		*has_out = RECORD_HAS_SEEN;
		return record_seen_get(cur->key, cur->val, &seen);
	}
	return r == OK && !slice_eq(record_key_slice(&k), cur->key) ? ERR_CORRUPT : r;
}

/* A mailbox that does not know of the row behaves as if there were none. */
static int
take_of_box(struct tree_walk *t)
{
	uint32_t mailbox = record_key_read_u32(t->cur.key, 5);
	struct record_box *box = &t->c->ix->target;
	uint8_t has;
	int r = read_of_box(&t->cur, t->account, mailbox, &has);

	if (r != OK) {
		check_bad_row(t->c, false, INDEX_T, &t->cur, r);
		return OK;
	}
	if (mailbox == 0 && t->cur.key.p[4] == RECORD_ENTRY)
		return OK;
	r = index_box_get(t->c->ix, t->account, mailbox, box);
	if (r == ERR_NOENT)
		check_found_row(t->c, CHECK_ORPHAN, false, INDEX_T, t->cur.key,
		    "of a mailbox that is not there");
	else if (r == OK && (box->has & has) == 0)
		box_wrong(t->c, t->account, mailbox, "of rights, metadata or readers");
	return r == ERR_NOENT || r == ERR_CORRUPT || r == ERR_VERSION ? OK : r;
}

static int
take_sound(struct tree_walk *t)
{
	int r = record_sound(t->cur.key, t->cur.val, check_newest(false, INDEX_T, t->cur.key));

	t->tokens += t->cur.key.p[4] == RECORD_TOKEN;
	if (r != OK)
		check_bad_row(t->c, false, INDEX_T, &t->cur, r);
	return OK;
}

/* ---- accounts ---- */

static int
add_group(struct check *c, const uint8_t id[16], uint64_t octets, uint64_t messages)
{
	static const uint8_t none[16];
	size_t i = 0;
	int r;

	if (memcmp(id, none, 16) == 0)
		return OK;
	while (i < c->groups_n && memcmp(c->groups[i].id, id, 16) != 0)
		i++;
	if (i == c->groups_n) {
		r = check_room((void **)&c->groups, i, &c->groups_cap, sizeof *c->groups);
		if (r != OK)
			return r;
		c->groups[c->groups_n++] = (struct check_group){ .octets = 0 };
		memcpy(c->groups[i].id, id, 16);
	}
	c->groups[i].octets += octets;
	c->groups[i].messages += messages;
	c->groups[i].accounts++;
	return OK;
}

static void
account_counter(struct tree_walk *t, const char *what, uint64_t is, uint64_t should)
{
	struct check_finding f = { .kind = CHECK_ACCOUNT_COUNTER, .account = t->account, .is = is,
		.should = should, .has_numbers = true };

	snprintf(f.what, sizeof f.what, "%s", what);
	if (is != should)
		check_found(t->c, &f);
}

static int
end_account(struct tree_walk *t)
{
	struct check_finding f = { .kind = CHECK_TOKEN, .account = t->account, .is = t->ages,
		.should = t->tokens, .has_numbers = true, .what = "ages and tokens" };

	if (t->account == 0)
		return OK;
	if (t->tokens > t->ages)
		check_found(t->c, &f);
	if (!t->has_row)
		return OK;
	if (t->sure) {
		account_counter(t, "octets", t->acct.octets, t->octets);
		account_counter(t, "messages", t->acct.messages, t->messages);
		account_counter(t, "expunged-octets", t->acct.expunged_octets,
		    t->expunged_octets);
		account_counter(t, "expunged-messages", t->acct.expunged_messages,
		    t->expunged_messages);
		if (t->last_box >= t->acct.next_mailbox)
			account_counter(t, "next-mailbox", t->acct.next_mailbox, t->last_box + 1);
	}
	return add_group(t->c, t->acct.group, t->acct.octets, t->acct.messages);
}

static void
lost_account(struct tree_walk *t, const char *why)
{
	struct check_finding f = { .kind = CHECK_ACCOUNT_LOST, .account = t->account };

	snprintf(f.what, sizeof f.what, "%s", why);
	check_found(t->c, &f);
}

/* The account's number points to the identity, and back. */
static int
check_guid(struct tree_walk *t)
{
	struct check_finding f = { .kind = CHECK_GUID, .account = t->account };
	struct slice guid = { (const char *)t->acct.guid, sizeof t->acct.guid };
	const struct check_account *a = check_account(t->c, t->account);
	uint32_t number = 0;
	int r = index_account_find(t->c->ix, guid, &number);

	if (r != OK && r != ERR_NOENT && r != ERR_CORRUPT && r != ERR_VERSION)
		return r;
	if (r == ERR_NOENT || (r == OK && number != t->account))
		check_found(t->c, &f);
	if (a != NULL && memcmp(a->guid, t->acct.guid, 16) != 0) {
		snprintf(f.what, sizeof f.what, "control knows another identity");
		check_found(t->c, &f);
	}
	return OK;
}

static int
take_account(struct tree_walk *t)
{
	struct check *c = t->c;
	struct check_account *a = check_account(c, t->account);
	struct check_finding f = { .kind = CHECK_ACCOUNT_UNKNOWN, .account = t->account };
	int r = record_account_get(t->cur.key, t->cur.val, &t->acct);

	c->res->accounts++;
	t->has_row = r == OK;
	if (a != NULL)
		a->seen = true;
	else
		check_found(c, &f);
	if (r == OK)
		return check_guid(t);
	check_bad_row(c, false, INDEX_T, &t->cur, r);
	return OK;
}

/* The row of the account comes first: what begins otherwise has lost it. */
static int
begin_account(struct tree_walk *t, uint32_t account)
{
	int r = end_account(t);
	struct check *c = t->c;

	*t = (struct tree_walk){ .c = c, .cur = t->cur, .account = account, .sure = true };
	if (r == OK && t->cur.key.p[4] != RECORD_ACCOUNT && c->res->errors < UINT64_MAX) {
		struct check_account *a = check_account(c, account);

		if (a != NULL)
			a->seen = true;
		lost_account(t, "rows of it are there");
	}
	check_step(c, "accounts", c->res->accounts, c->accounts_n);
	return r;
}

/* ---- the walk ---- */

static const struct {
	char   letter;
	size_t key_octets;
	int  (*take)(struct tree_walk *t);
} letters[] = {
	{ RECORD_ACCOUNT, 5, take_account }, { RECORD_BOX, 9, take_box },
	{ RECORD_DELETED, 13, take_sound }, { RECORD_EXPUNGED, 17, take_expunged },
	{ RECORD_RIGHTS, 25, take_of_box }, { RECORD_MESSAGE, 13, step_over },
	{ RECORD_NAME, 21, take_name }, { RECORD_SEEN, 13, take_of_box },
	{ RECORD_SUBSCRIBED, 21, take_subscribed }, { RECORD_TOKEN, 21, take_sound },
	{ RECORD_VANISHED, 19, step_over }, { RECORD_ENTRY, 25, take_of_box },
	{ RECORD_TOKEN_AGE, 25, take_age },
};

static int
take_row(struct tree_walk *t)
{
	struct slice key = t->cur.key;
	size_t i = 0;
	int r;

	while (i < ARRAY_LEN(letters) && (key.n < 5 || letters[i].letter != key.p[4]))
		i++;
	if (i == ARRAY_LEN(letters) || key.n != letters[i].key_octets ||
	    record_key_read_u32(key, 0) == 0) {
		check_found_row(t->c, CHECK_ROW_UNKNOWN, false, INDEX_T, key, "");
		return OK;
	}
	r = record_key_read_u32(key, 0) != t->account ?
	    begin_account(t, record_key_read_u32(key, 0)) : OK;
	if (r == OK && letters[i].letter == RECORD_BOX)
		t->last_box = record_key_read_u32(key, 5);
	return r == OK ? letters[i].take(t) : r;
}

/* LMDB finds a row by its key where the walk met it; else a branch leads elsewhere. The walk counts
 * what it met, too. */
int
check_tree(struct check *c)
{
	struct tree_walk t = { .c = c };
	struct record_key first = { .n = 0 };
	int r = env_cursor_open(c->ix->t, INDEX_T, &t.cur);

	if (r != OK)
		return r;
	record_key_u32(&first, c->only);
	r = env_cursor_seek(&t.cur, record_key_slice(&first));
	while (r == 1 && (c->only == 0 || record_key_read_u32(t.cur.key, 0) == c->only)) {
		r = take_row(&t);
		if (r == OK)
			r = env_cursor_next(&t.cur);
		else if (r == ERR_AGAIN)
			r = 1;
	}
	if (r >= 0)
		r = end_account(&t);
	env_cursor_close(&t.cur);
	return r;
}
