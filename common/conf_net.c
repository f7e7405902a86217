/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "common/conf_net.h"

#include <arpa/inet.h>
#include <string.h>

#include "common/conf.h"

static bool
parse_address(const char *text, uint8_t octets[16], unsigned *width_out)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (inet_pton(AF_INET, text, octets + 12) == 1) {
		memcpy(octets, mapped, sizeof mapped);
		*width_out = 32;
		return true;
	}
	*width_out = 128;
	return inet_pton(AF_INET6, text, octets) == 1;
}

static bool
bit_of(const uint8_t octets[16], unsigned i)
{
	return (octets[i / 8] >> (7 - i % 8) & 1) != 0;
}

bool
conf_net_parse(const char *text, struct conf_net *out)
{
	struct slice s = slice_of(text), addr;
	char mem[INET6_ADDRSTRLEN];
	unsigned width;
	uint64_t bits;

	*out = (struct conf_net){ 0 };
	out->has_bits = slice_cut(&s, '/', &addr);
	if (addr.n >= sizeof mem)
		return false;
	if (addr.n > 0)
		memcpy(mem, addr.p, addr.n);
	mem[addr.n] = '\0';
	if (!parse_address(mem, out->octets, &width))
		return false;
	bits = width;
	if (out->has_bits && slice_u64(s, width, &bits) != OK)
		return false;
	out->bits = (unsigned)bits + 128 - width;
	for (unsigned i = out->bits; i < 128; i++)
		if (bit_of(out->octets, i))
			return false;
	return true;
}

bool
conf_net_has(const struct conf_net *block, const struct conf_net *address)
{
	unsigned whole = block->bits / 8;

	if (memcmp(block->octets, address->octets, whole) != 0)
		return false;
	for (unsigned i = whole * 8; i < block->bits; i++)
		if (bit_of(block->octets, i) != bit_of(address->octets, i))
			return false;
	return true;
}

bool
conf_is_internal(const struct conf *conf, const char *address)
{
	const struct conf_list *nets = &conf->general.internal_networks;
	struct conf_net a, n;

	if (!conf_net_parse(address, &a) || a.has_bits)
		return false;
	for (size_t i = 0; i < nets->n; i++)
		if (conf_net_parse(nets->v[i], &n) && conf_net_has(&n, &a))
			return true;
	return false;
}

unsigned
conf_session_zone(const struct conf *conf, const struct conf_listener *listener,
    const char *address)
{
	if (listener->address[0] == '/')	/* who may open it says the file system */
		return listener->zone;
	return listener->zone == ZONE_INTERNAL && conf_is_internal(conf, address) ?
	    ZONE_INTERNAL : ZONE_INTERNET;
}

bool
conf_is_local_domain(const struct conf *conf, struct slice domain)
{
	const struct conf_list *d = &conf->general.domains;

	for (size_t i = 0; i < d->n; i++)
		if (slice_is_nocase(domain, d->v[i]))
			return true;
	return false;
}

static bool
route_matches(const char *pattern, struct slice domain)
{
	struct slice p = slice_of(pattern);

	if (slice_is(p, "*"))
		return true;
	if (p.p[0] == '.')
		return domain.n > p.n && slice_ends_nocase(domain, p);
	return slice_eq_nocase(domain, p);
}

const struct conf_route *
conf_route_for(const struct conf *conf, struct slice domain)
{
	for (size_t i = 0; i < conf->route_n; i++)
		for (size_t j = 0; j < conf->route[i].domains.n; j++)
			if (route_matches(conf->route[i].domains.v[j], domain))
				return &conf->route[i];
	return NULL;
}
