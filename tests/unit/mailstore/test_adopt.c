/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "help.h"
#include "mailstore/adopt.h"
#include "mailstore/backup_box.h"

enum { WHO = 1, MAILS = 4 };

static const size_t sizes[MAILS] = { 100, 70000, 300000, 1 };

struct test {
	struct help	       h;
	char		       dir[100];
	struct buf	       why, frames;
	struct backup	       b;
	struct backup_manifest m;
	struct backup_box      box;
	struct st_restore_item items[MAILS];
	unsigned	       tokens;
};

static int
hold(void *arg)
{
	(void)arg;
	return OK;
}

static void
back_up(struct test *t)
{
	struct backup_job job = { .state_dir = t->h.state, .map_octets = HELP_MAP, .hold = hold };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int r = backup_open(t->dir, true, &t->why, &t->b);

		_exit(r == OK && backup_take(&t->b, &job) == OK ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* The mailbox as the backup has it, as a request asks for it. */
static void
read_box(struct test *t)
{
	char guid[16];

	assert_int_equal(backup_open(t->dir, false, &t->why, &t->b), OK);
	assert_int_equal(backup_find(&t->b, UINT64_MAX, &t->m), OK);
	assert_int_equal(backup_box(&t->b, &t->m, help_guid(WHO, guid), SLICE("inbox"), &t->box),
	    OK);
	assert_int_equal(t->box.n, MAILS);
	for (size_t i = 0; i < MAILS; i++) {
		const struct backup_mail *m = &t->box.mail[i];
		size_t before = t->frames.n;

		assert_int_equal(backup_box_frame(&t->b, &t->m, m, &t->frames), OK);
		t->items[i] = (struct st_restore_item){ .blob = m->rec.blob,
			.size_octets = m->rec.size_octets,
			.frame_octets = (uint32_t)(t->frames.n - before),
			.epoch_public = { (const char *)m->epoch_public, 32 },
			.keyset = m->rec.keyset,
			.keyset_public = { (const char *)m->keyset_public, 32 },
			.wrapped_key = { (const char *)m->rec.wrapped_key, 48 },
			.email_id = { (const char *)m->rec.email_id, 16 },
			.internal_date_s = (uint64_t)m->rec.internal_date_s,
			.flags = m->rec.flags, .level = m->rec.level, .sig = m->rec.sig };
	}
}

static int
begin(void **state)
{
	struct test *t = calloc(1, sizeof *t);
	unsigned who = WHO;

	assert_non_null(t);
	help_begin(&t->h);
	snprintf(t->dir, sizeof t->dir, "%s/backup", t->h.dir);
	buf_init(&t->why, 1 << 20);
	buf_init(&t->frames, 64 << 20);
	for (unsigned i = 0; i < MAILS; i++) {
		struct slice m = help_text(sizes[i]);

		assert_int_equal(help_deliver(&t->h, i, &who, 1, ST_PLACE_INBOX, m), OK);
		free((void *)(uintptr_t)m.p);
	}
	back_up(t);
	read_box(t);
	*state = t;
	return 0;
}

static int
end(void **state)
{
	struct test *t = *state;

	backup_box_free(&t->box);
	backup_manifest_free(&t->m);
	backup_close(&t->b);
	buf_fini(&t->why);
	buf_fini(&t->frames);
	help_end(&t->h);
	free(t);
	return 0;
}

/* ---- a job ---- */

struct restoring {
	struct engine_job  ej;
	struct box_scope   sc;
	const struct st_restore_request *req;
	struct slice	   frames;
	struct adopt	   ad;
	struct arena	   a;
	int		   status;
};

static int
seal(struct engine *e, struct engine_job *ej)
{
	struct restoring *r = (struct restoring *)(void *)ej;

	return adopt_seal(e, &r->sc, r->req, r->frames, &r->a, &r->ad);
}

static int
put(struct engine *e, struct engine_job *ej)
{
	struct restoring *r = (struct restoring *)(void *)ej;

	return adopt_index(e, &r->sc, r->req, &r->a, &r->ad);
}

static void
over(struct engine *e, struct engine_job *ej)
{
	struct restoring *r = (struct restoring *)(void *)ej;

	r->status = ej->status;
	if (r->status != OK)
		adopt_undo(e, &r->ad);
}

static int
restore(struct test *t, struct slice frames, struct st_restore_reply *out)
{
	char token[ST_ID_OCTETS + 1];
	struct st_restore_request req = { .mailbox = BOX_INBOX, .items = t->items,
		.items_n = MAILS };
	struct restoring r = { .ej = { .seal = seal, .index = put, .done = over }, .req = &req,
		.frames = frames, .status = 1 };

	snprintf(token, sizeof token, "token-%010u", t->tokens);
	req.token = (struct slice){ token, ST_ID_OCTETS };
	req.account = r.sc.account = help_account(&t->h, WHO);
	r.sc.now_s = 1000;
	arena_init(&r.a, 1 << 20);
	engine_commit(t->h.e, &r.ej);
	*out = r.ad.reply;
	arena_clear(&r.a);
	return r.status;
}

/* As if all of it had been lost: messages, blobs, the segment with its epoch. */
static int
lose(struct engine *e, void *arg)
{
	struct test *t = arg;
	int r = OK;

	for (size_t i = 0; i < MAILS && r == OK; i++)
		r = index_blob_del(e->ix, t->items[i].blob);
	/* Its number is never given again. */
	return r == OK ? index_u64_put(e->ix, gc_meta_last, t->items[0].blob >> 32) : r;
}

static void
lose_all(struct test *t)
{
	char cmd[300];

	assert_int_equal(help_index(&t->h, lose, t), OK);
	help_close(&t->h);
	snprintf(cmd, sizeof cmd, "rm '%s/store/seg/%08x.seg'", t->h.state,
	    (unsigned)(t->items[0].blob >> 32));
	assert_int_equal(system(cmd), 0);
	help_open(&t->h);
}

static void
expect(struct test *t, uint32_t first_uid)
{
	struct store *s = help_reader(&t->h, 0);

	for (uint32_t i = 0; i < MAILS; i++) {
		struct slice m = help_text(sizes[i]);

		help_expect(&t->h, s, WHO, BOX_INBOX, first_uid + i, KEYSET_OPEN, m);
		free((void *)(uintptr_t)m.p);
	}
	store_close(&s);
}

static unsigned
segments(struct test *t)
{
	char cmd[300], text[20] = "";
	FILE *f;

	snprintf(cmd, sizeof cmd, "ls '%s/store/seg' | wc -l", t->h.state);
	f = popen(cmd, "r");
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof text, f));
	pclose(f);
	return (unsigned)strtoul(text, NULL, 10);
}

/* ---- tests ---- */

static void
what_is_there_is_referred_to(void **state)
{
	struct test *t = *state;
	struct st_restore_reply reply;
	unsigned before = segments(t);

	assert_int_equal(restore(t, buf_slice(&t->frames), &reply), OK);
	assert_int_equal(reply.restored, MAILS);
	assert_int_equal(reply.last_uid, 2 * MAILS);
	assert_int_equal(segments(t), before);
	expect(t, 1);
	expect(t, MAILS + 1);
}

static void
what_is_lost_comes_back_with_its_epoch(void **state)
{
	struct test *t = *state;
	struct st_restore_reply reply;

	lose_all(t);
	assert_int_equal(restore(t, buf_slice(&t->frames), &reply), OK);
	assert_int_equal(reply.restored, MAILS);
	expect(t, MAILS + 1);
	help_close(&t->h);
	help_open(&t->h);
	expect(t, MAILS + 1);
	/* Asked again, since the answer was lost. */
	assert_int_equal(restore(t, buf_slice(&t->frames), &reply), OK);
	assert_int_equal(reply.last_uid, 2 * MAILS);
	/* Asked for in earnest: no frame is written any more. */
	t->tokens++;
	assert_int_equal(restore(t, buf_slice(&t->frames), &reply), OK);
	assert_int_equal(reply.last_uid, 3 * MAILS);
	expect(t, 2 * MAILS + 1);
}

static void
damage_is_refused_and_leaves_nothing(void **state)
{
	struct test *t = *state;
	struct st_restore_reply reply;
	unsigned before;

	lose_all(t);
	before = segments(t);
	for (size_t at = 0; at < t->frames.n; at += 1 + t->frames.n / 23) {
		t->frames.p[at] ^= 4;
		if (restore(t, buf_slice(&t->frames), &reply) == OK)
			fail_msg("octet %zu", at);
		t->frames.p[at] ^= 4;
		assert_int_equal(segments(t), before);
	}
	assert_int_not_equal(restore(t, slice_sub(buf_slice(&t->frames), 0, t->frames.n - 1),
	    &reply), OK);
	t->items[1].blob++;
	assert_int_not_equal(restore(t, buf_slice(&t->frames), &reply), OK);
	t->items[1].blob--;
	assert_int_equal(restore(t, buf_slice(&t->frames), &reply), OK);
}

/* Numbers that were given again after a restore, to others. */
static void
what_belongs_to_others_is_passed_over(void **state)
{
	struct test *t = *state;
	static const char other[32] = "another public key";
	struct st_restore_reply reply;

	t->items[0].epoch_public.p = other;
	t->items[1].keyset_public.p = other;
	t->items[2].keyset += 1000;
	assert_int_equal(restore(t, buf_slice(&t->frames), &reply), OK);
	assert_int_equal(reply.passed_over, 3);
	assert_int_equal(reply.restored, 1);
}

static void
what_is_malformed_is_refused(void **state)
{
	struct test *t = *state;
	struct st_restore_reply reply;

	t->items[0].wrapped_key.n = 47;
	assert_int_equal(restore(t, buf_slice(&t->frames), &reply), ERR_INVAL);
	t->items[0].wrapped_key.n = 48;
	t->items[3].email_id.n = 0;
	assert_int_equal(restore(t, buf_slice(&t->frames), &reply), ERR_INVAL);
	t->items[3].email_id.n = 16;
	t->items[2].thread_id = SLICE("1234567");
	assert_int_equal(restore(t, buf_slice(&t->frames), &reply), ERR_INVAL);
}

int
main(void)
{
#define ROW(fn)	cmocka_unit_test_setup_teardown(fn, begin, end)
	const struct CMUnitTest t[] = {
		ROW(what_is_there_is_referred_to),
		ROW(what_is_lost_comes_back_with_its_epoch),
		ROW(damage_is_refused_and_leaves_nothing),
		ROW(what_belongs_to_others_is_passed_over),
		ROW(what_is_malformed_is_refused),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
