/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/fetch/url.h"

#include "common/conf_check.h"

bool
url_is_fetchable(struct slice url)
{
	return url.n <= URL_OCTETS_MAX && conf_check_is_http_url(url);
}

struct slice
url_server(struct slice url)
{
	ptrdiff_t scheme = slice_find(url, SLICE("://"));
	struct slice rest = slice_from(url, scheme < 0 ? 0 : (size_t)scheme + 3);
	ptrdiff_t slash = slice_chr(rest, '/');

	return slash < 0 ? url : slice_sub(url, 0, url.n - rest.n + (size_t)slash);
}

/* http://ca.vn is the beginning of http://ca.vn/x and http://ca.vn:80, not of http://ca.vn.evil;
 * http://ca.vn/x not of http://ca.vn/x:80, where that is of the path and could become a port. */
static bool
begins_with(struct slice url, struct slice from)
{
	size_t server = url_server(from).n;

	if (url.n < from.n || !slice_starts_nocase(url, slice_sub(from, 0, server)) ||
	    !slice_eq(slice_sub(url, server, from.n - server), slice_from(from, server)))
		return false;
	return url.n == from.n || from.p[from.n - 1] == '/' ||
	    slice_chr(server == from.n ? SLICE("/:?") : SLICE("/?"), url.p[from.n]) >= 0;
}

bool
url_rewrite(const struct conf_list *pairs, struct slice url, struct buf *out)
{
	for (size_t i = 0; i < pairs->n; i++) {
		struct slice to = slice_of(pairs->v[i]), from, rest;

		if (!slice_cut(&to, ' ', &from) || !begins_with(url, from))
			continue;
		rest = slice_from(url, from.n);
		buf_add(out, to);
		if (rest.n > 0 && rest.p[0] == '?' && url_server(to).n == to.n)
			buf_addc(out, '/');	/* the path was in what is replaced */
		buf_add(out, rest);
		return true;
	}
	buf_add(out, url);
	return false;
}
