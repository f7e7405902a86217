/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/* Frames are copied from one segment to another as they are: nothing is opened, all is checked. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/control.h"
#include "common/file.h"
#include "mailstore/crc.h"
#include "mailstore/segment.h"

enum { PIECE_OCTETS = 1 << 18 };

int
segment_target_new(const char *dir, uint32_t number, uint8_t public_out[32], int *fd_out)
{
	char path[SEGMENT_PATH_OCTETS], head[SEGMENT_HEADER_OCTETS];
	uint8_t secret[32];
	int dir_fd, fd, r = segment_name(dir, number, path);

	if (r != OK)
		return r;
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return -errno;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	r = fd < 0 ? -errno : OK;
	crypt_pair(public_out, secret);		/* nothing is ever sealed in this epoch */
	crypt_wipe(secret, sizeof secret);
	frame_put_target(number, public_out, head);
	if (r == OK)
		r = file_write_at(fd, (struct slice){ head, sizeof head }, 0);
	if (r == OK && (fdatasync(fd) != 0 || fsync(dir_fd) != 0))
		r = -errno;
	close(dir_fd);
	if (r != OK && fd >= 0) {
		unlink(path);
		close(fd);
	}
	*fd_out = r == OK ? fd : -1;
	return r;
}

/* ---- one frame ---- */

/* Header and table, checked, to *head (to be freed). */
static int
read_head(int fd, const struct segment_moving *m, struct frame *f, char **head)
{
	char fixed[FRAME_HEADER_OCTETS];
	uint32_t *table;
	size_t n;
	int r = segment_read(fd, m->from, fixed, sizeof fixed);

	if (r == OK)
		r = frame_get_header((struct slice){ fixed, sizeof fixed }, f);
	if (r == OK && (frame_blob(f->segment, f->lsn) != m->blob ||
	    f->size_octets != m->size_octets))
		r = ERR_CORRUPT;
	if (r != OK)
		return r == ERR_VERSION ? r : ERR_CORRUPT;
	n = frame_head_octets(f->chunks);
	*head = malloc(n);
	table = calloc(f->chunks, sizeof *table);
	r = *head == NULL || table == NULL ? ERR_NOMEM : OK;
	if (r == OK && (segment_read(fd, m->from, *head, n) != OK ||
	    frame_get_table((struct slice){ *head, n }, f, table) != OK))
		r = ERR_CORRUPT;
	free(table);
	return r;
}

static int
copy_chunks(int from_fd, uint64_t from, int to_fd, uint64_t to, const struct frame *f, char *piece)
{
	uint64_t left = f->stored_octets;
	uint32_t crc = 0;

	while (left > 0) {
		size_t n = left < PIECE_OCTETS ? (size_t)left : PIECE_OCTETS;
		int r;

		if (segment_read(from_fd, from, piece, n) != OK)
			return ERR_CORRUPT;
		crc = crc32c(crc, (struct slice){ piece, n });
		r = file_write_at(to_fd, (struct slice){ piece, n }, to);
		if (r != OK)
			return r;
		from += n;
		to += n;
		left -= n;
	}
	return crc == f->body_crc || control_off("gc-checksum") ? OK : ERR_CORRUPT;
}

/* ERR_CORRUPT: it is damaged where it is; what was written of it will be written over. */
static int
move_frame(int from_fd, int to_fd, uint64_t end, struct segment_moving *m, char *piece)
{
	struct frame f;
	char *head = NULL;
	size_t n;
	int r = read_head(from_fd, m, &f, &head);

	if (r == OK) {
		n = frame_head_octets(f.chunks);
		m->to = end;
		m->head_octets = (uint32_t)n;
		m->octets = n + f.stored_octets;
		r = file_write_at(to_fd, (struct slice){ head, n }, end);
		if (r == OK)
			r = copy_chunks(from_fd, m->from + n, to_fd, end + n, &f, piece);
	}
	free(head);
	return r;
}

int
segment_move(int from_fd, int to_fd, uint64_t *end, struct segment_moving *m, size_t n)
{
	char *piece = malloc(PIECE_OCTETS);
	int r = piece == NULL ? ERR_NOMEM : OK;

	for (size_t i = 0; i < n && r == OK; i++) {
		m[i].status = move_frame(from_fd, to_fd, *end, &m[i], piece);
		if (m[i].status == OK)
			*end += m[i].octets;
		else if (m[i].status != ERR_CORRUPT && m[i].status != ERR_VERSION)
			r = m[i].status;
	}
	free(piece);
	if (r == OK && ftruncate(to_fd, (off_t)*end) != 0)
		r = -errno;
	if (r == OK && !control_off("gc-sync") && fdatasync(to_fd) != 0)
		r = -errno;
	return r;
}
