/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/clock.h"
#include "help.h"
#include "mailstore/queue.h"
#include "mailstore/release.h"
#include "mailstore/restore.h"

enum { USERS = 3, OLD_LARGE = 3000000 };

struct test {
	struct help   h;
	char	      dir[100];		/* of the backup */
	struct buf    why;
	struct backup b;
	unsigned      ids;
	int	      holds, fail_at;	/* calls of hold(); which one fails, 0: none */
};

static int
hold(void *arg)
{
	struct test *t = arg;

	return ++t->holds == t->fail_at ? ERR_UNAVAIL : OK;
}

static struct slice
noise(size_t n)
{
	char *p = malloc(n);

	assert_non_null(p);
	crypt_random(p, n);
	return (struct slice){ p, n };
}

static int
begin(void **state)
{
	struct test *t = calloc(1, sizeof *t);

	assert_non_null(t);
	help_begin(&t->h);
	snprintf(t->dir, sizeof t->dir, "%s/backup", t->h.dir);
	buf_init(&t->why, 1 << 20);
	*state = t;
	return 0;
}

static int
end(void **state)
{
	struct test *t = *state;

	buf_fini(&t->why);
	help_end(&t->h);
	free(t);
	return 0;
}

static void
mail(struct test *t, size_t octets)
{
	unsigned who[USERS] = { 1, 2, 3 };
	struct slice m = help_text(octets);

	assert_int_equal(help_deliver(&t->h, ++t->ids, who, USERS, ST_PLACE_INBOX, m), OK);
	free((void *)(uintptr_t)m.p);
}

/* In a process of its own, as it is: LMDB does not bear two openings of an environment in one. */
static int
take(struct test *t, struct backup_job *job)
{
	struct shared {
		struct backup_job job;
		int		  r;
	} *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status, r;
	pid_t pid;

	assert_true(s != MAP_FAILED);
	*s = (struct shared){ { .state_dir = t->h.state, .map_octets = HELP_MAP, .hold = hold,
		.arg = t }, 1 };
	t->holds = 0;
	pid = fork();
	if (pid == 0) {
		s->r = backup_open(t->dir, true, &t->why, &t->b);
		if (s->r == OK)
			s->r = backup_take(&t->b, &s->job);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	*job = s->job;
	r = s->r;
	munmap(s, sizeof *s);
	return r;
}

static size_t
snapshots(struct test *t)
{
	uint64_t *times;
	size_t n;

	assert_int_equal(backup_open(t->dir, false, &t->why, &t->b), OK);
	assert_int_equal(backup_list(&t->b, &times, &n), OK);
	backup_close(&t->b);
	free(times);
	return n;
}

static int
prove(struct test *t, struct backup_proof *proof)
{
	struct backup_manifest m;
	int r;

	buf_clear(&t->why);
	assert_int_equal(backup_open(t->dir, false, &t->why, &t->b), OK);
	r = backup_find(&t->b, UINT64_MAX, &m);
	if (r == OK) {
		r = backup_prove(&t->b, &m, NULL, proof);
		backup_manifest_free(&m);
	}
	backup_close(&t->b);
	return r;
}

/* As of time_s into <dir>/NAME, which becomes h's state. */
static int
restore(struct test *t, const char *name, uint64_t time_s, struct restore_job *job)
{
	struct backup_manifest m;
	int r;

	snprintf(t->h.state, sizeof t->h.state, "%.60s/%s", t->h.dir, name);
	assert_true(mkdir(t->h.state, 0700) == 0 || errno == EEXIST);
	job->state_dir = t->h.state;
	job->map_octets = HELP_MAP;
	job->now_s = job->now_s == 0 ? clock_real_s() + 1000 : job->now_s;
	buf_clear(&t->why);
	assert_int_equal(backup_open(t->dir, false, &t->why, &t->b), OK);
	assert_int_equal(backup_find(&t->b, time_s, &m), OK);
	r = restore_store(&t->b, &m, job);
	backup_manifest_free(&m);
	backup_close(&t->b);
	return r;
}

static struct store_mailbox
inbox(struct test *t, unsigned who, struct arena *a)
{
	struct store *s = help_reader(&t->h, 0);
	struct store_mailbox box;

	assert_int_equal(store_mailbox(s, help_account(&t->h, who), BOX_INBOX, a, &box), OK);
	store_close(&s);
	return box;
}

static void
expect(struct test *t, uint32_t uid, size_t octets)
{
	struct slice m = help_text(octets);
	struct store *s = help_reader(&t->h, 0);

	for (unsigned who = 1; who <= USERS; who++)
		help_expect(&t->h, s, who, BOX_INBOX, uid, KEYSET_OPEN, m);
	store_close(&s);
	free((void *)(uintptr_t)m.p);
}

/* ---- tests ---- */

static void
only_what_is_new_is_copied(void **state)
{
	struct test *t = *state;
	struct backup_job first, second, third;
	struct backup_proof proof;

	mail(t, OLD_LARGE);
	mail(t, 100);
	assert_int_equal(take(t, &first), OK);
	assert_int_equal(first.damaged, 0);
	assert_int_equal(first.new_octets, first.octets);
	mail(t, 5000);
	assert_int_equal(take(t, &second), OK);
	assert_true(second.new_octets > 0 && second.new_octets < 6000);
	assert_int_equal(second.octets, first.octets + second.new_octets);
	assert_int_equal(take(t, &third), OK);
	assert_int_equal(third.new_octets, 0);
	assert_int_equal(third.octets, second.octets);
	assert_int_equal(snapshots(t), 3);
	assert_int_equal(prove(t, &proof), OK);
	assert_int_equal(proof.octets >= third.octets, 1);
}

static void
each_snapshot_can_be_restored(void **state)
{
	struct test *t = *state;
	struct backup_job first, second;
	struct restore_job job = { .state_dir = NULL }, again = { .state_dir = NULL };
	struct store_mailbox before, after;
	struct arena a;

	arena_init(&a, 1 << 20);
	mail(t, OLD_LARGE);
	mail(t, 100);
	assert_int_equal(take(t, &first), OK);
	mail(t, 70000);
	before = inbox(t, 2, &a);
	assert_int_equal(take(t, &second), OK);
	mail(t, 1);	/* told to clients, and not in the backup */
	help_close(&t->h);
	assert_int_equal(restore(t, "new", UINT64_MAX, &job), OK);
	assert_int_equal(job.accounts, USERS);
	help_open(&t->h);
	expect(t, 1, OLD_LARGE);
	expect(t, 2, 100);
	expect(t, 3, 70000);
	after = inbox(t, 2, &a);
	assert_int_equal(after.exists, 3);
	assert_true(after.uidvalidity > before.uidvalidity);
	assert_int_equal(after.uidnext, before.uidnext);
	assert_true(segment_number(t->h.e->seg) > RESTORE_SEGMENT_GAP);
	mail(t, 200);	/* and it goes on */
	expect(t, 4, 200);
	/* A snapshot of the restored store goes into the same folder beside the old ones. */
	assert_int_equal(take(t, &second), OK);
	assert_int_equal(restore(t, "old", first.time_s, &again), OK);
	help_close(&t->h);
	help_open(&t->h);
	expect(t, 1, OLD_LARGE);
	assert_int_equal(inbox(t, 1, &a).exists, 2);
	arena_clear(&a);
}

static void
when_nothing_happened_since_all_stays(void **state)
{
	struct test *t = *state;
	struct backup_job first;
	struct restore_job job = { .nothing_since = true };
	struct store_mailbox before;
	struct arena a;

	arena_init(&a, 1 << 20);
	mail(t, 100);
	before = inbox(t, 3, &a);
	assert_int_equal(take(t, &first), OK);
	help_close(&t->h);
	assert_int_equal(restore(t, "new", UINT64_MAX, &job), OK);
	help_open(&t->h);
	assert_int_equal(inbox(t, 3, &a).uidvalidity, before.uidvalidity);
	assert_true(segment_number(t->h.e->seg) < RESTORE_SEGMENT_GAP);
	arena_clear(&a);
}

/* ---- releases ---- */

static struct st_release
release(void)
{
	static struct st_address to = { SLICE("x@y.example") };
	static struct st_address officers[] = { { SLICE("a@b.example") }, { SLICE("c@b.example") } };
	static struct st_statement signed_[] = { { SLICE("1") }, { SLICE("2") } };

	return (struct st_release){ .id = SLICE("0123456789abcdef"), .sender = SLICE("d@b.example"),
		.expires_s = (uint64_t)clock_real_s() + 3600, .recipients = &to, .recipients_n = 1,
		.officers = officers, .officers_n = 2, .statements = signed_, .statements_n = 2 };
}

static int
release_fn(struct engine *e, void *add)
{
	struct st_release r = release(), used;
	struct st_release_use use = { r.id, r.sender };
	struct arena a;
	int err;

	arena_init(&a, 1 << 20);
	err = *(bool *)add ? release_add(e->ctl, &r, clock_real_s(), &a) :
	    release_use(e->ctl, &use, SLICE("fedcba9876543210"), clock_real_s(), &a, &used);
	arena_clear(&a);
	return err;
}

/* A release that was open then may have let its message in since. */
static void
what_was_released_is_not_so_any_more(void **state)
{
	struct test *t = *state;
	struct backup_job first;
	struct restore_job since = { .state_dir = NULL }, nothing = { .nothing_since = true };
	bool add = true;

	mail(t, 100);
	assert_int_equal(help_control(&t->h, release_fn, &add), OK);
	assert_int_equal(take(t, &first), OK);
	help_close(&t->h);
	add = false;
	assert_int_equal(restore(t, "since", UINT64_MAX, &since), OK);
	help_open(&t->h);
	assert_int_equal(help_control(&t->h, release_fn, &add), ERR_ACCESS);
	help_close(&t->h);
	assert_int_equal(restore(t, "nothing", UINT64_MAX, &nothing), OK);
	help_open(&t->h);
	assert_int_equal(help_control(&t->h, release_fn, &add), OK);
}

static void
a_store_is_never_overwritten(void **state)
{
	struct test *t = *state;
	struct backup_job first;
	struct restore_job job = { .state_dir = NULL };

	mail(t, 100);
	assert_int_equal(take(t, &first), OK);
	assert_int_equal(restore(t, "state", UINT64_MAX, &job), ERR_EXIST);
	help_close(&t->h);
	assert_int_equal(restore(t, "state", UINT64_MAX, &job), ERR_EXIST);
	help_open(&t->h);
	expect(t, 1, 100);
}

/* ---- the queue ---- */

static int
look_at_queue(struct engine *e, void *arg)
{
	struct st_claim_request claim = { .lease_ms = 1000 };
	struct st_list_request list = { .max = 10 };
	struct st_queue_list_reply *out = arg;
	struct control_queue q;
	static struct arena a;
	int64_t next;
	int r;

	arena_clear(&a);
	arena_init(&a, 1 << 20);
	r = queue_claim(e->ctl, &claim, INT64_MAX / 2, &a, &q, &next);
	assert_int_equal(r, 0);
	return queue_list(e->ctl, &list, &a, out);
}

static void
what_is_queued_waits_for_a_word(void **state)
{
	struct test *t = *state;
	struct st_remote to = { .address = SLICE("x@far.vn"), .route = SLICE("internal"),
		.zone = ZONE_INTERNAL };
	struct st_audit audit = { .event = SLICE("submit") };
	struct st_deliver_request req = { .id = SLICE("0123456789abcdef"), .mail_from =
		SLICE("a@x.vn"), .remote = &to, .remote_n = 1, .audit = &audit, .audit_n = 1 };
	struct st_queue_list_reply list;
	struct backup_job first;
	struct restore_job job = { .state_dir = NULL };

	assert_int_equal(help_deliver_request(&t->h, &req, SLICE("Subject: x\r\n\r\nx\r\n"),
	    SLICE("summary")), OK);
	assert_int_equal(take(t, &first), OK);
	assert_int_equal(first.segments, 1);	/* only the queue refers to it */
	help_close(&t->h);
	assert_int_equal(restore(t, "new", UINT64_MAX, &job), OK);
	assert_int_equal(job.held, 1);
	help_open(&t->h);
	assert_int_equal(help_control(&t->h, look_at_queue, &list), OK);
	assert_int_equal(list.entries_n, 1);
	assert_int_equal(list.entries[0].state, ST_QUEUE_HELD);
}

/* ---- broken off ---- */

static void
one_that_was_broken_off_is_gone_on_with(void **state)
{
	struct test *t = *state;
	struct backup_job job;
	struct backup_proof proof;
	char path[200];
	unsigned n = 0;

	for (unsigned i = 0; i < 4; i++) {
		struct slice m = noise(500000);
		unsigned who = 1;

		assert_int_equal(help_deliver(&t->h, i, &who, 1, ST_PLACE_INBOX, m), OK);
		free((void *)(uintptr_t)m.p);
	}
	for (t->fail_at = 1; take(t, &job) != OK; t->fail_at += 3) {
		assert_int_equal(snapshots(t), 0);
		n++;
	}
	assert_true(n > 5);
	assert_int_equal(snapshots(t), 1);
	snprintf(path, sizeof path, "%s/incomplete", t->dir);
	assert_int_not_equal(access(path, F_OK), 0);
	assert_int_equal(prove(t, &proof), OK);
	assert_true(job.new_octets < job.octets);	/* the rest was there */
}

/* ---- damage ---- */

static void
flip(const char *path, off_t at)
{
	int fd = open(path, O_RDWR);
	unsigned char c;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &c, 1, at), 1);
	c ^= 0x10;
	assert_int_equal(pwrite(fd, &c, 1, at), 1);
	close(fd);
}

/* Flip bits all over one file: each is found, and the file named. */
static void
damage_file(struct test *t, const char *path, const char *name)
{
	struct backup_proof proof;
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	for (off_t at = 0; at < st.st_size; at += 1 + st.st_size / 23) {
		flip(path, at);
		if (prove(t, &proof) == OK)
			fail_msg("%s, octet %lld", path, (long long)at);
		if (strstr(buf_cstr(&t->why), name) == NULL)
			fail_msg("%s, octet %lld: %s", path, (long long)at, buf_cstr(&t->why));
		flip(path, at);
	}
	assert_int_equal(truncate(path, st.st_size - 1), 0);
	assert_int_not_equal(prove(t, &proof), OK);
}

static void
damage_folder(struct test *t, const char *folder, unsigned *n)
{
	char path[700];
	struct dirent *e;
	DIR *d = opendir(folder);

	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
		if (e->d_type == DT_DIR) {
			damage_folder(t, path, n);
			continue;
		}
		damage_file(t, path, e->d_name);
		++*n;
	}
	closedir(d);
}

static void
each_damaged_file_is_named(void **state)
{
	struct test *t = *state;
	static const char *const kinds[] = { "congvu-backup", "manifest", "control.dump",
		"index.dump", "seg" };
	char cmd[400], path[300], time[BACKUP_TIME_OCTETS];
	struct backup_job job;

	mail(t, 100000);
	assert_int_equal(take(t, &job), OK);
	backup_time_put(job.time_s, time);
	for (size_t i = 1; i < ARRAY_LEN(kinds); i++) {
		unsigned n = 0;

		snprintf(cmd, sizeof cmd, "cp -a '%s' '%s.good'", t->dir, t->dir);
		assert_int_equal(system(cmd), 0);
		if (strcmp(kinds[i], "seg") == 0) {
			snprintf(path, sizeof path, "%s/seg", t->dir);
			damage_folder(t, path, &n);
			assert_true(n > 0);
		} else {
			snprintf(path, sizeof path, "%s/%s/%s", t->dir, time, kinds[i]);
			damage_file(t, path, kinds[i]);
		}
		snprintf(cmd, sizeof cmd, "rm -r '%s' && mv '%s.good' '%s'", t->dir, t->dir,
		    t->dir);
		assert_int_equal(system(cmd), 0);
	}
	snprintf(path, sizeof path, "%s/congvu-backup", t->dir);
	flip(path, 3);
	assert_int_equal(backup_open(t->dir, false, &t->why, &t->b), ERR_CORRUPT);
	assert_non_null(strstr(buf_cstr(&t->why), "congvu-backup"));
}

static void
somebodys_folder_is_left_alone(void **state)
{
	struct test *t = *state;
	char path[200];
	struct backup_job job;
	int fd;

	assert_int_equal(mkdir(t->dir, 0700), 0);
	snprintf(path, sizeof path, "%s/letter", t->dir);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(take(t, &job), ERR_EXIST);
}

static void
only_one_at_a_time(void **state)
{
	struct test *t = *state;
	struct backup other;
	struct backup_job job;

	mail(t, 100);
	assert_int_equal(backup_open(t->dir, true, &t->why, &other), OK);
	assert_int_equal(take(t, &job), ERR_EXIST);
	backup_close(&other);
	assert_int_equal(take(t, &job), OK);
}

static void
old_snapshots_go_with_their_parts(void **state)
{
	struct test *t = *state;
	struct backup_job first, second;
	struct backup_proof proof;
	uint64_t freed;

	mail(t, OLD_LARGE);
	assert_int_equal(take(t, &first), OK);
	help_close(&t->h);
	/* Another store goes on in the same folder: nothing of the first is in the second. */
	snprintf(t->h.state, sizeof t->h.state, "%.60s/other", t->h.dir);
	assert_int_equal(mkdir(t->h.state, 0700), 0);
	help_open(&t->h);
	mail(t, 5000);
	assert_int_equal(take(t, &second), OK);
	assert_int_equal(second.new_octets, second.octets);
	assert_int_equal(snapshots(t), 2);
	assert_int_equal(backup_open(t->dir, true, &t->why, &t->b), OK);
	assert_int_equal(backup_forget(&t->b, first.time_s), OK);
	assert_int_equal(backup_sweep(&t->b, &freed), OK);
	backup_close(&t->b);
	assert_true(freed >= first.new_octets);
	assert_int_equal(snapshots(t), 1);
	assert_int_equal(prove(t, &proof), OK);
}

static void
shared_parts_are_read_once(void **state)
{
	struct test *t = *state;
	struct backup_seen seen = { .n = 0 };
	struct backup_proof first, second;
	struct backup_manifest m;
	struct backup_job job;
	uint64_t *times;
	size_t n;

	mail(t, OLD_LARGE);
	assert_int_equal(take(t, &job), OK);
	assert_int_equal(take(t, &job), OK);
	assert_int_equal(backup_open(t->dir, false, &t->why, &t->b), OK);
	assert_int_equal(backup_list(&t->b, &times, &n), OK);
	assert_int_equal(n, 2);
	assert_int_equal(backup_load(&t->b, times[1], &m), OK);
	assert_int_equal(backup_prove(&t->b, &m, &seen, &first), OK);
	backup_manifest_free(&m);
	assert_int_equal(backup_load(&t->b, times[0], &m), OK);
	assert_int_equal(backup_prove(&t->b, &m, &seen, &second), OK);
	assert_int_equal(second.parts, first.parts);
	assert_true(second.octets + job.octets <= first.octets + 1000);
	backup_manifest_free(&m);
	backup_seen_free(&seen);
	backup_close(&t->b);
	free(times);
}

static void
names_of_snapshots(void **state)
{
	static const char *const bad[] = { "", "x", "20261122T065900", "20261322T065900Z",
		"20261122T245900Z", "20261122T065900Zx", "2026-1122T065900Z", "20260230T000000Z" };
	char name[BACKUP_TIME_OCTETS];
	uint64_t t;

	(void)state;
	backup_time_put(1795330740, name);
	assert_string_equal(name, "20261122T065900Z");
	assert_true(backup_time_get(name, &t));
	assert_int_equal(t, 1795330740);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(backup_time_get(bad[i], &t));
}

int
main(void)
{
#define ROW(fn)	cmocka_unit_test_setup_teardown(fn, begin, end)
	const struct CMUnitTest t[] = {
		ROW(only_what_is_new_is_copied),
		ROW(each_snapshot_can_be_restored),
		ROW(when_nothing_happened_since_all_stays),
		ROW(what_was_released_is_not_so_any_more),
		ROW(a_store_is_never_overwritten),
		ROW(what_is_queued_waits_for_a_word),
		ROW(one_that_was_broken_off_is_gone_on_with),
		ROW(each_damaged_file_is_named),
		ROW(somebodys_folder_is_left_alone),
		ROW(only_one_at_a_time),
		ROW(old_snapshots_go_with_their_parts),
		ROW(shared_parts_are_read_once),
		cmocka_unit_test(names_of_snapshots),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
