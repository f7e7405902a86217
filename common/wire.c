/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/wire.h"

#include <string.h>

static const void *
at(const void *base, size_t offset)
{
	return (const char *)base + offset;
}

static int
encode_int(const struct wire_field *f, const void *p, struct buf *out)
{
	uint64_t v;

	switch (f->kind) {
	case WIRE_U8:
		v = *(const uint8_t *)p;
		buf_add_u8(out, (uint8_t)v);
		break;
	case WIRE_U16:
		v = *(const uint16_t *)p;
		buf_add_u16(out, (uint16_t)v);
		break;
	case WIRE_U32:
		v = *(const uint32_t *)p;
		buf_add_u32(out, (uint32_t)v);
		break;
	default:
		v = *(const uint64_t *)p;
		buf_add_u64(out, v);
		break;
	}
	return f->max != 0 && v > f->max ? ERR_LIMIT : OK;
}

static int
encode_str(const struct wire_field *f, const struct slice *s, struct buf *out)
{
	if (s->n > f->max)
		return ERR_LIMIT;
	buf_add_u32(out, (uint32_t)s->n);
	buf_add(out, *s);
	return OK;
}

static int
encode_list(const struct wire_field *f, const void *msg, struct buf *out)
{
	const char *items = *(char *const *)at(msg, f->offset);
	size_t n = *(const size_t *)at(msg, f->offset_count);

	if (n > f->max)
		return ERR_LIMIT;
	buf_add_u32(out, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		int r = wire_encode(f->item, items + i * f->item->size, out);

		if (r != OK)
			return r;
	}
	return out->err;
}

int
wire_encode(const struct wire_type *type, const void *msg, struct buf *out)
{
	for (size_t i = 0; i < type->fields_n; i++) {
		const struct wire_field *f = &type->fields[i];
		int r;

		if (f->kind == WIRE_LIST)
			r = encode_list(f, msg, out);
		else if (f->kind == WIRE_STR)
			r = encode_str(f, at(msg, f->offset), out);
		else
			r = encode_int(f, at(msg, f->offset), out);
		if (r != OK)
			return r;
	}
	return out->err;
}

static int decode(const struct wire_type *type, struct rd *in, struct arena *arena, void *out);

static int
decode_int(const struct wire_field *f, struct rd *in, void *p)
{
	uint64_t v;

	switch (f->kind) {
	case WIRE_U8:
		v = *(uint8_t *)p = rd_u8(in);
		break;
	case WIRE_U16:
		v = *(uint16_t *)p = rd_u16(in);
		break;
	case WIRE_U32:
		v = *(uint32_t *)p = rd_u32(in);
		break;
	default:
		v = *(uint64_t *)p = rd_u64(in);
		break;
	}
	return f->max != 0 && v > f->max ? ERR_LIMIT : OK;
}

static int
decode_str(const struct wire_field *f, struct rd *in, struct slice *s)
{
	uint32_t n = rd_u32(in);

	if (n > f->max)
		return ERR_LIMIT;
	*s = rd_bytes(in, n);
	return OK;
}

static int
decode_list(const struct wire_field *f, struct rd *in, struct arena *arena, void *msg)
{
	uint32_t n = rd_u32(in);
	char *items;

	if (in->err != OK)
		return in->err;
	/* Every item takes at least one octet: a short frame cannot ask for much memory. */
	if (n > f->max)
		return ERR_LIMIT;
	if (n > in->s.n)
		return ERR_FRAME;
	items = arena_array(arena, n, f->item->size);
	if (items == NULL)
		return arena->err;
	memcpy((char *)msg + f->offset, &items, sizeof items);
	memcpy((char *)msg + f->offset_count, &(size_t){ n }, sizeof(size_t));
	for (uint32_t i = 0; i < n; i++) {
		int r = decode(f->item, in, arena, items + i * f->item->size);

		if (r != OK)
			return r;
	}
	return OK;
}

static int
decode(const struct wire_type *type, struct rd *in, struct arena *arena, void *out)
{
	for (size_t i = 0; i < type->fields_n; i++) {
		const struct wire_field *f = &type->fields[i];
		char *p = (char *)out + f->offset;
		int r;

		if (f->kind == WIRE_LIST)
			r = decode_list(f, in, arena, out);
		else if (f->kind == WIRE_STR)
			r = decode_str(f, in, (struct slice *)(void *)p);
		else
			r = decode_int(f, in, p);
		if (r == OK)
			r = in->err;
		if (r != OK)
			return r;
	}
	return OK;
}

int
wire_decode(const struct wire_type *type, struct slice in, struct arena *arena, void *msg_out)
{
	struct rd r;
	int e;

	memset(msg_out, 0, type->size);
	rd_init(&r, in);
	e = decode(type, &r, arena, msg_out);
	if (e == OK && r.s.n > 0)
		e = ERR_FRAME;
	return e;
}
