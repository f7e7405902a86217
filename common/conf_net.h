/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
/*
 * common/conf_net.h: address blocks of the configuration.
 *
 * Shape   IPv4 and IPv6 in one 16-octet form; IPv4-mapped IPv6 is IPv4 (RFC 4291 2.5.5.2).
 */
#ifndef COMMON_CONF_NET_H
#define COMMON_CONF_NET_H

#include <stdbool.h>
#include <stdint.h>

struct conf_net {
	uint8_t	 octets[16];
	unsigned bits;		/* 0..128; IPv4 blocks count from 96 */
	bool	 has_bits;	/* "/n" was written */
};

/* Parse "10.0.0.0/8", "::1", ... False if it is none, or has bits set behind the prefix. */
bool conf_net_parse(const char *text, struct conf_net *out);

/* Is the address inside the block? */
bool conf_net_has(const struct conf_net *block, const struct conf_net *address);

#endif
