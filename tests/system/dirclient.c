/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * dirclient RUN_DIR SERVICE ROLE VERB ARGS...: ask directoryd ("directory") or keyd ("key") one
 * question, print the answer as lines of name=value. Octets are in hexadecimal.
 *	auth MECHANISM ZONE CLIENT DATA [DATA...]	DATA hex, "-" for none; one for each step
 *	watch GENERATION SERIAL [GUID...]
 *	rcpt ADDRESS | account ADDRESS | guid HEX | test USER | status | mechanisms
 *	new GUID CLASS | unwrap TOKEN WRAPPED | spool | sign DIGEST
 *	cms SIGNER DIGEST	(service "sign")
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "directory/proto.h"

enum { TIMEOUT_MS = 30000 };

static struct arena arena;
static int sock;

static struct slice
unhex(const char *text)
{
	size_t n = strlen(text) / 2;
	char *p = arena_alloc(&arena, n);

	if (p == NULL)
		exit(2);
	for (size_t i = 0; i < n; i++)
		p[i] = (char)(ascii_hex(text[2 * i]) * 16 + ascii_hex(text[2 * i + 1]));
	return (struct slice){ p, n };
}

static void
put_hex(const char *name, struct slice s)
{
	printf("%s=", name);
	for (size_t i = 0; i < s.n; i++)
		printf("%02x", (unsigned char)s.p[i]);
	putchar('\n');
}

static void
put(const char *name, struct slice s)
{
	printf("%s=%.*s\n", name, (int)s.n, s.p);
}

static const struct chan_row *
row_of(uint16_t code)
{
	size_t n;
	const struct chan_row *rows = code >= SIGN_CMS ? sign_rows(&n) :
	    code >= KEY_NEW ? key_rows(&n) : dir_rows(&n);

	for (size_t i = 0; i < n; i++)
		if (rows[i].code == code)
			return &rows[i];
	exit(2);
}

/* The reply, or NULL after status= was printed. */
static const void *
ask(uint16_t code, const void *msg)
{
	const void *reply = NULL;
	uint64_t began = clock_ms();
	int r = chan_sync_call(sock, row_of(code), msg, NULL, 0, TIMEOUT_MS, &arena, &reply, NULL,
	    NULL);

	printf("ms=%llu\nstatus=%d\n", (unsigned long long)(clock_ms() - began), r);
	return r == OK ? reply : NULL;
}

static void
put_account(const struct dir_account *a)
{
	put_hex("guid", a->guid);
	put("uid", a->uid);
	put("address", a->address);
	put("name", a->name);
	printf("clearance=%u\nzones=%u\naccount-status=%u\nroles=%u\nquota=%llu\nunsigned-until=%llu\n",
	    a->clearance, a->zones, a->status, a->roles, (unsigned long long)a->quota.octets,
	    (unsigned long long)a->unsigned_until_s);
}

static void
put_identities(const struct dir_identity *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		printf("identity=%.*s %u certs:%zu %.*s\n", (int)v[i].address.n, v[i].address.p,
		    v[i].kind, v[i].certs_n, (int)v[i].subject.n, v[i].subject.p);
		for (size_t k = 0; k < v[i].certs_n; k++)
			put_hex("sha256", v[i].certs[k].sha256);
	}
}

static void
auth(int argc, char **argv)
{
	struct dir_auth_request q = { .service = SLICE("imap"), .mechanism = slice_of(argv[0]),
		.zone = (uint8_t)atoi(argv[1]), .client = slice_of(argv[2]) };

	for (int i = 3; i < argc; i++) {
		const struct dir_auth_reply *a;

		q.has_data = strcmp(argv[i], "-") != 0;
		q.data = q.has_data ? unhex(argv[i]) : (struct slice){ NULL, 0 };
		a = ask(DIR_AUTH, &q);
		if (a == NULL)
			return;
		printf("outcome=%u\n", a->outcome);
		put("challenge", a->challenge);
		put_hex("token", a->token);
		if (a->account_n == 1)
			put_account(a->account);
		put_identities(a->identities, a->identities_n);
		q.conversation = a->conversation;
	}
}

static void
rcpt(struct slice address)
{
	const struct dir_rcpt_reply *a = ask(DIR_RCPT, &(struct dir_rcpt_request){ address });

	if (a == NULL)
		return;
	printf("outcome=%u\n", a->outcome);
	put("group", a->group);
	for (size_t i = 0; i < a->accounts_n; i++)
		put("member", a->accounts[i].address);
	for (size_t i = 0; i < a->externals_n; i++)
		put("external", a->externals[i].address);
}

static void
account(struct slice guid, struct slice address)
{
	const struct dir_account_reply *a = ask(DIR_ACCOUNT,
	    &(struct dir_account_request){ guid, address });

	if (a == NULL)
		return;
	printf("found=%zu\n", a->account_n);
	if (a->account_n == 1)
		put_account(a->account);
	put_identities(a->identities, a->identities_n);
}

static void
test(struct slice user)
{
	const struct dir_test_reply *a = ask(DIR_TEST, &(struct dir_test_request){ user });

	if (a == NULL)
		return;
	printf("ok=%u\n", a->ok);
	for (size_t i = 0; i < a->steps_n; i++)
		printf("step=%.*s %u %.*s\n", (int)a->steps[i].name.n, a->steps[i].name.p,
		    a->steps[i].ok, (int)a->steps[i].detail.n, a->steps[i].detail.p);
}

static void
watch(int argc, char **argv)
{
	struct dir_guid guids[16];
	struct dir_watch_request q = { .generation = strtoull(argv[0], NULL, 10),
		.serial = strtoull(argv[1], NULL, 10), .signed_in = guids };
	const struct dir_watch_reply *a;

	for (int i = 2; i < argc && q.signed_in_n < 16; i++)
		guids[q.signed_in_n++].guid = unhex(argv[i]);
	a = ask(DIR_WATCH, &q);
	if (a == NULL)
		return;
	printf("generation=%llu\nserial=%llu\nall=%u\n", (unsigned long long)a->generation,
	    (unsigned long long)a->serial, a->all);
	for (size_t i = 0; i < a->changes_n; i++) {
		put_hex("changed", a->changes[i].guid);
		printf("there=%u\nchanged-status=%u\n", a->changes[i].there, a->changes[i].status);
	}
}

static void
about(const char *verb)
{
	struct dir_nothing nothing = { 0 };

	if (strcmp(verb, "status") == 0) {
		const struct dir_status_reply *a = ask(DIR_STATUS, &nothing);

		if (a != NULL)
			printf("ldap=%u\nkeyd=%u\nwatch=%u\nok=%llu\nbad=%llu\nserver=%.*s\n", a->ldap_up,
			    a->keyd_up, a->watch, (unsigned long long)a->sign_ins_ok,
			    (unsigned long long)a->sign_ins_bad, (int)a->server.n, a->server.p);
	} else if (strcmp(verb, "mechanisms") == 0) {
		const struct dir_mechanisms_reply *a = ask(DIR_MECHANISMS, &nothing);

		if (a != NULL)
			put("mechanisms", a->mechanisms);
	} else if (strcmp(verb, "spool") == 0) {
		const struct key_spool_request q = { { NULL, 0 } };
		const struct key_spool_reply *a = ask(KEY_SPOOL, &q);

		if (a != NULL)
			put_hex("key", a->key);
	}
}

static void
key(const char *verb, char **argv)
{
	if (strcmp(verb, "new") == 0) {
		const struct key_new_reply *a = ask(KEY_NEW,
		    &(struct key_new_request){ unhex(argv[0]), (uint8_t)atoi(argv[1]) });

		if (a != NULL) {
			put_hex("public", a->public_key);
			put_hex("wrapped", a->wrapped);
		}
	} else if (strcmp(verb, "unwrap") == 0) {
		const struct key_unwrap_reply *a = ask(KEY_UNWRAP,
		    &(struct key_unwrap_request){ unhex(argv[0]), unhex(argv[1]) });

		if (a != NULL) {
			put_hex("secret", a->secret);
			printf("class=%u\n", a->class);
		}
	} else if (strcmp(verb, "sign") == 0) {
		const struct key_audit_sign_reply *a = ask(KEY_AUDIT_SIGN,
		    &(struct key_audit_sign_request){ unhex(argv[0]) });

		if (a != NULL) {
			put_hex("signature", a->signature);
			put_hex("public", a->public_key);
		}
	} else if (strcmp(verb, "cms") == 0) {
		const struct sign_cms_reply *a = ask(SIGN_CMS,
		    &(struct sign_cms_request){ slice_of(argv[0]), unhex(argv[1]) });

		if (a != NULL)
			put_hex("cms", a->cms);
	}
}

int
main(int argc, char **argv)
{
	char path[256];

	if (argc < 5)
		return 2;
	arena_init(&arena, 64 * 1024 * 1024);
	snprintf(path, sizeof path, "%s/%s.%s.sock", argv[1], argv[2], argv[3]);
	if (chan_sync_connect(path, TIMEOUT_MS, &sock) != OK) {
		printf("status=noconnect\n");
		return 1;
	}
	if (strcmp(argv[4], "auth") == 0 && argc >= 9)
		auth(argc - 5, argv + 5);
	else if (strcmp(argv[4], "rcpt") == 0 && argc == 6)
		rcpt(slice_of(argv[5]));
	else if (strcmp(argv[4], "account") == 0 && argc == 6)
		account((struct slice){ NULL, 0 }, slice_of(argv[5]));
	else if (strcmp(argv[4], "guid") == 0 && argc == 6)
		account(unhex(argv[5]), (struct slice){ NULL, 0 });
	else if (strcmp(argv[4], "test") == 0 && argc == 6)
		test(slice_of(argv[5]));
	else if (strcmp(argv[4], "watch") == 0 && argc >= 7)
		watch(argc - 5, argv + 5);
	else if (argc > 5)
		key(argv[4], argv + 5);
	else
		about(argv[4]);
	arena_clear(&arena);
	close(sock);
	return 0;
}
