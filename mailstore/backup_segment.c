/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mailstore/backup_internal.h"
#include "mailstore/segment.h"

/* One segment being copied. */
struct source {
	struct backup_copy *c;
	char	 path[SEGMENT_PATH_OCTETS];
	int	 fd;
	uint32_t segment;
	uint8_t	 epoch_public[32];
	uint64_t end;		/* of the last frame that is referred to */
};

static void
damaged(struct source *s, const char *what, uint64_t at)
{
	s->c->job->damaged++;
	buf_addf(s->c->b->why, "%s: %s at octet %llu\n", s->path, what, (unsigned long long)at);
}

/* How far it is referred to; what the last frame says of itself tells. Behind it there may be one
 * that is being written. */
static int
find_end(struct source *s, uint64_t offset)
{
	char head[FRAME_HEADER_OCTETS];
	struct frame f;
	struct stat st;
	int r = fstat(s->fd, &st) != 0 ? -errno : OK;

	if (r != OK)
		return r;
	r = segment_read(s->fd, offset, head, sizeof head);
	if (r == OK)
		r = frame_get_header((struct slice){ head, sizeof head }, &f);
	s->end = r != OK ? (uint64_t)st.st_size :
	    offset + frame_head_octets(f.chunks) + f.stored_octets;
	if (r != OK)
		damaged(s, "damaged frame", offset);
	if (s->end > (uint64_t)st.st_size) {
		s->end = (uint64_t)st.st_size;
		damaged(s, "frame cut off", offset);
	}
	return OK;
}

static int
open_source(struct source *s)
{
	char head[SEGMENT_HEADER_OCTETS];
	int r = segment_name(s->c->seg_dir, s->segment, s->path);

	if (r != OK)
		return r;
	s->fd = open(s->path, O_RDONLY | O_CLOEXEC);
	if (s->fd < 0)
		return -errno;
	r = segment_read(s->fd, 0, head, sizeof head);
	if (r == OK)
		r = frame_get_segment((struct slice){ head, sizeof head }, s->segment,
		    s->epoch_public);
	if (r != OK) {
		memset(s->epoch_public, 0, sizeof s->epoch_public);
		damaged(s, "damaged header", 0);
	}
	return OK;
}

/* ---- parts ---- */

/* Is the part in the pool already? 1, 0, or an error. Whether its octets are still right is for
 * backup_prove to say. */
static int
have_part(struct source *s, struct backup_part *p)
{
	char name[BACKUP_NAME_OCTETS], head[BACKUP_PART_HEAD];
	struct backup_part found;
	struct stat st;
	int fd, r;

	backup_part_name(p, name);
	fd = openat(s->c->b->seg, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : backup_say(s->c->b, name, -errno);
	r = fstat(fd, &st) != 0 ? -errno : segment_read(fd, 0, head, sizeof head);
	close(fd);
	if (r == OK)
		r = backup_part_get((struct slice){ head, sizeof head }, &found);
	if (r == OK && (found.segment != p->segment || found.offset != p->offset ||
	    memcmp(found.epoch_public, p->epoch_public, 32) != 0 ||
	    (uint64_t)st.st_size != BACKUP_PART_HEAD + found.octets))
		r = ERR_CORRUPT;
	if (r == OK) {
		*p = found;
		return 1;
	}
	s->c->job->damaged++;
	(void)backup_say(s->c->b, name, r);
	return 0;	/* it is written anew */
}

/* A sector that cannot be read takes no more with it than a piece. */
static int
read_piece(struct source *s, uint64_t at, char *mem, size_t n)
{
	int r = segment_read(s->fd, at, mem, n);

	if (r != ERR_IO)
		return r;
	damaged(s, "cannot be read", at);
	memset(mem, 0, n);
	return OK;
}

static int
copy_octets(struct source *s, const struct backup_part *p, struct backup_out *o)
{
	struct backup_job *job = s->c->job;
	enum { PIECE = 65536 };
	char *mem = malloc(PIECE);
	int r = mem == NULL ? ERR_NOMEM : OK;

	while (r == OK && o->octets < p->octets) {
		uint64_t left = p->octets - o->octets;
		size_t n = left < PIECE ? (size_t)left : PIECE;

		r = job->hold(job->arg);
		if (r == OK)
			r = read_piece(s, p->offset + o->octets, mem, n);
		if (r == OK)
			r = backup_out_write(o, (struct slice){ mem, n });
	}
	free(mem);
	return r;
}

static int
make_part(struct source *s, struct backup_part *p)
{
	char name[BACKUP_NAME_OCTETS], head[BACKUP_PART_HEAD];
	struct backup_out o;
	int r;

	backup_part_name(p, name);
	p->octets = s->end - p->offset;
	r = backup_out_open(s->c->b->seg, name, sizeof head, &o);
	if (r == OK)
		r = copy_octets(s, p, &o);
	if (r == OK) {
		backup_out_sum(&o, p->sum);
		backup_part_put(p, head);
		r = backup_out_head(&o, (struct slice){ head, sizeof head });
	}
	if (r == OK)
		r = backup_out_done(&o);
	backup_out_drop(&o);
	if (r != OK)
		return backup_say(s->c->b, name, r);
	s->c->job->new_parts++;
	s->c->job->new_octets += p->octets;
	return OK;
}

static int
copy_parts(struct source *s)
{
	uint64_t at = 0;
	int r = OK;

	while (r == OK && at < s->end) {
		struct backup_part p = { .segment = s->segment, .offset = at };

		memcpy(p.epoch_public, s->epoch_public, sizeof p.epoch_public);
		r = have_part(s, &p);
		if (r >= 0)
			r = r == 1 ? OK : make_part(s, &p);
		if (r == OK)
			r = backup_manifest_part(s->c->m, &p);
		at += p.octets;
	}
	s->c->job->octets += at;
	return r;
}

int
backup_copy_segment(struct backup_copy *c, const struct backup_reach *reach)
{
	struct source s = { .c = c, .fd = -1, .segment = reach->segment };
	int r = open_source(&s);

	if (r == ERR_NOENT) {
		damaged(&s, "is missing, and needed up to the frame", reach->offset);
		return OK;
	}
	if (r == OK)
		r = find_end(&s, reach->offset);
	if (r == OK)
		r = copy_parts(&s);
	else
		buf_addf(c->b->why, "%s: %s\n", s.path, err_text(r));
	if (s.fd >= 0)
		close(s.fd);
	c->job->segments++;
	return r;
}
