/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Reading: imapd/backend.h over mailstore/store.h. */
#include "imapd/conn.h"

enum { PAGE = 64 };

static void
box_of(const struct store_mailbox *m, struct backend_box *out)
{
	*out = (struct backend_box){ .name = m->name, .id = m->id, .use = m->special_use,
		.subscribed = m->subscribed, .mat = m->keyset_class == KEYSET_MAT };
}

static bool
is_box(const struct store_mailbox *v, size_t n, struct slice name)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (slice_cmp(v[mid].name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < n && slice_eq(v[lo].name, name);
}

int
conn_boxes(void *ctx, struct arena *a, struct backend_box **out, size_t *n_out)
{
	const struct conn *c = ctx;
	struct store_mailbox *boxes;
	struct slice *subscribed;
	size_t n, subscribed_n;
	int err = store_mailboxes(c->worker->store, c->account->number, a, &boxes, &n);

	if (err == OK)
		err = store_subscriptions(c->worker->store, c->account->number, a, &subscribed,
		    &subscribed_n);
	if (err != OK)
		return err;
	*n_out = 0;
	*out = arena_array(a, n + subscribed_n, sizeof **out);
	if (*out == NULL)
		return a->err;
	for (size_t i = 0; i < n; i++)
		box_of(&boxes[i], &(*out)[(*n_out)++]);
	for (size_t i = 0; i < subscribed_n; i++)
		if (!is_box(boxes, n, subscribed[i]))
			(*out)[(*n_out)++] = (struct backend_box){ .name = subscribed[i],
				.subscribed = true };
	return OK;
}

int
conn_box(void *ctx, struct slice name, struct backend_box *out)
{
	const struct conn *c = ctx;
	struct arena *a = &c->worker->arena;
	struct store_mailbox m;
	int err;

	arena_clear(a);
	err = store_mailbox_find(c->worker->store, c->account->number, name, a, &m);
	if (err == OK) {
		box_of(&m, out);
		out->name = name;
	}
	return err;
}

int
conn_state(void *ctx, uint32_t box, struct backend_state *out)
{
	const struct conn *c = ctx;
	struct arena *a = &c->worker->arena;
	struct store_account acct;
	struct store_mailbox m;
	int err;

	arena_clear(a);
	err = store_mailbox(c->worker->store, c->account->number, box, a, &m);
	if (err == OK)
		err = store_account(c->worker->store, c->account->number, &acct);
	if (err == OK)
		*out = (struct backend_state){ .uidvalidity = m.uidvalidity, .uidnext = m.uidnext,
			.messages = m.exists, .unseen = m.unseen, .first_recent_uid = m.recent_uid,
			.modseq = m.highestmodseq, .used_percent = acct.warned,
			.group_used_percent = acct.group_warned };
	return err;
}

int
conn_keywords(void *ctx, uint32_t box, struct arena *a, struct slice **out, size_t *n_out)
{
	static struct slice none[1];
	const struct conn *c = ctx;
	struct store_mailbox m;
	int err = store_mailbox(c->worker->store, c->account->number, box, a, &m);

	if (err != OK)
		return err;
	*out = m.keywords_n > 0 ? m.keywords : none;
	*n_out = m.keywords_n;
	return OK;
}

static void
msg_of(const struct conn *c, const struct store_record *r, struct backend_msg *out)
{
	*out = (struct backend_msg){ .uid = r->uid, .flags = r->flags & BACKEND_FLAGS_ALL,
		.keywords = r->keywords, .modseq = r->modseq,
		.internal_date_s = r->internal_date_s, .size_octets = r->size_octets,
		.withheld = (r->sig & ST_KEPT_INSIDE) != 0 &&
		    c->worker->wc->zone != ZONE_INTERNAL };
}

int
conn_scan(void *ctx, uint32_t box, uint32_t first_uid, struct backend_msg *out, size_t max,
    size_t *n_out)
{
	const struct conn *c = ctx;
	struct store_record page[PAGE];
	size_t n = PAGE;

	*n_out = 0;
	while (n == PAGE && *n_out < max) {
		size_t want = max - *n_out < PAGE ? max - *n_out : PAGE;
		int err = store_page(c->worker->store, c->account->number, box, first_uid, page,
		    want, &n);

		if (err != OK)
			return err;
		for (size_t i = 0; i < n; i++)
			msg_of(c, &page[i], &out[(*n_out)++]);
		if (n < want || page[n - 1].uid == UINT32_MAX)
			return OK;
		first_uid = page[n - 1].uid + 1;
	}
	return OK;
}

static int
read_uids(void *ctx, uint32_t box, uint32_t first_uid, uint32_t *out, size_t max, size_t *n_out)
{
	const struct conn *c = ctx;

	return store_uids(c->worker->store, c->account->number, box, first_uid, out, max, n_out);
}

/* The first page makes sure of the list in the cache; whatever is there for the other pages is not
 * older than that. */
int
conn_uids(void *ctx, uint32_t box, uint32_t first_uid, uint32_t *out, size_t max, size_t *n_out)
{
	struct conn *c = ctx;
	struct uidcache *cache = &c->worker->uids;
	const struct uidlist *l = NULL;
	struct backend_state st;

	if (first_uid > 1)
		l = uidcache_find(cache, c->account->number, box);
	else if (conn_state(c, box, &st) == OK)
		l = uidcache_get(cache, c->account->number, box, &st, read_uids, c);
	if (l == NULL)
		return read_uids(c, box, first_uid, out, max, n_out);
	*n_out = uidlist_copy(l, first_uid, out, max);
	return OK;
}

int
conn_first_unseen(void *ctx, uint32_t box, uint32_t *uid_out)
{
	const struct conn *c = ctx;

	return store_first_unseen(c->worker->store, c->account->number, box, uid_out);
}

int
conn_changes(void *ctx, uint32_t box, uint64_t since, uint32_t first_uid,
    struct backend_msg *out, size_t max, size_t *n_out, uint32_t *next_uid_out)
{
	const struct conn *c = ctx;
	struct store_record page[PAGE];
	int err = store_changes(c->worker->store, c->account->number, box, since, first_uid, page,
	    max < PAGE ? max : PAGE, n_out, next_uid_out);

	for (size_t i = 0; err == OK && i < *n_out; i++)
		msg_of(c, &page[i], &out[i]);
	return err;
}

int
conn_vanished(void *ctx, uint32_t box, uint64_t since, struct arena *a,
    struct backend_range **out, size_t *n_out, bool *complete_out)
{
	const struct conn *c = ctx;
	struct st_range *ranges;
	int err = store_vanished(c->worker->store, c->account->number, box, since, a, &ranges,
	    n_out, complete_out);

	if (err != OK)
		return err;
	*out = arena_array(a, *n_out, sizeof **out);
	for (size_t i = 0; *out != NULL && i < *n_out; i++)
		(*out)[i] = (struct backend_range){ ranges[i].lo, ranges[i].hi };
	return *out == NULL ? a->err : OK;
}

/* ---- messages ---- */

void
conn_release(void *ctx)
{
	struct conn *c = ctx;

	if (c->message != NULL)
		store_message_close(&c->message);
	c->message = NULL;
	c->message_open = false;
}

const uint8_t *
conn_secret(const struct conn *c, uint32_t keyset)
{
	for (size_t i = 0; i < c->account->places_n; i++)
		if (keys_id(c->worker->keys, c->account->places[i]) == keyset)
			return keys_secret(c->worker->keys, c->account->places[i]);
	return NULL;
}

static int
open_message(struct conn *c, uint32_t box, uint32_t uid)
{
	struct store_record r;
	const uint8_t *secret;
	int err;

	if (c->message_open && c->message_box == box && c->message_uid == uid)
		return OK;
	c->message_open = false;
	err = store_record(c->worker->store, c->account->number, box, uid, &r);
	if (err != OK)
		return err;
	/* It was cleared when the mail came; it may not be any more. */
	if (r.level > c->account->clearance)
		return ERR_ACCESS;
	secret = conn_secret(c, r.keyset);
	if (secret == NULL) {
		c->keys_changed = c->keys_changed || r.keyset > c->account->newest_keyset;
		return ERR_CRYPTO;
	}
	err = store_message_open(c->worker->store, &r, secret, &c->message);
	if (err != OK)
		return err;
	c->message_open = true;
	c->message_box = box;
	c->message_uid = uid;
	c->message_octets = store_message_octets(c->message);
	return OK;
}

int
conn_summary(void *ctx, uint32_t box, uint32_t uid, struct slice *out)
{
	struct conn *c = ctx;
	int err = open_message(c, box, uid);

	return err == OK ? store_message_summary(c->message, out) : err;
}

int
conn_octets(void *ctx, uint32_t box, uint32_t uid, uint64_t begin, uint64_t end,
    struct slice *out)
{
	struct conn *c = ctx;
	struct worker *w = c->worker;
	size_t want = end - begin < sizeof w->scratch ? (size_t)(end - begin) : sizeof w->scratch;
	size_t n = 0;
	int err = open_message(c, box, uid);

	if (err == OK)
		err = store_message_read(c->message, begin, w->scratch, want, &n);
	if (err == OK && n == 0)
		err = ERR_CORRUPT;	/* shorter than its record says */
	*out = (struct slice){ w->scratch, n };
	return err;
}

const struct backend conn_backend = {
	.boxes = conn_boxes, .box = conn_box, .state = conn_state, .keywords = conn_keywords,
	.scan = conn_scan, .uids = conn_uids, .first_unseen = conn_first_unseen,
	.changes = conn_changes, .vanished = conn_vanished, .summary = conn_summary,
	.octets = conn_octets,
	.release = conn_release, .spool_open = conn_spool_open, .spool_add = conn_spool_add,
	.spool_drop = conn_spool_drop, .ask = conn_ask,
};
