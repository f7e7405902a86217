/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "check_world.h"
#include "mime/summary.h"

enum { ARENA_OCTETS = 8 << 20 };

/* ---- making it ---- */

/* A mail of about n octets, with a summary that is really its own. */
static void
mail(struct arena *a, unsigned number, size_t n, struct buf *text, struct buf *summary)
{
	struct tree t;

	buf_clear(text);
	buf_clear(summary);
	buf_addf(text, "Subject: c\303\264ng v\304\203n s\341\273\221 %u\r\nFrom: a@x.vn\r\n\r\n",
	    number);
	while (text->n < n)
		buf_addf(text, "%08zu d\303\262ng th\341\273\251 %u\r\n", text->n * 7919, number);
	assert_int_equal(text->err, OK);
	assert_int_equal(tree_parse(buf_slice(text), a, &t), OK);
	assert_int_equal(summary_build(&t, a, summary), OK);
}

static void
deliver(struct help *h, unsigned number, size_t octets, uint8_t place, unsigned people, bool apply)
{
	char id[17], guids[4][16];
	struct st_local local[4];
	struct st_remote remote = { .address = SLICE("b@y.vn"), .route = SLICE("out"),
		.zone = ZONE_INTERNAL };
	struct st_audit audit = { .event = SLICE("receive") };
	struct st_deliver_request req = { .id = { id, 16 }, .mail_from = SLICE("a@x.vn"),
		.local = local, .local_n = people, .audit = &audit, .audit_n = 1,
		.level = place == ST_PLACE_INBOX ? LEVEL_THUONG : LEVEL_MAT };
	struct buf text, summary;
	struct arena a;

	buf_init(&text, ARENA_OCTETS);
	buf_init(&summary, ARENA_OCTETS);
	arena_init(&a, ARENA_OCTETS);
	mail(&a, number, octets, &text, &summary);
	snprintf(id, sizeof id, "world-%010u", number);
	for (unsigned i = 0; i < people; i++) {
		(void)help_account(h, i + 1);
		local[i] = (struct st_local){ .guid = help_guid(i + 1, guids[i]), .place = place };
	}
	if (number % 3 == 0) {
		req.remote = &remote;
		req.remote_n = 1;
	}
	assert_int_equal(help_deliver_request(h, &req, buf_slice(&text), buf_slice(&summary)), OK);
	while (apply && h->e->intents != NULL)
		assert_int_equal(engine_apply(h->e), OK);
	buf_fini(&text);
	buf_fini(&summary);
	arena_clear(&a);
}

static int
boxes(struct engine *e, void *arg)
{
	struct box_scope *sc = arg;
	uint32_t id;
	int r = box_create(e->ix, sc, SLICE("C\303\264ng vi\341\273\207c/2026"), ST_USE_NONE, &id);

	return r == OK ? box_create(e->ix, sc, SLICE("R\341\273\227ng"), ST_USE_NONE, &id) : r;
}

/* Flags and keywords, a copy, a move, something expunged, a token. */
static int
acts(struct engine *e, void *arg)
{
	struct box_scope *sc = arg;
	struct st_range first = { 1, 4 }, two = { 1, 2 }, one = { 3, 3 };
	struct st_keyword kw = { SLICE("$Important") };
	struct st_flags_request flags = { .account = sc->account, .mailbox = BOX_INBOX,
		.uids = &first, .uids_n = 1, .op = ST_FLAGS_ADD, .flags = ST_SEEN,
		.keywords = &kw, .keywords_n = 1 };
	struct st_copy_request copy = { .account = sc->account, .mailbox = BOX_INBOX,
		.target = BOX_FIRST_FREE + 1, .uids = &first, .uids_n = 1 };
	struct st_flags_reply flagged;
	struct st_copy_reply copied;
	struct st_expunge_reply gone;
	struct arena a;
	int r;

	arena_init(&a, ARENA_OCTETS);
	r = box_flags(e->ix, sc, &flags, &a, &flagged);
	if (r == OK)
		r = box_copy(e->ix, sc, &copy, &a, &copied);
	copy.uids = &one;
	copy.target = BOX_ARCHIVE;
	copy.move = 1;
	if (r == OK)
		r = box_copy(e->ix, sc, &copy, &a, &copied);
	flags.uids = &two;
	flags.flags = ST_DELETED;
	if (r == OK)
		r = box_flags(e->ix, sc, &flags, &a, &flagged);
	if (r == OK)
		r = box_expunge(e->ix, sc, BOX_INBOX, &one, 1, &a, &gone);
	if (r == OK)
		r = box_expunge(e->ix, sc, BOX_INBOX, &(struct st_range){ 1, 1 }, 1, &a, &gone);
	if (r == OK)
		r = box_token_put(e->ix, sc, SLICE("token-0123456789"), &st_copy_reply_wire,
		    &copied);
	arena_clear(&a);
	return r;
}

void
world_begin(struct world *w)
{
	static const size_t sizes[] = { 300, 5000, 70000, 1200, 140000, 900, 2500, 66000 };
	struct box_scope sc = { .now_s = 1700000000 };

	memset(w, 0, sizeof *w);
	w->found = calloc(WORLD_FOUND_MAX, sizeof *w->found);
	assert_non_null(w->found);
	help_begin(&w->h);
	w->h.e->ix->keep_expunged = true;
	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++)
		deliver(&w->h, i, sizes[i], ST_PLACE_INBOX, 3, true);
	deliver(&w->h, 20, 800, ST_PLACE_MAT, 2, true);
	for (unsigned who = 1; who <= 2; who++) {
		sc.account = help_account(&w->h, who);
		assert_int_equal(help_index(&w->h, boxes, &sc), OK);
		assert_int_equal(help_index(&w->h, acts, &sc), OK);
	}
	assert_int_equal(engine_close_intents(w->h.e), OK);
	deliver(&w->h, 21, 4000, ST_PLACE_INBOX, 2, false);
	help_close(&w->h);
	snprintf(w->copy, sizeof w->copy, "%s/case", w->h.dir);
	snprintf(w->report, sizeof w->report, "%s/report", w->h.dir);
}

void
world_end(struct world *w)
{
	free(w->found);
	help_end(&w->h);
}

void
world_copy(struct world *w)
{
	char cmd[600];

	snprintf(cmd, sizeof cmd, "rm -rf '%s' '%s' && cp -r '%s' '%s'", w->copy, w->report,
	    w->h.state, w->copy);
	assert_int_equal(system(cmd), 0);
}

const char *
world_path(const struct world *w, const char *below)
{
	static char path[300];

	snprintf(path, sizeof path, "%s/store/%s", w->copy, below);
	return path;
}

/* ---- checking it ---- */

static void
found(void *arg, const struct check_finding *f)
{
	struct world *w = arg;

	if (w->found_n < WORLD_FOUND_MAX)
		w->found[w->found_n++] = *f;
}

static void
step(void *arg, const char *what, uint64_t done, uint64_t total)
{
	struct world *w = arg;

	(void)done;
	(void)total;
	w->steps += what[0] != '\0';
	if (w->die_at != 0 && w->steps >= w->die_at)
		_exit(99);
}

static int
secret(void *arg, const struct check_keyset *ks, uint8_t *secret_out)
{
	const struct world *w = arg;
	unsigned who;

	/* In a child, arg is what it was in the parent. */
	assert_int_equal(ks->guid.n, 16);
	memcpy(&who, ks->guid.p, sizeof who);
	if (who >= HELP_ACCOUNTS)
		return ERR_NOENT;
	memcpy(secret_out, help_secret(&w->h, who, ks->keyset->class), 32);
	return OK;
}

int
world_check(struct world *w, unsigned flags)
{
	struct check_conf conf = { .state_dir = w->copy, .map_octets = WORLD_MAP,
		.offline = (flags & WORLD_ONLINE) == 0, .repair = (flags & WORLD_REPAIR) != 0,
		.report = w->report, .who = "test",
		.secret = (flags & WORLD_KEYS) != 0 ? secret : NULL, .found = found,
		.step = step, .arg = w };

	w->found_n = 0;
	return (flags & WORLD_APART) != 0 ? check_run_apart(&conf, &w->result) :
	    check_run(&conf, &w->result);
}

size_t
world_count(const struct world *w, enum check_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < w->found_n; i++)
		n += w->found[i].kind == kind;
	return n;
}

bool
world_is_clean(const struct world *w)
{
	for (size_t i = 0; i < w->found_n; i++)
		if (check_kind_row(w->found[i].kind)->severity != CHECK_NOTE)
			return false;
	return true;
}

void
world_show(const struct world *w)
{
	for (size_t i = 0; i < w->found_n; i++) {
		const struct check_finding *f = &w->found[i];

		fprintf(stderr, "  %s (%d): %s: account %u mailbox %u uid %u segment %u blob %llx "
		    "page %llu tree %u%s is %llu should %llu\n", check_kind_row(f->kind)->word,
		    f->state, f->what, f->account, f->mailbox, f->uid, f->segment,
		    (unsigned long long)f->blob, (unsigned long long)f->page, f->tree,
		    f->in_control ? " of control" : "", (unsigned long long)f->is,
		    (unsigned long long)f->should);
	}
}

void
world_expect(struct world *w, bool ok, const char *name, const char *what)
{
	if (ok)
		return;
	world_show(w);
	fail_msg("%s: %s", name, what);
}

/* ---- damaging it ---- */

struct garden
garden_open(struct world *w)
{
	struct garden g = { .w = w };

	assert_int_equal(index_open(world_path(w, "index"), WORLD_MAP, false, &g.ix), OK);
	assert_int_equal(control_open(world_path(w, "control"), WORLD_MAP, false, &g.ctl), OK);
	assert_int_equal(index_begin_write(g.ix), OK);
	assert_int_equal(control_begin_write(g.ctl), OK);
	return g;
}

void
garden_close(struct garden *g)
{
	assert_int_equal(index_commit(g->ix), OK);
	assert_int_equal(control_commit(g->ctl), OK);
	index_close(&g->ix);
	control_close(&g->ctl);
}
