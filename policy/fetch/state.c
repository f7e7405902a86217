/* SPDX-License-Identifier: GPL-3.0-or-later WITH openssl-sasl-exception */
#include "policy/fetch/state.h"

#include <inttypes.h>

#define HEAD "congvu-trust 1"

static bool
take_line(struct slice *text, struct slice *line_out)
{
	return slice_cut(text, '\n', line_out);
}

static bool
take_number(struct slice *text, const char *key, uint64_t *out)
{
	struct slice line, word;

	return take_line(text, &line) && slice_cut(&line, ' ', &word) && slice_is(word, key) &&
	    slice_u64(line, INT64_MAX, out) == OK;
}

static bool
take_url(struct slice *text, struct state *s)
{
	struct state_url *u = &s->urls[s->urls_n];
	struct slice line, word, moment, issuer;

	if (s->urls_n == STATE_URLS_MAX || !take_line(text, &line) ||
	    !slice_cut(&line, ' ', &word) || !slice_is(word, "url") ||
	    !slice_cut(&line, ' ', &moment) ||
	    slice_u64(moment, INT64_MAX, &u->named_s) != OK ||
	    !slice_cut(&line, ' ', &issuer) ||
	    slice_hex(issuer, u->issuer, sizeof u->issuer) != OK || line.n == 0)
		return false;
	u->url = line;
	s->urls_n++;
	return true;
}

int
state_parse(struct slice text, struct state *out)
{
	struct slice head;
	bool ok;

	*out = (struct state){ 0 };
	ok = text.n <= STATE_OCTETS_MAX && take_line(&text, &head) && slice_is(head, HEAD) &&
	    take_number(&text, "ran", &out->ran_s) &&
	    take_number(&text, "complete", &out->complete_s) &&
	    take_number(&text, "fetched", &out->fetched) &&
	    take_number(&text, "failed", &out->failed);
	while (ok && text.n > 0)
		ok = take_url(&text, out);
	if (!ok)
		*out = (struct state){ 0 };
	return ok ? OK : ERR_SYNTAX;
}

int
state_write(const struct state *s, struct buf *out)
{
	buf_addf(out, HEAD "\nran %" PRIu64 "\ncomplete %" PRIu64 "\nfetched %" PRIu64
	    "\nfailed %" PRIu64 "\n", s->ran_s, s->complete_s, s->fetched, s->failed);
	for (size_t i = 0; i < s->urls_n; i++) {
		buf_addf(out, "url %" PRIu64 " ", s->urls[i].named_s);
		for (size_t j = 0; j < 32; j++)
			buf_addf(out, "%02x", s->urls[i].issuer[j]);
		buf_addc(out, ' ');
		buf_add(out, s->urls[i].url);
		buf_addc(out, '\n');
	}
	return out->err;
}
