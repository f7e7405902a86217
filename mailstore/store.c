/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/control.h"
#include "mailstore/name.h"
#include "mailstore/store_internal.h"

static int
open_parts(struct store *s, const char *state_dir, uint64_t map_octets)
{
	char path[PATH_OCTETS];
	int r = path_store(state_dir, "index", path);

	if (r == OK && !s->ix_is_lent)
		r = index_open(path, map_octets, true, &s->ix);
	if (r == ERR_NOENT)
		r = ERR_UNAVAIL;
	if (r == OK)
		r = path_store(state_dir, "seg", path);
	if (r == OK)
		r = segment_cache_new(path, &s->segments);
	return r == OK ? crypt_zip_new(&s->zip) : r;
}

static int
open_store(struct index *ix, const char *state_dir, const char *run_dir, uint64_t map_octets,
    unsigned flags, struct store **out)
{
	struct store *s = calloc(1, sizeof *s);
	int r;

	*out = s;
	if (s == NULL)
		return ERR_NOMEM;
	s->flags = flags;
	s->ix = ix;
	s->ix_is_lent = ix != NULL;
	r = crypt_start();
	if (r == OK && snprintf(s->run_dir, sizeof s->run_dir, "%s", run_dir) >=
	    (int)sizeof s->run_dir)
		r = ERR_LIMIT;
	if (r == OK)
		r = open_parts(s, state_dir, map_octets);
	if (r == OK) {
		s->shared = crypt_secret_new(STORE_SHARED_SLOTS * sizeof *s->shared);
		r = s->shared == NULL ? ERR_NOMEM : crypt_vault_new(&s->keys);
	}
	if (r == OK)
		memset(s->shared, 0, STORE_SHARED_SLOTS * sizeof *s->shared);
	else
		store_close(out);
	return r;
}

int
store_open(const char *state_dir, const char *run_dir, uint64_t map_octets, unsigned flags,
    struct store **out)
{
	return open_store(NULL, state_dir, run_dir, map_octets, flags, out);
}

int
store_open_on(struct index *ix, const char *state_dir, struct store **out)
{
	return open_store(ix, state_dir, "", 0, 0, out);
}

void
store_close(struct store **store)
{
	struct store *s = *store;

	if (s == NULL)
		return;
	if (!s->ix_is_lent)
		index_close(&s->ix);
	segment_cache_free(&s->segments);
	crypt_zip_free(&s->zip);
	if (s->shared != NULL)
		crypt_secret_free(s->shared);
	crypt_vault_free(&s->keys);
	free(s);
	*store = NULL;
}

/* The one place that keeps classified mailboxes from readers of the internet zone. */
static bool
store_hides(const struct store *s, uint8_t class)
{
	return (s->flags & STORE_INTERNET) != 0 && class == KEYSET_MAT &&
	    !control_off("mat-hidden");
}

int
store_get_box(struct store *s, uint32_t account, uint32_t mailbox)
{
	int r = index_box_get(s->ix, account, mailbox, &s->ix->box);

	if (r == OK && store_hides(s, s->ix->box.class))
		r = ERR_NOENT;
	return r;
}

/* ---- accounts and mailboxes ---- */

int
store_account(struct store *s, uint32_t account, struct store_account *out)
{
	struct record_group group = { 0 };
	struct record_account a;
	int r = index_begin_read(s->ix);

	if (r != OK)
		return r;
	r = index_account_get(s->ix, account, &a);
	/* Without an agency its id is of zeros, and there is no row. */
	if (r == OK) {
		r = index_group_get(s->ix, (struct slice){ (const char *)a.group,
			sizeof a.group }, &group);
		r = r == ERR_NOENT ? OK : r;
	}
	index_abort(s->ix);
	if (r != OK)
		return r;
	memcpy(out->guid, a.guid, sizeof out->guid);
	out->octets = a.octets;
	out->messages = a.messages;
	out->warned = a.warned;
	out->group_warned = group.warned;
	return OK;
}

/* What is in box, copied to the arena. */
static int
show_box(struct store *s, const struct record_box *box, struct arena *a,
    struct store_mailbox *out)
{
	int subscribed = index_is_subscribed(s->ix, box->account, record_box_name(box));

	if (subscribed < 0)
		return subscribed;
	*out = (struct store_mailbox){ .id = box->id, .uidvalidity = box->uidvalidity,
		.uidnext = box->uidnext, .exists = box->exists, .unseen = box->unseen,
		.deleted = box->deleted, .recent_uid = box->recent_uid, .octets = box->octets,
		.highestmodseq = box->modseq, .shared = (box->has & RECORD_HAS_RIGHTS) != 0,
		.special_use = box->special_use,
		.keyset_class = box->class, .keyset = box->keyset,
		.subscribed = subscribed == 1, .keywords_n = box->keywords_n };
	out->name = arena_copy(a, record_box_name(box));
	out->keywords = arena_array(a, box->keywords_n, sizeof *out->keywords);
	if (out->keywords == NULL)
		return a->err;
	for (size_t i = 0; i < box->keywords_n; i++)
		out->keywords[i] = arena_copy(a, record_box_keyword(box, i));
	return a->err;
}

int
store_mailbox(struct store *s, uint32_t account, uint32_t mailbox, struct arena *a,
    struct store_mailbox *out)
{
	int r = index_begin_read(s->ix);

	if (r != OK)
		return r;
	r = store_get_box(s, account, mailbox);
	if (r == OK)
		r = show_box(s, &s->ix->box, a, out);
	index_abort(s->ix);
	return r;
}

int
store_mailbox_find(struct store *s, uint32_t account, struct slice name, struct arena *a,
    struct store_mailbox *out)
{
	struct buf normal;
	uint32_t id;
	int r;

	buf_init(&normal, 4 * ST_NAME_MAX);
	r = name_normal(name, &normal);
	/* What cannot be a name is the name of nothing. */
	r = r == ERR_INVAL || r == ERR_LIMIT ? ERR_NOENT : r;
	if (r == OK)
		r = index_begin_read(s->ix);
	if (r == OK) {
		r = index_name_find(s->ix, account, buf_slice(&normal), &id);
		if (r == OK)
			r = store_get_box(s, account, id);
		if (r == OK)
			r = show_box(s, &s->ix->box, a, out);
		index_abort(s->ix);
	}
	buf_fini(&normal);
	return r;
}

/* Room for one more item in a list that grows in the arena. */
static int
grow(struct arena *a, void **list, size_t n, size_t *cap, size_t size)
{
	size_t more = *cap == 0 ? 16 : 2 * *cap;
	void *v;

	if (n < *cap)
		return OK;
	v = arena_array(a, more, size);
	if (v == NULL)
		return a->err;
	if (n > 0)
		memcpy(v, *list, n * size);
	*list = v;
	*cap = more;
	return OK;
}

static int
by_name(const void *a, const void *b)
{
	const struct store_mailbox *x = a, *y = b;

	return slice_cmp(x->name, y->name);
}

static int
collect_boxes(struct store *s, uint32_t account, struct arena *a, struct store_mailbox **list,
    size_t *n)
{
	struct record_key prefix = record_key(account, RECORD_BOX);
	struct record_box *box = &s->ix->box;
	struct env_cursor c;
	size_t cap = 0;
	int r = env_cursor_open(s->ix->t, INDEX_T, &c);

	if (r != OK)
		return r;
	r = env_cursor_seek(&c, record_key_slice(&prefix));
	while (r == 1 && record_key_under(c.key, &prefix)) {
		int e = record_box_get(c.key, c.val, box);

		if (e == OK && !store_hides(s, box->class)) {
			e = grow(a, (void **)list, *n, &cap, sizeof **list);
			if (e == OK)
				e = show_box(s, box, a, &(*list)[(*n)++]);
		}
		r = e == OK ? env_cursor_next(&c) : e;
	}
	env_cursor_close(&c);
	return r < 0 ? r : OK;
}

int
store_mailboxes(struct store *s, uint32_t account, struct arena *a,
    struct store_mailbox **list_out, size_t *n_out)
{
	int r = index_begin_read(s->ix);

	*list_out = NULL;
	*n_out = 0;
	if (r != OK)
		return r;
	r = collect_boxes(s, account, a, list_out, n_out);
	index_abort(s->ix);
	if (r == OK && *n_out > 1)
		qsort(*list_out, *n_out, sizeof **list_out, by_name);
	return r;
}

static int
by_text(const void *a, const void *b)
{
	const struct slice *x = a, *y = b;

	return slice_cmp(*x, *y);
}

static int
collect_names(struct store *s, uint32_t account, struct arena *a, struct slice **list, size_t *n)
{
	struct record_key prefix = record_key(account, RECORD_SUBSCRIBED);
	struct env_cursor c;
	struct slice name;
	size_t cap = 0;
	int r = env_cursor_open(s->ix->t, INDEX_T, &c);

	if (r != OK)
		return r;
	r = env_cursor_seek(&c, record_key_slice(&prefix));
	while (r == 1 && record_key_under(c.key, &prefix)) {
		int e = record_text_get(c.key, c.val, &name);

		if (e == OK && !((s->flags & STORE_INTERNET) != 0 && store_name_is_mat(name))) {
			e = grow(a, (void **)list, *n, &cap, sizeof **list);
			if (e == OK)
				(*list)[(*n)++] = arena_copy(a, name);
		}
		r = e == OK ? env_cursor_next(&c) : e;
	}
	env_cursor_close(&c);
	return r < 0 ? r : a->err;
}

int
store_subscriptions(struct store *s, uint32_t account, struct arena *a, struct slice **names_out,
    size_t *n_out)
{
	int r = index_begin_read(s->ix);

	*names_out = NULL;
	*n_out = 0;
	if (r != OK)
		return r;
	r = collect_names(s, account, a, names_out, n_out);
	index_abort(s->ix);
	if (r == OK && *n_out > 1)
		qsort(*names_out, *n_out, sizeof **names_out, by_text);
	return r;
}
