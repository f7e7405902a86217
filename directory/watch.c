/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "directory/watch.h"

#include <string.h>
#include <sodium.h>

#include "directory/right.h"

enum {			/* of a slot */
	VALUE_GONE = 1,		/* told already that it is gone */
	VALUE_ACCOUNT = 1,	/* with a hash: it was an account */
	VALUE_HASH = 2,
};

void
watch_init(struct watch *w, const struct conf *conf, size_t entries_max)
{
	memset(w, 0, sizeof *w);
	w->conf = conf;
	w->fresh = true;
	guidmap_init(&w->seen, entries_max);
	buf_init(&w->cookie, SYNC_COOKIE_MAX);
	buf_init(&w->next_cookie, SYNC_COOKIE_MAX);
}

void
watch_fini(struct watch *w)
{
	guidmap_fini(&w->seen);
	buf_fini(&w->cookie);
	buf_fini(&w->next_cookie);
}

void
watch_forget(struct watch *w)
{
	guidmap_fini(&w->seen);
	buf_clear(&w->cookie);
	buf_clear(&w->next_cookie);
	w->fresh = true;
	w->live = w->sweeping = w->overflow = false;
	w->changes_n = 0;
}

void
watch_begin(struct watch *w)
{
	w->mark++;
	w->live = w->present = w->overflow = w->sweeping = false;
	w->full = w->cookie.n == 0;
	buf_clear(&w->next_cookie);
}

void
watch_refused(struct watch *w)
{
	buf_clear(&w->cookie);
}

/* ---- changes ---- */

static void
add_change(struct watch *w, const uint8_t guid[DIR_GUID_OCTETS], const struct dir_right *r)
{
	if (w->fresh)
		return;		/* `all` will be told */
	if (watch_is_full(w)) {
		w->all = true;
		return;
	}
	memcpy(w->guids[w->changes_n], guid, DIR_GUID_OCTETS);
	w->changes[w->changes_n] = *r;
	w->changes[w->changes_n].guid =
	    (struct slice){ (const char *)w->guids[w->changes_n], DIR_GUID_OCTETS };
	w->changes_n++;
}

/* Of everything that came with the entry. Who writes to the directory cannot choose it. */
static uint64_t
hash_of(const struct watch *w, const struct entry *e)
{
	crypto_generichash_state h;
	uint8_t digest[crypto_generichash_BYTES];
	uint64_t out;

	crypto_generichash_init(&h, w->seen.hash_key, sizeof w->seen.hash_key, sizeof digest);
	for (size_t a = 0; a < ENTRY_ATTR_COUNT; a++) {
		uint64_t n = e->a[a].n;

		crypto_generichash_update(&h, (const uint8_t *)&n, sizeof n);
		for (size_t i = 0; i < e->a[a].n; i++) {
			n = e->a[a].v[i].n;
			crypto_generichash_update(&h, (const uint8_t *)&n, sizeof n);
			crypto_generichash_update(&h, (const uint8_t *)e->a[a].v[i].p, n);
		}
	}
	crypto_generichash_final(&h, digest, sizeof digest);
	memcpy(&out, digest, sizeof out);
	return (out | VALUE_HASH) & ~(uint64_t)VALUE_ACCOUNT;	/* never VALUE_GONE, nor 0 */
}

/* Is it other than what is known? What cannot be kept may have been anything. */
static bool
note(struct watch *w, const uint8_t guid[DIR_GUID_OCTETS], uint64_t value, uint64_t *was_out)
{
	struct guidmap_slot *slot = guidmap_add(&w->seen, guid);

	*was_out = slot == NULL ? VALUE_HASH | VALUE_ACCOUNT : slot->value;
	if (slot == NULL) {
		w->overflow = true;
		return true;
	}
	slot->mark = w->mark;
	if (slot->value == value)
		return false;
	slot->value = value;
	return true;
}

/* What cannot be an account any more cannot sign in any more, even if it is a group still. */
static void
tell_entry(struct watch *w, const uint8_t guid[DIR_GUID_OCTETS], const struct entry *e,
    struct arena *arena)
{
	struct dir_right right = { .there = 0 };
	struct dir_account account;
	const char *why;
	bool is = entry_is_account(w->conf, e);
	uint64_t was;

	if (!note(w, guid, hash_of(w, e) | (is ? VALUE_ACCOUNT : 0), &was))
		return;
	w->other = w->other || !is;
	if (!is && (was & VALUE_ACCOUNT) == 0)
		return;
	if (is && entry_account(e, arena, &account, &why) == OK)
		right = dir_right_of(&account);
	add_change(w, guid, &right);
}

static void
tell_gone(struct watch *w, const uint8_t guid[DIR_GUID_OCTETS])
{
	struct dir_right right = { .there = 0 };

	add_change(w, guid, &right);
}

/* ---- RFC 4533 ---- */

static void
take_cookie(struct watch *w, struct slice cookie)
{
	struct buf *to = w->live ? &w->cookie : &w->next_cookie;

	if (cookie.n == 0)
		return;
	buf_clear(to);
	buf_add(to, cookie);
}

static void
gone(struct watch *w, const uint8_t guid[DIR_GUID_OCTETS])
{
	struct guidmap_slot *slot = guidmap_get(&w->seen, guid);

	if (slot != NULL)
		guidmap_remove(&w->seen, slot);
	tell_gone(w, guid);
}

static void
there(struct watch *w, const uint8_t guid[DIR_GUID_OCTETS])
{
	struct guidmap_slot *slot = guidmap_get(&w->seen, guid);

	if (slot != NULL)
		slot->mark = w->mark;
}

void
watch_entry(struct watch *w, const struct sync_state *state, const struct entry *e,
    struct arena *arena)
{
	if (state->state == SYNC_DELETE)
		gone(w, state->guid);
	else if (state->state == SYNC_PRESENT || e == NULL)
		there(w, state->guid);
	else
		tell_entry(w, state->guid, e, arena);
	take_cookie(w, state->cookie);
}

static void
refresh_over(struct watch *w)
{
	w->live = true;
	if (w->next_cookie.n > 0) {
		buf_clear(&w->cookie);
		buf_add(&w->cookie, buf_slice(&w->next_cookie));
	}
	w->sweeping = w->full || w->present;
	w->sweep_at = 0;
	w->all = w->all || w->fresh || w->overflow;
}

int
watch_info(struct watch *w, const struct sync_info *info)
{
	struct slice ids = info->ids;
	uint8_t guid[DIR_GUID_OCTETS];
	int r = OK;

	switch (info->kind) {
	case SYNC_NEW_COOKIE:
		break;
	case SYNC_ID_SET:
		while ((r = sync_next_id(&ids, guid)) == 1)
			if (info->deletes)
				gone(w, guid);
			else
				there(w, guid);
		break;
	default:
		if (w->live)
			return ERR_SYNTAX;
		w->present = w->present || info->kind == SYNC_REFRESH_PRESENT;
	}
	if (r != OK)
		return r;
	take_cookie(w, info->cookie);
	if (!w->live && info->done &&
	    (info->kind == SYNC_REFRESH_DELETE || info->kind == SYNC_REFRESH_PRESENT))
		refresh_over(w);
	return OK;
}

/* ---- without it ---- */

void
watch_polled(struct watch *w, const struct entry *e, struct arena *arena)
{
	uint8_t guid[DIR_GUID_OCTETS];

	if (e->a[ENTRY_UUID].n == 1 && entry_guid_parse(entry_first(e, ENTRY_UUID), guid) == OK)
		tell_entry(w, guid, e, arena);
}

void
watch_gone(struct watch *w, const uint8_t guid[DIR_GUID_OCTETS])
{
	uint64_t was;

	if (note(w, guid, VALUE_GONE, &was))
		tell_gone(w, guid);
}

void
watch_poll_over(struct watch *w)
{
	w->all = w->all || w->fresh;
	w->fresh = false;
}

/* ---- telling ---- */

bool
watch_has_news(const struct watch *w)
{
	return w->changes_n > 0 || w->all || w->other;
}

bool
watch_is_full(const struct watch *w)
{
	return w->changes_n == WATCH_CHANGES_MAX;
}

/* Those that the refresh did not mention are gone. */
static void
sweep(struct watch *w)
{
	struct guidmap_slot *slot;

	while (!watch_is_full(w) && (slot = guidmap_next(&w->seen, &w->sweep_at)) != NULL) {
		if (slot->mark != w->mark) {
			tell_gone(w, slot->guid);
			guidmap_remove(&w->seen, slot);
		} else {
			w->sweep_at++;
		}
	}
	w->sweeping = guidmap_next(&w->seen, &w->sweep_at) != NULL;
}

void
watch_take(struct watch *w, struct job_watch_reply *out)
{
	if (w->live) {
		if (w->sweeping)
			sweep(w);
		w->fresh = false;
	}
	*out = (struct job_watch_reply){ .all = w->all, .other = w->other, .more = w->sweeping,
		.changes = w->changes, .changes_n = w->changes_n };
	w->changes_n = 0;
	w->all = w->other = false;
}
