/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/release.h"

#include <sodium.h>

#include "common/control.h"
#include "common/utf8.h"

enum {
	PREFIX_OCTETS = sizeof "release-r" - 1, PURGE_AT_ONCE = 8, ADDRESS_MAX = 320,
	DETAIL_MAX = 1024, USED_AT_ONCE = 4, ROW_OCTETS_MAX = 1 << 20
};

/* ---- keys ---- */

static struct record_key
key_of(char kind)
{
	struct record_key k = { .n = 0 };

	record_key_octets(&k, SLICE("release-"));
	record_key_octets(&k, (struct slice){ &kind, 1 });
	return k;
}

/* By an id: 'r', of the release; 'd', of the delivery that used it. */
static struct record_key
key_id(char kind, struct slice id)
{
	struct record_key k = key_of(kind);

	record_key_octets(&k, slice_sub(id, 0, ST_ID_OCTETS));
	return k;
}

/* By what a sender's address is in any case of letters: 's', open ones; 'u', used ones. */
static struct record_key
key_sender(char kind, struct slice sender)
{
	struct record_key k = key_of(kind);
	unsigned char hash[RECORD_HASH_OCTETS], low[ADDRESS_MAX];
	size_t n = sender.n < sizeof low ? sender.n : sizeof low;

	for (size_t i = 0; i < n; i++)
		low[i] = (unsigned char)ascii_lower(sender.p[i]);
	crypto_generichash(hash, sizeof hash, low, n, NULL, 0);
	record_key_octets(&k, (struct slice){ (const char *)hash, sizeof hash });
	return k;
}

/* ... which are in order of time, the last first. */
static struct record_key
key_used(const struct st_release *r)
{
	struct record_key k = key_sender('u', r->sender);

	record_key_u32(&k, UINT32_MAX - (uint32_t)r->settled_s);
	return k;
}

static struct slice
with_id(struct record_key *k, struct slice id)
{
	record_key_octets(k, id);
	return record_key_slice(k);
}

/* ---- rows ---- */

static int
get(struct control *c, struct slice id, struct arena *a, struct st_release *out)
{
	struct record_key k = key_id('r', id);
	struct st_release row;
	struct slice val;
	int r = env_get(c->t, CONTROL_META, record_key_slice(&k), &val);

	if (r != OK)
		return r;
	val = arena_copy(a, val);	/* strings of the row lie in it */
	if (a->err != OK)
		return a->err;
	r = record_wire_get(record_key_slice(&k), val, &st_release_wire, a, &row);
	*out = row;
	return r;
}

static int
put(struct control *c, const struct st_release *r)
{
	struct record_key k = key_id('r', r->id);

	return control_put(c, CONTROL_META, record_key_slice(&k), &st_release_wire, r);
}

static bool
is_open(const struct st_release *r, int64_t now_s)
{
	return (r->state == ST_RELEASE_OPEN || control_off("release-once")) &&
	    (int64_t)r->expires_s > now_s;
}

static int
close_row(struct control *c, struct st_release *r, uint8_t state, int64_t now_s)
{
	struct record_key k = key_sender('s', r->sender);
	int err = control_del(c, CONTROL_META, with_id(&k, r->id));

	r->state = state;
	r->settled_s = (uint64_t)now_s;
	return err == OK ? put(c, r) : err;
}

/* ---- looking ---- */

/* One row of the releases under a prefix; 0: go on, 1: enough, negative: an error. */
typedef int (*row_fn)(void *arg, struct slice id);

static int
each_id(struct control *c, const struct record_key *prefix, row_fn fn, void *arg)
{
	struct env_cursor cur;
	int r = env_cursor_open(c->t, CONTROL_META, &cur), done = 0;

	if (r != OK)
		return r;
	r = env_cursor_seek(&cur, record_key_slice(prefix));
	while (r == 1 && done == 0 && record_key_under(cur.key, prefix) &&
	    cur.key.n >= ST_ID_OCTETS) {
		done = fn(arg, slice_from(cur.key, cur.key.n - ST_ID_OCTETS));
		if (done == 0)
			r = env_cursor_next(&cur);
	}
	env_cursor_close(&cur);
	return r < 0 ? r : done < 0 ? done : OK;
}

struct finding {
	struct control		     *c;
	struct arena		     *a;
	struct slice		      sender;	/* empty: whoever's */
	uint8_t			      state;	/* ST_RELEASE_* of those of the sender */
	int64_t			      now_s;
	size_t			      max;
	struct st_release_list_reply *out;
};

static bool
is_sought(const struct finding *f, const struct st_release *r)
{
	return f->sender.n == 0 || (slice_eq_nocase(r->sender, f->sender) &&
	    (f->state == ST_RELEASE_OPEN ? is_open(r, f->now_s) :
	    r->state == f->state && (int64_t)r->expires_s > f->now_s));
}

/* Is that one sought? Of what is not, nothing stays in memory: it may be very much. */
static int
look_at(struct finding *f, struct slice id, bool *sought_out)
{
	struct arena scratch;
	struct st_release r;
	int err;

	arena_init(&scratch, ROW_OCTETS_MAX);
	err = get(f->c, id, &scratch, &r);
	*sought_out = err == OK && is_sought(f, &r);
	/* What was used before the longest release began is over, and so is what comes behind it. */
	if (err == OK && f->state == ST_RELEASE_USED &&
	    (int64_t)r.settled_s + RELEASE_AHEAD_S <= f->now_s)
		err = 1;
	arena_clear(&scratch);
	return err == ERR_NOENT ? OK : err;
}

static int
find_one(void *arg, struct slice id)
{
	struct finding *f = arg;
	bool sought;
	int err = look_at(f, id, &sought);

	if (err != OK || !sought)
		return err;
	err = get(f->c, id, f->a, &f->out->releases[f->out->releases_n]);
	return err != OK ? err : ++f->out->releases_n == f->max;
}

int
release_find(struct control *c, const struct st_release_find_request *req, int64_t now_s,
    struct arena *a, struct st_release_list_reply *out)
{
	bool delivered = req->delivery.n == ST_ID_OCTETS;
	struct finding f = { c, a, delivered ? SLICE("") : req->sender, ST_RELEASE_OPEN, now_s,
		ST_RELEASES_OPEN_MAX, out };
	struct record_key k = delivered ? key_id('d', req->delivery) :
	    key_sender('s', req->sender), used = key_sender('u', req->sender);
	int r = OK;

	*out = (struct st_release_list_reply){ .more = 0 };
	if (!delivered && req->sender.n == 0)
		return ERR_INVAL;
	out->releases = arena_array(a, ST_RELEASES_OPEN_MAX, sizeof *out->releases);
	if (out->releases == NULL)
		return a->err;
	if (!delivered && req->used) {
		f.state = ST_RELEASE_USED;
		f.max = USED_AT_ONCE;
		r = each_id(c, &used, find_one, &f);
		f.state = ST_RELEASE_OPEN;
		f.max = ST_RELEASES_OPEN_MAX;
	}
	return r == OK ? each_id(c, &k, find_one, &f) : r;
}

struct listing {
	struct control		     *c;
	struct arena		     *a;
	struct slice		      after;
	size_t			      max;
	struct st_release_list_reply *out;
};

static int
list_one(void *arg, struct slice id)
{
	struct listing *l = arg;
	struct st_release *r = &l->out->releases[l->out->releases_n];
	int err;

	if (slice_eq(id, l->after))
		return 0;
	if (l->out->releases_n == l->max) {
		l->out->more = 1;
		return 1;
	}
	err = get(l->c, id, l->a, r);
	r->statements_n = 0;
	l->out->releases_n += err == OK;
	return err;
}

int
release_list(struct control *c, const struct st_release_list_request *req, struct arena *a,
    struct st_release_list_reply *out)
{
	enum { PAGE = 32 };
	struct listing l = { c, a, req->after, req->max < PAGE ? req->max : PAGE, out };
	struct record_key all = key_of('r'), from = all;
	struct env_cursor cur;
	int r, done = 0;

	*out = (struct st_release_list_reply){ .more = 0 };
	out->releases = arena_array(a, l.max + 1, sizeof *out->releases);
	if (out->releases == NULL)
		return a->err;
	record_key_octets(&from, slice_sub(req->after, 0, ST_ID_OCTETS));
	if ((r = env_cursor_open(c->t, CONTROL_META, &cur)) != OK)
		return r;
	r = env_cursor_seek(&cur, record_key_slice(&from));
	while (r == 1 && done == 0 && record_key_under(cur.key, &all)) {
		done = list_one(&l, slice_from(cur.key, PREFIX_OCTETS));
		r = env_cursor_next(&cur);
	}
	env_cursor_close(&cur);
	return r < 0 ? r : done < 0 ? done : OK;
}

/* ---- acts ---- */

static bool
is_whole(const struct st_release *r, int64_t now_s)
{
	return r->id.n == ST_ID_OCTETS && r->sender.n > 0 && r->recipients_n > 0 &&
	    r->officers_n == 2 && r->statements_n == 2 && r->lift <= LIFT_FALSE_POSITIVE &&
	    (int64_t)r->expires_s > now_s && (int64_t)r->expires_s <= now_s + RELEASE_AHEAD_S;
}

struct counting {
	struct control *c;
	struct arena   *a;
	int64_t		now_s;
	uint64_t	n;
};

static int
count_open(void *arg, struct slice id)
{
	struct counting *n = arg;
	struct st_release r;
	int err = get(n->c, id, n->a, &r);

	n->n += err == OK && is_open(&r, n->now_s);
	return err == ERR_NOENT ? 0 : err;
}

static int
count_all(void *arg, struct slice id)
{
	struct counting *n = arg;

	(void)id;
	return ++n->n >= ST_RELEASES_MAX;
}

/* What refers to a release that is forgotten. */
static int
forget(struct control *c, struct slice id, struct arena *a)
{
	struct record_key k = key_id('r', id), sender, delivery, used;
	struct st_release r;
	int err = get(c, id, a, &r);

	if (err == ERR_NOENT)
		return OK;
	if (err != OK)
		return err;
	sender = key_sender('s', r.sender);
	delivery = key_id('d', r.delivery);
	used = key_used(&r);
	err = control_del(c, CONTROL_META, with_id(&sender, id));
	if (err == OK)
		err = control_del(c, CONTROL_META, with_id(&used, id));
	if (err == OK)
		err = control_del(c, CONTROL_META, with_id(&delivery, id));
	return err == OK ? control_del(c, CONTROL_META, record_key_slice(&k)) : err;
}

static int
purge(struct control *c, int64_t now_s, struct arena *a)
{
	struct record_key ages = key_of('t');
	struct env_cursor cur;
	int r = env_cursor_open(c->t, CONTROL_META, &cur);

	if (r != OK)
		return r;
	for (int i = 0; i < PURGE_AT_ONCE; i++) {
		struct record_key key = { .n = 0 };

		r = env_cursor_seek(&cur, record_key_slice(&ages));
		if (r != 1 || !record_key_under(cur.key, &ages) ||
		    record_key_read_u32(cur.key, PREFIX_OCTETS) + (int64_t)RELEASE_KEEP_S > now_s)
			break;
		record_key_octets(&key, cur.key);
		r = forget(c, slice_from(record_key_slice(&key), PREFIX_OCTETS + 4), a);
		if (r == OK)
			r = control_del(c, CONTROL_META, record_key_slice(&key));
		if (r != OK)
			break;
	}
	env_cursor_close(&cur);
	return r < 0 ? r : OK;
}

static int
check_room(struct control *c, const struct st_release *r, int64_t now_s, struct arena *a)
{
	struct counting open = { c, a, now_s, 0 }, all = { c, a, now_s, 0 };
	struct record_key mine = key_sender('s', r->sender), ages = key_of('t');
	int err = each_id(c, &mine, count_open, &open);

	if (err == OK)
		err = each_id(c, &ages, count_all, &all);
	if (err != OK)
		return err;
	return open.n >= ST_RELEASES_OPEN_MAX || all.n >= ST_RELEASES_MAX ? ERR_LIMIT : OK;
}

int
release_add(struct control *c, const struct st_release *r, int64_t now_s, struct arena *a)
{
	struct record_key sender = key_sender('s', r->sender), age = key_of('t');
	struct st_release row = *r, before;
	int err;

	row.state = ST_RELEASE_OPEN;
	row.added_s = (uint64_t)now_s;
	row.settled_s = 0;
	row.delivery = SLICE("");
	if (!is_whole(r, now_s))
		return ERR_INVAL;
	err = get(c, r->id, a, &before);
	if (err != ERR_NOENT)
		return err == OK ? ERR_EXIST : err;
	if ((err = check_room(c, r, now_s, a)) != OK)
		return err;
	record_key_u32(&age, (uint32_t)now_s);
	err = purge(c, now_s, a);
	if (err == OK)
		err = put(c, &row);
	if (err == OK)
		err = control_put_u64(c, CONTROL_META, with_id(&sender, r->id), 0);
	return err == OK ? control_put_u64(c, CONTROL_META, with_id(&age, r->id), 0) : err;
}

int
release_revoke(struct control *c, struct slice id, int64_t now_s, struct arena *a,
    struct st_release *out)
{
	int r = id.n == ST_ID_OCTETS ? get(c, id, a, out) : ERR_NOENT;

	if (r == OK && out->state != ST_RELEASE_OPEN)
		r = ERR_BAD_STATE;
	return r == OK ? close_row(c, out, ST_RELEASE_REVOKED, now_s) : r;
}

int
release_use(struct control *c, const struct st_release_use *use, struct slice delivery,
    int64_t now_s, struct arena *a, struct st_release *out)
{
	struct record_key k = key_id('d', delivery), used;
	int r = use->id.n == ST_ID_OCTETS ? get(c, use->id, a, out) : ERR_ACCESS;

	if (r == ERR_NOENT || (r == OK && (!is_open(out, now_s) ||
	    !slice_eq_nocase(out->sender, use->sender))))
		r = ERR_ACCESS;
	if (r != OK)
		return r;
	out->delivery = delivery;
	r = close_row(c, out, ST_RELEASE_USED, now_s);
	used = key_used(out);
	if (r == OK)
		r = control_put_u64(c, CONTROL_META, with_id(&used, use->id), 0);
	return r == OK ? control_put_u64(c, CONTROL_META, with_id(&k, use->id), 0) : r;
}

/* ---- audit, restore ---- */

static void
add_detail(const struct st_release *r, const char *event, struct slice by, struct buf *b)
{
	struct slice reason;

	buf_adds(b, "release=");
	for (size_t i = 0; i < r->id.n; i++)
		buf_addf(b, "%02x", (unsigned char)r->id.p[i]);
	buf_addf(b, " lift=%s officers=", lift_name(r->lift));
	for (size_t i = 0; i < r->officers_n; i++) {
		buf_adds(b, i > 0 ? "," : "");
		buf_add(b, slice_sub(r->officers[i].address, 0, ADDRESS_MAX));
	}
	if (by.n > 0)
		buf_addf(b, " %.*s", (int)slice_sub(by, 0, 100).n, by.p);
	if (!slice_is(slice_of(event), "release-add") || b->n + 10 > DETAIL_MAX)
		return;
	reason = utf8_prefix(r->reason, DETAIL_MAX - b->n - 10);
	buf_addf(b, " reason=%.*s", (int)reason.n, reason.p);
}

int
release_audit(const struct st_release *r, const char *event, struct slice by, struct arena *a,
    struct st_audit *out)
{
	struct buf b;
	int err;

	buf_init(&b, DETAIL_MAX);
	add_detail(r, event, by, &b);
	err = b.err;
	*out = (struct st_audit){ .event = slice_of(event), .account = r->sender,
		.recipients = r->recipients, .recipients_n = r->recipients_n,
		.verdict = VERDICT_ALLOW, .reference = r->reference,
		.detail = arena_copy(a, buf_slice(&b)) };
	buf_fini(&b);
	return err != OK ? err : a->err;
}

int
release_restore(struct control *c, struct slice key, struct slice val, int64_t now_s,
    struct arena *a, struct slice *val_out)
{
	struct record_key rows = key_of('r'), open = key_of('s');
	struct st_release row;
	int r;

	*val_out = (struct slice){ NULL, 0 };
	if (record_key_under(key, &open))
		return 1;
	if (!record_key_under(key, &rows))
		return 0;
	r = record_wire_get(key, val, &st_release_wire, a, &row);
	if (r == OK && row.state == ST_RELEASE_OPEN) {
		row.state = ST_RELEASE_REVOKED;
		row.settled_s = (uint64_t)now_s;
	}
	if (r == OK)
		r = record_wire_put(key, &st_release_wire, &row, &c->row);
	*val_out = buf_slice(&c->row);
	return r == OK ? 1 : r;
}
