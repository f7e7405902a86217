/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "mailstore/segment.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"

int
segment_read(int fd, uint64_t offset, char *dst, size_t n)
{
	return file_read_at(fd, dst, n, offset);
}

int
segment_frame_head(int fd, uint64_t at, struct frame *f)
{
	char header[FRAME_HEADER_OCTETS], *head;
	uint32_t *table;
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
	free(head);
	free(table);
	return r;
}

int
segment_name(const char *dir, uint32_t number, char out[SEGMENT_PATH_OCTETS])
{
	int n = snprintf(out, SEGMENT_PATH_OCTETS, "%s/%08x.seg", dir, number);

	return n > 0 && n < SEGMENT_PATH_OCTETS ? OK : ERR_LIMIT;
}


enum { CACHE_SLOTS = 64, TIDY_MS = 60000 };

struct segment_cache {
	char dir[SEGMENT_PATH_OCTETS];
	struct {
		uint32_t segment;	/* 0: free */
		int	 fd;
		uint8_t	 epoch_public[32];
		uint64_t used;
	} slot[CACHE_SLOTS];
	uint64_t clock, tidied_ms;
};

int
segment_cache_new(const char *dir, struct segment_cache **out)
{
	struct segment_cache *c = calloc(1, sizeof *c);

	*out = c;
	if (c == NULL)
		return ERR_NOMEM;
	if (snprintf(c->dir, sizeof c->dir, "%s", dir) >= (int)sizeof c->dir - 20) {
		segment_cache_free(out);
		return ERR_LIMIT;
	}
	return OK;
}

void
segment_cache_free(struct segment_cache **c)
{
	if (*c == NULL)
		return;
	for (size_t i = 0; i < CACHE_SLOTS; i++)
		if ((*c)->slot[i].segment != 0)
			close((*c)->slot[i].fd);
	free(*c);
	*c = NULL;
}

/* The slot of the segment, or the one to use for it. */
static size_t
cache_slot(const struct segment_cache *c, uint32_t segment)
{
	size_t oldest = 0;

	for (size_t i = 0; i < CACHE_SLOTS; i++) {
		if (c->slot[i].segment == segment)
			return i;
		if (c->slot[i].used < c->slot[oldest].used)
			oldest = i;
	}
	return oldest;
}

void
segment_cache_tidy(struct segment_cache *c)
{
	struct stat st;

	c->tidied_ms = clock_ms();
	for (size_t i = 0; i < CACHE_SLOTS; i++) {
		if (c->slot[i].segment == 0)
			continue;
		if (fstat(c->slot[i].fd, &st) == 0 && st.st_nlink > 0)
			continue;
		close(c->slot[i].fd);
		c->slot[i].segment = 0;
		c->slot[i].used = 0;
	}
}

int
segment_cache_get(struct segment_cache *c, uint32_t segment, int *fd_out,
    const uint8_t **epoch_public_out)
{
	char path[SEGMENT_PATH_OCTETS], head[SEGMENT_HEADER_OCTETS];
	size_t i;
	int fd, r;

	if (clock_ms() - c->tidied_ms >= TIDY_MS)
		segment_cache_tidy(c);
	i = cache_slot(c, segment);
	if (c->slot[i].segment != segment) {
		r = segment_name(c->dir, segment, path);
		if (r != OK)
			return r;
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return errno == ENOENT ? ERR_CORRUPT : -errno;
		if (c->slot[i].segment != 0)
			close(c->slot[i].fd);
		c->slot[i].segment = 0;
		c->slot[i].used = 0;
		r = segment_read(fd, 0, head, sizeof head);
		if (r == OK)
			r = frame_get_segment((struct slice){ head, sizeof head }, segment,
			    c->slot[i].epoch_public);
		if (r != OK) {
			close(fd);
			return r;
		}
		c->slot[i].segment = segment;
		c->slot[i].fd = fd;
	}
	c->slot[i].used = ++c->clock;
	*fd_out = c->slot[i].fd;
	*epoch_public_out = c->slot[i].epoch_public;
	return OK;
}
