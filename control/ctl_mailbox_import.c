/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailbox import: from a Maildir, an mbox or an IMAP server into an account, each message once however
 * often it is run.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "control/ctl_import.h"
#include "control/ctl_key.h"
#include "control/import_target.h"

enum { PAGE = 256 };

/* ---- the command line ---- */

static int
parse(struct import *im, struct import_words *w, int argc, char **argv)
{
	const struct { const char *name; const char **to; } options[] = {
		{ "--from", &w->from }, { "--mailbox", &im->into }, { "--prefix", &im->prefix },
		{ "--password-file", &w->password_file }, { "--ca", &w->ca },
	};

	for (int i = 1; i < argc; i++) {
		size_t k = 0;

		while (k < ARRAY_LEN(options) && strcmp(argv[i], options[k].name) != 0)
			k++;
		if (k < ARRAY_LEN(options) && i + 1 < argc)
			*options[k].to = argv[++i];
		else if (strcmp(argv[i], "--dry-run") == 0)
			im->dry_run = true;
		else if (strcmp(argv[i], "--insecure-plain") == 0)
			w->insecure = true;
		else if (argv[i][0] == '-' || w->user != NULL)
			return ctl_fail("%s: unknown word, or its value is missing", argv[i]),
			    ERR_SYNTAX;
		else
			w->user = argv[i];
	}
	if (w->user == NULL || w->from == NULL || (im->into != NULL && im->prefix != NULL))
		return ctl_usage(im->ctl), ctl_fail("SOURCE is maildir:DIR, mbox:FILE or "
		    "imaps://USER@HOST[:PORT]/"), ERR_SYNTAX;
	return OK;
}

/* One place has one name, or a second run would not know what the first has done. */
static int
open_source(struct import *im, const struct import_words *w)
{
	struct slice from = slice_of(w->from), kind;
	char *path;
	int r;

	if (slice_starts_nocase(from, SLICE("imap:")) || slice_starts_nocase(from, SLICE("imaps:")))
		return import_open_imap(im, w);
	if (!slice_cut(&from, ':', &kind) || from.n == 0 ||
	    (!slice_is(kind, "maildir") && !slice_is(kind, "mbox")))
		return ctl_fail("%s: is none of maildir:DIR mbox:FILE imap://... imaps://...", w->from),
		    ERR_SYNTAX;
	path = realpath(from.p, NULL);
	if (path == NULL)
		return ctl_fail("%s: %s", from.p, err_text(-errno)), ERR_NOENT;
	r = slice_is(kind, "maildir") ? import_maildir_new(arena_cstr(&im->ctl->arena,
	    slice_of(path)), &im->source) : import_mbox_new(arena_cstr(&im->ctl->arena,
	    slice_of(path)), &im->source);
	free(path);
	if (r != OK)
		ctl_fail("%s: %s", w->from, im->source == NULL ? err_text(r) : im->source->why);
	return r;
}

/* ---- the account ---- */

/* A sign-in name that the store does not know yet: is it that of an address of ours? */
static int
ask_domains(struct import *im, const char *user, const struct dir_account **out)
{
	const struct conf_list *domains = &im->ctl->conf->general.domains;
	char address[400];

	for (size_t i = 0; i < domains->n; i++) {
		int r;

		snprintf(address, sizeof address, "%s@%s", user, domains->v[i]);
		r = ctl_user_ask(im->ctl, (struct slice){ NULL, 0 }, slice_of(address), out);
		if (r != ERR_NOENT)
			return r == OK && !slice_is((*out)->uid, user) ? ERR_NOENT : r;
	}
	return ERR_NOENT;
}

static int
find_user(struct import *im, const char *user)
{
	const struct dir_account *said = NULL;
	struct reader_account known;
	struct slice none = { NULL, 0 };
	int r = ctl_user_find(im->ctl, user, &known);

	if (r == OK)
		r = ctl_user_ask(im->ctl, known.guid, none, &said);
	else if (r == ERR_NOENT && strchr(user, '@') != NULL)
		r = ctl_user_ask(im->ctl, none, slice_of(user), &said);
	else if (r == ERR_NOENT)
		r = ask_domains(im, user, &said);
	if (r == ERR_NOENT)
		ctl_fail("%s: the directory knows no such account", user);
	if (r == OK)
		im->user = *said;
	return r;
}

/* Make sure that it has its mailboxes. */
static int
open_account(struct import *im)
{
	struct st_open_request q = { .guid = im->user.guid, .uid = im->user.uid,
		.address = im->user.address, .quota = im->user.quota };
	const void *reply;
	size_t n;
	const struct chan_row *rows = st_rows(&n);
	int r = ctl_ask(im->ctl, "store", rows, n, ST_OPEN, &q, &reply);

	if (r == OK)
		im->account = ((const struct st_open_reply *)reply)->account;
	return r;
}

/* ---- what is done ---- */

void
import_token(const struct import *im, struct slice id, uint8_t out[ID_OCTETS])
{
	const struct slice parts[] = { slice_of(im->source->ops->kind), im->source->place,
		im->folder->source, slice_of(im->into == NULL ? "" : im->into),
		slice_of(im->prefix == NULL ? "" : im->prefix), id };
	crypto_generichash_state st;

	crypto_generichash_init(&st, (const uint8_t *)im->user.guid.p, DIR_GUID_OCTETS, ID_OCTETS);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		uint64_t n = parts[i].n;

		crypto_generichash_update(&st, (const uint8_t *)&n, sizeof n);
		if (n > 0)
			crypto_generichash_update(&st, (const uint8_t *)parts[i].p, n);
	}
	crypto_generichash_final(&st, out, ID_OCTETS);
}

int
import_note_done(struct import *im, const uint8_t token[ID_OCTETS])
{
	int r = idset_add(im->done, token);

	if (r == OK && (fwrite(token, ID_OCTETS, 1, im->state) != 1 || fflush(im->state) != 0))
		r = ERR_IO;
	return r;
}

static bool
is_known(void *arg, struct slice id)
{
	struct import *im = arg;
	uint8_t token[ID_OCTETS];

	import_token(im, id, token);
	return idset_count(im->done, token) > 0;
}

/* The email ids of all that the account has: also of what was moved since. */
static int
read_store(struct import *im)
{
	static struct store_record page[PAGE];
	struct store_mailbox *v;
	struct arena a;
	size_t boxes;
	int r;

	arena_init(&a, 64 << 20);
	r = store_mailboxes(im->store, im->account, &a, &v, &boxes);
	for (size_t i = 0; r == OK && i < boxes; i++) {
		uint32_t from = 1;
		size_t n = PAGE;

		while (r == OK && n == PAGE && from > 0) {
			r = store_page(im->store, im->account, v[i].id, from, page, PAGE, &n);
			/* Rows that cannot be read are the business of "store check". */
			if (r == ERR_NOENT || r == ERR_CORRUPT)
				r = OK;
			for (size_t k = 0; r == OK && k < n; k++)
				r = idset_add(im->done, page[k].email_id);
			from = n > 0 ? page[n - 1].uid + 1 : 0;
		}
	}
	arena_clear(&a);
	return r;
}

/* STATE_DIR/import/HASH: tokens one after the other; what a crash cut off is passed over. */
static int
read_state(struct import *im)
{
	const char *state_dir = im->ctl->conf->general.state_dir;
	struct import_folder none = { .source = { NULL, 0 } };
	uint8_t id[ID_OCTETS], token[ID_OCTETS];
	char path[PATH_MAX], name[2 * ID_OCTETS + 1];
	long whole = 0;

	im->folder = &none;
	import_token(im, (struct slice){ NULL, 0 }, id);
	im->folder = NULL;
	sodium_bin2hex(name, sizeof name, id, sizeof id);
	snprintf(path, sizeof path, "%s/import", state_dir);
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return ctl_fail("%s: %s", path, err_text(-errno)), ERR_IO;
	snprintf(path, sizeof path, "%s/import/%s", state_dir, name);
	im->state = fopen(path, "ae+");
	if (im->state == NULL)
		return ctl_fail("%s: %s", path, err_text(-errno)), ERR_IO;
	if (flock(fileno(im->state), LOCK_EX | LOCK_NB) != 0)
		return ctl_fail("another import from there into this account is running"),
		    ERR_EXIST;
	rewind(im->state);
	while (fread(token, sizeof token, 1, im->state) == 1) {
		if (idset_add(im->done, token) != OK)
			return ctl_fail("out of memory"), ERR_NOMEM;
		whole += ID_OCTETS;
	}
	return ftruncate(fileno(im->state), whole) == 0 ? OK :
	    (ctl_fail("%s: %s", path, err_text(-errno)), ERR_IO);
}

/* ---- reports ---- */

void
import_refused(struct import *im, struct slice id, const char *reason, struct slice rule)
{
	struct slice folder = im->folder->source;

	im->refused_n++;
	progress_hide(&im->progress);
	if (im->ctl->json)
		ctl_print_json(json_pack("{s:s,s:o,s:o,s:o,s:o}", "event", "refused", "folder",
		    ctl_json(folder), "id", ctl_json(id), "reason", ctl_json(slice_of(reason)),
		    "rule", ctl_json(rule)));
	else
		ctl_say("refused: %.*s: %.*s: %s%s%.*s%s", (int)folder.n,
		    folder.n == 0 ? "" : folder.p, (int)id.n, id.p, reason,
		    rule.n > 0 ? " [rule=" : "", (int)rule.n, rule.n > 0 ? rule.p : "",
		    rule.n > 0 ? "]" : "");
}

static void
tell_folder(struct import *im, const struct import_folder *f, struct slice target, uint64_t messages)
{
	progress_hide(&im->progress);
	progress_folder(&im->progress, target, messages);
	if (im->ctl->json)
		ctl_print_json(json_pack("{s:s,s:o,s:o,s:I}", "event", "folder", "source",
		    ctl_json(f->source), "mailbox", ctl_json(target), "messages",
		    (json_int_t)messages));
	else if (im->dry_run)
		ctl_say("folder: %.*s -> %.*s (%llu messages)", (int)f->source.n,
		    f->source.n == 0 ? "" : f->source.p, (int)target.n, target.p,
		    (unsigned long long)messages);
}

static int
tell_end(struct import *im, int r)
{
	if (im->ctl->json)
		ctl_print_json(json_pack("{s:s,s:b,s:b,s:I,s:I,s:I,s:I,s:s}", "event", "end", "ok",
		    r == OK && im->refused_n == 0, "dry-run", im->dry_run, "imported",
		    (json_int_t)im->stored_n, "octets", (json_int_t)im->stored_octets,
		    "already-there", (json_int_t)im->known_n, "refused", (json_int_t)im->refused_n,
		    "error", r == OK ? "" : im->why));
	else
		printf("%s %llu messages (%llu octets); already there %llu; refused %llu\n",
		    im->dry_run ? "would import" : "imported", (unsigned long long)im->stored_n,
		    (unsigned long long)im->stored_octets, (unsigned long long)im->known_n,
		    (unsigned long long)im->refused_n);
	if (r != OK)
		ctl_fail("%s%s", im->why[0] == '\0' ? err_text(r) : im->why, im->stored_n == 0 ||
		    im->dry_run ? "" : "; what is done is done, run the same command again for "
		    "the rest");
	return r != OK ? CTL_USAGE : im->refused_n > 0 ? CTL_NOT_IN_ORDER : CTL_OK;
}

/* ---- folders ---- */

static int
messages(struct import *im)
{
	struct import_source *s = im->source;
	struct import_message m;
	int r;

	s->known_n = 0;
	while ((r = s->ops->next(s, &m)) == 1) {
		if (m.refused != NULL) {
			import_refused(im, m.id, m.refused, (struct slice){ NULL, 0 });
			progress_step(&im->progress, 0);
			continue;
		}
		r = import_run_add(im, &m);
		if (r != OK)
			break;
	}
	im->known_n += s->known_n;
	if (r != OK && s->why[0] != '\0' && im->why[0] == '\0')
		snprintf(im->why, sizeof im->why, "%.300s", s->why);
	return r;
}

static int
folder(struct import *im, const struct import_folder *f)
{
	struct slice target;
	uint64_t n = 0;
	int r, e;

	im->folder = f;
	arena_clear(&im->box_arena);
	r = import_target(im, f, &target);
	if (r == OK)
		r = im->source->ops->open(im->source, f, &n);
	if (r == OK) {
		tell_folder(im, f, target, n);
		r = messages(im);
		e = import_run_drain(im);
		r = r == OK ? e : r;
	} else if (r == ERR_ACCESS && im->source->why[0] != '\0') {
		/* Of this folder alone; the others may be open to us. */
		import_refused(im, SLICE("*"), im->source->why, (struct slice){ NULL, 0 });
		r = OK;
	} else if (im->why[0] == '\0')
		snprintf(im->why, sizeof im->why, "%.300s", im->source->why);
	im->source->ops->close(im->source);
	im->source->why[0] = '\0';
	return r;
}

static int
run(struct import *im)
{
	struct import_folder *v;
	uint64_t total = 0;
	size_t n;
	int r = im->source->ops->folders(im->source, &im->ctl->arena, &v, &n);

	if (r != OK) {
		snprintf(im->why, sizeof im->why, "%.300s", im->source->why);
		return r;
	}
	for (size_t i = 0; i < n; i++)
		total += v[i].messages;
	progress_begin(&im->progress, im->ctl->json, "looked at", total, 0);
	for (size_t i = 0; r == OK && i < n; i++)
		r = folder(im, &v[i]);
	progress_end(&im->progress);
	return r;
}

static int
begin(struct import *im)
{
	struct reader_account known;
	int r = idset_new(&im->done);

	if (r == OK && !im->dry_run)
		r = open_account(im);
	else if (r == OK && ctl_user_find(im->ctl, ctl_hex(im->ctl, im->user.guid), &known) == OK)
		im->account = known.number;
	if (r == OK)
		r = ctl_store_open(im->ctl, &im->store);
	if (r == OK)
		r = read_state(im);
	if (r == OK && im->account != 0)
		r = read_store(im);
	if (r == OK && !im->dry_run)
		r = ctl_audit(im->ctl, "mailbox-import", im->user.address, im->source->ops->kind);
	return r == OK ? import_run_start(im) : r;
}

int
ctl_mailbox_import(struct ctl *ctl, int argc, char **argv)
{
	static struct import im;
	struct import_words w = { .user = NULL };
	int r, status = CTL_USAGE;

	im.ctl = ctl;
	arena_init(&im.box_arena, 1 << 20);
	umask(077);
	r = sodium_init() < 0 ? ERR_CRYPTO : parse(&im, &w, argc, argv);
	if (r == OK)
		r = open_source(&im, &w);
	if (r == OK) {
		im.source->message_octets = ctl->conf->limits.message_octets;
		im.source->known = is_known;
		im.source->arg = &im;
		r = find_user(&im, w.user);
	}
	if (r == OK && begin(&im) == OK)
		status = tell_end(&im, run(&im));
	import_run_stop(&im);
	if (im.source != NULL)
		im.source->ops->free(im.source);
	if (im.state != NULL)
		fclose(im.state);
	idset_free(&im.done);
	store_close(&im.store);
	arena_clear(&im.box_arena);
	return status;
}
