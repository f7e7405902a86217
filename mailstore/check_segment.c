/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * Segments: every frame that something refers to, in the order in which they lie on disk. No
 * transaction is open while files are read, so each place is looked up again before and, when
 * something is wrong with it, after.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mailstore/check_parts.h"
#include "mailstore/crc.h"
#include "mailstore/path.h"
#include "mailstore/segment.h"

enum { WINDOW_OCTETS = 1 << 20, PART_OCTETS = 1 << 16, LOOKS = 10, LOOK_MS = 200 };

/* The file that is read now, through a window. */
struct reading {
	struct check *c;
	char	      dir[PATH_OCTETS];
	uint32_t      segment;		/* 0: none */
	int	      fd;
	const char   *wrong;		/* with the whole file */
	uint64_t      end;		/* of the frame before */
	uint64_t      at;		/* of the window */
	size_t	      n;
	char	     *window;
	uint32_t     *table;
	size_t	      table_cap;
	uint64_t      done, all;
};

/* ---- octets ---- */

/* n octets at a place: in the window afterwards. */
static int
look(struct reading *rd, uint64_t at, size_t n, struct slice *out)
{
	if (at < rd->at || at + n > rd->at + rd->n) {
		rd->at = at;
		rd->n = 0;
		while (rd->n < WINDOW_OCTETS) {
			ssize_t r = pread(rd->fd, rd->window + rd->n, WINDOW_OCTETS - rd->n,
			    (off_t)(at + rd->n));

			if (r < 0 && errno == EINTR)
				continue;
			if (r < 0 && rd->n < n)
				return -errno;
			if (r <= 0)
				break;
			rd->n += (size_t)r;
		}
	}
	if (at + n > rd->at + rd->n)
		return ERR_CORRUPT;
	*out = (struct slice){ rd->window + (at - rd->at), n };
	return OK;
}

static int
crc_of(struct reading *rd, uint64_t at, uint64_t n, uint32_t *crc_out)
{
	*crc_out = 0;
	while (n > 0) {
		size_t part = n < PART_OCTETS ? (size_t)n : PART_OCTETS;
		struct slice s;
		int r = look(rd, at, part, &s);

		if (r != OK)
			return r;
		*crc_out = crc32c(*crc_out, s);
		at += part;
		n -= part;
	}
	return OK;
}

/* ---- a frame ---- */

static int
table_room(struct reading *rd, uint32_t chunks)
{
	uint32_t *t;

	if (chunks <= rd->table_cap)
		return OK;
	t = realloc(rd->table, chunks * sizeof *t);
	if (t == NULL)
		return ERR_NOMEM;
	rd->table = t;
	rd->table_cap = chunks;
	return OK;
}

/* What is wrong with the frame at a place, or NULL; its end. */
static const char *
frame_wrong(struct reading *rd, uint64_t at, uint64_t blob, struct frame *f, int *err)
{
	struct slice head;
	uint32_t crc;
	size_t n;

	*err = look(rd, at, FRAME_HEADER_OCTETS, &head);
	if (*err == OK)
		*err = frame_get_header(head, f);
	if (*err != OK)
		return *err == ERR_VERSION ? "its frame is of a newer version" :
		    "the header of its frame is damaged";
	n = frame_head_octets(f->chunks);
	*err = table_room(rd, f->chunks);
	if (*err == OK)
		*err = look(rd, at, n, &head);
	if (*err == OK)
		*err = frame_get_table(head, f, rd->table);
	if (*err != OK)
		return "the table of its frame is damaged";
	if (frame_blob(f->segment, f->lsn) != blob)
		return "another's frame is in its place";
	*err = crc_of(rd, at + n, f->stored_octets, &crc);
	rd->c->res->frame_octets += n + f->stored_octets;
	return *err != OK ? "its frame is cut off" :
	    crc != f->body_crc ? "its octets are damaged" : NULL;
}

/* ---- files ---- */

static void
close_file(struct reading *rd)
{
	if (rd->fd >= 0)
		close(rd->fd);
	rd->fd = -1;
	rd->segment = 0;
	rd->at = rd->n = 0;
}

static int
open_file(struct reading *rd, uint32_t segment)
{
	char path[SEGMENT_PATH_OCTETS];
	uint8_t epoch[32];
	struct slice head;
	int r = segment_name(rd->dir, segment, path);

	close_file(rd);
	rd->segment = segment;
	rd->wrong = NULL;
	rd->end = SEGMENT_HEADER_OCTETS;
	if (r != OK)
		return r;
	rd->c->res->segments++;
	rd->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (rd->fd < 0) {
		rd->wrong = errno == ENOENT ? "its segment is not there" :
		    "its segment cannot be opened";
		return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? -errno : OK;
	}
	r = look(rd, 0, SEGMENT_HEADER_OCTETS, &head);
	if (r == OK)
		r = frame_get_segment(head, segment, epoch);
	if (r != OK)
		rd->wrong = r == ERR_VERSION ? "its segment is of a newer version" :
		    "the header of its segment is damaged";
	return OK;
}

static void
tell_file(struct reading *rd)
{
	bool header = rd->fd >= 0;
	struct check_finding f = { .kind = header ? CHECK_SEGMENT_HEADER : CHECK_SEGMENT,
		.segment = rd->segment };

	snprintf(f.what, sizeof f.what, "%s", rd->wrong);
	check_found(rd->c, &f);
}

/* ---- places ---- */

static int
place_now(struct check *c, uint64_t blob, struct record_blob *out)
{
	int r = index_begin_read(c->ix);

	if (r != OK)
		return r;
	r = index_blob_get(c->ix, blob, out);
	index_abort(c->ix);
	return r;
}

/* Is the body still there? It may have been moved or removed since the rows were read. */
static bool
still(struct check *c, const struct sorter_item *it, struct record_blob *row)
{
	return place_now(c, it->c, row) == OK && row->segment == it->a && row->offset == it->b;
}

static int
add_bad(struct check *c, const struct sorter_item *it, bool of_header, const char *why)
{
	int r = check_room((void **)&c->bad, c->bad_n, &c->bad_cap, sizeof *c->bad);

	if (r == OK)
		c->bad[c->bad_n++] = (struct check_bad){ it->c, it->b, (uint32_t)it->a, of_header,
		    why };
	return r;
}

static const char *
place_wrong(struct reading *rd, const struct sorter_item *it, const struct record_blob *row,
    int *err)
{
	const char *wrong;
	struct frame f;

	*err = OK;
	if (rd->wrong != NULL)
		return rd->wrong;
	if (it->b < rd->end)
		return "its frame lies within another's";
	wrong = frame_wrong(rd, it->b, it->c, &f, err);
	if (wrong != NULL)
		return wrong;
	rd->end = it->b + frame_head_octets(f.chunks) + f.stored_octets;
	if (row->size_octets != f.size_octets || row->head_octets != frame_head_octets(f.chunks) ||
	    (row->stored_octets != 0 && row->stored_octets != rd->end - it->b))
		return "its row tells of another size than its frame";
	return NULL;
}

static int
take_place(struct reading *rd, const struct sorter_item *it)
{
	struct check *c = rd->c;
	struct record_blob row, again;
	bool fresh = rd->segment != it->a;
	const char *wrong;
	int err, r = fresh ? open_file(rd, (uint32_t)it->a) : OK;

	if (rd->done++ % 1000 == 0)
		check_step(c, "frames", rd->done, rd->all);
	if (r != OK || !still(c, it, &row))
		return r;
	wrong = place_wrong(rd, it, &row, &err);
	if (wrong == NULL)
		return OK;
	if (err == ERR_NOMEM)
		return err;
	if (!still(c, it, &again))
		return OK;
	if (fresh && rd->wrong != NULL)
		tell_file(rd);
	return add_bad(c, it, rd->wrong != NULL && rd->fd >= 0, wrong);
}

/* ---- damaged ones ---- */

static int
by_blob(const void *x, const void *y)
{
	const struct check_bad *p = x, *q = y;

	return p->blob < q->blob ? -1 : p->blob > q->blob;
}

static const struct check_bad *
find_bad(const struct check *c, uint64_t blob)
{
	struct check_bad key = { .blob = blob };

	return c->bad_n == 0 ? NULL : bsearch(&key, c->bad, c->bad_n, sizeof key, by_blob);
}

bool
check_is_bad(const struct check *c, uint64_t blob)
{
	return find_bad(c, blob) != NULL;
}

/* ---- the queue ---- */

/* Is something in the queue or an intent still about that body? */
static int
still_queued(struct check *c, uint64_t blob)
{
	static const enum control_tree trees[] = { CONTROL_INTENT, CONTROL_STUCK, CONTROL_QUEUE };
	int r = c->conf->offline ? 1 : control_begin_read(c->ctl), found = 0;

	if (r != OK)
		return r;
	for (size_t i = 0; i < ARRAY_LEN(trees) && found == 0 && r >= 0; i++) {
		struct env_cursor cur;

		r = env_cursor_open(c->ctl->t, trees[i], &cur);
		r = r != OK ? r : env_cursor_seek(&cur, (struct slice){ "", 1 });
		for (; r == 1 && found == 0; r = env_cursor_next(&cur)) {
			struct control_intent in;
			struct control_queue q;
			bool queue = trees[i] == CONTROL_QUEUE;
			int e = queue ? record_wire_get_as(cur.key, cur.val, 2, &control_queue_wire,
			    &c->a, &q) : control_intent_get(cur.key, cur.val, &c->a, &in);

			if (e == OK)
				found = (queue ? q.body_n == 1 && q.body[0].blob == blob :
				    in.body_n == 1 && in.body[0].blob == blob) ? 1 : 0;
			arena_clear(&c->a);
		}
		env_cursor_close(&cur);
	}
	control_abort(c->ctl);
	return r < 0 ? r : found;
}

static int
tell_queued(struct check *c, const struct check_finding *f, const char *wrong)
{
	struct check_finding one = *f;
	int r = still_queued(c, f->blob);

	if (r != 1)
		return r;
	snprintf(one.what, sizeof one.what, "%s", wrong);
	check_found(c, &one);
	return OK;
}

/* With a row it was looked at where the row says: it may have been moved since it was queued. */
static int
take_queued(struct reading *rd, const struct sorter_item *it)
{
	struct check *c = rd->c;
	const struct check_bad *bad = find_bad(c, it->a);
	struct check_finding f = { .kind = CHECK_FRAME_QUEUE, .blob = it->a, .offset = it->c,
		.segment = (uint32_t)(it->b >> 32) };
	struct record_blob row;
	struct frame frame;
	const char *wrong;
	int err = OK, r;

	if (bad != NULL)
		return tell_queued(c, &f, bad->why);
	r = place_now(c, it->a, &row);
	if (r == OK)
		return OK;
	r = rd->segment != f.segment ? open_file(rd, f.segment) : OK;
	if (r != OK)
		return r;
	wrong = rd->wrong != NULL ? rd->wrong : frame_wrong(rd, it->c, it->a, &frame, &err);
	if (wrong == NULL || err == ERR_NOMEM)
		return err == ERR_NOMEM ? err : OK;
	return tell_queued(c, &f, wrong);
}

static int
read_all(struct reading *rd)
{
	struct check *c = rd->c;
	struct sorter_item it, last = { 0, 0, 0 };
	int r = sorter_sort(c->places);

	rd->all = sorter_count(c->places);
	while (r == OK && (r = sorter_next(c->places, &it)) == 1)
		r = take_place(rd, &it);
	if (c->bad_n > 0)
		qsort(c->bad, c->bad_n, sizeof *c->bad, by_blob);
	if (r == OK)
		r = sorter_sort(c->queued);
	while (r == OK && (r = sorter_next(c->queued, &it)) == 1) {
		r = it.a == last.a || it.b >> 32 == 0 ? OK : take_queued(rd, &it);
		last = it.b >> 32 == 0 ? last : it;
	}
	close_file(rd);
	return r;
}

int
check_segments(struct check *c)
{
	struct reading rd = { .c = c, .fd = -1, .window = malloc(WINDOW_OCTETS) };
	int r = rd.window == NULL ? ERR_NOMEM : path_store(c->conf->state_dir, "seg", rd.dir);

	if (r == OK)
		r = read_all(&rd);
	free(rd.window);
	free(rd.table);
	return r;
}

/* ---- what messages that makes unreadable ---- */

int
check_damaged(struct check *c)
{
	struct sorter_item it;
	int r;

	if (c->bad_n == 0)
		return OK;
	r = sorter_sort(c->refs);
	while (r == OK && (r = sorter_next(c->refs, &it)) == 1) {
		const struct check_bad *b = find_bad(c, it.a);
		struct check_finding f = { .kind = CHECK_FRAME, .blob = it.a,
			.account = (uint32_t)(it.b >> 32), .mailbox = (uint32_t)it.b,
			.uid = (uint32_t)(it.c >> 1) };

		r = OK;
		if (b == NULL || it.b == UINT64_MAX)
			continue;
		f.segment = b->segment;
		f.offset = b->offset;
		f.of_header = b->of_header;
		snprintf(f.what, sizeof f.what, "%s%s", b->why,
		    (it.c & 1) != 0 ? " (expunged)" : "");
		check_found(c, &f);
	}
	return r;
}

/* ---- accounts that control has and the index had not ---- */

static int
is_there(struct check *c, uint32_t account)
{
	struct record_account row;
	int r = index_begin_read(c->ix);

	if (r != OK)
		return r;
	r = index_account_get(c->ix, account, &row);
	index_abort(c->ix);
	return r == ERR_NOENT ? 0 : r == OK || r == ERR_CORRUPT ? 1 : r;
}

/* An account is made in control first; its row in the index follows at once. */
int
check_missing_accounts(struct check *c)
{
	for (size_t i = 0; i < c->accounts_n; i++) {
		const struct check_account *a = &c->accounts[i];
		struct check_finding f = { .kind = CHECK_ACCOUNT_LOST, .account = a->number };
		int r = 0;

		if (a->seen || (c->only != 0 && c->only != a->number))
			continue;
		for (int look = 0; look < LOOKS && r == 0; look++) {
			if (look > 0)
				(void)poll(NULL, 0, c->conf->offline ? 0 : LOOK_MS);
			r = is_there(c, a->number);
		}
		if (r < 0)
			return r;
		if (r == 0)
			check_found(c, &f);
	}
	return OK;
}
