/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acts.h"
#include "mailstore/recount.h"

/* ---- names and bodies ---- */

void
keys_make(struct keys *k, uint64_t seed)
{
	unsigned char s[crypto_sign_SEEDBYTES] = { 0 };

	memcpy(s, &seed, sizeof seed);
	crypto_sign_seed_keypair(k->audit_public, k->audit_secret, s);
	for (unsigned i = 0; i < ACCOUNTS; i++)
		for (unsigned c = 0; c < ACCOUNT_CLASSES; c++) {
			s[8] = (unsigned char)(1 + i * ACCOUNT_CLASSES + c);
			crypto_box_seed_keypair(k->public[i][c], k->secret[i][c], s);
		}
	s[9] = 1;
	randombytes_buf_deterministic(k->spool, sizeof k->spool, s);
}

struct slice
act_guid(uint32_t who, char out[16])
{
	memset(out, 0, 16);
	memcpy(out, &who, sizeof who);
	out[15] = 'g';
	return (struct slice){ out, 16 };
}

struct slice
act_route(uint32_t route)
{
	return route == 0 ? SLICE("province") : SLICE("internet");
}

struct slice
act_id_text(uint32_t id, char out[17])
{
	snprintf(out, 17, "act-%012u", id);
	return (struct slice){ out, 16 };
}

void
act_name(uint32_t n, char out[NAME_MAX_OCTETS])
{
	memset(out, 0, NAME_MAX_OCTETS);
	snprintf(out, NAME_MAX_OCTETS, "Thư mục %u", n);
}

uint32_t
act_name_bit(struct slice name)
{
	char one[NAME_MAX_OCTETS];

	for (uint32_t n = 0; n < NAMES; n++) {
		act_name(n, one);
		if (slice_is(name, one))
			return 1u << n;
	}
	return 0;
}

uint32_t
act_id_of(struct slice text)
{
	char mem[17] = "";

	if (text.n != 16 || memcmp(text.p, "act-", 4) != 0)
		return 0;
	memcpy(mem, text.p, 16);
	return (uint32_t)strtoul(mem + 4, NULL, 10);
}

static size_t
body_octets(uint32_t id)
{
	uint64_t seed = id, kind = crash_random(&seed) % 100, more = crash_random(&seed);

	return kind < 70 ? 100 + more % 2500 : kind < 92 ? 4000 + more % 20000 :
	    kind < 96 ? 64000 + more % 80000 : kind < 99 ? 700000 : BODY_MAX - more % 90000;
}

struct slice
act_body(uint32_t id)
{
	static char mem[BODY_MAX];
	size_t n = body_octets(id), at = (size_t)snprintf(mem, sizeof mem, "act %u\r\n", id);
	uint64_t seed = id, r = 0;

	for (; at < n; at++) {
		if (at % 8 == 0)
			r = crash_random(&seed);
		mem[at] = at / 4096 % 2 == 0 ? (char)(r >> at % 8 * 8) : "cong van "[at % 9];
	}
	return (struct slice){ mem, n };
}

/* ---- open ---- */

int
site_open(struct site *t, const struct keys *k, const char *dir, unsigned threads)
{
	uint64_t map = t->map_octets == 0 ? MAP_OCTETS : t->map_octets;
	struct engine_conf conf = { .state_dir = t->state, .run_dir = t->run, .map_octets = map,
		.segment_octets = SEGMENT_OCTETS, .compress = true, .threads = threads,
		.expunged_days = 1 };
	int r;

	*t = (struct site){ .keys = k, .map_octets = t->map_octets };
	snprintf(t->state, sizeof t->state, "%s/state", dir);
	snprintf(t->run, sizeof t->run, "%s/run", dir);
	r = engine_open(&conf, &t->e);
	if (r == OK)
		r = engine_set_spool_key(t->e, k->spool);
	if (r == OK)
		r = store_open(t->state, t->run, map, 0, &t->s);
	if (r != OK)
		snprintf(t->why, sizeof t->why, "the store does not open: %s", err_text(r));
	return r;
}

void
site_close(struct site *t)
{
	store_close(&t->s);
	engine_close(&t->e);
}

/* ---- looking ---- */

static int
complain(struct site *t, const char *what, const struct row *r, int err)
{
	snprintf(t->why, sizeof t->why, "%s: account %u mailbox %u uid %u: %s", what, r->who,
	    r->mailbox, r->uid, err_text(err));
	return ERR_CORRUPT;
}

static uint32_t
known_blob(const struct site *t, uint64_t blob)
{
	for (size_t i = 0; i < t->known_n && !t->whole; i++)
		if (t->known[i].blob == blob)
			return t->known[i].id;
	return 0;
}

/* Which message it is, by its octets, all of which must be right. */
static int
read_message(struct site *t, const struct store_record *rec, struct row *row)
{
	static char got[BODY_MAX + 1];
	struct store_message *m = NULL;
	struct slice summary, want;
	size_t n;
	int r = ERR_CORRUPT;

	row->id = known_blob(t, rec->blob);
	if (row->id != 0)
		return OK;
	for (unsigned c = 0; c < ACCOUNT_CLASSES && r != OK; c++)
		r = store_message_open(t->s, rec, t->keys->secret[row->who][c], &m);
	if (r == OK)
		r = store_message_read(m, 0, got, BODY_MAX, &n);
	if (r == OK)
		r = store_message_summary(m, &summary);
	if (r == OK) {
		got[n] = '\0';
		want = sscanf(got, "act %u", &row->id) == 1 ? act_body(row->id) : SLICE("");
		if (want.n != n || n != rec->size_octets || memcmp(want.p, got, n) != 0 ||
		    !slice_is(summary, "summary"))
			r = ERR_CORRUPT;
	}
	store_message_close(&m);
	if (r != OK)
		return complain(t, "a message is BROKEN", row, r);
	if (t->known_n < ROWS_MAX) {
		t->known[t->known_n].blob = rec->blob;
		t->known[t->known_n++].id = row->id;
	}
	return OK;
}

static uint16_t
keyword_bits(const struct store_mailbox *mb, uint64_t bits)
{
	uint16_t out = 0;

	for (size_t i = 0; i < mb->keywords_n; i++)
		if ((bits >> i & 1) != 0)
			out |= (uint16_t)(1u << (mb->keywords[i].p[1] - '0'));
	return out;
}

struct counts {
	uint32_t unseen, deleted;
	uint64_t octets;
};

static int
look_rows(struct site *t, uint32_t account, uint32_t who, const struct store_mailbox *mb,
    struct state *out, struct counts *c)
{
	static struct store_record page[ROWS_MAX];
	size_t n = 0;
	int r = store_page(t->s, account, mb->id, 1, page, ROWS_MAX, &n);

	for (size_t i = 0; i < n && r == OK; i++) {
		struct row *row = &out->rows[out->rows_n];

		if (out->rows_n++ == ROWS_MAX)
			return ERR_LIMIT;
		*row = (struct row){ .who = who, .mailbox = mb->id, .uid = page[i].uid,
			.flags = page[i].flags, .modseq = page[i].modseq,
			.keywords = keyword_bits(mb, page[i].keywords) };
		c->unseen += (row->flags & ST_SEEN) == 0;
		c->deleted += (row->flags & ST_DELETED) != 0;
		c->octets += page[i].size_octets;
		r = read_message(t, &page[i], row);
		if (r == OK && (row->uid >= mb->uidnext || row->modseq > mb->highestmodseq))
			r = complain(t, "a counter of its mailbox lies behind", row, ERR_CORRUPT);
	}
	if (r == OK && (n != mb->exists || c->unseen != mb->unseen || c->deleted != mb->deleted ||
	    c->octets != mb->octets)) {
		snprintf(t->why, sizeof t->why, "counters of mailbox %u of account %u are wrong",
		    mb->id, who);
		r = ERR_CORRUPT;
	}
	return r;
}

static int
look_account(struct site *t, uint32_t account, uint32_t who, struct state *out)
{
	struct store_mailbox *list;
	struct store_account acct;
	uint64_t octets = 0;
	uint32_t before = out->rows_n;
	struct arena a;
	struct slice *names;
	size_t n = 0, names_n = 0;
	int r;

	arena_init(&a, 1 << 20);
	r = store_mailboxes(t->s, account, &a, &list, &n);
	for (size_t i = 0; i < n && r == OK; i++) {
		struct mbox *m = &out->boxes[out->boxes_n];
		struct counts c = { 0 };

		if (out->boxes_n++ == BOXES_MAX)
			r = ERR_LIMIT;
		*m = (struct mbox){ who, list[i].id, list[i].uidvalidity, list[i].uidnext,
			list[i].highestmodseq, "" };
		snprintf(m->name, sizeof m->name, "%.*s", (int)list[i].name.n, list[i].name.p);
		r = r == OK ? look_rows(t, account, who, &list[i], out, &c) : r;
		octets += c.octets;
	}
	if (r == OK)
		r = store_subscriptions(t->s, account, &a, &names, &names_n);
	for (size_t i = 0; i < names_n && r == OK; i++)
		out->subscribed[who] |= act_name_bit(names[i]);
	arena_clear(&a);
	if (r == OK)
		r = store_account(t->s, account, &acct);
	if (r == OK && (acct.octets != octets || acct.messages != out->rows_n - before)) {
		snprintf(t->why, sizeof t->why, "counters of account %u are wrong", who);
		r = ERR_CORRUPT;
	}
	return r;
}

static int
look_queue(struct site *t, struct state *out)
{
	struct st_list_request req = { .from = 0, .max = 1000 };
	struct st_queue_list_reply list;
	struct arena a;
	int r = control_begin_read(t->e->ctl);

	if (r != OK)
		return r;
	arena_init(&a, 16 << 20);
	r = queue_list(t->e->ctl, &req, &a, &list);
	for (size_t i = 0; r == OK && i < list.entries_n && out->queue_n < QUEUE_MAX; i++)
		out->queue[out->queue_n++] = (struct entry_state){
			act_id_of(list.entries[i].id),
			slice_eq(list.entries[i].route, act_route(0)) ? 0 : 1 };
	control_abort(t->e->ctl);
	arena_clear(&a);
	return r;
}

int
site_look(struct site *t, struct state *out)
{
	char guid[16];
	int r = OK;

	memset(out, 0, sizeof *out);
	t->why[0] = '\0';
	for (uint32_t who = 0; who < ACCOUNTS && r == OK; who++) {
		const struct account *a = accounts_find(t->e->accounts, act_guid(who, guid));

		if (a == NULL)
			continue;
		out->number[who] = a->number;
		r = look_account(t, a->number, who, out);
	}
	if (r == OK)
		r = look_queue(t, out);
	if (r != OK && t->why[0] == '\0')
		snprintf(t->why, sizeof t->why, "the store cannot be read: %s", err_text(r));
	return r;
}

/* ---- audit, queue ---- */

static int
list_audit(struct site *t, bool present[ACTS_MAX])
{
	struct st_audit_list_reply list;
	struct arena a;
	int r;

	arena_init(&a, 32 << 20);
	r = audit_list(t->e->ctl, 1, 1000, 16 << 20, &a, &list);
	for (size_t i = 0; i < (r == OK ? list.records_n : 0); i++) {
		uint32_t id = act_id_of(list.records[i].audit[0].reference);

		if (id == 0 || id >= ACTS_MAX)
			continue;
		if (present[id]) {
			snprintf(t->why, sizeof t->why, "act %u is in the audit twice", id);
			r = ERR_CORRUPT;
		}
		present[id] = true;
	}
	if (r == OK && list.more)
		r = ERR_LIMIT;
	arena_clear(&a);
	return r;
}

int
site_audit(struct site *t, bool present[ACTS_MAX])
{
	struct audit_verify v;
	int r = control_begin_read(t->e->ctl);

	memset(present, 0, ACTS_MAX * sizeof *present);
	audit_verify_begin(&v, (struct slice){ (const char *)t->keys->audit_public, 32 });
	while (r == OK && !v.done)
		r = audit_verify_step(t->e->ctl, &v, 1000);
	if (r == OK && v.what[0] != '\0') {
		snprintf(t->why, sizeof t->why, "audit: %s at %llu", v.what,
		    (unsigned long long)v.first_bad);
		r = ERR_CORRUPT;
	}
	if (r == OK)
		r = list_audit(t, present);
	control_abort(t->e->ctl);
	return r;
}

static int
read_spooled(struct site *t, const struct control_queue *q)
{
	struct slice want = act_body(act_id_of(q->entry[0].id));
	static char got[BODY_MAX + 1];
	int fd, r = engine_spool_read(t->e, q, &fd);
	ssize_t n;

	if (r == OK) {
		n = pread(fd, got, sizeof got, 0);
		if (n != (ssize_t)want.n || memcmp(got, want.p, want.n) != 0)
			r = ERR_CORRUPT;
		close(fd);
	}
	if (r != OK)
		snprintf(t->why, sizeof t->why, "queue entry of %u is BROKEN: %s",
		    act_id_of(q->entry[0].id), err_text(r));
	return r;
}

int
site_spool(struct site *t)
{
	struct control_queue q;
	struct env_cursor cur;
	struct arena a;
	int r = control_begin_read(t->e->ctl);

	if (r != OK)
		return r;
	arena_init(&a, 16 << 20);
	r = env_cursor_open(t->e->ctl->t, CONTROL_QUEUE, &cur);
	if (r == OK)
		r = env_cursor_seek(&cur, (struct slice){ "", 1 });
	while (r == 1) {
		r = queue_load(t->e->ctl, cur.key, &a, &q);
		if (r == OK)
			r = read_spooled(t, &q);
		if (r == OK)
			r = env_cursor_next(&cur);
	}
	env_cursor_close(&cur);
	control_abort(t->e->ctl);
	arena_clear(&a);
	return r;
}

static void
recounted(void *arg, const struct recount_diff *d)
{
	struct site *t = arg;

	snprintf(t->why, sizeof t->why, "%s of account %u, mailbox %u, blob %llx is %llu instead of "
	    "%llu", recount_name(d->what), d->account, d->mailbox, (unsigned long long)d->blob,
	    (unsigned long long)d->is, (unsigned long long)d->counted);
}

int
site_recount(struct site *t)
{
	int r = index_begin_read(t->e->ix);

	if (r != OK)
		return r;
	t->why[0] = '\0';
	r = recount_index(t->e->ix, recounted, NULL, t);
	index_abort(t->e->ix);
	return r == OK && t->why[0] != '\0' ? ERR_CORRUPT : r;
}
