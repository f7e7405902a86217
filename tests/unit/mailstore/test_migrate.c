/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * A store of format 1, as the mailstored of that time left it (tests/data/store-1), becomes one of
 * today's: whole, whatever stops it in between, and unread until it is done.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <utime.h>
#include <cmocka.h>

#include "help.h"
#include "mailstore/gc.h"
#include "mailstore/migrate.h"

enum { LINE_MAX_OCTETS = 8192 };

static const char *const index_names[] = { "t", "blob", "guid", "meta" };
static const char *const control_names[] = { "account", "intent", "stuck", "done", "age", "queue",
	"due", "audit", "checkpoint", "meta" };

struct old_env {
	const char	  *name;
	const char *const *trees;
	size_t		   trees_n;
	struct env	  *env;
	struct env_txn	  *t;
};

static size_t
unhex(const char *hex, char *out)
{
	size_t n = 0;
	unsigned v;

	for (; sscanf(hex, "%2x", &v) == 1; hex += 2)
		out[n++] = (char)v;
	return n;
}

static void
load_row(struct old_env *o, const char *tree, struct slice key, struct slice val)
{
	unsigned i = 0;

	while (i < o->trees_n && strcmp(o->trees[i], tree) != 0)
		i++;
	assert_true(i < o->trees_n);
	assert_int_equal(env_put(o->t, i, key, val), OK);
}

static void
load_segment(const struct help *h, const char *name, const char *octets, size_t n)
{
	const struct utimbuf born = { 1766000000, 1766000000 };
	char path[200];
	FILE *f;

	snprintf(path, sizeof path, "%s/store/seg/%s.seg", h->state, name);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(octets, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(utime(path, &born), 0);	/* it becomes born_s */
}

static void
load_secret(struct help *h, unsigned i, const char *octets, size_t n)
{
	assert_int_equal(n, 32);
	memcpy(i == 6 ? h->spool : h->secrets[1 + i / 2][i % 2], octets, 32);
}

static void
load_line(struct help *h, struct old_env envs[2], char *line)
{
	static char a[LINE_MAX_OCTETS], b[LINE_MAX_OCTETS], key[4096], val[4096];
	char what[16], tree[16];

	if (line[0] == '#')
		return;
	assert_int_equal(sscanf(line, "%15s %15s %s %s", what, tree, a, b), 4);
	if (strcmp(what, "seg") == 0)
		load_segment(h, tree, val, unhex(b, val));
	else if (strcmp(what, "secret") == 0)
		load_secret(h, (unsigned)atoi(tree), val, unhex(b, val));
	else {
		struct slice k = { key, unhex(a, key) }, v = { val, unhex(b, val) };

		load_row(&envs[strcmp(what, "control") == 0], tree, k, v);
	}
}

static struct help *
old_store(void)
{
	static const char *const dirs[] = { "/store", "/store/index", "/store/control",
		"/store/seg" };
	struct help *h = calloc(1, sizeof *h);
	struct old_env envs[2] = { { "index", index_names, ARRAY_LEN(index_names), NULL, NULL },
		{ "control", control_names, ARRAY_LEN(control_names), NULL, NULL } };
	static char line[LINE_MAX_OCTETS], path[4096];
	FILE *f;

	assert_non_null(h);
	help_folders(h);
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		snprintf(path, sizeof path, "%s%s", h->state, dirs[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/store/%s", h->state, envs[i].name);
		assert_int_equal(env_open(path, HELP_MAP, false, envs[i].trees, envs[i].trees_n,
		    &envs[i].env), OK);
		assert_int_equal(env_begin_write(envs[i].env, &envs[i].t), OK);
	}
	snprintf(path, sizeof path, "%s/tests/data/store-1/rows.txt",
	    getenv("srcdir") != NULL ? getenv("srcdir") : "..");
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof line, f) != NULL)
		load_line(h, envs, line);
	fclose(f);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(env_commit(&envs[i].t), OK);
		env_close(&envs[i].env);
	}
	assert_int_equal(crypt_start(), OK);
	return h;
}

static void
end(struct help *h)
{
	help_end(h);
	free(h);
}

/* ---- what is in it ---- */

static void
seg_dir(const struct help *h, char out[200])
{
	snprintf(out, 200, "%s/store/seg", h->state);
}

static struct index *
open_index(const struct help *h)
{
	char path[200];
	struct index *ix;

	snprintf(path, sizeof path, "%s/store/index", h->state);
	assert_int_equal(index_open(path, HELP_MAP, false, &ix), OK);
	return ix;
}

/* All rows of the index but the format's as one number, and how many there are. */
static uint64_t
digest(struct index *ix, uint64_t *rows_out)
{
	size_t trees;
	uint64_t h = 14695981039346656037u;
	struct env_cursor c;
	int r;

	(void)index_trees(&trees);
	*rows_out = 0;
	assert_int_equal(index_begin_read(ix), OK);
	for (unsigned t = 0; t < trees; t++) {
		assert_int_equal(env_cursor_open(ix->t, t, &c), OK);
		for (r = env_cursor_seek(&c, (struct slice){ "", 1 }); r == 1;
		    r = env_cursor_next(&c), ++*rows_out)
			for (size_t i = 0; i < c.key.n + c.val.n; i++)
				h = (h ^ (unsigned char)(i < c.key.n ? c.key.p[i] :
				    c.val.p[i - c.key.n])) * 1099511628211u;
		assert_int_equal(r, 0);
		env_cursor_close(&c);
	}
	index_abort(ix);
	return h;
}

/* Rows of the kinds that changed, of version 1. */
static unsigned
old_rows(struct index *ix)
{
	static const struct { enum index_tree tree; const char *kinds; } where[] = {
		{ INDEX_T, "ABMV" }, { INDEX_BLOB, NULL } };
	unsigned n = 0;
	struct env_cursor c;
	int r;

	assert_int_equal(index_begin_read(ix), OK);
	for (size_t i = 0; i < ARRAY_LEN(where); i++) {
		assert_int_equal(env_cursor_open(ix->t, where[i].tree, &c), OK);
		for (r = env_cursor_seek(&c, (struct slice){ "", 1 }); r == 1;
		    r = env_cursor_next(&c))
			n += record_version(c.val) == 1 && (where[i].kinds == NULL ||
			    strchr(where[i].kinds, c.key.p[4]) != NULL);
		env_cursor_close(&c);
	}
	index_abort(ix);
	return n;
}

/* Everything in the fixture, as its maker left it, seen by a reader. */
static void
all_is_there(struct help *h)
{
	static const uint32_t inbox[] = { 1, 2, 3, 6, 7 };
	struct store *s = help_reader(h, 0);
	struct store_account acct;
	struct store_mailbox box;
	struct store_record rec;
	struct st_range *gone;
	struct arena a;
	uint32_t uids[20];
	char text[300];
	size_t n;
	bool complete;

	arena_init(&a, 1 << 20);
	assert_int_equal(store_account(s, 1, &acct), OK);
	assert_int_equal(acct.messages, 5 + 1 + 2);
	assert_int_equal(store_uids(s, 1, BOX_INBOX, 1, uids, 20, &n), OK);
	assert_int_equal(n, ARRAY_LEN(inbox));
	assert_memory_equal(uids, inbox, sizeof inbox);
	for (size_t i = 0; i < n; i++) {
		unsigned body = uids[i] - 1;
		int len = snprintf(text, sizeof text, "Subject: van ban so %u\r\n\r\n%.*s", body,
		    (int)(body * 25), "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
		    "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
		    "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn");

		help_expect(h, s, 1, BOX_INBOX, uids[i], KEYSET_OPEN,
		    (struct slice){ text, (size_t)len });
		assert_int_equal(store_record(s, 1, BOX_INBOX, uids[i], &rec), OK);
		assert_int_equal(rec.flags, uids[i] == 2 || uids[i] == 3 ?
		    ST_SEEN | ST_FLAGGED : 0);
		assert_int_equal(rec.keywords, uids[i] == 2 || uids[i] == 3 ? 3 : 0);
		assert_memory_equal(rec.thread_id, rec.email_id, 8);
	}
	assert_int_equal(store_mailbox(s, 1, BOX_INBOX, &a, &box), OK);
	assert_int_equal(box.exists, 5);
	assert_int_equal(box.unseen, 3);
	assert_int_equal(box.uidnext, 8);
	assert_int_equal(box.recent_uid, 8);
	assert_int_equal(box.keywords_n, 2);
	assert_true(slice_is(box.keywords[0], "khan"));
	assert_int_equal(store_mailbox_find(s, 1, SLICE("Hồ sơ"), &a, &box), OK);
	assert_int_equal(box.exists, 2);
	assert_int_equal(store_mailbox(s, 1, BOX_MAT, &a, &box), OK);
	assert_int_equal(box.exists, 1);
	assert_int_equal(store_vanished(s, 1, BOX_INBOX, 1, &a, &gone, &n, &complete), OK);
	assert_true(complete && n == 1 && gone[0].lo == 4 && gone[0].hi == 5);
	/* The delivery that was accepted, and not filed yet. */
	assert_int_equal(store_mailbox(s, 2, BOX_INBOX, &a, &box), OK);
	help_expect(h, s, 2, BOX_INBOX, box.uidnext - 1, KEYSET_OPEN,
	    SLICE("Subject: chua xep\r\n\r\nx"));
	arena_clear(&a);
	store_close(&s);
}

/* ---- tests ---- */

static void
every_record_survives(void **state)
{
	struct help *h = old_store();
	struct control_queue q;
	struct env_cursor c;
	struct arena a;
	uint64_t format;

	(void)state;
	help_open(h);
	all_is_there(h);
	help_invariant(h);
	assert_int_equal(old_rows(h->e->ix), 0);
	assert_int_equal(control_begin_read(h->e->ctl), OK);
	assert_int_equal(control_get_u64(h->e->ctl, CONTROL_META, SLICE("format"), &format), OK);
	assert_int_equal(format, INDEX_FORMAT);
	arena_init(&a, 1 << 20);
	assert_int_equal(env_cursor_open(h->e->ctl->t, CONTROL_QUEUE, &c), OK);
	assert_int_equal(env_cursor_seek(&c, (struct slice){ "", 1 }), 1);
	assert_int_equal(record_wire_get_as(c.key, c.val, record_version(c.val),
	    &control_queue_wire, &a, &q), OK);
	assert_true(slice_is(q.entry->recipients[0].address, "x@tinh.example"));
	env_cursor_close(&c);
	control_abort(h->e->ctl);
	arena_clear(&a);
	/* A second start finds nothing to do. */
	help_close(h);
	help_open(h);
	all_is_there(h);
	help_check(h);
	end(h);
}

static void
frames_are_measured(void **state)
{
	struct help *h = old_store();
	struct index *ix = open_index(h);
	struct migrate m = { .now_s = 1800000000 };
	uint64_t first = 0, waiting;
	struct record_segment s;
	struct record_blob b;
	struct env_cursor c;
	char dir[200];

	(void)state;
	seg_dir(h, dir);
	m.seg_dir = dir;
	assert_int_equal(migrate_needed(ix), 1);
	assert_int_equal(migrate_index(ix, &m), OK);
	assert_int_equal(m.damaged_rows + m.damaged_frames, 0);
	assert_int_equal(migrate_needed(ix), 0);
	assert_int_equal(index_begin_read(ix), OK);
	assert_int_equal(env_cursor_open(ix->t, INDEX_BLOB, &c), OK);
	for (int r = env_cursor_seek(&c, (struct slice){ "", 1 }); r == 1;
	    r = env_cursor_next(&c)) {
		assert_int_equal(record_blob_get(c.key, c.val, &b), OK);
		assert_true(b.stored_octets > b.head_octets + 2 * CRYPT_TAG_OCTETS);
		first += b.segment == 1 ? b.stored_octets : 0;
	}
	env_cursor_close(&c);
	assert_int_equal(index_segment_get(ix, 1, &s), OK);
	assert_int_equal(s.state, SEGMENT_SEALED);
	assert_int_equal(s.total_octets, 914 - SEGMENT_HEADER_OCTETS);
	assert_int_equal(s.live_octets, first);
	assert_true(s.frames == 5 && s.live_frames == 5 && s.total_octets == s.live_octets);
	/* The other has a frame of which only control knows. */
	assert_int_equal(index_segment_get(ix, 2, &s), ERR_NOENT);
	assert_int_equal(env_count(ix->t, INDEX_GC, &waiting), OK);
	assert_int_equal(waiting, 1);	/* expunged, and of one account */
	index_abort(ix);
	index_close(&ix);
	end(h);
}

/* Stopped after every n-th transaction, over and over: the same rows in the end; readers wait. */
static void
stops_anywhere(void **state)
{
	struct help *whole = old_store();
	struct index *ix = open_index(whole);
	struct migrate m = { .now_s = 1800000000 };
	uint64_t want, want_rows, rows;
	char dir[200];
	unsigned commits;

	(void)state;
	seg_dir(whole, dir);
	m.seg_dir = dir;
	m.rows_max = 5;
	assert_int_equal(migrate_index(ix, &m), OK);
	commits = m.commits;
	assert_true(commits > 10);
	want = digest(ix, &want_rows);
	index_close(&ix);
	end(whole);
	for (unsigned stop = 1; stop <= commits; stop++) {
		struct help *h = old_store();
		struct store *s;
		unsigned rounds = 0;
		int r;

		seg_dir(h, dir);
		do {
			m = (struct migrate){ .now_s = 1800000000, .seg_dir = dir, .rows_max = 5,
				.commits_max = stop };
			ix = open_index(h);
			r = migrate_index(ix, &m);
			assert_true(r == OK || r == ERR_AGAIN);
			if (migrate_needed(ix) == 1)
				assert_int_equal(store_open(h->state, h->run, HELP_MAP, 0, &s),
				    ERR_UNAVAIL);
			/* What was done is not done again, so there is an end. */
			r = migrate_needed(ix);
			assert_true(r == 0 || m.commits == stop);
			if (r == 1)
				index_close(&ix);
		} while (r == 1 && ++rounds < 10 * commits);
		assert_int_equal(r, 0);
		assert_true(digest(ix, &rows) == want && rows == want_rows);
		index_close(&ix);
		end(h);
	}
}

static void
damage_stops_nothing(void **state)
{
	struct help *h = old_store();
	struct index *ix = open_index(h);
	struct record_key k = record_key_message(1, BOX_INBOX, 2);
	struct migrate m = { .now_s = 1800000000 };
	struct slice val;
	char dir[200], path[220], octets[2000];
	size_t n;
	FILE *f;

	(void)state;
	seg_dir(h, dir);
	m.seg_dir = dir;
	assert_int_equal(index_begin_write(ix), OK);
	assert_int_equal(env_get(ix->t, INDEX_T, record_key_slice(&k), &val), OK);
	memcpy(octets, val.p, n = val.n);
	octets[30] ^= 1;
	assert_int_equal(env_put(ix->t, INDEX_T, record_key_slice(&k),
	    (struct slice){ octets, n }), OK);
	assert_int_equal(index_commit(ix), OK);
	snprintf(path, sizeof path, "%s/00000001.seg", dir);
	f = fopen(path, "r+b");
	assert_non_null(f);
	assert_int_equal(fseek(f, SEGMENT_HEADER_OCTETS, SEEK_SET), 0);
	assert_int_equal(fputc('X', f), 'X');
	fclose(f);
	assert_int_equal(migrate_index(ix, &m), OK);
	assert_int_equal(m.damaged_rows, 1);
	assert_int_equal(m.damaged_frames, 1);
	assert_int_equal(old_rows(ix), 1);
	index_close(&ix);
	end(h);
}

static int
newer(struct engine *e, void *arg)
{
	(void)arg;
	return index_u64_put(e->ix, "format", INDEX_FORMAT + 1);
}

static void
a_newer_one_is_refused(void **state)
{
	struct help h;
	struct engine_conf conf = { .state_dir = h.state, .run_dir = h.run,
		.map_octets = HELP_MAP, .segment_octets = 1 << 20 };
	struct engine *e;
	struct store *s;

	(void)state;
	help_begin(&h);
	assert_int_equal(help_index(&h, newer, NULL), OK);
	help_close(&h);
	assert_int_equal(store_open(h.state, h.run, HELP_MAP, 0, &s), ERR_VERSION);
	assert_int_equal(engine_open(&conf, &e), ERR_VERSION);
	help_end(&h);
}

int
main(void)
{
	const struct CMUnitTest t[] = { cmocka_unit_test(every_record_survives),
		cmocka_unit_test(frames_are_measured), cmocka_unit_test(stops_anywhere),
		cmocka_unit_test(damage_stops_nothing), cmocka_unit_test(a_newer_one_is_refused) };

	return cmocka_run_group_tests(t, NULL, NULL);
}
