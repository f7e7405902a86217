/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Contents: every message opened with its key, all its chunks, its summary. The secrets of one
 * account are held at a time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mailstore/check_parts.h"
#include "mailstore/crypt.h"
#include "mailstore/store.h"
#include "mime/summary.h"

enum { PAGE = 256, READ_OCTETS = 65536 };

struct contents {
	struct check	     *c;
	struct store	     *s;
	struct store_message *m;
	uint32_t account, mailbox;
	uint32_t keysets[CHECK_KEYSETS_MAX];
	size_t	 keysets_n;
	uint8_t *secrets;		/* CHECK_KEYSETS_MAX of them, guarded */
	char	*octets;
	struct store_record page[PAGE];
};

/* ---- secrets ---- */

static int
ask_secrets(struct contents *k, const struct control_account *row)
{
	struct check *c = k->c;

	for (size_t i = 0; i < row->keysets_n && i < CHECK_KEYSETS_MAX; i++) {
		struct check_keyset ks = { row->number, row->guid, row->address, &row->keysets[i] };
		int r = c->conf->secret(c->conf->arg, &ks,
		    k->secrets + k->keysets_n * CHECK_SECRET_OCTETS);

		if (r == ERR_NOENT)
			continue;
		if (r != OK)
			return r;
		k->keysets[k->keysets_n++] = row->keysets[i].id;
	}
	return OK;
}

static int
begin_account(struct contents *k, const struct check_account *a)
{
	struct check *c = k->c;
	struct slice guid = { (const char *)a->guid, sizeof a->guid };
	struct control_account row;
	int r;

	for (size_t i = 0; i < k->keysets_n; i++)
		store_forget(k->s, k->keysets[i]);
	crypt_wipe(k->secrets, (size_t)CHECK_KEYSETS_MAX * CHECK_SECRET_OCTETS);
	k->keysets_n = 0;
	k->account = a->number;
	r = control_begin_read(c->ctl);
	if (r != OK)
		return r;
	r = control_get_account(c->ctl, guid, &c->a, &row);
	control_abort(c->ctl);
	if (r == OK)
		r = ask_secrets(k, &row);
	arena_clear(&c->a);
	return r == ERR_NOENT || r == ERR_CORRUPT ? OK : r;
}

static const uint8_t *
secret_of(const struct contents *k, uint32_t keyset)
{
	for (size_t i = 0; i < k->keysets_n; i++)
		if (k->keysets[i] == keyset)
			return k->secrets + i * CHECK_SECRET_OCTETS;
	return NULL;
}

/* ---- a message ---- */

static const char *
summary_wrong(struct contents *k, const struct store_record *rec)
{
	struct summary s;
	struct slice blob;
	int r = store_message_summary(k->m, &blob);

	if (r != OK)
		return "its summary is damaged";
	r = summary_open(blob, &s);
	if (r == ERR_VERSION)
		return NULL;
	return r != OK ? "its summary cannot be read" :
	    s.size_octets != rec->size_octets ? "its summary is of another message" : NULL;
}

static const char *
octets_wrong(struct contents *k, const struct store_record *rec)
{
	uint64_t at = 0;
	size_t n;

	do {
		if (store_message_read(k->m, at, k->octets, READ_OCTETS, &n) != OK)
			return "its octets are damaged";
		at += n;
	} while (n > 0);
	return at != rec->size_octets || store_message_octets(k->m) != rec->size_octets ?
	    "it has another size than its row says" : NULL;
}

static const char *
message_wrong(struct contents *k, const struct store_record *rec, const uint8_t *secret)
{
	const char *wrong;
	int r = store_message_open(k->s, rec, secret, &k->m);

	if (r != OK)
		return r == ERR_CRYPTO ? "its key does not open" : "its frame is damaged";
	wrong = octets_wrong(k, rec);
	return wrong != NULL ? wrong : summary_wrong(k, rec);
}

static int
look_at(struct contents *k, const struct store_record *rec)
{
	struct check *c = k->c;
	struct check_finding f = { .kind = CHECK_CONTENT, .account = k->account,
		.mailbox = k->mailbox, .uid = rec->uid, .blob = rec->blob };
	const uint8_t *secret = secret_of(k, rec->keyset);
	struct store_record now;
	const char *wrong;

	if (secret == NULL) {
		c->res->left_out++;
		return OK;
	}
	if (++c->res->opened % 1000 == 0)
		check_step(c, "contents", c->res->opened, c->res->messages);
	wrong = message_wrong(k, rec, secret);
	if (wrong == NULL || check_is_bad(c, rec->blob))	/* told already */
		return OK;
	/* It may have been moved or removed meanwhile. */
	if (store_record(k->s, k->account, k->mailbox, rec->uid, &now) == ERR_NOENT)
		return OK;
	wrong = message_wrong(k, &now, secret);
	if (wrong == NULL)
		return OK;
	snprintf(f.what, sizeof f.what, "%s", wrong);
	check_found(c, &f);
	return OK;
}

static int
look_at_box(struct contents *k, uint32_t mailbox)
{
	uint32_t from = 1;
	size_t n = PAGE;
	int r = OK;

	k->mailbox = mailbox;
	while (r == OK && n == PAGE) {
		r = store_page(k->s, k->account, mailbox, from, k->page, PAGE, &n);
		for (size_t i = 0; i < n && r == OK; i++) {
			r = look_at(k, &k->page[i]);
			from = k->page[i].uid + 1;
		}
	}
	return r == ERR_NOENT || r == ERR_CORRUPT ? OK : r;	/* of rows was told */
}

static int
look_at_account(struct contents *k, const struct check_account *a)
{
	struct store_mailbox *list;
	struct arena mem;
	size_t n = 0;
	int r = begin_account(k, a);

	if (r != OK || k->keysets_n == 0)
		return r;
	arena_init(&mem, CHECK_ARENA_MAX);
	r = store_mailboxes(k->s, a->number, &mem, &list, &n);
	for (size_t i = 0; i < n && r == OK; i++)
		r = look_at_box(k, list[i].id);
	arena_clear(&mem);
	return r == ERR_NOENT || r == ERR_CORRUPT ? OK : r;
}

int
check_contents(struct check *c)
{
	struct contents *k = calloc(1, sizeof *k);
	int r = k == NULL ? ERR_NOMEM : store_open_on(c->ix, c->conf->state_dir, &k->s);

	if (r == OK) {
		k->c = c;
		k->octets = malloc(READ_OCTETS);
		k->secrets = crypt_secret_new((size_t)CHECK_KEYSETS_MAX * CHECK_SECRET_OCTETS);
		r = k->octets == NULL || k->secrets == NULL ? ERR_NOMEM : OK;
	}
	for (size_t i = 0; i < c->accounts_n && r == OK; i++)
		if (c->only == 0 || c->accounts[i].number == c->only)
			r = look_at_account(k, &c->accounts[i]);
	if (k == NULL)
		return r;
	store_message_close(&k->m);
	store_close(&k->s);
	if (k->octets != NULL)
		crypt_wipe(k->octets, READ_OCTETS);
	free(k->octets);
	if (k->secrets != NULL)
		crypt_secret_free(k->secrets);
	free(k);
	return r;
}
