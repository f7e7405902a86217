/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * "key list", "key share", "key rotate": keysets that take over from others.
 *
 * What is in a mailbox and not wrapped for its keyset is wrapped anew, with both secrets (which keyd
 * gives to root, and each of which has an audit record); a keyset that nothing needs any more is
 * destroyed. Killed at any point, the same command goes on from there.
 */
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "control/ctl_key.h"
#include "control/ctl_mailbox.h"
#include "mailstore/proto.h"

enum { PAGE = 256, KEYSETS_MAX = 64 };

/* One account, and the secrets that were needed so far. */
struct keys {
	struct ctl   *ctl;
	struct store *s;
	struct arena  a;
	struct st_keys_reply acct;
	uint8_t	     *secrets;		/* guarded, KEYSETS_MAX of 32 octets */
	bool	      has[KEYSETS_MAX];
	bool	      mat;		/* mat keysets, too */
	uint64_t      rewrapped, destroyed, kept;
};

static int
ask(struct ctl *ctl, uint16_t code, const void *msg, const void **reply_out)
{
	size_t n;
	const struct chan_row *rows = st_rows(&n);

	arena_clear(&ctl->arena);
	return ctl_ask(ctl, "store", rows, n, code, msg, reply_out);
}

/* ---- an account ---- */

static int
copy_keysets(struct keys *k, const struct st_keys_reply *r)
{
	k->acct = *r;
	k->acct.guid = arena_copy(&k->a, r->guid);
	k->acct.uid = arena_copy(&k->a, r->uid);
	k->acct.address = arena_copy(&k->a, r->address);
	k->acct.keysets = arena_array(&k->a, r->keysets_n, sizeof *r->keysets);
	if (k->acct.keysets == NULL)
		return k->a.err;
	for (size_t i = 0; i < r->keysets_n; i++) {
		k->acct.keysets[i] = r->keysets[i];
		k->acct.keysets[i].wrapped = arena_copy(&k->a, r->keysets[i].wrapped);
	}
	return k->a.err;
}

/* By name, or the first one from that number on. ERR_NOENT is not told with a number. */
static int
load(struct keys *k, struct slice name, uint32_t from)
{
	struct st_keys_request q = { name, from };
	const void *reply;
	int r = ask(k->ctl, ST_KEYS, &q, &reply);

	sodium_memzero(k->secrets, KEYSETS_MAX * CTL_SECRET_OCTETS);
	memset(k->has, 0, sizeof k->has);
	arena_clear(&k->a);
	return r == OK ? copy_keysets(k, reply) : r;
}

static int
begin(struct keys *k, struct ctl *ctl)
{
	*k = (struct keys){ .ctl = ctl };
	if (sodium_init() < 0)
		return ctl_fail("no randomness"), ERR_CRYPTO;
	arena_init(&k->a, 1 << 22);
	k->secrets = sodium_malloc(KEYSETS_MAX * CTL_SECRET_OCTETS);
	if (k->secrets == NULL)
		return ctl_fail("out of memory"), ERR_NOMEM;
	return ctl_store_open(ctl, &k->s);
}

static void
end(struct keys *k)
{
	store_close(&k->s);
	arena_clear(&k->a);
	sodium_free(k->secrets);
}

/* ---- key list ---- */

int
ctl_key_list(struct ctl *ctl, int argc, char **argv)
{
	struct keys k;
	int r;

	if (argc != 2)
		return ctl_usage(ctl);
	r = begin(&k, ctl);
	if (r == OK)
		r = load(&k, slice_of(argv[1]), 0);
	for (size_t i = 0; r == OK && i < k.acct.keysets_n; i++) {
		const struct st_keyset *ks = &k.acct.keysets[i];

		if (ctl->json)
			ctl_print_json(json_pack("{s:I,s:s,s:I,s:I}", "keyset",
			    (json_int_t)ks->id, "class", keyset_name(ks->class), "mailbox",
			    (json_int_t)ks->mailbox, "successor", (json_int_t)ks->successor));
		else
			printf("%u %s%s%.0u%s%.0u\n", ks->id, keyset_name(ks->class),
			    ks->mailbox == 0 ? "" : " mailbox ", ks->mailbox,
			    ks->successor == 0 ? "" : " replaced by ", ks->successor);
	}
	end(&k);
	return r == OK ? CTL_OK : CTL_USAGE;
}

/* ---- wrapping anew ---- */

/* The secret of a keyset, asked of keyd the first time. */
static int
secret_of(struct keys *k, uint32_t keyset, const uint8_t **out)
{
	for (size_t i = 0; i < k->acct.keysets_n && i < KEYSETS_MAX; i++) {
		const struct st_keyset *ks = &k->acct.keysets[i];
		struct ctl_keyset named = { k->acct.guid, k->acct.address, ks->class, ks->wrapped };
		uint8_t *secret = k->secrets + i * CTL_SECRET_OCTETS;
		int r = OK;

		if (ks->id != keyset)
			continue;
		*out = secret;
		if (!k->has[i])
			r = ctl_key_open(k->ctl, "key-rotate", &named, secret);
		k->has[i] = r == OK;
		return r;
	}
	return ctl_fail("keyset %u is not there any more", keyset), ERR_NOENT;
}

struct batch {
	struct st_rewrap_request q;
	struct st_wrap wraps[PAGE];
	uint8_t	octets[PAGE][48];
};

static int
send_batch(struct keys *k, struct batch *b)
{
	const struct st_rewrap_reply *done;
	const void *reply;
	int r;

	if (b->q.wraps_n == 0)
		return OK;
	r = ask(k->ctl, ST_REWRAP, &b->q, &reply);
	if (r != OK)
		return r;
	done = reply;
	k->rewrapped += done->done;
	b->q.wraps_n = 0;
	return OK;
}

static int
rewrap_record(struct keys *k, struct batch *b, const struct store_record *m)
{
	const uint8_t *from, *to;
	size_t n = b->q.wraps_n;
	int r;

	if (m->keyset == b->q.keyset)
		return OK;
	r = secret_of(k, m->keyset, &from);
	if (r == OK)
		r = secret_of(k, b->q.keyset, &to);
	if (r != OK)
		return r;
	r = store_rewrap(k->s, m, from, b->q.keyset, to, b->octets[n]);
	if (r != OK)	/* damaged: it keeps its keyset, which is therefore kept, too */
		return ctl_fail("message %u of mailbox %u: %s", m->uid, b->q.mailbox, err_text(r)),
		    r == ERR_CRYPTO || r == ERR_CORRUPT ? OK : r;
	b->wraps[n] = (struct st_wrap){ m->uid, m->blob, m->keyset,
		{ (const char *)b->octets[n], sizeof b->octets[n] } };
	b->q.wraps_n++;
	return OK;
}

static int
rewrap_mailbox(struct keys *k, const struct store_mailbox *box)
{
	static struct store_record page[PAGE];
	static struct batch b;
	uint32_t from = 1;
	size_t n = PAGE;
	int r = OK;

	b.q = (struct st_rewrap_request){ k->acct.account, box->id, box->keyset, b.wraps, 0 };
	while (r == OK && n == PAGE && from != 0) {
		r = store_page(k->s, k->acct.account, box->id, from, page, PAGE, &n);
		for (size_t i = 0; i < n && r == OK; i++)
			r = rewrap_record(k, &b, &page[i]);
		if (r == OK)
			r = send_batch(k, &b);
		if (n > 0)
			from = page[n - 1].uid + 1;
	}
	return r;
}

static int
rewrap_all(struct keys *k)
{
	struct store_mailbox *boxes;
	struct arena a;
	size_t n = 0;
	int r;

	arena_init(&a, 64 << 20);
	r = store_mailboxes(k->s, k->acct.account, &a, &boxes, &n);
	for (size_t i = 0; i < n && r == OK; i++)
		if (boxes[i].keyset_class != KEYSET_MAT || k->mat)
			r = rewrap_mailbox(k, &boxes[i]);
	arena_clear(&a);
	return r == ERR_NOENT ? OK : r;
}

static int
drop_all(struct keys *k)
{
	char by[100] = "";
	int r = OK;

	ctl_by(by);
	for (size_t i = 0; i < k->acct.keysets_n && r == OK; i++) {
		struct st_key_drop_request q = { k->acct.account, k->acct.keysets[i].id,
			slice_of(by) };
		const struct st_rewrap_reply *done;
		const void *reply;

		if (k->acct.keysets[i].successor == 0 ||
		    (k->acct.keysets[i].class == KEYSET_MAT && !k->mat))
			continue;
		r = ask(k->ctl, ST_KEY_DROP, &q, &reply);
		if (r != OK)
			break;
		done = reply;
		k->destroyed += done->done;
		k->kept += done->done == 0;
	}
	return r;
}

/* ---- rotation ---- */

static int
rotate_one(struct keys *k, uint8_t class, uint32_t mailbox)
{
	char by[100] = "";
	struct st_key_rotate_request q = { k->acct.account, class, mailbox, slice_of(by) };
	const void *reply;

	ctl_by(by);
	return ask(k->ctl, ST_KEY_ROTATE, &q, &reply);
}

/* Is an earlier rotation not through? Then that is what there is to do. */
static bool
is_under_way(const struct keys *k)
{
	for (size_t i = 0; i < k->acct.keysets_n; i++)
		if (k->acct.keysets[i].successor != 0 &&
		    (k->acct.keysets[i].class != KEYSET_MAT || k->mat))
			return true;
	return false;
}

static int
rotate_account(struct keys *k)
{
	size_t n = k->acct.keysets_n;
	bool under_way = is_under_way(k);
	int r = OK;

	for (size_t i = 0; i < n && r == OK && !under_way; i++)
		if (k->acct.keysets[i].class != KEYSET_MAT || k->mat)
			r = rotate_one(k, k->acct.keysets[i].class, k->acct.keysets[i].mailbox);
	if (r == OK)
		r = load(k, (struct slice){ NULL, 0 }, k->acct.account);
	if (r == OK)
		r = rewrap_all(k);
	return r == OK ? drop_all(k) : r;
}

static void
tell(const struct keys *k, uint64_t accounts)
{
	if (k->ctl->json)
		ctl_print_json(json_pack("{s:I,s:I,s:I,s:I}", "accounts", (json_int_t)accounts,
		    "rewrapped", (json_int_t)k->rewrapped, "destroyed", (json_int_t)k->destroyed,
		    "kept", (json_int_t)k->kept));
	else {
		printf("%llu accounts, %llu messages wrapped anew, %llu old keysets destroyed\n",
		    (unsigned long long)accounts, (unsigned long long)k->rewrapped,
		    (unsigned long long)k->destroyed);
		if (k->kept > 0)
			printf("%llu old keysets are still needed, by expunged mail that may be "
			    "restored or by damaged mail: do it again later\n",
			    (unsigned long long)k->kept);
	}
}

/* The end of the list is an error of the request, which is told; so the count comes from status. */
static int
rotate_all(struct keys *k, uint64_t *accounts)
{
	const struct st_status_reply *st;
	const void *reply;
	uint64_t count;
	uint32_t from = 1;
	int r = ask(k->ctl, ST_STATUS, &(struct st_nothing){ 0 }, &reply);

	if (r != OK)
		return r;
	st = reply;
	for (count = st->accounts; count > 0 && r == OK; count--) {
		r = load(k, (struct slice){ NULL, 0 }, from);
		if (r == OK)
			r = rotate_account(k);
		from = k->acct.account + 1;
		*accounts += r == OK;
	}
	return r;
}

static int
rotate_spool(struct ctl *ctl)
{
	char by[100] = "";
	struct st_spool_rotate_request q = { slice_of(by) };
	const struct st_spool_rotate_reply *done;
	const void *reply;

	ctl_by(by);
	if (ask(ctl, ST_SPOOL_ROTATE, &q, &reply) != OK)
		return CTL_USAGE;
	done = reply;
	if (ctl->json)
		ctl_print_json(json_pack("{s:I}", "entries", (json_int_t)done->entries));
	else
		printf("%llu queue entries wrapped anew\n", (unsigned long long)done->entries);
	return CTL_OK;
}

int
ctl_key_rotate(struct ctl *ctl, int argc, char **argv)
{
	bool mat = argc == 3 && strcmp(argv[2], "--mat") == 0;
	uint64_t accounts = 0;
	struct keys k;
	int r;

	if (argc < 2 || argc > 3 || (argc == 3 && !mat))
		return ctl_usage(ctl);
	if (strcmp(argv[1], "--spool") == 0)
		return rotate_spool(ctl);
	if (strcmp(argv[1], "--master") == 0)
		return rotate_spool(ctl) == CTL_OK ? ctl_key_master(ctl) : CTL_USAGE;
	r = begin(&k, ctl);
	k.mat = mat;
	if (r == OK && strcmp(argv[1], "--all") == 0)
		r = rotate_all(&k, &accounts);
	else if (r == OK) {
		r = load(&k, slice_of(argv[1]), 0);
		if (r == OK)
			r = rotate_account(&k);
		accounts = r == OK;
	}
	if (r == OK)
		tell(&k, accounts);
	end(&k);
	return r != OK ? CTL_USAGE : k.kept > 0 ? CTL_NOT_IN_ORDER : CTL_OK;
}

/* ---- key share ---- */

int
ctl_key_share(struct ctl *ctl, int argc, char **argv)
{
	struct store_mailbox box;
	struct keys k;
	int r;

	if (argc != 3)
		return ctl_usage(ctl);
	r = begin(&k, ctl);
	if (r == OK)
		r = load(&k, slice_of(argv[1]), 0);
	if (r == OK && (r = store_mailbox_find(k.s, k.acct.account, slice_of(argv[2]), &k.a,
	    &box)) != OK)
		ctl_fail("%s: %s", argv[2], err_text(r));
	if (r == OK && box.keyset_class != KEYSET_SHARED)
		r = rotate_one(&k, KEYSET_SHARED, box.id);
	if (r == OK)
		r = load(&k, slice_of(argv[1]), 0);
	if (r == OK)
		r = rewrap_all(&k);
	if (r == OK)
		tell(&k, 1);
	end(&k);
	return r == OK ? CTL_OK : CTL_USAGE;
}
