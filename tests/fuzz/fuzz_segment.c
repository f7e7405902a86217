/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * A segment as a damaged disk gives it: the octets as they are, and behind a right header of the segment
 * and of a frame whose checksums are made right, so that what lies behind them is reached. The scan ends,
 * within the file, and what it takes for whole has right checksums up to its end.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mailstore/crc.h"
#include "mailstore/segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEGMENT = 7, BODY_MAX = 4096 };

static void
scan(const char *p, size_t n)
{
	uint64_t good, again;
	uint32_t frames, frames_again;
	int fd = memfd_create("segment", MFD_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, p, n) == (ssize_t)n && segment_scan(fd, SEGMENT, &good, &frames) == OK) {
		if (good > n || good < SEGMENT_HEADER_OCTETS)
			abort();
		if (ftruncate(fd, (off_t)good) != 0 ||
		    segment_scan(fd, SEGMENT, &again, &frames_again) != OK || again != good ||
		    frames_again != frames)
			abort();
	}
	close(fd);
}

/* The input as the one sealed chunk of an empty message's frame, and once more what is left. */
static void
scan_framed(const char *p, size_t n)
{
	static char mem[SEGMENT_HEADER_OCTETS + 64 * 1024];
	static const uint8_t public[32] = { 9 };
	size_t body = n < BODY_MAX ? n : BODY_MAX, head, left;
	struct frame f = { .segment = SEGMENT, .lsn = 1, .chunks = frame_chunks(0) };
	uint32_t table[4] = { 0 };

	if (body < CRYPT_TAG_OCTETS || f.chunks != 1)
		return;
	f.summary_octets = (uint32_t)(body - CRYPT_TAG_OCTETS);
	f.stored_octets = body;
	f.body_crc = crc32c(0, (struct slice){ p, body });
	table[0] = (uint32_t)body;
	head = frame_head_octets(f.chunks);
	left = n - body < 32 * 1024 ? n - body : 32 * 1024;
	frame_put_segment(SEGMENT, public, mem);
	frame_put(&f, table, mem + SEGMENT_HEADER_OCTETS);
	memcpy(mem + SEGMENT_HEADER_OCTETS + head, p, body);
	memcpy(mem + SEGMENT_HEADER_OCTETS + head + body, p + body, left);
	scan(mem, SEGMENT_HEADER_OCTETS + head + body + left);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	scan((const char *)data, size);
	scan_framed((const char *)data, size);
	return 0;
}
