/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void
buf_fini(struct buf *b)
{
	free(b->p);
	buf_init(b, b->max);
}

void
buf_clear(struct buf *b)
{
	b->n = 0;
	b->err = OK;
}

void
buf_wipe(struct buf *b)
{
	if (b->n > 0)
		explicit_bzero(b->p, b->n);
	buf_clear(b);
}

void
buf_consume(struct buf *b, size_t n)
{
	assert(n <= b->n);
	if (n > 0 && n < b->n)
		memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
}

/* Make cap at least `need`, at least doubling so that appends stay linear. */
static bool
grow(struct buf *b, size_t need)
{
	size_t cap = b->cap < 64 ? 64 : b->cap;
	char *p;

	while (cap < need)
		cap *= 2;
	p = realloc(b->p, cap);
	if (p == NULL) {
		b->err = ERR_NOMEM;
		return false;
	}
	b->p = p;
	b->cap = cap;
	return true;
}

char *
buf_reserve(struct buf *b, size_t n)
{
	if (b->err != OK)
		return NULL;
	if (n > b->max - b->n) {
		b->err = ERR_LIMIT;
		return NULL;
	}
	if ((b->p == NULL || b->n + n > b->cap) && !grow(b, b->n + n))
		return NULL;
	return b->p + b->n;
}

void
buf_added(struct buf *b, size_t n)
{
	assert(b->n + n <= b->cap);
	b->n += n;
}

void
buf_add(struct buf *b, struct slice s)
{
	char *to = buf_reserve(b, s.n);

	if (to == NULL || s.n == 0)
		return;
	memcpy(to, s.p, s.n);
	b->n += s.n;
}

void
buf_addc(struct buf *b, char c)
{
	buf_add(b, (struct slice){ &c, 1 });
}

void
buf_adds(struct buf *b, const char *cstr)
{
	buf_add(b, slice_of(cstr));
}

void
buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	char *to;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0) {
		b->err = ERR_INVAL;
		return;
	}
	/* vsnprintf writes a NUL too: ask for its octet, but do not count it. */
	if (b->err == OK && (size_t)n > b->max - b->n) {
		b->err = ERR_LIMIT;
		return;
	}
	b->max++;
	to = buf_reserve(b, (size_t)n + 1);
	b->max--;
	if (to == NULL)
		return;
	vsnprintf(to, (size_t)n + 1, fmt, ap);
	b->n += (size_t)n;
}

void
buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(b, fmt, ap);
	va_end(ap);
}

static void
add_le(struct buf *b, uint64_t v, size_t octets)
{
	char le[8];

	for (size_t i = 0; i < octets; i++)
		le[i] = (char)(v >> (8 * i));
	buf_add(b, (struct slice){ le, octets });
}

void
buf_add_u8(struct buf *b, uint8_t v)
{
	add_le(b, v, 1);
}

void
buf_add_u16(struct buf *b, uint16_t v)
{
	add_le(b, v, 2);
}

void
buf_add_u32(struct buf *b, uint32_t v)
{
	add_le(b, v, 4);
}

void
buf_add_u64(struct buf *b, uint64_t v)
{
	add_le(b, v, 8);
}

struct slice
buf_slice(const struct buf *b)
{
	return (struct slice){ b->p, b->n };
}

const char *
buf_cstr(struct buf *b)
{
	char *end;

	b->max++;
	end = buf_reserve(b, 1);
	b->max--;
	if (end == NULL)
		return NULL;
	*end = '\0';
	return b->p;
}

void
rd_init(struct rd *r, struct slice s)
{
	*r = (struct rd){ .s = s };
}

struct slice
rd_bytes(struct rd *r, size_t n)
{
	struct slice got;

	if (r->err != OK || n > r->s.n) {
		r->err = ERR_FRAME;
		return (struct slice){ NULL, 0 };
	}
	got = slice_sub(r->s, 0, n);
	r->s = slice_from(r->s, n);
	return got;
}

static uint64_t
rd_le(struct rd *r, size_t octets)
{
	struct slice s = rd_bytes(r, octets);
	uint64_t v = 0;

	for (size_t i = s.n; i > 0; i--)
		v = v << 8 | (unsigned char)s.p[i - 1];
	return v;
}

uint8_t
rd_u8(struct rd *r)
{
	return (uint8_t)rd_le(r, 1);
}

uint16_t
rd_u16(struct rd *r)
{
	return (uint16_t)rd_le(r, 2);
}

uint32_t
rd_u32(struct rd *r)
{
	return (uint32_t)rd_le(r, 4);
}

uint64_t
rd_u64(struct rd *r)
{
	return rd_le(r, 8);
}
