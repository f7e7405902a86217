/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/quota.h: how much an account and its agency may keep, as the directory says it and the
 * store counts it.
 *
 * Shape   one struct in the messages of the directory and of the store: in a table of fields it is
 *             F(T, QUOTA, quota, 0)
 *         and goes over the wire as its five fields.
 * Units   0: no limit. Octets are those of the messages as a client reads them, copies counted.
 */
#ifndef COMMON_QUOTA_H
#define COMMON_QUOTA_H

#include "common/wire.h"

enum { QUOTA_GROUP_OCTETS = 16 };

struct st_quota {
	uint64_t     octets, messages;
	struct slice group;		/* 16 octets that stand for the agency, or none */
	uint64_t     group_octets, group_messages;
};

#define WIRE_C_QUOTA	struct st_quota
#define WIRE_ROW_QUOTA(T, name, max) \
	WIRE_ROW_ONE(T, U64, name.octets, 0) \
	WIRE_ROW_ONE(T, U64, name.messages, 0) \
	WIRE_ROW_ONE(T, STR, name.group, QUOTA_GROUP_OCTETS) \
	WIRE_ROW_ONE(T, U64, name.group_octets, 0) \
	WIRE_ROW_ONE(T, U64, name.group_messages, 0)

#endif
