/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * One bit is turned in one octet of a file of the store. Then the check tells of it, or a reader
 * does (ERR_CORRUPT and the like), or it was an octet that nothing reads. Never is anything else
 * shown than what was stored, never does the check die. The environment variable long: every octet
 * of every file; else all of the small structures and some of the rest.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <sodium.h>

#include "check_world.h"
#include "mailstore/store.h"

enum { SEEN_MAX = 256, SUM = 16, PAGE = 4096, LONG_SPARSE = 12 };

/* What a reader saw of a message. */
struct seen {
	uint32_t account, mailbox, uid;
	uint8_t	 sum[SUM];
};

struct sight {
	struct seen v[SEEN_MAX];
	size_t	    n;
	unsigned    errors;	/* that the reader was told */
};

/* ---- reading everything ---- */

static bool
read_octets(struct store_message *m, crypto_generichash_state *h)
{
	static char octets[65536];
	uint64_t at = 0;
	size_t n;

	do {
		if (store_message_read(m, at, octets, sizeof octets, &n) != OK)
			return false;
		crypto_generichash_update(h, (unsigned char *)octets, n);
		at += n;
	} while (n > 0);
	return true;
}

static void
read_message(const struct world *w, struct store *s, uint32_t account,
    const struct store_mailbox *box, const struct store_record *rec, struct store_message **m,
    struct sight *out)
{
	struct seen *seen = &out->v[out->n];
	crypto_generichash_state h;
	struct slice summary;

	crypto_generichash_init(&h, NULL, 0, SUM);
	crypto_generichash_update(&h, (const unsigned char *)&rec->uid, sizeof rec->uid);
	crypto_generichash_update(&h, (const unsigned char *)&rec->flags, sizeof rec->flags);
	crypto_generichash_update(&h, (const unsigned char *)&rec->modseq, sizeof rec->modseq);
	crypto_generichash_update(&h, rec->email_id, sizeof rec->email_id);
	if (store_message_open(s, rec, help_secret(&w->h, account, box->keyset_class), m) != OK ||
	    store_message_summary(*m, &summary) != OK || !read_octets(*m, &h) ||
	    out->n == SEEN_MAX) {
		out->errors++;
		return;
	}
	crypto_generichash_update(&h, (const unsigned char *)summary.p, summary.n);
	*seen = (struct seen){ account, box->id, rec->uid, { 0 } };
	crypto_generichash_final(&h, seen->sum, SUM);
	out->n++;
}

static void
read_box(const struct world *w, struct store *s, uint32_t account,
    const struct store_mailbox *box, struct sight *out)
{
	static struct store_record page[64];
	struct store_message *m = NULL;
	size_t n = 0;

	if (store_page(s, account, box->id, 1, page, ARRAY_LEN(page), &n) != OK)
		out->errors++;
	for (size_t i = 0; i < n; i++)
		read_message(w, s, account, box, &page[i], &m, out);
	store_message_close(&m);
}

static void
read_all(const struct world *w, struct sight *out)
{
	struct store_mailbox *list;
	struct store *s;
	struct arena a;
	size_t n;

	memset(out, 0, sizeof *out);
	if (store_open(w->copy, w->h.run, WORLD_MAP, 0, &s) != OK) {
		out->errors++;
		return;
	}
	arena_init(&a, 8 << 20);
	for (uint32_t account = 1; account <= 3; account++) {
		n = 0;
		if (store_mailboxes(s, account, &a, &list, &n) != OK)
			out->errors++;
		for (size_t i = 0; i < n; i++)
			read_box(w, s, account, &list[i], out);
	}
	arena_clear(&a);
	store_close(&s);
}

/* ---- a case, in a child ---- */

enum verdict { NOT_READ, TOLD_BY_CHECK, TOLD_BY_READER, WRONG, LOST, DIED };

static bool
was_stored(const struct sight *before, const struct seen *m)
{
	for (size_t i = 0; i < before->n; i++)
		if (memcmp(&before->v[i], m, sizeof *m) == 0)
			return true;
	return false;
}

static enum verdict
look(struct world *w, const struct sight *before)
{
	static struct sight now;
	int r = world_check(w, 0);
	bool pages = world_count(w, CHECK_PAGE) > 0;

	/* What LMDB itself would trip over is not for readers any more. */
	if (r != OK || pages)
		return TOLD_BY_CHECK;
	read_all(w, &now);
	for (size_t i = 0; i < now.n; i++)
		if (!was_stored(before, &now.v[i]))
			return world_is_clean(w) ? WRONG : now.errors > 0 ? TOLD_BY_CHECK : WRONG;
	if (!world_is_clean(w))
		return TOLD_BY_CHECK;
	return now.errors > 0 ? TOLD_BY_READER : now.n < before->n ? LOST : NOT_READ;
}

static enum verdict
look_apart(struct world *w, const struct sight *before)
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit((int)look(w, before));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) <= LOST ?
	    (enum verdict)WEXITSTATUS(status) : DIED;
}

static void
turn(const char *path, uint64_t at, unsigned bit)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	char octet;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &octet, 1, (off_t)at), 1);
	octet = (char)(octet ^ 1 << bit);
	assert_int_equal(pwrite(fd, &octet, 1, (off_t)at), 1);
	close(fd);
}

/* ---- which octets ---- */

struct file {
	const char *name;
	uint64_t    octets;
	unsigned    dense, sparse;	/* one octet in so many, of structures and elsewhere */
	uint64_t    count[DIED + 1];
};

/* Heads of pages, first pages, headers of segments and of their first frame. */
static bool
is_structure(const struct file *f, uint64_t at)
{
	if (strstr(f->name, ".seg") != NULL)
		return at < 64 + 48 + 8;
	return at % PAGE < 16 || (at < 2 * PAGE && at % PAGE < 152);
}

static bool
is_wanted(const struct file *f, uint64_t at)
{
	static const unsigned scatter = 2654435761u;

	if (help_long())	/* all of them take half an hour */
		return is_structure(f, at) || (unsigned)at * scatter / 4096 % LONG_SPARSE == 0;
	return (unsigned)at * scatter / 4096 % (is_structure(f, at) ? f->dense : f->sparse) == 0;
}

static void
try_octet(struct world *w, const struct sight *before, struct file *f, uint64_t at)
{
	unsigned bit = (unsigned)(at * 5 + at / 8) % 8;
	const char *path = world_path(w, f->name);
	enum verdict v;

	turn(path, at, bit);
	v = look_apart(w, before);
	turn(world_path(w, f->name), at, bit);
	f->count[v]++;
	if (v >= WRONG)
		fail_msg("%s, octet %llu, bit %u: %s", f->name, (unsigned long long)at, bit,
		    v == WRONG ? "something else is shown" : v == LOST ? "something is lost" :
		    "the check died");
}

static void
try_file(struct world *w, const struct sight *before, struct file *f)
{
	struct stat st;

	assert_int_equal(stat(world_path(w, f->name), &st), 0);
	f->octets = (uint64_t)st.st_size;
	for (uint64_t at = 0; at < f->octets; at++)
		if (is_wanted(f, at))
			try_octet(w, before, f, at);
	printf("%s: %llu told by the check, %llu by readers, %llu that nothing reads\n", f->name,
	    (unsigned long long)f->count[TOLD_BY_CHECK],
	    (unsigned long long)f->count[TOLD_BY_READER], (unsigned long long)f->count[NOT_READ]);
	assert_true(f->count[TOLD_BY_CHECK] > 0);
}

static void
no_bit_turns_unseen(void **state)
{
	static struct world w;
	static struct sight before;
	struct file files[] = { { .name = "index/data.mdb", .dense = 11, .sparse = 1300 },
		{ .name = "control/data.mdb", .dense = 17, .sparse = 2200 },
		{ .name = "seg/00000001.seg", .dense = 2, .sparse = 400 } };

	(void)state;
	world_begin(&w);
	world_copy(&w);
	assert_int_equal(world_check(&w, 0), OK);
	assert_true(world_is_clean(&w));
	read_all(&w, &before);
	assert_int_equal(before.errors, 0);
	assert_true(before.n > 24);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		try_file(&w, &before, &files[i]);
	world_end(&w);
}

int
main(void)
{
	const struct CMUnitTest t[] = { cmocka_unit_test(no_bit_turns_unseen) };

	(void)setenv("TMPDIR", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", 0);
	return cmocka_run_group_tests(t, NULL, NULL);
}
