/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "control/import_target.h"

#include <string.h>

/* Names of folders with a use: of Thunderbird, Outlook, Apple Mail, Gmail, Dovecot, Cyrus, and ours. */
static const struct { const char *name; uint8_t use; } uses[] = {
	{ "Sent", ST_USE_SENT }, { "Sent Items", ST_USE_SENT }, { "Sent Messages", ST_USE_SENT },
	{ "Sent Mail", ST_USE_SENT }, { "[Gmail]/Sent Mail", ST_USE_SENT },
	{ "[Gmail]/Thư đã gửi", ST_USE_SENT }, { "Đã gửi", ST_USE_SENT },
	{ "Thư đã gửi", ST_USE_SENT }, { "Drafts", ST_USE_DRAFTS }, { "Draft", ST_USE_DRAFTS },
	{ "[Gmail]/Drafts", ST_USE_DRAFTS }, { "Nháp", ST_USE_DRAFTS },
	{ "Thư nháp", ST_USE_DRAFTS }, { "Trash", ST_USE_TRASH },
	{ "Deleted Items", ST_USE_TRASH }, { "Deleted Messages", ST_USE_TRASH },
	{ "[Gmail]/Trash", ST_USE_TRASH }, { "Thùng rác", ST_USE_TRASH },
	{ "Junk", ST_USE_JUNK }, { "Spam", ST_USE_JUNK }, { "Junk E-mail", ST_USE_JUNK },
	{ "Junk Email", ST_USE_JUNK }, { "[Gmail]/Spam", ST_USE_JUNK },
	{ "Thư rác", ST_USE_JUNK }, { "Archive", ST_USE_ARCHIVE },
	{ "Archives", ST_USE_ARCHIVE }, { "Lưu trữ", ST_USE_ARCHIVE },
};

static uint8_t
use_of(const struct import_folder *f)
{
	if (f->special_use != ST_USE_NONE)
		return f->special_use;
	/* "INBOX.Sent": servers that keep all below it. */
	for (size_t i = 0; i < ARRAY_LEN(uses); i++) {
		struct slice name = f->name;

		if (slice_starts_nocase(name, SLICE("INBOX/")))
			name = slice_from(name, 6);
		if (slice_eq_nocase(name, slice_of(uses[i].name)))
			return uses[i].use;
	}
	return ST_USE_NONE;
}

/* What a name may not hold becomes "_"; empty levels go. */
static void
add_clean(struct slice name, struct buf *out)
{
	struct slice level;
	bool more;

	do {
		more = slice_cut(&name, '/', &level);
		level = slice_trim(level);
		if (level.n == 0)
			continue;
		if (out->n > 0)
			buf_addc(out, '/');
		for (size_t i = 0; i < level.n; i++) {
			unsigned char c = (unsigned char)level.p[i];

			buf_addc(out, c < 0x20 || c == 0x7f || c == '%' || c == '*' ? '_' :
			    (char)c);
		}
	} while (more);
}

/* The mailbox of the account with that use, if it has one. */
static int
find_use(struct import *im, uint8_t use, struct slice *name_out)
{
	struct store_mailbox *v;
	size_t n;
	int r = store_mailboxes(im->store, im->account, &im->box_arena, &v, &n);

	for (size_t i = 0; r == OK && i < n; i++)
		if (v[i].special_use == use) {
			*name_out = v[i].name;
			return OK;
		}
	return r == OK ? ERR_NOENT : r;
}

static int
choose(struct import *im, const struct import_folder *f, struct slice *name_out)
{
	uint8_t use = use_of(f);
	struct buf b;

	if (im->into == NULL && im->prefix == NULL && !store_name_is_mat(f->name)) {
		if (slice_is_nocase(f->name, "INBOX")) {
			*name_out = SLICE("INBOX");
			return OK;
		}
		if (use != ST_USE_NONE && im->account != 0 && find_use(im, use, name_out) == OK)
			return OK;
	}
	buf_init(&b, 8 * ST_NAME_MAX);
	if (im->into != NULL)
		buf_adds(&b, im->into);
	else {
		if (im->prefix != NULL)
			add_clean(slice_of(im->prefix), &b);
		add_clean(f->name, &b);
	}
	*name_out = b.n == 0 ? SLICE("INBOX") : arena_copy(&im->box_arena, buf_slice(&b));
	buf_fini(&b);
	return im->box_arena.err;
}

static int
make(struct import *im, struct slice name)
{
	struct st_name_request q = { .account = im->account, .name = name, .on = 1 };
	const void *reply;
	size_t n;
	const struct chan_row *rows = st_rows(&n);
	int r = ctl_ask(im->ctl, "store", rows, n, ST_CREATE, &q, &reply);

	if (r == OK)
		r = ctl_ask(im->ctl, "store", rows, n, ST_SUBSCRIBE, &q, &reply);
	return r == OK ? store_mailbox_find(im->store, im->account, name, &im->box_arena, &im->box) :
	    r;
}

int
import_target(struct import *im, const struct import_folder *f, struct slice *name_out)
{
	bool mat;
	int r;

	im->no_box = NULL;
	im->box = (struct store_mailbox){ .keyset_class = KEYSET_OPEN };
	if (f->name.n == 0 && im->into == NULL) {
		im->no_box = "the folder's name is neither UTF-7 nor UTF-8; name one with --mailbox";
		*name_out = SLICE("?");
		return OK;
	}
	r = choose(im, f, name_out);
	if (r != OK)
		return r;
	mat = store_name_is_mat(*name_out);
	im->box.keyset_class = mat ? KEYSET_MAT : KEYSET_OPEN;
	if (store_name_is_mat(f->name) && !mat) {
		im->no_box = "what was among the classified mailboxes stays there";
		return OK;
	}
	r = im->account == 0 ? ERR_NOENT :
	    store_mailbox_find(im->store, im->account, *name_out, &im->box_arena, &im->box);
	if (r != ERR_NOENT)
		return r;
	if (im->dry_run)
		return OK;
	if (mat) {
		im->no_box = "there is no such mailbox among the classified ones";
		return OK;
	}
	r = make(im, *name_out);
	if (r == ERR_INVAL || r == ERR_LIMIT || r == ERR_ACCESS || r == ERR_EXIST) {
		im->no_box = "no mailbox of that name can be made; name one with --mailbox";
		return OK;
	}
	if (r != OK)
		snprintf(im->why, sizeof im->why, "the mailbox %.*s: %s", (int)name_out->n,
		    name_out->p, err_text(r));
	return r;
}
