/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * What IMAP needs and the store keeps: rights, metadata, what readers of shared mailboxes have seen,
 * threads, expunged uids with a floor, and numbers near their end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "help.h"
#include "mailstore/thread.h"
#include "mime/summary.h"
#include "mime/tree.h"

enum { READER = 7, OTHER = 8, MESSAGES = 60, SEEN_ACTS = 1500 };

struct fixture {
	struct help   h;
	struct store *s;
	uint32_t      account;
	struct arena  a;
	bool	      odd;		/* what was planted fits nothing else */
};

static int
begin(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	help_begin(&f->h);
	f->account = help_account(&f->h, 1);
	f->s = help_reader(&f->h, 0);
	arena_init(&f->a, 4 << 20);
	*state = f;
	return 0;
}

static int
end(void **state)
{
	struct fixture *f = *state;

	help_invariant(&f->h);
	store_close(&f->s);
	arena_clear(&f->a);
	if (!f->odd)
		help_check(&f->h);
	help_end(&f->h);
	free(f);
	return 0;
}

/* ---- acts ---- */

struct request {
	struct fixture *f;
	const void     *req;
	struct box_scope sc;
	struct st_flags_reply flags;
	struct st_expunge_reply expunge;
	struct st_append_reply append;
	uint32_t	mailbox;
};

static int
do_rights(struct engine *e, void *arg)
{
	struct request *r = arg;

	return box_rights(e->ix, &r->sc, r->req);
}

static int
do_entry(struct engine *e, void *arg)
{
	struct request *r = arg;

	return box_entry(e->ix, &r->sc, r->req);
}

static int
do_seen(struct engine *e, void *arg)
{
	struct request *r = arg;

	return box_reader_seen(e->ix, &r->sc, r->req, &r->f->a, &r->flags);
}

static int
do_flags(struct engine *e, void *arg)
{
	struct request *r = arg;

	return box_flags(e->ix, &r->sc, r->req, &r->f->a, &r->flags);
}

static int
do_expunge(struct engine *e, void *arg)
{
	struct request *r = arg;
	const struct st_expunge_request *q = r->req;

	return box_expunge(e->ix, &r->sc, q->mailbox, q->uids, q->uids_n, &r->f->a, &r->expunge);
}

static int
do_create(struct engine *e, void *arg)
{
	struct request *r = arg;

	return box_create(e->ix, &r->sc, *(const struct slice *)r->req, ST_USE_NONE, &r->mailbox);
}

static int
do_delete(struct engine *e, void *arg)
{
	struct request *r = arg;

	return box_delete(e->ix, &r->sc, *(const struct slice *)r->req);
}

static int
act(struct fixture *f, int (*fn)(struct engine *e, void *arg), const void *req,
    struct request *out)
{
	*out = (struct request){ .f = f, .req = req, .sc = { .account = f->account,
		.now_s = 1800000000 } };
	return help_index(&f->h, fn, out);
}

static void
deliver(struct fixture *f, unsigned n)
{
	static unsigned id;
	unsigned who = 1;

	while (n-- > 0)
		assert_int_equal(help_deliver(&f->h, ++id, &who, 1, ST_PLACE_INBOX,
		    SLICE("Subject: x\r\n\r\ny")), OK);
}

static void
expunge(struct fixture *f, uint32_t lo, uint32_t hi, int64_t now_s)
{
	struct st_range uids = { lo, hi };
	struct st_flags_request flag = { .mailbox = BOX_INBOX, .uids = &uids, .uids_n = 1,
		.op = ST_FLAGS_ADD, .flags = ST_DELETED };
	struct st_expunge_request gone = { .mailbox = BOX_INBOX, .uids = &uids, .uids_n = 1 };
	struct request r;

	assert_int_equal(act(f, do_flags, &flag, &r), OK);
	r = (struct request){ .f = f, .req = &gone, .sc = { .account = f->account,
		.now_s = now_s } };
	assert_int_equal(help_index(&f->h, do_expunge, &r), OK);
}

/* ---- rights ---- */

static uint16_t
rights_of(struct fixture *f, const char *a, const char *b)
{
	struct slice who[2] = { slice_of(a), slice_of(b) };
	uint16_t rights;

	assert_int_equal(store_rights_of(f->s, f->account, BOX_INBOX, who, 2, &rights), OK);
	return rights;
}

static int
set_rights(struct fixture *f, uint32_t mailbox, const char *who, unsigned op, unsigned rights)
{
	struct st_rights_request q = { .mailbox = mailbox, .identifier = slice_of(who),
		.op = (uint8_t)op, .rights = (uint16_t)rights };
	struct request r;

	return act(f, do_rights, &q, &r);
}

static void
rights_are_kept(void **state)
{
	enum { R = ST_RIGHT_LOOKUP | ST_RIGHT_READ };
	struct fixture *f = *state;
	struct store_mailbox box;
	struct store_rights *list;
	char who[20];
	size_t n;

	assert_int_equal(set_rights(f, BOX_INBOX, "bob@x.vn", ST_RIGHTS_SET, R), OK);
	assert_int_equal(set_rights(f, BOX_INBOX, "bob@x.vn", ST_RIGHTS_ADD, ST_RIGHT_WRITE), OK);
	assert_int_equal(set_rights(f, BOX_INBOX, "anyone", ST_RIGHTS_SET, ST_RIGHT_LOOKUP |
	    ST_RIGHT_POST), OK);
	assert_int_equal(set_rights(f, BOX_INBOX, "-bob@x.vn", ST_RIGHTS_SET, ST_RIGHT_POST), OK);
	assert_int_equal(rights_of(f, "bob@x.vn", "anyone"), R | ST_RIGHT_WRITE);
	assert_int_equal(rights_of(f, "eve@x.vn", "anyone"), ST_RIGHT_LOOKUP | ST_RIGHT_POST);
	assert_int_equal(rights_of(f, "eve@x.vn", "-bob@x.vn"), 0);
	assert_int_equal(store_rights_list(f->s, f->account, BOX_INBOX, &f->a, &list, &n), OK);
	assert_int_equal(n, 3);
	assert_true(slice_is(list[0].identifier, "-bob@x.vn"));
	assert_true(slice_is(list[1].identifier, "anyone"));
	assert_int_equal(list[2].rights, R | ST_RIGHT_WRITE);
	assert_int_equal(store_mailbox(f->s, f->account, BOX_INBOX, &f->a, &box), OK);
	assert_true(box.shared);
	assert_int_equal(set_rights(f, BOX_INBOX, "bob@x.vn", ST_RIGHTS_REMOVE, ST_RIGHTS_ALL), OK);
	assert_int_equal(set_rights(f, BOX_INBOX, "-bob@x.vn", ST_RIGHTS_SET, 0), OK);
	assert_int_equal(set_rights(f, BOX_INBOX, "anyone", ST_RIGHTS_SET, 0), OK);
	assert_int_equal(store_rights_list(f->s, f->account, BOX_INBOX, &f->a, &list, &n), OK);
	assert_int_equal(n, 0);
	assert_int_equal(store_mailbox(f->s, f->account, BOX_INBOX, &f->a, &box), OK);
	assert_false(box.shared);
	assert_int_equal(set_rights(f, BOX_MAT, "bob@x.vn", ST_RIGHTS_SET, R), ERR_ACCESS);
	assert_int_equal(set_rights(f, 999, "bob@x.vn", ST_RIGHTS_SET, R), ERR_NOENT);
	assert_int_equal(set_rights(f, BOX_INBOX, "", ST_RIGHTS_SET, R), ERR_INVAL);
	for (unsigned i = 0; i < ST_IDENTIFIERS_MAX; i++) {
		snprintf(who, sizeof who, "u%u@x.vn", i);
		assert_int_equal(set_rights(f, BOX_SENT, who, ST_RIGHTS_SET, R), OK);
	}
	assert_int_equal(set_rights(f, BOX_SENT, "more@x.vn", ST_RIGHTS_SET, R), ERR_LIMIT);
	assert_int_equal(set_rights(f, BOX_SENT, "u3@x.vn", ST_RIGHTS_SET, 1), OK);
}

/* ---- metadata ---- */

static int
set_entry(struct fixture *f, uint32_t mailbox, const char *name, struct slice value, bool remove)
{
	struct st_entry_request q = { .mailbox = mailbox, .name = slice_of(name), .value = value,
		.remove = remove };
	struct request r;

	return act(f, do_entry, &q, &r);
}

static void
metadata_is_kept(void **state)
{
	struct fixture *f = *state;
	static char big[ST_ENTRY_VALUE_MAX + 1];
	struct store_entry *list;
	char name[40];
	size_t n;

	memset(big, 'v', sizeof big);
	assert_int_equal(set_entry(f, BOX_INBOX, "/shared/comment", SLICE("hộp thư"), false), OK);
	assert_int_equal(set_entry(f, BOX_INBOX, "/private/comment", SLICE(""), false), OK);
	assert_int_equal(set_entry(f, 0, "/shared/admin", SLICE("mailto:a@x.vn"), false), OK);
	assert_int_equal(set_entry(f, BOX_INBOX, "/private/big", (struct slice){ big,
		ST_ENTRY_VALUE_MAX }, false), OK);
	assert_int_equal(set_entry(f, BOX_INBOX, "/private/big", (struct slice){ big,
		sizeof big }, false), ERR_INVAL);
	assert_int_equal(store_entries(f->s, f->account, BOX_INBOX, &f->a, &list, &n), OK);
	assert_int_equal(n, 3);
	assert_true(slice_is(list[0].name, "/private/big") && list[0].value.n == 8192);
	assert_true(slice_is(list[1].name, "/private/comment") && list[1].value.n == 0);
	assert_true(slice_is(list[2].value, "hộp thư"));
	assert_int_equal(store_entries(f->s, f->account, 0, &f->a, &list, &n), OK);
	assert_true(n == 1 && slice_is(list[0].value, "mailto:a@x.vn"));
	assert_int_equal(set_entry(f, BOX_INBOX, "/private/big", SLICE(""), true), OK);
	assert_int_equal(set_entry(f, BOX_INBOX, "/private/big", SLICE(""), true), OK);
	assert_int_equal(store_entries(f->s, f->account, BOX_INBOX, &f->a, &list, &n), OK);
	assert_int_equal(n, 2);
	for (unsigned i = 0; i < ST_ENTRIES_MAX; i++) {
		snprintf(name, sizeof name, "/private/vendor/%u", i);
		assert_int_equal(set_entry(f, BOX_SENT, name, SLICE("x"), false), OK);
	}
	assert_int_equal(set_entry(f, BOX_SENT, "/private/more", SLICE("x"), false), ERR_LIMIT);
	assert_int_equal(set_entry(f, BOX_SENT, "/private/vendor/7", SLICE("y"), false), OK);
}

/* Rows of a mailbox go with it; another mailbox, made under its name, has none of them. */
static void
rows_go_with_the_mailbox(void **state)
{
	struct fixture *f = *state;
	struct slice name = SLICE("Chung");
	struct store_rights *rights;
	struct store_entry *entries;
	struct store_mailbox box;
	struct request r;
	uint32_t old;
	size_t n;

	assert_int_equal(act(f, do_create, &name, &r), OK);
	old = r.mailbox;
	assert_int_equal(set_rights(f, old, "bob@x.vn", ST_RIGHTS_SET, 3), OK);
	assert_int_equal(set_entry(f, old, "/shared/comment", SLICE("x"), false), OK);
	assert_int_equal(act(f, do_delete, &name, &r), OK);
	assert_int_equal(act(f, do_create, &name, &r), OK);
	assert_true(r.mailbox > old);	/* MAILBOXID is never given again */
	assert_int_equal(store_mailbox(f->s, f->account, r.mailbox, &f->a, &box), OK);
	assert_false(box.shared);
	assert_int_equal(store_rights_list(f->s, f->account, r.mailbox, &f->a, &rights, &n), OK);
	assert_int_equal(n, 0);
	assert_int_equal(store_entries(f->s, f->account, r.mailbox, &f->a, &entries, &n), OK);
	assert_int_equal(n, 0);
	assert_int_equal(store_entries(f->s, f->account, old, &f->a, &entries, &n), ERR_NOENT);
}

/* ---- readers ---- */

struct seen_model {
	bool	 seen[MESSAGES + 1];
	uint64_t modseq[MESSAGES + 1];
};

static void
compare_view(struct fixture *f, uint32_t reader, const struct seen_model *m)
{
	static struct store_record page[MESSAGES], own[MESSAGES];
	uint32_t unseen, first, want = 0, want_first = 0, next;
	uint64_t since = 0;
	size_t n, changed;

	assert_int_equal(store_page_as(f->s, f->account, BOX_INBOX, reader, 1, page, MESSAGES, &n),
	    OK);
	assert_int_equal(n, MESSAGES);
	assert_int_equal(store_page(f->s, f->account, BOX_INBOX, 1, own, MESSAGES, &n), OK);
	for (size_t i = 0; i < MESSAGES; i++) {
		uint32_t uid = page[i].uid;

		assert_int_equal((page[i].flags & ST_SEEN) != 0, m->seen[uid]);
		assert_int_equal(own[i].flags & ST_SEEN, 0);
		/* Never told too little; and to the modseq as long as the row is not full. */
		assert_true(page[i].modseq == (m->modseq[uid] > own[i].modseq ? m->modseq[uid] :
		    own[i].modseq));
		if (page[i].modseq > since && i == MESSAGES / 2)
			since = page[i].modseq;
		want += !m->seen[uid];
		if (!m->seen[uid] && want_first == 0)
			want_first = uid;
	}
	assert_int_equal(store_unseen_as(f->s, f->account, BOX_INBOX, reader, &unseen, &first), OK);
	assert_int_equal(unseen, want);
	assert_int_equal(first, want_first);
	changed = 0;
	for (size_t i = 0; i < MESSAGES; i++)
		changed += page[i].modseq > since;
	assert_int_equal(store_changes_as(f->s, f->account, BOX_INBOX, reader, since, 1, own,
	    MESSAGES, &n, &next), OK);
	assert_int_equal(n, changed);
}

/* Two readers against a model; the owner's view never moves. */
static void
readers_see_their_own(void **state)
{
	struct fixture *f = *state;
	static struct seen_model models[2];
	struct store_mailbox box;
	uint64_t last = MESSAGES + 1;
	uint32_t seed = 42;

	deliver(f, MESSAGES);
	for (unsigned i = 0; i < SEEN_ACTS; i++) {
		unsigned who = (seed = seed * 1664525u + 1013904223u) >> 8 & 1;
		struct seen_model *m = &models[who];
		struct st_range uids[2];
		struct st_reader_seen_request q = { .mailbox = BOX_INBOX,
			.reader = who == 0 ? READER : OTHER, .uids = uids, .uids_n = 2,
			.seen = (seed >> 12) & 1,
			.unchanged_since = i % 5 == 0 ? 1 + (seed >> 10) % (60 + i) : 0 };
		struct request r;
		size_t late = 0;
		bool changed = false;

		for (unsigned k = 0; k < 2; k++) {
			seed = seed * 1664525u + 1013904223u;
			uids[k].lo = 1 + (seed >> 8) % MESSAGES;
			uids[k].hi = uids[k].lo + (seed >> 20) % 6;
			if (uids[k].hi > MESSAGES)
				uids[k].hi = MESSAGES;
		}
		assert_int_equal(act(f, do_seen, &q, &r), OK);
		for (uint32_t uid = 1; uid <= MESSAGES; uid++) {
			/* A delivery gave each its own modseq: uid + 1. */
			uint64_t at = m->modseq[uid] > uid + 1 ? m->modseq[uid] : uid + 1;

			if ((uid < uids[0].lo || uid > uids[0].hi) &&
			    (uid < uids[1].lo || uid > uids[1].hi))
				continue;
			if (q.unchanged_since != 0 && at > q.unchanged_since)
				late++;
			else if (m->seen[uid] != (q.seen != 0)) {
				m->seen[uid] = q.seen != 0;
				m->modseq[uid] = r.flags.modseq;
				changed = true;
			}
		}
		assert_int_equal(r.flags.modseq != 0, changed);
		if (changed) {
			assert_true(r.flags.modseq > last);
			last = r.flags.modseq;
		}
		for (size_t k = 0; k < r.flags.modified_n; k++)
			late -= r.flags.modified[k].hi - r.flags.modified[k].lo + 1;
		assert_int_equal(late, 0);
		if (i % 50 == 0) {
			compare_view(f, READER, &models[0]);
			compare_view(f, OTHER, &models[1]);
			help_invariant(&f->h);
		}
		arena_clear(&f->a);
	}
	assert_int_equal(store_mailbox(f->s, f->account, BOX_INBOX, &f->a, &box), OK);
	assert_true(box.highestmodseq == last);
	compare_view(f, READER, &models[0]);
	compare_view(f, OTHER, &models[1]);
}

static void
a_reader_is_not_the_owner(void **state)
{
	struct fixture *f = *state;
	struct st_range uids = { 1, 2 };
	struct st_reader_seen_request q = { .mailbox = BOX_INBOX, .reader = f->account,
		.uids = &uids, .uids_n = 1, .seen = 1 };
	struct store_record rec;
	struct request r;

	deliver(f, 2);
	assert_int_equal(act(f, do_seen, &q, &r), ERR_INVAL);
	q.reader = READER;
	assert_int_equal(act(f, do_seen, &q, &r), OK);
	assert_int_equal(store_record_as(f->s, f->account, BOX_INBOX, READER, 1, &rec), OK);
	assert_int_equal(rec.flags & ST_SEEN, ST_SEEN);
	assert_int_equal(store_record_as(f->s, f->account, BOX_INBOX, f->account, 1, &rec), OK);
	assert_int_equal(rec.flags & ST_SEEN, 0);
	assert_int_equal(store_record_as(f->s, f->account, BOX_INBOX, OTHER, 1, &rec), OK);
	assert_int_equal(rec.flags & ST_SEEN, 0);
}

/* ---- what vanished ---- */

static bool
complete_since(struct fixture *f, uint64_t since, size_t *n_out)
{
	struct st_range *ranges;
	bool complete;

	assert_int_equal(store_vanished(f->s, f->account, BOX_INBOX, since, &f->a, &ranges, n_out,
	    &complete), OK);
	return complete;
}

static void
old_vanished_rows_raise_the_floor(void **state)
{
	struct fixture *f = *state;
	int64_t now = 1800000000;
	struct store_mailbox box;
	uint64_t at[3];
	size_t n;

	deliver(f, 6);
	for (uint32_t i = 0; i < 3; i++) {
		expunge(f, 2 * i + 1, 2 * i + 1, now + 20 * 86400 * (int64_t)i);
		assert_int_equal(store_mailbox(f->s, f->account, BOX_INBOX, &f->a, &box), OK);
		at[i] = box.highestmodseq;
	}
	/* The first is 40 days old when the third goes, the second 20. */
	assert_false(complete_since(f, at[0] - 1, &n));
	assert_true(complete_since(f, at[0], &n));
	assert_int_equal(n, 2);
	assert_true(complete_since(f, at[1], &n));
	assert_int_equal(n, 1);
	help_invariant(&f->h);
}

/* ---- threads ---- */

static void
thread_of_text(const char *text, uint8_t out[THREAD_OCTETS])
{
	uint8_t email_id[16];
	struct arena a;
	struct buf b;
	struct tree t;

	arena_init(&a, 1 << 20);
	buf_init(&b, 1 << 20);
	memset(email_id, text[9], sizeof email_id);
	assert_int_equal(tree_parse(slice_of(text), &a, &t), OK);
	assert_int_equal(summary_build(&t, &a, &b), OK);
	thread_of(buf_slice(&b), email_id, out);
	buf_fini(&b);
	arena_clear(&a);
}

static void
answers_have_the_thread_of_what_they_answer(void **state)
{
	static const struct { const char *text; int thread; } rows[] = {
		{ "Subject: a\r\nMessage-ID: <1@x.vn>\r\n\r\n", 1 },
		{ "Subject: b\r\nMessage-ID: <2@x.vn>\r\nIn-Reply-To: <1@x.vn>\r\n\r\n", 1 },
		{ "Subject: c\r\nMessage-ID: <3@x.vn>\r\nIn-Reply-To: <2@x.vn>\r\n"
		  "References: <1@x.vn> <2@x.vn>\r\n\r\n", 1 },
		{ "Subject: d\r\nMessage-ID: <4@x.vn>\r\n\r\n", 2 },
		{ "Subject: e\r\n\r\n", 3 },
		{ "Subject: f\r\n\r\n", 4 },
		{ "Subject: g\r\nReferences: nonsense\r\nIn-Reply-To: <4@x.vn>\r\n\r\n", 2 },
	};
	uint8_t got[ARRAY_LEN(rows)][THREAD_OCTETS];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		thread_of_text(rows[i].text, got[i]);
		for (size_t k = 0; k < i; k++)
			assert_int_equal(memcmp(got[i], got[k], THREAD_OCTETS) == 0,
			    rows[i].thread == rows[k].thread);
	}
}

static void
copies_keep_thread_and_email_id(void **state)
{
	struct fixture *f = *state;
	unsigned who[2] = { 1, 2 };
	struct store_record a, b;

	assert_int_equal(help_deliver(&f->h, 900000, who, 2, ST_PLACE_INBOX, SLICE("x")), OK);
	assert_int_equal(store_record(f->s, f->account, BOX_INBOX, 1, &a), OK);
	assert_int_equal(store_record(f->s, help_account(&f->h, 2), BOX_INBOX, 1, &b), OK);
	assert_memory_equal(a.email_id, b.email_id, sizeof a.email_id);
	assert_memory_equal(a.thread_id, b.thread_id, sizeof a.thread_id);
	assert_memory_equal(a.thread_id, a.email_id, sizeof a.thread_id);	/* alone */
	assert_true(a.save_date_s > 0);
}

/* ---- numbers near their end ---- */

struct planted {
	uint32_t account;
	uint32_t uidnext, uidvalidity, mailbox;
	uint64_t modseq;
};

static int
plant(struct engine *e, void *arg)
{
	const struct planted *p = arg;
	struct record_account acct;
	int r = index_box_get(e->ix, p->account, BOX_INBOX, &e->ix->box);

	if (p->uidnext != 0)
		e->ix->box.uidnext = e->ix->box.recent_uid = p->uidnext;
	if (p->modseq != 0)
		e->ix->box.modseq = p->modseq;
	if (r == OK)
		r = index_box_put(e->ix, &e->ix->box);
	if (r == OK)
		r = index_account_get(e->ix, p->account, &acct);
	if (p->uidvalidity != 0)
		acct.last_uidvalidity = p->uidvalidity;
	if (p->mailbox != 0)
		acct.next_mailbox = p->mailbox;
	return r == OK ? index_account_put(e->ix, p->account, &acct) : r;
}

static int
add_one(struct engine *e, void *arg)
{
	struct request *r = arg;
	static const uint8_t id[16] = { 1 }, wrapped[48] = { 2 };
	struct box_message m = { .blob = UINT64_C(0x7700000001), .email_id = id,
		.place = { .size_octets = 5 } };
	const struct account *a = accounts_number(e->accounts, r->sc.account);
	int err = box_add(e->ix, &r->sc, BOX_INBOX, &m, a->keysets[ACCOUNT_OPEN].id, wrapped,
	    &r->append.uidvalidity, &r->append.uid);

	return err == OK ? box_blob(e->ix, &m, 1) : err;
}

static void
uids_end(void **state)
{
	struct fixture *f = *state;
	struct planted p = { .account = f->account, .uidnext = UINT32_MAX - 2 };
	struct st_range one = { UINT32_MAX - 2, UINT32_MAX };
	struct st_flags_request flag = { .mailbox = BOX_INBOX, .uids = &one, .uids_n = 1,
		.op = ST_FLAGS_ADD, .flags = ST_SEEN };
	struct store_mailbox box;
	struct request r;
	uint32_t uids[4];
	size_t n;

	f->odd = true;
	assert_int_equal(help_index(&f->h, plant, &p), OK);
	assert_int_equal(act(f, add_one, NULL, &r), OK);
	assert_int_equal(r.append.uid, UINT32_MAX - 2);
	assert_int_equal(act(f, add_one, NULL, &r), OK);
	assert_int_equal(r.append.uid, UINT32_MAX - 1);
	assert_int_equal(act(f, add_one, NULL, &r), ERR_LIMIT);
	assert_int_equal(act(f, do_flags, &flag, &r), OK);
	assert_int_equal(store_mailbox(f->s, f->account, BOX_INBOX, &f->a, &box), OK);
	assert_int_equal(box.uidnext, UINT32_MAX);
	assert_int_equal(box.exists, 2);
	assert_int_equal(box.unseen, 0);
	assert_int_equal(store_uids(f->s, f->account, BOX_INBOX, 1, uids, 4, &n), OK);
	assert_int_equal(n, 2);
	expunge(f, UINT32_MAX - 2, UINT32_MAX, 1800000000);
	assert_int_equal(act(f, add_one, NULL, &r), ERR_LIMIT);
}

static void
modseqs_end(void **state)
{
	struct fixture *f = *state;
	struct planted p = { .account = f->account, .modseq = INT64_MAX - 3 };
	struct store_mailbox box;
	struct request r;

	f->odd = true;
	assert_int_equal(help_index(&f->h, plant, &p), OK);
	assert_int_equal(act(f, add_one, NULL, &r), OK);
	assert_int_equal(act(f, add_one, NULL, &r), ERR_LIMIT);
	assert_int_equal(store_mailbox(f->s, f->account, BOX_INBOX, &f->a, &box), OK);
	assert_true(box.highestmodseq == INT64_MAX - 2);
}

static void
mailbox_numbers_and_uidvalidity_end(void **state)
{
	struct fixture *f = *state;
	struct planted p = { .account = f->account, .mailbox = UINT32_MAX - 1 };
	struct slice a = SLICE("A"), b = SLICE("B"), c = SLICE("C");
	struct store_mailbox box;
	struct request r;

	f->odd = true;
	assert_int_equal(help_index(&f->h, plant, &p), OK);
	assert_int_equal(act(f, do_create, &a, &r), OK);
	assert_int_equal(r.mailbox, UINT32_MAX - 1);
	assert_int_equal(act(f, do_create, &b, &r), ERR_LIMIT);
	p = (struct planted){ .account = f->account, .mailbox = 100,
		.uidvalidity = UINT32_MAX - 1 };
	assert_int_equal(help_index(&f->h, plant, &p), OK);
	assert_int_equal(act(f, do_create, &b, &r), OK);
	assert_int_equal(store_mailbox(f->s, f->account, r.mailbox, &f->a, &box), OK);
	assert_int_equal(box.uidvalidity, UINT32_MAX);
	assert_int_equal(act(f, do_create, &c, &r), ERR_LIMIT);
	assert_int_equal(store_mailbox_find(f->s, f->account, c, &f->a, &box), ERR_NOENT);
}

/* ---- accounts ---- */

static int
plant_last(struct engine *e, void *arg)
{
	const uint64_t *last = arg;
	int r = control_put_u64(e->ctl, CONTROL_META, SLICE("last-account"), last[0]);

	return r == OK ? control_put_u64(e->ctl, CONTROL_META, SLICE("last-keyset"), last[1]) : r;
}

static int
new_account(struct engine *e, void *arg)
{
	return engine_account_control(e, arg);
}

static void
account_and_keyset_numbers_end(void **state)
{
	static const struct { uint64_t last[2]; int status; } rows2[] = {
		{ { ACCOUNT_NUMBER_MAX, 5 }, ERR_LIMIT },
		{ { 5, UINT32_MAX - 3 }, ERR_LIMIT },
		{ { 5, UINT32_MAX - 1 }, ERR_LIMIT },
		{ { ACCOUNT_NUMBER_MAX - 1, UINT32_MAX - 4 }, OK },
	};
	struct fixture *f = *state;
	uint8_t public[32] = { 9 };
	struct st_keyset ks[2] = {
		{ .class = KEYSET_OPEN, .public_key = { (const char *)public, 32 } },
		{ .class = KEYSET_MAT, .public_key = { (const char *)public, 32 } } };
	char guid[16];

	f->odd = true;
	for (size_t i = 0; i < ARRAY_LEN(rows2); i++) {
		struct control_account row = { .guid = help_guid(40, guid), .uid = SLICE("u"),
			.address = SLICE("u@x.vn"), .keysets = ks, .keysets_n = 2 };
		uint64_t last[2] = { rows2[i].last[0], rows2[i].last[1] };

		assert_int_equal(help_control(&f->h, plant_last, last), OK);
		assert_int_equal(help_control(&f->h, new_account, &row), rows2[i].status);
		if (rows2[i].status == OK) {
			assert_int_equal(row.number, ACCOUNT_NUMBER_MAX);
			assert_true(ks[1].id == UINT32_MAX - 2);
		}
	}
}

#define T(fn)	cmocka_unit_test_setup_teardown(fn, begin, end)

int
main(void)
{
	const struct CMUnitTest t[] = { T(rights_are_kept), T(metadata_is_kept),
		T(rows_go_with_the_mailbox), T(readers_see_their_own),
		T(a_reader_is_not_the_owner), T(old_vanished_rows_raise_the_floor),
		cmocka_unit_test(answers_have_the_thread_of_what_they_answer),
		T(copies_keep_thread_and_email_id), T(uids_end), T(modseqs_end),
		T(mailbox_numbers_and_uidvalidity_end), T(account_and_keyset_numbers_end) };

	return cmocka_run_group_tests(t, NULL, NULL);
}
