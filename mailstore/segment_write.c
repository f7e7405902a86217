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
#include "mailstore/crc.h"

enum {
	EPOCH_MS = 3600 * 1000,
	STAGE_OCTETS = 1 << 20,
	COMPRESS_FROM_OCTETS = 4096,
	SCAN_OCTETS = 1 << 16,
};

struct segment_writer {
	char		  dir[SEGMENT_PATH_OCTETS];
	int		  dir_fd, fd;
	uint32_t	  number, lsn;
	uint32_t	  last;			/* number that was given to any segment */
	uint64_t	  end, max_octets, born_ms, syncs;
	bool		  dirty;
	uint8_t		 *epoch_secret;		/* guarded memory */
	struct crypt_zip *zip;
	struct buf	  stage;
	uint32_t	 *table;
	size_t		  table_cap;
};

static int
write_at(int fd, const char *p, size_t n, uint64_t at)
{
	while (n > 0) {
		ssize_t r = pwrite(fd, p, n, (off_t)at);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r < 0 ? -errno : ERR_IO;
		p += r;
		n -= (size_t)r;
		at += (uint64_t)r;
	}
	return OK;
}

/* ---- a frame ---- */

/* The frame being made: what of it is still in the stage, and where that goes. */
struct making {
	struct segment_writer *w;
	struct frame	       f;
	const uint8_t	      *key;
	bool		       compress;
	size_t		       head_octets;
	uint64_t	       at;	/* file offset of the stage's first octet */
};

static int
flush_stage(struct making *m)
{
	struct buf *b = &m->w->stage;
	int r = write_at(m->w->fd, b->p, b->n, m->at);

	m->at += b->n;
	buf_clear(b);
	return r;
}

static int
add_chunk(struct making *m, uint32_t i, struct slice plain)
{
	struct buf *b = &m->w->stage;
	char packed[CRYPT_CHUNK_OCTETS];
	struct crypt_place place;
	size_t n = 0, sealed;
	char *dst;

	if (m->compress && plain.n > 0 && plain.n <= sizeof packed)
		n = crypt_zip(m->w->zip, plain, packed);
	place = frame_place(&m->f, i, n > 0);
	if (n > 0)
		plain = (struct slice){ packed, n };
	sealed = plain.n + CRYPT_TAG_OCTETS;
	dst = buf_reserve(b, sealed);
	if (dst == NULL)
		return b->err;
	crypt_seal(m->key, &place, plain, dst);
	buf_added(b, sealed);
	m->f.body_crc = crc32c(m->f.body_crc, (struct slice){ dst, sealed });
	m->f.stored_octets += sealed;
	m->w->table[i] = (uint32_t)sealed | (n > 0 ? FRAME_COMPRESSED : 0);
	return b->n >= STAGE_OCTETS ? flush_stage(m) : OK;
}

static int
add_chunks(struct making *m, struct slice summary, struct slice message)
{
	int r = add_chunk(m, 0, summary);

	for (uint32_t i = 1; i < m->f.chunks && r == OK; i++)
		r = add_chunk(m, i, slice_sub(message, (size_t)(i - 1) * CRYPT_CHUNK_OCTETS,
		    CRYPT_CHUNK_OCTETS));
	return r;
}

/* The header comes last, in one write with everything if the stage never had to be flushed. */
static int
finish(struct making *m)
{
	struct segment_writer *w = m->w;
	char *head;
	int r;

	if (m->at == w->end) {
		frame_put(&m->f, w->table, w->stage.p);
		return flush_stage(m);
	}
	r = flush_stage(m);
	head = buf_reserve(&w->stage, m->head_octets);
	if (r == OK && head == NULL)
		r = w->stage.err;
	if (r != OK)
		return r;
	frame_put(&m->f, w->table, head);
	return write_at(w->fd, head, m->head_octets, w->end);
}

static int
table_room(struct segment_writer *w, uint32_t chunks)
{
	uint32_t *t;

	if (chunks <= w->table_cap)
		return OK;
	t = realloc(w->table, chunks * sizeof *t);
	if (t == NULL)
		return ERR_NOMEM;
	w->table = t;
	w->table_cap = chunks;
	return OK;
}

static int
make_frame(struct making *m, struct slice summary, struct slice message)
{
	struct segment_writer *w = m->w;
	char *head;
	int r;

	buf_clear(&w->stage);
	r = table_room(w, m->f.chunks);
	if (r != OK)
		return r;
	head = buf_reserve(&w->stage, m->head_octets);
	if (head == NULL)
		return w->stage.err;
	memset(head, 0, m->head_octets);
	buf_added(&w->stage, m->head_octets);
	r = add_chunks(m, summary, message);
	return r == OK ? finish(m) : r;
}

/* ---- files ---- */

/* End the segment: everything in it becomes durable and its epoch's secret is gone. */
static int
end_segment(struct segment_writer *w)
{
	int r = OK;

	if (w->fd < 0)
		return OK;
	r = segment_sync(w);
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
	r = write_at(fd, head, sizeof head, 0);
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
	w->end = sizeof head;
	w->born_ms = clock_ms();
	w->syncs += 2;
	return OK;
}

static int
roll(struct segment_writer *w)
{
	int r = OK;

	if (w->fd >= 0 && w->end < w->max_octets && clock_ms() - w->born_ms < EPOCH_MS)
		return OK;
	r = end_segment(w);
	return r == OK ? begin_segment(w) : r;
}

int
segment_append(struct segment_writer *w, const uint8_t key[32], bool compress,
    struct slice summary, struct slice message, struct segment_place *out)
{
	struct making m = { .w = w, .key = key,
		.compress = compress && message.n >= COMPRESS_FROM_OCTETS };
	int r;

	if (message.n > FRAME_SIZE_MAX || summary.n > FRAME_SUMMARY_MAX)
		return ERR_LIMIT;
	r = roll(w);
	if (r != OK)
		return r;
	/* A number is never given twice, even when the frame fails: see crypt.c, wrap_nonce. */
	m.f = (struct frame){ .segment = w->number, .lsn = ++w->lsn,
		.size_octets = (uint32_t)message.n, .summary_octets = (uint32_t)summary.n,
		.chunks = frame_chunks((uint32_t)message.n) };
	m.head_octets = frame_head_octets(m.f.chunks);
	m.at = w->end;
	r = make_frame(&m, summary, message);
	if (r != OK) {
		if (ftruncate(w->fd, (off_t)w->end) != 0)	/* then let it end here */
			w->born_ms = clock_ms() - EPOCH_MS;
		return r;
	}
	*out = (struct segment_place){ frame_blob(w->number, m.f.lsn), w->end, w->number,
		(uint32_t)m.head_octets, m.f.size_octets,
		m.head_octets + m.f.stored_octets };
	w->end += m.head_octets + m.f.stored_octets;
	w->dirty = true;
	return OK;
}

int
segment_sync(struct segment_writer *w)
{
	if (!w->dirty || w->fd < 0)
		return OK;
	w->dirty = false;
	w->syncs++;
	if (fdatasync(w->fd) == 0)
		return OK;
	/* What of it reached the disk is unknown, and a second sync would not tell: never append
	 * here again. */
	w->born_ms = clock_ms() - EPOCH_MS;
	return -errno;
}

bool
segment_expire(struct segment_writer *w)
{
	if (w->fd < 0 || clock_ms() - w->born_ms < EPOCH_MS)
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
	char header[FRAME_HEADER_OCTETS], *head = NULL;
	uint32_t *table = NULL, crc;
	size_t n;
	int r = segment_read(fd, at, header, sizeof header);

	if (r == OK)
		r = frame_get_header((struct slice){ header, sizeof header }, f);
	if (r != OK)
		return r;
	n = frame_head_octets(f->chunks);
	head = malloc(n);
	table = calloc(f->chunks, sizeof *table);
	r = head == NULL || table == NULL ? ERR_NOMEM : segment_read(fd, at, head, n);
	if (r == OK)
		r = frame_get_table((struct slice){ head, n }, f, table);
	if (r == OK)
		r = crc_of_file(fd, at + n, f->stored_octets, &crc);
	if (r == OK && crc != f->body_crc)
		r = ERR_CORRUPT;
	free(head);
	free(table);
	return r;
}

int
segment_scan(int fd, uint32_t segment, uint64_t *good_out, uint32_t *frames_out)
{
	char head[SEGMENT_HEADER_OCTETS];
	uint8_t public[32];
	uint32_t lsn = 0;
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
		if (f.segment != segment || f.lsn <= lsn)
			break;
		lsn = f.lsn;
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
	buf_init(&w->stage, STAGE_OCTETS + FRAME_SUMMARY_MAX + (1 << 20));
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
	free(s->table);
	free(s);
	*w = NULL;
}
