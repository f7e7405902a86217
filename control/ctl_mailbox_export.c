/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * mailbox export: what cannot be read is left out and listed (skipped.jsonl), everything else is
 * written. Memory: the largest message, and a page of numbers.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "control/ctl_key.h"
#include "control/ctl_mailbox.h"
#include "control/export.h"
#include "control/progress.h"

enum { UIDS = 1024, KEYSETS_MAX = 8 };

struct export {
	struct ctl	     *ctl;
	struct store	     *store;
	struct store_message *message;
	struct reader_account user;
	const struct export_form *form;
	const char	     *to;
	char		    **names;	/* of the mailboxes that are wanted; all if none */
	int		      names_n, top_fd;
	bool		      mat;
	int64_t		      since_s, until_s;
	FILE		     *skipped;
	uint64_t	      skipped_n, hidden_n;
	uint8_t		     *secrets;	/* sodium_malloc, in the order of user.keysets */
	bool		      opened[KEYSETS_MAX];
	struct export_box     box;
	struct buf	      octets;
	struct progress	      progress;
	struct store_mailbox *boxes;
	size_t		      boxes_n;
};

/* ---- the command line ---- */

static int
parse(struct export *x, int argc, char **argv)
{
	const char *format = "maildir", *day;
	int n = 0;

	x->since_s = x->until_s = INT64_MIN;	/* not given */
	for (int i = 1; i < argc; i++) {
		bool more = i + 1 < argc;

		if (strcmp(argv[i], "--mat") == 0)
			x->mat = true;
		else if (strcmp(argv[i], "--to") == 0 && more)
			x->to = argv[++i];
		else if (strcmp(argv[i], "--format") == 0 && more)
			format = argv[++i];
		else if ((strcmp(argv[i], "--since") == 0 || strcmp(argv[i], "--until") == 0) &&
		    more) {
			day = argv[++i];
			if (ctl_parse_day(day, argv[i - 1][2] == 's' ? &x->since_s :
			    &x->until_s) != OK)
				return ctl_fail("%s: a day is YYYY-MM-DD", day), ERR_SYNTAX;
		} else if (argv[i][0] == '-')
			return ctl_fail("%s: unknown word, or its value is missing", argv[i]),
			    ERR_SYNTAX;
		else
			argv[n++] = argv[i];
	}
	x->form = strcmp(format, "maildir") == 0 ? &export_maildir :
	    strcmp(format, "mbox") == 0 ? &export_mbox : NULL;
	if (n < 1 || x->to == NULL || x->form == NULL)
		return ctl_usage(x->ctl), ERR_SYNTAX;
	x->names = argv + 1;
	x->names_n = n - 1;
	return OK;
}

/* What lies there already could be a link that leads the mail elsewhere, or an export of before. */
static int
open_skipped(struct export *x)
{
	int copy = openat(x->top_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *e = NULL;
	int r = d == NULL ? -errno : OK;

	if (d == NULL && copy >= 0)
		close(copy);
	while (d != NULL && (e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			break;
	if (d != NULL)
		closedir(d);
	if (e != NULL)
		return ctl_fail("%s: %s; name a new folder", x->to, faccessat(x->top_fd,
		    "skipped.jsonl", F_OK, AT_SYMLINK_NOFOLLOW) == 0 ?
		    "holds an export already" : "is not empty"), ERR_EXIST;
	if (r == OK)
		r = export_file(x->top_fd, "skipped.jsonl", &x->skipped);
	return r == OK ? OK : (ctl_fail("%s: %s", x->to, err_text(r)), r);
}

/* Ours alone, and empty: what is written there is mail that anybody could read otherwise. */
static int
open_target(struct export *x)
{
	struct stat st;

	if (mkdir(x->to, 0700) != 0 && errno != EEXIST)
		return ctl_fail("%s: %s", x->to, err_text(-errno)), ERR_IO;
	x->top_fd = open(x->to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (x->top_fd < 0 || fstat(x->top_fd, &st) != 0)
		return ctl_fail("%s: %s", x->to, err_text(-errno)), ERR_IO;
	if ((st.st_mode & 077) != 0 || st.st_uid != geteuid())
		return ctl_fail("%s: others may enter it; run: chown %u %s && chmod 700 %s", x->to,
		    (unsigned)geteuid(), x->to, x->to), ERR_ACCESS;
	return open_skipped(x);
}

/* ---- keys ---- */

/* The secret of a mailbox's keyset; asked for once, and each time with a record in the audit. */
static int
secret_of(struct export *x, uint32_t keyset, const uint8_t **out)
{
	struct reader_account *u = &x->user;
	size_t i = 0;

	while (i < u->keysets_n && i < KEYSETS_MAX && u->keysets[i].id != keyset)
		i++;
	if (i == u->keysets_n || i == KEYSETS_MAX)
		return ctl_fail("keyset %u: is not in the store", keyset), ERR_CRYPTO;
	*out = x->secrets + i * CTL_SECRET_OCTETS;
	if (!x->opened[i]) {
		struct ctl_keyset ks = { u->guid, u->address, u->keysets[i].class,
			u->keysets[i].wrapped };
		int r = ctl_key_open(x->ctl, "mailbox-export", &ks,
		    x->secrets + i * CTL_SECRET_OCTETS);

		if (r != OK)
			return r;
		x->opened[i] = true;
	}
	return OK;
}

/* ---- messages ---- */

static int
skip(struct export *x, uint32_t uid, int why)
{
	struct slice name = x->box.box->name;
	json_t *o = json_pack("{s:o,s:I,s:s}", "mailbox", ctl_json(name), "uid", (json_int_t)uid,
	    "reason", err_text(why));

	x->skipped_n++;
	progress_hide(&x->progress);
	if (!x->ctl->json)
		fprintf(stderr, "skipped: %.*s uid %u: %s\n", (int)name.n, name.p, uid,
		    err_text(why));
	if (o == NULL || json_dumpf(o, x->skipped, JSON_COMPACT | JSON_PRESERVE_ORDER) != 0 ||
	    putc('\n', x->skipped) == EOF) {
		json_decref(o);
		return ctl_fail("%s/skipped.jsonl: cannot be written", x->to), ERR_IO;
	}
	if (x->ctl->json) {
		json_object_set_new(o, "event", json_string("skipped"));
		ctl_print_json(o);
	} else
		json_decref(o);
	return OK;
}

static int
read_octets(struct export *x, const struct store_record *m, const uint8_t *secret)
{
	size_t n = m->size_octets, got;
	char *dst;
	int r = store_message_open(x->store, m, secret, &x->message);

	buf_clear(&x->octets);
	if (r != OK)
		return r;
	dst = buf_reserve(&x->octets, n);
	if (dst == NULL)
		return x->octets.err;
	r = store_message_read(x->message, 0, dst, n, &got);
	if (r == OK && got != n)
		r = ERR_CORRUPT;
	buf_added(&x->octets, r == OK ? n : 0);
	return r;
}

static void
name_keywords(struct export_box *b, uint64_t bits)
{
	b->keywords_n = 0;
	for (size_t i = 0; i < b->box->keywords_n && i < ST_KEYWORDS_MAX; i++)
		if ((bits & (uint64_t)1 << i) != 0)
			b->keywords[b->keywords_n++] = b->box->keywords[i];
}

/* A message of which a row, a frame or a seal is wrong is left out; but one that has been removed
 * meanwhile is not damaged. */
static int
export_uid(struct export *x, uint32_t uid, const uint8_t *secret)
{
	const struct store_mailbox *box = x->box.box;
	struct store_record m, again;
	int r = store_record(x->store, x->user.number, box->id, uid, &m);

	if (r == ERR_NOENT)
		return OK;
	if (r == OK && (m.internal_date_s < x->since_s ||
	    (x->until_s != INT64_MIN && m.internal_date_s >= x->until_s)))
		return OK;
	if (r == OK)
		r = read_octets(x, &m, secret);
	if (r == ERR_NOMEM)
		return ctl_fail("out of memory"), r;
	if (r != OK && store_record(x->store, x->user.number, box->id, uid, &again) == ERR_NOENT)
		return OK;
	if (r != OK)
		return skip(x, uid, r);
	name_keywords(&x->box, m.keywords);
	r = x->form->message(&x->box, &m, buf_slice(&x->octets));
	if (r != OK)
		return ctl_fail("%s: %s", x->to, err_text(r)), r;
	progress_step(&x->progress, m.size_octets);
	return OK;
}

static int
export_uids(struct export *x, const uint8_t *secret)
{
	const struct store_mailbox *box = x->box.box;
	uint32_t uids[UIDS], from = 1;
	size_t n = UIDS;
	int r = OK;

	while (r == OK && n == UIDS) {
		r = store_uids(x->store, x->user.number, box->id, from, uids, UIDS, &n);
		if (r != OK) {
			ctl_fail("%.*s: %s", (int)box->name.n, box->name.p, err_text(r));
			return r == ERR_NOENT ? OK : r;	/* the whole mailbox went meanwhile */
		}
		for (size_t i = 0; r == OK && i < n; i++)
			r = export_uid(x, uids[i], secret);
		if (n > 0 && uids[n - 1] == UINT32_MAX)
			break;
		from = n > 0 ? uids[n - 1] + 1 : 0;
	}
	return r;
}

static int
export_box(struct export *x, const struct store_mailbox *box)
{
	const uint8_t *secret;
	int r, e;

	if (box->keyset_class == KEYSET_MAT && !x->mat) {
		x->hidden_n++;
		return OK;
	}
	r = secret_of(x, box->keyset, &secret);
	if (r != OK)
		return r;
	x->box.box = box;
	x->box.at = 0;
	progress_folder(&x->progress, box->name, box->exists);
	r = x->form->open(&x->box, x->top_fd);
	if (r != OK)
		ctl_fail("%s: %.*s: %s", x->to, (int)box->name.n, box->name.p, err_text(r));
	else
		r = export_uids(x, secret);
	e = x->form->close(&x->box);
	if (r == OK && e != OK)
		ctl_fail("%s: %s", x->to, err_text(e));
	return r == OK ? e : r;
}

/* ---- mailboxes ---- */

static int
choose(struct export *x)
{
	struct arena *a = &x->ctl->arena;
	int r = OK;

	if (x->names_n == 0) {
		r = store_mailboxes(x->store, x->user.number, a, &x->boxes, &x->boxes_n);
		if (r != OK)
			ctl_fail("%s", err_text(r));
		return r;
	}
	x->boxes = arena_array(a, (size_t)x->names_n, sizeof *x->boxes);
	for (int i = 0; r == OK && i < x->names_n && x->boxes != NULL; i++) {
		r = store_mailbox_find(x->store, x->user.number, slice_of(x->names[i]), a,
		    &x->boxes[x->boxes_n]);
		if (r != OK)
			ctl_fail("%s: %s", x->names[i], err_text(r));
		else if (x->boxes[x->boxes_n++].keyset_class == KEYSET_MAT && !x->mat)
			return ctl_fail("%s: is classified; say --mat, and mind where it goes",
			    x->names[i]), ERR_ACCESS;
	}
	return x->boxes == NULL ? ERR_NOMEM : r;
}

static int
run(struct export *x)
{
	uint64_t messages = 0, octets = 0;
	int r = choose(x);

	for (size_t i = 0; r == OK && i < x->boxes_n; i++)
		if (x->mat || x->boxes[i].keyset_class != KEYSET_MAT) {
			messages += x->boxes[i].exists;
			octets += x->boxes[i].octets;
		}
	if (r == OK)
		r = open_target(x);
	progress_begin(&x->progress, x->ctl->json, "exported", messages, octets);
	for (size_t i = 0; r == OK && i < x->boxes_n; i++)
		r = export_box(x, &x->boxes[i]);
	if (x->skipped != NULL) {
		int e = export_close_file(&x->skipped);

		r = r == OK ? e : r;
	}
	if (r == OK && syncfs(x->top_fd) != 0)
		r = ctl_fail("%s: %s", x->to, err_text(-errno));
	progress_end(&x->progress);
	return r;
}

static void
tell_end(const struct export *x, int r)
{
	if (x->ctl->json)
		ctl_print_json(json_pack("{s:s,s:b,s:I,s:I,s:I,s:I}", "event", "end", "ok",
		    r == OK && x->skipped_n == 0, "messages", (json_int_t)x->progress.whole.done,
		    "octets", (json_int_t)x->progress.octets, "skipped",
		    (json_int_t)x->skipped_n, "classified-mailboxes-left-out",
		    (json_int_t)x->hidden_n));
	if (x->ctl->json || r != OK)
		return;
	if (x->hidden_n > 0)
		fprintf(stderr, "left out: %llu classified mailboxes (say --mat for them)\n",
		    (unsigned long long)x->hidden_n);
	if (x->skipped_n > 0)
		fprintf(stderr, "skipped: %llu damaged messages, see %s/skipped.jsonl\n",
		    (unsigned long long)x->skipped_n, x->to);
}

int
ctl_mailbox_export(struct ctl *ctl, int argc, char **argv)
{
	struct export x = { .ctl = ctl, .top_fd = -1, .box = { .dir_fd = -1 } };
	int r = parse(&x, argc, argv);

	if (r != OK)
		return CTL_USAGE;
	umask(077);
	buf_init(&x.octets, SIZE_MAX / 4);
	buf_init(&x.box.out, SIZE_MAX / 4);
	if (gethostname(x.box.host, sizeof x.box.host - 1) != 0 || strchr(x.box.host, '/') != NULL)
		snprintf(x.box.host, sizeof x.box.host, "congvu");
	r = ctl_user_find(ctl, argv[0], &x.user);
	if (r == ERR_NOENT)
		ctl_fail("%s: has no mailboxes in this store", argv[0]);
	if (r == OK)
		r = ctl_store_open(ctl, &x.store);
	if (r == OK) {
		x.secrets = sodium_malloc(KEYSETS_MAX * CTL_SECRET_OCTETS);
		r = x.secrets == NULL ? ERR_NOMEM : run(&x);
		tell_end(&x, r);
	}
	store_message_close(&x.message);
	store_close(&x.store);
	sodium_free(x.secrets);
	if (x.top_fd >= 0)
		close(x.top_fd);
	buf_fini(&x.octets);
	buf_fini(&x.box.out);
	return r != OK ? CTL_USAGE : x.skipped_n > 0 ? CTL_NOT_IN_ORDER : CTL_OK;
}
