/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <stdio.h>
#include <string.h>

#include "mailstore/box.h"
#include "mailstore/repair_parts.h"

/* ---- counters ---- */

static void
set_counters(struct record_box *box, const struct recount_box *n)
{
	box->exists = (uint32_t)n->exists;
	box->unseen = (uint32_t)n->unseen;
	box->deleted = (uint32_t)n->deleted;
	box->octets = n->octets;
	box->vanished_rows = n->vanished_rows;
	if (box->uidnext <= n->last_uid)
		box->uidnext = n->last_uid + 1;
	if (box->modseq < n->modseq)
		box->modseq = n->modseq;
	box->recent_top = 0;	/* what changed lately is not known */
}

static int
count_box(struct check *c, struct record_box *box)
{
	struct recount_box n;
	int r = recount_box(c->ix, box->account, box->id, &n);

	if (r == OK)
		set_counters(box, &n);
	return r;
}

/* Which rows of other kinds there are. */
static int
look_what_it_has(struct check *c, struct record_box *box)
{
	static const struct {
		enum record_kind kind;
		uint8_t		 has;
	} kinds[] = { { RECORD_RIGHTS, RECORD_HAS_RIGHTS }, { RECORD_ENTRY, RECORD_HAS_ENTRIES },
		{ RECORD_SEEN, RECORD_HAS_SEEN } };
	struct env_cursor cur;
	int r = env_cursor_open(c->ix->t, INDEX_T, &cur);

	for (size_t i = 0; i < ARRAY_LEN(kinds) && r >= 0; i++) {
		struct record_key prefix = record_key(box->account, kinds[i].kind);

		record_key_u32(&prefix, box->id);
		r = env_cursor_seek(&cur, record_key_slice(&prefix));
		if (r == 1 && record_key_under(cur.key, &prefix))
			box->has |= kinds[i].has;
	}
	env_cursor_close(&cur);
	return r < 0 ? r : OK;
}

int
repair_box_counter(struct check *c, const struct check_finding *f)
{
	struct record_box *box = &c->ix->box;
	int r = index_box_get(c->ix, f->account, f->mailbox, box);

	if (r == OK)
		r = count_box(c, box);
	if (r == OK)
		r = look_what_it_has(c, box);
	return r == OK ? index_box_put(c->ix, box) : r;
}

/* What an account's rows say. */
struct account_sum {
	uint64_t octets, messages, expunged_octets, expunged_messages;
	uint32_t last_mailbox, last_uidvalidity;
	bool	 any;			/* it has a mailbox */
};

static int
sum_row(struct check *c, const struct env_cursor *cur, struct account_sum *s)
{
	struct record_box *box = &c->ix->target;
	struct recount_box n;
	struct store_record m;
	int r = OK;

	switch (cur->key.n > 4 ? cur->key.p[4] : 0) {
	case RECORD_BOX:
		r = record_box_get(cur->key, cur->val, box);
		if (r == OK)
			r = recount_box(c->ix, box->account, box->id, &n);
		if (r != OK)
			return r;
		s->any = true;
		s->octets += n.octets;
		s->messages += n.exists;
		if (box->id > s->last_mailbox)
			s->last_mailbox = box->id;
		if (box->uidvalidity > s->last_uidvalidity)
			s->last_uidvalidity = box->uidvalidity;
		return OK;
	case RECORD_EXPUNGED:
		r = record_message_get(cur->key, cur->val, &m);
		s->expunged_octets += r == OK ? m.size_octets : 0;
		s->expunged_messages += r == OK;
		return r;
	case RECORD_MESSAGE:		/* a mailbox may have lost its row */
		if (cur->key.n == 13 && record_key_read_u32(cur->key, 5) > s->last_mailbox)
			s->last_mailbox = record_key_read_u32(cur->key, 5);
		return OK;
	default:
		return OK;
	}
}

static int
sum_account(struct check *c, uint32_t account, struct account_sum *out)
{
	struct record_key prefix = { .n = 0 };
	struct env_cursor cur;
	int r = env_cursor_open(c->ix->t, INDEX_T, &cur);

	*out = (struct account_sum){ .octets = 0 };
	if (r != OK)
		return r;
	record_key_u32(&prefix, account);
	r = env_cursor_seek(&cur, record_key_slice(&prefix));
	while (r == 1 && record_key_under(cur.key, &prefix)) {
		r = sum_row(c, &cur, out);
		if (r == OK)
			r = env_cursor_next(&cur);
	}
	env_cursor_close(&cur);
	return r < 0 ? r : OK;
}

static void
set_sums(struct record_account *a, const struct account_sum *s)
{
	a->octets = s->octets;
	a->messages = s->messages;
	a->expunged_octets = s->expunged_octets;
	a->expunged_messages = s->expunged_messages;
	if (a->next_mailbox <= s->last_mailbox)
		a->next_mailbox = s->last_mailbox + 1;
	if (a->last_uidvalidity < s->last_uidvalidity)
		a->last_uidvalidity = s->last_uidvalidity;
}

int
repair_account_counter(struct check *c, const struct check_finding *f)
{
	struct record_account a;
	struct account_sum s;
	int r = index_account_get(c->ix, f->account, &a);

	if (r == OK)
		r = sum_account(c, f->account, &s);
	if (r != OK)
		return r;
	set_sums(&a, &s);
	return index_account_put(c->ix, f->account, &a);
}

int
repair_group_counter(struct check *c, const struct check_finding *f)
{
	struct slice key = { (const char *)f->key, f->key_octets };
	struct record_group g = { .octets = 0 };
	int r = index_group_get(c->ix, key, &g);

	if (r != OK && r != ERR_NOENT)
		return r;
	if (strcmp(f->what, "octets") == 0)
		g.octets = f->should;
	else if (strcmp(f->what, "messages") == 0)
		g.messages = f->should;
	else
		g.accounts = (uint32_t)f->should;
	return index_group_put(c->ix, key, &g);
}

/* ---- accounts ---- */

static int
control_row(struct check *c, uint32_t account, struct control_account *out)
{
	const struct check_account *a = check_account(c, account);

	if (a == NULL)
		return ERR_NOENT;
	return control_get_account(c->ctl,
	    (struct slice){ (const char *)a->guid, sizeof a->guid }, &c->a, out);
}

static uint32_t
keyset_of(const struct control_account *row, uint8_t class)
{
	for (size_t i = 0; i < row->keysets_n; i++)
		if (row->keysets[i].class == class && row->keysets[i].successor == 0 &&
		    row->keysets[i].mailbox == 0)
			return row->keysets[i].id;
	return 0;
}

int
repair_account_lost(struct check *c, const struct check_finding *f)
{
	struct record_account a = { .next_mailbox = BOX_FIRST_FREE };
	struct control_account row;
	struct account_sum s;
	int r = index_account_get(c->ix, f->account, &a);

	if (r != ERR_NOENT)
		return r;
	r = control_row(c, f->account, &row);
	if (r == OK)
		r = sum_account(c, f->account, &s);
	if (r != OK)
		return r;
	if (!s.any && s.last_mailbox == 0)
		return box_account_make(c->ix, f->account, row.guid,
		    keyset_of(&row, KEYSET_OPEN), keyset_of(&row, KEYSET_MAT), c->repair->now_s);
	a = (struct record_account){ .next_mailbox = BOX_FIRST_FREE,
		.keyset_open = keyset_of(&row, KEYSET_OPEN),
		.keyset_mat = keyset_of(&row, KEYSET_MAT),
		.last_uidvalidity = (uint32_t)c->repair->now_s };
	memcpy(a.guid, row.guid.p, sizeof a.guid);
	set_sums(&a, &s);
	r = index_account_put(c->ix, f->account, &a);
	return r == OK ? index_guid_put(c->ix, row.guid, f->account) : r;
}

int
repair_guid(struct check *c, const struct check_finding *f)
{
	struct control_account row;
	struct record_account a;
	int r;

	if (f->key_octets > 0)		/* a row that leads to nothing */
		return repair_drop_row(c, f, "an identity of nothing");
	r = index_account_get(c->ix, f->account, &a);
	if (r == OK)
		r = control_row(c, f->account, &row);
	/* control gave the number to the identity. */
	if (r == OK && memcmp(row.guid.p, a.guid, sizeof a.guid) != 0) {
		memcpy(a.guid, row.guid.p, sizeof a.guid);
		r = index_account_put(c->ix, f->account, &a);
	}
	return r == OK ? index_guid_put(c->ix, row.guid, f->account) : r;
}

/* ---- a mailbox made anew ---- */

/* The name of a number: its hash is the key of a row N, its text that of a row S. */
static int
find_name(struct check *c, uint32_t account, uint32_t mailbox, struct record_box *box)
{
	struct record_key prefix = record_key(account, RECORD_NAME);
	struct env_cursor cur;
	int r = env_cursor_open(c->ix->t, INDEX_T, &cur), found = 0;

	if (r != OK)
		return r;
	r = env_cursor_seek(&cur, record_key_slice(&prefix));
	for (; r == 1 && found == 0 && record_key_under(cur.key, &prefix);
	    r = env_cursor_next(&cur)) {
		struct record_key s = record_key(account, RECORD_SUBSCRIBED);
		struct slice val, text;
		uint64_t id;

		if (record_u64_get(cur.key, cur.val, &id) != OK || id != mailbox)
			continue;
		record_key_octets(&s, slice_from(cur.key, 5));
		if (env_get(c->ix->t, INDEX_T, record_key_slice(&s), &val) != OK ||
		    record_text_get(record_key_slice(&s), val, &text) != OK ||
		    text.n > sizeof box->name)
			continue;
		memcpy(box->name, text.p, text.n);
		box->name_octets = (uint16_t)text.n;
		found = 1;
	}
	env_cursor_close(&cur);
	return r < 0 ? r : found;
}

static int
name_it(struct check *c, struct record_box *box)
{
	int n = snprintf(box->name, sizeof box->name, "Recovered/%u", box->id);
	uint32_t there;
	int r;

	box->name_octets = (uint16_t)n;
	/* Somebody may have given that name to another. */
	for (unsigned i = 2; i < 100; i++) {
		r = index_name_find(c->ix, box->account, record_box_name(box), &there);
		if (r != OK || there == box->id)
			break;
		n = snprintf(box->name, sizeof box->name, "Recovered/%u-%u", box->id, i);
		box->name_octets = (uint16_t)n;
	}
	return index_name_put(c->ix, box->account, record_box_name(box), box->id);
}

/* The one in use, of the class of the one that a message has; or that is for this mailbox. */
static void
choose_keyset(const struct check_account *a, struct record_box *box)
{
	int first = a == NULL ? -1 : check_keyset(a, box->keyset);

	if (first < 0)
		return;
	box->class = a->classes[first];
	for (int i = 0; i < a->keysets_n; i++)
		if (a->in_use[i] && (a->mailboxes[i] == box->id || (a->mailboxes[i] == 0 &&
		    a->classes[i] == box->class && a->mailboxes[first] == 0))) {
			box->keyset = a->keysets[i];
			box->class = a->classes[i];
			if (a->mailboxes[i] == box->id)
				return;
		}
}

/* Keyset and keywords, as its messages have them. */
static int
learn_from_messages(struct check *c, struct record_box *box)
{
	const struct check_account *a = check_account(c, box->account);
	struct store_record m;
	uint64_t keywords = 0;
	struct index_walk w;
	int r = index_walk_open(c->ix, box->account, box->id, 0, &w);

	if (r != OK)
		return r;
	while ((r = index_walk_next(&w, &m)) == 1) {
		box->keyset = box->keyset == 0 ? m.keyset : box->keyset;
		keywords |= m.keywords;
	}
	index_walk_close(&w);
	choose_keyset(a, box);
	for (; keywords != 0; keywords >>= 1) {
		size_t i = box->keywords_n++;

		box->keyword_octets[i] = (uint8_t)snprintf(box->keywords[i],
		    sizeof box->keywords[i], "$Recovered%zu", i + 1);
	}
	return r;
}

static int
drop_vanished(struct check *c, const struct record_box *box)
{
	struct record_key prefix = record_key(box->account, RECORD_VANISHED);
	struct env_cursor cur;
	int r = env_cursor_open(c->ix->t, INDEX_T, &cur);

	if (r != OK)
		return r;
	record_key_u32(&prefix, box->id);
	while ((r = env_cursor_seek(&cur, record_key_slice(&prefix))) == 1 &&
	    record_key_under(cur.key, &prefix)) {
		r = env_cursor_del(c->ix->t, &cur);
		if (r != OK)
			break;
	}
	env_cursor_close(&cur);
	return r < 0 ? r : OK;
}

static uint8_t
special_use(uint32_t mailbox)
{
	static const uint8_t of[] = { [BOX_DRAFTS] = ST_USE_DRAFTS, [BOX_SENT] = ST_USE_SENT,
		[BOX_TRASH] = ST_USE_TRASH, [BOX_JUNK] = ST_USE_JUNK,
		[BOX_ARCHIVE] = ST_USE_ARCHIVE };

	return mailbox < ARRAY_LEN(of) ? of[mailbox] : ST_USE_NONE;
}

/* With a new UIDVALIDITY: what clients remember of it is not to be believed any more. */
int
repair_box_lost(struct check *c, const struct check_finding *f)
{
	struct record_box *box = &c->ix->box;
	struct record_account a;
	int r = index_box_get(c->ix, f->account, f->mailbox, box), named;

	if (r != ERR_NOENT)
		return r;
	r = index_account_get(c->ix, f->account, &a);
	if (r != OK)
		return r;
	a.last_uidvalidity = a.last_uidvalidity < c->repair->now_s ?
	    (uint32_t)c->repair->now_s : a.last_uidvalidity + 1;
	memset(box, 0, sizeof *box);
	box->account = f->account;
	box->id = f->mailbox;
	box->uidnext = box->recent_uid = 1;
	box->modseq = 1;
	box->uidvalidity = a.last_uidvalidity;
	box->special_use = special_use(box->id);
	r = learn_from_messages(c, box);
	if (r == OK)
		r = count_box(c, box);
	if (r == OK)
		r = drop_vanished(c, box);
	if (r == OK)
		r = look_what_it_has(c, box);
	box->vanished_rows = 0;
	box->vanished_floor = box->modseq;
	box->recent_uid = box->uidnext;
	named = r == OK ? find_name(c, box->account, box->id, box) : r;
	if (named == 0)
		r = name_it(c, box);
	else if (named < 0)
		r = named;
	if (r == OK)
		r = index_box_put(c->ix, box);
	return r == OK ? index_account_put(c->ix, f->account, &a) : r;
}

int
repair_box_name(struct check *c, const struct check_finding *f)
{
	struct record_box *box = &c->ix->box;
	uint32_t there;
	int r = index_box_get(c->ix, f->account, f->mailbox, box);

	if (r != OK)
		return r;
	r = index_name_find(c->ix, box->account, record_box_name(box), &there);
	if (r == ERR_NOENT)
		return index_name_put(c->ix, box->account, record_box_name(box), box->id);
	if (r != OK || there == box->id)
		return r;
	/* The name leads to another. Is that one really called so? */
	r = index_box_get(c->ix, box->account, there, &c->ix->target);
	if (r == ERR_NOENT || (r == OK && !slice_eq(record_box_name(&c->ix->target),
	    record_box_name(box))))
		return index_name_put(c->ix, box->account, record_box_name(box), box->id);
	if (r == OK)
		r = name_it(c, box);
	return r == OK ? index_box_put(c->ix, box) : r;
}

/* ---- messages ---- */

int
repair_message(struct check *c, const struct check_finding *f)
{
	struct record_box *box = &c->ix->box;
	struct store_record m;
	int r = index_box_get(c->ix, f->account, f->mailbox, box);

	if (r == OK)
		r = index_message_get(c->ix, f->account, f->mailbox, f->uid, &m);
	if (r != OK)
		return r;
	if (m.uid == 0)
		return repair_frame(c, f);
	m.flags &= ST_SEEN | ST_ANSWERED | ST_FLAGGED | ST_DELETED | ST_DRAFT;
	if (box->keywords_n < 64)
		m.keywords &= (UINT64_C(1) << box->keywords_n) - 1;
	m.modseq = ++box->modseq;
	r = index_message_put(c->ix, f->account, f->mailbox, &m);
	return r == OK ? index_box_put(c->ix, box) : r;
}

int
repair_vanished(struct check *c, const struct check_finding *f)
{
	struct slice key = { (const char *)f->key, f->key_octets };
	uint64_t modseq = record_key_read_u64(key, 9);
	struct record_box *box = &c->ix->box;
	int r = env_del(c->ix->t, INDEX_T, key);

	if (r == OK)
		r = index_box_get(c->ix, f->account, f->mailbox, box);
	if (r == ERR_NOENT)
		return OK;
	if (r == OK)
		r = count_box(c, box);
	if (r != OK)
		return r;
	if (box->vanished_floor < modseq)	/* up to here nobody can be told any more */
		box->vanished_floor = modseq < box->modseq ? modseq : box->modseq;
	return index_box_put(c->ix, box);
}
