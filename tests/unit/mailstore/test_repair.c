/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * What repair makes of damage, beyond that the check is content afterwards: what is kept, what is
 * said of what is not, and that it may be cut off anywhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "check_world.h"
#include "mailstore/audit.h"
#include "mailstore/frame.h"
#include "mailstore/store.h"

enum { WORK = BOX_FIRST_FREE + 1 };	/* Công việc/2026: it has four copies */

static struct store *
reader(struct world *w)
{
	struct store *s;

	assert_int_equal(store_open(w->copy, w->h.run, WORLD_MAP, 0, &s), OK);
	return s;
}

static void
remove_row(struct env_txn *t, unsigned tree, struct record_key k)
{
	assert_int_equal(env_del(t, tree, record_key_slice(&k)), OK);
}

/* Each message of the mailbox can be opened and has the uid it had. */
static void
read_work(struct world *w, const char *name, uint32_t uidvalidity_was)
{
	struct store_message *m = NULL;
	struct store_mailbox box;
	struct store_record page[8];
	struct store *s = reader(w);
	struct slice summary;
	struct arena a;
	size_t n;

	arena_init(&a, 1 << 20);
	assert_int_equal(store_mailbox(s, 1, WORK, &a, &box), OK);
	assert_true(slice_is(box.name, name));
	assert_true(box.uidvalidity > uidvalidity_was);
	assert_int_equal(box.exists, 4);
	assert_int_equal(box.keyset_class, KEYSET_OPEN);
	assert_int_equal(store_mailbox_find(s, 1, slice_of(name), &a, &box), OK);
	assert_int_equal(store_page(s, 1, WORK, 1, page, ARRAY_LEN(page), &n), OK);
	assert_int_equal(n, 4);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(page[i].uid, i + 1);
		assert_int_equal(store_message_open(s, &page[i],
		    help_secret(&w->h, 1, KEYSET_OPEN), &m), OK);
		assert_int_equal(store_message_summary(m, &summary), OK);
	}
	store_message_close(&m);
	store_close(&s);
	arena_clear(&a);
}

static void
a_lost_mailbox_comes_back(void **state)
{
	static const char name[] = "C\303\264ng vi\341\273\207c/2026";
	struct world *w = *state;

	for (int without_name = 0; without_name < 2; without_name++) {
		struct garden g;
		uint32_t was;

		world_copy(w);
		g = garden_open(w);
		assert_int_equal(index_box_get(g.ix, 1, WORK, &g.ix->box), OK);
		was = g.ix->box.uidvalidity;
		remove_row(g.ix->t, INDEX_T, record_key_box(1, WORK));
		if (without_name)
			assert_int_equal(index_name_del(g.ix, 1, slice_of(name)), OK);
		garden_close(&g);
		assert_int_equal(world_check(w, WORLD_REPAIR), OK);
		assert_true(world_count(w, CHECK_BOX_LOST) == 1);
		assert_int_equal(world_check(w, WORLD_KEYS), OK);
		world_expect(w, world_is_clean(w), "lost mailbox", "not clean");
		read_work(w, without_name ? "Recovered/12" : name, was);
	}
}

/* ---- what is taken out ---- */

static uint64_t
damage_body(struct world *w, uint32_t uid)
{
	struct garden g = garden_open(w);
	struct store_record m;
	struct record_blob b;
	char path[40], octet;
	int fd;

	assert_int_equal(index_message_get(g.ix, 1, BOX_INBOX, uid, &m), OK);
	assert_int_equal(index_blob_get(g.ix, m.blob, &b), OK);
	garden_close(&g);
	snprintf(path, sizeof path, "seg/%08x.seg", b.segment);
	fd = open(world_path(w, path), O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &octet, 1, (off_t)(b.offset + b.head_octets + 20)), 1);
	octet ^= 0x40;
	assert_int_equal(pwrite(fd, &octet, 1, (off_t)(b.offset + b.head_octets + 20)), 1);
	close(fd);
	return m.blob;
}

static size_t
lines(const char *path, const char *with)
{
	char line[8192];
	FILE *f = fopen(path, "re");
	size_t n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof line, f) != NULL)
		n += strstr(line, with) != NULL;
	fclose(f);
	return n;
}

static bool
is_there(struct world *w, uint32_t uid)
{
	struct store *s = reader(w);
	struct store_record rec;
	int r = store_record(s, 1, BOX_INBOX, uid, &rec);

	store_close(&s);
	return r == OK;
}

static void
what_is_taken_out_is_reported(void **state)
{
	struct world *w = *state;
	struct store_mailbox box;
	struct st_range *gone;
	struct store *s;
	struct arena a;
	bool complete;
	size_t n;

	world_copy(w);
	(void)damage_body(w, 5);
	assert_int_equal(world_check(w, 0), OK);
	assert_int_equal(w->found_n, 3);		/* one for each of three people */
	assert_int_equal(world_count(w, CHECK_FRAME), 3);
	assert_true(is_there(w, 5));			/* nothing is done unasked */
	assert_int_equal(access(w->report, F_OK), -1);
	assert_int_equal(world_check(w, WORLD_REPAIR), OK);
	assert_false(is_there(w, 5));
	assert_true(is_there(w, 6));
	assert_int_equal(lines(w->report, "\"removed\":\"message\""), 3);
	assert_int_equal(lines(w->report, "\"address\":\"u@x.vn\""), 3);
	assert_int_equal(lines(w->report, "\"name\":\"INBOX\""), 3);
	assert_int_equal(lines(w->report, "\"uid\":5,"), 3);
	assert_int_equal(lines(w->report, "its octets are damaged"), 3);
	/* Clients are told that it is gone. */
	s = reader(w);
	arena_init(&a, 1 << 20);
	assert_int_equal(store_mailbox(s, 1, BOX_INBOX, &a, &box), OK);
	assert_int_equal(store_vanished(s, 1, BOX_INBOX, box.highestmodseq - 1, &a, &gone, &n,
	    &complete), OK);
	assert_true(complete && n == 1 && gone[0].lo == 5 && gone[0].hi == 5);
	arena_clear(&a);
	store_close(&s);
}

/* A head of a segment is made anew from one bit, or from the segment's row. */
static void
nothing_is_taken_out_for_a_header(void **state)
{
	struct world *w = *state;
	char octet;
	int fd;

	world_copy(w);
	fd = open(world_path(w, "seg/00000001.seg"), O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &octet, 1, 20), 1);
	octet ^= 2;
	assert_int_equal(pwrite(fd, &octet, 1, 20), 1);
	close(fd);
	assert_int_equal(world_check(w, 0), OK);
	assert_int_equal(world_count(w, CHECK_SEGMENT_HEADER), 1);
	assert_true(world_count(w, CHECK_FRAME) > 20);
	assert_int_equal(world_check(w, WORLD_REPAIR), OK);
	assert_int_equal(world_check(w, WORLD_KEYS), OK);
	world_expect(w, world_is_clean(w), "header", "not clean");
	assert_int_equal(lines(w->report, "removed"), 0);
	assert_true(is_there(w, 5));
}

/* A body whose row is lost is found again in its segment, however many there are. */
static void
bodies_are_found_again(void **state)
{
	struct world *w = *state;
	struct env_cursor cur;
	struct garden g;
	unsigned n = 0;

	world_copy(w);
	g = garden_open(w);
	assert_int_equal(env_cursor_open(g.ix->t, INDEX_BLOB, &cur), OK);
	while (env_cursor_seek(&cur, (struct slice){ "", 1 }) == 1) {
		assert_int_equal(env_cursor_del(g.ix->t, &cur), OK);
		n++;
	}
	env_cursor_close(&cur);
	garden_close(&g);
	assert_true(n > 8);
	assert_int_equal(world_check(w, WORLD_REPAIR), OK);
	assert_int_equal(world_check(w, WORLD_KEYS), OK);
	world_expect(w, world_is_clean(w), "bodies", "not clean");
	assert_int_equal(lines(w->report, "removed"), 0);
	assert_int_equal(w->result.opened, w->result.messages);
	assert_true(w->result.bodies >= n - 1);		/* one may be of an open intent alone */
}

/* ---- pages ---- */

/* What earlier repairs of these very seconds have kept. */
static void
keep_some(struct world *w)
{
	char name[64];
	long long now = (long long)time(NULL);

	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof name, "index.damaged-%lld", now + i);
		assert_int_equal(mkdir(world_path(w, name), 0700), 0);
		snprintf(name, sizeof name, "index.damaged-%lld/data.mdb", now + i);
		assert_int_equal(mkdir(world_path(w, name), 0700), 0);
	}
}

static unsigned
count_kept(struct world *w)
{
	struct dirent *e;
	DIR *d = opendir(world_path(w, ""));
	unsigned n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		n += strncmp(e->d_name, "index.damaged-", 14) == 0;
	closedir(d);
	return n;
}

/* A leaf in use is damaged so that LMDB would stumble; its rows are lost, all others are not. */
static void
an_environment_is_made_anew(void **state)
{
	struct world *w = *state;
	unsigned char page[4096];
	uint64_t messages;
	unsigned tried = 0;

	world_copy(w);
	assert_int_equal(world_check(w, 0), OK);
	messages = w->result.messages;
	for (unsigned number = 2; tried < 6; number++) {
		int fd;

		world_copy(w);
		fd = open(world_path(w, "index/data.mdb"), O_RDWR | O_CLOEXEC);
		assert_true(fd >= 0);
		if (pread(fd, page, sizeof page, (off_t)number * 4096) != (ssize_t)sizeof page) {
			close(fd);
			break;
		}
		page[12] ^= 0x20;
		assert_int_equal(pwrite(fd, page, sizeof page, (off_t)number * 4096), 4096);
		close(fd);
		assert_int_equal(world_check(w, WORLD_APART), OK);
		if (world_is_clean(w))
			continue;
		tried++;
		assert_true(world_count(w, CHECK_PAGE) > 0);
		keep_some(w);
		assert_int_equal(world_check(w, WORLD_REPAIR | WORLD_APART), OK);
		world_expect(w, w->result.errors + w->result.warnings == w->result.repaired,
		    "pages", "not repaired");
		assert_int_equal(world_check(w, WORLD_KEYS), OK);
		world_expect(w, world_is_clean(w), "pages", "not clean");
		assert_int_equal(count_kept(w), 4);
		assert_true(w->result.messages <= messages);
	}
	assert_true(tried >= 3);
}

/* ---- cut off ---- */

static void
damage_much(struct world *w)
{
	struct garden g = garden_open(w);
	struct record_account a;
	struct record_blob b;
	struct store_record m;

	remove_row(g.ix->t, INDEX_T, record_key_box(1, WORK));
	remove_row(g.ix->t, INDEX_T, record_key(2, RECORD_ACCOUNT));
	assert_int_equal(index_account_get(g.ix, 1, &a), OK);
	a.octets += 5;
	assert_int_equal(index_account_put(g.ix, 1, &a), OK);
	assert_int_equal(index_message_get(g.ix, 1, BOX_INBOX, 6, &m), OK);
	assert_int_equal(index_blob_get(g.ix, m.blob, &b), OK);
	b.refs = 1;
	assert_int_equal(index_blob_put(g.ix, m.blob, &b), OK);
	assert_int_equal(index_name_put(g.ix, 1, SLICE("nothing"), 4711), OK);
	garden_close(&g);
	(void)damage_body(w, 5);
}

static int
repair_until(struct world *w, uint64_t step)
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		w->steps = 0;
		w->die_at = step;
		_exit(world_check(w, WORLD_REPAIR) == OK ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
a_repair_may_be_cut_off(void **state)
{
	struct world *w = *state;
	uint64_t step = 1;
	int r;

	do {
		world_copy(w);
		damage_much(w);
		r = repair_until(w, step++);
		assert_true(r == 99 || r == 0);
		assert_int_equal(world_check(w, WORLD_REPAIR), OK);
		world_expect(w, w->result.errors + w->result.warnings == w->result.repaired,
		    "cut off", "not repaired");
		assert_int_equal(world_check(w, WORLD_KEYS), OK);
		world_expect(w, world_is_clean(w), "cut off", "not clean");
		assert_true(lines(w->report, "\"removed\":\"message\"") >= 3);
	} while (r == 99);
	assert_true(step > 10);
}

/* ---- the audit ---- */

static void
the_audit_tells_of_it(void **state)
{
	struct world *w = *state;
	struct st_audit_list_reply list;
	struct control *ctl;
	struct arena a;
	uint64_t before;

	world_copy(w);
	assert_int_equal(world_check(w, WORLD_REPAIR), OK);
	before = w->result.audits;
	assert_int_equal(world_check(w, 0), OK);
	assert_int_equal(w->result.audits, before);	/* nothing was done: nothing to tell */
	damage_much(w);
	assert_int_equal(world_check(w, WORLD_REPAIR), OK);
	arena_init(&a, 8 << 20);
	assert_int_equal(control_open(world_path(w, "control"), WORLD_MAP, true, &ctl), OK);
	assert_int_equal(control_begin_read(ctl), OK);
	assert_int_equal(audit_list(ctl, before + 1, 10, 1 << 20, &a, &list), OK);
	assert_int_equal(list.records_n, 2);
	for (size_t i = 0; i < 2; i++)
		assert_true(slice_is(list.records[i].audit[0].event, "store-repair"));
	assert_true(slice_is(list.records[0].audit[0].detail, "begun test"));
	control_abort(ctl);
	control_close(&ctl);
	arena_clear(&a);
}

/* ---- when it must not ---- */

static void
it_does_not_repair_without_the_store(void **state)
{
	struct check_result res;
	struct world *w = *state;
	struct check_conf conf = { .state_dir = w->copy, .map_octets = WORLD_MAP, .repair = true,
		.report = w->report };

	world_copy(w);
	assert_int_equal(check_run(&conf, &res), ERR_INVAL);	/* not offline */
	conf.offline = true;
	conf.report = NULL;
	assert_int_equal(check_run(&conf, &res), ERR_INVAL);	/* nowhere to tell */
	conf.repair = false;
	conf.state_dir = "/nowhere";
	assert_int_equal(check_run(&conf, &res), ERR_NOENT);
}

static int
begin(void **state)
{
	static struct world w;

	world_begin(&w);
	*state = &w;
	return 0;
}

static int
end(void **state)
{
	world_end(*state);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest t[] = { cmocka_unit_test(a_lost_mailbox_comes_back),
		cmocka_unit_test(what_is_taken_out_is_reported),
		cmocka_unit_test(nothing_is_taken_out_for_a_header),
		cmocka_unit_test(bodies_are_found_again),
		cmocka_unit_test(an_environment_is_made_anew),
		cmocka_unit_test(a_repair_may_be_cut_off),
		cmocka_unit_test(the_audit_tells_of_it),
		cmocka_unit_test(it_does_not_repair_without_the_store) };

	(void)setenv("TMPDIR", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", 0);
	return cmocka_run_group_tests(t, begin, end);
}
