/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include <string.h>

#include "common/conf_check.h"

/* "[" address "]" of a URL; what stands behind it is left in s. */
static bool
take_bracketed(struct slice *s)
{
	struct slice host;
	char address[64];

	*s = slice_from(*s, 1);
	if (!slice_cut(s, ']', &host) || host.n >= sizeof address ||
	    slice_chr(host, '\0') >= 0 || slice_chr(host, ':') < 0)
		return false;
	memcpy(address, host.p, host.n);
	address[host.n] = '\0';
	return conf_check_address(address) == NULL;
}

/* host [ ":" port ] */
static bool
is_authority(struct slice s)
{
	ptrdiff_t colon;
	uint64_t port;

	if (s.n > 0 && s.p[0] == '[') {
		if (!take_bracketed(&s))
			return false;
	} else {
		colon = slice_chr(s, ':');
		if (!conf_check_is_hostname(colon < 0 ? s : slice_sub(s, 0, (size_t)colon)))
			return false;
		s = colon < 0 ? slice_from(s, s.n) : slice_from(s, (size_t)colon);
	}
	return s.n == 0 || (s.p[0] == ':' &&
	    slice_u64(slice_from(s, 1), 65535, &port) == OK && port != 0);
}

/* Scheme, host, perhaps a port, a path of printable ASCII; a name or password would be logged. */
bool
conf_check_is_http_url(struct slice s)
{
	ptrdiff_t slash;

	if (slice_starts_nocase(s, SLICE("http://")))
		s = slice_from(s, 7);
	else if (slice_starts_nocase(s, SLICE("https://")))
		s = slice_from(s, 8);
	else
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	slash = slice_chr(s, '/');
	return is_authority(slash < 0 ? s : slice_sub(s, 0, (size_t)slash));
}

const char *
conf_check_http_url(const char *value)
{
	return conf_check_is_http_url(slice_of(value)) ? NULL :
	    "is not an address http://HOST/... or https://HOST/...";
}

const char *
conf_check_http_url_or_empty(const char *value)
{
	return *value == '\0' ? NULL : conf_check_http_url(value);
}

const char *
conf_check_rewrite(const char *value)
{
	struct slice to = slice_of(value), from;

	return slice_cut(&to, ' ', &from) && conf_check_is_http_url(from) &&
	    conf_check_is_http_url(to) ? NULL : "is not \"http://FROM http://TO\"";
}
