/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Thousands of random acts on one account, done on the store and on a model in memory; after each
 * the readers must see what the model says. The seed is printed when they differ.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/clock.h"
#include "help.h"

enum { OPS = 4000, BOXES = 6, MESSAGES = 4000, REOPEN_EVERY = 400 };

struct msg {
	uint32_t uid;
	uint16_t flags;
	uint64_t kw;		/* bit i: keyword "ki" */
	uint64_t modseq;
	uint32_t body;
};

struct mbox {
	uint32_t id, uidnext;
	uint64_t modseq;
	struct msg m[MESSAGES];
	size_t n;
	uint64_t gone_modseq[MESSAGES];	/* [uid], 0: never was or is there */
};

struct model {
	struct help h;
	struct store *s;
	uint32_t account;
	struct mbox box[BOXES];
	uint32_t next_body;
	unsigned next_id;
	uint64_t octets;
	uint32_t seed;
};

static uint32_t
rnd(struct model *md, uint32_t n)
{
	md->seed = md->seed * 1664525u + 1013904223u;
	return (md->seed >> 8) % n;
}

static struct slice
body(uint32_t n, char out[64])
{
	int len = snprintf(out, 64, "Subject: body %u %.*s", n, (int)(n % 20),
	    "xxxxxxxxxxxxxxxxxxxx");

	return (struct slice){ out, (size_t)len };
}

static struct box_scope
scope(struct model *md)
{
	return (struct box_scope){ .account = md->account, .now_s = clock_real_s() };
}

static void
model_add(struct model *md, struct mbox *b, struct msg m, uint64_t modseq)
{
	char text[64];

	assert_true(b->n < MESSAGES && b->uidnext < MESSAGES);
	m.uid = b->uidnext++;
	m.modseq = modseq;
	b->m[b->n++] = m;
	md->octets += body(m.body, text).n;
}

static void
model_remove(struct model *md, struct mbox *b, size_t i, uint64_t modseq)
{
	char text[64];

	b->gone_modseq[b->m[i].uid] = modseq;
	md->octets -= body(b->m[i].body, text).n;
	memmove(&b->m[i], &b->m[i + 1], (b->n - i - 1) * sizeof *b->m);
	b->n--;
}

/* ---- acts ---- */

static void
deliver(struct model *md)
{
	unsigned who[] = { 1 };
	struct msg m = { .body = md->next_body++ };
	char text[64];

	assert_int_equal(help_deliver(&md->h, md->next_id++, who, 1, ST_PLACE_INBOX,
	    body(m.body, text)), OK);
	model_add(md, &md->box[0], m, ++md->box[0].modseq);
}

static struct st_range
random_range(struct model *md, const struct mbox *b)
{
	uint32_t lo = 1 + rnd(md, b->uidnext);

	return (struct st_range){ lo, lo + rnd(md, 12) };
}

struct flags_act {
	struct box_scope sc;
	struct st_flags_request req;
	struct st_flags_reply reply;
	struct arena a;
};

static int
flags_fn(struct engine *e, void *arg)
{
	struct flags_act *f = arg;

	return box_flags(e->ix, &f->sc, &f->req, &f->a, &f->reply);
}

static bool
in_ranges(const struct st_range *r, size_t n, uint32_t uid)
{
	for (size_t i = 0; i < n; i++)
		if (uid >= r[i].lo && uid <= r[i].hi)
			return true;
	return false;
}

static void
model_flags(struct mbox *b, const struct flags_act *f, uint64_t kw)
{
	uint64_t last = b->modseq;

	for (size_t i = 0; i < b->n; i++) {
		struct msg *m = &b->m[i], was = *m;
		bool late = f->req.unchanged_since != 0 && m->modseq > f->req.unchanged_since;

		if (!in_ranges(f->req.uids, f->req.uids_n, m->uid))
			continue;
		assert_int_equal(late, in_ranges(f->reply.modified, f->reply.modified_n, m->uid));
		if (late)
			continue;
		if (f->req.op == ST_FLAGS_SET)
			m->flags = f->req.flags, m->kw = kw;
		else if (f->req.op == ST_FLAGS_ADD)
			m->flags |= f->req.flags, m->kw |= kw;
		else
			m->flags &= (uint16_t)~f->req.flags, m->kw &= ~kw;
		if (m->flags != was.flags || m->kw != was.kw) {
			m->modseq = b->modseq + 1 +
			    (f->req.known_modseq != 0 && was.modseq > f->req.known_modseq);
			last = m->modseq > last ? m->modseq : last;
		}
	}
	assert_int_equal(f->reply.modseq, last > b->modseq ? b->modseq + 1 : 0);
	b->modseq = last;
}

static void
flags(struct model *md)
{
	static const char *const names[] = { "k0", "k1", "k2" };
	struct mbox *b = &md->box[rnd(md, BOXES)];
	struct st_range r[] = { random_range(md, b), random_range(md, b) };
	unsigned k = rnd(md, 3);
	struct st_keyword kw = { slice_of(names[k]) };
	struct flags_act f = { .sc = scope(md), .req = { .account = md->account,
		.mailbox = b->id, .uids = r, .uids_n = 2, .op = (uint8_t)rnd(md, 3),
		.flags = (uint16_t)rnd(md, 32), .keywords = &kw, .keywords_n = rnd(md, 2) } };

	if (rnd(md, 3) == 0)
		f.req.unchanged_since = 1 + rnd(md, (uint32_t)b->modseq);
	if (rnd(md, 2) == 0)
		f.req.known_modseq = 1 + rnd(md, (uint32_t)b->modseq);
	arena_init(&f.a, 1 << 20);
	assert_int_equal(help_index(&md->h, flags_fn, &f), OK);
	model_flags(b, &f, f.req.keywords_n != 0 ? UINT64_C(1) << k : 0);
	arena_clear(&f.a);
}

struct expunge_act {
	struct box_scope sc;
	uint32_t mailbox;
	struct st_range r;
	struct st_expunge_reply reply;
	struct arena a;
};

static int
expunge_fn(struct engine *e, void *arg)
{
	struct expunge_act *x = arg;

	return box_expunge(e->ix, &x->sc, x->mailbox, &x->r, 1, &x->a, &x->reply);
}

static void
expunge(struct model *md)
{
	struct mbox *b = &md->box[rnd(md, BOXES)];
	struct expunge_act x = { .sc = scope(md), .mailbox = b->id, .r = random_range(md, b) };
	uint64_t modseq = b->modseq + 1;

	if (rnd(md, 4) == 0)
		x.r = (struct st_range){ 1, UINT32_MAX };
	arena_init(&x.a, 1 << 20);
	assert_int_equal(help_index(&md->h, expunge_fn, &x), OK);
	for (size_t i = 0; i < b->n;) {
		bool go = in_ranges(&x.r, 1, b->m[i].uid) && (b->m[i].flags & ST_DELETED) != 0;

		assert_int_equal(go, in_ranges(x.reply.expunged, x.reply.expunged_n, b->m[i].uid));
		if (go) {
			model_remove(md, b, i, modseq);
			b->modseq = modseq;
		} else
			i++;
	}
	arena_clear(&x.a);
}

struct copy_act {
	struct box_scope sc;
	struct st_copy_request req;
	struct st_copy_reply reply;
	struct arena a;
};

static int
copy_fn(struct engine *e, void *arg)
{
	struct copy_act *c = arg;

	return box_copy(e->ix, &c->sc, &c->req, &c->a, &c->reply);
}

static void
copy(struct model *md)
{
	struct mbox *b = &md->box[rnd(md, BOXES)], *to = &md->box[rnd(md, BOXES)];
	struct st_range r = random_range(md, b);
	struct copy_act c = { .sc = scope(md), .req = { .account = md->account,
		.mailbox = b->id, .target = to->id, .move = (uint8_t)rnd(md, 2), .uids = &r,
		.uids_n = 1 } };
	uint64_t to_modseq = to->modseq + 1;
	size_t n = b->n;
	bool any = false;

	arena_init(&c.a, 1 << 20);
	assert_int_equal(help_index(&md->h, copy_fn, &c), OK);
	for (size_t i = 0; i < n;) {
		struct msg m = b->m[i];

		if (!in_ranges(&r, 1, m.uid)) {
			i++;
			continue;
		}
		any = true;
		assert_true(in_ranges(c.reply.to, c.reply.to_n, to->uidnext));
		model_add(md, to, m, to_modseq);
		if (c.req.move) {
			model_remove(md, b, i, to == b ? to_modseq + 1 : b->modseq + 1);
			n--;
		} else
			i++;
	}
	if (any) {
		to->modseq = to_modseq;
		if (c.req.move)
			b->modseq++;
	}
	arena_clear(&c.a);
}

/* ---- comparing ---- */

static uint64_t
model_bits(const struct store_mailbox *mb, uint64_t bits)
{
	uint64_t out = 0;

	for (size_t i = 0; i < mb->keywords_n; i++)
		if ((bits >> i & 1) != 0)
			out |= UINT64_C(1) << (mb->keywords[i].p[1] - '0');
	return out;
}

static void
compare_vanished(struct model *md, const struct mbox *b, uint64_t since, struct arena *a)
{
	struct st_range *r;
	size_t n;
	bool all;

	assert_int_equal(store_vanished(md->s, md->account, b->id, since, a, &r, &n, &all), OK);
	assert_true(all);
	for (uint32_t uid = 1; uid < b->uidnext; uid++)
		assert_int_equal(in_ranges(r, n, uid), b->gone_modseq[uid] > since);
}

static void
compare_box(struct model *md, const struct mbox *b)
{
	static struct store_record page[MESSAGES];
	struct store_mailbox mb;
	struct arena a;
	uint32_t unseen = 0, deleted = 0, next;
	uint64_t since;
	size_t n, changed = 0;

	arena_init(&a, 4 << 20);
	assert_int_equal(store_mailbox(md->s, md->account, b->id, &a, &mb), OK);
	assert_int_equal(store_page(md->s, md->account, b->id, 1, page, MESSAGES, &n), OK);
	assert_int_equal(n, b->n);
	since = rnd(md, (uint32_t)b->modseq + 1);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(page[i].uid, b->m[i].uid);
		assert_int_equal(page[i].flags, b->m[i].flags);
		assert_int_equal(page[i].modseq, b->m[i].modseq);
		assert_int_equal(model_bits(&mb, page[i].keywords), b->m[i].kw);
		unseen += (b->m[i].flags & ST_SEEN) == 0;
		deleted += (b->m[i].flags & ST_DELETED) != 0;
		changed += b->m[i].modseq > since;
	}
	assert_int_equal(mb.exists, b->n);
	assert_int_equal(mb.unseen, unseen);
	assert_int_equal(mb.deleted, deleted);
	assert_int_equal(mb.uidnext, b->uidnext);
	assert_int_equal(mb.highestmodseq, b->modseq);
	assert_int_equal(store_changes(md->s, md->account, b->id, since, 1, page, MESSAGES, &n,
	    &next), OK);
	assert_int_equal(n, changed);
	compare_vanished(md, b, since, &a);
	arena_clear(&a);
}

static void
compare(struct model *md)
{
	struct store_account acct;
	size_t n = 0;

	for (size_t i = 0; i < BOXES; i++) {
		compare_box(md, &md->box[i]);
		n += md->box[i].n;
	}
	assert_int_equal(store_account(md->s, md->account, &acct), OK);
	assert_int_equal(acct.messages, n);
	assert_int_equal(acct.octets, md->octets);
}

static void
read_one(struct model *md)
{
	struct mbox *b = &md->box[rnd(md, BOXES)];
	char text[64];
	struct msg *m;

	if (b->n == 0)
		return;
	m = &b->m[rnd(md, (uint32_t)b->n)];
	help_expect(&md->h, md->s, 1, b->id, m->uid, KEYSET_OPEN, body(m->body, text));
}

static void
random_acts(void **state)
{
	struct model *md = calloc(1, sizeof *md);
	int64_t gc_s = clock_real_s();

	(void)state;
	assert_non_null(md);
	help_begin(&md->h);
	md->seed = getenv("SEED") != NULL ? (uint32_t)strtoul(getenv("SEED"), NULL, 10) :
	    (uint32_t)clock_us();
	print_message("SEED=%u\n", md->seed);
	md->account = help_account(&md->h, 1);
	for (size_t i = 0; i < BOXES; i++)
		md->box[i] = (struct mbox){ .id = (uint32_t)i + 1, .uidnext = 1, .modseq = 1 };
	md->s = help_reader(&md->h, 0);
	for (unsigned i = 0; i < OPS; i++) {
		uint32_t what = rnd(md, 100);

		if (what < 25)
			deliver(md);
		else if (what < 60)
			flags(md);
		else if (what < 75)
			expunge(md);
		else if (what < 90)
			copy(md);
		else
			read_one(md);
		help_invariant(&md->h);
		if (i % 20 == 0)
			compare(md);
		if (i % 100 == 50) {	/* what nothing refers to any more is dropped, the rest moved */
			gc_s += GC_DELAY_S + 1;
			assert_int_equal(engine_gc_all(md->h.e, gc_s), OK);
		}
		if (i % REOPEN_EVERY == REOPEN_EVERY - 1) {
			help_close(&md->h);
			help_open(&md->h);
		}
	}
	compare(md);
	store_close(&md->s);
	help_check(&md->h);
	help_end(&md->h);
	free(md);
}

int
main(void)
{
	const struct CMUnitTest t[] = { cmocka_unit_test(random_acts) };

	return cmocka_run_group_tests(t, NULL, NULL);
}
