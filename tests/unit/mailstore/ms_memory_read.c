/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "ms_memory_internal.h"

#include <stdlib.h>
#include <string.h>

static int
memory_counters(struct ms *ms, uint32_t account, struct store_account *out)
{
	const struct owner *o = memory_owner(ms, account);

	if (o == NULL)
		return ERR_NOENT;
	*out = (struct store_account){ .octets = 0 };
	memcpy(out->guid, o->guid.p, sizeof out->guid);
	out->octets = memory_octets(o, &out->messages);
	return OK;
}

static void
show(const struct owner *o, struct mbox *b, struct store_mailbox *out)
{
	*out = b->is;
	out->keywords = b->keywords;
	for (size_t i = 0; i < b->n; i++) {
		out->exists++;
		out->unseen += (b->m[i].flags & ST_SEEN) == 0;
		out->deleted += (b->m[i].flags & ST_DELETED) != 0;
		out->octets += b->m[i].size_octets;
	}
	for (size_t i = 0; i < o->subs_n; i++)
		out->subscribed = out->subscribed || slice_eq(o->subs[i], out->name);
}

static int
by_name(const void *a, const void *b)
{
	const struct store_mailbox *x = a, *y = b;

	return slice_cmp(x->name, y->name);
}

static int
memory_mailboxes(struct ms *ms, uint32_t account, bool internet, struct arena *a,
    struct store_mailbox **list_out, size_t *n_out)
{
	struct owner *o = memory_owner(ms, account);

	*n_out = 0;
	if (o == NULL)
		return ERR_NOENT;
	*list_out = arena_array(a, o->boxes_n, sizeof **list_out);
	for (size_t i = 0; i < o->boxes_n; i++)
		if (!o->box[i]->deleted && !(internet && o->box[i]->is.keyset_class == KEYSET_MAT))
			show(o, o->box[i], &(*list_out)[(*n_out)++]);
	qsort(*list_out, *n_out, sizeof **list_out, by_name);
	return OK;
}

static int
by_octets(const void *a, const void *b)
{
	return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

static int
memory_subscriptions(struct ms *ms, uint32_t account, bool internet, struct arena *a,
    struct slice **names_out, size_t *n_out)
{
	const struct owner *o = memory_owner(ms, account);

	*n_out = 0;
	if (o == NULL)
		return ERR_NOENT;
	*names_out = arena_array(a, o->subs_n, sizeof **names_out);
	for (size_t i = 0; i < o->subs_n; i++)
		if (!internet || !store_name_is_mat(o->subs[i]))
			(*names_out)[(*n_out)++] = o->subs[i];
	qsort(*names_out, *n_out, sizeof **names_out, by_octets);
	return OK;
}

static int
memory_changes(struct ms *ms, uint32_t account, uint32_t mailbox, uint64_t since,
    uint32_t from_uid, struct store_record *page, size_t cap, size_t *n_out,
    uint32_t *next_uid_out)
{
	struct owner *o = memory_owner(ms, account);
	struct mbox *b = o == NULL ? NULL : memory_box(o, mailbox, false);

	*n_out = 0;
	*next_uid_out = 0;
	if (b == NULL)
		return ERR_NOENT;
	for (size_t i = 0; i < b->n; i++) {
		if (b->m[i].uid < from_uid || b->m[i].modseq <= since)
			continue;
		if (*n_out == cap) {
			*next_uid_out = b->m[i].uid;
			break;
		}
		page[(*n_out)++] = b->m[i];
	}
	return OK;
}

static int
memory_page(struct ms *ms, uint32_t account, uint32_t mailbox, uint32_t from_uid,
    struct store_record *page, size_t cap, size_t *n_out)
{
	uint32_t next;

	return memory_changes(ms, account, mailbox, 0, from_uid, page, cap, n_out, &next);
}

static int
memory_vanished(struct ms *ms, uint32_t account, uint32_t mailbox, uint64_t since,
    struct arena *a, struct st_range **ranges_out, size_t *n_out, bool *complete_out)
{
	struct owner *o = memory_owner(ms, account);
	struct mbox *b = o == NULL ? NULL : memory_box(o, mailbox, false);

	*n_out = 0;
	*complete_out = true;
	if (b == NULL)
		return ERR_NOENT;
	*ranges_out = arena_array(a, b->gone_n + 1, sizeof **ranges_out);
	for (uint32_t uid = 1; uid < b->is.uidnext; uid++)
		for (size_t i = 0; i < b->gone_n; i++)
			if (b->gone[i].uid == uid && b->gone[i].modseq > since)
				memory_add_uid(*ranges_out, n_out, uid);
	return OK;
}

static int
memory_read(struct ms *ms, const struct store_record *record, const uint8_t secret[32],
    struct arena *a, struct slice *message_out, struct slice *summary_out)
{
	(void)secret;
	if (record->blob == 0 || record->blob > ms->bodies_n)
		return ERR_CORRUPT;
	*message_out = arena_copy(a, ms->bodies[record->blob - 1].message);
	*summary_out = arena_copy(a, ms->bodies[record->blob - 1].summary);
	return a->err;
}

static uint64_t
memory_generation(struct ms *ms, uint32_t account)
{
	return memory_owner(ms, account)->generation;
}

void
memory_readers(struct ms_engine *out)
{
	out->counters = memory_counters;
	out->mailboxes = memory_mailboxes;
	out->subscriptions = memory_subscriptions;
	out->page = memory_page;
	out->changes = memory_changes;
	out->vanished = memory_vanished;
	out->read = memory_read;
	out->generation = memory_generation;
}
