/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/wire.h: messages between the programs, driven by one table per service.
 *
 * Shape   a service writes a proto.def: X-macros that list the fields of each message once. From
 *         them come the C struct, the table that encodes and decodes it, its bounds, and who may
 *         send it. Nothing about a message is written twice.
 *
 *             #define DIR_RCPT_FIELDS(F, L, T)		\
 *             	F(T, STR, address, 320)			\
 *             	F(T, U8, zone, 0)			\
 *             	L(T, dir_account, accounts, 1000)
 *             WIRE_STRUCT(dir_rcpt, DIR_RCPT_FIELDS)		(in the header)
 *             WIRE_TYPE(dir_rcpt, DIR_RCPT_FIELDS)		(in one .c)
 *
 * Units   integers little-endian on the wire; strings are u32 length and octets.
 * Bounds  every string and list has its maximum in the table; decoding allocates from the given
 *         arena only what has been checked; nesting is as deep as the tables are.
 */
#ifndef COMMON_WIRE_H
#define COMMON_WIRE_H

#include "common/arena.h"
#include "common/buf.h"

enum wire_kind { WIRE_U8, WIRE_U16, WIRE_U32, WIRE_U64, WIRE_STR, WIRE_LIST };

struct wire_type;

struct wire_field {
	enum wire_kind		kind;
	const char	       *name;
	uint32_t		max;	/* STR: octets; LIST: items; integers: 0 = any, else largest */
	size_t			offset;
	size_t			offset_count;	/* LIST: where the count is */
	const struct wire_type *item;		/* LIST */
};

struct wire_type {
	const char	       *name;
	size_t			size;
	const struct wire_field *fields;
	size_t			fields_n;
};

#define WIRE_C_U8	uint8_t
#define WIRE_C_U16	uint16_t
#define WIRE_C_U32	uint32_t
#define WIRE_C_U64	uint64_t
#define WIRE_C_STR	struct slice

#define WIRE_DECL(T, kind, name, max)		WIRE_C_##kind name;
#define WIRE_DECL_LIST(T, item, name, max)	struct item *name; size_t name##_n;
#define WIRE_STRUCT(type, FIELDS) \
	struct type { FIELDS(WIRE_DECL, WIRE_DECL_LIST, type) }; \
	extern const struct wire_type type##_wire;

#define WIRE_ROW(T, kind, name, max)		WIRE_ROW_##kind(T, name, max)
#define WIRE_ROW_ONE(T, kind, name, max) \
	{ WIRE_##kind, #name, max, offsetof(struct T, name), 0, NULL },
#define WIRE_ROW_U8(T, name, max)		WIRE_ROW_ONE(T, U8, name, max)
#define WIRE_ROW_U16(T, name, max)		WIRE_ROW_ONE(T, U16, name, max)
#define WIRE_ROW_U32(T, name, max)		WIRE_ROW_ONE(T, U32, name, max)
#define WIRE_ROW_U64(T, name, max)		WIRE_ROW_ONE(T, U64, name, max)
#define WIRE_ROW_STR(T, name, max)		WIRE_ROW_ONE(T, STR, name, max)
#define WIRE_ROW_LIST(T, item, name, max) \
	{ WIRE_LIST, #name, max, offsetof(struct T, name), offsetof(struct T, name##_n), \
	    &item##_wire },
#define WIRE_TYPE(type, FIELDS) \
	static const struct wire_field type##_fields[] = { \
	    FIELDS(WIRE_ROW, WIRE_ROW_LIST, type) }; \
	const struct wire_type type##_wire = { #type, sizeof(struct type), type##_fields, \
	    ARRAY_LEN(type##_fields) };

/* Append the encoding of *msg. ERR_LIMIT if a field is over its bound or out is full. */
int wire_encode(const struct wire_type *type, const void *msg, struct buf *out) MUST_USE;

/* Decode all of in (no octet may be left) into *msg_out (type->size octets). Strings point into
 * `in`; lists are in the arena. ERR_FRAME: truncated or trailing octets; ERR_LIMIT: a bound. */
int wire_decode(const struct wire_type *type, struct slice in, struct arena *arena,
    void *msg_out) MUST_USE;

#endif
