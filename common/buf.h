/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/buf.h: a growing octet buffer with a ceiling and a sticky error.
 *
 * Shape   append as straight-line code, look at b->err once at the end.
 * Bounds  never holds more than `max` octets; past it b->err becomes ERR_LIMIT, and every later
 *         append does nothing. Out of memory is ERR_NOMEM in the same way. It never aborts.
 */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include <stdarg.h>

#include "common/slice.h"

struct buf {
	char	*p;	/* owned; NULL while empty */
	size_t	 n;	/* octets held */
	size_t	 cap;
	size_t	 max;
	int	 err;	/* OK, ERR_LIMIT or ERR_NOMEM */
};

/* Ready an empty buffer that may grow to max octets. */
void buf_init(struct buf *b, size_t max);

/* Free the memory; the buffer is empty and usable again with the same max. */
void buf_fini(struct buf *b);

/* Forget the content and the error, keep the memory. */
void buf_clear(struct buf *b);
/* As buf_clear, and nothing of what was in it stays in its memory. */
void buf_wipe(struct buf *b);

/* Drop the first n octets (n <= b->n). */
void buf_consume(struct buf *b, size_t n);

/* Room for n more octets at the end: a pointer to it, or NULL with b->err set. buf_added()
 * then says how many were written there. */
char *buf_reserve(struct buf *b, size_t n) MUST_USE;
void buf_added(struct buf *b, size_t n);

void buf_add(struct buf *b, struct slice s);
void buf_addc(struct buf *b, char c);
void buf_adds(struct buf *b, const char *cstr);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vaddf(struct buf *b, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);

/* Fixed-width little-endian integers, for records and frames. */
void buf_add_u8(struct buf *b, uint8_t v);
void buf_add_u16(struct buf *b, uint16_t v);
void buf_add_u32(struct buf *b, uint32_t v);
void buf_add_u64(struct buf *b, uint64_t v);

/* The content, valid until the next change. */
struct slice buf_slice(const struct buf *b);

/* Content as a C string owned by the buffer (a NUL is put behind it), or NULL with b->err. */
const char *buf_cstr(struct buf *b);

/*
 * A reader of fixed-width fields with the same sticky error: past the end every read gives 0
 * and r->err is ERR_FRAME.
 */
struct rd {
	struct slice s;		/* what is left */
	int	     err;
};

void rd_init(struct rd *r, struct slice s);
uint8_t rd_u8(struct rd *r);
uint16_t rd_u16(struct rd *r);
uint32_t rd_u32(struct rd *r);
uint64_t rd_u64(struct rd *r);
struct slice rd_bytes(struct rd *r, size_t n);

#endif
