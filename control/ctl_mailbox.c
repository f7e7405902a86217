/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "control/ctl_mailbox.h"

#include <stdio.h>
#include <string.h>

#include "common/civil.h"

int
ctl_store_open(struct ctl *ctl, struct store **out)
{
	const struct conf *c = ctl->conf;
	int r = store_open(c->general.state_dir, c->general.run_dir, c->store.map_octets, 0, out);

	if (r != OK)
		ctl_fail("%s/store: %s", c->general.state_dir, err_text(r));
	return r;
}

static int
all_accounts(struct ctl *ctl, struct reader_account **list, size_t *n)
{
	int r = reader_accounts(ctl->conf->general.state_dir, ctl->conf->store.map_octets,
	    &ctl->arena, list, n);

	if (r != OK)
		ctl_fail("%s/store: %s%s", ctl->conf->general.state_dir, err_text(r),
		    r == ERR_ACCESS ? " (only root may read it)" : "");
	return r;
}

int
ctl_user_find(struct ctl *ctl, const char *user, struct reader_account *out)
{
	struct slice word = slice_of(user);
	struct reader_account *list;
	size_t n, found = 0;
	int r = all_accounts(ctl, &list, &n);

	if (r != OK)
		return r;
	for (size_t i = 0; i < n; i++)
		if (slice_eq_nocase(list[i].address, word) || slice_eq(list[i].uid, word) ||
		    slice_is(word, ctl_hex(ctl, list[i].guid))) {
			*out = list[i];
			found++;
		}
	if (found > 1) {
		ctl_fail("%s: several accounts; name one by its address, or by guid", user);
		return ERR_EXIST;
	}
	return found == 1 ? OK : ERR_NOENT;
}

int
ctl_user_ask(struct ctl *ctl, struct slice guid, struct slice address,
    const struct dir_account **out)
{
	struct dir_account_request req = { .guid = guid, .address = address };
	const struct dir_account_reply *reply;
	const void *answer;
	size_t n;
	const struct chan_row *rows = dir_rows(&n);
	int r = ctl_ask(ctl, "directory", rows, n, DIR_ACCOUNT, &req, &answer);

	if (r != OK)
		return r;
	reply = answer;
	if (reply->account_n != 1)
		return ERR_NOENT;
	*out = reply->account;
	return OK;
}

int
ctl_parse_day(const char *text, int64_t *s_out)
{
	int y, m, d, n = 0;
	struct civil back;

	if (sscanf(text, "%4d-%2d-%2d%n", &y, &m, &d, &n) != 3 || text[n] != '\0')
		return ERR_SYNTAX;
	*s_out = civil_days((struct civil){ y, m, d }) * 86400;
	back = civil_of(*s_out / 86400);
	return y >= 1970 && back.month == m && back.day == d ? OK : ERR_SYNTAX;
}

/* ---- mailbox list ---- */

static json_t *
box_json(const struct store_mailbox *b)
{
	return json_pack("{s:o,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:b}", "name", ctl_json(b->name),
	    "keyset", keyset_name(b->keyset_class), "messages", (json_int_t)b->exists, "unseen",
	    (json_int_t)b->unseen, "deleted", (json_int_t)b->deleted, "octets",
	    (json_int_t)b->octets, "uidvalidity", (json_int_t)b->uidvalidity, "uidnext",
	    (json_int_t)b->uidnext, "subscribed", b->subscribed);
}

static void
print_json(struct ctl *ctl, const struct reader_account *u, const struct store_account *a,
    const struct store_mailbox *v, size_t n, const struct dir_account *said)
{
	json_t *boxes = json_array(), *o;

	for (size_t i = 0; i < n; i++)
		json_array_append_new(boxes, box_json(&v[i]));
	o = json_pack("{s:o,s:o,s:s,s:I,s:I,s:I,s:o}", "address", ctl_json(u->address), "uid",
	    ctl_json(u->uid), "guid", ctl_hex(ctl, u->guid), "account", (json_int_t)u->number,
	    "messages", (json_int_t)a->messages, "octets", (json_int_t)a->octets, "mailboxes",
	    boxes);
	if (said != NULL) {
		json_object_set_new(o, "quota-octets",
		    json_integer((json_int_t)said->quota.octets));
		json_object_set_new(o, "quota-messages",
		    json_integer((json_int_t)said->quota.messages));
	}
	ctl_print_json(o);
}

static void
print_text(const struct reader_account *u, const struct store_account *a, size_t n,
    const struct dir_account *said)
{
	printf("%.*s (%.*s) mailboxes=%zu messages=%llu octets=%llu", (int)u->address.n,
	    u->address.p, (int)u->uid.n, u->uid.p, n, (unsigned long long)a->messages,
	    (unsigned long long)a->octets);
	if (said != NULL && said->quota.octets > 0)
		printf(" quota=%llu (%.1f %%)", (unsigned long long)said->quota.octets,
		    100.0 * (double)a->octets / (double)said->quota.octets);
	if (said != NULL && said->quota.messages > 0)
		printf(" quota-messages=%llu", (unsigned long long)said->quota.messages);
	putchar('\n');
}

static void
print_boxes(const struct store_mailbox *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("    %-6s messages=%u unseen=%u octets=%llu uidvalidity=%u uidnext=%u "
		    "%.*s\n", keyset_name(v[i].keyset_class), v[i].exists, v[i].unseen,
		    (unsigned long long)v[i].octets, v[i].uidvalidity, v[i].uidnext,
		    (int)v[i].name.n, v[i].name.p);
}

/* named: the one that was asked about, so that the directory may be asked, too. */
static int
list_one(struct ctl *ctl, struct store *s, const struct reader_account *u, bool named)
{
	const struct dir_account *said = NULL;
	struct store_mailbox *v;
	struct store_account a;
	struct arena arena;
	size_t n;
	int r;

	arena_init(&arena, 64 << 20);
	r = store_account(s, u->number, &a);
	if (r == ERR_NOENT) {	/* it is being made: its keysets come before its mailboxes */
		a = (struct store_account){ .octets = 0 };
		r = OK;
	}
	if (r == OK)
		r = store_mailboxes(s, u->number, &arena, &v, &n);
	/* Without the directory the quota is not known, and all else is. */
	if (r == OK && named && ctl_user_ask(ctl, u->guid, (struct slice){ NULL, 0 }, &said) != OK)
		said = NULL;
	if (r == OK && ctl->json)
		print_json(ctl, u, &a, v, n, said);
	else if (r == OK) {
		print_text(u, &a, n, said);
		if (named)
			print_boxes(v, n);
	}
	arena_clear(&arena);
	if (r != OK)
		ctl_fail("%.*s: %s", (int)u->address.n, u->address.p, err_text(r));
	return r == OK ? CTL_OK : CTL_NOT_IN_ORDER;
}

static int
list_all(struct ctl *ctl, struct store *s)
{
	struct reader_account *list;
	size_t n;
	int status = CTL_OK;

	if (all_accounts(ctl, &list, &n) != OK)
		return CTL_USAGE;
	for (size_t i = 0; i < n; i++)
		if (list_one(ctl, s, &list[i], false) != CTL_OK)
			status = CTL_NOT_IN_ORDER;
	return status;
}

int
ctl_mailbox_list(struct ctl *ctl, int argc, char **argv)
{
	struct reader_account u;
	struct store *s;
	int r = OK, status;

	if (argc > 2)
		return ctl_usage(ctl);
	if (argc == 2)
		r = ctl_user_find(ctl, argv[1], &u);
	if (r == ERR_NOENT) {
		ctl_fail("%s: has no mailboxes in this store", argv[1]);
		return CTL_NOT_IN_ORDER;
	}
	if (r != OK || ctl_store_open(ctl, &s) != OK)
		return CTL_USAGE;
	status = argc == 2 ? list_one(ctl, s, &u, true) : list_all(ctl, s);
	store_close(&s);
	return status;
}
