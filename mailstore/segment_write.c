/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/segment.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/control.h"
#include "common/file.h"
#include "mailstore/crc.h"
#include "mailstore/frame_seal.h"

enum {
	EPOCH_MS = 3600 * 1000,
	STAGE_OCTETS = 1 << 20,
	LARGE_OCTETS = 1 << 16,		/* frames that are not worth a copy */
	SCAN_OCTETS = 1 << 16,
};

struct segment_writer {
	char		  dir[SEGMENT_PATH_OCTETS];
	int		  dir_fd, fd;
	uint32_t	  number, lsn;
	uint32_t	  last;			/* number that was given to any segment */
	uint64_t	  end, max_octets, born_ms, syncs;
	unsigned	  reserved;		/* frames that are being made */
	uint64_t	  promised;		/* octets that they may have */
	bool		  dirty, dead;		/* dead: nothing may be appended any more */
	int		  failed;		/* a write since the last sync */
	uint8_t		 *epoch_secret;		/* guarded memory */
	struct crypt_zip *zip;
	struct buf	  stage;		/* the last octets before end, not yet written */
	struct buf	  one;			/* of segment_append */
};

/* ---- files ---- */

/* End the segment: everything in it becomes durable and its epoch's secret is gone. */
static int
end_segment(struct segment_writer *w)
{
	int r = OK;

	if (w->fd < 0)
		return OK;
	/* Those who put frames there have yet to hear of it. */
	r = w->failed = segment_sync(w);
	close(w->fd);
	w->fd = -1;
	crypt_wipe(w->epoch_secret, 32);
	return r;
}

static int
begin_segment(struct segment_writer *w)
{
	char path[SEGMENT_PATH_OCTETS], head[SEGMENT_HEADER_OCTETS];
	uint8_t public[32];
	int fd, r;

	if (w->last == UINT32_MAX)
		return ERR_LIMIT;
	r = segment_name(w->dir, w->last + 1, path);
	if (r != OK)
		return r;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	crypt_pair(public, w->epoch_secret);
	frame_put_segment(w->last + 1, public, head);
	r = file_write_at(fd, (struct slice){ head, sizeof head }, 0);
	if (r == OK && (fdatasync(fd) != 0 || fsync(w->dir_fd) != 0))
		r = -errno;
	if (r != OK) {
		unlink(path);
		close(fd);
		return r;
	}
	w->fd = fd;
	w->number = ++w->last;
	w->lsn = 0;
	w->dead = w->dirty = false;
	w->end = sizeof head;
	w->born_ms = clock_ms();
	w->syncs += 2;
	return OK;
}

/* ---- appending ---- */

static bool
is_due(const struct segment_writer *w)
{
	return w->fd < 0 || w->dead || w->end + w->promised >= w->max_octets ||
	    clock_ms() - w->born_ms >= EPOCH_MS;
}

/* Frames that are being made hold on to their segment: its number is sealed into them. */
static int
roll(struct segment_writer *w, bool patient)
{
	int r = OK;

	if (!is_due(w))
		return OK;
	if (w->reserved > 0)
		return w->dead ? ERR_IO : patient ? ERR_AGAIN : OK;
	r = end_segment(w);
	return r == OK ? begin_segment(w) : r;
}

int
segment_reserve(struct segment_writer *w, size_t size_octets, size_t summary_octets, bool patient,
    struct frame *out)
{
	int r = size_octets > FRAME_SIZE_MAX || summary_octets > FRAME_SUMMARY_MAX ? ERR_LIMIT :
	    roll(w, patient);

	if (r != OK)
		return r;
	/* A number is never given twice, even when the frame fails: see crypt.c, wrap_nonce. */
	*out = (struct frame){ .segment = w->number, .lsn = ++w->lsn,
		.size_octets = (uint32_t)size_octets, .summary_octets = (uint32_t)summary_octets,
		.chunks = frame_chunks((uint32_t)size_octets) };
	w->reserved++;
	w->promised += frame_seal_octets_max(out);
	return OK;
}

int
segment_hold(struct segment_writer *w)
{
	int r = roll(w, true);

	w->reserved += r == OK;
	return r;
}

void
segment_drop(struct segment_writer *w, const struct frame *f)
{
	w->reserved--;
	if (f != NULL)
		w->promised -= frame_seal_octets_max(f);
}

/* Everything up to the end of the last frame that was written stays; the others of this sync are
 * lost, which segment_sync says. */
static int
write_failed(struct segment_writer *w, uint64_t good, int r)
{
	w->end = good;
	w->failed = r;
	buf_clear(&w->stage);
	if (ftruncate(w->fd, (off_t)good) != 0)
		w->dead = true;
	return r;
}

int
segment_flush(struct segment_writer *w)
{
	uint64_t at = w->end - w->stage.n;
	int r = w->failed;

	if (r == OK && w->stage.n > 0)
		r = file_write_at(w->fd, buf_slice(&w->stage), at);
	if (r != OK && w->failed == OK)
		return write_failed(w, at, r);
	buf_clear(&w->stage);
	return r;
}

static int
put(struct segment_writer *w, struct slice octets)
{
	uint64_t at;
	int r = w->dead ? ERR_IO : w->failed;

	if (r == OK && w->stage.n + octets.n > STAGE_OCTETS)
		r = segment_flush(w);
	if (r != OK)
		return r;
	at = w->end;
	if (octets.n < LARGE_OCTETS) {
		buf_add(&w->stage, octets);
		r = w->stage.err;
	} else {
		r = segment_flush(w);
		if (r == OK)
			r = file_write_at(w->fd, octets, at);
		if (r != OK && w->failed == OK)
			return write_failed(w, at, r);
	}
	if (r == OK)
		w->end += octets.n;
	w->dirty = true;
	return r;
}

int
segment_put(struct segment_writer *w, const struct frame *f, struct slice octets,
    struct segment_place *out)
{
	uint64_t at = w->end;
	int r = f->segment != w->number || w->fd < 0 ? ERR_BAD_STATE : put(w, octets);

	segment_drop(w, f);
	if (r == OK)
		*out = (struct segment_place){ frame_blob(f->segment, f->lsn), at, f->segment,
			(uint32_t)frame_head_octets(f->chunks), f->size_octets, octets.n };
	return r;
}

int
segment_append(struct segment_writer *w, const uint8_t key[32], bool compress,
    struct slice summary, struct slice message, struct segment_place *out)
{
	struct frame f;
	int r = segment_reserve(w, message.n, summary.n, false, &f);

	if (r != OK)
		return r;
	r = frame_seal(&f, key, compress, summary, message, w->zip, &w->one);
	if (r == OK)
		r = segment_put(w, &f, buf_slice(&w->one), out);
	else
		segment_drop(w, &f);
	if (w->one.cap > STAGE_OCTETS)
		buf_fini(&w->one);
	return r;
}

int
segment_sync_fd(const struct segment_writer *w)
{
	return w->dirty && w->fd >= 0 && w->failed == OK && !control_off("store-segment-sync") ?
	    w->fd : -1;
}

int
segment_synced(struct segment_writer *w, int r)
{
	int lost = w->failed;

	w->failed = OK;
	if (!w->dirty || w->fd < 0)
		return lost;
	w->dirty = false;
	w->syncs++;
	/* What of it reached the disk is unknown, and a second sync would not tell: never append
	 * here again. */
	if (r != OK)
		w->dead = true;
	return r != OK ? r : lost;
}

int
segment_sync(struct segment_writer *w)
{
	int fd, r = OK;

	if (w->fd >= 0 && segment_flush(w) == OK) {
		fd = segment_sync_fd(w);
		r = fd >= 0 && fdatasync(fd) != 0 ? -errno : OK;
	}
	return segment_synced(w, r);
}

bool
segment_expire(struct segment_writer *w)
{
	if (w->fd < 0 || w->reserved > 0 || clock_ms() - w->born_ms < EPOCH_MS)
		return false;
	return end_segment(w) == OK;
}

bool
segment_is_open(const struct segment_writer *w, uint32_t number)
{
	return w->fd >= 0 && w->number == number;
}

int
segment_writer_number(struct segment_writer *w, uint32_t *number_out)
{
	if (w->last == UINT32_MAX)
		return ERR_LIMIT;
	*number_out = ++w->last;
	return OK;
}

uint32_t
segment_number(const struct segment_writer *w)
{
	return w->number;
}

const uint8_t *
segment_epoch_secret(const struct segment_writer *w)
{
	return w->epoch_secret;
}

uint64_t
segment_syncs(const struct segment_writer *w)
{
	return w->syncs;
}

/* ---- start ---- */

static int
crc_of_file(int fd, uint64_t at, uint64_t n, uint32_t *crc_out)
{
	char mem[SCAN_OCTETS];

	*crc_out = 0;
	while (n > 0) {
		size_t part = n < sizeof mem ? (size_t)n : sizeof mem;
		int r = segment_read(fd, at, mem, part);

		if (r != OK)
			return r;
		*crc_out = crc32c(*crc_out, (struct slice){ mem, part });
		at += part;
		n -= part;
	}
	return OK;
}

static int
check_frame(int fd, uint64_t at, struct frame *f)
{
	uint32_t crc;
	int r = segment_frame_head(fd, at, f);

	if (r == OK)
		r = crc_of_file(fd, at + frame_head_octets(f->chunks), f->stored_octets, &crc);
	return r == OK && crc != f->body_crc ? ERR_CORRUPT : r;
}

int
segment_scan(int fd, uint32_t segment, uint64_t *good_out, uint32_t *frames_out)
{
	char head[SEGMENT_HEADER_OCTETS];
	uint8_t public[32];
	struct frame f;
	int r = segment_read(fd, 0, head, sizeof head);

	*good_out = 0;
	*frames_out = 0;
	if (r == OK)
		r = frame_get_segment((struct slice){ head, sizeof head }, segment, public);
	if (r != OK)
		return r;
	*good_out = sizeof head;
	while ((r = check_frame(fd, *good_out, &f)) == OK) {
		if (f.segment != segment)
			break;
		++*frames_out;
		*good_out += frame_head_octets(f.chunks) + f.stored_octets;
	}
	return r == ERR_CORRUPT || r == OK ? OK : r;
}

static int
newest_segment(const char *dir, uint32_t *number_out)
{
	struct dirent *e;
	DIR *d = opendir(dir);

	*number_out = 0;
	if (d == NULL)
		return -errno;
	while ((e = readdir(d)) != NULL) {
		char *end;
		unsigned long v = strtoul(e->d_name, &end, 16);

		if (end == e->d_name + 8 && strcmp(end, ".seg") == 0 && v > *number_out)
			*number_out = (uint32_t)v;
	}
	closedir(d);
	return OK;
}

void
segment_writer_limit(struct segment_writer *w, uint64_t max_octets)
{
	w->max_octets = max_octets;
}

int
segment_writer_open(const char *dir, uint64_t max_octets, uint32_t last_segment,
    struct segment_writer **out)
{
	struct segment_writer *w = calloc(1, sizeof *w);
	uint32_t newest = 0;
	int r = ERR_LIMIT;

	*out = w;
	if (w == NULL)
		return ERR_NOMEM;
	w->fd = w->dir_fd = -1;
	w->max_octets = max_octets;
	buf_init(&w->stage, STAGE_OCTETS);
	buf_init(&w->one, SIZE_MAX);
	if (snprintf(w->dir, sizeof w->dir, "%s", dir) >= (int)sizeof w->dir - 20)
		goto fail;
	r = ERR_NOMEM;
	w->epoch_secret = crypt_secret_new(32);
	if (w->epoch_secret == NULL || crypt_zip_new(&w->zip) != OK)
		goto fail;
	w->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = w->dir_fd < 0 ? -errno : newest_segment(dir, &newest);
	if (r == OK) {
		w->number = w->last = newest > last_segment ? newest : last_segment;
		r = begin_segment(w);
	}
fail:
	if (r != OK)
		segment_writer_close(out);
	return r;
}

void
segment_writer_close(struct segment_writer **w)
{
	struct segment_writer *s = *w;

	if (s == NULL)
		return;
	if (s->fd >= 0)
		(void)end_segment(s);
	if (s->dir_fd >= 0)
		close(s->dir_fd);
	if (s->epoch_secret != NULL)
		crypt_secret_free(s->epoch_secret);
	crypt_zip_free(&s->zip);
	buf_fini(&s->stage);
	buf_fini(&s->one);
	free(s);
	*w = NULL;
}
