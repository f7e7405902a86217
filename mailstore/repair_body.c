/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mailstore/box.h"
#include "mailstore/gc.h"
#include "mailstore/path.h"
#include "mailstore/repair_parts.h"
#include "mailstore/segment.h"

enum { WINDOW_OCTETS = 1 << 20 };

/* ---- counters ---- */

int
repair_refs(struct check *c, const struct check_finding *f)
{
	struct record_blob b;
	int r = index_blob_get(c->ix, f->blob, &b);

	if (r != OK)
		return r;
	b.refs = (uint32_t)f->should;
	r = index_blob_put(c->ix, f->blob, &b);
	return r == OK && b.refs == 0 ? repair_gc(c, f) : r;
}

int
repair_segment_counter(struct check *c, const struct check_finding *f)
{
	struct record_segment s;
	int r = index_segment_get(c->ix, f->segment, &s);

	if (r != OK)
		return r;
	if (strcmp(f->what, "live-octets") == 0)
		s.live_octets = f->should;
	else
		s.live_frames = (uint32_t)f->should;
	if (s.total_octets < s.live_octets)
		s.total_octets = s.live_octets;
	if (s.frames < s.live_frames)
		s.frames = s.live_frames;
	return index_segment_put(c->ix, f->segment, &s);
}

/* ---- bodies whose rows are lost ---- */

static int
by_blob(const void *x, const void *y)
{
	const struct repair_place *p = x, *q = y;

	return p->blob < q->blob ? -1 : p->blob > q->blob;
}

static struct repair_place *
find_place(struct repair *rp, uint64_t blob)
{
	struct repair_place key = { .blob = blob };

	return rp->places_n == 0 ? NULL :
	    bsearch(&key, rp->places, rp->places_n, sizeof key, by_blob);
}

/* The next octets that look like the beginning of a frame, from a place on. */
static int
next_magic(int fd, uint64_t *at, char *window)
{
	for (;;) {
		ssize_t n = pread(fd, window, WINDOW_OCTETS, (off_t)*at);
		const char *p;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < FRAME_HEADER_OCTETS)
			return n < 0 ? -errno : 0;
		p = memmem(window, (size_t)n, FRAME_MAGIC_TEXT, 4);
		if (p != NULL) {
			*at += (uint64_t)(p - window);
			return 1;
		}
		*at += (uint64_t)n - 3;
	}
}

static int
scan_file(struct repair *rp, int fd, uint32_t segment, char *window)
{
	uint64_t at = SEGMENT_HEADER_OCTETS;
	struct frame f;
	int r = 1;

	while (r == 1) {
		struct repair_place *p;

		r = segment_frame_head(fd, at, &f);
		if (r == ERR_CORRUPT || r == ERR_VERSION) {
			at++;
			r = next_magic(fd, &at, window);
			continue;
		}
		if (r != OK)
			return r;
		p = find_place(rp, frame_blob(f.segment, f.lsn));
		if (p != NULL)
			*p = (struct repair_place){ p->blob, at,
				frame_head_octets(f.chunks) + f.stored_octets, segment,
				(uint32_t)frame_head_octets(f.chunks), f.size_octets, true };
		at += frame_head_octets(f.chunks) + f.stored_octets;
		r = 1;
	}
	return r;
}

static int
scan_dir(struct repair *rp, const char *dir, char *window)
{
	struct dirent *e;
	DIR *d = opendir(dir);
	int r = OK;

	if (d == NULL)
		return -errno;
	while (r == OK && (e = readdir(d)) != NULL) {
		char *end;
		unsigned long v = strtoul(e->d_name, &end, 16);
		int fd;

		if (end != e->d_name + 8 || strcmp(end, ".seg") != 0)
			continue;
		fd = openat(dirfd(d), e->d_name, O_RDONLY | O_CLOEXEC);
		r = fd < 0 ? -errno : scan_file(rp, fd, (uint32_t)v, window);
		if (fd >= 0)
			close(fd);
	}
	closedir(d);
	return r;
}

static int
list_lost(struct check *c)
{
	struct repair *rp = c->repair;
	int r = OK;

	rp->places_n = 0;
	for (size_t i = 0; i < c->fixes_n && r == OK; i++) {
		uint64_t blob = c->fixes[i].blob;

		if (c->fixes[i].kind != CHECK_BLOB_LOST || (rp->places_n > 0 &&
		    rp->places[rp->places_n - 1].blob == blob))
			continue;
		r = check_room((void **)&rp->places, rp->places_n, &rp->places_cap,
		    sizeof *rp->places);
		if (r == OK)
			rp->places[rp->places_n++] = (struct repair_place){ .blob = blob };
	}
	if (rp->places_n > 0)
		qsort(rp->places, rp->places_n, sizeof *rp->places, by_blob);
	return r;
}

int
repair_find_bodies(struct check *c)
{
	char dir[PATH_OCTETS], *window;
	int r = list_lost(c);

	if (r != OK || c->repair->places_n == 0)
		return r;
	window = malloc(WINDOW_OCTETS);
	r = window == NULL ? ERR_NOMEM : path_store(c->conf->state_dir, "seg", dir);
	if (r == OK)
		r = scan_dir(c->repair, dir, window);
	free(window);
	return r;
}

int
repair_blob_lost(struct check *c, const struct check_finding *f)
{
	const struct repair_place *p = find_place(c->repair, f->blob);
	struct record_blob b;
	int r = index_blob_get(c->ix, f->blob, &b);

	if (r != ERR_NOENT)	/* for another message that shows it */
		return r;
	if (p == NULL || !p->found)
		return repair_frame(c, f);
	b = (struct record_blob){ .offset = p->offset, .segment = p->segment,
		.head_octets = p->head_octets, .size_octets = p->size_octets, .refs = 0,
		.stored_octets = p->stored_octets };
	return index_blob_put(c->ix, f->blob, &b);	/* references: the next round */
}

/* ---- messages that cannot be read any more ---- */

static void
report_message(struct check *c, const struct check_finding *f, const struct record_box *box,
    const struct store_record *m, struct slice key, struct slice val)
{
	const struct check_account *a = check_account(c, f->account);
	struct control_account row;

	repair_line_begin(c, "message", f->kind == CHECK_BLOB_LOST ? "its body is lost" :
	    f->kind == CHECK_MESSAGE ? "it has no uid" : "its body is damaged");
	repair_line_number(c, "account", f->account);
	if (a != NULL && control_get_account(c->ctl, (struct slice){ (const char *)a->guid, 16 },
	    &c->a, &row) == OK) {
		repair_line_text(c, "user", row.uid);
		repair_line_text(c, "address", row.address);
	}
	repair_line_number(c, "mailbox", f->mailbox);
	if (box != NULL) {
		repair_line_text(c, "name", record_box_name(box));
		repair_line_number(c, "uidvalidity", box->uidvalidity);
	}
	repair_line_number(c, "uid", m->uid);
	repair_line_number(c, "internal-date", (uint64_t)m->internal_date_s);
	repair_line_number(c, "save-date", (uint64_t)m->save_date_s);
	repair_line_number(c, "size", m->size_octets);
	repair_line_hex(c, "email-id", (struct slice){ (const char *)m->email_id, 16 });
	repair_line_number(c, "segment", f->segment);
	repair_line_number(c, "offset", f->offset);
	repair_line_number(c, "body", m->blob);
	repair_line_text(c, "detail", slice_of(f->what));
	repair_line_hex(c, "key", key);
	repair_line_hex(c, "row", val);
	repair_line_end(c);
}

/* The uid vanishes for clients as if it were expunged. Counters follow in the next round. */
static int
vanish(struct check *c, struct record_box *box, uint32_t uid)
{
	struct st_range one = { uid, uid };
	struct box_ranges gone = { .v = &one, .n = 1 };
	int r;

	box->modseq++;
	r = uid == 0 ? OK : box_vanished(c->ix, box, c->repair->now_s, &gone);
	if (r == OK)
		r = index_message_del(c->ix, box->account, box->id, uid);
	return r == OK ? index_box_put(c->ix, box) : r;
}

static int
remove_message(struct check *c, const struct check_finding *f)
{
	struct record_key k = record_key_message(f->account, f->mailbox, f->uid);
	struct record_box *box = &c->ix->box;
	struct store_record m;
	struct slice val;
	int r = env_get(c->ix->t, INDEX_T, record_key_slice(&k), &val);

	if (r == OK)
		r = record_message_get(record_key_slice(&k), val, &m);
	if (r == OK)
		r = m.blob == f->blob || f->kind == CHECK_MESSAGE ? OK : ERR_NOENT;
	if (r == OK)
		r = index_box_get(c->ix, f->account, f->mailbox, box);
	if (r != OK)
		return r;
	report_message(c, f, box, &m, record_key_slice(&k), val);
	return vanish(c, box, f->uid);
}

/* An expunged one: its row is found by what is in it. */
static int
remove_expunged(struct check *c, const struct check_finding *f)
{
	struct record_key prefix = record_key(f->account, RECORD_EXPUNGED);
	struct env_cursor cur;
	struct store_record m;
	int r = env_cursor_open(c->ix->t, INDEX_T, &cur);

	if (r != OK)
		return r;
	r = env_cursor_seek(&cur, record_key_slice(&prefix));
	for (; r == 1 && record_key_under(cur.key, &prefix); r = env_cursor_next(&cur))
		if (record_message_get(cur.key, cur.val, &m) == OK && m.blob == f->blob &&
		    m.uid == f->uid && record_key_read_u32(cur.key, 9) == f->mailbox)
			break;
	if (r == 1 && record_key_under(cur.key, &prefix)) {
		report_message(c, f, NULL, &m, cur.key, cur.val);
		r = env_cursor_del(c->ix->t, &cur);
	} else if (r >= 0)
		r = ERR_NOENT;
	env_cursor_close(&cur);
	return r;
}

int
repair_frame(struct check *c, const struct check_finding *f)
{
	if (f->of_header)
		return ERR_NOENT;
	return strstr(f->what, "expunged") != NULL ? remove_expunged(c, f) : remove_message(c, f);
}

/* ---- the header of a segment ---- */

static bool
one_bit(char head[SEGMENT_HEADER_OCTETS], uint32_t segment)
{
	uint8_t epoch[32];

	for (size_t bit = 0; bit < 8 * SEGMENT_HEADER_OCTETS; bit++) {
		head[bit / 8] = (char)(head[bit / 8] ^ 1 << bit % 8);
		if (frame_get_segment((struct slice){ head, SEGMENT_HEADER_OCTETS }, segment,
		    epoch) == OK)
			return true;
		head[bit / 8] = (char)(head[bit / 8] ^ 1 << bit % 8);
	}
	return false;
}

int
repair_segment_header(struct check *c, const struct check_finding *f)
{
	char dir[PATH_OCTETS], path[SEGMENT_PATH_OCTETS], head[SEGMENT_HEADER_OCTETS];
	struct record_segment row;
	int fd, r = path_store(c->conf->state_dir, "seg", dir);

	if (r == OK)
		r = segment_name(dir, f->segment, path);
	if (r != OK)
		return r;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? ERR_NOENT : -errno;
	r = segment_read(fd, 0, head, sizeof head);
	if (r == OK && !one_bit(head, f->segment)) {
		r = index_segment_get(c->ix, f->segment, &row);
		if (r == OK)
			frame_put_segment(f->segment, row.epoch_public, head);
	}
	if (r == OK && (pwrite(fd, head, sizeof head, 0) != (ssize_t)sizeof head ||
	    fsync(fd) != 0))
		r = errno > 0 ? -errno : ERR_IO;
	close(fd);
	return r;
}
