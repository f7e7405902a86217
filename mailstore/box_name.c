/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <string.h>

#include "mailstore/box.h"
#include "mailstore/name.h"

/* ---- making ---- */

static int
make_box(struct index *ix, struct record_account *acct, uint32_t account, uint32_t id,
    struct slice name, uint8_t class, uint8_t special_use, int64_t now_s)
{
	struct record_box *box = &ix->target;
	int r;

	if (now_s > acct->last_uidvalidity && now_s < UINT32_MAX)
		acct->last_uidvalidity = (uint32_t)now_s;
	else if (acct->last_uidvalidity < UINT32_MAX)
		acct->last_uidvalidity++;
	else
		return ERR_LIMIT;
	*box = (struct record_box){ .account = account, .id = id, .uidnext = 1, .recent_uid = 1,
		.uidvalidity = acct->last_uidvalidity, .modseq = 1, .class = class,
		.special_use = special_use,
		.keyset = class == KEYSET_MAT ? acct->keyset_mat : acct->keyset_open };
	if (name.n > sizeof box->name)
		return ERR_LIMIT;
	memcpy(box->name, name.p, name.n);
	box->name_octets = (uint16_t)name.n;
	r = index_box_put(ix, box);
	if (r == OK)
		r = index_name_put(ix, account, name, id);
	return r == OK ? index_subscribe(ix, account, name, true) : r;
}

static const struct {
	uint32_t    id;
	const char *name;
	uint8_t	    class, special_use;
} first_boxes[] = {
	{ BOX_INBOX, "INBOX", KEYSET_OPEN, ST_USE_NONE },
	{ BOX_DRAFTS, "Nháp", KEYSET_OPEN, ST_USE_DRAFTS },
	{ BOX_SENT, "Đã gửi", KEYSET_OPEN, ST_USE_SENT },
	{ BOX_TRASH, "Thùng rác", KEYSET_OPEN, ST_USE_TRASH },
	{ BOX_JUNK, "Thư rác", KEYSET_OPEN, ST_USE_JUNK },
	{ BOX_ARCHIVE, "Lưu trữ", KEYSET_OPEN, ST_USE_ARCHIVE },
	{ BOX_MAT, "Mật", KEYSET_MAT, ST_USE_NONE },
	{ BOX_MAT_DRAFTS, "Mật/Nháp", KEYSET_MAT, ST_USE_NONE },
	{ BOX_MAT_SENT, "Mật/Đã gửi", KEYSET_MAT, ST_USE_NONE },
	{ BOX_MAT_TRASH, "Mật/Thùng rác", KEYSET_MAT, ST_USE_NONE },
};

int
box_account_make(struct index *ix, uint32_t account, struct slice guid, uint32_t keyset_open,
    uint32_t keyset_mat, int64_t now_s)
{
	struct record_account acct;
	int r = index_account_get(ix, account, &acct);

	if (r != ERR_NOENT)
		return r;
	if (guid.n != sizeof acct.guid)
		return ERR_INVAL;
	acct = (struct record_account){ .keyset_open = keyset_open, .keyset_mat = keyset_mat,
		.next_mailbox = BOX_FIRST_FREE };
	memcpy(acct.guid, guid.p, sizeof acct.guid);
	r = index_guid_put(ix, guid, account);
	for (size_t i = 0; i < ARRAY_LEN(first_boxes) && r == OK; i++)
		r = make_box(ix, &acct, account, first_boxes[i].id, slice_of(first_boxes[i].name),
		    first_boxes[i].class, first_boxes[i].special_use, now_s);
	return r == OK ? index_account_put(ix, account, &acct) : r;
}

/* ---- names ---- */

enum { NAME_BUF_MAX = 4 * ST_NAME_MAX };

/* The stored form, and that nobody reserved it. */
static int
free_name(struct slice given, struct buf *out)
{
	int r = name_normal(given, out);

	if (r == OK && store_name_is_mat(buf_slice(out)))
		r = ERR_ACCESS;
	return r;
}

/* A mailbox that the asker may rename or remove. */
static int
own_box(struct index *ix, const struct box_scope *sc, struct slice normal, struct record_box *out)
{
	uint32_t id;
	int r = index_name_find(ix, sc->account, normal, &id);

	if (r == OK)
		r = box_get(ix, sc, id, out);
	if (r == OK && out->class == KEYSET_MAT)
		r = ERR_ACCESS;
	return r;
}

/* Make name, and the levels above it that do not exist (RFC 3501 6.3.3). */
static int
make_levels(struct index *ix, const struct box_scope *sc, struct slice name, uint8_t special_use,
    uint32_t *mailbox_out)
{
	struct record_account acct;
	int r = index_account_get(ix, sc->account, &acct);

	for (size_t i = 1; i <= name.n && r == OK; i++) {
		struct slice level = slice_sub(name, 0, i);

		if (i < name.n && name.p[i] != '/')
			continue;
		r = index_name_find(ix, sc->account, level, mailbox_out);
		if (r != ERR_NOENT)
			continue;
		if (acct.next_mailbox == UINT32_MAX)
			return ERR_LIMIT;
		*mailbox_out = acct.next_mailbox++;
		r = make_box(ix, &acct, sc->account, *mailbox_out, level, KEYSET_OPEN,
		    i == name.n ? special_use : ST_USE_NONE, sc->now_s);
	}
	return r == OK ? index_account_put(ix, sc->account, &acct) : r;
}

int
box_create(struct index *ix, const struct box_scope *sc, struct slice name, uint8_t special_use,
    uint32_t *mailbox_out)
{
	struct buf normal;
	uint32_t there;
	int r;

	buf_init(&normal, NAME_BUF_MAX);
	r = free_name(name, &normal);
	if (r == OK) {
		r = index_name_find(ix, sc->account, buf_slice(&normal), &there);
		r = r == OK ? ERR_EXIST : r == ERR_NOENT ? OK : r;
	}
	if (r == OK)
		r = make_levels(ix, sc, buf_slice(&normal), special_use, mailbox_out);
	buf_fini(&normal);
	return r;
}

int
box_find_or_create(struct index *ix, const struct box_scope *sc, struct slice name,
    uint32_t *mailbox_out)
{
	struct buf normal;
	int r;

	buf_init(&normal, NAME_BUF_MAX);
	r = name_normal(name, &normal);
	if (r == OK)
		r = index_name_find(ix, sc->account, buf_slice(&normal), mailbox_out);
	buf_fini(&normal);
	return r == ERR_NOENT ? box_create(ix, sc, name, ST_USE_NONE, mailbox_out) : r;
}

int
box_subscribe(struct index *ix, const struct box_scope *sc, struct slice name, bool on)
{
	struct buf normal;
	int r;

	buf_init(&normal, NAME_BUF_MAX);
	r = name_normal(name, &normal);
	if (r == OK && sc->internet && store_name_is_mat(buf_slice(&normal)))
		r = ERR_ACCESS;
	if (r == OK)
		r = index_subscribe(ix, sc->account, buf_slice(&normal), on);
	buf_fini(&normal);
	return r;
}

/* ---- deleting ---- */

/* What else there is under its number. */
static int
drop_rows(struct index *ix, const struct record_box *box)
{
	static const enum record_kind kinds[] = { RECORD_VANISHED, RECORD_RIGHTS, RECORD_ENTRY,
		RECORD_SEEN };
	int r = OK;

	for (size_t i = 0; i < ARRAY_LEN(kinds) && r == OK; i++)
		r = box_drop_rows(ix, box, kinds[i]);
	return r;
}

static int
drop_messages(struct index *ix, struct record_box *box, struct box_owner *owner,
    int64_t now_s, struct arena *a)
{
	const struct st_range all = { 1, UINT32_MAX };
	struct store_record *m;
	struct box_set set;
	int r = box_set_open(ix, box, &all, 1, a, &set);

	while (r == OK && (r = box_set_next(&set, &m)) == 1)
		r = box_remove(ix, box, owner, m, now_s, false);
	return r;
}

int
box_delete(struct index *ix, const struct box_scope *sc, struct slice name)
{
	struct record_box *box = &ix->box;
	struct box_owner owner;
	struct buf normal;
	struct arena a;
	int r;

	arena_init(&a, 4096);
	buf_init(&normal, NAME_BUF_MAX);
	r = name_normal(name, &normal);
	if (r == OK)
		r = own_box(ix, sc, buf_slice(&normal), box);
	if (r == OK && box->id == BOX_INBOX)
		r = ERR_ACCESS;
	if (r == OK)
		r = box_owner_get(ix, sc, &owner);
	if (r == OK)
		r = box_keep_deleted(ix, box, sc->now_s);
	if (r == OK)
		r = drop_messages(ix, box, &owner, sc->now_s, &a);
	if (r == OK)
		r = drop_rows(ix, box);
	if (r == OK)
		r = index_name_del(ix, sc->account, buf_slice(&normal));
	if (r == OK)
		r = index_box_del(ix, box);
	if (r == OK)
		r = box_owner_put(ix, sc, &owner);
	buf_fini(&normal);
	arena_clear(&a);
	return r;
}

/* ---- renaming ---- */

/* A mailbox that is renamed, and its new name. */
struct renaming {
	uint32_t     id;
	struct slice name, new_name;
};

static int
add_renaming(struct arena *a, const struct record_box *box, size_t old_octets, struct slice to,
    struct renaming *out)
{
	size_t tail = box->name_octets - old_octets;
	char *p = arena_alloc(a, to.n + tail);

	out->id = box->id;
	out->name = arena_copy(a, record_box_name(box));
	if (p == NULL || a->err != OK)
		return a->err;
	if (to.n + tail > ST_NAME_MAX)
		return ERR_LIMIT;
	memcpy(p, to.p, to.n);
	memcpy(p + to.n, box->name + old_octets, tail);
	out->new_name = (struct slice){ p, to.n + tail };
	return OK;
}

/* The mailbox and those below it. */
static int
find_renamings(struct index *ix, const struct box_scope *sc, struct slice name, struct slice to,
    struct arena *a, struct renaming *list, size_t cap, size_t *n_out)
{
	struct record_key prefix = record_key(sc->account, RECORD_BOX);
	struct record_box *box = &ix->target;
	struct env_cursor c;
	int r = env_cursor_open(ix->t, INDEX_T, &c);

	*n_out = 0;
	if (r != OK)
		return r;
	r = env_cursor_seek(&c, record_key_slice(&prefix));
	for (; r == 1 && record_key_under(c.key, &prefix); r = r == OK ? env_cursor_next(&c) : r) {
		r = record_box_get(c.key, c.val, box);
		if (r != OK)
			break;
		if (!slice_eq(record_box_name(box), name) &&
		    !name_is_below(record_box_name(box), name))
			continue;
		r = *n_out == cap ? ERR_LIMIT :
		    add_renaming(a, box, name.n, to, &list[(*n_out)++]);
	}
	env_cursor_close(&c);
	return r < 0 ? r : OK;
}

static int
all_free(struct index *ix, const struct box_scope *sc, const struct renaming *list, size_t n)
{
	uint32_t there;

	for (size_t i = 0; i < n; i++) {
		int r = index_name_find(ix, sc->account, list[i].new_name, &there);

		if (r != ERR_NOENT)
			return r == OK ? ERR_EXIST : r;
	}
	return OK;
}

static int
rename_one(struct index *ix, const struct box_scope *sc, const struct renaming *what)
{
	struct record_box *box = &ix->box;
	int r = index_box_get(ix, sc->account, what->id, box);

	if (r != OK)
		return r;
	memcpy(box->name, what->new_name.p, what->new_name.n);
	box->name_octets = (uint16_t)what->new_name.n;
	r = index_box_put(ix, box);
	if (r == OK)
		r = index_name_del(ix, sc->account, what->name);
	return r == OK ? index_name_put(ix, sc->account, what->new_name, what->id) : r;
}

static int
make_parent(struct index *ix, const struct box_scope *sc, struct slice name)
{
	uint32_t id;

	while (name.n > 0 && name.p[name.n - 1] != '/')
		name.n--;
	if (name.n < 2)
		return OK;
	return make_levels(ix, sc, slice_sub(name, 0, name.n - 1), ST_USE_NONE, &id);
}

enum { RENAME_MAX = 4096 };

static int
rename_tree(struct index *ix, const struct box_scope *sc, struct slice name, struct slice to,
    struct arena *a)
{
	struct renaming *list = arena_array(a, RENAME_MAX, sizeof *list);
	size_t n;
	int r;

	if (list == NULL)
		return a->err;
	r = find_renamings(ix, sc, name, to, a, list, RENAME_MAX, &n);
	if (r == OK && n == 0)
		r = ERR_NOENT;
	if (r == OK)
		r = all_free(ix, sc, list, n);
	if (r == OK)
		r = make_parent(ix, sc, to);
	for (size_t i = 0; i < n && r == OK; i++)
		r = rename_one(ix, sc, &list[i]);
	return r;
}

/* Its messages move into a new mailbox, itself stays, and what is below it too (RFC 3501 6.3.5). */
static int
rename_inbox(struct index *ix, const struct box_scope *sc, struct slice to, struct arena *a)
{
	struct st_range all = { 1, UINT32_MAX };
	struct st_copy_request req = { .account = sc->account, .mailbox = BOX_INBOX, .move = 1,
		.uids = &all, .uids_n = 1 };
	struct st_copy_reply reply;
	int r = index_name_find(ix, sc->account, to, &req.target);

	if (r == OK)
		return ERR_EXIST;
	if (r != ERR_NOENT)
		return r;
	r = make_levels(ix, sc, to, ST_USE_NONE, &req.target);
	return r == OK ? box_copy(ix, sc, &req, a, &reply) : r;
}

int
box_rename(struct index *ix, const struct box_scope *sc, struct slice name, struct slice new_name,
    struct arena *a)
{
	struct buf from, to;
	int r;

	buf_init(&from, NAME_BUF_MAX);
	buf_init(&to, NAME_BUF_MAX);
	r = name_normal(name, &from);
	if (r == OK)
		r = own_box(ix, sc, buf_slice(&from), &ix->box);
	/* A level may be there only because of what is below it. */
	if (r == ERR_NOENT)
		r = store_name_is_mat(buf_slice(&from)) ? ERR_NOENT : OK;
	if (r == OK)
		r = free_name(new_name, &to);
	if (r == OK && slice_eq(buf_slice(&to), buf_slice(&from)))
		r = ERR_EXIST;
	if (r == OK && name_is_below(buf_slice(&to), buf_slice(&from)) &&
	    !name_is_inbox(buf_slice(&from)))
		r = ERR_INVAL;
	if (r == OK)
		r = name_is_inbox(buf_slice(&from)) ? rename_inbox(ix, sc, buf_slice(&to), a) :
		    rename_tree(ix, sc, buf_slice(&from), buf_slice(&to), a);
	buf_fini(&from);
	buf_fini(&to);
	return r;
}
